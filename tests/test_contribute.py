"""Records to Every Eval Ever: checked as its validator does, and proposed by one pull request, whatever happens."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import evaluation_manager as manager
import httpx2
import pytest
import yaml
from jsonschema import Draft7Validator
from local_hub import LocalHub
from local_hub_site import Call

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "every_eval_ever"
STORE = "evaleval/EEE_datastore"
MODEL = "tiny_run/step_700"
REPO = "me/tiny-llama"
ASKED = Call.arg
LOST = [{"drop": "answer"}, {"status": 429, "executed": True}, {"status": 503, "executed": True}, {"drop": "before"}]


@pytest.fixture
def store(hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> LocalHub:
    """A datastore of somebody else's with rules of its own, the results of a real run, and a token that may write."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setattr(manager, "FIRST_WAIT", 0.01)
    hub.create_repo(STORE, "dataset", {".gitignore": "*.jsonl\n/data/common_sense/\n", "README.md": "# Results\n"})
    source = ROOT / "examples" / "tiny_run" / "results" / "data"
    for path in source.glob("*/tiny_run/step_700/*"):
        target = tmp_path / "results" / "data" / path.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    hub.requests.clear()
    return hub


def contribute(capsys: pytest.CaptureFixture[str], *argv: object) -> tuple[int, str, str]:
    ask = ("contribute", "--results", "results", "--model-id", MODEL, "--repo-id", REPO)
    code = manager.main(list(map(str, (*ask, *argv))))
    return code, *capsys.readouterr()


def proposed(hub: LocalHub, number: int = 1) -> dict[str, bytes]:
    files = hub.files(STORE, f"refs/pr/{number}", "dataset")
    return {path: data for path, data in files.items() if path.startswith("data/")}


def open_ones(hub: LocalHub) -> list[int]:
    return [pull.num for pull in hub.pull_requests(STORE, "dataset") if pull.status in ("open", "draft")]


def test_schemas_that_are_shipped_are_the_communitys() -> None:
    if not SHARED.is_dir():
        pytest.skip("the schemas are not on this machine")

    def bare(value: object, properties: bool = False) -> object:
        if isinstance(value, list):
            return [bare(item) for item in value]
        if not isinstance(value, dict):
            return value
        texts = ("description", "title", "$comment", "examples", "version")
        return {k: bare(v, k in ("properties", "$defs")) for k, v in value.items() if properties or k not in texts}

    for name, file in (("record", "eval"), ("sample", "instance_level_eval")):
        assert manager.EEE_SCHEMAS[name] == bare(json.loads((SHARED / f"{file}.schema.json").read_text()))
        Draft7Validator.check_schema(manager.EEE_SCHEMAS[name])


