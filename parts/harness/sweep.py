"""A sweep: models measured one after the other on the tasks that each still lacks, on one engine where that can be."""

from __future__ import annotations

import collections
import contextlib
import functools
import itertools
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from parts.frame import ScriptError, note, slug
from parts.harness.history import History
from parts.harness.logs import LogTail, run_progress
from parts.harness.models import forget_downloads
from parts.harness.records import write_failure, write_record
from parts.harness.settings import Settings
from parts.harness.vocabulary import (
    Assignment,
    Finished,
    Job,
    Model,
    Outcome,
    RefusedModel,
    ResultsRepo,
    Task,
    score_line,
)
from parts.hub.results_repo import Uploads
from parts.private import explain, said_by, scrub


class Sweep:
    """What all harnesses share: the order, the engine, records and failures, uploads, the clock.

    A harness's own sweep says how an engine is started (`start`) and how one model is asked (`one`).
    """

    keep_downloads: int | None = None
    unit = ""  # of the progress that `total` counts, where it is not tasks

    def __init__(
        self, output: Path, settings: Settings, history: History, tail: LogTail, target: ResultsRepo | None
    ) -> None:
        self.output, self.settings, self.history, self.tail = output, settings, history, tail
        self.uploads, self.outcome = Uploads(target, output), Outcome()
        self.engine: Any = None
        self.stamps: set[tuple[str, str, int]] = set()
        self.show: Callable[..., None] = lambda title, result=None, done=0: None

    def run(self, rounds: Sequence[Assignment], coming: Iterable[Assignment] = ()) -> Outcome:
        """Measure all, and then what is `coming`; a model's records are uploaded before the next one's turn."""
        try:
            with run_progress(self.total(rounds), self.unit) as self.show, contextlib.redirect_stdout(sys.stderr):
                for row in itertools.chain(rounds, coming):
                    if row.model.folder and not row.model.folder.is_dir():
                        note(f"{row.model.label}: its folder is gone (does the training keep a few checkpoints only?)")
                        continue
                    before = len(self.outcome.written), len(self.outcome.failed)
                    self.one(row)
                    new = [*self.outcome.written[before[0] :], *self.outcome.failed[before[1] :]]
                    self.uploads.send(made.path for made in new)
                    forget_downloads(self.keep_downloads)
        finally:
            self.drop()
        self.uploads.finish()
        return self.outcome

    def total(self, rounds: Sequence[Assignment]) -> int:
        """How much there is to do."""
        return sum(len(row.tasks) for row in rounds)

    def one(self, row: Assignment) -> None:
        """Measure one model."""
        raise NotImplementedError

    def start(self, model: Model) -> Any:
        """A new engine with a model."""
        raise NotImplementedError

    def load(self, model: Model) -> None:
        """Swap the weights of the running engine; start a new one where that cannot be."""
        if self.engine:
            try:
                return self.engine.swap(model)
            except RefusedModel:
                raise
            except Exception as error:
                note(f"{model.label}: a new engine is started: {said_by(error)[:200]}")
                self.drop()
        self.engine = self.start(model)

    def drop(self) -> None:
        """Give the engine back."""
        if self.engine:
            with contextlib.suppress(Exception):
                self.engine.close()
        self.engine = None

    @contextlib.contextmanager
    def clock(self, phase: str) -> Iterator[None]:
        """Count the time in a phase, and that of this process's processors."""
        began, used = time.monotonic(), time.process_time()
        try:
            yield
        finally:
            self.outcome.seconds[phase] += time.monotonic() - began
            self.outcome.processor_seconds[phase] += time.process_time() - used

    def stamp(self, model: Model, task: Task) -> int:
        """The time in seconds, moved on where another record of this run would get the same evaluation_id."""
        now = int(time.time())
        while (slug(task.title), model.id, now) in self.stamps:
            now += 1
        self.stamps.add((slug(task.title), model.id, now))
        return now

    def finish(self, row: Assignment, task: Task, measured: Callable[[int], tuple[dict[str, Any], str]]) -> None:
        """Write what `measured` makes at a time of its answers, record and samples; a failure where it makes none."""
        try:
            with self.clock("score"):
                record, samples = measured(self.stamp(row.model, task))
            with self.clock("write"):
                finished = write_record(self.output, row.model, task, record, samples)
        except Exception as error:
            return self.fail(row, task, error)
        self.outcome.written.append(finished)
        self.history.forget_failure(row.model, row.settings, task.name)
        line = score_line(finished)[0]
        self.show(f"{row.model.label} {task.name}", f"{line['metric']} {line['score']:.3f}", 0 if self.unit else 1)
        self.wrote(finished)

    def wrote(self, finished: Finished) -> None:
        """What is to be done with a record as soon as it is there."""

    def explained(self, error: BaseException) -> str:
        """What went wrong, with what to try."""
        return explain(error)

    def fail(self, row: Assignment, task: Task, error: BaseException, log: Iterable[str] = ()) -> None:
        """Leave a failure file, with the last log lines and the place of the error."""
        text, origin = self.explained(error), error
        while origin.__cause__ is not None:
            origin = origin.__cause__
        frames = traceback.extract_tb(origin.__traceback__)[-4:]
        where = [f"at {Path(frame.filename).name}:{frame.lineno} in {frame.name}" for frame in frames]
        self.history.forget_failure(row.model, row.settings, task.name)
        lines = [*self.tail.lines, *log, *where]
        failure = write_failure(self.output, row.model, task, row.settings, text, lines)
        refused = any(isinstance(one, ScriptError) and one.code == 3 for one in (error, origin))
        self.outcome.failed.append(replace(failure, refused=refused))
        self.show(f"{row.model.label} {task.name}", f"FAILED: {text[:200]}", 0 if self.unit else 1)


