// --- The table. ---

const marked = usedSources.length > 1; // where all numbers are from one source, a mark in each cell says nothing
const mark = (source) => source.short
  && el("span", { class: `mark ${source.id}`, title: source.label, "aria-hidden": "true" }, source.short);

function heading(id, label, unit, numeric = true) {
  const sortBy = () => change({ sort: id, up: id === state.sort ? !ascending() : null, page: 1 });
  return el("th", { scope: "col", class: numeric ? "n" : id, "data-sort": id },
    el("button", { type: "button", onclick: sortBy },
      el("span", { class: "name" }, label), el("span", { class: "arrow", "aria-hidden": "true" })),
    unit && el("span", { class: "unit" }, unit));
}

/** The benchmarks that the table has room for: on a phone the one that it is sorted by, or that was searched for. */
function fitting(list) {
  if (!narrow.matches) return list;
  const { column } = searched(state.q);
  return list.filter(({ key }) => key === (column ?? state.sort));
}
const showsAverage = () => averagedNow().length > 1 && (!narrow.matches || !fitting(columns()).length);
const showsSize = () => hasSizes && (!narrow.matches || state.sort === "size");
const showsDownloads = () => hasDownloads && (!narrow.matches || state.sort === "downloads");

let drawnHead = null;
/** The head is drawn again only when the columns change, so that a sorted column keeps the focus. */
function drawHead(list) {
  const means = averagedNow(), shown = [showsAverage(), showsSize(), showsDownloads()];
  const wanted = JSON.stringify([list.map(({ key }) => key), means.length, shown]);
  if (wanted !== drawnHead) {
    drawnHead = wanted;
    put($("head"), el("tr", {}, el("td", { class: "pickcell" }, hidden("Compare")),
      el("th", { scope: "col", class: "n rankhead" }, el("span", { class: "name" }, "Rank"), el("span", { class: "unit", id: "rankof" })),
      heading("model", "Model", null, false),
      shown[0] && heading("average", "Average", `of ${means.length}, %`),
      list.map((benchmark) => heading(benchmark.key, benchmark.name, unitOf(benchmark))),
      shown[1] && heading("size", "Size", "parameters"), shown[2] && heading("downloads", "Downloads", null)));
  }
  const by = keyed.get(state.sort);
  $("rankof").textContent = by ? (narrow.matches ? "" : cut(by.name, 16)) : means.length > 1 ? "average" : "";
  for (const cell of $("head").querySelectorAll("th[data-sort]")) {
    const on = cell.dataset.sort === state.sort;
    if (on) cell.setAttribute("aria-sort", ascending() ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
    cell.querySelector(".arrow").textContent = on ? (ascending() ? "▲" : "▼") : "";
  }
}

/** A number with its bar and rank. `star`: shown better than the others; `lead`: the leading number, no more than that. */
function scoreCell(benchmark, one, { lead, star, group } = {}) {
  if (!one) return missing("missing");
  const source = sources[one.source], error = errorText(benchmark, one);
  const rank = state.from ? null : rankText(one); // the ranks in the data are of numbers from all sources
  const value = format(benchmark, one.value), spread = error ? ` ± ${error} (standard error)` : "";
  const said = star ? ", shown better than the others" : group ? ", cannot be told from the best" : lead ? ", leads by the number alone" : "";
  const kind = ["n score", star && "star", group && "group", lead && !star && "lead"].filter(Boolean).join(" ");
  const number = el("span", { class: "value" }, value);
  if (benchmark.share) number.style.setProperty("--part", `${Math.round(Math.min(100, Math.max(0, points(benchmark, one.value))))}%`);
  return el("td", { class: kind, title: `${benchmark.name}: ${value} ${benchmark.unit}${spread}, ${source.label}` },
    el("span", { class: benchmark.share ? "bar" : "" }, star && el("span", { class: "mark-star", "aria-hidden": "true" }, "★ "), number),
    hidden(`${said}, ${source.label}`),
    (rank || one.official != null || (marked && source.short)) && el("span", { class: "rank" }, marked && mark(source),
      rank && hidden(", rank "), rank, one.official != null && el("span", { title: one.why ?? "its place on the Hub's leaderboard, by the value alone" },
        `${rank ? " · " : ""}Hub ${one.official}`)));
}

/** How a number of the table is marked: by the ranks among all models. */
const boardMarks = (one, best) => (one ? {
  star: one.low === 1 && one.high === 1 && !state.from, group: one.low === 1 && !state.from, lead: one.value === best,
} : {});

/** What stands in the rank's column: by the average, or by the benchmark that the table is sorted by. */
function rankCell(model) {
  const benchmark = keyed.get(state.sort), one = benchmark ? placesOn(benchmark).get(model) : standing(model);
  if (!one) return missing("no rank: no number");
  if (!benchmark && one.mean == null) {
    return el("td", { class: "n rankcell missing" }, `${one.have} of ${averagedNow().length}`, hidden(" of the averaged benchmarks: no place"));
  }
  const text = rankText(one), first = one.low === 1;
  if (!text) {
    const why = one.error == null ? "its error is not known" : "not worked out for so many models";
    return el("td", { class: "n rankcell missing", title: why }, "n/a", hidden(`: ${why}`));
  }
  return el("td", { class: first ? "n rankcell group" : "n rankcell" }, text,
    first && hidden(one.high === 1 ? ", shown better than the others" : ", cannot be told from the best"));
}

function meanCell(model) {
  const one = standing(model);
  if (one.mean == null) return missing("no average: some are missing");
  const spread = one.error == null ? null : el("span", { class: "rank", title: "standard error" }, `± ${tenths(one.error)}`);
  return el("td", { class: one.low === 1 ? "n group" : "n" }, el("strong", {}, tenths(one.mean)), spread);
}

function modelRow(model, list, best) {
  const [owner, ...rest] = model.id.split("/"), name = rest.join("/") || owner;
  const about = [rest.length ? owner : null, model.license === "unknown" ? null : model.license,
    narrow.matches ? size(model.parameters) : null].filter(Boolean);
  const box = el("input", {
    type: "checkbox", "aria-label": `Compare ${model.id}`, "data-model": model.order, onchange: () => toggle(model),
  });
  return el("tr", { "data-id": model.id, class: model.id === state.row ? "target" : null },
    el("td", { class: "pickcell" }, box), rankCell(model),
    rowHead(modelLink(model, el("span", { class: "clamp" }, name)),
      el("span", { class: "sub name clamp" }, about.join(" · "))),
    showsAverage() && meanCell(model),
    list.map((benchmark) => {
      const one = model.shown.get(benchmark.key);
      return scoreCell(benchmark, one, boardMarks(one, best.get(benchmark.key)));
    }),
    showsSize() && (model.parameters == null ? missing("unknown size") : number(size(model.parameters))),
    showsDownloads() && (model.downloads == null ? missing("downloads unknown") : number(brief.format(model.downloads))));
}

function drawTable() {
  const list = columns(), rows = sorted(filtered(list, state.complete)), fit = fitting(list);
  const best = bestOf(rows, fit), pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const target = state.row ? rows.findIndex(({ id }) => id === state.row) : -1;
  const page = target >= 0 ? Math.floor(target / PAGE_ROWS) + 1 : Math.min(state.page, pages);
  const first = (page - 1) * PAGE_ROWS, part = rows.slice(first, first + PAGE_ROWS);
  drawHead(fit);
  $("scroll").classList.toggle("dense", fit.length > 8);
  const none = () => el("tr", {}, el("td", { colspan: fit.length + 7, class: "empty" }, nothingFound(list)));
  put($("body"), rows.length ? part.map((model) => modelRow(model, fit, best)) : none());
  const column = keyed.get(state.sort)?.name ?? state.sort;
  $("caption").textContent = `Models and their numbers, sorted by ${column}, ${ascending() ? "lowest" : "highest"} first`;
  const [lead, by] = leaderText();
  put($("lead"), lead, by && el("span", { class: "by" }, by));
  drawCount(rows, list);
  drawMarks();
  drawPager(page, pages, first, part.length, rows.length);
  markChosen();
  const found = searched(state.q).column;
  if (found) $("head").querySelector(`[data-sort="${CSS.escape(found)}"]`)?.scrollIntoView({ block: "nearest", inline: "center" });
  if (target >= 0) $("body").querySelector(".target").scrollIntoView({ block: "center" });
  drawBeyond();
}

/** How many columns are out of sight to the right; a button brings them in. */
function drawBeyond() {
  const edge = $("scroll").getBoundingClientRect().right;
  const out = [...$("head").querySelectorAll("th.n")].filter((cell) => cell.getBoundingClientRect().right > edge + 1).length;
  if ($("beyond").dataset.out === `${out}`) return;
  $("beyond").dataset.out = out;
  put($("beyond"), out > 0 && button(`${plural(out, "more column")} →`,
    () => $("scroll").scrollBy({ left: $("scroll").clientWidth / 2 }), { class: "button small" }));
}
$("scroll").addEventListener("scroll", drawBeyond, { passive: true });
addEventListener("resize", drawBeyond, { passive: true });

function drawCount(rows, list) {
  const someColumns = list.length < benchmarks.length && `, ${list.length} of ${benchmarks.length} benchmarks`;
  put($("count"), el("strong", {}, many.format(rows.length)), ` of ${plural(models.length, "model")}`, someColumns);
  const notes = [];
  const without = models.filter((model) => !list.some(({ key }) => model.shown.has(key))).length;
  if (without) notes.push(`${plural(without, "model has", "models have")} no number in these columns`);
  const unsized = state.min === "" && state.max === "" ? 0 : models.filter((model) => model.parameters == null).length;
  if (unsized) notes.push(`${plural(unsized, "model")} of unknown size left out`);
  if (state.average) notes.push(averageNote(rows, list));
  $("note").textContent = notes.join(". ");
}

function averageNote(rows, list) {
  const means = averagedNow();
  if (means.length < 2) return "An average needs two benchmarks of the same unit";
  const having = rows.filter((model) => standing(model).mean != null).length;
  const out = list.filter((benchmark) => !means.includes(benchmark) && !benchmark.share).map((benchmark) => benchmark.name);
  const note = `Average over the same ${means.length} benchmarks for `
    + `${plural(having, "model that has all of them", "models that have all of them")} (± standard error)`;
  return state.average && out.length ? `${note}; not in it, as of another unit or direction: ${out.join(", ")}` : note;
}

function drawPager(page, pages, first, shown, total) {
  const move = (to) => () => {
    change({ page: to, row: "" });
    $("scroll").scrollTop = 0;
    $("scroll").focus();
  };
  put($("pager"), total > 0 && el("span", { class: "downloads" }, "Download these: ", button("CSV", () => download("csv")), " ", button("JSON", () => download("json"))),
    el("span", { class: "soft" }, total ? `${many.format(first + 1)}–${many.format(first + shown)} of ${many.format(total)}` : ""),
    pages > 1 && [button("Previous", move(page - 1), { disabled: page === 1 }), el("span", { class: "pages" }, `Page ${page} of ${pages}`),
      button("Next", move(page + 1), { disabled: page === pages })]);
}

const hasOwn = usedSources.some((source) => source.id === "own_run");
const PAIRED = "Ranks and stars here are unpaired, from each number's own error; own runs of two models on the same items are paired by: "
  + "uv run scripts/compare_results.py --results RESULTS --baseline A --candidate B";

/** What the tint and the star in the table say, where it has any: above it, to be read before the numbers. */
function drawMarks() {
  const seen = (kind) => $("body").querySelector(kind);
  put($("marks"),
    seen(".group") && el("li", {}, el("span", { class: "swatch", "aria-hidden": "true" }),
      "green: the best of its column, or cannot be told from it (95 %)"),
    seen(".star") && el("li", {}, el("span", { class: "mark-star", "aria-hidden": "true" }, "★ "),
      "shown better than all others in its column (95 %, unpaired)"));
}

function drawLegend() {
  put($("legend"),
    el("li", {}, "2–4 under a number: the places that its error allows among all models with a number here; a model "
      + "whose error is not known has no rank, and may be anywhere in the others'"),
    hasOwn && el("li", {}, PAIRED),
    hasOfficial && el("li", {}, "Hub 3: its place on the Hub's own leaderboard, by the value alone"),
    el("li", {}, "— missing: nobody reported it"),
    marked && usedSources.filter((source) => source.short).map((source) => el("li", {}, mark(source), source.label)),
    !marked && usedSources.map((source) => el("li", {}, `all numbers: ${source.label}`)));
}

