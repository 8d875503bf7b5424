"""The rows of a comparison: one for each benchmark, metric and candidate."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from parts.comparison.amounts import limit_name, limit_of_row
from parts.comparison.clusters import unsaid_cluster
from parts.comparison.comparable import (
    MetricsToChoose,
    SeveralMetrics,
    choose_alike,
    choose_metric,
    grouped_by_settings,
    invalid_reasons,
    of_metric,
    other_filters,
    other_item_sets,
    policy_reasons,
    remark_notes,
    same_votes_gap,
    scale_reasons,
    spelled_metric,
    unlike_reasons,
)
from parts.comparison.corpus import formula_of_sides, with_corpus
from parts.comparison.pairs import (
    SAME_VOTES,
    Matched,
    make_pairs,
    match_items,
    mean_within,
    paired_basis,
    part_factors,
    side_of,
    unpaired_basis,
    votes_basis,
    with_absent,
)
from parts.comparison.policy import CHOOSE
from parts.comparison.strata import parts_by_field
from parts.comparison.vocabulary import (
    ABSENT,
    INCONCLUSIVE,
    NOT_COMPARABLE,
    REPORT,
    SCORED_FILES,
    Basis,
    Limits,
    ModelRuns,
    Noise,
    Policy,
    Row,
    Run,
    Side,
)
from parts.frame import ScriptError, listing, natural_key, plural
from parts.records.groups import counted_once, incomplete_line, part_weights
from parts.records.items import ONE_PROMPT
from parts.records.repeats import contradiction
from parts.statistics.bounded import critical_value
from parts.statistics.paired import mean_of_runs
from parts.vocabulary import MetricMapping, bare_task, metric_key, one_metric

NO_VERDICT = "no verdict: "
NO_LIMIT = 'a relative limit, or an amount such as max_drop: "20 Elo"'


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: the models, the policy, and how benchmarks are told apart."""

    baseline: ModelRuns
    candidates: tuple[ModelRuns, ...]
    policy: Policy
    vocabulary: MetricMapping
    only: frozenset[str] = frozenset()  # the benchmarks of --benchmarks; empty: all
    result_ids: frozenset[str] = frozenset()
    repeated: tuple[Run, ...] = ()  # the runs of --aa
    nights: tuple[tuple[ModelRuns, ModelRuns], ...] = ()  # of --history: (baseline, candidate), the oldest first
    by: str = ""  # the field of the items' metadata by which each benchmark is broken down
    luck: str = ""  # what is said of how many the candidate was picked from

    def entry(self, key: str, sides: Sequence[ModelRuns]) -> Mapping[str, Any]:
        """What is known of a benchmark; where a side lacks its usual metric and both have another, with that one."""
        entry, having = self.vocabulary.entries.get(key, {}), defaultdict(set)
        for number, side in enumerate(sides):
            for run in side.runs:
                if run.key == key:
                    having[metric_key(run.metric)].add(number)
        shared = [metric for metric, found in having.items() if len(found) == len(sides)]
        usual = metric_key(entry.get("metric") or "")
        told = len(shared) == 1 and usual in having
        return {**entry, "metric": one_metric(having, usual)} if told else entry

    def runs(self, model: ModelRuns, sides: Sequence[ModelRuns]) -> dict[str, list[Run]]:
        """A model's runs by benchmark, each with the metric that counts for both sides."""
        by_key: dict[str, list[Run]] = defaultdict(list)
        for run in model.runs:
            if not self.only or run.key in self.only:
                by_key[run.key].append(run)
        chosen, several = {}, {}
        for key, rows in by_key.items():
            entry, metric = self.entry(key, sides), self.policy.limits(key).metric
            try:
                chosen[key] = choose_metric(rows, f"{model.name}, {key}", metric, entry, self.result_ids)
            except SeveralMetrics as error:
                several[model.name, key] = error
        if several:
            named = [key for key in chosen if self.policy.limits(key).metric is not None]
            raise MetricsToChoose(several, named)
        return chosen

    def runs_of(self, sides: Sequence[ModelRuns]) -> list[dict[str, list[Run]]]:
        """The runs of each side by benchmark; one MetricsToChoose for all of them."""
        found, open_ones = [], []
        for side in sides:
            try:
                found.append(self.runs(side, sides))
            except MetricsToChoose as error:
                open_ones.append(error)
        raise_together(open_ones)
        return found


