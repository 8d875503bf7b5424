"""Foreign runs written as records, once, with what went wrong said."""

from __future__ import annotations

import array
import contextlib
import json
import math
import os
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from parts.formats.corpus_items import checked_formula
from parts.formats.every_eval_ever import EeeChecks, eee_settle
from parts.formats.records import as_document, as_line, record_head, record_uuid, result_entry
from parts.formats.spans import PartFiles, SpanRead, read_spans
from parts.formats.values import (
    SAME_SCORE,
    conflict,
    outside_items,
    outside_range,
    part,
    settings_details,
    unrounded,
    with_standard_error,
)
from parts.formats.vocabulary import (
    LIBRARIES,
    Conversion,
    MigratedRecord,
    RepeatedIds,
    Report,
    ScoreRead,
    Tally,
    TaskRun,
    Trouble,
    file_digest,
    reason_of,
    short_slug,
)
from parts.frame import ScriptError, is_number, listing, option_words, single_line, write_whole
from parts.inputs import input_bytes, strict_json
from parts.metric_directions import is_no_score
from parts.metric_ranges import is_item_mean
from parts.outputs import take_away
from parts.records.schema import strings
from parts.statistics.intervals import error_doubt

UNKNOWN_RULE = "unknown"  # the aggregation of a score that its items do not make by any rule that is known


