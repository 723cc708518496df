"""What each value of an answer means, for the OpenAPI schema."""

_WEATHER = {
    "temperature_2m": "Air temperature 2 m above ground",
    "relative_humidity_2m": "Relative humidity 2 m above ground",
    "apparent_temperature": "What it feels like",
    "precipitation": "Rain, showers and snow of the hour that ends at this time",
    "precipitation_probability": "Probability of precipitation in the hour that ends at this time",
    "weather_code": "WMO 4677 weather code; of a day the highest of its hours",
    "pressure_msl": "Air pressure at mean sea level",
    "wind_speed_10m": "Wind speed 10 m above ground",
    "wind_direction_10m": "Where the wind comes from",
    "wind_gusts_10m": "Strongest gust of the hour that ends at this time",
    "temperature_2m_max": "Highest temperature of the day",
    "temperature_2m_min": "Lowest temperature of the day",
    "apparent_temperature_max": "Highest apparent temperature of the day",
    "apparent_temperature_min": "Lowest apparent temperature of the day",
    "precipitation_sum": "Precipitation of the day",
    "precipitation_probability_max": "Highest probability of precipitation of the day",
    "wind_speed_10m_max": "Highest wind speed of the day",
    "wind_gusts_10m_max": "Strongest gust of the day",
    "wind_direction_10m_dominant": "Where the day's wind mostly comes from",
    "uv_index": "UV index",
    "cloud_cover": "Part of the sky that clouds cover",
    "visibility": "How far one can see, to ten metres",
    "dew_point_2m": "Dew point 2 m above ground",
    "rain": "Rain of the hour that ends at this time, without showers",
    "showers": "Showers of the hour that ends at this time",
    "snowfall": "Snow of the hour that ends at this time",
    "snow_depth": "Snow on the ground",
    "surface_pressure": "Air pressure at the ground",
    "sunshine_duration": "Sunshine of the hour that ends at this time; of a day all of it",
    "shortwave_radiation": "Mean solar radiation of the hour that ends at this time",
    "cape": "Convective available potential energy",
    "freezing_level_height": "Height of 0 °C above sea level",
    "uv_index_max": "Highest UV index of the day",
    "cloud_cover_mean": "Mean cloud cover of the day",
    "visibility_min": "Shortest visibility of the day",
    "rain_sum": "Rain of the day, without showers",
    "showers_sum": "Showers of the day",
    "snowfall_sum": "Snow of the day",
    "cape_max": "Highest convective available potential energy of the day",
    "sunrise": "Sunrise, with the zone's offset; null in polar day and night",
    "sunset": "Sunset, with the zone's offset; null in polar day and night",
    "is_day": "Whether the sun is up",
}
_AIR_QUALITY = {
    "european_aqi": "European air quality index: up to 20 good, 40 fair, 60 moderate, 80 poor, 100 very poor, then "
    "extremely poor",
    "us_aqi": "US air quality index: up to 50 good, 100 moderate, 150 unhealthy for sensitive groups, 200 unhealthy, "
    "300 very unhealthy, then hazardous",
    "pm2_5": "Particles of up to 2.5 μm near the ground",
    "pm10": "Particles of up to 10 μm near the ground",
    "nitrogen_dioxide": "Nitrogen dioxide near the ground",
    "ozone": "Ozone near the ground",
    "alder_pollen": "Alder pollen in Europe, 0 out of season; null elsewhere",
    "birch_pollen": "Birch pollen in Europe, 0 out of season; null elsewhere",
    "grass_pollen": "Grass pollen in Europe, 0 out of season; null elsewhere",
    "ragweed_pollen": "Ragweed pollen in Europe, 0 out of season; null elsewhere",
}
_MAXIMA = {
    f"{name}_max": f"Highest of the day, null if an hour is not known. {text}" for name, text in _AIR_QUALITY.items()
}

#: Name → description. Extra variables are in it too: one without makes an instance that shows it fail at its start.
DESCRIPTIONS = _WEATHER | _AIR_QUALITY | _MAXIMA

#: Name → why it should no longer be used and what to use in its place, for the GraphQL schema.
DEPRECATED: dict[str, str] = {}
