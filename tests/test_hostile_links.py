"""Files of a stranger beside one's own: no link leads a reader, or what is taken away, out of it; none takes
another's place or name."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from hostile.slots import COMPARE, RANK, RECORD, lay_run
from test_convert_results import FIXTURES, checkpoint, convert, records
from test_formats import lighteval_old_run, old_row
from test_hostile import cage  # noqa: F401

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from parts import frame
from parts.frame import ScriptError
from parts.harness.report import report
from parts.harness.vocabulary import Failed, Outcome
from parts.names import alike, disguised
from parts.outputs import take_away
from parts.publish.local import read_clone
from parts.records.files import record_files, refuse_out, search_in

OUT = "a link out of the folder of results is not followed"


def move_away(path: Path, target: Path) -> None:
    """Put a link in the place of a file or folder."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(path, target)
    path.symlink_to(target)


@pytest.mark.parametrize(
    ("asked", "linked"),
    [
        ("lm_eval_0_4/results.json", "samples_toy_write.jsonl"),
        ("helm/toy-run/run_spec.json", "stats.json"),
        ("helm/toy-run/run_spec.json", "scenario_state.json"),
    ],
)
def test_what_lies_beside_a_file_that_is_named_is_read_through_no_link(tmp_path, capsys, asked, linked):
    shutil.copytree(FIXTURES, tmp_path / "in")
    path = tmp_path / "in" / asked
    move_away(path, tmp_path / "own" / path.name)
    assert convert(path, output=tmp_path / "good") == 0  # the file itself is the user's word
    move_away(path.with_name(linked), tmp_path / "mine" / linked)
    assert convert(path, output=tmp_path / "out") == 2
    assert OUT in capsys.readouterr().err and len(list((tmp_path / "out").rglob("*_samples.jsonl"))) < len(
        list((tmp_path / "good").rglob("*_samples.jsonl"))
    )


def test_no_folder_that_is_a_link_out_is_read(tmp_path, capsys):
    shutil.copytree(FIXTURES / "lm_eval_0_4", tmp_path / "in")
    shutil.copytree(FIXTURES / "helm", tmp_path / "away" / "deep")
    (tmp_path / "in" / "more").symlink_to(tmp_path / "away")
    (tmp_path / "in" / "again").symlink_to(".")
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    told = capsys.readouterr().err
    assert told.count(OUT) == 1 and "in/more: " in told
    assert {record["eval_library"]["name"] for record in records(tmp_path / "out").values()} == {"lm-eval"}
    search_in([tmp_path / "in"])
    with pytest.raises(ScriptError, match=OUT):
        refuse_out(tmp_path / "in" / "more" / "deep" / "toy-run" / "stats.json")
    search_in([tmp_path / "in" / "results"])  # and what a harness keeps beside the folder that is named
    (tmp_path / "in" / "results").mkdir()
    with pytest.raises(ScriptError, match=OUT):
        refuse_out(tmp_path / "in" / "more" / "deep" / "x.parquet")
    refuse_out(tmp_path / "in" / "again" / "results.json")


def test_a_folder_of_records_that_is_a_link_out_is_said(tmp_path, capsys):
    lay_run(tmp_path)
    move_away(tmp_path / RECORD.rpartition("/")[0], tmp_path / "away" / "records")
    before = len(record_files([tmp_path / "results"]))
    told = capsys.readouterr().err
    assert told.count(OUT) == 1 and RECORD.split("/")[-2] in told
    assert before and not [path for path in record_files([tmp_path / "results"]) if path.name == Path(RECORD).name]


def test_results_in_the_hubs_own_cache_are_converted(tmp_path):
    blobs, snapshot = (tmp_path / "datasets--a--b" / name for name in ("blobs", "snapshots/0123456/run"))
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    for number, path in enumerate(sorted((FIXTURES / "lm_eval_0_4").iterdir())):
        shutil.copy(path, blobs / str(number))
        (snapshot / path.name).symlink_to(os.path.relpath(blobs / str(number), snapshot))
    for place in (snapshot, snapshot.parent, snapshot / "results.json"):
        out = tmp_path / f"out{len(place.parts)}{place.suffix}"
        assert convert(place, output=out) == 0
        assert list(out.rglob("*_samples.jsonl"))


