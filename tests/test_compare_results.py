"""compare_results.py: golden numbers, known truths, pairing, validity, verdicts, policies, repeats, outputs."""

from __future__ import annotations

import hashlib
import itertools
import json
import math
import random
import re
import shlex
import subprocess
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import compare_results as cr
import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import stats

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "compare_results.py"
TINY = ROOT / "examples" / "tiny_run" / "results"
POLICIES = ROOT / "examples" / "policies"
CHECKER = ROOT.parent / "shared" / "check_records.py"
VOCABULARY = cr.read_vocabulary()
DERANDOMIZED = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(autouse=True)
def no_garbage_collection(monkeypatch):
    """statsmodels' multipletests collects garbage at every call, which is most of a simulation's time."""
    monkeypatch.setattr("gc.collect", lambda *_: 0)


# --- Helpers: in memory ---------------------------------------------------------------------------------------------


def make_run(scores, *, key="gsm8k", names=None, groups=None, **options) -> cr.Run:
    """A run over items with these scores; options replace fields of the run."""
    scores = [float(score) for score in scores]
    names = names or [f"i{i:05d}" for i in range(len(scores))]
    answers = {
        name: cr.Answer(score, f"h{name}", f"p{name}", None if groups is None else str(groups[i]))
        for i, (name, score) in enumerate(zip(names, scores, strict=True))
    }
    fields = {
        "key": key,
        "subtask": "",
        "metric": "exact_match",
        "result_id": f"{key}|0/exact_match",
        "shots": "0",
        "score": math.fsum(scores) / len(scores),
        "standard_error": None,
        "n": len(scores),
        "unit": "proportion",
        "span": 1.0,
        "lower_is_better": False,
        "aggregation": "mean",
        "settings": {"harness": "lighteval 0.13.0", "dtype": "float32"},
        "temperature": 0.0,
        "seed": "1",
        "counts": {},
        "harness": ("lighteval", "0.13.0"),
        "date": "2026-01-01",
        "hardware": "cpu",
        "measured": True,
        "file": f"{key}.json",
        "repeats": (answers,),
    }
    return cr.Run(**(fields | options))


def ask(baseline, *candidates, policy=None, **options) -> cr.Decision:
    """The answer for runs (or lists of runs) of a baseline and of candidates."""
    models = [
        cr.ModelRuns(name, tuple(runs if isinstance(runs, list) else [runs]))
        for name, runs in zip(["old", "new", "other", "third"], [baseline, *candidates], strict=False)
    ]
    question = cr.Question(models[0], tuple(models[1:]), policy or cr.Policy(), VOCABULARY, **options)
    return cr.decide(question)


def flips(n: int, gained: int, lost: int, right: int | None = None) -> tuple[list[int], list[int]]:
    """0/1 scores of baseline and candidate over n items with so many disagreements."""
    right = (n - gained - lost) // 2 if right is None else right
    wrong = n - gained - lost - right
    return (
        [1] * right + [0] * wrong + [0] * gained + [1] * lost,
        [1] * right + [0] * wrong + [1] * gained + [0] * lost,
    )


def draw_pair(rng, n: int, disagreement: float, difference: float) -> cr.Pairs:
    """Paired 0/1 items of two models that differ by `difference` in truth."""
    up, down = (disagreement + difference) / 2, (disagreement - difference) / 2
    kind = rng.choice(4, n, p=[up, down, (1 - up - down) * 0.6, (1 - up - down) * 0.4])
    return cr.Pairs(np.isin(kind, (1, 2)).astype(float), np.isin(kind, (0, 2)).astype(float), {})


def judged(pairs_list, policy=None, threshold=-0.01) -> list[cr.Row]:
    """Rows with verdicts for some gated benchmarks, by the functions that the command uses."""
    rows = [
        cr.Row(
            "new",
            f"b{i}",
            f"b{i}",
            "critical",
            "general",
            True,
            verdict=cr.INCONCLUSIVE,
            baseline_score=float(pairs.baseline.mean()),
            score=float(pairs.candidate.mean()),
            span=1.0,
            pairs=pairs,
            basis=cr.paired_basis(pairs, 1, 1.0),
            threshold=threshold,
        )
        for i, pairs in enumerate(pairs_list)
    ]
    return cr.judge(rows, policy or cr.Policy(), 1)


# --- Helpers: on disk -----------------------------------------------------------------------------------------------


def write_record(
    folder: Path,
    model: str,
    scores,
    *,
    task: str = "gsm8k",
    shots: int = 0,
    metric: str = "exact_match",
    unit: str = "proportion",
    bounds: tuple | None = (0.0, 1.0),
    score: float | None = None,
    aggregation: str | None = "mean",
    samples: bool = True,
    names=None,
    errors=(),
    epochs: int = 1,
    metadata=None,
    prompt: str = "p",
    content: str = "q",
    dtype: str = "float32",
    library: tuple = ("lighteval", "0.13.0"),
    temperature: float = 0.0,
    seed: str = "1234",
    error: float | None = None,
    interval: tuple | None = None,
    lower: bool = False,
    weights: str | None = None,
    details: dict | None = None,
    source: str = "evaluation_run",
    n: int | None = None,
    choices=None,
) -> Path:
    """A record as the evaluation scripts write it, with its samples; returns the record's file."""
    scores = [float(s) for s in scores]
    names = names or [f"test/{i}" for i in range(len(scores) // epochs)]
    identity, slug = str(uuid.uuid4()), task.replace(":", "_")
    developer, _, name = model.rpartition("/")
    place = folder / "data" / slug / developer / name
    place.mkdir(parents=True, exist_ok=True)
    kept = [s for i, s in enumerate(scores) if names[i % len(names)] not in errors]
    uncertainty: dict = {"num_samples": n if n is not None else len(kept)}
    if error is not None:
        uncertainty["standard_error"] = {"value": error, "method": "analytic"}
    if interval is not None:
        uncertainty["confidence_interval"] = {"lower": interval[0], "upper": interval[1], "confidence_level": 0.95}
    config = {"metric_id": metric, "metric_unit": unit, "lower_is_better": lower}
    if bounds:
        config |= {"score_type": "continuous", "min_score": bounds[0], "max_score": bounds[1]}
    if aggregation:
        config["additional_details"] = {"aggregation": aggregation}
    result_id = f"{task}|{shots}/{metric}"
    record = {
        "schema_version": "0.3.0",
        "evaluation_id": f"{slug}/{model}/1700000000/{identity}",
        "evaluation_timestamp": "2026-02-03T04:05:06Z",
        "retrieved_timestamp": "1700000000",
        "source_metadata": {
            "source_type": source,
            "source_organization_name": "unknown",
            "evaluator_relationship": "third_party",
        },
        "model_info": {
            "name": name,
            "id": model,
            "developer": developer,
            "inference_engine": {"name": "transformers", "version": "5.0.0"},
            "additional_details": {
                "checkpoint": name,
                "weights_sha256": weights or f"weights of {model}",
                "deployment_type": "self_deployed",
                "model_availability": "unknown",
            },
        },
        "eval_library": {"name": library[0], "version": library[1]},
        "evaluation_results": [
            {
                "evaluation_result_id": result_id,
                "evaluation_name": task,
                "source_data": {"dataset_name": task, "source_type": "other"},
                "metric_config": config,
                "score_details": {
                    "score": math.fsum(kept) / len(kept) if score is None else score,
                    "details": details or {},
                    "uncertainty": uncertainty,
                },
                "generation_config": {
                    "generation_args": {"temperature": temperature},
                    "additional_details": {"few_shot": str(shots), "seed": seed, "dtype": dtype, "device": "cpu"},
                },
            }
        ],
    }
    rows = []
    for i, value in enumerate(scores):
        sample = names[i % len(names)]
        row = {
            "schema_version": "0.3.0",
            "evaluation_id": record["evaluation_id"],
            "model_id": model,
            "evaluation_name": task,
            "evaluation_result_id": result_id,
            "sample_id": sample,
            "sample_hash": hashlib.sha256(f"{content}{sample}".encode()).hexdigest(),
            "interaction_type": "single_turn",
            "input": {"raw": f"{content} {sample}", "reference": ["1"]} | ({"choices": choices} if choices else {}),
            "output": {"raw": ["1"]},
            "answer_attribution": [],
            "evaluation": {"score": value, "is_correct": value > 0.5},
            "metadata": {"prompt_hash": f"{prompt}{sample}"} | (metadata(i) if metadata else {}),
        }
        if epochs > 1:
            row["metadata"]["epoch"] = str(i // len(names))
        rows.append(row | ({"error": "timeout"} if sample in errors else {}))
    if samples:
        content_bytes = "".join(json.dumps(row) + "\n" for row in rows).encode()
        (place / f"{identity}_samples.jsonl").write_bytes(content_bytes)
        record["detailed_evaluation_results"] = {
            "format": "jsonl",
            "file_path": f"data/{slug}/{developer}/{name}/{identity}_samples.jsonl",
            "hash_algorithm": "sha256",
            "checksum": hashlib.sha256(content_bytes).hexdigest(),
            "total_rows": len(rows),
        }
    path = place / f"{identity}.json"
    path.write_text(json.dumps(record))
    return path


def call(capsys, *arguments) -> tuple[int, str, str]:
    code = cr.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def compare(capsys, folder, *arguments, baseline="old", candidate="new") -> dict:
    """The JSON answer about the records in a folder; also that the exit code is the verdict's."""
    code, out, err = call(
        capsys, "--baseline", baseline, "--candidate", candidate, "--results", folder, "--json", *arguments
    )
    assert out, err
    document = json.loads(out)
    assert code == document["exit_code"]
    return document


def refused(capsys, *arguments) -> str:
    """The message of a command that could not be carried out."""
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (2, ""), (out, err)
    assert err.startswith("error: ") and err.count("\n") <= 2 and "Traceback" not in err
    return err


# --- Golden numbers -------------------------------------------------------------------------------------------------


def test_sample_size_for_a_detectable_difference():
    variance = cr.paired_variance(1 / 9, (1 / 6, 1 / 6), 10**12)
    evidence = cr.Student(0.0, math.sqrt(variance / 100))
    assert cr.items_needed(evidence, 100, -0.03, 0.025, 0.8) == 969
    assert variance * (cr.quantile_sum(0.05, 0.8, 2) / 0.03) ** 2 == pytest.approx(968.997, abs=1e-3)


@pytest.mark.parametrize(("repeats", "reduction"), [(1, 0), (2, 1 / 3), (4, 1 / 2), (6, 5 / 9), (10**12, 2 / 3)])
def test_repeats_reduce_the_variance(repeats, reduction):
    once, often = (cr.paired_variance(1 / 12, (1 / 6, 0.0), k) for k in (1, repeats))
    assert 1 - often / once == pytest.approx(reduction, abs=1e-9)


def test_detectable_difference_of_198_items():
    shown = [cr.detectable(cr.paired_variance(1 / 9, (1 / 6, 1 / 6), repeats), 198) for repeats in (1, 10)]
    assert shown == pytest.approx([0.1327, 0.0757], abs=1e-4)


def test_standard_errors_of_scores():
    def error(right: int, n: int) -> float:
        return cr.clustered_standard_error(np.repeat([1.0, 0.0], [right, n - right]), np.arange(n))

    assert error(3275, 5000) == pytest.approx(0.0067, abs=5e-5)
    assert error(235, 1172) == pytest.approx(0.011700318050499373, abs=1e-12)  # lm-eval's acc_stderr of arc_challenge
    assert [error(k, 30) for k in (12, 11)] == pytest.approx([0.0910, 0.0895], abs=1e-4)


@pytest.mark.parametrize(("low", "high", "error"), [(1.2, 3.8, 0.66), (-7.2, 1.0, 2.09), (-6.1, 0.7, 1.73)])
def test_standard_error_from_an_interval(low, high, error):
    assert cr.interval_from_bounds(low, high) == pytest.approx(error, abs=0.05)


def test_clustered_standard_error():
    values, groups = np.arange(20.0), np.arange(20) % 4
    assert cr.clustered_standard_error(values, groups) == pytest.approx(0.6454972, abs=1e-7)
    assert cr.clustered_standard_error(values, np.arange(20)) == pytest.approx(1.3228757, abs=1e-7)
    import statsmodels.api as sm

    fitted = sm.OLS(values, np.ones(20)).fit(cov_type="cluster", cov_kwds={"groups": groups})
    assert cr.clustered_standard_error(values, groups) == pytest.approx(float(fitted.bse[0]), rel=1e-12)


@pytest.mark.parametrize(
    ("right", "n", "confidence", "expected"),
    [
        (3, 10, 0.95, (0.1077913, 0.6032219)),
        (0, 10, 0.95, (0, 0.2775328)),
        (10, 10, 0.95, (0.7224672, 1)),
        (3, 10, 0.99, (0.07956632, 0.6799753)),
        (100, 200, 0.95, (0.4313609, 0.5686391)),
        (81, 263, 0.95, (0.255289, 0.36621)),  # Newcombe's four cases
        (15, 148, 0.95, (0.062386, 0.160487)),
        (0, 20, 0.95, (0, 0.161125)),
        (1, 29, 0.95, (0.006113, 0.171755)),
    ],
)
def test_intervals_of_one_proportion(right, n, confidence, expected):
    from statsmodels.stats.proportion import proportion_confint

    found = cr.wilson_interval(right, n, confidence)
    assert found == pytest.approx(expected, abs=1e-6)
    assert found == pytest.approx(proportion_confint(right, n, 1 - confidence, "wilson"), abs=1e-12)


def test_mcnemar():
    assert cr.mcnemar_p(15, 19) == cr.mcnemar_p(19, 15) == pytest.approx(0.607591361, abs=1e-9)
    assert cr.mcnemar_p(59, 121) == pytest.approx(5.4501e-6, rel=0.25)  # Yates' chi2 20.672 approximates it
    assert cr.mcnemar_p(150, 86) == pytest.approx(4.1146e-5, rel=0.25)  # chi2 16.818
    assert cr.mcnemar_p(0, 0) == 1.0


SLEEP = np.array([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0]) - np.array(
    [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4]
)


def test_paired_t_of_the_sleep_data():
    basis = cr.paired_basis(cr.Pairs(np.zeros(10), SLEEP, {}), 1, None)
    assert basis.evidence is None  # one pair is equal: only nine differ, and such a metric has no bounds
    student = cr.paired_difference(SLEEP, (), None)
    assert student.mean / student.error == pytest.approx(-4.062128, abs=1e-6)
    assert 2 * student.p_below(0.0) == pytest.approx(0.002832890, abs=1e-8)
    assert student.interval(0.05) == pytest.approx((-2.459886, -0.700114), abs=1e-6)


PVAL0 = [0.838541367553, 0.642193923795, 0.680845947633, 0.967833824309, 0.71626938238, 0.177096952723]
PVAL0 += [5.23656777208e-005, 0.0202732688798, 0.00028140506198, 0.0149877310796]
BH1995 = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240]
BH1995 += [0.4262, 0.5719, 0.6528, 0.7590, 1.0]


def adjusted(p_values, method):
    return [q for q, _ in cr.step_levels(p_values, 0.05, method)]


def test_holm_and_benjamini_hochberg_adjustments():
    holm = sorted(adjusted(PVAL0, "holm"))
    assert holm[:4] == pytest.approx([5.23656777e-4, 2.53264556e-3, 1.19901849e-1, 1.41912882e-1], rel=1e-8)
    assert holm[4:] == [1.0] * 6
    bh = sorted(adjusted(PVAL0, "fdr_bh"))
    assert bh[:5] == pytest.approx([5.23657e-4, 1.40703e-3, 4.99591e-2, 5.06832e-2, 0.354194], rel=1e-5)
    assert adjusted(BH1995, "fdr_bh")[:6] == pytest.approx(
        [0.0015, 0.003, 0.0095, 0.035625, 0.0603, 0.06385714], abs=1e-6
    )
    assert adjusted(BH1995, "holm")[:4] == pytest.approx([0.0015, 0.0056, 0.0247, 0.114], abs=1e-6)
    for method, count in (("fdr_bh", 4), ("holm", 3)):
        levels = cr.step_levels(BH1995, 0.05, method)
        assert sum(p <= level for p, (_, level) in zip(BH1995, levels, strict=True)) == count


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20), st.sampled_from(["holm", "fdr_bh"]))
@DERANDOMIZED
def test_a_level_says_what_the_adjusted_p_value_says(p_values, method):
    for p, (q, level) in zip(p_values, cr.step_levels(p_values, 0.05, method), strict=True):
        assert (p <= level * (1 + 1e-12)) == (q <= 0.05 * (1 + 1e-12))
        assert 0.05 / len(p_values) <= level * (1 + 1e-12) <= 0.05 * (1 + 1e-9)


