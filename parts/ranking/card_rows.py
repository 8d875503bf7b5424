"""Which measured score a card's row asks for: by benchmark and part, metric and filter, shots and settings.

Takes the texts of a row with their headers, or the name in a placeholder, and the scores of the chosen checkpoint;
gives the one that is meant. ScriptError 1 where there is none, 3 where it is not certain, with the names there are.
"""

from __future__ import annotations

import functools
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from parts.cards.labels import MEASURE_FILLERS, MEASURES, word_list
from parts.frame import ScriptError, count_in, listing
from parts.ranking.scores import choose_run, mean_score
from parts.ranking.vocabulary import Ranking
from parts.records.groups import incomplete_line, part_name, part_weights
from parts.records.measured import Result
from parts.statistics.intervals import Estimate
from parts.vocabulary import MetricMapping, bare_task, normalize_name, same_metric

# Spellings of metrics and filters, as one word each; they are looked for in folded words with one space between them.
ROW_WORDS = re.compile(r"[^\W_]+|\+\+|[@^]")
ROW_SPELLINGS = [
    (re.compile(rf"\b(?:{spelling})(?![\w@])"), word)
    for spelling, word in (
        (r"([a-z]+\d*) ?(?:[@^]|at) ?(\d+|k)", r"\1@\2"),
        (r"(top|maj|cons|avg) ?(\d+)", r"\1@\2"),
        (r"rouge ?(l|1|2) ?(sum)?", r"rouge\1\2"),
        (r"chr ?f ?(?:\+\+|plus plus)", "chrf++"),
        (r"(?:sacre ?)bleu", "bleu"),
        (r"exact match|em", "exactmatch"),
        (r"acc ?norm", "accuracy norm"),
        (r"acc", "accuracy"),
        (r"(?:length )?normali[sz](?:ed|ation)", "norm"),
        (r"f ?1 ?score|f 1|fscore", "f1"),
        (r"(?:inst|instructions?) ?level|instructions?", "inst"),
        (r"prompt ?level", "prompt"),
        (r"win ?rate", "winrate"),
        (r"length controlled", "lc"),
        (r"flexible ?extract", "flexible"),
        (r"strict ?match", "strict"),
        (r"word error rate", "wer"),
        (r"char(?:acter)? error rate", "cer"),
        (r"ppl", "perplexity"),
        (r"bits per byte", "bpb"),
        (r"matthews corr(?:elation|coef)(?: coefficient)?", "mcc"),
        (r"mc ([12])", r"mc\1"),
        (r"mean opinion score", "mos"),
    )
]
ROW_AT = re.compile(r"@(?:\d+|k)$")
CARD_METRICS = (MEASURES - {"em", "acc", "match"}) | {"exactmatch", "chrf++"}
# What tells one way of a metric from another.
QUALIFIERS = word_list("metric_qualifiers")
CHANGING = QUALIFIERS - {"strict", "loose", "flexible"}
AVERAGE_WORDS = frozenset(["average", "avg", "mean"])
NO_METRIC = word_list("no_metrics")
LABEL_FILLERS = word_list("row_label_fillers")
METRIC_FILLERS = frozenset(filter(str.isalpha, MEASURE_FILLERS | LABEL_FILLERS | word_list("row_metric_fillers")))

