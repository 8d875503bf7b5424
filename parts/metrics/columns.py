"""Columns of a predictions file that have other names: told once, with the command that maps them; never guessed.

Takes the columns of the file, what the metrics read and what --map says; gives rows in the words of a predictions file.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, command_line_of, listing, nearest, note, single_line
from parts.inputs import NO_FIELD, strict_json
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
ANSWER_FIELDS = {"id", "prompt", "prediction", "reference", "references", "probability", "score", "passed"}
# What --map can name.
MAPPED_WORDS = (
    "id prediction reference references prompt group attempt probability probabilities score passed n c outcome rating "
    "ratings rater item system seconds ranked relevant a b winner preference length_a length_b output_a output_b audio "
    "reference_audio"
)
COLUMN_ROLES = tuple(MAPPED_WORDS.split())
SEVERAL_COLUMNS = ("references", "ratings")  # --map references=ref1,ref2
# What tells ratings and attempts apart, as columns are called without case, signs and "id".
ROLE_WORDS = {
    "rater": "rater listener annotator judge worker participant subject user evaluator assessor person respondent "
    "panelist tester reviewer",
    "item": "item stimulus stimuli clip sample utterance utt sentence prompt question file filename audio wav trial "
    "page passage segment text doc document example source problem task",
    "system": "system voice model condition engine method variant treatment arm version codec algorithm vocoder "
    "candidate run checkpoint",
}
# A column that says which system an answer is of, as files of predictions call it; not who judged, or a prompt.
SYSTEM_COLUMN = re.compile(
    r"(?i)(?!(?:judge|grader|evaluator|critic|scorer|reward|annotator|embedding|reference|gold|user|operating|file)"
    r"[ _.-])"
    r"(?:(?:[a-z0-9]+[ _.-])*(?:system|model|llm)|engine|checkpoint|ckpt|method)s?"
    r"(?:[ _.-]?(?:ids?|names?|no|nr|key|path|name[ _.-]or[ _.-]path|slug|tag|version))?"
)
SYSTEM_WORDS = re.compile(rb"(?i)system|model|llm|engine|checkpoint|ckpt|method")
LONGEST_SYSTEM = 100  # characters; a longer text is no name, but a system's prompt
SYSTEMS_SHOWN = 20
# No columns of that kind: what else of a line is read, and (JUDGED) numbers that raters gave.
READ_BESIDE = {"id", "rating", "ratings", "rater", "item", "system", "group", "attempt", "seconds", "passed", "n", "c"}
READ_BESIDE |= {"outcome", "result", "status", "limit_hit"}
JUDGED = {"rating", *USUAL_COLUMNS["rating"].split(), "ok", "passed", "success"}
COLUMNS_SHOWN = 12  # columns that are named
NO_ID = "no 'id'"
BY_PLACE = "row-number"  # --map id=row-number: the rows of a table go by their place, whatever its columns are called


def renamed(fields: Any, mapped: Mapping[str, str]) -> Any:
    """A row with its columns called as --map says; what had such a name before is left out."""
    if not mapped or not isinstance(fields, Mapping):
        return fields
    named = {ours: columns_named(ours, theirs, fields) for ours, theirs in mapped.items()}
    used = {name for names in named.values() for name in names}
    kept = {name: value for name, value in fields.items() if name not in mapped and name not in used}
    return kept | {ours: mapped_value(ours, names, fields) for ours, names in named.items() if names}


def columns_named(ours: str, theirs: str, names: Collection[str]) -> list[str]:
    """The column that --map names, or the several with commas between; none where one of them is not there."""
    found = theirs.split(",") if theirs not in names and ours in SEVERAL_COLUMNS else [theirs]
    return found if all(name in names for name in found) else []


def mapped_value(ours: str, names: Sequence[str], fields: Mapping[str, Any]) -> Any:
    """A column's value, or those of several: a list of references, ratings by whose they are."""
    if len(names) == 1:
        return fields[names[0]]
    given = {name: fields[name] for name in names if fields[name] not in (None, "")}
    found = {name: as_rating(value) for name, value in given.items()} if ours == "ratings" else list(given.values())
    return found or None


