"""The items of a run, read and written as samples: a large file in pieces, by several processes where there are cores.

Takes a TaskRun; gives a SpanRead per piece, in order. How a file is cut depends on its size alone, so that the result
does not depend on the machine.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import io
import itertools
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

from parts.formats.choices import ChoiceCheck
from parts.formats.examples import ExampleCount
from parts.formats.files import SPAN, line_spans
from parts.formats.records import as_line, plain_lines, plain_rows, record_head, sample_entry
from parts.formats.values import best_of, no_credit
from parts.formats.vocabulary import AskedItem, Counts, PlainItems, RepeatedIds, Tally, TaskRun
from parts.frame import ScriptError, fresh_place, put_in_place
from parts.harness.doubts import likeliest
from parts.records.files import open_result
from parts.records.schema import SCHEMA_VERSION

MOST_PROCESSES = 8
SpanJob, SpanMade = TypeVar("SpanJob"), TypeVar("SpanMade")


class PartFile(io.FileIO):
    """A file of a record's samples: a write that fails is a failure of the output, and never of what is read."""

    def __init__(self, path: Path, mode: str, target: Path) -> None:
        self.target = target
        super().__init__(path, mode)

    def write(self, block: Any) -> int:
        with telling_of(self.target):
            return super().write(block)


@contextlib.contextmanager
def telling_of(target: Path) -> Iterator[None]:
    """What fails within is said to be of the file that was to be made."""
    try:
        yield
    except OSError as error:
        raise ScriptError(f"{target}: could not be written: {error.strerror or error}") from error


class PartFiles:
    """The samples of a record while they are read: files in a hidden folder beside the record, of which one is made.

    That file begins with the lines of the first metric: these are joined while other processes still read.
    """

    def __init__(self, target: Path | None) -> None:
        self.target, self.opened = target, False
        self.parts: dict[str, list[Path]] = {}
        self.rows: dict[str, int] = {}
        self.digest = hashlib.sha256()  # of what is joined

    @functools.cached_property
    def folder(self) -> Path | None:
        """Where the parts lie."""
        return None if self.target is None else Path(fresh_place(self.target.parent))

    def open(self, name: str) -> Any:
        """A file to write to; None when nothing is written."""
        if self.folder is None:
            return None
        self.opened = True
        return self.made(name, "wb")

    def made(self, name: str, mode: str) -> io.BufferedWriter:
        """A file in the folder, open to be written."""
        with telling_of(self.target):
            self.folder.mkdir(0o700, parents=True, exist_ok=True)
            return io.BufferedWriter(PartFile(self.folder / name, mode, self.target), 1 << 20)

    def add(self, score: str, name: str, rows: int) -> None:
        """Take a file that `open` gave, which is closed, for the next lines of a metric."""
        self.rows[score] = self.rows.get(score, 0) + rows
        if self.folder is not None:
            self.parts.setdefault(score, []).append(self.folder / name)
            if score == next(iter(self.parts)):
                self.append(score)

    def append(self, score: str) -> None:
        """Put the files of a metric at the end of the one that is made."""
        with self.made("all", "ab") as whole_file:
            while self.parts[score]:
                path = self.parts[score].pop(0)
                with path.open("rb") as part_file:
                    while block := part_file.read(1 << 20):
                        self.digest.update(block)
                        whole_file.write(block)
                path.unlink()

    def drop(self) -> None:
        """Remove what is written."""
        if self.opened:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.parts, self.rows, self.digest = {}, {}, hashlib.sha256()

    def join(self, scores: Sequence[str]) -> tuple[str, int]:
        """Make one file of the parts of some metrics, not in place yet; its SHA-256 and its lines."""
        rows = sum(self.rows.get(score, 0) for score in scores)
        if self.folder is None:
            return "", rows
        if next(iter(self.parts)) not in scores:  # what is joined is of no use
            (self.folder / "all").unlink()
            self.digest = hashlib.sha256()
        for score in self.parts:
            if score in scores:
                self.append(score)
        return self.digest.hexdigest(), rows

    def has_the_lines_kept(self) -> bool:
        """Whether the joined file has the lines of the one in its place, in whatever order."""
        both = [self.folder / "all", self.target] if self.opened else []
        counts = []
        for path in both:
            if not path.is_file():
                return False
            with path.open("rb") as lines:
                counts.append(Counter(hashlib.sha256(line).digest() for line in lines))
        return len(counts) == 2 and counts[0] == counts[1]

    def keep(self) -> None:
        """Put the joined file in its place."""
        put_in_place(self.folder / "all", self.target)


