"""What a result measures, read alike from a model-index, a file of .eval_results and a result to publish.

Takes metadata as YAML gives it and the vocabulary, gives a Measure; `relation` says whether two measure the same,
possibly the same, or something else, and `agree` whether two values are one, each rounded as it is written. A display
name is never part of what is measured: it only leads to the benchmark where the data set does not.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parts.foreign import mapping_in, said_number
from parts.metadata.entries import Entry
from parts.metadata.front_matter import NO_TOOLS
from parts.vocabulary import WITH_TOOLS, folded_name, metric_type

SAME, POSSIBLY, OTHER = "the same", "possibly the same", "another result"
WHOLE_DATA = frozenset(
    {"", "default", "all", "main", "none", "test", "full"}
)  # configurations that are the whole data set
NO_NAMES = frozenset({"", "unknown", "benchmark", "custom", "dataset", "none", "generator", "text", "csv", "json"})
SPLIT_WORDS = {"val": "validation", "valid": "validation", "dev": "validation", "eval": "validation"}
SHOTS_SAID = re.compile(r"(?i)\b(?:(\d{1,3})|(zero)|(one)|(few))[ -]?shots?\b")
# What stands in brackets behind a benchmark's name and is how it was run, not which one it is.
BRACKETS = re.compile(r"[(\[]([^()\[\]]{0,80})[)\]]")
SETTING_WORDS = frozenset(
    re.findall(
        r"\S+",
        "acc acc_norm accuracy average avg chain chain-of-thought cot em exact exact_match f1 generative greedy inst "
        "instruction loose match mc1 mc2 no non-thinking none nonthinking of pass@1 prompt python score search strict "
        "test thinking thought tool tools using w/ w/o with without",
    )
)
THINKING = re.compile(r"(?i)\b(non|no|without|w/o)?[ -]*(?:thinking|reasoning mode)\b")
# Metrics that say nothing, and words for the share of right answers; the rest is folded and compared.
SAYS_NOTHING = frozenset({"", "score", "value", "result", "average", "avg", "mean", "mainscore", "metric", "unknown"})
RIGHT = frozenset(
    ["acc", "accuracy", "em", "exactmatch", "pass1", "passat1", "correct", "quasiexactmatch", "resolvedrate"]
)
METRIC_WORDS = {
    "wordaccuracy": "right", "topaccuracy": "right", "f1score": "f1", "macrof1": "f1macro", "microf1": "f1micro",
    "sacrebleu": "bleu", "bleuscore": "bleu", "rougel": "rougel", "rougelsum": "rougelsum", "worderrorrate": "wer",
    "charactererrorrate": "cer", "normalizedaccuracy": "accnorm", "accn": "accnorm",
}  # fmt: skip
IFEVAL_LEVELS = re.compile(  # of IFEval, folded
    r"^(?:(prompt|inst)(?:ruction)?(?:level)?(strict|loose)|(strict|loose)(prompt|inst)(?:ruction)?(?:level)?)"
    r"(?:acc(?:uracy)?)?$"
)
# Metrics whose values are no shares of something: 0.5 and 50 are two values of them.
OPEN_METRIC = re.compile(
    r"(?:word|byte|token)?(?:perplexity|ppl)|.*loss|elo\w*|rating|.*reward|r?mse|mae|mape|fid|cider|bertscore|comet"
    r"|bitsperbyte|bitspercharacter|bpb|.*seconds?|.*time|latency|.*correlation|.*(?:pearson|spearman)\w*"
)
# The second Open LLM Leaderboard wrote these into cards rescaled, so that guessing is 0.
RESCALED = frozenset({"bbh", "gpqa", "mmlu_pro", "musr"})
RESCALED_BY = re.compile(r"(?i)huggingface\.co/spaces/[\w-]+/open_llm_leaderboard\b")
MOST_ROUNDED = 0.005  # of a share: a value written as 0.6 is no word for 0.64


@dataclass(frozen=True, slots=True)
class Measure:
    """What a result measures; what its source does not say is empty or None."""

    keys: frozenset[str] = frozenset()  # canonical keys that it can be; one is certain
    names: frozenset[str] = frozenset()  # without a key: the folded names of the data set
    part: str = ""  # the folded configuration, where it is not the whole benchmark
    split: str = ""
    metric: str = ""  # "right" for the share of right answers, "" where it says nothing
    shots: int | None = None
    variant: str = ""
    revision: str = ""


KEPT_MEASURES: dict[int, Measures] = {}  # by the id of the mapping, which they hold


def known_measures(mapping: Mapping[str, Any]) -> Measures:
    """The measures of a vocabulary, made once for each."""
    found = KEPT_MEASURES.get(id(mapping))
    if found is None or found.mapping is not mapping:
        found = KEPT_MEASURES[id(mapping)] = Measures(mapping)
    return found


class Measures:
    """The vocabulary as needed here: from a data set, as written in metadata, to what it measures."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self.mapping = mapping
        self.names: dict[str, str] = {}
        self.types: dict[str, list[str]] = defaultdict(list)  # data set id, or its last part folded -> keys
        self.tasks: dict[tuple[str, str], str] = {}
        for key, entry in mapping.items():
            self.names |= {folded_name(name): key for name in (key, entry["name"], *entry.get("aliases", ()))}
            kind = str((entry.get("model_index") or {}).get("type") or "").lower()
            for name in {kind, folded_name(kind.rpartition("/")[2])} - {""}:
                self.types[name].append(key)
            if hub := entry.get("hub"):
                self.tasks[hub["dataset_id"].lower(), hub["task_id"].lower()] = key

    def config(self, key: str) -> str:
        return folded_name(str((self.mapping[key].get("model_index") or {}).get("config") or ""))

    def keys_of(self, kind: str) -> list[str]:
        """The benchmarks whose data set this is: by its id, or by a bare name."""
        return self.types.get(kind.lower()) or ([] if "/" in kind else self.types.get(folded_name(kind), []))

    def benchmark(self, name: str, kind: str, config: str) -> tuple[frozenset[str], frozenset[str], str]:
        """(keys, names, part) of a data set's name, type and configuration; the data set goes before the name.

        The configuration of a data set of several benchmarks says which: boolq of super_glue is BoolQ.
        """
        label = bare_label(name)
        named = self.names.get(folded_name(name)) or self.names.get(folded_name(label))
        last = kind.rpartition("/")[2]
        keys = self.keys_of(kind)
        given = folded_name(config)
        if keys:
            fit = [key for key in keys if given not in WHOLE_DATA and self.config(key) == given]
            fit = fit or [self.names[given] for _ in keys[1:2] if given in self.names]
            if len(fit) == 1:
                return frozenset(fit), frozenset(), ""
            found = {named} if named in keys else {*keys, *([named] if named else [])}
        else:
            found = {named or self.names.get(folded_name(kind)) or self.names.get(folded_name(last))} - {None}
        if not found:
            folded = {known_name(label), folded_name(last)} - NO_NAMES
            return frozenset(), frozenset(folded), "" if given in WHOLE_DATA else given
        whole = given in WHOLE_DATA or any(given == self.config(key) or self.names.get(given) == key for key in found)
        return frozenset(found), frozenset(), "" if whole else given

    def metric(self, word: object, keys: frozenset[str], label: object = "") -> str:
        """A metric's class: accuracy, exact match and pass@1 are the share of right answers."""
        folded = folded_name(str(word or "")[:100])
        if folded in SAYS_NOTHING:
            spoken = folded_name(str(label or "")[:100])
            folded = spoken if spoken in RIGHT or spoken in METRIC_WORDS or spoken == "f1" else ""
        folded = re.sub(r"^(?:eval|test)(?=acc|f1|exact|em$|wer|loss)", "", folded)
        folded = IFEVAL_LEVELS.sub(lambda m: f"{m[1] or m[4]}level{m[2] or m[3]}acc", folded)
        folded = folded_name(metric_type(folded) or "") if folded.startswith(("prompt", "inst")) else folded
        folded = re.sub(r"^((?:prompt|inst)level\w*?acc)(?:uracy)?$", r"\1", METRIC_WORDS.get(folded, folded))
        own = {self.main_metric(key) for key in keys}
        return "right" if folded in RIGHT else "" if folded and folded in own & SAYS_NOTHING else folded

    def main_metric(self, key: str) -> str:
        return folded_name(str(self.mapping[key].get("metric") or ""))

    def of_index(self, result: Mapping[str, Any], metric: Mapping[str, Any]) -> Measure:
        """What one metric of a model-index result measures."""
        dataset = mapping_in(result, "dataset")
        said = {key: field_text(dataset.get(key)) for key in ("name", "type", "config", "split", "revision")}
        keys, names, part = self.benchmark(said["name"], said["type"], said["config"])
        spoken = f"{said['name']} ({field_text(metric.get('name'))})"
        kind = self.metric(metric.get("type"), keys, metric.get("name"))
        if keys & RESCALED and RESCALED_BY.search(field_text(mapping_in(result, "source").get("url"))):
            kind = "rescaled"
        shots = next((n for args in (metric, dataset) if (n := shots_of_args(args.get("args"))) is not None), None)
        return Measure(
            keys, names, part, split_of(said["split"]), kind, shots_said(spoken) if shots is None else shots,
            variant_word(spoken), said["revision"],
        )  # fmt: skip

    def of_row(self, row: Mapping[str, Any]) -> Measure:
        """What one entry of .eval_results measures: its data set's task, with the metric that its leaderboard ranks."""
        dataset, notes = mapping_in(row, "dataset"), field_text(row.get("notes"))
        place = (field_text(dataset.get("id")).lower(), field_text(dataset.get("task_id")).lower())
        key = self.tasks.get(place)
        if key is None:
            found = self.types.get(place[0], [])
            fit = [k for k in found if folded_name(place[1].rpartition("/")[2]) in (folded_name(k), self.config(k))]
            fit = fit or (found if folded_name(place[1]) in WHOLE_DATA else [])
            key = fit[0] if len(fit) == 1 else None
        keys = frozenset({key} if key else ())
        names = frozenset() if keys else frozenset({":".join(place)})
        metric = self.metric(self.main_metric(key), keys) if key else ""
        return Measure(
            keys,
            names,
            "",
            "",
            metric,
            shots_said(notes),
            variant_word(f"({notes})"),
            field_text(dataset.get("revision")),
        )

    def of_entry(self, entry: Entry) -> Measure:
        """What a result to publish measures."""
        said = dict(entry.dataset)
        keys, names, part = self.benchmark(
            said.get("name") or entry.benchmark, said.get("type", ""), said.get("config", "")
        )
        if entry.key:  # it is the benchmark: a part of it is what another configuration of its own data set is
            own = entry.key in self.keys_of(said.get("type", ""))
            part = part if own and entry.key in keys else ""
            keys, names = frozenset({entry.key}), frozenset()
        elif not keys:
            names |= {known_name(bare_label(entry.benchmark))} - NO_NAMES
        variant = variant_word(f"({entry.variant})") or folded_name(entry.variant) if entry.variant else ""
        spoken = f"{entry.benchmark} {entry.shots or ''}"
        return Measure(
            keys, names, part, split_of(said.get("split", "")), self.metric(entry.metric, keys), shots_said(spoken),
            variant or variant_word(entry.benchmark), said.get("revision", ""),
        )  # fmt: skip

    def is_open(self, measure: Measure) -> bool:
        """Whether the values are no shares: 0.5 and 50 are then two values."""
        if OPEN_METRIC.fullmatch(measure.metric):
            return True
        known = [self.mapping[key] for key in measure.keys]
        own = [entry for key, entry in zip(measure.keys, known, strict=True) if self.is_main(measure.metric, key)]
        return bool(own) and all(entry["unit"] == "points" and entry["range"][1] != 100 for entry in own)

    def is_main(self, metric: str, key: str) -> bool:
        return metric in ("", self.metric(self.main_metric(key), frozenset({key})))

    def relation(self, one: Measure, other: Measure) -> str:
        """SAME, POSSIBLY (a side is silent about what would tell them apart) or OTHER."""
        if one.keys or other.keys:
            if not one.keys & other.keys:
                return OTHER
            found = [SAME if one.keys == other.keys and len(one.keys) == 1 else POSSIBLY]
        else:
            found = [SAME if one.names & other.names else OTHER]
        vague = (
            one.keys and any(not self.config(key) for key in one.keys & other.keys) and not (one.part and other.part)
        )
        found.append(SAME if one.part == other.part else POSSIBLY if vague else OTHER)
        found += [
            self.splits_alike(one, other),
            said_alike(one.shots, other.shots),
            said_alike(one.variant.replace("notools", ""), other.variant.replace("notools", "")),
            POSSIBLY if one.revision and other.revision and one.revision != other.revision else SAME,
            self.metrics_alike(one.metric, other.metric, one.keys & other.keys),
        ]
        return OTHER if OTHER in found else POSSIBLY if POSSIBLY in found else SAME

    def splits_alike(self, one: Measure, other: Measure) -> str:
        """A side that names no split means the benchmark's own."""
        usual = {
            split_of(field_text((self.mapping[key].get("model_index") or {}).get("split")))
            for key in one.keys & other.keys
        }
        said = {one.split, other.split} - {""}
        return SAME if len(said) == 1 and said == usual else said_alike(one.split, other.split)

    def metrics_alike(self, one: str, other: str, keys: frozenset[str]) -> str:
        if one == other:
            return SAME
        if not one or not other:
            return SAME if keys and all(self.is_main(one or other, key) for key in keys) else POSSIBLY
        pair = {one, other}
        if pair == {"right", "accnorm"} or ("right" in pair and any("level" in word for word in pair)):
            return POSSIBLY
        return OTHER


