#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "backports.zstd>=1,<2; python_version < '3.14'",
#     "choix>=0.4.1,<0.5",
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "hypothesis>=6.150,<7",
#     "jiwer>=4,<5",
#     "jsonschema>=4.23,<5",
#     "krippendorff>=0.8,<1",
#     "lxml>=6,<7",
#     "markdown-it-py>=4,<5",
#     "matplotlib>=3.10,<4",
#     "numpy>=2,<3",
#     "orjson>=3.10,<4",
#     "packaging>=25,<27",
#     "pyarrow>=21,<27",
#     "pystoi>=0.4.1,<0.5",
#     "pytest-xdist>=3.8,<4",
#     "pytest>=9,<10",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "rouge-score>=0.1.2,<0.2",
#     "sacrebleu>=2.5,<3",
#     "scikit-learn>=1.6,<2",
#     "scipy>=1.15,<2",
#     "statsmodels>=0.14.4,<0.16",
#     "tenacity>=9,<10",
#     "threadpoolctl>=3.5,<4",
# ]
# ///
"""Run the tests: everything that needs no deep-learning stack, or with --stack the rest.

  uv run tests/run_tests.py                        the light tests, about two minutes
  uv run tests/run_tests.py --stack                the tests with the real harnesses, on the CPU (downloads torch)
  uv run tests/run_tests.py -- -k card -x          what stands behind -- goes to pytest

The light tests run in this script's environment; the stack tests start each script through `uv run`, so in its own.
HUB_EVALS_STACK_PYTHON=/path/to/python replaces `uv run` there, for a machine that has the packages already.

Exit codes: pytest's (0 all passed, 1 some failed, 2 could not run, 5 none found).
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).resolve().parent


def run(args: argparse.Namespace) -> int:
    """Run pytest on this folder; say what is left out."""
    import pytest

    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    chosen = "stack" if args.stack else "not stack"
    # The stack tests share two cores with the models they run, so they go one after the other.
    workers = [] if args.stack else ["-n", args.workers]
    code = pytest.main([str(TESTS), "-c", str(TESTS / "pytest.ini"), "-m", chosen, *workers, *args.pytest])
    left = (
        "the light tests: uv run tests/run_tests.py"
        if args.stack
        else "the real harnesses: uv run tests/run_tests.py --stack"
    )
    print(f"left out: {left}", file=sys.stderr)
    return int(code)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", action="store_true", help="run the tests that need the real harnesses")
    parser.add_argument(
        "--workers", default="2", metavar="N", help="processes for the light tests (default: %(default)s)"
    )
    parser.add_argument("pytest", nargs="*", metavar="ARG", help="arguments for pytest, behind --")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is pytest's."""
    args = build_parser().parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    raise SystemExit(main())
