"""Layouts of training runs as people have them, made of the example's real checkpoints and found by one part."""

import json
import os
import shutil
import struct
from pathlib import Path

import benchmark_calculator as calculator
import pytest

from parts.checkpoints import training_state, unfinished
from parts.harness.models import find_models, local_model
from parts.names import parse_checkpoint_name
from parts.training_runs import find_checkpoints

TINY = Path(__file__).resolve().parent.parent / "examples" / "tiny_run" / "checkpoints"
STEPS = [100, 300, 500]


def put(place: Path, step: int) -> Path:
    """One of the example's checkpoints in a folder."""
    place.mkdir(parents=True, exist_ok=True)
    for path in (TINY / f"step_{step}").iterdir():
        if path.is_file():
            shutil.copy(path, place)
    return place


def names(root: Path, to_run: bool = True) -> list[tuple[str, int | None]]:
    return [(c.name, c.step) for c in find_checkpoints(root, to_run=to_run).checkpoints]


@pytest.mark.parametrize(
    ("pattern", "name"),
    [
        ("checkpoint-{}", "checkpoint-{}"),
        ("checkpoint-{}-merged", "checkpoint-{}-merged"),
        ("stage1-step{}-tokens4B", "stage1-step{}-tokens4B"),
        ("stage2-ingredient1-step{}-tokens51B", "stage2-ingredient1-step{}-tokens51B"),
        ("global_step_{}/actor/huggingface", "global_step_{}"),
        ("step_{}/policy/weights/hf", "step_{}"),
        ("runs/2026-11-01_10-00/checkpoints/step_{}", "step_{}"),
        ("a/b/c/iter_{:07d}", "iter_{:07d}"),
    ],
)
@pytest.mark.parametrize("to_run", [True, False], ids=["evaluation", "ranking"])
def test_checkpoints_are_found_in_step_order_wherever_they_lie(tmp_path, pattern, name, to_run, capsys):
    for step in reversed(STEPS):
        put(tmp_path / "run" / pattern.format(step), step)
    assert names(tmp_path / "run", to_run) == [(name.format(step), step) for step in STEPS]
    place = Path(pattern.partition("{")[0]).parent.as_posix() if "/" in pattern.partition("{")[0] else None
    said = capsys.readouterr().err
    assert (f"in {place}" in said) if place and place != "." else said == ""


def test_deeper_than_four_levels_is_not_looked(tmp_path):
    put(tmp_path / "run/a/b/c/d/step_1", 100)
    assert names(tmp_path / "run") == []


def test_other_models_of_a_training_are_not_the_one_that_is_trained(tmp_path):
    for model in ("actor", "critic"):
        put(tmp_path / "run/global_step_5" / model / "huggingface", 100)
    (found,) = find_checkpoints(tmp_path / "run").checkpoints
    assert found.path == tmp_path / "run/global_step_5/actor/huggingface"
    for model in ("a", "b"):
        put(tmp_path / "run/global_step_6" / model, 300)
    skipped = find_checkpoints(tmp_path / "run").skipped
    assert [(entry.name, entry.reason) for entry in skipped] == [
        ("global_step_6", "several models in it (a, b): name the folder of one")
    ]


def trainer_output(root: Path, final: int, state: int | None = 520) -> Path:
    """A Trainer's output: checkpoints below, the model that it saved last at the top."""
    for step in STEPS:
        put(root / f"checkpoint-{step}", step)
    put(root, final)
    if state is not None:
        (root / "trainer_state.json").write_text(json.dumps({"global_step": state, "log_history": []}))
    return root


@pytest.mark.parametrize("to_run", [True, False], ids=["evaluation", "ranking"])
def test_the_model_at_the_top_of_a_trainers_output_is_the_last_one(tmp_path, to_run):
    root = trainer_output(tmp_path / "out", 700)
    assert names(root, to_run) == [*((f"checkpoint-{step}", step) for step in STEPS), ("final", 520)]
    (root / "trainer_state.json").write_text("no json")
    assert names(root, to_run)[-1] == ("final", None)


