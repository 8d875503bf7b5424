"""Ranking checkpoints by records or by formula."""

from __future__ import annotations

import contextlib
import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

from parts.checkpoints import Checkpoint, Skipped
from parts.frame import ROUNDED, ScriptError, listing, nearest, number, option_words
from parts.own_vocabulary import own_entries
from parts.ranking.comparable import invalid_runs, other_scales, remedy_of, unlike_checkpoints
from parts.ranking.scores import (
    category_scores,
    chosen_results,
    mean_score,
    one_content,
    overall_score,
    passed_over_lines,
    scores_by_task,
    step_formula_scores,
    uncounted,
)
from parts.ranking.vocabulary import OTHER_SCALE, Ahead, Ranked, Ranking, Unlike, candidates, could_win
from parts.records.attempts import Attempts, attempts_text, score_bounds
from parts.records.groups import incomplete_line, part_weights
from parts.records.measured import Result, Samples, attempt_ends
from parts.records.warnings import chance_lines, partial_lines
from parts.statistics.intervals import Estimate
from parts.statistics.possible import possible_scores
from parts.training_runs import run_folders
from parts.vocabulary import STEP_FORMULAS, MetricMapping, named_results, own_key

DRAWS = 10_000
Z95 = 1.959964  # standard errors on both sides of a score that 95 % lie within


@dataclass(frozen=True, slots=True)
class Options:
    """How scores become one number."""

    benchmarks: tuple[str, ...] | None = None
    weights: Mapping[str, float] | None = None
    weight_digits: int | None = None
    score_function: Callable[[dict[str, float]], float] | None = None
    result_ids: frozenset[str] = frozenset()
    overall: str = "mean of the categories"
    allow_unlike: bool = False
    draws: int = DRAWS
    seed: int = 0
    smooth: int = 1
    tie_break: str | None = None
    baseline_step: int | None = None
    baseline_model: str | None = None


def union_of_tasks(chosen: Mapping[Checkpoint, Sequence[Result]]) -> dict[str, set[str]]:
    """Benchmark -> all of its tasks that were measured for any checkpoint."""
    union: dict[str, set[str]] = defaultdict(set)
    for results in chosen.values():
        for result in results:
            union[result.key].add(result.task)
    return union


def parts_by_key(results: Iterable[Result]) -> dict[str, set[str]]:
    """Benchmark -> the parts of it that were measured."""
    parts: dict[str, set[str]] = defaultdict(set)
    for result in results:
        parts[result.key].add(result.subtask)
    return parts


def missing_tasks(results: Sequence[Result], union: Mapping[str, set[str]]) -> list[str]:
    """The benchmarks that a checkpoint has not, or not whole."""
    own = {result.task for result in results}
    return sorted(key for key, tasks in union.items() if not tasks <= own)


def shared_benchmarks(chosen: Mapping[Checkpoint, Sequence[Result]]) -> tuple[set[str], list[str]]:
    """The benchmarks that every compared checkpoint has, whole; and a line for each that is left out."""
    union = union_of_tasks(chosen)
    holes: dict[str, list[str]] = defaultdict(list)
    for checkpoint, results in chosen.items():
        for key in missing_tasks(results, union):
            holes[key].append(checkpoint.name)
    lines = [
        f"{key} is left out of the ranking: not (fully) measured for {listing(names)}"
        for key, names in sorted(holes.items())
    ]
    return union.keys() - holes.keys(), lines


def rank_one(
    checkpoint: Checkpoint,
    scores: Mapping[str, Estimate],
    vocabulary: MetricMapping,
    options: Options,
    records: Sequence[str] = (),
) -> Ranked:
    """A checkpoint with its categories and its overall score."""
    categories = category_scores(scores, vocabulary)
    if options.score_function is not None:
        value = options.score_function({key: score.value for key, score in {**categories, **scores}.items()})
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise ScriptError(f"--score-function returned {value!r} for {checkpoint.name}, not a finite number")
        return Ranked(checkpoint, float(value), None, scores, categories, tuple(records))
    if not categories:
        raise ScriptError(
            f"{listing(scores)} of {checkpoint.name} are of several kinds, none is a share of right answers: choose "
            "one with --benchmarks, or say how to rank with --score-function FILE.py",
            code=3,
        )
    overall = overall_score(categories, options.weights, options.weight_digits)
    return Ranked(checkpoint, overall.value, overall.standard_error, scores, categories, tuple(records), whole=overall)


