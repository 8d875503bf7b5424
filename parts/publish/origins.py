"""Where results come from, looked at again: a card or a plan that changed, and what else contradicts a result."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from parts.cards.asking import Extraction, extract, read_tables
from parts.cards.labels import Vocabulary, split_label
from parts.cards.model_names import is_of_another
from parts.cards.scores import Pick
from parts.cards.source import build_vocabulary
from parts.cards.tables import card_body, parse_card
from parts.foreign import web_url
from parts.frame import ScriptError, listing, option_words, single_line
from parts.hub.committing import git_blob_id
from parts.metadata.entries import Entry, Finding
from parts.metadata.front_matter import decode_card, read_metadata
from parts.metadata.identity import OTHER, SAME, Measures, Written, agree, readings, written
from parts.metadata.merge import decode_strict, is_beside, is_value, measures_of, standings_of
from parts.metadata.plan import BY_HAND, MODEL_CARD, Change, Plan, RepoState, card_entries, entry_name, written_value
from parts.publish.records import read_entries, results_of
from parts.records.files import read_record
from parts.records.publishable import Allowed, record_model
from parts.vocabulary import normalize_name, vocabulary_of

MOST_FOLDERS = 1000  # that are looked through for a record
MOST_PICKS = 40  # columns and rows that are read again as chosen
# What a result says that its source must say, too; a source without a metric leaves it to an answer (--metric).
CLAIMED = ("value", "unit", "benchmark", "key", "metric", "shots", "variant")
OF_A_CARD = (*CLAIMED, "dataset", "source_name", "source_url", "date", "samples", "standard_error", "lower_is_better")


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
    """The plan, when the card that its results were read from says them still; ScriptError (3) with both values.

    A plan that was not changed holds what the card says that it was made against; of one that was, each place counts.
    """
    read = [entry for entry in plan.entries if is_of_card(entry)]
    if plan.changed:
        refuse_untrue(contradicted_by_card(plan, read, state.card or b"") if read else [])
        return plan
    if not read or plan.card in (None, body_id(state.card or b""), git_blob_id(state.card or b"")):
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


def refuse_untrue(lines: Sequence[str]) -> None:
    """ScriptError (3) with the results of a plan that are not what the places that it names say."""
    if lines:
        way = f'"origin": "{BY_HAND}" in its place publishes such a result so, without a source'
        lines = [*lines, f"the plan was changed after it was made, or its card: make the plan anew; {way}"]
        raise ScriptError("\n".join(map(single_line, lines)), code=3)


def contradicted_by_card(plan: Plan, entries: Sequence[Entry], card: bytes) -> list[str]:
    """What a plan's results say otherwise than the places of the card that they name, read again.

    A place that is not certain by itself is read as it must have been chosen: by its column, or by its row.
    """
    vocabulary = build_vocabulary(dict(measures_of(plan).mapping))
    certain = {
        entry.origin: entry
        for entry in card_entries(read_card_scores(card, plan.repo_id, vocabulary)[0].results, plan.repo_id)
    }
    chosen: dict[str, list[Entry]] = {}
    if unsure := [entry for entry in entries if entry.origin not in certain]:
        parsed = parse_card(decode_card(card, f"{plan.repo_id}/README.md"))
        for picks in itertools.islice(all_picks(unsure), MOST_PICKS):
            with contextlib.suppress(ScriptError):  # there is no such row or column
                readings = read_tables(parsed, plan.repo_id, vocabulary, picks)
                for entry in card_entries([score for one in readings for score in one.scores], plan.repo_id):
                    chosen.setdefault(entry.origin, []).append(entry)
    lines = []
    for entry in entries:
        found = [certain[entry.origin]] if entry.origin in certain else chosen.get(entry.origin, [])
        unlike = [unlike_claims(entry, other, OF_A_CARD) for other in found]
        if not all(unlike):
            continue
        said = min(unlike, key=len) if unlike else "the card has no result of this model there"
        lines.append(f"{entry_name(entry)}, {entry.origin}: {said}")
    return lines


def all_picks(entries: Sequence[Entry]) -> Iterator[dict[int, list[Pick]]]:
    """Each column, then each row that results name ("table 1, row 0, column 2"), as it is chosen by hand."""
    places = [
        [int(word) if word.isdecimal() else -1 for word in entry.origin.replace(",", "").split()[1::2]][:3]
        for entry in entries
    ]
    places = [place for place in places if len(place) == 3]
    for axis, part in (("column", 2), ("row", 1)):
        for number, index in sorted({(place[0], place[part]) for place in places}):
            yield {number: [Pick(number, axis, index)]}


def unlike_claims(entry: Entry, source: Entry, names: Sequence[str]) -> str:
    """What a result says otherwise than its source, with both; nothing, when it is what stands there."""
    pairs = [(name, getattr(entry, name), getattr(source, name)) for name in names]
    unlike = [pair for pair in pairs if pair[1] != pair[2] and (pair[0], pair[2]) != ("metric", None)]
    return "; ".join(
        f"{name} {claim_words(mine)} in the plan, {claim_words(there)} there" for name, mine, there in unlike
    )


def claim_words(value: Any) -> str:
    return f"{value:.12g}" if isinstance(value, float) else str(value or "none")


def contradicted_by_records(plan: Plan, folders: Sequence[Path]) -> tuple[list[str], list[Entry]]:
    """(what a plan's results say otherwise than the records that they name; those of which no source is at hand).

    A record is at hand below the given folders, two levels deep. Where the result may be one of several records (a
    mean, a benchmark of its parts), all that lie there are read as `add` reads them.
    """
    mapping = dict(measures_of(plan).mapping)
    vocabulary = vocabulary_of(mapping)
    lines, unread = [], []
    for entry in plan.entries:
        if is_of_card(entry) or entry.origin == BY_HAND:
            continue
        file, found = record_at_hand(entry.origin, folders), []
        if file is None:
            unread.append(entry)
            continue
        try:
            record = read_record(file) or {}
            found = [row.entry for row in results_of(file, record, vocabulary)] if record else []
            if all(unlike_claims(entry, other, CLAIMED) for other in found):
                root = file.parents[len(PurePosixPath(entry.origin).parts) - 1]
                allowed = Allowed(partial=True, invalid=True, latest=True)
                found += read_entries([root], record_model(record), plan.repo_id, [], mapping, allowed)[0]
        except ScriptError:  # several states of the model, or records that do not go together
            pass
        unlike = [unlike_claims(entry, other, CLAIMED) for other in found]
        if all(unlike):
            lines.append(f"{entry_name(entry)}, {file}: {min(unlike, key=len, default='no such result there')}")
    return lines, unread


def record_at_hand(origin: str, folders: Sequence[Path]) -> Path | None:
    """The record of which a result names the place, where it lies below one of the folders."""
    place = PurePosixPath(origin)
    if place.suffix != ".json" or place.is_absolute() or ".." in place.parts or len(place.parts) not in (1, 5):
        return None
    below = ((top, folder) for top in folders for folder in itertools.chain([top], top.glob("*/"), top.glob("*/*/")))
    for top, folder in itertools.islice(below, MOST_FOLDERS):
        file = folder / place
        if file.is_file() and file.resolve().is_relative_to(top.resolve()):
            return file
    return None


def with_true_sources(plan: Plan) -> None:
    """What a person wrote into a plan has no source: not the card that says something else there, nor a record's."""

    def is_own(entry: Entry) -> bool:
        return entry.origin == BY_HAND or (entry.source_name == MODEL_CARD and not is_of_card(entry))

    own = [entry for entry in plan.entries if is_own(entry)]
    plan.entries = [
        dataclasses.replace(entry, source_name=None, source_url=None) if entry in own else entry
        for entry in plan.entries
    ]
    if own and BY_HAND not in plan.source:
        plan.source = BY_HAND if len(own) == len(plan.entries) else f"{plan.source} and {BY_HAND}"


def reported_entries(values: Sequence[str], source: str | None, vocabulary: Vocabulary) -> list[Entry]:
    """Numbers that somebody published elsewhere, as results: "GSM8K (5-shot)=84.1". ScriptError for what is none, and
    (3) without the address where they stand: nobody could look them up."""
    if not source:
        raise ScriptError("--value: where is it published? A number that was not measured here needs --source URL", 3)
    if not (url := web_url(source)):
        raise ScriptError(f"--source {single_line(source)}: an address that begins with https:// is expected")
    found = []
    for text in values:
        name, _, number = text.rpartition("=")
        label, value = split_label(name), written(number)
        if not label.name.strip() or value is None:
            raise ScriptError(f'--value {single_line(text)}: NAME=NUMBER is expected, "GSM8K (5-shot)=84.1"')
        key = vocabulary.key(label)
        if not label.metric and (not key or "_level_" in vocabulary.metrics.get(key, "")):
            raise ScriptError(f'--value {single_line(text)}: of which metric? "{label.name} (accuracy)={number}"', 3)
        entry = Entry(label.name, value.number, url, key, value.unit, label.metric)
        host = urlsplit(url).hostname
        more = {"shots": label.shots, "variant": label.note, "source_name": f"reported by {host}", "source_url": url}
        found.append(dataclasses.replace(entry, **more))
    return found


def reported_notes(entries: Sequence[Entry]) -> list[str]:
    """That results were not measured here, and who says them."""
    return [
        f"{entry_name(entry)}: {entry.value:.12g} was not measured here, {entry.origin} says so" for entry in entries
    ]


def unread_note(entries: Sequence[Entry]) -> list[str]:
    """That results of a plan that was changed could not be compared with what they were read from."""
    names = listing([f"{entry_name(entry)} ({entry.origin})" for entry in entries])
    return [f"as the plan says them, their sources were not at hand: {names}"] if entries else []


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


def index_of_another(front: Mapping[str, Any], repo_id: str) -> list[Finding]:
    """Warnings about entries of a model-index that bear another model's name than the repo's."""
    models = front.get("model-index")
    named = [(i, m["name"]) for i, m in enumerate(models if isinstance(models, list) else []) if is_named(m)]
    text = f"is another model's than {repo_id}: correct it, or take out what was not measured of this model"
    return [
        Finding(f"model-index[{i}].name", "warning", f"{name[:80]!r} {text}")
        for i, name in named
        if is_of_another(name, repo_id)
    ]


def is_named(model: Any) -> bool:
    return isinstance(model, Mapping) and isinstance(model.get("name"), str)


def ask_whose_index(plan: Plan, state: RepoState, change: Change) -> None:
    """Ask before results are written under another model's name; a note once `--beside NAME` has said that they are."""
    cards = (state.card or b"", change.files.get("README.md", state.card or b""))
    before, after = (read_metadata(decode_strict(card, state.name), state.name).values for card in cards)
    for finding in index_of_another(before, plan.repo_id) if plan.model_index else ():
        text, number = f"README.md {finding.path}: {finding.message}", int(re.search(r"\d+", finding.path)[0])
        models = [values["model-index"][number] for values in (before, after)]
        name = models[0]["name"]
        if models[0] == models[1] or {"all", normalize_name(name)} & set(map(normalize_name, plan.beside)):
            change.notes.append(text)
        else:
            change.questions.append(f"{text}; {option_words('--beside', name)} writes under it all the same")


def tell_otherwise(plan: Plan, state: RepoState, change: Change) -> None:
    """Ask about results of which the card's tables or the repo's metadata say another value once all is written.

    Two values of one result are never published without a word: --beside NAME says that it is another one, --replace
    that the new value holds; then it is a note.
    """
    measures = measures_of(plan)
    ask_whose_index(plan, state, change)
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
