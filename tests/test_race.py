"""benchmark_calculator.py --plan-next: the e-values, the rounds, and the race from one item to the choice."""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import math
import random
import re
import shlex
import shutil
import subprocess
import uuid
from pathlib import Path

import bench_race
import benchmark_calculator as bc
import inspect_eval_uv
import inspect_vllm_uv
import lighteval_vllm_uv
import lm_eval_vllm_uv
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from record_writer import write_record

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "examples" / "tiny_run"


def race_task(name: str, scores, size: int, weight: float = 1.0) -> bc.RaceTask:
    scores = np.array(scores, float)
    return bc.RaceTask(name, weight, size, scores, tuple((~np.isnan(scores)).sum(1).tolist()))


def one_task_evidence(differences, size: float = math.inf) -> float:
    differences = np.array(differences, float)
    task = bc.RaceTask("task", 1.0, size, differences[None], (len(differences),))
    return bc.evidence(differences, *bc.stakes([task], [len(differences)], [size]))


# --- e-values ---


@pytest.mark.parametrize(("wins", "losses", "e"), [(9, 1, 9.3091), (8, 0, 28.4444), (14, 3, 10.7085), (15, 5, 3.2206)])
def test_golden_e_values(wins, losses, e):
    """The uniform mixture on discordant pairs; the race's e-value is one side of it in the simplest case."""
    assert bc.discordant_evidence(wins, losses) == pytest.approx(e, abs=1e-4)
    differences = [1.0] * wins + [-1.0] * losses + [0.0] * 30
    both = one_task_evidence(differences), one_task_evidence([-d for d in differences])
    assert sum(both) / 2 == pytest.approx(e, abs=1e-4)


def test_evidence_does_not_overflow():
    assert bc.discordant_evidence(5000, 0) > 1e300
    assert math.isfinite(one_task_evidence([1.0] * 5000))


@given(
    st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.25, 1.0]), min_size=2, max_size=6),
    st.integers(0, 10**6),
)
@settings(max_examples=40, deadline=None)
def test_e_value_is_at_most_one_on_average_when_the_full_run_has_no_gain(values, seed):
    """Over all orders of draw, exactly: the expectation of an e-value is at most 1, at each number of items drawn."""
    values = np.array(values)
    values = np.clip(values - max(0.0, values.mean()), -1, 1)  # now the full run's mean is not above 0
    if values.mean() > 1e-12:
        return
    generator = random.Random(seed)
    orders = [generator.sample(range(len(values)), len(values)) for _ in range(400)]
    if math.factorial(len(values)) <= 120:
        orders = list(itertools.permutations(range(len(values))))
    exact = math.factorial(len(values)) <= 120
    for n in range(1, len(values)):
        task = bc.RaceTask("task", 1.0, len(values), values[None], (n,))
        stake, drift = bc.stakes([task], [n], [len(values)])
        mean = np.mean([bc.evidence(values[list(order[:n])], stake, drift) for order in orders])
        assert mean <= (1 + 1e-9 if exact else 1.25)


@pytest.mark.parametrize("sign", [1, -1])
def test_e_value_of_tasks_of_unlike_size_and_weight_is_at_most_one_on_average(sign):
    """A small task is measured whole early and favours one of the two; the other makes up for it in the large one."""
    generator = np.random.default_rng(0)
    values = [sign * np.repeat([1.0, 0.0], [4, 2]), sign * np.repeat([-1.0, 1.0, 0.0], [14, 4, 22])]
    weights = [0.25, 2 / 3]
    assert sum(w * v.mean() for w, v in zip(weights, values, strict=True)) == pytest.approx(0.0)
    for n in (3, 6, 10, 25, 35):
        counts = [min(n, len(v)) for v in values]
        tasks = [bc.RaceTask(str(k), weights[k], len(v), v[None], (counts[k],)) for k, v in enumerate(values)]
        stake, drift = bc.stakes(tasks, counts, [len(v) for v in values])
        found = []
        for _ in range(3000):
            drawn = [generator.permutation(v)[:c] for v, c in zip(values, counts, strict=True)]
            found.append(bc.evidence(np.concatenate(drawn), stake, drift))
        assert np.mean(found) <= 1 + 3 * np.std(found) / math.sqrt(len(found))


