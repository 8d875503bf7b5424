"""The items of a result: the lines of the samples file beside its record, read and checked in one way.

Takes a record's file and the record; gives the lines of each result, what they say together (ItemFacts), and the
answers item by item, once for each time that the items were asked. A damaged file is a ScriptError that names it.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parts.frame import ROUNDED, ScriptError, is_number, single_line
from parts.inputs import MAX_SAMPLES, input_bytes, json_values, stored_lines, strict_json_line
from parts.records.run import NO_FIELDS, Answer, Run
from parts.statistics.item_statistics import score_of_items, statistic_of
from parts.vocabulary import normalize_name

CLUSTER_FIELDS = ("cluster_id", "passage_id", "question_id")  # in a sample's metadata: items that belong together
REPEAT_FIELDS = ("epoch", "repeat", "attempt")  # what tells repeats of an item apart
OWN_PLACE = frozenset((*REPEAT_FIELDS, "prompt_hash"))  # what an answer keeps elsewhere than among its fields
ONE_PROMPT = "prompt "  # begins the name of a group of items that were asked with one and the same
INDEPENDENT = "none"  # --cluster-by none: the items are independent, whatever their metadata share
ITEM_MEANS = ("", "mean", "mean over items of the mean over repeats")
CHOICE_METRICS = {"accuracy", "acc", "accnorm", "exactmatch"}  # of which guessing among the choices is the floor
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What the lines of a result say together.

    rows: how many attempts; unscored: those without a score; factor: from their scores to the run's score when that is
    their mean, else None; mean: of the scored ones, on the run's scale if there is one; chance: of guessing, by their
    choices; empty: blank written answers; scores: of each attempt, None where it has none; stated: whether each scored
    one has a statistic of a score of the whole corpus, and corpus: that score by them, where it is one of sums or
    classes.
    """

    rows: int
    unscored: int
    factor: float | None
    mean: float | None
    chance: float | None
    empty: int
    scores: Sequence[float | None]
    stated: bool = False
    corpus: float | None = None


def samples_path(file: str | Path) -> Path:
    """Where the samples of a record lie: beside it."""
    path = Path(file)
    return path.with_name(f"{path.stem}_samples.jsonl")


def read_sample_lines(path: Path, record: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]] | None:
    """The lines of the samples file beside a record by result id (or task, where they name none); None without one.

    ScriptError when it is not the file that the record was written with, or is damaged.
    """
    file, details = samples_path(path), record.get("detailed_evaluation_results")
    details = details if isinstance(details, dict) else {}
    if not file.exists():
        return None
    content = input_bytes(file, MAX_SAMPLES)
    checksum = details.get("checksum")
    if checksum and details.get("hash_algorithm") == "sha256" and hashlib.sha256(content).hexdigest() != checksum:
        raise ScriptError(f"{file}: not the file that its record was written with (checksum); evaluate again")
    evaluation = record.get("evaluation_id")
    rows = json_values(content)
    sound = rows is not None and set(map(type, rows)) == {dict}
    if not sound or any(row.get("evaluation_id", evaluation) != evaluation for row in rows):
        rows = list(rows_one_by_one(file, content, evaluation))
    count = len(rows)
    if is_number(details.get("total_rows")) and details["total_rows"] != count:
        raise ScriptError(f"{file}: {count} lines, its record says {details['total_rows']}; evaluate again")
    names = [row.get("evaluation_result_id") or row.get("evaluation_name") or "" for row in rows]
    if names and type(names[0]) is str and names.count(names[0]) == count:
        return {single_line(names[0]): rows}
    by_name: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for name, row in zip(names, rows, strict=True):
        by_name[single_line(str(name))].append(row)
    return dict(by_name)


def rows_one_by_one(file: Path, content: bytes, evaluation: Any) -> Iterator[dict[str, Any]]:
    """The lines of a samples file, one by one; ScriptError that says which one is damaged, or of another record."""
    for line, text in enumerate(stored_lines(file, content), start=1):
        if not text.strip():
            continue
        try:
            row = strict_json_line(text)
        except ValueError as error:
            why = single_line(error)[:200]
            raise ScriptError(f"{file}: line {line} is not valid JSON: {why}; evaluate again") from error
        if not isinstance(row, dict):
            raise ScriptError(f"{file}: line {line} is no object; evaluate again")
        if row.get("evaluation_id", evaluation) != evaluation:
            raise ScriptError(f"{file}: line {line} belongs to another record ({row.get('evaluation_id')})")
        yield row


