"""diff compares two boards as show has them: what a number rests on, which metric, which models, what is apart."""

from __future__ import annotations

import hashlib
import json
import random
import shutil
from pathlib import Path
from typing import Any

import leaderboard as board
import pytest
from leaderboard_data import row
from record_writer import write_record
from test_formats import convert, opencompass_run
from test_leaderboard import made_up_metadata

LM_EVAL = {"samples": False, "error": 0.013, "library": ("lm_eval", "0.4.9"), "shots": 5}
STRICT, FLEXIBLE = "exact_match,strict-match", "exact_match,flexible-extract"


class Boards:
    """Two collects, each of the records that it is given."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture) -> None:
        self.folder, self.capsys = folder, capsys

    def measure(self, board_of: str, model: str, score: float, metric: str = STRICT, **more: Any) -> None:
        task = more.get("task", "gsm8k")
        given = LM_EVAL | {"task": task, "metric": metric, "score": score, "n": board.TEST_ITEMS.get(task)} | more
        write_record(self.folder / board_of, model, [], **given)

    def collect(self, when: str, *more: str) -> str:
        """What it says on stderr."""
        self.capsys.readouterr()
        asked = ["collect", "--results", str(self.folder / when), "--output-dir", str(self.folder / f"{when}-board")]
        assert board.main([*asked, *more]) == 0
        return self.capsys.readouterr().err

    def show(self, when: str, *more: str) -> dict:
        self.capsys.readouterr()
        assert board.main(["show", "--data", str(self.folder / f"{when}-board"), "--json", *more]) == 0
        return json.loads(self.capsys.readouterr().out)

    def diff(self, *more: str) -> tuple[int, dict, str]:
        """(exit code, document, what people read)."""
        for when in ("old", "new"):
            self.collect(when, *more)
        asked = ["diff", str(self.folder / "old-board"), str(self.folder / "new-board")]
        self.capsys.readouterr()
        code = board.main([*asked, "--json"])
        document = json.loads(self.capsys.readouterr().out)
        assert board.main(asked) == code
        out, err = self.capsys.readouterr()
        return code, document, out + err


@pytest.fixture
def boards(tmp_path: Path, capsys: pytest.CaptureFixture) -> Boards:
    return Boards(tmp_path, capsys)


def places(document: dict, kind: str) -> list[tuple[str, str]]:
    return [(item["model"], item["benchmark"]) for item in document[kind]]


WAYS = [
    ({"shots": 8}, "5-shot before, 8-shot now", True),
    ({"shots": 8}, "5-shot before, 8-shot now", False),
    ({"metric": FLEXIBLE}, f"{STRICT} before, {FLEXIBLE} now", True),
    ({"settings": {"dtype": "int8"}}, "settings that compare_results.py tells", True),
    ({"settings": {"dtype": "int8"}}, "settings that compare_results.py tells", False),
    ({"library": ("lighteval", "0.13.0")}, "lm_eval before, lighteval now", True),
    ({"library": ("lighteval", "0.13.0")}, "lm_eval before, lighteval now", False),
]


@pytest.mark.parametrize(("way", "said", "all_of_them"), WAYS)
def test_what_was_measured_otherwise_is_no_other_number_and_no_certain_lead(boards, way, said, all_of_them):
    scores = {"a/first": (0.50, 0.70), "b/second": (0.49, 0.51)}
    for model, (before, now) in scores.items():
        boards.measure("old", model, before)
        boards.measure("new", model, now, **(way if all_of_them or model == "a/first" else {}))
    code, document, text = boards.diff()
    assert (code, "undecided: " in text, "reason" in document) == (3, True, True)
    assert said in document["otherwise"][0]["why"]
    assert ("a/first", "gsm8k") not in places(document, "changed")
    certain = boards.show("new", "--benchmark", "gsm8k")["certain"]
    assert (("a/first", "gsm8k") in places(document, "leaders")) is certain is all_of_them
    assert (("a/first", "gsm8k") in places(document, "leaders_unlike")) is not all_of_them


def test_what_show_calls_certain_is_what_diff_calls_certain(boards):
    """For each benchmark: a lead that is new, and certain in show, is one of `leaders`, and no other one is."""
    rng = random.Random(5)
    for task, metric in (("gsm8k", STRICT), ("mmlu", "accuracy"), ("boolq", "accuracy"), ("piqa", "accuracy")):
        for number in range(4):
            score, model = rng.choice((0.3, 0.5, 0.52, 0.8)), f"a/m{number}"
            boards.measure("old", model, 0.5, metric, task=task)
            boards.measure("new", model, score, metric, task=task, shots=rng.choice((5, 5, 5, 0)))
    _, document, _ = boards.diff()
    certain = set()
    for key in ("gsm8k", "mmlu", "boolq", "piqa"):
        told = boards.show("new", "--benchmark", key)
        certain |= {(told["rows"][0]["model"], key)} if told["certain"] else set()
    assert set(places(document, "leaders")) == certain


def test_a_column_in_another_metric_is_named_and_its_numbers_are_compared_in_one(boards):
    for model, strict, flexible in (("a/a", 0.6, 0.65), ("b/b", 0.5, 0.55)):
        for when, gain in (("old", 0.0), ("new", 0.1 if model == "b/b" else 0.0)):
            boards.measure(when, model, strict + gain, STRICT)
            boards.measure(when, model, flexible + gain, FLEXIBLE)
    boards.measure("new", "c/flexible", 0.7, FLEXIBLE)
    code, document, text = boards.diff()
    assert document["metrics"] == [
        {"benchmark": "gsm8k", "name": "GSM8K", "before": "strict-match", "now": "flexible-extract"}
    ]
    ((changed),) = document["changed"]
    assert (changed["model"], changed["before"]["comparable"], changed["now"]["comparable"]) == ("b/b", 0.55, 0.65)
    assert code == 0 and "another metric" in text and not document["otherwise"]
    assert not document["overall"]["same_basis"] and "now, of other benchmarks or metrics: " in text


def test_a_record_that_is_in_no_column_changes_none(boards):
    """One number of another harness or model, kept apart or in its place: the others' metric stays."""
    for model in ("a/a", "b/b"):
        for metric, score in ((STRICT, 0.5), (FLEXIBLE, 0.6)):
            for when in ("old", "new"):
                boards.measure(when, model, score, metric)
    boards.measure("new", "z/elsewhere", 0.7, "accuracy", library=("opencompass", "0.5"))
    _, document, _ = boards.diff()
    assert not document["metrics"] + document["changed"] + document["otherwise"]
    assert places(document, "new") == [] and document["new_models"][0]["model"] == "z/elsewhere"