def said_alike(one: object, other: object) -> str:
    """Whether what both sides say is alike; where one says nothing, it may be."""
    if one == other:
        return SAME
    return OTHER if one not in ("", None) and other not in ("", None) else POSSIBLY


def field_text(value: object) -> str:
    """A field of metadata as text; a list or mapping is none."""
    return "" if value is None or isinstance(value, (dict, list)) else str(value)[:500]


def bare_label(name: str) -> str:
    """A benchmark's name without shots and settings: "GSM8k (5-shot)" -> "GSM8k"; "GPQA (Diamond)" stays."""

    def without(found: re.Match[str]) -> str:
        words = re.findall(r"[\w@/.-]+", SHOTS_SAID.sub(" ", found[1]).lower())
        return " " if SETTING_WORDS.issuperset(words) else found[0]

    return SHOTS_SAID.sub(" ", BRACKETS.sub(without, name))


def known_name(label: str) -> str:
    """The folded name of a data set; of one without letters and digits the text itself."""
    return folded_name(label).removeprefix("mteb") or label.strip().casefold()


def split_of(name: str) -> str:
    folded = folded_name(name)
    return SPLIT_WORDS.get(folded, folded)


def shots_said(spoken: str) -> int | None:
    """ "GSM8K (5-shot)" -> 5; "zero-shot" -> 0; None when it says nothing, or "few"."""
    found = SHOTS_SAID.search(spoken)
    return None if not found or found[4] else int(found[1] or (1 if found[3] else 0))