@pytest.mark.parametrize(
    ("policy", "target", "limit", "by"),
    [
        ("defaults: {}", None, -0.01, "max_drop"),
        ("defaults: {max_drop: 0.03}", None, -0.03, "max_drop"),
        ("defaults: {max_drop: 0.03, max_relative_drop: 0.02}", None, -0.01, "max_relative_drop"),
        ("defaults: {max_drop: 0.01, max_relative_drop: 0.5}", None, -0.01, "max_drop"),
        ("rule: finetune\ntargets: [gsm8k]\ndefaults: {min_gain: 0.04}", True, 0.04, "min_gain"),
        ("rule: finetune\ntargets: [gsm8k]\ndefaults: {min_gain: 0.01, min_relative_gain: 0.1}", True, 0.05,
         "min_relative_gain"),
    ],
)  # fmt: skip
def test_the_limit_that_decided_a_row_has_one_name_everywhere(tmp_path, capsys, policy, target, limit, by):
    """In the document, the table and the report; the baseline's score is 0.5."""
    for name, scores in zip(("old", "new"), flips(200, 10, 10, 90), strict=True):
        write_record(tmp_path, f"run/{name}", scores)
    file, report = tmp_path / "policy.yaml", tmp_path / "REPORT.md"
    file.write_text(policy)
    (row,) = compare(capsys, tmp_path, "--policy", file, "--report", report)["benchmarks"]
    assert (row["limit"], row["limit_by"]) == (pytest.approx(limit), by)
    _, out, _ = call(capsys, "--baseline", "old", "--candidate", "new", "--results", tmp_path, "--policy", file)
    for text in (out, report.read_text(encoding="utf-8")):
        head, _, first = [line.split(" | ") for line in text.splitlines() if line.startswith("| ")][:3]
        assert first[head.index("limit")] == f"{100 * limit:+.2f} ({by})"


def test_three_repeats():
    mean, deviation, half = cr.mean_of_runs([1.0, 2.0, 3.0])
    assert (mean, deviation) == (2.0, 1.0)
    assert half == pytest.approx(2.484138, abs=1e-6)
    assert half * math.sqrt(3) == pytest.approx(4.302653, abs=1e-6)


@pytest.mark.parametrize(
    ("disagreement", "unchanged", "gain"), [(0.05, 3092, 982), (0.10, 6183, 1963), (0.20, 12366, 3925)]
)
def test_paired_items_needed(disagreement, unchanged, gain):
    evidence = cr.Student(0.0, math.sqrt(disagreement / 100))
    assert cr.items_needed(evidence, 100, -0.01, 0.05, 0.8) == unchanged
    assert cr.items_needed(evidence, 100, -0.02, 0.025, 0.8) == gain


def test_the_command_names_the_items_that_a_release_needs(tmp_path, capsys):
    for name, scores in zip(("old", "new"), flips(1000, 50, 50), strict=True):
        write_record(tmp_path, f"run/{name}", scores)
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert row["verdict"] == "INCONCLUSIVE"
    assert row["items_needed"] == pytest.approx(6183, rel=0.01)
    assert row["items_needed_if"] == "the model is unchanged"


@pytest.mark.parametrize(
    ("items", "disagreement", "published"), [(164, 0.1, 0.34), (198, 0.1, 0.33), (1319, 0.1, 0.13)]
)
def test_the_naive_rule_that_the_intervals_replace(items, disagreement, published):
    """What a "must not drop by more than a point" gate on point estimates does, and what this command does instead."""
    rng = np.random.default_rng(11)
    naive = ours = 0
    for _ in range(600):
        pairs = draw_pair(rng, items, disagreement, 0.0)
        naive += pairs.candidate.mean() - pairs.baseline.mean() < -0.01
        ours += judged([pairs])[0].verdict == cr.NO_GO
    assert naive / 600 == pytest.approx(published, abs=0.05)
    assert ours / 600 <= 0.05


# --- Evidence: properties and known truth ---------------------------------------------------------------------------


def counted_difference(gained: int, lost: int, n: int) -> cr.Difference:
    """The evidence in counts of gained and lost items."""
    return cr.paired_difference(np.repeat([1.0, -1.0, 0.0], [gained, lost, n - gained - lost]))


@pytest.mark.parametrize(
    ("one", "two", "expected"),
    [((56, 70), (48, 80), (0.0524, 0.3339)), ((9, 10), (3, 10), (0.1705, 0.8090))],
)
def test_unpaired_intervals_of_newcombe_1998(one, two, expected):
    """Statist. Med. 17:873, table II, method 10, for which every number of items is small."""
    means = [cr.BoundedMean(right / n, 1 / n, 1 / n) for right, n in (two, one)]
    evidence = cr.unpaired_difference(*means)
    low, high = evidence.interval(0.05)
    few = min(*one, one[1] - one[0], *two, two[1] - two[0]) <= 3
    assert (low, high) == pytest.approx(expected, abs=0.1 if few else 5e-5)
    assert not few or low <= expected[0] + 5e-5


def test_no_change_at_all_is_shown_by_as_many_items_as_the_exact_test_needs():
    """0.99 ** 298 is above 5 %, 0.99 ** 299 below."""
    assert counted_difference(0, 0, 298).p_above(-0.01) > 0.05 >= counted_difference(0, 0, 299).p_above(-0.01)


evidences = st.one_of(
    st.builds(
        lambda up, down, rest: counted_difference(up, down, up + down + rest),
        st.integers(0, 60),
        st.integers(0, 60),
        st.integers(1, 300),
    ),
    st.builds(
        lambda mean, error, df: cr.Student(mean, error, df),
        st.floats(-0.5, 0.5),
        st.floats(0.001, 0.3),
        st.sampled_from([5, 60, math.inf]),
    ),
    st.builds(
        lambda seed, n, size: cr.paired_difference(
            np.round(np.random.default_rng(seed).normal(0.02, 0.1, n).clip(-1, 1), 1), (np.arange(n) // size,)
        ),
        st.integers(0, 1000),
        st.integers(40, 200),
        st.sampled_from([1, 4]),
    ),
)


@given(evidences, st.sampled_from([0.05, 0.025, 0.05 / 15]), st.floats(-0.4, 0.4))
@DERANDOMIZED
def test_bounds_and_p_values_agree_and_mirror(evidence, level, value):
    low, high = evidence.lower(level), evidence.upper(level)
    assert low < high
    mirrored = evidence.mirrored()
    assert (mirrored.lower(level), mirrored.upper(level)) == (-high, -low)
    assert mirrored.p_above(value) == evidence.p_below(-value)
    if abs(value - low) > 1e-6:
        assert (evidence.p_above(value) <= level) == (value <= low)
    if abs(value - high) > 1e-6:
        assert (evidence.p_below(value) <= level) == (value >= high)
    assert evidence.p_above(value) <= evidence.p_above(value + 0.1) + 1e-12


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 40), st.integers(0, 40), st.floats(-0.9, 0.9))
def test_the_critical_value_is_the_root_that_scipy_finds(gained, lost, value):
    from scipy import optimize

    evidence = counted_difference(gained, lost, 80)
    if evidence.low_end(0.0) > value + 1e-9 and evidence.low_end(cr.MOST_CRITICAL) <= value:
        root = optimize.brentq(
            lambda critical: evidence.low_end(critical) - value - 1e-12, 0.0, cr.MOST_CRITICAL, xtol=1e-12
        )
        assert cr.reached(evidence.low_end, value) == pytest.approx(root, rel=1e-6, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(*[st.sampled_from([0.0, 0.5, 1.0])] * 2, st.sampled_from([None, "p", "q"])), min_size=1))
def test_pairs_are_those_of_items_sorted_one_by_one(items):
    groups = [group for *_, group in items]
    sides = [
        cr.side_of([make_run([item[i] for item in items], groups=groups if any(groups) else None)]) for i in (0, 1)
    ]
    names = list(sides[0].scores)
    rows = sorted((*(side.scores[n][0] for side in sides), *cr.sharing_of(*sides, n)) for n in names)
    pairs = cr.make_pairs(*sides, names)
    assert list(zip(pairs.baseline, pairs.candidate, strict=True)) == [row[:2] for row in rows]
    expected = cr.numbered_sharing([row[2:] for row in rows])
    assert {what: own.tolist() for what, own in pairs.shared.items()} == {
        w: own.tolist() for w, own in expected.items()
    }


def exact_share(n: int, up: float, down: float, holds) -> float:
    """The exact probability that `holds(gained, lost)` for n paired items with these true shares."""
    total = 0.0
    for gained, p_gained in enumerate(stats.binom.pmf(np.arange(n + 1), n, up)):
        if p_gained > 1e-7:
            lost = stats.binom.pmf(np.arange(n - gained + 1), n - gained, down / (1 - up))
            total += sum(p_gained * p for d, p in enumerate(lost) if p_gained * p > 1e-8 and holds(gained, d))
    return total


@pytest.mark.parametrize(("n", "up", "down"), [(100, 0.1, 0.1), (100, 0.1, 0.05), (200, 0.05, 0.05), (200, 0.2, 0.1)])
def test_exact_coverage_of_the_score_interval(n, up, down):
    def covers(gained, lost):
        low, high = counted_difference(gained, lost, n).interval(0.05)
        return low <= up - down <= high

    assert 0.93 <= exact_share(n, up, down, covers) <= 0.97


@pytest.mark.parametrize(("n", "disagreement"), [(40, 0.04), (40, 0.2), (200, 0.01), (200, 0.02), (200, 0.1)])
def test_exact_errors_at_the_limit(n, disagreement):
    """A model exactly at the limit passes, and fails, in at most 5 %, also where hardly any item changes."""
    up, down = (disagreement - 0.01) / 2, (disagreement + 0.01) / 2
    assert exact_share(n, up, down, lambda a, b: counted_difference(a, b, n).lower(0.05) > -0.01) <= 0.053
    assert exact_share(n, up, down, lambda a, b: counted_difference(a, b, n).upper(0.05) < -0.01) <= 0.053


def clustered_pair(rng, clusters: int, size: int, spread: float, difference: float = 0.0) -> cr.Pairs:
    """0/1 items whose disagreements come in passages: each passage has its own shares of gains and losses."""
    n = clusters * size
    groups = np.repeat(np.arange(clusters), size)
    up = np.clip(rng.beta(0.1 / spread, 0.9 / spread, clusters), 0, 0.5)[groups]
    down = np.clip(rng.beta((0.1 - difference) / spread, (0.9 + difference) / spread, clusters), 0, 0.5)[groups]
    draw = rng.random(n)
    gained, lost = draw < up, draw > 1 - down
    base = np.where(gained, 0.0, np.where(lost, 1.0, (rng.random(n) < 0.6).astype(float)))
    cand = np.where(gained, 1.0, np.where(lost, 0.0, base))
    return cr.Pairs(base, cand, {"clusters": groups})


def test_coverage_with_clusters():
    rng = np.random.default_rng(21)
    covered = naive = 0
    for _ in range(800):
        pairs = clustered_pair(rng, 60, 8, 0.25)
        evidence = cr.paired_basis(pairs, 1, 1.0).evidence
        covered += min(evidence.p_above(0.0), evidence.p_below(0.0)) >= 0.025
        alone = cr.paired_basis(replace(pairs, shared={}), 1, 1.0).evidence
        naive += min(alone.p_above(0.0), alone.p_below(0.0)) >= 0.025
    assert 0.93 <= covered / 800 <= 0.99
    assert naive / 800 < 0.92  # what leaving the passages out would give


@pytest.mark.parametrize(("clusters", "n"), [(None, 300), (None, 30), (50, 300)])
def test_coverage_of_continuous_scores(clusters, n):
    rng = np.random.default_rng(22)
    covered, truth = 0, 0.02
    shared_by = {} if clusters is None else {"clusters": np.arange(n) % clusters}
    for _ in range(1000):
        shared = 0.0 if clusters is None else rng.normal(0, 0.05, clusters)[shared_by["clusters"]]
        base = rng.beta(2, 2, n)
        basis = cr.paired_basis(cr.Pairs(base, base + truth + shared + rng.normal(0, 0.1, n), shared_by), 1, 1.0)
        covered += min(basis.evidence.p_above(truth), basis.evidence.p_below(truth)) >= 0.025
    assert covered / 1000 >= 0.93  # more, since rare large changes may not have been met


def test_an_unchanged_model_fails_a_family_in_at_most_5_percent():
    rng = np.random.default_rng(23)
    sizes = [(164, 0.1), (198, 0.15), (500, 0.1), (1000, 0.05), (40, 0.1)]
    failed = tight = 0
    for _ in range(500):
        pairs = [draw_pair(rng, n, d, 0.0) for n, d in sizes]
        failed += any(row.verdict == cr.NO_GO for row in judged(pairs))
        # Without a margin the error budget is used up, and not more.
        tight += any(row.verdict == cr.NO_GO for row in judged(pairs, threshold=0.0))
    assert failed / 500 <= 0.05
    assert 0.01 <= tight / 500 <= 0.07


def test_a_model_three_points_worse_passes_in_at_most_5_percent():
    rng = np.random.default_rng(24)
    passed = 0
    for _ in range(500):
        pairs = [draw_pair(rng, n, 0.1, -0.03 if n == 1000 else 0.02) for n in (300, 1000, 3000)]
        passed += all(row.verdict == cr.GO for row in judged(pairs))
    assert passed / 500 <= 0.05


def test_an_unchanged_model_passes_with_enough_items():
    rng = np.random.default_rng(25)
    verdicts = [judged([draw_pair(rng, 3092, 0.05, 0.0)])[0].verdict for _ in range(300)]
    assert 0.73 <= verdicts.count(cr.GO) / 300 <= 0.87  # the power that the items were planned for
    assert judged([cr.Pairs(*map(np.array, flips(60, 1, 2)), {})])[0].verdict == cr.INCONCLUSIVE


def test_a_gain_is_claimed_wrongly_in_at_most_5_percent():
    rng = np.random.default_rng(26)
    policy = cr.Policy(rule="select")
    claimed = 0
    for _ in range(400):
        rows = judged([draw_pair(rng, 400, 0.1, 0.0) for _ in range(6)], policy)
        claimed += any(row.verdict == cr.BETTER for row in rows)
    assert claimed / 400 <= 0.06


def test_rare_large_drops_of_a_continuous_score_do_not_pass():
    """Where few items change the t interval alone is too narrow."""
    rng = np.random.default_rng(27)
    passed = alone = 0
    for _ in range(600):
        base = rng.beta(3, 2, 300)
        pairs = cr.Pairs(base, np.where(rng.random(300) < 0.02, 0.0, base), {})
        rows = judged([pairs])
        passed += rows[0].verdict == cr.GO
        differences = pairs.candidate - pairs.baseline
        if differences.any():
            alone += cr.paired_difference(differences, (), None).p_above(-0.01) <= 0.05
        else:
            alone += 1
    assert passed / 600 <= 0.05 < alone / 600


def test_unchanged_clusters_are_no_evidence_for_their_items():
    same = np.tile([1.0, 0.0], 500)
    alone = cr.paired_basis(cr.Pairs(same, same, {}), 1, 1.0)
    grouped = cr.paired_basis(cr.Pairs(same, same, {"clusters": np.repeat(np.arange(20), 50)}), 1, 1.0)
    assert alone.evidence.p_above(-0.01) < 0.05 < grouped.evidence.p_above(-0.01)
    assert grouped.design_effect == 50


def test_few_clusters_decide_nothing():
    pairs = clustered_pair(np.random.default_rng(1), 5, 40, 0.2)
    basis = cr.paired_basis(pairs, 1, 1.0)
    assert basis.evidence is None
    assert "too few clusters (5)" in basis.method


@given(st.data())
@DERANDOMIZED
def test_swapping_the_models_mirrors_the_interval(data):
    n = data.draw(st.integers(12, 120))
    binary = data.draw(st.booleans())
    values = st.sampled_from([0.0, 1.0]) if binary else st.floats(0, 1)
    one, two = (np.array(data.draw(st.lists(values, min_size=n, max_size=n))) for _ in range(2))
    groups = {"clusters": np.arange(n) % data.draw(st.integers(10, n))} if data.draw(st.booleans()) else {}
    ours, theirs = (cr.paired_basis(cr.Pairs(a, b, groups), 1, 1.0).evidence for a, b in ((one, two), (two, one)))
    low, high = ours.interval(0.05)
    assert theirs.interval(0.05) == pytest.approx((-high, -low), abs=1e-9)
    worse = cr.paired_basis(cr.Pairs(one, two, groups), -1, 1.0).evidence  # less is better
    assert worse.interval(0.05) == pytest.approx((-high, -low), abs=1e-9)


@given(st.data())
@DERANDOMIZED
def test_names_and_order_do_not_matter(data):
    n = data.draw(st.integers(12, 60))
    rng = random.Random(data.draw(st.integers(0, 10**6)))
    keys = ["gsm8k", "drop"]
    scores = {key: [[rng.choice([0, 0.5, 1]) for _ in range(n)] for _ in range(2)] for key in keys}
    groups = [rng.randrange(11) for _ in range(n)] if data.draw(st.booleans()) else None

    def answer(names, order, side_order):
        runs = []
        for side in range(2):
            made = [
                make_run(
                    [scores[key][side][i] for i in order],
                    key=key,
                    names=[names[i] for i in order],
                    groups=None if groups is None else [f"g{groups[i]}" for i in order],
                )
                for key in side_order
            ]
            runs.append(made)
        decision = ask(runs[0], runs[1], policy=cr.Policy(rule="release"))
        return decision.verdict, {row.key: (row.verdict, row.bounds, row.delta) for row in decision.rows}

    plain = answer([f"i{i}" for i in range(n)], list(range(n)), keys)
    order = list(range(n))
    rng.shuffle(order)
    renamed = answer([f"x{i * 7919 % 10007}" for i in range(n)], order, keys[::-1])
    assert renamed[0] == plain[0]
    for key in keys:
        assert renamed[1][key][0] == plain[1][key][0]
        assert renamed[1][key][2] == pytest.approx(plain[1][key][2], abs=1e-12)
        if plain[1][key][1] is not None:
            assert renamed[1][key][1] == pytest.approx(plain[1][key][1], abs=1e-9)


