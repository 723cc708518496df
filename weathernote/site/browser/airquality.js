// Air quality beside the weather: asked for by itself, so that the weather neither waits for it nor fails with it.

import { Trouble, airQualityUrl, ask, isFresh, keptAnswer } from "./api.js";
import { showAir, showAirFresh, showAirGone, showAirLoading } from "./airview.js";

const SOONEST_AGAIN_MS = 60_000;
// The page shows no hours of it.
const withoutHours = ({ hourly, ...rest }) => rest;

let shown = { url: "", answer: null, exchange: null };
let asking = null; // {url, controller} of what is under way
let timer = 0;

export const airExchange = () => shown.exchange;
export const isAirFresh = () => isFresh(shown.answer);

export function stopAir() {
  asking?.controller.abort();
  asking = null;
  clearTimeout(timer);
}

// Shows what is known of the cell's air and asks where that has ended; `changed` is called after each exchange.
export async function loadAir(cell, changed, { force = false } = {}) {
  const url = airQualityUrl(cell);
  if (asking?.url === url && !force) return;
  stopAir();
  const known = keptAnswer(url);
  if (shown.url !== url) begin(url, known);
  const again = (ms) => {
    timer = setTimeout(() => document.visibilityState === "visible" && loadAir(cell, changed), ms);
  };
  if (isFresh(known) && !force) return again(known.expiresAt - Date.now() + 1000);
  const mine = (asking = { url, controller: new AbortController() });
  try {
    const answer = await ask(url, mine.controller.signal, withoutHours);
    if (asking !== mine) return;
    shown = { url, answer, exchange: answer.exchange };
    showAir(answer);
    again(Math.max(answer.expiresAt - Date.now() + 1000, SOONEST_AGAIN_MS));
  } catch (reason) {
    if (asking !== mine) return;
    if (!(reason instanceof Trouble)) throw reason;
    failed(reason);
    again(Math.max((reason.retryAfterSeconds ?? 0) * 1000, SOONEST_AGAIN_MS));
  } finally {
    if (asking === mine) asking = null;
  }
  changed();
}

function begin(url, known) {
  shown = { url, answer: known, exchange: known?.exchange ?? null };
  if (known) showAir(known);
  else showAirLoading();
}

// What was known stays, and says how old it is.
function failed(reason) {
  shown.exchange = reason.exchange ?? shown.exchange;
  if (shown.answer) return refreshAir({ offline: reason.kind === "offline" });
  showAirGone("Nothing is known of the air here right now. This page asks again by itself.");
}

export function refreshAir(when) {
  if (shown.answer) showAirFresh(shown.answer, when);
}
