"""Records and samples read for a comparison."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parts.comparison.again import conversion_again
from parts.comparison.chosen_items import with_chosen_items
from parts.comparison.policy import parse_policy
from parts.comparison.vocabulary import ModelRuns, Policy, TaskFailure
from parts.foreign import mapping_in
from parts.frame import ScriptError, listing, near_place, nearest, note, single_line
from parts.inputs import input_text
from parts.metric_ranges import OUTSIDE_RANGE
from parts.records.files import other_results, read_record, record_files
from parts.records.identity import Identity, identity_of, model_names, one_model
from parts.records.items import INDEPENDENT, with_answers
from parts.records.reading import read_results
from parts.records.run import Run
from parts.records.states import one_state, runs_with_settings, split_selector
from parts.tables import progress
from parts.vocabulary import MetricMapping
from parts.yaml_tree import load_yaml


def read_policy(path: str | None, vocabulary: MetricMapping) -> Policy:
    """The policy file, or the defaults."""
    if path is None:
        return Policy()
    content, _ = load_yaml(input_text(path, where=f"--policy {path}"), f"--policy {path}")
    return parse_policy(content, f"--policy {path}", lambda name: vocabulary.key(name) or name)


@dataclass(frozen=True, slots=True)
class RecordEntry:
    """A record (or failure entry) with its file, and the model that it is about."""

    path: Path
    record: Mapping[str, Any]
    identity: Identity


def read_record_entries(paths: Iterable[Path]) -> list[RecordEntry]:
    """The records and failure entries in some files."""
    found = []
    for path in progress(list(paths), "reading records"):
        record = read_record(path)
        if record is not None:
            found.append(read_record_entry(path, record))
    return found


def read_record_entry(path: Path, record: Mapping[str, Any]) -> RecordEntry:
    """The entry of a record; ScriptError when it names no model."""
    try:
        identity = identity_of(record)
    except ValueError as error:
        raise ScriptError(f"{path}: unreadable record: {error}; evaluate again") from error
    if not identity.id:
        raise ScriptError(f"{path}: unreadable record: model_info has no id; evaluate again")
    return RecordEntry(path, record, identity)


@dataclass(frozen=True, slots=True)
class AskedModel:
    """What --baseline, --candidate or --aa asks for: records, and which of them count."""

    entries: list[RecordEntry]
    what: str  # the option and its value, for messages
    name: str
    settings: Mapping[str, str] = field(default_factory=dict)
    date: str | None = None


class Library:
    """The records below the folders of --results, read when they are first asked for."""

    def __init__(self, folders: Sequence[str] | None) -> None:
        self.folders = [Path(folder) for folder in folders or ()]
        self.found: list[RecordEntry] | None = None

    def entries(self) -> list[RecordEntry]:
        """All of them."""
        if self.found is None:
            self.found = read_record_entries(record_files(self.folders))
        return self.found

    def lookup(self, source: str, flag: str) -> AskedModel:
        """The records that an option names: a file, a folder, or a model within --results [key=value]@date."""
        what = f"{flag} {source}"
        if entries := self.named(source):
            return AskedModel(entries, what, source)
        name, settings, date = split_selector(source)
        if (settings or date) and (entries := self.named(name)):
            return AskedModel(entries, what, name, settings, date)
        raise ScriptError(f"{what}: {self.why_missing(Path(name), name)}")

    def named(self, source: str) -> list[RecordEntry]:
        """The records of a file, a folder or a model's name."""
        path = Path(source)
        if path.is_file():
            return read_record_entries([path])
        entries = read_record_entries(record_files([path])) if path.is_dir() else []
        if entries or not self.folders:
            return entries
        name = path.name if path.is_dir() else source
        meant = [entry for entry in self.entries() if entry.identity.answers_to(name)]
        exact = [entry for entry in meant if entry.identity.id == name]
        others = model_names([entry.identity for entry in meant if entry.identity.id != name])
        if exact and others:  # whose record is called so decides nothing: anybody's may be
            files = listing((str(entry.path) for entry in exact), 2)
            raise ScriptError(
                f"{single_line(name)}: the id of one model, and short for others; name one of them: "
                f"{listing(others, 5)}; or the files of the one that is called just so: {files}",
                code=3,
            )
        files = {entry.path for entry in meant}
        failed = [entry for entry in self.entries() if entry.record.get("failure") and entry.path not in files]
        return meant + [entry for entry in failed if any(entry.identity.fits(one.identity) for one in meant)]

    def why_missing(self, path: Path, source: str) -> str:
        """What to say, and to try, when nothing is found."""
        if not self.folders:
            if other := other_results(path):
                return f"no record in it; {other}"
            what = "no record in it" if path.exists() else f"no such file or folder{near_place(path)}"
            return f"{what}; a model's name needs --results DIR, the folder with its records"
        models = model_names([entry.identity for entry in self.entries()])
        names = {name for entry in self.entries() for name in (*models, entry.identity.id, entry.identity.checkpoint)}
        return f"no record of it below {listing(map(str, self.folders))}" + (
            nearest(source, names - {""}) or f"; there are: {listing(models, 20)}"
            if models
            else next((f"; {told}" for told in map(other_results, self.folders) if told), ", which holds no records")
        )


