"""Titles, texts and lines that people read about a change."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

from parts.metadata.entries import Entry
from parts.metadata.identity import person_number
from parts.metadata.plan import Change, Plan, entry_name, filled_in, written_value

TITLE = 100  # characters of a pull request's title, at most


def markdown_text(text: Any, most: int = 80) -> str:
    """Text of others for Markdown: nothing in it is markup, a link, a mention or a reference any more."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())[:most]
    escaped = "".join(c if c.isalnum() or c in " -()%,./" or ord(c) > 127 else f"&#{ord(c)};" for c in plain)
    return re.sub(r"(?i)www\.", lambda m: f"{m[0][:3]}&#46;", escaped)  # GFM makes links of "www." without markup


def pull_request_title(plan: Plan, change: Change) -> str:
    """How many results, and from where; which ones were selected how is in the description."""
    count = len(change.entries)
    return f"Add {count} evaluation result{'s' if count != 1 else ''} from {plan.source.partition(' (')[0]}"[:TITLE]


def counted_title(title: str, count: int) -> str:
    """A title of ours with another count: "Add 2 evaluation results", 3 -> "Add 3 evaluation results"."""
    return re.sub(
        r"\AAdd \d+ evaluation results?\b", f"Add {count} evaluation result{'s' if count != 1 else ''}", title
    )


def pull_request_text(plan: Plan, change: Change) -> str:
    """The description: what, from where, when, how to check. All text of others is escaped."""
    origin = "where it was read"
    lines = [f"Adds evaluation results, read from {markdown_text(plan.source, 2000)} on {plan.created[:10]}.", ""]
    lines += [f"| benchmark | value | metric | {origin} |", "| --- | --- | --- | --- |"]
    entries = sorted(change.entries, key=plan.entries.index)
    for entry in entries[:200]:
        metric = ", ".join(filter(None, (entry.metric, entry.shots, entry.variant))) or "-"
        cells = (entry.benchmark, f"{written_value(plan, entry):.12g}", metric, origin_text(plan, entry))
        lines.append(f"| {' | '.join(markdown_text(cell) for cell in cells)} |")
    lines += [f"| and {len(entries) - 200} more | | | |"] if len(entries) > 200 else []
    files = ", ".join(f"`{path}`" for path in change.files)
    lines += ["", f"Files: {files}."]
    lines += [f"- Replaced: {markdown_text(c.where)}: {markdown_text(c.there)} is now {c.new}" for c in change.replaced]
    others = {entry.benchmark for entry in plan.entries} - {entry.benchmark for entry in change.entries}
    notes = [text for text in all_notes(plan, change) if not any(f"{name}: " in text for name in others)]
    lines += [f"- Note: {markdown_text(text, 300)}" for text in notes[:20]]
    lines += [
        "",
        "Values are as the source shows them. To check: compare each row with the place that it names (tables are "
        "counted from 1, the rows under the header and columns from 0); "
        f"`uv run scripts/evaluation_manager.py show --repo-id {plan.repo_id} --revision refs/pr/N` lists what this "
        "pull request holds.",
    ]
    return "\n".join(lines)


def origin_text(plan: Plan, entry: Entry) -> str:
    """Where a result was read, with the value there when it is written in another unit."""
    there = person_number(entry.value, entry.unit)
    return entry.origin if written_value(plan, entry) == there else f"{entry.origin}, {there:.12g} there"


def all_notes(plan: Plan, change: Change) -> list[str]:
    """What is to be known: what the source leaves out, what was filled in or converted, what contradicts."""
    mapping = plan.measures.mapping if plan.measures and plan.model_index else {}
    filled = [text for entry in change.entries if (text := filled_in(entry, mapping))]
    return list(dict.fromkeys([*plan.notes, *plan.remarks, *filled, *change.notes]))


def change_json(plan: Plan, change: Change) -> dict[str, Any]:
    return {
        "repo_id": plan.repo_id,
        "files": list(change.files),
        "added": change.added,
        "same": change.same,
        "replaced": [dataclasses.asdict(conflict) for conflict in change.replaced],
        "conflicts": [dataclasses.asdict(conflict) for conflict in change.conflicts],
        "questions": change.questions,
        "notes": all_notes(plan, change),
        "model_index": plan.model_index,
        "eval_results": plan.eval_results,
    }


def plan_lines(plan: Plan, change: Change) -> list[str]:
    """A plan and what it changes, for people."""
    lines = [f"{plan.repo_id}: {len(plan.entries)} results from {plan.source}"]
    for entry in plan.entries:
        lines.append(f"  {entry_name(entry)}: {written_value(plan, entry):.12g}   from {origin_text(plan, entry)}")
    lines += [f"new: {text}" for text in change.added]
    lines += [f"already there: {text}" for text in change.same]
    lines += [f"replaced: {c.where}: {c.there} becomes {c.new}" for c in change.replaced]
    lines += [f"conflict: {c.where} ({c.benchmark}): {c}" for c in change.conflicts]
    lines += [f"note: {text}" for text in all_notes(plan, change)]
    return ["".join(c if c.isprintable() else " " for c in line) for line in lines]
