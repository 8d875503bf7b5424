"""benchmark_calculator.py's statistics: golden numbers, simulations with known truth, invariances, samples on disk."""

from __future__ import annotations

import itertools
import json
import math
import random
import statistics as stdlib
import uuid
from collections import Counter
from dataclasses import replace
from pathlib import Path

import benchmark_calculator as bc
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats
from test_benchmark_calculator import (  # noqa: F401
    JSON,
    call,
    make_record,
    make_run,
    own_cache,
    places,
    ranked,
    refused,
)

VOCABULARY = bc.read_vocabulary()
NORMAL = stdlib.NormalDist()


def items_of(scores, clusters=None) -> bc.ItemScores:
    """ItemScores of a (checkpoints, items) array."""
    scores = np.asarray(scores, float)
    n = scores.shape[1]
    return bc.ItemScores(tuple(map(str, range(n))), np.arange(n) if clusters is None else np.asarray(clusters), scores)


def ranking_of(items: dict[str, bc.ItemScores], errors: dict[str, float] | None = None, **options) -> bc.Ranking:
    """The finished ranking of some tasks' items, without a file; `errors`: tasks that have standard errors instead."""
    chosen = bc.Options(**options)
    count = len(next(iter(items.values())).scores)
    found = []
    for i in range(count):
        scores = {}
        for task, own in items.items():
            known = own.scores[i][~np.isnan(own.scores[i])]
            error = errors[task] if errors and task in errors else float(known.std(ddof=1) / math.sqrt(len(known)))
            scores[task] = bc.Estimate(float(known.mean()), error, len(known))
        one = bc.rank_one(bc.Checkpoint(f"step_{i + 1}", Path(f"step_{i + 1}"), i + 1), scores, VOCABULARY, chosen)
        found.append(bc.replace(one, tasks={task: {task: score} for task, score in scores.items()}))
    base = next((r for r in found if r.checkpoint.name == chosen.baseline_model), None)
    found = bc.with_smoothing([r for r in found if r is not base], chosen.smooth)
    best, tied = bc.choose_best(found)
    ranking = bc.Ranking(
        "measured", chosen.overall, tuple(items), tuple(found), best, tied, (), smooth=chosen.smooth, base=base
    )
    kept = {task: own for task, own in items.items() if task not in (errors or {})}
    return bc.settled(bc.with_statistics(ranking, kept, VOCABULARY, chosen), {})


def correlated(generator, chances, n, correlation=0.5) -> np.ndarray:
    """Right or wrong answers of checkpoints with these true scores to the same n items, some hard for all."""
    bounds = np.array([NORMAL.inv_cdf(chance) for chance in chances])
    shared = generator.standard_normal(n)
    own = generator.standard_normal((len(chances), n))
    return (math.sqrt(correlation) * shared + math.sqrt(1 - correlation) * own < bounds[:, None]).astype(float)


# --- Golden numbers -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("successes", "n", "confidence", "low", "high"),
    [
        (3, 10, 0.95, 0.1077913, 0.6032219),
        (0, 10, 0.95, 0.0, 0.2775328),
        (10, 10, 0.95, 0.7224672, 1.0),
        (3, 10, 0.99, 0.07956632, 0.6799753),
        (100, 200, 0.95, 0.4313609, 0.5686391),
    ],
)
def test_wilson(successes, n, confidence, low, high):
    """scipy's own tests against R's prop.test; statsmodels' against DescTools."""
    assert bc.wilson_interval(successes, n, confidence) == pytest.approx((low, high), abs=1e-6)


@pytest.mark.parametrize(
    ("successes", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_on_the_worked_cases_of_newcombe_1998(successes, n, low, high):
    assert bc.wilson_interval(successes, n) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.5, 0.999))
def test_wilson_is_scipys(case, confidence):
    theirs = stats.binomtest(*case).proportion_ci(confidence, "wilson")
    assert bc.wilson_interval(*case, confidence) == pytest.approx((theirs.low, theirs.high), abs=1e-9)


def test_clustered_standard_error():
    """inspect_ai's test_clustered_stderr; without shared clusters it is the usual one of a mean."""
    values = np.arange(20.0)
    assert bc.clustered_standard_error(values, np.arange(20) % 4) == pytest.approx(0.6454972, abs=1e-6)
    assert bc.clustered_standard_error(values, np.arange(20)) == pytest.approx(1.3228757, abs=1e-6)


def test_standard_errors_of_harnesses():
    """lm-eval's for accuracy (issue 1701), and lighteval's."""
    values = np.zeros(1172)
    values[: round(0.20051194539249148 * 1172)] = 1
    assert bc.clustered_standard_error(values, np.arange(1172)) == pytest.approx(0.011700318050499373, abs=1e-12)
    for score, error in ((12, 0.0910), (11, 0.0895)):
        values = np.zeros(30)
        values[:score] = 1
        assert bc.clustered_standard_error(values, np.arange(30)) == pytest.approx(error, abs=1e-4)


def test_t_for_three_repeats():
    assert bc.critical_value(0.025, 2) / math.sqrt(3) == pytest.approx(2.484138, abs=1e-6)
    values = np.array([0.61, 0.64, 0.66])
    low, high, method = bc.score_interval(values, (), None, None)
    assert (high - low) / 2 == pytest.approx(2.484138 * values.std(ddof=1), abs=1e-6)
    assert method == "Student t"


