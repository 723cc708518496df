// Puts answers and troubles into the page. What is shown is text alone, whatever it says.

import { curl } from "./api.js";
import { weather } from "./codes.js";
import { draw, hourInWords } from "./chart.js";
import { $, h, icon, s } from "./dom.js";
import * as format from "./format.js";

const root = document.documentElement;
export const locale = format.localeFor(navigator.language);

export const fill = (id, ...content) => $(id).replaceChildren(...content);

const CELL_KM = 10;

// What holds bones while it loads: nothing in there is to be read or reached.
const BONES = ["values", "facts", "fresh", "hours", "week", "answer"];

// welcome, loading (its bones have the size of what comes), ready, failed
export function setState(state) {
  root.dataset.state = state;
  $("weather").setAttribute("aria-busy", String(state === "loading"));
  for (const id of BONES) $(id).inert = state === "loading";
}

// Either may be null: its part of the page waits unseen.
export function showParts(now, forecast) {
  for (const id of ["values", "facts"]) $(id).hidden = !now;
  for (const id of ["hours", "week"]) $(id).hidden = !forecast;
  if (!forecast) for (const index of [4, 5]) fact(index, "–", "not known yet");
}

let aboutPlace = [];
let timeThere = null;
let feels = "";

const positionOf = ({ cell }) => format.position(cell.lat, cell.lon);
// A place lies in a cell if it is no farther from its middle than a cell is wide.
const isInCell = (near) => near && near.distance_km <= CELL_KM;
const titleOf = (place) => (place.here ? "Where you are" : place.name || (isInCell(place.near) ? place.near.name : positionOf(place)));

export function showPlace(place) {
  timeThere = null;
  showName(place);
}

export function showName(place) {
  const [at, title] = [positionOf(place), titleOf(place)];
  fill("place-name", title);
  aboutPlace = [aboutOf(place, title), title === at ? "" : at].filter(Boolean);
  fillAbout();
  document.title = `${title} · WeatherNote`;
}

function aboutOf({ about, near }, title) {
  if (!near) return about;
  return title === near.name ? format.where(near) : `Near ${[near.name, format.where(near)].filter(Boolean).join(", ")}`;
}

function fillAbout() {
  const parts = [...aboutPlace, timeThere].filter(Boolean);
  fill("place-about", ...(parts.length ? parts.flatMap((part, index) => (index ? [" · ", part] : [part])) : ["\u00a0"]));
}

// ── now ──

export function showNow({ body: { current, units, timezone } }) {
  const known = current.weather_code !== null;
  const { words, picture, sky } = weather(current.weather_code, current.is_day);
  $("now").dataset.sky = known ? sky : "cloud";
  $("now").dataset.night = String(current.is_day === false);
  fill("now-picture", icon(known ? picture : "unknown"));
  fill("now-temperature", format.degrees(current.temperature_2m), h("span", { class: "unseen" }, ` ${units.temperature_2m}`));
  timeThere = h("time", { datetime: current.time, title: timezone }, `${format.clock(current.time, locale)} there`);
  fillAbout();
  fill("now-words", known ? words : "No word of the sky");
  const wind = format.quantity(current.wind_speed_10m, units.wind_speed_10m);
  const from = current.wind_direction_10m;
  fact(0, [wind, from === null ? null : s("svg", { viewBox: "0 0 16 16", class: "needle", "aria-hidden": "true" }, s("path", { d: "M8 14V2M4 6l4-4 4 4", transform: `rotate(${from + 180} 8 8)` }))],
    `${from === null ? "" : `from ${format.compass(from)}, `}gusts ${format.number(current.wind_gusts_10m)}`);
  fact(1, format.rain(current.precipitation, units.precipitation), `this hour, ${format.quantity(current.precipitation_probability, "%")} likely`);
  fact(2, format.quantity(current.relative_humidity_2m, "%"), "relative");
  fact(3, format.quantity(current.pressure_msl, units.pressure_msl), "at sea level");
  feels = `Feels like ${format.degrees(current.apparent_temperature)}`;
  fill("now-feels", feels);
}

function fact(index, value, more) {
  const [, shown, small] = $("facts").children[index].children;
  shown.replaceChildren(...[value].flat().filter(Boolean));
  small.textContent = more;
}

