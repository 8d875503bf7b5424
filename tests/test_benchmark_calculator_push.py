"""benchmark_calculator.py: pushing the prepared folder to a Hub on this machine, with faults."""

from __future__ import annotations

import json
import os
from pathlib import Path
from types import SimpleNamespace

import benchmark_calculator as bc
import pytest
from huggingface_hub import constants
from huggingface_hub.utils import _http
from test_benchmark_calculator import add_record, call, make_run, tree

LARGE = bytes(range(256)) * 50_000  # over 10 MiB: goes through LFS whatever its name
STAYS = "stays: run the same command again to go on"


@pytest.fixture
def run(tmp_path):
    run = make_run(tmp_path / "run", "step_1", "step_2")
    add_record(run, "step_1", "gsm8k", 0.4)
    add_record(run, "step_2", "gsm8k", 0.9)
    (tmp_path / "card.md").write_text("---\nlicense: mit\n---\nGSM8K {RESULT:gsm8k}\n")
    return run


@pytest.fixture(autouse=True)
def at_home(tmp_path, monkeypatch, hub):
    """The current folder has no .env; the client's waits between retries take no time."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_http, "time", SimpleNamespace(sleep=lambda seconds: None))


def push(capsys, run: Path, *more, to: str = "me/m", answer: bool = True) -> tuple[int, dict, str]:
    out, card = run.parent / "out", run.parent / "card.md"
    code, text, err = call(capsys, run, "--prepare", out, "--card", card, "--push", to, *more, "--json", "--full")
    assert bool(text) == (code != 2)
    return code, (json.loads(text).get("pushed") if text else None), err


def fails(capsys, run: Path, *more, to: str = "me/m", code: int = 2) -> str:
    got, _, err = push(capsys, run, *more, to=to)
    assert got == code
    assert err.count("error: ") == 1
    assert "Traceback" not in err
    return err.splitlines()[-1]


def sent(hub) -> list[str]:
    """Requests that would change something on the Hub."""
    return [f"{r.method} {r.path}" for r in hub.requests if r.method not in ("GET", "HEAD")]


FILES = {"README.md": b"---\nlicense: mit\n---\nGSM8K 0.900\n", "config.json": b"{}", "model.safetensors": b"step_2"}


def test_a_new_repo_in_one_commit(run, hub, capsys):
    code, pushed, err = push(capsys, run)
    assert code == 0
    assert {k: v for k, v in hub.files("me/m").items() if k != ".gitattributes"} == FILES
    commits = hub.commits("me/m")
    assert [c.title for c in commits] == [
        "Add checkpoint step_2 (eval_accuracy 0.900, score_source: measured)",
        "initial commit",
    ]
    assert pushed["commit"] == commits[0].oid
    assert pushed["new"] == sorted(FILES)
    assert "all 3 hashes agree" in err
    assert hub.repo("me/m").private and pushed["repo"] == "new, private"
    assert hub.token not in err + json.dumps(pushed)


def test_a_second_run_sends_nothing(run, hub, capsys):
    push(capsys, run)
    before = sent(hub)
    code, pushed, err = push(capsys, run)
    assert (code, pushed["commit"], sent(hub)) == (0, None, before)
    assert "me/m has all 3 files already; nothing was sent" in err


def test_private_and_public(run, hub, capsys):
    assert push(capsys, run, "--private", to="me/secret")[0] == 0
    assert hub.repo("me/secret").private
    assert push(capsys, run, "--private", to="me/secret")[0] == 0
    hub.create_repo("me/open")
    assert "me/open exists and is public" in fails(capsys, run, "--private", to="me/open")
    assert len(hub.commits("me/open")) == 1
    code, pushed, err = push(capsys, run, "--dry-run", to="me/seen")
    assert (code, pushed["repo"]) == (0, "new, private") and "(new, private): README.md" in err
    assert push(capsys, run, "--public", to="me/seen")[1]["repo"] == "new, public"
    assert not hub.repo("me/seen").private
    assert push(capsys, run, to="me/seen")[1]["repo"] == "existing, public"


def test_overwritten_files_are_listed_and_others_stay(run, hub, capsys):
    hub.create_repo("me/m", files={"README.md": "old", "LICENSE": "mit", "config.json": "{}"})
    code, pushed, err = push(capsys, run)
    assert code == 0
    assert err.index("overwritten in me/m: README.md") < err.index("pushed 2 files")
    shown = next(line for line in err.splitlines() if line.startswith("to me/m (existing, public): "))
    assert (
        "model.safetensors (" in shown and "README.md (" in shown and " bytes)" in shown and "config.json" not in shown
    )
    assert (pushed["changed"], pushed["unchanged"]) == (["README.md"], ["config.json"])
    assert hub.files("me/m")["LICENSE"] == b"mit"
    assert len(hub.commits("me/m")) == 3


def test_large_files_go_through_lfs_and_are_compared(run, hub, capsys):
    (run / "step_2" / "large.parquet").write_bytes(LARGE)
    assert push(capsys, run)[0] == 0
    assert hub.files("me/m")["large.parquet"] == LARGE
    before = sent(hub)
    assert push(capsys, run)[0] == 0
    assert sent(hub) == before


def test_dry_run_sends_and_writes_nothing(run, hub, tmp_path, capsys):
    hub.create_repo("me/m", files={"README.md": "old"})
    before, hub_home = tree(run), len(hub.commits("me/m"))
    code, pushed, err = push(capsys, run, "--dry-run")
    assert (code, sent(hub), tree(run), len(hub.commits("me/m"))) == (0, [], before, hub_home)
    assert not (tmp_path / "out").exists()
    assert "2 new and 1 changed files would go there" in err
    assert pushed["dry_run"] is True
    assert push(capsys, run, "--dry-run", to="me/new")[0] == 0
    assert sent(hub) == []


@pytest.mark.parametrize("lacks", ["token", "Hub", "valid token"])
def test_a_dry_run_without_token_or_hub_tells_the_files_and_what_is_not_known(
    run, hub, tmp_path, capsys, monkeypatch, lacks
):
    wanted = push(capsys, run, "--dry-run")[1]["new"]
    if lacks == "token":
        monkeypatch.delenv("HF_TOKEN")
    elif lacks == "Hub":
        monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    else:
        monkeypatch.setenv("HF_TOKEN", "no-token-of-anybody")
    code, pushed, err = push(capsys, run, "--dry-run")
    assert (code, sorted(pushed["files"]), pushed["dry_run"]) == (3, wanted, True)
    assert "new" not in pushed and pushed["unknown"] in err and "whether you may write there, is not known" in err
    assert all(name in err for name in wanted) and not (tmp_path / "out").exists() and sent(hub) == []
    assert "no Hub token" in err if lacks == "token" else "push to me/m" in err


# --- Formula scores -------------------------------------------------------------------------------------------------


def test_formula_scores_are_pushed_only_when_said(hub, tmp_path, capsys):
    run = make_run(tmp_path / "run", "step_100", "step_500")
    (tmp_path / "card.md").write_text("Math {RESULT:math_reasoning}\n")
    assert "say --scoring step-formula" in fails(capsys, run)
    assert (hub.requests, (tmp_path / "out").exists()) == ([], False)
    assert push(capsys, run, "--scoring", "step-formula", "--unmarked")[0] == 0
    assert "score_source: step-formula, synthetic" in hub.commits("me/m")[0].title
    files = hub.files("me/m")
    assert files["README.md"] == b"Math 0.467\n"
    assert not [name for name in files if name.endswith(".json") and name != "config.json"]


# --- Pull requests --------------------------------------------------------------------------------------------------


def test_one_pull_request_only(run, hub, capsys):
    hub.create_repo("me/m", files={"README.md": "old"})
    code, pushed, err = push(capsys, run, "--create-pr")
    assert (code, len(hub.pull_requests("me/m"))) == (0, 1)
    assert pushed["pull_request"].endswith("/me/m/discussions/1")
    assert hub.files("me/m")["README.md"] == b"old"
    assert hub.files("me/m", "refs/pr/1")["README.md"] == FILES["README.md"]
    code, pushed, err = push(capsys, run, "--create-pr")
    assert (code, len(hub.pull_requests("me/m")), pushed["commit"]) == (0, 1, None)
    assert "has all 3 files already; nothing was sent" in err
    (run.parent / "card.md").write_text("changed {RESULT:gsm8k}")
    assert "an open pull request is there with other files" in fails(capsys, run, "--create-pr", code=3)
    assert len(hub.pull_requests("me/m")) == 1


def test_a_pull_request_to_somebody_elses_repo(run, hub, capsys):
    hub.add_user("other")
    hub.create_repo("other/m", files={"README.md": "old"})
    assert "me may not write to other" in fails(capsys, run, to="other/m")
    assert push(capsys, run, "--create-pr", to="other/m")[0] == 0
    assert len(hub.pull_requests("other/m")) == 1


def test_a_pull_request_needs_a_repo(run, hub, capsys):
    assert "does not exist, so it can get no pull request" in fails(capsys, run, "--create-pr")
    assert sent(hub) == []


# --- Tokens and permissions -----------------------------------------------------------------------------------------


def test_no_token_anywhere(run, hub, tmp_path, capsys, monkeypatch):
    monkeypatch.delenv("HF_TOKEN")
    assert "no Hub token; run `hf auth login`, set HF_TOKEN, or give --token-file FILE" in fails(capsys, run)
    assert (hub.requests, (tmp_path / "out").exists()) == ([], False)


@pytest.mark.parametrize("source", ["environment", "dotenv", "login", "file"])
def test_where_tokens_come_from(run, hub, tmp_path, capsys, monkeypatch, source):
    more, token = [], hub.token
    if source != "environment":
        monkeypatch.delenv("HF_TOKEN")
    if source == "dotenv":
        Path(".env").write_text(f"OTHER=1\nHF_TOKEN={token}\n")
    elif source == "login":
        Path(constants.HF_TOKEN_PATH).parent.mkdir(parents=True, exist_ok=True)
        Path(constants.HF_TOKEN_PATH).write_text(token)
    elif source == "file":
        monkeypatch.setenv("HF_TOKEN", hub.read_token)
        (tmp_path / "hf_token.txt").write_text(f"  {token}\n")
        more = ["--token-file", tmp_path / "hf_token.txt"]
    code, _, err = push(capsys, run, *more)
    assert code == 0
    assert token not in err


@pytest.mark.parametrize("content", ["", "two words", "line\nline", "hf_ü", None])
def test_unusable_token_files(run, hub, tmp_path, capsys, content):
    path = tmp_path / "t.txt"
    if content is not None:
        path.write_text(content)
    message = fails(capsys, run, "--token-file", path)
    assert "token" in message
    assert content is None or not content or content not in message
    assert hub.requests == []


def test_an_unusable_token_in_the_environment(run, hub, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_bad token")
    message = fails(capsys, run)
    assert "one line with a token is expected" in message
    assert "hf_bad" not in message


def test_a_token_that_may_only_read(run, hub, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", hub.read_token)
    message = fails(capsys, run)
    assert "the token may only read; make one with write permission" in message
    assert STAYS in message
    assert (sent(hub), (tmp_path / "out" / "README.md").is_file()) == ([], True)


def test_an_invalid_token(run, hub, capsys, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_unknown")
    message = fails(capsys, run)
    assert "the token is not valid; run `hf auth login` again" in message
    assert "hf_unknown" not in message
    assert sent(hub) == []


@pytest.mark.parametrize("how", [(), ("--dry-run",), ("--create-pr",)])
def test_a_repo_that_has_another_name_now_is_asked_for_by_it(run, hub, capsys, how):
    hub.create_repo("me/new", private=True)
    hub.rename("me/m", "me/new")
    message = fails(capsys, run, *how, code=3)
    assert "me/m: is called me/new on the Hub; nothing was sent: --push me/new" in message
    assert sent(hub) == [] and len(hub.commits("me/new")) == 1


@pytest.mark.parametrize(
    ("scopes", "more", "works"),
    [
        ({"me": ["repo.write"]}, [], True),
        ({"me/m": ["repo.write"]}, [], True),
        ({"me/m": ["repo.content.read"]}, [], False),
        ({"me/other": ["repo.write"]}, [], False),
        ({"me/m": ["discussion.write"]}, ["--create-pr"], True),
        ({"me/m": ["discussion.write"]}, [], False),
        ({}, [], False),
    ],
)
def test_fine_grained_tokens(run, hub, capsys, monkeypatch, scopes, more, works):
    hub.create_repo("me/m")
    hub.create_repo("me/other")
    monkeypatch.setenv("HF_TOKEN", hub.add_token("me", "fineGrained", scopes))
    if works:
        assert push(capsys, run, *more)[0] == 0
    else:
        assert "the fine-grained token has no repo.write permission for me/m" in fails(capsys, run, *more)
        assert sent(hub) == []


@pytest.mark.parametrize(("role", "works"), [("admin", True), ("write", True), ("read", False), (None, False)])
def test_roles_in_an_organization(run, hub, capsys, monkeypatch, role, works):
    monkeypatch.setenv("HF_TOKEN", hub.add_user("ann", {"team": role} if role else {}))
    if works:
        assert push(capsys, run, to="team/m")[0] == 0
        assert len(hub.commits("team/m")) == 2
    else:
        assert "ann may not write to team; choose another owner, or use --create-pr" in fails(capsys, run, to="team/m")
        assert sent(hub) == []


# --- Secrets --------------------------------------------------------------------------------------------------------


def test_secrets_never_leave(run, hub, tmp_path, capsys):
    (run / "step_2" / "hf_token.txt").write_text(hub.token)
    (run / "step_2" / ".env").write_text(f"HF_TOKEN={hub.token}")
    code, _, err = push(capsys, run, "--token-file", run / "step_2" / "hf_token.txt")
    assert code == 0
    assert "left out, they may hold secrets: .env, hf_token.txt" in err
    assert hub.files("me/m").keys() == {*FILES, ".gitattributes"}


def test_the_token_in_use_is_found_whatever_it_looks_like(run, hub, tmp_path, capsys):
    (run / "step_2" / "some_args.parquet").write_bytes(b"\x00pickled" + hub.token.encode() + b"\x00")
    assert bc.HUB_TOKEN.search(hub.token.encode()) is None  # a local Hub's tokens have another form
    message = fails(capsys, run)
    assert "some_args.parquet: holds something like a Hub token" in message
    assert hub.token not in message
    assert (hub.requests, (tmp_path / "out").exists()) == ([], False)


# --- Faults ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"method": "GET", "path": "whoami", "status": 500, "times": 99}, "the Hub answered 500"),
        ({"method": "GET", "path": "whoami", "drop": "before", "times": 99}, "the connection failed"),
        ({"method": "GET", "path": "/api/models/me/m", "status": 503, "times": 99}, "the Hub answered 503"),
        ({"method": "POST", "path": "create", "status": 403}, "a token needs write permission for the repo"),
        ({"method": "POST", "path": "create", "status": 500, "times": 99}, "the Hub answered 500"),
        ({"method": "POST", "path": "preupload", "status": 429, "times": 99}, "too many requests; wait some minutes"),
        ({"method": "POST", "path": "/commit/", "status": 412}, "the repo has moved on meanwhile"),
        ({"method": "POST", "path": "/commit/", "status": 401}, "the token is not valid"),
        ({"method": "POST", "path": "/commit/", "status": 400, "message": "bad card"}, "the Hub answered 400"),
        ({"method": "POST", "path": "/commit/", "drop": "upload", "times": 99}, "the connection failed"),
        ({"method": "PUT", "path": "/lfs/", "corrupt": "flip"}, "the Hub answered 422 (Verification failed"),
        ({"method": "PUT", "path": "/lfs/", "drop": "upload", "times": 99}, ""),
        ({"method": "PUT", "path": "/lfs/", "status": 500, "times": 99}, ""),
        ({"method": "GET", "path": "/tree/", "status": 500, "times": 99}, "the Hub answered 500"),
    ],
    ids=lambda value: "-".join(map(str, value.values())) if isinstance(value, dict) else "",
)
def test_interrupted_then_again_is_one_commit(run, hub, tmp_path, capsys, monkeypatch, fault, message):
    monkeypatch.setattr(bc, "FIRST_WAIT", 0.01)
    (run / "step_2" / "large.parquet").write_bytes(LARGE)
    hub.fault(**fault)
    got = fails(capsys, run)
    assert got.startswith("error: push to me/m: ")
    assert message in got
    assert STAYS in got
    assert hub.token not in got
    assert len(got) < 500
    assert (tmp_path / "out" / "large.parquet").read_bytes() == LARGE
    hub.faults.clear()
    assert push(capsys, run)[0] == 0
    assert [c.title[:14] for c in hub.commits("me/m")] == ["Add checkpoint", "initial commit"]
    assert hub.files("me/m")["large.parquet"] == LARGE
    assert hub.errors == []


@pytest.mark.parametrize("way", [{"drop": "answer"}, {"status": 500, "executed": True}], ids=str)
def test_a_commit_whose_answer_was_lost_is_found(run, hub, capsys, way):
    hub.fault("POST", "/commit/", **way)
    code, pushed, _ = push(capsys, run)
    assert (code, pushed["commit"]) == (0, hub.commits("me/m")[0].oid)
    assert [c.title[:14] for c in hub.commits("me/m")] == ["Add checkpoint", "initial commit"]


def test_what_gitignore_names_is_sent_all_the_same(run, hub, capsys):
    hub.create_repo("me/m", files={".gitignore": "*.safetensors\n*.json\n"})
    assert push(capsys, run)[0] == 0 and set(FILES) < set(hub.files("me/m"))


@pytest.mark.parametrize("how", ["small", "large", "while it is sent", "a link"])
def test_what_was_prepared_is_what_is_sent(run, hub, capsys, how, monkeypatch):
    """The prepared folder lies there while the Hub is asked and gigabytes are sent; others may write to it."""
    (run / "step_2" / "extra.parquet").write_bytes(LARGE)
    hub.create_repo("me/m")
    out = run.parent / "out"
    (run.parent / "diary.md").write_text("my private diary")
    changes = {
        "small": lambda: (out / "README.md").write_text("my private diary"),
        "large": lambda: (out / "extra.parquet").write_bytes(LARGE[::-1]),
        "while it is sent": lambda: (out / "extra.parquet").write_bytes(LARGE[::-1]),
        "a link": lambda: ((out / "README.md").unlink(), (out / "README.md").symlink_to("../diary.md")),
    }
    monkeypatch.setattr(bc, "SENT_FROM_MEMORY", 2**20)
    asked = "/info/lfs/objects/batch" if how == "while it is sent" else "/tree/"
    hub.fault("POST" if "lfs" in asked else "GET", asked, before=changes[how])
    before = hub.files("me/m")
    said = fails(capsys, run, code=2 if how == "while it is sent" else 3)  # 2: the store compares the hash, too
    assert how == "while it is sent" or "has changed since it was looked at; nothing was committed" in said
    assert hub.files("me/m") == before


def test_a_pull_request_whose_answer_was_lost(run, hub, capsys):
    hub.create_repo("me/m")
    hub.fault("POST", "/commit/", drop="answer")
    code, pushed, _ = push(capsys, run, "--create-pr")
    assert (code, len(hub.pull_requests("me/m"))) == (0, 1)
    code, pushed, _ = push(capsys, run, "--create-pr")
    assert (code, len(hub.pull_requests("me/m"))) == (0, 1)
    assert pushed["pull_request"].endswith("/discussions/1")


def test_somebody_else_commits_meanwhile(run, hub, capsys):
    hub.create_repo("me/m")
    hub.fault("POST", "/commit/", before=lambda: hub.commit("me/m", {"LICENSE": "mit"}))
    assert "the repo has moved on meanwhile" in fails(capsys, run)
    hub.faults.clear()
    assert push(capsys, run)[0] == 0
    assert hub.files("me/m").keys() == {*FILES, ".gitattributes", "LICENSE"}


@pytest.mark.parametrize("meanwhile", ["public", "not empty", "as wanted", "opened"])
def test_a_repo_that_is_made_or_opened_after_the_look_gets_no_file(run, hub, capsys, monkeypatch, meanwhile):
    plan, hub_files = bc.plan_upload, {"LICENSE": "mit"} if meanwhile == "not empty" else None
    if meanwhile == "opened":
        hub.create_repo("me/m", private=True)

    def planned(*given):
        found = plan(*given)
        if meanwhile == "opened":
            hub.repo("me/m").private = False
        else:
            hub.create_repo("me/m", files=hub_files, private=meanwhile != "public")
        return found

    monkeypatch.setattr(bc, "plan_upload", planned)
    if meanwhile == "as wanted":
        assert push(capsys, run)[0] == 0
        return
    message = fails(capsys, run, code=3)
    assert ("is there and public" if meanwhile == "opened" else "made by somebody else meanwhile") in message
    assert not set(FILES) & set(hub.files("me/m"))


def test_the_hub_has_other_bytes_after_the_push(run, hub, capsys):
    """As read back: another commit slips in between ours and the reading, at the very revision that we read."""

    def tamper():
        commit = hub.commits("me/m")[0]
        if commit.title != "initial commit":
            commit.tree["config.json"] = hub.store("config.json", b"[]", {})

    hub.fault("GET", "/tree/", before=tamper, times=99)
    assert "me/m: config.json differ on the Hub after the push" in fails(capsys, run)


def test_interrupted_by_the_user(run, hub, tmp_path, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("huggingface_hub.HfApi.create_commit", interrupt)
        code, out, err = call(capsys, run, "--prepare", "out", "--card", "card.md", "--push", "me/m")
    assert (code, out) == (130, "")
    assert f"the prepared folder out {STAYS}" in err
    assert err.endswith("error: interrupted\n")
    assert push(capsys, run)[0] == 0
    assert len(hub.commits("me/m")) == 2


def test_no_hub_there(run, hub, capsys, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert "the connection failed" in fails(capsys, run)


@pytest.mark.parametrize("repo", ["m", "me/m/n", "https://huggingface.co/me/m", "me/m n", "me/..", "me/-m", "me/m--n"])
def test_repo_ids(run, hub, capsys, repo):
    assert fails(capsys, run, to=repo)
    assert sent(hub) == []


def test_nothing_of_the_environment_is_left(run, hub, capsys):
    before = dict(os.environ)
    push(capsys, run)
    assert dict(os.environ) == before
