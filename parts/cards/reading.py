"""A model card's tables -> this model's scores: what the table itself proves is read, all else is asked.

Takes a Card, the model's Hub id and the vocabulary; gives one reading per table: what it is, where the model stands,
its scores, and what is unsure and why. No text around a table makes a label certain; it can only make it less so.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from parts.cards.grid import Block, Grid, head_is
from parts.cards.labels import (
    CARD_WORDS,
    SIZED,
    Vocabulary,
    benchmarks_in,
    is_average,
    is_benchmark,
    is_fact,
    is_generic,
    is_measure,
    is_setting,
    is_weak_fact,
    split_label,
    without_settings,
    word_list,
    words_of,
)  # fmt: skip
from parts.cards.model_names import (
    BASE,
    MODES,
    QUANTIZED,
    TUNED,
    Fit,
    ModelName,
    contains_name,
    fit_texts,
    kind_word,
    name_tokens,
    names_other,
    relation_of,
)  # fmt: skip
from parts.cards.scores import OpenCell, Pick, ScoreReader, Taken, have_twins, tell_apart, ticked_mode
from parts.cards.surroundings import (
    LANGUAGES,
    Surroundings,
    about_numbers,
    is_command,
    is_legend,
    pictures,
    said_elsewhere,
    says_lower,
    told_by_command,
)  # fmt: skip
from parts.cards.tables import Card, Cell, Table
from parts.cards.text import folded_label, label_text
from parts.cards.values import MISSING_CELL, NUMBER_CELL
from parts.frame import ScriptError, listing
from parts.metadata.entries import Score
from parts.names import disguised

_EVALUATION = re.compile(rf"(?i)\b(?:{CARD_WORDS['eval_words']})\b|评|结果|榜|성능|평가")
_TUNED_TEXT, _BASE_TEXT = re.compile(CARD_WORDS["tuned_text"]), re.compile(CARD_WORDS["base_text"])
_PRETRAINING = re.compile(r"(?i)\bpre-?\s?training\b|\b(?:core|raw) model\b")  # over a table: the model before tuning
_MAY_BE_BASE = re.compile("(?i)pt|pre|" + "|".join(BASE))
_ORIGINAL = re.compile(r"(?i)\boriginal (?:model(?:'s)? )?(?:card|readme|results?)\b")
_OTHER_REPO = re.compile(r"(?<![\w./-])[A-Za-z][\w.-]{1,60}/([A-Za-z][\w.-]{0,60}\d[\w.-]{0,60})(?![\w/])")
# Of the Open LLM Leaderboard: where the items of a model's results are.
_DETAILS = re.compile(r"leaderboard/(?:details_[\w.-]+?__([\w.-]+)|[\w.-]+?__([\w.-]+)-details)\b")
_LINKED = re.compile(r"(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+)")
_LINK_END = re.compile(r"://[^\s()<>\"']*/([\w.-]{3,100})(?=[\s()<>\"'#?])")
_NUMBER_BEFORE = re.compile(r"^\W*\d+(?:\.\d+)*[.)]?\s")
_OTHERS = word_list("others")  # in a heading: whose scores they are, if not this model's
_DATA_NAMES = re.compile(rf"(?i){CARD_WORDS['data_names']}")  # of data that several measures are taken on
_BENCHMARK_WORDS = word_list("says_benchmark")
_IN_BILLIONS = re.compile(r"(?i)[(\[](?:in )?(?:b|bn|billions?)[)\]]")
_SIGN = re.compile(r"\s*[-−–+→]\s*\w")
_ONLY = Fit(True, "the only model in it")
_NOBODY = Fit(False, "if the table is this model's")
_LABEL_HEADS = frozenset().union(
    *(
        word_list(f"{kind}_heads")
        for kind in ["model", "benchmark", "group", "setting", "row_setting", "version", "size"]
    )
)
_HEAD_WORDS = _LABEL_HEADS.union(*map(word_list, ("benchmark_fillers", "metric_heads", "said_heads")))
_COMMON_LANGUAGES = word_list("common_languages")
_OTHER_LANGUAGES = LANGUAGES - _COMMON_LANGUAGES
_LOG_WORDS = frozenset(CARD_WORDS["log_words"].split())


@dataclass(frozen=True, slots=True)
class Target:
    """A column or row that is or may be the model; the index counts grid columns, or body rows, from 0."""

    axis: str
    index: int
    text: str
    fit: Fit
    block: int = 0  # under which of the table's headers
    columns: range = range(0)  # of a row: the columns of its table, when several stand side by side; else all
    more: Mapping[str, Any] = field(default_factory=dict, compare=False)  # what else a selection says of it
    ready: bool = True  # all that its line reads may be this model's


@dataclass(slots=True)
class TableReading:
    """What was decided about one table, and why."""

    table: Table
    grid: Grid
    evaluation: bool = True
    reason: str = ""
    orientation: str | None = None
    status: str = "absent"  # found, absent, ambiguous (asked), or skipped (no evaluation table)
    targets: list[Target] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    text_doubt: str = ""  # the one of them that asks what is measured
    taken: Taken = field(default_factory=Taken)
    would: list[Score] = field(default_factory=list)  # what is not taken for its doubts, as it would be read
    by_hand: list[str] = field(default_factory=list)  # "table 2, column 3 'Moonlight'"
    remarks: list[str] = field(default_factory=list)  # on what was read by hand
    others: list[Target] = field(default_factory=list)  # of this model's name with something added, and not taken

    @property
    def scores(self) -> list[Score]:
        return self.taken.scores

    reader: Reader | None = None

    @property
    def speaks_of_less(self) -> bool:
        """Whether a text that puts a question speaks of an error rate or another measure of which less is better."""
        return bool(self.reader) and any(says_lower(text) for text, _ in self.reader.told_around())

    @property
    def possible(self) -> list[Target]:
        """Where models stand in it, when this one is not there."""
        return self.reader.possible(self.orientation) if self.reader and self.status == "absent" else []

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(target.text for target in self.possible))

    @property
    def beside(self) -> list[str]:
        """The columns or rows with this model's name in their labels that were not taken, and what they say more."""
        others = self.others if self.status == "found" else ()
        return [f"table {self.table.number}, {t.axis} {t.index} '{t.text}' ({t.fit.why})" for t in others]

    @property
    def open_cells(self) -> list[OpenCell]:
        return self.taken.open_cells

    def refuse(self, reason: str) -> None:
        self.evaluation, self.reason = False, reason


