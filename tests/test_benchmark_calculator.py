"""benchmark_calculator.py: scanning, scores from formulas and records, ranking and its outputs."""

from __future__ import annotations

import json
import math
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import benchmark_calculator as bc
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_writer import write_record
from scipy.stats import kendalltau

ROOT = Path(__file__).parents[1]
SCRIPT = ROOT / "scripts" / "benchmark_calculator.py"
CHECKER = ROOT.parent / "shared" / "check_records.py"
CATEGORIES = list(bc.STEP_FORMULAS)


# --- Helpers, also for test_benchmark_calculator_card.py and _push.py -----------------------------------------------


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))


def make_checkpoint(folder: Path, weights: bytes | None = None) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(folder.name.encode() if weights is None else weights)
    return folder


def make_run(root: Path, *names: str) -> Path:
    for name in names or ("step_100", "step_500", "step_1000"):
        make_checkpoint(root / name)
    return root


def make_record(
    checkpoint: Path,
    task: str = "gsm8k",
    score: float = 0.5,
    *,
    shots: int = 0,
    metric: str = "accuracy",
    unit: str | None = "proportion",
    bounds: tuple | None = (0.0, 1.0),
    error: float | None = 0.05,
    n: int | None = 100,
    limit: str | None = None,
    library: str = "lighteval",
    digest: str | None = "of the weights",
    path: str | None = "of the checkpoint",
) -> dict:
    """A record as the evaluation scripts write it; `digest` and `path` as given, or the checkpoint's own."""
    details = {"checkpoint": checkpoint.name, "deployment_type": "self_deployed", "model_availability": "unknown"}
    if digest:
        details["weights_sha256"] = bc.weights_sha256(checkpoint) if digest == "of the weights" else digest
    if path:
        details["path"] = str(checkpoint) if path == "of the checkpoint" else path
    config = {"metric_id": metric, "lower_is_better": False}
    if unit:
        config["metric_unit"] = unit
    if bounds:
        config |= {"score_type": "continuous", "min_score": bounds[0], "max_score": bounds[1]}
    uncertainty = {"num_samples": n} if n is not None else {}
    if error is not None:
        uncertainty["standard_error"] = {"value": error, "method": "clustered"}
    generation = {"few_shot": str(shots)} | ({"limit": limit} if limit else {})
    return {
        "schema_version": "0.3.0",
        "evaluation_id": f"{task}/run/{checkpoint.name}/1700000000",
        "retrieved_timestamp": "1700000000",
        "source_metadata": {
            "source_type": "evaluation_run",
            "source_organization_name": "unknown",
            "evaluator_relationship": "first_party",
        },
        "model_info": {"name": checkpoint.name, "id": f"run/{checkpoint.name}", "additional_details": details},
        "eval_library": {"name": library, "version": "0.13.0"},
        "evaluation_results": [
            {
                "evaluation_result_id": f"{task}|{shots}/{metric}",
                "evaluation_name": task,
                "source_data": {"dataset_name": task, "source_type": "other"},
                "metric_config": config,
                "score_details": {"score": score, "uncertainty": uncertainty},
                "generation_config": {"additional_details": generation},
            }
        ],
    }


def write_json(folder: Path, value: dict, name: str | None = None) -> Path:
    path = folder / "data" / (name or f"{uuid.uuid4()}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))
    return path


def add_record(run: Path, name: str, task: str = "gsm8k", score: float = 0.5, **options) -> Path:
    return write_json(run / "results", make_record(run / name, task, score, **options))


def call(capsys, *arguments) -> tuple[int, str, str]:
    code = bc.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def ranked(capsys, *arguments, code: int = 0) -> dict:
    got, out, err = call(capsys, *arguments, "--json", "--full")
    assert got == code, err
    return json.loads(out)


def refused(capsys, *arguments, code: int = 2) -> str:
    """The one line of an expected failure that leaves stdout empty."""
    got, out, err = call(capsys, *arguments)
    assert (got, out) == (code, "")
    errors = [line for line in err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "Traceback" not in err
    assert err.splitlines()[-1] == errors[0]
    return errors[0].removeprefix("error: ")


def tree(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


# --- Names ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "step", "epoch"),
    [
        ("step_100", 100, None),
        ("step-100", 100, None),
        ("step100", 100, None),
        ("checkpoint-500", 500, None),
        ("checkpoint_500", 500, None),
        ("global_step1000", 1000, None),
        ("iter_0000500", 500, None),
        ("ckpt-7", 7, None),
        ("ckpt_0007", 7, None),
        ("epoch_3", None, 3),
        ("epoch3", None, 3),
        ("epoch=3-step=1000", 1000, 3),
        ("Step_100", 100, None),
        ("step_0", 0, None),
    ],
)
def test_checkpoint_names(name, step, epoch):
    assert bc.parse_checkpoint_name(name) == (step, epoch)


def test_steps_that_begin_anew_in_each_epoch_are_no_order(tmp_path, capsys):
    """The score rises with the epochs; in the order of the steps the last one would be the worst."""
    scores = [0.3, 0.5, 0.65, 0.8]
    assert kendalltau((100, 50, 75, 60), scores).statistic < 0 < kendalltau(range(4), scores).statistic
    for (epoch, step), score in zip(enumerate((100, 50, 75, 60)), scores, strict=True):
        path = make_checkpoint(tmp_path / "run" / f"epoch={epoch}-step={step}")
        right = [float(i < 400 * score) for i in range(400)]
        write_record(tmp_path / "results", f"run/{path.name}", right, details={"path": str(path)})
    words = [str(tmp_path / "run"), "--results", str(tmp_path / "results"), "--json"]
    assert bc.main(words) == 0
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert "begin anew in each epoch" in printed.err
    assert told["best"]["name"] == "epoch=3-step=60" and told["statistics"]["trend"]["verdict"] == "still improving"


@pytest.mark.parametrize(
    "name",
    ["logs", "step", "checkpoint-best", "step_", "step_1e3", "step_-5", "mystep_100x", "100", "step_" + "9" * 40],
)
def test_names_that_are_no_checkpoints(name):
    assert bc.parse_checkpoint_name(name) is None


VOCABULARY = bc.read_vocabulary()


@pytest.mark.parametrize(
    ("task", "library", "key", "subtask"),
    [
        ("gsm8k", "lighteval", "gsm8k", ""),
        ("gsm8k|5", "lighteval", "gsm8k", ""),
        ("leaderboard|gsm8k|5|0", "lighteval", "gsm8k", ""),
        ("lighteval|gsm8k", "lighteval", "gsm8k", ""),
        ("leaderboard|mmlu:anatomy|5", "lighteval", "mmlu", "anatomy"),
        ("mmlu:_average|5", "lighteval", "mmlu", ""),
        ("gpqa:diamond|0", "lighteval", "gpqa_diamond", ""),
        ("summarization:xsum|0", "lighteval", "xsum", ""),
        ("summarization:unheard-of", "lighteval", "summarization:unheard-of", ""),  # a cut name is no category
        ("summarization", "lighteval", "summarization", ""),
        ("super_glue:copa", "lighteval", "copa", ""),
        ("bigbench_hard:navigate|3", "lighteval", "bbh", "navigate"),
        ("inspect_evals/gsm8k", "inspect_ai", "gsm8k", ""),
        ("mmlu_0_shot", "inspect_ai", "mmlu", ""),
        ("arc_challenge", "lm-eval", "arc_challenge", ""),
        ("gsm:model=openai_gpt2", "helm", "gsm8k", ""),
        ("commonsense:dataset=hellaswag,method=joint,model=a_b", "helm", "hellaswag", ""),
        ("summarization_xsum:temperature=0.3", "crfm-helm", "xsum", "temperature=0.3"),
        ("my_own_task|0", "lighteval", "my_own_task", ""),
    ],
)
def test_task_names_of_harnesses(task, library, key, subtask):
    assert VOCABULARY.task_key(task, library) == (key, subtask)


def test_every_harness_name_of_the_vocabulary_leads_back_to_an_entry_that_has_it():
    for field in ("lighteval", "inspect", "lm_eval", "helm"):
        for key, entry in VOCABULARY.entries.items():
            if entry[field]:
                found = VOCABULARY.task_key(entry[field], field)[0]
                assert VOCABULARY.entries[found][field] == entry[field], (key, field)


# --- Scan -----------------------------------------------------------------------------------------------------------


def test_natural_order_epochs_last(tmp_path, capsys):
    make_run(tmp_path, "step_1000", "step_9", "checkpoint-80", "epoch_2", "global_step500")
    document = ranked(capsys, tmp_path, "--scoring", "step-formula")
    assert [c["name"] for c in document["checkpoints"]] == ["step_9", "checkpoint-80", "global_step500", "step_1000"]
    assert document["skipped"] == [
        {"name": "epoch_2", "reason": "no positive step in its name: no step formula for it"}
    ]


def test_incomplete_folders_are_skipped_with_what_is_missing(tmp_path, capsys):
    make_run(tmp_path, "step_1", "step_2", "step_3", "step_4", "step_5", "step_6", "step_7")
    (tmp_path / "step_2" / "config.json").unlink()
    (tmp_path / "step_3" / "model.safetensors").unlink()
    shards = {"weight_map": {"a": "model-1-of-2.safetensors", "b": "model-2-of-2.safetensors"}}
    for name, index in (
        ("step_4", json.dumps(shards)),
        ("step_5", "[]"),
        ("step_6", "{"),
        ("step_7", '{"weight_map": 3}'),
    ):
        (tmp_path / name / "model.safetensors").rename(tmp_path / name / "model-1-of-2.safetensors")
        (tmp_path / name / "model.safetensors.index.json").write_text(index)
    code, out, err = call(capsys, tmp_path, "--json", "--full", "--scoring", "step-formula")
    reasons = {s["name"]: s["reason"] for s in json.loads(out)["skipped"]}
    assert code == 0
    assert reasons["step_2"] == "no config.json"
    assert reasons["step_3"].startswith("no weights (model.safetensors, its index, pytorch_model.bin or an adapter")
    assert reasons["step_4"] == "no model-2-of-2.safetensors"
    assert {"step_5", "step_6", "step_7"} < reasons.keys()
    for name, reason in reasons.items():
        assert f"skipped {name}: {reason}" in err


@pytest.mark.parametrize("weights", ["pytorch_model.bin", "model.safetensors.index.json", "adapter_model.safetensors"])
def test_other_complete_weights(tmp_path, capsys, weights):
    folder = make_checkpoint(tmp_path / "step_10")
    (folder / "model.safetensors").unlink()
    (folder / weights).write_text('{"weight_map": {"a": "s1", "b": "s2"}}')
    (folder / "s1").touch()
    (folder / "s2").touch()
    if weights.startswith("adapter"):
        (folder / "config.json").unlink()
        assert "no adapter_config.json" in call(capsys, tmp_path)[2]
        (folder / "adapter_config.json").write_text("{}")
    assert ranked(capsys, tmp_path, "--scoring", "step-formula")["best"]["step"] == 10


def test_one_level_deeper(tmp_path, capsys):
    make_run(tmp_path / "run", "step_20", "step_3")
    (tmp_path / "run" / "log.txt").touch()
    code, out, err = call(capsys, tmp_path, "--scoring", "step-formula", "--json", "--full")
    assert code == 0
    assert [c["path"] for c in json.loads(out)["checkpoints"]] == [f"{tmp_path}/run/step_3", f"{tmp_path}/run/step_20"]
    assert "run/log.txt" in err
    code, out, err = call(capsys, tmp_path / "run" / "step_3", "--scoring", "step-formula", "--json", "--full")
    assert code == 0 and f"others may lie in {tmp_path / 'run'}" in err
    assert [c["name"] for c in json.loads(out)["checkpoints"]] == ["step_3"]


def test_other_names_are_mentioned_once_and_results_not(tmp_path, capsys):
    make_run(tmp_path, "step_10")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "best").mkdir()
    (tmp_path / "step_20").touch()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "results" / "step_10").mkdir(parents=True)
    _, out, err = call(capsys, tmp_path, "--scoring", "step-formula", "--json", "--full")
    assert "left alone, no checkpoints by their names: best, notes.txt, step_20\n" in err
    assert err.count("notes.txt") == 1
    assert ".hidden" not in err
    assert [s["name"] for s in json.loads(out)["skipped"]] == ["best", "notes.txt", "step_20"]


