"""Entries (results to publish) as model-index and .eval_results, and the plan that shows and carries them."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from parts.foreign import web_url
from parts.frame import ScriptError, is_number, single_line
from parts.metadata.entries import NOT_THE_HUBS, OWN_FILES, Entry, Score
from parts.metadata.front_matter import EVAL_RESULTS
from parts.metadata.identity import OTHER, Measure, Measures, agree, known_measures, person_number, readings, written
from parts.metadata.official import OfficialPlace, Placing
from parts.names import REPO_ID
from parts.outgoing import without_secrets
from parts.records.files import CLOCKS_APART, moment_in
from parts.vocabulary import RIGHT_ANSWERS, metric_type, normalize_name

PLAN_SCHEMA = "2"
FORMATS = ("model-index", "eval-results", "both")
TARGET = re.compile(r"|main|new-pr|pr/[1-9]\d{0,8}|card:.{1,4000}")


@dataclass(frozen=True, slots=True)
class Conflict:
    """A result that is there with another value."""

    where: str  # "README.md model-index[0].results[3].metrics[0].value", ".eval_results/hle.yaml[0].value"
    benchmark: str
    there: Any
    new: Any
    doubt: str = ""  # why it is not certain that both are one result
    samples: int | None = None  # of the new value
    standard_error: float | None = None
    source: str = ""  # what becomes of its source, when it is another's

    def __str__(self) -> str:
        told = [f"n = {self.samples:,}"] if self.samples else []
        told += [f"standard error {self.standard_error:.2g}"] if self.standard_error else []
        more = f" ({', '.join(told)})" if told else ""
        doubt = "".join(f"; {text}" for text in (self.doubt, self.source) if text)
        new = f"{person_number(self.new, None):.12g}" if isinstance(self.new, float) else self.new
        return f"there is {self.there}, the new value is {new}{more}{doubt}"


@dataclass(slots=True)
class Plan:
    """What is to be on the Hub: a repo, the results, where they go. `render_plan` makes what is written of them."""

    repo_id: str
    entries: list[Entry]
    formats: str = "both"
    task_type: str = "text-generation"
    dataset_name: str | None = None
    source: str = ""  # "the model card's tables", for the description
    notes: list[str] = field(default_factory=list)  # what the source leaves out, and why
    replace: bool = False
    beside: list[str] = field(default_factory=list)  # results to be written beside another that may be the same
    scales: dict[str, str] = field(default_factory=dict)  # answers about scales: key, or "" for all -> answer
    official: dict[str, str] = field(default_factory=dict)  # answers about places: name -> DATASET:TASK or "none"
    own_harness: list[str] = field(default_factory=list)  # names of results of a Benchmark's own harness
    target: str = ""  # "main", "new-pr", "pr/3", "card:FILE"; empty: not said yet
    created: str = ""
    parent: str | None = None  # the commit that it was made against
    card: str | None = None  # git's id of the body of the card that it was made against, as a blob
    seal: str = ""  # on where it goes and what was answered, as it was read; `saved_plan` makes it
    results_seal: str = ""  # on its results and where they were read, likewise
    # Made of the above, never saved:
    model_index: list[dict[str, Any]] = field(default_factory=list)  # as in model-index[0].results; one for each entry
    eval_results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # path -> its one entry
    made_of: dict[str, Entry] = field(default_factory=dict)  # path -> the result in it
    remarks: list[str] = field(default_factory=list)  # what was filled in, converted or left out
    questions: list[str] = field(default_factory=list)  # what a person has to decide before it is applied
    measures: Measures | None = field(default=None, repr=False, compare=False)
    changed: bool = False  # its results may be another's than this program's: what they come from is read again

    def as_json(self) -> dict[str, Any]:
        saved = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in MADE}
        return {
            "schema_version": PLAN_SCHEMA,
            **saved,
            "entries": [dataclasses.asdict(entry) for entry in self.entries],
        }


NONE_COUNTS = (
    "none of them counts on an official Benchmark of the Hub: nothing goes to .eval_results, no leaderboard ranks them "
    "(`evaluation_manager.py benchmarks` lists those that count)"
)
MADE = ("model_index", "eval_results", "made_of", "remarks", "questions", "measures", "changed")
MODEL_CARD = "Model card"  # a source's name, without the table's number, which changes when the card does
PLAN_ITSELF = "the plan itself"  # where a conflict is that has nothing to do with what is there
BY_HAND = "by hand"  # the origin of a result that a person wrote into a plan


@dataclass(slots=True)
class RepoState:
    """What a repo, or a local clone, has now."""

    sha: str | None
    card: bytes | None  # None: there is no README.md
    files: dict[str, str] = field(default_factory=dict)  # .eval_results/*.yaml: path -> text
    name: str = "README.md"  # what messages call the card
    moved_to: str = ""  # the repo's name now, when it has been renamed
    closed: str = ""  # "archived" or "disabled": the Hub says that nobody may write to it
    unread: dict[str, str] = field(default_factory=dict)  # files of .eval_results that are no text: path -> why


@dataclass(slots=True)
class Change:
    """What a plan does to a repo's present state; nothing, when it is all there."""

    files: dict[str, bytes] = field(default_factory=dict)  # path -> new content
    added: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)  # those that are added or replaced in one format at least
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
            source_name=MODEL_CARD,
            source_url=f"{hub}/{repo_id}",
        )
        for score in scores
    ]


