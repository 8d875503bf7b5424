// --- Which models and numbers are shown, and in which order. ---

const narrow = matchMedia("(max-width: 720px)");
/** The benchmarks with a column; one that was searched for is among them. */
function columns() {
  const keys = state.keys ?? defaultKeys, { column } = searched(state.q);
  return (column && !keys.includes(column) ? [column, ...keys] : keys).map((key) => keyed.get(key));
}
const downwards = (id) => (id === "average" ? Boolean(averagedNow()[0]?.lower) : Boolean(keyed.get(id)?.lower));
const ascending = () => state.up ?? (state.sort === "model" || downwards(state.sort));
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
      const first = scores.find((one) => allowed[one.source]);
      if (first) model.shown.set(key, first);
    }
  }
}

/** An average needs shares of one direction: the one that more of these benchmarks have; the same answers count once. */
function averaged(list) {
  const once = [...new Map([...list].reverse().map((benchmark) => [benchmark.answers, benchmark])).values()].reverse();
  const shares = once.filter((benchmark) => benchmark.share), lower = shares.filter((benchmark) => benchmark.lower);
  return shares.filter((benchmark) => benchmark.lower === lower.length > shares.length / 2);
}
const averagedNow = () => (state.average ? averaged(columns()) : primary);

/** A mean over benchmarks in percent with its error; without one when the model lacks one of them. */
function meanOver(model, list) {
  const found = list.map((benchmark) => model.shown.get(benchmark.key)), have = found.filter(Boolean).length;
  if (have < 1) return { model, have, mean: null };
  let sum = 0, known = true, widened = false;
  const together = new Map(); // metrics of the same answers err together
  for (const [index, { answers, scale }] of list.entries()) {
    const one = found[index];
    if (!one) continue;
    sum += points(list[index], one.value);
    known &&= one.error != null;
    widened ||= isWidened(one);
    together.set(answers, (together.get(answers) ?? 0) + one.error * scale);
  }
  const error = known ? Math.hypot(...together.values()) / have : null;
  return { model, have, mean: have < list.length ? null : sum / have, value: sum / have, error, widened };
}

/**
 * The models that lack some of the averaged benchmarks and, with the best possible numbers there, are not shown to be
 * behind, by the threshold of the ranks; those that could lead (`able`) first, by the mean there that they would need.
 */
function possibleLeaders(first, list) {
  const some = models.map(standing).filter((one) => one.have), pairs = some.length * (some.length - 1) / 2;
  const z = normalQuantile(1 - 0.05 / Math.max(pairs, 1) / 2), count = list.length, { lower } = list[0];
  return some.filter((one) => one.mean == null).flatMap((one) => {
    const lacks = count - one.have, needs = (count * first.mean - one.have * one.value) / lacks;
    const reach = first.error == null || one.error == null ? Infinity
      : z * Math.hypot(count * first.error, one.have * one.error) / lacks;
    const spare = lower ? needs : 100 - needs, able = spare > 1e-9; // of the best possible mean
    return spare + reach >= 0 ? [{ ...one, able, needs: Math.min(Math.max(needs, 0), 100) }] : [];
  }).sort((a, b) => b.able - a.able || (a.able ? (lower ? b.needs - a.needs : a.needs - b.needs) : b.have - a.have)
    || a.model.order - b.model.order);
}

let standings = new Map(), standingsOf = "", standingsIn = null;
/** Where a model stands in the overall order: its mean, error and ranks, or how many of the benchmarks it has. */
function standing(model) {
  if (standingsIn !== state) computeStandings();
  return standings.get(model);
}

function computeStandings() {
  const list = averagedNow(), wanted = JSON.stringify([list.map(({ key }) => key), state.from]);
  standingsIn = state;
  if (wanted !== standingsOf) {
    standingsOf = wanted;
    standings = new Map(models.map((one) => [one, meanOver(one, list)]));
    const placed = [...standings.values()].filter((one) => one.mean != null);
    if (list === primary && !state.from) for (const one of placed) [one.low, one.high] = [one.model.low, one.model.high];
    else if (placed.length <= MOST_RANKED) rankRanges(placed, { scale: 1, share: true, lower: list[0]?.lower });
  }
}