def with_smoothing(ranked: Sequence[Ranked], n: int) -> list[Ranked]:
    """The checkpoints with their mean over the last n; the first n - 1 have none and cannot be chosen."""
    if n == 1:
        return list(ranked)
    if n > len(ranked):
        raise ScriptError(f"--smooth {n}: only {len(ranked)} checkpoints are compared; give a smaller number")
    scores = [r.eval_accuracy for r in ranked]
    done = list(ranked)
    for i in range(n - 1, len(ranked)):
        window = ranked[i + 1 - n : i + 1]
        ends = zip(*(r.reach or (r.eval_accuracy,) * 2 for r in window), strict=True)
        reach = tuple(math.fsum(end) / n for end in ends) if any(r.reach for r in window) else None
        done[i] = replace(ranked[i], smoothed=math.fsum(scores[i + 1 - n : i + 1]) / n, smoothed_reach=reach)
    return done


def choose_best(ranked: Sequence[Ranked]) -> tuple[Ranked, tuple[Ranked, ...]]:
    """The highest score; among equal ones the earliest, and the others as ties."""
    pool = candidates(ranked)
    top = max(r.ranks_by for r in pool)
    equal = [r for r in pool if math.isclose(r.ranks_by, top, rel_tol=1e-12, abs_tol=1e-12)]
    return equal[0], tuple(equal[1:])


def settled(ranking: Ranking, sizes: Mapping[str, int]) -> Ranking:
    """The ranking with its tied set, and with --tie-break the one of it that was asked for.

    sizes: bytes of weights by name, for `smallest`; where several are equally small, the best score among them.
    """
    best, tied = choose_best(ranking.ranked)
    pool = [best, *tied]
    if ranking.statistics:
        pool = [r for r in ranking.ranked if r.checkpoint.name in ranking.statistics.tied_set]
    names = {r.checkpoint.name for r in (*pool, *could_win(best, ranking.ranked))}
    pool = [r for r in ranking.ranked if r.checkpoint.name in names]
    if ranking.tie_break in ("earliest", "latest"):
        best = pool[0 if ranking.tie_break == "earliest" else -1]
    elif ranking.tie_break == "smallest":
        best = min(pool, key=lambda r: (sizes[r.checkpoint.name], -r.ranks_by))
    return replace(ranking, best=best, tied=tuple(r for r in pool if r is not best))


def rank_by_formula(
    checkpoints: Sequence[Checkpoint], skipped: Sequence[Skipped], vocabulary: MetricMapping, options: Options
) -> Ranking:
    """Rank by the reference scoring; only checkpoints with a positive step have one."""
    if options.baseline_step is not None:
        raise ScriptError("--baseline-step compares measured scores, and there are none; evaluate them first")
    keys = options.benchmarks or tuple(STEP_FORMULAS)
    unknown = [key for key in keys if key not in STEP_FORMULAS]
    if unknown:
        near = meant_instead(unknown, [*STEP_FORMULAS, *vocabulary.entries], vocabulary)
        raise ScriptError(f"the step formulas have no {listing(unknown)}{near}; they score: {', '.join(STEP_FORMULAS)}")
    without = [
        Skipped(c.name, "no positive step in its name: no step formula for it") for c in checkpoints if not c.step
    ]
    ranked = []
    for checkpoint in checkpoints:
        if checkpoint.step:
            scores = step_formula_scores(checkpoint.step)
            ranked.append(rank_one(checkpoint, {key: scores[key] for key in keys}, vocabulary, options))
    if not ranked:
        raise ScriptError(
            f"no measured scores, and no checkpoint has a positive step for the step formulas "
            f"({listing(s.name for s in without)}); evaluate them with scripts/lighteval_vllm_uv.py"
        )
    ranked = with_smoothing(ranked, options.smooth)
    best, tied = choose_best(ranked)
    return Ranking(
        "step-formula",
        options.overall,
        tuple(keys),
        tuple(ranked),
        best,
        tied,
        (*skipped, *without),
        smooth=options.smooth,
        tie_break=options.tie_break,
    )


