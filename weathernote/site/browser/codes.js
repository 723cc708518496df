// Weather codes (WMO 4677, those that Open-Meteo uses) in words and pictures. Pure.

// code: [words, picture, sky]; a picture "x*" has a form for the day and one for the night.
const CODES = {
  0: ["Clear sky", "clear*", "clear"],
  1: ["Mainly clear", "mostly*", "clear"],
  2: ["Partly cloudy", "partly*", "partly"],
  3: ["Overcast", "overcast", "cloud"],
  45: ["Fog", "fog", "fog"],
  48: ["Freezing fog", "fog", "fog"],
  51: ["Light drizzle", "drizzle", "rain"],
  53: ["Drizzle", "drizzle", "rain"],
  55: ["Heavy drizzle", "drizzle", "rain"],
  56: ["Light freezing drizzle", "freezing", "rain"],
  57: ["Freezing drizzle", "freezing", "rain"],
  61: ["Light rain", "rain-1", "rain"],
  63: ["Rain", "rain-2", "rain"],
  65: ["Heavy rain", "rain-3", "rain"],
  66: ["Light freezing rain", "freezing", "rain"],
  67: ["Freezing rain", "freezing", "rain"],
  71: ["Light snow", "snow-1", "snow"],
  73: ["Snow", "snow-2", "snow"],
  75: ["Heavy snow", "snow-3", "snow"],
  77: ["Snow grains", "snow-1", "snow"],
  80: ["Light showers", "showers*", "rain"],
  81: ["Showers", "showers*", "rain"],
  82: ["Violent showers", "rain-3", "rain"],
  85: ["Snow showers", "flurries*", "snow"],
  86: ["Heavy snow showers", "flurries*", "snow"],
  95: ["Thunderstorm", "thunder", "storm"],
  96: ["Thunderstorm with hail", "hail", "storm"],
  99: ["Thunderstorm with heavy hail", "hail", "storm"],
};
const UNKNOWN = ["No word for it", "unknown", "cloud"];

export const known = Object.keys(CODES).map(Number);

export function weather(code, isDay = true) {
  const [words, picture, sky] = CODES[code] ?? UNKNOWN;
  return { words, picture: picture.replace("*", isDay ? "-day" : "-night"), sky };
}