def as_rating(text: Any) -> Any:
    """A cell as a number where it is one."""
    try:
        return float(text) if isinstance(text, str) else text
    except ValueError:
        return text


def of_one_system(path: Path, content: bytes, columns: Columns) -> Columns:
    """The columns with the one system whose rows are read, where rows of predictions say which one they are of: by
    --system, else by the model's id. ScriptError: 3 which of them is it, 2 where --system can choose none.

    Ratings and votes name systems in every line and are chosen by their own metrics.
    """
    if {"ratings", "votes"} & set(columns.families):
        return columns
    rows = []
    if columns.system or "system" in columns.mapped or SYSTEM_WORDS.search(content):
        with contextlib.suppress(ValueError, csv.Error, ScriptError):  # what is wrong is said where lines are read
            rows = [row for row in rows_of_file(path, content) if any(row.values())]
    names = systems_named(rows, columns)
    if columns.system and rows and not names:
        there = listing(list(dict.fromkeys(str(name) for row in rows for name in row if name)), COLUMNS_SHOWN)
        raise ScriptError(f"--system {columns.system}: no column names it: --map system=COLUMN; there are {there}")
    several = [name for name in names if columns.system or len(set(names[name])) > 1]
    several = [name for name in several if columns.system in names[name]] or several
    if not several:
        return columns
    column, none = several[0], "(or --map system=none: it names none)"
    shown = single_line(column)
    if not all(one_to_one(names[column], names[other]) for other in several):
        ways = f"{columns.command} {command_line_of(['--map', f'system={column}'])} {none}"
        raise ScriptError(f"{listing(several)} differ by row: which column names the system? {ways}", code=3)
    found = sorted(set(names[column]) - {None})
    wanted = next((name for name in ((columns.system,) if columns.system else columns.model) if name in found), None)
    if wanted is None:
        asked = columns.system or next(iter(columns.model), "the model")
        ways = f"--system with one of {listing(found, SYSTEMS_SHOWN)} {none}"
        raise ScriptError(f"rows of several systems (column {shown}): which one is {asked}? {ways}", code=3)
    if lost := names[column].count(None):
        raise ScriptError(f"{lost} of {len(rows)} rows have no name in {column}, though others do: whose are they?")
    if columns.mapped.get("attempt") == column and len(found) > 1:
        raise ScriptError(f"--map attempt={column}: it names systems, of which one is scored, and no attempts of one")
    if len(found) > 1:
        note(f"note: {names[column].count(wanted)} of {len(rows)} rows are of {wanted} (column {shown}) and are read")
    return columns._replace(only=(column, wanted))


def systems_named(rows: Sequence[Mapping[str, Any]], columns: Columns) -> dict[str, list[str | None]]:
    """Column -> the name in each row, of those that name systems: the one of --map, else by their own names, else
    those in which --system, or the model's id, stands."""
    mapped = columns.mapped.get("system")
    there = list(dict.fromkeys(name for row in rows for name in row if isinstance(name, str)))
    taken = {
        theirs for ours, theirs in columns.mapped.items() if ours not in ("attempt", "group", "item")
    } | ANSWER_FIELDS
    named = {
        name: [system_name(row.get(name)) for row in rows] for name in there if name not in taken or name == mapped
    }
    named = {name: own for name, own in named.items() if any(own) and "" not in own}
    if mapped:
        if mapped in there and mapped not in named:
            raise ScriptError(f"--map system={mapped}: names are wanted there, short texts or whole numbers")
        return {name: own for name, own in named.items() if name == mapped}
    wanted = {columns.system or next(iter(columns.model), None)}
    by_value = {name: own for name, own in named.items() if wanted & set(own) and len(set(own)) < len(rows)}
    return {name: own for name, own in named.items() if SYSTEM_COLUMN.fullmatch(name.strip())} or by_value