class Converter:
    """Writes records; knows what was found out so far."""

    def __init__(self, output: Path, dry: bool) -> None:
        self.output, self.dry, self.report = output, dry, Report()
        self.told: set[str] = set()
        self.done: dict[Path, Conversion] = {}  # what was made for each place
        self.new: set[Path] = set()  # places that were free before

    def convert(self, run: TaskRun) -> None:
        """Write one task's record, or its failure."""
        file = str(run.origin.path)
        counted = [score.name for score in run.scores if is_no_score(run.origin.format, score.name, run.task)]
        if counted:
            names = ", ".join(single_line(name) for name in counted)
            if names not in self.told:  # once for all files that have the same
                self.told.add(names)
                self.report.notes.append(Trouble(file, f"counts, spreads, lengths, no scores: {names}", run.task))
            left = tuple(score for score in run.scores if score.name not in counted)
            run = replace(run, scores=left, failure=run.failure if left or run.failure else f"it has only {names}")
        wrong = {score.name: text for score in run.scores if (text := outside_range(score))}
        wrong |= several_values(run)
        if wrong:
            left = tuple(score for score in run.scores if score.name not in wrong)
            run = replace(run, scores=left, failure=None if left else "; ".join(wrong.values()))
            self.report.failures += [Trouble(file, text, run.task) for text in wrong.values() if left]
        if run.failure is not None:
            path = self.write_failure(run)
            self.report.failures.append(Trouble(file, run.failure, run.task, str(path)))
            return
        if "/" not in run.model.id and run.model.id not in self.told:
            self.told.add(run.model.id)
            way = option_words("--model-id", f"OWNER/{run.model.id}")
            told = f"{run.model.id} names no owner, which a datastore of records asks for: {way}"
            self.report.notes.append(Trouble(file, told))
        name = record_uuid(run)
        path = self.output / "data" / run.place / f"{name}.json"
        old = self.before(path)
        now = int(old["retrieved_timestamp"]) if old else int(time.time())
        parts = PartFiles(None if self.dry else path.with_name(f"{name}_samples.jsonl"))
        try:
            read, trouble = self.read_samples(run, parts, now)
            if doubt := read.examples.contradiction(run.shots):
                self.report.notes.append(Trouble(file, doubt, run.task))
                run = replace(run, settings={**run.settings, "examples_in_prompts": str(read.examples.number)})
            if doubt := read.choices.doubt:
                self.report.notes.append(Trouble(file, doubt, run.task))
            lost = {"lost_items": trouble} if trouble else {}
            if run.samples is None and run.promised:
                trouble = "the samples file is missing, and the log says that it was written"
                lost = {"missing_samples": "the log says that they were written"}
            elif run.samples is None and run.lost:
                trouble, lost = run.lost, {"lost_items": run.lost}
            if lost:
                lost = {name: single_line(text)[:200] for name, text in lost.items()}
                run = replace(run, counts={**run.counts, **lost})
            record, rows = self.assemble(run, parts, read, now)
            if trouble:
                where = f"{run.sample_file.name}: " if run.sample_file else ""
                self.report.failures.append(
                    Trouble(file, f"its items are left out: {where}{trouble}", run.task, str(run.sample_file or ""))
                )
            self.take(Conversion(path, record, run, rows), old, parts)
        except OSError as error:
            raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error
        finally:
            parts.drop()

    def supersede(self, run: TaskRun, reason: str) -> None:
        """Leave out a run that another one completes; what an earlier conversion said of its failure goes."""
        told = Trouble(str(run.origin.path), reason, run.task)
        self.report.skipped.append(told)
        self.report.notes.append(told)  # a number that is here and not shown is never left out in silence
        if not self.dry:
            failure = self.output / "data" / run.place / f"{record_uuid(run, 'failure')}_failure.json"
            take_away(failure)

    def before(self, path: Path) -> dict[str, Any] | None:
        """The record that is in a place already: of this conversion, or of an earlier one."""
        return self.done[path].record if path in self.done else old_record(path)

    def take(self, made: Conversion, old: dict[str, Any] | None, parts: PartFiles) -> None:
        """Keep a record, with its samples, where its place is free or the record there is of the same files, or fewer.

        Any text can say that it is another run: what other files say otherwise is a conflict, in which the record of an
        earlier conversion stays, and of two in one conversion neither is taken.
        """
        path, first = made.path, self.done.get(made.path)
        ours, there = sources(made.record), sources(old)
        stays = path not in self.new and path.is_file()
        file = first.run.origin.path if first and not stays else path
        told = Trouble(str(made.run.origin.path), f"the same run as in {file}", made.run.task)
        more = bool(there) and ours > there
        fewer = bool(ours) and there > ours
        if first and not stays and first.run.origin.path.parent != made.run.origin.path.parent:
            more = fewer = False  # what lies beside another copy of a result file need not be of its run
        if more and stays and (unlike := not_made_of_items(made.record)):
            wrong = f"items lie beside a copy of its file that do not make its score ({listing(unlike)}): it stays"
            self.report.conflicts.append(replace(told, reason=f"{wrong}; are they its own, take a new --output-dir"))
            return
        alike = bool(ours) and ours == there
        if old is not None and not (alike or more or fewer or says_the_same(old, made.record, parts)):
            wrong = "it is there, made of another file" if stays else "neither is taken"
            wrong = f"{file} says that the same run is another ({wrong}): move one of them away"
            self.report.conflicts.append(replace(told, reason=wrong))
            self.take_back(path)
            return
        if first and not more:
            self.report.skipped.append(told)
            return
        if more and part(made.record, "detailed_evaluation_results") != part(old or {}, "detailed_evaluation_results"):
            told = replace(told, reason="its items lie beside it, which the record that is there did not have: taken")
            self.report.notes.append(told)
        if not first and fewer:  # some of them are no longer here
            self.report.unchanged.append(replace(made, record=old))
            return
        if old is None:
            self.new.add(path)
        samples = path.with_name(f"{path.stem}_samples.jsonl")
        if first:
            self.forget(path)
        self.done[path] = made
        if old == made.record and not self.dry and (not made.rows or samples.is_file()):
            self.report.unchanged.append(made)
            return
        if not self.dry:
            self.put(path, made.record, parts, made.rows, old is not None)
        self.report.written.append(made)

    def forget(self, path: Path) -> None:
        """Report a record no more."""
        for reported in (self.report.written, self.report.unchanged):
            reported[:] = [made for made in reported if made is not self.done.get(path)]

    def take_back(self, path: Path) -> None:
        """Remove a record that this conversion has made, with its samples."""
        if path in self.new:
            self.forget(path)
            self.new.remove(path)
            for written in () if self.dry else (path, path.with_name(f"{path.stem}_samples.jsonl")):
                take_away(written)

    def migrate(self, old: MigratedRecord) -> None:
        """Write a record of an older version in this one, with its samples."""
        name = record_uuid(TaskRun(origin=old.origin, task=old.title, title=old.title, model=old.model, scores=()))
        place = f"{short_slug(old.title)}/{old.model.place}"
        path = self.output / "data" / place / f"{name}.json"
        record, sums, checks, lines = old.record, {}, EeeChecks(), 0
        parts = PartFiles(None if self.dry else path.with_name(f"{name}_samples.jsonl"))
        try:
            with contextlib.ExitStack() as opened:
                file = opened.enter_context(parts.open("lines")) if old.lines and not self.dry else None
                for row in old.lines() if old.lines else ():
                    checks.check("sample", row)
                    own, score = row.get("evaluation_result_id"), part(row, "evaluation").get("score")
                    if not row.get("error") and is_number(score):
                        total, count = sums.get(own, (0.0, 0))
                        sums[own] = (total + score, count + 1)
                    lines += 1
                    if file:
                        file.write(as_line(row) + b"\n")
            if lines:
                parts.add("", "lines", lines)
            eee_settle(record, {own: total / count for own, (total, count) in sums.items()})
            checksum, rows = parts.join([""]) if parts.rows else ("", 0)
            if rows:
                entry = {"format": "jsonl", "file_path": f"data/{place}/{name}_samples.jsonl", "total_rows": rows}
                record["detailed_evaluation_results"] = entry | {"hash_algorithm": "sha256", "checksum": checksum}
            checks.check("record", record)
            record["source_metadata"]["additional_details"] |= hashes_beside(old)
            run = TaskRun(origin=old.origin, task=old.title, title=old.title, model=old.model, scores=())
            self.take(Conversion(path, record, run, rows), self.before(path), parts)
        except OSError as error:
            raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error
        finally:
            parts.drop()

    def put(self, path: Path, record: dict[str, Any], parts: PartFiles, rows: int, known: bool) -> None:
        """The samples first, so that a record is never without them; `known` when there is an earlier record."""
        if rows:
            parts.keep()
        write_whole(path, as_document(record), durable=False)  # thousands, and made again as quickly
        if not rows and known:
            take_away(parts.target)

    def read_samples(self, run: TaskRun, parts: PartFiles, now: int) -> tuple[SpanRead, str | None]:
        """Read and write out the items; (nothing, reason) when they cannot be used."""
        if run.samples is None:
            return SpanRead(), None
        for own_ids in (True, False):
            try:
                read = read_spans(run, parts, now, own_ids)
                return read, None if read.tallies else "none of them has a value of one of its metrics"
            except RepeatedIds:
                parts.drop()
                reason = "two of its items have the same id"
            except ScriptError:
                raise
            except Exception as error:  # whatever a damaged or hostile file provokes
                parts.drop()
                return SpanRead(), reason_of(error)
        return SpanRead(), reason

    def assemble(self, run: TaskRun, parts: PartFiles, read: SpanRead, now: int) -> tuple[dict[str, Any], int]:
        """The record, and how many lines its samples have."""
        results, kept = [], []
        for score in run.scores:
            tally = read.tallies.get(score.name)
            lost = lost_filter(run, score, read)
            score, usable = self.settle(run, score, tally, read.choices.contradiction(score.name), lost)
            if usable and (gone := missing_items(run, score, read)):
                self.report.failures.append(Trouble(str(run.origin.path), f"its items are left out: {gone}", run.task))
                score, usable = replace(score, details={**score.details, "lost_items": gone}), False
            if usable:
                kept.append(score.name)
            elif tally:
                tally = Tally(values=tally.values)
            known: dict[str, Any] = read.counts[score.name].details if usable else {}
            if usable and read.choices.likeliest is not None:
                known |= {"likeliest_choice": f"{read.choices.likeliest:.3g}"}
            results.append(result_entry(run, score, tally if usable else None, known))
            if doubt := doubt_of_error(score, results[-1]):
                self.report.notes.append(Trouble(str(run.origin.path), doubt, run.result_id(score)))
        record = record_head(run, now) | {"evaluation_results": results}
        record["source_metadata"]["additional_details"] |= hashes_beside(run, read.source_sha256)
        rows = 0
        if kept:
            checksum, rows = parts.join(kept)
            record["detailed_evaluation_results"] = self.samples_entry(run, checksum, rows, read.source_sha256)
        return record, rows

    def settle(
        self, run: TaskRun, score: ScoreRead, tally: Tally | None, wrong: str | None, lost: str | None
    ) -> tuple[ScoreRead, bool]:
        """The score checked against its items, and whether these go into the record; `wrong`: what is against it;
        `lost`: what it means that it has none."""
        if tally is None or not (tally.values or tally.errors):
            return (self.in_conflict(run, score, lost) if lost else score), False
        wrong = wrong or outside_items(score, tally)
        if wrong:
            return self.in_conflict(run, score, wrong), False
        if score.aggregation is None:
            score = replace(score, aggregation="mean")
            if (doubt := conflict(score, tally)) and (rule := other_rule(score, tally)):
                if rule == UNKNOWN_RULE:
                    told = f"{doubt}, and it does not say how it is made of them: no verdicts from them"
                    self.report.notes.append(Trouble(str(run.origin.path), told, run.result_id(score)))
                return replace(score, aggregation=rule), True
        wrong = conflict(score, tally)
        if wrong and tally.by_item and not conflict(score, Tally(array.array("d", tally.items))):
            return replace(score, aggregation="mean over items of the mean over repeats"), True
        if wrong:
            return self.in_conflict(run, score, wrong), False
        formula, other = checked_formula(score, tally)
        if other and score.doubt:
            return self.in_conflict(run, score, f"{other}: {score.doubt}"), False
        if other:
            self.report.notes.append(Trouble(str(run.origin.path), other, run.result_id(score)))
            score = replace(score, details={**score.details, "items_make": other})
        score = replace(score, formula=formula)
        return with_standard_error(unrounded(score, tally), tally), True

    def in_conflict(self, run: TaskRun, score: ScoreRead, wrong: str) -> ScoreRead:
        """A score that what was kept beside it contradicts: kept, and said, for no reader to use."""
        self.report.conflicts.append(Trouble(str(run.origin.path), wrong, run.result_id(score)))
        return replace(score, details={**score.details, "conflict": wrong})

    def samples_entry(self, run: TaskRun, checksum: str, rows: int, source: str) -> dict[str, Any]:
        """A record's reference to its samples; `source`: the SHA-256 of the file that they are from, where known."""
        details = {}
        if run.sample_file is not None:
            details = {"source_file": single_line(run.sample_file.name)}
            details["source_sha256"] = source or file_digest(run.sample_file)
        return {
            "format": "jsonl",
            "file_path": f"data/{run.place}/{record_uuid(run)}_samples.jsonl",
            "hash_algorithm": "sha256",
            "checksum": checksum,
            "total_rows": rows,
            "additional_details": details,
        }

    def write_failure(self, run: TaskRun) -> Path:
        """Say on disk that a task gave no score, and why."""
        path = self.output / "data" / run.place / f"{record_uuid(run, 'failure')}_failure.json"
        seconds = run.moment.seconds
        content = {
            "failure_version": "1",
            "task": single_line(run.task),
            "model_id": run.model.id,
            "weights_sha256": run.model.weights_sha256,
            "path": run.model.path,
            "error": run.failure,
            "time": None if seconds is None else str(int(seconds)),
            "settings": strings(settings_details(run.settings)),
            "eval_library": {"name": LIBRARIES[run.origin.format], "version": run.version},
            "source": {"file": single_line(run.origin.path.name), "sha256": run.origin.sha256},
            "log": [],
        }
        if not self.dry:
            write_whole(
                path, json.dumps(content, indent=1, ensure_ascii=False).encode(errors="replace").decode() + "\n"
            )
        return path


