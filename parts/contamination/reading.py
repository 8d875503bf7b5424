"""Benchmark items and measured items read."""

from __future__ import annotations

import csv
import io
import math
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.contamination.files import (
    broken_errors,
    corpus_files,
    file_kind,
    is_array,
    is_side_file,
    json_array,
    json_of_line,
    open_packed,
    table_batches,
    texts,
)
from parts.contamination.scores import Join, Measured, against_others, split_scores
from parts.contamination.vocabulary import CLEAN, SUSPECT, TOO_SHORT, BenchmarkItem, Judged, Rule, ScoreRow
from parts.frame import ROUNDED, ScriptError, is_number, listing, near_place, note, single_line
from parts.inputs import MAX_SAMPLES, check_columns, input_lines, input_text, sheet_lines
from parts.records.files import read_record, record_files
from parts.records.identity import model_names, one_model
from parts.records.items import CLUSTER_FIELDS, ITEM_MEANS
from parts.records.reading import ReadResult, read_results
from parts.records.run import NOBODY, Run
from parts.vocabulary import MetricMapping

# The fields of public benchmarks' rows, lower case: (question, answer, choices). A question of several fields is all of
# them. The first line whose question (and answer, and choices) a row has is taken; else the names below tell.
SHAPES = (
    (("ctx",), "label", ("endings",)),  # HellaSwag
    (("goal",), "label", ("sol1", "sol2")),  # PIQA
    (("premise",), "label", ("choice1", "choice2")),  # COPA
    (("sentence",), "answer", ("option1", "option2")),  # WinoGrande
    (("premise", "hypothesis"), "", ()),  # XNLI, MNLI
    (("sentence1", "sentence2"), "", ()),  # GLUE
    (("question",), "correct answer", ()),  # GPQA
    (("question",), "correct_answer", ()),  # SciQ
    (("question",), "best_answer", ()),  # TruthfulQA
    (("question",), "answerkey", ("choices",)),  # ARC, CommonsenseQA
    (("question_stem",), "answerkey", ("choices",)),  # OpenBookQA
    (("question",), "answer", ("options",)),  # MMLU-Pro
    (("question",), "answer", ("choices",)),  # MMLU
    (("turns",), "reference", ()),  # MT-Bench
    (("turns",), "", ()),
    (("problem",), "solution", ()),  # MATH
    (("prompt",), "canonical_solution", ()),  # HumanEval
    (("prompt",), "code", ()),  # MBPP
    (("text",), "code", ()),
    (("instruction", "input"), "output", ()),  # Alpaca
    (("prompt",), "chosen", ()),  # DPO
)
FIRST_CHOICE = {"option1": 1}  # benchmarks whose answers count their choices from 1
CONTEXT_FIELDS = ("context", "passage", "article", "story")
INPUT_FIELDS = ("question", "prompt", "query", "problem", "instruction", "input", "text", "sentence")
REFERENCE_FIELDS = ("answer", "answers", "reference", "references", "target", "solution", "output", "label")
CHOICE_FIELDS = ("choices", "options", "endings")
ID_FIELDS = ("sample_id", "id", "task_id", "question_id", "uid", "idx", "ind", "record id")
TRAIN_NAME = re.compile(r"(?:.*[_.-])?train(?:ing)?(?:[_.-].*)?")  # of a file that holds no benchmark items


def item_files(names: Sequence[str]) -> tuple[list[Path], list[str]]:
    """(the files that --items names, lines about what was left out)

    A folder with samples of records counts for these; of another one, the files of a training split are left out.
    """
    found: dict[str, Path] = {}
    notes = []
    for name in names:
        path = Path(name)
        if not path.exists():
            raise ScriptError(f"--items {name}: no such file or folder{near_place(path)}")
        files = seen_files(path) if path.is_dir() else [path]
        if path.is_dir():
            files = [f for f in files if is_item_file(f.name)]
            samples = [f for f in files if f.name.endswith("_samples.jsonl")]
            training = [f for f in files if TRAIN_NAME.fullmatch(f.name.split(".")[0].lower())]
            if not samples and training:
                notes.append(f"note: {name}: the files of a training split are left out ({training[0].name}, …)")
            files = samples or [f for f in files if f not in training]
        found |= {os.path.realpath(f): f for f in files}
    if not found:
        raise ScriptError(f"--items {listing(names)}: no items (JSON lines, parquet, or samples beside records)")
    return list(found.values()), notes


