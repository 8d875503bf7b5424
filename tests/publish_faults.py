"""Random trouble while results are published: what the Hub holds at the end is what it holds without any.

Each scenario, made from its number alone, is a repo, a command, and what goes wrong: answers lost before or after the
request was carried out, 429 and 5xx, wrong bodies, other people's commits and pull requests, a .gitignore, kills. The
command is run again and again, the last time without trouble; then the repo is compared with that of a run without
trouble, and everything that left is searched for the token.

    uv run tests/run_tests.py -- tests/test_publish_faults.py                    1,000 scenarios
    HUB_EVALS_SCENARIOS=10000 uv run tests/run_tests.py -- tests/test_publish_faults.py -n 2
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import re
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from unittest import mock

import evaluation_manager as manager
import yaml
from local_hub import LocalHub
from local_hub_site import WRONG_FORMS, Fault

TABLE = "\n## Evaluation\n\n| Benchmark | {name} |\n|---|---|\n| MMLU-Pro | {pro} |\n| GSM8K (5-shot) | {gsm} |\n"
OTHERS = """model-index:
- name: {name}
  results:
  - task: {{type: text-generation}}   # kept
    dataset: {{name: HellaSwag, type: Rowan/hellaswag, split: validation}}
    metrics: [{{type: accuracy, name: 'HellaSwag', value: 81.5, verified: true}}]
