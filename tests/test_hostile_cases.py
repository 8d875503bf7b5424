"""Hostile files of which each has a story of its own: what a stranger would try, and that it comes to nothing."""

import hashlib
import io
import json
import os
import random
import re
import shutil
import subprocess
import sys
import time
import types
from pathlib import Path

import pytest
from hostile.kinds import ESCAPES
from hostile.slots import (
    ADD,
    COLLECT,
    COMPARE,
    ITEMS,
    LUMEN,
    PREPARED,
    RANK,
    RECORD,
    SAMPLES,
    copy_run,
    lay_corpus,
    lay_run,
)
from test_hostile import cage, faults  # noqa: F401

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parts import frame  # noqa: E402
from parts.frame import ScriptError, usual_mode, whole_file, write_whole  # noqa: E402
from parts.harness.answers import NUMBER, rouge_l, score_answer  # noqa: E402
from parts.metadata.merge import block_column  # noqa: E402
from parts.outgoing import CleanStream, outgoing, tell_runner  # noqa: E402
from parts.plots import own_style  # noqa: E402
from parts.publish.local import write_clone  # noqa: E402
from parts.vocabulary import vocabulary_of  # noqa: E402

GOOD_CODES = (0, 1, 2, 3)


def second_record(folder, changes):
    """Another record beside that of step_700, with all its answers right."""
    record = json.loads((folder / RECORD).read_text())
    record["evaluation_id"] += "1"
    record["evaluation_results"][0]["score_details"] |= {"score": 1.0, "uncertainty": {"num_samples": 100}}
    rows = [json.loads(line) for line in (folder / SAMPLES).read_text().splitlines()]
    for row in rows:
        row["evaluation_id"] = record["evaluation_id"]
        row["evaluation"] |= {"score": 1.0, "is_correct": True}
    text = "".join(json.dumps(row) + "\n" for row in rows)
    place = RECORD.replace("000002bc", "000002bd")
    samples = place.replace(".json", "_samples.jsonl")
    record["detailed_evaluation_results"] |= {
        "file_path": samples.removeprefix("results/"),
        "checksum": hashlib.sha256(text.encode()).hexdigest(),
    }
    record |= changes
    (folder / samples).write_text(text)
    (folder / place).write_text(json.dumps(record))


@pytest.mark.parametrize("stamp", [1, 1_795_246_000, 1_795_300_000])
def test_a_second_record_of_all_ones_buys_nothing(cage, tmp_path, stamp):  # noqa: F811
    lay_run(tmp_path)
    second_record(tmp_path, {"retrieved_timestamp": str(stamp)})
    for script, *argv in (COMPARE, (*COMPARE, "--rule", "finetune", "--target", "math_reasoning"), ADD):
        outcome = cage.run(script, argv, tmp_path)
        assert outcome.code in (1, 2, 3), outcome
    ranking = cage.run(RANK[0], list(RANK[1:]), tmp_path).out
    assert "not comparable: step_700: math_reasoning: greedy runs contradict one another" in ranking
    assert not any(line.startswith("| step_700") for line in ranking.splitlines()), "it is not ranked"


@pytest.mark.parametrize("name", ["a$\\frac{$", "$\\hspace{3000}$", "a$b$c"])
def test_a_name_in_a_figure_is_no_formula(name):
    """matplotlib reads what stands between dollar signs as TeX: an error, an empty name, another one."""
    from matplotlib.figure import Figure

    with own_style():
        figure = Figure()
        axes = figure.subplots()
        axes.set_yticks([0, 1], [name, name.replace("$", "S")])
        axes.plot([0, 1], [0, 1], label=name)
        axes.legend()
        figure.savefig(io.BytesIO(), format="svg")
        own, plain = (label.get_window_extent().width for label in axes.get_yticklabels())
    assert own == pytest.approx(plain, rel=0.2)


FACTS = "model,usd,latency\nbetter,lower,lower\nstep_700,9.5,3\nstep_1000,{}\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (FACTS.format("1,234.5,2"), "line 4: 4 cells, and 3 in the first line"),
        (FACTS.format("1"), "line 4: 2 cells"),
        (FACTS.format("1,2").replace("latency", "usd"), "a name of its own"),
        (FACTS.format("1,2").replace("latency", ""), "a name of its own"),
        (FACTS.format('"1"0,2'), "--facts"),
    ],
    ids=["more", "less", "twice", "unnamed", "quoted"],
)
def test_a_cell_of_facts_is_in_its_column(cage, tmp_path, text, said):  # noqa: F811
    lay_run(tmp_path)
    asked = ["--rule", "choose", "--candidate", "step_700", "step_1000", "--results", "results", "--facts", "f.csv"]
    (tmp_path / "f.csv").write_text(FACTS.format("1,2") + "\n,,\n")
    assert "latency" in cage.run("compare_results", asked, tmp_path).out
    (tmp_path / "f.csv").write_text(text)
    outcome = cage.run("compare_results", asked, tmp_path)
    assert outcome.code == 2 and said in outcome.err and not outcome.out, outcome


