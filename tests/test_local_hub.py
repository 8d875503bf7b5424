# /// script
# requires-python = ">=3.11"
# dependencies = ["huggingface_hub>=2.2,<3", "pytest>=8,<10", "pyyaml>=6,<7"]
# ///
"""local_hub.py against the real client: `uv run tests/test_local_hub.py`, or as part of the suite."""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from local_hub import LocalHub, local_hub

pytest.importorskip("huggingface_hub", minversion="2.2")
from huggingface_hub import (
    HfApi,
    ModelCard,
    constants,
    hf_hub_download,
    metadata_update,
    snapshot_download,
    upload_folder,
)
from huggingface_hub.errors import (
    EntryNotFoundError,
    GatedRepoError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)
from huggingface_hub.utils import _http, disable_progress_bars

disable_progress_bars()
TransportError = _http.httpx2.TransportError  # not an OSError, unlike the client's own errors
HUB = Path(__file__).with_name("local_hub.py")
LARGE = random.Random(0).randbytes(10 * 1024 * 1024 + 1)  # one byte too many for git
CARD = "---\nlicense: mit\ntags:\n- eval\n---\n# A <script>model</script>\n"
README = {"README.md": CARD}


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
    assert len(list(api.get_repo_discussions("me/m"))) == 51
    assert hub.count("GET", "/discussions$") == 2


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


def _pages(url: str):
    while url:
        with urllib.request.urlopen(url) as response:
            yield json.load(response)
            url = response.headers.get("Link", "").partition(">")[0].lstrip("<")


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


def test_delay(hub, api):
    hub.create_repo("me/m")
    hub.fault("GET", "/api/models/me/m", delay=0.3)
    with pytest.raises(TransportError):
        api.model_info("me/m", timeout=0.1)
    assert api.model_info("me/m", timeout=5).id == "me/m"


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
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_script_prints_what_a_client_needs_and_stops_cleanly(number):
    command = [sys.executable, str(HUB), "--port", "0"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    lines = [server.stdout.readline().strip() for _ in range(6)]
    assert all(line.startswith("export ") for line in lines)
    if number == signal.SIGINT:
        plain = {"PATH": os.environ["PATH"]}
        script = "\n".join([*lines, f"exec {sys.executable} -c '{PUSH}'"])
        done = subprocess.run(["sh", "-c", script], env=plain, capture_output=True, text=True, check=False)
        assert done.stdout == "pushed me\n", done.stderr
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
