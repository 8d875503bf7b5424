"""Files as human-eval, LiveCodeBench, MultiPL-E, MT-Bench, AlpacaEval and Chatbot Arena write them: numbers worked out
here in each program's own way."""

from __future__ import annotations

import gzip
import hashlib
import json
import math
import random
from pathlib import Path

import compare_results as cr
import pytest
import score_predictions as sp


def write_lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def scored(path: Path, metric: str, *more: str, capsys=None) -> dict[str, dict]:
    words = [
        "--metric",
        metric,
        "--benchmark",
        "b",
        "--output-dir",
        str(path.parent / "out"),
        "--json",
        "--draws",
        "200",
    ]
    assert sp.main([str(path), *(() if "--model-id" in more else ("--model-id", "me/tiny")), *words, *more]) == 0
    return {row["metric"]: row for row in json.loads(capsys.readouterr().out)["scores"]}


def refusal(path: Path, metric: str, capsys) -> str:
    code = sp.main([str(path), "--metric", metric, "--model-id", "me/tiny", "--benchmark", "b"])
    out, err = capsys.readouterr()
    assert code == 2 and out == "" and err.count("\n") == 1
    return err


def estimate(n: int, c: int, k: int) -> float:
    """pass@k of a task as human-eval's product has it."""
    return 1.0 if n - c < k else 1.0 - math.prod(1.0 - k / i for i in range(n - c + 1, n + 1))


# --- Code -------------------------------------------------------------------------------------------------------------

OUTCOMES = ["passed", "failed: AssertionError", "timed out", "failed: name 'x' is not defined"]


def test_human_evals_result_lines_with_unequal_counts(tmp_path, capsys):
    rng, rows, tasks = random.Random(1), [], {}
    for task in range(8):
        for _ in range(4 + task % 3):
            said = rng.choice(OUTCOMES)
            rows.append({"task_id": f"HumanEval/{task}", "completion": "x", "result": said, "passed": said == "passed"})
            tasks.setdefault(task, []).append(said)
    rng.shuffle(rows)
    found = scored(write_lines(tmp_path / "samples.jsonl_results.jsonl", rows), "pass@1,pass@4", capsys=capsys)
    for k in (1, 4):
        each = [estimate(len(own), own.count("passed"), k) for own in tasks.values()]
        assert found[f"pass@{k}"]["score"] == pytest.approx(sum(each) / 8)
    for row in rows:
        del row["passed"], row["result"]
    assert "have not been run" in refusal(write_lines(tmp_path / "samples.jsonl", rows), "pass@1", capsys)


def test_livecodebench(tmp_path, capsys):
    rng, rows = random.Random(2), []
    for task in range(12):
        passed = [rng.random() < 0.4 for _ in range(5)]
        about = [{} if ok else {"error_code": rng.choice([-2, -3, -4]), "error_message": "x"} for ok in passed]
        rows.append({
            "question_title": "A", "question_content": "do", "platform": "atcoder", "question_id": f"abc{task}_a",
            "contest_id": "abc", "contest_date": "2024-01-01T00:00:00", "starter_code": "",
            "difficulty": ("easy", "hard")[task % 2], "output_list": ["x"] * 5, "code_list": ["y"] * 5,
            "graded_list": passed, "pass@1": sum(passed) / 5, "metadata": [json.dumps(one) for one in about],
        })  # fmt: skip
    path = tmp_path / "Scenario.codegeneration_5_0.2_eval_all.json"
    path.write_text(json.dumps(rows, indent=4))
    found = scored(path, "pass@1,pass@5", capsys=capsys)
    assert found["pass@1"]["score"] == pytest.approx(sum(row["pass@1"] for row in rows) / 12)
    assert found["pass@5"]["score"] == pytest.approx(sum(any(row["graded_list"]) for row in rows) / 12)
    samples = next((tmp_path / "out").rglob("*_samples.jsonl")).read_text().splitlines()
    assert {json.loads(line)["metadata"]["difficulty"] for line in samples} == {"easy", "hard"}
    bare = [{name: row[name] for name in ("question_id", "output_list", "code_list")} for row in rows]
    for name, value in (("a.json", bare), ("b.json", [{"pass@1": 0.5, "detail": {}}, {"0": [[True]]}, [["{}"]]])):
        (tmp_path / name).write_text(json.dumps(value))
        assert "_eval_all.json" in refusal(tmp_path / name, "pass@1", capsys)


