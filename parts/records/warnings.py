"""What a person would say of a set of scores before believing it: near guessing, a part of the items, the same weights.

Takes runs that are compared with one another; gives lines. The gate judges each score alone; this looks at all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from parts.frame import listing, number
from parts.records.run import Run
from parts.statistics.intervals import wilson_interval

NEAR = 0.05  # of the range, beside the interval: 0.233 over 10,000 items of 4 choices is near chance, too


def is_near_chance(run: Run) -> bool:
    """Whether a score cannot be told from guessing, or is hardly better."""
    if not run.chance or run.unit != "proportion" or run.lower_is_better or not run.n or run.partial:
        return False
    low, high = wilson_interval(run.score * run.n, run.n)
    return low <= run.chance <= high or abs(run.score - run.chance) < NEAR * (1 - run.chance)


def chance_lines(runs: Iterable[Run]) -> list[str]:
    """The tasks on which every model is near chance: a broken prompt, or a benchmark that is too hard to tell."""
    tasks: dict[tuple[str, str], list[Run]] = defaultdict(list)
    for run in runs:
        tasks[run.task, run.metric].append(run)
    lines = []
    for (task, _), own in tasks.items():
        if all(is_near_chance(run) for run in own):
            scores = sorted({number(run.score) for run in own})
            found = scores[0] if len(scores) == 1 else f"{scores[0]} to {scores[-1]}"
            lines.append(
                f"{task}: near chance for all ({found}, guessing gives {number(own[0].chance)}): it tells nothing of "
                "them; are prompt, choices and answers right?"
            )
    return lines


def partial_lines(runs: Iterable[Run]) -> list[str]:
    """What was measured on a part of its items: "over 10 of 120 items, a smoke test and no score: my_quiz", with whose
    it is where it is not that of all."""
    runs = list(runs)
    parts = {run.partial: [one for one in runs if one.partial == run.partial] for run in runs if run.partial}
    lines, everyone = [], run_owners(runs)
    for part, own in parts.items():
        whose = run_owners(own)
        of = f" of {listing(whose, 10)}" if len(whose) < len(everyone) else ""
        tasks = listing(dict.fromkeys(run.task for run in own), 10)
        lines.append(f"over {part}, a smoke test and no score: {tasks}{of}")
    return lines


def run_owners(runs: Iterable[Run]) -> list[str]:
    """What the models of runs are called, each once."""
    return list(dict.fromkeys(run.identity.checkpoint or run.identity.name for run in runs))


def same_weights_line(models: Mapping[str, Sequence[Run]], what: str) -> str:
    """That two models are byte for byte one, and whether their scores differ all the same; nothing if they are two."""
    by_weights: dict[str, dict[str, Sequence[Run]]] = defaultdict(dict)
    for name, runs in models.items():
        for weights in {run.identity.fixed for run in runs} - {""}:
            by_weights[weights][name] = runs
    for own in by_weights.values():
        if len(own) > 1:
            scores: dict[tuple[str, str, str], set[float]] = defaultdict(set)
            for runs in own.values():
                for run in runs:
                    scores[run.task, run.metric, run.shots].add(run.score)
            unlike = sorted({task for (task, _, _), values in scores.items() if len(values) > 1})
            more = f"; their scores differ all the same on {listing(unlike)}" if unlike else ""
            return f"{listing(own)} are the same weights: {what}{more}"
    return ""
