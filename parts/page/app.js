"use strict";
(() => {
const data = JSON.parse(document.getElementById("data").textContent);
const MOST_COMPARED = 5;
const PAGE_ROWS = 50;
const DEFAULT_COLUMNS = 12;
const MOST_LISTED = 500;
const HIT_RADIUS = 18; // pixels around a dot that count as the dot

// --- Drawing: text is always a text node, an address is a link only when it is http or https. ---

const $ = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
function put(node, ...children) {
  node.replaceChildren();
  fill(node, {}, children);
}

const hidden = (text) => el("span", { class: "vh" }, text);
const soft = (...children) => el("p", { class: "soft" }, ...children);
const button = (text, onclick, more = {}) => el("button", { class: "button", type: "button", onclick, ...more }, text);
const number = (...children) => el("td", { class: "n" }, ...children);
const missing = (why) =>
  el("td", { class: "n missing" }, el("span", { "aria-hidden": "true" }, "—"), hidden(why));
const rowHead = (...children) => el("th", { scope: "row", class: "model" }, ...children);

/** A table that scrolls by itself and can be reached by keyboard; a head is [text, class] or [text, class, unit]. */
function table(id, caption, heads, rows) {
  const head = ([text, name, unit]) => el("th", { scope: "col", class: name },
    el("span", { class: "name" }, text), unit && el("span", { class: "unit" }, unit));
  return el("div", { class: "scroll board", role: "region", tabindex: "0", "aria-label": caption },
    el("table", { id }, el("caption", { class: "vh" }, caption),
      el("thead", {}, el("tr", {}, heads.map(head))), el("tbody", {}, rows)));
}

function webLink(address, text) {
  let url = null;
  try { url = new URL(address); } catch { /* not an address */ }
  if (!url || !["http:", "https:"].includes(url.protocol)) return el("span", { class: "name" }, text);
  const attributes = { href: url.href, rel: "noopener noreferrer nofollow", target: "_blank", class: "name" };
  return el("a", attributes, text, hidden(" (opens a new tab)"));
}

// --- Numbers as people read them. ---

const many = new Intl.NumberFormat("en");
const brief = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const plural = (count, one, more = `${one}s`) => `${many.format(count)} ${count === 1 ? one : more}`;
const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const lastPart = (id) => id.split("/").pop();
const SIZES = [["T", 1e12], ["B", 1e9], ["M", 1e6], ["K", 1e3], ["", 1]];

function size(parameters) {
  if (parameters == null) return null;
  const [unit, by] = SIZES.find(([, least]) => parameters >= least) ?? ["", 1];
  return `${Number((parameters / by).toPrecision(3))} ${unit}`.trim();
}
const points = (benchmark, value) => Number((value * benchmark.scale).toPrecision(14));
// An exact tie goes to the even digit, as in what `show` prints.
const tenths = (value) => (Math.abs(value % 1) === 0.25 ? value - Math.sign(value) * 0.05 : value).toFixed(1);
const format = (benchmark, value) => tenths(points(benchmark, value));
const unitOf = (benchmark) => `${benchmark.unit}${benchmark.lower ? ", lower is better" : ""}`;

function errorText(benchmark, score) {
  if (score.error == null) return null;
  const error = score.error * benchmark.scale;
  return error && error < 0.05 ? error.toPrecision(1) : error.toFixed(1);
}
function rankText(score) {
  if (score.low == null) return null;
  return score.low === score.high ? `${score.low}` : `${score.low}–${score.high}`;
}

// --- The data, unpacked. ---

const { sources, benchmarks } = data;
const keyed = new Map(benchmarks.map((benchmark) => [benchmark.key, benchmark]));
const word = (index) => (index == null ? null : data.strings[index]);
const models = data.models.map(([id, parameters, license, downloads], order) => ({
  id, order, parameters, downloads, license: word(license) ?? "unknown", url: null, text: id.toLowerCase(),
  scores: new Map(), // benchmark -> all its numbers, in the written order of sources
  shown: new Map(), // benchmark -> the one that is shown
}));
const named = new Map(models.map((model) => [model.id, model]));
for (const row of data.scores) {
  const [m, b, value, source, low, high, basis, error, n, shots, metric, url, contributor, revision, date, form, origin,
    written, notes, request] = row;
  const model = models[m], { key } = benchmarks[b], address = word(url);
  if (address?.startsWith("~") || sources[source].onHub) model.url = `${data.hub}/${model.id}`;
  if (!model.scores.has(key)) model.scores.set(key, []);
  model.scores.get(key).push({
    value, source, low, high, error, n, written, request, basis: word(basis), shots: word(shots), metric: word(metric),
    url: address?.replace(/^~/, () => model.url), contributor: word(contributor), revision: word(revision),
    date: word(date), form: word(form), origin: word(origin), notes: word(notes),
  });
}
const apart = data.apart.map(([m, benchmark, value, source, why, url]) => {
  const page = `${data.hub}/${models[m].id}`, address = word(url);
  if (sources[source].onHub) models[m].url = page;
  return [models[m].id, word(benchmark), value, sources[source].label, word(why), address?.replace(/^~/, () => page)];
});
const usedSources = sources.filter((_, index) => data.scores.some((row) => row[3] === index));
const covered = new Map(benchmarks.map(({ key }) => [key, models.filter((model) => model.scores.has(key)).length]));
const defaultKeys = benchmarks.slice(0, DEFAULT_COLUMNS).map(({ key }) => key); // the best covered come first
const defaultSort = defaultKeys[0] ?? "model";

// --- The state: it lives in the address, so that a view can be shared and "back" works. ---

const VIEWS = new Map([["table", "Leaderboard"], ["compare", "Compare"], ["size", "Size"], ["coverage", "Coverage"],
  ["about", "About"]]);
const COLUMNS = new Map([["model", (model) => model.order], ["size", (model) => model.parameters],
  ["average", (model) => average(model, averaged(columns()))], ["downloads", (model) => model.downloads]]);
const PLAIN = {
  view: "table", q: "", min: "", max: "", license: "", from: null, keys: null, complete: false, average: false,
  sort: defaultSort, up: null, page: 1, plot: "", compare: [], model: "",
};
const TABLE = ["view", "q", "min", "max", "license", "from", "keys", "complete", "average", "sort", "up", "page"];

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
    sort: text("sort", (sort) => keyed.has(sort) || COLUMNS.has(sort), PLAIN.sort),
    up: given.has("up") ? text("up") === "1" : null,
    page: Math.max(1, Math.floor(Number(text("page"))) || 1),
    plot: text("plot", (key) => keyed.has(key)),
    compare: [...new Set(given.getAll("compare"))].filter((id) => named.has(id)).slice(0, MOST_COMPARED),
    model: text("model", (id) => named.has(id)),
  };
}

