"""--questions with the real lighteval, lm-eval and inspect: the same items and prompts, equal answers and scores.

HUB_EVALS_VLLM_PYTHON names the Python of an environment with all harnesses.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

import benchmark_calculator
import pytest

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "tiny_run"
CHECKER = ROOT.parent / "shared" / "check_records.py"
PYTHON = os.environ.get("HUB_EVALS_VLLM_PYTHON")
HARNESSES = {"lighteval_vllm_uv": "accelerate", "lm_eval_vllm_uv": "hf", "inspect_vllm_uv": "hf"}
TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}> {{ m.content }}\n{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)
ITEMS = 20

pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not PYTHON, reason="HUB_EVALS_VLLM_PYTHON is not set: no Python with all harnesses"),
]

# A short training by transformers itself: two checkpoints, and the final model at the top of the folder.
TRAINING = """
import sys, torch
from transformers import AutoModelForCausalLM, AutoTokenizer, Trainer, TrainingArguments
start, out = sys.argv[1:]
tokenizer, model = AutoTokenizer.from_pretrained(start), AutoModelForCausalLM.from_pretrained(start)
text = ["Spell sun with dashes: s-u-n\\n", "Write sea in capitals: SEA\\n"]
rows = [{"input_ids": (ids := tokenizer(row)["input_ids"]), "labels": ids} for row in text * 4]
arguments = TrainingArguments(
    output_dir=out, max_steps=4, save_steps=2, learning_rate=1e-3, per_device_train_batch_size=1, report_to=[],
    use_cpu=True, disable_tqdm=True, logging_steps=1)
trainer = Trainer(model=model, args=arguments, train_dataset=rows, processing_class=tokenizer)
trainer.train()
trainer.save_model()
"""

Q = """task: my_quiz
dataset_path: json
dataset_kwargs: {data_files: {test: items.jsonl}}
test_split: test
output_type: multiple_choice
doc_to_text: PROMPT
doc_to_choice: choices
doc_to_target: "{{['A', 'B'].index(answer)}}"
target_delimiter: " "
metric_list: [{metric: acc, aggregation: mean, higher_is_better: true}]
"""

LIGHTEVAL_TASK = """
from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc

def prompt(line, task_name):
    choices = [" " + choice for choice in line["choices"]]
    return Doc(task_name=task_name, query=line["question"], choices=choices, gold_index="ABC".index(line["answer"]))

TASKS_TABLE = [LightevalTaskConfig(
    name="my_quiz", prompt_function=prompt, metrics=[Metrics.loglikelihood_acc], hf_repo="data", hf_subset="default",
    hf_avail_splits=["test"], evaluation_splits=["test"])]
"""

INSPECT_TASK = """
from inspect_ai import Task, task
from inspect_ai.dataset import Sample, json_dataset
from inspect_ai.scorer import match
from inspect_ai.solver import generate

@task
def my_quiz():
    return Task(
        dataset=json_dataset("items.jsonl", lambda line: Sample(
            id=line["id"], input=line["question"], target=line.get("answer", ""), choices=line["choices"])),
        solver=generate(), scorer=match())
"""


def write(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def items_of(skill: str, split: str = "test") -> list[dict]:
    lines = (EXAMPLE / "data" / skill / f"{split}.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def with_letter(row: dict) -> dict:
    letter = "AB"[row["choices"].index(row["answer"])]
    return {"id": row["id"], "question": row["prompt"], "choices": row["choices"], "answer": letter}


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Two checkpoints of the example, one of them with a chat template too, and files of questions."""
    folder = tmp_path_factory.mktemp("questions")
    for step in (400, 700):
        shutil.copytree(EXAMPLE / "checkpoints" / f"step_{step}", folder / "run" / f"step_{step}")
    shutil.copytree(EXAMPLE / "checkpoints" / "step_700", folder / "chat" / "step_700")
    (folder / "chat" / "step_700" / "chat_template.jinja").write_text(TEMPLATE)
    write(folder / "quiz.jsonl", [with_letter(row) for row in items_of("common_sense")[:ITEMS]])
    sums = [{"prompt": row["prompt"], "target": row["answer"]} for row in items_of("math_reasoning")[:ITEMS]]
    write(folder / "sums.jsonl", sums)
    words = [{"input": row["prompt"], "reference": row["answer"]} for row in items_of("instruction_following")]
    write(folder / "words.jsonl", words[:ITEMS])
    write(folder / "shots.jsonl", words[-2:])
    return folder


