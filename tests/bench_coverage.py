#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "choix>=0.4.1,<0.5",
#     "jiwer>=4,<5",
#     "krippendorff>=0.8,<1",
#     "numpy>=2,<3",
#     "sacrebleu>=2.5,<3",
#     "scikit-learn>=1.6,<2",
#     "scipy>=1.15,<2",
#     "statsmodels>=0.14.4,<0.16",
# ]
# ///
"""How often the project's 95 % intervals hold the truth, and how often its gates are wrong, by simulation.

  uv run tests/bench_coverage.py
  uv run tests/bench_coverage.py --draws 20000 --only single --json

The data are made here, from distributions whose truth is known, and share no code with what is judged. Every figure has
its Monte-Carlo error (one standard error). "single": one score; "overall": the mean of several tasks; "changes":
verdicts about continuous scores whose true change is exactly the limit; "counts": the same for right and wrong answers,
enumerated exactly; "ratings": means of ratings by a few people, and their differences;
"corpus": verdicts about error rates and perplexities; "scores": every other score that
score_predictions prints; "opinions": agreement, ratings of models, win rates, and calibration errors, which have no
interval. Goals: 93 to 98 % of what an interval holds (at least 93 % with twenty passages or fewer, a handful of raters,
or where hardly an item is wrong: such intervals allow for what was not met), at most 5 % of false verdicts.

Exit codes: 0 every figure reaches its goal within three Monte-Carlo errors; 1 some do not (they are marked).
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

SHARES = (0.5, 0.7, 0.9, 0.95, 0.99)
SIZES = (50, 100, 200, 500)
KINDS = ("independent", "passages of 5", "passages of 10", "4 repeats", "continuous", "mostly 1")
LIMITS = (-0.01, 0.02)
FEW_PASSAGES = 20
CHANGES = (
    "1 in 20 drops", "1 in 20 rises", "1 in 50 drops", "1 in 50 rises", "3 % change", "30 % change", "long tail down",
    "long tail up", "dense",
)  # fmt: skip


@dataclass(frozen=True)
class Figure:
    """A share of the simulated data sets, in percent, with its Monte-Carlo error and what it ought to be."""

    what: str
    case: str
    n: int
    truth: float
    percent: float
    error: float
    low: float
    high: float

    @property
    def kept(self) -> bool:
        """Whether the goal is reached, within three Monte-Carlo errors."""
        return self.low - 3 * self.error <= self.percent <= self.high + 3 * self.error


def figure(what: str, case: str, n: int, truth: float, hits: Any, low: float, high: float) -> Figure:
    """The figure of a boolean array."""
    share = float(hits.mean())
    error = math.sqrt(max(share * (1 - share), 1 / len(hits)) / len(hits))
    if "passages" in case and n / int(case.split()[-1]) <= FEW_PASSAGES:
        high = 100  # a handful of passages cannot tell how alike their items are: the interval allows for all of it
    return Figure(what, case, n, truth, 100 * share, 100 * error, low, high)


def item_scores(kind: str, n: int, share: float, draws: int, rng: Any) -> tuple[Any, Any]:
    """((draws, n) scores with the expectation `share`, group of each item or None)."""
    import numpy as np

    if kind == "independent":
        return (rng.random((draws, n)) < share).astype(float), None
    if kind == "continuous":
        return rng.beta(share, 1 - share, (draws, n)), None
    if kind == "mostly 1":  # the others lie anywhere between 0 and 1
        return np.where(rng.random((draws, n)) < 2 * (1 - share), rng.random((draws, n)), 1.0), None
    if kind == "4 repeats":  # of items that are mostly easy or hard
        chance, size = rng.beta(share, 1 - share, (draws, n, 1)), 4
    else:
        size = int(kind.split()[-1])
        chance = rng.beta(share * 7 / 3, (1 - share) * 7 / 3, (draws, n // size, 1))  # intraclass correlation 0.3
    scores = rng.random((*chance.shape[:2], size)) < chance
    return scores.reshape(draws, -1).astype(float), np.repeat(np.arange(chance.shape[1]), size)


def single(draws: int, rng: Any) -> Iterator[Figure]:
    """Coverage of the interval of one score."""
    from parts.statistics.bounded import mean_of

    for kind in KINDS:
        for n in SIZES:
            for share in SHARES:
                scores, groups = item_scores(kind, n, share, draws, rng)
                low, high = mean_of(scores, (groups,)).interval()
                yield figure("single", kind, n, share, (low <= share) & (share <= high) & (low < high), 93, 98)


def overall(draws: int, rng: Any) -> Iterator[Figure]:
    """Coverage of the interval of a mean of three or fifteen tasks that are not equally hard."""
    import numpy as np

    from parts.statistics.bounded import mean_of, mean_of_means

    for tasks in (3, 15):
        for kind in KINDS[:-1]:
            for n in (50, 200):
                for share in SHARES:
                    shares = np.linspace(2 * share - 1 if share > 0.5 else 0.2, min(1.0, 1.2 - share / 5), tasks)
                    shares = np.clip(shares * share / shares.mean(), 0.01, 0.999)
                    parts = []
                    for one in shares:
                        scores, groups = item_scores(kind, n, one, draws, rng)
                        parts.append((1 / tasks, mean_of(scores, (groups,))))
                    low, high = mean_of_means(parts).interval()
                    truth = float(shares.mean())
                    hits = (low <= truth) & (truth <= high)
                    yield figure("overall", f"{tasks} tasks, {kind}", n, round(truth, 3), hits, 93, 98)


def changes_of(kind: str, n: int, mean: float, draws: int, rng: Any) -> Any:
    """(draws, n) differences of continuous scores whose expectation is `mean`."""
    import numpy as np

    shape = (draws, n)
    if kind.startswith("1 in"):
        rare, sign = 1 / int(kind.split()[2]), 1 if kind.endswith("rises") else -1
        rest = (mean - sign * 0.7 * rare) / (1 - rare)
        return np.where(rng.random(shape) < rare, sign * 0.7, rest + 0.02 * rng.standard_normal(shape))
    if "% change" in kind:
        share = int(kind.split()[0]) / 100
        up = min(max((2 * mean / share + 1) / 2, 0.0), 1.0)
        size = rng.random(shape) * 2 * abs(mean) / share if up in (0, 1) else rng.random(shape)
        return np.where(rng.random(shape) < share, np.where(rng.random(shape) < up, size, -size), 0.0)
    if kind.startswith("long tail"):
        sign = 1 if kind.endswith("up") else -1
        tail = rng.beta(0.25, 2.25, shape)  # mean 0.1
        return mean + sign * (tail - 0.1)
    return mean + 0.1 * rng.uniform(-1, 1, shape)


def changes(draws: int, rng: Any) -> Iterator[Figure]:
    """False verdicts about paired continuous scores at the limit; nothing may be shown there."""
    from parts.statistics.differences import paired_difference

    for kind in CHANGES:
        for limit in LIMITS:
            for n in (30, 100, 500):
                evidence = paired_difference(changes_of(kind, n, limit, draws, rng))
                passed, failed = evidence.lower(0.05) > limit + 1e-12, evidence.upper(0.05) < limit - 1e-12
                yield figure("false GO", kind, n, limit, passed, 0, 5)
                yield figure("false NO-GO", kind, n, limit, failed, 0, 5)


def counts(draws: int, rng: Any) -> Iterator[Figure]:
    """False verdicts about right and wrong answers at the limit, at two levels, by enumeration of all outcomes."""
    import numpy as np
    from scipy import stats

    from parts.statistics.bounded import BoundedMean
    from parts.statistics.differences import Difference

    for level in (0.05, 0.05 / 15):
        for limit in (*LIMITS, 0.0):
            for n in (50, 100, 164, 268, 300, 500, 1000):
                for both in (0.0, 0.002, 0.01, 0.05, 0.2):
                    gain, loss = both + max(limit, 0.0), both + max(-limit, 0.0)
                    most = [int(stats.binom.ppf(1 - 1e-10, n, rate)) + 1 for rate in (gain, loss)]
                    up, down = (a.ravel() for a in np.meshgrid(*(np.arange(min(m, n) + 1) for m in most)))
                    up, down = up[up + down <= n], down[up + down <= n]
                    chance = stats.multinomial.pmf(
                        np.stack([up, down, n - up - down], -1), n, [gain, loss, 1 - gain - loss]
                    )
                    deviation = np.sqrt(np.maximum(up * (n - up) * 1.0 * down * (n - down), 1e-30))
                    correlation = -up * down / deviation
                    ends = Difference(
                        BoundedMean(up / n, 1 / n, 1 / n), BoundedMean(down / n, 1 / n, 1 / n), correlation
                    )
                    for what, hits in (("GO", ends.lower(level) > limit), ("NO-GO", ends.upper(level) < limit)):
                        percent = 100 * float(chance[hits].sum())
                        case = f"{100 * (gain + loss):g} % change, level {100 * level:.2g} %"
                        yield Figure(f"false {what}", case, n, limit, percent, 0.0, 0, 110 * level)


def ratings(draws: int, rng: Any) -> Iterator[Figure]:
    """Means of ratings on 1 to 5 by few raters, and differences of two systems rated by the same people."""
    import numpy as np

    from parts.statistics.bounded import mean_of

    for raters in (3, 6, 12):
        for items in (20, 50):
            item, rater = (a.ravel() for a in np.meshgrid(np.arange(items), np.arange(raters), indexing="ij"))

            def effects(scale: float, count: int) -> Any:
                return scale * rng.standard_normal((draws, count))

            noise = effects(0.6, items * raters)
            value = 3 + effects(0.5, items)[:, item] + effects(0.4, raters)[:, rater] + noise
            low, high = mean_of((value - 1) / 4, (item, rater)).interval()
            case = f"{raters} raters"
            yield figure("mean rating", case, items, 3, (low <= 0.5) & (high >= 0.5), 93, 100)
            yield from rated_changes(case, items, raters, min(draws, 1000), rng)
    for clusters, size in ((12, 20), (50, 5), (200, 5)):  # right and wrong answers, of which hardly any become right
        for share in (0.1, 0.3):
            of, count = np.repeat(np.arange(clusters), size), min(draws, 1000)
            chance = rng.beta(share / 0.2, (1 - share) / 0.2, (count, clusters))[:, of]
            up = (rng.random(chance.shape) < chance).astype(float)
            yield from verdicts(f"{clusters} clusters of {size}, {share} better", len(of), share, up, [of], 1.0)


def rated_changes(case: str, items: int, raters: int, draws: int, rng: Any) -> Iterator[Figure]:
    """Two systems rated by the same people, on a line and on 1 to 5 with every fifth rating missing."""
    import numpy as np

    item, rater = (a.ravel() for a in np.meshgrid(np.arange(items), np.arange(raters), indexing="ij"))
    kept = rng.random(len(item)) < 0.8
    kept[(item == 0) | (rater == item % raters)] = True
    for shares in ((0.2, 0.3, 0.8), (0.0, 0.3, 0.8), (0.3, 0.0, 0.8), (0.8, 0.1, 0.3), (0.1, 0.8, 0.3)):
        one, two, three = (
            sum(
                scale * rng.standard_normal((draws, of.max() + 1))[:, of]
                for scale, of in zip(shares, (rater, item, np.arange(len(item))), strict=True)
            )
            for _ in range(3)
        )
        name = f"{case}, {' '.join(map(str, shares))}"
        yield from verdicts(name, items, 0, one, [item, rater], 4.0)
        both = [np.clip(np.rint(3.3 + 0.7 * own), 1, 5)[:, kept] for own in (two, three)]
        yield from verdicts(f"{name}, 1 to 5", items, 0, both[1] - both[0], [item[kept], rater[kept]], 4.0)


def verdicts(case: str, n: int, truth: float, change: Any, ways: list[Any], span: float) -> Iterator[Figure]:
    """Of (draws, values) paired changes: how often the interval holds the truth, and verdicts are wrong."""
    import numpy as np

    from parts.statistics.differences import paired_difference

    evidence = [paired_difference(own, ways, span) for own in change]
    ends = np.array([[one.lower(0.025), one.upper(0.025), one.lower(0.05), one.upper(0.05)] for one in evidence]).T
    yield figure("paired change", case, n, truth, (ends[0] <= truth) & (truth <= ends[1]), 93, 100)
    yield figure("false GO", case, n, truth, ends[2] > truth, 0, 5)
    yield figure("false NO-GO", case, n, truth, ends[3] < truth, 0, 5)


def error_rates(n: int, rate: float, change: float, rng: Any) -> tuple[Any, Any]:
    """(errors, length) of n utterances for two systems whose error rates are `rate` and `rate` + `change` in truth."""
    import numpy as np

    length = rng.integers(3, 25, n)
    hard = rng.beta(8 * rate, 8 * (1 - rate), n)  # of the utterance, for both; independent of its length
    errors = rng.binomial(length, hard), rng.binomial(length, hard * (rate + change) / rate)
    return tuple(np.column_stack([own, length]).astype(float) for own in errors)


def likelihoods(n: int, change: float, rng: Any) -> tuple[Any, Any]:
    """(log-likelihood, length) of n documents for two models of the cross-entropies 2 and 2 + `change` in truth."""
    import numpy as np

    length, topic = rng.integers(20, 400, n), rng.gamma(8, 0.25, n)
    own = topic, topic + change + 0.2 * rng.standard_normal(n)
    return tuple(np.column_stack([-length * entropy, length]).astype(float) for entropy in own)


def corpus(draws: int, rng: Any) -> Iterator[Figure]:
    """False verdicts at the limit about error rates and perplexities, by the paired bootstrap of items' statistics."""
    import numpy as np

    from parts.comparison.corpus import corpus_basis
    from parts.comparison.vocabulary import CorpusItems
    from parts.statistics import corpus_draws

    corpus_draws.CORPUS_DRAWS = 1_000  # of each simulated data set; a tenth of what a gate draws
    sets = min(draws, 600)
    for what, make, limit in (
        ("WER", lambda n: error_rates(n, 0.2, 0.02, rng), -0.02),
        ("WER 1 %", lambda n: error_rates(n, 0.01, 0.002, rng), -0.002),
        ("perplexity", lambda n: likelihoods(n, 0.02, rng), math.exp(2) - math.exp(2.02)),
    ):
        formula = "perplexity" if what == "perplexity" else "ratio"
        for n in (80, 300):
            pairs = [make(n) for _ in range(sets)]
            found = [corpus_basis(CorpusItems(formula, rows, None, ()), -1, 1.0).evidence for rows in pairs]
            passed = np.array([one is not None and one.lower(0.05) > limit for one in found])
            failed = np.array([one is not None and one.upper(0.05) < limit for one in found])
            yield figure("false GO", what, n, limit, passed, 0, 5)
            yield figure("false NO-GO", what, n, limit, failed, 0, 5)


