// The page's course: which place is shown, what is asked for it, when it is asked again.

import { airExchange, isAirFresh, loadAir, refreshAir, stopAir } from "./airquality.js";
import { Trouble, ask, eventsUrl, forecastUrl, isFresh, keptAnswer, placeAtUrl, pushed, store, weatherUrl } from "./api.js";
import { $, say } from "./dom.js";
import { where } from "./format.js";
import { isLive, origin, unwatch, watch } from "./live.js";
import { cellOf } from "./rounding.js";
import { watchSearch } from "./search.js";
import * as view from "./view.js";

const LONGEST_NAME = 80;
const BACKOFF_SECONDS = [5, 10, 20, 40, 60];
const MOST_CITIES = 8;
const BEHIND_MS = 30_000; // how long the forecast may stay behind the weather that was pushed
const LAST_POSITION = "Your last position";
// They turn the direction of all text after them.
const DIRECTION_MARKS = /[\u202a-\u202e\u2066-\u2069]/g;

let place = null; // {name, about, cell, here}, and `near` where a position has been named
let units = ["metric", "imperial"].find((known) => known === store.get("units")) ?? (/^en-(US|LR)\b/.test(navigator.language) || navigator.language === "my" ? "imperial" : "metric");
let shown = null; // {key, answers} that the page shows
let asking = null; // the AbortController of what is under way
let exchanges = []; // how the weather was answered last
let failures = 0;
let fetchedAt = ""; // of the record that a stream last told of
let locating = 0; // counts up with each position that is asked for, and with whatever makes one come too late
const timers = { again: 0, count: 0 };

// ── which place ──

function go(next, { focus = true, remember = true } = {}) {
  place = next;
  failures = 0;
  forgetPosition();
  const hash = new URLSearchParams({ lat: place.cell.lat, lon: place.cell.lon, ...(place.name && { name: place.name }) });
  const isNew = remember && `#${hash}` !== location.hash;
  history[isNew ? "pushState" : "replaceState"](place, "", `#${hash}`);
  view.showPositionNotice("");
  view.showPlace(place);
  nameIt();
  load();
  if (focus) $("place-name").focus({ preventScroll: true });
  if (focus) scrollTo({ top: 0 });
}

// A position gets the name of the place that its cell's middle lies in or near.
async function nameIt() {
  const unnamed = place;
  if (unnamed.name && unnamed.name !== LAST_POSITION) return;
  try {
    const url = placeAtUrl(unnamed.cell);
    const { body } = isFresh(keptAnswer(url)) ? keptAnswer(url) : await ask(url);
    unnamed.near = body.places[0] ?? null;
  } catch {
    return; // its degrees are there still
  }
  if (place === unnamed && unnamed.near) view.showName(place);
}

// A position as numbers or text becomes its cell here, and nothing finer goes any further.
const placeAt = (lat, lon, more) => ({ name: "", about: "", here: false, cell: cellOf(String(lat), String(lon)), ...more });
const placeOf = (city) => placeAt(city.latitude, city.longitude, { name: city.name, about: where(city) });

function placeInHash() {
  const hash = new URLSearchParams(location.hash.slice(1));
  if (!hash.has("lat") && !hash.has("lon")) return null;
  return placeAt(hash.get("lat"), hash.get("lon"), { name: named(hash.get("name")) });
}

const named = (text) => (typeof text === "string" ? text : "").replace(DIRECTION_MARKS, "").slice(0, LONGEST_NAME);

// What this device kept, if it is a place: it may be of another release, or of anybody's making.
function sane(kept) {
  const { lat, lon } = kept?.cell ?? {};
  const known = placeAt(lat, lon, { name: named(kept?.name), about: named(kept?.about), here: kept?.here === true });
  const isCell = !!known.cell && known.cell.lat === lat && known.cell.lon === lon && Math.abs(lat) <= 90 && Math.abs(lon) <= 180;
  return isCell ? known : null;
}

const isSame = (one, other) => one?.cell?.lat === other.cell.lat && one.cell.lon === other.cell.lon && one.name === other.name;

function follow() {
  const asked = placeInHash();
  const kept = store.get("place");
  const last = sane(kept);
  if (kept !== null && !last) store.set("place", null);
  if (asked && !asked.cell) return refuse();
  // A link holds less than what was known when it was made.
  if (asked) return go([sane(history.state), last].find((known) => isSame(known, asked)) ?? asked, { focus: false, remember: false });
  // A position may have changed since.
  const once = last?.here ? { ...last, here: false, name: LAST_POSITION } : last;
  if (last?.cell && !location.hash) return go(once, { focus: false, remember: false });
  welcome();
}

function refuse() {
  leave();
  const detail = "is not a decimal number of degrees. Nothing was sent.";
  trouble(new Trouble("invalid", { problem: { errors: [{ parameter: "position", detail }] } }));
}

