"""What records say of each checkpoint of a run: scores, settings, items; each bound to its weights."""

from __future__ import annotations

import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from operator import attrgetter
from pathlib import Path, PurePosixPath
from typing import Any

from parts.checkpoints import Checkpoint, is_adapter, model_files_sha256, weights_sha256
from parts.frame import ScriptError, listing, nearest, note, single_line
from parts.inputs import input_text
from parts.records.attempts import Attempts
from parts.records.files import is_trainer_log, read_record, record_files
from parts.records.identity import identity_of, one_model
from parts.records.items import (
    CLUSTER_FIELDS,
    INDEPENDENT,
    REPEAT_FIELDS,
    Lines,
    SampleLine,
    sharing_groups,
    with_answers,
)
from parts.records.lost import possible_mean
from parts.records.reading import ReadResult, read_results
from parts.records.repeats import distinct_runs, full_repeats, mean_run
from parts.records.run import Run
from parts.statistics.corpus import FORMULAS, classes_of, statistics_array
from parts.statistics.grouping import explaining_field, may_group
from parts.statistics.intervals import ItemScores, clustered_standard_error
from parts.statistics.item_statistics import statistic_of
from parts.tables import progress
from parts.vocabulary import STEP_FORMULAS, MetricMapping
from parts.yaml_tree import load_yaml

MOST_ASKED = 20  # checkpoints nearest to the best, of which it is asked whether a field of the items matters


@dataclass(frozen=True, slots=True)
class Result:
    """A run of a checkpoint, with its items as arrays where they average to its score."""

    run: Run
    attempts: Attempts
    samples: Samples | None = None
    ends: tuple[float, float] | None = None  # its least and greatest score, where its items tell what was lost

    key = property(attrgetter("run.key"), doc="The benchmark.")
    subtask = property(attrgetter("run.subtask"), doc="The part of it; empty: the whole.")
    task = property(attrgetter("run.task"), doc="Benchmark and part.")
    metric = property(attrgetter("run.metric"), doc="What is measured.")
    result_id = property(attrgetter("run.result_id"), doc="The record's own name of it.")
    file = property(attrgetter("run.file"), doc="Where it stands.")
    score = property(attrgetter("run.estimate"), doc="The score with its error.")


@dataclass(frozen=True, slots=True)
class Samples:
    """One result's items as its samples file has them, in the order of `keys`.

    keys: sample id, hash and number of the repetition; clusters: a name for items that share a passage or a question,
    else None; scores: (items,) array on the record's scale, NaN where the answer could not be scored. raters: who
    judged each, "" where nobody is named. columns: what the items' metadata say that could group them, where nobody has
    said which of them belong together.
    """

    keys: tuple[tuple[str, str, int], ...]
    clusters: tuple[str | None, ...]
    scores: Any
    items_digest: str
    prompts_digest: str | None
    formula: str = ""
    statistics: tuple[Any, ...] = ()  # of each item, None where it has none; see parts/statistics/corpus.py
    lost: tuple[Any, ...] = ()  # the statistics of empty answers to the lost ones, None where nothing has them
    scale: float = 1.0
    raters: tuple[str, ...] = ()
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def make_result(reading: ReadResult, cluster_by: str | None, known: dict[str, Any]) -> Result:
    """A reading as the ranking keeps it; known: what several files have in common, kept once."""
    facts, run = reading.facts, reading.run
    usable = facts is not None and (facts.stated or (facts.factor is not None and not run.corpus_level))
    samples = make_samples(reading, cluster_by or run.cluster_field or None, known) if usable else None
    run = replace(run, counts={"empty": facts.empty} | dict(run.counts)) if facts else run
    return Result(run, reading.attempts, samples, ends_by_items(reading) if usable else None)


def ends_by_items(reading: ReadResult) -> tuple[float, float] | None:
    """The least and the greatest mean of a result's items, whatever its lost attempts would have got; None where none
    was lost, or nothing bounds it."""
    run, ends = reading.run, attempt_ends(reading.run)
    if not reading.attempts.lost or run.corpus_level or None in ends:
        return None
    run = with_answers(run, reading.lines, INDEPENDENT, reading.facts)
    names = {(run.subtask, name) for name in run.errors.union(*run.repeats)}
    return possible_mean([run], names, {run.subtask: 1.0}, *ends)


def attempt_ends(run: Run) -> tuple[float | None, float | None]:
    """The least and the greatest score of one attempt."""
    return (0.0, 1.0) if run.unit == "proportion" and not run.lower_is_better else (run.low, run.high)


