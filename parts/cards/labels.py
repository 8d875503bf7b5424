"""What a header or a row label says: a benchmark's name, shots, a metric, a note ("With tools"), a fact, an average.

Takes one label as plain text, gives a Label or yes and no. The words that decide are data (words.json).
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from parts.cards.text import label_text
from parts.embedded import embedded
from parts.patterns import Regex
from parts.vocabulary import folded_name

CARD_WORDS = embedded("cards/words.json")


@functools.cache
def word_list(name: str) -> frozenset[str]:
    """The words of one kind."""
    return frozenset(CARD_WORDS[name].split())


def either_case(words: Sequence[str]) -> str:
    """Words as a pattern that fits their small and capital letters, as (?i) does, and is found three times as fast."""
    more = {"i": "İı", "k": "\u212a", "s": "ſ"}  # which (?i) takes for these
    letters = {c: f"[{c}{c.upper()}{more.get(c, '')}]" if c.isalpha() else re.escape(c) for c in "".join(words)}
    return "|".join("".join(map(letters.__getitem__, word)) for word in words)


_ALTERNATIVE = Regex(r"(?:[^()|\[\]\\]|\\.|\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\))+")  # at the outermost level
_WORDS_FIRST = Regex(r"\(\?:([^()\[\]\\?*+{}]+)\)(?![?*+{])")


def by_first_letter(alternatives: Iterable[str]) -> str:
    """Alternatives as one pattern in which a letter is tried once for all that begin with it: ten times as fast."""
    groups: dict[str, list[str]] = {}
    for whole in _ALTERNATIVE.findall("|".join(alternatives)):
        words = _WORDS_FIRST.match(whole)
        for one in [word + whole[words.end() :] for word in words[1].split("|")] if words else [whole]:
            plain = one[:1].isalnum() and one[1:2] not in tuple("?*+{")
            groups.setdefault(one[0] if plain else "", []).append(one[1:] if plain else one)
    return "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in groups.items())


FACTS, FACT_FILLERS = word_list("facts"), word_list("fact_fillers")
WEAK_FACTS, FACT_UNITS = word_list("weak_facts"), word_list("fact_units")
MEASURES, MEASURE_FILLERS = word_list("measures"), word_list("measure_fillers")
TAIL_METRICS = word_list("tail_metrics")
_EVERYDAY = word_list("everyday_keys")
AVERAGES, VALUES = word_list("average_words"), word_list("value_heads")
_SHAPE = Regex(by_first_letter([CARD_WORDS["benchmark_shapes"]]))
_SPLIT = Regex(rf"(?i)(?:{CARD_WORDS['splits']})")
_SPLIT_NAMES = {name: name for name in ("train", "test", "validation", "testmini")}
_SPLIT_NAMES |= dict.fromkeys(("val", "dev"), "validation")
_NOTES = [(re.compile(pattern, re.I), note) for pattern, note in CARD_WORDS["notes"]]
_BRACKET = Regex(r"\s*(?:\(([^()]{0,120})\)|\[([^\[\]]{0,120})\]|（([^（）]{0,120})）)")
_OPENS = Regex(r"[(\[（]")  # found much sooner than a bracket, which may begin with a space
_PARTS = Regex(r"\s*[,;，、]\s*")
_SHOT = Regex(
    r"(?i)(?<![\w.])(\d{1,3}(?:\s?[-–~]\s?\d{1,3})?|zero|one|two|three|five|few|many)[\s_-]*shots?(@\d+)?(?![a-z])"
)
_SHOT_NUMBER = {"zero": "0", "one": "1", "two": "2", "three": "3", "five": "5"}
_COT = Regex(
    r"(?i)(?<![a-z\d])(?:w/o?\s*|with(?:out)?\s+|no[- ])?(?:cot|chain[- ]of[- ]thoughts?)"
    r"(?:\s+prompt(?:ing)?)?(?![a-z\d])"
)
_COT_TAIL = Regex(r"(?i)(?<=[\s,_-])(?:w/\s*)?cot$")
_AT_K = Regex(r"(?i)(?<![\w@])[a-z][a-z_-]{0,20}\d*(?:@|\^|_at_) ?\d+(?:[,/]\d+)*(?:@\d+)?(?!\w)|(?<=\s)ratings?$")
_SLASH_METRIC = Regex(r"(?i)/(acc(?:_norm|uracy)?|em|exact_match|f1|mcc|bleu|mc\d)$")
_TOOL_TAIL = Regex(r"(?i)[\s,–-]+(?:w/o?|with(?:out)?|no)[\s-]+(?:python|tools?|search|browsing)$")
_SAYS_MORE = Regex(
    r"[(\[（@^/]| [a-zA-Z]{2,5}[\d-]?[lL]?$|"
    + either_case(("shot", "cot", "_at_", "rating", "tool", "search", "python", "brows"))
)
SIZED = Regex(r"(?i)(?<![\w.])(?:\d+x)?\d+(?:\.\d+)?[bm](?![a-z\d])")
_SAYS_SETTING = Regex(r"(?i)shot|cot|chain")
_RAISED = Regex("[¹²³⁴⁵⁶⁷⁸⁹⁰]")
DIGIT_IN, DIGITS_IN = re.compile(r"\d"), re.compile(r"[\d²³¹⁰⁴-⁹]")
_COUNT_BRACKET = Regex(r"[(\[（]\s*\d[\d.,]*k?\s*[)\]）]")
_NAME_IN = Regex(r"(?:[A-Za-z0-9][A-Za-z0-9_.+²-]*|[^\W_A-Za-z0-9]+)(?<![.-])")  # "MMLU为5-shot" is four
_DATE = Regex(r"(?:20)?2\d(?:0[1-9]|1[0-2])?(?:\d\d)?|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*")
_PLAIN_NOTES = word_list("plain_notes")
_WORDS_OF = Regex(r"[^\W_]+")
_ASCII_WORDS = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}


class Label(NamedTuple):
    """A benchmark's label, taken apart: "DROP (3-shot F1)" -> DROP, 3-shot, F1."""

    name: str  # as it stands, without shots and metric; brackets that name a split, a subset or a mode stay
    shots: str | None = None
    metric: str | None = None
    note: str | None = None  # what makes it another variant than the benchmark's default: "With tools", "Text only"
    bare: str = ""  # the name without the brackets that are notes or splits


