"""Runs of agents that somebody would compare, by inspect-ai's own `eval` with scripted answers.

As tests/inspect_cases.py: with a folder as its argument it writes, for each comparison, the logs of the old and of the
new model into <folder>/<case>/old and <folder>/<case>/new. `plain` is the old run that most cases share: 60 items of
which half are right; a new run has three quarters right, with one thing changed that makes the two unlike.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from inspect_ai import Epochs, Task, eval, eval_retry, score, task
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.log import read_eval_log, write_eval_log
from inspect_ai.model import GenerateConfig, ModelOutput, get_model
from inspect_ai.scorer import Score, accuracy, match, model_graded_qa, scorer, stderr
from inspect_ai.solver import generate, prompt_template, solver, system_message, use_tools
from inspect_ai.tool import tool
from inspect_ai.util import LimitExceededError
from inspect_cases import hallucination, kind, lenient, model, number

ITEMS, MANY = 60, 120
HALF, QUARTER = [i for i in range(ITEMS) if i % 2], [i for i in range(ITEMS) if i % 4 == 1]
CASES: dict[str, Callable[[Path], None]] = {}


def case(make: Callable[[Path], None]) -> Callable[[Path], None]:
    """A comparison, called by its function's name."""
    CASES[make.__name__] = make
    return make