def test_dry_run_says_what_would_be_sent(store: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = contribute(capsys, "--json")
    found = json.loads(out)
    assert code == 0 and found["dry_run"] and len(found["records"]) == 15 and found["files"] == 30
    assert all(row["path"].split("/")[2:4] == ["me", "tiny-llama"] for row in found["records"])
    assert len(found["missing"]) == 30 and "--create-pr" in err and store.writes() == []


def test_one_pull_request_with_every_file(store: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = contribute(capsys, "--create-pr")
    assert code == 0, err
    (pull,) = store.pull_requests(STORE, "dataset")
    assert pull.title.startswith("[Submission] ") and pull.author == "me" and out.strip().endswith("/discussions/1")
    files = proposed(store)
    assert len(files) == 30, "what the data set ignores is sent all the same"
    for path, data in files.items():
        if not path.endswith(".json"):
            continue
        record, samples = json.loads(data), files[path.removesuffix(".json") + "_samples.jsonl"]
        detail = record["detailed_evaluation_results"]
        assert record["model_info"]["id"] == REPO and REPO in record["evaluation_id"]
        assert detail["checksum"] == hashlib.sha256(samples).hexdigest()
        assert detail["file_path"] == path.removesuffix(".json") + "_samples.jsonl"
        assert {json.loads(line)["model_id"] for line in samples.splitlines()} == {REPO}
        assert "path" not in record["model_info"]["additional_details"]
    before = len(store.writes())
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 0 and "nothing to send" in err and len(store.writes()) == before
    store.change_pull_request(STORE, 1, "merged", repo_type="dataset", user="evaleval")
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 0 and "its main branch" in err and len(store.writes()) == before


@pytest.mark.parametrize("fault", LOST)
@pytest.mark.parametrize("at_once", [10, 200])
def test_lost_answer_leaves_one_pull_request(
    store: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, fault: dict, at_once: int
) -> None:
    monkeypatch.setattr(manager, "FILES_AT_ONCE", at_once)
    for nth in (1, 2):
        store.fault("POST", "/commit/", nth=nth, **fault)
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 0, err
    assert open_ones(store) == [1] and len(proposed(store)) == 30


def test_interrupted_one_goes_on(
    store: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(manager, "FILES_AT_ONCE", 10)
    store.fault("POST", "/commit/", nth=2, times=99, status=403)
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 2 and "Traceback" not in err and 0 < len(proposed(store)) < 30
    store.faults.clear()
    assert contribute(capsys, "--create-pr")[0] == 0
    assert open_ones(store) == [1] and len(proposed(store)) == 30


def test_two_at_the_same_moment_end_with_one(store: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert contribute(capsys, "--create-pr")[0] == 0
    files = proposed(store)
    pull = store.pull_requests(STORE, "dataset")[0]
    pull.status = "closed"  # out of sight while the other run looks
    store.fault("POST", "/commit/main", after=lambda: setattr(pull, "status", "open"))
    code, _, err = contribute(capsys, "--create-pr", "--again")
    assert code == 0 and open_ones(store) == [1] and proposed(store) == files and "#1 stays" in err
    assert "The same as #1" in str(store.pull_requests(STORE, "dataset")[1].events)


def test_closed_one_is_not_opened_again(store: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert contribute(capsys, "--create-pr")[0] == 0
    store.change_pull_request(STORE, 1, "closed", comment="Not here, please", repo_type="dataset")
    for argv in (("--create-pr",), ()):
        code, _, err = contribute(capsys, *argv)
        assert code == 3 and "/discussions/1" in err and "--again" in err
    assert contribute(capsys, "--create-pr", "--again")[0] == 0 and open_ones(store) == [2]


def test_a_pull_request_of_another_is_never_ours(store, capsys, monkeypatch) -> None:
    """Whatever a Hub that does not filter by author lists: nothing is committed to it, and nothing is closed for it."""
    store.add_user("mallory")
    found, _ = manager.read_records([Path("results")])
    allowed, vocabulary = manager.Allowed(False, False), manager.vocabulary_of(manager.read_mapping())
    files = manager.plan_contribution(found, STORE, MODEL, REPO, allowed, vocabulary).files
    monkeypatch.setattr(
        Call, "arg", lambda self, name, *more: more[0] if name == "author" else ASKED(self, name, *more)
    )
    theirs = store.open_pull_request(STORE, dict([*files.items()][:1]), repo_type="dataset", user="mallory")
    before = store.files(STORE, f"refs/pr/{theirs}", "dataset")
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 0, err
    assert store.files(STORE, f"refs/pr/{theirs}", "dataset") == before and open_ones(store) == [theirs, theirs + 1]


def test_other_content_at_the_same_place_is_asked(store: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    path = json.loads(contribute(capsys, "--json")[1])["records"][0]["path"]
    store.commit(STORE, {path: "{}"}, repo_type="dataset")
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 3 and path in err and open_ones(store) == []


@pytest.mark.parametrize("state", [{"archived": True}, {"disabled": True}, {"discussions_off": True}, None])
def test_store_that_takes_nothing(store: LocalHub, capsys: pytest.CaptureFixture[str], state: dict | None) -> None:
    if state is None:
        del store.repos["datasets", STORE]
    else:
        for name, value in state.items():
            setattr(store.repo(STORE, "dataset"), name, value)
    code, out, err = contribute(capsys, "--create-pr")
    said = [line for line in err.strip().splitlines() if not line.startswith("new ")]  # what was to be sent
    assert code == 2 and out == "" and "Traceback" not in err and len(said) <= 2


def test_what_is_sent_was_shown_before(store: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[str] = []
    store.fault("POST", "/commit/", before=lambda: seen.append(capsys.readouterr().err))
    code, out, _ = contribute(capsys, "--create-pr")
    lines = [line for line in out.splitlines() if "data/" in line]
    assert code == 0 and lines and all(line.split()[1] in seen[0] for line in lines)


@pytest.mark.parametrize("token", ["read", "none"])
def test_token_that_may_not(store: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch, token: str) -> None:
    monkeypatch.setenv("HF_TOKEN", store.read_token) if token == "read" else monkeypatch.delenv("HF_TOKEN")
    assert contribute(capsys)[0] == 0, "the plan needs no right to write"
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 2 and "token" in err and store.pull_requests(STORE, "dataset") == []


def some_record(tmp_path: Path) -> Path:
    return sorted((tmp_path / "results").rglob("????????-*-????????????.json"))[0]


@pytest.mark.parametrize(
    ("edit", "problem"),
    [
        (lambda r: r["evaluation_results"][0]["score_details"].update(score=1.5), "is outside 0.0 to 1.0"),
        (lambda r: r["evaluation_results"][0]["metric_config"].pop("max_score"), "max_score is missing"),
        (lambda r: r["model_info"]["additional_details"].pop("deployment_type"), "deployment_type"),
        (lambda r: r["detailed_evaluation_results"].update(total_rows=3), "total_rows is 3"),
        (lambda r: r.pop("eval_library"), "eval_library"),
        (lambda r: r.update(more=1), "more"),
        (lambda r: r["evaluation_results"][0].update(evaluation_name=3), "evaluation_name"),
    ],
)
def test_record_that_would_be_refused(store, capsys, tmp_path, edit, problem) -> None:
    path = some_record(tmp_path)
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record))
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 1 and problem in err and "1 of 15 records" in err and store.pull_requests(STORE, "dataset") == []


def test_samples_that_are_not_the_records(store, capsys, tmp_path) -> None:
    path = some_record(tmp_path)
    samples = path.with_name(f"{path.stem}_samples.jsonl")
    record, place = json.loads(path.read_text()), path.relative_to(tmp_path / "results").as_posix()
    assert manager.record_problems(place, record, samples.read_bytes()) == []
    for text, problem in (
        (samples.read_bytes() + b"{}\n", "checksum"),
        (samples.read_bytes().replace(b"{", b"[", 1), "samples line 1"),
        (None, "is missing"),
    ):
        found = manager.record_problems(place, record, text)
        assert any(problem in line for line in found), found


def test_samples_that_are_a_link_out_of_their_folder_are_not_sent(store, capsys, tmp_path) -> None:
    path = some_record(tmp_path)
    samples = path.with_name(f"{path.stem}_samples.jsonl")
    samples.rename(tmp_path / "private.jsonl")
    samples.symlink_to(tmp_path / "private.jsonl")
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 2 and "a link out of the folder" in err and store.pull_requests(STORE, "dataset") == []


def test_whose_records_is_asked(store, capsys, tmp_path) -> None:
    code = manager.main(["contribute", "--results", "results"])
    assert code == 3 and "--repo-id OWNER/NAME" in capsys.readouterr().err
    path = some_record(tmp_path)
    record = json.loads(path.read_text())
    record["evaluation_results"][0]["generation_config"]["additional_details"]["limit"] = "10"
    path.write_text(json.dumps(record))
    code, _, err = contribute(capsys)
    assert code == 2 and "--allow-partial" in err
    record["evaluation_results"][0]["generation_config"]["additional_details"].pop("limit")
    record["eval_library"]["additional_details"]["command"] = f"HF_TOKEN={'hf_' + 'a' * 34} run"
    path.write_text(json.dumps(record))
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 1 and "token" in err and "a" * 34 not in err


def test_what_the_gate_refuses_is_not_sent(store, capsys, tmp_path) -> None:
    """A record that the datastore's validator takes, and of which most answers are lost."""
    path = some_record(tmp_path)
    record = json.loads(path.read_text())
    details = record["evaluation_results"][0]["score_details"].setdefault("details", {})
    details |= {"truncated": str(record["evaluation_results"][0]["score_details"]["uncertainty"]["num_samples"])}
    path.write_text(json.dumps(record))
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 1 and "truncated" in err and "--allow-invalid" in err
    assert store.pull_requests(STORE, "dataset") == []
    code, _, err = contribute(capsys, "--create-pr", "--allow-invalid")
    text = json.dumps(store.pull_requests(STORE, "dataset")[0].events)
    assert code == 0, err
    assert "15 of own runs" in text and "Doubtful: " in text and "truncated" in text, text


def test_pull_request_does_not_call_runs_what_a_document_tells(store, capsys, tmp_path) -> None:
    path = some_record(tmp_path)
    record = json.loads(path.read_text())
    record["source_metadata"]["source_type"] = "documentation"
    path.write_text(json.dumps(record))
    other = next(p for p in (tmp_path / "results").rglob("*.json") if p != path)
    limited = json.loads(other.read_text())
    limited["evaluation_results"][0]["generation_config"]["additional_details"]["limit"] = "10"
    other.write_text(json.dumps(limited))
    code, _, err = contribute(capsys, "--create-pr", "--allow-partial")
    text = json.dumps(store.pull_requests(STORE, "dataset")[0].events)
    assert code == 0, err
    assert "14 of own runs and 1 of scores that documents tell" in text and "1 are of a part of the items" in text
    assert "Nothing was left out" not in text


def test_pull_request_calls_no_run_of_others_ones_own(store, capsys, tmp_path) -> None:
    for number, path in enumerate(sorted((tmp_path / "results").rglob("*.json"))):
        record = json.loads(path.read_text())
        source = record["source_metadata"]
        source["source_organization_name"] = "Evil Corp" if number else "unknown"
        if not number:
            source["additional_details"] = {"converter": "convert_results.py"}
        path.write_text(json.dumps(record))
    code, _, err = contribute(capsys, "--create-pr")
    text = json.dumps(store.pull_requests(STORE, "dataset")[0].events)
    assert code == 0 and "14 records of runs measured, as they say, by Evil Corp" in err, err
    assert "14 of runs measured, as they say, by Evil Corp" in text and "1 of runs converted from a harness" in text
    assert "own runs" not in text and "Nothing was left out" not in text


def edited(tmp_path, number: int, edit) -> Path:
    """One of the records, changed."""
    path = sorted((tmp_path / "results").rglob("????????-*-????????????.json"))[number]
    record = json.loads(path.read_text())
    edit(record)
    path.write_text(json.dumps(record))
    return path


def test_fewer_items_than_the_task_has_are_a_part_of_it_without_any_limit(store, capsys, tmp_path) -> None:
    def more(record: dict) -> None:
        record["evaluation_results"][0]["source_data"]["additional_details"]["samples_number"] = "1319"

    def whole(record: dict) -> None:
        result = record["evaluation_results"][0]
        result["generation_config"]["additional_details"]["limit"] = "1000"

    edited(tmp_path, 0, whole)
    code, _, err = contribute(capsys)
    assert code == 0, err  # a limit that nothing was left out by
    edited(tmp_path, 1, more)
    code, _, err = contribute(capsys)
    assert code == 2 and "of 1319 items" in err and "--allow-partial" in err


def test_pull_request_tells_what_has_no_score(store, capsys, tmp_path) -> None:
    def losing(record: dict) -> None:
        details = record["evaluation_results"][0]["score_details"].setdefault("details", {})
        details |= {"attempts": "501", "scored": "500", "no_value": "1"}

    path = edited(tmp_path, 0, losing)
    record = json.loads(path.read_text())
    failure = {"task": "own_math|5", "error": "no memory", "model_info": record["model_info"], "settings": {}}
    path.with_name(f"{'0' * 8}-0000-4000-8000-{'0' * 12}_failure.json").write_text(json.dumps(failure))
    code, _, err = contribute(capsys, "--create-pr")
    text = json.dumps(store.pull_requests(STORE, "dataset")[0].events)
    assert code == 0, err
    for part in ("Without a score", "1 answer in 1 record", "without a record", "own&#95;math"):
        assert part in text
    assert "no memory" not in text
    assert "Nothing was left out" not in text


def test_two_states_of_weights_are_not_one_model_of_the_hub(store, capsys, tmp_path) -> None:
    edited(tmp_path, 0, lambda record: record["model_info"]["additional_details"].update(weights_sha256="0" * 64))
    code, _, err = contribute(capsys, "--create-pr")
    assert code == 3 and "states of a model" in err and "--results" in err
    assert store.pull_requests(STORE, "dataset") == []


def test_results_link_to_their_records(store, capsys, tmp_path) -> None:
    store.create_repo(REPO, files={"README.md": "# Tiny\n"})
    assert contribute(capsys, "--create-pr")[0] == 0
    commit = store.commits(STORE, "refs/pr/1", "dataset")[0].oid
    add = ["add", "--repo-id", REPO, "--results", "results", "--model-id", MODEL, "--create-pr"]
    assert manager.main(add) == 0
    front = store.card(store.repo(REPO).at("refs/pr/1"))
    urls = {result["source"]["url"] for result in front["model-index"][0]["results"]}
    start = f"{store.url}/datasets/{STORE}/blob/{commit}/data/"
    assert len(urls) == 15 and all(url.startswith(start) and "/me/tiny-llama/" in url for url in urls)
    page = httpx2.get(sorted(urls)[0].replace("/blob/", "/raw/"))
    assert page.json()["model_info"]["id"] == REPO and yaml.safe_dump(front)
