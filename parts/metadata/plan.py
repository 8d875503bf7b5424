"""Entries (results to publish) as model-index and .eval_results, and the plan that shows and carries them."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from parts.frame import ScriptError, single_line
from parts.metadata.entries import Entry, Finding, Score
from parts.metadata.front_matter import EVAL_FILE, EVAL_RESULTS, NO_TOOLS
from parts.metadata.official import OfficialPlace, Placing
from parts.metadata.validation import check_eval_results, check_model_index
from parts.names import REPO_ID
from parts.vocabulary import RIGHT_ANSWERS, WITH_TOOLS, metric_type, normalize_name

PLAN_SCHEMA = "1"


@dataclass(frozen=True, slots=True)
class Conflict:
    """A result that is there with another value."""

    where: str  # "README.md model-index[0].results[3].metrics[0].value", ".eval_results/hle.yaml[0].value"
    benchmark: str
    there: Any
    new: Any


@dataclass(slots=True)
class Plan:
    """What is to be on the Hub: a repo, the results, and how they are written in each format."""

    repo_id: str
    entries: list[Entry]
    model_index: list[dict[str, Any]] = field(default_factory=list)  # as in model-index[0].results
    eval_results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # path -> its one entry
    source: str = ""  # "the model card's tables", for the description
    notes: list[str] = field(default_factory=list)  # what was left out, and why
    questions: list[str] = field(default_factory=list)  # what a person has to decide before it is applied
    replace: bool = False
    created: str = ""
    parent: str | None = None  # the commit that it was made against

    def as_json(self) -> dict[str, Any]:
        return {"schema_version": PLAN_SCHEMA, **dataclasses.asdict(self)}


@dataclass(slots=True)
class RepoState:
    """What a repo, or a local clone, has now."""

    sha: str | None
    card: bytes | None  # None: there is no README.md
    files: dict[str, str] = field(default_factory=dict)  # .eval_results/*.yaml: path -> text
    name: str = "README.md"  # what messages call the card


@dataclass(slots=True)
class Change:
    """What a plan does to a repo's present state; nothing, when it is all there."""

    files: dict[str, bytes] = field(default_factory=dict)  # path -> new content
    added: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    replaced: list[Conflict] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)


def card_entries(
    scores: Sequence[Score], repo_id: str, task_type: str | None = None, hub: str = "https://huggingface.co"
) -> list[Entry]:
    """The scores of a card's tables as results to publish; their source is the card itself, and so is their task."""
    return [
        Entry(
            benchmark=score.benchmark,
            value=score.value,
            origin=f"table {score.table}, row {score.row}, column {score.column}",
            key=score.key,
            unit=score.unit,
            metric=score.metric,
            shots=score.shots,
            variant=score.notes,
            task_type=task_type,
            source_name="Model card",  # without the table's number, which changes when the card does
            source_url=f"{hub}/{repo_id}",
        )
        for score in scores
    ]


def variant_of(text: str) -> str | None:
    """ "HLE (w/ tools)" -> "With tools"; "HLE (no tools)", "HLE" -> None, the default."""
    return "With tools" if WITH_TOOLS.search(text) and not NO_TOOLS.search(text) else None


def dashed(text: str, separator: str = "-") -> str:
    return re.sub(r"[\W_]+", separator, text.lower(), flags=re.ASCII).strip(separator)


