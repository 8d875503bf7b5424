"""run_vllm_eval_job.py and run_eval_job.py against a local Jobs API that the unmodified client talks to."""

import functools
import hashlib
import json
import os
import random
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
import tomllib
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
import run_eval_job as provider_script
import run_vllm_eval_job as script
from hypothesis import given
from hypothesis import strategies as st
from local_hub import local_hub
from local_jobs import Ending, Pretend, Process
from packaging.requirements import Requirement
from thoroughness import THOROUGH

ROOT = Path(__file__).resolve().parent.parent
LLAMA = {
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 8,
    "intermediate_size": 14336,
    "vocab_size": 128256,
    "max_position_embeddings": 131072,
    "torch_dtype": "bfloat16",
}
CATALOG = script.Catalog(script.FLAVORS, "built in")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub with four small checkpoints, and this process in an empty folder."""
    with local_hub(tmp_path / "home") as found:
        for step in (1, 2, 3, 4):
            found.create_repo(f"me/lm-step_{step}", files=model_files())
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        for module in (script, provider_script):
            monkeypatch.setattr(module, "POLL_SECONDS", 0.0)
            monkeypatch.setattr(module, "FIRST_WAIT", 0.0)
        yield found


def model_files(kind="F16", values=1000, **config):
    """The files of a model whose weights are only announced."""
    header = json.dumps({"w": {"dtype": kind, "shape": [values], "data_offsets": [0, 0]}}).encode()
    small = {**LLAMA, "max_position_embeddings": 256, "num_hidden_layers": 2, **config}
    return {"model.safetensors": struct.pack("<Q", len(header)) + header, "config.json": json.dumps(small)}


def models(count):
    return [f"me/lm-step_{step}" for step in range(1, count + 1)]


def command(*more, count=1, tasks=("gsm8k|5",), run_id="r1"):
    return ["--model", *models(count), "--task", *tasks, "--run-id", run_id, *more]


def main(*words):
    return script.main([*words])


def option(job, flag):
    """What stands behind a flag in the arguments of a job's script."""
    words = job.script_arguments
    rest = words[words.index(flag) + 1 :] if flag in words else []
    stop = next((i for i, word in enumerate(rest) if word.startswith("--")), len(rest))
    return rest[:stop]


def record(model, task, number=0, limit=None):
    """A sound record and its samples."""
    name = f"{abs(hash((model, task, number))):032x}"[:32]
    uuid = f"{name[:8]}-{name[8:12]}-4{name[13:16]}-8{name[17:20]}-{name[20:]}"
    base = script.plain_task(task)
    repo, below, revision = script.split_place(model)
    details = {"checkpoint": below or revision, "subfolder": below, "revision": "c" * 40}
    content = {
        "schema_version": "0.3.0",
        "evaluation_id": f"{base}/{model}/{number}",
        "retrieved_timestamp": "1",
        "source_metadata": {"source_name": "test"},
        "model_info": {"id": repo, "name": repo, "additional_details": {k: v for k, v in details.items() if v}},
        "eval_library": {"name": "lighteval", "version": "1", "additional_details": {"task": task, "task_group": "1"}},
        "evaluation_results": [
            {
                "evaluation_name": base,
                "metric_config": {"metric_id": "accuracy", "metric_unit": "proportion"},
                "score_details": {"score": 0.5, "uncertainty": {"num_samples": 2}},
                "generation_config": {"additional_details": {"limit": limit} if limit else {}},
            }
        ],
    }
    about = {"evaluation_id": content["evaluation_id"], "evaluation_name": base, "input": {"raw": "?"}}
    rows = [about | {"sample_id": str(i), "evaluation": {"score": float(i)}} for i in range(2)]
    line = "".join(json.dumps(row) + "\n" for row in rows)
    place = f"data/{base}/me/{repo.split('/')[1]}/{uuid}"
    checksum = hashlib.sha256(line.encode()).hexdigest()
    content["detailed_evaluation_results"] = {"hash_algorithm": "sha256", "checksum": checksum, "total_rows": 2}
    return {f"{place}.json": json.dumps(content), f"{place}_samples.jsonl": line}


def upload(hub, job, instead=None, **changes):
    """What the evaluation script does at its end: put its records (or other files) into the data set."""
    repo, folder = option(job, "--results-repo")[0].split("/runs/")
    tasks = option(job, "--tasks") if "--tasks" in job.script_arguments else option(job, "--task")
    files = {}
    for model in option(job, "--model"):
        for task in tasks:
            files |= record(model, task, limit=(option(job, "--limit") or [None])[0])
    files = {
        f"runs/{folder}/{name}": text for name, text in ((files if instead is None else instead) | changes).items()
    }
    key = job.spec["secrets"]["HUB_EVALS_RESULTS_KEY"]
    seals = {
        script.seal_name(place): script.result_seal(key, place, text if isinstance(text, bytes) else text.encode())
        for place, text in files.items()
        if place.endswith(".json")
    }
    hub.commit(repo, files | seals, repo_type="dataset")


def successful(hub):
    return Pretend(lambda job: Ending(before=lambda: upload(hub, job)))


# --- what it takes: sizes, types, hardware ---


def test_the_table_by_size_is_pinned():
    sizes = {0.5e9: "t4-small", 2.9e9: "t4-small", 3e9: "a10g-small", 12.9e9: "a10g-small"}
    sizes |= {13e9: "a10g-large", 33e9: "a10g-large", 34e9: "a100-large", 405e9: "a100-large"}
    assert {size: script.flavor_by_size(size) for size in sizes} == sizes


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("meta-llama/Llama-3.1-8B-Instruct", 8e9),
        ("mistralai/Mixtral-8x7B-v0.1", 56e9),
        ("HuggingFaceTB/SmolLM2-135M", 135e6),
        ("Qwen/Qwen2.5-0.5B", 0.5e9),
        ("Qwen/Qwen3-30B-A3B", 30e9),
        ("org/llama-2b4", None),
        ("gpt2", None),
    ],
)
def test_a_size_is_read_from_a_name(name, size):
    assert script.size_in_name(name) == size


@pytest.mark.parametrize(
    ("name", "flavor", "tensor"),
    [
        ("org/lm-1B", "t4-small", 1),
        ("org/lm-8B", "a10g-small", 1),
        ("org/lm-20B-AWQ", "a10g-large", 1),  # packed: the table's flavor holds it
        ("org/lm-18B", "l40sx1", 1),  # 36 GB do not fit 24: the estimate wins
        ("org/lm-30B", "a100-large", 1),
        ("org/lm-70B", "rtx-pro-6000x2", 2),  # 140 GB do not fit one card of 80
        ("org/lm-405B-FP8", "a100x8", 8),
    ],
)
def test_a_name_alone_gives_the_table_as_a_floor(name, flavor, tensor):
    choice = script.choose_hardware(script.facts_from_name(name), CATALOG, script.Wish("vllm"))
    assert (choice.flavor.name, choice.tensor_parallel_size) == (flavor, tensor)


def facts(billions, kind="BF16", **config):
    found = script.ModelFacts("org/lm", billions * 1e9, billions * 2e9, (kind,), source="safetensors metadata")
    return script.read_config(found, {**LLAMA, **config})


def test_the_cache_of_a_token_follows_the_configuration():
    assert facts(8).cache_per_token == 2 * 32 * 8 * 128 * 2
    assert facts(8).cache == 131072 * 131072
    latent = {"kv_lora_rank": 512, "qk_rope_head_dim": 64, "num_hidden_layers": 61}
    assert facts(8, **latent).cache_per_token == 61 * 576 * 2
    nested = script.read_config(script.ModelFacts("m", 1, 1), {"text_config": LLAMA})
    assert nested.cache_per_token == facts(8).cache_per_token
    assert nested.types == ("BF16",)


def test_the_longest_request_decides_the_hardware():
    wish = script.Wish("vllm")
    full = script.choose_hardware(facts(8), CATALOG, wish)
    short = script.choose_hardware(facts(8, max_position_embeddings=8192), CATALOG, wish)
    assert full.flavor.name == "l40sx1"  # 16 GB of weights and 17 GB of cache
    assert short.flavor.name == "l4x1"


def test_seventy_billion_in_bfloat16_do_not_fit_one_card_of_80_gb():
    big = facts(70, num_hidden_layers=80, num_attention_heads=64, hidden_size=8192, max_position_embeddings=8192)
    assert not script.fitting_flavors(big, [CATALOG.find("a100-large")], script.Wish("vllm"))
    choice = script.choose_hardware(big, CATALOG, script.Wish("vllm"))
    assert choice.tensor_parallel_size > 1
    assert choice.flavor.gpus == choice.tensor_parallel_size
    for cheaper in (flavor for flavor in script.FLAVORS if flavor.price < choice.flavor.price and flavor.gpus):
        assert not script.fitting_flavors(big, [cheaper], script.Wish("vllm"))


def test_bfloat16_is_not_offered_on_a_t4():
    small = {"max_position_embeddings": 2048}
    assert script.choose_hardware(facts(1, **small), CATALOG, script.Wish("vllm")).flavor.name == "l4x1"
    assert script.choose_hardware(facts(1, "F16", **small), CATALOG, script.Wish("vllm")).flavor.name == "t4-small"
    asked = script.Wish("vllm", dtype="float16")
    assert script.choose_hardware(facts(1, **small), CATALOG, asked).flavor.name == "t4-small"
    with pytest.raises(script.ScriptError, match="bfloat16") as refused:
        script.choose_hardware(facts(1, **small), CATALOG, script.Wish("vllm", "t4-small"))
    assert refused.value.code == 3


def test_a_size_that_the_hardware_cannot_give_names_those_that_can():
    with pytest.raises(script.ScriptError, match=r"l4x4, .*h200x2") as refused:
        script.choose_hardware(facts(8), CATALOG, script.Wish("vllm", "a10g-small", 2))
    assert refused.value.code == 2
    assert "a10g-largex2" in str(refused.value)
    with pytest.raises(script.ScriptError, match="no flavor has more than 8"):
        script.choose_hardware(facts(8), CATALOG, script.Wish("vllm", tensor_parallel_size=16))
    with pytest.raises(script.ScriptError, match="32 attention heads"):
        script.choose_hardware(facts(8), CATALOG, script.Wish("vllm", tensor_parallel_size=3))
    with pytest.raises(script.ScriptError, match="runs on one GPU"):
        script.choose_hardware(facts(8), CATALOG, script.Wish("accelerate", tensor_parallel_size=2))


def test_explicit_hardware_is_checked():
    with pytest.raises(script.ScriptError, match=r"no such flavor.*a100-large") as unknown:
        script.choose_hardware(facts(8), CATALOG, script.Wish("vllm", "b200"))
    assert unknown.value.code == 2
    with pytest.raises(script.ScriptError, match="would do, or --force") as large:
        script.choose_hardware(facts(70), CATALOG, script.Wish("vllm", "a10g-small"))
    assert large.value.code == 3
    assert script.choose_hardware(facts(70), CATALOG, script.Wish("vllm", "a10g-small", force=True)).flavor.gpus == 1
    with pytest.raises(script.ScriptError, match="has no GPU"):
        script.choose_hardware(facts(1), CATALOG, script.Wish("vllm", "cpu-basic"))
    assert script.choose_hardware(facts(1), CATALOG, script.Wish("accelerate", "cpu-basic")).tensor_parallel_size == 0


@given(st.floats(0.05, 700), st.sampled_from(["vllm", "accelerate"]), st.integers(256, 200_000))
def test_what_is_chosen_fits_and_nothing_cheaper_does(billions, backend, longest):
    found = facts(billions, max_position_embeddings=longest)
    try:
        choice = script.choose_hardware(found, CATALOG, script.Wish(backend))
    except script.ScriptError as error:
        assert error.code == 3
        return
    size = choice.tensor_parallel_size
    assert script.needed(found, size) <= script.room(choice.flavor, size)
    assert choice.flavor.gpu != "T4"
    for flavor in script.FLAVORS:
        if flavor.gpus > 0 and flavor.price < choice.flavor.price and flavor.gpu != "T4":
            sizes = script.allowed_sizes(found, flavor, script.Wish(backend))
            if backend == "vllm" or flavor.gpus == 1:
                assert all(script.needed(found, n) > script.room(flavor, n) for n in sizes)


def test_flavors_are_read_as_the_client_gives_them(hub):
    from huggingface_hub import HfApi

    rows = {row.name: script.flavor_from_hub(row) for row in HfApi().list_jobs_hardware()}
    built_in = {flavor.name: flavor for flavor in script.FLAVORS}
    for name, flavor in rows.items():
        ours = built_in[name]
        assert (flavor.gpu, flavor.gpus, flavor.gpu_memory) == (ours.gpu, ours.gpus, ours.gpu_memory), name
        assert flavor.price == pytest.approx(ours.price), name


def test_the_built_in_flavors_are_names_that_the_client_knows():
    from huggingface_hub import JobHardware

    assert {flavor.name for flavor in script.FLAVORS} <= {item.value for item in JobHardware}


def test_accelerators_without_cuda_are_no_gpus():
    gpu = SimpleNamespace(model="Inf2", quantity="1", vram="32 GB", manufacturer="AWS")
    row = SimpleNamespace(
        name="x", accelerator=gpu, ram="16 GB", unit_label="hour", unit_cost_usd=1.0, ephemeral_storage="1 TB"
    )
    assert script.flavor_from_hub(row) == script.Flavor("x", "", 0, 0.0, 16.0, 1.0, 1000.0)


# --- plans ---


def test_a_dry_run_sends_nothing_and_says_what_it_costs(hub, capsys):
    assert main(*command("--dry-run", count=2)) == 0
    out = capsys.readouterr().out
    assert hub.writes() == []
    assert hub.jobs.all == {}
    assert not Path("runs").exists()
    assert "t4-small" in out
    assert "$0.40/h" in out
    assert "the cheapest that fits" in out
    assert "assumed: 300 prompt tokens" in out
    assert "the Hub's list of today" in out
    assert "me/lm-step_1, me/lm-step_2" in out  # together: one engine serves both