@dataclass(frozen=True)
class Simulated:
    """A score of items whose truth is known: how to make the items' statistics, or values, of one file."""

    what: str
    make: Any  # number of items -> statistics or values
    truth: float
    formula: str = ""  # of a corpus; else the score is the mean of values between `low` and `high`
    low: float | None = 0.0
    high: float | None = 1.0
    most: float = 98.0  # 100 where hardly an item is wrong: the interval allows for what was not met


def matched(lengths: Any, chances: Sequence[Any], rng: Any) -> list[Any]:
    """How many n-grams of each order match, each a share of those of the order below."""
    found, left = [], lengths
    for order, chance in enumerate(chances):
        left = rng.binomial(left.clip(max=(lengths - order).clip(min=0)), chance)
        found.append(left)
    return found


def sentences(formula: str, quality: float, rng: Any) -> Any:
    """A maker of BLEU's or chrF's statistics of sentences that are not equally well translated."""
    import numpy as np

    def make(n: int) -> Any:
        wanted = rng.integers(20, 200, n) if formula == "chrf" else rng.integers(6, 40, n)
        said = (wanted + rng.integers(-4, 4, n)).clip(min=4)
        good = rng.beta(6 * quality, 6 * (1 - quality), n)
        if formula == "chrf":
            hits = matched(np.minimum(said, wanted), [good**0.5] * 6, rng)
            return np.column_stack([part for k in range(6) for part in (said - k, wanted - k, hits[k])]).astype(float)
        hits = matched(said, [good, 0.6 * good**0.5, 0.75 * good**0.5, 0.8 * good**0.5], rng)
        totals = [(said - k).clip(min=0) for k in range(4)]
        return np.column_stack([*hits, *totals, said, wanted]).astype(float)

    return make


