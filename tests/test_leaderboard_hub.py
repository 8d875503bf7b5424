"""collect against a Hub on this machine: what is read, what it costs, what goes wrong."""

from __future__ import annotations

import json
import shutil
import time
from collections import Counter
from pathlib import Path

import leaderboard as board
import pytest
from leaderboard_data import (
    card,
    eval_file,
    fill_hub,
    index_result,
    merge_pull_request,
    open_pull_request,
    write_made_up,
)
from local_hub import LocalHub

ROOT = Path(__file__).resolve().parent.parent
TINY = ROOT / "examples" / "tiny_run" / "results"


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(board, "FIRST_WAIT", 0.01)


@pytest.fixture
def lab(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    monkeypatch.chdir(tmp_path)
    for dataset_id, task in (("openai/gsm8k", "gsm8k"), ("cais/hle", "hle"), ("TIGER-Lab/MMLU-Pro", "mmlu_pro")):
        hub.create_benchmark(dataset_id, [task])
    return hub


def collect(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, dict, str]:
    """(exit code, metadata, stderr) of `collect --author lab` with more arguments."""
    models = [] if "--results" in argv or "--repo-ids" in argv or "--trending" in argv else ["--author", "lab"]
    code = board.main(["collect", *models, "--json", *map(str, argv)])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


def data(folder: str = "leaderboard") -> list[dict]:
    engine, _ = board.open_data(Path(folder))
    return board.query(engine, "SELECT * FROM scores")


def brief(rows: list[dict], *names: str) -> list[tuple]:
    return [tuple(r[name] for name in names) for r in rows]


def requests_for(hub: LocalHub, model: str) -> int:
    return hub.count(path=f"^/(api/models/)?{model}(/|$)")


# --- 200 models ---


def test_two_hundred_models_in_all_formats(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    fill_hub(hub, 200)
    code, metadata, err = collect(capsys)
    assert code == 0
    assert "Traceback" not in err
    rows = data()
    assert len(rows) == metadata["counts"]["rows"]
    assert brief([r for r in rows if r["model"] < "lab/model-0010"], *GOLDEN_COLUMNS) == GOLDEN
    kinds = Counter((int(r["model"][-1]), r["source_type"], r["source_format"]) for r in rows)
    assert kinds == {
        (0, "author_metadata", "eval_results"): 40,
        (1, "author_metadata", "model_index"): 40,
        (2, "author_metadata", "model_index"): 40,
        (3, "author_metadata", "model_index"): 20,
        (3, "author_metadata", "eval_results"): 20,
        (4, "author_metadata", "model_index"): 20,
        (4, "open_pr", "model_index"): 20,
        (5, "open_pr", "eval_results"): 20,
        (6, "merged_community", "eval_results"): 20,
        (7, "author_metadata", "model_index"): 20,
        (7, "verified", "eval_results"): 20,
    }
    assert {item["model"] for item in metadata["unreadable"]} == {f"lab/model-{n:04}" for n in range(8, 200, 10)}
    assert all(item["where"] and item["reason"] for item in metadata["unreadable"])
    shown = Counter((r["model"], r["benchmark"]) for r in rows if r["shown"])
    assert set(shown.values()) == {1}
    assert set(shown) == {(r["model"], r["benchmark"]) for r in rows if r["comparable"] is not None}
    assert rows[0]["parameters"] == 10**9
    for number in range(200):
        model = f"lab/model-{number:04}"
        pulls = sum(pull.status == "open" for pull in hub.pull_requests(model))
        assert requests_for(hub, model) <= 5 + pulls
    assert hub.errors == []


GOLDEN_COLUMNS = ("model", "benchmark", "value", "unit", "comparable", "source_type", "contributor", "shown")
GOLDEN = [
    ("lab/model-0000", "gsm8k", 40.0, "percent", 0.4, "author_metadata", "lab", True),
    ("lab/model-0000", "hle", 4.0, "percent", 0.04, "author_metadata", "lab", True),
    ("lab/model-0001", "bbh", 35.1, "percent", 0.351, "author_metadata", "lab", True),
    ("lab/model-0001", "mmlu", 40.1, "percent", 0.401, "author_metadata", "lab", True),
    ("lab/model-0002", "arc_challenge", 0.403, "proportion", 0.403, "author_metadata", "lab", True),
    ("lab/model-0002", "gsm8k", 0.403, "proportion", 0.403, "author_metadata", "lab", True),
    ("lab/model-0003", "gsm8k", 39.4, "percent", 0.394, "author_metadata", "lab", False),
    ("lab/model-0003", "gsm8k", 40.4, "percent", 0.404, "author_metadata", "lab", True),
    ("lab/model-0004", "livecodebench", 20.6, "percent", 0.206, "open_pr", "visitor", True),
    ("lab/model-0004", "mmlu", 40.6, "percent", 0.406, "author_metadata", "lab", True),
    ("lab/model-0005", "mmlu_pro", 40.7, "percent", 0.407, "open_pr", "visitor", True),
    ("lab/model-0006", "mmlu_pro", 40.9, "percent", 0.409, "merged_community", "visitor", True),
    ("lab/model-0007", "gsm8k", 41.0, "percent", 0.41, "verified", "lab", True),
    ("lab/model-0007", "gsm8k", 44.0, "percent", 0.44, "author_metadata", "lab", False),
]


# --- what the local Hub answers to the unmodified client ---


def test_last_commits_runtime_and_removal(hub):
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    api = HfApi(endpoint=hub.url, token=hub.token)
    hub.create_repo("me/m", files={"a/1.txt": "x"})
    hub.commit("me/m", {"a/2.txt": "y"}, "Second (#7)")
    titles = {item.path: item.last_commit.title for item in api.list_repo_tree("me/m", recursive=True, expand=True)}
    assert titles["a/1.txt"] == "Change files"
    assert titles["a/2.txt"] == titles["a"] == "Second (#7)"
    hub.create_repo("me/s", "space")
    with pytest.raises(HfHubHTTPError, match="402"):
        api.request_space_hardware("me/s", "cpu-upgrade")
    hub.paying.add("me")
    api.request_space_hardware("me/s", "cpu-upgrade")
    assert api.get_space_runtime("me/s").requested_hardware == "cpu-upgrade"
    stranger = HfApi(endpoint=hub.url, token=hub.add_user("stranger"))
    with pytest.raises(HfHubHTTPError):
        stranger.delete_repo("me/s", repo_type="space")
    api.delete_repo("me/s", repo_type="space")
    assert not api.repo_exists("me/s", repo_type="space")
    assert api.repo_exists("me/m")


# --- what is read ---


def test_links_lead_to_the_source(lab, capsys):
    lab.create_repo(
        "lab/m", files=card() | eval_file("gsm8k", 61.0) | eval_file("hle", 9.0, source={"url": "https://x.org/run"})
    )
    number = open_pull_request(lab, "lab/m", card(index_result("mmlu", 70.0)), "visitor")
    assert collect(capsys)[0] == 0
    sha = lab.repo("lab/m").at("main").oid
    assert brief(data(), "benchmark", "source_url", "revision", "pull_request") == [
        ("gsm8k", f"{lab.url}/lab/m/blob/{sha}/.eval_results/gsm8k.yaml", sha, None),
        ("hle", "https://x.org/run", sha, None),
        ("mmlu", f"{lab.url}/lab/m/discussions/{number}", f"refs/pr/{number}", number),
    ]


def test_a_stale_pull_request_adds_nothing(lab, capsys):
    """Its revision still has the number that main has corrected since."""
    lab.create_repo("lab/m", files=card(index_result("mmlu", 70.0)))
    open_pull_request(lab, "lab/m", {"notes.txt": "a"}, "visitor", "Add notes")
    lab.commit("lab/m", card(index_result("mmlu", 65.0)))
    assert collect(capsys)[0] == 0
    assert brief(data(), "value", "source_type") == [(65.0, "author_metadata")]


def test_a_pull_request_that_changes_a_number_shows_both(lab, capsys):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 70.0)))
    open_pull_request(lab, "lab/m", card(index_result("mmlu", 72.5)), "visitor", "Correct MMLU")
    assert collect(capsys)[0] == 0
    found = brief(data(), "value", "source_type", "contributor", "shown")
    assert found == [(70.0, "author_metadata", "lab", True), (72.5, "open_pr", "visitor", False)]


