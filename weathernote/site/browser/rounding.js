// A position's 0.1° cell, by the service's own rule: on the decimal text, halves away from zero. Pure.

const POSITION = /^(-?)([0-9]{1,3})(?:\.([0-9]{1,25}))?(?:[eE](-?[0-9]{1,3}))?$/;

// Degrees as text, rounded to a tenth: "40.7128" → "40.7". Null for what is no decimal number of degrees.
function tenths(text) {
  const match = POSITION.exec(text);
  if (!match) return null;
  const [, sign, whole, fraction = "", exponent = "0"] = match;
  const point = whole.length + Number(exponent);
  const digits = ("0".repeat(Math.max(0, -point)) + whole + fraction).padEnd(Math.max(0, point) + 2, "0");
  const cut = Math.max(0, point) + 1;
  const count = BigInt(digits.slice(0, cut)) + (digits[cut] >= "5" ? 1n : 0n);
  if (count > 9999n) return null; // no number of degrees, however it is written
  return `${sign && count ? "-" : ""}${count / 10n}.${count % 10n}`;
}

// {lat, lon} of the cell's centre as text; null where one of them is no number. Out of range is the service's to refuse.
export function cellOf(lat, lon) {
  const cell = { lat: tenths(lat), lon: tenths(lon) };
  if (cell.lat === null || cell.lon === null) return null;
  // The antimeridian is -180.0, from whichever side.
  if (cell.lon === "180.0") cell.lon = "-180.0";
  return cell;
}