def labelled(shares: Sequence[float], right: float, formula: str, rng: Any) -> Any:
    """A maker of (wanted, said) classes, some said by chance; for F1 of the first class its statistics."""
    import numpy as np

    def make(n: int) -> Any:
        wanted, other = (rng.choice(len(shares), n, p=shares) for _ in range(2))
        said = np.where(rng.random(n) < right, wanted, other)
        if formula == "f1":
            return np.column_stack([(wanted == 0) & (said == 0), wanted == 0, said == 0]).astype(float)
        return [[str(w), str(s)] for w, s in zip(wanted.tolist(), said.tolist(), strict=True)]

    return make


def simulated_scores(rng: Any) -> Iterator[Simulated]:
    """Every score of a file that is no mean, and means of values as the other metrics have them."""
    import numpy as np
    from scipy import stats

    from parts.statistics.corpus import FORMULAS, classes_of, statistics_array

    def by_simulation(formula: str, make: Any) -> float:
        many = make(20_000 if FORMULAS[formula].by_rows or FORMULAS[formula].labels else 400_000)
        if FORMULAS[formula].labels:
            many = statistics_array(many, formula, classes_of(many, formula))
        return FORMULAS[formula].of(np.asarray(many))

    def pairs(r: float) -> Any:
        def make(n: int) -> Any:
            x = rng.standard_normal(n)
            return np.column_stack([x, r * x + math.sqrt(1 - r * r) * rng.standard_normal(n)])

        return make

    def separated(distance: float, share: float) -> Any:
        def make(n: int) -> Any:
            positive = (rng.random(n) < share).astype(float)
            return np.column_stack([rng.standard_normal(n) + distance * positive, positive])

        return make

    for rate in (0.001, 0.01, 0.05, 0.2, 0.6):
        yield Simulated(
            f"wer {rate:g}",
            lambda n, r=rate: error_rates(n, r, 0, rng)[0],
            rate,
            "ratio",
            most=98 if rate > 0.01 else 100,
        )
    yield Simulated("ter 40", lambda n: error_rates(n, 0.4, 0, rng)[0], 40, "percent_ratio")
    yield Simulated("ter 110", lambda n: error_rates(n, 0.55, 0, rng)[0] * [2, 1], 110, "percent_ratio")
    for formula, quality in (("bleu", 0.4), ("bleu", 0.8), ("chrf", 0.5)):
        make = sentences(formula, quality, rng)
        yield Simulated(f"{formula} {quality:g}", make, by_simulation(formula, make), formula)
    for formula, shares, right in (
        ("f1", (0.1, 0.9), 0.9), ("f1", (0.5, 0.5), 0.8), ("f1", (0.5, 0.5), 0.98),
        ("f1_macro", (0.6, 0.3, 0.1), 0.7), ("f1_macro", (0.4, 0.2, 0.1, 0.1, 0.1, 0.1), 0.8),
        ("f1_macro", (0.6, 0.3, 0.1), 0.97), ("mcc", (0.7, 0.3), 0.7), ("mcc", (0.8, 0.2), 0.97),
    ):  # fmt: skip
        make, rare = labelled(shares, right, formula, rng), right > 0.85
        what = f"{formula} {right:g} right, rarest {min(shares):g}"
        yield Simulated(what, make, by_simulation(formula, make), formula, most=100 if rare else 98)
    for distance, share in ((0.0, 0.4), (1.0, 0.4), (2.5, 0.2)):
        auc = float(stats.norm.cdf(distance / math.sqrt(2)))
        yield Simulated(f"auroc, {share:g} positive", separated(distance, share), auc, "auroc", most=100)
    for distance, share in ((1.0, 0.4), (2.0, 0.2)):
        make = separated(distance, share)
        truth = float(np.mean([by_simulation("average_precision", make) for _ in range(10)]))
        yield Simulated(f"average precision, {share:g} positive", make, truth, "average_precision", most=100)
    for r in (0.0, 0.8, 0.98):
        ranks, order = 6 / math.pi * math.asin(r / 2), 2 / math.pi * math.asin(r)
        for name, truth in (("pearson", r), ("spearman", ranks), ("kendall", order)):
            yield Simulated(f"{name} of {r:g}", pairs(r), truth, name)
    yield from simulated_means(rng)


