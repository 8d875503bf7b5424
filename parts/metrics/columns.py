"""Columns of a predictions file that have other names: told once, with the command that maps them; never guessed.

Takes the columns of the file, what the metrics read and what --map says; gives rows in the words of a predictions file.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, command_line_of, listing, nearest
from parts.inputs import strict_json
from parts.metrics.code_files import rows_of_document
from parts.metrics.items import READ_FIELDS
from parts.metrics.vocabulary import Columns, Line

# What each family of metrics needs: of each group one. An id is needed where rows have no number.
WANTED: dict[str, tuple[tuple[str, ...], ...]] = {
    "text": (("prediction",), ("reference", "references")),
    "plain": (("prediction",),),
    "forecast": (("reference", "references"), ("probability", "probabilities")),
    "numbers": (("prediction",), ("reference", "references")),
    "class scores": (("reference", "references"), ("score", "probability")),
    "attempts": (("passed", "n"),),
    "ratings": (("rating", "ratings"),),
    "ranking": (("ranked",), ("relevant",)),
    "votes": (("a", "model_a"), ("b", "model_b"), ("winner", "preference")),
    "audio": (("audio",), ("reference_audio",)),
    "any": (),
}
# How others call them: proposed in the command, for the user to say.
USUAL_COLUMNS = {
    "id": "sample_id item_id question_id uid utt_id uttid utt utterance_id key idx index qid doc_id",
    "prediction": "pred preds predicted predictions output outputs hypothesis hyp response completion generated "
    "generated_text generation model_output asr asr_output answer_pred pred_text",
    "reference": "gold label labels target ref truth ground_truth expected text transcript transcription sentence "
    "correct_answer gold_answer expected_output answer",
    "probability": "prob proba p confidence conf",
    "score": "logit logits",
    "passed": "pass success correct solved is_correct ok result status",
    "rating": "score mos stars value grade",
    "ranked": "retrieved results hits docs ranking",
    "relevant": "qrels relevance positives gold",
    "a": "left system_a",
    "b": "right system_b",
    "winner": "preferred vote choice verdict label",
    "audio": "wav path file degraded",
    "reference_audio": "clean reference target ref original",
}
# What --map can name.
MAPPED_WORDS = (
    "id prediction reference references prompt group attempt probability probabilities score passed n c outcome rating "
    "ratings rater item system seconds ranked relevant a b winner preference length_a length_b output_a output_b audio "
    "reference_audio"
)
COLUMN_ROLES = tuple(MAPPED_WORDS.split())
COLUMNS_SHOWN = 12  # columns that are named
NO_ID = "no 'id'"
BY_PLACE = "row-number"  # --map id=row-number: the rows of a table go by their place, whatever its columns are called


def renamed(fields: Any, mapped: Mapping[str, str]) -> Any:
    """A row with its columns called as --map says; what had such a name before is left out."""
    if not mapped or not isinstance(fields, Mapping):
        return fields
    kept = {name: value for name, value in fields.items() if name not in mapped and name not in mapped.values()}
    return kept | {ours: fields[theirs] for ours, theirs in mapped.items() if theirs in fields}


def columns_of(path: Path, content: bytes) -> list[str]:
    """The columns of a table, or of all lines of a file that are objects, in the order in which they are met."""
    text = content.decode("utf-8-sig", "replace")
    if path.suffix.lower() in (".csv", ".tsv"):
        mark = "\t" if path.suffix.lower() == ".tsv" else ","
        return [name for name in next(csv.reader(io.StringIO(text), delimiter=mark), []) if name]
    if path.suffix == ".json":
        return list(dict.fromkeys(name for row in rows_of_document(strict_json(text)) for name in named_values(row)))
    return list(dict.fromkeys(name for line in text.split("\n") for name in named_values(line)))


def named_values(row: Any) -> Iterable[str]:
    """The names in a row, or in the JSON text of one; none where it is no object."""
    try:
        value = json.loads(row) if isinstance(row, str) else row
    except (ValueError, RecursionError):
        return ()
    return map(str, value) if isinstance(value, Mapping) else ()


def check_wanted(
    path: Path, content: bytes, lines: Sequence[Line], problems: Sequence[tuple[int, str]], columns: Columns
) -> None:
    """ScriptError (3: which columns are they?) when no line has what the metrics read, or no line at all has an id."""
    nameless = bool(problems) and not lines and all(text == NO_ID for _, text in problems)
    if not lines and not nameless:
        return
    groups = [*([("id",)] if nameless else []), *(group for family in columns.families for group in WANTED[family])]
    groups += [(ours,) for ours in columns.mapped]
    names = columns_of(path, content) if nameless else []
    if nameless and not names:
        return
    there = [renamed(dict.fromkeys(names), columns.mapped).keys()] if nameless else [line.fields for line in lines]
    lacking = [one for one in dict.fromkeys(groups) if not any(name in fields for fields in there for name in one)]
    if columns.ids:
        lacking = [("id",), *lacking]
    if lacking:
        raise which_columns(lacking, names or columns_of(path, content), columns)


def which_columns(lacking: Sequence[tuple[str, ...]], names: Sequence[str], columns: Columns) -> ScriptError:
    """What is said of columns that are wanted and not there: those that are, and how to say which is which."""
    for ours, theirs in columns.mapped.items():
        if theirs not in names and (ours, theirs) != ("id", BY_PLACE):
            there_are = f"there is no such column{nearest(theirs, names)}; there are {listing(names, COLUMNS_SHOWN)}"
            return ScriptError(f"--map {ours}={theirs}: {there_are}")
    free = [name for name in names if name not in READ_FIELDS and name not in columns.mapped.values()]
    wanted_names = {name for family in columns.families for group in WANTED[family] for name in group}
    ways = {}
    for first, *_ in lacking:
        known = (first, *USUAL_COLUMNS.get(first, "").split())
        usual = [name for name in names if name.strip().casefold() in known and name not in wanted_names]
        usual = list(columns.ids) if first == "id" and columns.ids else usual
        usual = [name for name in usual if name not in (*ways.values(), *columns.mapped.values())]
        ways[first] = usual[0] if len(usual) == 1 else "COLUMN"
    wanted = " and ".join(f"{first} (or {', '.join(others)})" if others else first for first, *others in lacking)
    there_are = f"the columns are {listing(names, COLUMNS_SHOWN)}; wanted too: {wanted}"
    if not free and not set(ways.values()) & set(names):
        return ScriptError(there_are)
    said = command_line_of(["--map", *(f"{ours}={theirs}" for ours, theirs in (columns.mapped | ways).items())])
    said += f" (or id={BY_PLACE}: the rows by their place)" if columns.ids else ""
    return ScriptError(f"{there_are}: say which is which: {columns.command} {said}", code=3)
