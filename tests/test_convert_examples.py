"""convert_results: a log whose prompts hold another number of examples than its configuration says is told."""

from __future__ import annotations

import json
from pathlib import Path

import convert_results as script
import pytest
from test_convert_results import convert, line, lm_eval_run, records

ONE = "Question: Is {n} even?\nA. yes\nB. no\nAnswer:"


def plain(shots: int, n: int) -> str:
    return "Answer with a letter.\n\n" + "".join(ONE.format(n=i) + " A\n\n" for i in range(shots)) + ONE.format(n=n)


def chat(shots: int, n: int) -> str:
    turns = "".join(f"<|im_start|>user\n{i}?<|im_end|>\n<|im_start|>assistant\nyes<|im_end|>\n" for i in range(shots))
    return f"{turns}<|im_start|>user\n{n}?<|im_end|>\n<|im_start|>assistant\n"


def in_one_turn(shots: int, n: int) -> str:
    return f"<|im_start|>user\n{plain(shots, n)}<|im_end|>\n<|im_start|>assistant\n".replace(
        "Answer:<|im_end|>", "Answer:"
    )


def with_roles(shots: int, n: int) -> str:
    return "".join(f"user: {i}?\n\nassistant: yes\n\n" for i in range(shots)) + f"user: {n}?"


@pytest.mark.parametrize("form", [plain, chat, in_one_turn, with_roles])
@pytest.mark.parametrize("shots", [1, 4, 8])
def test_examples_are_counted(form, shots: int) -> None:
    assert {script.examples_in(form(shots, n)) for n in range(5)} == {shots}


@pytest.mark.parametrize(
    "prompt", ["", "Once upon a time there was", "Context: a\n\nWhat is it?", "x" * 10_000, "A:\n" * 3]
)
def test_a_prompt_that_shows_nothing_says_nothing_wrong(prompt: str) -> None:
    assert script.examples_in(prompt) in (None, 0, 2)


@pytest.mark.parametrize(("said", "there"), [(0, 4), (5, 4), (5, 0), (4, 4), (None, 4)])
def test_another_number_than_the_configuration_says_is_noted(
    said: int | None, there: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = [line(i, 1.0) | {"arguments": {"gen_args_0": {"arg_0": plain(there, i), "arg_1": {}}}} for i in range(12)]
    folder = lm_eval_run(tmp_path / "run", lines, 1.0, num_fewshot=said)
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == 0
    out, err = capsys.readouterr()
    notes = json.loads(out)["notes"]
    settings = records(tmp_path / "out")["toy"]["evaluation_results"][0]["generation_config"]["additional_details"]
    if said in (None, there):
        assert notes == [] and "examples_in_prompts" not in settings
    else:
        assert notes[0]["reason"] == f"its prompts hold {there} examples, while its configuration says {said}"
        assert "note:" in err and settings["examples_in_prompts"] == str(there) and settings["few_shot"] == str(said)
    capsys.readouterr()
    assert convert(folder, output=tmp_path / "out", options=["--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["unchanged"]) == 1