def asked_model(asked: AskedModel) -> Identity:
    """The one model of some entries; one that failed says less of it than a record, and is no other model for that."""
    measured = [entry.identity for entry in asked.entries if not entry.record.get("failure")]
    others = (entry.identity for entry in asked.entries if not any(entry.identity.fits(one) for one in measured))
    return one_model([*measured, *others], asked.what, states=True)


class RunReader:
    """Turns records and their samples files into runs; every error names the file."""

    def __init__(self, vocabulary: MetricMapping, policy: Policy, latest: bool = False) -> None:
        self.vocabulary = vocabulary
        self.policy = policy
        self.latest = latest
        self.fields: set[str] = set()  # metadata fields met, to name them when --cluster-by is none of them
        self.clustered = False
        self.left_out: set[str] = set()  # tasks of which --only-items names no item

    def read_model(self, asked: AskedModel) -> ModelRuns:
        """The one state of one model that is asked for; ScriptError when there are several."""
        return self.one_night(asked, self.read_all(asked))

    def read_all(self, asked: AskedModel) -> list[Run]:
        """The runs of all states of the one model that is asked for."""
        asked_model(asked)
        records = [entry for entry in asked.entries if not entry.record.get("failure")]
        if not records:
            found = self.failures(asked.entries)
            told = "; ".join([f"{key}: {failure.error}" for key, failure in found.items()][:5])
            way = conversion_again(found.values()) or "evaluate it again"
            raise ScriptError(f"{asked.what}: all of its {len(asked.entries)} tasks failed ({told}); {way}")
        return runs_with_settings([run for entry in records for run in self.read(entry)], asked.settings)

    def one_night(self, asked: AskedModel, runs: Sequence[Run]) -> ModelRuns:
        """One state of what was read."""
        if not runs:
            wanted = ", ".join(f"{key}={value}" for key, value in asked.settings.items())
            raise ScriptError(f"{asked.what}: none of its results was made with {wanted}")
        runs, notes = one_state(runs, asked.name, asked.what, self.latest, asked.date)
        for line in notes:
            note(f"note: {asked.what}: {line}")
        own = runs[0].identity
        failed = [entry for entry in asked.entries if entry.identity.fits(own)]
        return ModelRuns(own.name, tuple(runs), self.failures(failed), tuple(notes))

    def failures(self, entries: Iterable[RecordEntry]) -> dict[str, TaskFailure]:
        """What failed, by benchmark."""
        found = {}
        for entry in (entry for entry in entries if entry.record.get("failure")):
            record = entry.record
            name = str(mapping_in(record, "eval_library").get("name") or "lighteval")
            key, _ = self.vocabulary.task_key(str(record.get("task")), name)
            error, file = single_line(record.get("error")), single_line(mapping_in(record, "source").get("file") or "")
            found[key] = TaskFailure(error[:200], file if OUTSIDE_RANGE in error else "", str(entry.path))
        return found

    def read(self, entry: RecordEntry) -> list[Run]:
        """A record's results, with their items."""
        runs = []
        cluster_by, most = self.policy.cluster_by, self.policy.max_invalid
        for reading in read_results(entry.path, entry.record, self.vocabulary, most, whole=bool(cluster_by)):
            run: Run | None = with_answers(reading.run, reading.lines, cluster_by, reading.facts)
            run = with_chosen_items(run, self.policy.items) if self.policy.items else run
            if run is None:
                self.left_out.add(reading.run.task)
                continue
            runs.append(run)
            for answer in (answer for repeat in run.repeats for answer in repeat.values()) if cluster_by else ():
                self.fields.update(answer.fields)
                self.clustered = self.clustered or answer.group is not None
        return runs

    def check_clusters(self) -> None:
        """ScriptError when --cluster-by names a field that no item has."""
        wanted = self.policy.cluster_by
        if wanted and wanted != INDEPENDENT and not self.clustered:
            have = sorted(self.fields)
            hint = nearest(wanted, have) or f"; they have: {listing(have, 20) or 'no metadata'}"
            raise ScriptError(f"--cluster-by: no item has {wanted!r} in its metadata{hint}")