/** The address of a state: only what differs from the plain one. */
function address(next) {
  const out = new URLSearchParams();
  const texts = ["view", "q", "min", "max", "license", "sort", "page", "plot", "model"];
  for (const name of texts) if (next[name] !== PLAIN[name]) out.set(name, next[name]);
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
  const gone = next.sort === "average" ? !next.average : keyed.has(next.sort) && !keys.includes(next.sort);
  return gone ? { ...next, sort: keys[0], up: null } : next;
}

let state = settled(readState());
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

// --- Which models and numbers are shown. ---

const columns = () => (state.keys ?? defaultKeys).map((key) => keyed.get(key));
const ascending = () => state.up ?? (state.sort === "model" || Boolean(keyed.get(state.sort)?.lower));
const better = (benchmark, a, b) => (benchmark.lower ? a < b : a > b);

let chosenSources = null;
/** The shown number of each model and benchmark: the first in the written order among the chosen sources. */
function chooseSources() {
  const chosen = JSON.stringify(state.from);
  if (chosen === chosenSources) return;
  chosenSources = chosen;
  const allowed = sources.map(({ id }) => !state.from || state.from.includes(id));
  for (const model of models) {
    model.shown.clear();
    for (const [key, scores] of model.scores) {
      const first = scores.find((score) => allowed[score.source]);
      if (first) model.shown.set(key, first);
    }
  }
}

/** An average needs one unit and one direction; the other benchmarks stay out of it. */
const averaged = (list) => list.filter((benchmark) => benchmark.share);

/** The mean over a list of benchmarks, or null when the model lacks one of them or there are not two. */
function average(model, list) {
  if (list.length < 2 || !list.every(({ key }) => model.shown.has(key))) return null;
  const sum = list.reduce((total, benchmark) => total + points(benchmark, model.shown.get(benchmark.key).value), 0);
  return sum / list.length;
}

/** The models that the filters keep, of those with a number for one (or each) of the benchmarks in a list. */
function filtered(list, each) {
  const words = state.q.toLowerCase().split(/\s+/).filter(Boolean);
  const least = state.min === "" ? -Infinity : Number(state.min) * 1e9;
  const most = state.max === "" ? Infinity : Number(state.max) * 1e9;
  const anySize = least === -Infinity && most === Infinity;
  const has = (model) => (benchmark) => model.shown.has(benchmark.key);
  return models.filter((model) =>
    words.every((part) => model.text.includes(part))
    && (anySize || (model.parameters != null && model.parameters >= least && model.parameters <= most))
    && (!state.license || model.license === state.license)
    && (each ? list.every(has(model)) : list.some(has(model))));
}

/** Missing values come last in both directions; equal ones keep the order of names. */
function sorted(rows) {
  const value = COLUMNS.get(state.sort) ?? ((model) => model.shown.get(state.sort)?.value);
  const sign = ascending() ? 1 : -1;
  const order = ([a, one], [b, two]) => {
    if (a === b) return one.order - two.order;
    if (a === null || b === null) return a === null ? 1 : -1;
    return sign * (a - b);
  };
  return rows.map((model) => [value(model) ?? null, model]).sort(order).map(([, model]) => model);
}

/** Benchmark -> the best of the shown numbers of some models. */
function bestOf(rows, list) {
  const best = new Map();
  for (const model of rows) for (const benchmark of list) {
    const score = model.shown.get(benchmark.key), before = best.get(benchmark.key);
    if (score && (before === undefined || better(benchmark, score.value, before))) best.set(benchmark.key, score.value);
  }
  return best;
}

// --- The table. ---

const mark = (source) => source.short
  && el("span", { class: `mark ${source.id}`, title: source.label, "aria-hidden": "true" }, source.short);

function heading(id, label, unit, numeric = true) {
  const sortBy = () => change({ sort: id, up: id === state.sort ? !ascending() : null, page: 1 });
  return el("th", { scope: "col", class: numeric ? "n" : id, "data-sort": id },
    el("button", { type: "button", onclick: sortBy },
      el("span", { class: "name" }, label), el("span", { class: "arrow", "aria-hidden": "true" })),
    unit && el("span", { class: "unit" }, unit));
}

