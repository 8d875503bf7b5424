"""Rows from records."""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from parts.board.metadata_rows import OF_RATERS, USED_TOOLS, new_row
from parts.board.vocabulary import ITEMS_MARK, Benchmarks, BoardRow, Provenance, model_name, ranks, told_metric
from parts.foreign import iso_time, kept_count, kept_url
from parts.frame import ScriptError, kept_text, listing, note
from parts.metadata.entries import NOT_THE_HUBS
from parts.private import without_paths
from parts.records.attempts import attempts_of, score_bounds
from parts.records.files import other_results, read_record, record_files
from parts.records.groups import whole_runs
from parts.records.identity import COMMIT, identity_of
from parts.records.items import ItemFacts, with_answers
from parts.records.nights import nights_by_task
from parts.records.publishable import is_main_metric, on_own_files, record_place, record_shots, used_tools
from parts.records.reading import ReadResult, read_results
from parts.records.repeats import merged_repeats
from parts.records.run import Run
from parts.records.settings import SCORED
from parts.records.states import moment_of_run, state_names, states_of
from parts.vocabulary import MEASURED_ON, bare_task, is_of_raters, other_data

NEVER = datetime.min.replace(tzinfo=UTC)

# Scores of a text by a model's own tokens; those of words or bytes are called so.
BY_TOKENS = re.compile(
    r"(?:(?:mean|avg|corpus|token|eval|test|val|validation)_)?(?:perplexity|ppl)|\w+_(?:per|by)_token", re.ASCII
)
OF_ANSWERS = {"lm-eval", "lm_eval", "lighteval"}  # whose bare perplexity is of answers, each of which counts once


def record_rows(
    path: Path, record: Mapping[str, Any], benchmarks: Benchmarks, items: bool = False
) -> list[tuple[Run, BoardRow]]:
    """The results of a local record (with their items) and their rows; ScriptError when it is damaged."""
    source = record.get("source_metadata") or {}
    ours = source.get("source_type") == "evaluation_run"
    details = record["model_info"].get("additional_details") or {}
    library = record.get("eval_library") or {}
    place = Provenance(
        "own_run" if ours else "reported",
        kept_url((source.get("additional_details") or {}).get("source_url")) or "",
        kept_text(source.get("source_organization_name")) if not ours else None,
        kept_text(details.get("revision")),
        iso_time(record.get("evaluation_timestamp") or ""),
    )
    name = " ".join(str(library[part]) for part in ("name", "version") if library.get(part) not in (None, "unknown"))
    said_by = kept_text(name if ours else source.get("source_name"))
    readings = read_results(path, record, benchmarks.vocabulary, whole=True)
    found = [
        (
            one,
            record_row(one.run, one.row, place, said_by, benchmarks)
            | {"answers": answers_mark(one), "reach": reach_of_lost(one.run, one.facts)}
            | {"length": one.run.length, "tokens": whose_tokens(one.run)},
        )
        for one in readings
    ]
    return [(with_answers(one.run, one.lines) if items else one.run, row) for one, row in found]


def answers_mark(reading: ReadResult) -> str | None:
    """What two results of the same items share: a mark of the items, one of items and scores, and one of items and
    answers if there are any. Marks add up, so that those of a benchmark are the sum of those of its parts; None where
    an item has no hash.
    """
    lines, facts = reading.lines, reading.facts
    if facts is None or not all(line.row.get("sample_hash") for line in lines) or facts.unscored == facts.rows:
        return None
    sums = {"s": 0, "a": 0, ITEMS_MARK: 0}
    for line in lines:
        output = line.row.get("output")
        answer = output.get("raw") if isinstance(output, Mapping) else None
        if not answer or not any(answer):
            sums.pop("a", None)
        for kind, told in (("s", line.score), ("a", answer), (ITEMS_MARK, None)):
            if kind in sums:
                text = json.dumps([line.row["sample_hash"], told], sort_keys=True)
                sums[kind] += int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
    return written_marks({kind: (len(lines), total) for kind, total in sums.items()})


