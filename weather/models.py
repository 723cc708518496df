"""The tables of this app, where Django looks for them: places/ declares them."""

from weather.places.models import Place, PlaceName

__all__ = ["Place", "PlaceName"]
