"""What was shown and agreed to is what is sent: not other jobs, prices or files that came between the look and the
sending: at the prompt, in the lock's wait, between two batches of --max-parallel, while weights are uploaded."""

import hashlib
import json
import math
import os
from pathlib import Path

import evaluation_manager as manager
import local_jobs
import pytest
import run_eval_job as provider_script
import run_vllm_eval_job as script
from local_jobs import Ending, Job, Pretend
from test_jobs import (
    QUESTIONS,
    UPLOAD_WORDS,
    checkpoint_folder,
    command,
    hub,
    main,
    model_files,
    option,
    own_questions,
    record,
    successful,
    upload,
)  # fmt: skip

__all__ = ["hub"]
RUN = Path("runs/r1/run.json")
TWO = ("--yes", "--split", "model", "--timeout", "1h", "--hardware", "l4x1")  # 0.80 dollars an hour each


@pytest.fixture
def meanwhile(monkeypatch):
    """What happens when a run was shown and agreed to, and before anything is sent, as at a prompt over lunch."""
    before = script.consent
    done = []

    def consent(run, args):
        before(run, args)
        for action in done:
            action()

    for module in (script, provider_script):
        monkeypatch.setattr(module, "consent", consent)
    return done.append


def sent(hub):
    return [option(job, "--model") for job in hub.jobs.all.values()]


def dearer(hub, times=2.0):
    for row in hub.jobs.hardware:
        row["unitCostUSD"] *= times
        row["unitCostMicroUSD"] *= times


def failed_and_running(hub):
    """A run of two jobs: the first has failed, the second runs."""
    hub.jobs.runner = Pretend(
        lambda job: Ending("ERROR" if option(job, "--model") == ["me/lm-step_1"] else "RUNNING", logs=["x"])
    )
    assert main(*command(*TWO, count=2)) == 0
    for _ in range(2):
        assert main("status", "r1") == 0
    assert len(hub.jobs.all) == 2
    return list(hub.jobs.all.values())


def test_a_job_that_fails_after_the_list_was_shown_is_not_sent(hub, meanwhile, capsys):
    second = failed_and_running(hub)[1]
    meanwhile(lambda: second.end("ERROR", "x"))
    capsys.readouterr()
    assert main("--run-id", "r1", "--yes", "--max-cost", "1.7") == 0
    err = capsys.readouterr().err
    assert "to send: 1 of 2 jobs" in err and "they wait only now and were not shown: lm-step_2" in err
    assert sent(hub) == [["me/lm-step_1"], ["me/lm-step_2"], ["me/lm-step_1"]]
    assert main("--run-id", "r1", "--yes", "--max-cost", "9") == 0  # shown now
    assert sent(hub)[3:] == [["me/lm-step_2"]]


@pytest.mark.parametrize("known", [False, True])
def test_a_price_that_has_risen_since_is_not_paid(hub, meanwhile, capsys, known):
    if known:
        hub.jobs.runner = Pretend(lambda job: Ending("ERROR", logs=["x"]))
        assert main(*command(*TWO, "--wait")) == 1
    count = len(hub.jobs.all)
    meanwhile(lambda: dearer(hub))
    assert main(*(("--run-id", "r1", "--yes") if known else command(*TWO))) == 3
    err = capsys.readouterr().err
    assert "$0.80 for an hour of l4x1 were shown, and it is $1.60 now" in err and len(hub.jobs.all) == count


def test_a_price_that_has_fallen_is_no_objection(hub, meanwhile):
    meanwhile(lambda: dearer(hub, 0.5))
    assert main(*command(*TWO)) == 0
    assert json.loads(RUN.read_text())["jobs"][0]["price"] == pytest.approx(0.40)


def test_the_cap_is_asked_again_before_sending(hub, meanwhile, capsys):
    """Another hand sends the second job anew, on the dearest machine and for a day."""
    second = failed_and_running(hub)[1]
    second.end("COMPLETED")

    def other_hand():
        spec = {**second.spec, "flavor": "h200x8", "labels": {**second.labels, "eval-attempt": "2"}}
        spec["labels"]["eval-timeout"] = "86400"
        hub.jobs.all["f" * 24] = Job("f" * 24, "me", "me", spec, created=local_jobs.timestamp(), hourly=40.0)

    hub.jobs.runner = Pretend(lambda job: Ending("RUNNING"))
    meanwhile(other_hand)
    capsys.readouterr()
    assert main("--run-id", "r1", "--yes", "--max-cost", "5") == 3
    assert "which is above --max-cost 5: not sent" in capsys.readouterr().err and len(hub.jobs.all) == 3


