// --- The data, unpacked. ---

/** The data in the page: JSON, gzipped, in Base64. The table that stands there already is painted first. */
async function unpack() {
  await new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); setTimeout(done, 200); });
  const packed = Uint8Array.from(atob($("data").textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}
if (!("DecompressionStream" in globalThis)) {
  $("summary").textContent = "This browser is too old to unpack the data (it lacks DecompressionStream): only the first "
    + "rows are here.";
}
const data = await unpack();
const { sources, benchmarks } = data;
const keyed = new Map(benchmarks.map((benchmark) => [benchmark.key, benchmark]));
const word = (index) => (index == null ? null : data.strings[index]);
const models = data.models.map(([id, parameters, license, downloads], order) => ({
  id, order, parameters, downloads, license: word(license) ?? "unknown", url: null,
  text: `${id} ${word(license) ?? ""}`.toLowerCase(),
  low: data.places.low[order], high: data.places.high[order], // its ranks over the usual benchmarks
  scores: new Map(), // benchmark -> all its numbers, in the written order of sources
  shown: new Map(), // benchmark -> the one that is shown
}));
const named = new Map(models.map((model) => [model.id, model]));
const TEXTS = ["basis", "why", "shots", "metric", "url", "contributor", "revision", "date", "form", "origin", "notes"];

/** A file's name; a record's, which is a UUID, is packed as Base64 behind a space. */
function fileName(text) {
  if (!text.startsWith(" ")) return text;
  const hex = Array.from(atob(text.slice(1, 23)), (letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  return `${hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}.json${text.slice(23)}`;
}

/** The number in a row of the columns. */
function score(row) {
  const found = { index: row };
  for (const name in data.scores) found[name] = data.scores[name][row];
  for (const name of TEXTS) found[name] = word(found[name]);
  for (const [name, end] of [["url", "file"], ["notes", "record"]]) {
    if (found[end] != null) found[name] = found[name].replaceAll(" ", () => data.models[found.m][0]) + fileName(found[end]);
  }
  return found;
}
const numbers = data.scores.m.length;
for (let row = 0; row < numbers; row += 1) {
  const found = score(row), model = models[found.m], { key } = benchmarks[found.b];
  if (found.url?.startsWith("~") || sources[found.source].onHub) model.url = `${data.hub}/${model.id}`;
  found.url = found.url?.replace(/^~/, () => model.url);
  if (!model.scores.has(key)) model.scores.set(key, []);
  model.scores.get(key).push(found);
}
const apart = data.apart.map(([m, benchmark, value, source, why, url]) => {
  const page = `${data.hub}/${models[m].id}`, address = word(url);
  if (sources[source].onHub) models[m].url = page;
  return [models[m].id, word(benchmark), value, sources[source].label, word(why), address?.replace(/^~/, () => page)];
});
const sourceCounts = sources.map(() => 0);
for (const source of data.scores.source ?? []) sourceCounts[source] += 1;
const usedSources = sources.filter((_, index) => sourceCounts[index]);
const covered = new Map(benchmarks.map(({ key }) => [key, models.filter((model) => model.scores.has(key)).length]));
const primary = data.primary.map((index) => benchmarks[index]); // what the overall order stands on
const defaultKeys = [...new Set([...primary, ...benchmarks])].slice(0, Math.max(DEFAULT_COLUMNS, primary.length))
  .map(({ key }) => key);
const hasSizes = models.some((model) => model.parameters != null);
const hasDownloads = models.some((model) => model.downloads != null);
const hasOfficial = data.scores.official != null;
const defaultSort = primary.length > 1 ? "average" : primary[0]?.key ?? defaultKeys[0] ?? "model";

