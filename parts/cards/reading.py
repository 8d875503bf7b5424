"""What a table is and where the model stands in it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from parts.cards.grid import Grid
from parts.cards.labels import (
    _SETTING_OF,
    _SETTING_PARTS,
    AVERAGE,
    Vocabulary,
    bare_setting,
    is_benchmark,
    is_fact,
    is_model,
    is_setting,
    split_label,
    take_part,
)
from parts.cards.model_names import (
    _SIZE_PART,
    KIND,
    MODES,
    NEUTRAL,
    OURS,
    QUANTIZED,
    SAYS_OURS,
    VENDORS,
    Context,
    ModelName,
    align,
    copied_from,
    fit_name,
    kind_agrees,
    kind_said,
    name_parts,
    name_tokens,
    sizes_in,
)
from parts.cards.text import _plain_text, label_text, plain_text
from parts.cards.values import parse_value
from parts.cards.vocabulary import (
    EMPTY,
    MISSING,
    TEXT_ROLES,
    Block,
    Candidate,
    Card,
    Cell,
    Fit,
    Label,
    Reading,
    Table,
    Value,
)
from parts.cards.words import (
    BACKBONE_HEAD,
    BENCHMARK_HEAD,
    COT,
    DATA_HEADING,
    EVAL_HEADING,
    FACT_HEADING,
    LANGUAGE_HEAD,
    METRIC_HEAD,
    MODEL_HEAD,
    SETTINGS_HEAD,
    SHOT,
    SPLIT,
    VALUE_HEAD,
)
from parts.frame import ScriptError
from parts.metadata.entries import Score
from parts.vocabulary import folded_name


@dataclass(frozen=True, slots=True)
class Choice:
    """What the command line says about the table: which column or row is the model, whatever the rules say."""

    column: int | None = None
    row: int | None = None
    name: str | None = None
    force: bool = False


class Reader:
    """One table, one model: classify, locate, read. Each step fills the Reading."""

    def __init__(
        self, table: Table, model: ModelName, card: Card, vocabulary: Vocabulary, choice: Choice = Choice()
    ) -> None:
        self.table, self.model, self.card, self.vocabulary, self.choice = table, model, card, vocabulary, choice
        self.grid = Grid(table, vocabulary)
        self.around = tuple(text for text in (*self.grid.captions, self.caption_below(), table.before) if text)
        self.headings = tuple(text for text in table.headings if text != card.title)
        self.cache: dict[str, Fit | None] = {}
        self.wanted = frozenset(model.tokens)

    def read(self) -> Reading:
        reading = self.classify()
        reading.blocks = self.grid.blocks
        if self.choice.column is not None or self.choice.row is not None or self.choice.name:
            self.chosen(reading)
        elif reading.evaluation or self.choice.force:
            self.locate(reading)
        if not reading.evaluation and not self.choice.force:
            reading.status, reading.targets = "skipped", []
        if reading.status == "found":
            reading.scores = self.scores(reading)
        if reading.status == "found" and reading.orientation == "single-model" and self.says_twice(reading.scores):
            reading.status, reading.scores = "ambiguous", []
            reading.targets = list(self.data_columns())
        return reading

    # --- classify

    def classify(self) -> Reading:
        blocks = self.grid.blocks
        if not blocks or not any(block.body for block in blocks) or self.grid.width < 1:
            return Reading(self.table, False, "no rows under the header")
        labels = [label_text(cell.text) for block in blocks for cell in self.row_labels(block).values()]
        heads = [block.paths[c] for block in blocks for c in range(self.grid.width) if block.roles[c] == "data"]
        if next(self.data_values(), None) is None:
            return Reading(self.table, False, self.why_no_values())
        orientation = self.orientation(labels, heads)
        if orientation == "single-model" and not any(labels):
            names = [level for path in heads for level in path]
        elif orientation == "models-as-rows":
            names = [level for path in heads for level in path]
            names += [
                text
                for role in TEXT_ROLES
                for text in self.column_texts(role)
                if text and not is_model(text) and not self.resembles(text)
            ]
        else:
            names = [label for label in labels if label]
            names += [level for path in heads for level in path if is_setting(level)]
            names += [s for block in blocks for s in set(block.sections.values()) if s]
            names += [t for t in self.column_texts("metric") if is_setting(t)]
        evaluation, reason = self.is_evaluation(orientation, names, labels, heads)
        return Reading(self.table, evaluation, reason, orientation if evaluation else None)

    def column_texts(self, role: str) -> Iterator[str]:
        for block in self.grid.blocks:
            for column, found in enumerate(block.roles):
                if found == role:
                    yield from (label_text(self.grid.rows[row][column].text) for row in block.body[:50])

    def row_labels(self, block: Block) -> dict[int, Cell]:
        if "label" in block.roles:
            return self.grid.filled(block, block.roles.index("label"))
        return dict.fromkeys(block.body, EMPTY)

    def data_values(self) -> Iterator[Cell]:
        for block in self.grid.blocks:
            columns = [column for column, role in enumerate(block.roles) if role == "data"]
            labels = self.row_labels(block)
            for row in block.body:
                if is_fact(labels[row].text):
                    continue
                for column in columns:
                    cell = self.grid.rows[row][column]
                    if self.grid.scored(cell):
                        yield cell

    def why_no_values(self) -> str:
        facts = [" ".join(b.paths[c]) for b in self.grid.blocks for c, role in enumerate(b.roles) if role == "fact"]
        return "no scores: its columns are facts or links" + (f" ({', '.join(facts[:4])})" if facts else "")

    def orientation(self, labels: list[str], heads: list[tuple[str, ...]]) -> str:
        """Whether models stand in the columns, in the rows, or nowhere, by what headers and labels look like."""
        rows = [label for label in labels if label] or [""]
        corner = (
            " ".join(self.grid.blocks[0].paths[self.grid.blocks[0].roles.index("label")])
            if "label" in self.grid.blocks[0].roles
            else ""
        )
        leaves = [path[-1] if path else "" for path in heads] or [""]
        flat = [" ".join(path) for path in heads] or [""]
        if len(flat) > 1 and METRIC_HEAD.fullmatch(corner) and self.are_datasets(flat):
            return "single-model"
        row_models = 0.0 if LANGUAGE_HEAD.fullmatch(corner) else share(rows, self.names_model)
        head_models = share(flat, self.names_model)
        row_marks = share(rows, lambda text: is_benchmark(text, self.vocabulary) or is_setting(text))
        head_marks = share(flat, lambda text: is_benchmark(text, self.vocabulary) or is_generic(text))
        other_models = self.other_models()
        named = all(leaves) or len(leaves) == 1
        if named and all(is_generic(leaf) for leaf in leaves) and not any(map(self.names_model, flat)):
            if row_models >= 0.5 or other_models or (MODEL_HEAD.fullmatch(corner) and row_marks < 0.5):
                return "models-as-rows"
            return "single-model"
        if not any(labels) and sum(len(block.body) for block in self.grid.blocks) == 1:
            return "single-model" if head_models < 0.5 else "benchmarks-as-rows"
        as_rows = row_models + head_marks + 0.6 * bool(MODEL_HEAD.fullmatch(corner)) + 0.6 * other_models
        as_columns = head_models + row_marks + 0.6 * bool(BENCHMARK_HEAD.fullmatch(corner))
        return "models-as-rows" if as_rows > as_columns else "benchmarks-as-rows"

    def are_datasets(self, heads: list[str]) -> bool:
        """Whether the card lists these names as data sets: "Datasets: `dim_768` and `dim_512`"."""
        lists = self.card.find_all(r"datasets?:[ \t*]*(`[^\n]{1,2000})")
        return {head.casefold() for head in heads} <= {name for text in lists for name in re.findall("`([^`]+)`", text)}

    def names_model(self, text: str) -> bool:
        """Whether a label looks like a model's name, this one's or another's."""
        if is_model(text):
            return not self.vocabulary.keys.get(folded_name(text))
        return self.resembles(text) and bool(self.fit(text))

    def resembles(self, text: str) -> bool:
        """A quick look before fit: whether a label shares a token with the model's name."""
        return not self.wanted.isdisjoint(align(name_tokens(text), self.model.tokens)) or bool(OURS.fullmatch(text))

    def other_models(self) -> bool:
        """Whether a text column that is not the label holds models' names (category, benchmark, model, score)."""
        block = self.grid.blocks[0]
        for column, role in enumerate(block.roles):
            if role in ("group", "extra"):
                texts = [text for row in block.body if (text := label_text(self.grid.rows[row][column].text))]
                if texts and (MODEL_HEAD.fullmatch(" ".join(block.paths[column])) or share(texts, is_model) >= 0.6):
                    return share(texts, lambda text: bool(is_model(text) or self.fit(text))) >= 0.4
        return False

    def is_evaluation(
        self, orientation: str, names: list[str], labels: list[str], heads: list[tuple[str, ...]]
    ) -> tuple[bool, str]:
        nearest = " / ".join((self.table.heading or "", *self.around[:1]))
        names = list(dict.fromkeys(names))
        known = list(itertools.islice((name for name in names if is_benchmark(name, self.vocabulary)), 2))
        measured = next((name for name in names if is_setting(name)), None)
        facts = [
            level
            for block in self.grid.blocks
            for c, role in enumerate(block.roles)
            if role == "fact"
            for level in block.paths[c]
        ]
        if any(re.fullmatch(r"(?i)(?:training )?(?:steps?|epochs?)", fact) for fact in facts) and any(
            "loss" in level.lower() for level in (*facts, *names)
        ):
            return False, "a training log (epochs, steps, losses)"
        if all(
            not name
            or QUANTIZED.fullmatch(name)
            or re.fullmatch(r"(?i)[\W\d]*|(?:bf16|fp16|fp32|yes|no)(?:\W+(?:bf16|fp16|fp32))*|[\w ]+=\s*\d+", name)
            for name in names
        ):
            return False, "its labels are numbers or precisions, not benchmarks"
        if orientation == "single-model" and not measured and self.looks_counted(heads):
            return False, "counts of a data set's splits"
        corner = next(
            (" ".join(b.paths[c]) for b in self.grid.blocks for c, r in enumerate(b.roles) if r == "label"), ""
        )
        if not known and (SETTINGS_HEAD.fullmatch(corner) or 2 * sum(map(is_fact, labels)) >= max(len(labels), 1)):
            return False, "its rows are settings or facts"
        if DATA_HEADING.search(nearest) and not measured:
            return False, f"'{nearest[:60]}' is about data"
        if len(known) > 1:
            return True, f"{' and '.join(known)} are benchmarks"
        about_facts = bool(FACT_HEADING.search(nearest)) and not EVAL_HEADING.search(nearest)
        if known and (measured or not about_facts):
            return True, f"{known[0]} is a benchmark"
        if measured and not about_facts:
            return True, f"it has a measure ({measured})"
        told = next((text for text in (*self.around, *self.table.headings) if EVAL_HEADING.search(text)), None)
        told = told or self.benchmark_above() or None
        models = (
            any(self.fit(text) or is_model(text) for text in (*labels, *(" ".join(path) for path in heads)))
            or self.other_models()
        )
        if re.match(r"(?i)benchmarks?\b|evaluations?\b|评测", corner) and not about_facts and models:
            return True, f"its column '{corner}'"
        if told and not about_facts and (models or orientation == "single-model"):
            return True, f"under '{told[:60]}'"
        if models and not about_facts and self.looks_scored():
            return True, "models with values that look like scores"
        return (
            False,
            "nothing in it or above it says evaluation"
            if not about_facts
            else f"'{nearest[:60]}' is about something else",
        )

    def looks_counted(self, heads: list[tuple[str, ...]]) -> bool:
        values = [value.numbers[0] for cell in self.data_values() if (value := self.grid.value(cell))]
        return (
            len(heads) > 1
            and all(path and SPLIT.fullmatch(path[-1]) for path in heads)
            and all(v == int(v) and v > 100 for v in values)
        )

    def looks_scored(self) -> bool:
        """Whether most values are decimals from 0 to 100, as scores are and facts seldom."""
        values = [value.numbers[0] for cell in self.data_values() if (value := self.grid.value(cell))][:200]
        fair = sum(0 <= number <= 100 and number != int(number) for number in values)
        return len(values) >= 4 and fair >= 0.6 * len(values)

    def caption_below(self) -> str:
        """The paragraph below is a caption when it says so or is short and bold or italic throughout."""
        below = self.table.after
        return below if re.match(r"(?i)(?:table|表)\s*\d", below) else ""

    # --- locate

    def fit(self, label: str, near: tuple[str, ...] = ()) -> Fit | None:
        if not self.resembles(label) and not SAYS_OURS.search(label):
            return None
        if not near:
            if label not in self.cache:
                self.cache[label] = fit_name(label, self.model, self.context())
            return self.cache[label]
        return fit_name(label, self.model, self.context(near))

    def context(self, near: tuple[str, ...] = ()) -> Context:
        return Context((*near, *self.around), self.headings, self.card.title, self.card, self.table)

    def locate(self, reading: Reading) -> None:
        if reading.orientation == "single-model":
            conflict = self.single_conflict()
            reading.status, reading.rule = (
                ("absent", conflict) if conflict else ("found", "the table has one model only")
            )
            reading.names = [conflict] if conflict else []
            return
        rows = reading.orientation == "models-as-rows"
        candidates = list(self.row_candidates() if rows else self.column_candidates())
        reading.names = list(dict.fromkeys(self.row_names() if rows else self.column_names()))
        reading.targets, reading.status = choose(candidates)
        reading.rule = reading.targets[0].fit.rule if reading.targets else ""

    def single_conflict(self) -> str:
        """Why a table without model names is another model's: its headings name another size, kind or model."""
        context = self.context()
        if not kind_agrees(self.model, context):
            return f"the text around it speaks of {context.kind()} models"
        if quoted := copied_from(self.model, self.card, self.table):
            return f"'{quoted[:80]}': the text is another model's"
        base = name_tokens(str(self.card.front.get("base_model", "")).rpartition("/")[2])
        for text in (*self.grid.captions, *self.table.headings):
            sizes = sizes_in(text)
            if sizes and self.model.sizes and not sizes & self.model.sizes:
                return f"'{text[:80]}' names another size"
            if QUANTIZED.search(text) and not QUANTIZED.search(self.model.repo_id):
                return f"'{text[:80]}' is about a quantized or distilled variant"
            if (
                len(base) > 1
                and set(base) <= set(name_tokens(text))
                and not set(self.model.tokens) <= set(name_tokens(text))
            ):
                return f"'{text[:80]}' names the base model"
        return ""

    def says_twice(self, scores: list[Score]) -> bool:
        """Whether one row gives two values for the same thing: then the columns are models after all."""
        said = [(score.row, score.benchmark, score.metric, score.shots) for score in scores]
        return len(set(said)) < len(said)

    def data_columns(self) -> Iterator[Candidate]:
        block = self.grid.blocks[0]
        for column in range(self.grid.width):
            if block.roles[column] == "data":
                yield Candidate("column", column, " / ".join(block.paths[column]), Fit(0, "a column of values", 0))

    def column_names(self) -> Iterator[str]:
        for block in self.grid.blocks:
            yield from (
                " / ".join(block.paths[c])
                for c in range(self.grid.width)
                if block.roles[c] == "data" and block.paths[c]
            )

    def row_names(self) -> Iterator[str]:
        for block in self.grid.blocks:
            columns = self.model_columns(block)
            for row in block.body:
                if name := " / ".join(
                    label_text(self.grid.rows[row][c].text) for c in columns if self.grid.rows[row][c].text
                ):
                    yield name

    def model_columns(self, block: Block) -> list[int]:
        """The text columns whose cells look like models' names; the label column when none does."""
        shares = {}
        for column, role in enumerate(block.roles):
            if role in TEXT_ROLES:
                texts = [text for row in block.body if (text := label_text(self.grid.rows[row][column].text))]
                shares[column] = share(texts, lambda text: bool(is_model(text) or self.fit(text))) if texts else 0.0
        best = max(shares.values(), default=0.0)
        return [column for column, found in shares.items() if best and found >= best] or [
            c for c, r in enumerate(block.roles) if r == "label"
        ]

    def column_candidates(self) -> Iterator[Candidate]:
        for number, block in enumerate(self.grid.blocks):
            for column in range(self.grid.width):
                path = block.paths[column]
                if block.roles[column] != "data" or not path:
                    continue
                found = self.best_fit(
                    [(level, tuple(p for p in path if p != level)) for level in path] + [(" ".join(path), ())]
                )
                if found:
                    text, near, fit = found
                    yield Candidate("column", column, text, fit, (number, " / ".join((*near, *own_settings(text)))))

    def row_candidates(self) -> Iterator[Candidate]:
        for number, block in enumerate(self.grid.blocks):
            filled = {
                column: self.grid.filled(block, column) for column, role in enumerate(block.roles) if role in TEXT_ROLES
            }
            facts = {c: " ".join(block.paths[c]) for c, role in enumerate(block.roles) if role == "fact"}
            sizes = [
                c
                for c, head in facts.items()
                if re.fullmatch(r"(?i)(?:model )?(?:size|#?\s*params?|parameters)s?.*", head)
            ]
            backbones = [c for c, head in facts.items() if BACKBONE_HEAD.fullmatch(head)]
            settings = [c for c, role in enumerate(block.roles) if role in ("shots", "metric")]
            for row in block.body:
                if not any(cell.text for cell in self.grid.rows[row]):
                    continue
                cells = {column: label_text(cells[row].text) for column, cells in filled.items() if cells[row].text}
                extra = tuple(label_text(self.grid.rows[row][c].text) for c in sizes if self.grid.rows[row][c].text)
                extra += tuple(size for c in backbones for size in _SIZE_PART.findall(self.grid.rows[row][c].text)[:1])
                section = (block.sections[row],) if block.sections[row] else ()
                tries = [
                    (text, (*(t for c, t in cells.items() if c != column), *extra, *section))
                    for column, text in cells.items()
                ]
                if len(cells) > 1:
                    tries.append((" ".join(cells.values()), (*extra, *section)))
                if found := self.best_fit(tries):
                    text, near, fit = found
                    said = (self.grid.rows[row][c].text for c in settings)
                    place = " / ".join((*near, *said, *own_settings(text)))
                    yield Candidate("row", row - self.table.head, text, fit, (number, place))

    def best_fit(self, tries: list[tuple[str, tuple[str, ...]]]) -> tuple[str, tuple[str, ...], Fit] | None:
        best = None
        for text, near in tries:
            if near and not self.has_name(text) and any(not is_setting(t) and not sizes_in(t) for t in near):
                continue  # "7B" beside another column that says of what
            fit = self.fit(text, near)
            if (
                fit
                and not self.conflicts(fit, near)
                and (best is None or (fit.level, fit.covered) > (best[2].level, best[2].covered))
            ):
                best = text, near, fit
        return best

    def has_name(self, text: str) -> bool:
        """Whether a label has a word of the model's name, not only its size or kind."""
        return any(
            t.isalpha() and len(t) > 1 and t not in KIND and t in self.model.tokens
            for t in align(name_tokens(text), self.model.tokens)
        )

    def conflicts(self, fit: Fit, near: tuple[str, ...]) -> bool:
        """Whether what stands beside a label makes it another model: a quantization, or another model's name."""
        for text in near:
            if QUANTIZED.search(text) and not QUANTIZED.search(self.model.repo_id):
                return True
            if fit.level < 3 and is_model(text):
                tokens = set(align(name_tokens(text), self.model.tokens))
                if tokens - set(self.model.tokens) - NEUTRAL - VENDORS - self.model.owner - set(KIND):
                    return True
        return False

    def chosen(self, reading: Reading) -> None:
        """The column or row that the command line names."""
        choice = self.choice
        if choice.name:
            wanted = " ".join(label_text(plain_text(choice.name)).split()).casefold()
            found = [c for c in self.override_places() if c.text.casefold() == wanted]
            exact = {candidate.axis for candidate in found}
            reading.targets = found if len(exact) == 1 else []
            reading.names = list(dict.fromkeys([*self.column_names(), *self.row_names()]))
            reading.status = "found" if len(exact) == 1 else "ambiguous" if found else "absent"
        else:
            axis, index = ("column", choice.column) if choice.column is not None else ("row", choice.row)
            limit = self.grid.width if axis == "column" else len(self.grid.rows) - self.table.head
            if not 0 <= index < limit:
                raise ScriptError(f"table {self.table.number} has no {axis} {index}; its {axis}s are 0 to {limit - 1}")
            reading.targets, reading.status = [Candidate(axis, index, "", Fit(4, "", 0))], "found"
        if reading.targets:
            reading.orientation = "benchmarks-as-rows" if reading.targets[0].axis == "column" else "models-as-rows"
            reading.rule = "named on the command line"

    def override_places(self) -> Iterator[Candidate]:
        for number, block in enumerate(self.grid.blocks):
            for column, path in enumerate(block.paths):
                for text in {*path, " ".join(path), " / ".join(path)} if block.roles[column] == "data" else ():
                    yield Candidate("column", column, text, Fit(4, "", 0), (number, ""))
            for row in block.body:
                cells = [
                    label_text(self.grid.rows[row][c].text) for c, role in enumerate(block.roles) if role in TEXT_ROLES
                ]
                cells = [cell for cell in cells if cell]
                for text in {*cells, " ".join(cells), " / ".join(cells)}:
                    yield Candidate("row", row - self.table.head, text, Fit(4, "", 0), (number, ""))

    # --- read cells

    def scores(self, reading: Reading) -> list[Score]:
        if reading.orientation == "models-as-rows":
            rows = {target.index + self.table.head for target in reading.targets}
            found = self.scores_by_column(rows, reading.targets)
        elif reading.orientation == "single-model" and not any(
            cell.text for block in self.grid.blocks for cell in self.row_labels(block).values()
        ):
            found = self.scores_by_column({row for block in self.grid.blocks for row in block.body}, [])
        else:
            found = self.scores_by_row({target.index for target in reading.targets}, reading)
        return self.with_settings(list(found), reading.targets)

    def with_settings(self, scores: list[Score], targets: list[Candidate]) -> list[Score]:
        """The shots and the metric that the model's own label says ("Foo-7B (Maj@8)") belong to its scores."""
        said = {(t.axis, t.index): label for t in targets if (label := split_label(t.text)).shots or label.metric}
        for score in scores if said else ():
            label = said.get(("row", score.row)) or said.get(("column", score.column)) or Label("")
            score.shots, score.metric = score.shots or label.shots, score.metric or label.metric
        return scores

    def scores_by_row(self, columns: set[int], reading: Reading) -> Iterator[Score]:
        matched = {text for target in reading.targets for text in (target.text, *target.text.split(" / "))}
        for number, block in enumerate(self.grid.blocks):
            here = (
                {t.index for t in reading.targets if t.place[0] == number}
                if reading.rule != "named on the command line"
                else columns
            )
            wanted = [c for c, role in enumerate(block.roles) if (c in here if reading.targets else role == "data")]
            levels: dict[int, list[str]] = {column: [] for column in wanted}
            if len(wanted) > 1 or reading.orientation == "single-model":
                for column in wanted:
                    path = block.paths[column]
                    levels[column] = [level for level in path if level not in matched and not self.fit(level)]
            named = RowNames(self.grid, block)
            for row in block.body:
                if named.is_fact(row):
                    continue
                for column in wanted:
                    yield from self.cell_scores(block, row, column, named.names(row), levels[column], named)

    def scores_by_column(self, rows: set[int], targets: list[Candidate]) -> Iterator[Score]:
        for block in self.grid.blocks:
            names = ColumnNames(self.grid, block, self.vocabulary)
            model_columns = set(self.model_columns(block)) if targets else set()
            for row in sorted(rows & set(block.body)):
                for column, role in enumerate(block.roles):
                    if role == "data":
                        yield from self.column_score(block, row, column, names, model_columns)

    def column_score(
        self, block: Block, row: int, column: int, names: ColumnNames, model_columns: set[int]
    ) -> Iterator[Score]:
        cell = self.grid.rows[row][column]
        value = self.grid.value(cell)
        if value is None:
            return
        label, group = names.label(column)
        shots, metric, extra = names.row_says(row, model_columns)
        above = self.benchmark_above()
        if extra and (names.generic(column) or SPLIT.fullmatch(label.name)):
            over = split_label(extra)
            leaf = label.name if SPLIT.fullmatch(label.name) or AVERAGE.fullmatch(label.name) else ""
            said = setting_label(label.name) if is_setting(label.name) else label
            label = Label(
                f"{over.name} ({leaf})" if leaf else over.name, over.shots or said.shots, over.metric or said.metric
            )
        elif above and names.generic(column) and not AVERAGE.fullmatch(label.name):
            said = setting_label(label.name)
            label = Label(above, said.shots or label.shots, said.metric or label.metric)
        elif above and (match := _SETTING_OF.fullmatch(label.name)) and is_setting(match[1]):
            label = Label(f"{above} {match[2]}", label.shots, label.metric or match[1])
        if label.name:
            yield self.score(cell, value, label, (shots, metric, group), row, column, cell.source)

    def benchmark_above(self) -> str:
        """The heading when it is a benchmark's name: what a column headed "Score" or a row "Reasoning on" is about."""
        heading = self.table.heading or ""
        fits = len(heading) < 60 and is_benchmark(heading, self.vocabulary) and not EVAL_HEADING.search(heading)
        return split_label(heading).name if fits else ""

    def cell_scores(
        self, block: Block, row: int, column: int, texts: list[str], levels: list[str], named: RowNames
    ) -> Iterator[Score]:
        cell = self.grid.rows[row][column]
        if not cell.text:
            return
        value = self.grid.value(cell)
        pairs = [(texts[0], value, cell.source)] if len(texts) == 1 or value else []
        if len(texts) > 1:
            packed = self.grid.packed(cell) or []
            if len(packed) == len(texts):
                pairs = list(zip(texts, packed, cell.text.split("\n"), strict=True))
            elif value:
                pairs = [(" ".join(texts), value, cell.source)]
        for text, value, raw in pairs:
            if value is None:
                continue
            label = named.label(row, text, levels)
            if MODES.issuperset(name_tokens(label.name)) and (above := self.benchmark_above()):
                label = Label(f"{above} ({label.name})", label.shots, label.metric)
            if label.name:
                shots, metric = named.settings(row)
                yield self.score(cell, value, label, (shots, metric, named.group(row)), row, column, raw)

    def score(
        self, cell: Cell, value: Value, label: Label, says: tuple[str | None, ...], row: int, column: int, raw: str
    ) -> Score:
        shots, metric, group = says
        if said := [part for part in (shots, label.shots, value.shots) if part]:
            shots = ", ".join(dict.fromkeys(", ".join(said).split(", ")))
        metric = metric or label.metric or value.metric
        percent = value.percent or "%" in " ".join(self.grid.blocks[0].paths[column])
        numbers = tuple(map(plain_number, value.numbers))
        return Score(
            self.table.number, label.name, numbers[0], raw.strip(), "percent" if percent else None,
            shots, metric, group,
            self.table.heading, row - self.table.head, column, self.vocabulary.key(label.name), numbers,
        )  # fmt: skip


