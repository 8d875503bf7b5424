"""What inspect's own tasks may write: their part of the cache alone, since a row of data names the file in some.

An audit hook sees each file that is opened to write, made, moved or removed at the word of the tasks' code, before it
is done: mathvista and others save a row's picture under the row's name, swe_bench a container's file under a row's id,
and a file elsewhere can be a program that some Python runs later. What libraries write by themselves (caches of data
sets, compiled modules) is theirs. Not seen: what a library writes in C.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import tempfile
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, single_line
from parts.harness.surroundings import DataLoads

TASKS_PACKAGE = "inspect_evals"
# What writes where it is told to, beside the standard library; any other library decides by itself.
TOLD_WHERE = frozenset({"PIL", "numpy", "pandas", "jsonlines", "yaml", "requests", "httpx"})
CONTAINER_FILE = re.compile(r"\.?(?:docker-)?compose[^/]*\.ya?ml|\.?Dockerfile", re.IGNORECASE)  # of inspect
TO_WRITE = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
# Of an event's arguments, the places of those that are paths: of `os.link` the file that is linked, too.
PATHS_OF = {
    "open": (0,), "os.mkdir": (0,), "os.rename": (0, 1), "os.link": (0, 1), "os.symlink": (1,),
    "os.remove": (0,), "os.rmdir": (0,), "os.truncate": (0,), "shutil.rmtree": (0,),
}  # fmt: skip
OWN_TEMPORARY: set[str] = set()  # files and folders under a fresh name, made in this process


@functools.cache
def guard_task_writes() -> None:
    """From now on the tasks of inspect_evals write nothing out of their own folder in its cache."""
    sys.addaudithook(look_at_write)


def look_at_write(event: str, arguments: tuple[Any, ...]) -> None:
    """The audit hook; ScriptError (3) for what is refused."""
    if event in ("tempfile.mkstemp", "tempfile.mkdtemp"):
        OWN_TEMPORARY.add(os.path.realpath(arguments[0]))
    if event not in PATHS_OF or (event == "open" and not arguments[2] & TO_WRITE):
        return
    if event in ("os.remove", "os.rmdir") and arguments[1] != -1:
        return  # a name in an open folder, of a whole one that is removed: that was asked before
    asking = asking_tasks(sys._getframe(1)) if TASKS_PACKAGE in sys.modules else []
    for path in (arguments[place] for place in PATHS_OF[event]):
        if asking and isinstance(path, str | bytes | os.PathLike) and not may_write(os.fsdecode(path), event, asking):
            DataLoads.refused = ScriptError(
                f"{single_line(os.fsdecode(path))[:150]}: {asking[0][0]} would write, move or remove this, out of its "
                "own part of the cache, as when a row of its data names the file: refused before it was done",
                code=3,
            )
            raise DataLoads.refused


def asking_tasks(frame: Any) -> list[tuple[str, str]]:
    """The modules of inspect_evals at whose word a file is written, with their files, nearest first.

    None where what is nearer decides by itself: a library, the import of a module, the user's own code.
    """
    found: list[tuple[str, str]] = []
    while frame:
        module = str(frame.f_globals.get("__name__"))
        package = module.partition(".")[0]
        if package == TASKS_PACKAGE:
            found.append((module, frame.f_code.co_filename))
        elif not found and (
            module.startswith("importlib._bootstrap") or package not in sys.stdlib_module_names | TOLD_WHERE
        ):
            return []
        frame = frame.f_back
    return found


def may_write(path: str, event: str, asking: list[tuple[str, str]]) -> bool:
    """Whether tasks may do this to a path: it is theirs by its place, and no row led it there by its name."""
    try:
        place = Path(os.path.realpath(path))
    except ValueError:  # a null in it: nothing is opened
        return True
    cache = getattr(sys.modules.get(f"{TASKS_PACKAGE}.constants"), "INSPECT_EVALS_CACHE_PATH", None)
    roots = [Path(os.path.realpath(root)) for root in (cache, tempfile.gettempdir()) if root]
    if path == os.devnull or (event in ("open", "os.mkdir") and place.is_dir()):  # which changes nothing
        return True
    if event == "os.mkdir" and any(root.is_relative_to(place) for root in roots):
        return True
    if not path.isprintable() or ".." in Path(path).parts:
        return False
    if any(place.is_relative_to(own) for own in OWN_TEMPORARY):
        return True
    if CONTAINER_FILE.fullmatch(place.name) and any(place.parent == Path(file).parent for _, file in asking):
        return True
    names = {letters_of(module.split(".")[1]) for module, _ in asking if "." in module}
    for root in roots:
        if place.is_relative_to(root) and place != root:
            return letters_of(place.relative_to(root).parts[0]).startswith(tuple(names))
    return False


def letters_of(name: str) -> str:
    """'CORE-Bench' and 'core_bench' -> 'corebench'."""
    return re.sub(r"[\W_]", "", name).lower()