def test_without_the_hub_the_plan_says_so(hub, monkeypatch, capsys):
    hub.fault("GET", "", status=503, times=1000)
    assert main("--model", "org/lm-8B", "--task", "mmlu", "--dry-run", "--json") == 0
    captured = capsys.readouterr()
    plan = json.loads(captured.out)
    assert plan["jobs"][0]["flavor"] == "a10g-small"
    assert any("built-in list of August 2026: check the prices" in note for note in plan["notes"])
    assert "planned without the Hub" in captured.err


@pytest.mark.parametrize(
    ("split", "jobs"),
    [(None, 1), ("model", 4), ("task", 2), ("both", 8)],
)
def test_the_matrix_is_split_as_asked(hub, capsys, split, jobs):
    words = command("--dry-run", "--json", *(["--split", split] if split else []), count=4, tasks=("gsm8k|5", "mmlu"))
    assert main(*words) == 0
    plan = json.loads(capsys.readouterr().out)
    cells = [(model, task) for job in plan["jobs"] for model in job["models"] for task in job["tasks"]]
    assert len(plan["jobs"]) == jobs
    assert sorted(cells) == sorted((model, task) for model in models(4) for task in ("gsm8k|5", "mmlu"))
    assert len({job["folder"] for job in plan["jobs"]}) == jobs
    assert plan["estimate"]["to_send"] == jobs


def test_checkpoints_of_one_model_are_told_from_other_models():
    names = ["me/a@step1", "me/a@step2", "me/b-step_1", "me/b-step_2", "me/c-7b", "me/c-8b"]
    groups = [group for group, _ in script.matrix(names, ["t"], "")]
    assert groups == [("me/a@step1", "me/a@step2"), ("me/b-step_1", "me/b-step_2"), ("me/c-7b",), ("me/c-8b",)]


def test_paid_jobs_need_a_yes(hub, capsys):
    assert main(*command()) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "add --yes" in captured.err
    assert main(*command("--json")) == 3
    assert "add --yes" in json.loads(capsys.readouterr().out)["reason"]
    assert main(*command("--json", "--yes", "--timeout", "1m")) == 3
    assert "would cut them off" in json.loads(capsys.readouterr().out)["reason"]
    assert hub.writes() == []


def test_the_cost_limit_refuses(hub, capsys):
    assert main(*command("--max-cost", "0.01", "--yes", count=4)) == 1
    captured = capsys.readouterr()
    assert "above --max-cost 0.01" in captured.err
    assert captured.out == ""
    assert hub.jobs.all == {}


def hours_of(hub, hours, stage="ERROR", logs=("CUDA out of memory",)):
    """A runner of jobs that run for some hours and end so."""
    return Pretend(lambda job: Ending(stage, logs=logs, seconds=3600 * hours))


@pytest.mark.parametrize("dry", [True, False])
def test_a_cap_is_on_the_largest_possible_cost(hub, capsys, dry):
    """Two jobs of 3 hours at 0.40 dollars, however little they are estimated to need."""
    words = command("--split", "model", "--timeout", "3h", *(["--dry-run"] if dry else ["--yes"]), count=2)
    assert main(*words, "--max-cost", "2.39") == 1
    captured = capsys.readouterr()
    assert "$2.40 is what the run can cost at most, which is above --max-cost 2.39" in captured.err
    assert "--timeout 179m would do" in captured.err
    assert ("to send: 2 of 2" in captured.out) is dry  # the plan is the answer of a dry run
    assert hub.jobs.all == {}
    assert main(*words, "--max-cost", "2.39", "--timeout", "179m") == 0
    assert main(*command("--dry-run", "--run-id", "r2", "--max-cost", "2.40", "--split", "model", count=2)) == 0


def test_a_cap_counts_what_was_spent_and_is_kept(hub, capsys):
    hub.jobs.runner = hours_of(hub, 2)
    assert main(*command("--yes", "--wait", "--max-cost", "1.30")) == 1
    assert hub.jobs.bill == pytest.approx(0.80)
    capsys.readouterr()
    assert main("--run-id", "r1", "--yes") == 1
    err = capsys.readouterr().err
    assert "$2.00 is what the run can cost at most ($0.80 spent), which is above --max-cost 1.3" in err
    found = re.search(r"--timeout (7[45])m would do", err)
    assert main("--run-id", "r1", "--dry-run") == 1
    assert main("--run-id", "r1", "--yes", "--timeout", f"{found[1]}m") == 0
    assert [job.spec["timeoutSeconds"] for job in hub.jobs.all.values()] == [3 * 3600, int(found[1]) * 60]
    assert main(*command("--yes", "--max-cost", "9")) == 0  # another cap replaces it
    assert json.loads(Path("runs/r1/run.json").read_text())["max_cost"] == 9


def test_a_cap_counts_what_runs(hub, capsys):
    hub.jobs.runner = hours_of(hub, 1, "RUNNING", ())
    hub.fault("POST", r"^/api/jobs/me$", nth=2, status=402, message="Payment required")
    words = command("--yes", "--split", "model", "--max-cost", "2.4", count=2)
    assert main(*words) == 2
    assert len(hub.jobs.all) == 1
    assert main("--run-id", "r1", "--yes", "--max-cost", "2.39") == 1
    assert main("--run-id", "r1", "--yes", "--max-cost", "2.4") == 0
    assert len(hub.jobs.all) == 2
    capsys.readouterr()
    for _ in range(2):
        assert main("status", "r1", "--json") == 0
    out = capsys.readouterr().out
    shown = json.loads(out[out.rindex('{\n "schema_version"') :])
    assert shown["usd_spent"] == pytest.approx(hub.jobs.bill, abs=0.001) == pytest.approx(0.80, abs=0.001)
    assert shown["usd_at_most"] == pytest.approx(2.40)
    assert main("status", "r1") == 0
    assert "2 RUNNING; $0.80 so far, at most $2.40; longer than estimated; its timeout ends it in 2.0 h" in (
        capsys.readouterr().out
    )


def test_a_cap_without_prices_is_undecided(hub, capsys):
    hub.fault("GET", "/api/jobs/hardware", status=503, times=1000)
    assert main(*command("--yes", "--max-cost", "100")) == 3
    assert "the Hub did not say its prices" in capsys.readouterr().err
    assert hub.jobs.all == {}


def test_a_job_that_its_timeout_would_cut_off_is_not_sold(hub, capsys):
    words = command("--yes", tasks=("mmlu_pro|5",), run_id="r2")
    words[words.index("me/lm-step_1")] = "me/large"
    hub.create_repo("me/large", files=model_files("BF16", 8_000_000_000))
    for more in (["--dry-run"], []):
        assert main(*words, *more) == 3
        captured = capsys.readouterr()
        found = re.search(r"--timeout 3h would cut them off: --timeout (\d+h) would do", captured.err)
        assert hub.jobs.all == {}
    assert main(*words, "--timeout", found[1]) == 0
    assert len(hub.jobs.all) == 1


@pytest.mark.parametrize("share", [0.7, 1.2, 1.6])
def test_a_longer_timeout_is_one_that_the_cap_pays_for(hub, capsys, share):
    """The cap pays for this share of what the estimated hours cost."""
    words = command("--yes", tasks=("mmlu_pro|5",), run_id="r2")
    words[words.index("me/lm-step_1")] = "me/large"
    hub.create_repo("me/large", files=model_files("BF16", 8_000_000_000))
    assert main(*words, "--dry-run", "--timeout", "99h", "--json") == 0
    job = json.loads(capsys.readouterr().out)["jobs"][0]
    cap = f"{share * job['hours'] * job['price']:.2f}"
    assert main(*words, "--max-cost", cap) == 3
    captured = capsys.readouterr()
    said = re.search(r"cut them off: --timeout (\d+[hm])(?: with --max-cost (\d+))? would do", captured.err)
    assert bool(said[2]) is (share < 1)
    assert main(*words, "--max-cost", said[2] or cap, "--timeout", said[1]) == 0
    assert len(hub.jobs.all) == 1


def test_a_size_that_is_assumed_is_said():
    place = script.choose_hardware(script.facts_from_name("org/lm-7b"), CATALOG, script.Wish("vllm"))
    for name, said in (("org/mystery", "size not known, taken as 7 B for the time"), ("org/lm-8b", "8 B parameters,")):
        facts = script.facts_from_name(name)
        (line,) = script.choice_notes({name: facts}, {name: place})
        assert line.startswith(f"{name}: {said}")
        like = script.speed(script.facts_from_name("org/lm-7b"), place, "vllm")
        assert (script.speed(facts, place, "vllm") == like) is ("mystery" in name)


def test_tasks_without_writing_cost_no_answers():
    for framework, task, writes in [
        ("lighteval", "arc:easy|0", False),
        ("lighteval", "mmlu|5", False),
        ("lighteval", "mmlu:anatomy|5", False),
        ("lighteval", "gpqa:diamond|0", True),
        ("lm_eval", "gpqa_diamond_zeroshot", False),
        ("lm_eval", "social_iqa", False),
        ("lm_eval", "bbh", True),
        ("lighteval", "gsm8k|5", True),
        ("inspect", "mmlu", True),
        ("lighteval", "my_own_task", True),
    ]:
        assert (script.task_tokens(task, None, framework)[1] > 0) is writes, task


def test_a_limit_counts_for_each_subtask(hub, capsys):
    assert script.task_items("mmlu|5", 10) == (570, True)
    assert script.task_items("mmlu:anatomy|5", 10) == (10, True)
    assert script.task_items("bbh", 3, "lm_eval") == (81, True)
    assert script.task_items("mmlu", 10, "inspect") == (10, True)  # one task of inspect's
    assert script.task_items("gpqa_diamond", None, "inspect") == (4 * 198, True)
    assert main(*command("--dry-run", "--limit", "10", tasks=("mmlu|5", "gsm8k|5"))) == 0
    assert "--limit 10 counts for each of 58 subtasks" in capsys.readouterr().out


def checkpoint_folder(place, files=None):
    """A checkpoint on this machine, with what an evaluation does not need beside it."""
    place.mkdir(parents=True)
    for name, data in {**(files or model_files()), "tokenizer.json": "{}", "optimizer.pt": "x" * 1000}.items():
        (place / name).write_bytes(data if isinstance(data, bytes) else data.encode())


def test_files_of_jobs_go_into_no_public_bucket(hub, capsys):
    hub.jobs.buckets["me/jobs-artifacts"] = {}
    hub.jobs.public.add("me/jobs-artifacts")
    hub.create_repo("me/lm", files=model_files())
    assert main(*command("--yes")) == 3
    assert "the bucket me/jobs-artifacts is public" in capsys.readouterr().err
    assert not hub.jobs.buckets["me/jobs-artifacts"] and not hub.jobs.accepted


@pytest.mark.parametrize(
    "header",
    ["[]", "1", '{"w": []}', '{"w": {"dtype": "F32"}}', '{"w": {"dtype": "F32", "shape": "abc"}}',
     '{"w": {"dtype": "F32", "shape": [8, -8]}}', '{"w": {"dtype": "F32", "shape": [1e9]}}'],
)  # fmt: skip
def test_a_header_that_is_none_gives_no_size_and_no_plan(hub, capsys, header):
    data = struct.pack("<Q", len(header)) + header.encode()
    checkpoint_folder(Path("run/checkpoint-100"), {**model_files(), "model.safetensors": data})
    words = ["--model", "run/checkpoint-100", "--task", "gsm8k|5", "--run-id", "up", "--upload", "me/up", "--dry-run"]
    assert main(*words) == 2
    assert "no safetensors file" in capsys.readouterr().err


@pytest.mark.parametrize("each", [False, True])
def test_models_without_steps_are_told_to_go_into_repositories_of_their_own(hub, capsys, each):
    folders = [Path(f"adapters/lora-{number}") for number in (1, 2)]
    for folder in folders:
        checkpoint_folder(folder)
    models = map(str, folders) if each else ["adapters"]
    assert main("--model", *models, "--task", "gsm8k|5", "--upload", "me/loras", "--dry-run") == 2
    said = capsys.readouterr().err
    assert 'for model in adapters/*/; do hf upload me/"$(basename "$model")" "$model" --private; done' in said


def test_folders_are_uploaded_and_planned_on_request(hub, capsys):
    hub.jobs.runner = successful(hub)
    for step in (100, 200):
        checkpoint_folder(Path(f"run/checkpoint-{step}"))
    checkpoint_folder(Path("run/checkpoint-300"), {"config.json": "{}"})
    words = ["--model", "run", "--task", "gsm8k|5", "--run-id", "up"]
    assert main(*words, "--dry-run") == 2
    assert "--upload OWNER/NAME" in capsys.readouterr().err
    assert main(*words, "--upload", "me/uploaded", "--dry-run") == 0
    captured = capsys.readouterr()
    for step in (100, 200):
        assert f"run/checkpoint-{step} -> me/uploaded/checkpoint-{step}: config.json (" in captured.out
    assert "tokenizer.json (2 bytes)" in captured.out and "optimizer.pt" not in captured.out
    assert "the headers of its files" in captured.out
    assert "checkpoint-300 is skipped: no weights" in captured.err
    assert hub.writes() == []
    hub.fault("POST", r"^/api/jobs/me$", status=402, message="Payment required")
    assert main(*words, "--upload", "me/uploaded", "--yes") == 2  # uploaded, not sent
    assert hub.repo("me/uploaded").private
    files = {name for name in hub.files("me/uploaded") if not name.startswith(".")}
    kept = ("config.json", "model.safetensors", "tokenizer.json")
    assert files == {f"checkpoint-{step}/{name}" for step in (100, 200) for name in kept}
    commits = len(hub.commits("me/uploaded"))
    assert main("--run-id", "up", "--yes", "--wait") == 0
    assert len(hub.commits("me/uploaded")) == commits  # nothing is sent twice
    (job,) = hub.jobs.all.values()
    assert option(job, "--model") == ["me/uploaded/checkpoint-100", "me/uploaded/checkpoint-200"]
    assert main("collect", "up") == 0
    assert "2 records in" in capsys.readouterr().out


@pytest.mark.parametrize(("base", "size"), [("me/base", "an adapter: 1 k parameters"), ("me/none", "its base")])
def test_adapters_of_this_machine_are_sized_by_their_base(hub, capsys, base, size):
    hub.create_repo("me/base", files=model_files(model_type="llama"))
    for step in (100, 200):
        folder = Path(f"run/checkpoint-{step}")
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": base, "peft_type": "LORA"}))
        (folder / "adapter_model.safetensors").write_bytes(WEIGHTS)
    words = ["--model", "run", "--task", "gsm8k|5", "--limit", "5", "--upload", "me/loras", "--dry-run"]
    assert main(*words) == (0 if base == "me/base" else 1)
    captured = capsys.readouterr()
    assert size in captured.out + captured.err and "upload it" not in captured.err