@pytest.mark.parametrize("stamp", ["4000000000", "2199-01-01T00:00:00Z"])
def test_a_record_of_the_future_is_refused(cage, tmp_path, stamp):  # noqa: F811
    lay_run(tmp_path)
    record = json.loads((tmp_path / RECORD).read_text())
    (tmp_path / RECORD).write_text(json.dumps(record | {"evaluation_timestamp": stamp}))
    for script, *argv in (RANK, COMPARE):
        outcome = cage.run(script, argv, tmp_path)
        assert outcome.code == 2 and "future" in outcome.err, outcome
    assert cage.run(ADD[0], list(ADD[1:]), tmp_path).code in (1, 2)


NAMES = ["a\x1b]0;owned\x07.json", "b\r\x9b31m.json", "c\u202ejson.json", "d\n# e.json", "f\u200b.json", "-rf.json"]


@pytest.mark.parametrize("name", [*NAMES, os.fsdecode(b"\xff\xfe.json"), "x" * 240 + ".json"], ids=ascii)
def test_names_of_files_do_not_act(cage, tmp_path, name):  # noqa: F811
    lay_run(tmp_path)
    (tmp_path / "results" / name).write_text('{"evaluation_results": [')
    (tmp_path / "results" / "data" / name.removesuffix(".json")).mkdir()
    for script, *argv in (RANK, COMPARE, ADD, COLLECT, ITEMS, ("convert_results", "results", "--output-dir", "out")):
        outcome = cage.run(script, argv, tmp_path)
        assert outcome.code in GOOD_CODES and not faults(outcome), (argv, faults(outcome))


FORGED = [
    lambda plan: plan | {"model_index": [{"task": {"type": "x"}, "metrics": [{"type": "a", "value": 99.9}]}]},
    lambda plan: plan | {"eval_results": {".eval_results/x.yaml": [{"dataset": {"id": "a/b"}, "value": 99.9}]}},
    lambda plan: plan | {"eval_results": {"../x.yaml": []}},
    lambda plan: plan | {"verifyToken": "forged"},
    lambda plan: plan | {"entries": [entry | {"verifyToken": "forged"} for entry in plan["entries"]]},
    lambda plan: plan | {"repo_id": "../x"},
    lambda plan: plan | {"entries": [entry | {"value": "99.9"} for entry in plan["entries"]]},
    lambda plan: plan | {"entries": [entry | {"value": 10**400} for entry in plan["entries"]]},
    lambda plan: plan | {"entries": {"a": 1}},
    lambda plan: plan | {"notes": [ESCAPES]} | {"evil": 1},
    lambda plan: plan | {"entries": [entry | {"date": "2199-01-01"} for entry in plan["entries"]]},
    lambda plan: plan | {"entries": [entry | {"samples": -5} for entry in plan["entries"]]},
    lambda plan: plan | {"entries": [entry | {"standard_error": -1} for entry in plan["entries"]]},
]


@pytest.mark.parametrize("forge", FORGED)
def test_a_plan_writes_what_it_shows_and_nothing_else(cage, tmp_path, forge):  # noqa: F811
    lay_run(tmp_path)
    answer = json.loads(PREPARED["plan"])
    (tmp_path / "plan.json").write_text(json.dumps(answer | {"plan": forge(answer["plan"])}))
    before = (tmp_path / "README.md").read_bytes()
    for argv in (("--card", "README.md", "--dry-run"), ("--card", "README.md"), ("--create-pr",)):
        outcome = cage.run("evaluation_manager", ["apply", "plan.json", *argv], tmp_path)
        assert outcome.code == 2 and not faults(outcome), outcome
    assert (tmp_path / "README.md").read_bytes() == before


CLAIMS = {
    "source_name": "Verified by nobody", "source_url": "https://evil.example/x", "task_type": "image-classification",
    "dataset": [["type", "o/forged"], ["name", "Forged"], ["config", "c1"], ["split", "s1"], ["revision", "deadbeef"]],
    "date": "2020-02-03", "key": None, "origin": "an audit",
}  # fmt: skip