@pytest.mark.parametrize("seed", range(40))
def test_the_metric_of_a_column_depends_on_what_is_in_it_alone(seed):
    """Whatever is measured: one more row, which is not shown, leaves every other shown number as it was."""
    rng = random.Random(seed)

    def number(model: str) -> dict:
        way = rng.choice(("acc", "acc_norm", "acc_bytes", STRICT, FLEXIBLE, "prompt_level_strict_acc"))
        source = rng.choice((("own_run", "record"), ("reported", "record"), ("author_metadata", "eval_results")))
        more = {
            "metric": way,
            "source_type": source[0],
            "source_format": source[1],
            "date": f"2026-11-{rng.randint(1, 9)}",
        }
        return row(model, "gsm8k", round(rng.random(), 3), **more, shown=False)

    rows = [number(f"a/m{rng.randint(1, 5)}") for _ in range(rng.randint(1, 9))]
    more = number(f"a/m{rng.randint(1, 7)}")

    def shown(given: list[dict]) -> list[tuple]:
        fresh = [dict(one) for one in given]
        board.choose_shown(fresh)
        return [(place, one["comparable"]) for place, one in enumerate(fresh) if one["shown"]]

    before, now = shown(rows), shown([*rows, more])
    if len(rows) not in dict(now):
        assert now == before


