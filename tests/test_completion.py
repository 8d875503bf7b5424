"""completions/hub-evals.bash: as the command lines are now, and what bash offers with it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "completions" / "hub-evals.bash"


def test_the_file_is_what_the_command_lines_give():
    done = subprocess.run([sys.executable, str(ROOT / "parts" / "completion.py"), "--check"], check=False)
    assert done.returncode == 0, "run: uv run parts/completion.py"


@pytest.mark.skipif(not shutil.which("bash"), reason="no bash here")
@pytest.mark.parametrize(
    ("line", "offered", "other"),
    [
        ("uv run scripts/evaluation_manager.py extr", "extract-readme", "apply"),
        ("uv run scripts/evaluation_manager.py apply plan.json --create", "--create-pr", "--output"),
        ("python scripts/compare_results.py --rule ", "finetune", "--rule"),
        ("benchmark_calculator.py --scor", "--scoring", "--seed"),
        ("uv pip ins", "", "--rule"),
    ],
)
def test_bash_offers(line, offered, other):
    words = line.split(" ")
    script = (
        f"source {FILE}; COMP_WORDS=({' '.join(word or chr(39) * 2 for word in words)}); COMP_CWORD={len(words) - 1}; "
        f'_hub_evals {words[0]}; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "--norc", "-c", script], capture_output=True, text=True, check=True)
    found = done.stdout.split()
    assert (offered in found or not offered) and other not in found
    assert done.stderr == ""