def written_marks(marks: Mapping[str, tuple[int, int]]) -> str | None:
    """Marks by kind as a text; see `sum_of_marks`."""
    return " ".join(f"{kind}{count}:{total % 2**64:016x}" for kind, (count, total) in marks.items()) or None


def whose_tokens(run: Run) -> str | None:
    """Whose tokens a score is of that is by a model's own and does not say how many: those of a training run or of a
    model; None for other scores."""
    name = re.sub(r"[\s-]+", "_", run.metric.lower().partition(",")[0].strip())
    answers = run.harness[0] in OF_ANSWERS and name in ("perplexity", "ppl")
    if run.length is not None or answers or not BY_TOKENS.fullmatch(name):
        return None
    own = run.identity.id
    return (own.rpartition("/")[0] or own) if run.identity.checkpoint else own


def sum_of_marks(texts: Sequence[str | None]) -> str | None:
    """The mark of a whole from those of its parts, of the kinds that all have."""
    parts = [
        {mark[0]: (int(mark[1:].partition(":")[0]), int(mark.partition(":")[2], 16)) for mark in (text or "").split()}
        for text in texts
    ]
    kinds = [kind for kind in parts[0] if all(kind in part for part in parts)] if parts else []
    return written_marks({k: (sum(part[k][0] for part in parts), sum(part[k][1] for part in parts)) for k in kinds})


def record_row(
    run: Run, result: Mapping[str, Any], place: Provenance, source_name: str | None, benchmarks: Benchmarks
) -> BoardRow:
    """The row of one result of a record."""
    metric = result["metric_config"]
    settings = (result.get("generation_config") or {}).get("additional_details") or {}
    key = run.key if run.known else None
    known = benchmarks.mapping.get(run.key) or {}
    word = kept_text(told_metric(metric))
    why_not = f"a part of {known['name']}: {run.subtask}" if run.subtask else None
    if (
        key
        and not why_not
        and known.get("kind") == "benchmark"
        and not known.get("own")
        and not is_main_metric(metric, known)
    ):
        why_not = None if ranks(word, known) else f"{word} is not the metric that {known['name']} is ranked by"
    if on_own_files(result.get("source_data") or {}) and "/" in str((known.get("model_index") or {}).get("type")):
        why_not = NOT_THE_HUBS
    if key and (other := other_data(known, (result.get("source_data") or {}).get("hf_repo"))):
        why_not = other
    if key and not why_not and used_tools(run.name, result, known):
        why_not = USED_TOOLS
    if is_of_raters(word):
        why_not = OF_RATERS
    elif not run.directed:
        why_not = f"nothing says whether more {word} is better"
    if run.incomplete:
        why_not = f"a partial run ({run.incomplete[:80]}), no score"
    if run.validity.reasons:
        why_not = f"not valid: {'; '.join(run.validity.reasons)[:200]}"
    value, unit = run.written
    error = None if run.standard_error is None else run.standard_error / run.scale
    row = new_row(
        kept_text(run.identity.id) or "",
        place,
        "record",
        benchmark=key,
        benchmark_name=bare_task(run.name) or kept_text(run.name),
        source_task=kept_text(result.get("evaluation_result_id")) or kept_text(run.name),
        value=float(value),
        unit=None if unit == "unknown" else unit[:40],
        unit_basis=None if unit == "unknown" else "stated",
        metric=kept_text(told_metric(metric)),
        shots=record_shots(run, settings),
        settings=settings_mark(run),
        standard_error=error,
        n=kept_count(run.n),
        lower_is_better=run.lower_is_better,
        source_name=source_name,
        source_url=place.url or None,
        why_not=why_not,
        votes=run.votes and run.votes.text,
    )
    row["notes"] = "; ".join((record_place(Path(run.file)), *run.validity.remarks))
    return row


