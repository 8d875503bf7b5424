"""Made-up models and scores for the leaderboard's tests: on the local Hub in all formats, or straight into a folder."""

import math
import random
from collections.abc import Callable
from pathlib import Path

import leaderboard
import yaml
from local_hub import LocalHub

# key, name, items of the test set, mean and spread of made-up scores (proportions)
BENCHMARKS = [
    ("mmlu_pro", "MMLU-Pro", 12032, 0.45, 0.18),
    ("gpqa_diamond", "GPQA Diamond", 198, 0.40, 0.14),
    ("gsm8k", "GSM8K", 1319, 0.72, 0.18),
    ("hle", "Humanity's Last Exam", 2500, 0.08, 0.05),
    ("aime_2025", "AIME 2025", 30, 0.35, 0.22),
    ("bbh", "BBH", 6511, 0.60, 0.15),
    ("livecodebench", "LiveCodeBench", 880, 0.33, 0.18),
    ("mmlu", "MMLU", 14042, 0.66, 0.14),
    ("arc_challenge", "ARC-Challenge", 1172, 0.62, 0.13),
    ("swe_bench_verified", "SWE-bench Verified", 500, 0.28, 0.18),
]
LICENSES = ["apache-2.0", "mit", "llama3.1", "gemma", "cc-by-nc-4.0", "other", None]
SIZES = [0.5e9, 1.2e9, 3e9, 7.6e9, 8e9, 14e9, 32e9, 70e9, 235e9, 671e9, None]
EVIL = [
    'evil/<script>alert("model")</script>',
    "evil/<img src=x onerror=alert(1)>",
    "evil/name-\u202egnp.exe",
    "evil/'; DROP TABLE scores; --",
    "evil/" + "a-very-long-name-" * 12,
]


def row(model: str, key: str | None, value: float, **more: object) -> dict:
    """One row with every column; what is not given is null."""
    known = {key: name for key, name, *_ in BENCHMARKS}
    given = {
        "model": model,
        "benchmark": key,
        "benchmark_name": known.get(key, str(key)),
        "source_task": known.get(key, str(key)),
        "value": value,
        "unit": "proportion",
        "unit_basis": "stated",
        "comparable": value,
        "canonical_unit": "proportion",
        "metric": "accuracy",
        "source_type": "author_metadata",
        "source_format": "eval_results",
        "revision": "0" * 40,
        "date": "2026-11-01",
        "shown": True,
        "lower_is_better": False,
    }
    given |= {"standard_error": more.get("comparable_error")}
    return dict.fromkeys(leaderboard.COLUMNS) | given | more


def made_up_rows(count: int, seed: int = 7, hostile: bool = True) -> list[dict]:
    """About `count` rows: models x benchmarks with holes, all kinds of sources, second opinions, rows kept apart."""
    rng, rows, number = random.Random(seed), [], 0
    while len(rows) < count:
        number += 1
        evil = hostile and number <= len(EVIL)
        model = EVIL[number - 1] if evil else f"{rng.choice(['acme', 'lab', 'orion', 'delta'])}/made-up-{number:05}"
        about = {
            "parameters": int(size) if (size := rng.choice(SIZES)) else None,
            "license": rng.choice(LICENSES),
            "downloads": int(10 ** rng.uniform(1, 7)),
            "likes": int(10 ** rng.uniform(0, 4)),
            "library": rng.choice(["transformers", "vllm", None]),
            "pipeline_tag": "text-generation",
            "contributor": model.split("/")[0],
        }
        skill = rng.gauss(0, 1) + math.log10((about["parameters"] or 5e9) / 5e9) * 0.6
        for key, _, items, mean, spread in BENCHMARKS:
            if rng.random() < 0.35:
                continue
            value = round(min(max(mean + spread * (0.8 * skill + 0.5 * rng.gauss(0, 1)), 0.0), 0.99), 4)
            kind = rng.choices(list(leaderboard.SOURCE_TYPES), [1, 6, 2, 1, 1, 2, 1])[0]
            url = f"https://huggingface.co/{model}" if not evil else "https://example.org/?q=<script>alert(2)</script>"
            more = {"source_type": kind, "source_url": url, "shots": rng.choice([None, "0-shot", "5-shot"])}
            if kind == "open_pr":
                more["pull_request"] = rng.randint(1, 40)
            if rng.random() < 0.6:
                error = round(math.sqrt(value * (1 - value) / items), 5) or None
                more |= {"n": items, "standard_error": error, "comparable_error": error}
            if rng.random() < 0.03:
                why = f"{value} may be a proportion or a percentage: nothing says which"
                more |= {"unit": None, "unit_basis": None, "comparable": None, "shown": False, "why_not": why}
            rows.append(row(model, key, value, **about, **more))
            if rng.random() < 0.1:
                again = {"source_type": "reported", "shown": False, "source_name": "Example <b>Index</b>"}
                rows.append(row(model, key, round(value * 0.97, 4), **about, **more | again))
        if rng.random() < 0.1:
            apart = {"benchmark_name": "In-house test <i>42</i>", "comparable": None, "unit": None, "unit_basis": None}
            apart |= {"canonical_unit": None, "shown": False, "why_not": "no known benchmark", "lower_is_better": None}
            rows.append(row(model, None, 3.5, **about, **apart))
    return rows[:count]


