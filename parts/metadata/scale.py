"""In which unit a leaderboard keeps its scores, and results converted to it or asked about.

A value whose source declares its unit is converted where the leaderboard's is plain; everything else is a question.
"""

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
    plain: bool = False  # the scale is said by its eval.yaml, or by three results that agree
    reason: str = ""  # why it is no Benchmark
    entries: int = 0
    lower_is_better: bool | None = None  # None: neither its eval.yaml nor its order says


def leaderboard_scale(values: Sequence[Any]) -> str | None:
    """The scale of the values that others have: percent when any is above 1."""
    numbers = finite_numbers(values)
    return ("percent" if max(numbers) > 1 else "proportion") if numbers else None


def is_plain(values: Sequence[Any]) -> bool:
    """Whether three results at least agree on the scale; a share of 1 % or less among percentages is rare."""
    numbers = finite_numbers(values)
    above = sum(number > 1 for number in numbers)
    return len(numbers) >= 3 and (not above or (above >= 3 and 10 * (len(numbers) - above) <= len(numbers)))


def finite_numbers(values: Sequence[Any]) -> list[float]:
    return [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)]


def ranked_downwards(values: Sequence[float]) -> bool | None:
    """Whether less is better, by the order in which a leaderboard has its values; None when it cannot be told."""
    down, up = sorted(values, reverse=True), sorted(values)
    if len(set(values)) < 2 or list(values) not in (down, up):
        return None
    return list(values) == up


def settle(plan: Plan, boards: Mapping[str, Leaderboard], scales: Mapping[str, str]) -> list[str]:
    """Fit the plan's .eval_results to what the Hub's Benchmarks are; the questions that only a person can answer.

    `scales` holds the answers, by key or "" for all. The same result in model-index gets the same unit.
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
            plan.remarks.append(f"not in .eval_results: {path}: {board.dataset_id}: {reason}")
            del plan.eval_results[path]
            continue
        stem = path.removeprefix(EVAL_RESULTS).removesuffix(".yaml")
        questions += fit_scale(plan, path, row, board, scales.get(stem, scales.get("")))
    return questions


def fit_scale(plan: Plan, path: str, row: dict[str, Any], board: Leaderboard, answer: str | None) -> list[str]:
    value, own = row["value"], plan.made_of.get(path)
    unit = own.unit if own and own.unit in ("percent", "proportion") else None
    misfit = 0 < value <= 1 if board.scale == "percent" else value > 1 if board.scale == "proportion" else False
    if unit and board.scale:
        misfit = unit != board.scale and value != 0
    if not misfit or answer == "as-is":
        return []
    if answer and answer != board.scale:
        raise ScriptError(f"--scale {answer}: the leaderboard of {board.dataset_id} is in {board.scale}")
    if answer or (unit and board.plain):
        why = "as --scale says" if answer else f"as the leaderboard of {board.dataset_id} is"
        row["value"] = rescaled(value, str(board.scale))
        plan.remarks.append(f"{path}: {value:.12g} written as {row['value']:.12g}, in {board.scale}, {why}")
        if own and plan.model_index:
            metric = plan.model_index[plan.entries.index(own)]["metrics"][0]
            metric |= {"value": row["value"], "name": unit_name(metric["name"], str(board.scale))}
        return []
    key = path.removeprefix(EVAL_RESULTS).removesuffix(".yaml")
    others = "above 1, in percent" if board.scale == "percent" else "at most 1, as proportions"
    return [
        f"{path}: {value} does not fit: the others' values on the leaderboard of {board.dataset_id} are {others}; "
        f"--scale {key}={board.scale} converts it, --scale {key}=as-is keeps it"
    ]


def rescaled(value: float, scale: str) -> float:
    """A share written in percent or as a proportion."""
    return float(Decimal(str(value)) * (Decimal(100) if scale == "percent" else Decimal("0.01")))


def unit_name(name: str, scale: str) -> str:
    """A metric's name that says its unit: "MMLU-Pro (5-shot)" -> "MMLU-Pro (5-shot, %)"."""
    word = "%" if scale == "percent" else "share"
    return f"{name[:-1]}, {word})" if name.endswith(")") else f"{name} ({word})"