@dataclass
class SpanRead:
    """What the items of a piece of a file came to."""

    tallies: dict[str, Tally] = field(default_factory=dict)
    counts: dict[str, Counts] = field(default_factory=dict)
    seen: set[int] = field(default_factory=set)  # hashes of ids, the same in all processes that a fork made
    files: dict[str, str] = field(default_factory=dict)  # of each metric, in the folder of PartFiles
    examples: ExampleCount = field(default_factory=ExampleCount)
    choices: ChoiceCheck = field(default_factory=ChoiceCheck)
    source_sha256: str = ""  # of the whole file, where it was read in pieces

    def take(self, later: SpanRead) -> None:
        """Join what the next piece came to; RepeatedIds when an item is in both."""
        if not self.seen:
            self.seen = later.seen
        elif self.seen.isdisjoint(later.seen):
            self.seen |= later.seen
        else:
            raise RepeatedIds
        for name, tally in later.tallies.items():
            self.tallies.setdefault(name, Tally()).take(tally)
        for name, counts in later.counts.items():
            self.counts.setdefault(name, Counts()).take(counts)
        self.choices.take(later.choices)


def read_spans(run: TaskRun, parts: PartFiles, now: int, own_ids: bool) -> SpanRead:
    """One pass over the items, each written as it is read; RepeatedIds when two are the same."""
    spans = list(enumerate(line_spans(run.sample_file) if run.in_spans else [()]))
    found, parts.opened = SpanRead(), parts.folder is not None  # by processes of their own
    digest = hashlib.sha256()
    with contextlib.ExitStack() as opened:
        source = opened.enter_context(open_result(run.sample_file) if run.in_spans else io.BytesIO())
        blocks = iter(lambda: source.read(1 << 20), b"")
        work = in_order(lambda span: read_span(run, parts, now, own_ids, *span), spans)
        for number, made in enumerate(opened.enter_context(contextlib.closing(work))):
            for block in itertools.islice(blocks, SPAN >> 20):  # while other processes still read
                digest.update(block)
            for score, name in made.files.items():
                parts.add(score, name, made.tallies[score].lines)
            found.examples = found.examples if number else made.examples
            found.take(made)
        for block in blocks:
            digest.update(block)
    return replace(found, source_sha256=digest.hexdigest() if run.in_spans else "")


def read_span(run: TaskRun, parts: PartFiles, now: int, own_ids: bool, number: int, span: Sequence[float]) -> SpanRead:
    """The items of one piece, with a file for each metric."""
    with contextlib.closing(SpanWriter(run, parts, now, number)) as writer:
        for items in run.samples(own_ids, *span):
            if type(items) is PlainItems:
                writer.add_plain(items)
            else:
                writer.add(items)
    return writer.made


