"""What stands around a table -> the first thing in it that may make its numbers other than plain scores of this model.

Headings, captions, leads ("Results below:") and legends ("† …") are labels of a table: each of their words must be
plain (words.json), a benchmark, a measure that fits the table, or a name in it. Sentences say much else: they must name
no other measure, quantity, data, weights or mode. Takes texts and a table's names; gives the telling words, or "".
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence

from parts.cards.labels import (
    CARD_WORDS,
    MEASURES,
    Vocabulary,
    benchmarks_in,
    by_first_letter,
    is_benchmark,
    is_measure,
    split_label,
    without_settings,
    word_list,
    words_of,
)  # fmt: skip
from parts.cards.model_names import BASE, QUANTIZED, TUNED, VENDORS, name_tokens
from parts.cards.tables import one_line
from parts.metric_directions import metric_direction
from parts.patterns import Regex

LANGUAGES = word_list("languages")
PLAIN_WORDS = frozenset().union(*map(word_list, ("plain_headings", "plain_labels")), TUNED, BASE, VENDORS)
PLAIN_WORDS -= word_list("never_plain")
_PLAIN_STEM = Regex(rf"(?:{CARD_WORDS['plain_stems']})\w*")
_SPREAD = Regex(rf"(?i){CARD_WORDS['spread']}")  # "± standard error", which is of a score
_MAY_SPREAD = Regex(r"[sS](?<![^\W\d_][sS])(?i:td|tandard|\.?[ed]\.?(?!\w)|\.?e\.?m\.?(?!\w))")
_PLAIN_RUNS = Regex("|".join(sorted(CARD_WORDS["plain_runs"].split(), key=len, reverse=True)))
_DATA_WORDS, _RESULT_WORDS = word_list("data_words"), word_list("result_words")
_SUITES = word_list("suites")
_SETUP, _SETUP_HEADS = word_list("setup_sections"), word_list("setup_heads")
_OF_ALL = word_list("sections_of_all")
_SIGNS = Regex(r"%(?!\s*(?:[,;:，)）\]]|$))|[(（]\d[\d.]*\s?[-–]\s?\d|[Δ∆÷≈≥≤]|<(?!-)|(?<!-)>")
_TELLING = Regex(rf"\b(?:{by_first_letter(CARD_WORDS['telling'])})\b")  # of a text in lower case
_PLAIN_PHRASES = Regex(rf"(?i)\b(?:{by_first_letter([CARD_WORDS['plain_phrases']])})\b|[（(\[]%[)）\]]")
_MAY_BE_PHRASE = Regex(rf"\b(?:{by_first_letter([CARD_WORDS['plain_phrases']])})\b|%")  # in lower case: sooner
_TELLING_RUNS = Regex(rf"{by_first_letter(CARD_WORDS['telling_runs'].split())}|[δ∆]")  # of other letters
MEASURES_SAID = [(Regex(rf"(?i)(?<!\w)(?:{said})(?!\w)"), fits.split()) for said, fits in CARD_WORDS["measures_said"]]
_MEASURE_SAID = Regex(rf"(?i)(?<!\w)(?:{by_first_letter(said for said, _ in CARD_WORDS['measures_said'])})(?!\w)")
_SENTENCE = Regex(rf"(?i)\b(?:{CARD_WORDS['sentence_words']})\b.*[.!?]\W*$|。\W*$|다\W*$|です|ます|である|した")
_SENTENCE_END = Regex(r"(?<=[.!?])\s+|(?<=。)")
_LEAD_END = Regex(rf"{_SENTENCE_END.pattern}|(?<=[:：])\s+")
_LEGEND = Regex(r"[*†‡§¶^⁎∗＊※¹²³]|\[\d\]|\(?\w\)\s")
_NAMED = Regex(r"(?<![A-Za-z0-9_])[A-Za-z0-9]+[\dA-Z][A-Za-z0-9_.+²-]*")  # ends where other letters begin
_REVERSED = Regex(r"(?i)1(?<![\w.]1)(?:00)?\s?%?\s?[-−–]\s?(?:acc|[a-z]*er\b|f1|em\b|score|率|正)")  # 1 − accuracy
_NUMBERED = Regex(r"(?i)^\W*(?:table|figure|tab|fig|表|図|图|표)\.?\s*\d+\W*|^(?-i:[IVX]{1,4}[.)]\s(?=[A-Z]))")
_NUMERAL = Regex(r"^\W*[IVX]{1,5}[.)]\s")  # "III. Evaluation"
_ABOUT_NUMBERS = Regex(CARD_WORDS["about_numbers"])  # in lower case
_ABOUT_TABLE = Regex(  # in lower case
    rf"\b(?:{by_first_letter([CARD_WORDS['about_table']])})|-shot(?<=\w-shot)\b|^\W*(?:{CARD_WORDS['about_table_first']})\b"
)
_IS_OR_HAS = Regex(CARD_WORDS["is_or_has"])  # in lower case
_SAID_WORDS = word_list("said_words")
_ADDRESS = Regex(r"https?://\S+|\barxiv:\S+")
_CJK = Regex(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_LEADS_ON = (":", "：")
_LOWER_SAID = Regex(
    rf"(?i)(?<!\w)(?:{by_first_letter([CARD_WORDS['lower_said']])})(?!\w)|{'|'.join(CARD_WORDS['lower_runs'].split())}"
)


_SIGNS_OF_NOTES = "†‡§¶⁎∗＊※¹²³"
_NOTE = Regex(
    rf"\n {{0,3}}(?:\[\^[^\]\s]+\]:|(?:[-*] |>|<[^<>\n]+>)* *(?:\\\*|[{_SIGNS_OF_NOTES}])) *(\w[^\n]{{3,1500}})"
)
_SECTION = Regex(r"\n {0,3}(#{1,6})[ \t]+(\S[^\n]{0,300})(?=\n|\Z)")
_ON_RESULTS = Regex(r"(?i)\b(?:eval\w*|bench\w*|results?|performance)\b|评|結果|结果|ベンチ|評価|벤치|평가|성능")
_OF_NUMBERS = Regex(  # of any table of the card
    r"(?i)\b(?:all|both|these|those|the|our) (?:\w+ ){0,2}?(?:numbers|scores|results|tables?|figures)\b "
    r"(?:\w+ ){0,3}?(?:above|below|here|are|were|is|was|come|came|use|reported|shown)\b"
)
_NOUNS = ("number", "score", "result", "table", "figure")
_PARAGRAPH_END = Regex(r"\n\s*\n|\n(?=[-*+] )")
_TABLE_BEGINS = Regex(r"\n(?=[^\S\n]*\||[^\n|]+\|[^\n]*\n[ :|-]+(?:\n|\Z))|<table")
_LIST_MARK = Regex(r"^(?:[-*+>]|\d+[.)])\s+")
_ALT = Regex(r"!\[([^\[\]]{20,300})\]")
_COMMAND = Regex(r"pretrained=|--[a-z](?<![\w-]--[a-z])")
_SETTING_LINE = Regex(r"\s*[a-z_]+\s*[:=]\s*\S+\s*$")
_COMMAND_MODEL = Regex(
    r"(?i)(?:\bpretrained=|--(?:base-?)?model(?:[-_](?:id|path|name(?:_or_path)?))?[ =]|^\s*model(?:_name)?\s*[:=]\s*|"
    r"\bvllm serve )[\"']?(\w[\w./-]*)"
)
_COMMAND_TELLS = Regex(rf"(?i)(?<![a-z])(?:{CARD_WORDS['command_tells']})")


@functools.lru_cache(maxsize=4)
def said_elsewhere(card: str) -> list[tuple[str, str, bool]]:
    """(a heading above it, a paragraph, whether it is a label) of what says how was measured, wherever it stands.

    These are footnotes (heading ""), "Setup", "Notes" and the like beside a table's section, and all below a heading on
    results that have no table of their own; of others (heading "") the sentences on the numbers of the card.
    """
    card = f"\n{card}"
    notes = _NOTE.findall(card) if "[^" in card or "\\*" in card or not card.isascii() else ()
    found, path, places = [("", one_line(said), True) for said in notes], [], [*_SECTION.finditer(card)]
    for at, place in enumerate(places, 1):
        level, heading = len(place[1]), one_line(place[2])
        words, path = words_of(heading), [(depth, text) for depth, text in path if depth < level]
        ends = next((end.start() for end in places[at:] if len(end[1]) <= level), len(card))
        said = card[place.end() : places[at].start() if at < len(places) else None][:4000]
        listed = bool(words) and _SETUP.issuperset(words) and not _SETUP_HEADS.isdisjoint(words)
        listed = listed and (len(path) > 1 or not _OF_ALL.isdisjoint(words))  # "Notes" of a whole card say much else
        heads = [path[-1][1] if path else ""] if listed else [text for _, text in path if _ON_RESULTS.search(text)]
        path.append((level, heading))
        if not (heads or may_say(said)) or (not listed and _TABLE_BEGINS.search(card, place.end(), ends)):
            continue
        texts = [_LIST_MARK.sub("", text.strip()) for text in _PARAGRAPH_END.split(said) if heads or may_say(text)]
        texts = [one_line(text) for text in texts if text and text[0] not in "|`~<"]
        if not heads:
            texts = [part for text in texts for part in sentences(text) if may_say(part) and _OF_NUMBERS.search(part)]
        found += [(head, text, listed) for head in heads or [""] for text in texts]
    return found


def may_say(text: str) -> bool:
    """A quick look: whether a text may speak of all numbers of a card."""
    text = text.lower()
    return any(noun in text for noun in _NOUNS)


def pictures(sources: Iterable[str]) -> list[str]:
    """What is written for those who do not see a picture, where it is a sentence."""
    return [alt for source in sources if "![" in source for alt in _ALT.findall(source) if alt.count(" ") > 2]


def is_command(text: str) -> bool:
    return bool(_SETTING_LINE.match(text) or _COMMAND.search(text))


def told_by_command(text: str, own: Callable[[str], bool]) -> str:
    """What a command, or a line of settings, says that makes its results others than the plain scores of a model.

    own: whether a name is the model's.
    """
    if found := _COMMAND_TELLS.search(text):
        return found[0].strip()
    for name in _COMMAND_MODEL.findall(text):
        last = name.rstrip("/").rpartition("/")[2]
        if (any(map(str.isdigit, last)) or "/" in name) and not own(last):
            return name
    return ""


class Surroundings:
    """Texts around a table, by what its labels say; that is looked for when a text is not plain by itself."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        own: Collection[str] = (),  # tokens of the model's name and owner
        models: Collection[str] = (),  # labels that stand where models do
        labels: Collection[str] = (),  # of rows, and over values
        heads: Collection[str] = (),  # over all columns
    ) -> None:
        self.vocabulary, self.own, self.models, self.labels, self.heads = vocabulary, own, models, labels, heads

    @functools.cached_property
    def names(self) -> set[str]:
        """Tokens of the model's name, and of the labels that stand where models do."""
        tokens = itertools.chain.from_iterable(map(name_tokens, self.models))
        names = {token for token in tokens if token not in MEASURES and not is_telling(token)}
        names |= frozenset() if QUANTIZED.isdisjoint(names) else QUANTIZED  # it tells them apart
        return names.union(self.own)

    @functools.cached_property
    def keys(self) -> set[str]:
        """Its benchmarks."""
        return {key for text in self.labels if (key := self.vocabulary.key(split_label(text)))}

    @functools.cached_property
    def measures(self) -> set[str]:
        """Words of the measures that its labels name; and of languages when it says in which."""
        measures = {word for text in self.labels if is_measure(text) for word in words_of(text)}
        told = any(not LANGUAGES.isdisjoint(words_of(text)) for text in (*self.labels, *self.heads))
        return measures | LANGUAGES if told else measures

    @functools.cached_property
    def own_words(self) -> set[str]:
        return {token for token in self.own if len(token) > 2 and token.isalpha()}

    def fits(self, metrics: list[str], every: bool) -> bool:
        """Whether a measure is the one of all (or some) benchmarks of the table."""
        told = {self.vocabulary.metrics[key] for key in self.keys} or {"score"}
        return told <= {*metrics} if every else not told.isdisjoint(metrics)

    def rest(self, text: str, every: bool) -> str:
        """A text without the benchmarks, the measures that fit, and the phrases that it has."""
        text = without_spread(text)
        if _MAY_BE_PHRASE.search(text.lower()):
            text = _PLAIN_PHRASES.sub(" ", text)
        for name in sorted(benchmarks_in(text, self.vocabulary), key=len, reverse=True):
            text = text.replace(name, " ")
        text = _NAMED.sub(lambda found: " " if is_benchmark(found[0], self.vocabulary) else found[0], text)
        for said, metrics in MEASURES_SAID if _MEASURE_SAID.search(text) else ():
            if said.search(text) and self.fits(metrics, every):
                text = said.sub(" ", text)
        return text

    def unplain(self, text: str, kept: bool = False) -> str:
        """The first word of a label that is not plain; `kept`: settings that it says go to the results."""
        words = words_to_ask(text, self.vocabulary)
        if words is not None and all(map(self.is_plain, words)):
            return ""
        if reverse := _REVERSED.search(text):
            return reverse[0]
        text = _NUMERAL.sub("", text.lower() if text.isupper() and " " in text else text)
        for name, key in benchmarks_in(text, self.vocabulary).items():
            if self.keys and key not in _SUITES and not any(own.startswith(key) for own in self.keys):
                return name
        text = self.rest(text, every=True)
        if kept:
            text = without_settings(text)
        if sign := _SIGNS.search(text):
            return sign[0].strip()
        if telling := self.told_in(text):
            return telling
        words = words_of(text)
        return data_word(words) or next((word for word in words if not self.is_plain(word)), "")

    def is_plain(self, word: str) -> bool:
        if is_everyday_word(word) or word in self.measures:
            return True
        if word[0] == "v" and word[1:].isdigit():
            return False  # of a version that is a name's, nothing is left
        return all(self.is_name(token) for token in name_tokens(word))

    def is_name(self, token: str) -> bool:
        return token.isdigit() or token in self.names

    def telling(self, text: str) -> str:
        """The first words of prose that name another measure, a quantity, other data or weights, or a mode."""
        if reverse := _REVERSED.search(text):
            return reverse[0]
        return self.told_in(self.rest(text, every=False)) if may_tell(text) else ""

    def told_in(self, rest: str) -> str:
        for found in tellings(rest):
            words = words_of(found)
            if not words or not all(word in self.measures or self.is_name(word) for word in words):
                return found
        return ""

    def of_paragraph(self, text: str, near: bool = True) -> str:
        """What a paragraph tells: a lead, a legend and a fragment are labels, the rest is prose."""
        if is_legend(text) or _NUMBERED.match(text) or (len(text) < 150 and not _SENTENCE.search(text)):
            return self.telling(text) or self.unplain(text)
        if word := self.telling(text):
            return word
        text = _ADDRESS.sub(" ", text).strip() if "//" in text or "arxiv:" in text else text
        if text.endswith(_LEADS_ON) and (word := self.unplain(sentences(text)[-1])):
            return word
        parts = _LEAD_END.split(text) if near else ()
        return next((word for part in parts if (word := self.unplain_sentence(part))), "")

    def is_about_names(self, text: str) -> bool:
        """Whether a sentence says what the model, or a benchmark, is or has in the table."""
        lower = text.lower()
        if not _IS_OR_HAS.search(lower):
            return False
        return any(word in lower for word in self.own_words) or bool(benchmarks_in(text, self.vocabulary))

    def unplain_sentence(self, text: str) -> str:
        """The first word that is not plain of a sentence on the numbers, or of one without spaces between words."""
        if not (is_about_table(text) or self.is_about_names(text)):
            return ""
        rest = self.rest(text, every=False)
        return next((word for word in words_of(rest) if word not in _SAID_WORDS and not self.is_plain(word)), "")