def system_name(value: Any) -> str | None:
    """A value as the name of a system: None where there is none, "" where it can be no name."""
    if value is None or value == "":
        return None
    text = str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return unicodedata.normalize("NFC", text) if len(text) <= LONGEST_SYSTEM and "\n" not in text else ""


def one_to_one(one: Sequence[Any], two: Sequence[Any]) -> bool:
    """Whether two columns part the rows alike."""
    return len(set(one)) == len(set(two)) == len(set(zip(one, two, strict=True)))


def is_read(row: Any, columns: Columns) -> bool:
    """Whether a row is of the system that is scored, where rows say of which one they are."""
    return (
        columns.only is None or not isinstance(row, Mapping) or system_name(row.get(columns.only[0])) == columns.only[1]
    )


def rows_of_file(path: Path, content: bytes) -> list[Mapping[str, Any]]:
    """The rows of a table, or the objects of a file, as they are there: with no regard to what is wrong with others."""
    text = content.decode("utf-8-sig", "replace")
    if is_table(path):
        return list(csv.DictReader(io.StringIO(text), delimiter="\t" if path.suffix.lower() == ".tsv" else ","))
    values = rows_of_document(strict_json(text)) if path.suffix == ".json" else map(object_in, text.split("\n"))
    return [row for row in values if isinstance(row, Mapping)]


def is_table(path: Path) -> bool:
    """Whether a file is a table by its name."""
    return path.suffix.lower() in (".csv", ".tsv")