def test_a_final_model_that_is_one_of_the_checkpoints_is_not_measured_twice(tmp_path):
    found = find_checkpoints(trainer_output(tmp_path / "out", 300))
    assert [c.name for c in found.checkpoints] == [f"checkpoint-{step}" for step in STEPS]
    assert [(entry.name, entry.reason) for entry in found.skipped] == [
        ("final", "its weights are those of checkpoint-300")
    ]


def test_the_models_that_are_evaluated_carry_the_checkpoints_name_and_step(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root = trainer_output(Path("my_run/output"), 700)
    put(root / "global_step_9/actor/huggingface", 900)
    models = [local_model(found) for found in find_models(root)[0]]
    facts = [(model.id, model.checkpoint, model.step, model.path) for model in models]
    assert facts == [
        ("my_run/global_step_9", "global_step_9", "9", "my_run/output/global_step_9/actor/huggingface"),
        *(
            (f"my_run/checkpoint-{step}", f"checkpoint-{step}", str(step), f"my_run/output/checkpoint-{step}")
            for step in STEPS
        ),
        ("my_run/final", "final", "520", "my_run/output"),
    ]
    assert [model.id for model in map(local_model, find_models(root / "global_step_9")[0])] == ["my_run/global_step_9"]
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    away = [local_model(found).path for found in find_models(tmp_path / "my_run/output")[0]]
    assert away[0] == "output/global_step_9" or away[0] == "my_run/global_step_9", "never an absolute path"


def record(folder: Path, model, score: float) -> None:
    """A record as a run of the evaluation scripts leaves it, for a model of find_models."""
    details = {"deployment_type": "self_deployed", "weights_sha256": model.weights_sha256, "path": model.path}
    content = {
        "schema_version": "0.3.0",
        "evaluation_id": f"gsm8k/{model.id}/1",
        "retrieved_timestamp": "1700000000",
        "source_metadata": {"source_type": "evaluation_run"},
        "model_info": {"name": model.id, "id": model.id, "additional_details": details},
        "eval_library": {"name": "lighteval", "version": "0.13.0"},
        "evaluation_results": [
            {
                "evaluation_result_id": "gsm8k|0/accuracy",
                "evaluation_name": "gsm8k",
                "source_data": {"dataset_name": "gsm8k", "source_type": "other"},
                "metric_config": {"metric_id": "accuracy", "lower_is_better": False, "metric_unit": "proportion"},
                "score_details": {"score": score, "uncertainty": {"num_samples": 100}},
            }
        ],
    }
    place = folder / "data" / "gsm8k" / f"{model.checkpoint}.json"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(json.dumps(content))


def test_what_was_evaluated_is_ranked_under_the_same_names(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    root = trainer_output(Path("run"), 700)
    put(root / "global_step_400/actor/huggingface", 900)
    for place, found in enumerate(find_models(root)[0]):
        record(Path("run/results"), local_model(found), 0.1 + place / 10)
    assert calculator.main(["run", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in answer["checkpoints"]] == [
        "checkpoint-100",
        "checkpoint-300",
        "global_step_400",
        "checkpoint-500",
        "final",
    ]
    assert answer["best"]["name"] == "final"
    assert answer["score_source"] == "measured"


def test_a_final_model_is_prepared_without_the_checkpoints_below_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    root = trainer_output(Path("run"), 700)
    for found in find_models(root)[0]:
        record(Path("run/results"), local_model(found), 0.9 if found.name == "final" else 0.1)
    Path("CARD.md").write_text("| Benchmark | Score |\n| --- | --- |\n| GSM8K | {RESULT} |\n")
    assert calculator.main(["run", "--prepare", "out", "--card", "CARD.md"]) == 0, capsys.readouterr().err
    here = {path.name for path in root.iterdir() if path.is_file()} - {"README.md", "trainer_state.json"}
    assert {path.relative_to("out").as_posix() for path in Path("out").rglob("*")} == {*here, "README.md"}


# --- what is no checkpoint yet ---

STATES = {
    "zero": (
        ["zero_to_fp32.py", "latest", "global_step500/bf16_zero_pp_rank_0_mp_rank_00_optim_states.pt"],
        "DeepSpeed ZeRO",
        "python -m deepspeed.utils.zero_to_fp32 {} OUT",
    ),
    "fsdp": (
        ["pytorch_model_fsdp_0/__0_0.distcp", "pytorch_model_fsdp_0/.metadata"],
        "FSDP",
        "accelerate merge-weights {}/pytorch_model_fsdp_0 OUT",
    ),
    "verl": (
        ["actor/model_world_size_8_rank_0.pt", "actor/huggingface/config.json", "actor/optim_world_size_8_rank_0.pt"],
        "verl on FSDP",
        "python -m verl.model_merger merge --backend fsdp --local_dir {}/actor --target_dir OUT",
    ),
    "megatron": (["mp_rank_00/model_optim_rng.pt"], "Megatron", "--megatron-path {} --hf-path OUT"),
    "megatron_dist": (["common.pt", "__0_0.distcp", ".metadata"], "Megatron", "--megatron-path {} --hf-path OUT"),
}


@pytest.mark.parametrize("kind", STATES)
def test_the_sharded_state_of_a_training_is_named_with_its_converter(tmp_path, monkeypatch, kind, capsys):
    monkeypatch.chdir(tmp_path)
    files, whose, command = STATES[kind]
    for name in files:
        path = Path("run/iter_0000500") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    put(Path("run/step_100"), 100)
    found = find_checkpoints(Path("run"), to_run=True)
    assert [c.name for c in found.checkpoints] == ["step_100"]
    (entry,) = found.skipped
    assert f"the sharded training state of {whose}" in entry.reason
    assert command.replace("{}", "run/iter_0000500") in entry.reason
    assert "\n" not in entry.reason
    assert training_state(Path("run/step_100")) is None


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)


def test_weights_that_are_still_being_written_are_no_checkpoint(tmp_path):
    for name in ("step_1", "step_2", "step_3", "step_4"):
        put(tmp_path / "run" / name, 100)
    whole = (tmp_path / "run/step_1/model.safetensors").stat().st_size
    header = struct.unpack("<Q", (tmp_path / "run/step_1/model.safetensors").read_bytes()[:8])[0]
    for name, size in (("step_2", whole - 1), ("step_3", 8 + header // 2), ("step_4", 0)):
        cut(tmp_path / "run" / name / "model.safetensors", size)
    for to_run in (True, False):
        found = find_checkpoints(tmp_path / "run", to_run=to_run)
        assert [c.name for c in found.checkpoints] == ["step_1"]
        assert {entry.name for entry in found.skipped} == {"step_2", "step_3", "step_4"}
        assert all("still being written?" in entry.reason for entry in found.skipped)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 100, 5000])
def test_any_beginning_of_a_file_is_unfinished_or_no_safetensors_file(tmp_path, size):
    path = tmp_path / "model.safetensors"
    path.write_bytes((TINY / "step_100/model.safetensors").read_bytes()[:size])
    assert unfinished(path) or size in range(1, 9), "from nine bytes on it can be told"
    shutil.copy(TINY / "step_100/model.safetensors", path)
    assert unfinished(path) is None


def test_a_pytorch_file_that_ends_too_early_is_unfinished(tmp_path):
    import zipfile

    path = tmp_path / "pytorch_model.bin"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", "x" * 5000)
    assert unfinished(path) is None
    cut(path, path.stat().st_size // 2)
    assert "ends too early" in unfinished(path)


@pytest.mark.parametrize(
    "name", ["stage1", "stage1-", "merged", "checkpoint-merged", "tokens4B", "step5-", "stage1-stage2-step5"]
)
def test_names_that_only_look_alike_are_none(name):
    assert parse_checkpoint_name(name) is None


def test_nothing_outside_and_no_endless_links_are_followed(tmp_path):
    put(tmp_path / "outside/step_9", 100)
    put(tmp_path / "run/deep/step_1", 100)
    os.symlink(tmp_path / "outside", tmp_path / "run" / "link")
    os.symlink(tmp_path / "run", tmp_path / "run" / "deep" / "loop")
    assert names(tmp_path / "run") == [("step_1", 1)]
