// node live.mjs 40.7 -74.0    Node 20 or later, and every browser. EventSource does it in less, but cannot name the install.
const events = 'https://weather.example/api/v1/weather/events';
const longestWaitMs = 300_000;
const silenceMs = 60_000; // the service says something every 25 s

/**
 * Calls `show(weather)` at once and whenever it changes, until `signal` is aborted: as long as the screen is seen.
 * `lat` and `lon` are rounded to a tenth, as `tenth` of the whole clients does it.
 */
export async function listen({ lat, lon, clientId, show, signal, units = 'metric' }) {
  const known = { lastId: '', retryMs: 4_000, failures: 0 };
  while (!signal.aborted) {
    const refusedMs = await read(`${events}?lat=${lat}&lon=${lon}&units=${units}`, clientId, known, show, signal);
    // Full jitter: anywhere in a span that doubles, so that those whom a restart has cut off come back apart.
    const span = Math.min(known.retryMs * 2 ** known.failures++, longestWaitMs);
    await pause(refusedMs + Math.random() * span, signal);
  }
}

/** One connection. Returns how many milliseconds the service wants to be left alone: 0 if it just ended. */
async function read(url, clientId, known, show, signal) {
  const connection = new AbortController();
  const stop = () => connection.abort();
  signal.addEventListener('abort', stop);
  let silence = setTimeout(stop, silenceMs);
  try {
    const headers = { 'x-client-id': clientId, accept: 'text/event-stream' };
    if (known.lastId) headers['last-event-id'] = known.lastId; // then nothing is sent that is here already
    const response = await fetch(url, { headers, cache: 'no-store', signal: connection.signal }).catch(() => null);
    if (response === null) return 0; // the network has gone, nothing came for too long, or the screen was left
    if ([400, 404].includes(response.status)) throw new Error(await response.text()); // a mistake: do not repeat it
    if (response.status !== 200) return (Number(response.headers.get('retry-after')) || 10) * 1000;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '', event = {};
    for (;;) {
      const { value, done } = await reader.read().catch(() => ({ done: true }));
      if (done) return 0;
      clearTimeout(silence);
      silence = setTimeout(stop, silenceMs);
      known.failures = 0;
      const lines = (rest + value).split('\n');
      rest = lines.pop();
      for (const line of lines) event = take(line, event, known, show);
    }
  } finally {
    clearTimeout(silence);
    signal.removeEventListener('abort', stop);
    stop();
  }
}

/** The event with the line added to it; a new one when it has ended. */
function take(line, event, known, show) {
  if (line.startsWith(':')) return event; // the service only says that it is there
  if (line !== '') {
    const [name] = line.split(':', 1);
    return { ...event, [name]: line.slice(name.length + 1).replace(/^ /, '') };
  }
  if (event.retry) known.retryMs = Number(event.retry);
  if (event.event === 'weather' && event.data) {
    show(JSON.parse(event.data));
    known.lastId = event.id ?? known.lastId;
  }
  return {};
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const leave = () => resolve(clearTimeout(timer));
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
  });
}

if (globalThis.process?.argv?.length === 4) {
  const leaving = new AbortController();
  process.once('SIGINT', () => leaving.abort());
  const [lat, lon] = process.argv.slice(2);
  const show = ({ current, units }) => console.log(`${current.temperature_2m} ${units.temperature_2m}`);
  await listen({ lat, lon, clientId: crypto.randomUUID(), show, signal: leaving.signal }); // keep the id of an install
}
