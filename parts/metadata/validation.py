"""Findings about model-index and .eval_results: what the Hub would refuse or misread."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from urllib.parse import urlsplit

from parts.foreign import said_number
from parts.frame import nearest, single_line
from parts.metadata.entries import Finding
from parts.metadata.official import shipped_list
from parts.vocabulary import folded_name

MAX_FINDINGS = 200  # of one document; the rest is counted
MAX_CHECKED = 100_000  # values of one document that are looked at; what aliases repeat counts each time
_CUT = r"(?:[@^]|_at_)\d{1,6}"  # @1, ^8, _at_10
_BY = r"(?:(?:max|cos|cosine|cos_sim|dot|dot_score|euclidean|manhattan|similarity)_)?"  # of embeddings
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]")
MARKUP = re.compile(
    r"""(?x)
    </?[a-zA-Z][^<>]{0,300}> | <!-- | &(?:[a-zA-Z]{2,10}|\#\d{1,6}|\#x[\da-fA-F]{1,6});    # <b>, <!--, &amp;
  | \[[^\[\]]{0,200}\]\([^()\s]{1,300}\) | \[\^[^\[\]]{1,40}\]                             # [a](b), [^1]
  | \*\*(?=\S)[^*]{1,200}\*\* | ~~[^~]{1,200}~~ | `[^`]{1,200}`                            # **a**, ~~a~~, `a`
  | (?<!\w)__(?=\S)[^_]{1,200}__(?!\w) | (?<![\w*])\*(?=\S)[^*]{1,200}(?<=\S)\*(?![\w*])   # __a__, *a*
  | \$[^$]{0,100}[\\^_{}][^$]{0,100}\$ | \$[A-Za-z]{1,3}\$ | \\(?:[a-zA-Z]{2}|[(\[])       # $\tau^2$, $k$, \textbf, \(
  | \A\s{0,3}(?:\#{1,6}|>|[-*+])\s                                                         # "# a", "> a", "- a"
    """
)
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_HUB_NAME = r"[A-Za-z0-9][\w.-]{0,95}"
Bounds = tuple[float | None, float | None, bool]  # lowest and highest value in percent or points; a share?


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# https://huggingface.co/tasks; huggingface.js, packages/tasks/src/pipelines.ts
PIPELINE_TAGS = word_set(
    """
    any-to-any audio-classification audio-text-to-text audio-to-audio automatic-speech-recognition depth-estimation
    document-question-answering feature-extraction fill-mask graph-ml image-classification image-feature-extraction
    image-segmentation image-text-to-image image-text-to-text image-text-to-video image-to-3d image-to-image
    image-to-text image-to-video keypoint-detection mask-generation multiple-choice object-detection other
    question-answering reinforcement-learning robotics sentence-similarity summarization table-question-answering
    table-to-text tabular-classification tabular-regression tabular-to-text text-classification text-generation
    text-ranking text-retrieval text-to-3d text-to-audio text-to-image text-to-speech text-to-video
    text2text-generation time-series-forecasting token-classification translation unconditional-image-generation
    video-classification video-text-to-text video-to-video visual-document-retrieval visual-question-answering
    voice-activity-detection zero-shot-classification zero-shot-image-classification zero-shot-object-detection
    """
)

# https://huggingface.co/evaluate-metric, and what trainers and harnesses write besides.
KNOWN_METRICS = word_set(
    """
    average bleurt character charcut_mt code_eval competition_math confusion_matrix coval cuad frugalscore glue index
    indic_glue main_score mase mauve mos nist_mt poseval psnr r2 r_squared sari score seqeval smape squad squad_v2 ssim
    super_glue trec_eval v_measure wiki_split xnli xtreme_s
    """
)

# Metric types that tell by themselves what a value can be: lowest, highest (in percent), a share of something.
METRIC_RANGES = (
    # cosine_ndcg@10, map_at_100; the more are counted the smaller, so no hint of the scale
    (rf"{_BY}(?:accuracy|precision|recall|map|mrr|ndcg){_CUT}", (0, 100, False)),
    # accuracy, acc_norm, macro_f1, cosine_ap, mc2; pass@1, maj@64; inst_level_strict_acc; win_rate
    (
        rf"{_BY}(?:(?:macro|micro|weighted|balanced|relaxed|mean|eval|test|avg|top_?\d|quasi|prefix)_)?(?:acc(?:uracy)?"
        r"|em|exact_match|f1|precision|recall|mc[12]|roc_auc|auc|auroc|ap|map|mrr|ndcg|anls|iou|dice)"
        rf"(?:_(?:norm|score|macro|micro|weighted|strict))?"
        rf"|(?:g_)?(?:pass|maj|cons|avg|mean|best|hits?){_CUT}|(?:prompt|inst)_level_(?:strict|loose)_acc(?:uracy)?"
        r"|(?:win|pass|success|attack_success|resolved?|refusal|medal|hit|executable)_rate|toxicity",
        (0, 100, True),
    ),
    (r"(?:sacre|google_)?bleu(?:_?\d)?|chrf(?:\+\+|pp)?|rouge(?:_?[l\d](?:sum)?)?|meteor", (0, 100, False)),
    (
        rf"{_BY}(?:mcc|matthews_correlation|(?:pearson|spearman)r?|kendall(?:_tau)?|(?:cohens?_)?kappa)"
        r"|(?:pearson|spearman)_(?:cosine|dot|euclidean|manhattan|max)",
        (-100, 100, False),
    ),
    (
        r"(?:[wcmtp]er|mae|r?mse|mape|fid|(?:word_|byte_)?(?:perplexity|ppl)|bits_per_(?:byte|character)|bpb"
        r"|brier_score)(?:_ortho|_norm)?",
        (0, None, False),
    ),
    (r"(?:\w{1,9}_)?loss|elo(?:_rating)?|rating|(?:mean_)?reward|cider|bertscore|comet", (None, None, False)),
)
GENERIC_METRICS = word_set("score main_score value result average avg mean index")  # the benchmark says their range

# Texts with a form: the form, how bad another one is, what it should be.
TEXT_FORMS = {
    "type": (re.compile(r"[\w.+-]{1,100}(?:/[\w.+-]{1,100})?"), "warning", "the id of a data set on the Hub"),
    "benchmark": (
        re.compile(rf"{_HUB_NAME}/{_HUB_NAME}", re.ASCII),
        "error",
        "the OWNER/NAME of a data set on the Hub",
    ),
    "account": (re.compile(_HUB_NAME, re.ASCII), "error", "the name of an account on the Hub"),
}

# What each mapping of the two formats may hold, and as what; "!": it must. Specifications: modelcard.md and
# eval_results.yaml in https://github.com/huggingface/hub-docs. "" is checked elsewhere, or the Hub's own affair.
METADATA_FIELDS = {
    kind: dict(field.split(":") for field in fields.split())
    for kind, fields in {
        "model": "name:name! results:",
        "result": "task: dataset: metrics: source:",
        "task": "type:task! name:name",
        "dataset": "type:type! name:name! config:line split:line revision:line args:args",
        "metric": "type:metric! value: name:name config:line args:args verified: verifyToken:",
        "source": "name:name url:url",
        "entry": "dataset: value: verifyToken:line date:date source: notes:line",
        "benchmark": "id:benchmark! task_id:line! revision:line",
        "origin": "url:url! name:name user:account org:account",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One value in the metadata: where it stands, and of what it is."""

    path: str
    document: str
    place: tuple[Any, ...]  # two claims to one place repeat or contradict each other,
    detail: tuple[Any, ...]  # unless this tells them apart
    value: float
    group: tuple[Any, ...]  # values that are to be on one scale
    share: bool  # of something: at most 1, or a percentage


class KnownWords:
    """The vocabulary's data sets, metrics and benchmarks, by the names that metadata has for them."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self.mapping = mapping
        entries = [entry for entry in mapping.values() if isinstance(entry, dict) and entry.get("kind") == "benchmark"]
        known = {entry["hub"]["dataset_id"]: entry for entry in entries if entry["hub"]}
        self.hubs = {found.dataset_id: None for found in shipped_list().benchmarks.values()} | known if known else {}
        self.metrics = KNOWN_METRICS | {entry["model_index"]["metric_type"] for entry in entries}
        self.benchmarks: dict[str, list[dict[str, Any]]] = {}  # by folded name and alias, and by OWNER/NAME in small
        for entry in entries:
            names = {folded_name(name) for name in (entry["name"], *entry["aliases"])}
            for name in names | {entry["model_index"]["type"].lower()}:
                self.benchmarks.setdefault(name, []).append(entry)


KEPT_WORDS: dict[int, KnownWords] = {}  # by the id of the mapping, which they hold


class Findings:
    """What has been found in a document, and how many of its values may still be looked at."""

    def __init__(self, mapping: Mapping[str, Any], hubs: Iterable[str] = ()) -> None:
        words = KEPT_WORDS.get(id(mapping))
        if words is None or words.mapping is not mapping:
            words = KEPT_WORDS[id(mapping)] = KnownWords(mapping)
        self.hubs = words.hubs | dict.fromkeys(set(hubs) - set(words.hubs))
        self.metrics, self.benchmarks = words.metrics, words.benchmarks
        self.found: list[Finding] = []
        self.left = MAX_CHECKED
        self.seen: set[int] = set()  # ids of the mappings that were checked: an alias of one is not checked again
        self.words: dict[tuple[str, str], list[int]] = {}  # an unknown word: the index of its finding, how often

    def add(self, path: str, severity: str, message: str) -> None:
        self.found.append(Finding(path, severity, message))

    def unknown(self, path: str, what: str, word: Any, known: Iterable[str]) -> None:
        """Warn of a word once, with the nearest known ones, however often it occurs."""
        place = self.words.setdefault((what, shown_value(word)), [len(self.found), 0])
        place[1] += 1
        if place[1] == 1:
            similar = isinstance(word, str) and len(self.found) < MAX_FINDINGS  # a slow search
            hint = nearest(word[:60], known) if similar else ""
            self.add(path, "warning", f"{what} {shown_value(word)} is not known{hint}")

    def items(self, path: str, value: Any) -> Iterator[tuple[str, dict[Any, Any]]]:
        """The mappings in a list, with their paths; anything else is an error."""
        if not isinstance(value, list):
            self.add(path, "error", "is missing" if value is None else f"is {shown_value(value)}, not a list")
            return
        if not value:
            self.add(path, "warning", "is an empty list")
        for number, item in enumerate(value):
            self.left -= 1
            if self.left < 0:
                return
            if isinstance(item, dict):
                yield f"{path}[{number}]", item
            else:
                self.add(f"{path}[{number}]", "error", f"is {shown_value(item)}, not a mapping")

    def fields(self, path: str, value: Any, kind: str, required: bool = True) -> dict[Any, Any]:
        """A mapping, its fields checked the first time that it is met; {} when it is none."""
        if not isinstance(value, dict):
            if required or value is not None:
                self.add(path, "error", "is missing" if value is None else f"is {shown_value(value)}, not a mapping")
            return {}
        if id(value) in self.seen:
            return value
        self.seen.add(id(value))
        for key in itertools.islice(value, max(self.left, 0)):
            self.left -= 1
            if not isinstance(key, str) or key not in METADATA_FIELDS[kind]:
                self.unknown(path, "the key", key, METADATA_FIELDS[kind])
        for key, rule in METADATA_FIELDS[kind].items():
            if value.get(key) is not None:
                check_field(self, f"{path}.{key}", value[key], rule)
            elif rule.endswith("!"):
                self.add(f"{path}.{key}", "error", "is missing")
        return value

    def comparable(self, value: Any, depth: int = 20) -> tuple[Any, ...]:
        """A hashable stand-in, equal for equal values; without measure it is equal to the same object's alone."""
        if isinstance(value, (str, int, float, date)) or value is None:
            return (isinstance(value, bool), value)
        self.left -= len(value) if isinstance(value, (dict, list)) else 0
        if not isinstance(value, (dict, list)) or self.left < 0 or not depth:
            return ("", id(value))
        if isinstance(value, list):
            return ("list", *(self.comparable(item, depth - 1) for item in value))
        pairs = ((self.comparable(key), self.comparable(item, depth - 1)) for key, item in value.items())
        return ("mapping", frozenset(pairs))

    def listed(self) -> list[Finding]:
        """All findings in the document's order; of too many the errors first, and how many more there are."""
        for index, count in self.words.values():
            if count > 1:
                first = self.found[index]
                self.found[index] = dataclasses.replace(first, message=f"{first.message}; {count} times")
        if self.left < 0:
            self.add("", "error", f"more than {MAX_CHECKED:,} values, aliases expanded: the rest was not checked")
        if len(self.found) <= MAX_FINDINGS:
            return self.found
        order = sorted(range(len(self.found)), key=lambda index: self.found[index].severity)  # "error" < "warning"
        rest = [self.found[index].severity for index in order[MAX_FINDINGS:]]
        more = Finding("", "warning", f"and {len(rest):,} more, {rest.count('error'):,} of them errors")
        return [self.found[index] for index in sorted(order[:MAX_FINDINGS])] + [more]


def shown_value(value: Any) -> str:
    """A value from metadata for a message: short, and nothing in it acts on a terminal."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:60] + "…")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**15):
        return repr(value)
    if isinstance(value, date):
        return f"the date {value.isoformat()}"
    names = {dict: "a mapping", list: "a list", bytes: "binary data", int: "a huge whole number"}
    return names.get(type(value), f"a {type(value).__name__}")


def check_field(out: Findings, path: str, value: Any, rule: str) -> None:
    """Check one field by what METADATA_FIELDS says that it is."""
    severity, rule = "error" if rule.endswith("!") else "warning", rule.rstrip("!")
    if isinstance(value, str) and rule and not value.strip():
        out.add(path, severity, "is empty")
    elif rule == "args":
        if not isinstance(value, (dict, str)):  # trainers write the configuration's name there
            out.add(path, "warning", f"is {shown_value(value)}, not a mapping of arguments")
    elif rule == "date" and isinstance(value, date):
        out.add(path, "warning", f"is {shown_value(value)} to YAML, not a text; put it in quotes")
    elif rule and is_line(out, path, value):
        check_text(out, path, value, rule)


def is_line(out: Findings, path: str, value: Any) -> bool:
    """Whether a field is text on one line; an error when it is not."""
    if not isinstance(value, str):
        out.add(path, "error", f"is {shown_value(value)}, not a text; put it in quotes")
    elif bad := CONTROL_CHARACTER.search(value):
        out.add(path, "error", f"has a line break or control character (U+{ord(bad[0]):04X}): {shown_value(value)}")
    elif len(value) > 10_000:
        out.add(path, "error", f"is {len(value):,} characters long")
    else:
        return True
    return False


def check_text(out: Findings, path: str, text: str, rule: str) -> None:
    form, severity, wanted = TEXT_FORMS.get(rule, (None, "", ""))
    if form and not form.fullmatch(text):
        out.add(path, severity, f"is {shown_value(text)}, not {wanted}")
    elif rule == "name" and len(text) > 500:
        out.add(path, "error", f"is {len(text):,} characters long, which is no name")
    elif rule == "name" and (markup := MARKUP.search(text)):
        out.add(path, "error", f"is to be plain text, but has the markup {shown_value(markup[0].strip())}")
    elif rule == "url" and (reason := url_problem(text)):
        out.add(path, "error", reason)
    elif rule == "date" and not is_date(text):
        out.add(path, "error", f"is {shown_value(text)}, not a date as '2025-01-15' or '2025-01-15T10:30:00Z'")
    elif rule == "task" and text not in PIPELINE_TAGS:
        out.unknown(path, "task type", text, PIPELINE_TAGS)
    elif rule == "metric" and fold_metric(text) not in out.metrics and not metric_range(text):
        out.unknown(path, "metric type", text, out.metrics | {"accuracy", "exact_match", "perplexity", "precision"})
    elif rule == "benchmark" and out.hubs and text not in out.hubs:
        out.unknown(path, "the Hub Benchmark", text, out.hubs)


def url_problem(text: str) -> str | None:
    """What is wrong with the URL of a source."""
    try:
        url = urlsplit(text)
        good = url.scheme in ("http", "https") and bool(url.hostname) and not re.search(r"[\s<>\"\\]", text)
    except ValueError:  # "http://["
        return "is not a URL"
    if "@" in url.netloc:
        return "holds a user name or password; take it out"
    return None if good else f"is {shown_value(text)}, not an http(s) URL; leave it out when there is none"


def is_date(text: str) -> bool:
    try:
        return bool(ISO_DATE.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:  # the 31st of February
        return False


def check_value(out: Findings, path: str, value: Any, quoted: str) -> float | None:
    """A metric's value; None, with an error, when it is no number. `quoted`: how bad a number written as text is."""
    number = value
    if said := said_number(value):
        how = "error" if "," in value else quoted  # a comma is read by few
        out.add(path, how, f"is the text {shown_value(value)}; write the number alone, without quotes")
        number = float(said)
    if value is None:
        out.add(path, "error", "is missing; leave out what was not measured")
    elif isinstance(number, bool) or not isinstance(number, (int, float)):
        out.add(path, "error", f"is {shown_value(value)}, not a number")
    elif not -1e300 < number < 1e300:  # NaN is not, either
        out.add(path, "error", f"is {shown_value(value)}, not a finite number; leave out what was not measured")
    else:
        return float(number)
    return None


def fold_metric(metric: str) -> str:
    """ "Exact Match", "exact-match" -> "exact_match"."""
    return re.sub(r"[ ./-]+", "_", metric[:100].strip().lower())


@functools.lru_cache(maxsize=4096)
def metric_range(metric: str) -> Bounds | None:
    """What values a metric can have, by its type alone; None: it does not say."""
    folded = fold_metric(metric)
    return next((bounds for pattern, bounds in METRIC_RANGES if re.fullmatch(pattern, folded)), None)


def find_benchmark(out: Findings, name: Any, dataset: Any) -> list[dict[str, Any]]:
    """The vocabulary's entries for a data set's name and type, as "MMLU (5-shot)" and "cais/mmlu"."""
    name, dataset = (text[:200] if isinstance(text, str) else "" for text in (name, dataset))
    plain = folded_name(re.sub(r"\s*\([^()]*\)\s*\Z", "", name))
    tries = (folded_name(name), plain, dataset.lower(), "" if "/" in dataset else folded_name(dataset))
    return next((out.benchmarks[key] for key in tries if key in out.benchmarks), [])


def value_range(metric: Any, entries: Sequence[Mapping[str, Any]]) -> Bounds | None:
    """What values a metric of a benchmark can have; None: nobody says."""
    folded = fold_metric(metric) if isinstance(metric, str) else ""
    own = [entry for entry in entries if folded in (entry["metric"], entry["model_index"]["metric_type"])]
    own = own or (list(entries) if folded in GENERIC_METRICS else [])
    if not own:
        return metric_range(folded)
    lows, highs = ([scaled_bound(entry, side) for entry in own] for side in (0, 1))
    share = all(entry["unit"] != "points" and entry["range"][1] is not None for entry in own)
    return None if None in lows else min(lows), None if None in highs else max(highs), share


def scaled_bound(entry: Mapping[str, Any], side: int) -> float | None:
    """A bound of a benchmark's range; of proportions in percent, as cards give either."""
    bound = entry["range"][side]
    return bound if bound is None else bound * (100 if entry["unit"] == "proportion" else 1)


def check_range(out: Findings, path: str, value: float, bounds: Bounds | None, known: bool) -> bool:
    """Report a value that its metric cannot have; whether it is a share of something."""
    low, high, share = bounds or (None, None, False)
    if value < (value if low is None else low) or value > (value if high is None else high):
        limits = [f"{word} {bound:g}" for word, bound in (("at least", low), ("at most", high)) if bound is not None]
        out.add(path, "error" if known else "warning", f"is {value:.12g}, but this metric is {' and '.join(limits)}")
    return share


def index_claims(out: Findings, index: Any) -> Iterator[Claim]:
    """Check a model-index and yield its values."""
    for model_path, model in out.items("model-index", index):
        out.fields(model_path, model, "model")
        for path, result in out.items(f"{model_path}.results", model.get("results")):
            yield from result_claims(out, path, result, model.get("name"))


def result_claims(out: Findings, path: str, result: Mapping[Any, Any], model: Any) -> Iterator[Claim]:
    """Check one result of a model-index and yield its metrics' values."""
    out.fields(path, result, "result")
    task = out.fields(f"{path}.task", result.get("task"), "task")
    dataset = out.fields(f"{path}.dataset", result.get("dataset"), "dataset")
    source = out.fields(f"{path}.source", result.get("source"), "source", required=False)
    if source.get("name") is not None and source.get("url") is None:
        out.add(f"{path}.source.url", "warning", "is missing: huggingface_hub loads no card that has a name without it")
    entries = find_benchmark(out, dataset.get("name"), dataset.get("type"))
    place = [model, task.get("type"), source.get("name"), source.get("url")]
    place += [dataset.get(key) for key in ("type", "config", "split", "revision", "args")]
    for metric_path, metric in out.items(f"{path}.metrics", result.get("metrics")):
        out.fields(metric_path, metric, "metric")
        here = f"{metric_path}.value"
        value = check_value(out, here, metric.get("value"), "warning")
        if value is not None:
            share = check_range(out, here, value, value_range(metric.get("type"), entries), bool(entries))
            what = [*place, *(metric.get(key) for key in ("type", "name", "config", "args"))]
            detail = out.comparable(dataset.get("name"))
            yield Claim(here, "", tuple(map(out.comparable, what)), detail, value, (), share)


def eval_claims(out: Findings, name: str, data: Any) -> Iterator[Claim]:
    """Check the entries of one file of .eval_results and yield its values."""
    for path, entry in out.items(name, data):
        out.fields(path, entry, "entry")
        dataset = out.fields(f"{path}.dataset", entry.get("dataset"), "benchmark")
        source = out.fields(f"{path}.source", entry.get("source"), "origin", required=False)
        kind, task = dataset.get("id"), dataset.get("task_id")
        known = out.hubs.get(kind) if isinstance(kind, str) else None
        official = shipped_list().get(kind) if isinstance(kind, str) else None
        tasks = {known["hub"]["task_id"]} if known else set()
        tasks |= {one.id for one in official.tasks} if official and out.hubs else set()
        if tasks and isinstance(task, str) and task not in tasks:
            expected = ", ".join(map(repr, sorted(tasks)))
            out.add(f"{path}.dataset.task_id", "warning", f"is {shown_value(task)}; known of {kind} is {expected}")
        entries = [known] if known else find_benchmark(out, None, kind)
        value = check_value(out, f"{path}.value", entry.get("value"), "error")
        if value is not None:
            bounds = value_range(entries[0]["metric"] if entries else "accuracy", entries)
            share = check_range(out, f"{path}.value", value, bounds, bool(entries)) if entries else False
            place = tuple(map(out.comparable, (kind, task, entry.get("notes"))))
            detail = tuple(map(out.comparable, (dataset.get("revision"), source.get("url"), entry.get("date"))))
            yield Claim(f"{path}.value", name, place, detail, value, place[:2], share)


def check_repeats(out: Findings, claims: Sequence[Claim], across: bool = False, apart: str = "") -> None:
    """Report values that stand twice: the same is a warning, another one a contradiction. `across`: documents only."""
    first: dict[tuple[Any, ...], Claim] = {}
    for claim in claims:
        before = first.setdefault(claim.place, claim)
        if before is claim or (across and before.document == claim.document):
            continue
        if claim.value == before.value:
            out.add(claim.path, "warning", f"is {claim.value:.12g} a second time: {before.path} has it")
        elif claim.detail != before.detail:
            out.add(
                claim.path, "warning", f"is {claim.value:.12g}, {before.path} {before.value:.12g}; only {apart} differs"
            )
        else:
            out.add(claim.path, "error", f"is {claim.value:.12g}, which contradicts {before.path}, {before.value:.12g}")


def check_scales(out: Findings, claims: Sequence[Claim], across: bool = False) -> None:
    """Warn of shares that are at most 1 beside shares above 1, which is proportions beside percentages."""
    groups: dict[tuple[Any, ...], list[Claim]] = {}
    for claim in claims:
        if claim.share and claim.value > 0:
            groups.setdefault(claim.group, []).append(claim)
    for group in groups.values():
        low, high = ([claim for claim in group if (claim.value <= 1) == small] for small in (True, False))
        if low and high and not (across and len({claim.document for claim in group}) == 1):
            few, many = sorted((low, high), key=len)
            other = f"{many[0].value:.12g} at {many[0].path}"
            out.add(few[0].path, "warning", f"is {few[0].value:.12g} beside {len(many)} such as {other}: two scales?")


def check_model_index(front: Any, mapping: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with the results in a card's metadata, as yaml.safe_load gives it (None: the card has none).

    Structure and types by the Hub's specification, known words, repeated and contradicting values, ranges and scales,
    URLs, names. Ranges come from the vocabulary `mapping`, else from the metric. A warning is what may be right.
    """
    out = Findings(mapping)
    if front is not None and not isinstance(front, dict):
        out.add("front matter", "error", f"is {shown_value(front)}, not a mapping")
    elif front and "model_index" in front:
        out.add("model_index", "error", "is not read by the Hub: the key is model-index")
    elif front and front.get("model-index") is not None:
        claims = list(index_claims(out, front["model-index"]))
        check_repeats(out, claims, apart="the data set's name")
        check_scales(out, claims)
        models = front["model-index"]
        if isinstance(models, list) and len(models) > 1:
            out.add(
                "model-index", "warning", "has several models; huggingface_hub takes all results for the last one's"
            )
    return out.listed()


def check_eval_results(name: str, data: Any, mapping: Mapping[str, Any], hubs: Iterable[str] = ()) -> list[Finding]:
    """What is wrong with one file of .eval_results: its name (which begins each path) and its loaded YAML.

    `hubs`: data sets that are known to be official Benchmarks, beside those that the shipped list names.
    """
    out = Findings(mapping, hubs)
    name = single_line(name)
    claims = list(eval_claims(out, name, data))
    check_repeats(out, claims, apart="revision, source or date")
    check_scales(out, claims)
    if not name.endswith(".yaml"):
        out.add(name, "warning", "is not read by the Hub, which takes .eval_results/*.yaml")
    for claim in claims:
        if claim.place[0] != claims[0].place[0]:
            out.add(claim.path, "warning", "is of another data set than the first: one file for each benchmark")
        elif claim.place[2] != claims[0].place[2]:
            out.add(claim.path, "warning", "has other notes than the first: a variant has a file of its own")
    return out.listed()


def check_eval_results_set(files: Mapping[str, Any], mapping: Mapping[str, Any]) -> list[Finding]:
    """What is wrong between the files of .eval_results: one result in two of them, or two scales."""
    scrap, out = Findings(mapping), Findings(mapping)
    claims = [claim for name, data in files.items() for claim in eval_claims(scrap, single_line(name), data)]
    check_repeats(out, claims, across=True, apart="revision, source or date")
    check_scales(out, claims, across=True)
    return out.listed()


def render_findings(findings: Sequence[Finding]) -> str:
    """One line for each finding, errors first, and a summary."""
    ranked = sorted(findings, key=lambda finding: finding.severity)  # "error" < "warning"; otherwise in their order
    lines = [f"{finding.severity} {finding.path or 'in all'}: {finding.message}" for finding in ranked]
    errors = sum(finding.severity == "error" for finding in findings)
    return "\n".join([*lines, f"summary: {errors} errors, {len(findings) - errors} warnings"]) + "\n"
