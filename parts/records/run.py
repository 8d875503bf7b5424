"""One result of a record, read once, in one way, for every reader.

Takes a record (parsed JSON) and its file; gives a Run for each of its results: whose score, of which benchmark, under
which settings, with what became of its attempts. Every number is checked here; a damaged record is a ScriptError that
names the file.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from parts.frame import ROUNDED, ScriptError, count_in, is_number, single_line
from parts.metric_directions import metric_direction
from parts.records.attempts import Attempts, attempts_of, read_counts
from parts.records.identity import Identity, identity_of
from parts.records.schema import PREDICTIONS_WRITER
from parts.records.settings import EXAMPLE_DRAWS, SCORED, differences_of_settings, run_settings
from parts.records.shared import SharedVotes, shared_votes, unlike_opponents
from parts.statistics.intervals import CONFIDENCE, Estimate, interval_from_bounds
from parts.statistics.item_statistics import formula_of
from parts.vocabulary import (
    MEANS_OF_ALL,
    MetricMapping,
    bare_task,
    normalize_name,
    range_in_any_unit,
    same_metric,
    stated_unit,
    unit_and_range,
)

NOBODY = Identity("")
MAIN_WORDS = ("score", "main_score", "value")  # of a benchmark's own metric, where its harness gives it no name
MOST_TIMES = 10.0  # a proportion, of errors to words, that a transcript of nothing but loops still reaches
NO_FIELDS: Mapping[str, str] = MappingProxyType({})


class NoUnit(ScriptError):
    """A score that does not fit its benchmark's range, in a record that names no unit: a percentage, perhaps."""


class Answer(NamedTuple):
    """A scored item of a samples file; `group` is what it shares with others, such as a passage."""

    score: float
    item_hash: str | None
    prompt_hash: str | None
    group: str | None
    fields: Mapping[str, str] = NO_FIELDS  # what else its metadata says of it

    @property
    def attempts(self) -> tuple[int, int]:
        """(attempts that were to be made, attempts with a score) that its score is the mean of."""
        made, scored = (count_in(str(self.fields.get(name, "1"))) for name in ("attempts", "scored"))
        return (made, scored) if made is not None and scored is not None and scored <= made else (1, 1)

    @property
    def averaged(self) -> bool:
        """Whether its score can be the mean of its attempts, and not the best of them, say."""
        values = [one for one in listed_json(self.fields.get("attempt_values", "")) if is_number(one)]
        mean = math.fsum(values) / len(values) if values else 0.0
        scales = (1.0, 0.01, 100.0)
        return not values or any(math.isclose(mean * scale, self.score, abs_tol=1e-9) for scale in scales)

    def within(self, low: float, high: float, averaged: bool = True) -> tuple[float, float]:
        """The least and the greatest score of the item, attempts without one being anything from low to high.

        averaged: whether it is the mean of all of them; the ends of another reduction are not known.
        """
        made, scored = self.attempts
        if made == scored:
            return self.score, self.score
        if not averaged:
            return low, high
        return tuple((self.score * scored + (made - scored) * end) / made for end in (low, high))


