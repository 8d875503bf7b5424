"""The rules of the Every Eval Ever datastore: where a record lies, and what its validator asks of it and its samples.

Takes records and their samples as they lie on disk; gives the file's place in the datastore and the reasons why the
datastore would refuse it. Rules: https://github.com/evaleval/every_eval_ever (README "Data Validation", schema 0.3.0).
"""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parts.embedded import embedded
from parts.foreign import web_url
from parts.frame import ScriptError, single_line
from parts.inputs import MAX_SAMPLES, input_bytes, read_json
from parts.records.files import refuse_link_away

EEE_SCHEMAS = embedded("records/every_eval_ever.json")
EEE_FILE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?:\.json|_samples\.jsonl)")
BAD_IN_PATH = re.compile(r'[<>:"\\|?*\x00-\x1f]')
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{number}" for name in ("COM", "LPT") for number in range(1, 10))}
DEPLOYMENTS = ("self_deployed", "externally_managed", "unknown")
AVAILABILITIES = ("open_weights", "closed_weights", "unknown")
MAX_PROBLEMS = 20  # of one file
CONTRIBUTED = ".contributed.json"  # beside data/: which record went where


@dataclass(slots=True)
class DatastoreFile:
    """One record as it would lie in the datastore: path -> bytes of the record and of its samples."""

    path: str
    model: str
    results: list[str]
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def datastore_file(path: Path, record: Mapping[str, Any], model: str = "") -> DatastoreFile:
    """A record and its samples as the datastore wants them, checked; `model` files them under another id.

    What nothing has to change in stays as it is, byte for byte.
    """
    samples_path = path.with_name(f"{path.stem}_samples.jsonl")
    data = input_bytes(path)
    if samples_path.is_symlink():
        refuse_link_away(str(samples_path), os.path.realpath(samples_path), path.parent)
    samples = input_bytes(samples_path, MAX_SAMPLES) if samples_path.is_file() else None
    name, collection = path.stem, path.parent.parent.parent.name
    if model and model != record["model_info"].get("id"):
        name = str(uuid.UUID(bytes=hashlib.sha256(f"{name} {model}".encode()).digest()[:16], version=4))
        record, samples = renamed_record(record, samples, model, name, collection)
        data = (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()
    model = str(record["model_info"].get("id") or "")
    place, problem = datastore_folder(collection, record["model_info"])
    made = DatastoreFile(
        f"{place}/{name}.json", model, [str(r.get("evaluation_name")) for r in results_of_record(record)]
    )
    made.problems += [problem] if problem else []
    made.files[made.path] = data
    if samples is not None:
        made.files[f"{place}/{name}_samples.jsonl"] = samples
    made.problems += [] if problem else record_problems(made.path, record, samples)
    return made


def results_of_record(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [result for result in record.get("evaluation_results") or [] if isinstance(result, dict)]


def datastore_folder(collection: str, info: Mapping[str, Any]) -> tuple[str, str]:
    """(data/<collection>/<developer>/<model>, "") for a record's identity, or ("", why it has no place)."""
    parts = str(info.get("id") or "").strip().split("/")
    developer = parts.pop(0) if len(parts) > 1 else str(info.get("developer") or "")
    places = [collection, developer, "_".join(parts)]
    for what, part in zip(("collection", "developer", "model"), places, strict=True):
        if not part.strip() or part.strip().lower() == "unknown":
            return "", f"its {what} is not known: a model's id is OWNER/NAME"
    places = [part.strip().replace(":", "_") for part in places]
    for part in places:
        bad = BAD_IN_PATH.search(part) or part.endswith((".", " ")) or part in ("..", "data")
        if bad or part.split(".", 1)[0].upper() in DEVICES:
            return "", f"{part!r} cannot be a folder of the datastore"
    return "/".join(["data", *places]), ""


def renamed_record(
    record: Mapping[str, Any], samples: bytes | None, model: str, name: str, collection: str
) -> tuple[dict[str, Any], bytes | None]:
    """The record and its samples under another model id; everything that was measured stays."""
    record = json.loads(json.dumps(record))
    old, info = record["model_info"].get("id"), record["model_info"]
    owner, _, short = model.rpartition("/")
    info |= {"id": model, "name": short, "developer": owner}
    (info.get("additional_details") or {}).pop("path", None)  # a folder of the machine where it was
    record["evaluation_id"] = str(record["evaluation_id"]).replace(str(old), model)
    if samples is not None:
        told = {"evaluation_id": record["evaluation_id"], "model_id": model}
        rows = [json.loads(line) | told for line in samples.splitlines() if line.strip()]
        samples = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        folder, _ = datastore_folder(collection, info)
        record["detailed_evaluation_results"] |= {
            "file_path": f"{folder}/{name}_samples.jsonl",
            "checksum": hashlib.sha256(samples).hexdigest(),
        }
    return record, samples


# --- What the validator asks ---


def record_problems(path: str, record: Mapping[str, Any], samples: bytes | None) -> list[str]:
    """Why the datastore would refuse a record at a path; at most MAX_PROBLEMS."""
    found: list[str] = []
    for problem in every_problem(path, record, samples):
        found.append(single_line(problem)[:300])
        if len(found) == MAX_PROBLEMS:
            break
    return found


def every_problem(path: str, record: Mapping[str, Any], samples: bytes | None) -> Iterator[str]:
    from jsonschema import Draft7Validator

    parts = path.split("/")
    if len(parts) != 5 or parts[0] != "data" or not EEE_FILE.fullmatch(parts[-1]):
        yield f"{path}: data/<collection>/<developer>/<model>/<uuid4>.json is expected"
    for error in Draft7Validator(EEE_SCHEMAS["record"]).iter_errors(record):
        yield f"{'.'.join(map(str, error.absolute_path)) or 'the record'}: {error.message[:160]}"
    yield from deployment_problems(record)
    for number, result in enumerate(results_of_record(record)):
        yield from score_problems(f"evaluation_results[{number}]", result)
    yield from companion_problems(path, record, samples)


def deployment_problems(record: Mapping[str, Any]) -> Iterator[str]:
    """Who ran the model and whether its weights are open must be said, if only as unknown; of judges as well."""
    infos = {"model_info": record.get("model_info")}
    for number, result in enumerate(results_of_record(record)):
        scoring = (result.get("metric_config") or {}).get("llm_scoring") or {}
        for judge, item in enumerate(scoring.get("judges") or []):
            where = f"evaluation_results[{number}].metric_config.llm_scoring.judges[{judge}].model_info"
            infos[where] = item.get("model_info") if isinstance(item, dict) else None
    for where, info in infos.items():
        details = info.get("additional_details") if isinstance(info, dict) else None
        details = details if isinstance(details, dict) else {}
        for key, allowed in (("deployment_type", DEPLOYMENTS), ("model_availability", AVAILABILITIES)):
            if details.get(key) not in allowed:
                yield f"{where}.additional_details.{key}: {details.get(key)!r} is not one of {', '.join(allowed)}"


def score_problems(where: str, result: Mapping[str, Any]) -> Iterator[str]:
    """A finite score within its bounds; a continuous metric has both."""
    metric, details = result.get("metric_config") or {}, result.get("score_details") or {}
    low, high = eee_bound(metric.get("min_score")), eee_bound(metric.get("max_score"))
    for key, value in (("min_score", low), ("max_score", high)):
        if value is None and (metric.get("score_type") == "continuous" or metric.get(key) is not None):
            yield f"{where}.metric_config.{key} is missing or no number"
    score = details.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        yield f"{where}.score_details.score: {score!r} is no finite number"
    elif (low is not None and score < low) or (high is not None and score > high):
        yield f"{where}: the score {score} is outside {metric.get('min_score')} to {metric.get('max_score')}"


def eee_bound(value: Any) -> float | None:
    """A bound of a metric, "Infinity" as the schema spells it; None when there is none."""
    infinite = {"Infinity": math.inf, "-Infinity": -math.inf}.get(value) if isinstance(value, str) else None
    number = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    return float(value) if number else infinite


def companion_problems(path: str, record: Mapping[str, Any], samples: bytes | None) -> Iterator[str]:
    """Record and samples name each other, count the same rows, and the checksum is that of the file."""
    detail = record.get("detailed_evaluation_results")
    if detail is None:
        if samples is not None:
            yield "there is a samples file, but no detailed_evaluation_results"
        return
    expected = path.removesuffix(".json") + "_samples.jsonl"
    if not isinstance(detail, dict) or detail.get("file_path") != expected or detail.get("format") != "jsonl":
        yield f"detailed_evaluation_results: file_path {expected} and format jsonl are expected"
    elif samples is None:
        yield f"the samples file {expected} is missing"
    else:
        sums = {"sha256": hashlib.sha256(samples).hexdigest()}
        if sums.get(str(detail.get("hash_algorithm"))) != detail.get("checksum"):
            yield "detailed_evaluation_results.checksum is not the sha256 of the samples file"
        yield from sample_problems(record, detail, samples)


def sample_problems(record: Mapping[str, Any], detail: Mapping[str, Any], samples: bytes) -> Iterator[str]:
    from jsonschema import Draft7Validator

    lines = [line for line in samples.split(b"\n") if line.strip()]
    if not lines or detail.get("total_rows") != len(lines):
        yield f"detailed_evaluation_results.total_rows is {detail.get('total_rows')}, the file has {len(lines)} rows"
    validator = Draft7Validator(EEE_SCHEMAS["sample"])
    told = (record.get("evaluation_id"), (record.get("model_info") or {}).get("id"))
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"samples line {number}: {error}"
            continue
        for error in validator.iter_errors(row):
            yield f"samples line {number}: {'.'.join(map(str, error.absolute_path))}: {error.message[:120]}"
        if not isinstance(row, dict) or (row.get("evaluation_id"), row.get("model_id")) != told:
            yield f"samples line {number}: evaluation_id or model_id is not the record's"


# --- What was contributed ---


def contributed(root: Path) -> dict[str, str]:
    """data/.../<uuid>.json -> its page in the datastore, for the records of a folder; {} when none was contributed."""
    try:
        data = read_json(root / CONTRIBUTED)
    except ScriptError:
        return {}
    return {str(k): v for k, v in data.items() if isinstance(v, str)} if isinstance(data, dict) else {}


def contributed_url(path: Path) -> str | None:
    """The page of a record in the datastore; None when it was not contributed from here.

    The list may be a stranger's: a page is one of a data set of the Hub, else it is none.
    """
    parts = path.absolute().parts
    if parts[-5:-4] != ("data",):
        return None
    url = web_url(contributed(path.absolute().parents[4]).get("/".join(parts[-5:]), "")) or ""
    datasets = f"{(os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/')}/datasets/"
    return url if url.startswith(datasets) and ".." not in url else None
