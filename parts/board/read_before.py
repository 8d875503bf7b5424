"""What was read out of record files before: an unchanged file of a large folder is not opened again.

Takes a folder, and what says by what its files were understood (vocabulary and version: other rows would come of
another one); gives for a file what was kept of it, if its size and its times are as they were. One SQLite file for each
folder in the user's cache; without a place to write nothing is kept, and everything is read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Sequence
from pathlib import Path

from parts.frame import ScriptError

WRITTEN_AT_ONCE = 5_000
UNUSED_DAYS = 30  # that what was kept of a folder stays


class ReadBefore:
    """For each file below a folder what was made of it. Used in a `with`, which writes what is new.

    whole: all files of the folder are asked for, so those that are not are gone.
    """

    def __init__(self, folder: Path, understood_by: bytes, whole: bool) -> None:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hub-evals" / "records"
        name = hashlib.sha256(f"{folder.resolve()}\n".encode() + understood_by).hexdigest()[:32]
        self.path, self.whole = base / f"{name}.sqlite", whole
        self.known: dict[str, tuple[str, bytes]] = {}  # that no file has been found for yet
        self.new: dict[str, tuple[str, bytes]] = {}

    def __enter__(self) -> ReadBefore:
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            forget_unused(self.path.parent)
            self.write([])
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(self.path)) as database:
                self.known = {where: (stamp, made) for where, stamp, made in database.execute("SELECT * FROM files")}
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.write([(where,) for where in self.known] if self.whole and kind is None else [])

    def write(self, gone: Sequence[tuple[str]]) -> None:
        """Write what is new, and forget what is gone; a file that cannot be used is begun anew."""
        rows, self.new = [(where, stamp, made) for where, (stamp, made) in self.new.items()], {}
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as database, database:
                database.execute("PRAGMA synchronous = OFF")  # what is lost is read again
                database.execute("CREATE TABLE IF NOT EXISTS files (place TEXT PRIMARY KEY, stamp TEXT, made BLOB)")
                database.executemany("DELETE FROM files WHERE place = ?", gone)
                database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", rows)
        except sqlite3.Error:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def get(self, where: str, stamp: str) -> bytes | None:
        """What was made of a file, as it was put; None when it was not read, or has changed since."""
        kept = self.known.pop(where, None)
        return kept[1] if kept and kept[0] == stamp else None

    def put(self, where: str, stamp: str, made: bytes) -> None:
        """Keep what was made of a file; of one that has just changed nothing: its time may not tell the next change."""
        if time.time_ns() - int(stamp.split()[1]) > 2 * 10**9:
            self.new[where] = (stamp, made)
            if len(self.new) >= WRITTEN_AT_ONCE:
                self.write([])


def file_stamp(path: str) -> str:
    """What changes when a file does: size, time of its content, time of its entry, number. ScriptError when gone."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror}") from error
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def forget_unused(folder: Path) -> None:
    """Remove what no run has opened for a while."""
    for path in folder.glob("*.sqlite"):
        if path.stat().st_mtime < time.time() - UNUSED_DAYS * 86_400:
            path.unlink()