def test_multipl_e(tmp_path, capsys):
    rng, files, each = random.Random(3), [], []
    for task in range(6):
        runs = [
            rng.choice([("OK", 0), ("OK", 1), ("Timeout", -1), ("Exception", 1), ("SyntaxError", 1)]) for _ in range(20)
        ]
        problem = {"name": f"HumanEval_{task}_x", "language": "lua", "temperature": 0.2}
        problem["results"] = [
            {"program": "x", "stdout": "", "stderr": "", "exit_code": code, "status": status} for status, code in runs
        ]
        files.append(problem)
        each.append((20, sum(run == ("OK", 0) for run in runs), sum(run[0] == "Timeout" for run in runs)))
    packed = tmp_path / "HumanEval_0_x.results.json.gz"
    packed.write_bytes(gzip.compress(json.dumps(files[0]).encode()))
    assert "zcat" in refusal(packed, "pass@1", capsys)
    (tmp_path / "HumanEval_0_x.results.json").write_text(json.dumps(files[0], indent=1))
    alone = scored(tmp_path / "HumanEval_0_x.results.json", "pass@1", capsys=capsys)
    assert alone["pass@1"]["score"] == pytest.approx(each[0][1] / 20)
    found = scored(write_lines(tmp_path / "all.jsonl", files), "pass@1,pass@10", capsys=capsys)
    for k in (1, 10):
        wanted = sum(estimate(n, c, k) for n, c, _ in each) / 6
        assert found[f"pass@{k}"]["score"] == pytest.approx(wanted)
    (record,) = (json.loads(file.read_text()) for file in (tmp_path / "out").rglob("*.json") if "HumanEval_5" in
                 file.with_name(f"{file.stem}_samples.jsonl").read_text())  # fmt: skip
    details = record["evaluation_results"][0]["score_details"]["details"]
    assert details["limit_hit"] == str(sum(late for *_, late in each))


def test_bigcodes_files(tmp_path, capsys):
    rng = random.Random(4)
    passed = [[rng.random() < 0.5 for _ in range(4)] for _ in range(5)]
    outcomes = {
        str(task): [[i, {"task_id": task, "passed": ok, "result": "passed" if ok else "timed out", "completion_id": i}]
                    for i, ok in enumerate(own)]
        for task, own in enumerate(passed)
    }  # fmt: skip
    (tmp_path / "logs.json").write_text(json.dumps(outcomes))
    found = scored(tmp_path / "logs.json", "pass@1,pass@2", capsys=capsys)
    for k in (1, 2):
        assert found[f"pass@{k}"]["score"] == pytest.approx(sum(estimate(4, sum(own), k) for own in passed) / 5)
    (tmp_path / "generations.json").write_text(json.dumps([["def f(): pass"] * 4] * 5))
    assert "have not been run" in refusal(tmp_path / "generations.json", "pass@1", capsys)
    (tmp_path / "evaluation_results.json").write_text(
        json.dumps({"humaneval": {"pass@1": 0.25}, "config": {"model": "acme/tiny", "n_samples": 4}})
    )
    assert "evaluation_manager.py add" in refusal(tmp_path / "evaluation_results.json", "pass@1", capsys)


# --- Judges -----------------------------------------------------------------------------------------------------------


def test_mt_benchs_ratings(tmp_path, capsys):
    """The mean over both turns; -1 is a judgement that could not be read, which its show_result leaves out."""
    rng, rows = random.Random(5), []
    for question in range(81, 161):
        for model in ("vicuna-7b", "tiny"):
            for turn in (1, 2):
                judge = ["gpt-4", "single-v1" if turn == 1 else "single-v1-multi-turn"]
                row = {"question_id": question, "model": model, "judge": judge, "user_prompt": "x", "judgment": "y"}
                rows.append(row | {"score": rng.choice([-1, *[rng.randint(1, 10)] * 25]), "turn": turn, "tstamp": 1.5})
    path = write_lines(tmp_path / "gpt-4_single.jsonl", rows)
    found = scored(path, "mos", "--system", "tiny", "--rating-range", "1,10", capsys=capsys)["mos"]
    own = [row["score"] for row in rows if row["model"] == "tiny"]
    known = [score for score in own if score != -1]
    assert found["score"] == pytest.approx(sum(known) / len(known))
    assert (found["n"], found["unparsed"]) == (len(known), len(own) - len(known)) and len(known) < len(own)


