"""Results, standings, statistics and the ranking of checkpoints."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from parts.checkpoints import Checkpoint, Skipped
from parts.records.measured import Result
from parts.statistics.intervals import Estimate, Interval

RANKING_SCHEMA = "3"
EXCLUDED = "left out with --exclude"  # why a checkpoint does not take part
OTHER_SCALE = "on another scale"


@dataclass(frozen=True, slots=True)
class Standing:
    """How sure a checkpoint's place is; `score` is what ranks (eval_accuracy, or with --smooth the trailing mean)."""

    score: float
    interval: Interval
    p_best: float | None  # None where nothing else is ranked, or lost attempts could change who is best
    ranks: tuple[int, int]
    p_value: float  # of the model confidence set: below 0.05 it is not in the tied set
    difference: tuple[float, float, float] | None = None  # to the baseline: estimate, low, high


@dataclass(frozen=True, slots=True)
class Corrected:
    """The score of the best point estimate, as found and corrected for having been picked."""

    name: str
    raw: float
    value: float
    standard_error: float
    method: str
    gain: tuple[float, float, float] | None = None  # over the base model: corrected estimate, low, high


@dataclass(frozen=True, slots=True)
class Trend:
    """What the last checkpoints do: the change over them by their regression line, with its interval."""

    verdict: str
    change: Interval
    estimate: float
    names: tuple[str, ...]
    checkpoint: str | None = None  # that the verdict names


@dataclass(frozen=True, slots=True)
class Statistics:
    """How sure the ranking is; `standings` by checkpoint name, for those that can be chosen."""

    source: str  # items, standard errors, or both
    method: str
    draws: int
    seed: int
    items: int
    by_errors: tuple[str, ...]  # tasks without usable samples: independent normal errors
    standings: Mapping[str, Standing]
    tied_set: tuple[str, ...]
    corrected: Corrected
    trend: Trend | None
    baseline: str | None = None
    baseline_score: float | None = None  # of another model than the checkpoints


@dataclass(frozen=True, slots=True)
class Unlike:
    """A checkpoint whose runs were not measured as the others' were, or not validly; its scores where all have some."""

    checkpoint: Checkpoint
    reasons: tuple[str, ...]
    scores: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Ahead:
    """A checkpoint that is not ranked and reports a better score than the best of the ranked ones, or (`within`) one
    that is not shown to be worse.

    `score` is over `over` where that is not all that is ranked; `remedy`: what would make it one of the ranked.
    """

    name: str
    score: float
    why: str
    remedy: str
    over: str = ""
    standard_error: float | None = None
    within: bool = False


@dataclass(frozen=True, slots=True)
class Ranked:
    """A compared checkpoint with its scores by benchmark and by category, and the mean that ranks it."""

    checkpoint: Checkpoint
    eval_accuracy: float
    standard_error: float | None
    scores: Mapping[str, Estimate]
    categories: Mapping[str, Estimate]
    records: tuple[str, ...] = ()
    unranked: Mapping[str, Estimate] = field(default_factory=dict)  # measured, but not for every compared checkpoint
    tasks: Mapping[str, Mapping[str, Estimate]] = field(default_factory=dict)  # of each benchmark
    reach: tuple[float, float] | None = None  # eval_accuracy with all lost attempts wrong, and right; None: none lost
    part_weights: Mapping[str, float] = field(default_factory=dict)  # of a task in its benchmark's score
    interval: Interval | None = None
    whole: Estimate | None = None  # eval_accuracy with its unit, metric and direction, where a formula made none of it
    smoothed: float | None = None  # with --smooth: the mean over the last checkpoints up to this one
    smoothed_reach: tuple[float, float] | None = None  # the same of it
    distribution: Mapping[str, Any] = field(default_factory=dict)
    incomplete: Mapping[str, str] = field(default_factory=dict)  # benchmark -> what it lacks to be one

    @property
    def sign(self) -> int:
        """-1 where less of what ranks is better (WER, perplexity)."""
        return -1 if self.whole is not None and self.whole.lower_is_better else 1

    @property
    def ranks_by(self) -> float:
        """The number that places it, more is better: eval_accuracy, or with --smooth the mean over the last ones."""
        return self.sign * (self.eval_accuracy if self.smoothed is None else self.smoothed)

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the greatest that ranks_by could be, whatever the lost attempts would have got."""
        reach = self.reach if self.smoothed is None else self.smoothed_reach
        return (self.ranks_by, self.ranks_by) if reach is None else (self.sign * reach[0], self.sign * reach[1])

    @property
    def metric(self) -> str:
        """What ranks it: eval_accuracy, or the one metric that is no share of right answers."""
        averages = self.whole is None or self.whole.averages
        return "eval_accuracy" if averages else self.whole.metric or "score"

    def title(self, key: str, name: str) -> str:
        """A benchmark's name, and how many of its parts its score is of, where these are not all."""
        return f"{name} ({len(self.tasks.get(key, ())) or 'some'} of its parts)" if key in self.incomplete else name

    def score(self, key: str) -> Estimate | None:
        """Its score for a benchmark or a category, ranked or not."""
        return self.scores.get(key) or self.categories.get(key) or self.unranked.get(key)