def test_students_sleep_data():
    """Student 1908: the interval of the mean difference."""
    one = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0])
    other = np.array([1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
    low, high, _ = bc.score_interval(one - other, (), None, None)
    assert (low, high) == pytest.approx((-2.459886, -0.700114), abs=1e-6)


@pytest.mark.parametrize(
    ("k", "expected"), [(2, 0.56419), (3, 0.84628), (5, 1.16296), (10, 1.53875), (20, 1.86748), (50, 2.24907)]
)
def test_the_winners_curse_and_its_correction(k, expected):
    """Harter 1961: the best of k equal scores is off by so many standard errors; the correction takes it back."""
    generator = np.random.default_rng(k)
    runs, splits = 1500, 20
    raw, corrected = [], []
    for run in range(runs):
        scores = generator.standard_normal(k)
        raw.append(scores.max())
        corrected.append(bc.split_half_score(bc.normal_halves(scores, np.ones(k), splits, [run])))
    assert np.mean(raw) == pytest.approx(expected, abs=4 * np.std(raw) / math.sqrt(runs))
    assert np.mean(corrected) == pytest.approx(0, abs=4 * np.std(corrected) / math.sqrt(runs))


@pytest.mark.parametrize(("k", "chance"), [(5, 0.1087), (10, 0.2056), (20, 0.3689), (50, 0.6836)])
def test_how_often_the_best_of_equal_ones_looks_two_standard_errors_better(k, chance):
    draws = bc.normal_means([0.0] * k, [1.0] * k, 40_000, [k])
    assert (draws.max(0) > 2).mean() == pytest.approx(chance, abs=0.01)
    assert bc.probability_best(draws) == pytest.approx([1 / k] * k, abs=0.012)


# --- Simulations with a known truth ---------------------------------------------------------------------------------


def covered(intervals, truth) -> float:
    return float(np.mean([low <= truth <= high for low, high in intervals]))


def test_the_bootstrap_interval_covers_the_truth():
    """Three tasks of different difficulty, one with continuous scores: 93 to 97 % of the intervals hold their mean."""
    generator = np.random.default_rng(1)
    intervals = []
    for run in range(600):
        means = 0.0
        for j, n in enumerate((60, 100, 150)):
            right = correlated(generator, [0.3 + 0.2 * j], n) if j < 2 else generator.beta(2, 3, (1, n))
            means = means + bc.bootstrap_means(items_of(right), 400, [run, j]) / 3
        intervals.append(bc.draw_interval(means)[:, 0])
    assert 0.93 <= covered(intervals, (0.3 + 0.5 + 0.4) / 3) <= 0.97


@pytest.mark.parametrize("kind", ["Wilson", "t", "clusters"])
def test_the_interval_of_one_score_covers_the_truth(kind):
    generator = np.random.default_rng(2)
    intervals = []
    for _ in range(1500):
        if kind == "Wilson":
            scores, clusters = (generator.random(80) < 0.4).astype(float), np.arange(80)
        elif kind == "t":
            scores, clusters = generator.beta(2, 3, 60), np.arange(60)
        else:  # 40 passages with three questions each, about as easy as each other
            easy = np.repeat(generator.beta(2, 3, 40), 3)
            scores, clusters = (generator.random(120) < easy).astype(float), np.repeat(np.arange(40), 3)
        low, high, method = bc.score_interval(scores, (clusters,))
        assert kind in method
        intervals.append((low, high))
    assert 0.93 <= covered(intervals, 0.4) <= 0.97


def test_clusters_widen_the_bootstrap():
    """Ten copies of each item are no new evidence: the interval is that of the items."""
    generator = np.random.default_rng(3)
    right = (generator.random((1, 100)) < 0.5).astype(float)
    single = bc.bootstrap_means(items_of(right), 4000, [0]).std()
    copied = bc.bootstrap_means(items_of(right.repeat(10, 1), np.arange(100).repeat(10)), 4000, [0]).std()
    naive = bc.bootstrap_means(items_of(right.repeat(10, 1)), 4000, [0]).std()
    assert copied == pytest.approx(single, rel=0.05)
    assert naive == pytest.approx(single / math.sqrt(10), rel=0.05)


def test_the_bootstraps_spread_is_the_standard_error():
    """Also with very few items, where an uncorrected bootstrap is too narrow by sqrt((n - 1) / n)."""
    for n in (4, 9, 200):
        scores = np.linspace(0, 1, n)[None] ** 2
        draws = bc.bootstrap_means(items_of(scores), 40_000, [n])
        assert draws.std() == pytest.approx(scores.std(ddof=1) / math.sqrt(n), rel=0.02)
        assert draws.mean() == pytest.approx(scores.mean(), abs=0.01)


@pytest.mark.parametrize("truth", [[0.5] * 8, [0.45, 0.48, 0.5, 0.52, 0.55, 0.53], [0.3, 0.35, 0.4, 0.45, 0.6]])
def test_the_tied_set_holds_the_best_one(truth):
    """Equal ones, a gentle hill, a clear winner: at least 95 % of the sets hold the best, and clear losers are out."""
    generator = np.random.default_rng(4)
    held, sizes = 0, []
    for run in range(300):
        right = items_of(correlated(generator, truth, 200))
        draws = bc.bootstrap_means(right, 400, [run])
        inside = bc.confidence_set(right.scores.mean(1), draws) >= 0.05
        held += inside[int(np.argmax(truth))]
        sizes.append(inside.sum())
    assert held / 300 >= 0.95 - 2 * math.sqrt(0.05 * 0.95 / 300) * (len(set(truth)) == 1)
    if max(truth) == 0.6:
        assert np.mean(sizes) < 1.2


@pytest.mark.parametrize("truth", [[0.5] * 20, list(np.linspace(0.45, 0.55, 10)), [0.45] * 10 + [0.55]])
def test_the_corrected_winner_is_unbiased_within_its_error(truth):
    generator = np.random.default_rng(5)
    raw, corrected, errors = [], [], []
    for run in range(200):
        right = items_of(correlated(generator, truth, 300))
        scores = right.scores.mean(1)
        best = int(scores.argmax())
        raw.append(scores[best] - truth[best])
        corrected.append(bc.split_half_score(bc.half_means(right, 50, [run])) - truth[best])
        errors.append(right.scores[best].std() / math.sqrt(300))
    error = np.mean(errors)
    assert abs(np.mean(corrected)) < 0.5 * error
    if len(set(truth)) == 1:
        assert np.mean(raw) > error  # the winner's curse
        assert abs(np.mean(corrected)) < 4 * np.std(corrected) / math.sqrt(200)


def test_differences_to_the_baseline_hold_together():
    """All intervals at once in 93 to 97 % of the runs; separate ones would not."""
    generator = np.random.default_rng(6)
    truth = np.array([0.5, 0.5, 0.52, 0.55, 0.47, 0.5])
    together = alone = 0
    for run in range(500):
        right = items_of(correlated(generator, truth, 250))
        draws = bc.bootstrap_means(right, 500, [run])
        found = bc.simultaneous_differences(right.scores.mean(1), draws, 0)
        together += all(low <= t - truth[0] <= high for (_, low, high), t in zip(found, truth, strict=True))
        low, high = bc.draw_interval(draws - draws[0])
        alone += ((low <= truth - truth[0]) & (truth - truth[0] <= high)).all()
    assert 0.93 <= together / 500 <= 0.97
    assert alone / 500 < 0.92


def test_the_trend_of_a_flat_run_is_rarely_anything_but_a_plateau():
    generator = np.random.default_rng(7)
    wrong, seen = 0, Counter()
    for run in range(300):
        flat = ranking_of({"gsm8k": items_of(correlated(generator, [0.5] * 6, 150))}, draws=500, seed=run)
        wrong += not flat.statistics.trend.verdict.startswith("flat since")
        rising = ranking_of({"gsm8k": items_of(correlated(generator, [0.4, 0.5, 0.7], 150))}, draws=300, seed=run)
        seen[rising.statistics.trend.verdict] += 1
    assert wrong / 300 <= 0.1
    assert seen["still improving"] >= 290


@pytest.mark.parametrize(
    ("truth", "verdict"),
    [
        ([0.81, 0.81, 0.4], "best at step_"),
        ([0.3, 0.5, 0.7, 0.5, 0.45], "best at step_3, since then down (shown)"),
        ([0.2, 0.5, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8], "flat since step_3"),
        ([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.9, 0.9, 0.4, 0.9, 0.9, 0.9], "one record off the line: step_9"),
        ([0.1, 0.8, 0.8, 0.8], "flat since step_2"),
        ([0.3, 0.45, 0.6, 0.75], "still improving"),
        ([0.3] * 7 + [0.8, 0.8], "improved until step_8, flat since then"),
    ],
)
def test_what_the_trend_says(truth, verdict):
    right = correlated(np.random.default_rng(9), truth, 600, 0.9)
    trend = ranking_of({"gsm8k": items_of(right)}, draws=1000).statistics.trend
    assert trend.verdict.startswith(verdict)
    assert not trend.verdict.startswith("flat") or trend.change.low <= 0 <= trend.change.high
    if "since then down" in trend.verdict:  # the change that is shown, since the one that is named
        best, last = (right[int(name.removeprefix("step_")) - 1].mean() for name in trend.names)
        assert trend.names == (trend.checkpoint, f"step_{len(truth)}")
        assert trend.estimate == pytest.approx(last - best) and trend.change.high < 0


def test_the_gain_over_a_base_model_is_corrected_for_having_been_picked():
    """Twenty checkpoints as good as the base: raw gains mislead, corrected ones do not, and the interval holds 0."""
    generator = np.random.default_rng(10)
    gains, held = [], 0
    for run in range(120):
        items = items_of(correlated(generator, [0.6] * 21, 200))
        ranking = ranking_of({"gsm8k": items}, draws=400, seed=run, baseline_model="step_21")
        gain = ranking.statistics.corrected.gain
        gains.append((ranking.best.eval_accuracy - ranking.base.eval_accuracy, gain[0]))
        held += gain[1] <= 0 <= gain[2]
    raw, corrected = np.mean(gains, axis=0)
    assert raw > 0.02
    assert abs(corrected) < 0.012
    assert held / 120 >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / 120)


# --- Draws ----------------------------------------------------------------------------------------------------------


def test_resampling_weights_are_multinomial():
    weights = np.concatenate(list(bc.resampling_weights(np.random.default_rng(0), 5000, 30)))
    assert weights.shape == (5000, 30)
    assert (weights.sum(1) == 30).all()
    assert weights.mean(0) == pytest.approx(np.ones(30), abs=0.07)
    assert weights.var(0) == pytest.approx(np.full(30, 29 / 30), abs=0.12)


def slow_confidence_set(scores, draws):
    """Every pair of what is left, in each step (Hansen, Lunde and Nason 2011)."""
    noise = draws - draws.mean(1, keepdims=True)
    spread = np.sqrt(((noise[:, None] - noise) ** 2).mean(-1))
    clear = spread > bc.TIE
    spread = np.where(clear, spread, 1)
    t = np.where(clear, (scores - scores[:, None]) / spread, 0.0)
    null = np.where(clear[..., None], np.abs(noise[:, None] - noise) / spread[..., None], 0.0)
    left, highest, found = list(range(len(scores))), 0.0, np.ones(len(scores))
    while len(left) > 1:
        pairs = np.ix_(left, left)
        worst = left[int(t[pairs].max(1).argmax())]
        highest = max(highest, float((null[pairs].max((0, 1)) >= t[worst, left].max()).mean()))
        found[worst] = highest
        left.remove(worst)
    return found


def test_the_tied_set_is_that_of_all_pairs_compared_in_each_step():
    generator = np.random.default_rng(8)
    for count in (2, 3, 9, bc.ROWS_AT_ONCE, 2 * bc.ROWS_AT_ONCE + 5):
        right = items_of(np.vstack([correlated(generator, np.linspace(0.4, 0.6, count), 90), np.ones((1, 90)) * 0.5]))
        draws = bc.bootstrap_means(right, 273, [count])
        scores = right.scores.mean(1)
        found = bc.confidence_set(scores, draws)
        assert found == pytest.approx(slow_confidence_set(scores, draws), abs=1e-12)
        assert found.min() < found.max() == 1


@pytest.mark.parametrize("count", [1, 2, 31, 32, 33, 64, 100])
@pytest.mark.parametrize("alike", [0.0, 0.9, 1.0])
def test_the_largest_differences_are_those_of_all_pairs_to_the_last_bit(count, alike):
    """Most pairs are never looked at: what bounds them must not be below what they are."""
    generator = np.random.default_rng(count)
    walk = generator.standard_normal((count, 50)).cumsum(0)
    noise = (alike * walk + (1 - alike) * generator.standard_normal((count, 50))).astype(np.float32)
    noise[count // 2] = noise[0]
    weights = generator.random((count, count), np.float32) ** 4 * (generator.random((count, count)) > 0.1)
    found = [own.copy() for own in bc.largest_differences(noise, weights)]
    assert len(found) == count - 1
    largest = np.zeros(50, np.float32)
    for place, own in enumerate(found, start=1):
        apart = np.abs(noise[:place] - noise[place]) * weights[place, :place, None]
        largest = np.maximum(largest, apart.max(0))
        assert (own == largest).all()


@given(st.integers(0, 2**32 - 1), st.integers(1, 12), st.integers(1, 4))
def test_a_set_loses_the_one_that_is_furthest_behind_any_other(seed, count, values):
    """Few values, so that many are equal: the first one goes."""
    scores = np.random.default_rng(seed).integers(0, values, count)
    t = (scores - scores[:, None]) / np.random.default_rng(seed).integers(1, 3, (count, count))
    left, expected = list(range(count)), []
    while left:
        own = t[np.ix_(left, left)]
        place = int(own.max(1).argmax())
        expected.append((left[place], own[place].max(), left[int(own[place].argmax())]))
        left.pop(place)
    assert bc.elimination(t.copy()) == expected


def test_scores_of_no_votes_are_not_paired_to_look_for_votes(monkeypatch):
    """A thousand checkpoints have half a million pairs, for each task."""
    asked = []
    monkeypatch.setattr(bc, "gap_in_votes", lambda *pair: asked.append(pair))
    votes = bc.SharedVotes("f", "a", {"b": (1.0, 2.0)})
    own = [bc.Estimate(0.5, 0.1, 9, votes=votes if place in (2, 5, 7) else None) for place in range(9)]
    task = bc.TaskData("t", None, (0.5,) * 9, (0.1,) * 9, tuple(own))
    assert task.gaps == {} and asked == [(votes, votes)] * 3


@pytest.mark.parametrize("clusters", [1, 7, 70_000, 200_000])
def test_resampling_weights_of_any_size(clusters):
    parts = list(bc.resampling_weights(np.random.default_rng(0), 13, clusters))
    weights = np.concatenate(parts)
    assert weights.shape == (13, clusters)
    assert (weights.sum(1) == clusters).all()


@pytest.mark.parametrize("scale", [1, 100, 3000])
@pytest.mark.parametrize("judged", [False, True])
def test_equal_checkpoints_share_the_first_place_on_every_scale(scale, judged):
    """Products of matrices round unlike rows unlike, and single precision more the larger the scores are."""
    items = items_of(np.stack([scale * (0.5 + np.random.default_rng(1).random(5003))] * 33))
    items = replace(items, raters=np.arange(5003) % 6, clusters=np.arange(5003) // 2) if judged else items
    draws = bc.bootstrap_means(items, 300, [1])
    assert bc.probability_best(draws) == pytest.approx([1 / 33] * 33)
    assert bc.rank_intervals(draws) == [(1, 33)] * 33 and bc.confidence_set(items.scores.mean(1), draws).min() == 1


def test_the_same_items_for_every_checkpoint():
    """Two equal checkpoints have equal draws; one that is always right where the other is has never less."""
    right = np.array([[1, 0, 1, 0, 1, 1.0], [1, 0, 1, 0, 1, 1], [1, 1, 1, 0, 1, 1]])
    draws = bc.bootstrap_means(items_of(right), 500, [0])
    assert (draws[0] == draws[1]).all()
    assert (draws[2] >= draws[0] - 0.2).all()
    assert bc.probability_best(draws[:2]) == pytest.approx([0.5, 0.5])
    assert bc.rank_intervals(draws[:2]) == [(1, 2), (1, 2)]
    assert bc.confidence_set(right[:2].mean(1), draws[:2]) == pytest.approx([1, 1])
    assert bc.simultaneous_differences(right.mean(1), draws, 0)[1] == (0.0, 0.0, 0.0)


def test_missing_answers_are_neither_zero_nor_guessed():
    right = np.array([[1, 0, 1, 0, np.nan, 1], [1, 1, np.nan, np.nan, 0, 1.0]])
    draws = bc.bootstrap_means(items_of(right), 20_000, [0])
    assert draws.mean(1) == pytest.approx([0.6, 0.75], abs=0.02)
    halves = bc.half_means(items_of(right), 2000, [0])
    assert halves.mean((0, 2)) == pytest.approx([0.6, 0.75], abs=0.05)
    low, high, method = bc.score_interval(right[1][~np.isnan(right[1])], (np.arange(4),))
    assert (low, high, method) == (*map(pytest.approx, bc.wilson_interval(3, 4)), "Wilson")


def test_halves_are_disjoint_and_cover_everything():
    for n in (2, 7, 100):
        values = np.random.default_rng(n).random((2, n))
        one, other = bc.half_means(items_of(values), 50, [n])
        small, large = n // 2, n - n // 2
        whole = values.mean(1)[:, None]
        ways = [(k * one + (n - k) * other) / n for k in {small, large}]
        assert np.isclose(ways[0], whole, atol=1e-5).all(0)[:50].any()
        assert np.any([np.isclose(way, whole, atol=1e-5).all(0) for way in ways], axis=0).all()
        assert (one[:, :50] == other[:, 50:]).all()


def test_one_item_tells_nothing():
    assert bc.score_interval(np.array([0.4])) is None
    assert bc.score_interval(np.array([1.0, 0.0]), (np.zeros(2),)) is None
    ranking = ranking_of({"gsm8k": items_of([[1.0], [0.0]])}, {"gsm8k": None})
    assert ranking.statistics is None
    assert ranking.no_statistics == "neither samples nor a standard error: gsm8k of step_1, step_2"


# --- The whole ------------------------------------------------------------------------------------------------------


def two_tasks(generator, truth, n=120) -> dict[str, bc.ItemScores]:
    return {task: items_of(correlated(generator, truth, n)) for task in ("gsm8k", "arc_challenge")}


def test_by_items_by_errors_and_mixed():
    items = two_tasks(np.random.default_rng(8), [0.5, 0.6, 0.7])
    whole = ranking_of(items)
    assert (whole.statistics.source, whole.statistics.by_errors, whole.statistics.items) == ("items", (), 240)
    mixed = ranking_of(items, {"gsm8k": 0.04})
    assert (mixed.statistics.source, mixed.statistics.by_errors) == ("items and standard errors", ("gsm8k",))
    assert "from the records' standard errors for gsm8k" in mixed.statistics.method
    apart = ranking_of(items, {"gsm8k": 0.04, "arc_challenge": 0.04})
    assert (apart.statistics.source, apart.statistics.items) == ("standard errors", 0)
    spread = apart.ranked[0].interval
    assert (spread.high - spread.low) / 2 == pytest.approx(1.96 * 0.04 / math.sqrt(2), rel=0.05)
    none = ranking_of(items, {"gsm8k": None, "arc_challenge": 0.04})
    assert none.statistics is None
    assert none.no_statistics == "neither samples nor a standard error: gsm8k of step_1, step_2, step_3"
    assert none.ranked[0].scores["arc_challenge"].interval is not None
    assert none.ranked[0].categories["common_sense"].interval == none.ranked[0].scores["arc_challenge"].interval
    assert none.ranked[0].scores["gsm8k"].interval is None


def test_smoothing_ranks_by_the_trailing_mean():
    scores = np.repeat([[0.2], [0.9], [0.4], [0.5], [0.6]], 200, 1)
    right = (np.random.default_rng(9).random((1, 200)) < scores).astype(float)
    means = right.mean(1)
    ranking = ranking_of({"gsm8k": items_of(right)}, smooth=2, draws=1000)
    assert [r.smoothed for r in ranking.ranked] == [
        None,
        *(pytest.approx((a + b) / 2) for a, b in itertools.pairwise(means)),
    ]
    assert ranking.best.checkpoint.name == "step_3"
    assert "step_1" not in ranking.statistics.standings
    assert ranking.statistics.corrected.raw == pytest.approx((means[1] + means[2]) / 2)
    assert bc.chosen_as(ranking) == "best mean over the last 2 checkpoints"


@pytest.mark.parametrize(("rule", "name"), [("earliest", "step_2"), ("latest", "step_4"), ("smallest", "step_3")])
def test_tie_break(rule, name):
    right = correlated(np.random.default_rng(10), [0.2, 0.6, 0.6, 0.6], 100)
    ranking = bc.replace(ranking_of({"gsm8k": items_of(right)}), tie_break=rule)
    assert set(ranking.statistics.tied_set) == {"step_2", "step_3", "step_4"}
    sizes = {"step_1": 1, "step_2": 9, "step_3": 5, "step_4": 9}
    done = bc.settled(ranking, sizes)
    assert done.best.checkpoint.name == name
    assert {r.checkpoint.name for r in done.tied} == {"step_2", "step_3", "step_4"} - {name}
    assert bc.chosen_as(done) == f"{rule} of the tied set"


def test_smallest_of_equally_small_ones_is_the_best_of_them():
    right = correlated(np.random.default_rng(11), [0.6, 0.6, 0.6], 100)
    ranking = ranking_of({"gsm8k": items_of(right)})
    top = ranking.best.checkpoint.name
    done = bc.settled(bc.replace(ranking, tie_break="smallest"), {f"step_{i}": 1 for i in (1, 2, 3)})
    assert done.best.checkpoint.name == top


def test_a_score_function_gets_every_draw():
    items = two_tasks(np.random.default_rng(12), [0.5, 0.6])
    plain = ranking_of(items, draws=300)
    same = ranking_of(items, draws=300, score_function=lambda s: (s["math_reasoning"] + s["common_sense"]) / 2)
    for one, other in zip(plain.ranked, same.ranked, strict=True):
        assert (one.interval.low, one.interval.high) == pytest.approx(
            (other.interval.low, other.interval.high), abs=0.02
        )
        assert other.interval.method == "percentiles of the draws"
    assert same.statistics.corrected.value == pytest.approx(plain.statistics.corrected.value, abs=1e-6)


def test_categories_with_several_benchmarks_get_an_interval():
    generator = np.random.default_rng(13)
    items = {task: items_of(correlated(generator, [0.4, 0.6], 100)) for task in ("gsm8k", "math_500", "boolq")}
    ranking = ranking_of(items)
    for r in ranking.ranked:
        assert set(r.categories) == {"math_reasoning", "reading_comprehension"}
        assert r.categories["math_reasoning"].interval.method == "Wilson of the parts"
        assert r.categories["reading_comprehension"].interval == r.scores["boolq"].interval
        assert r.scores["boolq"].interval.method == "Wilson"
        mean = r.categories["math_reasoning"]
        assert mean.interval.low < mean.value < mean.interval.high


def test_one_binary_score_alone_has_wilsons_interval():
    ranking = ranking_of({"gsm8k": items_of([[1, 1, 0, 0, 0, 0, 0, 0, 0, 1.0]])})
    interval = ranking.ranked[0].interval
    assert (interval.low, interval.high) == pytest.approx((0.1077913, 0.6032219), abs=1e-6)


def test_nothing_is_certain_where_every_answer_is_right():
    """Draws that are all the same have no spread; two tasks of equal size tell as much as one of both."""
    right = {task: items_of(np.ones((2, 20))) for task in ("gsm8k", "math_500", "boolq")}
    for errors in (None, dict.fromkeys(right, 0.0)):
        for r in ranking_of(right, errors).ranked:
            low, _ = bc.wilson_interval(20, 20)
            assert r.scores["gsm8k"].interval.low == pytest.approx(low)
            mean = r.categories["math_reasoning"].interval
            assert (mean.low, mean.high) == (pytest.approx(bc.wilson_interval(40, 40)[0]), 1)
            assert "Wilson" in mean.method
            assert low < r.interval.low < 1


SMALL = st.integers(0, 2**32 - 1)


@settings(max_examples=25, deadline=None)
@given(seed=SMALL, shuffle=st.randoms(use_true_random=False), steps=st.integers(2, 5))
def test_order_and_names_of_items_do_not_matter(seed, shuffle, steps):
    generator = np.random.default_rng(seed)
    truth = generator.uniform(0.2, 0.8, steps)
    right = correlated(generator, truth, 30)
    right[generator.random(right.shape) < 0.03] = np.nan
    clusters = generator.integers(0, 20, 30)
    right[:, :2] = [[1, 0]]
    clusters[:2] = [97, 98]
    order = list(range(30))
    shuffle.shuffle(order)
    one = ranking_of({"gsm8k": items_of(right, clusters)}, draws=200)
    other = ranking_of({"gsm8k": items_of(right[:, order], 1000 - clusters[order])}, draws=200)
    assert one.statistics.tied_set == other.statistics.tied_set
    for r, same in zip(one.ranked, other.ranked, strict=True):
        assert (r.interval.low, r.interval.high) == pytest.approx((same.interval.low, same.interval.high), abs=1e-9)
        standing, again = (ranking.statistics.standings[r.checkpoint.name] for ranking in (one, other))
        assert standing.ranks == again.ranks
        assert (standing.p_best, standing.p_value) == pytest.approx((again.p_best, again.p_value), abs=0.011)


@settings(max_examples=25, deadline=None)
@given(seed=SMALL, steps=st.integers(1, 6), n=st.integers(2, 40), continuous=st.booleans())
def test_what_always_holds(seed, steps, n, continuous):
    generator = np.random.default_rng(seed)
    scores = generator.random((steps, n))
    items = {
        "gsm8k": items_of(scores if continuous else scores.round()),
        "boolq": items_of(generator.random((steps, n))),
    }
    ranking = ranking_of(items, draws=200)
    own = ranking.statistics
    chances = [s.p_best for s in own.standings.values()]
    assert chances == [None] if len(chances) == 1 else sum(chances) == pytest.approx(1)
    assert ranking.best.checkpoint.name in own.tied_set
    assert own.corrected.name == ranking.best.checkpoint.name
    for r in ranking.ranked:
        standing = own.standings[r.checkpoint.name]
        assert 1 <= standing.ranks[0] <= standing.ranks[1] <= steps
        assert 0 <= r.interval.low <= r.eval_accuracy + 1e-6
        assert r.eval_accuracy - 1e-6 <= r.interval.high <= 1
        for score in (*r.scores.values(), *r.categories.values()):
            assert score.interval.low - 1e-6 <= score.value <= score.interval.high + 1e-6
    json.dumps(bc.ranking_json(ranking), allow_nan=False)
    assert bc.render_report(ranking, VOCABULARY, ()).endswith("\n")


# --- Samples on disk ------------------------------------------------------------------------------------------------


def add_samples(run: Path, name: str, task: str, scores, *, change=None, record=None, **options) -> Path:
    """A record and its samples; a score of None is one that could not be made. `change(row, i)` changes a line."""
    known = [score for score in scores if score is not None]
    value = options.pop("score", sum(known) / len(known))
    made = make_record(run / name, task, value, n=len(known), **options)
    if record:
        record(made["evaluation_results"][0])
    path = run / "results" / "data" / f"{uuid.uuid4()}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(made))
    lines = []
    for i, score in enumerate(scores):
        row = {
            "evaluation_id": made["evaluation_id"],
            "evaluation_result_id": made["evaluation_results"][0]["evaluation_result_id"],
            "sample_id": f"{task}-{i}",
            "sample_hash": f"{task} {i}",
            "input": {"raw": "question", "reference": ["yes"]},
            "output": {"raw": ["answer"]},
            "evaluation": {"score": score or 0.0, "is_correct": bool(score)},
            "metadata": {"prompt_hash": f"{i}"},
        }
        if score is None:
            row["error"] = "no answer"
        if change:
            change(row, i)
        lines.append(json.dumps(row))
    path.with_name(f"{path.stem}_samples.jsonl").write_text("\n".join(lines) + "\n")
    return path


def sampled_run(root: Path, truth=(0.3, 0.6, 0.65), n=100, **options) -> Path:
    run = make_run(root, *(f"step_{i}" for i in range(1, len(truth) + 1)))
    right = correlated(np.random.default_rng(20), truth, n)
    for i, scores in enumerate(right, start=1):
        add_samples(run, f"step_{i}", "gsm8k", scores.tolist(), **options)
    return run


def test_samples_make_the_statistics(tmp_path, capsys):
    run = sampled_run(tmp_path / "run")
    document = ranked(capsys, run, "--baseline-step", "1", "--draws", "2000")
    own = document["statistics"]
    assert (own["source"], own["items"], own["draws"], own["seed"]) == ("items", 100, 2000, 0)
    assert own["tied_set"] == ["step_2", "step_3"]
    assert own["baseline"] == "step_1"
    assert set(own["corrected"]) == {"name", "raw", "score", "standard_error", "method", "gain"}
    assert own["corrected"]["score"] <= own["corrected"]["raw"]
    first, *others = document["checkpoints"]
    assert first["difference"] == {"estimate": 0.0, "low": 0.0, "high": 0.0}
    for checkpoint in others:
        assert checkpoint["difference"]["low"] > 0
        assert checkpoint["difference"]["estimate"] == pytest.approx(
            checkpoint["eval_accuracy"] - first["eval_accuracy"]
        )
        assert checkpoint["scores"]["gsm8k"]["interval_method"] == "Wilson"
        assert checkpoint["distribution"]["items"]["n"] == 100
    assert document == ranked(capsys, run, "--baseline-step", "1", "--draws", "2000")
    other = ranked(capsys, run, "--baseline-step", "1", "--draws", "2000", "--seed", "1")
    assert other["statistics"]["corrected"]["score"] != own["corrected"]["score"]
    table = call(capsys, run, "--baseline-step", "1")[1]
    assert "| against step_1" in table
    assert "corrected for having been picked" in table
    assert "compared are the steps 1, 2, 3" in refused(capsys, run, "--baseline-step", "7")


def test_of_one_checkpoint_nothing_is_the_best_for_sure(tmp_path, capsys):
    run = sampled_run(tmp_path / "run")
    document = ranked(capsys, run / "step_2", "--results", run / "results")
    assert document["checkpoints"][0]["p_best"] is None
    assert "only step_2 is ranked: nothing to compare it with" in document["answer"]
    assert "P(best) 1" not in call(capsys, run / "step_2", "--results", run / "results")[1]


def test_who_has_no_items_is_named_with_what_that_costs(tmp_path, capsys):
    run = sampled_run(tmp_path / "run")
    for path in (run / "results" / "data").glob("*_samples.jsonl"):
        if "step_3" in path.with_name(f"{path.stem.removesuffix('_samples')}.json").read_text():
            path.unlink()
    _, out, _ = call(capsys, run)
    assert (
        "the items of gsm8k are not here for step_3: nothing is paired in it; with --exclude step_3 the others" in out
    )
    assert "independent normal errors, not paired" in out
    _, out, _ = call(capsys, run, "--exclude", "step_3")
    assert "paired bootstrap over 100 items" in out and "are not here" not in out


def test_items_that_all_belong_together_are_said_to(tmp_path, capsys):
    """One prompt for all of them: the errors are those of the records, and the reason is on the same line."""
    run = sampled_run(tmp_path / "run", change=lambda row, i: row["metadata"].update(passage_id="the same"))
    _, out, _ = call(capsys, run)
    assert "standard errors for gsm8k (its items all have one prompt, or one cluster)" in out


def test_draws_0_reads_the_samples_and_draws_nothing(tmp_path, capsys):
    run = sampled_run(tmp_path)
    document = ranked(capsys, run, "--draws", "0")
    assert (document["statistics"], document["no_statistics"]) == (None, "left out (--draws 0)")
    assert "no statistics: left out (--draws 0)" in call(capsys, run, "--draws", "0")[1]
    for path in (run / "results").rglob("*_samples.jsonl"):
        path.write_text("{damaged")
    assert "line 1 is not valid JSON" in refused(capsys, run, "--draws", "0")


def test_tie_break_on_the_command_line(tmp_path, capsys):
    run = sampled_run(tmp_path)
    (run / "step_3" / "model.safetensors").write_bytes(b"x" * 1000)
    for path in (run / "results").rglob("*.json"):
        record = json.loads(path.read_text())
        del record["model_info"]["additional_details"]["weights_sha256"]
        path.write_text(json.dumps(record))
    assert ranked(capsys, run)["best"]["chosen_as"] == "best point estimate"
    for rule, name in (("earliest", "step_2"), ("latest", "step_3"), ("smallest", "step_2")):
        document = ranked(capsys, run, "--tie-break", rule)
        assert (document["best"]["name"], document["tie_break"]) == (name, rule)
        assert document["best"]["chosen_as"] == f"{rule} of the tied set"
        assert f"chosen as the {rule} of the tied set" in call(capsys, run, "--tie-break", rule)[1]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda row, i: row.update(sample_hash=f"other {i}"), "other items (gsm8k)"),
        (lambda row, i: row.update(sample_id=f"other {i}"), "other items (gsm8k)"),
        (lambda row, i: row["metadata"].update(prompt_hash=f"other {i}"), "other prompts (gsm8k)"),
    ],
)
def test_unlike_samples_are_not_comparable(tmp_path, capsys, change, reason):
    run = sampled_run(tmp_path)
    (tmp_path / "step_4").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "step_4" / name).write_text("{4}")
    add_samples(run, "step_4", "gsm8k", [1.0] * 100, change=change)
    document = ranked(capsys, run, code=3)
    assert document["best"] is None and document["ahead"][0]["name"] == "step_4"
    assert [(u["name"], u["reasons"]) for u in document["not_comparable"]] == [("step_4", [reason])]
    allowed = ranked(capsys, run, "--allow-unlike")
    assert allowed["best"]["name"] == "step_4"
    assert allowed["statistics"]["items"] == (100 if "prompts" in reason else 200)