def object_in(text: str) -> Any:
    """The JSON value of a line; None where there is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def check_wanted(
    path: Path, content: bytes, lines: Sequence[Line], problems: Sequence[tuple[int, str]], columns: Columns
) -> None:
    """ScriptError (3) with all that is to be said of the columns, in one command: which ones the metrics read where no
    line has them, or an id; which ones tell raters, items, systems or attempts apart; what an empty prediction is."""
    nameless = bool(problems) and not lines and all(text == NO_ID for _, text in problems)
    if not lines and not nameless:
        return
    groups = [*([("id",)] if nameless else []), *(group for family in columns.families for group in WANTED[family])]
    groups += [(ours,) for ours, theirs in columns.mapped.items() if theirs != NO_FIELD]
    rated, tried = "ratings" in columns.families, "attempts" in columns.families
    blank = is_table(path) and columns.empty is None
    raw = [row for row in rows_of_file(path, content) if is_read(row, columns)] if nameless or tried or blank else []
    if nameless and not any(raw):
        return
    rows = [renamed(row, columns.mapped) for row in raw]
    there = rows if nameless else [line.fields for line in lines]
    lacking = [one for one in dict.fromkeys(groups) if not any(name in fields for fields in there for name in one)]
    if columns.ids:
        lacking = [("id",), *lacking]
    raw = raw or rows_of_file(path, content) if lacking else raw
    names = list(dict.fromkeys(str(name) for row in raw for name in row if name))
    if lacking:
        check_mapped(names, columns)
    ways = columns_for(lacking, names, columns)
    apart = roles_apart(there if rated else rows, columns, ways, is_table(path)) if rated or tried else {}
    answers = ways.get("prediction", "prediction")
    cells = [row for row in rows if any(row.values())] if blank else []
    looked = names if answers == "COLUMN" else [answers]
    empty = {name: count for name in looked if (count := sum(row.get(name) == "" for row in cells))}
    if not lacking and not apart and not empty:
        return
    raise which_columns(lacking, names, columns, ways, apart, empty)


def goes_by_place(rows: Sequence[Mapping[str, Any]], columns: Columns) -> bool:
    """Whether rows without an id have the numbers of their places, as those of a table have: where no column may be an
    id. Several votes are of one question: there only one of which each row has its own may be."""
    if "id" in columns.mapped:
        return columns.mapped["id"] == BY_PLACE
    usual, votes = USUAL_COLUMNS["id"].split(), columns.families == ("votes",)
    if not all(rows) or "attempts" in columns.families:  # of several tries at one item, which only a column tells
        return False
    for name in {name for row in rows for name in row if name not in READ_FIELDS}:
        word, own = name.strip().casefold(), len({str(row.get(name)) for row in rows}) == len(rows)
        if (word in usual and (own or not votes)) or (word.endswith("id") and own):
            return False
    return True


def check_mapped(names: Sequence[str], columns: Columns) -> None:
    """ScriptError for a column of --map that is not there."""
    for ours, theirs in columns.mapped.items():
        if not columns_named(ours, theirs, names) and (ours, theirs) != ("id", BY_PLACE) and theirs != NO_FIELD:
            there_are = f"there is no such column{nearest(theirs, names)}; there are {listing(names, COLUMNS_SHOWN)}"
            raise ScriptError(f"--map {ours}={theirs}: {there_are}")


def columns_for(lacking: Sequence[tuple[str, ...]], names: Sequence[str], columns: Columns) -> dict[str, str]:
    """Of each group of words that is wanted its first one -> the column that is usually called so, or COLUMN."""
    wanted_names = {name for family in columns.families for group in WANTED[family] for name in group}
    ways: dict[str, str] = {}
    for first, *_ in lacking:
        known = (first, *USUAL_COLUMNS.get(first, "").split())
        usual = [name for name in names if name.strip().casefold() in known and name not in wanted_names]
        usual = list(columns.ids) if first == "id" and columns.ids else usual
        usual = [name for name in usual if name not in (*ways.values(), *columns.mapped.values())]
        ways[first] = usual[0] if len(usual) == 1 else "COLUMN"
    return ways


def roles_apart(
    rows: Sequence[Mapping[str, Any]], columns: Columns, ways: dict[str, str], table: bool
) -> dict[str, str]:
    """Role -> column (or COLUMN) of what tells ratings or attempts apart and nobody has named: without it what belongs
    to several systems, items or raters is one heap. `ways` gets the id where its column is known by the same names.

    Only columns whose values repeat can; one of an unknown name only where they do so twice on average.
    """
    there = {name for row in rows for name in row}
    known = {*there, *columns.mapped, *(ours for ours in ways if ways[ours] != "COLUMN")}
    if "ratings" in columns.families:
        roles = ("system",) if "ratings" in there else ("rater", "item", "system")
    else:
        roles = ("id",) if table or "id" in ways else ()
    roles = [role for role in roles if role not in known]
    taken = {*READ_BESIDE, *columns.mapped, *ways.values()}
    counts = {name: count for name in sorted(there - taken - {None}) if (count := distinct_values(rows, name)) > 1}
    counts = {name: count for name, count in counts.items() if name.casefold() not in JUDGED and count < len(rows)}
    of = {name: role for name in counts for role, words in ROLE_WORDS.items() if plain_name(name) in words.split()}
    other = [name for name, count in counts.items() if of.get(name) not in roles and 2 * count <= len(rows)]
    found = {}
    for role in roles:
        own = [name for name in counts if of.get(name) == role or (role == "id" and of.get(name) == "item")]
        if own or other:
            found[role] = own[0] if len(own) == 1 else "COLUMN"
    if "attempts" in columns.families and "attempt" not in known:
        found |= attempt_column(
            rows, found.get("id", ways.get("id", "id")), [n for n in counts if n not in found.values()]
        )
    return found


def attempt_column(rows: Sequence[Mapping[str, Any]], id: str, names: Sequence[str]) -> dict[str, str]:
    """The column that numbers the attempts at an item, where its id stands in several rows: {} where it does not."""
    if id == "COLUMN" or len({str(row.get(id)) for row in rows}) == len(rows) or not any(id in row for row in rows):
        return {}
    fitting = [
        name
        for name in names
        if name != id
        and not SYSTEM_COLUMN.fullmatch(name.strip())
        and len({(str(row.get(id)), str(row.get(name))) for row in rows}) == len(rows)
    ]
    return {"attempt": fitting[0] if len(fitting) == 1 else "COLUMN"} if names else {}


def plain_name(name: str) -> str:
    """A column's name without case, signs and the word that says that it is one: "Listener_ID" -> "listener"."""
    text = re.sub(r"[\W_]+", "", name.casefold())
    return re.sub(r"(?<=...)(?:ids?|names?|no|nr|num|number|code|label)$", "", text)