def simulated_means(rng: Any) -> Iterator[Simulated]:
    """Means of an item's values as ROUGE, token F1, pass@k, rankings, Brier scores, log losses and PESQ have them."""
    import numpy as np
    from scipy import stats

    places = np.array([1, 1 / 2, 1 / 3, 1 / 5, 1 / 10, 0.0])
    common = np.array([0.4, 0.15, 0.1, 0.1, 0.05, 0.2])
    solved = np.arange(11)
    passes = {k: 1 - np.array([math.comb(10 - c, k) for c in solved]) / math.comb(10, k) for k in (1, 5)}
    chances = stats.betabinom(10, 0.6, 0.8).pmf(solved)

    def forecast(n: int) -> Any:
        p = rng.beta(1.5, 0.5, n)
        return p, rng.random(n) < p

    yield Simulated("rouge", lambda n: rng.beta(2, 6, n), 0.25)
    yield Simulated(
        "token f1",
        lambda n: np.where(rng.random(n) < 0.5, 1.0, np.where(rng.random(n) < 0.4, 0, rng.beta(2, 2, n))),
        0.65,
    )
    yield Simulated("mrr", lambda n: rng.choice(places, n, p=common), float(places @ common))
    yield Simulated("precision@5", lambda n: rng.binomial(5, rng.beta(1, 3, n)) / 5, 0.25)
    yield Simulated("map, ndcg", lambda n: np.where(rng.random(n) < 0.2, 0, rng.beta(0.8, 1.2, n)), 0.32)
    for k, values in passes.items():
        yield Simulated(f"pass@{k}", lambda n, v=values: v[rng.choice(solved, n, p=chances)], float(values @ chances))
    yield Simulated("brier", lambda n: np.square(np.subtract(*forecast(n))), 0.75 * 0.25 * 2 / 3)
    many = rng.beta(1.5, 0.5, 4_000_000).clip(1e-9, 1 - 1e-9)
    entropy = float(-(many * np.log(many) + (1 - many) * np.log1p(-many)).mean())

    def losses(n: int) -> Any:
        p, right = forecast(n)
        return -np.log(np.where(right, p, 1 - p).clip(1e-9))

    yield Simulated("log loss", losses, entropy, high=None)
    yield Simulated("pesq", lambda n: 1 + 3.64 * rng.beta(1.2, 4, n), 1 + 3.64 * 1.2 / 5.2, low=-0.5, high=4.65)


