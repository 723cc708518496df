"""The places that clients can search, and the names that each is found by."""

from django.db import models


class Place(models.Model):
    """A place of GeoNames above 15,000 people; loaded by a migration and never changed."""

    #: Its rank by population: the most populous place is 1.
    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=100)
    country = models.CharField(max_length=2)
    region = models.CharField(max_length=100, blank=True)
    latitude = models.FloatField()
    longitude = models.FloatField()
    timezone = models.CharField(max_length=64)
    population = models.PositiveIntegerField()

    class Meta:
        db_table = "prewarm_place"
        ordering = ("pk",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.name}, {self.country}"


class PlaceNameQuerySet(models.QuerySet["PlaceName"]):
    """Names of places, by the start of their key."""

    def beginning_with(self, key: bytes) -> "PlaceNameQuerySet":
        """The names whose key begins with `key`, made by `search.key_of`."""
        # A range, which every database finds in an index; no UTF-8 has the byte 255.
        return self.filter(key__gte=key, key__lt=key + b"\xff")


class PlaceName(models.Model):
    """A name that a place is found by."""

    #: Made by `search.key_of`: bytes, which all databases sort alike, whatever the language of the machine.
    key = models.BinaryField()
    place = models.ForeignKey(Place, models.CASCADE, db_index=False)

    objects = PlaceNameQuerySet.as_manager()

    class Meta:
        db_table = "prewarm_placename"
        # A search is answered from this index alone.
        indexes = [models.Index(fields=("key", "place"), name="place_by_name")]
        default_permissions = ()

    def __str__(self) -> str:
        return bytes(self.key).decode(errors="replace")