"""
FRONTS = ("", "---\nlicense: apache-2.0 # kept\ntags: ['a', \"b\"]\n---\n", "---\nlicense: mit\n{others}---\n")
IGNORED = ("", "*.md\n", ".eval_results/\n", "*.yaml\n*.md\n")
BESIDE = ("--beside", "mmlu_pro")  # another measurement than the one in the card's table
WAYS = (("--create-pr",), ("--apply",))
SOURCES = ("card", "card", "records", "api", "plan", "batch")


class Killed(BaseException):
    """The process is gone."""


@dataclass
class Tally:
    """What happened in all scenarios, and what ended wrongly."""

    counts: Counter = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)


@dataclass
class Scenario:
    """One repo and one command; `rng` decides all of it."""

    hub: LocalHub
    folder: Path
    number: int
    rng: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.number)
        self.owner = self.rng.choice(["me", "me", "lab"])
        self.name = f"m{self.number}"
        self.repo = f"{self.owner}/{self.name}"
        self.source = self.rng.choice(SOURCES)
        self.way = WAYS[0] if self.owner != "me" or self.source == "batch" else self.rng.choice(WAYS)
        newline = self.rng.choice(["\n", "\n", "\r\n"])
        front = self.rng.choice(FRONTS).format(others=OTHERS.format(name=self.name))
        body = TABLE.format(
            name=self.name, pro=round(self.rng.uniform(20, 80), 1), gsm=round(self.rng.uniform(20, 90), 1)
        )
        self.card = f"{front}# {self.name}\n{body}".replace("\n", newline).encode()
        self.ignore = self.rng.choice(IGNORED)
        self.theirs = self.rng.choice(["", "", "file", "card", "closed", "other"])

    def reset(self) -> None:
        self.hub.repos.pop(("models", self.repo), None)
        files = {"README.md": self.card, "config.json": "{}"} | ({".gitignore": self.ignore} if self.ignore else {})
        self.hub.create_repo(self.repo, files=files)
        if self.theirs == "other":
            self.hub.open_pull_request(self.repo, {"config.json": '{"a": 1}'}, "Other things", user="lab")

    def command(self, run: int) -> list[str]:
        """The command line of the run with this number."""
        self.folder.mkdir(exist_ok=True)
        if self.source == "records":
            record(self.folder / "results", self.repo, 0.2 + 0.7 * self.rng.random() if run < 0 else None)
            return ["add", "--repo-id", self.repo, "--results", str(self.folder / "results"), *BESIDE, *self.way]
        if self.source == "api":
            row = {"name": self.name, "slug": self.name, "model_creator": {"name": "Me", "slug": "me"}}
            file = self.folder / "aa.json"
            file.write_text(json.dumps({"data": [row | {"evaluations": {"mmlu_pro": 0.512, "gpqa": 0.25}}]}))
            ask = ["--input-json", str(file), "--creator-slug", "me", "--model-name", self.name]
            return ["import-aa", *ask, "--repo-id", self.repo, "--format", "model-index", *BESIDE, *self.way]
        if self.source == "batch":
            (self.folder / "repos.txt").write_text(f"{self.repo}\n")
            more = ["--resume"] if (self.folder / "b" / "batch.json").exists() else []
            place = ["--repo-ids", str(self.folder / "repos.txt"), "--output-dir", str(self.folder / "b")]
            return ["batch", *place, "--workers", "1", "--create-pr", *more]
        plan = self.folder / "plan.json"
        if self.source == "plan" and plan.exists():
            return ["apply", str(plan), *(self.way if self.way == WAYS[0] else ())]
        return ["extract-readme", "--repo-id", self.repo, *self.way]


def record(folder: Path, repo: str, score: float | None) -> None:
    """A record of one result; None: the one that is there stays."""
    path = folder / "data" / "mmlu_pro" / repo / "0f7c2a52-5a50-4c3e-9d3b-2b1f0d0c7a11.json"
    if score is None and path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    owner, _, name = repo.partition("/")
    result = {
        "evaluation_result_id": "mmlu_pro|5/accuracy",
        "evaluation_name": "mmlu_pro",
        "source_data": {"dataset_name": "MMLU-Pro", "source_type": "other"},
        "metric_config": {"metric_id": "accuracy", "metric_unit": "proportion", "lower_is_better": False},
        "score_details": {"score": score or 0.4321, "uncertainty": {"num_samples": 12032}},
    }
    whole = {
        "schema_version": "0.3.0",
        "evaluation_id": f"mmlu_pro/{repo}/1795246661",
        "evaluation_timestamp": "2026-11-21T07:37:41Z",
        "retrieved_timestamp": "1795246661",
        "source_metadata": {
            "source_name": "test", "source_type": "evaluation_run", "source_organization_name": owner,
            "evaluator_relationship": "first_party",
        },
        "model_info": {"name": name, "id": repo, "developer": owner, "inference_engine": {"name": "vllm"}},
        "eval_library": {"name": "lm-evaluation-harness", "version": "1.0"},
        "evaluation_results": [result],
    }  # fmt: skip
    path.write_text(json.dumps(whole), encoding="utf-8")


def trouble(scenario: Scenario, tally: Tally) -> object:
    """A rule for the Hub: what goes wrong with each request of one run."""
    rng = scenario.rng
    often = rng.choice([0.02, 0.08, 0.25])
    here = re.compile(f"{scenario.repo}|whoami|validate-yaml")

    def rule(method: str, target: str) -> Fault | None:
        if not here.search(target) or rng.random() > often:
            return None
        tally.counts["faults"] += 1
        kind = rng.choice(["status", "status", "executed", "drop", "wrong", "wrong executed"])
        tally.counts[kind] += 1
        if kind in ("status", "executed"):
            status = rng.choice([429, 500, 502, 503, 504])
            return Fault(method, "", status=status, executed=kind == "executed", headers={"Retry-After": "0"})
        if kind == "drop":
            return Fault(method, "", drop=rng.choice(["before", "answer"]))
        content_type, body = WRONG_FORMS[rng.choice(sorted(WRONG_FORMS))]
        return Fault(method, "", status=200, content_type=content_type, body=body, executed=kind == "wrong executed")

    return rule


@contextlib.contextmanager
def deadly(scenario: Scenario, tally: Tally):
    """Kill the run at a random step."""
    steps = scenario.rng.randint(1, 40)
    real = manager.Hub.read

    def read(self, *args, **options):
        nonlocal steps
        steps -= 1
        if steps == 0:
            tally.counts["kills"] += 1
            raise Killed
        return real(self, *args, **options)

    with mock.patch.object(manager.Hub, "read", read):
        yield


def run(argv: list[str]) -> tuple[int, str]:
    """The exit code of a command (-9: killed, -1: a traceback), and all that it printed."""
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            code = manager.main(argv)
        except Killed:
            code = -9
        except BaseException:
            code = -1
            said.write(traceback.format_exc())
    return code, said.getvalue()


def outcome(scenario: Scenario) -> dict:
    """What counts of a repo: results on main, and in one's own open pull requests."""
    hub, repo = scenario.hub, scenario.repo
    pulls = [pull for pull in hub.pull_requests(repo) if pull.author == "me" and pull.status in ("open", "draft")]
    return {"main": results(hub.files(repo)), "open": [results(hub.files(repo, pull.ref)) for pull in pulls]}


def results(files: dict[str, bytes]) -> dict:
    """The metadata of a tree, as it is read."""
    front = manager.read_metadata(files["README.md"].decode(), "README.md").values
    evals = {path: yaml.safe_load(data) for path, data in files.items() if path.startswith(".eval_results/")}
    return {"front": front, "evals": evals, "weights": files.get("config.json")}


def others_do(scenario: Scenario, run_number: int) -> None:
    """What other people do between and during the runs."""
    hub, repo = scenario.hub, scenario.repo
    if scenario.theirs == "file":
        hub.commit(repo, {"notes.txt": f"{run_number}\n"}, user="lab")
    elif scenario.theirs == "card":
        text = hub.files(repo)["README.md"] + b"More.\n"
        hub.commit(repo, {"README.md": text}, user="lab")