@functools.lru_cache(maxsize=4096)
def words_to_ask(text: str, vocabulary: Vocabulary) -> list[str] | None:
    """The words of a label that are plain only over some tables; None when more than its words is to be looked at."""
    words = words_of(text)
    if data_word(words) or may_tell(text) or _SIGNS.search(text) or benchmarks_in(text, vocabulary):
        return None
    return None if _REVERSED.search(text) else [word for word in words if not is_everyday_word(word)]


@functools.lru_cache(maxsize=4096)
def is_everyday_word(word: str) -> bool:
    plain = word.isdigit() or word in PLAIN_WORDS or bool(_PLAIN_STEM.fullmatch(word))
    return plain or (not word.isascii() and not _PLAIN_RUNS.sub("", word))


def in_other_letters(text: str) -> bool:
    """Whether a text has Chinese, Japanese or Korean in it."""
    return not text.isascii() and _CJK.search(text) is not None


def data_word(words: Sequence[str]) -> str:
    """The word by which a label is about data, and not about results on them; "" when there is none."""
    if _DATA_WORDS.isdisjoint(words) or not _RESULT_WORDS.isdisjoint(words):
        return ""
    return next(word for word in words if word in _DATA_WORDS)


@functools.lru_cache(maxsize=1024)
def about_numbers(text: str) -> tuple[str, ...]:
    """The sentences of a paragraph, as written, that are about numbers."""
    return tuple(part for part in sentences(one_line(text)) if _ABOUT_NUMBERS.search(part.lower()))