def plain_number(number: float) -> float:
    return int(number) if number == int(number) and abs(number) < 1e15 else number


def share(items: Sequence[str], test: Callable[[str], bool]) -> float:
    items = items[:16]
    return sum(map(test, items)) / len(items) if items else 0.0


def is_generic(text: str) -> bool:
    """Whether a column header says only that scores stand below: "Score", "Accuracy", "5-shot", "test"."""
    return bool(not text or VALUE_HEAD.fullmatch(text) or is_setting(text) or (SPLIT.fullmatch(text) and len(text) > 2))


def own_settings(text: str) -> tuple[str, ...]:
    """Shots and metric in a model's label, which tell it from the same model's other rows: "Foo-7B (Maj@8)"."""
    label = split_label(text)
    return (label.shots or "", label.metric or "") if label.shots or label.metric else ()


def choose(candidates: list[Candidate]) -> tuple[list[Candidate], str]:
    """The candidates that are the model: the closest fit; several labels that fit alike are left undecided."""
    if not candidates:
        return [], "absent"
    best = max(candidate.fit.level for candidate in candidates)
    found = [candidate for candidate in candidates if candidate.fit.level == best]
    if best == 0:
        labels = {" ".join(name_tokens(candidate.text)) for candidate in candidates}
        return found, "found" if len(labels) == 1 and found[0].fit.rule.startswith("in brackets") else "ambiguous"
    covered = max(candidate.fit.covered for candidate in found)
    found = [candidate for candidate in found if candidate.fit.covered == covered]
    marked = [c for c in candidates if c.fit.level == 3 and best == 4 and re.search(r"(?i)\b(?:ours?|this)\b", c.text)]
    same = {" ".join(name_tokens(split_label(candidate.text).name)) for candidate in found}
    places = {candidate.place for candidate in found}
    if marked or len(same) > 1 or len(places) < len(found):
        return found + marked, "ambiguous"
    return found, "found"


