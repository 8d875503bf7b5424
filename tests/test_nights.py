"""Night after night: lm-eval into one folder, the model's folder overwritten in between, from the files to the gate."""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import subprocess
from pathlib import Path

import benchmark_calculator as calculator
import compare_results as cr
import convert_results as converter
import evaluation_manager as manager
import leaderboard as board
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nights import night, night_scores, write_night, write_weights
from record_writer import sample_row, write_record
from run_tests import find_browser

SIDES = ["--baseline", "models/baseline", "--candidate", "models/candidate"]


def call(capsys, script, *arguments) -> tuple[int, str, str]:
    code = script.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A folder with a baseline and thirteen nights of a candidate; the last one is nine points worse."""
    monkeypatch.chdir(tmp_path)
    write_weights(tmp_path / "models/baseline", b"base", night(1))
    write_night(tmp_path / "evals", "models/baseline", night(1, 3), night_scores(0, 0.75))
    for day in range(1, 14):
        write_weights(tmp_path / "models/candidate", f"night {day}".encode(), night(day))
        scores = night_scores(day, 0.6 if day == 13 else 0.75)
        write_night(tmp_path / "evals", "models/candidate", night(day, 3), scores)
    return tmp_path


def converted(capsys, *options) -> dict[str, list[dict]]:
    """The models' details of the records by model, in the order of their dates."""
    code, _, _ = call(capsys, converter, "evals", "--output-dir", "results", *options)
    assert code == 0
    found: dict[str, list[dict]] = {}
    records = [json.loads(path.read_text()) for path in Path("results").rglob("*.json")]
    for record in sorted(records, key=lambda one: one["evaluation_timestamp"]):
        info = record["model_info"]
        found.setdefault(info["id"], []).append(info["additional_details"])
    return found


@pytest.mark.parametrize("options", [[], ["--checkpoints", "models"]])
def test_nights_are_no_repeats(place, options, capsys):
    converted(capsys, *options)
    code, out, err = call(capsys, cr, *SIDES, "--results", "results")
    assert (code, out) == (3, "")
    assert "models/candidate@2026-03-01" in err and "--latest" in err
    code, out, _ = call(capsys, cr, *SIDES, "--results", "results", "--latest", "--json")
    row = json.loads(out)["benchmarks"][0]
    tonight, base = night_scores(13, 0.6), night_scores(0, 0.75)
    assert code == 1 and row["delta"] == pytest.approx((sum(tonight) - sum(base)) / 200)
    code, out, _ = call(capsys, cr, *SIDES[:2], "--candidate", "models/candidate@2026-03-12", "--results", "results")
    assert code != 1


def test_only_the_night_after_the_weights_were_written_has_their_hash(place, capsys):
    with_option = converted(capsys, "--checkpoints", "models")
    assert [bool(one.get("weights_sha256")) for one in with_option["models/candidate"]] == [False] * 12 + [True]
    assert [bool(one.get("weights_sha256")) for one in with_option["models/baseline"]] == [True]
    without = converted(capsys, "--again") if "--again" in converter.build_parser().format_help() else None
    assert without is None or without.keys() == with_option.keys()


def test_a_model_has_one_name_wherever_it_is_converted(place, capsys):
    code, _, err = call(capsys, converter, "evals", "--output-dir", "here")
    assert code == 0 and "--checkpoints" in err
    os.chdir(place / "models")
    call(capsys, converter, "../evals", "--output-dir", place / "there")
    call(capsys, converter, "../evals", "--output-dir", place / "said", "--checkpoints", "../models")
    names = [
        {json.loads(path.read_text())["model_info"]["id"] for path in (place / folder).rglob("*.json")}
        for folder in ("here", "there", "said")
    ]
    assert names == [{"models/baseline", "models/candidate"}] * 3


