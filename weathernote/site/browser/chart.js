// The next 48 hours as a picture: temperature line, rain bars, wind. Read an hour by pointer or by arrow keys.

import { icon, s } from "./dom.js";
import { weather } from "./codes.js";
import * as format from "./format.js";

const HEIGHT = 318;
const LANES = { days: 15, icons: 30, line: [84, 174], rain: [200, 244], wind: 268, hours: 308 };
const GUTTER = 42;
const STEPS = [1, 2, 3, 4, 6, 8, 12];

// ── where things go; pure ──

// How many hours lie between two labels, so that they have room.
const stepFor = (width, hours, least) => STEPS.find((step) => (step * width) / hours >= least) ?? 12;

// Round numbers around the values: {low, high, ticks}, two to five ticks.
function scaleOf(values) {
  const known = values.filter((value) => value !== null);
  const [least, most] = known.length ? [Math.min(...known), Math.max(...known)] : [0, 10];
  const step = [1, 2, 5, 10, 20, 50].find((size) => (most - least) / size <= 3.5) ?? 100;
  const low = Math.floor(least / step) * step;
  const high = Math.max(Math.ceil(most / step) * step, low + step);
  const ticks = Array.from({ length: Math.round((high - low) / step) + 1 }, (_, index) => low + index * step);
  return { low, high, ticks };
}

// A smooth path that never overshoots its points (monotone cubic); a gap where a value is null.
function smoothPath(points) {
  const runs = [[]];
  for (const point of points) {
    if (point) runs.at(-1).push(point);
    else runs.push([]);
  }
  return runs.filter((run) => run.length > 1).map(smoothRun).join("");
}

function smoothRun(run) {
  const slopes = run.slice(1).map(([x, y], index) => (y - run[index][1]) / (x - run[index][0]));
  const tangents = run.map((_, index) => {
    const [before, after] = [slopes[index - 1], slopes[index]];
    if (before === undefined) return after;
    if (after === undefined) return before;
    return before * after <= 0 ? 0 : (2 * before * after) / (before + after);
  });
  const piece = ([x, y], index) => {
    const [fromX, fromY] = run[index];
    const third = (x - fromX) / 3;
    const bend = [fromX + third, fromY + third * tangents[index], x - third, y - third * tangents[index + 1], x, y];
    return `C${bend.map((value) => value.toFixed(1)).join(" ")}`;
  };
  return `M${run[0].map((value) => value.toFixed(1)).join(" ")}${run.slice(1).map(piece).join("")}`;
}

// Stretches of hours for which `holds`, as [from, to) of indices.
function stretches(values, holds) {
  const found = [];
  values.forEach((value, index) => {
    if (!holds(value)) return;
    if (found.at(-1)?.[1] === index) found.at(-1)[1] = index + 1;
    else found.push([index, index + 1]);
  });
  return found;
}

// ── the picture ──

export function draw(svg, forecast, width, locale) {
  const { hourly, units } = forecast;
  const hours = hourly.time.length;
  const each = (width - GUTTER) / hours;
  const x = (index) => GUTTER + (index + 0.5) * each;
  // What is written or drawn at an hour stays within the picture.
  const within = (index) => Math.min(Math.max(x(index), GUTTER + 12), width - 15);
  // With minutes, as in India: too wide to be moved from the edge.
  const wide = format.hour(hourly.time[0], locale).includes(":");
  const step = stepFor(width - GUTTER, hours, wide ? 56 : 44);
  const fits = (index) => !wide || x(index) < width - 28;
  const labelled = [...hourly.time.keys()].filter((index) => format.hourOf(hourly.time[index]) % step === 0 && fits(index));
  const frame = { hourly, units, hours, each, x, within, width, locale, labelled };
  svg.setAttribute("viewBox", `0 0 ${width} ${HEIGHT}`);
  svg.setAttribute("width", width);
  svg.setAttribute("height", HEIGHT);
  svg.replaceChildren(...nights(frame), ...days(frame), ...temperatures(frame), ...rains(frame), ...winds(frame), ...labels(frame));
  const cursor = s("g", { class: "cursor" }, s("line", { y1: 22, y2: LANES.rain[1] }), s("circle", { r: 5 }));
  svg.append(cursor);
  return { indexAt: (at) => clamp(Math.floor((at - GUTTER) / each), hours), point: (index) => point(cursor, frame, index) };
}

const clamp = (index, hours) => Math.min(hours - 1, Math.max(0, index));
const text = (x, y, words, attributes = {}) => s("text", { x, y, ...attributes }, words);

function point(cursor, { hourly, x, y }, index) {
  cursor.setAttribute("transform", `translate(${x(index)} 0)`);
  const value = hourly.temperature_2m[index];
  cursor.lastChild.setAttribute("cy", value === null ? -10 : y(value));
}

function nights({ hourly, each }) {
  const dark = stretches(hourly.is_day, (isDay) => isDay === false);
  return dark.map(([from, to]) =>
    s("rect", { class: "night", x: GUTTER + from * each, width: (to - from) * each, y: 22, height: LANES.rain[1] - 22 }),
  );
}

function days({ hourly, each, hours, locale }) {
  const starts = [...hourly.time.keys()].filter((i) => i === 0 || format.hourOf(hourly.time[i]) < format.hourOf(hourly.time[i - 1]));
  return starts.flatMap((index, number) => {
    const room = ((starts[number + 1] ?? hours) - index) * each;
    const at = GUTTER + index * each;
    const name = format.dayName(hourly.time[index], hourly.time[0], locale, room > 110 ? "long" : "short");
    return [
      index > 0 && s("line", { class: "midnight", x1: at, x2: at, y1: 4, y2: LANES.rain[1] }),
      room > 46 && text(at + (index ? 6 : 2), LANES.days, name, { class: "day" }),
    ].filter(Boolean);
  });
}

