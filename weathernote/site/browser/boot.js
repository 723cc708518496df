// Before the first paint: the chosen theme, and whether a place will be shown, so that nothing flashes or jumps.
"use strict";
(() => {
  const root = document.documentElement;
  const kept = (name) => {
    try {
      return JSON.parse(localStorage.getItem(`weathernote.${name}`));
    } catch {
      return null; // nothing, nonsense, or storage is switched off
    }
  };
  root.classList.replace("no-js", "js");
  const theme = kept("theme");
  if (theme === "light" || theme === "dark") root.dataset.theme = theme;
  root.dataset.state = /[#&]lat=/.test(location.hash) || kept("place") ? "loading" : "welcome";
})();