def test_the_owners_own_merged_pull_request_is_the_authors_metadata(lab, capsys):
    lab.add_user("member", orgs={"lab": "write"})
    for author, model in (("lab", "lab/a"), ("member", "lab/b"), ("visitor", "lab/c")):
        lab.create_repo(model, files=card())
        merge_pull_request(lab, model, open_pull_request(lab, model, eval_file("gsm8k", 61.0), author))
    assert collect(capsys)[0] == 0
    assert brief(data(), "source_type") == [("author_metadata",), ("author_metadata",), ("merged_community",)]


def test_an_old_merge_is_found_beyond_the_list(lab, capsys):
    lab.create_repo("lab/m", files=card())
    merge_pull_request(lab, "lab/m", open_pull_request(lab, "lab/m", eval_file("gsm8k", 61.0), "visitor"))
    for number in range(60):
        open_pull_request(lab, "lab/m", {f"{number}.txt": "x"}, "visitor", f"Add {number}")
        lab.repo("lab/m").discussions[-1].status = "closed"
    assert collect(capsys)[0] == 0
    assert brief(data(), "source_type", "contributor", "pull_request") == [("merged_community", "visitor", 1)]
    assert requests_for(lab, "lab/m") <= 5


def test_a_model_with_two_names_is_one(lab, capsys):
    lab.create_repo("lab/new", files=card(index_result("mmlu", 50.0)))
    lab.rename("lab/old", "lab/new")
    Path("models.txt").write_text("lab/old\nlab/new\nLab/NEW\n")
    code, metadata, err = collect(capsys, "--repo-ids", "models.txt")
    assert (code, metadata["models_read"]) == (0, 1)
    assert brief(data(), "model", "value") == [("lab/new", 50.0)]
    assert "lab/old is called lab/new on the Hub" in err


def test_files_beyond_those_that_the_hub_lists_with_their_commits_are_named(lab, capsys):
    lab.create_repo("lab/m", files=card() | {f".eval_results/a{n}.txt": "x" for n in range(60)})
    merge_pull_request(lab, "lab/m", open_pull_request(lab, "lab/m", eval_file("gsm8k", 61.0), "visitor"))
    _, metadata, _ = collect(capsys)
    assert "who added the 1 files beyond the first 50" in str(metadata)


def test_a_title_that_names_a_closed_pull_request_merges_nothing(lab, capsys):
    lab.create_repo("lab/m", files=card())
    for status in ("closed", "merged"):
        number = open_pull_request(lab, "lab/m", {f"{status}.txt": "x"}, "visitor")
        lab.repo("lab/m").discussions[-1].status = status
    lab.commit("lab/m", eval_file("gsm8k", 62.0), f"Not theirs (#{number - 1})", user="lab")
    assert collect(capsys)[0] == 0
    assert brief(data(), "source_type") == [("author_metadata",)]


def test_what_the_owner_changed_after_the_merge_is_the_owners(lab, capsys):
    lab.create_repo("lab/m", files=card())
    merge_pull_request(lab, "lab/m", open_pull_request(lab, "lab/m", eval_file("gsm8k", 61.0), "visitor"))
    lab.commit("lab/m", eval_file("gsm8k", 62.0), user="lab")
    assert collect(capsys)[0] == 0
    assert brief(data(), "value", "source_type") == [(62.0, "author_metadata")]


def test_a_card_that_calls_itself_verified_is_not(lab, capsys):
    result = index_result("gsm8k", 99.0)
    result["metrics"][0] |= {"verified": True, "verifyToken": "made-up"}
    lab.create_repo("lab/m", files=card(result) | eval_file("hle", 9.0, verifyToken="made-up"))
    assert collect(capsys)[0] == 0
    assert {kind for (kind,) in brief(data(), "source_type")} == {"author_metadata"}


def test_closed_pull_requests_count_for_nothing(lab, capsys):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 70.0)))
    open_pull_request(lab, "lab/m", card(index_result("mmlu", 99.0)), "visitor")
    lab.repo("lab/m").discussions[0].status = "closed"
    assert collect(capsys)[0] == 0
    assert brief(data(), "value") == [(70.0,)]


def test_no_prs_leaves_them_out(lab, capsys):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 70.0)))
    open_pull_request(lab, "lab/m", card(index_result("mmlu", 72.0)), "visitor")
    open_pull_request(lab, "lab/m", eval_file("gsm8k", 61.0), "visitor")
    assert collect(capsys, "--no-prs")[0] == 0
    assert brief(data(), "value") == [(70.0,)]
    assert requests_for(lab, "lab/m") == 1