def raise_together(errors: Sequence[MetricsToChoose]) -> None:
    """One error for several, where there are any."""
    if errors:
        found = {place: one for error in errors for place, one in error.found.items()}
        open_keys = {key for _, key in found}
        settled = dict.fromkeys(key for error in errors for key in error.settled if key not in open_keys)
        raise MetricsToChoose(found, list(settled))


def variants(baseline: Sequence[Run], candidate: Sequence[Run]) -> list[tuple[str, list[Run], list[Run]]]:
    """A benchmark's comparisons: one for each few-shot count that both sides have, else all runs as one."""
    shared = {run.shots for run in baseline} & {run.shots for run in candidate}
    if not shared:
        return [("", list(baseline), list(candidate))]
    several = len(shared) > 1
    return [
        (
            f" ({shots}-shot)" if several else "",
            [run for run in baseline if run.shots == shots],
            [run for run in candidate if run.shots == shots],
        )
        for shots in sorted(shared, key=natural_key)
    ]


def make_rows(question: Question) -> list[Row]:
    """All comparisons, also by the further metrics of a benchmark, without verdicts that depend on the other rows."""
    rows, policy = rows_of_metrics(question), question.policy
    for key, further in policy.further.items():
        if not question.only or key in question.only:
            for place in range(1, len(further) + 1):
                alone = replace(question, policy=policy.of_metric(key, place), only=frozenset({key}))
                rows += rows_of_metrics(alone)
    if not any(row.verdict != ABSENT for row in rows):
        found = listing(sorted({run.key for run in question.baseline.runs}), 20)
        theirs = listing(sorted({run.key for model in question.candidates for run in model.runs}), 20)
        raise ScriptError(
            f"no benchmark in common: the baseline {question.baseline.name}: {found}; the candidate: {theirs}"
        )
    names = [model.name for model in question.candidates]
    return sorted(rows, key=lambda row: (names.index(row.candidate), question.vocabulary.place(row.key)))


def rows_of_metrics(question: Question) -> list[Row]:
    """The comparisons of all benchmarks by one metric each, of each of their tasks that both models did."""
    rows: list[Row] = []
    asked: list[MetricsToChoose] = []
    for model in question.candidates:
        try:
            rows += rows_of_candidate(question, model)
        except MetricsToChoose as error:
            asked.append(error)
    raise_together(asked)
    return rows


def rows_of_candidate(question: Question, model: ModelRuns) -> list[Row]:
    """The comparisons of one candidate by one metric each."""
    rows: list[Row] = []
    named = {key for key in (*question.policy.benchmarks, *question.policy.targets) if question.policy.blocks(key)}
    named |= set(question.baseline.failures) | set(model.failures)
    wanted = {run.key for one in (question.baseline, model) for run in one.runs} | named
    wanted = {key for key in wanted if not question.only or key in question.only}
    apart = {key: found for key in wanted if len((found := tasks_done(question, model, key))[0] | found[1]) > 1}
    apart = {key: found for key, found in apart.items() if found[0] & found[1]}
    both = [without_task(side, apart) for side in (question.baseline, model)]
    one, two = question.runs_of(both)
    for key in sorted(wanted, key=question.vocabulary.place):
        if key not in apart:
            rows += rows_of_task(question, model, key, "", one.get(key, []), two.get(key, []))
            continue
        ours, theirs = apart[key]
        for task in sorted(ours & theirs):
            sides = [without_task(side, {key: task}) for side in (question.baseline, model)]
            alone = replace(question, only=frozenset({key}))
            found = rows_of_task(question, model, key, task, *(side.get(key, []) for side in alone.runs_of(sides)))
            left = [f"{name}: {listing(sorted(own))} is not compared" for name, own in
                    (("baseline", ours - theirs), ("candidate", theirs - ours)) if own]  # fmt: skip
            rows += [replace(row, notes=(*row.notes, *left)) for row in found]

    return rows


def task_done(run: Run) -> str:
    """A run's task as its harness names it; of a part of a benchmark nothing, for these have names of their own."""
    return "" if run.subtask else bare_task(run.name)


def tasks_done(question: Question, model: ModelRuns, key: str) -> tuple[set[str], set[str]]:
    """The tasks by which the two models did one benchmark: by log-likelihood and by generated answers, say.

    Of the metric that a policy names, or of the results that are named, where either is.
    """
    metric = question.policy.limits(key).metric
    sides = [[run for run in one.runs if run.key == key and not run.subtask] for one in (question.baseline, model)]
    chosen = [[run for run in runs if run.result_id in question.result_ids] or runs for runs in sides]
    chosen = [(of_metric(metric, runs) if metric else runs) or runs for runs in chosen]
    return tuple({task_done(run) for run in runs} for runs in chosen)


