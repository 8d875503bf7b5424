"""Where results come from, looked at again: a card that changed since the plan, and what else contradicts a result."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from parts.cards.asking import Extraction, extract, read_tables
from parts.cards.labels import Vocabulary
from parts.cards.source import build_vocabulary
from parts.cards.tables import card_body, parse_card
from parts.frame import ScriptError, option_words, single_line
from parts.hub.committing import git_blob_id
from parts.metadata.entries import Entry
from parts.metadata.front_matter import decode_card
from parts.metadata.identity import OTHER, SAME, Measures, Written, agree, readings, written
from parts.metadata.merge import is_beside, is_value, measures_of, standings_of
from parts.metadata.plan import Change, Plan, RepoState, card_entries, written_value


def read_card_scores(card: bytes, repo_id: str, vocabulary: Vocabulary) -> tuple[Extraction, str | None]:
    """This model's scores in all tables of a card, as far as they are certain, and the task that the card names."""
    parsed = parse_card(decode_card(card, f"{repo_id}/README.md"))
    tables = read_tables(parsed, repo_id, vocabulary)
    return extract(tables, repo_id, [], True, "extract-readme"), parsed.front.get("pipeline_tag")


def body_id(card: bytes) -> str:
    """git's id of what follows a card's front matter: the tables are there, and results are written above it."""
    body = card_body(card.decode("utf-8", "surrogateescape")).lstrip("\r\n")
    return git_blob_id(body.encode("utf-8", "surrogateescape"))


def is_of_card(entry: Entry) -> bool:
    return entry.origin.startswith("table ")


def still_said(plan: Plan, state: RepoState) -> Plan:
    """The plan, when the card that its results were read from says them still; ScriptError (3) with both values."""
    read = [entry for entry in plan.entries if is_of_card(entry)]
    if not read or plan.card is None or plan.card in (body_id(state.card or b""), git_blob_id(state.card or b"")):
        return plan
    measures = measures_of(plan)
    answer, _ = read_card_scores(state.card or b"", plan.repo_id, build_vocabulary(dict(measures.mapping)))
    now = card_entries(answer.results, plan.repo_id)
    lines = []
    for entry in read:
        mine = measures.of_entry(entry)
        rivals = [other for other in now if measures.relation(measures.of_entry(other), mine) == SAME]
        if not any(other.value == entry.value for other in rivals):
            says = f"now {rivals[0].value:.12g} ({rivals[0].origin})" if rivals else "found there no more"
            lines.append(f"{entry.benchmark}: {entry.value:.12g} when it was planned ({entry.origin}), {says}")
    if lines:
        lines.append("the card has changed since: make the plan anew, or write these results by hand")
        raise ScriptError("\n".join(map(single_line, lines)), code=3)
    return plan


def metric_questions(plan: Plan) -> list[str]:
    """Results of benchmarks with several metrics of one kind whose source does not say which: IFEval."""
    questions = []
    for entry in plan.entries:
        known = measures_of(plan).mapping.get(entry.key or "") or {}
        if is_of_card(entry) and "_level_" in str(known.get("metric")) and not entry.metric:
            name = entry.key or entry.benchmark
            way = option_words("--metric", f"{name}={known['metric']}")
            questions.append(
                f"{name}: which of its metrics {entry.value:.12g} is, {entry.origin} does not say; "
                f"{way} (or another, or accuracy) says it"
            )
    return questions


def with_metrics(entries: Sequence[Entry], answers: Sequence[str] | None) -> list[Entry]:
    """The results with what --metric KEY=NAME says about those that name none."""
    said = {}
    for text in answers or []:
        name, _, metric = text.partition("=")
        if not name or not metric or single_line(metric) != metric:
            raise ScriptError(f"--metric {single_line(text)}: KEY=NAME is expected, ifeval=prompt_level_strict_acc")
        said[name] = metric
    return [
        dataclasses.replace(entry, metric=entry.metric or said.get(entry.key or "") or said.get(entry.benchmark))
        for entry in entries
    ]


def tell_otherwise(plan: Plan, state: RepoState, change: Change) -> None:
    """Ask about results of which the card's tables or the repo's metadata say another value once all is written.

    Two values of one result are never published without a word: --beside NAME says that it is another one, --replace
    that the new value holds; then it is a note.
    """
    measures = measures_of(plan)
    if change.conflicts:
        return
    card = change.files.get("README.md", state.card)
    files = state.files | {path: data.decode() for path, data in change.files.items() if path != "README.md"}
    standings = standings_of(dataclasses.replace(state, card=card, files=files), measures)
    tables = [] if all(map(is_of_card, plan.entries)) else card_claims(state.card, plan.repo_id, measures)
    for entry in plan.entries:
        mine = measures.of_entry(entry)
        found = [
            (f"{item.where} says {item.value} of {entry.benchmark}", written(item.value, item.unit), item.percents)
            for item in standings
            if measures.relation(item.measure, mine) == SAME and not is_value(item, entry.value, entry.unit, measures)
        ]
        found += [
            (
                f"the table in the README says {row['raw'] or other.value} of {other.benchmark} ({other.origin})",
                written(other.value, other.unit),
                False,
            )
            for row, other in (() if is_of_card(entry) else tables)
            if measures.relation(measures.of_entry(other), mine) != OTHER and not same_entry(other, entry, measures)
        ]
        answered = plan.replace or is_beside(entry, plan.beside)
        way = option_words("--beside", entry.key or entry.benchmark)
        for text, there, percents in dict.fromkeys(found):
            text, ours = single_line(text), written_value(plan, entry)
            if there and there.number == ours:  # one number on two scales: they alone tell both apart
                text += f" ({scale_words(ours, there, percents)})"
                here = written(entry.value, entry.unit)
                text += f", and not {ours:.12g} ({scale_words(ours, here, False) if here else 'unknown'})"
            else:
                text += f", and not {ours:.12g}"
            if answered:
                change.notes.append(text)
            else:
                change.questions.append(f"{text}; {way} writes it all the same, as another result")


def scale_words(shown: float, value: Written, percents: bool) -> str:
    """In which unit a number is shown, by the share that its value means."""
    shares = [share for share, _ in readings(value, False, percents)]
    words = ["a proportion" if abs(share - shown) < 1e-9 else "in percent" for share in shares]
    return " or ".join(dict.fromkeys(words))


def card_claims(card: bytes | None, repo_id: str, measures: Measures) -> list[tuple[Mapping[str, Any], Entry]]:
    """(the score as its table has it, the same as an entry) for all that a card's tables say of this model for
    certain, whatever other tables leave open."""
    if not card:
        return []
    scores = read_card_scores(card, repo_id, build_vocabulary(dict(measures.mapping)))[0].results
    return list(zip((score.as_json() for score in scores), card_entries(scores, repo_id), strict=True))


def same_entry(one: Entry, other: Entry, measures: Measures) -> bool:
    values = written(one.value, one.unit), written(other.value, other.unit)
    is_open = measures.is_open(measures.of_entry(one))
    return values[0] is not None and values[1] is not None and agree(values[0], values[1], is_open)