class RowNames:
    """Benchmarks' labels where benchmarks are rows: label, group, shots and metric of each row."""

    def __init__(self, grid: Grid, block: Block) -> None:
        self.grid, self.block = grid, block
        self.columns = {role: [c for c, found in enumerate(block.roles) if found == role] for role in set(block.roles)}
        self.columns.get("metric", []).sort(key=lambda c: "filter" in " ".join(block.paths[c]).lower())
        self.cells = {
            c: grid.filled(block, c)
            for c, role in enumerate(block.roles)
            if role in TEXT_ROLES or role in ("shots", "metric")
        }
        self.has_settings = not self.columns.keys().isdisjoint(("shots", "extra", "metric"))
        self.label_column = next(iter(self.columns.get("label", [])), None)
        head = " ".join(block.paths[self.label_column]) if self.label_column is not None else ""
        self.brackets_are_metrics = bool(re.search(r"(?i)\(metrics?\)", head))
        labels = self.cells[self.label_column] if self.label_column is not None else dict.fromkeys(block.body, EMPTY)
        self.texts = {row: cell.text for row, cell in labels.items()}
        self.seen: dict[tuple[str, str], int] = {}
        for row, text in self.texts.items():
            place = (block.sections[row], text)
            self.seen[place] = self.seen.get(place, 0) + 1

    def is_fact(self, row: int) -> bool:
        return is_fact(self.texts[row])

    def names(self, row: int) -> list[str]:
        return self.texts[row].split("\n")

    def own(self, column: int, row: int) -> str:
        return label_text(self.cells[column][row].text)

    def settings(self, row: int) -> tuple[str | None, str | None]:
        """Shots and metric that stand in columns of their own."""
        if not self.has_settings:
            return None, None
        shots = [self.grid.rows[row][c].text for c in self.columns.get("shots", [])]
        shots += [
            t
            for c in self.columns.get("extra", [])
            if is_setting(t := self.grid.rows[row][c].text) and (SHOT.search(t) or COT.search(t))
        ]
        shots = [
            f"{s}-shot" if re.fullmatch(r"\d{1,3}(?:[-–]\d+)?", s) else shots_of(s)
            for s in shots
            if not MISSING.fullmatch(s)
        ]
        metric: list[str] = []
        for column in self.columns.get("metric", []):
            text = label_text(self.grid.rows[row][column].text)
            if text and not MISSING.fullmatch(text):
                metric += [rest for part in re.split(r"\s*[,;]\s*", text) if (rest := take_part(part, shots, metric))]
        return ", ".join(s for s in shots if s) or None, ", ".join(metric) or None

    def group(self, row: int) -> str | None:
        groups = [self.block.sections[row], *(self.own(c, row) for c in self.columns.get("group", []))]
        if not any(groups):
            return None
        text = self.texts[row]
        label = folded_name(self.label(row, text, []).name) if not text or is_setting(text) else ""
        return " / ".join(dict.fromkeys(g for g in groups if g and folded_name(g) != label)) or None

    def label(self, row: int, text: str, levels: list[str]) -> Label:
        """A row's label: a setting alone belongs to the group's name; a repeated one is told apart by its extras."""
        label = split_label(text, self.brackets_are_metrics)
        if not label.name or is_setting(text):
            setting = setting_label(text) if text else Label("")
            base = (
                next((self.own(c, row) for c in reversed(self.columns.get("group", [])) if self.own(c, row)), "")
                or self.block.sections[row]
            )
            if (
                base
                and not is_setting(base)
                and (is_benchmark(base, self.grid.vocabulary) or setting.shots or not text)
            ):
                over = split_label(base)
                label = Label(over.name, over.shots or setting.shots, over.metric or setting.metric)
        rest: list[str] = []
        if "extra" in self.columns and self.seen[(self.block.sections[row], self.texts[row])] > 1:
            extras = [self.own(c, row) for c in self.columns["extra"]]
            rest = [e for e in extras if e and not is_setting(e) and not MISSING.fullmatch(e)]
        if not rest and not levels:
            return label
        name, shots, metric = label.name, label.shots, label.metric
        for level in levels:
            part = split_label(level)
            if is_setting(level):
                setting = setting_label(level)
                shots, metric = shots or setting.shots, metric or setting.metric
            elif not VALUE_HEAD.fullmatch(level):
                rest.append(part.name)
                shots, metric = shots or part.shots, metric or part.metric
        return Label(f"{name} ({', '.join(rest)})" if rest else name, shots, metric)


