"""The items that a race asks for, out of a file of predictions.

Takes the plan of `benchmark_calculator.py --plan-next --json` (or a number of items), the file's lines and the model;
gives the lines of the first so many items, in an order by a hash of their ids that is the same for every checkpoint.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from parts.frame import ScriptError, count_in, listing
from parts.inputs import read_json
from parts.metrics.vocabulary import Line


def planned_lines(wanted: str, lines: Sequence[Line], model: str) -> tuple[list[Line], int]:
    """(the lines of the items that --items-of asks for, how many items that is).

    ScriptError when the plan asks nothing of this model, or a prediction of an item is missing.
    """
    limit = count_in(wanted) or limit_of_plan(wanted, model)
    ids = sorted({line.id for line in lines}, key=lambda id: hashlib.sha256(id.encode()).digest())
    if limit is None or limit >= len(ids):
        return list(lines), len(ids)  # said, too: a race's records name how many were asked
    chosen = set(ids[:limit])
    kept = [line for line in lines if line.id in chosen]
    without = [line.id for line in kept if "reference" in line.fields and "prediction" not in line.fields]
    if without and len(without) < len(lines):
        raise ScriptError(
            f"--items-of {wanted}: {len(without)} of its items have no prediction: {listing(without, 50)}"
        )
    return kept, limit


def limit_of_plan(path: str, model: str) -> int | None:
    """How many items a plan's next round asks of a model; None for all."""
    plan = read_json(Path(path))
    asked = plan.get("next") if isinstance(plan, dict) else None
    if not isinstance(asked, dict):
        why = "the race is decided" if isinstance(plan, dict) and "next" in plan else "no plan of --plan-next --json"
        raise ScriptError(f"--items-of {path}: {why}, so it asks for no items")
    names, limit = asked.get("checkpoints"), asked.get("limit")
    if not isinstance(names, list) or not (limit is None or (isinstance(limit, int) and limit > 0)):
        raise ScriptError(f"--items-of {path}: its next round has no checkpoints or no number of items")
    if not any(model == str(name) or model.endswith(f"/{name}") for name in names):
        raise ScriptError(f"--items-of {path}: it asks nothing of {model}, but of {listing(map(str, names), 20)}")
    return limit
