"""--watch without a harness: which checkpoints are handed on and when, what ends it, what half-written files do."""

import argparse
import json
import os
import shutil
import threading
import time
from pathlib import Path

import lighteval_vllm_uv as script
import pytest
from lighteval_vllm_uv import Finished, ScriptError, TrainingWatch

TINY = Path(__file__).resolve().parent.parent / "examples" / "tiny_run" / "checkpoints"


@pytest.fixture(autouse=True)
def quick(monkeypatch, tmp_path):
    monkeypatch.setattr(script, "WATCH_SECONDS", 0.02)
    monkeypatch.setattr(script, "SETTLED_SECONDS", 1e9)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()


def arguments(*words: str) -> argparse.Namespace:
    return script.build_parser().parse_args(["--model", "run", "--tasks", "t", "--watch", *words])


def put(name: str, step: int = 100, less: int = 0) -> Path:
    """A checkpoint as a training writes it; `less` bytes of its weights are still to come."""
    folder = Path("run") / name
    folder.mkdir(exist_ok=True)
    for path in (TINY / f"step_{step}").iterdir():
        if path.is_file():
            shutil.copy(path, folder)
    if less:
        with (folder / "model.safetensors").open("r+b") as file:
            file.truncate(file.seek(0, os.SEEK_END) - less)
    return folder


def names(models) -> list[str]:
    return [model.checkpoint for model in models]


def test_a_checkpoint_is_handed_on_once_when_its_files_have_settled(capsys):
    watch = TrainingWatch(arguments())
    put("step_1")
    assert names(watch.ready()) == [], "seen for the first time: it may still change"
    assert names(watch.ready()) == ["step_1"]
    assert names(watch.ready()) == []
    put("step_2", less=5)
    assert names(watch.ready()) == names(watch.ready()) == []
    assert capsys.readouterr().err.count("step_2 waits: model.safetensors is shorter than its header says") == 1
    put("step_2")
    assert names(watch.ready()) == []
    assert names(watch.ready()) == ["step_2"]


def test_a_file_that_grows_between_two_looks_has_not_settled():
    watch, folder = TrainingWatch(arguments()), put("step_1")
    for number in range(3):
        (folder / "optimizer.pt").write_bytes(b"x" * number)
        assert names(watch.ready()) == []
    assert names(watch.ready()) == ["step_1"]


def test_what_was_written_long_ago_is_taken_at_once(monkeypatch):
    monkeypatch.setattr(script, "SETTLED_SECONDS", 30.0)
    for path in put("step_1").iterdir():
        os.utime(path, (time.time() - 100, time.time() - 100))
    assert names(TrainingWatch(arguments()).ready()) == ["step_1"]


