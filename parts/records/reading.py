"""A record as every reader sees it: its results, their items, and whether they may be used.

Takes a record (parsed JSON) and its file; gives a ReadResult for each result. ScriptError when either is damaged.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parts.frame import MANY
from parts.records.attempts import Attempts, attempts_of
from parts.records.items import ItemFacts, Lines, facts_of_items, lines_of_run, read_sample_lines
from parts.records.run import Run, record_runs
from parts.records.validity import record_reasons, validity_of
from parts.vocabulary import MEANS_OF_ALL, MetricMapping, bare_task, normalize_name


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A result (`row`: as the record has it), judged by the gate, with the lines about it and what these say."""

    run: Run
    row: Mapping[str, Any]
    lines: Lines
    facts: ItemFacts | None

    @property
    def attempts(self) -> Attempts:
        """What became of its attempts, by the record and its items."""
        facts = self.facts
        return attempts_of(self.run.counts, self.run.n, facts.unscored if facts else 0, facts.rows if facts else 0)


def read_results(
    path: Path, record: Mapping[str, Any], vocabulary: MetricMapping, most: float = MANY, whole: bool = False
) -> list[ReadResult]:
    """The results of a record with their items; `most` as for the gate. whole: with all that their lines say.

    A harness's mean of whatever was run ("all", "average") is nobody's benchmark and left out.
    """
    runs = record_runs(path, record, vocabulary)
    found = read_sample_lines(path, record, whole or any(run.cluster_field for run in runs))
    readings = []
    for run, row in zip(runs, record["evaluation_results"], strict=True):
        if normalize_name(bare_task(run.name)) in MEANS_OF_ALL:
            continue
        lines = lines_of_run(run, found)
        facts = facts_of_items(run, lines)
        validity = validity_of(run, facts, found is not None, most)
        chance = facts.chance if run.chance is None and facts is not None else run.chance
        length = facts.length if facts is not None else None
        readings.append(ReadResult(replace(run, validity=validity, chance=chance, length=length), row, lines, facts))
    return readings


def contradictions(path: Path, record: Mapping[str, Any], vocabulary: MetricMapping) -> list[str]:
    """Why a record that a script of this project wrote is not what was measured; nothing where it holds.

    It was cut, altered, or never whole: such a script leaves a checksum of the samples.
    ScriptError when it, or its samples, cannot be read at all.
    """
    runs, found = record_runs(path, record, vocabulary), read_sample_lines(path, record)
    kept = record.get("detailed_evaluation_results")
    if found is None or not isinstance(kept, Mapping) or not kept.get("checksum") or "total_rows" not in kept:
        return ["its samples file is missing" if found is None else "it has no checksum of its samples"]
    if not runs:
        return ["no evaluation_results"]
    reasons = [] if any(found.values()) else ["its samples file is empty"]
    for run in runs:
        facts = facts_of_items(run, lines_of_run(run, found))
        reasons += record_reasons(run, facts, True)
        if facts is None or normalize_name(bare_task(run.name)) in MEANS_OF_ALL:
            continue  # a harness's own number, or one of a group of items, has no lines of its own
        if facts.unscored == facts.rows and not run.corpus_level:  # of some corpus metrics no single item has a value
            reasons.append(f"no answer of {run.result_id} has a score")
        elif facts.factor is None and not run.aggregation:
            reasons.append(f"its score {run.score:g} is not the mean of its items, {facts.mean:.6g}")
    return reasons