def test_a_plan_shows_all_that_is_written_of_a_result(cage, tmp_path):  # noqa: F811
    lay_run(tmp_path)
    plan = json.loads(PREPARED["plan"])["plan"]
    first, *others = plan["entries"]
    (tmp_path / "plan.json").write_text(json.dumps(plan | {"entries": [first | CLAIMS, *others]}))
    argv = ["apply", "plan.json", "--card", "README.md", "--adopt"]
    shown = cage.run("evaluation_manager", [*argv, "--dry-run"], tmp_path)
    assert cage.run("evaluation_manager", argv, tmp_path).code == 0
    card = (tmp_path / "README.md").read_text()
    wanted = [value for key, value in CLAIMS.items() if isinstance(value, str) and key not in ("date", "origin")]
    for text in (*wanted, *(value for _, value in CLAIMS["dataset"])):
        assert text in card and text in shown.out, text


def test_a_plan_of_another_asks_what_it_is_written_as(cage, tmp_path):  # noqa: F811
    lay_run(tmp_path)
    plan = json.loads(PREPARED["plan"])["plan"]
    before = (tmp_path / "README.md").read_bytes()
    for change in ({"dataset_name": "HumanEval"}, {"task_type": "text-to-image"}, {"formats": "model-index"}):
        (tmp_path / "plan.json").write_text(json.dumps(plan | change))
        argv = ["apply", "plan.json", "--card", "README.md"]
        outcome = cage.run("evaluation_manager", argv, tmp_path)
        (name, value), *_ = change.items()
        option = f"--{name.replace('formats', 'format').replace('_', '-')}={value}"
        assert outcome.code == 3 and option in outcome.err, outcome
        assert (tmp_path / "README.md").read_bytes() == before
        assert cage.run("evaluation_manager", [*argv, option, "--dry-run"], tmp_path).code == 0