def test_links_out_of_the_folder_are_not_followed(tmp_path, capsys):
    run, outside = make_run(tmp_path / "run", "step_1", "step_2", "step_4"), make_run(tmp_path / "out", "step_3")
    (run / "step_3").symlink_to(outside / "step_3")
    (run / "linked").symlink_to(outside)
    (run / "step_5").symlink_to("step_5")
    for name, file in (("step_2", "model.safetensors"), ("step_4", "config.json")):
        (run / name / file).unlink()
        (run / name / file).symlink_to(outside / "step_3" / file)
    document = ranked(capsys, run, "--scoring", "step-formula")
    assert [c["name"] for c in document["checkpoints"]] == ["step_1"]
    reasons = {s["name"]: s["reason"] for s in document["skipped"]}
    assert reasons["step_3"] == "a link out of the folder; it is not followed"
    assert reasons["step_2"] == "model.safetensors is a link out of the folder; it is not followed"
    assert reasons["step_4"] == "config.json is a link out of the folder; it is not followed"
    assert {"linked", "step_5"} < reasons.keys()


def test_links_inside_the_folder_are_checkpoints(tmp_path, capsys):
    make_run(tmp_path, "step_1")
    (tmp_path / "step_2").symlink_to("step_1")
    assert len(ranked(capsys, tmp_path, "--scoring", "step-formula")["checkpoints"]) == 2


def test_nothing_to_rank(tmp_path, capsys):
    assert "no complete checkpoint in it" in refused(capsys, tmp_path)
    assert "No such file" in refused(capsys, tmp_path / "nowhere")
    (tmp_path / "file").touch()
    assert "Not a directory" in refused(capsys, tmp_path / "file")
    make_run(tmp_path, "epoch_1", "epoch_2")
    assert "no checkpoint has a positive step" in refused(capsys, tmp_path)
    (tmp_path / "epoch_1" / "model.safetensors").unlink()
    assert "no complete checkpoint in it" in refused(capsys, tmp_path / "epoch_1")


def test_records_of_checkpoints_that_are_not_here_come_with_the_command_that_reads_them(tmp_path, capsys):
    (tmp_path / "models").mkdir()
    folder = tmp_path / "results"
    for name in ("step_100", "step_200"):
        for task in ("gsm8k", "arc_easy"):
            write_record(folder, f"run/{name}", [1.0, 0.0] * 50, task=task)
    names = f"run/step_100 run/step_200 --results {folder}"
    for words in (
        [folder],
        [tmp_path / "models", "--results", folder],
        [tmp_path / "models", "--results", folder, "--plan-next"],
    ):
        code, out, err = call(capsys, *words)
        *notes, error = err.splitlines()
        assert (code, out, len(set(notes))) == (2, "", len(notes))  # four folders of records, and two names
        assert "no complete checkpoint in it" in error
        assert error.endswith(f"compare_results.py --rule choose --candidate {names}")
    for path in folder.rglob("*.json*"):
        path.unlink() if "step_200" in str(path) else None
    assert refused(capsys, tmp_path / "models", "--results", folder).endswith(
        f"leaderboard.py collect --results {folder}"
    )


def test_a_harness_own_files_without_checkpoints_come_with_the_command_that_converts_them(tmp_path, capsys):
    shutil.copytree(ROOT / "tests" / "fixtures" / "convert" / "lm_eval_0_4", tmp_path / "out")
    error = refused(capsys, tmp_path / "out")
    assert error.endswith(f"convert_results.py {tmp_path / 'out'} --output-dir results makes records of them")


def test_a_checkpoint_that_is_named_itself_is_the_one_that_is_prepared(tmp_path, capsys):
    """Not the best of its siblings, which somebody who names one has not asked for."""
    run = make_run(tmp_path, "step_1", "step_2", "step_3")
    for name, score in (("step_1", 0.9), ("step_2", 0.5)):
        add_record(run, name, "gsm8k", score)
    card = tmp_path / "card.md"
    card.write_text("{RESULT:checkpoint} {RESULT:gsm8k}\n")
    code, _, err = call(
        capsys, run / "step_2", "--results", run / "results", "--prepare", tmp_path / "out", "--card", card
    )
    assert code == 0, err
    assert f"step_2 is a checkpoint itself: it alone is looked at, and others may lie in {run}" in err
    assert (tmp_path / "out" / "README.md").read_text().startswith("step_2 0.5")
    answer = ranked(capsys, run / "step_2", "--results", run / "results")["answer"]
    assert "only step_2 is ranked: nothing to compare it with" in answer
    assert not any(line.startswith("tied with it") for line in answer)
    refused(capsys, run / "step_3", "--results", run / "results", "--scoring", "measured")


def test_duplicate_steps(tmp_path, capsys):
    make_run(tmp_path, "step_100", "checkpoint-100")
    message = refused(capsys, tmp_path)
    assert message.startswith("step 100 occurs twice: ")
    assert "checkpoint-100 and " in message


# --- Step formulas --------------------------------------------------------------------------------------------------

STEP_500 = dict(
    zip(
        CATEGORIES,
        [0.467, 0.605, 0.672, 0.625, 0.564, 0.75, 0.75, 0.55, 0.507, 0.579, 0.707, 0.769, 0.631, 0.7, 0.696],
        strict=True,
    )
)


def test_reference_values_of_step_500():
    assert {key: score.value for key, score in bc.step_formula_scores(500).items()} == STEP_500


def reference(x: float) -> list[float]:
    """The table of the reference scoring, written a second time and without caps."""
    e, s = math.exp, math.sqrt
    return [
        0.3 + 0.5 * (1 - 1 / (1 + 0.1 * x)),
        0.2 + 0.65 / (1 + e(-0.5 * (x - 4))),
        0.45 + 0.4 * x / (x + 4),
        0.4 + 0.45 * (1 - 1 / (1 + 0.2 * x)),
        0.35 + 0.5 * s(x) / (s(x) + 3),
        0.4 + 0.45 * (1 - e(-0.3 * x)),
        0.5 + 0.35 * x / (x + 2),
        0.25 + 0.6 * x / (x + 5),
        0.25 + 0.6 * (1 - 1 / (1 + 0.15 * x)),
        0.3 + 0.55 * x**0.7 / (x**0.7 + 3),
        0.35 + 0.5 * (1 - 2 / (x + 2)),
        0.5 + 0.35 * x / (x + 1.5),
        0.4 + 0.45 * x**0.6 / (x**0.6 + 2.5),
        0.45 + 0.4 * x / (x + 3),
        0.6 + 0.25 * x / (x + 8),
    ]


@pytest.mark.parametrize("step", [1, 7, 50, 100, 333, 1000, 2500, 10**4, 143000, 10**9, 10**15 - 1])
def test_all_fifteen_formulas(step):
    caps = [0.95, 0.93, 0.87, 0.86, 0.91, 0.88, 0.89, 0.92, 0.91, 0.90, 0.89, 0.88, 0.87, 0.88, 0.86]
    expected = [round(min(f, cap), 3) for f, cap in zip(reference(step / 100), caps, strict=True)]
    assert [score.value for score in bc.step_formula_scores(step).values()] == expected


def test_formula_mode_is_marked_everywhere(tmp_path, capsys):
    run = make_run(tmp_path / "run")
    code, out, err = call(
        capsys,
        run,
        "--scoring",
        "step-formula",
        "--report",
        tmp_path / "r.md",
        "--figures",
        tmp_path / "f",
        "--json",
        "--full",
    )
    document = json.loads(out)
    assert code == 0
    assert "warning" not in err  # asked for by name
    assert document["score_source"] == "step-formula"
    by_name = {c["name"]: c for c in document["checkpoints"]}
    assert {key: s["score"] for key, s in by_name["step_500"]["scores"].items()} == STEP_500
    assert by_name["step_500"]["eval_accuracy"] == pytest.approx(sum(STEP_500.values()) / 15, abs=1e-15)
    assert by_name["step_500"]["scores"]["translation"] == {"score": 0.769, "standard_error": None, "n": None}
    assert by_name["step_500"]["records"] == []
    assert document["best"] == {
        "name": "step_1000",
        "step": 1000,
        "eval_accuracy": by_name["step_1000"]["eval_accuracy"],
        "interval": None,
        "chosen_as": "best point estimate",
    }
    assert (document["statistics"], document["no_statistics"]) == (None, "nothing was measured")
    assert "interval" not in by_name["step_500"]
    assert "score_source: step-formula (synthetic" in (tmp_path / "r.md").read_text()
    assert "step-formula: synthetic" in svg_text(tmp_path / "f" / "score_by_step.svg")
    assert "step-formula: synthetic" in svg_text(tmp_path / "f" / "benchmarks_by_step.svg")
    assert "score_source: step-formula (synthetic" in call(capsys, run, "--scoring", "step-formula")[1]
    assert sorted(tree(run)) == sorted(f"{n}/{f}" for n in by_name for f in ("config.json", "model.safetensors"))