let drawnHead = null;
/** The head is drawn again only when the columns change, so that a sorted column keeps the focus. */
function drawHead(list) {
  const means = averaged(list).length, wanted = JSON.stringify([state.keys, state.average]);
  if (wanted !== drawnHead) {
    drawnHead = wanted;
    put($("head"), el("tr", {}, el("td", { class: "pickcell" }, hidden("Compare")),
      heading("model", "Model", null, false), heading("size", "Size", "parameters"),
      state.average && heading("average", "Average", `of ${means}, all present`),
      list.map((benchmark) => heading(benchmark.key, benchmark.name, unitOf(benchmark))),
      heading("downloads", "Downloads", null)));
  }
  for (const cell of $("head").querySelectorAll("th")) {
    const on = cell.dataset.sort === state.sort;
    if (on) cell.setAttribute("aria-sort", ascending() ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
    cell.querySelector(".arrow").textContent = on ? (ascending() ? "▲" : "▼") : "";
  }
}

function scoreCell(benchmark, score, best) {
  if (!score) return missing("missing");
  const source = sources[score.source], rank = rankText(score), error = errorText(benchmark, score);
  const value = format(benchmark, score.value), isBest = score.value === best;
  const spread = error ? ` ± ${error} (standard error)` : "";
  const cell = el("td", {
    class: isBest ? "n score best" : "n score",
    title: `${benchmark.name}: ${value} ${benchmark.unit}${spread}, ${source.label}`,
  },
  isBest && el("span", { class: "star", "aria-hidden": "true" }, "★ "),
  el("span", { class: "value" }, value), hidden(`${isBest ? ", best shown" : ""}, ${source.label}`),
  (rank || source.short) && el("span", { class: "rank" }, mark(source), rank && hidden(", rank "), rank));
  if (benchmark.bounds) {
    const [low, high] = benchmark.bounds, part = (score.value - low) / (high - low);
    cell.style.setProperty("--part", `${Math.round(100 * Math.min(1, Math.max(0, part)))}%`);
  }
  return cell;
}

function modelRow(model, list, best, means) {
  const [owner, ...rest] = model.id.split("/"), name = rest.join("/") || owner;
  const mean = state.average ? average(model, means) : null;
  const about = [rest.length ? owner : null, model.license === "unknown" ? null : model.license].filter(Boolean);
  const box = el("input", {
    type: "checkbox", "aria-label": `Compare ${model.id}`, "data-model": model.order, onchange: () => toggle(model),
  });
  return el("tr", { "data-id": model.id },
    el("td", { class: "pickcell" }, box),
    rowHead(modelLink(model, el("span", { class: "clamp" }, name)),
      el("span", { class: "sub name clamp" }, about.join(" · "))),
    model.parameters == null ? missing("unknown size") : number(size(model.parameters)),
    state.average && (mean == null ? missing("no average: some are missing") : number(el("strong", {}, tenths(mean)))),
    list.map((benchmark) => scoreCell(benchmark, model.shown.get(benchmark.key), best.get(benchmark.key))),
    model.downloads == null ? missing("downloads unknown") : number(brief.format(model.downloads)));
}

function drawTable() {
  const list = columns(), rows = sorted(filtered(list, state.complete));
  const best = bestOf(rows, list), means = averaged(list);
  const pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS)), page = Math.min(state.page, pages);
  const first = (page - 1) * PAGE_ROWS, part = rows.slice(first, first + PAGE_ROWS);
  drawHead(list);
  const none = () => el("tr", {}, el("td", { colspan: list.length + 5, class: "empty" },
    "No model fits these filters. ", button("Show all models", reset)));
  put($("body"), rows.length ? part.map((model) => modelRow(model, list, best, means)) : none());
  const by = keyed.get(state.sort)?.name ?? state.sort;
  $("caption").textContent = `Models and their numbers, sorted by ${by}, ${ascending() ? "lowest" : "highest"} first`;
  drawCount(rows, list, means);
  drawPager(page, pages, first, part.length, rows.length);
  markChosen();
}

function drawCount(rows, list, means) {
  const someColumns = list.length < benchmarks.length && `, ${list.length} of ${benchmarks.length} benchmarks`;
  put($("count"), el("strong", {}, many.format(rows.length)), ` of ${plural(models.length, "model")}`, someColumns);
  const notes = [];
  const without = models.filter((model) => !list.some(({ key }) => model.shown.has(key))).length;
  if (without) notes.push(`${plural(without, "model has", "models have")} no number in these columns`);
  const unsized = state.min === "" && state.max === "" ? 0 : models.filter((model) => model.parameters == null).length;
  if (unsized) notes.push(`${plural(unsized, "model")} of unknown size left out`);
  if (state.average) notes.push(averageNote(rows, list, means));
  $("note").textContent = notes.join(". ");
}

function averageNote(rows, list, means) {
  if (means.length < 2) return "An average needs two benchmarks of the same unit";
  const having = rows.filter((model) => average(model, means) != null).length;
  const out = list.filter((benchmark) => !benchmark.share).map((benchmark) => benchmark.name);
  const note = `Average over the same ${means.length} benchmarks for `
    + plural(having, "model that has all of them", "models that have all of them");
  return out.length ? `${note}; not in it, as of another unit or direction: ${out.join(", ")}` : note;
}

function drawPager(page, pages, first, shown, total) {
  $("pager").hidden = pages === 1;
  const move = (to) => () => {
    change({ page: to });
    $("scroll").scrollTop = 0;
    $("scroll").focus();
  };
  put($("pager"),
    el("span", { class: "soft" }, `${many.format(first + 1)}–${many.format(first + shown)} of ${many.format(total)}`),
    button("Previous", move(page - 1), { disabled: page === 1 }), el("span", {}, `Page ${page} of ${pages}`),
    button("Next", move(page + 1), { disabled: page === pages }));
}

function drawLegend() {
  put($("legend"),
    el("li", {}, el("span", { class: "star", "aria-hidden": "true" }, "★ "), "best of the models shown"),
    el("li", {}, "2–4 under a number: its rank among all models; those that cannot be told apart share a range. "
      + "No rank: the uncertainty is unknown"),
    el("li", {}, "— missing: nobody reported it"),
    usedSources.filter((source) => source.short).map((source) => el("li", {}, mark(source), source.label)));
}

// --- The models to compare. ---

