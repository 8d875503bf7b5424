"""A ranking made from a folder, and the next round of a race as commands."""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from parts.checkpoints import Checkpoint, Skipped, weight_files
from parts.frame import (
    ScriptError,
    command_line_of,
    count_in,
    listing,
    nearest,
    note,
    option_words,
    path_word,
    print_data,
    run_line,
    single_line,
)
from parts.hashes import code_sha256
from parts.own_function import read_own_function
from parts.ranking.certainty import task_weights, with_statistics
from parts.ranking.race import (
    Race,
    RaceTask,
    draw_order,
    measured_whole,
    race,
    race_json,
    race_lines,
    race_rounds,
    race_table,
    samples_needed,
)
from parts.ranking.rank import (
    Options,
    asked_results,
    choose_measured,
    rank_by_formula,
    rank_by_records,
    rank_measured,
    settled,
    wanted_keys,
)
from parts.ranking.report import ranking_json, table_text, undecided_line
from parts.ranking.scores import chosen_results, one_content
from parts.ranking.vocabulary import EXCLUDED, RANKING_SCHEMA, Ranking, candidates
from parts.records.command import YOURS, carried_options, checked_task, is_model_word, is_one_line, yours_to_name
from parts.records.files import other_results, read_record, record_files
from parts.records.measured import Result, Samples, align_items, read_measured, read_weights, samples_by_task
from parts.records.run import setting_differences
from parts.records.settings import difference_lines
from parts.statistics.intervals import ItemScores
from parts.tables import markdown_table
from parts.training_runs import NO_CHECKPOINT, check_steps, find_checkpoints, holds_model, run_folders, same_weights
from parts.vocabulary import MetricMapping

FEW_ATTEMPTS = 30
FOLDERS_BESIDE = 30  # folders beside that of the checkpoints in which a harness's results are looked for
CHOSEN_AMONG = 30  # models that are named in a command to choose among them
WHOLE_SETS = "score_predictions"  # whose records are of all lines of a file, unless they say a limit
# Whose limited runs ask a random part of the items. Others take the data set's first ones, which may be one subject.
DRAWN_AT_RANDOM = {"lighteval", "score_predictions", "helm", "olmes", "simple-evals"}


@dataclass(frozen=True, slots=True)
class Request:
    """Tasks that were asked for by one name, as mmlu|5 stands for 57.

    size: how many there are; tasks: those that are measured -> the harness's names; options: of that run, None when
    another program made it; output_dir: where its records are.
    """

    name: str
    size: int
    tasks: Mapping[str, str]
    options: tuple[str, ...] | None
    output_dir: str


def command_to_measure(
    requests: Iterable[Request], raced: Sequence[str], models: Sequence[str], limit: int | None
) -> str | None:
    """The command that measures the raced tasks as they were, several with && between where their options differ.

    It is one line, every word quoted for a shell. None when another program made the records.
    """
    groups: dict[tuple[tuple[str, ...], str], list[str]] = defaultdict(list)
    for request in requests:
        wanted = [name for task, name in request.tasks.items() if task in raced]
        if wanted and request.options is None:
            return None
        if wanted:
            whole = len(wanted) == request.size
            groups[request.options or (), request.output_dir] += [request.name] if whole else wanted
    limits = ["--limit", str(limit)] if limit else []
    script = run_line("lighteval_vllm_uv.py")
    before = ["--model", *map(Path, models), "--tasks"]
    return " && ".join(
        f"{script} {command_line_of([*before, ','.join(names), *options, *limits, '--output-dir', Path(output_dir)])}"
        for (options, output_dir), names in groups.items()
    )


def check_requests(requests: Iterable[Request]) -> None:
    """ScriptError when a run of several tasks was stopped before each of them was measured at least once."""
    for request in requests:
        if len(request.tasks) < request.size:
            raise ScriptError(
                f"{request.name} has {request.size} tasks, of which {len(request.tasks)} are measured: give the "
                "command that measures them again (it goes on), or choose tasks with --benchmarks"
            )


def items_asked(result: Result) -> tuple[int, int]:
    """(items that were asked, items that the task has) of a result; ScriptError when its record does not say."""
    run = result.run
    size = run.size or (None if run.limit else result.attempts.made)
    if not size or (run.limit and not run.limit.isdecimal()):
        raise ScriptError(f"{result.file}: it does not say how many items {result.task} has; evaluate it again")
    return min(int(run.limit), size) if run.limit else size, size


