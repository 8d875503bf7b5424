"""matplotlib as its package brings it, whatever the current folder or the user's settings say of it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator


@contextlib.contextmanager
def own_style() -> Iterator[None]:
    """Draw and save figures within: the same data give the same bytes on each machine.

    matplotlib takes a matplotlibrc of the current folder before any other: a stranger's could start LaTeX on its
    preamble, or draw other bars. It is imported where there is none, and its own defaults are set. A name with dollar
    signs is drawn as it is, and no formula.
    """
    with tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty):
        import matplotlib
    matplotlib.rcdefaults()
    with matplotlib.rc_context({"svg.hashsalt": "hub-evals", "text.parse_math": False}):
        yield