def listed_json(text: str) -> list[Any]:
    """A list that stands as JSON in an item's metadata; nothing where none does."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


FULL_SHARE = 0.9  # of the items that a benchmark is known to have: editions and splits differ by less


@dataclass(frozen=True, slots=True)
class Validity:
    """reasons: why a number may not be used (then `verdict` is "no"); remarks: what is said wherever it is shown."""

    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """ok, with remarks, or no."""
        return "no" if self.reasons else "with remarks" if self.remarks else "ok"


@dataclass(frozen=True, slots=True)
class Run:
    """One metric of one record. Scores are in `unit`, percent turned into a proportion.

    repeats: the items' answers, once for each time that the items were asked; empty without samples, or unread.
    written: the score and its unit as the record has them.
    """

    key: str  # canonical benchmark, or the record's own name where metric_mapping.json has none
    subtask: str  # the part of it that was measured ("anatomy" of mmlu); empty: the whole
    metric: str
    result_id: str
    shots: str
    score: float
    standard_error: float | None
    n: int | None
    unit: str
    span: float | None
    lower_is_better: bool
    aggregation: str
    settings: Mapping[str, str]
    counts: Mapping[str, int]
    harness: tuple[str, str]
    date: str
    measured: bool
    file: str
    temperature: float | None = None
    seed: str | None = None
    hardware: str = ""
    repeats: tuple[Mapping[str, Answer], ...] = ()
    errors: frozenset[str] = frozenset()
    lost_fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of these: what their metadata says
    chance: float | None = None
    identity: Identity = NOBODY
    name: str = ""  # the record's own name of the task
    known: bool = False  # whether metric_mapping.json has its benchmark
    low: float | None = None
    high: float | None = None
    written: tuple[float, str] = (0.0, "")
    limit: str = ""
    size: int | None = None  # how many items the task has, as the record says it
    usual: int | None = None  # how many the benchmark has by metric_mapping.json
    writer: str = ""  # the program that wrote the record
    run_id: str = ""
    repeat: str = ""
    moment: str = ""  # ISO 8601 or seconds, as the record says it
    conflict: str = ""
    contradiction: str = ""  # where the numbers of its source contradict one another
    otherwise: tuple[float, str] | None = None  # the score with another option of scoring, and in words how
    lost_items: str = ""  # why its items could not be read where it was converted
    missing_samples: str = ""  # that its items were written, and are not here
    sampled: bool = False  # whether the record says that there are samples
    error_method: str = ""
    cluster_field: str = ""  # by which its own standard error is clustered
    directed: bool = True  # whether anybody says which way of the metric is better
    formula: str = ""  # how its score is made of its items' statistics; see parts/statistics/item_statistics.py
    length: float | None = None  # of an item on the average, in the units that its score is of; once its items are read
    chosen: str = ""  # which of its items count, where not all do
    times: int = 1  # of how many repeats it is the mean
    votes: SharedVotes | None = None  # the votes that it is from, which other scores may share
    validity: Validity = Validity()  # the gate's answer, once its items are read

    @property
    def other_examples(self) -> str:
        """The number of examples that its prompts hold, where that is another one than its configuration says."""
        there = self.settings.get(IN_PROMPTS, "")
        return there if there.isdecimal() and self.shots not in ("", there) else ""

    @property
    def task(self) -> str:
        """The task's name: the benchmark, and its part: "mmlu:anatomy"."""
        return f"{self.key}:{self.subtask}" if self.subtask else self.key

    @property
    def estimate(self) -> Estimate:
        """The score with its error and unit; its number of shots only where the prompts do not contradict it."""
        shots = int(self.shots) if self.shots and not self.other_examples else None
        more = {"metric": self.metric, "shots": shots, "votes": self.votes}
        return Estimate(self.score, self.standard_error, self.n, self.unit, self.lower_is_better, **more)

    @property
    def scale(self) -> float:
        """From the samples' scores to this score's unit."""
        return 0.01 if self.written[1] == "percent" else 1.0

    @property
    def corpus_level(self) -> bool:
        """Whether the score is no mean of the samples' scores."""
        return self.aggregation not in ("", "mean")

    @property
    def attempts(self) -> Attempts:
        """What became of its attempts, as far as the record tells."""
        return attempts_of(self.counts, self.n)

    @property
    def partial(self) -> str:
        """Why it is not about the whole benchmark: "10 of 120 items"; nothing where it is, or nobody knows."""
        asked, limit, size = None if self.n is None else self.n + self.attempts.lost, count_in(self.limit), self.size
        if limit is not None and limit == size and size < FULL_SHARE * (self.usual or 0):
            size = self.usual  # what a limited run calls its size is what it was limited to
        if size and limit is not None and limit < size:
            return f"{limit} of {size} items"
        # An answer that could not be read is in n where it is wrong, and beside it where it has no score.
        if size and asked is not None and asked + self.counts.get("unparsed", 0) < size:
            return f"{asked} of {size} items"
        if limit is not None and limit >= (size or self.usual or math.inf):
            return ""
        return f"limit {self.limit}" if self.limit else ""

    @property
    def incomplete(self) -> str:
        """Why it is not published as the benchmark: it is partial, or of fewer items than the benchmark has."""
        asked = None if self.n is None else self.n + self.attempts.lost
        if self.partial or self.size or not self.usual or asked is None or asked >= FULL_SHARE * self.usual:
            return self.partial
        return f"{asked} items, and {self.key} has {self.usual}"


