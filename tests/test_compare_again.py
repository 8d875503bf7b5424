"""compare_results: what is not comparable comes with the command that measures the other model alike."""

from __future__ import annotations

import json
import shlex
import subprocess
from pathlib import Path

import compare_results as script
import lighteval_vllm_uv
import pytest
import score_predictions
from record_writer import sample_row, write_record

SCORES = [1.0, 0.0] * 40


def compare(capsys: pytest.CaptureFixture[str], folder: Path, *how: str) -> dict:
    how = how or ("--baseline", "o/A", "--candidate", "o/B")
    assert script.main([*how, "--results", str(folder), "--json"]) == 3
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("how", [(), ("--rule", "choose", "--candidate", "o/A", "o/B")])
def test_the_other_model_is_measured_as_this_one_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], how: tuple[str, ...]
) -> None:
    said = {"dtype": "float16", "backend": "vllm", "use_chat_template": "true"}
    write_record(tmp_path, "o/A", SCORES, task="gsm8k", shots=5, settings=said, library=("lm_eval", "0.4.9"))
    write_record(tmp_path, "o/A", SCORES, task="mmlu_pro", shots=5, settings=said, library=("lm_eval", "0.4.9"))
    write_record(tmp_path, "o/B", SCORES, task="gsm8k", shots=0, library=("lm_eval", "0.4.13"))
    (way,) = compare(capsys, tmp_path, *how)["next"]
    assert way.startswith(
        f"measure o/B as o/A was: {shlex.join(script.uv_words(harness=True))} --no-project "
        "--with 'lm-eval[vllm]==0.4.9' lm_eval --model vllm "
    )
    for words in ("pretrained=o/B,dtype=float16", "--tasks gsm8k,mmlu_pro", "--num_fewshot 5", "--apply_chat_template"):
        assert words in way
    command = shlex.split(way.partition("&& uv run ")[2])
    assert Path(command[0]).name == "convert_results.py" and Path(command[0]).is_file()
    assert command[2:4] == ["--output-dir", str(tmp_path)]


@pytest.mark.parametrize("here", [True, False])
def test_a_checkpoint_is_measured_from_its_folder_and_known_again_by_its_weights(tmp_path, capsys, here) -> None:
    folder = tmp_path / "models" / "step_1"
    folder.mkdir(parents=True)
    write_record(tmp_path / "r", "o/A", SCORES, task="gsm8k", shots=5, library=("lm_eval", "0.4.13"))
    path = write_record(tmp_path / "r", "run/step_1", SCORES, task="gsm8k", shots=0, library=("lm_eval", "0.4.13"))
    record = json.loads(path.read_text(encoding="utf-8"))
    record["model_info"]["additional_details"] = {"path": str(folder) if here else "run/step_1"}
    path.write_text(json.dumps(record), encoding="utf-8")
    ways = compare(capsys, tmp_path / "r", "--baseline", "o/A", "--candidate", "run/step_1")["next"]
    (way,) = (way for way in ways if "pretrained=o/A" not in way)
    word = str(folder) if here else "FOLDER"
    assert f"pretrained={word} " in way and f" --checkpoints {word}" in way
    assert ("FOLDER: where run/step_1 lies" in way) is not here


def test_a_record_of_ours_gives_its_own_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_record(tmp_path / "r", "o/A", SCORES, task="gsm8k", shots=5, settings={"dtype": "float32"})
    record = json.loads(path.read_text(encoding="utf-8"))
    record["eval_library"]["additional_details"] = {
        "task": "gsm8k|5",
        "command": "uv run scripts/lighteval_vllm_uv.py --model o/A o/C --tasks all,gsm8k --dtype float32 --seed 7 "
        "--system-prompt 'be brief; $(no)' --output-dir elsewhere --use-chat-template",
    }
    path.write_text(json.dumps(record), encoding="utf-8")
    write_record(tmp_path / "r", "o/B", SCORES, task="gsm8k", shots=0, library=("helm", "1.0"))
    write_record(tmp_path / "r", "o/B", SCORES, task="arc_easy", shots=0, library=("helm", "1.0"))
    ways = compare(capsys, tmp_path / "r")["next"]
    (own,) = (way for way in ways if "lighteval_vllm_uv.py" in way)
    words = shlex.split(own.partition(": uv run ")[2])
    args = lighteval_vllm_uv.build_parser().parse_args(words[1:])
    assert Path(words[0]).is_file() and args.model == ["o/B"] and args.tasks and "gsm8k|5" in args.tasks
    assert (args.dtype, args.seed, args.system_prompt) == ("float32", 7, "be brief; $(no)")
    assert args.use_chat_template and args.output_dir == str(tmp_path / "r")  # where the others are looked for
    assert "measure o/A as o/B was: with helm 1.0 (0-shot): arc_easy" in ways


