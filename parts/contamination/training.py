"""Training text: files, folders and data sets of the Hub, scanned in parts."""

from __future__ import annotations

import contextlib
import itertools
import json
import multiprocessing
import os
import re
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parts.contamination.files import (
    MEDIA_NAME,
    batch_rows,
    broken_errors,
    check_text_fields,
    copies,
    corpus_files,
    file_kind,
    first_rows,
    holds_hidden,
    holds_more,
    holds_no_text,
    is_array,
    is_plain_text,
    is_side_file,
    json_array,
    json_of_line,
    open_packed,
    table_batches,
    training_texts,
    whole_object,
)
from parts.contamination.report import MOST_PROBLEMS
from parts.contamination.scanning import BEHIND, Scanner, add_found
from parts.contamination.vocabulary import Found, Index, Part, ScanSettings, Sources
from parts.frame import ScriptError, listing, near_place, note, plural, single_line, write_whole
from parts.hub.answers import keep_token_home
from parts.hub.retry import LOG_IN
from parts.hub.token import hub_token
from parts.inputs import input_lines, is_input, open_input
from parts.names import REPO_ID
from parts.tables import progress_bar

if TYPE_CHECKING:
    import numpy as np

ONE_PROCESS = 2**25  # bytes of text for which a second process is not worth its start
LONG = 10**8  # bytes that take more than two seconds
DATASET_ID = re.compile(r"[\w.-]+/[\w.-]+|\w[\w-]*")  # or a name of old without its owner: "squad"
DATASET_PATH = re.compile(r"hf://datasets/([\w.-]+/[\w.-]+)(?:@([^/]+))?(?:/(.+))?")
CONVERTED = "refs/convert/parquet"  # the branch on which the Hub keeps a data set as parquet
WORKER: dict[str, Scanner] = {}  # of a process of the pool


def find_sources(names: Sequence[str], wanted: Sequence[str], settings: ScanSettings, items: Iterable[str]) -> Sources:
    """The parts of everything that --training names; ScriptError when a name leads nowhere, or to the items."""
    own = {os.path.realpath(name) for name in items}
    parts: dict[str, list[Part]] = {}
    left_out: list[str] = []
    unread = unopened = 0
    for name in names:
        path = Path(name)
        if path.is_dir():
            found, others, size, closed = folder_files(path)
            left_out += others
            unread += size
            unopened += closed
        elif path.is_file():
            found = [path]
        elif match := hub_name(name):
            remote, others, size = hub_parts(name, *match, wanted)
            parts |= {part.name: [part] for part in remote}
            left_out += others
            unread += size
            continue
        else:
            what = "no such file, folder or data set of the Hub (OWNER/NAME)"
            raise ScriptError(f"--training {name}: {what}{near_place(path)}")
        for file in found:
            real = os.path.realpath(file)
            if real in own:
                raise ScriptError(
                    f"--training {name}: {file} is a file of --items, too; name the training files", code=3
                )
            parts[real] = file_parts(file.as_posix(), wanted, settings)
    if not parts:
        raise ScriptError(f"--training {listing(names)}: no text in it{'; ' + left_out[0] if left_out else ''}")
    own_parts = tuple(part for of_file in parts.values() for part in of_file)
    return Sources(tuple(names), own_parts, tuple(left_out), unread, unopened)


def folder_files(folder: Path) -> tuple[list[Path], list[str], int, int]:
    """(the files of a folder that hold text, a line about the others, bytes of those that may hold text, too, pipes)

    A name alone leaves nothing out: hidden files are files. What is not read counts as unread, unless its bytes say
    that it holds no text, or are those of a file that is read. `pipes` counts folders elsewhere, too.
    """
    found, others = [], []
    for path in corpus_files(folder):
        hidden = any(name.startswith(".") for name in path.relative_to(folder).parts)
        if not is_input(path):
            read = path.is_symlink() and not path.exists() and file_kind(path.name)  # reading it says what is wrong
        else:
            read = file_kind(path.name) or (hidden and path.stat().st_size and is_plain_text(path))
        (found if read else others).append(path)
    if not others:
        return found, [], 0, 0
    links = [path for path in others if path.is_dir()]
    pipes = [path for path in others if not is_input(path) and path not in links]
    files = [path for path in others if is_input(path)]
    unsure = [path for path in files if not holds_no_text(path)]
    unread = set(unsure) - copies(unsure, found)
    kinds = [listing(sorted({path.suffix or path.name for path in files}))] if files else []
    kinds += [plural(len(pipes), "pipe")] if pipes else []
    kinds += [f"linked folders: {listing([str(path) for path in links])}"] if links else []
    line = f"{plural(len(others), 'file')} in {folder} ({'; '.join(kinds)})"
    return found, [line], sum(path.stat().st_size for path in unread), len(pipes) + len(links)


