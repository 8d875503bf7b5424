"""LoRA adapters of one base as a sweep: the base loaded once, each adapter proved, answers those of a fresh process.

The base is one of the example's checkpoints; the adapters are made with PEFT on it.
"""

import functools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import compare_results
import pytest

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "examples" / "tiny_run"
PYTHON = os.environ.get("HUB_EVALS_VLLM_PYTHON")
ITEMS = 10
SKILLS = ("math_reasoning", "sentiment_analysis")
SCRIPTS = {
    "lighteval": ["lighteval_vllm_uv.py", "--tasks", *SKILLS, "--custom-tasks", "tasks.py"],
    "lm_eval": ["lm_eval_vllm_uv.py", "--tasks", *SKILLS, "--custom-tasks", "lm/lm_eval_tasks"],
    "inspect": ["inspect_vllm_uv.py", "--task", *(f"inspect_tasks.py@{skill}" for skill in SKILLS)],
}
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not PYTHON, reason="HUB_EVALS_VLLM_PYTHON names no Python with the harnesses"),
]

MAKE = """
import shutil, sys, torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM
base, out = sys.argv[1:3]
def make(name, seed, scale, **more):
    torch.manual_seed(seed)
    model = AutoModelForCausalLM.from_pretrained(base)
    plain = {"r": 4, "lora_alpha": 8, "target_modules": ["q_proj", "v_proj"]}
    model = get_peft_model(model, LoraConfig(**(plain | more)))
    for key, tensor in model.named_parameters():
        if "lora_B" in key or "lora_embedding_B" in key:
            torch.nn.init.normal_(tensor, std=scale) if scale else None
    model.save_pretrained(f"{out}/{name}")
make("checkpoint-10", 1, 0.5)
make("checkpoint-20", 2, 0.5)
make("checkpoint-30", 1, 0.5)
make("checkpoint-40", 3, 0.0)
make("checkpoint-50", 4, 0.5, modules_to_save=["lm_head"])
out = f"{out}-other"
every = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
make("checkpoint-1", 5, 0.3, r=6, use_rslora=True, target_modules=every)
make("checkpoint-2", 6, 0.3, rank_pattern={"q_proj": 2}, alpha_pattern={"v_proj": 3})
make("checkpoint-3", 7, 0.3, target_modules=["o_proj", "embed_tokens"])
make("checkpoint-4", 8, 0.3, target_modules=["o_proj", "lm_head"])
def change(source, folder, change):
    shutil.copytree(source, folder)
    tensors = load_file(f"{folder}/adapter_model.safetensors")
    change(tensors)
    save_file(tensors, f"{folder}/adapter_model.safetensors")
change("lora/checkpoint-20", "lora/checkpoint-60", lambda tensors: tensors.pop(min(tensors)))
change("lora-other/checkpoint-3", "brings/checkpoint-1", lambda tensors: next(
    tensor for name, tensor in tensors.items() if ".base_layer." in name).add_(1))
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> Path:
    """A base, adapters of it (the third is the first once more, the fourth all zeros), and one that lost a tensor.

    Beside them adapters of other kinds, and one that brings other embeddings with the second adapter behind it.
    """
    folder = tmp_path_factory.mktemp("world")
    shutil.copytree(TINY / "data", folder / "data")
    shutil.copytree(TINY / "data", folder / "lm" / "data")
    shutil.copytree(TINY / "lm_eval_tasks", folder / "lm" / "lm_eval_tasks")
    for name in ("tasks.py", "inspect_tasks.py"):
        shutil.copy(TINY / name, folder)
    shutil.copytree(
        TINY / "checkpoints" / "step_500", folder / "base", ignore=lambda f, names: {"results"} & set(names)
    )
    done = subprocess.run([PYTHON, "-c", MAKE, "base", "lora"], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    shutil.copytree(folder / "lora" / "checkpoint-20", folder / "brings" / "checkpoint-2")
    return folder


def run(world: Path, harness: str, output: str, models: list[str], *more: str) -> subprocess.CompletedProcess[str]:
    name, *tasks = SCRIPTS[harness]
    command = [PYTHON, str(ROOT / "scripts" / name), "--model", *models, *tasks, "--limit", str(ITEMS)]
    environment = {
        **os.environ,
        "HF_ENDPOINT": "http://127.0.0.1:9",
        "HF_HOME": str(world / "hf"),
        "CUDA_VISIBLE_DEVICES": "",
    }
    done = subprocess.run(
        [*command, "--output-dir", output, *more],
        cwd=world,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
    return done


def records(folder: Path) -> dict[tuple[str, str], tuple[dict, list]]:
    """Records and their answers, by model and task."""
    found = {}
    for path in folder.rglob("*.json"):
        content = json.loads(path.read_text())
        if "evaluation_results" in content:
            rows = map(json.loads, path.with_name(f"{path.stem}_samples.jsonl").read_text().splitlines())
            # Of a character that the token limit has cut in half vLLM says nothing, and transformers marks it.
            answers = sorted(
                (row["sample_id"], [text.rstrip("\ufffd") for text in row["output"]["raw"]], row["evaluation"]["score"])
                for row in rows
            )
            found[content["model_info"]["id"], content["evaluation_results"][0]["evaluation_name"]] = content, answers
    return found


@functools.cache
def sweep(world: Path, harness: str) -> tuple[subprocess.CompletedProcess[str], dict]:
    """The base and all adapters in one run; its records."""
    done = run(world, harness, f"swept-{harness}", ["base", "lora"])
    return done, records(world / f"swept-{harness}")


@pytest.fixture(scope="module", params=SCRIPTS)
def swept(request, world):
    """A harness, and the base and all adapters in one run of it."""
    return request.param, *sweep(world, request.param)


def details(found, model: str) -> dict:
    return found[model, "math_reasoning"][0]["model_info"]["additional_details"]


def local(world: Path, name: str) -> str:
    return f"{world.name}/{name}" if name == "base" else f"lora/{name}"


def test_adapters_of_a_base_are_a_sweep_on_one_engine(world, swept):
    _, done, found = swept
    assert done.returncode == 1, "one adapter lost a tensor"
    good = [local(world, "base"), *(f"lora/checkpoint-{n}" for n in (10, 20, 30, 40, 50))]
    assert {model for model, _ in found} == set(good)
    assert done.stderr.count("a new engine is started") == 1, "for the broken one alone"
    broken = [json.loads(path.read_text()) for path in world.glob(f"swept-{swept[0]}/**/*_failure.json")]
    assert {row["model_id"] for row in broken} == {"lora/checkpoint-60"}
    assert "Traceback" not in done.stderr


def test_each_adapter_is_proved_and_recorded_with_its_base(world, swept):
    found = swept[2]
    base = details(found, local(world, "base"))
    assert "base_model" not in base
    for step in (10, 20, 30, 50):
        own = details(found, f"lora/checkpoint-{step}")
        assert own["base_weights_sha256"] == base["weights_sha256"] != own["weights_sha256"]
        assert own["base_model"] == local(world, "base")
        assert "adapter tensors read back exactly; answers differ from the base's" in own["loaded_proof"]
    assert "it changes nothing" in details(found, "lora/checkpoint-40")["loaded_proof"]
    sums = [details(found, f"lora/checkpoint-{step}")["loaded_checksum"] for step in (10, 20, 30)]
    assert sums[0] == sums[2] != sums[1]


def test_answers_belong_to_the_adapter_whatever_came_before(world, swept):
    """A fresh process of one harness, too; in all of them vLLM, which replaces nothing, has to answer the same."""
    harness, _, found = swept
    for task in ("math_reasoning", "sentiment_analysis"):
        one, two, again, zeros = (found[f"lora/checkpoint-{step}", task][1] for step in (10, 20, 30, 40))
        assert one == again
        assert zeros == found[local(world, "base"), task][1]
        assert one != two or one != zeros
    if harness == "lm_eval":
        alone = run(world, harness, "alone", ["lora/checkpoint-20"])
        assert alone.returncode == 0
        alone = records(world / "alone")
        assert len(alone) == 2
        assert all(answers == found[name][1] for name, (_, answers) in alone.items())


def test_an_adapter_is_compared_with_its_base_in_one_command(world, swept, monkeypatch, capsys):
    monkeypatch.chdir(world)
    words = ["--baseline", local(world, "base"), "--candidate", "lora/checkpoint-20", "--results", f"swept-{swept[0]}"]
    code = compare_results.main([*words, "--json"])
    captured = capsys.readouterr()
    assert code in (0, 1, 3), captured.err
    assert "math_reasoning" in captured.out


def test_what_is_finished_is_skipped_and_another_base_is_measured_anew(world, swept):
    harness = swept[0]
    again = run(world, harness, f"swept-{harness}", ["lora/checkpoint-10"])
    assert again.returncode == 0
    assert "(0 new, 2 finished before)" in again.stdout
    shutil.copytree(TINY / "checkpoints" / "step_900", world / f"other-{harness}")
    words = [f"swept-{harness}", ["lora/checkpoint-10"], "--base-model", f"other-{harness}"]
    plan = json.loads(run(world, harness, *words, "--dry-run", "--json").stdout)
    assert (plan["to_run"], plan["finished"]) == (2, 0)
    if harness == "lm_eval":
        assert "(2 new, 0 finished before)" in run(world, harness, *words).stdout


@pytest.fixture(scope="module")
def on_vllm(world, swept):
    """The same on vLLM."""
    harness, output = swept[0], f"vllm-{swept[0]}"
    done = run(world, harness, output, ["base", "lora"], "--backend", "vllm", "--device", "cpu")
    failures = [json.loads(path.read_text()) for path in world.glob(f"{output}/**/*_failure.json")]
    return done, records(world / output), {row["model_id"]: row["error"] for row in failures}


def test_vllm_answers_with_each_adapter_as_transformers_does(world, swept, on_vllm):
    (_, _, one), (done, two, failed) = swept, on_vllm
    assert done.returncode == 1
    assert {name for name, _ in two} == {local(world, "base"), *(f"lora/checkpoint-{n}" for n in (10, 20, 30, 40))}
    assert all(two[name][1] == one[name][1] for name in two)
    assert set(failed) == {"lora/checkpoint-50", "lora/checkpoint-60"}
    assert "vLLM does not run adapters with whole layers (modules_to_save)" in failed["lora/checkpoint-50"]
    starts = [line.split(": ")[0] for line in done.stderr.splitlines() if "a new engine is started" in line]
    assert starts == ["lora/checkpoint-10", "lora/checkpoint-60"], "one for the base, one for all adapters"
    assert "Traceback" not in done.stdout


def test_adapters_in_vllm_are_proved_and_recorded_with_their_base(world, on_vllm):
    found = on_vllm[1]
    base = details(found, local(world, "base"))
    for step in (10, 20, 30):
        own = details(found, f"lora/checkpoint-{step}")
        assert own["base_weights_sha256"] == base["weights_sha256"] != own["weights_sha256"]
        assert own["loaded_proof"] == "16 adapter tensors read back exactly; answers differ from the base's"
    assert "it changes nothing" in details(found, "lora/checkpoint-40")["loaded_proof"]
    sums = [details(found, f"lora/checkpoint-{step}")["loaded_checksum"] for step in (10, 20, 30, 40)]
    assert sums[0] == sums[2]
    assert len(set(sums)) == 3


@pytest.fixture(scope="module")
def kinds(world):
    """Adapters of other kinds, behind them one that brings other embeddings and a plain one."""
    return run(world, "lm_eval", "kinds-hf", ["lora-other", "brings"], "--backend", "hf"), records(world / "kinds-hf")


def test_adapters_of_every_kind_answer_alike_or_are_refused(world, kinds):
    """Scaled by root or by layer, of other layers, of the embeddings; on the output layer vLLM mistakes prompts."""
    found = {name: answers for name, (_, answers) in kinds[1].items() if name[0].startswith("lora-other/")}
    run(world, "lm_eval", "kinds-vllm", ["lora-other"], "--backend", "vllm", "--device", "cpu")
    on_vllm = {name: answers for name, (_, answers) in records(world / "kinds-vllm").items()}
    assert {name for name, _ in found} == {f"lora-other/checkpoint-{n}" for n in (1, 2, 3, 4)}
    assert found.keys() - on_vllm.keys() == {("lora-other/checkpoint-4", skill) for skill in SKILLS}
    for name, answers in on_vllm.items():
        assert answers == found[name], name


def test_an_adapter_that_brings_other_embeddings_is_refused_and_harms_no_other(world, kinds):
    """PEFT would put them in the place of the base's, for all adapters behind."""
    done, found = kinds
    assert done.returncode == 1
    assert "model.embed_tokens.weight is not its base's: merge the two" in done.stderr
    assert {name for name, _ in found if name.startswith("brings/")} == {"brings/checkpoint-2"}
    alone = sweep(world, "lm_eval")[1]
    for skill in SKILLS:
        assert found["brings/checkpoint-2", skill][1] == alone["lora/checkpoint-20", skill][1]


def test_a_base_that_is_not_there_is_one_line(world):
    shutil.copytree(world / "lora" / "checkpoint-10", world / "lone" / "checkpoint-1")
    path = world / "lone" / "checkpoint-1" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"base_model_name_or_path": "gone/away/model"}))
    done = run(world, "lighteval", "none", ["lone/checkpoint-1"])
    assert (done.returncode, done.stdout) == (2, "")
    assert "lone/checkpoint-1: its base model gone/away/model: no such folder here: give --base-model" in done.stderr
    assert done.stderr.count("\n") == 1
