"""On a terminal, too, nothing foreign acts: only the program's own colours and movements go through."""

import json
import os
import pty
import re
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from hostile.slots import RECORD, copy_run

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parts import outgoing  # noqa: E402

# A title, a cleared screen, a word that hides, a link, a way up, a return, C1, and marks that turn the writing around.
EVIL = (
    "\x1b]0;owned\x07\x1b[2J\x1b[8mhidden\x1b[0m\x1b]8;;https://evil\x1b\\link\x1b]8;;\x1b\\\x1b[1A\rGO\x9b2J\u202e\x08"
)
MARKUP = "[conceal]x[/] [/wrong] [link=https://evil]y[/link]"
OWN = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|[0-9]*[AK]|2K)")
FOREIGN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")


def on_terminal(command, folder) -> tuple[int, str]:
    """A command's exit code and all that it has sent to the terminal that it runs on."""
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (50, 200))
    environment = {**os.environ, "TERM": "xterm-256color", "HF_HUB_OFFLINE": "1", "PYTHONIOENCODING": "utf-8"}
    for name in ("NO_COLOR", "FORCE_COLOR", "CI", "GITHUB_ACTIONS"):
        environment.pop(name, None)
    ends = {"stdin": slave, "stdout": slave, "stderr": slave}
    child = subprocess.Popen([sys.executable, *command], cwd=folder, env=environment, **ends)
    os.close(slave)
    said = b""
    try:
        while piece := os.read(master, 65536):
            said += piece
    except OSError:  # the child has closed its side
        pass
    os.close(master)
    return child.wait(), said.decode("utf-8", "replace")


def script(name, *argv):
    return [ROOT / "scripts" / f"{name}.py", *argv]


def evil_run(folder: Path) -> None:
    """The tiny run with controls and markup in what its records and card say."""
    copy_run(folder)
    for place in (RECORD, RECORD.replace("step_700", "step_1000")):
        for path in (folder / place).parent.glob("*.json*"):
            text = path.read_text()
            for word in ('"math_reasoning"', '"exact_match"'):
                text = text.replace(word, json.dumps(f"{word[1:-1]} {EVIL} {MARKUP}"))
            path.write_text(text)
    card = f"# Card {EVIL}\n\n## Evaluation {EVIL}\n\n| Benchmark | Lumen-7B | {MARKUP} |\n|---|---|---|\n"
    (folder / "README.md").write_text(f"{card}| GSM8K {EVIL} | 51.5 | 3 |\n| {MARKUP} | 3 | 4 |\n")
    (folder / "evil.json").write_text(json.dumps({f"quiz {EVIL}": {"name": EVIL}}))


COMMANDS = (
    ("benchmark_calculator", "run", "--results", "results", "--draws", "200"),
    ("compare_results", "--baseline", "tiny_run/step_700", "--candidate", "tiny_run/step_1000", "--results", "results"),
    ("evaluation_manager", "inspect-tables", "--card", "README.md", "--repo-id", "acme/Lumen-7B"),
    ("evaluation_manager", "extract-readme", "--card", "README.md", "--repo-id", "acme/Lumen-7B"),
    ("leaderboard", "collect", "--results", "results", "--output-dir", "out"),
    ("convert_results", "results", "--output-dir", "out"),
    ("check_contamination", "--training", "README.md", "--items", "results", "--workers", "1"),
    ("score_predictions", "--predictions", f"no{EVIL}.jsonl", "--metric", "accuracy"),
    ("benchmark_calculator", "run", "--results", "results", "--mapping", "evil.json"),
    ("run_vllm_eval_job", "status", EVIL),
    ("lm_eval_vllm_uv", "--model", f"./{EVIL}", "--tasks", EVIL),
)


@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: " ".join(argv[:2]).encode("ascii", "replace").decode()[:40])
def test_nothing_foreign_acts_on_a_terminal(tmp_path, argv):
    evil_run(tmp_path)
    code, said = on_terminal(script(*argv), tmp_path)
    assert code in (0, 1, 2, 3) and said.strip(), said
    own = OWN.sub("", said)
    assert not FOREIGN.search(own), ascii(own)
    assert "\x1b[8m" not in said and "\x1b[1A" not in said and "\x1b[2J" not in said


def test_our_own_colours_stay(tmp_path):
    copy_run(tmp_path)
    code, said = on_terminal(script(*COMMANDS[1]), tmp_path)
    assert (
        code in (0, 1, 3)
        and re.search(r"\x1b\[[0-9;]+m", said)
        and "\\u001b" not in said
        and outgoing.OWN_MARK not in said
    )


def test_a_bar_moves_and_its_texts_do_not(tmp_path):
    program = (
        f"import sys, time; sys.path.insert(0, {str(ROOT)!r})\n"
        "from parts.outgoing import clean_streams\nfrom parts.tables import progress_bar\n"
        "with clean_streams():\n"
        "    bar = progress_bar(); bar.start()\n"
        f"    task = bar.add_task({EVIL!r}, total=2, rate={EVIL!r}); bar.refresh()\n"
        f"    print({EVIL!r}, file=sys.stderr); bar.update(task, completed=2); bar.refresh(); bar.stop()\n"
        f"    sys.stderr.write('\\r50 %'); print({EVIL!r})\n"
    )
    (tmp_path / "bar.py").write_text(program)
    code, text = on_terminal(["bar.py"], tmp_path)
    assert code == 0 and "\x1b[2K" in text and "\r50 %" in text, ascii(text)
    assert "\x1b]0;" not in text and "\x1b[2J" not in text and "\x9b" not in text and "\u202e" not in text
    assert not re.search(r"\x1b\[[0-9;]*\b8\b|\x1b\]8", text), ascii(text)  # what hides, and links