def rows_of_run(run: Run, found: Mapping[str, Rows] | None) -> Rows:
    """The lines about a result."""
    return (found or {}).get(run.result_id) or (found or {}).get(run.name) or ()


def sample_score(row: Mapping[str, Any]) -> float | None:
    """An attempt's score; None when it has none. ValueError when it is no number."""
    if row.get("error"):
        return None
    score = row["evaluation"]["score"]
    if type(score) is float and -1e300 < score < 1e300:  # nearly all, and the check below is slow
        return score
    if not is_number(score):
        raise ValueError(f"the score of item {single_line(row.get('sample_id'))} is {score!r}, not a number")
    return float(score)


def facts_of_items(run: Run, rows: Rows) -> ItemFacts | None:
    """What the lines about a result say together; None without any. ScriptError when they are damaged."""
    if not rows:
        return None
    try:
        if {type(row.get("metadata")) for row in rows} - {dict, type(None)}:
            raise ValueError("metadata is no object")
        names, scores = [str(row["sample_id"]) for row in rows], list(map(sample_score, rows))
        chance = chance_of_choices(run, rows)
        empty = sum(map(is_blank, rows))
        stated, corpus = corpus_of_rows(run, rows) if run.formula else (False, None)
    except KeyError as error:
        raise ScriptError(f"{samples_path(run.file)}: {run.result_id}: no {error} in it; evaluate again") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ScriptError(f"{samples_path(run.file)}: {run.result_id}: {single_line(error)}; evaluate again") from error
    once = len(set(names)) == len(names)
    if not once:
        check_item_repeats(names, rows, f"{samples_path(run.file)}: {run.result_id}")
    values = [score for score in scores if score is not None]
    if not values:  # of a score that is no mean of them, the lines have none of their own: nothing is lost
        lost = 0 if run.corpus_level and run.n else len(rows)
        return ItemFacts(len(rows), lost, None, None, chance, empty, scores)
    means = [math.fsum(values) / len(values)]
    if not once:
        by_item: dict[str, list[float]] = defaultdict(list)
        for name, score in zip(names, scores, strict=True):
            if score is not None:
                by_item[name].append(score)
        means.append(math.fsum(math.fsum(own) / len(own) for own in by_item.values()) / len(by_item))
    factor = next(
        (
            factor
            for mean in means
            for factor in dict.fromkeys((run.scale, 1.0, 100.0 if run.unit != "proportion" else 1.0))
            if abs(mean * factor - run.score) <= ROUNDED * max(1.0, abs(run.score))
        ),
        None,
    )
    return ItemFacts(
        len(rows), len(rows) - len(values), factor, means[0] * (factor or 1.0), chance, empty, scores, stated, corpus
    )


def corpus_of_rows(run: Run, rows: Rows) -> tuple[bool, float | None]:
    """(whether each scored item has a statistic, the score of the whole by them, None where that is not known)."""
    found = [statistic_of(row.get("metadata") or {}, run.formula) for row in rows if not row.get("error")]
    if not found or None in found:
        return False, None
    score = score_of_items(found, run.formula)
    return True, None if score is None else run.scale * score


def check_item_repeats(names: Sequence[str], rows: Rows, where: str) -> None:
    """ScriptError when an item is there twice by mistake, or was not asked as often as the others."""
    counts = Counter(names)
    most = max(counts.values())
    if most > 1 and not all(any(name in (row.get("metadata") or {}) for name in REPEAT_FIELDS) for row in rows):
        twice = next(name for name, count in counts.items() if count > 1)
        raise ScriptError(
            f"{where}: item {twice} occurs {counts[twice]} times, and no metadata "
            f"({', '.join(REPEAT_FIELDS)}) tells repeats apart; evaluate again"
        )
    if min(counts.values()) != most:
        raise ScriptError(f"{where}: not every item was repeated as often as the others; evaluate again")


def is_blank(row: Mapping[str, Any]) -> bool:
    """Whether a written answer is blank."""
    answers = (row.get("output") or {}).get("raw")
    return bool(answers) and "choices" not in row["input"] and not any(text.strip() for text in answers)


