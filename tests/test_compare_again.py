"""compare_results: what is not comparable comes with the command that measures the other model alike."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

import compare_results as script
import lighteval_vllm_uv
import pytest
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
    assert way.startswith("measure o/B as o/A was: uv run --with 'lm-eval[vllm]==0.4.9' lm_eval --model vllm ")
    for words in ("pretrained=o/B,dtype=float16", "--tasks gsm8k,mmlu_pro", "--num_fewshot 5", "--apply_chat_template"):
        assert words in way
    command = shlex.split(way.partition("&& uv run ")[2])
    assert Path(command[0]).name == "convert_results.py" and Path(command[0]).is_file()


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
    assert args.use_chat_template and args.output_dir == "results"
    assert "measure o/A as o/B was: with helm 1.0 (0-shot): arc_easy" in ways


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
