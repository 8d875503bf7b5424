"""`check`: what a card claims against what was measured, each claim with its place, its settings and the verdict.

Takes a repo's state and rows of records, gives one Checked for each claim that was measured, too. Many claims are one
family: the intervals are simultaneous, so that a card of true claims is called wrong in at most 5 % of all cases.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.checkpoints import hub_hashes, hub_weights_sha256
from parts.frame import listing, plural
from parts.metadata.entries import Score
from parts.metadata.identity import (
    OTHER,
    SAME,
    SETTING_WORDS,
    Measure,
    Measures,
    Written,
    bare_label,
    in_form_of,
    readings,
    split_of,
    written,
)
from parts.metadata.merge import StandingResult, standings_of, unlike_words
from parts.metadata.plan import RepoState, card_entries
from parts.publish.text import markdown_text
from parts.records.publishable import RecordResult
from parts.records.run import Run
from parts.statistics.claims import (
    LEAST_ITEMS,
    Claims,
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
NOT_THIS = "not this run's number"
ANOTHER_RUN = "another run of as many items could give it"
# Words of a claim's name that say nothing of how it was measured.
NAME_NEUTRAL = SETTING_WORDS | set(
    re.findall(r"\w+", "benchmark dataset eval evaluation evals leaderboard llm open score set suite task")
)
SPLIT_NAMES = frozenset({"val", "valid", "validation", "dev", "test", "train"})


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
    instead: str | None  # what would stand there if it were this run's number
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
    strange: tuple[str, ...] = ()  # words of its name that are none of the benchmark's
    digits: str = ""  # the number as it stands in a table: "61.00"

    @property
    def written(self) -> Written | None:
        return written(self.digits or self.standing.value, self.standing.unit)


def claims_of(state: RepoState, tables: Sequence[Score], repo_id: str, measures: Measures) -> list[CardClaim]:
    """Everything that a repo claims: model-index, .eval_results, and what its card's tables have of this model."""
    found = [as_claim(item, measures) for item in standings_of(state, measures)]
    for score, entry in zip(tables, card_entries(tables, repo_id), strict=True):
        where = f"{Path(state.name).name} {entry.origin}"
        item = StandingResult(where, entry.benchmark, measures.of_entry(entry), entry.value, unit=entry.unit)
        digits = re.findall(r"[+-]?\d*\.?\d+", f"{score.raw} {score.raw.replace(',', '.')}")
        shown = (text for text in digits if float(text) == entry.value)
        found.append(dataclasses.replace(as_claim(item, measures, score.group or ""), digits=next(shown, "")))
    return found


def strange_words(name: str, keys: Collection[str], measures: Measures) -> list[str]:
    """The words of a claim's name that its benchmark's own names do not have: "HellaSwag (German)" -> "german"."""
    words = re.findall(r"[^\W_]+", bare_label(name).lower())
    spans = itertools.combinations(range(len(words) + 1), 2)
    known = [(end - start, start, end) for start, end in spans if measures.names.get("".join(words[start:end])) in keys]
    if not known:
        return []
    _, start, end = max(known)
    said = [measures.mapping[key].get(field) for key in keys for field in ("name", "aliases", "model_index", "hub")]
    own = set(re.findall(r"[^\W_]+", f"{said} {keys}".lower()))
    return [word for word in words[:start] + words[end:] if word not in own | NAME_NEUTRAL and not word.isdigit()]


def told_harness(*texts: str) -> tuple[str, str]:
    """(the harness that a text names, with its version; what it is called here) or two empty texts."""
    for text in texts:
        for pattern, name in HARNESS_SPELLINGS.items():
            if found := re.search(rf"(?<![\w-])(?:{pattern})(?![\w-])(?:\s*v?\d[\w.]*)?", text, re.IGNORECASE):
                return found[0], name or normalize_name(re.sub(r"\s*v?\d[\w.]*$", "", found[0]))
    return "", ""