def resolve_options(args: argparse.Namespace, vocabulary: MetricMapping) -> Options:
    """The options that decide how scores become one number; ScriptError for names that are not known."""
    keys = None
    if args.benchmarks:
        names = (part.strip() for part in args.benchmarks.split(",") if part.strip())
        keys = [vocabulary.key(name) or name for name in names]  # one's own by its records' name
    overall = "mean of the categories"
    if args.weights:
        overall = f"weighted mean of the categories (weights: {args.weights})"
    if args.score_function:
        overall = f"result of {args.score_function}"
    return Options(
        tuple(dict.fromkeys(keys)) if keys else None,
        read_weights(args.weights, vocabulary),
        3 if args.weights == "reference" else None,
        read_own_function("--score-function", args.score_function)[0] if args.score_function else None,
        frozenset(args.result_id or ()),
        overall,
        args.allow_unlike,
        args.draws,
        args.seed,
        args.smooth,
        args.tie_break,
        args.baseline_step,
        args.baseline_model,
    )


def make_ranking(args: argparse.Namespace, vocabulary: MetricMapping) -> Ranking:
    """Scan, read and rank; remarks go to stderr."""
    options = resolve_options(args, vocabulary)
    root = Path(args.checkpoints)
    folders = [Path(folder) for folder in args.results] if args.results else [root]
    checkpoints, skipped = run_checkpoints(args, folders, vocabulary)
    if args.scoring == "step-formula":
        return settled(rank_by_formula(checkpoints, skipped, vocabulary, options), weight_sizes(args, checkpoints))
    base = Checkpoint(args.baseline_model, Path(args.baseline_model), None) if args.baseline_model else None
    results, failures, strangers = read_measured(folders, checkpoints, vocabulary, args.cluster_by, base)
    if not results and not args.results and (beside := results_beside(root)):
        found = read_measured([root, *beside], checkpoints, vocabulary, args.cluster_by, base)
        if found[0]:
            folders, (results, failures, strangers) = [root, *beside], found
            note(f"records beside the checkpoints: {listing(os.path.relpath(path) for path in beside)}")
    if base is not None and not results.get(base):
        raise ScriptError(
            f"--baseline-model {base.name}: no record of it below {listing(map(str, folders))}; there are others of "
            f"{listing(dict.fromkeys(strangers)) or 'no model'}: give its folder, too, with --results"
        )
    if strange := [model for model in strangers if model.rpartition("/")[2] not in (args.exclude or ())]:
        told = (
            "1 record is about another model and was"
            if len(strange) == 1
            else (f"{len(strange)} records are about other models and were")
        )
        note(f"{told} left out: {listing(dict.fromkeys(strange))}")
        refuse_measured_others(root, folders, checkpoints, skipped, strange)
    for failure in failures[:10]:
        note(f"failed: {failure['task']} for {failure['checkpoint']}: {failure['error']} ({failure['file']})")
    if len(failures) > 10:
        note(f"{len(failures) - 10} more failed; --json lists them")
    if results:
        compared = [*checkpoints, base] if base is not None else checkpoints
        ranking = rank_measured_run(args, compared, results, failures, vocabulary, options)
        return replace(ranking, skipped=(*skipped, *ranking.skipped), failures=tuple(failures))
    searched = folders if not strangers and (args.results or args.scoring == "measured") else ()
    if other := next(filter(None, (other_results(folder, root) for folder in searched)), ""):
        raise ScriptError(f"no record below {listing(map(str, folders))}; {other}")
    if args.scoring == "measured":
        raise ScriptError(
            f"no record about these checkpoints below {listing(map(str, folders))}; evaluate them with "
            + run_line("lighteval_vllm_uv.py")
        )
    refuse_formulas(checkpoints, folders, strangers, root)
    if not args.results and (other := unconverted_beside(root)):
        raise ScriptError(
            f"no record of these checkpoints; {other} (--scoring step-formula ranks by formulas all the same)", code=3
        )
    if args.results:
        raise ScriptError(
            f"no record about these checkpoints below {listing(map(str, folders))}: give the folder that has them, or "
            "evaluate them (--scoring step-formula ranks by formulas, which measure nothing)"
        )
    note(
        "warning: no measured score for these checkpoints. What follows is SYNTHETIC: the step formulas compute it "
        f"from the step number, no weights were read. Records were looked for below {listing(map(str, folders))}: give "
        "--results DIR if they are elsewhere, else evaluate with scripts/lighteval_vllm_uv.py"
    )
    return settled(rank_by_formula(checkpoints, skipped, vocabulary, options), weight_sizes(args, checkpoints))


