"""Racing checkpoints: which are worth more items, by anytime-valid evidence."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from statistics import NormalDist
from typing import Any

from parts.frame import MANY, ScriptError, listing, number
from parts.statistics.intervals import CONFIDENCE, TWO_SIDED_Z

# The race (--plan-next).
RACE_FACTOR = 3  # successive halving: a round has a third of the checkpoints on three times the items
BETS = 64  # nodes of the mixture over the size of a bet
FUTILE = 0.10  # a lower probability that the full run tells the remaining ones apart ends the race as a tie


# The best checkpoint from few items, with successive halving: every round asks three times the items of a third of the
# checkpoints. The target is what the full run would show: its items are a finite population, of which the harness draws
# at random without replacement. Two things take a checkpoint out:
# - evidence: an e-value against "it is the best" reaches 1 / alpha. However often that is looked at, and whatever the
#   rounds do, the best one goes this way with probability alpha at most (Ville's inequality).
# - the budget: it is not among the leaders that a next round has samples for. The error of that is an estimate.


@dataclass(frozen=True, slots=True)
class RaceTask:
    """A task of the race.

    weight: its share in eval_accuracy; size: how many items it has; scores: (checkpoints, items) array, NaN where there
    is no score, the columns in the order of draw; asked: how many items each checkpoint was asked at most in one run.
    """

    name: str
    weight: float
    size: int
    scores: Any
    asked: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Round:
    """At most so many checkpoints are asked `limit` items of each task (or all that a smaller one has)."""

    checkpoints: int
    limit: int


@dataclass(frozen=True, slots=True)
class Gap:
    """What a rival is ahead of the leader (negative: behind) on the items that both were scored on.

    standard_error: of `ahead` as an estimate of the full run's difference (zero when all items are measured);
    full_error: the standard error that the full run's own difference would have; wins and losses: items on which the
    rival, or the leader, did better; items: how many both have.
    """

    ahead: float
    standard_error: float
    full_error: float
    wins: int
    losses: int
    items: int

    def probability(self, errors: float) -> float:
        """Estimated probability that the full run puts the rival ahead by more than so many of its standard errors."""
        short = errors * self.full_error - self.ahead
        return 1 - NormalDist().cdf(short / self.standard_error) if self.standard_error else float(short < 0)

    @property
    def p_better(self) -> float:
        """Estimated probability that the full run has the rival significantly ahead (one-sided, 5 %)."""
        return self.probability(NormalDist().inv_cdf(CONFIDENCE))

    @property
    def p_told(self) -> float:
        """Estimated probability that the full run tells the two apart, either way."""
        return self.p_better + replace(self, ahead=-self.ahead).p_better


@dataclass(frozen=True, slots=True)
class Exit:
    """When and by what a checkpoint left the race: evidence, budget, tie (with the choice), or items (all measured)."""

    round: int
    by: str


@dataclass(frozen=True, slots=True)
class Race:
    """Where the race stands: the current round (from 1), who is in it, who still waits for its items, who left.

    leader: index of the best one of the last complete round, None before the first; decided_by: evidence, budget, tie,
    items, or None while undecided; gaps: to the leader, by checkpoint; e_values: against "it is the best".
    """

    rounds: tuple[Round, ...]
    number: int
    members: tuple[int, ...]
    waiting: tuple[int, ...]
    exits: Mapping[int, Exit]
    leader: int | None
    decided_by: str | None
    gaps: Mapping[int, Gap]
    e_values: tuple[float, ...]

    @property
    def error(self) -> float | None:
        """Estimated probability that the choice is not in the full run's tied set, for what evidence has not settled.

        1 - product of (1 - p): at least that of any event whose parts are positively related, as these are (they share
        the leader's luck).
        """
        if self.leader is None:
            return None
        rest = [gap.p_better for i, gap in self.gaps.items() if i not in self.exits or self.exits[i].by != "evidence"]
        return 1 - math.prod(1 - p for p in rest)


def discordant_evidence(wins: int, losses: int) -> float:
    """E-value against "wins and losses are equally likely": 2^n B(1 + wins, 1 + losses), n = wins + losses.

    The likelihood ratio of a uniform mixture over the chance of a win (Robbins 1970; anytime-valid): 9-1 -> 9.31
    """
    n = wins + losses
    return math.exp(min(700.0, n * math.log(2) + math.lgamma(1 + wins) + math.lgamma(1 + losses) - math.lgamma(2 + n)))


def stakes(tasks: Sequence[RaceTask], counts: Sequence[int], sizes: Sequence[int]) -> tuple[Any, Any]:
    """(stake, drift) of each of counts[k] items of each task, one task after the other, for `evidence`.

    The t-th items of all tasks (t from 0) make a row. With S_k the sum of the differences of task k in earlier rows,
    its next one, drawn from the size_k - t that are left, is (size_k D_k - S_k) / (size_k - t) on average, where D_k is
    the full run's difference. A stake of w_k (1 - t / size_k) makes the row's expected gain sum_k w_k (D_k - S_k /
    size_k): under "sum_k w_k D_k <= 0" at most -sum_k w_k S_k / size_k, which is known, and which the drift gives back.
    Only rows count that have an item of each task that is not yet measured whole.
    """
    import numpy as np

    top = max(task.weight for task in tasks)
    rows = min((n for n, size in zip(counts, sizes, strict=True) if n < size), default=max(sizes))
    stake, drift = [], []
    for task, n, size in zip(tasks, counts, sizes, strict=True):
        place = np.arange(n)
        weight = np.where(place < rows, task.weight / top, 0.0)
        stake.append(weight * (1 - place / size))
        drift.append(weight * (rows - 1 - place) / size)
    return np.concatenate(stake), np.concatenate(drift)


@cache
def uniform_bets() -> tuple[Any, Any]:
    """Bets between 0 and 1 and their weights, for means over a uniform distribution (Gauss-Legendre)."""
    import numpy as np

    nodes, weights = np.polynomial.legendre.leggauss(BETS)
    return (nodes + 1) / 2, weights / 2


def evidence(differences: Any, stake: Any, drift: Any) -> float:
    """E-value against "the weighted mean of the differences is not above 0" over the full run; differences in [-1, 1].

    The capital of one who starts with 1 and bets on each item: the uniform mixture over the bet b in (0, 1) of
    prod(1 + b stake d) exp(b sum(drift d)). Within a row prod(1 + b stake d) is on average at most exp(b times the
    row's expected gain), so under the null hypothesis no row is expected to gain: betting without replacement as in
    Waudby-Smith and Ramdas 2024 (JRSS B 86:1), over several tasks whose items are drawn independently.
    """
    import numpy as np

    bets, weights = uniform_bets()
    some = differences != 0
    log_capital = np.log1p(bets[:, None] * (stake[some] * differences[some])).sum(1) + bets * (drift @ differences)
    top = log_capital.max()
    return math.exp(min(top, 700.0)) * float(weights @ np.exp(log_capital - top))


def successive_halving(checkpoints: int, items: int, most: int, factor: int = RACE_FACTOR) -> list[Round]:
    """Rounds of floor(checkpoints / factor^i) checkpoints on items x factor^i items, up to `most` items.

    One bracket of Hyperband (Li et al. 2018, JMLR 18:185): (81, 1, 81) -> 81 on 1, 27 on 3, 9 on 9, 3 on 27, 1 on 81
    """
    rounds = [Round(checkpoints, min(items, most))]
    while checkpoints >= factor and items < most:
        checkpoints, items = checkpoints // factor, items * factor
        rounds.append(Round(checkpoints, min(items, most)))
    return rounds


def samples_needed(rounds: Iterable[Round], sizes: Sequence[int]) -> int:
    """How many samples the rounds send at most; each asks its items anew, since the harness does."""
    return sum(r.checkpoints * sum(min(r.limit, size) for size in sizes) for r in rounds)


def race_rounds(checkpoints: int, sizes: Sequence[int], budget: float) -> tuple[Round, ...]:
    """The rounds with the most items that send at most `budget` of all samples (checkpoints x items).

    One item of each task is set aside: somebody has to try the tasks first. A round of one checkpoint decides nothing.
    """

    def rounds(items: int) -> list[Round]:
        return [r for r in successive_halving(checkpoints, items, max(sizes)) if r.checkpoints > 1]

    allowed = budget * checkpoints * sum(sizes) - len(sizes)
    low, high = 0, max(sizes)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if samples_needed(rounds(middle), sizes) <= allowed else (low, middle - 1)
    if low < 2:
        least = (samples_needed(rounds(2), sizes) + len(sizes)) / (checkpoints * sum(sizes))
        raise ScriptError(
            f"--race-budget {budget:g} is not enough for two items of each task; give at least {least:.2f}, or fewer "
            "tasks with --benchmarks"
        )
    return tuple(rounds(low))


def draw_order(task: str, item_ids: Sequence[str], scores: Any) -> list[int]:
    """The columns of (checkpoints, items) scores in the order of draw: by rounds, and by chance within a round.

    A later round's items hold the earlier one's, so an item belongs to the smallest set that has it. Samples files are
    in the data set's order, which may be by subject: a hash of task and id replaces it by one that no score depends on.
    """
    import numpy as np

    measured = ~np.isnan(scores)
    smallest = np.where(measured, measured.sum(1, keepdims=True), measured.shape[1] + 1).min(0)
    digests = [hashlib.sha256(f"{task}\0{name}".encode()).digest() for name in item_ids]
    return sorted(range(len(item_ids)), key=lambda column: (smallest[column], digests[column]))


def shared_scores(tasks: Sequence[RaceTask], members: Sequence[int]) -> tuple[list[Any], list[int]]:
    """For each task the (members, items) scores on the items that all of them have; and the sizes without those items
    that were asked of all but could not be scored."""
    import numpy as np

    shared, sizes = [], []
    for task in tasks:
        rows = task.scores[list(members)]
        rows = rows[:, ~np.isnan(rows).any(0)]
        asked = min(task.asked[i] for i in members)
        lost = max(0, asked - rows.shape[1])
        if lost > MANY * asked:
            raise ScriptError(
                f"{task.name}: {asked} items were asked of each checkpoint, but only {rows.shape[1]} are scored for "
                "all that are compared: other items, or answers that could not be scored; evaluate them alike"
            )
        shared.append(rows)
        sizes.append(task.size - lost)
    return shared, sizes


def gap_between(tasks: Sequence[RaceTask], rival: int, leader: int) -> Gap:
    """The rival's Gap to the leader.

    The tasks are strata; a task without any difference between the two so far is taken to have one in all items + 1.
    """
    shared, sizes = shared_scores(tasks, (rival, leader))
    differences = [rows[0] - rows[1] for rows in shared]
    items = sum(map(len, differences))
    ahead = left = full = 0.0
    for task, d, size in zip(tasks, differences, sizes, strict=True):
        variance = max(float(d.var(ddof=1)) if len(d) > 1 else 1.0, 1 / (items + 1))
        ahead += task.weight * float(d.mean())
        left += task.weight**2 * variance * (1 / len(d) - 1 / size)
        full += task.weight**2 * variance / size
    wins, losses = (int(sum((sign * d > 0).sum() for d in differences)) for sign in (1, -1))
    return Gap(ahead, math.sqrt(left), math.sqrt(full), wins, losses, items)


def race(tasks: Sequence[RaceTask], rounds: Sequence[Round], alpha: float) -> Race:
    """Where the race stands, from the scores alone: the rounds are gone through again from the first one."""
    import numpy as np

    count = len(tasks[0].asked)
    members, e_values = tuple(range(count)), np.zeros((count, count))
    exits: dict[int, Exit] = {}
    leader = decided_by = None
    waiting: tuple[int, ...] = ()
    for place, stage in enumerate(rounds, start=1):
        waiting = tuple(i for i in members if any(t.asked[i] < min(stage.limit, t.size) for t in tasks))
        if waiting:
            break
        order = hold_round(tasks, members, e_values)
        leader = order[0]
        whole = measured_whole(tasks, members)  # then nothing is left to bet on
        beaten = [i for i in order[1:] if not whole and e_values[:, i].sum() / (count - 1) >= 1 / alpha]
        left = [i for i in order if i not in beaten]
        decided_by = verdict(tasks, left)
        keep = 1 if decided_by or place == len(rounds) else rounds[place].checkpoints
        decided_by = decided_by or ("budget" if keep == 1 else None)
        exits |= {i: Exit(place, "evidence") for i in beaten}
        exits |= {i: Exit(place, decided_by or "budget") for i in left[keep:]}
        members = tuple(sorted(left[:keep]))
        if decided_by:
            break
    rivals = [] if leader is None else [i for i in range(count) if i != leader and all(t.asked[i] for t in tasks)]
    gaps = {i: gap_between(tasks, i, leader) for i in rivals}
    against = tuple(e_values.sum(0) / (count - 1))
    return Race(tuple(rounds), place, members, waiting, exits, leader, decided_by, gaps, against)


def hold_round(tasks: Sequence[RaceTask], members: Sequence[int], e_values: Any) -> list[int]:
    """The members by their score on the items that all of them have: the best first, of equal ones the earlier.

    e_values[j, i], the evidence that j is ahead of i, is brought up to date for all pairs; that of a pair of which one
    is out stays as it was: its game is over.
    """
    import numpy as np

    shared, sizes = shared_scores(tasks, members)
    counts = [rows.shape[1] for rows in shared]
    stake, drift = stakes(tasks, counts, sizes)
    scores = dict(zip(members, np.concatenate(shared, axis=1), strict=True))
    parts = sum(task.weight * rows.mean(1) for task, rows in zip(tasks, shared, strict=True))
    mean = dict(zip(members, np.round(parts, 12), strict=True))
    for i in members:
        for j in members:
            # Against a rival that is behind there is no evidence; leaving it at 0 is on the safe side.
            e_values[j, i] = evidence(scores[j] - scores[i], stake, drift) if mean[j] > mean[i] else 0.0
    return sorted(members, key=lambda i: (-mean[i], i))


def verdict(tasks: Sequence[RaceTask], left: Sequence[int]) -> str | None:
    """What ends the race before its last round, if anything; `left` has the leader first."""
    if measured_whole(tasks, left):
        return "items"
    if len(left) == 1:
        return "evidence"
    futile = all(gap_between(tasks, i, left[0]).p_told <= FUTILE for i in left[1:])
    return "tie" if futile else None


def measured_whole(tasks: Sequence[RaceTask], members: Iterable[int]) -> bool:
    """Whether these have been asked all items."""
    return all(task.asked[i] >= task.size for i in members for task in tasks)


def items_to_tell(tasks: Sequence[RaceTask], rival: int, leader: int) -> int | None:
    """Estimated items of each task at which the 95 % interval of the observed difference would leave out zero.

    None when even all items would not do. For a difference that stays as it is: a guess, and an optimistic one.
    """
    shared, sizes = shared_scores(tasks, (rival, leader))
    differences = [rows[0] - rows[1] for rows in shared]
    ahead = abs(sum(task.weight * d.mean() for task, d in zip(tasks, differences, strict=True)))
    spread = [task.weight**2 * d.var(ddof=min(1, len(d) - 1)) for task, d in zip(tasks, differences, strict=True)]
    for items in range(2, max(sizes) + 1):
        if ahead > TWO_SIDED_Z * math.sqrt(sum(s / min(items, size) for s, size in zip(spread, sizes, strict=True))):
            return items
    return None


def race_json(state: Race, names: Sequence[str], tasks: Sequence[RaceTask], alpha: float) -> dict[str, Any]:
    """The race for --json: outcome, who remains, who is out and why, what decides."""
    chosen = state.decided_by is not None
    return {
        "decided_by": state.decided_by,
        "best": names[state.leader] if chosen else None,
        "leader": None if state.leader is None else names[state.leader],
        "remaining": [names[i] for i in state.members],
        "out": [names[i] for i in sorted(state.exits)],
        "round": state.number,
        "rounds": [{"checkpoints": r.checkpoints, "limit": r.limit} for r in state.rounds],
        "alpha": alpha,
        "error": state.error,
        "tasks": {task.name: {"weight": task.weight, "items": task.size} for task in tasks},
        "checkpoints": [entry_json(state, i, name, tasks) for i, name in enumerate(names)],
    }


def entry_json(state: Race, i: int, name: str, tasks: Sequence[RaceTask]) -> dict[str, Any]:
    """One checkpoint of the race: its state, and how it stands to the leader on the items that both have."""
    left, gap = state.exits.get(i), state.gaps.get(i)
    entry = {
        "name": name,
        "state": "leader" if i == state.leader else f"out: {left.by}" if left else "in the race",
        "round": left.round if left else state.number,
        "items": {task.name: task.asked[i] for task in tasks},
        "e_value": state.e_values[i],
    }
    if gap is None:
        return entry
    return entry | {
        "difference": gap.ahead,
        "standard_error": gap.standard_error,
        "p_better": gap.p_better,
        "items_compared": gap.items,
        "wins": gap.wins,
        "losses": gap.losses,
        "e_discordant": discordant_evidence(gap.wins, gap.losses),
        "items_to_tell": items_to_tell(tasks, i, state.leader),
    }


def race_table(plan: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Header and rows of the race for people."""
    header = ["checkpoint", "state", "items", "to the leader", "std. error", "E (not the best)", "P(better)", "to tell"]
    rows = []
    for entry in plan["checkpoints"]:
        left = entry["state"].startswith("out") and f" (round {entry['round']})"
        row = [entry["name"], entry["state"] + (left or ""), f"{sum(entry['items'].values()):,}"]
        if "difference" in entry:
            tell = "–" if entry["items_to_tell"] is None else f"{entry['items_to_tell']:,}"
            row += [f"{entry['difference']:+.3f}", number(entry["standard_error"])]
            row += [f"{entry['e_value']:.3g}", number(entry["p_better"], 2), tell]
        rows.append(row + ["–"] * (len(header) - len(row)))
    return header, rows


def race_lines(plan: Mapping[str, Any]) -> list[str]:
    """The state of the race in words; the last line is the next command, while there is one."""
    share = plan["sent"] / plan["all_samples"]
    counts = f"samples sent: {plan['sent']:,} of {plan['all_samples']:,} ({share:.1%}), repeated items counted"
    rounds = ", ".join(f"{r['checkpoints']} x {r['limit']}" for r in plan["rounds"])
    schedule = f"rounds (checkpoints x items of each of {len(plan['tasks'])} tasks): {rounds}"
    if plan["decided_by"]:
        why = {
            "evidence": f"the evidence against all others is wrong with probability {plan['alpha']:g} at most",
            "tie": "the full run would hardly tell the remaining ones apart",
            "items": "all items of the remaining ones are measured: without --plan-next the ranking has its statistics",
            "budget": "the last round is over",
        }[plan["decided_by"]]
        sure = f"that the full run's tied set lacks it has a probability of about {plan['error']:.2f} (estimate)"
        best = f"best: {plan['best']}" if plan["best"] else "no best, as the ranking says"
        return [schedule, counts, f"{best}, decided by {plan['decided_by']}: {why}; {sure}"]
    lines = [
        schedule,
        counts,
        f"undecided, round {plan['round']} of {len(plan['rounds'])}: {len(plan['remaining'])} remain "
        f"({listing(plan['remaining'], 20)}); at most {plan['samples_left']:,} more samples decide",
    ]
    if plan["next_command"] is None:
        wanted = plan["next"]
        lines.append(
            f"next: measure {wanted['limit'] or 'all'} items of each task for {listing(wanted['checkpoints'], 200)}, "
            "with the settings of the records"
        )
    else:
        lines.append(plan["next_command"])
    return lines