def items(count: int = ITEMS, each: int = 10, same_prompt: int = 1, **more: Any) -> MemoryDataset:
    """Questions in repositories of `each`; `same_prompt` of them ask one and the same."""
    rows = [
        Sample(id=f"q{i}", input=f"Say {i // same_prompt}.", target=str(i // same_prompt),
               metadata={"repo": f"repo_{i // each}"} | more)
        for i in range(count)
    ]  # fmt: skip
    return MemoryDataset(rows, name="toy_agents")


SCRIPT: dict[str, Any] = {}  # what the agent of the run does: no argument, which would be a difference of its own


@solver
def agent(effort: int = 1):
    """Answers rightly but for `wrong` items; attempts at `die` items raise, those at `over` items end at a limit."""

    async def solve(state, run):
        place = number(state)
        if place in SCRIPT.get("die", ()) and state.epoch > SCRIPT.get("lives", 0):
            raise RuntimeError("the sandbox went away")
        state = await run(state)
        if place in SCRIPT["wrong"]:
            state.output.completion = "none of them"
        if place in SCRIPT.get("over", ()):
            state.output.completion = ""
            raise LimitExceededError("message", value=30, limit=20)
        return state

    return solve


@solver
def other_scaffold():
    """Another agent."""
    return agent()


@tool
def search():
    async def execute(query: str) -> str:
        """Search.

        Args:
            query: What for.
        """
        return query

    return execute


@scorer(metrics=[accuracy(), stderr()])
def graded():
    """A grader that may have no grade for `ungraded` items, or NaN for `nan` items."""

    async def grade(state, target):
        if number(state) in SCRIPT.get("nan", ()):
            return Score(value=math.nan)
        if number(state) in SCRIPT.get("ungraded", ()):
            return Score.unscored(reason="no grade")
        return Score(value="C" if state.output.completion == target.text else "I", answer=state.output.completion)

    return grade


def toy(solve: Any = None, how: Any = None, dataset: Any = None, **options: Any) -> Task:
    options.setdefault("name", "toy")
    options = {"solver": solve or agent(), "scorer": how or match(location="exact"), **options}
    return Task(dataset=dataset or items(), **options)


def run(folder: Path, script: Any, of: Task | None = None, **options: Any) -> Any:
    """One evaluation; script: the wrong items, or all that SCRIPT may have."""
    SCRIPT.clear()
    SCRIPT.update(script if isinstance(script, dict) else {"wrong": script})
    options = {"log_format": "eval", "display": "none", "model": model(), **options}
    (log,) = eval(of or toy(), log_dir=str(folder), **options)
    return log


def old(folder: Path) -> None:
    """The shared old run, made once."""
    made = folder.parent / "plain_gain" / "old"
    if folder.name != "plain_gain":
        shutil.copytree(made, folder / "old")
    else:
        run(folder / "old", HALF)


def changed(name: str, script: Any = None, make_task: Callable[[], Task] = toy, both: bool = False, **options: Any):
    """A case of which the new run is better, and made in another way; both: the old one is of the same task."""

    def make(folder: Path) -> None:
        if both:
            run(folder / "old", HALF, make_task())
        else:
            old(folder)
        run(folder / "new", QUARTER if script is None else script, make_task(), **options)

    CASES[name] = make


changed("plain_gain")
changed("plain_loss", [i for i in range(ITEMS) if i % 4])
changed("plain_equal", [i for i in range(ITEMS) if not i % 2])
changed("shuffled", sample_shuffle=3)
changed("connections", max_connections=2, max_samples=3, log_samples=True)

# What became of attempts: HALF would be wrong.
changed("crashed_once", {"wrong": [], "die": HALF}, fail_on_error=False)
changed("crashed_few", {"wrong": HALF[5:10], "die": HALF[:5]}, fail_on_error=False)
changed("crashed_few_no_gain", {"wrong": HALF[5:], "die": HALF[:5]}, fail_on_error=False)
changed("ungraded_few", {"wrong": HALF[5:], "ungraded": HALF[:5]}, lambda: toy(how=graded()), both=True)
changed("ungraded_many", {"wrong": [], "ungraded": HALF}, lambda: toy(how=graded()), both=True)
changed("nan_few", {"wrong": HALF[5:], "nan": HALF[:5]}, lambda: toy(how=graded()), both=True)
changed("limits_hit", {"wrong": QUARTER, "over": QUARTER[:10]})
changed("cut_off", QUARTER, model=model("max_tokens"))
changed("score_on_error", {"wrong": QUARTER, "die": QUARTER[:4]}, fail_on_error=False, score_on_error=True)

# Whose judgement.
changed("other_scorer", make_task=lambda: toy(how=lenient()))
changed("other_scorer_args", make_task=lambda: toy(how=match(location="end")))

# Measured how.
changed("other_solver", make_task=lambda: toy(other_scaffold()))
changed("other_solver_args", make_task=lambda: toy(agent(effort=8)))
changed("other_chain", make_task=lambda: toy([system_message("Think."), agent()]))
changed("other_prompt", make_task=lambda: toy([prompt_template("{prompt}"), agent()]))
changed("other_tools", make_task=lambda: toy([use_tools(search()), agent()]))
changed("other_sandbox", make_task=lambda: toy(sandbox="local"))
changed("other_message_limit", message_limit=50)
changed("other_token_limit", token_limit=50000)
changed("other_time_limit", time_limit=600)
changed("other_working_limit", working_limit=600)
changed("other_effort", reasoning_effort="high")
changed("other_extra_body", extra_body={"top_a": 1})
changed("other_temperature", temperature=0.7)
changed("other_max_tokens", max_tokens=4000)
changed("other_system", system_message="You are good at this.")
changed("other_task_args", make_task=lambda: toy_attempts(attempts=8))
changed("other_epochs", make_task=lambda: toy(epochs=Epochs(4, "max")))
changed("other_pass_at_k", make_task=lambda: toy(epochs=Epochs(4, "pass_at_2")))
changed("fewer_items", limit=30)
changed("retry_on_error", retry_on_error=5)
changed("approval", approval="auto")


@case
def died_with_epochs(folder: Path) -> None:
    """Four attempts each: of the new model every attempt that would be wrong dies."""
    run(folder / "old", HALF, toy(epochs=4))
    run(folder / "new", {"wrong": [], "die": HALF, "lives": 1}, toy(epochs=4), fail_on_error=False)


@case
def other_items(folder: Path) -> None:
    """The same ids, other questions."""
    old(folder)
    rows = [Sample(id=f"q{i}", input=f"Please say {i}.", target=str(i)) for i in range(ITEMS)]
    run(folder / "new", QUARTER, toy(dataset=MemoryDataset(rows, name="toy_agents")))


def by_repository(folder: Path, **options: Any) -> None:
    """12 repositories of 10: the new model is better in six of them, and worse in three."""
    for side, of_repository in (("old", "555555999777"), ("new", "999999555777")):
        right = [int(digit) for digit in of_repository]
        wrong = [i for i in range(MANY) if i % 10 >= right[i // 10]]
        run(folder / side, wrong, toy(dataset=items(MANY), **options))


@case
def repositories(folder: Path) -> None:
    by_repository(folder)


@case
def declared_repositories(folder: Path) -> None:
    """The same, and the task says that errors are clustered."""
    by_repository(folder, metrics=[accuracy(), stderr(cluster="repo")])


@case
def same_prompts(folder: Path) -> None:
    """Twelve questions, each ten times under ids of their own: the answers are alike."""
    for side, most in (("old", 6), ("new", 3)):
        run(folder / side, [i for i in range(MANY) if i // 10 < most], toy(dataset=items(MANY, same_prompt=10)))


def judged(name: str, before: dict[str, Any], after: dict[str, Any], as_role: bool = False) -> None:
    """A case with a judge that is not the same on both sides; the old one is strict."""

    def make(folder: Path) -> None:
        for side, about in (("old", before), ("new", after)):
            about = {"grader": "mockllm/judge", "config": {}, "options": {}, **about}
            answer = strict if side == "old" else kind
            judge = get_model(about["grader"], custom_outputs=answer, memoize=False,
                              config=GenerateConfig(**about["config"]))  # fmt: skip
            how = model_graded_qa(**about["options"]) if as_role else model_graded_qa(model=judge, **about["options"])
            roles = {"model_roles": {"grader": judge}} if as_role else {}
            run(folder / side, [], toy(generate(), how), **roles)

    CASES[name] = make


asked = {"count": 0}


def strict(messages, tools, tool_choice, config):
    """A judge to whom each second answer is wrong."""
    output = kind(messages, tools, tool_choice, config)
    asked["count"] += 1
    if asked["count"] % 2:
        output.completion = "GRADE: I"
    return output


judged("other_judge", {}, {"grader": "mockllm/lenient"})
judged("other_judge_by_role", {}, {"grader": "mockllm/lenient"}, as_role=True)
judged("other_judge_settings", {}, {"config": {"temperature": 1.0}})
judged("other_judge_prompt", {}, {"options": {"instructions": "Be kind. GRADE: C or GRADE: I"}})
judged("other_judge_partial", {}, {"options": {"partial_credit": True}})


@case
def overwritten(folder: Path) -> None:
    """The new run was scored again by somebody kinder."""
    old(folder)
    made = run(folder / "first", HALF)
    again = score(made, lenient(), action="overwrite", display="none")
    (folder / "new").mkdir()
    write_eval_log(again, str(folder / "new" / "overwritten.eval"))
    shutil.rmtree(folder / "first")


@case
def unknown_direction(folder: Path) -> None:
    run(folder / "old", QUARTER, toy(how=hallucination()))
    run(folder / "new", HALF, toy(how=hallucination()))


@case
def one_run_in_two_files(folder: Path) -> None:
    old(folder)
    made = run(folder / "new", QUARTER)
    write_eval_log(read_eval_log(made.location), str(folder / "new" / "same.json"))


@solver
def unsteady():
    """No answer for 20 items until TOY_AGENTS says so, then a wrong one; five others are always wrong."""

    async def solve(state, run):
        if number(state) < 20 and "TOY_AGENTS" not in os.environ:
            raise RuntimeError("no answer from the server")
        # Without the model: a retry has another one than `model()`.
        text = "none" if number(state) < 25 else str(number(state))
        state.output = ModelOutput.from_content("mockllm/model", text)
        return state

    return solve


@task
def toy_again():
    return toy(unsteady())


@task
def toy_attempts(attempts: int = 1):
    return toy()


@case
def retried(folder: Path) -> None:
    """Twenty items fail, and are wrong in the retry: 35 of 60 and not 35 of 40."""
    os.environ["TOY_AGENTS"] = "up"
    run(folder / "old", [], toy_again())
    del os.environ["TOY_AGENTS"]
    first = run(folder / "new", [], toy_again(), fail_on_error=False)
    os.environ["TOY_AGENTS"] = "up"
    eval_retry(first, log_dir=str(folder / "new"), display="none", fail_on_error=False)


@case
def failed_before(folder: Path) -> None:
    old(folder)
    run(folder / "new", {"wrong": QUARTER, "die": [3]})
    run(folder / "new", QUARTER)


@case
def two_scaffolds(folder: Path) -> None:
    """The new model with two agents in one folder."""
    old(folder)
    run(folder / "new", QUARTER)
    run(folder / "new", [], toy(other_scaffold()))


@case
def two_limits(folder: Path) -> None:
    """The new model with two limits in one folder, neither of which is the old one's."""
    old(folder)
    run(folder / "new", QUARTER, message_limit=10)
    run(folder / "new", [], message_limit=100)


@case
def two_models(folder: Path) -> None:
    """Logs of two models in the new folder, to be called one."""
    old(folder)
    for name, wrong in (("mockllm/model", HALF), ("mockllm/other", [])):
        made = model()
        made.api.model_name = name.split("/")[1]
        run(folder / "new", wrong, model=made)


@case
def two_nights(folder: Path) -> None:
    """The same run twice, with other answers."""
    old(folder)
    run(folder / "new", QUARTER)
    run(folder / "new", HALF)


def main() -> int:
    folder = Path(sys.argv[1])
    for name in ["plain_gain", *(name for name in CASES if name != "plain_gain")]:
        if len(sys.argv) > 2 and name not in sys.argv[2:]:
            continue
        (folder / name).mkdir(parents=True)
        CASES[name](folder / name)
    print(json.dumps(sorted(path.name for path in folder.iterdir())))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