def as_claim(item: StandingResult, measures: Measures, group: str = "") -> CardClaim:
    """A claim with what is known of how it was made, and what is not."""
    measure, harness = item.measure, told_harness(group, item.source)
    strange = strange_words(item.name, measure.keys, measures)
    splits = [split_of(word) for word in strange if word in SPLIT_NAMES]
    if splits and not measure.split:
        measure = dataclasses.replace(measure, split=splits[0])
        item = dataclasses.replace(item, measure=measure)
    strange = [word for word in strange if word not in SPLIT_NAMES]
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
    return CardClaim(item, tuple(known), tuple(unknown), harness, tuple(strange))


def asked_claims(
    claims: Sequence[CardClaim], rows: Sequence[RecordResult], measures: Measures, benchmarks: Sequence[str]
) -> list[CardClaim]:
    """The claims that are asked about: all, or those of the benchmarks that the user has named, as the rows are."""
    own = [measures.of_entry(row.entry) for row in rows]
    things = {thing for mine in own for thing in mine.keys | mine.names}
    said = [(claim, claim.standing.measure) for claim in claims]
    return [claim for claim, measure in said if not benchmarks or (measure.keys | measure.names) & things]


def check_claims(
    claims: Sequence[CardClaim], rows: Sequence[RecordResult], measures: Measures, another: bool = False
) -> list[Checked]:
    """Each claim that was measured, too, with its verdict; claims and measurements of the same thing are one family.

    `another`: the claims are said to be another run's, so that only what no run could give does not fit.
    """
    pairs = []
    for claim in claims:
        near = [ClaimPair(row, measures.of_entry(row.entry), claim, measures) for row in rows]
        may = [one for one in near if one.relation != OTHER]
        same = [one for one in may if one.relation == SAME] or may
        same = [one for one in same if one.of_its_metric] or [one for one in same if one.row.main] or same
        alike = [one for one in near if one.is_benchmark and one.mine.part == claim.standing.measure.part]
        if same:
            first = meant_metric(same)
            others = [one for one in near if one.row.run.name == first[0].row.run.name and one not in same]
            others = [one for one in others if one.relation != OTHER or one.differs_in_metric]
            pairs.append((first[0], len(same) if len(first) == 1 else 1, [*first[1:], *others]))
        elif alike:
            pairs.append((min(alike, key=lambda one: (len(one.unlike), not one.row.main)), 0, []))
    testable = sum(not (one.why_unlike(count) or one.why_untested()) for one, count, _ in pairs)
    level = 1 - (1 - FAMILY_ERROR) ** (1 / max(1, testable))  # Sidak
    return [check_one(*pair, level, another) for pair in pairs]


def called_as_recorded(name: str, run: Run) -> bool:
    """Whether a name that is no known benchmark's is that of a record's own task, with words of its metric at most."""
    words, own = set(re.findall(r"[^\W_]+", bare_label(name).lower())), set(re.findall(r"[^\W_]+", run.name.lower()))
    metric = set(re.findall(r"[^\W_]+", f"{run.metric} {run.result_id.rpartition('/')[2]}".lower()))
    return bool(own) and own <= words and words - own <= metric | NAME_NEUTRAL


def meant_metric(same: Sequence[ClaimPair]) -> Sequence[ClaimPair]:
    """Of measurements that a claim may mean, the one to hold it beside, and the rest where only their metric differs:
    the filters of one run's answers. One whose number it is stands in the rest, which is named where it fits."""
    ids = [one.row.run.result_id for one in same]
    if len(set(ids)) < len(ids) or len({name.rpartition("/")[0] for name in ids}) > 1:
        return same[:1]
    near = sorted(same, key=lambda one: min((abs(share - one.ours) for share, _ in one.meant), default=0.0))
    return [*near[1:2], near[0], *near[2:]] if any(near[0].exact) else near


