"""The tests of test_stack_hostile_data.py, in the environment that has the harnesses and their libraries.

HUB_EVALS_VLLM_PYTHON names the Python of that environment.
"""

import os
import re
import subprocess
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parent
PYTHON = os.environ.get("HUB_EVALS_VLLM_PYTHON")
pytestmark = [
    pytest.mark.stack,
    pytest.mark.skipif(not PYTHON, reason="HUB_EVALS_VLLM_PYTHON is not set: no Python with all harnesses"),
]


def test_what_a_strangers_data_may_do_with_the_real_libraries():
    options = ["-c", TESTS / "pytest.ini", "--noconftest", "-q"]
    words = [PYTHON, "-m", "pytest", *options, TESTS / "test_stack_hostile_data.py"]
    answer = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout[-5000:]
    assert re.search(r"^\d\d+ passed in ", answer.stdout, re.MULTILINE), answer.stdout[-2000:]