def chance_of_choices(run: Run, rows: Rows) -> float | None:
    """One in so many as the items have choices, on average, where the metric is the share of right ones."""
    if run.unit != "proportion" or run.lower_is_better or normalize_name(run.metric) not in CHOICE_METRICS:
        return None
    counts = [len((row.get("input") or {}).get("choices") or ()) for row in rows]
    return None if min(counts) < 2 else math.fsum(1 / count for count in counts) / len(counts)


def with_answers(run: Run, rows: Rows, cluster_by: str | None = None, facts: ItemFacts | None = None) -> Run:
    """The run with its items, on the scale of its score; ScriptError when lines cannot be told apart.

    facts: what the lines say together, where that was found before.
    """
    facts = facts or facts_of_items(run, rows)
    if facts is None:
        return run if run.aggregation else replace(run, aggregation="mean")
    factor = facts.factor if facts.factor is not None and run.aggregation in ITEM_MEANS else 1.0
    cluster_by = cluster_by or run.cluster_field or None
    repeats: list[dict[str, Answer]] = []
    counts: dict[str, int] = {}
    lost: dict[str, Mapping[str, str]] = {}
    for row, score, group in zip(rows, facts.scores, sharing_groups(rows, cluster_by), strict=True):
        name = str(row["sample_id"])
        index = counts[name] = counts.get(name, -1) + 1
        if index == len(repeats):
            repeats.append({})
        metadata = row.get("metadata") or NO_FIELDS
        more = metadata.keys() - OWN_PLACE
        fields = {k: str(v) for k, v in metadata.items() if k in more and v is not None} if more else NO_FIELDS
        if score is None:
            lost[name] = fields
            continue
        digest, prompt = row.get("sample_hash"), metadata.get("prompt_hash")
        digest, prompt = None if digest is None else str(digest), None if prompt is None else str(prompt)
        repeats[index][name] = Answer(score * factor, digest, prompt, group, fields)
    mean = facts.factor is not None and run.aggregation in ITEM_MEANS
    aggregation = "mean" if mean else run.aggregation or "not the mean of its items"
    return replace(run, repeats=tuple(repeats), errors=frozenset(lost), lost_fields=lost, aggregation=aggregation)


def sharing_groups(rows: Rows, cluster_by: str | None) -> list[str | None]:
    """What each line's item shares with others: the field that is asked for or declared, a usual one, or the prompt.

    Items of which several were asked with one and the same prompt are not independent of one another.
    """
    if cluster_by == INDEPENDENT:
        return [None] * len(rows)
    details = [row.get("metadata") or {} for row in rows]
    names = (cluster_by,) if cluster_by else CLUSTER_FIELDS
    known = set().union(*details)
    if cluster_by or not known.isdisjoint(names):
        found = []
        for row, own in zip(rows, details, strict=True):
            values = (value for name in names if (value := own.get(name)) not in (None, ""))
            value = next(values, row.get(cluster_by) if cluster_by else None)
            found.append(None if value in (None, "") else str(value))
        if cluster_by or any(group is not None for group in found):
            return found
    prompts = [prompt_of(row) for row in rows]
    said = set(prompts)
    if len(said) == len(rows):
        return [None] * len(rows)
    if len(said) == 1 and "prompt_hash" not in known:
        return [None] * len(rows)  # one question for all: what tells them apart is not in it
    asked: dict[str, set[str]] = defaultdict(set)
    for prompt, row in zip(prompts, rows, strict=True):
        asked[prompt].add(str(row["sample_id"]))
    return [f"{ONE_PROMPT}{prompt}" if prompt and len(asked[prompt]) > 1 else None for prompt in prompts]


def prompt_of(row: Mapping[str, Any]) -> str:
    """The hash of what was asked: of the prompt as sent, else of the question; "" where neither is known."""
    if known := (row.get("metadata") or NO_FIELDS).get("prompt_hash"):
        return str(known)
    asked = row.get("input")
    question = asked.get("raw") if isinstance(asked, Mapping) else None
    if not isinstance(question, str) or not question:
        return ""
    return hashlib.sha256(question.encode(errors="replace")).hexdigest()[:16]
