"""What a text of a row may name: files of this machine, as fsspec takes a text for one, and addresses."""

from __future__ import annotations

import contextlib
import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path

PLACE_ELSEWHERE = re.compile(r"[A-Za-z][\w+.-]*://")  # what fsspec takes for one, or for one of several in a::b
# What is in a file; the name of that file follows behind `::`.
PACKED = tuple(f"{kind}://" for kind in ("zip", "tar", "gzip", "bz2", "lz4", "xz", "zstd", "7z", "rar"))
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


def of_data_sets(address: str, repos: Iterable[str], endpoint: str) -> bool:
    """Whether an address is of one of these data sets' repositories on the Hub: any other may be a private one of the
    user's, which the client reads with the user's token."""
    start = next((start for start in ("hf://datasets/", f"{endpoint}/datasets/") if address.startswith(start)), None)
    place = address.removeprefix(start or "")
    path = urllib.parse.unquote(urllib.parse.unquote(place))
    if start is None or ".." in re.split(r"[/\\]", path):
        return False
    return any(place.startswith((f"{repo}@", f"{repo}/" if "/" in repo else f"{repo}@")) for repo in repos if repo)


def leads_from_card(pattern: str, repo: str, endpoint: str) -> bool:
    """Whether what the card of a data set of the Hub names as its files lies elsewhere than in its repository."""
    if "://" not in pattern:
        return os.path.isabs(pattern) or ".." in re.split(r"[/\\]", pattern)
    places = [place for place in pattern.split("::") if not place.startswith(PACKED)]
    return not places or not all(of_data_sets(place, [repo], endpoint) for place in places)


def leads_out(place: str, near: Iterable[str]) -> bool:
    """Whether a file, or something in a folder, lies out of some folders; links are followed."""
    inside = (os.path.join(root, name) for root, *names in os.walk(place) for name in (*names[0], *names[1]))
    return any(
        not any(Path(os.path.realpath(path)).is_relative_to(folder) for folder in near) for path in (place, *inside)
    )
