"""Answers that an evaluation kept, scored anew: by a judge, by another metric.

Takes a record with its samples file; gives the answers as lines of predictions, and puts the record's own words of the
model, the items, the prompts and the settings into the record that the new scores make.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, count_in, single_line
from parts.inputs import input_bytes
from parts.metrics.items import READ_FIELDS, check_line, check_problems
from parts.metrics.vocabulary import Line, Subject
from parts.records.files import read_record
from parts.records.items import CLUSTER_FIELDS, read_sample_lines, samples_path
from parts.records.schema import strings

# Of the evaluation that made the answers: what would make it pass for finished, or is said anew.
NOT_KEPT = ("command", "settings_hash", "task_request", "task_group")


@dataclass(frozen=True)
class KeptAnswers:
    """The answers of a record's first result. rows: each item's own line, by its id."""

    record: Mapping[str, Any]
    result: Mapping[str, Any]
    lines: list[Line]
    rows: Mapping[str, Mapping[str, Any]]
    file: Path
    sha256: str

    @property
    def subject(self) -> Subject:
        return Subject(str(self.record["model_info"]["id"]), {})

    @property
    def shots(self) -> int | None:
        return count_in(str(self.details.get("few_shot")))

    @property
    def details(self) -> Mapping[str, Any]:
        return (self.result.get("generation_config") or {}).get("additional_details") or {}

    def told(self, record: dict[str, Any]) -> dict[str, Any]:
        """A record of new scores, with what the evaluation said of the model, the items and how they were asked."""
        old, library = self.record, self.record["eval_library"]
        kept = {k: v for k, v in (library.get("additional_details") or {}).items() if k not in NOT_KEPT}
        more = strings({"answers_by": f"{library['name']} {library['version']}", "source_file": self.file.name})
        details = kept | record["eval_library"]["additional_details"] | more
        asked = self.result.get("generation_config") or {}
        results = [
            row
            | {
                "source_data": self.result["source_data"],
                "generation_config": asked
                | {"additional_details": {**self.details, **row["generation_config"]["additional_details"]}},
            }
            for row in record["evaluation_results"]
        ]
        when = {"evaluation_timestamp": old.get("evaluation_timestamp") or record["evaluation_timestamp"]}
        library = record["eval_library"] | {"additional_details": details}
        return record | when | {
            "model_info": old["model_info"], "eval_library": library, "evaluation_results": results
        }  # fmt: skip

    def told_sample(self, row: dict[str, Any]) -> dict[str, Any]:
        """A line of samples with the item as it was asked: its input, its hashes."""
        old = self.rows[row["sample_id"]]
        asked = {name: old[name] for name in ("sample_hash", "input") if name in old}
        item = {name: text for name, text in (old.get("metadata") or {}).items() if name not in READ_FIELDS}
        return row | asked | {"metadata": {**item, **row["metadata"], **prompt_hash(old)}}


def prompt_hash(row: Mapping[str, Any]) -> dict[str, str]:
    """The hash of the prompt as it was sent."""
    found = (row.get("metadata") or {}).get("prompt_hash")
    return {"prompt_hash": found} if found else {}


def kept_answers(path: Path) -> KeptAnswers | None:
    """The answers that lie beside a record, which is named by its own file or by that; None for any other file.

    ScriptError where they are not there, or damaged.
    """
    file = path.with_name(f"{path.name.removesuffix('_samples.jsonl')}.json")
    file = file if path.name.endswith("_samples.jsonl") and file.is_file() else path
    if file.suffix != ".json" or not file.is_file():
        return None
    record = read_record(file)
    if record is None:
        return None
    if record.get("failure"):
        raise ScriptError("this task failed, so there are no answers")
    found = read_sample_lines(file, record, whole=True)
    result = record["evaluation_results"][0]
    lines = (found or {}).get(single_line(result.get("evaluation_result_id") or ""))
    if not lines:
        raise ScriptError(f"a record without its answers: {samples_path(file).name} is not beside it, or has none")
    rows = [line.row for line in lines]
    digest = hashlib.sha256(input_bytes(samples_path(file))).hexdigest()
    return KeptAnswers(record, result, lines_of(rows), {str(row["sample_id"]): row for row in rows}, file, digest)


def lines_of(rows: list[dict[str, Any]]) -> list[Line]:
    """One line for each answer; several answers to an item are attempts."""
    lines, seen, problems = [], {}, []
    ids = [str(row.get("sample_id")) for row in rows]
    several = len(set(ids)) < len(ids) or any(len(row["output"]["raw"]) > 1 for row in rows)
    told: dict[str, int] = {}
    for number, (id, row) in enumerate(zip(ids, rows, strict=True), 1):
        answers = row["output"]["raw"] or [None]
        for answer in [None] if row.get("error") else answers:
            fields = {"id": id, "prompt": row["input"].get("raw"), "references": row["input"].get("reference") or [""]}
            fields |= {"prediction": answer} | (
                {"choices": row["input"]["choices"]} if row["input"].get("choices") else {}
            )
            told[id] = told.get(id, 0) + 1
            fields |= {"attempt": str(told[id])} if several else {}
            fields |= {"group": cluster} if (cluster := cluster_of(row)) else {}
            try:
                lines.append(check_line(fields, seen, number if not several else len(lines) + 1))
            except ValueError as error:
                problems.append((number, str(error)))
    check_problems(problems)
    if any("group" in line.fields for line in lines):
        for line in lines:
            line.fields.setdefault("group", line.id)
    return lines


def cluster_of(row: Mapping[str, Any]) -> str | None:
    """What an item shares with others, where its line says it."""
    metadata = row.get("metadata") or {}
    return next((str(metadata[name]) for name in CLUSTER_FIELDS if metadata.get(name)), None)
