"""What the evaluation scripts print: plans, names of tasks, scores, one JSON document."""

from __future__ import annotations

import fnmatch
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from parts.engines.memory import shown_bytes
from parts.frame import OUTPUT_VERSION, SHOWN_FAILURES, ScriptError, listing, natural_key, note, print_data, rounded
from parts.harness.doubts import doubts
from parts.harness.scores import nearest_tasks
from parts.harness.settings import Settings
from parts.harness.vocabulary import Finished, Model, Outcome, model_label, score_line, score_table
from parts.private import shown_path
from parts.seal import written_by_others
from parts.tables import render_table, show_table

MOST_NAMES = 40  # tasks that --list-tasks shows behind the groups


def outcome_json(outcome: Outcome, foreign: Collection[Path]) -> dict[str, Any]:
    """What --json prints after a run; `foreign`: the finished records that were not written here."""

    def line(finished: Finished) -> dict[str, Any]:
        model = model_label(finished.record)
        return {"model": model, "task": finished.task, "path": str(finished.path), "scores": score_line(finished)}

    skipped = [
        line(finished) | {"reason": f"finished before{', elsewhere' if finished.path in foreign else ''}"}
        for finished in outcome.skipped
    ]
    skipped += [{"model": name, "reason": reason} for name, reason in outcome.left_out]
    return {
        "schema_version": OUTPUT_VERSION,
        "records": [line(finished) for finished in outcome.written],
        "skipped": skipped,
        "failed": [asdict(failure) | {"path": str(failure.path)} for failure in outcome.failed],
        "warnings": doubts([*outcome.skipped, *outcome.written]),
        "seconds": rounded(outcome.seconds),
        "processor_seconds": rounded(outcome.processor_seconds),
        "requests": outcome.requests,
    }


def report(outcome: Outcome, output: Path, as_json: bool) -> int:
    """Print the scores, what failed and where the records are; 1 when a task gave no score, 3 where all
    that did not are refused for a choice that is the user's."""
    if foreign := written_by_others(finished.path for finished in outcome.skipped):
        note(
            f"warning: {len(foreign)} of {len(outcome.skipped)} finished before are records that you have not written "
            f"here, taken as they are: {listing(map(shown_path, foreign), 3)}; to measure again, move them away"
        )
    if as_json:
        print(json.dumps(outcome_json(outcome, set(foreign)), indent=1))
    else:
        records = [*outcome.skipped, *outcome.written]
        show_table(score_table(records, outcome.failed))
        for line in doubts(records):
            print_data(f"! {line}")
        print(f"\nrecords: {output / 'data'} ({len(outcome.written)} new, {len(outcome.skipped)} finished before)")
    for failure in outcome.failed[:SHOWN_FAILURES]:
        note(f"failed: {failure.model} {failure.task}: {failure.error[:200]} (see {failure.path})")
    if len(outcome.failed) > SHOWN_FAILURES:
        note(f"failed: {len(outcome.failed)} in all, each with a _failure.json; the same command tries them again")
    return 0 if not outcome.failed else 3 if all(failure.refused for failure in outcome.failed) else 1


def list_names(
    names: Mapping[str, Sequence[str]] | Iterable[str], pattern: str, as_json: bool, first: Collection[str] = ()
) -> int:
    """Print the names of tasks that a pattern fits, where they are known with their canonical keys.

    `first`: names of groups, which go before the rest; of that rest people see MOST_NAMES, --json has all.
    """
    known = names if isinstance(names, Mapping) else None
    keys: Mapping[str, Sequence[str]] = known if known is not None else dict.fromkeys(names, ())
    wanted = re.compile(fnmatch.translate(f"*{pattern}*"), re.IGNORECASE)
    start = pattern.casefold()  # the name itself, then what begins with it, then the rest
    near = {name: (not name.casefold().startswith(start), name.casefold() != start) for name in keys}
    order = sorted(keys, key=lambda name: (name not in first, near[name], natural_key(name)))
    found = [name for name in order if any(map(wanted.match, [name, *keys[name]]))]
    if not found:
        others = {name.rpartition("/")[2] for name in keys} | {key for row in keys.values() for key in row}
        close = nearest_tasks(pattern, others)
        raise ScriptError(f"no task is called like {pattern!r}: {', '.join(close) or 'see --list-tasks'}")
    if as_json:
        tasks = found if known is None else [{"task": name, "keys": list(keys[name])} for name in found]
        print(json.dumps({"schema_version": OUTPUT_VERSION, "tasks": tasks}, indent=1))
    else:
        groups = sum(name in first for name in found)
        shown = found[: groups + MOST_NAMES] if first else found
        print("\n".join(f"{name}  ({', '.join(keys[name])})" if keys[name] else name for name in shown))
        if len(shown) < len(found):
            note(f"and {len(found) - len(shown)} tasks more: a longer pattern, or --json for all")
    return 0


def show_plan(
    models: Sequence[Mapping[str, Any]],
    tasks: Sequence[Mapping[str, Any]],
    settings: Settings,
    outcome: Outcome,
    to_run: int,
    as_json: bool,
) -> int:
    """Print what a run would do; `to_run`: pairs of model and task, those of `outcome` that are finished aside."""
    shown = ("backend", "base_url", "provider", "versions", "tensor_parallel_size", "data_parallel_size")
    plan = {
        "schema_version": OUTPUT_VERSION,
        **{name: getattr(settings, name) for name in shown if getattr(settings, name) is not None},
        "models": list(models),
        "tasks": list(tasks),
        "to_run": to_run - len(outcome.skipped),
        "finished": len(outcome.skipped),
        "skipped": [{"model": name, "reason": reason} for name, reason in outcome.left_out],
    }
    if as_json:
        print(json.dumps(plan, indent=1))
        return 0
    for rows in (models, tasks):
        cells = [["?" if value is None else str(value) for value in shown_row(row).values()] for row in rows]
        print(render_table([list(shown_row(rows[0])), *cells]) + "\n")
    place = " ".join(filter(None, [settings.backend, settings.base_url, settings.provider]))
    versions = ", ".join(f"{name} {version}" for name, version in settings.versions.items())
    print(f"{plan['to_run']} to run, {plan['finished']} finished; {place}, {versions}")
    shares = settings.tensor_parallel_size or 1, settings.data_parallel_size or 1
    if shares != (1, 1):
        print(
            f"{shares[0] * shares[1]} GPUs: tensor parallel {shares[0]}, data parallel {shares[1]}, by vLLM's own "
            "executors; this has not been tested with this script"
        )
    return 0


def shown_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row of a plan for people."""
    if "weights_sha256" not in row:
        return dict(row)
    return {
        "model": row["label"],
        "weights": row["weights_sha256"][:12],
        "path": row["path"] or row["revision"] or "",
        "memory": shown_bytes(row["weights_bytes"]),
        "cache per token": shown_bytes(row["cache_bytes_per_token"]),
    }


def model_row(model: Model, memory: Mapping[str, Any]) -> dict[str, Any]:
    """A model of this machine in a plan."""
    facts = {"id": model.id, "label": model.label, "step": model.step, "weights_sha256": model.weights_sha256}
    return facts | {"path": model.path, "revision": model.revision} | dict(memory)