def scores(draws: int, rng: Any) -> Iterator[Figure]:
    """The intervals that score_predictions prints of one score, with independent items and with groups of 5."""
    import numpy as np

    from parts.metrics.uncertainty import mean_spread, statistics_spread
    from parts.metrics.vocabulary import Choices
    from parts.statistics.corpus import FORMULAS, classes_of, statistics_array

    choices = Choices(draws=100)
    for one in simulated_scores(rng):
        by_rows = bool(one.formula) and FORMULAS[one.formula].by_rows
        for n in (60,) if by_rows else (40, 150):
            hits = []
            for _ in range(max(2, min(draws, 100 if by_rows else 1000))):
                made = one.make(n)
                if one.formula:
                    rule = FORMULAS[one.formula]
                    rows = statistics_array(made, one.formula, classes_of(made, one.formula)) if rule.labels else made
                    value = rule.of(rows)
                    if not math.isfinite(value):
                        continue  # refused: no item of a class
                    spread = statistics_spread(made, one.formula, value, None, choices)
                else:
                    spread = mean_spread(np.asarray(made, float), [None], one.low, one.high)
                hits.append(spread.low is None or spread.low - 1e-12 <= one.truth <= spread.high + 1e-12)
            yield figure("score", one.what, n, round(one.truth, 4), np.array(hits), 93, one.most)


