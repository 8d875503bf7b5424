"""--questions: what a file says, what is wrong with it by line, what a model is asked, what an answer is worth."""

from __future__ import annotations

import csv
import hashlib
import importlib.util
import json
import os
from pathlib import Path

import benchmark_calculator
import compare_results
import inspect_eval_uv
import lighteval_vllm_uv
import lm_eval_vllm_uv as script
import pytest
import yaml
from record_writer import sample_row, write_record
from test_records import checkpoints

CAPITALS = [("France", "Paris"), ("Italy", "Rome"), ("Spain", "Madrid"), ("Norway", "Oslo")]
CITIES = [city for _, city in CAPITALS]


def rows(**more) -> list[dict]:
    """Four questions with choices; more: fields of each, by a function of the number."""
    made = []
    for place, (country, _) in enumerate(CAPITALS):
        row = {"question": f"What is the capital of {country}?", "choices": CITIES, "answer": "ABCD"[place]}
        row |= {name: value(place) if callable(value) else value for name, value in more.items()}
        made.append({name: value for name, value in row.items() if value is not None})
    return made


def write(path: Path, lines: list[dict]) -> Path:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def load(path: Path, *words: str, loglikelihoods: bool = True):
    args = script.build_parser().parse_args(["--model", "x", "--questions", str(path), *words])
    return script.load_questions(args, loglikelihoods, ())[0]


def refused(capsys, path: Path, *words: str) -> tuple[int, str]:
    """The exit code and what is said, of a command that never gets as far as its model."""
    code = script.main(["--model", "no/where", "--questions", str(path), *words])
    captured = capsys.readouterr()
    assert captured.out == ""
    return code, captured.err


# --- forms of a file ---


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"answer": lambda place: CITIES[place]},
        {"answer": lambda place: place},
        {"answer": lambda place: f"({'abcd'[place]})"},
        {"answer": lambda place: ["ABCD"[place]]},
        {"answer": None, "label": lambda place: "ABCD"[place]},
        {"choices": None, "options": dict(zip("ABCD", CITIES, strict=True))},
        {"choices": {"label": ["1", "2", "3", "4"], "text": CITIES}, "answer": lambda place: str(place + 1)},
        {"question": None, "prompt": lambda place: f"What is the capital of {CAPITALS[place][0]}?"},
        {
            "question": None,
            "messages": lambda place: [{"role": "user", "content": f"What is the capital of {CAPITALS[place][0]}?"}],
        },
    ],
)
def test_usual_forms_say_the_same(tmp_path, more):
    asked = load(write(tmp_path / "quiz.jsonl", rows(**more)))
    assert asked.scoring == "loglikelihood"
    assert [item.gold for item in asked.items] == [(0,), (1,), (2,), (3,)]
    assert asked.prompt(asked.items[1]) == "What is the capital of Italy?"
    assert asked.continuations(asked.items[1], False) == [" Paris", " Rome", " Madrid", " Oslo"]


def test_tables_say_the_same_as_lines(tmp_path):
    import pyarrow
    import pyarrow.parquet

    lines = load(write(tmp_path / "quiz.jsonl", rows()))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows()), tmp_path / "quiz.parquet")
    for name, cells in (("a.csv", lambda row: {"choices": json.dumps(row["choices"])}), ("b.csv", None)):
        with (tmp_path / name).open("w", newline="") as file:
            made = [
                {"question": row["question"], "answer": row["answer"]}
                | (cells(row) if cells else dict(zip("ABCD", row["choices"], strict=True)))
                for row in rows()
            ]
            writer = csv.DictWriter(file, made[0])
            writer.writeheader()
            writer.writerows(made)
    for name in ("quiz.parquet", "a.csv", "b.csv"):
        found = load(tmp_path / name)
        assert [(i.turns, i.choices, i.gold) for i in found.items] == [
            (i.turns, i.choices, i.gold) for i in lines.items
        ]


def test_fields_of_other_names_are_mapped(tmp_path, capsys):
    lines = [{"frage": "3 + 4 =", "gold_answer": 7}, {"frage": "1 + 1 =", "gold_answer": 2}]
    path = write(tmp_path / "sums.jsonl", lines)
    code, said = refused(capsys, path)
    assert code == 3 and "--map question=FIELD" in said and "frage" in said
    asked = load(path, "--map", "question=frage", "answer=gold_answer")
    assert asked.scoring == "numeric" and asked.items[0].right == ("7",)
    both = write(tmp_path / "both.jsonl", [{"prompt": "a", "input": "b", "answer": "c"}])
    code, said = refused(capsys, both)
    assert code == 3 and "--map question=prompt or --map question=input" in said


# --- what is wrong, by line ---


def broken(place: int, **more) -> list[dict]:
    lines = rows()
    lines[place] |= more
    return lines


@pytest.mark.parametrize(
    ("lines", "line", "said"),
    [
        (broken(2, answer="E"), 3, "'E' is no letter of its 4 choices"),
        (rows(answer=lambda place: (0, 4, 1, 2)[place]), 2, "is no number of its 4 choices (numbers count from 0)"),
        (broken(1, answer=""), 2, "no answer"),
        (broken(1, answer=None), 2, "no answer"),
        (broken(3, question="  "), 4, "the question is empty"),
        (broken(0, choices=["Paris"]), 1, "1 choices"),
        (broken(0, choices=["Paris", "Paris ", "Oslo", "x"]), 1, "two choices are the same"),
        (broken(0, choices=["Paris", "", "Oslo", "x"]), 1, "an empty choice"),
        ([*rows(), rows()[1]], 5, "the same question as line 2"),
        ([*rows(), rows()[1] | {"answer": "A"}], 5, "another answer (Paris) to the question of line 2"),
        (rows(id=lambda place: place % 3), 4, "the id '0' of line 1"),
        ([*rows(), {"question": "2 + 2 =", "answer": "4"}], 5, "no choices, and others have some"),
    ],
)
def test_broken_rows_end_the_run_before_it_begins(tmp_path, capsys, lines, line, said):
    path = write(tmp_path / "quiz.jsonl", lines)
    code, err = refused(capsys, path)
    assert code == 1 and f"{path}:{line}: " in err and said in err and "nothing was asked" in err
    for other in (lighteval_vllm_uv, inspect_eval_uv):
        assert other.main(["--model", "no/where", "--questions", str(path)]) == 1
        assert f"{path}:{line}: " in capsys.readouterr().err


