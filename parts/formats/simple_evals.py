"""simple-evals: <eval>_<model>_<date>_<time>[_DEBUG].json and the _allresults.json beside it.

What it takes: either file; of both the second, which has the items. What it gives: one TaskRun. The names of the
evaluation and the model are in the file's name alone. An item's score is read from the report of it that simple-evals
keeps as HTML ("<p>Score: 1.0</p>"), HealthBench's from its metadata. A number per category ("stem") is a part.
"""

from __future__ import annotations

import html
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parts.formats.here import Here
from parts.formats.inspect_items import message_text, messages_text
from parts.formats.lighteval import content_id
from parts.formats.values import all_texts, finite, first, moment_of, part, rows_of, whole
from parts.formats.vocabulary import AskedItem, Files, Moment, Origin, ScoreRead, TaskRun, Trouble
from parts.frame import single_line
from parts.metric_directions import direction_in

SIMPLE_EVALS_NAMES = (
    *("healthbench_hard", "healthbench_consensus", "healthbench_meta", "healthbench", "humaneval", "simpleqa"),
    *("browsecomp", "mmlu", "math", "gpqa", "mgsm", "drop"),
)
SIMPLE_EVALS_FILE = re.compile(
    rf"(?P<task>{'|'.join(SIMPLE_EVALS_NAMES)})_(?P<model>.+)_(?P<date>\d{{8}})_(?P<time>\d{{6}})"
    r"(?P<debug>_DEBUG)?(?P<items>_allresults)?"
)
# Numbers over all items that are measured beside the top line; every other one is of a part of the items.
SIMPLE_EVALS_METRICS = {"f1_score", "em_score", "f1", "accuracy_given_attempted", "is_correct"}
SIMPLE_EVALS_LINE = re.compile(r"<p>(Correct Answer|Extracted Answer|Score): (.*?)</p>", re.DOTALL)


def is_simple_evals(document: Mapping[str, Any], path: Path) -> bool:
    """Whether a JSON document is a result of simple-evals: told by its name, and by its top-line score."""
    said = SIMPLE_EVALS_FILE.fullmatch(path.stem)
    return bool(said) and "score" in document and (not said["items"] or "htmls" in document)


def read_simple_evals(
    origin: Origin, document: dict[str, Any], here: Here, files: Files
) -> Iterator[TaskRun | Trouble]:
    """The evaluation of a file; the short one gives nothing when the long one is beside it."""
    said = SIMPLE_EVALS_FILE.fullmatch(origin.path.stem)
    longer = origin.path.with_name(f"{origin.path.stem}_allresults.json")
    if not said["items"] and longer.is_file():
        yield Trouble(str(origin.path), f"the same numbers as in {longer.name}", said["task"])
        return
    moment = simple_evals_moment(said["date"], said["time"])
    given = {**part(document, "metrics"), **({"score": document["score"]} if said["items"] else document)}
    count = len(rows_of(document.get("convos")) or document.get("htmls") or []) or whole(given.get("score:n_samples"))
    scores = []
    for name in sorted(SIMPLE_EVALS_METRICS & set(given) | {"score"}, key=lambda name: (name != "score", name)):
        value = finite(given.get(name))
        if value is not None:
            spread = finite(given.get(f"{name}:std"))
            error = finite(given.get("score:bootstrap_std"))
            if spread is not None and count and count > 1:  # simple-evals divides by n, not by n - 1
                error = spread / math.sqrt(count - 1)
            scores.append(
                ScoreRead(
                    *(name, simple_evals_id(said["task"], name), value, "mean" if name == "score" else None),
                    standard_error=error,
                    method="analytic" if spread is not None and count else "bootstrap" if error is not None else None,
                    count=count,
                    unit=("proportion", 0.0, 1.0),
                    **direction_in("simple-evals", name),
                )
            )
    parts = sorted(name for name in given if ":" not in name and name not in {score.name for score in scores})
    for name in parts:
        if finite(given[name]) is not None and name != "chars":
            yield Trouble(str(origin.path), f"{single_line(name)}: a part of the items", said["task"])
    yield TaskRun(
        origin=origin,
        task=said["task"],
        title=said["task"],
        model=here.model(said["model"], moment, deployment="externally_managed"),
        scores=tuple(scores),
        shots=0,
        version=here.version or "unknown",
        source={"dataset_name": said["task"], "source_type": "other"},
        settings={"limit": (count or "unknown") if said["debug"] else None},
        moment=moment,
        samples=(lambda _: simple_evals_items(document)) if simple_evals_readable(document) else None,
        sample_file=origin.path,
        failure=None if scores else "it has no finite score",
    )


def simple_evals_id(task: str, name: str) -> str:
    """The shared id of a metric; the top line is the share of right answers but for HealthBench's rubric score."""
    if name != "score" or task.startswith("healthbench"):
        return name
    return {"humaneval": "pass_at_1", "drop": "drop_score"}.get(task, "accuracy")


def simple_evals_moment(date: str, time: str) -> Moment:
    """The time in a file's name, local to the machine that wrote it."""
    return moment_of(f"{date[:4]}-{date[4:6]}-{date[6:]}T{time[:2]}:{time[2:4]}:{time[4:]}")


def simple_evals_lines(page: Any) -> dict[str, str]:
    """What the last lines of an item's page say."""
    return {
        name: html.unescape(text) for name, text in SIMPLE_EVALS_LINE.findall(page if isinstance(page, str) else "")
    }


def simple_evals_value(row: Any, page: Any) -> float | None:
    """An item's score."""
    known = finite(row.get("score")) if isinstance(row, dict) else None
    text = simple_evals_lines(page).get("Score", "").strip()
    try:
        return first(known, {"True": 1.0, "False": 0.0}.get(text), finite(float(text)) if text else None)
    except ValueError:
        return known


def simple_evals_rows(document: Mapping[str, Any]) -> list[tuple[Any, Any, Any]]:
    """(page, conversation, metadata) of each item."""
    pages, convos = document.get("htmls"), document.get("convos")
    pages, convos = pages if isinstance(pages, list) else [], convos if isinstance(convos, list) else []
    rows = part(document, "metadata").get("example_level_metadata")
    rows = rows if isinstance(rows, list) and len(rows) == len(pages) else [None] * len(pages)
    return list(zip(pages, convos, rows, strict=True)) if len(pages) == len(convos) else []


def simple_evals_readable(document: Mapping[str, Any]) -> bool:
    """Whether the items of a file have scores that can be read."""
    rows = simple_evals_rows(document)
    return bool(rows) and any(simple_evals_value(row, page) is not None for page, _, row in rows)


def simple_evals_items(document: Mapping[str, Any]) -> Iterator[AskedItem]:
    """The items; a question that is asked again (repeats) is another attempt of it."""
    asked: dict[str, int] = {}
    for page, convo, row in simple_evals_rows(document):
        messages, lines = rows_of(convo), simple_evals_lines(page)
        raw = messages_text(messages[:-1], None)
        references = all_texts(lines.get("Correct Answer"))
        value = simple_evals_value(row, page)
        name = content_id(raw, references)
        asked[name] = asked.get(name, 0) + 1
        read = lines.get("Extracted Answer")
        yield AskedItem(
            id=name,
            raw=raw,
            references=references,
            answers=[message_text(messages[-1].get("content"))] if messages else [],
            values={"score": value},
            prompt=raw,
            found=(read, "simple-evals") if read not in (None, "None") else None,
            generative=True,
            truncated=None,
            unparsed=read == "None" if read is not None else None,
            attempt=asked[name] - 1,
        )
