"""lighteval_vllm_uv.py over many checkpoints on one engine: every answer must be that of a fresh process.

The example's checkpoints with both backends on the CPU. The output layer of these models is tied to the embeddings: a
swap that forgets it gives answers of neither checkpoint.
"""

import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "lighteval_vllm_uv.py"
TINY = ROOT / "examples" / "tiny_run"
PYTHON = os.environ.get("HUB_EVALS_VLLM_PYTHON")
BACKENDS = ("accelerate", "vllm")
SKILLS = ("math_reasoning", "translation", "sentiment_analysis", "knowledge_retrieval")
ITEMS = 20
# A, B, a model of another layout, A again, and C, with broken ones between: what is wrong must not touch what follows.
SWEEP = {
    "step_1": 100,
    "step_2": 500,
    "step_3": "another layout",
    "step_4": 100,
    "step_5": "cut off",
    "step_6": 900,
    "step_7": "an architecture of nobody's",  # which transformers does not look at
    "step_8": "a tensor is missing",
}
BROKEN = {"accelerate": {"step_5", "step_8"}, "vllm": {"step_5", "step_7", "step_8"}}
MISSING = "model.layers.0.self_attn.q_proj.weight"  # a part of a fused tensor: vLLM loads the rest and says nothing
TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}\n{% endfor %}{% if add_generation_prompt %}>{% endif %}"
)

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not PYTHON, reason="HUB_EVALS_VLLM_PYTHON names no Python with lighteval and vLLM"),
]

# The script, which also leaves what the backend answered to every item, with all digits. A word of the environment
# makes a swap go wrong: the packed output layer keeps the weights of the checkpoint before.
RECORDING = """
import json, os, sys
sys.path.insert(0, sys.argv.pop(1))
import lighteval_vllm_uv as script
log = open(sys.argv.pop(1), "a")
one = script.LightevalSweep.one
def named(self, row):
    script.asked = row.model.id, row.settings.repeat
    return one(self, row)
script.LightevalSweep.one = named
for kind in (script.OnTransformers, script.OnVllm):
    def answers(self, jobs, ask=kind.answers):
        for number, found in ask(self, jobs):
            if isinstance(found, list):
                rows = [[list(r.text), [float(p).hex() for p in r.logprobs]] for r in found]
                log.write(json.dumps([*script.asked, jobs[number].task.name, rows]) + "\\n")
                log.flush()
            yield number, found
    kind.answers = answers
if os.environ.get("FORGETFUL"):
    script.refresh_packed = lambda model: None
raise SystemExit(script.main())
"""

LAYOUT = """
import sys, torch
from transformers import LlamaConfig, LlamaForCausalLM
torch.manual_seed(5)
small = dict(hidden_size=64, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1)
ends = dict(vocab_size=259, max_position_embeddings=256, bos_token_id=1, eos_token_id=2, pad_token_id=0)
LlamaForCausalLM(LlamaConfig(**small, **ends, tie_word_embeddings=False)).save_pretrained(sys.argv[1])
"""


def without(path: Path, name: str) -> None:
    """Take a tensor out of a safetensors file."""
    content = path.read_bytes()
    size = struct.unpack("<Q", content[:8])[0]
    header = json.loads(content[8 : 8 + size])
    start, end = header.pop(name)["data_offsets"]
    for entry in header.values():
        if "data_offsets" in entry and entry["data_offsets"][0] >= end:
            entry["data_offsets"] = [offset - (end - start) for offset in entry["data_offsets"]]
    data = content[8 + size :]
    head = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(head)) + head + data[:start] + data[end:])


