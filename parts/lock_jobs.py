#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = ["packaging>=25,<27"]
# ///
"""Lock the packages of the scripts that are sent to Hugging Face Jobs: parts/jobs/locked.json.

A job gets one environment, with vLLM in it where that is its backend, in versions that were resolved here once: all
jobs of a run have the same, whatever is released meanwhile, and nothing is fetched twice. The locks beside the scripts
are kept to; for vLLM they are resolved again with it. Run it after `uv lock --script scripts/X.py`, then the assembler.

  uv run parts/lock_jobs.py

Exit codes: 0 written; 2 uv could not resolve or export a script's packages.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from packaging.markers import Marker

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from parts.frame import VLLM

ROOT = Path(__file__).resolve().parent.parent
LOCK_FILE = ROOT / "parts" / "jobs" / "locked.json"
ON_VLLM = ("lighteval_vllm_uv.py", "inspect_vllm_uv.py", "lm_eval_vllm_uv.py")
PLAIN = (*ON_VLLM, "inspect_eval_uv.py")
MACHINE = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"}
MACHINE |= {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
PYTHONS = ("3.11", "3.12", "3.13")


def exported(script: str, more: str | None) -> list[str]:
    """The exact packages of a script, and of `more` with them, on a machine of Jobs."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / script
        text = (ROOT / "scripts" / script).read_text(encoding="utf-8")
        copy.write_text(
            text.replace("# dependencies = [\n", f'# dependencies = [\n#   "{more}",\n', 1) if more else text
        )
        shutil.copy(ROOT / "scripts" / f"{script}.lock", f"{copy}.lock")
        if more:
            subprocess.run(["uv", "lock", "-q", "--script", str(copy)], check=True)
        words = ["uv", "export", "-q", "--frozen", "--no-hashes", "--no-annotate", "--no-header", "--script", str(copy)]
        lines = subprocess.run(words, check=True, capture_output=True, text=True).stdout.splitlines()
    return [line for line in map(for_jobs, lines) if line]


def for_jobs(line: str) -> str:
    """A requirement without what a machine of Jobs tells; nothing when it is not for such a machine."""
    name, _, marker = (part.strip() for part in line.partition(";"))
    if not marker:
        return name
    found = []
    for python in PYTHONS:
        place = MACHINE | {"python_version": python, "python_full_version": f"{python}.5"}
        found.append(Marker(marker).evaluate(place))
    if all(found) or not any(found):
        return name if all(found) else ""
    return f"{name} ; {marker}"


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    return argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)


def main() -> int:
    """Write the file; the exit code."""
    build_parser().parse_args()
    try:
        found = {f"{script} vllm": exported(script, VLLM) for script in ON_VLLM}
        found |= {script: exported(script, None) for script in PLAIN}
    except (subprocess.CalledProcessError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    lines = sorted({line for rows in found.values() for line in rows})
    places = {line: index for index, line in enumerate(lines)}
    of = {name: " ".join(str(places[line]) for line in rows) for name, rows in found.items()}
    LOCK_FILE.write_text(json.dumps({"lines": "\n".join(lines), "of": of}, indent=1) + "\n", encoding="utf-8")
    print(
        f"written: {LOCK_FILE.relative_to(ROOT)}: {', '.join(f'{name}: {len(rows)}' for name, rows in found.items())}"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