def test_all_problems_are_told_at_once(tmp_path, capsys):
    path = tmp_path / "quiz.jsonl"
    path.write_text('{"question": "a", "answer": "b"}\nnot json\n{"question": "", "answer": "b"}\n[1]\n')
    code, err = refused(capsys, path, "--score", "exact")
    assert code == 1 and [f"{path}:{line}:" in err for line in (2, 3, 4)] == [True] * 3
    assert "3 problems in all" in err


def test_examples_are_none_of_the_items(tmp_path, capsys):
    path = write(tmp_path / "quiz.jsonl", rows())
    shots = write(tmp_path / "shots.jsonl", [rows()[2] | {"question": "what is the capital of spain"}])
    code, err = refused(capsys, path, "--shots-from", str(shots))
    assert code == 1 and f"{path}:3: the question is example 1 of --shots-from too" in err


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2+2?", "2 + 2 ?", True),
        ("Is f(x)=3?", "is f( x ) = 3 ?", True),
        ("\u201ca\u201d or b", "\u201c a \u201d or b", True),
        ("2+2?", "2+3?", False),
        ("in to", "into", False),
        ("a b-c", "ab-c", False),
    ],
)
def test_spaces_around_signs_tell_no_questions_apart(tmp_path, capsys, one, other, same):
    """Among the items that is a doubt, between items and examples it is a leak."""
    path = write(tmp_path / "quiz.jsonl", [{"question": text, "answer": "4"} for text in (one, other)])
    load(path)
    assert ("lines 1 and 2 ask the same but for capitals or spaces" in capsys.readouterr().err) == same
    items = write(tmp_path / "items.jsonl", [{"question": one, "answer": "4"}])
    shots = write(tmp_path / "shots.jsonl", [{"question": other, "answer": "4"}])
    if same:
        assert "the question is example 1 of --shots-from too" in refused(capsys, items, "--shots-from", str(shots))[1]
    else:
        load(items, "--shots-from", str(shots))


def test_an_answer_that_means_two_choices_is_refused(tmp_path, capsys):
    lines = [{"question": f"{n} and one more is", "choices": ["2", "1", "0"], "answer": n} for n in (0, 1, 2)]
    code, err = refused(capsys, write(tmp_path / "quiz.jsonl", lines))
    assert code == 1 and "the text of one choice and the number of another" in err


def test_long_answers_ask_how_they_are_scored(tmp_path, capsys):
    lines = [{"question": f"Why {n}?", "answer": "because " * 20 + str(n)} for n in range(3)]
    path = write(tmp_path / "why.jsonl", lines)
    code, err = refused(capsys, path)
    assert code == 3 and "--score f1" in err and "--score rouge_l" in err
    assert load(path, "--score", "rouge_l").metric == "rouge_l"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--score", "bleu"], "one of loglikelihood"),
        (["--score", "regex"], "regex:PATTERN"),
        (["--score", "regex:("], "--score regex:("),
        (["--template", "{choices}"], "no {question}"),
        (["--shots", "2"], "--shots-from"),
        (["--map", "answer"], "ROLE=FIELD"),
    ],
)
def test_options_that_cannot_work_are_told(tmp_path, capsys, words, said):
    code, err = refused(capsys, write(tmp_path / "quiz.jsonl", rows()), *words)
    assert code == 2 and said in err


def test_options_of_questions_need_questions(capsys):
    assert script.main(["--model", "x", "--tasks", "gsm8k", "--score", "exact"]) == 2
    assert "it is about --questions" in capsys.readouterr().err
    assert script.main(["--model", "x", "--tasks", "gsm8k", "--max-tokens", "9"]) == 2
    assert "--max-tokens" in capsys.readouterr().err


def test_choices_for_inspect_are_letters(tmp_path, capsys):
    path = write(tmp_path / "quiz.jsonl", rows())
    assert load(path, loglikelihoods=False).scoring == "letters"
    assert inspect_eval_uv.main(["--model", "a/b", "--questions", str(path), "--score", "loglikelihood"]) == 2
    assert "inspect has no log-likelihoods" in capsys.readouterr().err


# --- what a model is asked ---


def test_spaces_before_answers():
    cases = {("Answer:", "Paris"): " Paris", ("Answer:\n", "Paris"): "Paris", ("答案：", "巴黎"): "巴黎"}
    assert {pair: script.spaced(*pair) for pair in cases} == cases


def test_a_space_at_the_end_of_the_prompt_goes_to_the_choices(tmp_path):
    asked = load(write(tmp_path / "quiz.jsonl", rows(question=lambda place: f"{CAPITALS[place][0]}: ")))
    assert asked.prompt(asked.items[0]) == "France:" and asked.continuations(asked.items[0], False)[0] == " Paris"


def test_letters_and_examples(tmp_path):
    path = write(tmp_path / "quiz.jsonl", rows()[:2])
    shots = write(tmp_path / "shots.jsonl", rows()[2:])
    asked = load(path, "--score", "letters", "--shots-from", str(shots), "--shots", "1")
    listed = "A. Paris\nB. Rome\nC. Madrid\nD. Oslo\nAnswer:"
    shot, own = f"What is the capital of Spain?\n{listed}", f"What is the capital of France?\n{listed}"
    assert asked.prompt(asked.items[0]) == f"{shot} C\n\n{own}"
    assert asked.turns(asked.items[0], "Be brief.") == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": shot},
        {"role": "assistant", "content": "C"},
        {"role": "user", "content": own},
    ]
    assert asked.right(asked.items[0]) == ["A"] and asked.stops(False) == ["\n"] and asked.stops(True) == []


def test_turns_of_a_chat_come_before_the_question(tmp_path):
    turns = [("system", "Rhyme."), ("user", "hat"), ("assistant", "cat"), ("user", "dog"), ("assistant", "log")]
    lines = [{"messages": [{"role": role, "content": text} for role, text in turns]}]
    asked = load(write(tmp_path / "chat.jsonl", lines), "--score", "exact")
    item = asked.items[0]
    assert item.right == ("log",) and [turn["content"] for turn in asked.turns(item)] == ["Rhyme.", "hat", "cat", "dog"]
    assert asked.prompt(item) == "Rhyme.\n\nhat\n\ncat\n\ndog"