def is_about_table(text: str) -> bool:
    """Whether a sentence speaks of the numbers of a table."""
    return bool(_ABOUT_TABLE.search(text.lower())) or in_other_letters(text)


def sentences(text: str) -> list[str]:
    return _SENTENCE_END.split(text.strip())


def is_legend(text: str) -> bool:
    """Whether a paragraph begins with a footnote's mark."""
    return bool(_LEGEND.match(text))


def tellings(text: str) -> Iterator[str]:
    """What a text has of the words that tell, in lower case."""
    text = text.lower()
    yield from (found[0] for found in _TELLING.finditer(text))
    if not text.isascii():
        yield from (found[0] for found in _TELLING_RUNS.finditer(text))


@functools.lru_cache(maxsize=4096)
def may_tell(text: str) -> bool:
    """A first look; the paragraph below an outer heading stands above many tables."""
    return next(tellings(text), None) is not None


def without_spread(text: str) -> str:
    """A text without what says that ± is a standard error."""
    return _SPREAD.sub(" ", text) if _MAY_SPREAD.search(text) else text


def told_lower(text: str) -> str:
    """The words by which a text says that less is better without a measure's name: "failed", "1 - accuracy"."""
    found = _REVERSED.search(text) or _LOWER_SAID.search(without_spread(text))
    return found[0] if found else ""


def says_lower(text: str) -> bool:
    """Whether a text speaks of a measure of which less is better: an error rate, a loss, 1 - accuracy."""
    words = words_of(without_spread(text))
    parts = ("_".join(words[at : at + size]) for size in (1, 2, 3) for at in range(len(words) - size + 1))
    return bool(told_lower(text)) or any(map(metric_direction, parts))


@functools.lru_cache(maxsize=4096)
def is_telling(word: str) -> bool:
    """Whether a word alone says that something else is measured."""
    word = word.lower()
    return bool(_TELLING.fullmatch(word) or (not word.isascii() and _TELLING_RUNS.fullmatch(word)))