def candidates(ranked: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """The checkpoints that can be chosen: all, or with --smooth those with a smoothed score."""
    return tuple(r for r in ranked if r.smoothed is not None) or tuple(ranked)


def could_win(best: Ranked, ranked: Sequence[Ranked]) -> tuple[Ranked, ...]:
    """The others that would be the best with other outcomes of the attempts that were lost."""
    rest = (r for r in candidates(ranked) if r is not best and r.ends[1] > best.ends[0] + 1e-12)
    return tuple(r for r in rest if r.ends[0] < r.ends[1] or best.ends[0] < best.ends[1])


@dataclass(frozen=True, slots=True)
class Ranking:
    """The outcome: compared checkpoints in step order, the benchmarks that rank, the best one and its ties."""

    score_source: str
    overall: str
    benchmarks: tuple[str, ...]
    ranked: tuple[Ranked, ...]
    best: Ranked
    tied: tuple[Ranked, ...]
    skipped: tuple[Skipped, ...]
    notes: tuple[str, ...] = ()
    failures: tuple[dict[str, Any], ...] = ()
    left_out: tuple[str, ...] = ()  # measured for all, and no part of what ranks: why
    harnesses: tuple[str, ...] = ()
    unlike: tuple[Unlike, ...] = ()
    ahead: tuple[Ahead, ...] = ()  # which leave it open what is best
    lacks: tuple[
        str, ...
    ] = ()  # benchmarks of others that the leading one was not measured on: they leave it open, too
    allow_unlike: bool = False
    statistics: Statistics | None = None
    no_statistics: str = "nothing was measured"
    smooth: int = 1
    tie_break: str | None = None
    partial: str = ""  # that it is about a part of the items
    base: Ranked | None = None  # the model of --baseline-model: measured alike, and not ranked
    counted: tuple[Result, ...] = ()  # the best one's results that its scores are made of
    measured: tuple[Result, ...] = ()  # all that were measured of it, also what does not rank

    @property
    def equal(self) -> bool:
        """Whether nothing tells the checkpoints apart: all measured with one score, and no rule chooses."""
        scores = [r.ranks_by for r in candidates(self.ranked)]
        same = all(math.isclose(score, scores[0], rel_tol=1e-12, abs_tol=1e-12) for score in scores)
        return same and len(scores) > 1 and not self.tie_break and not self.synthetic

    @property
    def open(self) -> bool:
        """Whether what is not ranked, or another one if lost attempts were known, may be better than what leads."""
        return bool(self.ahead or self.lacks or self.rivals)

    @property
    def rivals(self) -> tuple[Ranked, ...]:
        """Those that other outcomes of lost attempts would make the best one, where no rule chooses among them."""
        return () if self.tie_break or self.equal else could_win(self.best, self.ranked)

    @property
    def undecided(self) -> bool:
        """Whether it names no best one: nothing tells them apart, or another one may be better."""
        return self.equal or self.open

    @property
    def metric(self) -> str:
        """What ranks, for a table's head: eval_accuracy, or the one metric that is no share of right answers."""
        return self.best.metric + (" (less is better)" if self.best.sign < 0 else "")

    @property
    def synthetic(self) -> bool:
        """True when the scores come from the step number and not from an evaluation."""
        return self.score_source == "step-formula"