def test_a_template_is_filled_once(tmp_path):
    asked = load(
        write(tmp_path / "q.jsonl", [{"question": "{choices}?", "answer": "1"}]), "--template", r"Q: {question}\nA:"
    )
    assert asked.prompt(asked.items[0]) == "Q: {choices}?\nA:"


@pytest.mark.parametrize(
    ("answers", "pattern", "told"),
    [
        (["3,50", "1.234,5", "12"], ",", "decimal comma"),
        (["3.50", "1,234.5", "12"], "", ""),
        (["1,234", "12"], "", "1,234 is read as 1234; if 1.234 is meant"),
        (["365", "12"], "", ""),
        (["0,125", "1.250"], ",", "decimal comma"),
    ],
)
def test_numbers_have_one_decimal_mark_in_a_file(tmp_path, capsys, answers, pattern, told):
    lines = [{"question": f"{n}?", "answer": answer} for n, answer in enumerate(answers)]
    asked = load(write(tmp_path / "q.jsonl", lines))
    said = capsys.readouterr().err
    assert (asked.scoring, asked.pattern) == ("numeric", pattern)
    assert told in said and bool(told) == ("comma" in said or "is read as" in said)


def test_both_decimal_marks_are_told_by_line(tmp_path, capsys):
    path = write(tmp_path / "q.jsonl", [{"question": f"{a}?", "answer": a} for a in ("3.5", "2,25", "7")])
    code, err = refused(capsys, path, "--score", "numeric")
    assert code == 1 and "q.jsonl:2: the answer 2,25 is no number with a decimal point" in err
    code, err = refused(capsys, path, "--score", "numeric:,")
    assert code == 1 and "q.jsonl:1: the answer 3.5 is no number with a decimal comma" in err


def test_a_table_of_semicolons_and_several_answers(tmp_path, capsys):
    path = tmp_path / "why.csv"
    with path.open("w", newline="") as file:
        table = csv.writer(file, delimiter=";")
        table.writerow(["frage", "gold"])
        table.writerow(["Why, though?", json.dumps(["because", "it is, so"])])
        table.writerow(["Which list?", "[1, 2]"])
    asked = load(path, "--map", "question=frage", "answer=gold", "--score", "f1")
    assert [item.right for item in asked.items] == [("because", "it is, so"), ("[1, 2]",)]
    assert "several right answers" in capsys.readouterr().err
    path.write_text(path.read_text().replace('[""because"", ""it is, so""]', "['because', 'it is, so']"))
    code, err = refused(capsys, path, "--map", "question=frage", "answer=gold", "--score", "f1")
    assert code == 1 and "why.csv:2: gold is no JSON list" in err


def test_two_columns_of_one_name_are_told(tmp_path, capsys):
    path = tmp_path / "q.csv"
    path.write_text("question,answer,answer,,\nWhat is 2 + 2?,4,5,,\n")
    code, err = refused(capsys, path)
    assert code == 1 and "two columns are called 'answer'" in err
    path.write_text("question,answer,,\nWhat is 2 + 2?,4,,\n")
    assert load(path).items[0].right == ("4",)


def test_show_prints_what_is_sent(tmp_path, capsys):
    path = write(tmp_path / "quiz.jsonl", rows())
    code = script.main(["--model", "no/where", "--questions", str(path), "--show", "1", "--system-prompt", "Hello."])
    out = capsys.readouterr().out
    assert code == 0 and "Hello.\n\nWhat is the capital of France?⏎" in out
    assert "right: ' Paris'" in out and "wrong: ' Rome'" in out and "Italy" not in out


def test_show_prints_the_good_lines_and_names_the_bad_one(tmp_path, capsys):
    lines = [*rows(answer=lambda place: "ABXD"[place]), {"question": "", "choices": CITIES, "answer": "A"}]
    path = write(tmp_path / "quiz.jsonl", lines)
    words = ["--model", "no/where", "--questions", str(path)]
    code, captured = script.main([*words, "--show", "9"]), capsys.readouterr()
    assert code == 1 and captured.out.startswith("quiz: 3 items, ")
    assert [line for line in captured.out.splitlines() if line.startswith("right")] == [
        f"right: ' {city}'" for city in ("Paris", "Rome", "Oslo")
    ]
    assert "quiz.jsonl:3: the answer 'X' is no letter" in captured.err and "quiz.jsonl:5: " in captured.err
    assert refused(capsys, path)[0] == 1  # and without --show nothing is asked


def test_warnings_before_the_run(tmp_path, capsys):
    lines = [rows()[0] | {"question": f"{n}?", "answer": "A"} for n in range(10)]
    load(write(tmp_path / "quiz.jsonl", lines))
    assert "choice A is right in all items" in capsys.readouterr().err
    args = script.build_parser().parse_args(
        ["--model", "x", "--questions", str(write(tmp_path / "gsm8k.jsonl", rows()))]
    )
    script.load_questions(args, True, script.LM_EVAL_TASKS)
    assert "a public benchmark's name" in capsys.readouterr().err


def test_the_key_of_a_run_tells_options_and_examples_apart(tmp_path):
    path, shots = write(tmp_path / "quiz.jsonl", rows()[:2]), write(tmp_path / "shots.jsonl", rows()[2:])

    def key(*words):
        args = script.build_parser().parse_args(["--model", "x", "--questions", str(path), *words])
        return script.questions_key(script.load_questions(args, True, ()), args)

    usual = key()
    assert usual == key()
    others = [key("--score", "letters"), key("--template", "{question}:"), key("--shots-from", str(shots))]
    write(shots, [rows()[3]])
    others.append(key("--shots-from", str(shots)))
    assert len({usual, *others}) == 5


# --- what an answer is worth ---