def rated_models(n: int, shared: tuple[int, int] | None, sets: int, rng: Any) -> Iterator[Figure]:
    """Bradley-Terry ratings of five models by independent votes, or by raters and on prompts that have their tastes."""
    import numpy as np

    from parts.metrics.vocabulary import METRICS, Choices, Item, Vote
    from parts.metrics.votes import score_bradley_terry

    def votes(count: int, raters: int, prompts: int) -> list[Item]:
        tastes = [(0.7 if shared else 0.0) * rng.standard_normal((size, 5)) for size in (raters, prompts)]
        a = rng.integers(0, 5, count)
        b = (a + rng.integers(1, 5, count)) % 5
        of = [rng.integers(0, size, count) for size in (raters, prompts)]
        worth = np.array([0.5, 0.9, 0.0, -0.4, -1.0]) + sum(t[o] for t, o in zip(tastes, of, strict=True))
        places = np.arange(count)
        won = rng.random(count) < 1 / (1 + np.exp(worth[places, b] - worth[places, a]))
        return [
            Item(i, str(i), f"q{q}" if shared else None, None, None, (), (),
                 Vote(f"m{x}", f"m{y}", float(w), None, f"r{r}" if shared else None))
            for i, (x, y, w, r, q) in enumerate(zip(a, b, won, *of, strict=True))
        ]  # fmt: skip

    def rated(items: list[Item]) -> Any:
        return score_bradley_terry(items, METRICS["bradley-terry"], Choices(model="m0"))

    truth = {row["name"]: row["score"] for row in rated(votes(60_000, 20_000, 20_000)).breakdown}
    found = [rated(votes(n, *(shared or (1, 1)))) for _ in range(sets)]
    own = [row["low"] <= truth[row["name"]] <= row["high"] for one in found for row in one.breakdown]
    gaps = [[row for row in one.breakdown if row["difference"] is not None] for one in found]
    together = [
        all(r["difference_low"] <= truth[r["name"]] - truth["m0"] <= r["difference_high"] for r in rows)
        for rows in gaps
    ]
    words = "bradley-terry" + (f", {shared[0]} raters, {shared[1]} prompts" if shared else "")
    yield figure("opinion", words, n, 0.5, np.array(own), 93, 98)
    yield figure("opinion", f"{words}, all differences", n, 0.5, np.array(together), 93, 100)


