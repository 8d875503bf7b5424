"""The answer as table, Markdown and JSON."""

from __future__ import annotations

from collections import Counter
from typing import Any

from parts.contamination.scores import LEVEL
from parts.contamination.vocabulary import (
    BOILERPLATE_ITEMS,
    BOILERPLATE_SHARE,
    CLEAN,
    CONTAMINATED,
    CONTAMINATION_SCHEMA,
    NOT_FOUND,
    SUSPECT,
    TOO_SHORT,
    UNDECIDED,
    Check,
    Judged,
    Match,
    Mean,
    Rule,
    ScoreRow,
)
from parts.frame import number, percent, plain, plural, single_line
from parts.tables import pipe_table

SHOWN_SUSPECTS = 10
MOST_PROBLEMS = 5  # unreadable rows that are named; the others are counted


def mean_cell(estimate: Mean | None, signed: bool = False) -> str:
    """'0.41 (0.32 to 0.51)'."""
    if estimate is None:
        return "–"
    values = [estimate.value, estimate.low, estimate.high]
    shown = ["–" if v is None else f"{0.0 + round(v, 3):+.3f}" if signed else number(v) for v in values]
    return shown[0] if estimate.low is None else f"{shown[0]} ({shown[1]} to {shown[2]})"


def matched_text(match: Match) -> str:
    """The text at a match, between guillemets what is equal."""
    return f"{match.before} «{match.text}» {match.after}".strip()


def match_length(one: Judged) -> str:
    """The longest match of an item: '14 of 20 words', '61 of 90 characters'."""
    facts = one.facts
    longest = max(facts.longest, facts.passage)
    parts = [f"{longest} of {facts.counted} words"] if longest or not facts.characters else []
    if facts.longest_characters:
        parts.append(f"{facts.longest_characters} of {facts.characters} characters")
    return ", ".join(parts)


def rule_table(check: Check) -> tuple[list[str], list[list[str]]]:
    """How many items each rule finds."""
    header = ["rule", "suspect", "clean", TOO_SHORT, "an item is suspect when"]
    rows = [
        [rule.name, *(str(check.count(rule, status)) for status in (SUSPECT, CLEAN, TOO_SHORT)), rule.condition]
        for rule in check.rules
    ]
    return header, rows


def suspect_table(check: Check, most: int, show_text: bool = True) -> tuple[list[str], list[list[str]]]:
    """The suspect items with their longest match; item text goes into no public card unless it is asked for."""
    rows = []
    for one in check.suspects[:most]:
        rules = [name for name, status in one.status.items() if status == SUSPECT]
        best = one.matches[0] if one.matches else None
        where = f"{best.place} ({one.places} places)" if best and one.places > 1 else str(best.place) if best else "–"
        found = ", ".join(dict.fromkeys(one.parts.values()))
        rows.append([one.item.label, ", ".join(rules), found, match_length(one), where])
        if show_text:
            rows[-1].append(matched_text(best) if best else "–")
    header = ["item", "rules", "found", "longest match", "where"]
    return [*header, "text there"] if show_text else header, rows


def split_table(check: Check) -> tuple[list[str], list[list[str]]]:
    """The scores on clean and on suspect items."""
    several = len(check.rules) > 1
    header = ["rule"] * several + ["model", "result", "clean items", "suspect items", "suspect − clean", "all − clean"]
    others = any(row.beyond is not None for row in check.scores)
    rows = []
    for row in check.scores:
        cells = [row.rule] * several + [row.model, row.result_id]
        for mean, name in ((row.clean, CLEAN), (row.suspect, SUSPECT)):
            count = row.counts[name]
            cells.append(f"{mean_cell(mean)}, " + (f"{row.right[name]} of {count}" if row.right else f"n = {count}"))
        cells += [mean_cell(row.difference, True), mean_cell(row.inflation, True)]
        cells += [mean_cell(row.beyond, True)] if others else []
        rows.append([*cells, f"not judged: {row.why}" if row.why else reading(row)])
    return [*header, *["beyond the other models"] * others, "reading"], rows