def test_the_best_is_taken_out_by_evidence_in_at_most_alpha_of_races_watched_all_the_time():
    """Five equally able checkpoints, looked at after every second item; the best one of the full run is followed."""
    alpha, races, wrong = 0.1, 150, 0
    sizes = (40, 40, 12)
    for seed in range(races):
        generator = np.random.default_rng(seed)
        scores = [(generator.random((5, size)) < 0.6).astype(float) for size in sizes]
        best = int(np.mean([rows.mean(1) for rows in scores], axis=0).argmax())
        worst = 0.0
        for n in range(2, 40, 2):
            tasks = [
                bc.RaceTask(str(k), 1 / 3, size, rows[:, :n], (min(n, size),) * 5)
                for k, (size, rows) in enumerate(zip(sizes, scores, strict=True))
            ]
            e_values = np.zeros((5, 5))
            bc.hold_round(tasks, range(5), e_values)
            worst = max(worst, e_values[:, best].sum() / 4)
        wrong += worst >= 1 / alpha
    assert wrong <= alpha * races


def test_a_clear_loser_is_taken_out_by_evidence():
    scores = np.stack([np.tile([1.0, 1.0, 1.0, 0.0], 25), np.tile([0.0, 1.0, 0.0, 0.0], 25)])
    state = bc.race([race_task("a", scores[:, :40], 100)], [bc.Round(2, 40)], 0.05)
    assert state.decided_by == "evidence"
    assert state.exits == {1: bc.Exit(1, "evidence")}
    assert state.leader == 0
    assert state.e_values[1] >= 20


@pytest.mark.parametrize(("rivals", "by"), [(1, "evidence"), (4, "budget")])
def test_evidence_is_shared_among_all_rivals(rivals, by):
    """Eight wins to none are enough against one rival (E 57 of 20), not against the only good one of four (57 / 4)."""
    loser, good = np.zeros(20), np.repeat([1.0, 0.0], [8, 12])
    scores = np.stack([loser, good, *[loser] * (rivals - 1)])
    state = bc.race([race_task("a", scores, 10**6)], [bc.Round(rivals + 1, 20)], 0.05)
    assert state.leader == 1
    assert state.exits[0].by == by
    assert state.e_values[0] == pytest.approx(2 * 28.44 / rivals, rel=0.01)


# --- rounds ---


@pytest.mark.parametrize(
    ("checkpoints", "items", "rounds"),
    [
        (81, 1, [(81, 1), (27, 3), (9, 9), (3, 27), (1, 81)]),
        (34, 3, [(34, 3), (11, 9), (3, 27), (1, 81)]),
        (15, 9, [(15, 9), (5, 27), (1, 81)]),
        (8, 27, [(8, 27), (2, 81)]),
        (5, 81, [(5, 81)]),
    ],
)
def test_golden_rounds_of_hyperband(checkpoints, items, rounds):
    assert bc.successive_halving(checkpoints, items, 81, 3) == [bc.Round(*r) for r in rounds]


@given(
    st.integers(2, 200), st.lists(st.integers(5, 3000), min_size=1, max_size=20), st.sampled_from([0.1, 0.2, 0.3, 1.0])
)
@settings(max_examples=100, deadline=None)
def test_rounds_keep_the_budget(checkpoints, sizes, budget):
    try:
        rounds = bc.race_rounds(checkpoints, sizes, budget)
    except bc.ScriptError as error:
        assert "--race-budget" in str(error)
        return
    assert bc.samples_needed(rounds, sizes) + len(sizes) <= budget * checkpoints * sum(sizes) + 1e-9
    assert all(r.checkpoints > 1 and 2 <= r.limit <= max(sizes) for r in rounds)
    assert rounds[0].checkpoints == checkpoints


def test_the_message_names_a_budget_that_is_enough():
    with pytest.raises(bc.ScriptError, match="at least") as caught:
        bc.race_rounds(10, [20] * 3, 0.05)
    least = float(str(caught.value).split("at least ")[1].split(",")[0])
    assert bc.race_rounds(10, [20] * 3, least + 0.01)


# --- the choice ---


@pytest.fixture(scope="module")
def example():
    return bench_race.example_scores()


def test_choice_on_the_example_is_tied_with_the_best_in_95_percent_with_30_percent_of_the_samples(example):
    tied = bench_race.tied_set(example)
    assert sum(tied) < 5  # else it would be no feat
    outcomes = [outcome for outcome, _ in bench_race.races(lambda generator: example, 60, 0.3)]
    assert max(outcome.share for outcome in outcomes) <= 0.3
    assert sum(tied[outcome.choice] for outcome in outcomes) >= 0.95 * 60


@pytest.mark.parametrize("curve", ["still rising", "peak, then decline"])
def test_choice_on_simulated_runs_is_tied_with_the_best_in_95_percent_with_30_percent_of_the_samples(curve):
    found = list(bench_race.races(lambda g: bench_race.simulated_scores(g, curve, 10, (100,) * 15), 40, 0.3))
    assert max(outcome.share for outcome, _ in found) <= 0.3
    assert sum(bench_race.tied_set(scores)[outcome.choice] for outcome, scores in found) >= 0.95 * 40


