// Air quality and pollen in words and steps of a scale; where the bands come from, the manual says. Pure.

// The highest index of each band, and its word.
const EUROPEAN = [[20, "Good"], [40, "Fair"], [60, "Moderate"], [80, "Poor"], [100, "Very poor"], [Infinity, "Extremely poor"]];
const US = [[50, "Good"], [100, "Moderate"], [150, "Unhealthy for sensitive groups"], [200, "Unhealthy"], [300, "Very unhealthy"], [Infinity, "Hazardous"]];
// Grains/m³ at which pollen is moderate, high and very high; below it is low from 1 on.
const POLLEN = { alder: [11, 70, 250], birch: [11, 70, 300], grass: [20, 50, 150], ragweed: [6, 11, 40] };
const POLLEN_WORDS = ["None", "Low", "Moderate", "High", "Very high"];

export const EUROPEAN_STEPS = EUROPEAN.length;
export const POLLEN_STEPS = POLLEN_WORDS.length - 1;
export const PLANTS = Object.keys(POLLEN);

const isNone = (value) => value === null || value === undefined;

// {step, word}: steps count from 1; null where the value is not known.
function banded(bands, index) {
  if (isNone(index)) return null;
  const at = bands.findIndex(([highest]) => index <= highest);
  return { step: at + 1, word: bands[at][1] };
}

export const european = (index) => banded(EUROPEAN, index);
export const us = (index) => banded(US, index);

// {step, word} of a concentration in grains/m³, by its whole number: step 0 is none. Null where it is not known.
export function pollen(plant, concentration) {
  if (isNone(concentration)) return null;
  const grains = Math.round(concentration);
  const step = grains < 1 ? 0 : 1 + POLLEN[plant].filter((least) => grains >= least).length;
  return { step, word: POLLEN_WORDS[step] };
}

// Whether there is a word on any plant: outside Europe there is none, and 0 is one.
export const hasPollen = (current) => PLANTS.some((plant) => !isNone(current[`${plant}_pollen`]));