def shots_of_args(args: object) -> int | None:
    count = args.get("num_few_shot") if isinstance(args, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def variant_word(spoken: str) -> str:
    """The mode that a name tells: tools, thinking; empty when it tells none."""
    tools = "notools" if NO_TOOLS.search(spoken) else "withtools" if WITH_TOOLS.search(spoken) else ""
    mode = THINKING.search(spoken)
    return tools + ("" if not mode else "nonthinking" if mode[1] else "thinking")


# --- Values ---


@dataclass(frozen=True, slots=True)
class Written:
    """A value as it is written: the number, its unit where that is said, and half of its last digit."""

    number: float
    unit: str | None
    half: float


def written(value: object, unit: str | None = None) -> Written | None:
    """A metadata value with its rounding; None when it is no number. "85.20 %" is a percentage with two decimals."""
    if isinstance(value, str):
        shown = said_number(value) or ""
        unit = "percent" if shown and "%" in value else unit
    else:
        shown = "" if value is None or isinstance(value, (bool, list, dict)) else str(value)
    try:
        number = float(shown)
    except ValueError:
        return None
    if not -1e300 < number < 1e300:
        return None
    mantissa, _, exponent = shown.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return Written(number, unit, 0.5 * 10.0 ** (int(exponent or 0) - decimals))


def readings(value: Written, is_open: bool, percents: bool) -> list[tuple[float, float]]:
    """(share, half of its last digit) that a value can mean; of an open metric the number itself.

    `percents`: the values beside it are percentages, so that one of at most 1 may be one, too.
    """
    if is_open:
        return [(value.number, min(value.half, abs(value.number) * MOST_ROUNDED))]
    factors = {"proportion": (1,), "percent": (100,), "points": (100, 1)}.get(value.unit or "")
    factors = factors or ((100,) if abs(value.number) > 1 else (1, 100) if percents else (1,))
    return [(value.number / factor, min(value.half / factor, MOST_ROUNDED)) for factor in factors]


def agree(there: Written, new: Written, is_open: bool, percents: bool = False) -> bool:
    """Whether two values are one, once their scale is known and within the rounding of the coarser one."""
    return any(
        abs(one - other) <= max(half, own) * (1 + 1e-9) + 1e-12
        for one, half in readings(there, is_open, percents)
        for other, own in readings(new, is_open, False)
    )


def in_form_of(old: Written | None, new: Written | None, is_open: bool, percents: bool) -> str | None:
    """The new value on the scale and with the decimals of the one that it replaces; None when a scale is not known."""
    if old is None or new is None:
        return None
    share, _ = readings(new, is_open, False)[0]
    scales = [
        old.number / value if value else (100 if percents else 1) for value, _ in readings(old, is_open, percents)
    ]
    if len(scales) > 1 and old.number:  # the scale on which both are of one size, if there is one
        scales = [scale for scale in scales if 0.2 < share * scale / old.number < 5]
    if len(scales) != 1 and old.number:
        return None
    factor = 1 if is_open else round(scales[0])
    decimals = round(-math.log10(2 * old.half))
    return f"{share * factor:.{max(decimals, 0 if is_open or factor == 100 else 3)}f}"


def person_number(value: float, unit: str | None) -> float:
    """A measured value as a person writes it: 0.449333333333 -> 0.4493; what has few digits stays."""
    if isinstance(value, int) or not math.isfinite(value) or len(f"{value:.12g}".lstrip("-0.").replace(".", "")) <= 6:
        return value
    free = 6 - math.ceil(math.log10(abs(value) + 1e-300))
    decimals = {"proportion": 4, "percent": 2, "points": 2}.get(unit or "", max(2, free))
    small = 3 - math.ceil(math.log10(abs(value))) if value else 0  # three digits that count, at least
    return round(value, max(decimals, small))


def are_percents(values: Sequence[object]) -> bool:
    """Whether the shares of one document are percentages: one of them is above 1."""
    numbers = [found.number for value in values if (found := written(value)) is not None]
    return any(number > 1 for number in numbers)