def test_only_some_benchmarks(lab, capsys):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 70.0), index_result("gsm8k", 60.0)))
    assert collect(capsys, "--benchmarks", "GSM8K")[0] == 0
    assert brief(data(), "benchmark") == [("gsm8k",)]
    assert collect(capsys, "--benchmarks", "gsm8kk")[0] == 2


def test_files_of_models_and_trending_ones(lab, capsys, tmp_path):
    lab.create_repo("lab/a", files=card(index_result("mmlu", 70.0)), trending=5)
    lab.create_repo("other/b", files=card(index_result("mmlu", 60.0)), trending=9)
    lab.create_repo("other/c", files=card(index_result("mmlu", 50.0)), trending=1)
    Path("models.txt").write_text("# ours\nlab/a\n\nlab/a\nnobody/nothing\n", encoding="utf-8")
    code, metadata, _ = collect(capsys, "--repo-ids", "models.txt", "--trending", "1")
    assert code == 0
    assert [r["model"] for r in data()] == ["lab/a", "other/b"]
    assert metadata["unreadable"] == [
        {"model": "nobody/nothing", "where": "the Hub", "reason": "no such model, or no access to it"}
    ]
    Path("models.txt").write_text("../../etc/passwd\n", encoding="utf-8")
    code, _, err = collect(capsys, "--repo-ids", "models.txt")
    assert code == 2
    assert "is no OWNER/NAME" in err


def test_a_model_of_old_without_its_owner(lab, capsys):
    lab.create_repo("openai-community/gpt2", files=card(index_result("mmlu", 70.0)))
    lab.rename("gpt2", "openai-community/gpt2")
    Path("models.txt").write_text("gpt2\nopenai-community/gpt2\n", encoding="utf-8")
    assert collect(capsys, "--repo-ids", "models.txt")[0] == 0
    assert [r["model"] for r in data()] == ["openai-community/gpt2"]  # and its data is one that `show` takes


def test_dry_run_reads_nothing(lab, capsys):
    lab.create_repo("lab/a", files=card(index_result("mmlu", 70.0)))
    assert board.main(["collect", "--author", "lab", "--dry-run"]) == 0
    assert capsys.readouterr().out == "lab/a\n"
    assert requests_for(lab, "lab/a") == 0
    assert not Path("leaderboard").exists()


# --- local records ---


def test_own_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert collect(capsys, "--results", TINY)[0] == 0
    rows = [r for r in data() if r["model"] == "tiny_run/step_700" and r["benchmark"] == "math_reasoning"]
    record = next(p for p in (TINY / "data/math_reasoning/tiny_run/step_700").glob("*.json"))
    score = json.loads(record.read_text(encoding="utf-8"))["evaluation_results"][0]["score_details"]
    (found,) = rows
    assert found["comparable"] == found["value"] == score["score"]
    assert found["standard_error"] == score["uncertainty"]["standard_error"]["value"]
    assert (found["n"], found["source_type"], found["unit_basis"]) == (100, "own_run", "stated")
    assert found["source_name"].startswith("lighteval ")
    assert {r["source_type"] for r in data()} == {"own_run"}


def test_partial_damaged_and_failed_records(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    source = sorted((TINY / "data/math_reasoning/tiny_run/step_700").glob("*.json"))[0]
    record = json.loads(source.read_text(encoding="utf-8"))
    folder = tmp_path / "results"
    folder.mkdir()

    def put(number: int, text: str, end: str = ".json") -> None:
        (folder / f"{number:08}-1111-4111-8111-111111111111{end}").write_text(text, encoding="utf-8")

    put(1, "{ no json")
    put(2, json.dumps(record | {"schema_version": "9"}))
    put(3, json.dumps({"model_id": "m", "task": "t", "error": "e"}), "_failure.json")
    partial = json.loads(json.dumps(record))
    partial["evaluation_results"][0]["generation_config"]["additional_details"]["limit"] = "10"
    put(4, json.dumps(partial))
    nan = json.loads(json.dumps(record))
    nan["evaluation_results"][0]["score_details"]["score"] = float("nan")
    put(5, json.dumps(nan))
    code, metadata, _ = collect(capsys, "--results", folder)
    assert code == 1, "there is a score, and none that can be shown"
    assert [item["where"][:8] for item in metadata["unreadable"]] == ["00000001", "00000002", "00000005"]
    assert brief(data(), "comparable", "why_not", "shown") == [(None, "not valid: its samples are missing", False)]


def test_a_record_of_a_number_read_elsewhere_is_no_own_run(lab, capsys, tmp_path):
    source = sorted((TINY / "data/math_reasoning/tiny_run/step_700").glob("*.json"))[0]
    record = json.loads(source.read_text(encoding="utf-8"))
    record["source_metadata"] = {
        "source_type": "documentation",
        "source_name": "An index",
        "source_organization_name": "Index Ltd",
        "evaluator_relationship": "third_party",
        "additional_details": {"source_url": "https://example.org/index"},
    }
    record["model_info"] = {"id": "lab/m", "name": "m"}
    record["evaluation_results"][0] |= {"evaluation_name": "MMLU"}
    record["evaluation_results"][0]["metric_config"]["metric_id"] = "accuracy"
    Path("results").mkdir()
    Path("results", source.name).write_text(json.dumps(record), encoding="utf-8")
    about = {"safetensors": {"total": 123}}
    lab.create_repo("lab/m", files=card(index_result("mmlu", 70.0)), about=about)
    assert collect(capsys, "--results", "results", "--author", "lab")[0] == 0
    found = brief(data(), "benchmark", "source_type", "source_name", "source_url", "contributor", "shown", "parameters")
    assert found == [
        ("mmlu", "author_metadata", None, f"{lab.url}/lab/m", "lab", True, 123),
        ("mmlu", "reported", "An index", "https://example.org/index", "Index Ltd", False, 123),
    ]


def test_own_runs_of_earlier_data_are_kept(lab, capsys):
    assert collect(capsys, "--results", TINY, "--output-dir", "first")[0] == 0
    own = data("first")
    lab.create_repo("lab/m", files=card(index_result("mmlu", 70.0)))
    assert collect(capsys, "--keep-own-runs", "first")[0] == 0
    assert [r for r in data() if r["source_format"] == "record"] == own
    assert [r["model"] for r in data() if r["source_format"] != "record"] == ["lab/m"]


# --- requests ---


def test_many_pull_requests_are_listed_in_pages(lab, capsys):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 70.0)) | eval_file("gsm8k", 60.0))
    for number in range(120):
        open_pull_request(lab, "lab/m", {f"{number}.txt": "x"}, "visitor", f"Add {number}")
        if number < 10:
            lab.repo("lab/m").discussions[-1].status = "closed"
    last = card(index_result("mmlu", 70.0), index_result("bbh", 50.0, "exact_match"))
    open_pull_request(lab, "lab/m", last, "visitor")
    code, metadata, _ = collect(capsys)
    assert code == 0
    assert ("bbh", "open_pr") in brief(data(), "benchmark", "source_type")
    assert requests_for(lab, "lab/m") <= 5 + 100
    assert [item["reason"][:28] for item in metadata["unreadable"]] == ["the 11 oldest open ones were"]