def test_a_checkpoint_called_like_an_option_is_measured_as_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_record(tmp_path / "r", "o/A", SCORES, task="gsm8k", shots=5)
    record = json.loads(path.read_text(encoding="utf-8"))
    command = "uv run scripts/lighteval_vllm_uv.py --model o/A --tasks gsm8k"
    record["eval_library"]["additional_details"] = {"task": "gsm8k|5", "command": command}
    path.write_text(json.dumps(record), encoding="utf-8")
    path = write_record(tmp_path / "r", "o/B", SCORES, task="gsm8k", shots=0, library=("helm", "1.0"))
    record = json.loads(path.read_text(encoding="utf-8"))
    record["model_info"].setdefault("additional_details", {})["path"] = "--trust-remote-code"
    path.write_text(json.dumps(record), encoding="utf-8")
    (tmp_path / "--trust-remote-code").mkdir()
    monkeypatch.chdir(tmp_path)
    (own,) = (way for way in compare(capsys, tmp_path / "r")["next"] if "lighteval_vllm_uv.py" in way)
    args = lighteval_vllm_uv.build_parser().parse_args(shlex.split(own.partition("lighteval_vllm_uv.py ")[2]))
    assert (args.model, args.trust_remote_code) == (["./--trust-remote-code"], False)


def test_a_score_from_a_document_is_no_model_for_another(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write_record(tmp_path, "o/A", SCORES, task="gsm8k", shots=5, library=("lm_eval", "0.4.9"))
    record = json.loads(path.read_text(encoding="utf-8"))
    record["source_metadata"]["source_type"] = "documentation"
    path.write_text(json.dumps(record), encoding="utf-8")
    write_record(tmp_path, "o/B", SCORES, task="gsm8k", shots=5, library=("lm_eval", "0.4.9"))
    (way,) = compare(capsys, tmp_path)["next"]
    assert way.startswith("measure o/A as o/B was:")


def test_the_same_questions_under_other_ids_are_said_to_be_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model, letter in (("o/A", "q"), ("o/B", "x")):
        rows = [sample_row(i, value) | {"sample_id": f"{letter}{i}"} for i, value in enumerate(SCORES)]
        write_record(tmp_path, model, SCORES, task="gsm8k", rows=rows)
    (row,) = compare(capsys, tmp_path)["benchmarks"]
    assert row["verdict"] == "NOT COMPARABLE"
    assert "80 questions are the same on both sides, under other ids (matched by their content)" in row["notes"]


def evil_record(folder: Path, library: tuple[str, str] | None = None, settings: dict | None = None, **details: str):
    """A record of o/A with these words of its maker, and o/B, which has to be measured alike."""
    more = {"library": library} if library else {}
    path = write_record(folder, "o/A", SCORES, task="gsm8k", shots=5, settings=settings or {}, **more)
    record = json.loads(path.read_text(encoding="utf-8"))
    record["eval_library"]["additional_details"] = details
    path.write_text(json.dumps(record), encoding="utf-8")
    write_record(folder, "o/B", SCORES, task="gsm8k", shots=0, library=("helm", "1.0"))


def way_that_is_run(capsys: pytest.CaptureFixture[str], folder: Path, here: Path) -> tuple[str, list[list[str]]]:
    """(the line for o/B, the commands that a shell makes of it); nothing but `uv` may be started."""
    (line,) = (way for way in compare(capsys, folder)["next"] if way.startswith("measure o/B"))
    assert len(line.splitlines()) == 1
    here.mkdir()
    (here / "uv").write_text("#!/usr/bin/env python3\nimport json, sys\nprint(json.dumps(sys.argv[1:]))\n")
    (here / "uv").chmod(0o755)
    command = line.partition(" was: ")[2]
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=here,
        env={"PATH": f"{here}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert [path.name for path in here.iterdir()] == ["uv"]
    return line, [json.loads(row) for row in done.stdout.splitlines()]


OWN = "uv run scripts/lighteval_vllm_uv.py --model o/A --tasks x "
EVIL_OWN = {
    "a placeholder": ("--system-prompt '\0TASKS\0'", "x; touch pwned; echo"),
    "a placeholder and a task": ("--system-prompt '\0TASKS\0'", "gsm8k|5"),
    "joined": ("--results-repo=evil/r --model=evil/m --trust-remote-code --custom-tasks /evil.py", "gsm8k|5"),
    "all joined": ("--custom-tasks=/evil.py --questions=evil.py --sandbox=local --base-url=http://evil/", "gsm8k|5"),
    "a line break": ("--system-prompt 'x\ntouch pwned #'", "gsm8k|5"),
    "a substitution": ("--dtype '$(touch pwned)' --device=`touch pwned`", "gsm8k|5"),
    "a task file": ("--dtype float32", "results/evil.py"),
    "a task as an option": ("--dtype float32", "--custom-tasks=/evil.py"),
}


@pytest.mark.parametrize(("options", "task"), EVIL_OWN.values(), ids=EVIL_OWN)
def test_a_strangers_own_command_gives_no_foreign_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], options: str, task: str
) -> None:
    evil_record(tmp_path / "r", task=task, command=f"{OWN}{options} --seed 7")
    line, commands = way_that_is_run(capsys, tmp_path / "r", tmp_path / "here")
    assert len(commands) == (task == "gsm8k|5") and ("no command" in line) == (not commands)
    for words in commands:
        assert not any(sign in word for word in words for sign in ("evil", "pwned", "TASKS", "trust"))
        args = lighteval_vllm_uv.build_parser().parse_args(words[2:])
        assert (args.model, args.tasks, args.seed) == (["o/B"], ["gsm8k|5"], 7)
    if "--custom-tasks" in options:
        assert "its task file is yours to name: --custom-tasks FILE" in line


