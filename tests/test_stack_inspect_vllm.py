"""inspect_vllm_uv.py with the real inspect, transformers and vLLM on the CPU, on checkpoints of the example.

HUB_EVALS_VLLM_PYTHON names the Python of an environment with vLLM for the CPU and the packages of the script's header.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "inspect_vllm_uv.py"
EXAMPLE = ROOT / "examples" / "tiny_run"
CHECKER = ROOT.parent / "shared" / "check_records.py"
PYTHON = os.environ.get("HUB_EVALS_VLLM_PYTHON")
TASKS = ("math_reasoning", "translation")
LIMIT = 20

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not PYTHON, reason="HUB_EVALS_VLLM_PYTHON is not set: no Python with vLLM for the CPU"),
]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Checkpoints of one run: a, b, a's weights again, one whose configuration differs; nothing may ask the Hub."""
    folder = tmp_path_factory.mktemp("inspect_vllm")
    for name, step in {"step_1": 500, "step_2": 1000, "step_3": 500, "step_4": 1000}.items():
        place = folder / "run" / "checkpoints" / name
        shutil.copytree(EXAMPLE / "checkpoints" / f"step_{step}", place)
    config = folder / "run" / "checkpoints" / "step_4" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"max_position_embeddings": 200}))
    return folder


def command(world, *arguments):
    """A command line, its folder and its environment."""
    environment = {name: value for name, value in os.environ.items() if name not in ("HF_TOKEN", "HF_ENDPOINT")}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(world / "hf"), "XDG_CACHE_HOME": str(world / "cache")}
    words = [PYTHON, str(SCRIPT), *map(str, arguments)]
    return {"args": words, "cwd": world, "env": environment, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}