@given(st.lists(st.tuples(st.integers(60, 400), st.integers(0, 25), st.integers(0, 25)), min_size=1, max_size=8))
@DERANDOMIZED
def test_verdicts_are_what_the_shown_interval_says(sizes):
    rows = judged([cr.Pairs(*map(np.array, flips(n, a, b)), {}) for n, a, b in sizes])
    for row in rows:
        low, high = row.bounds
        expected = cr.GO if low > row.threshold else cr.NO_GO if high < row.threshold else cr.INCONCLUSIVE
        assert row.verdict == expected
        assert (row.p_values["fail_adjusted"] <= 0.05) == (high <= row.threshold)
        assert row.levels[0] == 0.05
        assert low <= row.delta <= high


# --- The rules ------------------------------------------------------------------------------------------------------


def test_release_has_three_verdicts():
    alike, better, worse = flips(4000, 60, 60), flips(1000, 80, 20), flips(1000, 20, 90)
    for (one, two), verdict, code in ((alike, "GO", 0), (better, "GO", 0), (worse, "NO-GO", 1)):
        decision = ask(make_run(one), make_run(two))
        assert (decision.verdict, cr.EXIT_CODES[decision.verdict]) == (verdict, code)
    undecided = ask(make_run(flips(200, 10, 10)[0]), make_run(flips(200, 10, 10)[1]))
    assert undecided.verdict == "INCONCLUSIVE"
    assert undecided.rows[0].items_needed == pytest.approx(6183, rel=0.01)


def test_an_identical_model_needs_as_many_items_as_the_command_says():
    same = [1, 0] * 50
    row = ask(make_run(same), make_run(same)).rows[0]
    assert row.verdict == "INCONCLUSIVE"
    for count, verdict in ((row.items_needed, "GO"), (row.items_needed - 1, "INCONCLUSIVE")):
        scores = ([1, 0] * count)[:count]
        assert ask(make_run(scores), make_run(scores)).verdict == verdict


def test_one_failing_benchmark_fails_the_release_and_one_open_one_leaves_it_open():
    good, bad, undecided = flips(4000, 60, 60), flips(1000, 10, 120), flips(100, 5, 5)
    runs = [[make_run(s, key=key) for key, s in (("gsm8k", good[i]), ("drop", bad[i]))] for i in range(2)]
    assert ask(*runs).verdict == "NO-GO"
    runs = [[make_run(s, key=key) for key, s in (("gsm8k", good[i]), ("drop", undecided[i]))] for i in range(2)]
    assert ask(*runs).verdict == "INCONCLUSIVE"


def test_finetune_wants_a_gain_and_no_loss():
    policy = cr.Policy(rule="finetune", targets=("gsm8k",))
    gain, small_gain, same = flips(1500, 200, 40), flips(3000, 60, 60), flips(4000, 60, 60)

    def verdict(target, general):
        runs = [[make_run(target[i], key="gsm8k"), make_run(general[i], key="drop")] for i in range(2)]
        return ask(*runs, policy=policy)

    assert verdict(gain, same).verdict == "GO"
    decision = verdict(small_gain, same)
    assert decision.verdict == "NO-GO"  # the gain is shown to be less than 2 points
    assert [row.verdict for row in decision.rows if row.role == "target"] == ["NO-GO"]
    assert verdict(gain, flips(1500, 20, 120)).verdict == "NO-GO"
    half = verdict(flips(300, 20, 6), same)
    assert half.verdict == "INCONCLUSIVE"
    target = next(row for row in half.rows if row.role == "target")
    assert target.needed_if == "the true difference is the observed one"
    assert target.items_needed > 300


def test_select_wants_two_improvements_and_no_regression():
    policy = cr.Policy(rule="select")
    up, same, down = flips(4000, 300, 60), flips(4000, 50, 50), flips(4000, 60, 300)

    def runs(*kinds, side):
        return [make_run(kind[side], key=key) for key, kind in zip(("gsm8k", "drop", "mmlu"), kinds, strict=True)]

    base = runs(up, up, same, side=0)
    good = ask(base, runs(up, up, same, side=1), policy=policy)
    assert good.verdict == "GO"
    assert [row.verdict for row in good.rows] == ["BETTER", "BETTER", "NO REGRESSION"]
    base = runs(up, same, same, side=0)
    one = ask(base, runs(up, same, same, side=1), policy=policy)
    assert one.verdict == "INCONCLUSIVE"
    base = runs(up, up, down, side=0)
    assert ask(base, runs(up, up, down, side=1), policy=policy).verdict == "NO-GO"


def test_select_among_several_names_the_one_that_passes_and_its_pareto_probability():
    policy = cr.Policy(rule="select")
    up, same, down = flips(3000, 400, 60), flips(3000, 40, 40), flips(3000, 60, 400)
    assert up[0].count(1) != same[0].count(1)
    right = [1] * 1500 + [0] * 1500
    better = [1] * 1900 + [0] * 1100
    worse = [1] * 1200 + [0] * 1800

    def model(one, two):
        return [make_run(one, key="gsm8k"), make_run(two, key="drop")]

    decision = ask(model(right, right), model(better, better), model(worse, better), policy=policy)
    assert decision.verdict == "GO"
    assert dict(decision.candidates) == {"new": "GO", "other": "NO-GO"}
    assert decision.pareto.front == ("new",)
    assert decision.pareto.probability["new"] == 1.0
    assert decision.pareto.probability["old"] == 0.0
    assert down


def test_pareto_probability_of_equals_is_a_coin_toss():
    rng = np.random.default_rng(31)
    one, two = rng.integers(0, 2, (2, 800))
    runs = [[make_run(scores, key=key) for key in ("gsm8k",)] for scores in (one, two)]
    decision = ask(*runs, policy=cr.Policy(rule="select", min_better=1))
    low, high = sorted(decision.pareto.probability.values())
    from scipy.special import ndtr

    expected = ndtr(abs(one.mean() - two.mean()) / cr.clustered_standard_error(one - two * 1.0, np.arange(800)))
    assert high == pytest.approx(expected, abs=0.04)
    assert low + high >= 1.0  # ties count for both


# --- What may be compared -------------------------------------------------------------------------------------------


def pair_on_disk(folder, one=None, two=None, scores=None, **both):
    """Records of run/old and run/new; `one` and `two` are their own options."""
    scores = scores or flips(400, 10, 10)
    write_record(folder, "run/old", scores[0], **(both | (one or {})))
    write_record(folder, "run/new", scores[1], **(both | (two or {})))


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"dtype": "bfloat16"}, "dtype: float32 and bfloat16"),
        ({"shots": 5}, "few-shot count: 0 and 5"),
        ({"library": ("lighteval", "0.12.0")}, "harness: lighteval 0.13.0 and lighteval 0.12.0"),
        ({"library": ("lm_eval", "0.4.13")}, "harness"),
        ({"prompt": "another"}, "400 items were asked with other prompts"),
        ({"content": "another"}, "400 items have the same id and other content"),
        ({"temperature": 0.7}, "temperature: 0.0 and 0.7"),
        ({"source": "documentation"}, "was read from a document"),
        ({"metric": "accuracy"}, "metric: exact_match and accuracy"),
        ({"details": {"empty": "50"}}, "candidate: 50 of 400 answers empty"),
        ({"details": {"truncated": "41"}}, "candidate: 41 of 400 answers truncated"),
        ({"details": {"unparsed": "399"}}, "candidate: 399 of 400 answers unparsed"),
        ({"names": [f"other/{i}" for i in range(400)]}, "item sets: 400 items only the baseline has"),
    ],
)
def test_unlike_runs_are_not_judged_silently(tmp_path, capsys, option, words):
    pair_on_disk(tmp_path, two=option)
    document = compare(capsys, tmp_path)
    row = document["benchmarks"][0]
    assert (document["verdict"], row["verdict"]) == ("INCONCLUSIVE", "NOT COMPARABLE")
    assert words in "; ".join(row["notes"])
    assert (row["delta"], row["interval"], document["allow_unlike"]) == (None, None, False)
    allowed = compare(capsys, tmp_path, "--allow-unlike")
    assert allowed["allow_unlike"] is True
    assert allowed["benchmarks"][0]["verdict"] != "NOT COMPARABLE"
    assert words in "; ".join(allowed["benchmarks"][0]["notes"])
    code, out, _ = call(capsys, "--baseline", "old", "--candidate", "new", "--results", tmp_path, "--allow-unlike")
    assert code == 3 and "--allow-unlike" in out and words in out.replace("\\", "")


def test_chat_template_and_engine_must_be_alike():
    one = make_run([1, 0] * 40, settings={"chat template": "true", "engine": "vllm 0.32"})
    two = make_run([1, 0] * 40, settings={"chat template": "false", "engine": "transformers 5"})
    notes = "; ".join(ask(one, two).rows[0].notes)
    assert "chat template: true and false" in notes and "engine: vllm 0.32 and transformers 5" in notes


def test_what_another_program_does_not_say_is_no_difference():
    """The same program says all that it was given: what one of its records lacks was not set there."""
    scores = flips(4000, 60, 60)
    one = make_run(scores[0], settings={"reasoning_effort": "high"}, writer="a")
    assert ask(one, make_run(scores[1], settings={}, writer="b")).verdict == "GO"
    decision = ask(one, make_run(scores[1], settings={}, writer="a"))
    assert decision.rows[0].verdict == "NOT COMPARABLE"
    assert "reasoning_effort: high and nothing" in decision.rows[0].notes


def test_items_that_one_side_lacks_or_that_errored_are_counted(tmp_path, capsys):
    one, two = flips(400, 10, 10)
    names = [f"test/{i}" for i in range(400)]
    write_record(tmp_path, "run/old", one, names=names, errors={"test/1", "test/2"})
    write_record(tmp_path, "run/new", two[:-3], names=names[:-3], errors={"test/1"})
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert row["n"] == 395
    assert "2 items could not be scored on both sides in every run" in row["notes"]
    assert "3 items only the baseline has" in row["notes"]
    assert (row["baseline"]["errors"], row["score"]["errors"]) == (2, 1)


def told(document: dict) -> tuple:
    """A verdict and what the notes say of lost attempts' bounds."""
    row = (document.get("benchmarks") or document["comparisons"])[0]
    lost = [line for line in row["notes"] if "attempts lost" in line]
    return document["verdict"], document["exit_code"], [line.partition("; ")[2] for line in lost]


@pytest.mark.parametrize("rule", ["release", "select", "choose"])
@pytest.mark.parametrize("side", ["old", "new"])
@pytest.mark.parametrize(("gained", "decides"), [(30, False), (120, True)])
def test_items_left_out_of_a_file_are_lost_like_failed_ones(rule, side, gained, decides, tmp_path, capsys):
    scores = dict(zip(("old", "new"), flips(400, gained, 10), strict=True))
    first = scores["old"].index(0) if side == "old" else 0  # items that the old one has wrong, or the new one right
    names, gone = [f"test/{i}" for i in range(400)], range(first, first + 18)
    found = []
    for how in ("left out", "failed", "whole"):
        for task, (model, own) in itertools.product(("gsm8k", "drop"), scores.items()):
            lost = set(gone) if model == side and how != "whole" else set()
            kept = [i for i in range(400) if how != "left out" or i not in lost]
            errors = {names[i] for i in lost & set(kept)}
            write_record(tmp_path / how, f"run/{model}", [own[i] for i in kept], task=task,
                         names=[names[i] for i in kept], errors=errors)  # fmt: skip
        words = ["--candidate", "old", "new"] if rule == "choose" else ["--baseline", "old", "--candidate", "new"]
        code, out, _ = call(capsys, "--rule", rule, *words, "--results", tmp_path / how, "--json")
        found.append(told(json.loads(out) | {"exit_code": code}))
    assert found[0] == found[1] and len(found[0][2]) == 1
    assert (found[0][1] == 0) == decides and found[2][1] == 0


def test_runs_that_each_left_out_other_items_lost_them(tmp_path, capsys):
    one, two = flips(400, 30, 10)
    names = [f"test/{i}" for i in range(400)]
    write_record(tmp_path, "run/old", one)
    for seed in (0, 1):
        kept = [i for i in range(400) if not 15 * seed <= i < 15 * seed + 15]
        write_record(tmp_path, "run/new", [two[i] for i in kept], names=[names[i] for i in kept],
                     seed=str(seed), temperature=1.0)  # fmt: skip
    document = compare(capsys, tmp_path, "--allow-unlike")
    assert any("30 of 800 attempts lost" in line for line in document["benchmarks"][0]["notes"])


def test_many_errors_are_a_validity_problem(tmp_path, capsys):
    pair_on_disk(tmp_path, two={"errors": {f"test/{i}" for i in range(60)}})
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert row["verdict"] == "NOT COMPARABLE"
    assert "candidate: 60 of 400 answers without a score" in row["notes"]


def test_a_score_below_chance_is_a_validity_problem(tmp_path, capsys):
    scores = [1] * 200 + [0] * 200, [1] * 40 + [0] * 360
    pair_on_disk(tmp_path, scores=scores, task="my_quiz", metric="accuracy", choices=["a", "b", "c", "d"])
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert row["verdict"] == "NOT COMPARABLE"
    assert "0.100 is below chance, 0.250" in row["notes"][0]
    pair_on_disk(tmp_path / "mapped", scores=scores, task="mmlu", metric="accuracy")
    assert "below chance" in compare(capsys, tmp_path / "mapped")["benchmarks"][0]["notes"][0]


def test_the_runs_that_were_made_alike_are_found_among_others(tmp_path, capsys):
    pair_on_disk(tmp_path, scores=flips(4000, 60, 60))
    write_record(tmp_path, "run/new", [0] * 30, names=[f"test/{i}" for i in range(30)], dtype="bfloat16")
    document = compare(capsys, tmp_path)
    assert document["verdict"] == "GO"
    assert any(": 1 runs are left out (" in note for note in document["benchmarks"][0]["notes"])


def test_each_few_shot_count_is_a_comparison_of_its_own(tmp_path, capsys):
    for shots in (0, 5):
        pair_on_disk(tmp_path, shots=shots)
    names = [row["name"] for row in compare(capsys, tmp_path)["benchmarks"]]
    assert names == ["GSM8K (0-shot)", "GSM8K (5-shot)"]


def test_subtasks_are_pooled_item_by_item(tmp_path, capsys):
    for task in ("mmlu:anatomy", "mmlu:virology"):
        pair_on_disk(tmp_path, task=task, metric="accuracy", scores=flips(2000, 30, 30))
    (row,) = compare(capsys, tmp_path)["benchmarks"]
    assert (row["benchmark"], row["n"], row["verdict"]) == ("mmlu", 4000, "GO")
    assert "2 parts, each counts once, as in the harness" in row["notes"]
    assert row["name"] == "MMLU (2 of its parts)"  # the conclusion is about these, not about the benchmark
    write_record(tmp_path, "run/old", [1, 0] * 50, task="mmlu:astronomy", metric="accuracy")
    (row,) = compare(capsys, tmp_path)["benchmarks"]
    assert row["verdict"] == "NOT COMPARABLE" and "parts that one side lacks: astronomy" in row["notes"]


def test_corpus_level_scores_get_no_verdict(tmp_path, capsys):
    options = {"task": "wmt14", "metric": "bleu", "unit": "points", "bounds": (0.0, 100.0), "aggregation": "bleu"}
    scores = [0.3, 0.4] * 100
    write_record(tmp_path, "run/old", scores, score=30.0, error=0.2, **options)
    write_record(tmp_path, "run/new", scores, score=20.0, error=0.2, **options)
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert (row["verdict"], row["delta"], row["interval"]) == ("INCONCLUSIVE", -10.0, None)
    assert "no verdict: corpus-level score (bleu)" in row["notes"][-1]


def test_without_samples_the_interval_is_unpaired(tmp_path, capsys):
    one, two = [1] * 500 + [0] * 500, [1] * 300 + [0] * 700
    for name, scores in (("old", one), ("new", two)):
        write_record(tmp_path, f"run/{name}", scores, samples=False, error=0.0158)
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert (row["verdict"], row["paired"]) == ("NO-GO", False)
    assert row["interval_95"] == pytest.approx([-0.2 - 1.96 * 0.0158 * 2**0.5, -0.2 + 1.96 * 0.0158 * 2**0.5], abs=1e-3)
    assert any("without samples" in line for line in row["notes"])


def test_without_samples_an_interval_stands_for_its_error(tmp_path, capsys):
    for name, score in (("old", 0.5), ("new", 0.3)):
        write_record(tmp_path, f"run/{name}", [score], samples=False, interval=(score - 0.031, score + 0.031), n=1000)
    assert compare(capsys, tmp_path)["benchmarks"][0]["verdict"] == "NO-GO"


@pytest.mark.parametrize(
    ("n", "why"), [(100, "no samples and no standard error"), (9, "too few items (9) to show how much they differ")]
)
def test_without_samples_and_errors_there_is_no_verdict(tmp_path, capsys, n, why):
    for name, score in (("old", 0.9), ("new", 0.1)):
        write_record(tmp_path, f"run/{name}", [score], samples=False, n=n)
    document = compare(capsys, tmp_path)
    assert document["verdict"] == "INCONCLUSIVE"
    assert f"no verdict: {why}" in document["benchmarks"][0]["notes"]


def test_few_answers_without_samples_are_a_difference_of_proportions(tmp_path, capsys):
    for name, right in (("old", 12), ("new", 20)):
        write_record(tmp_path, f"run/{name}", [1] * right + [0] * (20 - right), samples=False, error=0.1)
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert row["method"] == "unpaired, from standard errors"
    assert row["verdict"] == "GO"
    assert 0.0001 < row["p_values"]["pass"] < 0.01