def file_parts(path: str, wanted: Sequence[str], settings: ScanSettings, name: str = "") -> list[Part]:
    """The parts of a file, `name` as it is shown; ScriptError early when it is not what its name says."""
    kind, packed = file_kind(path) or ("text", "")
    whole = Part(name or path, path, kind, packed, 0, wanted=tuple(wanted))
    try:
        kind = "text" if is_input(path) and whole_object(Path(path)) else kind
        whole = replace(whole, size=os.path.getsize(path), kind=kind)
        if kind == "text":
            with open_packed(path, packed) as file:
                refuse_binary(whole.name, file.read(8192))
        elif whole.size:
            check_text_fields(first_rows(path, kind, packed), wanted, whole.name)
            whole = replace(whole, kind=array_or_lines(path, kind, packed))
        if kind == "parquet":
            return row_group_parts(whole, settings)
    except (FileNotFoundError, PermissionError) as error:
        raise ScriptError(f"{whole.name}: {error.strerror}") from error
    except broken_errors() as error:
        if settings.skip_broken:
            return [replace(whole, broken=broken_text(whole.name, error))]
        raise ScriptError(broken_text(whole.name, error)) from error
    if packed or whole.kind in ("array", "arrow") or whole.size <= settings.part:
        return [whole]
    cuts = itertools.pairwise([*range(0, whole.size, settings.part), whole.size])
    return [replace(whole, start=start, stop=stop, size=stop - start) for start, stop in cuts]


def array_or_lines(path: str, kind: str, packed: str) -> str:
    """The kind of a file, of JSON whether it is an array or lines."""
    if kind == "lines":
        with open_packed(path, packed) as file:
            return "array" if is_array(file) else kind
    return kind


def broken_text(path: str, error: BaseException) -> str:
    """What to say of a file that cannot be read to its end."""
    why = getattr(error, "strerror", None) or single_line(error) or type(error).__name__
    return f"{path}: damaged or not what its name says: {why[:200]}; replace it, or --skip-broken"


def refuse_binary(path: str, begin: bytes) -> None:
    """ScriptError for a file that is no text in UTF-8 or a relative of it."""
    if begin.startswith((b"\xff\xfe", b"\xfe\xff")) or begin.count(b"\0") > len(begin) // 100:
        raise ScriptError(f"{path}: binary, or text in UTF-16; convert it to UTF-8, or leave it out")


def row_group_parts(whole: Part, settings: ScanSettings) -> list[Part]:
    """The parts of a parquet file: as many row groups each as have about settings.part bytes."""
    import pyarrow.parquet as pq

    with open_input(whole.path) as opened, pq.ParquetFile(opened) as file:
        sizes = [file.metadata.row_group(i).total_byte_size for i in range(file.num_row_groups)]
    parts, start, total = [], 0, 0
    for i, size in enumerate(sizes):
        total += size
        if total >= settings.part or i == len(sizes) - 1:
            parts.append(replace(whole, start=start, stop=i + 1, size=total))
            start, total = i + 1, 0
    return parts or [replace(whole, stop=0)]


def scan_part(scanner: Scanner, part: Part) -> Found:
    """What a part of the training text holds; ScriptError when it cannot be read to its end, unless that is allowed."""
    if part.repo:
        return scan_remote(scanner, part)
    if part.broken:
        scanner.found.broken.append(part.broken)
        return scanner.finish()
    try:
        if part.kind == "text":
            scan_text_part(scanner, part)
        else:
            reader = read_table if part.kind in ("parquet", "arrow") else read_json_lines
            kind = "line" if part.kind == "lines" else "row"
            scanner.scan_documents(reader(part, scanner.found), part.name, kind)
    except broken_errors() as error:
        text = broken_text(part.name, error)
        if not scanner.skip_broken:
            raise ScriptError(text) from error
        scanner.found.broken.append(text)
    return scanner.finish()


def scan_text_part(scanner: Scanner, part: Part) -> None:
    """Scan a plain text, or a range of one."""
    scanner.found.documents += part.start == 0
    with open_packed(part.path, part.packed) as file:
        base = max(0, part.start - BEHIND)
        if base:
            file.seek(base)
        scanner.scan_text(file.read, part.name, base, part.start, part.stop)


