"""Records: whose score, under which settings, of which items, may it be used; and every reader says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import benchmark_calculator as bc
import compare_results as cr
import convert_results as converter
import evaluation_manager as manager
import leaderboard as board
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_writer import sample_row, write_record

MAPPING = manager.read_mapping()
VOCABULARY = cr.vocabulary_of(MAPPING)
GOOD = [1.0, 0.0, 1.0, 1.0] * 50


def call(script, capsys, *arguments) -> tuple[int, str, str]:
    code = script.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def compare(capsys, folder, *arguments, baseline="old", candidate="new") -> tuple[int, dict, str]:
    code, out, err = call(
        cr, capsys, "--baseline", baseline, "--candidate", candidate, "--results", folder, "--json", *arguments
    )
    return code, json.loads(out) if out else {}, err


def row_of(document: dict) -> tuple[str, str]:
    (row,) = document["benchmarks"]
    return row["verdict"], "; ".join(row["notes"])


def checkpoints(root: Path, *names: str) -> Path:
    for name in names:
        folder = root / name
        folder.mkdir(parents=True)
        (folder / "config.json").write_text("{}")
        header = b'{"__metadata__":{"name":"' + name.encode() + b'"}}'
        (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    return root


# --- A standard error that its items cannot have ---


@pytest.mark.parametrize(
    ("error", "method", "n", "noted"),
    [
        (0.0197, "analytic", 500, True),  # that of 250 answers
        (0.0139, "analytic", 500, False),
        (0.0197, "analytic", 250, False),
        (0.0197, "clustered", 500, False),  # alike in groups, they tell less
        (0.0145, "bootstrap", 500, False),  # by chance of the draws
        (0.0197, "bootstrap", 500, True),
        (0.004, "analytic", 500, False),  # of scores between 0 and 1
    ],
)
def test_a_standard_error_of_fewer_items_is_remarked(tmp_path, capsys, error, method, n, noted):
    for name in ("me/old", "me/new"):
        write_record(
            tmp_path / "in", name, [], score=0.892, n=n, error=error, error_method=method, samples=False, task="gsm8k"
        )
    _, document, _ = compare(capsys, tmp_path / "in")
    assert ("about 50 % of the 500 items" in row_of(document)[1]) is noted


@pytest.mark.parametrize(
    ("error", "n", "interval", "fine"),
    [
        (1e-6, 100, None, False),  # as if a verdict could be had of nothing
        (0.0, 100, None, False),
        (0.05, 100, None, True),
        (0.006, 100, None, True),  # each asked 64 times
        (None, 100, (0.1, 0.2), False),
        (None, 100, (0.4, 0.6), True),
    ],
)
def test_numbers_that_contradict_one_another_give_no_verdict(tmp_path, capsys, error, n, interval, fine):
    for name, score in (("me/old", 0.5), ("me/new", 0.51)):
        path = write_record(tmp_path, name, [], score=score, n=n, error=error, samples=False, task="gsm8k")
        record = json.loads(path.read_text())
        if interval:
            bounds = {"lower": interval[0], "upper": interval[1], "confidence_level": 0.95}
            record["evaluation_results"][0]["score_details"]["uncertainty"]["confidence_interval"] = bounds
        path.write_text(json.dumps(record))
    code, document, _ = compare(capsys, tmp_path)
    verdict, notes = row_of(document)
    assert ("it contradicts itself" in notes) is (verdict == "NOT COMPARABLE") is not fine
    assert fine or code == 3


# --- What belongs together ---


def repositories_of(folder: Path, model: str, right: list[int], same_prompts: int) -> None:
    """A record of repositories of ten items, so many of which are right; the first items were asked with one prompt."""
    scores = [float(i % 10 < right[i // 10]) for i in range(10 * len(right))]
    rows = [sample_row(i, score, metadata=lambda i: {"repo": f"r{i // 10}"}) for i, score in enumerate(scores)]
    for row in rows[:same_prompts]:
        row["metadata"]["prompt_hash"] = "one"
    write_record(folder, model, scores, rows=rows)


@pytest.mark.parametrize("same_prompts", [0, 2])
def test_prompts_that_repeat_do_not_hide_that_repositories_matter(tmp_path, capsys, same_prompts):
    repositories_of(tmp_path, "me/old", [5, 5, 5, 5, 5, 5, 9, 9, 9, 7, 7, 7], same_prompts)
    repositories_of(tmp_path, "me/new", [9, 9, 9, 9, 9, 9, 5, 5, 5, 7, 7, 7], same_prompts)
    code, document, _ = compare(capsys, tmp_path)
    verdict, notes = row_of(document)
    assert (code, verdict) == (3, "INCONCLUSIVE") and "--cluster-by repo" in notes
    assert ("items with one prompt count together" in notes) is bool(same_prompts)


def test_the_ranking_draws_items_together_by_a_field_that_matters(tmp_path, capsys):
    """Nine of twelve repositories decide between two checkpoints; items alone would call one of them the best."""
    root = checkpoints(tmp_path / "run", "step_1", "step_2")
    for step, right in (("step_1", [5, 5, 5, 5, 5, 5, 9, 9, 9, 7, 7, 7]), ("step_2", [9] * 6 + [5, 5, 5, 7, 7, 7])):
        repositories_of(tmp_path / "results", f"run/{step}", right, 0)
    for path in (tmp_path / "results").rglob("*.json"):
        record = json.loads(path.read_text())
        record["model_info"]["additional_details"]["path"] = f"run/{record['model_info']['name']}"
        path.write_text(json.dumps(record))

    def ranked(*more) -> tuple[list[str], str]:
        code, out, err = call(bc, capsys, root, "--results", tmp_path / "results", "--json", "--full", *more)
        assert code == 0, err
        return json.loads(out)["tied"], err

    tied, err = ranked()
    assert "items of one repo agree with one another (design effect" in err
    assert tied == ranked("--cluster-by", "repo")[0] == ["step_1"]
    alone, err = ranked("--cluster-by", "none")
    assert alone == [] and "items of one repo" not in err


# --- Whose ----------------------------------------------------------------------------------------------------------


def test_revisions_adapters_and_files_are_models_of_their_own(tmp_path, capsys):
    write_record(tmp_path, "me/old", GOOD)
    for i, details in enumerate(
        [{"revision": "main"}, {"revision": "step1000"}, {"lora_local_path": "me/lora"}, {"gguf_file": "q4.gguf"}]
    ):
        write_record(tmp_path, "me/new", [1.0] * (100 + i) + [0.0] * (100 - i), details=details)
    code, _, err = compare(capsys, tmp_path)
    assert code == 3 and "several models" in err
    assert "me/new@main" in err and "me/new@step1000" in err and "lora" not in err
    code, document, _ = compare(capsys, tmp_path, candidate="me/new@step1000")
    assert document["benchmarks"][0]["score"]["score"] == pytest.approx(0.505)
    code, document, _ = compare(capsys, tmp_path, candidate="me/new@main")
    assert document["benchmarks"][0]["score"]["score"] == pytest.approx(0.5)
    code, document, _ = compare(capsys, tmp_path, candidate="me/lora")
    assert document["benchmarks"][0]["score"]["score"] == pytest.approx(0.51)
    rows, _ = board.read_own_runs([str(tmp_path)], board.Benchmarks.of(MAPPING))
    assert len({row["model"] for row in rows}) == 5
    with pytest.raises(manager.ScriptError, match="choose one with --model-id") as refused:
        manager.read_entries([tmp_path], "me/new", "me/new", [], MAPPING)
    assert refused.value.code == 3
    (entry,), _ = manager.read_entries([tmp_path], "me/new@step1000", "me/new", [], MAPPING)
    assert entry.value == pytest.approx(0.505)


def test_a_provider_tells_models_apart():
    record = {"model_info": {"id": "gpt-4o-mini", "inference_platform": "azure"}}
    other = {"model_info": {"id": "gpt-4o-mini", "inference_platform": "openai"}}
    assert cr.identity_of(record).key != cr.identity_of(other).key
    assert cr.identity_of(record).id == cr.identity_of(other).id


# --- When: nights are no repeats ------------------------------------------------------------------------------------


def nights(folder: Path, *scores: list[float], **options) -> None:
    for day, values in enumerate(scores, start=12):
        write_record(folder, "me/new", values, when=f"2026-03-{day}T02:00:00Z", **options)


def test_nights_are_asked_about_and_never_averaged(tmp_path, capsys):
    good, bad = [1.0] * 180 + [0.0] * 20, [1.0] * 120 + [0.0] * 80
    write_record(tmp_path, "me/old", good)
    nights(tmp_path, good, good[::-1], bad)
    code, document, err = compare(capsys, tmp_path)
    assert (code, document["reason"]) == (3, "choose")
    assert "new@2026-03-12, new@2026-03-13, new@2026-03-14" in err and "--latest" in err
    code, document, err = compare(capsys, tmp_path, "--latest")
    assert code == 1 and document["verdict"] == "NO-GO"
    assert "new@2026-03-14 is taken (--latest), left out: new@2026-03-12, new@2026-03-13" in err
    code, document, _ = compare(capsys, tmp_path, candidate="new@2026-03-12")
    assert document["benchmarks"][0]["score"]["score"] == pytest.approx(0.9)
    with pytest.raises(manager.ScriptError, match="measured 3 times") as refused:
        manager.read_entries([tmp_path], "me/new", "me/new", [], MAPPING)
    assert refused.value.code == 3
    entries, notes = manager.read_entries([tmp_path], "me/new", "me/new", [], MAPPING, manager.Allowed(latest=True))
    assert [entry.value for entry in entries] == [0.6] and any("--latest" in note for note in notes)


def test_runs_of_known_equal_weights_are_repeats(tmp_path, capsys):
    write_record(tmp_path, "me/old", GOOD)
    nights(tmp_path, GOOD, GOOD[::-1], details={"weights_sha256": "w"})
    _, document, _ = compare(capsys, tmp_path)
    assert document["benchmarks"][0]["score"]["runs"]["n"] == 2
    assert "candidate: 2 repeats averaged" in row_of(document)[1]
    for more, candidate in ((["--latest"], "new"), ([], "new@2026-03-13")):
        _, document, err = compare(capsys, tmp_path, *more, candidate=candidate)
        assert document["benchmarks"][0]["score"]["runs"]["n"] == 2
        assert "the runs of 2026-03-12, 2026-03-13 are of the same weights, so repeats" in err


@pytest.mark.parametrize(("files", "states"), [("ab", 2), ("aa", 1), ("a ", 1), ("  ", 1), ("ab ", 3)])
def test_equal_weights_that_were_read_with_other_files_are_no_repeats(tmp_path, capsys, files, states):
    """A tokenizer or template that was changed is another state; a record that does not say so hides none."""
    write_record(tmp_path, "me/old", GOOD)
    orders = (GOOD, GOOD[::-1], [*GOOD[100:], *GOOD[:100]])
    for day, (scores, mark) in enumerate(zip(orders, files, strict=False)):
        details = {"weights_sha256": "w"} | ({"model_files_sha256": mark} if mark != " " else {})
        write_record(tmp_path, "me/new", scores, when=f"2026-03-{12 + day}T02:00:00Z", details=details)
    code, document, err = compare(capsys, tmp_path)
    if states == 1:
        assert document["benchmarks"][0]["score"]["runs"]["n"] == 2, err
    else:
        assert (code, document["reason"]) == (3, "choose")
        assert f"measured {states} times with weights, or files beside them" in err


@pytest.mark.parametrize("small", [[0.0], [1.0] * 8, [0.0, *GOOD[1:199]]])
@pytest.mark.parametrize("samples", [True, False])
def test_a_run_of_fewer_items_never_averages_with_a_larger_one(tmp_path, capsys, small, samples):
    """Of equal weights, with equal settings, and neither says that it is a part."""
    root = checkpoints(tmp_path / "run", "step_1", "step_2")
    results = tmp_path / "results"
    for name, scores in (("step_1", GOOD), ("step_1", small), ("step_2", [1.0, 0.0] * 100)):
        details = {"path": str(root / name), "weights_sha256": bc.weights_sha256(root / name)}
        write_record(results, f"run/{name}", scores, details=details, samples=samples, metadata=None)
    _, document, _ = compare(capsys, results, baseline="step_2", candidate="step_1")
    found = [document["benchmarks"][0]["score"]["score"]]
    entries, notes = manager.read_entries([results], "run/step_1", "run/step_1", [], MAPPING)
    assert any(f"left out, {len(small)} attempts beside 200" in note for note in notes)
    found += [entry.value for entry in entries]
    rows, _ = board.read_own_runs([str(results)], board.Benchmarks.of(MAPPING))
    found += [row["value"] for row in rows if row["model"] == "run/step_1"]
    code, out, err = call(bc, capsys, root, "--results", results, "--json", "--full")
    assert code in (0, 3) and f"left out, {len(small)} attempts beside 200" in err
    best = next(one for one in json.loads(out)["checkpoints"] if one["name"] == "step_1")
    found.append(best["scores"]["my_quiz"]["score"])
    assert found == [0.75] * 4


def test_the_tasks_of_one_night_are_one_state(tmp_path, capsys):
    for day in ("12", "13"):
        for i, task in enumerate(("my_quiz", "my_test")):
            write_record(
                tmp_path, "me/new", GOOD if day == "12" else GOOD[::-1], task=task, when=f"2026-03-{day}T0{i}:00:00Z"
            )
    for task in ("my_quiz", "my_test"):
        write_record(tmp_path, "me/old", GOOD, task=task)
    code, _, err = compare(capsys, tmp_path)
    assert code == 3 and "measured 2 times" in err
    _, document, _ = compare(capsys, tmp_path, candidate="new@2026-03-13")
    assert [row["verdict"] for row in document["benchmarks"]].count("MISSING") == 0


def test_folders_that_begin_with_a_dot_are_read_by_every_reader(tmp_path, capsys):
    """lm-eval names the folder of ./run/... so; what version control and caches keep is no result."""
    for folder in (".__run__step_1", ".git", ".cache"):
        for name in ("me/old", "me/new"):
            write_record(tmp_path / folder, name, GOOD if folder != ".git" else GOOD[:100])
    _, document, _ = compare(capsys, tmp_path)
    assert document["benchmarks"][0]["score"]["score"] == 0.75
    assert len(bc.record_files([tmp_path])) == len(board.record_files([tmp_path])) == 2
    assert len(manager.read_entries([tmp_path], "me/new", "me/new", [], MAPPING)[0]) == 1


# --- How ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "values", "harmless"),
    [
        ("reasoning_effort", ("high", "low"), False),
        ("enable_thinking", ("true", "false"), False),
        ("load_in_4bit", ("true", None), False),
        ("nobody_has_heard_of_this", ("1", "2"), False),
        ("batch_size", ("1", "64"), True),
        ("device", ("cpu", "cuda:0"), True),
        ("tensor_parallel_size", ("1", None), True),
    ],
)
def test_a_key_counts_unless_it_is_known_to_be_harmless(tmp_path, capsys, key, values, harmless):
    for name, value in zip(("me/old", "me/new"), values, strict=True):
        write_record(tmp_path, name, GOOD, settings={} if value is None else {key: value})
    old = "me/old [quantization=load_in_4bit=true]" if key == "load_in_4bit" else "old"
    _, document, _ = compare(capsys, tmp_path, baseline=old)
    verdict, notes = row_of(document)
    assert (verdict != "NOT COMPARABLE") is harmless
    if not harmless:
        assert f"{key}: {values[0]} and {values[1] or 'nothing'}" in notes
        assert document["benchmarks"][0]["baseline"]["score"] == document["benchmarks"][0]["score"]["score"] == 0.75


@pytest.mark.parametrize("key", ["scorer", "grader_model", "grader_settings", "grader_prompt_hash"])
def test_scorer_and_grader_are_part_of_the_score(tmp_path, capsys, key):
    write_record(tmp_path, "me/old", GOOD, metric_details={key: "strict"})
    write_record(tmp_path, "me/new", GOOD, metric_details={key: "lenient"})
    _, document, _ = compare(capsys, tmp_path)
    verdict, notes = row_of(document)
    assert verdict == "NOT COMPARABLE" and f"{key}: strict and lenient" in notes


def test_two_ways_of_measuring_one_model_are_asked_about(tmp_path, capsys):
    for name in ("me/old", "me/new"):
        for solver in ("plain", "agent"):
            scores = GOOD if solver == "plain" else GOOD[::-1]
            write_record(tmp_path, name, scores, settings={"solver": solver}, details={"weights_sha256": name})
    code, document, err = compare(capsys, tmp_path)
    assert (code, document["reason"]) == (3, "choose")
    assert (
        "both sides were measured in several ways (solver: agent and plain" in err or "solver: plain and agent" in err
    )
    code, document, _ = compare(capsys, tmp_path, baseline="old[solver=agent]", candidate="new[solver=agent]")
    assert row_of(document)[0] != "NOT COMPARABLE"


def test_a_metric_without_direction_is_asked_about(tmp_path, capsys):
    for name, value in (("me/old", 0.08), ("me/new", 0.3)):
        write_record(tmp_path, name, [value] * 200, metric="hallucination", metric_details={"direction": "unknown"})
    code, document, err = compare(capsys, tmp_path)
    assert (code, document["reason"]) == (3, "choose") and "nothing says whether more hallucination" in err
    policy = tmp_path / "policy.yaml"
    policy.write_text("benchmarks: {my_quiz: {direction: lower_is_better}}")
    code, document, _ = compare(capsys, tmp_path, "--policy", policy)
    assert code == 1 and document["benchmarks"][0]["lower_is_better"] is True


@pytest.mark.parametrize(
    ("shots", "prompt", "runs"),
    [(0, "p", 3), (5, "p", 3), (5, "x", 0)],  # no examples; other draws and the same prompts; other prompts
)
def test_runs_whose_seed_draws_the_same_prompts_are_repeats(tmp_path, capsys, shots, prompt, runs):
    """lm-eval's --seed sets that of the examples, too; where it changes no prompt it is no setting."""
    library, details = ("lm_eval", "0.4.9"), {"weights_sha256": "w"}
    for task in ("gsm8k", "my_quiz"):
        more = {"task": task, "shots": shots, "library": library}
        write_record(tmp_path, "me/old", GOOD, settings={"fewshot_seed": "1234"}, **more)
        for seed in (42, 7, 1):
            scores = [1.0] * seed + GOOD[seed:]
            own = {
                "settings": {"fewshot_seed": seed, "seed": seed},
                "prompt": prompt if runs else f"x{seed}",
                "details": details,
            }
            write_record(tmp_path, "me/new", scores, arguments={"temperature": 0.7}, **own, **more)
    policy = tmp_path / "policy.yaml"
    policy.write_text("defaults: {max_drop: 0.1}")
    _, document, _ = compare(capsys, tmp_path, "--policy", policy, "--allow-unlike")
    for row in document["benchmarks"]:
        notes = "; ".join(row["notes"])
        assert ("3 repeats averaged" in notes) is bool(runs) and ("are left out" in notes) is not bool(runs)
        if runs:
            mean = sum(sum([1.0] * seed + GOOD[seed:]) / 200 for seed in (42, 7, 1)) / 3
            assert row["score"]["score"] == pytest.approx(mean) and "fewshot_seed" not in notes
    kept = {record for row in document["benchmarks"] for record in row["score"]["records"]}
    seeds = [json.loads(Path(file).read_text())["evaluation_results"][0]["generation_config"] for file in kept]
    seeds = {one["additional_details"]["seed"] for one in seeds}
    assert len(seeds) == (3 if runs else 1), "all rows take the same runs"


