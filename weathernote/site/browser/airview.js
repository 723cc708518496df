// Puts air quality and pollen into the page: a word and filled steps beside each colour.

import * as air from "./air.js";
import { $, h, s } from "./dom.js";
import * as format from "./format.js";
import { fill, freshness, showMark } from "./view.js";

const POLLUTANTS = ["pm2_5", "pm10", "nitrogen_dioxide", "ozone"];
const UNKNOWN = "Not known";
const BAR = 7;

// loading (bones), ready, gone: a line in place of all
function setState(state) {
  $("air").dataset.state = state;
  $("air").inert = state === "loading";
  $("air-mark").hidden = $("air-values").hidden = state === "gone";
  $("air-gone").hidden = state !== "gone";
}

export const showAirLoading = () => {
  $("pollen").hidden = true;
  setState("loading");
};

export function showAirGone(words) {
  fill("air-gone", words);
  setState("gone");
}

export function showAir(answer, now = Date.now()) {
  const { current, daily, units } = answer.body;
  const band = air.european(current.european_aqi);
  fill("air-steps", steps(band?.step, air.EUROPEAN_STEPS));
  fill("air-word", band?.word ?? UNKNOWN);
  fill("air-index", `European index ${format.number(current.european_aqi)}`);
  fill("air-more", [highest(daily.european_aqi_max[0]), inUs(current.us_aqi)].filter(Boolean).join(" "));
  POLLUTANTS.forEach((name, index) => {
    $("pollutants").children[index].lastElementChild.textContent = format.quantity(current[name], units[name], current[name] < 100 ? 1 : 0);
  });
  $("pollen").hidden = !air.hasPollen(current);
  fill("plants", ...air.PLANTS.map((plant) => plantRow(plant, current[`${plant}_pollen`], units[`${plant}_pollen`])));
  setState("ready");
  showAirFresh(answer, { now });
}

export function showAirFresh(answer, when) {
  const fresh = freshness([answer], when);
  showMark("air-mark", fresh.mark);
  if ($("air-fresh").textContent !== fresh.words) fill("air-fresh", fresh.words);
}

function highest(index) {
  const band = air.european(index);
  return band && `Up to ${index} today: ${band.word}.`;
}

function inUs(index) {
  const band = air.us(index);
  return band && `US index ${index}: ${band.word}.`;
}

function plantRow(plant, grains, unit) {
  const level = air.pollen(plant, grains);
  const name = plant[0].toUpperCase() + plant.slice(1);
  return h("div", {}, h("dt", {}, name), h("dd", {}, steps(level?.step, air.POLLEN_STEPS), h("strong", {}, level?.word ?? UNKNOWN), h("span", { class: "small" }, format.quantity(grains, unit))));
}

// Bars of growing height, the first of them filled: the level without its colour. The words beside them say it too.
function steps(step, all) {
  const filled = step ?? 0;
  const bars = Array.from({ length: all }, (_, index) => {
    const height = 6 + (16 * index) / (all - 1);
    return s("rect", { class: index < filled ? "on" : "off", x: index * BAR + 1, y: 23 - height, width: BAR - 2, height, rx: 1.5 });
  });
  // A scale of four takes its colours from the six.
  const colour = Math.ceil((filled * air.EUROPEAN_STEPS) / all);
  return s("svg", { class: `steps band-${colour}`, viewBox: `0 0 ${all * BAR} 24`, width: all * BAR, height: 24, "aria-hidden": "true" }, ...bars);
}
