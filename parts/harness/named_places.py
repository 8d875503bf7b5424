"""What a text of a row may name: files of this machine, as fsspec takes a text for one, and addresses."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

PLACE_ELSEWHERE = re.compile(r"[A-Za-z][\w+.-]*://")  # what fsspec takes for one, or for one of several in a::b
LOCAL_PLACE = re.compile(r"\A(?:file|local):(?://)?")  # what fsspec leaves out of a path of this machine


def places_named(text: str, folder: str) -> Iterator[str]:
    """The files and folders that are there and that a text may name, as fsspec takes it: `file:x` and `a::b`, too.

    inspect runs a task in the task's own folder, and loads it partly in the current one: relative to either.
    """
    for piece in text.split("::"):
        path = os.path.expanduser(re.sub(LOCAL_PLACE, "", piece))
        for base in ("", folder):
            with contextlib.suppress(ValueError):  # of a text with a null in it
                if path and os.path.lexists(os.path.join(base, path)):
                    yield os.path.join(base, path)


def leads_out(place: str, near: Iterable[str]) -> bool:
    """Whether a file, or something in a folder, lies out of some folders; links are followed."""
    inside = (os.path.join(root, name) for root, *names in os.walk(place) for name in (*names[0], *names[1]))
    return any(
        not any(Path(os.path.realpath(path)).is_relative_to(folder) for folder in near) for path in (place, *inside)
    )