UPLOAD_WORDS = ("--model", "run", "--task", "gsm8k|5", "--run-id", "up", "--upload")


def test_no_upload_follows_a_link_out_of_the_checkpoint(hub, capsys):
    checkpoint_folder(Path("run/checkpoint-100"))
    Path("secret.txt").write_text("my own words")
    link = Path("run/checkpoint-100/merges.txt")
    for target in (Path("secret.txt").resolve(), Path("../../secret.txt"), Path("nothing-there/../../../secret.txt")):
        link.unlink(missing_ok=True)
        link.symlink_to(target)
        for how in ("--dry-run", "--yes"):
            assert main(*UPLOAD_WORDS, "me/uploaded", how) == 2
            assert "merges.txt: a link that leads out of the folder" in capsys.readouterr().err
    link.unlink()
    link.symlink_to("tokenizer.json")  # within the folder: a file like others
    assert main(*UPLOAD_WORDS, "me/uploaded", "--dry-run") == 0
    assert "merges.txt (2 bytes)" in capsys.readouterr().out
    assert hub.writes() == []


def test_other_chat_templates_go_along_and_a_stranger_s_is_no_leftover(hub, capsys):
    """A job reads them, and they are in the hash of the model's files."""
    hub.jobs.runner = successful(hub)
    checkpoint_folder(Path("run/checkpoint-100"))
    Path("run/checkpoint-100/additional_chat_templates").mkdir()
    Path("run/checkpoint-100/additional_chat_templates/tool.jinja").write_text("{{ messages }}")
    there = {"checkpoint-100/additional_chat_templates/evil.jinja": "x"}
    hub.create_repo("me/uploaded", files=there, private=True)
    assert main(*UPLOAD_WORDS, "me/uploaded", "--yes", "--wait") == 3
    assert "additional_chat_templates/evil.jinja" in capsys.readouterr().err
    assert main(*UPLOAD_WORDS, "me/clean", "--yes", "--wait") == 0
    assert "checkpoint-100/additional_chat_templates/tool.jinja" in hub.files("me/clean")


@pytest.mark.parametrize("name", ["merges.txt", "tokenizer_config.json", "modeling.py", "chat_template.jinja"])
def test_no_upload_holds_a_token(hub, capsys, name):
    hub.jobs.runner = successful(hub)
    for step in (100, 200):
        checkpoint_folder(Path(f"run/checkpoint-{step}"))
    assert main(*UPLOAD_WORDS, "me/uploaded", "--dry-run") == 0
    for token in ("hf_" + "S" * 34, hub.token):
        Path(f"run/checkpoint-200/{name}").write_text(f'{{"a": "{token}"}}')
        for how in ("--dry-run", "--yes"):
            assert main(*UPLOAD_WORDS, "me/uploaded", how) == 2
            err = capsys.readouterr().err
            assert f"{name}: holds something like a Hub token" in err and token not in err
    assert hub.writes() == []


def test_a_token_that_came_after_the_plan_is_not_uploaded(hub, capsys):
    for step in (100, 200):
        checkpoint_folder(Path(f"run/checkpoint-{step}"))
    hub.fault("POST", r"^/api/jobs/me$", status=402, message="Payment required")
    assert main(*UPLOAD_WORDS, "me/uploaded", "--yes") == 2
    commits = len(hub.commits("me/uploaded"))
    Path("run/checkpoint-100/merges.txt").write_text("new, and harmless")
    Path("run/checkpoint-200/merges.txt").write_text("hf_" + "S" * 34)
    assert main("--run-id", "up", "--yes") == 3
    err = capsys.readouterr().err
    assert "checkpoint-100/merges.txt is new" in err and "checkpoint-200/merges.txt is new" in err
    assert len(hub.commits("me/uploaded")) == commits  # of neither folder


def test_no_upload_of_files_that_are_secrets_by_name(hub, capsys):
    hub.jobs.runner = successful(hub)
    checkpoint_folder(Path("run/checkpoint-100"))
    Path("run/checkpoint-100/token.txt").write_text("a")
    Path("run/checkpoint-100/credentials.json").write_text("{}")
    assert main(*UPLOAD_WORDS, "me/uploaded", "--yes") == 0
    assert "token.txt is not uploaded" in capsys.readouterr().err
    names = {name.rpartition("/")[2] for name in hub.files("me/uploaded")}
    assert "config.json" in names and not names & {"token.txt", "credentials.json"}


def test_nothing_is_uploaded_to_what_everybody_reads(hub, capsys):
    hub.jobs.runner = successful(hub)
    checkpoint_folder(Path("run/checkpoint-100"))
    hub.create_repo("me/seen", files={"README.md": "x"})
    for how in ("--dry-run", "--yes"):
        assert main(*UPLOAD_WORDS, "me/seen", how) == 3
        assert "--upload me/seen: is there and public" in capsys.readouterr().err
    assert hub.writes() == []
    assert main(*UPLOAD_WORDS, "me/uploaded", "--dry-run") == 0
    hub.create_repo("me/uploaded", files={"README.md": "x"})  # made by somebody after the plan
    hub.repo("me/uploaded").private = True
    assert main(*UPLOAD_WORDS, "me/uploaded", "--yes") == 0
    assert "checkpoint-100/config.json" in hub.files("me/uploaded")


def test_no_job_is_sent_whose_records_everybody_reads(hub, capsys):
    hub.create_repo("me/open", "dataset")
    assert main(*command("--yes", "--results-repo", "me/open")) == 3
    assert "--results-repo me/open: is there and public" in capsys.readouterr().err
    assert hub.jobs.all == {}


def test_all_steps_of_a_repository_and_folders_in_it(hub, capsys):
    repo = hub.create_repo("me/steps", files=model_files())
    for step in (20, 100, 3):
        repo.refs[f"refs/heads/step{step}"] = repo.refs["refs/heads/main"]
    hub.jobs.runner = successful(hub)
    words = ["--model", "me/steps@*", "--task", "gsm8k|5", "--run-id", "all"]
    assert main(*words, "--yes", "--wait") == 0
    (job,) = hub.jobs.all.values()
    assert option(job, "--model") == [f"me/steps@step{step}" for step in (3, 20, 100)]
    assert main("collect", "all") == 0
    assert main("--model", "me/steps@v*", "--task", "gsm8k|5", "--dry-run") == 2
    assert "no branch or tag of it is named like a step" in capsys.readouterr().err
    assert main("--model", "me/lm-step_1/checkpoint-5", "--task", "gsm8k|5", "--dry-run") == 1
    assert "there is no folder checkpoint-5 in me/lm-step_1" in capsys.readouterr().err


def test_a_model_is_called_as_the_hub_calls_it(hub, capsys):
    hub.create_repo("openai-community/gpt2", files=model_files())
    hub.rename("gpt2", "openai-community/gpt2")
    for name in ("gpt2", "OpenAI-community/GPT2"):
        assert main("--model", name, "--task", "gsm8k|5", "--dry-run") == 2
        assert f"{name} is called openai-community/gpt2 on the Hub" in capsys.readouterr().err
    base = '{"base_model_name_or_path": "gpt2"}'
    hub.create_repo("me/lora", files={"adapter_config.json": base, "adapter_model.safetensors": WEIGHTS})
    assert main("--model", "me/lora", "--task", "gsm8k|5", "--dry-run") == 0


def test_copies_of_the_weights_in_other_formats_count_once(hub, capsys):
    copies = dict.fromkeys(("pytorch_model.bin", "consolidated.safetensors", "training_args.bin"), b"\0" * 9_000_000)
    plain = {f"checkpoint-5/{file}": data for file, data in (model_files() | copies).items()}
    hub.create_repo("me/copies", files=plain)
    assert main("--model", "me/copies/checkpoint-5", "--task", "gsm8k|5", "--dry-run") == 0
    assert re.search(r", [\d.]+ k?B.* \(from the size of its files\)", capsys.readouterr().out)


# --- models that cannot run are not paid for ---

ON_ONE = '{"base_model_name_or_path": "me/lm-step_1"}'
WHOLE_ON_ONE = '{"base_model_name_or_path": "me/lm-step_1", "modules_to_save": ["lm_head"]}'
WEIGHTS = model_files()["model.safetensors"]
GPTQ = {"quantization_config": {"quant_method": "gptq", "bits": 4}}
CANNOT_RUN = {
    "GGUF": ({"model-Q4_K_M.gguf": "x", "README.md": "x"}, "vllm", "GGUF files"),
    "nothing": ({"README.md": "x"}, "vllm", "it has no weights"),
    "an encoder": (model_files(architectures=["BertForMaskedLM"], model_type="bert"), "accelerate", "writes no text"),
    "a reward model": (model_files(architectures=["LlamaForSequenceClassification"]), "vllm", "writes no text"),
    "an encoder-decoder": (
        model_files(architectures=["T5ForConditionalGeneration"], model_type="t5", is_encoder_decoder=True),
        "accelerate",
        "t5 is an encoder-decoder",
    ),
    "own code": (
        model_files(model_type="mine", auto_map={"AutoModelForCausalLM": "modeling_mine.Mine"}),
        "accelerate",
        "add --trust-remote-code",
    ),
    "quantized": (model_files(**GPTQ), "accelerate", "needs optimum and gptqmodel"),
    "bitsandbytes": (
        model_files(quantization_config={"quant_method": "bitsandbytes", "load_in_4bit": True}),
        "accelerate",
        "needs bitsandbytes",
    ),
    "MLX": (model_files(quantization={"group_size": 64, "bits": 4}), "vllm", "quantized for MLX"),
    "unknown to vLLM": (model_files(architectures=["MyOwnForCausalLM"]), "vllm", "does not know MyOwnForCausalLM"),
    "an adapter without base": (
        {"adapter_config.json": "{}", "adapter_model.safetensors": WEIGHTS},
        "accelerate",
        "names no base model",
    ),
    "an adapter of a folder": (
        {"adapter_config.json": '{"base_model_name_or_path": "../base"}', "adapter_model.safetensors": WEIGHTS},
        "accelerate",
        "is not on the Hub",
    ),
    "an adapter of nothing": (
        {"adapter_config.json": '{"base_model_name_or_path": "me/none"}', "adapter_model.safetensors": WEIGHTS},
        "accelerate",
        "its base",
    ),
    "an adapter of whole layers on vLLM": (
        {"adapter_config.json": WHOLE_ON_ONE, "adapter_model.safetensors": WEIGHTS},
        "vllm",
        "vLLM does not run adapters with whole layers",
    ),
}  # fmt: skip


@pytest.mark.parametrize("how", CANNOT_RUN)
def test_a_job_that_must_fail_is_not_sold(hub, capsys, how):
    files, backend, said = CANNOT_RUN[how]
    hub.create_repo("me/odd", files=files)
    words = ["--model", "me/odd", "--task", "gsm8k|5", "--backend", backend, "--yes"]
    words += [] if backend == "vllm" else ["--hardware", "cpu-basic", "--timeout", "40d"]
    for more in (["--dry-run"], []):
        assert main(*words, *more) == 1
        captured = capsys.readouterr()
        assert said in captured.err
        assert captured.out == ""
    assert hub.jobs.all == {}
    assert hub.writes() == []


def test_what_can_run_is_sold(hub, capsys):
    """The same with what was lacking."""
    able = {
        "own": (model_files(model_type="mine", auto_map={"AutoModelForCausalLM": "m.M"}), ["--trust-remote-code"]),
        "native": (model_files(model_type="llama", auto_map={"AutoConfig": "c.C"}), []),
        "gptq": (model_files("I32", **GPTQ, architectures=["LlamaForCausalLM"]), []),
        "known": (model_files(architectures=["Qwen3ForCausalLM"]), []),
        "adapter": (
            {"adapter_config.json": ON_ONE, "adapter_model.safetensors": WEIGHTS},
            ["--backend", "accelerate", "--timeout", "9h"],
        ),
    }
    able["on-vllm"] = (able["adapter"][0], ["--backend", "vllm"])
    for name, (files, more) in able.items():
        hub.create_repo(f"me/{name}", files=files)
        assert main("--model", f"me/{name}", "--task", "gsm8k|5", "--limit", "5", "--dry-run", *more) == 0, name
    assert "an adapter: 1 k parameters" in capsys.readouterr().out
    hub.create_repo("me/odd", files=model_files(architectures=["MyOwnForCausalLM"]))
    hub.create_repo("me/empty", files={"README.md": "x"})
    words = ["--task", "gsm8k|5", "--hardware", "l4x1", "--dry-run", "--force"]
    assert main("--model", "me/odd", *words) == 0, "a newer vLLM may know it"
    assert main("--model", "me/empty", *words) == 1, "no force makes weights"


def test_the_evaluation_gives_the_reason_that_the_launcher_gives(tmp_path):
    import lighteval_vllm_uv as lighteval

    for how, (files, backend, said) in CANNOT_RUN.items():
        config = json.loads(files.get("config.json", "{}"))
        ours = script.why_not_loadable(files, config, backend)
        assert ours == lighteval.why_not_loadable(files, config, backend), how
        assert "adapter" in how or said in ours, how


# --- numbers of models ---