def test_samples_that_are_a_link_out_of_the_results_are_not_read(cage, tmp_path):  # noqa: F811
    lay_run(tmp_path)
    own = tmp_path / RECORD
    move_away(own.with_name(f"{own.stem}_samples.jsonl"), tmp_path / "away" / "items.jsonl")
    script, *argv = COMPARE
    outcome = cage.run(script, argv, tmp_path)
    assert outcome.code == 2 and OUT in outcome.err, outcome


def test_records_of_a_store_are_read_through_no_link(cage, tmp_path):  # noqa: F811
    lay_run(tmp_path)
    argv = ["collect", "--every-eval-ever", "results", "--output-dir", "board"]
    assert cage.run("leaderboard", argv, tmp_path).code == 1  # read, and on no benchmark that it knows
    move_away(tmp_path / RECORD, tmp_path / "away" / "secret.json")
    done = cage.run("leaderboard", argv, tmp_path)
    assert done.code == 2 and OUT in done.err, done
    shutil.move(tmp_path / "away" / "secret.json", tmp_path / RECORD)
    move_away(tmp_path / "results" / "data", tmp_path / "away" / "data")
    done = cage.run("leaderboard", argv, tmp_path)
    assert done.code == 2 and OUT in done.err, done


def test_nothing_is_taken_away_through_a_link_out(tmp_path, monkeypatch):
    (tmp_path / "results").mkdir()
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "x.json").write_text("1")
    (tmp_path / "results" / "data").symlink_to("../away")
    monkeypatch.setattr(frame, "NAMED_PLACES", [])
    frame.know_named_places(["--output-dir", str(tmp_path / "results")])
    with pytest.raises(ScriptError, match="nothing is written through a link"):
        take_away(tmp_path / "results" / "data" / "x.json")
    assert (tmp_path / "away" / "x.json").exists()
    (tmp_path / "results" / "y.json").write_text("1")
    take_away(tmp_path / "results" / "y.json")
    take_away(tmp_path / "results" / "y.json")
    assert not (tmp_path / "results" / "y.json").exists()


@pytest.mark.parametrize("way", ["../../../../../mine/private", "{}/mine/private"])
def test_no_text_of_a_result_is_a_place(tmp_path, way):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "private_default.jsonl").write_text("{}")
    subset = {"name": "default", "score": 0.5, "num": 1}
    metrics = [{"name": "acc", "score": 0.5, "num": 1, "categories": [{"name": ["default"], "subsets": [subset]}]}]
    document = {"dataset_name": way.format(tmp_path), "model_name": "m", "metrics": metrics}
    place = tmp_path / "dl" / "run" / "reports" / "m" / "x.json"
    place.parent.mkdir(parents=True)
    (tmp_path / "dl" / "run" / "reviews" / "m").mkdir(parents=True)
    place.write_text(json.dumps(document))
    assert convert(tmp_path / "dl", output=tmp_path / "out") == 0
    assert not list((tmp_path / "out").rglob("*_samples.jsonl")) and list((tmp_path / "out").rglob("*.json"))


def test_items_of_two_benchmarks_are_no_score_of_one(tmp_path, capsys):
    passed = [{"base_status": "pass", "plus_status": "pass", "solution": "s"}]
    items = {"HumanEval/0": passed, "Mbpp/2": passed}
    place = tmp_path / "me--m_vllm_temp_0.0_eval_results.json"
    place.write_text(json.dumps({"date": "2026-01-01 00:00", "hash": "x", "eval": items}))
    assert convert(place, output=tmp_path / "out") == 2
    assert "items of HumanEval and Mbpp in one file" in capsys.readouterr().err


