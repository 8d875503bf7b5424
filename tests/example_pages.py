"""Write what the commands of examples/NN_*.md print under them; the tests compare the same.

  uv run tests/run_tests.py -- -q tests/test_example_pages.py --write-pages

A page is Markdown: each ```bash block has commands of this repository's scripts, and the ```text block under it what
they print (and the exit code, when it is not 0). Each page runs from a folder of its own, in which `examples`
lies, against a Hub on this machine. What changes from run to run is masked: see MASKS.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import shlex
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGES = sorted((ROOT / "examples").glob("[0-9][0-9]_*.md"))
STEP = re.compile(r"^```bash\n(?P<commands>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?", re.MULTILINE | re.DOTALL)
MASKS = (
    (re.compile(r"http://127\.0\.0\.1:\d+"), "http://127.0.0.1:8765"),
    (re.compile(r"\b20\d\d-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d)?(?:\.\d+)?(?:Z|\+00:00)?)?"), "2026-11-21"),
    (re.compile(r"\b[0-9a-f]{40}\b"), "c0ffee" + "0" * 34),
    (re.compile(r"\b\d+(?:\.\d+)? ?(?:s|ms)\b"), "0.1 s"),
)


def commands_of(block: str) -> list[list[str]]:
    """The commands of a block, each as words; a backslash at a line's end goes on."""
    lines = block.replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines if line.strip() and not line.startswith("#")]


def run(words: Sequence[str]) -> tuple[int, str]:
    """The exit code and what a terminal shows of `uv run scripts/NAME.py WORDS`, run in this process."""
    place = next(number for number, word in enumerate(words) if word.startswith("scripts/"))
    main = importlib.import_module(Path(words[place]).stem).main
    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
        code = main(list(words[place + 1 :]))
    if code in (2, 4):
        raise AssertionError(f"{shlex.join(words)}: {code}: {out.getvalue()}")
    return code, out.getvalue()


def masked(text: str, secrets: Sequence[tuple[str, str]] = ()) -> str:
    """The text without what another run prints otherwise, and without blanks at the ends of lines."""
    for found, instead in secrets:
        text = text.replace(found, instead)
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def filled(text: str, secrets: Sequence[tuple[str, str]] = ()) -> str:
    """A page whose commands were run in the current folder, with what they printed."""

    def step(match: re.Match[str]) -> str:
        answers = [run(words) for words in commands_of(match["commands"])]
        printed = "".join(text for _, text in answers)
        codes = [code for code, _ in answers if code]
        printed += f"(exit code {codes[-1]})\n" if codes else ""
        shown = f"\n```text\n{masked(printed, secrets)}```\n" if printed else ""
        return f"```bash\n{match['commands']}```\n{shown}"

    return STEP.sub(step, text)