@functools.lru_cache(maxsize=8192)
def words_of(text: str) -> tuple[str, ...]:
    """The folded words of a text: "Real-Time Factor¹" -> real, time, factor."""
    if text.isascii():
        return tuple(text.translate(_ASCII_WORDS).split())
    return tuple(_WORDS_OF.findall(unicodedata.normalize("NFKC", _RAISED.sub("", text)).casefold()))


def unbracketed(text: str) -> str:
    """A text without its brackets."""
    return _BRACKET.sub("", text) if _OPENS.search(text) else text


@functools.lru_cache(maxsize=8192)
def split_label(text: str, brackets_are_metrics: bool = False) -> Label:
    """Take shots, metric and notes off a benchmark's label.

    "MMMU (val, CoT)" -> "MMMU (val)", CoT; "AIME 2024 pass@1" -> "AIME 2024", pass@1; "HLE (w/ tools)" -> With tools
    """
    text = label_text(text)
    if not _SAYS_MORE.search(text):
        return Label(text, bare=text)
    shots: list[str] = []
    metric: list[str] = []
    notes: list[str] = []

    def bracket(match: re.Match[str]) -> str:
        rest = [part for part in _PARTS.split(match[1] or match[2] or match[3] or "") if part]
        rest = [left for part in rest if (left := take_part(part, shots, metric))]
        last = not _BRACKET.search(match.string, match.end())  # "X (2408-2505) (Pass@1)": the metric comes last
        if rest and brackets_are_metrics and last and not any(_SPLIT.fullmatch(part) for part in rest):
            metric.extend(rest)
            rest = []
        notes.extend(part for part in rest if not _SPLIT.fullmatch(part) or note_of(part))
        return f"{' ' * match[0][0].isspace()}({', '.join(rest)})" if rest else ""

    name = label_text(_BRACKET.sub(bracket, text)) if _OPENS.search(text) else text
    name = take_shots(name, shots)
    for pattern, found in ((_COT_TAIL, shots), (_AT_K, metric), (_SLASH_METRIC, metric)):
        if (match := pattern.search(name)) and (
            rest := (name[: match.start()] + " " + name[match.end() :]).strip(" ,;:/|_-–@")
        ):
            found.append(shot_name(match[0]) if found is shots else match[0].strip("/ "))
            name = " ".join(rest.split())
    last = name.rpartition(" ")
    if last[0] and last[2].casefold() in TAIL_METRICS and not is_measure(name) and not is_average(name):
        name = last[0].rstrip(" ,;:/|_-–")  # "M-LongDoc acc"
        metric.append(last[2])
    name = name or text
    bare = unbracketed(name).strip() or name
    if tail := _TOOL_TAIL.search(bare):
        notes.append(tail[0].strip(" ,–-"))
        bare = bare[: tail.start()]
    told = dict.fromkeys(note for part in notes if (note := note_of(part, part)))
    shots_said, metrics_said = ", ".join(dict.fromkeys(shots)), ", ".join(dict.fromkeys(metric))
    return Label(name, shots_said or None, metrics_said or None, ", ".join(told) or None, bare)