def test_packed_weights_are_the_parameters_that_they_stand_for():
    def parameters(counts, **quantization):
        config = {"quantization_config": quantization}
        return script.weights_from_types(counts, config)

    gptq = {"I32": 0.87e9, "F16": 1.05e9}  # 8 billion, of which 7 are packed by eights
    assert parameters(gptq, quant_method="gptq", bits=4)[0] == pytest.approx(8.01e9)
    assert parameters(gptq, quant_method="gptq", bits=4)[1] == pytest.approx(4 * 0.87e9 + 2 * 1.05e9)
    assert parameters(gptq, quant_method="awq", bits=4)[0] == pytest.approx(8.01e9)
    assert parameters({"I32": 1e9}, quant_method="gptq", bits=8)[0] == 4e9
    groups = {"group_0": {"weights": {"num_bits": 4}}}
    packed = {"quant_method": "compressed-tensors", "format": "pack-quantized", "config_groups": groups}
    assert parameters({"I32": 1e9}, **packed)[0] == 8e9
    fp8 = {"quant_method": "compressed-tensors", "format": "float-quantized"}
    assert parameters({"F8_E4M3": 7e9, "BF16": 1e9}, **fp8) == (8e9, 9e9)
    assert parameters({"U8": 3.5e9, "BF16": 1e9}, quant_method="bitsandbytes", load_in_4bit=True)[0] == 8e9
    assert parameters({"I8": 7e9, "BF16": 1e9}, quant_method="bitsandbytes", load_in_8bit=True)[0] == 8e9
    assert parameters({"U8": 10.9e9, "BF16": 1.2e9}, quant_method="mxfp4")[0] == pytest.approx(21.7e9, rel=0.01)
    assert parameters({"I32": 1e9, "F16": 1e9})[0] == 2e9  # not packed: as stored


def test_a_token_goes_through_some_experts():
    mixtral = {"num_local_experts": 8, "num_experts_per_tok": 2, "hidden_size": 4096, "intermediate_size": 14336}
    mixtral |= {"num_hidden_layers": 32}
    assert script.active_parameters(mixtral, 46.7e9) == pytest.approx(12.9e9, rel=0.01)
    qwen = {"num_experts": 128, "num_experts_per_tok": 8, "hidden_size": 2048, "moe_intermediate_size": 768}
    qwen |= {"num_hidden_layers": 48, "decoder_sparse_step": 1}
    assert script.active_parameters(qwen, 30.5e9) == pytest.approx(3.3e9, rel=0.03)
    assert script.active_parameters({"num_hidden_layers": 32}, 8e9) is None
    assert script.facts_from_name("Qwen/Qwen3-30B-A3B").active == 3e9
    place = script.Placement(CATALOG.find("h200"), 1, "")
    slow = script.speed(script.ModelFacts("m", 30.5e9, 61e9), place, "vllm")
    fast = script.speed(script.ModelFacts("m", 30.5e9, 61e9, active=3.3e9), place, "vllm")
    assert fast[0] > 5 * slow[0]


def test_a_shorter_context_is_offered_with_both_prices(hub, capsys):
    config = {
        "max_position_embeddings": 131072,
        "num_hidden_layers": 80,
        "num_attention_heads": 64,
        "hidden_size": 8192,
    }
    hub.create_repo("me/big", files=model_files("BF16", 30_000_000_000, **config))
    words = ["--model", "me/big", "--task", "gsm8k|5", "--dry-run", "--timeout", "9h"]
    assert main(*words) == 0
    out = capsys.readouterr().out
    offer = re.search(r"cheaper: --max-model-len 8192 needs (\S+), \$([\d.]+) instead of \$([\d.]+)", out)
    assert float(offer[2]) < float(offer[3])
    assert f"machine hours, ${offer[3]};" in out
    assert main(*words, "--max-model-len", "8192") == 0
    out = capsys.readouterr().out
    assert f"-> {offer[1]} " in out
    assert f"machine hours, ${offer[2]};" in out  # as was offered
    assert "cheaper" not in out


def test_gpus_that_idle_are_named():
    odd = facts(14, num_attention_heads=14, num_key_value_heads=2, hidden_size=1792, max_position_embeddings=8192)
    choice = script.choose_hardware(odd, CATALOG, script.Wish("vllm", "l4x4"))
    assert choice.tensor_parallel_size == 2
    assert "2 of its 4 GPUs idle: 14 attention heads and 2 KV heads are not divided evenly by 4" in choice.why


def test_a_refusal_names_what_no_option_changes():
    with pytest.raises(script.ScriptError, match=r"it needs [\d.]+ GB, and 14.4 GB are there"):
        script.choose_hardware(facts(30), CATALOG, script.Wish("vllm", "t4-small"))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--model", "me/lm-step_1"], 2, "--task is missing"),
        (["--task", "gsm8k"], 2, "--model is missing"),
        (["--run-id", "never", "--yes"], 2, "give --model and --task as well"),
        (["--run-id", "../x", "--yes"], 2, "no run id"),
        (command("--timeout", "soon"), 2, "--timeout soon"),
        (command("--backend", "hf"), 2, "--framework lighteval has --backend vllm or accelerate"),
        (command("--max-parallel", "0"), 2, "--max-parallel must be above 0"),
        (command("--max-cost", "inf"), 2, "is no cap"),
        (command("--max-cost", "nan"), 2, "--max-cost must be above 0"),
        (command("--results-repo", "me"), 2, "write OWNER/NAME"),
        (command(tasks=("a,b",)), 2, "without commas"),
        (command(tasks=("my.py@task",)), 2, "a job cannot see"),
        (command("--custom-tasks", "none.py"), 2, "no such file"),
        (["--model", "me/nothing", "--task", "gsm8k", "--yes"], 2, "nor a model on the Hub"),
        (["--model", "./nowhere", "--task", "gsm8k", "--yes"], 2, "neither a folder here"),
        (["--model", "me/lm-step_1", "me/lm-step_1", "--task", "x", "--yes"], 2, "named twice"),
        (["--model", "me/lm@step1", "--task", "x", "--yes"], 2, "neither a folder here nor a model on the Hub"),
        (command(tasks=("a-file",)), 2, "would be sent in its place"),
        (command("--gpu-memory-utilization", "1.5"), 2, "is a share"),
        (command("--framework", "inspect"), 2, "no number of shots"),
        (
            ["--model", str(ROOT / "examples/tiny_run/checkpoints"), "--task", "x", "--dry-run"],
            2,
            "--upload OWNER/NAME",
        ),
        (command("--upload", "me/x"), 2, "--upload is for a folder"),
        (["status", "never"], 2, "no such run"),
        (["wait", "never"], 2, "no such run"),
    ],
)
def test_what_cannot_be_done_is_one_line(hub, capsys, words, code, said):
    Path("a-file").touch()
    assert main(*words) == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert hub.jobs.all == {}


def test_a_gated_model_is_refused_before_it_costs(hub, capsys):
    hub.add_user("you")
    hub.create_repo("you/secret", files=model_files(), gated="manual")
    assert main("--model", "you/secret", "--task", "gsm8k", "--yes") == 2
    assert "gated: accept its terms at https://huggingface.co/you/secret" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("--dry-run",), ("--yes",)])
def test_one_model_that_cannot_run_is_named_and_the_plan_of_the_others_is_shown(hub, capsys, words):
    hub.add_user("you")
    hub.create_repo("you/secret", files=model_files(), gated="manual")
    hub.rename("me/old", "me/lm-step_2")
    names = ("me/lm-step_1", "you/secret", "me/old", "me/nowhere")
    assert main("--model", *names, "--task", "gsm8k|5", "--json", *words) == 1
    captured = capsys.readouterr()
    plan = json.loads(captured.out)
    assert [job["models"] for job in plan["jobs"]] == [["me/lm-step_1"]]
    for said in ("you/secret is gated", "me/old is called me/lm-step_2", "me/nowhere: neither a folder"):
        assert said in captured.err and said in plan["reason"]
    assert hub.jobs.all == {} and not list(Path().glob("runs/*"))


# --- what is sent ---


def test_the_submission_is_the_clients_own_with_the_token_as_a_secret(hub, capsys):
    hub.jobs.runner = successful(hub)
    assert main(*command("--yes", "--limit", "10", "--timeout", "90m", count=2)) == 0
    captured = capsys.readouterr()
    (job,) = hub.jobs.all.values()
    spec = dict(job.spec)
    assert spec["secrets"] == {"HF_TOKEN": hub.token, "HUB_EVALS_RESULTS_KEY": script.run_key("r1")}
    assert hub.token not in json.dumps({**spec, "secrets": None})
    assert spec["environment"].pop("HUB_EVALS_PACKAGES")
    assert spec["environment"] == {"PYTHONUNBUFFERED": "1"}
    assert spec["timeoutSeconds"] == 5400
    assert spec["flavor"] == "t4-small"
    assert spec["labels"]["eval-run"] == "r1"
    assert spec["labels"]["task"] == "gsm8k"
    assert spec["command"][:3] == ["uv", "run", "--no-project"]
    assert option(job, "--model") == models(2)
    assert option(job, "--tasks") == ["gsm8k|5"]
    assert option(job, "--backend") == ["vllm"]
    assert option(job, "--limit") == ["10"]
    assert len(json.dumps(spec)) < 3500  # the script is not in it, whatever its size
    ((name, sent),) = hub.jobs.mounted(job).items()
    ours = (ROOT / "scripts" / "lighteval_vllm_uv.py").read_bytes()
    end = b"# ]\n# ///\n"
    assert name == "lighteval_vllm_uv.py"
    assert sent.partition(end)[2] == ours.partition(end)[2]  # all but the packages in its header
    for text in (captured.out, captured.err, Path("runs/r1/run.json").read_text()):
        assert hub.token not in text
    assert "saved in this bucket" not in captured.out  # what the client prints is not data
    assert hub.repo("me/eval-results", "dataset").private


def header_of(data):
    found = re.search(r"^# /// script\n(.*?)^# ///$", data.decode(), re.MULTILINE | re.DOTALL)
    return tomllib.loads(re.sub(r"^# ?", "", found[1], flags=re.MULTILINE))


@pytest.mark.parametrize(("framework", "backend"), [("lighteval", "vllm"), ("inspect", "vllm"), ("lm_eval", "hf")])
def test_a_job_has_one_environment_in_locked_versions(hub, framework, backend):
    """Nothing is fetched twice, and a release in the middle of a run changes nothing."""
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR"))
    words = command("--framework", framework, "--backend", backend, "--timeout", "20h", "--yes", tasks=("gsm8k",))
    assert main(*words, "--wait") == 1
    kept = json.loads(Path("runs/r1/run.json").read_text())["packages"]
    assert main("--run-id", "r1", "--yes") == 0
    first, second = hub.jobs.all.values()
    assert hub.jobs.mounted(first) == hub.jobs.mounted(second)
    assert first.spec["environment"] == second.spec["environment"]
    assert "--with" not in first.spec["command"]
    name = script.FRAMEWORKS[framework]
    sent, ours = header_of(hub.jobs.mounted(first)[name]), header_of((ROOT / "scripts" / name).read_bytes())
    assert sent["dependencies"] == kept
    assert sent["requires-python"] == ours["requires-python"]
    assert (Path("runs/r1") / name).read_bytes() == hub.jobs.mounted(first)[name]
    wanted = [*map(Requirement, ours["dependencies"]), *([Requirement(script.VLLM)] if backend == "vllm" else [])]
    for python in ("3.11.9", "3.12.9", "3.13.5"):
        place = {"python_full_version": python, "python_version": python.rpartition(".")[0]}
        pins = [pin for pin in map(Requirement, kept) if not pin.marker or pin.marker.evaluate(place)]
        names = [re.sub(r"[-_.]+", "-", pin.name).lower() for pin in pins]
        assert len(names) == len(set(names)), python  # one version of each
        versions = {name: next(iter(pin.specifier)).version for name, pin in zip(names, pins, strict=True)}
        assert all(next(iter(pin.specifier)).operator == "==" for pin in pins)
        for asked in wanted:  # what the headers ask for, parts/lock_jobs.py has locked
            key = re.sub(r"[-_.]+", "-", asked.name).lower()
            assert asked.specifier.contains(versions[key]), (asked, versions[key])


@pytest.mark.parametrize("name", sorted({key.split()[0] for key in script.LOCKED["of"]}))
def test_the_locked_packages_are_those_of_the_locks(name):
    """When a lock has moved on, parts/lock_jobs.py has to be run again."""
    lock = tomllib.loads((ROOT / "scripts" / f"{name}.lock").read_text())
    locked = {(row["name"], row["version"]) for row in lock["package"]}
    pins = [Requirement(row) for row in script.locked_packages(name, "")]
    assert {(re.sub(r"[-_.]+", "-", pin.name).lower(), next(iter(pin.specifier)).version) for pin in pins} <= locked


def test_packages_that_no_plan_adds_are_refused(hub, capsys):
    assert main(*command("--yes")) == 0
    path = Path("runs/r1/run.json")
    for bad in (
        "evil==1.0",
        "torch @ https://example.org/t.whl",
        "torch>=2",
        "torch==2.13.0 --index-url x",
        "torch",
    ):
        data = json.loads(path.read_text())
        data["packages"] = [*data["packages"], bad]
        Path("runs/r2").mkdir(exist_ok=True)
        other = json.loads(json.dumps(data).replace("runs/r1/", "runs/r2/")) | {"run_id": "r2"}
        Path("runs/r2/run.json").write_text(json.dumps(other))
        assert main("--run-id", "r2", "--yes", "--adopt") == 2, bad
        assert "packages that no plan adds" in capsys.readouterr().err


def test_an_adopted_run_decides_nothing_of_this_machines_files(hub, capsys):
    """Neither which folders are uploaded nor what script is sent: both could be somebody else's wish."""
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR"))
    assert main(*command("--yes", "--wait")) == 1
    secret = Path("secret")
    checkpoint_folder(secret, {"config.json": '{"token": "mine"}', "model.safetensors": "x"})
    evil = Path("runs/r1/lighteval_vllm_uv.py")
    evil.write_text("print('sent home')\n")
    data = json.loads(Path("runs/r1/run.json").read_text())
    data |= {"uploads": {"me/lm-step_1": str(secret.resolve())}}
    data |= {"script_sha256": hashlib.sha256(evil.read_bytes()).hexdigest()}
    Path("runs/r1/run.json").write_text(json.dumps(data))
    assert main("--run-id", "r1", "--yes") == 3
    assert main("--run-id", "r1", "--yes", "--adopt") == 0
    assert "mine" not in hub.files("me/lm-step_1")["config.json"].decode()
    first, second = hub.jobs.all.values()
    assert hub.jobs.mounted(second) == hub.jobs.mounted(first)


def test_tasks_of_the_users_own_travel_with_the_job(hub):
    Path("own.py").write_text("TASKS_TABLE = []\n")
    assert main(*command("--yes", "--custom-tasks", "own.py", tasks=("mine|0",))) == 0
    (job,) = hub.jobs.all.values()
    assert option(job, "--custom-tasks") == ["/data/own.py"]
    assert hub.jobs.mounted(job)["own.py"] == b"TASKS_TABLE = []\n"


