// Search of a place by name: a combobox over a list of options, by keyboard, pointer and screen reader.

import { ask, Trouble } from "./api.js";
import { $, h, say } from "./dom.js";
import { countdown, where } from "./format.js";

const PAUSE_MS = 160;
const LIMIT = 8;

export function watchSearch(choose) {
  const [input, list, note, popup] = ["search", "places", "search-note", "popup"].map($);
  let [options, optionsFor, active, pause, asking] = [[], null, -1, 0, null]; // optionsFor: the text that they answer
  const known = new Map();

  const close = () => {
    [options, optionsFor] = [[], null];
    activate(-1);
    list.replaceChildren();
    popup.hidden = true;
    input.setAttribute("aria-expanded", "false");
  };
  const stop = () => {
    clearTimeout(pause);
    asking?.stop.abort();
    asking = null;
  };
  // What is still under way must not open the list again.
  const leave = () => {
    stop();
    close();
  };
  const open = (text, places, words) => {
    [options, optionsFor] = [places, text];
    list.replaceChildren(...places.map(option));
    list.hidden = places.length === 0;
    note.textContent = words;
    note.hidden = !words;
    popup.hidden = false;
    input.setAttribute("aria-expanded", String(places.length > 0));
    activate(-1);
  };
  const option = (place, index) =>
    h(
      "li",
      { id: `place-${index}`, role: "option", "aria-selected": "false", onclick: () => take(index), onpointermove: () => activate(index) },
      h("span", { class: "option-name" }, place.name),
      h("span", { class: "option-where" }, where(place)),
    );
  const activate = (index) => {
    list.children[active]?.setAttribute("aria-selected", "false");
    active = index;
    const item = list.children[active];
    item?.setAttribute("aria-selected", "true");
    item?.scrollIntoView({ block: "nearest" });
    if (item) input.setAttribute("aria-activedescendant", item.id);
    else input.removeAttribute("aria-activedescendant");
  };
  const move = (step) => {
    const { length } = options;
    if (length) activate((Math.max(active, step < 0 ? 0 : -1) + step + length) % length);
  };
  const take = (index) => {
    const place = options[index];
    if (!place) return;
    input.value = place.name;
    leave();
    choose(place);
  };
  const search = () => {
    const text = input.value.trim();
    if (asking?.text === text) return asking.done;
    stop();
    if (optionsFor === text) return;
    // A single letter begins thousands of names, a single character of many scripts is one.
    if (text.length < 2 && /^[\u0000-\u024f]*$/.test(text)) return close();
    const own = (asking = { text, stop: new AbortController() });
    return (own.done = find(text, own.stop.signal));
  };
  const find = async (text, signal) => {
    try {
      const places = known.get(text) ?? (await found(text, signal));
      known.set(text, places);
      if (signal.aborted || text !== input.value.trim()) return;
      open(text, places, places.length ? "" : `No place begins with “${text}”.`);
      say(places.length ? `${places.length} places. Use the arrow keys.` : `No place begins with ${text}.`);
    } catch (error) {
      if (error instanceof Trouble && !signal.aborted) failed(error);
    } finally {
      if (!signal.aborted) asking = null;
    }
  };
  // Until the next list is there, the last one is for another text.
  const onceListed = async (act) => {
    await search();
    if (optionsFor === input.value.trim()) act();
  };
  const failed = (trouble) => {
    const seconds = trouble.retryAfterSeconds;
    const again = seconds ? ` Searching again in ${countdown(seconds)}.` : "";
    open(null, [], `${WORDS[trouble.kind] ?? WORDS.failed}${again}`);
    say(note.textContent);
    if (seconds) later(seconds * 1000);
  };
  const later = (ms) => {
    clearTimeout(pause);
    pause = setTimeout(search, ms);
  };

  input.addEventListener("input", () => later(PAUSE_MS));
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step) onceListed(() => move(step));
    else if (event.key === "Escape") {
      if (popup.hidden) input.value = "";
      leave();
    } else return;
    event.preventDefault();
  });
  input.addEventListener("blur", leave);
  input.addEventListener("focus", () => input.select());
  popup.addEventListener("pointerdown", (event) => event.preventDefault()); // the input keeps the focus
  input.form.addEventListener("submit", (event) => {
    event.preventDefault();
    onceListed(() => take(Math.max(active, 0)));
  });
}

const WORDS = {
  offline: "You are offline, so nothing can be searched.",
  unreachable: "The service cannot be reached.",
  invalid: "This cannot be searched for.",
  limited: "Too many searches in a short time.",
  unavailable: "The list of places cannot be read now.",
  failed: "The search went wrong.",
};

async function found(text, signal) {
  const { body } = await ask(`/api/v1/places?search=${encodeURIComponent(text)}&limit=${LIMIT}`, signal);
  const begins = ({ name }) => folded(name).startsWith(folded(text));
  // Whose usual name begins so comes before whom an other name led here: "ber" is Berlin rather than Aleppo, once Beroea.
  return [...body.places.filter(begins), ...body.places.filter((place) => !begins(place))];
}

const folded = (text) => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