def test_a_standard_error_of_zero_is_no_certainty(tmp_path, capsys):
    for name in ("old", "new"):
        write_record(tmp_path, f"run/{name}", [1] * 60, samples=False, error=0.0)
    assert compare(capsys, tmp_path)["verdict"] == "INCONCLUSIVE"


def test_a_missing_benchmark_keeps_the_gate_open(tmp_path, capsys):
    pair_on_disk(tmp_path, scores=flips(4000, 60, 60))
    write_record(tmp_path, "run/old", [1, 0] * 100, task="drop", metric="f1")
    document = compare(capsys, tmp_path)
    assert document["verdict"] == "INCONCLUSIVE"
    missing = next(row for row in document["benchmarks"] if row["benchmark"] == "drop")
    assert (missing["verdict"], missing["notes"]) == ("MISSING", ["not measured for the candidate"])
    failure = {"model_id": "run/new", "task": "drop|0", "error": "CUDA out of memory", "checkpoint": "new"}
    (tmp_path / f"{uuid.uuid4()}_failure.json").write_text(json.dumps(failure))
    missing = next(row for row in compare(capsys, tmp_path)["benchmarks"] if row["benchmark"] == "drop")
    assert missing["notes"] == ["failed for the candidate: CUDA out of memory"]
    document = compare(capsys, tmp_path, "--benchmarks", "gsm8k")
    assert document["verdict"] == "GO"
    assert document["warnings"] == [
        "gated benchmarks that --benchmarks leaves out, so the answer is not about them: drop"
    ]


def test_less_is_better(tmp_path, capsys):
    rng = np.random.default_rng(41)
    base = rng.beta(2, 8, 500)
    options = {"task": "librispeech", "metric": "wer", "lower": True, "bounds": (0.0, None)}
    options["bounds"] = None
    write_record(tmp_path, "run/old", base, **options)
    write_record(tmp_path, "run/new", base + rng.normal(0.1, 0.02, 500), **options)
    policy = tmp_path / "p.yaml"
    policy.write_text("defaults: {max_relative_drop: 0.05}\n")
    row = compare(capsys, tmp_path, "--policy", policy)["benchmarks"][0]
    assert row["verdict"] == "NO-GO" and row["lower_is_better"]
    assert row["delta"] == pytest.approx(0.1, abs=0.005)
    assert row["interval"][0] < row["delta"] < row["interval"][1]
    assert 0 < row["limit"] == pytest.approx(0.05 * row["baseline"]["score"])
    again = compare(capsys, tmp_path, "--policy", policy, baseline="new", candidate="old")["benchmarks"][0]
    assert (again["verdict"], again["delta"]) == ("GO", pytest.approx(-row["delta"]))
    relative = compare(capsys, tmp_path)["benchmarks"][0]
    assert relative["verdict"] == "NO-GO" and relative["limit"] == pytest.approx(0.01 * relative["baseline"]["score"])
    assert any("the limit is 1 % of the baseline's wer" in line for line in relative["notes"])


def test_a_metric_with_no_zero_needs_an_amount(tmp_path, capsys):
    rng = np.random.default_rng(42)
    base = rng.normal(1000, 50, 300)
    options = {"task": "arena", "metric": "elo", "unit": "points", "bounds": None}
    write_record(tmp_path, "run/old", base, **options)
    write_record(tmp_path, "run/new", base + rng.normal(5, 20, 300), **options)
    unbounded = compare(capsys, tmp_path)["benchmarks"][0]
    assert unbounded["verdict"] == "INCONCLUSIVE"
    assert any('max_drop: "20 Elo"' in line for line in unbounded["notes"])
    policy = tmp_path / "p.yaml"
    policy.write_text('benchmarks: {arena: {max_drop: "20 Elo"}}\n')
    row = compare(capsys, tmp_path, "--policy", policy)["benchmarks"][0]
    assert (row["verdict"], row["limit"]) == ("GO", -20)


@pytest.mark.parametrize("where", ["benchmarks: {{task: {{{}}}}}", "defaults: {{{}}}"])
@pytest.mark.parametrize(
    ("metric", "unit", "bounds", "percent"),
    [("bleu", "points", (0, 100), 50.0), ("chrf", "points", (0, 100), 50.0), ("mos", "points", (1, 5), 2.0),
     ("ter", "points", (0, None), None), ("wer", "proportion", (0, None), None),
     ("perplexity", "perplexity", (1, None), None), ("elo", "points", None, 0.0)],
)  # fmt: skip
@pytest.mark.parametrize("name", ["max_drop", "min_gain"])
def test_a_limit_without_a_unit_is_asked_where_the_metric_is_no_share(
    tmp_path, capsys, metric, unit, bounds, percent, name, where
):
    rng = np.random.default_rng(9)
    base = rng.uniform(2, 4, 300)
    options = {"task": "task", "metric": metric, "unit": unit, "lower": metric in ("ter", "wer", "perplexity")}
    options["bounds"] = bounds if bounds and bounds[1] else None
    first = write_record(tmp_path, "run/old", base, **options)
    second = write_record(tmp_path, "run/new", base + rng.normal(0, 0.1, 300), **options)
    for path in (first, second) if bounds and bounds[1] is None else ():
        record = json.loads(path.read_text())
        record["evaluation_results"][0]["metric_config"] |= {"score_type": "continuous", "min_score": bounds[0]}
        path.write_text(json.dumps(record))
    policy = tmp_path / "p.yaml"
    rule = "rule: finetune\ntargets: [task]\n" if name == "min_gain" else ""

    def limit(text):
        policy.write_text(rule + where.format(f"{name}: {text}"))
        words = ("--baseline", "old", "--candidate", "new", "--results", tmp_path, "--policy", policy, "--json")
        _, out, err = call(capsys, *words)
        document = json.loads(out)
        return err if "benchmarks" not in document else document["benchmarks"][0]["limit"]

    asked = limit("0.5")
    assert f"{name}: 0.5 for task has no unit" in asked
    (amount,) = re.findall(rf'{name}: ("{"50" if unit == "proportion" else "0.5"} .*?")', asked)
    assert abs(limit(amount)) == 0.5  # what is proposed is taken, and is what a bare number means of shares
    if percent == 0.0:
        assert '%"' not in asked
    else:
        assert limit("0") == 0  # nothing is nothing in any unit
        share = '"50 %"'
        assert share in asked
        score = float(np.mean(base)) * 0.5
        assert abs(limit(share)) == pytest.approx(percent if percent else score)


def test_a_limit_without_a_unit_is_a_share_of_right_answers(tmp_path, capsys):
    one, two = flips(400, 22, 20)
    write_record(tmp_path, "run/old", one)
    write_record(tmp_path, "run/new", two)
    policy = tmp_path / "p.yaml"
    for text in ("0.05", '"5 %"', '"5 points"'):
        policy.write_text(f"defaults: {{max_drop: {text}}}\n")
        assert compare(capsys, tmp_path, "--policy", policy)["benchmarks"][0]["limit"] == pytest.approx(-0.05)
    policy.write_text('defaults: {max_drop: "100 %"}\n')
    assert "max_drop is '100 %'" in refused(
        capsys, "--baseline", "old", "--candidate", "new", "--results", tmp_path, "--policy", policy
    )


def write_failed(folder: Path, model: str, task: str, error: str, **more) -> None:
    """The entry of a task that gave no score."""
    failure = {"task": task, "model_id": model, "error": error, "eval_library": {"name": "lighteval"}} | more
    (folder / f"{uuid.uuid4()}_failure.json").write_text(json.dumps(failure))


@pytest.mark.parametrize("failed", [False, True])
@pytest.mark.parametrize("lacking", ["old", "new", "both"])
def test_a_benchmark_of_one_side_alone_leaves_every_rule_open(tmp_path, capsys, lacking, failed):
    one, two = flips(400, 90, 2)
    for name, scores in (("old", one), ("new", two)):
        for task in ("gsm8k", "boolq"):
            write_record(tmp_path, f"run/{name}", scores, task=task)
        if lacking not in (name, "both"):
            write_record(tmp_path, f"run/{name}", scores, task="triviaqa")
        elif failed:
            write_failed(tmp_path, f"run/{name}", "triviaqa", "72.7 is outside the range of em, 0 to 1",
                         source={"file": "results.json"})  # fmt: skip
    known = lacking != "both" or failed
    both = ["--candidate", "old", "new"]
    for rule in ([], ["--rule", "select"], ["--rule", "finetune", "--target", "gsm8k"]):
        document = compare(capsys, tmp_path, *rule)
        assert (document["verdict"], document["reason"]) == (("INCONCLUSIVE", "missing") if known else ("GO", None))
        assert known == any("missing" in line for line in document["reasons"])
        document = compare(capsys, tmp_path, *rule, "--benchmarks", "gsm8k,boolq")
        assert document["verdict"] == "GO"
        assert known == any("leaves out" in line and "triviaqa" in line for line in document["warnings"])
    document = choose(capsys, tmp_path, *both, code=3 if known else 0)
    assert document["reason"] == ("missing" if known else None)
    assert choose(capsys, tmp_path, *both, "--benchmarks", "gsm8k,boolq")["best"] == "run/new"
    policy = tmp_path / "p.yaml"
    policy.write_text("benchmarks: {triviaqa: {tier: advisory}}\n")
    assert compare(capsys, tmp_path, "--policy", policy)["verdict"] == "GO"
    if failed:
        ways = compare(capsys, tmp_path)["next"]
        assert [way for way in ways if "convert_results.py results.json" in way] == ways != []


def test_a_failure_without_a_revision_is_of_the_model_that_was_measured(tmp_path, capsys):
    one, two = flips(400, 90, 2)
    for name, scores in (("old", one), ("new", two)):
        path = write_record(tmp_path, f"run/{name}", scores)
        record = json.loads(path.read_text())
        record["model_info"]["additional_details"] |= {"revision": name[0] * 7}
        path.write_text(json.dumps(record))
    write_failed(tmp_path, "run/old", "boolq", "out of memory")
    for name in ("run/old", "run/old@ooooooo", "old"):
        row = compare(capsys, tmp_path, baseline=name)["benchmarks"][0]
        assert (row["benchmark"], row["verdict"]) == ("boolq", "MISSING")
        assert "failed for the baseline: out of memory" in row["notes"]
    write_failed(tmp_path, "run/old", "boolq", "out of memory", revision="another")
    code, _, err = call(capsys, "--baseline", "run/old", "--candidate", "new", "--results", tmp_path)
    assert code == 3 and "several models" in err  # it says that it is another


def test_where_every_task_failed_the_reason_and_the_way_out_are_told(tmp_path, capsys):
    write_record(tmp_path, "run/old", flips(40, 1, 2)[0])
    write_failed(tmp_path, "run/new", "gsm8k", "59.4 is outside the range of em, 0 to 1; in percent?",
                 source={"file": "r.json"})  # fmt: skip
    words = ("--baseline", "old", "--candidate", "run/new", "--results", tmp_path)
    err = refused(capsys, *words)
    assert "59.4 is outside the range of em, 0 to 1; in percent?" in err and "convert_results.py r.json" in err
    for path in tmp_path.glob("*_failure.json"):
        path.unlink()
    write_failed(tmp_path, "run/new", "gsm8k", "out of memory", source={"file": "r.json"})
    err = refused(capsys, *words)
    assert "out of memory" in err and "evaluate it again" in err and "convert" not in err


def test_percent_is_read_as_a_proportion(tmp_path, capsys):
    one, two = flips(4000, 60, 60)
    options = {"unit": "percent", "bounds": (0.0, 100.0)}
    write_record(tmp_path, "run/old", one, score=100 * sum(one) / 4000, **options)
    write_record(tmp_path, "run/new", [100 * s for s in two], **options)
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert (row["verdict"], row["unit"]) == ("GO", "proportion")
    assert row["score"]["score"] == row["baseline"]["score"] == 0.5


# --- Clusters and repeats -------------------------------------------------------------------------------------------


def test_items_of_a_passage_go_together(tmp_path, capsys):
    one, two = [1, 0] * 200, [1, 0] * 160 + [0, 0] * 40

    def passage(index):
        return {"passage_id": f"p{index // 10}", "topic": f"t{index // 20}"}

    pair_on_disk(tmp_path, scores=(one, two), metadata=passage)
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert (row["clusters"], row["n"]) == (40, 400)
    assert row["design_effect"] > 3
    assert "design effect" in row["method"]
    other = compare(capsys, tmp_path, "--cluster-by", "topic")["benchmarks"][0]
    assert other["clusters"] == 20
    for path in tmp_path.rglob("*_samples.jsonl"):  # a field beside the metadata
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps(row | {"book": i // 40}) + "\n" for i, row in enumerate(rows)))
        of = path.with_name(path.name.replace("_samples.jsonl", ".json"))
        of.write_text(json.dumps(json.loads(of.read_text()) | {"detailed_evaluation_results": {}}))
    assert compare(capsys, tmp_path, "--cluster-by", "book")["benchmarks"][0]["clusters"] == 10
    arguments = ("--baseline", "old", "--candidate", "new", "--results", tmp_path, "--cluster-by")
    assert "did you mean topic?" in refused(capsys, *arguments, "topc")


def test_items_of_one_passage_alone_are_no_evidence(tmp_path, capsys):
    pair_on_disk(tmp_path, metadata=lambda index: {"passage_id": "the only one"})
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert (row["verdict"], row["interval"], row["score"]["interval_95"]) == ("INCONCLUSIVE", None, None)
    assert "too few clusters (1)" in row["notes"][-1]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_handful_of_items(tmp_path, capsys, count):
    pair_on_disk(tmp_path, scores=([1] * count, [0] * count))
    assert compare(capsys, tmp_path)["verdict"] == "INCONCLUSIVE"
    pair_on_disk(tmp_path / "other", scores=([0.5] * count, [0.25] * count))
    assert compare(capsys, tmp_path / "other")["verdict"] == "INCONCLUSIVE"


def test_items_that_all_failed_are_no_items(tmp_path, capsys):
    names = [f"test/{i}" for i in range(60)]
    write_record(tmp_path, "run/old", [1, 0] * 30)
    write_record(tmp_path, "run/new", [1, 0] * 30, errors=set(names[1:]))
    document = compare(capsys, tmp_path)
    assert document["benchmarks"][0]["verdict"] == "NOT COMPARABLE"
    assert compare(capsys, tmp_path, "--allow-unlike")["verdict"] == "INCONCLUSIVE"


def test_identical_greedy_repeats_count_once(tmp_path, capsys):
    one, two = flips(400, 10, 10)
    pair_on_disk(tmp_path, scores=(one, two))
    for _ in range(2):
        write_record(tmp_path, "run/new", two)
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert "candidate: 3 identical greedy repeats count once" in row["notes"]
    assert "runs" not in row["score"]
    alone = tmp_path / "alone"
    pair_on_disk(alone, scores=(one, two))
    assert compare(capsys, alone)["benchmarks"][0]["interval"] == row["interval"]


def test_three_sampled_runs_are_averaged_and_shown_with_their_interval(tmp_path, capsys):
    rng = np.random.default_rng(51)
    ability = rng.beta(2, 2, 300)
    runs = {name: [(rng.random(300) < ability).astype(int) for _ in range(3)] for name in ("old", "new")}
    for name, all_scores in runs.items():
        for seed, scores in enumerate(all_scores):
            write_record(tmp_path, f"run/{name}", scores, temperature=0.7, seed=str(seed))
    row = compare(capsys, tmp_path)["benchmarks"][0]
    means = [scores.mean() for scores in runs["new"]]
    shown = row["score"]["runs"]
    assert shown["n"] == 3
    assert shown["mean"] == pytest.approx(np.mean(means))
    assert shown["standard_deviation"] == pytest.approx(np.std(means, ddof=1))
    assert shown["half_width_95"] == pytest.approx(2.484138 * np.std(means, ddof=1), rel=1e-5)
    averaged = np.mean(runs["new"], axis=0) - np.mean(runs["old"], axis=0)
    low, high = cr.paired_difference(averaged, (), None).interval(0.05)
    assert row["interval_95"][0] <= low < high <= row["interval_95"][1]
    assert row["interval_95"] == pytest.approx([low, high], abs=0.025)
    assert row["n"] == 300 and row["with_another_run"] < row["detectable"]
    _, out, _ = call(capsys, "--baseline", "old", "--candidate", "new", "--results", tmp_path)
    assert f"{shown['mean']:.3f} (3 runs, standard deviation {shown['standard_deviation']:.3f}, 95 % interval " in out
    assert "±" not in out


def test_epochs_in_one_file_are_repeats(tmp_path, capsys):
    rng = np.random.default_rng(52)
    for name in ("old", "new"):
        write_record(tmp_path, f"run/{name}", rng.integers(0, 2, 200), epochs=2, temperature=0.5)
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert row["n"] == 100 and row["score"]["runs"]["n"] == 2


def test_the_noise_floor_of_repeated_runs(tmp_path, capsys):
    rng = np.random.default_rng(53)
    ability = rng.beta(2, 2, 500)
    for name in ("old", "new"):
        write_record(tmp_path, f"run/{name}", (rng.random(500) < ability).astype(int), temperature=0.7)
    folders = [tmp_path / "again" / str(i) for i in range(4)]
    for seed, folder in enumerate(folders):
        scores = (rng.random(500) < ability).astype(int)
        write_record(folder, "run/old", scores, temperature=0.7, seed=str(seed))
    row = compare(capsys, tmp_path / "data", "--aa", *folders)["benchmarks"][0]
    expected = 1.96 * math.sqrt(2 * float((ability * (1 - ability)).mean()) / 500)
    assert row["noise"]["half_width"] == pytest.approx(expected, rel=0.1)
    assert row["noise"]["runs"] == 4 and 0.2 < row["noise"]["items_changed"] < 0.8
    arguments = ("--baseline", "old", "--candidate", "new", "--results", tmp_path / "data", "--aa", *folders)
    _, out, _ = call(capsys, *arguments)
    assert "A/A noise" in out and "4 runs" in out


def test_the_noise_floor_covers_two_runs_of_one_model():
    rng = np.random.default_rng(54)
    ability = rng.beta(2, 2, 200)

    def again():
        return make_run((rng.random(200) < ability).astype(int), temperature=0.7, seed=str(rng.integers(10**9)))

    inside = 0
    for _ in range(300):
        row = ask(again(), again(), repeated=(again(), again())).rows[0]
        inside += abs(row.delta) <= row.noise.half_width
        assert ("within the A/A noise" in row.notes) == (abs(row.delta) <= row.noise.half_width)
    assert 0.92 <= inside / 300 <= 0.98


# --- The policy -----------------------------------------------------------------------------------------------------


def write_policy(folder: Path, text: str) -> Path:
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("max_drop: 0.01", "unknown key 'max_drop'; known are: version, rule"),
        ("rul: release", "unknown key 'rul' (did you mean rule?)"),
        ("defaults: {max_drp: 0.1}", "defaults: unknown key 'max_drp' (did you mean max_drop"),
        ("benchmarks: {gsm8k: {teir: critical}}", "gsm8k: unknown key 'teir' (did you mean tier?)"),
        ("rule: ship", "rule is 'ship'; it must be one of release, finetune, select"),
        ("alpha: five", "alpha is 'five'; it must be a number of 0.0001 to 0.5"),
        (
            "defaults: {max_drop: 1}",
            "max_drop is 1; it must be a share of at least 0 and below 1 (one point, or one percent",
        ),
        ("defaults: {max_drop: .nan}", "max_drop is nan"),
        ("defaults: {tier: high}", "tier is 'high'"),
        ("defaults: {min_items: -1}", "min_items is -1"),
        ("defaults: {min_items: true}", "min_items is True"),
        ("harness: {lighteval: 0.13}", "in quotes"),
        ("targets: gsm8k", "a list of texts"),
        ("version: 2", "version is 2; it must be 1"),
        ("benchmarks: [gsm8k]", "benchmarks is ['gsm8k']; it must be a mapping"),
        ("benchmarks: {gsm8k: 3}", "a benchmark's name and a mapping"),
        ("benchmarks: {gsm8k: {}, GSM-8K: {}}", "are both gsm8k"),
        ("benchmarks: {gsm9k: {}}", "no benchmark or category 'gsm9k' (did you mean gsm8k?)"),
        ("benchmarks: {knowledge: {}}", "'knowledge' (did you mean knowledge_retrieval"),
        ("benchmarks: {safety: {}}", "'safety'; measured are: gsm8k; categories are: code_generation, common_sense"),
        ("targets: [coding]\nrule: finetune", "or category 'coding'; measured are: gsm8k; categories are"),
        ("- a\n- b", "a mapping is expected"),
        ("rule: [", "while parsing"),
        ("rule: !!python/object:os.system x", "could not determine a constructor"),
        ("defaults: {tier: advisory}", "all of them advisory"),
        ("rule: finetune", "--rule finetune needs --target"),
        ("rule: select", "wants 2 better benchmarks, only 1 are gated: gsm8k"),
    ],
)
def test_a_wrong_policy_is_refused(tmp_path, capsys, text, words):
    pair_on_disk(tmp_path)
    arguments = ("--baseline", "old", "--candidate", "new", "--results", tmp_path)
    assert words in refused(capsys, *arguments, "--policy", write_policy(tmp_path, text))