def test_a_model_whose_numbers_are_all_set_apart_is_not_gone(boards):
    for model, score in (("a/a", 0.6), ("b/b", 0.5), ("c/gone", 0.4)):
        boards.measure("old", model, score)
    boards.measure("new", "a/a", 0.6)
    boards.measure("new", "b/b", 0.9, n=100, settings={"limit": 100})
    code, document, text = boards.diff()
    assert [item["model"] for item in document["gone_models"]] == ["c/gone"]
    ((apart),) = document["models_apart"]
    assert (apart["model"], apart["numbers"]) == ("b/b", 1) and "a partial run" in apart["why"] and code == 0
    assert "all set apart" in text and "a partial run" in text
    assert "set apart: b/b, GSM8K: a partial run" in boards.collect("new")
    assert boards.show("new")["set_apart"] == ["b/b, GSM8K: a partial run (limit 100), no score"]
    assert board.main(["show", "--data", str(boards.folder / "new-board")]) == 0
    assert "measured, but set apart: b/b, GSM8K: a partial run" in boards.capsys.readouterr().err


def test_a_model_whose_numbers_were_all_set_apart_is_gone_with_its_records(boards):
    for when, partial in (("old", "b/gone"), ("new", "c/new")):
        boards.measure(when, "a/a", 0.6)
        boards.measure(when, partial, 0.9, n=100, settings={"limit": 100})
    _, document, text = boards.diff()
    assert [(item["model"], item["numbers"]) for item in document["gone_models"]] == [("b/gone", 0)]
    assert [item["model"] for item in document["models_apart"]] == ["c/new"] and "1 × gone model" in text


def test_an_average_over_other_benchmarks_is_said(boards):
    for when, tasks in (("old", ("gsm8k", "mmlu")), ("new", ("mmlu",))):
        for model, score in (("a/a", 0.8), ("b/b", 0.5)):
            for task in tasks:
                boards.measure(when, model, score, STRICT if task == "gsm8k" else "accuracy", task=task)
    _, document, text = boards.diff()
    overall = document["overall"]
    assert not overall["same_basis"]
    assert {when: sorted(overall[when]["primary"]) for when in ("before", "now")} == {
        "before": ["gsm8k", "mmlu"],
        "now": ["mmlu"],
    }
    assert "now, of other benchmarks or metrics: a/a leads" in text and overall["now"]["conclusion"] in text
    assert overall["now"]["conclusion"] == boards.show("new")["conclusion"]


def test_a_rival_that_is_set_apart_now_is_named_beside_the_lead(boards):
    """Asked in part, the first of before leaves the lead to the second: none calls it a model without numbers."""
    for model, score in (("a/a", 0.6), ("b/b", 0.8), ("c/c", 0.2)):
        boards.measure("old", model, score)
        boards.measure("new", model, score, **({"n": 100, "settings": {"limit": 100}} if model == "b/b" else {}))
    _, document, text = boards.diff()
    partial = "b/b, GSM8K: a partial run (limit 100), no score"
    assert document["overall"]["now"]["conclusion"].endswith(f"Of the others, measured, but set apart: {partial}.")
    assert [item["why"] for kind in ("leaders", "leaders_lost") for item in document[kind]] == [partial, partial]
    assert f"now: {document['overall']['now']['conclusion']}" in text


def test_a_lead_that_only_another_commit_opens_says_so(boards):
    """Another commit of the leader is level with the second, another one of the second has another number."""
    for when, sha, scores in (("old", "b", (0.9, 0.5)), ("new", "f", (0.61, 0.6))):
        for model, score in zip(("a/a", "b/b"), scores, strict=True):
            boards.measure(when, model, score, details={"revision": sha * 40})
    _, document, text = boards.diff()
    revisions = f"another revision: {'b' * 12} before, {'f' * 12} now"
    assert [item["why"] for item in document["changed"]] == [revisions] * 2
    ((lost),) = document["leaders_lost"]
    assert lost["why"] == "Not certain: b/b cannot be told apart from it (95 %)." and revisions in text