def test_empty_answers_are_counted_where_the_record_does_not(tmp_path, capsys):
    run = sampled_run(tmp_path)
    (tmp_path / "step_4").mkdir()
    for name in ("config.json", "model.safetensors"):
        (tmp_path / "step_4" / name).write_text("{4}")
    blank = lambda row, i: row["output"].update(raw=[" \n"]) if i < 20 else None  # noqa: E731
    add_samples(run, "step_4", "gsm8k", [1.0] * 100, change=blank)
    assert ranked(capsys, run, code=3)["not_comparable"][0]["reasons"] == ["gsm8k: 20 of 100 answers empty"]


def test_samples_that_do_not_make_the_score_are_not_used(tmp_path, capsys):
    def corpus(result):
        result["metric_config"]["additional_details"] = {"aggregation": "corpus_f1"}

    code, _, err = call(capsys, sampled_run(tmp_path / "a", score=0.123))
    assert code == 3 and "its score 0.123 is not the mean of its items" in err
    document = ranked(capsys, sampled_run(tmp_path / "b", record=corpus))
    assert document["statistics"]["source"] == "standard errors"
    assert document["statistics"]["by_standard_errors"] == ["gsm8k"]
    assert "its items do not average" not in "".join(map(str, call(capsys, tmp_path / "b")))