function leave() {
  stop();
  stopAir();
  unwatch();
  forgetPosition();
  place = shown = null;
  document.title = "WeatherNote";
}

async function welcome() {
  leave();
  view.hideTrouble();
  view.setState("welcome");
  try {
    const url = "/api/v1/cities";
    const first = ({ cities }) => ({ cities: cities.slice(0, MOST_CITIES) });
    const { body } = isFresh(keptAnswer(url)) ? keptAnswer(url) : await ask(url, undefined, first);
    view.showCities(body.cities, (city) => go(placeOf(city)));
  } catch {
    view.showCities([]); // the search and the position are there still
  }
}

// A choice made meanwhile stands.
function forgetPosition() {
  locating++;
  $("locate").classList.remove("busy");
}

function locate() {
  if (!isSecureContext) return noPosition({ code: 0 });
  if (!navigator.geolocation) return noPosition({ code: 2 });
  const mine = ++locating;
  say("Looking for your position.");
  $("locate").classList.add("busy");
  const options = { maximumAge: 300_000, timeout: 12_000 };
  const found = ({ coords }) => mine === locating && go(placeAt(coords.latitude, coords.longitude, { here: true }));
  const failed = (error) => mine === locating && noPosition(error);
  navigator.geolocation.getCurrentPosition(found, failed, options);
}

function noPosition({ code }) {
  $("locate").classList.remove("busy");
  const words = {
    0: "Browsers give a position to https pages only, and this one came over http. Search a city instead.",
    1: "Your position was not shared. You can allow it in the browser's settings for this site, or search a city instead.",
    2: "Your device could not tell where it is. Search a city instead.",
    3: "It took too long to find your position. Try again, or search a city instead.",
  }[code];
  view.showPositionNotice(words);
  say(words);
}

// ── what is asked ──

function stop() {
  asking?.abort();
  clearTimeout(timers.again);
  clearInterval(timers.count);
  timers.count = 0;
}

async function load({ force = false } = {}) {
  stop();
  loadAir(place.cell, () => shown && showExchanges(), { force });
  const [urls, key] = [[weatherUrl(place.cell, units), forecastUrl(place.cell, units)], `${place.cell.lat},${place.cell.lon},${units}`];
  if (shown?.key !== key) {
    unwatch();
    fetchedAt = "";
  }
  const before = urls.map(keptAnswer);
  const needed = (index) => force || !isFresh(before[index]) || before[index].body.fetched_at < fetchedAt;
  if (!before.some((_, index) => needed(index))) return arrived(key, before);
  if (before.every(Boolean)) show(key, before);
  else if (shown?.key !== key) begin();
  asking = new AbortController();
  const { signal } = asking;
  $("refresh").classList.add("busy");
  const results = await Promise.allSettled(urls.map((url, index) => (needed(index) ? ask(url, signal) : before[index])));
  if (signal.aborted) return;
  $("refresh").classList.remove("busy");
  const wrong = results.map((result) => result.reason).filter(Boolean);
  if (wrong.length === 0) return arrived(key, results.map((result) => result.value));
  const strange = wrong.find((reason) => !(reason instanceof Trouble));
  if (strange) throw strange;
  const worst = wrong.reduce((most, next) => ((next.retryAfterSeconds ?? 0) > (most.retryAfterSeconds ?? 0) ? next : most));
  if (wrong.length < results.length) show(key, results.map((result, index) => result.value ?? before[index]));
  trouble(worst, results.map(({ value, reason }) => (value ?? reason).exchange).filter(Boolean));
}

function begin() {
  shown = null;
  view.hideTrouble();
  view.showParts(true, true);
  view.setState("loading");
  say("Loading the weather.");
}

function arrived(key, answers) {
  const isNew = shown?.key !== key;
  failures = 0;
  store.set("place", place);
  view.hideTrouble();
  show(key, answers);
  if (isNew) say(`${$("place-name").textContent}: ${$("now-temperature").textContent}, ${$("now-words").textContent}.`);
  planNext(answers);
  listen();
}

function planNext(answers) {
  const ends = Math.min(...answers.map((answer) => answer.expiresAt)) - Date.now() + 1000 + Math.random() * 2000;
  // Of a refresh all pages of the cell are told in the same second.
  again(answers[1].body.fetched_at < fetchedAt ? Math.min(ends, Math.random() * BEHIND_MS) : ends);
}


// One of the answers may be null: what has come is shown without it.
function show(key, answers) {
  const [now, forecast] = answers;
  const changed = shown?.key !== key || shown.answers.some((answer, index) => answer?.body !== answers[index]?.body);
  shown = { key, answers };
  view.showParts(now, forecast);
  if (changed && now) view.showNow(now);
  if (changed && forecast) {
    view.showToday(forecast);
    view.showDays(forecast);
  }
  view.setState("ready");
  if (changed && forecast) view.showHours(forecast); // the chart is as wide as the place that it has now
  view.showFresh(answers);
  showExchanges(answers.filter(Boolean).map((answer) => answer.exchange));
}