def reading(row: ScoreRow) -> str:
    """What an interval says, and about which items."""
    assert row.difference is not None
    missing = row.counts["not_among_the_items"]
    given = sum(row.counts.values()) - missing - row.counts["unscored"]
    about = f" (of the {given} given, {missing} more were recorded)" if missing else ""
    if row.difference.low is None or row.difference.high is None:
        return f"no interval: {row.method}{about}"
    if row.difference.low <= 0 <= row.difference.high:
        return f"no difference was shown{about}"
    higher = row.difference.low > 0
    words = ("higher" if higher else "lower") if not row.lower_is_better else ("worse" if higher else "better")
    return f"{words} on suspect items{about}"


def size_text(size: int) -> str:
    """'12.3 MB'."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            return f"{size / scale:.1f} {unit}"
    return f"{size} bytes"


def text_line(check: Check) -> str:
    """What was compared with what."""
    found = check.found
    files = len({part.name for part in check.sources.parts})
    return (
        f"{plural(len(check.judged), 'item')} against {size_text(found.bytes)} of text in "
        f"{plural(found.documents, 'document')} of {plural(files, 'file')}"
    )


def coverage_line(check: Check) -> str:
    """How much of the training text was read: without it, nothing found says nothing."""
    found, sources = check.found, check.sources
    read = found.rows - found.unread - found.unreadable
    rows = f"{read:,} of {plural(found.rows, 'row')}, " if found.rows else ""
    named = [f"{name} ({count:,})" for name, count in found.fields.most_common(6)]
    fields = f"; fields: {', '.join(map(single_line, named))}" if named else ""
    other = f"; not read: {size_text(found.other_text)} in fields that were not named" if found.other_text else ""
    files = f" of {size_text(sources.size + sources.unread)} in files" if sources.unread else ""
    return f"read {rows}{size_text(found.bytes)} of text{files}{fields}{other}"


def answer_line(check: Check) -> str:
    """The verdict with its numbers."""
    suspects = sum(one.suspect for one in check.judged)
    if check.verdict == CONTAMINATED:
        found = ", ".join(f"{name}: {count}" for name, count in sorted(check.parts_found.items()))
        return f"contamination found: {suspects} of {plural(len(check.judged), 'item')} ({found})"
    if check.verdict == NOT_FOUND:
        judged = plural(len(check.judged) - check.unjudged, "item")
        return f"no contamination found in the {judged} that could be judged (paraphrases are not looked for)"
    return "undecided: nothing was found, but " + "; ".join(check.doubts)


def warning_lines(check: Check) -> list[str]:
    """What the answer does not rest on."""
    found, lines = check.found, []
    if check.unjudged:
        lines.append(f"{plural(check.unjudged, 'item')} too short to judge: neither clean nor suspect")
    if check.nearest is not None:
        lines.append(f"nearest below the threshold: {check.nearest.item.label}, {match_length(check.nearest)}")
    words, counted = (sum(getattr(one.facts, name) for one in check.judged) for name in ("words", "counted"))
    if counted < words:
        lines.append(
            f"{words - counted:,} of {words:,} words of the items are shared text or formulas and do not count"
        )
    joins = Counter(row.joined for row in check.scores if row.joined)
    if joins:
        many = (f"{how}, in {count} tasks" if count > 1 else how for how, count in joins.items())
        lines.append("samples joined with items: " + "; ".join(many))
    if check.duplicates:
        lines.append(f"{plural(check.duplicates, 'item')} given more than once, counted once")
    if found.unreadable:
        first = [f"{file}: {kind} {number}: {why}" for file, number, kind, why in sorted(found.problems)[:2]]
        lines.append(
            f"{plural(found.unreadable, 'row')} of the training text not readable, skipped: {'; '.join(first)}"
        )
    if found.without_text:
        lines.append(f"{plural(found.without_text, 'row')} of the training text without text")
    if found.media:
        lines.append(f"{size_text(found.media)} of pictures and sounds in the rows were not read")
    if found.replaced:
        lines.append(f"{plural(found.replaced, 'sequence')} of bytes that are not UTF-8, replaced")
    lines += [f"not read to its end: {why}" for why in found.broken]
    return [*lines, *(f"left out: {why}" for why in check.sources.left_out), *check.own]


def render_contamination(check: Check, command: str, show_text: bool = False) -> str:
    """The Markdown report, for a model card: without the text of items, unless it is asked for."""
    lines = ["## Contamination check", "", f"**{capital(answer_line(check))}.** {text_line(check)}.", ""]
    lines += [f"Coverage: {coverage_line(check)}.", ""]
    lines += [pipe_table(*rule_table(check)), ""]
    if check.scores:
        lines += ["### Scores on clean and on suspect items", "", pipe_table(*split_table(check)), ""]
        lines += [score_note(check), ""]
    if check.suspects:
        header, rows = suspect_table(check, SHOWN_SUSPECTS, show_text)
        more = len(check.suspects) - len(rows)
        lines += ["### Suspect items", "", pipe_table(header, rows), ""]
        lines += [f"{more} more are in the JSON document (`--output`).", ""] if more > 0 else []
    lines += ["### Limits", "", *(f"- {plain(line)}" for line in [*warning_lines(check), *method_lines(check)]), ""]
    lines += [f"Made by `{command}`.", ""]
    return "\n".join(lines)


def capital(text: str) -> str:
    """A text with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def score_note(check: Check) -> str:
    """How the intervals of the score table were made."""
    methods = sorted({row.method for row in check.scores if row.method})
    names = f" ({', '.join(methods)})" if methods else ""
    return (
        f"{percent(LEVEL)} intervals: Wilson's or Student's for a mean, Newcombe's or Welch's for a difference{names}. "
        "all − clean: how much the score of all items is above that of the clean ones, where all were judged. Suspect "
        "items may also be easier or harder than others; a difference alone does not show that the model has learnt "
        "them, what it has beyond other models on the same items says more."
    )


