// --- Coverage, and how to read the numbers. ---

function drawCoverage() {
  const rows = benchmarks.map((benchmark) => {
    const first = models.flatMap((model) => model.scores.get(benchmark.key)?.[0] ?? []);
    const share = 100 * first.length / models.length, bar = el("span", {});
    bar.style.width = `${share}%`;
    const by = usedSources.map((source) => first.filter((one) => sources[one.source] === source).length);
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
    el("p", {}, (data.claimed ? "" : "Every number here is one that somebody published with the model, or that was "
      + "measured with this project; none is made up. ") + `Collected on ${data.collected}: `
      + `${usedSources.map((source) => `${many.format(sourceCounts[sources.indexOf(source)])} ${source.label}`).join(", ")}`
      + `${data.read ? `; ${plural(data.read, "model was", "models were")} asked for on the Hub` : ""}.`),
    el("h3", {}, "Which number is shown"),
    el("p", {}, "When a model has several numbers for one benchmark, all of them are kept, and the table shows the "
      + "first in this order; a model's page shows them all."),
    el("ol", { id: "order" }, order),
    el("h3", {}, "Ranks"), el("p", { id: "ranking" }, data.ranking),
    el("p", {}, "A model whose error is not known has no rank; as it may be anywhere, the others' ranges are wider by one."),
    el("h3", {}, "The overall order"),
    el("p", {}, `It is by the average over ${plural(primary.length, "benchmark")}: `
      + `${primary.map(({ name }) => name).join(", ") || "there is none"}. Unless somebody chose them, these are the ones `
      + "that most models share: the set with the most numbers of models that have all of it. An average is only ever "
      + "taken over the same benchmarks for every model that gets one, all in percent and of one direction; a model "
      + "that lacks one stands below, with a count of what it has. Its error is that of independent benchmarks; those "
      + "of several metrics of the same answers add up."),
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
  const aside = apart.filter(([id]) => id === model.id), one = standing(model);
  const rows = benchmarks.filter(({ key }) => model.scores.has(key)).flatMap((benchmark) =>
    model.scores.get(benchmark.key).map((other, index) => scoreRow(model, benchmark, other, index > 0)));
  const heads = [["Benchmark", ""], ["Score", "n"], ["Rank", "n"]];
  heads.push(...["How", "Source", "By", "Date"].map((text) => [text, ""]));
  const overall = one.mean != null && averagedNow().length > 1
    && `${tenths(one.mean)}${one.error == null ? "" : ` ± ${tenths(one.error)} (standard error)`}, rank ${rankText(one) ?? "n/a"}`;
  put(dialog,
    el("div", { class: "head" }, el("h2", { id: "title-model", class: "name" }, model.id),
      button("Close", () => dialog.close())),
    el("dl", { class: "facts" }, overall && fact(`Average of ${averagedNow().length}`, overall),
      hasSizes && fact("Parameters", size(model.parameters) ?? "unknown"), fact("License", model.license),
      hasDownloads && fact("Downloads", model.downloads == null ? "unknown" : many.format(model.downloads)),
      fact("Benchmarks", many.format(model.scores.size)), model.url && fact("Page", webLink(model.url, model.url))),
    el("p", { class: "actions" }, compareButton(model), " ",
      copyButton("Copy a link to its row", () => location.href.split("#")[0] + address({ ...PLAIN, row: model.id }))),
    table("numbers", `All numbers of ${model.id} and their sources`, heads, rows),
    nightsCharts(model),
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

function scoreRow(model, benchmark, one, other) {
  const source = sources[one.source], error = errorText(benchmark, one);
  const listed = (...parts) => parts.filter(Boolean).join(", ");
  const how = listed(one.metric, one.shots, one.n != null && `n = ${many.format(one.n)}`,
    one.written != null && `written as ${one.written}`, one.notes);
  const where = listed(one.form, one.origin, one.revision && `at ${one.revision}`);
  const name = one.request == null ? source.label : `${source.label} #${one.request}`;
  return el("tr", { class: other ? "other" : "" },
    el("th", { scope: "row" }, benchmark.name, other && el("span", { class: "soft" }, " also reported")),
    number(`${format(benchmark, one.value)} `, el("span", { class: "soft" }, benchmark.unit),
      error && el("span", { class: "rank" }, `± ${error} (standard error)`)),
    number(other ? "not ranked" : rankText(one) ?? "n/a",
      one.official != null && el("span", { class: "rank basis" }, `Hub ${one.official}${one.why ? `: ${one.why}` : ""}`),
      !other && one.basis && el("span", { class: "rank basis" }, `error: ${one.basis}`)),
    el("td", { class: "wrap name" }, how || "—"),
    el("td", { class: "wrap" }, mark(source), webLink(one.url, name),
      where && el("span", { class: "rank name" }, where)),
    el("td", { class: "wrap name" }, one.contributor ?? "—"),
    el("td", { class: "date name" }, one.date ?? "—",
      copyButton("Cite", () => citation(model, benchmark, one), { "aria-label": `Copy a citation of ${benchmark.name}` })));
}

