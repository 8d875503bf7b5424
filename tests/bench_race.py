#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "huggingface_hub>=2.2,<3",
#     "markdown-it-py>=4,<5",
#     "matplotlib>=3.10,<4",
#     "numpy>=2,<3",
#     "orjson>=3.10,<4",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "scipy>=1.15,<2",
#     "threadpoolctl>=3.5,<4",
# ]
# ///
"""Race checkpoints many times over, on the example run and on simulated ones, and print how often the choice holds.

  uv run tests/bench_race.py
  uv run tests/bench_race.py --runs 50 --budget 0.2

Every run draws the items in another random order, follows the rounds of `benchmark_calculator.py --plan-next`, counts
each sample that is sent (repeated ones too, and one item of each task to begin with), and compares the choice with the
full run's tied set (model confidence set, 95 %), and with a narrower one: those that the full run has not significantly
behind its best one, each compared with it alone (paired, one-sided, 5 %). "behind" is what the choice lacks of the best
full score on average. Simulated runs: items of random difficulty, abilities along a training
curve with an own deviation for each checkpoint and task, answers alike between neighbours. The table goes to stdout.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT / "scripts"))

import benchmark_calculator as bc  # noqa: E402

HEADER = (
    "data (checkpoints x items)",
    "choice in the tied set",
    "not significantly behind",
    "behind",
    "samples",
    "most",
    "stated error",
    "size of the tied set",
    "out by evidence",
    "ended by",
)


@dataclass(frozen=True)
class Outcome:
    """One race: the choice, the share of all samples that was sent, and what the race said."""

    choice: int
    share: float
    state: Any


def race_to_end(scores: Sequence[Any], budget: float = 0.3, alpha: float = 0.05) -> Outcome:
    """Race over complete (checkpoints, items) scores of each task, in the order of draw, hidden until asked."""
    import numpy as np

    count, sizes = len(scores[0]), [rows.shape[1] for rows in scores]
    rounds = bc.race_rounds(count, sizes, budget)
    asked, sent = [0] * count, len(sizes)
    while True:
        tasks = []
        for k, rows in enumerate(scores):
            shown = np.where(np.arange(sizes[k]) < np.array(asked)[:, None], rows, np.nan)
            seen = shown[:, : max(asked)] if max(asked) < sizes[k] else shown
            tasks.append(bc.RaceTask(str(k), 1 / len(sizes), sizes[k], seen, tuple(min(a, sizes[k]) for a in asked)))
        state = bc.race(tasks, rounds, alpha)
        if not state.waiting:
            return Outcome(state.leader, sent / (count * sum(sizes)), state)
        for i in state.waiting:
            asked[i] = rounds[state.number - 1].limit
            sent += sum(min(asked[i], size) for size in sizes)


def example_scores() -> list[Any]:
    """Scores of the ten checkpoints of the example run on the 100 items of each of its 15 tasks."""
    import numpy as np

    found: dict[str, dict[int, list[float]]] = {}
    for path in sorted((ROOT / "examples" / "tiny_run" / "results").glob("data/*/*/*/*_samples.jsonl")):
        rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        step = int(path.parent.name.removeprefix("step_"))
        found.setdefault(path.parents[2].name, {})[step] = [row["evaluation"]["score"] for row in rows]
    return [np.array([own[step] for step in sorted(own)]) for own in found.values()]


CURVES: dict[str, Callable[[Any], Any]] = {
    "still rising": lambda x: 2 * x**0.5,
    "plateau": lambda x: 2 * (x / 0.4).clip(max=1) ** 0.5,
    "peak, then decline": lambda x: 2 * (x / 0.6).clip(max=1) - 1.5 * (x - 0.7).clip(min=0),
    "no difference": lambda x: 0 * x,
}


def simulated_scores(generator: Any, curve: str, count: int, sizes: Sequence[int]) -> list[Any]:
    """Scores of a simulated run: `count` checkpoints, tasks of these sizes."""
    import numpy as np

    curved = CURVES[curve](np.linspace(0.1, 1, count))
    if curve != "no difference":
        curved = curved + generator.normal(0, 0.08, count)
    scores = []
    for size in sizes:
        own = 0.0 if curve == "no difference" else generator.normal(0, 0.15, count)
        ability = curved + own + generator.normal(0.3, 1)
        luck = generator.normal(0, 1, (count, size))
        for i in range(1, count):
            luck[i] = 0.85 * luck[i - 1] + (1 - 0.85**2) ** 0.5 * luck[i]
        scores.append((ability[:, None] + 1.2 * luck > generator.normal(0, 1.5, size)).astype(float))
    return scores


def lone_leader(generator: Any, count: int, sizes: Sequence[int]) -> list[Any]:
    """Scores of `count` checkpoints: one is ahead of all others, which are equal, by about 3.5 standard errors."""
    from math import sqrt

    items = sum(sizes)
    gain = 3.5 * sqrt(2 * 0.15 * 0.5 / items)  # two checkpoints differ on about 15 % of the items
    best = generator.integers(count)
    scores = []
    for size in sizes:
        level = generator.uniform(0, 1, size).round()  # what all know, and what none knows
        flips = generator.random((count, size)) < 0.08
        rows = abs(level - flips)
        gained = generator.random(size) < 2 * gain
        rows[best] = rows[best].clip(min=gained)
        scores.append(rows)
    return scores


def tied_set(scores: Sequence[Any]) -> list[bool]:
    """Whether each checkpoint is in the full run's tied set, as the ranking has it (1,000 bootstrap draws)."""
    import numpy as np

    draws = sum(
        bc.bootstrap_means(bc.ItemScores((), np.arange(rows.shape[1]), rows), 1000, (0, k))
        for k, rows in enumerate(scores)
    )
    means = np.mean([rows.mean(1) for rows in scores], axis=0)
    return list(bc.confidence_set(means, draws / len(scores)) >= 1 - bc.CONFIDENCE)


