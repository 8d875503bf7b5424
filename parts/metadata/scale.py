"""In which unit a leaderboard keeps its scores, and results converted to it or refused."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from parts.frame import ScriptError
from parts.metadata.front_matter import EVAL_RESULTS
from parts.metadata.plan import Plan


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """What the Hub says of a dataset as a Benchmark: its tasks, and the scale that its leaderboard is in."""

    dataset_id: str
    tasks: tuple[str, ...] = ()  # none: not known
    scale: str | None = None  # "percent", "proportion"; None: nobody has a result yet
    reason: str = ""  # why it is no Benchmark
    entries: int = 0
    lower_is_better: bool | None = None  # None: neither its eval.yaml nor its order says


def leaderboard_scale(values: Sequence[Any]) -> str | None:
    """The scale of the values that others have: percent when any is above 1."""
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)]
    return ("percent" if max(numbers) > 1 else "proportion") if numbers else None


def ranked_downwards(values: Sequence[float]) -> bool | None:
    """Whether less is better, by the order in which a leaderboard has its values; None when it cannot be told."""
    down, up = sorted(values, reverse=True), sorted(values)
    if len(set(values)) < 2 or list(values) not in (down, up):
        return None
    return list(values) == up


def settle(plan: Plan, boards: Mapping[str, Leaderboard], scales: Mapping[str, str]) -> list[str]:
    """Fit the plan's .eval_results to what the Hub's Benchmarks are; the questions that only a person can answer.

    A value is never rescaled by itself: `scales` holds the answers, by key or "" for all.
    """
    questions = []
    for path, rows in list(plan.eval_results.items()):
        row = rows[0]
        board = boards.get(row["dataset"]["id"])
        if board is None:
            continue
        task = row["dataset"]["task_id"]
        if not board.reason and task not in board.tasks and len(board.tasks) == 1:
            row["dataset"]["task_id"] = task = board.tasks[0]  # the dataset's own eval.yaml decides
        if board.reason or (board.tasks and task not in board.tasks):
            reason = board.reason or f"its eval.yaml has no task {task}, but {', '.join(board.tasks) or 'none'}"
            plan.notes.append(f"not in .eval_results: {path}: {board.dataset_id}: {reason}")
            del plan.eval_results[path]
            continue
        stem = path.removeprefix(EVAL_RESULTS).removesuffix(".yaml")
        questions += fit_scale(plan, path, row, board, scales.get(stem, scales.get("")))
    return questions


def fit_scale(plan: Plan, path: str, row: dict[str, Any], board: Leaderboard, answer: str | None) -> list[str]:
    value = row["value"]
    misfit = 0 < value <= 1 if board.scale == "percent" else value > 1 if board.scale == "proportion" else False
    if not misfit or answer == "as-is":
        return []
    if answer and answer != board.scale:
        raise ScriptError(f"--scale {answer}: the leaderboard of {board.dataset_id} is in {board.scale}")
    if answer:
        factor = Decimal(100) if answer == "percent" else Decimal("0.01")
        row["value"] = float(Decimal(str(value)) * factor)
        plan.notes.append(f"{path}: {value} written as {row['value']}, in {answer}, as --scale says")
        return []
    key = path.removeprefix(EVAL_RESULTS).removesuffix(".yaml")
    others = "above 1, in percent" if board.scale == "percent" else "at most 1, as proportions"
    return [
        f"{path}: {value} does not fit: the others' values on the leaderboard of {board.dataset_id} are {others}; "
        f"--scale {key}={board.scale} converts it, --scale {key}=as-is keeps it"
    ]
