"""The known shapes of wrong numbers in evaluation tools, tried on each reader that could have them.

A shape is an input in which a right and a wrong way give other answers. The reader must be right, refuse, or ask.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import benchmark_calculator as bc
import compare_results as cr
import evaluation_manager as manager
import leaderboard as board
import pytest
from record_writer import sample_row, write_record
from test_records import MUSR, checkpoints

MAPPING = manager.read_mapping()
BENCHMARKS = board.Benchmarks.of(MAPPING)
ITEMS = 200


@dataclass
class Asked:
    """What the readers say of the records below a folder: `new` (step_3) beside `old` (step_1 and step_2)."""

    folder: Path
    capsys: pytest.CaptureFixture[str]

    def run(self, script, *arguments) -> tuple[int, str, str]:
        code = script.main([str(argument) for argument in arguments])
        captured = self.capsys.readouterr()
        return code, captured.out, captured.err

    def compare(self, *more) -> tuple[int, dict]:
        results = ("--results", self.folder / "results", "--json", *more)
        code, out, _ = self.run(cr, "--baseline", "run/step_1", "--candidate", "run/step_3", *results)
        return code, json.loads(out) if out else {}

    def decided(self) -> bool:
        """Whether the comparison comes to GO or NO-GO."""
        return self.compare()[0] in (0, 1)

    def ranked(self) -> dict[str, float]:
        code, out, _ = self.run(bc, self.folder / "run", "--results", self.folder / "results", "--json", "--full")
        return {} if code else {c["name"]: c["eval_accuracy"] for c in json.loads(out)["checkpoints"]}

    def ranks_it(self) -> bool:
        return "step_3" in self.ranked()

    def published(self) -> list[float]:
        try:
            entries, _ = manager.read_entries([self.folder / "results"], "run/step_3", "run/step_3", [], MAPPING)
        except manager.ScriptError:
            return []
        return [entry.value for entry in entries]

    def shown(self) -> list[float]:
        rows, _ = board.read_own_runs([str(self.folder / "results")], BENCHMARKS)
        return [row["value"] for row in rows if row["model"] == "run/step_3" and row["why_not"] is None]


def answers(rng: random.Random, ability: float) -> list[float]:
    return [float(rng.random() < ability) for _ in range(ITEMS)]


def write(folder: Path, name: str, scores, **options) -> Path:
    options.setdefault("task", "arc_challenge")
    options.setdefault("source", {"samples_number": ITEMS})
    details = {"path": str(folder / "run" / name)} | options.pop("details", {})
    return write_record(folder / "results", f"run/{name}", scores, details=details, **options)


def finished_only(folder: Path, rng: random.Random) -> None:
    """The denominator of those that finished: the wrong answers of the new model crashed."""
    own = answers(rng, 0.6)
    write(folder, "step_3", [score or None for score in own])


def no_grade(folder: Path, rng: random.Random) -> None:
    """A grader without a grade for each second wrong answer, which the record only counts."""
    own = [score for score in answers(rng, 0.6) if score or rng.random() < 0.5]
    write(
        folder, "step_3", own, n=len(own), counts={"attempts": ITEMS, "scored": len(own), "no_value": ITEMS - len(own)}
    )


def truncated(folder: Path, rng: random.Random) -> None:
    """An answer that was cut off, taken for a wrong one."""
    write(folder, "step_3", answers(rng, 0.3), counts={"truncated": 80})


def limited(folder: Path, rng: random.Random) -> None:
    """Ten items for the whole: n says 10, the task has 1172."""
    write(folder, "step_3", [1.0] * 10, source={"additional_details": {"samples_number": "1172"}})


def edited(folder: Path, rng: random.Random) -> None:
    """A score that was changed, or computed in another way, over items that say something else."""
    write(folder, "step_3", answers(rng, 0.5), score=0.97)


def other_scale(folder: Path, rng: random.Random) -> None:
    """A percentage that calls itself a proportion."""
    write(folder, "step_3", answers(rng, 0.5), score=56.5)


def failed(folder: Path, rng: random.Random) -> None:
    """A task that failed, read as zero."""
    place = folder / "results" / "data" / "arc_challenge" / "run" / "step_3"
    place.mkdir(parents=True)
    about = {"task": "arc_challenge", "model_id": "run/step_3", "path": str(folder / "run" / "step_3")}
    content = about | {"error": "out of memory"}
    (place / "00000000-0000-4000-8000-000000000000_failure.json").write_text(json.dumps(content))


def doubled(folder: Path, rng: random.Random) -> None:
    """Items that are there twice: n is too large, the interval too narrow."""
    rows = [sample_row(i, score) for i, score in enumerate(answers(rng, 0.6))]
    write(folder, "step_3", [1.0], rows=rows + rows[:100], score=sum(r["evaluation"]["score"] for r in rows) / ITEMS)


def nights(folder: Path, rng: random.Random) -> None:
    """The last run wins, or all are averaged: nothing proves that the weights of two nights are the same."""
    for day in (12, 13):
        write(folder, "step_3", answers(rng, 0.4 + day / 50), when=f"2026-03-{day}T02:00:00Z")


def wrong_group(folder: Path, rng: random.Random) -> None:
    """A part of a group whose own row says something else, as conversion has noted it."""
    write(folder, "step_3", answers(rng, 0.9))
    (path,) = (folder / "results").rglob("step_3/*[0-9a-f].json")
    record = json.loads(path.read_text())
    record["evaluation_results"][0]["score_details"]["details"]["conflict"] = "the file's own row says 0.5"
    path.write_text(json.dumps(record))


def other_judge(folder: Path, rng: random.Random) -> None:
    """The judge changed between the two."""
    write(folder, "step_3", answers(rng, 0.9), metric_details={"grader_model": "lenient"})


def other_key(folder: Path, rng: random.Random) -> None:
    """A changed option that nobody here has heard of, as of a cache that was made under another key."""
    write(folder, "step_3", answers(rng, 0.9), settings={"answer_cache": "from last week"})


def other_prompt(folder: Path, rng: random.Random) -> None:
    """The reference in the prompt: the items are the same, what was asked is not."""
    write(folder, "step_3", answers(rng, 0.9), prompt="the answer is 1: ")


def best_of_n(folder: Path, rng: random.Random) -> None:
    """The best of four attempts beside the mean of one."""
    write(folder, "step_3", answers(rng, 0.9), metric_details={"reducer": "max", "epochs": "4"})


# shape -> (what makes it, the readers that must not use the number)
USED_NOWHERE = ("decided", "ranks_it", "published", "shown")
COMPARED_NOWHERE = ("decided", "ranks_it")
SHAPES: dict[str, tuple[Callable[[Path, random.Random], None], tuple[str, ...]]] = {
    "the denominator of those that finished": (finished_only, USED_NOWHERE),
    "no grade is no attempt": (no_grade, USED_NOWHERE),
    "truncation as answer": (truncated, USED_NOWHERE),
    "limit as whole": (limited, USED_NOWHERE),
    "a score that its items contradict": (edited, USED_NOWHERE),
    "a group's row that its parts contradict": (wrong_group, USED_NOWHERE),
    "scale guessed": (other_scale, USED_NOWHERE),
    "zero for failed": (failed, USED_NOWHERE),
    "duplicated items": (doubled, USED_NOWHERE),
    "last run wins; repeats that are not": (nights, USED_NOWHERE),
    "the judge changed": (other_judge, COMPARED_NOWHERE),
    "a stale cache under a changed key": (other_key, COMPARED_NOWHERE),
    "reference in the prompt": (other_prompt, COMPARED_NOWHERE),
    "best-of-n as mean": (best_of_n, COMPARED_NOWHERE),
}


def prepared(tmp_path: Path, seed: int) -> random.Random:
    """Two checkpoints with good records, and the generator for the third."""
    rng = random.Random(seed)
    checkpoints(tmp_path / "run", "step_1", "step_2", "step_3")
    for name in ("step_1", "step_2"):
        write(tmp_path, name, answers(rng, 0.6))
    return rng


@pytest.mark.parametrize("seed", [0, 1])
def test_a_good_record_is_used_everywhere(tmp_path, capsys, seed):
    rng = prepared(tmp_path, seed)
    write(tmp_path, "step_3", answers(rng, 0.95))
    asked = Asked(tmp_path, capsys)
    assert asked.decided() and asked.ranks_it() and len(asked.published()) == len(asked.shown()) == 1


@pytest.mark.parametrize("reader", ["decided", "ranks_it", "published", "shown"])
@pytest.mark.parametrize("shape", list(SHAPES))
def test_no_reader_gives_a_wrong_number(tmp_path, capsys, shape, reader):
    make, readers = SHAPES[shape]
    rng = prepared(tmp_path, len(shape))
    make(tmp_path, rng)
    if reader in readers:
        assert not getattr(Asked(tmp_path, capsys), reader)(), (shape, reader)


def test_no_average_of_averages(tmp_path, capsys):
    """Parts of 250, 256 and 100 items: the mean of their means is another number."""
    rng = prepared(tmp_path, 1)
    for part, values in MUSR.items():
        options = {"task": f"leaderboard_musr_{part}", "metric": "acc_norm", "library": ("lm-eval", "0.4.13")}
        options["source"] = {"samples_number": len(values)}
        write(tmp_path, "step_3", rng.sample(values, len(values)), **options)
    right = sum(map(sum, MUSR.values())) / sum(map(len, MUSR.values()))
    wrong = sum(sum(values) / len(values) for values in MUSR.values()) / len(MUSR)
    assert abs(right - wrong) > 0.002
    asked = Asked(tmp_path, capsys)
    assert asked.published() == [pytest.approx(right)] and asked.shown() == [pytest.approx(right)]


def test_pairs_do_not_depend_on_the_order_of_lines(tmp_path, capsys):
    rng = prepared(tmp_path, 1)
    rows = [sample_row(i, score) for i, score in enumerate(answers(rng, 0.7))]
    found = []
    for order in (rows, rows[::-1], rng.sample(rows, len(rows))):
        path = write(tmp_path, "step_3", [row["evaluation"]["score"] for row in order], rows=order)
        found.append(Asked(tmp_path, capsys).compare()[1]["benchmarks"][0]["interval"])
        path.unlink()
        path.with_name(f"{path.stem}_samples.jsonl").unlink()
    assert found[0] == found[1] == found[2]


def test_nothing_is_rounded_in_between(tmp_path, capsys):
    rng = prepared(tmp_path, 1)
    own = [rng.random() for _ in range(ITEMS)]
    write(tmp_path, "step_3", own)
    asked = Asked(tmp_path, capsys)
    exact = sum(own) / len(own)
    assert asked.published() == [pytest.approx(exact, abs=1e-12)] and asked.ranked()["step_3"] == pytest.approx(
        exact, abs=1e-9
    )


COLUMNS = ("ranks_it", "decided", "published", "shown")  # of the table in references/practice.md


def test_the_table_of_the_reference_says_what_is_tested():
    text = (Path(__file__).parents[1] / "references" / "practice.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) < 150
    rows = {
        cells[1]: cells[2:6] for line in text.splitlines() if len(cells := [c.strip() for c in line.split("|")]) == 8
    }
    assert set(SHAPES) <= set(rows)
    for shape, (_, readers) in SHAPES.items():
        told = {
            reader for reader, word in zip(COLUMNS, rows[shape], strict=True) if word in ("refused", "asked", "apart")
        }
        assert told == set(readers), shape


@pytest.mark.parametrize(("size", "shown"), [(50, True), (1, False)])
def test_a_guess_on_a_few_passages_is_not_below_chance(size, shown, tmp_path):
    """A fifth of 600 answers with four choices is below chance, of 12 passages' it is not."""
    scores = [float(i // 50 < 2) for i in range(600)]
    rows = [sample_row(i, score, metadata=lambda i: {"passage_id": f"p{i // size}"}) for i, score in enumerate(scores)]
    for row in rows:
        row["input"] |= {"choices": ["1", "2", "3", "4"]}
    write_record(tmp_path, "a/one", scores, task="my_reading", rows=rows)
    (row,), unreadable = board.read_own_runs([str(tmp_path)], BENCHMARKS)
    assert not unreadable
    assert ("below chance" in (row["why_not"] or "")) is not shown


@pytest.mark.parametrize("passages", [12, 4])
def test_items_of_one_passage_make_no_leader_certain(passages, tmp_path, capsys):
    """600 answers to a few passages tell as little as a few answers; the records' errors are those of 600."""
    size, right = 600 // passages, {"a/one": passages * 3 // 4, "b/two": passages // 2}
    for model, count in right.items():
        scores = [float(i // size < count) for i in range(600)]
        share = sum(scores) / 600
        error = (share * (1 - share) / 599) ** 0.5
        told = {"task": "my_reading", "error": error, "metadata": lambda i: {"passage_id": f"p{i // size}"}}
        write_record(tmp_path / "results", model, scores, **told)
    assert board.main(["collect", "--results", f"{tmp_path}/results", "--output-dir", f"{tmp_path}/board"]) == 0
    capsys.readouterr()
    assert board.main(["show", "--data", f"{tmp_path}/board", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert not document["certain"], document["conclusion"]
    errors = {row["model"]: row["error"] for row in document["rows"]}
    assert errors["a/one"] > 100 * (0.75 * 0.25 / passages) ** 0.5 * 0.99