def run_checkpoints(
    args: argparse.Namespace, folders: Sequence[Path], vocabulary: MetricMapping
) -> tuple[list[Checkpoint], list[Skipped]]:
    """The checkpoints of a folder that take part, and what else is in it with the reason; remarks go to stderr."""
    root = Path(args.checkpoints)
    scanned = find_checkpoints(root, folders if args.results else ())
    known = [*scanned.others, *(entry.name for entry in scanned.skipped)]
    checkpoints, excluded = without_excluded(scanned.checkpoints, args.exclude, known)
    scanned.others = [name for name in scanned.others if name not in excluded]
    scanned.skipped = [entry for entry in scanned.skipped if entry.name not in excluded]
    lines = list(dict.fromkeys(f"skipped {entry.name}: {entry.reason}" for entry in scanned.skipped))
    for line in lines[:10]:
        note(line)
    if len(lines) > 10:
        note(f"skipped {len(lines) - 10} more; --json lists them")
    if scanned.others:
        note(f"left alone, no checkpoints by their names: {listing(scanned.others)}")
    if not checkpoints and (way := way_without_weights(list(dict.fromkeys([root, *folders])), vocabulary)):
        raise ScriptError(f"{root}: no complete checkpoint in it; {way}")
    check_steps(checkpoints, root)
    if args.smooth > 1 and len(runs := run_folders(checkpoints)) > 1:
        raise ScriptError(
            f"--smooth {args.smooth}: the last {args.smooth} checkpoints would be of several runs "
            f"({listing(os.path.relpath(run, root) for run in runs)}); give the folder of one",
            code=3,
        )
    left = [(name, EXCLUDED) for name in excluded] + [(name, NO_CHECKPOINT) for name in scanned.others]
    return checkpoints, [*scanned.skipped, *(Skipped(*one) for one in left)]


def way_without_weights(folders: Sequence[Path], vocabulary: MetricMapping) -> str:
    """What to do with results of checkpoints that are not on this machine; empty where there are none."""
    models = [model for model in dict.fromkeys(read_measured(folders, [], vocabulary)[2]) if is_model_word(model)]
    if not models:
        return next(filter(None, map(other_results, folders)), "")
    results = ["--results", *(folder for folder in folders if record_files([folder]))]
    choose = ["compare_results.py", "--rule", "choose", "--candidate", *models]
    script, *words = choose if 1 < len(models) <= CHOSEN_AMONG else ["leaderboard.py", "collect"]
    command = f"{run_line(script)} {command_line_of([*words, *results])}"
    return f"there are records of {listing(models)}, which are read without the weights: {command}"


def refuse_measured_others(
    root: Path,
    folders: Sequence[Path],
    checkpoints: Sequence[Checkpoint],
    skipped: Sequence[Skipped],
    strangers: Sequence[str],
) -> None:
    """Exit 3 where a model in the folder was measured and is not ranked, for it has no checkpoint's name ("best",
    "step-2k") or is incomplete now: it may be the best of them, or none of the run."""
    models = {name.rpartition("/")[2]: name for name in strangers}
    left = {entry.name: entry.reason for entry in skipped if Path(entry.name).name in models}
    own = [name for name, reason in left.items() if reason == NO_CHECKPOINT]
    none = {name for name in own if not holds_model(root / name) or same_weights(root / name, checkpoints)}
    if found := [name for name in left if name not in none]:
        run = sorted({name.rpartition("/")[0] for name in (models[Path(name).name] for name in found)})
        ranked = [f"{run[0]}/{checkpoint.name}" if run[0] else checkpoint.name for checkpoint in checkpoints]
        choose = ["--rule", "choose", "--candidate", *ranked, *(models[Path(name).name] for name in found)]
        command = f"{run_line('compare_results.py')} {command_line_of([*choose, '--results', *folders])}"
        raise ScriptError(
            f"{listing(f'{name} ({left[name]})' for name in found)} in {root}: measured, and not ranked here: to "
            f"compare all of them {command}; to leave out knowingly {option_words('--exclude', *found)}",
            code=3,
        )


