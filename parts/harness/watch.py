"""Watching a training: each checkpoint is handed on when it is complete, until a step, a stop file, or a decline."""

from __future__ import annotations

import argparse
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from parts.checkpoints import Checkpoint, files_below
from parts.frame import ScriptError, note
from parts.harness.models import local_model, with_base
from parts.harness.vocabulary import Finished, Model, alike_interval
from parts.statistics.intervals import interval_from_bounds
from parts.training_runs import find_checkpoints

WATCH_SECONDS = 10.0  # between two looks at the folders
SETTLED_SECONDS = 30.0  # a checkpoint whose files are older has been written, without a second look
STOP_FILE = "STOP"  # in the output folder: its coming ends the watch
PATIENCE = 3  # checkpoints in a row that must all be worse than the best one before them
CLEAR_ERRORS = 2.0  # standard errors of the difference by which they must be


def check_watch(args: argparse.Namespace) -> None:
    """ScriptError for options that need --watch, or cannot go with it."""
    if not args.watch:
        if args.until_step is not None or args.stop_when:
            raise ScriptError("--until-step and --stop-when say when --watch ends: add --watch")
        return
    if args.dry_run:
        raise ScriptError("--dry-run shows what is there: leave --watch out")
    for name in args.model:
        if not Path(name).expanduser().is_dir():
            raise ScriptError(f"--watch: {name} is no folder here; name the folder that the training writes to")
    if stopped(args):
        raise ScriptError(f"--watch: {stop_file(args)} is there: remove it first")


def stop_file(args: argparse.Namespace) -> Path:
    """The file whose coming ends the watch."""
    return Path(args.output_dir) / STOP_FILE


def stopped(args: argparse.Namespace) -> bool:
    return stop_file(args).exists()


class TrainingWatch:
    """What a training has written so far; `state` tells a folder's files apart from what they were a look before."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args
        self.state: dict[Path, tuple[object, ...]] = {}
        self.given: set[tuple[str, str]] = set()
        self.said: dict[str, str] = {}
        self.bases: dict[str, Model] = {}
        self.first: list[Model] = []  # that were there when the watch began

    def ready(self) -> list[Model]:
        """The checkpoints that are complete and settled, and were not given before, in step order."""
        found: list[Model] = []
        for name in self.args.model:
            scanned = find_checkpoints(Path(name).expanduser(), to_run=True)
            for entry in scanned.skipped:
                if self.said.get(entry.name) != entry.reason:
                    note(f"{entry.name} waits: {entry.reason}")
                    self.said[entry.name] = entry.reason
            for checkpoint in scanned.checkpoints:
                if self.settled(checkpoint):
                    found += self.new(checkpoint)
        return found

    def settled(self, checkpoint: Checkpoint) -> bool:
        """Whether a checkpoint's files have not changed since the last look, or for long."""
        try:
            files = [(path, path.stat()) for path in files_below(checkpoint.path, 1)]
        except OSError:  # one went meanwhile
            return False
        now = tuple((str(path), state.st_size, state.st_mtime_ns) for path, state in files)
        before, self.state[checkpoint.path] = self.state.get(checkpoint.path), now
        newest = max((state.st_mtime for _, state in files), default=0.0)
        return now == before or time.time() - newest > SETTLED_SECONDS

    def new(self, checkpoint: Checkpoint) -> list[Model]:
        """A checkpoint as a model, unless it was given before."""
        key = (str(checkpoint.path), str(self.state[checkpoint.path]))
        if key in self.given:
            return []
        self.given.add(key)
        try:
            return [with_base(local_model(checkpoint), getattr(self.args, "base_model", None), self.bases)]
        except (ScriptError, OSError) as error:
            note(f"{checkpoint.name} is passed over: {error}")
            return []

    def coming(self, measured: Callable[[], Sequence[Finished]]) -> Iterator[Model]:
        """Each checkpoint as it comes; `measured` gives the records so far."""
        endings = [self.ending(model, measured()) for model in self.first]
        if any(endings):
            return note(f"watching ends: {next(filter(None, endings))}")
        while True:
            for model in self.ready():
                yield model
                ending = self.ending(model, measured())
                if ending:
                    return note(f"watching ends: {ending}")
            if stopped(self.args):
                return note(f"watching ends: {stop_file(self.args)} is there")
            time.sleep(WATCH_SECONDS)

    def ending(self, model: Model, records: Sequence[Finished]) -> str | None:
        """Why a checkpoint that is measured was the last one, or None."""
        last = self.args.until_step
        if last is not None and model.step is not None and int(model.step) >= last:
            return f"step {model.step} is measured"
        if stopped(self.args):
            return f"{stop_file(self.args)} is there"
        return decline(records) if self.args.stop_when == "declining" else None


def decline(records: Sequence[Finished]) -> str | None:
    """What shows that the scores decline, or None.

    A checkpoint's score is the mean over its tasks of the first metric of each (its error: the root of the summed
    squares over the number of tasks; metrics that should be low count negative). The last PATIENCE checkpoints must all
    lie more than CLEAR_ERRORS standard errors of the difference below the best one before them.
    """
    rows: dict[str, dict[str, tuple[float, float]]] = {}
    steps: dict[str, int] = {}
    for finished in records:
        info, result = finished.record["model_info"], finished.record["evaluation_results"][0]
        step = info["additional_details"].get("step")
        score, sign = result["score_details"], -1 if result["metric_config"].get("lower_is_better") else 1
        error = score["uncertainty"].get("standard_error", {}).get("value") or 0.0
        if ends := alike_interval(result):
            error = interval_from_bounds(*ends)
        if step is not None:
            steps[info["id"]] = int(step)
            rows.setdefault(info["id"], {})[finished.task] = sign * score["score"], error
    shared = set.intersection(*(set(row) for row in rows.values())) if rows else set()
    order = sorted(rows, key=lambda name: steps[name])
    if not shared or len(order) <= PATIENCE:
        return None
    means = [sum(rows[name][task][0] for task in shared) / len(shared) for name in order]
    errors = [math.hypot(*(rows[name][task][1] for task in shared)) / len(shared) for name in order]
    best = max(range(len(order) - PATIENCE), key=means.__getitem__)
    lower = [means[best] - means[i] > CLEAR_ERRORS * math.hypot(errors[best], errors[i]) for i in range(-PATIENCE, 0)]
    if not all(lower):
        return None
    last = ", ".join(order[-PATIENCE:])
    return f"declining: {last} are all below {order[best]} by more than {CLEAR_ERRORS:g} standard errors"


def wait_for_first(args: argparse.Namespace, watch: TrainingWatch) -> list[Model]:
    """The checkpoints that are there, once there is one."""
    said = False
    while True:
        found = watch.ready()
        if found:
            watch.first = found
            return found
        if stopped(args):
            raise ScriptError(f"{stop_file(args)} is there, and no checkpoint came", 1)
        if not said:
            names = ", ".join(os.path.basename(os.path.abspath(name)) for name in args.model)
            note(f"waiting for the first checkpoint in {names}")
            said = True
        time.sleep(WATCH_SECONDS)
