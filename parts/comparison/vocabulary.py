"""Runs, sides, pairs, rows and decisions of a comparison."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from parts.comparison.chosen_items import ChosenItems
from parts.frame import MANY, ScriptError, listing
from parts.records.run import Answer, Run
from parts.statistics.differences import Evidence
from parts.statistics.nights import Drift, Sequential

if TYPE_CHECKING:
    import numpy as np

COMPARISON_SCHEMA = "1"
DEFAULT_DROP = 0.01  # of the metric's range: one point of a score between 0 and 100 %
DEFAULT_GAIN = 0.02
GO, NO_GO, INCONCLUSIVE = "GO", "NO-GO", "INCONCLUSIVE"
NOT_COMPARABLE, ABSENT = "NOT COMPARABLE", "MISSING"
REPORT = "report"  # a tier, and what stands in place of a verdict for what is shown and never gated
UNDECIDED_WAYS = ("ask", "pass", "fail")  # what an undecided benchmark is to the gate
BETTER, NO_REGRESSION, REGRESSION = "BETTER", "NO REGRESSION", "REGRESSION"
ItemId = tuple[str, str]  # subtask, sample_id
STYLES = {
    **dict.fromkeys((GO, BETTER, NO_REGRESSION), "bold green"),
    **dict.fromkeys((NO_GO, REGRESSION), "bold red"),
    **dict.fromkeys((INCONCLUSIVE, NOT_COMPARABLE, ABSENT), "yellow"),
    REPORT: "",
}
OBSERVED = "the true difference is the observed one"  # assumptions of how many items would decide
UNCHANGED = "the model is unchanged"
SCORED_FILES = "score_predictions"  # whose answers come from a file: no prompt of ours, and nothing to run again


@dataclass(frozen=True, slots=True)
class Limits:
    """What a policy demands of one benchmark; a drop or gain as a share of the metric's range, or of the baseline."""

    tier: str = "critical"
    max_drop: float | str | None = None  # a share (0.01, "1 %"), or an amount with its unit: "1 BLEU"
    max_relative_drop: float | None = None
    relative_guard_below: float | None = None
    min_gain: float | str | None = None
    min_relative_gain: float | None = None
    min_items: int = 0
    metric: str | None = None
    direction: str | None = None
    note: str | None = None
    in_percent: tuple[str, ...] = ()  # which of its relative limits say that they are: "5 %"

    def allowed_drop(self, baseline: float, span: float | None) -> float | None:
        """The largest drop that passes, in the metric's unit; None when nothing bounds it.

        `span` is the width of the metric's range. As in NeMo Evaluator, the relative limit holds for a baseline below
        relative_guard_below only, and where both limits hold the stricter one decides.
        """
        relative = self.max_relative_drop
        if relative is not None and self.relative_guard_below is not None:
            relative = relative if baseline / (span or 1.0) < self.relative_guard_below else None
        absolute = DEFAULT_DROP if self.max_drop is None and relative is None else self.max_drop
        return smallest(
            None if absolute is None or span is None else absolute * span,
            None if relative is None else relative * abs(baseline),
        )

    def wanted_gain(self, baseline: float, span: float | None) -> float | None:
        """The gain that a target must exceed, in the metric's unit; None when nothing bounds it."""
        relative = None if self.min_relative_gain is None else self.min_relative_gain * abs(baseline)
        absolute = DEFAULT_GAIN if self.min_gain is None and relative is None else self.min_gain
        share = None if absolute is None or span is None else absolute * span
        found = [gain for gain in (relative, share) if gain is not None]
        return max(found) if found else None


