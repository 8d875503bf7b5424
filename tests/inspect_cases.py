"""Logs of inspect-ai's own `eval` with scripted answers: what a converter must tell apart.

Needs inspect-ai, so it is run in an environment of its own (by the fixture `logs` of test_inspect_conversion.py): with
a folder as its argument it writes a folder of logs for each case there, in half a minute.

The model is mockllm: it repeats the number in the question, which is right; solvers make answers wrong, raise, or end
at a limit. No network, no weights.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("INSPECT_DISPLAY", "none")

from inspect_ai import Epochs, Task, eval, eval_retry, score, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import GenerateConfig, ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import (
    SampleScore,
    Score,
    accuracy,
    grouped,
    match,
    mean,
    metric,
    model_graded_qa,
    scorer,
    stderr,
)
from inspect_ai.solver import generate, solver
from inspect_ai.util import LimitExceededError


def items(count: int, **metadata: Any) -> MemoryDataset:
    """`count` questions whose answer is their number, in repositories of four."""
    rows = []
    for index in range(count):
        own = {"repo": f"repo_{index // 4}", "topic": ("a", "b")[index % 2], "long": "text " * 500, **metadata}
        rows.append(Sample(id=f"q{index}", input=f"Say {index}.", target=str(index), metadata=own))
    return MemoryDataset(rows, name="toy_numbers")


def model(stop: str = "stop") -> Any:
    """A model that repeats the number in the question."""

    def answer(messages, tools, tool_choice, config):
        text = messages[-1].text.removeprefix("Say ").rstrip(".")
        output = ModelOutput.from_content("mockllm/model", text, stop_reason=stop)
        output.usage = ModelUsage(input_tokens=5, output_tokens=3, total_tokens=8, reasoning_tokens=2)
        return output

    return get_model("mockllm/model", custom_outputs=answer, memoize=False)


def number(state) -> int:
    return int(str(state.sample_id).removeprefix("q"))


@solver
def scripted(wrong: list[int] | None = None, die: list[int] | None = None, epochs_die: list[int] | None = None):
    """Answers rightly but for `wrong` items; attempts at `die` items (in `epochs_die` alone, where given) raise."""

    async def solve(state, run):
        if number(state) in (die or []) and (epochs_die is None or state.epoch in epochs_die):
            raise RuntimeError("the sandbox went away")
        state = await run(state)
        if number(state) in (wrong or []):
            state.output.completion = "none of them"
        return state

    return solve


@solver
def limited(over: list[int]):
    """Attempts at `over` items end at a limit."""

    async def solve(state, run):
        state = await run(state)
        if number(state) in over:
            state.output.completion = ""
            raise LimitExceededError("token", value=100, limit=50)
        return state

    return solve


@scorer(metrics=[accuracy(), stderr()])
def ungraded(missing: list[int]):
    """A grader that gives no grade for `missing` items."""

    async def grade(state, target):
        if number(state) in missing:
            return Score.unscored(reason="no grade in the grader's answer")
        return Score(value="C" if state.output.completion == target.text else "I", answer=state.output.completion)

    return grade


@scorer(metrics={"strict": [accuracy(), stderr()], "loose": [accuracy()]})
def several():
    """A scorer of several values, as IFEval has it."""

    async def grade(state, target):
        right = state.output.completion == target.text
        return Score(value={"strict": float(right), "loose": 1.0}, answer=state.output.completion)

    return grade


@metric
def instructions_followed():
    """Metrics that one function works out of all values, as IFEval's are."""

    def worked_out(scores: list[SampleScore]) -> dict:
        rows = [score.score.value for score in scores]
        asked = sum(row["num_instructions"] for row in rows)
        return {
            "prompt_strict_acc": sum(row["prompt_level_strict"] for row in rows) / len(rows),
            "inst_strict_acc": sum(row["inst_level_strict"] for row in rows) / asked,
            "final_acc": 0.5,
        }

    return worked_out


@scorer(metrics=[instructions_followed()])
def followed():
    async def grade(state, target):
        count = 1 + number(state) % 3
        right = count if state.output.completion == target.text else 0
        value = {"prompt_level_strict": right == count, "inst_level_strict": right, "num_instructions": count}
        return Score(value=value, answer=state.output.completion)

    return grade


@metric
def calibration_error():
    def worked_out(scores: list[SampleScore]) -> float:
        return 0.25

    return worked_out


@scorer(metrics=[mean(), calibration_error()])
def hallucination():
    """A number of which more is worse, as only its name says."""

    async def grade(state, target):
        return Score(value=0.0 if state.output.completion == target.text else 1.0)

    return grade


@scorer(metrics=[accuracy(), stderr()])
def lenient():
    async def grade(state, target):
        return Score(value="C", answer=state.output.completion)

    return grade


def kind(messages, tools, tool_choice, config):
    """A judge to whom all is right."""
    output = ModelOutput.from_content("mockllm/judge", "GRADE: C")
    output.usage = ModelUsage(input_tokens=5, output_tokens=3, total_tokens=8)
    return output


def run(folder: Path, name: str, task: Task, **options: Any) -> Any:
    """One evaluation into its own folder; the log."""
    options = {"log_format": "eval", "display": "none", "model": model(), **options}
    (log,) = eval(task, log_dir=str(folder / name), **options)
    return log


