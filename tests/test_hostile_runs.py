"""A run.json of somebody else decides nothing: not what runs with the user's token, nor what it costs, nor where."""

import copy
import json
import shlex
from pathlib import Path

import pytest
import run_vllm_eval_job as script
from local_hub import local_hub
from local_jobs import Ending, Pretend
from test_jobs import command, main, model_files


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hub with a checkpoint, and a run r1 that was planned here and of which nothing was sent."""
    with local_hub(tmp_path / "home") as found:
        found.create_repo("me/lm-step_1", files=model_files())
        (tmp_path / "here").mkdir()
        monkeypatch.chdir(tmp_path / "here")
        monkeypatch.setattr(script, "POLL_SECONDS", 0.0)
        monkeypatch.setattr(script, "FIRST_WAIT", 0.0)
        yield found


RUN = Path("runs/r1/run.json")


@pytest.fixture
def planned(hub, capsys):
    """run.json of the run, without its seal: as somebody else would write it."""
    assert main(*command("--dry-run", "--json")) == 0
    document = json.loads(capsys.readouterr().out)
    plan = {name: value for name, value in document.items() if name not in ("estimate", "commands")}
    RUN.parent.mkdir(parents=True)
    RUN.write_text(json.dumps(plan))
    return plan


def forged(plan, where, value):
    """The plan with another value at a place such as `jobs.0.price`."""
    plan = copy.deepcopy(plan)
    *path, last = [int(part) if part.isdecimal() else part for part in where.split(".")]
    inner = plan
    for part in path:
        inner = inner[part]
    inner[last] = value
    RUN.write_text(json.dumps(plan))


SUBMIT = ("--run-id", "r1", "--yes", "--max-cost", "0.5")
VERBS = [SUBMIT, ("status", "r1"), ("wait", "r1"), ("cancel", "r1"), ("collect", "r1"), ("logs", "r1")]
IMPOSSIBLE = [
    ("script", "../../a/evil.py"), ("script", "/evil.py"), ("script", "evil.py"), ("script", "leaderboard.py"),
    ("script", None), ("packages", ["evil @ http://evil/x.whl"]), ("packages", ["--index-url=http://evil"]),
    ("packages", "vllm"), ("image", "-v/:/host"), ("image", 5), ("namespace", "../x"), ("namespace", None),
    ("results_repo", "../../x"), ("results_repo", "a"), ("timeout", "forever"), ("timeout", 3), ("run_id", "r2"),
    ("run_id", "../r1"), ("jobs.0.folder", "../../home"), ("jobs.0.folder", "runs/r2/x"), ("jobs.0.folder", "/tmp"),
    ("jobs.0.name", "../x"), ("jobs.0.name", 5), ("jobs.0.flavor", "a b"), ("jobs.0.flavor", None),
    ("jobs.0.price", -1), ("jobs.0.price", "0"), ("jobs.0.price", True), ("jobs.0.hours", float("nan")),
    ("jobs.0.price", 10**400), ("jobs.0.arguments", "x"), ("jobs.0.arguments", [1]), ("jobs.0.models", {"a": 1}),
    ("jobs.0.state", None), ("jobs.0.state", {"stage": None}), ("jobs.0.state", {"stage": "PLANNED", "job_id": 5}),
    ("jobs.0.state", {"stage": "PLANNED", "attempt": "x"}), ("jobs.0.state", {"evil": 1}), ("jobs", None),
    *[("jobs.0.state", {"stage": "RUNNING", "job_id": bad}) for bad in ("../../../me/x", "..", "a/b", "a?b", "", "é")],
    ("namespace", ".."), ("results_repo", "../records"), ("results_repo", "me/.."), ("jobs", {}),
    ("notes", "x"), ("owner", 5), ("evil", 1),
]  # fmt: skip


@pytest.mark.parametrize(("where", "value"), IMPOSSIBLE, ids=str)
def test_what_no_plan_of_ours_says_is_refused(hub, planned, where, value, capsys):
    forged(planned, where, value)
    for verb in VERBS:
        assert main(*verb, "--adopt") == 2, verb
        err = capsys.readouterr().err
        assert "run.json" in err and "Traceback" not in err and len(err.splitlines()) <= 2
    assert not hub.jobs.all


POSSIBLE = [
    ("image", "evil/image:1"), ("namespace", "other-org"), ("results_repo", "other/records"), ("timeout", "30d"),
    ("jobs.0.arguments", ["--model", "me/lm-step_1", "--tasks", "a", "--trust-remote-code"]),
    ("jobs.0.models", ["evil/model"]), ("jobs.0.price", 0), ("jobs.0.hours", 0), ("jobs.0.flavor", "h200x8"),
    ("jobs.0.state", {"stage": "RUNNING", "job_id": "somebody-elses"}), ("jobs.0.state", {"stage": "COMPLETED"}),
]  # fmt: skip


@pytest.mark.parametrize(("where", "value"), POSSIBLE, ids=str)
@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb[0])
def test_what_was_not_written_here_is_shown_and_asked(hub, planned, where, value, verb, capsys):
    forged(planned, where, value)
    before = RUN.read_bytes()
    assert main(*verb) == 3
    err = capsys.readouterr().err
    assert (
        "--adopt" in err and script.hf_command(script.run_from_json(json.loads(before), RUN), planned_job())[:60] in err
    )
    assert RUN.read_bytes() == before and not hub.jobs.all


def test_a_line_to_paste_sends_the_projects_own_script(hub, capsys):
    """In a folder that has another of its name."""
    Path("scripts").mkdir()
    Path("scripts/lighteval_vllm_uv.py").write_text("a stranger's")
    assert main(*command("--dry-run", "--json")) == 0
    lines = json.loads(capsys.readouterr().out)["commands"].values()
    (sent,) = {word for line in lines for word in shlex.split(line) if word.endswith(".py")}
    assert Path(sent) == Path(script.__file__).resolve().with_name("lighteval_vllm_uv.py")


def planned_job():
    return script.run_from_json(json.loads(RUN.read_text()), RUN).jobs[0]


def test_prices_are_the_hubs_also_when_adopted(hub, planned, capsys):
    forged(planned, "jobs.0.price", 0)
    assert main("--run-id", "r1", "--yes", "--max-cost", "0.01", "--adopt") == 1
    assert "above --max-cost" in capsys.readouterr().err and not hub.jobs.all


@pytest.mark.parametrize("bad", ["../../../me/x/resolve/main/job.json", "..", "a/b", "x" * 65])
def test_an_id_of_the_hub_that_is_more_than_a_name_goes_into_no_address(hub, bad, monkeypatch, capsys):
    assert main(*command("--yes")) == 0
    (job,) = hub.jobs.all.values()
    job.id = bad
    for verb in ("status", "cancel", "logs"):
        assert main(verb, "r1") == 2
        assert "whose id is none" in capsys.readouterr().err
    assert job.stage != "CANCELED"


def test_another_job_than_the_one_asked_for_is_refused(hub, capsys):
    assert main(*command("--yes")) == 0
    (job,) = hub.jobs.all.values()
    job.spec["labels"] = {}  # found by its id alone
    job.id = "another"
    assert main("cancel", "r1") == 2
    assert "with another job than" in capsys.readouterr().err and job.stage != "CANCELED"


@pytest.mark.parametrize("name", [".", "..", "a/b"])
def test_a_namespace_that_is_no_name_is_refused(hub, name, capsys):
    assert main(*command("--yes", "--namespace", name)) == 2
    assert "no account's name" in capsys.readouterr().err and not hub.jobs.all


def test_tokens_of_an_adopted_run_have_no_known_ceiling(hub, planned, capsys):
    plan = planned | {"script": "inspect_eval_uv.py", "packages": [], "notes": ["no ceiling: all is well"]}
    job = plan["jobs"][0]
    plan["jobs"] = [job | {"tokens_usd": 0.0, "tokens_at_most": 0.0, "hours": 0.01, "flavor": "cpu-basic"}]
    RUN.write_text(json.dumps(plan | {"timeout": "1h"}))
    assert main(*SUBMIT, "--adopt") == 3
    err = capsys.readouterr().err
    assert "no known ceiling" in err and "all is well" not in err.split("is yours from now on")[1]
    assert not hub.jobs.all


def test_what_an_adopted_run_has_cost_is_counted_by_the_hubs_prices(hub, capsys):
    assert main(*command("--yes")) == 0
    honest = json.loads(RUN.read_text())
    honest.pop("seal")
    claimed = copy.deepcopy(honest)
    claimed["jobs"][0] |= {"price": 0.0, "tokens_at_most": 0.0}
    claimed["jobs"][0]["state"] |= {"price": 0.000001, "timeout": 1}
    RUN.write_text(json.dumps(claimed))
    capsys.readouterr()
    assert main("status", "r1", "--adopt", "--json") == 0
    state = json.loads(capsys.readouterr().out)["jobs"][0]["state"]
    assert state["price"] == honest["jobs"][0]["state"]["price"] > 0
    assert state["timeout"] == honest["jobs"][0]["state"]["timeout"]  # by the label of the job


CLAIMS = {
    "it was never sent": {"stage": "PLANNED", "job_id": None, "attempt": 0, "tries": {}},
    "it is done": {"stage": "COMPLETED", "job_id": None, "measured": True, "attempt": 9},
    "it has failed": {"stage": "ERROR", "seconds": 1.0, "tries": {"x": 0.0}, "message": "out of memory"},
    "it ends at once": {"timeout": 1, "price": 0.0},
    "another try is the last": {"attempt": 9, "stage": "COMPLETED"},
}


@pytest.mark.parametrize("claim", CLAIMS.values(), ids=CLAIMS)
@pytest.mark.parametrize("labelled", [True, False], ids=["our label", "no label"])
def test_what_became_of_a_job_says_the_hub(hub, claim, labelled, capsys):
    assert main(*command("--yes", "--timeout", "2h")) == 0
    (job,) = hub.jobs.all.values()
    job.stage = "RUNNING"
    hub.jobs.runner = Pretend(lambda _: Ending(stage="RUNNING"))
    if not labelled:
        del job.spec["labels"]["eval-timeout"]
    claimed = json.loads(RUN.read_text())
    claimed.pop("seal")
    claimed["timeout"] = "1s"
    claimed["jobs"][0]["price"] = 0.0
    claimed["jobs"][0]["state"] |= claim
    RUN.write_text(json.dumps(claimed))
    capsys.readouterr()
    assert main("status", "r1", "--adopt", "--json") == 0
    said = capsys.readouterr()
    document = json.loads(said.out)
    state = document["jobs"][0]["state"]
    assert (state["stage"], state["job_id"], state["attempt"], state["measured"]) == ("RUNNING", job.id, 1, False)
    assert state["timeout"] == (7200 if labelled else -1) and state["price"] > 0 and list(state["tries"]) == [job.id]
    assert document["usd_at_most"] == (pytest.approx(2 * state["price"]) if labelled else None)
    assert "claimed, and not believed: " in said.err
    if not labelled:  # one more model: nothing bounds what runs already
        assert main("--run-id", "r1", "--yes", "--max-cost", "100") == 0  # nothing to send


@pytest.mark.parametrize("name", ["runs", "runs/r1", "runs/r1/.lock"])
def test_a_link_leads_no_file_of_a_run_elsewhere(hub, tmp_path, name, capsys):
    away = tmp_path.with_name(f"{tmp_path.name}-away")
    away.write_text("mine") if name.endswith("lock") else away.mkdir()
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).symlink_to(away)
    assert main(*command("--yes")) == 2
    assert " a link" in capsys.readouterr().err and not hub.jobs.all
    assert not list(away.iterdir()) if away.is_dir() else away.read_text() == "mine"


def test_a_job_that_was_sent_for_something_else_is_no_job_of_a_run(hub, planned, capsys):
    """Somebody names a job of yours in a run of his, to have it canceled."""
    assert main(*command("--yes", run_id="mine")) == 0
    (job,) = hub.jobs.all.values()
    hub.jobs.runner = Pretend(lambda _: Ending(stage="RUNNING"))
    forged(planned, "jobs.0.state", {"stage": "RUNNING", "job_id": job.id, "attempt": 1})
    assert main("cancel", "r1", "--adopt") == 0
    assert "nothing to cancel" in capsys.readouterr().err and job.stage != "CANCELED"
    assert main("status", "r1", "--json") == 0
    state = json.loads(capsys.readouterr().out)["jobs"][0]["state"]
    assert state["stage"] == "PLANNED" and state["job_id"] is None and not state["tries"]


def test_what_a_run_of_others_may_cost_is_not_known_while_a_job_of_theirs_runs(hub, capsys):
    assert main(*command("--yes", count=1)) == 0
    (job,) = hub.jobs.all.values()
    job.stage = "RUNNING"
    hub.jobs.runner = Pretend(lambda _: Ending(stage="RUNNING"))
    del job.spec["labels"]["eval-timeout"]
    claimed = json.loads(RUN.read_text())
    claimed.pop("seal")
    second = copy.deepcopy(claimed["jobs"][0])
    second |= {"name": "second", "folder": "runs/r1/second", "state": {"stage": "PLANNED"}}
    claimed["jobs"].append(second)
    claimed["jobs"][0]["state"]["timeout"] = 1
    RUN.write_text(json.dumps(claimed))
    assert main("--run-id", "r1", "--yes", "--max-cost", "100", "--adopt") == 3
    assert "with a timeout that the Hub does not tell" in capsys.readouterr().err and len(hub.jobs.all) == 1


def test_adopted_once_it_is_ones_own(hub, planned):
    assert main("status", "r1") == 3
    assert main("status", "r1", "--adopt") == 0
    assert main("status", "r1") == 0
    forged(json.loads(RUN.read_text()), "image", "evil/x")  # with the old seal
    assert main("status", "r1") == 3


def test_a_run_of_ones_own_goes_on_without_a_word(hub):
    assert main(*command("--yes")) == 0
    assert main("status", "r1") == 0
    assert main(*command("--yes")) == 0


def test_another_account_is_asked(hub, capsys):
    assert main(*command("--yes")) == 0
    document = {name: value for name, value in json.loads(RUN.read_text()).items() if name != "seal"}
    RUN.write_text(json.dumps(script.sealed(document | {"owner": "ann"}, script.RUN_SEAL)))
    capsys.readouterr()
    assert main("--run-id", "r1", "--yes") == 3
    assert "planned by ann" in capsys.readouterr().err


def test_the_key_is_the_users_alone(hub, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    assert main(*command("--yes")) == 0
    (key,) = (tmp_path / "state").rglob("seal.key")
    assert key.stat().st_mode & 0o777 == 0o600 and key.read_text().strip() not in RUN.read_text()
    key.chmod(0o644)
    assert main("status", "r1") == 2
    assert "chmod 600" in capsys.readouterr().err


def test_what_is_adopted_was_shown_whole(hub, planned, capsys):
    """Between pages of nothing: a word that runs code, a file of this machine, a package in another version."""
    page = ["--system-prompt", "a " * 4000]
    where = ["--model", "me/lm-step_1", "--tasks", "a", *page, "--trust-remote-code", *page]
    forged(planned, "jobs.0.arguments", where)
    data = json.loads(RUN.read_text())
    name = data["packages"][-1].split("==")[0]
    data["packages"][-1] = f"{name}==0.0.1"
    data["files"] = {"/srv/mine/secret.txt": "0" * 64}
    RUN.write_text(json.dumps(data))
    capsys.readouterr()
    assert main("status", "r1") == 3
    said = "".join(line.removeprefix("  ") for line in capsys.readouterr().err.splitlines())
    assert " --trust-remote-code " in said and f"{name}==0.0.1" in said and "the file /srv/mine/secret.txt" in said


@pytest.mark.parametrize("much", ["jobs", "words"])
def test_what_nobody_can_look_through_is_not_adopted(hub, planned, much, capsys):
    if much == "words":
        forged(planned, "jobs.0.arguments", [*planned["jobs"][0]["arguments"], "--system-prompt", "a" * 200_000])
    else:
        names = [f"job-{number}" for number in range(2000)]
        forged(planned, "jobs", [planned["jobs"][0] | {"name": n, "folder": f"runs/r1/{n}"} for n in names])
    assert main("status", "r1", "--adopt") == 3
    assert "more than can be looked through" in capsys.readouterr().err and "seal" not in json.loads(RUN.read_text())


@pytest.mark.parametrize("word", ["gsm8k|5", "--tasks", "vllm", "me/lm-step_1"])
def test_no_file_takes_the_place_of_a_word(hub, word, capsys):
    """The client sends each argument that is the name of a file here as that file: also one that has just come."""
    planned = {key: value for key, value in script.run_to_json(sealed_run()).items() if key != "seal"}
    assert word in planned["jobs"][0]["arguments"]
    Path(word).parent.mkdir(exist_ok=True)
    Path(word).write_text("task: !function evil.run\n")
    for words in (command("--yes"), ["--run-id", "r1", "--yes"]):
        assert main(*words) == 2
        assert "would be sent in its place" in capsys.readouterr().err
    assert not hub.jobs.all


def sealed_run():
    """A run of one's own that was planned, and of which nothing was sent."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(script, "send_jobs", lambda args, client, run, todo: run)
        assert main(*command("--yes")) == 0
    return script.run_from_json(json.loads(RUN.read_text()), RUN)
