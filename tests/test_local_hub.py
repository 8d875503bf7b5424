# /// script
# requires-python = ">=3.11"
# dependencies = ["huggingface_hub>=2.2,<3", "pytest>=8,<10", "pyyaml>=6,<7"]
# ///
"""local_hub.py against the real client: `uv run tests/test_local_hub.py`, or as part of the suite."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from bench_batch import make_models
from local_hub import BENCHMARKS, ArtificialAnalysis, LocalHub, add_examples, local_hub
from local_hub_repos import ignored, load_yaml
from local_hub_site import WRONG_FORMS, Fault

pytest.importorskip("huggingface_hub", minversion="2.2")
from huggingface_hub import (
    CommitOperationAdd,
    EvalResultEntry,
    HfApi,
    ModelCard,
    constants,
    eval_result_entries_to_yaml,
    get_session,
    hf_hub_download,
    metadata_update,
    snapshot_download,
    upload_folder,
)
from huggingface_hub.errors import (
    DisabledRepoError,
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import _http, disable_progress_bars, parse_ratelimit_headers

disable_progress_bars()
TransportError = _http.httpx2.TransportError  # not an OSError, unlike the client's own errors
HUB = Path(__file__).with_name("local_hub.py")
LARGE = random.Random(0).randbytes(10 * 1024 * 1024 + 1)  # one byte too many for git
CARD = "---\nlicense: mit\ntags:\n- eval\n---\n# A <script>model</script>\n"
README = {"README.md": CARD}


@pytest.fixture(autouse=True)
def ordinary_session():
    """The client's own session: a script that ran before in this process sends no token to servers it did not name."""
    from huggingface_hub import set_client_factory
    from huggingface_hub.utils._http import default_client_factory

    set_client_factory(default_client_factory)


@pytest.fixture
def hub(tmp_path):
    with local_hub(tmp_path / "home") as hub:
        yield hub
    assert hub.errors == [], "a handler failed"
    assert not [request for request in hub.requests if request.origin == "cdn" and request.authorized]


@pytest.fixture
def api(hub):
    return HfApi()


@pytest.fixture
def waits(monkeypatch):
    """The seconds that the client would have waited before its retries."""
    slept: list[float] = []
    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=slept.append))
    return slept


def status_of(call, *arguments, **options) -> int:
    with pytest.raises(HfHubHTTPError) as caught:
        call(*arguments, **options)
    return caught.value.response.status_code


def upload(api, path="a.txt", data=b"text", **options):
    return api.upload_file(path_or_fileobj=data, path_in_repo=path, repo_id="me/m", **options)


# --- Accounts and access ---


def test_whoami_tells_user_role_and_scopes(hub, api):
    scoped = hub.add_token("me", "fineGrained", {"me/m": ["repo.write"]}, everywhere=["discussion.write"])
    hub.create_repo("me/m")
    assert api.whoami()["name"] == "me"
    assert api.whoami()["auth"]["accessToken"]["role"] == "write"
    assert api.whoami(token=hub.read_token)["auth"]["accessToken"]["role"] == "read"
    fine = api.whoami(token=scoped)["auth"]["accessToken"]["fineGrained"]
    entity = {"_id": "me/m", "type": "model", "name": "me/m"}
    assert fine["scoped"] == [{"entity": entity, "permissions": ["repo.write"]}]
    assert fine["global"] == ["discussion.write"]


def test_bad_token_is_401(api):
    assert status_of(api.whoami, token="hf_wrong") == 401
    assert status_of(api.model_info, "me/m", token="hf_wrong") == 401


def test_a_repo_of_the_same_letters_is_there_already(hub, api):
    hub.create_repo("me/Foo")
    assert status_of(api.create_repo, "me/foo") == 409
    assert api.create_repo("me/foo", exist_ok=True) == f"{hub.url}/me/Foo"
    assert ("models", "me/foo") not in hub.repos


def test_a_model_is_told_with_its_configuration_and_what_it_has(hub, api):
    weights = {"__metadata__": {}, "w": {"dtype": "BF16", "shape": [2, 3], "data_offsets": [0, 12]}}
    head = json.dumps(weights).encode()
    config = json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 8})
    tokens = json.dumps({"chat_template": "{{ messages }}", "bos_token": "<s>", "model_max_length": 9})
    data = len(head).to_bytes(8, "little") + head + bytes(12)
    files = {"config.json": config, "tokenizer_config.json": tokens, "model.safetensors": data}
    hub.create_repo("me/m", files=files)
    hub.create_repo("me/none")
    found = api.model_info("me/m")
    assert found.config == {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "tokenizer_config": {"chat_template": "{{ messages }}", "bos_token": "<s>"},
    }
    assert found.safetensors.parameters == {"BF16": 6} and found.modelId == "me/m"
    bare = get_session().get(f"{hub.url}/api/models/me/none").json()
    assert not {"config", "safetensors", "cardData", "pipeline_tag", "library_name"} & set(bare)
    assert bare["model-index"] is None


def test_what_is_no_answer_of_the_api_is_plain_text(hub, api):
    hub.create_repo("me/m", files={"a.bin": bytes(20)})
    answer = get_session().get(f"{hub.url}/me/m/resolve/main/none.txt")
    assert (answer.status_code, answer.text) == (404, "Entry not found")
    assert answer.headers["content-type"].startswith("text/plain") and answer.headers["x-error-code"] == "EntryNotFound"
    answer = get_session().get(f"{hub.url}/api/models/me/none")
    assert answer.json() == {"error": "Invalid username or password."}
    head = get_session().head(f"{hub.url}/me/m/resolve/main/a.bin", follow_redirects=False)
    (tree,) = (entry for entry in api.list_repo_tree("me/m") if entry.path == "a.bin")
    assert head.headers["x-xet-hash"] == tree.xet_hash and 'rel="xet-auth"' in head.headers["link"]


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_create_repo(hub, api, kind):
    url = api.create_repo("me/new", repo_type=kind, private=True)
    assert url == f"{hub.url}/{'datasets/' if kind == 'dataset' else ''}me/new"
    assert (url.repo_id, url.repo_type) == ("me/new", kind)
    assert api.create_repo("new", repo_type=kind, exist_ok=True) == url
    assert status_of(api.create_repo, "me/new", repo_type=kind) == 409
    assert api.repo_info("me/new", repo_type=kind).private
    assert api.list_repo_files("me/new", repo_type=kind) == [".gitattributes"]
    assert [commit.title for commit in hub.commits("me/new", repo_type=kind)] == ["initial commit"]


def test_create_repo_needs_rights_in_the_namespace(hub, api):
    assert api.create_repo("me-org/new").repo_id == "me-org/new"
    assert status_of(api.create_repo, "stranger/new") == 403
    assert status_of(api.create_repo, "me/new", token=hub.read_token) == 403


def test_private_repo_looks_missing_to_others(hub, api):
    hub.create_repo("me/secret", private=True, files=README)
    stranger = hub.add_user("stranger")
    assert api.repo_exists("me/secret")
    for token in (stranger, False):
        assert not api.repo_exists("me/secret", token=token)
        with pytest.raises(RepositoryNotFoundError):
            hf_hub_download("me/secret", "README.md", token=token)
    assert list(api.list_models(author="me", token=stranger)) == []
    assert status_of(api.model_info, "me/none") == 404


def test_gated_repo_shows_its_info_but_not_its_files(hub, api):
    hub.create_repo("me/gated", gated="manual", allowed=["friend"], files=README)
    friend, stranger = hub.add_user("friend"), hub.add_user("stranger")
    assert api.model_info("me/gated", token=stranger).gated == "manual"
    for token in (stranger, False):
        with pytest.raises(GatedRepoError):
            hf_hub_download("me/gated", "README.md", token=token)
    assert Path(hf_hub_download("me/gated", "README.md", token=friend)).read_text() == CARD


