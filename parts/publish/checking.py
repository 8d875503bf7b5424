"""`check`: what a card claims against what was measured, each claim with its place, its settings and the verdict.

Takes a repo's state and rows of records, gives one Checked for each claim that was measured, too. Many claims are one
family: the intervals are simultaneous, so that a card of true claims is called wrong in at most 5 % of all cases.
"""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.checkpoints import hub_weights_sha256
from parts.frame import listing, plural
from parts.metadata.entries import Entry
from parts.metadata.identity import OTHER, SAME, Measure, Measures, readings, written
from parts.metadata.merge import StandingResult, standings_of, unlike_words
from parts.metadata.plan import RepoState
from parts.publish.text import markdown_text
from parts.records.publishable import RecordResult
from parts.records.run import Run
from parts.statistics.claims import (
    LEAST_ITEMS,
    MeasuredScore,
    OpenScore,
    claim_fits,
    measured_interval,
    open_claim_fits,
    open_interval,
)
from parts.vocabulary import folded_name, library_field, normalize_name

FAMILY_ERROR = 0.05
# Names of harnesses as cards spell them -> what they are called here.
HARNESS_SPELLINGS = {
    r"lm[-_ ]?eval\w*(?:[-_ ]harness)?|eleutherai[-_ ]\w*harness": "lm_eval",
    r"lighteval": "lighteval",
    r"inspect[-_ ](?:ai|evals)": "inspect",
    r"(?:crfm[-_ ])?helm": "helm",
    r"opencompass|simple[-_ ]evals|evalplus|bigcode[-_ ]eval\w*|nemo[-_ ]evaluator|lmms[-_ ]eval|vlmevalkit": "",
}
FITS, FITS_NOT, CANNOT_TELL = "fits", "does not fit", "cannot be told"
OTHER_RUN = "it fits as the score of another run"


@dataclass(frozen=True, slots=True)
class Checked:
    """A claim beside our measurement; numbers as shares of 1, or in the metric's own unit where it is none."""

    where: str
    benchmark: str
    claimed: Any  # as it is written
    claim: float | None
    ours: float | None
    low: float | None
    high: float | None
    n: int | None
    of: int | None  # items of the whole benchmark, or attempts
    verdict: str
    reason: str
    known: tuple[str, ...]  # of the claim's settings
    unknown: tuple[str, ...]
    record: str

    def as_json(self) -> dict[str, Any]:
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class CardClaim:
    """A claimed result, wherever it stands. harness: what it calls the harness, and what that is called here."""

    standing: StandingResult
    known: tuple[str, ...]
    unknown: tuple[str, ...]
    harness: tuple[str, str] = ("", "")


def claims_of(
    state: RepoState, tables: Sequence[Entry], measures: Measures, groups: Sequence[str | None] = ()
) -> list[CardClaim]:
    """Everything that a repo claims: model-index, .eval_results, and what its card's tables have of this model.

    groups: what else a table says in the row of each of its results, as a column "Harness" does.
    """
    found = [as_claim(item) for item in standings_of(state, measures)]
    for entry, group in zip(tables, groups or [None] * len(tables), strict=True):
        measure = measures.of_entry(entry)
        where = f"{Path(state.name).name} {entry.origin}"
        item = StandingResult(where, entry.benchmark, measure, entry.value, unit=entry.unit)
        found.append(as_claim(item, group or ""))
    return found


def told_harness(*texts: str) -> tuple[str, str]:
    """(the harness that a text names, with its version; what it is called here) or two empty texts."""
    for text in texts:
        for pattern, name in HARNESS_SPELLINGS.items():
            if found := re.search(rf"(?<![\w-])(?:{pattern})(?![\w-])(?:\s*v?\d[\w.]*)?", text, re.IGNORECASE):
                return found[0], name or normalize_name(re.sub(r"\s*v?\d[\w.]*$", "", found[0]))
    return "", ""