@pytest.mark.parametrize("library", [("lm_eval", "0.4.9"), ("lighteval", "0.13.0"), ("inspect_ai", "0.3.1")])
@pytest.mark.parametrize(
    ("settings", "task"),
    [
        ({"dtype": "float16,pretrained=evil/m,trust_remote_code=True"}, "gsm8k"),
        ({"limit": "--trust_remote_code", "temperature": "-evil", "seed": "1,evil=2"}, "gsm8k"),
        ({"system_prompt": "x\ntouch pwned #", "backend": "evil/x;touch pwned"}, "gsm8k"),
        ({}, "--model-base-url=http://evil/"),
        ({}, "results/evil.py"),
        ({}, "evil.yaml"),
        ({}, "evil.py@pwned"),
        ({}, "$(touch pwned)"),
        ({}, "tests/evil"),
    ],
)
def test_a_record_of_a_harness_gives_no_foreign_words(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], library: tuple[str, str], settings: dict, task: str
) -> None:
    evil_record(tmp_path / "r", library, settings, task=task)
    line, commands = way_that_is_run(capsys, tmp_path / "r", tmp_path / "here")
    assert len(commands) == (2 if task == "gsm8k" else 0) and ("no command" in line) == (not commands)
    assert not any(sign in word for words in commands for word in words for sign in ("evil", "pwned", "trust"))
    if task == "gsm8k":
        assert any("gsm8k" in word for word in commands[0])