def test_who_may_write(hub, api):
    hub.create_repo("me/m")
    stranger = hub.add_user("stranger")
    fine = hub.add_token("me", "fineGrained", {"me/m": ["repo.write"]})
    other = hub.add_token("me", "fineGrained", {"me/other": ["repo.write"]})
    with pytest.raises(HfHubHTTPError, match="must use a write token"):
        upload(api, token=hub.read_token)
    with pytest.raises(HfHubHTTPError, match="create_pr=1"):
        upload(api, token=stranger)
    assert status_of(upload, api, token=other) == 403
    assert status_of(upload, api, token=False) == 401
    assert hub.count("POST", "/commit/") == 0
    upload(api, token=fine)
    assert upload(api, "b.txt", token=stranger, create_pr=True).pr_num == 1
    assert upload(api, "c.txt", token=stranger, revision="refs/pr/1").pr_num is None
    assert set(hub.files("me/m")) == {".gitattributes", "a.txt"}
    assert set(hub.files("me/m", "refs/pr/1")) == {".gitattributes", "a.txt", "b.txt", "c.txt"}


# --- Uploads ---


@pytest.mark.parametrize("kind", ["model", "dataset"])
def test_upload_and_download_a_folder(hub, api, tmp_path, kind):
    hub.create_repo("me/m", kind)
    folder, options = tmp_path / "folder", {"repo_id": "me/m", "repo_type": kind}
    (folder / "sub dir").mkdir(parents=True)
    files = {
        "README.md": CARD.encode(),
        "large.txt": LARGE,
        "sub dir/w.safetensors": b"w",
        "sub dir/é #1.txt": b"\xc3\xa9",
    }
    for path, data in files.items():
        (folder / path).write_bytes(data)
    upload_folder(folder_path=folder, **options)
    hub_files = hub.files("me/m", repo_type=kind)
    assert hub_files.pop(".gitattributes")
    assert hub_files == files
    tree = {entry.path: entry for entry in api.list_repo_tree(recursive=True, **options)}
    assert set(tree) == {*files, ".gitattributes", "sub dir"}
    assert [path for path in files if tree[path].lfs] == ["large.txt", "sub dir/w.safetensors"]
    assert tree["large.txt"].lfs.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert tree["README.md"].blob_id == hashlib.sha1(b"blob %d\0" % len(CARD) + CARD.encode()).hexdigest()
    assert {entry.path for entry in api.list_repo_tree(path_in_repo="sub dir", **options)} == {*files} - {
        "README.md",
        "large.txt",
    }
    for target in (snapshot_download(**options), snapshot_download(local_dir=tmp_path / "copy", **options)):
        assert {path: (Path(target) / path).read_bytes() for path in files} == files
    info = {sibling.rfilename: sibling for sibling in api.repo_info(files_metadata=True, **options).siblings}
    assert (info["large.txt"].size, info["large.txt"].lfs.size) == (len(LARGE), len(LARGE))
    assert hub.count("PUT", "/lfs/") == 2


def test_unchanged_upload_makes_no_commit_and_no_pull_request(hub, api, tmp_path):
    """The client compares preupload's ids with its own and does not send the commit at all."""
    hub.create_repo("me/m")
    for path, data in {"a.txt": b"text", "w.safetensors": b"w"}.items():
        (tmp_path / path).write_bytes(data)
    options = {"folder_path": tmp_path, "repo_id": "me/m", "allow_patterns": ["a.txt", "*.safetensors"]}
    first = upload_folder(**options)
    assert upload_folder(**options).oid == first.oid
    assert upload(api).oid == first.oid
    assert upload(api, create_pr=True).pr_url is None
    assert (hub.count("POST", "/commit/"), hub.count("PUT"), len(hub.commits("me/m"))) == (1, 1, 2)
    assert hub.pull_requests("me/m") == []


def test_stale_parent_commit_is_412(hub, api):
    hub.create_repo("me/m")
    head = api.model_info("me/m").sha
    hub.fault("POST", "/commit/main", before=lambda: hub.commit("me/m", {"b.txt": "other"}))
    assert status_of(upload, api, parent_commit=head) == 412
    assert "a.txt" not in hub.files("me/m")
    upload(api, parent_commit=api.model_info("me/m").sha[:7])
    pull = upload(api, "c.txt", parent_commit=head, create_pr=True)
    assert set(hub.files("me/m", pull.pr_revision)) == {".gitattributes", "c.txt"}


def test_delete_files_and_folders(hub, api):
    hub.create_repo("me/m", files={"a.txt": "a", "d/b.txt": "b", "d/e/c.txt": "c", "keep.txt": "k"})
    api.delete_file("a.txt", "me/m")
    api.delete_folder("d", "me/m")
    assert set(hub.files("me/m")) == {".gitattributes", "keep.txt"}
    with pytest.raises(EntryNotFoundError):
        api.delete_file("a.txt", "me/m")
    assert [commit.title for commit in api.list_repo_commits("me/m")][-1] == "initial commit"


def test_branches_and_revisions(hub, api):
    hub.create_repo("me/m", files={"a.txt": "1"})
    api.create_branch("me/m", branch="dev")
    upload(api, data=b"2", revision="dev")
    assert (hub.files("me/m")["a.txt"], hub.files("me/m", "dev")["a.txt"]) == (b"1", b"2")
    assert {ref.name for ref in api.list_repo_refs("me/m").branches} == {"main", "dev"}
    first = api.list_repo_commits("me/m", revision="dev")[1].commit_id
    assert Path(hf_hub_download("me/m", "a.txt", revision=first)).read_text() == "1"
    for call in (api.model_info, api.list_repo_commits, api.list_repo_files):
        with pytest.raises(RevisionNotFoundError):
            call("me/m", revision="nope")
    assert api.file_exists("me/m", "a.txt", revision="dev")
    assert not api.file_exists("me/m", "b.txt")


# --- Cards ---


def test_card_is_loaded_edited_and_pushed(hub):
    hub.create_repo("me/m", files=README)
    metadata_update("me/m", {"tags": ["new"]}, overwrite=True)
    card = ModelCard.load("me/m")
    assert card.data.tags == ["new"]
    card.data.license = "apache-2.0"
    assert card.push_to_hub("me/m", create_pr=True).pr_revision == "refs/pr/1"
    assert b"license: mit" in hub.files("me/m")["README.md"]
    assert b"license: apache-2.0" in hub.files("me/m", "refs/pr/1")["README.md"]
    info = HfApi().model_info("me/m", revision="refs/pr/1", expand=["cardData"])
    assert info.card_data.license == "apache-2.0"
    assert info.sha is None


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("tags: [a\n", "YAML Metadata Error"),
        ("license: mit\nlicense: apache-2.0\n", "duplicated mapping key"),
        ("tags: eval\n", '"tags" has the wrong type'),
        (
            "model-index:\n- name: m\n  results:\n  - task: {type: t}\n    metrics: []\n",
            r'results\[0\].dataset" is required',
        ),
    ],
)
def test_bad_metadata_is_refused(hub, api, metadata, message):
    hub.create_repo("me/m")
    with pytest.raises(ValueError, match=message):
        upload(api, "README.md", f"---\n{metadata}---\n".encode())
    assert hub.count("POST", "/(preupload|commit)/") == 0


def test_card_itself_shows_the_errors_as_lines(hub):
    hub.create_repo("me/m")
    with pytest.raises(ValueError, match=r'^- Error: "license" has the wrong type$'):
        ModelCard("---\nlicense: 3\n---\n").push_to_hub("me/m")


@pytest.mark.parametrize("front", ["---\n---\n", "\ufeff---\nlicense: mit\n---\n", "---\r\nlicense: mit\r\n---\r\n"])
def test_metadata_that_is_empty_or_written_elsewhere(hub, api, front):
    hub.create_repo("me/m", files={"README.md": f"{front}# Text\n\n---\nmore: text\n---\n"})
    card = hub.card(hub.repo("me/m").at("main"))
    assert card == ({"license": "mit"} if "mit" in front else {})


BOMB = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))


@pytest.mark.parametrize(
    "text", [BOMB, "a: &a [*a]\n", "[\n" * 10_000, "a: !!python/object/apply:os.getcwd []\n", "a: 2024-13-45\n"]
)
def test_hostile_yaml_is_an_error(hub, api, text):
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)
    hub.create_repo("me/m", files={"README.md": f"---\n{text}---\n", ".eval_results/x.yaml": text})
    info = api.model_info("me/m", expand=["cardData", "evalResults"])
    assert (info.card_data, info.eval_results) == (None, [])
    with pytest.raises(ValueError, match="YAML Metadata Error"):
        upload(api, "README.md", f"---\n{text}---\n".encode())


