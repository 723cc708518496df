// The weather as it is pushed: server-sent events, by fetch, as EventSource can neither name the device nor obey Retry-After.

import { client } from "./api.js";

const FIRST_WAIT_MS = 4_000; // doubled with each failure, and cut at random
const LONGEST_WAIT_MS = 300_000;
const SILENCE_MS = 60_000; // the service says something every 25 s

let stream = null; // what is listened to
let timer = 0;

export const origin = document.documentElement.dataset.live; // undefined where there are no streams
export const isLive = () => stream?.isOpen === true;

export function unwatch() {
  clearTimeout(timer);
  const ended = stream;
  stream = null;
  ended?.controller.abort();
  ended?.changed();
}

// Listens to `url` until `unwatch`. `id` is the ETag of what is known: that is not sent again.
// `heard({id, data}, url, headers)` is called for each event, `changed()` when the stream opens and ends.
export function watch(url, id, heard, changed) {
  if (stream?.url === url) return;
  unwatch();
  stream = { url, id, heard, changed, failures: 0, retryMs: FIRST_WAIT_MS, isOpen: false };
  listen(stream);
}

async function listen(mine) {
  mine.controller = new AbortController();
  const refusedMs = await read(mine);
  if (stream !== mine) return;
  mine.isOpen = false;
  mine.changed();
  timer = setTimeout(() => listen(mine), waitFor(mine, refusedMs));
}

// Anywhere in the span: those whom a restart has cut off come back apart.
export function waitFor(mine, refusedMs) {
  const span = Math.min(mine.retryMs * 2 ** mine.failures++, LONGEST_WAIT_MS);
  return refusedMs + Math.random() * span;
}

// How many ms the service wants to be left alone; 0 where the stream just ended.
async function read(mine) {
  const headers = { "x-client-id": client(), Accept: "text/event-stream", ...(mine.id && { "Last-Event-ID": mine.id }) };
  let silence = setTimeout(() => mine.controller.abort(), SILENCE_MS);
  try {
    const response = await fetch(mine.url, { headers, cache: "no-store", signal: mine.controller.signal }).catch(() => null);
    if (response === null) return 0;
    if (!response.ok) return Math.min(Number(response.headers.get("Retry-After")) || 0, 3600) * 1000;
    const next = eventsIn(response.body);
    for (;;) {
      const events = await next();
      if (events === null || stream !== mine) return 0;
      clearTimeout(silence);
      silence = setTimeout(() => mine.controller.abort(), SILENCE_MS);
      if (!mine.isOpen) Object.assign(mine, { isOpen: true, failures: 0 }).changed();
      for (const event of events) take(mine, event, [...response.headers]);
    }
  } finally {
    clearTimeout(silence);
    mine.controller.abort();
  }
}

function take(mine, { id, event, data, retry }, headers) {
  if (/^\d+$/.test(retry)) mine.retryMs = Number(retry);
  if (id !== undefined) mine.id = id;
  if (event === "weather" && data) mine.heard({ id, data }, mine.url, headers);
}

// A function that gives the events that the next bytes complete, as fields; null at the end.
function eventsIn(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  return async () => {
    const { value, done } = await reader.read().catch(() => ({ done: true }));
    if (done) return null;
    const blocks = (rest + value).replace(/\r\n/g, "\n").split("\n\n");
    rest = blocks.pop();
    return blocks.map((block) => Object.fromEntries(block.split("\n").map((line) => line.split(/: ?(.*)/s))));
  };
}