def test_what_another_command_brought_home_meanwhile_is_not_sent_again(hub, meanwhile):
    """A failed job whose records are all there: `collect` in another terminal finds that out."""
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR", logs=["x"], before=lambda: upload(hub, job)))
    assert main(*command(*TWO, "--wait")) == 1
    meanwhile(lambda: main("collect", "r1"))
    assert main("--run-id", "r1", "--yes") == 0
    assert len(hub.jobs.all) == 1


def test_a_run_that_another_command_plans_meanwhile_is_not_overwritten(hub, meanwhile, capsys):
    def other():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(script, "consent", lambda run, args: None)
            assert main(*command(*TWO, tasks=("mmlu",))) == 0

    meanwhile(other)
    assert main(*command(*TWO)) == 3
    assert "another command has planned other jobs meanwhile" in capsys.readouterr().err
    assert len(hub.jobs.all) == 1 and [job["tasks"] for job in json.loads(RUN.read_text())["jobs"]] == [["mmlu"]]


@pytest.mark.parametrize("how", ["changed", "gone", "another", "a word"])
def test_questions_that_change_at_the_prompt_are_not_sent(hub, meanwhile, capsys, how):
    own_questions("my.jsonl")
    changes = {
        "changed": lambda: own_questions("my.jsonl", "k-a-t"),
        "gone": lambda: Path("my.jsonl").unlink(),
        "another": lambda: own_questions("x", "my diary").replace("my.jsonl"),
        "a word": lambda: Path("gsm8k|5").write_text("my diary"),
    }
    meanwhile(changes[how])
    assert main(*command("--yes", *QUESTIONS)) == 3
    assert "not what was agreed to any more: " in capsys.readouterr().err and not hub.jobs.all


@pytest.mark.parametrize("moment", ["submit", "refuse_public_bucket"])
def test_a_word_that_becomes_a_file_while_jobs_are_sent_stays_a_word(hub, monkeypatch, tmp_path, moment):
    """The client sends each word that is a file where it stands; a link of that name would bring any file of mine."""
    (tmp_path / "id_rsa").write_text("PRIVATE KEY")
    hub.jobs.runner = successful(hub)
    before = getattr(script.JobsClient, moment)

    def made_first(self, *words):
        for name in ("gsm8k|5", "vllm", "--tasks"):
            if not os.path.lexists(Path(home, name)):
                Path(home, name).symlink_to(tmp_path / "id_rsa")
        return before(self, *words)

    home = os.getcwd()
    monkeypatch.setattr(script.JobsClient, moment, made_first)
    assert main(*command(*TWO, count=2)) == 0 and os.getcwd() == home
    assert len(hub.jobs.all) == 2
    for job in hub.jobs.all.values():
        assert not any(b"PRIVATE" in data for data in hub.jobs.mounted(job).values())
        assert option(job, "--tasks") == ["gsm8k|5"]


@pytest.mark.parametrize("name", ["own.py", "runs/r1/lighteval_vllm_uv.py"])
@pytest.mark.parametrize("when", ["between batches", "at the last moment"])
def test_files_that_change_between_batches_do_not_travel(hub, monkeypatch, capsys, name, when):
    """With --max-parallel the last job is sent hours after the first: a stranger's code would get the token."""
    Path("own.py").write_text("TASKS_TABLE = []\n")
    place = Path(name).absolute()
    evil = f"TASKS_TABLE = []  # evil\n{''.join(Path(script.__file__).with_name('lighteval_vllm_uv.py').read_text())}"

    def write():
        if hub.jobs.all:
            place.write_text(evil)

    hub.jobs.runner = Pretend(lambda job: Ending(before=lambda: (upload(hub, job), write())))
    if when == "at the last moment":  # when all is compared, and the client reads
        hub.jobs.runner = successful(hub)
        before = script.JobsClient.refuse_public_bucket
        monkeypatch.setattr(script.JobsClient, "refuse_public_bucket", lambda self: (before(self), write())[0])
    words = command(*TWO, "--custom-tasks", "own.py", "--max-parallel", "1", tasks=("mine|0",), count=3)
    assert main(*words) == 3
    assert f"{name} has changed since the run was planned" in capsys.readouterr().err
    assert len(hub.jobs.all) == (1 if when == "between batches" else 2)
    for job in hub.jobs.all.values():
        assert not any(b"# evil" in data for data in hub.jobs.mounted(job).values())