def own_questions(name: str, answer: str = "c-a-t") -> Path:
    rows = [{"frage": "Spell cat:", "gold": answer}, {"frage": "Spell dog:", "gold": "d-o-g"}]
    Path(name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return Path(name)


QUESTIONS = ["--questions", "my.jsonl", "--map", "question=frage", "answer=gold", "--template", "Q: {question}\\nA:"]


def test_questions_of_the_users_own_travel_with_the_job(hub, capsys):
    content = own_questions("my.jsonl").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    assert main(*command("--dry-run", *QUESTIONS)) == 0
    shown = capsys.readouterr().out
    assert f"my.jsonl ({len(content)} bytes, sha256 {digest})" in shown and "my" in shown and not hub.jobs.all
    assert main(*command("--yes", *QUESTIONS)) == 0
    (job,) = hub.jobs.all.values()
    assert option(job, "--questions") == ["/data/my.jsonl"] and option(job, "--tasks") == ["gsm8k|5"]
    assert hub.jobs.mounted(job)["my.jsonl"] == content
    parsed = parser_of(ROOT / "scripts/lighteval_vllm_uv.py").parse_args(job.script_arguments)
    assert (parsed.map, parsed.template) == (["question=frage", "answer=gold"], "Q: {question}\\nA:")
    before = Path("my.jsonl").stat()
    own_questions("my.jsonl", "k-a-t")  # of the same size, and said to be as old
    os.utime("my.jsonl", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert main("--run-id", "r1", "--yes") == 3 and "has changed since the run was planned" in capsys.readouterr().err


def test_own_questions_alone_are_a_task_and_apart_with_split(hub, capsys):
    own_questions("my.jsonl"), own_questions("shots.jsonl"), own_questions("other.csv")
    Path("other.csv").write_text("frage;gold\nSpell pig:;p-i-g\n")
    Path("shots.jsonl").write_text('{"frage": "Spell cow:", "gold": "c-o-w"}\n')
    words = ["--model", *models(1), *QUESTIONS[:1], "other.csv", *QUESTIONS[1:], "--shots-from", "shots.jsonl"]
    assert main(*words, "--split", "task", "--run-id", "r2", "--dry-run", "--json") == 0
    jobs = json.loads(capsys.readouterr().out)["jobs"]
    assert [job["tasks"] for job in jobs] == [["other"], ["my"]]
    for job, name in zip(jobs, ("other.csv", "my.jsonl"), strict=True):
        place = job["arguments"].index("--questions")
        assert job["arguments"][place : place + 2] == ["--questions", name] and "--tasks" not in job["arguments"]


def test_providers_are_asked_own_questions(hub, capsys):
    content = own_questions("my.jsonl").read_bytes()
    words = ["--model", *models(1), *QUESTIONS, "--run-id", "r3", "--max-tokens", "20", "--dry-run"]
    assert provider_script.main([*words, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    (job,) = document["jobs"]
    parsed = parser_of(ROOT / "scripts/inspect_eval_uv.py").parse_args(job["arguments"])
    assert (parsed.questions, parsed.task) == (["my.jsonl"], None)
    assert document["files"] == {"my.jsonl": hashlib.sha256(content).hexdigest()}
    assert not any("how many items" in line for line in document["notes"])  # they were counted


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--questions", "empty.jsonl"], 1, "empty.jsonl:1: no answer"),
        (["--questions", "none.jsonl"], 2, "none.jsonl"),
        (["--questions", "my.parquet"], 2, "a job is sent .jsonl or .csv"),
        (["--score", "exact"], 2, "it is about --questions"),
        ([*QUESTIONS, "--questions", "my.jsonl", "sub/my.jsonl"], 2, "two sets or tasks of one name"),
    ],
)
def test_questions_that_cannot_be_asked_are_not_sent(hub, capsys, words, code, message):
    Path("sub").mkdir()
    own_questions("my.jsonl"), own_questions("sub/my.jsonl")
    Path("empty.jsonl").write_text('{"question": "Why?", "answer": ""}\n')
    assert main(*command("--yes", *words)) == code
    assert message in capsys.readouterr().err and not hub.jobs.all


def test_the_arguments_are_those_of_the_evaluation_scripts(hub, capsys):
    """Each script's own parser reads what a job gives it."""
    flags = ["--gpu-memory-utilization", "0.8", "--max-model-len", "128", "--use-chat-template", "--trust-remote-code"]
    for framework, task in (("lighteval", "gsm8k|5"), ("inspect", "gsm8k"), ("lm_eval", "gsm8k|5")):
        path = ROOT / "scripts" / script.FRAMEWORKS[framework]
        if not path.is_file():
            continue
        words = command("--framework", framework, "--dtype", "float16", "--limit", "5", *flags, "--dry-run", "--json")
        words[words.index("gsm8k|5")] = task
        assert main(*words) == 0
        (job,) = json.loads(capsys.readouterr().out)["jobs"]
        parsed = parser_of(path).parse_args(job["arguments"])
        assert parsed.model == models(1)
        assert parsed.limit == 5
        assert parsed.results_repo == f"me/eval-results/{job['folder']}"
        assert (parsed.use_chat_template, parsed.max_model_len, parsed.backend) == (True, 128, "vllm")


@functools.cache
def parser_of(path):
    import importlib.util

    spec = importlib.util.spec_from_file_location(f"jobs_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module.build_parser()


def hf(hub, *words):
    """The `hf` program of the installed client, started in the project's folder."""
    program = [sys.executable, "-c", "from huggingface_hub.cli.hf import main; main()", *words]
    environment = os.environ | hub.environment(os.environ["HF_HOME"])
    return subprocess.run(program, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("backend", ["vllm", "accelerate"])
def test_the_printed_command_is_accepted_by_hf_itself(hub, capsys, backend):
    assert main(*command("--dry-run", "--json", "--backend", backend, "--image", "org/image:1")) == 0
    plan = json.loads(capsys.readouterr().out)
    (words,) = [shlex.split(text) for text in plan["commands"].values()]
    assert words[:4] == ["hf", "jobs", "uv", "run"]
    assert hub.token not in plan["commands"].values()
    where = words.index(str(ROOT / "scripts/lighteval_vllm_uv.py"))  # by its place, wherever one stands
    assert words[where - 1] != "-s"
    assert words[words.index("-s") + 1] == "HF_TOKEN"
    assert words.index("-s") < where  # behind the script it would be the script's
    assert words[where + 1 :] == plan["jobs"][0]["arguments"]
    done = hf(hub, *words[1:4], "--dry-run", *words[4:])
    assert done.returncode == 0, done.stderr
    said = re.sub(r"\s+", " ", done.stdout)
    assert "HF_TOKEN=***" in said
    assert hub.token not in said
    assert f"args {shlex.join(plan['jobs'][0]['arguments'])}" in said
    assert "flavor t4-small" in said


def documented_jobs():
    """(place, words) of every `hf jobs uv run` command in help texts and documents."""
    import ast

    places = (ROOT / "scripts").glob("*.py"), ROOT.glob("*.md"), (ROOT / "references").glob("*.md")
    for path in sorted(path for found in places for path in found):
        text = path.read_text()
        text = ast.get_docstring(ast.parse(text)) if path.suffix == ".py" else text
        for line in re.sub(r"\\\n\s*", " ", text).splitlines():
            if re.match(r"\s*(?:uvx )?hf jobs uv run", line):
                words = shlex.split(line)
                yield pytest.param(words[words.index("hf") :], id=path.name)


# The models of the examples as the Hub describes them: type and number of values, configuration.
EXAMPLES = {
    "HuggingFaceTB/SmolLM2-135M": ("BF16", 134_515_008, {
        "hidden_size": 576, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
        "max_position_embeddings": 8192, "model_type": "llama", "architectures": ["LlamaForCausalLM"]}),
    "Qwen/Qwen3-8B": ("BF16", 8_190_735_360, {
        "hidden_size": 4096, "num_hidden_layers": 36, "num_attention_heads": 32, "num_key_value_heads": 8,
        "head_dim": 128, "max_position_embeddings": 40960, "model_type": "qwen3",
        "architectures": ["Qwen3ForCausalLM"]}),
}  # fmt: skip
FRAMEWORK_OF = {name: framework for framework, name in script.FRAMEWORKS.items()}


@pytest.mark.parametrize("words", list(documented_jobs()))
def test_a_documented_job_arrives_as_it_is_written(hub, words):
    """Through the real `hf`: what it takes for its own is missing at the script, what it has not said is a default."""
    hub.jobs.runner = Pretend()
    where = next(i for i, word in enumerate(words) if word.endswith(".py"))
    done = hf(hub, *words[1:4], "--detach", *words[4:])
    assert done.returncode == 0, done.stderr
    (job,) = hub.jobs.all.values()
    files = {word: f"/data/{Path(word).name}" for word in words if (ROOT / word).is_file()}  # they travel with it
    assert job.script_arguments == [files.get(word, word) for word in words[where + 1 :]]
    assert job.spec["secrets"] == {"HF_TOKEN": hub.token}
    assert hub.token not in json.dumps({**job.spec, "secrets": None})
    assert "--timeout" in words[:where]
    assert job.spec["timeoutSeconds"] == script.duration_seconds(words[words.index("--timeout") + 1])
    assert job.spec["flavor"] == words[words.index("--flavor") + 1]
    parsed = parser_of(ROOT / words[where]).parse_args(job.script_arguments)
    assert parsed.results_repo


@pytest.mark.parametrize("words", list(documented_jobs()))
def test_the_hardware_of_a_documented_job_is_what_the_planner_takes(hub, capsys, words):
    for name, (kind, values, config) in EXAMPLES.items():
        hub.add_user(name.split("/")[0])
        hub.create_repo(name, files=model_files(kind, values, **config))
    hub.create_repo("me/tiny", files={f"step_700/{name}": data for name, data in model_files().items()})
    where = next(i for i, word in enumerate(words) if word.endswith(".py"))
    name = Path(words[where]).name
    given = parser_of(ROOT / words[where]).parse_args(words[where + 1 :])
    tasks = given.task if name == "inspect_vllm_uv.py" else given.tasks
    planned = ["--model", *given.model, "--task", *(task for text in tasks for task in text.split(","))]
    planned += ["--framework", FRAMEWORK_OF[name], "--backend", given.backend, "--dry-run"]
    planned += ["--hardware", words[words.index("--flavor") + 1], "--timeout", words[words.index("--timeout") + 1]]
    planned += ["--max-model-len", str(given.max_model_len)] if given.max_model_len else []
    planned += ["--limit", str(given.limit)] if given.limit else []
    assert main(*planned) == 0, capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--json", "--dry-run", "--timeout=9h"])
def test_what_hf_takes_for_its_own_is_known(hub, flag):
    """Why no example has these behind the script."""
    done = hf(hub, "jobs", "uv", "run", "--detach", "scripts/lighteval_vllm_uv.py", "--model", "me/x", flag)
    assert done.returncode == 0, done.stderr
    assert all(flag not in job.script_arguments for job in hub.jobs.all.values())


def test_the_printed_command_sends_the_same_job(hub, capsys):
    assert main(*command("--dry-run", "--json")) == 0
    (text,) = json.loads(capsys.readouterr().out)["commands"].values()
    assert main(*command("--yes")) == 0
    done = hf(hub, *shlex.split(text)[1:])
    assert done.returncode == 0, done.stderr
    ours, theirs = ({**job.spec, "volumes": None} for job in hub.jobs.all.values())
    assert ours["environment"].pop("HUB_EVALS_PACKAGES")  # of the locked packages, which a script by hand has not
    assert ours["secrets"].pop("HUB_EVALS_RESULTS_KEY")
    words = ours.pop("command")
    assert words[words.index("/data/lighteval_vllm_uv.py") + 1 :] == theirs.pop("command")[5:]
    assert ours == theirs


def test_labels_and_names_keep_to_what_the_hub_allows():
    @given(st.text(), st.lists(st.text(min_size=1), min_size=1, max_size=3))
    def check(model, tasks):
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,100}", script.label_value(model))
        assert re.fullmatch(r"[A-Za-z0-9_-]{1,100}", script.job_name([model], tasks, []))
        assert script.job_name([model], tasks, ["a"]) != script.job_name([model], tasks, ["b"])

    check()


@given(st.integers(1, 10**6), st.sampled_from("smhd"))
def test_timeouts_mean_what_the_client_means(number, unit):
    from huggingface_hub._jobs_api import _create_job_spec

    text = f"{number}{unit}"
    try:
        seconds = script.duration_seconds(text)
    except script.ScriptError:
        return
    spec = _create_job_spec(image="x", command=["x"], env=None, secrets=None, flavor=None, timeout=text)
    assert seconds == spec["timeoutSeconds"]


# --- following ---


def test_status_changes_are_followed_until_all_have_ended(hub, capsys):
    hub.jobs.runner = successful(hub)
    assert main(*command("--yes", "--split", "model", count=2)) == 0
    assert main("wait", "r1", "--json") == 0
    captured = capsys.readouterr()
    for stage in ("RUNNING", "COMPLETED"):
        assert len(re.findall(rf": {stage}$", captured.err, re.MULTILINE)) == 2
    state = json.loads(captured.out[captured.out.index("{") :])
    assert [job["state"]["stage"] for job in state["jobs"]] == ["COMPLETED", "COMPLETED"]
    assert main("status", "r1") == 0
    assert "2 COMPLETED" in capsys.readouterr().out


FAILURES = [
    (["torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2 GiB"], None, "--gpu-memory-utilization"),
    (["ValueError: max seq len (131072) is larger than the maximum number of tokens"], None, "no room for the longest"),
    (["GatedRepoError: 403 Client Error. Access to model x is restricted"], None, "accept its terms"),
    (["ValueError: Model architectures ['Foo'] are not supported for now."], None, "--backend accelerate"),
    (["error: me/x: its tokenizer has no chat template"], None, "without --use-chat-template"),
    (["Bfloat16 is only supported on GPUs with compute capability of at least 8.0"], None, "no bfloat16"),
    (["OSError: [Errno 28] No space left on device"], None, "larger --hardware"),
    (["the model brings its own code: trust_remote_code"], None, "--trust-remote-code"),
    (["402 Client Error: Payment Required for url"], None, "buy credits"),
    ([], "Job timeout", "longer --timeout"),
    (["something new"], "Job failed with exit code: 1", "not known"),
]


@pytest.mark.parametrize(("lines", "message", "said"), FAILURES)
def test_a_failed_job_shows_its_end_and_the_cause(hub, capsys, lines, message, said):
    log = [*(f"line {n}" for n in range(100)), f"the token is {hub.token} and hf_abcdefghijk", *lines]
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR", message, log))
    assert main(*command("--yes", "--wait")) == 1
    err = capsys.readouterr().err
    assert said in err
    shown = re.findall(r"^  (line \d+)$", err, re.MULTILINE)
    assert shown[-1] == "line 99"
    assert len(shown) == 30 - 1 - len(lines)
    assert hub.token not in err
    assert "hf_abcdefghijk" not in err
    assert hub.token not in Path("runs/r1/run.json").read_text()
    assert "--run-id r1" in err


def test_a_job_that_vanished_is_said_at_once_and_sent_again(hub, capsys):
    hub.jobs.runner = hours_of(hub, 1, "RUNNING", ())
    assert main(*command("--yes", "--split", "model", count=2)) == 0
    for _ in range(2):
        assert main("status", "r1") == 0
    del hub.jobs.all[next(iter(hub.jobs.all))]
    hub.jobs.runner = successful(hub)
    capsys.readouterr()
    assert main("wait", "r1") == 1  # and does not wait for it
    err = capsys.readouterr().err
    assert "DELETED (it vanished: send it again)" in err
    assert main("--run-id", "r1", "--yes", "--wait") == 0
    assert main("collect", "r1") == 0
    assert len(hub.jobs.accepted) == 3


def test_canceled_jobs_are_sent_again_only_when_that_is_asked_for(hub, capsys):
    hub.jobs.runner = hours_of(hub, 1, "RUNNING", ())
    assert main(*command("--yes", "--split", "model", count=2)) == 0
    first = next(iter(hub.jobs.all.values()))
    assert main("cancel", "r1", "--job", first.labels["eval-job"]) == 0
    hub.jobs.runner = successful(hub)
    assert main("wait", "r1") == 1
    assert "1 were canceled, and are sent again with --canceled" in capsys.readouterr().err
    assert main("--run-id", "r1", "--yes") == 0
    assert len(hub.jobs.all) == 2
    assert "nothing to send" in capsys.readouterr().err
    assert main("--run-id", "r1", "--yes", "--canceled", "--wait") == 0
    assert len(hub.jobs.all) == 3
    assert main("collect", "r1") == 0


def test_wait_survives_a_long_outage(hub, capsys, monkeypatch):
    slept = []
    monkeypatch.setattr(script.time, "sleep", slept.append)
    hub.jobs.runner = successful(hub)
    assert main(*command("--yes")) == 0
    for how in ({"status": 503}, {"drop": "before"}):
        hub.fault("GET", "/api/jobs/me", times=60, **how)
    assert main("wait", "r1") == 0
    err = capsys.readouterr().err
    assert err.count("the jobs go on; the Hub is asked until it answers") == 1
    assert "the Hub answers again" in err
    assert "COMPLETED" in err


def test_wait_ends_when_the_outage_does_not(hub, capsys, monkeypatch):
    assert main(*command("--yes")) == 0
    monkeypatch.setattr(script, "LONGEST_OUTAGE", 0.0)
    monkeypatch.setattr(script.time, "sleep", lambda seconds: None)
    hub.fault("GET", "/api/jobs/me", times=1000, status=503)
    assert main("wait", "r1") == 2


def test_wait_shows_where_it_stands(hub, capsys):
    hub.jobs.runner = successful(hub)
    assert main(*command("--yes", "--split", "model", count=2)) == 0
    capsys.readouterr()
    assert main("wait", "r1") == 0
    err = capsys.readouterr().err
    assert "hardware" in err.splitlines()[0]  # the table's head
    assert re.search(r"2 RUNNING; .* so far, at most \$2\.40; about \d+ min to go, by the estimate", err)


@pytest.mark.parametrize("path", ["/api/buckets/", "xet-write-token", "/batch$"])
def test_a_refused_upload_is_a_permission(hub, capsys, path):
    hub.fault("POST|GET", path, status=403, times=100, message="Forbidden: no write access to buckets")
    assert main(*command("--yes")) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error: ")]
    assert "job.write" in line
    assert "settings/tokens" in line
    assert hub.count("POST|GET", path) <= 3  # it is not tried again and again
    assert hub.jobs.all == {}


def test_a_task_file_that_changed_is_noticed_on_resume(hub, capsys):
    Path("own.py").write_text("TASKS_TABLE = []\n")
    hub.jobs.runner = hours_of(hub, 0.1)
    words = command("--yes", "--wait", "--custom-tasks", "own.py", tasks=("mine|0",))
    assert main(*words) == 1
    Path("own.py").write_text("TASKS_TABLE = [1]\n")
    assert main("--run-id", "r1", "--yes") == 3
    assert "own.py has changed since the run was planned" in capsys.readouterr().err
    assert main(*words) == 2  # another plan
    Path("own.py").unlink()
    assert main("--run-id", "r1", "--yes") == 2
    Path("own.py").write_text("TASKS_TABLE = []\n")
    assert main("--run-id", "r1", "--yes") == 0
    assert len(hub.jobs.all) == 2


def test_a_failed_job_whose_records_are_all_there_is_not_sent_again(hub, capsys):
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR", "Job timeout", before=lambda: upload(hub, job)))
    assert main(*command("--yes", "--wait")) == 1
    assert main("collect", "r1") == 0
    assert main("--run-id", "r1", "--yes", "--wait") == 0
    assert len(hub.jobs.all) == 1


def test_wait_says_when_it_could_not_ask(hub, capsys):
    assert main(*command("--yes")) == 0
    capsys.readouterr()
    hub.fault("GET", "/api/jobs/me", status=403, times=10, message="no")
    assert main("wait", "r1") == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "job.write" in captured.err


def test_logs_are_read_from_the_stream_and_scrubbed(hub, capsys):
    lines = [f"line {n}" for n in range(40)] + [f"secret {hub.token}"]
    hub.jobs.runner = Pretend(lambda job: Ending(logs=lines, before=lambda: upload(hub, job)))
    assert main(*command("--yes", "--wait")) == 0
    capsys.readouterr()
    assert main("logs", "r1", "--tail", "5") == 0
    assert capsys.readouterr().out.splitlines() == [*lines[-5:-1], "secret ***"]
    assert main("logs", "r1", "--follow") == 0
    assert capsys.readouterr().out.splitlines() == [*lines[:-1], "secret ***"]
    assert hub.count("GET", "/logs$") >= 2


def test_a_log_does_nothing_to_the_terminal(hub, capsys):
    lines = ["\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\tb\rc\x9b2J"]
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR", "bad\x1b[2J", lines))
    assert main(*command("--yes", "--wait")) == 1
    assert main("logs", "r1") == 0
    captured = capsys.readouterr()
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", captured.out + captured.err)
    assert captured.out.endswith("red\n]0;title\na\tbc2J\n")


def test_a_list_that_is_behind_does_not_bring_an_old_try_back(hub):
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR"))
    assert main(*command("--yes", "--wait")) == 1
    hub.jobs.runner = Pretend(lambda job: Ending("RUNNING"))
    assert main("--run-id", "r1", "--yes") == 0
    second = list(hub.jobs.all)[1]
    hub.jobs.hidden.add(second)
    assert main("status", "r1") == 0
    assert main("--run-id", "r1", "--yes") == 0  # sends nothing: the second try is under way
    assert len(hub.jobs.all) == 2
    hub.jobs.hidden.clear()
    assert main("cancel", "r1") == 0
    assert hub.jobs.all[second].stage == "CANCELED"


def test_cancel_stops_what_runs(hub, capsys):
    hub.jobs.runner = Pretend(lambda job: Ending("RUNNING"))
    assert main(*command("--yes", "--split", "model", count=2)) == 0
    names = [job.labels["eval-job"] for job in hub.jobs.all.values()]
    assert main("cancel", "r1", "--job", names[0]) == 0
    assert [job.stage for job in hub.jobs.all.values()] == ["CANCELED", "RUNNING"]
    assert main("cancel", "r1") == 0
    assert [job.stage for job in hub.jobs.all.values()] == ["CANCELED", "CANCELED"]
    assert main("wait", "r1") == 1
    assert main("cancel", "r1", "--job", "none") == 2


def in_terminal(hub, home, *words, answer=b""):
    """Exit code and screen of the script in a terminal of its own."""
    import pty

    ours, theirs = pty.openpty()
    environment = os.environ | hub.environment(home) | {"COLUMNS": "200", "TERM": "xterm"}
    start = "import run_vllm_eval_job as s; s.POLL_SECONDS = 0.1; raise SystemExit(s.main())"
    environment["PYTHONPATH"] = str(ROOT / "scripts")
    process = subprocess.Popen(
        [sys.executable, "-c", start, *words], env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, answer)
    screen = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # the terminal is gone with its last process
            break
        if not part:
            break
        screen += part
    os.close(ours)
    return process.wait(), screen.decode(errors="replace")


def test_a_terminal_is_asked_and_sees_a_table_that_lives(hub, tmp_path):
    hub.jobs.runner = successful(hub)
    code, screen = in_terminal(hub, tmp_path / "home2", *command(), answer=b"n\n")
    assert code == 3
    assert "1 paid jobs, estimated" in screen
    assert hub.jobs.all == {}
    code, screen = in_terminal(hub, tmp_path / "home2", *command(), answer=b"y\n")
    assert code == 0
    assert len(hub.jobs.all) == 1
    code, screen = in_terminal(hub, tmp_path / "home2", "status", "r1")
    assert code == 0
    assert screen.index("RUNNING") < screen.rindex("COMPLETED")


# --- jobs that really run ---

PROBE = """# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
import json, os, sys, time
from pathlib import Path
print(json.dumps({"arguments": sys.argv[1:], "environment": dict(os.environ), "here": os.listdir()}), flush=True)
print(Path(sys.argv[1]).read_text(), flush=True)
time.sleep(float(sys.argv[2]))
sys.exit(int(sys.argv[3]))
"""


@pytest.fixture
def real(hub, tmp_path, monkeypatch):
    """A Hub that runs what is submitted."""
    monkeypatch.setenv("MINE_ALONE", "1")
    Path("probe.py").write_text(PROBE)
    Path("notes.txt").write_text("travelled")
    hub.jobs.runner = Process(hub, tmp_path / "machines", None if shutil.which("uv") else sys.executable)
    yield hub
    hub.jobs.runner.stop()


def submitted(hub, *words, **options):
    from huggingface_hub import HfApi

    secrets = {"HF_TOKEN": hub.token}
    return HfApi().run_uv_job("probe.py", script_args=["notes.txt", *words], secrets=secrets, env={"A": "1"}, **options)


def ended(hub, job):
    from huggingface_hub import HfApi

    return HfApi().wait_for_job(job.id, timeout=120, poll_interval=0.1)


@pytest.mark.filterwarnings("ignore:.*experimental")
def test_a_job_has_what_it_was_given_and_nothing_else(real):
    from huggingface_hub import HfApi

    job = submitted(real, "0.5", "0")
    streamed = list(HfApi().fetch_job_logs(job_id=job.id, follow=True))
    assert ended(real, job).status.stage == "COMPLETED"
    told = json.loads(next(line for line in streamed if line.startswith("{")))
    assert streamed[-1] == "travelled"
    assert told["here"] == []
    given = told["environment"]
    assert (given["A"], given["HF_TOKEN"], given["HF_ENDPOINT"]) == ("1", real.token, real.url)
    assert "MINE_ALONE" not in given
    assert given["HOME"] != os.environ.get("HOME")


@pytest.mark.filterwarnings("ignore:.*experimental")
def test_a_job_ends_as_its_script_does_or_is_ended(real):
    failed = submitted(real, "0", "3")
    slow = submitted(real, "60", "0", timeout=1)
    assert ended(real, failed).status.message == "Job failed with exit code: 3"
    late = ended(real, slow).status
    assert (late.stage, late.message) == ("ERROR", "Job timeout")


# --- sent once ---


def forty(*more):
    return command("--yes", "--split", "model", *more, count=40)


def forty_models(hub):
    for step in range(5, 41):
        hub.create_repo(f"me/lm-step_{step}", files=model_files())


def by_name(hub):
    """Stages of the jobs on the Hub, by the name of the job."""
    found = {}
    for job in hub.jobs.all.values():
        found.setdefault(job.labels["eval-job"], []).append(job.stage)
    return found


def test_forty_jobs_with_failures_are_complete_after_one_resubmission(hub, capsys):
    forty_models(hub)
    unlucky = {f"me/lm-step_{step}" for step in (4, 14, 24, 34)}

    def ending(job):
        if job.labels["eval-attempt"] == "1" and unlucky & set(option(job, "--model")):
            return Ending("ERROR", "Job failed with exit code: 137", ["Killed"])
        return Ending(before=lambda: upload(hub, job))

    hub.jobs.runner = Pretend(ending)
    assert main(*forty("--wait")) == 1
    assert main("collect", "r1") == 1
    assert "36 records in" in capsys.readouterr().out
    assert main("--run-id", "r1", "--yes", "--wait") == 0
    assert main("collect", "r1") == 0
    assert "40 records in" in capsys.readouterr().out
    stages = by_name(hub)
    assert len(stages) == 40
    assert sorted(map(tuple, stages.values())) == [("COMPLETED",)] * 36 + [("ERROR", "COMPLETED")] * 4
    assert main("--run-id", "r1", "--yes") == 0  # nothing is left to send
    assert len(hub.jobs.all) == 44
    assert len(list(Path("results").rglob("*_samples.jsonl"))) == 40


class Trouble:
    """What goes wrong with jobs, by chance: they fail, vanish, keep nothing, keep what is cut, or end well and late."""

    def __init__(self, hub, seed):
        self.hub, self.chance, self.measured, self.gone = hub, random.Random(seed), set(), set()

    def measure(self, job):
        """What the evaluation does: nothing is measured that was measured before."""
        if job.labels["eval-job"] not in self.measured:
            self.measured.add(job.labels["eval-job"])
            (model,), number = option(job, "--model"), int(job.labels["eval-attempt"])
            upload(self.hub, job, instead=record(model, "gsm8k|5", number))

    def spoil(self, job):
        (model,), number = option(job, "--model"), int(job.labels["eval-attempt"])
        change = self.chance.choice([change for name, (change, _) in SPOILED.items() if name != "another limit"])
        upload(self.hub, job, instead=altered(record(model, "gsm8k|5", 100 + number), change))

    def vanish(self, job):
        self.gone.add(job.id)
        del self.hub.jobs.all[job.id]

    def ending(self, job):
        seconds = self.chance.uniform(60, 9000)
        kinds = [
            *[Ending(before=lambda: self.measure(job), seconds=seconds)] * 5,
            Ending("ERROR", "Job failed with exit code: 137", ["Killed"], seconds=seconds),
            Ending("ERROR", "Job timeout", before=lambda: self.measure(job), seconds=seconds),
            Ending(seconds=seconds),
            Ending(before=lambda: self.spoil(job), seconds=seconds),
            Ending("ERROR", before=lambda: self.vanish(job)),
            Ending("RUNNING"),
            Ending("RUNNING"),
        ]
        return kinds[0] if int(job.labels["eval-attempt"]) > 3 else self.chance.choice(kinds)

    def faults(self):
        """Answers that fail, are lost, or come after the fact."""
        hows = [{"status": 503}, {"status": 429, "headers": {"Retry-After": "0"}}, {"drop": "before"}]
        for _ in range(6):
            how = self.chance.choice([*hows, {"drop": "answer"}])
            self.hub.fault("POST", r"^/api/jobs/me$", nth=self.chance.randint(1, 30), **how)
            self.hub.fault("GET", r"^/api/jobs/me", nth=self.chance.randint(1, 12), **self.chance.choice(hows))
        if self.chance.random() < 0.3:
            self.hub.fault("POST", r"^/api/jobs/me$", nth=9, status=402, message="Payment required")


@pytest.mark.parametrize("seed", [1, 2] if THOROUGH else [2])
def test_forty_jobs_under_faults_kills_and_cancels(hub, capsys, monkeypatch, seed):
    """Ends with every task measured once, or named; and the money is that of the Hub's own meter, to the cent."""
    forty_models(hub)
    trouble = Trouble(hub, seed)
    hub.jobs.runner = Pretend(trouble.ending)
    monkeypatch.setattr(script.time, "sleep", lambda seconds: None)
    save = script.save_run

    def killed(args, run):
        if trouble.chance.random() < 0.03:
            raise KeyboardInterrupt
        save(args, run)

    monkeypatch.setattr(script, "save_run", killed)
    assert main(*forty()) in (0, 130)
    wanted = trouble.chance.sample(sorted(by_name(hub)), 3)
    for name in wanted:
        main("cancel", "r1", "--job", name)
    said, codes = "", []
    for turn in range(30):
        monkeypatch.setattr(script, "save_run", killed if turn < 7 else save)
        trouble.faults()
        if turn == 4:
            Path("runs/r1/run.json").unlink(missing_ok=True)  # lost, and made again from labels
        plan = forty() if turn in (0, 4) or not Path("runs/r1/run.json").is_file() else ["--run-id", "r1", "--yes"]
        parallel = ["--max-parallel", "13"] if turn % 3 == 1 else []
        again = ["--canceled"] if turn > 10 else []
        codes.append(main(*plan, "--wait", *parallel, *again))
        capsys.readouterr()
        hub.faults.clear()
        collected = main("collect", "r1") if Path("runs/r1/run.json").is_file() else 1
        captured = capsys.readouterr()
        if turn == 10:
            said = captured.err
        if turn > 10 and collected == 0:
            break
    assert collected == 0, (codes, captured.err)
    named = {line.split(": missing: ")[0] for line in said.splitlines() if ": missing: " in line}
    canceled = {job.labels["eval-job"] for job in hub.jobs.accepted if job.stage == "CANCELED"}
    assert named <= canceled <= set(wanted)  # all but what was canceled was measured by then; that was named
    sent = [job for job in hub.jobs.accepted if job.id not in trouble.gone]
    labels = [tuple(job.labels[name] for name in ("eval-job", "eval-attempt")) for job in sent]
    assert len(set(labels)) == len(labels)  # nothing was sent twice
    home = [json.loads(path.read_text())["model_info"]["id"] for path in Path("results").rglob("*[0-9a-f].json")]
    assert sorted(home) == sorted(models(40))  # each once
    run = json.loads(Path("runs/r1/run.json").read_text())
    spent = sum(usd for job in run["jobs"] for usd in job["state"]["tries"].values())
    assert spent == pytest.approx(hub.jobs.bill, abs=0.005)
    assert hub.jobs.bill > 5


@pytest.mark.parametrize("stop", [1, 7, 39])
def test_a_kill_between_submission_and_writing_sends_nothing_twice(hub, monkeypatch, stop):
    forty_models(hub)
    hub.jobs.runner = successful(hub)
    save, left = script.save_run, [stop + 1]  # the first writes the plan

    def killed(args, run):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        save(args, run)

    monkeypatch.setattr(script, "save_run", killed)
    assert main(*forty()) == 130
    assert len(hub.jobs.all) == stop
    monkeypatch.setattr(script, "save_run", save)
    assert main("--run-id", "r1", "--yes", "--wait") == 0
    assert len(hub.jobs.all) == 40
    assert len(by_name(hub)) == 40


def test_a_killed_process_is_taken_up(hub, tmp_path):
    forty_models(hub)
    hub.jobs.runner = successful(hub)
    hub.latency = 0.01
    words = [sys.executable, str(ROOT / "scripts" / "run_vllm_eval_job.py"), *forty()]
    environment = os.environ | hub.environment(tmp_path / "home2")
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(hub.jobs.all) < 5 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    process.send_signal(signal.SIGKILL)
    process.wait()
    hub.latency = 0
    assert 5 <= len(hub.jobs.all) < 40
    json.loads(Path("runs/r1/run.json").read_text())  # whole, whenever it was
    assert main("--run-id", "r1", "--yes", "--wait") == 0
    assert sorted(map(len, by_name(hub).values())) == [1] * 40


def test_a_lost_run_json_is_made_again_from_labels(hub):
    hub.jobs.runner = successful(hub)
    assert main(*command("--yes", "--split", "model", "--wait", count=4)) == 0
    Path("runs/r1/run.json").unlink()
    assert main(*command("--yes", "--split", "model", "--wait", count=4)) == 0
    assert len(hub.jobs.all) == 4
    assert main("collect", "r1") == 0


def test_another_plan_under_a_known_name_is_refused(hub, capsys):
    assert main(*command("--yes")) == 0
    capsys.readouterr()
    assert main(*command("--yes", tasks=("mmlu",))) == 2
    captured = capsys.readouterr()
    assert "was planned for other jobs" in captured.err
    assert captured.out == ""
    assert len(hub.jobs.all) == 1


def test_failed_jobs_are_sent_again_to_other_hardware_and_with_more_time(hub, capsys):
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR", logs=["CUDA out of memory"]))
    assert main(*command("--yes", "--wait")) == 1
    larger = command("--yes", "--hardware", "a10g-largex2", "--gpu-memory-utilization", "0.8", "--timeout", "6h")
    assert main(*larger) == 0
    first, second = hub.jobs.all.values()
    assert first.labels["eval-job"] == second.labels["eval-job"]
    assert (second.spec["flavor"], second.spec["timeoutSeconds"]) == ("a10g-largex2", 6 * 3600)
    assert option(second, "--tensor-parallel-size") == ["2"]
    assert option(second, "--results-repo") == option(first, "--results-repo")
    assert main("wait", "r1") == 1
    assert main("--run-id", "r1", "--yes", "--timeout", "9h") == 0
    assert list(hub.jobs.all.values())[-1].spec["timeoutSeconds"] == 9 * 3600
    capsys.readouterr()
    assert main("--run-id", "r1", "--yes", "--hardware", "l4x1") == 2
    assert "--hardware: --run-id alone goes on with the plan as it is" in capsys.readouterr().err


def test_a_run_of_an_organization_stays_there(hub):
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR"))
    assert main(*command("--yes", "--wait", "--namespace", "me-org")) == 1
    assert main("--run-id", "r1", "--yes") == 0
    assert [job.namespace for job in hub.jobs.all.values()] == ["me-org", "me-org"]
    assert ("datasets", "me-org/eval-results") in hub.repos
    assert main("wait", "r1") == 1
    assert main("cancel", "r1") == 0


@pytest.mark.parametrize(
    "how",
    [
        {"status": 503},
        {"status": 429, "headers": {"Retry-After": "0"}},
        {"drop": "before"},
        {"drop": "answer"},  # the job was made, and nobody heard of it
    ],
)
def test_a_submission_that_stumbles_is_made_once(hub, how):
    hub.jobs.runner = Pretend(lambda job: Ending("RUNNING"))
    hub.fault("POST", r"^/api/jobs/me$", nth=2, **how)
    assert main(*command("--yes", "--split", "model", count=3)) == 0
    assert sorted(map(len, by_name(hub).values())) == [1, 1, 1]
    states = json.loads(Path("runs/r1/run.json").read_text())["jobs"]
    assert {row["state"]["job_id"] for row in states} == set(hub.jobs.all)


def test_payment_and_permission_end_with_what_to_do_and_go_on_later(hub, capsys):
    hub.fault("POST", r"^/api/jobs/me$", nth=3, status=402, message="Payment required for hardware t4-small")
    assert main(*command("--yes", "--split", "model", count=4)) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Payment required for hardware t4-small: add a payment method" in captured.err
    assert "https://huggingface.co/settings/billing" in captured.err
    assert "--run-id r1" in captured.err
    assert len(hub.jobs.all) == 2
    hub.fault("POST", r"^/api/jobs/me$", status=403, message="Forbidden")
    assert main("--run-id", "r1", "--yes") == 2
    assert "job.write" in capsys.readouterr().err
    assert main("--run-id", "r1", "--yes") == 0
    assert sorted(map(len, by_name(hub).values())) == [1, 1, 1, 1]


def test_without_a_token_nothing_is_asked(hub, monkeypatch, capsys):
    monkeypatch.delenv("HF_TOKEN")
    assert main(*command("--yes")) == 2
    assert "no Hub token: run `hf auth login`" in capsys.readouterr().err
    Path(".env").write_text(f"HF_TOKEN={hub.token}\n")
    assert main(*command("--yes")) == 0
    assert [job.spec["secrets"]["HF_TOKEN"] for job in hub.jobs.all.values()] == [hub.token]


def test_a_read_token_is_refused_before_anything_is_sent(hub, monkeypatch, capsys):
    monkeypatch.setenv("HF_TOKEN", hub.read_token)
    assert main(*command("--yes")) == 2
    assert "settings/tokens" in capsys.readouterr().err
    assert hub.jobs.all == {}


def test_never_more_than_max_parallel(hub):
    most = []

    class Counting(Pretend):
        def start(self, job):
            most.append(sum(other.stage in ("SCHEDULING", "RUNNING") for other in hub.jobs.all.values()))

    hub.jobs.runner = Counting(lambda job: Ending(before=lambda: upload(hub, job)))
    forty_models(hub)
    assert main(*forty("--max-parallel", "7", "--wait")) == 0
    assert max(most) == 7
    assert sorted(map(len, by_name(hub).values())) == [1] * 40


def test_money_is_not_sent_after_money_that_is_lost(hub, capsys):
    forty_models(hub)
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR", logs=["CUDA out of memory"]))
    assert main(*forty("--max-parallel", "3")) == 1
    assert "jobs have failed and none has succeeded" in capsys.readouterr().err
    assert len(hub.jobs.all) == 3
    assert main("wait", "r1") == 1
    assert "37 jobs were not sent yet" in capsys.readouterr().err
    hub.jobs.runner = successful(hub)
    assert main("--run-id", "r1", "--yes", "--max-parallel", "3", "--wait") == 0
    assert len(hub.jobs.all) == 43


def test_two_commands_do_not_send_the_same_run(hub, monkeypatch, capsys):
    monkeypatch.setattr(script, "LOCK_SECONDS", 0.1)
    assert main(*command("--yes")) == 0
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR"))
    assert main("wait", "r1") == 1
    args = script.build_parser().parse_args(["--run-id", "r1"])
    with script.only_one(args, "r1"):
        assert main("--run-id", "r1", "--yes") == 2
    assert "another command" in capsys.readouterr().err
    assert len(hub.jobs.all) == 1


# --- results come home ---


def test_collect_is_safe_to_repeat(hub, capsys):
    hub.jobs.runner = successful(hub)
    assert main(*command("--yes", "--wait", "--split", "model", count=2, tasks=("gsm8k|5", "mmlu"))) == 0
    assert main("collect", "r1", "--output-dir", "home", "--json") == 0
    out = capsys.readouterr().out
    found = json.loads(out[out.index('{\n "schema_version"') :])
    assert [len(job["records"]) for job in found["jobs"]] == [2, 2]
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in Path("home").rglob("*") if path.is_file()}
    assert len(before) == 8
    assert main("collect", "r1", "--output-dir", "home") == 0
    assert before == {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in Path("home").rglob("*") if p.is_file()}


BAD = "data/gsm8k/me/x/00000000-0000-4000-8000-00000000000"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({f"{BAD}1.json": "{"}, "cannot be read"),
        ({f"{BAD}1.json": "{}"}, "no evaluation_results"),
        ({f"{BAD}1.json": json.dumps({"schema_version": "0.3.0"})}, "no evaluation_results"),
        ({f"{BAD}1.json": next(iter(record("me/lm-step_1", "gsm8k|5", 7).values()))}, "samples file is missing"),
        (dict(zip((f"{BAD}1.json", f"{BAD}1_samples.jsonl"), record("me/lm-step_9", "gsm8k|5").values(), strict=True)),
         "a model or task that this job was not given"),
        (dict(zip((f"{BAD}1.json", f"{BAD}1_samples.jsonl"), record("me/lm-step_1", "mmlu").values(), strict=True)),
         "a model or task that this job was not given"),
        ({"data/notes.json": "{}"}, "not a place for a record"),
        ({f"{BAD}1_failure.json": json.dumps({"model_id": "m", "task": "t", "error": "boom"})}, "m t failed: boom"),
    ],
)  # fmt: skip
def test_unsound_files_are_named_and_stay_where_they_are(hub, capsys, files, said):
    hub.jobs.runner = Pretend(lambda job: Ending(before=lambda: upload(hub, job, **files)))
    assert main(*command("--yes", "--wait")) == 0
    assert main("collect", "r1") == 1
    assert said in capsys.readouterr().err
    names = {path.name for path in Path("results").rglob("*.json")}
    assert not names & {"notes.json", f"{BAD.split('/')[-1]}1_failure.json"}


def altered(files, change):
    """A record's files with the record (or, by a function of text, its samples) changed."""
    (name, text), (samples, lines) = files.items()
    content = json.loads(text)
    lines = change(content, lines) or lines
    return {name: json.dumps(content), samples: lines}


def score_of(content):
    return content["evaluation_results"][0]["score_details"]


SPOILED = {
    "cut samples": (lambda c, lines: lines.splitlines(True)[0], "checksum"),
    "cut in a line": (lambda c, lines: lines[:-20], "checksum"),
    "altered samples": (lambda c, lines: lines.replace('"score": 0.0', '"score": 1.0'), "checksum"),
    "no samples": (lambda c, lines: "\n", "checksum"),
    "altered score": (lambda c, lines: score_of(c).update(score=1.0), "is not the mean of its items"),
    "a score out of its range": (lambda c, lines: score_of(c).update(score=7.0), "outside its range"),
    "a score that is none": (lambda c, lines: score_of(c).update(score="0.5"), "not a finite number"),
    "other rows": (lambda c, lines: c["detailed_evaluation_results"].update(total_rows=3), "its record says 3"),
    "no checksum": (lambda c, lines: c.pop("detailed_evaluation_results") and None, "no checksum"),
    "other items": (lambda c, lines: score_of(c).update(uncertainty={"num_samples": 9}), "it speaks of 9 items"),
    "another limit": (
        lambda c, lines: c["evaluation_results"][0]["generation_config"]["additional_details"].update(limit="2"),
        "measured with --limit 2",
    ),
    "a conflict": (lambda c, lines: score_of(c).update(details={"conflict": "0.5 and 0.6"}), "contradicts its items"),
}  # fmt: skip


@pytest.mark.parametrize("how", SPOILED)
def test_a_record_that_is_not_what_was_measured_is_missing_and_measured_again(hub, capsys, how):
    change, said = SPOILED[how]
    bad, good = altered(record("me/lm-step_1", "gsm8k|5"), change), record("me/lm-step_1", "gsm8k|5", 1)

    def ending(job):
        files = good if job.labels["eval-attempt"] == "2" else bad
        return Ending(before=lambda: upload(hub, job, instead=files))

    hub.jobs.runner = Pretend(ending)
    assert main(*command("--yes", "--wait")) == 0
    assert main("collect", "r1") == 1
    captured = capsys.readouterr()
    assert said in captured.err
    assert "missing: me/lm-step_1 gsm8k|5" in captured.err
    assert not list(Path("results").rglob("*.json*"))
    assert main("--run-id", "r1", "--yes", "--wait") == 0  # sends it again
    assert len(hub.jobs.all) == 2
    assert main("collect", "r1") == 0
    captured = capsys.readouterr()
    assert "1 records in" in captured.out
    assert "left out, not sound; a later record of it is" in captured.err
    assert len(list(Path("results").rglob("*_samples.jsonl"))) == 1
    assert main("--run-id", "r1", "--yes") == 0  # and no third time
    assert len(hub.jobs.all) == 2


def test_an_evaluation_does_not_take_an_unsound_record_for_finished(tmp_path, capsys):
    """What collect calls missing is measured again by the job that is sent for it: one function decides."""
    import lighteval_vllm_uv as lighteval

    for how, (change, _) in SPOILED.items():
        for sound in (True, False):
            files = record("me/lm-step_1", "gsm8k|5")
            files = files if sound else altered(files, change)
            folder = tmp_path / f"{how}-{sound}"
            for name, text in files.items():
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).write_text(text)
            history = lighteval.History(folder, [])
            (path,) = (path for path in folder.rglob("*.json"))
            finished = lighteval.Finished(path, json.loads(path.read_text()), "gsm8k|5")
            assert history.is_sound(finished) is (sound or how == "another limit"), how  # which its settings tell
    assert "is measured again" in capsys.readouterr().err


