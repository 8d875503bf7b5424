"""OpenCompass: <work folder>/results/<model>/<data set>.json.

What it takes: a result, told by where it lies, because it names neither model nor data set: beside `results` the work
folder has `predictions`, `configs`, `summary` or `logs`. What it gives: one TaskRun. The names are OpenCompass's own
abbreviations. Its accuracies are percent; the unit of other numbers is not said. Items are read from `details`, where
the run kept them (--dump-eval-details).
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.formats.here import Here
from parts.formats.inspect_items import messages_text
from parts.formats.values import all_texts, finite, first, moment_of, rows_of, source_named
from parts.formats.vocabulary import AskedItem, Files, Origin, ScoreRead, TaskRun, Trouble
from parts.frame import single_line
from parts.metric_directions import direction_in, is_no_score, metric_facts, unit_in
from parts.vocabulary import metric_type

SAME_SHARE = 0.006  # percent: two digits are written of some
OPENCOMPASS_RUN = re.compile(r"\d{8}_\d{6}")  # the folder of a run, by its time
OPENCOMPASS_FOLDERS = ("predictions", "configs", "summary", "logs")
# What OpenCompass says of the answers.
OPENCOMPASS_RIGHT = ("correct", "is_correct", "cascade_correct")


def is_opencompass(document: Mapping[str, Any], path: Path) -> bool:
    """Whether a JSON document is a result of OpenCompass: by its place and by what it holds."""
    work = path.parent.parent.parent
    run = OPENCOMPASS_RUN.fullmatch(work.name) or any((work / name).is_dir() for name in OPENCOMPASS_FOLDERS)
    placed = path.parent.parent.name == "results" and run
    plain = all(isinstance(value, int | float | str | dict | list | None) for value in document.values())
    return (
        bool(placed) and plain and ("error" in document or any(opencompass_is_score(*row) for row in document.items()))
    )


def opencompass_is_score(name: str, value: Any) -> bool:
    """Whether a row of a result is a score."""
    return finite(value) is not None and not isinstance(value, bool) and not is_no_score("opencompass", name)


def read_opencompass(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The one task of a result."""
    task, shown = origin.path.stem, origin.path.parent.name
    stamp = origin.path.parent.parent.parent.name  # "20261121_093000"
    moment = moment_of(f"{stamp[:4]}-{stamp[4:6]}-{stamp[6:8]}T{stamp[9:11]}:{stamp[11:13]}:{stamp[13:15]}")
    details = opencompass_details(document.get("details"))
    marked = [row for row in details.values() if opencompass_values(row)]
    names = [name for name, value in document.items() if opencompass_is_score(name, value)]
    scores = tuple(opencompass_score(task, name, float(document[name])) for name in names)
    shares = [score for score in scores if score.unit and score.unit[0] == "percent"]
    strict = [score for score in shares if score.id == "prompt_level_strict_acc"]  # by which IFEval calls an item right
    per_item, lost = opencompass_of_items(strict or shares, marked), ""
    if marked and len(marked) < len(details):
        lost = f"{len(details) - len(marked)} of its {len(details)} items do not say whether they are right"
    elif marked and shares and not per_item:
        lost = "none of its scores is the share of its items that are right"
    readable = bool(marked and per_item and not lost)
    predictions = opencompass_predictions(origin.path)
    files.used |= {path.resolve() for path in predictions}
    runs = max((len(opencompass_values(row)) for row in details.values()), default=1)
    yield TaskRun(
        origin=origin,
        task=task,
        title=single_line(task),
        model=here.model(shown, moment),
        scores=scores,
        version=here.version or "unknown",
        source=source_named(single_line(task)),
        settings={"repeats": runs if runs > 1 else None},
        moment=moment,
        samples=(lambda _: opencompass_items(details, per_item)) if readable else None,
        sample_file=origin.path if readable else None,
        lost=lost,
        failure=None if scores else f"OpenCompass says: {single_line(document.get('error') or 'no score')}"[:300],
    )


OPENCOMPASS_PREFIX = re.compile(r"humaneval(?:_plus)?_(?=pass@)")
OPENCOMPASS_ACCURACIES = {"accuracy", "acc", "pass@1"}