def inspect_log(path: Path, eval_id: str, day: int, right: int, **changed: object) -> None:
    """A log of inspect in one JSON document: `right` of 10 items."""
    items = [
        {
            "id": f"q{number}", "epoch": 1, "input": f"Say {number}.", "target": str(number), "messages": [],
            "output": {"model": "m", "choices": [], "completion": str(number)},
            "scores": {"match": {"value": "C" if number < right else "I", "answer": str(number)}}, "metadata": {},
        }
        for number in range(10)
    ]  # fmt: skip
    done, model = changed.get("done", 10), changed.get("model", "hf/me/m")
    created = f"2026-01-0{day}T00:00:00+00:00"
    score = {"name": "match", "scorer": "match", "reducer": "mean", "params": {}}
    score["metrics"] = {"accuracy": {"name": "accuracy", "value": right / done, "params": {}}}
    head = {"eval_id": eval_id, "run_id": f"{eval_id}r", "task_id": "T", "created": created, "model": model}
    head |= {"task": changed.get("task", "gsm8k"), "task_args": {}, "config": {"epochs": 1}}
    head |= {"dataset": {"name": "d", "location": "openai/gsm8k", "samples": 10}, "scorers": [{"name": "match"}]}
    document = {"version": 2, "status": changed.get("status", "success"), "eval": head, "plan": {"steps": []}}
    document |= {"results": {"total_samples": 10, "completed_samples": done, "scores": [score]}, "stats": {}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document | {"samples": items[:done]}))


@pytest.mark.parametrize("other", [{"model": "hf/evil/x"}, {"task": "hellaswag"}, {}], ids=["model", "task", "none"])
def test_a_log_that_calls_itself_a_retry_takes_no_whole_run_away(tmp_path, capsys, other):
    inspect_log(tmp_path / "in" / "mine.json", "E1", 1, 5)
    inspect_log(tmp_path / "in" / "other.json", "E2", 2, 9, **other)
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    assert "0 averages and parts left out" in capsys.readouterr().out
    assert len(list((tmp_path / "out").glob("data/*/*/*/*-*[0-9a-f].json"))) == 2


def test_a_run_that_lacks_samples_is_completed_by_its_own_retry_alone(tmp_path, capsys):
    inspect_log(tmp_path / "in" / "mine.json", "E1", 1, 5, done=8)
    inspect_log(tmp_path / "in" / "other.json", "E2", 2, 6)
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    told = capsys.readouterr()
    assert "mine.json gsm8k: retried: other.json is said to complete it" in told.err
    assert "1 new" in told.out


def test_another_file_that_says_it_is_the_same_run_replaces_no_record(tmp_path, capsys):
    inspect_log(tmp_path / "mine" / "log.json", "E1", 1, 5)
    assert convert(tmp_path / "mine", output=tmp_path / "out") == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.json*")}
    log = json.loads((tmp_path / "mine" / "log.json").read_text())
    log["samples"].reverse()
    for number, item in enumerate(log["samples"]):  # the same score, of other items
        item["id"] = f"q{number}"
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "log.json").write_text(json.dumps(log))
    assert convert(tmp_path / "theirs", output=tmp_path / "out") == 1
    assert "says that the same run is another (it is there, made of another file): move one" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*.json*")} == before
    (tmp_path / "again").mkdir()  # the same in another file is the same
    (tmp_path / "again" / "log.json").write_text((tmp_path / "mine" / "log.json").read_text() + "\n")
    assert convert(tmp_path / "again", output=tmp_path / "out") == 0


def test_one_run_in_two_forms_of_file_is_one_record(tmp_path, capsys):
    """An .eval log and the .json made of it have the items in another order."""
    inspect_log(tmp_path / "in" / "a.json", "E1", 1, 5)
    log = json.loads((tmp_path / "in" / "a.json").read_text())
    log["samples"].reverse()
    (tmp_path / "in" / "b.json").write_text(json.dumps(log))
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    assert "1 new" in capsys.readouterr().out
    (tmp_path / "in" / "a.json").unlink()
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0


def test_of_two_files_that_say_they_are_the_same_run_neither_is_taken(tmp_path, capsys):
    inspect_log(tmp_path / "in" / "mine.json", "E1", 1, 5)
    log = json.loads((tmp_path / "in" / "mine.json").read_text())
    log["samples"][0]["id"], log["samples"][9]["id"] = "q9", "q0"
    for name in ("a_evil.json", "z_evil.json"):
        (tmp_path / "in" / name).write_text(json.dumps(log))
        assert convert(tmp_path / "in", output=tmp_path / name) == 1
        told = capsys.readouterr()
        assert "says that the same run is another (neither is taken): move one of them away" in told.err
        assert "0 new, 0 there before" in told.out and not [*(tmp_path / name).rglob("*.json*")]
        (tmp_path / "in" / name).unlink()
        (tmp_path / "in" / "copy.json").write_bytes((tmp_path / "in" / "mine.json").read_bytes())
        assert convert(tmp_path / "in", output=tmp_path / name) == 0  # moved away: two copies of one file are one