def test_a_copy_that_keeps_its_originals_date_is_no_witness_of_an_earlier_night(tmp_path, monkeypatch, capsys):
    """cp -p and shutil.copytree: the file is older than both nights, and was put there after the first."""
    monkeypatch.chdir(tmp_path)
    for day in (1, 2):
        write_weights(tmp_path / "evals/models/candidate", f"night {day}".encode(), night(1))
        write_night(tmp_path / "evals", "models/candidate", night(day, 3), night_scores(day, 0.7))
    details = converted(capsys, "--checkpoints", "evals/models")["models/candidate"]
    assert ["weights_sha256" in one for one in details] == [False, True]
    shutil.rmtree("results")
    details = converted(capsys)["models/candidate"]  # the weights lie among the results: found without the option
    assert ["weights_sha256" in one for one in details] == [False, True]


def flipped(samples: Path, item: int) -> None:
    """An item's score turned around, and the file's own mean with it: the numbers agree with one another again."""
    rows = [json.loads(line) for line in samples.read_text().splitlines()]
    rows[item]["acc"] = 1.0 - rows[item]["acc"]
    samples.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    results = samples.with_name(samples.name.replace("samples_my_quiz", "results").replace(".jsonl", ".json"))
    document = json.loads(results.read_text())
    document["results"]["my_quiz"]["acc,none"] = sum(row["acc"] for row in rows) / len(rows)
    results.write_text(json.dumps(document))


