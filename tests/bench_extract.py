#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "huggingface_hub>=2.2,<3",
#     "lxml>=6,<7",
#     "markdown-it-py>=4,<5",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
# ]
# ///
"""Time extract-readme: cards per second, the ratio to a block-only Markdown parse of the same texts, and hostile cards.

examples:
  uv run tests/bench_extract.py tests/fixtures/cards
  uv run tests/bench_extract.py ../shared/model_cards --hostile
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
import evaluation_manager as manager


def seconds(work: Callable[[], object], rounds: int) -> float:
    """The best of some rounds: what the work takes when nothing else runs."""
    best = float("inf")
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return best


def hostile_cards() -> dict[str, str]:
    """Cards made to hang or to be cut short without a word."""
    row = "| Foo-7B " + "| 1.5 " * 8 + "|\n"
    return {
        "2,000 rows": "# X\n\n| Model " + "| MMLU " * 8 + "|\n|---" + "|---" * 8 + "|\n" + row * 2000,
        "5 MB of nested tables": "<table><tr><td>" * 350_000,
        "100,000 columns": "|" + "a|" * 100_000 + "\n|" + "-|" * 100_000 + "\n|" + "1|" * 100_000 + "\n",
        "1,000,000 unclosed tags": "<div><b>" * 500_000,
        "10 MB line": "a[`*_<" * 1_700_000,
        "10 MB line in a table": "| a | b |\n|---|---|\n| x | " + "[*_`<sup>$" * 1_000_000 + " |\n",
        "colspan 1000000": "<table><tr><td>a</td><td colspan=1000000>1</td></tr><tr><td>b<td>2</table>" * 200,
        "rowspan bomb": "<table>" + "<tr><td rowspan=65534 colspan=1000>1</td></tr>" * 3000 + "</table>",
        "200,000 rows": "<table><tr><th>Benchmark<th>Foo-7B</tr>" + "<tr><td>MMLU<td>1.5" * 200_000,
    }


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hostile", action="store_true", help="also time cards made to hang")
    parser.add_argument("--rounds", type=int, default=5)
    return parser


def main() -> int:
    args = build_parser().parse_args()
    labels = {card: card.with_suffix(".expected.json") for card in sorted(args.folder.glob("*.md"))}
    cards = [
        (card.read_text(encoding="utf-8"), json.loads(label.read_text(encoding="utf-8"))["repo_id"])
        for card, label in labels.items()
        if label.is_file()
    ]
    if not cards:
        print(f"error: no labelled cards in {args.folder}", file=sys.stderr)
        return 2
    from markdown_it import MarkdownIt

    vocabulary = manager.build_vocabulary(manager.read_mapping())
    markdown = MarkdownIt("commonmark").enable("table").disable("inline")  # as it comes, not as the script tunes it

    def extract() -> None:
        manager.clear_caches()
        for text, repo_id in cards:
            manager.read_tables(manager.parse_card(text), repo_id, vocabulary, {})

    blocks = seconds(lambda: [markdown.parse(text) for text, _ in cards], args.rounds)
    whole = seconds(extract, args.rounds)
    size = sum(len(text) for text, _ in cards)
    print(
        f"{len(cards)} cards, {size / 1000:.0f} kB: {len(cards) / whole:.0f} cards a second, "
        f"{size / whole / 20_000:.0f} of 20 kB"
    )
    print(f"block-only parse {blocks * 1000:.1f} ms, all {whole * 1000:.1f} ms: ratio {whole / blocks:.2f}")
    for name, text in hostile_cards().items() if args.hostile else ():
        started = time.perf_counter()
        try:
            readings = manager.read_tables(manager.parse_card(text), "acme/Foo-7B", vocabulary, {})
            ended = f"{len(readings)} tables, {sum(len(r.scores) for r in readings)} scores"
        except manager.ScriptError as error:
            ended = f"refused: {error}"
        print(f"{name:26} {len(text) / 1e6:6.1f} MB {time.perf_counter() - started:6.2f} s  {ended}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
