"""What an inspect run would ask: items, repeats and requests of its tasks; the names of tasks there are."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from typing import Any

from parts.harness.inspect_tasks import INSPECT_TASKS, file_tasks, inspect_catalog, listing_entry
from parts.harness.settings import Settings
from parts.harness.vocabulary import Task


def planned_items(task: Task, settings: Settings) -> int | None:
    """How many items of a task are asked, or None when that is not known yet."""
    items = task.total if task.total is not None else listing_entry(task.request)["samples"]
    return items if items is None or settings.limit is None else min(items, settings.limit)


def planned_repeats(task: Task, settings: Settings) -> int | None:
    """How many times each item is asked, or None when that is not known yet."""
    return settings.repeats or task.repeats or listing_entry(task.request)["repeats"]


def planned_answers(task: Task, settings: Settings) -> int:
    """How many answers a loaded task asks for."""
    return (planned_items(task, settings) or 0) * (planned_repeats(task, settings) or 1)


def inspect_plan_row(task: Task, settings: Settings) -> dict[str, Any]:
    """A task in the plan, None for what is not known yet; requests are those of a task that asks once for each item."""
    items, repeats = planned_items(task, settings), planned_repeats(task, settings)
    return {
        "task": task.name,
        "data set": task.dataset.path or task.dataset.repo or listing_entry(task.request)["data"],
        "items": items,
        "repeats": repeats,
        "requests": None if items is None or repeats is None else items * repeats,
        "sandbox": settings.sandbox or "none",
    }


def inspect_names(texts: Sequence[str]) -> dict[str, list[str]]:
    """The tasks of inspect_evals, and those of the files among `texts`, each with its canonical keys."""
    keys = collections.defaultdict(list)
    for key, name in INSPECT_TASKS.items():
        keys[name].append(key)
    names = {f"inspect_evals/{name}" for name in inspect_catalog()}
    names |= {f"{text.partition('@')[0]}@{task.name}" for text in texts if ".py" in text for task in file_tasks(text)}
    return {name: keys.get(name, []) for name in names}
