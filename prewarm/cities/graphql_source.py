"""The list of cities for GraphQL's field `cities`."""

from prewarm.cities.cities_cache import CachedListing
from prewarm.cities.views import cities_cache
from weather.graphql.cities import FoundCities
from weathernote.redis import Lookup


class ListedCities:
    """The list of /cities."""

    def lookup(self) -> Lookup[CachedListing | None]:
        """The list in Redis."""
        return cities_cache().lookup()

    def answer(self, found: CachedListing | None, search: str | None) -> FoundCities:
        """The list or the cities whose name contains `search`; raises Problem if it cannot be read."""
        cached = cities_cache().answer(found)
        text = cached.listing.text if search is None else cached.listing.matching(search)
        return FoundCities(text, cached.expires_at)