@dataclass(frozen=True, slots=True)
class Policy:
    """The rule and its numbers; `benchmarks` by canonical key."""

    rule: str = "release"
    alpha: float = 0.05
    power: float = 0.8
    supporting: str = "block"
    targets: tuple[str, ...] = ()
    min_better: int = 2
    max_invalid: float = MANY
    harness: Mapping[str, str] = field(default_factory=dict)
    cluster_by: str | None = None
    hardware: str | None = None
    limitations: tuple[str, ...] = ()
    defaults: Limits = Limits()
    benchmarks: Mapping[str, Limits] = field(default_factory=dict)
    further: Mapping[str, tuple[Limits, ...]] = field(default_factory=dict)  # of benchmarks with several metrics
    undecided: Mapping[str, str] = field(default_factory=dict)  # tier -> ask (also where it is not named), pass, fail
    require: tuple[str, ...] = ()  # what each side's records must have: hash, samples
    require_paired: bool = False
    latest: bool = False
    allow_unlike: bool = False
    items: ChosenItems = field(default_factory=ChosenItems)  # which items count, where not all do
    tried: int | None = None  # how many candidates the one that is compared was picked from

    def named(self, key_of: Callable[[str], str]) -> Policy:
        """The policy with its benchmarks by the names that the records have; ScriptError for two names of one."""
        keys = [key_of(name) for name in self.benchmarks]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            names = listing(name for name, key in zip(self.benchmarks, keys, strict=True) if key == twice)
            raise ScriptError(f"--policy: benchmarks: {names} are all {twice} in these records")
        benchmarks, further = (
            {key_of(key): limits for key, limits in own.items()} for own in (self.benchmarks, self.further)
        )
        return replace(self, benchmarks=benchmarks, further=further, targets=tuple(map(key_of, self.targets)))

    def spread(self, categories: Mapping[str, Sequence[str]]) -> Policy:
        """The policy with what it says of a category said of each benchmark of it that has nothing of its own."""
        benchmarks, further = (
            {
                key: limits
                for name, limits in own.items()
                for key in categories.get(name, (name,))
                if key == name or key not in self.benchmarks
            }
            for own in (self.benchmarks, self.further)
        )
        targets = dict.fromkeys(key for name in self.targets for key in categories.get(name, (name,)))
        return replace(self, benchmarks=benchmarks, further=further, targets=tuple(targets))

    def limits(self, key: str) -> Limits:
        """What holds for a benchmark, by its first metric where several are named."""
        return self.benchmarks.get(key, self.defaults)

    def of_metric(self, key: str, place: int) -> Policy:
        """The policy for one of a benchmark's metrics alone."""
        return replace(self, benchmarks={**self.benchmarks, key: (self.limits(key), *self.further[key])[place]})

    def blocks(self, key: str) -> bool:
        """Whether the overall verdict depends on a benchmark."""
        tier = self.limits(key).tier
        if tier == REPORT:
            return False
        return key in self.targets or tier == "critical" or (tier == "supporting" and self.supporting == "block")


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """Why a task has no score, and the result file whose numbers cannot be so, where it is that."""

    error: str
    file: str = ""
    record: str = ""  # the file that says it failed


@dataclass(frozen=True, slots=True)
class ModelRuns:
    """Everything recorded about one model: its runs, and the tasks that failed with their errors."""

    name: str
    runs: tuple[Run, ...]
    failures: Mapping[str, TaskFailure] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Side:
    """One model's part of a comparison: item scores over all repeats, and the means that the repeats have."""

    runs: tuple[Run, ...]
    scores: Mapping[ItemId, tuple[float, ...]]
    answers: Mapping[ItemId, Answer]
    errors: frozenset[ItemId]
    run_scores: tuple[float, ...]
    notes: tuple[str, ...] = ()

    @property
    def lost(self) -> frozenset[ItemId]:
        """The items of which an attempt was lost; also by leaving them out, which `errors` does not count."""
        return self.errors.union((run.subtask, name) for run in self.runs for name in run.errors)

    @property
    def repeats(self) -> int:
        """How often the items were asked."""
        return len(self.run_scores)

    def counted(self, what: str) -> int:
        """How many answers the records call empty, truncated, ..."""
        return sum(run.counts.get(what, 0) for run in self.runs)

    @property
    def asked(self) -> int:
        """How many answers the records are about."""
        return sum(run.n or len(run.repeats) * (len(run.repeats[0]) if run.repeats else 0) for run in self.runs)


@dataclass(frozen=True, slots=True)
class Pairs:
    """The items that both sides have scored, in an order that depends on their scores alone.

    shared: "clusters" and "raters" -> the number of each item's, where items share them. within: the mean variance of
    an item's repeats, on each side (0 where each item was asked once); between: that of the means of the runs. stretch:
    what an item's score was multiplied by at most, so that parts of other sizes count once each.
    """

    baseline: np.ndarray
    candidate: np.ndarray
    shared: Mapping[str, np.ndarray]
    within: tuple[float, float] = (0.0, 0.0)
    repeats: tuple[int, int] = (1, 1)
    between: tuple[float, float] = (0.0, 0.0)
    stretch: float = 1.0

    @property
    def n(self) -> int:
        """How many items are paired."""
        return len(self.baseline)


@dataclass(frozen=True, slots=True)
class CorpusItems:
    """What the items of both sides add to a score of the whole corpus: two (items, d) arrays of the same items.

    formula: see parts/statistics/corpus.py; groups: the number of what each item shares, or None. scale: from the
    formula's score to the row's unit.
    """

    formula: str
    rows: tuple[np.ndarray, np.ndarray]
    groups: np.ndarray | None
    names: tuple[ItemId, ...]
    classes: tuple[str, ...] = ()
    scale: float = 1.0


