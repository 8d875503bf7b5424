"""Figures of scored predictions: reliability, ratings by system with their histogram, votes and ranks.

Takes a measurement and a title; gives the bytes of a PNG or SVG file, the same ones for the same predictions.
"""

from __future__ import annotations

import io
import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from parts.metrics.forecasts import NORMS
from parts.metrics.measure import scored_count
from parts.metrics.vocabulary import Item, Measurement
from parts.plots import own_style

MOST_BARS, MOST_MODELS = 40, 40
LIGHT, DARK = "#9ecae1", "#08519c"


def draw_diagram(measurement: Measurement, title: str, items: Sequence[Item] = ()) -> Any:
    """A reliability diagram: what was right against what was stated, with intervals, above how many items say so."""
    from matplotlib.figure import Figure

    rows = measurement.scores.breakdown
    figure = Figure(figsize=(6, 6.5), layout="constrained")
    top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    left, width = [row["from"] for row in rows], [row["to"] - row["from"] for row in rows]
    top.bar(left, [row["right"] for row in rows], width, align="edge", color="#9ecae1", edgecolor="#3182bd")
    middle, right = [row["confidence"] for row in rows], [row["right"] for row in rows]
    errors = [
        [max(0.0, row["right"] - row["low"]) for row in rows],
        [max(0.0, row["high"] - row["right"]) for row in rows],
    ]
    top.errorbar(middle, right, errors, fmt="o", color="#08519c", capsize=3, label="right, 95 % interval (Wilson)")
    top.plot([0, 1], [0, 1], "--", color="#636363", label="perfectly calibrated")
    scores = measurement.scores
    found = f"{measurement.metric.name} {scores.value:.4f}, n = {scored_count(scores)}"
    top.set(ylabel="share that was right", xlim=(0, 1), ylim=(0, 1), title=f"{title}\n{found}")
    figure.legend(loc="outside lower center", ncols=2)
    bottom.bar(left, [row["items"] for row in rows], width, align="edge", color="#bdbdbd", edgecolor="#636363")
    bottom.set(xlabel="stated probability", ylabel="items")
    return figure


def draw_ratings(measurement: Measurement, title: str, items: Sequence[Item] = ()) -> Any:
    """The mean rating of each system with its interval, and how often each rating was given."""
    from matplotlib.figure import Figure

    scores = measurement.scores
    own = {"name": "all", "score": scores.value, "low": scores.spread.low, "high": scores.spread.high}
    rows = sorted(scores.breakdown or [own], key=lambda row: row["score"])[-MOST_MODELS:]
    figure = Figure(figsize=(9, max(3.5, 0.35 * len(rows) + 2)), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    draw_intervals(left, rows, f"{measurement.metric.name}, 95 % intervals")
    counts = Counter(float(item.value.value) for item in scores.items if item.value is not None)
    values = sorted(counts)
    if len(values) > MOST_BARS:
        right.hist(list(counts.elements()), MOST_BARS // 2, color=LIGHT, edgecolor=DARK)
    else:
        width = min((b - a for a, b in itertools.pairwise(values)), default=1.0)
        right.bar(values, [counts[value] for value in values], 0.8 * width, color=LIGHT, edgecolor=DARK)
    right.set(xlabel="rating of the scored system", ylabel="how often")
    figure.suptitle(f"{title}\nn = {scored_count(scores)} ratings")
    return figure


def draw_intervals(axes: Any, rows: Sequence[Any], label: str) -> None:
    """A line for each system or model: its score and its interval, where it has one."""
    places = range(len(rows))
    for place, row in zip(places, rows, strict=True):
        if row["low"] is not None:
            axes.plot([row["low"], row["high"]], [place, place], color=DARK, linewidth=2)
    axes.plot([row["score"] for row in rows], list(places), "o", color=DARK)
    axes.set_yticks(list(places), [str(row["name"]) for row in rows])
    axes.set(xlabel=label)
    axes.grid(alpha=0.3, axis="x")


def draw_votes(measurement: Measurement, title: str, items: Sequence[Item]) -> Any:
    """How often the model of a row won against that of a column; the ratings with their intervals where there are."""
    import numpy as np
    from matplotlib.figure import Figure

    scores = measurement.scores
    won = shares_won(items)
    names = [row["name"] for row in scores.breakdown] or sorted({name for pair in won for name in pair})
    names = names[:MOST_MODELS]
    table = np.array([[won.get((a, b), (np.nan, 0))[0] for b in names] for a in names], float)
    figure = Figure(figsize=(6 + 5 * bool(scores.breakdown), max(4, 0.4 * len(names) + 2)), layout="constrained")
    left = figure.subplots(1, 2)[0] if scores.breakdown else figure.subplots()
    image = left.imshow(table, cmap="RdBu", vmin=0, vmax=1)
    left.set_xticks(range(len(names)), names, rotation=45, ha="right")
    left.set_yticks(range(len(names)), names)
    for i, a in enumerate(names):
        for j, b in enumerate(names):
            if (a, b) in won and len(names) <= 15:
                share, count = won[a, b]
                left.text(j, i, f"{share:.2f}\n{count}", ha="center", va="center", fontsize=7)
    left.set(title="share of votes won by the row (number)")
    figure.colorbar(image, ax=left)
    if scores.breakdown:
        rows = [row for row in reversed(scores.breakdown) if row["name"] in names]
        draw_intervals(figure.axes[1], rows, f"{measurement.metric.name} ({measurement.metric.unit}), 95 % intervals")
    figure.suptitle(title)
    return figure


def shares_won(items: Sequence[Item]) -> dict[tuple[str, str], tuple[float, int]]:
    """(share of the votes that the first won against the second, how many) of each pair of models, both ways round."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for vote in (item.value for item in items if item.value is not None):
        found[vote.a, vote.b].append(vote.share)
        found[vote.b, vote.a].append(1 - vote.share)
    return {pair: (sum(own) / len(own), len(own)) for pair, own in found.items()}


def figure_of(measurement: Measurement) -> Callable[..., Any] | None:
    """What draws a measurement (with its title, and all items of its family); None for one that has no figure."""
    if measurement.metric.name in NORMS:
        return draw_diagram
    if measurement.metric.name in ("mos", "mushra"):
        return draw_ratings
    return draw_votes if measurement.metric.family == "votes" else None


def figure_bytes(measurement: Measurement, title: str, suffix: str, items: Sequence[Item]) -> bytes:
    """The figure as PNG or SVG; the same predictions give the same bytes."""
    metadata = {"Software": None} if suffix == ".png" else {"Date": None}
    buffer = io.BytesIO()
    with own_style():
        figure_of(measurement)(measurement, title, items).savefig(buffer, format=suffix[1:], dpi=150, metadata=metadata)
    return buffer.getvalue()