def test_an_index_without_all_its_files_is_not_complete():
    folder = put("step_1")
    (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
    shards = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": shards}))
    watch = TrainingWatch(arguments())
    assert names(watch.ready()) == names(watch.ready()) == []
    shutil.copy(TINY / "step_300/model.safetensors", folder / "model-00002-of-00002.safetensors")
    assert names([*watch.ready(), *watch.ready()]) == ["step_1"]


def watched(args: argparse.Namespace, write, records=()) -> list[str]:
    """What a watch hands on while `write` plays the training in another thread."""
    watch = TrainingWatch(args)
    training = threading.Thread(target=write)
    training.start()
    found = names(script.wait_for_first(args, watch))
    found += names(watch.coming(lambda: records))
    training.join()
    return found


def test_it_follows_a_training_until_a_step(capsys):
    def training():
        for step in (100, 200, 300):
            put(f"checkpoint-{step}", step, less=10)
            time.sleep(0.1)
            put(f"checkpoint-{step}", step)
            time.sleep(0.1)

    assert watched(arguments("--until-step", "300"), training) == ["checkpoint-100", "checkpoint-200", "checkpoint-300"]
    said = capsys.readouterr().err
    assert "waiting for the first checkpoint in run" in said
    assert said.endswith("watching ends: step 300 is measured\n")


def test_a_stop_file_ends_it(capsys):
    def training():
        put("step_1")
        time.sleep(0.3)
        Path("results").mkdir()
        Path("results/STOP").touch()

    assert watched(arguments(), training) == ["step_1"]
    assert "watching ends: results/STOP is there" in capsys.readouterr().err


def test_a_step_that_is_there_already_ends_it_before_anything_is_waited_for():
    put("step_5")
    args = arguments("--until-step", "5")
    watch = TrainingWatch(args)
    assert names(script.wait_for_first(args, watch)) == ["step_5"]
    assert list(watch.coming(list)) == []


def record(step: int, score: float, error: float = 0.01, task: str = "t|0", low: bool = False) -> Finished:
    details = {"score": score, "uncertainty": {"standard_error": {"value": error}}}
    result = {"score_details": details, "metric_config": {"lower_is_better": low}}
    info = {"id": f"run/step_{step}", "additional_details": {"step": str(step)}}
    return Finished(Path("x"), {"model_info": info, "evaluation_results": [result]}, task)


@pytest.mark.parametrize(
    ("scores", "declines"),
    [
        ([0.5, 0.6, 0.7, 0.6, 0.6, 0.6], True),
        ([0.5, 0.6, 0.7, 0.6, 0.6, 0.7], False),
        ([0.5, 0.6, 0.7, 0.69, 0.69, 0.69], False),
        ([0.7, 0.6, 0.6], False),
        ([0.7, 0.6, 0.6, 0.6], True),
        ([0.1, 0.2, 0.3, 0.4], False),
    ],
)
def test_a_decline_is_three_in_a_row_that_are_surely_worse(scores, declines):
    rows = [record(step, score) for step, score in enumerate(scores)]
    assert bool(script.decline(rows)) == declines
    assert bool(script.decline(rows[::-1])) == declines, "by steps, whatever the order of the records"
    assert bool(script.decline([record(s, 1 - v, low=True) for s, v in enumerate(scores)])) == declines
    assert script.decline([record(step, score, error=0.2) for step, score in enumerate(scores)]) is None
    extra = [record(0, 9.0, task="only the first has it|0")]
    assert bool(script.decline(rows + extra)) == declines


def test_none_of_a_few_right_is_no_certain_zero():
    rows = [
        record(step, score, error) for step, score, error in ((0, 0.2, 0.0917), *((s, 0.0, 0.0) for s in (1, 2, 3)))
    ]
    for finished in rows:
        (result,) = finished.record["evaluation_results"]
        result["metric_config"] |= {"metric_unit": "proportion", "metric_name": "acc"}
        result["score_details"]["uncertainty"]["num_samples"] = 20
    assert script.decline(rows) is None
    (line,) = script.score_line(rows[1])
    assert line["interval_95"] == pytest.approx((0.0, 0.1611), abs=1e-4)  # Wilson's
    assert "interval_95" not in script.score_line(rows[0])[0]


def test_a_declining_run_is_ended(capsys):
    for step in (1, 2, 3, 4):
        put(f"step_{step}", step * 100)
    rows = [record(step, score) for step, score in ((1, 0.9), (2, 0.5), (3, 0.5), (4, 0.5))]
    args = arguments("--stop-when", "declining")
    watch = TrainingWatch(args)
    watch.ready()
    assert list(watch.coming(lambda: rows)) != []
    assert (
        "watching ends: declining: run/step_2, run/step_3, run/step_4 are all below run/step_1"
        in capsys.readouterr().err
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--model", "run", "--tasks", "t", "--until-step", "5"], "add --watch"),
        (["--model", "run", "--tasks", "t", "--stop-when", "declining"], "add --watch"),
        (["--model", "owner/name", "--tasks", "t", "--watch"], "no folder here"),
        (["--model", "run", "--tasks", "t", "--watch", "--dry-run"], "leave --watch out"),
    ],
)
def test_what_cannot_be_watched_is_one_line(capsys, words, said):
    assert script.main(words) == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert said in err


def test_a_stop_file_of_last_time_is_said_before_it_waits(capsys):
    Path("results").mkdir()
    Path("results/STOP").touch()
    assert script.main(["--model", "run", "--tasks", "t", "--watch"]) == 2
    assert "results/STOP is there: remove it first" in capsys.readouterr().err


def test_a_checkpoint_whose_base_is_gone_is_passed_over_and_the_watch_goes_on(capsys):
    put("step_1")
    lora = put("step_2")
    (lora / "config.json").unlink()
    (lora / "model.safetensors").rename(lora / "adapter_model.safetensors")
    (lora / "adapter_config.json").write_text('{"base_model_name_or_path": "gone/a/b"}')
    watch = TrainingWatch(arguments())
    watch.ready()
    assert names(watch.ready()) == ["step_1"]
    assert "step_2 is passed over: run/step_2: its base model" in capsys.readouterr().err
    with pytest.raises(ScriptError, match="base model"):
        script.resolve_models(arguments())
