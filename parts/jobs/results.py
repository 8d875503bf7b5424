"""Results brought back from the Hub and checked."""

from __future__ import annotations

import contextlib
import glob
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, count_in, listing, note, write_whole
from parts.hub.answers import require_list
from parts.hub.result_seal import has_seal
from parts.hub.results_repo import RESULT_ENDINGS
from parts.inputs import MAX_SAMPLES, input_text, read_json
from parts.jobs.client import JobsClient, job_errors
from parts.jobs.vocabulary import Collected, EvalJob, EvalRun, split_place, task_key, task_shots
from parts.outgoing import without_secrets
from parts.private import scrub
from parts.records.files import read_record
from parts.records.identity import identity_of
from parts.records.items import samples_path
from parts.records.reading import contradictions, read_results
from parts.records.run import limit_of
from parts.records.schema import RECORD_SCHEMA
from parts.vocabulary import MetricMapping, read_mapping, vocabulary_of

MOST_TOO_LARGE = 100
UUID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
RECORD_PATH = re.compile(rf"data/(?:\w[\w.-]*/){{3}}{UUID}\.json")
FAILURE_PATH = re.compile(rf"data/(?:\w[\w.-]*/){{3}}{UUID}_failure\.json")


def is_of_model(record: dict[str, Any], model: str) -> bool:
    """Whether a record is of the model that a job was given."""
    repo, below, revision = split_place(model)
    info = record["model_info"]
    details = info.get("additional_details") if isinstance(info.get("additional_details"), dict) else {}
    if info["id"] == repo and (revision or below):
        same = revision is None or revision in (details.get("checkpoint"), details.get("revision"))
        return same and (details.get("subfolder") or "") == below
    return info["id"] in (model, repo)


def is_of_task(record: dict[str, Any], task: str, aliases: Mapping[str, set[str]]) -> bool:
    """Whether a record is of the task asked for: by the request that it kept, else by its task's names."""
    details = record["eval_library"].get("additional_details") or {}
    asked, done = details.get("task_request"), details.get("task")
    names = [asked, done, *(result.get("evaluation_name") for result in record["evaluation_results"])]
    wanted = {task_key(task), *aliases.get(task_key(task), ())}
    keys = {key for name in names if name for key in (task_key(name), task_key(name.split(":", 1)[0]))}
    shots = {task_shots(name) for name in (asked, done) if name and task_shots(name) is not None}
    return bool(wanted & keys) and (task_shots(task) is None or not shots or task_shots(task) in shots)


def missing_tasks_of(
    job: EvalJob, records: Sequence[dict[str, Any]], aliases: Mapping[str, set[str]]
) -> tuple[str, ...]:
    """`model task` for what a job was asked and has no record of; a family needs all its parts."""
    missing = []
    for model in job.models:
        for task in job.tasks:
            found = [row for row in records if is_of_model(row, model) and is_of_task(row, task, aliases)]
            details = [row["eval_library"].get("additional_details") or {} for row in found]
            wanted = max((count_in(row.get("task_group")) or 1 for row in details), default=1)
            if len({row.get("task", number) for number, row in enumerate(details)}) < wanted:
                missing.append(f"{model} {task}")
    return tuple(missing)


def fetch_folder(client: JobsClient, run: EvalRun) -> Path:
    """A copy of the run's folder in the data set."""
    from huggingface_hub import snapshot_download

    with job_errors(f"reading {run.results_repo}", client.token):
        # Named, because snapshot_download answers with an older copy when it cannot ask for the newest.
        revision = client.patiently(client.api.dataset_info, run.results_repo).sha
        folder = Path(
            client.patiently(
                snapshot_download,
                run.results_repo,
                repo_type="dataset",
                revision=revision,
                allow_patterns=[f"runs/{run.run_id}/*{ending}" for ending in RESULT_ENDINGS],
                ignore_patterns=client.patiently(too_large, client.api, run, revision),
                token=client.token,
                endpoint=client.api.endpoint,
            )
        )
        if not (folder / "runs" / run.run_id).is_dir():
            require_list()  # of its files; else what was measured would be paid for again
        return folder


def too_large(api: Any, run: EvalRun, revision: str) -> list[str]:
    """Patterns of the files of a run in the data set that no reader would take: others may write there, too.

    ScriptError where there are many of them.
    """
    from huggingface_hub.errors import EntryNotFoundError

    folder, found = f"runs/{run.run_id}", []
    with contextlib.suppress(EntryNotFoundError):  # nothing is there yet
        tree = api.list_repo_tree(run.results_repo, folder, repo_type="dataset", revision=revision, recursive=True)
        found = [entry.path for entry in tree if hasattr(entry, "blob_id") and entry.size > MAX_SAMPLES]
    if found:
        note(f"left there, larger than {MAX_SAMPLES >> 20} MB: {listing(found)}")
    if len(found) > MOST_TOO_LARGE:
        raise ScriptError(
            f"{run.results_repo}: {len(found):,} files in {folder} are larger than any of a run: see there"
        )
    return [glob.escape(name) for name in found]


