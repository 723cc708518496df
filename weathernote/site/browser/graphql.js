// The page to try GraphQL with: runs a query, shows what came, and lists the schema that the service tells of itself.
import { $, h, say } from "./dom.js";

const URL_OF_QUERIES = "/api/v1/graphql";
const NEW_YORK = { lat: 40.7, lon: -74 };
const EXAMPLES = {
  "A watch": [
    `query Watch($lat: Float!, $lon: Float!) {
  weather(lat: $lat, lon: $lon) {
    current { temperature2m weatherCode }
  }
}`,
    NEW_YORK,
  ],
  "A home screen": [
    `query Home($all: [Position!]!, $lat: Float!, $lon: Float!) {
  weatherAt(positions: $all) {
    stale
    fetchedAt
    current { temperature2m weatherCode isDay }
    daily(days: 3) { time weatherCode temperature2mMax temperature2mMin }
  }
  places(lat: $lat, lon: $lon) { name country }
  airQuality(lat: $lat, lon: $lon) { current { europeanAqi } }
}`,
    { all: [NEW_YORK, { lat: 51.5, lon: -0.1 }, { lat: 48.9, lon: 2.4 }], ...NEW_YORK },
  ],
  "A search": [
    `query Search($start: String!) {
  places(search: $start, limit: 5) { name region country latitude longitude }
}`,
    { start: "par" },
  ],
};
const TYPE = "kind name ofType { kind name ofType { kind name ofType { kind name } } }";
const SCHEMA = `query Schema {
  __schema { types {
    kind name description
    fields { name description isDeprecated deprecationReason args { name defaultValue type { ${TYPE} } } type { ${TYPE} } }
    inputFields { name description type { ${TYPE} } }
    enumValues { name description }
  } }
}`;

async function ask(query, variables) {
  const began = performance.now();
  const response = await fetch(URL_OF_QUERIES, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  return { response, text, milliseconds: performance.now() - began };
}

// ── a query ─────────────────────────────────────────────────────────────────────────────────────────

function show(text, said) {
  $("result").textContent = text;
  say(said);
}

async function run() {
  let variables;
  try {
    variables = JSON.parse($("variables").value.trim() || "{}");
  } catch (error) {
    show("", `The variables are no JSON: ${error.message}`);
    return;
  }
  $("run").disabled = true;
  try {
    const { response, text, milliseconds } = await ask($("query").value, variables);
    const left = /r=(\d+);t=(\d+)/.exec(response.headers.get("RateLimit") ?? "");
    const rest = left ? `, ${left[1]} requests left for ${left[2]} s` : "";
    const bytes = new TextEncoder().encode(text).length.toLocaleString("en");
    show(pretty(text), `${response.status}, ${bytes} bytes in ${Math.round(milliseconds)} ms${rest}`);
  } catch {
    show("", "The service cannot be reached.");
  } finally {
    $("run").disabled = false;
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function choose(name) {
  const [query, variables] = EXAMPLES[name];
  $("query").value = query;
  $("variables").value = JSON.stringify(variables, null, 2);
}

// ── the schema ──────────────────────────────────────────────────────────────────────────────────────

function written(type) {
  if (type.kind === "NON_NULL") return `${written(type.ofType)}!`;
  return type.kind === "LIST" ? `[${written(type.ofType)}]` : type.name;
}

function signature({ name, args, type }) {
  const given = (args ?? []).map((one) => `${one.name}: ${written(one.type)}${one.defaultValue ? ` = ${one.defaultValue}` : ""}`);
  return `${name}${given.length ? `(${given.join(", ")})` : ""}${type ? `: ${written(type)}` : ""}`;
}

function member(one) {
  const deprecated = one.isDeprecated ? `Deprecated: ${one.deprecationReason}. ` : "";
  return [h("dt", {}, signature(one)), h("dd", {}, `${deprecated}${one.description ?? ""}`)];
}

async function listSchema() {
  try {
    const { response, text } = await ask(SCHEMA, {});
    if (!response.ok) throw new Error(response.status);
    const own = JSON.parse(text).data.__schema.types.filter(({ kind, name }) => kind !== "SCALAR" && !name.startsWith("__"));
    $("schema").replaceChildren(
      ...own.map((type) =>
        h(
          "details",
          { id: `type-${type.name}`, open: type.name === "Query" },
          h("summary", {}, type.name),
          h("p", {}, type.description ?? ""),
          h("dl", {}, ...(type.fields ?? type.inputFields ?? type.enumValues ?? []).flatMap(member)),
        ),
      ),
    );
    $("schema-said").textContent = `${own.length} types, as this service tells of itself.`;
  } catch {
    $("schema-said").textContent = "The schema cannot be read now; reload the page in a while.";
  }
}

// ── what people do ──────────────────────────────────────────────────────────────────────────────────

$("example").append(...Object.keys(EXAMPLES).map((name) => h("option", {}, name)));
$("example").addEventListener("change", () => choose($("example").value));
$("ask").addEventListener("submit", (event) => {
  event.preventDefault();
  run();
});
$("ask").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("ask").requestSubmit();
});
choose("A watch");
listSchema();