def test_a_folder_that_a_harness_would_load_is_no_task(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """lm-eval takes a folder of this name for one of task files, whose functions it runs."""
    monkeypatch.chdir(tmp_path)
    evil_record(tmp_path / "r", ("lm_eval", "0.4.9"), task="r")
    line, commands = way_that_is_run(capsys, tmp_path / "r", tmp_path / "here")
    assert "no command" in line and not commands


def test_settings_are_carried_in_either_form_and_the_last_one_counts() -> None:
    words = "--dtype=float16 --dtype float32 --reasoning-tags '<t>' '</t>' --system-prompt='a=b, c' --use-chat-template"
    carried = script.carried_options(f"{OWN}{words} --limit 5 --shots-from f.py --push", without=("--limit",))
    assert carried.script == "lighteval_vllm_uv.py" and carried.yours == ("--shots-from",)
    kept = ["--dtype", "float32", "--reasoning-tags", "<t>", "</t>", "--system-prompt", "a=b, c", "--use-chat-template"]
    assert list(carried.words) == kept
    assert script.carried_options("rm -r / --dtype float32") is None


def own_record(folder: Path, model: str, when: str = "2026-03-12T02:00:00Z", digest: str = "a" * 64, **more) -> None:
    """A record of a script here of a file of questions with this hash."""
    source = {"source_type": "other", "additional_details": {"split": "questions", "data_sha256": digest}}
    path = write_record(folder, model, SCORES, task="myq", source=source, when=when, **more)
    record = json.loads(path.read_text(encoding="utf-8"))
    record["eval_library"]["additional_details"] = {
        "task": "myq|0",
        "command": f"uv run scripts/lighteval_vllm_uv.py --model {model} --questions myq.csv --backend accelerate",
    }
    path.write_text(json.dumps(record), encoding="utf-8")


def test_own_questions_are_a_file_that_the_user_names(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own_record(tmp_path, "o/A")
    write_record(tmp_path, "o/B", SCORES, task="myq", shots=5, library=("helm", "1.0"))
    (way,) = [line for line in compare(capsys, tmp_path)["next"] if line.startswith("measure o/B")]
    command, _, told = way.partition(" was: uv run ")[2].partition("  # ")
    args = lighteval_vllm_uv.build_parser().parse_args(shlex.split(command)[1:])
    assert (args.questions, args.tasks, args.backend) == (["FILE"], None, "accelerate")
    assert told == "FILE: your questions myq|0"


@pytest.mark.parametrize(
    ("lack", "own", "cure"),
    [
        ("empty", True, r"a cue at the end of the prompt (--template '{question}\nAnswer:')"),
        ("unparsed", False, "a cue at the end of the prompt (--use-chat-template for a chat model)"),
        ("truncated", True, "more --max-tokens"),
        ("truncated_prompts", False, "a greater --max-model-len"),
    ],
)
def test_answers_that_cannot_be_used_are_not_asked_for_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], lack: str, own: bool, cure: str
) -> None:
    write = own_record if own else lambda *place, **more: write_record(*place, SCORES, **more)
    write(tmp_path, "o/A", counts={lack: 40})
    for name in "BCD":
        write(tmp_path, f"o/{name}")
    (way,) = compare(capsys, tmp_path)["next"]
    assert way.startswith("o/A: ") and cure in way and "measure" not in way.replace("measured like", "")
    assert "the same again gives the same" in way and "with the user's yes" in way and "--allow-unlike" in way
    document = compare(capsys, tmp_path, "--baseline", "o/A", "--candidate", "o/B", "o/C", "o/D")
    assert document["next"] == [way]


def test_answers_that_failed_or_were_measured_otherwise_are_measured_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_record(tmp_path / "r", "o/A", SCORES, counts={"unscored": 40, "attempts": 80})
    write_record(tmp_path / "r", "o/B", SCORES)
    (way,) = compare(capsys, tmp_path / "r")["next"]
    assert "the cause in the samples' `error`" in way and "gives the same" not in way
    write_record(tmp_path / "s", "o/A", SCORES, counts={"empty": 40}, settings={"dtype": "float16"})
    for name in "BC":
        write_record(tmp_path / "s", f"o/{name}", SCORES)
    document = compare(capsys, tmp_path / "s", "--baseline", "o/A", "--candidate", "o/B", "o/C")
    (way,) = document["next"]
    assert way.startswith("measure o/A as o/B, o/C were: ")
    assert document["chosen"] is None and "none of the 2 can be called the best" in document["reasons"][0]


@pytest.mark.filterwarnings("error")
def test_nothing_comparable_has_no_best_and_no_level(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_record(tmp_path, "o/A", SCORES, counts={"empty": 40})
    for name, scores in (("B", SCORES), ("C", [1.0] * 80)):
        write_record(tmp_path, f"o/{name}", scores)
    words = ["--candidate", "o/B", "o/C", "--results", str(tmp_path)]
    assert script.main(["--baseline", "o/A", *words]) == 3
    out = capsys.readouterr().out
    assert "the best of" not in out and "tried: " not in out and "none of the 2 can be called the best" in out
    write_record(tmp_path, "o/D", [0.0, 1.0] * 40)
    script.main(["--baseline", "o/D", *words])
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("The best of 2 tried: ")]
    assert "5 % for all of them together" in line and not line.endswith("at 5 %.")