def made_up_metadata(rows: list[dict]) -> dict:
    """metadata.json for made-up rows."""
    return leaderboard.make_metadata(
        rows,
        unreadable=[
            {"model": "lab/broken-card", "where": "README.md", "reason": "model-index is text, not a list"},
            {"model": "evil/<b>x</b>", "where": "model-index[0]", "reason": "the value is <script>alert(3)</script>"},
        ],
        collected="2026-11-21T06:00:00Z",
        asked={"trending": 100, "repo_ids": None, "author": None, "results": [], "benchmarks": []},
        models_read=sorted({row["model"] for row in rows}),
        requests={"sent": 420, "not_modified": 0, "retried": 1},
    )


def write_made_up(folder: Path, count: int, seed: int = 7, hostile: bool = True) -> Path:
    """leaderboard.parquet, .jsonl and metadata.json with `count` made-up rows in a folder."""
    rows = made_up_rows(count, seed, hostile)
    leaderboard.write_data(Path(folder), rows, made_up_metadata(rows))
    return Path(folder)


# --- models on the local Hub, in all formats ---

HUB_TASKS = {
    "mmlu_pro": ("TIGER-Lab/MMLU-Pro", "mmlu_pro"),
    "gpqa_diamond": ("Idavidrein/gpqa", "gpqa_diamond"),
    "gsm8k": ("openai/gsm8k", "gsm8k"),
    "hle": ("cais/hle", "hle"),
}
MODEL_INDEX_SETS = {
    "mmlu_pro": ("MMLU-Pro (5-shot)", "TIGER-Lab/MMLU-Pro", "default"),
    "gpqa_diamond": ("GPQA Diamond", "Idavidrein/gpqa", "gpqa_diamond"),
    "gsm8k": ("GSM8K", "openai/gsm8k", "main"),
    "aime_2025": ("AIME 2025", "OpenEvals/aime_2025", None),
    "bbh": ("BBH", "lukaemon/bbh", None),
    "livecodebench": ("LiveCodeBench", "livecodebench/livecodebench", None),
    "mmlu": ("MMLU", "cais/mmlu", "all"),
    "arc_challenge": ("ARC-Challenge", "allenai/ai2_arc", "ARC-Challenge"),
    "swe_bench_verified": ("SWE-bench Verified", "SWE-bench/SWE-bench_Verified", "default"),
}


def eval_file(key: str, value: object, **more: object) -> dict[str, str]:
    """One file of .eval_results: {path: YAML}."""
    dataset_id, task = HUB_TASKS[key]
    entry = {"dataset": {"id": dataset_id, "task_id": task}, "value": value, **more}
    return {f".eval_results/{key}.yaml": yaml.safe_dump([entry], sort_keys=False)}


def index_result(key: str, value: object, metric: str = "accuracy", source: dict | None = None) -> dict:
    """One result of a model-index."""
    name, kind, config = MODEL_INDEX_SETS[key]
    dataset = {"name": name, "type": kind, **({"config": config} if config else {})}
    result = {"task": {"type": "text-generation"}, "dataset": dataset, "metrics": [{"type": metric, "value": value}]}
    return result | ({"source": source} if source else {})


def card(*results: dict, **front: object) -> dict[str, str]:
    """README.md with a model-index: {path: text}."""
    index = {"model-index": [{"name": "made-up", "results": list(results)}]} if results else {}
    text = yaml.safe_dump({"license": "mit", "pipeline_tag": "text-generation", **front, **index}, sort_keys=False)
    return {"README.md": f"---\n{text}---\n# A made-up model\n"}


def open_pull_request(
    hub: LocalHub, repo_id: str, files: dict[str, str], author: str, title: str = "Add results"
) -> int:
    """A pull request of `author` with one commit; returns its number."""
    repo = hub.repo(repo_id)
    pull = repo.open_discussion(title, author, "", "open", "refs/heads/main", repo.at("main").oid)
    hub.commit(repo_id, files, title, f"refs/pr/{pull.num}", user=author)
    return pull.num