def dashed(text: str, separator: str = "-") -> str:
    """A text as a part of an id; C, C++ and C# are three."""
    told = re.sub(r"(?<=\b[cf])#", "sharp", re.sub(r"(?<=[\w+])\+", "plus", text.lower()))
    return re.sub(r"[\W_]+", separator, told, flags=re.ASCII).strip(separator)


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
        own = said if "/" in said.get("type", "") or OWN_FILES in said or not known else known
        name = dataset_name or (None if OWN_FILES in said else known.get("name")) or said.get("name") or entry.benchmark
        dataset = {"name": name, "type": dashed(name) or "benchmark"}
        if not dataset_name:
            dataset["type"] = own.get("type") or dataset["type"]
            dataset |= {key: str(own[key]) for key in ("config", "split", "revision") if own.get(key)}
            if own is said and own.get("type") == known.get("type"):  # the same data set: what the source left open
                dataset |= {key: known[key] for key in ("config", "split") if known.get(key) and not own.get(key)}
        metric: dict[str, Any] = {
            "type": metric_type(entry.metric) or known.get("metric_type") or "score",
            "name": entry_name(entry),
            "value": person_number(entry.value, entry.unit),
        }
        if shots := re.match(r"(\d+)-shot", entry.shots or ""):
            metric["args"] = {"num_few_shot": int(shots[1])}
        result = {"task": {"type": entry.task_type or task_type}, "dataset": dataset, "metrics": [metric]}
        if entry.source_url:  # the Hub's client cannot load a card that names a source without a URL
            result["source"] = {"name": entry.source_name or entry.source_url, "url": entry.source_url}
        results.append(result)
    return results


def filled_in(entry: Entry, mapping: Mapping[str, Any]) -> str | None:
    """What the source does not say about a result and the vocabulary fills in, for people; None: nothing."""
    known = (mapping.get(entry.key or "") or {}).get("model_index") or {}
    if OWN_FILES in dict(entry.dataset) and "/" in str(known.get("type")):
        return f"{entry.benchmark}: {NOT_THE_HUBS}, which is not named as its data"
    said = dict(entry.dataset) if "/" in dict(entry.dataset).get("type", "") else {}
    parts = [f"metric {known['metric_type']}"] if known.get("metric_type") and not metric_type(entry.metric) else []
    if said.get("type", known.get("type")) == known.get("type"):
        more = [f"{key} {known[key]}" for key in ("config", "split") if known.get(key) and not said.get(key)]
        parts += [*([] if said or "/" not in str(known.get("type")) else [f"data set {known['type']}"]), *more]
    return f"{entry.benchmark}: not said by the source, filled in: {', '.join(parts)}" if parts else None


