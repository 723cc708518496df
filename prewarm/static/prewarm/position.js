// Shows the cell of a position while it is typed, by the service's own rule (weather/core/cells.py): worked out on the
// decimal text, the nearest tenth, halves away from zero. Without this script the page works too: the server decides.
"use strict";

const POSITION = /^(-?)([0-9]{1,3})(?:\.([0-9]{1,25}))?(?:[eE](-?[0-9]{1,3}))?$/;

// Tenths of a degree; an Error in the service's words for what is no position.
function tenthsOf(text, limit) {
  const match = POSITION.exec(text);
  if (!match) throw new Error("must be a decimal number of degrees, such as 40.7128");
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  const point = whole.length + Number(exponent);
  const before = Math.max(0, 1 - point);
  const digits = ("0".repeat(before) + whole + fraction).padEnd(point + before + 2, "0");
  const units = digits.slice(0, point + before).replace(/^0+(?=.)/, "");
  const rest = digits.slice(point + before);
  if (units.length > 3 || Number(units) > limit || (Number(units) === limit && /[1-9]/.test(rest))) {
    throw new Error(`must be between -${limit} and ${limit} degrees`);
  }
  const tenths = Number(units) * 10 + Number(rest[0]) + (rest[1] >= "5" ? 1 : 0);
  return sign && tenths ? -tenths : tenths;
}

function cellOf(lat, lon) {
  const tenthsLat = tenthsOf(lat, 90);
  const tenthsLon = tenthsOf(lon, 180);
  // The antimeridian is -180.0, from whichever side.
  return `lat:${(tenthsLat / 10).toFixed(1)}:lon:${((tenthsLon === 1800 ? -1800 : tenthsLon) / 10).toFixed(1)}`;
}

function showCells() {
  const [lat, lon] = ["id_latitude", "id_longitude"].map((id) => document.getElementById(id));
  const shown = document.querySelector(".field-cell .readonly");
  if (!lat || !lon || !shown) return;
  const show = () => {
    const texts = [lat.value.trim(), lon.value.trim()];
    if (texts.includes("")) return say("–", false);
    try {
      say(cellOf(...texts), false);
    } catch (wrong) {
      say(`a position ${wrong.message}`, true);
    }
  };
  const say = (text, isWrong) => {
    shown.textContent = text;
    shown.classList.toggle("wrong", isWrong);
  };
  shown.setAttribute("aria-live", "polite");
  for (const input of [lat, lon]) input.addEventListener("input", show);
  show();
}

if (typeof document === "undefined") {
  module.exports = { cellOf };
} else {
  document.addEventListener("DOMContentLoaded", showCells);
}