LOADED = {"dtype": "float16", "backend": "vllm", "max_model_len": "4096", "enable_thinking": "false"}
DRAWN = {"temperature": "0.6", "do_sample": "true", "max_gen_toks": "2048", "top_p": "0.9"}
TURNS = {"fewshot_as_multiturn": "true"}
SEEDS = {"random_seed": "42", "numpy_seed": "1234", "torch_seed": "1234", "fewshot_seed": "99"}


@pytest.mark.parametrize(
    ("settings", "words", "left"),
    [
        (LOADED, ["pretrained=o/B,dtype=float16,max_model_len=4096,enable_thinking=false"], ""),
        (DRAWN, ["--gen_kwargs do_sample=true,temperature=0.6,top_p=0.9,max_gen_toks=2048"], ""),
        (SEEDS, ["--seed 42,1234,1234,99"], ""),
        (TURNS | {"use_chat_template": "true"}, ["--apply_chat_template", "--fewshot_as_multiturn"], ""),
        (TURNS, [], "fewshot_as_multiturn true"),
        ({"think_end_token": "</think>"}, [], "think_end_token"),
        ({"odd_thing": "7", "dtype": "float16"}, ["dtype=float16"], "odd_thing 7"),
        ({"odd_thing": "false"}, [], ""),
    ],
)
def test_what_is_unlike_is_in_the_printed_command_or_said_not_to_be(tmp_path, capsys, settings, words, left) -> None:
    """Otherwise a run made by it is unlike again, with the same next line: hours of a GPU in a circle."""
    library = ("lm_eval", "0.4.9")
    write_record(tmp_path, "o/A", SCORES, task="gsm8k", shots=5, settings=settings, library=library)
    write_record(tmp_path, "o/B", SCORES, task="gsm8k", shots=5, library=library, prompt="x")
    (way,) = compare(capsys, tmp_path)["next"]
    command, _, told = way.partition("  # ")
    assert all(word in command for word in words) and (left in told if left else not told)


def test_what_only_a_chat_template_uses_tells_nothing_apart_without_one_and_is_not_asked_for(tmp_path, capsys) -> None:
    """lm-eval's own functions write fewshot_as_multiturn for every run; its command refuses it without a template."""
    plain = {"use_chat_template": "false"}
    for task, shots in (("gsm8k", 5), ("arc_easy", 0)):
        options = {"task": task, "library": ("lm_eval", "0.4.13")}
        write_record(tmp_path, "o/A", SCORES, shots=5, settings=plain | TURNS, **options)
        write_record(tmp_path, "o/B", SCORES, shots=shots, settings=plain, **options)
    answer = compare(capsys, tmp_path)
    verdicts = {row["benchmark"]: row["verdict"] for row in answer["benchmarks"]}
    assert verdicts["gsm8k"] != "NOT COMPARABLE" == verdicts["arc_easy"]
    assert answer["next"] and not any("multiturn" in way for way in answer["next"])


@pytest.mark.parametrize(("task", "file"), [("triples", "run.py"), ("inspect_evals/gsm8k", ""), ("gsm8k", "")])
def test_a_task_of_ones_own_file_is_of_no_package(tmp_path, capsys, task, file) -> None:
    path = write_record(tmp_path, "o/A", SCORES, task=task.rpartition("/")[2], library=("inspect_ai", "0.3.285"))
    record = json.loads(path.read_text(encoding="utf-8"))
    record["eval_library"]["additional_details"] = {"task": task} | ({"task_file": file} if file else {})
    record["evaluation_results"][0]["generation_config"]["additional_details"]["repeats"] = "3"
    path.write_text(json.dumps(record), encoding="utf-8")
    write_record(tmp_path, "o/B", SCORES, task=task.rpartition("/")[2], shots=5, library=("inspect_ai", "0.3.285"))
    (way,) = compare(capsys, tmp_path)["next"]
    assert (" inspect eval FILE@triples " if file else " inspect eval inspect_evals/gsm8k ") in way
    assert "--epochs 3" in way and ("your task file run.py" in way) is bool(file)


