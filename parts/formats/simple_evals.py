"""simple-evals: <eval>_<model>_<date>_<time>[_DEBUG].json and the _allresults.json beside it.

What it takes: either file; of both the second, which has the items. What it gives: one TaskRun. The names of the
evaluation and the model are in the file's name alone. An item's score is read from the report of it that simple-evals
keeps as HTML ("<p>Score: 1.0</p>"), HealthBench's from its metadata. A number per category ("stem") is a part.

Repeats are the whole list of questions once more; GPQA's have their choices in another order each time.
"""

from __future__ import annotations

import html
import itertools
import json
import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parts.formats.files import object_beside
from parts.formats.here import Here
from parts.formats.inspect_items import message_text, messages_text
from parts.formats.lighteval import content_id
from parts.formats.values import all_texts, finite, first, moment_of, part, rows_of, unlike, whole
from parts.formats.vocabulary import AskedItem, Files, Moment, Origin, ScoreRead, TaskRun, Trouble
from parts.frame import single_line
from parts.harness.metric_names import pass_at_k
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
SIMPLE_EVALS_METRICS = re.compile(r"score|f1_score|em_score|f1|accuracy_given_attempted|is_\w+|pass@(?!1$)\d+")
SIMPLE_EVALS_AGAIN = {"chars", "overall_score", "pass@1"}  # no score, or the top line under another name
SIMPLE_EVALS_IDS = {"f1_score": "f1", "em_score": "exact_match"}
SIMPLE_EVALS_READ = {"mmlu", "gpqa", "math", "mgsm"}  # where "Extracted Answer: None" is one that was not found
SIMPLE_EVALS_LINE = re.compile(r"<p>(Correct Answer|Extracted Answer|Score): ([^<]*)</p>")  # what it puts in is escaped


def is_simple_evals(document: Mapping[str, Any], path: Path) -> bool:
    """Whether a JSON document is a result of simple-evals: told by its name, and by its top-line score."""
    said = SIMPLE_EVALS_FILE.fullmatch(path.stem)
    return bool(said) and "score" in document and (not said["items"] or "htmls" in document)


def read_simple_evals(
    origin: Origin, document: dict[str, Any], here: Here, files: Files
) -> Iterator[TaskRun | Trouble]:
    """The evaluation of a file; the short one gives nothing when the long one is beside it."""
    said = SIMPLE_EVALS_FILE.fullmatch(origin.path.stem)
    moment, given = simple_evals_moment(said["date"], said["time"]), simple_evals_numbers(document)
    stem = origin.path.stem.removesuffix("_allresults")
    other = origin.path.with_name(f"{stem}.json" if said["items"] else f"{stem}_allresults.json")
    if is_simple_evals(beside := object_beside(other), other):
        wrong = unlike(other, given, simple_evals_numbers(beside))
        if wrong or not said["items"]:
            reason = wrong or f"the same numbers as in {other.name}"
            yield Trouble(str(origin.path), reason, said["task"], failed=bool(wrong))
            return
    names = simple_evals_names(document, said["task"])
    count = len({name for name, _ in names}) or whole(given.get("score:n_samples"))
    repeats = len(names) // count if names else 1
    scores = []
    for name in sorted(filter(SIMPLE_EVALS_METRICS.fullmatch, given), key=lambda name: (name != "score", name)):
        value = finite(given[name])
        if value is not None:
            scores.append(simple_evals_score(said["task"], name, value, given, count, repeats))
    for name in sorted(set(given) - {score.name for score in scores} - SIMPLE_EVALS_AGAIN):
        if finite(given[name]) is not None and ":" not in name:
            yield Trouble(str(origin.path), f"{single_line(name)}: a part of the items", said["task"])
    yield TaskRun(
        origin=origin,
        task=said["task"],
        title=simple_evals_title(said["task"], count),
        model=here.model(said["model"], moment, deployment="externally_managed"),
        scores=tuple(scores),
        shots=3 if said["task"] == "drop" else 0,
        version=here.version or "unknown",
        source={"dataset_name": said["task"], "source_type": "other"},
        settings={
            "limit": (count or "unknown") if said["debug"] else None,
            "repeats": repeats if repeats > 1 else None,
        },
        moment=moment,
        samples=(lambda _: simple_evals_items(document, said["task"], names))
        if simple_evals_readable(document)
        else None,
        sample_file=origin.path,
        failure=None if scores else "it has no finite score",
    )