def test_pull_requests_beyond_the_budget_are_named(lab, capsys):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 70.0)))
    for number in range(8):
        open_pull_request(lab, "lab/m", card(index_result("mmlu", 71.0 + number)), "visitor")
    code, metadata, _ = collect(capsys)
    assert code == 0
    assert requests_for(lab, "lab/m") <= 5 + 8
    read = {r["pull_request"] for r in data() if r["source_type"] == "open_pr"}
    named = {item["where"] for item in metadata["unreadable"]}
    assert named == {f"pull request #{n}" for n in range(1, 9) if n not in read}
    assert read


def test_the_second_collect_is_told_that_nothing_changed(lab, capsys):
    for number in range(5):
        lab.create_repo(f"lab/m{number}", files=card(index_result("mmlu", 50.0 + number)))
    _, first, _ = collect(capsys)
    before = (Path("leaderboard/leaderboard.parquet").read_bytes(), Path("leaderboard/leaderboard.jsonl").read_bytes())
    _, second, _ = collect(capsys)
    assert first["requests"]["not_modified"] == 0
    assert second["requests"]["not_modified"] == second["requests"]["sent"] == first["requests"]["sent"]
    assert second["requests"]["bytes"] == 0
    assert before == (
        Path("leaderboard/leaderboard.parquet").read_bytes(),
        Path("leaderboard/leaderboard.jsonl").read_bytes(),
    )
    lab.commit("lab/m3", card(index_result("mmlu", 88.0)))
    _, third, _ = collect(capsys)
    assert third["requests"]["sent"] - third["requests"]["not_modified"] == 1
    assert [r["value"] for r in data()] == [50.0, 51.0, 52.0, 88.0, 54.0]


def test_a_damaged_cache_is_asked_for_again(lab, capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lab.create_repo("lab/m", files=card(index_result("mmlu", 50.0)))
    collect(capsys)
    kept = list((tmp_path / "cache").rglob("*.json"))
    assert kept
    assert not any(lab.token in path.read_text(encoding="utf-8") for path in kept)
    for path in kept:
        path.write_text('{"url": 1', encoding="utf-8")
    code, metadata, _ = collect(capsys)
    assert code == 0
    assert metadata["requests"]["not_modified"] == 0


def test_another_token_does_not_read_from_the_cache(lab, capsys, monkeypatch):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 50.0)), private=True)
    monkeypatch.setenv("HF_TOKEN", lab.add_user("lab"))
    assert collect(capsys)[0] == 0
    Path("models.txt").write_text("lab/m\n", encoding="utf-8")
    monkeypatch.setenv("HF_TOKEN", lab.add_user("stranger"))
    code, _, err = collect(capsys, "--repo-ids", "models.txt")
    assert code == 2
    assert "no such model, or no access" in err


def test_an_interrupted_collect_goes_on(lab, capsys, monkeypatch):
    for number in range(6):
        lab.create_repo(f"lab/m{number}", files=card(index_result("mmlu", 50.0 + number)))
    real, seen = board.read_model_scores, []

    def interrupted(hub, model, *rest):
        if len(seen) == 4:
            raise KeyboardInterrupt
        seen.append(model)
        return real(hub, model, *rest)

    monkeypatch.setattr(board, "read_model_scores", interrupted)
    assert board.main(["collect", "--author", "lab", "--workers", "1"]) == 130
    assert "goes on from there" in capsys.readouterr().err
    assert not Path("leaderboard/metadata.json").exists()
    monkeypatch.setattr(board, "read_model_scores", real)
    before = len(lab.requests)
    code, metadata, err = collect(capsys)
    assert code == 0
    assert "goes on" in err
    asked = {r.path.split("/")[4] for r in lab.requests[before:] if r.path.startswith("/api/models/")}
    assert asked == {"m4", "m5"}
    assert metadata["requests"]["from_cache"] == 8
    assert len(data()) == 6
    # done: the next one asks again
    _, metadata, _ = collect(capsys)
    assert metadata["requests"]["from_cache"] == 0


@pytest.mark.parametrize("change", [{"since": 1_000_000.0}, {"asked": {}}, {"since": "x"}])
def test_an_old_or_another_interruption_counts_for_nothing(lab, capsys, change):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 50.0)))
    _, first, _ = collect(capsys)
    marker = {"asked": first["asked"], "since": time.time() - 60}
    Path("leaderboard/.collect.json").write_text(json.dumps(marker), encoding="utf-8")
    _, again, _ = collect(capsys)
    assert again["requests"]["sent"] == 0
    Path("leaderboard/.collect.json").write_text(json.dumps(marker | change), encoding="utf-8")
    _, again, _ = collect(capsys)
    assert again["requests"]["sent"] == 2


def test_the_rate_limit_is_waited_for(lab, capsys):
    for number in range(10):
        lab.create_repo(f"lab/m{number}", files=card(index_result("mmlu", 50.0 + number)))
    lab.limit_rate(api=8, window=0.4)
    code, metadata, _ = collect(capsys)
    assert code == 0
    assert metadata["unreadable"] == []
    assert len(data()) == 10
    assert lab.requests[-1].status in (200, 304)


@pytest.mark.parametrize(
    "fault",
    [{"status": 503}, {"status": 429, "headers": {"Retry-After": "0"}}, {"drop": "answer"}, {"drop": "download"}],
)
def test_what_may_pass_is_tried_again(lab, capsys, fault):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 50.0)))
    lab.fault("GET", r"/api/models/lab/m\?", times=2, **fault)
    code, metadata, _ = collect(capsys)
    assert code == 0
    assert metadata["unreadable"] == []
    assert metadata["requests"]["retried"] == 2


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500, "times": 99},
        {"status": 403},
        {"status": 200, "body": b"<html>no json</html>"},
        {"status": 200, "body": b"[" * 100_000},
        {"status": 200, "body": b'{"cardData": {"model-index": [{"results": [{"dataset": 1e999}]}]}}'},
        {"status": 200, "body": b"[1, 2]"},
        {"status": 200, "body": b'{"evalResults": {"a": 1}, "cardData": [7]}'},
        {"status": 200, "body": b'{"evalResults": [7, {"filename": 7, "data": []}, null]}'},
    ],
)
def test_one_models_trouble_stops_no_other(lab, capsys, fault):
    for name in ("bad", "good"):
        lab.create_repo(f"lab/{name}", files=card(index_result("mmlu", 50.0)))
    lab.fault("GET", r"/api/models/lab/bad\?", **fault)
    code, metadata, err = collect(capsys)
    assert code == 0
    assert "Traceback" not in err
    assert [r["model"] for r in data()] == ["lab/good"]
    assert {item["model"] for item in metadata["unreadable"]} == {"lab/bad"}


