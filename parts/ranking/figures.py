"""Figures of a ranking."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parts.frame import whole_file
from parts.outputs import refuse_no_picture
from parts.plots import own_style
from parts.ranking.scores import category_order
from parts.ranking.vocabulary import Ranked, Ranking
from parts.training_runs import run_folders
from parts.vocabulary import MetricMapping


def write_figures(ranking: Ranking, vocabulary: MetricMapping, folder: Path) -> list[str]:
    """score_by_step, benchmarks_by_step and score_distribution as PNG and SVG, all or none; the names written."""
    shown = [r for r in ranking.ranked if r.checkpoint.step is not None] or list(ranking.ranked)
    by_step = shown[0].checkpoint.step is not None
    x = [r.checkpoint.step if by_step else r.checkpoint.epoch for r in shown]
    label = "training step" if by_step else "epoch"
    title = "step-formula: synthetic, nothing was measured" if ranking.synthetic else "measured"
    names = []
    with own_style(), contextlib.ExitStack() as files:
        drawn = {
            "score_by_step": draw_scores(ranking, shown, x, label, title),
            "benchmarks_by_step": draw_heat_map(shown, x, label, title, vocabulary),
        }
        if any(
            sum(score.averages for score in r.scores.values()) > 1 for r in shown
        ):  # of one benchmark there is no spread
            drawn["score_distribution"] = draw_distribution(shown, x, label, title)
        for name, figure in drawn.items():
            for suffix, metadata in ((".png", {"Software": None}), (".svg", {"Date": None})):
                names.append(f"{name}{suffix}")
                refuse_no_picture(folder / names[-1])
                file = files.enter_context(whole_file(folder / names[-1]))
                figure.savefig(file, format=suffix[1:], dpi=150, metadata=metadata, bbox_inches="tight")
    return names


def draw_scores(ranking: Ranking, shown: Sequence[Ranked], x: Sequence[int], label: str, title: str) -> Any:
    """eval_accuracy against step with 95 % intervals, the best one and those tied with it marked."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5))
    axes = figure.subplots()
    y = [r.eval_accuracy for r in shown]
    bars = error_bars(shown)
    runs = run_folders(r.checkpoint for r in shown)
    axes.errorbar(x, y, yerr=bars, fmt="o" if len(runs) > 1 else "o-", capsize=3, color="#3b6ea8")
    for run, members in runs.items() if len(runs) > 1 else ():
        own = [i for i, r in enumerate(shown) if r.checkpoint in members]
        axes.plot([x[i] for i in own], [y[i] for i in own], label=run.name, zorder=1)
    if ranking.smooth > 1:
        smoothed = [math.nan if r.smoothed is None else r.smoothed for r in shown]
        axes.plot(x, smoothed, "--", color="#e08e45", label=f"mean over the last {ranking.smooth}")
    if ranking.best in shown and not ranking.undecided:
        at, name = shown.index(ranking.best), ranking.best.checkpoint.name
        axes.plot(x[at], y[at], "*", zorder=4, markersize=16, color="#d1495b", label=f"best: {name}")
    tied = [i for i, r in enumerate(shown) if r in ranking.tied]
    if tied:
        why = "cannot be told from it" if ranking.statistics else "same score"
        places, heights = [x[i] for i in tied], [y[i] for i in tied]
        axes.plot(places, heights, "o", zorder=3, markersize=9, color="#e9a8ae", label=why)
    axes.legend()
    what = ", bars: 95 % intervals" if bars else ""
    axes.set(xlabel=label, ylabel=f"{ranking.metric}, {ranking.overall}", title=f"Score by {label} ({title}{what})")
    axes.grid(alpha=0.3)
    return figure


def error_bars(shown: Sequence[Ranked]) -> list[list[float]] | None:
    """How far the 95 % intervals reach below and above the scores; None where there are none."""
    if not all(r.interval for r in shown):
        return None
    low = [max(0.0, r.eval_accuracy - r.interval.low) for r in shown]
    return [low, [max(0.0, r.interval.high - r.eval_accuracy) for r in shown]]


def draw_distribution(shown: Sequence[Ranked], x: Sequence[int], label: str, title: str) -> Any:
    """The spread of the benchmarks' scores of each checkpoint: box, median, every score as a point."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(min(24, max(6, 0.5 * len(x) + 2)), 4.5))
    axes = figure.subplots()
    scores = [[s.value for s in r.scores.values() if s.averages] or [math.nan] for r in shown]
    places = list(range(len(x)))
    axes.boxplot(scores, positions=places, widths=0.6, showfliers=False, medianprops={"color": "#d1495b"})
    for place, values in zip(places, scores, strict=True):
        axes.plot([place] * len(values), values, ".", color="#3b6ea8", alpha=0.5)
    every = max(1, len(x) // 25)
    axes.set_xticks(places[::every], [str(step) for step in x[::every]], rotation=45)
    axes.set(xlabel=label, ylabel="score of a benchmark", title=f"Scores of the benchmarks by {label} ({title})")
    axes.grid(alpha=0.3, axis="y")
    return figure


def draw_heat_map(shown: Sequence[Ranked], x: Sequence[int], label: str, title: str, vocabulary: MetricMapping) -> Any:
    """Benchmark × step, for all that are proportions (or, without any, for all); a missing score stays white."""
    from matplotlib.figure import Figure

    scores = {key: score for r in shown for key, score in r.scores.items()}
    keys = [key for key, score in scores.items() if score.unit == "proportion"] or list(scores)
    keys.sort(key=lambda key: (category_order(vocabulary.category(key) or key), vocabulary.category(key) != key, key))
    top = 1 if scores[keys[0]].unit == "proportion" else None
    figure = Figure(figsize=(min(24, max(6, 0.62 * len(x) + 3)), min(40, max(2.5, 0.4 * len(keys) + 1.2))))
    axes = figure.subplots()
    values = [[score.value if (score := r.score(key)) else math.nan for r in shown] for key in keys]
    image = axes.imshow(values, aspect="auto", cmap="viridis", vmin=0 if top else None, vmax=top)
    names = [
        vocabulary.measured_title(k, scores[k].metric) + (" (lower is better)" if scores[k].lower_is_better else "")
        for k in keys
    ]
    axes.set_yticks(range(len(keys)), names)
    every = max(1, len(x) // 25)
    axes.set_xticks(range(0, len(x), every), [str(step) for step in x[::every]], rotation=45)
    if len(x) <= 15:
        for i, row in enumerate(values):
            for j, value in enumerate(row):
                if not math.isnan(value):
                    shade = "black" if value > (0.6 if top else image.norm.vmax / 2) else "white"
                    axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color=shade)
    axes.set(xlabel=label, title=f"Score by benchmark ({title})")
    figure.colorbar(image, ax=axes)
    return figure