def without_task(model: ModelRuns, tasks: Mapping[str, Any]) -> ModelRuns:
    """A model's runs, of some benchmarks those of one task alone: its parts are not of it. None where none is named."""
    return replace(model, runs=tuple(run for run in model.runs if tasks.get(run.key, task_done(run)) == task_done(run)))


def rows_of_task(
    question: Question, model: ModelRuns, key: str, task: str, baseline: Sequence[Run], candidate: Sequence[Run]
) -> list[Row]:
    """A benchmark's comparisons, or those of one task of it."""
    rows = []
    for suffix, one, two in variants(baseline, candidate):
        name = f" ({task}){suffix}" if task else suffix
        rows += [make_row(question, model, key, name, one, two), *part_rows(question, model, key, name, one, two)]
    return rows


def part_rows(
    question: Question, model: ModelRuns, key: str, suffix: str, baseline: Sequence[Run], candidate: Sequence[Run]
) -> Iterator[Row]:
    """A benchmark's comparisons for each value of the field that --by names."""
    if not question.by:
        return
    for value, one, two in parts_by_field(baseline, candidate, question.by):
        by = f"{question.by}={value}"
        row = make_row(question, model, key, f"{suffix}, {by}", one, two)
        yield replace(row, blocking=False, by=by, size=None)


def make_row(
    question: Question, model: ModelRuns, key: str, suffix: str, baseline: Sequence[Run], candidate: Sequence[Run]
) -> Row:
    """One comparison as far as it can be made without the others."""
    policy, limits = question.policy, question.policy.limits(key)
    suffix = f" {limits.metric}{suffix}" if key in policy.further else suffix
    row = Row(
        candidate=model.name,
        key=key,
        label=question.vocabulary.title(key) + suffix,
        tier=limits.tier,
        role="target" if key in policy.targets else "general",
        blocking=policy.blocks(key),
        notes=(limits.note,) if limits.note else (),
        size=known_size(question.vocabulary, key),
    )
    if not baseline or not candidate:
        return replace(row, notes=(*row.notes, *missing_notes(question.baseline, model, key, baseline, candidate)))
    first = candidate[0]
    baseline, candidate = ([directed(run, limits) for run in runs] for runs in (baseline, candidate))
    first = candidate[0]
    check_direction(limits, first)
    others = other_filters(first, (*question.baseline.runs, *model.runs))
    spelled = spelled_metric(first)
    also = {run.metric for run in (*question.baseline.runs, *model.runs) if (run.key, run.name) == (key, first.name)}
    named = (others or len(also) > 1) and key not in policy.further
    title = f"{question.vocabulary.title(key)} {spelled.removesuffix(',none')}" if named else None
    title = question.vocabulary.title(key) if key in policy.further else title
    if not others and first.metric != limits.metric:
        others = rival_metrics(first.metric, also)
    if others and not {spelled, first.result_id} & {limits.metric, *question.result_ids}:
        row = replace(row, notes=(*row.notes, f"{spelled}; there is {listing(others, 3)}, too (--metric)"))
    row = replace(
        row,
        shown=(title or question.vocabulary.measured_title(key, first.metric)) + suffix,
        unit=first.unit,
        metric=first.metric,
        spelled_metric=spelled,
        lower_is_better=first.lower_is_better,
        span=first.span,
    )
    row, reasons = with_sides(row, baseline, candidate, policy, question.vocabulary)
    row = with_noise(row, question.repeated)
    unwanted = policy_reasons(row.sides or (), policy, row.pairs is not None or row.corpus is not None)
    notes = (*unwanted, *reasons, *row.notes)
    if unwanted or (reasons and (row.basis is None or not policy.allow_unlike)):
        invalid = any(run.validity.reasons for side in row.sides or () for run in side.runs)
        why = (*unwanted, *reasons)
        row = replace(row, verdict=NOT_COMPARABLE, pairs=None, corpus=None, basis=None, invalid=invalid)
        row = replace(row, notes=notes, reasons=why)
        return with_recorded_scores(row)
    if reasons:
        row = replace(row, notes=(f"compared all the same (--allow-unlike): {'; '.join(reasons)}", *row.notes))
    if row.tier == REPORT:
        evidence = None if row.basis is None else row.basis.evidence
        bounds = None if evidence is None else tuple(map(float, evidence.interval(0.05)))
        return replace(row, verdict=REPORT, bounds=bounds)
    return with_threshold(row, policy)