def setting_label(text: str) -> Label:
    """Shots and metric of a label that says nothing else."""
    shots: list[str] = []
    metric: list[str] = []
    for part in _SETTING_PARTS.split(bare_setting(text)):
        take_part(part, shots, metric)
    return Label("", ", ".join(shots) or None, ", ".join(metric) or None)


def shots_of(text: str) -> str | None:
    return setting_label(text).shots or (label_text(text) if len(text) < 30 else None)


class ColumnNames:
    """Benchmarks' labels where benchmarks are columns, from each column's header path."""

    def __init__(self, grid: Grid, block: Block, vocabulary: Vocabulary) -> None:
        self.grid, self.block, self.vocabulary = grid, block, vocabulary
        self.leaves: dict[str, int] = {}
        for column, role in enumerate(block.roles):
            names = [level for level in block.paths[column] if not is_setting(level)]
            if role == "data" and names:
                self.leaves[names[-1]] = self.leaves.get(names[-1], 0) + 1
        self.cells = {c: grid.filled(block, c) for c, role in enumerate(block.roles) if role in TEXT_ROLES}

    def generic(self, column: int) -> bool:
        path = self.block.paths[column]
        return all(VALUE_HEAD.fullmatch(level) or is_setting(level) for level in path) and not any(
            is_benchmark(level, self.vocabulary) for level in path
        )

    def label(self, column: int) -> tuple[Label, str | None]:
        path = self.block.paths[column]
        shots = metric = None
        names: list[str] = []
        for level in path:
            if is_setting(level) and (len(path) > 1 or SHOT.search(level)):
                part = setting_label(level)
            else:
                part = split_label(level)
                names.append(part.name)
            shots, metric = part.shots or shots, part.metric or metric
        if not names:
            return Label(" ".join(path), shots, metric), None
        *above, leaf = names
        if above and self.needs_parent(leaf, above[-1], path):
            return Label(f"{above[-1]} {leaf}", shots, metric), " / ".join(above[:-1]) or None
        return Label(leaf, shots, metric), " / ".join(above) or None

    def needs_parent(self, leaf: str, parent: str, path: tuple[str, ...]) -> bool:
        """Whether a leaf says too little alone: a split, a language, a number, or a name that occurs twice."""
        if (
            self.leaves.get(path[-1], 0) > 1
            or self.leaves.get(leaf, 0) > 1
            or SPLIT.fullmatch(leaf)
            or VALUE_HEAD.fullmatch(leaf)
        ):
            return True
        if len(leaf) < 3 or (len(leaf) == 3 and leaf.islower()) or not re.search(r"[^\W\d]{2}", leaf):
            return True
        return is_benchmark(parent, self.vocabulary) and not is_benchmark(leaf, self.vocabulary)

    def row_says(self, row: int, model_columns: set[int]) -> tuple[str | None, str | None, str | None]:
        """Shots and metric of the whole row, and the benchmark that a further text column or the section names."""
        roles, cells = self.block.roles, self.grid.rows[row]
        shots = [
            cells[c].text for c, role in enumerate(roles) if role == "shots" and not MISSING.fullmatch(cells[c].text)
        ]
        shots = [f"{s}-shot" if re.fullmatch(r"\d{1,3}", s) else shots_of(s) or "" for s in shots]
        metric = [
            label_text(cells[c].text)
            for c, role in enumerate(roles)
            if role == "metric" and not MISSING.fullmatch(cells[c].text)
        ]
        others = [(c, label_text(by_row[row].text)) for c, by_row in self.cells.items() if c not in model_columns]
        others = [(c, text) for c, text in others if text and not is_model(text)] if model_columns else []
        named = [
            t
            for c, t in others
            if is_benchmark(t, self.vocabulary) or BENCHMARK_HEAD.fullmatch(" ".join(self.block.paths[c]))
        ]
        section = self.block.sections.get(row, "")
        extra = named[-1] if named else section if is_benchmark(section, self.vocabulary) else ""
        return ", ".join(filter(None, shots)) or None, ", ".join(metric) or None, extra or None


def clear_caches() -> None:
    """Forget the texts seen so far: for a long run over many cards, and for timing."""
    for cached in (
        _plain_text,
        label_text,
        folded_name,
        parse_value,
        split_label,
        is_setting,
        is_fact,
        name_tokens,
        kind_said,
        sizes_in,
        name_parts,
        align,
        is_benchmark,
        is_model,
    ):
        cached.cache_clear()
