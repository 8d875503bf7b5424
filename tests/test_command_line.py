"""The command line that every script has: one screen of help, one version, errors that say what to type."""

import argparse
import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parts.command_line import VERSION, CommandLine, first_screen  # noqa: E402

SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
EVERY = pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
ONE_SCREEN = range(24, 67)


def run(path: Path, *words: str, cwd: Path | None = None) -> subprocess.CompletedProcess:
    """A script's answer, from the standard library alone, as a file gets it."""
    command = [sys.executable, "-E", "-s", "-S", str(path), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=cwd)


@EVERY
def test_help_is_one_screen_with_commands_first_and_the_rest_under_help_all(path):
    short, whole = run(path, "--help"), run(path, "--help-all")
    assert short.returncode == whole.returncode == 0
    lines = short.stdout.splitlines()
    assert len(lines) in ONE_SCREEN, f"{path.name}: {len(lines)} lines; name options in rarely(...)"
    assert max(len(line) for line in lines if "uv run " not in line) <= 121
    assert lines[0].startswith(f"usage: {path.name}") and "uv run scripts/" in "\n".join(lines[:12])
    assert "Exit codes" in short.stdout
    assert len(whole.stdout.splitlines()) > len(lines)


def command_lines(path: Path) -> list[list[str]]:
    """The words that lead to each parser of a script: none, and each command."""
    module = importlib.import_module(path.stem)
    parser = module.build_parser()
    verbs = [action.choices for action in parser._actions if isinstance(action, argparse._SubParsersAction)]
    return [[], *([name] for choices in verbs for name in choices)]


def ended(path: Path, words: list[str], capsys: pytest.CaptureFixture) -> tuple[int, str]:
    """Exit code and stdout of a script's main() that ends by itself, in this process."""
    with pytest.raises(SystemExit) as end:
        importlib.import_module(path.stem).main(words)
    return end.value.code, capsys.readouterr().out


@EVERY
def test_help_all_shows_more_than_help_or_is_not_there(path, capsys):
    for words in command_lines(path):
        code, short = ended(path, [*words, "--help"], capsys)
        code_of_whole, whole = ended(path, [*words, "--help-all"], capsys)
        assert code == 0
        more = len(whole.splitlines()) > len(short.splitlines())
        assert ("--help-all" in short) == more == (code_of_whole == 0), words


@EVERY
def test_version_is_one_and_the_skill_says_it(path):
    assert run(path, "--version").stdout == f"{path.stem} {VERSION}\n"
    assert f'version: "{VERSION.rsplit(".", 1)[0]}"' in (ROOT / "SKILL.md").read_text()


@EVERY
def test_a_wrong_option_is_told_in_two_lines_with_the_nearest_one(path):
    options = re.findall(r"--[a-z-]{6,}", run(path, "--help-all").stdout.split("options:")[-1])
    wrong = max(options, key=len)[:-1] + "x"
    done = run(path, wrong)
    assert done.returncode == 2 and not done.stdout
    assert len(done.stderr.splitlines()) == 2, done.stderr


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["extract-readme", "--repoid", "a/b"], ["no such option: --repoid (did you mean --repo-id", "extract-readme"]),
        (["extract-readm"], ["no such command: extract-readm (did you mean extract-readme"]),
        (["quux"], ["no such command: quux (there are", "extract-readme"]),
        (["extract-readme", "--repo-id", "a/b", "more"], ["one word too many: more"]),
        (["extract-readme", "--repo-id", "a/b", "\x1b[2Jmore"], ["one word too many: \\u001b[2Jmore"]),
    ],
)
def test_the_subcommand_tells_what_is_wrong(words, told):
    done = run(ROOT / "scripts" / "evaluation_manager.py", *words)
    assert done.returncode == 2 and not done.stdout
    assert all(text in done.stderr for text in told), done.stderr


def test_a_misspelt_option_that_is_needed_is_told_as_what_it_is():
    done = run(ROOT / "scripts" / "compare_results.py", "--baseline", "a", "--candidaet", "b")
    assert done.returncode == 2 and "no such option: --candidaet (did you mean --candidate" in done.stderr
    assert (
        "--candidate --items-for is required" in run(ROOT / "scripts" / "compare_results.py", "--baseline", "a").stderr
    )


@pytest.mark.parametrize(
    ("script", "words", "told"),
    [
        ("evaluation_manager", "validate README.md", "README.md (did you mean --card README.md"),
        ("evaluation_manager", "validate no-such.md", "one word too many: no-such.md\n"),
        ("compare_results", "results --baseline a --candidate b", "results (did you mean --results results?)"),
        ("score_predictions", "--predictions a.csv", "(PREDICTIONS.jsonl stands alone, without an option)"),
        ("check_contamination", "--training a --items b --threshold 1", "no such option: --threshold\n"),
        ("evaluation_manager", "--quux", "no such option: --quux\n"),
    ],
)
def test_a_word_without_its_option_and_an_option_without_need_are_told_the_right_way(tmp_path, script, words, told):
    (tmp_path / "README.md").touch()
    (tmp_path / "results").mkdir()
    done = run(ROOT / "scripts" / f"{script}.py", *words.split(), cwd=tmp_path)
    assert done.returncode == 2 and told in done.stderr, done.stderr


def test_rare_options_are_left_to_help_all_and_named():
    parser = CommandLine(prog="x.py", description="Does.\n\n  x.py --often\n\nLong.\n\nExit codes: 0 done.")
    parser.add_argument("--often", help="seen")
    parser.add_argument("--seldom", help="hidden at first")
    parser.rarely("--seldom")
    short, whole = parser.format_help(), parser.format_help(whole=True)
    assert "seen" in short and "hidden at first" not in short and "--seldom" in short and "Long." not in short
    assert "hidden at first" in whole and "Long." in whole


def test_the_first_screen_of_a_docstring():
    text = "One.\n\nTwo.\n\n  a command\n  another\n\nThree.\n\nExit codes: 0."
    assert first_screen(text) == "One.\n\n  a command\n  another\n\nExit codes: 0."