def other_rule(score: ScoreRead, tally: Tally) -> str | None:
    """By what else than their mean the items may make a score whose file does not say it; None where that is all.

    A metric that is a mean by its name is one, but where it may count those that have no value here.
    """
    divided = tally.ratio[0] / tally.ratio[1] if tally.ratio[1] else math.inf
    if abs(divided - score.value) <= SAME_SCORE * max(1.0, abs(score.value)):
        return "ratio of sums"
    total, many = sum(tally.values), tally.lines
    with_lost = tally.errors and total / many - SAME_SCORE <= score.value <= (total + tally.errors) / many + SAME_SCORE
    return None if is_item_mean(str(score.details.get("metric", score.id))) and not with_lost else UNKNOWN_RULE


def not_made_of_items(record: Mapping[str, Any]) -> list[str]:
    """The results of a record that has items, which these do not make by a rule that is known."""
    found = []
    for result in record["evaluation_results"]:
        rule = part(result, "metric_config", "additional_details").get("aggregation")
        details = part(result, "score_details", "details")
        if rule == UNKNOWN_RULE or details.get("scored") == "0" or {"conflict", "items_make"} & details.keys():
            found.append(single_line(result.get("evaluation_result_id")))
    return found


def several_values(run: TaskRun) -> dict[str, str]:
    """The names under which a run has several numbers, with what is said of each: none of them is taken."""
    numbers: dict[str, list[float]] = {}
    for score in run.scores:
        numbers.setdefault(score.name, []).append(score.value)
    return {
        name: f"{single_line(name)} has several values ({', '.join(f'{value:g}' for value in values[:3])})"
        for name, values in numbers.items()
        if len(values) > 1
    }


