"""inspect over many models of this machine, on one engine where that can be."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from parts.engines.layout import layout_difference, read_layout
from parts.frame import note
from parts.harness.inspect_prompts import PLAIN_TEMPLATE
from parts.harness.inspect_records import inspect_record, library_facts
from parts.harness.inspect_server import ServedByVllm, advised
from parts.harness.inspect_sweep import InspectSweep
from parts.harness.inspect_transformers import HeldByTransformers, log_as_sent
from parts.harness.inspect_vocabulary import EngineError, RunFacts
from parts.harness.models import downloaded
from parts.harness.records import engine_details, model_info, task_source
from parts.harness.settings import Settings
from parts.harness.vocabulary import Assignment, Engine, Layout, Model, Task
from parts.private import said_by

# A backend loads a model, replaces its weights, and gives an inspect Model that asks it.
LOCAL_ENGINES: dict[str, Any] = {"vllm": ServedByVllm, "hf": HeldByTransformers}


def local_facts(model: Model, task: Task, settings: Settings, engine: Engine) -> RunFacts:
    """What a record says beside inspect's log, which knows seed, system prompt and limit."""
    generation = engine_details(engine, settings) | {
        "batch_size": None,
        "max_connections": settings.max_connections,
        "tensor_parallel_size": settings.tensor_parallel_size,
        "data_parallel_size": settings.data_parallel_size,
        "prompt_template": None if settings.use_chat_template else PLAIN_TEMPLATE,
    }
    return RunFacts(
        script="inspect_vllm_uv.py",
        task=task.name,
        title=task.title,
        split=next(iter(task.dataset.splits), None),
        model=model_info(model, engine),
        source=task_source(task),
        library=library_facts(task, settings),
        generation=generation,
        questions=task.questions,
    )


class LocalSweep(InspectSweep):
    """Measures models with an engine of LOCAL_ENGINES."""

    refused: tuple[bool, Layout, EngineError] | None = None

    def one(self, row: Assignment) -> None:
        super().one(row)
        trouble = self.engine and self.engine.trouble()
        if trouble:
            note(f"{row.model.id}: the engine is gone: {trouble}")
            self.drop()

    def start(self, model: Model) -> Any:
        """A new engine; one that did not start for a layout is not tried again for another checkpoint of the same."""
        layout = read_layout(downloaded(model.base or model))
        if self.refused and self.refused[0] == bool(model.base) and not layout_difference(self.refused[1], layout):
            raise self.refused[2]
        note(f"{model.id}: {self.settings.backend} is started")
        try:
            return LOCAL_ENGINES[self.settings.backend](model, self.settings)
        except EngineError as error:
            self.refused = bool(model.base), layout, error
            raise

    def asked(self, model: Model) -> Any:
        self.load(model)
        return self.engine.opened(model.id)

    def facts(self, row: Assignment, task: Task) -> RunFacts:
        return local_facts(row.model, task, row.settings, self.engine.loaded)

    def measured(self, row: Assignment, task: Task, log: dict[str, Any], now: int) -> tuple[dict[str, Any], str]:
        return inspect_record(log_as_sent(log, self.engine.prompt), self.facts(row, task), now)

    def explained(self, error: BaseException) -> str:
        """An error with what to try; when the engine has ended, its own words."""
        if isinstance(error, EngineError):
            return str(error)
        trouble, text = self.engine.trouble() if self.engine else None, said_by(error)
        return trouble or advised(text, LOCAL_ENGINES[self.settings.backend].advice) or text

    def fail(self, row: Assignment, task: Task, error: BaseException, log: Iterable[str] = ()) -> None:
        super().fail(row, task, error, [*log, *(self.engine.log() if self.engine else [])])
