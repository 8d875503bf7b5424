"""Every Eval Ever 0.2: records of an older version of the schema that this project writes.

What it takes: a record of 0.2.0 to 0.2.3 with its samples file, where that is here. What it gives: a MigratedRecord of
0.3.0 with all that the old one says. Only what 0.3.0 asks for and 0.2 did not is added: "unknown" where nothing is
said, a unit where the bounds are those of a proportion, an id for each result, and `messages` for `interactions`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from parts.formats.files import json_lines
from parts.formats.here import Here
from parts.formats.values import SAME_SCORE, finite, first, moment_of, named, part, rows_of
from parts.formats.vocabulary import Files, MigratedRecord, Origin, Trouble
from parts.frame import ScriptError, single_line
from parts.private import scrub
from parts.records.datastore import EEE_SCHEMAS, score_problems
from parts.records.files import refuse_claims
from parts.records.schema import SCHEMA_VERSION, strings

EEE_MIGRATED = {"0.2.0", "0.2.1", "0.2.2", "0.2.3"}
EEE_RECORD_KEYS = (
    *("evaluation_id", "evaluation_timestamp", "retrieved_timestamp", "source_metadata", "model_info", "eval_library"),
    "evaluation_results",
)
EEE_LINE_KEYS = (
    *("model_id", "evaluation_name", "evaluation_result_id", "sample_id", "sample_hash", "interaction_type", "input"),
    *("output", "messages", "answer_attribution", "evaluation", "token_usage", "performance", "error", "metadata"),
)


def is_every_eval_ever(document: Mapping[str, Any], _path: Path) -> bool:
    """Whether a JSON document is a record of Every Eval Ever, of any version."""
    known = isinstance(document.get("schema_version"), str) and isinstance(document.get("model_info"), dict)
    return known and isinstance(document.get("evaluation_results"), list)


def read_every_eval_ever(
    origin: Origin, document: dict[str, Any], here: Here, files: Files
) -> Iterator[MigratedRecord | Trouble]:
    """The record of a file in the newest version."""
    version = document["schema_version"]
    samples = eee_samples_file(origin.path, document)
    files.used |= {samples.resolve()} if samples else set()
    if version == SCHEMA_VERSION:
        yield Trouble(str(origin.path), f"a record of Every Eval Ever {version} already")
        return
    if version not in EEE_MIGRATED:
        reason = f"Every Eval Ever {single_line(version)}: records of 0.2 are migrated"
        yield Trouble(str(origin.path), reason, failed=True)
        return
    record = {name: document[name] for name in EEE_RECORD_KEYS if document.get(name) is not None}
    if not isinstance(record.get("evaluation_id"), str):
        raise ValueError("a record without an evaluation_id")
    record = json.loads(scrub(json.dumps(record)))
    info = part(record, "model_info")
    model = here.model(named(info.get("id")), moment_of(document.get("evaluation_timestamp")))
    record |= {
        "schema_version": SCHEMA_VERSION,
        "retrieved_timestamp": str(document.get("retrieved_timestamp") or "0"),
        "source_metadata": eee_source(part(record, "source_metadata"), origin, version),
        "model_info": eee_model(info, model.id),
        "eval_library": {"name": "unknown", "version": "unknown", **part(record, "eval_library")},
        "evaluation_results": eee_results(record.get("evaluation_results")),
    }
    try:
        refuse_claims(origin.path, record)
    except ScriptError as error:
        raise ValueError(single_line(error).removeprefix(f"{origin.path}: ")) from error
    titles = dict.fromkeys(single_line(row.get("evaluation_name")) for row in record["evaluation_results"])
    folders = origin.path.resolve().parts[-5:-1]  # data/<collection>/<developer>/<model>
    collection = folders[1] if len(folders) == 4 and folders[0] == "data" else None
    title = first(collection, str(record.get("evaluation_id", "")).split("/")[0] or None, next(iter(titles), "unnamed"))
    ids: dict[str, list[str]] = {}
    for row in record["evaluation_results"]:
        ids.setdefault(row["evaluation_name"], []).append(row["evaluation_result_id"])
    yield MigratedRecord(
        origin=origin,
        title=title,
        model=model,
        record=record,
        lines=(lambda: eee_lines(samples, record, ids)) if samples else None,
        sample_file=samples,
    )


def eee_samples_file(path: Path, document: Mapping[str, Any]) -> Path | None:
    """The samples of a record: named in it, or beside it."""
    said = part(document, "detailed_evaluation_results").get("file_path")
    names = [Path(said).name] if isinstance(said, str) else []
    for name in (*names, f"{path.stem}_samples.jsonl", f"{path.stem}.jsonl"):
        if name.endswith(".jsonl") and (path.parent / name).is_file():
            return path.parent / name
    return None


def eee_source(source: dict[str, Any], origin: Origin, version: str) -> dict[str, Any]:
    """Where the record came from, and what it was made of here."""
    ours = {"converter": "convert_results.py", "file": single_line(origin.path.name), "sha256": origin.sha256}
    ours |= {"format": f"every_eval_ever {version}", "beside_sha256": None}
    details = {**part(source, "additional_details"), **ours}
    needed = {"source_type": "documentation", "source_organization_name": "unknown", "evaluator_relationship": "other"}
    return {**needed, **source, "additional_details": strings(details)}


def eee_model(info: dict[str, Any], model_id: str) -> dict[str, Any]:
    """Who was measured, with what 0.3 asks for."""
    given = {name: eee_text(value) for name, value in part(info, "additional_details").items()}
    details = {"deployment_type": "unknown", "model_availability": "unknown", **given}
    details |= {"weights_bound_by": "the file itself"} if given.get("weights_sha256") else {}
    kept = {name: value for name, value in info.items() if value not in (None, "unknown")}
    return {**kept, "name": info.get("name") or model_id, "id": model_id, "additional_details": strings(details)}


def eee_text(value: Any) -> Any:
    """A detail as text: what is no text is JSON."""
    return value if isinstance(value, str) or value is None else json.dumps(value, ensure_ascii=False)


def eee_results(rows: Any) -> list[dict[str, Any]]:
    """The results with an id, a unit and a metric each."""
    found: list[dict[str, Any]] = []
    for row in rows_of(rows):
        metric, score = dict(part(row, "metric_config")), dict(part(row, "score_details"))
        value = finite(score.get("score"))
        if value is None or not isinstance(metric.get("lower_is_better"), bool):
            raise ValueError("a result without a finite score or a direction")
        name = str(row.get("evaluation_name") or "unnamed")
        metric_name = str(first(metric.get("metric_name"), metric.get("metric_id"), "score"))
        if "metric_unit" not in metric:
            bounds = finite(metric.get("min_score")), finite(metric.get("max_score"))
            metric["metric_unit"] = "proportion" if bounds == (0.0, 1.0) else "unknown"
        if metric.get("score_type") == "continuous" and not {"min_score", "max_score"} <= set(metric):
            del metric["score_type"]  # 0.3 asks for both bounds of one
        details = {key: eee_text(value) for key, value in part(metric, "additional_details").items()}
        metric["additional_details"] = strings({"aggregation": "unknown", **details})
        score["details"] = strings({key: eee_text(value) for key, value in part(score, "details").items()})
        used = {other["evaluation_result_id"] for other in found}
        own = str(row.get("evaluation_result_id") or f"{name}/{metric_name}")
        while own in used:
            own = f"{own}#"
        found.append({**row, "evaluation_result_id": own, "metric_config": metric, "score_details": score})
    return found


def eee_lines(path: Path, record: Mapping[str, Any], ids: Mapping[str, list[str]]) -> Iterator[dict[str, Any]]:
    """The lines of a samples file; a line belongs to a result by its id, else by a name that only one has."""
    for line in json_lines(path):
        row = {name: line[name] for name in EEE_LINE_KEYS if line.get(name) is not None}
        if "interactions" in line:
            row["messages"] = line["interactions"]
        known = ids.get(str(line.get("evaluation_name")), [])
        row |= {"schema_version": SCHEMA_VERSION, "evaluation_id": record["evaluation_id"]}
        row |= {"model_id": record["model_info"]["id"]}
        if "evaluation_result_id" not in row and len(known) == 1:
            row["evaluation_result_id"] = known[0]
        row["answer_attribution"] = [
            {**given, "source": str(given.get("source")).replace("interactions[", "messages[")}
            for given in rows_of(line.get("answer_attribution"))
        ]
        if isinstance(row.get("metadata"), dict):
            row["metadata"] = strings({name: eee_text(value) for name, value in row["metadata"].items()})
        yield row


class EeeChecks:
    """The schema of 0.3.0 for a record and for the lines of its samples; ValueError for what does not follow it."""

    def __init__(self) -> None:
        from jsonschema import Draft7Validator

        self.validators = {kind: Draft7Validator(schema) for kind, schema in EEE_SCHEMAS.items()}

    def check(self, kind: str, value: Mapping[str, Any]) -> None:
        """`kind` is record or sample."""
        for error in self.validators[kind].iter_errors(value):
            place = ".".join(map(str, error.absolute_path)) or f"the {kind}"
            raise ValueError(f"no {kind} of Every Eval Ever: {place}: {single_line(error.message)[:120]}")
        for result in rows_of(value.get("evaluation_results")):
            for problem in score_problems("its result", result):
                raise ValueError(f"no record of Every Eval Ever: {single_line(problem)[:160]}")


def eee_settle(record: dict[str, Any], means: Mapping[str, float]) -> None:
    """Say in a migrated record which scores are the mean of their samples."""
    for row in record["evaluation_results"]:
        mean, details = means.get(row["evaluation_result_id"]), row["metric_config"]["additional_details"]
        value = row["score_details"]["score"]
        if details["aggregation"] == "unknown" and mean is not None:
            same = abs(mean - value) <= SAME_SCORE * max(1.0, abs(value))
            details["aggregation"] = "mean" if same else "unknown"