def choose_measured(
    checkpoints: Sequence[Checkpoint],
    results: Mapping[Checkpoint, Sequence[Result]],
    failures: Sequence[dict[str, Any]],
    vocabulary: MetricMapping,
    options: Options,
) -> tuple[dict[Checkpoint, list[Result]], list[Skipped], list[str], dict[Checkpoint, list[Result]]]:
    """The results that count for each checkpoint that has some, in step order; those left out; what is said; and the
    results of those that lack one of the chosen benchmarks."""
    chosen, left = {}, []
    wanted = wanted_keys(options.benchmarks, results, vocabulary) if options.benchmarks else None
    ids = asked_results(options.result_ids, results)
    results, lines = one_content(
        {c: [r for r in rows if wanted is None or r.key in wanted] for c, rows in results.items() if rows}
    )
    failed = Counter(failure["checkpoint"] for failure in failures)
    for checkpoint in checkpoints:
        if rows := results.get(checkpoint):
            chosen[checkpoint] = chosen_results(rows, checkpoint.name, vocabulary, ids)
        else:
            why = f" ({failed[checkpoint.name]} failed)" if failed[checkpoint.name] else ""
            left.append(Skipped(checkpoint.name, f"no measured score{why}"))
    if not chosen:
        raise ScriptError("the records hold no score for these checkpoints; evaluate them again")
    measured = dict(chosen)
    dropped = drop_incomplete(chosen) if options.benchmarks else {}
    for checkpoint, missing in dropped.items():
        left.append(Skipped(checkpoint.name, f"not (fully) measured: {', '.join(missing)}"))
    lines += [] if ids else passed_over_lines(results, chosen)
    return chosen, left, lines, {c: measured[c] for c in dropped}


def rank_by_records(
    chosen: Mapping[Checkpoint, Sequence[Result]],
    samples: Mapping[Checkpoint, Mapping[str, Samples]],
    vocabulary: MetricMapping,
    options: Options,
    dropped: Mapping[Checkpoint, Sequence[Result]] = MappingProxyType({}),
) -> Ranking:
    """Rank by measured scores over the benchmarks that all compared checkpoints share (or that --benchmarks names).

    dropped: results of checkpoints that lack some of these benchmarks.
    """
    shared, notes = shared_benchmarks(chosen)
    check_rankable(chosen, shared, options)
    unlike = unlike_checkpoints(chosen, samples, shared, options.allow_unlike, options.baseline_model)
    out = set() if options.allow_unlike else {entry.checkpoint for entry in unlike}
    alike = {checkpoint: rows for checkpoint, rows in chosen.items() if checkpoint not in out}
    check_one_scale([[r for r in rows if r.key in shared] for rows in alike.values()])
    ranked = [rank_measured(checkpoint, rows, shared, vocabulary, options) for checkpoint, rows in alike.items()]
    parts = parts_by_key(r for rows in chosen.values() for r in rows)
    notes += filter(None, [incomplete_line(key, parts[key], vocabulary) for key in sorted(shared)])
    apart = {} if options.score_function else left_apart(ranked[0], shared, vocabulary)
    notes += [f"not in eval_accuracy: {', '.join(apart.values())}"] if apart else []
    base = ranked_base(ranked, unlike, options.baseline_model)
    ranked = with_smoothing([r for r in ranked if r is not base], options.smooth)
    best, tied = choose_best(ranked)
    ahead = [] if options.allow_unlike else ahead_of_best(unlike, chosen, shared, vocabulary, options, best)
    rivals = {r.checkpoint: chosen[r.checkpoint] for r in ranked}
    lacks = missing_tasks(chosen[best.checkpoint], union_of_tasks(rivals))
    for checkpoint, rows in {**dropped, **wider(rivals, shared, [best, *tied])}.items():
        ahead += ahead_on_part(checkpoint, rows, chosen[best.checkpoint], vocabulary, options)
    notes += [*document_lines(chosen, shared), *loss_lines(chosen, ranked), *remark_lines(chosen, shared)]
    notes += twin_lines(chosen, shared)
    counted = [result.run for rows in chosen.values() for result in rows if result.key in shared]
    notes += [*several_runs_line(ranked), *chance_lines(counted), *own_entries(vocabulary.entries, shared)]
    return Ranking(
        "measured",
        options.overall,
        tuple(sorted(shared - apart.keys())),
        tuple(ranked),
        best,
        tied,
        (),
        tuple(notes),
        left_out=tuple(apart.values()),
        harnesses=tuple(sorted({" ".join(r.run.harness) for rows in alike.values() for r in rows})),
        unlike=tuple(unlike),
        ahead=tuple(ahead),
        lacks=tuple(lacks),
        allow_unlike=options.allow_unlike,
        smooth=options.smooth,
        tie_break=options.tie_break,
        base=base,
        partial="; ".join(partial_lines(counted)),
    )