def test_damaged_lists_of_pull_requests_cost_no_score(lab, capsys):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 50.0)) | eval_file("gsm8k", 61.0))
    lab.fault("GET", "/discussions", status=200, body=b'{"discussions": [{"num": "x"}], "count": 1, "start": 0}')
    code, metadata, _ = collect(capsys)
    assert code == 0
    assert len(data()) == 2
    assert metadata["unreadable"][0]["where"] == "pull requests"


def test_discussions_that_are_switched_off_are_no_fault(lab, capsys):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 50.0)))
    lab.fault("GET", "/discussions", status=403, message="Discussions are disabled for this repo")
    _, metadata, _ = collect(capsys)
    assert metadata["unreadable"] == []


def test_when_nothing_can_be_read_the_old_data_stays(lab, capsys):
    lab.create_repo("lab/m", files=card(index_result("mmlu", 50.0)))
    assert collect(capsys)[0] == 0
    before = Path("leaderboard/metadata.json").read_bytes()
    lab.fault("GET", r"/api/models/lab/m\?", status=500, times=99)
    code, _, err = collect(capsys)
    assert code == 2
    assert "none of the 1 models could be read" in err
    assert Path("leaderboard/metadata.json").read_bytes() == before


def test_nobody_is_exit_one(lab, capsys):
    assert board.main(["collect", "--author", "nobody"]) == 1
    assert "lists no such models" in capsys.readouterr().err
    assert not Path("leaderboard").exists()


def test_a_card_without_measure_is_cut(lab, capsys):
    results = [index_result("gsm8k", 50.0) for _ in range(30)]
    for result in results:
        result["metrics"] = result["metrics"] * 100
    lab.create_repo("lab/m", files=card(*results))
    code, metadata, _ = collect(capsys)
    assert code == 0
    assert metadata["counts"]["rows"] == board.MAX_ENTRIES
    assert "only the first 2,000" in metadata["unreadable"][0]["reason"]


def test_no_score_is_exit_one(lab, capsys):
    lab.create_repo("lab/m", files=card())
    code, metadata, _ = collect(capsys)
    assert code == 1
    assert metadata["counts"]["rows"] == 0