HELM = FIXTURES / "helm" / "toy-run"


@pytest.mark.parametrize(
    ("run", "changed", "old", "new"),
    [
        (FIXTURES / "lm_eval_0_4", "samples_toy_write.jsonl", " two: 2", " evil: 2"),
        (HELM, "stats.json", "0.5", "0.51"),
        (HELM, "scenario_state.json", "5 because", "6 because"),
        (HELM, "per_instance_stats.json", '"id9"', '"id8"'),
    ],
)
def test_other_files_beside_the_same_result_take_no_place(tmp_path, capsys, run, changed, old, new):
    for name in ("mine", "theirs", "both/a", "both/b"):
        shutil.copytree(run, tmp_path / name)
    for name in ("theirs", "both/a"):
        path = tmp_path / name / changed
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def converted(name: str, out: str) -> tuple[int, dict[str, bytes]]:
        code = convert(tmp_path / name, output=tmp_path / out)
        return code, {path.name: path.read_bytes() for path in (tmp_path / out).rglob("*.json*")}

    code, first = converted("mine", "out")
    assert code == 0 and converted("mine", "out") == (0, first)
    assert converted("theirs", "out") == (1, first)
    assert "says that the same run is another (it is there, made of another file)" in capsys.readouterr().err
    code, found = converted("both", "neither")
    assert code == 1 and len(found) < len(first)
    assert "says that the same run is another (neither is taken)" in capsys.readouterr().err
    shutil.rmtree(tmp_path / "both" / "a")
    code, found = converted("both", "neither")
    assert code == 0 and found.keys() == first.keys()


@pytest.mark.parametrize("place", ["a", "z"])
def test_items_that_came_after_the_result_are_taken_with_a_word_and_stay(tmp_path, capsys, place):
    samples = "samples_toy_write.jsonl"
    for name in ("b", place):
        shutil.copytree(FIXTURES / "lm_eval_0_4", tmp_path / "in" / name)
    (tmp_path / "in" / "b" / samples).unlink()
    assert convert(tmp_path / "in" / "b", output=tmp_path / "out") == 0
    known = {path.name for path in (tmp_path / "out").rglob("*.jsonl")}
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    assert "its items lie beside it, which the record that is there did not have" in capsys.readouterr().err
    for path in ("in", f"in/{place}", "in/b", "in"):
        assert convert(tmp_path / path, output=tmp_path / "out") == 0
        assert len(known) < len({path.name for path in (tmp_path / "out").rglob("*.jsonl")})
    capsys.readouterr()
    assert convert(tmp_path / "in", output=tmp_path / "at_once") == 1  # what lies beside a copy may be another's
    assert "says that the same run is another (neither is taken)" in capsys.readouterr().err
    assert not any("toy_write" in str(path) for path in (tmp_path / "at_once").rglob("*.json*"))


def test_a_record_that_does_not_say_of_what_it_was_made_is_not_replaced(tmp_path, capsys):
    inspect_log(tmp_path / "mine" / "log.json", "E1", 1, 5)
    assert convert(tmp_path / "mine", output=tmp_path / "out") == 0
    (path,) = (tmp_path / "out").rglob("*-*[0-9a-f].json")
    record = json.loads(path.read_text())
    record["source_metadata"]["additional_details"] = {}
    record["detailed_evaluation_results"].pop("additional_details", None)
    path.write_text(json.dumps(record))
    assert convert(tmp_path / "mine", output=tmp_path / "out") == 0  # it says the same
    path.write_text(json.dumps(record))
    log = json.loads((tmp_path / "mine" / "log.json").read_text())
    log["samples"][0]["id"], log["samples"][9]["id"] = "q9", "q0"  # the same score, of other items
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "log.json").write_text(json.dumps(log))
    assert convert(tmp_path / "theirs", output=tmp_path / "out") == 1
    assert "it is there, made of another file" in capsys.readouterr().err
    assert json.loads(path.read_text()) == record