def document_lines(chosen: Mapping[Checkpoint, Sequence[Result]], shared: set[str]) -> list[str]:
    """Which of the scores were read in a document, where nobody has measured anything here."""
    told = {c: sorted({r.key for r in rows if r.key in shared and not r.run.measured}) for c, rows in chosen.items()}
    found = [f"{checkpoint.name} ({listing(keys, 3)})" for checkpoint, keys in told.items() if keys]
    return [f"not measured, but read in a document: {listing(found)}"] if found else []


def check_rankable(chosen: Mapping[Checkpoint, Sequence[Result]], shared: set[str], options: Options) -> None:
    """ScriptError(code=3) where no benchmark is shared, or nothing says which way of a shared one is better."""
    if not shared:
        keys = sorted(union_of_tasks(chosen))
        raise ScriptError(
            f"no benchmark is measured for all {len(chosen)} compared checkpoints; choose with --benchmarks from "
            f"{listing(keys, 20)} (checkpoints without the chosen ones are then left out)",
            code=3,
        )
    for result in (r for rows in chosen.values() for r in rows if r.key in shared and not r.run.directed):
        if not options.score_function:
            raise ScriptError(
                f"{result.file}: nothing says whether more {result.metric} of {result.key} is better; leave it out "
                "with --benchmarks, or rank with --score-function FILE.py, which says it",
                code=3,
            )


def check_one_scale(kept: Sequence[Sequence[Result]]) -> None:
    """ScriptError(code=3) where the ranked scores of a task are on several scales."""
    if lines := [line for rows in kept[1:] for line in other_scales(rows, kept[0])]:
        raise ScriptError(
            f"scores on several scales cannot be ranked, whatever is allowed: {listing(lines, 3)}", code=3
        )


def left_apart(ranked: Ranked, shared: set[str], vocabulary: MetricMapping) -> dict[str, str]:
    """Which of the shared benchmarks do not enter eval_accuracy, and why; ScriptError(code=3) where a unit that no
    record says decides it."""
    apart = uncounted(ranked.scores, ranked.categories, vocabulary)
    placed = [key for key in shared if vocabulary.category(key)] or shared  # those that a known unit would let count
    if unclear := [key for key in apart if key in placed and ranked.scores[key].unit == "unknown"]:
        rest = ",".join(sorted(shared - apart.keys()))
        alone = f", rank over the others alone ({option_words('--benchmarks', rest)})" if rest else ""
        raise ScriptError(
            f"measured for all, but no record says the unit of {listing(unclear)}: convert its files again "
            f"(convert_results.py){alone}, or rank with --score-function FILE.py",
            code=3,
        )
    return apart


