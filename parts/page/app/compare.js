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
const chartWidth = () => Math.max(280, Math.min(1100, $("main").clientWidth - 40));
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
  const drawn = rows.filter((benchmark) => benchmark.share), others = rows.filter((benchmark) => !benchmark.share);
  if (!drawn.length) return soft("None of their benchmarks is in percent, so there is nothing to draw; see the table.");
  const width = chartWidth(), slim = width < 560, step = slim ? 46 : 34, top = 22;
  const left = slim ? 8 : 190, right = width - 16, height = top + drawn.length * step + 8;
  const x = (value) => left + (right - left) * Math.min(100, Math.max(0, value)) / 100;
  const parts = [0, 20, 40, 60, 80, 100].map((tick) =>
    [line("grid", x(tick), top - 4, x(tick), height - 4), label(x(tick), 12, "middle", `${tick}`)]);
  let binomial = false;
  drawn.forEach((benchmark, row) => {
    const y = top + row * step + (slim ? 32 : step / 2), name = benchmark.name + (benchmark.lower ? " ↓" : "");
    parts.push(line("grid", left, y, right, y), slim ? label(left, y - 15, "start", name, "")
      : label(left - 12, y + 4, "end", cut(name, 24), ""));
    chosen.forEach((model, index) => {
      const one = model.shown.get(benchmark.key), lane = y + (index - (chosen.length - 1) / 2) * 4;
      if (!one) return;
      const value = points(benchmark, one.value), error = (one.error ?? 0) * benchmark.scale * 1.96;
      const stated = !isBinomial(one);
      if (error) parts.push(line(`whisker k${index}${stated ? "" : " about"}`, x(value - error), lane, x(value + error), lane));
      binomial ||= error > 0 && !stated;
      parts.push(SHAPES[index](x(value), lane));
    });
  });
  const title = `Scores in percent of ${chosen.map((model) => model.id).join(", ")} on `
    + `${plural(drawn.length, "benchmark")}; the table below has the numbers`;
  const inTable = others.length > 0 && `In the table only, as of another unit: ${others.map(({ name }) => name).join(", ")}.`;
  return el("div", { class: "card plot" },
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "chart-title" },
      svg("title", { id: "chart-title" }, title), parts),
    soft("Scores in percent; lines are 95 % intervals, where the ranks use an error. ",
      binomial && "~ dashed: of the number of items alone (binomial). ",
      drawn.some((benchmark) => benchmark.lower) && "↓ lower is better. ", inTable));
}

/** Bonferroni's limit for one model against up to four others: a normal quantile at 5 % by the number of others. */
const LIMITS = [0, 1.96, 2.2414, 2.394, 2.4977];

/** The marks of some compared numbers: a star for what the errors show to be better than each other one. */
function compareMarks(benchmark, scores) {
  const found = scores.filter(Boolean), marks = new Map();
  if (found.length < 2) return marks;
  const first = found.reduce((a, b) => (better(benchmark, b.value, a.value) ? b : a));
  const others = found.filter((one) => one !== first);
  if (others.every((one) => one.value === first.value)) return marks;
  giveTested(found, benchmark);
  const star = others.every((one) => apartBy(first, one, LIMITS[others.length]));
  for (const one of found) if (one.value === first.value) marks.set(one, { star, lead: !star });
  return marks;
}

function compareTable(chosen, rows) {
  const shared = rows.filter(({ key }) => chosen.every((model) => model.shown.has(key))), means = averaged(shared);
  const mean = means.length > 1 && chosen.length > 1;
  const about = chosen.length < 2 ? "Add a second model for a comparison."
    : mean ? `Average over the ${means.length} benchmarks in percent that all ${chosen.length} models have `
      + `(of ${rows.length} in the table).`
      : `No average: all ${chosen.length} models have ${plural(means.length, "benchmark")} in percent in common, `
        + "and an average takes two.";
  const stacked = narrow.matches && chosen.length > 1; // on a phone the benchmark's name stands over its numbers
  const lines = rows.map((benchmark) => {
    const scores = chosen.map((model) => model.shown.get(benchmark.key)), marks = compareMarks(benchmark, scores);
    return stackedRow(stacked, [benchmark.name, unitOf(benchmark)],
      scores.map((one) => scoreCell(benchmark, one, marks.get(one))), chosen.length);
  });
  if (mean) {
    const unit = { scale: 1, share: false, unit: "%", name: "Average", lower: means[0].lower };
    const found = chosen.map((model) => meanOver(model, means)), marks = compareMarks(unit, found);
    const cells = found.map((one) => el("td", { class: marks.get(one)?.star ? "n score star" : "n score" },
      marks.get(one)?.star && el("span", { class: "mark-star", "aria-hidden": "true" }, "★ "),
      el("strong", {}, tenths(one.mean)), one.error != null && el("span", { class: "rank" }, `± ${tenths(one.error)}`)));
    lines.unshift(stackedRow(stacked, [`Average of ${means.length}`, "%, ± standard error"], cells, chosen.length));
  }
  const heads = chosen.map((model, index) => [lastPart(model.id), `n k${index}head`]);
  const starred = soft("★ shown better than each of the others: the errors of these models tell them apart (95 %, "
    + "samples as independent: unpaired). A heavier number leads, and no more is known. ", hasOwn && PAIRED);
  return [el("p", { id: "average-of" }, about),
    table("compared", "The numbers of the compared models", stacked ? heads : [["Benchmark", "model"], ...heads], lines),
    chosen.length > 1 && starred];
}

function stackedRow(stacked, [name, unit], cells, width) {
  const sub = el("span", { class: "sub" }, unit);
  if (!stacked) return el("tr", {}, rowHead(name, sub), cells);
  return [el("tr", { class: "over" }, el("th", { scope: "rowgroup", colspan: width }, name, " ", sub)), el("tr", {}, cells)];
}

