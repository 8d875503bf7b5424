"""Jobs that others have started under our labels, and hardware whose price nobody says."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import run_vllm_eval_job as script
from local_jobs import Ending, Job, Pretend, timestamp
from test_jobs import command, ended, hub, main, real  # noqa: F401


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


def checked(hub, *words):  # noqa: F811
    """A job that is sent as ours are: its files are compared before they run."""
    from huggingface_hub import HfApi

    files = {name: hashlib.sha256(Path(name).read_bytes()).hexdigest() for name in ("probe.py", "notes.txt")}
    words = ["probe.py", "notes.txt", *words]
    first, *rest = script.CHECKED_WORDS
    return HfApi().run_uv_job(first, script_args=[*rest, *script.hashes_of_words(words, files), "--", *words])


@pytest.mark.skipif(shutil.which("uv") is None, reason="a job's own check starts uv")
@pytest.mark.filterwarnings("ignore:.*experimental")
@pytest.mark.parametrize("changed", ["probe.py", "notes.txt", "", "uv.toml", "probe.py.lock"])
def test_a_job_runs_what_was_sent_and_nothing_that_was_laid_into_its_bucket(real, changed):  # noqa: F811
    """Others of an organization may write there until the job starts."""
    mounted = real.jobs.mounted

    def laid(job):
        files = mounted(job)
        return files | ({changed: files.get(changed, b"") + b"\nprint('mine')\n"} if changed else {})

    real.jobs.mounted = laid
    job = checked(real, "0", "0")
    ends, text = ended(real, job), "\n".join(line for _, line in real.jobs.all[job.id].logs)
    if changed in ("probe.py", "notes.txt"):
        assert (ends.status.stage, ends.status.message) == ("ERROR", "Job failed with exit code: 1")
        assert f"/{changed} is not the file that was sent" in text and "arguments" not in text
        assert script.failure_cause(None, [text], 1, 100).startswith("its files were changed in the bucket")
    else:
        assert ends.status.stage == "COMPLETED", text
        assert "travelled" in text and "mine" not in text


def test_a_job_is_sent_with_the_hashes_of_all_that_lies_in_its_bucket(hub, capsys):  # noqa: F811
    hub.jobs.runner = Pretend(lambda job: Ending("RUNNING"))
    Path("x y.jsonl").write_text('{"question": "1+1?", "answer": "2"}\n')
    words = command("--questions", "x y.jsonl", "--yes", "--namespace", "me-org")
    words[words.index("--task") : words.index("--task") + 2] = []
    assert main(*words) == 0
    assert "can change what it runs" not in capsys.readouterr().err
    (job,) = hub.jobs.all.values()
    sent = job.spec["command"]
    assert tuple(sent[2 : 2 + len(script.CHECKED_WORDS)]) == script.CHECKED_WORDS
    end = sent.index("--")
    hashes, rest = sent[2 + len(script.CHECKED_WORDS) : end], sent[end + 1 :]
    found = {rest[int(number)]: digest for number, _, digest in (part.partition(":") for part in hashes)}
    files = hub.jobs.mounted(job)
    assert found == {f"/data/{name}": hashlib.sha256(data).hexdigest() for name, data in files.items()}
    assert len(files) == 2