@pytest.mark.parametrize("latest", [True, False])
def test_commits_are_states_of_one_model(boards, latest):
    """A model of two commits is one model: compared with itself, counted once, found by its name."""
    shas = {"first": "b" * 40, "second": "f" * 40}
    for when, sha, score, day in (("old", "first", 0.5, 18), ("new", "first", 0.5, 18), ("new", "second", 0.9, 24)):
        more = {"details": {"revision": shas[sha]}, "when": f"2026-11-{day}T10:00:00Z"}
        boards.measure(when, "org/m", score, **more)
    for when in ("old", "new"):
        boards.measure(when, "org/other", 0.6)
    _, document, _ = boards.diff(*(["--latest"] if latest else []))
    assert not document["new_models"] + document["gone_models"]
    ((changed),) = document["changed"]
    assert (changed["model"], changed["before"]["comparable"], changed["now"]["comparable"]) == ("org/m", 0.5, 0.9)
    said = boards.collect("new", *(["--latest"] if latest else []))
    assert "2 scores of 2 models" in said if latest else "3 scores of 2 models" in said
    assert ("(--latest), 1 left out: org/m@" + "b" * 40 in said) is latest
    told = boards.show("new")
    assert "Among all 2 models." in told["conclusion"]
    assert {one["model"] for one in told["rows"]} == {
        "org/other",
        *(["org/m"] if latest else [f"org/m@{sha}" for sha in shas.values()]),
    }


def test_a_branch_that_was_asked_for_is_a_model_of_its_own(boards):
    for step in (1000, 2000):
        boards.measure(
            "new", "org/m", step / 4000, details={"revision": f"step{step}"}, when=f"2026-11-{step // 100}T1:00"
        )
    boards.collect("new", "--latest")
    assert [one["model"] for one in boards.show("new")["rows"]] == ["org/m@step2000", "org/m@step1000"]


def test_the_last_state_is_the_one_measured_last(boards):
    """Measured at commit A, at B, and at A again: the last is A."""
    for sha, score, day in (("a", 0.5, 1), ("b", 0.7, 2), ("a", 0.5, 3)):
        boards.measure("new", "org/m", score, details={"revision": sha * 40}, when=f"2026-11-0{day}T10:00:00Z")
    assert "org/m@" + "a" * 40 + " is shown alone" in boards.collect("new", "--latest")


def test_a_model_is_found_by_its_id_where_its_states_alone_are_there(tmp_path, capsys):
    names = ["org/one@" + "c" * 40, "org/two@2026-11-18", "org/two@2026-11-19"]
    rows = [row(name, "gsm8k", 0.5, comparable_error=0.01) for name in names]
    board.write_data(tmp_path, rows, made_up_metadata(rows))
    for asked, code in (("org/one", 0), ("one", 0), ("org/two", 3), ("org/three", 1)):
        assert board.main(["show", "--data", str(tmp_path), "--model", asked]) == code
    assert "org/two@2026-11-18, org/two@2026-11-19" in capsys.readouterr().err


def test_what_is_no_board_is_never_written_over(boards):
    """Records, or a file of a board, given as a board: the command that is said leaves them as they are."""
    boards.measure("new", "a/a", 0.5)
    boards.collect("new")
    records, folder = boards.folder / "new", boards.folder / "new-board"
    for given, said in (
        (records, f"collect --results {records} --output-dir {records}-board"),
        (folder / "leaderboard.jsonl", f"is {folder} meant?"),
    ):
        assert board.main(["diff", str(given), str(folder)]) == 2
        assert said in boards.capsys.readouterr().err


def test_results_that_contradict_one_another_are_said(boards):
    sha = {"details": {"revision": "b" * 40}}
    for when in ("old", "new"):
        for model in ("a/a", "b/b"):
            boards.measure(when, model, 0.5, **sha)
            boards.measure(when, model, 0.5, "accuracy", task="mmlu", **sha)
    boards.measure("new", "a/a", 0.9, **sha, when="2026-03-13T02:00:00Z")
    code, document, text = boards.diff()
    ((apart),) = document["apart"]
    assert (apart["model"], apart["benchmark"], code) == ("a/a", "gsm8k", 0)
    assert "greedy runs contradict one another" in apart["why"] and "greedy runs contradict" in text
    assert "note: set apart: a/a, GSM8K: not valid: greedy runs contradict" in boards.collect("new")