def test_percent_samples(tmp_path, capsys):
    run = make_run(tmp_path, "step_1", "step_2")
    for name, scores in (("step_1", [20.0, 40.0, 60.0]), ("step_2", [30.0, 50.0, 40.0])):
        add_samples(run, name, "gsm8k", scores, unit="percent", bounds=(0, 100), error=10.0)
    document = ranked(capsys, run)
    assert document["statistics"]["source"] == "items"
    low, high, _ = bc.score_interval(np.array([0.2, 0.4, 0.6]))
    got = document["checkpoints"][0]["scores"]["gsm8k"]
    assert got["interval"] == pytest.approx([max(0, low), min(1, high)])
    assert got["interval_method"] == "Wilson on the effective number of items, t"


def test_answers_that_could_not_be_scored_are_absent(tmp_path, capsys):
    run = make_run(tmp_path, "step_1", "step_2")
    add_samples(run, "step_1", "gsm8k", [1.0, 0.0] * 20 + [None])
    add_samples(run, "step_2", "gsm8k", [1.0, 1.0] * 20 + [0.0])
    document = ranked(capsys, run)
    assert document["not_comparable"] == []
    assert document["checkpoints"][0]["scores"]["gsm8k"]["interval"] == pytest.approx(bc.wilson_interval(20, 40))
    assert document["checkpoints"][0]["distribution"]["items"] == {"n": 40, "zero": 20, "between": 0, "one": 20}