def test_a_choice_that_its_log_likelihoods_contradict_passes_no_gate(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_night(tmp_path / "evals", "models/baseline", night(1), night_scores(1, 0.7))
    path = write_night(tmp_path / "evals", "models/candidate", night(2), night_scores(2, 0.9))
    flipped(next(path.parent.glob("samples_*")), 7)
    code, _, err = call(capsys, converter, "evals", "--output-dir", "results")
    assert code == 1 and "1 of 197 items are scored otherwise than the log-likelihoods" in err and "test/7" in err
    code, out, _ = call(capsys, cr, *SIDES, "--results", "results")
    assert code == 3 and "contradicts" in out


@pytest.mark.parametrize(
    ("metric", "value", "wrong"),
    [("accuracy", 1.0, False), ("accuracy", 0.0, True), ("acc_norm", 1.0, False), ("acc_norm", 0.0, False)],
)
def test_what_a_length_counts_is_no_contradiction(metric, value, wrong):
    """Over 3 and 5 letters " ab" is ahead, over 2 and 4 (without the space) " abcd": harnesses do either."""
    item = converter.AskedItem(
        "q1", "?", [" ab"], [], {metric: value}, choices=[" ab", " abcd"], shown={metric: [" ab"]}, chances=[-2.0, -3.6]
    )
    check = converter.ChoiceCheck()
    check.add(item, converter.ScoreRead(metric, metric, 0.5, "mean"))
    assert bool(check.contradiction(metric)) == wrong


def test_choices_that_are_all_improbable_are_said(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path = write_night(tmp_path / "evals", "models/candidate", night(2), night_scores(2, 0.9))
    assert "improbable" not in call(capsys, converter, "evals", "--output-dir", "before")[2]
    samples = next(path.parent.glob("samples_*"))
    samples.write_text(re.sub(r'"-(0\.5|3\.0)"', r'"-2\1"', samples.read_text()))
    code, _, err = call(capsys, converter, "evals", "--output-dir", "results")
    assert code == 0 and "my_quiz: every choice is improbable" in err


def test_weights_overwritten_within_seconds_are_no_witness(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for second, content in ((0, b"one"), (20, b"two")):
        write_weights(tmp_path / "models/candidate", content, night(1).replace(second=second))
        when = night(1).replace(second=second + 10)
        write_night(tmp_path / "evals", "models/candidate", when, night_scores(second, 0.7))
    details = converted(capsys, "--checkpoints", "models")["models/candidate"]
    assert ["weights_sha256" in one for one in details] == [False, True]


def test_a_score_that_its_items_contradict_passes_no_gate(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_night(tmp_path / "evals", "models/baseline", night(1), night_scores(1, 0.7))
    write_night(tmp_path / "evals", "models/candidate", night(2), night_scores(2, 0.65), said=0.9)
    assert call(capsys, converter, "evals", "--output-dir", "results")[0] == 1
    code, out, _ = call(capsys, cr, *SIDES, "--results", "results")
    assert code == 3 and "contradicts" in out
    card = tmp_path / "README.md"
    card.write_text("# c\n")
    add = ["add", "--results", "results", "--model-id", "models/candidate", "--repo-id", "me/c", "--card", card]
    code, out, err = call(capsys, manager, *add)
    assert code in (1, 2) and "0.9" not in out and "contradict" in err


def test_samples_that_a_log_promises_and_nobody_has_are_missed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write_night(tmp_path / "evals", "models/baseline", night(1), night_scores(1, 0.7))
    path = write_night(tmp_path / "evals", "models/candidate", night(2), night_scores(2, 0.9))
    next(path.parent.glob("samples_*2026-03-02*")).unlink()
    code, _, err = call(capsys, converter, "evals", "--output-dir", "results")
    assert code == 1 and "samples" in err
    code, out, _ = call(capsys, cr, *SIDES, "--results", "results")
    assert code in (0, 3) and "candidate: its samples file is missing" in out and "without samples" in out


# --- Nights together --------------------------------------------------------------------------------------------------


def answers(seed: int, ability: float, n: int = 200, steady: float = 0.93) -> list[float]:
    """A model's right answers: those to the easier items, but for a few that change from night to night."""
    rng, items = random.Random(seed), random.Random(7)
    marks = [items.random() for _ in range(n)]
    return [float((mark if rng.random() < steady else rng.random()) < ability) for mark in marks]


def history(
    capsys, tmp_path: Path, abilities: list[float], *more, baseline: float = 0.8, **options
) -> tuple[int, dict]:
    write_night(tmp_path / "evals", "models/baseline", night(1), answers(0, baseline, **options))
    for day, ability in enumerate(abilities, start=1):
        write_night(tmp_path / "evals", "models/candidate", night(day, 3), answers(day, ability, **options))
    assert call(capsys, converter, tmp_path / "evals", "--output-dir", tmp_path / "results")[0] == 0
    asked = [*SIDES, "--results", tmp_path / "results", "--json", *more]
    code, out, _ = call(capsys, cr, *asked)
    return code, json.loads(out)


def test_a_slow_drift_is_found_and_dated(tmp_path, capsys):
    abilities = [0.8 - 0.008 * max(0, day - 4) for day in range(1, 15)]
    _, document = history(capsys, tmp_path, abilities, "--history", 14)
    drift = document["benchmarks"][0]["history"]["drift"]
    assert -0.014 < drift["per_night"] < -0.004 and "2026-03-01" <= drift["since"] <= "2026-03-07"
    assert drift["p_value"] < 0.05 and any("a night since 2026-03-0" in line for line in document["warnings"])
    assert not document["benchmarks"][0]["history"]["together"]["decides"]


def test_tonight_is_not_averaged_away(tmp_path, capsys):
    """Thirteen good nights before a bad one make no GO of it, however small the set."""
    _, document = history(capsys, tmp_path, [0.82] * 13 + [0.72], "--history", 14)
    row = document["benchmarks"][0]
    assert row["verdict"] != "GO" and row["delta"] < 0
    assert row["history"]["change_tonight"]["delta"] < -0.04 and row["history"]["change_tonight"]["p_value"] < 0.05
    assert len(row["history"]["nights"]) == 14


@pytest.mark.parametrize("size", [1, 10])
def test_new_passages_each_night_are_no_change_more_often_than_by_chance(size):
    """Items of one passage are no independent ones: taken as such, every third night differed from those before."""
    rng, found = np.random.default_rng(3), []
    for _ in range(300):
        nights = []
        for day in range(6):
            gains = np.repeat(rng.normal(0, 0.3, 20), size) + rng.normal(0, 0.3, 20 * size)
            nights.append(cr.Night(np.clip(gains, -1, 1), [(day, i // size) for i in range(20 * size)]))
        found.append(cr.change_tonight(nights, 2.0)[1] < 0.05)
    assert np.mean(found) < 0.1


def test_small_sets_that_change_every_night_come_to_a_decision(tmp_path, capsys):
    """Sixty new items each night, on which both sides are asked: no night decides, twelve together do."""
    folder = tmp_path / "results"
    for day in range(1, 13):
        for model, ability in (("me/base", 0.75), ("me/new", 0.82)):
            rng = random.Random(1000 * day + len(model))
            marks = random.Random(day)
            scores = [float((marks.random() if rng.random() < 0.97 else rng.random()) < ability) for _ in range(60)]
            rows = [sample_row(1000 * day + i, score) for i, score in enumerate(scores)]
            write_record(folder, model, scores, rows=rows, when=f"2026-03-{day:02}T02:00:00Z")
    sides = ["--baseline", "me/base", "--candidate", "me/new", "--results", folder, "--json"]
    assert call(capsys, cr, *sides, "--latest")[0] == 3
    code, out, _ = call(capsys, cr, *sides, "--history", 12)
    row = json.loads(out)["benchmarks"][0]
    assert (code, row["verdict"], row["history"]["together"]["decides"]) == (0, "GO", True)
    assert row["history"]["together"]["items"] == 720
    code, out, _ = call(capsys, cr, "--baseline", "me/new", "--candidate", "me/base", *sides[4:], "--history", 12)
    assert code in (1, 3) and json.loads(out)["benchmarks"][0]["verdict"] != "GO"


def test_commits_of_a_model_are_its_nights(tmp_path, capsys):
    """Evaluated by its Hub id while its main moves; the last night goes back to the commit of the second."""
    folder, commits = tmp_path / "results", ["a" * 40, "b" * 40, "c" * 40, "b" * 40]
    for day, commit in enumerate(commits, start=1):
        when = {"when": f"2026-03-{day:02}T02:00:00Z"}
        write_record(
            folder, "me/new", answers(day, 0.9 if commit[0] == "b" else 0.6), details={"revision": commit}, **when
        )
        write_record(folder, "me/base", answers(0, 0.7), details={"revision": "0" * 40}, **when)
    sides = ["--baseline", "me/base", "--candidate", "me/new", "--results", folder]
    code, _, err = call(capsys, cr, *sides)
    assert code == 3 and "me/new@2026-03-01, me/new@2026-03-03, me/new@2026-03-04" in err and "--latest" in err
    code, out, err = call(capsys, cr, *sides, "--latest", "--json")
    assert code == 0 and json.loads(out)["candidates"][0]["name"] == f"me/new@{'b' * 40}"
    assert "me/new@2026-03-04 is taken" in err
    for named in ("me/new@2026-03-03", f"me/new@{'c' * 40}", "me/new@ccccccc"):
        code, out, _ = call(capsys, cr, *sides[:3], named, *sides[4:], "--json")
        assert code == 1 and json.loads(out)["candidates"][0]["name"] == f"me/new@{'c' * 40}"
    _, out, _ = call(capsys, cr, *sides, "--history", 3, "--json")
    assert [one["date"][-2:] for one in json.loads(out)["benchmarks"][0]["history"]["nights"]] == ["01", "03", "04"]
    code, out, _ = call(capsys, calculator, "me/new", "--history", 8, "--results", folder)
    assert code == 0 and out.count("changed: weights") == 3
    card = tmp_path / "README.md"
    card.write_text("# new\n")
    add = ["add", "--results", folder, "--repo-id", "me/new", "--card", card]
    code, _, err = call(capsys, manager, *add)
    assert code == 3 and "me/new@2026-03-04" in err
    assert call(capsys, manager, *add, "--model-id", "me/new@2026-03-03")[0] == 0
    assert call(capsys, manager, *add, "--model-id", f"me/new@{'c' * 40}")[0] == 0
    code, out, _ = call(capsys, manager, *add, "--latest")
    assert code == 0 and "me/new@2026-03-04 is taken" in out


def test_nights_that_were_measured_otherwise_are_left_out(tmp_path, capsys):
    for day in range(1, 9):
        prompt = "Q: {{question}}\nA:" if day > 3 else "{{question}}"
        for model in ("models/baseline", "models/candidate"):
            scores = answers(day + len(model), 0.8)
            write_night(tmp_path / "evals", model, night(day, 3), scores, prompt=prompt)
    assert call(capsys, converter, tmp_path / "evals", "--output-dir", tmp_path / "results")[0] == 0
    _, out, _ = call(capsys, cr, *SIDES, "--results", tmp_path / "results", "--json", "--history", 8)
    row = json.loads(out)["benchmarks"][0]
    assert [one["date"] for one in row["history"]["nights"]] == [f"2026-03-{day:02}" for day in range(4, 9)]
    assert any("nights left out: 2026-03-01" in line for line in row["notes"])


def test_a_history_follows_one_candidate(tmp_path, capsys):
    history(capsys, tmp_path, [0.8])
    asked = ["--results", tmp_path / "results", "--history", 3]
    assert call(capsys, cr, *SIDES, "models/baseline", *asked)[0] == 2
    code, out, _ = call(capsys, cr, *SIDES, *asked)
    assert code == 3 and "1 nights that can be compared" in out


def night_differences(rng, n: int, gain: float, persistent) -> np.ndarray:
    """Paired differences of a night: those that stay, and a tenth that are drawn anew."""
    new = draw_differences(rng, n, gain)
    return np.where(rng.random(n) < 0.1, new, persistent)


def draw_differences(rng, n: int, gain: float) -> np.ndarray:
    up, down = 0.06 + max(gain, 0), 0.06 + max(-gain, 0)
    return rng.choice([1.0, -1.0, 0.0], size=n, p=[up, down, 1 - up - down])


@pytest.mark.parametrize("same", [True, False])
def test_looking_every_night_errs_in_at_most_five_percent(same):
    """At the limit itself, at any of the looks: the rate of wrong passes and wrong failures, and of drifts."""
    rng, limit, n = np.random.default_rng(11), -0.03, 80
    wrong_pass = wrong_fail = drifts = 0
    runs = 80
    for _ in range(runs):
        nights, stays, looks = [], draw_differences(rng, n, limit), []
        for k in range(10):
            stays = stays if same else draw_differences(rng, n, limit)
            shared = [i if same else (k, i) for i in range(n)]
            nights.append(cr.Night(night_differences(rng, n, limit, stays), shared))
            if k in (2, 4, 6, 9):
                looks.append(cr.sequential_evidence(nights, limit, 2.0))
        wrong_pass += any(look.e_pass >= 20 for look in looks)
        wrong_fail += any(look.e_fail >= 20 for look in looks)
        drifts += cr.drift_of([one.gain for one in nights]) is not None
    assert wrong_pass <= 7 and wrong_fail <= 7 and drifts <= 10  # 5 % of 80 is 4; more than 10 come by chance in 0.2 %


def test_nights_that_scatter_are_no_proof():
    """Where nights differ by more than their items say, their number counts, not that of their items."""
    rng = np.random.default_rng(3)
    still = [cr.Night(draw_differences(rng, 400, 0.0), [(k, i) for i in range(400)]) for k in range(8)]
    loud = [
        cr.Night(draw_differences(rng, 400, shift), [(k, i) for i in range(400)])
        for k, shift in enumerate((0.1, -0.1, 0.12, -0.1, 0.09, -0.11, 0.1, -0.1))
    ]
    one, other = (cr.sequential_evidence(nights, -0.03, 2.0) for nights in (still, loud))
    assert one.e_pass > 20 > other.e_pass
    assert np.diff(other.evidence.interval(0.05)) > 3 * np.diff(one.evidence.interval(0.05))


@given(st.lists(st.floats(-1, 1), min_size=6, max_size=12), st.floats(0.1, 10), st.floats(-1, 1))
@settings(max_examples=20, deadline=None)
def test_a_drift_does_not_depend_on_scale_or_level(gains, factor, level):
    one, other = cr.drift_of(gains), cr.drift_of([factor * gain + level for gain in gains])
    if one and other:
        assert one.since == other.since and one.slope * factor == pytest.approx(other.slope, rel=1e-6, abs=1e-9)


# --- Runs by date ----------------------------------------------------------------------------------------------------


@pytest.fixture
def followed(tmp_path, capsys) -> Path:
    """Records of eight nights: the prompt changes after the third, the harness after the fifth, weights each night."""
    for day in range(1, 9):
        write_weights(tmp_path / "models/candidate", f"night {day}".encode(), night(day))
        prompt = "Q: {{question}}\nA:" if day > 3 else "{{question}}"
        options = {"prompt": prompt, "version": "0.4.13" if day > 5 else "0.4.12"}
        write_night(tmp_path / "evals", "models/candidate", night(day, 3), answers(day, 0.8), **options)
    assert call(capsys, converter, tmp_path / "evals", "--output-dir", tmp_path / "results")[0] == 0
    return tmp_path


def test_a_models_nights_in_the_terminal(followed, capsys):
    asked = ["models/candidate", "--history", 30, "--results", followed / "results"]
    code, out, _ = call(capsys, calculator, *asked, "--json")
    nights = json.loads(out)["tasks"][0]["nights"]
    assert code == 0 and [one["date"][:10] for one in nights] == [f"2026-03-{day:02}" for day in range(1, 9)]
    assert [one["score"] for one in nights] == [sum(answers(day, 0.8)) / 200 for day in range(1, 9)]
    said = {one["date"][:10]: one["changed"] for one in nights if one["changed"]}
    assert said.keys() == {"2026-03-04", "2026-03-06"}
    assert said["2026-03-06"][0] == "harness lm-eval 0.4.12 → lm-eval 0.4.13" and said["2026-03-04"]
    wilson = [calculator.wilson_interval(200 * one["score"], 200) for one in nights]
    assert [one["interval"] for one in nights] == [pytest.approx(ends) for ends in wilson]
    _, out, _ = call(capsys, calculator, *asked[:2], 3, *asked[3:])
    assert "my_quiz (accuracy, 0-shot), 3 nights" in out
    assert "| 2026-03-06 03:00 |" in out and "changed: harness lm-eval 0.4.12" in out
    assert call(capsys, calculator, "models/nobody", "--history", 9, "--results", followed / "results")[0] == 1


def test_the_board_keeps_each_night_as_a_row_of_its_model(followed, capsys):
    collect = ["collect", "--results", followed / "results", "--json", "--output-dir"]
    _, out, _ = call(capsys, board, *collect, followed / "apart")
    counts = json.loads(out)["counts"]
    assert (counts["models"], counts["rows"], counts["shown"]) == (1, 8, 8), "one model in eight states"
    code, out, _ = call(capsys, board, *collect, followed / "runs", "--runs")
    counts = json.loads(out)["counts"]
    assert (code, counts["models"], counts["rows"], counts["shown"]) == (0, 1, 8, 1)
    _, out, _ = call(capsys, board, "show", "--data", followed / "runs", "--model", "models/candidate", "--json")
    rows = json.loads(out)["rows"]
    assert [row["date"][:10] for row in rows if row["shown"]] == ["2026-03-08"]
    changed = {row["date"][:10] for row in rows if "; changed: " in row["notes"]}
    assert changed == {"2026-03-04", "2026-03-06"}
    assert call(capsys, board, "export", "--data", followed / "runs", "--output-dir", followed / "site")[0] == 0


def test_the_page_draws_the_nights(followed, capsys):
    browser = find_browser()
    if browser is None:
        pytest.skip("no Chromium on this machine")
    call(capsys, board, "collect", "--results", followed / "results", "--runs", "--output-dir", followed / "runs")
    call(capsys, board, "export", "--data", followed / "runs", "--output-dir", followed / "site")
    address = f"{(followed / 'site' / 'index.html').as_uri()}#view=table&model=models%2Fcandidate"
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=8000", "--dump-dom"]
    page = subprocess.run([browser, *options, address], capture_output=True, text=True, timeout=120).stdout
    assert (
        page.count('class="night"') == 8 and page.count('class="changed"') == 2 and page.count('class="whisker"') == 8
    )
    assert "my_quiz by date: 8 runs from 2026-03-01 to 2026-03-08" in page