def without_excluded(
    found: Sequence[Checkpoint], names: Sequence[str] | None, others: Sequence[str] = ()
) -> tuple[list[Checkpoint], list[str]]:
    """The checkpoints but those of --exclude, and the names of these; ScriptError for one that is not there.

    others: what else is there, and may be left out by its name.
    """
    there = [*(checkpoint.name for checkpoint in found), *others]
    for name in names or ():
        if name not in there:
            raise ScriptError(f"--exclude {single_line(name)}: no such checkpoint{nearest(name, there)}")
    left = [checkpoint for checkpoint in found if checkpoint.name not in (names or ())]
    if names and not left:
        raise ScriptError("--exclude: no checkpoint is left")
    return left, [name for name in there if name in (names or ())]


def unconverted_beside(root: Path) -> str:
    """What to say of a harness's own results in or beside the folder of checkpoints; empty where there are none."""
    own, beside = os.path.realpath(root), []
    with contextlib.suppress(OSError), os.scandir(os.path.dirname(own)) as found:
        names = sorted(entry.path for entry in found if entry.is_dir(follow_symlinks=False) and entry.name[0] != ".")
        beside = [Path(os.path.relpath(path)) for path in names[:FOLDERS_BESIDE] if path != own]
    return next(filter(None, (other_results(folder, root) for folder in (root, *beside))), "")


def refuse_formulas(
    checkpoints: Sequence[Checkpoint], folders: Sequence[Path], strangers: Sequence[str], root: Path
) -> None:
    """Exit 3 where there are records that a ranking by formulas would pass over, for they are of other names.

    Names that end as checkpoints' do ("run/step_100") come of a conversion without the folder of these; the command
    with it binds them.
    """
    formulas = "--scoring step-formula ranks by formulas all the same"
    if not strangers:
        return
    names, how = {checkpoint.name for checkpoint in checkpoints}, "give the folder of their checkpoints, or --results"
    if any(name.rpartition("/")[2] in names for name in strangers):
        again = command_line_of(["FILES", "--checkpoints", root, "--output-dir", "results"])
        again = f"their harness's own files: {run_line('convert_results.py')} {again} makes records of them"
        made = next(filter(None, (other_results(folder, root) for folder in folders)), again)
        how = f"if they are of these, convert them with the checkpoints named; {made}"
    raise ScriptError(
        f"the records below {listing(map(str, folders))} are about {listing(dict.fromkeys(strangers))}, and not "
        f"about {listing(checkpoint.name for checkpoint in checkpoints)}: {how}; {formulas}",
        3,
    )


def results_beside(root: Path) -> list[Path]:
    """The folders of results of a run whose checkpoints lie in a folder of their own."""
    places = (root.parent / "results", root.parent.parent / "results", root.parent / f"{root.name}_results")
    real = {os.path.realpath(path): path for path in places if path.is_dir()}
    return [path for name, path in real.items() if not Path(name).is_relative_to(os.path.realpath(root))]