def test_a_policy_sets_tiers_limits_items_and_versions(tmp_path, capsys):
    pair_on_disk(tmp_path, scores=flips(4000, 60, 60))
    pair_on_disk(tmp_path, scores=flips(1000, 10, 130), task="drop", metric="f1")

    def verdict(text):
        document = compare(capsys, tmp_path, "--policy", write_policy(tmp_path, text))
        return document["verdict"], {row["benchmark"]: row for row in document["benchmarks"]}, document

    assert verdict("rule: release")[0] == "NO-GO"
    assert verdict("benchmarks: {drop: {tier: supporting}}")[0] == "NO-GO"
    decision, _, document = verdict("supporting: warn\nbenchmarks: {drop: {tier: supporting}}")
    assert decision == "GO"
    assert document["warnings"] == ["DROP (supporting, does not block): NO-GO"]
    decision, rows, _ = verdict("benchmarks: {drop: {tier: advisory, note: contaminated}}")
    assert (decision, rows["drop"]["verdict"], rows["drop"]["blocking"]) == ("GO", "NO-GO", False)
    assert "contaminated" in rows["drop"]["notes"]
    assert verdict("benchmarks: {drop: {max_drop: 20 %}}")[0] == "GO"
    decision, rows, _ = verdict("defaults: {tier: advisory}\nbenchmarks: {gsm8k: {tier: critical, min_items: 5000}}")
    assert decision == "INCONCLUSIVE"
    assert "no verdict: 4000 items, the policy wants 5000" in rows["gsm8k"]["notes"]
    decision, rows, _ = verdict('harness: {lighteval: "0.14.*"}')
    assert rows["gsm8k"]["verdict"] == "NOT COMPARABLE"
    assert "the policy wants lighteval 0.14.*, this is 0.13.0" in rows["gsm8k"]["notes"]
    policy = write_policy(tmp_path, 'harness: {lighteval: "0.14.*"}')
    forced = compare(capsys, tmp_path, "--policy", policy, "--allow-unlike")
    assert {row["verdict"] for row in forced["benchmarks"]} == {"NOT COMPARABLE"}
    assert verdict('harness: {lighteval: "0.13.*"}')[1]["gsm8k"]["verdict"] == "GO"
    assert "the policy wants lm-eval" in str(verdict('harness: {lm-eval: "0.4.*"}')[1]["gsm8k"]["notes"])
    decision, rows, _ = verdict("benchmarks: {mmlu: {tier: critical}, drop: {tier: advisory}}")
    assert (decision, rows["mmlu"]["verdict"]) == ("INCONCLUSIVE", "MISSING")


def test_limits_are_points_or_relative_and_the_stricter_one_holds():
    assert cr.Limits().allowed_drop(0.5, 1.0) == 0.01
    assert cr.Limits(max_drop=0.02).allowed_drop(0.5, 1.0) == 0.02
    assert cr.Limits(max_drop=0.02).allowed_drop(50, 100) == 2.0
    assert cr.Limits(max_relative_drop=0.1).allowed_drop(0.5, 1.0) == pytest.approx(0.05)
    assert cr.Limits(max_relative_drop=0.1).allowed_drop(7.5, None) == pytest.approx(0.75)
    assert cr.Limits().allowed_drop(7.5, None) is None
    guarded = cr.Limits(max_drop=0.02, max_relative_drop=0.05, relative_guard_below=0.3)
    assert guarded.allowed_drop(0.2, 1.0) == pytest.approx(0.01)
    assert guarded.allowed_drop(0.5, 1.0) == 0.02
    assert cr.Limits().wanted_gain(0.5, 1.0) == 0.02
    assert cr.Limits(min_relative_gain=0.1).wanted_gain(0.5, 1.0) == pytest.approx(0.05)
    assert cr.Limits(min_gain=0.02, min_relative_gain=0.1).wanted_gain(0.5, 1.0) == pytest.approx(0.05)


def test_a_direction_that_contradicts_the_record_is_refused(tmp_path, capsys):
    pair_on_disk(tmp_path)
    policy = write_policy(tmp_path, "benchmarks: {gsm8k: {direction: lower_is_better}}")
    arguments = ("--baseline", "old", "--candidate", "new", "--results", tmp_path, "--policy", policy)
    assert "higher_is_better in the record and lower_is_better in the policy" in refused(capsys, *arguments)


def test_a_nemo_gate_policy_is_accepted(tmp_path, capsys):
    text = """
version: 1
defaults: {tier: supporting, max_drop: 0.015, max_relative_drop: null, metric: mean_reward, direction: higher_is_better}
benchmarks:
  gsm8k: {tier: critical, max_drop: 0.01, max_relative_drop: 0.05, relative_guard_below: 0.2, metric: pass@1}
"""
    pair_on_disk(tmp_path, scores=flips(4000, 60, 60))
    document = compare(capsys, tmp_path, "--policy", write_policy(tmp_path, text))
    assert (document["verdict"], document["benchmarks"][0]["limit"]) == ("GO", -0.01)


@pytest.mark.parametrize("path", sorted(POLICIES.glob("*.yaml")), ids=lambda path: path.name)
def test_the_example_policies_work_on_the_example_run(path, capsys):
    policy = yaml.safe_load(path.read_text(encoding="utf-8"))
    document = compare(capsys, TINY, "--policy", path, baseline="step_700", candidate="step_1000")
    assert document["rule"] == policy.get("rule", "release")
    assert document["verdict"] == "NO-GO"


def test_there_are_example_policies():
    assert {path.name for path in POLICIES.glob("*.yaml")} >= {"release.yaml", "finetune.yaml", "select.yaml"}


SHOWN = re.findall(
    r"```bash\n(uv run [^\n]*)\n```\n\n```text\n(.*?)\n```",
    "".join(
        (ROOT / "references" / f"{name}.md").read_text(encoding="utf-8")
        for name in ("compare_results", "verdicts", "gates")
    ),
    re.DOTALL,
)


@pytest.mark.parametrize(("command", "expected"), SHOWN, ids=lambda text: text[-40:])
def test_the_reference_shows_what_its_commands_print(capsys, monkeypatch, command, expected):
    monkeypatch.chdir(ROOT)
    cr.main(shlex.split(command)[3:])
    assert capsys.readouterr().out.rstrip("\n") == expected


def test_the_reference_shows_something():
    assert len(SHOWN) == 3


# --- The command line -----------------------------------------------------------------------------------------------


def test_the_example(capsys):
    arguments = ("--baseline", "step_1000", "--candidate", "step_700", "--results", TINY, "--rule", "release")
    code, out, _ = call(capsys, *arguments)
    assert code == 1
    assert "NO-GO: tiny_run/step_700 against tiny_run/step_1000 (rule: release)" in out
    assert "| Math Reasoning | 0.080 | 0.870 | -79.00 (" in out


def test_models_are_found_by_folder_file_id_and_name(tmp_path, capsys):
    scores = flips(4000, 60, 60)
    old = write_record(tmp_path / "a", "run/old", scores[0])
    write_record(tmp_path / "b", "run/new", scores[1])
    for baseline in (tmp_path / "a", old):
        assert call(capsys, "--baseline", baseline, "--candidate", tmp_path / "b")[0] == 0
    folders = ("--results", tmp_path / "a", tmp_path / "b")
    (tmp_path / "checkpoints" / "old").mkdir(parents=True)  # a checkpoint's folder stands for its name
    for baseline in ("old", "run/old", tmp_path / "checkpoints" / "old"):
        assert call(capsys, "--baseline", baseline, "--candidate", "run/new", *folders)[0] == 0


def test_what_cannot_be_found_is_named(tmp_path, capsys):
    pair_on_disk(tmp_path)
    write_record(tmp_path, "elsewhere/old", [1, 0] * 50)
    results = ("--results", tmp_path)
    assert "did you mean" in refused(capsys, "--baseline", "odl", "--candidate", "new", *results)
    assert "there are: elsewhere/old, run/new" in refused(capsys, "--baseline", "qq", "--candidate", "new", *results)
    assert "needs --results DIR" in refused(capsys, "--baseline", "old", "--candidate", "new")
    assert "no such folder" in refused(capsys, "--baseline", "old", "--candidate", "new", "--results", tmp_path / "no")
    code, out, err = call(capsys, "--baseline", "old", "--candidate", "new", *results)
    assert (code, out) == (3, "") and "several models; name one of them: elsewhere/old, run/old" in err
    path = write_record(tmp_path, "old", [1, 0] * 50)  # the very name: whoever wrote it
    code, out, err = call(capsys, "--baseline", "old", "--candidate", "new", *results)
    assert (
        (code, out) == (3, "") and "name one of them: elsewhere/old, run/old; or the files" in err and str(path) in err
    )
    assert call(capsys, "--baseline", path, "--candidate", "new", *results)[0] in (0, 1, 3)
    assert "the same records" in refused(capsys, "--baseline", "new", "--candidate", "new", *results)
    assert "holds no records" in refused(
        capsys, "--baseline", "old", "--candidate", "new", "--results", make_folder(tmp_path / "empty")
    )


def make_folder(path: Path) -> Path:
    path.mkdir()
    return path


def test_no_benchmark_in_common(tmp_path, capsys):
    write_record(tmp_path, "run/old", [1, 0] * 50)
    write_record(tmp_path, "run/new", [1, 0] * 50, task="drop", metric="f1")
    message = refused(capsys, "--baseline", "old", "--candidate", "new", "--results", tmp_path)
    assert "no benchmark in common" in message and "gsm8k" in message and "drop" in message


def test_several_metrics_are_a_choice(tmp_path, capsys):
    for metric in ("acc", "acc_norm"):
        pair_on_disk(tmp_path, task="my_quiz", metric=metric)
    arguments = ["--baseline", "old", "--candidate", "new", "--results", tmp_path]
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (3, "") and "--result-id" in err and "my_quiz|0/acc_norm" in err
    ways = [shlex.split(line.partition("next: ")[2]) for line in err.splitlines() if line.startswith("next: ")]
    for again, metric in zip(ways, ("acc", "acc_norm"), strict=True):  # one choice each
        assert again[-2:] == ["--result-id", f"my_quiz|0/{metric}"]
        code, out, _ = call(capsys, *again[again.index("--baseline") :])
        assert code in (0, 1, 3) and out.count("| my_quiz ") == 1 and f"| my_quiz {metric} |" in out
    code, out, _ = call(capsys, *arguments, "--metric", "acc", "--metric", "acc_norm")  # gated and corrected together
    assert code in (0, 1, 3) and "| my_quiz acc |" in out and "| my_quiz acc_norm |" in out
    assert compare(capsys, tmp_path, "--metric", "acc_norm")["benchmarks"][0]["metric"] == "acc_norm"
    assert "--metric: no 'acc_nrm'" in refused(capsys, *arguments, "--metric", "acc_nrm")
    document = compare(capsys, tmp_path, "--result-id", "my_quiz|0/acc_norm")
    assert document["benchmarks"][0]["metric"] == "acc_norm"
    policy = write_policy(tmp_path, "benchmarks: {my_quiz: {metric: acc}}")
    assert compare(capsys, tmp_path, "--policy", policy)["benchmarks"][0]["metric"] == "acc"
    policy = write_policy(tmp_path, "benchmarks: {my_quiz: {metric: f1}}")
    assert "no metric 'f1'; there are: acc, acc_norm" in refused(capsys, *arguments, "--policy", policy)


def test_how_far_raters_agree_is_no_metric_of_a_model(tmp_path, capsys):
    for metric in ("mos", "krippendorff"):
        pair_on_disk(tmp_path, task="my_quiz", metric=metric)
    assert [row["metric"] for row in compare(capsys, tmp_path)["benchmarks"]] == ["mos"]


@pytest.mark.parametrize(("drop", "verdict"), [(0.0, "GO"), (0.06, "NO-GO")])
def test_parts_without_items_are_compared_by_their_errors(tmp_path, capsys, drop, verdict):
    """Parts of one benchmark, of which each record has a standard error alone, make one score with its error."""
    for model, less in (("run/old", 0.0), ("run/new", drop)):
        for name in ("abstract_algebra", "anatomy", "astronomy"):
            scores = (np.arange(30000) < 30000 * (0.6 - less)).astype(int)
            write_record(tmp_path, model, scores, task=f"mmlu:{name}", samples=False, error=0.00283)
    (row,) = compare(capsys, tmp_path)["benchmarks"]
    assert (row["verdict"], row["n"]) == (verdict, 90000), row


def filtered_pair(folder: Path, task: str) -> None:
    """Two filters of one metric as conversion names them: the first has the plain name; one gains, the other loses."""
    for model, rights in (("run/old", (54, 124)), ("run/new", (80, 80))):
        for name, right in zip(("strict-match", "flexible-extract"), rights, strict=True):
            spelled = f"exact_match,{name}"
            path = write_record(folder, model, [1] * right + [0] * (200 - right), task=task, metric=spelled)
            plain = "exact_match" if name == "strict-match" else "exact_match_flexible-extract"
            record = json.loads(path.read_text())
            record["evaluation_results"][0]["metric_config"]["metric_id"] = plain
            path.write_text(json.dumps(record))