class Reader:
    """One table, one model: what it is, where the model stands, its scores."""

    def __init__(
        self, table: Table, model: ModelName, card: Card, vocabulary: Vocabulary, loose: Callable[[], bool]
    ) -> None:
        self.table, self.model, self.card, self.vocabulary, self.loose = table, model, card, vocabulary, loose
        self.grid = Grid(table, vocabulary)
        self.headings, self.orientation = table.headings, None
        self.rows: list[Target] = []  # whose labels have the model's name
        self.asked: dict[str, str] = {}  # labels of the table, and what in them is not plain

    @functools.cached_property
    def near(self) -> list[str]:
        """The texts that are this table's: paragraphs on both sides, footnotes and sections on how was measured
        wherever they stand, what is said in place of a picture."""
        table = self.table
        legends = [text for text in table.legends if is_legend(text) or len(text) < 120]
        places = ("", *table.headings)
        setups = [text for above, text, label in said_elsewhere(self.card.text) if label and above in places]
        alts = pictures((*table.above, *table.below))
        said = (table.before, *table.between, table.after, *legends, *table.layout, *setups, *alts)
        return list(filter(None, dict.fromkeys(said)))

    @functools.cached_property
    def around(self) -> list[str]:
        """The captions and the texts that are its own, without long ones and such as lead to what follows."""
        table, captions = self.table, self.grid.captions if self.grid.blocks else ()
        short = [text for text in self.near if len(text) < 200 and text[-1:] not in (":", "：")]
        return [text for text in dict.fromkeys((*captions, *table.layout, table.before, *short)) if text]

    def read(self, force: bool = False) -> TableReading:
        """The table as it is certain, or asked; `force`: it is an evaluation table, whatever is in it."""
        reading = TableReading(self.table, self.grid, reader=self)
        if not self.grid.has_values and not force:
            reading.refuse("no scores in it: text, facts or links")
            reading.status = "skipped"
            return reading
        columns, self.rows = list(self.column_targets()), list(self.row_targets())
        found = columns + self.rows
        self.classify(reading, columns, self.rows)
        if force:
            reading.evaluation, reading.doubts, reading.text_doubt = True, [], ""
        if not reading.evaluation:
            reading.status = "skipped"
        elif not found and self.is_single(reading):
            self.finish(reading, force)
        elif not found and self.is_nobodys(reading):
            reading.status = "ambiguous"
        else:
            reading.targets = [t for t in found if t.fit.certain] or [t for t in found if self.may_be(t)]
            reading.others = [t for t in found if t not in reading.targets and self.has_name(t)]
            if reading.targets:
                reading.doubts += [f"'{t.text}' {t.fit.why}" for t in reading.targets if not t.fit.certain]
                reading.doubts += self.label_doubts(reading.targets)
                self.finish(reading, force)
        if reading.status == "absent":
            reading.doubts = []
        return reading

    def finish(self, reading: TableReading, force: bool) -> None:
        """Take the scores of all targets when nothing is in doubt."""
        taken = Taken()
        for target in reading.targets:
            self.take(target, Pick(), taken)
        if several := have_twins(taken.scores):
            for score in taken.scores if reading.targets[0].axis == "row" else ():
                block = self.grid.blocks[reading.targets[0].block]
                score.group = score.group or block.sections.get(score.row + self.table.head) or None
            tell_apart(taken.scores)
            several = have_twins(taken.scores)
        taken.ask_mixed()
        if len({target.axis for target in reading.targets}) > 1:
            reading.doubts.append("the name stands in a row and in a column")
        elif several and len(reading.targets) > 1:
            reading.doubts.append("it stands there several times, and nothing tells which is meant")
        if not force and taken.scores and not any(map(self.is_known, taken.scores)):
            names = listing(dict.fromkeys(score.benchmark for score in taken.scores), 4)
            doubt = f"no benchmark of it is known ({names}), and no measure is told: what is measured?"
            reading.text_doubt = reading.text_doubt or doubt
            reading.doubts.append(doubt)
        reading.doubts = list(dict.fromkeys(reading.doubts))
        reading.status = "ambiguous" if reading.doubts else "found"
        if reading.doubts:
            reading.would, taken = taken.scores, Taken(open_cells=taken.open_cells)
        reading.taken = taken

    def is_known(self, score: Score) -> bool:
        """Whether the vocabulary or the table says how a result is measured, or it is called a benchmark."""
        name, blocks = score.benchmark, self.grid.blocks
        if score.key or score.metric:
            return True
        heads = (text for block in blocks for column in block.columns(*TEXT_ROLES) for text in block.paths[column])
        named = is_benchmark(name, self.vocabulary) or benchmarks_in(name, self.vocabulary)
        named = named or not _BENCHMARK_WORDS.isdisjoint(itertools.chain.from_iterable(map(words_of, heads)))
        return bool(named) and not _DATA_NAMES.search(name)

    def take(self, target: Target, pick: Pick, taken: Taken) -> None:
        """Add the scores of a target."""
        index, columns = target.index, target.columns
        if target.axis == "row":
            index += self.table.head
        else:
            columns = next(part for part in self.grid.segments(self.grid.blocks[target.block]) if index in part)
        self.score_reader.take(target.axis, index, target.block, pick, taken, columns or range(self.table.width))

    @functools.cached_property
    def score_reader(self) -> ScoreReader:
        return ScoreReader(self.grid, self.model, self.vocabulary, self.card.title, self.unplain)

    def unplain(self, text: str, kept: bool = True) -> str:
        """The first word of a label inside the table that is not plain; a language makes another data set."""
        if (found := self.asked.get(text)) is None:
            found = next((word for word in words_of(text) if word in _OTHER_LANGUAGES), "")
            found = found or self.surroundings.unplain(text, kept)
            self.asked[text] = found = "" if found in _COMMON_LANGUAGES else found
        return found

    def unplain_head(self, text: str) -> str:
        """What in a header over labels says more than what they are."""
        tokens = name_tokens(text)
        if kind_word(tokens) not in (None, self.model.kind):
            return next(token for token in tokens if kind_word({token}))
        label = split_label(text)
        return "" if is_label_head(text) else self.unplain(text if label.metric else label.name, kept=False)

    def inner_doubts(self, rows: Sequence[Target]) -> Iterator[tuple[str, str]]:
        """What the header of the labels, and the section rows over the model's rows, say that is not plain."""
        for block in self.grid.blocks:
            for column in block.columns(*TEXT_ROLES):
                for text in block.paths[column]:
                    if word := self.unplain_head(text):
                        yield text, f"the header '{text[:80]}' says '{word}': what is measured?"
            for text in (block.paths[column][-1] for column in block.columns("value") if block.paths[column]):
                own = name_tokens(text) == self.model.tokens
                short = len(text) < 3 and not is_measure(text)
                asked = head_is(text, "setting_heads") or is_asked_head(text)
                if not rows and not own and (short or asked):
                    yield text, f"the column of numbers '{text}' may say how each was measured"
            for text in (block.paths[column][-1] for column in block.columns("fact") if block.paths[column]):
                if head_is(text, "telling_facts", "fact_fillers") if rows else is_asked_head(text):
                    yield text, f"the column '{text}' says how a row was measured: is its row the model as it is?"
            own = {target.index + self.table.head for target in rows}
            cells = (
                self.grid.rows[row][c].text for c in block.columns("plain", "fact") for row in block.body if row in own
            )
            if text := next(filter(self.says_quantized, cells), ""):
                yield text, f"'{text[:60]}' beside it speaks of a quantized or distilled model"
            for text in dict.fromkeys(block.sections[row] for row in block.body if row in own):
                if text and (word := self.unplain(text)):
                    yield text, f"section row '{text[:80]}' says '{word}': what is measured?"

    # --- chosen by hand

    def read_by_hand(self, picks: Sequence[Pick]) -> TableReading:
        """The table as a person or an agent said: each label at its place is checked, and its scores are taken.

        Raises:
            ScriptError: the column or row is not there, or another label stands there.
        """
        reading = self.read(force=True)
        named = [*reading.targets, *reading.others]
        candidates, reading.targets, reading.doubts, reading.taken = reading.targets, [], [], Taken()
        reading.status, cells = "found", {}
        lower = next((text for text, _ in self.text_doubts() if says_lower(text)), "")
        for number, pick in enumerate(picks):
            places = self.places(pick)
            if len({(place.axis, place.index) for place in places}) != 1:
                reading.status = "ambiguous" if places else "absent"
                reading.targets, reading.taken, reading.by_hand = places or candidates, Taken(), []
                reading.doubts = [f"'{pick.label}' stands there {len(places)} times"] if places else []
                break
            pick, taken = dataclasses.replace(pick, axis=places[0].axis), Taken()
            for target in places:
                self.take(target, pick, taken)
            taken.ask_unlike(pick)
            if useless := taken.useless(pick):
                raise ScriptError(f"table {self.table.number}, {target.axis} {target.index}: {useless}")
            for score in taken.scores:
                if cells.setdefault((score.row, score.column), number) != number:
                    place = f"table {self.table.number}, row {score.row}, column {score.column}"
                    raise ScriptError(f"{place} is read twice; keep one of the readings")
            reading.taken.add(taken)
            reading.targets += places
            reading.by_hand.append(f"table {self.table.number}, {target.axis} {target.index} '{target.text}'")
            if taken.otherwise:
                what = "; ".join(dict.fromkeys(taken.otherwise))
                reading.by_hand[-1] += f", otherwise than the card: {what}"
                reading.remarks.append(reading.by_hand[-1])
            if lower and not pick.metric and taken.scores:
                how = f"{self.read_as(taken.scores)}, though '{lower[:80]}' stands by it; metric: \"…\" says what it is"
                reading.remarks.append(f"{reading.by_hand[-1]} is read as {how}")
        taken_from = {(target.axis, target.index) for target in reading.targets}
        reading.others = [t for t in named if (t.axis, t.index) not in taken_from and self.has_name(t)]
        tell_apart(reading.scores)
        return reading

    def read_as(self, scores: Sequence[Score]) -> str:
        """What scores would be written as: "accuracy 14.3 (BoolQ)"."""
        measures = ((one.metric or self.vocabulary.metrics.get(one.key or "") or "score", one) for one in scores)
        return listing((f"{measure} {one.value:g} ({one.benchmark})" for measure, one in measures), 3)

    def places(self, pick: Pick) -> list[Target]:
        """The columns or rows that a pick means: the one at its index, with its label under each header; else all with
        its label."""
        where = f"table {self.table.number}"
        found = [place for place in self.all_places() if pick.axis in ("", place[0].axis)]
        more = {key: value for key, value in pick.entry.items() if key not in ("table", "column", "row", "label")}
        if pick.index is not None:
            if not (found := [place for place in found if place[0].index == pick.index]):
                raise ScriptError(f"{where} has no {pick.axis} {pick.index}; inspect-tables shows what it has")
            if pick.label is None and len({target.columns for target, _ in found}) > 1:
                names = ", ".join(f"'{target.text}'" for target, _ in found)
                raise ScriptError(f"{where}, row {pick.index} has several labels side by side: give one of {names}")
            wanted = found[0][0].text if pick.label is None else pick.label
            if not any(says(texts, wanted) for _, texts in found):
                there = "' or '".join(target.text for target, _ in found)
                raise ScriptError(f"{where}, {pick.axis} {pick.index} is '{there}', not '{pick.label}'")
        else:
            wanted = pick.label
        places = [target for target, texts in found if wanted is None or says(texts, wanted)]
        return [dataclasses.replace(target, more=more) for target in places]

    def all_places(self) -> Iterator[tuple[Target, tuple[str, ...]]]:
        """Each column and row, with the texts by which it may be called; of tables side by side each row by itself."""
        by_hand = Fit(True, "selected by hand")
        for number, block in enumerate(self.grid.blocks):
            for column, path in enumerate(block.paths):
                whole = " / ".join(path)
                yield Target("column", column, whole, by_hand, number), (whole, *path)
            segments = self.grid.segments(block)
            for part in segments:
                columns = [column for column in part if block.roles[column] not in ("value", "blank")]
                filled = {column: self.grid.filled(block, column) for column in columns}
                asked = {row: text for row, text, _ in self.rows_named(block, part)}  # as a question calls it
                for row in block.body:
                    cells = {column: text for column in columns if (text := label_text(filled[column][row].text))}
                    names = [text for column, text in cells.items() if block.roles[column] in ("model", "text")]
                    whole = " ".join(names or cells.values())
                    texts = (asked.get(row, whole), *cells.values(), " ".join(cells.values()), whole)
                    side = part if len(segments) > 1 else range(0)
                    yield Target("row", row - self.table.head, whole, by_hand, number, side), texts

    # --- where the model stands

    def column_targets(self) -> Iterator[Target]:
        for number, block in enumerate(self.grid.blocks):
            for column in block.columns("value"):
                if not self.model.trace("\n".join(block.paths[column])):
                    continue
                path = [text for text in block.paths[column] if self.may_name(text)]
                at = min(range(len(path)), key=lambda i: relation_of(path[i], self.model)[0] == "other", default=0)
                if path and (fit := fit_texts(path[at:], self.model)):
                    if fit.certain and at:
                        fit = Fit(False, f"stands under '{' / '.join(path[:at])}'")
                    yield Target("column", column, " / ".join(block.paths[column]), fit, number)

    def may_name(self, text: str) -> bool:
        return relation_of(text, self.model)[0] != "other" or not (
            is_setting(text) or is_benchmark(text, self.vocabulary)
        )

    def row_targets(self) -> Iterator[Target]:
        for number, block in enumerate(self.grid.blocks):
            segments = self.grid.segments(block)
            for part in segments:
                for row, text, fit in self.rows_named(block, part):
                    side = part if len(segments) > 1 else range(0)
                    if side and fit.certain:
                        values = ", ".join(str(column) for column in block.columns("value") if column in part)
                        fit = Fit(False, f"stands beside another label in its row; columns {values} are behind it")
                    yield Target("row", row - self.table.head, text, fit, number, side)

    def rows_named(self, block: Block, part: range) -> Iterator[tuple[int, str, Fit]]:
        """The rows whose labels in some columns name the model."""
        columns = [c for c in block.columns("model", "text", "group", "setting") if c in part]
        heads = {c: " ".join(block.paths[c]) for c in block.columns("fact") if c in part}
        sizes = [
            c for c, head in heads.items() if head_is(head, "size_heads", "model_heads") or head_is(head, "model_heads")
        ]
        filled = {c: self.grid.filled(block, c) for c in columns if block.roles[c] in ("model", "text")}
        trace, rows = self.model.trace, self.grid.rows
        for row in block.body if columns else ():
            cells = [(c, filled[c][row] if c in filled else rows[row][c]) for c in columns + sizes]
            if not trace("\n".join([cell.text for _, cell in cells])):
                continue
            texts = [text for c, cell in cells if (text := self.name_part(block, c, label_text(cell.text)))]
            if texts and (fit := fit_texts(texts, self.model)):
                if fit.certain and any(_SIGN.match(cell.text) for _, cell in cells):
                    fit = Fit(False, "has a sign before it, as changes have")
                yield row, " ".join(texts), fit

    def name_part(self, block: Block, column: int, text: str) -> str:
        """What a cell may add to the name in its row: no number alone, but a version; no size to a name without one."""
        if mode := ticked_mode(text, block.paths[column][-1:]):
            return mode if not (MODES | TUNED | BASE).isdisjoint(name_tokens(mode)) or is_setting(mode) else ""
        if not text or MISSING_CELL.fullmatch(text) or head_is(text, "plain_cells"):
            return ""
        if text.replace(".", "").isdigit():
            head = " ".join(block.paths[column])
            if _IN_BILLIONS.search(head) and head_is(head, "size_heads"):
                return f"{text}B"
            return f"v{text}" if head_is(head, "version_heads") else ""
        sized = any(map(SIZED.fullmatch, self.model.tokens))
        return text if sized or not SIZED.fullmatch(text) else ""

    def has_name(self, target: Target) -> bool:
        return set(self.model.tokens) <= set(name_tokens(target.text))

    def may_be(self, target: Target) -> bool:
        """Whether a label that leaves out the kind may be this model where it stands: no base model under "Chat"."""
        if self.model.kind and kind_word(target.fit.why.split()) == self.model.kind:
            for text in (*self.grid.captions, *self.headings, self.table.before):
                tuned, base = bool(_TUNED_TEXT.search(text)), bool(_BASE_TEXT.search(text))
                if tuned != base:
                    return tuned == (self.model.kind == "tuned")
        return True

    # --- what speaks against a label that is the name

    def label_doubts(self, targets: Sequence[Target]) -> Iterator[str]:
        """What headings, captions, section rows and the card say against it."""
        model, base = self.model, self.card.front.get("base_model") or ""
        if name_tokens(base.rpartition("/")[2]) == model.tokens and base.casefold() != model.repo_id.casefold():
            yield f"{base}, which this model is made from, has the same name"
        rows = [target.index + self.table.head for target in targets if target.axis == "row"]
        for linked in self.linked(targets):
            yield f"the label is a link to {linked}"
        if any(target.fit.why == "this model" for target in targets):
            yield from self.owner_doubts()
        sections = {block.sections.get(row) or "" for block in self.grid.blocks for row in rows} - {""}
        for text in (*self.headings, *self.around, *sections):
            other, added = names_other(text, model)
            if other and not self.sibling(frozenset(added)):
                yield f"the text around names '{other[:60]}'"
            elif _ORIGINAL.search(text):
                yield f"'{text[:60]}' is about another model"
            elif len(text) < 150 and self.says_quantized(text):
                yield f"'{text[:60]}' speaks of a quantized or distilled model"
            if not model.kind and (tuned := _TUNED_TEXT.search(text)):
                yield f"'{text[:60]}' speaks of tuned models ({tuned[0]}), and the name does not say what it is"
        if not model.kind and not self.sibling(BASE | TUNED) and self.loose():
            yield "the card calls tuned models by names that do not say so, and this name does not say what it is"
        for text in self.grid.texts(*TEXT_ROLES) if self.grid.blocks else ():
            if letter := disguised(text):
                yield f"'{text[:60]}' has a {letter} in a Latin word: which name is it?"
                break
        if self.table.uneven.intersection(*(block.head for block in self.grid.blocks)):
            yield "its head has fewer cells than its rows: which column is which?"
        for row in self.grid.odd_rows[:1]:
            yield f"row {row - self.table.head} may be another header"

    def linked(self, targets: Sequence[Target]) -> list[str]:
        """Models of other names that the labels link to."""
        cells: list[Cell] = []
        for target in targets:
            block = self.grid.blocks[target.block]
            if target.axis == "column":
                cells += [self.grid.rows[row][target.index] for row in block.head]
            else:
                row = self.grid.rows[target.index + self.table.head]
                cells += [row[column] for column in block.columns("model", "text")]
        found = [link for cell in cells for link in _LINKED.findall(cell.source)]
        other = [link for link in found if link.casefold() != self.model.repo_id.casefold()]
        ends = [name for cell in cells for name in _LINK_END.findall(cell.source)]
        return (other or [name for name in ends if names_other(name, self.model)[0]])[:1]

    def says_quantized(self, text: str) -> bool:
        words = {word for word in words_of(text) if not word.isdigit()}
        return (
            not QUANTIZED.isdisjoint(words) and QUANTIZED.isdisjoint(self.model.tokens) and not self.sibling(QUANTIZED)
        )

    @functools.cached_property
    def relations(self) -> list[tuple[str, tuple[str, ...]]]:
        return [relation_of(text, self.model) for text in traced_texts(self.table, self.model)]

    def sibling(self, words: frozenset[str]) -> bool:
        """Whether a label of this table is the name with one of these words added."""
        return any(relation == "more" and not words.isdisjoint(rest) for relation, rest in self.relations)

    # --- what the table is

    def classify(self, reading: TableReading, columns: list[Target], rows: list[Target]) -> None:
        """Whether it is an evaluation table, by what is in it; the text around can only make it unsure."""
        grid = self.grid
        if not any(grid.kinds[r][c] == NUMBER_CELL for b in grid.blocks for c in b.columns("value") for r in b.body):
            return reading.refuse("no scores in it: text, facts or links")
        block, paths = grid.blocks[0], [b.paths[c] for b in grid.blocks for c in b.columns("value")]
        labels = list(dict.fromkeys(grid.texts("benchmark", "text", "group", "model", "setting")))
        labels += [section for b in grid.blocks for section in set(b.sections.values()) if section]
        named = [text for text in labels if is_benchmark(text, self.vocabulary) or is_measure(text)]
        heads = (t for p in paths for t in p if is_benchmark(t, self.vocabulary) or is_measure(t) or is_average(t))
        headed = list(itertools.islice(heads, max(0, 3 - len(named))))
        corner = next((p[-1] for p, r in zip(block.paths, block.roles, strict=True) if p and r in TEXT_ROLES), "")
        corner = corner or next((path[-1] for path in block.paths if path), "")  # "Hardware": its rows are facts
        share = len(named) / max(1, len(labels))
        self.orientation = reading.orientation = self.find_orientation(columns, rows, share, paths, corner)
        facts = [text for text in labels if is_fact(text) and not is_weak_fact(text)]
        listed = head_is(corner, "benchmark_heads", "benchmark_fillers")
        if not columns + rows and any(_LOG_WORDS & set(words_of(" ".join(p))) for b in grid.blocks for p in b.paths):
            reading.refuse("a log of training")
        elif named or headed or next(grid.texts("metric", "shots"), None):
            reading.reason = "it has " + ", ".join((named + headed)[:3] or ["measures"])
        elif is_fact(corner) or 2 * len(facts) > len(labels):
            reading.refuse(f"its rows are facts ({(facts or [corner])[0]})")
        elif listed and ("bench" in corner.lower() or any(map(_EVALUATION.search, (*self.headings, *self.around)))):
            reading.reason = f"its rows are headed '{corner}'"
        elif columns + rows and not any(self.text_doubts()):
            reading.reason = "no benchmark or measure that is known is in it"
            reading.doubts.append(reading.reason)
        else:
            reading.refuse("no benchmark or measure that is known is in it")
        if reading.evaluation and (columns or rows or reading.orientation == "single-model"):
            reading.text_doubt = next((doubt for _, doubt in self.told_around()), "")
            reading.doubts += [reading.text_doubt] if reading.text_doubt else []
        return None

    def told_around(self) -> Iterator[tuple[str, str]]:
        """What its texts, its headers and its section rows say that is not plain, and the question that each puts."""
        yield from self.text_doubts()
        yield from self.inner_doubts(self.rows)

    def text_doubts(self) -> Iterator[tuple[str, str]]:
        """The texts around that say what is not plain, and the question that each puts: headings, captions, paragraphs.

        The title and the paragraphs below outer headings are prose: they say much else.
        """
        table, around = self.table, self.surroundings
        outer = next((n + 1 for n, text in enumerate(self.headings) if _EVALUATION.search(text)), len(self.headings))
        for number, heading in enumerate(self.headings):
            titled = heading == self.card.title and (number >= outer or self.model.core in name_tokens(heading))
            if word := around.telling(heading) if titled else around.unplain(heading, kept=number == 0):
                yield heading, f"heading '{heading[:80]}' says '{word}': what is measured?"
        for text in self.grid.captions if self.grid.blocks else ():
            if word := around.unplain(text):
                yield text, f"caption '{text[:80]}' says '{word}': what is measured?"
        first = [*itertools.chain(*(about_numbers(told[0]) for told in table.told if told))]
        far = [text for above, text, _ in said_elsewhere(self.card.text) if above in ("", *table.headings)]
        far += itertools.chain(*(about_numbers(text) for told in table.told for text in told[1:]))
        for text in dict.fromkeys((*self.near, *first, *far)):
            if is_command(text):
                if word := told_by_command(text, self.is_own):
                    yield text, f"command '{text[:80]}' says '{word}': what is measured?"
                continue
            labelled = text in self.near or text in first
            if word := around.of_paragraph(text, text in self.near) if labelled else around.telling(text):
                yield text, f"text '{text[:80]}' says '{word}': what is measured?"

    def is_own(self, name: str) -> bool:
        return relation_of(name, self.model)[0] in ("same", "owner")

    @functools.cached_property
    def surroundings(self) -> Surroundings:
        rows, blocks = set(self.grid.texts(*TEXT_ROLES)), self.grid.blocks
        heads = {text for block in blocks for column in block.columns("value") for text in block.paths[column]}
        models = rows if self.orientation == "models-as-rows" else heads
        paths = {text for block in blocks for path in block.paths for text in path}
        own = (*self.model.tokens, *name_tokens(self.model.owner))
        return Surroundings(self.vocabulary, own, models, rows | heads, paths)

    def find_orientation(
        self, columns: list[Target], rows: list[Target], named: float, paths: list[tuple[str, ...]], corner: str
    ) -> str:
        if columns or rows:
            return "benchmarks-as-rows" if columns else "models-as-rows"
        if next(self.grid.texts("model"), None):
            return "models-as-rows"
        leaves = [path[-1] if path else "" for path in paths]
        if self.is_one_row() or (all(map(is_generic, leaves)) and not head_is(corner, "model_heads")):
            return "single-model"
        headed = sum(is_benchmark(leaf, self.vocabulary) or is_measure(leaf) for leaf in leaves) / len(leaves)
        return "models-as-rows" if headed > named else "benchmarks-as-rows"

    def is_one_row(self) -> bool:
        """Whether the table is one row of values under benchmarks, without a label."""
        return (
            sum(len(block.body) for block in self.grid.blocks) == 1 and next(self.grid.texts(*TEXT_ROLES), None) is None
        )

    def possible(self, orientation: str | None) -> list[Target]:
        """The columns or rows where models stand."""
        axis = "row" if orientation == "models-as-rows" else "column"
        values = {c for block in self.grid.blocks for c in block.columns("value")}
        found = (target for target, _ in self.all_places() if target.axis == axis)
        return [target for target in found if target.text and (axis == "row" or target.index in values)]

    # --- a table of one model

    def is_single(self, reading: TableReading) -> bool:
        """Whether a table that names no model can only be this one's; what speaks against it are its doubts."""
        blocks = self.grid.blocks
        columns = [column for column in blocks[0].columns("value") if blocks[0].paths[column]]
        if (
            reading.orientation != "single-model"
            or not columns
            or len(blocks) > 1
            or next(self.grid.texts("model"), None)
        ):
            return False
        if self.is_one_row():
            reading.targets = [Target("row", blocks[0].body[0] - self.table.head, "", _ONLY)]
        else:
            doubts = list(self.row_doubts(blocks[0], columns))
            fit = Fit(False, "if its rows are no models") if doubts else _ONLY
            names = [Target("column", c, " / ".join(blocks[0].paths[c]), fit, ready=not doubts) for c in columns]
            reading.targets, reading.doubts = names, [*reading.doubts, *doubts]
        reading.doubts += self.label_doubts(reading.targets)
        reading.doubts += self.owner_doubts()
        return True

    def is_nobodys(self, reading: TableReading) -> bool:
        """Whether neither rows nor columns can be models: benchmarks by subjects, or precisions by benchmarks.

        Whose it is, nothing in it says; its rows are offered.
        """
        paths = [block.paths[c] for block in self.grid.blocks for c in block.columns("value") if block.paths[c]]
        heads = [path[-1] for path in paths]
        if not heads or next(self.grid.texts("model"), None) or self.may_be_models(heads):
            return False
        places = [(target, texts) for target, texts in self.all_places() if target.text and self.has_scores(target)]
        rows = [(target, texts) for target, texts in places if target.axis == "row"]
        if self.may_be_models([text for _, texts in rows for text in texts[1:-2]]):
            return False
        axis = "column" if any(map(self.says_quantized, heads)) else "row"
        found = [t for t, _ in places if t.axis == axis and not self.says_quantized(t.text)]
        ready = axis == "row" or not any(is_precision(t.text) for t in found)
        found = [dataclasses.replace(t, fit=_NOBODY, ready=ready or is_precision(t.text)) for t in found]
        reading.targets = found
        told = f"{', '.join([target.text for target, _ in rows][:4])} by {', '.join(heads[:4])}"
        above = f"; above it: '{self.table.before[:150]}'" if self.table.before else ""
        reading.doubts.append(f"no label in it is a model's ({told}), so nothing in it says whose it is{above}")
        return bool(found)

    def has_scores(self, target: Target) -> bool:
        """Whether a column or row has numbers that may be scores."""
        block, kinds = self.grid.blocks[target.block], self.grid.kinds
        if target.axis == "column":
            return block.roles[target.index] == "value"
        row = target.index + self.table.head
        return not is_fact(target.text) and any(kinds[row][c] == NUMBER_CELL for c in block.columns("value"))

    def may_be_models(self, labels: Sequence[str]) -> bool:
        """Whether labels may be names of models: none of them has a size, and most of them are something else."""
        if any(SIZED.search(text) or self.model.core in name_tokens(text) for text in labels):
            return True
        known = [
            t for t in labels if is_benchmark(t, self.vocabulary) or is_generic(t) or is_setting(t) or is_precision(t)
        ]
        return 2 * len(known) <= len(labels) and not any(map(is_average, labels))

    def row_doubts(self, block: Block, columns: Sequence[int]) -> Iterator[str]:
        """Whether rows and columns are benchmarks and measures, and not models."""
        if len(columns) > 1 and not all(is_measure(block.paths[c][-1]) for c in columns):
            yield "several columns of values, and none says whose they are"
        labels = [label_text(text) for text in self.grid.texts("benchmark", "text", "group")]
        known = [text for text in labels if is_benchmark(text, self.vocabulary) or is_measure(text)]
        if any(block.sections.values()) or any(map(SIZED.search, labels)) or not known:
            yield "it cannot be told whether its rows are benchmarks or models"

    def owner_doubts(self) -> Iterator[str]:
        """A table without a name is this model's only when the headings above it, or the title, are its name."""
        own = [text for text in (*self.headings, self.card.title) if contains_name(text, self.model)]
        linked = [first or second for first, second in _DETAILS.findall(self.card.text)]
        if other := next((name for name in linked if name_tokens(name) != self.model.tokens), None):
            yield f"the card links the results of {other[:60]}: this may be the block of another model's card"
        if not own and not linked:
            yield "no label says whose scores they are, and no heading is the model's name"
        if not (QUANTIZED | word_list("derived")).isdisjoint(self.model.tokens):
            yield "a quantized or changed model's card may show the scores of the model that it is made from"
        leads = [self.table.before] if self.table.before.endswith((":", "：")) else []
        for text in (*self.headings, *leads):
            unnamed = " ".join(word for word in text.split() if not self.is_own(word))
            if text not in own and not self.is_plain(unnamed):
                yield f"'{text[:60]}' may be about another model"
        for text in self.near if self.model.kind == "tuned" else ():
            if _BASE_TEXT.search(text) and not _TUNED_TEXT.search(text):
                yield f"'{text[:60]}' speaks of base models"
        if (found := _OTHER_REPO.search(self.table.before)) and name_tokens(found[1]) != self.model.tokens:
            yield f"the text above names {found[0][:80]}"

    def is_plain(self, heading: str) -> bool:
        """Whether a heading has no word that may be a model's name."""
        versions = [token for token in self.model.tokens if token.replace(".", "").isdigit()]
        around, rest = Surroundings(self.vocabulary, versions), _NUMBER_BEFORE.sub("", heading)
        plain = is_benchmark(heading, self.vocabulary) or not around.unplain(rest, kept=True)
        told = words_of(without_settings(around.rest(rest, every=True)))
        plain = plain and not any(word.isdigit() or word in _OTHERS for word in told)
        base = _BASE_TEXT.search(heading) or _PRETRAINING.search(heading)
        kind = "tuned" if _TUNED_TEXT.search(heading) else "base" if base else self.model.kind
        return plain and kind == self.model.kind