def ranked_base(ranked: Sequence[Ranked], unlike: Sequence[Unlike], name: str | None) -> Ranked | None:
    """The model of --baseline-model among the ranked; ScriptError(code=3) where it was not measured as they were."""
    base = next((r for r in ranked if r.checkpoint.name == name), None)
    if name and base is None:
        why = next((entry.reasons for entry in unlike if entry.checkpoint.name == name), ())
        raise ScriptError(
            f"--baseline-model {name} was not measured as the checkpoints were: {'; '.join(why)}; "
            "measure it alike, or compare all the same with --allow-unlike",
            code=3,
        )
    return base


def ahead_of_best(
    unlike: Sequence[Unlike],
    chosen: Mapping[Checkpoint, Sequence[Result]],
    shared: set[str],
    vocabulary: MetricMapping,
    options: Options,
    best: Ranked,
) -> list[Ahead]:
    """What is not ranked although the score that it reports is the better one, or not shown to be worse."""
    found, alike = [], [result for result in chosen[best.checkpoint] if result.key in shared]
    for entry in unlike:
        if lines := other_scales(chosen[entry.checkpoint], alike):
            score = next(r.run.score for r in chosen[entry.checkpoint] if r.key in shared)
            remedy = "write its unit into its record, or measure it as the others were"
            found.append(Ahead(entry.checkpoint.name, score, f"{OTHER_SCALE}: {listing(lines, 3)}", remedy))
            continue
        with contextlib.suppress(ScriptError):  # what was measured so differently has no score to set beside the best's
            own = rank_measured(entry.checkpoint, chosen[entry.checkpoint], shared, vocabulary, options)
            lead = best.sign * (own.eval_accuracy - best.eval_accuracy)
            if own.sign == best.sign and lead > -error_of_difference(own, best):
                rows = [result for result in chosen[entry.checkpoint] if result.key in shared]
                invalid = invalid_runs(rows)
                remedy = remedy_of(rows) if invalid else "measure it as the others were"
                why = listing(invalid or entry.reasons, 2)
                found.append(
                    Ahead(
                        *(entry.checkpoint.name, own.eval_accuracy, why, remedy),
                        standard_error=own.standard_error,
                        within=lead <= 0,
                    )
                )
    return found


def error_of_difference(own: Ranked, best: Ranked) -> float:
    """By how much two scores that were measured apart can differ by chance (95 %); 0 where an error is not known."""
    errors = own.standard_error, best.standard_error
    return 0.0 if None in errors else Z95 * math.hypot(*errors)


def wider(
    rivals: Mapping[Checkpoint, Sequence[Result]], shared: set[str], leading: Sequence[Ranked]
) -> dict[Checkpoint, Sequence[Result]]:
    """The checkpoints, other than those that lead, with what they have of benchmarks that not all have."""
    first = {r.checkpoint for r in leading}
    return {c: rows for c, rows in rivals.items() if c not in first and {r.key for r in rows} - shared}


def ahead_on_part(
    checkpoint: Checkpoint,
    results: Sequence[Result],
    best: Sequence[Result],
    vocabulary: MetricMapping,
    options: Options,
) -> list[Ahead]:
    """A checkpoint that is not measured on all that is ranked, where it reports a better score on what it has."""
    tasks = {result.task for result in best} & {result.task for result in results}
    keys = {result.key for result in results if result.task in tasks}
    with contextlib.suppress(ScriptError):
        its, own = (
            rank_measured(checkpoint, [row for row in rows if row.task in tasks], keys, vocabulary, options)
            for rows in (best, results)
        )
        if own.sign == its.sign and own.sign * own.eval_accuracy > its.sign * its.eval_accuracy:
            over = f"on {listing(sorted(keys))}, where that has {number(its.eval_accuracy)}"
            missing = listing(sorted({result.task for result in best} - tasks))
            why = f"not measured: {missing}" if missing else "not all have these"
            return [Ahead(checkpoint.name, own.eval_accuracy, why, f"measure {missing or 'them for all'}", over)]
    return []