def test_a_benchmark_in_another_metric_is_not_lacking(boards):
    for model in ("a/a", "b/b"):
        boards.measure("new", model, 0.6, "accuracy", task="mmlu")
        boards.measure("new", model, 0.6, "accuracy", task="hellaswag")
    boards.measure("new", "c/norm", 0.7, "accuracy", task="mmlu")
    boards.measure("new", "c/norm", 0.7, "acc_norm", task="hellaswag")
    boards.collect("new")
    told = boards.show("new")
    assert told["set_apart"] == ["c/norm, HellaSwag: in acc_norm, while the column of HellaSwag is in acc"]
    assert "the other one has no number for a benchmark of this average" in told["conclusion"]
    assert board.main(["show", "--data", str(boards.folder / "new-board")]) == 0
    (line,) = [one for one in boards.capsys.readouterr().out.splitlines() if "c/norm  " in one]
    assert "apart" in line


def test_a_metric_in_its_own_scale_is_shown(boards):
    """lm-eval's word_perplexity of WikiText-2 is in "perplexity": points of the metric's own."""
    for model, score in (("a/a", 7.9), ("b/b", 9.1)):
        given = {"unit": "perplexity", "lower": True, "aggregation": "weighted_perplexity", "n": 62, "error": 0.1}
        boards.measure("new", model, score, "word_perplexity", task="wikitext", **given)
    boards.collect("new")
    told = boards.show("new", "--benchmark", "wikitext_2")
    assert [(one["model"], one["comparable"]) for one in told["rows"]] == [("a/a", 7.9), ("b/b", 9.1)]


# --- OpenCompass: what its evaluators make ---


@pytest.mark.parametrize(
    ("task", "document", "shown"),
    [
        ("gsm8k", {"accuracy": 71.9}, {"gsm8k": 0.719}),
        (
            "IFEval",
            {f"{level}-level-{way}-accuracy": 58.6 + i for i, (level, way) in enumerate(
                (level, way) for way in ("strict", "loose") for level in ("Prompt", "Inst"))},
            {"ifeval": 0.586},
        ),
        ("openai_humaneval", {"humaneval_pass@1": 40.0, "humaneval_pass@10": 60.0}, {"humaneval": 0.4}),
        ("triviaqa", {"score": 60.0}, {}),  # whether an answer is somewhere in the text is no exact match
        ("squad2.0", {"score": 60.0}, {}),  # exact match, where F1 ranks
        ("flores", {"score": 30.0}, {}),  # BLEU, where chrF ranks
    ],
)  # fmt: skip
def test_the_metrics_of_opencompass_are_those_that_its_evaluators_make(tmp_path, capsys, task, document, shown):
    opencompass_run(tmp_path / "in", document)
    path = next(iter((tmp_path / "in").rglob("results/*/*.json")))
    path.rename(path.with_name(f"{task}.json"))
    assert convert(tmp_path / "in", output=tmp_path / "out") == 0
    capsys.readouterr()
    code = board.main(["collect", "--results", str(tmp_path / "out"), "--output-dir", str(tmp_path / "board")])
    assert code == (0 if shown else 1)
    engine, _ = board.open_data(tmp_path / "board")
    rows = board.query(engine, "SELECT benchmark, comparable, shown, why_not FROM scores")
    assert {one["benchmark"]: one["comparable"] for one in rows if one["shown"]} == pytest.approx(shown)
    assert shown or "is not the metric that" in rows[0]["why_not"]


MARKED = ["org/m@2026-11-18", "org/m@" + "b" * 40, "org/m[dtype=int8]", "org/m@2026-11-18T10:00:00Z", "org/m[a=b]"]