@pytest.mark.parametrize("argv", [[], ["--author", "lab", "--benchmarks", "nonsense"], ["--results", "nowhere"]])
def test_usage(lab, capsys, argv):
    assert board.main(["collect", *argv]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")


# --- a Hub that does not know evalResults ---


def test_files_are_read_where_the_hub_lists_no_results(lab, capsys):
    lab.create_repo("lab/a", files=card() | eval_file("gsm8k", 61.0) | {".eval_results/bomb.yaml": "&a [*a]"})
    lab.create_repo("lab/b", files=card(index_result("mmlu", 70.0)))
    lab.create_repo(
        "lab/c",
        files=card() | {f".eval_results/{n}.yaml": "- {dataset: {id: a/b, task_id: c}, value: 2}" for n in range(9)},
    )
    lab.fault("GET", "expand=evalResults", status=400, message='"expand" must be one of [...]', times=99)
    code, metadata, _ = collect(capsys)
    assert code == 0
    assert lab.count("GET", "^/api/models/lab/./?$") <= 6  # asked for evalResults once by those who could not know
    assert ("lab/a", 61.0) in brief(data(), "model", "value")
    assert ("lab/b", 70.0) in brief(data(), "model", "value")
    reasons = {item["where"]: item["reason"] for item in metadata["unreadable"] if item["model"] == "lab/a"}
    assert "aliases" in reasons[".eval_results/bomb.yaml"]
    assert requests_for(lab, "lab/c") <= 6  # 5, and the question that the Hub did not understand
    left = [item for item in metadata["unreadable"] if item["model"] == "lab/c"]
    assert len(left) + sum(model == "lab/c" for (model,) in brief(data(), "model")) == 9


# --- push ---


@pytest.fixture
def mine(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    write_made_up(tmp_path / "leaderboard", 60)
    return hub


PUSH = ["push", "--dataset", "me/data", "--space", "me/board"]


def push(capsys: pytest.CaptureFixture[str], *more: str) -> tuple[int, dict, str]:
    code = board.main([*PUSH, "--json", *more])
    out, err = capsys.readouterr()
    return code, json.loads(out) if out else {}, err


def test_without_apply_nothing_is_written(mine, capsys):
    for more in ([], ["--dry-run"], ["--apply", "--dry-run"]):
        code, plan, err = push(capsys, *more)
        assert code == 0
        assert plan["dry_run"]
        assert [u["kind"] for u in plan["uploads"]] == ["dataset", "space"]
    assert mine.writes() == []
    assert mine.repos == {}
    assert "--apply" in err


def test_push_makes_two_repos_with_one_commit_each(mine, capsys):
    code, answer, _ = push(capsys, "--apply")
    assert code == 0
    assert len(answer["sent"]) == 2
    for kind, name in (("dataset", "me/data"), ("space", "me/board")):
        assert len(mine.commits(name, repo_type=kind)) == 2  # the Hub's own, and ours
    files = mine.files("me/data", repo_type="dataset")
    assert {*board.DATA_FILES, "README.md"} <= set(files)
    assert files["leaderboard.parquet"] == Path("leaderboard/leaderboard.parquet").read_bytes()
    app = mine.files("me/board", repo_type="space")
    compile(app["app.py"], "app.py", "exec")
    front = board.read_yaml(app["README.md"].decode().split("---\n")[1])
    assert (front["sdk"], front["app_file"], front["datasets"]) == ("gradio", "app.py", ["me/data"])
    assert app["scripts/leaderboard.py"] == (ROOT / "scripts/leaderboard.py").read_bytes()
    assert app["metric_mapping.json"] == (ROOT / "metric_mapping.json").read_bytes()
    assert not any(mine.token.encode() in text for text in (*files.values(), *app.values()))


def test_a_push_to_a_repo_that_has_another_name_now(mine, capsys):
    mine.create_repo("me/new", "dataset")
    mine.rename("me/data", "me/new", "dataset")
    assert board.main([*PUSH, "--apply"]) == 3
    assert "--dataset me/new, if that is meant" in capsys.readouterr().err
    assert mine.writes() == []


def test_the_second_push_sends_nothing(mine, capsys):
    push(capsys, "--apply")
    before = len(mine.writes())
    code, answer, err = push(capsys, "--apply")
    assert (code, answer["sent"]) == (0, [])
    assert len(mine.writes()) == before
    assert "already" in err
    write_made_up(Path("leaderboard"), 61)
    _, answer, _ = push(capsys, "--apply")
    assert [(u["kind"], set(u["files"])) for u in answer["sent"]] == [
        ("dataset", {"README.md", "leaderboard.jsonl", "leaderboard.parquet", "metadata.json"})
    ]


def test_private(mine, capsys):
    assert push(capsys, "--apply")[0] == 0
    assert mine.repo("me/data", "dataset").private
    assert mine.repo("me/board", "space").private


@pytest.mark.parametrize("kind", ["dataset", "space"])
def test_what_is_to_be_private_gets_into_no_public_repo(mine, capsys, kind):
    """Numbers of one's own, of models that the Hub does not know, in a repo that an earlier push made public."""
    assert push(capsys, "--apply", "--public")[0] == 0
    mine.repo("me/data", "dataset").private = kind == "space"
    mine.repo("me/board", "space").private = kind == "dataset"
    before = len(mine.writes())
    capsys.readouterr()
    for more in ([], ["--apply"]):
        code, _, err = push(capsys, *more, "--private")
        assert code == 2 and "exists and is public; leave --private out, or choose another name" in err
    assert len(mine.writes()) == before


def test_a_push_is_shown_before_with_who_sees_it(mine, capsys):
    seen = []
    mine.fault("POST", "/api/repos/create", before=lambda: seen.append(capsys.readouterr().err))
    assert push(capsys, "--apply", "--public")[0] == 0
    assert "is made, public" in seen[0] and "leaderboard.parquet" in seen[0] and "every " in seen[0]
    mine.repo("me/data", "dataset").private = mine.repo("me/board", "space").private = True
    assert {upload["visible"] for upload in push(capsys, "--private")[1]["uploads"]} == {"private"}


def test_private_models_get_into_no_public_repo(mine, capsys):
    mine.create_repo("me/secret", files=card(index_result("mmlu", 70.0)), private=True)
    assert board.main(["collect", "--author", "me"]) == 0
    before = len(mine.writes())
    capsys.readouterr()
    code, _, err = push(capsys, "--apply", "--public")
    assert code == 2
    assert "private models (me/secret)" in err
    assert len(mine.writes()) == before
    assert push(capsys, "--apply", "--private")[0] == 0
    assert push(capsys, "--apply")[0] == 0  # private they are now
    assert json.loads(mine.files("me/board", repo_type="space")["refresh.json"])["private"] is True


def test_folders_of_this_machine_are_not_pushed(mine, capsys, tmp_path):
    shutil.copytree(TINY, tmp_path / "somewhere" / "results")
    assert board.main(["collect", "--results", str(tmp_path / "somewhere" / "results")]) == 0
    capsys.readouterr()
    assert push(capsys, "--apply")[0] == 0
    for kind, name in (("dataset", "me/data"), ("space", "me/board")):
        for path, text in mine.files(name, repo_type=kind).items():
            assert str(tmp_path).encode() not in text, path


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("space", {"README.md": "---\nsdk: docker\n---\n", "Dockerfile": "FROM x"}),
        ("space", {"app.py": "print(1)"}),
        ("dataset", {"train.csv": "a,b\n1,2\n"}),
    ],
)
def test_a_taken_name_is_left_alone(mine, capsys, kind, files):
    name = "me/board" if kind == "space" else "me/data"
    mine.create_repo(name, kind, files)
    before = mine.files(name, repo_type=kind)
    code, _, err = push(capsys, "--apply")
    assert code == 1
    assert f"{name} is taken" in err
    assert "push has not made" in err
    assert mine.writes() == []
    assert list(mine.repos) == [(f"{kind}s", name)]
    assert mine.files(name, repo_type=kind) == before


def test_an_empty_repo_of_that_name_is_used(mine, capsys):
    mine.create_repo("me/data", "dataset")
    assert push(capsys, "--apply")[0] == 0
    assert len(mine.commits("me/data", repo_type="dataset")) == 2