def test_a_score_that_is_no_mean_of_its_items_is_sound(hub, capsys):
    """Of a metric over all items at once, such as Brier's, the lines have no score of their own."""

    def change(content, lines):
        result = content["evaluation_results"][0]
        result["metric_config"] |= {"additional_details": {"aggregation": "brier_score"}, "metric_unit": "points"}
        score_of(content)["score"] = 1.3
        rows = [json.loads(line) | {"error": "no score of its own"} for line in lines.splitlines()]
        text = "".join(json.dumps(row) + "\n" for row in rows)
        content["detailed_evaluation_results"]["checksum"] = hashlib.sha256(text.encode()).hexdigest()
        return text

    files = altered(record("me/lm-step_1", "gsm8k|5"), change)
    hub.jobs.runner = Pretend(lambda job: Ending(before=lambda: upload(hub, job, instead=files)))
    assert main(*command("--yes", "--wait")) == 0
    assert main("collect", "r1") == 0, capsys.readouterr().err


def test_invalid_scores_come_home_and_are_said(hub, capsys):
    """Answers that were all cut off are what the model gave: measuring again gives them again."""
    files = record("me/lm-step_1", "gsm8k|5")
    change = lambda c, lines: score_of(c).update(details={"truncated": "2"})  # noqa: E731
    files = altered(files, change)
    hub.jobs.runner = Pretend(lambda job: Ending(before=lambda: upload(hub, job, instead=files)))
    assert main(*command("--yes", "--wait")) == 0
    assert main("collect", "r1") == 1
    captured = capsys.readouterr()
    assert "kept, not valid" in captured.err
    assert "missing" not in captured.err
    assert main("--run-id", "r1", "--yes") == 0
    assert len(hub.jobs.all) == 1


