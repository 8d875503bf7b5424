#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = []
# ///
"""Write references/benchmarks.md from metric_mapping.json: which benchmark for which capability.

  uv run tests/benchmarks_page.py

Exit codes: 0 written.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "references" / "benchmarks.md"
MAPPING = ROOT / "metric_mapping.json"
HEAD = """# Which benchmark for which question

Written by `uv run tests/benchmarks_page.py` from [metric_mapping.json](../metric_mapping.json), which also has the
other {others} benchmarks that the scripts know. Choose those that ask what your users will ask, name them before you
look at scores (`--policy`), and take one from each row of what must not get worse.

- **items**: of the split that is usually reported. The 95 % interval of a score near 0.5 reaches about
  98/√items points to each side: 18 with 30 items, 8 with 164, 4.4 with 500, 2.7 with 1,319, 0.9 with 12,032.
  A gate of one point needs thousands of paired items.
- **chance**: what guessing gets. A score near it says nothing about what was learnt.
- **names**: of lighteval, of lm-eval, of inspect (`inspect_evals/` left out), where they have it.
- **unit**: p is a proportion from 0 to 1, else as said; ↓: lower is better.

Known weaknesses of all public ones: their items are in training sets (`check_contamination.py`), the best models are at
their ceiling, some keys are wrong, and where a judge or a parser decides it is part of the score. Your own twenty
questions are worth more than a saturated benchmark.
"""
SECTIONS = (
    ("Knowledge and exams", "mmlu mmlu_pro gpqa_diamond hle simpleqa triviaqa c_eval cmmlu"),
    ("Common sense and reasoning", "arc_challenge hellaswag winogrande piqa commonsenseqa bbh musr"),
    ("Mathematics", "gsm8k math math_500 aime_2024 aime_2025 mgsm"),
    ("Reading and long contexts", "drop squad boolq ruler longbench_v2"),
    ("Following instructions, conversation", "ifeval mt_bench alpaca_eval_2 arena_hard"),
    ("Code", "humaneval humaneval_plus mbpp livecodebench bigcodebench swe_bench_verified"),
    ("Agents and tools", "terminal_bench bfcl_v3 tau_bench gaia"),
    ("Safety and truth", "truthfulqa_mc1 bbq toxigen harmbench"),
    ("Translation, summaries, speech, images", "wmt14_en_fr flores cnn_dailymail librispeech_clean mmmu docvqa"),
    ("Retrieval and language modelling", "mteb beir wikitext_2"),
)


def unit(entry: dict[str, Any]) -> str:
    """'p', 'points ↓'."""
    return ("p" if entry["unit"] == "proportion" else entry["unit"]) + (" ↓" if entry["lower_is_better"] else "")


def harness_names(entry: dict[str, Any]) -> str:
    """`gsm8k`, –, `gsm8k`; one name for all where they are equal."""
    names = [
        entry[key] and str(entry[key]).removeprefix("inspect_evals/") for key in ("lighteval", "lm_eval", "inspect")
    ]
    if not any(names):
        return "–"
    if len(set(names)) == 1:
        return f"`{names[0]}`"
    return ", ".join(f"`{name}`" if name else "–" for name in names)


def page(mapping: dict[str, dict[str, Any]]) -> str:
    """The whole page."""
    told = [key for _, keys in SECTIONS for key in keys.split()]
    others = sum(entry["kind"] == "benchmark" for entry in mapping.values()) - len(told)
    lines = [HEAD.format(others=others)]
    for title, keys in SECTIONS:
        lines += [f"## {title}", "", "| key | items | chance | unit | names | what it asks, and its weakness |"]
        lines += ["| --- | --- | --- | --- | --- | --- |"]
        for key in keys.split():
            entry = mapping[key]
            items = f"{entry['items']:,}" if entry.get("items") else "–"
            chance = "–" if entry["chance"] is None else f"{entry['chance']:g}"
            cells = [f"`{key}`", items, chance, unit(entry), harness_names(entry), entry["about"]]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    return "\n".join(lines)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    return argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)


def main() -> None:
    """Write it."""
    build_parser().parse_args()
    PAGE.write_text(page(json.loads(MAPPING.read_text(encoding="utf-8"))), encoding="utf-8")


if __name__ == "__main__":
    main()
