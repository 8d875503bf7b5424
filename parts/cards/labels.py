"""Labels of rows and columns: benchmark, metric, shots, settings."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from parts.cards.text import label_text
from parts.cards.vocabulary import Label
from parts.cards.words import (
    AT_K,
    BENCHMARK_SHAPE,
    COT,
    FACT,
    FACT_UNIT,
    FAMILY,
    METRIC,
    SHOT,
    SHOT_NUMBER,
    SHOTS_HEAD,
    SIZE,
    SLASH_METRIC,
    SPLIT,
)
from parts.vocabulary import folded_name, normalize_name

_BRACKET_PARTS = re.compile(r"\s*[,;，、]\s*")
_BRACKET = re.compile(r"\s*(?:\(([^()]{0,120})\)|\[([^\[\]]{0,120})\]|（([^（）]{0,120})）)")

# What a label has that says more than a name: a bracket, shots, or a metric. Most labels have none of it.
_SAYS_MORE = re.compile(r"(?i)[(\[（@^/]|shot|cot|_at_|rating")
_SAYS_SHOTS = re.compile(r"(?i)shot|cot|chain")  # of all that SHOT and COT match
COT_TAIL = re.compile(r"(?i)(?<=[\s,_-])(?:w/\s*)?cot$")

# The starts of all words that say a measure or shots: a quick way to see that most labels say none.
_WORD_STARTS = re.compile(r"(?<![a-z])(?:lc)?([a-z]{1,3})").findall  # "lcacc" begins as "acc" does
_PERCENT_TAIL = re.compile(r"\s*[(\[]%[)\]]$")
_ONE_BRACKET = re.compile(r"\([^()]*\)|\[[^\[\]]*\]")
_SETTING_PARTS = re.compile(r"\s*[,;+&|]\s*|\s+/\s+")
_SETTING_OF = re.compile(r"(.{1,40}?)\s*(\([^()]{1,60}\))")  # "Accuracy (Chinese)"
AVERAGE = re.compile(r"(?i)(?:macro[ -]|micro[ -]|overall )?(?:avg\.?|average|mean|overall|total)(?: score)?")
_PARAMS = re.compile(r"(?i)[\d.]+\s*[bm]\s*(?:params?|parameters?)?")
_FIRST_WORD = re.compile(r"[\W_]*([^\W_]{2})")


@functools.lru_cache(maxsize=8192)
def split_label(text: str, brackets_are_metrics: bool = False) -> Label:
    """Take shots and metric off a benchmark's label; a bracket that names a split or subset stays.

    "MMMU (val, CoT)" -> "MMMU (val)", CoT; "AIME 2024 pass@1" -> "AIME 2024", pass@1; "BBH 3-shot" -> "BBH", 3-shot
    """
    shots: list[str] = []
    metric: list[str] = []

    def bracket(match: re.Match[str]) -> str:
        rest = [part for part in _BRACKET_PARTS.split(match[1] or match[2] or match[3] or "") if part]
        rest = [left for part in rest if (left := take_part(part, shots, metric))]
        last = not _BRACKET.search(match.string, match.end())  # "X (2408-2505) (Pass@1)": the metric comes last
        if rest and brackets_are_metrics and last and not any(SPLIT.fullmatch(part) for part in rest):
            metric.extend(rest)
            rest = []
        return f"{' ' * match[0][0].isspace()}({', '.join(rest)})" if rest else ""

    text = label_text(text)
    if not _SAYS_MORE.search(text):
        return Label(text)
    name = label_text(_BRACKET.sub(bracket, text)) if "(" in text or "[" in text or "（" in text else text
    for pattern, found in ((SHOT, shots), (COT_TAIL, shots), (AT_K, metric), (SLASH_METRIC, metric)):
        if (match := pattern.search(name)) and (
            rest := (name[: match.start()] + " " + name[match.end() :]).strip(" ,;:/|_-–@")
        ):
            found.append(shot_name(match[0]) if found is shots else match[0].strip("/ "))
            name = " ".join(rest.split())
    return Label(name or text, ", ".join(dict.fromkeys(shots)) or None, ", ".join(dict.fromkeys(metric)) or None)


def take_part(part: str, shots: list[str], metric: list[str]) -> str:
    """Move what a part of a bracket says about shots and metric into the lists; the rest is returned."""
    rest, found = part, []
    for pattern in (SHOT, COT) if _SAYS_SHOTS.search(part) else ():
        if match := pattern.search(rest):
            found.append(shot_name(match[0]))
            rest = (rest[: match.start()] + rest[match.end() :]).strip(" -_,:@+&")
    if rest and METRIC.fullmatch(rest.lower()):
        metric.append(rest)
        rest = ""
    elif rest and found:
        if found == ["CoT"] and re.fullmatch(r"[\w.-]+", part):
            return part
        if re.fullmatch(r"(?i)prompt(?:ing)?|setting|with|no|w/?|eval(?:uation)?", rest):
            rest = ""
    shots.extend(found)
    return rest


def shot_name(text: str) -> str:
    """ "zero shot", "0_shot" -> "0-shot"; "cot" -> "CoT"."""
    text = " ".join(text.split())
    if match := SHOT.search(text):
        number = SHOT_NUMBER.get(match[1].lower(), match[1].lower())
        return f"{number}-shot" + (text[text.index("@") :] if "@" in text else "")
    return re.sub(r"(?i)cot", "CoT", text).strip()


_SETTING_START = frozenset(_WORD_STARTS(re.sub(r"[()?:|]", " ", METRIC.pattern.lower()))) | {
    *_WORD_STARTS("few shot zero one two three five many cot chain with no sho bleurt bleu mmlu chr wr sr"),
    *(start[:n] for start in ("rouge", "spearman", "pearson", "comet") for n in (2, 3)),
}


def bare_setting(text: str) -> str:
    """A label without a bracket around it and without "(%)" behind it."""
    text = label_text(text)
    if text[-1:] not in (")", "]"):
        return text
    text = _PERCENT_TAIL.sub("", text)
    return text[1:-1].strip() if _ONE_BRACKET.fullmatch(text) else text


@functools.lru_cache(maxsize=8192)
def is_setting(text: str) -> bool:
    """Whether a label says only shots or a metric: "5-shot", "0-shot, CoT", "pass@1", "EM"."""
    if text.isascii() and "@" not in text and "^" not in text and _SETTING_START.isdisjoint(_WORD_STARTS(text.lower())):
        return False
    text = bare_setting(text)
    if not text or len(text) > 60 or AVERAGE.fullmatch(text):
        return False
    if text.isalpha():
        return bool(METRIC.fullmatch(text.lower()) or COT.fullmatch(text))
    shots: list[str] = []
    metric: list[str] = []
    return all(not take_part(part, shots, metric) for part in _SETTING_PARTS.split(text) if part)


@functools.lru_cache(maxsize=8192)
def is_fact(text: str) -> bool:
    """Whether a header or row label is a fact (parameters, speed, links, dates, ranks), not a score."""
    text = label_text(text).rstrip(" +:")
    if not text or len(text) > 80:
        return False
    if _PARAMS.fullmatch(text):
        return False  # "7B params" is a model
    if text.startswith("#") and not SHOTS_HEAD.fullmatch(text):
        return True
    text = text.lower()
    return bool(
        FACT.fullmatch(text)
        or ("_" in text and not re.search(r"\d", text) and FACT.fullmatch(text.replace("_", " ")))
        or ("(" in text and FACT.fullmatch(_BRACKET.sub("", text).strip(" :")))
        or (("(" in text or "[" in text or "（" in text) and FACT_UNIT.search(text))
    )


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """metric_mapping.json by folded name."""

    keys: dict[str, str]

    def key(self, label: str) -> str | None:
        """The canonical key of a label; a bracket that names a split ("MMMU (val)") may be left out."""
        if found := self.keys.get(folded_name(label)):
            return found
        bare = _BRACKET.sub(lambda m: "" if SPLIT.fullmatch(m[1] or m[2] or m[3] or "") else m[0], label)
        return self.keys.get(normalize_name(bare)) if bare != label else None


@functools.lru_cache(maxsize=8192)
def is_benchmark(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a label is in the vocabulary, or is shaped like a benchmark's name."""
    if vocabulary.keys.get(folded_name(text)) or BENCHMARK_SHAPE.search(text.lower()):
        return True
    return ("(" in text or "-shot" in text) and bool(vocabulary.key(split_label(text).name))


_FAMILY_START = frozenset(re.findall(r"[a-z]\w(?=\w*)", re.sub(r"\\w|\(\?:|[^|]\?", " ", FAMILY.pattern))) | {
    "o1",
    "o3",
    "o4",
}


@functools.lru_cache(maxsize=8192)
def is_model(text: str) -> bool:
    """Whether a label looks like a model's name: a known family, or a size such as 7B."""
    word = _FIRST_WORD.match(text)
    return bool((word and word[1].lower() in _FAMILY_START and FAMILY.match(text.lower())) or SIZE.search(text))