def test_clusters_from_the_metadata_or_by_name(tmp_path, capsys):
    def passage(field):
        return lambda row, i: row["metadata"].update({field: f"passage {i // 10}"})

    plain = ranked(capsys, sampled_run(tmp_path / "a"))
    known = ranked(capsys, sampled_run(tmp_path / "b", change=passage("cluster_id")))
    named_run = sampled_run(tmp_path / "c", change=passage("story"))
    named = ranked(capsys, named_run, "--cluster-by", "story")
    for document in (known, named):
        score = document["checkpoints"][1]["scores"]["gsm8k"]
        assert score["interval_method"] == "Wilson on the effective number of items, t, 10 clusters"
        assert "100 items in 10 clusters" in document["statistics"]["method"]
    assert known["checkpoints"][1]["interval"] == named["checkpoints"][1]["interval"]
    assert plain["checkpoints"][1]["interval"] == ranked(capsys, named_run)["checkpoints"][1]["interval"]
    assert "--cluster-by nothing: no sample has it" in refused(capsys, named_run, "--cluster-by", "nothing")


def test_repeats_of_an_item_are_one_cluster(tmp_path, capsys):
    def repeated(row, i):
        row.update(sample_id=f"q{i // 4}", sample_hash=f"{i // 4}")
        row["metadata"] = {"epoch": str(i % 4)}

    run = sampled_run(tmp_path, change=repeated)
    document = ranked(capsys, run)
    assert "100 items in 25 clusters" in document["statistics"]["method"]