def is_label_head(text: str) -> bool:
    """Whether a header over labels only says what they are: "Benchmark (Metric)", "Model 5-shot", "Model name"."""
    label = split_label(text)
    words = words_of(text if label.metric else label.name)
    return _HEAD_WORDS.issuperset(words) and not _LABEL_HEADS.isdisjoint(words)


def is_asked_head(text: str) -> bool:
    """Whether a header over numbers says on what, or how, each benchmark was measured: "Level", "pass@k"."""
    return text.casefold() == "pass@k" or head_is(text, "asked_heads", "fact_fillers")


TEXT_ROLES = ("benchmark", "text", "group", "model", "setting")


def is_precision(text: str) -> bool:
    """Whether a label says only in which precision or format a model is: "bf16", "8bits"."""
    tokens = name_tokens(text)
    return bool(tokens) and all(token in QUANTIZED or token in ("half", "b16", "full", "precision") for token in tokens)


def is_loose(card: Card, model: ModelName) -> bool:
    """Whether an unmarked name may be a tuned model's in this card.

    It may when a table under tuned models has the family's names without such a word, or a base model has its own name.
    """
    if model.kind:
        return False
    for table in card.tables:
        texts = traced_texts(table, model)
        relations = [relation_of(text, model) for text in texts if _MAY_BE_BASE.search(text)]
        if any(relation == "more" and kind_word(rest) == "base" for relation, rest in relations):
            return True
        if not texts or not any(map(_TUNED_TEXT.search, (*table.headings, table.caption))):
            continue
        family = [text for text in texts if model.core in name_tokens(text)]
        if family and not any(kind_word(name_tokens(text)) == "tuned" for text in family):
            return True
    return False


@functools.lru_cache(maxsize=100)
def traced_texts(table: Table, model: ModelName) -> list[str]:
    """The cells of a table that may have the model's name in them."""
    texts = {cell.text for row in table.rows[:200] for cell in row[:50] if 1 < len(cell.text) < 80}
    return [text for text in texts if model.trace(text)] if model.trace("\n".join(texts)) else []


def says(texts: Sequence[str], label: str) -> bool:
    """Whether one of the texts is the label, markup off."""
    wanted = folded_label(label)
    return any(text.casefold() == wanted for text in texts)
