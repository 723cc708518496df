// Elements without strings of HTML: what comes from an answer is only ever text.

export const $ = (id) => document.getElementById(id);

function make(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export const h = (tag, attributes = {}, ...children) => make(document.createElement(tag), attributes, children);
export const s = (tag, attributes = {}, ...children) =>
  make(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);

// A picture of the sprite in the page; the words beside it say what it shows.
export const icon = (name, attributes = {}) =>
  s("svg", { viewBox: "0 0 48 48", class: "icon", "aria-hidden": "true", ...attributes }, s("use", { href: `#i-${name}` }));

export function say(text) {
  const region = $("said");
  if (region.textContent !== text) region.textContent = text;
}