@pytest.mark.parametrize(
    "change",
    [
        lambda row, i: row.pop("sample_id"),
        lambda row, i: row.update(evaluation=3),
        lambda row, i: row["evaluation"].update(score="high"),
        lambda row, i: row.update(metadata=[1]),
        lambda row, i: row.update(output=4),
    ],
)
def test_damaged_samples_are_one_line(tmp_path, capsys, change):
    message = refused(capsys, sampled_run(tmp_path, change=change))
    assert "_samples.jsonl: gsm8k|0/accuracy: " in message
    assert message.endswith("; evaluate again")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damaged_sample_is_a_traceback(tmp_path_factory, capsys, data):
    run = make_run(tmp_path_factory.mktemp("run") / "run", "step_1", "step_2")
    add_samples(run, "step_1", "gsm8k", [1.0, 0.0, 1.0])
    path = add_samples(run, "step_2", "gsm8k", [0.0, 0.0, 1.0])
    file = path.with_name(f"{path.stem}_samples.jsonl")
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    *where, last = data.draw(st.sampled_from([place for place in places(rows) if place]))
    target = rows
    for key in where:
        target = target[key]
    target[last] = data.draw(JSON)
    file.write_text("\n".join(map(json.dumps, rows)))
    code, out, err = call(capsys, run, "--json", "--draws", "200")
    assert code in (0, 2, 3), err
    assert bool(out) == (code == 0)
    if code == 0:
        json.loads(out)


