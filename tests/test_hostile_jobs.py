"""Jobs that others have started under our labels, and hardware whose price nobody says."""

import json
from pathlib import Path

import pytest
from local_jobs import Ending, Job, Pretend, timestamp
from test_jobs import command, hub, main  # noqa: F401


def lay(found, first, user, **changes):
    """A job that ended well, with the labels of ours, in the namespace of ours."""
    labels = first.labels | {"eval-attempt": "9", "eval-timeout": "1"}
    job = Job("f" * 24, first.namespace, user, {**first.spec, "labels": labels, **changes}, created=timestamp())
    job.start()
    job.end("COMPLETED")
    found.jobs.all[job.id] = job


@pytest.mark.parametrize(
    ("user", "changes", "why"),
    [
        ("mallory", {}, "was started by mallory"),
        (None, {"command": ["uv", "run", "evil.py"]}, "runs something else"),
        (None, {"command": ["uv", "run", "/data/lighteval_vllm_uv.py", "--model", "me/other"]}, "runs something else"),
        (None, {"command": ["sh", "-c", "x"], "arguments": ["/data/lighteval_vllm_uv.py"]}, "runs something else"),
        (None, {"command": 7}, "runs something else"),
    ],
)
def test_a_job_is_not_ours_by_its_labels(hub, capsys, user, changes, why):  # noqa: F811
    hub.add_user("mallory", orgs={"me-org": "write"})
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR"))
    assert main(*command("--yes", "--wait", "--namespace", "me-org")) == 1
    first = next(iter(hub.jobs.all.values()))
    lay(hub, first, user, **changes)
    capsys.readouterr()
    assert main("wait", "r1") == 1
    assert f"{'f' * 24} bears the labels" in (err := capsys.readouterr().err)
    assert why in err
    Path("runs/r1/run.json").unlink()  # and it is not taken where nobody remembers which was sent
    assert main(*command("--dry-run", "--namespace", "me-org")) == 0
    assert "to send: 1 of 1 jobs" in (out := capsys.readouterr()).out and "counts for nothing" in out.err


def test_a_job_that_this_account_started_is_ours_whatever_version_made_its_words(hub, capsys):  # noqa: F811
    """Else it would be paid twice."""
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR"))
    assert main(*command("--yes", "--wait", "--namespace", "me-org")) == 1
    lay(hub, next(iter(hub.jobs.all.values())), "me", command=["uv", "run", "/data/lighteval_vllm_uv.py", "--older"])
    capsys.readouterr()
    main("wait", "r1")
    assert "counts for nothing" not in capsys.readouterr().err


def test_our_own_job_is_found_again_with_other_hardware_and_files(hub, capsys):  # noqa: F811
    hub.jobs.runner = Pretend(lambda job: Ending("COMPLETED"))
    for folder in ("a", "b"):
        Path(folder).mkdir()
    Path("a/x y.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    words = command("--questions", "a/x y.jsonl", "--yes", "--wait", "--hardware", "a100x4")
    words[words.index("--task") : words.index("--task") + 2] = []
    assert main(*words, "--tensor-parallel-size", "4") in (0, 1)
    assert len(hub.jobs.all) == 1
    Path("runs/r1/run.json").unlink()
    capsys.readouterr()
    words[words.index("a100x4")] = "l4x1"
    assert main(*words) in (0, 1)
    assert "counts for nothing" not in capsys.readouterr().err and len(hub.jobs.all) == 1


@pytest.mark.parametrize("gone", ["left out", "no price", "strange unit"])
def test_hardware_without_a_price_is_not_counted_as_free(hub, capsys, gone):  # noqa: F811
    hub.jobs.runner = Pretend(lambda job: Ending("RUNNING"))
    two = ("--split", "model", "--timeout", "10h", "--yes")
    asked = ("--hardware", "a100x8", "--tensor-parallel-size", "8")
    assert main(*command(*two, *asked, count=1)) == 0
    Path("runs/r1/run.json").unlink()
    row = next(row for row in hub.jobs.hardware if row["name"] == "a100x8")
    if gone == "left out":
        hub.jobs.hardware.remove(row)
    else:
        row.update({"unitCostUSD": None} if gone == "no price" else {"unitLabel": "seconds"})
    next(iter(hub.jobs.all.values())).run_for(9 * 3600)
    capsys.readouterr()
    assert main(*command(*two, "--hardware", "t4-small", "--max-cost", "9", count=2)) == 3
    err = capsys.readouterr().err
    assert "a100x8, whose price the Hub does not say" in err and "the price of 1 job" in err
    assert len(hub.jobs.all) == 1
    assert main(*command(*two, "--hardware", "t4-small", count=2)) == 0  # nobody named a cap: it is said
    capsys.readouterr()
    assert main("status", "r1", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["usd_spent"] is None and shown["usd_at_most"] is None


@pytest.mark.parametrize("unit", ["day", "30s", None, "hours", "Minute", ["minute"]])
def test_a_price_of_an_unknown_unit_is_none(hub, capsys, unit):  # noqa: F811
    for row in hub.jobs.hardware:
        row["unitLabel"] = unit
    assert main(*command("--yes")) == 3
    assert not hub.jobs.all and "names no price of any" in capsys.readouterr().err