class World:
    """A folder with checkpoints, and the script started in it; the Hub is out of reach."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        shutil.copytree(TINY / "data", folder / "data")
        shutil.copy(TINY / "tasks.py", folder / "tasks.py")
        (folder / "recording.py").write_text(RECORDING)
        self.environment = {
            **os.environ,
            "HF_ENDPOINT": "http://127.0.0.1:9",
            "HF_HOME": str(folder / "hf"),
            "HF_TOKEN": "hf_" + "thisisasecretthatmustnotappear",
            "TOKENIZERS_PARALLELISM": "false",
        }
        for name, source in SWEEP.items():
            if source != "another layout":
                self.copy(f"demo/{name}", source if isinstance(source, int) else 900)
        self.other_layout(folder / "demo" / "step_3")
        weights = folder / "demo" / "step_5" / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])
        config = json.loads((folder / "demo" / "step_7" / "config.json").read_text())
        config["architectures"] = ["NobodysForCausalLM"]
        (folder / "demo" / "step_7" / "config.json").write_text(json.dumps(config))
        without(folder / "demo" / "step_8" / "model.safetensors", MISSING)

    def copy(self, name: str, step: int) -> Path:
        """One of the example's checkpoints under another name."""
        shutil.copytree(TINY / "checkpoints" / f"step_{step}", self.folder / name, ignore=lambda f, _: folders_in(f))
        return self.folder / name

    def other_layout(self, folder: Path) -> None:
        subprocess.run([PYTHON, "-c", LAYOUT, str(folder)], check=True, capture_output=True, timeout=300)
        for path in (TINY / "checkpoints" / "step_100").glob("tokenizer*"):
            shutil.copy(path, folder)

    def words(self, output: str, models: list[str], backend: str, *more: str) -> list[str]:
        tasks = ["--tasks", ",".join(SKILLS), "--custom-tasks", "tasks.py", "--limit", str(ITEMS)]
        recording = [PYTHON, "recording.py", str(SCRIPT.parent), f"{output}.log"]
        chosen = ["--model", *models, "--backend", backend, "--device", "cpu", "--output-dir", output]
        return [*recording, *chosen, *tasks, *more]

    def start(self, words: list[str], **more: str) -> subprocess.CompletedProcess[str]:
        """Run it to its end; nothing that it started may outlive it."""
        process = self.popen(words, **more)
        out, err = process.communicate(timeout=600)
        print(out, err, sep="\n", file=sys.stderr)
        assert session(process.pid) == []
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def popen(self, words: list[str], **more: str) -> subprocess.Popen[str]:
        """Start it in a session of its own."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        environment = {**self.environment, **more}
        return subprocess.Popen(words, cwd=self.folder, env=environment, start_new_session=True, **pipes)

    def records(self, output: str) -> dict[tuple[str, str], dict]:
        """The records in an output folder by checkpoint and task; of repeats the last one read."""
        return {key(record): record for record in self.all_records(output)}

    def all_records(self, output: str) -> list[dict]:
        paths = [p for p in sorted((self.folder / output).rglob("*.json")) if not p.name.endswith("_failure.json")]
        return [json.loads(path.read_text()) for path in paths]

    def failures(self, output: str) -> dict[str, set[str]]:
        """The reasons of each model's failures."""
        found: dict[str, set[str]] = {}
        for path in (self.folder / output).rglob("*_failure.json"):
            content = json.loads(path.read_text())
            found.setdefault(content["model_id"], set()).add(content["error"])
        return found

    def samples(self, output: str, record: dict) -> list[dict]:
        path = self.folder / output / record["detailed_evaluation_results"]["file_path"]
        return [json.loads(line) for line in path.read_text().splitlines()]

    def answers(self, output: str) -> dict[tuple[str, str], list]:
        """What the backend answered, by checkpoint and task: texts and log-likelihoods, with all their digits."""
        rows = [json.loads(line) for line in (self.folder / f"{output}.log").read_text().splitlines()]
        return {(model, task): answers for model, _, task, answers in rows}


def folders_in(folder: str) -> list[str]:
    return [path.name for path in Path(folder).iterdir() if path.is_dir()]


def whole_text(sample: dict) -> list[str]:
    """An answer without a character that the token limit has cut in half; vLLM leaves it out, transformers marks it."""
    return [text.rstrip("\ufffd") for text in sample["output"]["raw"]]


def key(record: dict) -> tuple[str, str]:
    return record["model_info"]["id"], record["eval_library"]["additional_details"]["task"]


def checksum(record: dict) -> str | None:
    return record["model_info"]["additional_details"].get("loaded_checksum")


