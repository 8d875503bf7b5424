"""How many items a test needs before anybody has measured anything: `--items-for 2` points.

Takes the difference that is to be seen and what is assumed of two models that answer the same items right or wrong;
gives the numbers of items by the test that decides later, so that a plan and its verdict are one statement.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from parts.frame import ScriptError, listing, nearest
from parts.statistics.differences import items_needed, paired_difference
from parts.vocabulary import MetricMapping

SYNTHETIC = 20_000  # items of the made-up pair whose evidence is scaled
CLOSE = 0.1  # of the items just one of two checkpoints of one run gets right
LEAST_SHOWN, STEPS = 0.0005, 12  # of the smallest difference that a benchmark of a given size shows
SUM_SLACK = 1e-9  # what sums of written shares may be off by
ASKED_POINTS = re.compile(
    r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(?:%|pp|(?:percentage\s+)?points?)?\s*", re.ASCII | re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Assumed:
    """Shares of 1. accuracy: of the weaker model; disagreement: of the items that just one gets right; None: a range
    from checkpoints of one run to models whose answers have nothing to do with one another."""

    accuracy: float = 0.7
    disagreement: float | None = None
    power: float = 0.8
    alpha: float = 0.05

    def unrelated(self, difference: float) -> float:
        """The disagreement of two models whose right answers are independent."""
        better = self.accuracy + difference
        return self.accuracy * (1 - better) + better * (1 - self.accuracy)

    def most(self, difference: float) -> float:
        """The largest disagreement that two models of such accuracies can have."""
        both = 2 * self.accuracy + difference
        return min(both, 2 - both)

    def disagreements(self, difference: float) -> list[float]:
        """The least and the largest disagreement to plan for; a difference takes at least as much as itself."""
        ends = [CLOSE, self.unrelated(difference)] if self.disagreement is None else [self.disagreement]
        return sorted({min(max(end, difference), self.most(difference)) for end in ends})


def asked_difference(text: str) -> float:
    """ "2", "2 points", "2 %" -> 0.02."""
    found = ASKED_POINTS.fullmatch(text)
    if not found or not 0 < float(found[1]) < 100:
        raise argparse.ArgumentTypeError(f"{text!r} are no points of 100, such as 2")
    return float(found[1]) / 100


def assumed(words: Sequence[str]) -> Assumed:
    """accuracy=0.7 disagreement=0.2 power=0.9 alpha=0.01, each a share of 1 or a percentage; ScriptError for others."""
    found = Assumed()
    for word in (part for text in words for part in text.split(",") if part):
        name, _, text = word.partition("=")
        if name not in Assumed.__slots__:
            raise ScriptError(f"--assume {word!r}: {nearest(name, Assumed.__slots__) or listing(Assumed.__slots__)}")
        number = re.fullmatch(r"(\d*\.?\d+)(%?)", text, re.ASCII)
        share = float(number[1]) / (100 if number[2] or float(number[1]) > 1 else 1) if number else -1.0
        if not 0 < share < 1:
            raise ScriptError(f"--assume {word!r}: {name} is a share between 0 and 1, such as {name}=0.3")
        found = replace(found, **{name: share})
    return found


def items_for(difference: float, disagreement: float, plan: Assumed) -> int | None:
    """How many items both models answer until so large a difference is shown with the plan's power."""
    import numpy as np

    gains, losses = (round(SYNTHETIC * (disagreement + sign * difference) / 2) for sign in (1, -1))
    pair = np.repeat([1.0, -1.0, 0.0], [gains, losses, SYNTHETIC - gains - losses])
    return items_needed(paired_difference(pair), SYNTHETIC, 0.0, plan.alpha / 2, plan.power)


def smallest_shown(size: int, disagreement: float, plan: Assumed) -> float | None:
    """The smallest difference that a benchmark of so many items shows, as a share; None where not even that to a model
    that has all right."""

    def is_shown(share: float) -> bool:
        needed = items_for(share, min(max(disagreement, share), plan.most(share)), plan)
        return needed is not None and needed <= size

    low, high = LEAST_SHOWN, 1 - plan.accuracy
    if not is_shown(high):
        return None
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (low, middle) if is_shown(middle) else (middle, high)
    return high