def test_a_record_that_is_here_already_is_kept(hub, capsys):
    hub.jobs.runner = successful(hub)
    assert main(*command("--yes", "--wait")) == 0
    (name,) = [
        name for name in record("me/lm-step_1", "gsm8k|5") if name.endswith("-8000.json") or "_samples" not in name
    ]
    target = Path("results") / name
    target.parent.mkdir(parents=True)
    target.write_text("mine")
    assert main("collect", "r1") == 1
    assert target.read_text() == "mine"
    assert "it was kept" in capsys.readouterr().err


def test_a_completed_job_without_its_records_is_sent_again(hub, capsys):
    hub.jobs.runner = Pretend(lambda job: Ending())
    assert main(*command("--yes", "--wait", tasks=("gsm8k|5", "mmlu"))) == 0
    assert main("collect", "r1") == 1
    err = capsys.readouterr().err
    assert "missing: me/lm-step_1 gsm8k|5" in err
    assert "missing: me/lm-step_1 mmlu" in err
    hub.jobs.runner = successful(hub)
    assert main("--run-id", "r1", "--yes", "--wait") == 0
    assert len(hub.jobs.all) == 2
    assert main("collect", "r1") == 0


def evaluated(task_names, request, task, group="1"):
    details = {"task_request": request, "task": task, "task_group": group}
    results = [{"evaluation_name": name} for name in task_names]
    return {
        "model_info": {"id": "me/x"},
        "eval_library": {"additional_details": {k: v for k, v in details.items() if v}},
        "evaluation_results": results,
    }