def start(folder: Path, *words: object, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment, without network."""
    environment = {name: value for name, value in os.environ.items() if name not in ("HF_TOKEN", "HF_ENDPOINT")}
    environment |= {"HF_HUB_OFFLINE": "1", "HF_HOME": str(folder / "hf"), "XDG_CACHE_HOME": str(folder / "cache")}
    command = [PYTHON, *map(str, words)]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=400, check=False
    )
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr, done.stderr
    return done


def ask(folder: Path, harness: str, output: str, *words: object, code: int = 0, model: str = "run") -> str:
    script = ROOT / "scripts" / f"{harness}.py"
    more = ["--backend", HARNESSES[harness], "--output-dir", output]
    done = start(folder, script, "--model", model, *words, *more, code=code)
    return done.stdout + done.stderr


def answers(output: Path, task: str) -> dict[tuple[str, str], tuple]:
    """(checkpoint, item) -> what a samples file says that must not depend on the harness."""
    found = {}
    for path in sorted(output.glob(f"data/{task}/*/*/*_samples.jsonl")):
        for line in path.read_text().splitlines():
            row = json.loads(line)
            text = row["output"]["raw"][0].split("\n")[0].strip()
            read = [part["extracted_value"] for part in row["answer_attribution"]]
            told = (
                row["evaluation"]["score"],
                row["metadata"]["prompt_hash"],
                row["sample_hash"],
                row["input"],
                text,
                read,
            )
            found[path.parent.name, row["sample_id"]] = told
    return found


def records(output: Path, task: str) -> list[dict]:
    paths = output.glob(f"data/{task}/*/*/*.json")
    return [json.loads(path.read_text()) for path in sorted(paths) if "_failure" not in path.name]


@pytest.fixture(scope="module")
def asked(world):
    """All three harnesses, the three files: choices by their log-likelihood, or in inspect as letters."""
    said = {}
    for harness in HARNESSES:
        said[harness] = ask(world, harness, harness, "--questions", "quiz.jsonl", "sums.jsonl", "words.jsonl")
    return said


def test_scores_are_equal_in_all_harnesses(world, asked):
    for task in ("sums", "words"):
        found = {harness: answers(world / harness, task) for harness in HARNESSES}
        first = found["lighteval_vllm_uv"]
        assert len(first) == 2 * ITEMS and found["lm_eval_vllm_uv"] == first and found["inspect_vllm_uv"] == first
        assert 0 < sum(row[0] for row in first.values()) < len(first)
    found = [answers(world / harness, "quiz") for harness in ("lighteval_vllm_uv", "lm_eval_vllm_uv")]
    assert found[0] == found[1] and 0 < sum(row[0] for row in found[0].values()) < 2 * ITEMS
    letters = records(world / "inspect_vllm_uv", "quiz")
    assert all(
        row["evaluation_results"][0]["metric_config"]["additional_details"]["scoring"] == "letters" for row in letters
    )
    assert "quiz.jsonl: scored by --score letters" in asked["inspect_vllm_uv"]
    for task in ("quiz", "sums", "words"):
        names = {
            (row["evaluation_name"], row["metric_config"]["metric_id"])
            for harness in HARNESSES
            for record in records(world / harness, task)
            for row in record["evaluation_results"]
        }
        assert len(names) == 1


def test_what_a_record_says_of_the_file(world, asked):
    import hashlib

    digest = hashlib.sha256((world / "sums.jsonl").read_bytes()).hexdigest()
    for harness in HARNESSES:
        for record in records(world / harness, "sums"):
            result = record["evaluation_results"][0]
            details = result["source_data"]["additional_details"]
            assert (details["path"], details["data_sha256"]) == ("sums.jsonl", digest)
            assert result["metric_config"]["additional_details"]["scoring"] == "numeric"
            assert result["score_details"]["uncertainty"]["num_samples"] == ITEMS


@pytest.mark.skipif(not CHECKER.is_file(), reason="the checker of records is not here")
def test_the_records_keep_the_schema(world, asked):
    for harness in HARNESSES:
        done = subprocess.run(["python3", CHECKER, world / harness], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def test_what_is_finished_is_skipped_until_the_file_changes(world, asked):
    words = ["--questions", "sums.jsonl"]
    for harness in HARNESSES:
        assert "0 new, 2 finished before" in ask(world, harness, harness, *words)
    old = (world / "sums.jsonl").read_text()
    (world / "sums.jsonl").write_text(old.replace("3 + 27", "4 + 26"))
    shutil.copytree(world / "lm_eval_vllm_uv", world / "changed")  # the answers of others stay what they are
    try:
        assert "2 new, 0 finished before" in ask(world, "lm_eval_vllm_uv", "changed", *words)
    finally:
        (world / "sums.jsonl").write_text(old)


def test_chats_are_the_same_in_all_harnesses(world):
    words = ["--questions", "words.jsonl", "--score", "f1", "--shots-from", "shots.jsonl", "--use-chat-template"]
    words += ["--system-prompt", "Be brief.", "--max-tokens", "16", "--limit", "8"]
    found = []
    for harness in HARNESSES:
        said = ask(world, harness, f"chat_{harness}", *words, model="chat")
        assert "over 8 of 20 items (--limit)" in said
        found.append(answers(world / f"chat_{harness}", "words"))
    assert len(found[0]) == 8 and found[1] == found[0] and found[2] == found[0]
    prompt = next(iter(found[0].values()))[3]["formatted"]
    assert prompt.startswith("<s><system> Be brief.\n<user> ") and prompt.endswith("<assistant>")
    shown = ask(world, "lm_eval_vllm_uv", "none", *words, "--show", "1", model="chat")
    assert prompt + "⏎" in shown


@pytest.mark.parametrize(
    ("harness", "kind", "words"),
    [
        ("lighteval_vllm_uv", "lighteval", ["--custom-tasks", "{}_task/{}_lighteval.py", "--tasks", "{}|0"]),
        ("lm_eval_vllm_uv", "lm_eval", ["--custom-tasks", "{}_task/{}_lm_eval.yaml", "--tasks", "{}"]),
        ("inspect_vllm_uv", "inspect", ["--task", "{0}_task/{0}_inspect.py@{0}"]),
    ],
)
def test_written_tasks_give_the_same_scores(world, asked, harness, kind, words):
    for task in ("sums", "words") if kind == "inspect" else ("sums", "quiz"):
        ask(world, harness, "none", "--questions", f"{task}.jsonl", "--write-task", kind)
        ask(world, harness, f"written_{kind}", *[word.format(task, task) for word in words])
        own, theirs = answers(world / harness, task), answers(world / f"written_{kind}", task)
        assert {key: row[:2] for key, row in own.items()} == {key: row[:2] for key, row in theirs.items()}


def test_a_trainers_folder_is_swept_ranked_and_its_card_filled(world, tmp_path, capsys, monkeypatch):
    folder = world / "trained"
    start(world, "-c", TRAINING, world / "run" / "step_700", folder)
    assert (folder / "model.safetensors").is_file() and (folder / "checkpoint-2").is_dir()
    ask(world, "lighteval_vllm_uv", "trained_results", "--questions", "quiz.jsonl", "words.jsonl", model="trained")
    models = {record["model_info"]["id"] for record in records(world / "trained_results", "words")}
    assert models == {"trained/checkpoint-2", "trained/checkpoint-4"}  # the final model is the last of them once more
    card = tmp_path / "CARD.md"
    card.write_text(
        "# Model\n\n| task | score |\n| --- | --- |\n| words | {RESULT:words} |\n| quiz | {RESULT:quiz} |\n"
    )
    monkeypatch.chdir(world)
    words = ["trained", "--results", "trained_results", "--prepare", str(tmp_path / "release"), "--card", str(card)]
    assert benchmark_calculator.main(words) == 3  # the final model is its last checkpoint: of equals none is best
    assert "--tie-break" in capsys.readouterr().err
    assert benchmark_calculator.main([*words, "--tie-break", "latest"]) == 0
    assert "words" in capsys.readouterr().out
    filled = (tmp_path / "release" / "README.md").read_text()
    assert "{RESULT" not in filled and filled.count("| words | 0.") == 1


def test_only_the_task_file_that_was_named_is_measured(world):
    folder = world / "yaml"
    write(folder / "items.jsonl", [with_letter(row) for row in items_of("common_sense")[:ITEMS]])
    (folder / "q.yaml").write_text(Q.replace("PROMPT", '"the same for all"'))
    (folder / "q2.yaml").write_text(Q.replace("PROMPT", "question"))
    words = ["--tasks", "my_quiz", "--custom-tasks"]
    ask(world, "lm_eval_vllm_uv", "named", *words, "yaml/q2.yaml")
    assert {row[3]["raw"] for row in answers(world / "named", "my_quiz").values()} == {
        row["prompt"] for row in items_of("common_sense")[:ITEMS]
    }
    assert "is defined in yaml/q.yaml and in yaml/q2.yaml" in ask(
        world, "lm_eval_vllm_uv", "named", *words, "yaml", code=2
    )
    said = ask(world, "lm_eval_vllm_uv", "same", *words, "yaml/q.yaml")
    assert f"{ITEMS} items, different prompts: 1" in said


def test_broken_rows_of_own_tasks_end_the_run_before_it_begins(world):
    rows = [with_letter(row) for row in items_of("common_sense")[:ITEMS]]
    rows[3]["answer"] = "C"
    folder = world / "broken"
    write(folder / "items.jsonl", rows)
    (folder / "data").mkdir()
    shutil.copy(folder / "items.jsonl", folder / "data" / "test.jsonl")
    (folder / "q.yaml").write_text(Q.replace("PROMPT", "question").replace("['A', 'B']", "['A', 'B', 'C']"))
    (folder / "tasks.py").write_text(LIGHTEVAL_TASK)
    (folder / "inspect_tasks.py").write_text(INSPECT_TASK)
    for harness, words in (
        ("lm_eval_vllm_uv", ["--tasks", "all", "--custom-tasks", "broken/q.yaml"]),
        ("lighteval_vllm_uv", ["--tasks", "all", "--custom-tasks", "broken/tasks.py"]),
        ("inspect_vllm_uv", ["--task", "broken/inspect_tasks.py"]),
    ):
        said = ask(world, harness, "nothing", *words, code=1)
        assert f"my_quiz: 1 of {ITEMS} items have no answer that can be right" in said and rows[3]["id"] in said
    assert not (world / "nothing").exists()