def lost_filter(run: TaskRun, score: ScoreRead, read: SpanRead) -> str | None:
    """What is wrong when a samples file has the answers of other filters of a metric, and none of this one."""
    metric = score.name.partition(",")[0]
    alike = [own.name for own in run.scores if own.filter and own.name.partition(",")[0] == metric]
    if score.filter is None or not any(read.tallies[name].lines for name in alike if name in read.tallies):
        return None
    return f"its samples file has no answer of the filter {score.filter}, and has those of another (a file cut off?)"


def missing_items(run: TaskRun, score: ScoreRead, read: SpanRead) -> str | None:
    """What is said where fewer items are here than the file says that its score is of, though their mean is the same.

    By the metric of which most are: harnesses have metrics of some items alone.
    """
    alike = [read.tallies[own.name] for own in run.scores if own.filter == score.filter and own.name in read.tallies]
    there = max(tally.lines for tally in alike)  # no fewer than items: some count each time that one was asked
    if score.count is None or there >= score.count:
        return None
    return f"{there} of the {score.count} items that the file states are here (a file cut off?)"


def doubt_of_error(score: ScoreRead, result: dict[str, Any]) -> str:
    """What is said of a standard error that cannot be of so many items."""
    config, uncertainty = result["metric_config"], result["score_details"]["uncertainty"]
    low, high = config.get("min_score"), config.get("max_score")
    if score.aggregation != "mean" or config["metric_unit"] not in ("proportion", "percent") or None in (low, high):
        return ""
    span, error, clusters = high - low, score.standard_error or 0.0, score.scorer.get("cluster_by")
    method = "clustered" if clusters else score.method or ""
    return error_doubt((score.value - low) / span, error / span, uncertainty.get("num_samples"), method)