# --- Evaluation results and Benchmarks ---

FULL = EvalResultEntry(
    dataset_id="lab/bench",
    task_id="main",
    value=41.5,
    dataset_revision="0" * 40,
    date="2026-02-03T04:05:06Z",
    source_url="https://example.org/run",
    source_name="Run",
    source_user="me",
    notes="With tools",
)


def results(*entries: EvalResultEntry) -> str:
    return yaml.safe_dump(eval_result_entries_to_yaml(list(entries)))


def raw_results(api, repo_id: str = "me/m", revision: str = "") -> list[dict]:
    """What the client gets before it drops file names, pull requests and errors."""
    path = f"/revision/{revision}" if revision else ""
    with urllib.request.urlopen(f"{api.endpoint}/api/models/{repo_id}{path}?expand=evalResults") as response:
        return json.load(response)["evalResults"]


@pytest.fixture
def bench(hub):
    """A Benchmark with two tasks."""
    return hub.create_benchmark("lab/bench", ["main", {"id": "hard", "config": "hard"}], "Bench")


def test_results_are_read_back_as_they_were_written(hub, api, bench):
    plain = EvalResultEntry("lab/bench", "hard", 7)
    hub.create_repo("me/m", files={".eval_results/bench.yaml": results(FULL, plain), "a/.eval_results/b.yaml": "x"})
    assert api.model_info("me/m", expand=["evalResults"]).eval_results == [FULL, plain]
    assert [item["filename"] for item in raw_results(api)] == [".eval_results/bench.yaml"] * 2
    assert not any(item["verified"] for item in raw_results(api))
    assert api.model_info("me/m").eval_results is None, "only when it is asked for"


def test_result_is_verified_by_its_token(hub, api, bench):
    hub.verify_tokens.add("signed")
    entry = EvalResultEntry("lab/bench", "main", 1, verify_token="signed")
    hub.create_repo("me/m", files={".eval_results/bench.yaml": results(entry)})
    assert [item["verified"] for item in raw_results(api)] == [True]


def test_results_of_open_pull_requests_are_shown_with_their_number(hub, api, bench):
    first, second = EvalResultEntry("lab/bench", "main", 1), EvalResultEntry("lab/bench", "hard", 2)
    hub.create_repo("me/m", files={".eval_results/bench.yaml": results(first)})
    pull = upload(api, ".eval_results/bench.yaml", results(first, second).encode(), create_pr=True)
    upload(api, "other.txt", create_pr=True)
    assert [(item["data"]["value"], item.get("pullRequest")) for item in raw_results(api)] == [(1, None), (2, 1)]
    assert api.model_info("me/m", expand=["evalResults"]).eval_results == [first, second]
    assert [item.get("pullRequest") for item in raw_results(api, revision="refs%2Fpr%2F1")] == [None, None]
    assert [item["data"]["value"] for item in raw_results(api, revision=hub.commits("me/m")[0].oid)] == [1]
    api.change_discussion_status("me/m", pull.pr_num, "closed")
    assert [item["data"]["value"] for item in raw_results(api)] == [1]
    api.change_discussion_status("me/m", pull.pr_num, "open")
    api.merge_pull_request("me/m", pull.pr_num)
    assert [(item["data"]["value"], item.get("pullRequest")) for item in raw_results(api)] == [(1, None), (2, None)]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("- [a", "Invalid YAML"),
        ("value: 1", "Expected a list"),
        ("", "Expected a list"),
        ("- text", "[0]: has the wrong type"),
        ("- value: 1", "[0].dataset: required"),
        ("- dataset: {id: lab/bench}\n  value: 1", "[0].dataset.task_id: required"),
        ("- dataset: {id: lab/bench, task_id: main}", "[0].value: required"),
        ("- dataset: {id: lab/bench, task_id: main}\n  value: '41.5'", "[0].value: has the wrong type"),
        ("- dataset: {id: lab/bench, task_id: main}\n  value: true", "[0].value: has the wrong type"),
        ("- dataset: {id: lab/bench, task_id: main}\n  value: .nan", "[0].value: must be finite"),
        ("- dataset: {id: lab/bench, task_id: main}\n  value: 1\n  date: soon", "[0].date: must be an ISO 8601 date"),
        ("- dataset: {id: lab/bench, task_id: main}\n  value: 1\n  source: {name: n}", "[0].source.url: required"),
        ("- dataset: {id: lab/bench, task_id: main}\n  value: 1\n  source: {url: here}", "[0].source.url: Invalid URL"),
        ("- dataset: {id: lab/bench, task_id: none}\n  value: 1", "[0].dataset.task_id: lab/bench has main, hard"),
        ("- dataset: {id: lab/none, task_id: main}\n  value: 1", "[0].dataset.id: lab/none is not a Benchmark"),
    ],
)
def test_bad_results_are_accepted_and_shown_as_errors(hub, api, bench, text, error):
    hub.create_repo("me/m", files={".eval_results/good.yaml": results(FULL)})
    upload(api, ".eval_results/bad.yaml", text.encode())
    bad, good = raw_results(api)
    assert (bad["filename"], good["filename"]) == (".eval_results/bad.yaml", ".eval_results/good.yaml")
    assert bad["error"].startswith(error)
    assert api.model_info("me/m", expand=["evalResults"]).eval_results == [FULL]


def test_date_without_quotes_is_text_too(hub, api, bench):
    text = "- dataset: {id: lab/bench, task_id: main}\n  value: 1\n  date: 2026-02-03\n"
    hub.create_repo("me/m", files={".eval_results/b.yaml": text})
    assert api.model_info("me/m", expand=["evalResults"]).eval_results[0].date == "2026-02-03"


def test_benchmarks_are_listed(hub, api, bench):
    hub.create_repo("lab/plain", "dataset")
    hub.create_repo("lab/broken", "dataset", {"eval.yaml": "tasks: ["})
    assert [found.id for found in api.list_datasets(benchmark=True)] == ["lab/bench"]
    assert [found.id for found in api.list_datasets(benchmark="official", author="nobody")] == []
    path = hf_hub_download("lab/bench", "eval.yaml", repo_type="dataset")
    data = yaml.safe_load(Path(path).read_text())
    assert (data["name"], data["evaluation_framework"]) == ("Bench", "inspect-ai")
    assert [(task["id"], task["config"], task["split"]) for task in data["tasks"]] == [
        ("main", "default", "test"),
        ("hard", "hard", "test"),
    ]


def test_leaderboard_ranks_the_models_of_the_hub(hub, api, bench):
    def model(repo_id, value, card="", task="main", **options):
        files = {".eval_results/b.yaml": results(EvalResultEntry("lab/bench", task, value)), "README.md": card or "x"}
        hub.create_repo(repo_id, files=files, **options)

    model("me/low", 10.5)
    model("lab/high", 80)
    model("lab/other", 99, task="hard")
    model("lab/tuned", 90, card="---\nbase_model: lab/high\n---\n")
    model("stranger/secret", 95, private=True)
    hub.create_repo("me/m", files={".eval_results/b.yaml": results(FULL)})
    rows = api.get_dataset_leaderboard("lab/bench")
    assert [(row.rank, row.model_id, row.value) for row in rows] == [
        (1, "lab/high", 80),
        (2, "me/m", 41.5),
        (3, "me/low", 10.5),
    ]
    assert (type(rows[0].author).__name__, rows[0].author.name) == ("Organization", "lab")
    assert (rows[1].author.username, rows[1].notes, rows[1].filename) == ("me", "With tools", ".eval_results/b.yaml")
    assert rows[1].source == {"url": "https://example.org/run", "name": "Run", "isExternal": True}
    assert (rows[2].source, rows[2].pull_request, rows[2].verified) == (None, None, False)
    assert api.get_dataset_leaderboard("lab/bench", base_model_only=False)[0].model_id == "lab/tuned"
    with urllib.request.urlopen(f"{hub.url}/api/datasets/lab/bench/leaderboard?task_id=hard") as response:
        assert [row["modelId"] for row in json.load(response)] == ["lab/other"]