def simple_evals_numbers(document: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers of either file."""
    own = {"score": document["score"]} if "htmls" in document else document
    return {**part(document, "metrics"), **own}


def simple_evals_title(task: str, count: int | None) -> str:
    """The benchmark: its "gpqa" asks the 198 questions of the diamond set, where it isn't called with another."""
    return "gpqa_diamond" if task == "gpqa" and (count or 0) <= 198 else task


def simple_evals_score(
    task: str, name: str, value: float, given: Mapping[str, Any], count: int | None, repeats: int
) -> ScoreRead:
    """A number over all items. Its spread is over the answers: of no use where a question has several."""
    spread, error = finite(given.get(f"{name}:std")), finite(given.get(f"{name}:bootstrap_std"))
    if spread is not None and count and count > 1:  # simple-evals divides by n, not by n - 1
        error = spread / math.sqrt(count - 1)
    error = error if repeats == 1 else None
    rule = None if name in ("f1", "accuracy_given_attempted") else "mean"
    clipped = task.startswith("healthbench") and value in (0.0, 1.0)  # it cuts the mean of its items off there
    return ScoreRead(
        *(name, simple_evals_id(task, name), value, "clipped_mean" if clipped else rule),
        standard_error=error,
        method=None if error is None else "analytic" if spread is not None else "bootstrap",
        count=count,
        unit=("percent", 0.0, 100.0) if (task, name) == ("drop", "f1_score") else ("proportion", 0.0, 1.0),
        **direction_in("simple-evals", name),
    )


def simple_evals_id(task: str, name: str) -> str:
    """The shared id of a metric; the top line is the share of right answers but for HealthBench's rubric score."""
    if name.startswith("pass@"):
        return name.replace("@", "_at_")
    if name != "score" or task.startswith("healthbench"):
        return SIMPLE_EVALS_IDS.get(name, name)
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


def simple_evals_asked(convo: Any) -> tuple[str, list[str]]:
    """(what was asked, the answers) of a conversation: its last messages are the answers, HumanEval has several."""
    messages = rows_of(convo)
    size = len(list(itertools.takewhile(lambda row: row.get("role") == "assistant", reversed(messages))))
    cut = len(messages) - size
    return messages_text(messages[:cut], None), [message_text(row.get("content")) for row in messages[cut:]]


def simple_evals_names(document: Mapping[str, Any], task: str) -> list[tuple[str, int]]:
    """(a name, how often it was asked before) of each item; GPQA's are the same in any order of their choices.

    What occurs more often than the rest is two items with the same text, where the whole list comes again and again.
    """
    known = []
    for page, convo, _ in simple_evals_rows(document):
        asked = simple_evals_asked(convo)[0]
        if task == "gpqa":
            known.append(content_id(" ".join(sorted(asked.split())), []))
        else:
            known.append(content_id(asked, simple_evals_references(simple_evals_lines(page), task)))
    size = len(known)
    if len(set(Counter(known).values())) > 1:
        fits = (n for n in range(len(set(known)), size) if size % n == 0 and known[n:] == known[:-n])
        size = next(fits, size)
        before: Counter[str] = Counter()
        for place, name in enumerate(known[:size]):
            known[place::size] = [f"{name}-{before[name] + 1}" if before[name] else name] * len(known[place::size])
            before[name] += 1
    times, found = Counter(), []
    for name in known:
        found.append((name, times[name]))
        times[name] += 1
    return found


def simple_evals_references(lines: Mapping[str, str], task: str) -> list[str]:
    """The right answers; HumanEval's tests are not in its files."""
    return [] if task == "humaneval" else all_texts(lines.get("Correct Answer"))


def simple_evals_items(document: Mapping[str, Any], task: str, names: list[tuple[str, int]]) -> Iterator[AskedItem]:
    """The items; a question that is asked again (repeats) is another attempt of it."""
    for (page, convo, row), (name, attempt) in zip(simple_evals_rows(document), names, strict=True):
        lines, (raw, answers) = simple_evals_lines(page), simple_evals_asked(convo)
        value, read = simple_evals_value(row, page), lines.get("Extracted Answer")
        passed = simple_evals_passed(read) if task == "humaneval" else []
        tries = [float(one) for one in passed] if len(passed) > 1 else None
        known = {f"pass@{k}": pass_at_k(len(passed), sum(passed), k) for k in range(2, len(passed) + 1)}
        searched = read is not None and task in SIMPLE_EVALS_READ
        yield AskedItem(
            id=name,
            raw=raw,
            references=simple_evals_references(lines, task),
            answers=answers,
            values={"score": value} | known,
            prompt=raw,
            found=(read, "simple-evals") if searched and read != "None" else None,
            generative=True,
            truncated=None,
            unparsed=read == "None" if searched else None,
            attempt=attempt,
            tries={"score": tries} if tries else None,
        )


def simple_evals_passed(text: str | None) -> list[bool]:
    """Which of HumanEval's programs passed: "[True, False]"."""
    try:
        found = json.loads((text or "").lower())
    except ValueError:
        return []
    return found if isinstance(found, list) and all(isinstance(one, bool) for one in found) else []