def rank_measured_run(
    args: argparse.Namespace,
    checkpoints: Sequence[Checkpoint],
    results: Mapping[Checkpoint, Sequence[Result]],
    failures: Sequence[dict[str, Any]],
    vocabulary: MetricMapping,
    options: Options,
) -> Ranking:
    """Choose the results, read their samples, rank, and say how sure it is; remarks go to stderr."""
    chosen, left, lines, dropped = choose_measured(checkpoints, results, failures, vocabulary, options)
    samples = samples_by_task(chosen, args.cluster_by)
    ranking = rank_by_records(chosen, samples, vocabulary, options, dropped)
    ranking = replace(ranking, skipped=tuple(left), notes=(*lines, *ranking.notes))
    for line in ranking.notes if args.json else ():  # a table has them below it
        note(f"note: {line}")
    for entry in ranking.unlike:
        what = "ranked all the same" if ranking.allow_unlike else "not ranked"
        note(f"not comparable, {what}: {entry.checkpoint.name}: {'; '.join(entry.reasons)}")
    if options.baseline_step is not None:
        refuse_baseline(options.baseline_step, checkpoints, ranking)
    if args.draws:
        from threadpoolctl import threadpool_limits

        compared = [*ranking.ranked, *([ranking.base] if ranking.base else [])]
        own = {r.checkpoint: samples[r.checkpoint] for r in compared}
        items = align_items(own)
        ranking = replace(ranking, notes=(*ranking.notes, *(lines := [*grouped_lines(items), *unpaired_lines(own)])))
        for line in lines if args.json else ():
            note(f"note: {line}")
        # The matrix products are small: threads that wait for each other on a busy machine cost more than they save.
        with threadpool_limits(1):
            ranking = with_statistics(ranking, items, vocabulary, options)
    else:
        ranking = replace(ranking, no_statistics="left out (--draws 0)")
    if not ranking.statistics and args.draws:
        note(f"no statistics: {ranking.no_statistics}")
    ranking = settled(ranking, weight_sizes(args, checkpoints))
    best = ranking.best.checkpoint
    return replace(ranking, counted=tuple(chosen[best]), measured=tuple(results[best]))


def refuse_baseline(step: int, checkpoints: Sequence[Checkpoint], ranking: Ranking) -> None:
    """ScriptError with the known reason when the checkpoint of this step is there and is not compared."""
    name = next((c.name for c in checkpoints if c.step == step), "")
    reasons = [f"not comparable: {'; '.join(u.reasons)}" for u in ranking.unlike if u.checkpoint.name == name]
    reasons += [s.reason for s in ranking.skipped if s.name == name]
    if name in {r.checkpoint.name for r in ranking.ranked}:
        reasons.append(f"it has no mean over the last {ranking.smooth}")
    compared = candidates(ranking.ranked)
    if reasons and name not in {r.checkpoint.name for r in compared}:
        steps = listing((str(r.checkpoint.step) for r in compared), 20)
        raise ScriptError(
            f"--baseline-step {step}: {name} is not compared ({reasons[0]}); compared are the steps {steps}"
        )