def take_shots(name: str, shots: list[str]) -> str:
    """Move shots off a name whose part they are not: "BBH 3-shot", "zero-shot HellaSwag"; not "Few-shot Learning"."""
    if not (match := _SHOT.search(name)):
        return name
    before, after = (part.strip(" ,;:/|_-–@") for part in (name[: match.start()], name[match.end() :]))
    count = shot_name(match[0])
    numbered, shaped = count[0].isdigit(), _SHAPE.search(_BRACKET.sub("", before or after).casefold())
    taken = not after or is_setting(after) or (shaped and (numbered or not before))
    if (before or after) and (taken or numbered):
        shots.append(count)
    return f"{before} {after}".strip() or name if taken else name


@functools.lru_cache(maxsize=1024)
def shots_of(text: str) -> str | None:
    """The one number of shots that a heading says, and whether with a chain of thought: "5-shot, CoT"."""
    found = {shot_name(match[0]) for match in _SHOT.finditer(text)}
    thought = _COT.search(text)
    told = [*found] if len(found) < 2 else []
    told += ["CoT"] if thought and not thought[0].lower().startswith(("no", "w/o", "without")) else []
    return ", ".join(told) or None


def without_settings(text: str) -> str:
    """A text without its shots, chain of thought, and modes that are notes."""
    for pattern in (_SHOT, _COT, *(pattern for pattern, _ in _NOTES)):
        text = pattern.sub(" ", text)
    return text


@functools.lru_cache(maxsize=1024)
def note_of(text: str, other: str | None = None) -> str | None:
    """The note that a mode has: "w/ tools" -> With tools, "no tools" -> None, the default; else `other`."""
    return next((note for pattern, note in _NOTES if pattern.search(text)), other) if text else other


def take_part(part: str, shots: list[str], metric: list[str]) -> str:
    """Move what a part of a bracket says about shots and metric into the lists; the rest is returned."""
    rest, found = part, []
    if (match := _AT_K.search(rest)) and len(match[0]) < len(rest):
        metric.append(match[0])  # "2407-2409 Pass@1"
        rest = f"{rest[: match.start()]} {rest[match.end() :]}".strip(" ,;:/|_-–@")
    for pattern in (_SHOT, _COT):
        if match := pattern.search(rest):
            found.append(shot_name(match[0]))
            rest = (rest[: match.start()] + rest[match.end() :]).strip(" -_,:@+&")
    if rest and is_measure(rest):
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
    if match := _SHOT.search(text):
        return f"{_SHOT_NUMBER.get(match[1].lower(), match[1].lower())}-shot{match[2] or ''}"
    return re.sub(r"(?i)cot", "CoT", text).strip()


