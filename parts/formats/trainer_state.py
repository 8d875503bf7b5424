"""transformers' trainer_state.json: what the Trainer logged when it evaluated, by step.

What it takes: the log of a run, in its folder or in a checkpoint's. What it gives: a TaskRun per step and data set,
named `trainer_eval`: it says what the trainer logged, on its own data and in its own way, and is no benchmark's score.
A checkpoint's log holds those of the checkpoints before it: the longest log of a run is read, the others are said.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parts.formats.files import json_value, read_bounded
from parts.formats.here import Here
from parts.formats.values import finite, moment_of, part, rows_of, whole
from parts.formats.vocabulary import Files, Moment, Origin, ScoreRead, TaskRun, Trouble
from parts.frame import single_line
from parts.metric_directions import direction_in
from parts.names import parse_checkpoint_name
from parts.records.files import searched_part

TRAINER_TITLE = "trainer_eval"
# What the Trainer logs of an evaluation beside its metrics.
TRAINER_SPEED = re.compile(
    r".*_(?:runtime|samples_per_second|steps_per_second|model_preparation_time|jit_compilation_time)"
)


def is_trainer_state(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is the state of a Trainer."""
    return isinstance(document.get("log_history"), list) and "global_step" in document


def read_trainer_state(
    origin: Origin, document: dict[str, Any], here: Here, files: Files
) -> Iterator[TaskRun | Trouble]:
    """The evaluations of a run."""
    folder = origin.path.parent
    run = folder.parent if parse_checkpoint_name(folder.name) else folder
    longer = longest_state(run, origin.path, whole(document.get("global_step")) or 0)
    if longer is not None:
        where = longer.relative_to(run).as_posix()
        yield Trouble(str(origin.path), f"its steps are in the run's longer log {where} too")
        return
    rows = [row for row in rows_of(document.get("log_history")) if any(name.startswith("eval_") for name in row)]
    if not rows:
        yield Trouble(str(origin.path), "the trainer evaluated nothing: only losses of the training")
    by_step: dict[int, dict[str, Any]] = {}
    for row in rows:  # several data sets log a row each; a step that a resumed run repeats has its later values
        step = whole(row.get("step"))
        if step is not None:
            by_step.setdefault(step, {}).update(row)
    for step, row in sorted(by_step.items()):
        moment, scores = state_moment(run / f"checkpoint-{step}"), trainer_scores(row)
        yield TaskRun(
            origin=origin,
            task=f"{TRAINER_TITLE}|step {step}",
            title=TRAINER_TITLE,
            model=here.model(
                str(run.resolve() / f"checkpoint-{step}"),
                moment,
                details={"step": str(step), "epoch": row.get("epoch")},
            ),
            scores=scores,
            version=here.version or "unknown",
            source={"dataset_name": "the trainer's evaluation data", "source_type": "other"},
            settings={"batch_size": document.get("train_batch_size")},
            moment=moment,
            run_ids={"measured_by": "trainer"},
            identity=f"trainer {step} {json.dumps([(score.name, score.value) for score in scores])}",
            failure=None if scores else "none of its metrics is a finite number",
        )


def state_moment(checkpoint: Path) -> Moment:
    """When the state of a checkpoint that is here was written: just after its weights."""
    path = checkpoint / "trainer_state.json"
    return moment_of(path.stat().st_mtime) if path.is_file() else Moment()


def longest_state(run: Path, own: Path, steps: int) -> Path | None:
    """Another state of a run with more steps, or with as many and in the run's own folder; None when it is this one."""
    for path in (run / "trainer_state.json", *run.glob("*/trainer_state.json")):
        ours = path.parent == run or parse_checkpoint_name(path.parent.name)
        if not path.is_file() or path.resolve() == own.resolve() or not ours or searched_part(str(path)):
            continue
        other = steps_in(path, path.stat().st_mtime_ns)
        if other > steps or (other == steps and path.parent == run):
            return path
    return None


@functools.lru_cache(maxsize=4096)
def steps_in(path: Path, _changed: int) -> int:
    """The last step in a state; 0 when it cannot be read."""
    try:
        return whole(part({"state": json_value(read_bounded(path))}, "state").get("global_step")) or 0
    except (OSError, ValueError):
        return 0


def trainer_scores(row: Mapping[str, Any]) -> tuple[ScoreRead, ...]:
    """The metrics of an evaluation, the loss first."""
    found = []
    for name, value in sorted(row.items(), key=lambda pair: (not pair[0].endswith("loss"), pair[0])):
        number = finite(value)
        if not name.startswith("eval_") or number is None or TRAINER_SPEED.fullmatch(name):
            continue
        unit = ("loss", 0.0, None) if name.endswith("loss") and number >= 0 else None
        found.append(
            ScoreRead(
                *(single_line(name), single_line(name), number, "unknown"),
                **direction_in("trainer-state", name),
                unit=unit,
            )
        )
    return tuple(found)