def unpaired_lines(samples: Mapping[Checkpoint, Mapping[str, Samples]]) -> list[str]:
    """What is said where some of the compared checkpoints have the items of a task and others not."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for task in dict.fromkeys(task for own in samples.values() for task in own):
        lacking.setdefault(tuple(c.name for c, own in samples.items() if task not in own), []).append(task)
    return [
        f"the items of {listing(tasks, 3)} are not here for {listing(names)}: nothing is paired in it; with "
        f"{option_words('--exclude', *names)} the others are, which tells more of them apart"
        for names, tasks in lacking.items()
        if names
    ]


def grouped_lines(items: Mapping[str, ItemScores]) -> list[str]:
    """What is said where items are drawn together by a field that nobody has named."""
    return [
        f"{task}: items of one {own.grouped_by[0]} agree with one another (design effect {own.grouped_by[1]:.1f}) and "
        "are drawn together; --cluster-by names another field, or none"
        for task, own in items.items()
        if own.grouped_by
    ]


def weight_sizes(args: argparse.Namespace, checkpoints: Sequence[Checkpoint]) -> dict[str, int]:
    """Bytes of weights by checkpoint name, when --tie-break smallest asks for them."""
    if args.tie_break != "smallest":
        return {}
    return {c.name: sum(path.stat().st_size for path in weight_files(c.path)) for c in checkpoints}


def race_results(
    args: argparse.Namespace, vocabulary: MetricMapping, options: Options
) -> tuple[list[Checkpoint], dict[Checkpoint, list[Result]]]:
    """All checkpoints, and what is measured of the chosen benchmarks, every run of it; ScriptError when nothing is."""
    root = Path(args.checkpoints)
    folders = [Path(folder) for folder in args.results] if args.results else [root]
    checkpoints, _ = run_checkpoints(args, folders, vocabulary)
    if len(checkpoints) == 1:
        raise ScriptError(f"{root}: {checkpoints[0].name} is the only checkpoint; there is nothing to choose")
    results, failures, _ = read_measured(folders, checkpoints, vocabulary, args.cluster_by)
    for failure in failures[:10]:
        note(f"failed: {failure['task']} for {failure['checkpoint']}: {failure['error']} ({failure['file']})")
    wanted = wanted_keys(options.benchmarks, results, vocabulary) if options.benchmarks else None
    results = {c: [r for r in results.get(c, ()) if wanted is None or r.key in wanted] for c in checkpoints}
    if not any(results.values()):
        words = ["--model", checkpoints[0].path, "--tasks", "TASKS", "--limit", "1", "--output-dir", folders[0]]
        raise ScriptError(
            f"no record about these checkpoints below {listing(map(str, folders))}: try the tasks with one item first, "
            f"{run_line('lighteval_vllm_uv.py')} {command_line_of(words)}"
        )
    return checkpoints, results


def race_tasks(
    results: Mapping[Checkpoint, Sequence[Result]],
    vocabulary: MetricMapping,
    options: Options,
    cluster_by: str | None = None,
) -> tuple[list[RaceTask], dict[str, list[Result]]]:
    """The tasks that enter eval_accuracy, with the scores on their items; and the results of every measured task.

    ScriptError when one has no usable samples, or when the checkpoints were not measured alike.
    """
    wanted = asked_results(options.result_ids, results)
    results, lines = one_content(results)
    chosen = {c: chosen_results(rows, c.name, vocabulary, wanted) for c, rows in results.items() if rows}
    for line in lines:
        note(f"note: {line}")
    samples = samples_by_task(chosen, cluster_by)
    by_task: dict[str, dict[Checkpoint, Result]] = defaultdict(dict)
    for checkpoint, rows in chosen.items():
        for result in rows:
            by_task[result.task][checkpoint] = result
    some = [next(iter(own.values())) for own in by_task.values()]
    first = rank_measured(next(iter(chosen)), some, {r.key for r in some}, vocabulary, options)
    weights = task_weights(by_task, vocabulary, options, first)
    places = {checkpoint: i for i, checkpoint in enumerate(results)}
    tasks = []
    for task, weight in weights.items():
        if weight > 0:
            check_alike(task, by_task[task].values(), options.allow_unlike)
            check_drawn(task, by_task[task].values(), options.allow_unlike)
            tasks.append(race_task(task, weight, by_task[task], samples, places))
    return tasks, {task: list(own.values()) for task, own in by_task.items()}


def check_alike(task: str, results: Iterable[Result], allowed: bool) -> None:
    """ScriptError when a task was not measured in the same way for all, or not validly."""
    first, *others = list(results)
    for other in (first, *others):
        tried = (other.attempts.made or 0) >= FEW_ATTEMPTS  # the share of bad answers among a first few says nothing
        reasons = [
            *(other.run.validity.reasons if tried else ()),
            *difference_lines(setting_differences(first.run, other.run)),
        ]
        if reasons and not allowed:
            raise ScriptError(
                f"{task} was not measured alike, or not validly: {'; '.join(reasons)[:300]} ({other.file}); give the "
                "folder of one run with --results, or race them all the same with --allow-unlike"
            )


def check_drawn(task: str, results: Iterable[Result], allowed: bool) -> None:
    """ScriptError (3) when a part of the items was measured that is no random draw: the rest may say otherwise."""
    for result in results:
        asked, size = items_asked(result)
        if asked < size and result.run.harness[0] not in DRAWN_AT_RANDOM and not allowed:
            raise ScriptError(
                f"{task}: {result.run.harness[0]} asked the first {asked} of {size} items, in the data set's order and "
                f"not at random, so they do not stand for the others ({result.file}): measure with "
                f"{run_line('lighteval_vllm_uv.py')}, or all items; where they are known to be shuffled, race all the "
                "same with --allow-unlike",
                3,
            )


def race_task(
    task: str,
    weight: float,
    results: Mapping[Checkpoint, Result],
    samples: Mapping[Checkpoint, Mapping[str, Samples]],
    places: Mapping[Checkpoint, int],
) -> RaceTask:
    """A task of the race from its results' samples; checkpoints without a result have no scores."""
    import numpy as np

    whole = [result.file for result in results.values() if result.run.harness[0] == WHOLE_SETS and not result.run.limit]
    if whole:
        raise ScriptError(
            f"{whole[0]}: a record of all predictions of {task}: nothing is left to save by a race, and it says not "
            "which items a round asked for; rank without --plan-next, or score a round's items alone with "
            "scripts/score_predictions.py --items-of PLAN (a plan's JSON; to begin with, 1)"
        )
    without = [
        result.file
        for checkpoint, result in results.items()
        if task not in samples[checkpoint] or samples[checkpoint][task].formula
    ]
    if without:
        raise ScriptError(
            f"{without[0]}: no samples that average to the score of {task}: it cannot be raced; choose others with "
            "--benchmarks, or compare full runs without --plan-next"
        )
    items = align_items({checkpoint: {task: samples[checkpoint][task]} for checkpoint in results})[task]
    low, high = float(np.nanmin(items.scores)), float(np.nanmax(items.scores))
    if low < 0 or high > 1:
        raise ScriptError(f"{task}: an item's score is outside 0 to 1 ({low:g} to {high:g}): it cannot be raced")
    counts = {checkpoint: items_asked(result) for checkpoint, result in results.items()}
    sizes = {size for _, size in counts.values()}
    if len(sizes) > 1:
        raise ScriptError(f"{task}: its records disagree on how many items it has: {listing(map(str, sorted(sizes)))}")
    scores = np.full((len(places), len(items.item_ids)), math.nan)
    scores[[places[checkpoint] for checkpoint in results]] = items.scores
    asked = tuple(counts[checkpoint][0] if checkpoint in counts else 0 for checkpoint in places)
    order = draw_order(task, items.item_ids, scores)
    return RaceTask(task, weight, sizes.pop(), scores[:, order], asked)