def rank_measured(
    checkpoint: Checkpoint,
    results: Sequence[Result],
    shared: set[str],
    vocabulary: MetricMapping,
    options: Options,
) -> Ranked:
    """A checkpoint with its scores over the shared benchmarks, and the others apart."""
    tasks, weights = scores_by_task(results), weights_of_tasks(results, vocabulary)
    scores = {
        key: mean_score(list(own.values()), [weights[task] for task in own]) for key, own in sorted(tasks.items())
    }
    common = {key: score for key, score in scores.items() if key in shared}
    rest = {key: score for key, score in scores.items() if key not in shared}
    lines = {key: incomplete_line(key, parts, vocabulary) for key, parts in sorted(parts_by_key(results).items())}
    files = sorted({r.file for r in results})
    ranked = rank_one(checkpoint, common, vocabulary, options, files)
    again = [result for result in results if result.key in shared]
    reach = reach_of_losses(
        again, ranked.sign, lambda moved: rank_measured(checkpoint, moved, shared, vocabulary, options)
    )
    return replace(
        ranked,
        unranked=rest,
        tasks={key: tasks[key] for key in common},
        part_weights=weights,
        reach=reach,
        incomplete={key: line for key, line in lines.items() if line},
    )


def reach_of_losses(
    results: Sequence[Result], sign: int, rank: Callable[[Sequence[Result]], Ranked]
) -> tuple[float, float] | None:
    """eval_accuracy with all lost attempts wrong, and all right; None where none was lost, infinite without bounds."""
    if not any(result.attempts.lost for result in results):
        return None
    found = [possible_ends(result) for result in results]
    if None in found:
        return -sign * math.inf, sign * math.inf
    ends = []
    for end in (0, 1):
        moved = [
            replace(result, run=replace(result.run, score=own[end]), attempts=Attempts(None, 0))
            for result, own in zip(results, found, strict=True)
        ]
        ends.append(rank(moved).eval_accuracy)
    return ends[0], ends[1]


def possible_ends(result: Result) -> tuple[float, float] | None:
    """(worst, best) score of a result, its lost attempts being wrong or right; None where nothing bounds it."""
    run, samples = result.run, result.samples
    if not result.attempts.lost:
        return run.score, run.score
    if run.corpus_level:
        if samples is None or not samples.formula or None in samples.lost or len(samples.lost) < result.attempts.lost:
            return None
        known, lost = [one for one in samples.statistics if one is not None], samples.lost
        ends = possible_scores(known, lost, [1] * len(lost), 1, samples.formula, [*known, *lost])
        return None if ends is None else tuple(run.scale * one for one in ends)[:: -1 if run.lower_is_better else 1]
    if result.ends is not None:
        return result.ends[:: -1 if run.lower_is_better else 1]
    return score_bounds(run.score, result.attempts, *attempt_ends(run), run.lower_is_better, run.n)


def remark_lines(chosen: Mapping[Checkpoint, Sequence[Result]], shared: set[str]) -> list[str]:
    """What the gate remarks about the ranked results, each remark once with the checkpoints that it is about."""
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for checkpoint, results in chosen.items():
        for result in results:
            for remark in result.run.validity.remarks if result.key in shared else ():
                found[f"{result.task}: {remark}"][checkpoint.name] = None
    return [f"{remark} ({listing(names)})" for remark, names in sorted(found.items())]


def twin_lines(chosen: Mapping[Checkpoint, Sequence[Result]], shared: set[str]) -> list[str]:
    """Checkpoints whose weights are byte for byte the same and whose scores are not."""
    found: dict[tuple[str, str], dict[str, float]] = defaultdict(dict)
    for checkpoint, results in chosen.items():
        for result in results:
            if result.key in shared and result.run.identity.weights:
                found[result.run.identity.weights, result.task][checkpoint.name] = result.score.value
    twins: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for (_, task), scores in found.items():
        if len(scores) > 1 and max(scores.values()) - min(scores.values()) > ROUNDED:
            twins[tuple(scores)].append(f"{task} {', '.join(map(number, scores.values()))}")
    return [
        f"{listing(names)} have byte-identical weights and unlike scores ({listing(tasks, 3)}): one record is of "
        "other weights, or of another configuration or tokenizer, or the measurement does not repeat itself"
        for names, tasks in twins.items()
    ]