def method_lines(check: Check) -> list[str]:
    """What the comparison does and does not see."""
    lines = [
        "compared without case, punctuation, accents, markup and line breaks; question, answer and the whole item are "
        "judged each; paraphrases and translations are not found"
    ]
    if check.filter.on:
        many = check.filter.many
        shared = f"{many} items" if many is not None else f"{BOILERPLATE_ITEMS} items and {percent(BOILERPLATE_SHARE)}"
        lines.append(
            f"not counted: text shared by more than {shared} of a task, known instructions; a formula is one word"
        )
    else:
        lines.append("boilerplate and formulas count (--no-filter): false positives are to be expected")
    return lines


def check_json(check: Check) -> dict[str, Any]:
    """The whole answer as one JSON document; the clean items are those that are not listed."""
    found = check.found
    return {
        "schema_version": CONTAMINATION_SCHEMA,
        "verdict": check.verdict,
        "why_undecided": check.doubts if check.verdict == UNDECIDED else [],
        "rules": [rule_json(check, rule) for rule in check.rules],
        "items": {
            "files": list(check.item_files),
            "count": len(check.judged),
            "duplicates": check.duplicates,
            "suspect": len(check.suspects),
            "unjudged": check.unjudged,
            "found": dict(check.parts_found),
        },
        "training": {
            "sources": list(check.sources.names),
            "files": len({part.name for part in check.sources.parts}),
            "bytes": found.bytes,
            "documents": found.documents,
            "coverage": coverage_line(check),
            "rows": found.rows,
            "rows_unread": found.unread,
            "fields": dict(found.fields),
            "characters_in_other_fields": found.other_text,
            "media_bytes_in_rows": found.media,
            "file_bytes": check.sources.size,
            "file_bytes_left_out": check.sources.unread,
            "rows_unreadable": found.unreadable,
            "rows_without_text": found.without_text,
            "not_utf8": found.replaced,
            "coded_bytes": found.coded,
            "disguised_letters": found.disguised,
            "problems": [
                {"file": file, kind: number, "error": why}
                for file, number, kind, why in sorted(found.problems)[:MOST_PROBLEMS]
            ],
            "broken_files": sorted(found.broken),
            "left_out": list(check.sources.left_out),
        },
        "filter": {"on": check.filter.on, "boilerplate_items": check.filter.many},
        "scores": [split_json(row) for row in check.scores],
        "suspects": [judged_json(one) for one in check.suspects],
        "too_short": [
            {"task": one.item.task, "sample_id": one.item.sample_id, "rules": short}
            for one in check.judged
            if (short := [name for name, status in one.status.items() if status == TOO_SHORT])
        ],
    }