@functools.lru_cache(maxsize=8192)
def is_measure(text: str) -> bool:
    """Whether a text names a measure and nothing else: "Pass@1", "macro_avg/acc_char", "LC win rate", "Acc.↑"."""
    text = label_text(text)
    if not text or len(text) > 60:
        return False
    if _AT_K.fullmatch(text):
        return True
    words = words_of(text.replace("%", ""))
    if "".join(words) in MEASURES:
        return True
    return not MEASURES.isdisjoint(words) and all(w in MEASURES or w in MEASURE_FILLERS for w in words)


@functools.lru_cache(maxsize=8192)
def is_average(text: str) -> bool:
    """Whether a label is an average of a table and names nothing of its own: "Avg.", "Overall Acc.", "Average (56)"."""
    words = words_of(text)
    if text[:1] not in ("(", "[", "（") and (not words or words[0] not in AVERAGES):
        return False
    words = words_of(unbracketed(text))
    return bool(words) and words[0] in AVERAGES and all(
        w in AVERAGES or w in MEASURES or w in MEASURE_FILLERS for w in words
    )  # fmt: skip


@functools.lru_cache(maxsize=8192)
def is_setting(text: str) -> bool:
    """Whether a label says only shots or a metric: "5-shot", "0-shot, CoT", "pass@1", "(EM)"."""
    text = label_text(text)
    if text[:1] in ("(", "[") and text[-1:] in (")", "]"):
        text = text[1:-1]
    if not text or len(text) > 60 or is_average(text):
        return False
    if is_measure(text):
        return True
    if not _SAYS_SETTING.search(text):
        return False
    shots: list[str] = []
    return all(not take_part(part, shots, []) for part in re.split(r"\s*[,;+&|(]\s*|\s+/\s+", text.rstrip(")")) if part)


@functools.lru_cache(maxsize=8192)
def is_fact(text: str) -> bool:
    """Whether a header or row label is a fact (size, speed, cost, time, rank, link, deviation), not a score."""
    text = label_text(text)
    if not text or len(text) > 80:
        return False
    if text.startswith("#"):
        return "shot" not in text.lower()
    unit = _BRACKET.search(text) if _OPENS.search(text) else None
    if text in ("±", "+/-") or (unit and is_unit(unit[1] or unit[2] or unit[3] or "")):
        return True
    words = words_of((unit and _BRACKET.sub("", text)) or text)
    return not FACTS.isdisjoint(words) and all(w in FACTS or w in FACT_FILLERS or w.isdigit() for w in words)


def is_generic(text: str) -> bool:
    """Whether a header of values says nothing, a measure or an average: "Score", "WER (%)", "Avg."."""
    words = words_of(unbracketed(text))
    return not text or is_measure(text) or is_average(text) or (bool(words) and VALUES.issuperset(words))


def is_unit(text: str) -> bool:
    """Whether a bracket says a unit that no score has: "GB", "tokens/s", "ms"."""
    parts = text.casefold().removeprefix("in ").split()
    return bool(parts) and all(part in FACT_UNITS or part.strip("$€¥") != part for part in parts)


def is_weak_fact(text: str) -> bool:
    """Whether one word that may be a fact is a benchmark as well, when it stands in a list of benchmarks."""
    words = words_of(label_text(text))
    return len(words) == 1 and words[0] in WEAK_FACTS