class ClaimPair:
    """A claim and a measurement: whether both are of the same thing, and in what they are not."""

    def __init__(self, row: RecordResult, mine: Measure, claim: CardClaim, measures: Measures) -> None:
        metric, _, chosen = row.run.result_id.rpartition("/")[2].partition(",")
        chosen = "" if chosen == "none" else chosen
        said, own = claim.standing.measure, {folded_name(metric + chosen), folded_name(chosen)} - {""}
        if own & {folded_name(said.metric), said.variant}:  # by the harness's own name, or its filter's
            said = dataclasses.replace(said, metric=mine.metric, variant="" if said.variant in own else said.variant)
        self.by_name = not said.keys and called_as_recorded(claim.standing.name, row.run)
        if self.by_name:
            said = dataclasses.replace(said, keys=mine.keys, names=mine.names, metric=said.metric or mine.metric)
        self.row, self.mine, self.claim = row, mine, claim
        self.of_its_metric = bool(said.metric) and said.metric == mine.metric
        if chosen and said.metric and said.metric == measures.metric(metric, mine.keys):
            said = dataclasses.replace(said, metric=mine.metric)  # a metric's name is that of each of its filters
        self.relation = measures.relation(said, mine)
        self.is_benchmark = bool(mine.keys & said.keys or mine.names & said.names)
        self.metric = f"{metric} ({chosen})" if chosen else metric
        self.unlike = unlike_words(said, mine, "in the claim", "here", ("", self.metric))
        self.unsure = self.told_alone(said, measures)
        self.is_open = measures.is_open(mine)
        self.scale = 1.0 if self.is_open else points_per_share(row.run)
        self.ours = row.run.score / self.scale
        value = claim.written
        self.meant = readings(value, self.is_open, claim.standing.percents) if value else []
        self.exact = [abs(share - self.ours) <= half * (1 + 1e-9) + 1e-12 for share, half in self.meant]

    @property
    def differs_in_metric(self) -> bool:
        """Whether the claim is of the same thing by another metric, or another filter of its answers."""
        apart = [text for text in self.unlike if "not said" not in text]
        return bool(apart) and all(text.startswith(("metric ", "variant ")) for text in apart)

    def told_alone(self, said: Measure, measures: Measures) -> list[str]:
        """What the claim says of how it was measured and ours does not."""
        mine, claim = self.mine, self.claim
        told = {
            "metric": {said.metric, mine.metric} == {"right", "accnorm"},
            "shots": said.shots is not None and mine.shots is None,
            "variant": said.variant.replace("notools", "") not in ("", mine.variant.replace("notools", "")),
            "part": said.part not in ("", mine.part),
            "split": bool(said.split) and measures.splits_alike(said, mine) != SAME,
        }
        words = [text for text in self.unlike if told.get(text.partition(" ")[0])]
        words += [f"split {said.split} in the claim, not said here"] if told["split"] and not mine.split else []
        run, own = self.row.run, claim.standing.measure
        here = set(re.findall(r"[^\W_]+", f"{run.name} {run.result_id}".lower()))
        strange = [word for word in claim.strange if word not in here and word not in own.metric + own.variant]
        return words + ([f"the claim is called {claim.standing.name!r}"] if strange or self.by_name else [])

    def why_unlike(self, count: int) -> str:
        """Why claim and measurement cannot be held together; `count`: of our results that may be of the same."""
        run, claim = self.row.run, self.claim
        if not count:
            return f"measured otherwise: {'; '.join(self.unlike)}"
        if run.other_examples:
            held = plural(int(run.other_examples), "example")
            said = f"the configuration of ours says {run.shots}-shot"
            return f"{said} and its prompts hold {held}: measured how is not known"
        if self.unsure:
            return f"whether ours was measured so is not known: {'; '.join(self.unsure)}"
        ours = told_harness(run.harness[0])[1] or library_field(run.harness[0])
        if claim.harness[1] and ours and ours != claim.harness[1]:
            return f"measured otherwise: with {claim.harness[0]}, ours with {' '.join(run.harness).strip()}"
        if count > 1:
            return f"{count} of our results may be meant; choose with --results or --model-id"
        if run.validity.reasons:
            return f"our result is not valid: {'; '.join(run.validity.reasons)}"
        if run.partial:
            return f"ours is of a part of the items alone ({run.partial})"
        if run.unit != "proportion" and not self.is_open and points_per_share(run) == 1:
            return f"ours is in {run.unit}, and the claim may be in another unit"
        return "" if self.meant else "the claim is no number"

    def why_untested(self) -> str:
        """Why it cannot be told what another run would give; empty when it can."""
        run = self.row.run
        if not run.n or run.n < LEAST_ITEMS:
            return "how many items ours is of is not known" if not run.n else f"{run.n} items are too few"
        if not is_mean_of_shares(run, self.is_open):
            if run.standard_error is None:
                return "a score that is no mean of shares, without an error"
            if not run.standard_error or not run.score:
                return "an error of 0, or a score of 0, does not tell how far a claim may be off"
            if run.attempts.lost:
                return f"{run.attempts.lost} answers have no score, and what they would make of it is not known"
        return ""

    def tested(self, level: float) -> tuple[list[Claims], list[bool]]:
        """For each reading of the claim what another run would give, and whether the claim is that."""
        run = self.row.run
        error, n = run.standard_error, int(run.n or 0)
        if is_mean_of_shares(run, self.is_open):
            score = MeasuredScore(self.ours, n, run.attempts.lost, None if is_binary_error(run) else error)
            spans = [measured_interval(score, level, half, run.size) for _, half in self.meant]
            return spans, [claim_fits(share, half, score, level, run.size) for share, half in self.meant]
        free = OpenScore(self.ours, n, float(error or 0) / self.scale, run.low is not None and run.low >= 0)
        spans = [open_interval(free, level, half) for _, half in self.meant]
        return spans, [open_claim_fits(share, half, free, level) for share, half in self.meant]

    def off(self, share: float) -> str:
        """How far a claim is from our number, with nothing taken off for rounding."""
        apart = abs(share - self.ours)
        return (
            f"{apart:.3g} off"
            if self.is_open
            else f"{max(f'{100 * apart:.1f}', f'{100 * apart:.4g}', key=len)} points off"
        )