@pytest.mark.parametrize(
    ("scoring", "pattern", "text", "right", "score"),
    [
        ("exact", "", " Paris\nand more", "Paris", 1),
        ("exact", "", "paris", "Paris", 0),
        ("exact", "", "", "Paris", 0),
        ("exact", "", "a\nb", "a\nb", 1),
        ("normalized", "", "The  paris.", "Paris", 1),
        ("normalized", "", "Ñandú!", "ñandú", 1),
        ("numeric", "", "7 + 5 makes 12.", "12", 1),
        ("numeric", "", "It is .5", "0.5", 1),
        ("numeric", "", "350", "3,50", 0),
        ("numeric", ",", "Das macht 3,5 €.", "3,50", 1),
        ("numeric", ",", "350", "3,50", 0),
        ("numeric", ",", "3.50", "3,50", 0),
        ("numeric", ",", "1234,50 und dann -1.234,5.", "-1.234,50 €", 1),
        ("numeric", ",", "12.345", "12345", 1),
        ("numeric", "", "It costs $1,234.50", "1234.5", 1),
        ("numeric", "", "about −3", "-3.0", 1),
        ("numeric", "", "no idea", "0", 0),
        ("numeric", "", "first 4, then #### 5", "5", 1),
        ("numeric", "", "12", "121", 0),
        ("regex", r"Answer: (\w+)", "Hm. Answer: yes.", "yes", 1),
        ("regex", r"\d+", "a 12 b", "12", 1),
        ("regex", r"Answer: (\w+)", "yes", "yes", 0),
        ("f1", "", "the cat sat", "a cat sat down", 2 * 2 / 5),
        ("f1", "", "", "cat", 0),
        ("rouge_l", "", "the cat sat", "the cat sat down", 6 / 7),
        ("rouge_l", "", "猫", "犬", 0),
    ],
)
def test_written_answers(scoring, pattern, text, right, score):
    assert script.score_answer(scoring, pattern, text, [right])[0] == pytest.approx(score)


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("B", "B"),
        (" (B)", "B"),
        ("**B.** Rome", "B"),
        ("B) Rome", "B"),
        ("The answer is B.", "B"),
        ("Answer: C", "C"),
        ("Rome.", "B"),
        ("A city in Italy, the answer is B", "B"),
        ("E", None),
        ("I do not know", None),
        ("A guess would be wrong", None),
        ("", None),
    ],
)
def test_letters_are_read(text, letter):
    assert script.read_letter(text, CITIES) == letter
    assert script.score_answer("letters", "", text, ["B"], CITIES)[0] == float(letter == "B")


def test_the_likeliest_choice():
    assert script.chosen_choice("loglikelihood", [-3.0, -2.0], [" a", " bbbbbbbb"]) == 1
    assert script.chosen_choice("loglikelihood", [-2.0, -3.0], [" a", " bbbbbbbb"]) == 0
    assert script.chosen_choice("loglikelihood_norm", [-2.0, -3.0], [" a", " bbbbbbbb"]) == 1


# --- doubts ---


def result(score=0.25, error=0.05, n=100, total=100, limit=None, **details) -> dict:
    return {
        "evaluation_result_id": "quiz|0/acc",
        "source_data": {"additional_details": {"samples_number": str(total)}},
        "score_details": {
            "score": score,
            "details": {name: str(value) for name, value in details.items()},
            "uncertainty": {"num_samples": n, "standard_error": {"value": error}},
        },
        "generation_config": {"additional_details": {"limit": str(limit)}},
    }


def said_of(*results) -> list[str]:
    return script.doubts_of_result("quiz", [(f"m{place}", row) for place, row in enumerate(results)])


def test_doubts_are_said():
    assert said_of(result(0.9, chance=0.25), result(0.26, chance=0.25)) == []
    assert "every model is at chance (0.25)" in said_of(result(0.3, chance=0.25), result(0.2, chance=0.25))[0]
    assert "m0 is at chance" in said_of(result(0.3, chance=0.25))[0]
    assert said_of(result(0.3, n=10, total=10, chance=0.25)) == []
    assert "over 10 of 100 items (--limit)" in said_of(result(0.9, n=10, limit=10))[0]
    assert "every choice is improbable" in said_of(result(0.9, likeliest_choice=1e-4))[0]
    assert said_of(result(0.9, likeliest_choice=1e-4), result(0.9, likeliest_choice=0.3)) == []
    assert "100 items, different prompts: 12" in said_of(result(0.9, different_prompts=12))[0]
    assert "30 of 100 answers cut off" in said_of(result(0.9, truncated=30))[0]


def test_items_of_one_prompt_are_one_observation():
    values = [1.0, 1.0, 0.0, 0.0, 1.0, 1.0]
    groups = ["a", "a", "b", "b", "c", "c"]
    import numpy as np

    means = np.array([1.0, 0.0, 1.0])
    assert script.clustered_error(values, groups) == pytest.approx(means.std(ddof=1) / np.sqrt(3))
    assert script.clustered_error(values, ["a"] * 6) is None


# --- written tasks ---


def test_written_files_are_complete_and_kept(tmp_path, capsys):
    path = write(tmp_path / "quiz.jsonl", rows())
    for harness, names in (
        ("lighteval", {"quiz_lighteval.py"}),
        ("lm_eval", {"quiz_lm_eval.yaml", "quiz_lm_eval.py"}),
        ("inspect", {"quiz_inspect.py"}),
    ):
        words = ["--model", "x", "--questions", str(path), "--write-task", harness, "--score", "letters"]
        assert script.main(words) == 0
        written = {Path(line).name for line in capsys.readouterr().out.split()}
        assert written == names | {"quiz_scoring.py", "test.jsonl", "README.md"}
        for name in written:
            text = next((tmp_path / "quiz_task").rglob(name)).read_text()
            if name.endswith(".py"):
                compile(text, name, "exec")
        assert script.main(words) == 0  # the same again
        capsys.readouterr()
    (tmp_path / "quiz_task" / "quiz_inspect.py").write_text("mine")
    assert script.main(words) == 2 and "move it away" in capsys.readouterr().err
    assert (tmp_path / "quiz_task" / "quiz_inspect.py").read_text() == "mine"


@pytest.mark.parametrize(
    "link", ["quiz_task", "quiz_task/data", "quiz_task/data/test.jsonl", "quiz_task/quiz_scoring.py"]
)
@pytest.mark.parametrize("there", [True, False])
def test_written_tasks_go_through_no_link(tmp_path, capsys, link, there):
    path, place, target = write(tmp_path / "quiz.jsonl", rows()), tmp_path / link, tmp_path / "elsewhere"
    place.parent.mkdir(parents=True, exist_ok=True)
    if there:
        target.write_text("mine") if place.suffix else target.mkdir()
    place.symlink_to(target)
    assert script.main(["--model", "x", "--questions", str(path), "--write-task", "lm_eval"]) == 2
    assert f"{place.name}: is a link" in capsys.readouterr().err
    assert target.exists() == there
    assert not there or (target.read_text() == "mine" if place.suffix else not list(target.iterdir()))