export function showToday({ body: { daily } }) {
  const [low, high] = [daily.temperature_2m_min[0], daily.temperature_2m_max[0]].map(format.degrees);
  fill("now-feels", `${feels} · ${low} to ${high} today`);
  const [rise, set] = [daily.sunrise[0], daily.sunset[0]];
  fact(4, format.clock(rise, locale), rise ? "today" : "none today");
  fact(5, format.clock(set, locale), set ? "today" : "none today");
}

// ── the next hours ──

let picture = null; // of the forecast that is shown
let shownForecast = null;

export function showHours({ body }) {
  shownForecast = body;
  $("wind-unit").textContent = `, ${format.unitName(body.units.wind_speed_10m)}`;
  $("chart").setAttribute("aria-valuemax", body.hourly.time.length - 1);
  redraw();
  readHour(0);
  if ($("table").open) fillTable();
}

export function redraw() {
  if (!shownForecast) return;
  const width = Math.floor($("chart").clientWidth);
  if (width < 100) return;
  picture = draw($("chart").firstElementChild, shownForecast, width, locale);
  picture.point(Number($("chart").getAttribute("aria-valuenow")));
}

function readHour(index) {
  if (!picture) return;
  const words = hourInWords(shownForecast, index, locale);
  picture.point(index);
  fill("read-time", words.time);
  fill("read-picture", icon(words.picture));
  for (const name of ["temperature", "words", "wind"]) fill(`read-${name}`, words[name]);
  fill("read-rain", words.chance ? `${words.rain} · ${words.chance}` : words.rain);
  $("chart").setAttribute("aria-valuenow", index);
  const { units } = shownForecast;
  const chance = words.chance && `, ${words.chance} likely`;
  $("chart").setAttribute("aria-valuetext", `${words.time}: ${words.temperature.replace("°", "")} ${units.temperature_2m}, ${words.words}, rain ${words.rain}${chance}, wind ${words.wind}`);
}

const MOVES = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 6, PageDown: -6, Home: -Infinity, End: Infinity };

export function watchChart() {
  const chart = $("chart");
  const at = () => Number(chart.getAttribute("aria-valuenow"));
  chart.addEventListener("keydown", (event) => {
    if (!shownForecast || !(event.key in MOVES)) return;
    event.preventDefault();
    readHour(Math.min(shownForecast.hourly.time.length - 1, Math.max(0, at() + MOVES[event.key])));
  });
  const follow = (event) => picture && readHour(picture.indexAt(event.clientX - chart.getBoundingClientRect().left));
  chart.addEventListener("pointermove", follow);
  chart.addEventListener("pointerdown", follow);
  chart.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && picture && readHour(0));
  new ResizeObserver(redraw).observe(chart);
  $("table").addEventListener("toggle", fillTable);
}

function fillTable() {
  const table = $("table").querySelector("table");
  if (!$("table").open || !shownForecast) return table.replaceChildren();
  const { hourly } = shownForecast;
  const head = ["Hour", "Temperature", "Weather", "Rain, snow", "Likely", "Wind"].map((name) => h("th", { scope: "col" }, name));
  const rows = hourly.time.map((_, index) => {
    const words = hourInWords(shownForecast, index, locale);
    return h("tr", {}, h("th", { scope: "row" }, words.time), ...["temperature", "words", "rain", "chance", "wind"].map((name) => h("td", {}, words[name] || "–")));
  });
  table.replaceChildren(h("thead", {}, h("tr", {}, ...head)), h("tbody", {}, ...rows));
}

// ── the next days ──

export function showDays({ body: { daily, units } }) {
  const values = [...daily.temperature_2m_min, ...daily.temperature_2m_max].filter((value) => value !== null);
  const [least, most] = [Math.min(...values), Math.max(...values)];
  fill("days", ...daily.time.map((day, index) => dayRow(daily, units, index, least, Math.max(most - least, 1))));
}

function dayRow(daily, units, index, least, span) {
  const at = (name) => daily[name][index];
  const [low, high] = [at("temperature_2m_min"), at("temperature_2m_max")];
  const { words, picture } = weather(at("weather_code"));
  const known = at("weather_code") !== null;
  const chance = at("precipitation_probability_max");
  const fell = at("precipitation_sum");
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, format.dayName(at("time"), daily.time[0], locale), h("span", { class: "date" }, format.date(at("time"), locale))),
    h("td", { class: "day-picture" }, known ? icon(picture) : "–", h("span", { class: "day-words" }, known ? words : "")),
    h("td", { class: "day-rain" }, chance >= 10 || fell > 0 ? [h("span", {}, format.quantity(chance, "%")), fell > 0 ? h("span", { class: "date" }, format.rain(fell, units.precipitation_sum)) : null] : h("span", { class: "unseen" }, format.quantity(chance, "%"))),
    h("td", { class: "low" }, format.degrees(low)),
    h("td", { class: "range" }, low === null || high === null ? null : bar(index, low, high, least, span, units.temperature_2m_max)),
    h("td", { class: "high" }, format.degrees(high)),
  );
}