def read_json_lines(part: Part, found: Found) -> Iterator[tuple[bytes, int, int]]:
    """The texts of JSON lines (or of an array) with their numbers; what cannot be read is counted."""
    with open_packed(part.path, part.packed) as file:
        if part.kind == "array":
            for number_of_row, row in enumerate(json_array(part.path, file), start=1):
                yield from row_text(row, part, found, number_of_row, -1)
            return
        offset = part.start
        if offset:
            file.seek(offset - 1)
            offset += len(file.readline()) - 1
        for line in input_lines(file, part.name):
            if part.stop is not None and offset >= part.stop:
                return
            found.lines += 1
            if line.strip():
                try:
                    row, replaced = json_of_line(line)
                except ValueError as error:
                    report_row(part, found, found.lines, f"not valid JSON: {error}")
                else:
                    found.replaced += replaced
                    yield from row_text(row, part, found, found.lines, offset)
            offset += len(line)


def read_table(part: Part, found: Found) -> Iterator[tuple[bytes, int, int]]:
    """The texts of a table's rows with their numbers."""
    columns, size = text_columns(part)
    if not columns:
        found.rows += size
        found.without_text += size
        return
    for first, batch in table_batches(part.path, part.kind, columns, part.start, part.stop):
        rows, replaced = batch_rows(batch)
        found.replaced += replaced
        for i, row in enumerate(rows):
            yield from row_text(row, part, found, first + i, -1)


def text_columns(part: Part) -> tuple[list[str], int]:
    """(the columns of a table's part that may hold text, its rows): numbers are not worth their reading."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def may_hold_text(kind: Any) -> bool:
        number = pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
        return not (number or pa.types.is_null(kind) or pa.types.is_temporal(kind) or pa.types.is_decimal(kind))

    if part.kind == "parquet":
        with pq.ParquetFile(part.path) as file:
            groups = range(file.num_row_groups)[part.start : part.stop]
            schema, rows = file.schema_arrow, sum(file.metadata.row_group(i).num_rows for i in groups)
    else:
        schema, rows = pa.schema([]), 0
        for _, batch in table_batches(part.path, part.kind, None, 0, None):
            schema, rows = batch.schema, rows + batch.num_rows
    named = [field.name for field in schema if may_hold_text(field.type)]
    return [name for name in named if not part.wanted or name in part.wanted], rows


def row_text(row: Any, part: Part, found: Found, number_of_row: int, offset: int) -> Iterator[tuple[bytes, int, int]]:
    """The text of one row, when it has one: of all fields, or of those that were named."""
    found.rows += 1
    if isinstance(row, str):
        text = row
    elif isinstance(row, dict):
        read = part.wanted or row
        fields = {name: own for name in read if any(own := training_texts(row.get(name)))}
        names = [] if part.wanted else training_texts(dict.fromkeys(row))
        text = "\n".join(itertools.chain(names, *fields.values()))
        found.fields.update(fields.keys())
        if part.wanted:
            found.other_text += sum(
                len(piece) for name in row.keys() - part.wanted for piece in training_texts(row[name])
            )
    else:
        report_row(part, found, number_of_row, "neither an object nor a text")
        return
    hidden = [holds_hidden(row.get(name)) for name in read] if isinstance(row, dict) else []
    found.media += sum(size for _, size in hidden)
    if text.strip():
        found.unread += any(unread for unread, _ in hidden)
        yield text.encode("utf-8", "replace"), number_of_row, offset
    else:
        found.without_text += 1
        found.unread += any(training_texts(row)) or any(map(holds_more, row.values())) if isinstance(row, dict) else 0


def report_row(part: Part, found: Found, number_of_row: int, why: str) -> None:
    """Count a row that cannot be read, and remember the first of them."""
    if part.kind == "lines" and not why.startswith("neither"):
        found.rows += 1
    found.unreadable += 1
    if len(found.problems) < MOST_PROBLEMS:
        found.problems.append(
            (part.name, number_of_row, "line" if part.kind == "lines" else "row", single_line(why)[:200])
        )


def hub_name(name: str) -> tuple[str, str | None, str] | None:
    """(repo, revision, folder) of a data set's name or address, or None.

    "owner/name", "squad", "hf://datasets/owner/name@main/data"
    """
    if match := DATASET_PATH.fullmatch(name):
        return match[1], match[2], match[3] or ""
    return (name, None, "") if DATASET_ID.fullmatch(name) else None


@contextlib.contextmanager
def reading_hub(where: str) -> Iterator[None]:
    """Turn the Hub client's errors into one line that says what failed."""
    import httpx2
    from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, HFValidationError, RepositoryNotFoundError

    keep_token_home()
    try:
        yield
    except GatedRepoError as error:
        raise ScriptError(f"{where}: a gated data set; accept its conditions and run `hf auth login`") from error
    except RepositoryNotFoundError as error:
        raise ScriptError(f"{where}: no such data set, or no access to it; `hf auth login`?") from error
    except HFValidationError as error:
        raise ScriptError(f"{where}: {str(error).splitlines()[0]}") from error
    except (OSError, httpx2.HTTPError) as error:
        response = getattr(error, "response", None) if isinstance(error, HfHubHTTPError) else None
        if response is not None and response.status_code == 401:
            raise ScriptError(f"{where}: the token is not valid; {LOG_IN} again") from error
        local = getattr(error, "strerror", None)
        why = f"the answer {response.status_code}" if response is not None else local or type(error).__name__
        raise ScriptError(f"{where}: could not be read ({why}); try again later") from error