def distinct_values(rows: Sequence[Mapping[str, Any]], name: str) -> int:
    """How many texts or whole numbers a column has; 0 where it has anything else, as measured numbers."""
    values = [row[name] for row in rows if row.get(name) not in (None, "")]
    if not all(isinstance(value, str | int) and not isinstance(value, bool) for value in values):
        return 0
    texts = set(map(str, values))
    return 0 if all(re.fullmatch(r"-?\d*\.\d+(?:[eE]-?\d+)?", text) for text in texts) else len(texts)


def which_columns(
    lacking: Sequence[tuple[str, ...]],
    names: Sequence[str],
    columns: Columns,
    ways: Mapping[str, str],
    apart: Mapping[str, str],
    empty: Mapping[str, int],
) -> ScriptError:
    """What is said of columns that are wanted and not there: those that are, and how to say which is which."""
    free = [name for name in names if name not in READ_FIELDS and name not in columns.mapped.values()]
    wanted = " and ".join(f"{first} (or {', '.join(others)})" if others else first for first, *others in lacking)
    parts = [f"the columns are {listing(names, COLUMNS_SHOWN)}"] if lacking or apart else []
    parts += [f"wanted too: {wanted}"] if lacking else []
    taken = {name: role for role, name in columns.mapped.items() if any(name in roles for roles in lacking)}
    parts += [f"--map {role}={name} took {name} for {role}" for name, role in taken.items() if name in names]
    if ("reference", "references") in lacking:
        parts.append("references may be in another file: --references FILE")
    if lacking and not free and not set(ways.values()) & set(names):
        parts += ["give each line one, or the rows as a table (.csv), which needs none"] if ("id",) in lacking else []
        return ScriptError("; ".join(parts))
    if apart:
        kinds = listing([f"{role}s" for role in apart])
        parts.append(f"which of them tells {kinds} apart? Without that what belongs to several is one heap")
    known = ways.get("prediction") != "COLUMN"
    if empty:
        cells = listing([f"{name} {count}" for name, count in empty.items()], 5)
        parts.append(f"empty cells ({cells}): if predictions, is that an answer, or missing (none)?")
    mapped = {**columns.mapped, **ways, **apart}
    words = ["--map", *(f"{ours}={theirs}" for ours, theirs in mapped.items())] if mapped else []
    said = command_line_of([*words, *(["--empty-cells", "answer"] if empty and known else [])])
    none = [f"{role}={NO_FIELD}" for role in apart if role not in ("id", "attempt")]
    none += [f"id={BY_PLACE}"] if "id" in apart and "id" not in ways else []
    ways_out = [f"{' '.join(none)}: no column does"] if none else []
    ways_out += [f"id={BY_PLACE}: the rows by their place"] if columns.ids else []
    ways_out += ["--empty-cells missing: none was given"] if empty and known else []
    ways_out += ["then --empty-cells answer or missing"] if empty and not known else []
    said += f" (or {'; '.join(ways_out)})" if ways_out else ""
    return ScriptError(f"{'; '.join(parts)}: say which is which: {columns.command} {said}", code=3)
