#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "duckdb>=1.4,<3",
#     "gradio>=6.16,<7",
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "numpy>=2,<3",
#     "orjson>=3.10,<4",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "tenacity>=9,<10",
# ]
# ///
"""A leaderboard of open models from the evaluation metadata that they carry: collect, look, compare, share.

collect reads .eval_results, the card's model-index, open pull requests that add either, and evaluation records on this
machine, and writes leaderboard.parquet, leaderboard.jsonl and metadata.json. The other commands read these files alone:
show prints tables, serve opens the page (Gradio), export writes it as one HTML file, push sends the data to a dataset
and the page to a Space. Every number keeps its source; of several for one model and benchmark the first of this order
is shown: verified, author's metadata, merged community, open pull request, own run, reported elsewhere.

examples:
  uv run scripts/leaderboard.py collect --trending 100
  uv run scripts/leaderboard.py collect --repo-ids models.txt --results examples/tiny_run/results --output-dir board
  uv run scripts/leaderboard.py show
  uv run scripts/leaderboard.py show --benchmark mmlu_pro --top 20
  uv run scripts/leaderboard.py show --model tiny_run/step_700 --data board --json
  uv run scripts/leaderboard.py serve --port 7860
  uv run scripts/leaderboard.py diff leaderboard-last-week leaderboard
  uv run scripts/leaderboard.py export --output-dir site
  uv run scripts/leaderboard.py push --dataset me/leaderboard-data --space me/leaderboard
  uv run scripts/leaderboard.py push --dataset me/leaderboard-data --space me/leaderboard --apply

Exit codes: 0 done; 1 the answer is no: no scores found, nothing for that benchmark or model, a record of --results
that could not be read (collect writes the others); 2 it could not be done: usage, unreadable data, the network, no
permission (stdout is empty); 3 undecided: the name fits several, or diff cannot tell what has changed, for it was
measured otherwise.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import importlib
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn


LEADERBOARD_DATA = "OpenEvals/leaderboard-data"
RESUME_HOURS = 6  # after an interruption; what was read before is too old
SWITCH_SECONDS = 0.0005  # a worker sends its next request at once, whatever is computed meanwhile (Python: 0.005)
OFFICIAL_RANK = (
    "on the Hub: its place by the value alone, models without a score here included; rank: the places that its "
    "uncertainty allows among the models of this table"
)


def wanted_benchmarks(text: str | None, benchmarks: Benchmarks, flag: str = "--benchmarks") -> list[str]:
    """--benchmarks or --primary K,... as canonical keys; ScriptError for an unknown one."""
    keys = []
    for name in filter(None, (text or "").split(",")):
        key = name if name in benchmarks.mapping else benchmarks.by_name(name)
        if key is None:
            near = nearest(name, benchmarks.mapping)
            raise ScriptError(f"{flag}: no benchmark {single_line(name)!r} in metric_mapping.json{near}")
        keys.append(key)
    return list(dict.fromkeys(keys))


def asked_for(args: argparse.Namespace) -> dict[str, Any]:
    """What a collect was asked for, as metadata.json says it; no folder of this machine is in it."""
    return {
        "trending": args.trending,
        "repo_ids": read_lines(args.repo_ids) if args.repo_ids else None,
        "author": args.author,
        "results": [Path(folder).name for folder in args.results or []],
        "benchmarks": list(filter(None, (args.benchmarks or "").split(","))),
        "primary": list(filter(None, (args.primary or "").split(","))),
        "official": args.official,
        "every_eval_ever": args.every_eval_ever and Path(args.every_eval_ever).name,
        "leaderboard_data": args.leaderboard_data and Path(args.leaderboard_data).name,
        "no_prs": args.no_prs,
    }


def begun_before(marker: Path, asked: Mapping[str, Any]) -> float | None:
    """When an interrupted collect of the same models began; None when there is none, or it is too long ago."""
    try:
        saved = read_json(marker)
        since = float(saved["since"])
        return since if saved["asked"] == asked and time.time() - since < RESUME_HOURS * 3600 else None
    except (ScriptError, ValueError, KeyError, TypeError):
        return None


def collect(args: argparse.Namespace) -> int:
    """Read all scores, and write them; 1 when there is none."""
    named = args.trending or args.repo_ids or args.author or args.results
    if not (named or args.official or args.every_eval_ever or args.leaderboard_data):
        raise ScriptError(
            "say which models: --trending N, --repo-ids FILE, --author NAME, --official, --every-eval-ever, "
            "--leaderboard-data, --results DIR"
        )
    mapping = asked_mapping(args)
    if not mapping:
        raise ScriptError("no metric_mapping.json in the folder above this script: no benchmark would be known")
    sys.setswitchinterval(SWITCH_SECONDS)
    pool = ThreadPoolExecutor(args.workers)
    try:
        return collect_with(args, mapping, pool)
    finally:
        pool.shutdown(cancel_futures=True)


def import_ahead() -> None:
    """What the end of a collect needs; where it cannot be had, that is told there."""
    for name in ("duckdb", "numpy", "orjson", "rich.console", "rich.table"):
        with contextlib.suppress(Exception):
            importlib.import_module(name)


def collect_with(args: argparse.Namespace, mapping: Mapping[str, Any], pool: Executor) -> int:
    """Read and write; the pool asks the Hub."""
    asked = asked_for(args)
    folder = Path(args.output_dir)
    marker = folder / ".collect.json"
    since = begun_before(marker, asked)
    hub = HubReader(hub_token(), since, meanwhile=import_ahead)
    named = args.trending or args.repo_ids or args.author
    boards = read_official(hub, pool, facts=not named and not args.dry_run) if args.official else None
    facts = boards.facts if boards else lambda model: {}
    if boards and boards.official.basis in ("stale", "snapshot"):
        note(f"official Benchmarks: {boards.official.about}")
    if boards and boards.unreadable and not boards.answers:
        reason = boards.unreadable[0]["reason"]
        raise ScriptError(f"none of the {len(boards.unreadable)} official leaderboards could be read: {reason}")
    mapping = official_mapping(mapping, boards) if boards else mapping
    benchmarks = Benchmarks.of(mapping)
    own, lost = read_own_runs(args.results or [], benchmarks, args.latest, args.runs)
    if args.results and not own and not lost:
        note(
            f"no record was found in {listing(args.results)}: name the --output-dir of a harness's script, or make "
            f"records of other files first: {run_line('convert_results.py')} --help"
        )
    unreadable = list(lost)
    kept = kept_runs(args.keep_own_runs, args.adopt) if args.keep_own_runs else []
    mapping = with_own_benchmarks([*own, *kept], mapping)
    keys = wanted_benchmarks(args.benchmarks, Benchmarks.of(mapping))
    primary = wanted_benchmarks(args.primary, Benchmarks.of(mapping), "--primary")
    fixed_primary(primary, [{**entry, "key": key} for key, entry in mapping.items() if key in primary])
    models = list_models(hub, args) if named else []
    if named and not models and not own:
        raise ScriptError("the Hub lists no such models, or none that are to be seen", code=1)
    if args.dry_run:
        return show_models([*models, *(boards.models() if boards else ())], own, args)
    if since:
        note("an interrupted collect goes on: what it has read is not asked for again")
    elif models:
        write_whole(marker, to_json({"asked": asked, "since": time.time()}))
    asked = asked | {"benchmarks": keys, "primary": primary}
    readings = read_models(hub, models, benchmarks, not args.no_prs, args.workers)
    refuse_if_all_failed(readings, own)
    found = [row for reading in readings for row in reading.rows]
    if boards:
        done = {reading.model for reading in readings if not reading.failed}
        if named:
            facts = ask_facts(hub, (model for model in boards.models() if model not in done), pool)
        official, more = leaderboard_rows(boards, benchmarks, hub.endpoint)
        unreadable += more
        found = join_ranks(found, official, done)
    some = {row["model"] for row in [*found, *own]} | set(models) if named or boards or own else None
    elsewhere = {
        name: read(place, hub, benchmarks, some)
        for name, place, read in (
            ("every_eval_ever", args.every_eval_ever, read_elsewhere),
            ("leaderboard_data", args.leaderboard_data, read_wide),
        )
        if place
    }
    unreadable += [problem for one in elsewhere.values() for problem in one.unreadable]
    rows = finished_rows([*found, *own, *kept, *(row for one in elsewhere.values() for row in one.rows)], mapping, keys)
    for names in alike(row["model"] for row in rows):
        note(f"{listing(names)}: names that differ in case or in letters that look alike; here each is a model")
    note_set_apart(rows)
    metadata = make_metadata(
        rows,
        unreadable=[*(item for reading in readings for item in reading.unreadable), *unreadable],
        collected=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        asked=asked,
        models_read=[reading.model for reading in readings],
        requests=hub.counts,
        private_models=[reading.model for reading in readings if reading.private],
        mapping=mapping,
    )
    for line in own_entries(mapping, (row["benchmark"] for row in rows)):
        note(f"note: {line}")
    metadata |= {"primary": primary} if primary else {}
    metadata |= {"official_list": {"as_of": boards.official.as_of, "basis": boards.official.basis}} if boards else {}
    metadata |= {"apart": dict(Counter(row["why_not"] for row in rows if row["comparable"] is None))}
    metadata |= {name: dict(one.counts) for name, one in elsewhere.items()}
    known = {reading.model: reading.facts for reading in readings}
    hub.answers.prune()
    if rows or not (folder / "metadata.json").exists():
        write_data(folder, with_facts(rows, lambda model: known.get(model) or facts(model)), metadata)
    else:
        note(f"no score was found: the data in {folder} stays as it was")
    take_away(marker)
    return show_collected(metadata, folder, args.json) or (1 if lost else 0)


def finished_rows(rows: Sequence[BoardRow], mapping: Mapping[str, Any], keys: Sequence[str]) -> list[BoardRow]:
    """The rows with units, comparable values and the shown ones, in the order of the data."""
    settle_units(rows, mapping)
    wanted = [row for row in rows if not keys or row["benchmark"] in keys]
    choose_shown(wanted)
    explain_official_ranks(wanted)
    order = {name: place for place, name in enumerate(SOURCE_TYPES)}
    wanted.sort(key=lambda row: (row["model"], row["benchmark"] or "~", order[row["source_type"]]))
    return wanted


def note_set_apart(rows: Sequence[BoardRow]) -> None:
    """Say which own runs are not valid, and of which models and benchmarks nothing that was measured is shown."""
    shown = {(row["model"], row["benchmark"]) for row in rows if row["shown"]}
    found: dict[tuple[str, str], str] = {}
    for row in rows:
        why, place = row["why_not"] or "", (row["model"], row["benchmark"])
        untold = why.startswith("not valid: ") or (row["benchmark"] and place not in shown)
        if untold and row["source_type"] == "own_run" and row["comparable"] is None:
            found.setdefault(place, f"{row['model']}, {row['benchmark_name']}: {why}")
    for line in list(found.values())[:5]:
        note(f"note: set apart: {single_line(line)}")
    if len(found) > 5:
        note(f"note: set apart, too: the results of {len(found) - 5} more (show --model NAME says why)")


def kept_runs(folder: Path, adopt: bool) -> list[BoardRow]:
    """The own runs of earlier data, as they were; ScriptError (3) for data of others that is not adopted."""
    engine, _ = open_data(folder)
    if not adopt and of_others(folder):
        counts = query(engine, "SELECT source_type, count(*) AS scores FROM scores GROUP BY ALL ORDER BY ALL")
        raise_unadopted(folder, {row["source_type"]: row["scores"] for row in counts})
    rows = query(
        engine, "SELECT * FROM scores WHERE source_format = 'record' AND source_type IN ('own_run', 'reported')"
    )
    for row in rows:
        row |= {"comparable": None, "comparable_error": None, "shown": False}
        row["why_not"] = None if OTHER_COLUMN in (row["why_not"] or "") else row["why_not"]
    return rows


def raise_unadopted(folder: Path, sources: Mapping[str, int]) -> NoReturn:
    """ScriptError (3) for data of others that would go on under one's own name: how many scores it says are whose."""
    raise ScriptError(
        f"{folder} was not collected by you here: {told_sources({'sources': sources})}, as its files say; where you know "
        "them to be so, add --adopt, else collect again",
        code=3,
    )


def refuse_if_all_failed(readings: Sequence[ModelReading], own: Sequence[BoardRow]) -> None:
    """ScriptError when no model could be read at all, unless it is their own fault and there are own runs."""
    reasons = Counter(reading.failed for reading in readings)
    theirs = sum(reasons[reason] for reason in reasons if reason.startswith(("no such model", "gated:")))
    if readings and not reasons[""] and not (own and theirs == len(readings)):
        reason, count = reasons.most_common(1)[0]
        raise ScriptError(f"none of the {len(readings)} models could be read; {count} of them: {reason}")


def show_models(models: Sequence[str], own: Sequence[BoardRow], args: argparse.Namespace) -> int:
    """--dry-run: what would be read."""
    local = sorted({row["model"] for row in own}, key=natural_key)
    if args.json:
        sys.stdout.write(to_json({"dry_run": True, "models": list(models), "own_runs": local}))
    else:
        print("\n".join([*models, *local]))
    note(f"{len(models)} models on the Hub, {len(local)} with records here; nothing was read or written")
    return 0 if models or local else 1


def show_collected(metadata: Mapping[str, Any], folder: Path, as_json: bool) -> int:
    """Print what a collect has found; 1 when there is no score."""
    counts, requests = metadata["counts"], metadata["requests"]
    if as_json:
        sys.stdout.write(to_json(metadata))
    elif metadata["benchmarks"]:
        rows = [(e["key"], e["name"], e["models"], e["rows"]) for e in metadata["benchmarks"]]
        print_table(("benchmark", "name", "models", "scores"), rows)
    by_model = Counter(item["model"] for item in metadata["unreadable"])
    for item in metadata["unreadable"][:5]:
        note(
            ": ".join(
                dict.fromkeys(["could not be read", item["model"] or item["where"], item["where"], item["reason"]])
            )
        )
    if len(metadata["unreadable"]) > 5:
        note(f"and {len(metadata['unreadable']) - 5} more of {len(by_model)} models: metadata.json has them all")
    if counts["rows"] and not counts["shown"]:
        why = Counter(metadata["apart"]).most_common(3)
        note(f"none of the scores can be shown: {listing((f'{reason} ({count})' for reason, count in why), 3)}")
    note(
        f"{counts['rows']} scores of {counts['models']} models on {len(metadata['benchmarks'])} benchmarks "
        f"in {folder}; {counts['apart']} kept apart (show --model NAME says why); "
        f"{requests['sent']} requests, {requests['not_modified']} not modified"
    )
    return 0 if counts["shown"] else 1


def whose(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """When a board was collected, and whether by this user: what others collected is their word."""
    return {name: metadata[name] for name in ("collected", "collected_here")}


def show(args: argparse.Namespace) -> int:
    """Print a model's scores, a ranking, or an overview."""
    engine, metadata = open_data(args.data)
    if args.model and args.benchmark:
        raise ScriptError("--model shows all scores of one model; leave out --benchmark, or --model")
    if args.model:
        return show_model(engine, metadata, args)
    keys = [covered_key(name, metadata) for name in args.benchmark or []]
    if len(keys) == 1:
        return show_ranking(engine, metadata, keys[0], args)
    return show_overview(engine, metadata, keys, args)


def spellings(name: str) -> set[str]:
    return {name.lower(), name.rpartition("/")[2].lower()}


def find_model(text: str, models: Sequence[str], metadata: Mapping[str, Any]) -> str:
    """A model of the data by its id or the end of it; ScriptError: 1 none, or none with scores, 3 several."""
    if text in models:
        return text
    found = [name for name in models if text.lower() in spellings(name)]
    found = found or [name for name in models if text.lower() in spellings(model_of(name))]
    if len(found) == 1:
        return found[0]
    if found:
        raise ScriptError(f"--model {single_line(text)} fits several; choose one: {listing(found, 20)}", code=3)
    bare = [name for name in metadata.get("without_scores") or [] if text in (name, name.rpartition("/")[2])]
    if bare:
        why = [item["reason"] for item in metadata["unreadable"] if item["model"] == bare[0]]
        said = f"could not be read: {why[0]}" if why else "was read and has no scores"
        raise ScriptError(f"{single_line(bare[0])} {said}", code=1)
    raise ScriptError(f"no scores of {single_line(text)!r}{nearest(text, models)}", code=1)


# The shown rows of some benchmarks; of one kind of source, its own first where another one is shown.
CHOSEN_ROWS = """
    SELECT * FROM scores
    WHERE comparable IS NOT NULL AND list_contains($1, benchmark) AND (shown OR $2 IS NOT NULL)
      AND ($2 IS NULL OR source_type = $2)
    QUALIFY row_number() OVER (
        PARTITION BY model, benchmark
        ORDER BY shown DESC, list_position($3, source_format), date DESC NULLS LAST, rowid
    ) = 1
"""


def shown_scores(engine: Any, source: str | None, keys: Sequence[str]) -> list[BoardRow]:
    """One row for each model and benchmark: the shown one, or that of one kind of source."""
    return query(engine, CHOSEN_ROWS, [list(keys), source, list(SOURCE_FORMATS)])


# What else there is of models: all runs, and of the first model (that which leads) what other sources say, too.
OTHER_SCORES = """
    SELECT model, benchmark, comparable, canonical_unit, shots, metric, date, source_type FROM scores
    WHERE comparable IS NOT NULL AND list_contains($1, benchmark) AND (source_format = 'record' OR model = $2)
    ORDER BY model <> $2, model, benchmark, date, rowid
"""


def other_scores(engine: Any, order: BoardOrder, rows: Sequence[BoardRow], keys: Sequence[str]) -> list[str]:
    """What else was measured of the models of shown rows, the leader first: "acme/a, GSM8K: 71.2 (5-shot, own run) is
    shown, not 68.9 (0-shot, own run)"."""
    own = {(row["model"], row["benchmark"]): row for row in rows}
    found: dict[tuple[str, str], dict[str, None]] = {}

    def told(row: BoardRow) -> str:
        how = filter(None, (row["shots"], row["metric"], SOURCE_TYPES[row["source_type"]], (row["date"] or "")[:10]))
        return f"{display_score(row['comparable'], row['canonical_unit'])} ({', '.join(how)})"

    for other in query(engine, OTHER_SCORES, [list(keys), order.standings[0].model if order.standings else ""]):
        place = other["model"], other["benchmark"]
        if place in own and told(other).partition(" (")[0] != told(own[place]).partition(" (")[0]:
            found.setdefault(place, {})[told(other)] = None
    return [
        f"{model}, {own[model, key]['benchmark_name']}: {told(own[model, key])} is shown, not {listing(texts, 3)}"
        for (model, key), texts in found.items()
    ]


def several_runs(lines: Sequence[str]) -> str:
    """The same as a sentence to follow an answer; empty where each model has one score."""
    return f" Of several scores one is shown: {listing(lines, 3)}." if lines else ""


def board_models(engine: Any) -> int:
    """How many models the data has."""
    return count_models(row["model"] for row in query(engine, "SELECT DISTINCT model FROM scores"))


# Where a model was measured on a benchmark, and nothing of it is shown.
ALL_APART = """
    SELECT model, benchmark, any_value(benchmark_name) AS name, any_value(why_not ORDER BY NOT contains(why_not, $2)) AS why
    FROM scores WHERE list_contains($1, benchmark) GROUP BY model, benchmark
    HAVING count(comparable) = 0 AND count(why_not) > 0 ORDER BY model, benchmark
"""


def all_apart(engine: Any, keys: Sequence[str]) -> dict[tuple[str, str], str]:
    """(model, benchmark) that was measured and has no number to compare -> "acme/a, GSM8K: why"."""
    rows = query(engine, ALL_APART, [list(keys), OTHER_COLUMN])
    return {(row["model"], row["benchmark"]): f"{row['model']}, {row['name']}: {row['why']}" for row in rows}


def note_measured(apart: Sequence[str]) -> None:
    """Say below a table where a model was measured, and has no number in it."""
    if apart:
        note(single_line(apart_text(apart)))


def show_ranking(engine: Any, metadata: Mapping[str, Any], key: str, args: argparse.Namespace) -> int:
    """One benchmark's models, the best first, with the ranks that they may have."""
    rows = shown_scores(engine, args.source, [key])
    ranges = rank_ranges(rows)
    sign = 1 if rows and rows[0]["lower_is_better"] else -1
    rows.sort(key=lambda row: (sign * row["comparable"], natural_key(row["model"])))
    about = next(entry for entry in metadata["benchmarks"] if entry["key"] == key)
    top = [row | {"rank": dataclasses.asdict(ranges[row["model"]])} for row in rows[: args.top]]
    order = board_order(rows, [key], metadata["benchmarks"], board_models(engine))
    apart = list(all_apart(engine, [key]).values())
    conclusion = order.text + several_runs(others := other_scores(engine, order, rows, [key]))
    if args.json:
        answer = {"schema_version": DATA_SCHEMA, **whose(metadata), "benchmark": about}
        answer |= {"not_alike": unlike_ways(rows), "several_runs": others, "set_apart": apart}
        answer |= {"conclusion": conclusion, "certain": order.certain}
        sys.stdout.write(to_json(answer | {"models": len(rows), "rank_method": RANK_METHOD, "rows": top}))
        return 0 if rows else 1
    unit = {"proportion": "%", "percent": "%"}.get(about["unit"], about["unit"])
    lines = [
        (
            str(ranges[row["model"]]), row["official_rank"], row["model"],
            display_score(row["comparable"], about["unit"]), shown_error(row), SOURCE_TYPES[row["source_type"]],
            row["shots"], (row["date"] or "")[:10], row["official_why"],
        )
        for row in top
    ]  # fmt: skip
    rank, name = ranked_as(order.unlike), about["name"] + column_metrics(engine, rows).get(key, "")
    header = [rank, "on the Hub", "model", f"{name}, {unit}{less_text(about)}", "±", "source", "shots", "date"]
    print(conclusion)
    print_table([*header, "why the Hub has another rank"], lines)
    note_measured(apart)
    note(f"{RANK_METHOD}. n/a: the uncertainty is not known. ±: standard error, wider where answers were lost")
    if any(row["official_rank"] for row in rows):
        note(OFFICIAL_RANK)
    return 0 if rows else 1


def ranked_as(unlike: str) -> str:
    """What stands over ranks; `unlike`: what they rest on that was not measured alike."""
    return "rank, not measured alike" if unlike else "rank"


def column_metrics(engine: Any, rows: Sequence[BoardRow]) -> dict[str, str]:
    """Benchmark -> " (acc)" for a column beside which scores in another of acc and acc_norm are kept apart."""
    apart = query(engine, "SELECT DISTINCT benchmark FROM scores WHERE contains(why_not, $1)", [OTHER_COLUMN])
    keys = {row["benchmark"] for row in apart} & {row["benchmark"] for row in rows}
    ways = {key: column_way(row for row in rows if row["benchmark"] == key) for key in keys}
    return {key: f" ({way})" for key, way in ways.items() if way}


def less_text(about: Mapping[str, Any]) -> str:
    """What the head of a column says of a benchmark that measures errors."""
    return " (less is better)" if about["lower_is_better"] else ""


def shown_error(row: BoardRow) -> str:
    """The standard error of a row as people read it; ~: from the number of items alone."""
    error, basis = row_error(row)
    mark = "" if basis in ("stated", WIDENED) else "~"
    return "" if error is None else mark + display_score(error, row["canonical_unit"])


def show_model(engine: Any, metadata: Mapping[str, Any], args: argparse.Namespace) -> int:
    """All numbers of one model, with where they are from."""
    models = [row["model"] for row in query(engine, "SELECT DISTINCT model FROM scores ORDER BY model")]
    model = find_model(args.model, models, metadata)
    rows = query(
        engine,
        "SELECT * FROM scores WHERE model = $1 AND ($2 IS NULL OR source_type = $2) "
        "ORDER BY benchmark, shown DESC, date",
        [model, args.source],
    )
    if args.json:
        shown = len({row["benchmark"] for row in rows if row["shown"]})
        said = f"{model} has {plural(len(rows), 'score')}, of which {plural(shown, 'benchmark')} can be compared."
        answer = {"schema_version": DATA_SCHEMA, **whose(metadata), "conclusion": said}
        sys.stdout.write(to_json(answer | {"certain": len(rows) == shown, "rows": rows}))
        return 0 if rows else 1
    lines = [
        (
            row["benchmark_name"], display_score(row["comparable"], row["canonical_unit"]),
            f"{row['value']:g} {row['unit'] or '?'}", row["metric"], row["shots"], "shown" if row["shown"] else "",
            SOURCE_TYPES[row["source_type"]], (row["date"] or "")[:10], row["why_not"] or row["notes"],
            row["source_url"],
        )
        for row in rows
    ]  # fmt: skip
    head = ("benchmark", "score", "as written", "metric", "shots", "", "source", "date", "remark", "where")
    print_table(head, lines)
    note(f"{model}: {len(rows)} scores; shares as %")
    return 0 if rows else 1


def show_overview(engine: Any, metadata: Mapping[str, Any], keys: Sequence[str], args: argparse.Namespace) -> int:
    """The overall order: ranks, the average over the benchmarks that most models share, and the scores themselves."""
    about = {entry["key"]: entry for entry in metadata["benchmarks"]}
    rows = shown_scores(engine, args.source, list(about))
    named = [covered_key(name, metadata, "--primary") for name in filter(None, (args.primary or "").split(","))]
    primary = chosen_primary(named, metadata, rows, keys)
    keys = list(keys) or [*primary, *(key for key in about if key not in primary)][:8]
    scores: dict[str, dict[str, float]] = {}
    for row in rows:
        if row["benchmark"] in keys or row["benchmark"] in primary:
            scores.setdefault(row["model"], {})[row["benchmark"]] = row["comparable"]
    order = board_order(rows, primary, metadata["benchmarks"], board_models(engine))
    standings = list(order.standings)
    placed = {one.model for one in standings}
    others = sorted(
        (name for name in scores if name not in placed), key=lambda name: (-len(scores[name]), natural_key(name))
    )
    standings += [BoardPlace(model, 0) for model in others]
    if not standings:
        raise ScriptError("no comparable score", code=1)
    top, apart = standings[: args.top], all_apart(engine, keys)
    conclusion = order.text + several_runs(runs := other_scores(engine, order, rows, primary))
    if args.json:
        answer = {"schema_version": DATA_SCHEMA, **whose(metadata), "benchmarks": list(about.values())}
        table = [dataclasses.asdict(one) | {"scores": scores[one.model]} for one in top]
        answer |= {"primary": primary, "rank_method": RANK_METHOD, "not_alike": unlike_ways(rows)}
        answer |= {"conclusion": conclusion, "certain": order.certain, "several_runs": runs}
        answer |= {"set_apart": list(apart.values())}
        sys.stdout.write(to_json(answer | {"rows": table}))
        return 0
    otherwise, ways, digits = measured_otherwise(rows), column_metrics(engine, rows), mean_digits(standings)
    header = [ranked_as(order.unlike), "model", f"average of {len(primary)}", "±"]
    header += [about[key]["name"] + ways.get(key, "") + less_text(about[key]) for key in keys]
    marked = {model for model, key in otherwise if key in primary}
    lines = [
        (
            f"{one.rank}{' *' * (one.model in marked)}" if one.mean is not None else f"{one.have} of {len(primary)}", one.model,
            f"{one.mean:.{digits}f}" if one.mean is not None else "–", "" if one.error is None else f"{one.error:.{digits}f}",
            *(
                ("apart" if (one.model, key) in apart else display_score(scores[one.model].get(key), about[key]["unit"]))
                + (f" ({otherwise[one.model, key]})" if (one.model, key) in otherwise else "")
                for key in keys
            ),
        )
        for one in top
    ]  # fmt: skip
    print(conclusion + shared_answers_text(rows, primary))
    print_table(header, lines)
    note_measured([text for (_, key), text in apart.items() if key in primary])
    placed |= set(others)
    hidden = sorted({row["model"] for row in rows} - placed, key=natural_key)
    if hidden:
        note(
            f"not here: {len(hidden)} more models, which have no score in any of these columns "
            f"({listing(hidden)}): --benchmark K or --primary K,… shows them"
        )
    some = next((one for one in top if one.mean is None), None)
    note(
        f"{len(top)} of {len(standings)} models, {len(keys)} of {len(about)} benchmarks; – is no score; shares as %; "
        "±: standard error (wider by what lost answers could change); n/a: an error is not known"
        + (f"; {some.have} of {len(primary)}: has so many of those in the average, no place" if some else "")
        + ("; behind a score: measured otherwise than most" if otherwise else "")
        + ("; *: the rank rests on such a score" if marked else "")
        + ("; apart: measured, but not to be compared (show --model NAME says why)" if apart else "")
    )
    return 0


BOARD_ROWS = """
    SELECT model, benchmark, benchmark_name, value, unit, comparable, canonical_unit, metric, shots, settings, source_task,
        standard_error, comparable_error, n, source_type, source_name, source_url, source_format, date, revision, votes,
        answers, shown, why_not, lower_is_better FROM scores
"""


def read_board(folder: Path) -> Board:
    engine, metadata = open_data(folder)
    with engine:
        keys = [entry["key"] for entry in metadata["benchmarks"]]
        return Board(query(engine, BOARD_ROWS), metadata, all_apart(engine, keys))


def diff(args: argparse.Namespace) -> int:
    """Print what has changed between two collects; 3 where what was measured otherwise leaves it open."""
    old, new = read_board(args.old), read_board(args.new)
    changes, overall = board_changes(old, new), overall_change(old, new)
    then, today, reason = old.metadata["collected"], new.metadata["collected"], undecided_text(changes)
    if args.json:
        answer = {"schema_version": DATA_SCHEMA, "before": then, "now": today, "rank_method": RANK_METHOD}
        answer |= {"collected_here": [board.metadata["collected_here"] for board in (old, new)]}
        answer |= changes | {"overall": overall} | ({"reason": reason} if reason else {})
        sys.stdout.write(to_json(answer))
        return 3 if reason else 0
    if overall:
        names = ("before", "now" if overall["same_basis"] else "now, of other benchmarks or metrics")
        told = zip(names, (overall["before"], overall["now"]), strict=True)
        print(
            "\n".join(
                f"{name}: {single_line(one['conclusion']) if one else 'no number is shown.'}" for name, one in told
            )
        )
    lines = [change_line(kind, item) for kind, items in changes.items() for item in items[: args.top]]
    if lines:
        print_table(("what", "model", "benchmark", "before", "now", "source", "why"), lines)
    counts = ", ".join(f"{len(items)} × {CHANGES[kind]}" for kind, items in changes.items() if items)
    note(f"{then} to {today}: {counts or 'nothing has changed'}; of each kind the first {args.top} are listed")
    if reason:
        note(f"undecided: {reason}")
    return 3 if reason else 0


def push_board(args: argparse.Namespace) -> int:
    """Say what would be sent, and with --apply send it."""
    from huggingface_hub import HfApi

    for flag, name in (("--dataset", args.dataset), ("--space", args.space)):
        if name and not REPO_ID.fullmatch(name):
            raise ScriptError(f"{flag} must be OWNER/NAME, not {name!r}")
    if args.hardware and not args.space:
        raise ScriptError("--hardware is for the Space: say which with --space OWNER/NAME")
    data, metadata, models = made_again(args.data)
    if not args.adopt and of_others(args.data):
        raise_unadopted(args.data, metadata["counts"]["sources"])
    acts = args.apply and not args.dry_run
    token = find_token(args.token_file) if acts else hub_token()
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
    with hub_errors("pushing the leaderboard", token or "-"):
        secret = private_models(api, models, metadata["private_models"])
        uploads = [look_at_repo(api, "dataset", args.dataset, dataset_files(data, metadata))]
        if args.space:
            wanted = space_files(args.space, args.dataset, metadata, secret)
            uploads.append(look_at_repo(api, "space", args.space, wanted))
        refuse_to_tell([*dict.fromkeys([*metadata["private_models"], *secret])], uploads, not args.public, args.private)
        asks = space_asks(metadata, secret) if args.space else {}
        todo = [upload for upload in uploads if upload.files or (upload.kind == "space" and args.hardware)]
        sent: list[dict[str, Any]] = []
        if acts and todo:
            identity = api.whoami()
            for upload in todo:
                try:
                    check_write_access(identity, upload.repo_id, False)
                except ScriptError as error:
                    raise ScriptError(str(error).removesuffix(", or use --create-pr")) from error
            with contextlib.redirect_stdout(sys.stderr):  # seen before it is there
                print_uploads(uploads, args, asks)
            sent = send_uploads(api, todo, not args.public, args.hardware)
    return show_pushed(uploads, sent, acts, args, asks)


def print_uploads(uploads: Sequence[RepoUpload], args: argparse.Namespace, asks: Mapping[str, Any]) -> None:
    """What is sent, to whom it is shown there, and what a Space runs."""
    rows = [
        (u.kind, u.repo_id, f"{'exists' if u.exists else 'is made'}, {seen_by(u, args)}", name, f"{len(data):,}")
        for u in uploads
        for name, data in u.files.items()
    ]
    print_table(("kind", "repo", "", "file", "bytes"), rows)
    if asks:
        print(
            f"\nevery {REFRESH_HOURS} hours the Space runs: leaderboard.py {command_line_of(['collect', *asks['collect']])}"
        )
        print("\n".join(["models.txt of the Space:"] * bool(asks["models"]) + asks["models"]))
        if asks["private_models"]:
            print(f"with its own HF_TOKEN, which sees private models: {', '.join(asks['private_models'])}")


def seen_by(upload: RepoUpload, args: argparse.Namespace) -> str:
    return "private" if (upload.private if upload.exists else not args.public) else "public"


def show_pushed(
    uploads: Sequence[RepoUpload], sent: Sequence[Mapping[str, Any]], acts: bool, args: Any, asks: Mapping[str, Any]
) -> int:
    """Print what was or would be sent."""
    if args.json:
        planned = [upload.as_json() | {"visible": seen_by(upload, args)} for upload in uploads]
        asked = {"space_asks": asks} if args.space else {}
        sys.stdout.write(to_json({"dry_run": not acts, "uploads": planned, **asked, "sent": list(sent)}))
    else:
        print_uploads(uploads, args, asks)
    if not any(upload.files for upload in uploads) and (acts or not args.hardware):
        asked = f"hardware {args.hardware}: asked for, or there as well" if args.hardware else "nothing to send"
        note(f"all of it is there already; {asked}")
    elif not acts:
        again = ["push", "--data", args.data, "--dataset", args.dataset]
        for flag, value in (("--space", args.space), ("--hardware", args.hardware)):
            again += [flag, value] if value else []
        again += ["--token-file", Path(args.token_file)] if args.token_file else []
        again += ["--private"] * args.private + ["--public"] * args.public
        again += ["--adopt"] if args.adopt else []
        note(f"nothing was written; {run_line('leaderboard.py')} {command_line_of(again)} --apply sends it")
    if args.space and (uploads[0].private if uploads[0].exists else not args.public):
        note(f"{args.dataset} is private: the Space starts only with a secret HF_TOKEN that may read it")
    for commit in sent:
        note(f"{commit['kind']} {commit['repo_id']}: {commit['url']}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = CommandLine(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Any, text: str) -> Any:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=run)
        return added.add_argument

    add = command("collect", collect, "read the scores of many models and write the data")
    add("--trending", type=positive, metavar="N", help="the N trending text-generation models")
    add("--repo-ids", type=Path, metavar="FILE", help="a file with one OWNER/NAME in each line")
    add("--author", metavar="NAME", help="all models of a user or organization")
    add("--official", action="store_true", help="all models on the leaderboards of the Hub's official Benchmarks")
    add(
        "--every-eval-ever", nargs="?", const=DATASTORE, metavar="PATH|REPO",
        help=f"what others report: a clone of the datastore, or a data set (default: {DATASTORE}); of the models that are "
        "named otherwise, else of all",
    )  # fmt: skip
    add(
        "--leaderboard-data", nargs="?", const=LEADERBOARD_DATA, metavar="FILE|REPO",
        help="one table of many official Benchmarks: a Parquet file with model_name and <benchmark>_score, or a data set "
        f"that is one (default: {LEADERBOARD_DATA}); of the models that are named otherwise, else of all",
    )  # fmt: skip
    add("--results", nargs="+", metavar="DIR", help="folders with evaluation records on this machine")
    add(
        "--latest",
        action="store_true",
        help="of a model measured at several times or commits, the last alone; default: each by its date or commit",
    )
    add_mapping_option(add)
    add("--benchmarks", metavar="K,...", help="only these benchmarks")
    add_primary_argument(add)
    add("--runs", action="store_true", help="keep each night of a model as a row of it, with what changed in between")
    add("--keep-own-runs", type=Path, metavar="DIR", help="take the own runs of earlier data, as they are there")
    add("--adopt", action="store_true", help="with --keep-own-runs: also of data that was not collected here")
    add("--no-prs", action="store_true", help="do not look at pull requests")
    add("--output-dir", default="leaderboard", metavar="DIR", help="where the data goes; default: leaderboard")
    add("--workers", type=positive, default=8, metavar="N", help="requests at a time (default: 8)")
    add("--dry-run", action="store_true", help="say which models would be read, and stop")
    add("--json", action="store_true", help="one JSON document on stdout")

    add = command("show", show, "print a benchmark's ranking, a model's scores, or an overview")
    add_data_argument(add)
    add("--benchmark", action="append", metavar="K", help="only this benchmark (repeat for several)")
    add("--model", metavar="M", help="all scores of this model, with their sources")
    add("--source", choices=tuple(SOURCE_TYPES), help="only scores of this kind of source")
    add_primary_argument(add)
    add("--top", type=positive, default=20, metavar="N", help="rows (default: %(default)s)")
    add("--json", action="store_true", help="one JSON document on stdout")

    add = command("diff", diff, "say what has changed between two collects: models, numbers, leaders for certain")
    add("old", type=Path, metavar="OLD", help="the data of the earlier collect")
    add("new", type=Path, metavar="NEW", help="the data of the later one")
    add("--top", type=positive, default=50, metavar="N", help="rows of each kind of change (default: %(default)s)")
    add("--json", action="store_true", help="one JSON document on stdout")

    add = command("serve", serve, "open the page in a browser (Gradio)")
    add_data_argument(add)
    add_primary_argument(add)
    add("--adopt", action="store_true", help="show data that was not collected here as your own")
    add("--host", default="127.0.0.1", metavar="ADDRESS", help="where to listen (default: %(default)s)")
    add("--port", type=positive, default=7860, metavar="N", help="port (default: %(default)s)")

    add = command("export", export, "write the page as one HTML file that works without a server")
    add_data_argument(add)
    add_primary_argument(add)
    add("--adopt", action="store_true", help="show data that was not collected here as your own")
    add("--output-dir", default="site", metavar="DIR", help="where index.html goes; default: site")

    add = command("push", push_board, "send the data to a dataset and the page to a Space; without --apply, say what")
    add_data_argument(add)
    add("--dataset", metavar="OWNER/NAME", required=True, help="the dataset for the data")
    add("--space", metavar="OWNER/NAME", help="the Space for the page")
    visible = commands.choices["push"].add_mutually_exclusive_group()
    visible.add_argument("--public", action="store_true", help="repos that are made are public (default: private)")
    visible.add_argument("--private", action="store_true", help="the repos have to be private, also those there")
    add("--adopt", action="store_true", help="send data that was not collected here, too")
    add("--hardware", metavar="FLAVOR", help="ask for this hardware for the Space, such as cpu-upgrade")
    add("--token-file", metavar="FILE", help="read the Hub token from FILE")
    add("--apply", action="store_true", help="push")
    add("--dry-run", action="store_true", help="push nothing; the default")
    add("--json", action="store_true", help="one JSON document on stdout")
    return parser


def add_primary_argument(add: Any) -> None:
    add("--primary", metavar="K,...", help="the overall order is by the average over these (default: what most share)")


def add_data_argument(add: Any) -> None:
    add("--data", type=Path, default=Path("leaderboard"), metavar="DIR", help="the data (default: %(default)s)")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    return run_main(build_parser(), argv)


# Written in parts/ and put here by `uv run parts/assemble.py`: change it there.
# [cog[
# import assemble
# assemble.include(
#     "board.changes", "board.data", "board.elsewhere", "board.hub", "board.official", "board.overall", "board.own",
#     "board.ranks", "board.record_rows", "board.sharing", "board.units", "board.vocabulary", "command_line", "frame",
#     "hub.access", "hub.token", "inputs", "names", "outputs", "own_vocabulary", "page.served", "records.schema"
# )
# ]cog]

import base64
import collections
import configparser
import csv
import difflib
import errno
import fnmatch
import functools
import gc
import glob
import gzip
import hashlib
import hmac
import html
import io
import ipaddress
import itertools
import json
import math
import re
import secrets
import shlex
import shutil
import signal
import socket
import sqlite3
import stat
import statistics
import tempfile
import textwrap
import threading
import traceback
import unicodedata
from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from functools import cached_property, partial
from itertools import combinations, count
from statistics import NormalDist
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, TextIO, TypeVar
from urllib.parse import quote, urlsplit

if TYPE_CHECKING:
    import numpy as np


# --- parts/outgoing.py ------------------------------------------------------------------------------------------------

# hf_ and 34 letters and digits is a user's token today; those of apps and jobs are longer and of more characters.
TOKEN_SHAPE = re.compile(r"(hf|api_org)_(?:(?:oauth|jwt)_[\w.=-]{16,}|[A-Za-z0-9]{30,})")
TOKEN_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "AA_API_KEY", "OPENAI_API_KEY", "INSPECT_HF_TOKEN")
SECRET_VARIABLE = re.compile(  # not handed on: HF_TOKEN, PGPASSWORD, GITHUB_PAT, DATABASE_URL
    r"(?:TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIAL|APIKEY)S?$|(?:^|_)(?:KEYS?|PAT|PASS|DSN|DATABASE_URL)$", re.IGNORECASE
)
SHORTEST_TOKEN = 8  # characters; less is a placeholder, and would be cut out of ordinary words
IN_USE: set[str] = set()  # tokens that this process has read

# What a terminal obeys or a reader does not see: the characters of Unicode's categories Cc (but tab and newline), Cf,
# Cs, Zl and Zp, those of its property Default_Ignorable_Code_Point, planes without characters, a blank that is a sign.
# Joiners stay behind letters that they shape and in emoji, selectors of variants behind what has variants.
UNSEEN = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u115f\u1160\u17b4\u17b5"
    "\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ud800-\udfff\ufdd0-\ufdef\ufe00-\ufe0d\ufeff\uffa0"
    "\ufff0-\ufffb\ufffe\uffff\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    "\U00040000-\U000effff"
)
JOINED = "\u0590-\u1cff\u2190-\u2bff\u3030\u303d\ua800-\uabff\ufb1d-\ufdff\ufe0f\ufe70-\ufefc\U00010800-\U0001ffff"
VARIED = "\xa9\xae\u203c-\u3299\U0001f000-\U0001faff"
ACTING = re.compile(
    rf"(?=[{UNSEEN}\u180b-\u180d\u180f\u200c\u200d\ufe0e\ufe0f])(?:[{UNSEEN}]|(?<![{JOINED}])[\u200c\u200d]"
    rf"|(?<![\u1807-\u18aa])[\u180b-\u180f]|(?<![{VARIED}])(?<![0-9#*](?=.\u20e3))[\ufe0e\ufe0f])"
)
OWN_MARK = os.urandom(16).hex()  # followed by e or r: the ESC and the return of one's own styling, until it leaves
BAR = re.compile(r"\r|(?:\x1b\[A)+\Z")  # what tqdm begins a bar with, and how it goes up to one
RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")
# What GitHub's runner obeys in any line of a log, blanks of all kinds before it; annotations go by `tell_runner`.
RUNNER_COMMAND = re.compile(r"##(?=\[)|^[^\S\n]*::", re.MULTILINE)


def remember_token(token: str | None) -> None:
    """From now on this token stands in no text that leaves, neither whole nor, with a blank in it, in parts."""
    for part in {(token or "").strip(), *(token or "").split()}:
        if len(part) >= SHORTEST_TOKEN:
            IN_USE.add(part)


def without_secrets(text: str) -> str:
    """The text with each token in use, and whatever has the shape of a Hub token, replaced by its kind and `***`."""
    for name in TOKEN_VARIABLES:
        remember_token(os.environ.get(name))
    for token in sorted(IN_USE, key=len, reverse=True):
        if token in text:
            text = text.replace(token, "***")
    return TOKEN_SHAPE.sub(r"\1_***", text) if "hf_" in text or "api_org_" in text else text


def visible(text: str) -> str:
    r"""The text with what acts on a terminal written out: ESC becomes \u001b.

    The form is JSON's, so that a JSON document stays the same document.
    """
    if text.isascii() and text.isprintable():
        return text
    while (found := ACTING.sub(lambda match: written_as_json(match[0]), text)) != text:
        text = found  # a joiner may have stayed behind what is written out now
    return text


def written_as_json(character: str) -> str:
    """One character as JSON writes it."""
    code = ord(character)
    if code < 0x10000:
        return f"\\u{code:04x}"
    high, low = divmod(code - 0x10000, 0x400)
    return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"


def isolated(text: str) -> str:
    """Visible text whose right-to-left words do not turn what stands beside them around: each run is isolated.

    "אבג | 5" -> FSI + "אבג" + PDI + " | 5"
    """
    text = visible(text)
    if not RIGHT_TO_LEFT.search(text):
        return text
    return re.sub(rf"{RIGHT_TO_LEFT.pattern}+(?:[ ]+{RIGHT_TO_LEFT.pattern}+)*", "\u2068\\g<0>\u2069", text)


def outgoing(text: str) -> str:
    """The text as it may be printed."""
    text = without_secrets(text)
    if os.environ.get("GITHUB_ACTIONS"):
        text = RUNNER_COMMAND.sub(lambda match: " ".join(match[0]), text)
    return visible(text)


def tell_runner(line: str) -> None:
    """A command of our own to GitHub's runner, on stderr: its texts are escaped by who makes it."""
    stream = sys.stderr.stream if isinstance(sys.stderr, CleanStream) else sys.stderr
    stream.write(f"{visible(without_secrets(line))}\n")


class OutputLost(Exception):
    """What was to be printed could not be, as on a full disk."""


class CleanStream:
    """stdout or stderr that lets no token and no control character through, into a pipe and on a terminal alike.

    What moves the cursor and colours text is the program's own: rich's, which `terminal_console` marks so, and, where
    there are `bars` of libraries, the way of these to their line; a pipe gets none. A reader that has gone away
    (`| head`) is no error.
    """

    def __init__(self, stream: TextIO, bars: bool = False) -> None:
        self.stream, self.bars, self.left_out = stream, bars, False

    def write(self, text: str) -> int:
        if self.bars and not self.stream.isatty() and (text.startswith("\r") or (self.left_out and text == "\n")):
            self.left_out = text != "\n"  # a log has no bars of libraries, and no line where one ends
            return len(text)
        way = BAR.match(text) if self.bars and self.stream.isatty() else None
        begin = way[0] if way else ""
        clean = outgoing(text[len(begin) :])
        with self.kept():
            self.stream.write(begin + clean.replace(f"{OWN_MARK}e", "\x1b").replace(f"{OWN_MARK}r", "\r"))
        return len(text)

    def flush(self) -> None:
        with self.kept():
            self.stream.flush()

    @contextlib.contextmanager
    def kept(self) -> Iterator[None]:
        """Within, a write that fails is the last one: what follows goes nowhere. OutputLost where it was the answer."""
        try:
            yield
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.stream.fileno())  # else the interpreter fails at its end
            if not (self.bars or isinstance(error, BrokenPipeError)):
                raise OutputLost(f"{self.stream.name.strip('<>')}: could not be written: {error.strerror}") from error

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def own_styling(text: str) -> str:
    """What rich has rendered, marked as the program's own: its texts are made visible before, in `terminal_console`."""
    return text.replace("\x1b", f"{OWN_MARK}e").replace("\r", f"{OWN_MARK}r")


class StyledStream:
    """The file of a console: what it writes is marked for the stream below, which lets nothing else act."""

    def __init__(self, stream: Any) -> None:
        self.stream = stream

    def write(self, text: str) -> int:
        self.stream.write(own_styling(text) if isinstance(self.stream, CleanStream) else text)
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


def terminal_console(stderr: bool = False, width: int | None = None, highlight: bool = True) -> Any:
    """A console of rich whose texts are texts: their control characters are shown, and no markup in them is obeyed."""
    from rich.console import Console
    from rich.segment import Segment

    class CleanConsole(Console):
        def render(self, *args: Any, **options: Any) -> Iterator[Any]:
            for text, style, control in super().render(*args, **options):
                hides = style is not None and (style.conceal or style.link)  # of what a library has printed, not ours
                yield Segment(text if control else visible(text), None if hides else style, control)

    file = StyledStream(sys.stderr if stderr else sys.stdout)
    return CleanConsole(file=file, width=width, highlight=highlight, markup=False, emoji=False)


def rendered(table: Any) -> str:
    """A table of rich as text for the terminal, with its colours."""
    console = terminal_console()
    with console.capture() as capture:
        console.print(table)
    return own_styling(capture.get()).rstrip("\n")


@contextlib.contextmanager
def clean_streams() -> Iterator[None]:
    """Everything that is printed within, also by libraries, goes through `outgoing`."""
    kept = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = CleanStream(kept[0]), CleanStream(kept[1], bars=True)
    try:
        yield
    finally:
        with contextlib.suppress(OutputLost):
            sys.stdout.flush()
        sys.stdout, sys.stderr = kept


# --- parts/frame.py ---------------------------------------------------------------------------------------------------

MANY = 0.10  # more empty, truncated, unparsed or unscored answers than this share make a run invalid
ROUNDED = 5e-5  # a record's score may be rounded to four decimals
OUTPUT_VERSION = "1"  # of what --json prints
LOG_LINES = 20  # kept in a failure file
SHOWN_FAILURES = 5
VLLM = "vllm>=0.32,<0.33"  # what --backend vllm adds to this script's packages
MAX_TRIES = 5  # of a request that is refused for now
FIRST_WAIT = 1.0  # seconds before the second of them; doubled each time

# What moves a terminal's cursor or colours it, and other control characters but the tab.
CONTROLS = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0a-\x1f\x7f-\x9f]")
NOT_ON_A_LINE = {"Cc", "Cf", "Cs", "Zl", "Zp"}  # Unicode categories: control, format, surrogates, line breaks
NAMED_PLACES: list[str] = []  # what the command line may name as folders, in whole paths
MAX_MESSAGE = 1800  # characters of one line to people
MAX_TEXT = 300  # characters of a foreign text that are kept


class ScriptError(Exception):
    """An expected failure, shown as one line; `code` is the exit code: 1 the answer is no, 2 could not, 3 undecided."""

    def __init__(self, message: str, code: int = 2) -> None:
        super().__init__(message)
        self.code = code


def say_interrupted(kind: type[BaseException], error: BaseException, trace: Any) -> None:
    """One line for Ctrl-C while a script is still being made ready; the interpreter then ends as by that signal."""
    if issubclass(kind, KeyboardInterrupt):
        sys.stderr.write("error: interrupted\n")
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = say_interrupted


def run_main(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Run a command line and give its exit code; every script's main.

    An expected failure is one line and its own code. Any other is a fault of the program and ends with 4, never with 1,
    which is an answer; HUB_EVALS_DEBUG=1 shows where it happened.
    """
    with clean_streams(), children_apart():
        try:
            know_named_places(sys.argv[1:] if argv is None else argv)
            args = parser.parse_args(argv)
            code = args.run(args)
            sys.stdout.flush()
            return code
        except ScriptError as error:
            note(f"error: {error}")
            return error.code
        except OutputLost as error:
            note(f"error: {error}")
            return 2
        except KeyboardInterrupt:
            note("error: interrupted")
            return 130
        except MemoryError:
            note("error: not enough memory for this input: a smaller part of it, or another machine")
            return 2
        except Exception as error:
            if os.environ.get("HUB_EVALS_DEBUG"):
                traceback.print_exc()
            note(f"error: a fault of this program: {fault_text(error)}")
            note("please report it with this line and the command (HUB_EVALS_DEBUG=1 shows more); it answers nothing")
            return 4


def know_named_places(words: Sequence[object]) -> None:
    """Keep what the command line may name as folders: below these no link leads out."""
    texts = [text for word in map(str, words) for text in (word, word.partition("=")[2]) if text]
    NAMED_PLACES[:] = [os.path.abspath(os.path.expanduser(text)) for text in texts if not text.startswith("-")]


@contextlib.contextmanager
def children_apart() -> Iterator[None]:
    """While open, no child takes a module from the current folder, which may be a stranger's.

    Python puts that folder first for `-c` and `-m`, and so do the processes that multiprocessing starts.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
        if before is not None:
            os.environ["PYTHONSAFEPATH"] = before


def many_objects() -> None:
    """For commands that keep millions of small things, none in a circle: the search for circles is made rare."""
    gc.set_threshold(100_000, 20, 100)


def positive(text: str) -> int:
    """An argparse type: a whole number above 0."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return number


def fault_text(error: Exception) -> str:
    """What happened and where, on one line: "KeyError: 'x' (convert_results.py:120, find_model)"."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if "site-packages" not in frame.filename] or frames
    place = f" ({Path(own[-1].filename).name}:{own[-1].lineno}, {own[-1].name})" if own else ""
    return f"{type(error).__name__}: {single_line(error)[:200]}{place}"


def natural_key(name: str) -> list[tuple[int, int, str]]:
    """Sort key that reads digits as numbers: step_9 before step_10."""
    parts = ((count_in(part), part) for part in re.split(r"(\d+)", name) if part)
    return [(1, 0, part) if count is None else (0, count, "") for count, part in parts]


def count_in(text: object) -> int | None:
    """The whole number that a text is, of at most 18 digits; None for anything else, of which Python may make none."""
    return int(text) if isinstance(text, str) and text.isdecimal() and len(text) <= 18 else None


def nearest(name: str, candidates: Iterable[str]) -> str:
    """' (did you mean a, b?)', or nothing; the dashes of options make no two of them alike."""
    bare = {text.lstrip("-"): text for text in candidates}
    close = difflib.get_close_matches(name.lstrip("-"), list(bare), 3, 0.6)
    return f" (did you mean {', '.join(map(bare.get, close))}?)" if close else ""


def plural(count: int, noun: str) -> str:
    """'1 file', '2 files'."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def near_place(path: Path) -> str:
    """' (did you mean DIR/tiny_run?)' for a file or folder that is not there and a neighbour of nearly its name.

    The first part of the path that is missing is looked at; what stands behind it is kept.
    """
    try:
        there = next((parent for parent in path.parents if parent.is_dir()), None)
        if there is None:
            return ""
        missing, *rest = path.relative_to(there).parts
        close = difflib.get_close_matches(missing, os.listdir(there), 3, 0.75)  # looser, any two short names are near
    except OSError:
        return ""
    return f" (did you mean {', '.join(single_line(there.joinpath(name, *rest)) for name in close)}?)" if close else ""


def single_line(text: object) -> str:
    r"""Foreign text on one line; what a terminal would obey, or a reader not see, is written out: \u001b."""
    text = str(text)
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " if c.isspace() else written_as_json(c) for c in text)
    return " ".join(text.split()) if " " in text else text


def listing(names: Iterable[str], most: int = 5) -> str:
    """'a, b, c and 4 more'."""
    names = list(map(single_line, names))
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def option_words(option: str, *values: object) -> str:
    """`--option VALUE …` for a message that says what to type: the values come from files, and a shell takes them as
    they are; on one line, with what cannot be seen written out."""
    return shlex.join([option, *map(single_line, values)])


def number(value: float | None, digits: int = 3) -> str:
    """A score for people; an absent one is a dash."""
    return "–" if value is None else f"{value:.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    """A difference for people, with its sign."""
    return f"{value:+.{digits}f}".replace("-", "−")


def range_text(low: float, high: float, digits: int = 3) -> str:
    """'0.861 to 0.889'."""
    return f"{number(low, digits)} to {number(high, digits)}"


def plain(text: str) -> str:
    """Foreign text as one line of Markdown without markup, addresses that would become links among it."""
    return re.sub(r"([\\|<>*`\[\]]|(?<=:)/(?=/)|(?i:(?<=www))\.)", r"\\\1", single_line(text))


def is_number(value: Any) -> bool:
    """Whether a JSON value is a finite number."""
    kind = type(value)
    number = kind is float or kind is int or (kind is not bool and isinstance(value, int | float))
    return number and -1e300 < value < 1e300


def note(message: str) -> None:
    """Print a line for people to stderr; stdout carries data only. Of a page its begin and its end are shown."""
    if len(message) > MAX_MESSAGE:
        message = f"{message[: MAX_MESSAGE * 2 // 3]} [...] {message[-MAX_MESSAGE // 3 :]}"
    print(isolated(without_secrets(message)), file=sys.stderr)


def script_word(name: str) -> str:
    """A script of this project as a word of a command: from the project's own folder short, else its full path."""
    path = Path(__file__).resolve().with_name(name)
    with contextlib.suppress(OSError):  # a folder that is gone
        if Path.cwd().resolve() in (path.parent, path.parent.parent):
            return path_word(path.relative_to(Path.cwd().resolve()))
    return str(path)


def uv_words(harness: bool = False) -> list[str]:
    """`uv run` as it is safe in any folder: without settings of folders, and with a Python by its full path.

    To find one by itself, uv runs that of a .venv in the current folder or above it, whatever it is told otherwise; and
    that which a .python-version beside the script or above it names.
    """
    python = str(getattr(sys, "_base_executable", None) or sys.executable)
    if sys.version_info >= (3, 14) and harness:  # these are locked for versions below
        python = next(filter(None, map(shutil.which, ("python3.13", "python3.12", "python3.11"))), "")
    return ["uv", "run", "--no-config", *(["--python", python] if python else [])]


def run_line(name: str, *options: str) -> str:
    """What runs a script of this project from where the user stands, for a shell; with options of uv."""
    script = script_word(name)
    before = uv_words(name.endswith("_uv.py")) if os.path.isabs(script) else ["uv", "run"]
    return shlex.join([*before, *options, script])


def path_word(path: str | Path) -> str:
    """A file or folder as a word of a command, which nothing takes for an option: ./ before a leading dash."""
    return f"./{path}" if str(path).startswith("-") else str(path)


def argument_word(value: object) -> str:
    """The value of an option as a word of a command; where it is a file or folder here, as `path_word` has it."""
    return path_word(str(value)) if os.path.lexists(str(value)) else str(value)


def command_line_of(words: Iterable[str | Path]) -> str:
    """The words as one line for a shell, paths as `path_word` has them; every command that is printed is made here.

    ScriptError where one has a line break or a sign that cannot be seen: without it the command would be another one.
    """
    line = shlex.join(path_word(word) if isinstance(word, Path) else word for word in words)
    if any(unicodedata.category(sign) in NOT_ON_A_LINE for sign in line):
        raise ScriptError(f"no command can be given, a name in it has line breaks or unseen signs: {line[:300]!r}")
    return line


@functools.cache
def usual_mode() -> int:
    """The mode that a new file of this user has."""
    mask = os.umask(0o077)
    os.umask(mask)
    return 0o666 & ~mask


def fresh_place(folder: str | Path) -> str:
    """A hidden name in a folder that nobody can foresee, and so nobody has taken: ".PROCESS.RANDOM.tmp"."""
    refuse_link_out(folder)
    return os.path.join(folder, f".{os.getpid()}.{os.urandom(8).hex()}.tmp")


def refuse_strange_lock(path: str | Path) -> None:
    """ScriptError where a lock's file, whose content is replaced, may be another file: a link, or no file."""
    with contextlib.suppress(FileNotFoundError):
        found = os.lstat(path)
        if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
            raise ScriptError(f"{path}: a lock is a file by itself, and never a link or a pipe: take it away")


def refuse_link_out(folder: str | Path) -> None:
    """ScriptError where a relative path leaves the current folder by a link in it, which may be a stranger's.

    A place of the command line is the user's own word, absolute or going up, with the links in it and above it; what
    is below it may be a stranger's as well.
    """
    whole = os.path.abspath(folder)
    named = max((place for place in NAMED_PLACES if inside_place(whole, place)), key=len, default=None)
    if named and not inside_place(real := os.path.realpath(whole), os.path.realpath(named)):
        raise ScriptError(
            f"{folder}: nothing is written through a link out of {named}; if it is meant: {single_line(real)}"
        )
    if os.path.isabs(folder):
        return
    place = ""
    for name in Path(folder).parts:
        place = os.path.join(place, name)
        if not os.path.islink(place) or Path(os.path.normpath(place)).parts[:1] == ("..",):
            continue
        real = Path(place).resolve()
        if not real.is_relative_to(Path.cwd().resolve()):
            real = single_line(real)
            raise ScriptError(f"{place}: nothing is written through a link out of this folder; if it is meant: {real}")


def inside_place(path: str, place: str) -> bool:
    """Whether an absolute path is a place or below it."""
    return f"{path}/".startswith(f"{place.rstrip('/')}/")


def make_folder(folder: str) -> None:
    """Make a folder and those that it is in, without a look at what is there already."""
    try:
        os.mkdir(folder)
    except FileExistsError:
        return
    except FileNotFoundError:
        make_folder(os.path.dirname(folder))
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)


def put_in_place(temporary: str | Path, path: str | Path, mode: int | None = None) -> None:
    """Give a file that is whole its place and its mode; ScriptError when there is what is no file, such as a link."""
    refuse_link_out(os.path.dirname(path))
    with contextlib.suppress(FileNotFoundError):
        kind = os.lstat(path).st_mode
        if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):  # a folder: as the system says it
            link = "a link: name the file that it leads to, or take it away"
            what = link if stat.S_ISLNK(kind) else "a pipe, a device or a socket"
            raise ScriptError(f"{path}: not written, for it is no regular file but {what}")
    os.chmod(temporary, usual_mode() if mode is None else mode)
    os.replace(temporary, path)


def created(place: str) -> int:
    """The descriptor of a new file that the user alone may read; the folders that it is in are made, too."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    try:
        return os.open(place, flags, 0o600)
    except FileNotFoundError:
        make_folder(os.path.dirname(place))
        return os.open(place, flags, 0o600)


@contextlib.contextmanager
def whole_file(path: str | Path, mode: int | None = None, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write bytes to, which has its place when the block ends, and never does where the block fails.

    It is written under a fresh name beside its place, readable by the user alone; `durable`: on the disk before it is
    there, so that no crash leaves half of it. The one way in which this program writes files.
    """
    temporary, there = fresh_place(os.path.dirname(path)), True
    try:
        with open(created(temporary), "wb", buffering=1 << 18) as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        put_in_place(temporary, path, mode)
        there = False
    except OSError as error:
        raise ScriptError(f"{path}: could not be written: {error.strerror or error}") from error
    finally:
        if there:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


def write_whole(path: Path, text: str | Iterable[str], durable: bool = True) -> None:
    """Write a text file whole or not at all, without tokens.

    A long text can come in pieces, such as lines, that are not held at the same time.
    """
    with whole_file(path, durable=durable) as file:
        for piece in [text] if isinstance(text, str) else text:
            file.write(without_secrets(piece).encode(errors="replace"))  # a name of a file may be no text


def print_data(text: str) -> None:
    """Print to stdout, in what it takes."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)


def percent(share: float) -> str:
    """'5 %'."""
    return f"{100 * share:g} %"


def slug(text: str) -> str:
    """A name that is safe as a part of a path: "mmlu:anatomy" -> "mmlu_anatomy"."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text).strip("._") or "unnamed"


def rounded(seconds: collections.Counter[str]) -> dict[str, float]:
    """Seconds of each phase."""
    return {phase: round(value, 3) for phase, value in seconds.items()}


def printable(text: str) -> str:
    """A line from elsewhere without what would act on a terminal."""
    return CONTROLS.sub("", text)


def to_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def kept_text(value: object, most: int = MAX_TEXT) -> str | None:
    """Foreign text as it is kept: one line, no control characters, no marks that turn the writing around; or None."""
    if value is None or isinstance(value, (dict, list)):
        return None
    text = str(value)[: 4 * most]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    text = " ".join(text.split())
    return (text if len(text) <= most else text[: most - 1] + "…") or None


def shorten(value: object) -> str:
    """A value from metadata for a message."""
    return kept_text(repr(value) if isinstance(value, str) else json.dumps(value, default=str)[:200], 80) or "nothing"


# --- parts/foreign.py -------------------------------------------------------------------------------------------------

NUMBER_TEXT = re.compile(  # "72.4", ".724", "72,4", "72.4 %", "20.0 ± 1.2", "66.2 (5-shot)"
    r"\s*([-+]?(?:\d{1,30}(?:\.\d{0,30}|,\d\d?)?|0?[.,]\d{1,30})(?:e[-+]?\d{1,3})?)\s*%?"
    r"(?:\s*\(?(?:±|\+/?-)\s*[\d.]{1,30}\s*%?\)?)?(?:\s*\(\d{1,3}[- ]shots?\))?\s*",
    re.ASCII | re.IGNORECASE,
)
MAX_URL = 2_000
SECONDS = re.compile(r"\d{9,12}(?:\.\d*)?", re.ASCII)  # since 1970
PLAIN_URL = re.compile(r"https?://[A-Za-z0-9][A-Za-z0-9.-]*/[\w./?=&#%+~-]*", re.ASCII)
MAX_WHOLE = 2**62  # of a count; more is damage


def said_number(value: object) -> str | None:
    """The number that a text alone says, as float() reads it; "1,234" says none: thousands or decimals."""
    found = NUMBER_TEXT.fullmatch(value[:200]) if isinstance(value, str) else None
    return found[1].replace(",", ".") if found else None


def path_part(text: str) -> str:
    """A name that is safe as one part of a path: "mmlu:anatomy" -> "mmlu_anatomy", "../x" -> "x"."""
    return re.sub(r"[^A-Za-z0-9._-]+", "_", text)[:96].strip("._") or "unnamed"


def web_url(text: object) -> str | None:
    """The text when it is an http(s) URL, else None."""
    if isinstance(text, str) and PLAIN_URL.fullmatch(text):  # nearly all are: taking them apart is slow
        return text
    try:
        parts = urlsplit(str(text))
    except ValueError:
        return None
    plain = str(text).isprintable() and not re.search(r"[\s<>\"]", str(text))
    return str(text) if plain and parts.scheme in ("http", "https") and parts.hostname else None


def time_of(value: object) -> datetime | None:
    """A record's time, of seconds since 1970 or in ISO 8601, by UTC where it names no zone; None when it is none.

    Eight digits are a day: "20261121" -> 2026-11-21.
    """
    text = str(value)
    try:
        if SECONDS.fullmatch(text):
            return datetime.fromtimestamp(int(float(text)), UTC)
        found = datetime.fromisoformat(text)
    except (ValueError, OverflowError, OSError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def iso_time(value: object) -> str | None:
    """A record's time in ISO 8601: "1795246661" -> "2026-11-21T07:37:41Z"; None when it is none."""
    text, moment = str(value), time_of(value)
    if moment is None or re.fullmatch(r"\d{4}-\d\d-\d\d(T.*)?", text, re.ASCII):
        return text if moment else None
    if SECONDS.fullmatch(text):
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    return datetime.fromisoformat(text).isoformat()


def kept_url(value: object) -> str | None:
    """An http(s) URL without a user name in it, or None."""
    url = web_url(value) if isinstance(value, str) and len(value) <= MAX_URL else None
    return None if url is None or ("@" in url and "@" in urlsplit(url).netloc) else url


def kept_count(value: object) -> int | None:
    """A whole number of things, from 0 to MAX_WHOLE; anything else is None."""
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MAX_WHOLE
    return value if whole else None


def mapping_in(value: object, key: str) -> Mapping[str, Any]:
    """The mapping under a key; {} when there is none."""
    return mapping_of(mapping_of(value).get(key))


def mapping_of(value: object) -> Mapping[str, Any]:
    """The value when it is a mapping, else {}."""
    return value if isinstance(value, dict) else {}


# --- parts/inputs.py --------------------------------------------------------------------------------------------------

FACTOR = "HUB_EVALS_LIMITS"
MAX_DOCUMENT = 256 * 2**20  # bytes of one JSON or YAML document, a card, a policy
MAX_CARD_FILE = 20 * 2**20  # bytes of a card or a file of .eval_results; the Hub shows a few MB
MAX_CARD_LINES, MAX_CARD_ROWS, MAX_CARD_COLUMNS = 50_000, 20_000, 2_000
MAX_SAMPLES = 512 * 2**20  # bytes of one samples file or file of predictions
MAX_VALUES = 4_000_000  # values in it: a gigabyte in memory
MAX_FILE = 64 * 2**30  # bytes of a file that is read piece by piece
MOST_OF_LINE = 16 * 2**20  # bytes of one line of such a file
MOST_INFLATION = 200  # bytes that a packed file, or one with holes, may give for each of its own
FREE_INFLATION = 64 * 2**20  # bytes that it may give in any case
LEAST_OF_READ, MOST_OF_READ = 2**16, 4 * 2**20  # bytes asked for at once
PARSED_AT_ONCE = 200
ESCAPED_COLON = re.compile(rb"\\u003[aA]")  # a colon that is one only when it is written again
MAX_BATCH = 256 * 2**20  # bytes of some rows of a table in memory


def allowed(base: int) -> int:
    """A limit with the user's factor; ScriptError for a factor that is none."""
    text = os.environ.get(FACTOR, "1")
    try:
        factor = float(text)
        if not 0 < factor <= 1e6:
            raise ValueError
    except ValueError as error:
        raise ScriptError(f"{FACTOR}={single_line(text)[:40]}: a number above 0 is expected, such as 4") from error
    return int(base * factor)


def too_much(where: object, what: str) -> ScriptError:
    """What is said of an input that goes beyond a limit."""
    return ScriptError(f"{where}: {what}; if you trust it: {FACTOR}=10 raises all limits tenfold")


def bytes_text(size: float) -> str:
    """1500000000 -> '1.5 GB'."""
    return f"{size / 1e9:,.1f} GB" if size >= 1e8 else f"{size / 1e6:,.1f} MB"


def shown_size(size: int) -> str:
    """A file's size: 1234 -> '1,234 bytes', 1500000000 -> '1.5 GB'."""
    return bytes_text(size) if size >= 1e5 else f"{size:,} bytes"


def open_input(path: str | Path, most: int = MAX_FILE, where: str = "") -> BinaryIO:
    """A file to read from, in bytes.

    Raises:
        ScriptError: it is not there, is no regular file (a FIFO is not waited for), has more than `most` bytes, or is
            mostly holes. The message begins with `where` or the path.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
    try:
        descriptor = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except (OSError, ValueError) as error:
        near = near_place(Path(path)) if isinstance(error, FileNotFoundError) else ""
        raise ScriptError(f"{where or path}: {getattr(error, 'strerror', None) or error}{near}") from error
    try:
        state = os.fstat(descriptor)
        if stat.S_ISDIR(state.st_mode):
            raise ScriptError(f"{path}: a folder, and a file is expected")
        if not stat.S_ISREG(state.st_mode):
            raise ScriptError(f"{path}: no regular file (a pipe, a device or a socket)")
        if state.st_size > allowed(most):
            raise too_much(
                path, f"{bytes_text(state.st_size)} are more than the {bytes_text(allowed(most))} that are read"
            )
        on_disk = getattr(state, "st_blocks", state.st_size) * 512
        if on_disk < state.st_size:
            check_inflation(path, state.st_size, on_disk)
        return open(descriptor, "rb", buffering=2**18)
    except BaseException:
        with contextlib.suppress(OSError):
            os.close(descriptor)
        raise


def check_inflation(where: object, size: int, source: int) -> None:
    """ScriptError when `source` bytes have become more than they honestly do."""
    if size > allowed(FREE_INFLATION) and size > allowed(MOST_INFLATION) * max(source, 4096):
        raise too_much(where, f"{bytes_text(source)} on the disk hold {bytes_text(size)} or more, as a bomb does")


def is_input(path: str | Path) -> bool:
    """Whether a regular file is there."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False


def input_bytes(path: str | Path, most: int = MAX_DOCUMENT, where: str = "") -> bytes:
    """A file's bytes; ScriptError, beginning with `where` or the path, when it cannot be read or is above `most`."""
    try:
        with open_input(path, most, where) as file:
            return whole_content(file, path, most)  # counted: /proc has files of size 0 with content
    except OSError as error:
        raise ScriptError(f"{where or path}: {error.strerror or error}") from error


def input_text(path: str | Path, most: int = MAX_DOCUMENT, where: str = "") -> str:
    """A file's text in UTF-8, without a byte order mark; ScriptError when it is none."""
    data = input_bytes(path, most, where)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ScriptError(f"{where or path}: no text in UTF-8 (byte {error.start})") from error


def check_card_size(text: str, where: object) -> None:
    """ScriptError for a card that is no page for people: more lines, table rows or columns than anybody reads."""
    lines = text.count("\n")
    rows = text.count("|\n") + len(re.findall("<tr", text, re.IGNORECASE))
    for number, most, what in ((lines, MAX_CARD_LINES, "lines"), (rows, MAX_CARD_ROWS, "rows of tables")):
        if number > allowed(most):
            raise too_much(where, f"{number:,} {what} are more than the {allowed(most):,} that are read")
    if text.count("|") > allowed(MAX_CARD_COLUMNS) and (
        most := max(line.count("|") for line in text.splitlines() or [""])
    ) > allowed(MAX_CARD_COLUMNS):
        raise too_much(where, f"a table of {most:,} columns")


class Inflated(io.RawIOBase):
    """What a packed file gives, counted: ScriptError once it is more than its own size explains."""

    def __init__(self, inner: BinaryIO, source: BinaryIO, where: object) -> None:
        self.inner, self.source, self.where, self.given = inner, source, where, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.inner.read1(len(buffer))  # what is there before a damaged place is given, too
        self.given += len(data)
        check_inflation(self.where, self.given, self.source.tell())
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self.inner.close()
        self.source.close()
        super().close()


def open_inflated(path: str | Path, unpack: Callable[[BinaryIO], Any]) -> io.BufferedReader:
    """A packed file's content; `unpack` makes what gives it (`read1`, `close`) of the file, as gzip.open does."""
    source = open_input(path)
    return io.BufferedReader(Inflated(unpack(source), source, path), 2**20)


def input_lines(file: BinaryIO, where: object) -> Iterator[bytes]:
    """The lines of an open file with their ends; ScriptError for one without measure."""
    most = allowed(MOST_OF_LINE)
    number = 0
    while line := file.readline(most + 1):
        number += 1
        if len(line) > most:
            raise too_much(where, f"line {number} has more than {bytes_text(most)}")
        yield line


def stored_lines(path: Path, content: bytes | None = None) -> Iterator[bytes]:
    """The lines of a samples file, without their ends."""
    data = input_bytes(path, MAX_SAMPLES) if content is None else content
    yield from (line.rstrip(b"\r\n") for line in input_lines(io.BytesIO(data), path))


def whole_content(file: BinaryIO, where: object, most: int = MAX_DOCUMENT) -> bytes:
    """What is left of an open file; ScriptError when it is more than `most` bytes."""
    limit, pieces, size = allowed(most), [], 0
    # Asking for more takes memory for more, even of a small file.
    while piece := file.read(min(max(size, LEAST_OF_READ), MOST_OF_READ, limit + 1 - size)):
        pieces.append(piece)
        size += len(piece)
    if size > limit:
        raise too_much(where, f"more than the {bytes_text(limit)} that are read at once")
    return b"".join(pieces)


def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; ValueError when a key stands in it twice, since two readers would read two things."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))
        raise ValueError(f"the key {single_line(twice)[:60]!r} stands twice in one object")
    return found


def check_columns(path: Path, names: Iterable[str] | None) -> None:
    """ScriptError for a table with two columns of one name, of which a reader by names would see the last alone."""
    seen: set[str] = set()
    for name in names or ():
        if name and name in seen:
            raise ScriptError(f"{path}: two columns are called {single_line(repr(name))[:60]}: rename one", 1)
        seen.add(name)


def sheet_lines(rows: csv.DictReader[str]) -> Iterator[dict[str, Any]]:
    """The rows of a table, read strictly; csv.Error at a cell that runs over rows, as a quotation mark alone at its
    beginning makes it do: they would be gone without a word."""
    mark, own = rows.reader.dialect.delimiter, len(rows.fieldnames or ()) - 1
    for row in rows:
        for cell in row.values():
            inner = cell.split("\n") if isinstance(cell, str) and "\n" in cell else ()
            whole = sum(line.count(mark) for line in inner) == own * (len(inner) - 1) > 0
            if whole and (mark == "\t" or (len(inner) > 3 and all(line.count(mark) == own for line in inner[1:-1]))):
                raise csv.Error(
                    f"a quotation mark opens a text over {len(inner)} lines, rows themselves; one of the text's "
                    'own is written twice, within quotation marks: """Yes"" she said"'
                )
        yield row


NO_FIELD = "none"  # --map ROLE=none


def field_map(given: Iterable[str] | None, roles: Iterable[str], elsewhere: Collection[str] = ()) -> dict[str, str]:
    """--map ROLE=FIELD ...: role -> field of the file ("none" may stand several times: no field is it); ScriptError for
    what is none of these. elsewhere: roles that are fields of another file, which may be called as one of this."""
    mapped: dict[str, str] = {}
    for role, mark, name in (text.partition("=") for text in given or ()):
        if role not in roles or not mark or not name:
            raise ScriptError(f"--map {single_line(role)}: write ROLE=FIELD; the roles are {', '.join(roles)}")
        if mapped.setdefault(role, name) != name:
            raise ScriptError(f"--map {role}={mapped[role]} {role}={name}: one of them")
    own = {role: name for role, name in mapped.items() if name != NO_FIELD and role not in elsewhere}
    shared = [f"{role}={name}" for role, name in own.items() if list(own.values()).count(name) > 1]
    if shared:
        raise ScriptError(f"--map {' '.join(shared)}: one field for two things")
    return mapped


def strict_json(data: bytes | str, most: int = MAX_VALUES) -> Any:
    """A JSON value, with the NaN and Infinity that Python writes; ValueError when it is none.

    Refused are also keys that stand twice, more than `most` values, and nesting without measure.
    """
    text = data.decode("utf-8-sig") if isinstance(data, bytes) else data
    if len(text) > most and text.count(",") + text.count("[") + text.count("{") > allowed(most):
        raise ValueError(f"more than {allowed(most):,} values in one document ({FACTOR}=10 raises this tenfold)")
    try:
        return json.loads(text, object_pairs_hook=unique_keys)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def quick_json(data: bytes) -> Any:
    """As strict_json, by the fast parser where the document has no more values than are allowed in any case."""
    return strict_json_line(data, lenient=True) if len(data) < MAX_VALUES else strict_json(data)


def strict_json_line(line: bytes, lenient: bool = False) -> Any:
    """A line of JSON Lines, fast; refused are also keys that stand twice, and, if not `lenient`, NaN and Infinity."""
    try:
        import orjson
    except ImportError:  # a script that reads few lines goes without it
        return strict_json(line)
    try:
        value = orjson.loads(line)
    except ValueError:
        if not lenient:
            raise
        return strict_json(line)
    # orjson takes the last of two equal keys: written again, the value then has fewer colons than the line.
    try:
        hidden = ESCAPED_COLON.search(line)
        return value if not hidden and line.count(b":") == orjson.dumps(value).count(b":") else strict_json(line)
    except TypeError:  # nested more deeply than it writes
        return strict_json(line)


def json_values(content: bytes, made: Callable[[Any], Any] | None = None) -> list[Any] | None:
    """The values of JSON Lines, parsed some at a time; None where a line is to be looked at by itself: one without
    measure, one that is blank or no JSON, one in which a key may stand twice.

    made: what is kept of a value, so that the rest is gone before memory is full of it; raises nothing.
    """
    lines = io.BytesIO(content).readlines()  # finds their ends more quickly than `split`
    try:
        import orjson

        if max(map(len, lines), default=0) > allowed(MOST_OF_LINE) or ESCAPED_COLON.search(content):
            return None
        values, written = [], 0
        for i in range(0, len(lines), PARSED_AT_ONCE):
            piece = list(map(orjson.loads, lines[i : i + PARSED_AT_ONCE]))
            written += orjson.dumps(piece).count(b":")
            values += map(made, piece) if made else piece
    except (ImportError, TypeError, ValueError):
        return None
    return values if written == content.count(b":") else None  # see strict_json_line


def read_json(path: str | Path, most: int = MAX_DOCUMENT) -> Any:
    """The JSON value in a file; ScriptError when it cannot be read or is not JSON."""
    try:
        return strict_json(input_bytes(path, most))
    except ValueError as error:
        raise ScriptError(f"{path}: not valid JSON: {single_line(error)[:200]}") from error


def read_lines(path: Path) -> list[str]:
    """The lines of a file that are neither empty nor a comment, each once."""
    lines = (line.strip() for line in input_text(path).splitlines())
    return list(dict.fromkeys(line for line in lines if line and line[0] != "#"))


@contextlib.contextmanager
def time_limit(seconds: float, what: str) -> Iterator[None]:
    """ScriptError when what is done within takes longer; for patterns and templates that somebody else wrote.

    By a signal, which stops a regular expression and a template as well; without it where there are no such signals
    (Windows, threads).
    """
    usable = hasattr(signal, "setitimer") and threading.current_thread() is threading.main_thread()
    if not usable:
        yield
        return

    def stop(*_: object) -> None:
        raise ScriptError(f"{what}: not done after {seconds:g} s, and given up")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, allowed(1) * seconds if os.environ.get(FACTOR) else seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


# --- parts/metric_ranges.py -------------------------------------------------------------------------------------------

OUTSIDE_RANGE = "is outside the range of"  # what a record of a failure says where a file has another unit
# Metrics that are no proportion: unit, lowest, highest. The rest is a proportion when its values lie in 0..1.
METRIC_SCALES = {
    "bleu": ("points", 0.0, 100.0),
    "chrf": ("points", 0.0, 100.0),
    "chrf++": ("points", 0.0, 100.0),
    "ter": ("points", 0.0, None),
    "mcc": ("coefficient", -1.0, 1.0),
    "ppl": ("perplexity", 1.0, None),
    "perplexity": ("perplexity", 1.0, None),
    "word_perplexity": ("perplexity", 1.0, None),
    "byte_perplexity": ("perplexity", 1.0, None),
    "bits_per_byte": ("bits", 0.0, None),
    "edit_distance": ("characters", 0.0, None),
    "longest_common_prefix_length": ("tokens", 0.0, None),
    "summarization_density": ("ratio", 0.0, None),
    "summarization_compression": ("ratio", 0.0, None),
}
# A difference of two scores, or one counted from chance on, has no range of its own.
_OWN = r"(?!(?:.*_)?(?:delta|diff|difference|change|gain|relative|adjusted|normalized|balanced|neg)(?:_|$))(?:\w+_)?"
# Metrics that are proportions by their definition, for a score without items.
PROPORTIONS = re.compile(
    _OWN + r"(?:acc|accuracy|exact_match|em|f1|mc1|mc2)(?:_norm|_bytes|_mutual_info|_all)?|[pq]{1,2}em|extractive_match"
    r"|(?:pass|maj)@\d+|pass_at_\d+|contains"
)
# Those of them that are the mean of what each item has: by another rule they have another name.
MEANS = re.compile(  # of IFEval's final_acc and inst_strict_acc the items are no whole of theirs
    r"(?:(?:quasi|prefix|final_number)_)*(?:acc|accuracy|exact_match|em)"
    r"(?:_norm|_bytes|_mutual_info|_raw|_uncond|_per_(?:token|char|byte))?|extractive_match|pass(?:@|_at_)1"
)
SHARES = re.compile(
    _OWN + r"(?:precision|recall|s?bleu|sacrebleu|chrf\S*|meteor|rouge\w*|auc|auroc|ndcg\S*|mrr\S*|map(?:@\d+)?|"
    r"(?:win|pass|success|resolved|refusal|hallucination)_?rate|toxicity|anls|correct)"
)
NEVER_NEGATIVE = re.compile(
    _OWN + r"(?:wer|cer|ter|mse|mae|rmse|bpb|brier\w*|ece|calibration_error|error_rate|latency)"
)
COEFFICIENTS = re.compile(r"(?:\w+_)?(?:mcc|matthews_?corr\w*|pearson\w*|spearman\w*|kendall\w*|cohen_kappa|p_mrr)")


def bare_metric(name: str) -> str:
    """A metric's name without what stands around it: "mean/Exact Match,none" -> "exact_match"."""
    bare = name.split(",", 1)[0].rsplit("/", 1)[-1].strip().split(":", 1)[0]
    return re.sub(r"[ -]+", "_", bare).lower()


def is_share_metric(name: str) -> bool:
    """Whether a metric is a share of right answers by its definition, so that bounds of 0 and 100 mean percent."""
    return PROPORTIONS.fullmatch(bare_metric(name)) is not None


def is_item_mean(name: str) -> bool:
    """Whether a metric is the mean of its items' values, as far as its name tells."""
    return MEANS.fullmatch(bare_metric(name)) is not None


def possible_range(name: str) -> tuple[float, float]:
    """Lowest and highest value of a metric in whatever unit: a share is 0 to 1, or 0 to 100 in percent.

    Infinite where the name does not tell.
    """
    folded = bare_metric(name)
    if COEFFICIENTS.fullmatch(folded):
        return -100.0, 100.0
    if folded in METRIC_SCALES:
        _, low, high = METRIC_SCALES[folded]
        return -math.inf if low is None else low, math.inf if high is None else high
    if PROPORTIONS.fullmatch(folded) or SHARES.fullmatch(folded):
        return 0.0, 100.0
    return 0.0 if NEVER_NEGATIVE.fullmatch(folded) else -math.inf, math.inf


# --- parts/vocabulary.py ----------------------------------------------------------------------------------------------

WITH_TOOLS = re.compile(
    r"(?i)(?:(?<![a-z])(?:with|w/|using|\+)\s*(?:python|tools?|search|browsing)\b|[(\[]\s*tools?\s*[)\]])"
)

# Words for "the share that is right", which a leaderboard of such a benchmark ranks.
RIGHT_ANSWERS = {"", "acc", "accuracy", "em", "exactmatch", "pass1", "score", "correct", "accnorm", "average", "avg"}
RIGHT_ANSWERS |= {"extractivematch", "quasiexactmatch", "qem", "pem", "pqem", "perfectem"}  # ways to find the answer
MEASURED_ON = "measured on "
MAPPING_FILE = Path(__file__).resolve().parent.parent / "metric_mapping.json"


# What converters write as a result's name when they have none but the scorer's: the data set is the benchmark, then.
SCORER_NAMES = {
    "choice", "match", "includes", "exact", "pattern", "answer", "accuracy", "acc", "score", "overall", "mean", "f1",
    "exactmatch", "modelgradedfact", "modelgradedqa", "expression", "average", "total",
}  # fmt: skip
# In the names of HELM's runs: how was asked, not what.
_WAYS = "(?:method|use_official_examples|use_chain_of_thought|output_format_instructions|eval_split|num_output_tokens)"
HELM_SETTING = re.compile(rf"(?<=[:,]){_WAYS}=[^,]*,?|,{_WAYS}=[^,]*")
MEANS_OF_ALL = {"all", "average", "overall", "mean", "total"}  # what harnesses call the mean of whatever was run


@dataclass(frozen=True, slots=True)
class MetricMapping:
    """metric_mapping.json: canonical keys, their entries, and every spelling that leads to one."""

    entries: Mapping[str, Mapping[str, Any]]
    names: Mapping[str, str]
    harness_names: Mapping[str, Mapping[str, str]]
    part_names: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # a group's task -> (key, part)

    def key(self, name: str) -> str | None:
        """The canonical key of a name as people write it, or None."""
        return self.names.get(normalize_name(name))

    def task_key(self, task: str, library: str) -> tuple[str, str]:
        """(canonical key, subtask) of a harness's task name; an unknown name is its own key."""
        return self.find_task(task, library) or (bare_task(task), "")

    def find_task(self, task: str, library: str) -> tuple[str, str] | None:
        """(canonical key, subtask) of a harness's task name, or None for an unknown name.

        The whole name goes before a cut one, the harness's own spelling before the general one, and what is left of a
        cut name is no category: lighteval's "summarization:xsum" -> ("xsum", ""), "mmlu:anatomy" -> ("mmlu", "anatomy")
        """
        own = self.harness_names.get(library_field(library), {})
        name = HELM_SETTING.sub("", bare_task(task)).rstrip(":,")
        if len(name) > LONGEST_TASK or normalize_name(name) in MEANS_OF_ALL:
            return None
        if normalize_name(name) not in self.names and name in self.part_names:
            return self.part_names[name]
        for end in (len(name), *(m.start() for m in reversed(list(re.finditer("[:,]", name))))):
            for spelling in (name[:end], name[:end].rsplit("/", 1)[-1]):
                folded = normalize_name(spelling)
                key = own.get(folded) or self.names.get(folded)
                if key and (end == len(name) or self.entries[key]["kind"] != "category"):
                    subtask = name[end + 1 :]
                    return key, "" if subtask == "_average" else subtask
        return None

    def find_data(self, task: str, source: Mapping[str, Any], metric: str) -> tuple[str, str] | None:
        """As find_task, by the data of a record: for a result that is called what its scorer or metric is."""
        name = str(source.get("dataset_name") or "") or str(source.get("hf_repo") or "").rpartition("/")[2]
        return self.find_task(name, "") if is_named_after(task, metric) else None

    def category(self, key: str) -> str | None:
        """The category that a benchmark counts for, or None."""
        return self.entries.get(key, {}).get("category")

    def place(self, key: str) -> tuple[float, str]:
        """Its place in tables: by the order that an own benchmark's entry gives, else by name."""
        order = self.entries.get(key, {}).get("order")
        return math.inf if order is None else order, key

    def title(self, key: str) -> str:
        """The display name of a key."""
        return self.entries.get(key, {}).get("name") or key

    def measured_title(self, key: str, metric: str | None) -> str:
        """The same with the metric, unless it is the benchmark's usual one or plain accuracy: "HumanEval pass_at_8"."""
        usual = self.entries.get(key, {}).get("metric")
        if not metric or metric_key(metric) in {metric_key(usual or ""), *map(metric_key, PLAIN_METRICS)}:
            return self.title(key)
        return f"{self.title(key)} {metric}"


def one_metric(having: Mapping[str, Collection[Hashable]], usual: str) -> str:
    """Of some metrics the one by which models are held together: that which most have, of equals the usual one.

    having: metric -> the models with a result of it.
    """
    return min(having, key=lambda metric: (-len(having[metric]), metric != usual, metric))


PLAIN_METRICS = ("accuracy", "acc_norm", "exact_match", "score", "mean")


@dataclass(frozen=True, slots=True)
class StepFormula:
    """min(curve(step / 100), cap), rounded to three decimals; `weight` in the reference's alternative mean."""

    curve: Callable[[float], float]
    cap: float
    weight: float


# The reference scoring: synthetic, from the step number alone.
STEP_FORMULAS: dict[str, StepFormula] = {
    "math_reasoning": StepFormula(lambda x: 0.3 + 0.5 * (1 - 1 / (1 + 0.1 * x)), 0.95, 1.2),
    "logical_reasoning": StepFormula(lambda x: 0.2 + 0.65 / (1 + math.exp(-0.5 * (x - 4))), 0.93, 1.2),
    "common_sense": StepFormula(lambda x: 0.45 + 0.4 * x / (x + 4), 0.87, 1.0),
    "reading_comprehension": StepFormula(lambda x: 0.4 + 0.45 * (1 - 1 / (1 + 0.2 * x)), 0.86, 1.0),
    "question_answering": StepFormula(lambda x: 0.35 + 0.5 * math.sqrt(x) / (math.sqrt(x) + 3), 0.91, 1.1),
    "text_classification": StepFormula(lambda x: 0.4 + 0.45 * (1 - math.exp(-0.3 * x)), 0.88, 0.9),
    "sentiment_analysis": StepFormula(lambda x: 0.5 + 0.35 * x / (x + 2), 0.89, 0.9),
    "code_generation": StepFormula(lambda x: 0.25 + 0.6 * x / (x + 5), 0.92, 1.1),
    "creative_writing": StepFormula(lambda x: 0.25 + 0.6 * (1 - 1 / (1 + 0.15 * x)), 0.91, 0.9),
    "dialogue_generation": StepFormula(lambda x: 0.3 + 0.55 * x**0.7 / (x**0.7 + 3), 0.90, 1.0),
    "summarization": StepFormula(lambda x: 0.35 + 0.5 * (1 - 2 / (x + 2)), 0.89, 1.0),
    "translation": StepFormula(lambda x: 0.5 + 0.35 * x / (x + 1.5), 0.88, 1.0),
    "knowledge_retrieval": StepFormula(lambda x: 0.4 + 0.45 * x**0.6 / (x**0.6 + 2.5), 0.87, 1.0),
    "instruction_following": StepFormula(lambda x: 0.45 + 0.4 * x / (x + 3), 0.88, 1.1),
    "safety_evaluation": StepFormula(lambda x: 0.6 + 0.25 * x / (x + 8), 0.86, 1.1),
}
CATEGORY_ORDER = {key: i for i, key in enumerate(STEP_FORMULAS)}


LONGEST_TASK = 1_000  # characters of a task's name; each of its commas is looked at


_NO_NAME = re.compile(r"[\W_]+")
_ASCII_NAME = {code: chr(code).lower() if chr(code).isalnum() else None for code in range(128)} | {ord("+"): "plus"}


@functools.lru_cache(maxsize=20_000)
def normalize_name(text: str) -> str:
    """Fold a benchmark's or column's name to its letters and digits, so that spellings of one name compare equal.

    "MMLU-Pro", "mmlu_pro" -> "mmlupro"; "HumanEval+" -> "humanevalplus"; "∞Bench" -> "infinitebench", not "bench"
    """
    if text.isascii():
        return text.translate(_ASCII_NAME)
    spoken = unicodedata.normalize("NFKC", text).casefold().replace("+", "plus").replace("∞", "infinite")
    return _NO_NAME.sub("", spoken)


def library_field(library: str) -> str:
    """The field of metric_mapping.json for a harness: "inspect_ai" -> "inspect", "lm-eval" -> "lm_eval"."""
    folded = normalize_name(library)
    return {"inspectai": "inspect", "inspectevals": "inspect", "lmeval": "lm_eval", "crfmhelm": "helm"}.get(
        folded, folded
    )


def bare_task(task: str) -> str:
    """A task's name without suite, shots and model: "leaderboard|mmlu:anatomy|5" -> "mmlu:anatomy"."""
    parts = single_line(task).split("|")
    while len(parts) > 1 and parts[-1].isdecimal():
        parts.pop()
    return re.sub(r"[:,]model(?:_deployment)?=[^,]*", "", parts[-1])


def vocabulary_of(entries: Mapping[str, Any]) -> MetricMapping:
    """The content of metric_mapping.json, with every spelling that leads to an entry."""
    names = {}
    for key, entry in entries.items():
        names |= {normalize_name(name): key for name in (key, entry["name"], *entry["aliases"])}
    fields = ("lighteval", "inspect", "lm_eval", "helm")
    own = {
        f: {normalize_name(e[f].removeprefix("inspect_evals/")): k for k, e in entries.items() if e.get(f)}
        for f in fields
    }
    parts = {
        f"{prefix}{name}{rule['suffix']}": (key, name if place == 0 else f"{rule['group']}/{name}")
        for key, entry in entries.items()
        for place, rule in enumerate(entry.get("parts") or ())
        for prefix in rule["prefix"].split()  # the names of one set in several harnesses
        for name in rule["names"].split()
    }
    return MetricMapping(entries, names, own, parts)


def other_data(entry: Mapping[str, Any], repo: Any) -> str:
    """What is said of a result on a data set of the Hub that is not known to hold a benchmark's items.

    Known are those that its entry names: the benchmark's own and its copies, of old names without an owner the last
    part. Nothing is said where the entry names none.
    """
    own = [(entry.get(place) or {}).get(name) for place, name in (("hub", "dataset_id"), ("model_index", "type"))]
    names = {name.casefold() for name in (*filter(None, own), *str(entry.get("copies") or "").split())}
    given = repo.casefold() if isinstance(repo, str) and re.fullmatch(r"[\w.-]+(?:/[\w.-]+)?", repo) else ""
    known = names | {name.rpartition("/")[2] for name in names}
    if entry.get("own") or not given or not any("/" in name for name in names) or given in known:
        return ""
    return f"{MEASURED_ON}{repo}, which is not known to hold the items of {entry.get('name') or own[0]}"


def is_named_after(task: str, *names: str) -> bool:
    """Whether a result is called what its scorer is, or one of these: its metric, its data."""
    return normalize_name(task) in SCORER_NAMES | {normalize_name(name) for name in names}


UNIT_WORDS = {
    **dict.fromkeys(("%", "percent", "percents", "per cent", "percentage", "percentages", "pct", "pct."), "percent"),
    **dict.fromkeys(("proportion", "proportions", "fraction", "fractions", "share", "probability"), "proportion"),
    **dict.fromkeys(("point", "points", "pts"), "points"),
    **dict.fromkeys(("", "unknown", "none", "null", "n/a", "unspecified", "unitless"), ""),
}
UNIT_OF_BOUNDS = {(0, 1): "proportion", (0, 100): "percent"}


def stated_unit(metric: Mapping[str, Any]) -> str | None:
    """The unit that a metric states, in one spelling ("%", "pct" -> "percent"), or that its bounds are those of: 0 to
    1, 0 to 100; None when neither says it. ValueError where they contradict each other.

    A word that is no unit of shares ("score", "points", "ratio") yields to the bounds where the metric is a share.
    """
    given, bounds = metric.get("metric_unit"), (metric.get("min_score"), metric.get("max_score"))
    by_bounds = UNIT_OF_BOUNDS.get(bounds)
    word = re.sub(r"\s*[(\[].*", "", single_line(given)).strip() if isinstance(given, str) else ""
    unit = UNIT_WORDS.get(word.casefold(), word[:40])
    if unit not in ("proportion", "percent"):
        names = [str(name) for name in (metric.get("metric_id"), metric.get("metric_name")) if name]
        share = word.casefold() == "ratio" or any(is_share_metric(name) for name in names)
        return (by_bounds if share else None) or unit or by_bounds
    if is_number(bounds[1]) and (bounds[1] <= 1 if unit == "percent" else bounds[1] >= 100):
        raise ValueError(f"the unit is {single_line(given)}, and the highest score {bounds[1]:g}")
    return unit


def unit_and_range(metric: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[str, float, float]:
    """Unit, lowest and highest score of a metric: as the record says, else as metric_mapping.json does.

    A record without a unit has that of its benchmark, when it is about the benchmark's main metric.
    """
    name = metric.get("metric_id") or metric.get("metric_name")
    main = not name or entry.get("metric") is None or same_metric(str(name), str(entry["metric"]))
    low, high = (limit if is_number(limit := metric.get(name)) else None for name in ("min_score", "max_score"))
    unit = stated_unit(metric) or (entry and main and not metric.get("metric_unit") and entry["unit"]) or "unknown"
    if main and entry and entry["unit"] == unit:
        default = entry["range"]
    else:
        default = {"proportion": (0, None if metric.get("lower_is_better") else 1), "percent": (0, 100)}.get(unit)
    default = default or (None, None)
    low = default[0] if low is None else low
    high = default[1] if high is None else high
    return str(unit), -math.inf if low is None else low, math.inf if high is None else high


def range_in_any_unit(metric: Mapping[str, Any], entry: Mapping[str, Any]) -> tuple[float, float]:
    """Lowest and highest score that a metric can have whatever unit its record states, or does not know.

    By the metric's names and, of a benchmark's main metric, by its range: a share is 0 to 1, or to 100 in percent.
    """
    names = [str(name) for name in (metric.get("metric_id"), metric.get("metric_name")) if name]
    ranges = [possible_range(name) for name in names]
    if entry.get("range") and (
        not names or any(name == "score" or same_metric(name, str(entry["metric"])) for name in names)
    ):
        low, high = (
            default if limit is None else limit
            for limit, default in zip(entry["range"], (-math.inf, math.inf), strict=True)
        )
        if entry["unit"] in ("proportion", "percent"):
            high = max(high, 100.0)
        elif stated_unit(metric):
            low, high = min(low, 0.0), math.inf
        ranges.append((low, high))
    return max((low for low, _ in ranges), default=-math.inf), min((high for _, high in ranges), default=math.inf)


folded_name = normalize_name


def metric_type(metric: str | None) -> str | None:
    """The Hub's metric type for a card's word: "Acc." -> accuracy, "pass@1" -> pass@1."""
    if not metric:
        return None
    folded = normalize_name(metric)
    known = {
        "acc": "accuracy",
        "accuracy": "accuracy",
        "em": "exact_match",
        "exactmatch": "exact_match",
        "f1": "f1",
        "bleu": "bleu",
        "wer": "wer",
        "cer": "cer",
        **{
            f"{level}{middle}{how}{end}": f"{level}_level_{how}_acc"
            for level in ("prompt", "inst")
            for how in ("strict", "loose")
            for middle, end in (("", ""), ("level", "accuracy"))
        },
    }
    return known.get(folded) or re.sub(r"[^\w@]+", "_", metric.lower()).strip("_") or None


@functools.lru_cache(maxsize=10_000)
def metric_key(name: str) -> str:
    """One spelling of a metric's name, with its filter where it has one that says something.

    "acc", "acc,none", "Accuracy" -> "accuracy"; "exact_match,flexible-extract" -> "exactmatch,flexibleextract"
    """
    base, _, chosen = name.replace("pass@", "pass_at_").partition(",")
    folded = normalize_name(metric_type(base) or "")
    folded = {"ppl": "perplexity", "mcc": "matthewscorrelation"}.get(folded, folded)
    chosen = normalize_name(chosen)
    return folded if chosen in ("", "none") else f"{folded},{chosen}"


def is_of_raters(metric: str | None) -> bool:
    """Whether a metric says how far raters agree, which is no score of the model that they rated."""
    return metric_key(metric or "") in ("krippendorff", "krippendorffalpha")


def same_metric(one: str, other: str) -> bool:
    """Whether two spellings are of one metric."""
    return metric_key(one) == metric_key(other)


def is_result_named(text: str, result_id: str) -> bool:
    """Whether a person may mean a result by this: its id, or the task (with or without shots) and a spelling of its
    metric: "my_quiz/acc", "my_quiz/accuracy", "my_quiz|0/acc,none"."""
    (task, _, metric), (own_task, _, own_metric) = text.rpartition("/"), result_id.rpartition("/")
    shots, own_shots = (re.search(r"\|(\d+)$", name) for name in (task, own_task))
    return text == result_id or (
        normalize_name(bare_task(task)) == normalize_name(bare_task(own_task))
        and (shots is None or (own_shots is not None and int(shots[1]) == int(own_shots[1])))
        and same_metric(metric, own_metric)
    )


def own_key(name: str, measured: Iterable[str]) -> str:
    """The measured benchmark that a name means ("My Quiz": my_quiz), else the name as it is."""
    own = {normalize_name(key): key for key in measured}
    return name if name in own.values() else own.get(normalize_name(name), name)


def named_results(wanted: Iterable[str], known: Iterable[str], flag: str = "--result-id") -> frozenset[str]:
    """The ids of the results that an option names (a metric alone where one result has it), what was understood said;
    ScriptError for one that none has."""
    known = sorted(set(known))
    found: set[str] = set()
    for text in wanted:
        own = [one for one in known if one == text] or [one for one in known if is_result_named(text, one)]
        if not own and len(last := [one for one in known if same_metric(text, one.rpartition("/")[2])]) == 1:
            own = last
        if not own:
            near = nearest(text, known) or f"; there are: {listing(known, 20)}"
            raise ScriptError(f"{flag}: no record has {single_line(text)}{near}")
        if own != [text]:
            note(f"note: {flag} {single_line(text)}: {listing(own, 10)}")
        found |= set(own)
    return frozenset(found)


@functools.cache
def read_mapping() -> dict[str, Any]:
    """metric_mapping.json beside the scripts folder; empty, with a note, when it is not there."""
    if not MAPPING_FILE.is_file():
        note("note: no metric_mapping.json beside scripts/; every key is null")
        return {}
    return read_json(MAPPING_FILE)


# --- parts/metadata/entries.py ----------------------------------------------------------------------------------------

OWN_FILES = "own files"  # in an Entry's data set: measured on files of one's own, whatever the benchmark's name
NOT_THE_HUBS = "measured on files of one's own, not on the Hub's data set"
SCORE_KEYS = (
    "table", "benchmark", "value", "raw", "unit", "shots", "metric", "group", "heading", "row", "column", "key",
    "notes", "also",
)  # fmt: skip


@dataclass(slots=True)
class Score:
    """One score of the model, as the card shows it, with all that tells it from another one."""

    table: int
    benchmark: str
    value: float
    raw: str
    unit: str | None  # "percent" or "proportion", where the table says so
    shots: str | None
    metric: str | None
    group: str | None
    heading: str | None
    row: int
    column: int
    key: str | None = None
    notes: str | None = None  # the variant: "With tools", "Thinking"; None is the benchmark's default
    also: list[dict[str, int]] = field(default_factory=list)  # table, row, column where the same stands once more

    def as_json(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in SCORE_KEYS}

    def place(self) -> tuple[str, ...]:
        """What two results of the same thing share."""
        return tuple(
            folded_name(part) if part else "" for part in (self.benchmark, self.metric, self.shots, self.notes)
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """One result to publish, wherever it was read: a card's table, a record, the Artificial Analysis API."""

    benchmark: str  # the source's label, plain text
    value: float  # as the source gives it
    origin: str  # where exactly, for people: "table 2, row 3, column 4", "evaluations.mmlu_pro", a record's path
    key: str | None = None  # canonical key in metric_mapping.json
    unit: str | None = None  # "percent", "proportion", "points"; None: the source does not say
    metric: str | None = None  # the source's word for the metric
    shots: str | None = None  # "5-shot"
    variant: str | None = None  # "With tools"; None is the benchmark's default
    task_type: str | None = None  # the Hub's task, when the source knows it; else --task-type says
    dataset: tuple[tuple[str, str], ...] = ()  # what the source says: type, name, config, split, ...
    source_name: str | None = None
    source_url: str | None = None
    date: str | None = None  # ISO 8601, when it was evaluated; None: the source does not say
    samples: int | None = None  # how many were scored, when the source says
    standard_error: float | None = None  # in the unit of the value
    lower_is_better: bool | None = None  # None: the source does not say


@dataclass(frozen=True, slots=True)
class Finding:
    """What validate has to say about one place of the metadata."""

    path: str  # "model-index[0].results[3].metrics[0].value", ".eval_results/hle.yaml[0].value"
    severity: str  # "error" or "warning"
    message: str


@dataclass(frozen=True, slots=True)
class Sending:
    """How a change goes to the Hub: as a new pull request, to a revision (refs/pr/N), else to the main branch."""

    create_pr: bool = False
    revision: str | None = None
    message: str | None = None


# --- parts/yaml_tree.py -----------------------------------------------------------------------------------------------

MAX_YAML = 5_000_000  # characters of a document
MAX_NODES = 1_000_000  # values in it after its aliases are expanded
MAX_DEPTH = 100
NUMBER_TAGS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
# A number for YAML 1.1, which PyYAML reads, and a text or another number for 1.2: 1:30 (to base 60), 1_000, 010, 0b1.
OLD_NUMBER = re.compile(r"[-+]?(?:.*[:_].*|0[0-7]+|0b.*)")


@dataclass(slots=True)
class YamlNode:
    """A value in a YAML text: what it is, where its characters are, and what it holds."""

    kind: str  # "mapping", "sequence", "scalar" or "alias"
    start: int
    line: int  # from 1
    column: int
    flow: bool = True  # written in one piece: {...}, [...], a scalar, an alias
    marked: bool = False  # a mapping or sequence that starts with an anchor or a tag
    end: int = 0  # behind its last character; of a block mapping or sequence, behind its last value
    items: list[YamlNode] = field(default_factory=list)  # of a mapping: key, value, key, value, ...
    text: str = ""
    key: str | None = None  # the text of a scalar, or of the scalar that an alias stands for
    size: int = 1  # values in it, aliases expanded

    def get(self, name: str) -> YamlNode | None:
        """The value under a key of a mapping; the node of the key stands before it in `items`."""
        pairs = zip(self.items[::2], self.items[1::2], strict=False) if self.kind == "mapping" else ()
        return next((value for key, value in pairs if key.kind == "scalar" and key.text == name), None)


def load_yaml(text: str, name: str, first_line: int = 1) -> tuple[Any, YamlNode | None]:
    """The values in a YAML text, and where they stand; ScriptError with line and reason.

    Loaded safely: a tag such as !!python is an error, and aliases that would expand to more than MAX_NODES are refused
    before anything is expanded. What is a number in YAML 1.1 alone is a text.
    """
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        def construct_object(self, node: Any, deep: bool = False) -> Any:
            if node.tag in NUMBER_TAGS and isinstance(node.value, str) and OLD_NUMBER.fullmatch(node.value):
                return node.value
            try:
                return super().construct_object(node, deep)
            except (ValueError, TypeError, OverflowError) as error:  # an impossible date: say where
                raise yaml.constructor.ConstructorError(None, None, str(error)[:200], node.start_mark) from error

    if len(text) > MAX_YAML:
        raise ScriptError(f"{name}: {len(text):,} characters of YAML are more than the {MAX_YAML:,} that are read")
    try:
        root = place_nodes(yaml.parse(text, Loader=Loader), name, first_line)
        return yaml.load(text, Loader=Loader), root
    except yaml.MarkedYAMLError as error:
        mark, start = error.problem_mark or error.context_mark, error.context_mark
        line = f", line {mark.line + first_line}" if mark else ""
        since = f" {error.context} that began in line {start.line + first_line}" if start and start != mark else ""
        raise ScriptError(f"{name}{line}: not valid YAML: {error.problem or error.context}{since}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + first_line
        raise ScriptError(f"{name}, line {line}: not valid YAML: a control character, {error.character!r}") from error
    except RecursionError as error:
        raise ScriptError(f"{name}: not valid YAML: nested too deeply") from error


def place_nodes(events: Iterator[Any], name: str, first_line: int) -> YamlNode | None:
    """The tree of YAML events, without recursion; ScriptError for repeated keys and aliases without measure."""
    top = YamlNode("sequence", 0, 0, 0)
    stack, anchors, texts, kinds = [top], {}, {}, {"MappingStartEvent": "mapping", "SequenceStartEvent": "sequence"}
    for event in events:
        kind = type(event).__name__
        if kind in kinds or kind in ("ScalarEvent", "AliasEvent"):
            mark = event.start_mark
            node = YamlNode(kinds.get(kind, "scalar"), mark.index, mark.line + first_line, mark.column)
            node.end = event.end_mark.index
            if kind == "AliasEvent":
                node.kind, node.size = "alias", anchors.get(event.anchor, MAX_NODES)  # inside itself: without end
                node.key = texts.get(event.anchor)
            elif event.anchor:
                anchors[event.anchor] = MAX_NODES if kind in kinds else 1
                texts[event.anchor] = event.value if kind == "ScalarEvent" else None
            stack[-1].items.append(node)
            if kind in kinds:
                node.flow, node.text = bool(event.flow_style), event.anchor or ""
                node.marked = bool(event.anchor or event.tag)
                stack.append(node)
                if len(stack) > MAX_DEPTH:
                    raise ScriptError(f"{name}, line {node.line}: nested more than {MAX_DEPTH} deep")
                continue
            node.text = event.value if kind == "ScalarEvent" else ""
            node.key = event.value if kind == "ScalarEvent" else node.key
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            node = stack.pop()
            if node.flow or not node.items:
                node.end = event.end_mark.index
            if node.text:
                anchors[node.text] = node.size
            if node.kind == "mapping":
                refuse_repeated_keys(node, name)
        else:
            continue
        stack[-1].size += node.size
        stack[-1].end = max(stack[-1].end, node.end)
        if stack[-1].size > MAX_NODES:
            raise ScriptError(f"{name}, line {node.line}: aliases expand to more than {MAX_NODES:,} values")
    return top.items[0] if top.items else None


def refuse_repeated_keys(node: YamlNode, name: str) -> None:
    """PyYAML takes the last of two equal keys, the Hub refuses the file: so is it here."""
    seen: set[str] = set()
    for key in node.items[::2]:
        if key.key in seen and key.key != "<<":
            raise ScriptError(f"{name}, line {key.line}: the key {key.key!r} occurs twice")
        seen.add(str(key.start) if key.key is None else key.key)


# --- parts/metadata/front_matter.py -----------------------------------------------------------------------------------

MAX_CARD = 20_000_000  # characters of a card; the Hub shows at most a few MB

# The block that the Hub's client takes for metadata; here also an empty one, and one behind a byte order mark.
FRONT_MATTER = re.compile(
    r"\A(?P<open>\ufeff?\s*---[ \t]*(?:\r\n|\r|\n))(?P<yaml>.*?)(?P<close>^---[ \t]*(?:\r\n|\r|\n|\Z))", re.S | re.M
)
FRONT_WITHOUT_END = re.compile(r"\ufeff?\s*---[ \t]*\r?\n\s*[\w-]+:(?:\s|$)")
EVAL_RESULTS = ".eval_results/"
EVAL_FILE = re.compile(r"\.eval_results/[^/]+\.ya?ml")  # the Hub reads none in folders below
# Texts that YAML 1.2 takes for numbers and PyYAML, which reads 1.1, does not: 1e3, 0o17.
NUMBER_OF_12 = re.compile(
    r"[-+]?(?:0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+|(?:\.\d[\d_]*|\d[\d_]*(?:\.[\d_]*)?)(?:[eE][-+]?\d+)?)"
)
BREAK_OF_11 = re.compile("[\x85\u2028\u2029]")  # ends of lines in YAML 1.1 alone
NO_TOOLS = re.compile(r"(?i)(?<![a-z])(?:no|without|w/o)[\s-]*(?:python|tools?|search|browsing)\b")


@dataclass(slots=True)
class FrontMatter:
    """A card's metadata: the texts around it, its own text, its values, and where they stand."""

    before: str
    yaml: str
    after: str
    values: dict[str, Any]
    root: YamlNode | None  # None: it is empty
    newline: str

    @property
    def results(self) -> list[dict[str, Any]]:
        return [result for model in self.values.get("model-index") or [] for result in model.get("results") or []]


def front_block(text: str, name: str) -> re.Match[str] | None:
    """A card's front matter, None without one; ScriptError for one that the Hub does not read as such."""
    found = FRONT_MATTER.match(text)
    if not found and re.match(r"\ufeff?\s*---[ \t]*\r(?!\n)", text):
        raise ScriptError(f"{name}, line 1: its lines end in CR alone, which the Hub does not read; convert them first")
    if not found and FRONT_WITHOUT_END.match(text):
        raise ScriptError(f"{name}, line 1: the front matter has no closing ---, so the Hub reads no metadata")
    return found


def read_metadata(text: str, name: str) -> FrontMatter:
    """Take a card's front matter apart; ScriptError with line and reason when it is malformed."""
    newline = "\r\n" if "\r\n" in text[:MAX_YAML] else "\n"
    found = front_block(text, name)
    if not found:
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        return FrontMatter(f"{mark}---{newline}", "", f"---{newline}{text[len(mark) :]}", {}, None, newline)
    before, yaml_text, close = found["open"], found["yaml"], found["close"]
    first_line = before.count("\n") + 1
    values, root = load_yaml(yaml_text, name, first_line)
    if values is None:
        values, root = {}, None
    if not isinstance(values, dict):
        raise ScriptError(f"{name}, line {first_line}: the front matter is no mapping of keys to values")
    check_shape(values, root, name, first_line)
    return FrontMatter(before, yaml_text, close + text[found.end() :], values, root, newline)


def check_shape(values: dict[str, Any], root: YamlNode | None, name: str, first_line: int) -> None:
    """ScriptError when model-index has not the form that results can be added to."""
    node = root.get("model-index") if root else None
    line = node.line if node else first_line

    def need(value: Any, kind: type, what: str) -> None:
        if not isinstance(value, kind):
            wanted = "a list" if kind is list else "a mapping"
            raise ScriptError(f"{name}, line {line}: {what} is {type(value).__name__}, not {wanted}; correct it first")

    models = values.get("model-index")
    if models is None:
        return
    need(models, list, "model-index")
    for i, model in enumerate(models):
        need(model, dict, f"model-index[{i}]")
        if not model.get("name"):
            raise ScriptError(f"{name}, line {line}: model-index[{i}] has no name; correct it first")
        if model.get("results") is None:
            continue
        need(model["results"], list, f"model-index[{i}].results")
        for j, result in enumerate(model["results"]):
            place = f"model-index[{i}].results[{j}]"
            need(result, dict, place)
            for part in ("task", "dataset", "source"):
                need(result.get(part) or {}, dict, f"{place}.{part}")
            need(result.get("metrics") or [], list, f"{place}.metrics")
            for k, metric in enumerate(result.get("metrics") or []):
                need(metric, dict, f"{place}.metrics[{k}]")


def decode_card(data: bytes, name: str) -> str:
    """A card's text; ScriptError when it has more lines, rows or columns than a page for people."""
    text = data.decode("utf-8", errors="replace")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        note(f"warning: {name} is not UTF-8 (byte {error.start}); read with replacement characters")
    check_card_size(text, name)
    return text


def to_yaml(value: Any, **options: Any) -> str:
    """YAML that a reader of YAML 1.1 and one of 1.2 (the Hub's) understand alike."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def represent_text(self, text: str) -> Any:
            style = "'" if NUMBER_OF_12.fullmatch(text) else '"' if BREAK_OF_11.search(text) else None
            return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, Dumper.represent_text)
    return yaml.dump(value, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=math.inf, **options)


# --- parts/metadata/identity.py ---------------------------------------------------------------------------------------

SAME, POSSIBLY, OTHER = "the same", "possibly the same", "another result"
WHOLE_DATA = frozenset(
    {"", "default", "all", "main", "none", "test", "full"}
)  # configurations that are the whole data set
NO_NAMES = frozenset({"", "unknown", "benchmark", "custom", "dataset", "none", "generator", "text", "csv", "json"})
SPLIT_WORDS = {"val": "validation", "valid": "validation", "dev": "validation", "eval": "validation"}
SHOTS_SAID = re.compile(r"(?i)\b(?:(\d{1,3})|(zero)|(one)|(few))[ -]?shots?\b")
# What stands in brackets behind a benchmark's name and is how it was run, not which one it is.
BRACKETS = re.compile(r"[(\[]([^()\[\]]{0,80})[)\]]")
SETTING_WORDS = frozenset(
    re.findall(
        r"\S+",
        "acc acc_norm accuracy average avg chain chain-of-thought cot em exact exact_match f1 generative greedy inst "
        "instruction loose match mc1 mc2 no non-thinking none nonthinking of pass@1 prompt python score search strict "
        "test thinking thought tool tools using w/ w/o with without",
    )
)
THINKING = re.compile(r"(?i)\b(non|no|without|w/o)?[ -]*(?:thinking|reasoning mode)\b")
# Metrics that say nothing, and words for the share of right answers; the rest is folded and compared.
SAYS_NOTHING = frozenset({"", "score", "value", "result", "average", "avg", "mean", "mainscore", "metric", "unknown"})
RIGHT = frozenset(
    ["acc", "accuracy", "em", "exactmatch", "pass1", "passat1", "correct", "quasiexactmatch", "resolvedrate"]
)
METRIC_WORDS = {
    "wordaccuracy": "right", "topaccuracy": "right", "f1score": "f1", "macrof1": "f1macro", "microf1": "f1micro",
    "sacrebleu": "bleu", "bleuscore": "bleu", "rougel": "rougel", "rougelsum": "rougelsum", "worderrorrate": "wer",
    "charactererrorrate": "cer", "normalizedaccuracy": "accnorm", "accn": "accnorm",
}  # fmt: skip
IFEVAL_LEVELS = re.compile(  # of IFEval, folded
    r"^(?:(prompt|inst)(?:ruction)?(?:level)?(strict|loose)|(strict|loose)(prompt|inst)(?:ruction)?(?:level)?)"
    r"(?:acc(?:uracy)?)?$"
)
# Metrics whose values are no shares of something: 0.5 and 50 are two values of them.
OPEN_METRIC = re.compile(
    r"(?:word|byte|token)?(?:perplexity|ppl)|.*loss|elo\w*|rating|.*reward|r?mse|mae|mape|fid|cider|bertscore|comet"
    r"|bitsperbyte|bitspercharacter|bpb|.*seconds?|.*time|latency|.*correlation|.*(?:pearson|spearman)\w*"
)
# The second Open LLM Leaderboard wrote these into cards rescaled, so that guessing is 0.
RESCALED = frozenset({"bbh", "gpqa", "mmlu_pro", "musr"})
RESCALED_BY = re.compile(r"(?i)huggingface\.co/spaces/[\w-]+/open_llm_leaderboard\b")
MOST_ROUNDED = 0.005  # of a share: a value written as 0.6 is no word for 0.64


@dataclass(frozen=True, slots=True)
class Measure:
    """What a result measures; what its source does not say is empty or None."""

    keys: frozenset[str] = frozenset()  # canonical keys that it can be; one is certain
    names: frozenset[str] = frozenset()  # without a key: the folded names of the data set
    part: str = ""  # the folded configuration, where it is not the whole benchmark
    split: str = ""
    metric: str = ""  # "right" for the share of right answers, "" where it says nothing
    shots: int | None = None
    variant: str = ""
    revision: str = ""


KEPT_MEASURES: dict[int, Measures] = {}  # by the id of the mapping, which they hold


def known_measures(mapping: Mapping[str, Any]) -> Measures:
    """The measures of a vocabulary, made once for each."""
    found = KEPT_MEASURES.get(id(mapping))
    if found is None or found.mapping is not mapping:
        found = KEPT_MEASURES[id(mapping)] = Measures(mapping)
    return found


class Measures:
    """The vocabulary as needed here: from a data set, as written in metadata, to what it measures."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self.mapping = mapping
        self.names: dict[str, str] = {}
        self.types: dict[str, list[str]] = defaultdict(list)  # data set id, or its last part folded -> keys
        self.tasks: dict[tuple[str, str], str] = {}
        for key, entry in mapping.items():
            self.names |= {folded_name(name): key for name in (key, entry["name"], *entry.get("aliases", ()))}
            kind = str((entry.get("model_index") or {}).get("type") or "").lower()
            for name in {kind, folded_name(kind.rpartition("/")[2])} - {""}:
                self.types[name].append(key)
            if hub := entry.get("hub"):
                self.tasks[hub["dataset_id"].lower(), hub["task_id"].lower()] = key

    def config(self, key: str) -> str:
        return folded_name(str((self.mapping[key].get("model_index") or {}).get("config") or ""))

    def keys_of(self, kind: str) -> list[str]:
        """The benchmarks whose data set this is: by its id, or by a bare name."""
        return self.types.get(kind.lower()) or ([] if "/" in kind else self.types.get(folded_name(kind), []))

    def benchmark(self, name: str, kind: str, config: str) -> tuple[frozenset[str], frozenset[str], str]:
        """(keys, names, part) of a data set's name, type and configuration; the data set goes before the name.

        The configuration of a data set of several benchmarks says which: boolq of super_glue is BoolQ.
        """
        label = bare_label(name)
        named = self.names.get(folded_name(name)) or self.names.get(folded_name(label))
        last = kind.rpartition("/")[2]
        keys = self.keys_of(kind)
        given = folded_name(config)
        if keys:
            fit = [key for key in keys if given not in WHOLE_DATA and self.config(key) == given]
            fit = fit or [self.names[given] for _ in keys[1:2] if given in self.names]
            if len(fit) == 1:
                return frozenset(fit), frozenset(), ""
            found = {named} if named in keys else {*keys, *([named] if named else [])}
        else:
            found = {named or self.names.get(folded_name(kind)) or self.names.get(folded_name(last))} - {None}
        if not found:
            folded = {known_name(label), folded_name(last)} - NO_NAMES
            return frozenset(), frozenset(folded), "" if given in WHOLE_DATA else given
        whole = given in WHOLE_DATA or any(given == self.config(key) or self.names.get(given) == key for key in found)
        return frozenset(found), frozenset(), "" if whole else given

    def metric(self, word: object, keys: frozenset[str], label: object = "") -> str:
        """A metric's class: accuracy, exact match and pass@1 are the share of right answers."""
        folded = folded_name(str(word or "")[:100])
        if folded in SAYS_NOTHING:
            spoken = folded_name(str(label or "")[:100])
            folded = spoken if spoken in RIGHT or spoken in METRIC_WORDS or spoken == "f1" else ""
        folded = re.sub(r"^(?:eval|test)(?=acc|f1|exact|em$|wer|loss)", "", folded)
        folded = IFEVAL_LEVELS.sub(lambda m: f"{m[1] or m[4]}level{m[2] or m[3]}acc", folded)
        folded = folded_name(metric_type(folded) or "") if folded.startswith(("prompt", "inst")) else folded
        folded = re.sub(r"^((?:prompt|inst)level\w*?acc)(?:uracy)?$", r"\1", METRIC_WORDS.get(folded, folded))
        own = {self.main_metric(key) for key in keys}
        return "right" if folded in RIGHT else "" if folded and folded in own & SAYS_NOTHING else folded

    def main_metric(self, key: str) -> str:
        return folded_name(str(self.mapping[key].get("metric") or ""))

    def of_index(self, result: Mapping[str, Any], metric: Mapping[str, Any]) -> Measure:
        """What one metric of a model-index result measures."""
        dataset = mapping_in(result, "dataset")
        said = {key: field_text(dataset.get(key)) for key in ("name", "type", "config", "split", "revision")}
        keys, names, part = self.benchmark(said["name"], said["type"], said["config"])
        spoken = f"{said['name']} ({field_text(metric.get('name'))})"
        kind = self.metric(metric.get("type"), keys, metric.get("name"))
        if keys & RESCALED and RESCALED_BY.search(field_text(mapping_in(result, "source").get("url"))):
            kind = "rescaled"
        shots = next((n for args in (metric, dataset) if (n := shots_of_args(args.get("args"))) is not None), None)
        return Measure(
            keys, names, part, split_of(said["split"]), kind, shots_said(spoken) if shots is None else shots,
            variant_word(spoken), said["revision"],
        )  # fmt: skip

    def of_row(self, row: Mapping[str, Any]) -> Measure:
        """What one entry of .eval_results measures: its data set's task, with the metric that its leaderboard ranks."""
        dataset, notes = mapping_in(row, "dataset"), field_text(row.get("notes"))
        place = (field_text(dataset.get("id")).lower(), field_text(dataset.get("task_id")).lower())
        key = self.tasks.get(place)
        if key is None:
            found = self.types.get(place[0], [])
            fit = [k for k in found if folded_name(place[1].rpartition("/")[2]) in (folded_name(k), self.config(k))]
            fit = fit or (found if folded_name(place[1]) in WHOLE_DATA else [])
            key = fit[0] if len(fit) == 1 else None
        keys = frozenset({key} if key else ())
        names = frozenset() if keys else frozenset({":".join(place)})
        metric = self.metric(self.main_metric(key), keys) if key else ""
        return Measure(
            keys,
            names,
            "",
            "",
            metric,
            shots_said(notes),
            variant_word(f"({notes})"),
            field_text(dataset.get("revision")),
        )

    def of_entry(self, entry: Entry) -> Measure:
        """What a result to publish measures."""
        said = dict(entry.dataset)
        keys, names, part = self.benchmark(
            said.get("name") or entry.benchmark, said.get("type", ""), said.get("config", "")
        )
        if entry.key:  # it is the benchmark: a part of it is what another configuration of its own data set is
            own = entry.key in self.keys_of(said.get("type", ""))
            part = part if own and entry.key in keys else ""
            keys, names = frozenset({entry.key}), frozenset()
        elif not keys:
            names |= {known_name(bare_label(entry.benchmark))} - NO_NAMES
        variant = variant_word(f"({entry.variant})") or folded_name(entry.variant) if entry.variant else ""
        spoken = f"{entry.benchmark} {entry.shots or ''}"
        return Measure(
            keys, names, part, split_of(said.get("split", "")), self.metric(entry.metric, keys), shots_said(spoken),
            variant or variant_word(entry.benchmark), said.get("revision", ""),
        )  # fmt: skip

    def is_open(self, measure: Measure) -> bool:
        """Whether the values are no shares: 0.5 and 50 are then two values."""
        if OPEN_METRIC.fullmatch(measure.metric):
            return True
        known = [self.mapping[key] for key in measure.keys]
        own = [entry for key, entry in zip(measure.keys, known, strict=True) if self.is_main(measure.metric, key)]
        return bool(own) and all(entry["unit"] == "points" and entry["range"][1] != 100 for entry in own)

    def is_main(self, metric: str, key: str) -> bool:
        return metric in ("", self.metric(self.main_metric(key), frozenset({key})))

    def relation(self, one: Measure, other: Measure) -> str:
        """SAME, POSSIBLY (a side is silent about what would tell them apart) or OTHER."""
        if one.keys or other.keys:
            if not one.keys & other.keys:
                return OTHER
            found = [SAME if one.keys == other.keys and len(one.keys) == 1 else POSSIBLY]
        else:
            found = [SAME if one.names & other.names else OTHER]
        vague = (
            one.keys and any(not self.config(key) for key in one.keys & other.keys) and not (one.part and other.part)
        )
        found.append(SAME if one.part == other.part else POSSIBLY if vague else OTHER)
        found += [
            self.splits_alike(one, other),
            said_alike(one.shots, other.shots),
            said_alike(one.variant.replace("notools", ""), other.variant.replace("notools", "")),
            POSSIBLY if one.revision and other.revision and one.revision != other.revision else SAME,
            self.metrics_alike(one.metric, other.metric, one.keys & other.keys),
        ]
        return OTHER if OTHER in found else POSSIBLY if POSSIBLY in found else SAME

    def splits_alike(self, one: Measure, other: Measure) -> str:
        """A side that names no split means the benchmark's own."""
        usual = {
            split_of(field_text((self.mapping[key].get("model_index") or {}).get("split")))
            for key in one.keys & other.keys
        }
        said = {one.split, other.split} - {""}
        return SAME if len(said) == 1 and said == usual else said_alike(one.split, other.split)

    def metrics_alike(self, one: str, other: str, keys: frozenset[str]) -> str:
        if one == other:
            return SAME
        if not one or not other:
            return SAME if keys and all(self.is_main(one or other, key) for key in keys) else POSSIBLY
        pair = {one, other}
        if pair == {"right", "accnorm"} or ("right" in pair and any("level" in word for word in pair)):
            return POSSIBLY
        return OTHER


def said_alike(one: object, other: object) -> str:
    """Whether what both sides say is alike; where one says nothing, it may be."""
    if one == other:
        return SAME
    return OTHER if one not in ("", None) and other not in ("", None) else POSSIBLY


def field_text(value: object) -> str:
    """A field of metadata as text; a list or mapping is none."""
    return "" if value is None or isinstance(value, (dict, list)) else str(value)[:500]


def bare_label(name: str) -> str:
    """A benchmark's name without shots and settings: "GSM8k (5-shot)" -> "GSM8k"; "GPQA (Diamond)" stays."""

    def without(found: re.Match[str]) -> str:
        words = re.findall(r"[\w@/.-]+", SHOTS_SAID.sub(" ", found[1]).lower())
        return " " if SETTING_WORDS.issuperset(words) else found[0]

    return SHOTS_SAID.sub(" ", BRACKETS.sub(without, name))


def known_name(label: str) -> str:
    """The folded name of a data set; of one without letters and digits the text itself."""
    return folded_name(label).removeprefix("mteb") or label.strip().casefold()


def split_of(name: str) -> str:
    folded = folded_name(name)
    return SPLIT_WORDS.get(folded, folded)


def shots_said(spoken: str) -> int | None:
    """ "GSM8K (5-shot)" -> 5; "zero-shot" -> 0; None when it says nothing, or "few"."""
    found = SHOTS_SAID.search(spoken)
    return None if not found or found[4] else int(found[1] or (1 if found[3] else 0))


def shots_of_args(args: object) -> int | None:
    count = args.get("num_few_shot") if isinstance(args, dict) else None
    return count if isinstance(count, int) and not isinstance(count, bool) else None


def variant_word(spoken: str) -> str:
    """The mode that a name tells: tools, thinking; empty when it tells none."""
    tools = "notools" if NO_TOOLS.search(spoken) else "withtools" if WITH_TOOLS.search(spoken) else ""
    mode = THINKING.search(spoken)
    return tools + ("" if not mode else "nonthinking" if mode[1] else "thinking")


# --- Values ---


@dataclass(frozen=True, slots=True)
class Written:
    """A value as it is written: the number, its unit where that is said, and half of its last digit."""

    number: float
    unit: str | None
    half: float


def written(value: object, unit: str | None = None) -> Written | None:
    """A metadata value with its rounding; None when it is no number. "85.20 %" is a percentage with two decimals."""
    if isinstance(value, str):
        shown = said_number(value) or ""
        unit = "percent" if shown and "%" in value else unit
    else:
        shown = "" if value is None or isinstance(value, (bool, list, dict)) else str(value)
    try:
        number = float(shown)
    except ValueError:
        return None
    if not -1e300 < number < 1e300:
        return None
    mantissa, _, exponent = shown.lower().partition("e")
    decimals = len(mantissa.partition(".")[2])
    return Written(number, unit, 0.5 * 10.0 ** (int(exponent or 0) - decimals))


def readings(value: Written, is_open: bool, percents: bool) -> list[tuple[float, float]]:
    """(share, half of its last digit) that a value can mean; of an open metric the number itself.

    `percents`: the values beside it are percentages, so that one of at most 1 may be one, too.
    """
    if is_open:
        return [(value.number, min(value.half, abs(value.number) * MOST_ROUNDED))]
    factors = {"proportion": (1,), "percent": (100,), "points": (100, 1)}.get(value.unit or "")
    factors = factors or ((100,) if abs(value.number) > 1 else (1, 100) if percents else (1,))
    return [(value.number / factor, min(value.half / factor, MOST_ROUNDED)) for factor in factors]


def agree(there: Written, new: Written, is_open: bool, percents: bool = False) -> bool:
    """Whether two values are one, once their scale is known and within the rounding of the coarser one."""
    return any(
        abs(one - other) <= max(half, own) * (1 + 1e-9) + 1e-12
        for one, half in readings(there, is_open, percents)
        for other, own in readings(new, is_open, False)
    )


def in_form_of(old: Written | None, new: Written | None, is_open: bool, percents: bool) -> str | None:
    """The new value on the scale and with the decimals of the one that it replaces; None when a scale is not known."""
    if old is None or new is None:
        return None
    share, _ = readings(new, is_open, False)[0]
    scales = [
        old.number / value if value else (100 if percents else 1) for value, _ in readings(old, is_open, percents)
    ]
    if len(scales) > 1 and old.number:  # the scale on which both are of one size, if there is one
        scales = [scale for scale in scales if 0.2 < share * scale / old.number < 5]
    if len(scales) != 1 and old.number:
        return None
    factor = 1 if is_open else round(scales[0])
    decimals = round(-math.log10(2 * old.half))
    return f"{share * factor:.{max(decimals, 0 if is_open or factor == 100 else 3)}f}"


def person_number(value: float, unit: str | None) -> float:
    """A measured value as a person writes it: 0.449333333333 -> 0.4493; what has few digits stays."""
    if isinstance(value, int) or not math.isfinite(value) or len(f"{value:.12g}".lstrip("-0.").replace(".", "")) <= 6:
        return value
    free = 6 - math.ceil(math.log10(abs(value) + 1e-300))
    decimals = {"proportion": 4, "percent": 2, "points": 2}.get(unit or "", max(2, free))
    small = 3 - math.ceil(math.log10(abs(value))) if value else 0  # three digits that count, at least
    return round(value, max(decimals, small))


def are_percents(values: Sequence[object]) -> bool:
    """Whether the shares of one document are percentages: one of them is above 1."""
    numbers = [found.number for value in values if (found := written(value)) is not None]
    return any(number > 1 for number in numbers)


# --- parts/names.py ---------------------------------------------------------------------------------------------------

# Checkpoint folders, as trainers name them: a stage ("stage2-ingredient1-") or "epoch_3-" in front of a step, what was
# done with it or a tag ("merged", "tokens4B") behind it; a name with an epoch alone has no step. At most 15 digits:
# more is no step count.
CHECKPOINT_NAME = re.compile(
    r"""(?: stage[-_]?\d{1,3} (?: [-_]ingredient[-_]?\d{1,3} )? [-_] )?
        (?: (?:epoch|ep)[-_=]?(?P<epoch>\d{1,15}) )?
        (?: (?:^|(?<=[-_])|(?<=\d)[-_])
            (?:global[-_]?|model[-_]?|checkpoint[-_]|ckpt[-_])?
            (?:steps?|iter(?:ation)?s?|checkpoint|ckpt)[-_=]?(?P<step>\d{1,15}) )?
        (?: [-_](?:hf|merged|fp32|bf16|consolidated|adapter|lora|tokens?[-_]?\d+[kmbt]?) )*""",
    re.VERBOSE | re.IGNORECASE,
)
GENERIC_FOLDERS = {"checkpoints", "ckpts", "checkpoint", "output", "outputs", "models"}

# Older task strings begin with one of these; today's lighteval ignores it.
SUITES = {"helm", "bigbench", "harness", "leaderboard", "lighteval", "original", "extended", "custom", "community"}
# OWNER/NAME of the Hub, or a model without an owner; a folder of it; a branch, tag or commit.
# The client keeps a file of the revision's name: none leads elsewhere.
HUB_PLACE = re.compile(
    r"(?P<repo>[\w.-]+(?:/[\w.-]+)?)(?P<below>(?:/[\w.-]+)*)(?:@(?P<revision>(?!/)(?!\S*\.\.)[\w.*/-]+))?"
)
HUB_ID = re.compile(r"[\w.-]+(/[\w.-]+)?")
SPLIT_FILES = {"train", "test", "validation", "valid", "dev"}  # files that are one split of a folder's data set

# inspect's metric names -> ids that other harnesses share.
INSPECT_METRICS = {
    "exact": "exact_match",
    "prompt_strict_acc": "prompt_level_strict_acc",
    "prompt_loose_acc": "prompt_level_loose_acc",
    "inst_strict_acc": "inst_level_strict_acc",
    "inst_loose_acc": "inst_level_loose_acc",
}
PACKAGES_VARIABLE = "HUB_EVALS_PACKAGES"  # in which a job is told which locked packages it has
ROUTER = "https://router.huggingface.co/v1"
DEFAULT_CONNECTIONS = 10
HUB_MODEL = re.compile(r"[\w.-]+(?:/[\w.-]+)?(?:@(?!/)(?!\S*\.\.)[\w./-]+)?")
# Cyrillic and Greek letters that look like Latin ones (Unicode's confusables), small and capital.
LOOK_LATIN = str.maketrans(
    "авекмнорстухіјѕһԁԛԝАВЕКМНОРСТУХІЈЅҺԌԚԜαβεικνορτυχΑΒΕΖΗΙΚΜΝΟΡΤΥΧʼ’",
    "abekmhopctyxijshdqwABEKMHOPCTYXIJSHGQWabeikvoptuxABEZHIKMNOPTYX''",
)
# Letters of the Latin alphabet itself that are read as others: script g, dotless i, small capitals.
LATIN_ALIKE = str.maketrans("ɡɑıȷɩʋᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "gaijivabcdefghijklmnoprstuvwyz")
# What stands beside Latin letters in honest words: writings without letters that look like those.
BESIDE_LATIN = ("LATIN", "GREEK", "CYRILLIC", "CJK", "HIRAGANA", "KATAKANA", "HANGUL SYLL", "BOPOMOFO", "IDEOGRAPHIC",
                "MODIFIER", "THAI")  # fmt: skip
DISGUISES = set(LOOK_LATIN) - set(map(ord, "αβεικντυχʼ’"))  # these stand in honest names: "βVAE"
REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}")
# What the Hub knows a repo by: also a name of old without its owner ("gpt2", "squad"), for which it says the new one.
KNOWN_BY = re.compile(rf"(?:{REPO_ID.pattern}|[A-Za-z0-9_][\w.-]{{0,95}})")


def say_folder(name: str) -> None:
    """Say that a word of the command line which may be a model of the Hub, OWNER/NAME, is a folder here with one.

    ScriptError (3) where it is one of the Hub's, too, as its copy in the cache shows. "./OWNER/NAME" is a folder alone.
    """
    place = None if name.startswith(".") else HUB_PLACE.fullmatch(name)
    files = (os.path.join(name, file) for file in ("config.json", "adapter_config.json"))
    if not place or place["below"] or not any(map(os.path.isfile, files)):
        return
    from huggingface_hub import constants

    if os.path.isdir(os.path.join(constants.HF_HUB_CACHE, f"models--{place['repo'].replace('/', '--')}")):
        raise ScriptError(
            f"{name} is a folder here and a model of the Hub: for the folder write ./{name}, for the Hub's model run "
            "the command from another folder",
            code=3,
        )
    if not parse_checkpoint_name(name.rpartition("/")[2]):  # run/step_500 is the folder of a training run
        note(f"{name} is the folder here, no model of the Hub (./{name} says so)")


# What follows a model's id where one of its states is told: a commit, or when it was measured (and what else tells it).
STATE_MARK = re.compile(r"@(?:[0-9a-f]{40}|\d{4}-\d\d-\d\d(?:T[\d:]*Z?)?)(?: \(.*\)$|(?=$| \[))")
ASKED_SETTINGS = re.compile(r"\[[^\[\]]*=[^\[\]]*\]$")  # by which one of several runs is asked for


def parse_checkpoint_name(name: str) -> tuple[int | None, int | None] | None:
    """(step, epoch) of a checkpoint folder's name, or None when it is not one.

    "checkpoint-500" -> (500, None); "epoch_3" -> (None, 3); "epoch=3-step=1000" -> (1000, 3); "logs" -> None
    """
    match = CHECKPOINT_NAME.fullmatch(name)
    if not match or (match["step"] is None and match["epoch"] is None):
        return None
    return (int(match["step"]) if match["step"] else None), (int(match["epoch"]) if match["epoch"] else None)


def state_mark(name: str) -> str:
    """The end of a name by which a state or a run of a model is told or asked for; no id of a model has one.

    "a/b@2026-03-13" -> "@2026-03-13"; "a/b[solver=old]" -> "[solver=old]"; "a/b@step100", "claude@20240229" -> ""
    """
    found = STATE_MARK.search(name) or ASKED_SETTINGS.search(name)
    return found[0] if found else ""


def disguised(name: str) -> str | None:
    """The letter in a name that looks like a Latin one and is none, in a word of Latin letters, or such a digit.

    By alphabets: letters of all but a few are none that a Latin word has. "lum\u0435n" -> "CYRILLIC SMALL LETTER IE";
    "\u043c\u043e\u0434\u0435\u043b\u044c-7b", "\u03c4bench" -> None
    """
    if name.isascii():
        return None
    for word in re.findall(r"[^\W\d_]+", name):
        latin = any(unicodedata.name(letter, "").startswith("LATIN") for letter in word)
        if latin and (other := next(filter(is_disguise, word), "")):
            return unicodedata.name(other, "a letter without a name")
    if re.search(r"[A-Za-z]", name):
        digits = (letter for letter in name if letter.isdecimal())
        return next((unicodedata.name(digit) for digit in digits if not formless(digit).isascii()), None)
    return None


def is_disguise(letter: str) -> bool:
    """Whether a letter has no place in a Latin word."""
    forms = filter(str.isalpha, formless(letter))
    return ord(letter) in DISGUISES or not all(unicodedata.name(form, "").startswith(BESIDE_LATIN) for form in forms)


def formless(text: str) -> str:
    """What letters are forms of: bold, wide, raised ones."""
    return unicodedata.normalize("NFKC", text)


def alike(names: Iterable[str]) -> list[list[str]]:
    """The groups of different names that are one but for case, for forms of letters, or for letters that look alike.

    ["Acme/Lumen", "acme/lumen", "x/y"] -> [["Acme/Lumen", "acme/lumen"]]
    """
    groups: dict[str, set[str]] = {}
    for name in names:
        looks = formless(formless(name).translate(LOOK_LATIN | LATIN_ALIKE).casefold())
        groups.setdefault(looks, set()).add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def local_id(folder: Path) -> str:
    """`<run>/<folder>` for a checkpoint; the run is the first parent whose name says something."""
    parent = folder.parent
    run_folder = parent.parent if parent.name.lower() in GENERIC_FOLDERS and parent.parent.name else parent
    return f"{run_folder.name or 'local'}/{folder.name}"


def given_id(name: str) -> str:
    """A model's id as somebody gives it; ScriptError where no reader of records would take it."""
    if found := not_to_be_read(name):
        raise ScriptError(
            f"a model called {single_line(name)[:100]}: no record of it would be read, for {found}; rename it"
        )
    return name


def not_to_be_read(name: str) -> str:
    """What no reader of records takes in a model's id, or nothing: the mark of a state, a letter in disguise."""
    return state_mark(name) or disguised(name) or ""


# --- parts/board/vocabulary.py ----------------------------------------------------------------------------------------

# Who says a number, first the one that is shown when several do.
SOURCE_TYPES = {
    "verified": "verified",
    "author_metadata": "author's metadata",
    "merged_community": "merged community",
    "on_leaderboard": "on the Hub's leaderboard",
    "open_pr": "open pull request",
    "own_run": "own run",
    "reported": "reported elsewhere",
}
SOURCE_TEXTS = {
    "verified": "the Hub has verified that the score was made as it says",
    "author_metadata": "published by the model's owner, in .eval_results or in the card's model-index",
    "merged_community": "added by somebody else in a pull request that the owner merged",
    "on_leaderboard": "on the Hub's own leaderboard, out of a file in the model's repo; who added it is not told",
    "open_pr": "proposed in a pull request that nobody has merged yet",
    "own_run": "measured with this project's scripts; read from their records",
    "reported": "read from another place, such as an index of scores",
}
SOURCE_FORMATS = ("eval_results", "model_index", "record")  # of one kind of source, first the one that is shown

ITEMS_MARK = "i"  # begins the mark of a result's items among its `answers`, see record_rows.py

# Columns of the data and their SQL types; references/leaderboard.md says what they mean.
COLUMNS = {
    "model": "VARCHAR",
    "benchmark": "VARCHAR",
    "benchmark_name": "VARCHAR",
    "source_task": "VARCHAR",
    "value": "DOUBLE",
    "unit": "VARCHAR",
    "unit_basis": "VARCHAR",
    "comparable": "DOUBLE",
    "canonical_unit": "VARCHAR",
    "metric": "VARCHAR",
    "shots": "VARCHAR",
    "settings": "VARCHAR",
    "standard_error": "DOUBLE",
    "comparable_error": "DOUBLE",
    "n": "BIGINT",
    "source_type": "VARCHAR",
    "source_name": "VARCHAR",
    "source_url": "VARCHAR",
    "source_format": "VARCHAR",
    "contributor": "VARCHAR",
    "pull_request": "BIGINT",
    "revision": "VARCHAR",
    "date": "VARCHAR",
    "notes": "VARCHAR",
    "votes": "VARCHAR",
    "answers": "VARCHAR",
    "official_rank": "BIGINT",
    "official_why": "VARCHAR",
    "shown": "BOOLEAN",
    "why_not": "VARCHAR",
    "lower_is_better": "BOOLEAN",
    "parameters": "BIGINT",
    "license": "VARCHAR",
    "downloads": "BIGINT",
    "likes": "BIGINT",
    "library": "VARCHAR",
    "pipeline_tag": "VARCHAR",
}
MAX_ENTRIES = 2_000  # scores of one model that are read

# Evidence that a value of at most 1 is a proportion: guessing reaches this share, or so many values of one source.
CHANCE_TELLS = 0.05

# Configurations of a data set that are the whole of it.
WHOLE_CONFIGS = frozenset({"", "default", "all", "main", "none"})
SHOTS_IN_NAME = re.compile(r"(?i)\s*[(\[]?\s*\b(\d{1,3})[ -]?shots?\b(?:[ ,]*cot\b)?\s*[)\]]?")
BLANK_LETTERS = "\u115f\u1160\u3164\uffa0"  # that Unicode calls letters, and no font draws
BoardRow = dict[str, Any]  # a score, with the columns above


# Filters of lm-eval that look for the answer of one try in two ways: columns of their own, as acc and acc_norm.
EXTRACTIONS = ("strict-match", "flexible-extract")


def told_metric(metric: Mapping[str, Any]) -> str:
    """What a record's metric is called on a board: its id, with the filter where its name tells one."""
    name, told = (str(metric.get(field) or "") for field in ("metric_id", "metric_name"))
    return told if not name or "," in metric_key(told) else name


def measure_suffix(row: BoardRow) -> str:
    """What follows the name of a benchmark with scores of several metrics: " (wer)"."""
    return f" ({row['metric'] or row['unit'] or '?'})"


def model_of(name: str) -> str:
    """The model that a name on a board is of, whichever of its states: "org/m@2026-03-01" -> "org/m"."""
    return STATE_MARK.sub("", name)


def count_models(names: Iterable[str]) -> int:
    """How many models some names on a board are of."""
    return len(set(map(model_of, names)))


def answered_by_key(rows: Iterable[BoardRow]) -> dict[str, str]:
    """Key of a benchmark -> that of the answers it is about: "my-asr (wer)" and "my-asr (cer)" are about the same.

    So are two benchmarks of any names where the items of every model that has both say so: the same items, with the
    same scores or the same answers (`answers`, see record_rows.py).
    """
    rows = [row for row in rows if row["benchmark"]]
    found = {row["benchmark"]: row["benchmark"].removesuffix(measure_suffix(row)) for row in rows}
    told: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for row in rows:
        if row.get("answers"):
            marks = (mark for mark in row["answers"].split() if not mark.startswith(ITEMS_MARK))
            told[row["model"]][row["benchmark"]].update(marks)
    alike = set()
    for own in told.values():
        keys_of = defaultdict(set)
        for key, marks in own.items():
            for mark in marks:
                keys_of[mark].add(key)
        alike |= {pair for keys in keys_of.values() for pair in combinations(sorted(keys), 2)}
    for one, other in sorted(alike):
        if all(own[one] & own[other] for own in told.values() if one in own and other in own):
            found = {key: found[one] if name == found[other] else name for key, name in found.items()}
    return found


class Unreadable(Exception):
    """A part of a model's metadata that cannot be read, with the reason; the rest of the model is."""


def model_name(text: str | None) -> str:
    """The name of a model as it is kept; ValueError when nothing in it can be seen, and "-" is no name either."""
    name = kept_text(text) or ""
    if not any(c.isalnum() and c not in BLANK_LETTERS for c in name):
        raise ValueError("it names no model")
    return name


@dataclass(slots=True)
class ModelReading:
    """What was found for one model."""

    model: str
    rows: list[BoardRow] = field(default_factory=list)
    unreadable: list[dict[str, str]] = field(default_factory=list)
    failed: str = ""  # why nothing at all could be read
    private: bool = False  # not everybody may see that the model exists
    facts: BoardRow = field(default_factory=dict)  # what the Hub says about the model itself

    def cannot_read(self, where: str, reason: object) -> None:
        self.unreadable.append(
            {"model": self.model, "where": kept_text(where) or "", "reason": kept_text(reason) or ""}
        )


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a document with scores stands: who answers for it, and where people can look."""

    source_type: str
    url: str
    contributor: str | None
    revision: str | None
    date: str | None = None
    pull_request: int | None = None


@dataclass(slots=True)
class Company:
    """The unlabelled shares of one document, or of one task of a Hub Benchmark, by which the unit of one is known."""

    count: int = 0  # above 0
    above_one: bool = False
    above_chance: bool = False  # one of them is of a benchmark where guessing reaches CHANCE_TELLS

    def add(self, value: float, chance: float) -> None:
        self.count += value > 0
        self.above_one |= value > 1
        self.above_chance |= value > 0 and chance >= CHANCE_TELLS


@dataclass(frozen=True, slots=True)
class Unit:
    """What a value is measured in and how that is known; without a name, why it is not."""

    name: str | None
    basis: str | None = None
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class RankRange:
    """The ranks that a model may have on a benchmark: 2 to 4; None and None: its uncertainty is not known."""

    low: int | None
    high: int | None
    basis: str  # where the error is from: "stated" (or how it is wider), "binomial, stated n" (or what else), "unknown"

    def __str__(self) -> str:
        if self.low is None:
            return "n/a"
        return str(self.low) if self.low == self.high else f"{self.low}–{self.high}"


@dataclass(frozen=True, slots=True)
class Benchmarks:
    """metric_mapping.json as needed here: from a data set and a name, as written in metadata, to a canonical key."""

    mapping: Mapping[str, Any]
    vocabulary: MetricMapping
    hub: Mapping[tuple[str, str], str]  # (dataset id, task id), lower case -> key
    types: Mapping[str, tuple[str, ...]]  # dataset id, lower case -> keys

    @classmethod
    def of(cls, mapping: Mapping[str, Any]) -> Benchmarks:
        hub, types = {}, defaultdict(list)
        for key, entry in mapping.items():
            if place := entry.get("hub"):
                hub[place["dataset_id"].lower(), place["task_id"].lower()] = key
            types[str((entry.get("model_index") or {}).get("type") or "").lower()].append(key)
        return cls(mapping, vocabulary_of(mapping), hub, {name: tuple(keys) for name, keys in types.items() if name})

    def by_name(self, text: str) -> str | None:
        """The key for a display name, key or alias; shots in the name do not count: "MMLU (5-shot)" -> "mmlu"."""
        table = self.vocabulary.names
        return table.get(normalize_name(text)) or table.get(normalize_name(SHOTS_IN_NAME.sub(" ", text)))

    def of_task(self, dataset_id: str, task_id: str) -> str | None:
        """The key for an entry of .eval_results: its data set and task, else the task's name, else the only task."""
        if key := self.hub.get((dataset_id.lower(), task_id.lower())):
            return key
        if key := self.by_name(task_id.rpartition("/")[2]):
            own = dataset_id.lower() == str((self.mapping[key].get("model_index") or {}).get("type") or "").lower()
            return key if own or self.by_name(dataset_id.rpartition("/")[2]) == key else None
        keys = self.types.get(dataset_id.lower(), ())
        return keys[0] if len(keys) == 1 and normalize_name(task_id) in WHOLE_CONFIGS else None

    def of_dataset(self, name: str, dataset: str, config: str) -> tuple[str | None, str | None]:
        """(key, why it is not comparable) of a model-index data set, as what results measure is told everywhere."""
        keys, _, part = known_measures(self.mapping).benchmark(name, dataset, config)
        if len(keys) != 1:
            return None, None
        (key,) = keys
        own = self.config(key)
        return key, f"configuration {config}, while {self.mapping[key]['name']} is {own}" if part and own else None

    def config(self, key: str) -> str:
        return str((self.mapping[key].get("model_index") or {}).get("config") or "")


def ranks(metric: str | None, entry: Mapping[str, Any]) -> bool:
    """Whether a metric, as a card names it, is the one that a benchmark is ranked by."""
    own = {entry.get("metric"), (entry.get("model_index") or {}).get("metric_type")} - {None}
    folded = {normalize_name(name) for name in own} | {normalize_name(metric_type(name) or "") for name in own}
    base, _, extraction = (metric or "").partition(",")
    given = normalize_name(metric_type(base if extraction in EXTRACTIONS else metric) or "")
    right = folded & (RIGHT_ANSWERS | {"passat1", "resolvedrate"})
    return given in folded or given in ("", "score", "value", "result") or bool(right and given in RIGHT_ANSWERS)


# --- parts/records/shared.py ------------------------------------------------------------------------------------------

MOST_OPPONENTS = 2_000
MOST_UNLIKE = 0.1  # of an opponent's share of the votes, by which two models may have met it more or less often
GAP_METRICS = {"win_rate", "bradley_terry", "elo"}  # two scores of one file without a gap are of unlike or few votes


class VoteGap(NamedTuple):
    """How far a score is above another one of the file, as far as the votes tell."""

    gap: float
    error: float  # standard
    freedom: float  # degrees of freedom of the error
    statistic: float | None = None  # of the test of no gap, as a normal one; None in records that do not say it


@dataclass(frozen=True, slots=True)
class SharedVotes:
    """Votes as one record has them: the file's hash, its own system, opponent -> (votes won, votes).

    gaps: by another system of the file.
    """

    file: str
    system: str
    against: Mapping[str, tuple[float, float]]
    metric: str = ""
    gaps: Mapping[str, VoteGap] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """As one text for a table."""
        gaps = {name: [None if part == math.inf else part for part in gap] for name, gap in self.gaps.items()}
        told = {"file": self.file, "system": self.system, "metric": self.metric, "against": dict(self.against)}
        return json.dumps(told | {"gaps": gaps}, ensure_ascii=False, sort_keys=True)


def shared_votes(record: Mapping[str, Any], row: Mapping[str, Any]) -> SharedVotes | None:
    """The votes of a result; None where it is of none."""
    library = (record.get("eval_library") or {}).get("additional_details") or {}
    details, metric = (row.get("score_details") or {}).get("details") or {}, row["metric_config"]
    name = metric.get("metric_id") or metric.get("metric_name")
    return votes_of({**details, "file": library.get("predictions_sha256"), "metric": name})


def votes_of(told: Any) -> SharedVotes | None:
    """Votes as a record's details or a table's text tell them; None for anything else."""
    try:
        told = json.loads(told) if isinstance(told, str) else told
        against = told["against"]
        against = json.loads(against) if isinstance(against, str) else against
        pairs = {single_line(name)[:200]: (float(won), float(votes)) for name, (won, votes) in against.items()}
        gaps = told_gaps(told.get("gaps") or {})
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None
    sound = all(is_number(won) and is_number(votes) and 0 <= won <= votes for won, votes in pairs.values())
    if not pairs or len(pairs) > MOST_OPPONENTS or not sound:
        return None
    names = (single_line(str(told.get(name) or ""))[:200] for name in ("file", "system", "metric"))
    file, system, metric = names
    return SharedVotes(file, system, pairs, metric, gaps) if file and system else None


def told_gaps(told: Any) -> dict[str, VoteGap]:
    """The gaps that a record tells of; those that are no numbers are left out."""
    found = {}
    for name, (gap, error, freedom, *more) in (json.loads(told) if isinstance(told, str) else told).items():
        sound = is_number(gap) and is_number(error) and error > 0
        if sound and (freedom is None or (is_number(freedom) and freedom >= 1)):
            statistic = float(more[0]) if more and is_number(more[0]) else None
            free = math.inf if freedom is None else float(freedom)
            found[single_line(name)[:200]] = VoteGap(float(gap), float(error), free, statistic)
    return found


def gap_in_votes(one: SharedVotes | None, two: SharedVotes | None) -> VoteGap | None:
    """How far the second score is above the first by the votes of one file."""
    if one is None or two is None or (one.file, one.metric) != (two.file, two.metric):
        return None
    return two.gaps.get(one.system) if one.system in two.gaps and two.system in one.gaps else None


def share_votes(one: SharedVotes | None, two: SharedVotes | None) -> bool:
    """Whether two scores are from the same votes: of one file, or each of votes against the other."""
    if one is None or two is None:
        return False
    return one.file == two.file or (one.system in two.against and two.system in one.against)


def unlike_opponents(one: SharedVotes | None, two: SharedVotes | None) -> tuple[str, str] | None:
    """Whom two scores of unlike files of votes are against, where that differs, or how often they met whom: a win rate
    against weak models is another one. Apart from each other; None where it is alike, or nobody says it."""
    if one is None or two is None or one.file == two.file:
        return None
    shares = []
    for own, other in ((one, two), (two, one)):
        met = {name: votes for name, (_, votes) in own.against.items() if name != other.system and votes}
        shares.append({name: votes / sum(met.values()) for name, votes in met.items()})
    first, second = shares
    near = first.keys() == second.keys() and all(
        abs(share - second[name]) <= MOST_UNLIKE * max(share, second[name]) for name, share in first.items()
    )
    return None if near else tuple(opponents_text(own) for own in shares)


def opponents_text(shares: Mapping[str, float]) -> str:
    """Opponents with their shares of the votes, the most frequent first: "gpt-4 (60 %), me/base (40 %)"."""
    ranked = sorted(shares.items(), key=lambda pair: (-pair[1], pair[0]))
    if len(ranked) == 1:
        return ranked[0][0]
    return ", ".join(f"{name} ({100 * share:.0f} %)" for name, share in ranked) or "each other alone"


def joint_pairs(
    votes: Sequence[SharedVotes | None], values: Sequence[float], errors: Sequence[float], lower: bool = False
) -> list[tuple[int, int, float]]:
    """(i, j, normal statistic for i being better) of each two scores from the same votes; values: more is better.

    By the gap that their file tells of, as in a comparison of the two; two scores of one file that have none are told
    apart by nothing. Else the errors are taken to be as dependent as they can be, so that they add up.
    """
    known = [i for i, own in enumerate(votes) if own is not None]
    found = []
    for place, i in enumerate(known):
        for j in known[place + 1 :]:
            if not share_votes(votes[i], votes[j]):
                continue
            together = errors[i] + errors[j]
            apart = (values[i] - values[j]) / together if together else 0.0
            if votes[i].file == votes[j].file and votes[i].metric in GAP_METRICS:
                gap = gap_in_votes(votes[j], votes[i])
                apart = ((gap and gap.statistic) or 0.0) * (-1 if lower else 1)
            found.append((i, j, apart))
    return found


# --- parts/statistics/paired.py ---------------------------------------------------------------------------------------


def mcnemar_p(up: int, down: int) -> float:
    """Exact two-sided p-value of "as many items were gained as lost"."""
    count, total, ways = up + down, 0, 1
    for k in range(min(up, down) + 1):
        total, ways = total + ways, ways * (count - k) // (k + 1)
    return min(1.0, 2 * total / 2**count)  # whole numbers of any size divide exactly


def step_levels(p_values: Sequence[float], alpha: float, method: str) -> list[tuple[float, float]]:
    """(adjusted p-value, level) of each test of a family; method "holm" or "fdr_bh".

    The level is the one that the procedure holds the raw p-value against, so "p <= level", "adjusted p <= alpha" and
    "the bound taken at this level excludes the limit" are one statement.
    """
    count = len(p_values)
    order = sorted(range(count), key=lambda i: p_values[i])
    adjusted, bound = [1.0] * count, 0.0 if method == "holm" else 1.0
    for rank in range(count) if method == "holm" else reversed(range(count)):  # Holm 1979; Benjamini and Hochberg 1995
        i = order[rank]
        bound = (
            max(bound, (count - rank) * p_values[i])
            if method == "holm"
            else min(bound, count * p_values[i] / (rank + 1))
        )
        adjusted[i] = min(bound, 1.0)
    rejected = [p <= alpha for p in adjusted]
    ranks, wins = {index: rank for rank, index in enumerate(order)}, sum(rejected)
    levels = []
    for i in range(count):
        if method == "holm":
            level = alpha / (count - min(ranks[i], wins))
        else:
            level = alpha * (wins if rejected[i] else wins + 1) / count
        levels.append((adjusted[i], min(level, alpha)))
    return levels


def paired_variance(between: float, within: tuple[float, float], repeats: int) -> float:
    """The variance of an item's difference when each side answers it `repeats` times (arXiv 2411.00640, section 3)."""
    return between + (within[0] + within[1]) / repeats


def quantile_sum(alpha: float, power: float, sides: int) -> float:
    """z(1 - alpha / sides) + z(power), the distance in standard errors that a test with this power needs."""
    from scipy import special

    return float(special.ndtri(1 - alpha / sides) + special.ndtri(power))


def detectable(variance: float, n: int, alpha: float = 0.05, power: float = 0.8, sides: int = 2) -> float:
    """The smallest true difference that `n` paired items show with this power."""
    return quantile_sum(alpha, power, sides) * math.sqrt(variance / n)


def mean_of_runs(scores: Sequence[float], alpha: float = 0.05) -> tuple[float, float, float]:
    """(mean, standard deviation, half-width of the t interval of the mean) of two or more repeated runs."""
    from scipy import special

    count = len(scores)
    mean = math.fsum(scores) / count
    deviation = math.sqrt(math.fsum((score - mean) ** 2 for score in scores) / (count - 1))
    return mean, deviation, float(special.stdtrit(count - 1, 1 - alpha / 2)) * deviation / math.sqrt(count)


# --- parts/statistics/few.py ------------------------------------------------------------------------------------------

FEW_ITEMS = 10  # independent items or clusters: with fewer there is no verdict
FEW_DIFFERING = 30  # differing ones up to which p-values are those of the signs
MOST_SIGNED = 14  # of which all ways to choose the signs are tried; of more, so many as of these are drawn


def changed_only(shares: Any) -> Any:
    """Of what items add to a difference, those that add anything."""
    import numpy as np

    return shares[np.abs(shares) > 1e-9 * np.abs(shares).max(initial=0.0)]


def sign_flip_p(shares: Any) -> float:
    """The two-sided p-value of a sum whose (n,) parts are as likely of either sign (Fisher 1935): exact, and of drawn
    signs for more than 14 parts of several sizes. For parts of one size it is McNemar's exact test."""
    import numpy as np

    sizes = np.abs(shares)
    if np.ptp(sizes, axis=0) <= 1e-9 * sizes.max() if len(sizes) else True:
        return mcnemar_p(int((shares > 0).sum()), int((shares < 0).sum()))
    if len(shares) <= MOST_SIGNED:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(shares))))
    else:
        signs = np.random.default_rng(len(shares)).choice((-1.0, 1.0), (2**MOST_SIGNED, len(shares)))
        signs[0] = 1.0  # as they were seen
    return float((np.abs(signs @ sizes) >= abs(shares.sum()) * (1 - 1e-9)).mean())


# --- parts/board/ranks.py ---------------------------------------------------------------------------------------------

ALPHA = 0.05  # familywise error of the comparisons that make rank ranges
SHARE_SCALES = {"proportion": 1.0, "percent": 100.0}
WIDENED = "wider by what lost answers could change"
HALVINGS = 60  # that find a number of answers to the last digit
COARSE, FINE = 1.5, 1.08  # largest variance in a group of models by its smallest, to bound the threshold and to count
MOST_GROUPS = 64
PAIRS_AT_ONCE = 60_000

# Items of the whole test sets, for the binomial error of scores that do not say how many items they are from.
# The papers' and dataset cards' numbers; benchmarks that change over time are not in it.
TEST_ITEMS = {
    "aime_2024": 30, "aime_2025": 30, "aime_2026": 30, "arc_challenge": 1172, "arc_easy": 2376, "bbh": 6511,
    "boolq": 3270, "commonsenseqa": 1221, "gpqa": 448, "gpqa_diamond": 198, "gsm8k": 1319, "hellaswag": 10042,
    "hle": 2500, "humaneval": 164, "humaneval_plus": 164, "ifeval": 541, "math": 5000, "math_500": 500, "mbpp": 500,
    "mbpp_plus": 378, "mmlu": 14042, "mmlu_pro": 12032, "openbookqa": 500, "piqa": 1838, "simpleqa": 4326,
    "swe_bench": 2294, "swe_bench_lite": 300, "swe_bench_verified": 500, "truthfulqa_mc1": 817, "winogrande": 1267,
}  # fmt: skip


def is_widened(row: Mapping[str, Any]) -> bool:
    """Whether the error of a row's comparable value is larger than the standard error that its source states."""
    ends = ("comparable_error", "canonical_unit"), ("standard_error", "unit")
    wide, own = ((row.get(name) or 0.0) / SHARE_SCALES.get(row.get(unit) or "", 1.0) for name, unit in ends)
    return "standard_error" in row and wide > own * (1 + 1e-9)


def row_error(row: Mapping[str, Any]) -> tuple[float | None, str]:
    """(standard error of a row's comparable value, where it is from); (None, "unknown") when nothing tells it.

    Without a stated one, a share of n right answers has the binomial error of (x + 1) / (n + 2), as Agresti and Caffo
    (2000) take it for differences: never zero, and an upper bound for the mean of any scores between 0 and 1.
    """
    stated, few = row.get("comparable_error") or 0.0, (row.get("n") or FEW_ITEMS) < FEW_ITEMS
    scale = SHARE_SCALES.get(row.get("canonical_unit") or "")
    items = row.get("n") or TEST_ITEMS.get(row.get("benchmark") or "")
    basis = WIDENED if is_widened(row) else "stated"
    if scale is None or not items or not 0 <= row["comparable"] <= scale:
        return (stated, basis) if stated > 0 and not few else (None, "unknown")
    share = (row["comparable"] / scale * items + 1) / (items + 2)
    error = scale * math.sqrt(share * (1 - share) / (items + 2))
    if stated > (error if few else 0.0):
        return stated, basis
    return error, "binomial, stated n" if row.get("n") else "binomial, full test set"


def answers_told(shares: Any, errors: Any) -> Any:
    """How many right or wrong answers tell as much as scores with these standard errors: n of which row_error gives
    the same; 0 where an error is larger than that of any."""
    import numpy as np

    low, high = np.zeros_like(shares), 0.25 / errors**2
    for _ in range(HALVINGS):
        n = (low + high) / 2
        more = (n * shares + 1) * (n * (1 - shares) + 1) > errors**2 * (n + 2) ** 3
        low, high = np.where(more, n, low), np.where(more, high, n)
    return low


def tested_values(rows: Sequence[Mapping[str, Any]], errors: Any, lower: bool) -> tuple[Any, Any, Any]:
    """(values, values as those of the worse one of two, variances) of scores for z-tests of all pairs; more is better.

    Shares are turned into angles, asin(sqrt((x + 3/8) / (n + 3/4))) with the variance 1 / (4 n + 2) (Anscombe 1948),
    and each of two is half an answer nearer to the other, as in tests of counts: so few answers, and all right or all
    wrong ones, tell two models apart by chance no more often than many do.
    """
    import numpy as np

    values = np.array([row["comparable"] for row in rows], dtype=float)
    scales = {SHARE_SCALES.get(row.get("canonical_unit") or "") for row in rows}
    scale = scales.pop() if len(scales) == 1 else None
    if scale is None or values.min() < 0 or values.max() > scale:
        values = -values if lower else values
        return values, values, errors**2
    shares = np.clip(1 - values / scale if lower else values / scale, 0.0, 1.0)
    n = answers_told(shares, errors / scale)
    nearer, raised = (
        np.arcsin(np.sqrt(np.clip((n * shares + half + 0.375) / (n + 0.75), 0.0, 1.0))) for half in (-0.5, 0.5)
    )
    return nearer, raised, 1 / (4 * n + 2)


def rank_ranges(rows: Sequence[Mapping[str, Any]]) -> dict[str, RankRange]:
    """Model -> the ranks it may have, from the shown rows of one benchmark (comparable not null).

    Every pair of models whose errors are known is compared with a two-sided z-test (the scores as independent, which
    is cautious for models that answered the same items; those from the same votes, for which it is not, by the gap that
    these tell of); Holm's correction over all pairs. A model ranks from 1 + the number of significantly better
    models to the number of models - that of significantly worse ones. Models without a known error have no rank, but
    may be anywhere: each makes the others' ranges one longer.
    """
    errors = {row["model"]: row_error(row) for row in rows}
    known = [row for row in rows if errors[row["model"]][0] is not None]
    found = {model: RankRange(None, None, "unknown") for model, (error, _) in errors.items() if error is None}
    if not known:
        return found
    import numpy as np

    lower = any(row.get("lower_is_better") for row in rows)
    own = np.array([errors[row["model"]][0] for row in known], dtype=float)
    tested = tested_values(known, own, lower)
    votes = [votes_of(row.get("votes")) for row in known]
    signed = [-row["comparable"] if lower else row["comparable"] for row in known]
    together = joint_pairs(votes, signed, own, lower)
    better, worse = dependent_counts(*tested, together) if together else significant_counts(*tested)
    for row, above, below in zip(known, better, worse, strict=True):
        found[row["model"]] = RankRange(1 + int(above), len(rows) - int(below), errors[row["model"]][1])
    return found


@dataclasses.dataclass(frozen=True, slots=True)
class ErrorGroup:
    """Models whose errors are nearly of one size, the lowest value first."""

    values: Any
    variances: Any
    places: Any  # in the whole list
    least: float  # variance
    most: float

    def first_above(self, reach: Any) -> Any:
        """For each number the place in this group of the first value that is not below it."""
        return self.values.searchsorted(reach)


def error_groups(values: Any, variances: Any, step: float) -> list[ErrorGroup]:
    """All models in groups in which the variance grows by this factor at most, or in MOST_GROUPS of one size."""
    import numpy as np

    order = np.lexsort((values, variances))
    steps = np.floor(np.log(variances[order] / variances[order[0]]) / math.log(step))
    parts = np.split(order, np.flatnonzero(np.diff(steps)) + 1)
    groups = []
    for part in parts if len(parts) <= MOST_GROUPS else np.array_split(order, MOST_GROUPS):
        places = part[np.argsort(values[part], kind="stable")]
        spread = variances[places]
        groups.append(ErrorGroup(values[places], spread, places, float(spread.min()), float(spread.max())))
    return groups


def holm_threshold(rejected: int, pairs: int) -> float:
    """How many standard errors a difference must reach when so many pairs are told apart already."""
    return statistics.NormalDist().inv_cdf(1 - ALPHA / max(pairs - rejected, 1) / 2)


def significant_counts(values: Any, raised: Any, variances: Any) -> tuple[Any, Any]:
    """For each value how many others are significantly higher, and lower; Holm's step-down over all pairs.

    raised: what another one's value is compared with, where it is the higher one (see tested_values).

    Holm rejects the same hypotheses as this: compare all p-values with alpha / (pairs not rejected so far), again and
    again until no more are. In a group of models with errors of nearly one size, sorted by value, bisection finds those
    that are surely told apart from a model (by the group's largest error) and those that surely are not (by its
    smallest); only pairs between, or between the first and the last threshold, are looked at one by one. So n models
    take O(n log n) where their errors are of few sizes.
    """
    import numpy as np

    count = len(values)
    better, worse = np.zeros(count, dtype=np.int64), np.zeros(count, dtype=np.int64)
    if count < 2:
        return better, worse
    order = np.argsort(values, kind="stable")
    values, raised, variances = values[order], raised[order], variances[order]
    pairs = count * (count - 1) // 2
    coarse, fine = (error_groups(values, variances, step) for step in (COARSE, FINE))
    slack = 1e-12 * float(np.abs(values).max() + holm_threshold(0, pairs) * math.sqrt(variances.max()))

    def reach(group: ErrorGroup, threshold: float, sure: bool) -> Any:
        if sure:
            return group.first_above(raised + threshold * np.sqrt(variances + group.most) + slack)
        return group.first_above(raised + threshold * np.sqrt(variances + group.least) - slack)

    def told_apart(rejected: int, sure: bool) -> int:
        threshold = holm_threshold(rejected, pairs)
        return sum(count * len(group.values) - int(reach(group, threshold, sure).sum()) for group in coarse)

    fewest, most = holm_bounds(told_apart, pairs)
    strict, lenient = holm_threshold(fewest, pairs), holm_threshold(most, pairs)
    sure, open_pairs = 0, []
    for group in fine:
        first, last = reach(group, lenient, False), reach(group, strict, True)
        better += len(group.values) - last
        worse[group.places] += np.cumsum(np.bincount(last, minlength=len(group.values) + 1))[:-1]
        sure += count * len(group.values) - int(last.sum())
        for block, low, high in pairs_between(first, last):
            distance = (group.values[high] - raised[low]) ** 2
            variance = group.variances[high] + variances[low]
            certain = distance >= strict**2 * variance
            kept = np.flatnonzero((distance >= lenient**2 * variance) & ~certain)
            better[block] += np.bincount(low[certain] - block.start, minlength=block.stop - block.start)
            worse[group.places] += np.bincount(high[certain], minlength=len(group.values))
            sure += int(np.count_nonzero(certain))
            open_pairs.append((low[kept], group.places[high[kept]], distance[kept], variance[kept]))
    low, high, distance, variance = (np.concatenate(part) for part in zip(*open_pairs, strict=True))
    rejected = fewest
    while True:
        told = distance >= holm_threshold(rejected, pairs) ** 2 * variance
        now = sure + int(told.sum())
        if now <= rejected:
            break
        rejected = now
    better += np.bincount(low[told], minlength=count)
    worse += np.bincount(high[told], minlength=count)
    back = np.argsort(order)
    return better[back], worse[back]


def dependent_counts(
    values: Any, raised: Any, variances: Any, together: Sequence[tuple[int, int, float]]
) -> tuple[Any, Any]:
    """As significant_counts, pair by pair, where the errors of some pairs are not independent.

    together: these pairs, with the statistic for the first being higher.
    """
    import numpy as np

    first, second = (np.array([pair[i] for pair in together]) for i in (0, 1))
    statistic = (values[:, None] - raised[None, :]) / np.sqrt(variances[:, None] + variances[None, :])
    statistic[first, second] = [pair[2] for pair in together]
    statistic[second, first] = -statistic[first, second]
    rejected = -1
    while (now := int((statistic >= holm_threshold(max(rejected, 0), math.comb(len(values), 2))).sum())) > rejected:
        rejected = now
    told = statistic >= holm_threshold(rejected, math.comb(len(values), 2))
    return told.sum(axis=0), told.sum(axis=1)


def holm_bounds(told_apart: Callable[[int, bool], int], pairs: int) -> tuple[int, int]:
    """(at least, at most) so many pairs does Holm's procedure reject, from bounds of what one step of it rejects."""
    fewest = told_apart(0, True)
    fewest = most = max(fewest, told_apart(fewest, True))
    while (now := told_apart(most, False)) > most:
        most = min(pairs, now + (now - most) // 8)
    return fewest, most


def pairs_between(first: Any, last: Any) -> Iterator[tuple[slice, Any, Any]]:
    """(a part of the list, place in the list, place in the group) of the pairs from first to last of each model.

    So many at a time as a processor's cache holds.
    """
    import numpy as np

    ends = np.cumsum(last - first)
    start, done = 0, 0
    while start < len(ends):
        stop = max(start + 1, int(np.searchsorted(ends, done + PAIRS_AT_ONCE, "right")))
        counts = last[start:stop] - first[start:stop]
        shift = first[start:stop] - (ends[start:stop] - counts - done)
        low = np.repeat(np.arange(start, stop), counts)
        yield slice(start, stop), low, np.arange(len(low)) + np.repeat(shift, counts)
        start, done = stop, int(ends[stop - 1])


def explain_official_ranks(rows: Sequence[dict[str, Any]]) -> None:
    """Give shown rows their model's place on the Hub's own leaderboard, and say why the rank here is another.

    A model may have its place by a row that is not the shown one. Sets `official_rank` and `official_why`.
    """
    ranked = {(row["model"], row["benchmark"]): row for row in rows if row.get("official_rank")}
    boards: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        row["official_why"] = None
        if row["shown"]:
            boards.setdefault(row["benchmark"], []).append(row)
    for key, shown in boards.items():
        there = {row["model"]: ranked[row["model"], key] for row in shown if (row["model"], key) in ranked}
        ranges = rank_ranges(shown) if there else {}
        places = {model: row["official_rank"] for model, row in there.items()}
        sign = -1 if any(row["lower_is_better"] for row in shown) else 1
        order = sorted(places.values())
        others = sorted(sign * row["comparable"] for row in shown if row["model"] not in there)
        for row in shown:
            row["official_rank"] = places.get(row["model"])
            if found := there.get(row["model"]):
                missing = places[row["model"]] - 1 - bisect_left(order, places[row["model"]])
                added = len(others) - bisect_right(others, sign * row["comparable"])
                row["official_why"] = official_difference(row, found, ranges[row["model"]], missing, added) or None


def official_difference(
    row: Mapping[str, Any], there: Mapping[str, Any], rank: RankRange, missing: int, added: int
) -> str:
    """Why a model's rank here is not its place on the Hub's leaderboard, for people; empty when it is.

    there: the row that the Hub ranks; missing: models ahead of it there and not here; added: here, and not there.
    """
    place = row["official_rank"]
    if rank.low == rank.high == place:
        return ""
    why = []
    if there["comparable"] != row["comparable"]:
        why.append(f"the Hub ranks it by {there['value']:g} ({SOURCE_TYPES[there['source_type']]}), not by this score")
    if rank.low is None:
        why.append("no error of its score is known, so it has no rank here")
    elif rank.low != rank.high:
        why.append(f"the errors of the scores leave the places {rank.low} to {rank.high} open; the Hub goes by value")
    if missing > 0:
        why.append(f"{missing} of those ahead of it on the Hub have no score here")
    if added:
        why.append(f"{added} of those ahead of it here are not on the Hub's leaderboard")
    return "; ".join(why)


def display_score(value: float | None, unit: str | None) -> str:
    """A score for people: 0.412 in proportion -> "41.2", as the columns say %; None -> "–"."""
    if value is None:
        return "–"
    number = float(Decimal(repr(value)) * 100) if unit == "proportion" else value
    return f"{number:.1f}" if abs(number) < 1e6 else f"{number:.3g}"


# --- parts/board/overall.py -------------------------------------------------------------------------------------------

TO_PERCENT = {"proportion": 100.0, "percent": 1.0}  # canonical unit -> factor to percent; others are not averaged
NO_RANK = RankRange(None, None, "unknown")


@dataclasses.dataclass(frozen=True, slots=True)
class BoardPlace:
    """A model's place: how many of the benchmarks it has, and where it has all, its mean (percent), error and ranks.

    needs: of one that lacks some, the mean there (percent) with which it would be level with the leader; None where the
    best possible one would not pass it. near: whether with the best possible one it is not shown to be behind.
    """

    model: str
    have: int
    mean: float | None = None
    error: float | None = None  # standard error of the mean, of independent benchmarks; None when one is not known
    widened: bool = False  # whether the error is wider than that, by what lost answers could change
    rank: RankRange = NO_RANK
    needs: float | None = None
    near: bool = False


def averaging_kind(about: Mapping[str, Any]) -> tuple[Any, ...]:
    """What benchmarks must have in common to be averaged: shares of one direction; any other is alone."""
    unit = about.get("unit", about.get("canonical_unit"))
    return ("share" if unit in TO_PERCENT else about["key"], bool(about["lower_is_better"]))


def primary_benchmarks(rows: Iterable[BoardRow], benchmarks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The benchmarks that the overall order stands on, by default.

    Of one unit and direction, from the best covered one on always that which most of the models so far have too; of
    these sets the one with the most numbers (models that have all, times benchmarks), the larger one of equals. Of
    several metrics of the same answers, which would count them twice, the first one alone.
    """
    import numpy as np

    rows = list(rows)
    answers, kinds = answered_by_key(rows), defaultdict(dict)
    for entry in benchmarks:
        kinds[averaging_kind(entry)].setdefault(answers.get(entry["key"], entry["key"]), entry["key"])
    models: dict[str, int] = {}
    having: dict[str, set[int]] = defaultdict(set)
    for row in rows:
        having[row["benchmark"]].add(models.setdefault(row["model"], len(models)))
    best: tuple[int, list[str]] = (0, [])
    for keys in (list(kind.values()) for kind in kinds.values()):
        table = np.zeros((len(keys), len(models)), dtype=bool)
        for line, key in enumerate(keys):
            table[line, list(having[key])] = True
        chosen: list[str] = []
        complete = np.ones(len(models), dtype=bool)
        while len(chosen) < len(keys):
            counts = (table & complete).sum(axis=1)
            counts[[keys.index(key) for key in chosen]] = -1
            line = int(counts.argmax())
            complete &= table[line]
            chosen.append(keys[line])
            if (area := int(counts[line]) * len(chosen)) and area >= best[0]:
                best = (area, [key for key in keys if key in chosen])
    return best[1]


def fixed_primary(keys: Sequence[str], benchmarks: Sequence[Mapping[str, Any]]) -> list[str]:
    """Benchmarks that somebody named for the overall order; ScriptError when they cannot be averaged."""
    about = {entry["key"]: entry for entry in benchmarks}
    if len({averaging_kind(about[key]) for key in keys}) > 1:
        first = averaging_kind(about[keys[0]])
        other = [key for key in keys if averaging_kind(about[key]) != first]
        raise ScriptError(f"--primary: an average takes one unit and direction; {keys[0]} and {listing(other)} differ")
    return list(dict.fromkeys(keys))


def chosen_primary(
    named: Sequence[str], metadata: Mapping[str, Any], rows: Iterable[BoardRow], among: Sequence[str] = ()
) -> list[str]:
    """The benchmarks of the overall order: those named now, those named at collect, else the ones that most share."""
    if named:
        return fixed_primary(named, metadata["benchmarks"])
    covered = [entry for entry in metadata["benchmarks"] if not among or entry["key"] in among]
    kept = [key for key in metadata.get("primary") or [] if any(entry["key"] == key for entry in covered)]
    return fixed_primary(kept, covered) if kept and not among else primary_benchmarks(rows, covered)


def overall_order(rows: Iterable[BoardRow], keys: Sequence[str]) -> list[BoardPlace]:
    """All models that have one of the benchmarks: those that have all by their mean, then those that lack fewest."""
    found: dict[str, dict[str, BoardRow]] = defaultdict(dict)
    for row in rows:
        if row["benchmark"] in keys:
            found[row["model"]][row["benchmark"]] = row
    lower = any(row["lower_is_better"] for scores in found.values() for row in scores.values())
    means = [mean_row(model, list(scores.values())) for model, scores in found.items() if len(scores) == len(keys)]
    alone = [row for scores in found.values() for row in scores.values()] if len(keys) == 1 else None
    ranks = rank_ranges(alone or [row | {"lower_is_better": lower} for row in means])
    standings = [
        BoardPlace(
            row["model"], len(keys), row["comparable"], row["comparable_error"], row["widened"], ranks[row["model"]]
        )
        for row in means
    ]
    standings.sort(key=lambda one: (one.mean if lower else -one.mean, natural_key(one.model)))
    first = standings[0] if standings else None
    z = holm_threshold(0, math.comb(len(found), 2))
    lacking = [BoardPlace(model, len(scores)) for model, scores in found.items() if len(scores) < len(keys)]
    if first:
        means = [mean_row(one.model, list(found[one.model].values())) for one in lacking]
        lacking = [with_need(one, mean, first, lower, z) for one, mean in zip(lacking, means, strict=True)]
    return [*standings, *sorted(lacking, key=lambda one: (-one.have, natural_key(one.model)))]


def with_need(one: BoardPlace, mine: BoardRow, first: BoardPlace, lower: bool, z: float) -> BoardPlace:
    """A model that lacks some benchmarks, with what it needs there to lead, and whether it may be near the first by z
    standard errors. mine: the mean of those that it has.

    What has no known error may be anything, as in the ranks.
    """
    lacks = first.have - one.have
    needs = (first.have * first.mean - one.have * mine["comparable"]) / lacks
    errors = (first.error, mine["comparable_error"])
    reach = math.inf if None in errors else z * math.hypot(first.have * errors[0], one.have * errors[1]) / lacks
    spare = needs if lower else 100 - needs  # of the best possible mean
    able = spare > 1e-9
    return dataclasses.replace(one, needs=min(max(needs, 0.0), 100.0) if able else None, near=spare + reach >= 0)


def mean_row(model: str, scores: Sequence[BoardRow]) -> BoardRow:
    """The mean of a model's scores as a row that can be ranked; in percent where they are shares."""
    factors = [TO_PERCENT.get(row["canonical_unit"], 1.0) for row in scores]
    errors, bases = zip(*map(row_error, scores), strict=True)
    mean = math.fsum(factor * row["comparable"] for factor, row in zip(factors, scores, strict=True)) / len(scores)
    unit = "percent" if all(row["canonical_unit"] in TO_PERCENT for row in scores) else None
    votes = next((found for row in scores if (found := votes_of(row.get("votes")))), None)
    votes = votes and dataclasses.replace(votes, metric="", gaps={}).text  # shared, but no gap of means is told
    found = {"model": model, "comparable": mean, "comparable_error": None, "canonical_unit": unit, "votes": votes}
    found["widened"] = WIDENED in bases
    if None in errors:
        return found
    answers, together = answered_by_key(scores), defaultdict(float)
    for row, factor, error in zip(scores, factors, errors, strict=True):
        together[answers[row["benchmark"]]] += factor * error  # metrics of the same answers err together
    return found | {"comparable_error": math.hypot(*together.values()) / len(scores)}


def shared_answers_text(rows: Iterable[BoardRow], primary: Sequence[str]) -> str:
    """What an overall order does with several metrics of the same answers, as a sentence to follow; empty for none."""
    answers, metrics = answered_by_key(rows), defaultdict(list)
    for key in [*primary, *sorted(set(answers) - set(primary), key=natural_key)]:
        metrics[answers.get(key, key)].append(key)
    told = []
    for keys in metrics.values():
        counted = [key for key in keys if key in primary]
        if len(counted) > 1:
            told.append(f" {listing(counted, 6)} are of the same answers, so their errors add up.")
        elif counted and len(keys) > 1:
            told.append(f" {listing(keys[1:], 6)}: of the same answers as {counted[0]}, so not counted again.")
    return "".join(told)


def ways_of(row: BoardRow) -> tuple[str | None, ...]:
    """How a score was measured, as far as its source says it: shots, way of the metric, harness of an own run."""
    harness = (row.get("source_name") or "").partition(" ")[0] if row.get("source_type") == "own_run" else ""
    return row["shots"], way_of_metric(row), library_field(harness) or None


def unlike_ways(rows: Iterable[BoardRow]) -> dict[str, str]:
    """Benchmark -> in what its shown scores were not measured alike, as far as anybody says it: "0-shot and 5-shot"."""
    told: dict[str, tuple[set[str], ...]] = defaultdict(lambda: (set(), set(), set()))
    settings: dict[tuple[str, str], set[str]] = defaultdict(set)
    items: dict[tuple[str, str], set[str]] = defaultdict(set)
    votes: dict[str, SharedVotes] = {}
    opponents: dict[str, str] = {}
    for row in rows:
        own = votes_of(row.get("votes"))
        if own and (unlike := unlike_opponents(votes.setdefault(row["benchmark"], own), own)):
            opponents.setdefault(row["benchmark"], f"against {' and '.join(unlike)}")
        for found, text in zip(told[row["benchmark"]], ways_of(row), strict=True):
            found |= {text} - {None}
        writer, _, mark = (row.get("settings") or "").partition(":")
        if mark:
            settings[row["benchmark"], writer].add(mark)
            asked = (text for text in (row.get("answers") or "").split() if text.startswith(ITEMS_MARK))
            items[row["benchmark"], writer].update(asked)
    found = {key: "the items that were asked" for (key, _), marks in items.items() if len(marks) > 1}
    found |= {key: "settings that compare_results.py tells" for (key, _), marks in settings.items() if len(marks) > 1}
    texts = {
        key: [listing(sorted(own, key=natural_key), 3) for own in each if len(own) > 1] for key, each in told.items()
    }
    return found | opponents | {key: "; ".join(own) for key, own in texts.items() if own}


def unlike_now(before: BoardRow, now: BoardRow) -> str:
    """In what two scores of one benchmark were not measured alike: "5-shot before, 8-shot now"; empty for nothing."""
    pairs = zip(ways_of(before), ways_of(now), strict=True)
    told = [f"{one} before, {other} now" for one, other in pairs if one and other and one != other]
    return "; ".join(told) or unlike_ways([before, now]).get(now["benchmark"], "")


def measured_otherwise(rows: Iterable[BoardRow]) -> dict[tuple[str, str], str]:
    """(model, benchmark) -> in what its shown score was measured otherwise than most are: "0-shot"."""
    found: dict[tuple[str, str], str] = {}
    ways = [(row["model"], row["benchmark"], ways_of(row)) for row in rows]
    for part in range(3):
        counts: dict[str, Counter[str]] = defaultdict(Counter)
        for _, key, way in ways:
            counts[key].update(filter(None, [way[part]]))
        usual = {key: min(own, key=lambda way: (-own[way], natural_key(way))) for key, own in counts.items() if own}
        for model, key, way in ways:
            if way[part] and way[part] != usual[key]:
                found[model, key] = ", ".join(filter(None, (found.get((model, key)), way[part])))
    return found


def way_of_metric(row: BoardRow) -> str | None:
    """How a score's metric reads the answers, where its source names it: "exact_match,flexible-extract", or whether it
    is the accuracy by raw or by length-normalized log-likelihoods: "acc_norm"."""
    metric, spelled = row.get("metric"), (row.get("source_task") or "").rpartition("/")[2]
    for text in (spelled, metric or ""):
        if "," in (key := metric_key(text)):
            return text
        if key in ("accuracy", "accnorm"):
            return {"accuracy": "acc", "accnorm": "acc_norm"}[key]
    return None


def unlike_text(rows: Iterable[BoardRow], names: Mapping[str, str]) -> str:
    """What of some benchmarks (key -> name) was not measured alike: "GSM8K (0-shot, 5-shot)"; empty for nothing."""
    found = unlike_ways(rows)
    return listing([f"{name} ({found[key]})" for key, name in names.items() if key in found], 3)


def apart_text(lines: Sequence[str]) -> str:
    """Where models were measured, and have no number to compare; lines: "acme/a, GSM8K: why"."""
    return f"measured, but set apart: {'; '.join(lines[:3])}{f'; and {len(lines) - 3} more' if len(lines) > 3 else ''}"


def among_text(standings: Sequence[BoardPlace], models: int, lower: bool) -> str:
    """How many of all models an order is of, and why not of all; which of the others could lead, were they in it."""
    placed, count = count_models(one.model for one in standings if one.mean is not None), standings[0].have
    others = models - placed
    if not others:
        return f"Among all {models:,} models."
    who, have = (f"{others:,}", "have") if others > 1 else ("one", "has")
    why = f"{have} no number {'for a benchmark of this average' if count > 1 else 'to compare'}"
    return f"Among {placed:,} of {models:,} models: the other {who} {why}{rivals_text(standings, lower)}."


def rivals_text(standings: Sequence[BoardPlace], lower: bool) -> str:
    """Which of the models that lack a benchmark could lead: the one that needs least for it, and how many more; where
    none could, the first that the errors alone keep near."""
    count, able = standings[0].have, [one for one in standings if one.needs is not None]
    able.sort(key=lambda one: (-one.needs if lower else one.needs, natural_key(one.model)))
    if not able:
        near = next((one for one in standings if one.near), None)
        return (near and f"; none could lead, {near.model} ({near.have} of {count}) could come within the errors") or ""
    first, more = able[0], count_models(one.model for one in able) - 1
    others = f", and {more:,} more could lead" if more else ""
    return f"; {first.model} ({first.have} of {count}) would need {first.needs:.1f} there to lead{others}"


def is_certain(standings: Sequence[BoardPlace], unlike: str) -> bool:
    """Whether the first is shown to lead all models that have a place, and no other one could be near it."""
    first, *others = standings
    alone = not any(one.mean is not None for one in others) or any(one.near for one in others)
    return first.rank.high == 1 and not alone and not unlike


def mean_digits(standings: Sequence[BoardPlace]) -> int:
    """The decimals of means: two on a scale such as 1 to 5 or of logits, where one tells nothing apart."""
    return 1 if any(abs(one.mean) >= 10 for one in standings if one.mean is not None) else 2


def mean_text(one: BoardPlace, digits: int) -> str:
    """A mean with its error: "60.0 ± 1.3 std. error"."""
    what = "std. error with lost answers" if one.widened else "std. error"
    return f"{one.mean:.{digits}f}" + ("" if one.error is None else f" ± {one.error:.{digits}f} {what}")


def leader_text(standings: Sequence[BoardPlace], what: str, models: int, unlike: str = "", lower: bool = False) -> str:
    """Who leads, by how much, whether that is certain, among how many, and by what; what: "the average of A, B".

    models: how many there are, with or without a place. unlike: what was not measured alike, so that no error of the
    numbers makes their order certain. lower: whether less is better.
    """
    placed = [one for one in standings if one.mean is not None]
    if not placed:
        return f"No model has {what}."
    first, *others = placed
    among = among_text(standings, models, lower)
    digits = mean_digits(placed[:2])
    means = [mean_text(one, digits) for one in placed[:2]]
    if not others:
        return f"{first.model} leads with {means[0]}; no other model can be compared. {among} By {what}."
    gap = f"{abs(first.mean - others[0].mean):.{digits}f}"
    leads = f"leads by {gap} points over" if float(gap) else "is level with"
    start = f"{first.model} {leads} {others[0].model} ({' to '.join(means)})."
    return f"{start} {certainty_text(standings, unlike)} {among} By {what}."


def certainty_text(standings: Sequence[BoardPlace], unlike: str) -> str:
    """Whether it is certain that the first leads, and what leaves it open."""
    first, *others = (one for one in standings if one.mean is not None)
    if not others:
        return "No other model can be compared."
    alike = [one for one in others if one.rank.low == 1]
    if first.rank.low is None:
        certain = "Whether that is certain is not known: an error is missing."
    elif is_certain(standings, unlike):
        certain = "That is certain (95 %)."
    elif first.rank.high == 1:
        certain = f"Certain (95 %) only among the models with all {first.have} benchmarks."
        if unlike:
            certain = f"Certain by the numbers (95 %), but not measured alike: {unlike}."
    elif alike:
        more = "" if len(alike) == 1 else f" and {plural(len(alike) - 1, 'other')}"
        certain = f"Not certain: {alike[0].model}{more} cannot be told apart from it (95 %)."
    else:
        certain = "Not certain: the error of others is not known."
    return certain + (f" Not measured alike: {unlike}." if unlike and "alike:" not in certain else "")


@dataclasses.dataclass(frozen=True, slots=True)
class BoardOrder:
    """The order of a board's models by some benchmarks, and what is said of it; the same wherever it is told."""

    names: Mapping[str, str]  # key -> name of the benchmarks
    standings: list[BoardPlace]
    unlike: str  # what was not measured alike
    lower: bool
    models: int  # of the board

    @property
    def what(self) -> str:
        """What the order is by: "GSM8K", "the average of A, B"."""
        names = list(self.names.values())
        return names[0] if len(names) == 1 else f"the average of {listing(names, 6)}"

    @property
    def text(self) -> str:
        """Who leads, by how much, whether that is certain, among how many, and by what."""
        return leader_text(self.standings, self.what, self.models, self.unlike, self.lower)

    @property
    def certain(self) -> bool:
        """Whether the first is shown to lead all others."""
        return bool(self.standings) and is_certain(self.standings, self.unlike)

    @property
    def certainty(self) -> str:
        """Whether it is certain who leads, and what leaves it open, as a sentence."""
        return certainty_text(self.standings, self.unlike)

    @property
    def first(self) -> str:
        """The model with the best number; empty where none has a place."""
        return self.standings[0].model if self.standings and self.standings[0].mean is not None else ""

    @property
    def leader(self) -> str:
        """The model that leads by the numbers and their errors, measured alike or not; empty where none does."""
        return self.standings[0].model if self.standings and is_certain(self.standings, "") else ""


def board_order(
    rows: Sequence[BoardRow], keys: Sequence[str], benchmarks: Iterable[Mapping[str, Any]], models: int
) -> BoardOrder:
    """The order of the shown rows by some benchmarks; benchmarks: as the metadata tells them."""
    about = {entry["key"]: entry for entry in benchmarks}
    names = {key: about[key]["name"] for key in keys}
    lower = any(about[key]["lower_is_better"] for key in keys)
    return BoardOrder(names, overall_order(rows, keys), unlike_text(rows, names), lower, models)


# --- parts/statistics/intervals.py ------------------------------------------------------------------------------------

CONFIDENCE = 0.95
TWO_SIDED_Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # standard errors to each side of a 95 % interval
BEYOND_FORMULA, BEYOND_DRAWS = 1.05, 1.3  # how far a standard error that was computed, or drawn, may lie beside
FAR_BELOW = 20.0  # times: no repeats, strata or clusters make the error of right and wrong answers so small
ROUNDED_SHARE = 0.0005  # how far a written share may lie beside the measured one


@dataclass(frozen=True, slots=True)
class Interval:
    """Where a number lies with 95 % confidence, and how that was found."""

    low: float
    high: float
    method: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """One number: `value` on the scale of `unit` (percent is turned into a proportion), `n` items."""

    value: float
    standard_error: float | None = None
    n: int | None = None
    unit: str = "proportion"
    lower_is_better: bool = False
    metric: str | None = None
    shots: int | None = None
    interval: Interval | None = None
    votes: Any = None  # what it shares with other scores of the same votes; see parts/records/shared.py

    @property
    def averages(self) -> bool:
        """Whether it may enter a mean of scores: a proportion of which more is better."""
        return self.unit == "proportion" and not self.lower_is_better


@dataclass(frozen=True, slots=True)
class ItemScores:
    """A task's items over some checkpoints, in a fixed order.

    scores: (checkpoints, items) float64 array, NaN where a checkpoint was not measured on an item or its answer could
    not be scored. clusters: (items,) int array, the same number for items that share a passage or a question.
    statistics: (checkpoints, items, d) where the score is one of the whole corpus (`formula`) and no mean of `scores`;
    zeros for an item that a checkpoint lacks. scale: from the formula to the score's unit. raters: (items,) int array
    of who judged, where several judged several items each; else None.
    grouped_by: (field, design effect) where the clusters are of a field that nobody has declared.
    """

    item_ids: tuple[str, ...]
    clusters: Any
    scores: Any
    formula: str = ""
    statistics: Any = None
    scale: float = 1.0
    raters: Any = None
    grouped_by: tuple[str, float] | None = None


# Arrays: scores (checkpoints, items); draws (checkpoints, draws): what the scores could have been with other items of
# the same kind; halves (2, checkpoints, splits): the scores on one random half of the items, and on the other.


def wilson_interval(successes: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Interval for a proportion, without continuity correction (Wilson 1927; Newcombe 1998, method 3)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    center = (successes + z * z / 2) / (n + z * z)
    half = z * math.sqrt(successes * (n - successes) / n + z * z / 4) / (n + z * z)
    return max(0.0, center - half), min(1.0, center + half)


def error_doubt(score: float, error: float | None, n: int | None, method: str) -> str:
    """What is said of a mean of scores from 0 to 1 whose standard error is larger than n independent ones can have.

    About their mean p no such scores spread more than zeros and ones: error² <= p (1 - p) / (n - 1).
    """
    if not error or not n or n < 2 or "cluster" in method:
        return ""
    near = 0.5 - max(abs(score - 0.5) - ROUNDED_SHARE, 0.0)
    beyond = BEYOND_FORMULA if method == "analytic" else BEYOND_DRAWS
    if error**2 * (n - 1) <= beyond**2 * near * (1 - near):
        return ""
    tenths = round(10 * (score * (1 - score) / error**2 + 1) / n)  # alike for many models, which are then one remark
    share = f"about {tenths}0 %" if tenths else "less than 10 %"
    return f"its standard error is that of {share} of the {n} items that it speaks of, were these independent"


def error_contradiction(score: float, error: float | None, n: int | None) -> str:
    """What is wrong with the standard error of a share of right answers that is far below any that n of them can have.

    That of n independent ones is sqrt(p (1 - p) / n), whatever they are; each asked 400 times, a twentieth of it.
    """
    near = 0.5 - abs(score - 0.5) - ROUNDED_SHARE
    if error is None or not n or n < 2 or near <= 0 or error**2 * n >= near * (1 - near) / FAR_BELOW**2:
        return ""
    return f"a standard error of {error:.3g}, while {n} answers of which {score:g} are right have one of about " + (
        f"{math.sqrt(score * (1 - score) / n):.3g}"
    )


def interval_from_bounds(low: float, high: float, level: float = CONFIDENCE) -> float:
    """The standard error that a symmetric normal interval stands for."""
    return (high - low) / 2 / NormalDist().inv_cdf((1 + level) / 2)


def clustered_error(values: Sequence[float], groups: Sequence[Hashable]) -> float | None:
    """`clustered_standard_error` without numpy; None for fewer than two groups."""
    sums: dict[Hashable, float] = defaultdict(float)
    mean = math.fsum(values) / len(values)
    for value, group in zip(values, groups, strict=True):
        sums[group] += value - mean
    if len(sums) < 2:
        return None
    return math.sqrt(len(sums) / (len(sums) - 1) * math.fsum(own**2 for own in sums.values())) / len(values)


def clustered_standard_error(scores: Any, clusters: Any) -> float:
    """Standard error of the mean of (items,) scores whose G clusters were drawn, with the factor G / (G - 1).

    Liang and Zeger 1986, as for the mean in Miller 2024 (arXiv 2411.00640); without shared clusters it is sd / sqrt(n).
    """
    import numpy as np

    _, group = np.unique(clusters, return_inverse=True)
    sums = np.bincount(group, scores - scores.mean())
    return float(np.sqrt((sums**2).sum() * len(sums) / (len(sums) - 1)) / len(scores))


def is_binary(values: np.ndarray) -> bool:
    """Whether all values are 0 or 1."""
    return bool(((values == 0) | (values == 1)).all())


# --- parts/statistics/item_statistics.py ------------------------------------------------------------------------------

OF_SUMS = ("ratio", "percent_ratio", "perplexity", "bits", "bleu", "chrf", "f1")  # functions of the statistics' sums
OF_LABELS = ("f1_macro", "f1_all", "f1_max", "mcc")  # of the wanted and the said class
OF_ROWS = ("auroc", "average_precision", "pearson", "spearman", "kendall")  # of all pairs of numbers
WIDTHS = {"bleu": (10,), "chrf": (18, 24), "f1": (3,)}  # numbers in an item's statistic; two for all others
PER_LENGTH = ("perplexity", "bits")  # of a log-likelihood over a length: of tokens, words or bytes
SAME_MEAN_LENGTH = 1e-3  # of what the mean length of the same texts may be off by, a lost one among thousands
FROM_RATIOS = {"ratio of sums": "ratio", "weighted_perplexity": "perplexity", "perplexity": "perplexity"}
FROM_RATIOS |= {"bits_per_byte": "bits"}  # how a harness calls it -> the formula of "numerator" and "denominator"


def formula_of(stated: str, aggregation: str) -> str:
    """The formula that a record names, or that its aggregation stands for; "" where its items have no statistics."""
    if stated:
        return stated if stated in (*OF_SUMS, *OF_LABELS, *OF_ROWS) else ""
    return FROM_RATIOS.get(aggregation, "")


def statistic_of(fields: Mapping[str, Any], formula: str) -> tuple[Any, ...] | None:
    """An item's statistic in its metadata; None where there is none, ValueError for one that is damaged."""
    text = fields.get("statistics")
    if text is None and {"numerator", "denominator"} <= fields.keys():
        text = f"[{fields['numerator']}, {fields['denominator']}]"
    if text is None:
        return None
    found = json.loads(text) if isinstance(text, str) and len(text) < 4000 else None
    if not isinstance(found, list) or len(found) not in WIDTHS.get(formula, (2,)):
        raise ValueError(f"the statistics {str(text)[:60]!r} are none of {formula}")
    if formula in OF_LABELS:
        return tuple(None if label is None else str(label) for label in found)
    if not all(isinstance(x, int | float) and not isinstance(x, bool) and math.isfinite(x) for x in found):
        raise ValueError(f"the statistics {str(text)[:60]!r} are no numbers")
    return tuple(map(float, found))


def mean_length(found: Sequence[tuple[Any, ...]], formula: str) -> float | None:
    """How long an item is in the units that a score is of; None for a formula that is of none."""
    return math.fsum(row[1] for row in found) / len(found) if found and formula in PER_LENGTH else None


def unlike_lengths(one: float | None, two: float | None) -> str:
    """Why two scores of the same texts are of unlike units, by the mean lengths of these; "" where they are not.

    A model whose tokenizer makes more tokens of a text has a lower perplexity of each with the same likelihood.
    """
    if one is None or two is None or math.isclose(one, two, rel_tol=SAME_MEAN_LENGTH):
        return ""
    return f"texts of {one:,.1f} tokens, words or bytes, not {two:,.1f}: unlike units, as of two tokenizers"


def score_of_items(found: Sequence[tuple[Any, ...]], formula: str) -> float | None:
    """The score of items with these statistics; None where it is not defined, and for a formula of rows."""
    if formula in OF_ROWS:
        return None
    if formula in OF_LABELS:
        return score_of_labels(found, formula)
    sums = [math.fsum(column) for column in zip(*found, strict=True)]
    try:
        score = score_of_sums(sums, formula)
    except (ZeroDivisionError, OverflowError):
        return None
    return score if math.isfinite(score) else None


def score_of_sums(sums: Sequence[float], formula: str) -> float:
    """A score from the sums of the items' statistics; ZeroDivisionError where it is not defined."""
    if formula == "bleu":
        return bleu_of_sums(sums)
    if formula == "chrf":
        triples = [sums[i : i + 3] for i in range(0, len(sums), 3) if sums[i] > 0 and sums[i + 1] > 0]
        precision, recall = (math.fsum(row[2] / row[side] for row in triples) / max(len(triples), 1) for side in (0, 1))
        return 500 * precision * recall / (4 * precision + recall) if precision + recall else 0.0
    if formula == "f1":
        return 2 * sums[0] / (sums[1] + sums[2])
    rate = sums[0] / sums[1]
    return {
        "ratio": lambda: rate,
        "percent_ratio": lambda: 100 * rate,
        "perplexity": lambda: math.exp(-rate),
        "bits": lambda: -rate / math.log(2),
    }[formula]()


def bleu_of_sums(sums: Sequence[float]) -> float:
    """BLEU with sacrebleu's default smoothing (exp): n-grams found (4), said (4), and both lengths."""
    right, said, own, wanted = sums[:4], sums[4:8], sums[8], sums[9]
    if not all(said) or not any(right):
        return 0.0
    logs, missed = 0.0, 0
    for found, count in zip(right, said, strict=True):
        missed += found == 0
        logs += math.log(100 * found / count if found else 100 / 2**missed / count)
    return math.exp(logs / 4 + min(0.0, 1 - wanted / own))


def score_of_labels(found: Sequence[tuple[Any, ...]], formula: str) -> float | None:
    """F1 over the wanted classes (f1_macro), over all classes (f1_all), of the best one; or Matthews' correlation."""
    wanted, said = Counter(row[0] for row in found), Counter(row[1] for row in found)
    right = Counter(w for w, s in found if w == s)
    if formula != "mcc":
        labels = wanted if formula == "f1_macro" else wanted + said
        own = [2 * right[label] / (wanted[label] + said[label]) for label in labels]
        return max(own) if formula == "f1_max" else math.fsum(own) / len(own)
    n = len(found)
    top = right.total() * n - sum(count * said[label] for label, count in wanted.items())
    bottom = math.prod(n**2 - sum(count**2 for count in own.values()) for own in (wanted, said))
    return top / math.sqrt(bottom) if bottom else 0.0


# --- parts/board/units.py ---------------------------------------------------------------------------------------------

VALUES_TELL = 3
UNSAID_TOKENS = "by the model's own tokens, and nothing says that others have the same: word_perplexity, bits_per_byte"
OTHER_COLUMN = ", while the column of"


def unit_of(value: float, entry: Mapping[str, Any], document: Company, board: Company) -> Unit:
    """What an unlabelled value of a benchmark is measured in, where that can be known; nothing is guessed.

    Above 1 a share is a percentage. At most 1 it is a proportion when no share of its document is above 1 and, as a
    percentage, it or another share of the document would be far below guessing, or the document has three such values.
    Else what others have on the same task of a Hub Benchmark decides: all at most 1, and three of them.
    """
    low, high = entry["range"]
    if entry["unit"] == "points":
        if (low is not None and value < low) or (high is not None and value > high):
            return Unit(None, why_not=f"{value:g} is outside its range, {low} to {high}")
        if high is not None and high >= 100 and 0 < abs(value) <= 1:
            return Unit(None, why_not=f"{value:g} may be of {high:g} points or of 1: nothing says which")
        return Unit("points", "the benchmark has points")
    if value == 0:
        return Unit(entry["unit"], "zero in every unit")
    if value < 0 or (value > 100 and high is not None):
        return Unit(None, why_not=f"{value:g} is no share: below 0 or above 100")
    if value > 1 and high is None:
        return Unit(None, why_not=f"{value:g} may be percent or a rate above 1: nothing says which")
    if value > 1:
        return Unit("percent", "above 1")
    if document.above_one:
        return Unit(None, why_not=f"{value:g} stands beside values above 1: a proportion, or a percentage below 1")
    if (entry.get("chance") or 0) >= CHANCE_TELLS:
        return Unit("proportion", "as a percentage far below guessing")
    if document.above_chance:
        return Unit("proportion", "beside a value that is one")
    if document.count < VALUES_TELL and board.above_one:
        return Unit(None, why_not=f"{value:g}, while the Benchmark has values above 1: a proportion, or below 1 %")
    if document.count >= VALUES_TELL or board.count >= VALUES_TELL:
        return Unit("proportion", "no value beside it is above 1")
    return Unit(None, why_not=f"{value:g} may be a proportion or a percentage: nothing says which")


def converted(value: float | None, unit: str | None, canonical: str | None) -> float | None:
    """A value in the benchmark's unit; None when the units do not convert. Decimal, so that 41.2 % is 0.412."""
    if value is None or unit is None or canonical is None:
        return None
    if unit == canonical:
        return value
    factor = {("percent", "proportion"): "0.01", ("proportion", "percent"): "100"}.get((unit, canonical))
    return None if factor is None else float(Decimal(repr(value)) * Decimal(factor))


def settle_units(rows: Sequence[BoardRow], mapping: Mapping[str, Any]) -> None:
    """Give every row of a known benchmark its unit and comparable value, or the reason why it has none."""
    companies: dict[Any, Company] = defaultdict(Company)
    for row in rows:
        entry = mapping.get(row["benchmark"] or "")
        if entry and entry["unit"] not in ("points", None) and row["unit"] is None and row["why_not"] is None:
            document, board = places_of(row)
            companies[document].add(row["value"], entry.get("chance") or 0.0)
            if row["source_type"] != "open_pr":  # anybody can open one
                companies[board].add(row["value"], entry.get("chance") or 0.0)
        elif row["unit"] in (None, "percent") and counts_as_share(row, entry):
            companies[places_of(row)[0]].above_one |= row["value"] > 1
    for row in rows:
        entry = mapping.get(row["benchmark"] or "")
        if entry is None:
            row["why_not"] = row["why_not"] or "no benchmark of metric_mapping.json"
            continue
        row["benchmark_name"], row["canonical_unit"] = entry["name"], entry["unit"]
        if entry["unit"] is None:
            row["why_not"] = row["why_not"] or "its records say no unit: say it in a file of --mapping"
            continue
        row["lower_is_better"] = bool(entry["lower_is_better"])
        if row["unit"] is None and row["why_not"] is None:
            document, board = places_of(row)
            in_board = companies[board] if row["source_format"] == "eval_results" else Company()
            unit = unit_of(row["value"], entry, companies[document], in_board)
            row["unit"], row["unit_basis"], row["why_not"] = unit.name, unit.basis, unit.why_not
        compare(row, entry)


def counts_as_share(row: BoardRow, entry: Mapping[str, Any] | None) -> bool:
    """Whether a row's value is a share in some unit, comparable or not: by its benchmark, else by its metric."""
    if entry:
        return entry["unit"] in (None, "proportion", "percent")
    return normalize_name(metric_type(row["metric"]) or "") in RIGHT_ANSWERS - {""}


def places_of(row: BoardRow) -> tuple[Any, Any]:
    """The document that a row stands in, and the Benchmark's task that it is for."""
    document = (row["model"], row["source_format"], row["pull_request"])
    return document, (row["source_format"], row["source_task"])


def is_own_scale(row: BoardRow) -> bool:
    """Whether a row's unit is its metric's name, the metric's own scale: word_perplexity in perplexity."""
    unit = normalize_name(row["unit"] or "")
    return bool(unit) and normalize_name(row["metric"] or "").endswith(unit)


def compare(row: BoardRow, entry: Mapping[str, Any]) -> None:
    """Set `comparable` and its error when nothing speaks against it."""
    unit = "points" if entry["unit"] == "points" and is_own_scale(row) else row["unit"]
    value = converted(row["value"], unit, entry["unit"])
    low, high = entry["range"]
    if row["why_not"] is None and value is None:
        row["why_not"] = f"in {row['unit']}, while {entry['name']} is in {entry['unit']}"
    if row["why_not"] is None and ((low is not None and value < low) or (high is not None and value > high)):
        row["why_not"] = f"{value:g} {row['unit']} is outside its range, {low} to {high}"
    if row["why_not"] is None:
        row["comparable"] = value
        row["comparable_error"] = converted(error_with_lost(row), unit, entry["unit"])


def error_with_lost(row: BoardRow) -> float | None:
    """A score's standard error, wider where its lost attempts could move it: by as much as makes its 95 % interval hold
    what they could make of it. None where no bound is known."""
    reach, error, scale = row.get("reach") or 0.0, row["standard_error"], SHARE_SCALES.get(row["unit"] or "")
    if not reach:
        return error
    if error is None and scale:  # the largest that a share of so many can have
        error = 0.5 * scale / math.sqrt(row["n"] or 1)
    bound = reach if math.isfinite(reach) else scale
    return None if error is None or bound is None else math.hypot(error, bound / TWO_SIDED_Z)


def way_of(row: BoardRow) -> str | None:
    """How right answers were told: by what the likelihood of choices was weighed (acc_norm, acc_bytes), by which filter
    the answer was found, "acc" for by nothing; None where no harness's record says it."""
    metric, _, extraction = (row.get("metric") or "").partition(",")
    folded = normalize_name(metric_type(metric) or "") if row["source_format"] == "record" else ""
    told = RIGHT_ANSWERS - {""}
    if folded in told and extraction in EXTRACTIONS:
        return extraction
    return metric if folded.startswith("acc") and folded != "accuracy" else "acc" if folded in told else None


def fitting_columns(way: str) -> tuple[str, ...]:
    """The columns that a number measured in some way may stand in: right answers that no filter is said for ("acc")
    are the metric of those that one found, measured otherwise at most; acc_norm is another metric."""
    return (way, *EXTRACTIONS) if way == "acc" else (way,)


def keep_one_metric(rows: Sequence[BoardRow]) -> None:
    """Keep apart what stands in another of acc and acc_norm, or was found by another filter, than a benchmark's column.

    The column's is the one that most models have, each by the numbers of its first kind of source, which would be shown
    (so no number decides that is not in it); of equals acc, of filters the strict one, which flatters nobody.
    """
    order = list(SOURCE_TYPES)
    first: dict[tuple[str, str], int] = {}
    for row in rows:
        if row["comparable"] is not None:
            place = order.index(row["source_type"])
            first[row["model"], row["benchmark"]] = min(place, first.get((row["model"], row["benchmark"]), place))
    having: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    told = [(row, way) for row in rows if row["comparable"] is not None and (way := way_of(row))]
    for row, way in told:
        if order.index(row["source_type"]) == first[row["model"], row["benchmark"]]:
            for column in fitting_columns(way):
                having[row["benchmark"]][column].add(row["model"])
    usual = ("acc", *EXTRACTIONS)
    chosen = {
        key: min(ways, key=lambda way: (-len(ways[way]), usual.index(way) if way in usual else len(usual), way))
        for key, ways in having.items()
    }
    for row, way in told:
        column = chosen.get(row["benchmark"], way)
        if column not in fitting_columns(way):
            keep_apart(row, f"in {way}{OTHER_COLUMN} {row['benchmark_name']} is in {column}")


def keep_one_unit(rows: Sequence[BoardRow]) -> None:
    """Keep apart a perplexity by other tokens than its column's: those of most models, of equals the fewest, whose
    perplexities are the highest. By a model's own tokens it stays where all are of one training run's."""
    said: dict[str, list[BoardRow]] = defaultdict(list)
    unsaid: dict[str, list[BoardRow]] = defaultdict(list)
    for row in rows:
        if row["comparable"] is not None and (row.get("length") or row.get("tokens")):
            (said if row.get("length") else unsaid)[row["benchmark"]].append(row)
    for key, own in unsaid.items():
        if said[key] or len({row["tokens"] for row in own}) > 1:
            for row in own:
                keep_apart(row, UNSAID_TOKENS)
    for own in filter(None, said.values()):
        most = {
            row["length"]: {r["model"] for r in own if not unlike_lengths(r["length"], row["length"])} for row in own
        }
        chosen = min(most, key=lambda length: (-len(most[length]), length))
        for row in own:
            if unlike := unlike_lengths(row["length"], chosen):
                keep_apart(row, unlike)


def keep_apart(row: BoardRow, why: str) -> None:
    """Leave a row out of its column, with the reason."""
    row["comparable"] = row["comparable_error"] = None
    row["why_not"] = why


def column_way(rows: Iterable[BoardRow]) -> str | None:
    """How most of a column's rows told right answers; a filter goes before none."""
    ways = Counter(filter(None, map(way_of, rows)))
    return max(ways, key=lambda way: (way in EXTRACTIONS, ways[way], way), default=None)


def choose_shown(rows: Sequence[BoardRow]) -> None:
    """Mark one comparable row for each model and benchmark.

    Two numbers never decide by their size.
    """
    keep_one_metric(rows)
    keep_one_unit(rows)
    groups: dict[tuple[str, str], list[BoardRow]] = defaultdict(list)
    for row in rows:
        row["shown"] = False
        if row["comparable"] is not None:
            groups[row["model"], row["benchmark"]].append(row)
    for group in groups.values():
        first_of(group)["shown"] = True


def first_of(rows: Sequence[BoardRow]) -> BoardRow:
    """Of several rows the one that is shown: by the order of sources, of formats, the newest, the first."""
    order, formats = list(SOURCE_TYPES), list(SOURCE_FORMATS)
    places = [(order.index(row["source_type"]), formats.index(row["source_format"])) for row in rows]
    first = [row for row, place in zip(rows, places, strict=True) if place == min(places)]
    return max(first, key=lambda row: row["date"] or "")


# --- parts/board/changes.py -------------------------------------------------------------------------------------------

KEPT = ("model", "comparable", "canonical_unit", "standard_error", "n", "source_type", "source_url", "date")
CHANGES = {  # in the document, and for people
    "metrics": "the column is in another metric",
    "leaders": "leads for certain (of those measured)",
    "leaders_unlike": "leads by the numbers, not measured alike",
    "leaders_lost": "no longer leads for certain (of those measured)",
    "new_models": "new model",
    "gone_models": "gone model",
    "models_apart": "no number to show, all set apart",
    "changed": "another number",
    "otherwise": "measured otherwise, no change is known",
    "new": "new number",
    "apart": "number set apart now",
    "gone": "gone number",
}
OPEN_CHANGES = ("leaders_unlike", "otherwise")
BoardSpot = tuple[str, str]  # model and benchmark


@dataclass(frozen=True)
class Board:
    """A board's rows, the shown ones and all others, with its metadata."""

    rows: Sequence[BoardRow]
    metadata: Mapping[str, Any]
    apart: Mapping[BoardSpot, str]  # that was measured and has no number to compare -> "acme/a, GSM8K: why"

    @cached_property
    def shown(self) -> list[BoardRow]:
        return [row for row in self.rows if row["shown"]]

    @cached_property
    def models(self) -> set[str]:
        return {model_of(row["model"]) for row in self.rows}

    @cached_property
    def by_place(self) -> dict[BoardSpot, list[BoardRow]]:
        """All rows of each place."""
        found: dict[BoardSpot, list[BoardRow]] = defaultdict(list)
        for row in self.rows:
            found[model_of(row["model"]), row["benchmark"]].append(row)
        return found

    @cached_property
    def numbers(self) -> dict[BoardSpot, BoardRow]:
        """The number of each place; of several states the last one's."""
        shown = {place: [row for row in rows if row["shown"]] for place, rows in self.by_place.items()}
        return {place: first_of(rows) for place, rows in shown.items() if rows}

    @cached_property
    def columns(self) -> dict[str, list[BoardRow]]:
        found: dict[str, list[BoardRow]] = defaultdict(list)
        for row in self.shown:
            found[row["benchmark"]].append(row)
        return found

    @cached_property
    def orders(self) -> dict[str, BoardOrder]:
        """The order by each benchmark."""
        return {key: self.order([key]) for key in sorted(self.columns)}

    @cached_property
    def overall(self) -> BoardOrder | None:
        """The order by the average; None where nothing is shown."""
        primary = chosen_primary([], self.metadata, self.shown)
        return self.order(primary) if primary else None

    def conclusion(self, order: BoardOrder) -> str:
        """What an order says, and who has no place in it although measured."""
        apart = [text for (_, key), text in self.apart.items() if key in order.names]
        return order.text + (f" Of the others, {apart_text(apart)}." if apart else "")

    def order(self, keys: Sequence[str]) -> BoardOrder:
        rows = [row for key in keys for row in self.columns[key]]
        return board_order(rows, keys, self.metadata["benchmarks"], count_models(self.models))

    def leading(self, key: str, model: str) -> BoardRow | None:
        """The number of a model in a column: of its state that leads there, else of the last one."""
        order = self.orders.get(key)
        own = [row for row in self.columns.get(key, ()) if order and row["model"] == order.first]
        return first_of(own) if own and model_of(order.first) == model else self.numbers.get((model, key))

    def like(self, other: BoardRow, place: BoardSpot) -> BoardRow | None:
        """A number of a place that was measured like another one, shown or not."""
        found = [
            usable for row in self.by_place[place] if (usable := in_its_column(row)) and not unlike_now(usable, other)
        ]
        return first_of(found) if found else None


def in_its_column(row: BoardRow) -> BoardRow | None:
    """A row with its comparable value, also where only the metric of the column keeps it apart; else None."""
    if row["comparable"] is None and OTHER_COLUMN in (row["why_not"] or ""):
        row = row | {"comparable": converted(row["value"], row["unit"], row["canonical_unit"])}
    return row if row["comparable"] is not None else None


def number_of(row: BoardRow | None) -> dict[str, Any] | None:
    """What is told of a number; None when there is none."""
    return None if row is None else {name: row[name] for name in KEPT}


def is_changed(before: BoardRow, now: BoardRow) -> bool:
    """Whether the value is another one; a new source of the same value changes nothing."""
    alike = before["canonical_unit"] == now["canonical_unit"]
    return not alike or abs(before["comparable"] - now["comparable"]) > 1e-9 * max(1.0, abs(now["comparable"]))


def board_changes(old: Board, new: Board) -> dict[str, list[dict[str, Any]]]:
    """The changes by kind (see CHANGES): each with `model`, and of a number `benchmark`, `name`, `before` and `now`.

    The numbers of a model that is new, gone or all set apart are not listed once more.
    """
    found: dict[str, list[dict[str, Any]]] = {kind: [] for kind in CHANGES}
    for key in sorted(old.columns.keys() & new.columns.keys()):
        ways = [column_way(board.columns[key]) for board in (old, new)]
        if None not in ways and ways[0] != ways[1]:
            name = new.columns[key][0]["benchmark_name"]
            found["metrics"].append({"benchmark": key, "name": name, "before": ways[0], "now": ways[1]})
    told = add_models(found, old, new)
    for place in sorted(old.numbers.keys() | new.numbers.keys(), key=lambda at: (natural_key(at[0]), at[1])):
        if place[0] not in told and (change := change_of_number(place, old, new)):
            found[change[0]].append(change[1])
    add_leaders(found, old, new)
    return found


def add_models(found: dict[str, list[dict[str, Any]]], old: Board, new: Board) -> set[str]:
    """Add the models that are new, gone or without a number now, and give them."""
    was, has = ({model for model, _ in board.numbers} for board in (old, new))
    kinds = {"new_models": (has - old.models, new), "gone_models": (old.models - new.models, old)}
    kinds["models_apart"] = (((was | (new.models - old.models)) & new.models) - has, old)
    for kind, (models, board) in kinds.items():
        for model in sorted(models, key=natural_key):
            item: dict[str, Any] = {"model": model, "numbers": sum(one == model for one, _ in board.numbers)}
            if kind == "models_apart":
                why = dict.fromkeys(row["why_not"] for row in new.rows if model_of(row["model"]) == model)
                item["why"] = listing(filter(None, why), 2)
            found[kind].append(item)
    return {model for models, _ in kinds.values() for model in models}


def change_of_number(place: BoardSpot, old: Board, new: Board) -> tuple[str, dict[str, Any]] | None:
    """(kind, what is told) of a number that is another one, new, or gone; None where it is none of these."""
    before, now = old.numbers.get(place), new.numbers.get(place)
    if before is None:
        return "new", number_change(place, None, now)
    if now is None:
        why = next((row["why_not"] for row in new.by_place.get(place, ()) if row["why_not"]), None)
        return ("apart" if why else "gone"), number_change(place, before, None) | ({"why": why} if why else {})
    if not is_changed(before, now):
        return None
    if how := unlike_now(before, now):
        if like := old.like(now, place):
            before = like
        elif like := new.like(before, place):
            now = like
        else:
            return "otherwise", number_change(place, before, now) | {"why": how}
    if not is_changed(before, now):
        return None
    revision = other_revision(before, now)
    return "changed", number_change(place, before, now) | ({"why": revision} if revision else {})


def other_revision(before: BoardRow, now: BoardRow) -> str:
    """Which commit of the model a number was measured at, where the other one was at another: "aaaaaaa before, …"."""
    was, is_now = (row["revision"] for row in (before, now))
    both = was and is_now and was != is_now
    return f"another revision: {was[:12]} before, {is_now[:12]} now" if both else ""


def add_leaders(found: dict[str, list[dict[str, Any]]], old: Board, new: Board) -> None:
    """Add who leads a benchmark, and who no longer does; for certain, or by numbers that were not measured alike."""
    leads, led = ({key: (model_of(order.leader), order) for key, order in board.orders.items()} for board in (new, old))
    nobody = ("", None)
    for kind, here, there in (("leaders", leads, led), ("leaders_lost", led, leads)):
        for key, (model, order) in here.items():
            other, beside = there.get(key, nobody)
            sure = other if beside and beside.certain else None
            if not model or (model == sure if order.certain else kind == "leaders_lost" or model == other):
                continue
            item = number_change((model, key), *(board.leading(key, model) for board in (old, new)))
            item |= {"instead": (sure if order.certain else other) or None}
            unlike = order.unlike if kind == "leaders" else beside.unlike if beside and model == other else ""
            open_now = kind == "leaders_lost" and beside and model_of(beside.first) == model
            told = [unlike or (beside.certainty if open_now else ""), *lost_rivals(key, old, new)]
            why = "; ".join(filter(None, told))
            found[kind if order.certain else "leaders_unlike"].append(item | ({"why": why} if why else {}))


def lost_rivals(key: str, old: Board, new: Board) -> list[str]:
    """Who had a number for a benchmark and is set apart now, with why."""
    return [text for (model, at), text in new.apart.items() if at == key and (model_of(model), key) in old.numbers]


def overall_change(old: Board, new: Board) -> dict[str, Any] | None:
    """What the overall orders say, where another model leads, it is certain or no longer, or the average is of other
    benchmarks or metrics; None where all of it is as it was."""
    boards = [board.overall for board in (old, new)]
    told = [
        one
        and (
            model_of(one.standings[0].model),
            one.certain,
            [(k, column_way(board.columns[k])) for k in sorted(one.names)],
        )
        for board, one in zip((old, new), boards, strict=True)
    ]
    if told[0] == told[1]:
        return None
    names = ("before", "now")
    found = {
        name: one and {"primary": list(one.names), "certain": one.certain, "conclusion": board.conclusion(one)}
        for name, one, board in zip(names, boards, (old, new), strict=True)
    }
    return found | {"same_basis": None not in told and told[0][2] == told[1][2]}


def number_change(place: BoardSpot, before: BoardRow | None, now: BoardRow | None) -> dict[str, Any]:
    model, key = place
    name = (now or before or {}).get("benchmark_name", key)
    return {"model": model, "benchmark": key, "name": name, "before": number_of(before), "now": number_of(now)}


def change_line(kind: str, item: Mapping[str, Any]) -> tuple[str, ...]:
    """A change as a line for people: what, model, benchmark, before, now, source of what is now, why."""
    why = item.get("why") or ""
    if kind == "metrics":
        return (CHANGES[kind], "", item["name"], item["before"], item["now"], "", "")
    if "numbers" in item:
        count = plural(item["numbers"], "number") if item["numbers"] else ""
        return (CHANGES[kind], item["model"], count, "", "", "", why)
    scores = [
        display_score(one["comparable"], one["canonical_unit"]) if one else "–" for one in (item["before"], item["now"])
    ]
    source = SOURCE_TYPES.get((item["now"] or item["before"] or {}).get("source_type"), "")
    other = item.get("instead")
    text = CHANGES[kind] + (f", {'now' if kind == 'leaders_lost' else 'before'} {other}" if other else "")
    return (text, item["model"], item["name"], *scores, source, why)


def undecided_text(changes: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Why it cannot be told what has changed, with what to do; empty where it can."""
    counts: Iterable[str] = (f"{len(changes[kind])} × {CHANGES[kind]}" for kind in OPEN_CHANGES if changes[kind])
    return f"{text}: measure them as before and alike, and collect again" if (text := listing(counts)) else ""


# --- parts/fields.py --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field must be: the wording for people, and the check."""

    words: str
    fits: Callable[[Any], bool]


def number_shape(low: float, high: float) -> Shape:
    """A number between two bounds."""
    words = f"a number of {low:g} to {high:g}" if high < 1e9 else f"a number of at least {low:g}"
    return Shape(words, lambda value: is_number(value) and low <= value <= high)


def choice_shape(*choices: str) -> Shape:
    """One of some words."""
    return Shape(f"one of {', '.join(choices)}", lambda value: value in choices)


def is_texts(value: Any) -> bool:
    """Whether a value is a list of texts without control characters and what else is not seen, but ends of lines."""
    return isinstance(value, list) and all(isinstance(t, str) and t.replace("\n", " ").isprintable() for t in value)


TEXT = Shape("text", lambda value: isinstance(value, str))
TEXTS = Shape("a list of texts", is_texts)
MAPPING = Shape("a mapping", lambda value: isinstance(value, dict))
COUNT = Shape("a whole number of at least 0", lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0)
YES_OR_NO = Shape("true or false", lambda value: isinstance(value, bool))


def check_fields(values: Mapping[Any, Any], shapes: Mapping[str, Shape], where: str) -> None:
    """ScriptError for a field that is not known or has a value of another kind; null leaves a field unset."""
    for name, value in values.items():
        if name not in shapes:
            hint = nearest(str(name), shapes) or f"; known are: {', '.join(shapes)}"
            raise ScriptError(f"{where}: unknown key {single_line(repr(name))[:60]}{hint}")
        if value is not None and not shapes[name].fits(value):
            shown = single_line(repr(value))
            shown = shown if len(shown) <= 40 else f"{shown[:39]}…"
            raise ScriptError(f"{where}: {name} is {shown}; it must be {shapes[name].words}")


def without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are set."""
    return {name: value for name, value in values.items() if value is not None}


# --- parts/outputs.py -------------------------------------------------------------------------------------------------

MOST_OF_PAGE = 200_000  # letters of a page in which its elements are looked for
OF_OTHERS = "{} is there and was not written by this command: name another folder with --output-dir"
FORCE_HELP = "--output and --report replace files that this program did not write, too"


def write_output(path: Path, text: str, force: bool) -> None:
    """Write an answer whole or not at all; ScriptError where another kind of file is, if not `force`."""
    if not force and path.exists() and not path.is_dir() and not same_kind(path, text):
        raise ScriptError(
            f"{path} is there and was not written by this command: --force replaces it, or name another file"
        )
    write_whole(path, text)


def write_beside(path: Path, text: str) -> Path:
    """Write a file that the user has not named under a name that nothing has: NAME.json, NAME-2.json, …; its place."""
    numbered = (path.with_name(f"{path.stem}-{number}{path.suffix}") for number in itertools.count(2))
    free = next(place for place in itertools.chain([path], numbered) if not os.path.lexists(place))
    write_whole(free, text)
    return free


def take_away(path: Path) -> None:
    """Remove a file that this program has written, if it is there; ScriptError where the way to it is a link out of the
    folder that the command line names."""
    refuse_link_out(path.parent)
    path.unlink(missing_ok=True)


def refuse_others(path: Path, text: str) -> None:
    """ScriptError where another kind of file is than this program writes."""
    if path.is_file() and not path.is_symlink() and not same_kind(path, text):
        raise ScriptError(OF_OTHERS.format(path))


def refuse_no_picture(path: Path) -> None:
    """ScriptError where a figure would replace a file that is no picture."""
    begin = open_input(path).read(100).lstrip() if path.is_file() else b""
    if begin and not begin.startswith((b"\x89PNG", b"<?xml", b"<svg")):
        raise ScriptError(f"{path} is there and is no picture: name another place for the figure")


def same_kind(path: Path, text: str) -> bool:
    """Whether a file looks like an earlier answer: JSON with the same keys, a page with the same parts, text with the
    same title."""
    try:
        old = input_text(path)
    except ScriptError:
        return False
    if not old.strip():
        return True
    try:
        new_keys, old_keys = set(json.loads(text)), set(json.loads(old))
        both = new_keys & old_keys
        return "schema_version" in both and ("plan" in both or 2 * len(both) >= len(new_keys))
    except (ValueError, TypeError, RecursionError):
        pass
    if names := names_of_parts(text):
        return 2 * len(names & names_of_parts(old)) >= len(names)
    return title_words(old) == title_words(text)


def names_of_parts(text: str) -> set[str]:
    """The ids of a page's elements, by which it is told from other pages; none of a text that is no page."""
    page = text[:MOST_OF_PAGE] if text.lstrip()[:9].lower() == "<!doctype" else ""
    return set(re.findall(r"<\w+ [^<>]*?\bid=\"([\w-]+)\"", page))


def title_words(text: str) -> list[str]:
    """The first words of a text's first line; figures aside, since they are another time others."""
    return re.sub(r"[\d.,]+", "0", text.lstrip().split("\n", 1)[0]).split()[:3]


# --- parts/private.py -------------------------------------------------------------------------------------------------

SECRET = re.compile(r"\b(hf|api_org)_(?!dataset\b)[A-Za-z0-9]{6,}")  # "hf_dataset" is a word of records
LOGIN = re.compile(r"(?<=://)[^\s/@]+@")  # of a web address: user:password@

# /srv/my run/x.json, ~/run/x.json, file:///run/x.json, C:\run\x.json; no part of a web address.
MACHINE_PATH = re.compile(
    r"(?:\bfile:/+|(?<![\w.:/~]))(?:[A-Za-z]:|~)?(?:[/\\][\w.@+~ -]*[\w.@+~-]|(?<=/)[\w.@+~ -]+)+[/\\]([\w.@+~-]+)"
)

# What torch and vLLM say when a model, its cache or a batch does not fit.
OUT_OF_MEMORY = (
    "out of memory",
    "No available memory for the cache blocks",
    "KV cache is needed, which is larger than the available",
    "is less than desired GPU memory utilization",
    "can't allocate memory",
)


def scrub(text: str) -> str:
    """A text without tokens and without the folders of this machine."""
    return scrubber()(text)


def scrubber() -> Callable[[str], str]:
    """`scrub` for many texts: the tokens and folders of this moment are looked up once."""
    names = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY")
    secrets = [secret for name in names if name in os.environ and (secret := os.environ[name])]
    here, home = f"{os.getcwd()}{os.sep}", os.path.expanduser("~")

    def clean(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "***")
        if "hf_" in text or "api_org_" in text:
            text = SECRET.sub(r"\1_***", text)
        if "://" in text:
            text = LOGIN.sub("***@", text)
        return text.replace(here, "").replace(home, "~")

    return clean


def without_paths(text: str, *known: Path) -> str:
    """A text without secrets and without the folders of a machine: their last part is left.

    known: paths that the text may have, relative ones too.
    """
    for path in known:
        text = text.replace(str(path.absolute()), path.name).replace(str(path), path.name)
    text = scrub(text)
    return MACHINE_PATH.sub(r"\1", text) if "/" in text or "\\" in text else text


def shown_path(path: Path) -> str:
    """A path relative to the current directory when below it, else `<run>/<folder>`; never absolute."""
    path = Path(os.path.abspath(path))
    cwd = Path.cwd()
    return path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) and path != cwd else local_id(path)


def said_by(error: BaseException) -> str:
    """One line for what went wrong."""
    kind, text = type(error).__name__, scrub(" ".join(str(error).split()))[:400]
    return (text if isinstance(error, ScriptError) else f"{kind}: {text}") if text else kind


def explain(error: BaseException) -> str:
    """One line for what went wrong, with what to try."""
    kind, text = type(error).__name__, scrub(" ".join(str(error).split()))[:400]
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or any(said in text for said in OUT_OF_MEMORY):
        return (
            "out of memory: run again (finished tasks are kept) with a smaller --batch-size or --max-model-len, "
            f"another --gpu-memory-utilization, or on larger hardware: {text[:160]}"
        )
    if "trust_remote_code" in text:
        return f"the model brings its own code: read it, then add --trust-remote-code ({text[:120]})"
    if "not supported for now" in text or "no vLLM implementation" in text:
        return f"vLLM does not know this architecture: use the other --backend ({text[:160]})"
    if kind == "GatedRepoError":
        return f"gated: accept the terms on its page on the Hub and set HF_TOKEN ({text[:160]})"
    return said_by(error)


def command_line(args: argparse.Namespace, script: str) -> str:
    """The command that asks for the same again, without tokens and the machine's own folders."""
    words = ["uv", "run", f"scripts/{script}"]
    defaults = vars(args.parser.parse_args([]))
    for name, value in vars(args).items():
        if name in ("run", "json", "dry_run", "list_tasks") or value == defaults[name]:
            continue
        words.append("--" + name.replace("_", "-"))
        values = value if isinstance(value, list) else [] if value is True else [value]
        words += [shown_argument(str(item)) for item in values]
    return scrub(shlex.join(words))


def shown_argument(text: str) -> str:
    """An argument as it may be published: an absolute path, also of `file.py@task`, without the machine's folders."""
    place, mark, task = text.partition("@")
    return f"{path_word(shown_path(Path(place)))}{mark}{task}" if Path(place).is_absolute() else argument_word(text)


def shown_name(name: str) -> str:
    """A folder's name without the machine's, or a Hub id."""
    return shown_path(Path(name)) if Path(name).is_dir() else name


# --- parts/hashes.py --------------------------------------------------------------------------------------------------

SETTLED = 2.0  # seconds after which another change of a file has another time, on any file system


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes as they are now: read whenever it is asked for, since it guards what is sent."""
    with open_input(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """SHA-256 of a file of weights, remembered in the user's cache folder by all that the file system says of it.

    That is path, device, inode, size, time of modification and of change: `touch -r`, `tar` and `rsync -t` give other
    bytes the old date, but no program can set the time of change. What would still be taken for the old file: one
    written while the computer's clock was set back to the very nanosecond of the last change, through the block device
    itself, or on a file system (of a network, FUSE) that does not keep a time of change; and one written twice within
    a tick of that clock (milliseconds), so a file that changed less than two seconds ago is not remembered.
    """
    state = path.stat()
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hub-evals" / "sha256"
    known = (state.st_dev, state.st_ino, state.st_size, state.st_mtime_ns, state.st_ctime_ns)
    entry = cache / hashlib.sha256(f"{path.resolve()}|{known}".encode(errors="surrogateescape")).hexdigest()
    with contextlib.suppress(OSError):
        return entry.read_text(encoding="ascii")
    digest, after = file_sha256(path), path.stat()
    if after.st_ctime_ns != state.st_ctime_ns or time.time() - state.st_ctime < SETTLED:
        return digest
    with contextlib.suppress(ScriptError):
        write_whole(entry, digest, durable=False)
    return digest


# What a file of tasks takes from others beside it: `include: x.yaml`, `!function x.f`, `from x import f`, "x.py".
NAMED_FILES = re.compile(
    r"^[ \t-]*include:[ \t]*(?P<yaml>[^\s#]+)|!function[ \t]+(?P<function>[\w.]+)\.\w+"
    r"|^[ \t]*(?:from[ \t]+\.?(?P<module>[\w.]+)[ \t]+import|import[ \t]+(?P<name>[\w.]+))"
    r"|[\"'](?P<code>[\w./-]+\.py)[\"']",
    re.M,
)


def code_sha256(path: Path) -> str:
    """One hash for a file of tasks and the files beside it that it takes something from; that of the file alone."""
    found, waiting = [], [path]
    while waiting:
        file = waiting.pop()
        if file in found or not file.is_file():
            continue
        found.append(file)
        for match in NAMED_FILES.finditer(input_text(file)):
            if named := match["code"] or (match["yaml"] or "").strip("\"'"):
                waiting.append(file.parent / named)
            else:
                module = (match["function"] or match["module"] or match["name"]).replace(".", "/")
                waiting += [file.parent / f"{module}.py", file.parent / module / "__init__.py"]
    if found == [path]:
        return file_sha256(path)
    lines = sorted(f"{file_sha256(file)}  {os.path.relpath(file, path.parent)}\n" for file in found)
    return hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()


@contextlib.contextmanager
def sources_only() -> Iterator[None]:
    """While open, imports run the sources, which are what is hashed: compiled files are neither read nor written."""
    before = sys.pycache_prefix, sys.dont_write_bytecode
    with tempfile.TemporaryDirectory() as empty:
        sys.pycache_prefix, sys.dont_write_bytecode = empty, True
        try:
            yield
        finally:
            sys.pycache_prefix, sys.dont_write_bytecode = before


HIDDEN_CARD = ".huggingface.yaml"  # says which files of a folder are its data, as its README.md does


def plain_path(path: Path) -> Path:
    """The path; ScriptError where the library that loads data sets would take it for a pattern, and read others."""
    if glob.has_magic(os.path.abspath(path)):
        raise ScriptError(f"{path}: data sets are loaded by patterns, and [ ] * ? in a name would be one: rename it")
    return path


def data_set_files(folder: Path) -> list[Path]:
    """The files of a local data set: what is not hidden, the hidden card, and hidden files that a card names."""
    found = [path for path in (folder / "README.md", folder / HIDDEN_CARD) if path.is_file()]
    cards = b"".join(open_input(path).read() for path in found)

    def counts(path: Path) -> bool:
        hidden = path.name.startswith(".") and path.name != HIDDEN_CARD
        return path.is_file() and (not hidden or os.fsencode(path.name) in cards)

    return sorted(filter(counts, folder.rglob("*")))


def data_sha256(folder: Path) -> str:
    """One hash for a local data set: of its files and their names."""
    lines = "".join(f"{file_sha256(path)}  {path.relative_to(folder).as_posix()}\n" for path in data_set_files(folder))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def files_sha256(folder: Path, files: Sequence[str]) -> str:
    """One hash for some files of a folder and their names; that of `data_sha256` when these are all."""
    lines = "".join(f"{file_sha256(folder / name)}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode(errors="surrogateescape")).hexdigest()


def local_sha256(path: Path, names: str | None = None) -> str | None:
    """The hash of local data: a file, all of a folder, or some of its files ("a.jsonl,b.jsonl"); None when gone."""
    if path.is_file():
        return file_sha256(path)
    if not path.is_dir() or not all((path / name).is_file() for name in (names or "").split(",") if name):
        return None
    return files_sha256(path, names.split(",")) if names else data_sha256(path)


# --- parts/seal.py ----------------------------------------------------------------------------------------------------


def state_folder() -> Path:
    """Where this program keeps what only the user may change."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "hub-evals"


def seal_key() -> bytes:
    """The user's key, made when there is none; ScriptError when it can be neither read nor written."""
    path = state_folder() / "seal.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror}; XDG_STATE_HOME names another folder for it") from error
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ScriptError(f"{path}: others may read it, so it seals nothing: chmod 600, or remove it")
    key = input_text(path, 1000).strip()
    if len(key) < 32:
        raise ScriptError(f"{path}: no key in it: remove it, and a new one is made")
    return key.encode()


def run_key(run_id: str) -> str:
    """The key with which the jobs of a run seal what they write; the same where its run.json was lost and made anew."""
    return seal_of({"run": run_id}, "results of jobs")


def own_list() -> Path:
    """The list of what this program has written for this user: hashes of whole files, a line each."""
    return state_folder() / "written.txt"


def remember_own(path: Path) -> None:
    """Note a file as written by this program, so that another's in its place is told from it."""
    with contextlib.suppress(OSError):
        own_list().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(own_list(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="ascii") as file:
            file.write(f"{file_sha256(path)}\n")


def written_by_others(paths: Iterable[Path]) -> list[Path]:
    """The files among some that this program has not written for this user, as they are now."""
    paths = list(paths)
    with contextlib.suppress(OSError):
        known = set(own_list().read_text(encoding="ascii").split())
        return [path for path in paths if file_sha256(path) not in known]
    return paths


def sealed(document: dict[str, Any], purpose: str) -> dict[str, Any]:
    """The document with its seal, which covers every other key."""
    return document | {"seal": seal_of(document, purpose)}


def is_sealed(document: dict[str, Any], purpose: str) -> bool:
    """Whether a document carries its seal for this purpose."""
    said = document.get("seal") if isinstance(document, dict) else None
    return isinstance(said, str) and said.isascii() and hmac.compare_digest(said, seal_of(document, purpose))


def seal_of(document: dict[str, Any], purpose: str) -> str:
    """The seal of a JSON document, whatever the order of its keys."""
    content = {name: value for name, value in document.items() if name != "seal"}
    text = json.dumps([purpose, content], sort_keys=True, separators=(",", ":"))
    return hmac.new(seal_key(), text.encode(), hashlib.sha256).hexdigest()


# --- parts/board/data.py ----------------------------------------------------------------------------------------------

DATA_SCHEMA = "1"
MOST_VALUES = 20_000_000  # of a table: half a million scores
LINES_AT_ONCE = 500  # that are written, and searched for tokens
DATA_FILES = ("leaderboard.parquet", "leaderboard.jsonl", "metadata.json")
READ_FILES = ("leaderboard.parquet", "metadata.json")  # by the other commands
NEVER_NULL = ("model", "shown", "source_format")
FLAT = Shape(
    "texts and numbers",
    lambda v: (
        isinstance(v, dict)
        and all(isinstance(one, str | int | float | None) for one in v.values())
        and all(len(one) < 2000 for one in v.values() if isinstance(one, str))
    ),
)
COUNTS = Shape(
    "counts by name", lambda v: isinstance(v, dict) and all(COUNT.fits(v[k]) and COUNT_NAME.fullmatch(k) for k in v)
)
COUNT_NAME = re.compile(r"[a-z_]{1,20}")
LISTED_NAMES = Shape("a list of names", lambda v: is_texts(v) and all(map(LISTED_NAME.fullmatch, v)))
LISTED_NAME = re.compile(r"[^\W_][^,\n]{0,199}")  # no option, and one of a list with commas
ELSEWHERE = ("every_eval_ever", "leaderboard_data")  # data of others that are read as well
# What a collect was asked for, which a Space asks again, and the rest of metadata.json.
ASKED_FIELDS = {
    "trending": COUNT,
    "repo_ids": Shape("a list of OWNER/NAME", lambda v: isinstance(v, list) and all(is_asked_name(name) for name in v)),
    "author": Shape("a user or organization", lambda v: isinstance(v, str) and is_repo_id(f"{v}/x")),
    "results": TEXTS,
    "benchmarks": LISTED_NAMES,
    "primary": LISTED_NAMES,
    "official": YES_OR_NO,
    **dict.fromkeys(ELSEWHERE, Shape("text or false", lambda v: v is False or isinstance(v, str))),
    "no_prs": YES_OR_NO,
}
BOARD_FIELDS = {
    "schema_version": TEXT,
    "collected": Shape(
        "a time in UTC", lambda v: isinstance(v, str) and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", v, re.A)
    ),
    "asked": MAPPING,
    "order": TEXTS,
    "models_read": COUNT,
    "without_scores": TEXTS,
    "private_models": TEXTS,
    "requests": COUNTS,
    "counts": MAPPING,
    "benchmarks": Shape("a list of flat mappings", lambda v: isinstance(v, list) and all(map(FLAT.fits, v))),
    "unreadable": Shape(
        "a list of texts by name",
        lambda v: isinstance(v, list) and all(FLAT.fits(e) and all(isinstance(t, str) for t in e.values()) for e in v),
    ),
    "primary": LISTED_NAMES,
    "official_list": FLAT,
    "apart": FLAT,
    **dict.fromkeys(ELSEWHERE, COUNTS),
}
GIVEN = ("unreadable", "collected", "asked", "requests", "private_models")  # what no row says


def make_metadata(
    rows: Sequence[BoardRow],
    *,
    unreadable: Sequence[dict[str, str]],
    collected: str,
    asked: dict[str, Any],
    models_read: Sequence[str],
    requests: Mapping[str, int],
    private_models: Sequence[str] = (),
    mapping: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """What metadata.json says about the rows: when and from what, counts, coverage of each benchmark, what failed."""
    sources, models = Counter(row["source_type"] for row in rows), {model_of(row["model"]) for row in rows}
    return {
        "schema_version": DATA_SCHEMA,
        "collected": collected,
        "asked": asked,
        "order": list(SOURCE_TYPES),
        "models_read": len(models_read),
        "without_scores": sorted(set(models_read) - models),
        "private_models": list(private_models),
        "requests": requests,
        "counts": {
            "rows": len(rows),
            "shown": sum(bool(row["shown"]) for row in rows),
            "apart": sum(row["comparable"] is None for row in rows),
            "models": len(models),
            "sources": {kind: sources[kind] for kind in SOURCE_TYPES},
        },
        "benchmarks": benchmark_coverage(rows, mapping or {}),
        "unreadable": [{name: without_paths(text) for name, text in problem.items()} for problem in unreadable],
    }


def benchmark_coverage(rows: Sequence[BoardRow], mapping: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Each benchmark with a shown score, the most covered first: key, name, unit, direction, models, rows."""
    found: dict[str, dict[str, Any]] = {}
    having: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if (key := row["benchmark"]) is not None:
            if (entry := found.get(key)) is None:
                known = mapping.get(key) or {}
                about = {name: known.get(name) for name in ("category", "chance")}
                about |= {"own_entry": kept_text(known["said"], 1900)} if known.get("said") else {}
                entry = found[key] = {"key": key, "name": row["benchmark_name"], **about, "rows": 0, "models": 0}
            entry["unit"], entry["lower_is_better"] = row["canonical_unit"], bool(row["lower_is_better"])
            entry["rows"] += 1
            if row["shown"]:
                having[key].add(model_of(row["model"]))
                entry["models"] = len(having[key])
    places = {key: (mapping.get(key) or {}).get("order") for key in found}
    order = {key: math.inf if place is None else place for key, place in places.items()}
    answers, said = (
        answered_by_key(rows),
        {key: place for place, key in enumerate(mapping)},
    )  # metrics as the record has them
    return sorted(
        (entry for entry in found.values() if entry["models"]),
        key=lambda e: (order[e["key"]], -e["models"], answers[e["key"]], said.get(e["key"], 0), e["key"]),
    )


def write_data(folder: Path, rows: Iterable[BoardRow], metadata: dict[str, Any]) -> None:
    """The files of a collect, and that they are written here."""
    write_files(folder, rows, metadata)
    for name in READ_FILES:
        remember_own(folder / name)


def of_others(folder: Path) -> bool:
    """Whether a folder's data was not collected by this user here: what it says of its sources is a claim."""
    return bool(written_by_others(folder / name for name in READ_FILES))


def write_files(folder: Path, rows: Iterable[BoardRow], metadata: dict[str, Any]) -> None:
    """leaderboard.jsonl, leaderboard.parquet and metadata.json, each whole or not at all; the last one is new last."""
    refuse_others(folder / "metadata.json", to_json(metadata))
    refuse_other_rows(folder)
    write_whole(folder / "leaderboard.jsonl", told_lines(rows))
    write_table(folder / "leaderboard.jsonl", folder / "leaderboard.parquet")
    write_whole(folder / "metadata.json", to_json(metadata))


def refuse_other_rows(folder: Path) -> None:
    """ScriptError where a file of a board's names has other columns than a board's."""
    import duckdb

    for name, columns_of in (("leaderboard.jsonl", line_columns), ("leaderboard.parquet", table_columns)):
        path = folder / name
        if path.is_symlink() or not path.is_file() or not path.stat().st_size:
            continue  # a link is refused when it is written
        try:
            names = columns_of(path)
        except (ValueError, RecursionError, duckdb.Error):
            names = set()
        if 2 * len(COLUMNS.keys() & names) < len(COLUMNS):
            raise ScriptError(OF_OTHERS.format(path))


def line_columns(lines: Path) -> set[str]:
    """The keys of the first of some JSON lines; ValueError for another file."""
    with open_input(lines) as file:
        first = json.loads(file.readline(1 << 20))
    return set(first) if isinstance(first, dict) else set()


def table_columns(table: Path) -> set[str]:
    """The columns of a Parquet file; duckdb.Error for another file."""
    with new_engine() as engine:
        return set(parquet_table(engine, table).columns)


def write_table(lines: Path, table: Path) -> None:
    """The Parquet file of a file of JSON lines, whole or not at all."""
    import duckdb

    try:
        with tempfile.TemporaryDirectory(dir=table.parent) as own, new_engine() as engine:
            source = engine.read_json(
                pattern_of(lines),
                format="newline_delimited",
                columns=COLUMNS,
                maximum_object_size=2**25,
                hive_partitioning=False,
            )
            source.write_parquet(f"{own}/table", compression="zstd")
            put_in_place(f"{own}/table", table)
    except (duckdb.Error, OSError) as error:
        raise ScriptError(f"{table}: could not be written: {kept_text(error)}") from error


def new_engine(threads: int = 1) -> Any:
    """A DuckDB connection, in memory and with an end to it: it spills nothing into the current folder, or any other."""
    import duckdb

    limits = {"memory_limit": f"{allowed(2048)}MB", "temp_directory": "", "max_temp_directory_size": "0GB"}
    return duckdb.connect(config={"threads": threads, **limits})


def pattern_of(path: Path) -> str:
    r"""A path as DuckDB takes it: this file alone, for its readers take `[ ] * ?` in a name as patterns.

    ScriptError for a name with a backslash before such a sign, which cannot be written.
    """
    name = os.path.abspath(path)
    if re.search(r"\\[][*?]", name):
        raise ScriptError(f"{path}: a backslash before [ ] * or ? in its name: rename it")
    return glob.escape(name)


def parquet_table(engine: Any, path: Path) -> Any:
    """The table in a Parquet file, of its content alone; what a folder is called ("model=x") is no column of it."""
    return engine.read_parquet(pattern_of(path), hive_partitioning=False)


def told_lines(rows: Iterable[BoardRow]) -> Iterator[str]:
    """The text of leaderboard.jsonl, some lines at a time."""
    import orjson

    lines = [orjson.dumps(told_row(row)).decode() for row in rows]
    return ("\n".join([*lines[at : at + LINES_AT_ONCE], ""]) for at in range(0, len(lines), LINES_AT_ONCE))


def is_repo_id(value: Any) -> bool:
    """Whether a value is OWNER/NAME, and no option."""
    return isinstance(value, str) and REPO_ID.fullmatch(value) is not None and not value.startswith("-")


def is_asked_name(value: Any) -> bool:
    """Whether a value is a name that a model was asked for by, and no option."""
    return isinstance(value, str) and KNOWN_BY.fullmatch(value) is not None


def made_again(folder: Path) -> tuple[dict[str, bytes], dict[str, Any], list[str]]:
    """(the files of a folder's data, its metadata, its models): all made again of the rows and texts that are read.

    So nothing goes with them that only lies in the files. ScriptError when metadata.json says otherwise of the rows
    than they do, or more than a collect writes, and when a text has the form of a token.
    """
    engine, metadata = open_data(folder)
    with engine:
        rows = query(engine, "SELECT * FROM scores")
    where = f"{folder}/metadata.json"
    del metadata["collected_here"]  # of this user, and in no file
    check_fields(metadata, BOARD_FIELDS, where)
    check_fields(metadata["asked"], ASKED_FIELDS, f"{where}: asked")
    said = {entry["key"]: {**entry, "order": place} for place, entry in enumerate(metadata["benchmarks"])}
    bare = metadata.get("without_scores") or []
    models = sorted({row["model"] for row in rows}.union(bare))
    try:
        again = make_metadata(rows, **{name: metadata[name] for name in GIVEN}, models_read=bare, mapping=said)
    except (LookupError, TypeError, ValueError) as error:
        raise ScriptError(f"{where} has another form than this version writes; collect again") from error
    if "apart" in metadata:
        again["apart"] = dict(Counter(row["why_not"] for row in rows if row["comparable"] is None))
    again["models_read"] = metadata.get("models_read")
    again["private_models"] = [model for model in again["private_models"] if model in models]
    if other := next((name for name in again if again[name] != metadata.get(name, again[name])), None):
        raise ScriptError(f"{where}: {other} is not what the rows of leaderboard.parquet say; collect again")
    lines, told = "".join(told_lines(rows)), to_json(metadata)
    if without_secrets(text := lines + told) != text:
        raise ScriptError(f"{folder}: a text in it has the form of a token; nothing was sent")
    with tempfile.TemporaryDirectory() as own:
        write_files(Path(own), rows, metadata)
        return {name: input_bytes(Path(own, name), MAX_SAMPLES) for name in DATA_FILES}, metadata, models


def told_row(row: BoardRow) -> BoardRow:
    """A row as it is written: every column, and no folder of this machine in what says something about it."""
    told = {name: row.get(name) for name in COLUMNS}
    for name in ("why_not", "notes"):
        if told[name] and MACHINE_PATH.search(told[name]):
            told[name] = without_paths(told[name])
    return told


def sound_metadata(metadata: Mapping[str, Any]) -> bool:
    """Whether what the other commands read of metadata.json is there."""
    kinds = {"collected": str, "asked": dict, "counts": dict, "benchmarks": list, "unreadable": list}
    if not all(isinstance(metadata.get(name), kind) for name, kind in kinds.items()):
        return False
    if not isinstance(metadata.get("primary") or [], list):
        return False
    named = all(isinstance(entry, dict) and {"key", "name", "unit"} <= set(entry) for entry in metadata["benchmarks"])
    return named and {"rows", "models"} <= set(metadata["counts"])


def open_data(folder: Path, adopt: bool = False) -> tuple[Any, dict[str, Any]]:
    """A DuckDB connection with the table `scores` (in memory; it can reach no file) and the metadata of a folder.

    `collected_here` is added to the metadata: whether this user collected it, or `adopt` takes it for the own.
    ScriptError when a file is missing, damaged or of another schema.
    """
    import duckdb

    if folder.is_file():
        raise ScriptError(
            f"{folder} is a file: the data is the folder that holds metadata.json; is {folder.parent} meant?"
        )
    if not (folder / "metadata.json").is_file():
        other = folder.is_dir() and any(folder.iterdir())  # most likely records
        words = ["--results", folder, "--output-dir", f"{folder}-board"] if other else ["--output-dir", folder]
        raise ScriptError(
            f"{folder}: no metadata.json; run `{command_line_of(['collect', *words])}`, or give --data DIR"
        )
    metadata = read_json(folder / "metadata.json")
    version = metadata.get("schema_version") if isinstance(metadata, dict) else None
    if version != DATA_SCHEMA:
        raise ScriptError(f"{folder}/metadata.json: schema_version is {version!r}, not {DATA_SCHEMA}; collect again")
    if not sound_metadata(metadata):
        raise ScriptError(f"{folder}/metadata.json has another form than this version writes; collect again")
    try:
        to_json(metadata).encode()
    except (UnicodeEncodeError, ValueError) as error:
        raise ScriptError(f"{folder}/metadata.json: {single_line(error)[:200]}; collect again") from error
    open_input(folder / "leaderboard.parquet").close()  # DuckDB would wait for a pipe
    try:
        engine = new_engine(2)
        table = parquet_table(engine, folder / "leaderboard.parquet")
        if dict(zip(table.columns, map(str, table.types), strict=True)) != COLUMNS:
            raise ScriptError(f"{folder}/leaderboard.parquet has other columns than this version writes; collect again")
        check_table(engine, folder / "leaderboard.parquet", [name for name in COLUMNS if COLUMNS[name] == "VARCHAR"])
        table.create("scores")
    except duckdb.Error as error:
        raise ScriptError(f"{folder}/leaderboard.parquet: {kept_text(error)}; collect again") from error
    no_numbers = [f"NOT isfinite({name})" for name, kind in COLUMNS.items() if kind == "DOUBLE"]
    kinds = [f"coalesce(source_type, '') NOT IN {tuple(SOURCE_TYPES)}", *(f"{name} IS NULL" for name in NEVER_NULL)]
    if query(engine, f"SELECT 1 FROM scores WHERE {' OR '.join([*no_numbers, *kinds])} LIMIT 1"):
        raise ScriptError(f"{folder}/leaderboard.parquet has a row that this version does not write; collect again")
    metadata["collected_here"] = adopt or not of_others(folder)
    if not metadata["collected_here"]:
        note(
            f"warning: the data in {shown_path(folder)} was not collected by you here: its scores, where they are from "
            "(verified, own run) and their places are what its files say"
        )
    engine.execute("SET enable_external_access = false")
    engine.execute("SET lock_configuration = true")
    return engine, metadata


def check_table(engine: Any, path: Path, texts: Sequence[str]) -> None:
    """ScriptError for a Parquet file with more values, or longer ones in the columns `texts`, than its size explains.

    DuckDB reads it, and gives the values without the limits of `open_input`; the file says how many there are, and of
    a text that many rows have by its number in a dictionary only the length is taken for each.
    """
    asked = "sum(greatest(num_values, row_group_num_rows)), sum(total_uncompressed_size)"
    ((values, unpacked),) = engine.execute(f"SELECT {asked} FROM parquet_metadata($1)", [pattern_of(path)]).fetchall()
    if (values or 0) > allowed(MOST_VALUES):
        raise too_much(path, f"{values:,} values are more than the {allowed(MOST_VALUES):,} of a table")
    check_inflation(path, max(16 * (values or 0), unpacked or 0), path.stat().st_size)
    if texts:
        lengths = " + ".join(f"coalesce(sum(strlen({quoted(name)})), 0)" for name in texts)
        ((written,),) = parquet_table(engine, path).aggregate(lengths).fetchall()
        check_inflation(path, 16 * (values or 0) + int(written), path.stat().st_size)


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def covered_key(text: str, metadata: Mapping[str, Any], flag: str = "--benchmark") -> str:
    """The key of a benchmark with scores; ScriptError: 1 none has one, 2 unknown."""
    names = {normalize_name(name): e["key"] for e in metadata["benchmarks"] for name in (e["name"], e["key"])}
    if key := names.get(normalize_name(text)):
        return key
    have = [entry["key"] for entry in metadata["benchmarks"]]
    known = Benchmarks.of(read_mapping()).by_name(text)
    if known in have:
        return known
    if known:
        raise ScriptError(f"no model has a comparable score on {known}; there are: {listing(have, 20)}", code=1)
    holding = [key for key in have if (folded := normalize_name(text)) and folded in normalize_name(key)][:3]
    near = nearest(text, have) or (f" (did you mean {', '.join(map(repr, holding))}?)" if holding else "")
    raise ScriptError(f"{flag}: {single_line(text)!r} is not known{near or '; `show` lists all'}")


def query(engine: Any, sql: str, parameters: Sequence[Any] = ()) -> list[BoardRow]:
    """The rows of a query as dicts."""
    answer = engine.execute(sql, list(parameters))
    names = [column[0] for column in answer.description]
    return [dict(zip(names, values, strict=True)) for values in answer.fetchall()]


# --- parts/records/schema.py ------------------------------------------------------------------------------------------

RECORD_SCHEMA = "0.3.0"  # Every Eval Ever
DATASTORE = "evaleval/EEE_datastore"  # the data set on the Hub that collects such records
SCHEMA_VERSION = "0.3.0"  # of the records: Every Eval Ever
PREDICTIONS_WRITER = "score_predictions.py"  # the source of records that are made of a file of predictions


def strings(values: dict[str, Any]) -> dict[str, str]:
    """Details as the schema wants them: only strings, nothing empty."""
    kept = {name: value for name, value in values.items() if value is not None}
    return {name: str(value).lower() if isinstance(value, bool) else str(value) for name, value in kept.items()}


# --- parts/records/files.py -------------------------------------------------------------------------------------------

# JSON files that belong to a checkpoint, not to an evaluation: never opened in the search for records.
MODEL_JSON = re.compile(
    r"(?:.*config|.*\.index|tokenizer.*|special_tokens_map|added_tokens|vocab|trainer_state|all_results|"
    r"(?:train|eval)_results|latest|chat_template|modules)\.json"
)
# Folders that begin with a dot and hold no results; lm-eval itself names one ".__run__model".
HIDDEN_FOLDERS = re.compile(
    r"\.(?:git|hg|svn|venv|tox|nox|cache|locks|vscode|idea|ipynb_checkpoints|hypothesis|\w+_cache|no_exist|Trash.*)"
)
# What harnesses call their results, with the folder that they are in.
HARNESS_FILES = {
    "inspect": re.compile(r".*\.eval|[^/]*/\d{4}-\d\d-\d\dT[^/]+_[A-Za-z0-9]{22}\.json"),
    "HELM": re.compile(r"[^/]*/(?:run_spec|per_instance_stats|scenario_state)\.json"),
    "lighteval": re.compile(r"[^/]*/details_[^/]+\.parquet"),
    "lm-eval": re.compile(r"[^/]*/samples_[^/]+\.jsonl"),
    "lm-eval or lighteval": re.compile(r"[^/]*/results(?:_\d{4}-\d\d-\d\dT[\d.-]+)?\.json"),
}
LINK_AWAY = "a link out of the folder of results is not followed: copy {} there"
LOOKED_THROUGH = 10_000  # names of files
CLOCKS_APART = 86_400  # seconds
SEARCHED: list[str] = []  # in whole paths: what the command line names as results, files and folders
RECORD_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(_failure)?\.json")


def record_files(folders: Iterable[Path]) -> list[Path]:
    """The JSON files below some folders that may be records, each once."""
    found: dict[str, Path] = {}
    folders = list(folders)
    search_in([*map(Path, SEARCHED), *folders])
    for folder in folders:
        if not folder.is_dir():
            near = near_place(folder) if not folder.exists() else ": it is a file; give the folder that it lies in"
            raise ScriptError(f"{folder}: no such folder of results{near}")
        for base, directories, names in os.walk(folder):
            directories[:] = entered(base, directories, folder)
            wanted = [n for n in names if n.endswith(".json") and not n.startswith(".") and not MODEL_JSON.fullmatch(n)]
            place = os.path.realpath(base) if wanted else base  # once for all; only a link leads elsewhere
            for name in sorted(wanted):
                path = os.path.join(base, name)
                real = os.path.join(place, name)
                if os.path.islink(path):
                    real = os.path.realpath(path)
                    refuse_link_away(path, real, folder)
                found.setdefault(real, Path(path))
    return list(found.values())


def entered(base: str, names: Iterable[str], folder: Path) -> list[str]:
    """The folders of a folder that may hold results; one that is a link out of what is searched is said.

    No link to a folder is followed: what it leads to within the folder is found by its own name.
    """
    kept = sorted(name for name in names if not HIDDEN_FOLDERS.fullmatch(name))
    for path in (os.path.join(base, name) for name in kept):
        if os.path.islink(path) and leads_away(os.path.realpath(path), folder):
            say_once(f"warning: {single_line(path)}: " + LINK_AWAY.format("what is in it"))
    return kept


@functools.cache
def say_once(text: str) -> None:
    """A note, once in a run."""
    note(text)


def leads_away(real: str, folder: str | Path) -> bool:
    """Whether a place, links resolved, is not below a folder, nor in the Hub's own cache that the folder is of."""
    root = os.path.realpath(folder)
    cache, found, _ = root.rpartition(f"{os.sep}snapshots{os.sep}")
    roots = [root, *([os.path.join(cache, "blobs")] if found else [])]
    return not any(f"{real}{os.sep}".startswith(place.rstrip(os.sep) + os.sep) for place in roots)


def refuse_link_away(path: str, real: str, folder: str | Path) -> None:
    """ScriptError where a link in a folder of results leads out of it, but to the Hub's own cache that it is of."""
    if leads_away(real, folder):
        raise ScriptError(f"{path}: {LINK_AWAY.format('the file')}")


def search_in(paths: Iterable[Path]) -> None:
    """Keep what the command line names as results: what lies there, and beside it, is read through no link out."""
    SEARCHED[:] = dict.fromkeys(os.path.abspath(path) for path in paths)
    searched_part.cache_clear()


@functools.cache
def searched_part(path: str) -> str | None:
    """The folder that a path shares with what is searched, where it leads out of that; else None.

    A file that is named itself is the user's word, wherever it is; what lies beside it is not.
    """
    whole = os.path.abspath(path)
    folders = [place if os.path.isdir(place) else os.path.dirname(place) for place in SEARCHED]
    if whole in SEARCHED or not folders:
        return None
    shared = max((os.path.commonpath([place, whole]) for place in folders), key=len)
    return shared if leads_away(os.path.realpath(whole), shared) else None


def refuse_out(path: str | Path) -> None:
    """ScriptError where a file of results, or one beside them, is reached by a link out of what is searched."""
    if shared := searched_part(os.fspath(path)):
        refuse_link_away(str(path), os.path.realpath(path), shared)


def open_result(path: Path) -> BinaryIO:
    """A file of results, open to read; ScriptError as `refuse_out` and `open_input` have it."""
    refuse_out(path)
    return open_input(path)


def other_results(folder: Path, checkpoints: Path | None = None) -> str:
    """What to say of a folder without records that holds a harness's own results, by their names; else "".

    checkpoints: the folder of those that they are to be bound to.
    """
    named = 0
    for base, directories, names in os.walk(folder):
        directories[:] = sorted(d for d in directories if not HIDDEN_FOLDERS.fullmatch(d))
        for harness, pattern in HARNESS_FILES.items():
            if any(pattern.fullmatch(os.path.join(os.path.basename(base), name)) for name in names):
                bound = [] if checkpoints is None else ["--checkpoints", checkpoints]
                command = command_line_of([folder, *bound, "--output-dir", "results"])
                command = f"{run_line('convert_results.py')} {command}"
                return f"these look like results of {harness}: {command} makes records of them"
        named += len(names)
        if named > LOOKED_THROUGH:
            break
    return ""


def is_trainer_log(record: Mapping[str, Any]) -> bool:
    """Whether a record says what a trainer logged on its own data: never to be mixed with scores of benchmarks."""
    source = record.get("source_metadata")
    details = source.get("additional_details") if isinstance(source, dict) else None
    return isinstance(details, dict) and details.get("measured_by") == "trainer"


def read_record(path: Path, trainer: bool = False) -> dict[str, Any] | None:
    """The record (or failure entry) in a file; None when it is some other JSON, or a trainer's log if not asked for."""
    text = input_bytes(path)
    ours = bool(RECORD_NAME.fullmatch(path.name))
    if not ours and b'"evaluation_results"' not in text:
        return None
    try:
        record = quick_json(text)
    except ValueError as error:
        raise ScriptError(f"{path}: unreadable record: {single_line(error)}; remove it, or evaluate again") from error
    if path.name.endswith("_failure.json"):
        return record | {"failure": True} if isinstance(record, dict) else None
    if not isinstance(record, dict) or not isinstance(record.get("evaluation_results"), list):
        if ours:
            raise ScriptError(f"{path}: unreadable record: no evaluation_results; remove it, or evaluate again")
        return None
    if record.get("schema_version") != RECORD_SCHEMA:
        version = record.get("schema_version")
        reads = f"this reads Every Eval Ever {RECORD_SCHEMA}"
        if re.match(r"0\.2\.\d", str(version)):
            reads += f"; {run_line('convert_results.py')} FILE --output-dir results makes one of it"
        raise ScriptError(f"{path}: schema_version is {single_line(repr(version))[:40]}; {reads}")
    refuse_claims(path, record)
    return None if is_trainer_log(record) and not trainer else record


def refuse_claims(path: Path, record: Mapping[str, Any]) -> None:
    """ScriptError for a date in the future, a name in disguise, and one that is a question for a state of a model."""
    refuse_future(path, record)
    refuse_disguise(path, record)
    info = mapping_of(record.get("model_info"))
    names = (info.get("id"), info.get("name"), mapping_of(info.get("additional_details")).get("checkpoint"))
    for name in filter(None, map(kept_text, names)):
        if mark := state_mark(name):
            raise ScriptError(
                f"{path}: the model's name ends in {single_line(mark)[:60]}, by which a state of a model is asked for: "
                "write a revision into model_info.additional_details.revision"
            )


def refuse_future(path: Path, record: Mapping[str, Any]) -> None:
    """ScriptError for a record that is dated later than now: its date decides which of two is the newer one."""
    rows = record.get("evaluation_results")
    for said_in in (record, *(rows if isinstance(rows, list) else ())):
        dates = mapping_of(said_in)
        for name in ("evaluation_timestamp", "retrieved_timestamp"):
            moment = moment_in(dates[name]) if name in dates else None
            if moment is None or moment <= time.time() + CLOCKS_APART:
                continue
            said = single_line(dates[name])[:40]
            raise ScriptError(f"{path}: {name} is {said}, which is in the future: correct it, or evaluate again")


def refuse_disguise(path: Path, record: Mapping[str, Any]) -> None:
    """ScriptError for a model or benchmark whose name looks like another's by letters of another alphabet."""
    rows = record.get("evaluation_results")
    rows = rows if isinstance(rows, list) else []
    names = [(mapping_of(record.get("model_info")), ("id", "name"))]
    names += [(row, ("evaluation_name", "evaluation_result_id")) for row in map(mapping_of, rows)]
    names += [(mapping_of(row.get("source_data")), ("dataset_name", "hf_repo")) for row in map(mapping_of, rows)]
    for said_in, keys in names:
        for name in map(said_in.get, keys):
            if isinstance(name, str) and (letter := disguised(name)):
                raise ScriptError(f"{path}: {single_line(name)[:100]} has a {letter} in a Latin word: correct the name")


def moment_in(value: Any) -> float | None:
    """Seconds since 1970 of a record's time, as `time_of` reads it; None when it is none."""
    moment = time_of(value)
    return None if moment is None else moment.timestamp()


# --- parts/board/metadata_rows.py -------------------------------------------------------------------------------------

OF_RATERS = "how far raters agree is no score of a model"
USED_TOOLS = "with tools: another setting than the benchmark's"
ADDED_VALUE = re.compile(r"^\+.*?\bvalue:\s*[\"']?([-+]?[\d.]+(?:[eE][-+]?\d+)?)", re.M)


def new_row(model: str, place: Provenance, source_format: str, **known: Any) -> BoardRow:
    """A row with every column, null where nothing is known."""
    row = dict.fromkeys(COLUMNS)
    row.update(
        model=model,
        source_type=place.source_type,
        source_url=place.url,
        source_format=source_format,
        contributor=place.contributor,
        pull_request=place.pull_request,
        revision=place.revision,
        date=place.date,
        shown=False,
    )
    row.update(known)
    return row


def read_value(value: object) -> tuple[float, str | None, str | None]:
    """(number, unit when the text says it, note) of a metric's value; Unreadable when it is no finite number."""
    if text := said_number(value):
        number = float(text)
        said = "percent" if "%" in value else None
        written = f"written as {shorten(value)}"
    else:
        number, said, written = value, None, None
    if isinstance(number, bool) or not is_number(number):
        raise Unreadable(f"the value is {shorten(value)}, not a finite number")
    return float(number), said, written


def eval_results_row(model: str, data: object, place: Provenance, verified: bool, benchmarks: Benchmarks) -> BoardRow:
    """The row of one entry of .eval_results, in the form of the Hub's API or of the file."""
    dataset, source = mapping_in(data, "dataset"), mapping_in(data, "source")
    dataset_id, task = kept_text(dataset.get("id")), kept_text(dataset.get("task_id"))
    if dataset_id is None or task is None:
        raise Unreadable("no dataset.id or no dataset.task_id")
    value, unit, written = read_value(data.get("value"))
    moment = moment_in(data.get("date"))
    if moment is not None and moment > time.time() + CLOCKS_APART:
        raise Unreadable(f"its date, {shorten(data['date'])}, is in the future")
    key = benchmarks.of_task(dataset_id, task)
    notes = kept_text(data.get("notes"))
    url, dropped = source_link(source.get("url"))
    row = new_row(
        model,
        place,
        "eval_results",
        benchmark=key,
        benchmark_name=task.rpartition("/")[2],
        source_task=f"{dataset_id} {task}",
        value=value,
        unit=unit,
        unit_basis="stated" if unit else None,
        source_name=kept_text(source.get("name")) or kept_text(source.get("user")) or kept_text(source.get("org")),
        notes=join_notes(notes, written, dropped),
    )
    row["source_type"] = "verified" if verified else place.source_type
    row["source_url"] = url or place.url
    row["date"] = iso_time(data["date"]) if data.get("date") else place.date
    row["shots"] = shots_in(notes) if notes else None
    if notes and WITH_TOOLS.search(notes):
        row["why_not"] = USED_TOOLS
    return row


def source_link(value: object) -> tuple[str | None, str | None]:
    """(the URL, None), or (None, a note that it was dropped)."""
    if value in (None, ""):
        return None, None
    url = kept_url(value)
    return url, None if url else "the source's URL was dropped: not a plain http(s) address"


def join_notes(*texts: str | None) -> str | None:
    return kept_text("; ".join(text for text in texts if text)) or None


def shots_in(text: str) -> str | None:
    """ "MMLU (5-Shot)" -> "5-shot"."""
    match = SHOTS_IN_NAME.search(text)
    return f"{int(match[1])}-shot" if match else None


def model_index_rows(
    reading: ModelReading, index: object, place: Provenance, benchmarks: Benchmarks, where: str
) -> None:
    """Rows of a card's model-index; what is malformed goes to the reading's list, the rest is read."""
    if index is None:
        return
    if not isinstance(index, list):
        reading.cannot_read(where, f"model-index is {shorten(index)}, not a list")
        return
    for i, entry in enumerate(index):
        results = entry.get("results") if isinstance(entry, dict) else None
        if not isinstance(results, list):
            if not isinstance(entry, dict) or results is not None:
                reading.cannot_read(f"{where}[{i}].results", f"it is {shorten(results or entry)}, not a list")
            continue
        for j, result in enumerate(results[:MAX_ENTRIES]):
            path = f"{where}[{i}].results[{j}]"
            metrics = result.get("metrics") if isinstance(result, dict) else None
            if not isinstance(metrics, list) or not isinstance(result.get("dataset"), dict):
                reading.cannot_read(path, "it has no dataset, or no list of metrics")
                continue
            for k, metric in enumerate(metrics[:MAX_ENTRIES]):
                if len(reading.rows) >= MAX_ENTRIES:
                    reading.cannot_read(path, f"only the first {MAX_ENTRIES:,} scores of a model are read")
                    return
                try:
                    reading.rows.append(model_index_row(reading.model, result, metric, place, benchmarks))
                except Unreadable as error:
                    reading.cannot_read(f"{path}.metrics[{k}]", error)


def model_index_row(
    model: str, result: Mapping[str, Any], metric: object, place: Provenance, benchmarks: Benchmarks
) -> BoardRow:
    """The row of one metric of a model-index result."""
    if not isinstance(metric, dict):
        raise Unreadable(f"it is {shorten(metric)}, not a mapping")
    dataset, source = result["dataset"], mapping_in(result, "source")
    name, kind = kept_text(dataset.get("name")) or "", kept_text(dataset.get("type")) or ""
    if not name and not kind:
        raise Unreadable("the data set has no name and no type")
    value, unit, written = read_value(metric.get("value"))
    metric_name = kept_text(metric.get("type")) or kept_text(metric.get("name"))
    key, why_not = benchmarks.of_dataset(name, kind, kept_text(dataset.get("config")) or "")
    spoken = f"{name} {kept_text(metric.get('name')) or ''}"
    if key and not why_not and not ranks(metric_name, benchmarks.mapping[key]):
        why_not = f"{metric_name} is not the metric that {benchmarks.mapping[key]['name']} is ranked by"
    if key and not why_not and WITH_TOOLS.search(spoken):
        why_not = USED_TOOLS
    if key in RESCALED and not why_not and RESCALED_BY.search(str(source.get("url"))):
        why_not = "rescaled so that guessing is 0 (Open LLM Leaderboard), not an accuracy"
    if unit is None and re.search(r"%|\bpercent", f"{metric_name} {metric.get('name')}"):
        unit = "percent"
    url, dropped = source_link(source.get("url"))
    signed = "the card says verified; only the Hub's own mark counts" if metric.get("verified") is True else None
    return new_row(
        model,
        place,
        "model_index",
        benchmark=key,
        benchmark_name=name or kind,
        source_task=" ".join(
            filter(None, (name, kind, kept_text(dataset.get("config")), kept_text(dataset.get("split"))))
        ),
        value=value,
        unit=unit,
        unit_basis="stated" if unit else None,
        metric=metric_name,
        shots=index_shots(dataset, metric) or shots_in(spoken),
        source_name=kept_text(source.get("name")),
        source_url=url or place.url,
        notes=join_notes(written, signed, dropped),
        why_not=why_not,
    )


def index_shots(dataset: Mapping[str, Any], metric: Mapping[str, Any]) -> str | None:
    """num_few_shot of a data set's or metric's arguments."""
    for args in (mapping_in(dataset, "args"), mapping_in(metric, "args")):
        if (count := kept_count(args.get("num_few_shot"))) is not None and count < 1000:
            return f"{count}-shot"
    return None


def model_facts(info: Mapping[str, Any]) -> BoardRow:
    """What the Hub says about a model itself, for each of its rows."""
    card = mapping_in(info, "cardData")
    license_name = card.get("license_name") if card.get("license") == "other" else card.get("license")
    if isinstance(license_name, list):
        license_name = ", ".join(filter(None, map(kept_text, license_name[:5])))
    parameters = kept_count(mapping_in(info, "safetensors").get("total"))
    return {
        "parameters": parameters if parameters is not None else kept_count(mapping_in(info, "gguf").get("total")),
        "license": kept_text(license_name or card.get("license"), 80),
        "downloads": kept_count(info.get("downloads")),
        "likes": kept_count(info.get("likes")),
        "library": kept_text(info.get("library_name"), 80),
        "pipeline_tag": kept_text(info.get("pipeline_tag"), 80),
    }


def added_by(proposed: ModelReading, there: Sequence[BoardRow]) -> list[BoardRow]:
    """The rows of a pull request's revision that main has not: another place, or another value there."""

    def identity(row: BoardRow) -> tuple[Any, ...]:
        names = ("benchmark_name", "source_task", "metric", "value", "unit", "shots", "notes", "source_name")
        return tuple(row[name] for name in names)

    known = {identity(row) for row in there}
    return [row for row in proposed.rows if identity(row) not in known]


def added_values(diff: str) -> set[float]:
    """The numbers behind "value:" in the added lines of a diff."""
    found = set()
    for text in ADDED_VALUE.findall(diff):
        with contextlib.suppress(ValueError):
            found.add(float(text))
    return found


# --- parts/hub/retry.py -----------------------------------------------------------------------------------------------

NO_WAY = {errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}
LOG_IN = "run `hf auth login`"
NO_SUCH_HOST = ": no network, or HF_ENDPOINT is wrong; the same command goes on once it is there"


def worth_repeating(error: BaseException) -> bool:
    """Whether the Hub may answer next time: too many requests, its own trouble, a broken connection."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in (408, 429, 500, 502, 503, 504)
    return isinstance(error, httpx2.TransportError) and not no_such_host(error)


def no_such_host(error: BaseException | None) -> bool:
    """Whether an error came of a name that nothing resolves, or a place where nobody listens or no way leads: no
    network, or another address is wrong; no wait helps."""
    import socket

    while error is not None and not (
        isinstance(error, socket.gaierror) or (isinstance(error, OSError) and error.errno in NO_WAY)
    ):
        error = error.__cause__ or error.__context__
    return error is not None


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as an HTTP date; None when it says nothing."""
    from email.utils import parsedate_to_datetime

    if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", text.strip(), re.ASCII):
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())


def seconds_to_wait(state: Any) -> float:
    """What the answer's RateLimit or Retry-After header says, else 1, 2, 4, ... seconds; at most five minutes."""
    asked = seconds_asked(state.outcome.exception())
    return FIRST_WAIT * 2 ** (state.attempt_number - 1) if asked is None else asked


def seconds_asked(error: BaseException | None) -> float | None:
    """How long the Hub asks to wait in an error's headers; None when it does not say."""
    from huggingface_hub.utils import parse_ratelimit_headers

    response = getattr(error, "response", None)
    headers = response.headers if response is not None else {}
    limit = parse_ratelimit_headers(headers)
    if limit and limit.remaining == 0:
        return min(limit.reset_in_seconds + 0.1, 300)
    asked = retry_after(headers.get("Retry-After", ""), datetime.now(UTC))
    return None if asked is None else min(asked, 300)


def rate_limited(error: BaseException) -> bool:
    from huggingface_hub.errors import HfHubHTTPError

    return isinstance(error, HfHubHTTPError) and error.response is not None and error.response.status_code == 429


# --- parts/hub/answers.py ---------------------------------------------------------------------------------------------

Listed = TypeVar("Listed")
WebOrigin = tuple[str, str | None, int | None]
LAST = threading.local()  # .answer: the response that came last in a thread
MOST_SHOWN = 60  # characters of a body
GUARDING = threading.Lock()
GUARDED = threading.Event()  # set once the client has our hooks; no session is made to look for them before
PORTS = {"http": 80, "https": 443}
FILE_WORD = re.compile(r"(?!\.)[\w.:+=-]{0,200}", re.ASCII)
COMMIT_NAME = re.compile(r"(?:[0-9a-f]{40})?")
OF_A_REPO = re.compile(r"/api/(?:models|datasets|spaces|buckets)/")
HASHES = {"sha", "oid", "blobId", "xetHash", "sha256", "targetCommit", "commitOid"}
A_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What an answer has of a repository's authors; the client takes no name from it.
OF_AUTHORS = {"cardData", "config", "gguf", "model-index", "transformersInfo", "widgetData"}
MOST_PAGES = 3000  # of one list, in a thread
NAMED_ORIGINS: set[WebOrigin] = set()  # of servers beside the Hub that the user's command line gives the token to


def watch_answers() -> None:
    """Remember the answers that the client gets in this thread from now on; forget those before.

    What the client would say of its own tries is not said: the error that ends them is.
    """
    import logging

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    keep_token_home()
    LAST.answer = None


def keep_token_home(server: str | None = None) -> None:
    """From now on the Hub's client sends its token to the Hub's own address alone, and to a server that is named here.

    What an answer says (the next page of a list, a redirection, where a file goes) is no reason to send it elsewhere.
    """
    from huggingface_hub import get_session, set_client_factory

    if server:
        NAMED_ORIGINS.add(origin_of(server))
    with GUARDING:
        if not GUARDED.is_set() or look_at_answer not in get_session().event_hooks["response"]:
            set_client_factory(guarded_client)  # the client makes a new session after a broken connection
            GUARDED.set()


def guarded_client() -> Any:
    """The client's own session with our two hooks; where nobody listens, or no network is, it does not try again."""
    from huggingface_hub.utils._http import default_client_factory

    client = default_client_factory()
    send = client.send

    def send_or_end(request: Any, **options: Any) -> Any:
        try:
            return send(request, **options)
        except Exception as error:
            kinds = [kind for kind in type(error).__mro__ if kind.__name__ == "TransportError"]
            if not kinds or not no_such_host(error):
                raise
            raise kinds[0](str(error)) from error  # of a kind that the client does not repeat for half a minute

    client.send = send_or_end
    hooks = client.event_hooks
    client.event_hooks = {
        "request": [*hooks["request"], drop_token_elsewhere],
        "response": [*hooks["response"], look_at_answer],
    }
    return client


def origin_of(url: object) -> WebOrigin:
    """Scheme, host and port of an address."""
    parts = urlsplit(str(url))
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def hub_origins() -> set[WebOrigin]:
    """Where the Hub is: the client's endpoint, which HF_ENDPOINT may name."""
    from huggingface_hub import constants

    return {origin_of(place) for place in (constants.ENDPOINT, os.environ.get("HF_ENDPOINT")) if place}


def hub_path(url: Any) -> str:
    """The path of a question to the Hub, without that of the endpoint, which a mirror may have."""
    from huggingface_hub import constants

    for place in (constants.ENDPOINT, os.environ.get("HF_ENDPOINT") or ""):
        above = urlsplit(place).path.rstrip("/")
        if above and url.path.startswith(f"{above}/"):
            return url.path[len(above) :]
    return url.path


def drop_token_elsewhere(request: Any) -> None:
    """A hook of requests, of redirected ones too: without the token where they do not go to the Hub."""
    if "authorization" in request.headers and origin_of(request.url) not in hub_origins() | NAMED_ORIGINS:
        del request.headers["authorization"]


def look_at_answer(answer: Any) -> None:
    """A hook of answers: remembers them; ScriptError where a list or a file of the Hub goes on at another place.

    A file that Xet stores names where `hf_xet` renews its access. That library has no hooks and shows the token there.
    Also ScriptError for what the client would take for a name of a file, for lists and waits without end, and for an
    answer of a size that none has.
    """
    LAST.answer = answer
    tell_refused_token(answer)
    if reason := why_no_answer(answer):
        raise ScriptError(f"{answer.request.url.path}: its answer {reason}: not what the Hub says")
    links = answer.links if "link" in answer.headers else {}
    following = next_page(answer)
    leaves = following and urlsplit(following).netloc and not on_hub(following) and on_hub(answer.request.url)
    renewals = [(links.get("xet-auth") or {}).get("url"), answer.headers.get("x-xet-refresh-route")]
    away = next((place for place in renewals if place and not renews_on_hub(place)), following if leaves else None)
    if away:
        asked, place = answer.request.url.path, single_line(away)[:200]
        raise ScriptError(f"{asked}: its answer goes on at {place}, which is not the Hub and is not asked")


def tell_refused_token(answer: Any) -> None:
    """Let the client take a refused token (expired, revoked) for one: to it all other 401 mean that there is no repo.

    The Hub answers a valid token that may not see a repository with 404, or with 403.
    """
    said = answer.headers.get("x-error-code")
    if answer.status_code == 401 and "authorization" in answer.request.headers and said != "GatedRepo":
        answer.headers["x-error-message"] = "Invalid credentials in Authorization header"
        answer.headers.pop("x-error-code", None)


def why_no_answer(answer: Any) -> str | None:
    """What in an answer is not of a Hub; the client believes it.

    It names files of its cache by a file's ETag and a commit, waits as long as it is told, and follows all next pages.
    """
    heads, path = answer.headers, hub_path(answer.request.url)
    etag = (heads.get("x-linked-etag") or heads.get("etag", "")).removeprefix("W/").strip('"')
    if answer.request.method == "HEAD" and not passes_on(answer) and not FILE_WORD.fullmatch(etag):
        return "has an ETag that is a path"  # other answers have hashes in base64, with slashes
    if not COMMIT_NAME.fullmatch(heads.get("x-repo-commit", "")):
        return "names no commit"
    waits = [heads.get("retry-after", ""), *re.findall(r"\bt=(\d+)", heads.get("ratelimit", ""))]
    if answer.is_error and any(len(wait) > 3 and wait.isdecimal() for wait in waits):
        return f"asks to wait for {max(waits, key=len)[:20]} seconds"
    following = next_page(answer)
    if following or path.endswith("/discussions"):
        pages = LAST.__dict__.setdefault("pages", Counter())
        pages[path] += 1
        onward = place_after(answer.request.url, following or "") or path  # which may be another for each page
        pages[onward] = max(pages[onward], pages[path])
        if pages[path] > MOST_PAGES:
            return f"goes on after {MOST_PAGES} pages"
    if not is_store(heads.get("x-xet-cas-url")):
        return "names no place of a store"
    if path.startswith("/api/"):
        onward = [heads["location"]] if answer.has_redirect_location else [following] if following else []
        if not all(goes_on_alike(answer.request.url, place) for place in onward):
            return f"goes on at {single_line(onward[0])[:80]}, a place that answers no such question"
        limit_body(answer)
        if OF_A_REPO.match(path) and answer.is_success and (answer.request.method == "GET" or "/paths-info/" in path):
            answer.read()
            with contextlib.suppress(ValueError):
                return why_no_names(answer.json())
    return None


def passes_on(answer: Any) -> bool:
    """Whether the client takes no name from the head of a file: an error, or a place on the same server to go on at."""
    return answer.is_error or (answer.has_redirect_location and not urlsplit(answer.headers["location"]).netloc)


def next_page(answer: Any) -> str | None:
    """Where a list goes on, by its answer's head."""
    return ((answer.links if "link" in answer.headers else {}).get("next") or {}).get("url")


def place_after(url: Any, place: str) -> str | None:
    """The Hub's path to which a redirection or a next page leads, as the client goes there: without the dots in it."""
    try:
        return hub_path(url.join(place))
    except Exception:  # no address; each HTTP library has its own error
        return None


def goes_on_alike(url: Any, place: str) -> bool:
    """Whether a question to the Hub, redirected or on a next page, leads to one whose answer is looked at alike."""
    onward = place_after(url, place) or ""
    return bool(OF_A_REPO.match(onward)) if OF_A_REPO.match(hub_path(url)) else onward.startswith("/api/")


def why_no_names(value: Any) -> str | None:
    """What in the JSON of an answer on a repository is no hash or address where the client takes it for one."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending += [inner for inner in one if isinstance(inner, dict | list)]
        elif isinstance(one, dict):
            for name, inner in one.items():
                named = inner is None or (isinstance(inner, str) and A_HASH.fullmatch(inner))
                if name in HASHES and not named:
                    return f"names no commit or hash ({name})"
                if name == "casUrl" and not is_store(inner):
                    return "names no place of a store"
                if isinstance(inner, dict | list) and name not in OF_AUTHORS:
                    pending.append(inner)
    return None


def is_store(place: Any) -> bool:
    """Whether an address is one that Xet's store may have: `hf_xet` takes local:// for a folder of this machine."""
    return place is None or (isinstance(place, str) and (place.startswith("https://") or on_hub(place)))


def limit_body(answer: Any) -> None:
    """Let the reading of an answer's body end with a ScriptError where it is larger than any list of the Hub."""
    base = importlib.import_module(type(answer).__module__.partition(".")[0]).SyncByteStream
    stream, most = answer.stream, allowed(MAX_DOCUMENT // (20 if "content-encoding" in answer.headers else 1))
    path = answer.request.url.path

    class LimitedStream(base):
        """The pieces of a body, counted."""

        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for piece in stream:
                size += len(piece)
                if size > most:
                    raise too_much(path, f"an answer of more than {most / 1e6:,.0f} MB")
                yield piece

        def close(self) -> None:
            stream.close()

    if isinstance(stream, base) and not answer.is_stream_consumed:
        answer.stream = LimitedStream()


def on_hub(url: object) -> bool:
    """Whether an address is one of the Hub's."""
    try:
        return origin_of(url) in hub_origins()
    except ValueError:  # no port
        return False


def renews_on_hub(route: str) -> bool:
    """Whether access to Xet is renewed at the Hub, however an address is read: `\\` and `@` are read in two ways.

    The client itself puts its endpoint in the place of the public Hub's address.
    """
    return not set(route) & set("\\@") and (on_hub(route) or route.startswith("https://huggingface.co/"))


def body_of_last() -> str | None:
    """The text of the last answer; None when there is none, or it was not read."""
    try:
        return LAST.answer.text
    except (AttributeError, RuntimeError, ValueError):
        return None


def answer_told() -> str:
    """ "GET /api/whoami-v2 was answered 200 with null", as far as it is known."""
    answer = getattr(LAST, "answer", None)
    if answer is None:
        return "an answer came"
    body = body_of_last()
    shown = "nothing" if body == "" else single_line(body or "a body")[:MOST_SHOWN]
    return f"{answer.request.method} {answer.request.url.path} was answered {answer.status_code} with {shown}"


def listed(call: Callable[[], Iterable[Listed]]) -> list[Listed]:
    """What a listing of the client gives; TypeError when the answer was none: an object is no empty list."""
    items = list(call())
    if not items:
        require_list()
    return items


def require_list() -> None:
    """TypeError when the last answer is known, and is no list."""
    body = body_of_last()
    if body is not None and not body.lstrip().startswith("["):
        raise TypeError("a list is expected")


# --- parts/hub/committing.py ------------------------------------------------------------------------------------------

Made = TypeVar("Made")
SENT_FROM_MEMORY = 2**24  # bytes of a file that is read whole before it is sent

# What the client raises when an answer has not the form that it expects: JSON that is none, a field that is missing.
UNEXPECTED = (ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError)


class WrongBody(ScriptError):
    """What came is not the file that was asked for: an empty page, somebody else's bytes."""


def commit_whole(
    api: Any, repo_id: str, operations: Sequence[Any], before: Callable[[], None] = lambda: None, **options: Any
) -> Any:
    """One commit with all operations: `api.create_commit`, but that the target's .gitignore leaves no file out.

    before: called when large files are sent and the commit is not made; raises when they are no more what was meant.
    The client asks the Hub which files are ignored and drops them without a word; here it is told that none are.
    """
    from huggingface_hub import CommitOperationAdd

    place = {name: options[name] for name in ("repo_type", "revision", "create_pr") if options.get(name) is not None}
    additions = [operation for operation in operations if isinstance(operation, CommitOperationAdd)]
    api.preupload_lfs_files(repo_id, additions, gitignore_content="", free_memory=False, **place)
    before()
    return api.create_commit(repo_id, operations, **options)


def additions_of(files: Mapping[str, Path], digests: Mapping[str, str]) -> tuple[list[Any], Callable[[], None]]:
    """Operations that add files of this machine under names, and what `commit_whole` is to ask `before` the commit.

    digests: the SHA-256 of each when it was looked at and shown. Small ones are sent as they are read here; of large
    ones is asked, once they are sent, whether they were written to meanwhile. ScriptError (3) for one that is another.
    """
    from huggingface_hub import CommitOperationAdd

    states = {name: state_of(path) for name, path in files.items()}
    small = {name for name, state in states.items() if state[2] < SENT_FROM_MEMORY}
    made = [CommitOperationAdd(n, input_bytes(path) if n in small else str(path)) for n, path in files.items()]

    def unchanged() -> None:
        other = {name for name, path in files.items() if name not in small and state_of(path) != states[name]}
        other |= {row.path_in_repo for row in made if row.upload_info.sha256.hex() != digests.get(row.path_in_repo)}
        if other:
            raise ScriptError(f"{files[min(other)]} has changed since it was looked at; nothing was committed", code=3)

    unchanged()
    return made, unchanged


def state_of(path: Path) -> tuple[int, ...]:
    """What tells that a file was written to or replaced."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def commit_once(send: Callable[[], Made], arrived: Callable[[], Made | None]) -> Made:
    """What `send` gives, sent again after an error of the Hub, but never twice.

    Where an error leaves open whether the commit was made, `arrived` looks for it; refusals are raised at once.
    """
    for attempt in range(1, MAX_TRIES + 1):
        try:
            return send()
        except ScriptError:
            raise
        except Exception as error:
            if not may_be_made(error):
                raise
            failure = error
        made = arrived()
        if made is not None:
            return made
        if attempt < MAX_TRIES:
            asked = seconds_asked(failure)
            time.sleep(FIRST_WAIT * 2 ** (attempt - 1) if asked is None else asked)
    raise failure


def may_be_made(error: Exception) -> bool:
    """Whether a commit may have been made although it ended so: no answer, a strange one, or the Hub's own trouble."""
    if getattr(error, "response", None) is not None:
        return worth_repeating(error)
    refused = isinstance(error, ValueError) and "metadata" in str(error).lower()  # the Hub refuses the card as it is
    return not refused and (worth_repeating(error) or isinstance(error, (OSError, *UNEXPECTED)))


def git_blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def content_ids(data: bytes) -> set[str]:
    """The ids that the Hub has for bytes: git's of a small file, SHA-256 of a large one."""
    return {git_blob_id(data), hashlib.sha256(data).hexdigest()}


def is_content(data: bytes, identity: str) -> bool:
    """Whether bytes are the content with this id or ETag; an identity of another form tells nothing."""
    identity = identity.removeprefix("W/").strip('"')
    return not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", identity) or identity in content_ids(data)


def known_identity(identity: Any, asked: str) -> Mapping[str, Any]:
    """whoami's answer; ScriptError when it does not say who it is."""
    if not isinstance(identity, dict) or not isinstance(identity.get("name"), str):
        raise ScriptError(f"{asked}: the Hub's answer does not say whose token this is ({type(identity).__name__})")
    return identity


# --- parts/hub/access.py ----------------------------------------------------------------------------------------------

HUB_REASONS = {
    401: f"the token is not valid; {LOG_IN} again",
    403: "the Hub does not permit it; a token needs write permission for the repo",
    404: "no such repo, or no access to it",
    409: "the Hub refused it as a conflict",
    412: "the repo has moved on meanwhile",
    413: "too large for the Hub",
    429: "too many requests; wait some minutes",
}


@contextlib.contextmanager
def hub_errors(doing: str, token: str) -> Iterator[None]:
    """Turn the Hub client's errors into one line that says what failed."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    watch_answers()
    try:
        yield
    except ScriptError:
        raise
    except HFValidationError as error:
        raise ScriptError(f"{doing}: {str(error).splitlines()[0]}") from error
    except (OSError, RuntimeError, httpx2.HTTPError) as error:  # RuntimeError: an upload failed, its cause says why
        cause: BaseException | None = error
        while cause and not isinstance(cause, HfHubHTTPError):
            cause = cause.__cause__
        if cause is None:
            local = getattr(error, "filename", None)
            what = f"{local}: {error.strerror}" if local else f"the connection failed ({type(error).__name__})"
            what = f"the connection failed ({single_line(error)[:80]}){NO_SUCH_HOST}" if no_such_host(error) else what
            raise ScriptError(f"{doing}: {what}") from error
        status = cause.response.status_code if cause.response is not None else None
        said = " ".join(str(cause.server_message or "").replace(token, "***").split())[:200]
        reason = HUB_REASONS.get(status, f"the Hub answered {status}") + (f" ({said})" if said else "")
        raise ScriptError(f"{doing}: {reason}") from error
    except UNEXPECTED as error:
        raise ScriptError(f"{doing}: {unexpected_answer(error)}") from error


def unexpected_answer(error: BaseException) -> str:
    """What an error of the client about an answer means: the Hub refuses the card, or answers in another form."""
    said = single_line(error)[:300]
    if isinstance(error, json.JSONDecodeError):
        return f"{answer_told()}, which is not JSON; is HF_ENDPOINT right?"
    if isinstance(error, ValueError) and "metadata" in said.lower():
        return f"the Hub refuses the card's metadata as it is: {said}; correct the card first"
    why = f"{type(error).__name__}: {said}"[:120]
    return f"{answer_told()}, which is not the form that the Hub's API documents ({why})"


def check_write_access(identity: Mapping[str, Any], repo_id: str, create_pr: bool) -> None:
    """ScriptError when whoami says that this token may not write to the repo."""
    identity = known_identity(identity, f"writing to {repo_id}")
    owner = repo_id.split("/")[0]
    token = (identity.get("auth") or {}).get("accessToken") or {}
    make = "make one with write permission at https://huggingface.co/settings/tokens"
    if token.get("role") == "read":
        raise ScriptError(f"the token may only read; {make}")
    if token.get("role") == "fineGrained":
        granted = token.get("fineGrained") or {}
        own = [s for s in granted.get("scoped") or () if (s.get("entity") or {}).get("name") in (owner, repo_id)]
        permissions = {*(granted.get("global") or ()), *(p for s in own for p in s.get("permissions") or ())}
        if not permissions & {"repo.write", *(["discussion.write"] if create_pr else [])}:
            raise ScriptError(f"the fine-grained token has no repo.write permission for {repo_id}; {make}")
    roles = {str(org.get("name")): org.get("roleInOrg") for org in identity.get("orgs") or []}
    if not create_pr and owner != identity.get("name") and roles.get(owner, "read") == "read":
        raise ScriptError(f"{identity.get('name')} may not write to {owner}; choose another owner, or use --create-pr")


# --- parts/hub/token.py -----------------------------------------------------------------------------------------------

HUB_VARIABLES = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "INSPECT_HF_TOKEN")
MAX_DOTENV = 100_000  # bytes


def find_token(token_file: str | None) -> str:
    """The Hub token from --token-file, the environment, the `hf auth` login or .env; ScriptError when there is none."""
    token = clean_token(token_of_file(Path(token_file)), "--token-file") if token_file else hub_token()
    if not token:
        raise ScriptError(f"no Hub token; {LOG_IN}, set HF_TOKEN, or give --token-file FILE")
    return token


def clean_token(text: str | None, where: str) -> str | None:
    """A token without the blanks and line ends around it; ScriptError, which shows none of it, when some are inside."""
    remember_token(text)
    token = (text or "").strip()
    if token and not re.fullmatch(r"[!-~]+", token):
        raise ScriptError(f"{where}: one line with a token is expected, without a blank in it; {LOG_IN}, or correct it")
    return token or None


def token_of_file(path: Path) -> str:
    """What a token file holds; an error names neither its content nor the file, which may be the token itself."""
    try:
        return input_text(path, 10_000)
    except ScriptError:
        raise ScriptError("--token-file: no text file with a token in one line could be read there") from None


def dotenv_value(name: str) -> str | None:
    """What the current folder's .env gives a name, as it stands there: it cannot send what another variable holds."""
    from dotenv import dotenv_values

    if not Path(".env").is_file():
        return None
    text = input_text(".env", MAX_DOTENV)
    value = dotenv_values(stream=io.StringIO(text), interpolate=False).get(name)
    if value and "${" in value:
        raise ScriptError(f".env: {name} names another variable, which is not looked up; write the value itself there")
    return value


@functools.cache
def say_dotenv(name: str, folder: str) -> None:
    """Say once in a folder that its .env is used."""
    note(f"{name} is that of .env in this folder")


@functools.cache
def say_login(folder: str) -> None:
    """Say once in a folder that its .env, which may be a stranger's, does not stand before the login."""
    note(
        "the token is that of your login; .env in this folder has another, which is used where HF_TOKEN or "
        "--token-file gives it"
    )


def hub_token() -> str | None:
    """The Hub token of the environment, of the `hf auth` login or of .env; it is said what a .env is good for."""
    from huggingface_hub import get_token

    if token := clean_token(os.environ.get("HF_TOKEN"), "HF_TOKEN"):
        return token
    login = clean_token(get_token(), "the login of `hf auth`")
    token = clean_token(dotenv_value("HF_TOKEN"), "HF_TOKEN in .env")
    if token and token != login:
        say_login(os.getcwd()) if login else say_dotenv("the token", os.getcwd())
    return login or token


@contextlib.contextmanager
def lent_to_client(token: str | None = None, aside: bool = False) -> Iterator[None]:
    """While open, the Hub's client of this process has a token that may be a .env's; the environment's own goes before.

    The environment, which is handed on to children, gets none: a program that a model wrote may be one. With aside,
    that has no token of the Hub as long, either.
    """
    from huggingface_hub.utils import _auth

    own = _auth._get_token_from_environment
    token = own() or token
    kept = {name: os.environ.pop(name) for name in HUB_VARIABLES if aside and name in os.environ}
    _auth._get_token_from_environment = lambda: own() or token
    try:
        yield
    finally:
        _auth._get_token_from_environment = own
        os.environ |= kept


def job_token() -> str:
    """The Hub token from the environment, the `hf auth` login or .env; ScriptError when there is none."""
    token = hub_token()
    if not token:
        raise ScriptError(f"no Hub token: {LOG_IN}, or set HF_TOKEN in the environment or in .env")
    return token


# --- parts/tables.py --------------------------------------------------------------------------------------------------


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned pipe table; names become plain text."""
    cells = [[plain(cell) if i == 0 else cell for i, cell in enumerate(row)] for row in rows]
    header = list(map(plain, header))
    widths = [max(map(len, column)) for column in zip(header, *cells, strict=True)]
    lines = [[h.ljust(w) for h, w in zip(header, widths, strict=True)], ["-" * w for w in widths]]
    lines += [[c.ljust(w) for c, w in zip(row, widths, strict=True)] for row in cells]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def progress(items: Sequence[Any], what: str) -> Iterator[Any]:
    """The items; on a terminal with a bar, a rate and the time left, once they take longer than two seconds."""
    begun, bar = time.monotonic(), None
    try:
        for done, item in enumerate(items):
            seconds = time.monotonic() - begun
            if bar is None and seconds > 2 and sys.stderr.isatty():
                bar = progress_bar()
                task = bar.add_task(what, total=len(items), rate="")
                bar.start()
            if bar is not None:
                bar.update(task, completed=done, rate=f"{done / seconds:.1f}/s")
            yield item
    finally:
        if bar is not None:
            bar.stop()


def progress_bar() -> Any:
    """A bar on stderr that leaves nothing behind."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    texts = (TextColumn(text, markup=False) for text in ("{task.description}", "{task.fields[rate]}"))
    columns = (next(texts), BarColumn(), MofNCompleteColumn(), *texts, TimeRemainingColumn())
    return Progress(*columns, console=terminal_console(stderr=True), transient=True)


def rich_table(header: Sequence[str], rows: Sequence[Sequence[str]], title: str) -> str:
    """The table for a terminal, with its colors."""
    styles = ["bold green" if row[0].endswith(" (best)") else None for row in rows]
    return rendered(fitted_table(header, rows, styles, title=title))


def pipe_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose cells are plain text."""
    lines = [list(map(plain, line)) for line in (header, *rows)]
    lines.insert(1, ["---"] * len(header))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def render_table(rows: Sequence[Sequence[str]]) -> str:
    """Rows of text in columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def show_table(rows: Sequence[Sequence[str]]) -> None:
    """Print rows of text under a heading; a terminal gets a frame around them."""
    if not sys.stdout.isatty():
        print(render_table(rows))
        return
    terminal_console().print(rich_rows(rows, ""))


def rich_rows(rows: Sequence[Sequence[str]], caption: str) -> Any:
    """A table for a terminal; what it shows is text, never markup."""
    from rich.text import Text

    cells = [list(map(isolated, row)) for row in rows[1:]]
    return fitted_table(rows[0], cells, caption=Text(isolated(caption)) if caption else None)


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]], most: int = 120) -> None:
    """A table on stdout; text of others shows as text, never as markup, each cell of at most `most` letters.

    In a pipe each row is one line.
    """
    texts = [["" if cell is None else str(cell) for cell in row] for row in rows]
    cells = [[isolated(single_line(text))[:most] for text in row] for row in texts]
    width = None if sys.stdout.isatty() else sum(map(widest, zip(header, *cells, strict=True))) + 2 * len(header)
    table = fitted_table(header, cells, width=width, box=None)
    terminal_console(width=width, highlight=False).print(table)


def widest(texts: Iterable[str]) -> int:
    """The columns of a terminal that the widest of some texts takes."""
    from rich.cells import cell_len

    return max(map(cell_len, texts), default=0)


def longest_words(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """The width below which a column would cut a word: a name, or a number."""
    return [widest(word for cell in column for word in cell.split()) for column in zip(header, *rows, strict=True)]


def fitted_widths(least: Sequence[int], whole: Sequence[int], room: int) -> list[int]:
    """The widths of the columns that fit into so much room, each with its longest word; the first two always."""
    shown = max([min(2, len(least)), *(count for count in range(len(least) + 1) if sum(least[:count]) <= room)])
    widths, room = list(least[:shown]), room - sum(least[:shown])
    by_need = sorted(range(shown), key=lambda column: whole[column] - least[column])
    for left, column in zip(range(shown, 0, -1), by_need, strict=True):
        more = min(whole[column] - least[column], max(room, 0) // left)
        widths[column], room = widths[column] + more, room - more
    return widths


def fitted_table(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    styles: Sequence[str | None] = (),
    width: int | None = None,
    **options: Any,
) -> Any:
    """A table of rich in which no word is cut: what does not fit beside it is left out from the end, and said below."""
    from rich.table import Table
    from rich.text import Text

    framed = "box" not in options
    every = [[header[column], *(row[column] for row in rows)] for column in range(len(header))]
    whole = [widest(line for cell in cells for line in cell.split("\n")) for cells in every]
    between = 3 if framed else 2
    room = (width or terminal_console().width) - framed
    widths = fitted_widths([n + between for n in longest_words(header, rows)], [n + between for n in whole], room)
    if left := header[len(widths) :]:
        said = f"not shown, as the terminal is too narrow: {', '.join(filter(None, left))}"
        options["caption"] = Text("\n").join(filter(None, (options.get("caption"), Text(said))))
    table = Table(caption_justify="left", **options)
    for name, wide in zip(header, widths, strict=False):
        table.add_column(Text(name), width=wide - between, overflow="fold")
    for number, row in enumerate(rows):
        table.add_row(*map(Text, row[: len(widths)]), style=styles[number] if styles else None)
    return table


# --- parts/board/hub.py -----------------------------------------------------------------------------------------------

# What the Hub is asked to say about a model.
EXPAND = (
    "cardData", "downloads", "evalResults", "gguf", "library_name", "likes", "pipeline_tag", "private", "safetensors",
    "sha",
)  # fmt: skip
MOST_REQUESTS = 5  # for a model, beside one for each of its open pull requests
PAGE_OF_DISCUSSIONS = 50  # that one answer of the Hub lists
PAGE_OF_TREE = 50  # files that one answer lists with their commits
MOST_YAML = 500_000  # characters of an .eval_results file that is read here
MAX_YAML_NODES = 20_000  # values in it after its aliases are expanded
KEEP_ANSWERS = 30  # days that an answer of the Hub stays in the cache unused
FROM_PULL_REQUEST = re.compile(r"\(#(\d{1,9})\)\s*$")  # how the Hub titles a merge


class Answers:
    """Answers of the Hub on disk by URL, with their ETags, so that what has not changed is not sent again.

    since: answers that are younger (seconds since 1970) are taken without asking: an interrupted collect goes on.
    """

    def __init__(self, token: str | None, since: float | None = None) -> None:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
        self.folder, self.since = base / "hub-evals" / "answers", since
        self.reader = hashlib.sha256((token or "").encode()).hexdigest()  # what one may see is not for another

    def path(self, url: str) -> Path:
        name = hashlib.sha256(f"{self.reader} {url}".encode()).hexdigest()
        return self.folder / name[:2] / f"{name}.json"

    def get(self, url: str) -> dict[str, Any] | None:
        """{"url", "at", "etag", "body"}; None when there is none, or it is damaged."""
        path = self.path(url)
        if not is_input(path):  # no name near it is to be looked for
            return None
        try:
            kept = read_json(path)
            good = kept["url"] == url and isinstance(kept["body"], str) and isinstance(kept["at"], float)
        except (ScriptError, KeyError, TypeError):
            return None
        return kept if good else None

    def fresh(self, kept: Mapping[str, Any] | None) -> bool:
        return kept is not None and self.since is not None and kept["at"] >= self.since

    def put(self, url: str, etag: str | None, body: str) -> None:
        """Keep an answer; a full or read-only disk is no reason to stop."""
        path = self.path(url)
        with contextlib.suppress(OSError, ScriptError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            kept = {"url": url, "at": time.time(), "etag": etag, "body": body}
            write_whole(path, json.dumps(kept), durable=False)  # one that a power cut damages is asked for again

    def prune(self) -> None:
        """Remove what no collect has used for KEEP_ANSWERS days."""
        with contextlib.suppress(OSError):
            for path in self.folder.glob("*/*.json"):
                if path.stat().st_mtime < time.time() - KEEP_ANSWERS * 86_400:
                    path.unlink()


class HubReader:
    """JSON from the Hub's API: cached, counted, repeated when it may help; all workers wait for the rate limit.

    meanwhile: called once, in a thread of its own, while the first answer is waited for.
    """

    def __init__(
        self, token: str | None, since: float | None = None, meanwhile: Callable[[], object] | None = None
    ) -> None:
        from huggingface_hub import constants, get_token
        from huggingface_hub.utils import build_hf_headers

        keep_token_home()
        self.endpoint, self.token = (os.environ.get("HF_ENDPOINT") or constants.ENDPOINT).rstrip("/"), token
        try:
            self.headers = build_hf_headers(token=token)
        except (AttributeError, KeyError, TypeError, ValueError) as error:  # it asks the Hub which agents there are
            raise ScriptError(f"{self.endpoint}: its answer is of another form") from error
        self.answers = Answers(token or get_token(), since)
        self.counts: Counter[str] = Counter(sent=0, not_modified=0, from_cache=0, retried=0, bytes=0)
        self.lock, self.meanwhile = threading.Lock(), meanwhile
        self.resume_at = 0.0  # of the monotonic clock: no request before, because of the rate limit
        self.knows_results = True  # whether the Hub knows expand=evalResults

    @functools.cached_property
    def api(self) -> Any:
        """The client's whole API: most collects do without, and importing it takes a while."""
        from huggingface_hub import HfApi

        return HfApi(endpoint=self.endpoint, token=self.token)

    def count(self, what: str, number: int = 1) -> None:
        with self.lock:
            self.counts[what] += number

    def json(self, path: str, budget: Budget | None = None) -> Any:
        """The JSON at a path of the Hub; Unreadable when it is damaged, the client's errors when it is refused."""
        url = f"{self.endpoint}{path}"
        kept = self.answers.get(url)
        if self.answers.fresh(kept):
            self.count("from_cache")
            body = kept["body"]
        else:
            body = self.fetch(url, kept, budget)
        try:
            return quick_json(body.encode())
        except ValueError as error:
            raise Unreadable(f"the Hub's answer is not JSON: {kept_text(error)}") from error

    def fetch(self, url: str, kept: Mapping[str, Any] | None, budget: Budget | None) -> str:
        """The body at a URL: the kept one when the Hub says that it has not changed."""
        import tenacity
        from huggingface_hub import get_session
        from huggingface_hub.utils import hf_raise_for_status

        etag = kept.get("etag") if kept else None
        headers = self.headers | ({"If-None-Match": etag} if etag else {})

        def ask() -> Any:
            time.sleep(max(0.0, self.resume_at - time.monotonic()))
            if budget is not None:
                budget.spend()
            self.count("sent")
            session = get_session()
            self.begin_meanwhile()
            answer = session.get(url, headers=headers, timeout=30, follow_redirects=True)
            if answer.status_code != 304:
                hf_raise_for_status(answer)
            return answer

        answer = tenacity.Retrying(
            retry=tenacity.retry_if_exception(worth_repeating),
            before_sleep=functools.partial(self.pause, budget),
            sleep=lambda seconds: None,
            stop=tenacity.stop_after_attempt(MAX_TRIES),
            reraise=True,
        )(ask)
        if answer.status_code == 304 and kept:
            self.count("not_modified")
            self.answers.put(url, etag, kept["body"])  # used: it stays
            return kept["body"]
        self.count("bytes", len(answer.content))
        self.answers.put(url, answer.headers.get("ETag"), answer.text)
        return answer.text

    def begin_meanwhile(self) -> None:
        with self.lock:
            meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            threading.Thread(target=meanwhile).start()

    def pause(self, budget: Budget | None, state: Any) -> None:
        """Wait before a request is repeated; after a rate limit all others wait as well."""
        seconds = seconds_to_wait(state)
        self.count("retried")
        if budget is not None:
            budget.give_back()
        if rate_limited(state.outcome.exception()):
            with self.lock:
                told = self.resume_at > time.monotonic()
                self.resume_at = max(self.resume_at, time.monotonic() + seconds)
            if seconds > 5 and not told:
                note(f"the Hub asks to wait; again in {seconds:.0f} s")
        else:
            time.sleep(seconds)


class Budget:
    """Requests that one model may cost: MOST_REQUESTS, and one for each open pull request."""

    def __init__(self) -> None:
        self.left = MOST_REQUESTS

    def spend(self) -> None:
        self.left -= 1

    def give_back(self) -> None:
        """A request that was refused for now does not count."""
        self.left += 1


def read_model_scores(hub: HubReader, model: str, benchmarks: Benchmarks, pull_requests: bool) -> ModelReading:
    """All scores in a model's metadata on the Hub. Whatever cannot be read is in the result, with the reason."""
    reading, budget = ModelReading(model), Budget()
    try:
        info = fetch_info(hub, model, budget)
        if info.get("id") != model and REPO_ID.fullmatch(str(info.get("id"))):  # renamed, or in other letters
            note(f"{model} is called {info['id']} on the Hub")
            reading.model = info["id"]
        reading.private, reading.facts = info.get("private") is True, model_facts(info)
        requests = fetch_pull_requests(hub, reading, budget) if pull_requests else []
        if not pull_requests and isinstance(results := info.get("evalResults"), list):
            info["evalResults"] = [item for item in results if not mapping_of(item).get("pullRequest")]
        read_main(hub, reading, info, requests, benchmarks, budget)
        for request in requests:
            if request["open"]:
                read_pull_request(hub, reading, request, info, benchmarks, budget)
        for row in reading.rows:
            row |= reading.facts
    except Exception as error:  # whatever one model's answer does, the others are read
        reading.failed = trouble(error)
        reading.cannot_read("the Hub", reading.failed)
    return reading


def trouble(error: BaseException) -> str:
    """Why a request or an answer failed, in one line without the request's headers."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    if isinstance(error, GatedRepoError):
        return "gated: a token of an account with access is needed"
    if isinstance(error, RepositoryNotFoundError):
        return "no such model, or no access to it"
    if isinstance(error, Unreadable):
        return str(error)
    status = status_of(error)
    reasons = {401: "the token is not valid", 403: "no permission to read it", 404: "not there"}
    if status:
        return reasons.get(status) or f"the Hub answered {status}"
    if isinstance(error, OSError):
        return f"the connection failed ({type(error).__name__})"
    return f"its metadata has an unexpected form ({type(error).__name__}: {kept_text(error, 120)})"


def status_of(error: BaseException) -> int | None:
    return getattr(getattr(error, "response", None), "status_code", None)


def fetch_info(hub: HubReader, model: str, budget: Budget) -> dict[str, Any]:
    """What the Hub says about a model; without evalResults from a Hub that does not know it."""
    plain = tuple(name for name in EXPAND if name != "evalResults")

    def ask(names: Sequence[str]) -> Any:
        return hub.json(f"/api/models/{model}?{'&'.join(f'expand={name}' for name in names)}", budget)

    try:
        info = ask(EXPAND if hub.knows_results else plain)
    except Exception as error:
        if status_of(error) != 400:
            raise
        budget.give_back()  # a question about the Hub, not about the model
        info = ask(plain)  # when this is refused as well, it is the model, and the next ones are asked as before
        hub.knows_results = False
    if not isinstance(info, dict):
        raise Unreadable(f"the Hub's answer is {shorten(info)}, not a mapping")
    return info


def fetch_pull_requests(hub: HubReader, reading: ModelReading, budget: Budget) -> list[dict[str, Any]]:
    """The model's pull requests, open and merged: number, author, whether the owner's, open, date.

    One request for the newest fifty; when there are more, one for every fifty open ones, the newest first, as far as
    the budget goes.
    """
    path = f"/api/models/{reading.model}/discussions?type=pull_request&status="
    try:
        answer = hub.json(f"{path}all&p=0", budget)
        listed = list(answer["discussions"])
        page = 0
        while answer["start"] + PAGE_OF_DISCUSSIONS < answer["count"]:
            if budget.left < 2:  # one stays for what is in them
                left = answer["count"] - answer["start"] - PAGE_OF_DISCUSSIONS
                reason = f"the {left} oldest open ones were not read: more than {MOST_REQUESTS} requests for this model"
                reading.cannot_read("pull requests", reason)
                break
            answer = hub.json(f"{path}open&p={page}", budget)
            listed += answer["discussions"]
            page += 1
        found = {item["num"]: pull_request_facts(item, reading.model) for item in listed if item["isPullRequest"]}
    except Exception as error:
        if status_of(error) in (403, 404):  # discussions are switched off
            return []
        reading.cannot_read("pull requests", trouble(error))
        return []
    return [found[number] for number in sorted(found)]


def pull_request_facts(item: Mapping[str, Any], model: str) -> dict[str, Any]:
    """What is needed of an item of the Hub's list."""
    author = kept_text(item["author"]["name"]) if item.get("author") else None
    by_owner = mapping_in(item, "repoOwner").get("isDiscussionAuthor") is True or author == model.split("/")[0]
    return {
        "number": int(item["num"]),
        "author": author,
        "by_owner": by_owner,
        "open": item.get("status") in ("open", "draft"),
        "merged": item.get("status") == "merged",
        "date": iso_time(item["createdAt"]) if item.get("createdAt") else None,
    }


def read_main(
    hub: HubReader,
    reading: ModelReading,
    info: Mapping[str, Any],
    requests: Sequence[Mapping[str, Any]],
    benchmarks: Benchmarks,
    budget: Budget,
) -> None:
    """The scores of the main branch, and what the Hub itself lists of open pull requests."""
    model, sha = reading.model, kept_text(info.get("sha"))
    owner, page = model.split("/")[0], f"{hub.endpoint}/{model}"
    index = mapping_in(info, "cardData").get("model-index")
    model_index_rows(reading, index, Provenance("author_metadata", page, owner, sha), benchmarks, "model-index")
    results = info.get("evalResults")
    if results is None and not hub.knows_results:
        results = fetch_result_files(hub, reading, sha or "main", budget)
        if count := sum(item["open"] for item in requests):
            reading.cannot_read("pull requests", f"what the {count} open ones add to .eval_results: the Hub lists none")
    if results is not None and not isinstance(results, list):
        reading.cannot_read("evalResults", f"it is {shorten(results)}, not a list")
        return
    merged = fetch_merges(hub, reading, results or [], requests, budget)
    opened = {item["number"]: item for item in requests}
    for number, item in enumerate((results or [])[:MAX_ENTRIES]):
        name = kept_text(item.get("filename")) if isinstance(item, dict) else None
        try:
            if not isinstance(item, dict):
                raise Unreadable(f"it is {shorten(item)}, not a mapping")
            if item.get("error"):
                raise Unreadable(f"the Hub says: {kept_text(item['error'])}")
            where = result_place(item, name or "", page, owner, sha, opened, merged)
            data = item.get("data", item)
            row = eval_results_row(model, data, where, item.get("verified") is True, benchmarks)
            reading.rows.append(row)
        except Unreadable as error:
            reading.cannot_read(name or f"evalResults[{number}]", error)


def result_place(
    item: Mapping[str, Any],
    name: str,
    page: str,
    owner: str,
    sha: str | None,
    opened: Mapping[int, Mapping[str, Any]],
    merged: Mapping[str, Provenance],
) -> Provenance:
    """Who answers for an item of evalResults: an open pull request, a merged one, the author."""
    if (number := kept_count(item.get("pullRequest"))) is not None:
        known, url = opened.get(number, {}), f"{page}/discussions/{number}"
        return Provenance("open_pr", url, known.get("author"), f"refs/pr/{number}", known.get("date"), number)
    url = f"{page}/blob/{sha or 'main'}/{quote(name)}"
    return merged.get(name) or Provenance("author_metadata", url, owner, sha)


def fetch_merges(
    hub: HubReader,
    reading: ModelReading,
    results: Sequence[Any],
    requests: Sequence[Mapping[str, Any]],
    budget: Budget,
) -> dict[str, Provenance]:
    """File of .eval_results -> its place, for the files whose last commit is the merge of another's pull request."""
    known = {item["number"]: item for item in requests}
    merged = [item for item in requests if item["merged"] and not item["by_owner"]]
    on_main = any(isinstance(item, dict) and item.get("pullRequest") is None for item in results)
    spare = any(item["open"] for item in requests)  # a request for the diff of an open one
    older = len(requests) >= PAGE_OF_DISCUSSIONS and budget.left > spare  # there may be merges beyond the list
    if not on_main or budget.left < 1 or not (merged or older):
        return {}
    places = {}
    try:
        listed = hub.json(f"/api/models/{reading.model}/tree/main/.eval_results?expand=true", budget)
        beyond = {str(mapping_of(item).get("filename")) for item in results} - {entry["path"] for entry in listed}
        if beyond and len(listed) >= PAGE_OF_TREE:
            reading.cannot_read(".eval_results", f"who added the {len(beyond)} files beyond the first {len(listed)}")
        for entry in listed:
            commit = mapping_in(entry, "lastCommit")
            match = FROM_PULL_REQUEST.search(str(commit.get("title") or ""))
            number = int(match[1]) if match else 0
            if number and number not in known and budget.left > spare:
                details = hub.json(f"/api/models/{reading.model}/discussions/{number}", budget)
                known[number] = pull_request_facts(details, reading.model)
            if (request := known.get(number)) and request["merged"] and not request["by_owner"]:
                url = f"{hub.endpoint}/{reading.model}/discussions/{request['number']}"
                date, revision = iso_time(commit.get("date") or ""), kept_text(commit.get("id"))
                author = request["author"]
                places[entry["path"]] = Provenance("merged_community", url, author, revision, date, number)
    except Exception as error:
        reading.cannot_read(".eval_results", f"who added the files: {trouble(error)}")
    return places


def fetch_result_files(hub: HubReader, reading: ModelReading, sha: str, budget: Budget) -> list[dict[str, Any]]:
    """The entries of .eval_results/*.yaml from the files, for a Hub that does not list them itself."""
    try:
        listed = hub.json(f"/api/models/{reading.model}/tree/{quote(sha, safe='')}/.eval_results", budget)
        names = [entry["path"] for entry in listed if str(entry["path"]).endswith((".yaml", ".yml"))]
    except Exception as error:
        if status_of(error) != 404:
            reading.cannot_read(".eval_results", trouble(error))
        return []
    found = []
    for name in names:
        if budget.left < 1:
            reading.cannot_read(name, f"not read: more than {MOST_REQUESTS} requests for this model")
            continue
        try:
            path = f"/{reading.model}/raw/{quote(sha, safe='')}/{quote(name)}"
            data = read_yaml(hub.fetch(f"{hub.endpoint}{path}", hub.answers.get(f"{hub.endpoint}{path}"), budget))
            if not isinstance(data, list):
                raise Unreadable(f"it is {shorten(data)}, not a list")
            found += [{"filename": name, "data": entry} for entry in data]
        except Exception as error:
            reading.cannot_read(name, trouble(error))
    return found


def read_yaml(text: str) -> Any:
    """The plain values of a YAML text; Unreadable when it is damaged, too large, or its aliases are without measure."""
    import yaml

    if len(text) > MOST_YAML:
        raise Unreadable(f"{len(text):,} characters of YAML are more than the {MOST_YAML:,} that are read")
    sizes: dict[int, float] = {}

    def size(node: Any) -> float:
        if id(node) not in sizes:
            sizes[id(node)] = math.inf
            inside = node.value if isinstance(node, yaml.CollectionNode) else []
            children = (child for item in inside for child in (item if isinstance(item, tuple) else (item,)))
            sizes[id(node)] = 1 + sum(map(size, children))
        return sizes[id(node)]

    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is not None and size(node) > MAX_YAML_NODES:
            raise Unreadable(f"its aliases expand to more than {MAX_YAML_NODES:,} values")
        return yaml.safe_load(text)
    except (yaml.YAMLError, RecursionError, ValueError, TypeError, OverflowError) as error:
        raise Unreadable(f"not valid YAML: {kept_text(error)}") from error


def read_pull_request(
    hub: HubReader,
    reading: ModelReading,
    request: Mapping[str, Any],
    info: Mapping[str, Any],
    benchmarks: Benchmarks,
    budget: Budget,
) -> None:
    """The scores that an open pull request adds to the card; those it adds to .eval_results the Hub lists itself.

    What its revision has and main has not may also have left main since: so the diff is asked for where there is any.
    """
    number, model = request["number"], reading.model
    place = Provenance(
        "open_pr", f"{hub.endpoint}/{model}/discussions/{number}", request["author"], f"refs/pr/{number}",
        request["date"], number,
    )  # fmt: skip
    proposed = ModelReading(model)
    budget.left += 1
    try:
        there = hub.json(f"/api/models/{model}/revision/refs%2Fpr%2F{number}?expand=cardData", budget)
        index = mapping_in(there, "cardData").get("model-index")
        if index == mapping_in(info, "cardData").get("model-index"):
            return
        model_index_rows(proposed, index, place, benchmarks, f"pull request #{number}: model-index")
        rows = added_by(proposed, [row for row in reading.rows if row["source_format"] == "model_index"])
        if rows and budget.left < 1:
            raise Unreadable(f"not read: more than {MOST_REQUESTS} requests for this model")
        if rows:
            details = hub.json(f"/api/models/{model}/discussions/{number}?diff=1", budget)
            added = added_values(str(details.get("diff") or ""))
            rows = [row for row in rows if row["value"] in added]
    except Exception as error:
        reading.cannot_read(f"pull request #{number}", trouble(error))
        return
    reading.rows += rows
    reading.unreadable += proposed.unreadable if rows or not proposed.rows else []


def list_models(hub: HubReader, args: argparse.Namespace) -> list[str]:
    """The models to read, in the order of the request; ScriptError when a list cannot be had."""
    models: list[str] = []
    if args.repo_ids:
        lines = read_lines(args.repo_ids)
        wrong = [line for line in lines if not KNOWN_BY.fullmatch(line)]
        if wrong:
            raise ScriptError(f"{args.repo_ids}: {wrong[0]!r} is no OWNER/NAME; one in a line is expected")
        models += lines
    with hub_errors("listing models", hub_token() or "-"):
        trending = {"pipeline_tag": "text-generation", "sort": "trending_score", "limit": args.trending}
        for asked in ({"author": args.author} if args.author else {}, trending if args.trending else {}):
            if asked:
                models += [
                    model.id for model in listed(functools.partial(hub.api.list_models, **asked, expand=["sha"]))
                ]
    return [model for model in dict.fromkeys(models) if KNOWN_BY.fullmatch(model)]


def read_models(
    hub: HubReader, models: Sequence[str], benchmarks: Benchmarks, pull_requests: bool, workers: int
) -> list[ModelReading]:
    """Every model's reading, in order; some models at a time."""
    pool = ThreadPoolExecutor(workers)
    try:
        futures = [pool.submit(read_model_scores, hub, model, benchmarks, pull_requests) for model in models]
        readings = [future.result() for future in progress(futures, "models")]
        return list({reading.model: reading for reading in readings}.values())  # one that has two names is read twice
    except KeyboardInterrupt:
        note("what has been read is kept; the same command goes on from there")
        raise
    finally:
        pool.shutdown(cancel_futures=True)


# --- parts/board/read_before.py ---------------------------------------------------------------------------------------

WRITTEN_AT_ONCE = 5_000
UNUSED_DAYS = 30  # that what was kept of a folder stays


class ReadBefore:
    """For each file below a folder what was made of it. Used in a `with`, which writes what is new.

    whole: all files of the folder are asked for, so those that are not are gone.
    """

    def __init__(self, folder: Path, understood_by: bytes, whole: bool) -> None:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hub-evals" / "records"
        name = hashlib.sha256(f"{folder.resolve()}\n".encode() + understood_by).hexdigest()[:32]
        self.path, self.whole = base / f"{name}.sqlite", whole
        self.known: dict[str, tuple[str, bytes]] = {}  # that no file has been found for yet
        self.new: dict[str, tuple[str, bytes]] = {}

    def __enter__(self) -> ReadBefore:
        with contextlib.suppress(OSError):
            self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            forget_unused(self.path.parent)
            self.write([])
            with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(self.path)) as database:
                self.known = {where: (stamp, made) for where, stamp, made in database.execute("SELECT * FROM files")}
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self.write([(where,) for where in self.known] if self.whole and kind is None else [])

    def write(self, gone: Sequence[tuple[str]]) -> None:
        """Write what is new, and forget what is gone; a file that cannot be used is begun anew."""
        rows, self.new = [(where, stamp, made) for where, (stamp, made) in self.new.items()], {}
        try:
            with contextlib.closing(sqlite3.connect(self.path, timeout=10)) as database, database:
                database.execute("PRAGMA synchronous = OFF")  # what is lost is read again
                database.execute("CREATE TABLE IF NOT EXISTS files (place TEXT PRIMARY KEY, stamp TEXT, made BLOB)")
                database.executemany("DELETE FROM files WHERE place = ?", gone)
                database.executemany("INSERT OR REPLACE INTO files VALUES (?, ?, ?)", rows)
        except sqlite3.Error:
            with contextlib.suppress(OSError):
                self.path.unlink()

    def get(self, where: str, stamp: str) -> bytes | None:
        """What was made of a file, as it was put; None when it was not read, or has changed since."""
        kept = self.known.pop(where, None)
        return kept[1] if kept and kept[0] == stamp else None

    def put(self, where: str, stamp: str, made: bytes) -> None:
        """Keep what was made of a file; of one that has just changed nothing: its time may not tell the next change."""
        if time.time_ns() - int(stamp.split()[1]) > 2 * 10**9:
            self.new[where] = (stamp, made)
            if len(self.new) >= WRITTEN_AT_ONCE:
                self.write([])


def file_stamp(path: str) -> str:
    """What changes when a file does: size, time of its content, time of its entry, number. ScriptError when gone."""
    try:
        found = os.stat(path)
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror}") from error
    return f"{found.st_size} {found.st_mtime_ns} {found.st_ctime_ns} {found.st_ino}"


def forget_unused(folder: Path) -> None:
    """Remove what no run has opened for a while."""
    for path in folder.glob("*.sqlite"):
        if path.stat().st_mtime < time.time() - UNUSED_DAYS * 86_400:
            path.unlink()


# --- parts/metadata/official.py ---------------------------------------------------------------------------------------

# fmt: off
SHIPPED = {'as_of': '2026-08-31',
 'benchmarks': [{'dataset_id': 'actava/chi-bench'},
                {'dataset_id': 'allenai/olmOCR-bench', 'name': 'olmOCR-bench', 'framework': 'olmocr-bench'},
                {'dataset_id': 'ARTPARK-IISc/Vaani-Benchmark-V1.0'},
                {'dataset_id': 'cais/hle',
                 'name': "Humanity's Last Exam",
                 'framework': 'inspect-ai',
                 'gated': True,
                 'tasks': [['hle', 'default', 'test']]},
                {'dataset_id': 'claw-eval/Claw-Eval', 'framework': 'claw-eval'},
                {'dataset_id': 'datacurve/deep-swe', 'framework': 'pier', 'tasks': [['deep_swe', '', '']]},
                {'dataset_id': 'FutureMa/EvasionBench',
                 'name': 'Evasion Bench',
                 'framework': 'inspect-ai',
                 'tasks': [['evasion_bench', 'default', 'train']]},
                {'dataset_id': 'harborframework/terminal-bench-2.0', 'framework': 'harbor'},
                {'dataset_id': 'harborframework/terminal-bench-2.1', 'framework': 'harbor'},
                {'dataset_id': 'Idavidrein/gpqa',
                 'name': 'GPQA',
                 'framework': 'inspect-ai',
                 'gated': True,
                 'tasks': [['diamond', 'gpqa_diamond', 'train'], ['main', 'gpqa_main', 'train'],
                           ['extended', 'gpqa_extended', 'train']]},
                {'dataset_id': 'internlm/WildClawBench', 'framework': 'wildclawbench'},
                {'dataset_id': 'InternScience/ResearchClawBench', 'framework': 'researchclawbench'},
                {'dataset_id': 'LEXam-Benchmark/LEXam', 'name': 'LEXam'},
                {'dataset_id': 'likaixin/ScreenSpot-Pro', 'framework': 'screenspot-pro'},
                {'dataset_id': 'llamaindex/ExtractBench', 'framework': 'extractbench'},
                {'dataset_id': 'llamaindex/ParseBench', 'framework': 'parsebench'},
                {'dataset_id': 'MathArena/aime_2026',
                 'name': 'MathArena AIME 2026',
                 'framework': 'math-arena',
                 'tasks': [['MathArena/aime_2026', 'default', 'test']]},
                {'dataset_id': 'meituan-longcat/WBench', 'framework': 'wbench'},
                {'dataset_id': 'mteb/arguana', 'framework': 'mteb'},
                {'dataset_id': 'openai/gsm8k',
                 'name': 'GSM8K',
                 'framework': 'inspect-ai',
                 'tasks': [['gsm8k', 'main', 'test']]},
                {'dataset_id': 'ScaleAI/SWE-bench_Pro',
                 'framework': 'swe-bench-pro',
                 'tasks': [['SWE_Bench_Pro', '', '']]},
                {'dataset_id': 'SWE-bench/SWE-bench_Multilingual',
                 'framework': 'swe-bench',
                 'tasks': [['swe_bench_multilingual_%_resolved', '', '']]},
                {'dataset_id': 'SWE-bench/SWE-bench_Verified',
                 'framework': 'swe-bench',
                 'tasks': [['swe_bench_%_resolved', '', '']]},
                {'dataset_id': 'TIGER-Lab/MMLU-Pro',
                 'name': 'MMLU-Pro',
                 'framework': 'inspect-ai',
                 'tasks': [['mmlu_pro', 'default', 'test']]},
                {'dataset_id': 'tiiuae/PBench', 'framework': 'pbench'}]}
# fmt: on
MAX_BENCHMARK_TASKS = 500
NO_BENCHMARK = "no official Benchmark of this name or data set"
SCALES = {name: name for name in ("percent", "proportion", "points")} | {"percentage": "percent", "elo": "points"}
ANY_CONFIG = {"", "default", "main", "all", "none"}  # configurations that say no more than the data set's id
# Frameworks that run many benchmarks, or that collect what others have run. Every other one is a benchmark's own
# harness: its leaderboard ranks what that harness measures, so that a result of another one needs a person's word.
GENERAL_FRAMEWORKS = {
    "", "none", "inspectai", "lighteval", "lmeval", "lmevaluationharness", "nemoevaluator", "matharena", "mteb", "helm",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class BenchmarkTask:
    """One leaderboard of a Benchmark."""

    id: str
    config: str = ""
    split: str = ""


@dataclass(frozen=True, slots=True)
class OfficialBenchmark:
    """A data set that the Hub ranks models on. `problem`: why its eval.yaml is not known, or not from the Hub."""

    dataset_id: str
    name: str = ""
    framework: str = ""  # evaluation_framework of its eval.yaml
    tasks: tuple[BenchmarkTask, ...] = ()  # none: not known
    sha: str | None = None
    gated: bool = False
    problem: str = ""
    lower_is_better: bool | None = None  # None: its eval.yaml does not say
    unit: str | None = None  # "percent", "proportion" or "points", where its eval.yaml says so

    @property
    def repo_name(self) -> str:
        return self.dataset_id.rpartition("/")[2]

    @property
    def title(self) -> str:
        return self.name or self.repo_name

    @property
    def own_harness(self) -> str:
        """The harness whose results alone its leaderboard is for, or nothing."""
        return "" if normalize_name(self.framework) in GENERAL_FRAMEWORKS else self.framework

    def task(self, task_id: str) -> BenchmarkTask | None:
        return next((task for task in self.tasks if task.id == task_id), None)

    def stem(self, task_id: str) -> str:
        """The name of a result's file as the community writes it: the data set's, of several tasks also the task's."""
        parts = [self.repo_name] if len(self.tasks) == 1 else [self.repo_name, task_id.rpartition("/")[2]]
        return re.sub(r"[\W_]+", "_", "_".join(parts).lower(), flags=re.ASCII).strip("_")


@dataclass(frozen=True, slots=True)
class OfficialPlace:
    """Where a result counts: a task of a Benchmark, and the stem of its file in .eval_results."""

    dataset_id: str
    task_id: str
    stem: str
    how: str  # by which the place is known, for people
    own_harness: str = ""


@dataclass(frozen=True, slots=True)
class PlaceMatch:
    """A result's place; without one the reason, or the places (DATASET:TASK) among which a person has to choose."""

    place: OfficialPlace | None = None
    why: str = ""
    candidates: tuple[str, ...] = ()

    @property
    def no_benchmark(self) -> bool:
        """Whether there is nothing to say: the result is of no official Benchmark."""
        return self.place is None and self.why == NO_BENCHMARK


@dataclass(slots=True)
class OfficialList:
    """The official Benchmarks by data set id in lower case, and how old this list is."""

    benchmarks: dict[str, OfficialBenchmark] = field(default_factory=dict)
    as_of: str = ""  # ISO 8601
    basis: str = "snapshot"  # "hub": asked now; "cache": asked less than a day ago; "stale": older; "snapshot": shipped
    reason: str = ""  # why the Hub was not asked

    def get(self, dataset_id: str) -> OfficialBenchmark | None:
        return self.benchmarks.get(dataset_id.lower())

    @property
    def about(self) -> str:
        """How old the list is, for people."""
        when = {
            "hub": "from the Hub, just now",
            "cache": f"from the Hub, {self.as_of}",
            "stale": f"from the Hub, but of {self.as_of}",
            "snapshot": f"the list of {self.as_of} that this script brings along",
        }[self.basis]
        return f"{when}{f' ({self.reason})' if self.reason else ''}"


@functools.cache
def shipped_list() -> OfficialList:
    """The list that this script brings along, with its date: not to be changed."""
    rows = [benchmark_from_json(row) for row in SHIPPED["benchmarks"]]
    return OfficialList({row.dataset_id.lower(): row for row in rows}, SHIPPED["as_of"], "snapshot")


def benchmark_from_json(row: Mapping[str, Any]) -> OfficialBenchmark:
    """A Benchmark as it is kept and shipped; `tasks` are [id, config, split]."""
    tasks = tuple(BenchmarkTask(*map(str, task)) for task in row.get("tasks") or ())
    return OfficialBenchmark(**{**row, "tasks": tasks})


# --- eval.yaml ---


def parse_eval_yaml(text: str, dataset_id: str, **known: Any) -> OfficialBenchmark:
    """A data set's eval.yaml; what is wrong with it is the Benchmark's `problem`.

    `metrics` (id, higher_is_better, unit, primary) is a proposal for the format that some data sets follow.
    """
    try:
        data, _ = load_yaml(text, f"{dataset_id}/eval.yaml")
    except ScriptError as error:
        return OfficialBenchmark(dataset_id, problem=single_line(error)[:200], **known)
    rows = data.get("tasks") if isinstance(data, dict) else None
    if not isinstance(rows, list):
        return OfficialBenchmark(dataset_id, problem="its eval.yaml has no list of tasks", **known)
    tasks = [task for task in map(benchmark_task, rows[:MAX_BENCHMARK_TASKS]) if task is not None]
    metric = main_metric(data.get("metrics"))
    higher = metric.get("higher_is_better")
    unit = SCALES.get(str(metric.get("unit")).lower())
    return OfficialBenchmark(
        dataset_id,
        name=eval_yaml_text(data.get("name")),
        framework=eval_yaml_text(data.get("evaluation_framework")),
        tasks=tuple({task.id: task for task in tasks}.values()),
        problem="" if tasks else "its eval.yaml names no task",
        lower_is_better=not higher if isinstance(higher, bool) else None,
        unit=unit,
        **known,
    )


def benchmark_task(row: Any) -> BenchmarkTask | None:
    """One item of `tasks`; None when it has no id."""
    task_id = row.get("id") if isinstance(row, dict) else None
    if not isinstance(task_id, str) or not task_id or task_id != single_line(task_id) or len(task_id) > 200:
        return None
    return BenchmarkTask(task_id, eval_yaml_text(row.get("config")), eval_yaml_text(row.get("split")))


def main_metric(rows: Any) -> Mapping[str, Any]:
    """The primary one of an eval.yaml's metrics, or its only one."""
    metrics = [row for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    primary = [row for row in metrics if row.get("primary") is True]
    return primary[0] if len(primary) == 1 else metrics[0] if len(metrics) == 1 else {}


def eval_yaml_text(value: Any) -> str:
    """A text of an eval.yaml, on one line; nothing for anything else."""
    return single_line(value)[:200] if isinstance(value, str) else ""


# --- Which Benchmark is a result for? ---


@dataclass(frozen=True, slots=True)
class BenchmarkClaim:
    """What a source says about one of its results."""

    name: str  # the source's word for the benchmark
    key: str | None = None  # of metric_mapping.json
    part: bool = False  # a part of a benchmark, such as a subject of MMLU
    dataset_id: str = ""  # of the data that was used
    config: str = ""
    split: str = ""


def find_place(
    claim: BenchmarkClaim, official: OfficialList, mapping: Mapping[str, Any], answer: str = ""
) -> PlaceMatch:
    """The place of a result: by a person's answer, by the vocabulary, by its data set's id, then by its exact name.

    `answer` is DATASET:TASK, or "none". Nothing is guessed: where several tasks are possible, they are candidates.
    """
    if answer:
        return place_answered(answer, official, claim)
    if claim.part:
        return PlaceMatch(why="a part of a benchmark, not the benchmark")
    known = mapping.get(claim.key or "") or {}
    match = place_known(claim, official, known)
    if place := match.place:
        benchmark = {"name": place.dataset_id, **known, "hub": {"dataset_id": place.dataset_id}}
        if why := other_data(benchmark, claim.dataset_id):
            return PlaceMatch(why=why, candidates=(f"{place.dataset_id}:{place.task_id}",))
    return match


def place_known(claim: BenchmarkClaim, official: OfficialList, known: Mapping[str, Any]) -> PlaceMatch:
    """As `find_place`, of whatever data; `known`: the vocabulary's entry."""
    names = {normalize_name(name) for name in (claim.key, known.get("name"), *known.get("aliases", ())) if name}
    hint, index = known.get("hub") or {}, known.get("model_index") or {}
    if hint and (found := official.get(hint["dataset_id"])):
        return in_benchmark(found, claim, names, known, by="metric_mapping.json", hint=hint["task_id"])
    if known and (found := official.get(str(index.get("type") or ""))):
        return in_benchmark(found, claim, names, known, by="metric_mapping.json's data set")
    if claim.dataset_id and (found := official.get(claim.dataset_id)):
        return in_benchmark(found, claim, names | {normalize_name(claim.name)}, known, by="the data set that was used")
    match = place_by_name(official, claim, names or {normalize_name(claim.name)})
    if match.no_benchmark and hint:
        return PlaceMatch(why=f"{hint['dataset_id']} is no official Benchmark")
    return match


def in_benchmark(
    found: OfficialBenchmark, claim: BenchmarkClaim, names: set[str], known: Mapping[str, Any], by: str, hint: str = ""
) -> PlaceMatch:
    """The task of one Benchmark: the hinted one, that of this configuration, that of this name, else the only one."""
    if not found.tasks:
        if hint:
            return PlaceMatch(place_at(found, hint, claim, f"{by}; {found.problem or 'its tasks are not known here'}"))
        return PlaceMatch(why=f"{found.dataset_id}: {found.problem or 'its tasks are not known here'}")
    vague = len(found.tasks) > 1 and not claim.config and normalize_name(claim.name) in benchmark_names(found)
    config = normalize_name(claim.config or str((known.get("model_index") or {}).get("config") or ""))
    exact = [task for task in found.tasks if task.id == hint]
    by_config = [task for task in found.tasks if config not in ANY_CONFIG and config in folded_names(task)]
    named = [task for task in found.tasks if names & folded_names(task)]
    for tasks in (exact, by_config, named):
        if len(tasks) == 1 and not vague:  # "GPQA" alone is the name of a Benchmark, not of one of its three tasks
            return place_of_task(found, tasks[0], claim, by)
    only = found.tasks[0]
    if len(found.tasks) == 1 and (hint or known or names & benchmark_names(found)):
        return place_of_task(found, only, claim, by)
    return PlaceMatch(
        why=f"{by} is {found.dataset_id}", candidates=tuple(f"{found.dataset_id}:{t.id}" for t in found.tasks)
    )


def place_of_task(found: OfficialBenchmark, task: BenchmarkTask, claim: BenchmarkClaim, by: str) -> PlaceMatch:
    """The place, unless the data that was used is known to be other data than the task's."""
    own = {normalize_name(task.config)} | ANY_CONFIG
    given = normalize_name(claim.config)
    same_data = claim.dataset_id.lower() == found.dataset_id.lower()
    if same_data and given not in own and given not in folded_names(task):
        why = f"measured on the configuration {claim.config}, while {task.id} is {task.config or 'the default'}"
        return PlaceMatch(why=why, candidates=(f"{found.dataset_id}:{task.id}",))
    if same_data and claim.split and task.split and claim.split != task.split:
        why = f"measured on the split {claim.split}, while {task.id} is {task.split}"
        return PlaceMatch(why=why, candidates=(f"{found.dataset_id}:{task.id}",))
    return PlaceMatch(place_at(found, task.id, claim, by))


def place_by_name(official: OfficialList, claim: BenchmarkClaim, names: set[str]) -> PlaceMatch:
    """The place whose Benchmark or task has exactly one of these names, once folded."""
    names = names - {""}
    places = []
    for found in official.benchmarks.values():
        tasks = [task for task in found.tasks if normalize_name(task.id.rpartition("/")[2]) in names]
        if tasks or names & benchmark_names(found):
            places += [(found, task) for task in tasks or found.tasks]
    if len(places) == 1:
        return place_of_task(*places[0], claim, "its name")
    why = "several have its name" if places else NO_BENCHMARK
    return PlaceMatch(why=why, candidates=tuple(f"{found.dataset_id}:{task.id}" for found, task in places))


def place_answered(answer: str, official: OfficialList, claim: BenchmarkClaim) -> PlaceMatch:
    """The place that a person named; ScriptError when there is no such task."""
    if answer == "none":
        return PlaceMatch(why="left out, as --counts-as says")
    dataset_id, _, task_id = answer.partition(":")
    found = official.get(dataset_id)
    if found is None:
        raise ScriptError(f"--counts-as {answer}: {dataset_id} is no official Benchmark ({official.about})")
    if found.tasks and not found.task(task_id):
        raise ScriptError(f"--counts-as {answer}: the tasks of {found.dataset_id} are {listing(task_ids(found), 20)}")
    if not task_id:
        raise ScriptError(f"--counts-as {answer}: DATASET:TASK is expected")
    return PlaceMatch(place_at(found, task_id, claim, "--counts-as"))


def place_at(found: OfficialBenchmark, task_id: str, claim: BenchmarkClaim, how: str) -> OfficialPlace:
    return OfficialPlace(found.dataset_id, task_id, claim.key or found.stem(task_id), how, found.own_harness)


def folded_names(task: BenchmarkTask) -> set[str]:
    """The task's id, its last part, and the configuration that is it."""
    texts = (task.id, task.id.rpartition("/")[2], task.config)
    return {normalize_name(text) for text in texts} - ANY_CONFIG


def benchmark_names(found: OfficialBenchmark) -> set[str]:
    return {normalize_name(found.name), normalize_name(found.repo_name)} - {""}


def task_ids(found: OfficialBenchmark) -> list[str]:
    return [task.id for task in found.tasks]


def keys_of_tasks(official: OfficialList, mapping: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    """(data set id, task id) -> the key of metric_mapping.json whose results count there."""
    keys = {}
    for key, entry in mapping.items():
        if entry.get("kind") == "benchmark":
            config = str((entry.get("model_index") or {}).get("config") or "")
            place = find_place(BenchmarkClaim(key, key, config=config), official, mapping).place
            if place:
                keys[place.dataset_id, place.task_id] = key
    return keys


def official_answers(texts: Sequence[str] | None) -> dict[str, str]:
    """--counts-as NAME=DATASET:TASK or NAME=none -> {folded name: answer}"""
    answers = {}
    for text in texts or []:
        name, _, answer = text.partition("=")
        if not name or not (answer == "none" or re.fullmatch(r"[\w.-]+/[\w.-]+:.+", answer)):
            raise ScriptError(f"--counts-as {text}: NAME=OWNER/DATASET:TASK or NAME=none is expected")
        answers[normalize_name(name)] = answer
    return answers


@dataclass(slots=True)
class Placing:
    """What is needed to find results their places: the official Benchmarks, the vocabulary, a person's answers."""

    official: OfficialList
    mapping: Mapping[str, Any]
    answers: Mapping[str, str] = field(default_factory=dict)  # folded name or key -> DATASET:TASK or "none"
    own_harness: frozenset[str] = frozenset()  # folded keys of results that are said to be of the Benchmark's harness
    names: dict[str, str] = field(default_factory=dict)  # folded key, name or alias -> key; filled when it is needed

    def match(self, entry: Entry) -> PlaceMatch:
        """The place of a result, its reason, or its candidates; a result of another harness needs a person's word."""
        claim = self.claim(entry)
        name = claim.key or single_line(claim.name)
        answer = self.answers.get(normalize_name(claim.key or "")) or self.answers.get(normalize_name(claim.name), "")
        match = find_place(claim, self.official, self.mapping, answer)
        place = match.place
        if OWN_FILES in dict(entry.dataset) and not answer and not match.no_benchmark:
            way = option_words("--counts-as", f"{name}=OWNER/DATASET:TASK")
            return PlaceMatch(why=f"{NOT_THE_HUBS}; {way} says that they are its items")
        if place is None or not place.own_harness:
            return match
        said = {normalize_name(text) for text in (name, place.stem, place.dataset_id, "all")} & self.own_harness
        if said or normalize_name(place.own_harness) in normalize_name(entry.source_name or ""):
            return match
        way = option_words("--own-harness", name)
        return PlaceMatch(
            why=f"{place.dataset_id} ranks results of its own harness, {place.own_harness}; {way} says so"
        )

    def claim(self, entry: Entry) -> BenchmarkClaim:
        """What a result to publish says about its benchmark; "HLE (w/ tools)" is about HLE."""
        self.names = self.names or vocabulary_names(self.mapping)
        data = dict(entry.dataset)
        dataset_id = data.get("type", "") if "/" in data.get("type", "") or "split" in data else ""
        name = re.sub(r"[(\[]\s*[)\]]", "", WITH_TOOLS.sub("", entry.benchmark)).strip() if entry.variant else ""
        name = name or entry.benchmark
        return BenchmarkClaim(
            name,
            entry.key or (self.names.get(normalize_name(name)) if entry.variant else None),
            part=entry.key is None and self.is_part(name),
            dataset_id=dataset_id,
            config=data.get("config", ""),
            split=data.get("split", ""),
        )

    def is_part(self, name: str) -> bool:
        """Whether a name is a known benchmark's with something behind a colon or comma: "mmlu:anatomy"."""
        wholes = [normalize_name(name[: found.start()]) for found in re.finditer("[:,]", name)]
        return any(whole in self.names for whole in wholes)

    def question(self, entry: Entry, match: PlaceMatch) -> str:
        """What a person is asked about a result whose place is unsure."""
        name = entry.key or single_line(entry.benchmark)
        return (
            f"{name}: {match.why}; which task of the Hub's Benchmarks it is for is not certain: "
            f"{listing(match.candidates, 8)}; {option_words('--counts-as', f'{name}={match.candidates[0]}')} takes "
            f"this one, {option_words('--counts-as', f'{name}=none')} leaves it out"
        )


def vocabulary_names(mapping: Mapping[str, Any]) -> dict[str, str]:
    """The folded keys, names and aliases of the vocabulary's benchmarks -> their keys."""
    return {
        normalize_name(name): key
        for key, entry in mapping.items()
        if entry.get("kind") != "category"
        for name in (key, entry.get("name"), *(entry.get("aliases") or ()))
        if isinstance(name, str) and name
    }


# --- parts/metric_directions.py ---------------------------------------------------------------------------------------

# fmt: off
DIRECTION_WORDS = {'lower': {'words': 'loss perplexity ppl error error_rate toxicity hallucination_rate latency attack_success_rate '
                    'calibration_error edit_distance bits_per_byte bits_per_byte_corr bits_per_char '
                    'bits_per_character bits_per_token bits_per_word eval_loss mean_absolute_error '
                    'mean_squared_error',
           'names': 'wer cer ter mer der eer wil mse mae rmse mape smape rmsle nmse nrmse medae bpb bpc brier '
                    'brier_score ece nll fid kid lpips asr_wer'},
 'higher': {'words': 'accuracy accuracies acc acc_norm acc_raw acc_uncond acc_bytes acc_mutual_info accuracy_avg '
                     'acc_avg exact_match exact extractive_match resolved_rate win_rate winrate success_rate '
                     'pass_rate hit_rate correct symbolic_correct margins matthews_correlation v_measure',
            'names': 'f1 f1_score precision recall bleu sacrebleu ibleu chrf chrf++ chrf_plus_plus chr_f_plus_plus '
                     'meteor cider rouge rouge1 rouge2 rougel rougelsum rouge_l rouge_lsum em auc auroc roc_auc '
                     'mcc pearson pearsonr spearman spearmanr kendall kendalltau kendall_tau ndcg mrr map mc1 mc2 '
                     'nmi ami lrap iou miou anls r2 r2_score bert_score bertscore comet psnr ssim'},
 'unsure': 'delta diff difference change gain drop gap relative adjusted inverse inv neg negative non not no un '
           'anti without attack',
 'not_scores': ['(?:.*_)?(?:std|stdev|stddev|stderr|std_err|std_error|std_dev|standard_error|standard_deviation|variance|var|se|sem|ci|conf_interval|confidence_interval|margin_of_error)(?:_(?:clt|clustered|low|high|lower|upper|bound))*',
                '(?:std|stderr|var|variance)_.*', '(?:num|n|nr|number_of|no_of|count)_(?!gram).*',
                '(?:.*_)?(?:count|counts|cnt|num)|n|total|.*_total',
                'total_(?!(?:.*_)?(?:score|scores|acc|accuracy|f1|reward|rate|points)$).*',
                '(?:.*_)?(?:avg|mean|average|max|min|median|prompt|response|output|completion|input|answer|reason|reasoning|generation|sys|ref)_(?:\\w+_)?(?:len|lens|length|lengths|tokens|chars|characters|words)',
                '(?:.*_)?(?:seconds|secs|runtime|wall_time|time_s|timestamp)'],
 'formats': {'lighteval': [{'names': '*extractive_match extractive_match:* *exact_match exact_match_* '
                                     'exact_match:* em em_* em:* qem pem pqem perfect_em *_em acc acc_* acc:* '
                                     '*maj@* *avg@* *pass@* recall recall@* recall:* mrr mrr:* truthfulqa_mc1 '
                                     'truthfulqa_mc2 prompt_level_* inst_level_*',
                            'better': 'higher',
                            'unit': ['proportion', 0.0, 1.0]}],
             'lm-eval': [{'names': 'acc acc_norm acc_bytes acc_mutual_info acc_all exact_match pass@* pass_at_* '
                                   'prompt_level_* inst_level_*',
                          'better': 'higher',
                          'unit': ['proportion', 0.0, 1.0]}],
             'inspect': [{'names': 'accuracy *_accuracy exact_match *_exact_match pass_at_* at_least_* pass_hat_* '
                                   'precision recall',
                          'better': 'higher',
                          'unit': ['proportion', 0.0, 1.0]}],
             'helm': [{'names': 'edit_distance edit_similarity self_bleu decodingtrust_stereotype_bias',
                       'better': 'unknown'},
                      {'names': 'ehr_sql_total_*', 'score': False},
                      {'names': 'wer_score chinese_wer_score wer cer_score chinese_cer_score mer_score '
                                'chinese_mer_score mer',
                       'better': 'lower',
                       'unit': ['proportion', 0.0, None]},
                      {'names': 'toxic_frac max_toxicity_probability expected_max_toxicity toxic_prompt_* '
                                'nsfw_frac* nudity_frac blacked_out_frac* watermark_frac q16_inappropriate_frac* '
                                'max_nsfw_probability*',
                       'better': 'lower',
                       'unit': ['proportion', 0.0, 1.0]},
                      {'names': 'expected_max_* expected_lpips_score bbq_metric_*_bias bias_metric:* '
                                'absolute_value_difference longest_common_prefix_length '
                                'demographic_parity_difference equalized_odds_difference distance ast_distance '
                                'asm_distance kernel_inception_distance fid gender_imbalance skin_tone_imbalance '
                                'decodingtrust_privacy_leakage_rate copyright_human ece_* platt_ece_* perplexity* '
                                'bits_per_byte*',
                       'better': 'lower'},
                      {'names': 'bertscore_* completeness conciseness harmlessness helpfulness understandability '
                                'humaneval_* rr@* success@* air_*score *_human alrage_score '
                                'annotation_autobencher_capabilities_score '
                                'annotation_financebench_label_correct_answer arabic_content_generation_score '
                                'chain_of_thought_correctness wip* chinese_wip_score bleu_* chinese_bleu_* rouge_* '
                                'chinese_rouge_* cleva_math_result_match compilation_success *_rejection_rate '
                                'refusal_rate detection_correct_frac *_similarity ehr_sql_query_validity '
                                'ehr_sql_*_answerable exact_match_indicator exact_set_match f1_set_match '
                                'iou_set_match expected_* float_equiv gpt4_audio_critique inception_score '
                                'live_qa_score logprob logprob_per_byte math_equiv math_equiv_chain_of_thought '
                                'max_aesthetics_score max_clip_score medication_qa_score model_judged_score '
                                'ood_knowledge_rr ood_knowledge_macc pass percent_valid prometheus_vision '
                                'qafacteval ruler_string_match_part safety_score selective_cov_acc_area '
                                'squad_exact_match_score summac test_avg wildbench_score* omni_math_accuracy '
                                'functional_correctness',
                       'better': 'higher'}],
             'evalscope': [{'names': '*is_incorrect *is_not_attempted *yes_ratio *maybe_ratio '
                                     '*inference_error_rate rate_empty_* rate_invalid_* '
                                     'official_mean_fully_incorrect_items '
                                     'official_mean_correct_with_excessive_answers average_output_tps '
                                     'averageoutputtps *_time',
                            'score': False},
                           {'names': '*wer *cer *mer', 'better': 'lower', 'unit': ['proportion', 0.0, None]},
                           {'names': '*hallurate *hallucination_rate *edit_dist *distractor_leakage '
                                     '*error_only_reasoning_rate *error_rate',
                            'better': 'lower',
                            'unit': ['proportion', 0.0, 1.0]},
                           {'names': '*lpips', 'better': 'lower'},
                           {'names': 'averageaccuracy weightedaverageaccuracy *_aacc *_facc *_qacc *pass_rate '
                                     '*pass_at_k* *pass_hat_k* *strict_pass pass_1 *_strict *_loose *numeric_match '
                                     '*official_mean_all_answers_correct *accept_rate *reject_rate *match_rate '
                                     '*.em *iou *_similarity *_consistency *perceptual_similarity '
                                     '*semantic_consistency *comet *_teds* *_cdm *coverage *coverage_score '
                                     '*submission_ready *partial_credit *normalized_score *total_score '
                                     '*judge_score *avg_score *max_score *net_match_score *compliance_score '
                                     '*mrcr_score *vqa_score *eq_bench_score *weighted_score_percent '
                                     'weightedscorepercent mean_score score overall overall_* *bleu* *rouge* '
                                     '*clipscore *hpsv2* *hps_v2* *pickscore *pick_score *image_reward_score '
                                     '*_acc@* mean_acc@* communication_quality completeness context_awareness '
                                     'instruction_following',
                            'better': 'higher'}],
             'mteb': [{'names': 'mae mse rmse *_mae *_mse *_rmse',
                       'better': 'lower',
                       'unit': ['points', 0.0, None]},
                      {'names': 'r2', 'better': 'higher', 'unit': ['coefficient', None, 1.0]},
                      {'names': 'p_mrr *spearman *pearson *kendalltau ami ari *mcc *matthews*',
                       'better': 'higher',
                       'unit': ['coefficient', -1.0, 1.0]},
                      {'names': 'accuracy *_accuracy *_acc f1 *_f1 f1_* ap *_ap ap_* *lrap *v_measure nmi '
                                'homogeneity completeness *precision* *recall* *ndcg* *map_at_* map *mrr_at_* mrr '
                                '*hit_rate* *robustness_at_*',
                       'better': 'higher',
                       'unit': ['proportion', 0.0, 1.0]},
                      {'names': 'main_score', 'better': 'higher'}],
             'opencompass': [{'names': 'pass fail complete timeout failed wrong_answer bp type extract_rate',
                              'score': False},
                             {'names': '*_level_*_accuracy', 'better': 'higher', 'unit': ['percent', 0.0, 100.0]},
                             {'names': 'humaneval*_pass@*', 'better': 'higher', 'unit': ['percent', 0.0, 100.0]},
                             {'names': 'flores*/score iwslt*/score',
                              'better': 'higher',
                              'unit': ['points', 0.0, 100.0],
                              'metric': 'bleu'},
                             {'names': 'triviaqa*/score nq/score nq_*/score',
                              'better': 'higher',
                              'unit': ['percent', 0.0, 100.0],
                              'metric': 'includes'},
                             {'names': 'bbh_*/score squad2*/score drop*/score',
                              'better': 'higher',
                              'unit': ['percent', 0.0, 100.0],
                              'metric': 'exact_match'},
                             {'names': 'mbpp*/score sanitized_mbpp*/score',
                              'better': 'higher',
                              'unit': ['percent', 0.0, 100.0],
                              'metric': 'pass@1'},
                             {'names': 'bbeh_*/score agieval_*/score lcbench*/score theoremqa*/score '
                                       'gaokaobench_*/score longbench_*/score leval_*/score ruler_*/score '
                                       'charm_*/score infinitebench_*/score needlebench*/score ifbench*/score '
                                       's3eval*/score cmp_*/score hard_*/score p_*/score',
                              'better': 'higher',
                              'unit': ['percent', 0.0, 100.0]}],
             'lmms-eval': [{'names': '*_consistency_rate', 'score': False}],
             'evalchemy': [{'names': 'accuracy accuracy_* overall_accuracy humaneval*/python_pass@*',
                            'better': 'higher',
                            'unit': ['proportion', 0.0, 1.0]},
                           {'names': 'livebench/global_average',
                            'better': 'higher',
                            'unit': ['percent', 0.0, 100.0]},
                           {'names': 'completion_rate', 'score': False},
                           {'names': 'turn_* average length_controlled_winrate', 'better': 'higher'}],
             'simple-evals': [{'names': 'is_incorrect', 'better': 'lower'},
                              {'names': 'is_not_attempted', 'better': 'unknown'},
                              {'names': '*', 'better': 'higher'}],
             'olmes': [{'names': 'bits_per_byte* ppl_*', 'better': 'lower'},
                       {'names': 'primary_score', 'better': 'unknown'}, {'names': '*', 'better': 'higher'}],
             'nemo': [{'names': 'pass@* mean_reward', 'better': 'higher'}]}}
# fmt: on
LOWER_BETTER, HIGHER_BETTER = (
    re.compile(
        rf"(?:(?P<before>.*)_)?(?:(?:{'|'.join(map(re.escape, DIRECTION_WORDS[way]['words'].split()))})|"
        rf"(?:{'|'.join(map(re.escape, DIRECTION_WORDS[way]['names'].split()))})(?:_score)?)"
    )
    for way in ("lower", "higher")
)
PASSES = re.compile(r"(?:(?P<before>.*)_)?(?:pass(?:@|_at_|_hat_)\w+)")
UNSURE_BEFORE = frozenset(DIRECTION_WORDS["unsure"].split())
NOT_SCORES = re.compile("|".join(DIRECTION_WORDS["not_scores"]))
# What follows a metric's name without turning it around: a depth, a way of averaging, a filter's or an option's text.
METRIC_TAIL = re.compile(
    r"(?:_at_\d+|@\d+(?:\.\d+)?|_\d+|_(?:macro|micro|weighted|avg|norm|per_\w+|strict|loose|lenient|relaxed|flexible|fuzzy|"
    r"cut|any|all|none|fmeasure|cosine|dot|euclidean|manhattan)|[:\[(].*)$"
)


def folded_metric(name: str) -> str:
    """A metric's name without a filter, in lower case, its words joined by "_"."""
    return re.sub(r"[\s/_-]+", "_", name.split(",", 1)[0]).strip("_").lower()


@functools.lru_cache(maxsize=4096)
def metric_direction(name: str) -> bool | None:
    """Whether lower is better for a metric, by its name's last words; None when the name does not tell."""
    bare, last = folded_metric(name), ""
    while bare != last:
        for pattern, lower in ((LOWER_BETTER, True), (HIGHER_BETTER, False), (PASSES, False)):
            if found := pattern.fullmatch(bare):
                return None if UNSURE_BEFORE & set((found["before"] or "").split("_")) else lower
        last, bare = bare, METRIC_TAIL.sub("", bare)
    return None


@functools.lru_cache(maxsize=4096)
def metric_facts(family: str, name: str, task: str = "") -> Mapping[str, Any]:
    """What a format's own writer defines of a metric: `better`, `unit`, `score`; {} when it says nothing of it."""
    metric = folded_metric(name)
    for fact in DIRECTION_WORDS["formats"].get(family, ()):
        if any(
            fnmatch.fnmatchcase(text, pattern)
            for pattern in fact["names"].split()
            for text in (metric, f"{folded_metric(task)}/{metric}")
        ):
            return fact
    return {}


def direction_in(family: str, name: str, said: Any = None, task: str = "") -> dict[str, bool]:
    """The direction of a metric of a file as fields of a ScoreRead; `said`: whether the file calls lower better.

    First the file, then its writer's definitions, then the metric's name; unknown when none of them says it.
    """
    better = metric_facts(family, name, task).get("better")
    lower = {"lower": True, "higher": False, "unknown": None}[better] if better else metric_direction(name)
    lower = said if isinstance(said, bool) else lower
    return {"lower_is_better": lower is True, "direction_known": lower is not None}


def unit_in(family: str, name: str, task: str = "") -> tuple[str, float | None, float | None] | None:
    """(unit, lowest, highest) of a metric by its writer's definition; None when that is not known."""
    unit = metric_facts(family, name, task).get("unit")
    return tuple(unit) if unit else None


def is_no_score(family: str, name: str, task: str = "") -> bool:
    """Whether a number is a count, a spread, a length or a time, or what its writer calls no score."""
    said = metric_facts(family, name, task).get("score")
    return said is False or NOT_SCORES.fullmatch(folded_metric(name).removeprefix("eval_")) is not None


# --- parts/records/attempts.py ----------------------------------------------------------------------------------------

# Counts in a record's score_details.details, with the words for people, in the order in which they are told.
COUNT_WORDS = {
    "no_value": "without a grade",
    "errored": "failed",
    "unscored": "unscored",
    "limit_hit": "stopped by a limit",
    "empty": "empty",
    "truncated": "truncated",
    "unparsed": "unparsed",
    "truncated_prompts": "truncated prompts",
}
DOUBTFUL = ("empty", "truncated", "unparsed", "truncated_prompts")  # scored, but perhaps not as the model meant them


@dataclass(frozen=True, slots=True)
class Attempts:
    """made = scored + lost; made is None where nothing says how many there were."""

    made: int | None
    lost: int

    @property
    def scored(self) -> int | None:
        """How many have a score."""
        return None if self.made is None else self.made - self.lost


def read_counts(details: Any) -> dict[str, int]:
    """The counts in a record's details, of any name; what is no count is left out."""
    if not isinstance(details, Mapping):
        return {}
    return {str(name): int(count) for name, count in details.items() if re.fullmatch(r"[0-9]{1,9}", str(count))}


def attempts_of(counts: Mapping[str, int], n: int | None, unscored_rows: int = 0, rows: int = 0) -> Attempts:
    """The attempts that counts, the number of scored items and the lines of a samples file speak of.

    Where they disagree the larger loss counts: an attempt that somebody knows to be lost is lost.
    """
    made, scored = counts.get("attempts"), counts.get("scored")
    told = made - scored if made is not None and scored is not None and made >= scored else 0
    lost = max(counts.get("no_value", 0) + counts.get("unscored", 0), told, unscored_rows)
    if made is None:
        made = rows or (None if n is None else n + lost)
    return Attempts(None if made is None else max(made, lost), lost)


def score_bounds(
    score: float,
    attempts: Attempts,
    low: float | None,
    high: float | None,
    lower_is_better: bool = False,
    items: int | None = None,
) -> tuple[float, float] | None:
    """(worst, best) value of a mean score, all lost attempts being wrong or all right; None where it has no bounds.

    low and high bound the score of one attempt. items: how many the score is the mean of; where they were asked several
    times, nobody knows which of them lost how much, and the bounds are those of the worst such case. Without lost
    attempts both are the score.
    """
    if not attempts.lost:
        return score, score
    if not attempts.made or low is None or high is None:
        return None
    if items is not None and items < attempts.made - attempts.lost:
        moved = attempts.lost / attempts.made * (high - low)
        ends = [max(low, score - moved), min(high, score + moved)]
    else:
        ends = [(score * attempts.scored + attempts.lost * end) / attempts.made for end in (low, high)]
    return (ends[1], ends[0]) if lower_is_better else (ends[0], ends[1])


def attempts_text(counts: Mapping[str, int], attempts: Attempts) -> str:
    """What is to be said of attempts that did not go well: "24 of 1000 attempts lost (24 failed)"; else nothing."""
    parts = [f"{counts[name]} {words}" for name, words in COUNT_WORDS.items() if counts.get(name)]
    if not attempts.lost:
        return ", ".join(parts)
    of = "" if attempts.made is None else f" of {attempts.made}"
    return f"{attempts.lost}{of} attempts lost" + (f" ({', '.join(parts)})" if parts else "")


# --- parts/records/identity.py ----------------------------------------------------------------------------------------

# What a record may call the parts of an identity, in model_info.additional_details or among its settings.
IDENTITY_FIELDS = {
    "revision": ("revision", "model_revision"),
    "adapter": ("adapter", "lora_local_path", "peft", "lora", "lora_modules", "lora_path", "adapter_model", "delta"),
    "subfolder": ("subfolder",),
    "file": ("gguf_file", "model_file", "filename"),
    "quantization": ("quantization", "quantization_config", "load_in_4bit", "load_in_8bit", "gptq", "autogptq"),
    "base": ("base_model",),  # of an adapter: on another base it is another model
}
IDENTITY_NAMES = frozenset(name for names in IDENTITY_FIELDS.values() for name in names)
NOTHING = {"", "none", "null", "false", "{}", "[]"}  # values that say that an option was not used
MAIN_REVISIONS = {"", "main"}
COMMIT = re.compile(r"[0-9a-f]{40}")
# In the id of a model that is published quantized.
QUANTIZED_ID = re.compile(
    r"(?i)(?:^|[^a-z0-9])(?:awq|gptq|gguf|ggml|exl[23]|mlx|bnb|hqq|aqlm|fp[48]|nf4|mxfp4|nvfp4|u?int[2348]|[2348][-_]?bits?|"
    r"w\d+a\d+|i?q[2-8](?:_\w+)?|quant\w*)(?:$|[^a-z0-9])"
)


@dataclass(frozen=True, slots=True)
class Identity:
    """A model; an adapter that goes by its own id has this id as `adapter`.

    `path` and `checkpoint` say where it lay and what people call it; `weights` is the hash of its weights,
    `files` that of what was read beside them (configuration, tokenizer, templates).
    Two identities with equal `key` are one model, perhaps at two times; `weights` says whether in the same state.
    """

    id: str
    revision: str = ""
    adapter: str = ""
    subfolder: str = ""
    file: str = ""
    quantization: str = ""
    base: str = ""
    provider: str = ""
    weights: str = ""
    files: str = ""
    checkpoint: str = ""
    display: str = ""

    @property
    def key(self) -> tuple[str, ...]:
        """What is equal for one model only."""
        main = "" if self.revision in MAIN_REVISIONS else self.revision
        return self.id, main, self.adapter, self.subfolder, self.file, self.quantization, self.base, self.provider

    @property
    def any_commit(self) -> Identity:
        """The model whatever its commit: a commit is a state of the model, a branch or tag that has a name is not."""
        return replace(self, revision="") if COMMIT.fullmatch(self.revision) else self

    @property
    def name(self) -> str:
        """How it is written and asked for: "OWNER/NAME@step1000 [adapter=me/lora]"."""
        more = ", ".join(
            f"{field}={value}"
            for field in ("adapter", "base", "subfolder", "file", "quantization", "provider")
            if (value := getattr(self, field)) and (field, value) != ("adapter", self.id)
        )
        revision = "" if self.revision in MAIN_REVISIONS else f"@{self.revision}"
        return f"{self.id}{revision}" + (f" [{more}]" if more else "")

    @property
    def fixed(self) -> str:
        """What proves that weights did not change: their hash, or the commit of a Hub repository; or nothing."""
        return self.weights or (f"commit {self.revision}" if COMMIT.fullmatch(self.revision) else "")

    @property
    def quantized(self) -> str:
        """How the model was quantized where it was loaded; nothing where its id says that it is published so."""
        return "" if QUANTIZED_ID.search(self.id) else self.quantization

    @property
    def part(self) -> str:
        """What of its id it is, where it is not the whole model of that id: an adapter, a subfolder, a file, a
        quantization."""
        adapter = "" if self.adapter == self.id else self.adapter
        return self.subfolder or self.file or adapter or self.quantized

    def fits(self, other: Identity) -> bool:
        """Whether all that this one says is so of another: a failure entry says less than a record of its model."""
        return all(own in ("", theirs) for own, theirs in zip(self.key, other.key, strict=True))

    def answers_to(self, name: str) -> bool:
        """Whether a person may mean this model by a name.

        The id (or its last part, or what the record calls it) means every revision of it, but no adapter, subfolder,
        file or quantization of it: these are asked for by their whole name, or by what is only theirs.
        """
        if own := self.part:
            return name in {self.name, own, own.rstrip("/").rsplit("/", 1)[-1]}
        revisions = {self.revision, self.revision[:7]} if COMMIT.fullmatch(self.revision) else {self.revision}
        revisions |= {"main"} if self.revision in MAIN_REVISIONS else set()
        bare = {self.id, self.id.rsplit("/", 1)[-1]}
        names = bare | {f"{one}@{revision}" for one in bare for revision in revisions}
        return name in (names | {self.name, self.checkpoint, self.display}) - {""}


def identity_of(record: Mapping[str, Any]) -> Identity:
    """The model of a record or a failure entry; its id is empty when it names none. ValueError for another shape."""
    if record.get("failure"):
        info: Any = {"id": record.get("model_id"), "additional_details": record}
    else:
        info = record.get("model_info") or {}
    details = info.get("additional_details") if isinstance(info, dict) else None
    if not isinstance(info, dict) or not isinstance(details, dict | None):
        raise ValueError("model_info is no object")
    details = details or {}
    rows = record.get("evaluation_results")
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    generation = first.get("generation_config")
    settings = generation.get("additional_details") if isinstance(generation, dict) else None
    places = [place for place in (details, settings) if isinstance(place, dict)]
    places = [place for place in places if not IDENTITY_NAMES.isdisjoint(place)]  # most say none of all this
    found = {field: first_option(names, places) for field, names in IDENTITY_FIELDS.items()}
    model = name_text(info.get("id")) or name_text(info.get("name")) or name_text(details.get("checkpoint"))
    if details.get("adapter_config_sha256") or (record.get("failure") and found["base"]):  # a script of this project's
        found["adapter"] = own_adapter(model, found, details)
    if not found["adapter"]:
        found["base"] = ""
    return Identity(
        id=model,
        **found,
        provider=said_value(info.get("inference_platform")),
        weights=name_text(details.get("weights_sha256")),
        files=name_text(details.get("model_files_sha256")),
        checkpoint=name_text(details.get("checkpoint")),
        display=name_text(info.get("name")),
    )


def first_option(names: Sequence[str], places: Sequence[Mapping[str, Any]]) -> str:
    """The value of the first option of these names that was used; that it was, where it is but switched on."""
    for place in places:
        for name in names:
            if name in place and (text := said_value(place[name])):
                return f"{name}={text}" if text.lower() == "true" else text
    return ""


def own_adapter(model: str, found: Mapping[str, str], details: Mapping[str, Any]) -> str:
    """What tells an adapter that goes by a model's id: that id, or where it lay when the id is its base's."""
    if not f"{found['base']}@".startswith((f"{model}@", f"{model}/")):
        return model
    place = found["adapter"] if found["adapter"] != model else ""
    return place or said_value(details.get("path")) or f"weights {name_text(details.get('weights_sha256'))[:12]}"


def name_text(value: Any) -> str:
    """A name as text on one line; nothing for what is no text, or has nothing in it that can be seen."""
    return single_line(value) if isinstance(value, str) and kept_text(value) else ""


def said_value(value: Any) -> str:
    """An option's value; nothing when it was not used."""
    text = single_line(value) if isinstance(value, str | int | float) else ""
    return "" if text.lower() in NOTHING or text == "unknown" else text


def one_model(found: Iterable[Identity], what: str, states: bool = False) -> Identity:
    """The one model that some identities are; ScriptError(code=3) with the names when they are several.

    states: who asks tells its commits apart as states of the model.
    """
    by_key = {(identity.any_commit if states else identity).key: identity for identity in found}
    if len(by_key) > 1:
        names = model_names(list(by_key.values()))
        raise ScriptError(f"{what}: several models; name one of them: {listing(names, 20)}", code=3)
    return next(iter(by_key.values()))


def model_names(identities: Sequence[Identity]) -> list[str]:
    """The names of some models in natural order, each once, so that each means one of them."""
    names = {identity.key: identity.name for identity in identities}
    ids = [key[0] for key in names]
    for key, name in names.items():
        if ids.count(key[0]) > 1 and name == key[0]:
            names[key] = f"{name}@main"
    return sorted(set(names.values()), key=natural_key)


# --- parts/records/settings.py ----------------------------------------------------------------------------------------

# Keys that change no answer: where and how fast it ran, what it is called, what other fields say, what it cost.
HARMLESS = {
    *("batch_size", "max_batch_size", "device", "gpu", "gpus", "hardware", "num_gpus", "trust_remote_code", "limit"),
    *("execution_command", "command", "repeat", "repeats", "sample_range", "num_train_trials", "max_connections"),
    *("log_samples", "log_level", "verbosity", "write_out", "use_cache", "cache_requests", "cache_dir", "download_dir"),
    *("output_dir", "output_path", "path", "include_path", "max_retries", "timeout", "attempt_timeout", "retries"),
    *("max_samples", "max_tasks", "max_subprocesses", "display", "fail_on_error", "tensor_parallel_size"),
    *("data_parallel_size", "pipeline_parallel_size", "gpu_memory_utilization", "swap_space", "parallelize"),
    *("device_map", "disable_log_stats", "concurrent_requests", "num_concurrent", "tokenized_requests", "base_url"),
    *("pretrained", "model", "model_name", "model_path", "max_length", "low_cpu_mem_usage", "use_fast_tokenizer"),
    *("seed", "random_seed", "numpy_seed", "torch_seed", "parent_seed", "bootstrap_iters", "model_num_parameters"),
    *("task", "task_request", "task_group", "task_file", "custom_tasks", "settings_hash", "torch", "samples_number"),
    *("git_hash", "git_commit", "name", "run_id", "task_id", "eval_id", "created", "log", "file", "source_file"),
    *("python", "platform", "transformers", "numpy", "source_sha256", "date", "started", "completed", "tags"),
    *(
        "cluster_by",
        "cluster",
        "direction",
        "library",
        "lower_is_better",
        "numerator",
        "denominator",
        "inspect_evals_version",
    ),
    "statistics",
    *(
        "predictions_sha256",
        "execution",
        "aggregation_note",
        "dataset_path",
        "data_files",
        "job_id",
        "job_url",
        "packages_sha256",
        "shots",
    ),
    "revision_note",
    "sample_shuffle",
    "model_hash",  # of the model's own configuration (OLMES); how it was loaded is said beside it
}
HARMLESS_FORMS = re.compile(r".*(?:_tokens_used|_seconds|_time|_at|_cost|_usd)|cost_.*|usd_.*|evaluation_time.*")
USAGE = {"input_tokens", "output_tokens", "total_tokens", "reasoning_tokens"}  # what was used, not what was allowed
# Of what stands beside the model: how it was loaded or asked. All else there tells models apart and is no setting.
LOADED = re.compile(r"load_in_.*|.*quantization.*|.*dtype|kv_cache.*|max_model_len|.*(?:reasoning|thinking).*")
# Only of the model itself: two models may differ in it and be compared.
MODEL_FACTS = {"revision", "adapter", "subfolder", "file"}
WORDS_OF_SETTINGS = {
    "few_shot": "few-shot count",
    "few_shot_split": "few-shot split",
    "use_chat_template": "chat template",
    "chat_template": "chat template text",
    "chat_template_hash": "chat template hash",
    "system_prompt": "system prompt",
    "template_sha256": "prompt template",
    "custom_tasks_sha256": "task file",
    "data_sha256": "data set revision",
    "revision": "data set revision",
    "subset": "data set configuration",
    "answers_joined": "answers to an item",
}
TEMPLATE_FORMS = ("fewshot_as_multiturn",)  # how examples are put into a chat template, and nothing without one
EXAMPLE_DRAWS = ("fewshot_seed", "few_shot_seed")  # which examples are drawn for the prompts, and nothing else
# What a record has only where the file it was made from says it: one that lacks it may be of the same.
FOUND = "documents found"
# Ways of joining several answers to an item of which more answers make another score: the best of 9 is no best of 3.
BY_MORE_ANSWERS = re.compile(r"(?:\w+_)?(?:max|mode|median|at_least_?\d+)")
BY_ANY_ANSWERS = re.compile(r"mean|pass_?(?:at|hat|k)?_?\d+")
MAY_BE_UNSAID = {WORDS_OF_SETTINGS["template_sha256"], FOUND}
UNSAID = "nothing"
SCORED = "scored system"  # whose ratings were scored: whom a result is about, so of one model only a setting
SCORER = "score_predictions"


def run_settings(record: Mapping[str, Any], row: Mapping[str, Any], shots: str) -> dict[str, str]:
    """All that can change a result's answers or how they were judged, by the words for people."""
    library, metric = record.get("eval_library") or {}, row["metric_config"]
    model = record.get("model_info") or {}
    engine, loaded = model.get("inference_engine") or {}, model.get("additional_details") or {}
    generation, source = row.get("generation_config") or {}, row.get("source_data") or {}
    found: dict[str, Any] = {
        "harness": f"{library.get('name')} {library.get('version')}" if library.get("name") else None,
        "engine": f"{engine.get('name')} {engine.get('version') or ''}".strip() if engine.get("name") else None,
        "metric": metric.get("metric_id") or metric.get("metric_name") or "score",
        "metric name": metric_key(str(metric["metric_name"])) if metric.get("metric_name") else None,
        "scoring": metric.get("metric_parameters") or None,
        "measured by": ((record.get("source_metadata") or {}).get("additional_details") or {}).get("measured_by"),
        "data set": source.get("hf_repo") or source.get("dataset_name"),
        "split": source.get("hf_split"),
    }
    if library.get("name") == SCORER and isinstance(found["scoring"], Mapping):
        found["scoring"] = dict(found["scoring"])
        found[SCORED] = found["scoring"].pop("system", None)
    model_keys = {name for field in MODEL_FACTS for name in IDENTITY_FIELDS[field]}
    for place in (
        (metric.get("additional_details"), USAGE),
        (source.get("additional_details"), USAGE),
        (library.get("additional_details"), USAGE),
        (generation.get("additional_details"), model_keys),
        (generation.get("generation_args"), set()),
        ({name: value for name, value in loaded.items() if LOADED.fullmatch(name)}, set()),
    ):
        found |= counted(*place, found)
    found |= {
        name: value for name, value in generation.items() if name not in ("additional_details", "generation_args")
    }
    extra = generation.get("additional_details") or {}
    if is_joined(str(found["metric"]), str(extra.get("epochs_reducer") or "")):
        found[WORDS_OF_SETTINGS["answers_joined"]] = extra.get("repeats")
    found[FOUND] = documents_found(metric, (row.get("score_details") or {}).get("details") or {})
    if shots:
        found["few-shot count"] = shots
    if shots == "0":
        found = {name: value for name, value in found.items() if name not in EXAMPLE_DRAWS}
    if said(found.get(WORDS_OF_SETTINGS["use_chat_template"])).lower() == "false":
        found = {name: value for name, value in found.items() if name not in TEMPLATE_FORMS}
    return {name: said(value) for name, value in found.items() if said(value)}


def is_joined(metric: str, reducers: str) -> bool:
    """Whether a metric depends on how many answers to an item are joined; reducers: those of the run, as JSON."""
    own = [name for name in re.findall(r"\w+", reducers) if not BY_ANY_ANSWERS.fullmatch(name)]
    return bool(BY_MORE_ANSWERS.fullmatch(metric)) or any(metric == name or metric.endswith(f"_{name}") for name in own)


def documents_found(metric: Mapping[str, Any], details: Mapping[str, Any]) -> str | None:
    """How many of the places that a ranking's metric counts are filled at most; of a metric of all places, how many."""
    depth, counted_ones = count_in(str(details.get("depth"))), (metric.get("metric_parameters") or {}).get("k")
    if depth is None:
        return None
    return f"{min(depth, counted_ones)} of {counted_ones}" if type(counted_ones) is int else str(depth)


def counted(details: Any, left_out: set[str], found: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of some details that count, by their words; a word that has a value already keeps it."""
    if details is None:
        return {}
    kept = {}
    for name, value in dict(details).items():
        if name in HARMLESS or name in left_out or HARMLESS_FORMS.fullmatch(name):
            continue
        words = WORDS_OF_SETTINGS.get(name, name)
        if words not in found or found[words] in (None, ""):
            kept[words] = value
    return kept


def said(value: Any) -> str:
    """A setting's value as text; nothing for one that says nothing."""
    if value is None or value in ("", "None", "null"):
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return single_line(value if isinstance(value, str) else json.dumps(value, sort_keys=True))


def differences_of_settings(
    one: Mapping[str, str], two: Mapping[str, str], same_writer: bool = True
) -> dict[str, tuple[str, str]]:
    """What was set differently: name -> both values.

    A setting that one side alone has is a difference where the same program wrote both records, for then the other was
    made without it; another program may just not say it.
    """
    both = set(one) & set(two)
    names = (set(one) | set(two)) - (MAY_BE_UNSAID - both) if same_writer else both
    return {
        name: (one.get(name, UNSAID), two.get(name, UNSAID)) for name in sorted(names) if one.get(name) != two.get(name)
    }


def shortened(text: str, most: int = 40) -> str:
    """A setting's value for a message."""
    text = single_line(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def unlike_fields(one: str, two: str) -> tuple[str, str]:
    """Of two mappings as JSON the fields in which they differ, those that are no digests first; else both texts."""
    try:
        both = json.loads(one), json.loads(two)
    except (ValueError, RecursionError):
        return one, two
    if not all(isinstance(own, dict) for own in both):
        return one, two
    names = [name for name in both[0] | both[1] if both[0].get(name) != both[1].get(name)]
    names.sort(key=lambda name: (name.endswith("sha256"), name))
    return tuple(", ".join(f"{name}={said(own.get(name)) or UNSAID}" for name in names) for own in both)


def shortened_apart(one: str, two: str, most: int = 40) -> tuple[str, str]:
    """Two unlike values for a message: what differs of mappings, of long ones what follows where they differ."""
    texts = tuple(map(single_line, unlike_fields(one, two)))
    alike = next((i for i, (a, b) in enumerate(zip(*texts, strict=False)) if a != b), min(map(len, texts)))
    start = max(alike - most // 2, 0) if max(map(len, texts)) > most else 0
    first, second = (shortened("…" * bool(start) + text[start:], most) for text in texts)
    return first, second


def difference_lines(found: Mapping[str, tuple[str, str]]) -> list[str]:
    """Differences for people: "few-shot count: 0 and 5"."""
    return [f"{name}: {' and '.join(shortened_apart(*values))}" for name, values in found.items()]


# --- parts/records/run.py ---------------------------------------------------------------------------------------------

NOBODY = Identity("")
MAIN_WORDS = ("score", "main_score", "value")  # of a benchmark's own metric, where its harness gives it no name
MOST_TIMES = 10.0  # a proportion, of errors to words, that a transcript of nothing but loops still reaches
NO_FIELDS: Mapping[str, str] = MappingProxyType({})


class NoUnit(ScriptError):
    """A score that does not fit its benchmark's range, in a record that names no unit: a percentage, perhaps."""


class Answer(NamedTuple):
    """A scored item of a samples file; `group` is what it shares with others, such as a passage."""

    score: float
    item_hash: str | None
    prompt_hash: str | None
    group: str | None
    fields: Mapping[str, str] = NO_FIELDS  # what else its metadata says of it

    @property
    def attempts(self) -> tuple[int, int]:
        """(attempts that were to be made, attempts with a score) that its score is the mean of."""
        made, scored = (count_in(str(self.fields.get(name, "1"))) for name in ("attempts", "scored"))
        return (made, scored) if made is not None and scored is not None and scored <= made else (1, 1)

    @property
    def averaged(self) -> bool:
        """Whether its score can be the mean of its attempts, and not the best of them, say."""
        values = [one for one in listed_json(self.fields.get("attempt_values", "")) if is_number(one)]
        mean = math.fsum(values) / len(values) if values else 0.0
        scales = (1.0, 0.01, 100.0)
        return not values or any(math.isclose(mean * scale, self.score, abs_tol=1e-9) for scale in scales)

    def within(self, low: float, high: float, averaged: bool = True) -> tuple[float, float]:
        """The least and the greatest score of the item, attempts without one being anything from low to high.

        averaged: whether it is the mean of all of them; the ends of another reduction are not known.
        """
        made, scored = self.attempts
        if made == scored:
            return self.score, self.score
        if not averaged:
            return low, high
        return tuple((self.score * scored + (made - scored) * end) / made for end in (low, high))


def listed_json(text: str) -> list[Any]:
    """A list that stands as JSON in an item's metadata; nothing where none does."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return []
    return found if isinstance(found, list) else []


FULL_SHARE = 0.9  # of the items that a benchmark is known to have: editions and splits differ by less


@dataclass(frozen=True, slots=True)
class Validity:
    """reasons: why a number may not be used (then `verdict` is "no"); remarks: what is said wherever it is shown."""

    reasons: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """ok, with remarks, or no."""
        return "no" if self.reasons else "with remarks" if self.remarks else "ok"


@dataclass(frozen=True, slots=True)
class Run:
    """One metric of one record. Scores are in `unit`, percent turned into a proportion.

    repeats: the items' answers, once for each time that the items were asked; empty without samples, or unread.
    written: the score and its unit as the record has them.
    """

    key: str  # canonical benchmark, or the record's own name where metric_mapping.json has none
    subtask: str  # the part of it that was measured ("anatomy" of mmlu); empty: the whole
    metric: str
    result_id: str
    shots: str
    score: float
    standard_error: float | None
    n: int | None
    unit: str
    span: float | None
    lower_is_better: bool
    aggregation: str
    settings: Mapping[str, str]
    counts: Mapping[str, int]
    harness: tuple[str, str]
    date: str
    measured: bool
    file: str
    temperature: float | None = None
    seed: str | None = None
    hardware: str = ""
    repeats: tuple[Mapping[str, Answer], ...] = ()
    errors: frozenset[str] = frozenset()
    lost_fields: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # of these: what their metadata says
    chance: float | None = None
    identity: Identity = NOBODY
    name: str = ""  # the record's own name of the task
    known: bool = False  # whether metric_mapping.json has its benchmark
    low: float | None = None
    high: float | None = None
    written: tuple[float, str] = (0.0, "")
    limit: str = ""
    size: int | None = None  # how many items the task has, as the record says it
    usual: int | None = None  # how many the benchmark has by metric_mapping.json
    writer: str = ""  # the program that wrote the record
    run_id: str = ""
    repeat: str = ""
    moment: str = ""  # ISO 8601 or seconds, as the record says it
    conflict: str = ""
    contradiction: str = ""  # where the numbers of its source contradict one another
    otherwise: tuple[float, str] | None = None  # the score with another option of scoring, and in words how
    lost_items: str = ""  # why its items could not be read where it was converted
    missing_samples: str = ""  # that its items were written, and are not here
    sampled: bool = False  # whether the record says that there are samples
    error_method: str = ""
    cluster_field: str = ""  # by which its own standard error is clustered
    directed: bool = True  # whether anybody says which way of the metric is better
    formula: str = ""  # how its score is made of its items' statistics; see parts/statistics/item_statistics.py
    length: float | None = None  # of an item on the average, in the units that its score is of; once its items are read
    chosen: str = ""  # which of its items count, where not all do
    times: int = 1  # of how many repeats it is the mean
    votes: SharedVotes | None = None  # the votes that it is from, which other scores may share
    validity: Validity = Validity()  # the gate's answer, once its items are read

    @property
    def other_examples(self) -> str:
        """The number of examples that its prompts hold, where that is another one than its configuration says."""
        there = self.settings.get(IN_PROMPTS, "")
        return there if there.isdecimal() and self.shots not in ("", there) else ""

    @property
    def task(self) -> str:
        """The task's name: the benchmark, and its part: "mmlu:anatomy"."""
        return f"{self.key}:{self.subtask}" if self.subtask else self.key

    @property
    def estimate(self) -> Estimate:
        """The score with its error and unit; its number of shots only where the prompts do not contradict it."""
        shots = int(self.shots) if self.shots and not self.other_examples else None
        more = {"metric": self.metric, "shots": shots, "votes": self.votes}
        return Estimate(self.score, self.standard_error, self.n, self.unit, self.lower_is_better, **more)

    @property
    def scale(self) -> float:
        """From the samples' scores to this score's unit."""
        return 0.01 if self.written[1] == "percent" else 1.0

    @property
    def corpus_level(self) -> bool:
        """Whether the score is no mean of the samples' scores."""
        return self.aggregation not in ("", "mean")

    @property
    def attempts(self) -> Attempts:
        """What became of its attempts, as far as the record tells."""
        return attempts_of(self.counts, self.n)

    @property
    def partial(self) -> str:
        """Why it is not about the whole benchmark: "10 of 120 items"; nothing where it is, or nobody knows."""
        asked, limit, size = None if self.n is None else self.n + self.attempts.lost, count_in(self.limit), self.size
        if limit is not None and limit == size and size < FULL_SHARE * (self.usual or 0):
            size = self.usual  # what a limited run calls its size is what it was limited to
        if size and limit is not None and limit < size:
            return f"{limit} of {size} items"
        # An answer that could not be read is in n where it is wrong, and beside it where it has no score.
        if size and asked is not None and asked + self.counts.get("unparsed", 0) < size:
            return f"{asked} of {size} items"
        if limit is not None and limit >= (size or self.usual or math.inf):
            return ""
        return f"limit {self.limit}" if self.limit else ""

    @property
    def incomplete(self) -> str:
        """Why it is not published as the benchmark: it is partial, or of fewer items than the benchmark has."""
        asked = None if self.n is None else self.n + self.attempts.lost
        if self.partial or self.size or not self.usual or asked is None or asked >= FULL_SHARE * self.usual:
            return self.partial
        return f"{asked} items, and {self.key} has {self.usual}"


def record_runs(path: Path, record: Mapping[str, Any], vocabulary: MetricMapping) -> list[Run]:
    """A record's results, checked; ScriptError naming the file and what is wrong with it."""
    try:
        identity = identity_of(record)
        return [result_run(path, row, record, identity, vocabulary) for row in record["evaluation_results"]]
    except NoUnit as error:
        raise NoUnit(f"{path}: {error}") from error
    except KeyError as error:
        raise ScriptError(f"{path}: unreadable record: no {error} in evaluation_results; evaluate again") from error
    except (AttributeError, TypeError, ValueError, OverflowError) as error:
        raise ScriptError(f"{path}: unreadable record: {single_line(error)}; evaluate again, or remove it") from error


def result_run(
    path: Path, row: Mapping[str, Any], record: Mapping[str, Any], identity: Identity, vocabulary: MetricMapping
) -> Run:
    """One of a record's results; any error of looking things up means that it is damaged."""
    metric, details, task = row["metric_config"], row["score_details"], row["evaluation_name"]
    if not isinstance(task, str) or not single_line(task):
        raise ValueError(f"evaluation_name is {task!r}, not a name")
    more = metric.get("additional_details") or {}
    word = single_line(metric.get("metric_id") or metric.get("metric_name") or "score")
    found = found_benchmark(row, record, word, vocabulary)
    key, subtask = found or (bare_task(task) or single_line(task), "")
    entry = vocabulary.entries.get(key, {})
    result_id = single_line(row.get("evaluation_result_id") or f"{task}/{word}")
    extra = (row.get("generation_config") or {}).get("additional_details") or {}
    score, unit, low, high = read_score(metric, details, result_id, entry)
    scale = 0.01 if unit == "percent" else 1.0
    uncertainty = details.get("uncertainty") or {}
    error = read_error(uncertainty, result_id)
    shots = re.search(r"\|(\d{1,4})/", result_id) or re.fullmatch(r"(\d{1,4})", str(extra.get("few_shot", "")))
    notes = details.get("details") or {}
    lower, directed = direction_of(metric, entry, word, found is not None)
    usual = None if subtask else entry.get("items")
    return Run(
        key=key,
        subtask=subtask,
        metric=word,
        result_id=result_id,
        shots=str(int(shots[1])) if shots else "",
        score=score * scale,
        standard_error=None if error is None else error * scale,
        n=read_count(uncertainty.get("num_samples"), result_id),
        unit="proportion" if unit == "percent" else unit,
        span=(high - low) * scale if math.isfinite(high - low) else None,
        lower_is_better=lower,
        aggregation=str(more.get("aggregation") or ""),
        settings=run_settings(record, row, str(int(shots[1])) if shots else ""),
        counts=read_counts(notes),
        file=path.as_posix(),
        chance=chance_of(entry, word, unit, metric),
        identity=identity,
        name=single_line(task),
        known=found is not None,
        low=low * scale if math.isfinite(low) else None,
        high=high * scale if math.isfinite(high) else None,
        written=(score, unit),
        size=size_of(row, record, usual) or (entry.get("items") if entry.get("own") and not subtask else None),
        usual=usual,
        contradiction=single_line(notes.get("contradiction") or "") or outside_interval(score, uncertainty),
        **{name: single_line(notes.get(name) or "") for name in ("conflict", "lost_items", "missing_samples")},
        error_method=single_line((uncertainty.get("standard_error") or {}).get("method") or ""),
        cluster_field=single_line(first_said("cluster_by", more) or first_said("cluster", more)),
        otherwise=score_otherwise(notes, scale),
        formula=formula_of(str(more.get("statistics") or ""), str(more.get("aggregation") or "")),
        directed=directed,
        votes=shared_votes(record, row),
        **making_fields(row, record),
    )


def score_otherwise(notes: Mapping[str, Any], scale: float) -> tuple[float, str] | None:
    """The score that another option of scoring would give, where the record says it."""
    text, how = str(notes.get("score_otherwise") or ""), single_line(notes.get("otherwise_by") or "")
    found = float(text) if re.fullmatch(r"-?\d{1,12}(?:\.\d{1,20})?(?:e-?\d{1,2})?", text) else None
    return None if found is None or not how else (found * scale, how)


def found_benchmark(
    row: Mapping[str, Any], record: Mapping[str, Any], word: str, vocabulary: MetricMapping
) -> tuple[str, str] | None:
    """The benchmark of a result and its part, by its task's name, else by its data; None for an unknown one."""
    task, library = row["evaluation_name"], record.get("eval_library") or {}
    found = vocabulary.find_task(task, str(library.get("name", "")))
    if found is None and normalize_name(bare_task(task)) not in MEANS_OF_ALL:
        found = vocabulary.find_data(task, row.get("source_data") or {}, word)
    return found


def making_fields(row: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a run that say by whom, with what and when it was made."""
    library, source = record.get("eval_library") or {}, record.get("source_metadata") or {}
    generation, written = row.get("generation_config") or {}, source.get("additional_details") or {}
    extra = generation.get("additional_details") or {}
    return {
        "harness": (single_line(library.get("name") or "unknown"), single_line(library.get("version") or "")),
        "date": record_day(record),
        "measured": source.get("source_type") != "documentation",
        "temperature": (generation.get("generation_args") or {}).get("temperature"),
        "seed": None if extra.get("seed") is None else str(extra["seed"]),
        "hardware": single_line(", ".join(str(extra[k]) for k in ("hardware", "gpu", "device") if extra.get(k))),
        "limit": limit_of(row, record),
        "writer": single_line(written.get("converter") or source.get("source_name") or ""),
        "run_id": single_line(first_said("run_id", written, library.get("additional_details"))),
        "repeat": single_line(extra.get("repeat") or ""),
        "moment": str(record.get("evaluation_timestamp") or record.get("retrieved_timestamp") or ""),
        "sampled": bool(record.get("detailed_evaluation_results")),
    }


def direction_of(metric: Mapping[str, Any], entry: Mapping[str, Any], word: str, known: bool) -> tuple[bool, bool]:
    """(whether less is better, whether anybody says so): the record, or the benchmark's entry for its own metric.

    Nobody says it where the record contradicts the entry, or the metric's own name ("wer", of which more is better).
    """
    unsaid = str((metric.get("additional_details") or {}).get("direction") or "") == "unknown"
    stated = None if unsaid else metric.get("lower_is_better")
    if not isinstance(stated, bool | None):
        raise ValueError(f"lower_is_better is {single_line(stated)!r}, neither true nor false")
    wanted = entry.get("lower_is_better")
    if entry.get("own"):
        if None not in (wanted, stated) and wanted != stated:
            raise ValueError(
                f"of {entry['name']} less is {'better' if wanted else 'worse'} by its entry, and not by the record"
            )
    elif not known or not (same_metric(word, str(entry.get("metric"))) or word in MAIN_WORDS):
        wanted = None
    other = metric_direction(word) if wanted is None else wanted
    lower = stated if stated is not None else wanted if unsaid else other
    return lower is True, lower is not None and other in (None, lower)


def setting_differences(one: Run, two: Run) -> dict[str, tuple[str, str]]:
    """In what two results of one task were measured differently: name -> both values.

    Which system's ratings were scored is no difference between two models, where both say it.
    """
    found = unlike_scales(one, two) | differences_of_settings(one.settings, two.settings, one.writer == two.writer)
    for run in (one, two) if one.writer == two.writer else ():
        for name in () if run.sampled else READ_OFF_ITEMS:  # of a run without any the configuration speaks for both
            if run.settings.get(name, "unknown") == "unknown":
                found.pop(name, None)
    if found.keys() & set(EXAMPLE_DRAWS) and same_prompts(one, two):
        found = {name: values for name, values in found.items() if name not in EXAMPLE_DRAWS}
    if opponents := unlike_opponents(one.votes, two.votes):
        found["opponents"] = opponents
    if one.identity.key != two.identity.key and SCORED in one.settings and SCORED in two.settings:
        found.pop(SCORED, None)
    return found


def same_prompts(one: Run, two: Run) -> bool:
    """Whether two runs are known to have asked the items that both have with the same prompts."""
    if not one.repeats or not two.repeats:
        return False
    pairs = [(answer, two.repeats[0][name]) for name, answer in one.repeats[0].items() if name in two.repeats[0]]
    return bool(pairs) and all(a.prompt_hash and a.prompt_hash == b.prompt_hash for a, b in pairs)


IN_PROMPTS = "examples_in_prompts"
READ_OFF_ITEMS = (IN_PROMPTS, "aggregation")
NO_ONE_SCALE = 20.0  # times a score of unknown unit above another one of at most 1: percent beside proportions, perhaps


def unlike_scales(one: Run, two: Run) -> dict[str, tuple[str, str]]:
    """As setting_differences, of unit and range alone: scores on two scales are never compared, whatever is allowed."""
    highs = one.high, two.high
    beyond = any(
        high is not None and other.high is None and other.score > high
        for high, other in zip(highs, (two, one), strict=True)
    )
    scores = sorted((abs(one.score), abs(two.score)))
    unlike = one.unit != two.unit
    if not unlike and one.unit == "unknown":
        unlike = 0 < scores[0] <= 1 < scores[1] and scores[1] > NO_ONE_SCALE * scores[0]
    if not unlike and one.unit != "proportion":
        unlike = beyond or (None not in highs and highs[0] != highs[1])
    texts = tuple(
        f"{run.score:g} {run.unit}{'' if run.high is None else f' of at most {run.high:g}'}" for run in (one, two)
    )
    found = {"unit": texts} if unlike else {}
    if one.lower_is_better != two.lower_is_better and one.directed and two.directed:
        found["better"] = tuple("lower" if run.lower_is_better else "higher" for run in (one, two))
    return found


def without_rounding(value: float, low: float, high: float) -> float:
    """A score, or the end of its range which only the last digits of a float lie beyond: sacrebleu's best BLEU is
    100.00000000000004."""
    end = min(max(value, low), high)
    return end if abs(value - end) <= 1e-9 * max(1.0, abs(end)) else value


def read_score(
    metric: Mapping[str, Any], details: Mapping[str, Any], result_id: str, entry: Mapping[str, Any]
) -> tuple[float, str, float, float]:
    """(score, unit, lowest, highest) as the record has them; ValueError when it is no number of that range."""
    value = details["score"]
    unit, low, high = unit_and_range(metric, entry)
    if not is_number(value):
        raise ValueError(f"the score of {result_id} is {value!r}, not a finite number")
    lowest, highest = range_in_any_unit(metric, entry)
    value = without_rounding(value, max(low, lowest), min(high, highest))
    if not max(low, lowest) <= value <= min(high, highest):
        possible = lowest <= value <= highest
        low, high, any_unit = (low, high, "") if possible else (lowest, highest, " in whatever unit")
        text = f"the score {value} of {result_id} is outside its range, {low:g} to {high:g}{any_unit}"
        asked = possible and not stated_unit(metric)
        raise NoUnit(f"{text}, and the record names no unit") if asked else ValueError(text)
    if unit == "proportion" and abs(value) > MOST_TIMES:
        raise ValueError(f"the score {value} of {result_id} is no proportion")
    return value, unit, low, high


def read_error(uncertainty: Mapping[str, Any], result_id: str) -> float | None:
    """A score's standard error: as recorded, else from its confidence interval."""
    error = (uncertainty.get("standard_error") or {}).get("value")
    if error is not None:
        if not (is_number(error) and error >= 0):
            raise ValueError(f"the standard error of {result_id} is {error!r}, not a positive number")
        return float(error)
    interval = uncertainty.get("confidence_interval") or {}
    low, high, level = interval.get("lower"), interval.get("upper"), interval.get("confidence_level", CONFIDENCE)
    if is_number(low) and is_number(high) and low <= high and is_number(level) and 0 < level < 1:
        return interval_from_bounds(low, high, level)
    return None


def outside_interval(score: float, uncertainty: Mapping[str, Any]) -> str:
    """What is wrong with a score that lies outside of its own confidence interval; one about zero says how far."""
    interval = uncertainty.get("confidence_interval") or {}
    low, high = interval.get("lower"), interval.get("upper")
    if not (is_number(low) and is_number(high)) or low <= 0 <= high:
        return ""
    room = ROUNDED * max(1.0, abs(score))
    return "" if low - room <= score <= high + room else f"{score:g} with a confidence interval of {low:g} to {high:g}"


def read_count(count: Any, result_id: str) -> int | None:
    """How many items a score is about."""
    if count is not None and not (is_number(count) and count == int(count) >= 0):
        raise ValueError(f"num_samples of {result_id} is {count!r}, not a number of items")
    return None if count is None else int(count)


NO_LIMITS = {"", "none", "null", "-1", "0", "0.0", "false"}
LIMIT_OPTION = re.compile(r"(?:^|\s)(?:--(limit)|--(max[-_]samples)|-L)(?:\s+|=)[\"']?([\w.-]+)")


def limit_of(row: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    """The number of items that a run was limited to, as it was given; nothing without a limit.

    It is looked for wherever converters put it: among a result's settings, beside its data, with the harness, in the
    command. "max_samples" is a limit but for inspect, where it says how many are asked at a time.
    """
    library, generation = record.get("eval_library") or {}, row.get("generation_config") or {}
    beside = library.get("additional_details") or {}
    places = [generation.get("additional_details"), generation.get("generation_args"), beside, generation]
    places += [(row.get("source_data") or {}).get("additional_details")]
    other = [] if "inspect" in str(library.get("name", "")).lower() else ["max_samples"]
    places = [place for place in places if place]
    said = [single_line(first_said(name, *places)) for name in ("limit", "limit_samples", *other)]
    if command := first_said("command", beside, *places) or first_said("execution_command", *places):
        said += [match[3] for match in LIMIT_OPTION.finditer(command) if other or not match[2]]
    limit = next((one for one in said if one.lower() not in NO_LIMITS), "")
    return re.sub(r"^(\d+)\.0+$", r"\1", limit)


def size_of(row: Mapping[str, Any], record: Mapping[str, Any], usual: int | None) -> int | None:
    """How many items a record says that its task has. None where that is but how many lines a file of predictions has,
    of a benchmark that has more (`usual`)."""
    source = row.get("source_data") or {}
    count = source.get("samples_number", (source.get("additional_details") or {}).get("samples_number"))
    size = int(count) if re.fullmatch(r"[1-9]\d{0,8}", str(count)) else None
    lines = (record.get("source_metadata") or {}).get("source_name") == PREDICTIONS_WRITER
    return None if size and lines and size < FULL_SHARE * (usual or 0) else size


def first_said(name: str, *places: Any) -> str:
    """The first text of this name in some places."""
    for place in places:
        if isinstance(place, dict) and place.get(name) not in (None, ""):
            return str(place[name])
    return ""


def record_day(record: Mapping[str, Any]) -> str:
    """The day of the measurement (UTC), or nothing."""
    stamp = str(record.get("evaluation_timestamp") or record.get("retrieved_timestamp") or "")
    if re.fullmatch(r"\d{1,11}(?:\.\d+)?", stamp):
        return datetime.fromtimestamp(float(stamp), UTC).date().isoformat()
    return stamp[:10] if re.match(r"\d{4}-\d\d-\d\d", stamp) else ""


def chance_of(entry: Mapping[str, Any], metric: str, unit: str, config: Mapping[str, Any]) -> float | None:
    """The score of guessing by metric_mapping.json, as a proportion, when the result is of the benchmark's metric."""
    bare = re.sub(r"^(?:acc|accuracy)_(?:norm|bytes)\b", "accuracy", metric)  # guessing is no better by weighed choices
    same = entry.get("metric") is None or same_metric(bare, entry["metric"]) or metric == "score"
    if (
        not same
        or unit not in ("proportion", "percent")
        or config.get("lower_is_better")
        or entry.get("chance") is None
    ):
        return None
    return entry["chance"] * (0.01 if entry["unit"] == "percent" else 1)


# --- parts/records/groups.py ------------------------------------------------------------------------------------------


def part_name(subtask: str) -> str:
    """A part's own name: HELM and inspect call it by the option that selects it: "subject=anatomy" is anatomy."""
    name = subtask.rpartition("/")[2]
    return name if "," in name else name.rpartition("=")[2]


def group_of_parts(key: str, subtasks: Iterable[str], vocabulary: MetricMapping) -> Mapping[str, Any] | None:
    """The group of a benchmark that some parts belong to; None where the vocabulary knows none that has them all."""
    subtasks = list(subtasks)
    wanted = {part_name(part) for part in subtasks}
    groups = {part.rpartition("/")[0] for part in subtasks}
    for place, rule in enumerate(vocabulary.entries.get(key, {}).get("parts") or ()):
        if groups == {"" if place == 0 else rule["group"]} and wanted <= set(rule["names"].split()):
            return rule
    return None


def lacking_parts(key: str, subtasks: Iterable[str], vocabulary: MetricMapping) -> list[str]:
    """The parts of a benchmark that a set of some lacks; nothing where it is whole, or nobody knows its parts."""
    subtasks = list(subtasks)
    if not subtasks or "" in subtasks or (rule := group_of_parts(key, subtasks, vocabulary)) is None:
        return []
    have = {part_name(part) for part in subtasks}
    return [name for name in rule["names"].split() if name not in have]


def incomplete_line(key: str, subtasks: Iterable[str], vocabulary: MetricMapping) -> str:
    """What is said of an incomplete set: "mmlu: 3 of its 57 parts (lacking anatomy, ...): not its score"."""
    subtasks = list(subtasks)
    lacking, count = lacking_parts(key, subtasks, vocabulary), len(set(subtasks))
    if count and "" not in subtasks and key in vocabulary.entries and not group_of_parts(key, subtasks, vocabulary):
        of = f"{count} parts" if count > 1 else f"a part ({subtasks[0]})"
        return f"{key}: {of}, and nothing says that there are no others: not its score"
    if not lacking:
        return ""
    return f"{key}: {count} of its {count + len(lacking)} parts (lacking {listing(lacking, 3)}): not its score"


def part_weights(runs: Sequence[Run], vocabulary: MetricMapping) -> list[float]:
    """The weight of each part in its benchmark's score, as its harness joins them; they add up to 1.

    lm-eval weights by the number of items where its group says so, inspect always (it asks all parts as one task); all
    others count each part once.
    """
    sizes = [float(run.n or 0) for run in runs]
    if counted_once(runs, vocabulary) or min(sizes) == 0:
        return [1 / len(runs)] * len(runs)
    return [size / math.fsum(sizes) for size in sizes]


def counted_once(runs: Sequence[Run], vocabulary: MetricMapping) -> bool:
    """Whether a benchmark's score counts each of these parts once, whatever the number of its items."""
    rule = group_of_parts(runs[0].key, [run.subtask for run in runs], vocabulary)
    library = library_field(runs[0].harness[0])
    return library != "inspect" and (rule is None or rule["weights"] != "size" or library != "lm_eval")


def whole_runs(runs: Sequence[Run], vocabulary: MetricMapping) -> tuple[list[Run], list[Run], list[str]]:
    """(runs of whole benchmarks made of their parts, these parts, what is to be said of incomplete sets).

    Runs are of one state of one model. Parts that were measured in more than one way stay parts.
    """
    sets: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in runs:
        if run.known and run.subtask:
            sets[run.key, run.subtask.rpartition("/")[0], run.metric, run.shots, run.harness[0]].append(run)
    wholes: list[Run] = []
    used: list[Run] = []
    notes = []
    there = {run.key for run in runs if not run.subtask}
    for (key, *_), parts in sets.items():
        names = [run.subtask for run in parts]
        line = incomplete_line(key, names, vocabulary)
        notes += [line] if line else []
        rule = group_of_parts(key, names, vocabulary)
        if line or rule is None or key in there or len(set(names)) < len(names) or len({run.unit for run in parts}) > 1:
            continue
        wholes.append(whole_of(parts, rule, vocabulary))
        used += parts
    return wholes, used, notes


def whole_of(parts: Sequence[Run], rule: Mapping[str, Any], vocabulary: MetricMapping) -> Run:
    """The run of a benchmark that all its parts make: weighted mean, its standard error, counts added up."""
    weights = part_weights(parts, vocabulary)
    first = min(parts, key=lambda run: run.subtask)
    score = math.fsum(weight * run.score for weight, run in zip(weights, parts, strict=True))
    errors = [run.standard_error for run in parts]
    error = None if None in errors else math.hypot(*(w * e for w, e in zip(weights, errors, strict=True)))
    sizes = [run.n for run in parts]
    reasons = {reason: None for run in parts for reason in (f"{run.subtask}: {r}" for r in run.validity.reasons)}
    remarks = {remark: None for run in parts for remark in (f"{run.subtask}: {r}" for r in run.validity.remarks)}
    settings = {k: v for k, v in first.settings.items() if all(run.settings.get(k) == v for run in parts)}
    how = "weighted by their items" if len(set(weights)) > 1 else "each counted once"
    limited = sorted({run.partial for run in parts if run.partial})
    return replace(
        first,
        subtask="",
        name=rule["group"],
        result_id=f"{rule['group']}{f'|{first.shots}' if first.shots else ''}/{first.metric}",
        score=score,
        standard_error=error,
        n=None if None in sizes else sum(sizes),
        size=None,
        limit=limited[0] if limited else "",
        counts={name: sum(run.counts.get(name, 0) for run in parts) for run in parts for name in run.counts},
        settings=settings,
        written=(score / first.scale, first.written[1]),
        validity=Validity(tuple(reasons), (f"made of {len(parts)} parts, {how}", *remarks)),
        repeats=(),
    )


# --- parts/records/items.py -------------------------------------------------------------------------------------------

CLUSTER_FIELDS = ("cluster_id", "passage_id", "question_id")  # in a sample's metadata: items that belong together
REPEAT_FIELDS = ("epoch", "repeat", "attempt")  # what tells repeats of an item apart
OWN_PLACE = frozenset((*REPEAT_FIELDS, "prompt_hash"))  # what an answer keeps elsewhere than among its fields
ONE_PROMPT = "prompt "  # begins the name of a group of items that were asked with one and the same
INDEPENDENT = "none"  # --cluster-by none: the items are independent, whatever their metadata share
ITEM_MEANS = ("", "mean", "mean over items of the mean over repeats")
CHOICE_METRICS = {"accuracy", "acc", "accnorm", "exactmatch"}  # of which guessing among the choices is the floor


class SampleLine(NamedTuple):
    """An attempt as its line in a samples file has it.

    about: the result that it is of, or its task. score: None where it has none; failed: whether it has an error.
    question: the hash of what was asked, where no prompt_hash says it. choices: how many it had; blank: whether a
    written answer is. row: the line itself where that was asked for. fault: what is wrong with it.
    """

    about: Any
    name: str = ""
    score: float | None = None
    failed: bool = False
    digest: str | None = None
    metadata: Mapping[str, Any] = NO_FIELDS
    question: str = ""
    choices: int = 0
    blank: bool = False
    row: Mapping[str, Any] = NO_FIELDS
    fault: Exception | None = None

    @property
    def prompt(self) -> str:
        """The hash of what was asked: of the prompt as sent, else of the question; "" where neither is known."""
        return str(known) if (known := self.metadata.get("prompt_hash")) else self.question


Lines = Sequence[SampleLine]
new_line, new_answer = (partial(tuple.__new__, form) for form in (SampleLine, Answer))  # quickly, of all their values


def parsed_line(row: Mapping[str, Any], whole: bool = False) -> SampleLine:
    """A line of a samples file; whole: with the row itself."""
    about = row.get("evaluation_result_id") or row.get("evaluation_name") or ""
    try:
        metadata, asked = row.get("metadata"), row.get("input") or NO_FIELDS
        if metadata is None:
            metadata = NO_FIELDS
        elif type(metadata) is not dict:
            raise ValueError("metadata is no object")
        answers, digest = (row.get("output") or NO_FIELDS).get("raw"), row.get("sample_hash")
        values = (
            about,
            str(row["sample_id"]),
            sample_score(row),
            bool(row.get("error")),
            None if digest is None else str(digest),
            metadata,
            "" if metadata.get("prompt_hash") else question_hash(asked),
            len(asked.get("choices") or ()),
            bool(answers) and "choices" not in row["input"] and all_blank(answers),
            row if whole else NO_FIELDS,
            None,
        )
        return new_line(values)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return SampleLine(about, row=row if whole else NO_FIELDS, fault=error)


def all_blank(texts: Sequence[str]) -> bool:
    """Whether none of some texts, nearly always one, says anything."""
    said = ""
    for text in texts:
        said = said or text.strip()
    return not said


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What the lines of a result say together.

    rows: how many attempts; unscored: those without a score; factor: from their scores to the run's score when that is
    their mean, else None; mean: of the scored ones, on the run's scale if there is one; chance: of guessing, by their
    choices; empty: blank written answers; scores: of each attempt, None where it has none; stated: whether each scored
    one has a statistic of a score of the whole corpus, and corpus: that score by them, where it is one of sums or
    classes; length: of an item on the average, of a score by length; ends: the least and the largest score, on the
    run's scale; error: the standard error of independent items, of a mean that has one.
    """

    rows: int
    unscored: int
    factor: float | None
    mean: float | None
    chance: float | None
    empty: int
    scores: Sequence[float | None]
    stated: bool = False
    corpus: float | None = None
    length: float | None = None
    ends: tuple[float, float] | None = None
    error: float | None = None


def samples_path(file: str | Path) -> Path:
    """Where the samples of a record lie: beside it."""
    path = Path(file)
    return path.with_name(f"{path.stem}_samples.jsonl")


def read_sample_lines(path: Path, record: Mapping[str, Any], whole: bool = False) -> dict[str, list[SampleLine]] | None:
    """The lines of the samples file beside a record by result id (or task, where they name none); None without one.

    whole: with their rows. ScriptError when it is not the file that the record was written with, or is damaged.
    """
    file, details = samples_path(path), record.get("detailed_evaluation_results")
    details = details if isinstance(details, dict) else {}
    if not file.exists():
        return None
    if file.is_symlink():
        refuse_out(file)
    content = input_bytes(file, MAX_SAMPLES)
    checksum = details.get("checksum")
    if checksum and details.get("hash_algorithm") == "sha256" and hashlib.sha256(content).hexdigest() != checksum:
        raise ScriptError(f"{file}: not the file that its record was written with (checksum); evaluate again")
    evaluation = record.get("evaluation_id")

    def made(row: Any) -> SampleLine | None:
        ours = type(row) is dict and row.get("evaluation_id", evaluation) == evaluation
        return parsed_line(row, whole) if ours else None

    lines = json_values(content, made)
    if lines is None or None in lines:
        lines = [parsed_line(row, whole) for row in rows_one_by_one(file, content, evaluation)]
    count = len(lines)
    if is_number(details.get("total_rows")) and details["total_rows"] != count:
        raise ScriptError(f"{file}: {count} lines, its record says {details['total_rows']}; evaluate again")
    names = [line.about for line in lines]
    refuse_strange_lines(file, record, set(map(str, names)))
    if names and type(names[0]) is str and names.count(names[0]) == count:
        return {single_line(names[0]): lines}
    by_name: dict[str, list[SampleLine]] = defaultdict(list)
    for name, line in zip(names, lines, strict=True):
        by_name[single_line(str(name))].append(line)
    return dict(by_name)


def refuse_strange_lines(file: Path, record: Mapping[str, Any], names: Iterable[str]) -> None:
    """ScriptError where lines are about none of the record's results: what they say would be compared with nothing."""
    rows = [row for row in record.get("evaluation_results") or () if isinstance(row, dict)]
    known = {str(row.get(name)) for row in rows for name in ("evaluation_result_id", "evaluation_name")}
    if strange := sorted({single_line(name) for name in names} - set(map(single_line, known))):
        said = f"lines about {listing(strange, 3)}" if strange != [""] else "lines that do not say what they are about"
        raise ScriptError(f"{file}: {said}, and its record has no such result; evaluate again")


def rows_one_by_one(file: Path, content: bytes, evaluation: Any) -> Iterator[dict[str, Any]]:
    """The lines of a samples file, one by one; ScriptError that says which one is damaged, or of another record."""
    for line, text in enumerate(stored_lines(file, content), start=1):
        if not text.strip():
            continue
        try:
            row = strict_json_line(text)
        except ValueError as error:
            why = single_line(error)[:200]
            raise ScriptError(f"{file}: line {line} is not valid JSON: {why}; evaluate again") from error
        if not isinstance(row, dict):
            raise ScriptError(f"{file}: line {line} is no object; evaluate again")
        if row.get("evaluation_id", evaluation) != evaluation:
            raise ScriptError(f"{file}: line {line} belongs to another record ({row.get('evaluation_id')})")
        yield row


def lines_of_run(run: Run, found: Mapping[str, Lines] | None) -> Lines:
    """The lines about a result."""
    return (found or {}).get(run.result_id) or (found or {}).get(run.name) or ()


def sample_score(row: Mapping[str, Any]) -> float | None:
    """An attempt's score; None when it has none. ValueError when it is no number."""
    if row.get("error"):
        return None
    score = row["evaluation"]["score"]
    if type(score) is float and -1e300 < score < 1e300:  # nearly all, and the check below is slow
        return score
    if not is_number(score):
        raise ValueError(f"the score of item {single_line(row.get('sample_id'))} is {score!r}, not a number")
    return float(score)


def facts_of_items(run: Run, lines: Lines) -> ItemFacts | None:
    """What the lines about a result say together; None without any. ScriptError when they are damaged."""
    if not lines:
        return None
    names, scores = [line.name for line in lines], [line.score for line in lines]
    try:
        if fault := next(filter(None, [line.fault for line in lines]), None):
            raise fault
        stated, *corpus = corpus_of_lines(run, lines) if run.formula else (False, None, None)
    except KeyError as error:
        raise ScriptError(f"{samples_path(run.file)}: {run.result_id}: no {error} in it; evaluate again") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise ScriptError(f"{samples_path(run.file)}: {run.result_id}: {single_line(error)}; evaluate again") from error
    chance, empty = chance_of_choices(run, lines), sum([line.blank for line in lines])
    once = len(set(names)) == len(names)
    if not once:
        check_item_repeats(names, lines, f"{samples_path(run.file)}: {run.result_id}")
    values = [score for score in scores if score is not None]
    if not values:  # of a score that is no mean of them, the lines have none of their own: nothing is lost
        lost = 0 if run.corpus_level and run.n else len(lines)
        return ItemFacts(len(lines), lost, None, None, chance, empty, scores)
    means, items = [math.fsum(values) / len(values)], values
    if not once:
        by_item: dict[str, list[float]] = defaultdict(list)
        for name, score in zip(names, scores, strict=True):
            if score is not None:
                by_item[name].append(score)
        items = [math.fsum(own) / len(own) for own in by_item.values()]
        means.append(math.fsum(items) / len(items))
    factor = next(
        (
            factor
            for mean in means
            for factor in dict.fromkeys((run.scale, 1.0, 100.0 if run.unit != "proportion" else 1.0))
            if abs(mean * factor - run.score) <= ROUNDED * max(1.0, abs(run.score))
        ),
        None,
    )
    mean, lost = means[0] * (factor or 1.0), len(lines) - len(values)
    ends = min(values) * (factor or 1.0), max(values) * (factor or 1.0)
    error = factor * error_of_mean(items) if factor and run.standard_error is not None and len(items) > 1 else None
    return ItemFacts(len(lines), lost, factor, mean, chance, empty, scores, stated, *corpus, ends, error)


def error_of_mean(values: Sequence[float]) -> float:
    """The standard error of the mean of independent values."""
    mean = math.fsum(values) / len(values)
    return math.sqrt(math.fsum([(value - mean) ** 2 for value in values]) / (len(values) - 1) / len(values))


def corpus_of_lines(run: Run, lines: Lines) -> tuple[bool, float | None, float | None]:
    """(whether each scored item has a statistic, the score of the whole by them, an item's mean length), None for what
    is not known."""
    found = [statistic_of(line.metadata, run.formula) for line in lines if not line.failed]
    if not found or None in found:
        return False, None, None
    score = score_of_items(found, run.formula)
    return True, None if score is None else run.scale * score, mean_length(found, run.formula)


def check_item_repeats(names: Sequence[str], lines: Lines, where: str) -> None:
    """ScriptError when an item is there twice by mistake, or was not asked as often as the others."""
    counts = Counter(names)
    most = max(counts.values())
    if most > 1 and not all(any(name in line.metadata for name in REPEAT_FIELDS) for line in lines):
        twice = next(name for name, count in counts.items() if count > 1)
        raise ScriptError(
            f"{where}: item {twice} occurs {counts[twice]} times, and no metadata "
            f"({', '.join(REPEAT_FIELDS)}) tells repeats apart; evaluate again"
        )
    if min(counts.values()) != most:
        raise ScriptError(f"{where}: not every item was repeated as often as the others; evaluate again")


def chance_of_choices(run: Run, lines: Lines) -> float | None:
    """One in so many as the items have choices, on average, where the metric is the share of right ones."""
    if run.unit != "proportion" or run.lower_is_better or normalize_name(run.metric) not in CHOICE_METRICS:
        return None
    counts = [line.choices for line in lines]
    return None if min(counts) < 2 else math.fsum([1 / count for count in counts]) / len(counts)


def with_answers(run: Run, lines: Lines, cluster_by: str | None = None, facts: ItemFacts | None = None) -> Run:
    """The run with its items, on the scale of its score; ScriptError when lines cannot be told apart.

    facts: what the lines say together, where that was found before.
    """
    facts = facts or facts_of_items(run, lines)
    if facts is None:
        return run if run.aggregation else replace(run, aggregation="mean")
    factor = facts.factor if facts.factor is not None and run.aggregation in ITEM_MEANS else 1.0
    cluster_by = cluster_by or run.cluster_field or None
    names, metadata = [line.name for line in lines], [line.metadata for line in lines]
    scores = [None if line.score is None else line.score * factor for line in lines]
    prompts = [None if (prompt := own.get("prompt_hash")) is None else str(prompt) for own in metadata]
    fields: list[Mapping[str, str]] = [NO_FIELDS] * len(lines)
    if not OWN_PLACE.issuperset(set().union(*metadata)):
        fields = [{k: str(v) for k, v in own.items() if k not in OWN_PLACE and v is not None} for own in metadata]
    columns = (scores, [line.digest for line in lines], prompts, sharing_groups(lines, cluster_by), fields)
    answers = list(map(new_answer, zip(*columns, strict=True)))
    lost = {name: own for name, own, score in zip(names, fields, scores, strict=True) if score is None}
    repeats: list[dict[str, Answer]] = [dict(zip(names, answers, strict=True))]
    if lost or len(repeats[0]) < len(names):
        times: dict[str, Iterator[int]] = defaultdict(count)
        places = [next(times[name]) for name in names]
        repeats = [{} for _ in range(max(places) + 1)]
        for name, place, answer in zip(names, places, answers, strict=True):
            if answer.score is not None:
                repeats[place][name] = answer
    mean = facts.factor is not None and run.aggregation in ITEM_MEANS
    aggregation = "mean" if mean else run.aggregation or "not the mean of its items"
    return replace(run, repeats=tuple(repeats), errors=frozenset(lost), lost_fields=lost, aggregation=aggregation)


def sharing_groups(lines: Lines, cluster_by: str | None) -> list[str | None]:
    """What each line's item shares with others: the field that is asked for or declared, a usual one, or the prompt.

    Items of which several were asked with one and the same prompt are not independent of one another. A field that is
    asked for may stand in the line itself, beside its metadata: then the lines must have been read whole.
    """
    if cluster_by == INDEPENDENT:
        return [None] * len(lines)
    names = (cluster_by,) if cluster_by else CLUSTER_FIELDS
    known = set().union(*[line.metadata for line in lines])
    if cluster_by or not known.isdisjoint(names):
        found = []
        for line in lines:
            values = (value for name in names if (value := line.metadata.get(name)) not in (None, ""))
            value = next(values, line.row.get(cluster_by) if cluster_by else None)
            found.append(None if value in (None, "") else str(value))
        if cluster_by or any(group is not None for group in found):
            return found
    prompts = [line.prompt for line in lines]
    said = set(prompts)
    if len(said) == len(lines):
        return [None] * len(lines)
    if len(said) == 1 and "prompt_hash" not in known:
        return [None] * len(lines)  # one question for all: what tells them apart is not in it
    asked: dict[str, set[str]] = defaultdict(set)
    for prompt, line in zip(prompts, lines, strict=True):
        asked[prompt].add(line.name)
    return [f"{ONE_PROMPT}{prompt}" if prompt and len(asked[prompt]) > 1 else None for prompt in prompts]


def question_hash(asked: Mapping[str, Any]) -> str:
    """The hash of a question; "" where there is none."""
    question = asked.get("raw")
    if not isinstance(question, str) or not question:
        return ""
    return hashlib.sha256(question.encode(errors="replace")).hexdigest()[:16]


# --- parts/records/states.py ------------------------------------------------------------------------------------------

TOGETHER = timedelta(hours=6)  # between the tasks of one evaluation, at most
SELECTOR = re.compile(
    r"(?P<name>.+?)(?:\[(?P<settings>[^\[\]]+=[^\[\]]*)\])?(?:@(?P<date>\d{4}-\d\d-\d\d(?:T[\d:]*Z?)?))?"
)


def moment_of_run(run: Run) -> datetime:
    """When a run was made (UTC); the beginning of time where its record does not say."""
    stamp = run.moment
    try:
        if re.fullmatch(r"\d{1,11}(?:\.\d+)?", stamp):
            return datetime.fromtimestamp(float(stamp), UTC)
        found = datetime.fromisoformat(stamp)
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except (ValueError, OverflowError, OSError):
        return datetime.min.replace(tzinfo=UTC)


def moment_text(moment: datetime) -> str:
    """A moment as it is written in a name: 2026-03-13T02:10:00Z."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def slot_of(run: Run) -> tuple[object, ...]:
    """What two measurements of the same thing share."""
    return run.key, run.subtask, run.metric, run.shots, run.partial, tuple(sorted(run.settings.items()))


def are_repeats(one: Run, two: Run) -> bool:
    """Whether two measurements of one thing are known to be of one state, or tell the same."""
    if one.identity.fixed and one.identity.fixed == two.identity.fixed:
        return not one.identity.files or not two.identity.files or one.identity.files == two.identity.files
    return bool(one.run_id and one.run_id == two.run_id) or is_same_result(one, two)


def is_same_result(one: Run, two: Run) -> bool:
    """Whether two runs say exactly the same: a copy, or a repetition that changed nothing."""
    if one.score != two.score or one.n != two.n or len(one.repeats) != len(two.repeats) or not one.repeats:
        return one.file == two.file or (one.moment == two.moment and one.score == two.score and one.n == two.n)
    return one.errors == two.errors and all(
        {name: answer.score for name, answer in a.items()} == {name: answer.score for name, answer in b.items()}
        for a, b in zip(one.repeats, two.repeats, strict=True)
    )


class State:
    """Runs that were made together, while they are gathered."""

    def __init__(self) -> None:
        self.runs: list[Run] = []
        self.first: dict[tuple[object, ...], Run] = {}
        self.run_ids: set[str] = set()
        self.latest = datetime.min.replace(tzinfo=UTC)

    def add(self, run: Run, slot: tuple[object, ...]) -> None:
        self.runs.append(run)
        self.first.setdefault(slot, run)
        self.run_ids |= {run.run_id} - {""}
        self.latest = max(self.latest, moment_of_run(run))

    def takes(self, run: Run, slot: tuple[object, ...]) -> bool:
        """Whether a run was made together with these: soon after the last, and nothing of theirs again."""
        if run.run_id in self.run_ids:
            return True
        if moment_of_run(run) - self.latest > TOGETHER:
            return False
        return slot not in self.first or are_repeats(self.first[slot], run)


def fixed_states(runs: Sequence[Run]) -> dict[int, str]:
    """What proves the state of each run, by its id(): weights, and the files beside them where several are known."""
    files: dict[str, set[str]] = defaultdict(set)
    for run in runs:
        files[run.identity.fixed] |= {run.identity.files} - {""}
    several = {fixed for fixed, known in files.items() if fixed and len(known) > 1}
    return {
        id(run): f"{run.identity.fixed}{f' with {run.identity.files}' * (run.identity.fixed in several)}"
        for run in runs
    }


def states_of(runs: Sequence[Run]) -> list[list[Run]]:
    """The states that runs of one model are of, the last measured at the end; one where nothing is in doubt."""
    slots: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    slot_by_run = {id(run): slot_of(run) for run in runs}
    for run in runs:
        slots[slot_by_run[id(run)]].append(run)
    fixed = fixed_states(runs)
    hashes = {*fixed.values()} - {""}
    doubtful = any(not are_repeats(own[0], other) for own in slots.values() for other in own[1:])
    if len(hashes) < 2 and not doubtful:
        return [list(runs)]
    states: list[State] = []
    by_hash: dict[str, State] = {}
    for run in sorted(runs, key=lambda run: (moment_of_run(run), run.file)):
        proof = fixed[id(run)]
        own = by_hash.get(proof) if proof else None
        last = states[-1] if states and not states[-1].runs[0].identity.fixed else None
        if own is None and not proof and last is not None and last.takes(run, slot_by_run[id(run)]):
            own = last
        if own is None:
            states.append(own := State())
            if proof:
                by_hash[proof] = own
        own.add(run, slot_by_run[id(run)])
    return [state.runs for state in sorted(states, key=lambda state: state.latest)]


def state_name(name: str, state: Sequence[Run], dates: Mapping[str, int]) -> str:
    """How a state is asked for: NAME@2026-03-13, or with the time where a day has several."""
    latest = max(map(moment_of_run, state))
    day = latest.strftime("%Y-%m-%d")
    return f"{name}@{day if dates.get(day, 0) < 2 else moment_text(latest)}"


def one_state(runs: Sequence[Run], name: str, what: str, latest: bool, date: str | None) -> tuple[list[Run], list[str]]:
    """The runs of one state of a model, and what is to be said about the others.

    name: as the model is asked for; what: the option and its value, for messages. ScriptError(code=3) when there are
    several states and neither a date nor `latest` says which.
    """
    states = states_of(runs)
    if date is not None:
        chosen = [s for s in states if any(moment_text(moment_of_run(run)).startswith(date.rstrip("Z")) for run in s)]
        if not chosen:
            raise ScriptError(f"{what}: nothing of that date; there are: {listing(state_names(name, states), 20)}")
        states = chosen
    if len(states) == 1:
        days = sorted({moment_of_run(run).strftime("%Y-%m-%d") for run in states[0]})
        again = len(days) > 1 and len(set(map(slot_of, states[0]))) < len(states[0])
        said = (
            f"{name}: the runs of {listing(days)} are of the same weights, so repeats, and averaged: none is left out"
        )
        return states[0], [said] if again and (latest or date is not None) else []
    names = state_names(name, states)
    if latest:
        return states[-1], [f"{names[-1]} is taken (--latest), left out: {listing(names[:-1], 5)}"]
    raise ScriptError(
        f"{what}: measured {len(states)} times with weights, or files beside them (config.json, tokenizer, templates), "
        "that differ, or that nothing proves to be equal: other "
        f"states of the model, no repeats: {listing(names, 20)}{twice_text(runs)}; name one of them, or take the last "
        "with --latest",
        code=3,
    )


def twice_text(runs: Sequence[Run]) -> str:
    """What was measured twice, with its scores, for a message; nothing where nothing was."""
    seen: dict[tuple[object, ...], Run] = {}
    for run in runs:
        other = seen.setdefault(slot_of(run), run)
        if other.score != run.score:
            return f" ({run.task}: {other.written[0]} and {run.written[0]})"
    return ""


def state_names(name: str, states: Iterable[Sequence[Run]]) -> list[str]:
    """The names of some states."""
    states = list(states)
    dates: dict[str, int] = defaultdict(int)
    for state in states:
        dates[max(map(moment_of_run, state)).strftime("%Y-%m-%d")] += 1
    names = [state_name(name, state, dates) for state in states]
    proofs = [state[-1].identity.fixed for state in states]
    return [
        one if names.count(one) == 1 else f"{one} ({proof if proof and proofs.count(proof) == 1 else state[-1].file})"
        for one, proof, state in zip(names, proofs, states, strict=True)
    ]


def split_selector(text: str) -> tuple[str, dict[str, str], str | None]:
    """(name, settings, date) of a model as asked for: "base[solver=old]@2026-03-13"."""
    match = SELECTOR.fullmatch(text)
    if not match:
        return text, {}, None
    pairs = (pair.partition("=") for pair in (match["settings"] or "").split(",") if pair.strip())
    return match["name"], {key.strip(): value.strip() for key, _, value in pairs}, match["date"]


def runs_with_settings(runs: Iterable[Run], wanted: Mapping[str, str]) -> list[Run]:
    """The runs that were made with some settings, named by key or by the words for it."""
    return [
        run
        for run in runs
        if all(
            single_line(value) in (run.settings.get(key), run.settings.get(WORDS_OF_SETTINGS.get(key, key)))
            for key, value in wanted.items()
        )
    ]


# --- parts/records/repeats.py -----------------------------------------------------------------------------------------

CONTRADICTION = 0.001  # a chance below it is no noise
CONTRADICTION_Z = 3.29  # the same, for two scores without items


def is_greedy(run: Run) -> bool:
    """Whether a second run must give the same answers: nothing is drawn at random."""
    return not run.temperature


def usable_runs(runs: Sequence[Run]) -> list[Run]:
    """Of repeats, those that the gate lets through; all where it lets none."""
    return [run for run in runs if not run.validity.reasons] or list(runs)


def full_repeats(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """Of repeats, the usable ones that asked as much as the largest, and what is said of the smaller ones.

    A run of one item is no repeat of a run of a hundred, even where neither says that it is a part.
    """
    usable = usable_runs(runs)
    most = max(run.attempts.made or 0 for run in usable)
    smaller = [run for run in usable if (run.attempts.made or 0) < most]
    lines = [
        f"left out, {run.attempts.made or 'an unknown number of'} attempts beside {most}: {Path(run.file).name}"
        for run in smaller
    ]
    return [run for run in usable if run not in smaller], lines


def distinct_runs(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """The runs that tell something new, and remarks about the others."""
    if len(runs) == 1:
        return list(runs), []
    kept: list[Run] = []
    same = 0
    for run in runs:
        if any(is_copy(run, other) for other in kept):
            same += 1
        else:
            kept.append(run)
    remarks = [f"{same + 1} identical greedy repeats count once"] if same else []
    if len(kept) > 1 and all(is_greedy(run) for run in kept):
        remarks.append(f"{len(kept)} greedy runs differ: the engine is not deterministic; they are averaged")
    return kept, remarks


def is_copy(run: Run, other: Run) -> bool:
    """Whether a run repeats another and adds nothing: the same scores, and the same draws (or none)."""
    if not (is_greedy(run) and is_greedy(other)) and (run.seed is None or run.seed != other.seed):
        return False
    if run.score != other.score or run.errors != other.errors or len(run.repeats) != len(other.repeats):
        return False
    for one, two in zip(run.repeats, other.repeats, strict=True):
        if {name: a.score for name, a in one.items()} != {name: a.score for name, a in two.items()}:
            return False
    return True


def items_of_run(run: Run) -> dict[Hashable, float]:
    """Item (and which time it was asked) -> score, from the run, or the samples beside its record."""
    if run.repeats:
        return {(name, i): answer.score for i, own in enumerate(run.repeats) for name, answer in own.items()}
    path, seen = Path(run.file), Counter()
    record = read_record(path) if path.is_file() else None
    found: dict[Hashable, float] = {}
    for line in lines_of_run(run, read_sample_lines(path, record)) if record else ():
        if line.score is not None:
            found[line.name, seen[line.name]] = line.score * run.scale
        seen[line.name] += 1
    return found


def contradict(one: Mapping[Hashable, float], other: Mapping[Hashable, float]) -> bool:
    """Whether two greedy runs differ by more than an engine's noise, which gains as many items as it loses."""
    changes = [other[item] - one[item] for item in one.keys() & other.keys()]
    return mcnemar_p(sum(c > 0 for c in changes), sum(c < 0 for c in changes)) < CONTRADICTION


def contradiction(runs: Sequence[Run]) -> str:
    """Why the greedy ones of some repeats cannot be of one model; nothing where they can."""
    for one, other in itertools.combinations([run for run in runs if is_greedy(run)], 2):
        if one.subtask != other.subtask or one.score == other.score:
            continue
        items = items_of_run(one), items_of_run(other)
        errors = [run.standard_error for run in (one, other)]
        apart = None not in errors and abs(one.score - other.score) > CONTRADICTION_Z * math.hypot(*errors) > 0
        if contradict(*items) if all(items) else apart:
            found = " and ".join(f"{number(run.score)} in {run.file}" for run in (one, other))
            return f"greedy runs contradict one another: {found}; remove the wrong record"
    return ""


def mean_run(runs: Sequence[Run]) -> Run:
    """One run for some repeats: the mean of their scores with the mean of their errors (their items are the same ones,
    so that repeats do not make it smaller), what became of all attempts, and what is to be said."""
    against = contradiction(usable_runs(runs))
    runs, _ = distinct_runs(full_repeats(runs)[0])
    first = runs[0]
    if len(runs) == 1:
        return (
            replace(first, validity=replace(first.validity, reasons=(*first.validity.reasons, against)))
            if against
            else first
        )
    errors = [run.standard_error for run in runs]
    score = math.fsum(run.score for run in runs) / len(runs)
    scores = (
        " and ".join(number(value) for value in sorted(run.score for run in runs))
        if len(runs) < 4
        else f"{number(score)} on average"
    )
    reasons = dict.fromkeys(reason for run in runs for reason in run.validity.reasons)
    remarks = dict.fromkeys(remark for run in runs for remark in run.validity.remarks)
    validity = replace(
        first.validity,
        reasons=(*reasons, *([against] if against else [])),
        remarks=(f"mean of {len(runs)} repeats: {scores}", *remarks),
    )
    return replace(
        first,
        score=score,
        written=(score / first.scale, first.written[1]),
        standard_error=None if None in errors else math.fsum(errors) / len(errors),
        counts=dict(sum((Counter(run.counts) for run in runs), Counter())),
        times=sum(run.times for run in runs),
        validity=validity,
    )


def repeat_groups(runs: Sequence[Run]) -> list[list[Run]]:
    """Runs that are repeats of one another, in the order of the first of each group."""
    slots: dict[tuple[object, ...], list[list[Run]]] = defaultdict(list)
    groups = []
    for run in runs:
        own = next((group for group in slots[slot_of(run)] if are_repeats(group[0], run)), None)
        if own is None:
            groups.append(own := [])
            slots[slot_of(run)].append(own)
        own.append(run)
    return groups


def merged_repeats(runs: Sequence[Run]) -> tuple[list[Run], list[str]]:
    """One run for each group of repeats, and what is to be said of those that are copies."""
    merged, notes = [], []
    for group in repeat_groups(runs):
        merged.append(mean_run(group))
        kept, lines = full_repeats(group)
        left = [run for run in group if merged[-1] is not run and merged[-1].times == 1]
        copies = [Path(run.file).name for run in left if run in kept]
        invalid = [Path(run.file).name for run in left if run.validity.reasons and not merged[-1].validity.reasons]
        notes += lines
        notes += [f"the same result once more: {listing(copies, 3)}"] if copies else []
        notes += [f"left out, not valid, beside a valid repeat: {listing(invalid, 3)}"] if invalid else []
    return merged, notes


# --- parts/records/publishable.py -------------------------------------------------------------------------------------

TOOLS = "With tools"  # as the community notes it


@dataclass(frozen=True, slots=True)
class RecordResult:
    """One result of a record: what would be published, and what decides whether it is."""

    entry: Entry
    run: Run
    parent: str | None  # canonical key of the benchmark that this is a part of ("mmlu" of "mmlu:anatomy")
    main: bool  # whether it is the benchmark's main metric by metric_mapping.json

    @property
    def place(self) -> tuple[Any, ...]:
        """What two results of the same thing share."""
        e = self.entry
        return (e.key or normalize_name(self.run.name), e.metric, e.shots, e.variant, e.dataset, e.source_name)


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the user has allowed to be published: results of a part of the items, results that the gate refuses."""

    partial: bool = False
    invalid: bool = False
    latest: bool = False  # of a model measured at several times, the last
    metrics: bool = False  # all metrics of a benchmark


def is_main_metric(metric: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a record's metric is the one that metric_mapping.json names for the benchmark."""

    def fold(name: Any) -> str:
        return normalize_name(metric_type(name) or "") if isinstance(name, str) else ""

    if known.get("own") and known.get("metric") is None:
        return True  # nothing is said of its metric: the record's is the one
    wanted = {fold(known.get("metric")), fold((known.get("model_index") or {}).get("metric_type"))} - {""}
    return bool(wanted & {fold(metric.get("metric_id")), fold(metric.get("metric_name"))})


def on_own_files(source: Mapping[str, Any]) -> bool:
    """Whether a result was measured on files of whoever measured, as its `source_data` says: no data set of the Hub."""
    details = source.get("additional_details")
    return source.get("source_type") == "other" and isinstance(details, Mapping) and bool(details.get("path"))


def record_dataset(source: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a record says of its data: type, name, config, split and revision, as model-index names them."""
    more = source.get("additional_details") or {}
    name = single_line(source.get("dataset_name") or "")
    said = {"type": re.sub(r"\W+", "-", name.lower()).strip("-"), "name": name}
    if source.get("source_type") == "url":  # where a number was read; which data it is about is not said
        del said["type"]
    if on_own_files(source):
        said[OWN_FILES] = "true"
    if source.get("hf_repo"):
        said["type"] = str(source["hf_repo"])
        said |= {"config": more.get("subset"), "split": source.get("hf_split"), "revision": more.get("revision")}
    return tuple((key, single_line(value)) for key, value in said.items() if value)


def record_source(record: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """(name, URL) of who says so: the harness with its version, or what a documentation record names."""
    source, library = record.get("source_metadata") or {}, record.get("eval_library") or {}
    told = source.get("source_type") == "documentation"  # of a run only its own address is one, not its maker's
    url = (source.get("additional_details") or {}).get("source_url")
    url = url or (source.get("source_organization_url") if told else None)
    parts = [part for part in (library.get("name"), library.get("version")) if part and part != "unknown"]
    if told or not parts:
        parts = [source.get("source_name") or source.get("source_organization_name") or ""]
    return single_line(" ".join(map(str, parts))) or None, web_url(url)


def record_shots(run: Run, details: Mapping[str, Any]) -> str | None:
    """ "gsm8k|5/em" -> "5-shot"; else what the settings say; nothing where the prompts hold another number."""
    if run.other_examples:
        return None
    return single_line(details.get("shots") or "") or (f"{run.shots}-shot" if run.shots else None)


def record_result(
    run: Run, record: Mapping[str, Any], row: Mapping[str, Any], vocabulary: MetricMapping
) -> RecordResult:
    """One result of a record as it would be published, without a unit when neither it nor its bounds say one."""
    metric, path = row["metric_config"], Path(run.file)
    details = (row.get("generation_config") or {}).get("additional_details") or {}
    known = vocabulary.entries.get(run.key) or {}
    whole = run.known and not run.subtask  # a part of a benchmark is not the benchmark
    source_name, source_url = record_source(record)
    name, data = bare_task(run.name) or run.name, single_line((row.get("source_data") or {}).get("dataset_name") or "")
    if data and is_named_after(name):  # after its scorer: "choice"
        name = data
    entry = Entry(
        benchmark=name,
        value=run.written[0],
        origin=record_place(path),
        key=run.key if whole else None,
        unit=single_line(run.written[1]) if stated_unit(metric) and run.written[1] != "unknown" else None,
        metric=single_line(metric.get("metric_id") or metric.get("metric_name") or "") or None,
        shots=record_shots(run, details),
        variant=single_line(details.get("variant") or "") or used_variant(run, row, known),
        task_type=(known.get("model_index") or {}).get("task_type"),
        dataset=record_dataset(row.get("source_data") or {}),
        source_name=source_name,
        source_url=source_url,
        date=iso_time(row.get("evaluation_timestamp") or record.get("evaluation_timestamp")),
        samples=run.n,
        standard_error=None if run.standard_error is None else run.standard_error / run.scale,
        lower_is_better=run.lower_is_better if run.directed else None,
    )
    parent = run.key if run.known and run.subtask else None
    return RecordResult(entry, run, parent=parent, main=is_main_metric(metric, known))


def used_variant(run: Run, row: Mapping[str, Any], known: Mapping[str, Any]) -> str | None:
    """What makes a result another one than its benchmark's or its model's own: tools, a quantization."""
    quantized = run.identity.quantized
    told = [TOOLS] if used_tools(run.name, row, known) else []
    return ", ".join([*told, *([f"quantization {quantized}"] if quantized else [])]) or None


def used_tools(name: str, row: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a result is another setting than its benchmark's: with tools, where that is an official one without.

    What an agent's own benchmark has tools for (SWE-bench) is no setting of it.
    """
    given = mapping_of(mapping_of(row.get("generation_config")).get("generation_args"))
    tools = mapping_of(given.get("agentic_eval_config")).get("available_tools")
    places = ((known.get("hub") or {}).get("dataset_id"), mapping_of(row.get("source_data")).get("hf_repo"))
    official = [found for place in places if place and (found := shipped_list().get(str(place)))]
    return bool(WITH_TOOLS.search(name) or (tools and official and not official[0].own_harness))


def record_place(path: Path) -> str:
    """Where a record is, without the folders of this machine: data/collection/developer/model/file, else its name."""
    parts = path.parts[-5:] if path.parts[-5:-4] == ("data",) else path.parts[-1:]
    return single_line("/".join(parts))


def record_model(record: Mapping[str, Any]) -> str:
    """The id of the model that a record or a failure entry is about; empty when it names none."""
    return record_identity(record).id


def record_identity(record: Mapping[str, Any]) -> Identity:
    """The model that a record or a failure entry is about; nobody when it names none."""
    try:
        return identity_of(record)
    except ValueError:
        return NOBODY


def choose_record_model(found: Iterable[Identity], model_id: str | None, repo_id: str) -> list[Identity]:
    """Whose records are meant: --model-id, else the repo's own, else the only ones; several are one model's commits.

    ScriptError 1 or 3 with names.
    """
    models = list({identity.key: identity for identity in found}.values())
    names = listing(model_names(models), 20)
    if model_id is not None:
        meant = [identity for identity in models if identity.answers_to(model_id)]
        if not meant:
            raise ScriptError(f"no record of {model_id!r}; the records are about {names}", code=1)
    else:
        meant = [identity for identity in models if identity.answers_to(repo_id)] or models
    if model_id is None and len(meant) == 1 and meant[0].id == repo_id and not meant[0].answers_to(repo_id):
        raise ScriptError(
            f"the records are not about {repo_id} itself; is it meant? " + option_words("--model-id", meant[0].name),
            code=3,
        )
    if len({identity.any_commit.key for identity in meant}) > 1:
        raise ScriptError(
            f"records of several models; choose one with --model-id: {listing(model_names(meant), 20)}", code=3
        )
    return meant


def choose_benchmarks(
    rows: Sequence[RecordResult], wanted: Sequence[str], vocabulary: MetricMapping
) -> tuple[list[RecordResult], set[str]]:
    """The results of the wanted benchmarks (key, alias, a record's own name, a result id), and the ids so named."""
    chosen: list[RecordResult] = []
    ids = {row.run.result_id for row in rows} & set(wanted)
    for text in wanted:
        folded = normalize_name(text)
        key = vocabulary.names.get(folded)
        own = [
            row
            for row in rows
            if row.run.result_id == text
            or folded in (normalize_name(row.run.name), normalize_name(row.entry.benchmark))
            or (key and key in (row.entry.key, row.parent))
        ]
        have = sorted({row.entry.key or row.entry.benchmark for row in rows})
        if not own and key:
            raise ScriptError(f"no result of {single_line(text)} in these records; there are: {listing(have, 20)}", 1)
        if not own:
            near = nearest(text, dict.fromkeys([*have, *vocabulary.entries])) or f"; there are: {listing(have, 20)}"
            raise ScriptError(f"--benchmark: {single_line(text)!r} is not known{near}")
        chosen += [row for row in own if row not in chosen]
    return (chosen if wanted else list(rows)), ids


def choose_metrics(
    rows: Sequence[RecordResult], ids: set[str], vocabulary: MetricMapping, every: bool = False
) -> tuple[list[RecordResult], list[str]]:
    """Of each record's metrics of one benchmark the main one, or the only one, or the one named by its result id.

    `every`: all of them.
    """
    groups: dict[tuple[Any, ...], list[RecordResult]] = {}
    for row in rows:
        groups.setdefault((row.run.file, row.run.name, row.entry.shots, row.entry.variant), []).append(row)
    chosen, left, notes = [], [], []
    for group in groups.values():
        named = [row for row in group if every or row.main or row.run.result_id in ids]
        if not named and len({row.entry.metric for row in group}) > 1:
            options = listing(sorted({row.run.result_id for row in group}), 20)
            raise ScriptError(
                f"{group[0].run.file}: several metrics; choose with --benchmark, by result id: {options}", 3
            )
        chosen += named or group
        left += [row.run.result_id for row in group if named and row not in named]
        known = vocabulary.entries.get(group[0].entry.key or group[0].parent or "") or {}
        if (
            not named and group[0].entry.metric and known.get("kind") == "benchmark"
        ):  # a category has no metric of its own
            notes.append(f"{group[0].entry.benchmark}: {group[0].entry.metric} is not the benchmark's main metric")
    notes += [f"left out, not the main metric: {listing(left)}"] if left else []
    wholes = {row.entry.key for row in chosen if row.entry.key}
    parts = [row for row in chosen if row.parent in wholes and row.run.result_id not in ids]
    notes += [f"left out, parts of a whole that is there: {listing(row.run.name for row in parts)}"] if parts else []
    return [row for row in chosen if row not in parts], notes


def with_wholes(
    rows: Sequence[RecordResult], ids: set[str], vocabulary: MetricMapping
) -> tuple[list[RecordResult], list[str]]:
    """The results with each complete set of parts as its benchmark, unless a part is asked for by its result id."""
    if any(row.run.result_id in ids for row in rows):
        return list(rows), []
    wholes, used, notes = whole_runs([row.run for row in rows], vocabulary)
    gone = {id(run) for run in used}
    kept = [row for row in rows if id(row.run) not in gone]
    for run in wholes:
        parts = [row for row in rows if id(row.run) in gone and row.run.key == run.key]
        own = next(row for row in parts if (row.run.metric, row.run.file) == (run.metric, run.file))
        marks = {pair for row in parts for pair in row.entry.dataset if pair[0] == OWN_FILES}
        known = vocabulary.entries[run.key]
        types = [(row, dict(row.entry.dataset).get("type", "")) for row in parts]
        other = (row for row, repo in types if "/" in repo and other_data(known, repo))
        data = next(other, own).entry.dataset
        entry = replace(
            own.entry,
            benchmark=vocabulary.title(run.key),
            value=run.written[0],
            key=run.key,
            dataset=(*(pair for pair in data if pair[0] not in ("config", OWN_FILES)), *marks),
        )
        kept.append(RecordResult(entry, run, parent=None, main=is_main_metric({"metric_id": run.metric}, known)))
    return kept, notes


def with_repeats(rows: Sequence[RecordResult]) -> tuple[list[RecordResult], list[str]]:
    """The results with the repeats of one state as one result: their mean."""
    merged, notes = merged_repeats([row.run for row in rows])
    own = {row.run.file + row.run.result_id: row for row in reversed(rows)}
    kept = []
    for run in merged:
        row = own[run.file + run.result_id]
        error = None if run.standard_error is None else run.standard_error / run.scale
        entry = replace(row.entry, value=run.written[0], standard_error=error)
        kept.append(replace(row, entry=entry, run=run))
    return kept, notes


def choose_runs(rows: Sequence[RecordResult], allowed: Allowed) -> tuple[list[RecordResult], list[str]]:
    """One result for each benchmark and settings: a full run before a partial one; unlike values are ScriptError 3."""
    groups: dict[tuple[Any, ...], list[RecordResult]] = {}
    for row in rows:
        groups.setdefault(row.place, []).append(row)
    chosen, notes = [], []
    for group in groups.values():
        full = [row for row in group if not row.run.incomplete]
        first = (full or group)[0]
        part = first.run.incomplete
        name = f"{first.entry.benchmark} ({first.entry.metric})"
        if not full and not allowed.partial:
            raise ScriptError(
                f"{first.run.file}: {name} is a partial run ({part}), a smoke test and no score; evaluate "
                "it in full, or say --allow-partial"
            )
        notes += [f"partial run, {part}: {name}, {first.entry.origin}"] if not full else []
        notes += [f"left out, partial: {row.entry.origin}" for row in group if full and row.run.incomplete]
        for other in (full or group)[1:]:
            if other.entry.value != first.entry.value or other.entry.unit != first.entry.unit:
                lines = difference_lines(setting_differences(first.run, other.run))
                how = f"with different settings ({'; '.join(lines[:3])})" if lines else "for the same settings"
                raise ScriptError(
                    f"{name}: {first.entry.value} in {first.run.file} and {other.entry.value} in {other.run.file}, "
                    f"{how}; remove the wrong record, or give the file of one run with --results",
                    code=3,
                )
            notes.append(f"the same result once more: {other.entry.origin}")
        chosen.append(first)
        notes += validity_notes(first, name, allowed)
    return chosen, notes


def validity_notes(row: RecordResult, name: str, allowed: Allowed) -> list[str]:
    """What is to be said of a result that is published; ScriptError(code=1) when the gate says no."""
    validity = row.run.validity
    if validity.reasons and not allowed.invalid:
        raise ScriptError(
            f"{row.run.file}: {name} is not published: {'; '.join(validity.reasons)}; evaluate it again, leave it out "
            "with --benchmark, or publish it all the same with --allow-invalid",
            code=1,
        )
    return [f"{name}: {text}" for text in (*validity.reasons, *validity.remarks) if not text.startswith("partial")]


# --- parts/board/elsewhere.py -----------------------------------------------------------------------------------------

EEE_VERSION = re.compile(r"0\.[23]\.\d+")
MOST_BYTES = 4_000_000  # of a record; one with hundreds of results has some
MOST_DOWNLOADS = 3_000  # files of a data set on the Hub that are fetched one by one
TOLD_PROBLEMS = 20
MOST_WIDE = 50_000_000  # bytes of a table with a row for each model
WIDE_NAMES = {"swePro_score": "SWE-bench Pro", "olmOcr_score": "olmOCR-bench"}  # columns not called as their benchmark
HUB_REMOTE = re.compile(
    r"(?:https://(?:[^/@\s?#]*@)?huggingface\.co/|(?:ssh://)?git@(?:hf|huggingface)\.co[/:])"
    r"datasets/([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


@dataclasses.dataclass(slots=True)
class Elsewhere:
    """What was found: rows, and the counts that metadata.json tells."""

    rows: list[BoardRow] = dataclasses.field(default_factory=list)
    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    unreadable: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def cannot_read(self, where: str, reason: object) -> None:
        self.counts["unreadable"] += 1
        if len(self.unreadable) < TOLD_PROBLEMS:
            self.unreadable.append({"model": "", "where": kept_text(where) or "", "reason": kept_text(reason) or ""})


def read_elsewhere(place: str, hub: HubReader, benchmarks: Benchmarks, models: Collection[str] | None) -> Elsewhere:
    """The results in a folder or a data set; of these models alone, when they are named."""
    folder = Path(place)
    if folder.is_dir():
        return read_eee_folder(folder, clone_address(folder), benchmarks, models)
    if not REPO_ID.fullmatch(place):
        raise ScriptError(f"--every-eval-ever {place}: no such folder, and no data set OWNER/NAME")
    folder, revision = fetch_eee_folder(place, hub, models)
    return read_eee_folder(folder, f"{hub.endpoint}/datasets/{place}/blob/{revision}", benchmarks, models)


def read_eee_folder(folder: Path, address: str, benchmarks: Benchmarks, models: Collection[str] | None) -> Elsewhere:
    """All records of a folder, one at a time; one that has not changed since the last time is not opened again."""
    import orjson

    found, names = Elsewhere(), ResultNames(benchmarks)
    wanted = None if models is None else {folder_of(model) for model in models}
    understood = orjson.dumps([address, dict(benchmarks.mapping)]) + Path(__file__).read_bytes()
    same: dict[Any, Any] = {}  # a text that many rows have is held once
    unchanged = 0
    with ReadBefore(folder, understood, whole=wanted is None) as before:
        for path, parts in eee_files(folder, wanted):
            where = "/".join(parts)
            found.counts["records"] += 1
            try:
                stamp = file_stamp(path)
                made = before.get(where, stamp)
                if made is None:
                    counts: Counter[str] = Counter()
                    record = strict_json_line(input_bytes(path, MOST_BYTES))
                    refuse_claims(Path(path), record)
                    rows = elsewhere_rows(record, where, address, names, counts)
                    made = orjson.dumps([[told_columns(row) for row in rows], counts])
                    before.put(where, stamp, made)
                else:
                    unchanged += 1
                    told, counts = orjson.loads(made)
                    rows = [dict.fromkeys(COLUMNS) | {k: same.setdefault(v, v) for k, v in row.items()} for row in told]
                found.counts.update(counts)
                found.rows += rows
            except (ScriptError, ValueError, TypeError, AttributeError, KeyError) as error:
                found.cannot_read(where, without_paths(str(error), Path(path)))
    if unchanged:
        note(f"{unchanged:,} of {found.counts['records']:,} records have not changed since the last time")
    if not found.counts["records"] and wanted is None:
        raise ScriptError(f"{folder}: no record at data/<collection>/<developer>/<model>/<uuid>.json", code=1)
    return found


def told_columns(row: BoardRow) -> BoardRow:
    """The columns of a row that say something."""
    return {name: value for name, value in row.items() if value is not None}


def eee_files(folder: Path, wanted: Collection[str] | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(path, its parts from data/ on) of the records below a folder, in the order of their names."""
    top = str(folder / "data" if (folder / "data").is_dir() else folder)
    if os.path.islink(top) and top != str(folder):
        refuse_link_away(top, os.path.realpath(top), folder)
    for collection in folders_in(top):
        for developer in folders_in(f"{top}/{collection}"):
            for model in folders_in(f"{top}/{collection}/{developer}"):
                if wanted is not None and f"{developer}/{model}".lower() not in wanted:
                    continue
                where = f"{top}/{collection}/{developer}/{model}"
                with os.scandir(where) as entries:
                    found = sorted((entry.name, entry.is_symlink()) for entry in entries)
                for name, link in found:
                    if name.endswith(".json") and not name.startswith("."):
                        if link:
                            refuse_link_away(f"{where}/{name}", os.path.realpath(f"{where}/{name}"), folder)
                        yield f"{where}/{name}", ("data", collection, developer, model, name)


def folders_in(path: str) -> list[str]:
    with os.scandir(path) as found:
        return sorted(e.name for e in found if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))


def folder_of(model: str) -> str:
    """The folder of a model in the layout, in lower case: developer/model, further slashes as underscores."""
    developer, _, rest = model.lower().partition("/")
    return f"{developer}/{rest.replace('/', '_').replace(':', '_')}"


def clone_address(folder: Path) -> str:
    """The web address of what lies in a clone of a data set on the Hub; empty when it is none."""
    config = configparser.RawConfigParser(strict=False)
    try:
        config.read_string(input_text(folder / ".git" / "config", MOST_BYTES))
        address = config.get('remote "origin"', "url", fallback="")
        head = input_text(folder / ".git" / "HEAD", MOST_BYTES).strip().rpartition("/")[2]
    except (ScriptError, ValueError, configparser.Error):
        return ""
    remote = HUB_REMOTE.fullmatch(address)
    return f"https://huggingface.co/datasets/{remote[1]}/blob/{quote(head)}" if remote else ""


# --- A record's results ---


@dataclasses.dataclass(slots=True)
class ResultNames:
    """From what a result calls itself to (key, why it is not comparable); each spelling is looked up once."""

    benchmarks: Benchmarks
    known: dict[tuple[str, ...], tuple[str | None, str | None]] = dataclasses.field(default_factory=dict)
    texts: dict[str, str | None] = dataclasses.field(default_factory=dict)

    def text(self, value: Any) -> str | None:
        """A foreign text as it is kept; each spelling is looked at, and held, once."""
        if not isinstance(value, str) or len(value) > 200:
            return kept_text(value)
        if value not in self.texts:
            self.texts[value] = kept_text(value)
        return self.texts[value]

    def find(self, name: str, data: Mapping[str, Any], metric: Mapping[str, Any], library: str) -> tuple[Any, Any]:
        dataset, repo = str(data.get("dataset_name") or ""), str(data.get("hf_repo") or "")
        word = told_metric(metric)
        asked = (name, dataset, repo, word, library)
        if asked not in self.known:
            self.known[asked] = self.look_for(*asked)
        return self.known[asked]

    def look_for(self, name: str, dataset: str, repo: str, word: str, library: str) -> tuple[str | None, str | None]:
        """By its name; by its data set where its name is that, a scorer's or a metric's."""
        vocabulary = self.benchmarks.vocabulary
        found = vocabulary.find_task(name, library)
        if found is None:
            found = vocabulary.find_data(name, {"dataset_name": dataset, "hf_repo": repo}, word)
        if found is None and repo and is_named_after(name, dataset, repo.rpartition("/")[2], word):
            key, why = self.benchmarks.of_dataset("", repo, "")
            found = (key, "") if key and not why else None
        if found is None:
            return None, None
        key, part = found
        entry = vocabulary.entries[key]
        if entry.get("kind") != "benchmark":
            return None, None
        if part:
            return key, f"a part of {entry['name']}: {part}"
        told = {"metric_id": word} if word else {}
        if word and not is_main_metric(told, entry) and not ranks(word, entry):
            return key, f"{word} is not the metric that {entry['name']} is ranked by"
        return key, other_data(entry, repo) or None


def elsewhere_rows(
    record: Mapping[str, Any], where: str, address: str, names: ResultNames, counts: Counter[str]
) -> list[BoardRow]:
    """The rows of a record for known benchmarks; ValueError when it is no record, or names no model."""
    results = record.get("evaluation_results")
    if not isinstance(results, list) or not EEE_VERSION.fullmatch(str(record.get("schema_version"))):
        raise ValueError(
            f"no record of Every Eval Ever 0.2 or 0.3 (schema_version {shorten(record.get('schema_version'))})"
        )
    model = model_name(names.text(record["model_info"].get("id")))
    source = mapping_of(record.get("source_metadata"))
    library = str(mapping_of(record.get("eval_library")).get("name") or "")
    own = kept_url(mapping_of(source.get("additional_details")).get("source_url"))
    page = f"{address}/{quote(where)}" if address else own or ""
    date = iso_time(record.get("evaluation_timestamp") or "")
    place = Provenance("reported", page, names.text(source.get("source_organization_name")), None, date)
    said_by = names.text(source.get("source_name"))
    rows = []
    for result in results:
        counts["results"] += 1
        name, data, metric = str(result["evaluation_name"]), result["source_data"], result["metric_config"]
        key, why_not = names.find(name, mapping_of(data), metric, library)
        if key is None:
            counts["no_benchmark"] += 1
            continue
        counts["kept"] += 1
        row = elsewhere_row(result, record, model, place, names, key)
        row["source_name"], row["notes"] = said_by, None if address else where
        row["why_not"] = why_not or row["why_not"] or other_measure(name, result, names.benchmarks.mapping[key])
        rows.append(row)
    return rows


def other_measure(name: str, result: Mapping[str, Any], known: Mapping[str, Any]) -> str | None:
    """Why a result is not comparable with others of its benchmark, as its direction and its settings say."""
    lower = result["metric_config"].get("lower_is_better")
    if isinstance(lower, bool) and lower is not known["lower_is_better"]:
        return f"{'less' if lower else 'more'} is better of it, as its record says"
    if is_of_raters(told_metric(result["metric_config"])):
        return OF_RATERS
    return USED_TOOLS if used_tools(name, result, known) else None


def elsewhere_row(
    result: Mapping[str, Any], record: Mapping[str, Any], model: str, place: Provenance, names: ResultNames, key: str
) -> BoardRow:
    """The row of one result; ValueError when its score is no finite number, or is outside the bounds that it states."""
    metric, details = result["metric_config"], result["score_details"]
    value, low, high = details["score"], metric.get("min_score"), metric.get("max_score")
    if not is_number(value):
        raise ValueError(f"the score is {shorten(value)}, not a finite number")
    if (is_number(low) and value < low) or (is_number(high) and value > high):
        raise ValueError(f"the score {value:g} is outside the bounds that it states, {low} to {high}")
    uncertainty = mapping_of(details.get("uncertainty"))
    error = mapping_of(uncertainty.get("standard_error")).get("value")
    settings = mapping_of(mapping_of(result.get("generation_config")).get("additional_details"))
    unit = stated_unit(metric)
    limit = limit_of(result, record)
    return new_row(
        model,
        place,
        "record",
        benchmark=key,
        benchmark_name=names.text(result["evaluation_name"]),
        source_task=names.text(result.get("evaluation_result_id") or result["evaluation_name"]),
        value=float(value),
        unit=unit,
        unit_basis="stated" if unit else None,
        metric=names.text(told_metric(metric) or None),
        shots=f"{settings['few_shot']}-shot" if re.fullmatch(r"\d{1,3}", str(settings.get("few_shot", ""))) else None,
        standard_error=float(error) if is_number(error) and error >= 0 else None,
        n=kept_count(uncertainty.get("num_samples")),
        why_not=f"a partial run (limit {kept_text(limit, 40)}), no score" if limit else None,
    )


# --- A data set on the Hub ---


def fetch_eee_folder(dataset: str, hub: HubReader, models: Collection[str] | None) -> tuple[Path, str]:
    """(folder, commit) with the records of a data set on the Hub, fetched into the client's cache.

    ScriptError (3) with the command for a clone when there are more than one by one is reasonable.
    """
    from huggingface_hub import snapshot_download

    wanted = None if models is None else {folder_of(model) for model in models}
    try:
        sha = hub.api.dataset_info(dataset, expand=["sha"]).sha
        tree = hub.api.list_repo_tree(dataset, "data", repo_type="dataset", revision=sha, recursive=True)
        paths = [item.path for item in tree if is_record_path(item.path, wanted)]
        if len(paths) > MOST_DOWNLOADS:
            folder = dataset.rpartition("/")[2]
            raise ScriptError(
                f"{dataset} has {len(paths):,} records of these models, too many to fetch one by one; clone it: "
                f"GIT_LFS_SKIP_SMUDGE=1 git clone --depth 1 https://huggingface.co/datasets/{dataset}; then "
                + option_words("--every-eval-ever", folder),
                code=3,
            )
        note(f"{dataset}: fetching {len(paths)} records")
        root = snapshot_download(dataset, repo_type="dataset", revision=sha, allow_patterns=paths or ["data/none"])
    except ScriptError:
        raise
    except Exception as error:
        raise ScriptError(f"--every-eval-ever {dataset}: {trouble(error)}") from error
    return Path(root), sha


def is_record_path(path: str, wanted: Collection[str] | None) -> bool:
    parts = path.split("/")
    layout = len(parts) == 5 and parts[-1].endswith(".json")
    return layout and (wanted is None or "/".join(parts[2:4]).lower() in wanted)


# --- One table of many benchmarks, as OpenEvals/leaderboard-data has it ---


def read_wide(place: str, hub: HubReader, benchmarks: Benchmarks, models: Collection[str] | None) -> Elsewhere:
    """The scores of a Parquet file, or of a data set that is one; of these models alone, when they are named.

    It has `model_name` (or `model_id`), the id on the Hub, and a `<benchmark>_score` for some official Benchmarks, from
    0 to 100: https://huggingface.co/docs/hub/leaderboard-data-guide. Which one a column is must be certain.
    """
    path, url = (Path(place), "") if Path(place).is_file() else fetch_wide(place, hub)
    found = Elsewhere()
    named = Provenance("reported", url, place.partition("/")[0] if url else None, None)
    by_column: dict[str, str | None] = {}
    for number, line in enumerate(wide_rows(path)):
        model = next(
            (line[name] for name in ("model_name", "model_id") if REPO_ID.fullmatch(str(line.get(name)))), None
        )
        if model is None:
            found.cannot_read(f"row {number}", f"it names no model of the Hub: {shorten(line.get('model_name'))}")
        elif models is None or model in models:
            found.counts["records"] += 1
            for column, value in line.items():
                if value is None or not column.endswith("_score") or column == "aggregate_score":
                    continue
                found.counts["results"] += 1
                name = WIDE_NAMES.get(column, column.removesuffix("_score"))
                key = by_column.setdefault(column, benchmarks.by_name(name))
                if key is None or not is_number(value):
                    found.counts["no_benchmark"] += 1
                    continue
                found.counts["kept"] += 1
                row = new_row(model, named, "record", benchmark=key, benchmark_name=name, source_task=column)
                row |= {"value": float(value), "source_name": place if url else path.name}
                if not benchmarks.mapping[key].get("hub"):
                    row["why_not"] = f"{column}: which official Benchmark, and which task of it, is not said"
                found.rows.append(row)
    return found


def wide_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file with a model and scores in each; ScriptError when it is none."""
    import duckdb

    open_input(path, MOST_WIDE).close()
    try:
        with new_engine() as engine:
            table = parquet_table(engine, path)
            kinds = dict(zip(table.columns, map(str, table.types), strict=True))
            ids = [name for name in ("model_name", "model_id") if kinds.get(name) == "VARCHAR"]
            scores = [name for name in kinds if name.endswith("_score")]
            if not ids or not scores:
                raise ScriptError(f"{path}: no model_name and no ..._score among its columns")
            check_table(engine, path, ids)
            names, wanted = [*ids, *scores], [quoted(name) for name in ids]
            for name in scores:  # what is no number is never taken, but counted
                number = re.fullmatch(r"U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|FLOAT|DOUBLE", kinds[name])
                wanted.append(quoted(name) if number else f"CASE WHEN {quoted(name)} IS NOT NULL THEN '' END")
            table.create_view("scores")
            answer = engine.execute(f"SELECT {', '.join(wanted)} FROM scores")
            while lines := answer.fetchmany(1000):
                yield from (dict(zip(names, line, strict=True)) for line in lines)
    except duckdb.Error as error:
        raise ScriptError(f"{path}: no Parquet file that can be read: {kept_text(error)}") from error


def fetch_wide(dataset: str, hub: HubReader) -> tuple[Path, str]:
    """(file, its address) of a data set with one Parquet file, fetched into the client's cache."""
    if not REPO_ID.fullmatch(dataset):
        raise ScriptError(f"--leaderboard-data {dataset}: no such file, and no data set OWNER/NAME")
    try:
        sha = hub.api.dataset_info(dataset, expand=["sha"]).sha
        tree = hub.api.list_repo_tree(dataset, repo_type="dataset", revision=sha, recursive=True)
        sizes = {item.path: item.size for item in tree if item.path.endswith(".parquet")}
        if len(sizes) != 1:
            raise ScriptError(f"--leaderboard-data {dataset}: it has {len(sizes)} Parquet files, and not one")
        ((name, size),) = sizes.items()
        if size > MOST_WIDE:
            raise ScriptError(f"--leaderboard-data {dataset}: {name} has {size:,} bytes, more than {MOST_WIDE:,}")
        path = hub.api.hf_hub_download(dataset, name, repo_type="dataset", revision=sha)
    except ScriptError:
        raise
    except Exception as error:
        raise ScriptError(f"--leaderboard-data {dataset}: {trouble(error)}") from error
    return Path(path), f"{hub.endpoint}/datasets/{dataset}/blob/{sha}/{quote(name)}"


# --- parts/hub/benchmarks.py ------------------------------------------------------------------------------------------

FRESH_HOURS = 24
LIST_SCHEMA = 1


@dataclasses.dataclass(frozen=True, slots=True)
class BenchmarkSource:
    """How the Hub is asked. `listed` gives (data set id, commit, gated) of each; errors of both are the client's."""

    listed: Callable[[], Iterable[tuple[str, str | None, bool]]]
    eval_yaml: Callable[[str, str | None], bytes]  # of a data set at a commit
    endpoint: str
    reader: str = ""  # the token: what one may see is not for another


def official_benchmarks(
    source: BenchmarkSource,
    offline: str = "",
    refresh: bool = False,
    pool: Executor | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> OfficialList:
    """The official Benchmarks, as fresh as they can be had: kept for a day, then asked for again.

    `offline`: why nothing is to be asked. `refresh` asks although a list of today is kept. `pool`: who asks; else four.
    `meanwhile` is called while the answers are on their way.
    """
    kept = kept_list(cache_file(source))
    if offline:
        return newest_kept(kept, offline)
    if kept and kept.basis == "cache" and not refresh:
        return kept
    try:
        rows = [row for row in source.listed() if isinstance(row[0], str)]
    except Exception as error:  # whatever the client raises: a list that is kept or shipped is better than none
        return newest_kept(kept, why_not_asked(error))
    if not rows:  # what the client makes of an answer of another form, too
        return newest_kept(kept, "the Hub lists none")
    if pool is None:
        with ThreadPoolExecutor(4) as own:
            return ask_each(source, rows, kept, own, meanwhile)
    return ask_each(source, rows, kept, pool, meanwhile)


def ask_each(
    source: BenchmarkSource,
    rows: list[tuple[str, str | None, bool]],
    kept: OfficialList | None,
    pool: Executor,
    meanwhile: Callable[[], object],
) -> OfficialList:
    """The listed data sets with their eval.yaml, the unchanged ones from what is kept; kept for a day."""
    shipped = shipped_list()

    def one(row: tuple[str, str | None, bool]) -> OfficialBenchmark:
        dataset_id, sha, gated = row
        old = kept.get(dataset_id) if kept else None
        if old and sha and old.sha == sha and old.tasks and not old.problem:
            return dataclasses.replace(old, gated=gated)
        return ask_one(source, dataset_id, sha, gated, old or shipped.get(dataset_id))

    answers = pool.map(one, rows)  # all are asked from now on
    meanwhile()
    found = list(answers)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    answer = OfficialList({row.dataset_id.lower(): row for row in found}, now, "hub")
    keep_list(cache_file(source), answer)
    return answer


def ask_one(
    source: BenchmarkSource, dataset_id: str, sha: str | None, gated: bool, old: OfficialBenchmark | None
) -> OfficialBenchmark:
    """One data set's eval.yaml; where it cannot be read, what was known of it before, with the reason."""
    try:
        text = source.eval_yaml(dataset_id, sha).decode("utf-8")
    except Exception as error:  # gated, gone, damaged, the network: the others are read all the same
        why = "gated, and this token has no access" if gated else why_not_asked(error)
        blank = OfficialBenchmark(dataset_id)
        return dataclasses.replace(
            old or blank, dataset_id=dataset_id, sha=sha, gated=gated, problem=f"eval.yaml: {why}"
        )
    return parse_eval_yaml(text, dataset_id, sha=sha, gated=gated)


def why_not_asked(error: BaseException) -> str:
    """Why the Hub could not be asked, in a few words without anything secret."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status:
        return f"the Hub answered {status}"
    return single_line(error)[:120] if isinstance(error, ScriptError) else f"{type(error).__name__}"


# --- What is kept ---


def cache_file(source: BenchmarkSource) -> Path:
    """Where the list of this Hub, as this token sees it, is kept."""
    from huggingface_hub import constants

    name = hashlib.sha256(f"{source.endpoint} {source.reader}".encode()).hexdigest()[:16]
    return Path(constants.HF_HOME) / "hub-evals" / f"benchmarks-{name}.json"


def newest_kept(kept: OfficialList | None, reason: str) -> OfficialList:
    """What is kept, however old, else what is shipped; both say their date and why."""
    if kept is None:
        return dataclasses.replace(shipped_list(), reason=reason)
    return dataclasses.replace(kept, reason=reason)


def kept_list(path: Path) -> OfficialList | None:
    """The kept list; None when there is none, or it is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != LIST_SCHEMA:
            return None
        rows = [benchmark_from_json(row) for row in data["benchmarks"]]
        age = time.time() - datetime.fromisoformat(data["as_of"]).timestamp()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    basis = "cache" if 0 <= age < FRESH_HOURS * 3600 else "stale"
    return OfficialList({row.dataset_id.lower(): row for row in rows}, data["as_of"], basis)


def keep_list(path: Path, found: OfficialList) -> None:
    """Keep a list; a full or read-only disk is no reason to stop."""
    rows = [dataclasses.asdict(row) | {"tasks": [[t.id, t.config, t.split] for t in row.tasks]} for row in
            found.benchmarks.values()]  # fmt: skip
    try:
        write_whole(path, json.dumps({"schema": LIST_SCHEMA, "as_of": found.as_of, "benchmarks": rows}))
    except ScriptError:
        return


# --- parts/metadata/plan.py -------------------------------------------------------------------------------------------

PLAN_SCHEMA = "2"
FORMATS = ("model-index", "eval-results", "both")
TARGET = re.compile(r"|main|new-pr|pr/[1-9]\d{0,8}|card:.{1,4000}")


@dataclass(frozen=True, slots=True)
class Conflict:
    """A result that is there with another value."""

    where: str  # "README.md model-index[0].results[3].metrics[0].value", ".eval_results/hle.yaml[0].value"
    benchmark: str
    there: Any
    new: Any
    doubt: str = ""  # why it is not certain that both are one result
    samples: int | None = None  # of the new value
    standard_error: float | None = None
    source: str = ""  # what becomes of its source, when it is another's

    def __str__(self) -> str:
        told = [f"n = {self.samples:,}"] if self.samples else []
        told += [f"standard error {self.standard_error:.2g}"] if self.standard_error else []
        more = f" ({', '.join(told)})" if told else ""
        doubt = "".join(f"; {text}" for text in (self.doubt, self.source) if text)
        new = f"{person_number(self.new, None):.12g}" if isinstance(self.new, float) else self.new
        return f"there is {self.there}, the new value is {new}{more}{doubt}"


@dataclass(slots=True)
class Plan:
    """What is to be on the Hub: a repo, the results, where they go. `render_plan` makes what is written of them."""

    repo_id: str
    entries: list[Entry]
    formats: str = "both"
    task_type: str = "text-generation"
    dataset_name: str | None = None
    source: str = ""  # "the model card's tables", for the description
    notes: list[str] = field(default_factory=list)  # what the source leaves out, and why
    replace: bool = False
    beside: list[str] = field(default_factory=list)  # results to be written beside another that may be the same
    scales: dict[str, str] = field(default_factory=dict)  # answers about scales: key, or "" for all -> answer
    official: dict[str, str] = field(default_factory=dict)  # answers about places: name -> DATASET:TASK or "none"
    own_harness: list[str] = field(default_factory=list)  # names of results of a Benchmark's own harness
    target: str = ""  # "main", "new-pr", "pr/3", "card:FILE"; empty: not said yet
    created: str = ""
    parent: str | None = None  # the commit that it was made against
    card: str | None = None  # git's id of the body of the card that it was made against, as a blob
    seal: str = ""  # on where it goes and what was answered, as it was read; `saved_plan` makes it
    results_seal: str = ""  # on its results and where they were read, likewise
    # Made of the above, never saved:
    model_index: list[dict[str, Any]] = field(default_factory=list)  # as in model-index[0].results; one for each entry
    eval_results: dict[str, list[dict[str, Any]]] = field(default_factory=dict)  # path -> its one entry
    made_of: dict[str, Entry] = field(default_factory=dict)  # path -> the result in it
    remarks: list[str] = field(default_factory=list)  # what was filled in, converted or left out
    questions: list[str] = field(default_factory=list)  # what a person has to decide before it is applied
    measures: Measures | None = field(default=None, repr=False, compare=False)
    changed: bool = False  # its results may be another's than this program's: what they come from is read again

    def as_json(self) -> dict[str, Any]:
        saved = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in MADE}
        return {
            "schema_version": PLAN_SCHEMA,
            **saved,
            "entries": [dataclasses.asdict(entry) for entry in self.entries],
        }


NONE_COUNTS = (
    "none of them counts on an official Benchmark of the Hub: nothing goes to .eval_results, no leaderboard ranks them "
    "(`evaluation_manager.py benchmarks` lists those that count)"
)
MADE = ("model_index", "eval_results", "made_of", "remarks", "questions", "measures", "changed")
MODEL_CARD = "Model card"  # a source's name, without the table's number, which changes when the card does
PLAN_ITSELF = "the plan itself"  # where a conflict is that has nothing to do with what is there
BY_HAND = "by hand"  # the origin of a result that a person wrote into a plan


@dataclass(slots=True)
class RepoState:
    """What a repo, or a local clone, has now."""

    sha: str | None
    card: bytes | None  # None: there is no README.md
    files: dict[str, str] = field(default_factory=dict)  # .eval_results/*.yaml: path -> text
    name: str = "README.md"  # what messages call the card
    moved_to: str = ""  # the repo's name now, when it has been renamed
    closed: str = ""  # "archived" or "disabled": the Hub says that nobody may write to it
    unread: dict[str, str] = field(default_factory=dict)  # files of .eval_results that are no text: path -> why


@dataclass(slots=True)
class Change:
    """What a plan does to a repo's present state; nothing, when it is all there."""

    files: dict[str, bytes] = field(default_factory=dict)  # path -> new content
    added: list[str] = field(default_factory=list)
    same: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)  # those that are added or replaced in one format at least
    replaced: list[Conflict] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    questions: list[str] = field(default_factory=list)


def card_entries(
    scores: Sequence[Score], repo_id: str, task_type: str | None = None, hub: str = "https://huggingface.co"
) -> list[Entry]:
    """The scores of a card's tables as results to publish; their source is the card itself, and so is their task."""
    return [
        Entry(
            benchmark=score.benchmark,
            value=score.value,
            origin=f"table {score.table}, row {score.row}, column {score.column}",
            key=score.key,
            unit=score.unit,
            metric=score.metric,
            shots=score.shots,
            variant=score.notes,
            task_type=task_type,
            source_name=MODEL_CARD,
            source_url=f"{hub}/{repo_id}",
        )
        for score in scores
    ]


def dashed(text: str, separator: str = "-") -> str:
    """A text as a part of an id; C, C++ and C# are three."""
    told = re.sub(r"(?<=\b[cf])#", "sharp", re.sub(r"(?<=[\w+])\+", "plus", text.lower()))
    return re.sub(r"[\W_]+", separator, told, flags=re.ASCII).strip(separator)


def model_index_results(
    entries: Sequence[Entry], mapping: Mapping[str, Any], task_type: str, dataset_name: str | None
) -> list[dict[str, Any]]:
    """The results as `model-index[].results` of a card's metadata; values as the source gives them.

    Format: https://github.com/huggingface/hub-docs/blob/main/modelcard.md (task, dataset, metrics, source).
    """
    results = []
    for entry in entries:
        known = (mapping.get(entry.key or "") or {}).get("model_index") or {}
        said = dict(entry.dataset)
        own = said if "/" in said.get("type", "") or OWN_FILES in said or not known else known
        name = dataset_name or (None if OWN_FILES in said else known.get("name")) or said.get("name") or entry.benchmark
        dataset = {"name": name, "type": dashed(name) or "benchmark"}
        if not dataset_name:
            dataset["type"] = own.get("type") or dataset["type"]
            dataset |= {key: str(own[key]) for key in ("config", "split", "revision") if own.get(key)}
            if own is said and own.get("type") == known.get("type"):  # the same data set: what the source left open
                dataset |= {key: known[key] for key in ("config", "split") if known.get(key) and not own.get(key)}
        metric: dict[str, Any] = {
            "type": metric_type(entry.metric) or known.get("metric_type") or "score",
            "name": entry_name(entry),
            "value": person_number(entry.value, entry.unit),
        }
        if shots := re.match(r"(\d+)-shot", entry.shots or ""):
            metric["args"] = {"num_few_shot": int(shots[1])}
        result = {"task": {"type": entry.task_type or task_type}, "dataset": dataset, "metrics": [metric]}
        if entry.source_url:  # the Hub's client cannot load a card that names a source without a URL
            result["source"] = {"name": entry.source_name or entry.source_url, "url": entry.source_url}
        results.append(result)
    return results


def filled_in(entry: Entry, mapping: Mapping[str, Any]) -> str | None:
    """What the source does not say about a result and the vocabulary fills in, for people; None: nothing."""
    known = (mapping.get(entry.key or "") or {}).get("model_index") or {}
    if OWN_FILES in dict(entry.dataset) and "/" in str(known.get("type")):
        return f"{entry.benchmark}: {NOT_THE_HUBS}, which is not named as its data"
    said = dict(entry.dataset) if "/" in dict(entry.dataset).get("type", "") else {}
    parts = [f"metric {known['metric_type']}"] if known.get("metric_type") and not metric_type(entry.metric) else []
    if said.get("type", known.get("type")) == known.get("type"):
        more = [f"{key} {known[key]}" for key in ("config", "split") if known.get(key) and not said.get(key)]
        parts += [*([] if said or "/" not in str(known.get("type")) else [f"data set {known['type']}"]), *more]
    return f"{entry.benchmark}: not said by the source, filled in: {', '.join(parts)}" if parts else None


def eval_result_files(
    entries: Sequence[Entry], placing: Placing
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Entry], list[str], list[str]]:
    """The results as `.eval_results/*.yaml`, one file for each benchmark and variant; what is to be known of others.

    Format: https://github.com/huggingface/hub-docs/blob/main/eval_results.yaml. Only a result of an official Benchmark
    has a file. Of several settings of one benchmark each has a file of its own with the setting as its note. Returns
    the files, what each is made of, notes, and the questions that a person has to answer.
    """
    from huggingface_hub import EvalResultEntry, eval_result_entries_to_yaml

    ours: dict[OfficialPlace, list[Entry]] = {}
    notes: list[str] = []
    questions: list[str] = []
    for entry in entries:
        match = placing.match(entry)
        if match.candidates:
            questions.append(placing.question(entry, match))
        elif match.place is None:
            notes += [f"not in .eval_results: {entry.benchmark}: {match.why}"] if not match.no_benchmark else []
        elif other := other_metric(entry, placing.mapping):
            notes.append(f"not in .eval_results: {entry.benchmark} ({entry.metric}): {other}")
        else:
            ours.setdefault(match.place, []).append(entry)
            if not match.place.how.startswith("metric_mapping.json"):
                what = f"{match.place.dataset_id}, task {match.place.task_id}"
                notes.append(f"{entry.benchmark}: counts on {what}, by {match.place.how}")
    files: dict[str, list[dict[str, Any]]] = {}
    made_of: dict[str, Entry] = {}
    for place, group in ours.items():
        several = len({settings_text(entry) for entry in group}) > 1
        for entry in group:
            note_text = (settings_text(entry) if several else entry.variant) or None
            url = entry.source_url
            result = EvalResultEntry(
                dataset_id=place.dataset_id,
                task_id=place.task_id,
                value=person_number(entry.value, entry.unit),
                date=entry.date,
                source_url=url,
                source_name=entry.source_name if url else None,
                notes=note_text,
            )
            path = f"{EVAL_RESULTS}{place.stem}{'_' + dashed(note_text, '_') if note_text else ''}.yaml"
            row = eval_result_entries_to_yaml([result])
            if path in files and files[path][0]["value"] != row[0]["value"]:
                files[path] = files[path] + row  # two values for one place: merge_files asks
            else:
                files[path], made_of[path] = row, entry
    return files, made_of, notes, questions


def other_metric(entry: Entry, mapping: Mapping[str, Any]) -> str:
    """Why a result is not what its Benchmark's leaderboard ranks, as far as the vocabulary knows; else nothing."""
    known = mapping.get(entry.key or "") or {}
    ranked = known.get("unit") != "proportion" or counts_right_answers(entry.metric, known)
    return "" if ranked else "not the metric that its leaderboard ranks"


def counts_right_answers(metric: str | None, known: Mapping[str, Any]) -> bool:
    return normalize_name(metric or "") in RIGHT_ANSWERS | {normalize_name(known.get("metric") or "")}


def settings_text(entry: Entry) -> str:
    return ", ".join(filter(None, (entry.shots, entry.variant)))


def make_plan(
    repo_id: str,
    entries: Sequence[Entry],
    mapping: Mapping[str, Any],
    *,
    placing: Placing | None,
    formats: str,
    task_type: str,
    dataset_name: str | None = None,
    source: str = "",
    notes: Sequence[str] = (),
    replace: bool = False,
    beside: Sequence[str] = (),
) -> Plan:
    """What the results are in the wanted formats; the same results make the same plan.

    `placing` finds results their places in .eval_results; without it there are none.
    """
    plan = Plan(repo_id, list(dict.fromkeys(entries)), formats, task_type, dataset_name, source, list(notes), replace)
    plan.beside = list(beside)
    if placing:
        plan.official, plan.own_harness = dict(placing.answers), sorted(placing.own_harness)
    return render_plan(plan, mapping, placing)


def render_plan(plan: Plan, mapping: Mapping[str, Any], placing: Placing | None) -> Plan:
    """The plan with what would be written, made of its entries: in the wanted formats, and what was filled in."""
    plan.model_index, plan.eval_results, plan.made_of, plan.remarks, plan.questions = [], {}, {}, [], []
    plan.measures = known_measures(mapping)
    plan.entries, repeated = written_once(plan.entries, plan.measures)
    plan.notes += [text for text in repeated if text not in plan.notes]
    for entry in plan.entries:
        if without_secrets(texts := json.dumps(dataclasses.asdict(entry), ensure_ascii=False, default=str)) != texts:
            raise ScriptError(f"{entry.origin}: a text of this result has the form of a token; nothing is published")
    if plan.formats in ("model-index", "both"):
        plan.model_index = model_index_results(plan.entries, mapping, plan.task_type, plan.dataset_name)
    if placing is not None and plan.formats in ("eval-results", "both"):
        plan.eval_results, plan.made_of, more, plan.questions = eval_result_files(plan.entries, placing)
        plan.remarks += more
        if plan.entries and not plan.eval_results and not plan.questions:
            plan.remarks.append(NONE_COUNTS)
    return plan


def written_once(entries: Sequence[Entry], measures: Measures) -> tuple[list[Entry], list[str]]:
    """The results, one that is given several times once, as the one that says most; and what was taken for one.

    Two are one when their values are, whatever scale and rounding they have, and one says nothing that the other does
    not. Two rows of one table that say unlike much are two results: their author tells them apart.
    """
    groups: dict[Any, list[tuple[Entry, Measure]]] = {}
    for entry in entries:
        measure = measures.of_entry(entry)
        groups.setdefault((measure.keys, measure.names), []).append((entry, measure))
    fuller: dict[Entry, Entry] = {}
    for group in groups.values():
        ranked = sorted(group, key=lambda pair: fullness(*pair, measures), reverse=True)
        for number, (entry, measure) in enumerate(ranked):
            for other, more in ranked[:number]:
                if other not in fuller and is_said_by(entry, measure, other, more, measures):
                    fuller[entry] = other
                    break
    notes = [
        f"{entry.benchmark}: {person_number(entry.value, entry.unit):.12g} ({entry.origin}) is the same result as "
        f"{entry_name(other)} {person_number(other.value, other.unit):.12g} ({other.origin}), written once, as there"
        for entry, other in fuller.items()
    ]
    return [entry for entry in entries if entry not in fuller], notes


def fullness(entry: Entry, measure: Measure, measures: Measures) -> tuple[int, float]:
    """How much a result says: its settings, then the digits of its value."""
    said = (measure.metric, measure.variant, measure.split, measure.revision)
    value = written(entry.value, entry.unit)
    exact = -readings(value, measures.is_open(measure), False)[0][1] if value else 0.0
    return sum(map(bool, said)) + (measure.shots is not None), exact


def is_said_by(entry: Entry, mine: Measure, other: Entry, more: Measure, measures: Measures) -> bool:
    """Whether a result is another one that says as much or more."""
    pairs = [(getattr(mine, name), getattr(more, name)) for name in ("metric", "shots", "variant", "split", "revision")]
    if len(mine.keys) > 1 or mine.part != more.part or measures.relation(mine, more) == OTHER:
        return False
    if any(one not in ("", None) and one != two for one, two in pairs):
        return False
    table = entry.origin.partition(",")[0]
    if mine != more and table.startswith("table ") and table == other.origin.partition(",")[0]:
        return False
    one, two = written(entry.value, entry.unit), written(other.value, other.unit)
    return one is not None and two is not None and agree(one, two, measures.is_open(more))


def plan_from_json(data: Any, name: str) -> Plan:
    """A saved plan, or the `plan` of a saved answer; `render_plan` makes of it what is written.

    ScriptError when it is none, was made by another version, or holds more than results and where they go.
    """
    data = data.get("plan", data) if isinstance(data, dict) else data
    if not isinstance(data, dict) or data.get("schema_version") != PLAN_SCHEMA:
        raise ScriptError(f"{name}: no plan of schema {PLAN_SCHEMA}; make one with --output FILE.json")
    try:
        known = {f.name for f in dataclasses.fields(Plan)} - set(MADE)
        parts = {key: value for key, value in data.items() if key != "schema_version"}
        if unknown := set(parts) - known:
            raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
        entries = [
            Entry(**{**entry, "dataset": tuple((str(k), str(v)) for k, v in entry.get("dataset", ()))})
            for entry in parts.pop("entries")
        ]
        plan = Plan(entries=entries, **parts)
        check_plan(plan)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ScriptError(f"{name}: no valid plan: {single_line(error)}; make it anew") from error
    return plan


def check_plan(plan: Plan) -> None:
    """ValueError when a plan is no plan of results: it may have been edited since it was saved."""
    if not REPO_ID.fullmatch(plan.repo_id):
        raise ValueError(f"repo_id is {plan.repo_id!r}")
    texts = (plan.source, plan.created, plan.parent or "", plan.card or "", plan.task_type, plan.dataset_name or "")
    lists = (plan.notes, plan.beside, plan.own_harness, [*plan.scales, *plan.scales.values()])
    if not all(isinstance(item, list) for item in lists):
        raise ValueError("notes, beside and own_harness are lists")
    answers = (*plan.official, *plan.official.values(), plan.seal, plan.results_seal)
    if not all(isinstance(text, str) for text in (*texts, *answers, *itertools.chain(*lists))):
        raise ValueError("a text is no text")
    if not isinstance(plan.replace, bool) or not TARGET.fullmatch(plan.target) or plan.formats not in FORMATS:
        raise ValueError("replace, target or formats is none")
    if not set(plan.scales.values()) <= {"percent", "proportion", "as-is"}:
        raise ValueError("scales holds something else than percent, proportion or as-is")
    for number, entry in enumerate(plan.entries):
        check_number(entry.value, f"entries[{number}].value")
        for part in ("samples", "standard_error"):
            if getattr(entry, part) is not None:
                check_number(getattr(entry, part), f"entries[{number}].{part}")
            if (getattr(entry, part) or 0) < 0:
                raise ValueError(f"entries[{number}].{part} is below 0")
        if not isinstance(entry.lower_is_better, bool | None):
            raise ValueError(f"entries[{number}].lower_is_better is neither true nor false")
        moment = moment_in(entry.date)
        if moment is not None and moment > time.time() + CLOCKS_APART:
            raise ValueError(f"entries[{number}].date is {entry.date}, which is in the future")
        for part in dataclasses.fields(Entry):
            plain = part.name not in ("value", "dataset", "samples", "standard_error", "lower_is_better")
            if plain and not isinstance(getattr(entry, part.name), str | None):
                raise ValueError(f"entries[{number}].{part.name} is no text")
        if entry.source_url and not web_url(entry.source_url):
            raise ValueError(f"entries[{number}].source_url is no address")
        told = [str(getattr(entry, part.name)) for part in dataclasses.fields(Entry) if part.name != "dataset"]
        if any(len(text) > 500 for text in told) or any(
            len(str(text)) > 200 for pair in entry.dataset for text in pair
        ):
            raise ValueError(f"entries[{number}] has a text without measure")
    if unreadable := re.search("[\ud800-\udfff]", json.dumps(plan.as_json(), ensure_ascii=False)):
        raise ValueError(f"{unreadable[0]!r} is no character")


def check_number(value: Any, where: str) -> None:
    if not is_number(value):
        raise ValueError(f"{where}: {single_line(repr(value))[:60]} is no number")


def written_value(plan: Plan, entry: Entry) -> float:
    """A result's value in the unit in which it is written, which the leaderboard may have decided."""
    rows = [plan.eval_results[path][0]["value"] for path, own in plan.made_of.items() if own == entry]
    if plan.model_index:
        rows.append(plan.model_index[plan.entries.index(entry)]["metrics"][0]["value"])
    return rows[-1] if rows else person_number(entry.value, entry.unit)


def entry_name(entry: Entry) -> str:
    """A result's name with its settings, each once: "GSM8K (5-shot)", "HLE (w/ tools)"."""
    said = normalize_name(entry.benchmark)
    variant = None if normalize_name(entry.variant or "").removeprefix("with") in said else entry.variant
    settings = ", ".join(filter(None, (entry.metric, entry.shots, variant)))
    return f"{entry.benchmark} ({settings})" if settings else entry.benchmark


# --- parts/metadata/scale.py ------------------------------------------------------------------------------------------

MOST_PERCENT = 200.0  # an error rate can be above 100 %
MOST_MARK = 10.0
SEVERAL_TRIES = re.compile(r"(?i)(?:pass|maj(?:ority)?|cons|best|any)(?:[@_]|_?of_?|_at_)(?!1\b)\d+")


@dataclass(frozen=True, slots=True)
class Leaderboard:
    """What the Hub says of a dataset as a Benchmark: its tasks, and the scale that its leaderboard is in."""

    dataset_id: str
    tasks: tuple[str, ...] = ()  # none: not known
    scale: str | None = None  # "percent", "proportion", "points" (no shares); None: nobody has a result yet
    plain: bool = False  # the scale is said by its eval.yaml, or by three results that agree
    reason: str = ""  # why it is no Benchmark
    entries: int = 0
    lower_is_better: bool | None = None  # None: neither its eval.yaml nor its order says


def leaderboard_scale(values: Sequence[Any]) -> str | None:
    """The scale of the values that others have: percent when any is above 1, points when some are no percentages."""
    numbers = finite_numbers(values)
    if not numbers or max(map(abs, numbers)) > MOST_PERCENT:
        return "points" if numbers else None
    return "percent" if max(numbers) > 1 else "proportion"


def is_plain(values: Sequence[Any]) -> bool:
    """Whether three results at least agree on the scale; a share of 1 % or less among percentages is rare.

    Numbers from 1 to 10 may be percentages, and marks.
    """
    numbers = finite_numbers(values)
    above = sum(number > 1 for number in numbers)
    percent = above >= 3 and 10 * (len(numbers) - above) <= len(numbers) and max(numbers) > MOST_MARK
    return len(numbers) >= 3 and (not above or percent)


def finite_numbers(values: Sequence[Any]) -> list[float]:
    return [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool) and math.isfinite(v)]


def ranked_downwards(values: Sequence[float]) -> bool | None:
    """Whether less is better, by the order in which a leaderboard has its values; None when it cannot be told."""
    down, up = sorted(values, reverse=True), sorted(values)
    if len(set(values)) < 2 or list(values) not in (down, up):
        return None
    return list(values) == up


def settle(plan: Plan, boards: Mapping[str, Leaderboard], scales: Mapping[str, str]) -> list[str]:
    """Fit the plan's .eval_results to what the Hub's Benchmarks are; the questions that only a person can answer.

    `scales` holds the answers, by key or "" for all. The same result in model-index gets the same unit; so does one
    that no leaderboard ranks, when an answer names its unit.
    """
    questions = []
    for path, rows in list(plan.eval_results.items()):
        row = rows[0]
        board = boards.get(row["dataset"]["id"])
        if board is None:
            continue
        task = row["dataset"]["task_id"]
        if not board.reason and task not in board.tasks and len(board.tasks) == 1:
            row["dataset"]["task_id"] = task = board.tasks[0]  # the dataset's own eval.yaml decides
        if board.reason or (board.tasks and task not in board.tasks):
            reason = board.reason or f"its eval.yaml has no task {task}, but {', '.join(board.tasks) or 'none'}"
            plan.remarks.append(f"not in .eval_results: {path}: {board.dataset_id}: {reason}")
            del plan.eval_results[path]
            continue
        own = plan.made_of.get(path)
        questions += fit_measure(plan, path, own, board, task)
        _, answer = scale_answer(scales, scale_keys(path, own))
        questions += fit_scale(plan, path, row, board, answer)
    for number, entry in enumerate(plan.entries):
        fit_unranked(plan, number, entry, boards, scales)
    return questions


def scale_keys(path: str, entry: Entry | None) -> list[str]:
    """What --scale can call a result: its file, its key, its name, its name with its settings."""
    stem = path.removeprefix(EVAL_RESULTS).removesuffix(".yaml")
    names = [stem, entry.key or "", entry.benchmark, entry_name(entry)] if entry else [stem]
    return list(dict.fromkeys(filter(None, names)))


def scale_answer(scales: Mapping[str, str], names: Sequence[str]) -> tuple[str, str | None]:
    """The answer about a result and the key that it was given with; an answer to all has the key ""."""
    for name in names:
        for key, answer in scales.items():
            if key and (key == name or normalize_name(key) == normalize_name(name)):
                return key, answer
    return "", scales.get("")


def check_scales_named(plan: Plan) -> None:
    """ScriptError for an answer about a scale that fits no result of the plan."""
    paths = {own: path for path, own in plan.made_of.items()}
    named = [scale_keys(paths.get(entry, ""), entry) for entry in plan.entries]
    for key, answer in plan.scales.items():
        if key and named and not any(scale_answer({key: answer}, names)[0] for names in named):
            there = dict.fromkeys(names[0] for names in named)
            raise ScriptError(f"--scale {key}={answer}: no result has this name; there are {listing(there, 20)}")


def fit_unranked(
    plan: Plan, number: int, entry: Entry, boards: Mapping[str, Leaderboard], scales: Mapping[str, str]
) -> None:
    """Carry an answer out for a result that no leaderboard has a scale for, or say why it stays as it is.

    ScriptError when the answer names this result and cannot be carried out.
    """
    path = next((path for path, own in plan.made_of.items() if own == entry and path in plan.eval_results), "")
    key, answer = scale_answer(scales, scale_keys(path, entry))
    if answer in (None, "as-is") or not (plan.model_index or path):
        return
    row = plan.eval_results[path][0] if path else None
    board = boards.get(row["dataset"]["id"]) if row else None
    unit, why = share_unit(plan, entry, bool(key))
    if board and board.scale:
        unit, why = board.scale, f"the leaderboard of {board.dataset_id} is in {board.scale}"
    if unit == answer or not entry.value:
        return
    if not unit or (board and board.scale):
        text = f"{entry_name(entry)} stays {entry.value:.12g}: {why}"
        if key:
            raise ScriptError(f"--scale {key}={answer}: {text}; {option_words('--scale', f'{key}=as-is')} says so")
        plan.remarks.append(f"{text}, whatever --scale {answer} says of the others")
        return
    value = rescaled(person_number(entry.value, unit), str(answer))
    if row:
        row["value"] = value
    if plan.model_index and (metric := plan.model_index[number]["metrics"][0])["value"] != value:
        metric |= {"value": value, "name": unit_name(metric["name"], str(answer))}
    text = f"{entry_name(entry)}: {entry.value:.12g} written as {value:.12g}, in {answer}, as --scale says"
    plan.remarks += [text] if text not in plan.remarks else []


def share_unit(plan: Plan, entry: Entry, asked: bool) -> tuple[str | None, str]:
    """The unit that a result is in, as its source or its size says; None and the reason where it may be no share.

    `asked`: the answer names this very result, so that a benchmark that is not known counts as one of shares.
    """
    measures = plan.measures
    if entry.unit in ("percent", "proportion"):
        return entry.unit, ""
    if entry.unit == "points" or measures is None or measures.is_open(measure := measures.of_entry(entry)):
        return None, "it is no share"
    known = [measures.mapping[name].get("unit") == "proportion" for name in measure.keys]
    if not -1 <= entry.value <= 1:
        return ("percent", "") if -100 <= entry.value <= 100 else (None, "it is no share")
    way = option_words("--scale", f"{entry.key or entry.benchmark}=percent")
    table = entry.origin.partition(",")[0]
    beside = [other.value for other in plan.entries if other.origin.partition(",")[0] == table]
    if not asked and any(value > 1 for value in beside):
        return None, f"other values of its source are above 1 ({way} converts it)"
    if asked or measure.metric in ("right", "accnorm") or (known and all(known)):
        return "proportion", ""
    return None, f"it is not known to be a share ({way} says so)"


def fit_measure(plan: Plan, path: str, own: Entry | None, board: Leaderboard, task: str) -> list[str]:
    """A question about a result of another measure than the leaderboard ranks: less is better of one alone, or one is
    of the best of several tries.
    """
    if own is None:
        return []
    lower = metric_direction(own.metric or "") if own.lower_is_better is None else own.lower_is_better
    name, why = own.key or own.benchmark, ""
    if None not in (lower, board.lower_is_better) and lower != board.lower_is_better:
        way, ranks = ("less", "highest") if lower else ("more", "lowest")
        why = f"{way} is better of it, and the leaderboard of {board.dataset_id} has the {ranks} value first"
    elif SEVERAL_TRIES.fullmatch(own.metric or ""):
        why = f"of several tries; the leaderboard of {board.dataset_id} does not say that it ranks that"
    answers = {plan.official.get(normalize_name(text)) for text in (name, own.benchmark)}
    if not why or f"{board.dataset_id}:{task}" in answers:
        return []
    return [
        f"{path}: {entry_name(own)}: {why}: {option_words('--counts-as', f'{name}={board.dataset_id}:{task}')} says "
        f"that it is what is ranked there, {option_words('--counts-as', f'{name}=none')} leaves it out"
    ]


def fit_scale(plan: Plan, path: str, row: dict[str, Any], board: Leaderboard, answer: str | None) -> list[str]:
    value, own = row["value"], plan.made_of.get(path)
    unit = own.unit if own and own.unit in ("percent", "proportion") else None
    misfit = 0 < value <= 1 if board.scale == "percent" else value > 1 if board.scale == "proportion" else False
    if unit and board.scale:
        misfit = unit != board.scale and value != 0
    elif board.scale == "percent":
        misfit = misfit or abs(value) > MOST_PERCENT
    if not misfit or answer == "as-is":
        return []
    if answer and answer != board.scale:
        raise ScriptError(f"--scale {answer}: the leaderboard of {board.dataset_id} is in {board.scale}")
    key = path.removeprefix(EVAL_RESULTS).removesuffix(".yaml")
    keep = option_words("--scale", f"{key}=as-is")
    if board.scale == "points" or abs(value) > MOST_PERCENT:
        theirs = "no shares" if board.scale == "points" else f"in {board.scale}"
        return [
            f"{path}: {value:.12g}{f' in {unit}' if unit else ''} does not fit: the others' values on the leaderboard "
            f"of {board.dataset_id} are {theirs}; {keep} keeps it"
        ]
    if answer or (unit and board.plain):
        why = "as --scale says" if answer else f"as the leaderboard of {board.dataset_id} is"
        row["value"] = rescaled(value, str(board.scale))
        plan.remarks.append(f"{path}: {value:.12g} written as {row['value']:.12g}, in {board.scale}, {why}")
        if own and plan.model_index:
            metric = plan.model_index[plan.entries.index(own)]["metrics"][0]
            metric |= {"value": row["value"], "name": unit_name(metric["name"], str(board.scale))}
        return []
    others = "above 1, in percent" if board.scale == "percent" else "at most 1, as proportions"
    return [
        f"{path}: {value} does not fit: the others' values on the leaderboard of {board.dataset_id} are {others}; "
        f"{option_words('--scale', f'{key}={board.scale}')} converts it, {keep} keeps it"
    ]


def rescaled(value: float, scale: str) -> float:
    """A share written in percent or as a proportion."""
    return float(Decimal(str(value)) * (Decimal(100) if scale == "percent" else Decimal("0.01")))


def unit_name(name: str, scale: str) -> str:
    """A metric's name that says its unit: "MMLU-Pro (5-shot)" -> "MMLU-Pro (5-shot, %)"."""
    word = "%" if scale == "percent" else "share"
    return f"{name[:-1]}, {word})" if name.endswith(")") else f"{name} ({word})"


# --- parts/board/official.py ------------------------------------------------------------------------------------------

LISTED_FACTS = tuple(name for name in EXPAND if name != "evalResults")
MOST_ROWS = 20_000  # of one leaderboard that are read
MODELS_OF_OWNER = 1000  # that one answer of the Hub lists


@dataclasses.dataclass(slots=True)
class OfficialBoards:
    """The official Benchmarks with the answers of their leaderboards, and what could not be read."""

    official: OfficialList
    answers: dict[str, list[Any]] = dataclasses.field(default_factory=dict)  # data set id -> its leaderboard
    unreadable: list[dict[str, str]] = dataclasses.field(default_factory=list)
    facts: Callable[[str], BoardRow] = dataclasses.field(
        default=lambda model: {}
    )  # what the Hub says of a model, if asked for

    def models(self) -> list[str]:
        """The models on the leaderboards, each once."""
        items = [item for answer in self.answers.values() for item in answer if isinstance(item, dict)]
        return [name for name in dict.fromkeys(str(item.get("modelId")) for item in items) if REPO_ID.fullmatch(name)]


def read_official(hub: HubReader, pool: Executor, facts: bool) -> OfficialBoards:
    """The list of Benchmarks, each one's leaderboard, and each one's eval.yaml where its data set has changed.

    With `facts`, what the Hub says of the models is asked for, too, and not waited for. All stand in one queue, so
    that no worker waits for the last answer of a kind.
    """
    found = OfficialBoards(OfficialList())
    asked: dict[str, Future[list[Any] | str]] = {}

    def ask_boards(names: Iterable[str]) -> None:
        asked.update((name, pool.submit(one_board, hub, name)) for name in names if name not in asked)

    def listed() -> list[tuple[str, str | None, bool]]:
        answer = hub.json("/api/datasets?filter=benchmark:official&expand=sha&expand=gated&limit=1000")
        if not isinstance(answer, list):
            raise Unreadable(f"the Hub's list of Benchmarks is {shorten(answer)}, not a list")
        rows = [row for row in answer if isinstance(row, dict) and REPO_ID.fullmatch(str(row.get("id")))]
        ask_boards(row["id"] for row in rows)
        return [(row["id"], kept_text(row.get("sha"), 64), bool(row.get("gated"))) for row in rows]

    def eval_yaml(dataset_id: str, sha: str | None) -> bytes:
        url = f"{hub.endpoint}/datasets/{dataset_id}/raw/{quote(sha or 'main')}/eval.yaml"
        return hub.fetch(url, None, None).encode()

    def read_boards() -> None:
        for name, future in asked.items():
            answer = future.result()
            if isinstance(answer, list):
                found.answers[name] = answer
            else:
                found.unreadable.append({"model": "", "where": f"the leaderboard of {name}", "reason": answer})
        if facts:
            found.facts = ask_facts(hub, found.models(), pool)

    source = BenchmarkSource(listed, eval_yaml, hub.endpoint, hub.answers.reader)
    found.official = official_benchmarks(source, refresh=True, pool=pool, meanwhile=read_boards)
    if not asked:  # a list that was kept, or shipped
        ask_boards(benchmark.dataset_id for benchmark in found.official.benchmarks.values())
        read_boards()
    return found


def one_board(hub: HubReader, dataset_id: str) -> list[Any] | str:
    """A Benchmark's leaderboard as the Hub tells it, derived models too; or why it cannot be read."""
    try:
        answer = hub.json(f"/api/datasets/{dataset_id}/leaderboard?base_model=false")
    except Exception as error:  # one Benchmark's answer is not in the way of the others
        return trouble(error)
    return answer if isinstance(answer, list) else f"the Hub's answer is {shorten(answer)}, not a list"


# --- Rows ---


def leaderboard_rows(
    found: OfficialBoards, benchmarks: Benchmarks, endpoint: str
) -> tuple[list[BoardRow], list[dict[str, str]]]:
    """One row for each entry of the leaderboards, with the Hub's rank; and what could not be read."""
    rows: list[BoardRow] = []
    unreadable = list(found.unreadable)
    for dataset_id, answer in found.answers.items():
        benchmark = found.official.get(dataset_id) or OfficialBenchmark(dataset_id)
        bad: Counter[str] = Counter()
        files = Counter(file_of_entry(item) for item in answer)
        for item in answer[:MOST_ROWS]:
            try:
                alone = files[file_of_entry(item)] == 1
                rows.append(leaderboard_row(benchmark, item, benchmarks, endpoint, alone))
            except (Unreadable, AttributeError, TypeError, ValueError) as error:
                bad[kept_text(error) or type(error).__name__] += 1
        where = f"the leaderboard of {dataset_id}"
        unreadable += [{"model": "", "where": where, "reason": f"{n} entries: {why}"} for why, n in bad.most_common(5)]
    return rows, unreadable


def file_of_entry(item: Any) -> tuple[str, ...]:
    """Where an entry stands: its model, file and pull request."""
    told = item if isinstance(item, dict) else {}
    return tuple(str(told.get(name)) for name in ("modelId", "filename", "pullRequest"))


def leaderboard_row(
    found: OfficialBenchmark, item: Any, benchmarks: Benchmarks, endpoint: str, alone: bool = True
) -> BoardRow:
    """The row of one entry. Unreadable when it names no model or has no value.

    alone: whether no other entry stands in its file; several are of several tasks, whatever the file is named for.
    """
    model = item.get("modelId") if isinstance(item, dict) else None
    if not isinstance(model, str) or not REPO_ID.fullmatch(model):
        raise Unreadable(f"the model is {shorten(model)}")
    number, file = kept_count(item.get("pullRequest")), kept_text(item.get("filename")) or ""
    url = f"{endpoint}/{model}/discussions/{number}" if number else f"{endpoint}/{model}/blob/main/{quote(file)}"
    kind = "open_pr" if number else "on_leaderboard"
    place = Provenance(kind, url, None, None, None, number)
    task = task_of_entry(found, item, file if alone else "")
    data = {
        "dataset": {"id": found.dataset_id, "task_id": task.id if task else "?"},
        "value": item.get("value"),
        "source": mapping_in(item, "source"),
        "notes": item.get("notes"),
    }
    row = eval_results_row(model, data, place, item.get("verified") is True, benchmarks)
    if row["unit"] is None and found.unit == "proportion" and 0 <= row["value"] <= 1:
        row |= {"unit": "proportion", "unit_basis": "its eval.yaml"}
    row["official_rank"] = kept_count(item.get("rank"))
    if task is None:
        row["benchmark"], row["benchmark_name"] = None, found.title
        row["why_not"] = f"{found.dataset_id} has several tasks, and its leaderboard does not say which"
    return row


def task_of_entry(found: OfficialBenchmark, item: Mapping[str, Any], file: str) -> BenchmarkTask | None:
    """The task of a leaderboard's entry: what it says itself, the only one, else the one that its file is named for."""
    told = item.get("taskId", item.get("task_id"))
    if isinstance(told, str):
        return found.task(told)
    if len(found.tasks) == 1:
        return found.tasks[0]
    if not found.tasks:
        return BenchmarkTask("default")
    stem = normalize_name(re.sub(r"^.*/|\.ya?ml$", "", file))
    own = normalize_name(found.repo_name)
    named = [
        task
        for task in found.tasks
        for name in {normalize_name(task.id.rpartition("/")[2]), normalize_name(task.config)} - {""}
        if stem in (name, f"{own}{name}")
    ]
    return named[0] if len({task.id for task in named}) == 1 else None


def join_ranks(read: Sequence[BoardRow], official: Sequence[BoardRow], done: set[str]) -> list[BoardRow]:
    """The rows of both, each score once: those of models that were read themselves, with the Hub's rank beside them."""
    ranks = {score_place(row): row["official_rank"] for row in official}
    for row in read:
        row["official_rank"] = ranks.get(score_place(row)) if row["source_format"] == "eval_results" else None
    return [*read, *(row for row in official if row["model"] not in done)]


def score_place(row: BoardRow) -> tuple[Any, ...]:
    return row["model"], row["source_task"], row["value"], row["pull_request"]


# --- Benchmarks that the vocabulary does not have ---


def official_mapping(mapping: Mapping[str, Any], found: OfficialBoards) -> dict[str, Any]:
    """The vocabulary with the places that eval.yaml confirms, and an entry for each task that it does not have."""
    whole = dict(mapping)
    keys = keys_of_tasks(found.official, mapping)
    for benchmark in found.official.benchmarks.values():
        for task in benchmark.tasks:
            place = {"dataset_id": benchmark.dataset_id, "task_id": task.id}
            key = keys.get((benchmark.dataset_id, task.id)) or benchmark.stem(task.id)
            if key in mapping:
                whole[key] = {**mapping[key], "hub": place}
            else:
                whole[key] = unknown_entry(benchmark, task, found.answers.get(benchmark.dataset_id, []), place)
    return whole


def unknown_entry(
    benchmark: OfficialBenchmark, task: BenchmarkTask, answer: Sequence[Any], place: Mapping[str, str]
) -> dict[str, Any]:
    """An entry of the vocabulary's form: the scale is that of the leaderboard, its direction that of its ranks.

    Shares of which more is better are proportions, as elsewhere; everything else stays in the leaderboard's own points,
    and so do numbers that may be marks out of ten.
    """
    numbers = [item["value"] for item in answer if isinstance(item, dict) and is_number(item.get("value"))]
    lower = ranked_downwards(numbers) if benchmark.lower_is_better is None else benchmark.lower_is_better
    most = max(numbers, default=0)
    marks = benchmark.unit == "points" or (benchmark.unit is None and 1 < most <= MOST_MARK)
    shares = bool(numbers) and not lower and min(numbers) >= 0 and most <= 100 and not marks
    several = len(benchmark.tasks) > 1
    return {
        "kind": "benchmark",
        "name": f"{benchmark.title} ({task.id.rpartition('/')[2]})" if several else benchmark.title,
        "aliases": [],
        "category": None,
        "metric": None,
        "unit": "proportion" if shares else "points",
        "range": [0, 1] if shares else [None, None],
        "lower_is_better": bool(lower),
        "chance": None,
        "hub": dict(place),
        "model_index": {"type": benchmark.dataset_id, "config": task.config or None},
    }


# --- Models ---


def ask_facts(hub: HubReader, models: Iterable[str], pool: Executor) -> Callable[[str], BoardRow]:
    """Ask what the Hub says about models: one request for each owner of several, else one for the model itself.

    Returns at once, in the order of their names; what it returns waits for the answer about a model: {} where there is
    none, or where it was not asked about.
    """
    owners: dict[str, list[str]] = {}
    for model in sorted(set(models)):
        owners.setdefault(model.split("/")[0], []).append(model)
    asked: dict[str, Future[dict[str, BoardRow | Future[BoardRow]]]] = {}
    for owner, names in owners.items():
        asked |= dict.fromkeys(names, pool.submit(owner_facts, hub, owner, names, pool))

    def answer(model: str) -> BoardRow:
        found = asked[model].result()[model] if model in asked else {}
        return found.result() if isinstance(found, Future) else found

    return answer


def owner_facts(
    hub: HubReader, owner: str, models: Sequence[str], pool: Executor
) -> dict[str, BoardRow | Future[BoardRow]]:
    """Facts of an owner's models out of one listing; those that it does not list are asked for one by one."""
    if len(models) == 1:
        return {models[0]: one_models_facts(hub, models[0])}
    asked, answer = "&".join(f"expand={name}" for name in LISTED_FACTS), None
    with contextlib.suppress(Exception):  # the models themselves are asked, then
        answer = hub.json(f"/api/models?author={owner}&limit={MODELS_OF_OWNER}&{asked}")
    rows = [info for info in answer if isinstance(info, dict)] if isinstance(answer, list) else []
    infos = {str(info.get("id")): info for info in rows}
    return {
        model: model_facts(infos[model]) if model in infos else pool.submit(one_models_facts, hub, model)
        for model in models
    }


def one_models_facts(hub: HubReader, model: str) -> BoardRow:
    try:
        info = hub.json(f"/api/models/{model}?{'&'.join(f'expand={name}' for name in LISTED_FACTS)}")
    except Exception:  # a score without size and license is a score
        return {}
    return model_facts(info) if isinstance(info, dict) else {}


def with_facts(rows: Iterable[BoardRow], facts: Callable[[str], BoardRow]) -> Iterator[BoardRow]:
    """The rows with what the Hub says about their models, each as soon as that is known."""
    for row in rows:
        yield row | facts(row["model"])


# --- parts/own_vocabulary.py ------------------------------------------------------------------------------------------

MOST_ENTRIES = 2_000
MOST_SAID = 50  # entries of a file that are said before any is used
SAID_AT_ONCE = 1_500  # characters, of one line
HARNESS_NAMES = ("lighteval", "inspect", "lm_eval", "helm")
# Options that name records, the first of these kinds that there is; metric_mapping.json is looked for beside them.
RECORD_OPTIONS = (("results", "baseline", "candidate"), ("checkpoints",), ("aa",))
SHORT_TEXT = Shape(
    "printable text of 1 to 100 characters",
    lambda value: isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= 100,
)
OWN_FIELDS: dict[str, Shape] = {
    "kind": choice_shape("benchmark"),
    "name": SHORT_TEXT,
    "aliases": TEXTS,
    "category": SHORT_TEXT,
    "group": TEXT,
    "metric": SHORT_TEXT,
    "unit": SHORT_TEXT,
    "range": Shape(
        "two numbers, the lowest and the highest score (null: none)",
        lambda v: isinstance(v, list) and len(v) == 2 and all(end is None or is_number(end) for end in v),
    ),
    "lower_is_better": YES_OR_NO,
    "chance": number_shape(0, math.inf),
    "items": COUNT,
    "order": number_shape(-1e9, 1e9),
    **dict.fromkeys(HARNESS_NAMES, SHORT_TEXT),
}
RANGES = {"proportion": [0, 1], "percent": [0, 100]}


def own_entry(key: str, given: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A whole entry of metric_mapping.json from what is said of an own benchmark; null where nothing is said."""
    check_fields(given, OWN_FIELDS, where)
    said = {name: value for name, value in given.items() if value is not None}
    low, high = said.get("range") or RANGES.get(said.get("unit"), [None, None])
    if "chance" in said and "unit" not in said:
        raise ScriptError(
            f"{where}: chance is {said['chance']:g}; say in which unit, as the scores are: unit: proportion"
        )
    chance = said.get("chance", low)
    if chance is not None and ((low is not None and chance < low) or (high is not None and chance > high)):
        raise ScriptError(f"{where}: chance is {chance:g}, outside the range of a score")
    if "category" in said:
        said["category"] = own_category(said["category"], where)
    fields = ("category", "group", "metric", "unit", "chance", "items", "order", *HARNESS_NAMES, "artificial_analysis")
    return {
        "kind": "benchmark",
        "name": said.get("name", key),
        "aliases": said.get("aliases", []),
        "range": [low, high],
        "lower_is_better": said.get("lower_is_better"),
        "hub": None,
        "model_index": None,
        "own": True,
        **{name: said.get(name) for name in fields},
    }


def own_category(text: str, where: str) -> str:
    """One of the fifteen categories by its usual spellings, or a category of one's own; ScriptError for a near miss."""
    slug = re.sub(r"\W+", "_", text.strip().lower()).strip("_") or "own"
    near = difflib.get_close_matches(slug, STEP_FORMULAS, 1, 0.9)
    if near and normalize_name(near[0]) != normalize_name(slug):
        raise ScriptError(f"{where}: no category {text!r} (did you mean {near[0]}?)")
    return near[0] if near else slug


def with_own_entries(mapping: Mapping[str, Any], content: Any, where: str) -> dict[str, Any]:
    """The mapping with the entries of another file; ScriptError where one is another benchmark's, or damaged."""
    if not isinstance(content, dict) or not all(isinstance(entry, dict) for entry in content.values()):
        raise ScriptError(f'{where}: {{"my_quiz": {{"name": "My quiz", "metric": "accuracy", ...}}}} is expected')
    if len(content) > MOST_ENTRIES:
        raise ScriptError(f"{where}: {len(content)} entries; at most {MOST_ENTRIES} are read")
    known = vocabulary_of(mapping)
    taken = dict(known.names)
    merged = dict(mapping)
    for key, given in content.items():
        if mapping.get(key) == given:  # a copy of what is known
            continue
        if not SHORT_TEXT.fits(key):
            raise ScriptError(f"{where}: {key[:40]!r} is no name of a benchmark")
        entry = own_entry(key, given, f"{where}: {key}")
        tasks = [entry[harness] for harness in HARNESS_NAMES if entry[harness]]
        for name in (key, entry["name"], *entry["aliases"], *tasks):
            other = taken.setdefault(normalize_name(bare_task(name)), known_task(known, name) or key)
            if other != key or key in mapping:
                raise ScriptError(
                    f"{where}: {key}: {name!r} is {other} already; a file of one's own adds benchmarks: another name"
                )
        merged[key] = entry
    return merged


def known_task(known: MetricMapping, name: str) -> str | None:
    """The benchmark that a name, or a task so called in any harness, is already; None for a new one."""
    found = (known.find_task(name, harness) for harness in HARNESS_NAMES)
    return next((key for key, _ in filter(None, found)), None)


def mapping_files(given: Iterable[Path], places: Iterable[Path]) -> list[Path]:
    """The files with own entries: those of --mapping, and metric_mapping.json beside all the records; each once.

    ScriptError (3) for one that stands beside some of the records only: it may have come with them.
    """
    found: dict[bytes, Path] = {}
    for path in given:
        if not path.is_file():
            raise ScriptError(f"--mapping {path}: no such file{near_place(path)}")
        found[input_bytes(path)] = path
    folders = dict.fromkeys(place if place.is_dir() else place.parent for place in places)
    beside = []
    for folder in folders:
        paths = (folder / MAPPING_FILE.name, folder / "results" / MAPPING_FILE.name)
        beside.append({input_bytes(path): path for path in paths if is_input(path) and path.resolve() != MAPPING_FILE})
    for content, path in itertools.chain(*(files.items() for files in beside)):
        if content not in found and any(content not in files for files in beside):
            raise ScriptError(
                f"{path} stands beside some of the records only, and would say of all what their benchmarks are: if it "
                f"is yours, {command_line_of(['--mapping', path])}, else move it away",
                code=3,
            )
        found.setdefault(content, path)
    return list(found.values())


def told_entry(entry: Mapping[str, Any]) -> str:
    """All that an own benchmark's entry decides: "metric f1, unit percent, less is better, also called their_quiz"."""
    said = [f"{name} {entry[name]}" for name in ("metric", "unit", "chance", "items") if entry.get(name) is not None]
    if entry["range"] not in ([None, None], RANGES.get(entry["unit"])):
        said.append("range " + " to ".join("open" if end is None else f"{end:g}" for end in entry["range"]))
    if entry["lower_is_better"] is not None:
        said.append("less is better" if entry["lower_is_better"] else "more is better")
    said += [f"{name} {entry[name]}" for name in ("category", "group", "order") if entry.get(name) is not None]
    said += [f"also called {', '.join(entry['aliases'])}"] if entry["aliases"] else []
    return ", ".join([*said, *(f"in {name}: {entry[name]}" for name in HARNESS_NAMES if entry[name])])


def say_entries(where: str, told: Iterable[str]) -> None:
    """Say what own entries decide, whole: in several lines where one would be cut."""
    for line in textwrap.wrap("; ".join(told), SAID_AT_ONCE) or [""]:
        note(f"note: {where}{': ' if line else ''}{line}")


def own_entries(entries: Mapping[str, Mapping[str, Any]], keys: Iterable[str | None]) -> list[str]:
    """What files with own entries say of the benchmarks of an answer (their keys), for its report: it decides there."""
    found = ((key, (entries.get(key) or {}).get("said")) for key in sorted({*keys} - {None}))
    return [f"{key} is a benchmark of one's own: {said}" for key, said in found if said]


def asked_mapping(args: argparse.Namespace) -> dict[str, Any]:
    """metric_mapping.json with the entries that a command line adds to it, said on stderr."""
    places: list[Path] = []
    for options in RECORD_OPTIONS:
        for value in (getattr(args, option, None) for option in options):
            places += map(Path, [value] if isinstance(value, str | Path) else value or ())
        if places := [place for place in places if place.exists()]:
            break
    mapping: dict[str, Any] = read_mapping()
    for path in mapping_files(map(Path, getattr(args, "mapping", None) or ()), places):
        merged = with_own_entries(mapping, read_json(path), str(path))
        new = sorted(set(merged) - set(mapping))
        told = {key: told_entry(merged[key]) for key in new}
        lines = [f"{key} ({said})" if said else key for key, said in told.items()]
        if (more := len(lines) - MOST_SAID) > 0:
            lines[MOST_SAID:] = [f"and {more} more: those that decide something are said with the answer"]
        say_entries(f"benchmarks of {path}, {len(new) or 'none that is'} new", lines)
        mapping = merged
        for key, said in told.items():
            mapping[key] |= {"said": f"{said or 'a name'} (says {shown_path(path)})"}
    return mapping


def read_vocabulary(args: argparse.Namespace | None = None) -> MetricMapping:
    """metric_mapping.json, which stands beside the scripts folder, with what a command line adds to it."""
    if not MAPPING_FILE.is_file():
        raise ScriptError(
            f"{MAPPING_FILE.name} is missing; it belongs beside the folder scripts/ (clone the whole project)"
        )
    return vocabulary_of(asked_mapping(args or argparse.Namespace()))


def add_mapping_option(add: Any) -> None:
    """--mapping, the same in every script."""
    add(
        "--mapping",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="benchmarks of your own: entries as in metric_mapping.json (also read beside the records)",
    )


# --- parts/board/own.py -----------------------------------------------------------------------------------------------

SAME_SHARES = {"percent": "proportion"}  # units that convert into one another


def measure_of(row: BoardRow) -> tuple[str, str | None, bool]:
    """(metric, unit, whether less is better): what scores must share to be compared."""
    return metric_key(row["metric"] or ""), SAME_SHARES.get(row["unit"], row["unit"]), bool(row["lower_is_better"])


def with_own_benchmarks(rows: Sequence[BoardRow], mapping: Mapping[str, Any]) -> dict[str, Any]:
    """The mapping with the benchmarks that only records name; sets `benchmark` of their rows."""
    extended = dict(mapping)
    groups: dict[str, list[BoardRow]] = defaultdict(list)
    for row in rows:
        key = row["benchmark"] or row["benchmark_name"]
        if key and not is_of_raters(row["metric"]) and (row["benchmark"] not in mapping or mapping[key].get("own")):
            groups[key].append(row)
    for key, own in groups.items():
        entry = mapping.get(key) if (mapping.get(key) or {}).get("own") else None
        measures = {measure_of(row) for row in own}
        for row in own:
            several = len(measures) > 1 and not (entry and entry["metric"])
            row["benchmark"] = key + measure_suffix(row) if several else key
            if entry and entry["metric"] and metric_key(row["metric"] or "") != metric_key(entry["metric"]):
                row["why_not"] = (
                    row["why_not"] or f"{row['metric']} is not the metric that {entry['name']} is ranked by"
                )
                continue
            if mapping.get(row["benchmark"]) is None or entry:
                extended[row["benchmark"]] = completed(entry, row, extended.get(row["benchmark"]))
    return extended


def completed(entry: Mapping[str, Any] | None, row: BoardRow, before: Mapping[str, Any] | None) -> dict[str, Any]:
    """An own benchmark's entry with what its record says and the entry does not."""
    found = dict(before or entry or own_entry(row["benchmark"], {}, row["benchmark"]))
    unit = SAME_SHARES.get(row["unit"], row["unit"])
    if found["unit"] is None and unit is not None:
        found |= {"unit": unit, "range": RANGES.get(unit, [None, None])}
    found["metric"] = found["metric"] or row["metric"]
    if found["lower_is_better"] is None:
        found["lower_is_better"] = bool(row["lower_is_better"])
    return found


# --- parts/statistics/bounded.py --------------------------------------------------------------------------------------

# Right or wrong ones up to which Wilson's end may be too near: counted ones, and those of an estimated variance.
FEW_COUNTED, FEW_ESTIMATED = 3.5, 1.5
WILSON_ALONE = 49.5  # items below which a single score has Wilson's interval as it is
NO_VARIANCE = 1e-12
LEAST_LEVEL = 1e-40  # below, the quantile of a Beta distribution is no longer found


@dataclass(frozen=True, slots=True)
class BoundedMean:
    """A mean on a range of 0 to 1, and what tells how far off it may be.

    factor: its variance as a share of value (1 - value). widest: the factor if all scores were 0 or 1 and those of one
    cluster alike. freedom: degrees of freedom of the variance; infinite for independent 0/1 scores, which need none.
    """

    value: Any
    factor: Any
    widest: Any
    freedom: Any = math.inf

    @property
    def variance(self) -> Any:
        """The variance of the mean."""
        return self.factor * self.value * (1 - self.value)

    def mirrored(self) -> BoundedMean:
        """The mean of 1 - score."""
        return BoundedMean(1 - self.value, self.factor, self.widest, self.freedom)

    def lower(self, critical: Any, strict: bool = False) -> Any:
        """The lower end at a critical value of the t (or normal) distribution.

        Wilson's; where few are right that of Clopper and Pearson at the same level, if it is lower (Brown, Cai and
        DasGupta 2001 correct Wilson's there, too). strict: for one-sided tests, also where few are wrong or in all.
        """
        import numpy as np
        from scipy import special

        n, square = 1 / np.maximum(self.factor, NO_VARIANCE), critical * critical
        right, wrong = n * self.value, n * (1 - self.value)
        low = (right + square / 2 - critical * np.sqrt(right * wrong / n + square / 4)) / (n + square)
        counted = FEW_COUNTED if strict else np.where(n < WILSON_ALONE, -1.0, FEW_COUNTED)
        most = np.where(np.isinf(self.freedom), counted, FEW_ESTIMATED)
        few = np.asarray((np.minimum(right, wrong) if strict else right) <= most)
        if few.any():  # only there: it takes a hundred times as long as Wilson's
            level = np.maximum(special.ndtr(-critical), LEAST_LEVEL)
            exact = np.full(np.shape(low), np.inf)
            special.betaincinv(np.maximum(right, NO_VARIANCE), wrong + 1, level, out=exact, where=few)
            low = np.minimum(low, exact)
        return np.maximum(low, 0.0)

    def upper(self, critical: Any, strict: bool = False) -> Any:
        """The upper end; see `lower`."""
        return 1 - self.mirrored().lower(critical, strict)

    def interval(self, confidence: float = CONFIDENCE) -> tuple[Any, Any]:
        """The two-sided interval."""
        critical = critical_value((1 - confidence) / 2, self.freedom)
        return self.lower(critical), self.upper(critical)


def critical_value(level: float, freedom: Any = math.inf) -> Any:
    """What a t variable (a normal one, for infinitely many degrees of freedom) exceeds with the probability `level`."""
    import numpy as np
    from scipy import special

    normal = np.isinf(freedom)
    return 0.0 - np.where(normal, special.ndtri(level), special.stdtrit(np.where(normal, 1.0, freedom), level))


def variance_of_mean(scores: Any, groups: Any = None) -> Any:
    """The variance of the mean of (..., items) scores, drawn in groups, without the factor G / (G - 1)."""
    import numpy as np

    off = scores - scores.mean(-1, keepdims=True)
    if groups is not None:
        order = np.argsort(groups, kind="stable")
        off = np.add.reduceat(off[..., order], np.flatnonzero(np.diff(groups[order], prepend=-1)), axis=-1)
    return (off**2).sum(-1) / scores.shape[-1] ** 2


def several_ways(groups: Iterable[Any]) -> list[Any]:
    """The groupings in which something is shared, as numbers from 0; [None] where each score stands alone."""
    import numpy as np

    found = [np.unique(group, return_inverse=True)[1] for group in groups if group is not None]
    return [group for group in found if group.max() + 1 < len(group)] or [None]


def two_way_variance(scores: Any, ways: Sequence[Any]) -> Any:
    """The variance of a mean of scores that share items and raters (Cameron, Gelbach and Miller 2011).

    The variances of all ways of grouping less that of single scores, and never below the largest of them; each with the
    factor G / (G - 1) for G groups.
    """
    import numpy as np

    n = scores.shape[-1]

    def one(group: Any) -> Any:
        count = n if group is None else int(group.max()) + 1
        return variance_of_mean(scores, group) * count / (count - 1)

    parts = [one(group) for group in ways]
    return parts[0] if len(parts) == 1 else np.maximum(sum(parts) - one(None), np.max(parts, axis=0))


def mean_of(scores: Any, groups: Sequence[Any] = (), cautious: bool = False) -> BoundedMean:
    """The mean of (..., items) scores between 0 and 1. groups: for each way of sharing, a number for every item.

    cautious: for means near 0 of many tiny scores and a few large ones, of which the large ones may not have been met.
    """
    import numpy as np

    ways, n, value = several_ways(groups), scores.shape[-1], scores.mean(-1)
    if ways[0] is None and ((scores == 0) | (scores == 1)).all():
        return BoundedMean(value, np.full_like(value, 1 / n), 1 / n)
    widest = min(1 / n if group is None else float((np.bincount(group) ** 2.0).sum()) / n**2 for group in ways)
    fewest = min(n if group is None else int(group.max()) + 1 for group in ways)
    if fewest < 2:
        return BoundedMean(value, np.full_like(value, widest), widest, 1)
    return steadied(value, two_way_variance(scores, ways) * (fewest - 1) / fewest, widest, fewest - 1, cautious)


def steadied(value: Any, variance: Any, widest: Any, freedom: Any, cautious: bool = False) -> BoundedMean:
    """The mean of an estimated variance: weighted by how many bad (or good) ones were seen, with one that is widest."""
    import numpy as np

    most = value * (1 - value)
    known = (most > NO_VARIANCE) & (variance > NO_VARIANCE * most)  # scores that are all alike tell nothing
    factor = np.where(known, variance / np.maximum(most, NO_VARIANCE), widest)
    seen = np.minimum(value, 1 - value) / np.maximum(widest if cautious else factor, NO_VARIANCE)
    return BoundedMean(value, (seen * factor + widest) / (seen + 1), widest, freedom)


def mean_from_error(value: float, error: float, n: int | None, freedom: float = math.inf) -> BoundedMean | None:
    """The mean of a score that has only a standard error; None where that is 0 and the number of items unknown.

    freedom: the error's degrees of freedom.
    """
    if not n and not error:
        return None
    widest = 1 / n if n else min(1.0, error**2 / max(value * (1 - value), NO_VARIANCE))
    if error and n and abs(error**2 * (n - 1) / max(value * (1 - value), NO_VARIANCE) - 1) < 0.02:
        return BoundedMean(value, widest, widest, freedom)  # of answers that are right or wrong
    return steadied(value, error**2, widest, freedom)


def mean_of_means(parts: Sequence[tuple[float, BoundedMean]]) -> BoundedMean:
    """The weighted mean of independent means (weights that add up to 1); degrees of freedom by Satterthwaite."""
    import numpy as np

    if len(parts) == 1:
        return parts[0][1]
    value = sum(weight * part.value for weight, part in parts)
    variances = [weight**2 * part.variance for weight, part in parts]
    widest = [weight**2 * part.factor for weight, part in parts]
    own, all_alike = sum(variances), sum(widest)
    freedoms = [part.freedom for _, part in parts]
    # Where every part is at an end of the range there is no variance: then by what it could be.
    freedom = np.where(own > NO_VARIANCE**2, satterthwaite(variances, freedoms), satterthwaite(widest, freedoms))
    return steadied(value, own, all_alike, freedom)


def sharing_error(scores: Any, groups: Sequence[Any] = ()) -> float:
    """The standard error of the mean of (items,) scores that may share clusters and raters.

    Liang and Zeger 1986, as for the mean in Miller 2024 (arXiv 2411.00640); of single items it is sd / sqrt(n).
    """
    return math.sqrt(float(two_way_variance(scores, several_ways(groups))))


def score_interval(
    scores: Any, groups: Sequence[Any] = (), low: float | None = 0.0, high: float | None = 1.0
) -> tuple[float, float, str] | None:
    """(low, high, method) of the mean of (items,) scores with 95 %, whatever their range is and whatever they share.

    Student's t where the range is open. None where fewer than two things are there that could differ.
    """
    ways, n = several_ways(groups), len(scores)
    counts = cluster_counts(ways, n)
    shared = shared_text(counts, n)
    if min(counts) < 2 and (n != 1 or set(scores) - {low, high}):
        return None
    if low is not None and high is not None:
        mean = mean_of((scores - low) / (high - low), ways)
        ends = [low + (high - low) * float(end) for end in mean.interval()]
        return *ends, method_of_mean(mean) + shared
    half = float(critical_value((1 - CONFIDENCE) / 2, min(counts) - 1)) * sharing_error(scores, ways)
    return float(scores.mean()) - half, float(scores.mean()) + half, f"Student t{shared}"


def method_of_mean(mean: BoundedMean) -> str:
    """What its interval is called."""
    return "Wilson" if math.isinf(mean.freedom) else "Wilson on the effective number of items, t"


def cluster_counts(groups: Iterable[Any], n: int) -> list[int]:
    """How many clusters n items are in, for each way in which they share anything; n where each stands alone."""
    return [n if way is None else int(way.max()) + 1 for way in several_ways(groups)]


def shared_text(counts: Sequence[int], n: int) -> str:
    """The counts of clusters in words: ", 40 x 3 clusters"; nothing where each item stands alone."""
    return f", {' x '.join(map(str, counts))} clusters" if min(counts) < n or len(counts) > 1 else ""


def satterthwaite(variances: Sequence[Any], freedoms: Sequence[Any]) -> Any:
    """Degrees of freedom of a sum of independent variances."""
    import numpy as np

    total = sum(variances)
    below = sum(variance**2 / freedom for variance, freedom in zip(variances, freedoms, strict=True))
    return np.where(below > 0, total**2 / np.where(below > 0, below, 1.0), math.inf)


# --- parts/statistics/crossed.py --------------------------------------------------------------------------------------

CARRIED_BY, SINGLE_CARRIED_BY = 8, 16  # groups and single values, or half of all, that Student's t needs to rest on
FEW_GROUPS = 8  # with fewer, their skewness is noise
MOST_SKEWED = 0.8  # skewness of a mean
MOST_CORRECTED = 3.0  # critical value up to which skewness is corrected: the expansion is of values about 2


def group_sums(values: Any, group: Any) -> Any:
    """(..., groups) sums."""
    import numpy as np

    order = np.argsort(group, kind="stable")
    return np.add.reduceat(values[..., order], np.flatnonzero(np.diff(group[order], prepend=-1)), axis=-1)


def carry_the_mean(values: Any, ways: Sequence[Any]) -> Any:
    """(...,) whether enough groups of each way, and single values, carry the mean, and what is off it.

    By the participation number of the absolute values, (sum)^2 / sum of squares: as many equal ones would carry as
    much. A few changed items do not, nor one rater who alone tells any difference, nor one value unlike all others.
    """
    import numpy as np

    enough = True
    for sizes in (np.abs(values), np.abs(values - values.mean(-1, keepdims=True))):
        for sums, least in [(sizes, SINGLE_CARRIED_BY), *((group_sums(sizes, way), CARRIED_BY) for way in ways)]:
            number = sums.sum(-1) ** 2 / np.maximum((sums**2).sum(-1), 1e-300)
            enough = enough & (number >= min(least, sums.shape[-1] / 2))
    return enough


def shared_variance(values: Any, ways: Sequence[Any]) -> tuple[Any, Any]:
    """(variance of the mean, its degrees of freedom) of values that share groups in one or two ways.

    One way: between the groups' sums. Two: the components of value = mean + item + rater + rest by the method of
    moments (Gao and Owen 2017, arXiv 1602.00346), whatever cells are missing or given twice; of a full table they are
    those of the analysis of variance, (MS_rater + MS_item - MS_rest) / n, with degrees of freedom by Satterthwaite. It
    is never below what the rest alone makes of it.
    """
    import numpy as np

    n = values.shape[-1]
    off = values - values.mean(-1, keepdims=True)
    counts, sums = [np.bincount(way) for way in ways], [group_sums(off, way) for way in ways]
    weights = [float(((count / n) ** 2).sum()) for count in counts]  # 1 / how many equal groups they are worth
    free = [1 / weight - 1 for weight in weights]
    if len(ways) == 1:
        groups = len(counts[0])
        return (sums[0] ** 2).sum(-1) / n**2 * groups / (groups - 1), free[0]
    whole = (off**2).sum(-1)
    within = [whole - (own**2 / count).sum(-1) for own, count in zip(sums, counts, strict=True)]
    _, first, cells = np.unique(np.stack(ways), axis=1, return_index=True, return_counts=True)
    met = [n - float((cells**2 / count[way[first]]).sum()) for way, count in zip(ways, counts, strict=True)]
    expected = np.array([
        [0, met[0], n - len(counts[0])],
        [met[1], 0, n - len(counts[1])],
        [n * (1 - weights[0]), n * (1 - weights[1]), n - 1],
    ])  # fmt: skip
    found = np.stack([*within, whole], -1) @ np.linalg.pinv(expected).T
    rest = np.maximum(found[..., 2], 0) / n
    parts = [np.maximum(found[..., i] * weights[i] + rest, 0) for i in (0, 1)]
    variance = np.maximum(parts[0] + parts[1] - rest, rest)
    below = parts[0] ** 2 / free[0] + parts[1] ** 2 / free[1] + rest**2 / (free[0] * free[1])
    freedom = np.where(below > 0, variance**2 / np.where(below > 0, below, 1.0), 0.0)
    return variance, np.maximum(freedom, min(free))


def skewness_of_mean(values: Any, ways: Sequence[Any], variance: Any) -> Any:
    """(...,) the skewness of the mean, from third moments that add up over ways as the variances do."""
    import numpy as np

    off = values - values.mean(-1, keepdims=True)
    known = [group_sums(off, way) for way in ways if way.max() + 1 >= FEW_GROUPS]
    third = sum((sums**3).sum(-1) for sums in known) - max(len(known) - 1, 0) * (off**3).sum(-1)
    scale = values.shape[-1] ** 3 * np.maximum(variance, 1e-100) ** 1.5
    return np.clip(third / scale, -MOST_SKEWED, MOST_SKEWED)


def without_skewness(critical: Any, skewness: float) -> Any:
    """The value of (mean - truth) / error that a critical value of t stands for (the inverse of Hall's function).

    Larger critical values (of few raters, or of one test among many) keep the correction of MOST_CORRECTED: further out
    the cube root runs away, to an end that is many times as far off as the other one.
    """
    import numpy as np

    if abs(skewness) < 1e-6:
        return critical
    near = np.clip(critical, -MOST_CORRECTED, MOST_CORRECTED)
    return 3 / skewness * (np.cbrt(1 + skewness * (near - skewness / 6)) - 1) + (critical - near)


# --- parts/statistics/differences.py ----------------------------------------------------------------------------------

MOST_ITEMS = 2**34
MOST_CRITICAL = 1e3  # t with one degree of freedom exceeds it once in 3,000 times


class Evidence:
    """What some data say about a true difference."""

    freedom: Any = math.inf

    def low_end(self, critical: Any) -> Any:
        """The lower bound at a critical value of t with `freedom` degrees of freedom; falls with it."""
        raise NotImplementedError

    def mirrored(self) -> Evidence:
        """The same data with the two sides exchanged."""
        raise NotImplementedError

    def planned(self, times: float, unchanged: bool) -> tuple[Evidence, float]:
        """(what `times` as many items would say on average, the standard deviation of that difference).

        unchanged: if both sides are equally good and differ on as many items; else if it is as it was observed.
        """
        raise NotImplementedError

    def lower(self, level: float) -> Any:
        """The lower bound that is one-sided at `level`."""
        return self.low_end(critical_value(level, self.freedom))

    def upper(self, level: float) -> Any:
        """The upper bound that is one-sided at `level`."""
        return 0.0 - self.mirrored().lower(level)

    def interval(self, level: float) -> tuple[Any, Any]:
        """The two-sided interval with the coverage 1 - `level`."""
        return self.lower(level / 2), self.upper(level / 2)

    def p_above(self, value: float) -> float:
        """One-sided p-value of "the difference is at most `value`": the level whose lower bound it is."""
        if self.low_end(0.0) > value:
            return upper_tail(reached(self.low_end, value), self.freedom)
        return 1 - self.mirrored().p_above(-value) if self.mirrored().low_end(0.0) > -value else 0.5

    def p_below(self, value: float) -> float:
        """One-sided p-value of "the difference is at least `value`"."""
        return self.mirrored().p_above(-value)


def reached(low_end: Any, value: float) -> float:
    """The critical value at which a falling bound is no longer above `value`: where it stays at it, the smallest."""
    import numpy as np

    value += 1e-12 * max(1.0, abs(value))
    if low_end(0.0) <= value:
        return 0.0
    if low_end(MOST_CRITICAL) > value:
        return MOST_CRITICAL
    low, high = 0.0, MOST_CRITICAL
    while high - low > 1e-12:  # a hundredth in each round: scipy's root finders take half a second to import
        ends = np.linspace(low, high, 101)
        first = 1 + int(np.argmin(np.append(low_end(ends[1:-1]) > value, False)))
        low, high = float(ends[first - 1]), float(ends[first])
    return (low + high) / 2


def upper_tail(critical: float, freedom: float) -> float:
    """P(T > critical) for t with some degrees of freedom, or for a normal variable."""
    from scipy import special

    return float(special.ndtr(-critical) if math.isinf(freedom) else special.stdtr(freedom, -critical))


def two_sided_p(evidence: Evidence) -> float:
    """The two-sided p-value of "there is no difference"."""
    return min(1.0, 2 * min(evidence.p_above(0.0), evidence.p_below(0.0)))


@dataclass(frozen=True, slots=True)
class Difference(Evidence):
    """The difference of two bounded means: gains and losses of paired items, or two models' scores.

    correlation: of the two means. span: the width of the scores' range. extra: a variance beside that of the items,
    as a share of span squared (between repeated runs). freedom: degrees of freedom of the whole.
    """

    up: BoundedMean
    down: BoundedMean
    correlation: Any = 0.0
    span: float = 1.0
    extra: float = 0.0
    freedom: Any = math.inf

    def low_end(self, critical: Any) -> Any:
        """See Evidence."""
        import numpy as np

        gain = self.up.value - self.up.lower(critical, strict=True)
        loss = self.down.upper(critical, strict=True) - self.down.value
        square = gain**2 + loss**2 - 2 * self.correlation * gain * loss + self.extra * critical**2
        return self.span * (self.up.value - self.down.value - np.sqrt(square))

    def mirrored(self) -> Difference:
        """See Evidence."""
        return replace(self, up=self.down, down=self.up)

    def planned(self, times: float, unchanged: bool) -> tuple[Difference, float]:
        """See Evidence."""
        middle = (self.up.value + self.down.value) / 2
        up, down = (
            replace(
                mean, value=middle if unchanged else mean.value, factor=mean.factor / times, widest=mean.widest / times
            )
            for mean in (self.up, self.down)
        )
        variance = up.variance + down.variance - 2 * self.correlation * math.sqrt(up.variance * down.variance)
        return replace(self, up=up, down=down), self.span * math.sqrt(variance + self.extra)


@dataclass(frozen=True, slots=True)
class Student(Evidence):
    """A difference with an error: Student's t, or normal for infinitely many degrees of freedom.

    skewness: of the mean. span: the width of the scores' range. slack: of the mean, beside its error (continuity).
    fixed: the variance that more items (and raters, clusters) leave as it is, that between repeated runs.
    """

    mean: float
    error: float
    freedom: float = math.inf
    skewness: float = 0.0
    span: float = math.inf
    slack: float = 0.0
    fixed: float = 0.0

    def low_end(self, critical: Any) -> Any:
        """See Evidence."""
        import numpy as np

        return np.maximum(self.mean - self.slack - self.error * without_skewness(critical, self.skewness), -self.span)

    def mirrored(self) -> Student:
        """See Evidence."""
        return replace(self, mean=-self.mean, skewness=-self.skewness)

    def planned(self, times: float, unchanged: bool) -> tuple[Student, float]:
        """See Evidence."""
        error = math.sqrt((self.error**2 - self.fixed) / times + self.fixed)
        then = replace(self, error=error, skewness=self.skewness / math.sqrt(times), slack=self.slack / times)
        freedom = self.freedom if self.fixed else max(self.freedom * times, 1.0)
        return replace(then, mean=0.0 if unchanged else self.mean, freedom=freedom), error


def items_needed(
    evidence: Evidence, n: int, limit: float, level: float, power: float, unchanged: bool = False
) -> int | None:
    """How many items show, with this power, that the difference is above `limit`; `n` are there. None: no number does.

    The bound that they would have on average must lie above the limit by what the power wants (a normal quantile of
    standard deviations); simulated in the tests.
    """
    reserve = float(critical_value(1 - power))

    def short(times: float) -> bool:
        then, deviation = evidence.planned(times, unchanged)
        return float(then.lower(level)) - reserve * deviation < limit

    most = 1
    while short(most / n):
        most *= 2
        if most > MOST_ITEMS:
            return None
    least = most // 2
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if short(middle / n) else (least, middle)
    return most


def paired_difference(
    differences: Any, groups: Sequence[Any] = (), span: float | None = 1.0, runs: tuple[float, float] = (0.0, math.inf)
) -> Evidence:
    """The evidence in (..., items) differences of paired items, (items,) where they share something by `groups`.

    span: the width of the scores' range; None for none. runs: the variance between repeated runs that is added to that
    of the items, and its degrees of freedom.
    """
    import numpy as np

    ways = several_ways(groups)
    if span is None or rests_on_many(differences / span, ways):
        skewness = 0.0
        if span is None:
            fewest = min(differences.shape[-1] if way is None else int(way.max()) + 1 for way in ways)
            variance, freedom = two_way_variance(differences, ways), fewest - 1
        else:
            variance, freedom = shared_variance(differences, ways)
            skewness = float(skewness_of_mean(differences, ways, variance + runs[0]))
        freedom = float(satterthwaite((variance, runs[0]), (freedom, runs[1])))
        error = math.sqrt(variance + runs[0])
        width = math.inf if span is None else span
        return Student(float(differences.mean()), error, freedom, skewness, width, fixed=runs[0])
    differences = differences / span
    gains, losses = np.maximum(differences, 0.0), np.maximum(-differences, 0.0)
    up, down = mean_of(gains, ways, cautious=True), mean_of(losses, ways, cautious=True)
    of_gains, of_losses, whole = (variance_of_mean(values, ways[0]) for values in (gains, losses, differences))
    correlation = (of_gains + of_losses - whole) / 2 / np.sqrt(np.maximum(of_gains * of_losses, 1e-30))
    extra, freedom = runs[0] / span**2, min(up.freedom, down.freedom)
    if extra:
        freedom = float(satterthwaite((whole, extra), (freedom, runs[1])))
    return Difference(up, down, np.clip(correlation, -1.0, 0.0), span, extra, freedom)


def rests_on_many(differences: Any, ways: Sequence[Any]) -> bool:
    """Whether differences, as shares of the span, are of raters and items, or of right and wrong answers in clusters,
    and so many carry their mean that nothing much larger, or rarer, needs to be allowed for."""
    import numpy as np

    if ways[0] is None or (len(ways) == 1 and not np.isin(np.abs(differences), (0, 1)).all()):
        return False
    return bool(carry_the_mean(differences, ways).all())


def unpaired_difference(baseline: BoundedMean, candidate: BoundedMean, span: float = 1.0) -> Difference:
    """The evidence in the scores of two sides that share nothing that is known; each as a share of the span."""
    freedom = satterthwaite((baseline.variance, candidate.variance), (baseline.freedom, candidate.freedom))
    return Difference(candidate, baseline, span=span, freedom=float(freedom))


# --- parts/statistics/nights.py ---------------------------------------------------------------------------------------

FEWEST_NIGHTS = 3  # to cumulate: two tell nothing of how much nights differ
FEWEST_TO_DRIFT = 6  # with fewer no order of the nights is rare enough to be shown
USUAL_EFFECT = 0.05  # of the range: the size that the mixture expects
EXACT_NIGHTS = 7  # up to here all orders of the nights are tried
ORDERS = 9_999
ORDER_SEED = 20_260_312


@dataclass(frozen=True, slots=True)
class Night:
    """One night's paired items: their differences (more is better), and what each shares with others (its own name)."""

    differences: np.ndarray
    shared: Sequence[Any]

    @property
    def gain(self) -> float:
        """The mean difference."""
        return float(self.differences.mean())


@dataclass(frozen=True, slots=True)
class Sequential:
    """What some nights show together: e-values against "the limit is missed" and against "it is kept", on average."""

    evidence: Evidence
    mean: float
    e_pass: float
    e_fail: float
    items: int


@dataclass(frozen=True, slots=True)
class Drift:
    """A trend that is shown: `slope` a night, from the night with this index on (0: from the first one)."""

    slope: float
    since: int
    p_value: float


def sequential_evidence(nights: Sequence[Night], limit: float, span: float | None) -> Sequential | None:
    """The nights as one sequence, held against a limit of the mean gain; None with too few.

    The variance is clustered by item (the same item asked each night counts once); to it comes what the nights' means
    spread beyond the noise of single answers, with t of its few degrees of freedom. Of its z the e-value is made.
    """
    import numpy as np

    if len(nights) < FEWEST_NIGHTS:
        return None
    names: dict[Any, int] = {}
    items = np.array([names.setdefault(name, len(names)) for night in nights for name in night.shared])
    together = np.concatenate([night.differences for night in nights])
    evidence = paired_difference(together, [items], span, night_variance(nights, items, together))
    error = interval_from_bounds(*(float(end) for end in evidence.interval(0.05)))
    scale = USUAL_EFFECT * (span or 1.0)
    passing = mixture_evidence(tail_to_z(evidence.p_above(limit)), error, scale)
    failing = mixture_evidence(tail_to_z(evidence.p_below(limit)), error, scale)
    return Sequential(evidence, float(together.mean()), passing, failing, len(names))


def night_variance(nights: Sequence[Night], items: Any, together: Any) -> tuple[float, float]:
    """(variance that differing nights add to the mean of all, its degrees of freedom); 0 where noise explains them.

    An item's answers scatter around its mean over the nights; one that was asked once, around its night's mean.
    """
    import numpy as np

    sizes = np.array([len(night.differences) for night in nights])
    numbers = np.repeat(np.arange(len(nights)), sizes)
    gains = np.bincount(numbers, together) / sizes
    times = np.bincount(items)
    own = np.bincount(items, together) / np.maximum(times, 1)
    again = times[items] > 1
    center = np.where(again, own[items], gains[numbers])
    freed = np.where(again, times[items] / np.maximum(times[items] - 1.0, 1.0), sizes[numbers] / (sizes[numbers] - 1.0))
    noise = float((np.bincount(numbers, freed * (together - center) ** 2) / sizes**2).mean())
    excess = float(gains.var(ddof=1)) - noise
    return (excess / len(nights), len(nights) - 1.0) if excess > 0 else (0.0, math.inf)


def tail_to_z(p: float) -> float:
    """The normal value with this upper tail."""
    from scipy import special

    return float(-special.ndtri(min(max(p, 1e-300), 1 - 1e-16)))


def mixture_evidence(z: float, error: float, scale: float) -> float:
    """The e-value of an estimate that lies z of its standard errors above the limit, for effects of about `scale`.

    The likelihood ratio of a half-normal mixture over the effect against none; with t = (scale / error)^2:
    2 (1 + t)^(-1/2) exp(z^2 t / (2 (1 + t))) Phi(z (t / (1 + t))^(1/2))
    """
    from scipy import special

    if not error > 0:
        return 1.0
    t = (scale / error) ** 2
    share = t / (1 + t)
    return float(2 / math.sqrt(1 + t) * math.exp(min(600.0, z * z * share / 2)) * special.ndtr(z * math.sqrt(share)))


def drift_of(gains: Sequence[float], alpha: float = 0.05) -> Drift | None:
    """The drift of a sequence of means, if one is shown: level until some night, then a line.

    The largest reduction of the squares that such a broken line brings, against what it brings for the nights in any
    other order: exact where nights can be exchanged when nothing drifts, whatever they share and however they scatter.
    """
    import numpy as np

    values = np.array(gains, float)
    n = len(values)
    if n < FEWEST_TO_DRIFT or np.ptp(values) < 1e-12:
        return None
    bends = np.maximum(0.0, np.arange(n)[None, :] - np.arange(n - 2)[:, None])
    bends -= bends.mean(axis=1, keepdims=True)
    lengths = (bends**2).sum(axis=1)

    def reductions(rows: np.ndarray) -> np.ndarray:
        return (rows @ bends.T) ** 2 / lengths

    if n <= EXACT_NIGHTS:
        orders = values[np.array(list(itertools.permutations(range(n))))]
    else:
        rng = np.random.default_rng(ORDER_SEED)
        orders = np.concatenate([values[None, :], rng.permuted(np.tile(values, (ORDERS, 1)), axis=1)])
    seen = reductions(values[None, :])[0]
    best = int(seen.argmax())
    p_value = float((reductions(orders).max(axis=1) >= seen[best] * (1 - 1e-9)).mean())
    if p_value > alpha:
        return None
    return Drift(float(values @ bends[best] / lengths[best]), best, p_value)


# --- parts/records/nights.py ------------------------------------------------------------------------------------------

TaskKey = tuple[str, str, str]  # benchmark with its part, metric, shots


@dataclass(frozen=True, slots=True)
class NightScore:
    """One night's score of one task; `changed`: what is not as it was the night before."""

    date: str
    run: Run
    interval: tuple[float, float] | None
    changed: tuple[str, ...] = ()


def nights_by_task(runs: Sequence[Run]) -> dict[TaskKey, list[NightScore]]:
    """The nights of each task; runs that were made as repeats (one run id, or one moment) are one, their mean."""
    made: dict[tuple[TaskKey, object], list[Run]] = defaultdict(list)
    for run in sorted((run for run in runs if run.measured), key=moment_of_run):
        made[(run.task, run.metric, run.shots), run.run_id or moment_of_run(run)].append(run)
    nights: dict[TaskKey, list[NightScore]] = defaultdict(list)
    for (key, _), own in made.items():
        run = merged_repeats(own)[0][-1]
        changed = night_changes(nights[key][-1].run, run) if nights[key] else ()
        date = moment_of_run(own[-1]).strftime("%Y-%m-%d %H:%M")
        nights[key].append(NightScore(date, run, night_interval(run), changed))
    return dict(nights)


def night_interval(run: Run) -> tuple[float, float] | None:
    """The 95 % interval of a score; None where neither its error nor its number of items is known.

    Of a proportion Wilson's, on the number of items that its standard error stands for; of any other by that error.
    """
    error, spread = run.standard_error, run.score * (1 - run.score)
    if run.unit == "proportion" and run.n and spread >= 0:
        n = spread / error**2 + 1 if error and spread else run.n
        return wilson_interval(run.score * n, n)
    if not error:
        return None
    low, high = run.score - TWO_SIDED_Z * error, run.score + TWO_SIDED_Z * error
    return (low, high) if run.low is None or run.high is None else (max(run.low, low), min(run.high, high))


def night_changes(before: Run, run: Run) -> tuple[str, ...]:
    """What is not as it was: weights (where both are known), prompts, items, harness, other settings."""
    found = []
    if before.identity.fixed and run.identity.fixed and before.identity.fixed != run.identity.fixed:
        found.append("weights")
    elif "" not in (before.identity.files, run.identity.files) and before.identity.files != run.identity.files:
        found.append("files beside the weights")
    if before.repeats and run.repeats:
        common = set(before.repeats[0]) & set(run.repeats[0])
        pairs = [(before.repeats[0][name], run.repeats[0][name]) for name in common]
        if any(one.prompt_hash and other.prompt_hash and one.prompt_hash != other.prompt_hash for one, other in pairs):
            found.append("prompts")
        elif len(common) < max(len(before.repeats[0]), len(run.repeats[0])):
            found.append("items")
    if before.harness != run.harness:
        found.append(f"harness {' '.join(before.harness)} → {' '.join(run.harness)}")
    names = [name for name in setting_differences(before, run) if not name.startswith("harness")]
    return (*found, *names[:3])


def drift_of_nights(nights: Sequence[NightScore]) -> tuple[Drift, str] | None:
    """The drift of the valid scores since something other than the weights changed last, and the night before it."""
    begin = max((i for i, night in enumerate(nights) if set(night.changed) - {"weights"}), default=0)
    own = [night for night in nights[begin:] if not night.run.validity.reasons]
    drift = drift_of([night.run.score for night in own])
    return None if drift is None or math.isclose(drift.slope, 0.0) else (drift, own[drift.since].date[:10])


# --- parts/records/validity.py ----------------------------------------------------------------------------------------

CONVERTER = "convert_results.py"  # as a record names it
ROUNDED_TO_TWO = 0.0051  # how far a score may be from what it was rounded from, where nothing is known of its source
PLAIN_SHARES = ("accuracy", "exactmatch", "accnorm")  # by their keys
PLAIN_MEANS = ("accuracy", "exact_match")  # by their name, where a record does not say how it was made
BELOW_ITEMS = 3.0  # times: no strata make the error of a mean so much smaller than that of its items
BELOW_CHANCE = 0.999  # confidence of the interval that must lie below the score of guessing, for one run of many


def validity_of(
    run: Run, facts: ItemFacts | None, samples_there: bool, most: float = MANY, error: float | None = None
) -> Validity:
    """The gate. `most` is the share of attempts that may be lost, empty, truncated or unparsed.

    samples_there: whether there is a samples file beside the record. error: the standard error of what items share.
    """
    if not run.measured:  # read from a document: nothing is known of how it was made, but by its items
        return Validity((*mean_reasons(run, facts), *range_reasons(run, facts)))
    reasons, remarks = [*record_reasons(run, facts, samples_there)], []
    attempts = attempts_of(run.counts, run.n, facts.unscored if facts else 0, facts.rows if facts else 0)
    if run.n == 0 or (attempts.made and not attempts.scored):
        reasons.append("no attempt has a score")
    counts = {**run.counts, **({"empty": facts.empty} if facts and "empty" not in run.counts else {})}
    shares = [("lost", attempts.lost), *((name, counts.get(name, 0)) for name in DOUBTFUL)]
    for name, count in shares:
        words = "without a score" if name == "lost" else COUNT_WORDS[name]
        text = f"{count} of {attempts.made} answers {words}"
        if attempts.made and count > most * attempts.made:
            reasons.append(text)
        elif count:
            remarks.append(text)
    stopped, failed = counts.get("limit_hit", 0), max(0, counts.get("errored", 0) - attempts.lost)
    remarks += [f"{stopped} of {attempts.made} attempts stopped by a limit"] if stopped else []
    remarks += [f"{failed} of {attempts.made} attempts failed and were scored all the same"] if failed else []
    reasons += chance_reasons(run, facts, error or 0.0)
    remarks += [f"partial: {run.incomplete}"] if run.incomplete else []
    if run.other_examples:
        held = plural(int(run.other_examples), "example")
        remarks.append(f"its prompts hold {held}, while its configuration says {run.shots}")
    remarks += [f"its samples file is missing ({run.missing_samples})"] if run.missing_samples else []
    mean = run.aggregation in ITEM_MEANS[1:] or (not run.aggregation and run.metric in PLAIN_MEANS)
    known = facts is None or run.writer == CONVERTER  # our own errors of items are clustered where these are alike
    if mean and known and (run.unit, run.low, run.high) == ("proportion", 0, 1) and not run.cluster_field:
        remarks += filter(None, [error_doubt(run.score, run.standard_error, run.n, run.error_method)])
    if facts is not None and facts.mean is not None and facts.factor is None and run.aggregation in ("", "unknown"):
        remarks.append("its items do not average to its score, and it does not say how it is made")
    return Validity(tuple(reasons), tuple(remarks))


def record_reasons(run: Run, facts: ItemFacts | None, samples_there: bool) -> list[str]:
    """Where a record contradicts itself or its items."""
    reasons = []
    if run.conflict:
        reasons.append(f"its score contradicts its items ({run.conflict})")
    small = is_plain_share(run) and facts is None and error_contradiction(run.score, run.standard_error, run.n)
    reasons += [f"it contradicts itself ({text})" for text in (run.contradiction, small) if text]
    if run.lost_items:
        reasons.append(f"its items could not be read ({run.lost_items})")
    if run.sampled and not samples_there:
        reasons.append("its samples are missing")
    reasons += [*mean_reasons(run, facts), *range_reasons(run, facts), *error_reasons(run, facts)]
    reasons += statistics_reasons(run, facts) or micro_reasons(run, facts)
    if facts is not None and run.n is not None and run.n not in (facts.rows, facts.rows - facts.unscored):
        repeated = facts.rows % run.n == 0 if run.n else False  # n may count items that were asked several times
        if not repeated:
            reasons.append(f"it speaks of {run.n} items and has {facts.rows}")
    return reasons


def is_plain_share(run: Run) -> bool:
    """Whether a score is a share of answers that are right or wrong."""
    mean = run.aggregation in ITEM_MEANS[1:] or not run.aggregation
    known = metric_key(run.metric).partition(",")[0] in PLAIN_SHARES and run.unit == "proportion"
    return mean and known and not run.cluster_field and run.times == 1


def mean_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Where a score is not the mean of its items, and says that it is; or is one by its metric's name, whatever it
    says: then those without a score may count as wrong or right, and a record that says nothing may be rounded."""
    if facts is None or facts.mean is None or facts.factor is not None:
        return []
    text = f"its score {run.score:g} is not the mean of its items, {facts.mean:.6g}"
    if run.aggregation in ITEM_MEANS[1:]:
        return [text]
    total, slack = facts.mean * (facts.rows - facts.unscored), ROUNDED if run.aggregation else ROUNDED_TO_TWO
    ranges = [(total * scale / facts.rows, (total * scale + facts.unscored) / facts.rows) for scale in (1.0, run.scale)]
    possible = any(low - slack <= run.score <= high + slack for low, high in ranges)
    return [f"{text}, as {run.metric} is"] if is_item_mean(run.metric) and not possible else []


def range_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Where a mean is of items that its metric cannot have: a share is of values from 0 to 1.

    Items of other metrics may lie below the least score, where this is cut off.
    """
    if facts is None or facts.ends is None or facts.factor is None:
        return []
    share = is_share_metric(run.metric)
    low, high = (0.0, 1.0) if share and run.unit == "proportion" else (-math.inf, run.high)
    wrong = [end for end in facts.ends if end < low - ROUNDED or (high is not None and end > high + ROUNDED)]
    return [f"an item of it has {wrong[-1]:g}, which no item of {run.metric} can have"] if wrong else []


def error_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Where the standard error that a mean states is far below that of its items; of clusters it may well be."""
    error = run.standard_error
    if facts is None or not facts.error or error is None or run.aggregation not in ITEM_MEANS:
        return []
    clustered = run.cluster_field or "cluster" in run.error_method
    if error >= facts.error / (FAR_BELOW if clustered else BELOW_ITEMS):
        return []
    return [f"it states a standard error of {error:.3g}, and its items have one of {facts.error:.3g}"]


def statistics_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Where a score of the whole corpus is not what its items' statistics give."""
    if facts is None or facts.corpus is None or run.n not in (None, facts.rows - facts.unscored):
        return []
    if abs(facts.corpus - run.score) <= ROUNDED * max(1.0, abs(run.score)):
        return []
    return [f"its score {run.score:g} is not what its items' statistics give, {facts.corpus:.6g}"]


def micro_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Micro F1 of one class each is the share of right answers; versions before left out answers that are no class."""
    if run.aggregation != "f1_micro" or run.writer != PREDICTIONS_WRITER or facts is None or facts.mean is None:
        return []
    if abs(facts.mean - run.score) <= ROUNDED:
        return []
    return [
        f"its micro F1 {run.score:g} leaves out answers that are no class, with them it is {facts.mean:.6g}: score the "
        "predictions again"
    ]


def chance_reasons(run: Run, facts: ItemFacts | None, error: float) -> list[str]:
    """Whether a score is below that of guessing, beyond doubt: something is wrong with how it was measured.

    Of so many independent answers as the error stands for, where items share something.
    """
    chance = run.chance if run.chance is not None else facts.chance if facts else None
    if not chance or run.unit != "proportion" or run.lower_is_better or not run.n:
        return []
    spread = run.score * (1 - run.score)
    n = min(run.n, spread / error**2 + 1) if error and spread > 0 else run.n
    if wilson_interval(run.score * n, n, BELOW_CHANCE)[1] < chance:
        return [f"{number(run.score)} is below chance, {number(chance)}"]
    return []


# --- parts/records/reading.py -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ReadResult:
    """A result (`row`: as the record has it), judged by the gate, with the lines about it and what these say."""

    run: Run
    row: Mapping[str, Any]
    lines: Lines
    facts: ItemFacts | None

    @property
    def attempts(self) -> Attempts:
        """What became of its attempts, by the record and its items."""
        facts = self.facts
        return attempts_of(self.run.counts, self.run.n, facts.unscored if facts else 0, facts.rows if facts else 0)


def read_results(
    path: Path, record: Mapping[str, Any], vocabulary: MetricMapping, most: float = MANY, whole: bool = False
) -> list[ReadResult]:
    """The results of a record with their items; `most` as for the gate. whole: with all that their lines say.

    A harness's mean of whatever was run ("all", "average") is nobody's benchmark and left out.
    """
    runs = record_runs(path, record, vocabulary)
    found = read_sample_lines(path, record, whole or any(run.cluster_field for run in runs))
    readings = []
    for run, row in zip(runs, record["evaluation_results"], strict=True):
        if normalize_name(bare_task(run.name)) in MEANS_OF_ALL:
            continue
        lines = lines_of_run(run, found)
        facts = facts_of_items(run, lines)
        shared = with_sharing_error(run, lines, facts)
        more = shared.standard_error if shared.standard_error != run.standard_error else None  # one that is stated may
        validity = validity_of(run, facts, found is not None, most, more)  # be any, and hide what is below chance
        chance = facts.chance if run.chance is None and facts is not None else run.chance
        length = facts.length if facts is not None else None
        readings.append(ReadResult(replace(shared, validity=validity, chance=chance, length=length), row, lines, facts))
    return readings


def with_sharing_error(run: Run, lines: Lines, facts: ItemFacts | None) -> Run:
    """The run with the standard error of a mean of items that share something (a passage, a prompt), where its own is
    smaller: most harnesses take all items as independent.

    With few groups that may be alike by chance the error is the largest that so many can have: of groups that are
    wholly right or wrong.
    """
    if facts is None or not facts.factor or run.aggregation not in ITEM_MEANS:
        return run
    found = [
        (line.score, group)
        for line, group in zip(lines, sharing_groups(lines, run.cluster_field or None), strict=True)
        if line.score is not None
    ]
    groups = [place if group is None else group for place, (_, group) in enumerate(found)]
    sizes = Counter(groups)
    if len(sizes) == len(found):
        return run
    error = abs(facts.factor) * (clustered_error([score for score, _ in found], groups) or 0.0)
    if len(sizes) < FEW_ITEMS and None not in (run.low, run.high):
        spread = max(0.0, (run.score - run.low) * (run.high - run.score))
        error = max(error, math.sqrt(spread * sum(size**2 for size in sizes.values())) / len(found))
    stated = run.standard_error or 0.0
    return replace(run, standard_error=error) if error > stated * (1 + ROUNDED) else run


def contradictions(path: Path, record: Mapping[str, Any], vocabulary: MetricMapping) -> list[str]:
    """Why a record that a script of this project wrote is not what was measured; nothing where it holds.

    It was cut, altered, or never whole: such a script leaves a checksum of the samples.
    ScriptError when it, or its samples, cannot be read at all.
    """
    runs, found = record_runs(path, record, vocabulary), read_sample_lines(path, record)
    kept = record.get("detailed_evaluation_results")
    if found is None or not isinstance(kept, Mapping) or not kept.get("checksum") or "total_rows" not in kept:
        return ["its samples file is missing" if found is None else "it has no checksum of its samples"]
    if not runs:
        return ["no evaluation_results"]
    reasons = [] if any(found.values()) else ["its samples file is empty"]
    for run in runs:
        facts = facts_of_items(run, lines_of_run(run, found))
        reasons += record_reasons(run, facts, True)
        if facts is None or normalize_name(bare_task(run.name)) in MEANS_OF_ALL:
            continue  # a harness's own number, or one of a group of items, has no lines of its own
        if facts.unscored == facts.rows and not run.corpus_level:  # of some corpus metrics no single item has a value
            reasons.append(f"no answer of {run.result_id} has a score")
        elif facts.factor is None and not run.aggregation:
            reasons.append(f"its score {run.score:g} is not the mean of its items, {facts.mean:.6g}")
    return reasons


# --- parts/board/record_rows.py ---------------------------------------------------------------------------------------

NEVER = datetime.min.replace(tzinfo=UTC)

# Scores of a text by a model's own tokens; those of words or bytes are called so.
BY_TOKENS = re.compile(
    r"(?:(?:mean|avg|corpus|token|eval|test|val|validation)_)?(?:perplexity|ppl)|\w+_(?:per|by)_token", re.ASCII
)
OF_ANSWERS = {"lm-eval", "lm_eval", "lighteval"}  # whose bare perplexity is of answers, each of which counts once


def record_rows(
    path: Path, record: Mapping[str, Any], benchmarks: Benchmarks, items: bool = False
) -> list[tuple[Run, BoardRow]]:
    """The results of a local record (with their items) and their rows; ScriptError when it is damaged."""
    source = record.get("source_metadata") or {}
    ours = source.get("source_type") == "evaluation_run"
    details = record["model_info"].get("additional_details") or {}
    library = record.get("eval_library") or {}
    place = Provenance(
        "own_run" if ours else "reported",
        kept_url((source.get("additional_details") or {}).get("source_url")) or "",
        kept_text(source.get("source_organization_name")) if not ours else None,
        kept_text(details.get("revision")),
        iso_time(record.get("evaluation_timestamp") or ""),
    )
    name = " ".join(str(library[part]) for part in ("name", "version") if library.get(part) not in (None, "unknown"))
    said_by = kept_text(name if ours else source.get("source_name"))
    readings = read_results(path, record, benchmarks.vocabulary, whole=True)
    found = [
        (
            one,
            record_row(one.run, one.row, place, said_by, benchmarks)
            | {"answers": answers_mark(one), "reach": reach_of_lost(one.run, one.facts)}
            | {"length": one.run.length, "tokens": whose_tokens(one.run)},
        )
        for one in readings
    ]
    return [(with_answers(one.run, one.lines) if items else one.run, row) for one, row in found]


def answers_mark(reading: ReadResult) -> str | None:
    """What two results of the same items share: a mark of the items, one of items and scores, and one of items and
    answers if there are any. Marks add up, so that those of a benchmark are the sum of those of its parts; None where
    an item has no hash.
    """
    lines, facts = reading.lines, reading.facts
    if facts is None or not all(line.row.get("sample_hash") for line in lines) or facts.unscored == facts.rows:
        return None
    sums = {"s": 0, "a": 0, ITEMS_MARK: 0}
    for line in lines:
        output = line.row.get("output")
        answer = output.get("raw") if isinstance(output, Mapping) else None
        if not answer or not any(answer):
            sums.pop("a", None)
        for kind, told in (("s", line.score), ("a", answer), (ITEMS_MARK, None)):
            if kind in sums:
                text = json.dumps([line.row["sample_hash"], told], sort_keys=True)
                sums[kind] += int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest())
    return written_marks({kind: (len(lines), total) for kind, total in sums.items()})


def written_marks(marks: Mapping[str, tuple[int, int]]) -> str | None:
    """Marks by kind as a text; see `sum_of_marks`."""
    return " ".join(f"{kind}{count}:{total % 2**64:016x}" for kind, (count, total) in marks.items()) or None


def whose_tokens(run: Run) -> str | None:
    """Whose tokens a score is of that is by a model's own and does not say how many: those of a training run or of a
    model; None for other scores."""
    name = re.sub(r"[\s-]+", "_", run.metric.lower().partition(",")[0].strip())
    answers = run.harness[0] in OF_ANSWERS and name in ("perplexity", "ppl")
    if run.length is not None or answers or not BY_TOKENS.fullmatch(name):
        return None
    own = run.identity.id
    return (own.rpartition("/")[0] or own) if run.identity.checkpoint else own


def sum_of_marks(texts: Sequence[str | None]) -> str | None:
    """The mark of a whole from those of its parts, of the kinds that all have."""
    parts = [
        {mark[0]: (int(mark[1:].partition(":")[0]), int(mark.partition(":")[2], 16)) for mark in (text or "").split()}
        for text in texts
    ]
    kinds = [kind for kind in parts[0] if all(kind in part for part in parts)] if parts else []
    return written_marks({k: (sum(part[k][0] for part in parts), sum(part[k][1] for part in parts)) for k in kinds})


def record_row(
    run: Run, result: Mapping[str, Any], place: Provenance, source_name: str | None, benchmarks: Benchmarks
) -> BoardRow:
    """The row of one result of a record."""
    metric = result["metric_config"]
    settings = (result.get("generation_config") or {}).get("additional_details") or {}
    key = run.key if run.known else None
    known = benchmarks.mapping.get(run.key) or {}
    word = kept_text(told_metric(metric))
    why_not = f"a part of {known['name']}: {run.subtask}" if run.subtask else None
    if (
        key
        and not why_not
        and known.get("kind") == "benchmark"
        and not known.get("own")
        and not is_main_metric(metric, known)
    ):
        why_not = None if ranks(word, known) else f"{word} is not the metric that {known['name']} is ranked by"
    if on_own_files(result.get("source_data") or {}) and "/" in str((known.get("model_index") or {}).get("type")):
        why_not = NOT_THE_HUBS
    if key and (other := other_data(known, (result.get("source_data") or {}).get("hf_repo"))):
        why_not = other
    if key and not why_not and used_tools(run.name, result, known):
        why_not = USED_TOOLS
    if is_of_raters(word):
        why_not = OF_RATERS
    elif not run.directed:
        why_not = f"nothing says whether more {word} is better"
    if run.incomplete:
        why_not = f"a partial run ({run.incomplete[:80]}), no score"
    if run.validity.reasons:
        why_not = f"not valid: {'; '.join(run.validity.reasons)[:200]}"
    value, unit = run.written
    error = None if run.standard_error is None else run.standard_error / run.scale
    row = new_row(
        kept_text(run.identity.id) or "",
        place,
        "record",
        benchmark=key,
        benchmark_name=bare_task(run.name) or kept_text(run.name),
        source_task=kept_text(result.get("evaluation_result_id")) or kept_text(run.name),
        value=float(value),
        unit=None if unit == "unknown" else unit[:40],
        unit_basis=None if unit == "unknown" else "stated",
        metric=kept_text(told_metric(metric)),
        shots=record_shots(run, settings),
        settings=settings_mark(run),
        standard_error=error,
        n=kept_count(run.n),
        lower_is_better=run.lower_is_better,
        source_name=source_name,
        source_url=place.url or None,
        why_not=why_not,
        votes=run.votes and run.votes.text,
    )
    row["notes"] = "; ".join((record_place(Path(run.file)), *run.validity.remarks))
    return row


def reach_of_lost(run: Run, facts: ItemFacts | None) -> float:
    """How far a score could be off by its lost attempts, in the unit that it is written in; infinite without bounds.

    An attempt's share is between 0 and 1 here, of an error rate too, which has no upper bound: as the gate takes it.
    """
    attempts = run.attempts if facts is None else attempts_of(run.counts, run.n, facts.unscored, facts.rows)
    if not attempts.lost:
        return 0.0
    low, high = (0.0, 1.0) if run.unit == "proportion" else (run.low, run.high)
    ends = score_bounds(run.score, attempts, low, high, run.lower_is_better, run.n)
    return math.inf if ends is None else max(abs(end - run.score) for end in ends) / run.scale


def settings_mark(run: Run) -> str | None:
    """What two runs share that were measured alike, as the program that wrote them says it: "<writer>:<settings>".

    Which system of a file was scored says whom a run is of, and not how it was measured."""
    texts = run.writer, json.dumps(sorted((run.settings | dict.fromkeys({SCORED} & run.settings.keys(), "")).items()))
    return ":".join(hashlib.sha256(text.encode(errors="replace")).hexdigest()[:12] for text in texts)


def read_own_runs(
    folders: Sequence[str], benchmarks: Benchmarks, latest: bool = False, nights: bool = False
) -> tuple[list[BoardRow], list[dict[str, str]]]:
    """The rows of all records below some folders, and what could not be read.

    A model of which several revisions, adapters, ... were measured goes by a name that says which, and so does each
    state of a model that was measured at several times (`latest`: the last one alone, by the model's name). Repeats of
    one state are one row. Each complete set of a benchmark's parts gives a row of the benchmark. `nights`: every state
    is a row of the model itself, with what changed since the one before; the last is the one that is shown.
    """
    found: list[tuple[Run, BoardRow]] = []
    unreadable = []
    for path in record_files(map(Path, folders)):
        try:
            record = read_record(path)
            if record is None or record.get("failure"):
                continue
            model_name(identity_of(record).id)
            found += record_rows(path, record, benchmarks, nights)
        except (ScriptError, KeyError, AttributeError, TypeError, ValueError, OverflowError) as error:
            reason = f"no {error} in the record" if isinstance(error, KeyError) else str(error)
            reason = kept_text(without_paths(reason.rpartition(f"{path.name}: ")[2], path)) or ""
            unreadable.append({"model": "", "where": record_place(path), "reason": reason})
    for folder in () if found or unreadable else folders:
        if told := other_results(Path(folder)):
            note(f"note: --results {folder}: no record in it; {told}")
    models: dict[tuple[str, ...], list[tuple[Run, BoardRow]]] = defaultdict(list)
    for run, row in found:
        models[run.identity.any_commit.key].append((run, row))
    ids = [key[0] for key in models]
    rows: list[BoardRow] = []
    for key, own in models.items():
        note_changes(own if nights else [])
        identity = own[0][0].identity.any_commit
        name = identity.name if ids.count(key[0]) > 1 or identity.part else key[0]
        for told, state in named_states(name, [run for run, _ in own], latest, nights):
            kept = state_rows(state, {id(run): row for run, row in own}, benchmarks)
            rows += [row | {"model": kept_text(told) or ""} for row in kept]
    return rows, unreadable


def note_changes(own: Sequence[tuple[Run, BoardRow]]) -> None:
    """Say in the rows of a model's nights what changed since the night before."""
    rows = {(run.file, run.result_id): row for run, row in own}
    for nights in nights_by_task([run for run, _ in own]).values():
        for night in nights:
            row = rows.get((night.run.file, night.run.result_id))
            if row is not None and night.changed:
                row["notes"] = f"{row['notes']}; changed: {', '.join(night.changed)}"


def named_states(name: str, runs: Sequence[Run], latest: bool, nights: bool) -> list[tuple[str, list[Run]]]:
    """(name, runs) of each state of a model, the last one last; what was read in documents is of none and has the
    model's own name."""
    told = [run for run in runs if not run.measured]
    states = states_of([run for run in runs if run.measured])
    states.sort(key=lambda state: max(map(moment_of_run, state), default=NEVER))
    names = [name] * len(states)
    if len(states) > 1 and not nights:
        commits = [{run.identity.revision for run in state} for state in states]
        names = state_names(name, states)
        single = all(len(own) == 1 and COMMIT.fullmatch(*own) for own in commits)
        if single and len(set(map(min, commits))) == len(states):
            names = [state[0].identity.name for state in states]
        only = {run.key for state in states[:-1] for run in state} - {run.key for run in states[-1]}
        lost = f", and with them all that there is on {listing(sorted(only))}" if only else ""
        what = f"each is shown under its own name (--latest: the last alone): {listing(names, 5)}"
        if latest:
            what = f"{names[-1]} is shown alone (--latest), {len(names) - 1} left out: {listing(names[:-1], 5)}{lost}"
        note(f"note: {name} was measured {len(states)} times, of weights that nothing proves to be equal; {what}")
    found = [(name, states[-1])] if latest and states else list(zip(names, states, strict=False))
    return [*found, (name, told)]


def state_rows(runs: Sequence[Run], rows: Mapping[int, BoardRow], benchmarks: Benchmarks) -> list[BoardRow]:
    """The rows of one state of a model: repeats as one, and the benchmarks that its parts make up."""
    by_place = {(run.file, run.result_id): rows[id(run)] for run in reversed(runs)}
    merged, lines = merged_repeats([run for run in runs if run.measured])
    for line in lines:
        note(f"note: {line}")
    merged += [run for run in runs if not run.measured]
    found = []
    for run in merged:
        row = by_place[run.file, run.result_id]
        found.append(row if id(run) in rows else row | numbers_of(run, row["why_not"]))
    return found + whole_rows(merged, by_place, benchmarks)


def numbers_of(run: Run, why_not: str | None) -> BoardRow:
    """What of a row is another one when a run is made of several."""
    return {
        "value": run.written[0],
        "standard_error": None if run.standard_error is None else run.standard_error / run.scale,
        "n": kept_count(run.n),
        "why_not": f"not valid: {'; '.join(run.validity.reasons)[:200]}" if run.validity.reasons else why_not,
        "notes": "; ".join((record_place(Path(run.file)), *run.validity.remarks[:3])),
    }


def whole_rows(runs: Sequence[Run], rows: Mapping[tuple[str, str], BoardRow], benchmarks: Benchmarks) -> list[BoardRow]:
    """The rows of the benchmarks that parts of one state of a model make up."""
    wholes, used, _ = whole_runs([run for run in runs if run.subtask], benchmarks.vocabulary)
    found = []
    for run in wholes:
        first = rows[
            next((part.file, part.result_id) for part in used if part.key == run.key and part.file == run.file)
        ]
        known = benchmarks.mapping[run.key]
        why_not = f"a partial run ({run.incomplete})" if run.incomplete else None
        if not why_not and not ranks(run.metric, known):
            why_not = f"{run.metric} is not the metric that {known['name']} is ranked by"
        way = (run.key, run.metric, run.shots, run.harness[0])
        own = [part for part in used if (part.key, part.metric, part.shots, part.harness[0]) == way]
        unlike = [str(rows[part.file, part.result_id]["why_not"]) for part in own]
        why_not = next((text for text in unlike if text.startswith(MEASURED_ON)), why_not)
        marks = sum_of_marks([rows[part.file, part.result_id]["answers"] for part in own])
        names = {"benchmark_name": known["name"], "source_task": run.result_id, "answers": marks}
        names["reach"] = max((rows[part.file, part.result_id]["reach"] for part in own), default=first["reach"])
        found.append(first | names | numbers_of(run, why_not))
    return found


# --- parts/hub/private_repo.py ----------------------------------------------------------------------------------------


def refuse_public(api: Any, repo_id: str, kind: str, option: str) -> None:
    """ScriptError(code=3) for a repository that everybody can read; nothing for a private one and for none.

    `kind`: model, dataset or space; `option`: what named it, for the message. Making one with exist_ok leaves a public
    one as it is, so this is asked before anything is sent.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        public = not api.repo_info(repo_id, repo_type=kind).private
    except GatedRepoError:  # seen by everybody, and given to those who ask
        public = True
    except RepositoryNotFoundError:
        return
    if public:
        place = f"{'' if kind == 'model' else f'{kind}s/'}{repo_id}"
        raise ScriptError(
            f"{option} {repo_id}: is there and public, and only a private one is written to; nothing was sent: name "
            f"another, or make it private (https://huggingface.co/{place}/settings)",
            code=3,
        )


def refuse_other_name(info: Any, repo_id: str, option: str) -> None:
    """ScriptError(code=3) where the Hub leads to a repository of another name: renamed, moved, in other letters."""
    if info.id != repo_id:
        raise ScriptError(
            f"{option} {repo_id}: is called {info.id} on the Hub; nothing was sent: {option} {info.id}, if that is "
            "meant",
            code=3,
        )


def refuse_moved(api: Any, repo_id: str, kind: str, option: str) -> None:
    """ScriptError(code=3) for a name that leads to another: to make a repository of it would end that."""
    from huggingface_hub.errors import RepositoryNotFoundError

    with contextlib.suppress(RepositoryNotFoundError):
        refuse_other_name(api.repo_info(repo_id, repo_type=kind), repo_id, option)


def make_private_repo(api: Any, repo_id: str, kind: str, option: str) -> None:
    """Make a private repository, or see that the one that is there is private; else ScriptError(code=3)."""
    refuse_moved(api, repo_id, kind, option)
    api.create_repo(repo_id, repo_type=kind, private=True, exist_ok=True)
    refuse_public(api, repo_id, kind, option)


# --- parts/board/sharing.py -------------------------------------------------------------------------------------------

OUR_TAG = "hub-evals-leaderboard"  # in the README of what push has made; without it nothing is overwritten
REFRESH_HOURS = 24
SPACE_REQUIREMENTS = (
    "duckdb>=1.4,<3", "httpx2>=2,<3", "huggingface_hub>=2.2,<3", "numpy>=2,<3", "python-dotenv>=1.1,<2",
    "pyyaml>=6,<7", "rich>=14,<16", "tenacity>=9,<10",
)  # fmt: skip
GRADIO = "6.31.0"  # of the Space
SPACE_README = """---
title: {title}
emoji: 📊
colorFrom: blue
colorTo: green
sdk: gradio
sdk_version: {gradio}
python_version: "3.12"
app_file: app.py
pinned: false
datasets:
- {dataset}
tags:
- leaderboard
- {tag}
---

# {title}

Scores of open models from the evaluation metadata that they carry; the data is in
[{dataset}](https://huggingface.co/datasets/{dataset}). {refresh}Made by `leaderboard.py push`.
"""
SPACE_REFRESH = """Every {hours} hours the Space collects it anew; with a secret
`HF_TOKEN` that may write to the dataset it pushes it there as well. """
DATASET_README = """---
pretty_name: Leaderboard of open models
tags:
- leaderboard
- {tag}
configs:
- config_name: default
  data_files:
  - split: train
    path: leaderboard.parquet
---

# Leaderboard of open models

{rows} scores of {models} models on {benchmarks} benchmarks; collected {collected}: {sources}.

One row for each score and source: `shown` marks the one of each model and benchmark that comes first in this order:
{order}. `comparable` is the value in `canonical_unit`; where the scale is not known it is null and `why_not` says why.
What could not be read is in `metadata.json`.

```sql
SELECT model, comparable, source_type FROM 'leaderboard.parquet' WHERE shown AND benchmark = 'mmlu_pro' ORDER BY 2 DESC
```
"""
APP = '''"""The leaderboard's page, and its refresh in the background; made by `scripts/leaderboard.py push`.

The data comes from the dataset when the Space starts. Every {hours} hours `collect` asks the Hub again, into this
Space's own folder. With a secret HF_TOKEN that may write to the dataset, the new data is pushed there as well.
"""

import json
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from huggingface_hub import snapshot_download

HERE = Path(__file__).resolve().parent
DATA = HERE / "data"
SCRIPT = HERE / "scripts" / "leaderboard.py"
SETTINGS = json.loads((HERE / "refresh.json").read_text(encoding="utf-8"))


def run(*arguments, anonymous=False):
    """One command of the script, in a process of its own: its memory goes back, its failure ends nothing here."""
    secret = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN") if anonymous else ()
    environment = {name: value for name, value in os.environ.items() if name not in secret}
    return subprocess.run([sys.executable, str(SCRIPT), *arguments], cwd=HERE, env=environment, check=False).returncode


def refresh():
    """Collect again, own runs kept; push when a token allows it. The old data stays when the Hub cannot be read.

    What the token may see beyond what everybody may is read only when the board was made private.
    """
    folders = ("--keep-own-runs", str(DATA), "--adopt", "--output-dir", str(DATA))
    done = run("collect", *SETTINGS["collect"], *folders, anonymous=not SETTINGS["private"]) == 0
    if done and os.environ.get("HF_TOKEN"):
        run("push", "--dataset", SETTINGS["dataset"], "--data", str(DATA), "--adopt", "--apply")


def age_in_hours():
    collected = json.loads((DATA / "metadata.json").read_text(encoding="utf-8"))["collected"]
    return (datetime.now(UTC) - datetime.fromisoformat(collected)).total_seconds() / 3600


def keep_fresh():
    tried = 0.0
    while True:
        if age_in_hours() >= SETTINGS["hours"] and time.time() - tried >= 3600:
            tried = time.time()
            refresh()
        time.sleep(300)


def main():
    snapshot_download(SETTINGS["dataset"], repo_type="dataset", local_dir=DATA, allow_patterns=SETTINGS["files"])
    if SETTINGS["collect"]:
        threading.Thread(target=keep_fresh, daemon=True).start()
    sys.path.insert(0, str(SCRIPT.parent))
    import leaderboard

    return leaderboard.main(["serve", "--data", str(DATA), "--adopt", "--host", "0.0.0.0", "--port", "7860"])


if __name__ == "__main__":
    raise SystemExit(main())
'''


@dataclass(frozen=True, slots=True)
class RepoUpload:
    """What one repo is to hold, and what it holds now."""

    kind: str  # "dataset" or "space"
    repo_id: str
    files: Mapping[str, bytes]  # those that are missing there, or differ
    exists: bool
    head: str | None
    private: bool = False

    def as_json(self) -> dict[str, Any]:
        sizes = {name: len(data) for name, data in self.files.items()}
        return {"kind": self.kind, "repo_id": self.repo_id, "exists": self.exists, "files": sizes}


def told_sources(counts: Mapping[str, Any]) -> str:
    """Where the numbers are from: "150 own runs, read from records; 20 author's metadata"."""
    found = [(kind, count) for kind, count in (counts.get("sources") or {}).items() if count]
    return "; ".join(f"{count:,} {SOURCE_TYPES.get(kind, kind)} ({SOURCE_TEXTS[kind]})" for kind, count in found)


def dataset_files(data: Mapping[str, bytes], metadata: Mapping[str, Any]) -> dict[str, bytes]:
    """The data and its card."""
    counts = metadata["counts"]
    card = DATASET_README.format(
        tag=OUR_TAG,
        rows=f"{counts['rows']:,}",
        models=f"{counts['models']:,}",
        benchmarks=len(metadata["benchmarks"]),
        collected=metadata["collected"],
        order=", ".join(SOURCE_TYPES.values()),
        sources=told_sources(counts),
    )
    return {**data, "README.md": card.encode()}


def space_files(space: str, dataset: str, metadata: Mapping[str, Any], secret: Sequence[str]) -> dict[str, bytes]:
    """The app: this script, what it needs, and how it is refreshed; secret: as `private_models` has them."""
    title = space.rpartition("/")[2].replace("-", " ").replace("_", " ").capitalize()
    arguments = collect_arguments(metadata["asked"])
    refresh = SPACE_REFRESH.format(hours=REFRESH_HOURS) if arguments else ""
    texts = {
        "README.md": SPACE_README.format(title=title, gradio=GRADIO, dataset=dataset, tag=OUR_TAG, refresh=refresh),
        "app.py": APP.replace("{hours}", str(REFRESH_HOURS)),
        "requirements.txt": "".join(f"{line}\n" for line in SPACE_REQUIREMENTS),
        "refresh.json": to_json(
            {
                "dataset": dataset,
                "hours": REFRESH_HOURS,
                "files": list(DATA_FILES),
                "collect": arguments,
                "private": bool(secret),
            }
        ),
    }
    if models := metadata["asked"].get("repo_ids"):
        texts["models.txt"] = "".join(f"{model}\n" for model in models)
    own = Path(__file__).resolve()
    binary = {"scripts/leaderboard.py": own.read_bytes()}
    mapping = own.parents[1] / "metric_mapping.json"
    return (
        {name: text.encode() for name, text in texts.items()} | binary | {"metric_mapping.json": mapping.read_bytes()}
    )


def space_asks(metadata: Mapping[str, Any], secret: Sequence[str]) -> dict[str, list[str]]:
    """What a Space runs by itself: the arguments of its collect, the models in its models.txt, and those for which it
    reads with its token; {} for nothing."""
    arguments = collect_arguments(metadata["asked"])
    models = list(metadata["asked"].get("repo_ids") or [])
    return {"collect": arguments, "models": models, "private_models": list(secret)} if arguments else {}


def private_models(api: Any, models: Sequence[str], claimed: Sequence[str]) -> list[str]:
    """Those of some models that only some may see: the Hub's word for all that this token may see, its user's and its
    organizations'; without a token those that the data claims."""
    if not api.token:
        return list(claimed)
    identity = known_identity(api.whoami(), "private models of the data")
    own = [identity["name"], *(str(org.get("name")) for org in identity.get("orgs") or [])]
    owners = {model.partition("/")[0].lower() for model in models}
    listed = (api.list_models(author=name, expand=["private"]) for name in own if name.lower() in owners)
    hidden = {model.id.lower() for some in listed for model in some if model.private}
    return [model for model in models if model.lower() in hidden]


def collect_arguments(asked: Mapping[str, Any]) -> list[str]:
    """The arguments that collect the same models again; none when all were records of this machine."""
    words = ["--trending", str(asked["trending"])] if asked.get("trending") else []
    words += ["--author", asked["author"]] if asked.get("author") else []
    words += ["--repo-ids", "models.txt"] if asked.get("repo_ids") else []
    words += ["--official"] if asked.get("official") else []
    more = ["--benchmarks", ",".join(asked["benchmarks"])] if asked.get("benchmarks") else []
    more += ["--primary", ",".join(asked["primary"])] if asked.get("primary") else []
    more += ["--no-prs"] if asked.get("no_prs") else []
    return words + more if words else []


def differing(wanted: Mapping[str, bytes], there: Mapping[str, str]) -> dict[str, bytes]:
    """The files that a repo has not, or has otherwise; there: path -> git blob id, or sha256 of a large file."""

    return {name: data for name, data in wanted.items() if there.get(name) not in content_ids(data)}


def look_at_repo(api: Any, kind: str, repo_id: str, wanted: Mapping[str, bytes]) -> RepoUpload:
    """What is to be sent to a repo; ScriptError (1) when there is one of that name that push has not made."""
    from huggingface_hub.errors import RepositoryNotFoundError

    try:
        info = api.repo_info(repo_id, repo_type=kind, files_metadata=True)
    except RepositoryNotFoundError:
        return RepoUpload(kind, repo_id, wanted, False, None)
    refuse_other_name(info, repo_id, f"--{kind}")
    files = repo_file_ids(info)
    card = info.card_data
    tags = list((card.get("tags") if card else None) or [])
    if OUR_TAG not in tags and set(files) - {".gitattributes"}:
        what = f"a {card.get('sdk')} Space" if kind == "space" and card and card.get("sdk") else f"a {kind}"
        raise ScriptError(
            f"{repo_id} is taken: there is {what} of that name which push has not made (its README has no tag "
            f"{OUR_TAG}); nothing was written. Choose another --{kind}, or add the tag if it is meant",
            code=1,
        )
    return RepoUpload(kind, repo_id, differing(wanted, files), True, info.sha, bool(info.private))


def refuse_to_tell(secret: Sequence[str], uploads: Sequence[RepoUpload], private: bool, asked: bool = False) -> None:
    """ScriptError when models that only some may see would get into a public repo, or all is asked to be private.

    private: what is made.
    """
    public = [upload.repo_id for upload in uploads if not (upload.private if upload.exists else private)]
    if asked and public:
        raise ScriptError(f"{public[0]} exists and is public; leave --private out, or choose another name")
    if secret and public:
        raise ScriptError(
            f"the data names private models ({listing(secret, 3)}), and {public[0]} is public, or would be; collect "
            "without them, or push to private repos (without --public when they are made)"
        )


def send_uploads(api: Any, uploads: Sequence[RepoUpload], private: bool, hardware: str | None) -> list[dict[str, Any]]:
    """Make what is missing, then one commit for each repo; when anything fails, what was made is removed again."""
    made: list[RepoUpload] = []
    try:
        with hub_errors("pushing the leaderboard", api.token or "-"):
            for upload in uploads:
                if not upload.exists:
                    sdk = {"space_sdk": "gradio"} if upload.kind == "space" else {}
                    with payment(upload, "push without --space, and put what `export` writes into a static Space"):
                        api.create_repo(upload.repo_id, repo_type=upload.kind, private=private or None, **sdk)
                    made.append(upload)
                if upload.kind == "space" and hardware:
                    ask_hardware(api, upload, hardware)
            for upload in uploads:
                if upload.private if upload.exists else private:  # and since the look
                    refuse_public(api, upload.repo_id, upload.kind, f"--{upload.kind}")
            return [send_upload(api, upload) for upload in uploads if upload.files]
    except BaseException:
        for upload in reversed(made):
            take_back(api, upload)
        raise


@contextlib.contextmanager
def payment(space: RepoUpload, way: str) -> Iterator[None]:
    """Turn the Hub's 402 into what it says and another way."""
    from huggingface_hub.errors import HfHubHTTPError

    try:
        yield
    except HfHubHTTPError as error:
        if status_of(error) != 402:
            raise
        said = kept_text(error.server_message) or "payment required"
        raise ScriptError(f"the Space {space.repo_id}: the Hub refused it: {said}; {way}") from error


def ask_hardware(api: Any, space: RepoUpload, hardware: str) -> None:
    """Request hardware unless the Space has it, or has asked for it."""
    if space.exists:
        runtime = api.get_space_runtime(space.repo_id)
        if hardware in (runtime.hardware, runtime.requested_hardware):
            return
    with payment(space, "without --hardware it runs on cpu-basic"):
        api.request_space_hardware(space.repo_id, hardware)


def send_upload(api: Any, upload: RepoUpload) -> dict[str, Any]:
    """One commit of what a repo lacks, compared with what the Hub has then; a lost answer is no second commit."""
    from huggingface_hub import CommitOperationAdd

    def commit() -> tuple[str, str]:
        made = commit_whole(
            api,
            upload.repo_id,
            [CommitOperationAdd(name, data) for name, data in upload.files.items()],
            repo_type=upload.kind,
            commit_message=f"Leaderboard: {', '.join(sorted(upload.files))}"[:200],
            parent_commit=upload.head,
        )
        return made.oid, made.commit_url

    def arrived() -> tuple[str, str] | None:
        info = api.repo_info(upload.repo_id, repo_type=upload.kind, files_metadata=True)
        url = f"{api.endpoint}/{upload.kind}s/{upload.repo_id}/commit/{info.sha}"
        return None if differing(upload.files, repo_file_ids(info)) else (info.sha, url)

    oid, url = commit_once(commit, arrived)
    there = repo_file_ids(api.repo_info(upload.repo_id, repo_type=upload.kind, revision=oid, files_metadata=True))
    if wrong := differing(upload.files, there):
        raise ScriptError(f"{upload.repo_id}: {listing(wrong)} differ on the Hub after the push; look at {url}")
    return {**upload.as_json(), "commit": oid, "url": url}


def repo_file_ids(info: Any) -> dict[str, str]:
    """Path -> git blob id, or SHA-256 of a large file."""
    return {item.rfilename: (item.lfs.sha256 if item.lfs else item.blob_id) for item in info.siblings or []}


def take_back(api: Any, upload: RepoUpload) -> None:
    """Remove a repo that this run has made; say so when that fails."""
    try:
        api.delete_repo(upload.repo_id, repo_type=upload.kind, missing_ok=True)
        note(f"{upload.kind} {upload.repo_id} was made for this and is removed again")
    except Exception as error:
        note(f"warning: the {upload.kind} {upload.repo_id}, made for this, could not be removed: {trouble(error)}")


# --- parts/command_line.py --------------------------------------------------------------------------------------------

VERSION = "0.2.0"  # of the scripts; SKILL.md says the same
WIDEST = 120  # columns of a help text
# Options whose file or folder is none that a word alone could mean: it is written, or secret.
WRITTEN = re.compile("--(?:output|report|junit|figure|assets|log|clean|save|keep|token)")
LEFT = 34  # columns of an option's name before what it does


def pages(text: str) -> list[str]:
    """The paragraphs of a docstring; commands that stand together are one."""
    return [part.rstrip() for part in re.split(r"\n[ \t]*\n", text.strip("\n")) if part.strip()]


def first_screen(text: str) -> str:
    """Of a docstring: what the script does, its commands, its exit codes."""
    parts = pages(text)
    indented = [part.splitlines()[-1].startswith("  ") for part in parts]
    start = indented.index(True) if True in indented else len(parts)
    end = next((place for place in range(start, len(parts)) if not indented[place]), len(parts))
    codes = [part for part in parts[1:] if part.lower().startswith("exit codes")]
    return "\n\n".join([*parts[:1], *parts[start:end], *codes])


class HelpLayout(argparse.RawDescriptionHelpFormatter):
    """Names left, one line for most options, as wide as the terminal up to 120 columns; a file or an agent gets 120."""

    def __init__(self, prog: str) -> None:
        columns = shutil.get_terminal_size().columns if sys.stdout.isatty() else WIDEST
        super().__init__(prog, max_help_position=LEFT, width=max(60, min(WIDEST, columns)))


class CommandLine(argparse.ArgumentParser):
    """An argument parser of this project; subcommands get the same class.

    `rarely(names)` names the options that --help leaves to --help-all. A wrong option or command ends with exit code 2
    and two lines: what is wrong with the nearest right name, and which help to read.
    """

    def __init__(self, **options: Any) -> None:
        text = options.get("description") or ""
        options.setdefault("formatter_class", HelpLayout)
        super().__init__(**options)
        self.rare: set[str] = set()
        self.words: list[str] = []
        self.add_argument(
            "--version", action="version", version=f"{self.prog.split('.py')[0]} {VERSION}", help="print it"
        )
        self.whole = text
        if first_screen(text) != "\n\n".join(pages(text)):
            self.rarely()

    def rarely(self, *names: str) -> None:
        """Leave these options to --help-all, which is there only where it shows more than --help."""
        if "--help-all" not in self._option_string_actions:
            self.add_argument("--help-all", action=HelpAll, help="all of the explanation, and rare options")
        self.rare.update(names)

    def format_usage(self) -> str:
        """One line: the options are listed below it."""
        named = [action for action in self._actions if not action.option_strings]
        needed = [action for action in self._actions if action.option_strings and action.required]
        words = [f"{action.option_strings[-1]} {value_name(action)}".strip() for action in needed]
        words += [value_name(action) for action in named]
        return f"usage: {self.prog} {' '.join([*words, '[options]'])}\n"

    def format_help(self, whole: bool = False) -> str:
        """The help, of one screen unless it is asked for whole."""
        formatter = self._get_formatter()
        formatter.add_text(self.whole if whole else first_screen(self.whole))
        for group in self._action_groups:
            shown = [action for action in group._group_actions if whole or not self.rare & set(action.option_strings)]
            formatter.start_section(group.title)
            formatter.add_text(group.description)
            formatter.add_arguments(shown)
            formatter.end_section()
        names = f"For few (--help-all explains): {', '.join(sorted(self.rare))}"
        more = "" if whole or not self.rare else f"\n{textwrap.fill(names, WIDEST, break_on_hyphens=False)}\n"
        return f"{self.format_usage()}\n{formatter.format_help()}{more}"

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:
        """As argparse does, but what a subcommand does not know is told by the subcommand."""
        self.words = list(sys.argv[1:] if args is None else args)
        found, unknown = super().parse_known_args(args, namespace)
        if unknown:
            first = unknown[0].split("=")[0]
            self.error(
                f"no such option: {single_line(first)}{self.right_option(first)}"
                if first.startswith("-")
                else f"one word too many: {single_line(first)}{self.option_for(first)}"
            )
        return found, unknown

    def right_option(self, name: str) -> str:
        """' (did you mean --card?)'; where none is near, what stands without an option here."""
        near = nearest(name, [option for action in self._actions for option in action.option_strings])
        places = [a for a in self._actions if not (a.option_strings or isinstance(a, argparse._SubParsersAction))]
        return near or "".join(f" ({value_name(place)} stands alone, without an option)" for place in places[:1])

    def option_for(self, word: str) -> str:
        """' (did you mean --card README.md?)': the options that read such a file or folder."""
        names = ("DIR", "PATH") if os.path.isdir(word) else ("FILE", f"FILE{os.path.splitext(word)[1]}", "PATH")
        known = [a for a in self._actions if a.option_strings and a.metavar in names] if os.path.exists(word) else []
        told = [a.option_strings[-1] for a in known if not WRITTEN.match(a.option_strings[-1])][:3]
        return f" (did you mean {', '.join(f'{option} {single_line(word)}' for option in told)}?)" if told else ""

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if isinstance(action, argparse._SubParsersAction) and value not in action.choices:
            options = [name for one in self._actions for name in one.option_strings]
            for word in self.words[: self.words.index(value)]:  # what it was the value of
                if word.startswith("--") and word.split("=")[0] not in options:
                    self.error(f"no such option: {single_line(word.split('=')[0])}{nearest(word, options)}")
            known = nearest(str(value), action.choices) or f" (there are {', '.join(action.choices)})"
            self.error(f"no such command: {single_line(value)}{known}")
        super()._check_value(action, value)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where the right words stand; exit code 2."""
        if message.startswith(("the following arguments are", "one of the arguments")):  # perhaps given, and misspelt
            names = [name for action in self._actions for name in action.option_strings]
            given = (word.split("=")[0] for word in self.words if word.startswith("--"))
            wrong = next((one for one in given if not any(name.startswith(one) for name in names)), None)
            message = f"no such option: {single_line(wrong)}{self.right_option(wrong)}" if wrong else message
        self.exit(2, f"error: {message}\n{self.format_usage().rstrip()}; {self.prog} --help lists them\n")


class HelpAll(argparse.Action):
    """--help-all"""

    def __init__(self, option_strings: Sequence[str], dest: str, **options: Any) -> None:
        super().__init__(option_strings, argparse.SUPPRESS, nargs=0, default=argparse.SUPPRESS, **options)

    def __call__(self, parser: CommandLine, *_: Any) -> NoReturn:
        """Print it and end."""
        sys.stdout.write(parser.format_help(whole=True))
        parser.exit()


def value_name(action: argparse.Action) -> str:
    """What stands for an argument's value in the usage line."""
    if isinstance(action, argparse._SubParsersAction):
        return "COMMAND" if action.required else "[COMMAND]"
    if action.nargs == 0:
        return ""
    name = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    name = name if isinstance(name, str) else " ".join(name)
    return f"[{name}]" if action.nargs in ("?", "*") else f"{name} ..." if action.nargs == "+" else name


# --- parts/page/constants.py ------------------------------------------------------------------------------------------

PAGE_TITLE = "Open model leaderboard"
HUB_URL = "https://huggingface.co"
PAGE_FILES = ("leaderboard.parquet", "metadata.json")
PAGE_ADDRESSES = ("", "/", "/gradio_api/startup-events")  # that `serve` answers
SPACE_HOST = "0.0.0.0"  # a Space is reached from outside its container

# What marks a number in the table, beside colour; the author's own metadata is the usual case and has no mark.
SOURCE_MARKS = {"verified": "✓", "merged_community": "merged", "open_pr": "PR", "own_run": "own", "reported": "other"}

FIRST_ROWS, FIRST_COLUMNS = 50, 12  # of the table, in the page's HTML itself
PAGE_MODELS = """
    SELECT model, max(parameters) AS parameters, max(license) AS license, max(downloads) AS downloads
    FROM scores GROUP BY model
"""
PAGE_BENCHMARKS = """
    SELECT benchmark, max(benchmark_name) AS benchmark_name, max(canonical_unit) AS canonical_unit,
           bool_or(lower_is_better) AS lower_is_better
    FROM scores WHERE benchmark IS NOT NULL AND comparable IS NOT NULL
    GROUP BY benchmark ORDER BY count(*) FILTER (shown) DESC, benchmark
"""
PAGE_SCORES = """
    SELECT * FROM scores WHERE benchmark IS NOT NULL AND comparable IS NOT NULL
    ORDER BY lower(model), model, benchmark, shown DESC, list_position(?, source_type), list_position(?, source_format),
             date DESC NULLS LAST, rowid
"""
PAGE_APART = """
    SELECT * FROM scores WHERE benchmark IS NULL OR comparable IS NULL
    ORDER BY lower(model), model, benchmark_name, source_type, value
"""
# fmt: off
PAGE_HTML = r"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{{policy}}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>{{title}}</title>
<link rel="icon" href="data:,">
<style>{{style}}</style>
</head>
<body>
<a class="skip" id="skip" href="#view=table">Skip to the content</a>
<div class="page">
<header class="top">
<div><h1>{{title}}</h1><p class="soft" id="summary">{{collected}}</p></div>
<button class="button" id="theme" type="button">Theme</button>
</header>
<noscript><p>These are the first rows, in the overall order. With JavaScript the page also searches, filters, compares and
shows the source of each number, from the data inside this file; it loads nothing else.</p></noscript>
<nav class="tabs" id="tabs" aria-label="Views"></nav>
<main id="main" tabindex="-1">
<p id="lead" class="tableonly">{{lead}}</p>
<form class="tools" id="tools" aria-label="Search and filters">
<label class="field search">Search models, developers, licenses, benchmarks<input type="search" id="q" autocomplete="off" spellcheck="false"></label>
<label class="field phoneonly">Column<select id="column"></select></label>
<button class="button more" id="more" type="button" aria-expanded="false" aria-controls="filters">Filters</button>
<div class="filters" id="filters">
<div class="field" role="group" aria-label="Parameters, in billions">Parameters (billions)<span class="pair">
<input type="number" id="min" min="0" step="any" placeholder="from" aria-label="Parameters from, in billions"> –
<input type="number" id="max" min="0" step="any" placeholder="to" aria-label="Parameters to, in billions"></span></div>
<label class="field">License<select id="license"></select></label>
<div class="field tableonly"><span aria-hidden="true">Columns</span>
<details class="menu"><summary id="keysummary">Benchmarks</summary><div class="panel" id="keys"></div></details>
</div>
<div class="field"><span aria-hidden="true">Numbers from</span>
<details class="menu"><summary id="sourcesummary">Sources</summary><div class="panel" id="sources"></div></details>
</div>
<button class="button" id="reset" type="button">Reset</button>
<div class="checks">
<label class="check"><input type="checkbox" id="verified"> Verified only</label>
<label class="check tableonly"><input type="checkbox" id="complete"> Only models with all these benchmarks</label>
<label class="check tableonly"><input type="checkbox" id="average"> Average over these columns, and order by it</label>
</div>
</div>
</form>
<section id="view-table" aria-labelledby="title-table"><h2 class="vh" id="title-table">Leaderboard</h2>
<div class="status"><p role="status" id="count"></p><p id="note"></p><span id="beyond"></span></div>
<ul class="legend" id="marks"></ul>
<div class="scroll tall board" id="scroll" role="region" aria-labelledby="title-table" tabindex="0">
<table><caption class="vh" id="caption"></caption><thead id="head">{{head}}</thead><tbody id="body">
{{rows}}
</tbody></table></div>
<div class="pager" id="pager"></div>
<ul class="legend" id="legend"></ul>
</section>
<section id="view-compare" aria-labelledby="title-compare" hidden></section>
<section id="view-size" aria-labelledby="title-size" hidden></section>
<section id="view-coverage" aria-labelledby="title-coverage" hidden></section>
<section id="view-about" aria-labelledby="title-about" hidden></section>
</main>
<footer id="footer"></footer>
</div>
<div class="tray" id="tray" role="region" aria-label="Models to compare" hidden></div>
<dialog id="model" aria-labelledby="title-model"></dialog>
<div id="print"></div>
<script type="text/plain" id="data">{{data}}</script>
<script type="module">{{script}}</script>
</body>
</html>
"""
# fmt: on
# fmt: off
PAGE_STYLE = r""":root {
  color-scheme: light dark;
  --page: light-dark(#f6f6f3, #111317);
  --card: light-dark(#ffffff, #191c22);
  --line: light-dark(#e4e4de, #2b2f38);
  --edge: light-dark(#8b8f99, #6d7381);
  --text: light-dark(#1c1e23, #e7e9ee);
  --soft: light-dark(#5a5f6a, #a6acb9);
  --link: light-dark(#2b4ec4, #9db2ff);
  --tint: light-dark(#eef1fc, #222a45);
  --bar: light-dark(#c9d4f8, #3a4a86);
  --best: light-dark(#0b6b4f, #62d3a8);
  --besttint: light-dark(#e6f5ee, #15322a);
  --warn: light-dark(#8a4b00, #f0b565);
  --c0: light-dark(#2b4ec4, #8ea6ff);
  --c1: light-dark(#b3460b, #ff9a5c);
  --c2: light-dark(#0b7a5a, #4fd1a1);
  --c3: light-dark(#8b2fa8, #d792f0);
  --c4: light-dark(#8a6d00, #e3c04f);
  --mono: ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, monospace;
}
:root[data-theme="light"] { color-scheme: light; }
:root[data-theme="dark"] { color-scheme: dark; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif;
}
.vh {
  position: absolute; width: 1px; height: 1px; margin: -1px; padding: 0; overflow: hidden;
  clip-path: inset(50%); white-space: nowrap;
}
.skip { position: absolute; left: -9999px; top: 0; background: var(--card); padding: .5rem 1rem; z-index: 9; }
.skip:focus { left: .5rem; top: .5rem; }
a { color: var(--link); text-underline-offset: 2px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }
button, input, select { font: inherit; color: inherit; }
.page { max-width: 1480px; margin: 0 auto; padding: 0 1.25rem 6rem; }
header.top { display: flex; gap: 1rem; align-items: flex-start; padding: 1.5rem 0 0; }
header.top p { margin: 0; max-width: none; }
header.top div { flex: 1; min-width: 0; }
h1 { font-size: 1.6rem; line-height: 1.2; margin: 0 0 .25rem; letter-spacing: -.015em; }
h2 { font-size: 1.15rem; line-height: 1.3; margin: 0 0 .5rem; }
h3 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
p { margin: 0 0 .75rem; max-width: 75ch; }
.soft { color: var(--soft); }
.name { overflow-wrap: anywhere; unicode-bidi: isolate; }
.button {
  background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: .35rem .75rem;
  cursor: pointer; white-space: nowrap; line-height: 1.5;
}
.button:hover:not(:disabled) { border-color: var(--edge); }
.button:disabled { color: var(--soft); cursor: default; }
.button.main { background: var(--link); border-color: var(--link); color: light-dark(#fff, #10131c); }

nav.tabs { display: flex; gap: .25rem; overflow-x: auto; border-bottom: 1px solid var(--line);
  margin: .75rem 0 1rem; }
nav.tabs a {
  padding: .5rem .8rem; text-decoration: none; color: var(--soft); white-space: nowrap;
  border-bottom: 2px solid transparent; margin-bottom: -1px;
}
nav.tabs a:hover { color: var(--text); }
nav.tabs a:focus-visible { outline-offset: -2px; }
nav.tabs a[aria-current] { color: var(--text); border-color: var(--link); font-weight: 600; }

.tools { display: flex; flex-wrap: wrap; gap: .6rem .75rem; align-items: flex-end; margin-bottom: .75rem; }
.tools .field { display: flex; flex-direction: column; gap: .15rem; font-size: .8rem; color: var(--soft); }
.tools .field > span.pair { display: flex; align-items: center; gap: .35rem; }
.tools input[type="search"], .tools input[type="number"], .tools select, .pick input, .menu summary {
  background: var(--card); border: 1px solid var(--edge); border-radius: 8px; padding: .35rem .6rem;
  color: var(--text); font-size: .95rem; line-height: 1.5;
}
.tools select { max-width: 13rem; height: calc(1.5em + .7rem + 2px); }
.tools input[type="number"] { width: 5.2rem; }
.field.search { flex: 1 1 14rem; max-width: 24rem; }
.field.search input { width: 100%; }
.check { display: flex; gap: .4rem; align-items: center; cursor: pointer; }
.check input { width: 1.05rem; height: 1.05rem; margin: 0; accent-color: var(--link); flex: none; }
.tools > .filters { display: contents; }
.tools > .more { display: none; }
.tools .checks { display: flex; flex-wrap: wrap; gap: .3rem 1.25rem; flex-basis: 100%; font-size: .92rem; }
.menu { position: relative; }
.menu summary { cursor: pointer; list-style: none; white-space: nowrap; }
.menu summary::-webkit-details-marker { display: none; }
.menu summary::after { content: " ▾"; color: var(--soft); }
.menu .panel {
  position: absolute; z-index: 6; top: calc(100% + 4px); left: 0; width: max-content; max-width: min(24rem, 88vw);
  max-height: min(26rem, 65vh); overflow: auto; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: .75rem; box-shadow: 0 8px 28px rgb(0 0 0 / .16);
}
.menu .panel .check { padding: .15rem 0; color: var(--text); font-size: .92rem; }
.menu .panel .row { display: flex; gap: .4rem; margin-bottom: .5rem; flex-wrap: wrap; }
.menu .panel .count { margin-left: auto; padding-left: 1rem; color: var(--soft); font-variant-numeric: tabular-nums; }
.status { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; font-size: .88rem; color: var(--soft);
  margin-bottom: .5rem; }
.status p { margin: 0; max-width: none; }
.status strong { color: var(--text); }

.scroll {
  overflow: auto; background: var(--card); border: 1px solid var(--line); border-radius: 12px; position: relative;
}
.scroll.tall { max-height: max(22rem, calc(100vh - 6rem)); }
table { border-collapse: separate; border-spacing: 0; width: 100%; font-size: .9rem; }
th, td { padding: .42rem .6rem; border-bottom: 1px solid var(--line); text-align: left; vertical-align: top; }
tbody tr:last-child > * { border-bottom: 0; }
thead th { font-weight: 600; background: var(--card); font-size: .82rem; vertical-align: bottom; }
.tall thead th { position: sticky; top: 0; z-index: 3; }
th.n, td.n { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
th button {
  background: none; border: 0; padding: .15rem 0; cursor: pointer; font-weight: 600; text-align: inherit;
  line-height: 1.25; color: inherit;
}
th.n button { white-space: normal; max-width: 8rem; }
th .name { overflow-wrap: break-word; }
th button:hover { color: var(--link); }
th button .arrow { margin-left: .2em; color: var(--link); }
th .unit { display: block; font-weight: 400; color: var(--soft); font-size: .75rem; }
.board th.model { position: sticky; left: 0; z-index: 2; background: var(--card); min-width: 13rem;
  max-width: 21rem; }
.board thead th.model { z-index: 4; }
.board th.model::after {
  content: ""; position: absolute; top: 0; bottom: 0; right: 0; border-right: 1px solid var(--line);
}
.dense th, .dense td { padding-left: .3rem; padding-right: .4rem; }
.dense th.model { min-width: 10rem; max-width: 14rem; }
.dense th.n button { max-width: 7.4rem; hyphens: auto; font-size: .78rem; }
.dense td.score { min-width: 0; }
.dense td.score .bar .value { min-width: 3rem; }
.board td.pickcell { padding-right: 0; width: 1.5rem; }
.board td.pickcell input { width: 1.05rem; height: 1.05rem; margin: .2rem 0 0; accent-color: var(--link); }
.board tbody th { font-weight: 400; }
.board tbody th a { font-weight: 600; text-decoration: none; color: var(--text); display: block; }
.board tbody th a:hover { color: var(--link); text-decoration: underline; }
.board tbody th .sub { display: block; font-size: .78rem; color: var(--soft); }
.clamp { display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
.board tbody tr:hover > * { background-color: var(--tint); }
.board tbody tr.chosen > * { background-color: var(--tint); }
.board tbody td.group { background-color: var(--besttint); }
.board tbody tr.target > * { background-color: var(--tint); box-shadow: inset 0 2px var(--link), inset 0 -2px var(--link); }
td.score { min-width: 4.4rem; }
td.score .bar { display: block; }
td.score .value { font-size: .95rem; }
td.score .bar .value {
  display: inline-block; min-width: 3.6rem; padding-bottom: 4px;
  background: linear-gradient(to right, var(--bar) var(--part, 0%), transparent 0) bottom / 100% 3px no-repeat;
}
td.lead .value, td.star .value, td.star strong { font-weight: 700; }
td.star .value { color: var(--best); }
td.score .mark-star + .value { min-width: 2.6rem; }
.swatch { display: inline-block; width: 1em; height: 1em; border: 1px solid var(--best); border-radius: 3px;
  margin-right: .35em; vertical-align: -.12em; background: var(--besttint); }
#lead { font-size: 1.05rem; font-weight: 600; max-width: none; margin-bottom: .9rem; overflow-wrap: anywhere; }
#lead:empty { display: none; }
#lead .by { display: block; font-weight: 400; font-size: .88rem; color: var(--soft); }
#beyond { margin-left: auto; }
.board td.rankcell { font-weight: 600; }
.board td.rankcell.missing { font-weight: 400; }
.ways { list-style: none; padding: 0; } .ways li { margin: .35rem 0; }
.actions { display: flex; gap: .5rem; flex-wrap: wrap; }
.button.small { font-size: .8rem; padding: .15rem .5rem; margin-left: .4rem; }
.actions .button.small { font-size: inherit; padding: .35rem .75rem; margin: 0; }
.pager .downloads { margin-right: auto; color: var(--soft); }
.tools > .phoneonly { display: none; }
#print { display: none; }
td .rank { display: block; font-size: .75rem; color: var(--soft); line-height: 1.35; }
td.date { white-space: nowrap; }
td .basis { white-space: normal; max-width: 8rem; margin-left: auto; }
.mark {
  font-size: .75rem; border: 1px solid currentColor; border-radius: 4px; padding: 0 .22rem; margin-right: .3rem;
  color: var(--soft); line-height: 1.2; display: inline-block; font-weight: 500;
}
.mark.verified { color: var(--best); }
.mark.open_pr, .mark.own_run, .mark.merged_community, .mark.reported { color: var(--warn); }
.mark-star { color: var(--best); }
td.missing { color: var(--soft); }
.pager { display: flex; gap: .6rem; align-items: center; justify-content: flex-end; margin: .7rem 0;
  font-size: .9rem; flex-wrap: wrap; }
.legend { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; font-size: .82rem; color: var(--soft);
  margin: .75rem 0 0; padding: 0; list-style: none; }
#marks { margin: 0 0 .5rem; }
#marks:empty { display: none; }
.empty { padding: 2.5rem 1rem; text-align: center; color: var(--soft); }
.tray {
  position: fixed; z-index: 8; bottom: 1rem; left: 50%; transform: translateX(-50%);
    max-width: min(60rem, calc(100vw - 1.5rem));
  background: var(--card); border: 1px solid var(--edge); border-radius: 12px; box-shadow: 0 8px 30px rgb(0 0 0 / .2);
  padding: .6rem .8rem; display: flex; gap: .5rem .75rem; align-items: center; flex-wrap: wrap; font-size: .9rem;
    width: max-content;
}
.tray span.name { color: var(--soft); }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 12px; padding: 1rem 1.1rem;
  margin-bottom: 1rem; }
.key { display: flex; flex-wrap: wrap; gap: .4rem 1.2rem; list-style: none; margin: 0 0 .5rem; padding: 0;
  font-size: .9rem; }
.key li { display: flex; align-items: center; gap: .45rem; min-width: 0; }
.key svg { flex: none; }
.key button { background: none; border: 0; cursor: pointer; color: var(--soft); padding: 0 .3rem;
  border-radius: 4px; }
.key button:hover { color: var(--text); }
.pick { display: flex; gap: .5rem; align-items: flex-end; flex-wrap: wrap; margin-bottom: .9rem; }
.pick label { font-size: .8rem; color: var(--soft); display: flex; flex-direction: column; flex: 1 1 14rem;
  max-width: 26rem; }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, Arial, sans-serif; fill: var(--text); }
svg .soft { fill: var(--soft); }
svg .grid { stroke: var(--line); stroke-width: 1; }
svg .front { fill: none; stroke: var(--c1); stroke-width: 2; }
svg .cloud { fill: none; stroke: var(--c0); stroke-opacity: .5; stroke-width: 7; stroke-linecap: round; }
svg .halo { stroke: var(--card); stroke-width: 3; paint-order: stroke; stroke-linejoin: round; }
.k0 { fill: var(--c0); stroke: var(--c0); } .k1 { fill: var(--c1); stroke: var(--c1); }
.k2 { fill: var(--c2); stroke: var(--c2); } .k3 { fill: var(--c3); stroke: var(--c3); }
.k4 { fill: var(--c4); stroke: var(--c4); }
.whisker { stroke-width: 1.5; stroke-opacity: .75; }
.whisker.about { stroke-dasharray: 4 3; }
.plot { position: relative; }
.plot svg { display: block; width: 100%; height: auto; }
.tip {
  position: absolute; pointer-events: none; background: var(--text); color: var(--card); border-radius: 6px;
  padding: .25rem .5rem; font-size: .8rem; max-width: 16rem; z-index: 2;
}
.meter { display: block; height: 8px; border-radius: 4px; background: var(--line); min-width: 6rem;
  overflow: hidden; margin-top: .45rem; }
.meter span { display: block; height: 100%; background: var(--c0); }
dialog {
  border: 1px solid var(--line); border-radius: 14px; background: var(--page); color: var(--text);
  width: min(68rem, calc(100vw - 1.5rem)); max-height: calc(100vh - 2rem); padding: 1.1rem 1.25rem;
}
dialog::backdrop { background: rgb(10 12 18 / .5); }
dialog .head { display: flex; gap: 1rem; align-items: flex-start; }
dialog .head h2 { flex: 1; min-width: 0; font-size: 1.3rem; }
dl.facts { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: .25rem 0 1rem; }
dl.facts div { min-width: 0; } dl.facts dt { font-size: .78rem; color: var(--soft); }
dl.facts dd { margin: 0; overflow-wrap: anywhere; }
tr.other > * { color: var(--soft); }
td.wrap { overflow-wrap: anywhere; min-width: 10rem; }
.mark:last-child { margin-right: 0; }
footer { margin-top: 2rem; font-size: .82rem; color: var(--soft); }
ol, ul.plain { padding-left: 1.3rem; margin: 0 0 .75rem; max-width: 75ch; }

@media (max-width: 720px) {
  .page { padding: 0 .75rem 6rem; }
  header.top { padding-top: 1rem; }
  h1 { font-size: 1.2rem; }
  header.top p { font-size: .85rem; }
  .wide, .tray .name { display: none; }
  .tools > .phoneonly { display: flex; flex: 1 1 9rem; }
  .tools > .phoneonly select { width: 100%; max-width: none; }
  #lead { font-size: .98rem; }
  nav.tabs { margin: .5rem 0 .75rem; }
  nav.tabs a { padding: .45rem .5rem; font-size: .95rem; }
  .tools > .more { display: block; }
  .tools > .filters { display: none; }
  .tools > .filters.open { display: flex; flex-wrap: wrap; gap: .6rem .75rem; align-items: flex-end;
    flex-basis: 100%; }
  .field.search { flex-basis: 10rem; }
  .board th.model { min-width: 7.5rem; max-width: none; }
  th, td { padding: .4rem .4rem; }
  td.score { min-width: 3.9rem; }
  .board th.n button { max-width: 6.5rem; }
  .board th .name { overflow-wrap: anywhere; }
  .board th button .name { display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden; }
  #compared { table-layout: fixed; }
  #compared thead th { vertical-align: top; white-space: normal; }
  #compared thead .name { display: -webkit-box; -webkit-line-clamp: 3; -webkit-box-orient: vertical; overflow: hidden;
    overflow-wrap: anywhere; }
  #compared td.score { min-width: 0; }
  #compared td.score .bar .value { min-width: 2.6rem; }
  #compared td .mark { display: block; width: max-content; margin: 0 0 .1rem auto; }
  #compared tr.over > * { border-bottom: 0; padding-bottom: 0; }
  #compared tr.over .sub { display: inline; }
  .menu .panel { max-width: calc(100vw - 1.5rem); }
  dialog { padding: .8rem; }
}
@media (scripting: none) { .tools, nav.tabs, #theme, .legend, #note { display: none; } }
@media print {
  :root { color-scheme: light; }
  .tools, nav.tabs, .tray, .pager, header.top button, dialog, .skip { display: none !important; }
  .scroll { overflow: visible; max-height: none !important; border: 0; }
  .tall thead th, .board th.model { position: static; }
  #print { display: block; }
  #print:not(:empty) ~ *, .page:has(~ #print:not(:empty)) .board { display: none; }
  #print table { font-size: 8.5pt; margin-bottom: 1.5rem; }
  #print td, #print th { padding: 2px 5px; }
  #print tr { break-inside: avoid; }
  #print thead { display: table-header-group; }
  .page { padding: 0; }
}
@media (forced-colors: active) { .meter span { background: CanvasText; }
td.group { outline: 1px solid CanvasText; } td.star .value { text-decoration: underline; } }
@media (prefers-reduced-motion: no-preference) { .button, nav.tabs a { transition: border-color .12s, color .12s; } }
.nights { margin: 0 0 1rem; }
.nights svg { max-width: 35rem; width: 100%; height: auto; font-size: 11px; }
.nights text { fill: var(--soft); }
.nights .grid { stroke: var(--line); }
.nights .whisker { stroke: var(--edge); }
.nights .changed { stroke: var(--warn); stroke-dasharray: 3 3; }
.nights .by { fill: none; stroke: var(--c0); stroke-width: 1.5; }
.nights .night { fill: var(--c0); }
"""
# fmt: on
# fmt: off
SCRIPT_BASE = r"""// Drawing and numbers: what everything else is made of. The files of this folder are one module, in the written order.
const MOST_COMPARED = 5;
const PAGE_ROWS = 50;
const DEFAULT_COLUMNS = 12;
const MOST_LISTED = 500;
const MOST_RANKED = 3000; // models whose ranks over other benchmarks than the usual ones are worked out here
const HIT_RADIUS = 18; // pixels around a dot that count as the dot

// --- Drawing: text is always a text node, an address is a link only when it is http or https. ---

const $ = (id) => document.getElementById(id);

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.flat(Infinity).filter((child) => child != null && child !== false));
  return node;
}
const el = (tag, attributes, ...children) => fill(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
function put(node, ...children) {
  node.replaceChildren();
  fill(node, {}, children);
}

const hidden = (text) => el("span", { class: "vh" }, text);
const soft = (...children) => el("p", { class: "soft" }, ...children);
const button = (text, onclick, more = {}) => el("button", { class: "button", type: "button", onclick, ...more }, text);
const number = (...children) => el("td", { class: "n" }, ...children);
const missing = (why) =>
  el("td", { class: "n missing" }, el("span", { "aria-hidden": "true" }, "—"), hidden(why));
const rowHead = (...children) => el("th", { scope: "row", class: "model" }, ...children);

/** A table that scrolls by itself and can be reached by keyboard; a head is [text, class] or [text, class, unit]. */
function table(id, caption, heads, rows) {
  const head = ([text, name, unit]) => el("th", { scope: "col", class: name },
    el("span", { class: "name" }, text), unit && el("span", { class: "unit" }, unit));
  return el("div", { class: "scroll board", role: "region", tabindex: "0", "aria-label": caption },
    el("table", { id }, el("caption", { class: "vh" }, caption),
      el("thead", {}, el("tr", {}, heads.map(head))), el("tbody", {}, rows)));
}

function webLink(address, text) {
  let url = null;
  try { url = new URL(address); } catch { /* not an address */ }
  if (!url || !["http:", "https:"].includes(url.protocol)) return el("span", { class: "name" }, text);
  const attributes = { href: url.href, rel: "noopener noreferrer nofollow", target: "_blank", class: "name" };
  return el("a", attributes, text, hidden(" (opens a new tab)"));
}

// --- Numbers as people read them. ---

const many = new Intl.NumberFormat("en");
const brief = new Intl.NumberFormat("en", { notation: "compact", maximumSignificantDigits: 3 });
const plural = (count, one, more = `${one}s`) => `${many.format(count)} ${count === 1 ? one : more}`;
const cut = (text, length) => (text.length > length ? `${text.slice(0, length - 1)}…` : text);
const lastPart = (id) => id.split("/").pop();
const SIZES = [["T", 1e12], ["B", 1e9], ["M", 1e6], ["K", 1e3], ["", 1]];

function size(parameters) {
  if (parameters == null) return null;
  const [unit, by] = SIZES.find(([, least]) => parameters >= least) ?? ["", 1];
  return `${Number((parameters / by).toPrecision(3))} ${unit}`.trim();
}
const points = (benchmark, value) => Number((value * benchmark.scale).toPrecision(14));
/** Give { value, error } what is tested of them (tested_values in the data's program): of shares, angles. */
function giveTested(list, unit) {
  const known = list.filter(({ error }) => error != null), scale = unit.scale / 100;
  const share = unit.share && known.every(({ value }) => value >= 0 && value * scale <= 1 + 1e-12);
  for (const one of known) {
    one.nearer = one.raised = unit.lower ? -one.value : one.value;
    one.spread = one.error ** 2;
    if (!share) continue;
    const part = Math.min(unit.lower ? 1 - one.value * scale : one.value * scale, 1), error = one.error * scale;
    let low = 0, high = 0.25 / error ** 2;
    for (let i = 0; i < 60; i += 1) {
      const n = (low + high) / 2;
      if ((n * part + 1) * (n * (1 - part) + 1) > error ** 2 * (n + 2) ** 3) low = n; else high = n;
    }
    [one.nearer, one.raised] = [-0.5, 0.5].map((half) =>
      Math.asin(Math.sqrt(Math.min(Math.max((low * part + half + 0.375) / (low + 0.75), 0), 1))));
    one.spread = 1 / (4 * low + 2);
  }
}
/** Whether a value is shown to be better than another one, at so many standard errors. */
const apartBy = (a, b, z) => a.error != null && b.error != null
  && a.nearer - b.raised >= z * Math.sqrt(a.spread + b.spread);
// An exact tie goes to the even digit, as in what `show` prints.
const tenths = (value) => (Math.abs(value % 1) === 0.25 ? value - Math.sign(value) * 0.05 : value).toFixed(1);
const format = (benchmark, value) => tenths(points(benchmark, value));
const unitOf = (benchmark) => `${benchmark.unit}${benchmark.lower ? ", lower is better" : ""}`;

/** Whether an error is worked out from the number of items, and whether it holds what lost answers could change. */
const isBinomial = ({ basis }) => basis.startsWith("binomial"), isWidened = ({ basis }) => basis.startsWith("wider");

function errorText(benchmark, score) {
  if (score.error == null) return null;
  const error = score.error * benchmark.scale, mark = isBinomial(score) ? "~" : "";
  return mark + (error && error < 0.05 ? error.toPrecision(1) : error.toFixed(1));
}
function rankText(score) {
  if (score.low == null) return null;
  return score.low === score.high ? `${score.low}` : `${score.low}–${score.high}`;
}

"""
# fmt: on
# fmt: off
SCRIPT_DATA = r"""// --- The data, unpacked. ---

/** The data in the page: JSON, gzipped, in Base64. The table that stands there already is painted first. */
async function unpack() {
  await new Promise((done) => { requestAnimationFrame(() => setTimeout(done)); setTimeout(done, 200); });
  const packed = Uint8Array.from(atob($("data").textContent), (letter) => letter.charCodeAt(0));
  return new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).json();
}
if (!("DecompressionStream" in globalThis)) {
  $("summary").textContent = "This browser is too old to unpack the data (it lacks DecompressionStream): only the first "
    + "rows are here.";
}
const data = await unpack();
const { sources, benchmarks } = data;
const keyed = new Map(benchmarks.map((benchmark) => [benchmark.key, benchmark]));
const word = (index) => (index == null ? null : data.strings[index]);
const models = data.models.map(([id, parameters, license, downloads], order) => ({
  id, order, parameters, downloads, license: word(license) ?? "unknown", url: null,
  text: `${id} ${word(license) ?? ""}`.toLowerCase(),
  low: data.places.low[order], high: data.places.high[order], // its ranks over the usual benchmarks
  scores: new Map(), // benchmark -> all its numbers, in the written order of sources
  shown: new Map(), // benchmark -> the one that is shown
}));
const named = new Map(models.map((model) => [model.id, model]));
const TEXTS = ["basis", "why", "shots", "metric", "url", "contributor", "revision", "date", "form", "origin", "notes"];

/** A file's name; a record's, which is a UUID, is packed as Base64 behind a space. */
function fileName(text) {
  if (!text.startsWith(" ")) return text;
  const hex = Array.from(atob(text.slice(1, 23)), (letter) => letter.charCodeAt(0).toString(16).padStart(2, "0")).join("");
  return `${hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-")}.json${text.slice(23)}`;
}

/** The number in a row of the columns. */
function score(row) {
  const found = { index: row };
  for (const name in data.scores) found[name] = data.scores[name][row];
  for (const name of TEXTS) found[name] = word(found[name]);
  for (const [name, end] of [["url", "file"], ["notes", "record"]]) {
    if (found[end] != null) found[name] = found[name].replaceAll(" ", () => data.models[found.m][0]) + fileName(found[end]);
  }
  return found;
}
const numbers = data.scores.m.length;
for (let row = 0; row < numbers; row += 1) {
  const found = score(row), model = models[found.m], { key } = benchmarks[found.b];
  if (found.url?.startsWith("~") || sources[found.source].onHub) model.url = `${data.hub}/${model.id}`;
  found.url = found.url?.replace(/^~/, () => model.url);
  if (!model.scores.has(key)) model.scores.set(key, []);
  model.scores.get(key).push(found);
}
const apart = data.apart.map(([m, benchmark, value, source, why, url]) => {
  const page = `${data.hub}/${models[m].id}`, address = word(url);
  if (sources[source].onHub) models[m].url = page;
  return [models[m].id, word(benchmark), value, sources[source].label, word(why), address?.replace(/^~/, () => page)];
});
const sourceCounts = sources.map(() => 0);
for (const source of data.scores.source ?? []) sourceCounts[source] += 1;
const usedSources = sources.filter((_, index) => sourceCounts[index]);
const covered = new Map(benchmarks.map(({ key }) => [key, models.filter((model) => model.scores.has(key)).length]));
const primary = data.primary.map((index) => benchmarks[index]); // what the overall order stands on
const defaultKeys = [...new Set([...primary, ...benchmarks])].slice(0, Math.max(DEFAULT_COLUMNS, primary.length))
  .map(({ key }) => key);
const hasSizes = models.some((model) => model.parameters != null);
const hasDownloads = models.some((model) => model.downloads != null);
const hasOfficial = data.scores.official != null;
const defaultSort = primary.length > 1 ? "average" : primary[0]?.key ?? defaultKeys[0] ?? "model";

"""
# fmt: on
# fmt: off
SCRIPT_STATE = r"""// --- The state: it lives in the address, so that a view can be shared and "back" works. ---

const VIEWS = new Map([["table", "Leaderboard"], ["compare", "Compare"], ["size", "Size"], ["coverage", "Coverage"],
  ["about", "About"]]);
const COLUMNS = new Map([["model", (model) => model.order], ["size", (model) => model.parameters],
  ["average", (model) => standing(model).mean], ["downloads", (model) => model.downloads]]);
const PLAIN = {
  view: "table", q: "", min: "", max: "", license: "", from: null, keys: null, complete: false, average: false,
  sort: defaultSort, up: null, page: 1, plot: "", compare: [], model: "", row: "",
};
const TABLE = ["view", "q", "min", "max", "license", "from", "keys", "complete", "average", "sort", "up", "page",
  "row"];

/** What the table is sorted by when nothing else is asked for: the benchmark that was searched for, else overall. */
const usualSort = (q) => searched(q).column ?? PLAIN.sort;

/** The state in the address; what is unknown there is as if it were not there. */
function readState() {
  const given = new URLSearchParams(location.hash.slice(1));
  const text = (name, allowed, usual = "") => {
    const value = given.get(name) ?? "";
    return !allowed || allowed(value) ? value : usual;
  };
  const list = (name, allowed) => {
    const values = (given.get(name) ?? "").split(",").filter(allowed);
    return values.length ? [...new Set(values)] : null;
  };
  const amount = (value) => value !== "" && Number(value) >= 0;
  return {
    view: text("view", (view) => VIEWS.has(view), PLAIN.view),
    q: text("q"), min: text("min", amount), max: text("max", amount), license: text("license"),
    from: list("from", (id) => sources.some((source) => source.id === id)),
    keys: list("b", (key) => keyed.has(key)),
    complete: text("complete") === "1", average: text("average") === "1",
    sort: text("sort", (sort) => keyed.has(sort) || COLUMNS.has(sort), usualSort(text("q"))),
    up: given.has("up") ? text("up") === "1" : null,
    page: Math.max(1, Math.floor(Number(text("page"))) || 1),
    plot: text("plot", (key) => keyed.has(key)),
    compare: [...new Set(given.getAll("compare"))].filter((id) => named.has(id)).slice(0, MOST_COMPARED),
    model: text("model", (id) => named.has(id)), row: text("row", (id) => named.has(id)),
  };
}

/** The address of a state: only what differs from the plain one. */
function address(next) {
  const out = new URLSearchParams();
  const texts = ["view", "q", "min", "max", "license", "page", "plot", "model", "row"];
  for (const name of texts) if (next[name] !== PLAIN[name]) out.set(name, next[name]);
  if (next.sort !== usualSort(next.q)) out.set("sort", next.sort);
  for (const name of ["complete", "average"]) if (next[name]) out.set(name, "1");
  if (next.up != null) out.set("up", next.up ? "1" : "0");
  if (next.from) out.set("from", next.from.join(","));
  if (next.keys) out.set("b", next.keys.join(","));
  for (const id of next.compare) out.append("compare", id);
  return `#${out}`;
}

/** A table is sorted by a column that it has. */
function settled(next) {
  const keys = next.keys ?? defaultKeys;
  const gone = keyed.has(next.sort) && !keys.includes(next.sort) && next.sort !== searched(next.q).column;
  return gone ? { ...next, sort: keys[0], up: null } : next;
}

let state = PLAIN;
let writing = 0;

/** Change the state; a visit is a step that "back" takes back. Typing writes the address when it pauses. */
function change(changes, visit = false) {
  const before = address(state);
  show(settled({ ...state, ...changes }));
  clearTimeout(writing);
  if (visit) {
    history.replaceState(null, "", before);
    history.pushState(null, "", address(state));
  } else writing = setTimeout(() => history.replaceState(null, "", address(state)), 150);
}

/** A link to another state: a plain click changes this one, any other opens the address. */
function stateLink(href, changes, attributes, ...children) {
  const onclick = (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
    event.preventDefault();
    change(changes, true);
  };
  return el("a", { href, onclick, ...attributes }, ...children);
}
const modelLink = (model, ...children) =>
  stateLink(address({ ...PLAIN, model: model.id }), { model: model.id }, { class: "name" }, ...children);

"""
# fmt: on
# fmt: off
SCRIPT_ORDER = r"""// --- Which models and numbers are shown, and in which order. ---

const narrow = matchMedia("(max-width: 720px)");
/** The benchmarks with a column; one that was searched for is among them. */
function columns() {
  const keys = state.keys ?? defaultKeys, { column } = searched(state.q);
  return (column && !keys.includes(column) ? [column, ...keys] : keys).map((key) => keyed.get(key));
}
const downwards = (id) => (id === "average" ? Boolean(averagedNow()[0]?.lower) : Boolean(keyed.get(id)?.lower));
const ascending = () => state.up ?? (state.sort === "model" || downwards(state.sort));
const better = (benchmark, a, b) => (benchmark.lower ? a < b : a > b);

let chosenSources = null;
/** The shown number of each model and benchmark: the first in the written order among the chosen sources. */
function chooseSources() {
  const chosen = JSON.stringify(state.from);
  if (chosen === chosenSources) return;
  chosenSources = chosen;
  const allowed = sources.map(({ id }) => !state.from || state.from.includes(id));
  for (const model of models) {
    model.shown.clear();
    for (const [key, scores] of model.scores) {
      const first = scores.find((one) => allowed[one.source]);
      if (first) model.shown.set(key, first);
    }
  }
}

/** An average needs shares of one direction: the one that more of these benchmarks have; the same answers count once. */
function averaged(list) {
  const once = [...new Map([...list].reverse().map((benchmark) => [benchmark.answers, benchmark])).values()].reverse();
  const shares = once.filter((benchmark) => benchmark.share), lower = shares.filter((benchmark) => benchmark.lower);
  return shares.filter((benchmark) => benchmark.lower === lower.length > shares.length / 2);
}
const averagedNow = () => (state.average ? averaged(columns()) : primary);

/** A mean over benchmarks in percent with its error; without one when the model lacks one of them. */
function meanOver(model, list) {
  const found = list.map((benchmark) => model.shown.get(benchmark.key)), have = found.filter(Boolean).length;
  if (have < 1) return { model, have, mean: null };
  let sum = 0, known = true, widened = false;
  const together = new Map(); // metrics of the same answers err together
  for (const [index, { answers, scale }] of list.entries()) {
    const one = found[index];
    if (!one) continue;
    sum += points(list[index], one.value);
    known &&= one.error != null;
    widened ||= isWidened(one);
    together.set(answers, (together.get(answers) ?? 0) + one.error * scale);
  }
  const error = known ? Math.hypot(...together.values()) / have : null;
  return { model, have, mean: have < list.length ? null : sum / have, value: sum / have, error, widened };
}

/**
 * The models that lack some of the averaged benchmarks and, with the best possible numbers there, are not shown to be
 * behind, by the threshold of the ranks; those that could lead (`able`) first, by the mean there that they would need.
 */
function possibleLeaders(first, list) {
  const some = models.map(standing).filter((one) => one.have), pairs = some.length * (some.length - 1) / 2;
  const z = normalQuantile(1 - 0.05 / Math.max(pairs, 1) / 2), count = list.length, { lower } = list[0];
  return some.filter((one) => one.mean == null).flatMap((one) => {
    const lacks = count - one.have, needs = (count * first.mean - one.have * one.value) / lacks;
    const reach = first.error == null || one.error == null ? Infinity
      : z * Math.hypot(count * first.error, one.have * one.error) / lacks;
    const spare = lower ? needs : 100 - needs, able = spare > 1e-9; // of the best possible mean
    return spare + reach >= 0 ? [{ ...one, able, needs: Math.min(Math.max(needs, 0), 100) }] : [];
  }).sort((a, b) => b.able - a.able || (a.able ? (lower ? b.needs - a.needs : a.needs - b.needs) : b.have - a.have)
    || a.model.order - b.model.order);
}

let standings = new Map(), standingsOf = "", standingsIn = null;
/** Where a model stands in the overall order: its mean, error and ranks, or how many of the benchmarks it has. */
function standing(model) {
  if (standingsIn !== state) computeStandings();
  return standings.get(model);
}

function computeStandings() {
  const list = averagedNow(), wanted = JSON.stringify([list.map(({ key }) => key), state.from]);
  standingsIn = state;
  if (wanted !== standingsOf) {
    standingsOf = wanted;
    standings = new Map(models.map((one) => [one, meanOver(one, list)]));
    const placed = [...standings.values()].filter((one) => one.mean != null);
    if (list === primary && !state.from) for (const one of placed) [one.low, one.high] = [one.model.low, one.model.high];
    else if (placed.length <= MOST_RANKED) rankRanges(placed, { scale: 1, share: true, lower: list[0]?.lower });
  }
}

let placedOf = "", placedNow = new Map();
/** Model -> its number on a benchmark with the ranks among those that are shown: of the chosen sources, if some are. */
function placesOn(benchmark) {
  const wanted = JSON.stringify([benchmark.key, state.from]);
  if (wanted !== placedOf) {
    placedOf = wanted;
    const found = models.filter((model) => model.shown.has(benchmark.key))
      .map((model) => ({ ...model.shown.get(benchmark.key), model }));
    for (const one of found) one.widened = isWidened(one);
    if (state.from) for (const one of found) one.low = one.high = null;
    if (state.from && found.length <= MOST_RANKED) rankRanges(found, benchmark);
    placedNow = new Map(found.map((one) => [one.model, one]));
  }
  return placedNow;
}

/** Quantile of the normal distribution for a probability above 1/2 (Acklam's approximation, 1e-9). */
function normalQuantile(p) {
  const q = p - 0.5, tail = Math.sqrt(-2 * Math.log(1 - p));
  const poly = (x, ...coefficients) => coefficients.reduce((sum, coefficient) => sum * x + coefficient, 0);
  if (p < 0.97575) {
    const r = q * q;
    return q * poly(r, -39.69683028665376, 220.9460984245205, -275.9285104469687, 138.357751867269, -30.66479806614716,
      2.506628277459239) / poly(r, -54.47609879822406, 161.5858368580409, -155.6989798598866, 66.80131188771972,
      -13.28068155288572, 1);
  }
  return -poly(tail, -0.007784894002430293, -0.3223964580411365, -2.400758277161838, -2.549732539343734,
    4.374664141464968, 2.938163982698783) / poly(tail, 0.007784695709041462, 0.3224671290700398, 2.445134137142996,
    3.754408661907416, 1);
}

/** Give { value, error } the ranks that each may have: the rule of the data (z-tests of all pairs, Holm at 5 %). */
function rankRanges(list, unit) {
  giveTested(list, unit);
  const known = list.filter((one) => one.error != null).sort((a, b) => b.nearer - a.nearer);
  const pairs = known.length * (known.length - 1) / 2;
  let rejected = 0;
  for (;;) {
    const z = normalQuantile(1 - 0.05 / Math.max(pairs - rejected, 1) / 2);
    const above = known.map(() => 0), below = known.map(() => 0);
    let told = 0;
    for (let i = 0; i < known.length; i += 1) for (let j = i + 1; j < known.length; j += 1) {
      if (apartBy(known[i], known[j], z)) { above[j] += 1; below[i] += 1; told += 1; }
    }
    known.forEach((one, index) => { [one.low, one.high] = [1 + above[index], list.length - below[index]]; });
    if (told <= rejected) return;
    rejected = told;
  }
}

/** The models that the filters keep, of those with a number for one (or each) of the benchmarks in a list. */
function filtered(list, each, filters = state) {
  const { words, column, only } = searched(filters.q);
  const least = filters.min === "" ? -Infinity : Number(filters.min) * 1e9;
  const most = filters.max === "" ? Infinity : Number(filters.max) * 1e9;
  const anySize = least === -Infinity && most === Infinity;
  const has = (model) => (benchmark) => model.shown.has(benchmark.key);
  return models.filter((model) =>
    words.every((part) => model.text.includes(part))
    && (!only || model.shown.has(column))
    && (anySize || (model.parameters != null && model.parameters >= least && model.parameters <= most))
    && (!filters.license || model.license === filters.license)
    && (each ? list.every(has(model)) : list.some(has(model))));
}

/** Missing values come last in both directions, those with most of the averaged benchmarks first; then by name. */
function sorted(rows) {
  const value = COLUMNS.get(state.sort) ?? ((model) => model.shown.get(state.sort)?.value);
  const have = state.sort === "average" ? (model) => standing(model).have : () => 0;
  const sign = ascending() ? 1 : -1;
  const order = ([a, one, some], [b, two, others]) => {
    if (a === b) return others - some || one.order - two.order;
    if (a === null || b === null) return a === null ? 1 : -1;
    return sign * (a - b);
  };
  return rows.map((model) => [value(model) ?? null, model, have(model)]).sort(order).map(([, model]) => model);
}

/** Benchmark -> the best of the shown numbers of some models; none where all are the same. */
function bestOf(rows, list) {
  const best = new Map();
  for (const benchmark of list) {
    const values = rows.flatMap((model) => model.shown.get(benchmark.key)?.value ?? []);
    const first = values.reduce((a, b) => (better(benchmark, b, a) ? b : a), values[0]);
    if (values.some((value) => value !== first)) best.set(benchmark.key, first);
  }
  return best;
}

/** What an average does with several metrics of the same answers, as a sentence to follow; empty for none. */
function sharedAnswers(list) {
  return [...new Set(list.map(({ answers }) => answers))].map((answers) => {
    const keys = list.filter((one) => one.answers === answers).map(({ key }) => key);
    const left = benchmarks.filter((one) => one.answers === answers && !list.includes(one)).map(({ key }) => key);
    if (keys.length > 1) return ` ${keys.join(", ")} are of the same answers, so their errors add up.`;
    return left.length ? ` ${left.join(", ")}: of the same answers as ${keys[0]}, so not counted again.` : "";
  }).join("");
}

/** How many models some names are of: a model at a commit, or of a day, is no other one. */
const countModels = (list) => new Set(list.map(({ id }) =>
  id.replace(/@(?:[0-9a-f]{40}|\d{4}-\d\d-\d\d(?:T[\d:]+Z)?)(?: \(.*\)$|(?=$| \[))/, ""))).size;

/** How many of all models an order is of, and why not of all; which of the others could lead. */
function amongText(placed, count, rivals) {
  const all = countModels(models), here = countModels(placed.map(({ model }) => model)), others = all - here;
  if (!others) return `Among all ${many.format(all)} models.`;
  const [who, have] = others > 1 ? [many.format(others), "have"] : ["one", "has"];
  const [first] = rivals, more = countModels(rivals.filter((one) => one.able).map(({ model }) => model)) - 1;
  const rival = first && `${first.model.id} (${first.have} of ${count})`;
  const could = !first ? "" : !first.able ? `; none could lead, ${rival} could come within the errors`
    : `; ${rival} would need ${tenths(first.needs)} there to lead${more ? `, and ${many.format(more)} more could lead` : ""}`;
  return `Among ${many.format(here)} of ${many.format(all)} models: the other ${who} ${have} no number ${count > 1
    ? "for a benchmark of this average" : "to compare"}${could}.`;
}

/** [who leads by the column that the table is sorted by, by how much, whether that is certain, among how many; by what]. */
function leaderText() {
  const benchmark = keyed.get(state.sort), list = averagedNow();
  if (!benchmark && (state.sort !== "average" || !list.length)) return [];
  const names = list.map(({ name }) => name);
  const what = benchmark ? benchmark.name : `the average of ${names.slice(0, 6).join(", ")}`
    + (names.length > 6 ? ` and ${names.length - 6} more` : "");
  const chosen = state.from ? ", of numbers from the chosen sources" : "";
  const unit = benchmark ? benchmark : { scale: 1, share: true, lower: list[0].lower };
  const found = benchmark ? [...placesOn(benchmark).values()] : models.map(standing).filter((one) => one.mean != null);
  const placed = found.sort((a, b) => (unit.lower ? a.value - b.value : b.value - a.value)
    || a.model.order - b.model.order);
  if (!placed.length) return [`No model has ${what}.`];
  const [first, second] = placed;
  const told = (one) => format(unit, one.value) + (one.error == null ? ""
    : ` ± ${tenths(one.error * unit.scale)} std. error${one.widened ? " with lost answers" : ""}`);
  const by = ` By ${what}${chosen}.${benchmark || list.length < 2 ? "" : sharedAnswers(list)}`;
  const count = benchmark ? 1 : list.length, rivals = benchmark ? [] : possibleLeaders(first, list);
  const among = amongText(placed, count, rivals);
  if (!second) return [`${first.model.id} leads with ${told(first)}; no other model can be compared.`, ` ${among}${by}`];
  const gap = tenths(Math.abs(points(unit, first.value) - points(unit, second.value)));
  const leads = Number(gap) ? `leads by ${gap} points over` : "is level with";
  const lead = `${first.model.id} ${leads} ${second.model.id} (${told(first)} to ${told(second)}).`;
  const alike = placed.slice(1).filter((one) => one.low === 1), more = alike.length - 1;
  const unlike = (benchmark ? [benchmark] : list).filter((one) => one.unlike).slice(0, 3)
    .map((one) => `${one.name} (${one.unlike})`).join(", ");
  const certain = first.low == null ? `Whether that is certain is not known: ${first.error == null
    ? "an error is missing" : `ranks of more than ${many.format(MOST_RANKED)} models are not worked out here`}.`
    : first.high === 1 ? (unlike ? `Certain by the numbers (95 %), but not measured alike: ${unlike}.`
      : rivals.length ? `Certain (95 %) only among the models with all ${count} benchmarks.` : "That is certain (95 %).")
      : alike.length ? `Not certain: ${alike[0].model.id}${more ? ` and ${plural(more, "other")}` : ""} cannot be told `
        + "apart from it (95 %)."
        : "Not certain: the error of others is not known.";
  const said = unlike && first.high !== 1 ? ` Not measured alike: ${unlike}.` : "";
  return [`${lead} ${certain}${said} ${among}`, by];
}

"""
# fmt: on
# fmt: off
SCRIPT_SEARCH = r"""// --- Search: models, developers, licenses and benchmarks; a typo proposes the nearest. ---

const folded = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "");
const benchmarkNames = benchmarks.map(({ key, name }) => [key, [...new Set([folded(name), folded(key)])]]);

/** The benchmark that a text names or begins, the best covered one first; null when it is too short or none. */
function benchmarkNamed(text) {
  const wanted = folded(text);
  if (wanted.length < 3) return null;
  for (const fits of [(name) => name === wanted, (name) => name.startsWith(wanted), (name) => name.includes(wanted)]) {
    const found = benchmarkNames.find(([, names]) => names.some(fits));
    if (found) return found[0];
  }
  return null;
}

let searchedFor = null, searchFound = null;
/** What a search asks for: words that a model's name or license must have, and a benchmark's column. */
function searched(q) {
  if (q === searchedFor) return searchFound;
  const all = q.toLowerCase().split(/\s+/).filter(Boolean), whole = benchmarkNamed(q);
  const anybody = (words) => models.some((model) => words.every((part) => model.text.includes(part)));
  searchedFor = q;
  const columnWord = whole || all.length < 2 ? undefined : all.find((part) => !anybody([part]) && benchmarkNamed(part));
  if (whole && !anybody(all)) searchFound = { words: [], column: whole, only: true };
  else if (columnWord) {
    const words = all.filter((part) => part !== columnWord);
    searchFound = { words, column: benchmarkNamed(columnWord), only: true };
  } else searchFound = { words: all, column: whole, only: false };
  return searchFound;
}

/** How many letters must be changed, added, dropped or swapped; more than the limit is not counted on. */
function distance(a, b, limit) {
  if (Math.abs(a.length - b.length) > limit) return limit + 1;
  let before = [], last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      row[j] = Math.min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) row[j] = Math.min(row[j], before[j - 2] + 1);
    }
    if (Math.min(...row) > limit) return limit + 1;
    [before, last] = [last, row];
  }
  return last[b.length];
}

let vocabulary = null;
/** A search with its unknown words replaced by the nearest known ones; null when none is near. */
function corrected(q) {
  vocabulary ??= [...new Set([...benchmarks.flatMap(({ name }) => name.toLowerCase().split(/\s+/)),
    ...models.flatMap((model) => [...model.text.split(/[\s/]+/), ...model.text.split(/[\s/_-]+/)])])]
    .filter((text) => text.length > 2 && text.length < 80);
  const near = (text) => {
    if (models.some((model) => model.text.includes(text)) || benchmarkNamed(text)) return text;
    let found = null, least = Math.min(3, Math.max(1, Math.floor(text.length / 4)));
    for (const known of vocabulary) {
      const steps = distance(text, known, least);
      if (steps <= least && (found === null || steps < least)) [found, least] = [known, steps];
    }
    return found;
  };
  const words = q.toLowerCase().split(/\s+/).filter(Boolean), better = words.map(near);
  return better.includes(null) || better.join(" ") === words.join(" ") ? null : better.join(" ");
}

/** What to say when no row is left: the nearest search, and what there would be without each filter. */
function nothingFound(list) {
  const ways = [
    state.q && [{ q: "" }, `the search “${cut(state.q, 40)}”`],
    state.license && [{ license: "" }, `the license ${cut(state.license, 40)}`],
    (state.min || state.max) && [{ min: "", max: "" }, "the bounds of the size"],
    state.complete && [{ complete: false }, "“only models with all these benchmarks”"],
    state.from && [{ from: null }, "the choice of sources"],
    state.keys && [{ keys: null }, "the choice of benchmarks"],
  ].filter(Boolean).map(([without, text]) => {
    const countable = !("from" in without || "keys" in without); // these need other columns or numbers
    const count = countable && filtered(list, without.complete ?? state.complete, { ...state, ...without }).length;
    return el("li", {}, button(`Without ${text}`, () => change({ ...without, page: 1 })),
      countable && ` ${plural(count, "model")}`);
  });
  const proposal = state.q && corrected(state.q), take = () => change({ q: proposal, page: 1 });
  return [el("p", {}, "No model fits these filters."),
    proposal && el("p", {}, "Did you mean ", button(proposal, take, { id: "proposal" }), "?"),
    ways.length > 0 && el("ul", { class: "ways" }, ways), button("Show all models", reset)];
}

"""
# fmt: on
# fmt: off
SCRIPT_TABLE = r"""// --- The table. ---

const marked = usedSources.length > 1; // where all numbers are from one source, a mark in each cell says nothing
const mark = (source) => source.short
  && el("span", { class: `mark ${source.id}`, title: source.label, "aria-hidden": "true" }, source.short);

function heading(id, label, unit, numeric = true) {
  const sortBy = () => change({ sort: id, up: id === state.sort ? !ascending() : null, page: 1 });
  return el("th", { scope: "col", class: numeric ? "n" : id, "data-sort": id },
    el("button", { type: "button", onclick: sortBy },
      el("span", { class: "name" }, label), el("span", { class: "arrow", "aria-hidden": "true" })),
    unit && el("span", { class: "unit" }, unit));
}

/** The benchmarks that the table has room for: on a phone the one that it is sorted by, or that was searched for. */
function fitting(list) {
  if (!narrow.matches) return list;
  const { column } = searched(state.q);
  return list.filter(({ key }) => key === (column ?? state.sort));
}
const showsAverage = () => averagedNow().length > 1 && (!narrow.matches || !fitting(columns()).length);
const showsSize = () => hasSizes && (!narrow.matches || state.sort === "size");
const showsDownloads = () => hasDownloads && (!narrow.matches || state.sort === "downloads");

let drawnHead = null;
/** The head is drawn again only when the columns change, so that a sorted column keeps the focus. */
function drawHead(list) {
  const means = averagedNow(), shown = [showsAverage(), showsSize(), showsDownloads()];
  const wanted = JSON.stringify([list.map(({ key }) => key), means.length, shown]);
  if (wanted !== drawnHead) {
    drawnHead = wanted;
    put($("head"), el("tr", {}, el("td", { class: "pickcell" }, hidden("Compare")),
      el("th", { scope: "col", class: "n rankhead" }, el("span", { class: "name" }, "Rank"), el("span", { class: "unit", id: "rankof" })),
      heading("model", "Model", null, false),
      shown[0] && heading("average", "Average", `of ${means.length}, %`),
      list.map((benchmark) => heading(benchmark.key, benchmark.name, unitOf(benchmark))),
      shown[1] && heading("size", "Size", "parameters"), shown[2] && heading("downloads", "Downloads", null)));
  }
  const by = keyed.get(state.sort);
  $("rankof").textContent = by ? (narrow.matches ? "" : cut(by.name, 16)) : means.length > 1 ? "average" : "";
  for (const cell of $("head").querySelectorAll("th[data-sort]")) {
    const on = cell.dataset.sort === state.sort;
    if (on) cell.setAttribute("aria-sort", ascending() ? "ascending" : "descending");
    else cell.removeAttribute("aria-sort");
    cell.querySelector(".arrow").textContent = on ? (ascending() ? "▲" : "▼") : "";
  }
}

/** A number with its bar and rank. `star`: shown better than the others; `lead`: the leading number, no more than that. */
function scoreCell(benchmark, one, { lead, star, group } = {}) {
  if (!one) return missing("missing");
  const source = sources[one.source], error = errorText(benchmark, one);
  const rank = state.from ? null : rankText(one); // the ranks in the data are of numbers from all sources
  const value = format(benchmark, one.value), spread = error ? ` ± ${error} (standard error)` : "";
  const said = star ? ", shown better than the others" : group ? ", cannot be told from the best" : lead ? ", leads by the number alone" : "";
  const kind = ["n score", star && "star", group && "group", lead && !star && "lead"].filter(Boolean).join(" ");
  const number = el("span", { class: "value" }, value);
  if (benchmark.share) number.style.setProperty("--part", `${Math.round(Math.min(100, Math.max(0, points(benchmark, one.value))))}%`);
  return el("td", { class: kind, title: `${benchmark.name}: ${value} ${benchmark.unit}${spread}, ${source.label}` },
    el("span", { class: benchmark.share ? "bar" : "" }, star && el("span", { class: "mark-star", "aria-hidden": "true" }, "★ "), number),
    hidden(`${said}, ${source.label}`),
    (rank || one.official != null || (marked && source.short)) && el("span", { class: "rank" }, marked && mark(source),
      rank && hidden(", rank "), rank, one.official != null && el("span", { title: one.why ?? "its place on the Hub's leaderboard, by the value alone" },
        `${rank ? " · " : ""}Hub ${one.official}`)));
}

/** How a number of the table is marked: by the ranks among all models. */
const boardMarks = (one, best) => (one ? {
  star: one.low === 1 && one.high === 1 && !state.from, group: one.low === 1 && !state.from, lead: one.value === best,
} : {});

/** What stands in the rank's column: by the average, or by the benchmark that the table is sorted by. */
function rankCell(model) {
  const benchmark = keyed.get(state.sort), one = benchmark ? placesOn(benchmark).get(model) : standing(model);
  if (!one) return missing("no rank: no number");
  if (!benchmark && one.mean == null) {
    return el("td", { class: "n rankcell missing" }, `${one.have} of ${averagedNow().length}`, hidden(" of the averaged benchmarks: no place"));
  }
  const text = rankText(one), first = one.low === 1;
  if (!text) {
    const why = one.error == null ? "its error is not known" : "not worked out for so many models";
    return el("td", { class: "n rankcell missing", title: why }, "n/a", hidden(`: ${why}`));
  }
  return el("td", { class: first ? "n rankcell group" : "n rankcell" }, text,
    first && hidden(one.high === 1 ? ", shown better than the others" : ", cannot be told from the best"));
}

function meanCell(model) {
  const one = standing(model);
  if (one.mean == null) return missing("no average: some are missing");
  const spread = one.error == null ? null : el("span", { class: "rank", title: "standard error" }, `± ${tenths(one.error)}`);
  return el("td", { class: one.low === 1 ? "n group" : "n" }, el("strong", {}, tenths(one.mean)), spread);
}

function modelRow(model, list, best) {
  const [owner, ...rest] = model.id.split("/"), name = rest.join("/") || owner;
  const about = [rest.length ? owner : null, model.license === "unknown" ? null : model.license,
    narrow.matches ? size(model.parameters) : null].filter(Boolean);
  const box = el("input", {
    type: "checkbox", "aria-label": `Compare ${model.id}`, "data-model": model.order, onchange: () => toggle(model),
  });
  return el("tr", { "data-id": model.id, class: model.id === state.row ? "target" : null },
    el("td", { class: "pickcell" }, box), rankCell(model),
    rowHead(modelLink(model, el("span", { class: "clamp" }, name)),
      el("span", { class: "sub name clamp" }, about.join(" · "))),
    showsAverage() && meanCell(model),
    list.map((benchmark) => {
      const one = model.shown.get(benchmark.key);
      return scoreCell(benchmark, one, boardMarks(one, best.get(benchmark.key)));
    }),
    showsSize() && (model.parameters == null ? missing("unknown size") : number(size(model.parameters))),
    showsDownloads() && (model.downloads == null ? missing("downloads unknown") : number(brief.format(model.downloads))));
}

function drawTable() {
  const list = columns(), rows = sorted(filtered(list, state.complete)), fit = fitting(list);
  const best = bestOf(rows, fit), pages = Math.max(1, Math.ceil(rows.length / PAGE_ROWS));
  const target = state.row ? rows.findIndex(({ id }) => id === state.row) : -1;
  const page = target >= 0 ? Math.floor(target / PAGE_ROWS) + 1 : Math.min(state.page, pages);
  const first = (page - 1) * PAGE_ROWS, part = rows.slice(first, first + PAGE_ROWS);
  drawHead(fit);
  $("scroll").classList.toggle("dense", fit.length > 8);
  const none = () => el("tr", {}, el("td", { colspan: fit.length + 7, class: "empty" }, nothingFound(list)));
  put($("body"), rows.length ? part.map((model) => modelRow(model, fit, best)) : none());
  const column = keyed.get(state.sort)?.name ?? state.sort;
  $("caption").textContent = `Models and their numbers, sorted by ${column}, ${ascending() ? "lowest" : "highest"} first`;
  const [lead, by] = leaderText();
  put($("lead"), lead, by && el("span", { class: "by" }, by));
  drawCount(rows, list);
  drawMarks();
  drawPager(page, pages, first, part.length, rows.length);
  markChosen();
  const found = searched(state.q).column;
  if (found) $("head").querySelector(`[data-sort="${CSS.escape(found)}"]`)?.scrollIntoView({ block: "nearest", inline: "center" });
  if (target >= 0) $("body").querySelector(".target").scrollIntoView({ block: "center" });
  drawBeyond();
}

/** How many columns are out of sight to the right; a button brings them in. */
function drawBeyond() {
  const edge = $("scroll").getBoundingClientRect().right;
  const out = [...$("head").querySelectorAll("th.n")].filter((cell) => cell.getBoundingClientRect().right > edge + 1).length;
  if ($("beyond").dataset.out === `${out}`) return;
  $("beyond").dataset.out = out;
  put($("beyond"), out > 0 && button(`${plural(out, "more column")} →`,
    () => $("scroll").scrollBy({ left: $("scroll").clientWidth / 2 }), { class: "button small" }));
}
$("scroll").addEventListener("scroll", drawBeyond, { passive: true });
addEventListener("resize", drawBeyond, { passive: true });

function drawCount(rows, list) {
  const someColumns = list.length < benchmarks.length && `, ${list.length} of ${benchmarks.length} benchmarks`;
  put($("count"), el("strong", {}, many.format(rows.length)), ` of ${plural(models.length, "model")}`, someColumns);
  const notes = [];
  const without = models.filter((model) => !list.some(({ key }) => model.shown.has(key))).length;
  if (without) notes.push(`${plural(without, "model has", "models have")} no number in these columns`);
  const unsized = state.min === "" && state.max === "" ? 0 : models.filter((model) => model.parameters == null).length;
  if (unsized) notes.push(`${plural(unsized, "model")} of unknown size left out`);
  if (state.average) notes.push(averageNote(rows, list));
  $("note").textContent = notes.join(". ");
}

function averageNote(rows, list) {
  const means = averagedNow();
  if (means.length < 2) return "An average needs two benchmarks of the same unit";
  const having = rows.filter((model) => standing(model).mean != null).length;
  const out = list.filter((benchmark) => !means.includes(benchmark) && !benchmark.share).map((benchmark) => benchmark.name);
  const note = `Average over the same ${means.length} benchmarks for `
    + `${plural(having, "model that has all of them", "models that have all of them")} (± standard error)`;
  return state.average && out.length ? `${note}; not in it, as of another unit or direction: ${out.join(", ")}` : note;
}

function drawPager(page, pages, first, shown, total) {
  const move = (to) => () => {
    change({ page: to, row: "" });
    $("scroll").scrollTop = 0;
    $("scroll").focus();
  };
  put($("pager"), total > 0 && el("span", { class: "downloads" }, "Download these: ", button("CSV", () => download("csv")), " ", button("JSON", () => download("json"))),
    el("span", { class: "soft" }, total ? `${many.format(first + 1)}–${many.format(first + shown)} of ${many.format(total)}` : ""),
    pages > 1 && [button("Previous", move(page - 1), { disabled: page === 1 }), el("span", { class: "pages" }, `Page ${page} of ${pages}`),
      button("Next", move(page + 1), { disabled: page === pages })]);
}

const hasOwn = usedSources.some((source) => source.id === "own_run");
const PAIRED = "Ranks and stars here are unpaired, from each number's own error; own runs of two models on the same items are paired by: "
  + "uv run scripts/compare_results.py --results RESULTS --baseline A --candidate B";

/** What the tint and the star in the table say, where it has any: above it, to be read before the numbers. */
function drawMarks() {
  const seen = (kind) => $("body").querySelector(kind);
  put($("marks"),
    seen(".group") && el("li", {}, el("span", { class: "swatch", "aria-hidden": "true" }),
      "green: the best of its column, or cannot be told from it (95 %)"),
    seen(".star") && el("li", {}, el("span", { class: "mark-star", "aria-hidden": "true" }, "★ "),
      "shown better than all others in its column (95 %, unpaired)"));
}

function drawLegend() {
  put($("legend"),
    el("li", {}, "2–4 under a number: the places that its error allows among all models with a number here; a model "
      + "whose error is not known has no rank, and may be anywhere in the others'"),
    hasOwn && el("li", {}, PAIRED),
    hasOfficial && el("li", {}, "Hub 3: its place on the Hub's own leaderboard, by the value alone"),
    el("li", {}, "— missing: nobody reported it"),
    marked && usedSources.filter((source) => source.short).map((source) => el("li", {}, mark(source), source.label)),
    !marked && usedSources.map((source) => el("li", {}, `all numbers: ${source.label}`)));
}

"""
# fmt: on
# fmt: off
SCRIPT_COMPARE = r"""// --- The models to compare. ---

function toggle(model) {
  const rest = state.compare.filter((id) => id !== model.id);
  const added = rest.length === state.compare.length ? [...rest, model.id].slice(0, MOST_COMPARED) : rest;
  change({ compare: added });
}

function markChosen() {
  const full = state.compare.length >= MOST_COMPARED;
  for (const box of $("body").querySelectorAll("input[data-model]")) {
    box.checked = state.compare.includes(models[box.dataset.model].id);
    box.disabled = full && !box.checked;
    box.title = box.disabled ? `Up to ${MOST_COMPARED} models can be compared` : "";
    box.closest("tr").classList.toggle("chosen", box.checked);
  }
  $("tray").hidden = !state.compare.length || state.view === "compare";
  const open = () => {
    change({ view: "compare" }, true);
    $("main").focus();
  };
  put($("tray"), el("strong", {}, `${state.compare.length} of ${MOST_COMPARED} chosen`),
    el("span", { class: "name" }, state.compare.map(lastPart).join(", ")),
    button("Compare", open, { class: "button main" }), button("Clear", () => change({ compare: [] })));
}

// The models differ by shape as well as by colour.
const SHAPES = [
  (x, y) => svg("circle", { cx: x, cy: y, r: 5, class: "k0" }),
  (x, y) => svg("rect", { x: x - 4.5, y: y - 4.5, width: 9, height: 9, class: "k1" }),
  (x, y) => svg("path", { d: `M${x} ${y - 6}l6 6l-6 6l-6-6z`, class: "k2" }),
  (x, y) => svg("path", { d: `M${x} ${y - 6}l6 10.5h-12z`, class: "k3" }),
  (x, y) => svg("path", { d: `M${x} ${y + 6}l-6-10.5h12z`, class: "k4" }),
];
const chartWidth = () => Math.max(280, Math.min(1100, $("main").clientWidth - 40));
const line = (name, x1, y1, x2, y2) => svg("line", { class: name, x1, y1, x2, y2 });
const label = (x, y, anchor, text, name = "soft") => svg("text", { x, y, "text-anchor": anchor, class: name }, text);

/** Which numbers these are, when not all of them: the filters of the table hold for every view. */
const sourceNote = () => state.from && soft("Only numbers from these sources: ",
  state.from.map((id) => sources.find((source) => source.id === id).label).join(", "), ". ",
  button("Show all sources", () => change({ from: null })));

function drawCompare() {
  const chosen = state.compare.map((id) => named.get(id));
  const rows = benchmarks.filter(({ key }) => chosen.some((model) => model.shown.has(key)));
  put($("view-compare"), el("h2", { id: "title-compare" }, "Compare models"), picker(chosen), sourceNote(),
    chosen.length
      ? [chartKey(chosen), compareChart(chosen, rows), compareTable(chosen, rows)]
      : soft(`Choose up to ${MOST_COMPARED} models here, or tick them in the leaderboard.`));
}

function picker(chosen) {
  const full = chosen.length >= MOST_COMPARED;
  const options = el("datalist", { id: "names" });
  const input = el("input", {
    type: "text", id: "add", list: "names", autocomplete: "off", disabled: full,
    placeholder: full ? `${MOST_COMPARED} models are chosen` : "owner/name",
    oninput: () => {
      if (named.has(input.value)) { add(); return; }
      const text = input.value.toLowerCase();
      const found = models.filter((model) => model.text.includes(text)).slice(0, 20);
      put(options, found.map((model) => el("option", { value: model.id })));
    },
  });
  function add() {
    if (!named.has(input.value) || state.compare.includes(input.value)) return;
    change({ compare: [...state.compare, input.value] });
    $("add").focus();
  }
  const onsubmit = (event) => {
    event.preventDefault();
    add();
  };
  return el("form", { class: "pick", onsubmit }, el("label", {}, "Add a model", input), options,
    el("button", { class: "button", disabled: full }, "Add"));
}

function chartKey(chosen) {
  const symbol = (index) =>
    svg("svg", { width: 14, height: 14, viewBox: "0 0 14 14", "aria-hidden": "true" }, SHAPES[index](7, 7));
  return el("ul", { class: "key" }, chosen.map((model, index) => el("li", {}, symbol(index), modelLink(model, model.id),
    el("span", { class: "soft" }, size(model.parameters) ?? "unknown size"),
    el("button", { type: "button", "aria-label": `Remove ${model.id}`, onclick: () => toggle(model) }, "✕"))));
}

/** Scores in percent on one axis: a row for each benchmark, a mark for each model, a line for its 95 % interval. */
function compareChart(chosen, rows) {
  const drawn = rows.filter((benchmark) => benchmark.share), others = rows.filter((benchmark) => !benchmark.share);
  if (!drawn.length) return soft("None of their benchmarks is in percent, so there is nothing to draw; see the table.");
  const width = chartWidth(), slim = width < 560, step = slim ? 46 : 34, top = 22;
  const left = slim ? 8 : 190, right = width - 16, height = top + drawn.length * step + 8;
  const x = (value) => left + (right - left) * Math.min(100, Math.max(0, value)) / 100;
  const parts = [0, 20, 40, 60, 80, 100].map((tick) =>
    [line("grid", x(tick), top - 4, x(tick), height - 4), label(x(tick), 12, "middle", `${tick}`)]);
  let binomial = false;
  drawn.forEach((benchmark, row) => {
    const y = top + row * step + (slim ? 32 : step / 2), name = benchmark.name + (benchmark.lower ? " ↓" : "");
    parts.push(line("grid", left, y, right, y), slim ? label(left, y - 15, "start", name, "")
      : label(left - 12, y + 4, "end", cut(name, 24), ""));
    chosen.forEach((model, index) => {
      const one = model.shown.get(benchmark.key), lane = y + (index - (chosen.length - 1) / 2) * 4;
      if (!one) return;
      const value = points(benchmark, one.value), error = (one.error ?? 0) * benchmark.scale * 1.96;
      const stated = !isBinomial(one);
      if (error) parts.push(line(`whisker k${index}${stated ? "" : " about"}`, x(value - error), lane, x(value + error), lane));
      binomial ||= error > 0 && !stated;
      parts.push(SHAPES[index](x(value), lane));
    });
  });
  const title = `Scores in percent of ${chosen.map((model) => model.id).join(", ")} on `
    + `${plural(drawn.length, "benchmark")}; the table below has the numbers`;
  const inTable = others.length > 0 && `In the table only, as of another unit: ${others.map(({ name }) => name).join(", ")}.`;
  return el("div", { class: "card plot" },
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "chart-title" },
      svg("title", { id: "chart-title" }, title), parts),
    soft("Scores in percent; lines are 95 % intervals, where the ranks use an error. ",
      binomial && "~ dashed: of the number of items alone (binomial). ",
      drawn.some((benchmark) => benchmark.lower) && "↓ lower is better. ", inTable));
}

/** Bonferroni's limit for one model against up to four others: a normal quantile at 5 % by the number of others. */
const LIMITS = [0, 1.96, 2.2414, 2.394, 2.4977];

/** The marks of some compared numbers: a star for what the errors show to be better than each other one. */
function compareMarks(benchmark, scores) {
  const found = scores.filter(Boolean), marks = new Map();
  if (found.length < 2) return marks;
  const first = found.reduce((a, b) => (better(benchmark, b.value, a.value) ? b : a));
  const others = found.filter((one) => one !== first);
  if (others.every((one) => one.value === first.value)) return marks;
  giveTested(found, benchmark);
  const star = others.every((one) => apartBy(first, one, LIMITS[others.length]));
  for (const one of found) if (one.value === first.value) marks.set(one, { star, lead: !star });
  return marks;
}

function compareTable(chosen, rows) {
  const shared = rows.filter(({ key }) => chosen.every((model) => model.shown.has(key))), means = averaged(shared);
  const mean = means.length > 1 && chosen.length > 1;
  const about = chosen.length < 2 ? "Add a second model for a comparison."
    : mean ? `Average over the ${means.length} benchmarks in percent that all ${chosen.length} models have `
      + `(of ${rows.length} in the table).`
      : `No average: all ${chosen.length} models have ${plural(means.length, "benchmark")} in percent in common, `
        + "and an average takes two.";
  const stacked = narrow.matches && chosen.length > 1; // on a phone the benchmark's name stands over its numbers
  const lines = rows.map((benchmark) => {
    const scores = chosen.map((model) => model.shown.get(benchmark.key)), marks = compareMarks(benchmark, scores);
    return stackedRow(stacked, [benchmark.name, unitOf(benchmark)],
      scores.map((one) => scoreCell(benchmark, one, marks.get(one))), chosen.length);
  });
  if (mean) {
    const unit = { scale: 1, share: false, unit: "%", name: "Average", lower: means[0].lower };
    const found = chosen.map((model) => meanOver(model, means)), marks = compareMarks(unit, found);
    const cells = found.map((one) => el("td", { class: marks.get(one)?.star ? "n score star" : "n score" },
      marks.get(one)?.star && el("span", { class: "mark-star", "aria-hidden": "true" }, "★ "),
      el("strong", {}, tenths(one.mean)), one.error != null && el("span", { class: "rank" }, `± ${tenths(one.error)}`)));
    lines.unshift(stackedRow(stacked, [`Average of ${means.length}`, "%, ± standard error"], cells, chosen.length));
  }
  const heads = chosen.map((model, index) => [lastPart(model.id), `n k${index}head`]);
  const starred = soft("★ shown better than each of the others: the errors of these models tell them apart (95 %, "
    + "samples as independent: unpaired). A heavier number leads, and no more is known. ", hasOwn && PAIRED);
  return [el("p", { id: "average-of" }, about),
    table("compared", "The numbers of the compared models", stacked ? heads : [["Benchmark", "model"], ...heads], lines),
    chosen.length > 1 && starred];
}

function stackedRow(stacked, [name, unit], cells, width) {
  const sub = el("span", { class: "sub" }, unit);
  if (!stacked) return el("tr", {}, rowHead(name, sub), cells);
  return [el("tr", { class: "over" }, el("th", { scope: "rowgroup", colspan: width }, name, " ", sub)), el("tr", {}, cells)];
}

"""
# fmt: on
# fmt: off
SCRIPT_SIZE = r"""// --- Score against size. ---

/** Models that no other beats with as few parameters or fewer, from small to large. */
function paretoFront(dots, benchmark) {
  const front = [];
  const order = (a, b) => a.parameters - b.parameters || (better(benchmark, a.value, b.value) ? -1 : 1);
  for (const dot of [...dots].sort(order)) {
    if (!front.length || better(benchmark, dot.value, front.at(-1).value)) front.push(dot);
  }
  return front;
}

function drawSize() {
  const sortedBy = keyed.has(state.sort) ? state.sort : defaultSort;
  const benchmark = keyed.get(state.plot || sortedBy), title = el("h2", { id: "title-size" }, "Score and size");
  if (!benchmark) { put($("view-size"), title, soft("There are no numbers.")); return; }
  const rows = filtered([benchmark], true), sized = rows.filter((model) => model.parameters > 0);
  const dots = sized.map((model) =>
    ({ model, parameters: model.parameters, value: model.shown.get(benchmark.key).value }));
  const front = paretoFront(dots, benchmark), unsized = rows.length - dots.length;
  const onchange = (event) => {
    change({ plot: event.target.value });
    $("plot").focus();
  };
  const options = benchmarks.map(({ key, name }) =>
    el("option", { value: key, selected: key === benchmark.key }, `${name} (${covered.get(key)})`));
  const lines = front.map(({ model, parameters }) => el("tr", {}, rowHead(modelLink(model, model.id)),
    number(size(parameters)), scoreCell(benchmark, model.shown.get(benchmark.key))));
  const heads = [["On the Pareto front", "model"], ["Size", "n"], [benchmark.name, "n", unitOf(benchmark)]];
  put($("view-size"), title, sourceNote(),
    el("div", { class: "tools" }, el("label", { class: "field" }, "Benchmark",
      el("select", { id: "plot", onchange }, options))),
    dots.length ? sizeChart(dots, front, benchmark)
      : el("p", { class: "empty card" }, "No model with these filters has both a number and a known size."),
    soft(`${plural(dots.length, "model")} drawn`,
      unsized > 0 && `; ${plural(unsized, "model")} of unknown size cannot be drawn`,
      ". On the Pareto front, no model with as few parameters or fewer has a better number; differences can be within "
      + "the uncertainty, see the ranks."),
    front.length > 0 && table("front", `Pareto front of ${benchmark.name} and size`, heads, lines));
}

function niceTicks(low, high, count) {
  const raw = (high - low) / count, power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((by) => by * power).find((candidate) => candidate >= raw);
  const first = Math.ceil(low / step), last = Math.floor(high / step);
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Whole powers of ten in a range of logarithms, and 2 and 5 times those when the range is short. */
function sizeTicks(low, high) {
  const ticks = [];
  for (let power = Math.floor(low); power <= high; power += 1) {
    for (const by of high - low > 2.5 ? [1] : [1, 2, 5]) ticks.push(power + Math.log10(by));
  }
  return ticks.filter((tick) => tick >= low && tick <= high);
}

/** The range of numbers and some room beside it. */
function padded(numbers, least) {
  const low = numbers.reduce((a, b) => Math.min(a, b)), high = numbers.reduce((a, b) => Math.max(a, b));
  const pad = Math.max(least, (high - low) * 0.06);
  return [low - pad, high + pad];
}

function sizeChart(dots, front, benchmark) {
  const width = chartWidth(), height = Math.max(300, Math.min(460, width * 0.6));
  const left = 46, right = width - 18, top = 16, bottom = height - 40;
  const [x0, x1] = padded(dots.map((dot) => Math.log10(dot.parameters)), 0.15);
  const [y0, y1] = padded(dots.map((dot) => points(benchmark, dot.value)), benchmark.share ? 1 : 1e-3);
  const place = (log, value) =>
    [left + (right - left) * (log - x0) / (x1 - x0), bottom - (bottom - top) * (value - y0) / (y1 - y0)];
  const at = (dot) => place(Math.log10(dot.parameters), points(benchmark, dot.value));
  const parts = niceTicks(y0, y1, 6).map((tick) => {
    const [, y] = place(x0, tick);
    return [line("grid", left, y, right, y), label(left - 8, y + 4, "end", `${tick}`)];
  });
  for (const tick of sizeTicks(x0, x1)) {
    const [x] = place(tick, y0);
    parts.push(line("grid", x, top, x, bottom), label(x, bottom + 16, "middle", size(10 ** tick)));
  }
  parts.push(label((left + right) / 2, height - 6, "middle", "parameters (log scale)"));
  const spots = dots.map(at), corners = front.map(at);
  // One path of zero-length strokes draws ten thousand dots as fast as one.
  parts.push(svg("path", { class: "cloud", d: spots.map(([x, y]) => `M${x.toFixed(1)} ${y.toFixed(1)}h0`).join("") }));
  const steps = corners.map(([x, y], index) => (index ? `H${x.toFixed(1)}V${y.toFixed(1)}` : `M${x} ${y}`));
  parts.push(svg("path", { class: "front", d: steps.join("") }), frontLabels(front, corners, left, right));
  const title = `${benchmark.name} (${unitOf(benchmark)}) against the number of parameters of `
    + `${plural(dots.length, "model")}; the table below lists the ${front.length} on the Pareto front`;
  const chart = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "size-title" },
    svg("title", { id: "size-title" }, title), parts);
  return el("div", { class: "card plot" }, chart, pointer(chart, width, dots, spots, benchmark));
}

/** The marks of the front, and names where they cover no other name or mark. */
function frontLabels(front, corners, left, right) {
  const taken = corners.map(([x, y]) => ({ from: x - 7, to: x + 7, y: y - 4 }));
  return front.map(({ model }, index) => {
    const [x, y] = corners[index], text = cut(lastPart(model.id), right < 540 ? 18 : 30), length = text.length * 6.6;
    const before = x - 10 - length > left, from = before ? x - 10 - length : x + 10;
    const spot = { from, to: from + length, y: y - 8 };
    const free = spot.to < right && taken.every((other) =>
      Math.abs(other.y - spot.y) > 13 || other.to < spot.from || other.from > spot.to);
    if (free) taken.push(spot);
    const corner = svg("path", { d: `M${x} ${y - 6}l6 6l-6 6l-6-6z`, class: "k1" });
    return [corner, free && label(before ? x - 9 : x + 9, y - 8, before ? "end" : "start", text, "halo")];
  });
}

/** For a mouse or a finger: the name of the nearest dot, and its model at a click; the table is for everybody else. */
function pointer(chart, width, dots, spots, benchmark) {
  const tip = el("div", { class: "tip", hidden: true });
  const nearest = (event) => {
    const box = chart.getBoundingClientRect(), scale = width / box.width;
    const x = (event.clientX - box.left) * scale, y = (event.clientY - box.top) * scale;
    let found = -1, least = HIT_RADIUS ** 2;
    spots.forEach(([px, py], index) => {
      const distance = (px - x) ** 2 + (py - y) ** 2;
      if (distance < least) [found, least] = [index, distance];
    });
    return found;
  };
  chart.addEventListener("pointermove", (event) => {
    const index = nearest(event);
    tip.hidden = index < 0;
    if (index < 0) return;
    const { model, value } = dots[index], [x, y] = spots[index];
    const shown = chart.getBoundingClientRect().width, scale = shown / width;
    tip.textContent = `${model.id}: ${format(benchmark, value)} ${benchmark.unit}, ${size(model.parameters)}`;
    tip.style.left = `${Math.max(0, Math.min(x * scale + 24, shown - 200))}px`;
    tip.style.top = `${y * scale + 24}px`;
  });
  chart.addEventListener("pointerleave", () => { tip.hidden = true; });
  chart.addEventListener("click", (event) => {
    const index = nearest(event);
    if (index >= 0) change({ model: dots[index].model.id }, true);
  });
  return tip;
}

"""
# fmt: on
# fmt: off
SCRIPT_NIGHTS = r"""
// --- One model night after night: a line for each benchmark that it was measured on at several times. ---

/** The dated numbers of this model's own runs on a benchmark, the oldest first; empty where there is nothing to follow. */
function nightsOf(model, key) {
  const own = model.scores.get(key).filter((one) => sources[one.source].id === "own_run")
    .map((one) => ({ ...one, when: Date.parse(one.date) })).filter(({ when }) => Number.isFinite(when))
    .sort((a, b) => a.when - b.when);
  return new Set(own.map(({ when }) => when)).size > 1 ? own : [];
}
const changedIn = (one) => /(?:^|; )changed: (.*)$/.exec(one.notes ?? "")?.[1];

function nightsChart(benchmark, nights) {
  const width = 560, height = 150, left = 44, right = 10, top = 12, bottom = 24;
  const at = nights.map((one) => ({ one, value: points(benchmark, one.value), half: 1.96 * (one.error ?? 0) * benchmark.scale }));
  const low = Math.min(...at.map(({ value, half }) => value - half)), high = Math.max(...at.map(({ value, half }) => value + half));
  const first = nights[0].when, last = nights.at(-1).when, span = high - low || 1;
  const x = (when) => left + ((when - first) / (last - first)) * (width - left - right);
  const y = (value) => top + ((high - value) / span) * (height - top - bottom);
  const day = (when) => new Date(when).toISOString().slice(0, 10);
  const name = `${benchmark.name} by date: ${plural(nights.length, "run")} from ${day(first)} to ${day(last)}, `
    + `first ${tenths(at[0].value)}, last ${tenths(at.at(-1).value)} ${benchmark.unit}`;
  const said = nights.map((one) => [one, changedIn(one)]).filter(([, changed]) => changed);
  return el("figure", { class: "nights" },
    el("figcaption", {}, benchmark.name, el("span", { class: "soft" }, ` ${unitOf(benchmark)}, 95 % intervals`)),
    svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": name },
      [low, high].map((value) => [line("grid", left, y(value), width - right, y(value)),
        label(left - 6, y(value) + 4, "end", tenths(value))]),
      label(left, height - 6, "start", day(first)), label(width - right, height - 6, "end", day(last)),
      said.map(([one]) => line("changed", x(one.when), top, x(one.when), height - bottom)),
      svg("path", { class: "by", d: at.map(({ one, value }, i) => `${i ? "L" : "M"}${x(one.when)} ${y(value)}`).join("") }),
      at.map(({ one, value, half }) => [half > 0 && line("whisker", x(one.when), y(value - half), x(one.when), y(value + half)),
        svg("circle", { cx: x(one.when), cy: y(value), r: 3, class: "night" },
          svg("title", {}, `${day(one.when)}: ${tenths(value)}`))])),
    said.length > 0 && el("ul", { class: "plain soft" },
      said.map(([one, changed]) => el("li", {}, `${day(one.when)}: ${changed}`))));
}

/** The charts of a model; nothing where it was measured once. */
function nightsCharts(model) {
  const found = benchmarks.filter(({ key }) => model.scores.has(key))
    .map((benchmark) => [benchmark, nightsOf(model, benchmark.key)]).filter(([, nights]) => nights.length > 0);
  return found.length > 0 && [el("h3", {}, "By date; a dashed line: something else than the score changed"),
    found.map(([benchmark, nights]) => nightsChart(benchmark, nights))];
}
"""
# fmt: on
# fmt: off
SCRIPT_VIEWS = r"""// --- Coverage, and how to read the numbers. ---

function drawCoverage() {
  const rows = benchmarks.map((benchmark) => {
    const first = models.flatMap((model) => model.scores.get(benchmark.key)?.[0] ?? []);
    const share = 100 * first.length / models.length, bar = el("span", {});
    bar.style.width = `${share}%`;
    const by = usedSources.map((source) => first.filter((one) => sources[one.source] === source).length);
    const category = benchmark.category && el("span", { class: "sub" }, benchmark.category.replaceAll("_", " "));
    return el("tr", {}, rowHead(benchmark.name, category),
      number(many.format(first.length)),
      el("td", {}, el("span", { class: "meter", "aria-hidden": "true" }, bar), hidden(`${share.toFixed(0)} %`)),
      by.map((count) => number(many.format(count))));
  });
  const heads = [["Benchmark", "model"], ["Models", "n"], ["Share", ""]];
  heads.push(...usedSources.map((source) => [source.label, "n"]));
  put($("view-coverage"), el("h2", { id: "title-coverage" }, "Coverage"),
    soft(`How many of the ${plural(models.length, "model")} have a number for each benchmark, and where the shown `
      + "number is from, whatever the filters."),
    table("covered", "Models with a number, per benchmark", heads, rows));
}

function listing(id, title, heads, rows, none) {
  const cells = (row) => row.map((cell) => el("td", { class: "wrap" }, el("span", { class: "name" }, cell ?? "—")));
  return [el("h3", {}, `${title} (${many.format(rows.length)})`),
    rows.length ? table(id, title, heads.map((head) => [head, ""]),
      rows.slice(0, MOST_LISTED).map((row) => el("tr", {}, cells(row)))) : soft(none),
    rows.length > MOST_LISTED && soft(`The first ${MOST_LISTED}; all of them are in the data.`)];
}

function drawAbout() {
  const order = sources.map((source) =>
    el("li", {}, mark(source), el("strong", {}, source.label), `: ${source.text}`));
  put($("view-about"), el("h2", { id: "title-about" }, "About the numbers"),
    el("p", {}, (data.claimed ? "" : "Every number here is one that somebody published with the model, or that was "
      + "measured with this project; none is made up. ") + `Collected on ${data.collected}: `
      + `${usedSources.map((source) => `${many.format(sourceCounts[sources.indexOf(source)])} ${source.label}`).join(", ")}`
      + `${data.read ? `; ${plural(data.read, "model was", "models were")} asked for on the Hub` : ""}.`),
    el("h3", {}, "Which number is shown"),
    el("p", {}, "When a model has several numbers for one benchmark, all of them are kept, and the table shows the "
      + "first in this order; a model's page shows them all."),
    el("ol", { id: "order" }, order),
    el("h3", {}, "Ranks"), el("p", { id: "ranking" }, data.ranking),
    el("p", {}, "A model whose error is not known has no rank; as it may be anywhere, the others' ranges are wider by one."),
    el("h3", {}, "The overall order"),
    el("p", {}, `It is by the average over ${plural(primary.length, "benchmark")}: `
      + `${primary.map(({ name }) => name).join(", ") || "there is none"}. Unless somebody chose them, these are the ones `
      + "that most models share: the set with the most numbers of models that have all of it. An average is only ever "
      + "taken over the same benchmarks for every model that gets one, all in percent and of one direction; a model "
      + "that lacks one stands below, with a count of what it has. Its error is that of independent benchmarks; those "
      + "of several metrics of the same answers add up."),
    el("h3", {}, "Units"),
    el("p", {}, "Scores are in percent where the benchmark's unit is a proportion or a percentage. Where the scale of "
      + "a number is unclear, it is neither guessed nor ranked: it is kept apart, below."),
    listing("apart", "Kept apart", ["Model", "Benchmark", "As written", "Source", "Why"],
      apart.map((row) => row.slice(0, 5)), "There are none."),
    listing("unread", "Could not be read", ["Where", "Why"], data.unread, "Everything could be read."));
}

// --- One model. ---

function drawModel() {
  const dialog = $("model"), model = named.get(state.model);
  if (!model) { dialog.close(); return; }
  const fact = (name, value) => el("div", {}, el("dt", {}, name), el("dd", {}, value));
  const aside = apart.filter(([id]) => id === model.id), one = standing(model);
  const rows = benchmarks.filter(({ key }) => model.scores.has(key)).flatMap((benchmark) =>
    model.scores.get(benchmark.key).map((other, index) => scoreRow(model, benchmark, other, index > 0)));
  const heads = [["Benchmark", ""], ["Score", "n"], ["Rank", "n"]];
  heads.push(...["How", "Source", "By", "Date"].map((text) => [text, ""]));
  const overall = one.mean != null && averagedNow().length > 1
    && `${tenths(one.mean)}${one.error == null ? "" : ` ± ${tenths(one.error)} (standard error)`}, rank ${rankText(one) ?? "n/a"}`;
  put(dialog,
    el("div", { class: "head" }, el("h2", { id: "title-model", class: "name" }, model.id),
      button("Close", () => dialog.close())),
    el("dl", { class: "facts" }, overall && fact(`Average of ${averagedNow().length}`, overall),
      hasSizes && fact("Parameters", size(model.parameters) ?? "unknown"), fact("License", model.license),
      hasDownloads && fact("Downloads", model.downloads == null ? "unknown" : many.format(model.downloads)),
      fact("Benchmarks", many.format(model.scores.size)), model.url && fact("Page", webLink(model.url, model.url))),
    el("p", { class: "actions" }, compareButton(model), " ",
      copyButton("Copy a link to its row", () => location.href.split("#")[0] + address({ ...PLAIN, row: model.id }))),
    table("numbers", `All numbers of ${model.id} and their sources`, heads, rows),
    nightsCharts(model),
    aside.length > 0 && [el("h3", {}, "Kept apart: not ranked, not in any average"),
      el("ul", { class: "plain" }, aside.map(([, benchmark, value, source, why, url]) =>
        el("li", { class: "name" }, `${benchmark}: ${value} (`, webLink(url, source), `; ${why})`)))]);
  if (!dialog.open) dialog.showModal();
}

function compareButton(model) {
  const text = () => (state.compare.includes(model.id) ? "Remove from the comparison" : "Add to the comparison");
  const full = state.compare.length >= MOST_COMPARED && !state.compare.includes(model.id);
  const press = (event) => {
    toggle(model);
    event.target.textContent = text();
  };
  return button(full ? `${MOST_COMPARED} models are chosen already` : text(), press, { disabled: full });
}

function scoreRow(model, benchmark, one, other) {
  const source = sources[one.source], error = errorText(benchmark, one);
  const listed = (...parts) => parts.filter(Boolean).join(", ");
  const how = listed(one.metric, one.shots, one.n != null && `n = ${many.format(one.n)}`,
    one.written != null && `written as ${one.written}`, one.notes);
  const where = listed(one.form, one.origin, one.revision && `at ${one.revision}`);
  const name = one.request == null ? source.label : `${source.label} #${one.request}`;
  return el("tr", { class: other ? "other" : "" },
    el("th", { scope: "row" }, benchmark.name, other && el("span", { class: "soft" }, " also reported")),
    number(`${format(benchmark, one.value)} `, el("span", { class: "soft" }, benchmark.unit),
      error && el("span", { class: "rank" }, `± ${error} (standard error)`)),
    number(other ? "not ranked" : rankText(one) ?? "n/a",
      one.official != null && el("span", { class: "rank basis" }, `Hub ${one.official}${one.why ? `: ${one.why}` : ""}`),
      !other && one.basis && el("span", { class: "rank basis" }, `error: ${one.basis}`)),
    el("td", { class: "wrap name" }, how || "—"),
    el("td", { class: "wrap" }, mark(source), webLink(one.url, name),
      where && el("span", { class: "rank name" }, where)),
    el("td", { class: "wrap name" }, one.contributor ?? "—"),
    el("td", { class: "date name" }, one.date ?? "—",
      copyButton("Cite", () => citation(model, benchmark, one), { "aria-label": `Copy a citation of ${benchmark.name}` })));
}

"""
# fmt: on
# fmt: off
SCRIPT_FILES = r"""// --- What people take away: a citation, a link, a file, paper. ---

/** A button that copies a text, and says so. */
function copyButton(text, content, more = {}) {
  const press = async (event) => {
    const pressed = event.target, copied = content();
    try { await navigator.clipboard.writeText(copied); } catch {
      const field = el("textarea", { class: "vh", "aria-hidden": "true", tabindex: "-1" }, copied);
      pressed.after(field); // inside the dialog, which alone may have the focus
      field.select();
      document.execCommand("copy");
      field.remove();
      pressed.focus();
    }
    pressed.dataset.copied = copied;
    pressed.textContent = "Copied";
    setTimeout(() => { pressed.textContent = text; }, 1500);
  };
  return button(text, press, { ...more, class: "button small" });
}

/** A number as it can be quoted: model, benchmark, value, items, source, date. */
function citation(model, benchmark, one) {
  const unit = benchmark.unit ? ` ${benchmark.unit}` : "", error = errorText(benchmark, one);
  const details = [one.shots, one.n != null && `n = ${one.n}`, error && `standard error ${error}`].filter(Boolean).join(", ");
  const source = [sources[one.source].label, one.origin, one.url ?? model.url].filter(Boolean).join(", ");
  return `${model.id}: ${benchmark.name} ${format(benchmark, one.value)}${unit}${details && ` (${details})`}; ${source}`
    + `${one.date ? `; ${one.date.slice(0, 10)}` : ""}. Collected ${data.collected}.`;
}

const FIELDS = ["model", "benchmark", "value", "unit", "rank_low", "rank_high", "standard_error", "error_from", "n", "source",
  "source_url", "date", "parameters", "license"];
/** The shown numbers of the models that the filters keep, in the table's order. */
function shownNumbers() {
  const list = columns();
  return sorted(filtered(list, state.complete)).flatMap((model) => list.flatMap((benchmark) => {
    const one = model.shown.get(benchmark.key);
    return one ? [[model.id, benchmark.key, points(benchmark, one.value), benchmark.unit, one.low, one.high,
      one.error == null ? null : points(benchmark, one.error), one.basis, one.n, sources[one.source].id, one.url, one.date,
      model.parameters, model.license]] : [];
  }));
}

/** A cell of CSV, in one line; what a spreadsheet would take for a formula follows an apostrophe, also where its list
 * separator, which depends on the country, cuts the text: "x;=1" is two cells in Berlin. */
function csvCell(value) {
  if (value == null || typeof value === "number") return value == null ? "" : String(value);
  const line = value.replace(/[\r\n\v\f\x85\u2028\u2029]+/g, " ");
  const cut = line.replace(/([;,\t|])(?=["'\s]*[=+\-@＝＋－＠|%])/g, "$1'");
  const safe = cut.replace(/^(?=["'\s]*[=+\-@＝＋－＠|%]|\s*\t)/, "'");
  return `"${safe.replaceAll('"', '""')}"`;
}

function download(form) {
  const rows = shownNumbers();
  const text = form === "csv" ? [FIELDS, ...rows].map((row) => `${row.map(csvCell).join(",")}\r\n`).join("")
    : JSON.stringify({ collected: data.collected, ranking: data.ranking, filters: address(state).slice(1),
      rows: rows.map((row) => Object.fromEntries(row.map((value, index) => [FIELDS[index], value ?? null]))) }, null, 1);
  const file = new Blob([text], { type: form === "csv" ? "text/csv;charset=utf-8" : "application/json" });
  const link = el("a", { href: URL.createObjectURL(file), download: `leaderboard.${form}` });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

const PRINTED_COLUMNS = 7; // that fit on paper, the model and its rank aside
/** On paper all rows, and the columns that do not fit beside the first ones in further tables. */
function drawPrint() {
  if (state.view !== "table") return;
  const list = columns(), rows = sorted(filtered(list, state.complete)), parts = [];
  for (let at = 0; at < list.length; at += PRINTED_COLUMNS) parts.push(list.slice(at, at + PRINTED_COLUMNS));
  put($("print"), parts.map((part, index) => el("table", {},
    el("thead", {}, el("tr", {}, ["Rank", "Model", ...(index ? [] : ["Average"]), ...part.map(({ name, unit }) => `${name}, ${unit}`)]
      .map((text) => el("th", { scope: "col" }, text)))),
    el("tbody", {}, rows.map((model) => el("tr", {}, rankCell(model), el("th", { scope: "row" }, model.id),
      !index && number(standing(model).mean == null ? "—" : tenths(standing(model).mean)),
      part.map((benchmark) => {
        const one = model.shown.get(benchmark.key);
        return number(one ? format(benchmark, one.value) : "—");
      })))))));
}
addEventListener("beforeprint", drawPrint);
addEventListener("afterprint", () => put($("print")));

"""
# fmt: on
# fmt: off
SCRIPT_CONTROLS = r"""// --- The controls. ---

function choice(attributes, onchange, source, text, count) {
  return el("label", { class: "check" }, el("input", { type: "checkbox", onchange, ...attributes }),
    source && mark(source), el("span", {}, text), count != null && el("span", { class: "count" }, many.format(count)));
}

function drawChoices() {
  const licenses = new Map();
  for (const { license } of models) licenses.set(license, (licenses.get(license) ?? 0) + 1);
  const order = [...licenses].sort(([a, one], [b, two]) => two - one || (a < b ? -1 : 1));
  put($("license"), el("option", { value: "" }, "any"),
    order.map(([name, count]) => el("option", { value: name }, `${cut(name, 40)} (${count})`)));
  const choose = (keys) => () => change({ keys, page: 1 });
  put($("keys"),
    el("div", { class: "row" }, button(`Usual ${defaultKeys.length}`, choose(null)),
      button(`All ${benchmarks.length}`, choose(benchmarks.map(({ key }) => key)))),
    benchmarks.map(({ key, name }) => choice({ "data-key": key }, pickKeys, null, name, covered.get(key))));
  put($("sources"), sources.map((source) => choice({ "data-source": source.id }, pickSources, source, source.label)));
}

function pickKeys() {
  const keys = [...$("keys").querySelectorAll("input:checked")].map((box) => box.dataset.key);
  const usual = keys.length === defaultKeys.length && keys.every((key) => defaultKeys.includes(key));
  if (keys.length) change({ keys: usual ? null : keys, page: 1 });
  else drawControls(); // a table needs a column: the last one stays
}
function pickSources() {
  const from = [...$("sources").querySelectorAll("input:checked")].map((box) => box.dataset.source);
  change({ from: from.length && from.length < sources.length ? from : null, page: 1 });
}

function reset() {
  const { view, compare, sort, up, plot } = state;
  change({ ...PLAIN, view, compare, ...(sort !== searched(state.q).column && { sort, up }), plot });
  $("q").focus();
}

function drawControls() {
  for (const name of ["q", "min", "max", "license"]) if ($(name).value !== state[name]) $(name).value = state[name];
  for (const name of ["complete", "average"]) $(name).checked = state[name];
  const shown = [...(averagedNow().length > 1 ? [["average", `Average of ${averagedNow().length}`]] : []),
    ...columns().map(({ key, name }) => [key, name])];
  put($("column"), shown.map(([value, text]) => el("option", { value, selected: value === state.sort }, cut(text, 40))));
  $("verified").checked = state.from?.join() === sources[0].id;
  const keys = state.keys ?? defaultKeys, from = state.from ?? sources.map(({ id }) => id);
  for (const box of $("keys").querySelectorAll("input")) box.checked = keys.includes(box.dataset.key);
  for (const box of $("sources").querySelectorAll("input")) box.checked = from.includes(box.dataset.source);
  $("keysummary").textContent = `Benchmarks: ${keys.length} of ${benchmarks.length}`;
  $("sourcesummary").textContent = state.from ? `Sources: ${from.length} of ${sources.length}` : "All sources";
  const { min, max, license, complete } = state;
  const active = [min + max, license, state.keys, state.from, complete, state.average].filter(Boolean).length;
  $("more").textContent = active ? `Filters (${active})` : "Filters";
  $("reset").disabled = !active && !state.q;
}

function drawTabs() {
  put($("tabs"), [...VIEWS].map(([view, title]) => {
    const count = view === "compare" && state.compare.length ? ` (${state.compare.length})` : "";
    const attributes = { "data-view": view, "aria-current": view === state.view ? "page" : null };
    return stateLink(address({ ...state, view, model: "" }), { view, model: "" }, attributes, title + count);
  }));
  const tab = $("tabs").querySelector("[aria-current]").getBoundingClientRect();
  const around = $("tabs").getBoundingClientRect();
  // Not scrollIntoView(), from which on some browsers the Tab key goes on: it would pass over "Skip to the content".
  if (tab.left < around.left || tab.right > around.right) $("tabs").scrollLeft += tab.left - around.left;
}

const DRAW = { table: drawTable, compare: drawCompare, size: drawSize, coverage: drawCoverage, about: drawAbout };
const DEPENDS = {
  table: TABLE, compare: ["view", "compare", "from"], size: [...TABLE, "plot"], coverage: ["view"], about: ["view"],
};

/** Draw what the change of the state touches and nothing else, so that the focus stays where it is. */
function show(next, first = false) {
  const before = state;
  state = next;
  const differs = (name) => JSON.stringify(before[name]) !== JSON.stringify(state[name]);
  const changed = (names) => first || names.some(differs);
  chooseSources();
  if (changed(["view", "compare"])) {
    const tab = document.activeElement?.dataset.view;
    drawTabs();
    if (tab) $("tabs").querySelector(`[data-view="${tab}"]`).focus();
    for (const view of VIEWS.keys()) $(`view-${view}`).hidden = view !== state.view;
    $("tools").hidden = !["table", "size"].includes(state.view);
    for (const part of document.querySelectorAll(".tableonly")) part.hidden = state.view !== "table";
    markChosen();
  }
  if (changed(TABLE)) drawControls();
  if (changed(DEPENDS[state.view])) DRAW[state.view]();
  if (changed(["model"])) drawModel();
}

function listen() {
  const on = (id, name, action) => $(id).addEventListener(name, action);
  on("tools", "submit", (event) => event.preventDefault());
  for (const id of ["min", "max", "license"]) on(id, "input", () => change({ [id]: $(id).value, page: 1, row: "" }));
  on("q", "input", () => {
    const q = $("q").value, before = usualSort(state.q), sort = usualSort(q);
    change({ q, page: 1, row: "", ...(sort !== before && { sort, up: null }) });
  });
  on("complete", "change", () => change({ complete: $("complete").checked, page: 1 }));
  on("average", "change", () => change({ average: $("average").checked, sort: "average", up: null, page: 1 }));
  on("column", "change", () => change({ sort: $("column").value, up: null, page: 1 }));
  on("verified", "change", () => change({ from: $("verified").checked ? [sources[0].id] : null, page: 1 }));
  on("reset", "click", reset);
  on("more", "click", () => $("more").setAttribute("aria-expanded", $("filters").classList.toggle("open")));
  on("skip", "click", (event) => {
    event.preventDefault();
    $("main").focus();
  });
  on("model", "close", () => { if (state.model) change({ model: "" }, true); });
  on("model", "click", (event) => { if (event.target === $("model")) $("model").close(); });
  for (const menu of document.querySelectorAll(".menu")) {
    document.addEventListener("click", (event) => { if (!menu.contains(event.target)) menu.open = false; });
    menu.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      menu.open = false;
      menu.querySelector("summary").focus();
    });
  }
  for (const name of ["hashchange", "popstate"]) addEventListener(name, () => show(settled(readState())));
  narrow.addEventListener("change", () => { if (state.view === "table") drawTable(); });
  let width = innerWidth;
  addEventListener("resize", () => {
    if (width !== innerWidth && ["compare", "size"].includes(state.view)) DRAW[state.view]();
    width = innerWidth;
  });
}

/** Light and dark: the system's choice until a person makes another; a browser may refuse to keep it. */
function listenTheme() {
  const system = matchMedia("(prefers-color-scheme: dark)"), root = document.documentElement;
  const current = () => root.dataset.theme ?? (system.matches ? "dark" : "light");
  const draw = () => {
    const [sign, other] = current() === "dark" ? ["☀", "Light"] : ["☾", "Dark"];
    put($("theme"), sign, el("span", { class: "wide" }, ` ${other}`));
    $("theme").setAttribute("aria-label", `${other} theme`);
  };
  let kept = null;
  try { kept = localStorage.getItem("theme"); } catch { /* the system's choice it is */ }
  if (["light", "dark"].includes(kept)) root.dataset.theme = kept;
  $("theme").addEventListener("click", () => {
    root.dataset.theme = current() === "dark" ? "light" : "dark";
    try { localStorage.setItem("theme", root.dataset.theme); } catch { /* it holds for this visit */ }
    draw();
  });
  system.addEventListener("change", draw);
  draw();
}

$("summary").textContent = `${plural(countModels(models), "model")}, ${plural(benchmarks.length, "benchmark")}, `
  + `${plural(numbers, "number")}, each with its source. Collected ${data.collected}.`;
listenTheme();
drawChoices();
drawLegend();
listen();
chooseSources();
show(settled(readState()), true);
document.documentElement.dataset.ready = "1";
"""
# fmt: on
PAGE_SCRIPT = (
    SCRIPT_BASE
    + SCRIPT_DATA
    + SCRIPT_STATE
    + SCRIPT_ORDER
    + SCRIPT_SEARCH
    + SCRIPT_TABLE
    + SCRIPT_COMPARE
    + SCRIPT_SIZE
    + SCRIPT_NIGHTS
    + SCRIPT_VIEWS
    + SCRIPT_FILES
    + SCRIPT_CONTROLS
)


# --- parts/page/first_rows.py -----------------------------------------------------------------------------------------


def table_top(
    standings: Sequence[BoardPlace],
    scores: Mapping[tuple[str, str], BoardRow],
    ranks: Mapping[tuple[str, str], RankRange],
    benchmarks: Sequence[Mapping[str, Any]],
    primary: Sequence[str],
    lead: str,
    by: str,
    told: str,
) -> dict[str, str]:
    """Head and rows of the first FIRST_ROWS models, and the sentences above them (lead, by, told); text is escaped.

    scores, ranks: (benchmark, model) -> the shown row and its ranks; benchmarks: as the page has them.
    """
    averaged = len(primary) > 1
    order = sorted(benchmarks, key=lambda b: primary.index(b["key"]) if b["key"] in primary else len(primary))
    columns = order[:FIRST_COLUMNS]
    heads = [head("Rank", "", "rankhead"), head("Model", "", "model")]
    heads += [head("Average", f"of {len(primary)}, %", "n")] if averaged else []
    heads += [head(b["name"], f"{b['unit']}{', lower is better' if b['lower'] else ''}", "n") for b in columns]
    lines = []
    for one in standings[:FIRST_ROWS]:
        cells = [f'<td class="n rankcell">{place(one, len(primary))}</td>', model_cell(one.model, scores, columns)]
        cells += [average_cell(one)] if averaged else []
        cells += [number_cell(scores.get((b["key"], one.model)), ranks.get((b["key"], one.model))) for b in columns]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    return {
        "lead": f'{html.escape(lead)}<span class="by">{html.escape(by)}</span>',
        "collected": html.escape(told),
        "head": f"<tr>{''.join(heads)}</tr>",
        "rows": "\n".join(lines),
    }


def head(name: str, unit: str, kind: str) -> str:
    below = f'<span class="unit">{html.escape(unit)}</span>' if unit else ""
    return f'<th scope="col" class="{kind}"><span class="name">{html.escape(name)}</span>{below}</th>'


def place(one: BoardPlace, count: int) -> str:
    """A model's ranks, or how many of the benchmarks it has."""
    return f"{one.have} of {count}" if one.mean is None else str(one.rank)


def model_cell(model: str, scores: Mapping[tuple[str, str], BoardRow], columns: Sequence[Mapping[str, Any]]) -> str:
    """The model's name, a link where it is on the Hub."""
    shown = [row for b in columns if (row := scores.get((b["key"], model)))]
    on_hub = any(row["source_type"] not in ("own_run", "reported") for row in shown)
    owner, _, name = model.rpartition("/")
    text = f'<span class="clamp">{html.escape(name)}</span>'
    link = f'<a class="name" rel="noreferrer" href="{html.escape(f"{HUB_URL}/{model}")}">{text}</a>' if on_hub else text
    return f'<th scope="row" class="model">{link}<span class="sub name clamp">{html.escape(owner)}</span></th>'


def average_cell(one: BoardPlace) -> str:
    if one.mean is None:
        return '<td class="n missing">—</td>'
    spread = "" if one.error is None else f'<span class="rank">± {one.error:.1f}</span>'
    return f'<td class="n"><strong>{one.mean:.1f}</strong>{spread}</td>'


def number_cell(row: BoardRow | None, rank: RankRange | None) -> str:
    if row is None:
        return '<td class="n missing">—</td>'
    below = f'<span class="rank">{rank}</span>' if rank and rank.low is not None else ""
    value = display_score(row["comparable"], row["canonical_unit"])
    return f'<td class="n score"><span class="value">{value}</span>{below}</td>'


# --- parts/page/packed.py ---------------------------------------------------------------------------------------------

RECORD_FILE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json")


class Strings:
    """Texts that occur often, each once: a text becomes its index, None stays None."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def __call__(self, text: str | None) -> int | None:
        return None if text is None else self.index.setdefault(text, len(self.index))


def web_address(address: str | None, model: str) -> str | None:
    """An address that the page may link to, "~" for the model's own page on the Hub; None unless http or https."""
    if address is None or not address.lower().startswith(("https://", "http://")):
        return None
    own = f"{HUB_URL}/{model}"
    return "~" + address.removeprefix(own) if address == own or address.startswith(f"{own}/") else address


def page_benchmark(
    row: Mapping[str, Any], category: str | None, answers: Mapping[str, str], unlike: str = ""
) -> dict[str, Any]:
    """A benchmark as the page shows it: the factor for people, whether it is a share, which may be averaged, and in
    what its scores were not measured alike."""
    factor = TO_PERCENT.get(row["canonical_unit"])
    return {
        "key": row["benchmark"],
        "name": row["benchmark_name"] or row["benchmark"],
        "unit": row["canonical_unit"] or "" if factor is None else "%",
        "scale": factor or 1,
        "lower": bool(row["lower_is_better"]),
        "share": factor is not None,
        "category": category,
        "answers": answers.get(row["benchmark"], row["benchmark"]),
        "unlike": unlike,
    }


def place_parts(text: str | None, model: str, strings: Strings) -> tuple[int | None, str | None]:
    """An address, or a note that begins with a record's path, as what others share and its last part.

    In the first the model's own name is a space. Of a hundred thousand records the last part is all that differs.
    """
    if text is None or text.startswith("~") or "/" not in text or " " in text.partition("; ")[0]:
        return strings(text), None
    path, _, more = text.partition("; ")
    folder, _, name = path.rpartition("/")
    if RECORD_FILE.fullmatch(name):  # 32 digits of 4 bits as 22 letters of 6: they are most of a large page
        name = " " + base64.b64encode(bytes.fromhex(name[:36].replace("-", ""))).decode()[:22]
    return strings(f"{folder}/".replace(model, " ")), f"{name}; {more}" if more else name


def page_score(row: Mapping[str, Any], rank: RankRange | None, text: Strings) -> dict[str, Any]:
    """A number: value, source, ranks, its error and how that is known, how and by whom it was made."""
    error, basis = row_error(row)
    url, file = place_parts(web_address(row["source_url"], row["model"]), row["model"], text)
    notes, record = place_parts(row["notes"], row["model"], text)
    return {
        "value": row["comparable"],
        "source": list(SOURCE_TYPES).index(row["source_type"]),
        "low": rank and rank.low,
        "high": rank and rank.high,
        "official": row["official_rank"],
        "why": text(row["official_why"]),
        "basis": text(basis),
        "error": None if error is None else float(f"{error:.4g}"),
        "n": row["n"],
        "shots": text(row["shots"]),
        "metric": text(row["metric"]),
        "url": url,
        "file": file,
        "contributor": text(row["contributor"]),
        "revision": text(row["revision"] and row["revision"][:12]),
        "date": text(row["date"]),
        "form": text(row["source_format"]),
        "origin": text(row["source_name"]),
        "written": written_otherwise(row),
        "notes": notes,
        "record": record,
        "request": row["pull_request"],
    }


def written_otherwise(row: Mapping[str, Any]) -> float | None:
    """The value as its source has it, unless that is what the page shows: 98.5 beside 98.5 % says nothing."""
    shown = row["comparable"] * TO_PERCENT.get(row["canonical_unit"], 1.0)
    return (
        None
        if any(abs(row["value"] - value) <= 1e-9 * abs(value) for value in (shown, row["comparable"]))
        else row["value"]
    )


def as_columns(rows: Iterable[Mapping[str, Any]], places: Sequence[tuple[int, int]]) -> dict[str, list[Any]]:
    """Properties that some row has as columns; m and b: the places of a number's model and benchmark."""
    table = list(rows)
    columns: dict[str, list[Any]] = {"m": [m for m, _ in places], "b": [b for _, b in places]}
    for name in table[0] if table else ():
        column = [row[name] for row in table]
        if any(value is not None for value in column):
            columns[name] = column
    return columns


def page_model(row: Mapping[str, Any], text: Strings) -> list[Any]:
    """A model as a short list: id, parameters, license, downloads."""
    return [row["model"], row["parameters"], text(row["license"]), row["downloads"]]


def page_apart(row: Mapping[str, Any], place: int, text: Strings) -> list[Any]:
    """A number that was kept apart: model, benchmark, as written with its unit, source, why."""
    written = f"{row['value']} {row['unit'] or ''}".strip()
    name = row["benchmark_name"] or row["source_task"]
    url = text(web_address(row["source_url"], row["model"]))
    return [place, text(name), written, list(SOURCE_TYPES).index(row["source_type"]), text(row["why_not"]), url]


def page_sources() -> list[dict[str, Any]]:
    """The kinds of sources in the written order: what they are called, what marks them, what they mean."""
    return [
        {
            "id": kind,
            "label": label,
            "short": SOURCE_MARKS.get(kind, ""),
            "text": SOURCE_TEXTS[kind],
            "onHub": kind not in ("own_run", "reported"),
        }
        for kind, label in SOURCE_TYPES.items()
    ]


def page_ranks(shown: Iterable[dict[str, Any]]) -> dict[tuple[str, str], RankRange]:
    """(benchmark, model) -> rank range, among all shown numbers of the benchmark."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in shown:
        found.setdefault(row["benchmark"], []).append(row)
    return {(key, model): rank for key, rows in found.items() for model, rank in rank_ranges(rows).items()}


def page_html(data: Mapping[str, Any], first: Mapping[str, str] | None = None) -> str:
    """The whole page as one HTML text: style, script and data inside, and a policy that forbids everything else.

    The data is JSON, gzipped, in Base64, so nothing in it is markup; `first`: what is seen before it is unpacked, and
    without JavaScript (lead, head, rows: HTML that is safe).
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    packed = gzip.compress(text.encode("utf-8", "replace"), 6, mtime=0)  # half of a surrogate pair is no text
    policy = (
        f"default-src 'none'; style-src '{sha256_source(PAGE_STYLE)}'; script-src '{sha256_source(PAGE_SCRIPT)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    parts = {"policy": policy, "title": PAGE_TITLE, "style": PAGE_STYLE, "script": PAGE_SCRIPT}
    parts |= {"data": base64.b64encode(packed).decode(), "lead": "", "collected": "", "head": "", "rows": ""} | dict(
        first or {}
    )
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], PAGE_HTML)


def sha256_source(text: str) -> str:
    """The source expression of a Content-Security-Policy for an inline element with this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


# --- parts/page/served.py ---------------------------------------------------------------------------------------------

RANK_METHOD = (
    "Two-sided z-tests between all models of a benchmark (of shares as angles, Anscombe 1948, with a correction for "
    "continuity), Holm-corrected at a familywise level of 5 % (Holm 1979); a "
    "model's range leaves out the ranks above the models that are significantly worse and below those that are "
    "significantly better: simultaneous confidence sets for ranks (Mogstad, Romano, Shaikh and Wilhelm 2024). Scores "
    "are taken as independent: item by item, models that share a range may differ (compare_results.py --rule choose)"
)


# Behind the date, wherever the page tells it: where numbers and their sources are not the word of who made the page.
BY_OTHERS = " by others: what the numbers are and where they are from is their word"


def read_page(folder: Path, primary: str | None = None, adopt: bool = False) -> str:
    """The page of the data in a folder; ScriptError with the command that collects data when it cannot be made.

    primary: benchmarks of the overall order, with commas between; adopt: take what others collected for the own.
    """
    words = command_line_of(["collect", "--trending", "100", "--output-dir", folder])
    again = f"collect it: {run_line('leaderboard.py')} {words}"
    for name in PAGE_FILES:
        if not (folder / name).is_file():
            raise ScriptError(f"{folder / name}: no such file; {again}")
    try:
        engine, metadata = open_data(folder, adopt)
        named = [covered_key(name, metadata, "--primary") for name in filter(None, (primary or "").split(","))]
        with engine:
            return page_html(*page_data(engine, metadata, named))
    except ScriptError as error:
        if primary:
            raise
        raise ScriptError(f"{str(error).removesuffix('; collect again')}; {again}") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ScriptError(f"{folder}: not the data of a leaderboard ({single_line(error)}); {again}") from error


def page_data(engine: Any, metadata: Mapping[str, Any], named: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the page draws: models, benchmarks, every number in the order of sources, what was kept apart or unread.

    With it the HTML of the first rows. named: the benchmarks of the overall order, when somebody has named them.
    """
    here = metadata.get("collected_here", True)
    models = sorted(query(engine, PAGE_MODELS), key=lambda row: natural_key(row["model"]))
    if not models:
        raise ValueError("it has no rows")
    categories = {entry["key"]: entry.get("category") for entry in metadata["benchmarks"]}
    found = query(engine, PAGE_BENCHMARKS)
    scores = query(engine, PAGE_SCORES, [list(SOURCE_TYPES), list(SOURCE_FORMATS)])
    answers = answered_by_key(scores)
    unlike = unlike_ways(row for row in scores if row["shown"])
    benchmarks = [
        page_benchmark(row, categories.get(row["benchmark"]), answers, unlike.get(row["benchmark"], ""))
        for row in found
    ]
    # Where like stands beside like, it packs best; numbers of one model and benchmark stay in the order of sources.
    scores.sort(key=lambda row: (row["benchmark"], not row["shown"], row["comparable"] if row["shown"] else 0.0))
    shown = {(row["benchmark"], row["model"]): row for row in scores if row["shown"]}
    primary = chosen_primary(named, metadata, shown.values())
    place = {row["model"]: index for index, row in enumerate(models)}
    column = {row["benchmark"]: index for index, row in enumerate(found)}
    told_of = [{"key": row["benchmark"], "lower_is_better": row["lower_is_better"]} for row in found]
    about = [one | {"name": benchmark["name"]} for one, benchmark in zip(told_of, benchmarks, strict=True)]
    many = count_models(row["model"] for row in models)
    order = board_order(list(shown.values()), primary, about, many)
    standings, ranks, text = order.standings, page_ranks(shown.values()), Strings()
    places = {one.model: one.rank for one in standings if one.mean is not None}
    said, by = order.text, f" By {order.what}."
    lead = said.removesuffix(by)
    shared = shared_answers_text(shown.values(), primary) if len(primary) > 1 else ""
    rows = (page_score(row, ranks[row["benchmark"], row["model"]] if row["shown"] else None, text) for row in scores)
    data = {
        "hub": HUB_URL,
        "collected": f"{metadata['collected'][:16].replace('T', ' ')} UTC{'' if here else BY_OTHERS}",
        "claimed": not here,
        "read": metadata["models_read"],
        "ranking": RANK_METHOD,
        "sources": page_sources(),
        "benchmarks": benchmarks,
        "primary": [column[key] for key in primary],
        "places": {name: [getattr(places.get(row["model"]), name, None) for row in models] for name in ("low", "high")},
        "models": [page_model(row, text) for row in models],
        "scores": as_columns(rows, [(place[row["model"]], column[row["benchmark"]]) for row in scores]),
        "apart": [page_apart(row, place[row["model"]], text) for row in query(engine, PAGE_APART)],
        "unread": [[f"{e['model']}: {e['where']}".removeprefix(": "), e["reason"]] for e in metadata["unreadable"]],
        "strings": list(text.index),
    }
    told = f"{many:,} models, {len(benchmarks)} benchmarks. Collected {data['collected']}."
    return data, table_top(
        standings, shown, ranks, benchmarks, primary, lead, (by if lead != said else "") + shared, told
    )


def page_state(folder: Path) -> list[tuple[int, int] | None]:
    """What tells that the data changed: time and size of its files, None for one that is gone."""
    state: list[tuple[int, int] | None] = []
    for name in PAGE_FILES:
        try:
            found = (folder / name).stat()
        except OSError:
            state.append(None)
        else:
            state.append((found.st_mtime_ns, found.st_size))
    return state


@dataclass(frozen=True, slots=True)
class PackedPage:
    """A page as it is sent: plain, gzipped, and the tag by which a browser knows it again."""

    plain: bytes
    gzipped: bytes
    tag: str

    def answer(self, accepted: str, known: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers for a request with this Accept-Encoding and If-None-Match."""
        headers = {"etag": self.tag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if self.tag in known:
            return 304, b"", headers
        headers |= {"content-type": "text/html; charset=utf-8", "x-content-type-options": "nosniff"}
        if "gzip" in accepted:
            return 200, self.gzipped, headers | {"content-encoding": "gzip"}
        return 200, self.plain, headers


def pack_page(html: str) -> PackedPage:
    """A page, ready to be sent."""
    plain = html.encode()
    return PackedPage(plain, gzip.compress(plain, 6, mtime=0), f'"{hashlib.sha256(plain).hexdigest()[:32]}"')


class ServedPage:
    """The page of a folder, made again when the data changed; the last good one stays if that fails."""

    def __init__(self, folder: Path, primary: str | None = None, adopt: bool = False) -> None:
        self.asked = folder, primary, adopt
        self.lock = threading.Lock()
        self.state = page_state(folder)  # before the page: a change in between is seen later
        self.packed = pack_page(read_page(*self.asked))

    def current(self) -> PackedPage:
        """The page of the data as it is now."""
        with self.lock:
            state = page_state(self.asked[0])
            if state != self.state:
                self.state = state
                try:
                    self.packed = pack_page(read_page(*self.asked))
                    note(f"{self.asked[0]}: changed, read again")
                except ScriptError as error:
                    note(f"warning: {error}; the page shows the data read before")
            return self.packed


def check_port(host: str, port: int) -> None:
    """ScriptError with the next command when nothing can listen there."""
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        other = port + 1 if 1024 <= port < 65535 else 7861
        command = f"{run_line('leaderboard.py')} serve --port {other}"
        raise ScriptError(f"{host}:{port}: {reason}; another port: {command}") from error


def asked_host(scope: dict[str, Any]) -> str:
    """The host that a request names, without its port."""
    named = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return named.rpartition("]")[0].lstrip("[") if named.startswith("[") else named.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, whatever the network says."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host.lower() == "localhost"


class PageAlone:
    """Only the page is served: of Gradio's own addresses the one by which it starts, and nothing is taken in.

    On this machine alone it is served under the names of this machine: a page of elsewhere, whose name leads here a
    moment later, is told nothing.
    """

    def __init__(self, app: Any, host: str) -> None:
        self.app, self.here = app, is_loopback(host)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        from starlette.responses import PlainTextResponse

        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif self.here and not is_loopback(asked_host(scope)):
            await PlainTextResponse("this page is served on this machine, as localhost\n", 421)(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            answer = PlainTextResponse(
                "this page takes nothing in\n", 405, {"allow": "GET, HEAD", "connection": "close"}
            )
            await answer(scope, receive, send)
        elif scope["path"] not in PAGE_ADDRESSES:
            await PlainTextResponse("there is one page, at /\n", 404)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def launch(page: ServedPage, host: str, port: int) -> None:
    """Serve the page with Gradio and return when it listens; ScriptError when it cannot."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    import gradio
    from starlette.requests import Request
    from starlette.responses import Response

    server = gradio.Server(title=PAGE_TITLE, docs_url=None, redoc_url=None, openapi_url=None)

    def root(request: Request) -> Response:
        asked = request.headers
        packed = page.current()
        status, body, headers = packed.answer(asked.get("accept-encoding", ""), asked.get("if-none-match", ""))
        return Response(body, status, headers)

    server.add_route("/", root)
    server.add_middleware(PageAlone, host=host)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            server.launch(
                server_name=host,
                server_port=port,
                share=False,
                quiet=True,
                prevent_thread_lock=True,
                ssr_mode=False,
                enable_monitoring=False,
            )
    except OSError as error:
        raise ScriptError(f"{host}:{port}: {error}") from error


def serve(args: argparse.Namespace) -> int:
    """Serve the page until it is interrupted; a change of the data shows at the next load of the page."""
    host = SPACE_HOST if os.environ.get("SPACE_ID") else args.host
    page = ServedPage(args.data, args.primary, args.adopt)
    check_port(host, args.port)
    launch(page, host, args.port)
    note(f"serving {args.data} on http://{host}:{args.port} (Ctrl-C ends it)")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    return 0


def export(args: argparse.Namespace) -> int:
    """Write the page as one HTML file; its path goes to stdout."""
    path = Path(args.output_dir) / "index.html"
    html = read_page(args.data, args.primary, args.adopt)
    refuse_others(path, html)
    write_whole(path, html)
    note(f"{path}: {len(html.encode()) / 1024:,.0f} KiB, opens without a server")
    print(path)
    return 0


# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