def not_behind(scores: Sequence[Any]) -> list[bool]:
    """Whether the full run has each checkpoint not significantly behind its best one (paired z, one-sided, 5 %)."""
    import numpy as np

    means = np.mean([rows.mean(1) for rows in scores], axis=0)
    best = means.argmax()
    variances = [(rows[best] - rows).var(axis=1, ddof=1) / rows.shape[1] for rows in scores]
    return list(means[best] - means <= 1.6449 * np.sqrt(np.sum(variances, axis=0)) / len(scores) + 1e-12)


def races(
    make: Callable[[Any], list[Any]], runs: int, budget: float, seed: int = 0
) -> Iterator[tuple[Outcome, list[Any]]]:
    """Outcomes of some races, each on newly made scores in a new order, with those scores."""
    import numpy as np

    for number in range(runs):
        generator = np.random.default_rng((seed, number))
        scores = make(generator)
        shuffled = [rows[:, generator.permutation(rows.shape[1])] for rows in scores]
        yield race_to_end(shuffled, budget), scores


def summary(make: Callable[[Any], list[Any]], runs: int, budget: float) -> list[str]:
    """A table row; see HEADER."""
    import numpy as np

    inside, close, behind, size, states, shares = 0, 0, 0.0, 0, [], []
    for outcome, scores in races(make, runs, budget):
        tied, means = tied_set(scores), np.mean([rows.mean(1) for rows in scores], axis=0)
        inside += tied[outcome.choice]
        close += not_behind(scores)[outcome.choice]
        behind += float(means.max() - means[outcome.choice])
        size += sum(tied)
        states.append(outcome.state)
        shares.append(outcome.share)
    ends = [state.decided_by for state in states]
    return [
        f"{inside / runs:.1%}",
        f"{close / runs:.1%}",
        f"{behind / runs:.4f}",
        f"{sum(shares) / runs:.1%}",
        f"{max(shares):.1%}",
        f"{sum(state.error for state in states) / runs:.1%}",
        f"{size / runs:.1f}",
        f"{sum(e.by == 'evidence' for state in states for e in state.exits.values()) / runs:.1f}",
        ", ".join(f"{name} {ends.count(name) / runs:.0%}" for name in sorted(set(ends))),
    ]


def data_sets() -> dict[str, Callable[[Any], list[Any]]]:
    """Name -> maker of scores."""
    example = example_scores()
    sets: dict[str, Callable[[Any], list[Any]]] = {"the example run (10 x 15 tasks x 100)": lambda generator: example}
    shapes = [
        ("still rising", 10, (100,) * 15),
        ("plateau", 10, (100,) * 15),
        ("peak, then decline", 10, (100,) * 15),
        ("peak, then decline", 5, (100,) * 15),
        ("plateau", 20, (200,) * 10),
        ("peak, then decline", 40, (100,) * 15),
        ("peak, then decline", 8, (30, 164, 198, 500, 1319)),
        ("no difference", 10, (100,) * 15),
    ]
    for curve, count, sizes in shapes:
        size = f"{len(sizes)} tasks x {sizes[0]}" if len(set(sizes)) == 1 else "tasks of " + ", ".join(map(str, sizes))
        sets[f"{curve} ({count} x {size})"] = lambda generator, c=curve, n=count, s=sizes: simulated_scores(
            generator, c, n, s
        )
    sets["one ahead of nine equal ones (10 x 15 tasks x 100)"] = lambda generator: lone_leader(
        generator, 10, (100,) * 15
    )
    return sets


def run(args: argparse.Namespace) -> int:
    """Print the table, a row as soon as it is there."""
    print("| " + " | ".join(HEADER) + " |\n|" + " --- |" * len(HEADER))
    for name, make in data_sets().items():
        if args.only not in name:
            continue
        print("| " + " | ".join([name, *summary(make, args.runs, args.budget)]) + " |", flush=True)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=300, metavar="N", help="races for each data set (default: 300)")
    parser.add_argument(
        "--budget", type=float, default=0.3, metavar="SHARE", help="share of the samples (default: 0.3)"
    )
    parser.add_argument("--only", default="", metavar="WORD", help="data sets that have this in their name")
    parser.set_defaults(run=run)
    return parser


if __name__ == "__main__":
    arguments = build_parser().parse_args()
    raise SystemExit(arguments.run(arguments))