function bar(index, low, high, least, span, unit) {
  const [from, wide] = [((low - least) / span) * 100, Math.max(((high - low) / span) * 100, 4)];
  const id = `day-colours-${index}`;
  const stops = [0, 0.5, 1].map((offset) => s("stop", { offset, "stop-color": format.temperatureColour(low + (high - low) * offset, unit) }));
  return s(
    "svg",
    { class: "range-bar", "aria-hidden": "true", width: "100%", height: 8 },
    s("linearGradient", { id }, ...stops),
    s("rect", { class: "range-all", width: "100%", height: 8, rx: 4 }),
    s("rect", { x: `${Math.min(from, 96)}%`, width: `${wide}%`, height: 8, rx: 4, fill: `url(#${id})` }),
  );
}

// ── how fresh, and how it came ──

// {mark, words} of answers of which the first tells the age.
export function freshness(answers, { offline = false, now = Date.now() } = {}) {
  const known = answers.filter(Boolean);
  const [{ body, clockSkewMs }] = known;
  const [there, fetchedAt] = [now + clockSkewMs, Date.parse(body.fetched_at)].map((ms) => ms / 1000);
  const stale = known.some((answer) => answer.body.stale);
  const ended = known.some((answer) => answer.expiresAt < now);
  const mark = offline ? "Offline" : stale ? "Stale" : ended ? "Old" : "Fresh";
  const source = body.source === "simulator" ? "The simulator" : "Open-Meteo";
  const came = known.every(cameFromCache) ? "Answered from the cache." : `${source} was asked for this answer.`;
  const more = { Offline: "This is what was known then.", Stale: "It is due for a refresh, which has been asked for.", Old: "A newer answer is on its way." };
  const said = [format.ago(there - fetchedAt), format.modelRun(body.run, { now: there, fetchedAt, stale }, locale)];
  return { mark, words: `${source} said this ${said.filter(Boolean).join(", ")}. ${more[mark] ?? came}` };
}

export function showFresh(answers, when) {
  const { mark, words } = freshness(answers, when);
  showMark("fresh-mark", mark);
  if ($("fresh-words").textContent !== words) fill("fresh-words", words);
  $("simulated").hidden = answers.find(Boolean).body.source !== "simulator";
}

// Seen only while it is so; its room is kept.
export function showLive(isLive) {
  $("live").classList.toggle("on", isLive);
}

export function showMark(id, mark) {
  fill(id, mark);
  $(id).dataset.mark = mark.toLowerCase();
}

// What a 304 confirms is the answer that was kept here; where it came from this time, its headers say.
function cameFromCache({ body, exchange }) {
  return exchange.status === 304 ? / hit/.test(header(exchange, "cache-status")) : body.cached;
}

const header = ({ headers }, wanted) => headers.find(([name]) => name === wanted)?.[1] ?? "";

const CACHE_WORDS = [[/; hit/, "from the cache"], [/fwd=miss/, "not in the cache"], [/fwd=stale/, "due for a refresh"]];

export function showExchanges(exchanges) {
  const open = [...$("exchanges").querySelectorAll("details")].map((details) => details.open);
  fill("exchanges", ...exchanges.map((exchange, index) => exchangeBox(exchange, open[index])));
}

function exchangeBox(exchange, open) {
  const { url, words, status, ms, headers, bytes } = exchange;
  const [path, query] = url.replace(/^https?:..[^/]+/, "").split("?");
  const meaning = CACHE_WORDS.find(([form]) => form.test(header(exchange, "cache-status")))?.[1];
  const line = curl(url);
  const button = h("button", { type: "button", class: "round", "aria-label": `Copy the curl line for ${path}`, title: "Copy", onclick: () => copy(button, line) }, icon("copy"));
  return h(
    "div",
    { class: "exchange" },
    h("h3", {}, h("span", { class: "verb" }, "GET "), path, h("wbr"), h("span", { class: "query" }, `?${query}`)),
    h("p", { class: "chips" }, h("span", { class: `chip ${status < 400 ? "good" : "bad"}` }, words), meaning && h("span", { class: "chip" }, meaning), h("span", { class: "chip" }, ms === null ? "pushed" : `${ms} ms`), h("span", { class: "chip" }, status === 304 ? "nothing sent again" : `${bytes.toLocaleString("en")} bytes`)),
    h("div", { class: "curl" }, h("code", {}, line), button),
    h("details", { open }, h("summary", {}, `Response headers (${headers.length})`), h("dl", { class: "headers" }, ...headers.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))))),
  );
}