def seen_files(folder: Path) -> list[Path]:
    """The files in a folder that are not hidden."""
    below = (path for path in corpus_files(folder) if not path.is_dir())
    return [path for path in below if not any(name.startswith(".") for name in path.relative_to(folder).parts)]


def is_item_file(name: str) -> bool:
    """Whether a file may hold benchmark items, by its name."""
    kind = file_kind(name)
    return bool(kind and (kind[0] != "text" or name.lower().endswith((".csv", ".tsv"))) and not is_side_file(name))


def task_name(path: Path) -> str:
    """The task that a file of items is about: its name, or its folder's when the name is a split's."""
    stem = path.name.split(".")[0]
    split = re.fullmatch(r"(?i)(?:test|validation|valid|val|dev|eval|data)(?:-\d+-of-\d+)?", stem)
    return path.resolve().parent.name if split else stem


def read_benchmark(names: Sequence[str], wanted: Sequence[str]) -> tuple[list[BenchmarkItem], int, list[str]]:
    """(the items in order of task and id, how many were given again, their files)"""
    files, notes = item_files(names)
    for line in notes:
        note(line)
    found: dict[tuple[str, str, str], BenchmarkItem] = {}
    count = 0
    for path in files:
        for item in file_items(path, wanted):
            count += 1
            found.setdefault((item.task, item.sample_id, item.digest or item.whole), item)
    if not found:
        raise ScriptError(f"--items {listing(names)}: no items in {listing(map(str, files))}")
    items = [found[key] for key in sorted(found)]
    return items, count - len(items), [path.as_posix() for path in files]


def file_items(path: Path, wanted: Sequence[str]) -> Iterator[BenchmarkItem]:
    """The items of one file; ScriptError with the line of a row that is none."""
    chosen: ItemFields | None = None
    for where, row in item_rows(path):
        if isinstance(row.get("input"), dict) and "sample_id" in row:
            yield sample_item(row, where)
            continue
        chosen = chosen or choose_item_fields(row, wanted, where)
        yield row_item(row, chosen, path, where)