def eval_result_files(
    entries: Sequence[Entry], placing: Placing
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Entry], list[str], list[str]]:
    """The results as `.eval_results/*.yaml`, one file for each benchmark and variant; what is to be known of others.

    Format: https://github.com/huggingface/hub-docs/blob/main/eval_results.yaml. Only a result of an official Benchmark
    has a file. Of several settings of one benchmark each has a file of its own with the setting as its note. Returns
    the files, what each is made of, notes, and the questions that a person has to answer.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    ours: dict[OfficialPlace, list[Entry]] = {}
    notes: list[str] = []
    questions: list[str] = []
    for entry in entries:
        match = placing.match(entry)
        if match.candidates:
            questions.append(placing.question(entry, match))
        elif match.place is None:
            notes += [f"not in .eval_results: {entry.benchmark}: {match.why}"] if not match.no_benchmark else []
        elif other := other_metric(entry, placing.mapping):
            notes.append(f"not in .eval_results: {entry.benchmark} ({entry.metric}): {other}")
        else:
            ours.setdefault(match.place, []).append(entry)
            if not match.place.how.startswith("metric_mapping.json"):
                what = f"{match.place.dataset_id}, task {match.place.task_id}"
                notes.append(f"{entry.benchmark}: counts on {what}, by {match.place.how}")
    files: dict[str, list[dict[str, Any]]] = {}
    made_of: dict[str, Entry] = {}
    for place, group in ours.items():
        several = len({settings_text(entry) for entry in group}) > 1
        for entry in group:
            note_text = (settings_text(entry) if several else entry.variant) or None
            url = entry.source_url
            result = EvalResultEntry(
                dataset_id=place.dataset_id,
                task_id=place.task_id,
                value=person_number(entry.value, entry.unit),
                date=entry.date,
                source_url=url,
                source_name=entry.source_name if url else None,
                notes=note_text,
            )
            path = f"{EVAL_RESULTS}{place.stem}{'_' + dashed(note_text, '_') if note_text else ''}.yaml"
            row = eval_result_entries_to_yaml([result])
            if path in files and files[path][0]["value"] != row[0]["value"]:
                files[path] = files[path] + row  # two values for one place: merge_files asks
            else:
                files[path], made_of[path] = row, entry
    return files, made_of, notes, questions


def other_metric(entry: Entry, mapping: Mapping[str, Any]) -> str:
    """Why a result is not what its Benchmark's leaderboard ranks, as far as the vocabulary knows; else nothing."""
    known = mapping.get(entry.key or "") or {}
    ranked = known.get("unit") != "proportion" or counts_right_answers(entry.metric, known)
    return "" if ranked else "not the metric that its leaderboard ranks"


def counts_right_answers(metric: str | None, known: Mapping[str, Any]) -> bool:
    return normalize_name(metric or "") in RIGHT_ANSWERS | {normalize_name(known.get("metric") or "")}


def settings_text(entry: Entry) -> str:
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
    beside: Sequence[str] = (),
) -> Plan:
    """What the results are in the wanted formats; the same results make the same plan.

    `placing` finds results their places in .eval_results; without it there are none.
    """
    plan = Plan(repo_id, list(dict.fromkeys(entries)), formats, task_type, dataset_name, source, list(notes), replace)
    plan.beside = list(beside)
    if placing:
        plan.official, plan.own_harness = dict(placing.answers), sorted(placing.own_harness)
    return render_plan(plan, mapping, placing)


