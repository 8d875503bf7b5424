"""Write what the commands of examples/NN_*.md print under them; the tests compare the same.

  uv run tests/run_tests.py -- -q tests/test_example_pages.py --write-pages

A page is Markdown: each ```bash block has commands of this repository's scripts, and the ```text block under it what
they print (and the exit code, when it is not 0). A block that begins with ```bash stack needs the deep-learning stack:
the light tests leave it as it is, those of --stack (--stack before the -- above) run it, too. Each page runs from a
folder of its own, in which `examples` lies, against a Hub on this machine. What changes from run to run is masked.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import re
import shlex
import subprocess
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HARNESSES = {"lighteval_vllm_uv", "lm_eval_vllm_uv", "inspect_vllm_uv"}
PAGES = sorted((ROOT / "examples").glob("[0-9][0-9]_*.md"))
STEP = re.compile(
    r"^```bash(?P<stack> stack)?\n(?P<commands>.*?)^```\n(?:\n```text\n(?P<shown>.*?)^```\n)?", re.MULTILINE | re.DOTALL
)
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


def run(words: Sequence[str], stack: str | None = None) -> tuple[int, str]:
    """The exit code and what a terminal shows of `uv run scripts/NAME.py WORDS`, run in this process.

    A script of HARNESSES runs in a process of the Python `stack`, where one is given.
    """
    place = next(number for number, word in enumerate(words) if word.startswith("scripts/"))
    name, words = Path(words[place]).stem, list(words[place + 1 :])
    if stack and name in HARNESSES:
        command = [stack, str(ROOT / "scripts" / f"{name}.py"), *words]
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        code, printed = done.returncode, done.stdout
    else:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            code = importlib.import_module(name).main(words)
        printed = out.getvalue()
    if code in (2, 4):
        raise AssertionError(f"{name} {shlex.join(words)}: {code}: {printed}")
    return code, printed


def masked(text: str, secrets: Sequence[tuple[str, str]] = ()) -> str:
    """The text without what another run prints otherwise, and without blanks at the ends of lines."""
    for found, instead in secrets:
        text = text.replace(found, instead)
    for pattern, instead in MASKS:
        text = pattern.sub(instead, text)
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines())


def filled(text: str, secrets: Sequence[tuple[str, str]] = (), stack: str | None = None) -> str:
    """A page whose commands were run in the current folder, with what they printed; without `stack`, the light ones."""

    def step(match: re.Match[str]) -> str:
        if match["stack"] and not stack:
            return match[0]
        answers = [run(words, stack) for words in commands_of(match["commands"])]
        printed = "".join(text for _, text in answers)
        codes = [code for code, _ in answers if code]
        printed += f"(exit code {codes[-1]})\n" if codes else ""
        shown = f"\n```text\n{masked(printed, secrets)}```\n" if printed else ""
        return f"```bash{match['stack'] or ''}\n{match['commands']}```\n{shown}"

    return STEP.sub(step, text)
