// Drawing and numbers: what everything else is made of. The files of this folder are one module, in the written order.
const MOST_COMPARED = 5;
const PAGE_ROWS = 50;
const DEFAULT_COLUMNS = 12;
const MOST_LISTED = 500;
const MOST_RANKED = 3000; // models whose ranks over other benchmarks than the usual ones are worked out here
const HIT_RADIUS = 18; // pixels around a dot that count as the dot

// --- Drawing: text is always a text node, an address is a link only when it is http or https. ---

const $ = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
function put(node, ...children) {
  node.replaceChildren();
  fill(node, {}, children);
}

const hidden = (text) => el("span", { class: "vh" }, text);
const soft = (...children) => el("p", { class: "soft" }, ...children);
const button = (text, onclick, more = {}) => el("button", { class: "button", type: "button", onclick, ...more }, text);
const number = (...children) => el("td", { class: "n" }, ...children);
const missing = (why) =>
  el("td", { class: "n missing" }, el("span", { "aria-hidden": "true" }, "—"), hidden(why));
const rowHead = (...children) => el("th", { scope: "row", class: "model" }, ...children);

/** A table that scrolls by itself and can be reached by keyboard; a head is [text, class] or [text, class, unit]. */
function table(id, caption, heads, rows) {
  const head = ([text, name, unit]) => el("th", { scope: "col", class: name },
    el("span", { class: "name" }, text), unit && el("span", { class: "unit" }, unit));
  return el("div", { class: "scroll board", role: "region", tabindex: "0", "aria-label": caption },
    el("table", { id }, el("caption", { class: "vh" }, caption),
      el("thead", {}, el("tr", {}, heads.map(head))), el("tbody", {}, rows)));
}

function webLink(address, text) {
  let url = null;
  try { url = new URL(address); } catch { /* not an address */ }
  if (!url || !["http:", "https:"].includes(url.protocol)) return el("span", { class: "name" }, text);
  const attributes = { href: url.href, rel: "noopener noreferrer nofollow", target: "_blank", class: "name" };
  return el("a", attributes, text, hidden(" (opens a new tab)"));
}

// --- Numbers as people read them. ---

const many = new Intl.NumberFormat("en");
const brief = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const plural = (count, one, more = `${one}s`) => `${many.format(count)} ${count === 1 ? one : more}`;
const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const lastPart = (id) => id.split("/").pop();
const SIZES = [["T", 1e12], ["B", 1e9], ["M", 1e6], ["K", 1e3], ["", 1]];

function size(parameters) {
  if (parameters == null) return null;
  const [unit, by] = SIZES.find(([, least]) => parameters >= least) ?? ["", 1];
  return `${Number((parameters / by).toPrecision(3))} ${unit}`.trim();
}
const points = (benchmark, value) => Number((value * benchmark.scale).toPrecision(14));
/** Give { value, error } what is tested of them (tested_values in the data's program): of shares, angles. */
function giveTested(list, unit) {
  const known = list.filter(({ error }) => error != null), scale = unit.scale / 100;
  const share = unit.share && known.every(({ value }) => value >= 0 && value * scale <= 1 + 1e-12);
  for (const one of known) {
    one.nearer = one.raised = unit.lower ? -one.value : one.value;
    one.spread = one.error ** 2;
    if (!share) continue;
    const part = Math.min(unit.lower ? 1 - one.value * scale : one.value * scale, 1), error = one.error * scale;
    let low = 0, high = 0.25 / error ** 2;
    for (let i = 0; i < 60; i += 1) {
      const n = (low + high) / 2;
      if ((n * part + 1) * (n * (1 - part) + 1) > error ** 2 * (n + 2) ** 3) low = n; else high = n;
    }
    [one.nearer, one.raised] = [-0.5, 0.5].map((half) =>
      Math.asin(Math.sqrt(Math.min(Math.max((low * part + half + 0.375) / (low + 0.75), 0), 1))));
    one.spread = 1 / (4 * low + 2);
  }
}
/** Whether a value is shown to be better than another one, at so many standard errors. */
const apartBy = (a, b, z) => a.error != null && b.error != null
  && a.nearer - b.raised >= z * Math.sqrt(a.spread + b.spread);
// An exact tie goes to the even digit, as in what `show` prints.
const tenths = (value) => (Math.abs(value % 1) === 0.25 ? value - Math.sign(value) * 0.05 : value).toFixed(1);
const format = (benchmark, value) => tenths(points(benchmark, value));
const unitOf = (benchmark) => `${benchmark.unit}${benchmark.lower ? ", lower is better" : ""}`;

/** Whether an error is worked out from the number of items, and whether it holds what lost answers could change. */
const isBinomial = ({ basis }) => basis.startsWith("binomial"), isWidened = ({ basis }) => basis.startsWith("wider");

function errorText(benchmark, score) {
  if (score.error == null) return null;
  const error = score.error * benchmark.scale, mark = isBinomial(score) ? "~" : "";
  return mark + (error && error < 0.05 ? error.toPrecision(1) : error.toFixed(1));
}
function rankText(score) {
  if (score.low == null) return null;
  return score.low === score.high ? `${score.low}` : `${score.low}–${score.high}`;
}