def reach_of_lost(run: Run, facts: ItemFacts | None) -> float:
    """How far a score could be off by its lost attempts, in the unit that it is written in; infinite without bounds.

    An attempt's share is between 0 and 1 here, of an error rate too, which has no upper bound: as the gate takes it.
    """
    attempts = run.attempts if facts is None else attempts_of(run.counts, run.n, facts.unscored, facts.rows)
    if not attempts.lost:
        return 0.0
    low, high = (0.0, 1.0) if run.unit == "proportion" else (run.low, run.high)
    ends = score_bounds(run.score, attempts, low, high, run.lower_is_better, run.n)
    return math.inf if ends is None else max(abs(end - run.score) for end in ends) / run.scale


def settings_mark(run: Run) -> str | None:
    """What two runs share that were measured alike, as the program that wrote them says it: "<writer>:<settings>".

    Which system of a file was scored says whom a run is of, and not how it was measured."""
    texts = run.writer, json.dumps(sorted((run.settings | dict.fromkeys({SCORED} & run.settings.keys(), "")).items()))
    return ":".join(hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12] for text in texts)


def read_own_runs(
    folders: Sequence[str], benchmarks: Benchmarks, latest: bool = False, nights: bool = False
) -> tuple[list[BoardRow], list[dict[str, str]]]:
    """The rows of all records below some folders, and what could not be read.

    A model of which several revisions, adapters, ... were measured goes by a name that says which, and so does each
    state of a model that was measured at several times (`latest`: the last one alone, by the model's name). Repeats of
    one state are one row. Each complete set of a benchmark's parts gives a row of the benchmark. `nights`: every state
    is a row of the model itself, with what changed since the one before; the last is the one that is shown.
    """
    found: list[tuple[Run, BoardRow]] = []
    unreadable = []
    for path in record_files(map(Path, folders)):
        try:
            record = read_record(path)
            if record is None or record.get("failure"):
                continue
            model_name(identity_of(record).id)
            found += record_rows(path, record, benchmarks, nights)
        except (ScriptError, KeyError, AttributeError, TypeError, ValueError, OverflowError) as error:
            reason = f"no {error} in the record" if isinstance(error, KeyError) else str(error)
            reason = kept_text(without_paths(reason.rpartition(f"{path.name}: ")[2], path)) or ""
            unreadable.append({"model": "", "where": record_place(path), "reason": reason})
    for folder in () if found or unreadable else folders:
        if told := other_results(Path(folder)):
            note(f"note: --results {folder}: no record in it; {told}")
    models: dict[tuple[str, ...], list[tuple[Run, BoardRow]]] = defaultdict(list)
    for run, row in found:
        models[run.identity.any_commit.key].append((run, row))
    ids = [key[0] for key in models]
    rows: list[BoardRow] = []
    for key, own in models.items():
        note_changes(own if nights else [])
        identity = own[0][0].identity.any_commit
        name = identity.name if ids.count(key[0]) > 1 or identity.part else key[0]
        for told, state in named_states(name, [run for run, _ in own], latest, nights):
            kept = state_rows(state, {id(run): row for run, row in own}, benchmarks)
            rows += [row | {"model": kept_text(told) or ""} for row in kept]
    return rows, unreadable


def note_changes(own: Sequence[tuple[Run, BoardRow]]) -> None:
    """Say in the rows of a model's nights what changed since the night before."""
    rows = {(run.file, run.result_id): row for run, row in own}
    for nights in nights_by_task([run for run, _ in own]).values():
        for night in nights:
            row = rows.get((night.run.file, night.run.result_id))
            if row is not None and night.changed:
                row["notes"] = f"{row['notes']}; changed: {', '.join(night.changed)}"