def test_leaderboard_shows_results_of_pull_requests(hub, api, bench):
    hub.create_repo("me/m")
    upload(api, ".eval_results/b.yaml", results(FULL).encode(), create_pr=True)
    assert [(row.model_id, row.pull_request) for row in api.get_dataset_leaderboard("lab/bench")] == [("me/m", 1)]


def test_benchmarks_of_all_kinds(hub, api):
    """One gated, one whose eval.yaml is broken, one of which less is better, one that is not official."""
    hub.create_benchmark("lab/gated", ["main"], gated="manual")
    hub.create_repo("lab/broken", "dataset", {"eval.yaml": "tasks: ["}, official=True)
    hub.create_benchmark("lab/wer", ["wer"], lower_is_better=True)
    hub.create_benchmark("lab/draft", ["main"], official=False)
    hub.add_user("lab")
    for value, dataset, task in [(5.5, "lab/wer", "wer"), (1.5, "lab/wer", "wer"), (0.4, "lab/gated", "main")]:
        entry = EvalResultEntry(dataset, task, value)
        hub.create_repo(f"m/{value}".replace(".", "-"), files={".eval_results/b.yaml": results(entry)})
    hub.create_repo("m/d", files={".eval_results/b.yaml": results(EvalResultEntry("lab/draft", "main", 1))})
    assert {found.id for found in api.list_datasets(benchmark=True)} == {"lab/gated", "lab/broken", "lab/wer"}
    assert [(row.rank, row.value) for row in api.get_dataset_leaderboard("lab/wer")] == [(1, 1.5), (2, 5.5)]
    with pytest.raises(GatedRepoError):
        hf_hub_download("lab/gated", "eval.yaml", repo_type="dataset", token=hub.add_user("stranger"))
    assert [row.value for row in api.get_dataset_leaderboard("lab/gated")] == [0.4], "needs a login, but no access"
    with pytest.raises(GatedRepoError):
        api.get_dataset_leaderboard("lab/gated", token=False)
    for dataset_id in ("lab/broken", "lab/draft"):
        assert status_of(api.get_dataset_leaderboard, dataset_id) == 404
    assert "not a Benchmark" in raw_results(api, "m/d")[0]["error"]


def test_leaderboard_follows_what_changes(hub, api, bench):
    entry = EvalResultEntry("lab/bench", "main", 1, verify_token="signed")
    hub.create_repo("me/m", files={".eval_results/b.yaml": results(entry)})

    def rows():
        return [(row.model_id, row.value, row.verified) for row in api.get_dataset_leaderboard("lab/bench")]

    assert rows() == [("me/m", 1, False)]
    hub.verify_tokens.add("signed")
    assert rows() == [("me/m", 1, True)]
    hub.commit("me/m", {".eval_results/b.yaml": results(EvalResultEntry("lab/bench", "main", 2))})
    assert rows() == [("me/m", 2, False)]
    upload(api, ".eval_results/b.yaml", results(EvalResultEntry("lab/bench", "main", 3)).encode())
    assert rows() == [("me/m", 3, False)]
    api.delete_repo("me/m")
    assert rows() == []


def test_other_datasets_have_no_leaderboard(hub, api):
    hub.create_repo("lab/plain", "dataset")
    assert status_of(api.get_dataset_leaderboard, "lab/plain") == 404
    with pytest.raises(RepositoryNotFoundError):
        api.get_dataset_leaderboard("lab/none")


def test_examples_agree_with_the_vocabulary(hub, api):
    add_examples(hub)
    add_examples(hub)
    vocabulary = json.loads((HUB.parent.parent / "metric_mapping.json").read_text(encoding="utf-8"))
    named = [entry["hub"] for entry in vocabulary.values() if entry["hub"]]
    assert {entry["dataset_id"] for entry in named} >= {*BENCHMARKS}
    for entry in named:
        assert entry["task_id"] in BENCHMARKS.get(entry["dataset_id"], ("", [entry["task_id"]]))[1]
    assert {found.id for found in api.list_datasets(benchmark=True)} == {*BENCHMARKS}
    for dataset_id in BENCHMARKS:
        assert [row.model_id for row in api.get_dataset_leaderboard(dataset_id)] == [
            "example-lab/made-up-70b",
            "example-lab/made-up-7b",
        ]
    assert "Evaluation" in ModelCard.load("me/made-up-1b").text


# --- Discussions and pull requests ---


def test_pull_request_from_opening_to_merge(hub, api):
    hub.create_repo("me/m", files=README)
    made = upload(api, "b.txt", b"b\n", create_pr=True, commit_message="Add b", commit_description="Why")
    assert made.pr_url == f"{hub.url}/me/m/discussions/1"
    upload(api, "c.txt", revision=made.pr_revision)
    pull = api.get_discussion_details("me/m", 1)
    assert (pull.title, pull.status, pull.author, pull.target_branch) == ("Add b", "open", "me", "refs/heads/main")
    assert [event.type for event in pull.events] == ["comment", "commit", "commit"]
    assert "+++ b/b.txt\n@@ -0,0 +1 @@\n+b" in pull.diff
    assert pull.conflicting_files == []
    assert api.comment_discussion("me/m", 1, "Fine").content == "Fine"
    assert api.rename_discussion("me/m", 1, "Add b and c").new_title == "Add b and c"
    api.merge_pull_request("me/m", 1)
    assert {"b.txt", "c.txt", "README.md"} <= set(hub.files("me/m"))
    pull, head = api.get_discussion_details("me/m", 1), hub.commits("me/m")[0]
    assert (pull.status, pull.merge_commit_oid, head.title) == ("merged", head.oid, "Add b and c (#1)")
    assert status_of(api.merge_pull_request, "me/m", 1) == 400


def test_conflicting_pull_request_cannot_be_merged(hub, api):
    hub.create_repo("me/m", files={"a.txt": "1"})
    upload(api, data=b"2", create_pr=True)
    hub.commit("me/m", {"a.txt": "3"})
    assert api.get_discussion_details("me/m", 1).conflicting_files == ["a.txt"]
    assert status_of(api.merge_pull_request, "me/m", 1) == 409
    assert hub.files("me/m")["a.txt"] == b"3"


def test_drafts_and_statuses(hub, api):
    hub.create_repo("me/m")
    draft = api.create_pull_request("me/m", "Later")
    assert (draft.status, draft.git_reference) == ("draft", "refs/pr/1")
    upload(api, revision="refs/pr/1")
    assert status_of(api.merge_pull_request, "me/m", 1) == 400
    assert api.change_discussion_status("me/m", 1, "open").new_status == "open"
    api.merge_pull_request("me/m", 1)
    question = api.create_discussion("me/m", "Question")
    api.change_discussion_status("me/m", question.num, "closed", comment="Done")
    upload(api, "b.txt", create_pr=True)
    stranger = hub.add_user("stranger")
    assert status_of(api.change_discussion_status, "me/m", 3, "closed", token=stranger) == 403

    def found(**options):
        return [discussion.num for discussion in api.get_repo_discussions("me/m", **options)]

    assert found() == [3, 2, 1]
    assert found(discussion_status="open") == [3]
    assert found(discussion_status="closed") == [2, 1]
    assert found(discussion_type="pull_request") == [3, 1]
    assert found(author="stranger") == []


def test_discussions_come_in_pages(hub, api):
    hub.create_repo("me/m")
    for number in range(51):
        api.create_discussion("me/m", f"Question {number}", token=hub.token)
    upload(api, create_pr=True, token=hub.add_user("friend"))
    assert len(list(api.get_repo_discussions("me/m"))) == 52
    assert hub.count("GET", "/discussions$") == 2
    found = list(api.get_repo_discussions("me/m", discussion_type="pull_request", discussion_status="open"))
    assert [(pull.num, pull.author, pull.is_pull_request, pull.url) for pull in found] == [
        (52, "friend", True, f"{hub.url}/me/m/discussions/52")
    ]
    assert abs(found[0].created_at.timestamp() - time.time()) < 600
    assert hub.count("GET", "/discussions$") == 3