def test_details_of_lighteval_that_lie_elsewhere_are_no_run_s_items(tmp_path, capsys):
    lighteval_old_run(tmp_path / "in" / "mine", [old_row(i) for i in range(4)], 0.5)
    (found,) = (tmp_path / "in").rglob("*.parquet")
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    assert [*(tmp_path / "out").rglob("*_samples.jsonl")]
    away = tmp_path / "in" / "dl" / found.name
    away.parent.mkdir()
    found.rename(away)
    assert convert(tmp_path / "in", output=tmp_path / "other") == 0
    assert f"{found.name} lies elsewhere and may be another run's: name that file" in capsys.readouterr().err
    assert not [*(tmp_path / "other").rglob("*_samples.jsonl")]
    assert convert(tmp_path / "in", away, output=tmp_path / "named") == 0
    assert [*(tmp_path / "named").rglob("*_samples.jsonl")]


def test_whose_results_a_folder_s_are_is_said_and_never_two_models(tmp_path, capsys):
    checkpoint(tmp_path / "run" / "step_7", when=1)
    inspect_log(tmp_path / "in" / "mine.json", "E1", 1, 5, model="hf/run/step_7")
    options = ["--checkpoints", str(tmp_path / "run")]
    assert convert(tmp_path / "in", output=tmp_path / "good", options=options) == 0
    assert "by its last name alone" not in capsys.readouterr().err
    inspect_log(tmp_path / "other" / "theirs.json", "E2", 2, 9, model="hf/evil/step_7")
    assert convert(tmp_path / "other", output=tmp_path / "out", options=options) == 0
    assert "evil/step_7 is taken for " in capsys.readouterr().err
    shutil.copy(tmp_path / "other" / "theirs.json", tmp_path / "in")
    assert convert(tmp_path / "in", output=tmp_path / "both", options=options) == 3
    assert "results of run/step_7 and of evil/step_7 would both be" in capsys.readouterr().err


@pytest.mark.parametrize(
    "name", ["m\u0585del", "mo\u13a0el", "mode\ua4f4", "m\u2c9fdel", "m\U0001042cdel", "model-7\u09e6b", "m\u043edel"]
)
def test_a_letter_of_another_alphabet_in_a_latin_word_is_named(name):
    assert disguised(name)


@pytest.mark.parametrize(
    "name",
    ["\u03b2VAE", "Qwen\u6a21\u578b", "\u65e5\u672c\u8a9eLLM", "caf\u00e9-7b", "\u00b5Transfer",
     "\uff27\uff30\uff34-4", "N\u00ba1",
     "\ud55c\uad6d\uc5b4LM", "\u043c\u043e\u0434\u0435\u043b\u044c-7b", "x\u00b2", "model\u2460"],
)  # fmt: skip
def test_names_with_signs_of_other_writings_are_names(name):
    assert disguised(name) is None
    assert alike([name, "acme"]) == []


def test_letters_of_the_latin_alphabet_that_look_alike_are_said():
    assert alike(["acme/hugo", "acme/hu\u0261o", "x"]) == [["acme/hugo", "acme/hu\u0261o"]]


def test_results_of_a_clone_are_read_through_no_link(tmp_path):
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / "README.md").write_text("# x\n")
    (tmp_path / "away").mkdir()
    (tmp_path / "away" / "gsm8k.yaml").write_text("- value: 1\n")
    (tmp_path / "clone" / ".eval_results").symlink_to(tmp_path / "away")
    with pytest.raises(ScriptError, match=OUT):
        read_clone(tmp_path / "clone" / "README.md")


def test_results_that_no_hash_binds_are_said(cage, tmp_path):  # noqa: F811
    lay_run(tmp_path)
    script, *argv = RANK
    assert "by the folder's name alone" not in cage.run(script, argv, tmp_path).err
    record = json.loads((tmp_path / RECORD).read_text())
    del record["model_info"]["additional_details"]["weights_sha256"]
    record["model_info"]["additional_details"]["path"] = "run/step_700"
    (tmp_path / RECORD).write_text(json.dumps(record))
    assert "by the folder's name alone" in cage.run(script, argv, tmp_path).err