def item_rows(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(file and line, row) of a file of items."""
    kind, packed = file_kind(path.name) or ("", "")
    separator = next(
        (mark for ending, mark in ((".csv", ","), (".tsv", "\t")) if path.name.lower().endswith(ending)), ""
    )
    if kind in ("", "text") and not separator:
        raise ScriptError(f"--items {path}: JSON lines, CSV or parquet is expected")
    try:
        if separator:
            with io.StringIO(input_text(path, MAX_SAMPLES), newline="") as file:
                rows = csv.DictReader(file, delimiter=separator, strict=True)
                check_columns(path, rows.fieldnames)
                yield from ((f"{path}: line {rows.line_num}", row) for row in sheet_lines(rows))
        elif kind == "lines":
            yield from line_rows(path, packed)
        else:
            for first, batch in table_batches(str(path), kind, None, 0, None):
                yield from ((f"{path}: row {first + i}", row) for i, row in enumerate(batch.to_pylist()))
    except (*broken_errors(), UnicodeDecodeError, csv.Error) as error:
        raise ScriptError(f"{path}: {getattr(error, 'strerror', None) or single_line(error)}") from error


def line_rows(path: Path, packed: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The rows of JSON lines or of an array; ScriptError for what is no object."""
    with open_packed(str(path), packed) as file:
        array = is_array(file)
        for line_number, line in enumerate(json_array(str(path), file) if array else input_lines(file, path), start=1):
            where = f"{path}: {'row' if array else 'line'} {line_number}"
            if not array and not line.strip():
                continue
            try:
                row = line if array else json_of_line(line)[0]
            except ValueError as error:
                raise ScriptError(f"{where}: not valid JSON: {single_line(error)}") from error
            if not isinstance(row, dict):
                raise ScriptError(f"{where}: an item is an object with its fields")
            yield where, row


def sample_item(row: Mapping[str, Any], where: str) -> BenchmarkItem:
    """The item of a line of a samples file."""
    given = row["input"]
    parts = [given.get("raw"), *(given.get("reference") or ())]
    if not all(isinstance(part, str) for part in parts):
        raise ScriptError(f"{where}: input.raw and input.reference are texts in a samples file; evaluate again")
    digest = row.get("sample_hash")
    task = str(row.get("evaluation_name") or "")
    answer = "\n".join(parts[1:])
    return BenchmarkItem(task, str(row["sample_id"]), parts[0], None if digest is None else str(digest), answer)


@dataclass(frozen=True, slots=True)
class ItemFields:
    """Which fields of a row are an item's question, what stands before it, its answer, its choices, its id."""

    text: tuple[str, ...]
    context: tuple[str, ...] = ()
    reference: str | None = None
    choices: tuple[str, ...] = ()
    id: str | None = None


def choose_item_fields(row: Mapping[str, Any], wanted: Sequence[str], where: str) -> ItemFields:
    """The fields of an item: --item-fields, else the names that benchmarks use; ScriptError(code=3) in doubt."""
    here = {name.lower(): name for name in row if isinstance(name, str)}
    sample_id = next((here[name] for name in ID_FIELDS if name in here), None)
    if wanted:
        missing = [name for name in wanted if name not in row]
        if missing:
            raise ScriptError(f"{where}: no field {missing[0]!r}; there are: {listing(row, 20)}")
        return ItemFields(tuple(wanted), id=sample_id)
    context = tuple(here[name] for name in CONTEXT_FIELDS if name in here and texts(row[here[name]]))[:1]
    for question, answer, choices in SHAPES:
        if {*question, *choices, *filter(None, [answer])} <= here.keys() and texts(row[here[question[0]]]):
            fields = tuple(tuple(here[name] for name in names) for names in (question, choices))
            return ItemFields(fields[0], context, here[answer] if answer else None, fields[1], sample_id)
    inputs = [here[name] for name in INPUT_FIELDS if name in here and texts(row[here[name]])]
    references = [here[name] for name in REFERENCE_FIELDS if name in here and row[here[name]] is not None]
    if len(inputs) != 1 or len(references) > 1:
        several = inputs if len(inputs) > 1 else references if inputs else list(row)
        ask = "which fields are an item's text and answer? --item-fields A B, of"
        raise ScriptError(f"{where}: {ask}: {listing(several, 20)}", code=3)
    choices = tuple(here[name] for name in CHOICE_FIELDS if name in here and row[here[name]])[:1]
    return ItemFields((inputs[0],), context, references[0] if references else None, choices, sample_id)


def row_item(row: Mapping[str, Any], chosen: ItemFields, path: Path, where: str) -> BenchmarkItem:
    """The item of a row."""
    question, context = (
        [text for name in names for text in texts(row.get(name))] for names in (chosen.text, chosen.context)
    )
    answer: list[str] = []
    if chosen.reference is not None:
        options = [row.get(name) for name in chosen.choices]
        first = FIRST_CHOICE.get(chosen.choices[0].lower(), 0) if chosen.choices else 0
        answer = answer_texts(row.get(chosen.reference), options[0] if len(options) == 1 else options or None, first)
    sample_id = row.get(chosen.id) if chosen.id else None
    if sample_id is None:
        sample_id = where.removeprefix(str(path.parent)).lstrip("/\\")
    texts_of = ("\n".join(part) for part in (question, answer, context))
    question_text, answer_text, context_text = texts_of
    return BenchmarkItem(task_name(path), str(sample_id), question_text, None, answer_text, context_text)


def answer_texts(answer: Any, choices: Any, first: int = 0) -> list[str]:
    """The text of an answer; a number (from `first`), a letter or a label names one of the choices."""
    labels = choices.get("label") if isinstance(choices, dict) else None
    options = texts(choices.get("text") if isinstance(choices, dict) else choices)
    if isinstance(labels, list) and answer in labels and len(labels) == len(options):
        return [options[labels.index(answer)]]
    if isinstance(answer, str) and re.fullmatch("[A-J]", answer):
        place: Any = ord(answer) - ord("A")
    else:
        place = int(answer) if isinstance(answer, str) and len(answer) < 9 and answer.isdecimal() else answer
        place = place - first if isinstance(place, int) and not isinstance(place, bool) else place
    if isinstance(place, int) and not isinstance(place, bool) and 0 <= place < len(options):
        return [options[place]]
    return texts(answer) if not is_number(answer) else [str(answer)]


def read_measured_items(folders: Sequence[str], model_id: str | None, vocabulary: MetricMapping) -> list[Measured]:
    """The results with samples below some folders, of one model or of all."""
    found, models, meant = [], [], []
    for path in record_files(map(Path, folders)):
        record = read_record(path)
        if record is None or record.get("failure"):
            continue
        readings = read_results(path, record, vocabulary, whole=True)
        identity = readings[0].run.identity if readings else NOBODY
        models.append(identity)
        if model_id is not None and not identity.answers_to(model_id):
            continue
        meant.append(identity)
        if not any(reading.lines for reading in readings):
            note(f"note: {path} has no samples beside it: left out of the scores")
            continue
        found += map(measured_result, readings)
    if not models:
        raise ScriptError(f"--results {listing(folders)}: no records there")
    if model_id is not None and not meant:
        names = listing(model_names(models), 20)
        raise ScriptError(f"--model-id {model_id}: no record of it; there are: {names}")
    if model_id is not None:
        one_model(meant, f"--model-id {model_id}")
    return sorted(found, key=lambda one: (one.model, one.task, one.result_id, one.record))


def measured_result(reading: ReadResult) -> Measured:
    """One result with the mean score of each of its items, and why it cannot be split, if it cannot."""
    run, facts = reading.run, reading.facts
    scores: dict[tuple[str, str, str | None], list[float]] = defaultdict(list)
    texts_of: dict[tuple[str, str, str | None], str] = {}
    clusters: dict[tuple[str, str, str | None], str] = {}
    for line in reading.lines:
        if line.score is not None:
            key = run.name, line.name, line.digest
            scores[key].append(line.score)
            texts_of[key] = raw if isinstance(raw := (line.row.get("input") or {}).get("raw"), str) else ""
            shared = next((name for name in CLUSTER_FIELDS if line.metadata.get(name) is not None), None)
            if shared:
                clusters[key] = str(line.metadata[shared])
    means = {key: math.fsum(values) / len(values) for key, values in scores.items()}
    why = "; ".join(run.validity.reasons)
    if not why and not means:
        why = "no scored samples"
    elif not why and run.aggregation not in ITEM_MEANS:
        why = f"{run.aggregation} is no mean of the items"
    elif not why and facts.factor is None:
        why = f"the items have the mean {facts.mean:.4g}, the record says {run.written[0]:.4g}"
    factor = run.scale if facts is None or facts.factor is None else facts.factor
    low, high = item_bounds(run, [value for values in scores.values() for value in values], factor)
    return Measured(
        model=run.identity.name,
        task=run.name,
        result_id=run.result_id,
        record=run.file,
        score=run.written[0],
        items=means,
        scale=factor / run.scale,
        unscored=facts.unscored if facts else 0,
        why=why,
        lower_is_better=run.lower_is_better,
        low=low,
        high=high,
        texts=texts_of,
        clusters=clusters,
    )


def item_bounds(run: Run, values: Sequence[float], factor: float) -> tuple[float | None, float | None]:
    """The least and the most that an item's score can be: as the record says, or 0 and 1 for shares; else open."""
    ends = [None if end is None else end / factor for end in (run.low, run.high)]
    if None in ends and (run.unit == "proportion" or set(values) <= {0.0, 1.0}):
        ends = [0.0, 1.0]
    inside = None not in ends and all(ends[0] - ROUNDED <= value <= ends[1] + ROUNDED for value in values)
    return (ends[0], ends[1]) if inside and ends[0] < ends[1] else (None, None)


def make_scores(
    judged: Sequence[Judged], measured: Sequence[Measured], rules: Sequence[Rule], fewest: int
) -> list[ScoreRow]:
    """A row for each result and rule that has items among the judged ones; ScriptError when none has."""
    join = Join(judged, [one.task for one in measured])
    rows = [split_scores(one, rule, join, fewest) for rule in rules for one in measured]
    if not any(row.counts[name] for row in rows for name in (CLEAN, SUSPECT, TOO_SHORT.replace(" ", "_"))):
        theirs = [f"{task}: {sample}" for one in measured[:1] for task, sample, _ in list(one.items)[:1]]
        raise ScriptError(
            f"--results: no sample is about an item of --items; there {listing(theirs) or 'are no samples'}, here "
            f"{judged[0].item.label}; task (file name) and id must be equal"
        )
    # A result of another task is no news; a model of which no item is among the given ones is named.
    joined = {row.model for row in rows if sum(row.counts.values()) > row.counts["not_among_the_items"]}
    rows = [
        row
        for row in rows
        if row.model not in joined
        or sum(row.counts.values()) - row.counts["unscored"] > row.counts["not_among_the_items"]
    ]
    return against_others(rows, measured, join, fewest) if len({one.model for one in measured}) > 1 else rows
