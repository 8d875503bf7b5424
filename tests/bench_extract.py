#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "jsonschema>=4.23,<5",
#     "lxml>=6,<7",
#     "markdown-it-py>=4,<5",
#     "orjson>=3.10,<4",
#     "pyromark>=0.10,<0.11",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "tenacity>=9,<10",
# ]
# ///
"""Time extract-readme: cards per second, the ratio to a block-only parse by markdown-it-py, and hostile cards.

Seconds are those of the processor, the best of some rounds. Each hostile card is also timed at half its size.

examples:
  uv run tests/bench_extract.py tests/fixtures/cards
  uv run tests/bench_extract.py ../shared/model_cards --hostile
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
import evaluation_manager as manager


def seconds(works: Sequence[Callable[[], object]], rounds: int) -> list[float]:
    """The best of some rounds for each; a round does one after the other, so that all meet the same machine.

    What was read before is forgotten before the clock starts, as a new process has nothing to forget.
    """
    best = [float("inf")] * len(works)
    for _ in range(rounds):
        for number, work in enumerate(works):
            clear_caches()
            started = time.process_time()
            work()
            best[number] = min(best[number], time.process_time() - started)
    return best


def hostile_cards(share: float) -> dict[str, str]:
    """Cards made to hang or to be cut short without a word; `share` of their full size."""

    def times(text: str, number: int) -> str:
        return text * int(number * share)

    row = "| Foo-7B " + "| 1.5 " * 8 + "|\n"
    table = "## T\n\n| Model | MMLU |\n|---|---|\n| Foo | 1.5 |\n| Bar | 2 |\n\n"
    return {
        "2,000 rows": "# X\n\n| Model " + "| MMLU " * 8 + "|\n|---" + "|---" * 8 + "|\n" + times(row, 2000),
        "200,000 rows": "<table><tr><th>Benchmark<th>Foo-7B</tr>" + times("<tr><td>MMLU<td>1.5", 200_000),
        "5,000 tables": times(table, 5_000),
        "5 MB of nested tables": times("<table><tr><td>", 350_000),
        "100,000 columns": "".join(f"|{times(cell, 100_000)}\n" for cell in ("a|", "-|", "1|")),
        "500,000 cells of no delimiter row": "x\na|b\n" + times("-|", 500_000) + "x\n",
        "1,000,000 blanks in a heading": "# x" + times(" ", 1_000_000) + "y\n",
        "100 quotes in one another": times(">" * 100 + " x\n", 1_000),
        "1,000,000 unclosed tags": times("<div><b>", 500_000),
        "400,000 line breaks": "<div>" + times("<br>", 400_000) + "</div><table><tr><td>a</table>",
        "10 MB line": times("a[`*_<", 1_700_000),
        "10 MB line in a table": "| a | b |\n|---|---|\n| x | " + times("[*_`<sup>$", 1_000_000) + " |\n",
        "5 MB of marks in labels": "| a | Foo-7B |\n|---|---|\n" + times("| " + "/=†—" * 1_000 + "x | 1.5 |\n", 1_250),
        "colspan 1000000": times("<table><tr><td>a</td><td colspan=1000000>1</td></tr><tr><td>b<td>2</table>", 200),
        "rowspan bomb": "<table>" + times("<tr><td rowspan=65534 colspan=1000>1</td></tr>", 3000) + "</table>",
    }


KEPT = ("word_list",)
CACHES = [thing for name, thing in vars(manager).items() if hasattr(thing, "cache_clear") and name not in KEPT]


def clear_caches() -> None:
    """Forget the texts seen so far, as a new process would; the word lists stay."""
    for cached in CACHES:
        cached.cache_clear()


def time_hostile_cards(vocabulary: manager.Vocabulary) -> None:
    halves = hostile_cards(0.5)
    for name, text in hostile_cards(1).items():
        before, _ = timed_extract(halves[name], vocabulary)
        taken, ended = timed_extract(text, vocabulary)
        print(f"{name:26} {len(text) / 1e6:6.1f} MB {taken:6.2f} s, half of it {before:5.2f} s  {ended}")


def timed_extract(text: str, vocabulary: manager.Vocabulary) -> tuple[float, str]:
    """Seconds for one card, and how it ended."""
    clear_caches()
    started = time.process_time()
    try:
        readings = manager.read_tables(manager.parse_card(text), "acme/Foo-7B", vocabulary)
        ended = f"{len(readings)} tables, {sum(len(reading.scores) for reading in readings)} scores"
    except manager.ScriptError as error:
        ended = f"refused: {error}"
    return time.process_time() - started, ended


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hostile", action="store_true", help="also time cards made to hang")
    parser.add_argument("--rounds", type=int, default=15)
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
    markdown = MarkdownIt("commonmark").enable("table").disable("inline")

    def extract() -> None:
        for text, repo_id in cards:
            manager.read_tables(manager.parse_card(text), repo_id, vocabulary)

    blocks, whole = seconds((lambda: [markdown.parse(text) for text, _ in cards], extract), args.rounds)
    size = sum(len(text) for text, _ in cards)
    print(
        f"{len(cards)} cards, {size / 1000:.0f} kB: {len(cards) / whole:.0f} cards a second, "
        f"{size / whole / 20_000:.0f} of 20 kB"
    )
    print(f"block-only parse {blocks * 1000:.1f} ms, all {whole * 1000:.1f} ms: ratio {whole / blocks:.2f}")
    if args.hostile:
        time_hostile_cards(vocabulary)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