@dataclass(frozen=True, slots=True)
class Basis:
    """What the data say about the gain (more is better): the evidence and how it was made, or why there is none."""

    evidence: Evidence | None
    method: str
    n: int = 0
    variance: float | None = None  # of an item's difference around zero, the design effect included
    binary: bool = False
    discordant: tuple[int, int] | None = None  # items only the candidate has right, only the baseline
    design_effect: float = 1.0
    p_difference: float | None = None
    score_intervals: tuple[tuple[float, float] | None, ...] = ()  # of both sides, where they come with the evidence


@dataclass(frozen=True, slots=True)
class NightsFound:
    """What the last nights say of a benchmark: gains (more is better) by date, drift, tonight's change, evidence."""

    count: int
    first: str
    last: str
    gains: tuple[float, ...]
    dates: tuple[str, ...]
    drift: Drift | None
    since: str | None  # the date after which it drifts
    change: tuple[float, float] | None  # tonight less the nights before, two-sided p
    sequence: Sequential | None
    decided: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """One benchmark of one candidate: scores, difference and verdict. `gain` values are oriented: more is better."""

    candidate: str
    key: str
    label: str
    tier: str
    role: str  # "target" or "general"
    blocking: bool
    verdict: str = ABSENT
    baseline_score: float | None = None
    score: float | None = None
    unit: str = "proportion"
    metric: str = ""
    spelled_metric: str = ""  # as its harness has it, with the filter: "exact_match,strict-match"
    lower_is_better: bool = False
    span: float | None = None
    sides: tuple[Side, Side] | None = None
    pairs: Pairs | None = None
    corpus: CorpusItems | None = None
    basis: Basis | None = None
    threshold: float | None = None
    limit_by: str = ""  # which of the policy's limits that is: max_drop, max_relative_drop, min_gain, …
    levels: tuple[float, float] | None = None  # one-sided, at which the lower and the upper bound are taken
    bounds: tuple[float, float] | None = None
    p_values: Mapping[str, float] = field(default_factory=dict)
    invalid: bool = False  # whether what keeps it from being compared is that a score is not valid
    items_needed: int | None = None
    needed_if: str | None = None
    needed_unchanged: int | None = None  # beside those if the difference is the observed one
    shown: str = ""  # the label with the metric, where it is not the benchmark's usual one
    by: str = ""  # "language=de": the part of a benchmark that it is about, where it is broken down
    size: int | None = None  # how many items the benchmark has, where the vocabulary knows it
    noise: Noise | None = None
    nights: NightsFound | None = None
    reasons: tuple[str, ...] = ()  # of the notes, those that keep it from being compared
    notes: tuple[str, ...] = ()
    parts_once: bool = False  # whether each of its parts counts once, whatever the number of its items

    @property
    def sign(self) -> int:
        """-1 when less is better."""
        return -1 if self.lower_is_better else 1

    @property
    def delta(self) -> float | None:
        """Candidate minus baseline, in the metric's unit; None where they cannot be compared."""
        if self.score is None or self.baseline_score is None or self.verdict == NOT_COMPARABLE:
            return None
        return self.score - self.baseline_score

    def as_shown(self, low: float, high: float) -> tuple[float, float]:
        """An interval of the gain as one of the difference."""
        return (low, high) if self.sign > 0 else (0.0 - high, 0.0 - low)


@dataclass(frozen=True, slots=True)
class Noise:
    """The A/A noise floor: how far two measurements of one unchanged model lie apart, 95 % of the time."""

    half_width: float
    repeats: int
    changed: float | None  # share of the items whose score differs between two repeats


@dataclass(frozen=True, slots=True)
class Pareto:
    """P(no other result is at least as good on all benchmarks and better on one), over `benchmarks`."""

    benchmarks: tuple[str, ...]
    probability: Mapping[str, float]
    front: tuple[str, ...]  # by the scores of the items that all have
    items: int


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer."""

    verdict: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    baseline: str
    candidates: Mapping[str, str]  # name -> its own verdict
    rows: tuple[Row, ...]
    policy: Policy
    pareto: Pareto | None = None
    chosen: str | None = None  # the best of several candidates, where one is taken
    why_open: str | None = None  # why there is no GO and no NO-GO: invalid, not_comparable, missing, undecided


def smallest(*values: float | None) -> float | None:
    """The smallest of the values that are there."""
    found = [value for value in values if value is not None]
    return min(found) if found else None