def session(leader: int) -> list[str]:
    """The commands of a session's processes that live (Linux)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, number = path.read_text().rpartition(")")[2].split()[:4]
            if int(number) == leader and state != "Z":
                found.append((path.parent / "cmdline").read_text().replace("\0", " "))
        except OSError:  # it has ended meanwhile
            continue
    return found


@pytest.fixture(scope="module")
def world(tmp_path_factory) -> World:
    return World(tmp_path_factory.mktemp("world"))


@pytest.fixture(scope="module")
def swept(world) -> dict[str, subprocess.CompletedProcess[str]]:
    """The whole sweep in one process, with each backend."""
    models = [f"demo/{name}" for name in SWEEP]
    return {backend: world.start(world.words(backend, models, backend, "--json")) for backend in BACKENDS}


@pytest.fixture(scope="module")
def fresh(world) -> dict[str, subprocess.CompletedProcess[str]]:
    """A process that begins with B. On vLLM it goes on with A and a swap that goes wrong."""
    models = {"accelerate": ["demo/step_2"], "vllm": ["demo/step_2", "demo/step_1"]}
    return {
        backend: world.start(world.words(f"fresh-{backend}", names, backend), FORGETFUL="yes")
        for backend, names in models.items()
    }


# --- a sweep ---


@pytest.mark.parametrize("backend", BACKENDS)
def test_everything_but_the_broken_checkpoints_is_measured(world, swept, backend):
    done = swept[backend]
    assert done.returncode == 1
    good = SWEEP.keys() - BROKEN[backend]
    assert set(world.records(backend)) == {(f"demo/{name}", f"{skill}|0") for name in good for skill in SKILLS}
    assert set(world.failures(backend)) == {f"demo/{name}" for name in BROKEN[backend]}
    assert len(json.loads(done.stdout)["failed"]) == len(BROKEN[backend]) * len(SKILLS)
    assert "Traceback" not in done.stderr
    assert "thisisasecret" not in done.stdout + done.stderr


def test_a_broken_checkpoint_leaves_failures_that_say_why(world, swept):
    """On vLLM a part of a fused tensor may be missing without a word; the scores would be those of made-up weights."""
    for backend in BACKENDS:
        assert all(MISSING in reason for reason in world.failures(backend)["demo/step_8"])
        assert all("Safetensor" in reason for reason in world.failures(backend)["demo/step_5"])
    assert all("use the other --backend" in reason for reason in world.failures("vllm")["demo/step_7"])
    one = world.answers("accelerate")
    assert all(one["demo/step_7", f"{skill}|0"] == one["demo/step_6", f"{skill}|0"] for skill in SKILLS)


@pytest.mark.parametrize("backend", BACKENDS)
def test_another_layout_gets_another_engine_and_it_is_said(swept, backend):
    notices = [line for line in swept[backend].stderr.splitlines() if "a new engine is started" in line]
    wanted = ["demo/step_3", "demo/step_4", "demo/step_5", "demo/step_7"]
    assert [line.split(":")[0] for line in notices] == wanted + (["demo/step_8"] if backend == "accelerate" else [])
    assert "config.json has another" in notices[0]
    assert "config.json has another architectures" in notices[3]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_swapped_checkpoint_answers_as_in_a_fresh_process_bit_for_bit(world, swept, fresh, backend):
    """B was swapped in behind A; the fresh process begins with B."""
    ours, theirs = world.answers(backend), world.answers(f"fresh-{backend}")
    one, two = world.records(backend), world.records(f"fresh-{backend}")
    for skill in SKILLS:
        name = "demo/step_2", f"{skill}|0"
        assert ours[name] == theirs[name]
        assert one[name]["evaluation_results"] == two[name]["evaluation_results"]
        assert checksum(one[name]) == checksum(two[name])
        assert ours[name] != ours["demo/step_1", f"{skill}|0"], "other weights answer otherwise"


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_weights_answer_the_same_before_and_after_others(world, swept, backend):
    """A, B, another layout, A: the second A is another engine's first model."""
    found, records = world.answers(backend), world.records(backend)
    for skill in SKILLS:
        first, again = ("demo/step_1", f"{skill}|0"), ("demo/step_4", f"{skill}|0")
        assert found[first] == found[again]
        assert checksum(records[first]) == checksum(records[again])
    if backend == "vllm":
        sums = [checksum(records[f"demo/step_{number}", f"{SKILLS[0]}|0"]) for number in (1, 2, 3, 4, 6)]
        assert None not in sums
        assert len(set(sums)) == 4


def test_both_backends_agree_item_by_item(world, swept):
    one, two = world.records("accelerate"), world.records("vllm")
    for name in two:
        assert len(world.samples("vllm", two[name])) == ITEMS
        for ours, theirs in zip(world.samples("accelerate", one[name]), world.samples("vllm", two[name]), strict=True):
            for field in ("sample_id", "sample_hash", "evaluation", "metadata"):
                assert ours[field] == theirs[field], (name, field)
            assert whole_text(ours) == whole_text(theirs), name
        scores = [record[name]["evaluation_results"][0]["score_details"] for record in (one, two)]
        assert scores[0]["score"] == scores[1]["score"]
        assert scores[0]["details"] == scores[1]["details"]
    assert len({json.dumps(r["evaluation_results"][0]["score_details"]) for r in one.values()}) > 3