def test_diff_of_a_pull_request_is_gits(hub, api):
    """Line ends, a missing last one and binary files are told as git tells them, so that a reader can count on it."""
    old = {"a.txt": "1\r\n2\x0c\n3", "gone.txt": "x\n", "w.safetensors": b"1"}
    hub.create_repo("me/m", files=old)
    upload(api, data=b"1\n2\x0c\n3", create_pr=True)
    for path in ("new dir/b.md", "bytes.txt", "w.safetensors"):
        upload(api, path, b"\0" if path == "bytes.txt" else b"2", revision="refs/pr/1")
    api.delete_file("gone.txt", "me/m", revision="refs/pr/1")
    diff = api.get_discussion_details("me/m", 1).diff
    assert [line.split(" b/")[1] for line in diff.split("\n") if line.startswith("diff --git ")] == [
        "a.txt",
        "bytes.txt",
        "gone.txt",
        "new dir/b.md",
        "w.safetensors",
    ]
    assert "--- a/a.txt\n+++ b/a.txt\n@@ -1,3 +1,3 @@\n-1\r\n+1\n 2\x0c\n 3\n\\ No newline at end of file\n" in diff
    assert "--- /dev/null\n+++ b/new dir/b.md\n@@ -0,0 +1 @@\n+2\n\\ No newline at end of file\n" in diff
    assert "deleted file mode 100644\n" in diff
    assert "+++ /dev/null\n@@ -1 +0,0 @@\n-x\n" in diff
    assert "+oid sha256:" in diff
    with urllib.request.urlopen(f"{hub.url}/api/models/me/m/discussions/1") as response:
        assert "diff" not in json.load(response)


def test_stale_parent_commit_of_a_pull_request_is_412(hub, api):
    hub.create_repo("me/m")
    pull = upload(api, create_pr=True)
    upload(api, "b.txt", revision="refs/pr/1", parent_commit=pull.oid)
    assert status_of(upload, api, "c.txt", revision="refs/pr/1", parent_commit=pull.oid) == 412
    assert set(hub.files("me/m", "refs/pr/1")) == {".gitattributes", "a.txt", "b.txt"}


def test_pull_requests_of_others(hub, api):
    hub.create_repo("lab/m", files=README)
    for number, status in enumerate(("closed", "merged", ""), 1):
        assert hub.open_pull_request("lab/m", {f"{number}.txt": "x"}, f"Add {number}", user="friend") == number
        hub.change_pull_request("lab/m", number, status, comment=f"Said {number}")
    hub.change_pull_request("lab/m", 3, title="Add three")
    hub.open_pull_request("lab/m", {"4.txt": "x"}, draft=True)
    pulls = {pull.num: pull for pull in api.get_repo_discussions("lab/m")}
    assert [pulls[num].status for num in (1, 2, 3, 4)] == ["closed", "merged", "open", "draft"]
    assert (pulls[3].title, pulls[3].author, pulls[4].author) == ("Add three", "friend", "me")
    assert "2.txt" in hub.files("lab/m")
    events = api.get_discussion_details("lab/m", 1).events
    assert [(event.type, event.author) for event in events] == [
        ("comment", "friend"),
        ("commit", "friend"),
        ("comment", "lab"),
        ("status-change", "lab"),
    ]
    assert events[2].content == "Said 1"
    hub.create_repo("lab/d", "dataset")
    hub.open_pull_request("lab/d", {"data/a.json": "{}"}, repo_type="dataset", user="friend")
    add = CommitOperationAdd("b.txt", b"x")
    api.create_commit("lab/d", [add], commit_message="Add b", repo_type="dataset", create_pr=True)
    found = list(api.get_repo_discussions("lab/d", repo_type="dataset", discussion_type="pull_request"))
    assert [(pull.num, pull.author, pull.status) for pull in found] == [(2, "me", "open"), (1, "friend", "open")]
    api.comment_discussion("lab/d", 1, "Fine", repo_type="dataset")
    api.merge_pull_request("lab/d", 1, repo_type="dataset", token=hub.add_user("lab"))
    assert "data/a.json" in hub.files("lab/d", repo_type="dataset")


# --- What stands in the way of a commit ---


def test_files_that_gitignore_names_are_left_out(hub, api):
    """By the client, and without a word, unless an explicit list of rules goes with the preupload."""
    hub.create_repo("me/m", files={".gitignore": "*.safetensors\n/out/\n"})
    operations = [CommitOperationAdd(path, b"w") for path in ("a.txt", "w.safetensors", "out/b.txt", "in/out/b.txt")]
    api.create_commit("me/m", operations, commit_message="Add")
    assert set(hub.files("me/m")) == {".gitattributes", ".gitignore", "a.txt", "in/out/b.txt"}
    only = [CommitOperationAdd("v.safetensors", b"v")]
    assert api.create_commit("me/m", only, commit_message="Add", create_pr=True).pr_num == 1
    assert set(hub.files("me/m", "refs/pr/1")) == set(hub.files("me/m")), "an empty pull request"
    again = [CommitOperationAdd("w.safetensors", b"w")]
    api.preupload_lfs_files("me/m", again, gitignore_content="", free_memory=False)
    api.create_commit("me/m", again, commit_message="Add")
    assert hub.files("me/m")["w.safetensors"] == b"w"


RULES = [
    "*.log",
    "/a",
    "b/",
    "a/b",
    "**/c",
    "d/**",
    "!keep.log",
    "a/*.log",
    "[ab].x",
    "x?",
    "\\!y",
    "# no",
    "e ",
    "*/f",
]


@pytest.mark.skipif(not shutil.which("git"), reason="needs git")
def test_gitignore_is_read_as_git_reads_it(tmp_path):
    draw = random.Random(1)
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    names = ["a", "b", "c", "d", "e", "f", "keep.log", "z.log", "a.x", "xy", "!y", "x"]
    paths = sorted({"/".join(draw.choices(names, k=draw.randint(1, 4))) for _ in range(400)})
    seen = 0
    for _ in range(40):
        rules = "\n".join(draw.sample(RULES, draw.randint(1, 5)))
        (tmp_path / ".gitignore").write_text(rules)
        asked = subprocess.run(
            ["git", "-C", tmp_path, "check-ignore", "--no-index", "--stdin"],
            input="\n".join(paths),
            capture_output=True,
            text=True,
            check=False,
        )
        found = [path for path in paths if ignored(path, rules)]
        assert found == asked.stdout.splitlines(), rules
        seen += len(found)
    assert seen > 1000


def test_renamed_repo_is_redirected(hub, api):
    hub.create_repo("me/old", files=README)
    hub.rename("me/old", "me/new")
    assert api.model_info("me/old").id == "me/new"
    assert Path(hf_hub_download("me/old", "README.md")).read_text() == CARD
    made = api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id="me/old", create_pr=True)
    assert made.pr_num == 1
    assert [pull.num for pull in api.get_repo_discussions("me/old")] == [1]
    assert [request.status for request in hub.requests if "/commit/" in request.path] == [307, 200]
    api.create_repo("me/old")
    assert api.model_info("me/old").id == "me/old"


@pytest.mark.parametrize(
    ("option", "readable", "message"),
    [
        ("archived", True, "archived"),
        ("disabled", False, "disabled"),
        ("discussions_off", True, "Discussions are disabled"),
    ],
)
def test_repos_that_take_no_pull_request(hub, api, option, readable, message):
    hub.create_repo("lab/m", files=README, **{option: True})
    with pytest.raises(HfHubHTTPError, match=message):
        api.upload_file(path_or_fileobj=b"x", path_in_repo="a.txt", repo_id="lab/m", create_pr=True)
    assert api.model_info("lab/m").disabled is (option == "disabled")
    if readable:
        assert Path(hf_hub_download("lab/m", "README.md")).read_text() == CARD
    else:
        with pytest.raises(DisabledRepoError):
            api.auth_check("lab/m")
    assert hub.pull_requests("lab/m") == []