def judged_claim(one: ClaimPair, fits: Sequence[bool], untested: str, off: str) -> tuple[str, str]:
    """The verdict on a claim and a measurement that are of the same thing, and why. `fits`: as another run's score."""
    if any(one.exact):
        return (FITS, "") if all(one.exact) else (CANNOT_TELL, "it fits as a share or as a percentage, not as both")
    if untested:
        return NOT_THIS, f"{off}; whether another run could give it cannot be told: {untested}"
    if all(fits):
        return NOT_THIS, f"{off}; {ANOTHER_RUN}"
    if any(fits):
        return CANNOT_TELL, "another run could give it as a share or as a percentage, not as both"
    return FITS_NOT, f"{off}, more than another run of as many items would be"


def number_of_another(one: ClaimPair, others: Sequence[ClaimPair]) -> str:
    """That a claim which is not the number of the metric that it names is the one of another of the same run."""
    known = next((own for own in others if own.relation == OTHER and own.meant and all(own.exact)), None)
    return f"it is our {known.metric}'s number" if known and not any(one.exact) else ""


def by_other_metric(one: ClaimPair, others: Sequence[ClaimPair]) -> tuple[ClaimPair, str, str] | None:
    """A claim that is not our number but that of another metric of the same run: that metric, the verdict and why."""
    for other in others:
        if any(one.exact) or not (other.meant and all(other.exact)):
            continue
        if other.relation == OTHER:
            continue
        if not other.why_unlike(1):
            ours = shown_share(one.ours if one.is_open else 100 * one.ours)
            return other, FITS, f"fits {other.metric}; the card does not say which ({one.metric}: {ours})"
        if len(other.unsure) == 1 and other.unsure[0].startswith("metric "):
            return other, CANNOT_TELL, f"it is our {other.metric}: {other.unsure[0]}"
    return None