def svg_text(path: Path) -> str:
    """The comments that matplotlib writes for each text drawn as paths."""
    return path.read_text(encoding="utf-8")


def test_a_folders_matplotlibrc_draws_nothing(tmp_path):
    """matplotlib takes it before any other: with usetex it starts LaTeX on a preamble of the folder's owner."""
    run, drawn = make_run(tmp_path / "own"), []
    for name, text in (("plain", None), ("strange", "text.usetex: True\naxes.facecolor: ff0000\n")):
        (tmp_path / name).mkdir()
        if text:
            (tmp_path / name / "matplotlibrc").write_text(text)
        words = [run, "--scoring", "step-formula", "--figures", "figures"]
        done = subprocess.run(
            [sys.executable, Path(bc.__file__), *words], cwd=tmp_path / name, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        drawn.append(tree(tmp_path / name / "figures"))
    assert len(drawn[0]) == 6 and drawn[0] == drawn[1]


def test_auto_without_records_warns(tmp_path, capsys):
    code, out, err = call(capsys, make_run(tmp_path), "--json", "--full")
    assert (code, json.loads(out)["score_source"]) == (0, "step-formula")
    assert "warning: no measured score for these checkpoints. What follows is SYNTHETIC" in err
    assert "no record about these checkpoints" in refused(capsys, tmp_path, "--scoring", "measured")


def test_reference_weights(tmp_path, capsys):
    weights = [1.2, 1.2, 1.0, 1.0, 1.1, 0.9, 0.9, 1.1, 0.9, 1.0, 1.0, 1.0, 1.0, 1.1, 1.1]
    make_run(tmp_path, "step_500")
    best = ranked(capsys, tmp_path, "--scoring", "step-formula", "--weights", "reference")["best"]
    expected = sum(w * s for w, s in zip(weights, STEP_500.values(), strict=True)) / sum(weights)
    assert best["eval_accuracy"] == round(expected, 3)


def test_some_categories_only(tmp_path, capsys):
    document = ranked(capsys, make_run(tmp_path), "--benchmarks", "Translation,math_reasoning")
    assert document["benchmarks"] == ["translation", "math_reasoning"]
    step_500 = next(c for c in document["checkpoints"] if c["step"] == 500)
    assert step_500["eval_accuracy"] == pytest.approx((0.769 + 0.467) / 2)
    assert "did you mean gsm8k" in refused(capsys, tmp_path, "--benchmarks", "gsm8")
    assert "the step formulas have no gsm8k" in refused(capsys, tmp_path, "--benchmarks", "gsm8k")


def test_ties_are_named(tmp_path, capsys):
    make_run(tmp_path, "step_1000000000", "step_2000000000", "step_100")
    document = ranked(capsys, tmp_path, "--scoring", "step-formula")
    assert document["best"]["name"] == "step_1000000000"
    assert document["tied"] == ["step_2000000000"]
    assert "tied with it: step_2000000000; the earliest is named best" in call(capsys, tmp_path)[1]


# --- Records --------------------------------------------------------------------------------------------------------


@pytest.mark.skipif(not CHECKER.is_file(), reason="the checker of the records' schema is not here")
def test_the_helper_makes_valid_records(tmp_path):
    run = make_run(tmp_path)
    add_record(run, "step_100")
    add_record(run, "step_500", "mmlu:anatomy", 46.7, unit="percent", bounds=(0, 100), shots=5)
    add_record(run, "step_500", "gsm8k", 0.4, bounds=None, unit=None, error=None, n=None, limit="10")
    checked = subprocess.run(
        ["uv", "run", "--no-project", "--with", "jsonschema>=4.23,<5", "python", CHECKER, run / "results"],
        capture_output=True, text=True,
    )  # fmt: skip
    problems = [line for line in checked.stdout.splitlines() if "no metric_unit" not in line]  # meant so, see above
    assert problems == []
    assert checked.stderr.splitlines()[-1].startswith("3 records, ")


def measured_run(root: Path) -> Path:
    run = make_run(root)
    for name, gsm8k, arc in (("step_100", 0.2, 0.5), ("step_500", 0.6, 0.7), ("step_1000", 0.4, 0.8)):
        add_record(run, name, "gsm8k", gsm8k, error=0.03, n=100)
        add_record(run, name, "arc:challenge", arc, error=0.04, n=200)
    return run


def test_a_measured_checkpoint_that_is_incomplete_now_is_asked_about(tmp_path, capsys):
    run = measured_run(tmp_path)
    (run / "step_500" / "config.json").write_text("{")
    message = refused(capsys, run, code=3)
    assert "step_500 (config.json ends too early" in message and "--exclude step_500" in message
    assert ranked(capsys, run, "--exclude", "step_500")["best"]["name"] == "step_1000"


def test_measured_json(tmp_path, capsys):
    run = measured_run(tmp_path)
    code, out, err = call(capsys, run, "--json", "--full")
    document = json.loads(out)
    assert code == 0 and sorted(line[: line.index(" items")] for line in err.splitlines()) == [
        "note: arc_challenge: partial: 200",
        "note: gsm8k: partial: 100",
    ]
    assert list(document)[:2] == ["schema_version", "score_source"]
    assert document["score_source"] == "measured"
    assert document["benchmarks"] == ["arc_challenge", "gsm8k"]
    best = next(c for c in document["checkpoints"] if c["name"] == "step_500")
    assert best["path"] == str(run / "step_500")
    assert best["eval_accuracy"] == pytest.approx(0.65)
    assert best["standard_error"] == pytest.approx(math.hypot(0.03, 0.04) / 2)
    assert best["scores"]["gsm8k"] == {
        "score": 0.6,
        "standard_error": 0.03,
        "n": 100,
        "interval": pytest.approx([0.5397170, 0.6573995], abs=1e-6),
        "interval_method": "Wilson, from the standard error",
        "metric": "accuracy",
        "shots": 0,
    }
    assert best["categories"].keys() == {"math_reasoning", "common_sense"}
    assert len(best["records"]) == 2
    assert all(Path(record).is_file() for record in best["records"])
    assert document["best"] == {
        "name": "step_500",
        "step": 500,
        "eval_accuracy": best["eval_accuracy"],
        "interval": best["interval"],
        "chosen_as": "best point estimate",
    }
    assert (document["tied"], document["skipped"], document["not_comparable"]) == (["step_1000"], [], [])
    assert document["statistics"]["source"] == "standard errors"


def test_records_are_found_in_three_places(tmp_path, capsys):
    run = make_run(tmp_path / "run", "step_1", "step_2", "step_3")
    write_json(run, make_record(run / "step_1"))
    write_json(run / "results", make_record(run / "step_2"))
    elsewhere = tmp_path / "elsewhere"
    write_json(elsewhere, make_record(run / "step_3"))
    assert [c["name"] for c in ranked(capsys, run)["checkpoints"]] == ["step_1", "step_2"]
    document = ranked(capsys, run, "--results", elsewhere)
    assert [c["name"] for c in document["checkpoints"]] == ["step_3"]
    assert {"name": "step_1", "reason": "no measured score"} in document["skipped"]
    both = ranked(capsys, run, "--results", elsewhere, run, run / "results")  # twice is once
    assert [len(c["records"]) for c in both["checkpoints"]] == [1, 1, 1]
    assert "no such folder" in refused(capsys, run, "--results", tmp_path / "nowhere")


def test_benchmark_to_category_to_overall(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    for task, score in (("gsm8k", 0.2), ("math_500", 0.6), ("boolq", 0.9), ("mmlu:anatomy", 0.1), ("mmlu:law", 0.3)):
        add_record(run, "step_1", task, score, error=0.1, n=50)
    checkpoint = ranked(capsys, run)["checkpoints"][0]
    assert {k: v["score"] for k, v in checkpoint["categories"].items()} == pytest.approx(
        {"math_reasoning": 0.4, "reading_comprehension": 0.9, "knowledge_retrieval": 0.2}
    )
    assert checkpoint["eval_accuracy"] == pytest.approx((0.4 + 0.9 + 0.2) / 3)
    mmlu = checkpoint["scores"]["mmlu"]
    assert (mmlu["score"], mmlu["standard_error"]) == (pytest.approx(0.2), pytest.approx(0.1 / 2**0.5))
    assert (mmlu["n"], mmlu["metric"], mmlu["shots"]) == (100, "accuracy", 0)
    assert mmlu["interval"] == pytest.approx([0.107, 0.343], abs=0.001)  # Wilson, on some 33 effective items


def test_subtasks_in_points_stay_points(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    add_record(run, "step_1", "gsm8k", 0.5)
    for pair, bleu in (("cs-en", 20.0), ("fi-en", 30.0)):
        add_record(run, "step_1", f"wmt16:{pair}", bleu, metric="bleu", unit="points", bounds=(0, 100))
    document = ranked(capsys, run)
    assert document["best"]["eval_accuracy"] == 0.5
    score = document["checkpoints"][0]["scores"]["wmt16"]
    assert (score["score"], score["unit"], score["metric"]) == (25.0, "points", "bleu")


def test_a_record_for_the_category_itself_counts_as_the_category(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    add_record(run, "step_1", "math_reasoning", 0.8)
    add_record(run, "step_1", "gsm8k", 0.1)
    add_record(run, "step_1", "blimp", 0.7)
    add_record(run, "step_1", "my_own", 0.3)
    document = ranked(capsys, run)
    assert document["checkpoints"][0]["eval_accuracy"] == 0.8
    assert document["checkpoints"][0]["scores"]["gsm8k"]["score"] == 0.1
    assert document["notes"] == [
        "not in eval_accuracy: blimp (no category), gsm8k (its category was measured itself), my_own (no category)",
        "gsm8k: partial: 100 items, and gsm8k has 1319 (step_1)",
    ]


def test_benchmarks_without_category_stand_for_themselves_where_none_has_one(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    add_record(run, "step_1", "blimp", 0.7)
    add_record(run, "step_1", "my_own", 0.5)
    assert ranked(capsys, run)["best"]["eval_accuracy"] == pytest.approx(0.6)


def test_all_fifteen_categories_measured(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    for i, key in enumerate(CATEGORIES):
        add_record(run, "step_1", f"{key}|0", i / 20)
    checkpoint = ranked(capsys, run)["checkpoints"][0]
    assert list(checkpoint["categories"]) == CATEGORIES
    assert checkpoint["eval_accuracy"] == pytest.approx(sum(range(15)) / 20 / 15)


def test_the_whole_goes_before_its_subtasks(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    for task, score in (("mmlu", 0.5), ("mmlu:anatomy", 0.1), ("mmlu:law", 0.2)):
        add_record(run, "step_1", task, score)
    assert ranked(capsys, run)["checkpoints"][0]["scores"]["mmlu"]["score"] == 0.5


def test_holes_rank_over_what_all_share(tmp_path, capsys):
    run = measured_run(tmp_path)
    add_record(run, "step_1000", "boolq", 0.99)
    code, out, err = call(capsys, run, "--json", "--full")
    document = json.loads(out)
    line = "boolq is left out of the ranking: not (fully) measured for step_100, step_500"
    assert code == 3  # what leads was not measured on it
    assert f"note: {line}" in err
    assert line in document["notes"]
    assert document["benchmarks"] == ["arc_challenge", "gsm8k"]
    assert document["best"] is None
    assert document["checkpoints"][2]["not_ranked"]["boolq"]["score"] == 0.99
    assert "ranked over: arc_challenge, gsm8k" in call(capsys, run)[1]
    ways = re.findall(r"\((--[^()]*)\)", document["reason"])
    assert document["reason"].startswith("undecided: step_500 leads with 0.") and len(ways) == 2
    without, alone = (ranked(capsys, run, *shlex.split(way)) for way in ways)
    assert (without["best"]["name"], alone["best"]["name"]) == ("step_1000", "step_500")
    assert alone["benchmarks"] == ["arc_challenge", "gsm8k"]
    chosen = ranked(capsys, run, "--benchmarks", "boolq,gsm8k", code=3)
    assert [c["name"] for c in chosen["checkpoints"]] == ["step_1000"]
    assert chosen["best"] is None  # of what step_500 has, gsm8k, it reports the better score
    assert "step_500 reports 0.600 on gsm8k, where that has 0.400 (not measured: boolq)" in chosen["reason"]
    known = ranked(capsys, run, "--benchmarks", "boolq,gsm8k", "--exclude", "step_500")
    assert (known["best"]["name"], known["reason"]) == ("step_1000", None)
    assert {"name": "step_100", "reason": "not (fully) measured: boolq"} in chosen["skipped"]


def test_by_which_of_acc_and_acc_norm_it_is_ranked_is_said(tmp_path, capsys):
    run = make_run(tmp_path, "step_1", "step_2")
    for name, acc, norm in (("step_1", 0.6, 0.5), ("step_2", 0.5, 0.7)):
        add_record(run, name, "arc_challenge", acc, metric="acc,none")
        add_record(run, name, "arc_challenge", norm, metric="acc_norm,none")
    found = ranked(capsys, run)
    (line,) = [line for line in found["notes"] if "may order otherwise" in line]
    assert found["best"]["name"] == "step_1" and line.startswith("arc_challenge is ranked by acc")
    way = shlex.split(line.rpartition(": ")[2])
    other = ranked(capsys, run, *way)
    assert other["best"]["name"] == "step_2" and "may order otherwise" not in " ".join(other["notes"])


def test_what_another_harness_found_of_a_benchmark_is_said(tmp_path, capsys):
    run = make_run(tmp_path, "step_1", "step_2")
    for name, one, other in (("step_1", 0.6, 0.5), ("step_2", 0.5, 0.7)):
        add_record(run, name, "gsm8k", one, metric="exact_match")
        add_record(run, name, "gsm8k", other, library="OpenCompass", error=0.01)
    found = ranked(capsys, run)
    (line,) = [line for line in found["notes"] if "may order otherwise" in line]
    assert "OpenCompass's accuracy is in the records, too" in line and "ranked by exact_match" in line
    other = ranked(capsys, run, *shlex.split(line.rpartition(": ")[2]))
    assert {found["best"]["name"], other["best"]["name"]} == {"step_1", "step_2"}


def test_one_that_has_another_metric_alone_does_not_hide_that_all_have_it(tmp_path, capsys):
    run = make_run(tmp_path, "step_1", "step_2", "step_3")
    for place, name in enumerate(("step_1", "step_2", "step_3")):
        if place < 2:
            add_record(run, name, "arc_challenge", 0.5 + place / 10, metric="acc,none")
        add_record(run, name, "arc_challenge", 0.6 + place / 10, metric="acc_norm,none")
    found = ranked(capsys, run, code=3)
    (line,) = [line for line in found["notes"] if "may order otherwise" in line]
    other = ranked(capsys, run, *shlex.split(line.rpartition(": ")[2]))
    assert len(other["checkpoints"]) == 3 and other["best"]["name"] == "step_3"


def test_an_empty_folder_of_results_is_no_ranking_by_formulas(tmp_path, capsys):
    run = make_run(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "r.json").write_text("{}")
    assert "no record about these checkpoints" in refused(capsys, run, "--results", tmp_path / "empty")
    assert "it is a file; give the folder" in refused(capsys, run, "--results", tmp_path / "r.json")


def test_a_rival_that_is_better_on_all_that_both_have_leaves_it_open(tmp_path, capsys):
    """A benchmark that one checkpoint lacks counts for none, and would tell the other two apart."""
    run = measured_run(tmp_path)
    for name, score in (("step_1000", 0.99), ("step_500", 0.2)):
        add_record(run, name, "boolq", score)
    found = ranked(capsys, run, code=3)
    assert found["best"] is None and [one["name"] for one in found["ahead"]] == ["step_1000"]
    assert re.search(r"step_1000 reports 0\.\d+ on arc_challenge, boolq, gsm8k, where that has 0\.\d+", found["reason"])
    add_record(run, "step_100", "boolq", 0.1)
    whole = ranked(capsys, run)
    assert whole["best"]["name"] == "step_1000" and "boolq" in whole["benchmarks"]


def test_what_lacks_a_benchmark_and_is_behind_leaves_nothing_open(tmp_path, capsys):
    run = measured_run(tmp_path)
    for name in ("step_1000", "step_500"):
        add_record(run, name, "boolq", 0.5)
    assert ranked(capsys, run)["best"]["name"] == "step_500"


def test_a_missing_subtask_is_a_hole(tmp_path, capsys):
    run = measured_run(tmp_path)
    add_record(run, "step_100", "mmlu:anatomy", 0.3)
    add_record(run, "step_500", "mmlu:anatomy", 0.3)
    add_record(run, "step_500", "mmlu:law", 0.3)
    assert "mmlu is left out of the ranking: not (fully) measured for step_100, step_1000" in call(capsys, run)[1]


def test_nothing_shared_is_undecided(tmp_path, capsys):
    run = make_run(tmp_path, "step_1", "step_2")
    add_record(run, "step_1", "gsm8k")
    add_record(run, "step_2", "boolq")
    message = refused(capsys, run, code=3)
    assert "choose with --benchmarks from boolq, gsm8k" in message
    assert ranked(capsys, run, "--benchmarks", "gsm8k")["best"]["name"] == "step_1"
    assert "no record for mmlu; measured are boolq, gsm8k" in refused(capsys, run, "--benchmarks", "mmlu")


def test_percent_becomes_a_proportion_and_points_stay_out(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    add_record(run, "step_1", "gsm8k", 46.7, unit="percent", bounds=(0, 100), error=5.0)
    add_record(run, "step_1", "wmt16:en-de", 27.35, metric="bleu", unit="points", bounds=(0, 100))
    code, out, err = call(capsys, run, "--json", "--full")
    checkpoint = json.loads(out)["checkpoints"][0]
    assert code == 0
    assert checkpoint["eval_accuracy"] == pytest.approx(0.467)
    assert checkpoint["scores"]["gsm8k"]["standard_error"] == pytest.approx(0.05)
    assert checkpoint["scores"]["wmt16_en_de"]["unit"] == "points"
    assert "not in eval_accuracy: wmt16_en_de (no proportion of which more is better)" in err


def test_lower_is_better_alone_ranks_by_itself_or_by_a_score_function(tmp_path, capsys):
    run = make_run(tmp_path / "run", "step_1", "step_2")
    for name, wer in (("step_1", 0.3), ("step_2", 0.2)):
        record = make_record(run / name, "librispeech", wer, metric="wer", bounds=None)
        record["evaluation_results"][0]["metric_config"]["lower_is_better"] = True
        write_json(run / "results", record)
    document = ranked(capsys, run)
    assert (document["best"]["name"], document["best"]["eval_accuracy"]) == ("step_2", 0.2)
    assert (document["lower_is_better"], document["metric"]) == (True, "wer (less is better)")
    (tmp_path / "f.py").write_text("def overall(scores):\n    return 1 - scores['librispeech']\n")
    document = ranked(capsys, run, "--score-function", tmp_path / "f.py", "--figures", tmp_path / "f")
    assert (document["best"]["name"], document["best"]["eval_accuracy"]) == ("step_2", 0.8)


def test_metrics_of_two_kinds_are_asked_for(tmp_path, capsys):
    run = make_run(tmp_path / "run", "step_1", "step_2")
    for name, wer, bleu in (("step_1", 0.3, 40.0), ("step_2", 0.2, 30.0)):
        for task, metric, value, lower in (("librispeech", "wer", wer, True), ("wmt16_en_de", "bleu", bleu, False)):
            record = make_record(run / name, task, value, metric=metric, bounds=None)
            record["evaluation_results"][0]["metric_config"] |= {"lower_is_better": lower}
            if not lower:
                record["evaluation_results"][0]["metric_config"] |= {"metric_unit": "points"}
            write_json(run / "results", record)
    assert "are of several kinds" in refused(capsys, run, code=3)
    assert ranked(capsys, run, "--benchmarks", "librispeech")["best"]["name"] == "step_2"
    assert ranked(capsys, run, "--benchmarks", "wmt16_en_de")["best"]["name"] == "step_1"


def test_several_metrics_the_vocabulary_names_one(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    record = make_record(run / "step_1", "gsm8k", 0.6, metric="exact_match")
    record["evaluation_results"] += make_record(run / "step_1", "gsm8k", 0.9, metric="quasi")["evaluation_results"]
    path = write_json(run / "results", record)
    assert ranked(capsys, run)["best"]["eval_accuracy"] == 0.6
    assert ranked(capsys, run, "--result-id", "gsm8k|0/quasi")["best"]["eval_accuracy"] == 0.9
    assert "no record has gsm8k|0/quas (did you mean gsm8k|0/quasi" in refused(
        capsys, run, "--result-id", "gsm8k|0/quas"
    )
    path.write_text(path.read_text().replace("exact_match", "odd"))
    assert "choose one with --result-id: gsm8k|0/odd, gsm8k|0/quasi" in refused(capsys, run, code=3)


def test_several_shots_are_a_choice(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    add_record(run, "step_1", "gsm8k", 0.4, shots=0)
    add_record(run, "step_1", "gsm8k", 0.6, shots=5)
    assert "choose one with --result-id: gsm8k|0/accuracy, gsm8k|5/accuracy" in refused(capsys, run, code=3)
    assert ranked(capsys, run, "--result-id", "gsm8k|5/accuracy")["best"]["eval_accuracy"] == 0.6


def test_two_harnesses_are_a_choice_not_a_mean(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    add_record(run, "step_1", "gsm8k", 0.4)
    add_record(run, "step_1", "inspect_evals/gsm8k", 0.6, library="inspect_ai")
    assert "--result-id: gsm8k|0/accuracy, inspect_evals/gsm8k|0/accuracy" in refused(capsys, run, code=3)


def test_a_full_run_goes_before_a_limited_one(tmp_path, capsys):
    run = make_run(tmp_path, "step_1", "step_2")
    add_record(run, "step_1", "gsm8k", 0.9, limit="10", n=10)
    add_record(run, "step_1", "gsm8k", 0.4, n=50)
    add_record(run, "step_2", "gsm8k", 0.9, limit="10", n=10)
    add_record(run, "step_2", "gsm8k", 0.3, n=50)
    assert [c["scores"]["gsm8k"]["score"] for c in ranked(capsys, run)["checkpoints"]] == [0.4, 0.3]


# --- Like with like -------------------------------------------------------------------------------------------------


def change_result(path: Path, **changes) -> None:
    """Change the parts of a record's only result that are named, one level deep."""
    record = json.loads(path.read_text())
    for name, value in changes.items():
        part = record if name in record else record["evaluation_results"][0]
        part[name] = {**part[name], **value}
    path.write_text(json.dumps(record))


UNLIKE = {
    "shots": ({"shots": 5}, {}, "few-shot count: 5, not 0"),
    "harness": ({"library": "lm-eval"}, {}, "harness: lm-eval 0.13.0, not lighteval 0.13.0"),
    "version": ({}, {"eval_library": {"version": "0.12.0"}}, "harness: lighteval 0.12.0, not lighteval 0.13.0"),
    "metric": ({"metric": "quasi"}, {}, "metric: quasi, not accuracy"),
    "items": ({"n": 50}, {}, "50 items, not 100"),
    "dtype": ({}, {"generation_config": {"additional_details": {"dtype": "int8"}}}, "dtype: int8, not nothing"),
    "chat": (
        {},
        {"generation_config": {"additional_details": {"use_chat_template": "true"}}},
        "chat template: true, not nothing",
    ),
    "temperature": (
        {},
        {"generation_config": {"generation_args": {"temperature": 1.0}}},
        "temperature: 1.0, not nothing",
    ),
    "engine": (
        {},
        {"model_info": {"inference_engine": {"name": "vllm", "version": "1"}}},
        "engine: vllm 1, not nothing",
    ),
}


@pytest.mark.parametrize(("options", "changes", "reason"), UNLIKE.values(), ids=UNLIKE)
def test_what_was_not_measured_alike_is_shown_and_not_ranked(tmp_path, capsys, options, changes, reason):
    run = make_run(tmp_path / "run", "step_1", "step_2", "step_3")
    add_record(run, "step_1", "gsm8k", 0.4)
    add_record(run, "step_2", "gsm8k", 0.5)
    change_result(add_record(run, "step_3", "gsm8k", 0.9, **options), **changes)
    document = ranked(capsys, run, code=3)
    assert document["best"] is None and document["ahead"][0]["name"] == "step_3"
    assert [c["name"] for c in document["checkpoints"]] == ["step_1", "step_2"]
    (entry,) = document["not_comparable"]
    assert (entry["name"], entry["ranked"], entry["scores"]["gsm8k"]["score"]) == ("step_3", False, 0.9)
    assert any(line.startswith(reason) and line.endswith("(gsm8k)") for line in entry["reasons"]), entry["reasons"]
    _, out, err = call(capsys, run, "--report", tmp_path / "report.md")
    assert f"not comparable: step_3: {reason}" in out
    assert "not comparable, not ranked: step_3: " in err
    report = (tmp_path / "report.md").read_text()
    assert "## Not comparable\n\nThese are not ranked." in report

    allowed = ranked(capsys, run, "--allow-unlike")
    assert (allowed["best"]["name"], allowed["allow_unlike"]) == ("step_3", True)
    assert allowed["not_comparable"][0] == {**entry, "ranked": True}
    call(capsys, run, "--allow-unlike", "--report", tmp_path / "report.md")
    assert "ranked all the same (--allow-unlike): step_3" in (tmp_path / "report.md").read_text()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ({}, {"library": "inspect_ai"}),  # as many on each side
        ({"n": 100}, {"n": 50}),  # one checkpoint is no ranking
    ],
)
def test_two_that_were_not_measured_alike_are_undecided(tmp_path, capsys, first, second):
    run = make_run(tmp_path, "step_1", "step_2")
    add_record(run, "step_1", "gsm8k", 0.4, **first)
    add_record(run, "step_2", "gsm8k", 0.6, **second)
    message = refused(capsys, run, code=3)
    assert message.startswith("not measured alike, so not comparable: step_2 has ")
    assert ", as step_1 has; evaluate them alike" in message
    assert "compare_results.py --baseline step_1 --candidate step_2" in message
    for name in ("step_1", "step_2"):
        add_record(run, name, "boolq", 0.4)
    message = refused(capsys, run, code=3)
    assert "(gsm8k), as step_1 has; rank by what was measured alike with --benchmarks boolq, evaluate" in message
    assert ranked(capsys, run, "--benchmarks", "boolq")["benchmarks"] == ["boolq"]
    document = ranked(capsys, run, "--allow-unlike")
    assert document["best"]["name"] == "step_2"
    assert len(document["not_comparable"]) == 1
    make_run(tmp_path, "step_3")
    add_record(run, "step_3", "boolq", 0.4)
    path = add_record(run, "step_3", "gsm8k", 0.4)
    record = json.loads(path.read_text())
    record["evaluation_results"][0]["score_details"]["details"] = {"conflict": "of its items"}
    path.write_text(json.dumps(record))
    assert "; step_3 is not valid (gsm8k: " in refused(capsys, run, code=3)


def test_a_baseline_model_chooses_no_checkpoint(tmp_path, capsys):
    """It is measured as one of two is, or stands alone: without it nothing would be ranked, so with it neither."""
    run = make_run(tmp_path / "run", "step_1", "step_2")
    (tmp_path / "base").mkdir()
    base = make_record(make_checkpoint(tmp_path / "base/model"), score=0.3, path=None, digest=None)
    base["model_info"] = {"name": "released", "id": "acme/released", "additional_details": {}}
    write_json(run / "results", base)
    add_record(run, "step_1", "gsm8k", 0.4)
    add_record(run, "step_2", "gsm8k", 0.6, library="inspect_ai")
    against = ("--baseline-model", "acme/released")
    message = refused(capsys, run, *against, code=3)
    assert message.startswith("not measured alike, so not comparable: step_2 has ")
    assert ranked(capsys, run, *against, "--allow-unlike")["best"]["name"] == "step_2"
    shutil.rmtree(run / "step_2")
    shutil.rmtree(run / "results")
    write_json(run / "results", base)
    path = add_record(run, "step_1", "gsm8k", 0.4)
    record = json.loads(path.read_text())
    record["evaluation_results"][0]["score_details"]["details"] = {"conflict": "of its items"}
    path.write_text(json.dumps(record))
    assert refused(capsys, run, *against, code=3).startswith("no checkpoint was measured validly (step_1: ")


def test_the_runs_on_most_items_go_first(tmp_path, capsys):
    run = make_run(tmp_path, *(f"step_{i}" for i in range(1, 7)))
    for i in range(1, 7):
        add_record(
            run, f"step_{i}", "gsm8k", 0.9 if i < 5 else 0.4, n=10 if i < 5 else 500, limit="10" if i < 5 else None
        )
    document = ranked(capsys, run, code=3)
    assert [c["name"] for c in document["checkpoints"]] == ["step_5", "step_6"]
    assert [u["reasons"] for u in document["not_comparable"]] == [["10 items, not 500 (gsm8k)"]] * 4


@pytest.mark.parametrize("what", ["empty", "truncated", "unparsed", "unscored"])
@pytest.mark.parametrize(("count", "valid"), [(10, True), (12, False)])
def test_many_answers_that_are_none(tmp_path, capsys, what, count, valid):
    run = make_run(tmp_path, "step_1", "step_2", "step_3")
    for name, score in (("step_1", 0.4), ("step_2", 0.5), ("step_3", 0.9)):
        path = add_record(run, name, "gsm8k", score, n=100 - count if (what, name) == ("unscored", "step_3") else 100)
        details = {"score_details": {"details": {what: str(count if name == "step_3" else 0)}}}
        change_result(path, **details)
    document = ranked(capsys, run, code=0 if valid else 3)
    assert (document["best"] or {}).get("name") == ("step_3" if valid else None)
    if not valid:
        words = "without a score" if what == "unscored" else what
        assert document["not_comparable"][0]["reasons"] == [f"gsm8k: {count} of 100 answers {words}"]


@pytest.mark.parametrize("lower", [False, True])
@pytest.mark.parametrize("conflict", [False, True])
def test_a_better_score_that_is_not_ranked_leaves_it_open_what_is_best(tmp_path, capsys, lower, conflict):
    """Whatever it was refused for: nothing is named best, filled in or sent; --exclude says that it is known."""
    run = make_run(tmp_path / "run", "step_1", "step_2", "step_3")
    task, scores = ("wikitext", (9.0, 8.0, 6.0)) if lower else ("gsm8k", (0.4, 0.5, 0.9))
    more = {"metric": "word_perplexity", "unit": "perplexity", "error": 0.1} if lower else {}
    for name, score in zip(("step_1", "step_2", "step_3"), scores, strict=True):
        path = add_record(run, name, task, score, **more)
        record = json.loads(path.read_text())
        (result,) = record["evaluation_results"]
        if lower:
            result["metric_config"] |= {"lower_is_better": True, "min_score": 0.0, "max_score": 1000.0}
        if name == "step_3" and conflict:
            result["score_details"]["details"] = {"conflict": "of its items"}
        elif name == "step_3":
            result["score_details"]["details"] = {"lost_items": "they were cut off"}
        path.write_text(json.dumps(record))
    code, out, err = call(capsys, run, "--report", tmp_path / "report.md", "--figures", tmp_path / "figures")
    assert code == 3 and " (best)" not in out and "\nbest: " not in out and "step_2 (leads)" in out
    assert "--exclude step_3" in out and "convert" in out
    report = (tmp_path / "report.md").read_text()
    assert "undecided: " in report and " (best)" not in report
    document = ranked(capsys, run, code=3)
    assert document["best"] is None and "step_3" in document["reason"]
    assert [(one["name"], one["score"]) for one in document["ahead"]] == [("step_3", scores[2])]
    card = tmp_path / "card.md"
    card.write_text("{RESULT:checkpoint}\n")
    release = ["--prepare", tmp_path / "out", "--card", card]
    for push in ([], ["--push", "acme/small"], ["--push", "acme/small", "--dry-run"]):
        code, out, err = call(capsys, run, *release, *push, "--json")
        assert (code, json.loads(out)["best"], (tmp_path / "out").exists()) == (3, None, False)
        assert "--exclude step_3" in err
    assert call(capsys, run, *release, "--exclude", "step_3")[0] == 0
    assert (tmp_path / "out" / "README.md").read_text().strip() == "step_2"
    assert ranked(capsys, run, "--exclude", "step_3")["reason"] is None
    assert "no such checkpoint (did you mean step_3" in refused(capsys, run, "--exclude", "step_33")


@pytest.mark.parametrize(("score", "code"), [(0.3, 0), (0.48, 3), (0.37, 3), (0.35, 0)])
def test_a_worse_score_that_is_not_ranked_leaves_the_choice_where_it_is_shown_to_be_worse(
    tmp_path, capsys, score, code
):
    """Errors of 0.05 each: two scores that differ by less than 1.96 times 0.0707 cannot be told apart."""
    run = make_run(tmp_path, "step_1", "step_2", "step_3")
    for name, own in (("step_1", score), ("step_2", 0.5), ("step_3", 0.4)):
        path = add_record(run, name, "gsm8k", own)
        change_result(path, score_details={"details": {"truncated": "60" if name == "step_1" else "0"}})
    document = ranked(capsys, run, code=code)
    assert document["not_comparable"][0]["name"] == "step_1"
    if code == 0:
        assert (document["best"]["name"], document["ahead"]) == ("step_2", [])
    else:
        assert document["best"] is None and document["ahead"][0]["standard_error"] == pytest.approx(0.05)
        assert "as much within its error" in document["reason"] and "--exclude step_1" in document["reason"]
        assert ranked(capsys, run, "--exclude", "step_1")["best"]["name"] == "step_2"


def test_below_chance(tmp_path, capsys):
    run = make_run(tmp_path, "step_1", "step_2", "step_3")
    for name, score in (("step_1", 0.02), ("step_2", 0.24), ("step_3", 0.3)):
        add_record(run, name, "arc_challenge", score, n=1000)
        add_record(run, name, "gsm8k", 0.0, n=1000)  # no chance to guess: zero is a score
    document = ranked(capsys, run)
    assert [c["name"] for c in document["checkpoints"]] == ["step_2", "step_3"]
    assert document["not_comparable"][0]["reasons"] == ["arc_challenge: 0.020 is below chance, 0.250"]


def test_no_valid_run_at_all(tmp_path, capsys):
    run = make_run(tmp_path, "step_1", "step_2")
    for name in ("step_1", "step_2"):
        add_record(run, name, "arc_challenge", 0.02, n=1000)
        add_record(run, name, "gsm8k", 0.5)
    message = refused(capsys, run, code=3)
    assert "no checkpoint was measured validly (step_1: arc_challenge: 0.020 is below chance, 0.250)" in message
    assert ranked(capsys, run, "--benchmarks", "gsm8k")["not_comparable"] == []
    assert len(ranked(capsys, run, "--allow-unlike")["checkpoints"]) == 2


def test_equal_runs_count_once_contradictory_ones_are_refused(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    add_record(run, "step_1", "gsm8k", 0.4)
    add_record(run, "step_1", "gsm8k", 0.4)
    assert ranked(capsys, run)["checkpoints"][0]["eval_accuracy"] == 0.4
    add_record(run, "step_1", "gsm8k", 0.5)
    document = ranked(capsys, run)
    assert document["checkpoints"][0]["eval_accuracy"] == pytest.approx(0.45)  # equal weights: repeats
    assert any("mean of 2 repeats: 0.400 and 0.500" in line for line in document["notes"])
    add_record(run, "step_1", "gsm8k", 0.9, n=1000)
    assert "contradict one another" in refused(capsys, run, code=3)


def test_different_settings_are_undecided(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    add_record(run, "step_1", "gsm8k", 0.4)
    other = make_record(run / "step_1", "gsm8k", 0.5)
    other["evaluation_results"][0]["generation_config"]["additional_details"]["use_chat_template"] = "true"
    write_json(run / "results", other)
    assert "runs with different settings" in refused(capsys, run, code=3)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"score": math.nan}, "the score of gsm8k|0/accuracy is nan, not a finite number"),
        ({"score": math.inf}, "is inf, not a finite number"),
        ({"score": True}, "is True, not a finite number"),
        ({"score": "0.5"}, "is '0.5', not a finite number"),
        ({"score": None}, "is None, not a finite number"),
        ({"score": 1.2}, "the score 1.2 of gsm8k|0/accuracy is outside its range, 0 to 1"),
        ({"score": -0.1}, "outside its range"),
        ({"score": 1.2, "bounds": None}, "outside its range, 0 to 1"),
        ({"score": 46.7, "bounds": None, "unit": None}, "outside its range, 0 to 1"),
        ({"score": 46.7, "bounds": None, "unit": None, "metric": "exact_match"}, "outside its range, 0 to 1"),
        ({"score": 101.0, "bounds": None, "unit": "percent"}, "outside its range, 0 to 100"),
        ({"score": 46.7, "bounds": None, "task": "my_own"}, "outside its range, 0 to 1"),
        ({"error": math.nan}, "the standard error of gsm8k|0/accuracy is nan"),
        ({"score": 10**400}, "not a finite number"),
        ({"n": -1}, "num_samples of gsm8k|0/accuracy is -1, not a number of items"),
        ({"error": -0.1}, "is -0.1, not a positive number"),
    ],
)  # fmt: skip
def test_impossible_numbers(tmp_path, capsys, change, message):
    run = make_run(tmp_path, "step_1")
    change = {"task": "gsm8k", "score": 0.5} | change
    if change.get("unit", "") is None and "metric" not in change:
        change["metric"] = "exact_match"  # gsm8k's own: the vocabulary knows its range
    path = add_record(run, "step_1", change.pop("task"), change.pop("score"), **change)
    assert message in refused(capsys, run)
    assert str(path) in refused(capsys, run)


def test_zero_is_a_score(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    add_record(run, "step_1", "gsm8k", 0.0, error=0.0)
    assert ranked(capsys, run)["best"]["eval_accuracy"] == 0.0


def test_a_unit_that_the_record_leaves_out(tmp_path, capsys):
    run = make_run(tmp_path, "step_1")
    add_record(run, "step_1", "gsm8k", 0.4, unit=None, bounds=None, metric="exact_match")
    add_record(run, "step_1", "boolq", 0.6, unit=None, bounds=(0, 1), metric="odd")
    add_record(run, "step_1", "another", 0.6, unit=None, bounds=None)
    document = ranked(capsys, run)
    assert document["best"]["eval_accuracy"] == 0.5
    assert document["checkpoints"][0]["scores"]["another"]["unit"] == "unknown"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "unreadable record"),
        (b'{"evaluation_results": [', "unreadable record"),
        (b'{"schema_version": "0.3.0"}', "no evaluation_results"),
        (b"[" * 10**6, "unreadable record"),
        (b'{"evaluation_results": ' + b"[" * 10**6, "unreadable record"),
        (b"\xff\xfe\x00", "unreadable record"),
        (b"[]", "no evaluation_results"),
        (b'{"schema_version": "0.2.0", "evaluation_results": []}', "schema_version is '0.2.0'"),
    ],
    ids=range(8),
)
def test_unreadable_records(tmp_path, capsys, content, message):
    run = make_run(tmp_path)
    path = write_json(run / "results", {})
    path.write_bytes(content)
    got = refused(capsys, run)
    assert message in got
    assert str(path) in got
    assert len(got) < 500


@pytest.mark.parametrize(
    "break_it",
    [
        lambda record: record["evaluation_results"][0].pop("metric_config"),
        lambda record: record["evaluation_results"][0].pop("evaluation_name"),
        lambda record: record["evaluation_results"][0].update(score_details=[]),
        lambda record: record["evaluation_results"].append(3),
        lambda record: record.update(eval_library=[1]),
        lambda record: record["evaluation_results"][0]["score_details"].update(uncertainty=3),
        lambda record: record["evaluation_results"][0].update(generation_config="hot"),
    ],
)
def test_records_of_another_shape(tmp_path, capsys, break_it):
    run = make_run(tmp_path, "step_1")
    record = make_record(run / "step_1")
    break_it(record)
    path = write_json(run / "results", record)
    assert f"{path}: unreadable record" in refused(capsys, run)


@pytest.mark.parametrize("info", [None, [], "x", {"additional_details": None}, {"additional_details": []}])
def test_a_record_without_model_details_is_about_another_model(tmp_path, capsys, info):
    run = make_run(tmp_path, "step_1")
    write_json(run / "results", make_record(run / "step_1") | {"model_info": info})
    assert "1 record is about another model and was left out" in call(capsys, run)[2]


def test_other_json_files_are_no_records(tmp_path, capsys):
    run = measured_run(tmp_path)
    (run / "step_100" / "trainer_state.json").write_text("{")
    (run / "results" / "notes.json").write_text("{not json")
    assert ranked(capsys, run)["score_source"] == "measured"


def test_records_of_other_names_are_never_passed_over_by_formulas(tmp_path, capsys):
    run, other = make_run(tmp_path / "run"), make_run(tmp_path / "other", "step_7")
    write_json(run / "results", make_record(other / "step_7"))
    message = refused(capsys, run, code=3)
    assert "are about run/step_7, and not about step_100, step_500, step_1000" in message
    assert "--scoring step-formula" in message
    assert ranked(capsys, run, "--scoring", "step-formula")["score_source"] == "step-formula"


@pytest.mark.parametrize("files", [True, False])
def test_records_whose_names_end_as_checkpoints_do_are_bound_by_the_command_that_is_told(tmp_path, capsys, files):
    """Converted where the files of the checkpoints were not named: the names are of another machine's folder."""
    run = make_run(tmp_path / "ckpts", "step_7", "step_8")
    record = make_record(run / "step_7", digest=None, path="/elsewhere/step_7")
    write_json(tmp_path / "results", record)
    if files:
        (tmp_path / "results" / "samples_gsm8k_2026-01-01.jsonl").write_text("")
    message = refused(capsys, run, "--results", tmp_path / "results", code=3)
    told = f"{tmp_path / 'results' if files else 'FILES'} --checkpoints {run} --output-dir results"
    assert f"convert_results.py {told} makes records of them" in message


@pytest.mark.parametrize("place", ["results", "../results", "ckpts_results"])
def test_results_that_lie_beside_the_checkpoints_are_found_and_named(tmp_path, capsys, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    run = make_run(tmp_path / "deep/run/ckpts")
    results = run.parent / place
    write_json(results, make_record(run / "step_500"))
    code, out, err = call(capsys, run, "--json")
    assert code == 0 and f"records beside the checkpoints: {os.path.relpath(results)}" in err
    assert json.loads(out)["best"]["name"] == "step_500" and json.loads(out)["score_source"] == "measured"


def test_results_of_a_harness_beside_the_checkpoints_are_to_be_converted_first(tmp_path, capsys, monkeypatch):
    """No ranking by formulas while a harness's own files lie there: the command that reads them is printed."""
    monkeypatch.chdir(tmp_path)
    make_run(tmp_path / "ckpts")
    own = tmp_path / "lm" / "me__Foo-7B"
    own.mkdir(parents=True)
    (own / "results_2026-11-29T16-50-47.123456.json").write_text("{}", encoding="utf-8")
    message = refused(capsys, "ckpts", code=3)
    assert "convert_results.py lm --checkpoints ckpts --output-dir results makes records of them" in message
    assert call(capsys, "ckpts", "--scoring", "step-formula")[0] == 0


def test_results_of_another_run_beside_are_not_named(tmp_path, capsys):
    run = make_run(tmp_path / "run/ckpts")
    write_json(run.parent / "results", make_record(make_run(tmp_path / "x", "step_7") / "step_7"))
    code, out, err = call(capsys, run)
    assert code == 0
    assert out.splitlines()[0].startswith("SYNTHETIC: ")
    assert "warning: no measured score" in err


def test_results_of_other_weights(tmp_path, capsys):
    run = measured_run(tmp_path)
    (run / "step_500" / "model.safetensors").write_bytes(b"trained on")
    message = refused(capsys, run)
    assert "results of other weights: " in message
    assert "step_500 has changed since; evaluate it again, or remove the record" in message


@pytest.mark.parametrize("named", [True, False])
def test_results_of_the_same_weights_read_with_other_files(tmp_path, capsys, named):
    """Somebody else's folder has the same weights and another tokenizer: its scores are not this checkpoint's."""
    run = make_run(tmp_path, "step_1", "step_2")
    for name in ("step_1", "step_2"):
        path = add_record(run, name, **({} if named else {"path": None}))
        record = json.loads(path.read_text())
        record["model_info"]["additional_details"]["model_files_sha256"] = bc.model_files_sha256(run / name)
        path.write_text(json.dumps(record))
    assert ranked(capsys, run)["score_source"] == "measured"
    (run / "step_2" / "tokenizer.json").write_text('{"other": 1}')
    message = refused(capsys, run)
    assert "results of the weights of" in message and "another config.json, tokenizer or template" in message


@pytest.mark.parametrize(
    "path", ["step_1", "ckpts/step_1", "run/step_1", "../run/ckpts/step_1", "/elsewhere/step_1", "other/step_1"]
)
def test_records_without_hash_go_by_path(tmp_path, capsys, path):
    run = make_run(tmp_path / "run" / "ckpts", "step_1", "step_2")
    add_record(run, "step_1", digest=None, path=path)
    if "elsewhere" in path or "other" in path:
        assert "are about run/step_1, and not about step_1, step_2" in refused(capsys, run, code=3)
    else:
        assert ranked(capsys, run)["score_source"] == "measured"


def test_a_moved_folder_is_found_by_its_weights(tmp_path, capsys):
    run = measured_run(tmp_path / "before")
    (run / "step_100").rename(run / "step_150")
    run = run.rename(tmp_path / "after")
    document = ranked(capsys, run)
    assert [c["name"] for c in document["checkpoints"]] == ["step_150", "step_500", "step_1000"]
    assert document["score_source"] == "measured"


def failure(checkpoint: Path, task: str, top_level: bool) -> dict:
    where = {"path": str(checkpoint), "weights_sha256": bc.weights_sha256(checkpoint)}
    entry = {"task": task, "error": "out of memory\nat step 3", "log": []}
    return entry | (where if top_level else {"model_info": {"additional_details": where}})


@pytest.mark.parametrize("top_level", [True, False])
def test_failures_are_absent_scores_with_a_reason(tmp_path, capsys, top_level):
    run = make_run(tmp_path, "step_1", "step_2", "step_3")
    for name in ("step_1", "step_2"):
        add_record(run, name, "gsm8k", 0.3)
    for name, task in (("step_1", "gsm8k|0"), ("step_2", "boolq|0"), ("step_3", "gsm8k|0")):
        write_json(run / "results", failure(run / name, task, top_level), f"{uuid.uuid4()}_failure.json")
    stale = failure(run / "step_2", "mmlu|0", top_level)
    (stale if top_level else stale["model_info"]["additional_details"])["weights_sha256"] = "0" * 64
    write_json(run / "results", stale, f"{uuid.uuid4()}_failure.json")
    code, out, err = call(capsys, run, "--json", "--full", "--report", tmp_path / "report.md")
    document = json.loads(out)
    assert code == 0
    assert {(f["checkpoint"], f["task"]) for f in document["failures"]} == {
        ("step_2", "boolq|0"),
        ("step_3", "gsm8k|0"),
    }
    assert {"name": "step_3", "reason": "no measured score (1 failed)"} in document["skipped"]
    assert "failed: boolq|0 for step_2: out of memory at step 3 (" in err
    assert "boolq\\|0 failed for step\\_2: out of memory at step 3" in (tmp_path / "report.md").read_text().replace(
        "_2", "\\_2"
    )


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.text(max_size=4)
    | st.just("\ud800\x1b"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=3,
)


def places(value, path=()):
    """Every place in a JSON value."""
    yield path
    for key in value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield from places(value[key], (*path, key))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_no_damaged_record_is_a_traceback(tmp_path, capsys, data):
    run = tmp_path / "run"
    shutil.rmtree(run, ignore_errors=True)
    make_run(run, "step_1")
    record = make_record(run / "step_1")
    if data.draw(st.booleans()):
        record = failure(run / "step_1", "gsm8k", data.draw(st.booleans()))
        add_record(run, "step_1", "boolq")
    *path, last = data.draw(st.sampled_from([place for place in places(record) if place]))
    target = record
    for key in path:
        target = target[key]
    target[last] = data.draw(JSON)
    write_json(run / "results", record, f"{uuid.uuid4()}{'_failure' if 'log' in record else ''}.json")
    code, out, err = call(capsys, run, "--json", "--full", "--report", tmp_path / "report.md")
    assert code in (0, 2, 3)
    assert bool(out) == (code == 0)
    assert "\x1b" not in err
    if code == 0:
        json.loads(out)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.randoms(use_true_random=False))
def test_the_order_of_records_does_not_matter(tmp_path, capsys, shuffle: random.Random):
    folder = tmp_path / str(shuffle.random())
    run = make_run(folder, "step_1", "step_2")
    rows = [(n, t, s) for n in ("step_1", "step_2") for t, s in (("gsm8k", 0.4), ("mmlu:a", 0.4), ("mmlu:b", 0.5))]
    rows += [("step_1", "gsm8k", 0.4)]
    shuffle.shuffle(rows)
    for i, (name, task, score) in enumerate(rows):
        write_json(run / "results", make_record(run / name, task, score), f"{shuffle.choice('abc')}{i}.json")
    document = ranked(capsys, run)
    shutil.rmtree(folder)
    for checkpoint in document["checkpoints"]:
        assert checkpoint["eval_accuracy"] == pytest.approx((0.4 + 0.45) / 2, abs=1e-15)
    assert (document["best"], document["tied"]) == (None, ["step_1", "step_2"])


@pytest.mark.parametrize("score", [0.0, 0.425, 1.0])
def test_of_equals_there_is_no_best(tmp_path, capsys, score):
    run = make_run(tmp_path / "run", "step_1", "step_2", "step_3")
    for name in ("step_1", "step_2", "step_3"):
        add_record(run, name, "gsm8k", score, error=None if score in (0, 1) else 0.05)
    code, out, _ = call(capsys, run)
    assert code == 0 and "best" not in out.replace("P(best)", "").replace("a best", "")
    assert f"no checkpoint can be told from another: all 3 have the same score {score:.3f}" in out
    assert "corrected" not in out and "trend" not in out and "--tie-break earliest" in out
    document = ranked(capsys, run)
    assert (document["best"], document["tied"]) == (None, ["step_1", "step_2", "step_3"])
    card = tmp_path / "card.md"
    card.write_text("{RESULT:gsm8k} {BEST:checkpoint}\n")
    code, out, err = call(capsys, run, "--prepare", tmp_path / "out", "--card", card, "--json")
    assert code == 3 and json.loads(out)["best"] is None and not (tmp_path / "out").exists()
    assert "no checkpoint can be told from another" in err and "--tie-break" in err
    code, _, _ = call(capsys, run, "--prepare", tmp_path / "out", "--card", card, "--tie-break", "latest")
    assert code == 0 and "step_3" in (tmp_path / "out" / "README.md").read_text()


# --- Weights and score functions ------------------------------------------------------------------------------------


def test_weights_from_a_file(tmp_path, capsys):
    run = measured_run(tmp_path / "run")
    (tmp_path / "w.yaml").write_text("Math Reasoning: 3\ncommon_sense: 1\n")
    document = ranked(capsys, run, "--weights", tmp_path / "w.yaml")
    best = document["checkpoints"][1]
    assert best["eval_accuracy"] == pytest.approx((3 * 0.6 + 0.7) / 4)
    assert best["standard_error"] == pytest.approx(math.hypot(3 * 0.03, 0.04) / 4)
    assert "weighted mean" in document["eval_accuracy_is"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("math_reasoning: 1", "no weight for common_sense"),
        ("maths: 1", "unknown name 'maths'"),
        ("math_reasoning: -1", "is -1, not a number of at least 0"),
        ("math_reasoning: .nan", "is nan, not a number"),
        ("math_reasoning: 0\ncommon_sense: 0", "gives 0 to all"),
        ("- 1", "a mapping of category to weight is expected"),
        ("a: [", "--weights"),
        ("[" * 1500, "--weights"),
    ],
)
def test_bad_weights(tmp_path, capsys, text, message):
    run = measured_run(tmp_path / "run")
    (tmp_path / "w.yaml").write_text(text)
    assert message in refused(capsys, run, "--weights", tmp_path / "w.yaml")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def a(s): return 1\ndef b(s): return 2", "one public function is expected, there are 2"),
        ("x = 3", "one public function is expected, there are 0"),
        ("def a(s): return s['nothing']", "KeyError: 'nothing'"),
        ("def a(s): return float('nan')", "returned nan for step_100, not a finite number"),
        ("def a(", "SyntaxError"),
        ("print('loud')\ndef a(s): raise SystemExit(0)", "SystemExit: 0"),
        ("import os\nfrom math import fsum\ndef _help(s): pass\ndef a(s): return True", "returned True"),
    ],
)
def test_bad_score_functions(tmp_path, capsys, source, message):
    run = measured_run(tmp_path / "run")
    (tmp_path / "f.py").write_text(source)
    assert message in refused(capsys, run, "--score-function", tmp_path / "f.py")


# --- Outputs --------------------------------------------------------------------------------------------------------


def test_table_and_report(tmp_path, capsys):
    run = measured_run(tmp_path / "run")
    code, out, _ = call(capsys, run, "--report", tmp_path / "deep" / "report.md", "--figures", tmp_path / "figures")
    assert code == 0
    assert "| step_500 (best)  | 500  | 0.650         | 0.025      | 0.6" in out
    assert "| step_1000 (tied) |" in out
    assert "best: step_500, eval_accuracy 0.650 ± 0.025 (standard error)" in out
    report = (tmp_path / "deep" / "report.md").read_text()
    assert "score_source: measured" in report
    assert "![score by step](../figures/score_by_step.png)" in report
    assert "0.600 [0.540, 0.657]" in report
    assert "## Distribution" in report
    assert "Measured with lighteval 0.13.0." in report
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == [
        "benchmarks_by_step.png",
        "benchmarks_by_step.svg",
        "score_by_step.png",
        "score_by_step.svg",
        "score_distribution.png",
        "score_distribution.svg",
    ]


def test_figures_are_reproducible_and_bounded(tmp_path, capsys):
    run = make_run(tmp_path / "run", *(f"step_{i}" for i in range(1, 40)))
    for name in ("a", "b"):
        assert call(capsys, run, "--scoring", "step-formula", "--figures", tmp_path / name)[0] == 0
    assert tree(tmp_path / "a") == tree(tmp_path / "b")


def test_figures_are_not_written_through_a_link(tmp_path, capsys):
    run = make_run(tmp_path / "run", "step_1", "step_2")
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "figures").mkdir()
    for end in (".score_by_step.png", ".benchmarks_by_step.svg"):
        (tmp_path / "figures" / f"{end}.{os.getpid()}.tmp").symlink_to(tmp_path / "mine")
    assert call(capsys, run, "--scoring", "step-formula", "--figures", tmp_path / "figures")[0] == 0
    (tmp_path / "figures" / "score_by_step.svg").unlink()
    (tmp_path / "figures" / "score_by_step.svg").symlink_to(tmp_path / "mine")
    assert call(capsys, run, "--scoring", "step-formula", "--figures", tmp_path / "figures")[0] == 2
    assert (tmp_path / "mine").read_text() == "mine"


def test_outputs_that_cannot_be_written(tmp_path, capsys):
    run = make_run(tmp_path / "run")
    (tmp_path / "file").touch()
    for option in ("--report", "--figures"):
        assert "file" in refused(capsys, run, "--scoring", "step-formula", option, tmp_path / "file" / "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--push", "me/m"], "--push needs --prepare OUT and --card"),
        (["--prepare", "out"], "--prepare needs --card"),
        (["--card", "c.md"], "--card needs --prepare"),
        (["--prepare", "o", "--card", "c.md", "--push", "me"], "OWNER/NAME is expected"),
        (["--weights", "reference", "--score-function", "f.py"], "exclude each other"),
        (["--scoring", "step-formula", "--results", "r"], "reads no records"),
        (["--draws", "10"], "--draws 10: at least 200, or 0 for no statistics"),
        (["--smooth", "0"], "--smooth takes a number of at least 1"),
        (["--seed", "-1"], "--seed one of at least 0"),
        (
            ["--scoring", "step-formula", "--baseline-step", "100"],
            "--baseline-step and --baseline-model compare measured scores",
        ),
        (["--smooth", "4"], "--smooth 4: only 3 checkpoints are compared"),
    ],
)
def test_usage(tmp_path, capsys, arguments, message):
    assert message in refused(capsys, make_run(tmp_path), *arguments)