def render_plan(plan: Plan, mapping: Mapping[str, Any], placing: Placing | None) -> Plan:
    """The plan with what would be written, made of its entries: in the wanted formats, and what was filled in."""
    plan.model_index, plan.eval_results, plan.made_of, plan.remarks, plan.questions = [], {}, {}, [], []
    plan.measures = known_measures(mapping)
    plan.entries, repeated = written_once(plan.entries, plan.measures)
    plan.notes += [text for text in repeated if text not in plan.notes]
    for entry in plan.entries:
        if without_secrets(texts := json.dumps(dataclasses.asdict(entry), ensure_ascii=False, default=str)) != texts:
            raise ScriptError(f"{entry.origin}: a text of this result has the form of a token; nothing is published")
    if plan.formats in ("model-index", "both"):
        plan.model_index = model_index_results(plan.entries, mapping, plan.task_type, plan.dataset_name)
    if placing is not None and plan.formats in ("eval-results", "both"):
        plan.eval_results, plan.made_of, more, plan.questions = eval_result_files(plan.entries, placing)
        plan.remarks += more
        if plan.entries and not plan.eval_results and not plan.questions:
            plan.remarks.append(NONE_COUNTS)
    return plan


def written_once(entries: Sequence[Entry], measures: Measures) -> tuple[list[Entry], list[str]]:
    """The results, one that is given several times once, as the one that says most; and what was taken for one.

    Two are one when their values are, whatever scale and rounding they have, and one says nothing that the other does
    not. Two rows of one table that say unlike much are two results: their author tells them apart.
    """
    groups: dict[Any, list[tuple[Entry, Measure]]] = {}
    for entry in entries:
        measure = measures.of_entry(entry)
        groups.setdefault((measure.keys, measure.names), []).append((entry, measure))
    fuller: dict[Entry, Entry] = {}
    for group in groups.values():
        ranked = sorted(group, key=lambda pair: fullness(*pair, measures), reverse=True)
        for number, (entry, measure) in enumerate(ranked):
            for other, more in ranked[:number]:
                if other not in fuller and is_said_by(entry, measure, other, more, measures):
                    fuller[entry] = other
                    break
    notes = [
        f"{entry.benchmark}: {person_number(entry.value, entry.unit):.12g} ({entry.origin}) is the same result as "
        f"{entry_name(other)} {person_number(other.value, other.unit):.12g} ({other.origin}), written once, as there"
        for entry, other in fuller.items()
    ]
    return [entry for entry in entries if entry not in fuller], notes


def fullness(entry: Entry, measure: Measure, measures: Measures) -> tuple[int, float]:
    """How much a result says: its settings, then the digits of its value."""
    said = (measure.metric, measure.variant, measure.split, measure.revision)
    value = written(entry.value, entry.unit)
    exact = -readings(value, measures.is_open(measure), False)[0][1] if value else 0.0
    return sum(map(bool, said)) + (measure.shots is not None), exact


def is_said_by(entry: Entry, mine: Measure, other: Entry, more: Measure, measures: Measures) -> bool:
    """Whether a result is another one that says as much or more."""
    pairs = [(getattr(mine, name), getattr(more, name)) for name in ("metric", "shots", "variant", "split", "revision")]
    if len(mine.keys) > 1 or mine.part != more.part or measures.relation(mine, more) == OTHER:
        return False
    if any(one not in ("", None) and one != two for one, two in pairs):
        return False
    table = entry.origin.partition(",")[0]
    if mine != more and table.startswith("table ") and table == other.origin.partition(",")[0]:
        return False
    one, two = written(entry.value, entry.unit), written(other.value, other.unit)
    return one is not None and two is not None and agree(one, two, measures.is_open(more))


