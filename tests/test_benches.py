"""Every bench runs, on a small case: what they print is for people, that they run is for the tests."""

import subprocess
import sys
from pathlib import Path

import pytest
from run_tests import find_browser

TESTS = Path(__file__).resolve().parent
SMALL = {
    "bench_batch": ["--models", "3", "--workers", "2", "--latency", "1"],
    "bench_calculator": ["--rounds", "1", "--checkpoints", "12"],
    "bench_contamination": ["--megabytes", "1", "--items", "50", "--workers", "1"],
    "bench_convert": ["--megabytes", "1"],
    "bench_coverage": ["--draws", "5"],
    "bench_extract": [str(TESTS / "fixtures" / "cards"), "--rounds", "1"],
    "bench_leaderboard": ["--models", "3", "--workers", "2", "--latency", "1", "--rows", "50"],
    "bench_leaderboard_page": ["--rows", "2000", "--repeats", "1"],
    "bench_race": ["--runs", "2"],
    "bench_score_predictions": ["--lines", "100"],
    "bench_statistics": ["--rounds", "1", "--checkpoints", "3", "6"],
    "bench_sweep": ["--help"],  # runs a harness: the stack tests measure what it measures
}


def test_every_bench_is_here():
    assert sorted(path.stem for path in TESTS.glob("bench_*.py")) == sorted(SMALL)


@pytest.mark.parametrize("name", SMALL)
def test_a_bench_runs(name):
    if name == "bench_leaderboard_page" and not find_browser():
        pytest.skip("no Chromium here")
    command = [sys.executable, str(TESTS / f"{name}.py"), *SMALL[name]]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode in (0, 1), done.stderr[-1500:]
    assert "Traceback" not in done.stderr, done.stderr[-1500:]
    assert done.stdout.strip()