def test_order_of_items_that_are_measured_does_not_matter(example):
    """Within a round the order is by a hash of the names: files and lines may come in any order."""
    ids = [f"item-{i}" for i in range(100)]
    shuffled = random.Random(1).sample(range(100), 100)
    shown = np.where(np.arange(100) < 45, example[0], np.nan)
    one = [ids[i] for i in bc.draw_order("a", ids, shown)]
    other = [ids[shuffled[i]] for i in bc.draw_order("a", [ids[i] for i in shuffled], shown[:, shuffled])]
    assert one[:45] == other[:45]
    assert one[:45] != sorted(one[:45])


def test_items_of_earlier_rounds_are_drawn_first():
    scores = np.array([[1, np.nan, 0, np.nan], [1, 1, 0, 1]], float)
    assert set(bc.draw_order("a", ["p", "q", "r", "s"], scores)[:2]) == {0, 2}


def test_a_tie_that_the_full_run_would_not_tell_apart_ends_the_race():
    rows = np.tile([1.0, 0.0], 50)
    scores = np.stack([rows, rows, rows])
    state = bc.race([race_task("a", scores[:, :60], 100)], [bc.Round(3, 60), bc.Round(2, 90)], 0.05)
    assert state.decided_by == "tie"
    assert state.leader == 0


def test_what_could_not_be_scored_is_no_zero_and_stops_nothing():
    """An unscored answer drops the item for all; the race goes on."""
    rows = np.stack([np.tile([1.0, 1.0, 0.0], 34), np.tile([1.0, 0.0, 0.0], 34)])[:, :100]
    rows[0, 3] = np.nan
    state = bc.race([bc.RaceTask("a", 1.0, 100, rows, (100, 100))], [bc.Round(2, 50)], 0.05)
    assert state.decided_by == "items"
    assert state.gaps[1].items == 99
    assert state.gaps[1].standard_error == 0


def test_a_checkpoint_waits_until_each_of_its_tasks_is_measured():
    done = race_task("a", np.ones((2, 10)), 100)
    half = bc.RaceTask("b", 1.0, 100, np.array([[1.0] * 10, [np.nan] * 10]), (10, 0))
    state = bc.race([done, half], [bc.Round(2, 10)], 0.05)
    assert (state.waiting, state.leader, state.decided_by) == ((1,), None, None)


def test_items_that_differ_are_refused():
    rows = np.full((2, 20), np.nan)
    rows[0, :10], rows[1, 10:] = 1.0, 1.0
    with pytest.raises(bc.ScriptError, match="other items"):
        bc.race([bc.RaceTask("a", 1.0, 100, rows, (10, 10))], [bc.Round(2, 10)], 0.05)


# --- the loop, through the command line ---


class Bench:
    """Stands in for lighteval_vllm_uv.py: "measures" by taking items of the committed samples, in its nested way.

    `--limit N` gives the first N items of one fixed random order, as lighteval's does; the mean is computed again.
    """

    def __init__(self, output: Path) -> None:
        self.output, self.sent, self.runs = output, 0, []

    def run(self, command: str) -> None:
        words = shlex.split(command)
        assert words[:3] == ["uv", "run", "scripts/lighteval_vllm_uv.py"]
        args = lighteval_vllm_uv.build_parser().parse_args(words[3:])
        assert args.tasks in (["all"], ["all|0"])
        assert args.custom_tasks == "examples/tiny_run/tasks.py"
        assert Path(args.output_dir) == self.output
        self.runs.append(([Path(model).name for model in args.model], args.limit))
        for model in args.model:
            for source in sorted((EXAMPLE / "results").glob(f"data/*/*/{Path(model).name}/*_samples.jsonl")):
                self.measure(source, args.limit)

    def measure(self, source: Path, limit: int | None) -> None:
        record = json.loads(source.with_name(source.name.replace("_samples.jsonl", ".json")).read_text())
        rows = source.read_text().splitlines()
        random.Random(42).shuffle(rows)
        rows = sorted(rows[:limit])
        result = record["evaluation_results"][0]
        scores = [json.loads(row)["evaluation"]["score"] for row in rows]
        details = result["generation_config"]["additional_details"]
        if limit:
            details["limit"] = str(limit)
        result["score_details"]["score"] = sum(scores) / len(scores)
        result["score_details"]["uncertainty"] = {"num_samples": len(scores)}
        folder = self.output / source.parent.relative_to(EXAMPLE / "results")
        folder.mkdir(parents=True, exist_ok=True)
        name = str(uuid.UUID(int=random.Random(f"{source}{limit}").getrandbits(128), version=4))
        content = "\n".join(rows) + "\n"
        checksum = hashlib.sha256(content.encode()).hexdigest()
        named = {"file_path": f"{name}_samples.jsonl", "total_rows": len(rows), "checksum": checksum}
        record["detailed_evaluation_results"] |= named
        (folder / f"{name}_samples.jsonl").write_text(content)
        (folder / f"{name}.json").write_text(json.dumps(record))
        self.sent += len(rows)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    return Bench(tmp_path / "results")


