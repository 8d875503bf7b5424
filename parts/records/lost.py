"""How far lost attempts could move a mean of items.

Takes runs with their items read; gives how many attempts they lost, and the least and the greatest mean with each lost
attempt anything between two ends. An item's attempts make one value of it, so that items weigh alike however many of
their attempts have a score: the mean of all attempts is another number.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from parts.records.attempts import Attempts, attempts_of
from parts.records.run import NO_FIELDS, Answer, Run


def lost_rows(repeats: tuple, errors: frozenset[str]) -> tuple[int, int]:
    """(attempts without a score, all attempts) as the lines of a samples file show them."""
    if not repeats:
        return 0, 0
    names = set(errors).union(*repeats)
    scored = sum(map(len, repeats))
    return len(names) * len(repeats) - scored, len(names) * len(repeats)


def attempts_of_runs(runs: Iterable[Run]) -> Attempts:
    """What became of all attempts of some runs."""
    own = [attempts_of(run.counts, run.n, *lost_rows(run.repeats, run.errors)) for run in runs]
    made = [one.made for one in own]
    return Attempts(None if None in made else sum(made), sum(one.lost for one in own))


def lost_answer(run: Run, name: str) -> Answer:
    """An item's line that has no score, by what its metadata say of its attempts."""
    return Answer(0.0, None, None, None, run.lost_fields.get(name, NO_FIELDS))


def hidden_share(runs: Sequence[Run]) -> float:
    """The share of some runs' attempts that were lost without an item showing it: any could be the one."""
    told, shown = attempts_of_runs(runs), 0
    for run in runs:
        for repeat in run.repeats:
            shown += sum(made - scored for made, scored in (answer.attempts for answer in repeat.values()))
            shown += sum(lost_answer(run, name).attempts[0] for name in run.errors if name not in repeat)
    return max(0, told.lost - shown) / told.made if told.made else 0.0


def possible_mean(
    runs: Sequence[Run], names: Collection[tuple[str, str]], factors: Mapping[str, float], low: float, high: float
) -> tuple[float, float]:
    """The least and the greatest mean of some items (part, name), each multiplied by the factor of its part.

    An item is the mean of its repeats in all runs.
    """
    repeats = [(run.subtask, repeat) for run in runs for repeat in run.repeats]
    averaged = all(answer.averaged for _, repeat in repeats for answer in repeat.values())
    least = most = 0.0
    for part, name in names:
        answers = [repeat.get(name) for subtask, repeat in repeats if subtask == part]
        ends = [(low, high) if answer is None else answer.within(low, high, averaged) for answer in answers]
        own = [math.fsum(end) / len(end) for end in zip(*(ends or [(low, high)]), strict=True)]
        least, most = least + factors[part] * own[0], most + factors[part] * own[1]
    hidden = hidden_share(runs) * (high - low)
    return max(low, least / len(names) - hidden), min(high, most / len(names) + hidden)