def as_claim(item: StandingResult, group: str = "") -> CardClaim:
    """A claim with what is known of how it was made, and what is not."""
    measure, harness = item.measure, told_harness(group, item.source)
    told = {
        "shots": "" if measure.shots is None else str(measure.shots),
        "split": measure.split,
        "variant": measure.variant,
        "source": item.source,
    }
    dated = next((text for text in item.settings if text.startswith("date ")), "")
    known = [f"{name} {value}" for name, value in told.items() if value] + ([dated] if dated else [])
    unknown = [name for name, value in told.items() if not value and name != "variant"]
    known += [f"harness {harness[0]}"] if harness[0] else []
    unknown += [] if harness[0] else ["harness"]
    unknown += ["chat template", "number of items"] + ([] if dated else ["date"])
    return CardClaim(item, tuple(known), tuple(unknown), harness)


def asked_claims(
    claims: Sequence[CardClaim], rows: Sequence[RecordResult], measures: Measures, benchmarks: Sequence[str]
) -> list[CardClaim]:
    """The claims that are asked about: all, or those of the benchmarks that the user has named, as the rows are."""
    own = [measures.of_entry(row.entry) for row in rows]
    things = {thing for mine in own for thing in mine.keys | mine.names}
    said = [(claim, claim.standing.measure) for claim in claims]
    return [claim for claim, measure in said if not benchmarks or (measure.keys | measure.names) & things]


def check_claims(claims: Sequence[CardClaim], rows: Sequence[RecordResult], measures: Measures) -> list[Checked]:
    """Each claim that was measured, too, with its verdict; claims and measurements of the same thing are one family."""
    pairs = []
    for claim in claims:
        near = [ClaimPair(row, measures.of_entry(row.entry), claim, measures) for row in rows]
        same = [one for one in near if one.relation == SAME] or [one for one in near if one.relation != OTHER]
        same = [one for one in same if one.row.main] or same
        alike = [one for one in near if one.is_benchmark and one.mine.part == claim.standing.measure.part]
        if same:
            pairs.append((same[0], len(same)))
        elif alike:
            pairs.append((min(alike, key=lambda one: (len(one.unlike), not one.row.main)), 0))
    testable = sum(why_untold(one, count, measures) == "" for one, count in pairs)
    level = 1 - (1 - FAMILY_ERROR) ** (1 / max(1, testable))  # Sidak
    return [check_one(*pair, measures, level) for pair in pairs]


class ClaimPair:
    """A claim and a measurement: whether both are of the same thing, and in what they are not."""

    def __init__(self, row: RecordResult, mine: Measure, claim: CardClaim, measures: Measures) -> None:
        metric, _, chosen = row.run.result_id.rpartition("/")[2].partition(",")
        chosen = "" if chosen == "none" else chosen
        said, own = claim.standing.measure, {folded_name(metric + chosen), folded_name(chosen)} - {""}
        if own & {folded_name(said.metric), said.variant}:  # by the harness's own name, or its filter's
            said = dataclasses.replace(said, metric=mine.metric, variant="" if said.variant in own else said.variant)
        self.row, self.mine, self.claim = row, mine, claim
        self.relation = measures.relation(said, mine)
        self.is_benchmark = bool(mine.keys & said.keys or mine.names & said.names)
        name = f"{metric} ({chosen})" if chosen else metric
        self.unlike = unlike_words(said, mine, "in the claim", "here", ("", name))
        self.is_special = said.variant.replace("notools", "") not in ("", mine.variant.replace("notools", ""))


def why_untold(one: ClaimPair, count: int, measures: Measures) -> str:
    """Why nothing can be told about a claim; empty when it can. `count`: of our results that may be of the same."""
    run, claim, mine = one.row.run, one.claim, one.mine
    if not count:
        return f"measured otherwise: {'; '.join(one.unlike)}"
    if one.is_special:
        return f"whether ours was measured so is not known: {'; '.join(one.unlike)}"
    ours = told_harness(run.harness[0])[1] or library_field(run.harness[0])
    if claim.harness[1] and ours and ours != claim.harness[1]:
        return f"measured otherwise: with {claim.harness[0]}, ours with {' '.join(run.harness).strip()}"
    if run.other_examples:
        held = plural(int(run.other_examples), "example")
        return f"the configuration of ours says {run.shots}-shot and its prompts hold {held}: measured how is not known"
    if count > 1:
        return f"{count} of our results may be meant; choose with --results or --model-id"
    if run.validity.reasons:
        return f"our result is not valid: {'; '.join(run.validity.reasons)}"
    if run.partial:
        return f"ours is of a part of the items alone ({run.partial})"
    if not run.n or run.n < LEAST_ITEMS:
        return "how many items ours is of is not known" if not run.n else f"{run.n} items are too few"
    if run.unit != "proportion" and not measures.is_open(mine) and points_per_share(run) == 1:
        return f"ours is in {run.unit}, and the claim may be in another unit"
    if not is_mean_of_shares(run, measures.is_open(mine)):
        if run.standard_error is None:
            return "a score that is no mean of shares, without an error"
        if not run.standard_error or not run.score:
            return "an error of 0, or a score of 0, does not tell how far a claim may be off"
        if run.attempts.lost:
            return f"{run.attempts.lost} answers have no score, and what they would make of it is not known"
    if written(claim.standing.value, claim.standing.unit) is None:
        return "the claim is no number"
    return ""