def samples_sent(results: Mapping[Checkpoint, Sequence[Result]], tasks: Iterable[RaceTask]) -> int:
    """How many samples all runs of the race's tasks have sent, repeated items counted."""
    names = {task.name for task in tasks}
    return sum(
        {(r.file, r.task): items_asked(r)[0] for rows in results.values() for r in rows if r.task in names}.values()
    )


def measured_requests(results: Mapping[str, Sequence[Result]], folder: str, task_file: str | None) -> list[Request]:
    """The requests behind the results of some tasks; ScriptError when a task file has changed since.

    task_file: the one that the user has named for tasks that come from one.
    """
    found: dict[str, Request] = {}
    said: set[str] = set()
    for task, rows in results.items():
        file = rows[0].file
        library = (read_record(Path(file)) or {}).get("eval_library") or {}
        details = library.get("additional_details") or {}
        name, size = str(details.get("task_request")), str(details.get("task_group"))
        parents = PurePosixPath(file).parents
        output_dir = str(parents[4]) if len(parents) > 4 and parents[3].name == "data" else folder
        options = options_again(details, output_dir, task_file, said)
        if options is not None:
            checked_task(name, file)
        request = found.setdefault(name, Request(name, count_in(size) or 1, {}, options, output_dir))
        own = str(details.get("task"))
        found[name] = replace(
            request, tasks={**request.tasks, task: checked_task(own, file) if options is not None else own}
        )
    for line in sorted(said):
        note(line)
    return list(found.values())


def options_again(
    details: Mapping[str, Any], output_dir: str, named: str | None, said: set[str]
) -> tuple[str, ...] | None:
    """The options with which a record's tasks are measured again, whatever is left to the user put among the said.

    None when not lighteval_vllm_uv.py measured them, or with a setting that no command takes from a record: without it
    they would be measured in another way.
    """
    carried = carried_options(str(details.get("command") or ""), ("--limit",))
    task_file = checked_task_file(details, output_dir, named)
    if carried is None or carried.script != "lighteval_vllm_uv.py":
        return None
    left = [option for option in carried.yours if option != "--custom-tasks" or not task_file]
    said |= {yours_to_name(left)} - {""}
    if set(left) - set(YOURS):
        return None
    return (*carried.words, *(("--custom-tasks", path_word(task_file)) if task_file else ()))