@pytest.mark.parametrize(
    "foreign",
    [
        "quiz_scoring/__init__.py", "scoring/__init__.py", "datasets.py", "data/dataset_infos.json",
        "data/.huggingface.yaml",
        "data/train.jsonl", "__pycache__/quiz_scoring.cpython-311.pyc", "data/README.md", "quiz_lm_eval.py", ".env",
        "pyproject.toml", "quiz_scoring.abi3.so",
    ],
)  # fmt: skip
@pytest.mark.parametrize("harness", ["lighteval", "lm_eval", "inspect"])
def test_tasks_are_written_beside_nothing_foreign(tmp_path, capsys, foreign, harness):
    """A harness would import it, or take its data set from it; nothing is added to such a folder."""
    path, place = write(tmp_path / "quiz.jsonl", rows()), tmp_path / "quiz_task" / foreign
    place.parent.mkdir(parents=True)
    place.write_text("configs: [{data_files: evil.jsonl}]")
    words = ["--model", "x", "--questions", str(path), "--write-task", harness, "--score", "letters"]
    assert script.main(words) == 2
    err = capsys.readouterr().err
    assert place.name in err or place.parent.name in err
    assert "move it away" in err
    assert [file for file in (tmp_path / "quiz_task").rglob("*") if file.is_file()] == [place]


def test_a_written_rule_is_loaded_by_its_file_and_its_data_by_name(tmp_path, monkeypatch, capsys):
    """Whatever is put beside it later: a package of the rule's name, or one that stands before it in the path."""
    path = write(tmp_path / "quiz.jsonl", rows())
    for harness in ("lighteval", "lm_eval", "inspect"):
        words = ["--model", "x", "--questions", str(path), "--write-task", harness, "--score", "letters"]
        assert script.main(words) == 0
    folder = tmp_path / "quiz_task"
    (folder / "quiz_scoring").mkdir()
    (folder / "quiz_scoring" / "__init__.py").write_text("raise SystemExit('the stranger ran')")
    for name in ("quiz_lighteval.py", "quiz_lm_eval.py", "quiz_inspect.py"):
        text = (folder / name).read_text()
        assert "sys.path" not in text and "import quiz" not in text
        (start,) = [text.index(line) for line in text.splitlines() if line.startswith("HERE = ")]
        names = {"__file__": str(folder / name), "Path": Path, "importlib": importlib}
        exec(text[start : text.index("exec_module(scoring)") + len("exec_module(scoring)")], names)
        assert names["scoring"].SCORING == "letters"
        assert script.code_sha256(folder / name) != hashlib.sha256(text.encode()).hexdigest()  # the rule is in it
    before = script.code_sha256(folder / "quiz_lm_eval.yaml")
    (folder / "quiz_scoring.py").write_text((folder / "quiz_scoring.py").read_text() + "\n# another\n")
    assert script.code_sha256(folder / "quiz_lm_eval.yaml") != before
    configs = yaml.safe_load((folder / "data" / "README.md").read_text().split("---\n")[1])["configs"]
    assert [part["path"] for one in configs for part in one["data_files"]] == ["test.jsonl"]


def test_a_package_beside_a_task_file_is_in_its_hash(tmp_path):
    """Python takes it before the module of its name."""
    (tmp_path / "tasks.py").write_text("import helper\n")
    (tmp_path / "helper.py").write_text("")
    before = script.code_sha256(tmp_path / "tasks.py")
    (tmp_path / "helper").mkdir()
    (tmp_path / "helper" / "__init__.py").write_text("print()")
    assert script.code_sha256(tmp_path / "tasks.py") != before


def test_what_says_which_files_are_data_is_in_the_hash_of_the_data(tmp_path):
    (tmp_path / "test.jsonl").write_text("{}")
    before = script.data_sha256(tmp_path)
    (tmp_path / ".huggingface.yaml").write_text("configs: []")
    assert script.data_sha256(tmp_path) != before


def test_no_task_is_written_where_its_data_would_be_a_pattern(tmp_path, capsys):
    (tmp_path / "run[1]").mkdir()
    path = write(tmp_path / "run[1]" / "quiz.jsonl", rows())
    assert script.main(["--model", "x", "--questions", str(path), "--write-task", "lm_eval"]) == 2
    assert "rename it" in capsys.readouterr().err
    assert [file.name for file in path.parent.iterdir()] == ["quiz.jsonl"]


def test_written_tasks_are_compared_with_files_only(tmp_path, capsys):
    path = write(tmp_path / "quiz.jsonl", rows())
    (tmp_path / "quiz_task" / "data").mkdir(parents=True)
    os.mkfifo(tmp_path / "quiz_task" / "data" / "test.jsonl")
    assert script.main(["--model", "x", "--questions", str(path), "--write-task", "lm_eval"]) == 2
    assert "no regular file" in capsys.readouterr().err


# --- own tasks of the harnesses ---


def test_rows_without_a_right_answer_are_found():
    assert script.why_no_choice(3, ["a", "b"]) and script.why_no_choice(-100, ["a", "b"])
    assert script.why_no_choice("c", ["a", "b"]) and script.why_no_choice([], ["a", "b"])
    assert script.why_no_choice(1, ["a", "b"]) is None and script.why_no_choice(["a"], ["a", "b"]) is None
    assert script.why_no_text(" ") and script.why_no_text(None) and script.why_no_text("7") is None
    import inspect_vllm_uv as local

    assert local.why_no_letter("C", ["a", "b"]) and local.why_no_letter("", ["a", "b"])
    assert local.why_no_letter("B", ["a", "b"]) is None and local.why_no_letter("b", ["a", "b"]) is None
    with pytest.raises(script.ScriptError, match=r"1 of 2 items .* test/1: 3 is the number of none") as refusal:
        script.check_golds("quiz", [("test/0", None), ("test/1", script.why_no_choice(3, ["a", "b"]))])
    assert refusal.value.code == 1
    script.check_golds("judged", [("test/0", script.NO_ANSWER), ("test/1", script.NO_ANSWER)])


def test_choices_without_a_space_are_told(capsys):
    script.say_missing_spaces("quiz", [("Answer:", "Paris"), ("Answer:", "Rome")])
    assert "without a space" in capsys.readouterr().err
    script.say_missing_spaces("quiz", [("Answer:", " Paris"), ("Answer:\n", "Rome"), ("答案：", "巴黎")])
    assert capsys.readouterr().err == ""