function temperatures(frame) {
  const { hourly, x, width, units } = frame;
  const [top, bottom] = LANES.line;
  const scale = scaleOf(hourly.temperature_2m);
  frame.y = (value) => bottom - ((value - scale.low) / (scale.high - scale.low)) * (bottom - top);
  const grid = scale.ticks.flatMap((tick) => [
    s("line", { class: "grid", x1: GUTTER, x2: width, y1: frame.y(tick), y2: frame.y(tick) }),
    text(GUTTER - 8, frame.y(tick) + 4, format.degrees(tick), { class: "tick", "text-anchor": "end" }),
  ]);
  const line = smoothPath(hourly.temperature_2m.map((value, index) => (value === null ? null : [x(index), frame.y(value)])));
  const path = s("path", { class: "line", d: line, stroke: "url(#line-colours)" });
  return [...grid, gradient(scale, frame, units.temperature_2m), path, ...extremes(frame)];
}

// The highest and the lowest of all hours carry their value.
function extremes({ hourly: { temperature_2m: values }, within, y }) {
  const known = values.filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  if (!(high > low)) return [];
  return [[high, -9], [low, 18]].map(([value, away]) =>
    text(within(values.indexOf(value)), y(value) + away, format.degrees(value), { class: "extreme", "text-anchor": "middle" }),
  );
}

function gradient({ low, high }, { y }, unit) {
  const stops = Array.from({ length: 7 }, (_, index) => {
    const value = low + ((high - low) * index) / 6;
    return s("stop", { offset: index / 6, "stop-color": format.temperatureColour(value, unit) });
  });
  return s("linearGradient", { id: "line-colours", gradientUnits: "userSpaceOnUse", x1: 0, x2: 0, y1: y(low), y2: y(high) }, ...stops);
}

function rains({ hourly, units, x, each, width }) {
  const [top, bottom] = LANES.rain;
  const inches = units.precipitation === "inch";
  const most = Math.max(inches ? 0.1 : 2, ...hourly.precipitation.filter((value) => value !== null));
  const base = s("line", { class: "base", x1: GUTTER, x2: width, y1: bottom, y2: bottom });
  if (!hourly.precipitation.some((value) => value > 0)) {
    return [base, text(GUTTER + (width - GUTTER) / 2, bottom - 14, "No rain or snow in sight", { class: "quiet", "text-anchor": "middle" })];
  }
  const bars = hourly.precipitation.flatMap((value, index) => {
    if (!value) return [];
    const height = Math.max(2, (value / most) * (bottom - top));
    const across = Math.max(2, each * 0.72);
    return [s("rect", { class: "rain", x: x(index) - across / 2, width: across, y: bottom - height, height, rx: Math.min(2.5, across / 2) })];
  });
  const tick = [Number(most.toFixed(inches ? 2 : 1)), format.unitName(units.precipitation)].map((word, index) =>
    text(GUTTER - 8, top + 8 + 14 * index, `${word}`, { class: "tick", "text-anchor": "end" }),
  );
  return [base, s("line", { class: "grid", x1: GUTTER, x2: width, y1: top, y2: top }), ...bars, ...tick];
}

function winds({ hourly, within, labelled }) {
  return labelled.flatMap((index) => {
    const [speed, from] = [hourly.wind_speed_10m[index], hourly.wind_direction_10m[index]];
    if (speed === null) return [];
    const arrow = from !== null && s("path", { class: "arrow", d: "M0 6.5V-6M-3.5 -2.2L0 -6.5L3.5 -2.2", transform: `translate(${within(index)} ${LANES.wind - 4}) rotate(${from + 180})` });
    return [arrow, text(within(index), LANES.wind + 18, format.number(speed), { class: "wind", "text-anchor": "middle" })].filter(Boolean);
  });
}

function labels({ hourly, x, within, width, labelled, locale }) {
  const pictures = labelled.filter((index) => hourly.weather_code[index] !== null).map((index) => {
    const { picture } = weather(hourly.weather_code[index], hourly.is_day[index]);
    return icon(picture, { x: within(index) - 14, y: LANES.icons, width: 28, height: 28 });
  });
  const hours = labelled.map((index) =>
    text(Math.min(x(index), width - 15), LANES.hours, format.hour(hourly.time[index], locale), { class: "hour", "text-anchor": "middle" }),
  );
  return [...pictures, ...hours];
}

// ── an hour in words ──

export function hourInWords({ hourly, units }, index, locale) {
  const at = (name) => hourly[name][index];
  const { words, picture } = weather(at("weather_code"), at("is_day"));
  const chance = at("precipitation_probability");
  return {
    time: `${format.dayName(at("time"), hourly.time[0], locale)} ${format.clock(at("time"), locale)}`,
    picture: at("weather_code") === null ? "unknown" : picture,
    temperature: format.degrees(at("temperature_2m")),
    words: at("weather_code") === null ? "" : words,
    rain: format.rain(at("precipitation"), units.precipitation),
    chance: chance === null ? "" : `${chance}%`,
    wind: `${format.quantity(at("wind_speed_10m"), units.wind_speed_10m)} ${format.compass(at("wind_direction_10m"))}`.trim(),
  };
}