def died(folder: Path) -> None:
    """16 items, 4 attempts each; every attempt at q0..q7 that would be wrong dies."""
    toy = Task(
        dataset=items(16),
        solver=[scripted(die=list(range(8)), epochs_die=[2, 3, 4])],
        scorer=match(location="exact"),
        epochs=4,
    )
    run(folder, "died_with_epochs", toy, fail_on_error=False)
    toy = Task(dataset=items(20), solver=[scripted(die=list(range(12)))], scorer=match(location="exact"))
    run(folder, "died_once", toy, fail_on_error=False)
    toy = Task(dataset=items(20), solver=[scripted(wrong=[0, 1], die=[2, 3, 4])], scorer=match(location="exact"))
    run(folder, "score_on_error", toy, fail_on_error=False, score_on_error=True)


def graded(folder: Path) -> None:
    """Graders: without a grade, of several values, of an unknown direction, a model's, replaced, added."""
    plain = [generate()]
    run(folder, "ungraded", Task(dataset=items(10), solver=plain, scorer=ungraded([0, 1, 2, 3])))
    run(folder, "several", Task(dataset=items(10), solver=[scripted(wrong=[1])], scorer=several()))
    run(
        folder,
        "hallucination",
        Task(dataset=items(10), solver=[scripted(wrong=[1, 2])], scorer=hallucination()),
    )
    run(folder, "instructions", Task(dataset=items(10), solver=[scripted(wrong=[1, 2])], scorer=followed()))
    judge = get_model("mockllm/judge", custom_outputs=kind, config=GenerateConfig(temperature=0.3), memoize=False)
    asked = Task(dataset=items(10), solver=plain, scorer=model_graded_qa(model=judge, instructions="Be kind."))
    run(folder, "judged", asked)
    role = Task(dataset=items(10), solver=plain, scorer=model_graded_qa())
    run(folder, "judged_by_role", role, model_roles={"grader": judge})
    strict = run(folder, "rescored", Task(dataset=items(10), solver=[scripted(wrong=[0, 1, 2])], scorer=match()))
    again = score(strict, lenient(), action="overwrite", display="none")
    write_eval_log(again, str(folder / "rescored" / "overwritten.eval"))
    both = score(strict, lenient(), action="append", display="none")
    write_eval_log(both, str(folder / "rescored" / "appended.json"))


def grouped_and_reduced(folder: Path) -> None:
    """Grouped metrics, clustered errors, ways of joining repeats."""
    toy = Task(
        dataset=items(16),
        solver=[scripted(wrong=[0, 1, 2, 4])],
        scorer=match(location="exact"),
        metrics=[accuracy(), stderr(cluster="repo"), grouped(accuracy(), "topic")],
    )
    run(folder, "grouped", toy)
    only = Task(
        dataset=items(16),
        solver=[scripted(wrong=[0, 1, 2, 4])],
        scorer=match(location="exact"),
        metrics=[grouped(accuracy(), "topic")],
    )
    run(folder, "grouped_only", only)
    joined = Task(
        dataset=items(6),
        solver=[scripted(wrong=[0, 1])],
        scorer=match(location="exact"),
        epochs=Epochs(3, ["mean", "mode", "pass_at_2"]),
    )
    run(folder, "reduced", joined)


def limits(folder: Path) -> None:
    toy = Task(dataset=items(10), solver=[limited([0, 1, 2])], scorer=match(location="exact"))
    run(folder, "limits", toy)
    run(folder, "cut", Task(dataset=items(4), solver=[generate()], scorer=match()), model=model("max_tokens"))


def settings(folder: Path) -> None:
    """What may change answers: limits, the generation, arguments of model, solver and task."""
    toy = Task(dataset=items(6), solver=[scripted(wrong=[1])], scorer=match(location="exact"), name="toy_set")
    options = {"message_limit": 20, "token_limit": 9000, "time_limit": 60, "limit": 5, "task_args": {"attempts": 8}}
    options |= {"reasoning_effort": "low", "extra_body": {"top_a": 1}, "max_connections": 3, "temperature": 0.5}
    run(folder, "settings", toy, **options)


def twice(folder: Path) -> None:
    """One run in two files; a run that failed and what finished it."""
    place = folder / "two_files"
    log = run(folder, "two_files", Task(dataset=items(8), solver=[scripted(wrong=[1])], scorer=match()))
    write_eval_log(read_eval_log(log.location), str(place / "same.json"))
    place = folder / "retried"
    first = run(folder, "retried", toy_retry(), fail_on_error=False)
    os.environ["TOY_SERVER"] = "up"  # the retry imports this file again
    eval_retry(first, log_dir=str(place), display="none", fail_on_error=False)
    toy = Task(dataset=items(10), solver=[scripted(wrong=[1], die=[3])], scorer=match(), name="toy_late")
    run(folder, "failed_first", toy)
    good = Task(dataset=items(10), solver=[scripted(wrong=[1])], scorer=match(), name="toy_late")
    run(folder, "failed_first", good)


@solver
def flaky():
    """Has no answer for q0..q4 until TOY_SERVER says so, then a wrong one; q5 and q6 are always wrong."""

    async def solve(state, run):
        if number(state) < 5 and "TOY_SERVER" not in os.environ:
            raise RuntimeError("no answer from the server")
        text = "none" if number(state) < 7 else str(number(state))
        state.output = ModelOutput.from_content("mockllm/model", text)  # a retry has another model than `model()`
        return state

    return solve


@task
def toy_retry():
    """Twenty items of which five have no answer the first time."""
    return Task(dataset=items(20), solver=[flaky()], scorer=match(location="exact"))


def main() -> int:
    folder = Path(sys.argv[1])
    for make in (died, graded, grouped_and_reduced, limits, settings, twice):
        make(folder)
    print(json.dumps(sorted(path.name for path in folder.iterdir())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
