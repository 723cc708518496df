// Asks the API: the last answer of each address is kept for this tab and revalidated by its ETag.

const TIMEOUT_MS = 15_000;
const MOST_KEPT = 36;
const MOST_KEPT_BY_TAB = 12; // of three places all that is asked about each

// ── what stays on this device ──

export const store = {
  get(name) {
    try {
      return JSON.parse(localStorage.getItem(`weathernote.${name}`));
    } catch {
      return null; // nothing, nonsense, or storage is switched off
    }
  },
  set(name, value) {
    try {
      localStorage.setItem(`weathernote.${name}`, JSON.stringify(value));
    } catch {
      // It is then asked for again next time.
    }
  },
  forget() {
    kept.clear();
    clientId = null;
    for (const kind of ["localStorage", "sessionStorage"]) forgetIn(kind);
  },
};

function forgetIn(kind) {
  try {
    const storage = window[kind];
    for (const name of Object.keys(storage)) if (name.startsWith("weathernote.")) storage.removeItem(name);
  } catch {
    // Where even to look is forbidden, nothing was kept.
  }
}

// Several phones behind one address must not share one allowance, so each device names itself, by nothing but chance.
let clientId = null;
export function client() {
  const known = clientId ?? store.get("client");
  clientId = /^[0-9a-f]{32}$/.test(known) ? known : random();
  store.set("client", clientId);
  return clientId;
}
const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

// ── answers ──

const kept = new Map(restored());

function restored() {
  try {
    return JSON.parse(sessionStorage.getItem("weathernote.answers")).filter(([, answer]) => isAnswer(answer));
  } catch {
    return []; // nothing, nonsense, or storage is switched off
  }
}

function isAnswer({ etag, body, expiresAt, exchange }) {
  return typeof etag === "string" && Boolean(body) && Number.isFinite(expiresAt) && Array.isArray(exchange?.headers);
}

function keep(url, answer) {
  kept.delete(url);
  kept.set(url, answer);
  while (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  try {
    sessionStorage.setItem("weathernote.answers", JSON.stringify([...kept].slice(-MOST_KEPT_BY_TAB)));
  } catch {
    // Too much, or not allowed: this tab's memory has them still.
  }
}

export const keptAnswer = (url) => kept.get(url) ?? null;
export const isFresh = (answer, now = Date.now()) => answer !== null && answer.expiresAt > now;

// What went wrong, as a kind, with the service's own words where it had any.
export class Trouble extends Error {
  constructor(kind, details = {}) {
    super(details.problem?.detail ?? kind);
    Object.assign(this, { kind, status: 0, problem: null, retryAfterSeconds: null, exchange: null }, details);
  }
}
const KINDS = { 400: "invalid", 404: "missing", 429: "limited", 503: "unavailable" };

// {body, expiresAt, clockSkewMs, exchange}; a Trouble where there is no answer. An AbortError if `signal` says so.
// `part` takes from a long body what is needed; no more of it is kept.
export async function ask(url, signal, part = (body) => body) {
  const before = keptAnswer(url);
  const headers = { "x-client-id": client(), ...(before && { "If-None-Match": before.etag }) };
  const began = performance.now();
  const { response, text } = await fetched(url, headers, signal);
  const exchange = {
    url,
    status: response.status,
    words: `${response.status} ${response.statusText || { 200: "OK", 304: "Not Modified" }[response.status] || ""}`.trim(),
    ms: Math.round(performance.now() - began),
    headers: [...response.headers],
    bytes: new TextEncoder().encode(text).length,
  };
  if (response.status === 304 && before) {
    const answer = { ...before, ...timesOf(response.headers, before.body), exchange };
    keep(url, answer);
    return answer;
  }
  const body = parsed(text);
  if (!response.ok || body === null) throw refused(response, body, exchange);
  const answer = { etag: response.headers.get("ETag"), body: part(body), ...timesOf(response.headers, body), exchange };
  if (answer.etag) keep(url, answer);
  return answer;
}

// What a stream has said in place of the next answer to `url`, after `before`; it is kept likewise.
export function pushed(url, before, { id, data }, exchange) {
  const body = parsed(data);
  if (body === null) return null;
  const { clockSkewMs } = before;
  const answer = { etag: id, body, expiresAt: Date.parse(body.expires_at) - clockSkewMs, clockSkewMs, exchange };
  keep(url, answer);
  return answer;
}

// When an answer ends by this device's clock, and how far the service's clock is ahead of it. A cache between gives an answer's
// first `max-age` and how much of it is gone, and its own `Date`: so the body's end tells the service's time better.
export function timesOf(headers, body, now = Date.now()) {
  const maxAge = Number(/max-age=(\d+)/.exec(headers.get("Cache-Control"))?.[1] ?? 0);
  const left = maxAge - (Number(headers.get("Age")) || 0);
  const there = (maxAge && Date.parse(body.expires_at) - left * 1000) || Date.parse(headers.get("Date")) || now;
  return { expiresAt: now + Math.max(0, left) * 1000, clockSkewMs: there - now };
}

async function fetched(url, headers, signal) {
  const timeout = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, { headers, cache: "no-store", signal: signal ? either(signal, timeout) : timeout });
    return { response, text: await response.text() };
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new Trouble(navigator.onLine ? "unreachable" : "offline");
  }
}

// Safari has AbortSignal.any since 17.4.
function either(one, other) {
  if (AbortSignal.any) return AbortSignal.any([one, other]);
  const both = new AbortController();
  for (const signal of [one, other]) {
    if (signal.aborted) both.abort(signal.reason);
    else signal.addEventListener("abort", () => both.abort(signal.reason), { once: true });
  }
  return both.signal;
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function refused(response, problem, exchange) {
  const seconds = Number(response.headers.get("Retry-After"));
  return new Trouble(KINDS[response.status] ?? "failed", {
    status: response.status,
    problem,
    exchange,
    retryAfterSeconds: Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3600) : null,
  });
}

// ── addresses ──

const query = (cell, units) => `lat=${cell.lat}&lon=${cell.lon}${units === "imperial" ? "&units=imperial" : ""}`;
export const weatherUrl = (cell, units) => `/api/v1/weather?${query(cell, units)}`;
export const eventsUrl = (cell, units) => `/api/v1/weather/events?${query(cell, units)}`;
export const forecastUrl = (cell, units) => `/api/v1/forecast?${query(cell, units)}`;
export const airQualityUrl = (cell) => `/api/v1/air-quality?${query(cell)}`; // its units are the same for all
export const placeAtUrl = (cell) => `/api/v1/places?${query(cell)}`;
export const curl = (url) => `curl -i '${new URL(url, location.origin)}'`;
