"""Which items a comparison rests on: the clean ones of a contamination check, or all but some, with a reason.

Takes a list file or a policy's fields; gives runs whose score is the mean of the items that are left. A score of the
whole file (BLEU, F1 over classes) cannot be had of some of its items, and is refused.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, listing
from parts.inputs import input_text
from parts.records.run import Run
from parts.vocabulary import normalize_name


@dataclass(frozen=True, slots=True)
class ChosenItems:
    """only: the items that count, by task; without: those that do not, with the reason. Tasks by normalized name."""

    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    without: Mapping[str, tuple[frozenset[str], str]] = field(default_factory=dict)
    why_only: str = ""

    def __bool__(self) -> bool:
        return bool(self.only or self.without)


def read_only_items(path: str) -> tuple[dict[str, frozenset[str]], str]:
    """(items by task, why these) of a file that check_contamination --clean-items wrote; ScriptError for others."""
    try:
        content = json.loads(input_text(path, where=f"--only-items {path}"))
        tasks = content["only_items"]
        found = {normalize_name(task): frozenset(map(str, ids)) for task, ids in tasks.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ScriptError(f"--only-items {path}: not what check_contamination --clean-items writes") from error
    if not found:
        raise ScriptError(f"--only-items {path}: it names no item")
    return found, str(content.get("reason") or Path(path).name)[:200]


def read_excluded(content: Mapping[str, Any], where: str) -> dict[str, tuple[frozenset[str], str]]:
    """exclude_items of a policy: {gsm8k: {items: [id, ...], reason: why}}."""
    found = {}
    for task, entry in content.items():
        items = entry.get("items") if isinstance(entry, dict) else None
        reason = entry.get("reason") if isinstance(entry, dict) else None
        if not isinstance(items, list) or not items or not isinstance(reason, str) or not reason.strip():
            raise ScriptError(f"{where}: exclude_items: {task}: write {{items: [id, ...], reason: why}}")
        found[normalize_name(str(task))] = frozenset(map(str, items)), reason.strip()[:200]
    return found


def with_chosen_items(run: Run, chosen: ChosenItems) -> Run | None:
    """The run on the items that count; None for a task of which --only-items names none."""
    names = [normalize_name(name) for name in (run.name, run.key, run.task)]
    only = next((chosen.only[name] for name in names if name in chosen.only), None)
    if chosen.only and only is None:
        return None
    without, reason = next((chosen.without[name] for name in names if name in chosen.without), (frozenset(), ""))
    if only is None and not without:
        return run
    there = {item for repeat in run.repeats for item in repeat} | run.errors
    kept = {item for item in there if (only is None or item in only) and item not in without}
    return on_items(run, there, kept, f"without {len(there) - len(kept)}: {reason or chosen.why_only}")


def on_items(run: Run, there: Collection[str], kept: Collection[str], why: str) -> Run:
    """The run with its score over some of its items; ScriptError where it has none of them."""
    if run.corpus_level:
        raise ScriptError(f"{run.file}: {run.aggregation} is a score of all items of {run.task}; it has no part")
    repeats = tuple({item: answer for item, answer in repeat.items() if item in kept} for repeat in run.repeats)
    scores: dict[str, list[float]] = {}
    for repeat in repeats:
        for item, answer in repeat.items():
            scores.setdefault(item, []).append(answer.score)
    if not scores:
        some = listing(sorted(there)[:3]) or "no samples"
        raise ScriptError(f"{run.file}: none of the items of {run.task} that count is in its samples (there: {some})")
    lost = len(run.errors & set(kept))
    return replace(
        run,
        repeats=repeats,
        errors=frozenset(run.errors & set(kept)),
        score=sum(sum(own) / len(own) for own in scores.values()) / len(scores),
        n=len(scores),
        standard_error=None,
        counts={"no_value": lost, "attempts": sum(map(len, repeats)) + lost},
        chosen=f"{len(kept)} of {len(there)} items, {why}",
    )