def test_a_policy_names_benchmarks_as_their_harness_does(tmp_path, capsys):
    for model in ("me/old", "me/new"):
        for task in ("wikitext", "gsm8k"):
            write_record(tmp_path, model, GOOD, task=task, library=("lm_eval", "0.4.9"))
    policy = tmp_path / "policy.yaml"
    policy.write_text("defaults: {tier: advisory}\nbenchmarks: {wikitext: {tier: critical, max_drop: 0.05}}")
    code, document, err = compare(capsys, tmp_path, "--policy", policy)
    assert code == 0, err
    tiers = {row["benchmark"]: row["tier"] for row in document["benchmarks"]}
    assert tiers == {"wikitext_2": "critical", "gsm8k": "advisory"}
    assert compare(capsys, tmp_path, "--benchmarks", "wikitext")[1]["benchmarks"][0]["benchmark"] == "wikitext_2"
    policy.write_text("benchmarks: {wikitext: {max_drop: 0.05}, wikitext_2: {max_drop: 90 %}}")
    code, _, err = compare(capsys, tmp_path, "--policy", policy)
    assert code == 2 and "wikitext, wikitext_2 are all wikitext_2" in err


def test_scores_of_nobody_knows_how_many_items_need_no_number_of_them(tmp_path, capsys):
    for model, score in (("me/old", 0.70), ("me/new", 0.71)):
        path = write_record(tmp_path, model, [], score=score, samples=False, error=0.02)
        record = json.loads(path.read_text())
        del record["evaluation_results"][0]["score_details"]["uncertainty"]["num_samples"]
        path.write_text(json.dumps(record))
    code, document, err = compare(capsys, tmp_path)
    assert (code, document["verdict"]) == (3, "INCONCLUSIVE"), err
    code, out, _ = call(cr, capsys, "--rule", "choose", "--candidate", "old", "new", "--results", tmp_path)
    assert code == 3 and "would decide" not in out


