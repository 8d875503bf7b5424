"""What may be compared, and why not."""

from __future__ import annotations

import fnmatch
import json
import shlex
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from parts.comparison.pairs import Matched
from parts.comparison.vocabulary import Policy, Side
from parts.frame import ScriptError, listing, note, number, single_line
from parts.records.repeats import usable_runs
from parts.records.run import Run, setting_differences, unlike_scales
from parts.records.settings import difference_lines
from parts.records.shared import VoteGap, gap_in_votes, share_votes
from parts.records.states import moment_of_run, moment_text
from parts.vocabulary import is_of_raters, library_field, normalize_name, same_metric

METRIC_COMMANDS = 4  # commands that are printed where one of several metrics is to be chosen
MOST_UNPAIRED = 0.05  # share of items that one side may lack before the item sets count as unlike
ANY_MEAN = "mean of the items"
NEMO_MEANS = {"meanreward": ANY_MEAN, "pass1": ANY_MEAN}  # NeMo Evaluator's names for it


def grouped_by_settings(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs of one task that were made alike, of equally many items; the largest group first."""
    groups: list[list[Run]] = []
    for run in sorted(usable_runs(runs), key=lambda run: (settings_in_order(run), run.file)):
        for group in groups:
            if made_alike(group[0], run):
                group.append(run)
                break
        else:
            groups.append([run])
    return sorted(groups, key=lambda rows: (bool(rows[0].validity.reasons), -(rows[0].attempts.made or 0), -len(rows)))


def settings_in_order(run: Run) -> str:
    """A run's settings in an order of their own, so that of several runs all benchmarks take the same one."""
    return json.dumps(sorted(run.settings.items()))


def made_alike(one: Run, two: Run) -> bool:
    """Whether two runs were made in one way, of equally many items."""
    first, second = ((run.measured, run.attempts.made, run.unit, run.high) for run in (one, two))
    return first == second and one.settings.keys() == two.settings.keys() and not setting_differences(one, two)


def choose_alike(baseline: Sequence[Run], candidate: Sequence[Run]) -> tuple[list[Run], list[Run], list[str]]:
    """The runs of one task to compare: those made alike on both sides, else the largest groups; and what was left.

    ScriptError(code=3) where both sides have several such pairs: which is meant is not for a program to say.
    """
    ours, theirs = grouped_by_settings(baseline), grouped_by_settings(candidate)
    alike = [(a, b) for a in ours for b in theirs if not setting_differences(a[0], b[0])]
    alike = [(a, b) for a, b in alike if a[0].attempts.made == b[0].attempts.made] or alike
    for other in alike[1:]:
        for kept, its in zip(alike[0], other, strict=True):
            check_one_pair(kept[0], its[0])
    one, two = alike[0] if alike else (ours[0], theirs[0])
    return one, two, [*left_out_lines("baseline", ours, one), *left_out_lines("candidate", theirs, two)]


def left_out_lines(name: str, groups: Sequence[list[Run]], kept: list[Run]) -> list[str]:
    """What is said of a side's runs that were made otherwise than those compared: how, and their score."""
    lines = []
    for runs in groups:
        if runs is not kept:
            how = difference_lines(setting_differences(kept[0], runs[0]))[:3] or [f"{runs[0].attempts.made} attempts"]
            lines.append(f"{name}: {len(runs)} runs are left out ({'; '.join(how)}; score {number(runs[0].score)})")
    return lines


def check_one_pair(one: Run, two: Run) -> None:
    """ScriptError(code=3) with the settings that tell two runs apart, and how to name one; nothing if alike."""
    found = setting_differences(one, two)
    if not found:
        return
    name, values = next(iter(found.items()))
    dates = [moment_of_run(run) for run in (one, two)]
    ages = ("newer", "older") if dates[0] > dates[1] else ("older", "newer") if dates[0] < dates[1] else ("", "")
    ways = [
        shlex.quote(single_line(f"NAME[{name}={value}]")) + f" ({moment_text(date)}{', ' * bool(age)}{age})"
        for value, date, age in zip(values, dates, ages, strict=True)
    ]
    raise ScriptError(
        f"{one.task}: both sides were measured in several ways ({'; '.join(difference_lines(found)[:3])}); say which: "
        f"{ways[0]} or {ways[1]} for --baseline and --candidate, or give the records",
        code=3,
    )


def spelled_metric(run: Run) -> str:
    """A result's metric as its harness spells it, with the filter if it has one: "exact_match,strict-match"."""
    return run.result_id.rpartition("/")[2]


def other_filters(run: Run, runs: Iterable[Run]) -> list[str]:
    """The spellings of the same task's metric with other filters than a result's own."""
    own = spelled_metric(run)
    found = {spelled_metric(other) for other in runs if (other.key, other.subtask) == (run.key, run.subtask)}
    named = own.partition(",")[0]
    found = {one for one in found - {own} if "," in one and not same_metric(one, own)}
    return sorted(one for one in found if same_metric(one.partition(",")[0], named))


def of_metric(metric: str, runs: Sequence[Run]) -> list[Run]:
    """The runs that a metric's name fits: an id, a harness's spelling (acc,none), a shared name.

    A name without a filter fits all filters of the metric.
    """
    named = (
        [run for run in runs if metric in (run.result_id, spelled_metric(run))]
        or [run for run in runs if run.metric == metric]
        or [run for run in runs if any(same_metric(metric, own) for own in (run.metric, spelled_metric(run)))]
    )
    if "," in metric:
        return named
    filtered = [run for run in runs if "," in spelled_metric(run) and run not in named]
    return named + [run for run in filtered if same_metric(metric, spelled_metric(run).partition(",")[0])]


class SeveralMetrics(ScriptError):
    """Several of a benchmark's results are meant, and nothing says which counts."""

    def __init__(self, runs: Sequence[Run]) -> None:
        self.ids = sorted({run.result_id for run in runs})
        self.spellings = sorted({spelled_metric(run) for run in runs})
        super().__init__(f"several metrics: {listing(self.ids, 20)}", code=3)


class MetricsToChoose(ScriptError):
    """The one error for all benchmarks of all models of which a metric is to be chosen; `found`: (model, benchmark) ->
    what there is; `settled`: the benchmarks of which one is named."""

    def __init__(self, found: Mapping[tuple[str, str], SeveralMetrics], settled: Sequence[str] = ()) -> None:
        self.found, self.settled = dict(found), list(settled)
        keys: dict[tuple[str, ...], list[str]] = defaultdict(list)
        for (_, key), one in found.items():
            if key not in keys[tuple(one.spellings)]:
                keys[tuple(one.spellings)].append(key)
        ids = list(dict.fromkeys(result_id for one in found.values() for result_id in one.ids))
        told = "; ".join(f"{listing(own, 3)}: {listing(metrics, 20)}" for metrics, own in keys.items())
        told = listing(ids, 20) if len(ids) <= 20 else told
        super().__init__(
            f"{listing(dict.fromkeys(model for model, _ in found))}: several metrics ({told}): name one with --metric, "
            "or several, whose tests are corrected together; or one of a benchmark with --result-id, or in a policy",
            code=3,
        )

    @property
    def choices(self) -> list[list[str]]:
        """The ids for one --result-id after another, each of which names a result of every benchmark that is asked."""
        most = min(METRIC_COMMANDS, max(len(one.ids) for one in self.found.values()))
        return [list(dict.fromkeys(one.ids[i % len(one.ids)] for one in self.found.values())) for i in range(most)]


def choose_metric(
    runs: Sequence[Run], where: str, wanted: str | None, entry: Mapping[str, Any], result_ids: Iterable[str]
) -> list[Run]:
    """The runs of one benchmark with one metric: the policy's, that of --result-id, else metric_mapping.json's.

    Of a metric with several filters, a known benchmark's own is the one that has the plain name of the metric that
    metric_mapping.json (`entry`) says. ScriptError: code 2 when the policy's is not there; SeveralMetrics when nothing
    says which.
    """
    chosen = [run for run in runs if run.result_id in result_ids]
    chosen = chosen or [run for run in runs if wanted or not is_of_raters(run.metric)] or list(runs)
    if wanted is not None and NEMO_MEANS.get(normalize_name(wanted)) == ANY_MEAN and not of_metric(wanted, chosen):
        chosen, wanted = [run for run in chosen if run.aggregation == "mean"] or chosen, None
    if wanted is not None:
        named = of_metric(wanted, chosen)
        if not named:
            there = listing(sorted({run.metric for run in chosen}))
            raise ScriptError(f"{where}: no metric {wanted!r}; there are: {there}")
        if wanted not in {run.metric for run in named}:
            note(f"note: {where}: metric {single_line(wanted)}: {listing(sorted({run.result_id for run in named}))}")
        chosen = named
    if len({run.metric for run in chosen}) > 1:
        usual = entry.get("metric")
        named = of_metric(usual, chosen) if usual and (wanted is None or same_metric(wanted, usual)) else []
        if not entry.get("own"):
            named = [run for run in named if same_metric(run.metric, usual)] or named
        if len({run.metric for run in named}) != 1:
            raise SeveralMetrics(named if wanted is None and named else chosen)
        return named
    return chosen


def unlike_reasons(baseline: Side, candidate: Side, matched: Matched, paired: bool) -> list[str]:
    """What keeps two sides from being compared: settings, items, prompts."""
    reasons: list[str] = []
    by_part = {run.subtask: run for run in reversed(baseline.runs)}
    for run in candidate.runs:
        if run.subtask in by_part:
            lines = difference_lines(setting_differences(by_part[run.subtask], run))
            reasons += [line for line in lines if line not in reasons]
    for side, name in ((baseline, "baseline"), (candidate, "candidate")):
        partial = list(dict.fromkeys(run.partial for run in side.runs if run.partial))
        reasons += [f"the {name}'s is over {listing(partial, 3)}, a smoke test and no score"] if partial else []
        if not all(run.measured for run in side.runs):
            reasons.append(f"the {name}'s score was read from a document, not measured")
    if not paired:
        shared = any(share_votes(one.votes, two.votes) for one in baseline.runs for two in candidate.runs)
        if shared and same_votes_gap(baseline, candidate) is None:
            reasons.append("both scores are from the same votes, and without their items nothing is known of the gap")
        return reasons
    if matched.other_texts:
        what = "in another template or doc_to_text, or other items under the same ids"
        reasons.append(f"the prompts differ: {matched.other_texts} items were asked {what}")
    if matched.other_items > matched.other_texts:
        reasons.append(f"{matched.other_items - matched.other_texts} items have the same id and other content")
    if matched.other_prompts:
        reasons.append(f"{matched.other_prompts} items were asked with other prompts")
    if other_item_sets(baseline, candidate, matched):
        reasons += unlike_votes(baseline, candidate)
        reasons.append(
            f"item sets: {matched.only_baseline} items only the baseline has, "
            f"{matched.only_candidate} only the candidate"
        )
    if reasons and (moved := questions_moved(baseline, candidate)):
        reasons.append(f"{moved} questions are the same on both sides, under other ids (matched by their content)")
    return reasons


def scale_reasons(baseline: Side, candidate: Side) -> list[str]:
    """Why two sides are on no one scale, so that nothing allows to compare their scores."""
    by_part = {run.subtask: run for run in reversed(baseline.runs)}
    found = [unlike_scales(by_part[run.subtask], run) for run in candidate.runs if run.subtask in by_part]
    return list(dict.fromkeys(line for one in found for line in difference_lines(one)))


def same_votes_gap(baseline: Side, candidate: Side) -> VoteGap | None:
    """The gap of two scores of one file of votes, with its error; None where their items tell it, or nothing does."""
    if len(baseline.runs) != 1 or len(candidate.runs) != 1:
        return None
    return gap_in_votes(baseline.runs[0].votes, candidate.runs[0].votes)


def unlike_votes(baseline: Side, candidate: Side) -> list[str]:
    """Why two scores of one file of votes are not compared, and what would be."""
    one, two = (side.runs[0].votes for side in (baseline, candidate))
    if one is None or two is None or one.file != two.file:
        return []
    common = sorted(set(one.against) & set(two.against))
    ways = [f"--opponent {listing(common, 5)}"] if common else []
    return [
        "in their file of votes they met unlike opponents, or hardly ever won or lost: score both with "
        + " or with ".join([*ways, "--metric bradley-terry"])
    ]


def other_item_sets(baseline: Side, candidate: Side, matched: Matched) -> bool:
    """Whether so many items are one side's alone that the sides were not asked the same set."""
    everything = max(len(baseline.scores), len(candidate.scores), 1)
    return max(matched.only_baseline, matched.only_candidate) > MOST_UNPAIRED * everything


def questions_moved(baseline: Side, candidate: Side) -> int:
    """How many questions both sides have, by their content, under other ids."""
    places = [{a.item_hash: name for name, a in side.answers.items() if a.item_hash} for side in (baseline, candidate)]
    return sum(places[1].get(content, name) != name for content, name in places[0].items())


def invalid_reasons(side: Side, name: str) -> list[str]:
    """What the gate says against a side's scores."""
    found: dict[str, list[str]] = defaultdict(list)
    for run in side.runs:
        for reason in run.validity.reasons:
            found[f"{name}: {reason}"].append(run.subtask)
    return [line + (f" ({listing(parts, 3)})" if any(parts) else "") for line, parts in found.items()]


def remark_notes(side: Side, name: str) -> list[str]:
    """What the gate remarks about a side's scores, but for lost attempts, of which more is said elsewhere."""
    remarks = (remark for run in side.runs for remark in run.validity.remarks)
    return list(dict.fromkeys(f"{name}: {remark}" for remark in remarks if not remark.endswith("without a score")))


def policy_reasons(sides: Sequence[Side], policy: Policy, paired: bool) -> list[str]:
    """Where the runs are not made with what the policy demands."""
    reasons = []
    for side, name in zip(sides, ("baseline", "candidate"), strict=False):
        if "hash" in policy.require and not all(run.identity.fixed for run in side.runs):
            reasons.append(f"the policy requires a hash of the weights, the {name}'s records have none")
        if "samples" in policy.require and not all(run.repeats for run in side.runs):
            reasons.append(f"the policy requires samples, the {name}'s records have none")
    if policy.require_paired and sides and not paired:
        reasons.append("the policy requires paired items (require_paired)")
    for library, version in sorted({run.harness for side in sides for run in side.runs}):
        if policy.harness:
            wanted = {library_field(name): pattern for name, pattern in policy.harness.items()}
            pattern = wanted.get(library_field(library))
            if pattern is None:
                reasons.append(f"the policy wants {listing(policy.harness)}, this is {library}")
            elif not fnmatch.fnmatchcase(version, pattern):
                reasons.append(f"the policy wants {library} {pattern}, this is {version}")
    return reasons