YAML = "task: my_quiz\ndataset_path: json\ndoc_to_text: question\n"


def test_of_two_files_that_lie_side_by_side_the_named_one_is_loaded(tmp_path):
    for name in ("q.yaml", "q2.yaml"):
        (tmp_path / name).write_text(YAML)
    chosen = script.choose_tasks([script.parse_lm_eval_task("my_quiz")], tmp_path / "q2.yaml", None)[0]
    assert chosen.files == {"my_quiz": tmp_path / "q2.yaml"} and chosen.folders == ()
    with pytest.raises(script.ScriptError, match=r"my_quiz is defined in .*q.yaml and in .*q2.yaml"):
        script.choose_tasks([script.parse_lm_eval_task("my_quiz")], tmp_path, None)


def test_the_hash_of_a_task_file_covers_what_it_takes_from_others(tmp_path):
    (tmp_path / "q.yaml").write_text(YAML)
    alone = script.tasks_sha256(tmp_path / "q.yaml")
    (tmp_path / "utils.py").write_text("x = 1\n")
    assert script.tasks_sha256(tmp_path / "q.yaml") == alone
    (tmp_path / "q.yaml").write_text(YAML + "process_docs: !function utils.f\ninclude: base.yaml\n")
    (tmp_path / "base.yaml").write_text("test_split: test\n")
    hashes = [script.tasks_sha256(tmp_path / "q.yaml")]
    for name in ("utils.py", "base.yaml"):
        (tmp_path / name).write_text((tmp_path / name).read_text() + "# more\n")
        hashes.append(script.tasks_sha256(tmp_path / "q.yaml"))
    assert len({alone, *hashes}) == 4


def test_data_lie_beside_the_file_that_names_them(tmp_path):
    (tmp_path / "items.jsonl").write_text("")
    assert script.from_folder(tmp_path, {"test": ["items.jsonl", "gone.jsonl"]}) == {
        "test": [str(tmp_path / "items.jsonl"), "gone.jsonl"]
    }
    assert script.from_folder(None, "items.jsonl") == "items.jsonl"


# --- what the readers make of it ---


def measured(folder: Path, name: str, right: int, digest: str, when: str, prompt: str = "p", item: str = "h") -> Path:
    """A record of 100 own questions, of a file with a hash."""
    scores = [float(place < right) for place in range(100)]
    source = {"additional_details": {"data_sha256": digest, "samples_number": "100"}}
    rows = [sample_row(place, score, prompt) | {"sample_hash": f"{item}{place}"} for place, score in enumerate(scores)]
    details = {"path": str(folder / "run" / name)}
    return write_record(folder / "results", f"run/{name}", scores, source=source, when=when, details=details, rows=rows)


def test_a_corrected_file_counts_and_the_older_is_left_out_by_name(tmp_path, capsys):
    checkpoints(tmp_path / "run", "step_1", "step_2")
    for name, right in (("step_1", 90), ("step_2", 50)):
        measured(tmp_path, name, right, "a" * 64, "2026-03-12T02:00:00Z")
    for name, right in (("step_1", 40), ("step_2", 60)):
        measured(tmp_path, name, right, "b" * 64, "2026-03-13T02:00:00Z")
    words = [str(tmp_path / "run"), "--results", str(tmp_path / "results"), "--json"]
    assert benchmark_calculator.main(words) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["best"]["name"] == "step_2"
    assert "older runs with another content of the task's file (2026-03-12), of step_1, step_2" in captured.err


@pytest.mark.parametrize("again", [2, 4])
def test_of_two_contents_the_one_that_covers_most_checkpoints_is_ranked(tmp_path, capsys, again):
    """Two of four measured again: all four are ranked by the older file. All four: by the newer one."""
    names = [f"step_{i}" for i in range(1, 5)]
    checkpoints(tmp_path / "run", *names)
    for name, right in zip(names, (40, 50, 60, 90), strict=True):
        measured(tmp_path, name, right, "a" * 64, "2026-03-12T02:00:00Z")
    for name, right in zip(reversed(names[-again:]), (95, 80, 70, 60), strict=False):
        measured(tmp_path, name, right, "b" * 64, "2026-03-13T02:00:00Z", item="corrected")
    words = [str(tmp_path / "run"), "--results", str(tmp_path / "results"), "--json"]
    assert benchmark_calculator.main(words) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["best"]["name"], document["best"]["eval_accuracy"]) == ("step_4", 0.95 if again == 4 else 0.9)
    assert [len(document["checkpoints"]), document["not_comparable"]] == [4, []]
    (line,) = [line for line in document["answer"] if "another content of the task's file" in line]
    if again == 2:
        assert "newer runs" in line and "(2026-03-13), of step_3, step_4;" in line
        assert "covers most checkpoints" in line and "for step_1, step_2, too" in line
    else:
        assert "older runs" in line and "(2026-03-12), of step_1, step_2, step_3, step_4" in line


def test_no_statement_has_an_interval_without_width(tmp_path, capsys):
    names = [f"step_{i}" for i in range(1, 6)]
    checkpoints(tmp_path / "run", *names)
    for name in names:
        measured(tmp_path, name, 0, "a" * 64, "2026-03-12T02:00:00Z")
    words = [str(tmp_path / "run"), "--results", str(tmp_path / "results")]
    for more in ([], ["--baseline-step", "2"], ["--tie-break", "latest"]):
        assert benchmark_calculator.main([*words, *more]) == 0
        out = capsys.readouterr().out
        assert "± 0.000" not in out and "+0.000 to +0.000" not in out
        assert ("no checkpoint can be told from another" in out) == ("--tie-break" not in more)


