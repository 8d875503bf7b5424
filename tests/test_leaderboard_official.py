"""collect --official: every model on the leaderboards of the Hub's official Benchmarks, in few requests."""

from __future__ import annotations

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import leaderboard as board
import pytest
import yaml
from huggingface_hub import constants
from local_hub import LocalHub
from record_writer import write_record
from test_official import SHAPES, make_benchmark

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "FIRST_WAIT", 0.01)


@pytest.fixture
def lab(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    return hub


def collect(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, dict, str]:
    code = board.main(["collect", "--json", *map(str, argv)])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


def data(folder: str = "leaderboard") -> list[dict]:
    engine, _ = board.open_data(Path(folder))
    return board.query(engine, "SELECT * FROM scores ORDER BY model, benchmark")


def eval_file(*entries: tuple) -> str:
    """.eval_results with entries (data set, task, value, more)."""
    rows = [{"dataset": {"id": d, "task_id": t}, "value": v, **(more[0] if more else {})} for d, t, v, *more in entries]
    return yaml.safe_dump(rows)


def test_where_no_leaderboard_can_be_read_there_is_no_answer(lab: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    for dataset_id in SHAPES:
        make_benchmark(lab, dataset_id)
    lab.fault("GET", "/leaderboard", times=1e9, status=401, code="RepoNotFound", message="User Access Token is expired")
    code, _, err = collect(capsys, "--official")
    assert code == 2 and f"none of the {len(SHAPES)} official leaderboards could be read: the token is not valid" in err
    assert not Path("leaderboard").exists()


def test_models_of_all_shapes_of_benchmarks(lab: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    for dataset_id in SHAPES:
        make_benchmark(lab, dataset_id)
    lab.create_repo("lab/broken", "dataset", {"eval.yaml": "tasks: [\n"}, official=True)
    lab.requests.clear()
    code, metadata, err = collect(capsys, "--official")
    assert code == 0 and "Traceback" not in err
    rows = {(row["model"], row["source_task"]): row for row in data()}
    assert len(rows) == sum(len(values) for *_, values in SHAPES.values())
    keys = {entry["key"]: entry for entry in metadata["benchmarks"]}
    assert keys["gsm8k"]["models"] == 2 and keys["swe_bench_verified"]["models"] == 1
    assert keys["gpqa_diamond"]["models"] == 2, "its task is called diamond, and its configuration is the key"
    top = rows["others/openai-gsm8k-1", "openai/gsm8k gsm8k"]
    assert (top["official_rank"], top["comparable"], top["source_type"]) == (1, 0.884, "on_leaderboard")
    speech = {row["model"]: row for row in data() if row["benchmark"] == "speech_wer_clean"}
    assert [(row["lower_is_better"], row["comparable"], row["official_rank"]) for row in speech.values()] == [
        (True, 1.5, 1),
        (True, 9.9, 2),
    ]
    shares = [row for row in data() if row["benchmark"] == "shares"]
    assert [(row["official_rank"], row["comparable"]) for row in shares] == [(3, 0.41), (1, 0.97), (2, 0.66)]
    assert any("lab/broken" in item["where"] for item in metadata["unreadable"])


def test_new_benchmark_is_ranked_without_a_change_of_ours(lab: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    lab.create_benchmark("lab/brand-new", ["main"], "Brand New", lower_is_better=True)
    for number, value in enumerate((12.5, 3.25, 7)):
        lab.create_repo(f"m/m{number}", files={".eval_results/x.yaml": eval_file(("lab/brand-new", "main", value))})
    assert collect(capsys, "--official")[0] == 0
    assert board.main(["show", "--benchmark", "brand_new", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["benchmark"]["name"] == "Brand New" and shown["benchmark"]["lower_is_better"]
    assert [(row["model"], row["comparable"], row["official_rank"]) for row in shown["rows"]] == [
        ("m/m1", 3.25, 1),
        ("m/m2", 7, 2),
        ("m/m0", 12.5, 3),
    ]


@pytest.mark.parametrize(
    ("values", "declared", "unit", "comparable"),
    [
        ((7.5, 8.1, 8.9), None, "points", [8.9, 8.1, 7.5]),  # marks out of ten are no percentages
        ((7.5, 8.1, 8.9), "percentage", "proportion", [0.089, 0.081, 0.075]),
        ((1205, 1310, 1105.5), None, "points", [1310, 1205, 1105.5]),
        ((0.4, 0.9, 1), "proportion", "proportion", [1, 0.9, 0.4]),  # as it says, whatever else the models have
        ((0.4, 0.9, 1), None, None, []),
    ],
)
def test_unit_of_a_new_leaderboard(lab, capsys, values, declared, unit, comparable) -> None:
    lab.create_benchmark("lab/percents", ["percents"])
    lab.create_benchmark("lab/made", ["made"])
    text = yaml.safe_load(lab.files("lab/made", repo_type="dataset")["eval.yaml"])
    text |= {"metrics": [{"id": "score", "unit": declared}]} if declared else {}
    lab.commit("lab/made", {"eval.yaml": yaml.safe_dump(text, sort_keys=False)}, repo_type="dataset")
    for number, value in enumerate(values):
        entries = ("lab/made", "made", value), ("lab/percents", "percents", 60 + number)
        lab.create_repo(f"m/m{number}", files={".eval_results/x.yaml": eval_file(*entries)})
    assert collect(capsys, "--official")[0] == 0
    rows = [row for row in data() if row["source_task"] == "lab/made made"]
    shown = [row for row in rows if row["shown"]]
    assert sorted((row["comparable"] for row in shown), reverse=True) == pytest.approx(comparable)
    assert len(rows) == 3 and {row["canonical_unit"] for row in shown} == ({unit} if unit else set())


def test_joined_with_models_that_are_read_themselves(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """Each score once: where a model is read itself, its rows tell more, and have the Hub's rank beside them."""
    lab.create_benchmark("openai/gsm8k", ["gsm8k"])
    notes = {"notes": "5-shot", "source": {"url": "https://example.org/run", "name": "Run"}}
    for name, value in (("a", 80.5), ("b", 70.5), ("c", 60.5)):
        files = {".eval_results/gsm8k.yaml": eval_file(("openai/gsm8k", "gsm8k", value, notes))}
        lab.create_repo(f"m/{name}", files=files)
    (tmp_path / "models.txt").write_text("m/b\n", encoding="utf-8")
    results = ROOT / "examples" / "tiny_run" / "results"
    assert collect(capsys, "--official", "--repo-ids", "models.txt", "--results", results)[0] == 0
    rows = [row for row in data() if row["benchmark"] == "gsm8k"]
    assert [(row["model"], row["official_rank"], row["source_type"]) for row in rows] == [
        ("m/a", 1, "on_leaderboard"),
        ("m/b", 2, "author_metadata"),
        ("m/c", 3, "on_leaderboard"),
    ]
    assert {row["source_url"] for row in rows} == {"https://example.org/run"}
    assert any(row["source_type"] == "own_run" for row in data())


def test_rank_on_the_hub_stands_beside_ours_and_why_they_differ(
    lab: LocalHub, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lab.create_benchmark("openai/gsm8k", ["gsm8k"])
    for name, value in (("far", 95.0), ("near", 70.5), ("nearer", 70.0), ("low", 20.0)):
        files = {".eval_results/gsm8k.yaml": eval_file(("openai/gsm8k", "gsm8k", value))}
        lab.create_repo(f"m/{name}", files=files)
    write_record(tmp_path / "own", "me/mine", [1.0] * 1318 + [0.0], task="gsm8k", shots=5)
    assert collect(capsys, "--official", "--results", tmp_path / "own", "--benchmarks", "gsm8k")[0] == 0
    shown = {row["model"]: (row["official_rank"], row["official_why"]) for row in data() if row["shown"]}
    assert shown["me/mine"] == (None, None)
    assert shown["m/near"][0] == 2 and "leave the places 3 to 4 open" in shown["m/near"][1]
    assert shown["m/far"][0] == 1 and "1 of those ahead of it here are not on the Hub" in shown["m/far"][1]
    assert board.main(["show", "--benchmark", "gsm8k"]) == 0
    assert "why the Hub has another rank" in capsys.readouterr().out


def test_age_of_a_list_that_could_not_be_had_anew_is_told(lab: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    lab.create_benchmark("openai/gsm8k", ["gsm8k"])
    lab.create_repo("m/a", files={".eval_results/gsm8k.yaml": eval_file(("openai/gsm8k", "gsm8k", 80.5))})
    lab.wrong("GET", r"^/api/datasets\?", "html", times=99)
    code, metadata, err = collect(capsys, "--official")
    shipped = board.shipped_list().as_of
    assert code == 0 and f"the list of {shipped} that this script brings along" in err
    assert metadata["official_list"] == {"as_of": shipped, "basis": "snapshot"}
    lab.faults.clear()
    _, metadata, err = collect(capsys, "--official")
    assert metadata["official_list"]["basis"] == "hub" and "brings along" not in err


def test_pull_requests_and_verified_ones(lab: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    lab.create_benchmark("openai/gsm8k", ["gsm8k"])
    lab.verify_tokens.add("signed")
    signed = eval_file(("openai/gsm8k", "gsm8k", 81.5, {"verifyToken": "signed"}))
    lab.create_repo("m/signed", files={".eval_results/gsm8k.yaml": signed})
    lab.create_repo("m/proposed")
    lab.open_pull_request("m/proposed", {".eval_results/gsm8k.yaml": eval_file(("openai/gsm8k", "gsm8k", 71.5))})
    lab.create_repo("m/tuned", files={
        "README.md": "---\nbase_model: m/signed\n---\n",
        ".eval_results/gsm8k.yaml": eval_file(("openai/gsm8k", "gsm8k", 91.5)),
    })  # fmt: skip
    assert collect(capsys, "--official")[0] == 0
    found = {row["model"]: (row["source_type"], row["pull_request"], row["official_rank"]) for row in data()}
    assert found == {
        "m/tuned": ("on_leaderboard", None, 1),
        "m/signed": ("verified", None, 2),
        "m/proposed": ("open_pr", 1, 3),
    }


def test_forty_benchmarks_of_three_hundred_models_cost_few_requests(
    lab: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    """A list, an eval.yaml and a leaderboard for each Benchmark, and one request for each owner of models."""
    for number in range(40):
        lab.create_benchmark(f"lab/bench-{number}", [f"bench_{number}"])
    for number in range(300):
        entries = [(f"lab/bench-{b}", f"bench_{b}", (37 * number + 11 * b) % 997 / 10) for b in range(0, 40, 4)]
        card = f"---\nlicense: {'mit' if number % 2 else 'apache-2.0'}\n---\n"
        files = {"README.md": card, ".eval_results/x.yaml": eval_file(*entries)}
        lab.create_repo(f"owner-{number // 10}/m{number}", files=files)
    lab.requests.clear()
    code, metadata, _ = collect(capsys, "--official", "--workers", 8)
    rows = data()
    assert code == 0 and len(rows) == 3000 and {row["license"] for row in rows} == {"mit", "apache-2.0"}
    assert metadata["requests"]["sent"] == 1 + 40 + 40 + 30 == lab.count()
    assert lab.most_in_flight <= 8
    asked = [request.path.rpartition("/")[2] for request in lab.requests]
    boards, files = ([i for i, name in enumerate(asked) if name == kind] for kind in ("leaderboard", "eval.yaml"))
    assert len(boards) == len(files) == 40 and min(files) < max(boards) + 8  # one queue: no worker waits for a kind
    lab.requests.clear()
    _, again, _ = collect(capsys, "--official", "--workers", 8)
    assert (again["requests"]["sent"], again["requests"]["not_modified"]) == (1 + 40 + 30, 71)
    assert lab.count() == 71


def test_only_wanted_benchmarks(lab: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    for name, task in (("openai/gsm8k", "gsm8k"), ("lab/new", "new")):
        lab.create_benchmark(name, [task])
        lab.create_repo(f"m/{task}", files={".eval_results/x.yaml": eval_file((name, task, 50.5))})
    code, metadata, _ = collect(capsys, "--official", "--benchmarks", "new")
    assert code == 0 and [entry["key"] for entry in metadata["benchmarks"]] == ["new"]
    assert metadata["asked"]["benchmarks"] == ["new"] and metadata["asked"]["official"]
    assert collect(capsys, "--official", "--benchmarks", "no_such_thing")[0] == 2


def test_entry_of_several_tasks_is_kept_apart_unless_its_file_says_which(lab, capsys) -> None:
    make_benchmark(lab, "llamaindex/ParseBench")
    row = eval_file(("llamaindex/ParseBench", "mean", 51.5))
    lab.create_repo("m/x", files={".eval_results/parsebench.yaml": row})
    assert collect(capsys, "--official")[0] == 0
    found = {row["model"]: (row["benchmark"], row["why_not"]) for row in data()}
    assert found["others/llamaindex-ParseBench-0"] == ("parsebench_mean", None)
    assert found["m/x"][0] is None and "several tasks" in found["m/x"][1]


def test_file_with_entries_of_several_tasks_names_none_of_them(lab, capsys, monkeypatch) -> None:
    make_benchmark(lab, "llamaindex/ParseBench")
    place = {"modelId": "m/x", "filename": ".eval_results/mean.yaml"}
    answer = [place | {"rank": 1, "value": 71.5}, place | {"rank": 2, "value": 51.5}]
    monkeypatch.setattr(board, "one_board", lambda hub, name: answer)
    assert collect(capsys, "--official")[0] == 1, "no score can be compared"
    assert [(row["benchmark"], "several tasks" in row["why_not"]) for row in data()] == [(None, True)] * 2


@pytest.mark.parametrize("form", ["null", "object", "text", "number", "cut", "html", "empty", "list"])
def test_answers_of_a_wrong_form(lab: LocalHub, capsys: pytest.CaptureFixture[str], form: str) -> None:
    for name, task in (("openai/gsm8k", "gsm8k"), ("cais/hle", "hle")):
        lab.create_benchmark(name, [task])
        lab.create_repo(f"m/{task}", files={".eval_results/x.yaml": eval_file((name, task, 50.5))})
    lab.wrong("GET", "gsm8k/leaderboard", form, times=99)
    lab.wrong("GET", "/api/models/m", form, times=99)
    code, metadata, err = collect(capsys, "--official")
    assert code == 0 and [row["model"] for row in data()] == ["m/hle"] and "Traceback" not in err
    assert form == "list" or any("openai/gsm8k" in item["where"] for item in metadata["unreadable"])


@pytest.mark.parametrize(
    "item",
    [
        None, 7, {}, {"modelId": "m/x"}, {"modelId": "../x", "value": 1}, {"modelId": "m/x", "value": "many"},
        {"modelId": 3, "value": 1}, {"modelId": "m/x\x1b[2J", "value": 1}, {"modelId": "m/x", "value": float("inf")},
    ],
)  # fmt: skip
def test_entries_of_a_wrong_form_are_left_out_and_told(item: object) -> None:
    official = board.OfficialList({"openai/gsm8k": board.parse_eval_yaml("tasks: [{id: gsm8k}]", "openai/gsm8k")})
    good = {"modelId": "m/good", "value": 50.5, "rank": "1", "verified": "yes", "source": 3, "pullRequest": -1}
    boards = board.OfficialBoards(official, {"openai/gsm8k": [item, good]})
    rows, unreadable = board.leaderboard_rows(boards, board.Benchmarks.of(board.read_mapping()), "https://hub")
    assert [(row["model"], row["official_rank"], row["source_type"]) for row in rows] == [
        ("m/good", None, "on_leaderboard")
    ]
    assert len(unreadable) == 1 and "1 entries" in unreadable[0]["reason"]


def test_models_are_asked_about_before_the_last_eval_yaml_is_there(tmp_path, monkeypatch):
    """The answers of leaderboards, of eval.yaml and about models stand in one queue: no kind waits for another."""
    monkeypatch.setattr(constants, "HF_HOME", str(tmp_path))
    asked = threading.Event()

    class Hub(SimpleNamespace):
        def json(self, path: str) -> list[dict]:
            if path.startswith("/api/datasets?"):
                return [{"id": "lab/bench", "sha": "0" * 40}]
            if path.startswith("/api/datasets/"):
                return [{"modelId": f"me/{name}", "value": 50.0, "rank": 1} for name in "ab"]
            asked.set()
            return [{"id": f"me/{name}", "likes": 3} for name in "ab"]

        def fetch(self, url: str, *_: object) -> str:
            in_time = asked.wait(60)
            return "name: Bench\ntasks:\n- id: bench\n" if in_time else ""

    with ThreadPoolExecutor(2) as pool:
        hub = Hub(endpoint="http://hub", answers=SimpleNamespace(reader=""))
        found = board.read_official(hub, pool, facts=True)
        assert [found.facts(model).get("likes") for model in ("me/a", "me/b", "me/not-there")] == [3, 3, None]
    assert [task.id for task in found.official.get("lab/bench").tasks] == ["bench"]
    assert found.models() == ["me/a", "me/b"]


def test_a_model_that_its_owners_list_does_not_have_is_asked_for_itself():
    """Whatever stands in the list beside it; and what cannot be had is no fact."""
    asked = []

    class Hub(SimpleNamespace):
        def json(self, path: str) -> object:
            asked.append(path.split("?")[0])
            if path.startswith("/api/models?"):
                return [{"id": ["me/b"], "likes": 9}, None, {"likes": 9}, {"id": "me/a", "likes": 3}]
            return {"id": "me/b", "likes": 4} if path.startswith("/api/models/me/b?") else 1 / 0

    with ThreadPoolExecutor(1) as pool:  # one worker: what it asks for more must not wait for itself
        facts = board.ask_facts(Hub(), ["me/b", "me/a", "me/c", "you/d"], pool)
        found = list(board.with_facts([{"model": f"me/{name}", "value": 1.0} for name in "abc"], facts))
        assert facts("you/d") == {}
    assert [(row["value"], row.get("likes")) for row in found] == [(1.0, 3), (1.0, 4), (1.0, None)]
    assert sorted(asked) == ["/api/models", "/api/models/me/b", "/api/models/me/c", "/api/models/you/d"]


def test_what_the_end_needs_is_imported_while_the_first_answer_is_waited_for(monkeypatch):
    """Once, and not before the first request is on its way."""
    begun, sent = threading.Event(), []

    class Session:
        event_hooks: ClassVar = {"response": [board.look_at_answer]}

        def get(self, url: str, **_: object) -> SimpleNamespace:
            sent.append(begun.wait(60))
            return SimpleNamespace(status_code=200, content=b"[]", text="[]", headers={})

    monkeypatch.setattr("huggingface_hub.get_session", Session)
    monkeypatch.setattr("huggingface_hub.utils.hf_raise_for_status", lambda answer: None)
    calls = []
    hub = board.HubReader(None, meanwhile=lambda: (calls.append(len(sent)), begun.set()))
    assert calls == []
    assert [hub.json("/api/a"), hub.json("/api/b")] == [[], []]
    assert calls == [0] and sent == [True, True]