def opinions(draws: int, rng: Any) -> Iterator[Figure]:
    """The intervals of agreement, ratings of models, length-controlled and plain win rates, MUSHRA and the bias for
    what is shown first; and how often a calibrated model's error is called more than noise."""
    import numpy as np

    from parts.metrics.forecasts import score_calibration
    from parts.metrics.raters import position_bias
    from parts.metrics.ratings import agreement_scores
    from parts.metrics.uncertainty import mean_spread
    from parts.metrics.vocabulary import METRICS, Choices, Forecast, Item, Vote
    from parts.metrics.votes import score_lc_win_rate

    choices, fewer, sets = Choices(model="m0", draws=200), Choices(model="m0", draws=100), max(2, min(draws, 200))

    def as_items(values: Any, groups: Any = None) -> list[Item]:
        group = [None] * len(values) if groups is None else [str(g) for g in groups]
        return [Item(i, str(i), group[i], None, None, (), (), value) for i, value in enumerate(values)]

    def given(n: int, raters: int) -> Any:  # how often each of four grades was given to an item
        true = rng.choice(4, n, p=[0.4, 0.3, 0.2, 0.1])
        said = np.where(rng.random((n, raters)) < 0.7, true[:, None], rng.choice(4, (n, raters)))
        return np.stack([(said == grade).sum(1) for grade in range(4)], -1)

    def agreed(table: Any, level: str) -> Any:
        some = fewer if len(table) < 1000 else Choices(draws=0)
        return agreement_scores(table, [0, 1, 2, 3], level, as_items(table), METRICS["krippendorff"], some)

    for level in ("nominal", "ordinal", "interval"):
        truth = agreed(given(100_000, 3), level).value
        for n in (30, 100):
            found = [agreed(given(n, 3), level).spread for _ in range(sets)]
            hits = np.array([one.low <= truth <= one.high for one in found])
            yield figure("opinion", f"alpha, {level}", n, round(truth, 3), hits, 93, 98)
    for n, shared in ((200, None), (600, None), (400, (20, 40))):
        yield from rated_models(n, shared, min(sets, 120), rng)
    for n in (120, 400):
        fair, first, plain = [], [], []
        for _ in range(sets):
            longer = 100 * rng.standard_normal(n)
            won = rng.random(n) < 1 / (1 + np.exp(-0.4 - np.tanh(longer / 100)))
            votes = [Vote("m0", "m1", float(w), float(x)) for w, x in zip(won, longer, strict=True)]
            spread = score_lc_win_rate(as_items(votes), METRICS["lc-win-rate"], choices).spread
            fair.append(spread.low <= 1 / (1 + math.exp(-0.4)) <= spread.high)
            turned = rng.random(n) < 0.5  # m0 wins 0.6 at equal places; who is shown first has 0.07 more
            won = rng.random(n) < np.where(turned, 0.53, 0.67)
            votes = [
                Vote("m1", "m0", 1 - w, None) if t else Vote("m0", "m1", w, None)
                for t, w in zip(turned, won + 0.0, strict=True)
            ]
            told, _ = position_bias(as_items(votes), METRICS["win-rate"])
            first.append(told["first_wins_low"] <= 0.57 <= told["first_wins_high"])
            chance = np.repeat(rng.beta(1.2, 0.8, n // 4), 4)  # four judges of each answer, who tie now and then
            share = np.where(rng.random(n) < 0.2, 0.5, rng.random(n) < chance)
            spread = mean_spread(share, [np.repeat(np.arange(n // 4), 4)], 0.0, 1.0)
            plain.append(spread.low <= 0.8 * 0.6 + 0.1 <= spread.high)
        yield figure("opinion", "lc-win-rate", n, round(1 / (1 + math.exp(-0.4)), 3), np.array(fair), 93, 98)
        yield figure("opinion", "first wins", n, 0.57, np.array(first), 93, 98)
        yield figure("opinion", "win rate, 4 judges", n, 0.58, np.array(plain), 93, 98)
    for raters in (8, 20):
        hits, item, rater = [], np.repeat(np.arange(10), raters), np.tile(np.arange(raters), 10)
        for _ in range(max(2, min(draws, 1000))):
            middle = 70 + 8 * rng.standard_normal(10)[item] + 10 * rng.standard_normal(raters)[rater]
            spread = mean_spread((middle + 10 * rng.standard_normal(len(item))).clip(0, 100), [item, rater], 0, 100)
            hits.append(spread.low <= 69.35 <= spread.high)
        yield figure("opinion", f"mushra, {raters} raters", 10, 69.35, np.array(hits), 93, 100)
    for name in ("ece", "adaptive-ece", "mce", "rms-ce"):
        above = []
        for _ in range(max(2, min(draws, 200))):
            stated = rng.beta(4, 1.5, 300)
            shown = [
                Forecast("the prediction", p, bool(w), p, 0.0)
                for p, w in zip(stated, rng.random(300) < stated, strict=True)
            ]
            scores = score_calibration(as_items(shown), METRICS[name], choices)
            above.append(scores.value > scores.details["calibrated_95"])
        yield figure("false alarm", name, 300, 0, np.array(above), 0, 6)


PARTS = {
    "corpus": corpus,
    "single": single,
    "overall": overall,
    "changes": changes,
    "counts": counts,
    "ratings": ratings,
    "scores": scores,
    "opinions": opinions,
}


def figures(names: Sequence[str], draws: int, seed: int) -> Iterator[Figure]:
    """All figures of some parts."""
    import numpy as np

    for name in names:
        yield from PARTS[name](draws, np.random.default_rng([seed, *name.encode()]))


def table(found: Sequence[Figure]) -> str:
    """One line for each kind of data, and a column for each truth and size; what misses its goal has a mark."""
    rows: dict[tuple[str, str], list[str]] = {}
    for f in found:
        cell = f"n={f.n} {f.truth:g}: {f.percent:.1f}{'' if f.kept else '!'}"
        rows.setdefault((f.what, f.case), []).append(cell)
    return "\n".join(f"{what:12} {case:32} {'  '.join(cells)}" for (what, case), cells in rows.items())


def run(args: argparse.Namespace) -> int:
    """Simulate and print."""
    found = list(figures(args.only or list(PARTS), args.draws, args.seed))
    missed = [f for f in found if not f.kept]
    if args.json:
        print(json.dumps([asdict(f) | {"kept": f.kept} for f in found], indent=1))
    else:
        print(table(found))
        most = max(f.error for f in found)
        print(f"\n{len(found)} figures, Monte-Carlo error at most {most:.2f}; {len(missed)} miss their goal")
        for what in sorted({f.what for f in found}):
            own = [f.percent for f in found if f.what == what]
            print(f"{what:12} {min(own):5.1f} to {max(own):5.1f} %")
    return 1 if missed else 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=4000, metavar="N", help="simulated data sets of each kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", nargs="+", choices=PARTS, help="these parts only")
    parser.add_argument("--json", action="store_true", help="one JSON document to stdout")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = build_parser().parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    raise SystemExit(main())