def test_license_that_the_hub_does_not_know(hub, api):
    hub.create_repo("me/m", files={"README.md": "---\nlicense: my-own-license\n---\n"})
    with pytest.raises(ValueError, match='"license" must be one of'):
        metadata_update("me/m", {"tags": ["x"]})
    metadata_update("me/m", {"license": ["mit", "other"]}, overwrite=True)


# --- Listings ---


def test_lists_are_filtered_sorted_and_paged(hub, api):
    for number in range(5):
        hub.create_repo(f"me/m{number}", files=README)
    hub.create_repo("me-org/other", "dataset")
    hub.commit("me/m3", {"b.txt": "last"})
    assert len(list(api.list_models())) == 5
    newest = next(iter(api.list_models(author="me", sort="last_modified", limit=1)))
    assert newest.id == "me/m3"
    hub.requests.clear()
    assert len(list(api.list_models(filter="license:mit", limit=4))) == 4
    pages = list(_pages(f"{hub.url}/api/models?limit=2"))
    assert [len(page) for page in pages] == [2, 2, 1]
    assert [dataset.id for dataset in api.list_datasets()] == ["me-org/other"]


def test_trending_models(hub, api):
    for number, task in enumerate(("text-generation", "fill-mask", "text-generation", "text-generation")):
        hub.create_repo(f"lab/m{number}", files={"README.md": f"---\npipeline_tag: {task}\n---\n"}, trending=number)
    hub.repo("lab/m0").trending = 9.5
    found = list(api.list_models(sort="trending_score", pipeline_tag="text-generation", limit=2))
    assert [(model.id, model.trending_score, model.pipeline_tag) for model in found] == [
        ("lab/m0", 9.5, "text-generation"),
        ("lab/m3", 3, "text-generation"),
    ]
    assert hub.count("GET", "/api/models") == 1
    assert [model.id for model in api.list_models(filter="fill-mask")] == ["lab/m1"]


def test_lists_tell_what_is_asked_for(hub, api, bench):
    hub.create_repo("me/m", files={**README, ".eval_results/b.yaml": results(FULL)}, gated="auto")
    plain = next(iter(api.list_models()))
    assert (plain.private, plain.tags, plain.author, plain.sha, plain.siblings, plain.card_data) == (
        False,
        ["eval", "license:mit"],
        *(None,) * 4,
    )
    full = next(iter(api.list_models(full=True, cardData=True)))
    assert (full.author, full.sha, full.card_data.license) == ("me", hub.commits("me/m")[0].oid, "mit")
    assert "README.md" in {sibling.rfilename for sibling in full.siblings}
    some = next(iter(api.list_models(expand=["sha", "cardData", "evalResults"])))
    assert (some.sha, some.card_data.license, some.eval_results, some.tags) == (full.sha, "mit", [FULL], None)
    assert status_of(api.model_info, "me/m", expand=["everything"]) == 400
    assert status_of(api.dataset_info, "lab/bench", expand=["evalResults"]) == 400
    assert [model.id for model in api.list_models(gated=True)] == ["me/m"]
    assert [model.id for model in api.list_models(gated=False)] == []
    info = api.dataset_info("lab/bench", expand=["sha", "tags"])
    assert (info.sha, info.tags) == (hub.commits("lab/bench", repo_type="dataset")[0].oid, ["benchmark:official"])


def test_metadata_that_json_does_not_have(hub, api):
    hub.create_repo("me/m", files={"README.md": "---\nday: 2026-02-03\n2026-02-03: day\n---\n"})
    with urllib.request.urlopen(f"{hub.url}/api/models/me/m?expand=cardData") as response:
        assert json.load(response)["cardData"] == {"day": "2026-02-03"}


def test_model_index_is_expanded(hub, api):
    dataset, metric = {"type": "a/b", "name": "B"}, {"type": "accuracy", "value": 0.5}
    index = [{"name": "m", "results": [{"task": {"type": "t"}, "dataset": dataset, "metrics": [metric]}]}]
    hub.create_repo("me/m", files={"README.md": f"---\n{yaml.safe_dump({'model-index': index})}---\n"})
    info = api.model_info("me/m", expand=["model-index", "cardData"])
    assert info.model_index == index
    assert info.card_data.eval_results[0].metric_value == 0.5


def _pages(url: str):
    while url:
        with urllib.request.urlopen(url) as response:
            yield json.load(response)
            url = response.headers.get("Link", "").partition(">")[0].lstrip("<")


# --- Rates, latency and the log ---


def test_writes_are_told_from_reads(hub, api):
    assert hub.writes() == []
    api.create_repo("me/m")
    api.whoami()
    upload(api, "README.md", CARD.encode(), create_pr=True)
    list(api.get_paths_info("me/m", ["a.txt"]))
    api.comment_discussion("me/m", 1, "Fine")
    assert [(write.method, write.path, write.status) for write in hub.writes()] == [
        ("POST", "/api/repos/create", 200),
        ("POST", "/api/models/me/m/commit/main", 200),
        ("POST", "/api/models/me/m/discussions/1/comment", 200),
    ]
    assert status_of(upload, api, "b.txt", token=hub.read_token) == 403
    assert len(hub.writes()) == 3
    times = [request.at for request in hub.requests]
    assert times == sorted(times)
    assert abs(times[-1] - time.time()) < 600


def test_rates_are_limited_for_each_caller(hub, api):
    clock = [1000.0]
    hub.clock = lambda: clock[0]
    hub.create_repo("me/m", files=README)
    hub.limit_rate(api=2, resolvers=10, window=300)
    assert [api.model_info("me/m").id for _ in range(2)] == ["me/m"] * 2
    clock[0] += 100.5
    with pytest.raises(HfHubHTTPError, match="Retry after 200 seconds") as caught:
        api.model_info("me/m")
    headers = caught.value.response.headers
    told = parse_ratelimit_headers(headers)
    assert (told.resource_type, told.remaining, told.reset_in_seconds, told.limit, told.window_seconds) == (
        "api",
        0,
        200,
        2,
        300,
    )
    assert (caught.value.response.status_code, headers["Retry-After"]) == (429, "200")
    assert api.model_info("me/m", token=hub.read_token).id == "me/m", "another token has a budget of its own"
    assert Path(hf_hub_download("me/m", "README.md")).exists(), "and so have downloads"
    clock[0] += 200
    assert api.model_info("me/m").id == "me/m"


def test_rate_of_one_token(hub, api):
    hub.create_repo("me/m")
    hub.limit_rate(api=0, token=hub.read_token)
    assert status_of(api.model_info, "me/m", token=hub.read_token) == 429
    assert api.model_info("me/m").id == "me/m"
    hub.limit_rate(token=hub.read_token)
    assert api.model_info("me/m", token=hub.read_token).id == "me/m"


def test_listing_waits_until_the_window_is_over(hub, api, monkeypatch):
    clock, slept = [0.0], []
    hub.clock = lambda: clock[0]
    hub.limit_rate(api=1, window=60)

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=sleep))
    hub.create_repo("me/m")
    assert len([*api.list_models(), *api.list_models()]) == 2
    assert slept == [61]
    assert [request.status for request in hub.requests] == [200, 429, 200]


def test_requests_wait_side_by_side(hub, api):
    """Each is held until all eight are there, which never happens where one waits for another."""
    repo_ids = make_models(hub, 8)
    hub.fault("GET", "/api/models/lab/", times=8, before=threading.Barrier(8, timeout=30).wait)
    threads = [threading.Thread(target=api.model_info, args=(repo_id,)) for repo_id in repo_ids]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (hub.most_in_flight, hub.in_flight) == (8, 0)
    assert [request.status for request in hub.requests] == [200] * 8


def test_latency(hub, api):
    hub.create_repo("me/m")
    hub.latency = 0.5
    with pytest.raises(TransportError):
        api.model_info("me/m", timeout=0.1)
    assert api.model_info("me/m", timeout=5).id == "me/m"