def test_a_metric_with_several_filters_is_a_choice(tmp_path, capsys):
    filtered_pair(tmp_path, "house_sums")
    filtered_pair(tmp_path, "other_sums")
    arguments = ["--baseline", "old", "--candidate", "new", "--results", tmp_path]
    for entry in ("{tier: critical}", "{metric: exact_match}"):
        policy = write_policy(tmp_path, f"benchmarks: {{house_sums: {entry}}}")
        code, out, err = call(capsys, *arguments, "--policy", policy)
        assert (code, out) == (3, "")
        for task in ("house_sums", "other_sums"):
            for name in ("strict-match", "flexible-extract"):
                assert f"{task}|0/exact_match,{name}" in err
        ways = [shlex.split(line.partition("next: ")[2]) for line in err.splitlines() if line.startswith("next: ")]
        for again, name in zip(ways, ("flexible-extract", "strict-match"), strict=True):
            code, out, _ = call(capsys, *again[again.index("--baseline") :])
            assert code == (1 if name == "flexible-extract" else 0)
            assert all(f"| {task}_sums exact_match,{name} |" in out for task in ("house", "other"))
    for spelled, delta in (
        ("exact_match,strict-match", 0.13),
        ("exact_match,flexible-extract", -0.22),
        ("house_sums|0/exact_match,flexible-extract", -0.22),
    ):
        policy = write_policy(tmp_path, f'benchmarks: {{house_sums: {{metric: "{spelled}"}}}}')
        (row,) = compare(capsys, tmp_path, "--policy", policy, "--benchmarks", "house_sums")["benchmarks"]
        assert row["delta"] == pytest.approx(delta) and row["spelled_metric"] == spelled.rpartition("/")[2]
        assert not any("there is" in line for line in row["notes"])
    policy = write_policy(tmp_path, "benchmarks: {house_sums: {metric: exact_match}}")
    more = ("--result-id", "house_sums|0/exact_match,flexible-extract", "--benchmarks", "house_sums")
    (row,) = compare(capsys, tmp_path, "--policy", policy, *more)["benchmarks"]
    assert row["delta"] == pytest.approx(-0.22)


def test_each_task_of_a_benchmark_that_both_did_is_compared(tmp_path, capsys):
    """By log-likelihood nothing changes, by generated answers much is lost; one task of the baseline alone is named."""
    two, one = flips(400, 90, 2)
    for name, scores in (("old", one), ("new", two)):
        write_record(tmp_path, f"run/{name}", one, task="arc_challenge", metric="acc,none")
        write_record(tmp_path, f"run/{name}", scores, task="arc_challenge_chat", metric="exact_match,remove_whitespace")
    for more in ((), ("--benchmarks", "arc_challenge_chat")):
        rows = {row["name"]: row for row in compare(capsys, tmp_path, *more)["benchmarks"]}
        assert rows["ARC-Challenge (arc_challenge)"]["verdict"] == "GO"
        assert rows["ARC-Challenge (arc_challenge_chat)"]["verdict"] == "NO-GO"
    for path in tmp_path.glob("**/*.json"):
        record = json.loads(path.read_text())
        names = record["model_info"]["id"], record["evaluation_results"][0]["evaluation_name"]
        if names == ("run/new", "arc_challenge"):
            path.unlink()
    (row,) = compare(capsys, tmp_path)["benchmarks"]
    assert row["verdict"] == "NO-GO" and "baseline: arc_challenge is not compared" in row["notes"]


def test_all_choices_of_all_models_are_asked_at_once(tmp_path, capsys):
    """One harness has two filters of each of two benchmarks, the other two metrics, and none is of both."""
    for model, metrics in (("old", ("exact_match,a", "exact_match,b")), ("new", ("f1_x", "f1_y"))):
        for task in ("quiz", "test"):
            for metric in metrics:
                write_record(tmp_path, f"run/{model}", [1, 0] * 50, task=task, metric=metric)
    for words in (["--baseline", "old", "--candidate", "new"], ["--rule", "choose", "--candidate", "old", "new"]):
        code, _, err = call(capsys, *words, "--results", tmp_path)
        assert code == 3 and all(f"{task}|0/{metric}" in err for task in ("quiz", "test") for metric in metrics)
        ways = [shlex.split(line.partition("next: ")[2]) for line in err.splitlines() if line.startswith("next: ")]
        assert len(ways) == 2
        for again in ways:
            code, out, err = call(capsys, *again[again.index(words[0]) :])
            assert code == 3 and "several metrics" not in err
            assert out.lower().count("| not comparable |") == 2


def test_another_way_to_count_right_answers_is_said(tmp_path, capsys):
    for metric in ("acc", "acc_norm", "bits"):
        for model in ("old", "new"):
            write_record(tmp_path, f"run/{model}", [1, 0] * 50, task="arc_challenge", metric=metric)
    (row,) = compare(capsys, tmp_path)["benchmarks"]
    assert "acc; there is acc_norm, too (--metric)" in row["notes"]
    (row,) = compare(capsys, tmp_path, "--metric", "acc_norm")["benchmarks"]
    assert row["metric"] == "acc_norm" and not any("too (--metric)" in note for note in row["notes"])


@pytest.mark.parametrize(
    ("tried", "code", "warned"),
    [([], 3, True), (["--tried", "1"], 0, False)],
)
def test_a_choice_of_the_best_of_a_run_must_outdo_its_luck(tmp_path, capsys, tried, code, warned):
    """15 items gained and 4 lost, p = 0.02: shown for two models, and nothing for the best of nine."""
    for step in range(1, 10):
        scores = [1] * 100 + [0] * 100
        scores[:4], scores[100:115] = ([0] * 4, [1] * 15) if step == 9 else (scores[:4], scores[100:115])
        write_record(tmp_path, f"run/step_{step}", scores)
    words = ["--rule", "choose", "--candidate", "step_8", "step_9", "--results", tmp_path]
    found, out, _ = call(capsys, *words, *tried)
    assert found == code and ("counted as --tried 9" in out) is warned
    write_record(tmp_path / "two", "run/step_8", [1] * 100 + [0] * 100)
    write_record(tmp_path / "two", "run/step_9", [0] * 4 + [1] * 111 + [0] * 85)
    assert call(capsys, *words[:-1], tmp_path / "two")[0] == 0, "all there are"


def test_a_policy_names_several_metrics_of_one_benchmark(tmp_path, capsys):
    """One gains, the other loses: each has its row, its own limits, and is in the verdict."""
    filtered_pair(tmp_path, "gsm8k")
    one, two = "{metric: 'exact_match,strict-match'", "{metric: 'exact_match,flexible-extract'"
    policy = write_policy(tmp_path, f"benchmarks: {{gsm8k: [{one}}}, {two}}}]}}")
    document = compare(capsys, tmp_path, "--policy", policy)
    assert document["verdict"] == "NO-GO" and "flexible-extract" in document["reasons"][0]
    rows = {row["spelled_metric"].partition(",")[2]: row for row in document["benchmarks"]}
    assert [rows[name]["verdict"] for name in ("strict-match", "flexible-extract")] == ["GO", "NO-GO"]
    assert len({row["name"] for row in rows.values()}) == 2
    policy = write_policy(tmp_path, f"benchmarks: {{gsm8k: [{one}}}, {two}, tier: advisory}}]}}")
    document = compare(capsys, tmp_path, "--policy", policy)
    assert document["verdict"] == "GO" and "flexible-extract" in document["warnings"][0]
    policy = write_policy(tmp_path, f"{{rule: select, benchmarks: {{gsm8k: [{one}}}, {one}}}]}}}}")
    words = ("--baseline", "old", "--candidate", "new", "--results", tmp_path, "--policy", policy)
    assert "names another metric" in refused(capsys, *words)
    write_policy(tmp_path, "benchmarks: {gsm8k: {metric: [bleu, chrf]}}")
    assert 'a list of mappings: [{metric: "bleu"}, {metric: "chrf"}]' in refused(capsys, *words)


@pytest.mark.parametrize("policy", ["{}", "benchmarks: {gsm8k: {metric: exact_match}}"])
def test_a_known_benchmarks_own_filter_is_taken_and_said(tmp_path, capsys, policy):
    filtered_pair(tmp_path, "gsm8k")
    more = ("--policy", write_policy(tmp_path, policy))
    (row,) = compare(capsys, tmp_path, *more)["benchmarks"]
    assert row["delta"] == pytest.approx(0.13) and row["spelled_metric"] == "exact_match,strict-match"
    assert "exact_match,strict-match; there is exact_match,flexible-extract, too (--metric)" in row["notes"]
    _, out, _ = call(capsys, "--baseline", "old", "--candidate", "new", "--results", tmp_path, *more)
    assert "GSM8K exact_match,strict-match" in out


@pytest.mark.parametrize(
    ("name", "harness"),
    [
        ("m/samples_x_2025-06-01T10-00-00.123456.jsonl", "lm-eval"),
        ("m/results_2025-06-01T10-00-00.123456.json", "lm-eval or lighteval"),
        ("m/details_x_2025-06-01T10-00-00.parquet", "lighteval"),
        ("2025-06-01T10-00-00+00-00_quiz_AAAAAAAAAAAAAAAAAAAAAA.eval", "inspect"),
        ("r/run_spec.json", "HELM"),
    ],
)
def test_results_of_a_harness_are_told_from_nothing(tmp_path, capsys, name, harness):
    there = tmp_path / "raw" / name
    there.parent.mkdir(parents=True)
    there.write_text("{}")
    said = f"results of {harness}: uv run"
    found = refused(capsys, "--baseline", "old", "--candidate", "new", "--results", tmp_path / "raw")
    assert said in found and f"{tmp_path / 'raw'} --output-dir results" in found
    assert said in refused(capsys, "--baseline", tmp_path / "raw", "--candidate", tmp_path / "raw")


def damaged(tmp_path, change, samples=None):
    """A pair of records, the baseline's changed."""
    scores = flips(100, 3, 3)
    path = write_record(tmp_path, "run/old", scores[0])
    write_record(tmp_path, "run/new", scores[1])
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    file = path.with_name(f"{path.stem}_samples.jsonl")
    if samples:
        lines = samples(file.read_text().splitlines())
        file.write_text("\n".join(lines) + "\n")
        record["detailed_evaluation_results"] = {"format": "jsonl", "file_path": "x", "total_rows": len(lines)}
        path.write_text(json.dumps(record))
    return path


def set_score(record, value):
    record["evaluation_results"][0]["score_details"]["score"] = value


@pytest.mark.parametrize(
    ("change", "samples", "words"),
    [
        (lambda r: set_score(r, "0.5"), None, "is '0.5', not a finite number"),
        (lambda r: set_score(r, 7.0), None, "outside its range, 0 to 1"),
        (lambda r: r["evaluation_results"][0].pop("metric_config"), None, "no 'metric_config'"),
        (lambda r: r.update(schema_version="9"), None, "schema_version is '9'"),
        (lambda r: r.update(model_info=[]), None, "model_info"),
        (lambda r: r.update(model_info={"name": 5, "id": None, "additional_details": 3}), None, "model_info"),
        (lambda r: r["evaluation_results"].__setitem__(0, 5), None, "unreadable record"),
        (lambda r: r["detailed_evaluation_results"].update(total_rows=99), None, "its record says 99"),
        (lambda r: r["detailed_evaluation_results"].update(checksum="0"), None, "checksum"),
        (lambda r: r.update(evaluation_id="x"), None, "line 1 belongs to another record"),
        (lambda r: None, lambda lines: [*lines[:-1], "{broken"], "line 100 is not valid JSON"),
        (lambda r: None, lambda lines: [*lines[:-1], "[]"], "line 100 is no object"),
        (lambda r: None, lambda lines: [*lines, lines[-1]], "occurs 2 times"),
        (
            lambda r: None,
            lambda lines: [line.replace('"score": 1.0', '"score": "x"') for line in lines],
            "is 'x', not a",
        ),
        (lambda r: None, lambda lines: [line.replace('"sample_id"', '"sample"') for line in lines], "no 'sample_id'"),
    ],
)
def test_damaged_and_contradictory_records_are_refused(tmp_path, capsys, change, samples, words):
    path = damaged(tmp_path, change, samples)
    message = refused(capsys, "--baseline", path, "--candidate", "new", "--results", tmp_path)
    assert words in message and str(path.stem) in message


def places(value, path=()):
    """The paths to all values in a JSON document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        yield from places(child, (*path, key))


def changed(value, path, new):
    """A document with one value replaced, or left out (`...`)."""
    if not path:
        return None if new is ... else new
    copy = value.copy()
    if new is ... and len(path) == 1 and isinstance(copy, dict):
        del copy[path[0]]
    else:
        copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


@pytest.mark.parametrize("which", ["record", "sample"])
def test_no_damage_ends_in_a_traceback(tmp_path, capsys, monkeypatch, which):
    """Every value of a record, or of a sample, replaced in turn by values of other kinds."""
    monkeypatch.setattr(cr, "read_vocabulary", lambda _: VOCABULARY)
    write_record(tmp_path, "run/new", flips(60, 3, 3)[1])
    path = write_record(tmp_path, "run/old", flips(60, 3, 3)[0], details={"empty": "0"}, error=0.1)
    record = json.loads(path.read_text())
    del record["detailed_evaluation_results"]["checksum"]
    file = path.with_name(f"{path.stem}_samples.jsonl")
    first, *rest = file.read_text().splitlines()
    whole = record if which == "record" else json.loads(first)
    for place in places(whole):
        for new in (..., None, -1.5, "x", [1], {"a": 1}, float("nan"), 10**400):
            broken = changed(whole, place, new)
            path.write_text(json.dumps(broken if which == "record" else record))
            if which == "sample":
                file.write_text("\n".join([json.dumps(broken), *rest]))
            arguments = (
                "--baseline",
                path,
                "--candidate",
                "new",
                "--results",
                tmp_path / "data" / "gsm8k" / "run" / "new",
            )
            code, out, err = call(capsys, *arguments)
            assert code in (0, 1, 2, 3), (place, new)
            assert (out == "") == (code == 2 or "several" in err), (place, new, err)


def test_a_record_that_is_no_json_is_refused(tmp_path, capsys):
    path = damaged(tmp_path, lambda record: None)
    path.write_text("{")
    arguments = ("--baseline", "old", "--candidate", "new", "--results", tmp_path)
    assert "unreadable record" in refused(capsys, *arguments)


def test_results_of_two_weights_of_one_name_are_a_choice(tmp_path, capsys):
    pair_on_disk(tmp_path)
    write_record(tmp_path, "run/new", [1, 0] * 50, task="drop", metric="f1", weights="other")
    arguments = ("--baseline", "old", "--candidate", "new", "--results", tmp_path)
    code, out, err = call(capsys, *arguments)
    assert (code, out) == (3, "")
    assert "measured 2 times with weights, or files beside them" in err and "take the last with --latest" in err


def test_a_score_that_its_items_contradict_is_no_score(tmp_path, capsys):
    path = damaged(tmp_path, lambda record: set_score(record, 0.9))
    document = compare(capsys, tmp_path, baseline=str(path))
    assert document["benchmarks"][0]["verdict"] == "NOT COMPARABLE"
    assert "baseline: its score 0.9 is not the mean of its items, 0.5" in document["benchmarks"][0]["notes"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rule", "finetune"), "needs --target"),
        (("--rule", "release", "--target", "gsm8k"), "--target belongs to --rule finetune"),
        (("--rule", "finetune", "--target", "gsm9k"), "did you mean gsm8k"),
        (("--benchmarks", "gsm9k"), "did you mean gsm8k"),
        (("--policy", "no.yaml"), "--policy no.yaml"),
        (("--cluster-by", "passage"), "no item has 'passage'"),
    ],
)
def test_usage_errors(tmp_path, capsys, arguments, words):
    pair_on_disk(tmp_path)
    assert words in refused(capsys, "--baseline", "old", "--candidate", "new", "--results", tmp_path, *arguments)


def test_the_best_of_several_candidates_is_chosen_inside_the_test(tmp_path, capsys):
    rng = np.random.default_rng(3)
    base = rng.random(400) < 0.5
    write_record(tmp_path, "run/old", base)
    for name, gain in (("step_1", 0.0), ("step_2", 0.12), ("step_3", 0.02)):
        better = base | (rng.random(400) < gain)
        write_record(tmp_path, f"run/{name}", better)
    names = ["step_1", "step_2", "step_3"]
    arguments = ["--baseline", "old", "--results", tmp_path, "--rule", "finetune", "--target", "gsm8k"]
    code, out, _ = call(capsys, *arguments, "--candidate", *names)
    assert code == 0
    assert "- the best of 3 is run/step_2: GO" in out
    assert "- the others: run/step_1 " in out
    assert out.count("| Grade School Math") + out.count("| GSM8K") == 1  # the table is about the best one
    alone = json.loads(call(capsys, *arguments, "--candidate", "step_2", "--json")[1])
    among = json.loads(call(capsys, *arguments, "--candidate", *names, "--json")[1])
    tried = json.loads(call(capsys, *arguments, "--candidate", "step_2", "--tried", "30", "--json")[1])
    levels = [next(r for r in d["benchmarks"] if r["candidate"] == "run/step_2")["levels"]["pass"]
              for d in (alone, among, tried)]  # fmt: skip
    assert (levels[0], levels[2]) == (pytest.approx(0.05 / 3), pytest.approx(0.05 / 30))
    assert 0.05 / 3 <= levels[1] < 0.05
    assert alone["tried"] == 3 and any("counted as --tried 3" in line for line in alone["warnings"])
    assert not any("luck" in line for d in (among, tried) for line in d["warnings"])
    fixed = json.loads(call(capsys, *arguments, "--candidate", "step_2", "--tried", "1", "--json")[1])
    assert next(r for r in fixed["benchmarks"])["levels"]["pass"] == 0.05
    assert any("--tried 1 says that step_2 was not picked" in line for line in fixed["warnings"])
    for path in tmp_path.rglob("*.json"):  # adapters of one base are checkpoints of a run, too
        record = json.loads(path.read_text())
        if record["model_info"]["id"] != "run/old":
            record["model_info"]["additional_details"] |= {"adapter_config_sha256": "c" * 64, "base_model": "o/base"}
            path.write_text(json.dumps(record))
    alone = json.loads(call(capsys, *arguments, "--candidate", "step_2", "--json")[1])
    assert alone["tried"] == 3 and any("counted as --tried 3" in line for line in alone["warnings"])
    assert "it counts all" in refused(capsys, *arguments, "--candidate", *names, "--tried", "2")


def test_who_was_picked_before_a_choice_is_named(tmp_path, capsys):
    rng = np.random.default_rng(3)
    for name, gain in (("run/step_1", 0.0), ("run/step_2", 0.2), ("run/step_3", 0.0), ("o/other", 0.0)):
        write_record(tmp_path, name, rng.random(300) < 0.4 + gain)
    names = ["step_1", "step_2", "step_3"]
    choose = ["--results", tmp_path, "--rule", "choose", "--candidate"]
    two = json.loads(call(capsys, *choose, *names[:2], "--json")[1])
    assert any("scores of 3 checkpoints of the run 'run': where one was picked" in line for line in two["reasons"])
    assert "may be the luck of the draw" in call(capsys, *choose, *names[:2])[1]
    for several in (names, ["o/other", *names]):
        assert not any("luck" in line for line in json.loads(call(capsys, *choose, *several, "--json")[1])["reasons"])


@pytest.mark.parametrize("gain", [0.0, 0.02])
def test_picked_then_tested_passes_by_luck_in_at_most_5_percent(gain):
    """The best of twenty equal checkpoints, held against a gain of 2 points that none of them exceeds."""
    rng = np.random.default_rng(31)
    runs, naive, tried, inside = 60, 0, 0, 0
    for _ in range(runs):
        base = (rng.random(164) < 0.5).astype(float)
        flipped = rng.random((20, 164))
        others = np.where(flipped < 0.05, 0.0, np.where(flipped > 0.95 - gain, 1.0, base))
        truth = np.mean(0.5 * (0.05 + gain) - 0.5 * 0.05)
        limit = max(0.02, truth)
        rows = []
        for k, scores in enumerate(others):
            one = judged_row(cr.Pairs(base, scores, {}), f"step_{k}", limit)
            rows.append(one)
        best = max(rows, key=lambda row: row.delta)
        policy = cr.Policy(rule="finetune", targets=("b",))
        naive += cr.judge([best], policy, 1)[0].verdict == cr.GO
        tried += cr.judge([best], replace(policy, tried=20), 1)[0].verdict == cr.GO
        inside += any(row.verdict == cr.GO for row in cr.judge(rows, policy, 20))
    allowed = 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
    assert tried / runs <= allowed
    assert inside / runs <= allowed
    assert naive / runs > 0.05


def judged_row(pairs: cr.Pairs, name: str, limit: float) -> cr.Row:
    """A target's row before its verdict."""
    answers = {("", str(i)): cr.Answer(0.0, None, None, None) for i in range(pairs.n)}

    def side(values):
        return cr.Side((), {("", str(i)): (v,) for i, v in enumerate(values)}, answers, frozenset(), (values.mean(),))

    return cr.Row(
        name, "b", "b", "critical", "target", True, verdict=cr.INCONCLUSIVE, span=1.0, pairs=pairs, threshold=limit,
        baseline_score=float(pairs.baseline.mean()), score=float(pairs.candidate.mean()),
        basis=cr.paired_basis(pairs, 1, 1.0), sides=(side(pairs.baseline), side(pairs.candidate)),
    )  # fmt: skip