# --- As a command ---------------------------------------------------------------------------------------------------


def test_through_uv_run(tmp_path):
    run = measured_run(tmp_path)
    done = subprocess.run(["uv", "run", SCRIPT, run, "--json", "--full"], capture_output=True, text=True)
    assert (done.returncode, json.loads(done.stdout)["best"]["name"]) == (0, "step_500")
    assert "\x1b" not in done.stdout
    failed = subprocess.run(
        ["uv", "run", SCRIPT, tmp_path / "nowhere", "--json", "--full"], capture_output=True, text=True
    )
    assert (failed.returncode, failed.stdout) == (2, "")
    assert failed.stderr.splitlines()[-1].startswith("error: ")


def test_stdout_that_is_closed_or_full(tmp_path):
    run = make_run(tmp_path, *(f"step_{i}" for i in range(1, 900)))
    command = [sys.executable, SCRIPT, run, "--scoring", "step-formula", "--json", "--full"]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert reader.stdout.read(1) == "{"
    reader.stdout.close()
    assert (reader.stderr.read(), reader.wait()) == ("", 0)
    reader.stderr.close()
    if os.path.exists("/dev/full"):
        with open("/dev/full", "w") as full:
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True)
        assert (done.returncode, done.stderr) == (2, "error: stdout: could not be written: No space left on device\n")