def hub_parts(
    name: str, repo: str, revision: str | None, folder: str, wanted: Sequence[str]
) -> tuple[list[Part], list[str], int]:
    """(the files of a data set at one commit, a line about the others, bytes of those that may hold text, too)

    Of the Hub's parquet copy when it has no data files that can be read. Pictures and sounds are told by their names:
    to tell them by their bytes, all of them would have to be fetched.
    """
    from huggingface_hub import HfApi

    api = HfApi(token=hub_token())
    with reading_hub(f"--training {name}: no such file or folder here{near_place(Path(name))}; on the Hub"):
        for branch in dict.fromkeys((revision, revision or CONVERTED)):
            own_name, commit, files = repo_sizes(api, repo, branch, folder)
            if any(map(is_data_file, files)):
                break
    if own_name != repo and REPO_ID.fullmatch(own_name):
        note(f"{repo} is called {own_name} on the Hub")
        repo = own_name
    if not any(map(is_data_file, files)):
        raise ScriptError(f"--training {name}: no data files that can be read (JSON lines, parquet, text)")
    kinds = {path: ("text", "") if path == ".gitattributes" else file_kind(path) for path in files}
    others = [path for path, kind in kinds.items() if not kind]
    endings = listing(sorted({os.path.splitext(path)[1] or path for path in others}))
    unread = sum(files[path] for path in others if not MEDIA_NAME.fullmatch(path))
    parts = [
        Part(
            f"hf://datasets/{repo}@{commit[:12]}/{path}",
            path,
            kind,
            packed,
            files[path],
            wanted=tuple(wanted),
            repo=repo,
            revision=commit,
        )
        for path, (kind, packed) in ((path, kind) for path, kind in kinds.items() if kind)
    ]
    return parts, [f"{plural(len(others), 'file')} in {name} ({endings})"] if others else [], unread


def is_data_file(path: str) -> bool:
    """Whether a file of a data set on the Hub holds rows or plain text, by its name."""
    kind = file_kind(path)
    text = kind and (kind[0] != "text" or path.removesuffix(kind[1]).endswith((".txt", ".csv", ".tsv")))
    return bool(text) and not is_side_file(path.rsplit("/", 1)[-1])


def repo_sizes(api: Any, repo: str, revision: str | None, folder: str) -> tuple[str, str, dict[str, int]]:
    """(the Hub's own name, commit, path -> size of the files) of a data set or a folder in it; no files where there is
    no such branch."""
    from huggingface_hub.errors import RevisionNotFoundError

    try:
        info = api.dataset_info(repo, revision=revision)
    except RevisionNotFoundError:
        return repo, "", {}
    files = {}
    for entry in api.list_repo_tree(repo, repo_type="dataset", revision=info.sha, recursive=True):
        if {"", ".", ".."} & set(entry.path.split("/")):  # no client writes that
            raise ScriptError(f"{repo}: the Hub lists {single_line(entry.path)[:100]!r}, which lies in no repository")
        size = getattr(entry, "size", None)
        inside = not folder or entry.path == folder or entry.path.startswith(f"{folder.rstrip('/')}/")
        if size and inside:
            files[entry.path] = size
    return info.id, info.sha, dict(sorted(files.items()))


