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
    number(size(parameters)), scoreCell(benchmark, model.shown.get(benchmark.key))));
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