def check_one(one: ClaimPair, count: int, measures: Measures, level: float) -> Checked:
    row, mine, claim = one.row, one.mine, one.claim
    run, item = row.run, claim.standing
    value = written(item.value, item.unit)
    meant = readings(value, measures.is_open(mine), item.percents) if value else []
    why = why_untold(one, count, measures)
    low = high = None
    verdict, shown = CANNOT_TELL, meant[0][0] if len(meant) == 1 else None
    scale = points_per_share(run) if not measures.is_open(mine) else 1.0
    ours = run.score / scale
    if not why:
        error, n = run.standard_error, int(run.n or 0)
        if is_mean_of_shares(run, measures.is_open(mine)):
            score = MeasuredScore(ours, n, run.attempts.lost, None if is_binary_error(run) else error)
            spans = [measured_interval(score, level, half, run.size) for _, half in meant]
            fits = [claim_fits(share, half, score, level, run.size) for share, half in meant]
        else:
            free = OpenScore(ours, n, float(error or 0) / scale, run.low is not None and run.low >= 0)
            spans = [open_interval(free, level, half) for _, half in meant]
            fits = [open_claim_fits(share, half, free, level) for share, half in meant]
        verdict = FITS if all(fits) else FITS_NOT if not any(fits) else CANNOT_TELL
        (shown, _), (low, high) = min(zip(meant, spans, strict=True), key=lambda one: abs(one[0][0] - ours))
        why = "it fits as a share or as a percentage, not as both" if verdict == CANNOT_TELL else ""
    if verdict == FITS and all(abs(share - ours) > half + 1e-9 for share, half in meant):
        apart = min(abs(share - ours) for share, _ in meant)
        off = f"{apart:.3g}" if measures.is_open(mine) else f"{100 * apart:.3g} points"
        why = f"{OTHER_RUN}; this one's number is {off} off, more than rounding makes"
    unlike = one.unlike if one.relation != SAME and verdict != CANNOT_TELL else ()
    unsaid = "; ".join(filter(None, [why, *unlike]))
    shown, low, high = (None if number is None else round(number, 10) for number in (shown, low, high))
    high = None if high == math.inf else high
    return Checked(
        item.where, row.entry.benchmark, item.value, shown, ours, low, high, run.n, run.size or run.attempts.made,
        verdict, unsaid, claim.known, claim.unknown, row.entry.origin,
    )  # fmt: skip


def points_per_share(run: Run) -> float:
    """100 for a score in points of 100, such as BLEU, which cards write as a percentage; else 1."""
    return 100.0 if run.unit == "points" and run.low == 0 and run.high == 100 else 1.0


def is_mean_of_shares(run: Run, is_open: bool) -> bool:
    """Whether a score is the mean of items' scores from 0 to 1, so that no error is larger than that of 0 and 1."""
    return not is_open and run.unit == "proportion" and (run.low, run.high) == (0, 1) and not run.corpus_level


def is_binary_error(run: Run) -> bool:
    """Whether a run's error is that of right and wrong answers, each counted alone."""
    if run.standard_error is None or not run.n:
        return True
    plain = run.score * (1 - run.score) / run.n
    return abs(run.standard_error**2 - plain) <= 0.1 * plain


