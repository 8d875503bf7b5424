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
    el("div", { class: "row" }, button(`Usual ${defaultKeys.length}`, choose(null)),
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
  change({ ...PLAIN, view, compare, ...(sort !== searched(state.q).column && { sort, up }), plot });
  $("q").focus();
}

function drawControls() {
  for (const name of ["q", "min", "max", "license"]) if ($(name).value !== state[name]) $(name).value = state[name];
  for (const name of ["complete", "average"]) $(name).checked = state[name];
  const shown = [...(averagedNow().length > 1 ? [["average", `Average of ${averagedNow().length}`]] : []),
    ...columns().map(({ key, name }) => [key, name])];
  put($("column"), shown.map(([value, text]) => el("option", { value, selected: value === state.sort }, cut(text, 40))));
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
  const tab = $("tabs").querySelector("[aria-current]").getBoundingClientRect();
  const around = $("tabs").getBoundingClientRect();
  // Not scrollIntoView(), from which on some browsers the Tab key goes on: it would pass over "Skip to the content".
  if (tab.left < around.left || tab.right > around.right) $("tabs").scrollLeft += tab.left - around.left;
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
  for (const id of ["min", "max", "license"]) on(id, "input", () => change({ [id]: $(id).value, page: 1, row: "" }));
  on("q", "input", () => {
    const q = $("q").value, before = usualSort(state.q), sort = usualSort(q);
    change({ q, page: 1, row: "", ...(sort !== before && { sort, up: null }) });
  });
  on("complete", "change", () => change({ complete: $("complete").checked, page: 1 }));
  on("average", "change", () => change({ average: $("average").checked, sort: "average", up: null, page: 1 }));
  on("column", "change", () => change({ sort: $("column").value, up: null, page: 1 }));
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
  narrow.addEventListener("change", () => { if (state.view === "table") drawTable(); });
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

$("summary").textContent = `${plural(countModels(models), "model")}, ${plural(benchmarks.length, "benchmark")}, `
  + `${plural(numbers, "number")}, each with its source. Collected ${data.collected}.`;
listenTheme();
drawChoices();
drawLegend();
listen();
chooseSources();
show(settled(readState()), true);
document.documentElement.dataset.ready = "1";