def test_commits_of_a_repository_are_nights_that_latest_tells_apart(tmp_path, capsys):
    for model, right in (("o/base", 100), ("o/new", 150)):
        for night in (1, 2, 3):
            scores = [1.0] * (right if night == 3 else 10) + [0.0] * (200 - (right if night == 3 else 10))
            commit = f"{night}{'a' if right == 100 else 'b'}" * 20
            when, details = f"2026-03-1{night}T02:00:00Z", {"revision": commit}
            write_record(tmp_path, model, scores, when=when, details=details)
    words = ["--baseline", "o/base", "--candidate", "o/new", "--results", tmp_path]
    code, _, err = call(cr, capsys, *words)
    assert code == 3 and "o/base@2026-03-11, o/base@2026-03-12" in err and "--latest" in err
    code, out, err = call(cr, capsys, *words, "--latest", "--json")
    (row,) = json.loads(out)["benchmarks"]
    assert code == 0 and row["delta"] == pytest.approx(0.25) and "is taken (--latest)" in err
    assert json.loads(out)["baseline"] == "o/base@" + "3a" * 20
    (row,) = json.loads(call(cr, capsys, *words, "--history", "3", "--json")[1])["benchmarks"]
    assert len(row["history"]["nights"]) == 3 if row["history"] else "3 nights" in "; ".join(row["notes"])
    words = ["--baseline", "o/base@2026-03-11", "--candidate", "o/new@2026-03-13", "--results", tmp_path]
    assert json.loads(call(cr, capsys, *words, "--json")[1])["benchmarks"][0]["delta"] == pytest.approx(0.7)
    write_record(tmp_path, "o/new", [1.0] * 200, when="2026-03-14T02:00:00Z", details={"revision": "branch"})
    assert "several models" in call(cr, capsys, *words[:2], "--candidate", "o/new", *words[4:], "--latest")[2]