def rival_metrics(metric: str, there: Collection[str]) -> list[str]:
    """The other metrics of a task that count the same right answers in another way: acc_norm beside acc."""

    def bare(name: str) -> str:
        return name.partition(",")[0].split("_")[0]

    return sorted(other for other in there if other != metric and bare(other) == bare(metric))


def known_size(vocabulary: MetricMapping, key: str) -> int | None:
    """How many items a benchmark has, where metric_mapping.json says it."""
    size = vocabulary.entries.get(key, {}).get("items")
    return size if isinstance(size, int) else None


def missing_notes(
    baseline: ModelRuns, candidate: ModelRuns, key: str, ours: Sequence[Run], theirs: Sequence[Run]
) -> Iterator[str]:
    """Why a benchmark has no comparison."""
    for name, model, runs in (("baseline", baseline, ours), ("candidate", candidate, theirs)):
        if not runs:
            failure = model.failures.get(key)
            yield f"failed for the {name}: {failure.error}" if failure else f"not measured for the {name}"


def directed(run: Run, limits: Limits) -> Run:
    """The run with the direction of its metric; ScriptError(code=3) when neither record nor policy says it."""
    if run.directed:
        return run
    if limits.direction is None:
        raise ScriptError(
            f"{run.file}: nothing says whether more {run.metric} of {run.key} is better; say it in a policy: "
            f"benchmarks: {{{run.key}: {{direction: lower_is_better}}}} (or higher_is_better)",
            code=3,
        )
    return replace(run, lower_is_better=limits.direction == "lower_is_better", directed=True)


def check_direction(limits: Limits, run: Run) -> None:
    """ScriptError when policy and record disagree about which way is better."""
    if limits.direction and (limits.direction == "lower_is_better") != run.lower_is_better:
        way = "lower_is_better" if run.lower_is_better else "higher_is_better"
        raise ScriptError(f"{run.file}: {run.key} is {way} in the record and {limits.direction} in the policy")


def with_sides(
    row: Row, baseline: Sequence[Run], candidate: Sequence[Run], policy: Policy, vocabulary: MetricMapping
) -> tuple[Row, list[str]]:
    """The row with its sides, pairs and basis; and the reasons against comparing them."""
    by_part = [defaultdict(list), defaultdict(list)]
    for parts, runs in zip(by_part, (baseline, candidate), strict=True):
        for run in runs:
            parts[run.subtask].append(run)
    shared = sorted(set(by_part[0]) & set(by_part[1]))
    if "" in shared:  # the whole goes before its parts
        shared = [""]
    lacking = sorted((set(by_part[0]) ^ set(by_part[1])) - {""}) if "" not in shared else []
    if not shared:
        return row, [f"measured in other parts: {listing(sorted(by_part[0]))} and {listing(sorted(by_part[1]))}"]
    ours, theirs, notes = [], [], list(row.notes)
    for part in shared:
        one, two, left = choose_alike(by_part[0][part], by_part[1][part])
        ours, theirs = ours + one, theirs + two
        notes += [line for line in left if line not in notes]
    notes += dict.fromkeys(run.chosen for run in (*ours, *theirs) if run.chosen and run.chosen not in notes)
    once = len(shared) > 1 and counted_once(list({run.subtask: run for run in ours}.values()), vocabulary)
    sides, row = (side_of(ours, once), side_of(theirs, once)), replace(row, parts_once=once)
    paired = bool(sides[0].scores and sides[1].scores)
    matched = match_items(*sides)
    if scales := scale_reasons(*sides):
        return replace(row, sides=sides, notes=tuple(notes)), scales
    gap = same_votes_gap(*sides)  # as a leaderboard has it, also where the two met each other alone
    paired = paired and gap is None
    reasons = [f"parts that one side lacks: {listing(lacking)}"] if lacking else []
    reasons += unlike_reasons(*sides, matched, paired)
    reasons += invalid_reasons(sides[0], "baseline") + invalid_reasons(sides[1], "candidate")
    found = [(name, contradiction(side.runs)) for side, name in zip(sides, ("baseline", "candidate"), strict=True)]
    reasons += [f"the {name}'s {text}" for name, text in found if text]
    if len(shared) > 1:
        notes.append(f"{len(shared)} parts, {'each' if once else 'each of their items'} counts once, as in the harness")
    if line := incomplete_line(row.key, shared, vocabulary):
        notes.append(line)
        names = {name: f"{getattr(row, name)} ({len(shared)} of its parts)" for name in ("label", "shown")}
        row = replace(row, **{name: text for name, text in names.items() if getattr(row, name)})
    for side, name in zip(sides, ("baseline", "candidate"), strict=True):
        notes += [f"{name}: {remark}" for remark in side.notes] + remark_notes(side, name)
        notes += [f"{name}: {side.repeats} repeats averaged"] if side.repeats > 1 else []
    sides = with_absent(*sides) if paired and not other_item_sets(*sides, matched) else sides
    row = replace(row, sides=sides, notes=tuple(notes))
    if paired and matched.names:
        return with_pairs(row, matched, policy.cluster_by is not None), reasons
    scores = [math.fsum(side.run_scores) / len(side.run_scores) for side in sides]
    scores = scores if gap is None else [side.runs[0].score for side in sides]
    one, two = (replace(side.runs[0], score=score) for side, score in zip(sides, scores, strict=True))
    if len(shared) > 1 and all(len(side.runs) == len(shared) for side in sides):
        one, two = (joined_parts(side.runs, vocabulary) for side in sides)
        basis, scores = unpaired_basis(one, two), [one.score, two.score]
    else:
        basis = Basis(None, "several parts without samples") if len(shared) > 1 else unpaired_basis(one, two)
    if gap is not None:
        basis = votes_basis(one, two, gap, row.sign, row.span)
    elif first_corpus_level(sides):
        basis = Basis(None, formula_of_sides(sides)[1] or "corpus-level score without items on both sides")
    return replace(row, baseline_score=scores[0], score=scores[1], basis=basis), reasons