def model_index_results(
    entries: Sequence[Entry], mapping: Mapping[str, Any], task_type: str, dataset_name: str | None
) -> list[dict[str, Any]]:
    """The results as `model-index[].results` of a card's metadata; values as the source gives them.

    Format: https://github.com/huggingface/hub-docs/blob/main/modelcard.md (task, dataset, metrics, source).
    """
    results = []
    for entry in entries:
        known = (mapping.get(entry.key or "") or {}).get("model_index") or {}
        said = dict(entry.dataset)
        name = dataset_name or said.get("name") or known.get("name") or entry.benchmark
        dataset = {"name": name, "type": dashed(name) or "benchmark"}
        if not dataset_name:
            dataset["type"] = said.get("type") or known.get("type") or dataset["type"]
            own = said if said.get("type") else known
            dataset |= {key: own[key] for key in ("config", "split", "revision") if own.get(key)}
        metric: dict[str, Any] = {
            "type": metric_type(entry.metric) or known.get("metric_type") or "score",
            "name": entry_name(entry),
            "value": entry.value,
        }
        if shots := re.match(r"(\d+)-shot", entry.shots or ""):
            metric["args"] = {"num_few_shot": int(shots[1])}
        result = {"task": {"type": entry.task_type or task_type}, "dataset": dataset, "metrics": [metric]}
        if entry.source_url:  # the Hub's client cannot load a card that names a source without a URL
            result["source"] = {"name": entry.source_name or entry.source_url, "url": entry.source_url}
        results.append(result)
    return results


