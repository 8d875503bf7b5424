"""EvalPlus: <model>_<backend>_temp_<temperature>_eval_results.json, or eval_results.json in a folder of that name.

What it takes: the results of HumanEval+ or MBPP+. What it gives: two TaskRuns, with the tests of the original benchmark
and with those that EvalPlus adds. pass@k of an item is the unbiased estimate from its solutions. A solution that ran
out of time is wrong, as EvalPlus counts it; how many did is in the details. The questions are not in the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.formats.here import Here
from parts.formats.values import finite, moment_of, named, part, source_named
from parts.formats.vocabulary import AskedItem, Files, Origin, ScoreRead, TaskRun, Trouble
from parts.harness.metric_names import pass_at_k
from parts.metric_directions import direction_in

EVALPLUS_FILE = re.compile(
    r"(?P<model>.+?)(?:_(?P<backend>vllm|hf|openai|anthropic|google|bedrock|ollama|gptqmodel|hf_gaudi))?"
    r"_temp_(?P<temperature>\d+(?:\.\d+)?)(?P<rest>.*?)"
)
EVALPLUS_RIGHT = {"pass", "success"}  # "success": before 0.2
EVALPLUS_TITLES = {
    "HumanEval": ("humaneval", "humaneval_plus", "evalplus/humanevalplus"),
    "Mbpp": ("mbpp_evalplus_base", "mbpp_plus", "evalplus/mbppplus"),
}


def is_evalplus(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is a result of EvalPlus."""
    items = document.get("eval")
    if not isinstance(items, dict) or not items or "hash" not in document:
        return False
    return all(re.fullmatch(r"(?:HumanEval|Mbpp)/\d+", str(name)) for name in items)


def read_evalplus(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The benchmark with its own tests, and with those of EvalPlus."""
    stem = re.sub(r"[._]?eval_results$", "", origin.path.stem) or origin.path.parent.name
    said = EVALPLUS_FILE.fullmatch(stem)
    name = said["model"].replace("--", "/", 1) if said else None
    moment = moment_of(document.get("date"))
    model = here.model(name, moment)
    items = {key: evalplus_statuses(rows) for key, rows in document["eval"].items()}
    asked = {key.split("/")[0] for key in items}
    if len(asked) > 1:
        raise ValueError(f"items of {' and '.join(sorted(asked))} in one file: of which benchmark is the score?")
    base, plus, repo = EVALPLUS_TITLES[asked.pop()]
    for title, kind in ((base, "base"), (plus, "plus")):
        right = {key: evalplus_right(rows, kind) for key, rows in items.items()}
        if not all(right.values()):
            if kind == "plus" and not any(right.values()):
                continue  # only the tests of the original were run
            yield Trouble(str(origin.path), "an item without a result", title, failed=True)
            continue
        scores = evalplus_scores(part(document, "pass_at_k", kind), right)
        late = sum("timeout" in row[: 1 + (kind == "plus")] for rows in items.values() for row in rows)
        yield TaskRun(
            origin=origin,
            task=title,
            title=title,
            model=model,
            scores=scores,
            version=here.version or "unknown",
            source=source_named(repo, revision=named(document.get("hash"))),
            generation_args={"temperature": finite(float(said["temperature"])) if said else None},
            settings={
                "backend": said["backend"] if said else None,
                "variant": (said["rest"].strip("-_.") or None) if said else None,
                "solutions_per_item": max(map(len, right.values())),
            },
            moment=moment,
            counts={"limit_hit": late},
            samples=lambda _, right=right, scores=scores: evalplus_items(document["eval"], right, scores),
            sample_file=origin.path,
        )


def evalplus_statuses(rows: Any) -> list[tuple[str | None, str | None, str]]:
    """(base, plus, solution) of an item's solutions; before 0.2.1 {"base": [[status, ...]], "plus": ...}."""
    if isinstance(rows, dict):
        base = [named(row[0]) for row in rows.get("base") or [] if isinstance(row, list) and row]
        plus = [named(row[0]) for row in rows.get("plus") or [] if isinstance(row, list) and row]
        plus += [None] * (len(base) - len(plus))
        return [(one, other, "") for one, other in zip(base, plus, strict=False)]
    found = []
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            found.append((named(row.get("base_status")), named(row.get("plus_status")), str(row.get("solution") or "")))
    return found


def evalplus_right(rows: Sequence[tuple[str | None, str | None, str]], kind: str) -> list[bool]:
    """Whether each solution of an item passed; [] when not tried. For "plus" the base tests must pass too."""
    if kind == "plus" and any(plus is None for _, plus, _ in rows):
        return []
    return [base in EVALPLUS_RIGHT and (kind == "base" or plus in EVALPLUS_RIGHT) for base, plus, _ in rows]


def evalplus_scores(given: Mapping[str, Any], right: Mapping[str, Sequence[bool]]) -> tuple[ScoreRead, ...]:
    """pass@k as the file has it; from the items where an old file has none."""
    known = {name: finite(value) for name, value in given.items() if re.fullmatch(r"pass@\d+", name)}
    if not known:
        known = {"pass@1": sum(sum(row) / len(row) for row in right.values()) / len(right)}
    return tuple(
        ScoreRead(
            *(name, f"pass_at_{name[5:]}", value, "mean"),
            unit=("proportion", 0.0, 1.0),
            scorer={"scorer": "tests"},
            **direction_in("evalplus", name),
        )
        for name, value in known.items()
        if value is not None
    )


def evalplus_items(
    rows: Mapping[str, Any], right: Mapping[str, Sequence[bool]], scores: Sequence[ScoreRead]
) -> Iterator[AskedItem]:
    """The items, each with all its solutions."""
    for key, passed in right.items():
        values = {score.name: pass_at_k(len(passed), sum(passed), int(score.name[5:])) for score in scores}
        answers = [solution for _, _, solution in evalplus_statuses(rows[key])]
        yield AskedItem(
            id=key,
            raw=key,
            references=[],
            answers=answers,
            values=values,
            generative=True,
            truncated=None,
            unparsed=None,
            tries={"pass@1": [float(one) for one in passed]} if len(passed) > 1 else None,
        )
