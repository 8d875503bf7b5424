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
from parts.records.items import ItemFacts, Rows, facts_of_items, read_sample_lines, rows_of_run
from parts.records.run import Run, record_runs
from parts.records.validity import validity_of
from parts.vocabulary import MEANS_OF_ALL, MetricMapping, bare_task, normalize_name


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A result (`row`: as the record has it), judged by the gate, with the lines about it and what these say."""

    run: Run
    row: Mapping[str, Any]
    rows: Rows
    facts: ItemFacts | None

    @property
    def attempts(self) -> Attempts:
        """What became of its attempts, by the record and its items."""
        facts = self.facts
        return attempts_of(self.run.counts, self.run.n, facts.unscored if facts else 0, facts.rows if facts else 0)


def read_results(
    path: Path, record: Mapping[str, Any], vocabulary: MetricMapping, most: float = MANY
) -> list[ReadResult]:
    """The results of a record with their items; `most` as for the gate.

    A harness's mean of whatever was run ("all", "average") is nobody's benchmark and left out.
    """
    runs, found = record_runs(path, record, vocabulary), read_sample_lines(path, record)
    readings = []
    for run, row in zip(runs, record["evaluation_results"], strict=True):
        if normalize_name(bare_task(run.name)) in MEANS_OF_ALL:
            continue
        rows = rows_of_run(run, found)
        facts = facts_of_items(run, rows)
        validity = validity_of(run, facts, found is not None, most)
        readings.append(ReadResult(replace(run, validity=validity), row, rows, facts))
    return readings