def test_the_best_is_never_named_without_a_better_one_that_was_left_out(tmp_path, capsys):
    names = ["step_1", "step_2", "step_3"]
    checkpoints(tmp_path / "run", *names)
    for name, right, digest in zip(names, (40, 50, 90), "aab", strict=True):
        measured(tmp_path, name, right, digest * 64, "2026-03-12T02:00:00Z")
    words = [str(tmp_path / "run"), "--results", str(tmp_path / "results")]
    assert benchmark_calculator.main(words) == 3
    said = capsys.readouterr()
    assert not [line for line in said.out.splitlines() if line.startswith("best: ")]
    assert "step_3 reports 0.900" in said.out and "--exclude step_3" in said.out
    assert "undecided" in said.err and "--exclude" not in said.err  # on a terminal both are seen: said once
    assert benchmark_calculator.main([*words, "--allow-unlike"]) == 0
    assert "undecided" not in capsys.readouterr().out
    words += ["--exclude", "step_3"]
    card = tmp_path / "card.md"
    card.write_text("{BEST:checkpoint}, best of {BEST:of}\n")
    assert benchmark_calculator.main([*words, "--prepare", str(tmp_path / "out"), "--card", str(card)]) == 0
    assert (tmp_path / "out" / "README.md").read_text() == "step_2, best of 2 (1 more left out knowingly)\n"
    capsys.readouterr()
    assert benchmark_calculator.main([*words[:3], "--baseline-step", "3"]) == 2
    error = capsys.readouterr().err
    assert "step_3 is not compared (not comparable: " in error and "compared are the steps 1, 2" in error


def test_runs_of_one_moment_or_with_other_settings_are_still_asked_about(tmp_path, capsys):
    checkpoints(tmp_path / "run", "step_1", "step_2")
    measured(tmp_path, "step_2", 50, "a" * 64, "2026-03-12T02:00:00Z")
    for digest, right in (("a", 90), ("b", 40)):
        measured(tmp_path, "step_1", right, digest * 64, "2026-03-12T02:00:00Z")
    assert benchmark_calculator.main([str(tmp_path / "run"), "--results", str(tmp_path / "results")]) == 3
    assert "runs with different settings" in capsys.readouterr().err


def test_a_comparison_says_that_the_prompts_differ(tmp_path, capsys):
    measured(tmp_path, "old", 50, "a" * 64, "2026-03-12T02:00:00Z")
    measured(tmp_path, "new", 90, "a" * 64, "2026-03-12T02:00:00Z", prompt="other ", item="other")
    words = ["--baseline", "run/old", "--candidate", "run/new", "--results", str(tmp_path / "results")]
    assert compare_results.main(words) == 3
    out = capsys.readouterr().out
    assert "the prompts differ: 100 items" in out and "other content" not in out


# --- forms that are easily misread ---


@pytest.mark.parametrize(
    "names",
    ["ABCD", "abcd", ("option_a", "option_b", "option_c", "option_d"), ("choice1", "choice2", "choice3", "choice4")],
)
def test_choices_in_fields_of_their_own(tmp_path, names):
    lines = [
        {"question": row["question"], **dict(zip(names, CITIES, strict=True)), "answer": "ABCD"[place]}
        for place, row in enumerate(rows())
    ]
    if names[0] == "choice1":
        lines = [line | {"answer": place + 1} for place, line in enumerate(lines)]
    asked = load(write(tmp_path / "quiz.jsonl", lines))
    assert asked.scoring == "loglikelihood" and [item.gold for item in asked.items] == [(0,), (1,), (2,), (3,)]


def test_letters_without_choices_are_asked_about(tmp_path, capsys):
    lines = [{"question": f"{place}?", "wahl": ["x", "y"], "answer": "A"} for place in range(3)]
    path = write(tmp_path / "quiz.jsonl", lines)
    code, err = refused(capsys, path)
    assert code == 3 and "--map choices=FIELD" in err and "not used: wahl" in err
    assert load(path, "--map", "choices=wahl").scoring == "loglikelihood"
    assert load(path, "--score", "exact").scoring == "exact"


def test_a_context_goes_before_the_question_and_groups_items(tmp_path):
    lines = [
        {"context": "Ann is old.", "question": "Who is old?", "answers": {"text": ["Ann"], "answer_start": [0]}},
        {"context": "Ann is old.", "question": "Is Ann old?", "answers": {"text": ["yes"], "answer_start": [0]}},
        {"context": "Bob is here.", "question": "Who is here?", "answers": {"text": ["Bob"], "answer_start": [0]}},
    ]
    asked = load(write(tmp_path / "reading.jsonl", lines), "--score", "f1")
    assert asked.prompt(asked.items[0]) == "Ann is old.\n\nWho is old?"
    shared = [asked.block(item).get("metadata", {}).get("passage_id") for item in asked.items]
    assert shared[0] == shared[1] and shared[2] is None


def test_a_list_and_a_mark_at_the_beginning_of_a_file(tmp_path):
    (tmp_path / "list.json").write_text("\ufeff" + json.dumps(rows()))
    (tmp_path / "mark.jsonl").write_text("\ufeff" + "".join(json.dumps(row) + "\r\n" for row in rows()))
    for name in ("list.json", "mark.jsonl"):
        assert [item.gold for item in load(tmp_path / name).items] == [(0,), (1,), (2,), (3,)]


def test_sums_that_differ_in_a_sign_are_two_questions(tmp_path):
    path = write(tmp_path / "sums.jsonl", [{"prompt": "5 - 3 =", "answer": 2}])
    shots = write(tmp_path / "shots.jsonl", [{"prompt": "5 / 3 =", "answer": "1.67"}])
    assert load(path, "--shots-from", str(shots)).prompt(load(path).items[0]) == "5 / 3 = 1.67\n\n5 - 3 ="


@pytest.mark.parametrize(
    ("scoring", "text", "right", "score"),
    [
        ("numeric", "1/2", "2", 0),
        ("numeric", "on 12/05/2020", "2020", 0),
        ("numeric", "10-3=7", "7", 1),
        ("numeric", "5kg", "5", 1),
        ("normalized", "-5", "5", 0),
        ("normalized", "3.5", "35", 0),
        ("normalized", "well-known", "wellknown", 1),
        ("f1", "-5", "5", 0),
    ],
)
def test_numbers_are_read_whole(scoring, text, right, score):
    assert script.score_answer(scoring, "", text, [right])[0] == score


def test_questions_that_capitals_or_spaces_tell_apart_are_warned_of(tmp_path, capsys):
    texts = ["What is the capital of France?", "what is the capital of france ?", "3 - 4 =", "3 + 4 ="]
    path = write(tmp_path / "q.jsonl", [{"question": text, "answer": f"a{n}"} for n, text in enumerate(texts)])
    assert len(load(path).items) == 4
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "ask the same" in line]
    assert "q.jsonl: lines 1 and 2 " in line and repr(texts[0]) in line and repr(texts[1]) in line