def scored(folder: Path, model: str, count: int, *words: str) -> None:
    rows = [{"id": str(i), "prediction": "a b c", "reference": "a b d"} for i in range(count)]
    file = folder / f"{model.replace('/', '_')}.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    words = (*words, "--benchmark", "asr", "--model-id", model, "--output-dir", str(folder / "results"))
    assert score_predictions.main([str(file), "--metric", "wer", *words]) == 0


@pytest.mark.parametrize(
    ("sizes", "options", "begins", "model"),
    [
        ((40, 60), ["--normalize", "basic"], "complete o/A's file, which lacks 20 items that o/B has", "o/A"),
        ((60, 40), [], "complete o/B's file, which lacks 20 items that o/A has", "o/B"),
        ((60, 60), ["--normalize", "basic"], "score o/B's file as o/A's was", "o/B"),
    ],
)
def test_the_next_line_of_scored_files_is_a_command_for_the_side_that_lacks(
    tmp_path, capsys, sizes, options, begins, model
) -> None:
    other = options if sizes[0] != sizes[1] else []
    for name, count, own in (("o/A", sizes[0], options), ("o/B", sizes[1], other)):
        scored(tmp_path, name, count, *own)
    capsys.readouterr()
    (way,) = compare(capsys, tmp_path / "results")["next"]
    assert way.startswith(begins)
    words = shlex.split(way.partition("score_predictions.py ")[2].partition("  # ")[0])
    args = score_predictions.build_parser().parse_args(words)
    assert (args.metric, args.benchmark, args.model_id) == (["wer"], ["asr"], model)
    assert (args.normalize, args.output_dir) == ("basic" if options else None, str(tmp_path / "results"))


def test_a_strangers_scoring_command_gives_no_foreign_words() -> None:
    command = "uv run scripts/score_predictions.py evil.jsonl --metric wer --custom-metric evil.py --model evil/m "
    command += "--output-dir evil --benchmark=asr --classifier evil --figure evil.png --parse 'a\nevil' --shots 5"
    words = ("--metric", "wer", "--benchmark", "asr", "--shots", "5")
    assert script.scoring_options(command) == words
    assert script.scoring_options("rm --metric wer") == ()


def test_two_versions_of_a_file_are_named_for_a_shell_and_by_age(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for model in ("o/A", "o/B"):
        own_record(tmp_path, model, "2026-03-12T02:00:00Z")
        own_record(tmp_path, model, "2026-03-12T03:00:00Z", "b" * 64)
    words = ["--baseline", "o/A", "--candidate", "o/B", "--results", str(tmp_path)]
    assert script.main(words) == 3
    said = shlex.split(capsys.readouterr().err)
    key = "data set revision"
    old, new = (said[said.index(f"NAME[{key}={letter * 64}]") :] for letter in "ab")
    assert old[1:3] == ["(2026-03-12T02:00:00Z,", "older)"] and new[1:3] == ["(2026-03-12T03:00:00Z,", "newer)"]
    chosen = [word.replace("NAME", model) for word, model in ((new[0], "o/A"), (new[0], "o/B"))]
    assert script.main(["--baseline", chosen[0], "--candidate", chosen[1], "--results", str(tmp_path)]) != 2


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = script.main(list(map(str, words)))
    out, err = capsys.readouterr()
    return code, out, err


def test_a_name_that_asks_for_a_state_is_never_another_record_of_that_id(tmp_path, capsys):
    """A stranger's record called as mine is asked for: unread where only states are called so, else asked about."""
    mine = {"when": "2026-11-21T10:00:00Z", "details": {"revision": "step1"}}
    write_record(tmp_path / "mine", "run/old", SCORES)
    write_record(tmp_path / "mine", "run/new", SCORES[::-1], **mine)
    evil = write_record(tmp_path / "evil", "run/new@2026-11-21", [1] * len(SCORES))
    pair = ("--baseline", "run/old", "--results", tmp_path / "mine", tmp_path / "evil", "--candidate")
    code, out, err = answer(capsys, *pair, "run/new@2026-11-21")
    assert (code, out) == (2, "") and f"{evil}: the model's name ends in @2026-11-21" in err
    evil.unlink()
    write_record(tmp_path / "evil", "run/new@step1", [1] * len(SCORES))
    code, out, err = answer(capsys, *pair, "run/new@step1")
    assert (code, out) == (3, "") and "run/new@step1: the id of one model, and short for others" in err
