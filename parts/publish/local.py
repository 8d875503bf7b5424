"""A model's files on this machine: a card and the .eval_results beside it, and an output folder that one run owns."""

from __future__ import annotations

import contextlib
import json
import os
import re
import stat
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from parts.frame import ScriptError, note, refuse_link_out, refuse_strange_lock, single_line, whole_file
from parts.inputs import MAX_CARD_FILE, input_bytes
from parts.metadata.front_matter import EVAL_RESULTS
from parts.metadata.merge import decode_strict, told_of_file
from parts.metadata.plan import Change, RepoState
from parts.records.files import refuse_link_away

TEMPORARY = re.compile(r"\.(\d{1,10})\.[0-9a-f]{16}\.tmp")  # of `whole_file`, with its process


def read_clone(card: Path) -> RepoState:
    """A card on disk, and the .eval_results beside it."""
    data = input_bytes(card, MAX_CARD_FILE)
    found = sorted((card.parent / ".eval_results").glob("*.y*ml"))
    for path in found:
        refuse_link_away(str(path), os.path.realpath(path), card.parent)
    files, unread = {}, {}
    for path in found:
        try:
            files[EVAL_RESULTS + path.name] = decode_strict(input_bytes(path, MAX_CARD_FILE), str(path))
        except ScriptError as error:
            unread[EVAL_RESULTS + path.name] = told_of_file(error, str(path))
    return RepoState(None, data, files, str(card), unread=unread)


def write_clone(card: Path, change: Change) -> list[Path]:
    """Write a change beside a card, each file whole: through links, with its mode; ScriptError for one to read only."""
    targets = {path: (card if path == "README.md" else card.parent / path) for path in change.files}
    for path, target in targets.items():
        if not target.resolve().is_relative_to(card.parent.resolve()):
            raise ScriptError(
                f"{path}: a link leads it out of {card.parent}, to {target.resolve()}; nothing was written: if that is "
                "the one, name it itself"
            )
        if target.exists() and not target.stat().st_mode & stat.S_IWUSR:
            raise ScriptError(f"{target}: it may only be read; nothing was written")
    for path, data in sorted(change.files.items(), reverse=True):  # the card last: it is what people look at
        write_through(targets[path], data)
    return list(targets.values())


def write_through(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, where a link leads to, with the mode that it has."""
    target = path.resolve() if path.is_symlink() else path
    clean_leftovers(target.parent)
    with whole_file(target, stat.S_IMODE(target.stat().st_mode) if target.exists() else None) as file:
        file.write(data)


def clean_leftovers(folder: Path) -> None:
    """Remove what a run that was killed has left half written."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            found = TEMPORARY.fullmatch(path.name)
            if found and not is_alive(int(found[1])) and not path.is_symlink() and path.is_file():
                path.unlink()


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def owned_folder(folder: Path) -> Iterator[None]:
    """Keep other runs out of an output folder; ScriptError names the one that works in it, and since when.

    The lock is the system's, so that a killed run leaves none behind; its file says who holds it.
    """
    import fcntl

    refuse_link_out(folder)
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_strange_lock(folder / ".lock")
        file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ScriptError(f"{folder}: could not be written: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ScriptError(f"{folder}: {owner_text(os.pread(file, 1000, 0))}; wait for it, or stop it") from error
        owner = {"process": os.getpid(), "machine": os.uname().nodename, "since": time.time()}
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(owner).encode(), 0)
        for place in (folder, *(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())):
            clean_leftovers(place)
        yield
    finally:
        os.close(file)
        if new and [path.name for path in folder.iterdir()] == [".lock"]:  # nothing came of it
            (folder / ".lock").unlink()
            folder.rmdir()


def owner_text(data: bytes) -> str:
    """Who works in a folder, for people."""
    try:
        owner = json.loads(data)
        since = datetime.fromtimestamp(float(owner["since"]), UTC)
        age = max(0, round((datetime.now(UTC) - since).total_seconds()))
        who = f"process {int(owner['process'])} on {single_line(owner['machine'])[:60]}"
        return f"another run works in it ({who}, for {age} s)"
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return "another run works in it"


def refuse_same_file(output: Path | None, card: Path | None) -> None:
    """ScriptError when a plan would be written over the card that it is about."""
    if output and card and (output.resolve() == card.resolve() or (output.exists() and output.samefile(card))):
        raise ScriptError(f"--output {output} is the card itself; choose another file")


def say_written(paths: list[Path]) -> None:
    note(f"written: {', '.join(map(str, paths))}")