def items_plan(
    difference: float, plan: Assumed, benchmarks: Sequence[str], vocabulary: MetricMapping
) -> dict[str, Any]:
    """The document: the items that a difference takes, and which benchmarks have them, with its exit code.

    0 done, and each named benchmark has as many; 1 one has too few by what is assumed; 3 it depends on the models.
    """
    if plan.accuracy + difference >= 1:
        raise ScriptError(
            f"{100 * plan.accuracy:.0f} % and {100 * difference:g} points are 100 % or more: --assume accuracy=0.5"
        )
    if plan.disagreement is not None and plan.disagreement < difference:
        raise ScriptError(
            f"models that disagree on {100 * plan.disagreement:.1f} % do not differ by {100 * difference:g} points"
        )
    if plan.disagreement is not None and plan.disagreement > plan.most(difference) + SUM_SLACK:
        raise ScriptError(
            f"models that are right on {100 * plan.accuracy:g} % and {100 * (plan.accuracy + difference):g} % disagree "
            f"on at most {100 * plan.most(difference):g} %: --assume accuracy=… to go with it"
        )
    rates = plan.disagreements(difference)
    needed = [items_for(difference, rate, plan) for rate in rates]
    if None in needed:
        raise ScriptError(f"no number of items shows {100 * difference:g} points; --items-for 2 is 2 points of 100", 1)
    rows = [{"disagreement": rate, "items": count} for rate, count in zip(rates, needed, strict=True)]
    sizes = named_sizes(benchmarks, vocabulary)
    own = {key: benchmark_answer(size, rates, needed, plan) for key, size in sizes.items()}
    code = max((answer["code"] for answer in own.values()), key=(0, 3, 1).index, default=0)
    enough = [key for key, entry in vocabulary.entries.items() if (entry.get("items") or 0) >= needed[-1]]
    counts = " to ".join(f"{count:,}" for count in needed)
    answer = f"{counts} items, answered by both models, to see {100 * difference:g} points"
    return {
        "answer": answer,
        "exit_code": code,
        "difference": difference,
        "needed": rows,
        "assumed": {name: getattr(plan, name) for name in Assumed.__slots__},
        "benchmarks": own,
        "large_enough": enough,
        "notes": planning_notes(difference, plan, rates),
    }


def named_sizes(benchmarks: Sequence[str], vocabulary: MetricMapping) -> dict[str, int]:
    """How many items the named benchmarks have; ScriptError where that is not known."""
    keys = {name: vocabulary.key(name) for name in benchmarks}
    found = {key: (vocabulary.entries.get(key or "") or {}).get("items") for key in keys.values()}
    if lost := [name for name, key in keys.items() if not found[key]]:
        raise ScriptError(f"how many items there are is not known: {listing(lost)}; leave it out and compare yourself")
    return found


def benchmark_answer(size: int, rates: Sequence[float], needed: Sequence[int], plan: Assumed) -> dict[str, Any]:
    """Whether a benchmark of so many items is large enough, and what it shows."""
    code = 0 if size >= needed[-1] else 1 if size < needed[0] else 3
    return {"items": size, "code": code, "shows": [smallest_shown(size, rate, plan) for rate in rates]}


def planning_notes(difference: float, plan: Assumed, rates: Sequence[float]) -> list[str]:
    """What was assumed, in sentences."""
    notes = [
        f"assumed: both answer the same items, right or wrong; the weaker is right on {100 * plan.accuracy:.0f} %; "
        f"power {100 * plan.power:.0f} % at a two-sided {100 * plan.alpha:.0f} %; just one of them is right on "
        f"{' to '.join(f'{100 * rate:.0f} %' for rate in rates)} of the items"
        + ("" if len(rates) < 2 else " (checkpoints of one run to unrelated models)"),
        "say it better with --assume accuracy=0.7 disagreement=0.2 power=0.9; graded scores or answers of several "
        "samples: measure 100 items of both and read items_needed",
    ]
    if difference < 0.001:
        notes.append(
            f"{100 * difference:g} points of 100 is what was asked; a share of 1 is given in points: 0.02 is 2"
        )
    return notes


def shown_text(shares: Sequence[float | None], accuracy: float) -> str:
    """What a benchmark shows, for people."""
    points = [f"{100 * share:.1f}" for share in shares if share is not None]
    none = f"not even {100 * accuracy:g} % and 100 %" if len(points) < len(shares) else ""
    if not points:
        return f"{none} are told apart by it"
    return f"it shows {' to '.join(points)} points" + (f", of models that disagree more {none}" if none else "")


def planning_text(document: Mapping[str, Any]) -> str:
    """The document for people."""
    lines = [f"{document['answer']}."]
    for row in document["needed"]:
        lines.append(f"  {row['items']:,} items where just one is right on {100 * row['disagreement']:.0f} %")
    said = {0: "enough", 1: "too few", 3: "enough for models that seldom disagree alone"}
    for key, own in document["benchmarks"].items():
        shows = shown_text(own["shows"], document["assumed"]["accuracy"])
        lines.append(f"{key} has {own['items']:,}: {said[own['code']]}; {shows}")
    if document["large_enough"]:
        lines.append(f"As many have: {listing(document['large_enough'], 12)}.")
    else:
        lines.append("No known benchmark has as many: several together, or repeated runs.")
    return "\n".join([*lines, *document["notes"]])
