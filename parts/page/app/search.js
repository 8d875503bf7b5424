// --- Search: models, developers, licenses and benchmarks; a typo proposes the nearest. ---

const folded = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
const benchmarkNames = benchmarks.map(({ key, name }) => [key, [...new Set([folded(name), folded(key)])]]);

/** The benchmark that a text names or begins, the best covered one first; null when it is too short or none. */
function benchmarkNamed(text) {
  const wanted = folded(text);
  if (wanted.length < 3) return null;
  for (const fits of [(name) => name === wanted, (name) => name.startsWith(wanted), (name) => name.includes(wanted)]) {
    const found = benchmarkNames.find(([, names]) => names.some(fits));
    if (found) return found[0];
  }
  return null;
}

let searchedFor = null, searchFound = null;
/** What a search asks for: words that a model's name or license must have, and a benchmark's column. */
function searched(q) {
  if (q === searchedFor) return searchFound;
  const all = q.toLowerCase().split(/\s+/).filter(Boolean), whole = benchmarkNamed(q);
  const anybody = (words) => models.some((model) => words.every((part) => model.text.includes(part)));
  searchedFor = q;
  const columnWord = whole || all.length < 2 ? undefined : all.find((part) => !anybody([part]) && benchmarkNamed(part));
  if (whole && !anybody(all)) searchFound = { words: [], column: whole, only: true };
  else if (columnWord) {
    const words = all.filter((part) => part !== columnWord);
    searchFound = { words, column: benchmarkNamed(columnWord), only: true };
  } else searchFound = { words: all, column: whole, only: false };
  return searchFound;
}

/** How many letters must be changed, added, dropped or swapped; more than the limit is not counted on. */
function distance(a, b, limit) {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before = [], last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    if (Math.min(...row) > limit) return limit + 1;
    [before, last] = [last, row];
  }
  return last[b.length];
}

let vocabulary = null;
/** A search with its unknown words replaced by the nearest known ones; null when none is near. */
function corrected(q) {
  vocabulary ??= [...new Set([...benchmarks.flatMap(({ name }) => name.toLowerCase().split(/\s+/)),
    ...models.flatMap((model) => [...model.text.split(/[\s/]+/), ...model.text.split(/[\s/_-]+/)])])]
    .filter((text) => text.length > 2 && text.length < 80);
  const near = (text) => {
    if (models.some((model) => model.text.includes(text)) || benchmarkNamed(text)) return text;
    let found = null, least = Math.min(3, Math.max(1, Math.floor(text.length / 4)));
    for (const known of vocabulary) {
      const steps = distance(text, known, least);
      if (steps <= least && (found === null || steps < least)) [found, least] = [known, steps];
    }
    return found;
  };
  const words = q.toLowerCase().split(/\s+/).filter(Boolean), better = words.map(near);
  return better.includes(null) || better.join(" ") === words.join(" ") ? null : better.join(" ");
}

/** What to say when no row is left: the nearest search, and what there would be without each filter. */
function nothingFound(list) {
  const ways = [
    state.q && [{ q: "" }, `the search “${cut(state.q, 40)}”`],
    state.license && [{ license: "" }, `the license ${cut(state.license, 40)}`],
    (state.min || state.max) && [{ min: "", max: "" }, "the bounds of the size"],
    state.complete && [{ complete: false }, "“only models with all these benchmarks”"],
    state.from && [{ from: null }, "the choice of sources"],
    state.keys && [{ keys: null }, "the choice of benchmarks"],
  ].filter(Boolean).map(([without, text]) => {
    const countable = !("from" in without || "keys" in without); // these need other columns or numbers
    const count = countable && filtered(list, without.complete ?? state.complete, { ...state, ...without }).length;
    return el("li", {}, button(`Without ${text}`, () => change({ ...without, page: 1 })),
      countable && ` ${plural(count, "model")}`);
  });
  const proposal = state.q && corrected(state.q), take = () => change({ q: proposal, page: 1 });
  return [el("p", {}, "No model fits these filters."),
    proposal && el("p", {}, "Did you mean ", button(proposal, take, { id: "proposal" }), "?"),
    ways.length > 0 && el("ul", { class: "ways" }, ways), button("Show all models", reset)];
}