def is_plain_note(text: str, key: str, vocabulary: Vocabulary) -> bool:
    """Whether what is said beside a benchmark's name makes no part of it: a mode, a date, its topic, "official"."""
    if any(text == note for _, note in _NOTES) or is_average(text) or is_setting(text) or vocabulary.key(text) == key:
        return True
    topic = vocabulary.topics.get(key, "").split("_")  # "GSM8K (math)"
    english = () if key in word_list("many_languages") else ("en", "english")
    return "%" not in text and all(
        word in _PLAIN_NOTES
        or word in english
        or _DATE.fullmatch(word)
        or any(word == one or (len(word) > 4 and word[:3] == one[:3]) for one in topic)
        for word in words_of(text)
    )


def is_everyday(name: str) -> bool:
    """Whether a benchmark's name is written as the everyday word that it is: "Drop", "Frames"."""
    return name.istitle() and name.casefold() in _EVERYDAY


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """metric_mapping.json by folded name, and what its benchmarks' values can be."""

    keys: dict[str, str]
    ranges: dict[str, tuple[float | None, float | None]]  # key -> lowest and highest, in percent where it is a share
    metrics: dict[str, str]  # key -> main metric
    splits: dict[str, str]  # key -> the split of its data set that is the benchmark's
    topics: dict[str, str]  # key -> category
    items: dict[str, int]  # key -> how many it has; 0: not known
    datasets: dict[str, frozenset[str]]  # key -> folded names of its data set on the Hub, owners off
    starts: frozenset[str]  # the first three letters of the names

    def key(self, label: Label | str) -> str | None:
        """The canonical key of a label; brackets that name a split or a mode ("MMMU (val)") may be left out."""
        name, bare = (label, label) if isinstance(label, str) else (label.name, label.bare)
        if bare.casefold() == "math" and not bare.isupper():
            return None  # a group of benchmarks; MATH is one
        told = isinstance(label, Label) and (label.shots or label.metric)
        if is_everyday(bare) and not told:
            return None  # "Drop" may be what it says; DROP, and "Drop (3-shot)", are benchmarks
        if (key := self.keys.get(folded_name(name))) or bare == name:
            return key
        if _COUNT_BRACKET.search(name):
            return None  # "GSM8K (100)": so many of its items
        key, plain = self.keys.get(folded_name(bare)), folded_name(bare)
        said = {_SPLIT_NAMES[word] for word in words_of(name) if word in _SPLIT_NAMES} if key else ()
        if said and (own := _SPLIT_NAMES.get(self.splits[key], "train")) != "train" and said != {own}:
            return None  # "MMMU (test)" is not what MMMU is measured on
        subset = isinstance(label, Label) and label.note and key and folded_name(key) != plain
        return None if subset and folded_name(key or "").startswith(plain) else key  # "RACE (middle)" is no race_high


@functools.lru_cache(maxsize=8192)
def is_benchmark(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a label is in the vocabulary, or is shaped like a benchmark's name."""
    if len(text) > 150:
        return False
    if vocabulary.keys.get(folded_name(text)):
        return True
    if _SHAPE.search(text.casefold()):
        return not SIZED.search(text)  # "WizardMath-7B" is a model
    return ("(" in text or "-shot" in text) and bool(vocabulary.key(split_label(text)))


@functools.lru_cache(maxsize=1024)
def benchmarks_in(text: str, vocabulary: Vocabulary) -> dict[str, str]:
    """The benchmarks of the vocabulary that a text names, with their keys; a plain word ("drop", "Race") is none."""
    found: dict[str, str] = {}
    words, done = [word.span() for word in _NAME_IN.finditer(text[:600])], 0
    for at, (start, _) in enumerate(words):
        first = text[start : start + 3]  # three letters of one word begin the folded name
        known = first.lower() in vocabulary.starts or not (len(first) == 3 and first.isascii() and first.isalnum())
        for _, end in reversed(words[at : at + 4]) if known and start >= done else ():
            name = text[start:end]
            if (DIGITS_IN.search(name) or name[1:].lower() != name[1:] or name.isupper()) and (
                key := vocabulary.key(name)
            ):
                found[name], done = key, end
                break
    return found