def weights_answer(rows: Sequence[RecordResult], info: Any | None) -> str:
    """Whether the weights that were measured are those of the repo, as a sentence."""
    ours = {row.run.identity.weights for row in rows} - {""}
    revisions = {row.run.identity.revision for row in rows} - {"", "main"}
    if info is None:
        return "the weights were not compared: the card is a local file"
    files = {item.rfilename: item.lfs.sha256 for item in info.siblings or [] if item.lfs}
    theirs = hub_weights_sha256(files)
    if ours and theirs:
        if ours == {theirs}:
            return "the weights that were measured are those of the repo (SHA-256)"
        return "other weights than the repo's were measured (SHA-256): a claim that does not fit may be about others"
    if revisions == {info.sha}:
        return "measured at the repo's present commit"
    return "whether the weights that were measured are the repo's is not known"


def checked_code(found: Sequence[Checked], unmeasured: int, unsure: str) -> int:
    """0 each claim was judged and fits, 1 some do not fit, 3 some were not judged, or the card's tables leave open what
    they claim (`unsure`); `unmeasured`: claims of which nothing here is a measurement."""
    verdicts = {item.verdict for item in found}
    return 1 if FITS_NOT in verdicts else 0 if verdicts == {FITS} and not unmeasured and not unsure else 3


def judged_line(found: Sequence[Checked], rest: Sequence[StandingResult]) -> str:
    """How many claims were judged, how, and which were not: the head of the answer."""
    counts = {verdict: sum(item.verdict == verdict for item in found) for verdict in (FITS, FITS_NOT, CANNOT_TELL)}
    told = [f"{verdict}: {count}" for verdict, count in counts.items() if count]
    others = sum(OTHER_RUN in item.reason for item in found)
    told += [f"of these as another run's score alone, not as this one's: {others}"] if others else []
    names = listing((f"{one.name} {one.value} ({one.where})" for one in rest), 10)
    told += [f"not measured here: {len(rest)}, {names}"] if rest else []
    judged = counts[FITS] + counts[FITS_NOT]
    return f"{judged} of {plural(len(found) + len(rest), 'claim')} judged" + (f" ({'; '.join(told)})" if told else "")


def shown_share(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}".rstrip("0").rstrip(".") or "0"


def checked_rows(found: Sequence[Checked]) -> list[tuple[str, ...]]:
    """The table for people: benchmark, claimed, ours with its interval, n, verdict, why, where."""
    rows = []
    for item in found:
        said = written(item.claimed)
        scale = 100.0 if said and item.claim and math.isclose(said.number, 100 * item.claim, rel_tol=1e-6) else 1.0
        ours, low, high = (None if x is None else scale * x for x in (item.ours, item.low, item.high))
        interval = "" if low is None else f" [{shown_share(low)}, {'∞' if high is None else shown_share(high)}]"
        count = "–" if item.n is None else f"{item.n:,}" + (f" of {item.of:,}" if item.of and item.of != item.n else "")
        measured = f"{shown_share(ours)}{interval}"
        rows.append((item.benchmark, str(item.claimed), measured, count, item.verdict, item.reason, item.where))
    return rows


CHECK_HEAD = (
    "benchmark",
    "claimed",
    "measured [what fits: 95 %, simultaneous]",
    "n",
    "verdict",
    "why, or what is not said",
    "where",
)


def check_report(repo_id: str, found: Sequence[Checked], rest: Sequence[StandingResult], weights: str) -> str:
    """The table for a discussion on the Hub, in Markdown; nothing in it is markup of others."""
    lines = [f"Claims of {markdown_text(repo_id or 'the card')} against measurements: {weights}.", ""]
    lines += [f"{markdown_text(judged_line(found, rest), 2000)}.", ""]
    lines += [f"| {' | '.join(CHECK_HEAD)} |", "|" + " --- |" * len(CHECK_HEAD)]
    lines += ["| " + " | ".join(markdown_text(cell, 200) for cell in row) + " |" for row in checked_rows(found)]
    settings = sorted({name for item in found for name in item.unknown})
    lines += ["", f"Not said by the claims: {', '.join(settings)}." if settings else ""]
    lines += [
        "In brackets: the claims that fit. They hold together with 95 %: of twenty cards of true claims at most one is "
        "called wrong. A claim is taken to be another run's, of as many items as the measurement; a number that was "
        "copied from this very run must be the measured one, rounded."
    ]
    return "\n".join(lines) + "\n"
