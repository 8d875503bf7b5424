"""inspect over many models: through a provider, or on an engine of this machine."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import Any

from parts.frame import ScriptError, note
from parts.harness.inspect_plan import planned_answers
from parts.harness.inspect_records import inspect_record
from parts.harness.inspect_run import WATCH, evaluate_with_inspect
from parts.harness.sweep import Sweep
from parts.harness.vocabulary import Assignment, Finished, Model, Task


class InspectSweep(Sweep):
    """Measures models on inspect's tasks; `asked` gives the model that inspect asks, `facts` what its log lacks."""

    unit = " items"

    def total(self, rounds: Sequence[Assignment]) -> int:
        return sum(planned_answers(task, self.settings) for row in rounds for task in row.tasks)

    def run(self, rounds: Sequence[Assignment], coming: Iterable[Assignment] = ()) -> Any:
        WATCH.on_item = lambda: self.show("", None, 1)
        return super().run(rounds, coming)

    def one(self, row: Assignment) -> None:
        """Evaluate one model on its tasks, all at once; what inspect never told of has failed with what it raised."""
        for task in [task for task in row.tasks if task.error]:
            self.fail(row, task, ScriptError(task.error or ""))
        left = {task.name: task for task in row.tasks if not task.error}
        if not left:
            return

        def finished(task: Task, log: dict[str, Any]) -> None:
            self.finish(row, left.pop(task.name), functools.partial(self.measured, row, task, log))

        try:
            opened = self.asked(row.model)
            evaluate_with_inspect(opened, list(left.values()), row.settings, self.output / "logs", finished)
        except Exception as error:
            for task in left.values():
                self.fail(row, task, error, getattr(error, "log", ()))

    def measured(self, row: Assignment, task: Task, log: dict[str, Any], now: int) -> tuple[dict[str, Any], str]:
        """The record and the text of its samples file, of inspect's log."""
        return inspect_record(log, self.facts(row, task), now)

    def asked(self, model: Model) -> Any:
        raise NotImplementedError

    def facts(self, row: Assignment, task: Task) -> Any:
        raise NotImplementedError

    def wrote(self, finished: Finished) -> None:
        """Say which part of a score's items is missing or suspicious."""
        counts = finished.record["evaluation_results"][0]["score_details"]["details"]
        names = {"errored": "failed", "empty": "empty", "truncated": "cut off", "filtered": "filtered"}
        said = [f"{counts[name]} {word}" for name, word in names.items() if counts.get(name, "0") != "0"]
        if said:
            note(f"warning: {finished.task}: answers {', '.join(said)} (counted in the record)")