def test_a_baseline_needs_statistics(tmp_path, capsys):
    run = make_run(tmp_path, "step_1", "step_2")
    assert "--baseline-step compares measured scores, and there are none" in refused(
        capsys, run, "--baseline-step", "1"
    )
    for name in ("step_1", "step_2"):
        path = run / "results" / f"{uuid.uuid4()}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(make_record(run / name, error=None)))
    message = refused(capsys, run, "--baseline-step", "1")
    assert message.endswith(
        "no statistics for a difference: neither samples nor a standard error: gsm8k of step_1, step_2"
    )
    document = ranked(capsys, run)
    assert (document["statistics"], document["best"], document["tied"]) == (None, None, ["step_1", "step_2"])
    assert document["no_statistics"] == "neither samples nor a standard error: gsm8k of step_1, step_2"
    assert "no statistics: neither samples" in call(capsys, run)[1]


def test_some_checkpoints_with_samples_and_some_without(tmp_path, capsys):
    run = sampled_run(tmp_path)
    next(iter(sorted((run / "results").rglob("*_samples.jsonl")))).unlink()
    document = ranked(capsys, run)
    assert document["not_comparable"] == []
    assert document["statistics"]["source"] == "standard errors"
    assert "independent normal errors, not paired" in document["statistics"]["method"]