def opencompass_score(task: str, name: str, value: float) -> ScoreRead:
    """A number of a result. OpenCompass multiplies accuracies by 100; one of at most 1 may be either. What a bare
    "score" is depends on the task's evaluator: a share of right answers, a BLEU, an error."""
    bare = name.split(" (", 1)[0]  # "accuracy (4 runs average)"
    measure = metric_facts("opencompass", bare, task).get("metric") or OPENCOMPASS_PREFIX.sub("", bare)
    measure = (metric_type(bare) or bare) if "-level-" in bare else measure  # IFEval's four
    defined = unit_in("opencompass", bare, task)
    if defined is None and bare in OPENCOMPASS_ACCURACIES and (value == 0.0 or 1.0 < value <= 100.0):
        defined = ("percent", 0.0, 100.0)
    percent, per_part = defined is not None and defined[0] == "percent", measure.startswith("inst_")
    return ScoreRead(
        *(bare, {"acc": "accuracy"}.get(measure, measure), value, "mean" if percent and not per_part else None),
        unit=defined or ("unknown", None, None),
        **direction_in("opencompass", bare, task=task),
        details={"name_as_written": name if name != bare else None},
    )


def opencompass_details(details: Any) -> dict[str, dict[str, Any]]:
    """The items of a result by their number."""
    if isinstance(details, dict):
        return {key: row for key, row in details.items() if key.isdecimal() and isinstance(row, dict)}
    return {str(row.get("example_abbr", index)): row for index, row in enumerate(rows_of(details))}


def opencompass_values(row: Mapping[str, Any]) -> list[float]:
    """Whether each answer to an item is right; [] where it is not said."""
    given = first(*(row.get(name) for name in OPENCOMPASS_RIGHT))
    values = [finite(value) for value in (given if isinstance(given, list) else [given])]
    return [] if None in values else values


def opencompass_of_items(shares: Sequence[ScoreRead], rows: Sequence[Mapping[str, Any]]) -> str:
    """The score that items make: the only one, which is held against them later, or the one of several that they do."""
    if len(shares) < 2 or not rows:
        return shares[0].name if shares else ""
    means = [sum(values) / len(values) for values in map(opencompass_values, rows)]
    right = 100 * sum(means) / len(means)
    return next((score.name for score in shares if abs(score.value - right) < SAME_SHARE), "")


def opencompass_predictions(path: Path) -> list[Path]:
    """The answers that a result was made from: they hold no scores."""
    folder = path.parent.parent.parent / "predictions" / path.parent.name
    parts = folder.glob(f"{glob.escape(path.stem)}_[0-9]*.json")
    return [file for file in (folder / path.name, *parts) if file.is_file()]


OPENCOMPASS_ROLES = {"HUMAN": "user", "BOT": "assistant", "SYSTEM": "system"}


def opencompass_prompt(prompt: Any) -> str | None:
    """What was asked: a text, or as chat models get it a list of turns with their text under "prompt"; None where a
    turn has none."""
    if not isinstance(prompt, list):
        return None if prompt is None else str(prompt)
    turns = [turn if isinstance(turn, dict) else {"role": "HUMAN", "prompt": turn} for turn in prompt]
    texts = [first(turn.get("prompt"), turn.get("content")) for turn in turns]
    if None in texts:
        return None
    roles = [str(turn.get("role")) for turn in turns]
    named = [
        {"role": OPENCOMPASS_ROLES.get(role, role), "content": text} for role, text in zip(roles, texts, strict=True)
    ]
    return messages_text(named, None)


def opencompass_items(details: Mapping[str, Mapping[str, Any]], score: str) -> Iterator[AskedItem]:
    """The items; a right answer is worth 100."""
    for key, row in details.items():
        values = [100.0 * value for value in opencompass_values(row)]
        answers = first(row.get("origin_prediction"), row.get("prediction"), row.get("pred"))
        read = first(row.get("predictions"), row.get("pred"))
        text = opencompass_prompt(row.get("prompt"))
        yield AskedItem(
            id=key,
            raw=text or f"item {key}",
            references=all_texts(first(row.get("references"), row.get("answer"), row.get("answers"))),
            answers=[] if isinstance(answers, dict) else all_texts(answers),
            values={score: sum(values) / len(values)},
            prompt=text,
            found=(read if isinstance(read, str) else json.dumps(read, ensure_ascii=False), "opencompass")
            if read
            else None,
            generative=bool(answers) and not isinstance(answers, dict),
            truncated=None,
            unparsed=None,
            tries={score: values} if len(values) > 1 else None,
        )