let placedOf = "", placedNow = new Map();
/** Model -> its number on a benchmark with the ranks among those that are shown: of the chosen sources, if some are. */
function placesOn(benchmark) {
  const wanted = JSON.stringify([benchmark.key, state.from]);
  if (wanted !== placedOf) {
    placedOf = wanted;
    const found = models.filter((model) => model.shown.has(benchmark.key))
      .map((model) => ({ ...model.shown.get(benchmark.key), model }));
    for (const one of found) one.widened = isWidened(one);
    if (state.from) for (const one of found) one.low = one.high = null;
    if (state.from && found.length <= MOST_RANKED) rankRanges(found, benchmark);
    placedNow = new Map(found.map((one) => [one.model, one]));
  }
  return placedNow;
}

/** Quantile of the normal distribution for a probability above 1/2 (Acklam's approximation, 1e-9). */
function normalQuantile(p) {
  const q = p - 0.5, tail = Math.sqrt(-2 * Math.log(1 - p));
  const poly = (x, ...coefficients) => coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
  if (p < 0.97575) {
    const r = q * q;
    return q * poly(r, -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716,
      2.506628277459239) / poly(r, -54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972,
      -13.28068155288572, 1);
  }
  return -poly(tail, -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734,
    4.374664141464968, 2.938163982698783) / poly(tail, 0.007784695709041462, 0.3224671290700398, 2.445134137142996,
    3.754408661907416, 1);
}

/** Give { value, error } the ranks that each may have: the rule of the data (z-tests of all pairs, Holm at 5 %). */
function rankRanges(list, unit) {
  giveTested(list, unit);
  const known = list.filter((one) => one.error != null).sort((a, b) => b.nearer - a.nearer);
  const pairs = known.length * (known.length - 1) / 2;
  let rejected = 0;
  for (;;) {
    const z = normalQuantile(1 - 0.05 / Math.max(pairs - rejected, 1) / 2);
    const above = known.map(() => 0), below = known.map(() => 0);
    let told = 0;
    for (let i = 0; i < known.length; i += 1) for (let j = i + 1; j < known.length; j += 1) {
      if (apartBy(known[i], known[j], z)) { above[j] += 1; below[i] += 1; told += 1; }
    }
    known.forEach((one, index) => { [one.low, one.high] = [1 + above[index], list.length - below[index]]; });
    if (told <= rejected) return;
    rejected = told;
  }
}

/** The models that the filters keep, of those with a number for one (or each) of the benchmarks in a list. */
function filtered(list, each, filters = state) {
  const { words, column, only } = searched(filters.q);
  const least = filters.min === "" ? -Infinity : Number(filters.min) * 1e9;
  const most = filters.max === "" ? Infinity : Number(filters.max) * 1e9;
  const anySize = least === -Infinity && most === Infinity;
  const has = (model) => (benchmark) => model.shown.has(benchmark.key);
  return models.filter((model) =>
    words.every((part) => model.text.includes(part))
    && (!only || model.shown.has(column))
    && (anySize || (model.parameters != null && model.parameters >= least && model.parameters <= most))
    && (!filters.license || model.license === filters.license)
    && (each ? list.every(has(model)) : list.some(has(model))));
}

/** Missing values come last in both directions, those with most of the averaged benchmarks first; then by name. */
function sorted(rows) {
  const value = COLUMNS.get(state.sort) ?? ((model) => model.shown.get(state.sort)?.value);
  const have = state.sort === "average" ? (model) => standing(model).have : () => 0;
  const sign = ascending() ? 1 : -1;
  const order = ([a, one, some], [b, two, others]) => {
    if (a === b) return others - some || one.order - two.order;
    if (a === null || b === null) return a === null ? 1 : -1;
    return sign * (a - b);
  };
  return rows.map((model) => [value(model) ?? null, model, have(model)]).sort(order).map(([, model]) => model);
}

/** Benchmark -> the best of the shown numbers of some models; none where all are the same. */
function bestOf(rows, list) {
  const best = new Map();
  for (const benchmark of list) {
    const values = rows.flatMap((model) => model.shown.get(benchmark.key)?.value ?? []);
    const first = values.reduce((a, b) => (better(benchmark, b, a) ? b : a), values[0]);
    if (values.some((value) => value !== first)) best.set(benchmark.key, first);
  }
  return best;
}

/** What an average does with several metrics of the same answers, as a sentence to follow; empty for none. */
function sharedAnswers(list) {
  return [...new Set(list.map(({ answers }) => answers))].map((answers) => {
    const keys = list.filter((one) => one.answers === answers).map(({ key }) => key);
    const left = benchmarks.filter((one) => one.answers === answers && !list.includes(one)).map(({ key }) => key);
    if (keys.length > 1) return ` ${keys.join(", ")} are of the same answers, so their errors add up.`;
    return left.length ? ` ${left.join(", ")}: of the same answers as ${keys[0]}, so not counted again.` : "";
  }).join("");
}