def rule_json(check: Check, rule: Rule) -> dict[str, Any]:
    """A rule and its counts."""
    counts = {status.replace(" ", "_"): check.count(rule, status) for status in (SUSPECT, CLEAN, TOO_SHORT)}
    settings = {"unit": rule.unit, "length": rule.length, "share": rule.share, "condition": rule.condition}
    return {"rule": rule.name, **settings, "source": rule.source, **counts}


def judged_json(one: Judged) -> dict[str, Any]:
    """A suspect item."""
    facts = one.facts
    return {
        "task": one.item.task,
        "sample_id": one.item.sample_id,
        "rules": [name for name, status in one.status.items() if status == SUSPECT],
        "found": dict(one.parts),
        "words": facts.words,
        "words_counted": facts.counted,
        "longest_match": facts.longest,
        "longest_share": round(facts.longest / facts.counted, 4) if facts.counted else None,
        "longest_passage": facts.passage,
        "windows": facts.windows,
        "windows_found": facts.windows_found,
        "characters_counted": facts.characters or None,
        "longest_match_characters": facts.longest_characters or None,
        "places": one.places,
        "matches": [match_json(match) for match in one.matches],
    }


def match_json(match: Match) -> dict[str, Any]:
    """A match with its place."""
    place = match.place
    where = {"file": place.file, place.kind: place.number} | ({"byte": place.byte} if place.byte >= 0 else {})
    text = {"before": match.before, "text": match.text, "after": match.after}
    return {**where, "length": match.length, "counted": match.counted, "begins_at": match.begin, **text}


def split_json(row: ScoreRow) -> dict[str, Any]:
    """A row of the scores; an interval that was not made is null."""
    names = ("all", "clean", "suspect", "difference", "inflation", "beyond")
    means = {name: mean_json(getattr(row, name)) for name in names}
    head = {"rule": row.rule, "model": row.model, "task": row.task, "result_id": row.result_id, "record": row.record}
    judged = {"method": row.method or None, "not_judged": row.why or None}
    judged |= {"lower_is_better": row.lower_is_better, "right": dict(row.right) or None, "joined": row.joined or None}
    return {**head, "recorded_score": row.recorded, "items": dict(row.counts), **means, **judged}


def mean_json(mean: Mean | None) -> dict[str, Any] | None:
    """A mean with its interval."""
    return None if mean is None else {"value": mean.value, "low": mean.low, "high": mean.high, "level": LEVEL}


def check_text_lines(check: Check) -> list[str]:
    """The answer for people."""
    lines = [pipe_table(*rule_table(check)), ""]
    if check.suspects:
        header, rows = suspect_table(check, SHOWN_SUSPECTS)
        lines += [pipe_table(header, rows), ""]
    if check.scores:
        lines += [pipe_table(*split_table(check)), ""]
    more = len(check.suspects) - SHOWN_SUSPECTS
    lines += [f"{more} more suspect items: --json or --output FILE.json", ""] if more > 0 else []
    answer = [coverage_line(check), f"{answer_line(check)} ({text_line(check)})"]
    return [*lines, *answer, *map(single_line, warning_lines(check))]


def clean_items(check: Check, command: str) -> dict[str, Any]:
    """The items that no rule suspects and every rule could judge, by task: what a release may be gated on."""
    found: dict[str, list[str]] = {}
    for one in check.judged:
        if set(one.status.values()) == {CLEAN}:
            found.setdefault(one.item.task, []).append(one.item.sample_id)
    reason = f"no match in the training text ({coverage_line(check)})"
    return {"schema_version": CONTAMINATION_SCHEMA, "reason": reason, "command": command, "only_items": found}