def test_a_prepared_repository_has_the_weights_that_were_evaluated_alone(cage, tmp_path):  # noqa: F811
    lay_run(tmp_path)
    (tmp_path / "card.md").write_text("---\nlicense: mit\n---\n# Mine\n\n{RESULT:math_reasoning}\n")
    argv = [*RANK[1:], "--prepare", "out", "--card", "card.md"]
    done = cage.run(RANK[0], argv, tmp_path)
    assert done.code == 0, done
    for number, name in enumerate(("pytorch_model.bin", "adapter_model.safetensors", "onnx/model.onnx", "m.gguf")):
        for step in ("step_700", "step_1000"):
            (tmp_path / "run" / step / name).parent.mkdir(exist_ok=True)
            (tmp_path / "run" / step / name).write_bytes(b"x")
        argv[argv.index("--prepare") + 1] = f"out{number}"
        done = cage.run(RANK[0], argv, tmp_path)
        assert done.code == 3 and "weights that were not evaluated" in done.err and name in done.err, done


@pytest.mark.parametrize(
    ("name", "said", "code", "why"),
    [
        ("config.json", {"auto_map": {"AutoModelForCausalLM": "evil/repo--modeling.Model"}}, 3, "code"),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil/repo--t.T", None]}}, 3, "code"),
        ("tokenizer_config.json", {"fast_tokenizer_files": ["../x.json"]}, 3, "name files elsewhere"),
        ("config.json", {"speculators_config": {"verifier": {"name_or_path": "evil/repo"}}}, 2, "names another model"),
    ],
)
def test_a_prepared_repository_asks_for_nothing_of_others(cage, tmp_path, name, said, code, why):  # noqa: F811
    """What an evaluation refuses, or would run code of a third, is not published under one's own name."""
    lay_run(tmp_path)
    (tmp_path / "card.md").write_text("---\nlicense: mit\n---\n# Mine\n\n{RESULT:math_reasoning}\n")
    for step in ("step_700", "step_1000"):
        file = tmp_path / "run" / step / name
        file.write_text(json.dumps(said | (json.loads(file.read_text()) if file.is_file() else {})))
    argv = [*RANK[1:], "--prepare", "out", "--card", "card.md"]
    done = cage.run(RANK[0], argv, tmp_path)
    assert (done.code, (tmp_path / "out").exists()) == (code, False) and why in done.err, done
    if code == 3:  # named, after it was read
        done = cage.run(RANK[0], [*argv, "--assets", f"run/step_1000/{name}"], tmp_path)
        assert (done.code, (tmp_path / "out" / name).is_file()) == (0, True), done


def test_no_text_of_a_record_is_markup_in_a_card_or_a_report(cage, tmp_path):  # noqa: F811
    lay_run(tmp_path)
    evil = "lm\n\n# Results ![x](https://evil.example/a.png) <img src=https://evil.example/b> www.evil.example"
    for path in (tmp_path / "results").rglob("*.json"):
        record = json.loads(path.read_text())
        if "eval_library" in record:
            record["eval_library"]["name"] = evil
            path.write_text(json.dumps(record))
    (tmp_path / "card.md").write_text("---\nlicense: mit\n---\n# Mine\n\nBy {BEST:harness}.\n")
    argv = [*RANK[1:], "--prepare", "out", "--card", "card.md", "--report", "report.md"]
    assert cage.run(RANK[0], argv, tmp_path).code == 0
    said = r"lm # Results !\[x\](https:\//evil.example/a.png) \<img src=https:\//evil.example/b\> www\.evil.example"
    for path in (tmp_path / "out" / "README.md", tmp_path / "report.md"):
        assert f"y {said} 0." in path.read_text().replace("with ", "y "), path


@pytest.mark.parametrize(("refused", "code"), [((), 0), ((True, True), 3), ((True, False), 1)])
def test_a_sweep_whose_models_are_refused_is_undecided(tmp_path, refused, code):
    failed = [Failed(tmp_path / "x_failure.json", "m", "t", "name it", one) for one in refused]
    assert report(Outcome(failed=failed), tmp_path, as_json=True) == code