PROBE = (
    "uv run scripts/lighteval_vllm_uv.py --model examples/tiny_run/checkpoints/step_100 --tasks all "
    "--custom-tasks examples/tiny_run/tasks.py --limit 1 --output-dir "
)


def plan_next(bench: Bench, capsys, *options: str, checkpoints: str = "examples/tiny_run/checkpoints"):
    """(exit code, plan)"""
    code = bc.main([checkpoints, "--results", str(bench.output), "--plan-next", "--json", *options])
    out = capsys.readouterr().out
    return code, json.loads(out) if out else None


def race_through(bench: Bench, capsys) -> dict:
    bench.run(PROBE + str(bench.output))
    for _ in range(10):
        code, plan = plan_next(bench, capsys)
        if code != 3:
            break
        bench.run(plan["next_command"])
    assert code == 0
    return plan


def test_the_loop_decides_on_the_example(bench, capsys):
    plan = race_through(bench, capsys)
    assert plan["best"] in ("step_700", "step_800")
    assert plan["sent"] == bench.sent
    assert plan["all_samples"] == 15000
    assert plan["sent"] <= 0.3 * 15000
    assert plan["next_command"] is None
    assert bench.runs[0] == (["step_100"], 1)
    assert len(bench.runs[1][0]) == 10
    assert bench.runs[1][1] == 15
    assert len(bench.runs[2][0]) <= 3
    assert bench.runs[2][1] == 45
    assert len(bench.runs) == 3
    states = {entry["name"]: entry["state"] for entry in plan["checkpoints"]}
    assert states["step_100"] == "out: evidence"
    assert states[plan["best"]] == "leader"


def test_the_plan_depends_on_the_records_alone(bench, capsys):
    """Asked again it says the same; killed within a round it asks for the rest of that round only."""
    bench.run(PROBE + str(bench.output))
    code, first = plan_next(bench, capsys)
    assert code == 3
    assert first["next"] == {"checkpoints": [f"step_{n}00" for n in range(1, 11)], "limit": 15}
    assert first["leader"] is None
    assert plan_next(bench, capsys) == (code, first)
    words = shlex.split(first["next_command"])
    some = [word for word in words if not word.endswith(("step_700", "step_800"))]
    bench.run(shlex.join(some))
    code, second = plan_next(bench, capsys)
    assert code == 3
    assert second["next"] == {"checkpoints": ["step_700", "step_800"], "limit": 15}
    bench.run(second["next_command"])
    code, third = plan_next(bench, capsys)
    assert code == 3
    assert third["round"] == 2
    assert set(third["next"]["checkpoints"]) == set(third["remaining"])
    assert third["samples_left"] == len(third["remaining"]) * 45 * 15
    elsewhere = bench.output.with_name("moved")
    shutil.copytree(bench.output, elsewhere)
    for path in elsewhere.rglob("*.json"):  # other names, other order of files
        samples = path.with_name(f"{path.stem}_samples.jsonl")
        name = str(uuid.uuid4())
        record = json.loads(path.read_text()) | {"detailed_evaluation_results": {"file_path": f"{name}_samples.jsonl"}}
        samples.rename(path.with_name(f"{name}_samples.jsonl"))
        path.with_name(f"{name}.json").write_text(json.dumps(record))
        path.unlink()
    bench.output = elsewhere
    code, fourth = plan_next(bench, capsys)
    assert {**fourth, "next_command": None} == {**third, "next_command": None}


def test_plain_output_ends_with_the_next_command(bench, capsys):
    bench.run(PROBE + str(bench.output))
    assert bc.main(["examples/tiny_run/checkpoints", "--results", str(bench.output), "--plan-next"]) == 3
    last = capsys.readouterr().out.rstrip("\n").splitlines()[-1]
    _, plan = plan_next(bench, capsys)
    assert last == plan["next_command"]


