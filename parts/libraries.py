"""What the system's linker, and packages below the engines, would take from the current folder.

Some packages' libraries name, of all places, an empty one to look for others in (the RUNPATH "$ORIGIN:" of cuSPARSELt,
which torch for CUDA loads): that is the current folder, and what lies there runs as soon as it is found. numba, which
vLLM imports for some models, has its settings from there: files that it writes, a library and pickles that it loads.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

from parts.frame import ScriptError, listing, single_line

LIBRARY = re.compile(r"lib.*\.so(?:\..*)?")
SETTINGS = (".numba_config.yaml",)
# The folders that a linker looks into before each place, by what the processor can.
LINKER_FOLDERS = ("glibc-hwcaps", "tls", "haswell", "xeon_phi", "avx512_1", "x86_64", "sse2", "aarch64", "atomics")


def libraries_here() -> Iterator[str]:
    """The libraries in the current folder that a linker would find there."""
    for top in (os.curdir, *LINKER_FOLDERS):
        for place, folders, files in os.walk(top):
            if top == os.curdir:
                folders.clear()
            yield from (os.path.join(place, name) for name in (*files, *folders) if LIBRARY.fullmatch(name))


def refuse_libraries() -> None:
    """ScriptError (3) for such, and for settings of packages; to be called before torch is imported, or what does."""
    if settings := [name for name in SETTINGS if os.path.lexists(name)]:
        raise ScriptError(
            f"{listing(settings)}: the current folder holds settings of a package that the engines use, which say what "
            "is loaded and written: run the command from another folder",
            code=3,
        )
    if os.name == "posix" and (found := [single_line(os.path.relpath(path)) for path in sorted(libraries_here())]):
        raise ScriptError(
            f"{listing(found, 3)}: the current folder holds libraries, and the system may load them in place of its "
            "own: run the command from another folder",
            code=3,
        )
