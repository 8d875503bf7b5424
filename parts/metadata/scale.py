"""In which unit a leaderboard keeps its scores, and results converted to it or asked about.

A value whose source declares its unit is converted where the leaderboard's is plain; everything else is a question.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from parts.frame import ScriptError, listing, option_words
from parts.metadata.entries import Entry
from parts.metadata.front_matter import EVAL_RESULTS
from parts.metadata.identity import person_number
from parts.metadata.plan import Plan, entry_name
from parts.metric_directions import metric_direction
from parts.vocabulary import normalize_name

MOST_PERCENT = 200.0  # an error rate can be above 100 %
MOST_MARK = 10.0
SEVERAL_TRIES = re.compile(r"(?i)(?:pass|maj(?:ority)?|cons|best|any)(?:[@_]|_?of_?|_at_)(?!1\b)\d+")


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """What the Hub says of a dataset as a Benchmark: its tasks, and the scale that its leaderboard is in."""

    dataset_id: str
    tasks: tuple[str, ...] = ()  # none: not known
    scale: str | None = None  # "percent", "proportion", "points" (no shares); None: nobody has a result yet
    plain: bool = False  # the scale is said by its eval.yaml, or by three results that agree
    reason: str = ""  # why it is no Benchmark
    entries: int = 0
    lower_is_better: bool | None = None  # None: neither its eval.yaml nor its order says


def leaderboard_scale(values: Sequence[Any]) -> str | None:
    """The scale of the values that others have: percent when any is above 1, points when some are no percentages."""
    numbers = finite_numbers(values)
    if not numbers or max(map(abs, numbers)) > MOST_PERCENT:
        return "points" if numbers else None
    return "percent" if max(numbers) > 1 else "proportion"


def is_plain(values: Sequence[Any]) -> bool:
    """Whether three results at least agree on the scale; a share of 1 % or less among percentages is rare.

    Numbers from 1 to 10 may be percentages, and marks.
    """
    numbers = finite_numbers(values)
    above = sum(number > 1 for number in numbers)
    percent = above >= 3 and 10 * (len(numbers) - above) <= len(numbers) and max(numbers) > MOST_MARK
    return len(numbers) >= 3 and (not above or percent)


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

    `scales` holds the answers, by key or "" for all. The same result in model-index gets the same unit; so does one
    that no leaderboard ranks, when an answer names its unit.
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
        own = plan.made_of.get(path)
        questions += fit_measure(plan, path, own, board, task)
        _, answer = scale_answer(scales, scale_keys(path, own))
        questions += fit_scale(plan, path, row, board, answer)
    for number, entry in enumerate(plan.entries):
        fit_unranked(plan, number, entry, boards, scales)
    return questions


def scale_keys(path: str, entry: Entry | None) -> list[str]:
    """What --scale can call a result: its file, its key, its name, its name with its settings."""
    stem = path.removeprefix(EVAL_RESULTS).removesuffix(".yaml")
    names = [stem, entry.key or "", entry.benchmark, entry_name(entry)] if entry else [stem]
    return list(dict.fromkeys(filter(None, names)))


def scale_answer(scales: Mapping[str, str], names: Sequence[str]) -> tuple[str, str | None]:
    """The answer about a result and the key that it was given with; an answer to all has the key ""."""
    for name in names:
        for key, answer in scales.items():
            if key and (key == name or normalize_name(key) == normalize_name(name)):
                return key, answer
    return "", scales.get("")


def check_scales_named(plan: Plan) -> None:
    """ScriptError for an answer about a scale that fits no result of the plan."""
    paths = {own: path for path, own in plan.made_of.items()}
    named = [scale_keys(paths.get(entry, ""), entry) for entry in plan.entries]
    for key, answer in plan.scales.items():
        if key and named and not any(scale_answer({key: answer}, names)[0] for names in named):
            there = dict.fromkeys(names[0] for names in named)
            raise ScriptError(f"--scale {key}={answer}: no result has this name; there are {listing(there, 20)}")


def fit_unranked(
    plan: Plan, number: int, entry: Entry, boards: Mapping[str, Leaderboard], scales: Mapping[str, str]
) -> None:
    """Carry an answer out for a result that no leaderboard has a scale for, or say why it stays as it is.

    ScriptError when the answer names this result and cannot be carried out.
    """
    path = next((path for path, own in plan.made_of.items() if own == entry and path in plan.eval_results), "")
    key, answer = scale_answer(scales, scale_keys(path, entry))
    if answer in (None, "as-is") or not (plan.model_index or path):
        return
    row = plan.eval_results[path][0] if path else None
    board = boards.get(row["dataset"]["id"]) if row else None
    unit, why = share_unit(plan, entry, bool(key))
    if board and board.scale:
        unit, why = board.scale, f"the leaderboard of {board.dataset_id} is in {board.scale}"
    if unit == answer or not entry.value:
        return
    if not unit or (board and board.scale):
        text = f"{entry_name(entry)} stays {entry.value:.12g}: {why}"
        if key:
            raise ScriptError(f"--scale {key}={answer}: {text}; {option_words('--scale', f'{key}=as-is')} says so")
        plan.remarks.append(f"{text}, whatever --scale {answer} says of the others")
        return
    value = rescaled(person_number(entry.value, unit), str(answer))
    if row:
        row["value"] = value
    if plan.model_index and (metric := plan.model_index[number]["metrics"][0])["value"] != value:
        metric |= {"value": value, "name": unit_name(metric["name"], str(answer))}
    text = f"{entry_name(entry)}: {entry.value:.12g} written as {value:.12g}, in {answer}, as --scale says"
    plan.remarks += [text] if text not in plan.remarks else []


def share_unit(plan: Plan, entry: Entry, asked: bool) -> tuple[str | None, str]:
    """The unit that a result is in, as its source or its size says; None and the reason where it may be no share.

    `asked`: the answer names this very result, so that a benchmark that is not known counts as one of shares.
    """
    measures = plan.measures
    if entry.unit in ("percent", "proportion"):
        return entry.unit, ""
    if entry.unit == "points" or measures is None or measures.is_open(measure := measures.of_entry(entry)):
        return None, "it is no share"
    known = [measures.mapping[name].get("unit") == "proportion" for name in measure.keys]
    if not -1 <= entry.value <= 1:
        return ("percent", "") if -100 <= entry.value <= 100 else (None, "it is no share")
    way = option_words("--scale", f"{entry.key or entry.benchmark}=percent")
    table = entry.origin.partition(",")[0]
    beside = [other.value for other in plan.entries if other.origin.partition(",")[0] == table]
    if not asked and any(value > 1 for value in beside):
        return None, f"other values of its source are above 1 ({way} converts it)"
    if asked or measure.metric in ("right", "accnorm") or (known and all(known)):
        return "proportion", ""
    return None, f"it is not known to be a share ({way} says so)"


def fit_measure(plan: Plan, path: str, own: Entry | None, board: Leaderboard, task: str) -> list[str]:
    """A question about a result of another measure than the leaderboard ranks: less is better of one alone, or one is
    of the best of several tries.
    """
    if own is None:
        return []
    lower = metric_direction(own.metric or "") if own.lower_is_better is None else own.lower_is_better
    name, why = own.key or own.benchmark, ""
    if None not in (lower, board.lower_is_better) and lower != board.lower_is_better:
        way, ranks = ("less", "highest") if lower else ("more", "lowest")
        why = f"{way} is better of it, and the leaderboard of {board.dataset_id} has the {ranks} value first"
    elif SEVERAL_TRIES.fullmatch(own.metric or ""):
        why = f"of several tries; the leaderboard of {board.dataset_id} does not say that it ranks that"
    answers = {plan.official.get(normalize_name(text)) for text in (name, own.benchmark)}
    if not why or f"{board.dataset_id}:{task}" in answers:
        return []
    return [
        f"{path}: {entry_name(own)}: {why}: {option_words('--counts-as', f'{name}={board.dataset_id}:{task}')} says "
        f"that it is what is ranked there, {option_words('--counts-as', f'{name}=none')} leaves it out"
    ]


def fit_scale(plan: Plan, path: str, row: dict[str, Any], board: Leaderboard, answer: str | None) -> list[str]:
    value, own = row["value"], plan.made_of.get(path)
    unit = own.unit if own and own.unit in ("percent", "proportion") else None
    misfit = 0 < value <= 1 if board.scale == "percent" else value > 1 if board.scale == "proportion" else False
    if unit and board.scale:
        misfit = unit != board.scale and value != 0
    elif board.scale == "percent":
        misfit = misfit or abs(value) > MOST_PERCENT
    if not misfit or answer == "as-is":
        return []
    if answer and answer != board.scale:
        raise ScriptError(f"--scale {answer}: the leaderboard of {board.dataset_id} is in {board.scale}")
    key = path.removeprefix(EVAL_RESULTS).removesuffix(".yaml")
    keep = option_words("--scale", f"{key}=as-is")
    if board.scale == "points" or abs(value) > MOST_PERCENT:
        theirs = "no shares" if board.scale == "points" else f"in {board.scale}"
        return [
            f"{path}: {value:.12g}{f' in {unit}' if unit else ''} does not fit: the others' values on the leaderboard "
            f"of {board.dataset_id} are {theirs}; {keep} keeps it"
        ]
    if answer or (unit and board.plain):
        why = "as --scale says" if answer else f"as the leaderboard of {board.dataset_id} is"
        row["value"] = rescaled(value, str(board.scale))
        plan.remarks.append(f"{path}: {value:.12g} written as {row['value']:.12g}, in {board.scale}, {why}")
        if own and plan.model_index:
            metric = plan.model_index[plan.entries.index(own)]["metrics"][0]
            metric |= {"value": row["value"], "name": unit_name(metric["name"], str(board.scale))}
        return []
    others = "above 1, in percent" if board.scale == "percent" else "at most 1, as proportions"
    return [
        f"{path}: {value} does not fit: the others' values on the leaderboard of {board.dataset_id} are {others}; "
        f"{option_words('--scale', f'{key}={board.scale}')} converts it, {keep} keeps it"
    ]


def rescaled(value: float, scale: str) -> float:
    """A share written in percent or as a proportion."""
    return float(Decimal(str(value)) * (Decimal(100) if scale == "percent" else Decimal("0.01")))


def unit_name(name: str, scale: str) -> str:
    """A metric's name that says its unit: "MMLU-Pro (5-shot)" -> "MMLU-Pro (5-shot, %)"."""
    word = "%" if scale == "percent" else "share"
    return f"{name[:-1]}, {word})" if name.endswith(")") else f"{name} ({word})"
