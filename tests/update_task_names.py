#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Write the names of benchmarks that scripts carry with them, so that they can travel alone, from metric_mapping.json.

  uv run tests/update_task_names.py            rewrite the blocks in scripts/ that are out of date
  uv run tests/update_task_names.py --check    only say which are

Exit codes: 0 all blocks are up to date (now); 1 with --check: some are not.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BLOCKS = {"LIGHTEVAL_TASKS": "lighteval", "INSPECT_TASKS": "inspect", "LM_EVAL_TASKS": "lm_eval"}


def block(name: str, mapping: dict[str, dict]) -> str:
    """The source of a block: canonical key -> the harness's name, sorted by key."""
    field = BLOCKS[name]
    rows = "".join(f'    "{key}": "{mapping[key][field]}",\n' for key in sorted(mapping) if mapping[key].get(field))
    return f"{name} = {{\n{rows}}}"


def updated(source: str, mapping: dict[str, dict]) -> str:
    """A script's source with its blocks as they should be."""
    for name in BLOCKS:
        source = re.sub(rf"^{name} = \{{.*?\}}$", lambda _, name=name: block(name, mapping), source, flags=re.M | re.S)
    return source


def run(args: argparse.Namespace) -> int:
    mapping = json.loads((ROOT / "metric_mapping.json").read_text(encoding="utf-8"))
    stale = []
    for path in sorted((ROOT / "scripts").glob("*.py")):
        source = path.read_text(encoding="utf-8")
        wanted = updated(source, mapping)
        if wanted != source:
            stale.append(path.name)
            if not args.check:
                path.write_text(wanted, encoding="utf-8")
    print("\n".join(stale) or "all up to date", file=sys.stderr)
    return 1 if args.check and stale else 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="change nothing")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = build_parser().parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    raise SystemExit(main())