def make_samples(reading: ReadResult, cluster_by: str | None, known: dict[str, Any]) -> Samples:
    """Samples from the lines about one result, in the order of their keys."""
    import numpy as np

    seen: dict[tuple[str, str], int] = {}
    found = {}
    for line in reading.lines:
        item = line.name, line.digest or ""
        seen[item] = place = seen.get(item, 0) + 1
        found[*item, place] = line
    keys = tuple(sorted(found))
    lines = [found[key] for key in keys]
    scores = np.array([math.nan if line.score is None else line.score for line in lines], float)
    metadata = [line.metadata for line in lines]
    prompts = [own.get("prompt_hash") for own in metadata]
    items_digest, run = digest_of(keys), reading.run
    columns = grouping_columns(metadata) if cluster_by is None else {}
    corpus = run.formula if reading.facts.stated else ""
    return Samples(
        known.setdefault(items_digest, keys),
        sample_clusters(keys, lines, cluster_by, known),
        scores * (reading.facts.factor or 1.0),
        items_digest,
        "" if None in prompts else digest_of(tuple(map(str, prompts))),
        corpus,
        tuple(own_statistic(line, corpus) for line in lines) if corpus else (),
        tuple(statistic_of(line.metadata, corpus) for line in lines if line.failed) if corpus else (),
        run.scale,
        raters_of(metadata),
        known.setdefault(digest_of(("columns", *sorted(columns.items()))), columns),
    )