def record_runs(path: Path, record: Mapping[str, Any], vocabulary: MetricMapping) -> list[Run]:
    """A record's results, checked; ScriptError naming the file and what is wrong with it."""
    try:
        identity = identity_of(record)
        return [result_run(path, row, record, identity, vocabulary) for row in record["evaluation_results"]]
    except NoUnit as error:
        raise NoUnit(f"{path}: {error}") from error
    except KeyError as error:
        raise ScriptError(f"{path}: unreadable record: no {error} in evaluation_results; evaluate again") from error
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ScriptError(f"{path}: unreadable record: {single_line(error)}; evaluate again, or remove it") from error


def result_run(
    path: Path, row: Mapping[str, Any], record: Mapping[str, Any], identity: Identity, vocabulary: MetricMapping
) -> Run:
    """One of a record's results; any error of looking things up means that it is damaged."""
    metric, details, task = row["metric_config"], row["score_details"], row["evaluation_name"]
    if not isinstance(task, str) or not single_line(task):
        raise ValueError(f"evaluation_name is {task!r}, not a name")
    more = metric.get("additional_details") or {}
    word = single_line(metric.get("metric_id") or metric.get("metric_name") or "score")
    found = found_benchmark(row, record, word, vocabulary)
    key, subtask = found or (bare_task(task) or single_line(task), "")
    entry = vocabulary.entries.get(key, {})
    result_id = single_line(row.get("evaluation_result_id") or f"{task}/{word}")
    extra = (row.get("generation_config") or {}).get("additional_details") or {}
    score, unit, low, high = read_score(metric, details, result_id, entry)
    scale = 0.01 if unit == "percent" else 1.0
    uncertainty = details.get("uncertainty") or {}
    error = read_error(uncertainty, result_id)
    shots = re.search(r"\|(\d{1,4})/", result_id) or re.fullmatch(r"(\d{1,4})", str(extra.get("few_shot", "")))
    notes = details.get("details") or {}
    lower, directed = direction_of(metric, entry, word, found is not None)
    usual = None if subtask else entry.get("items")
    return Run(
        key=key,
        subtask=subtask,
        metric=word,
        result_id=result_id,
        shots=str(int(shots[1])) if shots else "",
        score=score * scale,
        standard_error=None if error is None else error * scale,
        n=read_count(uncertainty.get("num_samples"), result_id),
        unit="proportion" if unit == "percent" else unit,
        span=(high - low) * scale if math.isfinite(high - low) else None,
        lower_is_better=lower,
        aggregation=str(more.get("aggregation") or ""),
        settings=run_settings(record, row, str(int(shots[1])) if shots else ""),
        counts=read_counts(notes),
        file=path.as_posix(),
        chance=chance_of(entry, word, unit, metric),
        identity=identity,
        name=single_line(task),
        known=found is not None,
        low=low * scale if math.isfinite(low) else None,
        high=high * scale if math.isfinite(high) else None,
        written=(score, unit),
        size=size_of(row, record, usual) or (entry.get("items") if entry.get("own") and not subtask else None),
        usual=usual,
        contradiction=single_line(notes.get("contradiction") or "") or outside_interval(score, uncertainty),
        **{name: single_line(notes.get(name) or "") for name in ("conflict", "lost_items", "missing_samples")},
        error_method=single_line((uncertainty.get("standard_error") or {}).get("method") or ""),
        cluster_field=single_line(first_said("cluster_by", more) or first_said("cluster", more)),
        otherwise=score_otherwise(notes, scale),
        formula=formula_of(str(more.get("statistics") or ""), str(more.get("aggregation") or "")),
        directed=directed,
        votes=shared_votes(record, row),
        **making_fields(row, record),
    )