/** How many models some names are of: a model at a commit, or of a day, is no other one. */
const countModels = (list) => new Set(list.map(({ id }) =>
  id.replace(/@(?:[0-9a-f]{40}|\d{4}-\d\d-\d\d(?:T[\d:]+Z)?)(?: \(.*\)$|(?=$| \[))/, ""))).size;

/** How many of all models an order is of, and why not of all; which of the others could lead. */
function amongText(placed, count, rivals) {
  const all = countModels(models), here = countModels(placed.map(({ model }) => model)), others = all - here;
  if (!others) return `Among all ${many.format(all)} models.`;
  const [who, have] = others > 1 ? [many.format(others), "have"] : ["one", "has"];
  const [first] = rivals, more = countModels(rivals.filter((one) => one.able).map(({ model }) => model)) - 1;
  const rival = first && `${first.model.id} (${first.have} of ${count})`;
  const could = !first ? "" : !first.able ? `; none could lead, ${rival} could come within the errors`
    : `; ${rival} would need ${tenths(first.needs)} there to lead${more ? `, and ${many.format(more)} more could lead` : ""}`;
  return `Among ${many.format(here)} of ${many.format(all)} models: the other ${who} ${have} no number ${count > 1
    ? "for a benchmark of this average" : "to compare"}${could}.`;
}

/** [who leads by the column that the table is sorted by, by how much, whether that is certain, among how many; by what]. */
function leaderText() {
  const benchmark = keyed.get(state.sort), list = averagedNow();
  if (!benchmark && (state.sort !== "average" || !list.length)) return [];
  const names = list.map(({ name }) => name);
  const what = benchmark ? benchmark.name : `the average of ${names.slice(0, 6).join(", ")}`
    + (names.length > 6 ? ` and ${names.length - 6} more` : "");
  const chosen = state.from ? ", of numbers from the chosen sources" : "";
  const unit = benchmark ? benchmark : { scale: 1, share: true, lower: list[0].lower };
  const found = benchmark ? [...placesOn(benchmark).values()] : models.map(standing).filter((one) => one.mean != null);
  const placed = found.sort((a, b) => (unit.lower ? a.value - b.value : b.value - a.value)
    || a.model.order - b.model.order);
  if (!placed.length) return [`No model has ${what}.`];
  const [first, second] = placed;
  const told = (one) => format(unit, one.value) + (one.error == null ? ""
    : ` ± ${tenths(one.error * unit.scale)} std. error${one.widened ? " with lost answers" : ""}`);
  const by = ` By ${what}${chosen}.${benchmark || list.length < 2 ? "" : sharedAnswers(list)}`;
  const count = benchmark ? 1 : list.length, rivals = benchmark ? [] : possibleLeaders(first, list);
  const among = amongText(placed, count, rivals);
  if (!second) return [`${first.model.id} leads with ${told(first)}; no other model can be compared.`, ` ${among}${by}`];
  const gap = tenths(Math.abs(points(unit, first.value) - points(unit, second.value)));
  const leads = Number(gap) ? `leads by ${gap} points over` : "is level with";
  const lead = `${first.model.id} ${leads} ${second.model.id} (${told(first)} to ${told(second)}).`;
  const alike = placed.slice(1).filter((one) => one.low === 1), more = alike.length - 1;
  const unlike = (benchmark ? [benchmark] : list).filter((one) => one.unlike).slice(0, 3)
    .map((one) => `${one.name} (${one.unlike})`).join(", ");
  const certain = first.low == null ? `Whether that is certain is not known: ${first.error == null
    ? "an error is missing" : `ranks of more than ${many.format(MOST_RANKED)} models are not worked out here`}.`
    : first.high === 1 ? (unlike ? `Certain by the numbers (95 %), but not measured alike: ${unlike}.`
      : rivals.length ? `Certain (95 %) only among the models with all ${count} benchmarks.` : "That is certain (95 %).")
      : alike.length ? `Not certain: ${alike[0].model.id}${more ? ` and ${plural(more, "other")}` : ""} cannot be told `
        + "apart from it (95 %)."
        : "Not certain: the error of others is not known.";
  const said = unlike && first.high !== 1 ? ` Not measured alike: ${unlike}.` : "";
  return [`${lead} ${certain}${said} ${among}`, by];
}

