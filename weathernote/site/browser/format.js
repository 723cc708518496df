// Numbers, times and places as people read them. Pure: `now` and the locale come in from outside.

const NONE = "–";
const POINTS = ["N", "NNE", "NE", "ENE", "E", "ESE", "SE", "SSE", "S", "SSW", "SW", "WSW", "W", "WNW", "NW", "NNW"];

// The page speaks English; how its readers write the time of day is theirs.
export const localeFor = (language = "") => (/^en\b/i.test(language) ? language : "en-GB");

// `digits` decimals at most, and never "-0".
export function number(value, digits = 0) {
  if (value === null || value === undefined) return NONE;
  const text = value.toFixed(digits);
  return (Number(text) === 0 ? text.replace("-", "") : text).replace("-", "−");
}

export const degrees = (value) => (number(value) === NONE ? NONE : `${number(value)}°`);
// Open-Meteo's names of units, as people write them.
export const unitName = (unit) => ({ "mp/h": "mph", inch: "in" })[unit] ?? unit;
export const quantity = (value, unit, digits = 0) =>
  number(value) === NONE ? NONE : `${number(value, digits)}${unit === "%" ? "" : " "}${unitName(unit)}`;
export const rain = (value, unit) => quantity(value, unit, unit === "inch" ? 2 : 1);
export const compass = (value) => (value === null || value === undefined ? "" : POINTS[Math.round(value / 22.5) % 16]);

// "2026-11-24T05:10:00-05:00" or "2026-11-24" is what the clock on the wall there says; no zone is needed to show it.
const wall = (iso) => new Date(`${iso.length > 10 ? iso.slice(0, 16) : `${iso}T00:00`}Z`);
const shown = (iso, locale, options) => new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options }).format(wall(iso));

export const hourOf = (iso) => Number(iso.slice(11, 13));
export const clock = (iso, locale) => (iso ? shown(iso, locale, { hour: "numeric", minute: "2-digit" }) : NONE);
export const hour = (iso, locale) =>
  shown(iso, locale, { hour: "numeric", minute: iso.slice(14, 16) > 0 ? "2-digit" : undefined }).replace(/\s?([AP])M/i, (_, half) => `${half.toLowerCase()}m`);
export const date = (iso, locale) => shown(iso, locale, { day: "numeric", month: "short" });

export function dayName(iso, today, locale, width = "short") {
  return iso.slice(0, 10) === today.slice(0, 10) ? "Today" : shown(iso, locale, { weekday: width });
}

// How long ago, in words; `seconds` may be a little below zero where clocks differ.
export const ago = (seconds) => (seconds < 30 ? "just now" : `${span(seconds)} ago`);

function span(seconds) {
  const minutes = Math.round(seconds / 60);
  const [count, unit] = minutes < 60 ? [minutes, "minute"] : [Math.round(minutes / 60), "hour"];
  return `${count} ${unit}${count === 1 ? "" : "s"}`;
}

// The model run that a forecast is from: the newest when it was fetched. Whether a newer one has come since, no answer says, but
// models run every six hours at least.
export function modelRun(run, { now, fetchedAt, stale }, locale) {
  const age = now - Date.parse(run ?? "") / 1000;
  if (Number.isNaN(age)) return "";
  const isOld = stale || now - fetchedAt > 6 * 3600;
  return `from ${isOld ? `a model run ${span(age)} old` : "the newest model run at the time"} (${clock(run, locale)} UTC)`;
}

// A wait as a clock would count it down: 42 → "42 s", 75 → "1:15 min".
export function countdown(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} min`;
  return `${Math.floor(seconds / 3600)}:${String(Math.floor((seconds % 3600) / 60)).padStart(2, "0")} h`;
}

export function position(lat, lon) {
  const side = (text, [positive, negative]) => `${text.replace("-", "")}° ${text.startsWith("-") ? negative : positive}`;
  return `${side(lat, "NS")}, ${side(lon, "EW")}`;
}

export function country(code) {
  try {
    return new Intl.DisplayNames("en", { type: "region" }).of(code);
  } catch {
    return code; // not a code that is known here
  }
}

export const where = (place) => [...new Set([place.region, country(place.country)])].filter(Boolean).join(", ");

// The colour that a temperature is drawn in: cold is blue, warm is amber, hot is red.
const COLOURS = [[-20, 290], [-5, 262], [5, 232], [12, 190], [19, 130], [25, 80], [33, 35]];
export function temperatureColour(value, unit) {
  const celsius = unit === "°F" ? ((value - 32) * 5) / 9 : value;
  const next = COLOURS.findIndex(([limit]) => limit > celsius);
  if (next === 0) return hue(COLOURS[0][1]);
  if (next < 0) return hue(COLOURS.at(-1)[1]);
  const [[low, from], [high, to]] = [COLOURS[next - 1], COLOURS[next]];
  return hue(from + ((to - from) * (celsius - low)) / (high - low));
}
const hue = (angle) => `oklch(66% 0.13 ${Math.round(angle)})`;
