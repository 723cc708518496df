// Keeps the dashboard up to date: asks for its parts every 15 seconds while it is looked at, and puts in place what
// changed. Without this script the page shows how things stood when it was loaded.

const EVERY_MS = 15_000;
const TIMEOUT_MS = 10_000;

let timer = 0;
let askedAt = Date.now();
let isAsking = false;

function say(text) {
  const state = document.getElementById("weather-state");
  if (state.textContent !== text) state.textContent = text;
}

async function refresh() {
  clearTimeout(timer);
  if (document.hidden || isAsking) return;
  isAsking = true;
  askedAt = Date.now();
  try {
    const response = await fetch("?parts", { signal: AbortSignal.timeout(TIMEOUT_MS) });
    if (response.redirected || response.status === 403) return say("You are logged out: reload the page to go on.");
    if (!response.ok) throw new Error(String(response.status));
    show(new DOMParser().parseFromString(await response.text(), "text/html"));
    say("");
  } catch {
    say("The service did not answer; asking again.");
  } finally {
    isAsking = false;
  }
  timer = setTimeout(refresh, EVERY_MS);
}

function show(fresh) {
  for (const part of document.querySelectorAll("[data-part]")) {
    const now = fresh.querySelector(`[data-part="${part.dataset.part}"]`);
    if (now === null || now.innerHTML === part.innerHTML) continue;
    // Whoever stands on a link stays on it.
    const link = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
    part.setAttribute("class", now.getAttribute("class") ?? "");
    part.replaceChildren(...now.childNodes);
    if (link) part.querySelector(`[href="${CSS.escape(link)}"]`)?.focus();
  }
}

document.addEventListener("visibilitychange", () => {
  if (document.hidden) clearTimeout(timer);
  else if (Date.now() - askedAt >= EVERY_MS) refresh();
  else timer = setTimeout(refresh, EVERY_MS);
});
timer = setTimeout(refresh, EVERY_MS);