def eval_result_files(
    entries: Sequence[Entry], placing: Placing
) -> tuple[dict[str, list[dict[str, Any]]], list[str], list[str]]:
    """The results as `.eval_results/*.yaml`, one file for each benchmark and variant; what is to be known of others.

    Format: https://github.com/huggingface/hub-docs/blob/main/eval_results.yaml. Only a result of an official Benchmark
    has a file. Of several settings of one benchmark each has a file of its own with the setting as its note. Returns
    the files, notes, and the questions that a person has to answer.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    ours: dict[OfficialPlace, list[Entry]] = {}
    notes: list[str] = []
    questions: list[str] = []
    for entry in entries:
        match = placing.match(entry)
        known = placing.mapping.get(entry.key or "") or {}
        if match.candidates:
            questions.append(placing.question(entry, match))
        elif match.place is None:
            notes += [f"not in .eval_results: {entry.benchmark}: {match.why}"] if not match.no_benchmark else []
        elif known.get("unit") == "proportion" and not counts_right_answers(entry.metric, known):
            ranked = "not the metric that its leaderboard ranks"
            notes.append(f"not in .eval_results: {entry.benchmark} ({entry.metric}): {ranked}")
        else:
            ours.setdefault(match.place, []).append(entry)
            if not match.place.how.startswith("metric_mapping.json"):
                what = f"{match.place.dataset_id}, task {match.place.task_id}"
                notes.append(f"{entry.benchmark}: counts on {what}, by {match.place.how}")
    files: dict[str, list[dict[str, Any]]] = {}
    for place, group in ours.items():
        several = len({settings_of(entry) for entry in group}) > 1
        for entry in group:
            note_text = (settings_of(entry) if several else entry.variant) or None
            url = entry.source_url
            result = EvalResultEntry(
                dataset_id=place.dataset_id,
                task_id=place.task_id,
                value=entry.value,
                date=entry.date,
                source_url=url,
                source_name=entry.source_name if url else None,
                notes=note_text,
            )
            path = f"{EVAL_RESULTS}{place.stem}{'_' + dashed(note_text, '_') if note_text else ''}.yaml"
            row = eval_result_entries_to_yaml([result])
            if path in files and files[path][0]["value"] != entry.value:
                files[path] = files[path] + row  # two values for one place: merge_files asks
            else:
                files[path] = row
    return files, notes, questions


def counts_right_answers(metric: str | None, known: Mapping[str, Any]) -> bool:
    return normalize_name(metric or "") in RIGHT_ANSWERS | {normalize_name(known.get("metric") or "")}


def settings_of(entry: Entry) -> str:
    return ", ".join(filter(None, (entry.shots, entry.variant)))


def make_plan(
    repo_id: str,
    entries: Sequence[Entry],
    mapping: Mapping[str, Any],
    *,
    placing: Placing | None,
    formats: str,
    task_type: str,
    dataset_name: str | None = None,
    source: str = "",
    notes: Sequence[str] = (),
    replace: bool = False,
) -> Plan:
    """What the results are in the wanted formats; the same results make the same plan.

    `placing` finds results their places in .eval_results; without it there are none.
    """
    plan = Plan(repo_id, list(dict.fromkeys(entries)), source=source, notes=list(notes), replace=replace)
    if formats in ("model-index", "both"):
        plan.model_index = model_index_results(plan.entries, mapping, task_type, dataset_name)
    if placing is not None and formats in ("eval-results", "both"):
        plan.eval_results, more, plan.questions = eval_result_files(plan.entries, placing)
        plan.notes += more
    return plan


def plan_from_json(data: Any, name: str) -> Plan:
    """A saved plan, or the `plan` of a saved answer; ScriptError when it is none or was made by another version."""
    data = data.get("plan", data) if isinstance(data, dict) else data
    if not isinstance(data, dict) or data.get("schema_version") != PLAN_SCHEMA:
        raise ScriptError(f"{name}: no plan of schema {PLAN_SCHEMA}; make one with --output FILE.json")
    try:
        known = {f.name for f in dataclasses.fields(Plan)}
        parts = {key: value for key, value in data.items() if key != "schema_version"}
        if unknown := set(parts) - known:
            raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
        entries = [
            Entry(**{**entry, "dataset": tuple((str(k), str(v)) for k, v in entry.get("dataset", ()))})
            for entry in parts.pop("entries")
        ]
        plan = Plan(entries=entries, **parts)
        check_plan(plan)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ScriptError(f"{name}: no valid plan: {single_line(error)}; make it anew") from error
    return plan


def check_plan(plan: Plan) -> None:
    """ValueError when a plan would write anything but results: it may have been edited since it was saved."""
    if not REPO_ID.fullmatch(plan.repo_id):
        raise ValueError(f"repo_id is {plan.repo_id!r}")
    texts = (plan.source, plan.created, plan.parent or "", *plan.notes, *plan.questions)
    if not all(isinstance(text, str) for text in texts) or not isinstance(plan.replace, bool):
        raise ValueError("source, created, parent and notes are texts, replace is true or false")
    for number, entry in enumerate(plan.entries):
        check_number(entry.value, f"entries[{number}].value")
        for part in dataclasses.fields(Entry):
            if part.name not in ("value", "dataset") and not isinstance(getattr(entry, part.name), str | None):
                raise ValueError(f"entries[{number}].{part.name} is no text")
    for path, rows in plan.eval_results.items():
        if not EVAL_FILE.fullmatch(path) or not (isinstance(rows, list) and rows):
            raise ValueError(f"{path!r} is no file of .eval_results")
        for row in rows:
            refuse_errors(check_eval_results(path, [row], {}))
            check_number(row["value"], path)
    for number, result in enumerate(plan.model_index):
        if len(result["metrics"]) != 1:
            raise ValueError(f"model_index[{number}]: one metric for each result is expected")
        front = {"model-index": [{"name": plan.repo_id, "results": [result]}]}
        refuse_errors(check_model_index(front, {}), f"model_index[{number}]: ")
        check_number(result["metrics"][0]["value"], f"model_index[{number}]")
    if unreadable := re.search("[\ud800-\udfff]", json.dumps(plan.as_json(), ensure_ascii=False)):
        raise ValueError(f"{unreadable[0]!r} is no character")


def refuse_errors(findings: Iterable[Finding], where: str = "") -> None:
    for finding in findings:
        if finding.severity == "error":
            raise ValueError(f"{where}{finding.path}: {finding.message}")


def check_number(value: Any, where: str) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError(f"{where}: {value!r} is no number")


def entry_name(entry: Entry) -> str:
    """A result's name with its settings: "GSM8K (5-shot)"."""
    settings = ", ".join(filter(None, (entry.metric, entry.shots, entry.variant)))
    return f"{entry.benchmark} ({settings})" if settings else entry.benchmark
