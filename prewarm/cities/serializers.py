"""The shape of a list of cities, for the OpenAPI schema alone: listing.py writes the answers."""

from rest_framework import serializers


class CitySerializer(serializers.Serializer):
    """A city whose weather is kept ready."""

    name = serializers.CharField(help_text="Its name, mostly in English")
    country = serializers.CharField(help_text="ISO 3166 code of two letters")
    latitude = serializers.FloatField(help_text="Degrees north")
    longitude = serializers.FloatField(help_text="Degrees east")
    timezone = serializers.CharField(help_text="IANA time zone")
    population = serializers.IntegerField(help_text="Inhabitants; 0 where it is not known")


class CitiesSerializer(serializers.Serializer):
    """The active cities in staff's order."""

    cities = CitySerializer(many=True)
    attribution = serializers.CharField(help_text="To be shown beside the list, as a link")