async function copy(button, line) {
  try {
    await navigator.clipboard.writeText(line);
    $("said").textContent = "Copied.";
    button.classList.add("done");
    setTimeout(() => button.classList.remove("done"), 1500);
  } catch {
    const range = document.createRange();
    range.selectNodeContents(button.previousElementSibling);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
    $("said").textContent = "Selected: copy it with your keyboard.";
  }
}

// ── what went wrong ──

const TROUBLES = {
  offline: ["offline", "You are offline", "As soon as there is a connection again, this page looks by itself."],
  unreachable: ["offline", "The service cannot be reached", "There was no answer. It may be restarting, or the connection broke."],
  invalid: ["lost", "This is not a place on Earth", "A position needs a latitude from −90 to 90 and a longitude from −180 to 180 degrees."],
  missing: ["lost", "There is nothing here", "This service does not know the address that was asked for."],
  limited: ["wait", "That was a lot at once", "Every client has its allowance, so that there is enough for all."],
  unavailable: ["wait", "No weather for this place yet", "Nothing is known of it so far, and the weather service cannot be asked right now."],
  failed: ["wrong", "Something went wrong there", "It is not your fault, and it has been noted."],
};

const TROUBLES_OF_A_PART = {
  unavailable: ["wait", "A part of the weather is not here yet", "The weather service cannot be asked for it right now."],
};

// `hasMore`: something is shown below. `isPart`: it is only one of the two answers.
export function showTrouble(trouble, hasMore, place, isPart = false) {
  const [picture, title, text] = (isPart && TROUBLES_OF_A_PART[trouble.kind]) || (TROUBLES[trouble.kind] ?? TROUBLES.failed);
  $("trouble").dataset.kind = trouble.kind;
  $("trouble").classList.toggle("beside", hasMore);
  $("trouble").hidden = false;
  $("trouble").querySelector(".trouble-picture").replaceChildren(icon(picture));
  fill("trouble-title", title);
  $("trouble-title").setAttribute("aria-level", hasMore ? "2" : "1"); // alone it is the page's title
  $("trouble-place").hidden = hasMore || !place;
  fill("trouble-place", place ? titleOf(place) : "");
  fill("trouble-text", hasMore ? `${text} What is shown below ${isPart ? "is what has come" : "was known before"}.` : text);
  const errors = trouble.problem?.errors ?? [];
  $("trouble-list").hidden = errors.length === 0;
  fill("trouble-list", ...errors.map(({ parameter, detail }) => h("li", {}, h("code", {}, parameter), ` ${detail}`)));
  const { problem } = trouble;
  $("trouble-id").hidden = !problem?.code;
  fill("trouble-id", ...(problem?.code ? [`${trouble.status} `, h("code", {}, problem.code), ", request ", h("code", {}, problem.request_id)] : []));
  $("again").hidden = ["limited", "invalid", "missing", "offline"].includes(trouble.kind);
  $("elsewhere").hidden = hasMore || trouble.kind === "limited";
  showWait(null);
  return title;
}

export function hideTrouble() {
  $("trouble").hidden = true;
}

export function showWait(seconds, all = 1) {
  $("trouble-wait").hidden = seconds === null;
  if (seconds === null) return;
  $("trouble-wait").firstElementChild.value = 1 - seconds / all;
  $("trouble-wait").lastElementChild.textContent = seconds > 0 ? `Looking again in ${format.countdown(seconds)}` : "Looking again …";
}

export function showPositionNotice(words) {
  $("position-notice").hidden = !words;
  $("position-notice").querySelector("p").textContent = words;
}

export function showCities(cities, choose) {
  $("cities").hidden = cities.length === 0;
  $("cities").querySelector("ul").replaceChildren(
    ...cities.map((city) => h("li", {}, h("button", { type: "button", class: "city", onclick: () => choose(city) }, city.name))),
  );
}
