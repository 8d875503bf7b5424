"""Files that the user names for an answer: what this program would not have written is not replaced without a word."""

from __future__ import annotations

import itertools
import json
import os
import re
from pathlib import Path

from parts.frame import ScriptError, refuse_link_out, write_whole
from parts.inputs import input_text, open_input

MOST_OF_PAGE = 200_000  # letters of a page in which its elements are looked for
OF_OTHERS = "{} is there and was not written by this command: name another folder with --output-dir"
FORCE_HELP = "--output and --report replace files that this program did not write, too"


def write_output(path: Path, text: str, force: bool) -> None:
    """Write an answer whole or not at all; ScriptError where another kind of file is, if not `force`."""
    if not force and path.exists() and not path.is_dir() and not same_kind(path, text):
        raise ScriptError(
            f"{path} is there and was not written by this command: --force replaces it, or name another file"
        )
    write_whole(path, text)


def write_beside(path: Path, text: str) -> Path:
    """Write a file that the user has not named under a name that nothing has: NAME.json, NAME-2.json, …; its place."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    free = next(place for place in itertools.chain([path], numbered) if not os.path.lexists(place))
    write_whole(free, text)
    return free


def take_away(path: Path) -> None:
    """Remove a file that this program has written, if it is there; ScriptError where the way to it is a link out of the
    folder that the command line names."""
    refuse_link_out(path.parent)
    path.unlink(missing_ok=True)


def refuse_others(path: Path, text: str) -> None:
    """ScriptError where another kind of file is than this program writes."""
    if path.is_file() and not path.is_symlink() and not same_kind(path, text):
        raise ScriptError(OF_OTHERS.format(path))


def refuse_no_picture(path: Path) -> None:
    """ScriptError where a figure would replace a file that is no picture."""
    begin = open_input(path).read(100).lstrip() if path.is_file() else b""
    if begin and not begin.startswith((b"\x89PNG", b"<?xml", b"<svg")):
        raise ScriptError(f"{path} is there and is no picture: name another place for the figure")


def same_kind(path: Path, text: str) -> bool:
    """Whether a file looks like an earlier answer: JSON with the same keys, a page with the same parts, text with the
    same title."""
    try:
        old = input_text(path)
    except ScriptError:
        return False
    if not old.strip():
        return True
    try:
        new_keys, old_keys = set(json.loads(text)), set(json.loads(old))
        both = new_keys & old_keys
        return "schema_version" in both and ("plan" in both or 2 * len(both) >= len(new_keys))
    except (ValueError, TypeError, RecursionError):
        pass
    if names := names_of_parts(text):
        return 2 * len(names & names_of_parts(old)) >= len(names)
    return title_words(old) == title_words(text)


def names_of_parts(text: str) -> set[str]:
    """The ids of a page's elements, by which it is told from other pages; none of a text that is no page."""
    page = text[:MOST_OF_PAGE] if text.lstrip()[:9].lower() == "<!doctype" else ""
    return set(re.findall(r"<\w+ [^<>]*?\bid=\"([\w-]+)\"", page))


def title_words(text: str) -> list[str]:
    """The first words of a text's first line; figures aside, since they are another time others."""
    return re.sub(r"[\d.,]+", "0", text.lstrip().split("\n", 1)[0]).split()[:3]