class EngineSweep(Sweep):
    """Asks an engine of `engines`, by backend, for the answers to jobs: what lighteval and lm-eval have in common.

    The harness's own sweep builds items (`build`), makes jobs of them (`jobs`) and scores their answers (`measured`).
    """

    engines: ClassVar[dict[str, Callable[[Model, Settings], Any]]] = {}

    def start(self, model: Model) -> Any:
        return self.engines[self.settings.backend](model, self.settings)

    def drop(self) -> None:
        if hasattr(self.engine, "vllm"):
            self.outcome.requests = (self.outcome.requests or 0) + self.engine.vllm.requests
        super().drop()

    def build(self, task: Task, template: str) -> None:
        """Build a task's items for a chat template."""
        raise NotImplementedError

    def jobs(self, row: Assignment, task: Task) -> list[Job]:
        """What the engine is asked for a task."""
        raise NotImplementedError

    def measured(self, row: Assignment, task: Task, answers: Sequence[tuple[Job, list[Any]]], now: int) -> Any:
        """The record and the text of its samples file."""
        raise NotImplementedError

    def one(self, row: Assignment) -> None:
        """Ask one model all its tasks."""
        self.show(f"{row.model.label} is loaded")
        try:
            with self.clock("load"):
                self.load(row.model)
        except Exception as error:
            if not isinstance(error, RefusedModel):
                self.drop()
            for task in row.tasks:
                self.fail(row, task, error)
        else:
            self.ask(row, [task for task in row.tasks if self.built(row, task)])

    def built(self, row: Assignment, task: Task) -> bool:
        """Build a task's items at its first use; what failed once is not tried again for the next model."""
        if task.error is None and (task.docs is None or task.built_for != self.engine.template):
            try:
                with self.clock("build"):
                    self.build(task, self.engine.template)
                task.built_for = self.engine.template
            except Exception as error:
                data = scrub(task.dataset.path or task.dataset.repo)
                task.error = f"its data set {data} gave no items: {explain(error)}"
                self.fail(row, task, ScriptError(task.error).with_traceback(error.__traceback__))
                return False
        if task.error:
            self.fail(row, task, ScriptError(task.error))
        return task.error is None

    def ask(self, row: Assignment, tasks: Sequence[Task]) -> None:
        """Put all tasks to the engine at once; score each as soon as all its answers are there.

        When the engine breaks, each of the rest is asked by itself, on a new one.
        """
        jobs = [job for task in tasks for job in self.jobs(row, task)]
        wanted = collections.Counter(job.task.name for job in jobs)
        waiting = {task.name: task for task in tasks}
        found: dict[str, list[tuple[Job, list[Any]]]] = collections.defaultdict(list)
        try:
            for number, answers in self.timed(self.engine.answers(jobs)):
                name = jobs[number].task.name
                if name not in waiting:
                    continue
                if isinstance(answers, Exception):
                    self.fail(row, waiting.pop(name), answers)
                    continue
                found[name].append((jobs[number], answers))
                if len(found[name]) == wanted[name]:
                    task = waiting.pop(name)
                    self.finish(row, task, functools.partial(self.measured, row, task, found.pop(name)))
        except Exception as error:
            self.drop()
            if len(tasks) == 1:
                return self.fail(row, tasks[0], error)
            note(f"note: {row.model.label}: each task is asked by itself: {explain(error)[:200]}")
            for task in waiting.values():
                self.alone(row, task)

    def alone(self, row: Assignment, task: Task) -> None:
        """Ask one task, on a new engine where there is none."""
        try:
            if not self.engine:
                self.load(row.model)
        except Exception as error:
            self.drop()
            return self.fail(row, task, error)
        self.ask(row, [task])

    def timed(self, rows: Iterator[Any]) -> Iterator[Any]:
        """What an engine yields; the time that it takes counts as generation."""
        while True:
            with self.clock("generate"):
                item = next(rows, None)
            if item is None:
                return
            yield item