def collect_job(job: EvalJob, fetched: Path, output: Path, aliases: Mapping[str, set[str]], key: str = "") -> Collected:
    """Copy a job's sound records into OUTPUT/data; one that is there already stays as it is.

    key: with which the job sealed what it wrote; "": that it did is not looked at.
    """
    place = fetched / job.folder
    names = sorted(path.relative_to(place).as_posix() for path in place.rglob("*.json")) if place.is_dir() else []
    records, contents, sound = [], [], set()
    unsound, problems = [], []
    vocabulary = vocabulary_of(read_mapping())
    for name in names:
        if FAILURE_PATH.fullmatch(name):
            continue
        if not RECORD_PATH.fullmatch(name):
            problems.append(f"{name}: not a place for a record")
            continue
        problem, record, doubts = checked_record(place / name, vocabulary)
        problem = problem or other_than_asked(job, record, aliases)
        if key and not has_seal(fetched, f"{job.folder}/{name}", key):
            problem = "not what the job wrote: it has no seal of this run (--adopt takes all, whoever wrote it)"
        if problem:
            unsound.append((name, problem))
            continue
        contents.append(record)
        sound.add(Path(name).parent)
        if kept := kept_problem(place, output, name):
            problems.append(f"{name}: {kept}")
        else:
            records.append(name)
            problems += [f"{name}: kept, not valid: {listing(doubts, 3)}"] if doubts else []
    missing = missing_tasks_of(job, contents, aliases)
    later = [name for name, _ in unsound if not missing and Path(name).parent in sound]
    problems += [f"{name}: {problem}" for name, problem in unsound if name not in later]
    problems += [f"{name}: {text}" for name, text in failures(place, names, contents)]
    return Collected(tuple(records), missing, tuple(problems), tuple(later))


def other_than_asked(job: EvalJob, record: dict[str, Any], aliases: Mapping[str, set[str]]) -> str | None:
    """Why a record is not of what a job was given, or None."""
    if not any(is_of_model(record, model) for model in job.models) or not any(
        is_of_task(record, task, aliases) for task in job.tasks
    ):
        return "a record of a model or task that this job was not given"
    asked = job.arguments[job.arguments.index("--limit") + 1] if "--limit" in job.arguments else ""
    for result in record["evaluation_results"]:
        said = limit_of(result, record)
        if said != asked:
            return (
                f"measured with {f'--limit {said}' if said else 'no --limit'}, and the job was given {asked or 'none'}"
            )
    return None


def checked_record(path: Path, vocabulary: MetricMapping) -> tuple[str | None, dict[str, Any], list[str]]:
    """(the reason why a record is not what was measured or None, the record, what the gate says against its scores).

    One that was cut, altered or contradicts itself counts as missing: it is measured again. A sound record with scores
    that no reader will use is brought home all the same, and that is said.
    """
    try:
        record = read_record(path)
        if record is None:
            return f"not a record of schema {RECORD_SCHEMA}", {}, []
        for part in ("evaluation_id", "retrieved_timestamp", "source_metadata", "model_info", "eval_library"):
            if not record.get(part):
                return f"no {part}", {}, []
        library = record["eval_library"]
        details = library.get("additional_details") or {} if isinstance(library, dict) else None
        if not isinstance(details, dict) or not all(isinstance(text, str) for text in details.values()):
            return "no eval_library with additional_details of text", {}, []
        if not identity_of(record).id:
            return "no model_info.id", {}, []
        wrong = contradictions(path, record, vocabulary)
        readings = [] if wrong else read_results(path, record, vocabulary)
    except (ScriptError, OSError, ValueError) as error:
        text = str(error).replace(f"{path}: ", "").replace(f"{samples_path(path)}: ", "")
        return f"cannot be read ({text[:160]})", {}, []
    if wrong:
        return listing(wrong, 3), {}, []
    return None, record, [f"{one.run.task}: {reason}" for one in readings for reason in one.run.validity.reasons]


def kept_problem(place: Path, output: Path, name: str) -> str | None:
    """Copy a record and its samples, samples first; the reason when another file has its name already."""
    for part in (f"{name.removesuffix('.json')}_samples.jsonl", name):
        text, target = input_text(place / part, MAX_SAMPLES), output / part
        if without_secrets(text) != text:
            return f"{part} has what looks like a token in it, which no file here keeps: it was left there"
        if target.is_file() and input_text(target, MAX_SAMPLES) != text:
            return f"{target} is there already and differs: it was kept"
        if not target.is_file():
            write_whole(target, text)
    return None


def failures(place: Path, names: Sequence[str], records: Sequence[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """The failure files of tasks that no later try has measured, and what they say in one line."""
    done = {
        (row["model_info"]["id"], (row["eval_library"].get("additional_details") or {}).get("task")) for row in records
    }
    for name in names:
        if not FAILURE_PATH.fullmatch(name):
            continue
        try:
            content = read_json(place / name)
            if (content["model_id"], content["task"]) not in done:
                yield name, scrub(f"{content['model_id']} {content['task']} failed: {content['error']}")[:300]
        except (ScriptError, KeyError, TypeError):
            yield name, "a failure file that cannot be read"