def named_states(name: str, runs: Sequence[Run], latest: bool, nights: bool) -> list[tuple[str, list[Run]]]:
    """(name, runs) of each state of a model, the last one last; what was read in documents is of none and has the
    model's own name."""
    told = [run for run in runs if not run.measured]
    states = states_of([run for run in runs if run.measured])
    states.sort(key=lambda state: max(map(moment_of_run, state), default=NEVER))
    names = [name] * len(states)
    if len(states) > 1 and not nights:
        commits = [{run.identity.revision for run in state} for state in states]
        names = state_names(name, states)
        single = all(len(own) == 1 and COMMIT.fullmatch(*own) for own in commits)
        if single and len(set(map(min, commits))) == len(states):
            names = [state[0].identity.name for state in states]
        only = {run.key for state in states[:-1] for run in state} - {run.key for run in states[-1]}
        lost = f", and with them all that there is on {listing(sorted(only))}" if only else ""
        what = f"each is shown under its own name (--latest: the last alone): {listing(names, 5)}"
        if latest:
            what = f"{names[-1]} is shown alone (--latest), {len(names) - 1} left out: {listing(names[:-1], 5)}{lost}"
        note(f"note: {name} was measured {len(states)} times, of weights that nothing proves to be equal; {what}")
    found = [(name, states[-1])] if latest and states else list(zip(names, states, strict=False))
    return [*found, (name, told)]


def state_rows(runs: Sequence[Run], rows: Mapping[int, BoardRow], benchmarks: Benchmarks) -> list[BoardRow]:
    """The rows of one state of a model: repeats as one, and the benchmarks that its parts make up."""
    by_place = {(run.file, run.result_id): rows[id(run)] for run in reversed(runs)}
    merged, lines = merged_repeats([run for run in runs if run.measured])
    for line in lines:
        note(f"note: {line}")
    merged += [run for run in runs if not run.measured]
    found = []
    for run in merged:
        row = by_place[run.file, run.result_id]
        found.append(row if id(run) in rows else row | numbers_of(run, row["why_not"]))
    return found + whole_rows(merged, by_place, benchmarks)


def numbers_of(run: Run, why_not: str | None) -> BoardRow:
    """What of a row is another one when a run is made of several."""
    return {
        "value": run.written[0],
        "standard_error": None if run.standard_error is None else run.standard_error / run.scale,
        "n": kept_count(run.n),
        "why_not": f"not valid: {'; '.join(run.validity.reasons)[:200]}" if run.validity.reasons else why_not,
        "notes": "; ".join((record_place(Path(run.file)), *run.validity.remarks[:3])),
    }


def whole_rows(runs: Sequence[Run], rows: Mapping[tuple[str, str], BoardRow], benchmarks: Benchmarks) -> list[BoardRow]:
    """The rows of the benchmarks that parts of one state of a model make up."""
    wholes, used, _ = whole_runs([run for run in runs if run.subtask], benchmarks.vocabulary)
    found = []
    for run in wholes:
        first = rows[
            next((part.file, part.result_id) for part in used if part.key == run.key and part.file == run.file)
        ]
        known = benchmarks.mapping[run.key]
        why_not = f"a partial run ({run.incomplete})" if run.incomplete else None
        if not why_not and not ranks(run.metric, known):
            why_not = f"{run.metric} is not the metric that {known['name']} is ranked by"
        way = (run.key, run.metric, run.shots, run.harness[0])
        own = [part for part in used if (part.key, part.metric, part.shots, part.harness[0]) == way]
        unlike = [str(rows[part.file, part.result_id]["why_not"]) for part in own]
        why_not = next((text for text in unlike if text.startswith(MEASURED_ON)), why_not)
        marks = sum_of_marks([rows[part.file, part.result_id]["answers"] for part in own])
        names = {"benchmark_name": known["name"], "source_task": run.result_id, "answers": marks}
        names["reach"] = max((rows[part.file, part.result_id]["reach"] for part in own), default=first["reach"])
        found.append(first | names | numbers_of(run, why_not))
    return found
