# ruff: noqa: E501
"""The places where a script opens a file that somebody else may have made, and the commands that do.

A slot lays out a small good folder, names the file in it that is spoiled, and the commands that read that file. The good
folder is proven good by the tests: each command ends with its own code there.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
TINY = ROOT / "examples" / "tiny_run"
CARD = """---
license: mit
model-index:
- name: Lumen-7B
  results:
  - task: {type: text-generation}
    dataset: {type: gsm8k, name: GSM8K}
    metrics: [{type: accuracy, value: 31.6}]
---
# Lumen-7B

| Benchmark | Lumen-7B | Other-7B |
|---|---|---|
| MMLU | 55.1 | 50.0 |
| GSM8K | 31.6 | 20.0 |
| {RESULT} math_reasoning | {RESULT:math_reasoning} | - |
"""
ENTRY = "- dataset:\n    id: openai/gsm8k\n    task_id: gsm8k\n  value: 31.6\n"


@dataclass(frozen=True)
class Slot:
    """A file that is opened: its place in the folder, its format, how the folder is made, and who opens it."""

    name: str
    place: str
    form: str
    lay: Callable[[Path], None]
    commands: tuple[tuple[str, ...], ...]
    good_codes: tuple[int, ...] = (0,)
    skip: tuple[str, ...] = field(default=())


def copy_run(folder: Path, steps: tuple[int, ...] = (700, 1000), tasks: tuple[str, ...] = ("math_reasoning",)) -> None:
    """Checkpoints, cards and records of the tiny run."""
    for step in steps:
        shutil.copytree(TINY / "checkpoints" / f"step_{step}", folder / "run" / f"step_{step}")
        for task in tasks:
            source = TINY / "results" / "data" / task / "tiny_run" / f"step_{step}"
            target = folder / "results" / "data" / task / "tiny_run" / f"step_{step}"
            target.mkdir(parents=True)
            for path in source.iterdir():
                name = {".json": f"{step:08x}-0000-4000-8000-000000000000.json"}.get(
                    path.suffix, f"{step:08x}-0000-4000-8000-000000000000_samples.jsonl"
                )
                shutil.copy(path, target / name)
            record = next(path for path in target.glob("*.json"))
            value = json.loads(record.read_text())
            value["detailed_evaluation_results"]["file_path"] = str(
                record.with_name(record.stem + "_samples.jsonl").relative_to(folder / "results")
            )
            record.write_text(json.dumps(value))
    (folder / "README.md").write_text(CARD)
    (folder / ".eval_results").mkdir()
    (folder / ".eval_results" / "gsm8k.yaml").write_text(ENTRY)


def lay_run(folder: Path) -> None:
    copy_run(folder)
    (folder / "training.txt").write_text("A text about nothing in particular.\n" * 50)
    (folder / "policy.yaml").write_text("rule: release\nlimits: {default: 1}\n")
    (folder / "weights.yaml").write_text("math_reasoning: 1\n")
    (folder / "repos.txt").write_text("acme/lumen-7b\n")
    entry = {"my_quiz": {"name": "My quiz", "metric": "accuracy", "unit": "proportion"}}
    (folder / "results" / "metric_mapping.json").write_text(json.dumps(entry))
    (folder / "facts.csv").write_text("model,usd\nbetter,lower\nstep_700,1\nstep_1000,2\n")
    (folder / "questions.csv").write_text("question,answer\nwhat is 1 and 1?,2\n")
    (folder / "questions.jsonl").write_text('{"question": "what is 1 and 1?", "answer": "2"}\n' * 3)
    (folder / "token.txt").write_text("hf_" + "x" * 34 + "\n")


RECORD = "results/data/math_reasoning/tiny_run/step_700/000002bc-0000-4000-8000-000000000000.json"
SAMPLES = RECORD.replace(".json", "_samples.jsonl")
LUMEN = ("--repo-id", "acme/Lumen-7B", "--card", "README.md")
RANK = ("benchmark_calculator", "run", "--results", "results", "--draws", "200")
COMPARE = ("compare_results", "--baseline", "step_1000", "--candidate", "step_700", "--results", "results")
ADD = ("evaluation_manager", "add", *LUMEN, "--results", "results", "--model-id", "tiny_run/step_700")
COLLECT = ("leaderboard", "collect", "--results", "results", "--output-dir", "out")
CONTAMINATED = ("check_contamination", "--training", "training.txt", "--workers", "1")
ITEMS = (*CONTAMINATED, "--items", "results", "--results", "results", "--model-id", "tiny_run/step_700")
PUSH_BOARD = ("leaderboard", "push", "--data", "board", "--dataset", "me/data", "--space", "me/board")
CHOOSE = ("compare_results", "--rule", "choose", "--candidate", "step_700", "step_1000", "--results", "results")
ASK = ("lm_eval_vllm_uv", "--model", "no/where", "--show", "1", "--questions")
HISTORY = ("--tasks", "all", "--custom-tasks", "tasks.py", "--output-dir", "results", "--dry-run")
LIGHTEVAL = ("lighteval_vllm_uv", "--model", "run", *HISTORY)


def lay_convert(folder: Path) -> None:
    """Result files of each harness."""
    fixtures = ROOT / "tests" / "fixtures" / "convert"
    shutil.copytree(fixtures, folder / "in")
    (folder / "plain").mkdir()
    lm_eval = {
        "results": {"toy": {"alias": "toy", "acc,none": 0.5, "acc_stderr,none": 0.1}},
        "configs": {"toy": {"task": "toy", "dataset_path": "a/b", "metric_list": [{"metric": "acc"}]}},
        "versions": {"toy": 1}, "n-shot": {"toy": 0}, "n-samples": {"toy": {"original": 4, "effective": 4}},
        "config": {"model": "hf", "model_args": "pretrained=acme/tiny", "model_sha": "ab"},
        "date": 1763700000.5, "model_name": "acme/tiny", "lm_eval_version": "0.4.9",
    }  # fmt: skip
    (folder / "plain" / "results_2026-01-01.json").write_text(json.dumps(lm_eval))
    (folder / "zip").mkdir()
    header = {
        "version": 2, "status": "success",
        "eval": {
            "task": "toy", "task_version": 0, "model": "hf/acme/tiny", "created": "2026-01-01T00:00:00+00:00",
            "dataset": {"name": "toy", "samples": 2}, "config": {}, "packages": {"inspect_ai": "0.3.285"},
            "task_args": {}, "run_id": "r", "task_id": "t", "eval_id": "e",
        },
        "results": {
            "total_samples": 2, "completed_samples": 2,
            "scores": [{"name": "match", "scorer": "match", "params": {},
                        "metrics": {"accuracy": {"name": "accuracy", "value": 0.5, "params": {}}}}],
        },
        "stats": {"started_at": "2026-01-01T00:00:00+00:00", "completed_at": "2026-01-01T00:01:00+00:00"},
    }  # fmt: skip
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        archive.writestr("header.json", json.dumps(header))
        for number, value in ((1, "C"), (2, "I")):
            sample = {
                "id": number, "epoch": 1, "input": f"q{number}", "target": "a", "messages": [],
                "output": {"model": "m", "choices": [], "completion": "a"}, "scores": {"match": {"value": value}},
            }  # fmt: skip
            archive.writestr(f"samples/{number}_epoch_1.json", json.dumps(sample))
    (folder / "zip" / "log.eval").write_bytes(sink.getvalue())
    lighteval = {
        "config_general": {"model_name": "acme/tiny", "model_sha": "ab", "lighteval_sha": "?", "max_samples": None},
        "results": {"toy|0": {"em": 0.5, "em_stderr": 0.1}, "all": {"em": 0.5}},
        "versions": {}, "config_tasks": {"toy|0": {"name": "toy", "hf_repo": "a/b", "evaluation_splits": ["test"]}},
        "summary_tasks": {}, "summary_general": {},
    }  # fmt: skip
    (folder / "light" / "results" / "acme" / "tiny").mkdir(parents=True)
    stamp = "2026-01-02T03-04-05.123456"
    (folder / "light" / "results" / "acme" / "tiny" / f"results_{stamp}.json").write_text(json.dumps(lighteval))
    details = folder / "light" / "details" / "acme" / "tiny" / stamp
    details.mkdir(parents=True)
    write_parquet(details / f"details_toy|0_{stamp}.parquet")


def write_parquet(path: Path) -> None:
    import pyarrow
    import pyarrow.parquet

    rows = [{"text": f"an item about something, number {n}", "answer": "a"} for n in range(4)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)


def convert(what: str) -> tuple[tuple[str, ...], ...]:
    return (("convert_results", what, "--output-dir", "out"),)


def lay_corpus(folder: Path) -> None:
    """Training text and items of all kinds."""
    rows = [
        {"id": f"q{n}", "question": f"what is the sum of {n} and {n + 1}, please?", "answer": str(n)} for n in range(9)
    ]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "training.txt").write_text("A text about nothing in particular.\n" * 50)
    (folder / "training.jsonl").write_text("".join(json.dumps({"text": "words and words"}) + "\n" for _ in range(5)))
    (folder / "training.json").write_text(json.dumps([{"text": "words and words"}]))
    write_parquet(folder / "training.parquet")
    for packed in ("gz", "zst", "bz2", "xz"):
        (folder / f"training.txt.{packed}").write_bytes(pack(b"words\n" * 100, packed))
    (folder / "items.jsonl").write_text(lines)
    write_parquet(folder / "items.parquet")


def pack(data: bytes, how: str) -> bytes:
    import bz2
    import gzip
    import lzma

    if how == "zst":
        from check_contamination import zstandard

        return zstandard().compress(data)
    return {"gz": gzip.compress, "bz2": bz2.compress, "xz": lzma.compress}[how](data)


def training(name: str) -> tuple[tuple[str, ...], ...]:
    return (("check_contamination", "--training", name, "--items", "items.jsonl", "--workers", "1"),)


def items(name: str) -> tuple[tuple[str, ...], ...]:
    return ((*CONTAMINATED, "--items", name),)


def lay_predictions(folder: Path) -> None:
    for path in (ROOT / "examples" / "predictions").glob("*.jsonl"):
        shutil.copy(path, folder)
    shutil.copytree(TINY / "checkpoints" / "step_700", folder / "run" / "step_700")


def score(name: str, *metrics: str) -> tuple[str, ...]:
    asked = [word for metric in metrics for word in ("--metric", metric)]
    return ("score_predictions", name, *asked, "--model-id", "me/m", "--benchmark", "toy", "--output-dir", "out")


PREPARED: dict[str, Any] = {}  # plans, runs and boards, made once by the scripts themselves


def lay_plan(folder: Path) -> None:
    (folder / "README.md").write_text(CARD)
    (folder / "plan.json").write_text(PREPARED["plan"])


def lay_job(folder: Path) -> None:
    for run in ("r1", "r2"):
        (folder / "runs" / run).mkdir(parents=True)
        (folder / "runs" / run / "run.json").write_text(PREPARED[run])


def lay_board(folder: Path) -> None:
    shutil.copytree(PREPARED["board"], folder / "board")


def lay_aa(folder: Path) -> None:
    shutil.copy(ROOT / "tests" / "fixtures" / "artificial_analysis.json", folder / "aa.json")
    (folder / "README.md").write_text(CARD)


def job(script: str, run: str) -> tuple[tuple[str, ...], ...]:
    verbs = (("status", run), ("logs", run), ("collect", run, "--output-dir", "out"), ("cancel", run))
    adopting = ((script, *verb, "--adopt") for verb in (*verbs, ("--run-id", run, "--yes")))
    return (*adopting, (script, "status", run))


CARD_COMMANDS = (
    ("evaluation_manager", "inspect-tables", *LUMEN),
    ("evaluation_manager", "extract-readme", *LUMEN),
    ("evaluation_manager", "show", *LUMEN),
    ("evaluation_manager", "validate", *LUMEN),
    (
        "benchmark_calculator",
        "run",
        "--results",
        "results",
        "--card",
        "README.md",
        "--prepare",
        "out",
        "--draws",
        "200",
    ),
)
AA = (
    "evaluation_manager",
    "import-aa",
    *LUMEN,
    "--input-json",
    "aa.json",
    "--creator-slug",
    "example-labs",
    "--model-name",
    "sample-7b",
)

SLOTS = (
    Slot("record", RECORD, "json", lay_run, (RANK, COMPARE, ADD, COLLECT, ITEMS), (0, 1, 3)),
    Slot("samples", SAMPLES, "jsonl", lay_run, (RANK, COMPARE, ITEMS), (0, 1, 3)),
    Slot("card", "README.md", "md", lay_run, CARD_COMMANDS, (0, 1, 3)),
    Slot("eval_results", ".eval_results/gsm8k.yaml", "yaml", lay_run, CARD_COMMANDS[2:4], (0, 1)),
    Slot("policy", "policy.yaml", "yaml", lay_run, ((*COMPARE, "--policy", "policy.yaml"),), (0, 1, 2, 3)),
    Slot("weights", "weights.yaml", "yaml", lay_run, ((*RANK, "--weights", "weights.yaml"),), (0, 3)),
    Slot("mapping", "results/metric_mapping.json", "json", lay_run, (RANK, COMPARE, ADD, COLLECT), (0, 1, 3)),
    Slot("facts", "facts.csv", "csv", lay_run, ((*CHOOSE, "--facts", "facts.csv"),), (0, 1, 3)),
    Slot("questions", "questions.jsonl", "jsonl", lay_run, ((*ASK, "questions.jsonl"),), (0, 1, 2)),
    Slot("questions_csv", "questions.csv", "csv", lay_run, ((*ASK, "questions.csv"),), (0, 1, 2)),
    Slot("repos", "repos.txt", "txt", lay_run, (
        ("evaluation_manager", "batch", "--repo-ids", "repos.txt", "--output-dir", "out", "--workers", "2"),
        ("leaderboard", "collect", "--repo-ids", "repos.txt", "--output-dir", "out"),
    ), (1, 2), ("a_million_lines",)),
    Slot("token", "token.txt", "txt", lay_run, (
        ("evaluation_manager", "extract-readme", "--repo-id", "acme/Lumen-7B", "--token-file", "token.txt"),
    ), (2,)),
    Slot("config", "run/step_700/config.json", "json", lay_run, (RANK, LIGHTEVAL), (0, 2, 3)),
    Slot("weights_file", "run/step_700/model.safetensors", "bin", lay_run, (RANK, LIGHTEVAL), (0, 2, 3), ("sparse_3_gb",)),
    Slot("tokenizer", "run/step_700/tokenizer_config.json", "json", lay_run, (LIGHTEVAL,), (0, 2)),
    Slot("lm_eval", "plain/results_2026-01-01.json", "json", lay_convert, convert("plain"), (0,)),
    Slot("lm_eval_samples", "in/lm_eval_0_4/samples_toy_write.jsonl", "jsonl", lay_convert, convert("in/lm_eval_0_4"), (0, 1)),
    Slot("inspect", "zip/log.eval", "zip", lay_convert, convert("zip"), (0,)),
    Slot("helm_stats", "in/helm/toy-run/stats.json", "json", lay_convert, convert("in/helm"), (0,)),
    Slot("helm_states", "in/helm/toy-run/scenario_state.json", "json", lay_convert, convert("in/helm"), (0,)),
    Slot("lighteval", "light/results/acme/tiny/results_2026-01-02T03-04-05.123456.json", "json", lay_convert, convert("light"), (0, 1)),
    Slot("lighteval_details",
         "light/details/acme/tiny/2026-01-02T03-04-05.123456/details_toy|0_2026-01-02T03-04-05.123456.parquet",
         "parquet", lay_convert, convert("light"), (0, 1)),
    Slot("training_text", "training.txt", "txt", lay_corpus, training("training.txt"), (0, 3), ("sparse_3_gb", "one_line_of_2_gb")),
    Slot("training_jsonl", "training.jsonl", "jsonl", lay_corpus, training("training.jsonl"), (0, 3), ("sparse_3_gb", "one_line_of_2_gb")),
    Slot("training_json", "training.json", "json", lay_corpus, training("training.json"), (0, 3)),
    Slot("training_parquet", "training.parquet", "parquet", lay_corpus, training("training.parquet"), (0, 3)),
    Slot("items_jsonl", "items.jsonl", "jsonl", lay_corpus, items("items.jsonl"), (0, 3)),
    Slot("items_parquet", "items.parquet", "parquet", lay_corpus, items("items.parquet"), (0, 3)),
    Slot("predictions", "questions.jsonl", "jsonl", lay_predictions, (score("questions.jsonl", "exact-match", "rouge-l"),), (0,)),
    Slot("ratings", "ratings.jsonl", "jsonl", lay_predictions, (score("ratings.jsonl", "mos"),), (0,)),
    Slot("votes", "votes.jsonl", "jsonl", lay_predictions, (score("votes.jsonl", "win-rate"),), (0, 2, 3)),
    Slot("search", "search.jsonl", "jsonl", lay_predictions, (score("search.jsonl", "ndcg@10"),), (0,)),
    Slot("plan", "plan.json", "json", lay_plan, (
        ("evaluation_manager", "apply", "plan.json", "--card", "README.md", "--dry-run"),
        ("evaluation_manager", "apply", "plan.json", "--create-pr"),
    ), (0, 2, 3)),
    Slot("aa", "aa.json", "json", lay_aa, (AA, ("evaluation_manager", "import-aa", "--list", "--input-json", "aa.json")), (0, 3)),
    Slot("job", "runs/r1/run.json", "json", lay_job, job("run_vllm_eval_job", "r1"), (0, 1, 2)),
    Slot("provider_job", "runs/r2/run.json", "json", lay_job, job("run_eval_job", "r2"), (0, 1, 2)),
    Slot("board", "board/metadata.json", "json", lay_board, (
        ("leaderboard", "show", "--data", "board"), ("leaderboard", "export", "--data", "board", "--output-dir", "out"),
        PUSH_BOARD,
    ), (0,)),
    Slot("board_table", "board/leaderboard.parquet", "parquet", lay_board, (
        ("leaderboard", "show", "--data", "board"), ("leaderboard", "export", "--data", "board", "--output-dir", "out"),
        PUSH_BOARD,
    ), (0,)),
)  # fmt: skip