function toggle(model) {
  const rest = state.compare.filter((id) => id !== model.id);
  const added = rest.length === state.compare.length ? [...rest, model.id].slice(0, MOST_COMPARED) : rest;
  change({ compare: added });
}

function markChosen() {
  const full = state.compare.length >= MOST_COMPARED;
  for (const box of $("body").querySelectorAll("input[data-model]")) {
    box.checked = state.compare.includes(models[box.dataset.model].id);
    box.disabled = full && !box.checked;
    box.title = box.disabled ? `Up to ${MOST_COMPARED} models can be compared` : "";
    box.closest("tr").classList.toggle("chosen", box.checked);
  }
  $("tray").hidden = !state.compare.length || state.view === "compare";
  const open = () => {
    change({ view: "compare" }, true);
    $("main").focus();
  };
  put($("tray"), el("strong", {}, `${state.compare.length} of ${MOST_COMPARED} chosen`),
    el("span", { class: "name" }, state.compare.map(lastPart).join(", ")),
    button("Compare", open, { class: "button main" }), button("Clear", () => change({ compare: [] })));
}

// The models differ by shape as well as by colour.
const SHAPES = [
  (x, y) => svg("circle", { cx: x, cy: y, r: 5, class: "k0" }),
  (x, y) => svg("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9, class: "k1" }),
  (x, y) => svg("path", { d: `M${x} ${y - 6}l6 6l-6 6l-6-6z`, class: "k2" }),
  (x, y) => svg("path", { d: `M${x} ${y - 6}l6 10.5h-12z`, class: "k3" }),
  (x, y) => svg("path", { d: `M${x} ${y + 6}l-6-10.5h12z`, class: "k4" }),
];
const chartWidth = () => Math.max(300, Math.min(1100, $("main").clientWidth - 40));
const line = (name, x1, y1, x2, y2) => svg("line", { class: name, x1, y1, x2, y2 });
const label = (x, y, anchor, text, name = "soft") => svg("text", { x, y, "text-anchor": anchor, class: name }, text);

/** Which numbers these are, when not all of them: the filters of the table hold for every view. */
const sourceNote = () => state.from && soft("Only numbers from these sources: ",
  state.from.map((id) => sources.find((source) => source.id === id).label).join(", "), ". ",
  button("Show all sources", () => change({ from: null })));

function drawCompare() {
  const chosen = state.compare.map((id) => named.get(id));
  const rows = benchmarks.filter(({ key }) => chosen.some((model) => model.shown.has(key)));
  put($("view-compare"), el("h2", { id: "title-compare" }, "Compare models"), picker(chosen), sourceNote(),
    chosen.length
      ? [chartKey(chosen), compareChart(chosen, rows), compareTable(chosen, rows)]
      : soft(`Choose up to ${MOST_COMPARED} models here, or tick them in the leaderboard.`));
}

function picker(chosen) {
  const full = chosen.length >= MOST_COMPARED;
  const options = el("datalist", { id: "names" });
  const input = el("input", {
    type: "text", id: "add", list: "names", autocomplete: "off", disabled: full,
    placeholder: full ? `${MOST_COMPARED} models are chosen` : "owner/name",
    oninput: () => {
      if (named.has(input.value)) { add(); return; }
      const text = input.value.toLowerCase();
      const found = models.filter((model) => model.text.includes(text)).slice(0, 20);
      put(options, found.map((model) => el("option", { value: model.id })));
    },
  });
  function add() {
    if (!named.has(input.value) || state.compare.includes(input.value)) return;
    change({ compare: [...state.compare, input.value] });
    $("add").focus();
  }
  const onsubmit = (event) => {
    event.preventDefault();
    add();
  };
  return el("form", { class: "pick", onsubmit }, el("label", {}, "Add a model", input), options,
    el("button", { class: "button", disabled: full }, "Add"));
}

function chartKey(chosen) {
  const symbol = (index) =>
    svg("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, SHAPES[index](7, 7));
  return el("ul", { class: "key" }, chosen.map((model, index) => el("li", {}, symbol(index), modelLink(model, model.id),
    el("span", { class: "soft" }, size(model.parameters) ?? "unknown size"),
    el("button", { type: "button", "aria-label": `Remove ${model.id}`, onclick: () => toggle(model) }, "✕"))));
}

/** Scores in percent on one axis: a row for each benchmark, a mark for each model, a line for its 95 % interval. */
function compareChart(chosen, rows) {
  const drawn = averaged(rows), others = rows.filter((benchmark) => !benchmark.share);
  if (!drawn.length) return soft("None of their benchmarks is in percent, so there is nothing to draw; see the table.");
  const width = chartWidth(), narrow = width < 560, step = narrow ? 46 : 34, top = 22;
  const left = narrow ? 8 : 170, right = width - 16, height = top + drawn.length * step + 8;
  const x = (value) => left + (right - left) * Math.min(100, Math.max(0, value)) / 100;
  const parts = [0, 20, 40, 60, 80, 100].map((tick) =>
    [line("grid", x(tick), top - 4, x(tick), height - 4), label(x(tick), 12, "middle", `${tick}`)]);
  drawn.forEach((benchmark, row) => {
    const y = top + row * step + (narrow ? 32 : step / 2);
    parts.push(line("grid", left, y, right, y), narrow ? label(left, y - 15, "start", benchmark.name, "")
      : label(left - 12, y + 4, "end", cut(benchmark.name, 24), ""));
    chosen.forEach((model, index) => {
      const score = model.shown.get(benchmark.key), lane = y + (index - (chosen.length - 1) / 2) * 4;
      if (!score) return;
      const value = points(benchmark, score.value), error = (score.error ?? 0) * benchmark.scale * 1.96;
      if (error) parts.push(line(`whisker k${index}`, x(value - error), lane, x(value + error), lane));
      parts.push(SHAPES[index](x(value), lane));
    });
  });
  const title = `Scores in percent of ${chosen.map((model) => model.id).join(", ")} on `
    + `${plural(drawn.length, "benchmark")}; the table below has the numbers`;
  const inTable = others.length > 0 && "In the table only, as of another unit or direction: "
    + `${others.map((benchmark) => benchmark.name).join(", ")}.`;
  return el("div", { class: "card plot" },
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "chart-title" },
      svg("title", { id: "chart-title" }, title), parts),
    soft("Scores in percent; lines are 95 % intervals where a standard error is known. ", inTable));
}

