"""Titles, texts and lines that people read about a change."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Sequence
from typing import Any

from parts.metadata.entries import Entry
from parts.metadata.identity import person_number
from parts.metadata.plan import BY_HAND, Change, Conflict, Plan, entry_name, filled_in, written_value

MOST_FACTS = 3000  # characters of what is written of a result beside its value: all that a plan may hold of it
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
    lines += [f"| benchmark | value | metric | {origin} | written with |", "| --- | --- | --- | --- | --- |"]
    entries = sorted(change.entries, key=plan.entries.index)
    shared, own = facts_written(plan, entries)
    for entry, facts in list(zip(entries, own, strict=True))[:200]:
        metric = ", ".join(filter(None, (entry.metric, entry.shots, entry.variant))) or "-"
        cells = (entry.benchmark, f"{written_value(plan, entry):.12g}", metric, origin_text(plan, entry))
        lines.append(f"| {' | '.join(map(markdown_text, cells))} | {markdown_text(facts or '-', MOST_FACTS)} |")
    lines += [f"| and {len(entries) - 200} more | | | | |"] if len(entries) > 200 else []
    lines += ["", f"All are written with: {markdown_text(shared, MOST_FACTS)}."] if shared else []
    files = ", ".join(f"`{path}`" for path in change.files)
    lines += ["", f"Files: {files}."]
    lines += [
        f"- Replaced: {markdown_text(c.where)}: {markdown_text(c.there)} is now {markdown_text(replaced_words(c), 500)}"
        for c in change.replaced
    ]
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


def facts_written(plan: Plan, entries: Sequence[Entry]) -> tuple[str, list[str]]:
    """What is written of results beside names, settings and values: (what all have alike, of each the rest)."""
    results = dict(zip(plan.entries, plan.model_index, strict=True)) if plan.model_index else {}
    paths = {entry: path for path, entry in plan.made_of.items()}
    found = []
    for entry in entries:
        facts: dict[str, str] = {}
        if result := results.get(entry):
            dataset = result["dataset"]
            parts = [f"{key} {dataset[key]}" for key in ("config", "split", "revision") if dataset.get(key)]
            facts["data set"] = ", ".join([f"{dataset['name']} ({dataset['type']})", *parts])
            facts |= {"metric": result["metrics"][0]["type"], "task": result["task"]["type"]}
        if entry in paths:
            row = plan.eval_results[paths[entry]][0]
            facts["leaderboard"] = f"{row['dataset']['id']}, task {row['dataset'].get('task_id')}"
            facts |= {"date": str(row["date"])} if row.get("date") else {}
        facts |= {"source": f"{entry.source_name or ''} {entry.source_url}".strip()} if entry.source_url else {}
        found.append(facts)
    alike = [item for item in found[0].items() if all(item in facts.items() for facts in found)] if found else []
    alike = alike if len(found) > 1 else []

    def told(items: Iterable[tuple[str, str]]) -> str:
        return "; ".join(f"{name} {text}" for name, text in items)

    return told(alike), [told(item for item in facts.items() if item not in alike) for facts in found]


def origin_text(plan: Plan, entry: Entry) -> str:
    """Where a result was read, with the value there when it is written in another unit."""
    there = person_number(entry.value, entry.unit)
    return entry.origin if written_value(plan, entry) == there else f"{entry.origin}, {there:.12g} there"


def all_notes(plan: Plan, change: Change) -> list[str]:
    """What is to be known: what the source leaves out, what was filled in or converted, what contradicts."""
    mapping = plan.measures.mapping if plan.measures and plan.model_index else {}
    filled = [text for entry in change.entries if (text := filled_in(entry, mapping))]
    return list(dict.fromkeys([*plan.notes, *plan.remarks, *filled, *change.notes]))


def replaced_words(conflict: Conflict) -> str:
    """The new value, why it may be another result's, and what becomes of the source of the old one."""
    return "; ".join(filter(None, (f"{conflict.new}", conflict.doubt, conflict.source)))


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
    shared, own = facts_written(plan, plan.entries)
    for entry, facts in zip(plan.entries, own, strict=True):
        line = f"  {entry_name(entry)}: {written_value(plan, entry):.12g}   "
        line += origin_text(plan, entry) if entry.origin == BY_HAND else f"from {origin_text(plan, entry)}"
        lines.append(f"{line}   with {facts}" if facts else line)
    lines += [f"  all of them with {shared}"] if shared else []
    lines += [f"new: {text}" for text in change.added]
    lines += [f"already there: {text}" for text in change.same]
    lines += [f"replaced: {c.where}: {c.there} becomes {replaced_words(c)}" for c in change.replaced]
    lines += [f"conflict: {c.where} ({c.benchmark}): {c}" for c in change.conflicts]
    lines += [f"note: {text}" for text in all_notes(plan, change)]
    return ["".join(c if c.isprintable() else " " for c in line) for line in lines]