def test_json_gives_the_answer_first_and_the_rest_in_full(capsys):
    run = ROOT / "examples" / "tiny_run"
    short, full = (json.loads(call(capsys, run, "--json", *more)[1]) for more in ([], ["--full"]))
    assert (
        list(short)[:6] == ["schema_version", "score_source", "answer", "best", "tied", "reason"]
        and list(short)[-1] == "checkpoints"
    )
    assert any(line.startswith("best: step_700") for line in short["answer"])
    assert len(json.dumps(short)) < len(json.dumps(full)) / 5
    for brief, whole in zip(short["checkpoints"], full["checkpoints"], strict=True):
        assert brief["scores"] == {key: score["score"] for key, score in whole["scores"].items()}
        assert brief["interval"] == whole["interval"] and whole["records"]


def test_the_table_says_what_is_left_out_and_which_weights_are_twins(tmp_path, capsys):
    run = make_run(tmp_path / "run", "step_1", "step_2", "step_3")
    for name, score in (("step_1", 0.17), ("step_2", 0.73)):
        record = make_record(run / name, "gsm8k", score)
        record["model_info"]["additional_details"]["weights_sha256"] = "ab" * 32
        write_json(run / "results", record)
    for folder in ("step_1", "step_2"):
        (run / folder / "model.safetensors").write_bytes(b"same")
    digest = bc.weights_sha256(run / "step_1")
    for path in (run / "results").rglob("*.json"):
        path.write_text(path.read_text().replace("ab" * 32, digest))
    code, out, _ = call(capsys, run)
    assert code == 0
    assert "left out: step_3 (no measured score)" in out
    assert "step_1, step_2 have byte-identical weights and unlike scores (gsm8k 0.170, 0.730)" in out