def evaluate(world, output, steps, backend, *more, tasks=TASKS):
    """Run the script; its JSON document and what it said."""
    models = [f"run/checkpoints/step_{step}" for step in steps]
    names = [f"{EXAMPLE / 'inspect_tasks.py'}@{task}" for task in tasks]
    words = ["--model", *models, "--task", *names, "--backend", backend, "--limit", LIMIT, "--output-dir", output]
    done = subprocess.run(**command(world, *words, "--json", *more), text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr
    return json.loads(done.stdout), done.stderr


def answers(world, output, step):
    """What a checkpoint answered: (task, item) -> answer, tokens, score, prompt."""
    found = {}
    for path in (world / output / "data").glob(f"*/run/step_{step}/*_samples.jsonl"):
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            key = row["evaluation_name"], row["sample_id"]
            assert key not in found
            prompt = row["metadata"]["prompt_hash"], row["sample_hash"]
            found[key] = (row["output"]["raw"], row["token_usage"], row["evaluation"], prompt)
    return found


def checksum(world, output, step):
    """What the engine said of a checkpoint's weights, the same in all its records."""
    records = [json.loads(path.read_text()) for path in (world / output / "data").glob(f"*/run/step_{step}/*.json")]
    found = {json.dumps(record["model_info"]["additional_details"]["loaded_checksum"]) for record in records}
    assert len(found) == 1
    return found.pop()


@pytest.fixture(scope="module")
def swept(world):
    """a, b, a on one server of vLLM, which is started once."""
    return evaluate(world, "swept", (1, 2, 3), "vllm")


@pytest.fixture(scope="module")
def held(world):
    """a, b, a on one transformers model, and on another the weights of b with another configuration."""
    return evaluate(world, "held", (1, 2, 3, 4), "hf")


@pytest.mark.parametrize("backend", ["swept", "held"])
def test_a_sweep_writes_records_of_one_engine(world, backend, request):
    document, said = request.getfixturevalue(backend)
    models = {row["model"] for row in document["records"]}
    assert len(document["records"]) == len(models) * len(TASKS)
    assert document["failed"] == []
    assert said.count("a new engine is started") == len(models) - 3
    assert said.count(f": {'vllm' if backend == 'swept' else 'hf'} is started") == len(models) - 2
    if CHECKER.is_file():
        done = subprocess.run([sys.executable, CHECKER, world / backend], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("backend", ["swept", "held"])
def test_the_same_weights_swapped_in_again_answer_the_same(world, backend, request):
    request.getfixturevalue(backend)
    first, other, again = (answers(world, backend, step) for step in (1, 2, 3))
    assert len(first) == LIMIT * len(TASKS)
    assert first == again
    assert first != other
    sums = [checksum(world, backend, step) for step in (1, 2, 3)]
    assert sums[0] == sums[2] != sums[1]


def test_both_backends_send_the_same_and_answer_the_same(world, swept, held):
    for step in (1, 2):
        assert answers(world, "swept", step) == answers(world, "held", step)


def test_answers_are_those_of_lighteval_in_the_example(world, held):
    for step, name in ((1, "step_500"), (2, "step_1000")):
        for task in TASKS:
            (path,) = (EXAMPLE / "results" / "data" / task).glob(f"*/{name}/*_samples.jsonl")
            rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
            theirs = {row["sample_id"]: (row["output"]["raw"], row["metadata"]["prompt_hash"]) for row in rows}
            ours = {item: row for (found, item), row in answers(world, "held", step).items() if found == task}
            assert len(ours) == LIMIT
            for item, (raw, _, _, (prompt, _)) in ours.items():
                # lighteval keeps the end of the line that stops an answer where the tokenizer puts one
                assert ([text.split("\n")[0] for text in theirs[item][0]], theirs[item][1]) == (raw, prompt)


def test_another_configuration_gets_another_engine(world, held):
    assert "step_4: a new engine is started: config.json has another max_position_embeddings" in held[1]
    assert checksum(world, "held", 4) == checksum(world, "held", 2)


# A model as vLLM holds it on a CPU: fused and packed layers, a head that is tied to the embeddings.
ENGINE = """
import json, sys
import inspect_vllm_uv as script
import torch
from safetensors.torch import save_file

class Packing:
    def process_weights_after_loading(self, layer):
        packed = layer.weight.detach().clone()
        layer.cpu_linear = lambda x: x @ packed.T
        if not layer.stays:
            layer.weight = torch.nn.Parameter(torch.empty(0), requires_grad=False)
    def apply(self, layer, x, bias):
        return layer.cpu_linear(x)

class Layer(torch.nn.Module):
    quant_method = Packing()
    def __init__(self, weight, stays):
        super().__init__()
        self.weight, self.stays, self.input_size_per_partition = weight, stays, weight.shape[1]
        self.quant_method.process_weights_after_loading(self)

class Model(torch.nn.Module):
    packed_modules_mapping = {"qkv": ["q", "k"]}
    def __init__(self, state):
        super().__init__()
        frozen = {name: torch.nn.Parameter(tensor.clone(), requires_grad=False) for name, tensor in state.items()}
        # an engine adds rows to the vocabulary
        rows = torch.cat([state["embed.weight"], torch.zeros(3, 300)])
        self.embed = Layer(torch.nn.Parameter(rows, requires_grad=False), True)
        self.head = Layer(self.embed.weight, True)
        fused = torch.cat([state["q.weight"], state["k.weight"]])
        self.qkv = Layer(torch.nn.Parameter(fused, requires_grad=False), False)
        self.norm = torch.nn.Module()
        self.norm.weight = frozen["norm.weight"]

def state(seed):
    torch.manual_seed(seed)
    shapes = {"embed.weight": (5, 300), "q.weight": (4, 300), "k.weight": (2, 300), "norm.weight": (300,)}
    return {name: torch.randn(shape) for name, shape in shapes.items()}

old, new = state(1), state(2)
save_file(new, "new.safetensors")
save_file(new | {"norm.weight": torch.full((300,), torch.nan)}, "broken.safetensors")
save_file({name: tensor for name, tensor in new.items() if name != "q.weight"}, "lacking.safetensors")
said = {}
def look(name, model, file="new.safetensors"):
    said[name] = script.weights_in_engine(model, [file])

look("fresh", Model(new))
look("again", Model(new))
look("old", Model(old))
stale = Model(old)
for name, tensor in (("embed", new["embed.weight"]), ("norm", new["norm.weight"])):
    getattr(stale, name).weight.data[: len(tensor)] = tensor
stale.qkv = Model(new).qkv
stale.embed.quant_method.process_weights_after_loading(stale.embed)
look("stale", stale)
script.refresh_packed(stale)
look("refreshed", stale)
look("broken", Model(new), "broken.safetensors")
look("lacking", Model(new), "lacking.safetensors")
share = Model(new)
share.norm.weight = torch.nn.Parameter(new["norm.weight"][:150].clone(), requires_grad=False)
look("share", share)
one = Model(new)
one.norm.weight = torch.nn.Parameter(old["norm.weight"], requires_grad=False)
look("one", one)
turned = Model(new)
turned.norm.weight = torch.nn.Parameter(new["norm.weight"].flip(0), requires_grad=False)
look("turned", turned)
with open("config.json", "w") as file:
    file.write(json.dumps({"quantization_config": {"bits": 4}}))
look("quantized", one)
print(json.dumps(said))
"""


def test_weights_are_read_back_from_fused_packed_and_tied_layers(tmp_path):
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parent)}
    words = [PYTHON, "-c", ENGINE]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    fine = {"exact": 6, "summed": 0, "unread": [], "wrong": [], "inexact": [], "broken": None, "rest": "", "other": []}
    assert said["fresh"] | fine == said["fresh"]
    assert said["fresh"] == said["again"] == said["refreshed"]
    assert set(said["old"]["wrong"]) == {"embed.weight", "head.weight", "norm.weight"}
    assert set(said["old"]["inexact"]) == {"embed.weight", "head.weight", "qkv.weight"}
    assert said["old"]["checksum"] != said["fresh"]["checksum"]
    # what vLLM leaves of a swap: all parameters are new, the head computes with the old
    assert (said["stale"]["wrong"], said["stale"]["inexact"]) == ([], ["head.weight"])
    assert said["broken"]["broken"] == "norm.weight"
    assert (said["fresh"]["lacking"], said["lacking"]["lacking"]) == (None, "q.weight")
    # one tensor of another model is enough, and another arrangement of the file's is none
    assert said["old"]["other"] == ["embed.weight", "head.weight", "norm.weight"]
    assert (said["one"]["other"], said["one"]["wrong"]) == (["norm.weight"], ["norm.weight"])
    assert (said["turned"]["other"], said["turned"]["wrong"], said["quantized"]["other"]) == ([], ["norm.weight"], [])
    assert (said["share"]["exact"], said["share"]["summed"]) == (5, 1)
    assert said["share"]["rest"]