def checked_task_file(details: Mapping[str, Any], output_dir: str, named: str | None) -> str | None:
    """The task file of a record, which lighteval would run; None when it has none.

    ScriptError unless it is the file that the record was made with, and one of the user's: named by --custom-tasks, or
    below the current folder and in another folder of it than the records, with which it may have come.
    """
    path, digest = str(details.get("custom_tasks")), details.get("custom_tasks_sha256")
    if path in ("", "None"):
        return None
    path = named or path
    shown = single_line(path)
    try:
        file = Path(os.path.realpath(Path(path).expanduser()))
        same = code_sha256(file) == digest if file.stat() and is_one_line(path_word(path)) else False
    except (OSError, RuntimeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise ScriptError(f"--custom-tasks {shown}: {why}; start where the records were made") from error
    if not same:
        raise ScriptError(f"--custom-tasks {shown}: not the file that the records were made with; restore it")
    here, records = Path(os.path.realpath(".")), Path(os.path.realpath(output_dir))
    apart = file.parent == here or not records.is_relative_to(here / file.relative_to(here).parts[0]) if (
        file.is_relative_to(here)
    ) else False  # fmt: skip
    if not named and not apart:
        raise ScriptError(
            f"--custom-tasks {shown}: a record names this file, and it is outside the current folder, or came with the "
            "records: no command that runs it is given. Its task file is yours to name: read it, then add "
            f"{command_line_of(['--custom-tasks', Path(path)])}",
            3,
        )
    return path


def what_next(
    args: argparse.Namespace,
    state: Race,
    checkpoints: Sequence[Checkpoint],
    tasks: Sequence[RaceTask],
    behind: Mapping[str, Sequence[Result]],
) -> dict[str, Any]:
    """What an undecided race measures next, and how many samples it takes at most."""
    sizes = [task.size for task in tasks]
    now = state.rounds[state.number - 1]
    limit = now.limit if now.limit < max(sizes) else None
    requests = measured_requests(behind, (args.results or [args.checkpoints])[0], args.custom_tasks)
    if args.custom_tasks and not any("--custom-tasks" in (request.options or ()) for request in requests):
        raise ScriptError(f"--custom-tasks {args.custom_tasks}: no record was made with a task file; leave it out")
    if not args.benchmarks:
        check_requests(requests)
    models = [checkpoints[i].path.as_posix() for i in state.waiting]
    return {
        "samples_left": samples_needed(
            [replace(now, checkpoints=len(state.waiting)), *state.rounds[state.number :]], sizes
        ),
        "next": {"checkpoints": [checkpoints[i].name for i in state.waiting], "limit": limit},
        "next_command": command_to_measure(requests, [task.name for task in tasks], models, limit),
    }


def plan_next(args: argparse.Namespace, vocabulary: MetricMapping) -> int:
    """Say who is out, who remains, and what to measure next; 0 when that is decided, 3 while it is not."""
    options = resolve_options(args, vocabulary)
    checkpoints, results = race_results(args, vocabulary, options)
    tasks, behind = race_tasks(results, vocabulary, options, args.cluster_by)
    sizes = [task.size for task in tasks]
    rounds = race_rounds(len(checkpoints), sizes, args.race_budget)
    state = race(tasks, rounds, args.race_alpha)
    names = [checkpoint.name for checkpoint in checkpoints]
    plan = {"schema_version": RANKING_SCHEMA} | race_json(state, names, tasks, args.race_alpha)
    plan |= {"sent": samples_sent(results, tasks), "all_samples": len(checkpoints) * sum(sizes)}
    plan |= {"samples_left": 0, "next": None, "next_command": None}
    if state.waiting:
        plan |= what_next(args, state, checkpoints, tasks, behind)
    ranking = None
    if state.decided_by == "items" and measured_whole(tasks, range(len(names))):
        note("all items of all checkpoints are measured: the ranking with its statistics follows")
        ranking = make_ranking(args, vocabulary)
        plan["ranking"] = ranking_json(ranking)
        plan["best"] = None if ranking.undecided else ranking.best.checkpoint.name
    if args.json:
        print_data(json.dumps(plan, indent=2, ensure_ascii=False, allow_nan=False))
    else:
        lines = [markdown_table(*race_table(plan)), "", *race_lines(plan)]
        print_data("\n".join([*lines, "", table_text(ranking, vocabulary)] if ranking else lines))
    if ranking and ranking.open:
        raise ScriptError(undecided_line(ranking) if args.json else "undecided, as the answer says", code=3)
    return 3 if state.waiting else 0
