"""Running inspect's eval in this process: configuration, progress, logs."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from parts.frame import refuse_link_out
from parts.harness.inspect_vocabulary import MAX_RETRIES, MAX_TASKS, MOST_ERRORS
from parts.harness.reasoning import split_reasoning
from parts.harness.settings import Settings
from parts.harness.surroundings import (
    containers_without_secrets,
    keep_inspect_out_of_folder,
    let_programs_import,
)
from parts.harness.vocabulary import Task


class InspectWatch:
    """Hears from inspect what happens in an evaluation: `on_item` in its event loop, `on_log` in a thread."""

    def __init__(self) -> None:
        self.on_item: Callable[[], None] = lambda: None
        self.on_log: Callable[[Any], None] = lambda log: None


WATCH = InspectWatch()


def listen_to_inspect() -> None:
    """Connect WATCH with inspect's hooks, once for the process."""
    import anyio.to_thread
    from inspect_ai.hooks import Hooks, hooks

    if hasattr(WATCH, "hooks"):
        return

    class Listener(Hooks):
        async def on_sample_end(self, data: Any) -> None:
            WATCH.on_item()

        async def on_task_end(self, data: Any) -> None:
            # inspect reads a log's samples when they are looked at, in an event loop of its own: not inside this one.
            await anyio.to_thread.run_sync(WATCH.on_log, data.log)

    WATCH.hooks = hooks(name="records", description="Writes a record for each finished task.")(Listener)


def log_json(log: Any) -> dict[str, Any]:
    """inspect's log as JSON, without what no record needs."""
    unneeded = {"events": True, "events_data": True, "store": True, "timelines": True}
    return log.model_dump(mode="json", exclude_none=True, exclude={"samples": {"__all__": unneeded}})


def task_config(task: Task, settings: Settings) -> Any:
    """The task with the settings asked for; a temperature that neither names is 0, so that scores can be repeated."""
    from inspect_ai.model import GenerateConfig

    own = task.source.config
    temperature = settings.temperature if settings.temperature is not None else own.temperature
    wanted = GenerateConfig(
        temperature=0.0 if temperature is None else temperature,
        max_tokens=settings.max_tokens,
        seed=settings.seed,
        system_message=settings.system_prompt,
    )
    return own.merge(wanted)


def separate_reasoning(model: Any, tags: Sequence[str]) -> None:
    """Let an inspect Model give thinking between tags as reasoning, so that scorers see the answer alone.

    An end without a beginning counts from the start (the chat template wrote the beginning); a beginning without an
    end means that the answer was never reached.
    """
    from inspect_ai.model import ContentReasoning, ContentText, ModelOutput

    generate = model.api.generate

    def divide(output: Any) -> None:
        for choice in output.choices:
            text = choice.message.content
            if isinstance(text, str):
                thought, answer = split_reasoning(text, tags)
                if thought is not None:
                    answer = answer.strip()
                    choice.message.content = [ContentReasoning(reasoning=thought), ContentText(text=answer)]
                    output.completion = answer

    async def divided(*args: Any, **named: Any) -> Any:
        result = await generate(*args, **named)
        output = result[0] if isinstance(result, tuple) else result
        if isinstance(output, ModelOutput):
            divide(output)
        return result

    model.api.generate = divided


def evaluate_with_inspect(
    model: Any, tasks: Sequence[Task], settings: Settings, log_dir: Path, finished: Callable[[Task, dict], None]
) -> None:
    """Evaluate tasks with an inspect Model; `finished` gets each task's log as JSON as soon as it is there."""
    import inspect_ai

    refuse_link_out(log_dir)
    keep_inspect_out_of_folder()
    let_programs_import()
    containers_without_secrets(any(task.own for task in tasks))
    listen_to_inspect()
    waiting = {task.name: task for task in tasks}
    one_at_a_time = threading.Lock()

    def tell(log: Any) -> None:
        name = log.eval.task if log.eval.task in waiting else log.eval.task.split("/")[-1]
        with one_at_a_time:
            if name in waiting and log.status != "cancelled":
                finished(waiting.pop(name), log_json(log))

    for task in tasks:
        task.source.config = task_config(task, settings)
    WATCH.on_log = tell
    try:
        logs = inspect_ai.eval(
            [task.source for task in tasks],
            model=model,
            sandbox=settings.sandbox,
            limit=settings.limit,
            epochs=settings.repeats,
            max_tasks=min(len(tasks), MAX_TASKS),
            max_connections=settings.max_connections,
            max_retries=MAX_RETRIES,
            fail_on_error=MOST_ERRORS,
            retry_on_error=1,
            log_dir=str(log_dir),
            log_format="eval",
            log_realtime=False,
            log_level="error",
            display="none",
            score_display=False,
            ctl_server=False,
        )
    finally:
        WATCH.on_log = lambda log: None
    for log in logs:
        tell(log)
    if waiting:  # stopped by a signal, which inspect keeps to itself
        raise KeyboardInterrupt


def end_on_signals() -> None:
    """Let SIGTERM stop an evaluation as SIGINT does: what is finished is written, nothing else."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell without job control starts `&` jobs without it
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
