
// --- One model night after night: a line for each benchmark that it was measured on at several times. ---

/** The dated numbers of this model's own runs on a benchmark, the oldest first; empty where there is nothing to follow. */
function nightsOf(model, key) {
  const own = model.scores.get(key).filter((one) => sources[one.source].id === "own_run")
    .map((one) => ({ ...one, when: Date.parse(one.date) })).filter(({ when }) => Number.isFinite(when))
    .sort((a, b) => a.when - b.when);
  return new Set(own.map(({ when }) => when)).size > 1 ? own : [];
}
const changedIn = (one) => /(?:^|; )changed: (.*)$/.exec(one.notes ?? "")?.[1];

function nightsChart(benchmark, nights) {
  const width = 560, height = 150, left = 44, right = 10, top = 12, bottom = 24;
  const at = nights.map((one) => ({ one, value: points(benchmark, one.value), half: 1.96 * (one.error ?? 0) * benchmark.scale }));
  const low = Math.min(...at.map(({ value, half }) => value - half)), high = Math.max(...at.map(({ value, half }) => value + half));
  const first = nights[0].when, last = nights.at(-1).when, span = high - low || 1;
  const x = (when) => left + ((when - first) / (last - first)) * (width - left - right);
  const y = (value) => top + ((high - value) / span) * (height - top - bottom);
  const day = (when) => new Date(when).toISOString().slice(0, 10);
  const name = `${benchmark.name} by date: ${plural(nights.length, "run")} from ${day(first)} to ${day(last)}, `
    + `first ${tenths(at[0].value)}, last ${tenths(at.at(-1).value)} ${benchmark.unit}`;
  const said = nights.map((one) => [one, changedIn(one)]).filter(([, changed]) => changed);
  return el("figure", { class: "nights" },
    el("figcaption", {}, benchmark.name, el("span", { class: "soft" }, ` ${unitOf(benchmark)}, 95 % intervals`)),
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name },
      [low, high].map((value) => [line("grid", left, y(value), width - right, y(value)),
        label(left - 6, y(value) + 4, "end", tenths(value))]),
      label(left, height - 6, "start", day(first)), label(width - right, height - 6, "end", day(last)),
      said.map(([one]) => line("changed", x(one.when), top, x(one.when), height - bottom)),
      svg("path", { class: "by", d: at.map(({ one, value }, i) => `${i ? "L" : "M"}${x(one.when)} ${y(value)}`).join("") }),
      at.map(({ one, value, half }) => [half > 0 && line("whisker", x(one.when), y(value - half), x(one.when), y(value + half)),
        svg("circle", { cx: x(one.when), cy: y(value), r: 3, class: "night" },
          svg("title", {}, `${day(one.when)}: ${tenths(value)}`))])),
    said.length > 0 && el("ul", { class: "plain soft" },
      said.map(([one, changed]) => el("li", {}, `${day(one.when)}: ${changed}`))));
}

/** The charts of a model; nothing where it was measured once. */
function nightsCharts(model) {
  const found = benchmarks.filter(({ key }) => model.scores.has(key))
    .map((benchmark) => [benchmark, nightsOf(model, benchmark.key)]).filter(([, nights]) => nights.length > 0);
  return found.length > 0 && [el("h3", {}, "By date; a dashed line: something else than the score changed"),
    found.map(([benchmark, nights]) => nightsChart(benchmark, nights))];
}
