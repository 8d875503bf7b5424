"""lighteval over many models: what its sweep does with tasks, items and answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

from parts.harness.lighteval_engines import accelerate_engine, lighteval_vllm_engine
from parts.harness.lighteval_measure import measure_lighteval
from parts.harness.lighteval_questions import build_question_docs
from parts.harness.lighteval_tasks import build_docs
from parts.harness.sweep import EngineSweep
from parts.harness.vocabulary import Assignment, Job, Task


class LightevalSweep(EngineSweep):
    """Measures models on lighteval's tasks."""

    engines: ClassVar = {"accelerate": accelerate_engine, "vllm": lighteval_vllm_engine}

    def build(self, task: Task, template: str) -> None:
        if task.questions:
            build_question_docs(task, self.settings, self.engine.engine.model.max_length)
        else:
            build_docs(task, self.settings)

    def jobs(self, row: Assignment, task: Task) -> list[Job]:
        """One for each way in which the items are asked; the items are copies, for metrics write into them."""
        docs = [
            replace(doc, specific=dict(doc.specific) if isinstance(doc.specific, dict) else None) for doc in task.docs
        ]
        methods = sorted(set(task.source.sampling_methods), key=str)
        return [Job(task, docs, method, row.settings.sampling_seed) for method in methods]

    def measured(self, row: Assignment, task: Task, answers: Sequence[tuple[Job, list[Any]]], now: int) -> Any:
        docs, found = answers[0][0].docs, {job.method: rows for job, rows in answers}
        return measure_lighteval(row.model, task, docs, found, self.engine.engine, row.settings, now)