# --- Attempts -------------------------------------------------------------------------------------------------------


def test_attempts_that_died_decide_nothing(tmp_path, capsys):
    """18 of 200 attempts are lost, under the tenth that makes a run invalid: a gain on the others is none."""
    old = [1.0] * 140 + [0.0] * 60
    new = [1.0] * 122 + [None] * 18 + [1.0] * 16 + [0.0] * 44
    write_record(tmp_path, "me/old", old)
    write_record(tmp_path, "me/new", new, counts={"attempts": 200, "scored": 182, "errored": 18})
    policy = tmp_path / "policy.yaml"
    policy.write_text("rule: finetune\ntargets: [my_quiz]\ndefaults: {min_gain: 0.0}")
    _, document, _ = compare(capsys, tmp_path, "--policy", policy)
    verdict, notes = row_of(document)
    assert verdict == "INCONCLUSIVE", notes
    assert "candidate: 18 of 200 attempts lost (18 failed)" in notes
    assert "with all of them wrong" in notes
    whole = [1.0] * 156 + [0.0] * 44  # nothing was lost
    folder = tmp_path / "whole"
    write_record(folder, "me/old", old)
    write_record(folder, "me/new", whole)
    _, document, _ = compare(capsys, folder, "--policy", policy)
    assert row_of(document)[0] == "GO"


def test_lost_attempts_of_repeated_items_are_lost(tmp_path, capsys):
    """Each item was asked four times; the wrong answers of one model died: 1.0 over the survivors is no 1.0."""
    rows = [sample_row(i, 1.0) for i in range(200)]
    for i, row in enumerate(rows):
        row["metadata"] |= {"attempts": "4", "scored": "2" if i % 2 else "4"}
    write_record(tmp_path, "me/old", [1.0] * 100 + [0.0] * 100)
    write_record(tmp_path, "me/new", [1.0] * 200, rows=rows, counts={"attempts": 800, "scored": 600, "errored": 200})
    _, document, _ = compare(capsys, tmp_path)
    verdict, notes = row_of(document)
    assert verdict == "NOT COMPARABLE" and "candidate: 200 of 800 answers without a score" in notes


@pytest.mark.parametrize(("right", "tied"), [(112, []), (109, ["step_1"])])
def test_lost_attempts_that_could_change_the_best_checkpoint_leave_it_open(tmp_path, capsys, right, tied):
    root = checkpoints(tmp_path / "run", "step_1", "step_2")
    scores = {"step_1": [1.0] * 110 + [0.0] * 90, "step_2": [1.0] * right + [0.0] * (195 - right) + [None] * 5}
    for name, own in scores.items():
        write_record(root / "results", f"run/{name}", own, details={"path": str(root / name)})
    code, out, err = call(bc, capsys, root, "--json", "--full", "--draws", "0")
    assert code == (3 if tied else 0), err
    document = json.loads(out)
    assert ((document["best"] or {}).get("name"), document["tied"]) == (None if tied else "step_2", tied)
    assert any("step_2: my_quiz: 5 of 200 attempts lost" in line for line in document["notes"])
    assert ("step_2 leads with 0.559 only if lost attempts are like the others: it could be step_1" in err) is bool(
        tied
    )
    code, out, _ = call(bc, capsys, root, "--json", "--draws", "0", "--tie-break", "earliest")
    assert (code, json.loads(out)["best"]["name"]) == (0, "step_1" if tied else "step_2")


def with_unlike_losses(folder: Path, lost: int, right: int) -> Path:
    """Four checkpoints of one kind of answers; the last lost some of its wrong ones, and is no better otherwise."""
    root = checkpoints(folder, *(f"step_{i}" for i in range(1, 5)))
    for i in range(1, 5):
        own = [1.0] * (right if i == 4 else 209) + [0.0] * (250 - (right if i == 4 else 209))
        own[250 - lost :] = [None] * lost if i == 4 else own[250 - lost :]
        write_record(root / "results", f"run/step_{i}", own, details={"path": str(root / f"step_{i}")})
    return root


@pytest.mark.parametrize("right", [209, 205])
def test_how_sure_a_rank_is_keeps_to_the_bounds_of_lost_attempts(tmp_path, capsys, right):
    root = with_unlike_losses(tmp_path / "run", 24, right)
    code, out, _ = call(bc, capsys, root, "--json", "--draws", "500")
    document = json.loads(out)
    assert (code, document["best"] is None) == ((0, False) if right == 209 else (3, True))
    assert len(document["tied"]) == 3 or right != 209
    assert {tuple(c["ranks"]) for c in document["checkpoints"]} == {(1, 4)}
    assert all((c["p_best"] is None) == (right != 209) for c in document["checkpoints"])
    assert all(c["p_best"] == 0.25 for c in document["checkpoints"] if right == 209)
    plan = json.loads(call(bc, capsys, root, "--json", "--draws", "500", "--plan-next")[1])
    assert plan["best"] == (plan["ranking"]["best"] or {}).get("name")
    code, out, _ = call(bc, capsys, root, "--json", "--draws", "500", "--tie-break", "earliest", "--baseline-step", "1")
    document = json.loads(out)
    trend, last = document["statistics"]["trend"], document["checkpoints"][-1]
    assert (code, document["best"]["name"]) == (0, "step_1")
    low, high = trend["interval"]
    assert low < 0 < high and not trend["verdict"].startswith("still")
    assert last["difference"]["low"] <= (right - 209) / 250 < last["difference"]["high"]


def test_the_ends_of_a_benchmark_are_not_said_of_another_mean(tmp_path, capsys):
    root = checkpoints(tmp_path / "run", "step_1", "step_2")
    for name, own in {"step_1": [1.0] * 100 + [0.0] * 100, "step_2": [1.0] * 60 + [0.0] * 130 + [None] * 10}.items():
        for task, scores in (("gsm8k", own), ("mmlu", [1.0] * 150 + [0.0] * 50)):
            details = {"path": str(root / name)}
            write_record(root / "results", f"run/{name}", scores, task=task, details=details)
    _, out, _ = call(bc, capsys, root, "--json", "--draws", "0")
    [line] = [line for line in json.loads(out)["notes"] if "attempts lost" in line]
    assert line.startswith("step_2: gsm8k: 10 of 200") and "; eval_accuracy 0.525 with all of them wrong" in line


def test_lost_attempts_of_the_checkpoints_that_a_mean_is_of_bound_it(tmp_path, capsys):
    """The last one alone could be better, and the mean over two could not."""
    root = checkpoints(tmp_path / "run", "step_1", "step_2", "step_3")
    for (name, right), lost in zip({"step_1": 180, "step_2": 120, "step_3": 125}.items(), (0, 0, 10), strict=True):
        own = [1.0] * right + [0.0] * (200 - right - lost) + [None] * lost
        write_record(root / "results", f"run/{name}", own, details={"path": str(root / name)})
    code, out, _ = call(bc, capsys, root, "--json", "--draws", "0", "--smooth", "2")
    assert (code, json.loads(out)["best"]["name"]) == (0, "step_2")


def test_what_is_ruled_out_keeps_to_the_bounds_of_lost_attempts(tmp_path, capsys):
    right = [1.0] * 209 + [0.0] * 41
    write_record(tmp_path, "me/old", right)
    write_record(tmp_path, "me/new", right[:226] + [None] * 24)
    arguments = ("--rule", "choose", "--candidate", "old", "new", "--results", tmp_path, "--json")
    code, out, _ = call(cr, capsys, *arguments)
    [line] = [line for line in json.loads(out)["reasons"] if "ruled out" in line]
    low, high = map(float, re.search(r"beyond (\S+) and (\S+)\)", line).groups())
    assert code == 3 and "whatever lost attempts" in line and low <= 0 and high >= 9.6