@pytest.mark.parametrize("style", ['style="display: none"', "hidden", 'style="VISIBILITY :hidden"'])
@pytest.mark.parametrize("outer", [True, False])
def test_tables_that_nobody_sees_are_not_read(cage, tmp_path, style, outer):  # noqa: F811
    rows = "<tr><th>Benchmark</th><th>Lumen-7B</th></tr><tr><td>GSM8K</td><td>99.9</td></tr>"
    table = f"<div {style}><table>{rows}</table></div>" if outer else f"<table {style}>{rows}</table>"
    (tmp_path / "README.md").write_text(f"# Lumen-7B\n\n{table}\n")
    outcome = cage.run("evaluation_manager", ["extract-readme", *LUMEN, "--all-tables"], tmp_path)
    assert outcome.code == 1 and "99.9" not in outcome.out, outcome
    (tmp_path / "README.md").write_text(f"# Lumen-7B\n\n<table>{rows}</table>\n")
    assert "99.9" in cage.run("evaluation_manager", ["extract-readme", *LUMEN, "--all-tables"], tmp_path).out


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", r"(\w+\s?)*$^"])
def test_patterns_end(cage, tmp_path, pattern):  # noqa: F811
    rows = [{"id": str(n), "prediction": "a" * 40 + "!", "reference": "a"} for n in range(3)]
    (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    argv = ["p.jsonl", "--metric", "accuracy", "--parse", pattern, "--model-id", "me/m", "--benchmark", "x"]
    outcome = cage.run("score_predictions", [*argv, "--output-dir", "out"], tmp_path, seconds=20)
    assert outcome.code in (0, 2) and not faults(outcome), outcome


def test_long_answers_take_little_memory(cage, tmp_path):  # noqa: F811
    text = " ".join(["ab", "cd", "ef", "gh"] * 7000)  # 80 kB
    (tmp_path / "p.jsonl").write_text(json.dumps({"id": "1", "prediction": text, "reference": text[3:]}) + "\n")
    argv = ["p.jsonl", "--metric", "rouge-l", "--metric", "rouge-lsum", "--model-id", "me/m", "--benchmark", "x"]
    outcome = cage.run("score_predictions", [*argv, "--output-dir", "out"], tmp_path)
    assert outcome.code in (0, 2) and not faults(outcome), outcome


def test_answers_replace_no_file_of_others(cage, tmp_path):  # noqa: F811
    lay_run(tmp_path)
    for name, option in (("notes.md", "--report"), ("package.json", "--output"), ("policy.yaml", "--output")):
        (tmp_path / name).write_text('{"name": "mine"}' if name.endswith("json") else "# My own notes\n")
        before = (tmp_path / name).read_bytes()
        outcome = cage.run(COMPARE[0], [*COMPARE[1:], option, name], tmp_path)
        assert outcome.code == 2 and "--force" in outcome.err and (tmp_path / name).read_bytes() == before, outcome
    for _ in range(2):  # its own is written again
        outcome = cage.run(COMPARE[0], [*COMPARE[1:], "--report", "r.md", "--output", "r.json"], tmp_path)
        assert outcome.code in (0, 1, 3) and (tmp_path / "r.md").is_file() and (tmp_path / "r.json").is_file(), outcome
    outcome = cage.run(COMPARE[0], [*COMPARE[1:], "--output", "package.json", "--force"], tmp_path)
    assert "verdict" in (tmp_path / "package.json").read_text()


def test_pipes_in_training_data_are_counted_as_unread(cage, tmp_path):  # noqa: F811
    lay_corpus(tmp_path)
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.txt").write_text("words and words\n" * 100)
    os.mkfifo(tmp_path / "corpus" / "b.txt")
    os.mkfifo(tmp_path / "corpus" / "c.json")
    argv = ["--training", "corpus", "--items", "items.jsonl", "--workers", "1", "--json"]
    outcome = cage.run("check_contamination", argv, tmp_path)
    assert outcome.code == 3 and "2 pipes" in outcome.out, outcome


def test_a_name_of_many_commas_costs_nothing():
    mapping = vocabulary_of(json.loads((ROOT / "metric_mapping.json").read_text()))
    begun = time.process_time()
    assert mapping.find_task("b," * 60_000, "lm_eval") is None
    assert time.process_time() - begun < 5


def test_nothing_foreign_is_a_command_to_a_runner(monkeypatch):
    text = "::stop-commands::tok/m  x\n  ::add-mask::y\n- ##[set-output name=v;]GO\n::notice title=gate::GO\na::b"
    text += "\n\u00a0\u3000::stop-commands::x\n\u2003::error::x"  # the runner takes all blanks away before it looks
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert outgoing(text) == text
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    lines = outgoing(text).splitlines()
    assert not any(line.strip().startswith("::") for line in lines)
    assert "##[" not in "".join(lines) and lines[4] == "a::b"
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", CleanStream(stream))
    tell_runner("::notice title=gate::GO \u2028::stop-commands::x")  # one of our own
    assert stream.getvalue() == "::notice title=gate::GO \\u2028::stop-commands::x\n"


def test_a_link_leads_no_file_out_of_a_clone(tmp_path):
    clone, away = tmp_path / "clone", tmp_path / "away"
    clone.mkdir()
    away.mkdir()
    (clone / ".eval_results").symlink_to(away)
    change = types.SimpleNamespace(files={"README.md": b"x", ".eval_results/gsm8k.yaml": b"y"})
    with pytest.raises(ScriptError, match=r"\.eval_results/gsm8k\.yaml: a link leads it out of"):
        write_clone(clone / "README.md", change)
    assert not list(away.iterdir()) and not (clone / "README.md").exists()
    (away / "mine.md").write_text("mine")
    (clone / "README.md").symlink_to(away / "mine.md")
    with pytest.raises(ScriptError, match=r"README\.md: a link leads it out of"):
        write_clone(clone / "README.md", types.SimpleNamespace(files={"README.md": b"x"}))
    assert (away / "mine.md").read_text() == "mine"


def test_nothing_is_written_through_a_link_that_waits_for_it(tmp_path):
    """Names under which something might be written before it takes its place, and the place of a new file itself."""
    card, away = tmp_path / "README.md", tmp_path / "away.txt"
    card.write_text("# Card\n")
    away.write_text("mine")
    (tmp_path / f".README.md.{os.getpid()}.tmp").symlink_to(away)
    write_clone(card, types.SimpleNamespace(files={"README.md": b"new"}))
    assert (card.read_bytes(), away.read_text()) == (b"new", "mine")
    for here in ("link", "fifo"):
        target = tmp_path / here
        target.symlink_to(away) if here == "link" else os.mkfifo(target)
        with pytest.raises(ScriptError, match=r"no regular file but a (?:link|pipe)"):
            write_whole(target, "text")
    left = {"README.md", "away.txt", "link", "fifo", f".README.md.{os.getpid()}.tmp"}
    assert {path.name for path in tmp_path.iterdir()} == left and away.read_text() == "mine"


def test_what_is_being_written_is_the_users_alone_and_has_no_name_that_is_known(tmp_path):
    seen = set()
    for _ in range(3):
        with whole_file(tmp_path / "answer.json") as file:
            (path,) = (path for path in tmp_path.iterdir() if path.name != "answer.json")
            seen.add(path.name)
            file.write(b"x")
            assert path.stat().st_mode & 0o777 == 0o600
    assert len(seen) == 3 and [path.name for path in tmp_path.iterdir()] == ["answer.json"]
    assert (tmp_path / "answer.json").stat().st_mode & 0o777 == usual_mode()


WRITERS = (  # (command, where it would write, as somebody could foresee it)
    ("leaderboard", ["collect", "--results", "results", "--output-dir", "out"], "leaderboard.jsonl"),
    ("leaderboard", ["collect", "--results", "results", "--output-dir", "out"], "leaderboard.parquet"),
    ("benchmark_calculator", ["run", "--results", "results", "--figures", "out"], "score_by_step.png"),
    ("benchmark_calculator", ["run", "--results", "results", "--figures", "out"], "benchmarks_by_step.svg"),
    ("benchmark_calculator", ["run", "--results", "results", "--report", "out/r.md"], "r.md"),
    ("compare_results", ["--baseline", "tiny_run/step_700", "--candidate", "tiny_run/step_800", "--results", "results",
     "--junit", "out/gate.xml"], "gate.xml"),
)  # fmt: skip


@pytest.mark.parametrize(("script", "argv", "name"), WRITERS)
def test_no_script_writes_through_a_link(cage, tmp_path, script, argv, name):  # noqa: F811
    copy_run(tmp_path)
    (tmp_path / "out").mkdir()
    (tmp_path / "away").write_text("")
    (tmp_path / "out" / name).symlink_to(tmp_path / "away")
    done = cage.run(script, argv, tmp_path)
    assert done.code == 2 and "no regular file but a link" in done.err, done
    assert (tmp_path / "away").read_text() == "" and (tmp_path / "out" / name).is_symlink()
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("answer", ["1" * 2_000_000 + "/", "1." + "1" * 2_000_000 + "/", "1,111" * 400_000 + "/"])
def test_a_number_without_end_takes_no_time_without_end(answer):
    begun = time.process_time()
    score_answer("numeric", "", answer, ["1"])
    assert time.process_time() - begun < 20  # hours, where each digit is a place to begin again


def test_numbers_are_read_as_before():
    """The pattern without quadratic time reads what the plain one does; but ".e5", which is no number."""
    plain = re.compile(
        r"(?<![\w/.,])(?:(?<!\d)[-+−])?(?:\d{1,3}(?:[,\u202f\u00a0]\d{3})+|\d+)?(?:(?<=\d)\.?|\.)\d*"
        r"(?:[eE][-+]?\d{1,3})?(?<=\d)(?![\d/]|[.,]\d)"
    )
    rng = random.Random(7)
    for _ in range(30_000):
        text = "".join(rng.choice("0123456789,,..eE-+/ \u00a0−ax") for _ in range(rng.randint(1, 14)))
        if not re.search(r"(?<!\d)\.[eE]", text):
            assert NUMBER.findall(text) == plain.findall(text), text


def test_words_in_common_are_counted_as_the_table_does():
    def table(said, wanted):
        row = [0] * (len(said) + 1)
        for word in wanted:
            before = 0
            for place, other in enumerate(said, 1):
                before, row[place] = row[place], before + 1 if word == other else max(row[place], row[place - 1])
        return 2 * row[-1] / (len(said) + len(wanted)) if row[-1] else 0.0

    rng = random.Random(3)
    for _ in range(500):
        said, wanted = (rng.choices("abcdef", k=rng.randint(0, 40)) for _ in range(2))
        assert rouge_l(" ".join(said), " ".join(wanted)) == table(said, wanted)


@pytest.mark.parametrize(
    ("name", "content", "argv"),
    [
        ("q.csv", " " * 300_000, ["lm_eval_vllm_uv", "--model", "x", "--questions", "q.csv"]),
        ("q.csv", "," * 300_000, ["lm_eval_vllm_uv", "--model", "x", "--questions", "q.csv"]),
        ("q.jsonl", "{}\n" * 300_000, ["lm_eval_vllm_uv", "--model", "x", "--questions", "q.jsonl"]),
        ("f.csv", "a" * 300_000, ["compare_results", "--rule", "choose", "--results", "results", "--facts", "f.csv",
                                  "--candidate", "step_700", "step_1000"]),
    ],
)  # fmt: skip
def test_tables_without_measure_are_no_fault_of_the_program(cage, tmp_path, name, content, argv):  # noqa: F811
    copy_run(tmp_path)
    (tmp_path / name).write_text(content)
    outcome = cage.run(argv[0], argv[1:], tmp_path)
    assert outcome.code in (1, 2) and name in outcome.err, outcome


LONG = 2_000_000  # characters of the one text that all rows have, by its number in a dictionary


def dictionary_bomb(path, table, names, rows):
    """A Parquet file of a few kB in which these columns are one long text, `rows` times."""
    import pyarrow
    import pyarrow.parquet

    text = pyarrow.DictionaryArray.from_arrays(pyarrow.array([0] * rows, "int32"), pyarrow.array(["A" * LONG]))
    table = pyarrow.table({name: text if name in names else column for name, column in table.items()})
    options = {"compression": "zstd", "dictionary_pagesize_limit": 10_000_000, "store_schema": False}
    pyarrow.parquet.write_table(table, path, **options, write_statistics=False)
    assert path.stat().st_size < 50_000


@pytest.mark.parametrize("argv", [["show", "--data", "out"], ["collect", "--leaderboard-data", "w.parquet",
                                  "--output-dir", "new"]])  # fmt: skip
def test_a_table_that_is_a_bomb_fills_neither_memory_nor_disk(cage, tmp_path, argv):  # noqa: F811
    import pyarrow
    import pyarrow.parquet

    if argv[0] == "show":
        lay_run(tmp_path)
        assert cage.run(COLLECT[0], list(COLLECT[1:]), tmp_path).code == 0
        place = tmp_path / "out" / "leaderboard.parquet"
        board = pyarrow.parquet.read_table(place)
        board = {name: board[name].take(pyarrow.array([0] * 2000)) for name in board.column_names}
        dictionary_bomb(place, board, ("notes", "settings", "source_name", "source_url", "why_not"), 2000)
    else:
        wide = dict.fromkeys(("model_name", *(f"x{n}_score" for n in range(20))))
        dictionary_bomb(tmp_path / "w.parquet", wide, tuple(wide), 1000)
    done = cage.run("leaderboard", argv, tmp_path, seconds=60, megabytes=3000)
    assert done.code == 2 and "as a bomb does" in done.err and done.megabytes < 1500, done
    assert not list(tmp_path.rglob("*.tmp")) and not (tmp_path / "new").exists()


def test_columns_that_are_no_numbers_are_counted_and_never_taken(cage, tmp_path):  # noqa: F811
    import pyarrow

    wide = {"model_name": pyarrow.array([f"lab/m{n}" for n in range(1000)])}
    wide |= {f"x{n}_score": None for n in range(20)} | {"mmluPro_score": pyarrow.array([50.0] * 1000)}
    dictionary_bomb(tmp_path / "w.parquet", wide, tuple(name for name in wide if name.startswith("x")), 1000)
    argv = ["collect", "--leaderboard-data", "w.parquet", "--output-dir", "new", "--json"]
    done = cage.run("leaderboard", argv, tmp_path, seconds=60, megabytes=3000)
    assert done.megabytes < 1500 and done.code == 0, done
    counts = json.loads(done.out)["leaderboard_data"]
    assert (counts["kept"], counts["no_benchmark"]) == (1000, 20_000)


LINKED = (  # (command, the link in the current folder that it would go through)
    (COLLECT, "out"),
    ((*COLLECT[:-1], "out/deep"), "out"),
    (("leaderboard", "export", "--data", "data", "--output-dir", "site"), "site"),
    ((*RANK, "--figures", "pictures"), "pictures"),
    ((*RANK, "--report", "pictures/deep/r.md"), "pictures"),
)


@pytest.mark.parametrize(("command", "link"), LINKED)
def test_no_script_writes_through_a_folder_that_is_a_link_out_of_this_one(cage, tmp_path, command, link):  # noqa: F811
    here, away = tmp_path / "here", tmp_path / "away"
    here.mkdir()
    away.mkdir()
    copy_run(here)
    data = ["collect", "--results", "results", "--output-dir", "data"]
    assert command[1] != "export" or cage.run("leaderboard", data, here).code == 0
    (here / link).symlink_to("../away")
    done = cage.run(command[0], list(command[1:]), here)
    assert done.code == 2 and f"{link}: nothing is written through a link" in done.err and str(away) in done.err, done
    assert not list(away.iterdir())
    for allowed in ("../away", str(here / link)):  # said by the user
        words = [word.replace(link, allowed, 1) if word.startswith(link) else word for word in command[1:]]
        assert cage.run(command[0], words, here).code == 0 and list(away.iterdir())
    (here / link).unlink()
    (here / "inside").mkdir()
    (here / link).symlink_to("inside")
    assert cage.run(command[0], list(command[1:]), here).code == 0 and list((here / "inside").iterdir())


@pytest.mark.parametrize("way", ["{}", "--output-dir={}", "../strange/results", "up/strange/results"])
def test_below_a_named_folder_no_link_leads_out(tmp_path, monkeypatch, way):
    """The folder itself is the user's word, with the links in its name; what lies in it is not."""
    for name in ("mine", "away", "strange/results"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "strange/results/data").symlink_to("../../away")
    (tmp_path / "strange/results/inside").symlink_to(".")
    monkeypatch.chdir(tmp_path / "mine")
    (tmp_path / "mine/up").symlink_to("..")
    monkeypatch.setattr(frame, "NAMED_PLACES", [])
    frame.know_named_places(["add", "--force", way.format(tmp_path / "strange/results")])
    folder = Path(way.format(tmp_path / "strange/results").removeprefix("--output-dir="))
    with pytest.raises(ScriptError, match="nothing is written through a link out of"):
        write_whole(folder / "data/x.json", "1")
    assert not list((tmp_path / "away").iterdir())
    if not way.startswith("up"):  # a link of the current folder is none of the user's words
        write_whole(folder / "x.json", "1")
        write_whole(folder / "inside/y.json", "1")
    frame.know_named_places([str(tmp_path / "strange/results/data")])
    write_whole(tmp_path / "strange/results/data/x.json", "1")
    assert [path.name for path in (tmp_path / "away").iterdir()] == ["x.json"]


@pytest.mark.parametrize("name", ["metadata.json", "index.html"])
def test_a_board_replaces_no_file_of_others(cage, tmp_path, name):  # noqa: F811
    copy_run(tmp_path)
    assert cage.run("leaderboard", ["collect", "--results", "results", "--output-dir", "data"], tmp_path).code == 0
    commands = {
        "metadata.json": ["collect", "--results", "results", "--output-dir", "out"],
        "index.html": ["export", "--data", "data", "--output-dir", "out"],
    }
    (tmp_path / "out").mkdir()
    head = (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" '
    )
    page = f'{head}content="default-src \'self\'">\n<title>mine</title>\n<main id="main">'
    foreign = '{"title": "mine"}' if name == "metadata.json" else page
    (tmp_path / "out" / name).write_text(foreign)
    done = cage.run("leaderboard", commands[name], tmp_path)
    assert done.code == 2 and "was not written by this command" in done.err, done
    assert (tmp_path / "out" / name).read_text() == foreign and len(list((tmp_path / "out").iterdir())) == 1
    (tmp_path / "out" / name).unlink()
    for _ in range(2):  # its own it does
        assert cage.run("leaderboard", commands[name], tmp_path).code == 0


def test_marks_before_a_list_take_no_time_without_end():
    node = types.SimpleNamespace(marked=True, start=0, column=9)
    begun = time.process_time()
    for text in ("!" * 50_000 + " x", "& " * 50_000 + "x", "&#" * 50_000 + " x", "&a\n" + "#\r" * 50_000 + "x"):
        block_column(node, text)
    assert time.process_time() - begun < 20
    for text, column in (("&a\n  - x", 2), ("!!seq &a # ours\r\n# more\r\n - x", 1), ("&a#b c\n  - x", 9)):
        assert block_column(node, text) == column, text


def test_code_and_hidden_files_of_a_checkpoint_are_published_by_name_only(cage, tmp_path):  # noqa: F811
    """Under one's own name: code that loaders run, and what no listing of a folder shows."""
    lay_run(tmp_path)
    best = tmp_path / "run" / "step_1000"
    others = ("run.pkl", "demo.ipynb", "lib.so.1", "page.html", "weights.pt", "Makefile", "LICENSE.cmd", "a.keras")
    own = ("LICENSE", "NOTICE.txt", "merges.txt", "eval/scores.csv", "picture.png")
    for name in (
        *("modeling_evil.py", ".hidden_notes", "deep/.x/diary.md", "custom_generate/generate.py", ".DS_Store"),
        *(others + own),
    ):
        (best / name).parent.mkdir(parents=True, exist_ok=True)
        (best / name).write_text("x = 1\n")
    (tmp_path / "card.md").write_text("| Benchmark | Mine |\n|---|---|\n| Math Reasoning | {RESULT} |\n")
    asked = [*RANK[1:], "--prepare", "out", "--card", "card.md"]
    outcome = cage.run(RANK[0], asked, tmp_path)
    assert outcome.code == 3 and not (tmp_path / "out").exists(), outcome
    for name in ("modeling_evil.py", ".hidden_notes", "diary.md", "generate.py", *others):
        assert name in outcome.err
    assert not any(name in outcome.err for name in own[1:])
    for name in others:
        (best / name).unlink()
    shutil.rmtree(best / "deep")
    (best / ".hidden_notes").unlink()
    named = ["--assets", "run/step_1000/modeling_evil.py", "run/step_1000/custom_generate"]
    outcome = cage.run(RANK[0], [*asked, *named], tmp_path)
    assert outcome.code == 0, outcome
    there = {path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {
        "modeling_evil.py",
        "custom_generate/generate.py",
        "config.json",
        *own,
    } <= there and ".DS_Store" not in there


NAMED = "# made-up-1b\n\n## Evaluation\n\n| Benchmark | made-up-1b | other |\n|---|---|---|\n{}\n"
ROWS = "| GSM8K (5-shot) | 31.6 | 91.0 |\n| MMLU-Pro | 14.9 | 70.2 |"


@pytest.mark.parametrize(
    ("rows", "pick", "said"),
    [
        (ROWS, "benchmark: {GSM8K (5-shot): MMLU-Pro, MMLU-Pro: GSM8K}", None),
        (ROWS, "benchmark: {MMLU-Pro: HellaSwag}", None),
        (ROWS, 'rows: [0], shots: "0"', "'GSM8K': shots '5-shot' is called '0'"),
        (ROWS, "rows: [1], benchmark: {1: My own}", "'MMLU-Pro': 'MMLU-Pro' is called 'My own'"),
        (
            "| MMLU | 14.9 | 70.2 |\n| X | 1.5 | 2 |",
            "rows: [0], benchmark: {0: MMLU-Pro}",
            "'MMLU' is called 'MMLU-Pro'",
        ),
        (ROWS, "rows: [0], shots: 5", ""),
    ],
    ids=["swapped", "another", "shots", "own", "short", "same"],
)
def test_a_selection_says_no_other_benchmark_than_the_card(cage, tmp_path, rows, pick, said):  # noqa: F811
    (tmp_path / "README.md").write_text(NAMED.format(rows))
    (tmp_path / "s.yaml").write_text(f"readings:\n- {{table: 1, column: 1, label: made-up-1b, {pick}}}\n")
    asked = ["extract-readme", "--repo-id", "me/made-up-1b", "--card", "README.md", "--selection", "s.yaml"]
    outcome = cage.run("evaluation_manager", asked, tmp_path)
    if said is None:
        assert outcome.code == 3 and "by the selection" in outcome.err, outcome
    else:
        assert outcome.code == 0 and (said in outcome.err) and bool(said) == ("otherwise than" in outcome.err), outcome


@pytest.mark.skipif(shutil.which("node") is None, reason="the page's own function, run by node")
@pytest.mark.parametrize("value", ["mit\n=1+1", "a\r\n@x", "\n=1", "x;=1", "=1", "\t=1", "a\u2028-1", "a\x85+1", "|=1"])
def test_a_cell_of_the_csv_file_is_no_formula(value):
    """Where the list separator is ";" the quotation marks of a later cell hold no line together."""
    source = (ROOT / "parts" / "page" / "app" / "files.js").read_text()
    function = re.search(r"(?ms)^function csvCell.*?^}", source)[0]
    command = f"{function}\nprocess.stdout.write(csvCell({json.dumps(value)}))"
    cell = subprocess.run(["node", "-e", command], capture_output=True, text=True, check=True).stdout
    assert len(cell.splitlines()) == 1
    assert not re.search(r"""(^|[;,\t|])["\s]*[=+@-]""", cell[1:-1])


def test_a_file_of_the_folder_does_not_convert_characters(tmp_path, monkeypatch):
    from parts.contamination import words

    entries = {"type": "inline", "entries": {"漢": "的"}}
    for name in ("t2s.json", "t2s"):
        (tmp_path / name).write_text(json.dumps({"name": "x", "conversion_chain": [{"dict": entries}]}))
    monkeypatch.chdir(tmp_path)
    words.simplifier.cache_clear()
    assert words.simplifier().convert("漢字") == "汉字"