def scan_remote(scanner: Scanner, part: Part) -> Found:
    """Fetch one file of a data set, scan it, and remove it: the disk holds one file for each process."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.utils import disable_progress_bars

    disable_progress_bars()
    found = Found()
    with tempfile.TemporaryDirectory(prefix="contamination-") as folder:
        with reading_hub(part.name):
            path = hf_hub_download(
                part.repo, part.path, repo_type="dataset", revision=part.revision, local_dir=folder, token=hub_token()
            )
        whole = ScanSettings(part=max(part.size, 1) * 1000, skip_broken=scanner.skip_broken)
        for own in file_parts(path, part.wanted, whole, part.name):
            add_found(found, scan_part(scanner, own), 0)
    return found


def save_indexes(indexes: Sequence[Index], folder: Path) -> None:
    """Write the indexes as files that several processes map into their memory."""
    import numpy as np

    for i, index in enumerate(indexes):
        numbers = {}
        for one in fields(Index):
            value = getattr(index, one.name)
            if isinstance(value, int):
                numbers[one.name] = value
                continue
            try:
                np.save(folder / f"{i}_{one.name}.npy", value)
            except OSError as error:
                raise ScriptError(f"{folder}: {error.strerror or error}; set TMPDIR, or --workers 1") from error
        write_whole(folder / f"{i}.json", json.dumps(numbers))


def load_indexes(folder: Path) -> list[Index]:
    """The indexes of save_indexes; their arrays share the memory of all processes that load them."""
    import numpy as np

    found = []
    while (path := folder / f"{len(found)}.json").is_file():
        numbers = json.loads(path.read_text(encoding="utf-8"))
        names = [one.name for one in fields(Index) if one.name not in numbers]
        arrays = {name: mapped(folder / f"{len(found)}_{name}.npy") for name in names}
        found.append(Index(**numbers, **{name: np.asarray(array) for name, array in arrays.items()}))
    return found


def mapped(path: Path) -> np.ndarray:
    """An array of a file, without reading it; an empty one cannot be mapped."""
    import numpy as np

    try:
        return np.load(path, mmap_mode="r")
    except ValueError:
        return np.load(path)


def start_worker(folder: str, settings: ScanSettings) -> None:
    """Prepare a process of the pool."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    WORKER["scanner"] = Scanner(load_indexes(Path(folder)), settings)


def work(part: Part) -> Found:
    """Scan a part in a process of the pool."""
    return scan_part(WORKER["scanner"], part)


def scan_all(parts: Sequence[Part], indexes: list[Index], settings: ScanSettings) -> Found:
    """Scan all parts, on several processes when there is enough to do; `indexes` is emptied then."""
    total = Found()
    lines: Counter[str] = Counter()
    try:
        with contextlib.ExitStack() as stack:
            results = part_results(parts, indexes, settings, stack)
            for part, found in zip(parts, scan_progress(results, parts), strict=True):
                add_found(total, found, lines[part.name])
                lines[part.name] += found.lines
    except BrokenProcessPool as error:
        raise ScriptError("a process was ended from outside (out of memory?); try --workers 1") from error
    return total


def part_results(
    parts: Sequence[Part], indexes: list[Index], settings: ScanSettings, stack: contextlib.ExitStack
) -> Iterator[Found]:
    """What the parts hold, in their order."""
    workers = min(settings.workers, len(parts))
    if workers < 2 or sum(part.size for part in parts) < ONE_PROCESS:
        scanner = Scanner(indexes, settings)
        return (scan_part(scanner, part) for part in parts)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="contamination-"))
    save_indexes(indexes, Path(folder))
    indexes.clear()  # the processes have it on disk
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=start_worker, initargs=(folder, settings))
    stack.callback(pool.shutdown, cancel_futures=True)
    return pool.map(work, parts)


def scan_progress(results: Iterator[Found], parts: Sequence[Part]) -> Iterator[Found]:
    """The results; on a terminal with a bar, a rate and the time left, when they take longer than about two seconds."""
    begun, done, bar = time.monotonic(), 0, None
    total = sum(part.size for part in parts)
    try:
        if total >= LONG and sys.stderr.isatty():
            bar = progress_bar()
            task = bar.add_task("scanning, MB", total=total // 10**6, rate="")
            bar.start()
        for part, found in zip(parts, results, strict=True):
            done += part.size
            if bar is not None:
                rate = done / (time.monotonic() - begun) / 1e6
                bar.update(task, completed=done // 10**6, rate=f"{rate:.0f} MB/s")
            yield found
    finally:
        if bar is not None:
            bar.stop()