def test_models_for_a_batch_have_a_table_each(hub, api):
    repo_ids = make_models(hub, 3)
    assert [model.id for model in api.list_models(sort="trending_score")] == repo_ids
    assert "| GSM8K (5-shot) | 31.0 |" in ModelCard.load(repo_ids[2]).text
    assert {found.id for found in api.list_datasets(benchmark=True)} == {*BENCHMARKS}


# --- Artificial Analysis ---


@pytest.fixture
def aa():
    with ArtificialAnalysis() as aa:
        yield aa
    assert aa.errors == []


def models(aa, key: str | None = "", timeout: float = 10) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of the models endpoint; `key` None sends none."""
    headers = {} if key is None else {"x-api-key": key or aa.key}
    request = urllib.request.Request(f"{aa.url}/api/v2/data/llms/models", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_artificial_analysis_answers_with_made_up_models(aa):
    status, headers, body = models(aa)
    answer = json.loads(body)
    assert (status, headers["Content-Type"], answer["status"]) == (200, "application/json", 200)
    assert len(answer["data"]) == 12
    assert len({model["model_creator"]["slug"] for model in answer["data"]}) == 4
    vocabulary = json.loads((HUB.parent.parent / "metric_mapping.json").read_text(encoding="utf-8"))
    fields = {entry["artificial_analysis"] for entry in vocabulary.values()} - {None}
    values = [value for model in answer["data"] for value in model["evaluations"].values()]
    assert all({*model["evaluations"]} >= fields for model in answer["data"])
    assert None in values
    assert 0 in values
    assert (aa.count("GET", "/models$"), aa.writes()) == (1, [])


@pytest.mark.parametrize("key", [None, "wrong"])
def test_artificial_analysis_needs_its_key(aa, key):
    status, _, body = models(aa, key)
    assert (status, "API key" in json.loads(body)["error"]) == (401, True)
    assert aa.key not in str(aa.requests)


def test_artificial_analysis_fails_on_demand(aa):
    aa.fault("GET", "/models", status=429, headers={"Retry-After": "7"})
    aa.fault("GET", "/models", nth=2, status=503)
    aa.fault("GET", "/models", nth=3, status=200, body=b"<html>Sorry</html>")
    aa.fault("GET", "/models", nth=4, drop="download")
    aa.fault("GET", "/models", nth=5, delay=0.3)
    status, headers, _ = models(aa)
    assert (status, headers["Retry-After"]) == (429, "7")
    assert models(aa)[0] == 503
    assert models(aa)[::2] == (200, b"<html>Sorry</html>")
    with pytest.raises(http.client.IncompleteRead):
        models(aa)
    with pytest.raises(TimeoutError):
        models(aa, timeout=0.1)
    assert models(aa)[0] == 200
    assert aa.count() == 6


# --- Faults ---


def test_rate_limited_read_is_repeated(hub, api, waits):
    hub.create_repo("me/m", files=README)
    hub.fault("GET", "/tree/", status=429, headers={"Retry-After": "2"})
    hub.fault("GET", "/tree/", nth=2, status=429, headers={"RateLimit": '"api";r=0;t=7'})
    assert [entry.path for entry in api.list_repo_tree("me/m")] == [".gitattributes", "README.md"]
    assert (hub.count("GET", "/tree/"), waits) == (3, [3.0, 8.0])


def test_failing_commit_is_not_repeated(hub, api, waits):
    hub.create_repo("me/m")
    fault = hub.fault("POST", "/commit/", status=503, message="Try later")
    with pytest.raises(HfHubHTTPError, match="Try later"):
        upload(api)
    assert (fault.seen, len(hub.commits("me/m"))) == (1, 1)


def test_answer_to_a_commit_is_lost(hub, api):
    hub.create_repo("me/m")
    hub.fault("POST", "/commit/", drop="answer")
    with pytest.raises(TransportError):
        upload(api)
    assert hub.files("me/m")["a.txt"] == b"text"


def test_error_code_chooses_the_exception(hub, api):
    hub.create_repo("me/m")
    hub.fault("GET", "/api/models/me/m", status=403, code="GatedRepo")
    with pytest.raises(GatedRepoError):
        api.model_info("me/m")


def test_upload_goes_on_after_a_lost_connection(hub, api, waits):
    hub.create_repo("me/m")
    hub.fault("PUT", "/lfs/", drop="upload")
    upload(api, "w.bin", LARGE)
    assert hub.files("me/m")["w.bin"] == LARGE
    assert (hub.count("PUT"), len(waits)) == (2, 1)


@pytest.mark.parametrize("damage", ["cut", "flip"])
def test_damaged_upload_is_noticed(hub, api, damage):
    hub.create_repo("me/m")
    fault = hub.fault("PUT", "/lfs/", corrupt=damage)
    with pytest.raises(RuntimeError, match=r"Error while uploading 'w.bin'"):
        upload(api, "w.bin", LARGE)
    assert (fault.seen, hub.count("POST", "/commit/")) == (1, 0)
    upload(api, "w.bin", LARGE)


def test_download_is_resumed_where_it_broke(hub, monkeypatch):
    hub.create_repo("me/m", files={"w.bin": LARGE})
    hub.fault("GET", "/lfs/", drop="download")
    monkeypatch.setattr("huggingface_hub.file_download.time", SimpleNamespace(sleep=lambda seconds: None))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 1024 * 1024)  # what is lost of a broken chunk is read again
    assert Path(hf_hub_download("me/m", "w.bin")).read_bytes() == LARGE
    assert [request.status for request in hub.requests if request.origin == "cdn"] == [200, 206]


@pytest.mark.parametrize(("wanted", "got"), [("2-3", b"23"), ("7-", b"789"), ("-2", b"89"), ("0-99", b"0123456789")])
def test_ranges(hub, wanted, got):
    hub.create_repo("me/m", files={"a.txt": "0123456789"})
    url = f"{hub.url}/me/m/resolve/main/a.txt"
    with urllib.request.urlopen(urllib.request.Request(url, headers={"Range": f"bytes={wanted}"})) as response:
        assert (response.status, response.read()) == (206, got)
    with pytest.raises(urllib.error.HTTPError, match="416"):
        urllib.request.urlopen(urllib.request.Request(url, headers={"Range": "bytes=10-"}))


def test_raw_file_needs_one_request(hub):
    hub.create_repo("me/m", files={**README, "w.safetensors": b"w"})
    with urllib.request.urlopen(f"{hub.url}/me/m/raw/main/README.md") as response:
        assert (response.read().decode(), response.headers["X-Repo-Commit"]) == (CARD, hub.commits("me/m")[0].oid)
    with urllib.request.urlopen(f"{hub.url}/me/m/raw/main/w.safetensors") as response:
        assert response.read().startswith(b"version https://git-lfs.github.com/spec/v1\noid sha256:")
    assert hub.count() == 2


def test_delay(hub, api):
    hub.create_repo("me/m")
    hub.fault("GET", "/api/models/me/m", delay=0.3)
    with pytest.raises(TransportError):
        api.model_info("me/m", timeout=0.1)
    assert api.model_info("me/m", timeout=5).id == "me/m"


@pytest.mark.parametrize(
    "how", [{"status": 429}, {"status": 503}, {"status": 504, "body": b"<html>"}, {"drop": "answer"}]
)
def test_commit_is_carried_out_although_its_answer_says_no(hub, api, waits, how):
    hub.create_repo("me/m")
    hub.fault("POST", "/commit/", executed=True, **how)
    with pytest.raises((HfHubHTTPError, TransportError)):
        upload(api, create_pr=True)
    assert [pull.title for pull in hub.pull_requests("me/m")] == ["Upload a.txt with huggingface_hub"]
    assert hub.files("me/m", "refs/pr/1")["a.txt"] == b"text"


@pytest.mark.parametrize("form", WRONG_FORMS)
@pytest.mark.parametrize("executed", [False, True])
def test_answers_of_a_wrong_form(hub, api, form, executed):
    hub.create_repo("me/m")
    hub.wrong("POST", "/commit/", form, executed=executed)
    with pytest.raises((KeyError, ValueError, TypeError, AttributeError)):
        upload(api)
    assert ("a.txt" in hub.files("me/m")) == executed
    kind, body = WRONG_FORMS[form]
    hub.wrong("GET", "/api/models/me/m$", form)
    with urllib.request.urlopen(f"{hub.url}/api/models/me/m") as response:
        assert (response.status, response.headers["Content-Type"], response.read()) == (200, kind, body)


def test_wrong_form_of_a_download_keeps_its_headers(hub, api):
    """What a client believes that compares neither the id of the blob nor its size."""
    hub.create_repo("me/m", files=README)
    hub.fault("GET", "/resolve-cache/", body=b"", times=2)
    hub.fault("HEAD", "/resolve-cache/", body=b"")
    assert Path(hf_hub_download("me/m", "README.md")).read_bytes() == b""
    with urllib.request.urlopen(f"{hub.url}/me/m/resolve/main/README.md") as response:
        blob = hashlib.sha1(b"blob %d\0" % len(CARD) + CARD.encode()).hexdigest()
        assert (response.headers["ETag"], response.read()) == (f'"{blob}"', b"")


def test_rule_decides_for_each_request(hub, api):
    hub.create_repo("me/m")
    hub.rule = lambda method, target: Fault("", "", status=500) if "/me/m" in target and method == "GET" else None
    hub.fault("GET", "/api/models/me/m", status=418)
    assert status_of(api.model_info, "me/m") == 418, "a fault comes before the rule"
    assert status_of(api.model_info, "me/m") == 500
    assert api.whoami()["name"] == "me"
    hub.rule = None
    assert api.model_info("me/m").id == "me/m"


def test_somebody_commits_after_the_commit(hub, api):
    hub.create_repo("me/m")
    hub.fault("POST", "/commit/", after=lambda: hub.commit("me/m", {"a.txt": "theirs"}, user="stranger"))
    mine = upload(api)
    assert [commit.author for commit in hub.commits("me/m")] == ["stranger", "me", "me"]
    assert hub.commits("me/m")[1].oid == mine.oid
    assert Path(hf_hub_download("me/m", "a.txt")).read_text() == "theirs"
    assert Path(hf_hub_download("me/m", "a.txt", revision=mine.oid)).read_text() == "text"


# --- Safety ---


def test_token_reaches_the_hub_but_never_the_cdn(hub, api):
    hub.create_repo("me/m", private=True, files={"w.bin": b"w", "a.txt": "a"})
    for name in ("w.bin", "a.txt"):
        hf_hub_download("me/m", name)
    upload(api, "v.bin", b"v")
    by_origin = {request.origin: set() for request in hub.requests}
    for request in hub.requests:
        by_origin[request.origin].add(request.authorized)
    assert by_origin == {"hub": {True}, "cdn": {False}}
    assert hub.token not in str(hub.requests)


def test_cdn_refuses_a_leaked_token(hub):
    request = urllib.request.Request(f"{hub.cdn_url}/lfs/{'0' * 64}", headers={"Authorization": f"Bearer {hub.token}"})
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)
    hub.requests.clear()


def test_pages_are_text(hub, api):
    hub.create_repo("me/m", files=README)
    pull = upload(api, "b.txt", b"<b>", create_pr=True)
    for url in (f"{hub.url}/me/m", str(pull), pull.pr_url):
        with urllib.request.urlopen(url) as response:
            page = response.read().decode()
            assert response.headers["Content-Security-Policy"] == "default-src 'none'"
        assert "me/m" in page
        assert "<script" not in page
        assert "<b>" not in page
    assert "# A &lt;script&gt;model" in urllib.request.urlopen(f"{hub.url}/me/m").read().decode()


def test_only_the_loopback_address_is_served(hub):
    assert {server.server_address[0] for server in hub.servers} == {"127.0.0.1"}
    rebound = urllib.request.Request(f"{hub.url}/me/m", headers={"Host": "evil.example"})
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(rebound)


@pytest.mark.parametrize("path", ["../x", "a/../../x", ".git/config", "a//b"])
def test_paths_stay_in_the_repo(hub, path):
    hub.create_repo("me/m")
    body = b'{"key": "header", "value": {"summary": "s"}}\n{"key": "file", "value": {"path": "%s", "content": ""}}\n'
    headers = {"Authorization": f"Bearer {hub.token}"}
    url = f"{hub.url}/api/models/me/m/commit/main"
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(urllib.request.Request(url, body % path.encode(), headers))
    assert len(hub.commits("me/m")) == 1


# --- Lifetime ---


def test_state_is_kept_in_a_folder(tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    with LocalHub(folder=tmp_path / "state") as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        api.create_repo("me/m")
        upload(api, "w.bin", b"w", create_pr=True)
        token, commits = hub.token, hub.commits("me/m", "refs/pr/1")
    with LocalHub(folder=tmp_path / "state") as hub:
        assert (hub.token, hub.commits("me/m", "refs/pr/1")) == (token, commits)
        HfApi(endpoint=hub.url, token=token).merge_pull_request("me/m", 1)
        assert hub.files("me/m")["w.bin"] == b"w"


def test_hubs_do_not_share_anything(hub):
    with LocalHub() as other:
        other.create_repo("me/m")
        assert HfApi(endpoint=other.url, token=other.token).repo_exists("me/m")
        assert not HfApi().repo_exists("me/m")
        assert other.url != hub.url
        assert other.token != hub.token


def test_many_clients_at_once(hub, api):
    hub.create_repo("me/m")
    threads = [threading.Thread(target=upload, args=(api, f"{number}.txt")) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(hub.files("me/m")) == 17
    assert len(hub.commits("me/m")) == 17


PUSH = """
from huggingface_hub import HfApi, create_repo, hf_hub_download, upload_file
create_repo("me/m")
upload_file(path_or_fileobj=b"pushed", path_in_repo="w.bin", repo_id="me/m")
print(open(hf_hub_download("me/m", "w.bin")).read(), HfApi().whoami()["name"])
print(len(HfApi().get_dataset_leaderboard("openai/gsm8k")))
from os import environ
from urllib.request import Request, urlopen
models = Request(environ["AA_API_BASE"] + "/api/v2/data/llms/models", headers={"x-api-key": environ["AA_API_KEY"]})
print(urlopen(models).status)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_script_prints_what_a_client_needs_and_stops_cleanly(number):
    command = [sys.executable, str(HUB), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [server.stdout.readline().strip() for _ in range(8)]
    assert all(line.startswith("export ") for line in lines)
    if number == signal.SIGINT:
        plain = {"PATH": os.environ["PATH"]}
        script = "\n".join([*lines, f"exec {sys.executable} -c '{PUSH}'"])
        done = subprocess.run(["sh", "-c", script], env=plain, capture_output=True, text=True, check=False)
        assert done.stdout == "pushed me\n2\n200\n", done.stderr
    server.send_signal(number)
    rest, told = server.communicate(timeout=10)
    assert (server.returncode, rest) == (0, "")
    assert told.endswith("stopped\n")
    assert "Traceback" not in told


def test_script_says_that_the_port_is_taken(hub):
    command = [sys.executable, str(HUB), "--port", hub.url.rpartition(":")[2]]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: cannot start on port")


if __name__ == "__main__":
    raise SystemExit(pytest.main([__file__, *sys.argv[1:]]))


def test_a_name_in_other_letters_or_without_its_owner_is_redirected(hub, api, tmp_path):
    hub.create_repo("openai-community/gpt2", files={"config.json": "{}"})
    hub.rename("gpt2", "openai-community/gpt2")
    for name in ("gpt2", "OpenAI-Community/GPT2"):
        assert api.model_info(name, revision="main").id == "openai-community/gpt2"
        path = api.hf_hub_download(name, "config.json", cache_dir=tmp_path)
        assert Path(path).read_text() == "{}"


def test_tags_and_long_lists_of_files(hub, api):
    hub.create_repo("me/many", files={f"logs/{number}.txt": "x" for number in range(120)})
    api.create_tag("me/many", tag="v1.0/step100")
    assert [tag.name for tag in api.list_repo_refs("me/many").tags] == ["v1.0/step100"]
    listed = list(api.list_repo_tree("me/many", "logs", expand=True, revision="v1.0/step100"))
    assert len(listed) == 120 and hub.count("GET", "/tree/") == 3