def measured_items(args):
    """Checkpoints with a measured result, the items of the tasks that all of them have, and the tasks' weights."""
    options = bc.resolve_options(args, VOCABULARY)
    checkpoints = bc.find_checkpoints(Path(args.checkpoints)).checkpoints
    results, failures, _ = bc.read_measured([Path(args.checkpoints)], checkpoints, VOCABULARY)
    chosen, _, _, _ = bc.choose_measured(checkpoints, results, failures, VOCABULARY, options)
    items = bc.align_items(bc.samples_by_task(chosen))
    shared, _ = bc.shared_benchmarks(chosen)
    first = next(iter(chosen))
    ranked = bc.rank_measured(first, chosen[first], shared, VOCABULARY, options)
    return list(chosen), items, bc.task_weights(items, VOCABULARY, options, ranked)


def test_growing_rounds_align(tmp_path):
    """What a race reads: checkpoints with different numbers of the same items."""
    run = make_run(tmp_path, "step_1", "step_2")
    for name, n in (("step_1", 3), ("step_1", 6), ("step_2", 4)):
        add_samples(run, name, "gsm8k", [1.0, 0.0, 1.0, 1.0, 0.0, 0.0][:n], limit=str(n))
    args = bc.build_parser().parse_args([str(run)])
    checkpoints, items, weights = measured_items(args)
    assert [c.name for c in checkpoints] == ["step_1", "step_2"]
    assert weights == {"gsm8k": 1.0}
    own = items["gsm8k"]
    assert own.item_ids == tuple(f"gsm8k-{i}" for i in range(6))
    assert np.isnan(own.scores).tolist() == [[False] * 6, [False] * 4 + [True] * 2]
    assert np.nanmean(own.scores, 1) == pytest.approx([0.5, 0.75])


def test_weights_of_tasks_add_up_to_the_score(tmp_path):
    run = make_run(tmp_path, "step_1")
    generator = random.Random(0)
    tasks = ("gsm8k", "math_500", "mmlu:anatomy", "mmlu:law", "boolq", "blimp")
    for task in tasks:
        add_samples(run, "step_1", task, [float(generator.random() < 0.8) for _ in range(20)])
    args = bc.build_parser().parse_args([str(run)])
    _, items, weights = measured_items(args)
    assert set(weights) == set(tasks) - {"blimp"}
    assert sum(weights.values()) == pytest.approx(1)
    assert weights["mmlu:law"] == pytest.approx(1 / 6)
    total = sum(weights[task] * own.scores[0].mean() for task, own in items.items() if task in weights)
    ranking = bc.make_ranking(args, VOCABULARY)
    assert total == pytest.approx(ranking.best.eval_accuracy)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(shuffle=st.randoms(use_true_random=False))
def test_order_of_files_and_lines_does_not_matter(tmp_path_factory, capsys, shuffle):
    documents = []
    for mixed in (False, True):
        run = make_run(tmp_path_factory.mktemp("run") / "run", "step_1", "step_2", "step_3")
        rows = [
            (name, task, scores.tolist())
            for task in ("gsm8k", "boolq")
            for name, scores in zip(
                ("step_1", "step_2", "step_3"), correlated(np.random.default_rng(3), [0.5, 0.6, 0.7], 30), strict=True
            )
        ]
        if mixed:
            shuffle.shuffle(rows)
        for name, task, scores in rows:
            path = add_samples(run, name, task, scores)
            file = path.with_name(f"{path.stem}_samples.jsonl")
            lines = file.read_text().splitlines()
            if mixed:
                shuffle.shuffle(lines)
            file.write_text("\n".join(lines))
        document = ranked(capsys, run, "--draws", "200")
        for checkpoint in document["checkpoints"]:
            del checkpoint["records"], checkpoint["path"]
        documents.append(document)
    assert documents[0] == documents[1]


def test_the_example(capsys):
    """Ten checkpoints, 1,500 items: the three best cannot be told apart, and the run declines after them."""
    example = Path(__file__).parents[1] / "examples" / "tiny_run"
    document = ranked(capsys, example)
    own = document["statistics"]
    assert (own["source"], own["items"]) == ("items", 1500)
    assert own["tied_set"] == ["step_600", "step_700", "step_800"]
    assert own["trend"]["verdict"] == "best at step_700, since then down (shown)"
    assert own["trend"]["checkpoint"] == "step_700"
    assert own["corrected"]["name"] == "step_700"
    assert 0.86 < own["corrected"]["score"] < own["corrected"]["raw"]
    assert document["not_comparable"] == []
