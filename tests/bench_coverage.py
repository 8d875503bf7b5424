#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "numpy>=2,<3",
#     "scikit-learn>=1.6,<2",
#     "scipy>=1.15,<2",
# ]
# ///
"""How often the project's 95 % intervals hold the truth, and how often its gates are wrong, by simulation.

  uv run tests/bench_coverage.py
  uv run tests/bench_coverage.py --draws 20000 --only single --json

The data are made here, from distributions whose truth is known, and share no code with what is judged. Every figure has
its Monte-Carlo error (one standard error). "single": one score; "overall": the mean of several tasks; "changes":
verdicts about continuous scores whose true change is exactly the limit; "counts": the same for right and wrong answers,
enumerated exactly; "ratings": means of ratings by a few people, and their differences;
"corpus": error rates, perplexities, correlations. Goals: 93 to 98 % of single
and overall (with twenty passages or fewer at least 93 %), at most 5 % of the others.

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
    from parts.statistics.differences import paired_difference

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
            change = effects(0.2, raters)[:, rater] + effects(0.3, items)[:, item] + effects(0.8, items * raters)
            evidence = paired_difference(change, (item, rater), 4.0)
            yield figure("false GO", case, items, 0, evidence.lower(0.05) > 0, 0, 5)
            yield figure("false NO-GO", case, items, 0, evidence.upper(0.05) < 0, 0, 5)


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
    """False verdicts at the limit about error rates and perplexities, by the paired bootstrap of items' statistics;
    and the intervals of a correlation and of an area under the curve, as score_predictions gives them."""
    import numpy as np

    from parts.comparison.corpus import corpus_basis
    from parts.comparison.vocabulary import CorpusItems
    from parts.metrics.correlations import score_correlation, score_separation
    from parts.metrics.vocabulary import METRICS, Choices, Item
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
    choices = Choices(draws=200)
    for name, n in (("pearson", 60), ("spearman", 60), ("auroc", 100)):
        truth, hits = {"pearson": 0.8, "spearman": 6 / math.pi * math.asin(0.4), "auroc": 0.76025}[name], []
        for _ in range(min(draws, 200)):
            x = rng.standard_normal(n)
            y = 0.8 * x + 0.6 * rng.standard_normal(n)
            if name == "auroc":
                y = (rng.random(n) < 0.4).astype(float)
                x = x + y  # d' of 1: an area of ndtr(1 / sqrt(2))
            score = score_separation if name == "auroc" else score_correlation
            items = [Item(i, str(i), None, None, None, (), (), pair) for i, pair in enumerate(zip(x, y, strict=True))]
            spread = score(items, METRICS[name], choices).spread
            hits.append(spread.low <= truth <= spread.high)
        yield figure("single", name, n, round(truth, 3), np.array(hits), 90, 98)


PARTS = {
    "corpus": corpus,
    "single": single,
    "overall": overall,
    "changes": changes,
    "counts": counts,
    "ratings": ratings,
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