@given(st.lists(st.sampled_from([0.0, 1.0, None]), min_size=1, max_size=40), st.booleans())
def test_bounds_hold_whatever_the_lost_attempts_were(scores, lower):
    known = [score for score in scores if score is not None]
    attempts = bc.Attempts(len(scores), len(scores) - len(known))
    mean = sum(known) / len(known) if known else 0.0
    worst, best = bc.score_bounds(mean, attempts, 0.0, 1.0, lower)
    for filled in (0.0, 1.0):
        true = sum(filled if score is None else score for score in scores) / len(scores)
        assert min(worst, best) - 1e-9 <= true <= max(worst, best) + 1e-9
    assert (worst >= best) if lower else (worst <= best)


def tried_thrice(right: int, lost_of_right: int) -> list[dict]:
    """60 items asked three times: of each fourth one attempt died; right: how many items had each living one right."""
    rows = []
    for i in range(60):
        values = [1.0, 1.0, 1.0] if i < right else [0.0, 0.0, 1.0]
        values[0] = None if i % 4 == 0 and (i >= right or i < 4 * lost_of_right) else values[0]
        known = [value for value in values if value is not None]
        row = sample_row(i, sum(known) / len(known))
        more = {"attempts": "3", "scored": str(len(known)), "attempt_values": json.dumps(values)}
        rows.append(row | {"metadata": row["metadata"] | more})
    return rows


@pytest.mark.parametrize("lower", [False, True])
def test_bounds_are_those_of_all_attempts_where_items_lost_some(tmp_path, capsys, lower):
    """The score is a mean of items: an item that lost one of three attempts weighs as much as one that lost none."""
    root = checkpoints(tmp_path / "run", "step_1", "step_2")
    ends = {}
    for name, rows in (("step_1", tried_thrice(20, 0)), ("step_2", tried_thrice(32, 8))):
        values = [value for row in rows for value in json.loads(row["metadata"]["attempt_values"])]
        known = [value for value in values if value is not None]
        counts = {"attempts": 180, "scored": len(known), "errored": 180 - len(known)}
        scores = [row["evaluation"]["score"] for row in rows]
        own = {"rows": rows, "counts": counts, "lower": lower, "details": {"path": str(root / name)}}
        own["metric"] = "hallucination" if lower else "accuracy"
        write_record(root / "results", f"run/{name}", scores, **own)
        found = sum(known) / 180, (sum(known) + 180 - len(known)) / 180
        ends[name] = "{:.3f} with all of them wrong, {:.3f} with all right".format(*found[:: -1 if lower else 1])
    _, document, _ = compare(capsys, root / "results", baseline="step_1", candidate="step_2")
    for side, name in (("baseline", "step_1"), ("candidate", "step_2")):
        assert any(note.startswith(side) and note.endswith(ends[name]) for note in document["benchmarks"][0]["notes"])
    _, out, err = call(bc, capsys, root, "--json", "--full", "--draws", "0")
    for name in ends:
        assert any(f"{name}: my_quiz: " in line and line.endswith(ends[name]) for line in json.loads(out)["notes"]), err


def test_other_reductions_of_attempts_are_bounded_by_the_range(tmp_path, capsys):
    """The best of two attempts, one of which died: anything from what is known to right, not half of it."""
    rows = [sample_row(i, float(i % 2)) for i in range(100)]
    for row in rows[:50]:
        values = [None, row["evaluation"]["score"], 0.0]
        row["metadata"] |= {"attempts": "3", "scored": "2", "attempt_values": json.dumps(values)}
    write_record(tmp_path, "me/old", GOOD[:100])
    write_record(tmp_path, "me/new", [0.0, 1.0] * 50, rows=rows, counts={"attempts": 300, "scored": 250})
    policy = tmp_path / "policy.yaml"
    policy.write_text("max_invalid: 0.5")
    _, document, _ = compare(capsys, tmp_path, "--policy", policy)
    assert "; 0.250 with all of them wrong, 0.750 with all right" in row_of(document)[1]


def test_counts_alone_bound_a_mean_of_items_by_the_worst_case():
    """Without items nobody knows which of them lost attempts: 2 items of 3 attempts, 1 lost."""
    attempts = bc.Attempts(6, 1)
    for values in ([[1.0, None, 1.0], [0.0, 0.0, 0.0]], [[0.0, None, 1.0], [1.0, 1.0, 1.0]], [[None, 0, 0], [1, 1, 1]]):
        known = [[value for value in own if value is not None] for own in values]
        score = sum(sum(own) / len(own) for own in known) / 2
        low, high = bc.score_bounds(score, attempts, 0.0, 1.0, items=2)
        for filled in (0.0, 1.0):
            true = sum(filled if value is None else value for own in values for value in own) / 6
            assert low - 1e-9 <= true <= high + 1e-9
    assert bc.score_bounds(0.5, bc.Attempts(10, 2), 0.0, 1.0, items=8) == pytest.approx((0.4, 0.6))


def test_more_items_decide_nothing_where_lost_attempts_do(tmp_path, capsys):
    write_record(tmp_path, "me/a", [1.0] * 90 + [0.0] * 110)
    write_record(tmp_path, "me/b", [None] * 15 + [1.0] * 95 + [0.0] * 90, counts={"attempts": 200, "scored": 185})
    code, out, _ = call(cr, capsys, "--rule", "choose", "--candidate", "me/a", "me/b", "--results", tmp_path)
    assert code == 3 and "what was lost may outweigh" in out and "would decide" not in out


# --- Clusters -------------------------------------------------------------------------------------------------------


def repositories(rng, folder: Path, **options) -> None:
    """12 repositories of 20 questions; on each one the new model is better or worse as a whole."""
    old, new = [], []
    for _ in range(12):
        base, shift = rng.uniform(0.3, 0.7), rng.normal(0.06, 0.2)
        old += [float(rng.random() < base) for _ in range(20)]
        new += [float(rng.random() < min(1, max(0, base + shift))) for _ in range(20)]
    for name, scores in (("me/old", old), ("me/new", new)):
        write_record(folder, name, scores, metadata=lambda i: {"repo": f"r{i // 20}", "line": str(i)}, **options)


def test_a_field_that_groups_items_is_named(tmp_path, capsys):
    import numpy as np

    repositories(np.random.default_rng(3), tmp_path)
    _, document, _ = compare(capsys, tmp_path)
    verdict, notes = row_of(document)
    assert verdict == "INCONCLUSIVE" and "compare them with --cluster-by repo" in notes
    _, document, _ = compare(capsys, tmp_path, "--cluster-by", "repo")
    assert "design effect" in json.dumps(document) and "--cluster-by repo" not in row_of(document)[1]
    _, document, _ = compare(capsys, tmp_path, "--cluster-by", "none")
    assert "no verdict" not in row_of(document)[1]


def test_a_declared_cluster_is_used(tmp_path, capsys):
    import numpy as np

    declared = {"metric_details": {"cluster_by": "repo"}, "error": 0.05, "error_method": "clustered"}
    repositories(np.random.default_rng(3), tmp_path, **declared)
    _, document, _ = compare(capsys, tmp_path)
    assert "--cluster-by" not in row_of(document)[1]
    again = tmp_path / "again"
    repositories(np.random.default_rng(3), again, error=0.05, error_method="clustered")
    _, document, _ = compare(capsys, again)
    assert "clustered, by a field that it does not name" in row_of(document)[1]


def test_items_with_one_prompt_are_not_independent(tmp_path, capsys):
    for name, scores in (("me/old", [0.0] * 120), ("me/new", [1.0] * 120)):
        write_record(tmp_path, name, scores, metadata=lambda i: {"prompt_hash": f"p{i % 12}"})
    _, document, _ = compare(capsys, tmp_path)
    assert "12 clusters" in json.dumps(document) or "cluster" in json.dumps(document)


# --- Groups ---------------------------------------------------------------------------------------------------------