def descendants(pid):
    """The processes below a process."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(path.parent.name)] = int(fields[1])
    found, grown = {pid}, True
    while grown:
        more = {child for child, parent in parents.items() if parent in found} - found
        found, grown = found | more, bool(more)
    return found - {pid}


def command_lines(pids):
    """The processes of these that still run, with their command lines."""
    found = {}
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
            found |= {} if state == "Z" else {pid: Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")}
        except OSError:
            continue
    return found


def killed_at_its_first_record(world, output, *words):
    """Start the script, kill it as soon as a record is there; the record's path and the script's processes."""
    running = subprocess.Popen(**command(world, *words, "--output-dir", output, "--limit", LIMIT))
    places: list[Path] = []
    below: set[int] = set()
    try:
        while running.poll() is None and not places:
            below |= descendants(running.pid)
            places = list((world / output).glob("data/*/*/*/*.json"))
            time.sleep(0.02)
    finally:
        running.send_signal(signal.SIGKILL)
    said = running.communicate()[1].decode()
    assert places, said
    return places[0], below


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_a_fresh_server_answers_as_the_swept_one_and_ends_when_the_script_is_killed(world, swept):
    task = f"{EXAMPLE / 'inspect_tasks.py'}@{TASKS[0]}"
    words = ("--model", "run/checkpoints/step_2", "--task", task, "--backend", "vllm")
    _, below = killed_at_its_first_record(world, "fresh", *words)
    lines = command_lines(below)
    assert len(below) >= 3, "the keeper, the server and its engine"
    until = time.monotonic() + 60
    while command_lines(below) and time.monotonic() < until:
        time.sleep(0.1)
    assert command_lines(below) == {}, lines
    left = [word for line in lines.values() for word in line.split("\0") if word.endswith("plain.jinja")]
    assert not any(Path(word).exists() for word in left)
    theirs = {key: row for key, row in answers(world, "swept", 2).items() if key[0] == TASKS[0]}
    assert answers(world, "fresh", 2) == theirs
    assert checksum(world, "fresh", 2) == checksum(world, "swept", 2)


def test_killed_and_run_again_it_goes_on(world, held):
    tasks = [f"{EXAMPLE / 'inspect_tasks.py'}@{task}" for task in TASKS]
    models = ("run/checkpoints/step_1", "run/checkpoints/step_2")
    words = ("--model", *models, "--task", *tasks, "--backend", "hf", "--max-connections", "8")
    first, _ = killed_at_its_first_record(world, "again", *words)
    before = first.read_bytes()
    document, _ = evaluate(world, "again", (1, 2), "hf", "--max-connections", "8")
    assert str(first.relative_to(world)) in [row["path"] for row in document["skipped"]]
    assert len(document["records"]) + len(document["skipped"]) == 2 * len(TASKS)
    assert document["records"]
    assert first.read_bytes() == before
    for step in (1, 2):
        assert answers(world, "again", step) == answers(world, "held", step)


LOOKED_UP = """
import json
import inspect_vllm_uv as script
from inspect_ai.model import get_model_info
from inspect_ai.model._providers import hf
asked = []
for name in ("AutoModelForCausalLM", "AutoTokenizer"):
    setattr(hf, name, type(name, (), {"from_pretrained": staticmethod(lambda *words, **more: asked.append(words))}))
script.transformers_provider()
get_model_info(f"{script.HF_PROVIDER}/tiny_run/step_700")
print(json.dumps(asked))
"""


def test_a_folder_is_never_looked_up_on_the_hub_by_its_name():
    """inspect looks up what it can of a model, by making it once more; a Hub may have a repo of the folder's name."""
    environment = os.environ | {"PYTHONPATH": str(SCRIPT.parent), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run([PYTHON, "-c", LOOKED_UP], capture_output=True, text=True, env=environment, check=False)
    assert (done.returncode, done.stdout.strip().splitlines()[-1:]) == (0, ["[]"]), done.stderr
