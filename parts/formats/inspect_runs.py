"""Which logs of inspect are attempts at one run: a retry completes what it retried, a good run ends a failed one.

Takes the files of a conversion; gives, for each log that says nothing more, the reason. Only the beginning of a log is
read. A retry has the task_id of the log that it retried, its task, arguments and model, and its items too. A good run
with a value for each item is nobody's to complete: any text can be written as a task_id.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from parts.formats.files import LogArchive
from parts.formats.values import moment_of, part
from parts.formats.vocabulary import FoundFile
from parts.frame import single_line
from parts.records.files import open_result

HEAD = 1 << 16  # bytes of a JSON log that hold its identity: samples come last
TASK_ARGS = re.compile(rb'"task_args"\s*:\s*(?=\{)')
HEAD_FIELD = re.compile(rb'"(status|eval_id|task_id|created|task|model)"\s*:\s*"((?:[^"\\]|\\.)*)"')
HEAD_COUNT = re.compile(rb'"((?:total|completed)_samples)"\s*:\s*(\d{1,12})\b')
INVALIDATED = re.compile(rb'"invalidated"\s*:\s*true')


@dataclass(frozen=True)
class LogHead:
    """What tells a log apart: `good` when it ended well, `whole` when that with all its samples; seconds since 1970."""

    path: Path
    good: bool
    whole: bool
    run_id: str
    task_id: str
    task: str
    model: str
    args: str  # what the task was asked with: another subject of it is another run
    created: float

    @property
    def asked(self) -> tuple[str, str, str]:
        """What was asked of whom."""
        return self.task, self.model, self.args


def log_head(path: Path) -> LogHead | None:
    """The head of a log; None for any other file."""
    with contextlib.suppress(Exception):  # what is damaged is said when it is read
        if path.suffix == ".eval":
            with LogArchive(path) as archive:
                header = archive.read("header.json" if "header.json" in archive.names else "_journal/start.json")
            found = {**part(header, "eval"), **part(header, "results")}
            found |= {name: header.get(name) for name in ("status", "invalidated")}
        else:
            with open_result(path) as file:
                head = file.read(HEAD)
            if b'"eval"' not in head or b'"status"' not in head:
                return None
            found = {}
            for name, value in HEAD_FIELD.findall(head):
                found.setdefault(name.decode(), value.decode(errors="replace"))
            for name, value in HEAD_COUNT.findall(head):
                found.setdefault(name.decode(), int(value))
            found["invalidated"] = bool(INVALIDATED.search(head))
            if place := TASK_ARGS.search(head):
                text = head[place.end() :].decode(errors="replace")
                found["task_args"] = json.JSONDecoder().raw_decode(text)[0]
        texts = [str(found.get(name) or "") for name in ("eval_id", "task_id", "task", "model")]
        created = moment_of(found.get("created")).seconds
        if texts[2] and texts[3] and created is not None:
            args = json.dumps(found.get("task_args") or {}, sort_keys=True)
            good = found.get("status") == "success" and not found.get("invalidated")
            total, completed = (found.get(f"{name}_samples") for name in ("total", "completed"))
            return LogHead(path, good, good and total == completed, *texts, args, created)
    return None


def superseded_logs(files: Iterable[FoundFile]) -> dict[Path, str]:
    """Each log that another one completes or replaces, with the reason."""
    heads = [head for head in (log_head(found.path) for found in files if is_log_name(found.path)) if head]
    heads.sort(key=lambda head: head.created)
    found: dict[Path, str] = {}
    for head in heads:
        if head.whole:
            continue
        later = [other for other in heads if other.created > head.created and other.run_id != head.run_id]
        later = [other for other in later if other.asked == head.asked]
        retries = [other for other in later if head.task_id and other.task_id == head.task_id]
        good = [other for other in retries if other.good]
        if good or (retries and not head.good):
            found[head.path] = f"retried: {single_line((good or retries)[-1].path.name)} is said to complete it"
            continue
        alike = [other for other in later if other.good]
        if alike and not head.good:
            found[head.path] = f"it failed, and a later run ended well: {single_line(alike[-1].path.name)}"
    return found


def is_log_name(path: Path) -> bool:
    """Whether a file may be a log, by its name."""
    return path.suffix in (".eval", ".json")