def subjects(folder: Path, model: str, scores: dict[str, list[float]], prefix="leaderboard_musr_") -> None:
    for name, values in scores.items():
        write_record(folder, model, values, task=f"{prefix}{name}", metric="acc_norm", library=("lm-eval", "0.4.13"))


MUSR = {
    "murder_mysteries": [1.0] * 150 + [0.0] * 100,
    "object_placements": [1.0] * 64 + [0.0] * 192,
    "team_allocation": [1.0] * 40 + [0.0] * 60,
}


def test_parts_make_the_whole_as_the_harness_does(tmp_path, capsys):
    subjects(tmp_path, "me/new", MUSR)
    (entry,), notes = manager.read_entries([tmp_path], "me/new", "me/new", [], MAPPING)
    assert entry.key == "musr" and entry.value == pytest.approx((150 + 64 + 40) / (250 + 256 + 100))
    assert any("made of 3 parts, weighted by their items" in note for note in notes)
    rows, _ = board.read_own_runs([str(tmp_path)], board.Benchmarks.of(MAPPING))
    whole = [row for row in rows if row["why_not"] is None]
    assert [(row["benchmark"], row["n"]) for row in whole] == [("musr", 606)]
    assert whole[0]["value"] == pytest.approx(entry.value)


def test_an_incomplete_set_is_not_the_whole(tmp_path, capsys):
    subjects(tmp_path, "me/new", {name: MUSR[name] for name in list(MUSR)[:2]})
    entries, notes = manager.read_entries([tmp_path], "me/new", "me/new", [], MAPPING)
    assert [entry.key for entry in entries] == [None, None]
    assert "musr: 2 of its 3 parts (lacking team_allocation): not its score" in notes
    rows, _ = board.read_own_runs([str(tmp_path)], board.Benchmarks.of(MAPPING))
    assert all(row["why_not"] for row in rows)
    subjects(tmp_path, "me/old", {name: MUSR[name] for name in list(MUSR)[:2]})
    _, document, _ = compare(capsys, tmp_path)
    assert "not its score" in row_of(document)[1]


def test_parts_weigh_in_a_ranking_as_in_their_harness(tmp_path, capsys):
    root = checkpoints(tmp_path / "run", "step_1", "step_2")
    for name in ("step_1", "step_2"):
        for part, values in MUSR.items():
            values = values if name == "step_1" else values[::-1]
            path = write_record(
                root / "results", f"run/{name}", values, task=f"leaderboard_musr_{part}", metric="acc_norm",
                library=("lm-eval", "0.4.13"), details={"path": str(root / name)},
            )  # fmt: skip
            assert path.is_file()
    code, out, err = call(bc, capsys, root, "--json", "--full")
    assert code == 0, err
    document = json.loads(out)
    scores = {c["name"]: c["scores"]["musr"]["score"] for c in document["checkpoints"]}
    assert scores == pytest.approx(dict.fromkeys(("step_1", "step_2"), 254 / 606), abs=5e-4)


LIGHTEVAL_PARTS = {"murder_mysteries": 250, "object_placements": 50, "team_allocation": 100}


def part_scores(right: dict[str, int]) -> dict[str, list[float]]:
    return {name: [1.0] * right[name] + [0.0] * (count - right[name]) for name, count in LIGHTEVAL_PARTS.items()}


@pytest.mark.parametrize("library", [("lighteval", "0.13.0"), ("lm-eval", "0.4.13")])
def test_comparison_and_ranking_weigh_parts_alike(tmp_path, capsys, library):
    """Parts of 250, 50 and 100 items: each once for lighteval, by their items for lm-eval; the verdict follows."""
    root = checkpoints(tmp_path / "run", "step_1", "step_2")
    old, new = ({"murder_mysteries": 200, "object_placements": 10, "team_allocation": 50},
                {"murder_mysteries": 190, "object_placements": 30, "team_allocation": 50})  # fmt: skip
    for name, right in (("step_1", old), ("step_2", new)):
        for part, values in part_scores(right).items():
            task = f"leaderboard_musr_{part}" if library[0] == "lm-eval" else f"musr:{part}"
            write_record(
                root / "results", f"run/{name}", values, task=task, metric="acc_norm", library=library,
                details={"path": str(root / name)}, metadata=lambda i, part=part: {"prompt_hash": f"{part}{i}"},
            )  # fmt: skip
    _, out, _ = call(bc, capsys, root, "--json")
    scores = {c["name"]: c["scores"]["musr"] for c in json.loads(out)["checkpoints"]}
    ranked = {name: one["score"] if isinstance(one, dict) else one for name, one in scores.items()}
    _, document, _ = compare(capsys, root / "results", baseline="run/step_1", candidate="run/step_2")
    (row,) = document["benchmarks"]
    found = row["baseline"]["score"], row["score"]["score"]
    assert found == pytest.approx((ranked["step_1"], ranked["step_2"]), abs=5e-4)
    once = library[0] == "lighteval"
    expected = (0.8 + 0.2 + 0.5) / 3 if once else 260 / 400
    assert row["baseline"]["score"] == pytest.approx(expected)
    assert ("each counts once" if once else "each of their items counts once") in "; ".join(row["notes"])


def test_an_interval_over_parts_that_count_once_holds():
    """Coverage of the difference of two models over parts of 20, 50 and 200 items, each of which counts once."""
    import numpy as np

    rng, held, runs = np.random.default_rng(5), 0, 400
    sizes, truth = (20, 50, 200), ((0.5, 0.6), (0.4, 0.4), (0.8, 0.75))
    for _ in range(runs):
        sides = []
        for which in (0, 1):
            scores = {
                (str(p), str(i)): (float(rng.random() < truth[p][which]),) for p in range(3) for i in range(sizes[p])
            }
            answers = {name: cr.Answer(value[0], None, None, None) for name, value in scores.items()}
            sides.append(cr.Side((), scores, answers, frozenset(), (0.5,)))
        names = tuple(sides[0].scores)
        pairs = cr.make_pairs(*sides, names, True)
        low, high = cr.paired_basis(pairs, 1, 1.0).evidence.interval(0.05)
        held += low <= (0.1 + 0.0 - 0.05) / 3 <= high
    assert held / runs >= 0.93


@pytest.mark.parametrize(
    ("task", "library", "found"),
    [
        ("mmlu_anatomy", "lm-eval", ("mmlu", "anatomy")),
        ("mmlu_pro_biology", "lm-eval", ("mmlu_pro", "biology")),
        ("bbh_cot_fewshot_navigate", "lm-eval", ("bbh", "navigate")),
        ("leaderboard_bbh_navigate", "lm-eval", ("bbh", "leaderboard_bbh/navigate")),
        ("leaderboard_math_algebra_hard", "lm-eval", ("math_lvl_5", "algebra")),
        ("minerva_math_algebra", "lm-eval", ("math", "minerva_math/algebra")),
        ("mgsm_direct_de", "lm-eval", ("mgsm", "de")),
        ("mmlu:anatomy|5", "lighteval", ("mmlu", "anatomy")),
        ("mmlu:subject=anatomy,method=multiple_choice_joint", "helm", ("mmlu", "subject=anatomy")),
        (
            "math:subject=algebra,level=1,use_official_examples=False,use_chain_of_thought=True",
            "helm",
            ("math", "helm_math/subject=algebra,level=1"),
        ),
        ("mmlu_0_shot:subjects=anatomy", "inspect_ai", ("mmlu", "subjects=anatomy")),
        ("lukaemon_mmlu_anatomy", "opencompass", ("mmlu", "anatomy")),
        ("bbh-navigate", "opencompass", ("bbh", "navigate")),
        ("ceval-accountant", "opencompass", ("c_eval", "accountant")),
        ("ceval-test-accountant", "opencompass", ("c_eval", "ceval-test/accountant")),
        ("cmmlu-agronomy", "opencompass", ("cmmlu", "agronomy")),
        ("agieval-sat-en", "opencompass", ("agieval", "agieval/sat-en")),
        ("mgsm_de", "opencompass", ("mgsm", "mgsm/de")),
        ("musr_team_allocation", "opencompass", ("musr", "team_allocation")),
        ("lukaemon_mmlu_invented", "opencompass", None),
        ("all|0", "lighteval", None),
        ("average", "lighteval", None),
        ("mmlu_invented", "lm-eval", None),
    ],
)
def test_parts_belong_to_their_benchmark(task, library, found):
    assert VOCABULARY.find_task(task, library) == found