def test_a_price_that_rises_between_batches_ends_the_sending(hub, capsys):
    hub.jobs.runner = Pretend(lambda job: Ending(before=lambda: (upload(hub, job), dearer(hub))))
    assert main(*command(*TWO, "--max-parallel", "1", count=2)) == 3
    assert "it is $1.60 now: not sent; go on with: " in capsys.readouterr().err and len(hub.jobs.all) == 1


def test_a_job_that_another_hand_sends_between_batches_is_not_sent_twice(hub):
    class OtherHand(Pretend):
        def start(self, job):
            if len(hub.jobs.all) == 1:
                words = ["uv", "run", "/data/lighteval_vllm_uv.py", *planned.arguments]
                spec = {**job.spec, "command": words, "labels": {**job.labels, "eval-job": waiting}}
                hub.jobs.all["e" * 24] = Job("e" * 24, "me", "me", spec, created=local_jobs.timestamp(), hourly=0.8)

    hub.jobs.runner = OtherHand(lambda job: Ending(before=lambda: upload(hub, job)))
    args = script.build_parser().parse_args(command(*TWO, count=2))
    planned = script.plan_gpu_run(args, script.JobsClient(hub.token, None)).jobs[1]
    waiting = planned.name
    assert main(*command(*TWO, "--max-parallel", "1", count=2)) == 0
    assert sorted(job.labels["eval-job"] == waiting for job in hub.jobs.all.values()) == [False, True]


# --- uploads ---


def failed_upload(hub, *more):
    """A run whose checkpoint was uploaded, and whose job has failed."""
    checkpoint_folder(Path("run/checkpoint-100"))
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR", logs=["x"]))
    assert main(*UPLOAD_WORDS, "me/uploaded", "--yes", "--wait", *more) == 1
    return hub.files("me/uploaded")


