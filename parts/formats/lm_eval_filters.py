"""Rows of an lm-eval samples file that do not name their filter, as its versions before 0.4.7 wrote them.

All of these versions write the items filter by filter, in the order of the task's `filter_list`; several processes
write one such sequence each, one after the other. So the first row of an item is the first filter's, the second the
second's, whichever way the rows lie. That is held against the scores in the results file before it is believed.
"""

from __future__ import annotations

import array
import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.formats.files import json_lines
from parts.formats.values import SAME_SCORE, finite
from parts.frame import single_line

MOST_FILTERS = 6  # whose orders are tried: 720


def rows_with_filters(
    path: Path, filters: Sequence[str], ordered: bool, scores: Mapping[tuple[str, str], float]
) -> Iterator[dict[str, Any]]:
    """The rows of a samples file whose task has several filters, none of which it names, each with its own's name
    under "filter".

    `filters`: all that the task has, in the order of its configuration when `ordered`; `scores`: what the results
    file says for (metric, filter) where a score is the mean of its items. ValueError when it cannot be said which
    row is which filter's.
    """
    order = order_of_filters(json_lines(path), filters, ordered, scores)
    asked: dict[Any, int] = {}
    for row in json_lines(path):
        place = asked.get(row["doc_id"], 0)
        asked[row["doc_id"]] = place + 1
        yield {**row, "filter": order[place]}


def rows_name_filters(path: Path) -> bool:
    """Whether a samples file's first row says which filter it is of; True for a file that cannot be read."""
    try:
        return "filter" in next(json_lines(path), {"filter": None})
    except (OSError, ValueError):
        return True


def order_of_filters(
    rows: Iterable[Mapping[str, Any]], filters: Sequence[str], ordered: bool, scores: Mapping[tuple[str, str], float]
) -> Sequence[str]:
    """Whose an item's first row is, whose its second, ...; ValueError when the file does not prove it."""
    metrics = sorted({metric for metric, _ in scores})
    found = {metric: [array.array("d") for _ in filters] for metric in metrics}
    asked: dict[Any, int] = {}
    for row in rows:
        place = asked.get(row["doc_id"], 0)
        asked[row["doc_id"]] = place + 1
        for metric in metrics if place < len(filters) else ():
            found[metric][place].append(math.nan if (value := finite(row.get(metric))) is None else value)
    names = ", ".join(single_line(name) for name in filters)
    if other := [doc for doc, count in asked.items() if count != len(filters)]:
        raise ValueError(
            f"its rows name no filter, and {len(other)} of {len(asked)} items have not one row for each of the task's "
            f"{len(filters)} ({names}), as doc_id {single_line(other[0])[:40]} with {asked[other[0]]} (a file cut off, "
            "or of two runs?)"
        )
    means = {metric: [column_mean(column) for column in columns] for metric, columns in found.items()}

    def fits(order: Sequence[str]) -> bool:
        pairs = (
            (means[metric][place], scores[metric, name])
            for place, name in enumerate(order)
            for metric in metrics
            if (metric, name) in scores
        )
        return all(mean is None or abs(mean - value) <= SAME_SCORE * max(1.0, abs(value)) for mean, value in pairs)

    if ordered and fits(filters):
        return filters
    fitting = (
        [order for order in itertools.permutations(filters) if fits(order)] if len(filters) <= MOST_FILTERS else []
    )
    if len(fitting) == 1 and scores:
        return fitting[0]
    if fitting:
        why = f"the filters {names} cannot be told apart: the results file has no list of them, and the same scores"
    else:
        metric = next((metric for metric in metrics if None not in means[metric]), None)
        said = "; ".join(
            f"{metric} of {single_line(name)} is {scores[metric, name]:.6g}"
            for name in filters
            if (metric, name) in scores
        )
        made = ", ".join(f"{mean:.6g}" for mean in means[metric]) if metric else "nothing that can be checked"
        why = f"no order of its filters makes the results file's scores ({said}; the rows make {made})"
    raise ValueError(
        f'its rows name no filter, and {why}: write "filter" into each row, or run it again with lm-eval 0.4.7 or later'
    )


def column_mean(values: Sequence[float]) -> float | None:
    """Their mean; None when there is none, or one of them is no number."""
    mean = math.fsum(values) / len(values) if values else math.nan
    return None if math.isnan(mean) else mean