function compareTable(chosen, rows) {
  const shared = rows.filter(({ key }) => chosen.every((model) => model.shown.has(key))), means = averaged(shared);
  const mean = means.length > 1 && chosen.length > 1;
  const about = chosen.length < 2 ? "Add a second model for a comparison."
    : mean ? `Average over the ${means.length} benchmarks in percent that all ${chosen.length} models have `
      + `(of ${rows.length} in the table).`
      : `No average: all ${chosen.length} models have ${plural(means.length, "benchmark")} in percent in common, `
        + "and an average takes two.";
  const lines = rows.map((benchmark) => {
    const best = chosen.length > 1 ? bestOf(chosen, [benchmark]).get(benchmark.key) : null;
    return el("tr", {}, rowHead(benchmark.name, el("span", { class: "sub" }, unitOf(benchmark))),
      chosen.map((model) => scoreCell(benchmark, model.shown.get(benchmark.key), best)));
  });
  if (mean) {
    const cells = chosen.map((model) => number(el("strong", {}, tenths(average(model, means)))));
    lines.push(el("tr", {}, rowHead(el("strong", {}, `Average of ${means.length}`)), cells));
  }
  const heads = [["Benchmark", "model"], ...chosen.map((model) => [lastPart(model.id), "n"])];
  return [el("p", {}, about), table("compared", "The numbers of the compared models", heads, lines)];
}

// --- Score against size. ---

/** Models that no other beats with as few parameters or fewer, from small to large. */
function paretoFront(dots, benchmark) {
  const front = [];
  const order = (a, b) => a.parameters - b.parameters || (better(benchmark, a.value, b.value) ? -1 : 1);
  for (const dot of [...dots].sort(order)) {
    if (!front.length || better(benchmark, dot.value, front.at(-1).value)) front.push(dot);
  }
  return front;
}

function drawSize() {
  const sortedBy = keyed.has(state.sort) ? state.sort : defaultSort;
  const benchmark = keyed.get(state.plot || sortedBy), title = el("h2", { id: "title-size" }, "Score and size");
  if (!benchmark) { put($("view-size"), title, soft("There are no numbers.")); return; }
  const rows = filtered([benchmark], true), sized = rows.filter((model) => model.parameters > 0);
  const dots = sized.map((model) =>
    ({ model, parameters: model.parameters, value: model.shown.get(benchmark.key).value }));
  const front = paretoFront(dots, benchmark), unsized = rows.length - dots.length;
  const onchange = (event) => {
    change({ plot: event.target.value });
    $("plot").focus();
  };
  const options = benchmarks.map(({ key, name }) =>
    el("option", { value: key, selected: key === benchmark.key }, `${name} (${covered.get(key)})`));
  const lines = front.map(({ model, parameters }) => el("tr", {}, rowHead(modelLink(model, model.id)),
    number(size(parameters)), scoreCell(benchmark, model.shown.get(benchmark.key), null)));
  const heads = [["On the Pareto front", "model"], ["Size", "n"], [benchmark.name, "n", unitOf(benchmark)]];
  put($("view-size"), title, sourceNote(),
    el("div", { class: "tools" }, el("label", { class: "field" }, "Benchmark",
      el("select", { id: "plot", onchange }, options))),
    dots.length ? sizeChart(dots, front, benchmark)
      : el("p", { class: "empty card" }, "No model with these filters has both a number and a known size."),
    soft(`${plural(dots.length, "model")} drawn`,
      unsized > 0 && `; ${plural(unsized, "model")} of unknown size cannot be drawn`,
      ". On the Pareto front, no model with as few parameters or fewer has a better number; differences can be within "
      + "the uncertainty, see the ranks."),
    front.length > 0 && table("front", `Pareto front of ${benchmark.name} and size`, heads, lines));
}

function niceTicks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((by) => by * power).find((candidate) => candidate >= raw);
  const first = Math.ceil(low / step), last = Math.floor(high / step);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Whole powers of ten in a range of logarithms, and 2 and 5 times those when the range is short. */
function sizeTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    for (const by of high - low > 2.5 ? [1] : [1, 2, 5]) ticks.push(power + Math.log10(by));
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

/** The range of numbers and some room beside it. */
function padded(numbers, least) {
  const low = numbers.reduce((a, b) => Math.min(a, b)), high = numbers.reduce((a, b) => Math.max(a, b));
  const pad = Math.max(least, (high - low) * 0.06);
  return [low - pad, high + pad];
}