def published_keys(folder: Path) -> list[str | None]:
    entries, _ = manager.read_entries([folder], "me/new", "me/new", [], MAPPING)
    return [entry.key for entry in entries]


@pytest.mark.parametrize(
    ("task", "library", "key"),
    [
        ("mmlu:subject={},method=multiple_choice_joint", "helm", "mmlu"),
        ("mmlu_0_shot:subjects={}", "inspect_ai", "mmlu"),
        ("lukaemon_mmlu_{}", "opencompass", "mmlu"),
    ],
)
@pytest.mark.parametrize("lacking", [0, 1, 52])
def test_subjects_are_the_benchmark_when_all_are_there(tmp_path, capsys, task, library, key, lacking):
    subjects_of = MAPPING["mmlu"]["parts"][0]["names"].split()
    for subject in subjects_of[lacking:]:
        write_record(tmp_path, "me/new", GOOD, task=task.format(subject), library=(library, "1"))
    assert published_keys(tmp_path) == ([key] if not lacking else [None] * (57 - lacking))
    rows, _ = board.read_own_runs([str(tmp_path)], board.Benchmarks.of(MAPPING))
    assert [row["benchmark"] for row in rows if row["why_not"] is None] == ([key] if not lacking else [])


@pytest.mark.parametrize("lacking", [0, 1])
def test_the_subjects_of_an_opencompass_run_are_mmlu_by_their_plain_average(tmp_path, capsys, lacking):
    """From its own files, through the converter: each subject once, whatever its number of items; or not at all."""
    work = tmp_path / "in" / "20261120_093000"
    scores = {}
    for place, subject in enumerate(MAPPING["mmlu"]["parts"][0]["names"].split()[lacking:]):
        items, right = 10 + place, 5 + place // 3
        scores[subject] = 100 * right / items
        details = {str(i): {"prediction": "A", "references": "A", "correct": i < right} for i in range(items)}
        path = work / "results" / "tiny" / f"lukaemon_mmlu_{subject}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"accuracy": scores[subject], "details": details}))
    (work / "predictions").mkdir()
    out = tmp_path / "out"
    assert call(converter, capsys, tmp_path / "in", "--output-dir", out, "--model-id", "me/new")[0] == 0
    entries, notes = manager.read_entries([out], "me/new", "me/new", [], MAPPING)
    rows, _ = board.read_own_runs([str(out)], board.Benchmarks.of(MAPPING))
    shown = [(row["benchmark"], row["value"]) for row in rows if row["why_not"] is None]
    if lacking:
        assert {entry.key for entry in entries} == {None} and shown == []
        assert any("56 of its 57 parts (lacking abstract_algebra): not its score" in note for note in notes)
        return
    average = sum(scores.values()) / 57
    assert [(entry.key, entry.unit) for entry in entries] == [("mmlu", "percent")]
    assert entries[0].value == pytest.approx(average) and shown == [("mmlu", pytest.approx(average))]
    assert any("made of 57 parts, each counted once" in note for note in notes)


def test_parts_that_nobody_lists_are_not_called_the_benchmark(tmp_path, capsys):
    for name in ("me/old", "me/new"):
        for part in ("island_effects", "irregular_forms"):
            write_record(tmp_path, name, GOOD, task=f"blimp:phenomenon={part}", library=("helm", "0.5"))
    _, document, _ = compare(capsys, tmp_path)
    assert "2 parts, and nothing says that there are no others: not its score" in row_of(document)[1]
    assert published_keys(tmp_path) == [None, None]


# --- May it be used: every reader says the same ---------------------------------------------------------------------


INVALID = {
    "lost": {"scores": [1.0] * 150 + [None] * 50},
    "lost by the counts": {"counts": {"attempts": 260, "scored": 200, "no_value": 60}},
    "truncated": {"counts": {"truncated": 60}},
    "empty": {"counts": {"empty": 60}},
    "unparsed": {"counts": {"unparsed": 60}},
    "contradicted": {"score": 0.9},
    "other items": {"n": 1000},
    "below chance": {"scores": [1.0] * 10 + [0.0] * 190, "task": "mmlu"},
}


def verdicts_of_readers(tmp_path: Path, capsys, **options) -> dict[str, bool]:
    """Whether each reader uses the record of `new` that is made with some options, beside a good one of `old`."""
    root = checkpoints(tmp_path / "run", "step_1", "step_2", "step_3")
    results, scores = tmp_path / "results", options.pop("scores", GOOD)
    task, whole = options.pop("task", "arc_challenge"), {"samples_number": len(GOOD)}
    options.setdefault("source", whole)
    for name in ("step_1", "step_2"):
        write_record(results, f"run/{name}", GOOD, task=task, details={"path": str(root / name)}, source=whole)
    write_record(results, "run/step_3", scores, task=task, details={"path": str(root / "step_3")}, **options)
    found = {}
    _, document, err = compare(capsys, results, baseline="run/step_1", candidate="run/step_3")
    found["compare"] = document["benchmarks"][0]["verdict"] != "NOT COMPARABLE"
    code, out, err = call(bc, capsys, root, "--results", results, "--json", "--full")
    assert code == (3 if json.loads(out)["ahead"] else 0), err
    found["rank"] = "step_3" in {c["name"] for c in json.loads(out)["checkpoints"]}
    try:
        manager.read_entries([results], "run/step_3", "run/step_3", [], MAPPING)
        found["add"] = True
    except manager.ScriptError:
        found["add"] = False
    rows, _ = board.read_own_runs([str(results)], board.Benchmarks.of(MAPPING))
    found["board"] = next(row["why_not"] for row in rows if row["model"] == "run/step_3") is None
    return found


@pytest.mark.parametrize("how", [None, *INVALID])
def test_no_reader_uses_what_another_refuses(tmp_path, capsys, how):
    found = verdicts_of_readers(tmp_path, capsys, **({} if how is None else dict(INVALID[how])))
    assert set(found.values()) == {how is None}, found


@pytest.mark.parametrize("unit", ["unknown", "points", "furlongs", "percent"])
@pytest.mark.parametrize(
    ("task", "metric", "score"),
    [
        ("their_quiz", "accuracy", -0.3),
        ("their_quiz", "acc_norm,none", 101.0),
        ("their_quiz", "pass@1", -0.01),
        ("their_quiz", "exact match", 250.0),
        ("their_quiz", "rougeL", -3.0),
        ("their_speech", "wer", -0.1),
        ("their_text", "word_perplexity", 0.0),
        ("their_pairs", "spearman", -180.0),
        ("truthfulqa", "score", -5.0),
    ],
)
def test_no_reader_takes_a_score_that_its_metric_cannot_have(tmp_path, capsys, task, metric, score, unit):
    """Whatever the unit: nobody measures a negative accuracy, or one above 100."""
    how = {"task": task, "metric": metric, "unit": unit, "samples": False, "n": 200}
    write_record(tmp_path, "me/new", GOOD, score=score, **how)
    write_record(tmp_path, "me/old", GOOD, **(how | {"samples": True, "score": 55.0, "n": 200}))
    code, document, err = compare(capsys, tmp_path)
    assert code == 2 and "outside its range" in err and not document
    with pytest.raises(manager.ScriptError, match="outside its range"):
        manager.read_entries([tmp_path], "me/new", "me/new", [], MAPPING)
    rows, unread = board.read_own_runs([str(tmp_path)], board.Benchmarks.of(MAPPING))
    assert {row["model"] for row in rows} <= {"me/old"} and any("outside its range" in str(one) for one in unread)