def test_all_items_measured_falls_back_to_the_ranking(capsys, monkeypatch):
    monkeypatch.chdir(ROOT)
    assert bc.main(["examples/tiny_run", "--plan-next", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert plan["decided_by"] == "items"
    assert plan["best"] == plan["ranking"]["best"]["name"]
    assert plan["sent"] == plan["all_samples"] == 15000


def test_benchmarks_restrict_the_race_and_its_command(bench, capsys):
    bench.run(PROBE + str(bench.output))
    code, plan = plan_next(bench, capsys, "--benchmarks", "math_reasoning,translation")
    assert code == 3
    assert list(plan["tasks"]) == ["math_reasoning", "translation"]
    assert plan["all_samples"] == 2000
    words = shlex.split(plan["next_command"])
    assert words[words.index("--tasks") + 1] == "math_reasoning|0,translation|0"


def edit_records(folder: Path, change) -> None:
    for path in folder.rglob("*.json"):
        record = json.loads(path.read_text())
        change(record)
        path.write_text(json.dumps(record))


def run_last_line(bench, capsys, folder: Path) -> str:
    """What examples/race.sh does with the plan, with a `uv` that does nothing; the line."""
    assert bc.main(["examples/tiny_run/checkpoints", "--results", str(bench.output), "--plan-next"]) == 3
    plan = capsys.readouterr().out
    folder.mkdir()
    (folder / "uv").write_text("#!/bin/sh\n")
    (folder / "uv").chmod(0o755)
    loop = 'next=$(tail -n 1 <<<"$1"); if [[ $next == "uv run scripts/lighteval_vllm_uv.py "* ]]; then eval "$next"; fi'
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    done = subprocess.run(["bash", "-c", loop, "bash", plan], cwd=folder, env=environment, check=False)
    assert done.returncode == 0
    assert [path.name for path in folder.iterdir()] == ["uv"]
    return plan.rstrip("\n").splitlines()[-1]


START = "uv run scripts/lighteval_vllm_uv.py "
EVIL_COMMANDS = {
    "a line break in a word": START + f"--system-prompt 'x\n{START}--help >/dev/null; touch pwned #'",
    "another one": START + f"--dtype='float32\r\n{START}; touch pwned #'",
    "a separator": START + f"--system-prompt 'x\u2028{START}; touch pwned #'",
    "a task file": START + "--custom-tasks /evil.py --model x",
    "a task file, joined": START + "--custom-tasks=/evil.py --model=x",
    "code, servers, places": START + "--trust-remote-code --questions evil.py --sandbox local --base-url=http://evil/ "
    "--results-repo=evil/r --output-dir evil --push $(id) --model=evil/m",
    "an option as a value": START + "--dtype=--trust-remote-code --device -evil --seed '7 --questions evil.py'",
    "words in a value": START + "--model x --dtype 'float32; touch pwned' --backend 'vllm,trust_remote_code=True'",
}


@pytest.mark.parametrize("evil", EVIL_COMMANDS.values(), ids=EVIL_COMMANDS)
@pytest.mark.parametrize("own_file", [True, False])
def test_a_record_cannot_smuggle_words_into_the_command(bench, capsys, tmp_path, evil, own_file):
    bench.run(PROBE + str(bench.output))

    def change(record):
        details = record["eval_library"]["additional_details"]
        details["command"] = evil + " --seed 7 --use-chat-template"
        if not own_file:
            del details["custom_tasks"], details["custom_tasks_sha256"]

    edit_records(bench.output, change)
    last = run_last_line(bench, capsys, tmp_path / "here")
    if {"--system-prompt", "--dtype"} & set(re.findall(r"--[a-z-]+", evil)):
        assert last.startswith("next: ")  # without its setting the others would be measured in another way
        return
    words = shlex.split(last)
    args = lighteval_vllm_uv.build_parser().parse_args(words[3:])
    assert args.custom_tasks == ("examples/tiny_run/tasks.py" if own_file else None)
    assert (args.seed, args.use_chat_template) == (7, True)
    assert not args.trust_remote_code
    assert not any(sign in word for word in words for sign in ("evil", "pwned", "$("))


@pytest.mark.parametrize("field", ["task", "task_request"])
@pytest.mark.parametrize(
    "task", ["all|0 && touch pwned", "--model=evil/m", "x\ntouch pwned", "r/evil.py", "evil.yaml", "examples"]
)
def test_what_is_no_name_of_a_task_gets_no_command(bench, capsys, field, task):
    bench.run(PROBE + str(bench.output))
    edit_records(bench.output, lambda r: r["eval_library"]["additional_details"].update({field: task}))
    assert plan_next(bench, capsys) == (2, None)


@pytest.mark.parametrize("place", ["outside", "among the records", "beside the records"])
def test_a_task_file_that_only_a_record_names_is_the_users_to_name(bench, capsys, tmp_path, monkeypatch, place):
    """Its hash agrees: whoever made the record can have sent the file, too."""
    monkeypatch.chdir(ROOT)
    bench.run(PROBE + str(bench.output))
    shutil.copytree(EXAMPLE, tmp_path / "examples" / "tiny_run")
    monkeypatch.chdir(tmp_path)
    folder = {"outside": tmp_path / "away", "among the records": bench.output, "beside the records": Path("sent")}[
        place
    ]
    if place == "outside":
        (tmp_path / "here").mkdir()
        shutil.move("examples", "here")
        monkeypatch.chdir("here")
    if place == "beside the records":
        Path("sent").mkdir()
        bench.output = Path(shutil.move(bench.output, "sent"))
    folder.mkdir(exist_ok=True)
    evil = folder / "evil.py"
    evil.write_text("print()\n")
    digest = hashlib.sha256(evil.read_bytes()).hexdigest()
    named = {"custom_tasks": str(evil), "custom_tasks_sha256": digest}
    edit_records(bench.output, lambda r: r["eval_library"]["additional_details"].update(named))
    asking = ["examples/tiny_run/checkpoints", "--results", str(bench.output), "--plan-next"]
    assert bc.main(asking) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "yours to name" in captured.err and f"--custom-tasks {evil}" in captured.err
    assert bc.main([*asking, "--custom-tasks", str(evil)]) == 3
    assert f"--custom-tasks {evil} " in capsys.readouterr().out.splitlines()[-1]
    evil.write_text("print('another')\n")
    assert bc.main([*asking, "--custom-tasks", str(evil)]) == 2
    assert bc.main([*asking[:-1], "--custom-tasks", str(evil)]) == 2


@pytest.mark.parametrize("name", ["--trust-remote-code", "--custom-tasks=evil", "-h", "--output-dir"])
def test_a_folder_called_like_an_option_is_a_folder_in_the_command(bench, capsys, tmp_path, monkeypatch, name):
    """Of the checkpoints, of the results, and of the task file."""
    bench.run(PROBE + str(bench.output))
    for steps in ("step_100", "step_200", "step_300"):
        shutil.copytree(EXAMPLE / "checkpoints" / steps, tmp_path / "run" / name / steps)
    shutil.copy(EXAMPLE / "tasks.py", tmp_path / "run" / f"{name}.py")
    shutil.move(bench.output, tmp_path / "run" / f"{name}results")
    (tmp_path / "run" / "none").mkdir()
    monkeypatch.chdir(tmp_path / "run")

    def parsed(command: str) -> argparse.Namespace:
        words = shlex.split(command)
        before = bc.uv_words(harness=True)
        assert words[: len(before)] == before  # the folder may be a stranger's
        assert Path(words[len(before)]).samefile(ROOT / "scripts" / "lighteval_vllm_uv.py")
        args = lighteval_vllm_uv.build_parser().parse_args(words[len(before) + 1 :])
        assert [Path(model) for model in args.model] == [Path(name, Path(model).name) for model in args.model]
        assert all(Path(model).is_dir() for model in args.model) and not args.trust_remote_code
        return args

    assert bc.main([".", "--results", "none", "--plan-next"]) == 2
    args = parsed(capsys.readouterr().err.partition("first, ")[2])
    assert (len(args.model), args.output_dir, args.custom_tasks) == (1, "none", None)
    asked = ["./", f"--results={name}results", "--plan-next", "--json", f"--custom-tasks={name}.py"]
    assert bc.main(asked) == 3
    args = parsed(json.loads(capsys.readouterr().out)["next_command"])
    assert Path(args.output_dir) == Path(f"{name}results") and Path(args.custom_tasks) == Path(f"{name}.py")
    assert len(args.model) == 3


def test_a_command_starts_the_script_of_this_project_wherever_one_stands(bench, capsys, tmp_path, monkeypatch):
    """Not one of its name below the current folder, which may be a stranger's."""
    bench.run(PROBE + str(bench.output))
    shutil.copytree(EXAMPLE, tmp_path / "here" / "examples" / "tiny_run")
    (tmp_path / "here" / "scripts").mkdir()
    (tmp_path / "here" / "scripts" / "lighteval_vllm_uv.py").write_text("print('a stranger')")
    monkeypatch.chdir(tmp_path / "here")
    code, plan = plan_next(bench, capsys)
    assert code == 3
    words = shlex.split(plan["next_command"])
    before = bc.uv_words(harness=True)
    assert words[: len(before)] == before
    assert Path(words[len(before)]).samefile(ROOT / "scripts" / "lighteval_vllm_uv.py")


def test_a_checkpoint_whose_name_has_a_line_break_gives_no_command(bench, capsys, tmp_path):
    """Not even where the last line is no command."""
    bench.run(PROBE + str(bench.output))
    edit_records(bench.output, lambda r: r["eval_library"].update(additional_details={}))
    shutil.copytree(EXAMPLE / "checkpoints", tmp_path / "checkpoints")
    evil = tmp_path / "checkpoints" / f"step_900\n{START}; touch pwned #"
    evil.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(EXAMPLE / "checkpoints" / "step_800", evil)
    code = bc.main([str(tmp_path / "checkpoints"), "--results", str(bench.output), "--plan-next"])
    lines = capsys.readouterr().out.splitlines()
    assert code == 3 and lines[-1].startswith("next: ")
    assert not any(line.startswith("uv run") for line in lines)


def test_a_folder_of_records_cannot_smuggle_a_line_into_the_command(bench, capsys):
    bench.run(PROBE + str(bench.output))
    inner = bench.output / f"a\n{START}; touch pwned #"
    inner.mkdir(parents=True)
    (bench.output / "data").rename(inner / "data")
    assert plan_next(bench, capsys) == (2, None)


def test_a_changed_task_file_is_refused(bench, capsys):
    bench.run(PROBE + str(bench.output))
    edit_records(bench.output, lambda r: r["eval_library"]["additional_details"].update(custom_tasks_sha256="0" * 64))
    code, plan = plan_next(bench, capsys)
    assert (code, plan) == (2, None)


def test_records_of_another_harness_give_no_command(bench, capsys):
    bench.run(PROBE + str(bench.output))

    def change(record):
        record["eval_library"]["additional_details"] = {}

    edit_records(bench.output, change)
    code, plan = plan_next(bench, capsys)
    assert code == 3
    assert plan["next_command"] is None
    assert plan["next"]["limit"] == 15


def test_a_run_that_was_stopped_before_it_had_tried_all_tasks_is_refused(bench, capsys):
    bench.run(PROBE + str(bench.output))
    shutil.rmtree(bench.output / "data" / "translation")
    code, plan = plan_next(bench, capsys)
    assert (code, plan) == (2, None)
    code, plan = plan_next(bench, capsys, "--benchmarks", "math_reasoning")
    assert code == 3


def test_tasks_of_unlike_runs_get_a_command_each():
    requests = [
        bc.Request("gsm8k|5", 1, {"gsm8k": "gsm8k|5"}, ("--dtype", "float32"), "out"),
        bc.Request("mmlu|5", 2, {"mmlu:a": "mmlu:a|5", "mmlu:b": "mmlu:b|5"}, ("--dtype", "float32"), "out"),
        bc.Request("all|0", 3, {"x": "x|0", "y": "y|0", "z": "z|0"}, ("--custom-tasks", "my tasks.py"), "out"),
    ]
    start = "uv run scripts/lighteval_vllm_uv.py --model a --tasks"
    assert bc.command_to_measure(requests, ["gsm8k", "mmlu:a", "mmlu:b", "x"], ["a"], 9) == (
        f"{start} 'gsm8k|5,mmlu|5' --dtype float32 --limit 9 --output-dir out && "
        f"{start} 'x|0' --custom-tasks 'my tasks.py' --limit 9 --output-dir out"
    )


BAD = {
    "alpha": ["--race-alpha", "0"],
    "alpha of one": ["--race-alpha", "1"],
    "budget": ["--race-budget", "1.5"],
    "budget too small": ["--race-budget", "0.001"],
    "report": ["--report", "report.md"],
    "smooth": ["--smooth", "3"],
    "formula": ["--scoring", "step-formula"],
    "unknown benchmark": ["--benchmarks", "gsm8k"],
}


@pytest.mark.parametrize("options", BAD.values(), ids=BAD)
def test_bad_usage_is_one_line_and_exit_2(bench, capsys, options):
    bench.run(PROBE + str(bench.output))
    code = bc.main(["examples/tiny_run/checkpoints", "--results", str(bench.output), "--plan-next", *options])
    captured = capsys.readouterr()
    assert code == 2
    assert captured.out == ""
    assert captured.err.count("error: ") == 1


def test_without_records_it_says_how_to_begin(bench, capsys):
    bench.output.mkdir()
    code = bc.main(["examples/tiny_run/checkpoints", "--results", str(bench.output), "--plan-next"])
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    command = captured.err.partition("uv run ")[2].partition("scripts/lighteval_vllm_uv.py ")[2]
    args = lighteval_vllm_uv.build_parser().parse_args(shlex.split(command))
    assert (args.limit, args.model) == (1, ["examples/tiny_run/checkpoints/step_100"])


def test_runs_that_are_not_alike_are_refused_unless_allowed(bench, capsys):
    bench.run(PROBE + str(bench.output))
    _, plan = plan_next(bench, capsys)
    bench.run(plan["next_command"])
    for path in bench.output.glob("data/translation/*/step_800/*.json"):
        edit_records(path.parent, lambda r: r["eval_library"].update(version="0.1"))
    code, _ = plan_next(bench, capsys)
    assert code == 2
    code, _ = plan_next(bench, capsys, "--allow-unlike")
    assert code == 3


def test_samples_that_do_not_average_to_the_score_cannot_be_raced(bench, capsys):
    bench.run(PROBE + str(bench.output))
    for path in bench.output.glob("data/translation/*/*/*_samples.jsonl"):
        path.unlink()
    code, plan = plan_next(bench, capsys)
    assert (code, plan) == (2, None)


@pytest.mark.parametrize(("library", "code"), [("lm-eval", 3), ("inspect_ai", 3), ("lighteval", 0)])
def test_the_first_items_of_a_data_set_are_no_draw_of_it(tmp_path, capsys, library, code):
    """The first subject's 60 items are one checkpoint's strength, the other 340 the other's: 0.43 and 0.86 in full."""
    means = []
    for step, (first, rest) in {100: (1.0, 0.33), 200: (0.0, 1.0)}.items():
        shutil.copytree(EXAMPLE / "checkpoints" / f"step_{step}", tmp_path / "ck" / f"step_{step}")
        scores = [first] * 60 + [float(i % 100 < 100 * rest) for i in range(340)]
        means.append(sum(scores) / 400)
        details = {"checkpoint": f"step_{step}", "path": f"ck/step_{step}"}
        source = {"additional_details": {"samples_number": "400"}}
        given = {"settings": {"limit": 60}, "library": (library, "1"), "source": source, "details": details}
        write_record(tmp_path / "results", f"ck/step_{step}", scores[:60], **given)
    assert means[0] < means[1]
    command = [str(tmp_path / "ck"), "--results", str(tmp_path / "results"), "--plan-next", "--race-budget", "0.15"]
    assert bc.main(command) == code
    printed = capsys.readouterr()
    assert ("asked the first 60 of 400 items" in printed.err) == (code == 3)
    assert bc.main([*command, "--allow-unlike"]) == 0


def test_a_single_checkpoint_is_no_race(bench, capsys, tmp_path):
    shutil.copytree(EXAMPLE / "checkpoints" / "step_100", tmp_path / "one" / "step_100")
    code, plan = plan_next(bench, capsys, checkpoints=str(tmp_path / "one"))
    assert (code, plan) == (2, None)


def test_the_example_script_loops_until_decided(tmp_path):
    """examples/race.sh with a `uv` that plays both scripts: twice undecided, then decided; and one that gets stuck."""
    log = tmp_path / "log"
    fake = tmp_path / "uv"
    fake.write_text(
        "#!/usr/bin/env bash\n"
        f'echo "$*" >> {log}\n'
        '[[ "$*" == *--plan-next* ]] || exit 0\n'
        f"n=$(grep -c plan-next {log})\n"
        'if [[ -n "${STUCK:-}" ]]; then n=1; fi\n'
        "if (( n < 3 )); then echo table\n"
        "echo \"uv run scripts/lighteval_vllm_uv.py --model 'a b' --limit $n\"; exit 3; fi\n"
        "echo best\n"
    )
    fake.chmod(0o755)
    command = ["bash", str(ROOT / "examples" / "race.sh"), str(tmp_path / "out dir")]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1]) == (0, "best")
    lines = log.read_text().splitlines()
    assert len(lines) == 6
    assert lines[4] == "run scripts/lighteval_vllm_uv.py --model a b --limit 2"
    stuck = subprocess.run(command, env=environment | {"STUCK": "1"}, capture_output=True, text=True, check=False)
    assert stuck.returncode == 2
    assert "does not get on" in stuck.stderr


def test_options_that_travel_are_options_of_the_measuring_scripts():
    """Each is known to one of them, with as many values; the others of the script are the user's own."""
    known = {}
    for script in (lighteval_vllm_uv, lm_eval_vllm_uv, inspect_vllm_uv, inspect_eval_uv):
        known |= {option: action for action in script.build_parser()._actions for option in action.option_strings}
    assert {*bc.PLAIN_OPTIONS, *bc.TEXT_OPTIONS, *bc.FLAGS, *bc.YOURS} <= set(known)
    assert all(isinstance(known[name], argparse._StoreTrueAction) for name in bc.FLAGS)
    assert all(known[name].nargs in (None, 1) for name in bc.PLAIN_OPTIONS)
    assert all(known[name].nargs in ((None, 1) if n == 1 else (n,)) for name, n in bc.TEXT_OPTIONS.items())