def test_a_measured_benchmark_of_no_known_unit_is_asked_and_named_nowhere_as_ranked_by(tmp_path, capsys):
    run = make_run(tmp_path / "run", "step_1", "step_2")
    for name, boolq, judged in (("step_1", 0.6, 0.3), ("step_2", 0.5, 0.9)):
        add_record(run, name, "boolq", boolq)
        add_record(run, name, "gsm8k", judged, metric="reward", unit="unknown", bounds=None)
    said = refused(capsys, run, code=3)
    assert "the unit of gsm8k" in said and "--benchmarks boolq" in said
    code, out, _ = call(capsys, run, "--benchmarks", "boolq")
    assert code == 0 and "ranked over: boolq" in out and "best: step_1" in out


# --- Two runs below one folder --------------------------------------------------------------------------------------


def two_runs(root: Path) -> Path:
    """The worse run's checkpoints lie between and behind those of the better one."""
    for run, steps, wrong in (("a", (100, 200, 300), 1), ("b", (150, 250, 350), 10)):
        for step in steps:
            scores = [float((i * 7 + step) % 20 >= wrong - (step == 300)) for i in range(200)]
            name = make_checkpoint(root / run / f"checkpoint-{step}").relative_to(root).as_posix()
            write_record(root / "results", name, scores, details={"path": name})
    return root


def test_no_trend_goes_over_two_runs(tmp_path, capsys):
    code, out, _ = call(capsys, two_runs(tmp_path), "--json")
    ranking = json.loads(out)
    assert code == 0 and ranking["statistics"]["trend"] is None
    assert any("several runs (a, b)" in line for line in ranking["notes"])
    code, out, _ = call(capsys, tmp_path / "a", "--results", tmp_path / "results", "--json")
    assert json.loads(out)["statistics"]["trend"]["checkpoints"][-1] == "checkpoint-300"


def test_no_mean_goes_over_two_runs(tmp_path, capsys):
    code, out, err = call(capsys, two_runs(tmp_path), "--smooth", 2)
    assert (code, out) == (3, "") and "several runs (a, b)" in err


def test_two_models_of_one_name_are_refused(tmp_path, capsys):
    for run in "ab":
        name = make_checkpoint(tmp_path / run / "final").relative_to(tmp_path).as_posix()
        write_record(tmp_path / "results", name, [1.0, 0.0], details={"path": name})
    code, out, err = call(capsys, tmp_path)
    assert (code, out) == (2, "") and "final occurs twice" in err