def test_a_score_in_an_unknown_unit_may_be_any_that_its_metric_can_have(tmp_path, capsys):
    for score, metric in ((46.7, "accuracy"), (-12.0, "accuracy_gain"), (-0.4, "spearman"), (-7.0, "my_score")):
        write_record(tmp_path, "me/new", GOOD, score=score, metric=metric, unit="unknown", samples=False, task=metric)
    rows, unread = board.read_own_runs([str(tmp_path)], board.Benchmarks.of(MAPPING))
    assert len(rows) == 4 and not unread


def test_samples_that_are_gone_are_not_overlooked(tmp_path, capsys):
    found = verdicts_of_readers(tmp_path, capsys)
    assert set(found.values()) == {True}
    for path in (tmp_path / "results").rglob("step_3/*_samples.jsonl"):
        path.unlink()
    _, document, _ = compare(capsys, tmp_path / "results", baseline="run/step_1", candidate="run/step_3")
    assert "candidate: its samples are missing" in row_of(document)[1]
    with pytest.raises(manager.ScriptError, match="its samples are missing") as refused:
        manager.read_entries([tmp_path / "results"], "run/step_3", "run/step_3", [], MAPPING)
    assert refused.value.code == 1
    allowed = manager.Allowed(invalid=True)
    entries, notes = manager.read_entries([tmp_path / "results"], "run/step_3", "run/step_3", [], MAPPING, allowed)
    assert len(entries) == 1 and any("samples are missing" in note for note in notes)


IDENTITIES = st.fixed_dictionaries(
    {},
    optional={
        "revision": st.sampled_from(["main", "step1000"]),
        "quantization": st.sampled_from(["none", "awq"]),
        "adapter": st.sampled_from(["me/lora", "me/other-lora"]),
        "base_model": st.sampled_from(["me/base", "me/other"]),
        "subfolder": st.sampled_from(["step_7"]),
        "gguf_file": st.sampled_from(["q4.gguf"]),
    },
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(IDENTITIES, IDENTITIES)
def test_readers_agree_on_random_identities(tmp_path_factory, capsys, one, two):
    """Two records are of one model for all readers, or of two for all."""
    folder = tmp_path_factory.mktemp("identities")
    for details in (one, two):
        write_record(folder, "me/new", GOOD, details=details, when="2026-03-12T02:00:00Z")
    write_record(folder, "me/old", GOOD)
    found = [cr.identity_of(entry.record) for entry in cr.read_record_entries(cr.record_files([folder]))]
    found = [identity for identity in found if identity.id == "me/new"]
    models = {identity.key for identity in found}
    meant = {identity.key for identity in found if identity.answers_to("new")}
    rows, _ = board.read_own_runs([str(folder)], board.Benchmarks.of(MAPPING))
    assert len({row["model"] for row in rows} - {"me/old"}) == len(models)
    code, document, err = compare(capsys, folder)
    assert (code == 3 and "several models" in err) == (len(meant) > 1)
    assert (code == 2) == (not meant), err
    try:
        manager.read_entries([folder], "new", "me/new", [], MAPPING)
        published = 1
    except manager.ScriptError as refused:
        published = 2 if refused.code == 3 else 0
    assert published == min(len(meant), 2)
    for identity in found:
        _, document, err = compare(capsys, folder, candidate=identity.name)
        assert document or "several models" in err, (identity.name, err)


KEYS = ["reasoning_effort", "max_model_len", "solver", "batch_size", "device", "seed", "unheard_of"]
SETTINGS = st.dictionaries(st.sampled_from(KEYS), st.sampled_from(["a", "b"]), max_size=3)
COUNTS = st.dictionaries(st.sampled_from(["truncated", "unparsed", "empty"]), st.sampled_from([5, 60]), max_size=1)
COUNTS |= st.just({"attempts": 260, "scored": 200, "no_value": 60})
SCORERS = st.sampled_from([{}, {}, {"scorer": "strict"}, {"grader_model": "me/judge"}, {"filter": "flexible-extract"}])


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(SETTINGS, SETTINGS, COUNTS, SCORERS)
def test_readers_agree_on_random_records(tmp_path_factory, capsys, common, other, counts, scorer):
    """Comparability: ranking and comparison; validity: all."""
    folder = tmp_path_factory.mktemp("random")
    root = checkpoints(folder / "run", "step_1", "step_2", "step_3")
    results = folder / "results"
    for name in ("step_1", "step_2"):
        write_record(results, f"run/{name}", GOOD, settings=common, details={"path": str(root / name)})
    last = {"counts": counts, "metric_details": scorer, "details": {"path": str(root / "step_3")}}
    write_record(results, "run/step_3", GOOD, settings=other, **last)
    _, document, _ = compare(capsys, results, baseline="run/step_1", candidate="run/step_3")
    verdict, notes = row_of(document)
    code, out, err = call(bc, capsys, root, "--results", results, "--json", "--full")
    assert code == 0, err
    ranked = {c["name"] for c in json.loads(out)["checkpoints"]}
    assert ("step_3" in ranked) == (verdict != "NOT COMPARABLE"), (notes, ranked)
    important = {k: v for k, v in common.items() if k not in ("batch_size", "device", "seed")}
    others = {k: v for k, v in other.items() if k not in ("batch_size", "device", "seed")}
    valid = all(counts.get(name, 0) <= 20 for name in ("truncated", "unparsed", "empty", "no_value"))
    assert (verdict != "NOT COMPARABLE") == (important == others and valid and not scorer), notes
    try:
        manager.read_entries([results], "run/step_3", "run/step_3", [], MAPPING)
        assert valid
    except manager.ScriptError:
        assert not valid
    rows, _ = board.read_own_runs([str(results)], board.Benchmarks.of(MAPPING))
    reasons = [row["why_not"] for row in rows if row["model"] == "run/step_3"]
    assert ("not valid" in str(reasons)) is not valid, reasons


@pytest.mark.parametrize("parts", ["blimp:phenomenon={}", "mmlu:subject={}"])
def test_some_parts_are_the_benchmark_for_nobody(tmp_path, capsys, parts):
    """Whether the list of a benchmark's parts is known or not: ranking, comparing, cards, boards and publishing."""
    root = checkpoints(tmp_path / "run", "step_1", "step_2")
    results = tmp_path / "results"
    for name, scores in (("step_1", GOOD), ("step_2", [1.0] * 180 + [0.0] * 20)):
        for part in ("anatomy", "astronomy"):
            options = {"task": parts.format(part), "library": ("helm", "0.5"), "details": {"path": str(root / name)}}
            write_record(results, f"run/{name}", scores, **options)
    code, out, err = call(bc, capsys, root, "--results", results)
    assert code == 0, err
    assert f"ranked over: {parts.split(':')[0]} (2 of its parts)" in out
    card = tmp_path / "card.md"
    for text in ("| Benchmark | Score |\n|---|---|\n| {} | {{RESULT}} |\n", "It has {{RESULT:{}}}.\n"):
        card.write_text(text.format(parts.split(":")[0]))
        code, out, err = call(bc, capsys, root, "--results", results, "--card", card, "--prepare", tmp_path / "o")
        assert code == 1 and "not its score" in err and not (tmp_path / "o").exists()
    code, out, _ = call(cr, capsys, "--baseline", "run/step_1", "--candidate", "run/step_2", "--results", results)
    assert "(2 of its parts) |" in out
    entries, _ = manager.read_entries([results], "run/step_2", "me/new", [], MAPPING)
    assert {entry.key for entry in entries} == {None}
    rows, _ = board.read_own_runs([str(results)], board.Benchmarks.of(MAPPING))
    assert all(row["why_not"] for row in rows)