function sizeChart(dots, front, benchmark) {
  const width = chartWidth(), height = Math.max(300, Math.min(460, width * 0.6));
  const left = 46, right = width - 18, top = 16, bottom = height - 40;
  const [x0, x1] = padded(dots.map((dot) => Math.log10(dot.parameters)), 0.15);
  const [y0, y1] = padded(dots.map((dot) => points(benchmark, dot.value)), benchmark.share ? 1 : 1e-3);
  const place = (log, value) =>
    [left + (right - left) * (log - x0) / (x1 - x0), bottom - (bottom - top) * (value - y0) / (y1 - y0)];
  const at = (dot) => place(Math.log10(dot.parameters), points(benchmark, dot.value));
  const parts = niceTicks(y0, y1, 6).map((tick) => {
    const [, y] = place(x0, tick);
    return [line("grid", left, y, right, y), label(left - 8, y + 4, "end", `${tick}`)];
  });
  for (const tick of sizeTicks(x0, x1)) {
    const [x] = place(tick, y0);
    parts.push(line("grid", x, top, x, bottom), label(x, bottom + 16, "middle", size(10 ** tick)));
  }
  parts.push(label((left + right) / 2, height - 6, "middle", "parameters (log scale)"));
  const spots = dots.map(at), corners = front.map(at);
  // One path of zero-length strokes draws ten thousand dots as fast as one.
  parts.push(svg("path", { class: "cloud", d: spots.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("") }));
  const steps = corners.map(([x, y], index) => (index ? `H${x.toFixed(1)}V${y.toFixed(1)}` : `M${x} ${y}`));
  parts.push(svg("path", { class: "front", d: steps.join("") }), frontLabels(front, corners, left, right));
  const title = `${benchmark.name} (${unitOf(benchmark)}) against the number of parameters of `
    + `${plural(dots.length, "model")}; the table below lists the ${front.length} on the Pareto front`;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "size-title" },
    svg("title", { id: "size-title" }, title), parts);
  return el("div", { class: "card plot" }, chart, pointer(chart, width, dots, spots, benchmark));
}

/** The marks of the front, and names where they cover no other name or mark. */
function frontLabels(front, corners, left, right) {
  const taken = corners.map(([x, y]) => ({ from: x - 7, to: x + 7, y: y - 4 }));
  return front.map(({ model }, index) => {
    const [x, y] = corners[index], text = cut(lastPart(model.id), right < 540 ? 18 : 30), length = text.length * 6.6;
    const before = x - 10 - length > left, from = before ? x - 10 - length : x + 10;
    const spot = { from, to: from + length, y: y - 8 };
    const free = spot.to < right && taken.every((other) =>
      Math.abs(other.y - spot.y) > 13 || other.to < spot.from || other.from > spot.to);
    if (free) taken.push(spot);
    const corner = svg("path", { d: `M${x} ${y - 6}l6 6l-6 6l-6-6z`, class: "k1" });
    return [corner, free && label(before ? x - 9 : x + 9, y - 8, before ? "end" : "start", text, "halo")];
  });
}

/** For a mouse or a finger: the name of the nearest dot, and its model at a click; the table is for everybody else. */
function pointer(chart, width, dots, spots, benchmark) {
  const tip = el("div", { class: "tip", hidden: true });
  const nearest = (event) => {
    const box = chart.getBoundingClientRect(), scale = width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let found = -1, least = HIT_RADIUS ** 2;
    spots.forEach(([px, py], index) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [found, least] = [index, distance];
    });
    return found;
  };
  chart.addEventListener("pointermove", (event) => {
    const index = nearest(event);
    tip.hidden = index < 0;
    if (index < 0) return;
    const { model, value } = dots[index], [x, y] = spots[index];
    const shown = chart.getBoundingClientRect().width, scale = shown / width;
    tip.textContent = `${model.id}: ${format(benchmark, value)} ${benchmark.unit}, ${size(model.parameters)}`;
    tip.style.left = `${Math.max(0, Math.min(x * scale + 24, shown - 200))}px`;
    tip.style.top = `${y * scale + 24}px`;
  });
  chart.addEventListener("pointerleave", () => { tip.hidden = true; });
  chart.addEventListener("click", (event) => {
    const index = nearest(event);
    if (index >= 0) change({ model: dots[index].model.id }, true);
  });
  return tip;
}

// --- Coverage, and how to read the numbers. ---

function drawCoverage() {
  const rows = benchmarks.map((benchmark) => {
    const first = models.flatMap((model) => model.scores.get(benchmark.key)?.[0] ?? []);
    const share = 100 * first.length / models.length, bar = el("span", {});
    bar.style.width = `${share}%`;
    const by = usedSources.map((source) => first.filter((score) => sources[score.source] === source).length);
    const category = benchmark.category && el("span", { class: "sub" }, benchmark.category.replaceAll("_", " "));
    return el("tr", {}, rowHead(benchmark.name, category),
      number(many.format(first.length)),
      el("td", {}, el("span", { class: "meter", "aria-hidden": "true" }, bar), hidden(`${share.toFixed(0)} %`)),
      by.map((count) => number(many.format(count))));
  });
  const heads = [["Benchmark", "model"], ["Models", "n"], ["Share", ""]];
  heads.push(...usedSources.map((source) => [source.label, "n"]));
  put($("view-coverage"), el("h2", { id: "title-coverage" }, "Coverage"),
    soft(`How many of the ${plural(models.length, "model")} have a number for each benchmark, and where the shown `
      + "number is from, whatever the filters."),
    table("covered", "Models with a number, per benchmark", heads, rows));
}

function listing(id, title, heads, rows, none) {
  const cells = (row) => row.map((cell) => el("td", { class: "wrap" }, el("span", { class: "name" }, cell ?? "—")));
  return [el("h3", {}, `${title} (${many.format(rows.length)})`),
    rows.length ? table(id, title, heads.map((head) => [head, ""]),
      rows.slice(0, MOST_LISTED).map((row) => el("tr", {}, cells(row)))) : soft(none),
    rows.length > MOST_LISTED && soft(`The first ${MOST_LISTED}; all of them are in the data.`)];
}