def test_answers_that_look_missing_are_warned_of_by_line(tmp_path, capsys):
    answers = ["NA", "n/a", "NaN", "null", "-", "Paris", "no", "0"]
    path = tmp_path / "q.csv"
    path.write_text("question,answer\n" + "".join(f"q{n}?,{text}\n" for n, text in enumerate(answers)))
    assert len(load(path, "--score", "exact").items) == len(answers)
    lines = [line for line in capsys.readouterr().err.splitlines() if "is this a missing answer?" in line]
    assert [line.partition("q.csv: line ")[2].partition(":")[0] for line in lines] == ["2", "3", "4", "5", "6"]
    load(write(tmp_path / "choices.jsonl", rows(choices=["-", "Paris"], answer="-")))
    assert "missing answer" not in capsys.readouterr().err


def test_all_lacking_fields_are_named_at_once(tmp_path, capsys):
    path = tmp_path / "excel.csv"
    path.write_text("\ufeffFrage;Antwort\nWhat is 2 + 2?;4\n")
    code, err = refused(capsys, path)
    assert code == 3 and "no field is the question and none the answer: Antwort, Frage" in err
    assert "--map question=FIELD answer=FIELD" in err and "metadata" not in err
    assert load(path, "--map", "question=Frage", "answer=Antwort").items[0].right == ("4",)


@pytest.mark.parametrize("module", [script, lighteval_vllm_uv, inspect_eval_uv])
def test_other_short_fields_are_kept_with_the_items(tmp_path, capsys, module):
    more = {"topic": lambda n: ["geo", "geo", "", "art"][n], "level": lambda n: n, "epoch": 7, "empty": ""}
    lines = rows(**more, why=lambda n: "x" * (200 + n), tags=["a"])
    asked = load(write(tmp_path / "quiz.jsonl", lines))
    err = capsys.readouterr().err
    assert "kept as metadata: epoch, level, topic\n" in err and "not used: empty, tags, why\n" in err
    record = {"evaluation_id": "e", "model_info": {"id": "m"}}
    result = {"evaluation_name": "quiz", "evaluation_result_id": "quiz|0/acc"}
    made = [
        module.sample_line(record, result, item.id, asked.block(item), "prompt", module.single_turn(["x"]))
        for item in asked.items
    ]
    assert [row["metadata"].get("topic") for row in made] == ["geo", "geo", None, "art"]
    assert [row["metadata"]["level"] for row in made] == list("0123") and made[0]["metadata"]["item_epoch"] == "7"
    assert "epoch" not in made[0]["metadata"] and len(made[0]["metadata"]["prompt_hash"]) == 16
    assert set(made[0]["input"]) == {"raw", "reference", "choices", "formatted"}


def test_kept_fields_are_bounded(tmp_path, capsys):
    lines = rows(**{f"f{n:02}": "x" for n in range(25)})
    asked = load(write(tmp_path / "quiz.jsonl", lines))
    assert len(asked.items[0].metadata) == 20 and "not used: f20, f21, f22, f23, f24" in capsys.readouterr().err


def test_a_comparison_by_a_column_of_the_questions(tmp_path, capsys):
    values = {"topic": lambda n: "ab"[n % 2]}
    asked = load(write(tmp_path / "quiz.jsonl", rows(**values)))
    topics = [asked.block(asked.items[n % 4])["metadata"] for n in range(80)]
    for model, right in (("o/A", 40), ("o/B", 44)):
        scores = [float(n < right) for n in range(80)]
        write_record(tmp_path / "r", model, scores, rows=[
            sample_row(n, score, "p") | {"metadata": {"prompt_hash": f"p{n}", **topics[n]}}
            for n, score in enumerate(scores)
        ])  # fmt: skip
    words = ["--baseline", "o/A", "--candidate", "o/B", "--results", str(tmp_path / "r"), "--by", "topic", "--json"]
    compare_results.main(words)
    by = {row.get("by") for row in json.loads(capsys.readouterr().out)["benchmarks"]}
    assert {"topic=a", "topic=b"} <= by


@pytest.mark.parametrize("program", [script, lighteval_vllm_uv, inspect_eval_uv], ids=lambda m: m.__name__)
def test_questions_of_a_parquet_file_are_read(tmp_path, program):
    import pyarrow
    import pyarrow.parquet

    rows = [{"question": f"{n} + 1?", "answer": str(n + 1)} for n in range(3)]
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "q.parquet")
    found = program.question_rows(tmp_path / "q.parquet", program.Problems(tmp_path / "q.parquet"), {})
    assert [(line, row["answer"]) for line, row in found] == [(1, "1"), (2, "2"), (3, "3")]


@pytest.mark.parametrize("kind", [int, str])
@pytest.mark.parametrize(
    ("answers", "wanted"),
    [
        ((0, 1, 2, 0), (0, 1, 2, 0)),
        ((1, 2, 3, 4), (0, 1, 2, 3)),
        ((4, 2, 2, 1), (3, 1, 1, 0)),
        ((3, 0, 3, 3), (3, 0, 3, 3)),
    ],
)
def test_numbers_of_choices_count_from_where_the_file_shows(tmp_path, kind, answers, wanted):
    asked = load(write(tmp_path / "quiz.jsonl", rows(answer=lambda place: kind(answers[place]))))
    assert [item.gold[0] for item in asked.items] == list(wanted)


@pytest.mark.parametrize("answers", [(1, 2, 3, 1), (2, 2, 3, 3), (1, 1, 1, 1)])
def test_numbers_that_may_count_from_0_or_1_are_asked_about(tmp_path, capsys, answers):
    path = write(tmp_path / "quiz.jsonl", rows(answer=lambda place: answers[place]))
    code, said = refused(capsys, path)
    assert code == 3 and "first-choice=0" in said and "first-choice=1" in said
    for first in (0, 1):
        asked = load(path, "--map", f"first-choice={first}")
        assert [item.gold[0] for item in asked.items] == [answer - first for answer in answers]
    assert refused(capsys, path, "--map", "first-choice=2")[0] == 2


def test_fields_that_nobody_names_are_a_choice(tmp_path, capsys):
    lines = [{"frage": f"{n}?", "loesung": str(n)} for n in range(3)]
    code, said = refused(capsys, write(tmp_path / "quiz.jsonl", lines))
    assert code == 3 and "--map question=FIELD answer=FIELD" in said
