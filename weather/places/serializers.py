"""A list of places for the OpenAPI schema; the answers themselves are finished text."""

from rest_framework import serializers


class PlaceSerializer(serializers.Serializer):
    """A place above 15,000 people."""

    name = serializers.CharField(help_text="Its name, mostly in English")
    country = serializers.CharField(help_text="ISO 3166 code of two letters")
    region = serializers.CharField(
        allow_null=True, help_text="State, province or the like, as 32 countries have it; null for others"
    )
    latitude = serializers.FloatField(help_text="Degrees north")
    longitude = serializers.FloatField(help_text="Degrees east")
    timezone = serializers.CharField(help_text="IANA time zone")
    population = serializers.IntegerField(help_text="Inhabitants; 0 where nobody has told")
    distance_km = serializers.FloatField(
        required=False, help_text="Great circle from the position asked for, to 0.1 km; absent from a search by name"
    )


class PlacesSerializer(serializers.Serializer):
    """The places whose names begin so, the most populous first; or the one at a position, if there is one."""

    places = PlaceSerializer(many=True)
    attribution = serializers.CharField(help_text="To be shown beside the places, as a link")