function drawAbout() {
  const order = sources.map((source) =>
    el("li", {}, mark(source), el("strong", {}, source.label), `: ${source.text}`));
  put($("view-about"), el("h2", { id: "title-about" }, "About the numbers"),
    el("p", {}, "Every number here is one that somebody published with the model, or that was measured with this "
      + `project; none is made up. They were collected on ${data.collected}, from ${plural(data.read, "model")}.`),
    el("h3", {}, "Which number is shown"),
    el("p", {}, "When a model has several numbers for one benchmark, all of them are kept, and the table shows the "
      + "first in this order; a model's page shows them all."),
    el("ol", { id: "order" }, order),
    el("h3", {}, "Ranks"), el("p", { id: "ranking" }, data.ranking),
    el("h3", {}, "Averages"),
    el("p", {}, "An average is only ever taken over the same benchmarks for every model that gets one, all in percent "
      + "and higher is better; a model that lacks one gets none. The page says how many benchmarks are in it."),
    el("h3", {}, "Units"),
    el("p", {}, "Scores are in percent where the benchmark's unit is a proportion or a percentage. Where the scale of "
      + "a number is unclear, it is neither guessed nor ranked: it is kept apart, below."),
    listing("apart", "Kept apart", ["Model", "Benchmark", "As written", "Source", "Why"],
      apart.map((row) => row.slice(0, 5)), "There are none."),
    listing("unread", "Could not be read", ["Where", "Why"], data.unread, "Everything could be read."));
}

// --- One model. ---

function drawModel() {
  const dialog = $("model"), model = named.get(state.model);
  if (!model) { dialog.close(); return; }
  const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  const aside = apart.filter(([id]) => id === model.id);
  const rows = benchmarks.filter(({ key }) => model.scores.has(key)).flatMap((benchmark) =>
    model.scores.get(benchmark.key).map((score, index) => scoreRow(benchmark, score, index > 0)));
  const heads = [["Benchmark", ""], ["Score", "n"], ["Rank", "n"]];
  heads.push(...["How", "Source", "By", "Date"].map((text) => [text, ""]));
  put(dialog,
    el("div", { class: "head" }, el("h2", { id: "title-model", class: "name" }, model.id),
      button("Close", () => dialog.close())),
    el("dl", { class: "facts" },
      fact("Parameters", size(model.parameters) ?? "unknown"), fact("License", model.license),
      fact("Downloads", model.downloads == null ? "unknown" : many.format(model.downloads)),
      fact("Benchmarks", many.format(model.scores.size)), model.url && fact("Page", webLink(model.url, model.url))),
    el("p", {}, compareButton(model)),
    table("numbers", `All numbers of ${model.id} and their sources`, heads, rows),
    aside.length > 0 && [el("h3", {}, "Kept apart: not ranked, not in any average"),
      el("ul", { class: "plain" }, aside.map(([, benchmark, value, source, why, url]) =>
        el("li", { class: "name" }, `${benchmark}: ${value} (`, webLink(url, source), `; ${why})`)))]);
  if (!dialog.open) dialog.showModal();
}

function compareButton(model) {
  const text = () => (state.compare.includes(model.id) ? "Remove from the comparison" : "Add to the comparison");
  const full = state.compare.length >= MOST_COMPARED && !state.compare.includes(model.id);
  const press = (event) => {
    toggle(model);
    event.target.textContent = text();
  };
  return button(full ? `${MOST_COMPARED} models are chosen already` : text(), press, { disabled: full });
}

function scoreRow(benchmark, score, other) {
  const source = sources[score.source], error = errorText(benchmark, score);
  const listed = (...parts) => parts.filter(Boolean).join(", ");
  const how = listed(score.metric, score.shots, score.n != null && `n = ${many.format(score.n)}`,
    score.written != null && `written as ${score.written}`, score.notes);
  const where = listed(score.form, score.origin, score.revision && `at ${score.revision}`);
  const name = score.request == null ? source.label : `${source.label} #${score.request}`;
  return el("tr", { class: other ? "other" : "" },
    el("th", { scope: "row" }, benchmark.name, other && el("span", { class: "soft" }, " also reported")),
    number(`${format(benchmark, score.value)} `, el("span", { class: "soft" }, benchmark.unit),
      error && el("span", { class: "rank" }, `± ${error} SE`)),
    number(other ? "not ranked" : rankText(score) ?? "n/a",
      !other && score.basis && el("span", { class: "rank basis" }, `error: ${score.basis}`)),
    el("td", { class: "wrap name" }, how || "—"),
    el("td", { class: "wrap" }, mark(source), webLink(score.url, name),
      where && el("span", { class: "rank name" }, where)),
    el("td", { class: "wrap name" }, score.contributor ?? "—"),
    el("td", { class: "date name" }, score.date ?? "—"));
}

// --- The controls. ---

function choice(attributes, onchange, source, text, count) {
  return el("label", { class: "check" }, el("input", { type: "checkbox", onchange, ...attributes }),
    source && mark(source), el("span", {}, text), count != null && el("span", { class: "count" }, many.format(count)));
}

function drawChoices() {
  const licenses = new Map();
  for (const { license } of models) licenses.set(license, (licenses.get(license) ?? 0) + 1);
  const order = [...licenses].sort(([a, one], [b, two]) => two - one || (a < b ? -1 : 1));
  put($("license"), el("option", { value: "" }, "any"),
    order.map(([name, count]) => el("option", { value: name }, `${cut(name, 40)} (${count})`)));
  const choose = (keys) => () => change({ keys, page: 1 });
  put($("keys"),
    el("div", { class: "row" }, button(`Best covered ${defaultKeys.length}`, choose(null)),
      button(`All ${benchmarks.length}`, choose(benchmarks.map(({ key }) => key)))),
    benchmarks.map(({ key, name }) => choice({ "data-key": key }, pickKeys, null, name, covered.get(key))));
  put($("sources"), sources.map((source) => choice({ "data-source": source.id }, pickSources, source, source.label)));
}