def test_the_metric_that_both_sides_have_is_compared_and_named(tmp_path, capsys):
    """One has acc and acc_norm, the other acc_norm alone; where both have both, the benchmark's own metric counts."""
    rng = np.random.default_rng(5)
    scores = {metric: (rng.random(500) < share).astype(int) for metric, share in (("acc", 0.5), ("acc_norm", 0.8))}
    for model, metrics in (("run/old", list(scores)), ("run/new", ["acc_norm"])):
        for metric in metrics:
            write_record(tmp_path, model, scores[metric], task="hellaswag", metric=metric)
    (row,) = compare(capsys, tmp_path)["benchmarks"]
    assert (row["metric"], row["verdict"]) == ("acc_norm", "GO")
    argv = ("--baseline", "run/old", "--candidate", "run/new", "--results", tmp_path)
    assert "| HellaSwag acc_norm |" in call(capsys, *argv)[1]
    write_record(tmp_path, "run/new", scores["acc"], task="hellaswag", metric="acc")
    (row,) = compare(capsys, tmp_path)["benchmarks"]
    assert row["metric"] in ("acc", "accuracy")
    assert "| HellaSwag acc |" in call(capsys, *argv)[1]


@pytest.mark.parametrize(("gain", "verdict"), [(0.0, cr.GO), (-0.03, cr.NO_GO)])
def test_items_needed_decide_each_row_at_its_own_level(gain, verdict):
    """Fifteen benchmarks: with the named number of items each one is decided in about 80 % of cases, at the level that
    it has among the fifteen."""
    rng = np.random.default_rng(32)
    rows = judged([draw_pair(rng, 500, 0.05, gain) for _ in range(15)])
    needed = [row.items_needed for row in rows if row.verdict == cr.INCONCLUSIVE and row.items_needed]
    n = int(np.median(needed))
    found = [row.verdict for _ in range(12) for row in judged([draw_pair(rng, n, 0.05, gain) for _ in range(15)])]
    assert 0.6 <= found.count(verdict) / len(found) <= 0.99


def test_a_second_record_does_not_buy_a_go(tmp_path, capsys):
    rng = np.random.default_rng(33)
    base = (rng.random(200) < 0.6).astype(int)
    write_record(tmp_path, "run/old", base, temperature=0.7)
    write_record(tmp_path, "run/new", base, temperature=0.7, seed="1")
    write_record(tmp_path, "run/new", np.ones(200), temperature=0.7, seed="2")
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert row["verdict"] == "INCONCLUSIVE"
    assert row["interval_95"][0] < -0.3 and row["interval_95"][1] > 0.7
    assert "the runs' spread" in row["method"]


def test_raters_are_a_second_way_of_sharing(tmp_path, capsys):
    """Three people prefer one system by as much as people differ: nothing is known, however many items they rate."""
    rng = np.random.default_rng(34)
    liking = {"ann": 0.9, "bob": 0.1, "eve": 0.2}
    for name, shift in (("old", 0.0), ("new", 1.0)):
        scores, names = [], []
        for item in range(60):
            for rater, own in liking.items():
                scores.append(float(np.clip(3 + shift * own + rng.normal(0, 0.1), 1, 5)))
                names.append(f"{item}/{rater}")

        def metadata(i):
            return {"cluster_id": f"i{i // 3}", "rater": list(liking)[i % 3]}

        write_record(
            tmp_path, f"run/{name}", scores, names=names, metadata=metadata, metric="mos", unit="points", bounds=(1, 5)
        )
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert (row["clusters"], row["raters"]) == (60, 3)
    assert row["interval_95"][0] < 0 < row["delta"]
    assert row["verdict"] == "INCONCLUSIVE"


def test_the_report_is_plain_markdown(tmp_path, capsys):
    evil = "my|quiz<script>`x`[a](b)"
    pair_on_disk(tmp_path, task="my_quiz", metric="accuracy", scores=flips(1000, 10, 100))
    for path in tmp_path.rglob("*.json"):
        record = json.loads(path.read_text())
        record["evaluation_results"][0]["evaluation_name"] = evil
        record["eval_library"]["version"] = "1\n# h"
        path.write_text(json.dumps(record))
    report, output = tmp_path / "out" / "REPORT.md", tmp_path / "out" / "answer.json"
    arguments = ("--baseline", "old", "--candidate", "new", "--results", tmp_path)
    code, out, err = call(capsys, *arguments, "--report", report, "--output", output)
    text = report.read_text(encoding="utf-8")
    assert code == 1 and str(report) in err
    assert json.loads(output.read_text())["verdict"] == "NO-GO"
    from markdown_it import MarkdownIt

    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    headings = [tokens[i + 1].content for i, token in enumerate(tokens) if token.type == "heading_open"]
    assert headings[1:] == ["Evidence", "How it was measured", "Known limitations"]
    rows = [token for token in tokens if token.type == "tr_open"]
    assert len(rows) == 4
    kinds = {child.type for token in tokens for child in token.children or []}
    assert not kinds & {"link_open", "html_inline", "code_inline", "image"}
    assert not any(token.type == "html_block" for token in tokens)
    for words in ("contamination", "lighteval 1", "2026-02-03", "hardware: cpu", "NO-GO", "1000"):
        assert words.casefold() in text.casefold(), words
    assert out.splitlines()[0].startswith(
        "| benchmark | score | baseline | delta, points (interval) | limit | n | verdict |"
    )


def test_a_terminal_gets_a_table_without_escapes(tmp_path, capsys, monkeypatch):
    pair_on_disk(tmp_path)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    code, out, _ = call(capsys, "--baseline", "old", "--candidate", "new", "--results", tmp_path)
    assert code == 3 and "┃" in out and "INCONCLUSIVE" in out and "| ---" not in out


def test_the_json_document_has_no_holes(tmp_path, capsys):
    pair_on_disk(tmp_path)
    document = compare(capsys, tmp_path)
    assert document["schema_version"] == "1"
    assert document["how_to_read"] and document["limitations"] and document["measured"]
    row = document["benchmarks"][0]
    assert row["interval_95"][0] < row["delta"] < row["interval_95"][1]
    assert row["gained"] == row["lost"] == 10
    assert row["score"]["interval_95"] == pytest.approx(cr.wilson_interval(200, 400))


def test_nothing_is_rounded_before_it_is_decided(tmp_path, capsys):
    """A bound that is shown like the limit, and lies on one side of it all the same."""
    one, two = flips(299, 0, 0)
    pair_on_disk(tmp_path, scores=(one, two))
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert row["verdict"] == "GO"
    assert f"{100 * row['interval'][0]:.2f}" == "-1.00" and row["interval"][0] > -0.01


def test_the_order_of_files_does_not_matter(tmp_path, capsys):
    scores = {name: flips(150, 9, 4)[i] for i, name in enumerate(("old", "new"))}
    answers = []
    for turn, folder in enumerate((tmp_path / "one", tmp_path / "two")):
        tasks = ["gsm8k", "drop", "mmlu"]
        for task in tasks[::-1] if turn else tasks:
            for name in ("new", "old") if turn else ("old", "new"):
                metric = VOCABULARY.entries[task]["metric"]
                write_record(folder, f"run/{name}", scores[name], task=task, metric=metric)
        document = compare(capsys, folder)
        answers.append([(row["benchmark"], row["verdict"], row["interval"]) for row in document["benchmarks"]])
    assert answers[0] == answers[1]