def test_mt_benchs_pairs(tmp_path, capsys):
    """A model wins where it wins in both orders; else it is a tie; games without a verdict are left out."""
    rng, rows = random.Random(6), []
    names, wins = ("tiny", "gpt-3.5-turbo"), []
    for question in range(81, 161):
        for turn in (1, 2):
            games = [rng.choice(["model_1", "model_1", "model_2", "tie"]) for _ in range(2)]
            games[rng.randint(0, 1)] = rng.choice(["error", *games * 4])
            row = {"question_id": question, "model_1": names[0], "model_2": names[1], "g1_winner": games[0]}
            rows.append(row | {"g2_winner": games[1], "judge": ["gpt-4", "pair-v2"], "turn": turn, "tstamp": 1.5})
            if "error" not in games:
                both = games[0] if games[0] == games[1] else "tie"
                wins.append({"model_1": 1.0, "model_2": 0.0, "tie": 0.5}[both])
    found = scored(write_lines(tmp_path / "gpt-4_pair.jsonl", rows), "win-rate", "--system", "tiny", capsys=capsys)
    assert found["win-rate"]["score"] == pytest.approx(sum(wins) / len(wins))
    assert found["win-rate"]["unparsed"] == 160 - len(wins) > 0
    rows[0]["g1_winner"] = "model_3"
    assert "model_3" in refusal(write_lines(tmp_path / "wrong.jsonl", rows), "win-rate", capsys)


def alpaca_rows(seed: int, judge: str = "weighted_alpaca_eval_gpt4_turbo") -> list[dict]:
    rng = random.Random(seed)
    return [
        {"instruction": f"question {i}", "output_1": "base " * 5, "generator_1": "gpt4_1106_preview",
         "dataset": ("koala", "helpful_base")[i % 2], "output_2": "mine " * rng.randint(1, 9), "generator_2": "tiny",
         "annotator": judge, "preference": rng.choice([1, 1.02, 1.97, 1.5, 2.0, 0, None]), "raw_completion": None}
        for i in range(80)
    ]  # fmt: skip


def test_alpaca_evals_annotations(tmp_path, capsys):
    rows = alpaca_rows(7)
    path = tmp_path / "annotations.json"
    path.write_text(json.dumps(rows))
    found = scored(path, "win-rate", "--system", "tiny", capsys=capsys)["win-rate"]
    known = [1.5 if row["preference"] == 0 else row["preference"] for row in rows if row["preference"] is not None]
    assert found["score"] == pytest.approx(sum(known) / len(known) - 1)
    assert (found["n"], found["unparsed"]) == (len(known), 80 - len(known))
    other = scored(path, "win-rate", "--system", "gpt4_1106_preview", capsys=capsys)["win-rate"]
    assert other["score"] == pytest.approx(1 - found["score"])
    assert 0 < scored(path, "lc-win-rate", "--system", "tiny", capsys=capsys)["lc-win-rate"]["score"] < 1
    rows[3]["preference"] = 2.5
    path.write_text(json.dumps(rows))
    assert "line 4: preference is 2.5" in refusal(path, "win-rate", capsys)


def test_what_is_said_of_the_order_of_votes_is_what_their_files_say(tmp_path, capsys):
    """MT-Bench has verdicts of both orders; which answer a judge of AlpacaEval saw first, its file does not say."""
    pair = {"model_1": "tiny", "model_2": "base", "g1_winner": "model_1", "judge": ["gpt-4", "pair-v2"], "turn": 1}
    games = [pair | {"question_id": i, "g2_winner": ("model_1", "model_2")[i % 2], "tstamp": 1.5} for i in range(40)]
    files = {
        write_lines(tmp_path / "gpt-4_pair.jsonl", games): "",
        write_lines(tmp_path / "annotations.jsonl", alpaca_rows(7)): "which answer was shown first is not said",
    }
    for path, words in files.items():
        asked = ["--metric", "win-rate", "--system", "tiny", "--model-id", "me/tiny", "--benchmark", "judged"]
        assert sp.main([str(path), *asked, "--dry-run"]) == 0
        err = capsys.readouterr().err
        assert words in err and "in one order only" not in err and ("shown first" in err) is bool(words)


