#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "jsonschema>=4.23,<5",
#     "lxml>=6,<7",
#     "orjson>=3.10,<4",
#     "pyromark>=0.10,<0.11",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "tenacity>=9,<10",
# ]
# ///
"""Score extract-readme on labelled cards: a folder of NAME.md and NAME.expected.json pairs.

Each card is read twice: alone, and with a selection that names the labelled column or row of each table that was not
certain, as a person who looks at the table would.

examples:
  uv run tests/score_cards.py tests/fixtures/cards
  uv run tests/score_cards.py ../shared/model_cards --verbose

Prints precision, recall and F1 over (benchmark, value) pairs, the number of wrong-model values and of values taken from
tables that are no evaluation. Exit codes: 0 no wrong value either way, and F1 with selections is 1; 1 not so; 2 no
cards there
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import sys
import tempfile
import time
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "scripts"))
import evaluation_manager


@dataclass
class Tally:
    right: int = 0
    wanted: int = 0
    taken: int = 0
    wrong_model: int = 0
    no_evaluation: int = 0
    tables: int = 0
    tables_right: int = 0
    seconds: float = 0.0

    def add(self, other: Tally) -> None:
        for name in vars(self):
            setattr(self, name, getattr(self, name) + getattr(other, name))

    @property
    def f1(self) -> float:
        return 2 * self.right / (self.wanted + self.taken) if self.wanted + self.taken else 1.0

    def __str__(self) -> str:
        precision = self.right / self.taken if self.taken else 1.0
        recall = self.right / self.wanted if self.wanted else 1.0
        return (
            f"F1 {self.f1:.3f}  precision {precision:.3f}  recall {recall:.3f}  scores {self.right}/{self.wanted}  "
            f"tables {self.tables_right}/{self.tables}  wrong model {self.wrong_model}  "
            f"no evaluation {self.no_evaluation}"
        )


def words(text: str) -> list[str]:
    return re.findall(r"\w+", unicodedata.normalize("NFKC", text).casefold().replace("_", " "))


def same_label(found: str, wanted: str) -> bool:
    """Whether a label's words are the other's or contain them."""
    a, b = " ".join(words(found)), " ".join(words(wanted))
    return a == b or f" {b} " in f" {a} " or set(words(wanted)) <= set(words(found))


def match_pairs(found: list[tuple[str, float]], wanted: list[tuple[str, float]]) -> list[tuple[str, float]]:
    """What is left of `found` after pairing off each wanted score; exact labels first."""
    left, missing = list(found), []
    for label, value in wanted:
        near = [item for item in left if item[1] == value and same_label(item[0], label)]
        near.sort(key=lambda item: words(item[0]) != words(label))
        if near:
            left.remove(near[0])
        else:
            missing.append((label, value))
    return left + [(f"missing: {label}", value) for label, value in missing]


def extract(card: Path, repo_id: str, selection: Path | None = None) -> tuple[dict[str, Any], int, float]:
    out, started = io.StringIO(), time.perf_counter()
    words = ["extract-readme", "--card", str(card), "--repo-id", repo_id, "--all-tables", "--json"]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = evaluation_manager.main([*words, "--selection", str(selection)] if selection else words)
    return json.loads(out.getvalue() or "{}"), code, time.perf_counter() - started


def selection_for(expected: dict[str, Any], answer: dict[str, Any]) -> list[dict[str, Any]]:
    """The readings that a person would write: the labelled column or row of each table that is not read alone."""
    readings = []
    for table, found in zip(expected["tables"], answer["tables"], strict=True):
        if table.get("uncertain") or (found["status"] == "found" and not found["open_cells"]):
            continue
        index, axis = table.get("target_index"), "row" if table["orientation"] == "models-as-rows" else "column"
        if not table["entries"]:
            readings += [{"table": table["index"], "leave_out": "all"}] * (found["status"] == "ambiguous")
        elif index is None:
            readings += [target["selection"] for target in found["targets"]]
        else:
            indexes = index if isinstance(index, list) else [index]
            readings += [{"table": table["index"], axis: i, **table.get("named", {})} for i in indexes]
    return readings


def score_card(card: Path, verbose: bool, by_hand: bool = False) -> Tally:
    expected = json.loads(card.with_suffix(".expected.json").read_text(encoding="utf-8"))
    answer, code, seconds = extract(card, expected["repo_id"])
    wanted_code = expected.get("exit_code", code)
    if by_hand and (readings := selection_for(expected, answer)):
        with tempfile.TemporaryDirectory() as folder:
            selection = Path(folder, "selection.json")  # JSON is YAML
            selection.write_text(json.dumps({"card_sha256": answer["card_sha256"], "readings": readings}))
            answer, code, seconds = extract(card, expected["repo_id"], selection)
        wanted_code = expected.get("exit_code_by_hand", code)
    tally = Tally(seconds=seconds)
    found_tables = {table["table"]: table for table in answer.get("tables", [])}
    if len(found_tables) != len(expected["tables"]):
        print(f"  {card.name}: {len(found_tables)} tables found, {len(expected['tables'])} expected")
    given = [{**r, **place} for r in answer.get("results", []) for place in ({}, *r["also"])]
    for table in expected["tables"]:
        results = sorted((r for r in given if r["table"] == table["index"]), key=lambda r: (r["row"], r["column"]))
        if table.get("uncertain"):
            continue
        score_table(card, table, results, found_tables.get(table["index"], {}), tally, verbose)
    if wanted_code != code:
        print(f"  {card.name}: exit {code}, expected {wanted_code}")
        tally.wrong_model += 1
    return tally


def score_table(card: Path, table: dict, results: list[dict], found: dict, tally: Tally, verbose: bool) -> None:
    taken = [(r["benchmark"], r["value"]) for r in results]
    wanted = [(e["benchmark"], e["value"]) for e in table["entries"]]
    where = f"  {card.name} table {table['index']}:"
    tally.tables += 1
    right = False
    if not table["evaluation"]:
        tally.no_evaluation += len(taken)
        right = not taken and not found.get("evaluation")
    elif table["target"] is None:
        tally.wrong_model += len(taken)
        right = not taken and bool(found.get("evaluation"))
    else:
        left = match_pairs(taken, wanted)
        missing = sum(label.startswith("missing: ") for label, _ in left)
        tally.taken, tally.wanted = tally.taken + len(taken), tally.wanted + len(wanted)
        tally.right += len(wanted) - missing
        index, axis = table.get("target_index"), "row" if table["orientation"] == "models-as-rows" else "column"
        if index is not None and table["orientation"] != "single-model":
            indices = index if isinstance(index, list) else [index]
            tally.wrong_model += sum(r[axis] not in indices for r in results)
        right = not left
        if left and verbose:
            print(where, left[:12])
    tally.tables_right += right
    if not right and verbose:
        said = ("evaluation", "reason", "orientation", "status", "unsure", "names")
        print(where, {key: found.get(key) for key in said}, "took", taken[:4])
    if verbose and right and table["entries"]:
        for r, e in zip(results, table["entries"], strict=True):
            told = [
                (k, r[k], e.get(k)) for k in ("shots", "metric", "group") if k in e and (r[k] or None) != (e[k] or None)
            ]
            if told or words(r["benchmark"]) != words(e["benchmark"]):
                print(f"    detail {r['benchmark']!r} / {e['benchmark']!r}", told)


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--verbose", action="store_true", help="show what differs")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    cards = sorted(path for path in args.folder.glob("*.md") if path.with_suffix(".expected.json").is_file())
    if not cards:
        print(f"error: no NAME.md with NAME.expected.json in {args.folder}", file=sys.stderr)
        return 2
    totals = []
    for by_hand in (False, True):
        total = Tally()
        print("with selections" if by_hand else "alone")
        for card in cards:
            tally = score_card(card, args.verbose, by_hand)
            print(f"{card.stem:48} {tally}  {tally.seconds * 1000:.0f} ms")
            total.add(tally)
        print(f"{'total of ' + str(len(cards)) + ' cards':48} {total}  {total.seconds * 1000:.0f} ms")
        totals.append(total)
    wrong = sum(total.wrong_model + total.no_evaluation + total.taken - total.right for total in totals)
    return 0 if not wrong and totals[1].f1 == 1 else 1


if __name__ == "__main__":
    raise SystemExit(main())
