"""A run from its settings to its report: models, what is finished, what is left to do, the sweep."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from parts.engines.device import go_offline
from parts.frame import ScriptError, note, refuse_link_out
from parts.harness.history import History
from parts.harness.models import check_templates, resolve_models
from parts.harness.report import report
from parts.harness.settings import Settings
from parts.harness.sweep import Sweep
from parts.harness.vocabulary import Assignment, Finished, Model, Outcome, ResultsRepo, Task
from parts.harness.watch import TrainingWatch, wait_for_first
from parts.hub.results_repo import fetch_results, open_results_repo, upload_results, with_samples


@dataclass
class Work:
    """What a run knows before its harness is loaded; `outcome` gets what is finished and what is left out."""

    args: argparse.Namespace
    settings: Settings
    models: list[Model]
    history: History
    target: ResultsRepo | None
    outcome: Outcome = field(default_factory=Outcome)
    said: str = ""
    watch: TrainingWatch | None = None
    began: float = field(default_factory=time.monotonic)

    @property
    def output(self) -> Path:
        return Path(self.args.output_dir)

    def say_loading(self, harness: str = "") -> None:
        """Say which backend was chosen; and that a harness takes seconds to import."""
        if self.said:
            note(self.said)
        if harness and sys.stderr.isatty():
            note(f"{harness} is loaded ...")

    def all_finished(self, known: Iterable[Sequence[Finished] | None]) -> bool:
        """Whether all that is asked for is known to be finished, without the harness; then it is in the outcome."""
        found = list(known)
        if self.args.dry_run or self.watch or not all(found):
            return False
        self.outcome.skipped = list({row.path: row for rows in found for row in rows or ()}.values())
        return True

    def report(self) -> int:
        """Upload what was finished before, and print it."""
        self.upload_finished()
        return report(self.outcome, self.output, self.args.json)

    def upload_finished(self) -> None:
        """Upload what was finished before: an earlier run may have had no data set, or may not have reached it."""
        if self.target:
            upload_results(self.target, self.output, with_samples(row.path for row in self.outcome.skipped))

    def left_to_do(
        self, tasks: Sequence[Task], repeats: Sequence[Settings], models: Sequence[Model] | None = None
    ) -> list[Assignment]:
        """What is not finished, model by model; what is goes into the outcome."""
        rows = []
        for model in self.models if models is None else models:
            for settings in repeats:
                found = {task.name: self.history.task(model, settings, task) for task in tasks}
                self.outcome.skipped += filter(None, found.values())
                rest = [task for task in tasks if not found[task.name]]
                rows += [Assignment(model, settings, rest)] if rest else []
        return rows

    def coming(
        self, rounds: Sequence[Assignment], tasks: Sequence[Task], repeats: Sequence[Settings]
    ) -> Iterator[Assignment]:
        """What is to be asked of the checkpoints that a training is still to write."""
        for model in self.watch.coming(lambda: [*self.outcome.skipped, *self.outcome.written]):
            self.history.look([model])
            yield from self.left_to_do(tasks, repeats, [model])

    def sweep(
        self,
        sweep: Sweep,
        tasks: Sequence[Task],
        repeats: Sequence[Settings],
        failed: Sequence[tuple[str, str]] = (),
    ) -> int:
        """Measure what is not finished, and report; `failed`: tasks that gave no items, with the reason."""
        rounds = self.left_to_do(tasks, repeats)
        self.upload_finished()
        here = all(model.folder for model in self.models) and not self.target
        left = tasks if self.watch else [task for row in rounds for task in row.tasks]
        if here and all(task.dataset.sha256 for task in left):
            go_offline()  # libraries look a checkpoint's name up on the Hub, and try for half a minute without one
        sweep.outcome, sweep.keep_downloads = self.outcome, getattr(self.args, "keep_downloads", None)
        self.outcome.seconds["imports"] = time.monotonic() - self.began
        self.outcome.processor_seconds["imports"] = time.process_time()
        for model in self.models:
            for name, error in failed:
                sweep.fail(Assignment(model, self.settings, []), Task(name, name), ScriptError(error))
        coming = self.coming(rounds, tasks, repeats) if self.watch else ()
        try:
            sweep.run(rounds, coming)
        except KeyboardInterrupt:
            if not self.watch:
                raise
            note("watching ends: interrupted; what was finished is kept")
            sweep.uploads.finish()
        note("time: " + ", ".join(f"{phase} {value:.1f} s" for phase, value in self.outcome.seconds.items()))
        return report(self.outcome, self.output, self.args.json)


def models_of(
    args: argparse.Namespace, watch: TrainingWatch | None = None
) -> tuple[list[Model], list[tuple[str, str]]]:
    """The models that --model names (that a watch has so far), and those left out with the reason, which is said."""
    models, left_out = (wait_for_first(args, watch), []) if watch else resolve_models(args)
    check_templates(models, args.use_chat_template)
    for name, reason in left_out:
        note(f"warning: {name} is skipped: {reason}")
    return models, left_out


def run_of(
    args: argparse.Namespace,
    settings: Settings,
    models: Sequence[Model],
    history: type[History],
    left_out: Sequence[tuple[str, str]] = (),
    said: str = "",
    watch: TrainingWatch | None = None,
) -> Work:
    """A run of models that are known."""
    if not args.dry_run:
        refuse_link_out(args.output_dir)  # now, and not when the first task is done
    target = open_results_repo(args.results_repo) if args.results_repo and not args.dry_run else None
    if target:
        fetch_results(target, Path(args.output_dir), [model.place for model in models])
    found = history(Path(args.output_dir), models)
    return Work(args, settings, list(models), found, target, Outcome(left_out=list(left_out)), said, watch)