def play(scenario: Scenario, tally: Tally) -> None:
    """One scenario; what ended wrongly goes to the tally."""
    hub, rng = scenario.hub, scenario.rng
    scenario.reset()
    if scenario.source == "plan":
        saved = run(["extract-readme", "--repo-id", scenario.repo, "--output", str(scenario.folder / "plan.json")])
        assert saved[0] == 0, saved
    code, said = run(scenario.command(-1))
    wanted = outcome(scenario)
    if code != 0:
        tally.wrong.append(f"{scenario.number}: without trouble {code}: {said[-300:]}")
        return
    scenario.reset()
    for name in ("b",):
        if (scenario.folder / name).exists():
            import shutil

            shutil.rmtree(scenario.folder / name)
    texts = [said]
    for number in range(rng.randint(1, 3)):
        hub.rule = trouble(scenario, tally)
        others_do(scenario, number)
        commit = f"/{scenario.repo}/commit/"
        if rng.random() < 0.3:
            hub.fault("POST", commit, before=lambda number=number: others_do(scenario, number))
        with deadly(scenario, tally) if rng.random() < 0.25 else contextlib.nullcontext():
            code, said = run(scenario.command(number))
        tally.counts["runs"] += 1
        tally.counts[f"exit {code}"] += 1
        texts.append(said)
        hub.faults.clear()
        hub.rule = None
        if code not in (0, 1, 2, 3, -9):
            tally.wrong.append(f"{scenario.number}: exit {code}: {said[-600:]}")
        mine = [pull for pull in hub.pull_requests(scenario.repo) if pull.author == "me" and pull.status == "open"]
        if scenario.theirs == "closed" and mine and number == 0:
            hub.change_pull_request(scenario.repo, mine[0].num, "closed", user=scenario.owner)
            wanted = {"main": wanted["main"], "open": []}
    code, said = run(scenario.command(9))
    texts.append(said)
    tally.counts["runs"] += 1
    found = outcome(scenario)
    if code not in ((0, 3) if scenario.way == WAYS[0] else (0,)):
        tally.wrong.append(f"{scenario.number} ({scenario.source}): at the end {code}: {said[-400:]}")
    if len(found["open"]) > len(wanted["open"]):
        tally.wrong.append(f"{scenario.number} ({scenario.source}): doubled: {len(found['open'])} pull requests")
    elif found != wanted:
        tally.wrong.append(f"{scenario.number} ({scenario.source} {scenario.way}): {said[-200:]}\n{found}\n{wanted}")
    if scenario.theirs == "card" and b"More." not in hub.files(scenario.repo)["README.md"]:
        tally.wrong.append(f"{scenario.number}: somebody's change was lost")
    search_for_token(scenario, texts, tally)
    hub.repos.pop(("models", scenario.repo), None)


def search_for_token(scenario: Scenario, texts: list[str], tally: Tally) -> None:
    """The token is in nothing that was printed, written or sent."""
    hub, secret = scenario.hub, scenario.hub.token
    repo = hub.repo(scenario.repo)
    said = json.dumps([[item.title, item.events] for item in repo.discussions], default=str)
    said += "".join(f"{commit.title} {commit.message}" for commit in repo.commits.values())
    files = [path.read_text(errors="replace") for path in scenario.folder.rglob("*") if path.is_file()]
    blobs = [
        hub.blobs.get(entry.key).decode(errors="replace") for c in repo.commits.values() for entry in c.tree.values()
    ]
    if any(secret in text for text in (*texts, *files, *blobs, said)):
        tally.wrong.append(f"{scenario.number}: the token leaked")


def play_all(hub: LocalHub, folder: Path, numbers: range) -> Tally:
    """All scenarios of a range, without real pauses."""
    tally = Tally()
    hub.add_user("lab")
    if ("datasets", "TIGER-Lab/MMLU-Pro") not in hub.repos:
        hub.create_benchmark("TIGER-Lab/MMLU-Pro", ["mmlu_pro"])
        for number in range(3):
            row = [{"dataset": {"id": "TIGER-Lab/MMLU-Pro", "task_id": "mmlu_pro"}, "value": 50.5 + number}]
            hub.create_repo(f"other/Bar{number}", files={".eval_results/mmlu_pro.yaml": yaml.safe_dump(row)})
    with mock.patch("time.sleep", lambda seconds: None):
        for number in numbers:
            secret = hub.token + random.Random(number).choice(["", "", "\n", " \r\n"])
            with mock.patch.dict(os.environ, {"HF_TOKEN": secret}):
                play(Scenario(hub, folder / str(number), number), tally)
            tally.counts["scenarios"] += 1
            hub.requests.clear()
    return tally
