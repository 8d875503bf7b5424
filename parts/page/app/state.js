// --- The state: it lives in the address, so that a view can be shared and "back" works. ---

const VIEWS = new Map([["table", "Leaderboard"], ["compare", "Compare"], ["size", "Size"], ["coverage", "Coverage"],
  ["about", "About"]]);
const COLUMNS = new Map([["model", (model) => model.order], ["size", (model) => model.parameters],
  ["average", (model) => standing(model).mean], ["downloads", (model) => model.downloads]]);
const PLAIN = {
  view: "table", q: "", min: "", max: "", license: "", from: null, keys: null, complete: false, average: false,
  sort: defaultSort, up: null, page: 1, plot: "", compare: [], model: "", row: "",
};
const TABLE = ["view", "q", "min", "max", "license", "from", "keys", "complete", "average", "sort", "up", "page",
  "row"];

/** What the table is sorted by when nothing else is asked for: the benchmark that was searched for, else overall. */
const usualSort = (q) => searched(q).column ?? PLAIN.sort;

/** The state in the address; what is unknown there is as if it were not there. */
function readState() {
  const given = new URLSearchParams(location.hash.slice(1));
  const text = (name, allowed, usual = "") => {
    const value = given.get(name) ?? "";
    return !allowed || allowed(value) ? value : usual;
  };
  const list = (name, allowed) => {
    const values = (given.get(name) ?? "").split(",").filter(allowed);
    return values.length ? [...new Set(values)] : null;
  };
  const amount = (value) => value !== "" && Number(value) >= 0;
  return {
    view: text("view", (view) => VIEWS.has(view), PLAIN.view),
    q: text("q"), min: text("min", amount), max: text("max", amount), license: text("license"),
    from: list("from", (id) => sources.some((source) => source.id === id)),
    keys: list("b", (key) => keyed.has(key)),
    complete: text("complete") === "1", average: text("average") === "1",
    sort: text("sort", (sort) => keyed.has(sort) || COLUMNS.has(sort), usualSort(text("q"))),
    up: given.has("up") ? text("up") === "1" : null,
    page: Math.max(1, Math.floor(Number(text("page"))) || 1),
    plot: text("plot", (key) => keyed.has(key)),
    compare: [...new Set(given.getAll("compare"))].filter((id) => named.has(id)).slice(0, MOST_COMPARED),
    model: text("model", (id) => named.has(id)), row: text("row", (id) => named.has(id)),
  };
}

/** The address of a state: only what differs from the plain one. */
function address(next) {
  const out = new URLSearchParams();
  const texts = ["view", "q", "min", "max", "license", "page", "plot", "model", "row"];
  for (const name of texts) if (next[name] !== PLAIN[name]) out.set(name, next[name]);
  if (next.sort !== usualSort(next.q)) out.set("sort", next.sort);
  for (const name of ["complete", "average"]) if (next[name]) out.set(name, "1");
  if (next.up != null) out.set("up", next.up ? "1" : "0");
  if (next.from) out.set("from", next.from.join(","));
  if (next.keys) out.set("b", next.keys.join(","));
  for (const id of next.compare) out.append("compare", id);
  return `#${out}`;
}

/** A table is sorted by a column that it has. */
function settled(next) {
  const keys = next.keys ?? defaultKeys;
  const gone = keyed.has(next.sort) && !keys.includes(next.sort) && next.sort !== searched(next.q).column;
  return gone ? { ...next, sort: keys[0], up: null } : next;
}

let state = PLAIN;
let writing = 0;

/** Change the state; a visit is a step that "back" takes back. Typing writes the address when it pauses. */
function change(changes, visit = false) {
  const before = address(state);
  show(settled({ ...state, ...changes }));
  clearTimeout(writing);
  if (visit) {
    history.replaceState(null, "", before);
    history.pushState(null, "", address(state));
  } else writing = setTimeout(() => history.replaceState(null, "", address(state)), 150);
}

/** A link to another state: a plain click changes this one, any other opens the address. */
function stateLink(href, changes, attributes, ...children) {
  const onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
    event.preventDefault();
    change(changes, true);
  };
  return el("a", { href, onclick, ...attributes }, ...children);
}
const modelLink = (model, ...children) =>
  stateLink(address({ ...PLAIN, model: model.id }), { model: model.id }, { class: "name" }, ...children);

