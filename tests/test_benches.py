"""Every bench runs, on a small case: what they print is for people, that they run is for the tests.

Each runs as people run it, in the environment of its own header, which must have what the scripts need that it runs
with its own Python: the environment of the tests has everything, and would hide what a header lacks.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest
from run_tests import find_browser
from test_frame import HEAVY, SCRIPTS, header

TESTS = Path(__file__).resolve().parent
SMALL = {
    "bench_batch": ["--models", "3", "--workers", "2", "--latency", "0.1"],
    "bench_calculator": ["--rounds", "1", "--checkpoints", "12"],
    "bench_contamination": ["--megabytes", "1", "--items", "50", "--workers", "1"],
    "bench_convert": ["--megabytes", "1"],
    "bench_coverage": ["--draws", "5"],
    "bench_extract": [str(TESTS / "fixtures" / "cards"), "--rounds", "1"],
    "bench_leaderboard": [
        *("--models", "3", "--workers", "2", "--latency", "0.05", "--rounds", "1", "--rows", "50"),
        *("--records", "60", "--benchmarks", "3", "--ranked", "5"),
    ],
    "bench_leaderboard_page": ["--rows", "2000", "--repeats", "1"],
    "bench_race": ["--runs", "2"],
    "bench_score_predictions": ["--lines", "100"],
    "bench_statistics": ["--rounds", "1", "--checkpoints", "3", "6", "--items", "60"],
    "bench_sweep": ["--help"],  # runs a harness: the stack tests measure what it measures
}
NO_TIMES = {"bench_coverage", "bench_race", "bench_sweep"}  # the others print ratios, not seconds alone


def test_every_bench_is_here():
    assert sorted(path.stem for path in TESTS.glob("bench_*.py")) == sorted(SMALL)


def needed(path: Path, seen: set[Path]) -> set[str]:
    """What a bench's Python must have: its scripts' dependencies, and those of the modules of tests that it imports."""
    seen.add(path)
    text = path.read_text(encoding="utf-8")
    found = set()
    for script in SCRIPTS:
        wanted = set(header(script).get("dependencies", []))
        heavy = {re.split(r"[\[<>=!~; ]", one)[0] for one in wanted} & HEAVY  # these run through uv
        if re.search(rf"(import|from) {script.stem}\b|{script.stem}\.py\"", text) and not heavy:
            found |= wanted
    for name in re.findall(r"^\s*(?:from|import) (\w+)", text, re.MULTILINE):
        module = TESTS / f"{name}.py"
        if module.is_file() and module not in seen and name != "run_tests":
            found |= needed(module, seen)
    return found


@pytest.mark.parametrize("name", SMALL)
def test_a_header_has_what_its_scripts_need(name):
    path = TESTS / f"{name}.py"
    missing = needed(path, set()) - set(header(path)["dependencies"])
    assert not missing, f"its header lacks {sorted(missing)}"


@pytest.mark.parametrize("name", SMALL)
def test_a_bench_runs(name):
    if name == "bench_leaderboard_page" and not find_browser():
        pytest.skip("no Chromium here")
    command = ["uv", "run", "--quiet", "--script", str(TESTS / f"{name}.py"), *SMALL[name]]
    # What an image forbids its processes: to keep the libraries compiled that each of a bench's processes imports.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode in (0, 1), done.stderr[-1500:]
    assert "Traceback" not in done.stderr, done.stderr[-1500:]
    ratio = re.search(r"\d x |\bx \d|\d+\.\d+x |\bx (parsing|floor)|ratio", done.stdout)
    assert ratio or name in NO_TIMES, done.stdout