def test_the_log_likelihoods_of_both_backends_are_close(world, swept):
    one, two = world.answers("accelerate"), world.answers("vllm")
    for name in two:
        for (_, ours), (_, theirs) in zip(one[name], two[name], strict=True):
            assert list(map(float.fromhex, ours)) == pytest.approx(list(map(float.fromhex, theirs)), abs=2e-4)


def test_a_swap_that_goes_wrong_is_noticed_and_the_scores_are_right_all_the_same(world, swept, fresh):
    """Without its last step vLLM's reload leaves the tied output layer with the old checkpoint's weights."""
    assert fresh["vllm"].returncode == 0
    notices = [line for line in fresh["vllm"].stderr.splitlines() if "a new engine is started" in line]
    assert len(notices) == 1
    assert "demo/step_1: a new engine is started: the engine holds other weights than the files: lm_head" in notices[0]
    for skill in SKILLS:
        name = "demo/step_1", f"{skill}|0"
        assert world.answers("fresh-vllm")[name] == world.answers("vllm")[name]


# --- killed ---


def test_killed_in_the_middle_it_goes_on_and_gives_the_same(world, swept):
    words = world.words("killed", ["demo/step_1", "demo/step_2"], "vllm")
    process = world.popen(words)
    deadline = time.monotonic() + 300
    while not (kept := list((world.folder / "killed").rglob("*[0-9a-f].json"))) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    deadline = time.monotonic() + 10
    while session(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert session(process.pid) == []
    kept = {path: path.stat().st_mtime_ns for path in (world.folder / "killed").rglob("*[0-9a-f].json")}
    assert 0 < len(kept) < 2 * len(SKILLS)
    done = world.start(words)
    assert done.returncode == 0
    assert f"({2 * len(SKILLS) - len(kept)} new, {len(kept)} finished before)" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    one, two = world.records("vllm"), world.records("killed")
    for name, record in two.items():
        assert record["evaluation_results"] == one[name]["evaluation_results"]


# --- chat templates and sampling ---


@pytest.fixture(scope="module")
def chat(world) -> dict[str, subprocess.CompletedProcess[str]]:
    """A model with a chat template, asked twice with temperature."""
    folder = world.copy("talk/step_7", 700)
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    more = ["--use-chat-template", "--temperature", "0.8", "--repeats", "2"]
    return {
        backend: world.start(world.words(f"chat-{backend}", ["talk/step_7"], backend, *more)) for backend in BACKENDS
    }


def test_both_backends_send_the_same_chat_prompts(world, chat):
    prompts = {}
    for backend in BACKENDS:
        assert chat[backend].returncode == 0
        rows = [row for r in world.all_records(f"chat-{backend}") for row in world.samples(f"chat-{backend}", r)]
        prompts[backend] = {(row["evaluation_name"], row["sample_id"], row["metadata"]["prompt_hash"]) for row in rows}
        assert all(row["input"]["formatted"].startswith("<user>") for row in rows)
    assert prompts["accelerate"] == prompts["vllm"]
    assert len(prompts["vllm"]) == len(SKILLS) * ITEMS, "the same prompts in each repeat"


@pytest.mark.parametrize("backend", BACKENDS)
def test_repeats_are_records_of_their_own_with_seeds_of_their_own(world, chat, backend):
    records = [r for r in world.all_records(f"chat-{backend}") if key(r)[1] == "math_reasoning|0"]
    settings = [record["evaluation_results"][0]["generation_config"] for record in records]
    assert sorted(row["additional_details"]["seed"] for row in settings) == ["1234", "1235"]
    assert {row["generation_args"]["temperature"] for row in settings} == {0.8}
    one, two = ([row["output"]["raw"] for row in world.samples(f"chat-{backend}", record)] for record in records)
    assert one != two


def test_repeats_are_averaged_by_the_comparison(world, chat, monkeypatch, capsys):
    compare_results = pytest.importorskip("compare_results")
    monkeypatch.chdir(world.folder)
    folders = ["--baseline", "chat-accelerate", "--candidate", "chat-vllm"]
    assert compare_results.main([*folders, "--json"]) in (0, 1, 3)
    answer = capsys.readouterr().out
    assert "2 repeats averaged" in answer