def test_what_two_judges_say_is_not_compared(tmp_path, capsys):
    for model, judge in (("old", "gpt-4"), ("new", "claude")):
        (tmp_path / f"{model}.json").write_text(json.dumps(alpaca_rows(8, judge)))
        scored(tmp_path / f"{model}.json", "win-rate", "--system", "tiny", "--model-id", f"me/{model}", capsys=capsys)
    words = ["--baseline", "me/old", "--candidate", "me/new", "--results", str(tmp_path / "out"), "--json"]
    assert cr.main(words) == 3
    (row,) = json.loads(capsys.readouterr().out)["benchmarks"]
    assert row["verdict"] == "NOT COMPARABLE"


def test_chatbot_arenas_votes(tmp_path, capsys):
    rng, rows, shares = random.Random(9), [], {}
    for i in range(300):
        a, b = rng.sample(["tiny", "y", "z"], 2)
        said = rng.choice(["model_a", "model_b", "tie", "tie (bothbad)"])
        row = {"model_a": a, "model_b": b, "winner": said, "judge": f"arena_user_{i % 90}", "turn": 1, "anony": True}
        row |= {"language": ("English", "German")[i % 2], "tstamp": 1.0 + i}
        rows.append(row | {"question_id": hashlib.sha256(str(i // 2).encode()).hexdigest()})
        share = {"model_a": 1.0, "model_b": 0.0}.get(said, 0.5)
        for name, own in ((a, share), (b, 1 - share)):
            shares.setdefault(name, []).append(own)
    (tmp_path / "clean_battle.json").write_text(json.dumps(rows))
    for path in (tmp_path / "clean_battle.json", write_lines(tmp_path / "votes.jsonl", rows)):
        found = scored(path, "win-rate,bradley-terry", "--system", "tiny", capsys=capsys)
        assert found["win-rate"]["score"] == pytest.approx(sum(shares["tiny"]) / len(shares["tiny"]))
        assert found["win-rate"]["n"] == len(shares["tiny"])
        assert found["bradley-terry"]["score"] == pytest.approx(strengths(rows)["tiny"], abs=1e-3)


def strengths(rows: list[dict]) -> dict[str, float]:
    """Bradley-Terry's log-strengths by Zermelo's iteration, with ties as half wins."""
    names = sorted({row[side] for row in rows for side in ("model_a", "model_b")})
    won = {(one, two): 0.0 for one in names for two in names}
    for row in rows:
        share = {"model_a": 1.0, "model_b": 0.0}.get(row["winner"], 0.5)
        won[row["model_a"], row["model_b"]] += share
        won[row["model_b"], row["model_a"]] += 1 - share
    power = dict.fromkeys(names, 1.0)
    for _ in range(2000):
        power = {
            one: sum(won[one, two] for two in names)
            / sum((won[one, two] + won[two, one]) / (power[one] + power[two]) for two in names if two != one)
            for one in names
        }
        mean = math.prod(power.values()) ** (1 / len(names))
        power = {name: value / mean for name, value in power.items()}
    return {name: math.log(value) for name, value in power.items()}


def test_arena_hards_judgements_are_weighted_and_not_read(tmp_path, capsys):
    games = [{"user_prompt": "x", "judgment": "[[A>>B]]", "score": "A>>B"}, {"judgment": "[[B>A]]", "score": "B>A"}]
    rows = [{"question_id": f"u{i}", "model": "tiny", "judge": "gpt-4", "games": games} for i in range(20)]
    said = refusal(write_lines(tmp_path / "tiny.jsonl", rows), "win-rate", capsys)
    assert "counts three times" in said and said.count("Arena-Hard") == 1