@pytest.mark.parametrize("name", MARKED)
def test_a_record_cannot_call_itself_a_state_of_a_model(boards, name):
    """What a board, or who asks, calls a state by is no id: such a record is read nowhere, and said."""
    boards.measure("old", "org/m", 0.5, when="2026-11-18T10:00:00Z")
    boards.measure("old", name, 0.99)
    asked = ["collect", "--results", str(boards.folder / "old"), "--output-dir", str(boards.folder / "old-board")]
    assert board.main(asked) == 1
    assert [one["model"] for one in boards.show("old")["rows"]] == ["org/m"]
    told = json.loads((boards.folder / "old-board" / "metadata.json").read_text(encoding="utf-8"))["unreadable"]
    assert [name.removeprefix("org/m") in one["reason"] for one in told] == [True]


def test_names_with_a_sign_that_is_no_state_are_names(boards):
    names = ["google/text-bison@001", "claude-3-opus@20240229", "org/m[it]", "org/m@step100"]
    for name in names:
        boards.measure("old", name, 0.5)
    assert "4 scores of 4 models" in boards.collect("old")


def test_the_numbers_of_a_lead_are_those_of_the_state_that_leads(boards):
    """The first commit leads, the last one does not: its number is none of the lead."""
    for when, first in (("old", 0.2), ("new", 0.9)):
        more = [("b", first, 18), ("f", 0.3, 24)]
        for sha, score, day in more:
            boards.measure(when, "org/m", score, details={"revision": sha * 40}, when=f"2026-11-{day}T10:00:00Z")
        boards.measure(when, "org/other", 0.6)
    _, document, _ = boards.diff()
    ((lead),) = [one for kind in ("leaders", "leaders_unlike") for one in document[kind]]
    assert (lead["model"], lead["now"]["comparable"]) == ("org/m", 0.9)


def test_whose_collect_it_is_stands_in_every_answer(boards, tmp_path, monkeypatch, capsys):
    boards.measure("old", "org/m", 0.5)
    boards.collect("old")
    data = str(boards.folder / "old-board")

    def answers() -> tuple[bool, bool, str]:
        shown = boards.show("old")
        capsys.readouterr()
        board.main(["diff", data, data, "--json"])
        compared = json.loads(capsys.readouterr().out)
        (here,) = set(compared["collected_here"])
        return shown["collected_here"], here, board.read_page(Path(data))

    *here, page = answers()
    assert here == [True, True] and board.BY_OTHERS not in page
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "somebody-else"))
    *here, page = answers()
    assert here == [False, False] and board.BY_OTHERS in page.partition("</table>")[0]
    assert board.BY_OTHERS not in board.read_page(Path(data), adopt=True)
    assert board.main(["export", "--data", data, "--output-dir", str(tmp_path / "site")]) == 0
    assert board.BY_OTHERS in (tmp_path / "site" / "index.html").read_text(encoding="utf-8").partition("</table>")[0]


def test_a_number_of_other_items_is_no_other_number(boards):
    """Task, data and settings say the same; what was asked is another thing."""
    tiny = Path(__file__).parent.parent / "examples/tiny_run/results"
    for when in ("old", "new"):
        shutil.copytree(tiny, boards.folder / when)
    (path,) = (boards.folder / "new").glob("data/math_reasoning/tiny_run/step_700/*[0-9a-f].json")
    record, samples = json.loads(path.read_text()), path.with_name(f"{path.stem}_samples.jsonl")
    lines = [json.loads(line) for line in samples.read_text().splitlines()]
    for number, line in enumerate(lines):
        line["sample_hash"] = hashlib.sha256(str(number).encode()).hexdigest()
        line["evaluation"] |= {"score": 1.0, "is_correct": True}
    text = "".join(json.dumps(line) + "\n" for line in lines)
    samples.write_text(text)
    record["detailed_evaluation_results"]["checksum"] = hashlib.sha256(text.encode()).hexdigest()
    record["evaluation_results"][0]["score_details"]["score"] = 1.0
    record["evaluation_results"][0]["score_details"]["uncertainty"].pop("standard_error", None)
    path.write_text(json.dumps(record))
    code, document, told = boards.diff()
    assert code == 3 and "the items that were asked" in told
    assert [(row["model"], row["benchmark"]) for row in document["otherwise"]] == [
        ("tiny_run/step_700", "math_reasoning")
    ]