def raters_of(metadata: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Who judged each item; () where nobody is named."""
    found = tuple(own.get("rater") or "" for own in metadata)
    return tuple(map(str, found)) if any(found) else ()


def grouping_columns(own: Sequence[Mapping[str, Any]]) -> dict[str, tuple[str, ...]]:
    """The fields of the items' metadata that could group them: name -> each item's value."""
    names = [name for name in own[0] if name not in (*REPEAT_FIELDS, *CLUSTER_FIELDS, "prompt_hash")] if own else []
    columns = {name: tuple(None if one.get(name) is None else str(one[name]) for one in own) for name in names}
    return {name: values for name, values in columns.items() if may_group(name, values)}


def grouped_unasked(items: ItemScores, columns: Mapping[str, Sequence[str]]) -> ItemScores:
    """The items drawn together by the field that explains how the checkpoints' differences agree, if one does."""
    import numpy as np

    if not columns or len(items.scores) < 2 or items.formula or items.raters is not None:
        return items
    means = np.nanmean(items.scores, axis=1)
    best = int(means.argmax())
    near = [i for i in np.abs(means - means[best]).argsort(kind="stable") if i != best][:MOST_ASKED]
    found = []
    for i in near:
        known = ~np.isnan(items.scores[[best, i]]).any(axis=0)
        _, sharing = np.unique(items.clusters[known], return_inverse=True)
        ways = [sharing] if sharing.max() + 1 < len(sharing) else []
        own = {name: np.array(values)[known] for name, values in columns.items()}
        told = explaining_field((items.scores[i] - items.scores[best])[known], own, ways, len(near))
        found += [told] if told else []
    if not found:
        return items
    name, effect = max(found, key=lambda pair: pair[1])
    _, groups = np.unique(columns[name], return_inverse=True)
    return replace(items, clusters=groups, grouped_by=(name, effect))


def mean_result(results: Sequence[Result]) -> Result:
    """One result for some repeats: the mean of scores and of each item; an item that one of them lost has none."""
    import numpy as np

    run = mean_run([result.run for result in results])
    for line in full_repeats([result.run for result in results])[1]:
        note(f"note: {run.task}: {line}")
    if any(run is result.run for result in results):  # the others are copies, or not valid
        return next(result for result in results if result.run is run)
    kept = {id(one) for one in distinct_runs(full_repeats([result.run for result in results])[0])[0]}
    results = [result for result in results if id(result.run) in kept]
    made = [result.attempts.made for result in results]
    attempts = Attempts(None if None in made else sum(made), sum(result.attempts.lost for result in results))
    samples = [result.samples for result in results]
    alike = None not in samples and len({one.items_digest for one in samples}) == 1 and not samples[0].formula
    if alike:
        first = samples[0]
        scores = np.mean([one.scores for one in samples], axis=0)
        samples = [replace(first, scores=scores)]
        run = with_error_of(run, samples[0])
    ends = [(result.score.value,) * 2 if not result.attempts.lost else result.ends for result in results]
    both = None if None in ends else tuple(math.fsum(own) / len(own) for own in zip(*ends, strict=True))
    return Result(run, attempts, samples[0] if alike else None, both)


def with_error_of(run: Run, samples: Samples) -> Run:
    """The mean of repeats with the error of its items' means: smaller than that of one repeat, as these differ.

    Where an item has no score, or there is one group of them alone, the error stays the mean of the repeats'.
    """
    import numpy as np

    names = [name or f" {place}" for place, name in enumerate(samples.clusters)]
    if run.standard_error is None or len(set(names)) < 2 or not np.isfinite(samples.scores).all():
        return run
    error = clustered_standard_error(samples.scores, names) * run.scale
    return replace(run, standard_error=min(error, run.standard_error))


def own_statistic(line: SampleLine, formula: str) -> tuple[Any, ...] | None:
    """What an item adds to a score of the whole corpus; None where it has no score."""
    return None if line.failed else statistic_of(line.metadata, formula)


@cache
def digest_of(parts: tuple[Hashable, ...]) -> str:
    """A short hash of some values in their order; kept, since many checkpoints have the same ones."""
    return hashlib.blake2b(repr(parts).encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def sample_clusters(
    keys: Sequence[tuple[str, str, int]], lines: Lines, cluster_by: str | None, known: dict[str, Any]
) -> tuple[str | None, ...]:
    """The cluster of each item: what it shares with others, or the item that repeats."""
    repeated = set() if cluster_by else {key[:2] for key in keys if key[2] > 1}
    clusters = tuple(
        group if group is not None else " ".join(key[:2]) if key[:2] in repeated else None
        for key, group in zip(keys, sharing_groups(lines, cluster_by), strict=True)
    )
    return known.setdefault(digest_of(clusters), clusters)


def align_items(samples: Mapping[Checkpoint, Mapping[str, Samples]]) -> dict[str, ItemScores]:
    """Task -> items of all checkpoints, for the tasks of which every checkpoint has samples.

    Items are the same when id, hash and repetition are; one that a checkpoint lacks is NaN there.
    """
    import numpy as np

    rows = list(samples.values())
    aligned = {}
    for task in dict.fromkeys(task for own in rows for task in own):
        if not all(task in own for own in rows):
            continue
        parts = [own[task] for own in rows]
        formulas = {part.formula for part in parts}
        if len(formulas) > 1 or (formulas != {""} and not same_items(parts)):
            continue  # nothing to resample where some have no statistics, or scores by rank are of other items
        keys = parts[0].keys
        if any(part.keys is not keys for part in parts):
            keys = tuple(sorted({key for part in parts for key in part.keys}))
        places = {key: i for i, key in enumerate(keys)}
        scores = np.full((len(parts), len(keys)), math.nan)
        clusters: list[str | None] = [None] * len(keys)
        for i, part in enumerate(parts):
            where = slice(None) if part.keys is keys else [places[key] for key in part.keys]
            scores[i, where] = part.scores
        for part in {id(part.clusters): part for part in parts}.values():
            for key, cluster in zip(part.keys, part.clusters, strict=True):
                clusters[places[key]] = clusters[places[key]] or cluster
        numbers: dict[Any, int] = {}
        marks = [
            numbers.setdefault(key if name is None else name, len(numbers))
            for key, name in zip(keys, clusters, strict=True)
        ]
        ids = tuple(key[0] if key[2] == 1 else f"{key[0]}#{key[2]}" for key in keys)
        judged = {key: rater for part in parts for key, rater in zip(part.keys, part.raters, strict=False)}
        names, raters = np.unique([judged.get(key, "") for key in keys], return_inverse=True)
        items = ItemScores(ids, np.array(marks), scores, raters=raters if 1 < len(names) < len(keys) else None)
        items = with_statistics_of(parts, places, items)
        alike = all(part.keys is keys and part.columns is parts[0].columns for part in parts)
        aligned[task] = grouped_unasked(items, parts[0].columns) if alike else items
    return aligned


def same_items(parts: Sequence[Samples]) -> bool:
    """Whether every checkpoint has a statistic of every item, or the score can do without."""
    every = all(part.keys == parts[0].keys and None not in part.statistics for part in parts)
    return every or not FORMULAS[parts[0].formula].by_rows


def with_statistics_of(parts: Sequence[Samples], places: Mapping[Any, int], items: ItemScores) -> ItemScores:
    """The items with what they add to a score of the whole corpus, where it is one; places: of each key."""
    import numpy as np

    formulas = {part.formula for part in parts}
    if formulas == {""}:
        return items
    formula = formulas.pop()
    known = [one for part in parts for one in part.statistics if one is not None]
    classes = classes_of(known, formula)
    found = None
    for i, part in enumerate(parts):
        own = [(places[key], one) for key, one in zip(part.keys, part.statistics, strict=True) if one is not None]
        rows = statistics_array([one for _, one in own], formula, classes)
        found = np.zeros((*items.scores.shape, rows.shape[1])) if found is None else found
        found[i, [place for place, _ in own]] = rows
    return replace(items, formula=formula, statistics=found, scale=parts[0].scale)


def samples_by_task(
    chosen: Mapping[Checkpoint, Sequence[Result]], cluster_by: str | None = None
) -> dict[Checkpoint, dict[str, Samples]]:
    """The samples of the chosen results that average to the recorded score, by checkpoint and task.

    None of scores from one file of votes that tells how far each is above the others: their votes are mostly others'.
    """
    files = Counter(
        (result.task, result.run.votes.file) for rows in chosen.values() for result in rows if in_votes(result)
    )
    found = {
        checkpoint: {
            result.task: result.samples for result in results
            if result.samples is not None and not (in_votes(result) and files[result.task, result.run.votes.file] > 1)
        }
        for checkpoint, results in chosen.items()
    }  # fmt: skip
    everything = [samples for own in found.values() for samples in own.values()]
    asked = cluster_by not in (None, INDEPENDENT)
    if asked and everything and all(set(samples.clusters) == {None} for samples in everything):
        raise ScriptError(f"--cluster-by {cluster_by}: no sample has it, neither in its metadata nor beside it")
    return found


def in_votes(result: Result) -> bool:
    """Whether a score is of votes that tell how far it is above others'."""
    return result.run.votes is not None and bool(result.run.votes.gaps)


class Owners:
    """Finds the checkpoint that a record is about: by the hash of its weights, else by path and folder name.

    Results of the same weights that were read with other files are refused.
    """

    def __init__(self, checkpoints: Sequence[Checkpoint]) -> None:
        self.checkpoints = checkpoints
        self.hashes: dict[Checkpoint, str] = {}
        self.files: dict[Checkpoint, str] = {}
        self.by_hash: dict[str, Checkpoint] = {}
        self.by_name_alone: list[str] = []  # the checkpoint of each record that has no hash of its weights
        self.by_name: dict[str, list[tuple[Checkpoint, tuple[str, ...]]]] = defaultdict(list)
        self.known: dict[tuple[str, ...], Checkpoint | None] = {}
        for checkpoint in checkpoints:
            path = checkpoint.path.resolve()
            self.by_name[path.name].append((checkpoint, path.parts))

    def weights(self, checkpoint: Checkpoint) -> str:
        """The hash of a checkpoint's weights."""
        if checkpoint not in self.hashes:
            try:
                self.hashes[checkpoint] = weights_sha256(checkpoint.path)
            except OSError as error:
                raise ScriptError(f"{checkpoint.path}: weights not readable: {error.strerror or error}") from error
        return self.hashes[checkpoint]

    def is_read_alike(self, checkpoint: Checkpoint, digest: str) -> bool:
        """Whether the files beside a checkpoint's weights have this hash; of an adapter's base they are not here."""
        if not digest or is_adapter(checkpoint.path):
            return True
        if checkpoint not in self.files:
            self.files[checkpoint] = model_files_sha256(checkpoint.path)
        return self.files[checkpoint] == digest

    def with_weights(self, digest: str) -> Checkpoint | None:
        """The checkpoint whose weights have this hash."""
        if len(self.by_hash) < len(self.checkpoints):
            self.by_hash = {self.weights(c): c for c in reversed(self.checkpoints)}
        return self.by_hash.get(digest)

    def named(self, path: str) -> Checkpoint | None:
        """The checkpoint with this folder name whose path has the other folders of `path`, in order."""
        parts = [part for part in PurePosixPath(path).parts if part not in ("..", ".", "/")]
        for checkpoint, folders in self.by_name.get(parts[-1], ()) if parts else ():
            rest = iter(folders)
            if all(part in rest for part in parts):
                return checkpoint
        return None

    def of(self, record: Mapping[str, Any], file: Path) -> Checkpoint | None:
        """The record's checkpoint, or None when it is about another model; ScriptError for results of other weights."""
        info = record.get("model_info") if isinstance(record.get("model_info"), dict) else {}
        details = info.get("additional_details") or record
        if not isinstance(details, dict):
            return None
        said = (str(details.get(name) or "") for name in ("weights_sha256", "path", "model_files_sha256"))
        below = str(details.get("subfolder") or details.get("gguf_file") or "").rstrip("/").rsplit("/", 1)[-1]
        about = *said, below, "failure" if record.get("failure") else ""
        if about not in self.known:  # a checkpoint's records all say the same of it
            self.known[about] = self.found(*about, file)
        return self.known[about]

    def found(self, digest: str, path: str, files: str, below: str, failure: str, file: Path) -> Checkpoint | None:
        """As `of`, by what a record says of its model."""
        named = self.named(path)
        if named and not digest and below and below != named.path.name:
            return None  # another model in that folder
        if not digest:
            self.by_name_alone += [named.name] if named else []
            return named
        owner = named if named and self.weights(named) == digest else self.with_weights(digest)
        if failure:
            return owner
        if owner and not self.is_read_alike(owner, files):
            raise ScriptError(
                f"{file}: results of the weights of {owner.path} with another config.json, tokenizer or template than "
                "those there: evaluate it again, or remove the record"
            )
        if named and not owner:
            raise ScriptError(
                f"{file}: results of other weights: {named.path} has changed since; evaluate it again, or remove the "
                "record"
            )
        return owner


def read_measured(
    folders: Sequence[Path],
    checkpoints: Sequence[Checkpoint],
    vocabulary: MetricMapping,
    cluster_by: str | None = None,
    base: Checkpoint | None = None,
) -> tuple[dict[Checkpoint, list[Result]], list[dict[str, Any]], list[str]]:
    """Results by checkpoint, tasks that failed and were not measured since, and the model of each record of others.

    base: another model whose results are read, too, by its id.
    """
    owners = Owners(checkpoints)
    results: dict[Checkpoint, list[Result]] = defaultdict(list)
    failed, strangers, meant, known = [], [], [], {}
    read = [(path, read_record(path, trainer=True)) for path in progress(record_files(folders), "reading records")]
    entries = [(path, record) for path, record in read if record is not None]
    benchmarks = [(path, record) for path, record in entries if not is_trainer_log(record)]
    if benchmarks and len(benchmarks) < len(entries):
        note(f"left out: {len(entries) - len(benchmarks)} records of what a trainer logged, no benchmark's scores")
    for path, record in benchmarks or entries:
        owner = owners.of(record, path)
        if owner is None and base is not None and (identity := identity_of(record)).answers_to(base.name):
            owner = base
            meant.append(identity)
        if record.get("failure"):
            failed += [(owner, path, record)] if owner else []
        elif owner:
            readings = read_results(path, record, vocabulary, whole=bool(cluster_by))
            results[owner] += [make_result(reading, cluster_by, known) for reading in readings]
        else:
            info = record.get("model_info")
            strangers.append(single_line(info.get("id") if isinstance(info, dict) else "")[:100] or "unnamed")
    if base is not None and meant:
        one_model(meant, base.name)
    if alone := list(dict.fromkeys(owners.by_name_alone)):
        note(
            f"note: results of {listing(alone)} count by the folder's name alone: no hash in them says which weights "
            "were measured (convert_results.py --checkpoints makes one)"
        )
    failures = []
    for owner, path, record in failed:
        task, error = single_line(record.get("task")), single_line(record.get("error"))[:200]
        library = record.get("eval_library")
        library = str(library.get("name", "")) if isinstance(library, dict) else "lighteval"
        measured = {(r.key, r.subtask) for r in results.get(owner, ())}
        if vocabulary.task_key(task, library) not in measured:
            failures.append({"checkpoint": owner.name, "task": task, "error": error, "file": path.as_posix()})
    return results, failures, strangers


def read_weights(source: str | None, vocabulary: MetricMapping) -> Mapping[str, float] | None:
    """Category -> weight, from a JSON or YAML file or the reference's own."""
    if source is None:
        return None
    if source == "reference":
        return {key: rule.weight for key, rule in STEP_FORMULAS.items()}
    value, _ = load_yaml(input_text(source, where=f"--weights {source}"), f"--weights {source}")
    if not isinstance(value, dict) or not value:
        raise ScriptError(f"--weights {source}: a mapping of category to weight is expected")
    weights = {}
    for name, weight in value.items():
        key = vocabulary.key(str(name))
        if key is None:
            raise ScriptError(f"--weights {source}: unknown name {name!r}{nearest(str(name), vocabulary.entries)}")
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight < math.inf:
            raise ScriptError(f"--weights {source}: the weight of {name} is {weight!r}, not a number of at least 0")
        weights[key] = float(weight)
    return weights