FOLDER = Path("run/checkpoint-100")
CHANGES = {
    "notes.txt is new": lambda: (FOLDER / "notes.txt").write_text("my private diary"),
    "eval.py is new": lambda: (FOLDER / "eval.py").symlink_to("tokenizer.json"),
    "tokenizer.json has changed": lambda: (FOLDER / "tokenizer.json").write_text("[]"),
    "tokenizer.json is gone": lambda: (FOLDER / "tokenizer.json").unlink(),
    "model.safetensors has changed": lambda: (FOLDER / "model.safetensors").write_bytes(
        (FOLDER / "model.safetensors").read_bytes() + b"\0"
    ),
    "config.json has changed": lambda: (
        FOLDER.rename("run/old"), checkpoint_folder(FOLDER, model_files(max_position_embeddings=7))
    ),
    "model.safetensors is gone": lambda: (
        FOLDER.rename("run/old"), FOLDER.symlink_to("../other", True),
        checkpoint_folder(Path("other"), {"notes.txt": "mine"}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("said", CHANGES)
@pytest.mark.parametrize("when", ["at a resume", "at the prompt"])
def test_an_upload_is_what_was_shown(hub, meanwhile, capsys, said, when):
    if when == "at a resume":
        before = failed_upload(hub)
        CHANGES[said]()
        words = ["--run-id", "up", "--yes"]
    else:
        checkpoint_folder(FOLDER)
        meanwhile(CHANGES[said])
        words = [*UPLOAD_WORDS, "me/uploaded", "--yes"]
    jobs = len(hub.jobs.all)
    capsys.readouterr()
    assert main(*words) == 3
    assert f"{said.split()[0]} {' '.join(said.split()[1:])}" in capsys.readouterr().err and len(hub.jobs.all) == jobs
    if when == "at a resume":
        assert hub.files("me/uploaded") == before
        assert main("--run-id", "up", "--dry-run") == 3
    else:
        assert not any("uploaded" in str(write) and "commit" in str(write) for write in hub.writes())


def test_an_upload_that_has_not_changed_goes_on(hub):
    before = failed_upload(hub)
    (FOLDER / "optimizer.pt").write_text("of no matter")
    (FOLDER / "tokenizer.json").touch()
    hub.jobs.runner = successful(hub)
    assert main("--run-id", "up", "--yes", "--wait") == 0
    assert hub.files("me/uploaded") == before


def test_a_run_before_hashes_were_kept_uploads_nothing(hub, capsys):
    failed_upload(hub)
    run = Path("runs/up/run.json")
    data = {name: value for name, value in json.loads(run.read_text()).items() if name != "seal"}
    run.write_text(json.dumps(script.sealed(data | {"files": {}}, script.RUN_SEAL)))
    assert main("--run-id", "up", "--yes") == 3
    assert "model.safetensors is new" in capsys.readouterr().err and len(hub.jobs.all) == 1


def test_other_weights_under_a_known_name_are_another_plan(hub, capsys):
    """Its jobs that have ended are of the old weights: neither the file nor the labels on the Hub stand for the new."""
    failed_upload(hub)
    CHANGES["model.safetensors has changed"]()
    hub.jobs.runner = successful(hub)
    assert main(*UPLOAD_WORDS, "me/uploaded", "--yes") == 2
    assert "was planned for other jobs" in capsys.readouterr().err and len(hub.jobs.all) == 1
    Path("runs/up/run.json").unlink()
    assert main(*UPLOAD_WORDS, "me/uploaded", "--yes", "--wait") == 0
    first, second = hub.jobs.all.values()
    assert first.labels["eval-job"] != second.labels["eval-job"]


def test_weights_that_are_written_while_they_are_uploaded_are_not_committed(hub, monkeypatch, capsys):
    from huggingface_hub import HfApi

    checkpoint_folder(FOLDER)
    sending = HfApi.preupload_lfs_files

    def slow(self, *args, **options):
        CHANGES["model.safetensors has changed"]()  # a trainer saves its next step over it
        return sending(self, *args, **options)

    monkeypatch.setattr(script, "SENT_FROM_MEMORY", 1)
    monkeypatch.setattr(HfApi, "preupload_lfs_files", slow)
    assert main(*UPLOAD_WORDS, "me/uploaded", "--yes") == 3
    assert "model.safetensors has changed since it was looked at; nothing was committed" in capsys.readouterr().err
    assert not hub.jobs.all and not any("checkpoint" in name for name in hub.files("me/uploaded"))


@pytest.mark.parametrize("name", ["chat_template.jinja", "model.safetensors.index.json", "modeling.py"])
def test_what_lies_at_the_place_already_is_not_evaluated_with_it(hub, capsys, name):
    checkpoint_folder(FOLDER)
    hub.create_repo("me/uploaded", files={f"checkpoint-100/{name}": "{}", "README.md": "x", f"checkpoint-9/{name}": ""})
    hub.repo("me/uploaded").private = True
    assert main(*UPLOAD_WORDS, "me/uploaded", "--yes") == 3
    assert f"me/uploaded/checkpoint-100 holds checkpoint-100/{name}, which" in capsys.readouterr().err
    assert not hub.jobs.all and "checkpoint-100/config.json" not in hub.files("me/uploaded")


def test_no_gitignore_leaves_out_what_was_shown(hub):
    checkpoint_folder(FOLDER)
    hub.jobs.runner = successful(hub)
    hub.create_repo("me/uploaded", files={".gitignore": "*.safetensors\n*.json\n"})
    hub.repo("me/uploaded").private = True
    assert main(*UPLOAD_WORDS, "me/uploaded", "--yes") == 0
    assert {f"checkpoint-100/{name}" for name in model_files()} < set(hub.files("me/uploaded"))


def test_an_adopted_run_keeps_no_files_of_an_upload(hub):
    failed_upload(hub)
    run = Path("runs/up/run.json")
    run.write_text(json.dumps({name: value for name, value in json.loads(run.read_text()).items() if name != "seal"}))
    assert main("status", "up", "--adopt") == 0
    data = json.loads(run.read_text())
    assert data["files"] == data["uploads"] == {}


# --- other sendings ---


@pytest.mark.parametrize(
    ("providers", "price"),
    [
        ({"a": (2, 1), "b": (1, 100)}, (2, 100)),
        ({"a": (2, 1), "b": (0, 0)}, (2, 1)),
        ({"a": (2, 1), "b": None}, None),
        ({"a": (2, 1), "b": (1, -1)}, None),
        ({"a": (2, 1), "b": (1, math.inf)}, None),
        ({"a": (2, 1), "b": (True, 1)}, None),
        ({}, None),
    ],
)
def test_the_tokens_of_a_router_cost_at_most_the_dearest_of_each_side(providers, price):
    rows = [
        {"provider": name, "pricing": pair and {"input": pair[0], "output": pair[1]}}
        for name, pair in providers.items()
    ]
    offers = provider_script.offered_prices({"providers": rows})
    assert provider_script.token_price(offers, None) == provider_script.token_price(offers, "fastest") == price
    assert provider_script.token_price(offers, "a") == (providers.get("a") and (2, 1))
    twice = provider_script.offered_prices({"providers": [*rows, {"provider": "a"}, *rows[:1]]})
    assert provider_script.token_price(twice, "a") is None and provider_script.token_price(offers, "z") is None


def test_tokens_that_cost_more_than_planned_are_not_bought(hub, meanwhile, monkeypatch, capsys):
    prices = {"me/lm-step_1": {"a": (1.0, 3.0)}}
    monkeypatch.setattr(provider_script, "provider_prices", lambda: {name: dict(row) for name, row in prices.items()})
    words = ["--model", "me/lm-step_1", "--task", "gsm8k", "--limit", "10", "--run-id", "p1", "--yes", "--wait"]
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR", logs=["x"]))
    assert provider_script.main([*words, "--provider", "a"]) == 1
    again = ["--run-id", "p1", "--yes"]
    dearer_now = {"me/lm-step_1": {"a": (1.0, 9.0)}}
    for now, said in (dearer_now, "$3.00 when the run was planned, and $9.00 now"), ({}, "and not known now"):
        prices.clear()
        prices.update(now)
        assert provider_script.main(again) == 3
        assert said in capsys.readouterr().err and len(hub.jobs.all) == 1
    prices["me/lm-step_1"] = {"a": (0.5, 3.0), "b": (9.0, 9.0)}
    assert provider_script.main(again) == 0
    assert len(hub.jobs.all) == 2
    meanwhile(lambda: prices.update({"me/lm-step_1": {"a": (2.0, 3.0)}}))
    assert provider_script.main([*words[:-3], "p2", "--yes", "--provider", "a"]) == 3
    assert "not what was agreed to any more: a million tokens" in capsys.readouterr().err and len(hub.jobs.all) == 2


def test_a_card_that_an_editor_saves_meanwhile_is_not_overwritten(tmp_path, monkeypatch, capsys):
    card = tmp_path / "README.md"
    card.write_text("---\nlicense: mit\n---\n# lm\n| Benchmark | lm |\n| --- | --- |\n| MMLU | 64.1 |\n")
    before = manager.refuse_invalid

    def slowly(*given):
        before(*given)
        card.write_text(card.read_text() + "\n## License\n\nMIT\n")

    monkeypatch.setattr(manager, "refuse_invalid", slowly)
    words = ["extract-readme", "--card", str(card), "--repo-id", "me/lm", "--format", "model-index", "--apply"]
    assert manager.main(words) == 3
    assert "was changed while this ran; nothing was written" in capsys.readouterr().err
    assert card.read_text().endswith("MIT\n") and "model-index" not in card.read_text()
    monkeypatch.setattr(manager, "refuse_invalid", before)
    assert manager.main(words) == 0 and "model-index" in card.read_text() and "## License" in card.read_text()


# --- results in a data set where others of an organization may write ---


def placed(hub):
    """Where the first job writes, and a whole record of its model and task."""
    job = next(iter(hub.jobs.all.values()))
    repo, folder = option(job, "--results-repo")[0].split("/runs/")
    return repo, f"runs/{folder}/", record(option(job, "--model")[0], option(job, "--tasks")[0], 99)


def collected(capsys, *more):
    capsys.readouterr()
    code = main("collect", "r1", *more)
    return code, capsys.readouterr()


def test_a_record_that_another_wrote_where_a_job_failed_is_no_result_of_the_run(hub, capsys):
    hub.add_user("mallory", orgs={"me-org": "write"})
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR"))
    assert main(*command("--yes", "--wait", "--namespace", "me-org")) == 1
    repo, folder, files = placed(hub)
    hub.commit(repo, {folder + name: text for name, text in files.items()}, repo_type="dataset", user="mallory")
    code, said = collected(capsys)
    assert code == 1 and "no seal of this run" in said.out + said.err and not list(Path("results").rglob("*.json"))
    assert not json.loads(RUN.read_text())["jobs"][0]["state"]["measured"]
    code, said = collected(capsys, "--adopt")
    assert code == 0 and "it was adopted" in said.err and list(Path("results").rglob("*.json"))


@pytest.mark.parametrize("change", ["content", "place"])
def test_a_seal_is_of_one_content_at_one_place(hub, capsys, change):
    hub.jobs.runner = Pretend(lambda job: Ending(before=lambda: upload(hub, job)))
    assert main(*command("--yes", "--wait")) == 0
    assert collected(capsys)[0] == 0
    repo, folder, _ = placed(hub)
    job = next(iter(hub.jobs.all.values()))
    key = job.spec["secrets"]["HUB_EVALS_RESULTS_KEY"]
    place = next(f"{folder}{path.relative_to('results').as_posix()}" for path in Path("results").rglob("*.json"))
    text = (Path("results") / place.removeprefix(folder)).read_text()
    seal = script.result_seal(key, place if change == "content" else f"runs/r2/x/{place}", text.encode())
    text = text.replace('"0.0"', '"1.0"') + " " if change == "content" else text
    hub.commit(repo, {place: text, script.seal_name(place): seal}, repo_type="dataset")
    code, said = collected(capsys, "--output-dir", "again")
    assert code == 1 and "no seal of this run" in said.out + said.err


def test_only_what_a_job_may_have_written_is_fetched(hub, capsys, monkeypatch):
    hub.jobs.runner = Pretend(lambda job: Ending(before=lambda: upload(hub, job)))
    assert main(*command("--yes", "--wait")) == 0
    repo, folder, _ = placed(hub)
    more = {f"{folder}junk.bin": "x" * 5000, f"{folder}data/junk_samples.jsonl": " " * 5000}
    hub.commit(repo, more, repo_type="dataset")
    monkeypatch.setattr(script, "MAX_SAMPLES", 4000)
    code, said = collected(capsys)
    assert code == 0 and "left there, larger than" in said.err
    assert not [path for path in Path(os.environ["HF_HOME"]).rglob("*") if "junk" in path.name]


def test_a_record_with_a_token_in_its_samples_is_not_called_measured(hub, capsys):
    hub.jobs.runner = Pretend(lambda job: Ending("ERROR"))
    assert main(*command("--yes", "--wait")) == 1
    repo, folder, files = placed(hub)
    token = "hf_" + "x" * 34
    files = {name: text.replace('"?"', f'"{token}"') if name.endswith("l") else text for name, text in files.items()}
    (name,) = (name for name in files if name.endswith("_samples.jsonl"))
    assert token in files[name]
    record = next(one for one in files if one.endswith(".json"))
    document = json.loads(files[record])
    document["detailed_evaluation_results"]["checksum"] = hashlib.sha256(files[name].encode()).hexdigest()
    files[record] = json.dumps(document)
    hub.commit(repo, {folder + name: text for name, text in files.items()}, repo_type="dataset")
    code, said = collected(capsys, "--adopt")
    assert code == 1 and "looks like a token" in said.out + said.err and not list(Path("results").rglob("*.json"))


@pytest.mark.parametrize("seal", ["x" * 5000, b"\xff\xfe", "\u00e9" * 64])
def test_a_seal_that_is_none_makes_one_record_none_and_ends_nothing(hub, capsys, seal):
    hub.jobs.runner = Pretend(lambda job: Ending(before=lambda: upload(hub, job)))
    assert main(*command("--yes", "--wait")) == 0
    repo, folder, files = placed(hub)
    name = next(name for name in files if name.endswith(".json"))
    hub.commit(repo, {f"{folder}{name}": files[name], script.seal_name(folder + name): seal}, repo_type="dataset")
    code, said = collected(capsys)
    assert code == 0, said.err  # what the job wrote is there, and sealed
    assert len(list(Path("results").rglob("*.json"))) == 1