def test_tasks_are_recognized_by_any_of_their_names():
    aliases = {"mmlu_pro": {"mmlu_pro_x"}}
    assert script.is_of_task(evaluated(["gsm8k"], "gsm8k|5", "gsm8k|5"), "leaderboard|gsm8k|5|0", aliases)
    assert not script.is_of_task(evaluated(["gsm8k"], "gsm8k|5", "gsm8k|5"), "gsm8k|0", aliases)
    assert script.is_of_task(evaluated(["inspect_evals/gsm8k"], None, "inspect_evals/gsm8k"), "gsm8k", aliases)
    assert script.is_of_task(evaluated(["mmlu-pro-x"], None, None), "mmlu_pro", aliases)
    assert not script.is_of_task(evaluated(["mmlu"], None, None), "mmlu_pro", aliases)


def test_a_family_is_complete_when_all_its_parts_are_there():
    job = script.EvalJob("j", ("me/x",), ("mmlu|5",), (), "f", "t4-small", 0.4, 1.0)
    parts = [evaluated([f"mmlu:{n}"], "mmlu|5", f"mmlu:{n}|5", "3") for n in "abc"]
    assert script.missing_tasks_of(job, parts[:2], {}) == ("me/x mmlu|5",)
    assert script.missing_tasks_of(job, [*parts[:2], parts[0]], {}) == ("me/x mmlu|5",)
    assert script.missing_tasks_of(job, parts, {}) == ()


def test_run_json_is_read_as_it_was_written(hub):
    assert main(*command("--yes", "--split", "both", count=2, tasks=("a", "b"))) == 0
    path = Path("runs/r1/run.json")
    text = path.read_text()
    again = script.sealed(script.run_to_json(script.run_from_json(json.loads(text), path)), script.RUN_SEAL)
    assert json.dumps(again, indent=1) + "\n" == text


@pytest.mark.parametrize("text", ["{}", '{"schema_version": "9"}', "[]", '{"schema_version": "1", "jobs": [{}]}'])
def test_a_damaged_run_json_is_refused(hub, text, capsys):
    Path("runs/r1").mkdir(parents=True)
    Path("runs/r1/run.json").write_text(text)
    assert main("status", "r1") == 2
    err = capsys.readouterr().err
    assert "run.json" in err
    assert "move it away and give --run-id r1 with the same --model and --task" in err


# --- Inference Providers ---


@pytest.fixture
def router(monkeypatch):
    """The list of models of the router, with prices."""
    rows = [{"id": "me/lm-step_1", "providers": [{"provider": "a", "pricing": {"input": 1, "output": 3}}]}]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"data": rows}).encode())

        def log_message(self, *_):
            """Silence."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(provider_script, "ROUTER", f"http://127.0.0.1:{server.server_address[1]}/v1")
    yield
    server.shutdown()
    server.server_close()


def test_providers_are_asked_from_a_cpu(hub, router, capsys):
    hub.jobs.runner = successful(hub)
    words = ["--model", "me/lm-step_1", "--task", "gsm8k", "--limit", "100", "--run-id", "p1"]
    assert provider_script.main([*words, "--dry-run", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    tokens = (100 * 300 * 1 + 100 * 500 * 3) / 1e6
    assert plan["jobs"][0]["tokens_usd"] == pytest.approx(tokens)
    assert plan["estimate"]["usd"] > tokens
    assert hub.jobs.all == {}
    assert provider_script.main(words) == 3
    assert provider_script.main([*words, "--yes", "--wait", "--provider", "a"]) == 0
    (job,) = hub.jobs.all.values()
    assert job.spec["flavor"] == "cpu-basic"
    assert "/data/inspect_eval_uv.py" in job.spec["command"]
    assert job.spec["secrets"].keys() == {"HF_TOKEN", "HUB_EVALS_RESULTS_KEY"}
    assert option(job, "--provider") == ["a"]
    assert parser_of(ROOT / "scripts" / "inspect_eval_uv.py").parse_args(job.script_arguments).limit == 100
    capsys.readouterr()
    assert provider_script.main(["collect", "p1"]) == 0
    assert "1 records in" in capsys.readouterr().out


def test_the_tokens_of_a_provider_are_under_the_cap(hub, router, capsys):
    words = ["--model", "me/lm-step_1", "--task", "gsm8k", "--limit", "100", "--dry-run", "--timeout", "1h"]
    assert provider_script.main([*words, "--max-cost", "50"]) == 3
    assert "give --max-tokens N" in capsys.readouterr().err
    most = 0.01 + 100 * (4000 * 1 + 2000 * 3) / 1e6
    words += ["--max-tokens", "2000"]
    assert provider_script.main([*words, "--max-cost", f"{most - 0.01:.2f}"]) == 1
    assert provider_script.main([*words, "--max-cost", f"{most:.2f}", "--json"]) == 0
    out = capsys.readouterr().out
    plan = json.loads(out[out.index('{\n "schema_version"') :])
    assert plan["estimate"]["usd_at_most"] == pytest.approx(most, abs=0.01)
    words[1] = "me/lm-step_2"
    assert provider_script.main([*words, "--max-cost", "50"]) == 3
    assert "the price of tokens is not known for me/lm-step_2" in capsys.readouterr().err
    words[1], words[3:6] = "me/lm-step_1", ["my_own_task"]
    assert provider_script.main([*words, "--max-cost", "50"]) == 3
    assert "how many items my_own_task has is not known" in capsys.readouterr().err


def test_nothing_is_called_a_ceiling_that_is_none(hub, router, capsys):
    assert provider_script.main(["--model", "me/lm-step_1", "--task", "gsm8k", "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "the tokens have no known ceiling" in out
    assert "cannot be exceeded" not in out + (ROOT / "references" / "jobs.md").read_text()


def test_an_unknown_price_is_said(hub, router, capsys):
    words = ["--model", "me/lm-step_1", "me/lm-step_2", "--task", "gsm8k", "--split", "model", "--dry-run"]
    assert provider_script.main(words) == 0
    assert "the price of tokens is not known for me/lm-step_2" in capsys.readouterr().out
    assert provider_script.main([*words, "--hardware", "b200"]) == 2
    assert "no such flavor" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "framework", "said"),
    [
        ("gsm9k|5", "lighteval", "did you mean gsm8k"),
        ("humaneval", "lighteval", "inspect or lm_eval has it"),
        ("gsm8k|5", "lighteval", None),
        ("arc:easy|0", "lighteval", None),
        ("inspect_evals/gsm8k", "inspect", None),
    ],
)
def test_a_task_that_is_not_known_is_told_before_it_is_paid_for(task, framework, said):
    found = script.task_warnings([task], framework, "x.py")
    assert [said in line for line in found] == ([True] if said else [])
