"""The tables of this app, where Django looks for them: cities/ and runs/ declare them."""

from prewarm.cities.models import City, CityImport
from prewarm.runs.models import PrewarmRun

__all__ = ["City", "CityImport", "PrewarmRun"]