// How the weather was answered, and beside it the air quality, which comes by itself.
function showExchanges(latest = exchanges) {
  exchanges = latest;
  view.showExchanges([...exchanges, airExchange()].filter(Boolean));
}

function showFresh(when) {
  view.showFresh(shown.answers, when);
  refreshAir(when);
}

function again(ms) {
  clearTimeout(timers.again);
  timers.again = setTimeout(() => {
    if (document.visibilityState === "visible") load();
  }, Math.max(ms, 5000));
}

// ── what is pushed meanwhile ──

// Where nothing comes of it, the page asks as before when an answer ends.
function listen() {
  if (origin === undefined || document.visibilityState !== "visible") return;
  watch(origin + eventsUrl(place.cell, units), shown.answers[0].etag, heard, () => view.showLive(isLive()));
}

function heard(event, url, headers) {
  const [before, forecast] = shown?.answers ?? [];
  if (!before || !forecast) return;
  const exchange = { url, status: 200, words: "200 OK", ms: null, headers, bytes: new TextEncoder().encode(event.data).length };
  const answer = pushed(weatherUrl(place.cell, units), before, event, exchange);
  if (!answer) return;
  fetchedAt = answer.body.fetched_at;
  show(shown.key, [answer, forecast]);
  planNext(shown.answers);
}

// ── what goes wrong ──

function trouble(reason, latest = []) {
  const hasMore = shown !== null;
  if (!hasMore) view.setState("failed");
  $("answer").hidden = !hasMore && latest.length === 0;
  const title = view.showTrouble(reason, hasMore, place, hasMore && shown.answers.includes(null));
  if (latest.length) showExchanges(latest);
  if (hasMore) showFresh({ offline: reason.kind === "offline" });
  const seconds = waitFor(reason);
  say(seconds ? `${title}. Looking again in ${seconds} seconds.` : `${title}.`);
  if (seconds) countDown(seconds);
}

function waitFor({ kind, retryAfterSeconds }) {
  if (["invalid", "missing", "offline"].includes(kind)) return null;
  return retryAfterSeconds ?? BACKOFF_SECONDS[Math.min(failures++, BACKOFF_SECONDS.length - 1)];
}

// Counts by the clock and not by ticks: a tab in the background ticks rarely.
function countDown(all) {
  const end = Date.now() + all * 1000;
  const tick = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    view.showWait(Math.max(left, 0), all);
    if (left > 0 || document.visibilityState !== "visible") return;
    load();
  };
  tick();
  timers.count = setInterval(tick, 250);
}

// ── what people do ──

function watchUnits() {
  $(units === "imperial" ? "imperial" : "metric").checked = true;
  for (const id of ["metric", "imperial"]) {
    $(id).addEventListener("change", () => {
      units = id;
      store.set("units", units);
      if (place) load();
    });
  }
}

function watchTheme() {
  const button = $("theme");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const showDark = () => button.setAttribute("aria-pressed", String(isDark()));
  button.addEventListener("click", () => {
    const theme = isDark() ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    store.set("theme", theme);
    showDark();
  });
  system.addEventListener("change", showDark);
  showDark();
}

function watchWorld() {
  addEventListener("popstate", follow); // and a changed hash is one
  addEventListener("online", () => place && load());
  addEventListener("offline", () => shown && trouble(new Trouble("offline")));
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") return unwatch();
    if (!shown || timers.count) return;
    if (!shown.answers.every((answer) => isFresh(answer)) || !isAirFresh()) return load();
    showFresh();
    listen();
  });
  setInterval(() => shown && navigator.onLine && showFresh(), 15_000);
}

function watchButtons() {
  $("locate").addEventListener("click", locate);
  $("locate-too").addEventListener("click", locate);
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the hash is the place's
    $("weather").focus();
  });
  $("refresh").addEventListener("click", () => load({ force: true }));
  $("again").addEventListener("click", () => (place ? load() : follow()));
  $("elsewhere").addEventListener("click", () => $("search").focus());
  $("position-notice").querySelector("button").addEventListener("click", () => {
    view.showPositionNotice("");
    $("search").focus();
  });
  $("home").addEventListener("click", (event) => {
    event.preventDefault();
    store.set("place", null);
    history.pushState(null, "", location.pathname);
    welcome();
  });
  $("forget").addEventListener("click", () => {
    store.forget();
    location.replace(location.pathname);
  });
}

watchUnits();
watchTheme();
watchSearch((city) => go(placeOf(city)));
view.watchChart();
watchButtons();
watchWorld();
follow();