def merge_pull_request(hub: LocalHub, repo_id: str, number: int) -> None:
    """The squashed commit with which the Hub merges."""
    repo = hub.repo(repo_id)
    pull = repo.discussions[number - 1]
    new, old = repo.at(pull.ref).tree, repo.commits[pull.start].tree
    changed = {path: hub.blobs.get(entry.key) for path, entry in new.items() if old.get(path) != entry}
    hub.commit(repo_id, changed, f"{pull.title} (#{number})", user=repo.owner)
    pull.status = "merged"


def plain_text_index(hub: LocalHub, repo_id: str) -> None:
    """A card whose metadata the Hub would refuse today, from before it did."""
    hub.commit(repo_id, {"README.md": "---\nmodel-index: none yet\n---\n"})


# What is wrong with a model, by its number: each takes (hub, repo id) and commits it.
FAULTS: list[Callable[[LocalHub, str], object]] = [
    plain_text_index,
    lambda hub, repo_id: hub.commit(repo_id, card(index_result("gsm8k", "a lot"))),
    lambda hub, repo_id: hub.commit(repo_id, card(index_result("gsm8k", float("nan")))),
    lambda hub, repo_id: hub.commit(repo_id, card(index_result("gsm8k", 10**400))),
    lambda hub, repo_id: hub.commit(repo_id, {"README.md": "---\nmodel-index:\n- results: [7, {metrics: x}]\n---\n"}),
    lambda hub, repo_id: hub.commit(repo_id, {".eval_results/gsm8k.yaml": "- dataset: [unclosed"}),
    lambda hub, repo_id: hub.commit(repo_id, eval_file("gsm8k", "many")),
    lambda hub, repo_id: hub.commit(repo_id, {".eval_results/x.yaml": "a: &a [1,1]\n" + "b: &b [*a,*a]\n" * 5}),
]


def fill_hub(hub: LocalHub, count: int, owner: str = "lab") -> list[str]:
    """`count` models in all formats, one in ten of them faulty; returns their ids."""
    for dataset_id, task in HUB_TASKS.values():
        if ("datasets", dataset_id) not in hub.repos:
            hub.create_benchmark(dataset_id, [task])
    hub.verify_tokens.add("signed")
    ids = []
    for number in range(count):
        repo_id = f"{owner}/model-{number:04}"
        about = {"downloads": 1000 + number, "likes": number, "safetensors": {"total": 10**9 + number}}
        hub.create_repo(repo_id, about=about, trending=count - number)
        fill_model(hub, repo_id, number)
        ids.append(repo_id)
    return ids


def fill_model(hub: LocalHub, repo_id: str, number: int) -> None:
    """The formats by the last digit of a number: 0 .eval_results, 1 and 2 model-index, 3 both, 4 and 5 open pull
    requests, 6 merged, 7 verified, 8 faulty, 9 nothing."""
    percent, share = round(40 + number / 7, 1), round(0.4 + number / 700, 3)
    kind = number % 10
    if kind == 0:
        hub.commit(repo_id, card() | eval_file("gsm8k", percent) | eval_file("hle", round(percent / 10, 1)))
    elif kind == 1:
        hub.commit(repo_id, card(index_result("mmlu", percent), index_result("bbh", percent - 5, "exact_match")))
    elif kind == 2:
        hub.commit(repo_id, card(index_result("arc_challenge", share), index_result("gsm8k", share)))
    elif kind == 3:
        hub.commit(repo_id, card(index_result("gsm8k", percent - 1)) | eval_file("gsm8k", percent))
    elif kind == 4:
        hub.commit(repo_id, card(index_result("mmlu", percent)))
        added = card(index_result("mmlu", percent), index_result("livecodebench", percent - 20, "pass@1"))
        open_pull_request(hub, repo_id, added, "visitor")
        open_pull_request(hub, repo_id, {"notes.txt": "nothing about results"}, "visitor", "Add notes")
    elif kind == 5:
        hub.commit(repo_id, card())
        open_pull_request(hub, repo_id, eval_file("mmlu_pro", percent), "visitor")
    elif kind == 6:
        hub.commit(repo_id, card())
        merge_pull_request(hub, repo_id, open_pull_request(hub, repo_id, eval_file("mmlu_pro", percent), "visitor"))
    elif kind == 7:
        verified = {"verifyToken": "signed", "source": {"url": "https://example.org/run", "name": "A log"}}
        hub.commit(repo_id, card(index_result("gsm8k", percent + 3)) | eval_file("gsm8k", percent, **verified))
    elif kind == 8:
        FAULTS[number // 10 % len(FAULTS)](hub, repo_id)