def joined_parts(parts: Sequence[Run], vocabulary: MetricMapping) -> Run:
    """The run that a benchmark's parts without items make: their mean as the harness joins them, with its error."""
    weights, errors = part_weights(parts, vocabulary), [run.standard_error for run in parts]
    error = None if None in errors else math.hypot(*(w * e for w, e in zip(weights, errors, strict=True)))
    sizes = [run.n for run in parts]
    return replace(
        parts[0],
        score=math.fsum(weight * run.score for weight, run in zip(weights, parts, strict=True)),
        standard_error=error,
        n=None if None in sizes else sum(sizes),
    )


def prompt_notes(row: Row, matched: Matched) -> list[str]:
    """What is said where items count together because they were asked with one and the same prompt."""
    groups = {side.answers[name].group for side in row.sides for name in matched.names} - {None}
    prompts = {group for group in groups if group.startswith(ONE_PROMPT)}
    if not prompts:
        return []
    return [f"items with one prompt count together ({len(prompts)} prompts were asked for several items); say "
            "--cluster-by none where what tells them apart is not in the prompt (images, files)"]  # fmt: skip


def scored_files(sides: Iterable[Side]) -> bool:
    """Whether all scores are of files of predictions, ratings or votes that no prompt stands beside."""
    files = all(run.harness[0] == SCORED_FILES for side in sides for run in side.runs)
    return files and not any(answer.prompt_hash for side in sides for answer in side.answers.values())


def with_pairs(row: Row, matched: Matched, settled: bool) -> Row:
    """The row with its paired items and what they show; settled: somebody has said which items belong together."""
    pairs = make_pairs(*row.sides, matched.names, row.parts_once)
    notes = list(row.notes)
    counts = (
        (matched.errors, "could not be scored on both sides in every run"),
        (matched.only_baseline, "only the baseline has"),
        (matched.only_candidate, "only the candidate has"),
    )
    notes += [f"{plural(count, 'item')} {what}" for count, what in counts if count]
    if matched.unknown_prompts and not scored_files(row.sides):
        notes.append(f"the prompts of {matched.unknown_prompts} items could not be compared")
    notes += [] if settled else prompt_notes(row, matched)
    settled = settled or any(run.cluster_field for side in row.sides for run in side.runs)
    unsaid = "" if settled else unsaid_cluster(*row.sides, matched.names)
    if first_corpus_level(row.sides) and len({part for part, _ in matched.names}) > 1:
        scores = [math.fsum(side.run_scores) / len(side.run_scores) for side in row.sides]
        basis = Basis(None, "several parts, each with a score of its own corpus")
        return replace(row, baseline_score=scores[0], score=scores[1], basis=basis, notes=tuple(notes))
    if first_corpus_level(row.sides):
        return with_corpus(replace(row, notes=tuple(notes)), matched.names, unsaid)
    basis = paired_basis(pairs, row.sign, row.span)
    basis = replace(basis, evidence=None, method=unsaid) if unsaid else basis
    return replace(
        row,
        pairs=pairs,
        baseline_score=float(pairs.baseline.mean()),
        score=float(pairs.candidate.mean()),
        basis=basis,
        notes=tuple(notes),
    )