ROW_COUNTS = {"zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "eight": 8, "ten": 10}
ROW_SHOTS = re.compile(
    rf"(?i)(?<![a-z\d.])(\d{{1,3}}|few|many|{'|'.join(ROW_COUNTS)})[\s_-]*shots?(?![a-z])"
    r"|(?<![a-z\d])(?:#|num(?:ber of)?|n|k)?[\s_-]*(?:few[\s_-]*)?shots?\s*[=:]?\s*(\d{1,3})(?![\w.])"
)
ROW_MODE = re.compile(
    r"(?i)(?<![a-z])(?:(?:w/o?|with(?:out)?|no|non)[\s-]*)?(?:cot|chain[- ]of[- ]thoughts?|thinking|reasoning|tools?|"
    r"greedy|sampling|chat template|val(?:idation)?|dev|test)(?![a-z])"
)
ROW_PARTS = re.compile(
    r"(?i)(?<!\d)(\d{1,4})\s*(?:(?:/|of|out of)\s*(?:its|the|\d+)?\s*)?"
    r"(?:parts|subjects|subsets|(?:sub)?tasks)(?![a-z])"
)
SHOT_HEADS = word_list("shot_heads")
SHOT_FILLERS = word_list("shot_fillers")
METRIC_HEADS = word_list("metric_heads")
SETTING_HEADS = word_list("row_setting_heads")
SETTING_FILLERS = word_list("row_setting_fillers")
ROW_COT = re.compile(r"(?i)cot|chain")
ROW_NUMBER = re.compile(r"[-+−~≈±<>]*\s*\d[\d.,]*\s*%?(?:\s*(?:±|\+/-).*)?")
ROW_NOTHING = re.compile(r"[\s\-–—―?…./]*|(?i:n/?a|tb[ad]|todo)")
ROW_BRACKETS = re.compile(r"[(\[（]([^()\[\]（）]{1,80})[)\]）]")
ROW_NAME = re.compile(r"[^\W_]+\+*")
SOME = "*"  # the part of an offer that is of some parts of a benchmark, not all
LONGEST_LABEL = 300  # characters of a cell that may name a benchmark


@functools.lru_cache(maxsize=8192)
def metric_words(text: str) -> tuple[str, ...]:
    """The words of a metric's name, spellings folded: "exact_match,flexible-extract" -> exactmatch, flexible."""
    text = " ".join(ROW_WORDS.findall(text[:LONGEST_LABEL].casefold()))
    for spelling, word in ROW_SPELLINGS:
        text = spelling.sub(word, text)
    return tuple(text.split())


def told_words(words: Iterable[str]) -> frozenset[str]:
    """The words of a metric's name that say something."""
    return frozenset(words) - NO_METRIC


@dataclass(frozen=True, slots=True)
class CardOffer:
    """A score of the chosen checkpoint that a card may name: of a benchmark, a category, or a part, by one metric.

    rows: the runs of each of its parts, where `score` is still to be made of them.
    """

    key: str
    part: str
    name: str  # as the records call it
    metric: str
    words: frozenset[str]
    shots: int | None
    default: bool  # the metric that is meant where none is named
    score: Estimate | None = None
    rows: tuple[tuple[Result, ...], ...] = ()
    count: int = 0  # of its parts, where these are some

    @property
    def title(self) -> str:
        """What it is of."""
        return f"{self.key} ({self.count} of its parts)" if self.part == SOME else self.name

    @property
    def placeholder(self) -> str:
        """How a card names it, whatever its row says."""
        metric = f"/{self.metric}" if self.metric and self.part != SOME else ""
        return f"{{RESULT:{self.title.replace(':', '_')}{metric}}}"

    def says(self, text: str) -> bool:
        """Whether a setting that a card tells is one of all its runs."""
        return bool(self.rows) and all(
            any(normalize_name(text) == normalize_name(value) or plain_number(text) == plain_number(value) is not None
                for value in row.run.settings.values())
            for rows in self.rows for row in rows
        )  # fmt: skip


def is_head(head: str, words: frozenset[str], fillers: frozenset[str] = frozenset()) -> bool:
    """Whether a header is made of some words, and of nothing else but fillers; without fillers, has one of them."""
    found = {word.casefold() for word in ROW_WORDS.findall(head)}
    return bool(found & words) and (not fillers or found <= words | fillers)


def plain_number(text: str) -> float | None:
    """A text's number, where it is one."""
    return float(text) if re.fullmatch(r"\s*-?\d{1,9}(?:\.\d{1,9})?\s*", text) else None


@dataclass(slots=True)
class RowSaid:
    """What some texts say: benchmarks with their parts, words of the metric, shots, and what else has to be so."""

    keys: dict[tuple[str, str], None] = field(default_factory=dict)
    near: set[str] = field(default_factory=set)  # benchmarks in a text that names something else
    words: set[str] = field(default_factory=set)
    shots: set[str] = field(default_factory=set)
    count: set[int] = field(default_factory=set)  # of how many parts
    open: list[str] = field(default_factory=list)


class CardOffers:
    """All scores of the chosen checkpoint, and every name that leads to one."""

    def __init__(self, ranking: Ranking, vocabulary: MetricMapping) -> None:
        self.best, self.vocabulary = ranking.best, vocabulary
        self.remarks: list[str] = []
        self.answers: dict[Any, Any] = {}
        self.offers = [*self.of_ranking(ranking), *self.of_results(ranking)]
        self.names: dict[str, tuple[str, str]] = {}
        spellings: dict[str, list[str]] = defaultdict(list)
        for name, key in vocabulary.names.items():
            self.names[name] = (key, "")
            spellings[key].append(name)
        for offer in self.offers:
            self.names.setdefault(normalize_name(offer.key), (offer.key, ""))
            if offer.part not in ("", SOME):
                part = part_name(offer.part)
                told = [f"{name}{part}" for name in spellings[offer.key] or [offer.key]]
                for name in (*told, offer.name, f"{offer.key}{offer.part}"):
                    self.names.setdefault(normalize_name(name), (offer.key, offer.part))

    def of_ranking(self, ranking: Ranking) -> Iterator[CardOffer]:
        """The scores that were ranked, and those of the categories."""
        best = ranking.best
        for key, score in {**best.unranked, **best.categories, **best.scores}.items():
            rows = [row for row in ranking.counted if row.key == key]
            parts = len({row.subtask for row in rows})
            tails = {tail_of(row) for row in rows}
            metric = tails.pop() if len(tails) == 1 else score.metric or ""
            usual = str(self.vocabulary.entries.get(key, {}).get("metric") or "")
            words = told_words(word for row in rows[:1] for word in words_of_result(row))
            words |= told_words((*metric_words(score.metric or ""), *metric_words(score.unit)))
            yield CardOffer(
                key, SOME if key in best.incomplete else "", key, metric, words or told_words(metric_words(usual)),
                score.shots, True, score, tuple((row,) for row in rows), parts,
            )  # fmt: skip

    def of_results(self, ranking: Ranking) -> Iterator[CardOffer]:
        """Every other result in the records: of other metrics, of parts, of benchmarks that do not rank."""
        ways: dict[tuple[str, str, str], dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
        for row in ranking.measured:
            ways[row.key, tail_of(row), row.run.shots][row.subtask].append(row)
        counted = {(row.key, tail_of(row), row.run.shots) for row in ranking.counted}
        keys = {key for key, _, _ in counted}
        for (key, tail, shots), parts in ways.items():
            usual = str(self.vocabulary.entries.get(key, {}).get("metric") or "")
            first = next(iter(parts.values()))[0]
            alone = len([way for way in ways if way[0] == key]) == 1
            main = (key, tail, shots) in counted if key in keys else alone or same_metric(first.metric, usual)
            base = CardOffer(key, "", key, tail, told_words(words_of_result(first)), first.run.estimate.shots, main)
            for part, rows in parts.items():
                if part:
                    yield replace(base, part=part, name=bare_task(rows[0].run.name), rows=(tuple(rows),))
            if (key, tail, shots) not in counted:
                whole = {"": parts[""]} if "" in parts else parts
                some = incomplete_line(key, whole, self.vocabulary)
                rows = tuple(tuple(own) for own in whole.values())
                yield replace(base, part=SOME if some else "", rows=rows, count=len(whole))

    def once(self, ask: Callable[..., Any], *question: Any) -> Any:
        """The answer to a question, which a card may ask a thousand times."""
        if (ask, question) not in self.answers:
            self.answers[ask, question] = ask(*question, self)
        return self.answers[ask, question]

    def find(self, name: str) -> tuple[str, str] | None:
        """The benchmark, and the part of it, that a whole text names."""
        folded = normalize_name(name)
        return self.names.get(folded) if folded else None

    def own_words(self, key: str) -> set[str]:
        """All words of the metrics that a benchmark was measured by."""
        return {word for offer in self.offers if offer.key == key for word in offer.words}

    def named(self, key: str = "") -> list[str]:
        """The names that a card can use, all or those of a benchmark and its parts."""
        return list(dict.fromkeys(offer.title for offer in self.offers if not key or offer.key == key))

    # --- what texts say ---------------------------------------------------------------------------------------------

    def read_label(self, text: str, said: RowSaid, head: str = "") -> bool:
        """Read a text that may name a benchmark, with what else it says: "HumanEval (0-shot, pass@10)"; if it does."""
        text = text[:LONGEST_LABEL]
        if found := self.find(text):
            said.keys[found] = None
            return True
        words = list(ROW_NAME.finditer(text))[:24]
        for size in range(min(8, len(words) - 1), 0, -1):
            for at in range(len(words) - size + 1):
                begin, end = words[at].start(), words[at + size - 1].end()
                name = text[begin:end]
                if not (found := self.find(name)):
                    continue
                own = RowSaid()
                rest = f"{text[:begin]} | {text[end:]}"
                if is_head(head, SHOT_HEADS) and (bare := re.fullmatch(r"[\s|()\[\],]*(\d{1,3})[\s|()\[\],]*", rest)):
                    own.shots.add(bare[1])
                    rest = ""
                if not self.read_rest(rest, own, found[0], LABEL_FILLERS):
                    if name.isupper() or any(map(str.isdigit, name)) or any(map(str.isupper, name[1:])):
                        said.near.add(found[0])
                    return False
                said.keys[found] = None
                take_over(said, own)
                return True
        return False

    def read_rest(self, text: str, said: RowSaid, key: str, fillers: frozenset[str] | set[str]) -> bool:
        """Read what stands beside a name; whether every word of it is understood."""
        said.shots |= row_shots(text)
        text = ROW_SHOTS.sub(" ", text)
        said.count |= {int(match[1]) for match in ROW_PARTS.finditer(text)}
        text = ROW_PARTS.sub(" ", text)
        said.open += [match[0].strip() for match in ROW_MODE.finditer(text)]
        own, known = self.own_words(key), True
        for word in metric_words(ROW_MODE.sub(" ", text)):
            if is_metric_word(word, own) or word in AVERAGE_WORDS:
                said.words.add(word)
            else:
                known &= word in fillers
        return known

    def read_row(self, cells: Sequence[tuple[str, str]], column: str) -> tuple[RowSaid, set[str]]:
        """What a row's (header, text) cells and the header of the cell to fill say; the benchmarks of headers."""
        said, header, later = RowSaid(), RowSaid(), []
        heads = [column]
        for head, text in cells:
            said.shots |= row_shots(text)
            if ROW_NOTHING.fullmatch(text):
                continue
            if is_head(head, SHOT_HEADS, SHOT_FILLERS) and not self.find(text):
                number = re.match(rf"(?i)\s*(\d{{1,3}}|{'|'.join(ROW_COUNTS)})(?![\w.])", text)
                said.shots |= {number[1].lower()} if number else set()
                said.open += [] if number or row_shots(text) else [text]
                later.append((head, text[number.end() :] if number else text))
            elif ROW_NUMBER.fullmatch(text) and not is_head(head, SETTING_HEADS, SETTING_FILLERS):
                continue
            elif self.read_label(text, said, head):
                heads.append(head)
            else:
                later.append((head, text))
        keys = [key for key, _ in said.keys]
        for head, text in later:
            self.read_beside(head, text, said, keys)
        for head in heads:
            self.read_header(head, header)
        said.words = said.words or header.words
        said.shots = said.shots or header.shots
        return said, {*header.near, *(key for key, _ in header.keys)}

    def read_beside(self, head: str, text: str, said: RowSaid, keys: Sequence[str]) -> None:
        """Read a cell that names no benchmark: a part of the row's, a metric, a setting; others say nothing here."""
        for offer in self.offers:
            if offer.key in keys and normalize_name(text) == normalize_name(part_name(offer.part)) != "":
                said.keys.pop((offer.key, ""), None)
                said.keys[offer.key, offer.part] = None
                return
        own = RowSaid()
        known = self.read_rest(text, own, keys[0] if keys else "", METRIC_FILLERS)
        if (
            is_head(head, METRIC_HEADS)
            or is_head(head, SETTING_HEADS, SETTING_FILLERS)
            or is_head(head, SHOT_HEADS, SHOT_FILLERS)
        ):
            silent = text.strip() and not metric_words(text) and not (own.shots or own.open)  # a check mark
            take_over(said, own if known and not silent else replace(own, open=[text.strip()]))
        elif known:
            take_over(said, replace(own, open=[one for one in own.open if ROW_COT.search(one)]))

    def read_header(self, head: str, said: RowSaid) -> None:
        """Read what a header says of all cells below it: "EM", "Ours (flexible, 8-shot)", "MMLU"."""
        own = RowSaid()
        if self.read_label(head, own) or (self.read_rest(head, own, "", METRIC_FILLERS) and own.words):
            take_over(said, replace(own, open=[]))
            return
        said.near |= own.near
        said.shots |= row_shots(head)
        for bracket in ROW_BRACKETS.findall(head):
            inside = RowSaid()
            self.read_rest(bracket, inside, "", METRIC_FILLERS)
            take_over(said, replace(inside, open=[]))

    # --- which score is meant ---------------------------------------------------------------------------------------

    def choose(self, key: str, part: str, said: RowSaid, where: str) -> CardOffer:
        """The score of a benchmark or a part of it that fits all that is said; ScriptError where none or several do."""
        there = [offer for offer in self.offers if offer.key == key]
        pool = [offer for offer in there if offer.part == part]
        some = [offer for offer in there if offer.part == SOME]
        if said.count and not part:
            pool = [offer for offer in some if said.count == {offer.count}] or pool
        if not pool and some:
            line = self.best.incomplete.get(key) or f"{key}: some of its parts alone were measured: not its score"
            raise ScriptError(f"{line}; of it there are: {listing(self.named(key), 8)}", code=1)
        if not pool:
            raise ScriptError(
                f"no score for {key}, which {where} asks for; there are: {listing(self.named(), 12)}", code=1
            )
        found = by_metric(by_shots(pool, said.shots, where), frozenset(said.words))
        if len(found) > 1:
            found = [offer for offer in found if offer.default] or found
        if len(found) != 1:
            words = " ".join(sorted(said.words)) or "no metric"
            several = "fits several" if found else "is none that was measured"
            ways = listing([f"{o.metric or o.key}{'' if o.shots is None else f' ({o.shots}-shot)'}" for o in pool], 8)
            names = listing(dict.fromkeys(offer.placeholder for offer in found or pool), 8)
            raise ScriptError(f"{where} says {words}, which {several} of {key}: {ways}; write {names}", code=3)
        return found[0]

    def named_offer(self, name: str, said: RowSaid, where: str) -> tuple[CardOffer, bool] | None:
        """The score that a placeholder names, and whether with its metric: "gsm8k/exact_match,flexible-extract"."""
        task, slash, metric = name.rpartition("/")
        if slash and (found := self.find(task)):
            pool = [offer for offer in self.offers if (offer.key, offer.part) == found]
            fits = [o for o in pool if same_metric(o.metric, metric) or o.words == told_words(metric_words(metric))]
            if fits:
                told = replace(said, words=set())
                offer = by_shots(fits, told.shots, where) if fits else []
                if len(offer) > 1:
                    raise ScriptError(f"{{RESULT:{name}}}: measured with several numbers of shots; say which", code=3)
                fit = [o.words for o in by_metric(pool, frozenset(said.words))]
                if not said.words <= offer[0].words and offer[0].words not in fit:
                    raise ScriptError(f"{where} says {' '.join(sorted(said.words))}, and {{RESULT:{name}}} not", code=3)
                return offer[0], True
        own = RowSaid()
        if not self.read_label(name, own):
            return None
        take_over(own, replace(said, keys={}))
        key, part = next(iter(own.keys))
        if not any(offer.key == key for offer in self.offers):
            return None
        return self.choose(key, part, own, where), False

    def refuse_open(self, offer: CardOffer, said: RowSaid, where: str) -> None:
        """ScriptError(code=3) for what a row says that the records do not."""
        for text in said.open:
            if not offer.says(text):
                raise ScriptError(
                    f"{where} says “{text}”, and no record of {offer.name} does; if it was measured so, write "
                    f"{offer.placeholder}",
                    code=3,
                )

    def score(self, offer: CardOffer) -> Estimate:
        """An offer's score; ScriptError where it may not be used."""
        if offer.score is not None:
            return offer.score
        runs = [choose_run(rows, offer.name) for rows in offer.rows]
        for run in runs:
            if run.run.validity.reasons:
                raise ScriptError(f"{offer.title}: not valid: {'; '.join(run.run.validity.reasons)}", code=1)
            said = [f"of {run.run.partial} alone" if run.run.partial else "", *run.run.validity.remarks]
            self.remarks += [f"{run.task}: {remark}" for remark in said if remark]
        return mean_score([run.score for run in runs], part_weights([run.run for run in runs], self.vocabulary))


def tail_of(row: Result) -> str:
    """A result's metric with its filter, as a placeholder can hold it: "exact_match,flexible-extract"."""
    tail = row.result_id.rpartition("/")[2].removesuffix(",none")
    return row.metric if not tail or re.search(r"[{}:|\r\n]", tail) else tail


def words_of_result(row: Result) -> tuple[str, ...]:
    """The words of a result's metric and filter."""
    return (*metric_words(tail_of(row)), *metric_words(row.metric))


def is_metric_word(word: str, own: set[str]) -> bool:
    """Whether a word is of a metric: any that is known, or one by which this benchmark was measured."""
    return word in CARD_METRICS or word in QUALIFIERS or word in own or bool(ROW_AT.search(word))


def row_shots(text: str) -> set[str]:
    """The numbers of shots that a text says: "5-shot", "n_shot = 0", "zero-shot"."""
    return {(match[1] or match[2]).lower() for match in ROW_SHOTS.finditer(text)}


def take_over(said: RowSaid, own: RowSaid) -> None:
    """Add what was read to what is said."""
    said.keys |= own.keys
    said.near |= own.near
    said.words |= own.words
    said.shots |= own.shots
    said.count |= own.count
    said.open += own.open


def by_shots(offers: Sequence[CardOffer], shots: set[str], where: str) -> list[CardOffer]:
    """The offers that were measured with the shots that are said; ScriptError where none was, or nobody knows."""
    if not shots:
        return list(offers)
    text = f"{where} says {' and '.join(f'{shot}-shot' for shot in sorted(shots))}"
    if len(shots) == 1:
        shot = next(iter(shots))
        count = ROW_COUNTS.get(shot, count_in(shot))
        fits = [o for o in offers if o.shots is not None and (o.shots == count if count is not None else o.shots > 0)]
        if fits:
            return fits
    known = sorted({offer.shots for offer in offers if offer.shots is not None})
    if known:
        raise ScriptError(f"{text}, but it was measured with {' or '.join(map(str, known))} shots", code=1)
    names = listing(dict.fromkeys(offer.placeholder for offer in offers), 4)
    raise ScriptError(f"{text}, and no record is certain how many it was; if that is right, write {names}", code=3)


def by_metric(offers: Sequence[CardOffer], words: frozenset[str]) -> list[CardOffer]:
    """The offers that fit the words of a metric; what tells none of them apart means the default.

    "acc" is not the normalized accuracy, "F1" not the macro F1; "average" is one metric's where there is only one.
    """
    words = told_words(words)
    if words & AVERAGE_WORDS and len({offer.words for offer in offers}) == 1:
        words -= AVERAGE_WORDS
    if not words:
        return list(offers)
    if exact := [offer for offer in offers if offer.words == words]:
        return exact
    fits = [offer for offer in offers if words <= offer.words and not changes(offer.words - words)]
    if not fits and words == {"accuracy"}:
        fits = [offer for offer in offers if offer.default and is_right_answers(offer.words)]
    if len(fits) > 1 and len(fits) < len(offers):
        return [replace(offer, default=False) for offer in fits]
    return fits


def changes(words: frozenset[str]) -> bool:
    """Whether a word more makes another metric of one."""
    return bool(words & CHANGING) or any(word.startswith("top@") for word in words)


def is_right_answers(words: frozenset[str]) -> bool:
    """Whether a metric is a share of right answers, which people call accuracy."""
    other = words & (CARD_METRICS - QUALIFIERS - {"accuracy", "exactmatch", "resolved", "success"})
    return not other and not changes(words) and not any(ROW_AT.search(w) and w != "pass@1" for w in words)


def row_offer(cells: Sequence[tuple[str, str]], column: str, offers: CardOffers) -> tuple[CardOffer, Estimate]:
    """The score that a row with a bare {RESULT} asks for; ScriptError saying why there is none."""
    shown = " | ".join(text for _, text in cells if text.strip())
    where = f"the row “{shown}”"
    said, header = offers.read_row(cells, column)
    kinds = {key: offers.vocabulary.entries.get(key, {}).get("kind", "benchmark") for key, _ in said.keys}
    exact = [named for named in said.keys if kinds[named[0]] == "benchmark"] or list(said.keys)
    if len(exact) != 1:
        several = f"several benchmarks ({', '.join(f'{key} {part}'.strip() for key, part in exact)})"
        none = f"no benchmark that was measured or is known; measured are: {listing(offers.named(), 12)}"
        raise ScriptError(f"{where} names {several if exact else none}", code=1)
    key, part = exact[0]
    if header and key not in header and offers.vocabulary.category(key) not in header:
        raise ScriptError(f"{where} names {key}, and its column {', '.join(sorted(header))}", code=1)
    offer = offers.choose(key, part, said, f"{where}")
    offers.refuse_open(offer, said, where)
    return offer, offers.score(offer)


def named_offer(
    name: str, cells: Sequence[tuple[str, str]], column: str, offers: CardOffers
) -> tuple[CardOffer, Estimate] | None:
    """The score of {RESULT:name}; in a table's row, what the row says must be so. None where nothing is called so."""
    shown = " | ".join(text for _, text in cells if text.strip())
    where = f"the row “{shown}”" if cells else f"{{RESULT:{name}}}"
    said, header = offers.read_row(cells, column) if cells else (RowSaid(), set())
    labels = dict(said.keys)
    near = {*said.near, *header}
    found = offers.named_offer(name, replace(said, near=set(), keys={}), where)
    if found is None:
        return None
    offer, exactly = found
    named = {key for key, _ in labels} | near
    category = offers.vocabulary.category(offer.key)
    score = offers.score(offer)
    same = category in named and (whole := offers.best.score(category or "")) and whole.value == score.value
    parts = {part for key, part in labels if key == offer.key}
    other_part = parts and offer.part not in parts and said.count != {offer.count}
    if (named and offer.key not in named and not same) or other_part:
        raise ScriptError(
            f"{where} is of {', '.join(sorted(named))}, and {{RESULT:{name}}} is {offer.title}; name the same in both",
            code=3,
        )
    if not exactly:
        offers.refuse_open(offer, said, where)
    return offer, score


def refuse_overall(placeholder: str, cells: Sequence[tuple[str, str]], column: str, offers: CardOffers) -> None:
    """ScriptError(code=3) where a row that names a benchmark is to get what is of all of them."""
    said, header = offers.read_row(cells, column)
    named = {*(key for key, _ in said.keys), *header}
    scores = [offers.best.score(key) for key in named]
    if not all(score and score.value == offers.best.eval_accuracy for score in scores):
        raise ScriptError(f"the row is of {', '.join(sorted(named))}, and {placeholder} is of all benchmarks", code=3)