def test_the_records_of_these_tests_are_valid(tmp_path):
    if not CHECKER.is_file():
        pytest.skip("the schema checker is not beside this project")
    pair_on_disk(tmp_path)
    done = subprocess.run([sys.executable, CHECKER, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_as_a_subprocess():
    command = [
        sys.executable,
        SCRIPT,
        "--baseline",
        "step_700",
        "--candidate",
        "step_1000",
        "--results",
        TINY,
        "--json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert json.loads(done.stdout)["verdict"] == "NO-GO"
    assert done.stderr == ""


# --- Which of several -----------------------------------------------------------------------------------------------


def choose(capsys, folder, *more, code=0):
    """The document of --rule choose."""
    found, out, err = call(capsys, "--rule", "choose", "--results", folder, "--json", *map(str, more))
    assert found == code, err
    return json.loads(out)


def test_which_of_two_is_better_by_how_much_and_what_is_ruled_out(tmp_path, capsys):
    one, two = flips(400, 60, 10)
    same, also = flips(400, 10, 10)
    for name, gsm8k, drop in (("old", one, same), ("new", two, also)):
        write_record(tmp_path, f"run/{name}", gsm8k)
        write_record(tmp_path, f"run/{name}", drop, task="drop")
    document = choose(capsys, tmp_path, "--candidate", "old", "new")
    assert (document["verdict"], document["best"]) == ("BETTER", "run/new")
    rows = {row["benchmark"]: row for row in document["comparisons"]}
    assert rows["gsm8k"]["better"] == "run/new" and rows["drop"]["better"] is None
    assert rows["gsm8k"]["interval"][0] > 0
    low, high = rows["drop"]["interval"]
    assert low < 0 < high < 0.05
    assert any("larger ones ruled out" in line for line in document["reasons"])
    assert choose(capsys, tmp_path, "--candidate", "new", "old")["best"] == "run/new"


def test_two_that_cannot_be_told_apart_get_the_items_that_would_show_it(tmp_path, capsys):
    one, two = flips(400, 22, 14)
    write_record(tmp_path, "run/old", one)
    write_record(tmp_path, "run/new", two)
    row = choose(capsys, tmp_path, "--candidate", "old", "new", code=3)["comparisons"][0]
    # McNemar's normal approximation (z of 2.5 % and of 80 % power): (1.96 sqrt(d) + 0.84 sqrt(d - m^2))^2 / m^2
    assert row["items_needed"] == pytest.approx(
        (1.96 * 0.09**0.5 + 0.84 * (0.09 - 0.02**2) ** 0.5) ** 2 / 0.02**2, rel=0.08
    )
    assert (
        choose(capsys, tmp_path, "--candidate", "new", "old", code=3)["comparisons"][0]["items_needed"]
        == row["items_needed"]
    )


# One listener and clip each: how much better the first of two voices was rated.
RATED = "0131 2211 1302 2022 2222 0010 1122 1112 2220 2112 1121 2123 2311 2203 2300 2030 2121 3211 2130 1111"


def test_the_largest_of_differences_is_shown_among_many_when_it_is_alone():
    rated = np.array([[int(digit) for digit in row] for row in RATED.split(" ")], float)
    item, rater = np.indices(rated.shape)
    evidence = cr.paired_difference(rated.ravel(), [item.ravel(), rater.ravel()], 4.0)
    assert isinstance(evidence, cr.Student) and abs(evidence.skewness) > 0.05
    for skewness in (evidence.skewness, 0.2, -0.2, 0.8):
        for level in (0.05, 0.005, 0.0025, 0.0005):
            own = replace(evidence, skewness=skewness, span=math.inf)
            low, high = own.interval(level)
            t = stats.t.isf(level / 2, own.freedom)
            # what skewness makes of it is an amount that does not grow with the critical value
            assert max(own.mean - low, high - own.mean) < (t + 6) * own.error
    assert [float(cr.without_skewness(c, 0.3) - cr.without_skewness(3.0, 0.3)) for c in (4.0, 9.0)] == [1.0, 6.0]


def test_more_raters_are_named_where_they_are_what_lacks():
    rng = np.random.default_rng(3)
    item, rater = (own.ravel() for own in np.indices((20, 4)))
    change = 0.25 + 0.2 * rng.standard_normal(4)[rater] + 0.5 * rng.standard_normal(80)
    pairs = cr.Pairs(np.full(80, 2.0), 2.0 + change, {"clusters": item, "raters": rater})
    [row] = judged([pairs], threshold=-0.1)
    row = replace(row, basis=cr.paired_basis(pairs, 1, 4.0))
    row = cr.with_items_that_show(row, 0.0, (0.001, 0.001), 0.8)
    times = row.items_needed / 80
    told = f"about {math.ceil(4 * times)} raters and {math.ceil(20 * times)} items (not more items alone) would decide"
    assert times > 1 and cr.needed_note(row).startswith(told)


@pytest.mark.parametrize("interval, told", [((-4.0, 4.0), "none ruled out"), ((-1.0, 4.0), "larger ones ruled out"),
                                            ((0.1, 2.0), "may outweigh")])  # fmt: skip
def test_what_an_undecided_interval_says(interval, told):
    row = cr.Row("b", "k", "k", "critical", "general", True, unit="points", span=4.0, baseline_score=2.0, score=2.5)
    assert told in cr.how_open(cr.Duel("a", "b", row, interval))


@pytest.mark.parametrize("lost, shown", [(34, True), (28, False)])
def test_items_that_an_unchanged_model_needs_are_told_beside_those_of_a_shown_change(tmp_path, capsys, lost, shown):
    for name, scores in zip(("old", "new"), flips(400, 16, lost), strict=True):
        write_record(tmp_path, f"run/{name}", scores)
    policy = tmp_path / "p.yaml"
    policy.write_text("defaults: {max_drop: 0.03}\n")
    row = compare(capsys, tmp_path, "--policy", policy)["benchmarks"][0]
    assert row["verdict"] == "INCONCLUSIVE" and (row["items_needed_if"] == "the model is unchanged") is not shown
    assert (row["items_needed_if_unchanged"] is not None) is shown
    _, out, _ = call(capsys, "--results", tmp_path, "--baseline", "old", "--candidate", "new", "--policy", policy)
    assert "if the model is unchanged" in out


def test_a_category_in_a_policy_is_for_its_benchmarks(tmp_path, capsys):
    for name, scores in zip(("old", "new"), flips(2000, 20, 20), strict=True):
        for task in ("piqa", "hellaswag", "gsm8k"):
            write_record(tmp_path, f"run/{name}", scores, task=task)
    policy = tmp_path / "p.yaml"
    policy.write_text(
        "defaults: {tier: report}\n"
        "benchmarks: {common_sense: {tier: critical, max_drop: 0.05}, piqa: {tier: critical, max_drop: 0.1}}\n"
    )
    rows = {row["benchmark"]: row for row in compare(capsys, tmp_path, "--policy", policy)["benchmarks"]}
    assert {key: row["limit"] for key, row in rows.items()} == {"piqa": -0.1, "hellaswag": -0.05, "gsm8k": None} or (
        rows["piqa"]["limit"] == -0.1 and rows["hellaswag"]["limit"] == -0.05 and rows["gsm8k"]["verdict"] == "report"
    )
    asked = ["--results", tmp_path, "--baseline", "old", "--candidate", "new", "--benchmarks", "common_sense"]
    _, out, err = call(capsys, *asked, "--json")
    assert {row["benchmark"] for row in json.loads(out)["benchmarks"]} == {"piqa", "hellaswag"}
    assert "common_sense is a category" in err and "hellaswag, piqa" in err


def test_who_names_one_metric_is_shown_the_line_for_it_alone(tmp_path, capsys):
    for name in ("old", "new"):
        write_record(tmp_path, f"run/{name}", [1, 0] * 50, task="voices", metric="mos")
        for metric in ("one_way", "other_way"):
            write_record(tmp_path, f"run/{name}", [1, 0] * 50, task="arena", metric=metric)
    asked = ["--results", tmp_path, "--baseline", "old", "--candidate", "new", "--metric", "mos"]
    code, _, err = call(capsys, *asked)
    assert code == 3 and err.splitlines()[-1].endswith("--metric mos --benchmarks voices")
    assert "several metrics" not in call(capsys, *asked, "--benchmarks", "voices")[2]


@pytest.mark.parametrize("sampled, found", [(False, []), (True, ["examples_in_prompts"])])
def test_examples_that_only_samples_can_show_are_no_difference_to_a_score_without(sampled, found):
    one = make_run([1, 0] * 50)
    one = replace(one, sampled=True, settings={**one.settings, "examples_in_prompts": "0"})
    assert [*cr.setting_differences(one, replace(make_run([1, 0] * 50), sampled=sampled))] == found


def test_mixed_and_nothing_shown_are_undecided(tmp_path, capsys):
    up, down = flips(400, 60, 10), flips(400, 10, 60)
    for i, name in enumerate(("a", "b")):
        write_record(tmp_path / "mixed", f"run/{name}", up[i])
        write_record(tmp_path / "mixed", f"run/{name}", down[i], task="drop")
        write_record(tmp_path / "same", f"run/{name}", up[0])
    mixed = choose(capsys, tmp_path / "mixed", "--candidate", "a", "b", code=3)
    assert (mixed["verdict"], mixed["best"]) == ("MIXED", None)
    assert choose(capsys, tmp_path / "same", "--candidate", "a", "b", code=3)["verdict"] == "NO DIFFERENCE SHOWN"
    assert "--rule choose" in refused(capsys, "--rule", "choose", "--candidate", "a", "--results", tmp_path / "same")


def test_choosing_needs_no_limit_and_says_nothing_of_what_was_not_compared(tmp_path, capsys):
    rng = np.random.default_rng(42)
    base = rng.normal(1000, 50, 300)
    options = {"task": "arena", "metric": "elo", "unit": "points", "bounds": None}
    for name, gain in (("a", 0), ("b", 30), ("c", 0)):
        write_record(tmp_path / "elo", f"run/{name}", base + rng.normal(gain, 20, 300), **options)
    both = ("--candidate", "a", "b")
    document = choose(capsys, tmp_path / "elo", *both)
    low, high = document["comparisons"][0]["interval"]
    assert (document["verdict"], document["best"]) == ("BETTER", "run/b") and 20 < low < 30 < high < 40
    assert choose(capsys, tmp_path / "elo", "--candidate", "a", "c", code=3)["verdict"] == "NO DIFFERENCE SHOWN"
    policy = tmp_path / "p.yaml"
    policy.write_text('defaults: {max_drop: "1 BLEU"}\n')  # a limit is for a gate
    assert choose(capsys, tmp_path / "elo", *both, "--policy", policy)["best"] == "run/b"
    policy.write_text("defaults: {min_items: 1000}\n")
    document = choose(capsys, tmp_path / "elo", *both, "--policy", policy, code=3)
    assert (document["verdict"], document["reason"]) == ("INCONCLUSIVE", "undecided")
    assert "- not compared: arena (no verdict: 300 items, the policy wants 1000)" in document["reasons"]
    one = flips(400, 1, 1)[0]
    for i, name in enumerate(("a", "b", "c")):
        write_record(tmp_path / "odd", f"run/{name}", one, prompt="p" if i < 2 else "other")
    document = choose(capsys, tmp_path / "odd", "--candidate", "a", "b", "c", code=3)
    assert (document["verdict"], document["reason"]) == ("INCONCLUSIVE", "not_comparable")


def test_facts_show_who_is_dominated_and_what_each_choice_costs(tmp_path, capsys):
    one, two = flips(400, 60, 10)
    for name, scores in (("small", one), ("large", two), ("dear", two)):
        write_record(tmp_path, f"run/{name}", scores)
    names = ["--candidate", "small", "large", "dear"]
    facts = tmp_path / "facts.csv"
    facts.write_text("model,usd,speed\nsmall,1,200\nlarge,4,50\ndear,9,50\n")
    code, _, err = call(capsys, "--rule", "choose", "--results", tmp_path, *names, "--facts", facts)
    assert code == 3 and "better,lower,lower" in err
    facts.write_text("model,usd,speed\nbetter,lower,higher\nsmall,1,200\nlarge,4,50\ndear,9,50\n")
    document = choose(capsys, tmp_path, *names, "--facts", facts, code=3)
    assert document["facts"]["dominated"]["run/small"] == []
    assert document["facts"]["dominated"]["run/large"] == []
    text = " ".join(document["reasons"])
    assert "usd 1, not 4 (-75 %)" in text or "usd 1, not 9 (-89 %)" in text


def with_revision(path: Path, revision: str, moment: str = "") -> None:
    """Write into a record at which commit its model was (and when it was measured)."""
    record = json.loads(path.read_text())
    record["model_info"]["additional_details"] = {"revision": revision}
    record |= {"evaluation_timestamp": moment} if moment else {}
    path.write_text(json.dumps(record))


def test_a_choice_counts_differences_of_unlike_units_and_says_which_way_is_better(tmp_path, capsys):
    loss, more = np.random.default_rng(7).normal(8, 0.5, 200), np.linspace(2.9, 3.1, 200)
    told = {"metric": "perplexity", "unit": "perplexity", "bounds": None, "lower": True}
    for name, scores, own in zip(("org/one", "org/two"), flips(400, 10, 60), (loss + more, loss), strict=True):
        paths = [write_record(tmp_path, name, scores, task=task) for task in ("gsm8k", "drop")]
        for path in [*paths, write_record(tmp_path, name, own, task="my_text", **told)]:
            with_revision(path, name[-1] * 40)
    facts = tmp_path / "facts.csv"
    facts.write_text("model,usd\nbetter,lower\norg/one,1\ntwo,1\n")  # no commits: each id is of one model here
    asked = ("--candidate", "org/one", "org/two", "--facts", facts)
    document = choose(capsys, tmp_path, *asked, code=3)
    [against] = [i for i, line in enumerate(document["reasons"]) if line.startswith("- against org/one@")]
    assert "2 of 3 comparisons" in document["reasons"][against]
    line = document["reasons"][against + 1]
    assert "worse on GSM8K: -12.50 [" in line and "better on my_text (less is better): -3.000 [" in line
    assert "usd 1, as there" in line
    facts.write_text("model,usd\nbetter,lower\norg/one,1\ntwo,1\norg/two,2\n")
    assert "two lines for org/two@" in refused(capsys, "--rule", "choose", "--results", tmp_path, *asked)


@pytest.mark.parametrize("rule", ["finetune", "select", "choose"])
def test_numbers_of_items_and_errors_that_are_odd_or_unknown_are_no_fault(tmp_path, capsys, rule):
    """Results without samples, as harnesses write them when no details are wanted."""
    numbers = [(None, None), (None, 400), (1, None), (0, 0), (12, 12), (400, 1), (400, 400)]
    errors, ends = [None, 0.0, 0.02, 0.6], [(0.747, 0.747), (0.0, 0.0), (1.0, 0.0)]
    kinds = [{}, {"metric": "loss", "unit": "nats", "bounds": None, "lower": True}]
    tasks: dict[str, bool] = {}
    for place, (both, error, scores, kind) in enumerate(itertools.product(numbers, errors, ends, kinds)):
        task = f"t{place}"
        tasks[task] = None in both
        for name, n, score in zip(("old", "new"), both, scores, strict=True):
            path = write_record(tmp_path, f"run/{name}", [score], task=task, samples=False, error=error, n=n, **kind)
            if n is None:
                record = json.loads(path.read_text())
                del record["evaluation_results"][0]["score_details"]["uncertainty"]["num_samples"]
                path.write_text(json.dumps(record))
    names = ("--candidate", "old", "new") if rule == "choose" else ("--baseline", "old", "--candidate", "new")
    targets = ("--target", "t6") if rule == "finetune" else ()
    code, out, err = call(capsys, "--results", tmp_path, *names, "--rule", rule, *targets, "--json")
    assert code in (1, 3), err
    document = json.loads(out)
    rows = document["comparisons" if rule == "choose" else "benchmarks"]
    assert {row["benchmark"] for row in rows} == set(tasks)
    assert all(row["n"] is None and row["items_needed"] is None for row in rows if tasks[row["benchmark"]])
    _, text, _ = call(capsys, "--results", tmp_path, *names, "--rule", rule, *targets)
    counts = [line.split(" | ")[-3] for line in text.splitlines() if line.startswith("| t")]
    assert "–" in counts and "0" not in counts


def test_choosing_among_equals_claims_a_difference_in_at_most_5_percent():
    rng = np.random.default_rng(41)
    claimed, runs = 0, 150
    for _ in range(runs):
        p_values = []
        for _ in range(3):
            base = rng.random(300) < 0.6
            models = [np.where(rng.random(300) < 0.1, rng.random(300) < 0.5, base).astype(float) for _ in range(3)]
            for a in range(3):
                for b in range(a):
                    p_values.append(cr.two_sided_p(cr.paired_difference(models[a] - models[b])))
        claimed += any(
            p <= level for p, (_, level) in zip(p_values, cr.step_levels(p_values, 0.05, "holm"), strict=True)
        )
    assert claimed / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)


def test_greedy_runs_of_one_model_that_contradict_one_another_are_not_compared(tmp_path, capsys):
    base = [1, 0] * 100
    write_record(tmp_path, "run/old", base)
    write_record(tmp_path, "run/new", base, seed="1")
    write_record(tmp_path, "run/new", [1] * 200, seed="2")
    row = compare(capsys, tmp_path)["benchmarks"][0]
    assert row["verdict"] != "GO"
    assert any("contradict one another" in line for line in row["notes"])


# --- which items count ---


def test_a_gate_on_the_clean_items_alone(tmp_path, capsys):
    """A candidate that only has learnt the contaminated items is no gain on the clean ones."""
    names = [f"i{i:05d}" for i in range(400)]
    old, new = [1.0] * 200 + [0.0] * 200, [1.0] * 200 + [0.0] * 100 + [1.0] * 100
    chosen = cr.ChosenItems(only={"gsm8k": frozenset(names[:300])}, why_only="clean")
    runs = [cr.with_chosen_items(make_run(scores, names=names), chosen) for scores in (old, new)]
    assert [(run.score, run.n) for run in runs] == [(pytest.approx(2 / 3), 300)] * 2
    row = ask(*runs).rows[0]
    assert "300 of 400 items, without 100: clean" in row.notes
    assert row.basis.n == 300
    assert row.verdict != cr.BETTER
    assert cr.with_chosen_items(make_run(old, names=names, key="mmlu"), chosen) is None


def test_items_are_excluded_by_a_policy_with_a_reason():
    policy = cr.parse_policy(
        {"exclude_items": {"GSM8K": {"items": ["i00000", "i00001"], "reason": "broken gold"}}}, "p", lambda name: name
    )
    run = cr.with_chosen_items(make_run([1, 1, 0, 0, 1, 0]), policy.items)
    assert (run.score, run.n) == (0.25, 4)
    assert "broken gold" in run.chosen
    for wrong in ({"gsm8k": ["i1"]}, {"gsm8k": {"items": ["i1"]}}, {"gsm8k": {"items": [], "reason": "x"}}):
        with pytest.raises(cr.ScriptError, match="exclude_items"):
            cr.parse_policy({"exclude_items": wrong}, "p", lambda name: name)
    with pytest.raises(cr.ScriptError, match="none of the items"):
        cr.with_chosen_items(make_run([1, 0]), cr.ChosenItems(only={"gsm8k": frozenset(["other"])}))
    with pytest.raises(cr.ScriptError, match="it has no part"):
        cr.with_chosen_items(make_run([1, 0], aggregation="bleu"), policy.items)


def test_only_items_takes_the_file_of_the_contamination_check(tmp_path):
    path = tmp_path / "clean.json"
    path.write_text(json.dumps({"schema_version": "1", "reason": "no match", "only_items": {"my_quiz": ["a", "b"]}}))
    assert cr.read_only_items(str(path)) == ({"myquiz": frozenset("ab")}, "no match")
    for content in ("[]", "{}", '{"only_items": {}}', '{"only_items": 3}'):
        path.write_text(content)
        with pytest.raises(cr.ScriptError, match="--only-items"):
            cr.read_only_items(str(path))


# --- How many items before there are records -------------------------------------------------------------------------


def planned(capsys, *words: str) -> tuple[int, dict]:
    code = cr.main(["--items-for", *words, "--json"])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else {}


@pytest.mark.parametrize(("difference", "disagreement"), [(0.05, 0.2), (0.1, 0.45), (0.06, 0.08)])
def test_planned_items_give_the_verdict_with_the_power_that_was_asked_for(difference, disagreement) -> None:
    plan = cr.Assumed(disagreement=disagreement)
    count = cr.items_for(difference, disagreement, plan)
    rng = np.random.default_rng(count)
    shares = [(disagreement + difference) / 2, (disagreement - difference) / 2, 1 - disagreement]
    answers = rng.choice([1.0, -1.0, 0.0], (500, count), p=shares)
    shown = sum(float(cr.paired_difference(row).lower(plan.alpha / 2)) > 0 for row in answers) / 500
    assert 0.74 < shown < 0.9
    assert cr.items_for(difference, disagreement, replace(plan, power=0.95)) > count


def test_a_plan_says_what_it_assumes_and_which_benchmarks_are_too_small(capsys) -> None:
    code, wide = planned(capsys, "2")
    assert code == 0 and [row["disagreement"] for row in wide["needed"]] == [0.1, pytest.approx(0.412)]
    few, many = (row["items"] for row in wide["needed"])
    assert few < many and wide["answer"].startswith(f"{few:,} to {many:,} items")
    assert {"accuracy", "disagreement", "power", "alpha"} == set(wide["assumed"]) and "both answer" in wide["notes"][0]
    assert "gsm8k" not in wide["large_enough"] and "mmlu" in wide["large_enough"]
    code, found = planned(capsys, "2 points", "--benchmarks", "GSM8K,mmlu", "simpleqa")
    own = found["benchmarks"]
    assert code == 1 and {key: one["code"] for key, one in own.items()} == {"gsm8k": 1, "mmlu": 0, "simpleqa": 3}
    shows = own["gsm8k"]["shows"][0]
    assert shows > 0.02 and cr.items_for(shows, 0.1, cr.Assumed()) <= 1319
    code, found = planned(capsys, "2%", "--benchmarks", "simpleqa", "--assume", "disagreement=15%", "accuracy=0.5")
    assert code == 0 and len(found["needed"]) == 1 and found["needed"][0]["items"] < 4326
    _, near = planned(capsys, "2", "--assume", "accuracy=0.97")  # 3 % and 1 % are wrong: 4 % at most
    assert max(row["disagreement"] for row in near["needed"]) == pytest.approx(0.04)
    assert cr.main(["--items-for", "2", "--benchmarks", "gsm8k"]) == 1
    assert "gsm8k has 1,319: too few" in capsys.readouterr().out


def test_a_benchmark_that_shows_no_difference_is_not_said_to_show_the_largest(capsys) -> None:
    small = ("2", "--benchmarks", "aime_2024", "gpqa_diamond", "--assume", "accuracy=0.9")
    code, found = planned(capsys, *small)
    shows = {key: own["shows"] for key, own in found["benchmarks"].items()}
    assert code == 1 and shows["aime_2024"] == [None, None]  # 27 of 30 and 30 of 30: p = 0.25
    assert stats.binomtest(0, 3).pvalue > 0.05 > stats.binomtest(0, 10).pvalue  # 198 items show less than 10 points
    assert all(0.05 < share < 0.1 for share in shows["gpqa_diamond"])
    assert cr.main(["--items-for", *small]) == 1
    assert "aime_2024 has 30: too few; not even 90 % and 100 % are told apart by it" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["40"], "100 % or more"), (["2", "--assume", "disagreement=0.01"], "do not differ by 2 points"),
        (["2", "--assume", "disagreement=0.8"], "disagree on at most 58 %"),
        (["2", "--benchmarks", "my_own"], "not known: my_own"), (["2", "--assume", "acuracy=0.5"], "accuracy"),
        (["2", "--assume", "power=0"], "a share between 0 and 1"), (["0"], "no points of 100"), (["much"], "no points"),
    ],
)  # fmt: skip
def test_a_plan_that_cannot_be_is_refused(capsys, words, said) -> None:
    try:
        assert cr.main(["--items-for", *words]) == 2
    except SystemExit as ended:  # the parser's own
        assert ended.code == 2
    told = capsys.readouterr()
    assert said in told.err and not told.out