def with_recorded_scores(row: Row) -> Row:
    """A row that is not compared, with the records' own scores where the mean of items is none of them: of a whole
    corpus (an agreement), or of votes, of which two models share a part."""
    parts = [{run.subtask for run in side.runs} for side in row.sides or ()]
    own = any(run.votes or run.aggregation != "mean" for side in row.sides or () for run in side.runs)
    if not own or any(len(names) != 1 for names in parts):
        return row
    scores = [math.fsum(run.score for run in side.runs) / len(side.runs) for side in row.sides]
    return replace(row, baseline_score=scores[0], score=scores[1])


def first_corpus_level(sides: Iterable[Side]) -> str | None:
    """The aggregation of a score that is no mean of its items, or None."""
    return next((run.aggregation for side in sides for run in side.runs if run.aggregation != "mean"), None)


def with_threshold(row: Row, policy: Policy) -> Row:
    """The row with the limit that it is held against; without one, or without enough items, it has no evidence."""
    limits, target, chosen = policy.limits(row.key), row.role == "target", policy.rule == CHOOSE
    amount, words = (None, "") if chosen else limit_of_row(limits, row, target)
    limit = amount if target or amount is None else 0.0 - amount
    basis = row.basis
    if basis.evidence is not None and limit is None and not chosen:
        basis = replace(basis, evidence=None, method="the metric has no bounds: the policy needs " + NO_LIMIT)
    if basis.evidence is not None and basis.n < limits.min_items:
        there = f"{basis.n} items" if basis.n else "of how many items is not recorded"
        basis = replace(basis, evidence=None, method=f"{there}, the policy wants {limits.min_items}")
    notes = (*row.notes, words) if words and basis.evidence is not None else row.notes
    notes = notes if basis.evidence is not None else (*notes, f"{NO_VERDICT}{basis.method}")
    if basis.evidence is not None and row.pairs is None and row.corpus is None and basis.method != SAME_VOTES:
        notes = (*notes, f"{basis.method}: without samples")
    by = "" if amount is None else limit_name(limits, row, target, amount)
    return replace(row, verdict=INCONCLUSIVE, threshold=limit, limit_by=by, basis=basis, notes=notes)


def with_noise(row: Row, repeated: Sequence[Run]) -> Row:
    """The row with its noise floor: as the runs of --aa show it, else the repeats of its sides."""
    if not row.sides:
        return row
    shots = row.sides[1].runs[0].shots
    runs = [r for r in repeated if r.key == row.key and r.metric == row.metric and r.shots == shots]
    if runs:
        runs = grouped_by_settings(runs)[0]
        side = side_of(runs)
        if side.repeats < 2:
            if len(runs) < 2:
                return replace(row, notes=(*row.notes, "--aa has only one run of it"))
            return replace(row, noise=Noise(0.0, len(runs), 0.0))
        sides = [side]
    else:
        sides = [side for side in row.sides if side.repeats > 1]
    if not sides:
        return row
    counts = [max(1, one.repeats) for one in row.sides]
    width, repeats = math.sqrt(1 / counts[0] + 1 / counts[1]), min(side.repeats for side in sides)
    if row.pairs is None or not all(side.scores for side in sides):
        half = max(mean_of_runs(side.run_scores)[2] * math.sqrt(side.repeats) for side in sides)
        return replace(row, noise=Noise(half * width, repeats, None))
    changed = [sum(len(set(own)) > 1 for own in side.scores.values()) / len(side.scores) for side in sides]
    within = math.fsum(
        mean_within(side, side.scores, part_factors(side.scores, row.parts_once)) for side in sides
    ) / len(sides)
    half = float(critical_value(0.025)) * math.sqrt(within / row.pairs.n) * width
    return replace(row, noise=Noise(half, repeats, math.fsum(changed) / len(changed)))