@pytest.mark.parametrize(
    ("token", "arguments", "says"),
    [
        ("read", PUSH, "the token may only read"),
        ("write", ["push", "--dataset", "google/data"], "may not write to google"),
        ("write", ["push", "--dataset", "me/data", "--space", "google/board"], "may not write to google"),
        ("wrong", PUSH, "the token is not valid"),
        ("fine", PUSH, "no repo.write permission for me/data"),
    ],
)
def test_missing_rights_are_said_before_anything_is_made(mine, capsys, monkeypatch, token, arguments, says):
    scopes = {"me/else": ["repo.write"]}
    tokens = {"read": mine.read_token, "write": mine.token, "wrong": "hf_wrong"}
    tokens["fine"] = mine.add_token("me", "fineGrained", scopes)
    monkeypatch.setenv("HF_TOKEN", tokens[token])
    assert board.main([*arguments, "--apply"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert says in err
    assert tokens[token] not in err
    assert mine.writes() == []
    assert mine.repos == {}


def test_refused_hardware_leaves_nothing_behind(mine, capsys):
    code, _, err = push(capsys, "--apply", "--hardware", "cpu-upgrade")
    assert code == 2
    assert "payment method" in err
    assert "cpu-basic" in err
    assert "removed again" in err
    assert mine.repos == {}


def test_hardware(mine, capsys):
    mine.paying.add("me")
    assert push(capsys, "--apply", "--hardware", "cpu-upgrade")[0] == 0
    before = len(mine.writes())
    assert mine.count("POST", "/hardware$") == 1
    assert push(capsys, "--apply", "--hardware", "cpu-upgrade")[0] == 0
    assert len(mine.writes()) == before  # it has it
    assert push(capsys, "--apply", "--hardware", "t4-small")[0] == 0
    assert [request.path for request in mine.writes()[before:]] == ["/api/spaces/me/board/hardware"]


def test_refused_hardware_leaves_an_existing_space_as_it_was(mine, capsys):
    assert push(capsys, "--apply")[0] == 0
    before = {key: repo.at("main").oid for key, repo in mine.repos.items()}
    write_made_up(Path("leaderboard"), 61)
    assert push(capsys, "--apply", "--hardware", "cpu-upgrade")[0] == 2
    assert {key: repo.at("main").oid for key, repo in mine.repos.items()} == before


def test_a_plan_without_gradio_spaces(mine, capsys):
    mine.without_spaces.add("me")
    code, _, err = push(capsys, "--apply")
    assert code == 2
    assert "PRO" in err
    assert "static Space" in err
    assert mine.repos == {}


@pytest.mark.parametrize("nth", [1, 2])
def test_a_failed_commit_takes_back_what_was_made(mine, capsys, nth):
    mine.fault("POST", "/commit/", nth=nth, status=500, times=99)
    code, _, err = push(capsys, "--apply")
    assert code == 2
    assert "removed again" in err
    assert mine.repos == {}


def test_a_failed_commit_removes_no_repo_that_was_there(mine, capsys):
    assert push(capsys, "--apply")[0] == 0
    write_made_up(Path("leaderboard"), 61)
    mine.fault("POST", "/commit/", status=500, times=99)
    assert push(capsys, "--apply")[0] == 2
    assert len(mine.repos) == 2


def test_somebody_elses_commit_in_between_is_not_overwritten(mine, capsys):
    assert push(capsys, "--apply")[0] == 0
    write_made_up(Path("leaderboard"), 61)

    def meanwhile() -> None:
        mine.commit("me/data", {"metadata.json": "{}"}, repo_type="dataset")

    mine.fault("POST", "/commit/", before=meanwhile)
    code, _, err = push(capsys, "--apply")
    assert code == 2
    assert "moved on" in err
    assert mine.files("me/data", repo_type="dataset")["metadata.json"] == b"{}"


@pytest.mark.parametrize(
    "arguments",
    [
        ["--dataset", "data"],
        ["--dataset", "me/data", "--hardware", "t4-small"],
        ["--dataset", "me/d", "--space", "../x"],
    ],
)
def test_push_usage(mine, capsys, arguments):
    assert board.main(["push", *arguments]) == 2
    assert mine.requests == []


def test_the_space_refreshes_itself(mine, capsys, monkeypatch):
    """The pushed app, in a folder of its own: it loads the data, collects again, and pushes what is new."""
    mine.create_repo("lab/m", files=card(index_result("mmlu", 70.0)))
    assert board.main(["collect", "--author", "lab", "--results", str(TINY)]) == 0
    capsys.readouterr()
    assert push(capsys, "--apply")[0] == 0
    space = Path("space")
    for name, content in mine.files("me/board", repo_type="space").items():
        (space / name).parent.mkdir(parents=True, exist_ok=True)
        (space / name).write_bytes(content)
    app = {"__name__": "app", "__file__": str(space.resolve() / "app.py")}
    exec(compile((space / "app.py").read_bytes(), "app.py", "exec"), app)
    app["snapshot_download"](
        "me/data", repo_type="dataset", local_dir=app["DATA"], allow_patterns=list(board.DATA_FILES)
    )
    assert app["age_in_hours"]() < 1
    mine.commit("lab/m", card(index_result("mmlu", 75.0)))
    app["refresh"]()
    rows = data("space/data")
    assert [r["value"] for r in rows if r["model"] == "lab/m"] == [75.0]
    assert {r["model"] for r in rows} > {"lab/m"}  # the own runs are kept
    lines = mine.files("me/data", repo_type="dataset")["leaderboard.jsonl"].decode().splitlines()
    assert [json.loads(line) for line in lines] == rows
    shutil.rmtree(space)


FORGED = {
    "words for a program": {"author": "--output-dir=/"},
    "models that are none": {"repo_ids": ["a/b", "--x/y"]},
    "names that are options": {"benchmarks": ["--keep-own-runs"]},
    "another type": {"author": {"a": 1}},
    "a question that there is not": {"command": "rm"},
}


@pytest.mark.parametrize("asked", FORGED.values(), ids=FORGED)
def test_a_space_is_told_to_run_nothing_else(mine, capsys, asked):
    path = Path("leaderboard/metadata.json")
    metadata = json.loads(path.read_text())
    path.write_text(json.dumps(metadata | {"asked": metadata["asked"] | asked}))
    code, answer, err = push(capsys, "--apply")
    assert (code, answer) == (2, {}) and "metadata.json: asked: " in err
    assert mine.writes() == []


def test_data_of_others_is_said_to_be_and_pushed_when_it_is_adopted(mine, capsys, monkeypatch, tmp_path):
    mine.create_repo("lab/m", files=card(index_result("mmlu", 70.0)))
    before = mine.writes()
    code, _, err = push(capsys)
    assert code == 0 and "not collected by you here" not in err
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another machine"))
    code, answer, err = push(capsys, "--apply")
    assert (code, answer, mine.writes()) == (3, {}, before)
    assert "own run" in err and "add --adopt" in err
    assert collect(capsys, "--keep-own-runs", "leaderboard", "--output-dir", "new")[0] == 3
    assert not Path("new").exists()
    assert board.main(["show"]) == 0 and "was not collected by you here" in capsys.readouterr().err
    assert board.main(["diff", "leaderboard", "leaderboard"]) == 0
    assert capsys.readouterr().err.count("was not collected by you here") == 2
    assert collect(capsys, "--keep-own-runs", "leaderboard", "--adopt", "--output-dir", "new")[0] == 0
    assert board.main(["show", "--data", "new"]) == 0 and "was not collected" not in capsys.readouterr().err
    assert push(capsys, "--apply", "--adopt")[0] == 0 and mine.writes() != before


@pytest.mark.parametrize(
    "change",
    [
        {"collected": "2026\n\n# Owned <img src=x>"},
        {"counts": {"rows": 10**9, "models": 1, "sources": {}}},
        {"benchmarks": [{"key": "x", "name": "x", "unit": None}]},
        {"private_models": None},
        {"unreadable": [{"model": 1, "where": None, "reason": 2}]},
        {"unreadable": [{"model": "x" * 10**5}]},
        {"more": "of it"},
        {"requests": {"sent": "a text that nobody sees"}},
        {"every_eval_ever": {"a text that nobody sees": 1}},
        {"private_models": ["not/here"]},
    ],
    ids=str,
)
def test_metadata_says_of_the_rows_what_they_are(mine, capsys, change):
    path = Path("leaderboard/metadata.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    assert push(capsys, "--apply")[0] == 2
    assert mine.writes() == []


def test_what_is_pushed_is_what_was_read(mine, capsys):
    """leaderboard.jsonl is made of the table's rows again; what stands in the file beside it goes nowhere."""
    good = Path("leaderboard/leaderboard.jsonl").read_bytes()
    Path("leaderboard/leaderboard.jsonl").write_text(json.dumps({"model": "evil", "value": 99.9}))
    assert push(capsys, "--apply")[0] == 0
    assert mine.files("me/data", repo_type="dataset")["leaderboard.jsonl"] == good


def test_of_a_table_nothing_is_pushed_but_its_rows(mine, capsys):
    """A file may carry what no reader shows, such as metadata of its own."""
    import pyarrow.parquet as pq

    path = Path("leaderboard/leaderboard.parquet")
    good = path.read_bytes()
    table = pq.read_table(path)
    pq.write_table(table.replace_schema_metadata({"secret": "hidden words"}), path)
    assert b"hidden words" in path.read_bytes()
    assert push(capsys, "--apply", "--adopt")[0] == 0
    assert mine.files("me/data", repo_type="dataset")["leaderboard.parquet"] == good


@pytest.mark.parametrize(
    "change",
    ["value = 'nan'::DOUBLE", "source_type = 'made up'", "model = NULL", "shown = NULL", "comparable = 'inf'::DOUBLE"],
)
@pytest.mark.parametrize("command", [["show"], ["export", "--output-dir", "out"], ["push", "--dataset", "me/data"]])
def test_a_table_with_rows_that_collect_never_writes_is_refused(mine, capsys, change, command):
    import duckdb

    path = "leaderboard/leaderboard.parquet"
    with duckdb.connect() as engine:
        engine.execute(f"CREATE TABLE t AS FROM '{path}'")
        engine.execute(f"UPDATE t SET {change} WHERE rowid = 3")
        engine.execute(f"COPY t TO '{path}' (FORMAT parquet)")
    assert board.main([*command, "--data", "leaderboard"]) == 2
    assert "a row that this version does not write" in capsys.readouterr().err


def test_columns_of_other_kinds_are_refused(mine, capsys):
    import duckdb

    path = "leaderboard/leaderboard.parquet"
    with duckdb.connect() as engine:
        engine.execute(f"COPY (SELECT * REPLACE (n::DECIMAL(9, 2) AS n) FROM '{path}') TO 'other' (FORMAT parquet)")
    Path("other").replace(path)
    assert push(capsys)[0] == 2


def test_a_repo_that_is_opened_after_the_look_gets_no_rows(mine, capsys, monkeypatch):
    mine.create_repo("me/secret", files=card(index_result("mmlu", 70.0)), private=True)
    assert board.main(["collect", "--author", "me"]) == 0
    mine.create_repo("me/data", "dataset", private=True)
    look = board.refuse_to_tell

    def opened(*given):
        look(*given)
        mine.repo("me/data", "dataset").private = False

    monkeypatch.setattr(board, "refuse_to_tell", opened)
    capsys.readouterr()
    code, _, err = push(capsys, "--apply", "--private")
    assert code == 3 and "--dataset me/data: is there and public" in err
    assert set(mine.files("me/data", repo_type="dataset")) <= {".gitattributes"}
    assert ("spaces", "me/board") not in mine.repos  # it was made for this, and is gone


def test_whether_the_space_reads_with_its_token_is_asked_of_the_hub_and_shown(mine, capsys):
    """metadata.json may name as private what is not, or be silent of what is."""
    mine.create_repo("me/secret", files=card(index_result("mmlu", 70.0)), private=True)
    mine.create_repo("me/open", files=card(index_result("mmlu", 60.0)))
    assert board.main(["collect", "--author", "me"]) == 0
    path = Path("leaderboard/metadata.json")
    metadata = json.loads(path.read_text())
    assert metadata["private_models"] == ["me/secret"]
    path.write_text(json.dumps(metadata | {"private_models": []}))
    capsys.readouterr()
    code, _, err = push(capsys, "--apply", "--adopt", "--public")
    assert code == 2 and "private models (me/secret)" in err and mine.writes() == []
    code, plan, _ = push(capsys, "--private", "--adopt")
    assert (code, plan["space_asks"]["private_models"]) == (0, ["me/secret"])
    assert board.main([*PUSH, "--private", "--adopt"]) == 0
    assert "with its own HF_TOKEN, which sees private models: me/secret" in capsys.readouterr().out
    mine.repo("me/secret").private = False
    path.write_text(json.dumps(metadata | {"private_models": ["me/open"]}))
    code, plan, _ = push(capsys, "--private", "--apply", "--adopt")
    assert (code, plan["space_asks"]["private_models"]) == (0, [])
    assert json.loads(mine.files("me/board", repo_type="space")["refresh.json"])["private"] is False


def test_a_dry_run_shows_what_the_space_will_ask(mine, capsys):
    path = Path("leaderboard/metadata.json")
    metadata = json.loads(path.read_text())
    models = [f"lab/model-{number}" for number in range(300)]
    asked = {"trending": None, "repo_ids": models, "no_prs": True}
    path.write_text(json.dumps(metadata | {"asked": metadata["asked"] | asked}))
    _, plan, _ = push(capsys, "--adopt")
    asks = {"collect": ["--repo-ids", "models.txt", "--no-prs"], "models": models, "private_models": []}
    assert plan["space_asks"] == asks
    assert board.main([*PUSH, "--adopt"]) == 0
    out = capsys.readouterr().out
    assert "collect --repo-ids models.txt --no-prs" in out and all(model in out.split() for model in models)
    assert push(capsys, "--apply", "--adopt")[0] == 0
    assert mine.files("me/board", repo_type="space")["models.txt"].decode().split() == models


@pytest.mark.parametrize("rows", [3_000_000, 500_000])
def test_a_small_table_of_many_rows_is_not_read(mine, capsys, rows):
    """A hundred million nulls in some kilobytes would be gigabytes of rows."""
    import duckdb

    path = Path("leaderboard/leaderboard.parquet")
    with duckdb.connect() as engine:
        nulls = ", ".join(f"NULL::{kind} AS {name}" for name, kind in board.COLUMNS.items())
        engine.execute(f"COPY (SELECT {nulls} FROM range({rows})) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")
    assert path.stat().st_size < 2**20
    for command in (["show"], ["export", "--output-dir", "out"], ["push", "--dataset", "me/data"]):
        assert board.main([*command, "--data", "leaderboard"]) == 2
        assert "HUB_EVALS_LIMITS" in capsys.readouterr().err