def plan_from_json(data: Any, name: str) -> Plan:
    """A saved plan, or the `plan` of a saved answer; `render_plan` makes of it what is written.

    ScriptError when it is none, was made by another version, or holds more than results and where they go.
    """
    data = data.get("plan", data) if isinstance(data, dict) else data
    if not isinstance(data, dict) or data.get("schema_version") != PLAN_SCHEMA:
        raise ScriptError(f"{name}: no plan of schema {PLAN_SCHEMA}; make one with --output FILE.json")
    try:
        known = {f.name for f in dataclasses.fields(Plan)} - set(MADE)
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
    """ValueError when a plan is no plan of results: it may have been edited since it was saved."""
    if not REPO_ID.fullmatch(plan.repo_id):
        raise ValueError(f"repo_id is {plan.repo_id!r}")
    texts = (plan.source, plan.created, plan.parent or "", plan.card or "", plan.task_type, plan.dataset_name or "")
    lists = (plan.notes, plan.beside, plan.own_harness, [*plan.scales, *plan.scales.values()])
    if not all(isinstance(item, list) for item in lists):
        raise ValueError("notes, beside and own_harness are lists")
    answers = (*plan.official, *plan.official.values(), plan.seal, plan.results_seal)
    if not all(isinstance(text, str) for text in (*texts, *answers, *itertools.chain(*lists))):
        raise ValueError("a text is no text")
    if not isinstance(plan.replace, bool) or not TARGET.fullmatch(plan.target) or plan.formats not in FORMATS:
        raise ValueError("replace, target or formats is none")
    if not set(plan.scales.values()) <= {"percent", "proportion", "as-is"}:
        raise ValueError("scales holds something else than percent, proportion or as-is")
    for number, entry in enumerate(plan.entries):
        check_number(entry.value, f"entries[{number}].value")
        for part in ("samples", "standard_error"):
            if getattr(entry, part) is not None:
                check_number(getattr(entry, part), f"entries[{number}].{part}")
            if (getattr(entry, part) or 0) < 0:
                raise ValueError(f"entries[{number}].{part} is below 0")
        if not isinstance(entry.lower_is_better, bool | None):
            raise ValueError(f"entries[{number}].lower_is_better is neither true nor false")
        moment = moment_in(entry.date)
        if moment is not None and moment > time.time() + CLOCKS_APART:
            raise ValueError(f"entries[{number}].date is {entry.date}, which is in the future")
        for part in dataclasses.fields(Entry):
            plain = part.name not in ("value", "dataset", "samples", "standard_error", "lower_is_better")
            if plain and not isinstance(getattr(entry, part.name), str | None):
                raise ValueError(f"entries[{number}].{part.name} is no text")
        if entry.source_url and not web_url(entry.source_url):
            raise ValueError(f"entries[{number}].source_url is no address")
        told = [str(getattr(entry, part.name)) for part in dataclasses.fields(Entry) if part.name != "dataset"]
        if any(len(text) > 500 for text in told) or any(
            len(str(text)) > 200 for pair in entry.dataset for text in pair
        ):
            raise ValueError(f"entries[{number}] has a text without measure")
    if unreadable := re.search("[\ud800-\udfff]", json.dumps(plan.as_json(), ensure_ascii=False)):
        raise ValueError(f"{unreadable[0]!r} is no character")


def check_number(value: Any, where: str) -> None:
    if not is_number(value):
        raise ValueError(f"{where}: {single_line(repr(value))[:60]} is no number")


def written_value(plan: Plan, entry: Entry) -> float:
    """A result's value in the unit in which it is written, which the leaderboard may have decided."""
    rows = [plan.eval_results[path][0]["value"] for path, own in plan.made_of.items() if own == entry]
    if plan.model_index:
        rows.append(plan.model_index[plan.entries.index(entry)]["metrics"][0]["value"])
    return rows[-1] if rows else person_number(entry.value, entry.unit)


def entry_name(entry: Entry) -> str:
    """A result's name with its settings, each once: "GSM8K (5-shot)", "HLE (w/ tools)"."""
    said = normalize_name(entry.benchmark)
    variant = None if normalize_name(entry.variant or "").removeprefix("with") in said else entry.variant
    settings = ", ".join(filter(None, (entry.metric, entry.shots, variant)))
    return f"{entry.benchmark} ({settings})" if settings else entry.benchmark