def check_one(one: ClaimPair, count: int, others: Sequence[ClaimPair], level: float, another: bool) -> Checked:
    why, verdict, metric = one.why_unlike(count), CANNOT_TELL, None
    if not why and (metric := by_other_metric(one, others)):
        one, verdict, why = metric
    row, claim, meant, untested = one.row, one.claim, one.meant, one.why_untested()
    run, item = row.run, claim.standing
    low = high = instead = None
    shown = meant[0][0] if len(meant) == 1 else None
    if metric or not why:
        spans, fits = ([], []) if untested else one.tested(level)
        nearest_one = min(range(len(meant)), key=lambda number: abs(meant[number][0] - one.ours))
        shown, (low, high) = meant[nearest_one][0], spans[nearest_one] if spans else (None, None)
        off = one.off(shown)
        verdict, why = (verdict, why) if metric else judged_claim(one, fits, untested, off)
        mixed_up = "" if metric else number_of_another(one, others)
        why = "; ".join(filter(None, [why, mixed_up]))
        if verdict == NOT_THIS and another and not (untested or mixed_up):
            verdict, why = FITS, f"as another run's score: {off}"
        if verdict in (NOT_THIS, FITS_NOT):
            own = written(one.ours, None if one.is_open else "proportion")
            instead = in_form_of(claim.written, own, one.is_open, item.percents)
    unlike = one.unlike if one.relation != SAME and verdict != CANNOT_TELL else []
    unlike = [text for text in unlike if not (metric and text.startswith("metric "))]
    unsaid = "; ".join(filter(None, [why, *unlike]))
    shown, low, high = (None if number is None else round(number, 10) for number in (shown, low, high))
    high = None if high == math.inf else high
    return Checked(
        item.where, row.entry.benchmark, item.value, shown, one.ours, low, high, run.n, run.size or run.attempts.made,
        verdict, unsaid, instead, claim.known, claim.unknown, row.entry.origin,
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
    theirs = hub_weights_sha256(hub_hashes({item.rfilename: item for item in info.siblings or []}))
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
    counts = {name: sum(item.verdict == name for item in found) for name in (FITS, FITS_NOT, NOT_THIS, CANNOT_TELL)}
    told = [f"{verdict}: {count}" for verdict, count in counts.items() if count]
    names = listing((f"{one.name} {one.value} ({one.where})" for one in rest), 10)
    told += [f"not measured here: {len(rest)}, {names}"] if rest else []
    judged = counts[FITS] + counts[FITS_NOT]
    return (
        f"{judged} of {plural(len(found) + len(rest), 'claim')} judged"
        + (f" ({'; '.join(told)})" if told else "")
        + ", of its tables and metadata: sentences are not read"
    )


def next_steps(found: Sequence[Checked], again: str) -> list[str]:
    """What to do about claims that are not this run's numbers; `again`: the command that takes them as another's."""
    wrong = [item for item in found if item.verdict in (NOT_THIS, FITS_NOT) and item.instead is not None]
    rows = listing((f"{item.benchmark} {item.instead} for {item.claimed} ({item.where})" for item in wrong), 10)
    steps = [f"correct the card: {rows}"] if wrong else []
    return steps + ([again] if any(item.verdict == NOT_THIS and ANOTHER_RUN in item.reason for item in found) else [])


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
    "measured [another run: 95 %, simultaneous]",
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
    lines += ["| " + " | ".join(markdown_text(cell, 400) for cell in row) + " |" for row in checked_rows(found)]
    settings = sorted({name for item in found for name in item.unknown})
    lines += ["", f"Not said by the claims: {', '.join(settings)}." if settings else ""]
    lines += [
        "A claim fits when it is the measured number, rounded as it is written. In brackets: what another run of as "
        "many items would give, together with 95 %: of twenty cards of true claims at most one is called wrong."
    ]
    return "\n".join(lines) + "\n"