def hashes_beside(run: TaskRun | MigratedRecord, items_sha256: str = "") -> dict[str, str]:
    """The SHA-256 of the files that are read beside a result file; `items_sha256`: that of the items file, if known."""
    known = {run.sample_file: items_sha256}
    files = dict.fromkeys(path for path in (run.sample_file, *run.beside) if path not in (None, run.origin.path))
    found = {single_line(path.name): known.get(path) or file_digest(path) for path in files}
    return {"beside_sha256": json.dumps(found, sort_keys=True)} if found else {}


def sources(record: Mapping[str, Any] | None) -> set[tuple[str, str]]:
    """The files that a record was made of, by name, each with its SHA-256; the result file's name tells nothing."""
    details = part(record or {}, "source_metadata", "additional_details")
    items = part(record or {}, "detailed_evaluation_results", "additional_details")
    beside = {str(items.get("source_file")): items.get("source_sha256")}  # all that earlier versions of this kept
    with contextlib.suppress(ValueError, TypeError):
        beside = dict(strict_json(str(details.get("beside_sha256")).encode()))
    whole = details.get("sha256")
    found = [("", whole), *((str(name), digest) for name, digest in beside.items() if digest != whole)]
    return {(name, digest) for name, digest in found if isinstance(digest, str)}


def says_the_same(old: Mapping[str, Any], new: Mapping[str, Any], parts: PartFiles) -> bool:
    """Whether two records of one place are of one run in two forms of file: the items may be in another order."""
    both = [says_of_run(old), says_of_run(new)]
    if both[0] == both[1]:
        return True
    for told in both:
        told["detailed_evaluation_results"].pop("checksum", None)
    return both[0] == both[1] and parts.has_the_lines_kept()


def says_of_run(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a record says, but for when and of which file it was made."""
    told = {name: value for name, value in record.items() if name != "retrieved_timestamp"}
    for name in ("source_metadata", "detailed_evaluation_results"):
        told[name] = {key: value for key, value in part(record, name).items() if key != "additional_details"}
    return told


def old_record(path: Path) -> dict[str, Any] | None:
    """The record of an earlier conversion; None when there is none, or a damaged one."""
    with contextlib.suppress(ValueError, ScriptError):
        if not os.path.lexists(path):
            return None
        record = strict_json(input_bytes(path))
        if isinstance(record, dict) and str(record.get("retrieved_timestamp")).isdecimal():
            return record
    return None