class SpanWriter:
    """Takes the items of one piece, tallies them and writes their lines."""

    def __init__(self, run: TaskRun, parts: PartFiles, now: int, number: int) -> None:
        self.parts, self.number, self.made = parts, number, SpanRead()
        self.scores = {score.name: (score, best_of(score), no_credit(score)) for score in run.scores}
        head = record_head(run, now)
        self.prefixes = {score.name: samples_prefix(run, score.name, head) for score in run.scores}
        self.files: dict[str, Any] = {}

    def add(self, item: AskedItem) -> None:
        """One item; RepeatedIds when it was there before."""
        made = self.made
        if self.number == 0:
            made.examples.add(item)
        made.choices.add_chances(item)
        names = [name for name in item.values if name in self.scores]
        self.see([item.id], item.attempt, names)
        for name in names:
            score, best, lowest = self.scores[name]
            file = self.file(name)
            made.counts[name].add(item, name, lowest)
            made.choices.add(item, score)
            row = sample_entry(score, item, best)
            made.tallies[name].add(item, name, item.values[name] if "error" not in row else None)
            if file:
                file.write(self.prefixes[name] + as_line(row)[1:] + b"\n")

    def add_plain(self, items: PlainItems) -> None:
        """Some items, to the same end as each by itself."""
        made = self.made
        for at in range(min(len(items.ids), made.examples.wanted) if self.number == 0 else 0):
            made.examples.add(items.item(at))
        if items.chances:
            made.choices.chances.extend(map(likeliest, items.chances, items.choices))
        names = [name for name in items.values if name in self.scores]
        self.see(items.ids, None, names)
        rows = plain_rows(items) if self.parts.folder else None
        for name in names:
            score, best, lowest = self.scores[name]
            file, values = self.file(name), items.values[name]
            made.counts[name].take(items.counts(name, lowest))
            made.choices.add_plain(items, score)
            made.tallies[name].values.extend(values)
            if file:
                file.write(plain_lines(score, items, rows, best, self.prefixes[name]))

    def see(self, ids: Sequence[str], attempt: int | None, names: Sequence[str]) -> None:
        """Remember items; RepeatedIds when one was there before."""
        metric = names[0] if names else ""
        written = [own if own.isascii() else own.encode(errors="replace") for own in ids]  # surrogates are one
        keys = {hash((own, attempt, metric)) for own in written}
        if len(keys) < len(ids) or not self.made.seen.isdisjoint(keys):
            raise RepeatedIds
        self.made.seen |= keys

    def file(self, name: str) -> Any:
        """The file of a metric's lines; None when nothing is written."""
        if name not in self.files:
            self.made.tallies[name], self.made.counts[name] = Tally(), Counts()
            place = f"{self.number}-{len(self.files)}"
            self.files[name], self.made.files[name] = self.parts.open(place), place
        return self.files[name]

    def close(self) -> None:
        """Close the files."""
        for file in filter(None, self.files.values()):
            file.close()


def samples_prefix(run: TaskRun, score: str, head: Mapping[str, Any]) -> bytes:
    """What is the same in every samples line of a metric."""
    same = {
        "schema_version": SCHEMA_VERSION,
        "evaluation_id": head["evaluation_id"],
        "model_id": run.model.id,
        "evaluation_name": run.title,
        "evaluation_result_id": run.result_id(next(one for one in run.scores if one.name == score)),
    }
    return as_line(same)[:-1] + b","


def in_order(work: Callable[[SpanJob], SpanMade], jobs: Sequence[SpanJob]) -> Iterator[SpanMade]:
    """work(job) for each job, in their order; by several processes where there are cores (and forks, as on Linux)."""
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else 1
    count = min(cores, len(jobs), MOST_PROCESSES)
    if count < 2:
        yield from map(work, jobs)
        return
    import multiprocessing

    context = multiprocessing.get_context("fork")

    def serve(number: int, pipe: Any) -> None:
        for job in jobs[number::count]:
            try:
                pipe.send((work(job), None))
            except Exception as error:
                pipe.send((None, error))
                return

    pipes, workers = [], []
    try:
        for number in range(count):
            here, there = context.Pipe(duplex=False)
            workers.append(context.Process(target=serve, args=(number, there), daemon=True))
            workers[-1].start()
            there.close()
            pipes.append(here)
        for index in range(len(jobs)):
            try:
                made, error = pipes[index % count].recv()
            except EOFError as ended:
                raise MemoryError("a process that read it was ended") from ended
            if error is not None:
                raise error
            yield made
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