function pickKeys() {
  const keys = [...$("keys").querySelectorAll("input:checked")].map((box) => box.dataset.key);
  const usual = keys.length === defaultKeys.length && keys.every((key) => defaultKeys.includes(key));
  if (keys.length) change({ keys: usual ? null : keys, page: 1 });
  else drawControls(); // a table needs a column: the last one stays
}
function pickSources() {
  const from = [...$("sources").querySelectorAll("input:checked")].map((box) => box.dataset.source);
  change({ from: from.length && from.length < sources.length ? from : null, page: 1 });
}

function reset() {
  const { view, compare, sort, up, plot } = state;
  change({ ...PLAIN, view, compare, sort, up, plot });
  $("q").focus();
}

function drawControls() {
  for (const name of ["q", "min", "max", "license"]) if ($(name).value !== state[name]) $(name).value = state[name];
  for (const name of ["complete", "average"]) $(name).checked = state[name];
  $("verified").checked = state.from?.join() === sources[0].id;
  const keys = state.keys ?? defaultKeys, from = state.from ?? sources.map(({ id }) => id);
  for (const box of $("keys").querySelectorAll("input")) box.checked = keys.includes(box.dataset.key);
  for (const box of $("sources").querySelectorAll("input")) box.checked = from.includes(box.dataset.source);
  $("keysummary").textContent = `Benchmarks: ${keys.length} of ${benchmarks.length}`;
  $("sourcesummary").textContent = state.from ? `Sources: ${from.length} of ${sources.length}` : "All sources";
  const { min, max, license, complete } = state;
  const active = [min + max, license, state.keys, state.from, complete, state.average].filter(Boolean).length;
  $("more").textContent = active ? `Filters (${active})` : "Filters";
  $("reset").disabled = !active && !state.q;
}

function drawTabs() {
  put($("tabs"), [...VIEWS].map(([view, title]) => {
    const count = view === "compare" && state.compare.length ? ` (${state.compare.length})` : "";
    const attributes = { "data-view": view, "aria-current": view === state.view ? "page" : null };
    return stateLink(address({ ...state, view, model: "" }), { view, model: "" }, attributes, title + count);
  }));
  $("tabs").querySelector("[aria-current]").scrollIntoView({ block: "nearest", inline: "nearest" });
}

const DRAW = { table: drawTable, compare: drawCompare, size: drawSize, coverage: drawCoverage, about: drawAbout };
const DEPENDS = {
  table: TABLE, compare: ["view", "compare", "from"], size: [...TABLE, "plot"], coverage: ["view"], about: ["view"],
};

/** Draw what the change of the state touches and nothing else, so that the focus stays where it is. */
function show(next, first = false) {
  const before = state;
  state = next;
  const differs = (name) => JSON.stringify(before[name]) !== JSON.stringify(state[name]);
  const changed = (names) => first || names.some(differs);
  chooseSources();
  if (changed(["view", "compare"])) {
    const tab = document.activeElement?.dataset.view;
    drawTabs();
    if (tab) $("tabs").querySelector(`[data-view="${tab}"]`).focus();
    for (const view of VIEWS.keys()) $(`view-${view}`).hidden = view !== state.view;
    $("tools").hidden = !["table", "size"].includes(state.view);
    for (const part of document.querySelectorAll(".tableonly")) part.hidden = state.view !== "table";
    markChosen();
  }
  if (changed(TABLE)) drawControls();
  if (changed(DEPENDS[state.view])) DRAW[state.view]();
  if (changed(["model"])) drawModel();
}

function listen() {
  const on = (id, name, action) => $(id).addEventListener(name, action);
  on("tools", "submit", (event) => event.preventDefault());
  for (const id of ["q", "min", "max", "license"]) on(id, "input", () => change({ [id]: $(id).value, page: 1 }));
  for (const id of ["complete", "average"]) on(id, "change", () => change({ [id]: $(id).checked, page: 1 }));
  on("verified", "change", () => change({ from: $("verified").checked ? [sources[0].id] : null, page: 1 }));
  on("reset", "click", reset);
  on("more", "click", () => $("more").setAttribute("aria-expanded", $("filters").classList.toggle("open")));
  on("skip", "click", (event) => {
    event.preventDefault();
    $("main").focus();
  });
  on("model", "close", () => { if (state.model) change({ model: "" }, true); });
  on("model", "click", (event) => { if (event.target === $("model")) $("model").close(); });
  for (const menu of document.querySelectorAll(".menu")) {
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }
  for (const name of ["hashchange", "popstate"]) addEventListener(name, () => show(settled(readState())));
  let width = innerWidth;
  addEventListener("resize", () => {
    if (width !== innerWidth && ["compare", "size"].includes(state.view)) DRAW[state.view]();
    width = innerWidth;
  });
}

/** Light and dark: the system's choice until a person makes another; a browser may refuse to keep it. */
function listenTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)"), root = document.documentElement;
  const current = () => root.dataset.theme ?? (system.matches ? "dark" : "light");
  const draw = () => {
    const [sign, other] = current() === "dark" ? ["☀", "Light"] : ["☾", "Dark"];
    put($("theme"), sign, el("span", { class: "wide" }, ` ${other}`));
    $("theme").setAttribute("aria-label", `${other} theme`);
  };
  let kept = null;
  try { kept = localStorage.getItem("theme"); } catch { /* the system's choice it is */ }
  if (["light", "dark"].includes(kept)) root.dataset.theme = kept;
  $("theme").addEventListener("click", () => {
    root.dataset.theme = current() === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it holds for this visit */ }
    draw();
  });
  system.addEventListener("change", draw);
  draw();
}

$("summary").textContent = `${plural(models.length, "model")}, ${plural(benchmarks.length, "benchmark")}, `
  + `${plural(data.scores.length, "number")}, each with its source. Collected ${data.collected}.`;
listenTheme();
drawChoices();
drawLegend();
listen();
show(state, true);
document.documentElement.dataset.ready = "1";
})();