def several_runs_line(ranked: Sequence[Ranked]) -> list[str]:
    """That the ranked checkpoints lie in the folders of several runs, where they do."""
    runs = run_folders(r.checkpoint for r in ranked)
    if len(runs) < 2:
        return []
    folders = listing(os.path.relpath(run, os.path.commonpath(runs)) for run in runs)
    return [f"the checkpoints are of several runs ({folders}): no trend goes over them; one run's: give its folder"]


def loss_lines(chosen: Mapping[Checkpoint, Sequence[Result]], ranked: Sequence[Ranked]) -> list[str]:
    """What is said of lost attempts: how many of each checkpoint, and the bounds of what ranks it."""
    lines = []
    for r in ranked:
        if r.reach is not None:
            texts = [
                f"{result.task}: {attempts_text(result.run.counts, result.attempts)}"
                for result in chosen[r.checkpoint]
                if result.attempts.lost
            ]
            low, high = (number(value) for value in r.reach)
            ends = f"{r.metric} {low} with all of them wrong, {high} with all right"
            ends = ends if math.isfinite(r.reach[0]) else "nothing bounds what they could change"
            lines.append(f"{r.checkpoint.name}: {listing(texts, 3)}; {ends}")
    return lines


def weights_of_tasks(results: Sequence[Result], vocabulary: MetricMapping) -> dict[str, float]:
    """Task -> its weight in its benchmark's score, as the harness joins the parts."""
    by_key: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        by_key[result.key].append(result)
    return {
        result.task: weight
        for rows in by_key.values()
        for result, weight in zip(rows, part_weights([row.run for row in rows], vocabulary), strict=True)
    }


def asked_results(wanted: Iterable[str], results: Mapping[Checkpoint, Sequence[Result]]) -> set[str]:
    """The results that --result-id names; ScriptError for one that no record has."""
    return set(named_results(wanted, (r.result_id for rows in results.values() for r in rows)))


def wanted_keys(
    benchmarks: Sequence[str], results: Mapping[Checkpoint, Sequence[Result]], vocabulary: MetricMapping
) -> set[str]:
    """The benchmark keys that a choice stands for: a category also means its measured benchmarks."""
    measured = {r.key for rows in results.values() for r in rows}
    benchmarks = [own_key(name, measured) for name in benchmarks]
    wanted = {key for key in measured if key in benchmarks or vocabulary.category(key) in benchmarks}
    empty = [key for key in benchmarks if key not in wanted and key not in map(vocabulary.category, wanted)]
    if empty:
        near = meant_instead(empty, [*measured, *vocabulary.entries], vocabulary)
        raise ScriptError(
            f"--benchmarks: no record for {listing(empty)}{near}; measured are {listing(sorted(measured), 20)}"
        )
    return wanted


def meant_instead(names: Sequence[str], there: Sequence[str], vocabulary: MetricMapping) -> str:
    """' (did you mean a?)' for the first name that is of no known benchmark."""
    unknown = [name for name in names if name not in vocabulary.entries]
    return nearest(unknown[0], there) if unknown else ""


def drop_incomplete(chosen: dict[Checkpoint, list[Result]]) -> dict[Checkpoint, list[str]]:
    """Take out the checkpoints that lack one of the chosen benchmarks; which these are, of each."""
    union = union_of_tasks(chosen)
    dropped = {c: missing for c, results in chosen.items() if (missing := missing_tasks(results, union))}
    for checkpoint in dropped:
        del chosen[checkpoint]
    if not chosen:
        raise ScriptError("no checkpoint has all of the chosen benchmarks; choose fewer with --benchmarks", code=3)
    return dropped
