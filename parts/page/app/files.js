// --- What people take away: a citation, a link, a file, paper. ---

/** A button that copies a text, and says so. */
function copyButton(text, content, more = {}) {
  const press = async (event) => {
    const pressed = event.target, copied = content();
    try { await navigator.clipboard.writeText(copied); } catch {
      const field = el("textarea", { class: "vh", "aria-hidden": "true", tabindex: "-1" }, copied);
      pressed.after(field); // inside the dialog, which alone may have the focus
      field.select();
      document.execCommand("copy");
      field.remove();
      pressed.focus();
    }
    pressed.dataset.copied = copied;
    pressed.textContent = "Copied";
    setTimeout(() => { pressed.textContent = text; }, 1500);
  };
  return button(text, press, { ...more, class: "button small" });
}

/** A number as it can be quoted: model, benchmark, value, items, source, date. */
function citation(model, benchmark, one) {
  const unit = benchmark.unit ? ` ${benchmark.unit}` : "", error = errorText(benchmark, one);
  const details = [one.shots, one.n != null && `n = ${one.n}`, error && `standard error ${error}`].filter(Boolean).join(", ");
  const source = [sources[one.source].label, one.origin, one.url ?? model.url].filter(Boolean).join(", ");
  return `${model.id}: ${benchmark.name} ${format(benchmark, one.value)}${unit}${details && ` (${details})`}; ${source}`
    + `${one.date ? `; ${one.date.slice(0, 10)}` : ""}. Collected ${data.collected}.`;
}

const FIELDS = ["model", "benchmark", "value", "unit", "rank_low", "rank_high", "standard_error", "error_from", "n", "source",
  "source_url", "date", "parameters", "license"];
/** The shown numbers of the models that the filters keep, in the table's order. */
function shownNumbers() {
  const list = columns();
  return sorted(filtered(list, state.complete)).flatMap((model) => list.flatMap((benchmark) => {
    const one = model.shown.get(benchmark.key);
    return one ? [[model.id, benchmark.key, points(benchmark, one.value), benchmark.unit, one.low, one.high,
      one.error == null ? null : points(benchmark, one.error), one.basis, one.n, sources[one.source].id, one.url, one.date,
      model.parameters, model.license]] : [];
  }));
}

/** A cell of CSV, in one line; what a spreadsheet would take for a formula follows an apostrophe, also where its list
 * separator, which depends on the country, cuts the text: "x;=1" is two cells in Berlin. */
function csvCell(value) {
  if (value == null || typeof value === "number") return value == null ? "" : String(value);
  const line = value.replace(/[\r\n\v\f\x85\u2028\u2029]+/g, " ");
  const cut = line.replace(/([;,\t|])(?=["'\s]*[=+\-@＝＋－＠|%])/g, "$1'");
  const safe = cut.replace(/^(?=["'\s]*[=+\-@＝＋－＠|%]|\s*\t)/, "'");
  return `"${safe.replaceAll('"', '""')}"`;
}

function download(form) {
  const rows = shownNumbers();
  const text = form === "csv" ? [FIELDS, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("")
    : JSON.stringify({ collected: data.collected, ranking: data.ranking, filters: address(state).slice(1),
      rows: rows.map((row) => Object.fromEntries(row.map((value, index) => [FIELDS[index], value ?? null]))) }, null, 1);
  const file = new Blob([text], { type: form === "csv" ? "text/csv;charset=utf-8" : "application/json" });
  const link = el("a", { href: URL.createObjectURL(file), download: `leaderboard.${form}` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const PRINTED_COLUMNS = 7; // that fit on paper, the model and its rank aside
/** On paper all rows, and the columns that do not fit beside the first ones in further tables. */
function drawPrint() {
  if (state.view !== "table") return;
  const list = columns(), rows = sorted(filtered(list, state.complete)), parts = [];
  for (let at = 0; at < list.length; at += PRINTED_COLUMNS) parts.push(list.slice(at, at + PRINTED_COLUMNS));
  put($("print"), parts.map((part, index) => el("table", {},
    el("thead", {}, el("tr", {}, ["Rank", "Model", ...(index ? [] : ["Average"]), ...part.map(({ name, unit }) => `${name}, ${unit}`)]
      .map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, rows.map((model) => el("tr", {}, rankCell(model), el("th", { scope: "row" }, model.id),
      !index && number(standing(model).mean == null ? "—" : tenths(standing(model).mean)),
      part.map((benchmark) => {
        const one = model.shown.get(benchmark.key);
        return number(one ? format(benchmark, one.value) : "—");
      })))))));
}
addEventListener("beforeprint", drawPrint);
addEventListener("afterprint", () => put($("print")));

