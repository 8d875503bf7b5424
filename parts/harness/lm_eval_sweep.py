"""lm-eval over many models: what its sweep does with tasks, items and answers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from parts.harness.lm_eval_measure import measure_lm_eval
from parts.harness.lm_eval_questions import build_question_requests
from parts.harness.lm_eval_tasks import build_items
from parts.harness.lm_eval_transformers import hf_engine
from parts.harness.lm_eval_vllm import lm_eval_vllm_engine
from parts.harness.sweep import EngineSweep
from parts.harness.vocabulary import Assignment, Job, Task


class LmEvalSweep(EngineSweep):
    """Measures models on lm-eval's tasks."""

    engines: ClassVar = {"hf": hf_engine, "vllm": lm_eval_vllm_engine}

    def build(self, task: Task, template: str) -> None:
        build = build_question_requests if task.questions else build_items
        build(task, self.settings, self.engine.engine.model)

    def jobs(self, row: Assignment, task: Task) -> list[Job]:
        """All requests of a task, in the order of its items."""
        return [Job(task, [request for item in task.docs for request in item.requests], None, row.settings.seed)]

    def measured(self, row: Assignment, task: Task, answers: Sequence[tuple[Job, list[Any]]], now: int) -> Any:
        return measure_lm_eval(row.model, task, answers[0][1], self.engine.engine, row.settings, now)
