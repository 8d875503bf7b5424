"""SWE-bench: the report <model>.<run id>.json that the harness writes at the end of a run.

What it takes: the ids of resolved, unresolved, empty, failed and not submitted instances. What it gives: one TaskRun;
the score is what SWE-bench publishes: resolved of all instances. What has no patch, whose container failed or whose
prediction is missing counts as not resolved there; each is counted in the details. Which of the SWE-bench data sets it
was is not in a report: --task says it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parts.formats.here import Here
from parts.formats.values import all_texts, source_named, whole
from parts.formats.vocabulary import AskedItem, Files, Moment, Origin, ScoreRead, TaskRun, Trouble
from parts.frame import single_line

# What became of an instance, the first that fits; the report's lists overlap, but for the first.
SWE_BENCH_STATES = {
    "resolved": "resolved_ids",
    "not submitted": "incomplete_ids",
    "empty patch": "empty_patch_ids",
    "error": "error_ids",
    "unresolved": "unresolved_ids",
}
SWE_BENCH_COUNTS = {"resolved": "resolved_instances", "unresolved": "unresolved_instances"}


def is_swe_bench(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is a report of SWE-bench's harness."""
    return all(isinstance(document.get(name), list) for name in ("resolved_ids", "submitted_ids", "error_ids"))


def read_swe_bench(origin: Origin, document: dict[str, Any], here: Here, files: Files) -> Iterator[TaskRun | Trouble]:
    """The run of a report."""
    moment = Moment()
    stem, run_id = swe_bench_name(origin.path, here)
    states = swe_bench_states(document)
    total = whole(document.get("total_instances"))
    if not total or total != len(states):
        raise ValueError(f"it counts {total} instances and names {len(states)}")
    count = {state: sum(own == state for own in states.values()) for state in SWE_BENCH_STATES}
    infra = set(all_texts(document.get("infra_failure_ids")))
    title = here.task or "swe_bench"
    if here.task is None:
        here.warn(f"{origin.path.name}: SWE-bench, Lite or Verified is not said in a report: --task says which it was")
    score = ScoreRead(
        "resolved_rate",
        "resolved_rate",
        count["resolved"] / total,
        "mean",
        count=total,
        unit=("proportion", 0.0, 1.0),
        scorer={"scorer": "tests"},
        direction_known=True,
    )
    yield TaskRun(
        origin=origin,
        task=title,
        title=title,
        model=here.model(swe_bench_model(stem), moment, details={"agent": stem or None}),
        scores=(score,),
        version=here.version or "unknown",
        source=source_named("SWE-bench", samples_number=total),
        moment=moment,
        run_ids={"run_id": run_id} if stem else {},
        counts={
            "not_submitted": count["not submitted"],
            "empty_patches": count["empty patch"],
            "infra_failures": len(infra),
        },
        samples=lambda _: swe_bench_items(states, infra),
        sample_file=origin.path,
    )


def swe_bench_name(path: Path, here: Here) -> tuple[str, str]:
    """(model, run id) in a report's name <model>.<run id>.json, both of which may have dots.

    A dot between two digits is one of a version; where others leave a choice, the run's logs/run_evaluation/<run
    id>/<model> decides, or --model-id; ValueError where neither is there.
    """
    stem = path.stem
    dots = [place.start() for place in re.finditer(r"\.", stem)]
    plain = [dot for dot in dots if not re.fullmatch(r"\d\.\d", stem[max(dot - 1, 0) : dot + 2])] or dots
    cuts = [(stem[:dot], stem[dot + 1 :]) for dot in plain]
    for folder in list(path.resolve().parents)[:3] if len(cuts) > 1 else ():
        cuts = [(model, run) for model, run in cuts if (folder / "logs/run_evaluation" / run / model).is_dir()] or cuts
    if len(cuts) > 1 and here.model_id is None:
        found = " or ".join(f"{swe_bench_model(model)} (run {run})" for model, run in cuts[:4])
        raise ValueError(f"its name may be of {found}: --model-id OWNER/NAME says which model it is")
    return cuts[-1] if cuts else ("", stem)


def swe_bench_model(stem: str) -> str | None:
    """The model's or agent's name in a report's file name, where "/" is written "__"; None where there is none."""
    return re.sub("__", "/", stem, count=1) if stem else None


def swe_bench_states(document: Mapping[str, Any]) -> dict[str, str]:
    """What became of each instance."""
    found: dict[str, str] = {}
    for state, name in SWE_BENCH_STATES.items():
        named = all_texts(document.get(name))
        if state != "resolved" and (both := [one for one in named if found.get(one) == "resolved"]):
            raise ValueError(f"{single_line(both[0])[:80]} is in resolved_ids and in {name}")
        if (told := whole(document.get(SWE_BENCH_COUNTS.get(state)))) is not None and told != len(set(named)):
            raise ValueError(f"it counts {told} {state} and names {len(set(named))}")
        for instance in named:
            found.setdefault(instance, state)
    return found


def swe_bench_items(states: Mapping[str, str], infra: set[str]) -> Iterator[AskedItem]:
    """The instances; their repository is in their names ("django__django-11099") and groups them."""
    for instance, state in sorted(states.items()):
        repo = instance.rpartition("-")[0].replace("__", "/", 1)
        missing = instance in infra or state == "not submitted"  # wrong for SWE-bench, but nothing was found out
        metadata = {"repo": repo, "status": "infrastructure failure" if instance in infra else state}
        yield AskedItem(
            id=instance,
            raw=instance,
            references=[],
            answers=[],
            values={"resolved_rate": float(state == "resolved")},
            unparsed=state == "empty patch",
            tries={"resolved_rate": [None]} if missing else None,
            errored=int(state == "error" or instance in infra),
            lost_to_errors=int(instance in infra),
            metadata=metadata,
        )