def score_otherwise(notes: Mapping[str, Any], scale: float) -> tuple[float, str] | None:
    """The score that another option of scoring would give, where the record says it."""
    text, how = str(notes.get("score_otherwise") or ""), single_line(notes.get("otherwise_by") or "")
    found = float(text) if re.fullmatch(r"-?\d{1,12}(?:\.\d{1,20})?(?:e-?\d{1,2})?", text) else None
    return None if found is None or not how else (found * scale, how)


def found_benchmark(
    row: Mapping[str, Any], record: Mapping[str, Any], word: str, vocabulary: MetricMapping
) -> tuple[str, str] | None:
    """The benchmark of a result and its part, by its task's name, else by its data; None for an unknown one."""
    task, library = row["evaluation_name"], record.get("eval_library") or {}
    found = vocabulary.find_task(task, str(library.get("name", "")))
    if found is None and normalize_name(bare_task(task)) not in MEANS_OF_ALL:
        found = vocabulary.find_data(task, row.get("source_data") or {}, word)
    return found


def making_fields(row: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a run that say by whom, with what and when it was made."""
    library, source = record.get("eval_library") or {}, record.get("source_metadata") or {}
    generation, written = row.get("generation_config") or {}, source.get("additional_details") or {}
    extra = generation.get("additional_details") or {}
    return {
        "harness": (single_line(library.get("name") or "unknown"), single_line(library.get("version") or "")),
        "date": record_day(record),
        "measured": source.get("source_type") != "documentation",
        "temperature": (generation.get("generation_args") or {}).get("temperature"),
        "seed": None if extra.get("seed") is None else str(extra["seed"]),
        "hardware": single_line(", ".join(str(extra[k]) for k in ("hardware", "gpu", "device") if extra.get(k))),
        "limit": limit_of(row, record),
        "writer": single_line(written.get("converter") or source.get("source_name") or ""),
        "run_id": single_line(first_said("run_id", written, library.get("additional_details"))),
        "repeat": single_line(extra.get("repeat") or ""),
        "moment": str(record.get("evaluation_timestamp") or record.get("retrieved_timestamp") or ""),
        "sampled": bool(record.get("detailed_evaluation_results")),
    }


def direction_of(metric: Mapping[str, Any], entry: Mapping[str, Any], word: str, known: bool) -> tuple[bool, bool]:
    """(whether less is better, whether anybody says so): the record, or the benchmark's entry for its own metric.

    Nobody says it where the record contradicts the entry, or the metric's own name ("wer", of which more is better).
    """
    unsaid = str((metric.get("additional_details") or {}).get("direction") or "") == "unknown"
    stated = None if unsaid else metric.get("lower_is_better")
    if not isinstance(stated, bool | None):
        raise ValueError(f"lower_is_better is {single_line(stated)!r}, neither true nor false")
    wanted = entry.get("lower_is_better")
    if entry.get("own"):
        if None not in (wanted, stated) and wanted != stated:
            raise ValueError(
                f"of {entry['name']} less is {'better' if wanted else 'worse'} by its entry, and not by the record"
            )
    elif not known or not (same_metric(word, str(entry.get("metric"))) or word in MAIN_WORDS):
        wanted = None
    other = metric_direction(word) if wanted is None else wanted
    lower = stated if stated is not None else wanted if unsaid else other
    return lower is True, lower is not None and other in (None, lower)


def setting_differences(one: Run, two: Run) -> dict[str, tuple[str, str]]:
    """In what two results of one task were measured differently: name -> both values.

    Which system's ratings were scored is no difference between two models, where both say it.
    """
    found = unlike_scales(one, two) | differences_of_settings(one.settings, two.settings, one.writer == two.writer)
    for run in (one, two) if one.writer == two.writer else ():
        for name in () if run.sampled else READ_OFF_ITEMS:  # of a run without any the configuration speaks for both
            if run.settings.get(name, "unknown") == "unknown":
                found.pop(name, None)
    if found.keys() & set(EXAMPLE_DRAWS) and same_prompts(one, two):
        found = {name: values for name, values in found.items() if name not in EXAMPLE_DRAWS}
    if opponents := unlike_opponents(one.votes, two.votes):
        found["opponents"] = opponents
    if one.identity.key != two.identity.key and SCORED in one.settings and SCORED in two.settings:
        found.pop(SCORED, None)
    return found


def same_prompts(one: Run, two: Run) -> bool:
    """Whether two runs are known to have asked the items that both have with the same prompts."""
    if not one.repeats or not two.repeats:
        return False
    pairs = [(answer, two.repeats[0][name]) for name, answer in one.repeats[0].items() if name in two.repeats[0]]
    return bool(pairs) and all(a.prompt_hash and a.prompt_hash == b.prompt_hash for a, b in pairs)


IN_PROMPTS = "examples_in_prompts"
READ_OFF_ITEMS = (IN_PROMPTS, "aggregation")
NO_ONE_SCALE = 20.0  # times a score of unknown unit above another one of at most 1: percent beside proportions, perhaps


def unlike_scales(one: Run, two: Run) -> dict[str, tuple[str, str]]:
    """As setting_differences, of unit and range alone: scores on two scales are never compared, whatever is allowed."""
    highs = one.high, two.high
    beyond = any(
        high is not None and other.high is None and other.score > high
        for high, other in zip(highs, (two, one), strict=True)
    )
    scores = sorted((abs(one.score), abs(two.score)))
    unlike = one.unit != two.unit
    if not unlike and one.unit == "unknown":
        unlike = 0 < scores[0] <= 1 < scores[1] and scores[1] > NO_ONE_SCALE * scores[0]
    if not unlike and one.unit != "proportion":
        unlike = beyond or (None not in highs and highs[0] != highs[1])
    texts = tuple(
        f"{run.score:g} {run.unit}{'' if run.high is None else f' of at most {run.high:g}'}" for run in (one, two)
    )
    found = {"unit": texts} if unlike else {}
    if one.lower_is_better != two.lower_is_better and one.directed and two.directed:
        found["better"] = tuple("lower" if run.lower_is_better else "higher" for run in (one, two))
    return found


def without_rounding(value: float, low: float, high: float) -> float:
    """A score, or the end of its range which only the last digits of a float lie beyond: sacrebleu's best BLEU is
    100.00000000000004."""
    end = min(max(value, low), high)
    return end if abs(value - end) <= 1e-9 * max(1.0, abs(end)) else value


def read_score(
    metric: Mapping[str, Any], details: Mapping[str, Any], result_id: str, entry: Mapping[str, Any]
) -> tuple[float, str, float, float]:
    """(score, unit, lowest, highest) as the record has them; ValueError when it is no number of that range."""
    value = details["score"]
    unit, low, high = unit_and_range(metric, entry)
    if not is_number(value):
        raise ValueError(f"the score of {result_id} is {value!r}, not a finite number")
    lowest, highest = range_in_any_unit(metric, entry)
    value = without_rounding(value, max(low, lowest), min(high, highest))
    if not max(low, lowest) <= value <= min(high, highest):
        possible = lowest <= value <= highest
        low, high, any_unit = (low, high, "") if possible else (lowest, highest, " in whatever unit")
        text = f"the score {value} of {result_id} is outside its range, {low:g} to {high:g}{any_unit}"
        asked = possible and not stated_unit(metric)
        raise NoUnit(f"{text}, and the record names no unit") if asked else ValueError(text)
    if unit == "proportion" and abs(value) > MOST_TIMES:
        raise ValueError(f"the score {value} of {result_id} is no proportion")
    return value, unit, low, high


def read_error(uncertainty: Mapping[str, Any], result_id: str) -> float | None:
    """A score's standard error: as recorded, else from its confidence interval."""
    error = (uncertainty.get("standard_error") or {}).get("value")
    if error is not None:
        if not (is_number(error) and error >= 0):
            raise ValueError(f"the standard error of {result_id} is {error!r}, not a positive number")
        return float(error)
    interval = uncertainty.get("confidence_interval") or {}
    low, high, level = interval.get("lower"), interval.get("upper"), interval.get("confidence_level", CONFIDENCE)
    if is_number(low) and is_number(high) and low <= high and is_number(level) and 0 < level < 1:
        return interval_from_bounds(low, high, level)
    return None


def outside_interval(score: float, uncertainty: Mapping[str, Any]) -> str:
    """What is wrong with a score that lies outside of its own confidence interval; one about zero says how far."""
    interval = uncertainty.get("confidence_interval") or {}
    low, high = interval.get("lower"), interval.get("upper")
    if not (is_number(low) and is_number(high)) or low <= 0 <= high:
        return ""
    room = ROUNDED * max(1.0, abs(score))
    return "" if low - room <= score <= high + room else f"{score:g} with a confidence interval of {low:g} to {high:g}"


def read_count(count: Any, result_id: str) -> int | None:
    """How many items a score is about."""
    if count is not None and not (is_number(count) and count == int(count) >= 0):
        raise ValueError(f"num_samples of {result_id} is {count!r}, not a number of items")
    return None if count is None else int(count)


NO_LIMITS = {"", "none", "null", "-1", "0", "0.0", "false"}
LIMIT_OPTION = re.compile(r"(?:^|\s)(?:--(limit)|--(max[-_]samples)|-L)(?:\s+|=)[\"']?([\w.-]+)")


def limit_of(row: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The number of items that a run was limited to, as it was given; nothing without a limit.

    It is looked for wherever converters put it: among a result's settings, beside its data, with the harness, in the
    command. "max_samples" is a limit but for inspect, where it says how many are asked at a time.
    """
    library, generation = record.get("eval_library") or {}, row.get("generation_config") or {}
    beside = library.get("additional_details") or {}
    places = [generation.get("additional_details"), generation.get("generation_args"), beside, generation]
    places += [(row.get("source_data") or {}).get("additional_details")]
    other = [] if "inspect" in str(library.get("name", "")).lower() else ["max_samples"]
    places = [place for place in places if place]
    said = [single_line(first_said(name, *places)) for name in ("limit", "limit_samples", *other)]
    if command := first_said("command", beside, *places) or first_said("execution_command", *places):
        said += [match[3] for match in LIMIT_OPTION.finditer(command) if other or not match[2]]
    limit = next((one for one in said if one.lower() not in NO_LIMITS), "")
    return re.sub(r"^(\d+)\.0+$", r"\1", limit)


def size_of(row: Mapping[str, Any], record: Mapping[str, Any], usual: int | None) -> int | None:
    """How many items a record says that its task has. None where that is but how many lines a file of predictions has,
    of a benchmark that has more (`usual`)."""
    source = row.get("source_data") or {}
    count = source.get("samples_number", (source.get("additional_details") or {}).get("samples_number"))
    size = int(count) if re.fullmatch(r"[1-9]\d{0,8}", str(count)) else None
    lines = (record.get("source_metadata") or {}).get("source_name") == PREDICTIONS_WRITER
    return None if size and lines and size < FULL_SHARE * (usual or 0) else size


def first_said(name: str, *places: Any) -> str:
    """The first text of this name in some places."""
    for place in places:
        if isinstance(place, dict) and place.get(name) not in (None, ""):
            return str(place[name])
    return ""


def record_day(record: Mapping[str, Any]) -> str:
    """The day of the measurement (UTC), or nothing."""
    stamp = str(record.get("evaluation_timestamp") or record.get("retrieved_timestamp") or "")
    if re.fullmatch(r"\d{1,11}(?:\.\d+)?", stamp):
        return datetime.fromtimestamp(float(stamp), UTC).date().isoformat()
    return stamp[:10] if re.match(r"\d{4}-\d\d-\d\d", stamp) else ""


def chance_of(entry: Mapping[str, Any], metric: str, unit: str, config: Mapping[str, Any]) -> float | None:
    """The score of guessing by metric_mapping.json, as a proportion, when the result is of the benchmark's metric."""
    bare = re.sub(r"^(?:acc|accuracy)_(?:norm|bytes)\b", "accuracy", metric)  # guessing is no better by weighed choices
    same = entry.get("metric") is None or same_metric(bare, entry["metric"]) or metric == "score"
    if (
        not same
        or unit not in ("proportion", "percent")
        or config.get("lower_is_better")
        or entry.get("chance") is None
    ):
        return None
    return entry["chance"] * (0.01 if entry["unit"] == "percent" else 1)
