#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "jsonschema>=4.23,<5",
#     "lxml>=6,<7",
#     "orjson>=3.10,<4",
#     "pyromark>=0.10,<0.11",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "tenacity>=9,<10",
# ]
# ///
"""Evaluation results of models on the Hub: read them from a card's tables, and publish them so that they count.

inspect-tables and extract-readme find this model in the evaluation tables of a card and return its scores, and no
others: what a table itself proves is read, everything else is asked, and --selection FILE answers it. extract-readme,
import-aa (the Artificial Analysis API), add (evaluation records) and batch (many models) plan what that adds to the
card's model-index and to .eval_results/*.yaml. The plan is printed; --output FILE.json saves it, --create-pr opens a
pull request, --apply writes. Nothing that is there is lost, and nothing is added twice. check compares what a card
claims with evaluation records.

examples:
  uv run scripts/evaluation_manager.py inspect-tables --repo-id acme/Lumen-7B-Instruct \\
      --card examples/cards/lumen-7b.md
  uv run scripts/evaluation_manager.py extract-readme --repo-id acme/Lumen-7B-Instruct \\
      --card examples/cards/lumen-7b.md --all-tables --json
  uv run scripts/evaluation_manager.py extract-readme --repo-id acme/Lumen-7B-Instruct --table 2 \\
      --model-name-override "Lumen 7B (ours)"
  uv run scripts/evaluation_manager.py inspect-tables --repo-id acme/Lumen-7B-Instruct --draft --output selection.yaml
  uv run scripts/evaluation_manager.py extract-readme --repo-id acme/Lumen-7B-Instruct --selection selection.yaml \\
      --output plan.json
  uv run scripts/evaluation_manager.py apply plan.json --create-pr
  uv run scripts/evaluation_manager.py import-aa --list --creator-slug acme
  uv run scripts/evaluation_manager.py import-aa --creator-slug acme --model-name lumen-7b --repo-id acme/Lumen-7B
  uv run scripts/evaluation_manager.py add --repo-id me/tiny-llama --results examples/tiny_run/results \\
      --model-id tiny_run/step_700 --create-pr --dry-run
  uv run scripts/evaluation_manager.py show --repo-id acme/Lumen-7B-Instruct --revision refs/pr/1
  uv run scripts/evaluation_manager.py validate --card examples/cards/lumen-7b.md
  uv run scripts/evaluation_manager.py check --repo-id acme/Lumen-7B --results results --report CHECK.md
  uv run scripts/evaluation_manager.py get-prs --repo-id acme/Lumen-7B-Instruct
  uv run scripts/evaluation_manager.py benchmarks --results examples/tiny_run/results
  uv run scripts/evaluation_manager.py contribute --results examples/tiny_run/results \\
      --model-id tiny_run/step_700 --repo-id me/tiny-llama
  uv run scripts/evaluation_manager.py batch --trending 100 --output-dir batch --create-pr --max-prs 5

Exit codes: 0 done, or nothing to do; 1 the answer is no: no evaluation table, this model is in none, no such model in
the API, validation found errors, a model of the batch failed, a claim does not fit; 2 it could not be done: usage,
unreadable card, no access, malformed metadata, the network (stdout is empty); 3 undecided: several tables or
candidates, another value is there, a scale that does not fit, an open pull request: all listed with the next command.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MAX_COMMAND = 8_000  # characters of a command that is printed


def check_publish_usage(args: argparse.Namespace) -> None:
    if args.repo_id and not REPO_ID.fullmatch(args.repo_id):
        raise ScriptError(f"--repo-id must be OWNER/NAME, not {args.repo_id!r}")
    if args.card and (args.create_pr or args.update_pr):
        raise ScriptError("--card FILE is a local card: a pull request is made from the Hub's own; leave --card out")
    if args.apply and (args.create_pr or args.update_pr):
        raise ScriptError("--apply writes to the main branch, --create-pr and --update-pr do not: choose one")
    refuse_same_file(getattr(args, "output", None), args.card)
    if args.commit_message and without_secrets(args.commit_message) != args.commit_message:
        raise ScriptError("--commit-message holds something like a token")
    if args.update_pr:
        args.create_pr = False


def read_scales(texts: Sequence[str] | None) -> dict[str, str]:
    """--scale [KEY=]percent|proportion|as-is -> {key or "": answer}"""
    scales = {}
    for text in texts or []:
        key, _, answer = text.rpartition("=")
        if answer not in ("percent", "proportion", "as-is"):
            raise ScriptError(f"--scale {text}: [KEY=]percent, proportion or as-is is expected")
        scales[key] = answer
    return scales


def finish(args: argparse.Namespace, plan: Plan, questions: Sequence[str] = ()) -> int:
    """Compare a plan with what is there, do what was asked for, and print it; 3 while something is undecided."""
    check_publish_usage(args)
    plan.created = plan.created or datetime.now(UTC).isoformat(timespec="seconds")
    plan.target, plan.scales = target_of(args), {**plan.scales, **read_scales(args.scale)}
    check_scales_named(plan)
    hub, state = read_target(args, plan)
    asked = [*questions, *plan.questions, *metric_questions(plan), *ask_leaderboards(plan, hub, plan.scales)]
    outcome: dict[str, Any] = {"commit": None, "url": None, "pull_request": None, "dry_run": not acts(args)}
    change, code, said = Change(), 0, ""
    try:
        plan = still_said(plan, state)
        change = merge(plan, state)
        change.questions = asked
        tell_otherwise(plan, state, change)
        refuse_open_ends(change)
        refuse_invalid(plan, state, change)
        outcome = carry_out(plan, args, hub, state, change, still_said)
    except ScriptError as error:
        if error.code == 2:
            raise
        code, said = error.code, str(error)
    plan.parent, plan.card = state.sha, body_id(state.card or b"")
    print_plan(args, plan, change, outcome, undecided=bool(said))
    if said:
        note(said)
    elif not change.files:
        placed = plan.model_index or plan.eval_results
        note(f"{plan.repo_id} has all of it already; nothing to write" if placed else "nothing of it is to be written")
    elif not acts(args):
        note(f"dry run: nothing was written; {next_step(plan)}")
    return code


def target_of(args: argparse.Namespace) -> str:
    """Where it goes, as a plan keeps it."""
    if args.card:
        return f"card:{args.card}"
    return f"pr/{args.update_pr}" if args.update_pr else "new-pr" if args.create_pr else "main" if args.apply else ""


def next_step(plan: Plan) -> str:
    """What writes the plan where it is to go."""
    if plan.target.startswith("card:"):
        return f"--apply writes to {plan.target.removeprefix('card:')}"
    if plan.target.startswith("pr/"):
        return f"without --dry-run it goes to pull request #{plan.target.removeprefix('pr/')}"
    return "without --dry-run it is written" if plan.target else "--create-pr opens a pull request, --apply writes"


def hub_of(args: argparse.Namespace) -> Hub:
    """The Hub, as the one who runs this; made once."""
    if getattr(args, "hub", None) is None:
        args.hub = Hub(find_token(args.token_file) if acts(args) else hub_token())
    return args.hub


def find_places(args: argparse.Namespace, entries: Sequence[Entry], mapping: Mapping[str, Any]) -> Placing | None:
    """What finds results their places on the Hub's official Benchmarks; None when only model-index is wanted."""
    if args.format == "model-index":
        return None
    official = shipped_or_kept() if args.card else hub_of(args).official()
    about = {dict(entry.dataset).get("type", "") for entry in entries}
    if official.basis == "cache" and any("/" in name and official.get(name) is None for name in about):
        official = hub_of(args).official(refresh=True)  # a Benchmark may be new
    if official.basis in ("stale", "snapshot"):
        note(f"official Benchmarks: {official.about}")
    own = frozenset(normalize_name(name) for name in args.own_harness or ())
    return Placing(official, mapping, official_answers(args.counts_as), own)


def read_target(args: argparse.Namespace, plan: Plan) -> tuple[Hub | None, RepoState]:
    """What is to be written to, as it is now: the card on disk, else the repo's main branch or pull request."""
    if args.card:
        return None, read_clone(args.card)
    hub = hub_of(args)
    revision = f"refs/pr/{args.update_pr}" if args.update_pr else getattr(args, "revision", None)
    if revision and acts(args) and not args.update_pr:
        raise ScriptError(f"--revision {revision} is only read; write to a pull request with --update-pr N")
    with card_errors(f"{plan.repo_id}{f' at {revision}' if revision else ''}", WITH_CARD):
        item = hub.open_pull_request(plan.repo_id, args.update_pr) if args.update_pr else None
        state = hub.state(plan.repo_id, revision)
        if state.moved_to:
            note(f"{plan.repo_id} is called {state.moved_to} now")
            plan.repo_id = state.moved_to
        if item is not None:
            held = added_results(state, hub.state(plan.repo_id), measures_of(plan))
            names = listing(dict.fromkeys(standing.name for standing in held)) or "no evaluation results"
            note(f"pull request #{item.num} ({single_line(item.title)!r} by {item.author}) has {names}")
    return hub, state


def refuse_invalid(plan: Plan, state: RepoState, change: Change) -> None:
    """ScriptError (1) when validate would find errors in what is to be written that are not there now."""
    placed = {row["dataset"]["id"] for rows in plan.eval_results.values() for row in rows}
    findings = new_findings(state, change, read_mapping(), placed)
    for finding in findings[:5]:
        note(f"{finding.severity}: {finding.path}: {finding.message}")
    if any(finding.severity == "error" for finding in findings):
        raise ScriptError("what would be written does not validate (above), so nothing was written", code=1)


def ask_leaderboards(plan: Plan, hub: Hub | None, scales: Mapping[str, str]) -> list[str]:
    """Fit the plan to the Hub's Benchmarks; offline nothing can be asked, and a note says so."""
    names = {row["dataset"]["id"] for rows in plan.eval_results.values() for row in rows}
    boards = {}
    if hub is None and names:
        note("offline: task ids and scales in .eval_results were not compared with the Hub's leaderboards")
    elif hub is not None:
        for name in sorted(names):
            with card_errors(f"the leaderboard of {name}"):
                boards[name] = hub.leaderboard(name)
    return settle(plan, boards, scales)


def print_plan(
    args: argparse.Namespace, plan: Plan, change: Change, outcome: Mapping[str, Any], undecided: bool
) -> None:
    saves = getattr(args, "output", None) and (change.files or undecided)
    answer = {"schema_version": PLAN_SCHEMA, **change_json(plan, change), **outcome} if saves or args.json else {}
    answer |= {"plan": saved_plan(plan)} if answer else {}
    if saves:
        clean_leftovers(args.output.parent)
        write_output(args.output, to_json(answer), args.force)
        way = "" if undecided or not outcome["dry_run"] else f"; apply it: {again_apply(args.output, plan)}"
        note(f"the plan is in {args.output}{way}")
    if args.json:
        sys.stdout.write(to_json(answer))
    elif not getattr(args, "output", None):
        written = change.files and not undecided and not outcome["dry_run"]
        if not (written and sys.stdout.isatty() and sys.stderr.isatty()):  # where it was shown before it was written
            sys.stdout.write("".join(f"{line}\n" for line in plan_lines(plan, change)))
        if link := outcome["pull_request"] or outcome["url"]:
            sys.stdout.write(f"{link}\n")
    sys.stdout.flush()  # so that what is said next comes behind it, also where both streams go to one place
    if link := outcome["pull_request"] or outcome["url"]:
        note(f"{'pull request' if outcome['pull_request'] else 'commit'}: {link}")


def run_import_aa(args: argparse.Namespace) -> int:
    models = read_aa(args.input_json) if args.input_json else fetch_aa(aa_key(), args.save_raw_json)
    if args.list:
        return list_aa(args, models)
    if not (args.creator_slug and args.model_name and args.repo_id):
        raise ScriptError("import-aa needs --creator-slug, --model-name and --repo-id; --list shows the names")
    mapping = read_mapping()
    model = find_aa_model(models, args.creator_slug, args.model_name)
    note(f"{AA_NAME}: {single_line(model['name'])} (slug {single_line(model['slug'])})")
    entries, left = aa_entries(model, mapping)
    if not entries:
        raise ScriptError(f"Artificial Analysis has no evaluation of {args.model_name}: {'; '.join(left)}", code=1)
    plan = make_plan(
        args.repo_id,
        entries,
        mapping,
        placing=find_places(args, entries, mapping),
        formats=args.format,
        task_type=args.task_type,
        source="Artificial Analysis",
        notes=left,
        replace=args.replace,
        beside=args.beside or (),
    )
    return finish(args, plan)


def list_aa(args: argparse.Namespace, models: list[dict[str, Any]]) -> int:
    table, answer = render_aa_list(models, args.creator_slug)
    if args.json:
        sys.stdout.write(to_json(answer))
    else:
        terminal_console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)
    return 0


def run_add(args: argparse.Namespace) -> int:
    mapping = asked_mapping(args)
    if not args.card:
        required_repo(args)
    if args.value:
        entries = reported_entries(args.value, args.source, build_vocabulary(mapping))
        notes, unclear = reported_notes(entries), []
    elif args.source:
        raise ScriptError("--source is where a --value stands; records say theirs")
    else:
        allowed, places = Allowed(args.allow_partial, args.allow_invalid, args.latest), list(map(Path, args.results))
        asked = (args.model_id, args.repo_id or "", args.benchmark or [])
        rows, notes, unclear = read_rows(places, *asked, mapping, allowed)
        args.repo_id = args.repo_id or rows[0].run.identity.id  # a local card is that of the one model of the records
        entries = record_entries(rows)
    plan = make_plan(
        required_repo(args),
        entries,
        mapping,
        placing=find_places(args, entries, mapping),
        formats=args.format,
        task_type=args.task_type,
        source="numbers published elsewhere" if args.value else "evaluation records",
        notes=[*notes, *unclear],
        replace=args.replace,
        beside=args.beside or (),
    )
    code = finish(args, plan)
    for text in unclear:
        note(text)
    return code or (3 if unclear else 0)


def run_apply(args: argparse.Namespace) -> int:
    if args.plan.suffix in (".yaml", ".yml", ".md"):
        raise ScriptError(f"{args.plan} is what a plan writes: give the plan itself, which --output FILE.json keeps")
    plan = plan_from_json(read_json(args.plan), str(args.plan))
    if args.repo_id and args.repo_id != plan.repo_id:
        raise ScriptError(f"{args.plan} is a plan for {plan.repo_id}, not for {args.repo_id}")
    plan.changed = not is_unchanged(plan)
    if not is_own(plan):
        refuse_unsaid(args, plan)
    with_true_sources(plan)
    plan.replace = plan.replace or args.replace
    plan.beside += [name for name in args.beside or [] if name not in plan.beside]
    if not (args.card or args.create_pr or args.update_pr or args.apply):
        kind, _, where = plan.target.partition("/" if plan.target.startswith("pr/") else ":")
        args.card = Path(where) if kind == "card" else None
        args.update_pr, args.create_pr = int(where) if kind == "pr" else None, kind == "new-pr"
    args.apply = not (args.create_pr or args.update_pr)
    mapping = asked_mapping(args)
    told = own_entries(mapping, (entry.key for entry in plan.entries))
    plan.notes += [text for text in told if text not in plan.notes]
    args.format = plan.formats
    args.counts_as = [*(f"{name}={answer}" for name, answer in plan.official.items()), *(args.counts_as or [])]
    args.own_harness = [*plan.own_harness, *(args.own_harness or [])]
    plan = render_plan(plan, mapping, find_places(args, plan.entries, mapping))
    return finish(args, plan, changed_results(args, plan) if plan.changed else ())


def changed_results(args: argparse.Namespace, plan: Plan) -> list[str]:
    """The question whether a plan's results are meant, which may be another's; none once that was said.

    ScriptError (3) where a record that is at hand says otherwise; the card is read again in any case.
    """
    lines, unread = contradicted_by_records(plan, [args.plan.absolute().parent, Path.cwd()])
    refuse_untrue(lines)
    plan.notes += [text for text in unread_note(unread) if text not in plan.notes]
    if args.adopt:
        return []
    command = command_line_of(["apply", "--adopt", *args.words()])
    return [
        f"{args.plan} was changed after it was made here, or made elsewhere; if its results are meant as they are shown: "
        f"{run_line('evaluation_manager.py')} {command}"
    ]


def refuse_unsaid(args: argparse.Namespace, plan: Plan) -> None:
    """ScriptError (3) with the command, where only a plan that may be another's says where it goes, or answers."""
    kind, _, where = plan.target.partition("/" if plan.target.startswith("pr/") else ":")
    unsaid: list[str | Path] = []
    if not (args.card or args.create_pr or args.update_pr or args.apply):
        ways = {"card": ["--card", Path(where)], "pr": ["--update-pr", where], "new-pr": ["--create-pr"]}
        unsaid += ways.get(kind, ["--apply"])
    if not (args.repo_id or args.card or "--card" in unsaid):
        unsaid += ["--repo-id", plan.repo_id]
    as_what = (("format", plan.formats, "both"), ("task_type", plan.task_type, "text-generation"))
    for name, value, usual in (*as_what, ("dataset_name", plan.dataset_name, None)):
        if value not in (usual, getattr(args, f"plan_{name}")):
            unsaid.append(f"--{name.replace('_', '-')}={value}")
    unsaid += ["--replace"] if plan.replace and not args.replace else []
    unsaid += [f"--beside={name}" for name in plan.beside if name not in (args.beside or ())]
    scales, official = read_scales(args.scale), official_answers(args.counts_as)
    unsaid += [f"--scale={key and key + '='}{value}" for key, value in plan.scales.items() if key not in scales]
    answers = {name: answer for name, answer in plan.official.items() if normalize_name(name) not in official}
    unsaid += [f"--counts-as={name}={answer}" for name, answer in answers.items()]
    own = set(map(normalize_name, args.own_harness or ()))
    unsaid += [f"--own-harness={name}" for name in plan.own_harness if normalize_name(name) not in own]
    if not unsaid:
        return
    wanted, command = command_line_of(unsaid), command_line_of(["apply", *unsaid, *args.words()])
    if len(command) > MAX_COMMAND:
        raise ScriptError(f"{args.plan} was not made by you here and has more answers than can be shown; make it anew")
    raise ScriptError(
        f"{args.plan} was not made by you on this machine, or was changed in where it goes or what was answered. It is a "
        f"plan for {plan.repo_id} and asks for {wanted}. If you want all of that (else take it out of the plan), say it: "
        f"{run_line('evaluation_manager.py')} {command}",
        code=3,
    )


def run_show(args: argparse.Namespace) -> int:
    state = read_clone(args.card) if args.card else fetch_state(required_repo(args), args.revision)
    front = read_metadata(decode_card(state.card or b"", state.name), state.name)
    files = {path: eval_rows(load_yaml(text, path)[0], path) for path, text in state.files.items()}
    if args.json:
        answer = {"repo_id": args.repo_id, "revision": state.sha, "model_index": front.values.get("model-index") or []}
        sys.stdout.write(to_json(json.loads(json.dumps({**answer, "eval_results": files}, default=str))))
    else:
        rows = [*shown_results(front.results), *shown_files(files)]
        print_table(("where", "benchmark", "metric", "value", "source"), rows)
    if not front.results and not files:
        note(f"{args.repo_id or args.card} has no evaluation results")
        return 1
    return 0


def shown_results(results: Sequence[Mapping[str, Any]]) -> Iterator[tuple[Any, ...]]:
    for result in results:
        dataset, source = result.get("dataset") or {}, result.get("source") or {}
        for metric in result.get("metrics") or []:
            name = metric.get("name") or metric.get("type")
            where = source.get("url") or source.get("name") or ""
            yield "model-index", dataset.get("name") or dataset.get("type"), name, metric.get("value"), where


def shown_files(files: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[tuple[Any, ...]]:
    for path, rows in files.items():
        for row in rows:
            source = row.get("source") if isinstance(row.get("source"), dict) else {}
            task = row["dataset"].get("task_id")
            yield path, row["dataset"].get("id"), row.get("notes") or task, row.get("value"), (source or {}).get("url")


def required_repo(args: argparse.Namespace) -> str:
    if not args.repo_id:
        raise ScriptError("say which model: --repo-id OWNER/NAME")
    if not REPO_ID.fullmatch(args.repo_id):
        raise ScriptError(f"--repo-id must be OWNER/NAME, not {args.repo_id!r}")
    return args.repo_id


def run_validate(args: argparse.Namespace) -> int:
    mapping = read_mapping()
    files: dict[str, bytes] = {}
    findings: list[Finding] = []
    try:
        if args.card:
            files = {str(args.card): input_bytes(args.card, MAX_CARD_FILE)}
        elif args.repo_id:
            state = fetch_state(required_repo(args), args.revision)
            files = {"README.md": state.card or b"", **{path: text.encode() for path, text in state.files.items()}}
            findings += hub_findings(state)
        files |= {str(path): input_bytes(path, MAX_CARD_FILE) for path in args.eval_results or []}
    except OSError as error:
        raise ScriptError(f"{error.filename}: {error.strerror or error}") from error
    if not files:
        raise ScriptError("say what to validate: --repo-id OWNER/NAME, --card FILE or --eval-results FILE")
    findings = check_files(files, mapping) + findings
    if args.json:
        sys.stdout.write(to_json({"files": list(files), "findings": [dataclasses.asdict(f) for f in findings]}))
    else:
        sys.stdout.write(render_findings(findings))
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def hub_findings(state: RepoState) -> list[Finding]:
    """What the Hub itself says: its check of the card's YAML, and whether the datasets are such Benchmarks."""
    from huggingface_hub import ModelCard

    findings = []
    hub = Hub(hub_token())
    with card_errors("the Hub's check of the card"):
        try:
            if state.card and FRONT_MATTER.match(state.card.decode("utf-8", "replace")):
                ModelCard(state.card.decode("utf-8", "replace"), ignore_metadata_errors=True).validate()
        except ValueError as error:
            findings.append(Finding("README.md", "error", f"the Hub says: {' '.join(str(error).split())[:300]}"))
    for path, text in state.files.items():
        try:
            rows = eval_rows(load_yaml(text, path)[0], path)
        except ScriptError:
            continue  # check_files says so
        for number, row in enumerate(rows):
            name, task = row["dataset"].get("id"), row["dataset"].get("task_id")
            if not isinstance(name, str) or not REPO_ID.fullmatch(name):
                continue
            with card_errors(f"the leaderboard of {name}"):
                board = hub.leaderboard(name)
            if board.reason:
                findings.append(Finding(f"{path}[{number}].dataset.id", "error", f"{name}: {board.reason}"))
            elif board.tasks and task not in board.tasks:
                message = f"{name} has no task {task!r}, but {', '.join(board.tasks) or 'none'}"
                findings.append(Finding(f"{path}[{number}].dataset.task_id", "error", message))
    return findings


def run_benchmarks(args: argparse.Namespace) -> int:
    """The official Benchmarks, and which of our results would count; 1 when none of the results does."""
    mapping, hub = read_mapping(), Hub(hub_token())
    official = hub.official(refresh=args.refresh)
    boards = read_boards(hub, official, args.workers) if official.basis in ("hub", "cache") else {}
    document = official_json(official, mapping, boards)
    if args.results:
        document["results"] = counting_results(list(map(Path, args.results)), Placing(official, mapping))
    if args.json:
        sys.stdout.write(to_json({"schema_version": OUTPUT_VERSION, **document}))
    elif args.results:
        print_table(
            ("model", "benchmark", "value", "counts on", "task", "why not"),
            ((r["model"], r["benchmark"], r["value"], r["dataset_id"], r["task_id"], r["why_not"])
             for r in document["results"]),
        )  # fmt: skip
    else:
        head = ("data set", "task", "key", "scale", "entries", "own harness", "remarks")
        print_table(head, official_rows(document))
    note(f"{len(document['benchmarks'])} official Benchmarks, {official.about}")
    if args.results and not any(r["dataset_id"] for r in document["results"]):
        note("none of the results counts there")
        return 1
    return 0


def run_contribute(args: argparse.Namespace) -> int:
    """Records to the Every Eval Ever datastore: the plan, and with --create-pr one pull request."""
    if args.repo_id:
        required_repo(args)
    found, notes = read_records(list(map(Path, args.results)))
    for text in notes:
        note(f"note: {text}")
    allowed, vocabulary = Allowed(args.allow_partial, args.allow_invalid), vocabulary_of(read_mapping())
    plan = plan_contribution(found, args.dataset, args.model_id or "", args.repo_id, allowed, vocabulary)
    acting = args.create_pr and not args.dry_run
    hub = Hub(find_token(args.token_file) if acts(args) else hub_token())
    outcome: dict[str, Any] = {"pull_request": None, "commit": None, "url": None, "dry_run": not acting}
    with hub_errors(f"contributing to {plan.dataset}", hub.token or "-"):
        identity = who_asks(hub, acting)
        look_up_files(hub, plan, identity.get("name"), args.again)
        if acting and plan.missing:
            for line in contribution_lines(plan):  # seen before it is there
                note(line)
            outcome |= send_contribution(hub, plan, identity)
    if outcome["commit"] or not plan.missing:
        remember_places(plan, hub.api.endpoint, outcome["commit"] or f"refs%2Fpr%2F{plan.pull_request}")
    if args.json:
        sys.stdout.write(to_json({"schema_version": OUTPUT_VERSION, **contribution_json(plan), **outcome}))
    else:
        sys.stdout.write("".join(f"{line}\n" for line in contribution_lines(plan)))
        sys.stdout.write(f"{outcome['pull_request']}\n" if outcome["pull_request"] else "")
    if not plan.missing and not outcome["pull_request"]:
        where = f"pull request #{plan.pull_request}" if plan.proposed else "its main branch"
        note(f"{plan.dataset} has all {len(plan.files)} files already, in {where}; nothing to send")
    elif not acting:
        note(f"dry run: nothing was sent; --create-pr proposes {len(plan.missing)} files to {plan.dataset}")
    return 0


def run_check(args: argparse.Namespace) -> int:
    """The card's claims against records: 0 all fit, 1 some do not, 3 some cannot be told or were not measured."""
    if not args.card and not args.repo_id:
        raise ScriptError("say whose claims: --repo-id OWNER/NAME reads them from the Hub, --card FILE from disk")
    mapping, repo_id = asked_mapping(args), args.repo_id or ""
    measures = known_measures(mapping)
    info = None
    if args.card:
        state = read_clone(args.card)
    else:
        hub = Hub(hub_token())
        with card_errors(required_repo(args)):
            info = hub.info(repo_id, args.revision)
            state = hub.state(repo_id, info=info)
    allowed = Allowed(partial=True, invalid=True, latest=args.latest, metrics=True)
    folders = list(map(Path, args.results))
    try:
        rows, notes, unclear = read_rows(folders, args.model_id, repo_id, args.benchmark or [], mapping, allowed)
    except ScriptError as error:  # 1 is for claims that do not fit
        raise ScriptError(str(error), code=2 if error.code == 1 else error.code) from error
    notes += unclear
    repo_id = repo_id or rows[0].run.identity.id
    args.repo_id = repo_id
    tables = extraction(args, parse_card(decode_card(state.card or b"", f"{repo_id}/README.md")), repo_id, mapping)
    unsure = tables.message if tables.code == 3 else ""
    claimed = claims_of(state, tables.results, repo_id, measures)
    claimed = asked_claims(claimed, rows, measures, args.benchmark or [])
    found = check_claims(claimed, rows, measures, args.another_run)
    places = {item.where for item in found}
    rest = [one.standing for one in claimed if one.standing.where not in places]
    weights = weights_answer(rows, info)
    again = f"{run_line('evaluation_manager.py')} {command_line_of(['check', *args.words(), '--another-run'])}"
    steps = next_steps(found, again)
    if args.report:
        write_output(Path(args.report), check_report(repo_id, found, rest, weights), args.force)
        note(f"the table is in {args.report}; nothing was posted")
    if args.json:
        claims = [item.as_json() for item in found]
        answer = {
            "schema_version": OUTPUT_VERSION,
            "repo_id": repo_id,
            "judged": judged_line(found, rest),
            "claims": claims,
            "not_measured": [{"benchmark": one.name, "claimed": one.value, "where": one.where} for one in rest],
            "weights": weights,
            "unsure": unsure or None,
            "notes": notes,
            "next": steps,
        }
        sys.stdout.write(to_json(answer))
    else:
        print(judged_line(found, rest))
        if found:
            print_table(CHECK_HEAD, checked_rows(found), most=400)
    sys.stdout.flush()
    for text in (*notes, weights):
        note(f"note: {text}")
    for text in steps:
        note(f"next: {text}")
    if rest and any(item.verdict == FITS for item in found):
        note("--benchmark K asks about the claims of one benchmark alone (repeat for several)")
    if not claimed:
        note("nothing can be told: no claim was found")
    if unsure or not claimed:
        note(tables.message)
        note("check takes the same choices: --selection FILE, --table N, --model-column-index I")
    return checked_code(found, len(rest), unsure)


def run_get_prs(args: argparse.Namespace) -> int:
    repo_id, measures = required_repo(args), known_measures(read_mapping())
    hub = Hub(hub_token())
    with card_errors(repo_id):
        main, requests = hub.state(repo_id), hub.pull_requests(repo_id)
        me = hub.identity()["name"] if hub.token and requests else None
        requests = [
            dataclasses.replace(r, yours=r.author == me, benchmarks=touched(hub, repo_id, r, main, measures))
            for r in requests
        ]
    if args.json:
        answer = {"repo_id": repo_id, "pull_requests": [dataclasses.asdict(request) for request in requests]}
        sys.stdout.write(to_json(answer))
    else:
        header = ("number", "title", "author", "date", "evaluation", "benchmarks", "url", "last comment")
        rows = [
            (
                f"#{r.number}", r.title, f"{r.author} (you)" if r.yours else r.author, r.date,
                "yes" if r.evaluation else "no", ", ".join(r.benchmarks), r.url, r.last_comment,
            )
            for r in requests
        ]  # fmt: skip
        print_table(header, rows)
        if not rows:
            note(f"{repo_id} has no open pull requests")
    return 0


def touched(hub: Hub, repo_id: str, request: PullRequest, main: RepoState, measures: Measures) -> tuple[str, ...]:
    """The benchmarks whose results a pull request adds, changes or removes."""
    if not request.evaluation:
        return ()
    try:
        theirs = hub.state(repo_id, f"refs/pr/{request.number}")
        found = [*added_results(theirs, main, measures), *added_results(main, theirs, measures)]
    except ScriptError as error:
        return (f"unreadable: {single_line(error)[:80]}",)
    return tuple(dict.fromkeys(standing.name for standing in found))


def run_batch(args: argparse.Namespace) -> int:
    if sum(map(bool, (args.repo_ids, args.trending, args.author))) != 1:
        raise ScriptError("say which models: --repo-ids FILE, --trending N or --author NAME")
    args.output_dir = Path(args.output_dir)
    mapping = read_mapping()
    vocabulary = build_vocabulary(mapping)
    sources = frozenset(filter(None, args.sources.split(",")))
    if not sources or sources - {"card", "aa"}:
        raise ScriptError(f"--from {args.sources}: card, aa or card,aa is expected")
    names = filter(None, (args.benchmarks or "").split(","))
    keys = [vocabulary.keys.get(normalize_name(name), name) for name in names]
    if unknown := [key for key in keys if key not in mapping]:
        raise ScriptError(f"--benchmarks: no benchmark {unknown[0]!r} in metric_mapping.json")
    token = find_token(args.token_file) if args.create_pr and not args.dry_run else hub_token()
    hub = Hub(token)
    models = []
    if "aa" in sources:
        models = read_aa(args.input_json) if args.input_json else fetch_aa(aa_key(), args.save_raw_json)
    with owned_folder(args.output_dir):
        repos, done, started, seal = resume_batch(args, hub)
        own = frozenset(normalize_name(name) for name in args.own_harness or ())
        placing = Placing(hub.official(), mapping, official_answers(args.counts_as), own)
        batch = Batch(
            args.output_dir, hub, mapping, vocabulary, frozenset(keys), sources, models, args.format, args.task_type,
            read_scales(args.scale), placing, started, seal,
        )  # fmt: skip
        for outcome in done.values():
            refresh(batch, outcome)
        outcomes = run_models(batch, repos, done, args.workers)
        if args.create_pr and not args.dry_run:
            open_pull_requests(batch, outcomes, args.max_prs)
        return write_summary(args, outcomes)


def run_models(
    batch: Batch, repos: Mapping[str, Any], done: Mapping[str, ModelOutcome], workers: int
) -> list[ModelOutcome]:
    """Look at the models that are not done yet; outcomes in the order of the list.

    The workers read from the Hub, some models ahead; this thread decides, so the Hub never waits for a parser.
    """
    if done:
        note(f"{len(done)} of {len(repos)} models are done already")
    todo = [repo_id for repo_id in repos if repo_id not in done]
    pool = ThreadPoolExecutor(workers)
    try:
        readings = [pool.submit(batch.hub.state, repo_id, info=repos[repo_id]) for repo_id in todo]
        pairs = list(zip(todo, readings, strict=True))
        fresh = [batch_model(batch, repo_id, reading) for repo_id, reading in progress(pairs, "models")]
    except KeyboardInterrupt:
        note(f"what is done is in {batch.folder}; the same command with --resume goes on")
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    found = {**done, **{outcome.repo_id: outcome for outcome in fresh}}
    return [found[repo_id] for repo_id in repos]


def write_summary(args: argparse.Namespace, outcomes: list[ModelOutcome]) -> int:
    counts = Counter(outcome.status for outcome in outcomes)
    answer = {
        "schema_version": PLAN_SCHEMA,
        "counts": {status: counts[status] for status in STATUSES},
        "models": [dataclasses.asdict(outcome) for outcome in outcomes],
    }
    write_whole(args.output_dir / "summary.json", to_json(answer))
    write_whole(args.output_dir / "summary.md", render_summary(outcomes))
    sys.stdout.write(to_json(answer) if args.json else render_summary(outcomes, single_line))
    note(f"written to {args.output_dir}")
    return 1 if counts["failed"] else 0


def load_card(args: argparse.Namespace) -> tuple[Card, str]:
    """The card and the id of the model that is meant."""
    if not args.card and not args.repo_id:
        raise ScriptError("say which card: --repo-id OWNER/NAME reads it from the Hub, --card FILE from disk")
    if args.repo_id and not re.fullmatch(r"[\w.-]+(?:/[\w.-]+)?", args.repo_id):
        raise ScriptError(f"--repo-id must be OWNER/NAME, not {args.repo_id!r}")
    text = read_card_file(args.card) if args.card else fetch_card(args.repo_id, args.revision)
    return parse_card(text), args.repo_id or ""


def again_command(args: argparse.Namespace) -> str:
    """The command line to repeat with a choice added."""
    words = ["extract-readme"]
    words += ["--repo-id", args.repo_id] if args.repo_id else []
    words += ["--card", args.card] if args.card else []
    words += ["--revision", args.revision] if args.revision else []
    return f"{run_line('evaluation_manager.py')} {command_line_of(words)}"


def emit(text: str, output: Path | None, force: bool) -> None:
    if output is None:
        sys.stdout.write(text)
        return
    write_output(output, text, force)
    note(f"written to {output}")


def run_inspect(args: argparse.Namespace) -> int:
    card, repo_id = load_card(args)
    readings = read_tables(card, repo_id, build_vocabulary(read_mapping()))
    evaluation = any(reading.evaluation for reading in readings)
    if args.table:
        refuse_table(args.table, card)
        readings = [reading for reading in readings if reading.table.number in args.table]
    again = again_command(args)
    if args.draft and not repo_id:
        raise ScriptError("--draft needs --repo-id OWNER/NAME: whose scores are wanted")
    if args.draft:
        emit(draft(readings, repo_id, again, card_hash(card)), args.output, args.force)
    elif args.json:
        tables = [{**table_json(reading, whole=True), "next": next_command(reading, again)} for reading in readings]
        emit(to_json({"repo_id": repo_id, "card_sha256": card_hash(card), "tables": tables}), args.output, args.force)
    else:
        console = terminal_console(width=None if sys.stdout.isatty() else 160, highlight=False)
        for part in render_tables(readings, repo_id or "no model named", again, args.around):
            console.print(part, soft_wrap=isinstance(part, str), markup=False)
    if not evaluation:
        note(f"no evaluation table among {len(card.tables)} tables")
        return 1
    return 0


def refuse_table(numbers: Sequence[int], card: Card) -> None:
    for number in numbers:
        if not 1 <= number <= len(card.tables):
            raise ScriptError(f"the card has {len(card.tables)} tables; there is no table {number}")


def run_extract(args: argparse.Namespace) -> int:
    if not args.repo_id:
        raise ScriptError(
            "extract-readme needs --repo-id OWNER/NAME: whose scores are wanted (with --card it stays offline)"
        )
    check_publish_usage(args)
    card, repo_id = load_card(args)
    mapping = read_mapping()
    answer = extraction(args, card, repo_id, mapping)
    for text in answer.remarks():
        note(f"warning: {isolated(single_line(text))}")
    by_hand = answer.by_hand()
    task = args.task_type or card.front.get("pipeline_tag")
    entries = with_metrics(card_entries(answer.results, repo_id, task), args.metric)
    whole = acts(args) or args.dry_run or as_json(args)
    plan = make_plan(
        repo_id,
        entries,
        mapping,
        placing=find_places(args, entries, mapping) if whole else None,
        formats=args.format,
        task_type=task or "text-generation",
        dataset_name=args.dataset_name,
        source="the model card's tables" + (f" (selected by hand: {'; '.join(by_hand)})" if by_hand else ""),
        replace=args.replace,
        beside=args.beside or (),
    )
    plan.scales = read_scales(args.scale)
    check_scales_named(plan)
    plan.card, plan.target = body_id(card.text.encode("utf-8", "surrogatepass")), target_of(args)
    conflicts = [conflict_text(conflict) for conflict in answer.conflicts()]
    if answer.results and (args.apply or args.create_pr or args.update_pr):
        code = finish(args, plan, conflicts)
        if not conflicts:
            note(answer.message or "\n".join(answer.account()))
        return code or answer.code
    settle(plan, {}, plan.scales)
    note(answer.message or "\n".join(answer.account()))
    emit(extracted_text(args, answer, plan), args.output if plan.entries else None, args.force)
    return answer.code


def extraction(args: argparse.Namespace, card: Card, repo_id: str, mapping: Mapping[str, Any]) -> Extraction:
    """What the card's tables have of the model, as far as it is certain or was chosen by hand."""
    refuse_table(args.table or [], card)
    picks = chosen_picks(args, card)
    forced = args.table or () if args.force_table else ()
    readings = read_tables(card, repo_id, build_vocabulary(dict(mapping)), picks, forced)
    chosen = [number for number, readings in picks.items() if not any(pick.nothing for pick in readings)]
    every = args.all_tables or (bool(picks) and not chosen)
    numbers = sorted({*(args.table or ()), *(chosen if not every else ())})
    return extract(readings, repo_id, numbers, every, again_command(args), card_hash(card))


def as_json(args: argparse.Namespace) -> bool:
    return bool(args.json or (args.output and args.output.suffix == ".json"))


def extracted_text(args: argparse.Namespace, answer: Extraction, plan: Plan) -> str:
    """JSON, also for --output FILE.json, with the plan that `apply` takes; else the model-index as YAML."""
    if as_json(args):
        shown = {
            "eval_results": plan.eval_results,
            "model_index": plan.model_index,
            "notes": [*plan.notes, *plan.remarks],
        }
        return to_json({"schema_version": PLAN_SCHEMA, **answer.as_json(), **shown, "plan": saved_plan(plan)})
    if not plan.model_index:
        return "".join(f"# {line}\n" for line in answer.message.split("\n"))
    return to_yaml({"model-index": [{"name": plan.repo_id.rpartition("/")[2], "results": plan.model_index}]})


def chosen_picks(args: argparse.Namespace, card: Card) -> dict[int, list[Pick]]:
    """What was chosen by hand, by table: a selection, or --model-*-index and --model-name-override for --table N."""
    by_index = args.model_column_index is not None or args.model_row_index is not None
    if args.selection:
        if by_index or args.model_name_override or args.table or args.force_table:
            raise ScriptError("--selection says all of it: leave --table, --model-… and --force-table out")
        name = "the selection" if str(args.selection) == "-" else str(args.selection)
        return read_selection(
            read_selection_file(args.selection), name, args.repo_id, card_hashes(card), len(card.tables)
        )
    if args.force_table and not args.table:
        raise ScriptError("say for which table: --table N (inspect-tables lists them)")
    if not by_index and not args.model_name_override:
        return {}
    if by_index and len(args.table or card.tables) > 1:
        said = "go with one --table N" if args.table else "need --table N (inspect-tables lists them)"
        raise ScriptError(f"--model-column-index and --model-row-index {said}")
    axis = "column" if args.model_column_index is not None else "row" if args.model_row_index is not None else ""
    index = args.model_column_index if axis == "column" else args.model_row_index
    numbers = args.table or [table.number for table in card.tables]
    return {number: [Pick(number, axis, index, args.model_name_override)] for number in numbers}


def read_selection_file(path: Path) -> str:
    """A selection from a file, or as it comes through a pipe ("-")."""
    if str(path) != "-":
        return input_text(path, MAX_SELECTION)
    return sys.stdin.read(MAX_SELECTION + 1)


def run_answering(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command; with --json also "the answer is no" (1) and "undecided" (3) are a document on stdout."""
    try:
        return run(args)
    except ScriptError as error:
        if error.code in (1, 3) and args.json:
            sys.stdout.write(to_json({"schema_version": PLAN_SCHEMA, "code": error.code, "message": str(error)}))
        say_missing_token(args, str(error))
        raise


def say_missing_token(args: argparse.Namespace, said: str) -> None:
    """Before what else keeps a command from writing: that it has no token either, so that both are mended at once."""
    writes = any(getattr(args, name, None) for name in ("apply", "create_pr", "update_pr")) and not args.dry_run
    if writes and not getattr(args, "card", None):
        try:
            find_token(args.token_file)
        except ScriptError as error:
            if str(error) != said:
                note(f"{error}; and:")


def build_parser() -> argparse.ArgumentParser:
    parser = CommandLine(description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, run: Callable[[argparse.Namespace], int], text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(run=functools.partial(run_answering, run))
        return added

    add_inspect_arguments(
        command("inspect-tables", run_inspect, "show a card's tables: what is certain, what is unsure and why")
    )
    add_extract_arguments(
        command("extract-readme", run_extract, "this model's scores as model-index YAML or JSON; --create-pr adds them")
    )
    add_import_arguments(
        command("import-aa", run_import_aa, "a model's evaluations from the Artificial Analysis API (AA_API_KEY)")
    )
    add_records_arguments(command("add", run_add, "scores from evaluation records (results/) to a model's metadata"))
    apply = command("apply", run_apply, "apply a plan that was saved with --output FILE.json")
    apply.add_argument("plan", type=Path, metavar="PLAN.json")
    apply.set_defaults(words=lambda: apply.words)
    add_target_arguments(apply)
    apply.add_argument("--output", type=Path, metavar="FILE", help="save the plan as it is applied")
    apply.add_argument("--force", action="store_true", help=FORCE_HELP)
    add_mapping_option(apply.add_argument)
    apply.add_argument("--adopt", action="store_true", help="take results that were changed in the plan, once shown")
    apply.add_argument("--task-type", dest="plan_task_type", metavar="T", help="that of a plan which another made")
    apply.add_argument("--format", dest="plan_format", choices=FORMATS, help="that of a plan which another made")
    apply.add_argument("--dataset-name", dest="plan_dataset_name", metavar="NAME", help="that of such a plan")
    add_scale_argument(apply)
    add_write_arguments(apply)
    show = command("show", run_show, "the evaluation results that a model's repo has, in both formats")
    add_card_arguments(show)
    validate = command("validate", run_validate, "check model-index and .eval_results; exit 1 when there are errors")
    add_card_arguments(validate)
    validate.add_argument("--eval-results", type=Path, nargs="+", metavar="FILE", help="files of .eval_results")
    check = command("check", run_check, "what a card claims against evaluation records: fits, or does not fit")
    add_card_arguments(check)
    add_pick_arguments(check)
    check.set_defaults(all_tables=True)  # all that a card claims
    check.add_argument("--results", nargs="+", required=True, metavar="PATH", help="records, or folders with records")
    check.add_argument("--model-id", metavar="ID", help="take the records of this model_info.id")
    check.add_argument(
        "--benchmark", action="append", metavar="K", help="only the claims of this benchmark (repeat for several)"
    )
    add_mapping_option(check.add_argument)
    check.add_argument("--latest", action="store_true", help="of a model measured at several times, the last")
    check.add_argument(
        "--another-run", action="store_true", help="the card's numbers are another measurement's: could it give them?"
    )
    check.set_defaults(words=lambda: check.words)
    check.add_argument("--report", metavar="FILE.md", help="write the table for a discussion; posts nothing")
    check.add_argument("--force", action="store_true", help=FORCE_HELP)
    requests = command("get-prs", run_get_prs, "the open pull requests, and which touch evaluation metadata")
    requests.add_argument("--repo-id", metavar="OWNER/NAME", required=True, help="the model")
    requests.add_argument("--json", action="store_true", help="one JSON document on stdout")
    contribute = command("contribute", run_contribute, "evaluation records to Every Eval Ever, by one pull request")
    contribute.add_argument(
        "--results", nargs="+", required=True, metavar="PATH", help="records, or folders searched for them"
    )
    contribute.add_argument("--model-id", metavar="ID", help="only the records of this model_info.id")
    contribute.add_argument(
        "--repo-id", metavar="OWNER/NAME", help="file them under this model on the Hub (records of a local checkpoint)"
    )
    contribute.add_argument(
        "--dataset", default=DATASTORE, metavar="OWNER/NAME", help="the datastore (default: %(default)s)"
    )
    contribute.add_argument("--allow-partial", action="store_true", help="also records of runs with --limit")
    contribute.add_argument("--allow-invalid", action="store_true", help="also scores that contradict their items, ...")
    contribute.add_argument("--create-pr", action="store_true", help="open the pull request, or go on with it")
    contribute.add_argument("--again", action="store_true", help="although one with these records was closed")
    contribute.add_argument("--token-file", metavar="FILE", help="read the Hub token from FILE")
    contribute.add_argument("--dry-run", action="store_true", help="send nothing; the default")
    contribute.add_argument("--json", action="store_true", help="one JSON document on stdout")
    contribute.set_defaults(apply=False, update_pr=None)
    benchmarks = command("benchmarks", run_benchmarks, "the Hub's official Benchmarks, and which results count there")
    benchmarks.add_argument(
        "--results", nargs="+", metavar="PATH", help="records, or folders searched for them: where each would count"
    )
    benchmarks.add_argument("--refresh", action="store_true", help="ask the Hub although the kept list is of today")
    benchmarks.add_argument("--workers", type=positive, default=8, metavar="N", help="requests at a time (default: 8)")
    benchmarks.add_argument("--json", action="store_true", help="one JSON document on stdout")
    add_batch_arguments(command("batch", run_batch, "many models: a record, a plan and a summary line for each"))
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; the exit code is the answer."""
    return run_main(build_parser(), argv)


# Written in parts/ and put here by `uv run parts/assemble.py`: change it there.
# [cog[
# import assemble
# assemble.include(
#     "cards.asking", "cards.scores", "cards.selection", "cards.source", "cards.tables", "command_line", "frame",
#     "hub.token", "inputs", "metadata.entries", "metadata.front_matter", "metadata.identity",
#     "metadata.merge", "metadata.official", "metadata.plan", "metadata.scale", "metadata.validation", "names",
#     "outputs", "own_vocabulary", "publish.arguments", "publish.artificial_analysis", "publish.batch",
#     "publish.checking", "publish.datastore", "publish.hub", "publish.local", "publish.official_table",
#     "publish.origins", "publish.records", "publish.sending", "publish.text", "records.publishable",
#     "records.schema", "tables", "vocabulary"
# )
# ]cog]

import bisect
import collections
import contextlib
import copy
import csv
import difflib
import errno
import fnmatch
import gc
import glob
import hashlib
import hmac
import html
import importlib
import io
import itertools
import logging
import math
import os
import secrets
import shlex
import shutil
import signal
import socket
import stat
import tempfile
import textwrap
import threading
import time
import traceback
import unicodedata
import uuid
import weakref
import zipfile
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from email.utils import parsedate_to_datetime
from pathlib import PurePosixPath
from statistics import NormalDist
from types import MappingProxyType
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, NoReturn, TextIO, TypeVar
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


class CleanStream:
    """stdout or stderr that lets no token and no control character through, into a pipe and on a terminal alike.

    What moves the cursor and colours text is the program's own: rich's, which `terminal_console` marks so, and, where
    there are `bars` of libraries, the way of these to their line.
    """

    def __init__(self, stream: TextIO, bars: bool = False) -> None:
        self.stream, self.bars = stream, bars

    def write(self, text: str) -> int:
        way = BAR.match(text) if self.bars and self.stream.isatty() else None
        begin = way[0] if way else ""
        clean = outgoing(text[len(begin) :])
        self.stream.write(begin + clean.replace(f"{OWN_MARK}e", "\x1b").replace(f"{OWN_MARK}r", "\r"))
        return len(text)

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


def run_main(parser: argparse.ArgumentParser, argv: Sequence[str] | None) -> int:
    """Run a command line and give its exit code; every script's main.

    An expected failure is one line and its own code. Any other is a fault of the program and ends with 4, never with 1,
    which is an answer; HUB_EVALS_DEBUG=1 shows where it happened.
    """
    with clean_streams(), children_apart():
        try:
            know_named_places(sys.argv[1:] if argv is None else argv)
            args = parser.parse_args(argv)
            return args.run(args)
        except ScriptError as error:
            note(f"error: {error}")
            return error.code
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
    return " ".join(text.split())


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
    """Foreign text as one line of Markdown without markup."""
    return re.sub(r"([\\|<>*`\[\]])", r"\\\1", single_line(text))


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
            file.write(without_secrets(piece).encode())


def print_data(text: str) -> None:
    """Print to stdout; a reader that has gone away (`| head`) is no error, a full disk is one."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the interpreter fails at its last flush
        if not isinstance(error, BrokenPipeError):
            raise ScriptError(f"stdout: could not be written: {error.strerror}") from error


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


# --- parts/cards/text.py ----------------------------------------------------------------------------------------------

MAX_CELL_TEXT = 4_000  # characters of a cell that are looked at
MAX_LABEL = 400  # characters of a header or label that are looked at

_SPECIAL = re.compile(r"[*_`<&\\\[~$^\n\t{\u00ad\u200b-\u200f\u2060\ufeff\uff05-\uff19]")
_ODD_LETTER = re.compile(r"[\u00ad\u200b-\u200f\u2060\ufeff\uff05\uff0e\uff10-\uff19]")  # unseen, or of full width
_FULL_WIDTH = {**{chr(0xFF10 + n): str(n) for n in range(10)}, "％": "%", "．": "."}
_STRUCK = re.compile(r"~~(?!\s)[^~\n]{1,300}~~")
_BOLD_NUMBER = re.compile(r"\s*\*\*([\d.,%\s]+)\*\*\s*")
_BREAK = re.compile(r"(?i)<\s*(?:br|/p|/div|/li|hr)\b[^<>]{0,200}>")
_SUB_OR_SUP = re.compile(r"(?i)<su[bp]\b[^<>]{0,200}>")
_SUP = re.compile(r"(?is)<sup\b[^<>]{0,200}>(.{0,400}?)</sup\s*>")
_FOOTNOTE = re.compile(r"[\s*†‡§¶#^,]*(?:\d{1,2}|[a-g]|[ivx]{1,4})?[\s*†‡§¶#^,\d]*|\[\d{1,2}\]|\(\d\)")
_HIDDEN = re.compile(r"(?i)<(script|style|del|s|strike)\b[^<>]{0,200}>(?:[^<]|<(?!\1\b)){0,2000}?</\1\s*>")
_MAY_UNDISPLAY = re.compile(r"(?i)<[^<>]*(?:\bhidden\b|\bstyle\s*=)")
_STYLE_BLANKS = re.compile(r"/\*.*?\*/|\s+", re.S)
_TAG = re.compile(r"</?[a-zA-Z][^<>]{0,1000}>|<!--.{0,1000}?-->", re.S)
_IMAGE = re.compile(r"!\[[^\[\]]{0,300}\](?:\((?:[^()]|\([^()]{0,200}\)){0,1000}\)|\[[^\[\]]{0,100}\])?")
_LINK = re.compile(r"\[([^\[\]]{0,500})\](?:\((?:[^()]|\([^()]{0,200}\)){0,1000}\)|\[[^\[\]]{0,100}\])")
_FOOTNOTE_REF = re.compile(r"\[\^[^\[\]\s]{1,40}\]")
_LATEX_GROUP = re.compile(
    r"\\(?:text(?:bf|it|rm|sc|tt|sf)?|math(?:bf|rm|it|sf|tt|bb)|boldsymbol|bm|bf|underline|emph|mbox|uline|"
    r"textcolor\{[^{}]{0,30}\}|color\{[^{}]{0,30}\})\s*\{([^{}]{0,300})\}"
)
_LATEX_WORDS = {
    r"\pm": " ± ", r"\ddagger": "‡", r"\uparrow": "↑", r"\downarrow": "↓", r"\times": "×", r"\tau": "τ",
    r"\dagger": "†",    r"\ast": "*", r"\star": "*",
    r"\geq": "≥", r"\leq": "≤", r"\approx": "≈", r"\sim": "~",
    r"\%": "%", r"\,": " ", r"\;": " ", r"\ ": " ",
    r"\Delta": "Δ", r"\alpha": "α", r"\beta": "β", r"\mu": "μ", r"\bf": "", r"\rm": "", r"\quad": " ",
}  # fmt: skip
_LATEX_WORD = re.compile(r"\\(?:[a-zA-Z]+|[%,; ])")
_MATH = re.compile(r"\$\$?([^$\n]{1,400})\$\$?")
# Each alternative begins with its mark, so that the next mark is found quickly in a long text.
_EMPHASIS = re.compile(r"\*\*(?:(?<!\\\*\*)(?=\S)|(?<=[^\s\\]\*\*))|__(?:(?<![\w\\]__)(?=\S)|(?<=[^\s\\]__)(?!\w))")
_ITALIC = re.compile(r"(?<![\w*\\])\*([^*\s](?:[^*\n]{0,300}[^*\s\\])?)\*(?![\w*])")
_UNDERLINE = re.compile(r"(?<![\w\\])_([^_\s](?:[^_\n]{0,300}[^_\s\\])?)_(?!\w)")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")
MARKS = "*†‡§¶^#ᵃᵇᶜ⁎∗＊"
DECOR = "↑↓⬆⬇⇑⇓↗↘🥇🥈🥉🏆⭐✨🔥🚀🌟📈🎉🤗\ufe0f🆕👑💥"
_DECOR_MARK = re.compile(f"[{DECOR}]")
_TAIL_MARKS = f" {MARKS}¹²³⁴⁵⁶⁷⁸⁹"
_SHARP = re.compile(r"(?<!\w)[CF]#$")  # languages, no footnotes
_REFERENCE_TAIL = re.compile(r"\[\d{1,2}\]$")


def plain_text(source: str) -> str:
    """A cell's or heading's text as rendered: markup, links, footnote marks and LaTeX resolved; lines kept.

    "[**Foo**](u)<br>(5-shot)" -> "Foo\\n(5-shot)"; "$85.2_{\\pm 0.3}$" -> "85.2 ± 0.3"
    """
    if not has_markup(source):
        return source.strip()
    source = source[:MAX_CELL_TEXT]
    if match := _BOLD_NUMBER.fullmatch(source):
        return match[1].strip()
    return _plain_text(source)


def has_markup(source: str) -> bool:
    """Whether a source may be read otherwise than it stands."""
    return _SPECIAL.search(source) is not None or "  " in source or len(source) > MAX_CELL_TEXT


@functools.lru_cache(maxsize=4096)
def _plain_text(text: str) -> str:
    if not text.isascii():
        text = _ODD_LETTER.sub(lambda m: _FULL_WIDTH.get(m[0], ""), text)
    if "<" in text:
        text = shown_html(text) if _MAY_UNDISPLAY.search(text) else text
        text = _HIDDEN.sub("", text)
        whole = text.strip()
        text = _SUP.sub(lambda m: _superscript(m, whole), text)
        text = _TAG.sub("", _SUB_OR_SUP.sub(" ", _BREAK.sub("\n", text)))
    if "[" in text:
        text = _FOOTNOTE_REF.sub("", text)
        text = _LINK.sub(_link_text, _IMAGE.sub("", text))
    if "$" in text or "\\" in text:
        text = _MATH.sub(lambda m: _latex(m[1]), text)
        if "\\text" in text or "\\underline" in text or "\\pm" in text:
            text = _latex(text)
    if "~~" in text:
        text = _STRUCK.sub("", text)
    if "**" in text or "__" in text:
        text = _EMPHASIS.sub("", text)
    if "*" in text:
        text = _ITALIC.sub(r"\1", text)
    if "_" in text:
        text = _UNDERLINE.sub(r"\1", text)
    if "&" in text:
        text = html.unescape(text)
    text = text.replace("`", "")
    if "\\" in text:
        text = _ESCAPE.sub(r"\1", text)
    if "\n" not in text:
        return " ".join(text.split())
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _link_text(match: re.Match[str]) -> str:
    """The text of a link; a number behind a number is a reference ("85.2 [3](url)"), no second score."""
    before = match.string[: match.start()].rstrip(" *_`")[-1:]
    return "" if before.isdigit() and match[1].strip(" *[]").isdigit() else match[1]


def _superscript(match: re.Match[str], whole: str) -> str:
    """A footnote mark goes; a superscript that is part of a word ("τ<sup>2</sup>-Bench") or the whole text stays."""
    inner = _TAG.sub("", match[1]).strip()
    alone = match.start() == 0 and match.end() >= len(whole)
    follows = match.string[match.end() : match.end() + 1]
    inside = bool(follows) and (follows.isalnum() or follows == "-") and match.string[: match.start()][-1:].isalpha()
    if inside and len(inner) <= 3:
        return inner
    return f" {inner}" if alone or not _FOOTNOTE.fullmatch(inner) else " "


def _latex(text: str) -> str:
    """The text of a LaTeX formula as far as score tables use it."""
    for _ in range(3):
        text, changed = _LATEX_GROUP.subn(r"\1", text)
        if not changed:
            break
    text = _LATEX_WORD.sub(lambda m: _LATEX_WORDS.get(m[0], m[0]), text)
    text = re.sub(r"\^\{?([*†‡§, ]+|\\[a-z]+)\}?", "", text)
    text = re.sub(r"_\{([^{}]{0,80})\}", r" \1", text)
    return re.sub(r"\^\{?(\w)\}?|[{}]", lambda m: m[1] or "", text)


@functools.lru_cache(maxsize=8192)
def label_text(text: str) -> str:
    """One line without footnote marks, arrows and medals, cut to MAX_LABEL: "MMLU-Pro*↑" -> "MMLU-Pro"."""
    text = " ".join(text.split())[:MAX_LABEL]
    if text.isascii() and text[-1:].isalnum():
        return text
    text = _DECOR_MARK.sub(" ", text)
    if _SHARP.search(text):
        return text
    while (shorter := _REFERENCE_TAIL.sub("", text.rstrip(_TAIL_MARKS))) != text:
        text = shorter
    return " ".join(text.lstrip("*†‡§•●○▪- \u3000").split())


@functools.lru_cache(maxsize=4096)
def folded_label(text: str) -> str:
    """A label as it is compared: markup and case off."""
    return label_text(plain_text(text)).casefold()


def shown_html(text: str) -> str:
    """HTML without the elements that a page does not show, or strikes out."""
    from lxml import etree

    body = parse_html(text).find("body")
    for element in body.iter():
        if is_hidden(element) or is_struck(element):
            element.tag = "x-gone"
    etree.strip_elements(body, "x-gone", with_tail=False)
    shown = "".join(etree.tostring(inner, encoding="unicode", method="html") for inner in body)
    return html.escape(body.text or "", quote=False) + shown


def is_hidden(element: Any) -> bool:
    """Whether a page does not show an element: a template, the attribute `hidden`, or a style that says so."""
    if element.tag == "template":
        return True
    if not element.keys():
        return False
    return element.get("hidden") is not None or has_style(element, "display:none", "visibility:hidden")


def is_struck(element: Any) -> bool:
    return bool(element.keys()) and has_style(element, "line-through")


def has_style(element: Any, *names: str) -> bool:
    style = element.get("style")
    return bool(style) and any(name in _STYLE_BLANKS.sub("", style).lower() for name in names)


def parse_html(stream: str) -> Any:
    """The HTML as a tree; ScriptError when lxml had to stop before its end, which it does without a word."""
    from lxml import etree

    parser = etree.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True, recover=True)
    root = etree.fromstring(f"<body>{stream}</body>".replace("\0", ""), parser)
    if any(
        error.type_name in ("ERR_RESOURCE_LIMIT", "ERR_INTERNAL_ERROR", "ERR_NAME_TOO_LONG")
        for error in parser.error_log
    ):
        raise ScriptError(
            "the card's HTML is nested too deep to be read whole (more than 2,000 open tags); nothing is taken"
        )
    return root if root is not None else etree.Element("body")


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


def open_inflated(path: str | Path, unpack: Callable[[BinaryIO], BinaryIO]) -> io.BufferedReader:
    """A packed file's content; `unpack` is gzip.open, bz2.open, lzma.open or zstd's open."""
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


def json_values(content: bytes, made: Callable[[Any], Any] = lambda value: value) -> list[Any] | None:
    """The values of JSON Lines, parsed some at a time; None where a line is to be looked at by itself: one without
    measure, one that is blank or no JSON, one in which a key may stand twice.

    made: what is kept of a value, so that the rest is gone before memory is full of it; raises nothing.
    """
    lines = content.removesuffix(b"\n").split(b"\n")
    try:
        import orjson

        if max(map(len, lines), default=0) >= allowed(MOST_OF_LINE) or ESCAPED_COLON.search(content):
            return None
        values, written = [], 0
        for i in range(0, len(lines), PARSED_AT_ONCE):
            piece = list(map(orjson.loads, lines[i : i + PARSED_AT_ONCE]))
            written += orjson.dumps(piece).count(b":")
            values += map(made, piece)
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
_OWN = r"(?!(?:.*_)?(?:delta|diff|difference|change|gain|relative|adjusted|normalized|balanced|neg)_)(?:\w+_)?"
# Metrics that are proportions by their definition, for a score without items.
PROPORTIONS = re.compile(
    _OWN + r"(?:acc|accuracy|exact_match|em|f1|mc1|mc2)(?:_norm|_bytes|_mutual_info|_all)?|[pq]{1,2}em|extractive_match"
    r"|(?:pass|maj)@\d+|pass_at_\d+|contains"
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

    "MMLU-Pro", "mmlu_pro" -> "mmlupro"; "HumanEval+" -> "humanevalplus"
    """
    if text.isascii():
        return text.translate(_ASCII_NAME)
    return _NO_NAME.sub("", unicodedata.normalize("NFKC", text).casefold().replace("+", "plus"))


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


# --- parts/cards/labels.py --------------------------------------------------------------------------------------------

# fmt: off
CARD_WORDS = {'facts': '参数量 参数数量 模型大小 大小 显存 显存占用 内存 速度 推理速度 排名 名次 时间 耗时 时长 训练时长 价格 成本 上下文长度 上下文 层数 维度 题数 平均长度 长度 提升 变化 下载量 下载 '
          '首字延迟 延迟 吞吐量 吞吐 发布时间 链接 许可证 パラメータ数 パラメーター数 パラメータ サイズ 順位 コンテキスト長 メモリ 長さ 価格 파라미터 파라미터수 크기 순위 속도 메모리 길이 비용 '
          '가격 größe geschwindigkeit speicher kosten platz paramètres taille vitesse mémoire coût rang tamaño '
          'parámetros velocidad memoria costo puesto размер параметры параметров скорость память место стоимость '
          '温度 采样次数 量化位数 样本数 量化 kld snr sparsity resolution beam beams iterations rounds attempts tries fold '
          'contamination contaminated overlap pvalue pvalues items se params param parameters parameter tokens '
          'token tok throughput latency speed speedup rtf rtfx fps qps ttft tpot itl flops gflops tflops macs '
          'gmacs vram ram gpu gpus cpu cpus tpu tpus npu hardware device devices memory mem storage price pricing '
          'cost costs usd dollars energy power carbon co2 emissions tdp hours hour hrs minutes seconds secs '
          'duration runtime time date dates year released release cutoff license licence licenses download '
          'downloads link links url paper github huggingface hf modelscope weights checkpoint checkpoints ckpt '
          'demo blog colab arxiv repo repository likes stars layers layer heads head experts dim dims dimension '
          'dimensions hidden vocab vocabulary context ctx window length len seqlen architecture arch backbone '
          'encoder decoder precision dtype bits bpw quantization quant format file files size sizes epoch epochs '
          'step steps loss lr optimizer warmup dropout temperature seed batch rank ranking ranks place position '
          'votes battles count counts support number samples sample examples instances rows words chars characters '
          'sentences stderr std stdev ci interval variance margin delta diff difference improvement gain change '
          'gap degradation recovery retention recovered version versions revision commit status notes note comment '
          'comments remark remarks description reference references index id no organization organisation org '
          'vendor provider developer creator company author country factor density budget languages tp ap turns δ',
 'fact_fillers': 'visual target draft speculative sampling total active activated act trainable model models '
                 'learnable non embedding embeddings dense expert number num of the n per in on for avg average '
                 'mean max maximum min minimum peak required recommended usage used training train pretraining pre '
                 'inference generation decode decoding prefill input output prompt response native token tokens '
                 'context sequence seq data dataset test validation val eval evaluation second sec s ms gb mb gib '
                 'relative rel vs from over to time real knowledge release open source commercial use error err '
                 'standard deviation confidence global overall local type method level scheme effective weight '
                 'weights file disk kv cache attention intermediate up consumption footprint requirement '
                 'requirements count capacity bandwidth rate and wall clock cut off api gpu a100 h100 v100 b m k t '
                 'pretrain emitted',
 'weak_facts': 'se knowledge count position time format context memory power number reference gain change place '
               'index size length description energy speed recovery difference retention precision',
 'fact_units': 'gb gib mb mib ms sec secs second seconds min minutes h hr hrs hours days w kw kwh b m k t bn '
               'billion billions million millions trillion trillions tokens token tok/s tokens/s token/s it/s s/it '
               'fps hz khz px params bits usd gpu-hours tco2eq tco2',
 'measures': '准确率 正确率 top1 acc accuracy em match f1 fscore precision recall specificity sensitivity bleu sacrebleu '
             'bleurt chrf chrf1 chrf2 rouge rouge1 rouge2 rougel rougelsum ter wer cer mer comet meteor bertscore '
             'ppl perplexity bpb bpc mcc auc auroc map mrr ndcg anls winrate elo rating ratings percentile '
             'resolved success rmse mae mse r2 pearson spearman cider spice fid clipscore iou miou dice kappa mos '
             'ssim psnr lpips der eer mc1 mc2 matthews correlation passrate strict loose judge prec',
 'measure_fillers': 'prompt inst instruction relaxed exact quasi macro micro weighted balanced average avg mean '
                    'final top top1 top5 strict loose length controlled lc normalized norm overall unweighted raw '
                    'corpus sentence char greedy zero answer execution exec rate score scores level win error word '
                    'character single multiple multi attempt attempts judge gpt 4 gpt4 k f 1 5 ++ byte bits per em '
                    'flexible extract none filter get response l lsum r p percent pass roc c hit hits resolve task '
                    'correct',
 'average_words': '平均 平均分 平均值 总分 总体 avg average mean overall total all aggregate macro micro',
 'value_heads': 'score scores value values result results performance quality ours our model this the number 得分 分数 '
                '结果 成绩 スコア 점수',
 'benchmark_heads': 'benchmark benchmarks bench task tasks subtask subtasks dataset datasets testset testsets data '
                    'test tests set sets eval evals evaluation evaluations capability capabilities ability skill '
                    'skills metric metrics name type suite group groups category categories subject domain 数据集 任务 '
                    '评测集 评测 基准 能力 指标 ベンチマーク 벤치마크',
 'benchmark_fillers': 'name names suite aa measured 0 shot the of and',
 'model_heads': 'model models method methods system systems llm llms checkpoint checkpoints agent agents backbone '
                '模型 模型名称 モデル 모델 modelo modell modèle модель',
 'group_heads': 'category categories capability capabilities domain domains topic topics area areas type types '
                'group groups section sections skill skills modality ability dimension field subject 类别 能力 能力维度 类型 '
                '分类 领域',
 'common_languages': 'english chinese multi multilingual bilingual language languages lang',
 'filter_words': 'flexible strict extract match',
 'chapters': 'descriptions?|introduction|cards?|usage|technical|features?|news|updates?|specifications?|what|how|use[sd]?|getting|started|quick '
             '?start|faq|intended|limitations|research|deployment|inference|architecture|acknowledge?ments|releases?|in|a|nutshell|tl;?dr',
 'plain_brackets': 'ours?|official|(?:self-)?reported|published|paper|(?:\\d+ ?% )?(?:ci|confidence '
                   'interval)|avg|average|mean|sota|new',
 'said_heads': 'comment comments remark remarks note notes description descriptions checkpoint checkpoints weights '
               'weight caveat caveats detail details unit units direction',
 'plain_cells': 'link links url urls download downloads paper license licence org organization organisation '
                'organizations developer company vendor provider creator author hf huggingface hugging face github '
                'modelscope demo country open source rank ranking date released release',
 'plain_groups': 'generalist specialist generic open source opensource weight weights proprietary closed '
                 'commercial api similar sized size comparable larger smaller small large models model ours our '
                 'own dense moe llm llms llama qwen results scores score performance benchmark benchmarks '
                 'evaluation general public other others state of the art sota recent 2x 3x 4x x and baselines '
                 'competitor competitors',
 'command_tells': 'metric[=: '
                  ']+(?!acc|exact|em\\b|f1|pass@1\\b|pass_at_1)\\S+|load_in_[48]bit=(?:true|1)|quantization[= '
                  '](?!none)\\S+|limit[=: ]+\\d+|--split[= ](?:dev|val|train)\\w*|revision[=: '
                  ']+(?!main\\b)\\S+|(?:peft|lora|adapter)\\w*[=: ]+\\S+|maj@\\d+|--(?:n_samples|num_samples|n)[= '
                  '](?!1\\b)\\d+|\\S+\\.gguf|\\S*-(?:gptq|awq)\\b',
 'setup_sections': 'erratum errata correction corrections conventions setup settings setting notes note details '
                   'detail remarks protocol methodology method methods configuration caveats caveat disclaimer '
                   'disclaimers evaluation evaluations eval benchmark benchmarks experimental experiment about the '
                   'on our results 评测设置 设置 说明 备注 细节',
 'setup_heads': 'erratum errata correction corrections conventions setup settings setting notes note details '
                'detail remarks protocol methodology configuration caveats caveat disclaimer disclaimers 评测设置 设置 '
                '说明 备注 细节',
 'others': 'other others further various family families series large larger open source closed proprietary '
           'commercial competitor competitors competing baseline baselines sota leading popular similar comparable '
           'community retrieval long full fine tuned tuning finetuned finetuning release releases released version '
           'versions',
 'roles': 'before after student teacher original new old adapter this ours base vanilla baseline finetuned fine '
          'tuned tuning with without the model reasoning thinking on off raw merged sft dpo rlhf chat instruct '
          'lora qlora pretrained w trained untrained',
 'everyday_keys': 'drop apps frames include record nexus',
 'no_benchmark': 'hbm slo rss avgtok nparams dof ci95 iqr mad utmos clip l2 self-bleu ppl-wiki xrt mib tps rps mfu '
                 'p50 p90 p95 p99 co2e kwh avglen genlen maxlen ctxlen avgrank gpuh eur rmb usd gib nfe asr fpr '
                 'fnr tpr tnr jsd e2e vs rel ppl kl kld snr ece sota r n k p t',
 'topics': 'math maths mathematics mathematical arithmetic algebra geometry calculus code coding programming '
           'software reasoning knowledge language languages linguistics translation summarization summarisation '
           'writing creative chat dialogue dialog conversation safety instruction instructions following agent '
           'agents agentic tool tools use stem humanities social science sciences scientific other others history '
           'law legal medicine medical clinical health biology chemistry physics economics finance financial '
           'business philosophy psychology literature arts logic logical deduction commonsense common sense '
           'reading comprehension qa question answering understanding vision visual image images video videos '
           'audio speech ocr document documents chart charts diagram table tables infographic long short context '
           'retrieval classification clustering reranking sts similarity multilingual english hard easy medium '
           'level general professional roleplay role play extraction planning brainstorming factuality '
           'truthfulness helpfulness honesty world geography culture data analysis python java javascript rust go '
           'cpp php ruby kotlin swift bash typescript scala sql perl julia lua racket haskell all total overall '
           'both perception cognition counting position color existence spatial temporal object attribute action '
           'text textual fine coarse grained single multi relation in out domain of and the with to from on for '
           'news web books wiki wikipedia clean test dev val validation set split main public train',
 'language_codes': 'ar bn ca cs da de deu el es eu fa fi fr fra he hi hu id it ita ja jp jpn ko kor kr ms nl no pl '
                   'por pt ro ru rus spa sv sw ta te th tr uk ur vi zh zho cn',
 'sections_of_all': 'evaluation evaluations eval benchmark benchmarks experimental erratum errata correction '
                    'corrections conventions',
 'telling_names': 'wer cer elo perplexity macro micro devtest dev reasoning thinking top-1 top-5 judge',
 'telling_facts': '温度 采样次数 量化位数 样本数 量化 checkpoint ckpt sparsity temp beam beams iterations rounds attempts tries '
                  'fold samples votes bits bpw wbits temperature temp step steps epoch epochs budget trials '
                  'generations',
 'setting_heads': 'language languages lang langpair split subset subsets setting settings config configuration '
                  'mode modes prompt prompting strategy subtask pair 语言',
 'kinds_tuned': 'instruct instruction chat chatbot sft rlhf dpo aligned alignment posttrained finetuned 对话 指令 rlhf '
                'rl',
 'kinds_base': 'base pretrained foundation 基座 预训练',
 'modes': 'new best thinking nonthinking reasoning nonreasoning think tools tool browsing search python cot tir '
          'greedy low medium high minimal effort budget mode off on with without w no non wo enabled disabled fast '
          'hybrid step original half',
 'soft': 'hf v1 v1.0 v0.1 v0.2 v0.3 v2 v2.0 v3 version preview moe dense vision vl multimodal model it llm',
 'vendors': 'meta google microsoft nvidia ibm openai alibaba mistralai anthropic ai tencent bytedance huggingface '
            'facebook amazon apple cohere',
 'quantized': 'bits int2 int3 int4 int5 int6 int8 fp4 fp6 fp8 nf4 mxfp4 nvfp4 w4a16 w8a8 w4a8 w8a16 4bit 8bit 3bit '
              '2bit 4bits 8bits awq gptq gguf ggml exl2 mlx bnb quantized qat lora qlora pruned distill distilled '
              'adapter 4 8 bit int fp quantization quantisation quantised',
 'neutral': 'ours our we this model the work proposed 本模型 我们 我们的 我们的模型 本 当 モデル 本モデル 当モデル 우리 본 모델 unser modell '
            'notre modele nuestro nosso modelo наша модель models',
 'ours': 'ours|our (?:model|method|system)|this (?:model|work|repo(?:sitory)?)|本模型|我们(?:的模型)?|[本当]モデル|(?:우리|본) '
         '?모델|unser modell|notre modèle|nuestro modelo|nosso modelo|наша модель',
 'benchmark_shapes': 'mmlu|gsm-?8k|human-?eval|mbpp|bench|eval(?:uation|plus|\\+)?\\b|qa\\b|qa[-_v]|arc(?<=\\barc)\\b|arc[-_ '
                     ']|hella ?swag|winogrande|truthful|math(?<=\\bmath)\\b|math[-_ '
                     ']?\\d|aime(?<=\\baime)|gpqa|bbh(?<=\\bbbh)\\b|codeforces|arena|hle(?<=\\bhle)\\b|swe-|squad|drop(?<=\\bdrop)\\b|race(?<=\\brace)\\b|piqa|boolq|lambada|glue\\b|mteb(?<=\\bmteb)|beir(?<=\\bbeir)|flores|wmt(?<=\\bwmt)|libri '
                     '?speech|fleurs|common '
                     '?voice|coco|imagenet|vqa|ocr|mmmu|ai2d|gaokao|xnli|belebele|bbq|ruler|needle|bfcl|tau-?\\d|τ|newstest|tatoeba|imdb|sst-?\\d|mnli|stsb?\\b|livecode|multipl-?e|spider|swag|test(?:-clean|-other)|aishell|gigaspeech',
 'eval_words': 'evaluat\\w*|benchmark\\w*|results?|scores?|leaderboards?|accuracy|comparisons?|metrics?|capabilit\\w+|quality|eval|evals|experiments?|wer|bleu|mteb|评测|评估|结果|效果|榜|성능|평가|評価',
 'splits': 'val(?:idation)?|test|dev|testmini|full|all|public|test[-_ ]?\\w{1,6}|dev[-_ ]?\\w{1,6}|\\d[\\d.k]*',
 'notes': [['\\b(?:no|without|w/o)[ -]*(?:python|tools?|search|browsing)\\b', None],
           ['\\b(?:non|no)[- ]?(?:think(?:ing)?|reasoning)\\b|\\bwithout '
            '(?:thinking|reasoning)\\b|\\b(?:thinking|reasoning)[- ](?:mode )?off\\b',
            'Non-thinking'],
           ['\\bthink(?:ing)?\\b|\\breasoning[- ](?:mode|on)\\b', 'Thinking'],
           ['(?:\\bwith|\\bw/|\\+)[ -]*python\\b', 'With Python'],
           ['(?:\\bwith|\\bw/|\\+)[ -]*(?:tools?|search|browsing)\\b|^tools?$', 'With tools'],
           ['\\btext[- ]only\\b', 'Text only']],
 'plain_notes': 'ours our official reported self reproduced published paper original default standard full public '
                'v0 lm eval harness leaderboard vllm opencompass lighteval inspect agentic greedy m matched',
 'many_languages': 'agieval mgsm mmmlu belebele xnli xcopa flores_200 longbench gaokao paws_x xstorycloze include '
                   'mkqa',
 'other_models': 'instruct chat sft rlhf dpo posttrained finetuned base pretrained foundation baseline gpt chatgpt '
                 'llama mistral mixtral gemma qwen deepseek falcon claude gemini vicuna internlm baichuan chatglm '
                 'palm',
 'derived': 'abliterated uncensored heretic unaligned decensored',
 'last_facts': 'length lengths len tokens time latency cost price memory speed size rank gap delta',
 'asked_heads': 'level levels difficulty k turns turn year contaminated contamination temperature temp context ctx '
                'data 难度 温度',
 'count_heads': 'samples sample items item questions question examples instances problems n size count 题数 样本数 数量',
 'edition_heads': 'version ver variant edition 版本',
 'heading_metrics': 'ppl perplexity wer cer bpb bpc ter mse rmse mae fid der eer',
 'metric_signs': {'困惑度': 'perplexity', '词错误率': 'wer', '字错误率': 'cer'},
 'tail_metrics': 'acc em f1 bleu sacrebleu chrf ter wer cer mer ppl mcc auc ndcg mrr rouge-1 rouge-2 rouge-l bpb',
 'size_heads': '参数量 模型大小 大小 サイズ パラメータ数 파라미터 크기 size params parameters param precision quantization quant bits '
               'dtype version',
 'log_words': 'epoch epochs step steps loss',
 'tuned_text': '\\b(?<!Evol-)(?<!Self-)(?:[Ii]nstruct(?:ion)?s?(?![- '
               ']?(?:[Ff]ollow|[Ee]val|[Bb]ench|[Dd]ata))|INSTRUCT|[Cc]hat(?:[Bb]ot)?(?! '
               '?[Aa]rena)|CHAT|[Ff]ine-?\\s?[Tt]uned|[Pp]ost-?\\s?[Tt]rain(?:ed|ing)|[Aa]ligned|SFT|RLHF|DPO|IT)\\b|对话模型|指令',
 'base_text': '\\b(?:[Bb]ase|BASE|[Pp]re-?\\s?[Tt]rained|[Ff]oundation(?:al)?|PT)\\b(?! on)|基座|预训练',
 'not_a_share': 'elo rating points score ppl perplexity loss wer cer ter fid mse index',
 'plain_headings': 'ベンチマーク 벤치마크 評価 性能 성능 평가 评价 性能评测 nlu nlg evaluation evaluations evaluating evaluated eval evals '
                   'results result benchmark benchmarks benchmarking performance model models score scores metric '
                   'metrics summary overview main full quality accuracy detailed overall final testing test tests '
                   'set sets validation dev report reports training train open llm leaderboard leaderboards '
                   'analysis comparison experiments experiment on of the and for in with by from our this a an to '
                   'at is as task tasks data dataset datasets word error rate zero few shot shots general standard '
                   'academic public english chinese multilingual language languages detail details quantitative '
                   'automatic human reported measured harness lm eval average averages downstream classification '
                   'retrieval translation summarization generation recognition speech 评测 评测结果 结果',
 'version_heads': 'version versions ver generation step steps epoch epochs checkpoint ckpt',
 'siblings': 'vl vision visual audio omni code coder math mini small medium large xl plus pro max ultra lite light '
             'turbo flash preview nano tiny huge next guard embed embedding reranker reward rm long',
 'metric_qualifiers': 'strict loose flexible norm lc macro micro weighted relaxed quasi',
 'no_metrics': 'none level score scores proportion percent points mixed unknown',
 'row_label_fillers': 'score scores rate avg average mean metric level overall percent shot shots on the',
 'shot_heads': 'shot shots fewshot nshot kshot icl demonstrations',
 'shot_fillers': 'few n k num number of examples in context the default setting settings',
 'metric_heads': 'metric metrics measure measures filter filters scorer scorers scoring 指标',
 'row_setting_heads': 'setting settings setup protocol config configuration mode modes prompt prompts prompting '
                      'template strategy cot subset subsets subject subjects subtask split splits part variant '
                      'variants language lang temperature temp decoding sampling thinking tools',
 'row_setting_fillers': 'eval evaluation test chat used with and',
 'row_metric_fillers': 'higher lower is better of in a match',
 'plain_labels': 'parsing nous compression note reproduce hf lm_eval сравнение с другими моделями anderen andere '
                 'modellen autres otros outros altri using openllm creation roleplay planning brainstorming '
                 'rewriting extraction run runs key highlights highlight additional more further other others '
                 'various several different vs versus baseline baselines sota state art leading popular similar '
                 'comparable large larger open source opensource opensourced closed proprietary commercial '
                 'competitor competitors competing domain domains category categories capability capabilities '
                 'ability abilities skill skills core suite suites collection section table tables figure tab fig '
                 'appendix typical classic downstream official community text texts textual vision visual image '
                 'images audio video videos multimodal multimodality modality modalities omni spoken document '
                 'documents chart ocr understanding comprehension reading reasoning logic logical math maths '
                 'mathematics mathematical arithmetic code coding programming software engineering knowledge world '
                 'commonsense common sense answering qa instruction instructions following tool agent agents '
                 'agentic function functions call calls calling safety ethics alignment long context dialogue chat '
                 'conversation conversational creative writing embedding embeddings reranking classification '
                 'recognition science sciences scientific stem humanities social medical medicine law legal '
                 'finance financial biology chemistry physics health intelligence typical family families series '
                 'type types group groups grouped core set sets multiple choice mcq show shows shown below above '
                 'follow follows following under here these those this that which we uses its it their they them '
                 'each every all any both per across among on about also conduct conducted perform performed '
                 'present presents presented list lists listed summarize summarizes summarized summarizing obtain '
                 'obtained achieve achieves achieved provide provides provided give gives given were was been be '
                 'is are has have had report reports reporting reported evaluate released release corresponding '
                 'respective related relevant large wide extensive comprehensive see view click expand how well '
                 'does do can you your latest current mode modes opencompass helm lighteval vlmevalkit evalplus '
                 'gpt4all artificial analysis simple framework frameworks tool toolkit harness inspect library '
                 'leaderboard ranked-choice tested mainly focus focuses focused single publicly accessible '
                 'available information similarity semantic natural ended aspects dimensions dimension important '
                 'major demonstrate demonstrates demonstrated performs compares outperform outperforms similarly '
                 'strong competitive excellent great good including include includes such etc than highly '
                 'specifically covering covers collected collection available nlp nlu nlg asr tts mt vlm vlms mllm '
                 'mllms lm lms slm ai ergebnis ergebnisse auswertung bewertung leistung vergleich übersicht '
                 'modelle modell und der die das im mit für auf von résultats résultat évaluation évaluations '
                 'performances comparaison modèle modèles et les des du de la le sur resultados resultado '
                 'evaluación rendimiento comparación modelo modelos y el los las en con avaliação desempenho '
                 'comparação e o os da do dos risultati valutazione prestazioni confronto modello modelli il i gli '
                 'di результаты результат оценка сравнение модели модель и на качество wyniki ocena porównanie '
                 'sonuçlar değerlendirme karşılaştırma hasil evaluasi kết quả đánh giá',
 'plain_stems': 'benchmark|evaluat|compari|compare',
 'plain_phrases': "['’](?:ve|re|ll)|multi[- ]?image|end[- ]to[- ]end|temperature ?= ?[\\d.]+|top[-_ ]?p ?= "
                  '?[\\d.]+|(?<=\\[!)(?:note|important|tip|warning|caution)|e\\.g|i\\.e|et al|open ?llm '
                  'leaderboards?(?: v\\d)?|(?:open '
                  '?llm|leaderboard|harness|vllm|sglang|transformers|lighteval|opencompass|evalplus|alpaca '
                  '?eval|arena[- ]hard|mt[- ]bench|livecodebench)(?: leaderboard)?[ -]?\\(?v[\\d.]+\\)?|(?:can be '
                  ')?found (?:here|below|in|at)|(?:removed|excluded) (?:all )?(?:test|benchmark|evaluation) '
                  '(?:items|sets?|data|questions|examples)(?: from (?:the |our )?(?:pre-?)?training '
                  '(?:data|sets?|corpus))?|a temperature of [\\d.]+|a top-p value of [\\d.]+|requiring '
                  'sampling|generate \\d+ responses per (?:query|question|prompt)(?= to estimate pass@1)|the '
                  'acc_norm by default|(?:in )?bold (?:marks?|means?|is) (?:the )?best '
                  '(?:results?|scores?|values?)?|chain[- ]of[- ]thoughts? '
                  'prompting|(?:jan|feb|mar|apr|may|june?|july?|aug|sept?|oct|nov|dec)[a-z]*\\.? '
                  '\\d{2,4}|(?:(?:shown|given|reported) )?(?:in|as) '
                  '(?:percent(?:ages?)?|proportions?|fractions?)(?! (?:of|points?)\\b)|(?:to )?estimate '
                  'pass@1|(?:english|chinese|multi[- ]?lingual|multi[- ]?language|bilingual) '
                  '(?:benchmarks?|datasets?|tasks?|translation)|higher is better|click to '
                  '(?:view|expand|show)|multi[- ]?modal(?:ity)?|multi[- ]?turn|languages selected '
                  'for|(?:similarly|comparably|same|similar|comparable)(?: model)?[- '
                  ']siz(?:ed|es?)|(?:medium|small|smaller)[- ](?:sized )?(?=models)|question answering|extended(?= '
                  'thinking)|tool[- ]use|as follows|evaluated against|as well as|such as|open[- '
                  ']weights?|(?:compar\\w+|together|along) with|(?:using|with|by|via) (?:the )?(?:lm[- '
                  ']?eval\\w*|eleuther\\w*|lighteval|opencompass|vlmevalkit|evalplus|helm|open llm '
                  'leaderboard)|(?:instruction|fine|post|pre)[- ]?(?:tuned|trained|tuning|training)|open[- '
                  ']ended|\\w+ '
                  '\\(pretrained(?==)|(?:dtype|add_bos_token|trust_remote_code|tensor_parallel_size|data_parallel_size|gpu_memory_utilization|max_model_len|max_length|parallelize)=[\\w.]+|gen_kwargs: '
                  '\\(none|limit: none|num_fewshot: \\w+|batch_size: \\w+',
 'spread': '(?:(?:\\b(?:mean|average|avg\\.?)\\s*)?(?:±|∓|\\+/?-|\\\\pm)\\W*(?:[\\w%.]+\\W+){0,4}?|\\b(?:mean|average|scores?|results?) '
           '(?:and|with) (?:its |their |the )?|\\b(?:with|behind|in (?:brackets|parentheses)) (?:its |their |the '
           ')?)(?:(?:bootstrap(?:ped)?|sampling) )?(?:(?:standard|std\\.?)[- '
           ']?(?:errors?|err\\.?|deviations?|dev\\.?)|std[- '
           ']?(?:err|dev)s?\\b|s\\.?e\\.?m\\.?(?!\\w)|s\\.?[ed]\\.?(?!\\w))(?:s?\\b(?! rates?))(?: of the '
           'mean)?(?: in (?:brackets|parentheses))?(?: (?:over|of|across|from) (?:\\w+ '
           '){1,2}(?:runs|seeds|trials)\\b)?',
 'data_names': 'libri ?speech|fleurs|common '
               '?voice|coco(?!a)|imagenet|flores|wmt|newstest|tatoeba|aishell|gigaspeech|voxpopuli|ted-?lium|earnings|\\btest-(?:clean|other)',
 'says_benchmark': 'benchmark benchmarks bench task tasks subtask subtasks eval evals evaluation evaluations '
                   'capability capabilities ability abilities skill skills suite 任务 评测 基准 能力 ベンチマーク 벤치마크',
 'of_sizes': 'params param parameters parameter total totally active activated dense moe about circa ca a of',
 'plain_runs': '한국어 点击查看 详情 单图 多图 文档 解析 图表 等 领域 法律 医疗 多语言 翻译 官方 方案 采用 说明 典型 一系列 进行了 包括 作为 参考 各大 通り 并 同 示します します 示 '
               '所有 均由 均 由 得到 です ます による した います 같습니다 입니다 습니다 합니다 다음과 评测 评估 评价 测评 评测集 测试 测试集 结果 基准 性能 对比 比较 效果 模型 表现 '
               '能力 综合 通用 知识 推理 数学 代码 编程 语言 理解 指令 跟随 遵循 安全 多模态 视觉 图像 音频 语音 视频 文本 对话 工具 调用 智能体 长文本 上下文 写作 学科 常识 阅读 '
               '问答 科学 医学 法律 金融 各 各项 各个 多个 主要 主流 部分 以下 如下 下表 上表 所示 为 是 的 在 与 和 及 以及 上 中 下 了 我们 对 进行 一览 总览 概览 详细 整体 '
               '总体 平均 得分 分数 成绩 指标 榜单 排行榜 数据集 任务 开源 闭源 基座 同等 规模 参数 系列 版本 公开 全面 权威 标准 表 图 其他 不同 大 语言模型 基础 英文 英语 双语 从 '
               '展示 给出 报告 評価 結果 ベンチマーク 性能 比較 モデル スコア 精度 の と に を は が による における での で 主な 各 概要 一覧 能力 推論 数学 コード 知識 言語 理解 '
               '英語 タスク データセット 以下 表 示す 総合 平均 他 公開 オープン 성능 평가 결과 벤치마크 비교 모델 점수 성적 지표 능력 추론 수학 코드 지식 언어 이해 한눈에 요약 전체 '
               '평균 주요 다른 공개 오픈 과제 데이터셋 아래 표 다음 과 와 및 의 에 을 를 은 는 이 가 에서 영어 기준',
 'data_words': 'data dataset datasets sets',
 'result_words': 'result results performance performances score scores accuracy on evaluated',
 'suites': 'glue super_glue mteb beir aa_intelligence_index',
 'never_plain': 'training train human word error rate rates few zero shot shots chinese multilingual validation '
                'dev val with as',
 'sentence_words': 'surpass(?:es)?|exceeds?|beats|demonstrates?|performs?|matches|compares?|lists|gives|presents|summari[sz]es?|provides|we|i|is|are|was|were|be|been|has|have|had|it|they|you|our|this|these|which|that|can|may|will|must|shows?|achieves?|outperforms?',
 'measures_said': [['(?:prompt[- ]?(?:level[- ])?strict|strict[- ]prompt)(?:[- ](?:level[- ])?acc(?:uracy)?)?',
                    'prompt_level_strict_acc'],
                   ['accuracy|acc\\.?|准确率|正确率|정확도|정답률|正解率|正答率',
                    'accuracy exact_match relaxed_accuracy resolved_rate success_rate score pass_at_1 '
                    'prompt_level_strict_acc'],
                   ['pass ?@ ?1', 'pass_at_1 accuracy exact_match resolved_rate pass_rate score'],
                   ['pass rates?', 'pass_at_1 pass_rate resolved_rate'], ['exact[- ]match|em', 'exact_match'],
                   ['(?:word error rates?|wer)\\W{0,3}(?:wer)?|词错误率|字错误率', 'wer'],
                   ['lower is better|越低越好|낮을수록 좋(?:음|다)?|低いほど(?:良い|よい)',
                    'wer word_perplexity toxicity attack_success_rate'],
                   ['perplexity|ppl|困惑度', 'word_perplexity'], ['(?:sacre)?bleu', 'bleu'],
                   ['chrf(?:\\+\\+)?', 'chrf'], ['rouge-?l?', 'rouge_l'], ['f1(?: scores?)?', 'f1'],
                   ['ndcg(?:@10)?', 'ndcg_at_10'], ['(?:length[- ]controlled |lc )?win[- ]?rates?', 'win_rate'],
                   ['elo|ratings?', 'elo rating']],
 'languages': 'german french spanish italian portuguese dutch polish russian ukrainian turkish arabic hebrew '
              'persian hindi bengali urdu tamil thai vietnamese indonesian malay korean japanese chinese greek '
              'czech swedish finnish danish norwegian hungarian romanian swahili catalan basque multi multilingual '
              'bilingual language languages lang',
 'telling': ['errors?|error rates?|incorrect\\w*|wrong(?:ly)?|lower is better|(?:word|character|phoneme) '
             '(?:error|accuracy)|wer|cer|mer|ter|eer|perplexity|ppl|bits per \\w+|bpb',
             'accuracy|macro|micro|f1|f-1|auroc|auc|auprc|mcc|matthews|ece|brier|calibrat\\w+|recall|top-?(?:[2-9]|10)|win[- '
             ']?rates?|elo|ratings?|bleu|chrf|rouge\\w*|meteor|bertscore|ndcg|exact[- '
             ']match|strict|loose|flexible|spearman|pearson|correlations?',
             '(?:pass|maj|cons|best|avg|hit|recall|precision|r|p|acc)@(?!1\\b)\\w+|pass\\^\\w+|maj@1|median|normali[sz]ed|standardi[sz]ed|z-?scores?|percentiles?|log[- '
             ']?(?:likelihoods?|prob\\w*)|likelihoods?|human (?:judge?ments?|raters?|preferences?)|judge[ds]?',
             'rank|ranks|ranked|rankings?|places?|improvements?|gains?|gaps?|differences?|deltas?|margins?|reductions?|reduced|increases?|decreases?|drops?|dropped|degradation|loss|losses|retention|retained '
             'performance|recovery|recovered|relative|ratios?|shares?|fractions?|proportions?|percent(?:age)?s? '
             'of|percentage points?',
             'overlap\\w*|contaminat\\w*|decontaminat\\w*|memori[sz]\\w*|leak\\w*|refus\\w*|hallucinat\\w*|toxic\\w*|consistency|agreement|disagreement|varian\\w*|deviations?|stderr|confidence|intervals?|uncertaint\\w*|robustness|diversity',
             '(?:average|mean|output|response|responses|answer|generated) '
             'lengths?|latenc\\w*|throughput|speed\\w*|seconds?|minutes?|hours?|(?:run|inference|wall|decoding|training)[- '
             ']?times?|time (?:in|to|per|taken)|how '
             '(?:many|much|long|often|fast)|takes?|memory|vram|energy|carbon|emissions?|costs?|prices?|pricing|(?:tokens|words|characters|samples|items|requests) '
             '(?:per|/)|(?:output|generated|response|thinking|reasoning|input|average) (?:\\w+ )?tokens?|tokens? '
             '(?:used|consumed|count)|number(?<!a number)s? of|counts?|counted|frequency|votes?|votings?|sizes? '
             'of|scaled|rescaled|weighted|subtract\\w*|guess\\w*|chance|logits?|p-?values?|out(?<!\\d out) of '
             '\\d+|correct answers|worst|highest|lowest|smaller(?: is|,)? (?:is )?(?:the )?better|1 to '
             '10|solved|unanswered|unparsed|invalid',
             '(?:different|another|other) '
             '(?:prompt|setting|template|harness|protocol|shot|script)\\w*|(?:trained|tuned) on '
             '(?:these|the|those|all|its|our) (?:\\w+ )?(?:test|eval|benchmark)\\w*|(?:on|of|with|using|over) '
             '\\d[\\d,.]*k? (?:questions|items|problems|examples|instances|prompts)|changed|swapped|every \\w+ '
             '(?:question|item)s?|left out|leave out|(?:kept|keep|keeps) '
             'only|skipped|shuffl\\w*|perturb\\w*|paraphras\\w*|rephras\\w*|machine[- '
             ']translated|translated|back-?translat\\w*|subsets?|subsampl\\w*|first \\d+|(?:random|randomly) '
             '\\w+|(?:sample|samples) of|only '
             '\\d+|adversarial\\w*|corrupt\\w*|nois[ey]\\w*|synthetic|modified|altered|rewritten|filtered|(?:easy|hard|easiest|hardest) '
             '(?:split|subset|part)|half of|portion of|mixtures?|data mix\\w*|in '
             '(?:german|french|spanish|italian|portuguese|dutch|polish|russian|ukrainian|turkish|arabic|hebrew|persian|hindi|bengali|urdu|tamil|thai|vietnamese|indonesian|malay|korean|japanese|chinese|greek|czech|swedish|finnish|danish|norwegian|hungarian|romanian|swahili|catalan|basque)|private|proxy',
             'checkpoints?|intermediate|not (?:of )?the released|earlier|early|preview|previous(?: '
             'version)?|older|unreleased|ensembl\\w*|soups?|merged?|ablat\\w*|without|excluding|except|unless|instead '
             'of|quanti[sz]\\w*|lora|adapters?|before|expected|predict\\w*|project(?:ed|ions?)|extrapolat\\w*|estimat\\w*|targets?|planned|goals?|not '
             'yet|preliminary|simulat\\w*|hypothetical\\w*|(?:upper|lower) bounds?|oracle|scaling '
             'laws?|teachers?|students?|humans?|placeholders?|dummy|fake|illustrat\\w*|rough(?:ly)?|approximate\\w*|tentative|confirmed|old|outdated|obsolete|pruned|pruning|int[348]|copy|copies',
             'thinking|non-?thinking|reasoning[- ](?:mode|enabled|on|off|effort)|best[- ]of(?:[- '
             ']\\w+)?|majority|self-?consistency|beams?|rerank(?:ed|er)|retrieval[- ]augmented|rag|with (?:an? '
             '|the )?(?:tools?|calculators?|search|python|browsing|retrieval|hints?|code)|code '
             'interpreter|multiple (?:attempts|tries)|calculators?|internet|allowed to|best '
             '(?:answer|of|run|score)|(?:two|three) (?:times|attempts|tries|runs)|\\d+ '
             '(?:times|attempts|tries|runs)|retr(?:y|ies)|test-?time|high[- ]effort|system '
             'prompt|validation|dev(?:test| set)'],
 'lower_said': 'errors?|errs?|wrong(?:ly)?|incorrect\\w*|mistake\\w*|fail\\w*|miss(?:es|ed)?|loss(?:es)?|unsolved|(?:lower|less|smaller) '
               'is better|false (?:positives?|negatives?)|not (?:solved|correct|passed)',
 'lower_runs': '错误 误差 错答 越低越好 困惑度 幻觉 エラー 誤り 誤答 誤差 低いほど 不正解 오류 오답 오차 낮을수록',
 'telling_runs': '错误率 误差 幻觉 提升 提高 差距 差异 排名 名次 下降 降低 拒答 拒绝 重叠 污染 耗时 时间 秒 分钟 小时 长度 题数 数量 个数 条数 显存 速度 下载 吞吐 成本 比例 占比 '
                 '校准 一致性 稳定性 预测 预期 目标 计划 估计 子集 抽样 随机 前100 打乱 翻译成 机器翻译 改写 扰动 对抗 消融 去掉 去除 不含 未使用 中间检查点 检查点 未发布 早期 集成 '
                 '多数投票 投票 思考模式 思考 采样 越低越好 除非 归一化 相对 最佳 量化 标准差 方差 置信 困惑度 错误 (?<!准确)(?<!正确)(?<!通过)(?<!正答)(?<!正解)率 '
                 '验证集 誤り率 誤答率 エラー率 改善 向上 差 順位 低下 拒否 重複 汚染 秒 長さ 校正 較正 一貫性 予測 目標 予定 推定 サブセット 無作為 シャッフル 翻訳 言い換え 摂動 除い '
                 '除く アブレーション 途中 チェックポイント 未公開 アンサンブル 多数決 思考 低いほど 正規化 相対 量子化 標準偏差 分散 時間 速度 メモリ 検証 오류율 오답 오차 향상 개선 차이 '
                 '격차 순위 감소 거부 거절 중복 오염 초과 시간 길이 개수 보정 일관성 예측 목표 예정 추정 일부 무작위 섞 번역 변형 교란 제외 없이 중간 체크포인트 미공개 초기 앙상블 '
                 '다수결 투표 사고 낮을수록 정규화 상대 양자화 표준편차 분산 속도 메모리 환각 (?<!정답)[률율] 검증',
 'about_table': '(?:these|those|such|all) (?:results?|scores?)\\b|(?:was|were|is|are) '
                "(?:run|used|given|allowed|turned)\\b|may\\b|benchmarks?['’]|(?:per|each|every) "
                '(?:benchmark|task)\\b|(?:numbers?|values?|figures?|cells?|columns?|tables?|rows?|questions?|items?|answers?|samples?)\\b|we '
                '(?:\\w+ly '
                ')?(?:report|count|show|list|give|gave|took|take|sampled?|let|asked?|discount|evaluated?|used?|trained?|expect|tested?|ran|run|followed|follow)\\b|(?:trainings?|evaluations?) '
                '(?:is|are|was|were|has|had)\\b',
 'about_table_first': '(?:below|shown|here|these|those|this) '
                      '(?:is|are|were|was)|(?:after|averaged|beware|mind|note|update|correction|erratum)',
 'is_or_has': '\\b(?:we|only|covers?|contains?|consists?|is|are|was|were|has|had|have|uses?|used|denotes?|refers?|means?|evaluat\\w+|made|scored|with|at)\\b',
 'said_words': 'mathematic paper papers s t as llms llm based surpass surpasses surpassing surpassed range scale '
               'mainstream directly project observed observe author authors tech blog bench thoroughly assess '
               'assesses assessed assessing assessment addition additionally repository offical scheme adopt '
               'adopted adopts designed utilize utilizes utilized utilizing helps help helpful done namely over '
               'advantage advantages substantial substantially clearly exhibit exhibits exhibited experience even '
               'terms propose proposed influential approach approaches comprehensively global notably effectively '
               'effective displays displayed way ways represent represents representative exceptional '
               'exceptionally enhance enhances enhanced enhancing made make makes robust relatively '
               'straightforward eleutherai eleuther taken take takes ourselves reproducible aggregates challenging '
               'challenge challenges broader broad consistent consistently described describe describes find '
               'findings outcome outcomes aforementioned employ employs employed followed spanned span spans '
               'spanning rival rivals rivalling rivaling exceed exceeds exceeded exceeding beat beats beating '
               'match matches matching par remain remains remarkable remarkably impressive notable significant '
               'significantly among amongst class january february march april june july august september october '
               'november december variety diverse numerous particularly especially generally typically overall '
               'nearly almost quite very far despite although though whereas while moreover furthermore thereby '
               'highlighting highlight demonstrating showing showcases showcase showcasing indicate indicates '
               'indicated indicating suggest suggests suggesting confirm confirms confirming prove proves proven '
               'illustrates depicted depicts presented understand understanding gauge measure measures measured '
               'measuring measurement performed performing performant deliver delivers delivered delivering offer '
               'offers offered offering attain attains attained reach reaches reached yield yields yielded excel '
               'excels excelled excelling shine shines stand stands standing against versus amid throughout '
               'including included includes involve involves involving ranging wide widely commonly common used '
               'popular established rigorous rigorously extensive extensively careful carefully systematic '
               'systematically various multiple respectively each same identical fair fairly equal equally '
               'equitable community leaderboard public publicly opensource industry industrial academic academia '
               'research researchers team organization apple mistral gemma llama qwen deepseek phi falcon '
               'anthropic openai google meta microsoft nvidia mixtral yi internlm baichuan chatglm glm designs '
               'design designing complexity complex intricate comprehensive completeness specialised specialized '
               'specifically purposes purpose mentioned listed documented available accessible own aa methodology '
               'aligned h100 h200 a100 h800 a800 trt backend between settings peers jp note used use uses with '
               'some visit covered cover found file files internal library libraries real method methods original '
               'papers means mean marked mark marks come comes obtained conducted powerful problem solving '
               'problems please refer technical details run runs ran default same prompts bold greedy decoding '
               "strong par larger fewer tokens trained training while fairness ensure since but if when where it's "
               'there these so more most many much some also however following follow first second third one two '
               'three four five six seven eight nine ten new work works our ours them their other others number '
               'numbers value values figure figures column columns row rows cell cells question questions answer '
               'answers test set sets data dataset datasets gpu gpus gb vllm sglang hf transformers no does do did '
               'an or nor because due thus hence therefore better best higher highest improved improve improves '
               'superior leading top ability abilities',
 'about_numbers': 'numbers?|figures?|tables?|scores?|results?|reported|measured|evaluat\\w*|accuracy|columns?|rows?|分数|结果|数值|数字|评|スコア|結果|数値|評価|점수|결과|수치|평가'}
# fmt: on


@functools.cache
def word_list(name: str) -> frozenset[str]:
    """The words of one kind."""
    return frozenset(CARD_WORDS[name].split())


def either_case(words: Sequence[str]) -> str:
    """Words as a pattern that fits their small and capital letters, as (?i) does, and is found three times as fast."""
    more = {"i": "İı", "k": "\u212a", "s": "ſ"}  # which (?i) takes for these
    letters = {c: f"[{c}{c.upper()}{more.get(c, '')}]" if c.isalpha() else re.escape(c) for c in "".join(words)}
    return "|".join("".join(map(letters.__getitem__, word)) for word in words)


_ALTERNATIVE = re.compile(r"(?:[^()|\[\]\\]|\\.|\[[^\]]*\]|\((?:[^()]|\([^()]*\))*\))+")  # at the outermost level
_WORDS_FIRST = re.compile(r"\(\?:([^()\[\]\\?*+{}]+)\)(?![?*+{])")


def by_first_letter(alternatives: Iterable[str]) -> str:
    """Alternatives as one pattern in which a letter is tried once for all that begin with it: ten times as fast."""
    groups: dict[str, list[str]] = {}
    for whole in _ALTERNATIVE.findall("|".join(alternatives)):
        words = _WORDS_FIRST.match(whole)
        for one in [word + whole[words.end() :] for word in words[1].split("|")] if words else [whole]:
            plain = one[:1].isalnum() and one[1:2] not in tuple("?*+{")
            groups.setdefault(one[0] if plain else "", []).append(one[1:] if plain else one)
    return "|".join(f"{letter}(?:{'|'.join(rest)})" for letter, rest in groups.items())


FACTS, FACT_FILLERS = word_list("facts"), word_list("fact_fillers")
WEAK_FACTS, FACT_UNITS = word_list("weak_facts"), word_list("fact_units")
MEASURES, MEASURE_FILLERS = word_list("measures"), word_list("measure_fillers")
TAIL_METRICS = word_list("tail_metrics")
_EVERYDAY = word_list("everyday_keys")
AVERAGES, VALUES = word_list("average_words"), word_list("value_heads")
_SHAPE = re.compile(by_first_letter([CARD_WORDS["benchmark_shapes"]]))
_SPLIT = re.compile(rf"(?i)(?:{CARD_WORDS['splits']})")
_SPLIT_NAMES = {name: name for name in ("train", "test", "validation", "testmini")}
_SPLIT_NAMES |= dict.fromkeys(("val", "dev"), "validation")
_NOTES = [(re.compile(pattern, re.I), note) for pattern, note in CARD_WORDS["notes"]]
_BRACKET = re.compile(r"\s*(?:\(([^()]{0,120})\)|\[([^\[\]]{0,120})\]|（([^（）]{0,120})）)")
_OPENS = re.compile(r"[(\[（]")  # found much sooner than a bracket, which may begin with a space
_PARTS = re.compile(r"\s*[,;，、]\s*")
_SHOT = re.compile(
    r"(?i)(?<![\w.])(\d{1,3}(?:\s?[-–~]\s?\d{1,3})?|zero|one|two|three|five|few|many)[\s_-]*shots?(@\d+)?(?![a-z])"
)
_SHOT_NUMBER = {"zero": "0", "one": "1", "two": "2", "three": "3", "five": "5"}
_COT = re.compile(
    r"(?i)(?<![a-z\d])(?:w/o?\s*|with(?:out)?\s+|no[- ])?(?:cot|chain[- ]of[- ]thoughts?)"
    r"(?:\s+prompt(?:ing)?)?(?![a-z\d])"
)
_COT_TAIL = re.compile(r"(?i)(?<=[\s,_-])(?:w/\s*)?cot$")
_AT_K = re.compile(r"(?i)(?<![\w@])[a-z][a-z_-]{0,20}\d*(?:@|\^|_at_) ?\d+(?:[,/]\d+)*(?:@\d+)?(?!\w)|(?<=\s)ratings?$")
_SLASH_METRIC = re.compile(r"(?i)/(acc(?:_norm|uracy)?|em|exact_match|f1|mcc|bleu|mc\d)$")
_TOOL_TAIL = re.compile(r"(?i)[\s,–-]+(?:w/o?|with(?:out)?|no)[\s-]+(?:python|tools?|search|browsing)$")
_SAYS_MORE = re.compile(
    r"[(\[（@^/]| [a-zA-Z]{2,5}[\d-]?[lL]?$|"
    + either_case(("shot", "cot", "_at_", "rating", "tool", "search", "python", "brows"))
)
SIZED = re.compile(r"(?i)(?<![\w.])(?:\d+x)?\d+(?:\.\d+)?[bm](?![a-z\d])")
_SAYS_SETTING = re.compile(r"(?i)shot|cot|chain")
_RAISED = re.compile("[¹²³⁴⁵⁶⁷⁸⁹⁰]")
DIGIT_IN, DIGITS_IN = re.compile(r"\d"), re.compile(r"[\d²³¹⁰⁴-⁹]")
_COUNT_BRACKET = re.compile(r"[(\[（]\s*\d[\d.,]*k?\s*[)\]）]")
_NAME_IN = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.+²-]*|[^\W_A-Za-z0-9]+)(?<![.-])")  # "MMLU为5-shot" is four
_DATE = re.compile(r"(?:20)?2\d(?:0[1-9]|1[0-2])?(?:\d\d)?|(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]*")
_PLAIN_NOTES = word_list("plain_notes")
_WORDS_OF = re.compile(r"[^\W_]+")
_ASCII_WORDS = {code: chr(code).lower() if chr(code).isalnum() else " " for code in range(128)}


class Label(NamedTuple):
    """A benchmark's label, taken apart: "DROP (3-shot F1)" -> DROP, 3-shot, F1."""

    name: str  # as it stands, without shots and metric; brackets that name a split, a subset or a mode stay
    shots: str | None = None
    metric: str | None = None
    note: str | None = None  # what makes it another variant than the benchmark's default: "With tools", "Text only"
    bare: str = ""  # the name without the brackets that are notes or splits


@functools.lru_cache(maxsize=8192)
def words_of(text: str) -> tuple[str, ...]:
    """The folded words of a text: "Real-Time Factor¹" -> real, time, factor."""
    if text.isascii():
        return tuple(text.translate(_ASCII_WORDS).split())
    return tuple(_WORDS_OF.findall(unicodedata.normalize("NFKC", _RAISED.sub("", text)).casefold()))


def unbracketed(text: str) -> str:
    """A text without its brackets."""
    return _BRACKET.sub("", text) if _OPENS.search(text) else text


@functools.lru_cache(maxsize=8192)
def split_label(text: str, brackets_are_metrics: bool = False) -> Label:
    """Take shots, metric and notes off a benchmark's label.

    "MMMU (val, CoT)" -> "MMMU (val)", CoT; "AIME 2024 pass@1" -> "AIME 2024", pass@1; "HLE (w/ tools)" -> With tools
    """
    text = label_text(text)
    if not _SAYS_MORE.search(text):
        return Label(text, bare=text)
    shots: list[str] = []
    metric: list[str] = []
    notes: list[str] = []

    def bracket(match: re.Match[str]) -> str:
        rest = [part for part in _PARTS.split(match[1] or match[2] or match[3] or "") if part]
        rest = [left for part in rest if (left := take_part(part, shots, metric))]
        last = not _BRACKET.search(match.string, match.end())  # "X (2408-2505) (Pass@1)": the metric comes last
        if rest and brackets_are_metrics and last and not any(_SPLIT.fullmatch(part) for part in rest):
            metric.extend(rest)
            rest = []
        notes.extend(part for part in rest if not _SPLIT.fullmatch(part) or note_of(part))
        return f"{' ' * match[0][0].isspace()}({', '.join(rest)})" if rest else ""

    name = label_text(_BRACKET.sub(bracket, text)) if _OPENS.search(text) else text
    name = take_shots(name, shots)
    for pattern, found in ((_COT_TAIL, shots), (_AT_K, metric), (_SLASH_METRIC, metric)):
        if (match := pattern.search(name)) and (
            rest := (name[: match.start()] + " " + name[match.end() :]).strip(" ,;:/|_-–@")
        ):
            found.append(shot_name(match[0]) if found is shots else match[0].strip("/ "))
            name = " ".join(rest.split())
    last = name.rpartition(" ")
    if last[0] and last[2].casefold() in TAIL_METRICS and not is_measure(name) and not is_average(name):
        name = last[0].rstrip(" ,;:/|_-–")  # "M-LongDoc acc"
        metric.append(last[2])
    name = name or text
    bare = unbracketed(name).strip() or name
    if tail := _TOOL_TAIL.search(bare):
        notes.append(tail[0].strip(" ,–-"))
        bare = bare[: tail.start()]
    told = dict.fromkeys(note for part in notes if (note := note_of(part, part)))
    shots_said, metrics_said = ", ".join(dict.fromkeys(shots)), ", ".join(dict.fromkeys(metric))
    return Label(name, shots_said or None, metrics_said or None, ", ".join(told) or None, bare)


def take_shots(name: str, shots: list[str]) -> str:
    """Move shots off a name whose part they are not: "BBH 3-shot", "zero-shot HellaSwag"; not "Few-shot Learning"."""
    if not (match := _SHOT.search(name)):
        return name
    before, after = (part.strip(" ,;:/|_-–@") for part in (name[: match.start()], name[match.end() :]))
    count = shot_name(match[0])
    numbered, shaped = count[0].isdigit(), _SHAPE.search(_BRACKET.sub("", before or after).casefold())
    taken = not after or is_setting(after) or (shaped and (numbered or not before))
    if (before or after) and (taken or numbered):
        shots.append(count)
    return f"{before} {after}".strip() or name if taken else name


@functools.lru_cache(maxsize=1024)
def shots_of(text: str) -> str | None:
    """The one number of shots that a heading says, and whether with a chain of thought: "5-shot, CoT"."""
    found = {shot_name(match[0]) for match in _SHOT.finditer(text)}
    thought = _COT.search(text)
    told = [*found] if len(found) < 2 else []
    told += ["CoT"] if thought and not thought[0].lower().startswith(("no", "w/o", "without")) else []
    return ", ".join(told) or None


def without_settings(text: str) -> str:
    """A text without its shots, chain of thought, and modes that are notes."""
    for pattern in (_SHOT, _COT, *(pattern for pattern, _ in _NOTES)):
        text = pattern.sub(" ", text)
    return text


@functools.lru_cache(maxsize=1024)
def note_of(text: str, other: str | None = None) -> str | None:
    """The note that a mode has: "w/ tools" -> With tools, "no tools" -> None, the default; else `other`."""
    return next((note for pattern, note in _NOTES if pattern.search(text)), other) if text else other


def take_part(part: str, shots: list[str], metric: list[str]) -> str:
    """Move what a part of a bracket says about shots and metric into the lists; the rest is returned."""
    rest, found = part, []
    if (match := _AT_K.search(rest)) and len(match[0]) < len(rest):
        metric.append(match[0])  # "2407-2409 Pass@1"
        rest = f"{rest[: match.start()]} {rest[match.end() :]}".strip(" ,;:/|_-–@")
    for pattern in (_SHOT, _COT):
        if match := pattern.search(rest):
            found.append(shot_name(match[0]))
            rest = (rest[: match.start()] + rest[match.end() :]).strip(" -_,:@+&")
    if rest and is_measure(rest):
        metric.append(rest)
        rest = ""
    elif rest and found:
        if found == ["CoT"] and re.fullmatch(r"[\w.-]+", part):
            return part
        if re.fullmatch(r"(?i)prompt(?:ing)?|setting|with|no|w/?|eval(?:uation)?", rest):
            rest = ""
    shots.extend(found)
    return rest


def shot_name(text: str) -> str:
    """ "zero shot", "0_shot" -> "0-shot"; "cot" -> "CoT"."""
    text = " ".join(text.split())
    if match := _SHOT.search(text):
        return f"{_SHOT_NUMBER.get(match[1].lower(), match[1].lower())}-shot{match[2] or ''}"
    return re.sub(r"(?i)cot", "CoT", text).strip()


@functools.lru_cache(maxsize=8192)
def is_measure(text: str) -> bool:
    """Whether a text names a measure and nothing else: "Pass@1", "macro_avg/acc_char", "LC win rate", "Acc.↑"."""
    text = label_text(text)
    if not text or len(text) > 60:
        return False
    if _AT_K.fullmatch(text):
        return True
    words = words_of(text.replace("%", ""))
    if "".join(words) in MEASURES:
        return True
    return not MEASURES.isdisjoint(words) and all(w in MEASURES or w in MEASURE_FILLERS for w in words)


@functools.lru_cache(maxsize=8192)
def is_average(text: str) -> bool:
    """Whether a label is an average of a table and names nothing of its own: "Avg.", "Overall Acc.", "Average (56)"."""
    words = words_of(text)
    if text[:1] not in ("(", "[", "（") and (not words or words[0] not in AVERAGES):
        return False
    words = words_of(unbracketed(text))
    return bool(words) and words[0] in AVERAGES and all(
        w in AVERAGES or w in MEASURES or w in MEASURE_FILLERS for w in words
    )  # fmt: skip


@functools.lru_cache(maxsize=8192)
def is_setting(text: str) -> bool:
    """Whether a label says only shots or a metric: "5-shot", "0-shot, CoT", "pass@1", "(EM)"."""
    text = label_text(text)
    if text[:1] in ("(", "[") and text[-1:] in (")", "]"):
        text = text[1:-1]
    if not text or len(text) > 60 or is_average(text):
        return False
    if is_measure(text):
        return True
    if not _SAYS_SETTING.search(text):
        return False
    shots: list[str] = []
    return all(not take_part(part, shots, []) for part in re.split(r"\s*[,;+&|(]\s*|\s+/\s+", text.rstrip(")")) if part)


@functools.lru_cache(maxsize=8192)
def is_fact(text: str) -> bool:
    """Whether a header or row label is a fact (size, speed, cost, time, rank, link, deviation), not a score."""
    text = label_text(text)
    if not text or len(text) > 80:
        return False
    if text.startswith("#"):
        return "shot" not in text.lower()
    unit = _BRACKET.search(text) if _OPENS.search(text) else None
    if text in ("±", "+/-") or (unit and is_unit(unit[1] or unit[2] or unit[3] or "")):
        return True
    words = words_of((unit and _BRACKET.sub("", text)) or text)
    return not FACTS.isdisjoint(words) and all(w in FACTS or w in FACT_FILLERS or w.isdigit() for w in words)


def is_generic(text: str) -> bool:
    """Whether a header of values says nothing, a measure or an average: "Score", "WER (%)", "Avg."."""
    words = words_of(unbracketed(text))
    return not text or is_measure(text) or is_average(text) or (bool(words) and VALUES.issuperset(words))


def is_unit(text: str) -> bool:
    """Whether a bracket says a unit that no score has: "GB", "tokens/s", "ms"."""
    parts = text.casefold().removeprefix("in ").split()
    return bool(parts) and all(part in FACT_UNITS or part.strip("$€¥") != part for part in parts)


def is_weak_fact(text: str) -> bool:
    """Whether one word that may be a fact is a benchmark as well, when it stands in a list of benchmarks."""
    words = words_of(label_text(text))
    return len(words) == 1 and words[0] in WEAK_FACTS


def is_plain_note(text: str, key: str, vocabulary: Vocabulary) -> bool:
    """Whether what is said beside a benchmark's name makes no part of it: a mode, a date, its topic, "official"."""
    if any(text == note for _, note in _NOTES) or is_average(text) or is_setting(text) or vocabulary.key(text) == key:
        return True
    topic = vocabulary.topics.get(key, "").split("_")  # "GSM8K (math)"
    english = () if key in word_list("many_languages") else ("en", "english")
    return "%" not in text and all(
        word in _PLAIN_NOTES
        or word in english
        or _DATE.fullmatch(word)
        or any(word == one or (len(word) > 4 and word[:3] == one[:3]) for one in topic)
        for word in words_of(text)
    )


def is_everyday(name: str) -> bool:
    """Whether a benchmark's name is written as the everyday word that it is: "Drop", "Frames"."""
    return name.istitle() and name.casefold() in _EVERYDAY


@dataclass(frozen=True, slots=True, eq=False)
class Vocabulary:
    """metric_mapping.json by folded name, and what its benchmarks' values can be."""

    keys: dict[str, str]
    ranges: dict[str, tuple[float | None, float | None]]  # key -> lowest and highest, in percent where it is a share
    metrics: dict[str, str]  # key -> main metric
    splits: dict[str, str]  # key -> the split of its data set that is the benchmark's
    topics: dict[str, str]  # key -> category
    items: dict[str, int]  # key -> how many it has; 0: not known
    datasets: dict[str, frozenset[str]]  # key -> folded names of its data set on the Hub, owners off
    starts: frozenset[str]  # the first three letters of the names

    def key(self, label: Label | str) -> str | None:
        """The canonical key of a label; brackets that name a split or a mode ("MMMU (val)") may be left out."""
        name, bare = (label, label) if isinstance(label, str) else (label.name, label.bare)
        if bare.casefold() == "math" and not bare.isupper():
            return None  # a group of benchmarks; MATH is one
        told = isinstance(label, Label) and (label.shots or label.metric)
        if is_everyday(bare) and not told:
            return None  # "Drop" may be what it says; DROP, and "Drop (3-shot)", are benchmarks
        if (key := self.keys.get(folded_name(name))) or bare == name:
            return key
        if _COUNT_BRACKET.search(name):
            return None  # "GSM8K (100)": so many of its items
        key, plain = self.keys.get(folded_name(bare)), folded_name(bare)
        said = {_SPLIT_NAMES[word] for word in words_of(name) if word in _SPLIT_NAMES} if key else ()
        if said and (own := _SPLIT_NAMES.get(self.splits[key], "train")) != "train" and said != {own}:
            return None  # "MMMU (test)" is not what MMMU is measured on
        subset = isinstance(label, Label) and label.note and key and folded_name(key) != plain
        return None if subset and folded_name(key or "").startswith(plain) else key  # "RACE (middle)" is no race_high


@functools.lru_cache(maxsize=8192)
def is_benchmark(text: str, vocabulary: Vocabulary) -> bool:
    """Whether a label is in the vocabulary, or is shaped like a benchmark's name."""
    if len(text) > 150:
        return False
    if vocabulary.keys.get(folded_name(text)):
        return True
    if _SHAPE.search(text.casefold()):
        return not SIZED.search(text)  # "WizardMath-7B" is a model
    return ("(" in text or "-shot" in text) and bool(vocabulary.key(split_label(text)))


@functools.lru_cache(maxsize=1024)
def benchmarks_in(text: str, vocabulary: Vocabulary) -> dict[str, str]:
    """The benchmarks of the vocabulary that a text names, with their keys; a plain word ("drop", "Race") is none."""
    found: dict[str, str] = {}
    words, done = [word.span() for word in _NAME_IN.finditer(text[:600])], 0
    for at, (start, _) in enumerate(words):
        first = text[start : start + 3]  # three letters of one word begin the folded name
        known = first.lower() in vocabulary.starts or not (len(first) == 3 and first.isascii() and first.isalnum())
        for _, end in reversed(words[at : at + 4]) if known and start >= done else ():
            name = text[start:end]
            if (DIGITS_IN.search(name) or name[1:].lower() != name[1:] or name.isupper()) and (
                key := vocabulary.key(name)
            ):
                found[name], done = key, end
                break
    return found


# --- parts/cards/model_names.py ---------------------------------------------------------------------------------------

_TOKEN = re.compile(r"\d+(?:\.\d+)*(?:[bmkt](?![^\W\d_])|[bmkt](?=v\d))?|[^\W\d_]+")
_PHRASES = (
    (re.compile(r"pre-?\s?train(?:ed|ing)?\b"), " pretrained "),
    (re.compile(r"\binstruct(?:ion)?[- ]?(?:tuned|finetuned|fine-tuned)\b"), " instruct "),
    (re.compile(r"post-?\s?trained\b"), " posttrained "),
    (re.compile(r"fine-?\s?tuned\b"), " finetuned "),
    (re.compile(r"(?<=\d)_(?=\d)"), "."),
    (re.compile(r"\b(?:bf|fp|bfloat|float)-?16\b"), " half "),
    (re.compile(r"\b(?:non|no)[- ]?(thinking|reasoning)\b"), r" non\1 "),
)
_IN_PHRASES = re.compile("train|tun|16|_|thinking|reasoning")  # in each of them
_SYNONYMS = {"it": "instruct", "inst": "instruct", "ins": "instruct", "instruction": "instruct", "pt": "pretrained"}
_NOT_AS_IT_STANDS = frozenset(("v", *_SYNONYMS))
TUNED, BASE, QUANTIZED = word_list("kinds_tuned"), word_list("kinds_base"), word_list("quantized")
SIBLINGS, RELATIVE_LABELS = word_list("siblings"), word_list("roles")
MODES, SOFT, VENDORS, NEUTRAL = word_list("modes"), word_list("soft"), word_list("vendors"), word_list("neutral")
_SIGNED = re.compile(r"^\W*[+→⇒↳└]|[+'’′]\W*$")  # "+ Foo-7B" is a change, "Foo-7B++" another model
_OTHER_VENDOR = {"meta": "facebook", "alibaba": "qwen"}  # whose names on the Hub are others
_CODE = re.compile(r"\b(?!vl|ai|lm)[a-z]{2}\b")
_OURS = re.compile(rf"(?i)\W*(?:{CARD_WORDS['ours']})\W*")
_SIZE = re.compile(r"\d+(?:\.\d+)?[bm]")
_ZERO_BEHIND = re.compile(r"\.0(?=[bmt]?$)")  # 8.0b is 8b
_DIGITS = re.compile(r"\d+(?:\.\d+)*[bmkt]?")
_QUANTITY = re.compile(r"(\d+(?:[.,]\d+)?)\s*-?\s*(b|bn|billions?|m|millions?|t|trillions?)(?![^\W\d_])")
_OF_SIZES = word_list("of_sizes")
_SCALES = {"b": 1.0, "m": 1e-3, "t": 1e3}
SIZE_TOLERANCE = 0.15  # a name's 8B is 8.03B, or 7.6B
_REPO_ID = re.compile(r"([\w.-]{1,96})/([\w.-]{1,96})")
_PIECE = re.compile(r"[\w.+-]{2,100}")
_PIECES = re.compile(r"[\w.+-]{2,60}(?: [\w.+-]{1,60}){1,3}")


@functools.lru_cache(maxsize=8192)
def name_tokens(text: str) -> tuple[str, ...]:
    """A model name's tokens, spellings folded: "InternLM2_5-7B-Chat" -> internlm 2.5 7b chat."""
    text = unicodedata.normalize("NFKC", text).casefold()
    if not text.isascii():
        text = re.sub(r"(?<=[a-z])[\u0300-\u036f]+", "", unicodedata.normalize("NFD", text))
        text = re.sub(r"[α-ω]", lambda m: unicodedata.name(m[0]).rpartition(" ")[2].lower(), text)
        text = unicodedata.normalize("NFC", text)
    for pattern, by in _PHRASES if _IN_PHRASES.search(text) else ():
        text = pattern.sub(by, text)
    found = [token for token in _TOKEN.findall(text) if token != "hf"]
    if ".0" in text:
        found = [_ZERO_BEHIND.sub("", token) for token in found]
    if _NOT_AS_IT_STANDS.isdisjoint(found):
        return tuple(found)
    return tuple(  # hf is a format, no model; V1.2 is 1.2; "it" beside "en" is a language
        token if token in ("it", "pt") and _CODE.search(f"{before} {after}") else _SYNONYMS.get(token, token)
        for before, token, after in zip(["", *found], found, [*found[1:], ""], strict=False)
        if token != "v" or not after[:1].isdigit()
    )


def letters_joined(tokens: Iterable[str]) -> Counter[str]:
    """Tokens counted, neighbours of letters written as one: "open llama 7b" = "openllama 7b"."""
    words: list[str] = []
    alpha = False
    for token in tokens:
        if alpha and token.isalpha():
            words[-1] += token
        else:
            words.append(token)
        alpha = token.isalpha()
    return Counter(words)


@dataclass(frozen=True, slots=True, eq=False)
class ModelName:
    """The model that is meant, by its Hub id."""

    repo_id: str
    owner: str
    tokens: tuple[str, ...]
    core: str  # the first word, which says the family
    kind: str | None  # "tuned" or "base", when the name says it
    trace: Callable[[str], Any]  # a quick look: whether a text may have the name in it, or a word for "this model"

    @classmethod
    def of(cls, repo_id: str) -> ModelName:
        owner, _, name = repo_id.rpartition("/")
        tokens = name_tokens(name)
        tokens = tokens[1:] if len(tokens) > 2 and tokens[0] in VENDORS else tokens
        core = next((t for t in tokens if t.isalpha()), "")
        trace = re.compile(rf"{either_case((core[:3], 'our', 'this'))}|[^\x00-\x7f]").search
        kind = next(filter(None, (kind_word({token}) for token in reversed(tokens))), None)
        return cls(repo_id, owner.casefold(), tokens, core, kind, trace)


def kind_word(tokens: Iterable[str]) -> str | None:
    """ "tuned", "base" or None; of both, "both"."""
    found = {name for name, words in (("tuned", TUNED), ("base", BASE)) if not words.isdisjoint(tokens)}
    return "both" if len(found) > 1 else next(iter(found), None)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a label fits: certain, or to be asked, and why."""

    certain: bool
    why: str = ""


SURE = Fit(True, "its name")


@functools.lru_cache(maxsize=8192)
def relation_of(label: str, model: ModelName) -> tuple[str, tuple[str, ...]]:
    """How one text relates to the name, with the tokens that make the difference.

    "same"; "ours"; "owner": the same name of another owner; "part": it leaves those out; "more": it adds those;
    "mixed": it does both, and may be meant; "other".
    """
    if not model.tokens or not model.trace(label):
        return "other", ()
    text = label_text(label)
    if len(text) > 150 or not text:
        return "other", ()
    if _OURS.fullmatch(text):
        return "ours", ()
    foreign = ""
    if (match := _REPO_ID.fullmatch(text)) and not match[1].isdigit():
        text, foreign = match[2], match[1].casefold() if match[1].casefold() != model.owner else ""
    tokens = name_tokens(text)
    while tokens and tokens[0] not in model.tokens and (tokens[0] in VENDORS or tokens[0] == model.owner):
        own = {tokens[0], _OTHER_VENDOR.get(tokens[0], tokens[0])}
        foreign = foreign if any(word in model.repo_id.casefold() for word in own) else tokens[0]
        tokens = tokens[1:]
    named = tuple(token for token in tokens if token in model.tokens or token not in NEUTRAL)
    if "ours" in tokens and named and not without(named, model.tokens):
        return ("same" if not without(model.tokens, named) else "part"), without(model.tokens, named)
    if _SIGNED.search(text) and not without(named, model.tokens):
        return "mixed", (_SIGNED.search(text)[0].strip(),)
    relation, rest = compare_tokens(named, model)
    return ("owner", (foreign,)) if foreign and relation == "same" else (relation, rest)


def compare_tokens(tokens: Sequence[str], model: ModelName) -> tuple[str, tuple[str, ...]]:
    if sorted(tokens) == sorted(model.tokens) or (
        sum(map(len, tokens)) == sum(map(len, model.tokens)) and letters_joined(tokens) == letters_joined(model.tokens)
    ):
        if fixed_order(model.tokens) == fixed_order(tokens):
            return "same", ()
        return "mixed", ("another order",)  # "en-de" and "de-en"
    more, left_out = without(tokens, model.tokens), without(model.tokens, tokens)
    if not left_out:
        return "more", more
    if model.core in tokens and all(map(may_be_left_out, left_out)) and QUANTIZED.isdisjoint(left_out):
        if not more:
            return "part", left_out
        if all(token in MODES or (token in BASE and not model.kind) for token in more):
            return "mixed", (*more, "but not", *left_out)
    return "other", more


def without(tokens: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The tokens that the others have not, each as often as it is more."""
    left = list(others)
    return tuple(token for token in tokens if token not in left or left.remove(token))


def is_variant(token: str) -> bool:
    """Whether a word makes another model or another state of it of a name."""
    return token in TUNED or token in BASE or token in QUANTIZED or bool(_DIGITS.fullmatch(token)) or token == "v"


def fixed_order(tokens: Sequence[str]) -> tuple[str, list[str]]:
    """The words and the plain numbers of a name that do not mean the same wherever they stand."""
    return "".join(t for t in tokens if t == "it" or not is_movable(t)), [t for t in tokens if t[-1:].isdigit()]


def is_movable(token: str) -> bool:
    """Whether a word means the same wherever it stands in a name: sizes, kinds, versions, modes."""
    return is_variant(token) or token in SOFT or token in MODES or token in VENDORS


def sizes_in(text: str) -> list[float]:
    """The numbers of parameters, in billions, that a text says and nothing else: "8.03 B", "30.5B (3.3B active)"."""
    words = words_of(text)
    if not DIGIT_IN.search(text) or (words and words[0].isalpha() and words[0] not in _OF_SIZES):
        return []
    text = unicodedata.normalize("NFKC", text).casefold()
    if not set(words_of(_QUANTITY.sub(" ", text))) <= _OF_SIZES:
        return []
    return [float(number.replace(",", ".")) * _SCALES[scale[0]] for number, scale in _QUANTITY.findall(text)]


def is_such_a_size(sizes: Iterable[float], others: Collection[float]) -> bool:
    return any(abs(size - other) <= SIZE_TOLERANCE * other for size in sizes for other in others)


def may_be_left_out(token: str) -> bool:
    return is_variant(token) or token in SOFT or token in MODES or len(token) <= 2


def fit_texts(texts: Sequence[str], model: ModelName) -> Fit | None:
    """Whether the texts that name one line (a label and its neighbours) name the model; None: another one, or none.

    A neighbour belongs to the name: "Foo" beside "7B-Chat" is Foo-7B-Chat. A number of parameters beside a name that
    says one is a fact about it: about the same size it says nothing, another size is asked.
    """
    told = {text: sizes for text in texts if (sizes := sizes_in(text))}
    if told := {text: sizes for text, sizes in told.items() if not set(name_tokens(text)) <= set(model.tokens)}:
        own = {token: size for token in model.tokens for size in sizes_in(token)}
        bare = [text for text in texts if text not in told]
        other = [text for text, sizes in told.items() if own and not is_such_a_size(sizes, own.values())]
        if not other or any(not own.keys().isdisjoint(name_tokens(text)) for text in bare):
            fit = fit_texts(bare, model)
            return Fit(False, f"has '{other[0][:40]}' beside it, another size") if fit and other else fit
    relations = [relation_of(text, model) for text in texts]
    best = min(range(len(texts)), key=lambda i: _ORDER[relations[i][0]], default=None)
    if best is None or relations[best][0] == "other":
        return None
    relation, rest = relations[best]
    if len(texts) > 1:
        own = Counter(model.tokens if relation == "ours" else name_tokens(texts[best].rpartition("/")[2]))
        for i, text in enumerate(texts):
            own |= Counter(name_tokens(text)) if i != best else Counter()
        told = [token for token in own.elements() if token in model.tokens or token not in NEUTRAL]
        relation, rest = with_neighbours(relation, rest, compare_tokens(told, model))
        if relation == "beside":
            rest = (" / ".join(text for i, text in enumerate(texts) if i != best),)
    return fit_of(relation, rest, model)


_ORDER = {"same": 0, "ours": 1, "owner": 2, "more": 3, "part": 4, "mixed": 5, "other": 6}


def with_neighbours(
    relation: str, rest: tuple[str, ...], whole: tuple[str, tuple[str, ...]]
) -> tuple[str, tuple[str, ...]]:
    """What a label and its neighbours say together."""
    if relation == "ours":
        return (relation, rest) if whole[0] == "same" else ("beside", ())
    if whole[0] == "same" and relation != "owner":
        return whole
    if relation not in ("same", "part"):
        return relation, rest
    if whole[0] in ("part", "mixed") or (whole[0] == "more" and all(t in MODES or is_variant(t) for t in whole[1])):
        return whole
    return ("other", ()) if any(map(is_variant, whole[1])) else ("beside", ())


def fit_of(relation: str, rest: tuple[str, ...], model: ModelName) -> Fit | None:
    said = " ".join("16-bit" if token == "half" else token for token in rest)
    if relation == "same":
        return SURE
    if relation == "ours":
        return Fit(True, "this model")
    if relation == "owner":
        return Fit(False, f"it names {said}'s model of this name")
    if relation == "beside":
        return Fit(False, f"has '{said[:80]}' beside it, which may say more")
    if relation == "part":
        return Fit(False, f"leaves out {said}")
    if relation == "mixed":
        return Fit(False, f"adds {said}")
    if relation == "more" and QUANTIZED.isdisjoint(rest):
        sized = any(map(_SIZE.fullmatch, model.tokens))
        stages = TUNED if model.kind == "tuned" else BASE
        if all(t in MODES or t in stages or t in ("moe", "dense") or (not sized and _SIZE.fullmatch(t)) for t in rest):
            return Fit(False, f"adds {said}")
    return None


def may_mean(label: str, model: ModelName) -> bool:
    """Whether a label that is not the name may be the model under another name: words of it, and nothing against it.

    What is the name, or a part of it, was looked at with all that stands beside it, and is not meant here.
    """
    if relation_of(label, model)[0] != "other":
        return False
    tokens = [token for token in name_tokens(label_text(label)) if token not in NEUTRAL]
    added, left_out = without(tokens, model.tokens), without(model.tokens, tokens)
    shared = sum(token.isalpha() and token not in TUNED | BASE for token in model.tokens) > 1
    return (
        model.core in tokens
        and len(label) < 100
        and not any(is_variant(t) or t in SIBLINGS for t in added)
        and not any(t in QUANTIZED or t in SIBLINGS for t in left_out)
        and (shared or not added)
    )


def is_role(label: str) -> bool:
    """Whether a label says what a model is to others, and not its name: "Before", "+ adapter", "Student"."""
    tokens = name_tokens(label_text(label))
    return bool(tokens) and all(
        token in RELATIVE_LABELS or token in ("nonthinking", "nonreasoning", "half") for token in tokens
    )


def names_other(text: str, model: ModelName) -> tuple[str, tuple[str, ...]]:
    """The first name in a text that is this model's with something added: "Foo-7B-Chat", chat for Foo-7B; else ""."""
    pieces = _PIECE.findall(text) if model.trace(text) else ()
    whole = len(text) < 80 and len(text.split()) < 7 and text[-1:] not in (".", "。")  # a sentence is no label
    for piece in (text, *pieces) if whole else pieces:
        relation, rest = relation_of(piece, model)
        if relation == "more" and any(token in SIBLINGS or is_variant(token) for token in rest):
            return piece, rest
    return "", ()


def contains_name(text: str, model: ModelName) -> bool:
    """Whether a heading has the model's name in it, and no other variant of it."""
    relation, rest = relation_of(text, model)
    if relation in ("same", "owner", "other"):
        return relation != "other"
    whole = any(relation_of(piece, model)[0] == "same" for piece in (*_PIECE.findall(text), *_PIECES.findall(text)))
    return whole and relation == "more" and not any(t in MODES or t in SIBLINGS or is_variant(t) for t in rest)


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


def read_metadata(text: str, name: str) -> FrontMatter:
    """Take a card's front matter apart; ScriptError with line and reason when it is malformed."""
    newline = "\r\n" if "\r\n" in text[:MAX_YAML] else "\n"
    found = FRONT_MATTER.match(text)
    if not found and re.match(r"\ufeff?\s*---[ \t]*\r(?!\n)", text):
        raise ScriptError(f"{name}, line 1: its lines end in CR alone, which the Hub does not read; convert them first")
    if not found and FRONT_WITHOUT_END.match(text):
        raise ScriptError(f"{name}, line 1: the front matter has no closing ---; correct it first")
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


# --- parts/cards/tables.py --------------------------------------------------------------------------------------------

MAX_CELLS = 2_000_000  # grid positions of one table after its spans are expanded
MAX_ABSENT = 200_000  # cells that a pipe table's rows lack; GitHub and pulldown-cmark end it when they are some more
TEXT_BEHIND = 700  # characters behind the last table that are parsed
MAX_PARAGRAPH = 1500  # characters of a paragraph around a table that are looked at
MAX_PARAGRAPHS = 6  # on each side of it


@dataclass(slots=True, eq=False)
class Cell:
    """One cell as written; a spanning cell stands at several places of the grid and stays one object."""

    source: str
    text: str  # as a reader sees it, one line per line break
    header: bool = False


EMPTY = Cell("", "")


@dataclass(slots=True, eq=False)
class Table:
    """A rendered table: its grid with spans expanded, and the text that stands around it."""

    number: int
    kind: str  # "pipe" or "html"
    rows: list[list[Cell]]
    head: int  # rows that the markup makes header rows
    heading: str | None = None
    headings: tuple[str, ...] = ()  # nearest first
    told: tuple[list[str], ...] = ()  # the first paragraphs below each heading, as written
    above: Sequence[str] = ()  # the paragraphs before it as written, up to the heading or another table
    below: list[str] = field(default_factory=list)  # those behind it, up to a heading or another table
    caption: str = ""
    layout: tuple[str, ...] = ()  # texts of the tables that this one stands in
    uneven: frozenset[int] = frozenset()  # rows with several cells, and more or fewer than the others

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0

    @property
    def before(self) -> str:
        """The paragraph before it."""
        return one_line(self.above[-1][-MAX_PARAGRAPH:]) if self.above else ""

    @property
    def after(self) -> str:
        """The paragraph behind it."""
        return one_line(self.below[0][:MAX_PARAGRAPH]) if self.below else ""

    @property
    def between(self) -> list[str]:
        """The paragraphs above the one before it."""
        return [one_line(text[:MAX_PARAGRAPH]) for text in self.above[-MAX_PARAGRAPHS:-1]]

    @property
    def legends(self) -> list[str]:
        """The paragraphs below the one behind it."""
        return [one_line(text[:MAX_PARAGRAPH]) for text in self.below[1:]]


@dataclass(slots=True)
class Card:
    text: str
    title: str
    tables: list[Table]
    front: dict[str, Any] = field(default_factory=dict)


_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S | re.M)
_BLOCKS = frozenset(("Paragraph", "Heading", "Table", "HtmlBlock", "CodeBlock", "List", "Item", "BlockQuote", "Rule"))
_INDENTED = {"CodeBlock": "Indented"}
_DASHES = r"[ \t]*+:?-++:?[ \t]*+"
_DELIMITER_ROW = rf"(?!-[ \t])(?=[^\n]*[|:])\|?{_DASHES}(?:\|{_DASHES})*+\|?[ \t]*+$"
_DELIMITER = re.compile(_DELIMITER_ROW)
_LATE_TABLE = re.compile(rf"\n([ \t>]*+)(?=[^\n]*\|)([^\n]*+)(?=\n[ \t>]*+({_DELIMITER_ROW}))", re.M)
_NO_ROW = re.compile(r"\n([ \t>]*(?=(</?[a-zA-Z][\w-]*)(?:[ \t][^<>\n]*)?/?>[ \t]*$)|[ \t>]+)", re.M)
_SAYS_MODEL = re.compile(
    r"(?m)pretrained=|--(?:model|limit|split|quantization|revision)\w*[= ]|\bload_in_|vllm serve |"
    r"^\s*(?:model|revision|limit|split|metric)\s*[:=]"
)
# The rows of a table's body as far as they can be one to pulldown-cmark: nothing in them or at their end ends a block.
_ROWS = re.compile(rb"(\n\|[ \t]*:?-[-:| \t]*\n\|)((?:[^\n<>\[\]]*\|[ \t]*\n\|)+)")
_PIPE = re.compile(r"(?<!\\)\|")
_RAW_HEADING = re.compile(r"(?m)^ {0,3}(#{1,6})[ \t]+(\S[^\n]{0,300})$")
_CODE_SPAN = re.compile(r"(`{1,3})[^`]{0,2000}\1")
_TABLE_TAG = re.compile(r"(?i)</?(?:table|thead|tbody|tfoot|tr|td|th|caption)\b")
_CLOSE_TAG = '<x-place n=""></x-place>'  # what a tag that was left open ("</td", "<a href=\"x") takes in, and no more
_MAY_HIDE = frozenset(("hidden", "d-none", "invisible"))
_PLACE = re.compile(r'<x-place n="([^"]*)">(?:</x-place>)?')
_FLOW = frozenset((
    "p", "div", "center", "summary", "details", "table", "x-place", "li", "ul", "ol", "br", "hr", "section", "figure",
    "figcaption", "blockquote",
))  # fmt: skip
_ORIGINAL_CARD = re.compile(r"(?i)\W*original (?:model )?(?:card|readme)\b")
_BOLD_LINE = re.compile(r"\s*\*\*(?!(?:Table|Figure|Note)\b)([^*\n]{2,80}?)[:：]?(?<![.!?。])\*\*[:：]?\s*")
_OF_SECTION = re.compile(  # says something of the tables above it, too
    r"(?i)\A\W*(?:all|every|each|both|these) (?:of the )?(?:results?|scores?|numbers|values|figures|tables|evals)\b"
    r"|\bthis (?:section|page|card)\b"
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")

Returned = TypeVar("Returned")
Content = tuple[list[list["Cell"]], int, str, set[int]]  # rows, how many are header rows, caption, uneven rows
Piece = tuple[str, int, Any]  # "heading", "text", "pipe" or "html"; a heading's level; the source, or a table


def split_row(source: str) -> list[str]:
    """The cells of a pipe table's line; the pipes at its ends are not needed, and one after a backslash is text."""
    source = source.strip()
    cells = _PIPE.split(source) if "\\" in source else source.split("|")
    if cells[0] == "":
        cells = cells[1:]
    if cells and cells[-1] == "":
        cells.pop()
    return [cell.strip() for cell in cells] if "\\" not in source else [c.replace("\\|", "|").strip() for c in cells]


def uncollected(work: Callable[..., Returned]) -> Callable[..., Returned]:
    """A function during which the garbage collector rests: a card is many objects, and none of them is in a cycle."""

    @functools.wraps(work)
    def run(*args: Any, **options: Any) -> Returned:
        if not gc.isenabled():
            return work(*args, **options)
        gc.disable()
        try:
            return work(*args, **options)
        finally:
            gc.freeze()  # both only move lists: what was made counts as old, and is not looked through at once
            gc.unfreeze()
            gc.enable()

    return run


@uncollected
def parse_card(text: str) -> Card:
    """The card's tables in document order, as rendered, each with the headings and paragraphs around it."""
    if len(text) > MAX_CARD:
        raise ScriptError(f"the card has {len(text):,} characters; at most {MAX_CARD:,} are read")
    front = _FRONT.match(text)
    body = card_body(text, front)
    pieces = list(document_order(read_blocks(body[: end_of_tables(body)])))
    title = next((one_line(text) for kind, _, text in pieces if kind == "heading"), "")
    return Card(text, title, place_tables(pieces), read_front_matter(front[1]) if front else {})


def card_body(text: str, front: re.Match[str] | None = None) -> str:
    """What follows a card's front matter, which may have been found before."""
    front = front or _FRONT.match(text)
    return text[front.end() :] if front else text.removeprefix("\ufeff")


def end_of_tables(body: str) -> int:
    """Where no table begins or goes on any more: behind the last mark of one, with what may say something of it."""
    at = max(map(body.rfind, "|<>")) + 1 + TEXT_BEHIND
    end = body.find("\n\n", at)
    return len(body) if end < 0 or "\r" in body else end


def read_front_matter(text: str) -> dict[str, str]:
    """The two front-matter fields that say which model this is; looked at as text, so that no YAML can do harm."""
    fields = {}
    for name in ("base_model", "pipeline_tag"):
        if match := re.search(rf"(?m)^{name}:[ \t]*(?:\r?\n[ \t]*-)?[ \t]*([^\s\[\]{{}}&*!#'\"]{{1,200}})", text):
            fields[name] = match[1]
    return fields


def read_blocks(body: str, tries: int = 8) -> list[Piece]:
    """The card's Markdown blocks as written: headings, paragraphs, pipe tables, and pieces of HTML.

    Where GitHub begins or ends a table and pulldown-cmark does not, a blank line is put, and all is read again.
    """
    body = re.sub(r"\r\n?", "\n", body) if "\r" in body else body
    source = body.replace("\0", "\ufffd").encode(errors="replace")
    pieces: list[Piece] = []
    parted, last = [], 0  # the source up to such a line, and the blank one, in turns
    for kind, start, end, margin, level in markdown_blocks(source):
        text = written = source[start:end].decode().rstrip()
        if margin:
            blanks = " \t>" if ">" in margin else " \t"
            text = "\n".join([line.lstrip(blanks) for line in text.split("\n")])
        if kind == "HtmlBlock":
            pieces += html_pieces(text)
            continue
        if kind == "CodeBlock":  # of a command, or of settings
            if text.count("\n") < 17 and _SAYS_MODEL.search(text):
                pieces += [("text", 0, line) for line in text.split("\n") if _SAYS_MODEL.search(line)]
            continue
        if kind == "Heading" and "\n" not in text:
            text = text.lstrip("#").strip()
            rest = text.rstrip("#")
            pieces.append(("heading", level, text if rest and rest[-1] not in " \t" else rest.rstrip()))
            continue
        if "|" in text and (line := parting_line(written, kind, margin)):
            at = start + len(written[: line.start(1)].encode())
            parted += [source[last:at], (line[1] + "\n").encode()]
            last = at if margin or kind == "Table" else at + len(line[1])
        if kind == "Table" and _DELIMITER.match((lines := text.split("\n"))[1].lstrip()):
            pieces.append(("pipe", 0, pipe_rows(lines)))
        elif kind == "Heading":
            pieces.append(("heading", level, text.rpartition("\n")[0]))
        elif "<" in text and _TABLE_TAG.search(shown := _CODE_SPAN.sub("", text)):
            pieces.append(("html", 0, shown))
        elif text:
            pieces.append(("text", 0, text))
    if not parted:
        return pieces
    if not tries:
        raise ScriptError("tables begin inside of paragraphs, one in the other; nothing is taken")
    return read_blocks(b"".join([*parted, source[last:]]).decode(), tries - 1)


def parting_line(text: str, kind: str, margin: str) -> re.Match[str] | None:
    """The line of a paragraph that is a table's head to GitHub, or the row of a table that is code or HTML to it."""
    if kind == "Table":
        rows = _NO_ROW.finditer(text, text.find("\n") + 1)
        return next((row for row in rows if row[2] or columns(row[1]) - columns(margin) > 3), None)
    for head in _LATE_TABLE.finditer(text):
        lazy = columns(head[1]) < columns(margin) or head[1].count(">") < margin.count(">")
        if not lazy and len(split_row(head[2])) == len(split_row(head[3])):
            return head
    return None


def columns(blanks: str) -> int:
    """How wide what stands before a line is; a blank behind the mark of a quote belongs to it and may be left out."""
    return len(blanks.expandtabs(4).replace("> ", ">"))


def pipe_rows(lines: Sequence[str]) -> Content:
    """A pipe table from its lines, each row as wide as the head."""
    head, *rows = [split_row(line) for at, line in enumerate(lines) if at != 1]
    width = len(head)
    absent = sum(width - len(row) for row in rows if len(row) < width)
    if width * len(lines) > MAX_CELLS or absent > MAX_ABSENT:
        raise ScriptError(f"a table has more than {MAX_CELLS:,} cells; nothing is taken")
    unlike = ((at, row) for at, row in enumerate(rows, 1) if 1 < len(row) != width)
    uneven = {at for at, row in unlike if any(row[1:]) and any(row[width:] or "-")}
    return [plain_cells((row + [""] * (width - len(row)))[:width]) for row in (head, *rows)], 1, "", uneven


def markdown_blocks(source: bytes) -> Iterator[tuple[str, int, int, str, int]]:
    """The blocks that pulldown-cmark finds: kind, from, to, what a list or quote has before its first line, and a
    heading's level.

    The text of a list's item is no paragraph to it where the list has no blank lines.
    """
    from pyromark import Options, events_with_range

    done, nested, loose, end = 0, 0, -1, 0  # read up to; lists and quotes go up to; text of an item: from, to

    def margin(start: int) -> str:
        if start >= nested:
            return ""
        before = source[source.rfind(b"\n", 0, start) + 1 : start].decode()
        return before[: before.rfind(">") + 1] if before.rstrip().endswith(">") else before

    shown = _ROWS.sub(lambda rows: rows[1] + b"x" * len(rows[2]), source)  # no event for each of their cells
    events = events_with_range(shown.decode(), options=Options.ENABLE_TABLES)
    for event, place in events:
        start = place["start"]
        if start < done and loose < 0:
            continue
        begins = "Start" in event
        tag = event["Start"] if begins else event if type(event) is str else event.get("End", "")
        kind = tag if type(tag) is str else next(iter(tag))
        if kind not in _BLOCKS:
            loose, end = (start if loose < 0 else loose), max(end, place["end"])
            continue
        if loose >= 0:
            yield "Paragraph", loose, end, margin(loose), 0
            done, loose = end, -1
        if not begins or kind == "Item":
            continue
        if kind in ("List", "BlockQuote"):
            nested = max(nested, place["end"])
            continue
        done = place["end"]
        if tag != _INDENTED:
            yield kind, start, done, margin(start), int(tag["Heading"]["level"][1]) if kind == "Heading" else 0


def plain_cells(row: Sequence[str]) -> list[Cell]:
    """The cells of a pipe table's row; of a row without markup at one look."""
    if not has_markup(" ".join(filter(None, row))):
        return [Cell(source, source) for source in row]
    return [Cell(source, plain_text(source) if has_markup(source) else source) for source in row]


def html_pieces(source: str) -> Iterator[Piece]:
    """A block of HTML; a line such as "## Results" in it is taken for the heading that it was meant to be."""
    at = 0
    for match in _RAW_HEADING.finditer(source) if "#" in source else ():
        yield "html", 0, source[at : match.start()]
        yield "heading", len(match[1]), match[2]
        at = match.end()
    yield "html", 0, source[at:]


def document_order(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Headings, texts and tables as they are rendered: HTML parsed, comments gone, pipe tables at their place in it."""
    if not any(kind == "html" and source.strip() for kind, _, source in pieces):
        yield from pieces
        return
    stream: list[str] = []
    places: dict[str, list[Piece]] = {}  # one for all that stands between two pieces of HTML: they share their fate
    for is_html, group in itertools.groupby(pieces, key=lambda piece: piece[0] == "html"):
        if is_html:
            stream.extend(source for _, _, source in group)
        else:
            stream.append(f'{_CLOSE_TAG}<x-place n="{len(places)}"></x-place>')
            places[str(len(places))] = list(group)
    yield from walk_html(parse_html("\n".join(stream)), places)


def walk_html(root: Any, places: dict[str, list[Piece]]) -> Iterator[Piece]:
    """Headings, texts and tables of the tree; the cells of a table are walked only when it lays out other tables."""
    from lxml import etree

    said: list[str] = []
    layouts: list[Any] = []
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        tag = element.tag
        if event == "start" and said and (tag in _FLOW or tag in _HEADINGS):
            if text := "".join(said).strip():
                yield "text", 0, text
            said = []
        if event == "end":
            if layouts and element is layouts[-1]:
                layouts.pop()
                yield "layout", -1, ()
            said.append(element.tail or "")
        elif tag == "x-place":
            yield from places.get(element.get("n"), ())
        elif is_hidden(element):
            walker.skip_subtree()  # nobody sees it, so nobody has agreed to it
        elif tag == "table":
            content = html_rows(element, places)
            yield "html", 0, content
            if next(element.iterdescendants("table", "x-place"), None) is None:
                walker.skip_subtree()
            else:
                layouts.append(element)
                yield (
                    "layout",
                    1,
                    dict.fromkeys(c.text for row in content[0][:50] for c in row[:20] if 1 < len(c.text) < 100),
                )
        elif tag in _HEADINGS:
            yield "heading", int(tag[1]), inner_html(element, places)
            walker.skip_subtree()
        else:
            said.append(element.text or "")
    if text := "".join(said).strip():
        yield "text", 0, text


def may_be_hidden(element: Any) -> bool:
    """Whether a style sheet, which the page of a card may have or not, does not show an element."""
    return bool(element.keys()) and not _MAY_HIDE.isdisjoint((element.get("class") or "").split())


@functools.lru_cache(maxsize=4096)
def one_line(source: str) -> str:
    return " ".join(plain_text(source).split())


def inner_html(element: Any, places: dict[str, list[Piece]]) -> str:
    """The source inside an element, nested tables left out, Markdown inside it put back."""
    text = element.text or ""
    if len(element) == 0:
        return html.escape(text, quote=False) if "<" in text or "&" in text else text
    from lxml import etree

    parts = [html.escape(text, quote=False)]
    for child in element:
        if child.tag == "table" or next(child.iter("table"), None) is not None:
            parts.append(html.escape(child.tail or "", quote=False))
        else:
            parts.append(etree.tostring(child, encoding="unicode", method="html"))
    source = "".join(parts)
    if "<x-place" in source:
        source = _PLACE.sub(lambda m: markdown_source(places.get(m[1], ())), source)
    return source


def markdown_source(pieces: Sequence[Piece]) -> str:
    return "\n".join("" if kind == "pipe" else source for kind, _, source in pieces)


def html_rows(table: Any, places: dict[str, list[Piece]]) -> Content:
    """An HTML table's grid with spans expanded, its number of header rows, its caption, and its uneven rows."""
    grid: list[list[Cell]] = []
    pending: dict[int, tuple[Cell, int]] = {}  # column -> cell that spans down, rows left
    head, heading, caption, last_group, cells, unsure = 0, True, "", None, 0, False
    line, line_struck = None, False
    for group, elements, extra in own_rows(table):
        if extra is not None:
            caption = one_line(inner_html(extra, places))
            continue
        if group is not last_group:
            pending, last_group = {}, group
        row: list[Cell] = []
        for element in elements:
            while len(row) in pending:
                row.append(take_pending(pending, len(row)))
            source = inner_html(element, places).strip()
            if (parent := element.getparent()) is not line:
                line, line_struck, unsure = parent, is_struck(parent), unsure or may_be_hidden(parent)
            struck, across, down = line_struck, 1, 1
            if element.keys():
                struck, unsure = struck or is_struck(element), unsure or may_be_hidden(element)
                across, down = span(element, "colspan", 1000), span(element, "rowspan", 65534)
            cell = Cell(source, "" if struck else plain_text(source), element.tag == "th")
            for _ in range(across):
                if down > 1:
                    pending[len(row)] = (cell, down - 1)
                row.append(cell)
            cells += across
            if cells > MAX_CELLS:
                raise ScriptError(
                    f"a table has more than {MAX_CELLS:,} cells when its spans are expanded; nothing is taken"
                )
        while pending and len(row) <= max(pending):
            row.append(take_pending(pending, len(row)) if len(row) in pending else EMPTY)
        cells += max(0, len(row) - len(elements))
        heading = (
            heading and bool(elements) and (group.tag == "thead" or all(element.tag == "th" for element in elements))
        )
        head += heading
        grid.append(row)
    caption = f"{caption} (a part of it may be hidden)".strip() if unsure else caption
    width = max(map(len, grid), default=0)
    if width * len(grid) > MAX_CELLS:
        raise ScriptError(f"a table has more than {MAX_CELLS:,} cells when its spans are expanded; nothing is taken")
    uneven = {at for at, row in enumerate(grid) if len(row) < width and len({id(c) for c in row if c.text}) > 1}
    rows = [row + [EMPTY] * (width - len(row)) if len(row) < width else row for row in grid]
    return rows, head, caption, uneven


def take_pending(pending: dict[int, tuple[Cell, int]], column: int) -> Cell:
    cell, left = pending.pop(column)
    if left > 1:
        pending[column] = (cell, left - 1)
    return cell


def span(element: Any, name: str, limit: int) -> int:
    text = (element.get(name) or "").strip()
    number = int(text[:9]) if text[:9].isdecimal() and text.isascii() else 1
    return min(limit, number or (limit if name == "rowspan" else 1))


def own_rows(table: Any) -> Iterator[tuple[Any, list[Any], Any]]:
    """(row group, cells, None) of a table itself, not of tables nested in it; (_, [], caption) for its caption."""
    stack, loose, place = [(iter(table), table)], [], table  # loose: cells without <tr>, and where they begin
    while stack:
        children, group = stack[-1]
        for element in children:
            tag = element.tag
            if is_hidden(element):
                continue
            if loose and tag in ("tr", "thead", "tbody", "tfoot"):
                yield place, loose, None
                loose = []
            if tag == "tr":
                yield group, list(row_cells(element)), None
            elif tag in ("td", "th"):
                if not loose:
                    place = group
                loose.append(element)
            elif tag == "caption":
                yield group, [], element
            elif tag != "table":
                stack.append((iter(element), element if tag in ("thead", "tbody", "tfoot") else group))
                break
        else:
            stack.pop()
    if loose:
        yield place, loose, None


def row_cells(row: Any) -> Iterator[Any]:
    """The cells of a row, also those that stray tags stand around."""
    stack = [iter(row)]
    while stack:
        for element in stack[-1]:
            if is_hidden(element):
                continue
            if element.tag in ("td", "th"):
                yield element
            elif element.tag not in ("table", "tr"):
                stack.append(iter(element))
                break
        else:
            stack.pop()


def place_tables(pieces: Sequence[Piece]) -> list[Table]:
    """Number the tables and give each its headings, nearest first, and the paragraphs next to it and below those."""
    tables: list[Table] = []
    path: list[tuple[int, str, list[str]]] = []  # level, heading, the first paragraphs below it
    layouts: list[tuple[str, ...]] = []
    heading, before, fresh, leads = None, [], None, True  # leads: no table is below the heading yet
    for kind, level, content in pieces:
        if kind == "text":
            if fresh is not None and len(fresh.below) <= MAX_PARAGRAPHS and (fresh.below or one_line(content)):
                fresh.below.append(content)
            before.append(content)
            if path and (len(path[-1][2]) < MAX_PARAGRAPHS if leads else _OF_SECTION.search(content[:MAX_PARAGRAPH])):
                path[-1][2].append(content[:MAX_PARAGRAPH])
            if "**" in content[:9] and (bold := _BOLD_LINE.fullmatch(content)):  # a heading but for its markup
                kind, level, content = "heading", 7, bold[1]
        if kind == "heading" and not (content := one_line(content)):
            continue  # nobody sees it: the heading above goes on
        if kind == "heading":
            while path and path[-1][0] >= level:
                path.pop()
            path.append((level, content, []))
            if _ORIGINAL_CARD.match(content):
                path = [(0, content, [])]  # no heading below it ends what it quotes
            heading, before, fresh, leads = content, [], None, True
        elif kind == "layout":
            layouts = [*layouts, tuple(content)] if level > 0 else layouts[:-1]
        elif kind != "text":
            rows, head, caption, uneven = content
            fresh = Table(len(tables) + 1, kind, rows, head, heading, above=before, caption=caption)
            fresh.uneven = frozenset(uneven)
            fresh.layout = tuple(text for texts in layouts for text in texts)
            fresh.headings = tuple(text for _, text, _ in reversed(path) if text)
            fresh.told = tuple(told for _, _, told in reversed(path))
            tables.append(fresh)
            before, leads = [], False
    return tables


# --- parts/cards/values.py --------------------------------------------------------------------------------------------


class Value(NamedTuple):
    """What a cell, or a part of it, says."""

    numbers: tuple[float, ...]  # more than one: it cannot be told which is the score
    percent: bool = False
    shots: str | None = None
    metric: str | None = None
    bound: bool = False  # ">60": it is not the number that stands there
    note: str | None = None  # the variant that a bracket says: "(w/ tools)"
    odd: str = ""  # what stands by it and may make it another thing: "(German)", "#3"


MISSING_CELL = re.compile(
    r"(?i)[-—–−―/\\.…?✗✘×x❌*\s]*|n\.?/?a\.?|oom|tbd|tba|none|null|nan|err(?:or)?|fail(?:ed)?|n/r|nr|pending|timeout|"
    r"待定|无|暂无"
)
LONGEST_MISSING = 7  # letters of a word for nothing
# A plain number such as 85.2, as most score cells are; parse_value gives its float, and needs no look at the rest.
is_decimal = re.compile(r"\d{1,6}(?:\.\d{1,8})?").fullmatch
_NUMBER = r"[-+−–]?(?:\d+(?:[.,]\d+)*|[.]\d+)"
# A score cell: marks, a number, then deviations, further numbers, brackets, marks.
_LEAD = re.compile(rf"[~≈><≥≤=≃∼{DECOR}{MARKS}✅\s]*({_NUMBER})\s*([%％])?")
_CHANGE_OR_RANK = re.compile(r"[↑↓⬆⬇⇑⇓↗↘#🥇🥈🥉]")  # before a number: "#3"
_PLAIN_BRACKET = re.compile(rf"(?i)[\W\d]*|\W*(?:\w|{CARD_WORDS['plain_brackets']})\W*|[^\w]*[+±↑↓−-].*")
_BOUND = re.compile(rf"[{DECOR}{MARKS}✅\s]*[<>≤≥]")
_REST = re.compile(
    rf"\s*(?:(?:[↑↓▲▼⬆⬇]\s*|(?<=\s)[-+−]){_NUMBER}\s*[%％]?(?!\w)|(?:±|\+/-|\+-|∓)\s*{_NUMBER}\s*[%％]?|"
    rf"(?:[,→&]|->|\bvs\.?)\s*(?P<next>{_NUMBER})\s*[%％]?(?![\w.])|"
    rf"(?P<bracket>\([^()]{{0,80}}\)|\[[^\[\]]{{0,80}}\]|（[^（）]{{0,80}}）)|(?P<shots>@?\d+-shot)|(?:pts?|points?|"
    rf"分)\b\.?|"
    rf"[{MARKS}{DECOR}¹²³⁴⁵⁶⁷⁸⁹⁰%％✅!]|(?P<line>\n)\s*)"
)


def parse_value(text: str, decimal_comma: bool = False) -> Value | None:
    """The numbers of a score cell, or None for anything else: "7B", "5-shot", "16.3GB", "2024-05-13", "1e-4", "-".

    "85.2%" -> 85.2 percent; "1,234" -> 1234; "67.2 (68.0)" -> 67.2, 68; "± 0.4" and "(+1.2)" are no values
    """
    text = text.strip()
    if is_decimal(text) and not decimal_comma:
        return Value((float(text),))
    if len(text) > 160 or not (match := _LEAD.match(text)):
        return None
    first = to_number(match[1], decimal_comma)
    if first is None:
        return None
    numbers, percent, shots, metric, at = [first], bool(match[2]), None, None, match.end()
    sign = _CHANGE_OR_RANK.search(text, 0, match.start(1))
    note, odd = None, sign[0] if sign else ""
    bound = bool(_BOUND.match(text))
    while at < len(text):
        rest = _REST.match(text, at)
        if not rest or rest.end() == at:
            return None
        at = rest.end()
        percent = percent or ("%" in rest[0] and (first > 1 or rest[0].strip() == "%"))  # "0.61 ±1%": of the spread
        if rest["next"]:
            numbers.append(to_number(rest["next"], decimal_comma))
        elif rest["bracket"]:
            label = split_label("x " + rest["bracket"])
            shots, metric = shots or label.shots, metric or label.metric
            if not label.shots and not label.metric:
                numbers.extend(bracket_numbers(rest["bracket"], decimal_comma))
            if not _PLAIN_BRACKET.fullmatch(said := label.name.removeprefix("x").strip(" ()[]（）")):
                known = note_of(said, said)
                note, odd = (known or note, odd) if known != said or note_of(said) else (note, said)
        elif rest["line"] and not text[at:].lstrip().startswith(("(", "[", "±", "+")):
            return None
    if any(number is None for number in numbers):
        return None
    return Value(tuple(numbers), percent, shots, metric, bound, note, odd)


NUMBER_CELL, ODD_CELL, NOTHING_CELL, TEXT_CELL, BLANK_CELL = "n", "o", "m", "t", ""  # what a cell holds


def cell_kinds(texts: Collection[str], decimal_comma: bool) -> dict[str, str]:
    """What cells hold."""
    return {
        text: NUMBER_CELL if is_decimal(text) else TEXT_CELL if _are_words(text) else cell_kind(text, decimal_comma)
        for text in texts
    }


def cell_kind(text: str, decimal_comma: bool = False) -> str:
    """What a cell holds; ODD_CELL: digits and marks that are no plain number, such as "85,2" among points."""
    if not text or is_decimal(text):
        return NUMBER_CELL if text else BLANK_CELL
    if text[0].isascii() and text[0].isalpha() and text[0] not in "xX" and not _DIVIDER.search(text):
        return NOTHING_CELL if len(text) <= LONGEST_MISSING and MISSING_CELL.fullmatch(text) else TEXT_CELL
    digits = DIGIT_IN.search(text)
    if digits and cell_values(text, decimal_comma):
        return NUMBER_CELL
    if MISSING_CELL.fullmatch(text):
        return NOTHING_CELL
    return ODD_CELL if digits and not _LETTER.search(text) else TEXT_CELL


_are_words = re.compile(rf"[A-WYZa-wyz][^\n|/;]{{{LONGEST_MISSING},}}").fullmatch  # no value, and not for a missing one
_LETTER, _DIVIDER = re.compile(r"[^\W\d_]"), re.compile(r"[\n|/;]")
_COUNT, _SHOTS_LAST = re.compile(r"(?i)\d+|zero|one|few"), re.compile(r"(?i)(?:\d+|few|five)[- ]?shots?")
_DIVIDERS = (re.compile(r"\n"), re.compile(r"\s*\|\s*"), re.compile(r"\s*/\s*"), re.compile(r"\s*;\s*"))


@functools.lru_cache(maxsize=16384)
def cell_values(text: str, decimal_comma: bool = False) -> tuple[Value | None, ...]:
    """The values of a cell, None where a part is missing: "2.1 | - | 3" -> 2.1, None, 3; () when it is no score."""
    if not text:
        return ()
    if (value := parse_value(text, decimal_comma)) is not None:
        return (value,)
    if not _DIVIDER.search(text) or MISSING_CELL.fullmatch(text):
        return ()
    for divider in _DIVIDERS:
        parts = divider.split(text)
        values = tuple(parse_value(part, decimal_comma) for part in parts) if len(parts) > 1 else ()
        if any(values) and all(
            value or MISSING_CELL.fullmatch(part) for value, part in zip(values, parts, strict=True)
        ):  # fmt: skip
            return values
    return ()


def divided(text: str, number: int) -> list[str] | None:
    """A label divided as a cell of so many values is: "X: A | B" -> "X: A", "X: B"; "X (A / B)" -> "X (A)", "X (B)".

    None when it is not, or when a part would not be a name of its own: "dev / test" of "TED-LIUM dev / test".
    """
    head, inner, tail = "", text, ""
    if match := re.fullmatch(r"(.*[:：]\s*|.*?\n|.*[(\[（])([^()（）\[\]]*?)([)\]）]?)", text, re.S):
        head, inner, tail = match[1].replace("\n", " "), match[2], match[3]
    elif match := re.fullmatch(r"(.*\s)(\S+/\S+)", text):  # "MTOB en->kgv/kgv->en"
        head, inner = match[1], match[2]
    for before, middle, after in ((head, inner, tail), ("", text, "")):
        for divider in _DIVIDERS:
            parts = [part.strip() for part in divider.split(middle.strip().rstrip("|/;").rstrip())]
            alike = len({len(part.split()) for part in parts}) == 1 and not any(part.isdigit() for part in parts)
            if len(parts) == number and _SHOTS_LAST.fullmatch(parts[-1]) and all(map(_COUNT.fullmatch, parts[:-1])):
                parts = [*(f"{part}-shot" for part in parts[:-1]), parts[-1]]  # "Test (0/few-shot)"
                return [f"{before}{part}{after}" for part in parts]
            lettered = {any(map(str.isalpha, part)) for part in parts}
            if len(lettered) > 1 or (not before and parts[0][:1].isupper() and parts[-1][:1].islower()):
                continue  # "maj@1/8", "Video-MME wo/w subs": a part is no name of its own
            if len(parts) == number and all(parts) and (before or alike or divider is _DIVIDERS[0]):
                return [f"{before}{part}{after}" for part in parts]
    return None


def bracket_numbers(bracket: str, decimal_comma: bool) -> list[float]:
    """The scores inside a bracket: "(68.0)" has one; "(+1.2)", "(ours)" and "(95% CI)" have none."""
    inner = bracket[1:-1].strip()
    if re.fullmatch(r"[\d.]+\s*(?:[-–—]|to)\s*[\d.]+", inner):
        return []  # an interval
    if re.search(r"[↑↓±+]|[^\W\d_]", inner) or inner.startswith(("-", "−")):
        return []
    found = (to_number(part, decimal_comma) for part in re.findall(_NUMBER, inner))
    return [number for number in found if number is not None]


def to_number(token: str, decimal_comma: bool) -> float | None:
    """ "1,234.5" -> 1234.5; "85,2" -> 85.2 in a table with decimal commas; "23.11.30" and "1,2" elsewhere -> None."""
    token = token.replace("−", "-").replace("–", "-")
    if token.startswith("+"):
        return None  # a difference
    if "," in token:
        if decimal_comma and re.fullmatch(r"[-+]?\d+(?:\.\d{3})*,\d+", token):
            token = token.replace(".", "").replace(",", ".")
        elif re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", token):
            token = token.replace(",", "")
        else:
            return None
    elif decimal_comma and re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3})+", token):
        token = token.replace(".", "")
    if token.count(".") > 1 or len(token) > 24 or len(token.partition(".")[0]) > 15:  # an identifier, a time stamp
        return None
    return float(token)


_COMMA_NUMBER = re.compile(r"\W*(?:\d{1,3},\d{1,2}|0,\d{3,4}|\d{1,3}(?:\.\d{3})+,\d+)(?!\d)")
_POINT_NUMBER = re.compile(r"\W*\d+\.(?!\d{3}(?:[.,]\d|(?!\d)))\d+(?![\d.,])")


def uses_decimal_comma(texts: Collection[str]) -> bool:
    """Whether the cells of a table write 85,2 for 85.2: some cell does, and none has a decimal point."""
    return any(_COMMA_NUMBER.match(text) for text in texts if "," in text) and not any(map(_POINT_NUMBER.match, texts))


# --- parts/cards/grid.py ----------------------------------------------------------------------------------------------

SHOTS_HEAD = re.compile(r"(?i)(?:#\s*)?(?:num[ _]?(?:of[ _])?)?(?:n[- ]?|few[- _]?)?shots?(?: ?\(.*\))?|num_fewshot")
METRIC_HEAD = re.compile(
    r"(?i)(?:eval(?:uation)? )?(?:metrics?|measures?|scoring|指标|评价指标|メトリック)(?: ?\([^)]*\))?"
)


_BRACKET_TAIL = re.compile(r"[(\[（].*")
SIDES = ("model", "benchmark", "text")  # roles of columns whose labels may begin another table


@functools.lru_cache(maxsize=8192)
def head_is(text: str, kind: str, fillers: str = "") -> bool:
    """Whether all words of a header are of a kind: "Benchmark (Metric)" of benchmark_heads."""
    words = set(words_of(_BRACKET_TAIL.sub("", text) or text))
    wanted = word_list(kind)
    return not wanted.isdisjoint(words) and words <= (wanted | word_list(fillers) if fillers else wanted)


def is_head_word(text: str) -> bool:
    return any(head_is(text, kind, "benchmark_fillers") for kind in ("benchmark_heads", "model_heads", "group_heads"))


@dataclass(slots=True)
class Block:
    """Body rows under one header; a table whose header changes half way down has several."""

    head: list[int]
    body: list[int]
    paths: list[tuple[str, ...]] = field(default_factory=list)  # header texts above each column, top first
    roles: list[str] = field(default_factory=list)
    known: dict[tuple[str, ...], list[int]] = field(default_factory=dict)  # columns by roles
    told: list[int] = field(default_factory=list)  # the body without rows of facts, which say nothing of a column
    sections: dict[int, str] = field(default_factory=dict)  # row -> section row above it

    def columns(self, *roles: str) -> list[int]:
        if (found := self.known.get(roles)) is None:
            found = self.known[roles] = [column for column, role in enumerate(self.roles) if role in roles]
        return found


def harness_columns(block: Block) -> dict[str, int]:
    """The columns of a table as lm-eval and lighteval print it, by their header."""
    heads = {path[-1].casefold().rstrip("s"): column for column, path in enumerate(block.paths) if path}
    return {
        "task": heads.get("task", heads.get("group", -1)),
        **{k: heads.get(k, -1) for k in ("metric", "value", "filter", "n-shot")},
    }


def is_harness(block: Block) -> bool:
    columns = harness_columns(block)
    return all(columns[name] >= 0 for name in ("task", "metric", "value"))


class Grid:
    """A table with its values parsed; every decision is made on it.

    Roles of columns: benchmark, model, text (it cannot be told), group, setting (language, split), shots, metric,
    plain (links, licences), fact (a number that is no score), value, blank.
    """

    def __init__(self, table: Table, vocabulary: Vocabulary) -> None:
        self.table, self.rows, self.width, self.vocabulary = table, table.rows, table.width, vocabulary
        texts = {cell.text for row in self.rows for cell in row}
        self.comma = uses_decimal_comma(texts)
        kinds = cell_kinds(texts, self.comma)
        self.has_values = NUMBER_CELL in kinds.values()
        self.kinds = [[kinds[cell.text] for cell in row] for row in self.rows]
        self.captions: list[str] = [table.caption] if table.caption else []  # also those that blocks finds
        self.odd_rows: list[int] = []  # rows that may be another header

    @functools.cached_property
    def blocks(self) -> list[Block]:
        """The headers with their rows; looked for only where something is a number, or somebody asks."""
        blocks = self.find_blocks() if self.width else []
        for block in blocks:
            self.find_sections(block)
            told = [row for row in block.body if not is_fact(label_text(self.rows[row][0].text))]
            block.told = told or block.body
            block.paths = [self.header_path(block, column) for column in range(self.width)]
            if is_harness(block):
                roles = {"task": "benchmark", "metric": "metric", "value": "value", "n-shot": "shots"}
                known = {column: roles.get(name, "plain") for name, column in harness_columns(block).items()}
                block.roles = [known.get(column, "plain") for column in range(self.width)]
            else:
                kinds = list(zip(*(self.kinds[row] for row in block.told), strict=True)) or [()] * self.width
                kinds[0] = [self.kinds[row][0] for row in block.body]
                block.roles = [self.role(block, column, own) for column, own in enumerate(kinds)]
        return blocks

    def segments(self, block: Block) -> list[range]:
        """The columns of tables that stand side by side in one: each begins at a column of labels behind one of values.

        "LLaMA models | MMLU | Alpaca models | MMLU" is two: a second column of labels of one kind, or headed alike.
        """
        roles, first = block.roles, next((c for c, role in enumerate(block.roles) if role in SIDES), None)
        starts = [0]
        for column in range((first or 0) + 1, self.width if first is not None else 0):
            alike = roles[column] in SIDES and (
                roles[column] == roles[first] != "text" or block.paths[column] == block.paths[first]
            )
            if alike and "value" in roles[starts[-1] : column] and "value" in roles[column:]:
                starts.append(column)
        return [range(a, b) for a, b in itertools.pairwise([*starts, self.width])]

    def values(self, cell: Cell) -> tuple[Value | None, ...]:
        return cell_values(cell.text, self.comma)

    def spans_row(self, row: int) -> str | None:
        """The text of a row that has only one cell with text: a caption or a section row."""
        kinds = {*self.kinds[row]} - {BLANK_CELL}
        if kinds != {TEXT_CELL} and kinds != {ODD_CELL}:
            return None
        texts = {cell.text for cell in self.rows[row] if cell.text}
        if len(texts) != 1:
            return None
        text = texts.pop()
        filled = {id(cell) for cell in self.rows[row] if cell.text}
        return label_text(text) if len(filled) == 1 or self.table.kind == "pipe" else None

    def find_blocks(self) -> list[Block]:
        head, body = list(range(self.table.head)), list(range(self.table.head, len(self.rows)))
        if len(head) == len(self.rows) > 1:
            head, body = head[:1], list(range(1, len(self.rows)))
        while not head and len(body) > 1 and self.spans_row(body[0]) is not None:
            self.captions.append(self.spans_row(body.pop(0)) or "")
        if not head and body:
            head.append(body.pop(0))
        while body and len(head) < 5 and self.is_more_header(head, body[0]):
            head.append(body.pop(0))
        while len(head) > 1 and self.width > 1 and (text := self.spans_row(head[0])) and self.rows[head[0]][0].text:
            self.captions.append(text)
            head = head[1:]
        blocks = [Block(head, [])]
        for row in body:
            if self.is_new_header(blocks[-1], row):
                blocks.append(Block([row], []))
            else:
                blocks[-1].body.append(row)
        return [block for block in blocks if block.body] or blocks[:1]

    def is_more_header(self, head: list[int], row: int) -> bool:
        """Whether a row under the header is part of it: shots or metrics under the names, or the names themselves."""
        cells, top, kinds = self.rows[row], self.rows[head[-1]], self.kinds[row]
        first, others = label_text(cells[0].text), [cell for cell in cells[1:] if cell.text]
        above = any(cell.text for index in head for cell in self.rows[index][1:])
        if not others:
            return not above and bool(first)
        if (SHOTS_HEAD.fullmatch(first) or METRIC_HEAD.fullmatch(first)) and row <= self.table.head + 1:
            return all(
                is_setting(c.text) or MISSING_CELL.fullmatch(c.text) or re.fullmatch(r"\d{1,2}", c.text) for c in others
            )
        if NUMBER_CELL in kinds and not all(cell.header for cell in cells if cell is not EMPTY):
            return False
        told = [cell for cell, kind in zip(cells[1:], kinds[1:], strict=True) if kind not in (BLANK_CELL, NOTHING_CELL)]
        if not above or (told and all(is_setting(cell.text) for cell in told) and (not first or is_head_word(first))):
            return True
        if cells[0] is top[0] or (is_head_word(first) and (len(others) > 1 or self.width == 2)):
            return True
        under = any(cell.text and not top[c].text for c, cell in enumerate(cells) if c)
        spans = any(a is b and a.text for a, b in itertools.pairwise(top[1:]))
        return not first and len(others) > 1 and (under or spans)

    def is_new_header(self, block: Block, row: int) -> bool:
        """Whether a body row starts a new header: it names what stands below, and has no value."""
        cells, kinds = self.rows[row], self.kinds[row]
        if self.width < 2 or not block.body or NUMBER_CELL in kinds[1:]:
            return False
        if (
            len(
                {
                    id(cell)
                    for cell, kind in zip(cells[1:], kinds[1:], strict=True)
                    if kind not in (BLANK_CELL, NOTHING_CELL)
                }
            )
            < 2
        ):
            return False
        first = label_text(cells[0].text)
        same = sum(a.text == b.text for a, b in zip(cells, self.rows[block.head[-1]], strict=True))
        if is_head_word(first) or same >= self.width - 1 or all(cell.header for cell in cells if cell is not EMPTY):
            return True
        if not any(is_fact(label_text(cell.text)) for cell in cells[:2]):
            self.odd_rows.append(row)
        return False

    def header_path(self, block: Block, column: int) -> tuple[str, ...]:
        """The header texts above a column, top first, each once; a blank beside a group name belongs to the group."""
        path: list[str] = []
        last: Cell | None = None
        for depth, row in enumerate(block.head):
            cell = self.rows[row][column]
            if self.table.kind == "pipe" and not cell.text and depth + 1 < len(block.head):
                cell = self.group_left(block, row, column) or cell
            if cell is not last and cell.text:
                text = label_text(cell.text)
                if text and (not path or path[-1] != text):
                    path.append(text)
            last = cell
        return tuple(path)

    def group_left(self, block: Block, row: int, column: int) -> Cell | None:
        """The group name to the left of a blank header cell of a pipe table, which has no spans."""
        if column < 2 or not self.rows[block.head[-1]][column].text:
            return None
        left = next((c for c in range(column - 1, 0, -1) if self.rows[row][c].text), 0)
        cell = self.rows[row][left]
        return cell if left and not is_setting(cell.text) else None

    def role(self, block: Block, column: int, kinds: Sequence[str]) -> str:
        """What a column has; kinds: what its cells hold, in the rows that tell it."""
        path = block.paths[column]
        leaf = path[-1] if path else ""
        rows, texts = block.told if column else block.body, set()
        if TEXT_CELL in kinds:
            texts = {self.rows[row][column].text for row, kind in zip(rows, kinds, strict=True) if kind == TEXT_CELL}
        told = len(kinds) - kinds.count(BLANK_CELL) - kinds.count(NOTHING_CELL)
        if SHOTS_HEAD.fullmatch(leaf) and not any("." in self.rows[row][column].text for row in rows):
            return "shots"
        numeric = told > 2 * kinds.count(TEXT_CELL)
        if column == 0 and numeric and (not leaf or is_head_word(leaf)) and self.width > 1:
            numeric = False
        if texts and head_is(leaf, "said_heads"):
            return "text"  # what it says of a row may make its numbers others
        if METRIC_HEAD.fullmatch(leaf) and NUMBER_CELL not in kinds and NOTHING_CELL in kinds and not texts:
            return "metric"  # "Err", which is nothing elsewhere
        facts = any(is_fact(text) and not (numeric and is_measure(text)) for text in path)
        if facts and (is_fact(leaf) or not is_benchmark(leaf, self.vocabulary)):
            return "fact"
        if numeric or (told and not texts and column):
            return "value"
        if not texts:
            return "value" if column and leaf else "blank"
        return self.text_role(leaf, texts)

    def text_role(self, leaf: str, distinct: set[str]) -> str:
        if all(map(is_setting, distinct)):
            return "shots" if all("shot" in t.lower() or "cot" in t.lower() for t in distinct) else "metric"
        named = sum(is_benchmark(text, self.vocabulary) for text in distinct)
        leaf = split_label(leaf).name  # "Model 5-shot"
        if words_of(leaf)[-1:] in (("model",), ("models",)) and 2 * named < len(distinct):
            return "model"  # "Alpaca models"
        for kind in ("group", "setting", "model"):
            if head_is(leaf, f"{kind}_heads") and not (kind == "model" and 2 * named >= len(distinct)):
                return kind
        if METRIC_HEAD.fullmatch(leaf) and any(map(is_measure, distinct)) and 2 * named < len(distinct):
            return "metric"
        if head_is(leaf, "benchmark_heads", "benchmark_fillers") or 2 * named > len(distinct):
            return "benchmark"
        return "plain" if head_is(leaf, "plain_cells") else "text"

    def find_sections(self, block: Block) -> None:
        """Section rows name the rows below them; they are taken out of the body."""
        section, body, last = "", [], []
        for row in block.body:
            text = self.spans_row(row) if self.width > 1 and len(block.body) > 1 else None
            if text is not None and not self.goes_on(row):
                section = text
                last.append(text)
            else:
                last = []
                body.append(row)
                block.sections[row] = section
        block.body = body
        self.captions += last  # no row is below them

    def goes_on(self, row: int) -> bool:
        """Whether the row's only text is a rowspan that began above: a row with no values, not a section."""
        return any(cell.text and cell is self.rows[row - 1][column] for column, cell in enumerate(self.rows[row]))

    def filled(self, block: Block, column: int) -> dict[int, Cell]:
        """A text column's cells by row; a blank one continues the label above, up to the next section or group."""
        cells: dict[int, Cell] = {}
        last, section = EMPTY, None
        groups = dict.fromkeys(
            (c for c in range(column) if block.roles[c] in ("group", "text", "benchmark", "model")), ""
        )
        for row in block.body:
            if block.sections[row] != section:
                last, section = EMPTY, block.sections[row]
            for left, above in groups.items():
                if (text := self.rows[row][left].text) and text != above:
                    last, groups[left] = EMPTY, text
            cell = self.rows[row][column]
            goes_on = not cell.source.strip() and any(c.text for c in self.rows[row])  # a picture is a label of its own
            last = last if goes_on and not cell.text else cell
            cells[row] = last
        return cells

    def texts(self, *roles: str) -> Iterator[str]:
        """The cells of columns of these roles."""
        for block in self.blocks:
            for column in block.columns(*roles):
                yield from (text for row in block.body if (text := label_text(self.rows[row][column].text)))


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


# --- parts/cards/surroundings.py --------------------------------------------------------------------------------------

LANGUAGES = word_list("languages")
PLAIN_WORDS = frozenset().union(*map(word_list, ("plain_headings", "plain_labels")), TUNED, BASE, VENDORS)
PLAIN_WORDS -= word_list("never_plain")
_PLAIN_STEM = re.compile(rf"(?:{CARD_WORDS['plain_stems']})\w*")
_SPREAD = re.compile(rf"(?i){CARD_WORDS['spread']}")  # "± standard error", which is of a score
_MAY_SPREAD = re.compile(r"[sS](?<![^\W\d_][sS])(?i:td|tandard|\.?[ed]\.?(?!\w)|\.?e\.?m\.?(?!\w))")
_PLAIN_RUNS = re.compile("|".join(sorted(CARD_WORDS["plain_runs"].split(), key=len, reverse=True)))
_DATA_WORDS, _RESULT_WORDS = word_list("data_words"), word_list("result_words")
_SUITES = word_list("suites")
_SETUP, _SETUP_HEADS = word_list("setup_sections"), word_list("setup_heads")
_OF_ALL = word_list("sections_of_all")
_SIGNS = re.compile(r"%(?!\s*(?:[,;:，)）\]]|$))|[(（]\d[\d.]*\s?[-–]\s?\d|[Δ∆÷≈≥≤]|<(?!-)|(?<!-)>")
_TELLING = re.compile(rf"\b(?:{by_first_letter(CARD_WORDS['telling'])})\b")  # of a text in lower case
_PLAIN_PHRASES = re.compile(rf"(?i)\b(?:{by_first_letter([CARD_WORDS['plain_phrases']])})\b|[（(\[]%[)）\]]")
_MAY_BE_PHRASE = re.compile(rf"\b(?:{by_first_letter([CARD_WORDS['plain_phrases']])})\b|%")  # in lower case: sooner
_TELLING_RUNS = re.compile(rf"{by_first_letter(CARD_WORDS['telling_runs'].split())}|[δ∆]")  # of other letters
MEASURES_SAID = [
    (re.compile(rf"(?i)(?<!\w)(?:{said})(?!\w)"), fits.split()) for said, fits in CARD_WORDS["measures_said"]
]
_MEASURE_SAID = re.compile(rf"(?i)(?<!\w)(?:{by_first_letter(said for said, _ in CARD_WORDS['measures_said'])})(?!\w)")
_SENTENCE = re.compile(rf"(?i)\b(?:{CARD_WORDS['sentence_words']})\b.*[.!?]\W*$|。\W*$|다\W*$|です|ます|である|した")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|(?<=。)")
_LEAD_END = re.compile(rf"{_SENTENCE_END.pattern}|(?<=[:：])\s+")
_LEGEND = re.compile(r"[*†‡§¶^⁎∗＊※¹²³]|\[\d\]|\(?\w\)\s")
_NAMED = re.compile(r"(?<![A-Za-z0-9_])[A-Za-z0-9]+[\dA-Z][A-Za-z0-9_.+²-]*")  # ends where other letters begin
_WRITTEN_NAME = re.compile(r"(?=.*[A-Z].*[A-Z\d])[A-Z][\w+.-]{2,40}")
_REVERSED = re.compile(r"(?i)1(?<![\w.]1)(?:00)?\s?%?\s?[-−–]\s?(?:acc|[a-z]*er\b|f1|em\b|score|率|正)")  # 1 − accuracy
_NUMBERED = re.compile(r"(?i)^\W*(?:table|figure|tab|fig|表|図|图|표)\.?\s*\d+\W*|^(?-i:[IVX]{1,4}[.)]\s(?=[A-Z]))")
_ABOUT_NUMBERS = re.compile(CARD_WORDS["about_numbers"])  # in lower case
_ABOUT_TABLE = re.compile(  # in lower case
    rf"\b(?:{by_first_letter([CARD_WORDS['about_table']])})|-shot(?<=\w-shot)\b|^\W*(?:{CARD_WORDS['about_table_first']})\b"
)
_IS_OR_HAS = re.compile(CARD_WORDS["is_or_has"])  # in lower case
_SAID_WORDS = word_list("said_words")
_ADDRESS = re.compile(r"https?://\S+|\barxiv:\S+")
_CJK = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]")
_LEADS_ON = (":", "：")
_LOWER_SAID = re.compile(
    rf"(?i)(?<!\w)(?:{by_first_letter([CARD_WORDS['lower_said']])})(?!\w)|{'|'.join(CARD_WORDS['lower_runs'].split())}"
)


_NOTE = re.compile(r"\n {0,3}\[\^([^\]\s]{1,40})\]:[ \t]*(\S[^\n]{0,1500})")
_NOTE_MARK = re.compile(r"\[\^([^\]\s]{1,40})\](?!:)")
_SIGNS_OF_NOTES = "†‡§¶⁎∗＊※¹²³"
_LEGEND_LINE = re.compile(rf"\n {{0,3}}(?:[-*] |>|<[^<>\n]{{1,40}}>)* *(\\\*|[{_SIGNS_OF_NOTES}]) *(\w[^\n]{{3,600}})")
_SECTION = re.compile(r"\n {0,3}(#{1,6})[ \t]+(\S[^\n]{0,300})(?=\n|\Z)")
_ON_RESULTS = re.compile(r"(?i)\b(?:eval\w*|bench\w*|results?|performance)\b|评|結果|结果|ベンチ|評価|벤치|평가|성능")
_OF_NUMBERS = re.compile(  # of any table of the card
    r"(?i)\b(?:all|both|these|those|the|our) (?:\w+ ){0,2}?(?:numbers|scores|results|tables?|figures)\b "
    r"(?:\w+ ){0,3}?(?:above|below|here|are|were|is|was|come|came|use|reported|shown)\b"
)
_NOUNS = re.compile("number|score|result|table|figure")
_TABLE_BEGINS = re.compile(r"\n(?=[^\S\n]*\||[^\n|]+\|[^\n]*\n[ :|-]+(?:\n|\Z))|<table")
_LIST_MARK = re.compile(r"^(?:[-*+>]|\d+[.)])\s+")
_ALT = re.compile(r"!\[([^\[\]]{20,300})\]")
_COMMAND = re.compile(r"pretrained=|--[a-z](?<![\w-]--[a-z])")
_SETTING_LINE = re.compile(r"\s*[a-z_]+\s*[:=]\s*\S+\s*$")
_COMMAND_MODEL = re.compile(
    r"(?i)(?:\bpretrained=|--(?:base-?)?model(?:[-_](?:id|path|name(?:_or_path)?))?[ =]|^\s*model(?:_name)?\s*[:=]\s*|"
    r"\bvllm serve )[\"']?(\w[\w./-]*)"
)
_COMMAND_TELLS = re.compile(rf"(?i)(?<![a-z])(?:{CARD_WORDS['command_tells']})")
_VERSION = re.compile(r"[vV](?<![\w.@/][vV])\.?\d+(?:\.\d+)*(?!\w)")


@functools.lru_cache(maxsize=4)
def footnotes(card: str) -> dict[str, str]:
    """What a card's footnotes say, by their marks: "^1" of "[^1]: …", and the signs that begin a line elsewhere."""
    card = f"\n{card}"
    marked = "\n\\*" in card or (not card.isascii() and any(sign in card for sign in _SIGNS_OF_NOTES))
    found = {sign.strip("\\"): said for sign, said in _LEGEND_LINE.findall(card)} if marked else {}
    found |= {f"^{mark}": said for mark, said in _NOTE.findall(card)} if "[^" in card else {}
    return {mark: one_line(said) for mark, said in found.items()}


def marks_in(sources: Iterable[str]) -> set[str]:
    """The marks of footnotes that texts have as written."""
    found = set()
    for source in sources:
        if "[^" in source:
            found.update(f"^{mark}" for mark in _NOTE_MARK.findall(source))
        if (last := one_line(source)[-1:]) and last in f"*{_SIGNS_OF_NOTES}":
            found.add(last)
    return found


@functools.lru_cache(maxsize=4)
def setup_sections(card: str) -> list[tuple[str, str, bool]]:
    """(a heading above it, a paragraph, whether its own heading says so) of the sections that say how was measured.

    These are "Setup", "Notes" and the like, and all below a heading on results that have no table of their own; of
    others ("News", heading "") the sentences on the numbers of the card.
    """
    card = f"\n{card}"
    found, path, places = [], [], list(_SECTION.finditer(card))
    tables = [begins.start() for begins in _TABLE_BEGINS.finditer(card)] if places else []
    stops, still = [len(card)] * len(places), []  # where each section ends; those that go on
    for at, place in enumerate(places):
        while still and len(places[still[-1]][1]) >= len(place[1]):
            stops[still.pop()] = place.start()
        still.append(at)
    for at, place in enumerate(places):
        level, heading = len(place[1]), one_line(place[2])
        words, path = words_of(heading), [(depth, text) for depth, text in path if depth < level]
        listed = bool(words) and _SETUP.issuperset(words) and not _SETUP_HEADS.isdisjoint(words)
        of_card = not path[1:] and _OF_ALL.isdisjoint(words)  # "Notes" of the whole card
        heads = [text for _, text in path if _ON_RESULTS.search(text)]
        heads = [path[-1][1] if path else ""] if listed and not of_card else heads
        path.append((level, heading))
        if not listed and bisect.bisect_left(tables, place.end()) < bisect.bisect_left(tables, stops[at]):
            continue
        end = places[at + 1].start() if at + 1 < len(places) else len(card)
        texts = re.split(r"\n\s*\n|\n(?=[-*+] )", card[place.end() : min(end, place.end() + 4000)])
        texts = [_LIST_MARK.sub("", text.strip()) for text in texts if heads or _NOUNS.search(text.lower())]
        texts = [one_line(text) for text in texts if text and text[0] not in "|`~<"]
        if not heads:
            parts = (part for text in texts for part in sentences(text) if _NOUNS.search(part.lower()))
            texts = [part for part in parts if _OF_NUMBERS.search(part)]
        found += [(head, text, listed and not of_card) for head in heads or [""] for text in texts]
    return found


def pictures(sources: Iterable[str]) -> list[str]:
    """What is written for those who do not see a picture, where it is a sentence."""
    return [alt for source in sources if "![" in source for alt in _ALT.findall(source) if alt.count(" ") > 2]


def is_command(text: str) -> bool:
    return bool(_SETTING_LINE.match(text) or _COMMAND.search(text))


def told_by_command(text: str, own: Callable[[str], bool]) -> str:
    """What a command, or a line of settings, says that makes its results others than the plain scores of a model.

    own: whether a name is the model's.
    """
    if found := _COMMAND_TELLS.search(text):
        return found[0].strip()
    for name in _COMMAND_MODEL.findall(text):
        last = name.rstrip("/").rpartition("/")[2]
        if (any(map(str.isdigit, last)) or "/" in name) and not own(last):
            return name
    return ""


class Surroundings:
    """Texts around a table, by what its labels say; that is looked for when a text is not plain by itself."""

    def __init__(
        self,
        vocabulary: Vocabulary,
        own: Collection[str] = (),  # tokens of the model's name and owner
        models: Collection[str] = (),  # labels that stand where models do
        labels: Collection[str] = (),  # of rows, and over values
        heads: Collection[str] = (),  # over all columns
    ) -> None:
        self.vocabulary, self.own, self.models, self.labels, self.heads = vocabulary, own, models, labels, heads

    @functools.cached_property
    def names(self) -> set[str]:
        """Tokens of the model's name, and of the labels that stand where models do."""
        tokens = itertools.chain.from_iterable(map(name_tokens, self.models))
        names = {token for token in tokens if token not in MEASURES and not is_telling(token)}
        names |= frozenset() if QUANTIZED.isdisjoint(names) else QUANTIZED  # it tells them apart
        return names.union(self.own)

    @functools.cached_property
    def keys(self) -> set[str]:
        """Its benchmarks."""
        return {key for text in self.labels if (key := self.vocabulary.key(split_label(text)))}

    @functools.cached_property
    def label_names(self) -> list[str]:
        """Its labels that are no models', longest first: "MME", "Video-MME"."""
        return sorted(
            {split_label(text).name for text in self.labels if text not in self.models}, key=len, reverse=True
        )

    @functools.cached_property
    def measures(self) -> set[str]:
        """Words of the measures that its labels name; and of languages when it says in which."""
        measures = {word for text in self.labels if is_measure(text) for word in words_of(text)}
        told = any(not LANGUAGES.isdisjoint(words_of(text)) for text in (*self.labels, *self.heads))
        return measures | LANGUAGES if told else measures

    @functools.cached_property
    def own_words(self) -> set[str]:
        return {token for token in self.own if len(token) > 2 and token.isalpha()}

    @functools.cached_property
    def facts(self) -> set[tuple[str, ...]]:
        """The words of its headers that are facts."""
        return {words_of(head) for head in self.heads if is_fact(head)}

    @functools.cached_property
    def stems(self) -> tuple[str, ...]:
        return tuple(name for name in self.names if len(name) > 4)

    def fits(self, metrics: list[str], every: bool) -> bool:
        """Whether a measure is the one of all (or some) benchmarks of the table."""
        told = {self.vocabulary.metrics[key] for key in self.keys} or {"score"}
        return told <= {*metrics} if every else not told.isdisjoint(metrics)

    def rest(self, text: str, every: bool) -> str:
        """A text without the benchmarks, the measures that fit, and the phrases that it has."""
        text = without_spread(text)
        if _MAY_BE_PHRASE.search(text.lower()):
            text = _PLAIN_PHRASES.sub(" ", text)
        if _VERSION.search(text):
            text = _VERSION.sub(lambda found: " " if self.names.issuperset(name_tokens(found[0])) else found[0], text)
        for name in sorted(benchmarks_in(text, self.vocabulary), key=len, reverse=True):
            text = text.replace(name, " ")
        for name in self.label_names if len(text) > 40 else ():  # no label of the table itself
            if name in text and is_written_name(name):
                text = text.replace(name, " ")
        text = _NAMED.sub(lambda found: " " if is_benchmark(found[0], self.vocabulary) else found[0], text)
        for said, metrics in MEASURES_SAID if _MEASURE_SAID.search(text) else ():
            if said.search(text) and self.fits(metrics, every):
                text = said.sub(" ", text)
        return text

    def unplain(self, text: str, kept: bool = False) -> str:
        """The first word of a label that is not plain; `kept`: settings that it says go to the results."""
        words = words_to_ask(text, self.vocabulary)
        if words is not None and all(map(self.is_plain, words)):
            return ""
        if reverse := _REVERSED.search(text):
            return reverse[0]
        text = _NUMBERED.sub("", text)
        text = text.lower() if text.isupper() and " " in text else text
        for name, key in benchmarks_in(text, self.vocabulary).items():
            keys = self.keys
            if keys and key not in _SUITES and not any(own.startswith(key) for own in keys):
                return name
        text = self.rest(text, every=True)
        if kept:
            text = without_settings(text)
        if sign := _SIGNS.search(text):
            return sign[0].strip()
        if telling := self.told_in(text):
            return telling
        words = words_of(text)
        return data_word(words) or next((word for word in words if not self.is_plain(word)), "")

    def is_plain(self, word: str) -> bool:
        if is_everyday_word(word) or word in self.measures:
            return True
        if word[0] == "v" and word[1:].isdigit():
            return False  # of a version that is a name's, nothing is left
        return all(self.is_name(token) for token in name_tokens(word))

    def is_name(self, token: str) -> bool:
        return token.isdigit() or token in self.names or token.startswith(self.stems)

    def telling(self, text: str) -> str:
        """The first words of prose that name another measure, a quantity, other data or weights, or a mode."""
        if reverse := _REVERSED.search(text):
            return reverse[0]
        return self.told_in(self.rest(text, every=False)) if may_tell(text) else ""

    def told_in(self, rest: str) -> str:
        for found in tellings(rest):
            words = words_of(found)
            if not words or not all(word in self.measures or self.is_name(word) for word in words):
                return found
        return ""

    def of_paragraph(self, text: str, near: bool = True) -> str:
        """What a paragraph tells: a lead, a legend and a fragment are labels, the rest is prose.

        A sentence that explains a column of facts ("Token density: the number of …") tells nothing of the others.
        """
        if self.facts and not (text := " ".join(p for p in sentences(text) if words_of(label_of(p)) not in self.facts)):
            return ""
        if is_legend(text) or _NUMBERED.match(text) or (len(text) < 150 and not _SENTENCE.search(text)):
            return self.telling(text) or self.unplain(text)
        if word := self.telling(text):
            return word
        text = _ADDRESS.sub(" ", text).strip() if "//" in text or "arxiv:" in text else text
        if text.endswith(_LEADS_ON) and (word := self.unplain(sentences(text)[-1])):
            return word
        parts = _LEAD_END.split(text) if near else ()
        return next((word for part in parts if (word := self.unplain_sentence(part))), "")

    def is_about_names(self, text: str) -> bool:
        """Whether a sentence says what the model, or a benchmark, is or has in the table."""
        lower = text.lower()
        if not _IS_OR_HAS.search(lower):
            return False
        return any(word in lower for word in self.own_words) or bool(benchmarks_in(text, self.vocabulary))

    def unplain_sentence(self, text: str) -> str:
        """The first word that is not plain of a sentence on the numbers, or of one without spaces between words."""
        if not (is_about_table(text) or self.is_about_names(text)):
            return ""
        rest = self.rest(text, every=False)
        return next((word for word in words_of(rest) if word not in _SAID_WORDS and not self.is_plain(word)), "")


@functools.lru_cache(maxsize=4096)
def words_to_ask(text: str, vocabulary: Vocabulary) -> list[str] | None:
    """The words of a label that are plain only over some tables; None when more than its words is to be looked at."""
    words = words_of(text)
    if data_word(words) or may_tell(text) or _SIGNS.search(text) or benchmarks_in(text, vocabulary):
        return None
    return None if _REVERSED.search(text) else [word for word in words if not is_everyday_word(word)]


@functools.lru_cache(maxsize=4096)
def is_everyday_word(word: str) -> bool:
    plain = word.isdigit() or word in PLAIN_WORDS or bool(_PLAIN_STEM.fullmatch(word))
    return plain or (not word.isascii() and not _PLAIN_RUNS.sub("", word))


def is_written_name(text: str) -> bool:
    """Whether a label is written as names of benchmarks are."""
    return bool(_WRITTEN_NAME.fullmatch(text)) and not is_measure(text) and not is_telling(text)


def in_other_letters(text: str) -> bool:
    """Whether a text has Chinese, Japanese or Korean in it."""
    return not text.isascii() and _CJK.search(text) is not None


def data_word(words: Sequence[str]) -> str:
    """The word by which a label is about data, and not about results on them; "" when there is none."""
    if _DATA_WORDS.isdisjoint(words) or not _RESULT_WORDS.isdisjoint(words):
        return ""
    return next(word for word in words if word in _DATA_WORDS)


@functools.lru_cache(maxsize=1024)
def about_numbers(text: str) -> tuple[str, ...]:
    """The sentences of a paragraph, as written, that are about numbers."""
    return tuple(part for part in sentences(one_line(text)) if _ABOUT_NUMBERS.search(part.lower()))


def is_about_table(text: str) -> bool:
    """Whether a sentence speaks of the numbers of a table."""
    return bool(_ABOUT_TABLE.search(text.lower())) or in_other_letters(text)


def label_of(sentence: str) -> str:
    """What a sentence says before its colon: the label that it explains; all of one without."""
    return sentence.replace("：", ":").partition(":")[0]


def sentences(text: str) -> list[str]:
    return _SENTENCE_END.split(text.strip())


def is_legend(text: str) -> bool:
    """Whether a paragraph begins with a footnote's mark."""
    return bool(_LEGEND.match(text))


def tellings(text: str) -> Iterator[str]:
    """What a text has of the words that tell, in lower case."""
    text = text.lower()
    yield from (found[0] for found in _TELLING.finditer(text))
    if not text.isascii():
        yield from (found[0] for found in _TELLING_RUNS.finditer(text))


@functools.lru_cache(maxsize=4096)
def may_tell(text: str) -> bool:
    """A first look; the paragraph below an outer heading stands above many tables."""
    return next(tellings(text), None) is not None


def without_spread(text: str) -> str:
    """A text without what says that ± is a standard error."""
    return _SPREAD.sub(" ", text) if _MAY_SPREAD.search(text) else text


def told_lower(text: str) -> str:
    """The words by which a text says that less is better without a measure's name: "failed", "1 - accuracy"."""
    found = _REVERSED.search(text) or _LOWER_SAID.search(without_spread(text))
    return found[0] if found else ""


def says_lower(text: str) -> bool:
    """Whether a text speaks of a measure of which less is better: an error rate, a loss, 1 - accuracy."""
    words = words_of(without_spread(text))
    parts = ("_".join(words[at : at + size]) for size in (1, 2, 3) for at in range(len(words) - size + 1))
    return bool(told_lower(text)) or any(map(metric_direction, parts))


@functools.lru_cache(maxsize=4096)
def is_telling(word: str) -> bool:
    """Whether a word alone says that something else is measured."""
    word = word.lower()
    return bool(_TELLING.fullmatch(word) or (not word.isascii() and _TELLING_RUNS.fullmatch(word)))


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


# --- parts/cards/scores.py --------------------------------------------------------------------------------------------

NOT_A_SHARE = CARD_WORDS["not_a_share"].split()
_SHARES = frozenset(["", *next(fits for said, fits in MEASURES_SAID if said.fullmatch("accuracy"))])
_ERRORS = frozenset(
    ["error", "errors", "err", "loss", "losses", "wrong", "incorrect", "failures", "mistakes", "错误率", "오류율"]
)
_MAY_BE_FACTS = FACTS | _ERRORS
_BARE = re.compile(r"[()\[\]（）,/]")
_ROUGE = re.compile(r"[rR](?<![\w-][rR])-?([12lL])(?![\w.-])")
_DOWN = re.compile("[↓⬇⇓]")
_TOPICS = word_list("topics") | word_list("languages")
_CODES = word_list("language_codes")
_OTHER_MODELS = word_list("other_models")
_OF_GROUPS = frozenset(["instruct", "chat"])  # benchmarks are grouped so, too
_JUDGED = ("score", "win_rate", "rating", "elo")  # by a model, which a note may name
_NO_BENCHMARK = word_list("no_benchmark")
_PLAIN_FACTS = FACTS - WEAK_FACTS
_LAST_FACTS = word_list("last_facts")
_COMPARED = frozenset(["vs", "rel", "relative"])
_COUNTED = re.compile(r"(?:distinct|rep|div|dist)-?\d|\w*(?:len|rank|time|tokens|latency|mem)")  # "GenLen"
_OF_NAMES = word_list("telling_names")
_NO_WORD = re.compile(r"(?i)[\W_]*|n\.?/?a\.?|none|null|nan")  # in a column of labels; "error" is a measure there
_TICK = re.compile("(?:([✓✔✅☑√])|[✗✘❌])\ufe0f?")
_NO_EDITION = re.compile(r"(?i)[\W_]*|\d|yaml|latest|main")  # an integer is a harness's own version of a task
_DATA_SET = re.compile(r"(?:huggingface\.co|hf\.co)/datasets/(?:[\w.-]+/)?([\w.-]+)")
_SHOT_COUNT = re.compile(r"\d+(?:\s*[-–]\s*\d+)?")
PLAIN_HEADINGS = frozenset(CARD_WORDS["plain_headings"].split())


@dataclass(frozen=True, slots=True)
class Pick:
    """One reading that a person or an agent asked for: which column or row, and what the table does not say."""

    table: int = 0
    axis: str = ""  # "column" or "row"
    index: int | None = None
    label: str | None = None  # the text that must stand there
    only: tuple[int | str, ...] = ()  # rows (of a column) or columns (of a row) to take, by index or label; else all
    leave_out: tuple[int | str, ...] = ()
    names: tuple[tuple[int | str, tuple[str, ...]], ...] = ()  # benchmark names by index or label on the other axis
    notes: str | None = None
    metric: str | None = None
    shots: str | None = None
    unit: str | None = None
    nothing: bool = False  # this model is not in the table
    first: bool = False  # of a cell with several numbers or values the first is meant
    entry: Mapping[str, Any] = field(default_factory=dict, compare=False)  # as it was written

    def name_of(self, index: int, label: str) -> tuple[str, ...]:
        """The names given for a cell's values; none when nothing was given."""
        return next((names for place, names in self.names if is_place(place, index, label)), ())

    def change(self, score: Score) -> Score:
        """The score with what was said by hand."""
        for name in ("notes", "metric", "shots", "unit"):
            if (value := getattr(self, name)) is not None:
                setattr(score, name, value)
        return score


@dataclass(frozen=True, slots=True)
class OpenCell:
    """A cell of the model that is not taken, because it cannot be told what it says."""

    row: int
    column: int
    label: str
    text: str
    why: str
    values: int = 0  # how many of its values wait for a benchmark's name
    measure: bool = False  # what is asked is what was measured: a name does not answer it
    first: bool = False  # it has several numbers


@dataclass(slots=True)
class Taken:
    """What a column or row gives."""

    scores: list[Score] = field(default_factory=list)
    open_cells: list[OpenCell] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    places: dict[int, str] = field(default_factory=dict)  # the labels on the other axis, by index
    first: bool = False  # a cell had several numbers
    own: dict[tuple[int, int], str] = field(default_factory=dict)  # row, column -> metric, where another one was given

    def add(self, other: Taken) -> None:
        self.scores += other.scores
        self.open_cells += other.open_cells
        self.left_out += other.left_out

    def takes(self, pick: Pick, index: int, label: str, fact: bool) -> bool:
        """Whether a row or column of the other axis is taken; a fact only when it was asked for."""
        self.places[index] = label
        if pick.only:
            return any(is_place(place, index, label) for place in pick.only)
        if fact:
            self.left_out.append(f"'{label[:60]}' is a fact, no score")
        return not fact and not any(is_place(place, index, label) for place in pick.leave_out)

    def ask_unlike(self, pick: Pick) -> None:
        """Open the cells over which one metric was put although they are of others.

        A metric that is none's own says what the whole table measures, and cells that were named were looked at.
        """
        own, given = self.own, own_metric(pick.metric or "")
        asked = [score for score in self.scores if pick.metric and not is_average(score.benchmark)]
        kinds = {own[score.row, score.column] for score in asked}
        if pick.only or len(kinds) < 2 or (given not in kinds and _SHARES.issuperset(kinds)):
            return
        unlike = [score for score in self.scores if own[score.row, score.column] != given]
        self.scores = [score for score in self.scores if score not in unlike]
        for score in unlike:
            said = own[score.row, score.column] or "not known"
            why = f"metric: {pick.metric} is put over several benchmarks, and the metric of this one is {said}"
            self.open_cells.append(OpenCell(score.row, score.column, score.benchmark, score.raw, why, 1, measure=True))

    def ask_mixed(self) -> None:
        """Open the cells that may be proportions among percentages: 0.641 beside 82.1, or where % is said."""
        shares = [s for s in self.scores if s.key or s.unit == "percent"]
        large = [decimals(s.raw) for s in shares if s.value > 1.5]
        for score in shares:
            asked = 0 < score.value < 1 and decimals(score.raw) >= (max(large) + 2 if large else 3)
            if asked and (large or score.unit == "percent"):
                self.scores.remove(score)
                why = (
                    f"{score.value:g} may be a proportion among percentages: a reading of its own with `unit:` says it"
                )
                self.open_cells.append(OpenCell(score.row, score.column, score.benchmark, score.raw, why))

    def useless(self, pick: Pick) -> str:
        """What of a pick names nothing that is there."""
        other = "columns" if pick.axis == "row" else "rows"
        named = {other: pick.only, "leave_out": pick.leave_out, "benchmark": [place for place, _ in pick.names]}
        for key, places in named.items():
            there = self.places.items()
            if missing := [place for place in places if not any(is_place(place, *one) for one in there)]:
                has = listing((f"{index} '{label}'" for index, label in there), 20)
                return f"{key}: {missing[0]!r} is none of its {other}, which are {has}"
        return "first_number: no cell of it has several numbers" if pick.first and not self.first else ""


def decimals(raw: str) -> int:
    """How many digits are behind the point of a number as written."""
    found = re.search(r"\d[.,](\d+)", raw)
    return len(found[1]) if found else 0


def is_place(place: int | str, index: int, label: str) -> bool:
    """Whether a pick's index or label, with or without markup, is this one."""
    return place == index if isinstance(place, int) else folded_label(place) == folded_label(label)


def own_metric(said: str) -> str:
    """A metric by the name that the vocabulary has for it: "pass@1" -> pass_at_1."""
    found = (fits for pattern, fits in MEASURES_SAID if pattern.fullmatch(said))
    return next(found, [folded_metric(said)])[0]


class CellLabels(NamedTuple):
    """What the table says of a result beside its value: the texts of its name, outermost first, and its settings."""

    texts: tuple[str, ...] = ()
    unnamed: bool = False  # the texts say what is measured, and not on which benchmark
    shots: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()
    group: str | None = None
    brackets: bool = False  # brackets behind the name are metrics
    unit: str | None = None  # of a value of at most 1
    note: str | None = None  # the variant that a section row says
    percent: bool = False  # a header says (%)
    header_shots: str | None = None  # what the header over the labels says: "Model 5-shot"
    less: bool = False  # an arrow says that less is better


class ScoreReader:
    """Reads the scores of one column or row of a table."""

    def __init__(
        self, grid: Grid, model: ModelName, vocabulary: Vocabulary, title: str, unplain: Callable[[str], str]
    ) -> None:
        self.unplain = weakref.WeakMethod(unplain)  # what in a label is not plain; weak, as its object keeps this one
        self.grid, self.table, self.model, self.vocabulary = grid, grid.table, model, vocabulary
        self.headings = [text for text in self.table.headings if text != title]
        self.names: dict[tuple[int, int], RowNames] = {}  # by number of the header, and column where a table begins
        nearest = self.table.headings[:1]
        self.note = next((note for text in nearest if (note := note_of(text))), None)
        self.shots = next((shots for text in nearest if (shots := shots_of(text))), None)

    def row_names(self, number: int, columns: range) -> RowNames:
        block, place = self.grid.blocks[number], (number, columns.start)
        if (names := self.names.get(place)) is None:
            names = (HarnessNames if is_harness(block) else RowNames)(self.grid, block, self.model, columns)
            self.names[place] = names
        return names

    def take(self, axis: str, index: int, number: int, pick: Pick, taken: Taken, columns: range) -> None:
        """Add the scores of a column (a grid column), or of a row (a grid row) in some columns, under a header."""
        block, names = self.grid.blocks[number], self.row_names(number, columns)
        if axis == "column":
            path = [text for text in block.paths[index] if relation_of(text, self.model)[0] == "other"]
            above = [text for text in path if is_setting(text) or is_average(text)]
            over = tuple(text for text in path if text not in above and is_benchmark(text, self.vocabulary))
            percent = any("(%)" in text for text in path)
            mode = self.mode_of(block.paths[index]) if pick.axis else None  # "Reasoning On"
            labels = {row: names.label(row) for row in block.body}
            strong = any(is_fact(label) and not is_weak_fact(label) for label in labels.values())
            for row, label in labels.items():
                fact = is_fact(label) and (strong or not is_weak_fact(label))
                if taken.takes(pick, row - self.table.head, label, fact):
                    said = names.said(row)
                    if above or over or percent or mode:
                        texts = (*over, *said.texts, *above)
                        said = said._replace(texts=texts, percent=percent, note=mode or said.note)
                    self.take_cell(row, index, said, pick, taken)
            return
        said = names.said(index)
        if not block.columns("benchmark"):
            said = CellLabels(shots=said.shots, metrics=said.metrics, header_shots=names.header_shots)
        section = block.sections.get(index) or ""
        said = said._replace(note=note_of(section), shots=(*said.shots, shots_of(section) or ""))
        if pick.axis:
            cells = (names.filled[c][index].text for c in names.columns("text", "group", "setting", "model"))
            said = said._replace(note=said.note or self.mode_of([*map(label_text, cells)]))
        values = [column for column in block.columns("value") if column in columns]
        facts = [
            block.paths[column][-1] for column in block.columns("fact") if column in columns and block.paths[column]
        ]
        taken.left_out += [f"'{text[:60]}' is a fact, no score" for text in facts if not pick.only]
        for column in columns if pick.only else values:
            path = list(block.paths[column])
            generic = all(map(is_generic, path))
            if said.texts and generic:
                path = [text for text in path if is_measure(text)]
            if taken.takes(pick, column, " / ".join(path), False):
                unnamed = not said.texts and generic and not any(map(is_average, path))
                less = any(_DOWN.search(self.grid.rows[head][column].text) for head in block.head)
                labels = said._replace(texts=(*said.texts, *path), unnamed=unnamed, less=less)
                self.take_cell(index, column, labels, pick, taken)

    def mode_of(self, texts: Sequence[str]) -> str | None:
        """The mode that the labels of a chosen row or column say, when the model's own name does not."""
        named = not {"thinking", "think", "reasoning"}.isdisjoint(self.model.tokens)
        return None if named else said_once([note_of(text) for text in texts])

    def take_cell(self, row: int, column: int, said: CellLabels, pick: Pick, taken: Taken) -> None:
        """Add what one cell says: as many scores as it has values, or the question that it leaves."""
        cell = self.grid.rows[row][column]
        index, label, text = row - self.table.head, " ".join(said.texts), " ".join(cell.text.split())
        values = self.grid.values(cell)

        def leave_open(why: str, unnamed: int = 0, measure: bool = False) -> None:
            several = any(value and len(value.numbers) > 1 for value in values)
            taken.open_cells.append(OpenCell(index, column, label, text, why, unnamed, measure, several))

        if not values:
            kind = cell_kind(cell.text, self.grid.comma)
            if kind == ODD_CELL:
                leave_open("the number cannot be read")
            elif kind == TEXT_CELL:
                taken.left_out.append(f"'{label[:60]}': '{text[:40]}' is no number")
            return
        given = pick.name_of(column if pick.axis == "row" else index, label)
        if row in self.table.uneven and not (given or pick.only):
            return leave_open("its row has more or fewer cells than the head: which column is it in?", 1)
        if not (given or pick.only) and self.stands_for_several(cell, row, column):
            return leave_open("it is one cell beside several labels")
        if pick.first and len(values) > 1 and len(given) != len(values):
            values = values[:1]
            taken.first = True
        names = self.divide(row, said.texts, len(values)) if not given else [said.texts] * len(given)
        if names is None or len(names) != len(values):
            why = f"{len(given)} names are given" if given else "its label is not divided so"
            return leave_open(f"it has {len(values)} values, and {why}", len(values))
        for value, texts, name in zip(values, names, given or [None] * len(values), strict=True):
            if value is None:
                continue
            if len(values) > 1 and not given and self.is_quantized(texts) and not self.is_quantized(said.texts):
                taken.left_out.append(f"'{' '.join(texts)[:60]}' is another model's")
                continue
            score = self.score(value, said, texts, cell, index, column, name, len(given) > 1)
            if pick.metric:
                told = score.metric or self.vocabulary.metrics.get(score.key or "") or ""
                taken.own[index, column] = own_metric(told)
            pick.change(score)
            if len(value.numbers) > 1 and pick.first:
                taken.first = True
            if len(value.numbers) > 1 and not pick.first:
                leave_open("it has several numbers")
            elif value.bound and not given and not pick.first:
                leave_open("it is a bound")
            elif value.odd and not given and not pick.first:
                leave_open(f"'{value.odd}' beside the number may say more")
            elif (fact := self.fact_of_benchmark(texts)) and not given:
                leave_open(f"'{fact}' may be no score")
            elif not any(map(str.isalpha, score.benchmark)) and not score.key:
                leave_open("nothing says which benchmark it is of", 1)
            elif (why := self.out_of_range(score)) and not (pick.metric or pick.unit):
                leave_open(why)
            elif (why := self.measured_beside(score, said, bool(pick.axis))) and not self.tells_measure(pick, name):
                leave_open(why, 0 if name else 1, measure=True)
            elif (why := self.said_beside(score, bool(pick.axis))) and pick.metric is None and not name:
                leave_open(why, 1)
            else:
                taken.scores.append(score)
        return None

    @staticmethod
    def tells_measure(pick: Pick, name: str | None) -> bool:
        """Whether what was said by hand of a cell says how it was measured."""
        return bool(pick.metric or pick.notes or (name and split_label(name).metric))

    def stands_for_several(self, cell: Cell, row: int, column: int) -> bool:
        """Whether a cell spans the rows of different labels, or columns: whose value it is cannot be told."""
        if self.table.kind == "pipe":
            return False
        rows = self.grid.rows
        places = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        beside = [(r, c) for r, c in places if 0 <= r < len(rows) and 0 <= c < len(rows[r]) and rows[r][c] is cell]
        return any(r != row or self.grid.blocks[0].roles[c] == "value" for r, c in beside)

    def fact_of_benchmark(self, texts: Sequence[str]) -> str:
        """The words by which a label says something about a benchmark, no score on it: "MMLU rank", "GSM8K (s)"."""
        for text in texts:
            if self.vocabulary.key(text):
                continue
            text = text.replace("p-value", "pvalue")
            if text.isascii() and "#" not in text and _MAY_BE_FACTS.isdisjoint(words_of(text)):
                continue
            words = _BARE.sub(" ", text).split()
            errors = () if split_label(text).metric else _ERRORS
            facts = [
                word for word in words if word.casefold() in errors or (is_fact(word) and not DIGIT_IN.search(word))
            ]
            if not facts:
                continue
            rest = " ".join(word for word in words if not is_fact(word) and not FACT_FILLERS.issuperset(words_of(word)))
            if benchmarks_in(rest, self.vocabulary):
                return " ".join(facts)
        return ""

    def is_quantized(self, texts: Sequence[str]) -> bool:
        text = " ".join(texts)
        words = {*words_of(text), *name_tokens(text)} - {*self.model.tokens}
        return any(word in QUANTIZED and not word.isdigit() for word in words)  # "FP8", "Int4AWQ"

    def divide(self, row: int, texts: Sequence[str], number: int) -> list[Sequence[str]] | None:
        """The label of each of a cell's values: the one text that is divided as the cell is, or a cell beside it.

        None when none is. "BF16<br>FP8" beside "DROP": DROP (BF16), DROP (FP8).
        """
        if number == 1:
            return [texts]
        for at in reversed(range(len(texts))):
            if parts := divided(texts[at], number):
                return [[*texts[:at], part, *texts[at + 1 :]] for part in parts]
        for cell in self.grid.rows[row] if texts else ():
            if not self.grid.values(cell) and (parts := divided(cell.text, number)):
                return [[*texts[:-1], f"{texts[-1]} ({part})"] for part in parts]
        return None

    @functools.cached_property
    def heading_metric(self) -> str | None:
        """The measure that a caption or the nearest heading names alone, when it is no share: "Perplexity on books"."""
        text = " ".join((*self.grid.captions, *self.headings[:1]))
        found = {word for word in words_of(text) if word in MEASURES}
        found |= {metric for sign, metric in CARD_WORDS["metric_signs"].items() if sign in text}
        return found.pop() if len(found) == 1 and found <= word_list("heading_metrics") else None

    @functools.cached_property
    def heading_benchmark(self) -> tuple[str, str | None]:
        """The one benchmark that the nearest heading is on; "" when it is on none, several, or on something else."""
        heading = self.headings[0] if self.headings else ""
        name, key = self.only_benchmark(heading)
        rest = {word for word in words_of(heading) if not word.isdigit()} - {*words_of(name)}
        return (name, key) if rest <= PLAIN_HEADINGS else ("", None)

    @functools.cached_property
    def paragraph_benchmark(self) -> str:
        """The benchmark that the paragraph above begins with, where no label of the table is one: "LongBench is …"."""
        name, _ = self.only_benchmark(self.table.before)
        return name if self.table.before.startswith(name) and not self.has_benchmarks else ""

    def only_benchmark(self, text: str) -> tuple[str, str | None]:
        found = benchmarks_in(text, self.vocabulary)
        return next(iter(found.items())) if len(set(found.values())) == 1 else ("", None)

    @functools.cached_property
    def has_rouge(self) -> bool:
        """Whether labels say R-1, R-2, R-L of ROUGE, and none is alone: R2 may be the coefficient of determination."""
        labels = [text for b in self.grid.blocks for path in b.paths for text in path]
        labels += self.grid.texts("benchmark", "text", "metric")
        found = {match.upper() for text in labels for match in _ROUGE.findall(text)}
        return len(found) > 1 and ("L" in found or any("sum" in text.casefold() for text in labels))  # "ANLI R1", "R2"

    @functools.cached_property
    def has_benchmarks(self) -> bool:
        """Whether a label of the table is a benchmark that is known: then its heading is not the benchmark of all."""
        labels = {text for b in self.grid.blocks for c in b.columns("value") for text in b.paths[c]}
        labels.update(self.grid.texts("benchmark", "text"))
        return any(not is_average(text) and self.vocabulary.key(split_label(text)) for text in labels)

    def score(
        self,
        value: Value,
        said: CellLabels,
        texts: Sequence[str],
        cell: Cell,
        row: int,
        column: int,
        given: str | None,
        several: bool = False,
    ) -> Score:
        """One value with the texts of its name; a name that is given takes their place, and leaves what else they say.

        `several`: of a cell with several values, for which the texts do not say which of their notes is whose.
        Its benchmark is "" when nothing says which it is.
        """
        names, shots, metric, notes = [], [value.shots, *said.shots], [value.metric, *said.metrics], [value.note]
        for text in texts:
            text = _ROUGE.sub(r"ROUGE-\1", " ".join(text.split())) if self.has_rouge else " ".join(text.split())
            if is_measure(text):
                metric.append(label_text(text.replace("(%)", "")).strip("()[] "))
                continue
            if is_setting(text):
                label = split_label(f"x {text}" if text.startswith("(") else f"x ({text})")
            else:
                label = split_label(text, said.brackets)
                names.append(label)
                metric += [word for word in words_of(text) if word in MEASURES][:1] if is_average(text) else []
            shots.append(label.shots)
            metric.append(label.metric)
            # what is in the brackets of a name that the vocabulary has as it stands makes no variant of it
            notes.append(None if self.vocabulary.keys.get(folded_name(label.name)) else label.note)
        if given:
            label, outer = split_label(" ".join(given.split())), None
            name, key = label.name, self.vocabulary.key(label)
            shots, metric = [label.shots] if label.shots else shots, [label.metric] if label.metric else metric
            notes = [label.note] if label.note or several else notes
        else:
            name, key, outer = self.name_of(names, texts, said)
        number = value.numbers[0]
        percent = value.percent or said.percent or any("(%)" in text for text in texts)
        measure = said_once(metric)
        if not measure and self.vocabulary.ranges.get(key or "", (None, None))[1] is None:
            measure = self.heading_metric
        if not measure and not key and self.headings:
            measure = split_label(label_text(self.headings[0])[:80]).metric
        return Score(
            self.table.number, name, int(number) if number.is_integer() else number, cell.source,
            unit="percent" if percent else said.unit if number <= 1 else None,
            shots=said_once(shots) or said.header_shots or self.shots, metric=measure, group=said.group or outer,
            heading=self.table.heading, row=row, column=column, key=key,
            notes=said_once([*notes, note_of(said.group or ""), said.note, self.note]),
        )  # fmt: skip

    def name_of(self, names: list[Label], texts: Sequence[str], said: CellLabels) -> tuple[str, str | None, str | None]:
        """The name of a result, its key, and a group over it.

        An average, and a measure without a benchmark, carry what they are of: their group, else the benchmark of the
        table's heading or paragraph, else the heading. A measure of a benchmark that the heading names is its result.
        """
        benchmark, benchmark_key = self.heading_benchmark
        settings = (
            not names and bool(texts) and not any(map(is_average, texts))
        )  # "0-shot" and "maj@8" under "## GSM8K"
        if (said.unnamed or settings) and benchmark and not said.group:
            return benchmark, benchmark_key, None
        if not names or said.unnamed or all(is_average(label.name) for label in names):
            name = " ".join(label.name for label in names) or " ".join(texts)
            headings = self.headings[:1] if said.unnamed else self.headings
            telling = (text for text in headings if not PLAIN_HEADINGS.issuperset(words_of(text)))
            about = said.group or benchmark or self.paragraph_benchmark or next(telling, "")
            if said.unnamed and not (about and is_measure(name)):
                return "", None, None
            return (f"{name} ({label_text(about)[:80]})" if about and about != name else name), None, None
        if len(names) > 1 and not is_average(names[-1].name) and (key := self.vocabulary.key(names[-1])):
            return names[-1].name, key, " ".join(label.name for label in names[:-1])
        label = names[0]
        if len(names) > 1:
            note, bare = said_once([label.note for label in names]), " ".join(label.bare for label in names)
            label = Label(" ".join(label.name for label in names), note=note, bare=bare)
        name, key = label.name, self.vocabulary.key(label)
        if not key and not self.has_benchmarks and (about := benchmark or self.heading_of_parts) and about not in name:
            name = f"{name} ({about})"  # a part of the benchmark that the heading names
        return name, key, None

    @functools.cached_property
    def heading_of_parts(self) -> str:
        """What the nearest heading tells where the table has an average: its other labels are parts of the same."""
        heading = self.headings[0] if self.headings else ""
        labels = (
            *self.grid.texts("benchmark", "text"),
            *(text for b in self.grid.blocks for p in b.paths for text in p),
        )
        if PLAIN_HEADINGS.issuperset(words_of(heading)) or not any(map(is_average, labels)):
            return ""
        return split_label(label_text(heading)[:80]).name

    def said_beside(self, score: Score, by_hand: bool) -> str:
        """What in its name says that a value is no plain score of a benchmark; a part or a variant has no key.

        Who chose a column by hand has seen the names: what less is better of is asked all the same.
        """
        told = score.key or score.metric or score.shots or is_name_of_data(score.benchmark, self.vocabulary)
        if not (told or by_hand) and self.has_benchmarks:
            return f"'{score.benchmark[:60]}' may be no benchmark's name"
        told = told_lower(score.benchmark) if not score.metric else ""
        if not score.key and not by_hand:  # of a name that nobody knows, any word may be all that says what it is
            name = score.benchmark  # "Count" and "DROP" are names of benchmarks
            words = (word for word in tellings(name) if word not in _OF_NAMES and word.upper() not in name)
            told = told or next((word for word in words if word != name.casefold()), "")
        return f"'{told}' in its name says that it is no plain score" if told else ""

    def measured_beside(self, score: Score, said: CellLabels, by_hand: bool) -> str:
        """What the labels beside a benchmark's name say that makes its value another thing than its plain score.

        Who chose a column by hand has seen the texts: what another measure is called in is asked all the same.
        """
        found = () if score.key else benchmarks_in(score.benchmark, self.vocabulary)
        named = (
            "" if score.key else functools.reduce(lambda text, name: text.replace(name, " "), found, score.benchmark)
        )
        for text in filter(None, (score.group, named, *(score.notes or "").split(", "))):
            if not by_hand and (word := self.other_model(text, score, bool(found))):
                return f"'{text.strip()[:60]}' beside it says '{word}': is it this model's?"
            if text is named:
                continue
            known = is_benchmark(text, self.vocabulary) or is_filter(text)
            if _CODES.issuperset(words_of(text)):
                score.key = None  # "MMLU" beside "de"
            if text != score.group and score.key and not is_filter(text):
                if is_plain_note(text, score.key, self.vocabulary):
                    continue
                score.key = None  # "MMLU (STEM)"
            if known or not (word := self.unplain()(text)):
                continue
            if by_hand and not (says_lower(text) or is_measure(word) or word == "%"):
                continue
            if text == score.group or is_telling(word) or says_lower(text):
                return f"'{text[:60]}' beside it says '{word}': what is measured?"
            score.key = None  # a part or a variant, which its name says: "MMLU (German)"
        for text in said.metrics:
            if is_filter(text):
                continue
            if "stderr" in text or not (is_generic(text) or "_" in text or metric_direction(text) is not None):
                return f"its measure '{text[:60]}' is not known"
        if not by_hand and score.key and (why := self.of_other_data(score)):
            return why
        metric = score.metric or self.vocabulary.metrics.get(score.key or "") or ""
        lower = any(metric_direction(part) for part in metric.split(", "))
        if lower and not score.metric and score.value > 50 and "perplexity" not in metric:
            return f"{score.value:g} is much for {metric}, of which less is better"
        return f"an arrow says that less is better, and it is {metric}" if said.less and metric and not lower else ""

    def of_other_data(self, score: Score) -> str:
        """What a link of its label, or a number of items beside it, says against its being the benchmark."""
        row = score.row + self.table.head
        block = next(block for block in self.grid.blocks if block.body and block.body[0] <= row <= block.body[-1])
        cells = [self.grid.rows[head][score.column] for head in block.head]
        listed = bool(block.columns("benchmark"))  # its rows are benchmarks, and no models
        cells += [self.grid.rows[row][c] for c in block.columns("benchmark", "text", "plain") if listed]
        for name in (name for cell in cells for name in _DATA_SET.findall(cell.source)):
            folded = normalize_name(name)
            if folded not in self.vocabulary.datasets[score.key] and self.vocabulary.key(name) != score.key:
                return f"it links to the data set {name[:60]}: is it {score.benchmark[:40]}?"
        for column in block.columns("fact", "value") if listed else ():
            head = " ".join(block.paths[column][-1:]).strip("# ")
            if column != score.column and head_is(head, "count_heads", "fact_fillers"):
                counts = [value.numbers[0] for value in self.grid.values(self.grid.rows[row][column]) if value]
                if counts and counts[0] < 0.9 * self.vocabulary.items[score.key]:
                    return f"{counts[0]:g} of its {self.vocabulary.items[score.key]:,} items are said beside it"
        return ""

    def other_model(self, text: str, score: Score, beside: bool) -> str:
        """The word of a text beside a benchmark's name that makes the value another model's: "base", "int4", "13B"."""
        words = [word for word in words_of(text) if word not in self.model.tokens and not word.isdigit()]
        kinds = _OTHER_MODELS - (_OF_GROUPS if text == score.group else frozenset())
        kinds = kinds if beside or score.key or text in (score.group, score.notes) else frozenset()
        judged = self.vocabulary.metrics.get(self.vocabulary.key(score.benchmark) or "") in _JUDGED
        found = (word for word in words if (word in kinds and not judged) or word in QUANTIZED or SIZED.fullmatch(word))
        return next(found, "")

    def out_of_range(self, score: Score) -> str:
        """Why a value cannot be its benchmark's: a share is at most 100."""
        low, high = self.vocabulary.ranges.get(score.key or "", (None, None))
        if score.unit == "percent" or (score.metric and is_measure(score.metric)):
            low, high = -100 if low is None else low, 100 if high is None else high
        if (low is not None and score.value < low) or (high is not None and score.value > high):
            if score.unit != "percent" and any(word in (score.metric or "").casefold() for word in NOT_A_SHARE):
                return ""
            most = "more" if high is None else f"{high:g}"
            return f"{score.value:g} is outside what {score.benchmark} can be ({low or 0:g} to {most})"
        return ""


@functools.lru_cache(maxsize=4096)
def is_name_of_data(name: str, vocabulary: Vocabulary) -> bool:
    """Whether a label that nobody knows looks like a benchmark's or a topic's name: "HAE-RAE", "Social Science"; not
    like a setting's or another quantity's: "Sparsity", "k".
    """
    words = [word for word in _BARE.sub(" ", name).split() if any(map(str.isalnum, word))]
    folded = [word.strip("-_.:#*").casefold() for word in words]
    if in_other_letters(name):
        rest = functools.reduce(lambda text, found: text.replace(found, " "), benchmarks_in(name, vocabulary), name)
        return not any(tellings(rest)) and all(word.isascii() or is_everyday_word(word) for word in words_of(rest))
    if len(words) > 1 and (folded[-1] in _LAST_FACTS or not _COMPARED.isdisjoint(folded)):
        return False  # "AE2 Length", "vs FP16"
    if is_benchmark(name, vocabulary) and not is_everyday(name):
        return True
    if len(words) > 3:
        return _PLAIN_FACTS.isdisjoint(folded)  # "Time until first token"
    for word, plain in zip(words, folded, strict=True):
        told = word.strip("-_.:#*")
        shaped = any(map(str.isdigit, told)) or (len(told) > 2 and any(map(str.isupper, told[1:])))
        if shaped and plain not in _NO_BENCHMARK and not _COUNTED.fullmatch(plain):
            return True
    topics = [len(word) > 3 and word.casefold() in _TOPICS for word in words]
    if any(topics) and all(word[:1].isupper() for word in words):
        return True  # "Math Odyssey"
    return any(is_average(word) for word in words) or _TOPICS.issuperset(words_of(" ".join(words)))


def said_once(parts: Sequence[str | None]) -> str | None:
    """What several places say, each once: "5-shot, CoT"."""
    if not any(parts):
        return None
    return ", ".join({part.strip().casefold(): part.strip() for part in parts if part}.values()) or None


def have_twins(scores: Sequence[Score]) -> bool:
    """Whether two results have the same name, metric, shots and notes."""
    return len({score.place() for score in scores}) < len(scores)


def is_filter(text: str) -> bool:
    """Whether a text says how answers were taken from what was written: "flexible-extract"."""
    return bool(words := words_of(text)) and word_list("filter_words").issuperset(words)


def tell_apart(scores: Sequence[Score]) -> None:
    """Results of one name in several groups of a table carry the group's name: "Average (Math)"."""
    groups: dict[tuple[str, ...], set[str | None]] = {}
    for score in scores:
        groups.setdefault(score.place(), set()).add(score.group)
    for score in [score for score in scores if score.group and len(groups[score.place()]) > 1]:
        score.benchmark, score.key = f"{score.benchmark} ({score.group})", None


def ticked_mode(text: str, head: Sequence[str]) -> str:
    """The mode that a tick, or a cross, below its name says: "CoT", "Thinking on", "Thinking off"; else ""."""
    if not head or not (tick := _TICK.fullmatch(text)) or head_is(head[0], "plain_cells") or is_fact(head[0]):
        return ""
    if head[0].casefold().startswith(("think", "reasoning")):
        return f"{head[0]} {'on' if tick[1] else 'off'}"
    return head[0] if tick[1] else ""


class RowNames:
    """What names a row: its label, and the columns beside it."""

    def __init__(self, grid: Grid, block: Block, model: ModelName, within: range) -> None:
        self.grid, self.block, self.model, self.within = grid, block, model, within
        columns = self.columns
        texts = columns("benchmark") or columns("text", "group", "setting", "model")
        roles = ("benchmark", "text", "group", "setting", "model", "shots", "metric")
        self.filled = {column: grid.filled(block, column) for column in columns(*roles)}
        heads = (split_label(text).shots for column in texts for text in block.paths[column])
        self.header_shots = next(filter(None, heads), None)
        valued = {c for c in block.columns("value") if any(grid.kinds[r][c] == NUMBER_CELL for r in block.body)}
        told = columns("text", "fact", "setting", "group", "plain", "value")
        self.telling = [c for c in told if c not in valued]  # they may say a version, or a mode with a tick
        self.main = max(texts, key=lambda c: (len({grid.rows[r][c].text for r in block.body}), -c), default=None)
        beside = (("group", "text", "benchmark"), ("setting",), ("shots", "metric"))
        self.groups, self.settings, self.measures = (
            [column for column in columns(*roles) if column != self.main] for roles in beside
        )
        head = " ".join(block.paths[self.main]) if self.main is not None else ""
        self.brackets = bool(re.search(r"[(\[（](?:.*\b)?(?:metrics?|measure)\b", head, re.I))

    def columns(self, *roles: str) -> list[int]:
        return [column for column in self.block.columns(*roles) if column in self.within]

    def cell(self, row: int) -> str:
        return self.filled[self.main][row].text if self.main is not None else ""

    def label(self, row: int) -> str:
        return label_text(self.cell(row))

    def texts(self, row: int, columns: Sequence[int]) -> Iterator[str]:
        for column in columns:
            text = label_text(self.filled[column][row].text)
            if text and not _NO_WORD.fullmatch(text) and relation_of(text, self.model)[0] == "other":
                yield text

    def beside(self, row: int) -> Iterator[str]:
        """The version, and the modes with a tick, that columns beside a benchmark say of it: "v2", "CoT"."""
        for column in self.telling:
            text, head = label_text(self.grid.rows[row][column].text), self.block.paths[column][-1:]
            edition = head and head_is(head[0], "edition_heads") and not _NO_EDITION.fullmatch(text)
            if edition and self.block.roles[column] != "setting" and column != self.main:
                yield text
            elif mode := ticked_mode(text, head):
                yield mode

    def said(self, row: int) -> CellLabels:
        cell = self.cell(row)
        own = cell if "\n" in cell else label_text(cell)
        group = next(self.texts(row, self.groups), self.block.sections.get(row)) or None
        filters = [group] if group and is_filter(group) else []
        group = None if filters else group
        names = [own] if own else []
        if group and (not own or is_setting(own)):
            names = [group, *names]
        setting = itertools.islice(self.texts(row, self.settings), 1)
        for text in (*setting, *self.beside(row)) if names else ():
            names.append(f"{names.pop()} ({text})")
        shots, metrics = [], filters
        for text in self.texts(row, self.measures):
            label = split_label(f"x ({text}-shot)" if _SHOT_COUNT.fullmatch(text) else f"x ({text})")
            shots.append(label.shots)
            metrics.append(label.metric if label.name == "x" else text)
        shots += [shots_of(group)] if group else []
        return CellLabels(
            tuple(names), False, tuple(filter(None, shots)), tuple(filter(None, metrics)), group, self.brackets,
            header_shots=self.header_shots, less=bool(_DOWN.search(cell)),
        )  # fmt: skip


class HarnessNames(RowNames):
    """The rows of a table that a harness printed: blank tasks go on, " - x" is a part of the group above it."""

    def __init__(self, grid: Grid, block: Block, model: ModelName, within: range) -> None:
        super().__init__(grid, block, model, within)
        self.places = harness_columns(block)
        self.names: dict[int, str] = {}
        group = name = ""
        for row in block.body:
            cell = grid.rows[row][self.places["task"]].text
            part, text = cell.lstrip().startswith("-"), label_text(cell).lstrip("- ")
            if text:
                name = f"{group} {text}" if part and group and "_" not in text else text
                group = group if part else text
            self.names[row] = name

    def label(self, row: int) -> str:
        return self.names[row]

    def said(self, row: int) -> CellLabels:
        cells = self.grid.rows[row]
        told = {name: label_text(cells[column].text) if column >= 0 else "" for name, column in self.places.items()}
        shots = f"{told['n-shot']}-shot" if told["n-shot"].isdigit() else ""
        metric = ", ".join(text for text in (told["metric"], told["filter"]) if text and text != "none")
        share = not any(word in metric for word in NOT_A_SHARE)
        return CellLabels((self.names[row],), False, (shots,), (metric,), unit="proportion" if share else None)


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
DISGUISES = set(LOOK_LATIN) - set(map(ord, "αβεικντυχʼ’"))  # these stand in honest names: "βVAE"
REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9_][\w.-]{0,95}")


def parse_checkpoint_name(name: str) -> tuple[int | None, int | None] | None:
    """(step, epoch) of a checkpoint folder's name, or None when it is not one.

    "checkpoint-500" -> (500, None); "epoch_3" -> (None, 3); "epoch=3-step=1000" -> (1000, 3); "logs" -> None
    """
    match = CHECKPOINT_NAME.fullmatch(name)
    if not match or (match["step"] is None and match["epoch"] is None):
        return None
    return (int(match["step"]) if match["step"] else None), (int(match["epoch"]) if match["epoch"] else None)


def disguised(name: str) -> str | None:
    """The letter in a name that looks like a Latin one and is none, in a word of Latin letters.

    "lum\u0435n" -> "CYRILLIC SMALL LETTER IE"; "\u043c\u043e\u0434\u0435\u043b\u044c-7b", "\u03c4bench" -> None
    """
    if name.isascii():
        return None
    for word in re.findall(r"[^\W\d_]+", name):
        latin = any(unicodedata.name(letter, "").startswith("LATIN") for letter in word)
        if latin and (other := next((letter for letter in word if ord(letter) in DISGUISES), "")):
            return unicodedata.name(other)
    return None


def alike(names: Iterable[str]) -> list[list[str]]:
    """The groups of different names that are one but for case, for forms of letters, or for letters that look alike.

    ["Acme/Lumen", "acme/lumen", "x/y"] -> [["Acme/Lumen", "acme/lumen"]]
    """
    groups: dict[str, set[str]] = {}
    for name in names:
        looks = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).translate(LOOK_LATIN).casefold())
        groups.setdefault(looks, set()).add(name)
    return [sorted(group) for group in groups.values() if len(group) > 1]


def local_id(folder: Path) -> str:
    """`<run>/<folder>` for a checkpoint; the run is the first parent whose name says something."""
    parent = folder.parent
    run_folder = parent.parent if parent.name.lower() in GENERIC_FOLDERS and parent.parent.name else parent
    return f"{run_folder.name or 'local'}/{folder.name}"


# --- parts/cards/reading.py -------------------------------------------------------------------------------------------

_EVALUATION = re.compile(rf"(?i)\b(?:{CARD_WORDS['eval_words']})\b|评|结果|榜|성능|평가")
_TUNED_TEXT, _BASE_TEXT = re.compile(CARD_WORDS["tuned_text"]), re.compile(CARD_WORDS["base_text"])
_PRETRAINING = re.compile(r"(?i)\bpre-?\s?training\b|\b(?:core|raw) model\b")  # over a table: the model before tuning
_MAY_BE_BASE = re.compile("(?i)pt|pre|" + "|".join(BASE))
_ORIGINAL = re.compile(r"(?i)\boriginal (?:model(?:'s)? )?(?:card|readme|results?)\b")
_OTHER_REPO = re.compile(r"(?<![\w./-])[A-Za-z][\w.-]{1,60}/([A-Za-z][\w.-]{0,60}\d[\w.-]{0,60})(?![\w/])")
# Of the Open LLM Leaderboard: where the items of a model's results are.
_DETAILS = re.compile(r"leaderboard/(?:details_[\w.-]+?__([\w.-]+)|[\w.-]+?__([\w.-]+)-details)\b")
_LINKED = re.compile(r"(?:huggingface\.co|hf\.co)/([\w.-]+/[\w.-]+)")
_LINK_END = re.compile(r"://[^\s()<>\"']*/([\w.-]{3,100})(?=[\s()<>\"'#?])")
_CHAPTER = re.compile(rf"(?i)\b(?:{CARD_WORDS['chapters']})\b")
_NUMBER_BEFORE = re.compile(r"^\W*\d+(?:\.\d+)*[.)]?\s")
_OTHERS = word_list("others")  # in a heading: whose scores they are, if not this model's
_DATA_NAMES = re.compile(rf"(?i){CARD_WORDS['data_names']}")  # of data that several measures are taken on
_BENCHMARK_WORDS = word_list("says_benchmark")
_IN_BILLIONS = re.compile(r"(?i)[(\[](?:in )?(?:b|bn|billions?)[)\]]")
_SIGN = re.compile(r"\s*[-−–+→]\s*\w")
_ONLY = Fit(True, "the only model in it")
_NOBODY = Fit(False, "if the table is this model's")
_PLAIN_GROUPS = frozenset(CARD_WORDS["plain_groups"].split())
_SAYS_NOTHING = _PLAIN_GROUPS - SIBLINGS - SOFT  # beside a name: "Generalist models", and not "Large"
_LABEL_HEADS = frozenset().union(
    *(
        word_list(f"{kind}_heads")
        for kind in ["model", "benchmark", "group", "setting", "row_setting", "version", "size"]
    )
)
_HEAD_WORDS = _LABEL_HEADS.union(*map(word_list, ("benchmark_fillers", "metric_heads", "said_heads")))
_COMMON_LANGUAGES = word_list("common_languages")
_OTHER_LANGUAGES = LANGUAGES - _COMMON_LANGUAGES
_LOG_WORDS = frozenset(CARD_WORDS["log_words"].split())


@dataclass(frozen=True, slots=True)
class Target:
    """A column or row that is or may be the model; the index counts grid columns, or body rows, from 0."""

    axis: str
    index: int
    text: str
    fit: Fit
    block: int = 0  # under which of the table's headers
    columns: range = range(0)  # of a row: the columns of its table, when several stand side by side; else all
    more: Mapping[str, Any] = field(default_factory=dict, compare=False)  # what else a selection says of it
    ready: bool = True  # all that its line reads may be this model's


@dataclass(slots=True)
class TableReading:
    """What was decided about one table, and why."""

    table: Table
    grid: Grid
    evaluation: bool = True
    reason: str = ""
    orientation: str | None = None
    status: str = "absent"  # found, absent, ambiguous (asked), or skipped (no evaluation table)
    targets: list[Target] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)
    text_doubt: str = ""  # the one of them that asks what is measured
    taken: Taken = field(default_factory=Taken)
    would: list[Score] = field(default_factory=list)  # what is not taken for its doubts, as it would be read
    by_hand: list[str] = field(default_factory=list)  # "table 2, column 3 'Moonlight'"
    remarks: list[str] = field(default_factory=list)  # on what was read by hand
    others: list[Target] = field(default_factory=list)  # of this model's name with something added, and not taken

    @property
    def scores(self) -> list[Score]:
        return self.taken.scores

    reader: Reader | None = None

    @property
    def speaks_of_less(self) -> bool:
        """Whether a text that puts a question speaks of an error rate or another measure of which less is better."""
        return bool(self.reader) and any(says_lower(text) for text, _ in self.reader.told_around())

    @property
    def possible(self) -> list[Target]:
        """Where models stand in it, when this one is not there."""
        return self.reader.possible(self.orientation) if self.reader and self.status == "absent" else []

    @property
    def names(self) -> list[str]:
        return list(dict.fromkeys(target.text for target in self.possible))

    @property
    def beside(self) -> list[str]:
        """The columns or rows with this model's name in their labels that were not taken, and what they say more."""
        others = self.others if self.status == "found" else ()
        return [f"table {self.table.number}, {t.axis} {t.index} '{t.text}' ({t.fit.why})" for t in others]

    @property
    def open_cells(self) -> list[OpenCell]:
        return self.taken.open_cells

    def refuse(self, reason: str) -> None:
        self.evaluation, self.reason = False, reason


class Reader:
    """One table, one model: what it is, where the model stands, its scores."""

    def __init__(
        self, table: Table, model: ModelName, card: Card, vocabulary: Vocabulary, loose: Callable[[], bool]
    ) -> None:
        self.table, self.model, self.card, self.vocabulary, self.loose = table, model, card, vocabulary, loose
        self.grid = Grid(table, vocabulary)
        self.headings, self.orientation = table.headings, None
        self.rows: list[Target] = []  # whose labels have the model's name
        self.asked: dict[str, str] = {}  # labels of the table, and what in them is not plain

    @functools.cached_property
    def near(self) -> list[str]:
        """The texts that are this table's: paragraphs on both sides, what its footnotes say wherever they stand, the
        sections beside its own on how was measured, what is said in place of a picture.
        """
        table = self.table
        legends = [text for text in table.legends if is_legend(text) or len(text) < 120]
        setups = [text for above, text, listed in setup_sections(self.card.text) if listed and above in table.headings]
        alts = pictures((*table.above, *table.below))
        said = (table.before, *table.between, table.after, *legends, *table.layout, *self.noted, *setups, *alts)
        return list(filter(None, dict.fromkeys(said)))

    @functools.cached_property
    def noted(self) -> list[str]:
        """What the card's footnotes say whose marks are in the table, its headings or the texts beside it."""
        if not (notes := footnotes(self.card.text)):
            return []
        table = self.table
        headings = [line for line in self.card.text.split("\n") if line.startswith("#") and "[^" in line]
        sources = [line for line in headings if one_line(line.lstrip("# ")) in table.headings]
        sources += [*table.above, *table.below, *(cell.source for row in table.rows[:300] for cell in row[:50])]
        return [notes[mark] for mark in sorted(marks_in(sources)) if mark in notes]

    @functools.cached_property
    def around(self) -> list[str]:
        """The captions and the texts that are its own, without long ones and such as lead to what follows."""
        table, captions = self.table, self.grid.captions if self.grid.blocks else ()
        short = [text for text in self.near if len(text) < 200 and text[-1:] not in (":", "：")]
        return [text for text in dict.fromkeys((*captions, *table.layout, table.before, *short)) if text]

    def read(self, force: bool = False) -> TableReading:
        """The table as it is certain, or asked; `force`: it is an evaluation table, whatever is in it."""
        reading = TableReading(self.table, self.grid, reader=self)
        if not self.grid.has_values and not force:
            reading.refuse("no scores in it: text, facts or links")
            reading.status = "skipped"
            return reading
        columns, self.rows = list(self.column_targets()), list(self.row_targets())
        found = columns + self.rows
        self.classify(reading, columns, self.rows)
        if force:
            reading.evaluation, reading.doubts, reading.text_doubt = True, [], ""
        if not reading.evaluation:
            reading.status = "skipped"
        elif not found and self.is_single(reading):
            self.finish(reading, force)
        elif not found and self.is_nobodys(reading):
            reading.status = "ambiguous"
        else:
            reading.targets = [t for t in found if t.fit.certain] or [t for t in found if self.may_be(t)]
            reading.others = [t for t in found if t not in reading.targets and self.has_name(t)]
            if reading.targets:
                reading.doubts += [f"'{t.text}' {t.fit.why}" for t in reading.targets if not t.fit.certain]
                reading.doubts += self.label_doubts(reading.targets)
                self.finish(reading, force)
        if reading.status == "absent":
            reading.doubts = []
        return reading

    def finish(self, reading: TableReading, force: bool) -> None:
        """Take the scores of all targets when nothing is in doubt."""
        taken = Taken()
        for target in reading.targets:
            self.take(target, Pick(), taken)
        if several := have_twins(taken.scores):
            for score in taken.scores if reading.targets[0].axis == "row" else ():
                block = self.grid.blocks[reading.targets[0].block]
                score.group = score.group or block.sections.get(score.row + self.table.head) or None
            tell_apart(taken.scores)
            several = have_twins(taken.scores)
        taken.ask_mixed()
        if len({target.axis for target in reading.targets}) > 1:
            reading.doubts.append("the name stands in a row and in a column")
        elif several and len(reading.targets) > 1:
            reading.doubts.append("it stands there several times, and nothing tells which is meant")
        if not force and taken.scores and not any(map(self.is_known, taken.scores)):
            names = listing(dict.fromkeys(score.benchmark for score in taken.scores), 4)
            doubt = f"no benchmark of it is known ({names}), and no measure is told: what is measured?"
            reading.text_doubt = reading.text_doubt or doubt
            reading.doubts.append(doubt)
        reading.doubts = list(dict.fromkeys(reading.doubts))
        reading.status = "ambiguous" if reading.doubts else "found"
        if reading.doubts:
            reading.would, taken = taken.scores, Taken(open_cells=taken.open_cells)
        reading.taken = taken

    def is_known(self, score: Score) -> bool:
        """Whether the vocabulary or the table says how a result is measured, or it is called a benchmark."""
        name, blocks = score.benchmark, self.grid.blocks
        if score.key or score.metric:
            return True
        heads = (text for block in blocks for column in block.columns(*TEXT_ROLES) for text in block.paths[column])
        named = is_benchmark(name, self.vocabulary) or benchmarks_in(name, self.vocabulary)
        named = named or not _BENCHMARK_WORDS.isdisjoint(itertools.chain.from_iterable(map(words_of, heads)))
        return bool(named) and not _DATA_NAMES.search(name)

    def take(self, target: Target, pick: Pick, taken: Taken) -> None:
        """Add the scores of a target."""
        index, columns = target.index, target.columns
        if target.axis == "row":
            index += self.table.head
        else:
            columns = next(part for part in self.grid.segments(self.grid.blocks[target.block]) if index in part)
        self.score_reader.take(target.axis, index, target.block, pick, taken, columns or range(self.table.width))

    @functools.cached_property
    def score_reader(self) -> ScoreReader:
        return ScoreReader(self.grid, self.model, self.vocabulary, self.card.title, self.unplain)

    def unplain(self, text: str, kept: bool = True) -> str:
        """The first word of a label inside the table that is not plain; a language makes another data set."""
        if (found := self.asked.get(text)) is None:
            found = next((word for word in words_of(text) if word in _OTHER_LANGUAGES), "")
            found = found or self.surroundings.unplain(text, kept)
            self.asked[text] = found = "" if found in _COMMON_LANGUAGES else found
        return found

    def unplain_head(self, text: str) -> str:
        """What in a header over labels says more than what they are."""
        tokens = name_tokens(text)
        if kind_word(tokens) not in (None, self.model.kind):
            return next(token for token in tokens if kind_word({token}))
        label = split_label(text)
        return "" if is_label_head(text) else self.unplain(text if label.metric else label.name, kept=False)

    def inner_doubts(self, rows: Sequence[Target]) -> Iterator[tuple[str, str]]:
        """What the header of the labels, and the section rows over the model's rows, say that is not plain."""
        for block in self.grid.blocks:
            for column in block.columns(*TEXT_ROLES):
                for text in block.paths[column]:
                    if word := self.unplain_head(text):
                        yield text, f"the header '{text[:80]}' says '{word}': what is measured?"
            for text in (block.paths[column][-1] for column in block.columns("value") if block.paths[column]):
                own = name_tokens(text) == self.model.tokens
                short = len(text) < 3 and not is_measure(text)
                asked = head_is(text, "setting_heads") or is_asked_head(text)
                if not rows and not own and (short or asked):
                    yield text, f"the column of numbers '{text}' may say how each was measured"
            for text in (block.paths[column][-1] for column in block.columns("fact") if block.paths[column]):
                if head_is(text, "telling_facts", "fact_fillers") if rows else is_asked_head(text):
                    yield text, f"the column '{text}' says how a row was measured: is its row the model as it is?"
            own = {target.index + self.table.head for target in rows}
            cells = (
                self.grid.rows[row][c].text for c in block.columns("plain", "fact") for row in block.body if row in own
            )
            if text := next(filter(self.says_quantized, cells), ""):
                yield text, f"'{text[:60]}' beside it speaks of a quantized or distilled model"
            for text in dict.fromkeys(block.sections[row] for row in block.body if row in own):
                if text and (word := self.unplain(text)):
                    yield text, f"section row '{text[:80]}' says '{word}': what is measured?"

    # --- chosen by hand

    def read_by_hand(self, picks: Sequence[Pick]) -> TableReading:
        """The table as a person or an agent said: each label at its place is checked, and its scores are taken.

        Raises:
            ScriptError: the column or row is not there, or another label stands there.
        """
        reading = self.read(force=True)
        named = [*reading.targets, *reading.others]
        candidates, reading.targets, reading.doubts, reading.taken = reading.targets, [], [], Taken()
        reading.status, cells = "found", {}
        lower = next((text for text, _ in self.text_doubts() if says_lower(text)), "")
        for number, pick in enumerate(picks):
            places = self.places(pick)
            if len({(place.axis, place.index) for place in places}) != 1:
                reading.status = "ambiguous" if places else "absent"
                reading.targets, reading.taken, reading.by_hand = places or candidates, Taken(), []
                reading.doubts = [f"'{pick.label}' stands there {len(places)} times"] if places else []
                break
            pick, taken = dataclasses.replace(pick, axis=places[0].axis), Taken()
            for target in places:
                self.take(target, pick, taken)
            taken.ask_unlike(pick)
            if useless := taken.useless(pick):
                raise ScriptError(f"table {self.table.number}, {target.axis} {target.index}: {useless}")
            for score in taken.scores:
                if cells.setdefault((score.row, score.column), number) != number:
                    place = f"table {self.table.number}, row {score.row}, column {score.column}"
                    raise ScriptError(f"{place} is read twice; keep one of the readings")
            reading.taken.add(taken)
            reading.targets += places
            reading.by_hand.append(f"table {self.table.number}, {target.axis} {target.index} '{target.text}'")
            if lower and not pick.metric and taken.scores:
                how = f"{self.read_as(taken.scores)}, though '{lower[:80]}' stands by it; metric: \"…\" says what it is"
                reading.remarks.append(f"{reading.by_hand[-1]} is read as {how}")
        taken_from = {(target.axis, target.index) for target in reading.targets}
        reading.others = [t for t in named if (t.axis, t.index) not in taken_from and self.has_name(t)]
        tell_apart(reading.scores)
        return reading

    def read_as(self, scores: Sequence[Score]) -> str:
        """What scores would be written as: "accuracy 14.3 (BoolQ)"."""
        measures = ((one.metric or self.vocabulary.metrics.get(one.key or "") or "score", one) for one in scores)
        return listing((f"{measure} {one.value:g} ({one.benchmark})" for measure, one in measures), 3)

    def places(self, pick: Pick) -> list[Target]:
        """The columns or rows that a pick means: the one at its index, with its label under each header; else all with
        its label."""
        where = f"table {self.table.number}"
        found = [place for place in self.all_places() if pick.axis in ("", place[0].axis)]
        more = {key: value for key, value in pick.entry.items() if key not in ("table", "column", "row", "label")}
        if pick.index is not None:
            if not (found := [place for place in found if place[0].index == pick.index]):
                raise ScriptError(f"{where} has no {pick.axis} {pick.index}; inspect-tables shows what it has")
            if pick.label is None and len({target.columns for target, _ in found}) > 1:
                names = ", ".join(f"'{target.text}'" for target, _ in found)
                raise ScriptError(f"{where}, row {pick.index} has several labels side by side: give one of {names}")
            wanted = found[0][0].text if pick.label is None else pick.label
            if not any(says(texts, wanted) for _, texts in found):
                there = "' or '".join(target.text for target, _ in found)
                raise ScriptError(f"{where}, {pick.axis} {pick.index} is '{there}', not '{pick.label}'")
        else:
            wanted = pick.label
        places = [target for target, texts in found if wanted is None or says(texts, wanted)]
        return [dataclasses.replace(target, more=more) for target in places]

    def all_places(self) -> Iterator[tuple[Target, tuple[str, ...]]]:
        """Each column and row, with the texts by which it may be called; of tables side by side each row by itself."""
        by_hand = Fit(True, "selected by hand")
        for number, block in enumerate(self.grid.blocks):
            for column, path in enumerate(block.paths):
                whole = " / ".join(path)
                yield Target("column", column, whole, by_hand, number), (whole, *path)
            segments = self.grid.segments(block)
            for part in segments:
                columns = [column for column in part if block.roles[column] not in ("value", "blank")]
                filled = {column: self.grid.filled(block, column) for column in columns}
                asked = {row: text for row, text, _ in self.rows_named(block, part)}  # as a question calls it
                for row in block.body:
                    cells = {column: text for column in columns if (text := label_text(filled[column][row].text))}
                    names = [text for column, text in cells.items() if block.roles[column] in ("model", "text")]
                    whole = " ".join(names or cells.values())
                    texts = (asked.get(row, whole), *cells.values(), " ".join(cells.values()), whole)
                    side = part if len(segments) > 1 else range(0)
                    yield Target("row", row - self.table.head, whole, by_hand, number, side), texts

    # --- where the model stands

    def column_targets(self) -> Iterator[Target]:
        for number, block in enumerate(self.grid.blocks):
            for column in block.columns("value"):
                if not self.model.trace("\n".join(block.paths[column])):
                    continue
                path = [text for text in block.paths[column] if self.may_name(text)]
                at = min(range(len(path)), key=lambda i: relation_of(path[i], self.model)[0] == "other", default=0)
                if path and (fit := fit_texts(path[at:], self.model)):
                    if fit.certain and any(map(self.says_more, path[:at])):
                        fit = Fit(False, f"stands under '{' / '.join(path[:at])}'")
                    yield Target("column", column, " / ".join(block.paths[column]), fit, number)

    def may_name(self, text: str) -> bool:
        return relation_of(text, self.model)[0] != "other" or not (
            is_setting(text) or is_benchmark(text, self.vocabulary)
        )

    def says_more(self, text: str) -> bool:
        """Whether an outer header may say which state of the model the columns below it are."""
        return not all(word in _PLAIN_GROUPS or word in self.model.tokens for word in words_of(text))

    def row_targets(self) -> Iterator[Target]:
        for number, block in enumerate(self.grid.blocks):
            segments = self.grid.segments(block)
            for part in segments:
                for row, text, fit in self.rows_named(block, part):
                    side = part if len(segments) > 1 else range(0)
                    if side and fit.certain:
                        values = ", ".join(str(column) for column in block.columns("value") if column in part)
                        fit = Fit(False, f"stands beside another label in its row; columns {values} are behind it")
                    yield Target("row", row - self.table.head, text, fit, number, side)

    def rows_named(self, block: Block, part: range) -> Iterator[tuple[int, str, Fit]]:
        """The rows whose labels in some columns name the model."""
        columns = [c for c in block.columns("model", "text", "group", "setting") if c in part]
        heads = {c: " ".join(block.paths[c]) for c in block.columns("fact") if c in part}
        sizes = [
            c for c, head in heads.items() if head_is(head, "size_heads", "model_heads") or head_is(head, "model_heads")
        ]
        filled = {c: self.grid.filled(block, c) for c in columns if block.roles[c] in ("model", "text")}
        trace, rows = self.model.trace, self.grid.rows
        for row in block.body if columns else ():
            cells = [(c, filled[c][row] if c in filled else rows[row][c]) for c in columns + sizes]
            if not trace("\n".join([cell.text for _, cell in cells])):
                continue
            texts = [text for c, cell in cells if (text := self.name_part(block, c, label_text(cell.text)))]
            if texts and (fit := fit_texts(texts, self.model)):
                if fit.certain and any(_SIGN.match(cell.text) for _, cell in cells):
                    fit = Fit(False, "has a sign before it, as changes have")
                yield row, " ".join(texts), fit

    def name_part(self, block: Block, column: int, text: str) -> str:
        """What a cell may add to the name in its row: no number alone, but a version; no size to a name without one."""
        if mode := ticked_mode(text, block.paths[column][-1:]):
            return mode if not (MODES | TUNED | BASE).isdisjoint(name_tokens(mode)) or is_setting(mode) else ""
        if not text or MISSING_CELL.fullmatch(text) or head_is(text, "plain_cells"):
            return ""
        if _SAYS_NOTHING.issuperset(words_of(text)) and relation_of(text, self.model)[0] == "other":
            return ""
        if text.replace(".", "").isdigit():
            head = " ".join(block.paths[column])
            if _IN_BILLIONS.search(head) and head_is(head, "size_heads"):
                return f"{text}B"
            return f"v{text}" if head_is(head, "version_heads") else ""
        sized = any(map(SIZED.fullmatch, self.model.tokens))
        return text if sized or not SIZED.fullmatch(text) else ""

    def has_name(self, target: Target) -> bool:
        return set(self.model.tokens) <= set(name_tokens(target.text))

    def may_be(self, target: Target) -> bool:
        """Whether a label that leaves out the kind may be this model where it stands: no base model under "Chat"."""
        if self.model.kind and kind_word(target.fit.why.split()) == self.model.kind:
            for text in (*self.grid.captions, *self.headings, self.table.before):
                tuned, base = bool(_TUNED_TEXT.search(text)), bool(_BASE_TEXT.search(text))
                if tuned != base:
                    return tuned == (self.model.kind == "tuned")
        return True

    # --- what speaks against a label that is the name

    def label_doubts(self, targets: Sequence[Target]) -> Iterator[str]:
        """What headings, captions, section rows and the card say against it."""
        model, base = self.model, self.card.front.get("base_model") or ""
        if name_tokens(base.rpartition("/")[2]) == model.tokens and base.casefold() != model.repo_id.casefold():
            yield f"{base}, which this model is made from, has the same name"
        rows = [target.index + self.table.head for target in targets if target.axis == "row"]
        for linked in self.linked(targets):
            yield f"the label is a link to {linked}"
        if any(target.fit.why == "this model" for target in targets):
            yield from self.owner_doubts()
        sections = {block.sections.get(row) or "" for block in self.grid.blocks for row in rows} - {""}
        for text in (*self.headings, *self.around, *sections):
            other, added = names_other(text, model)
            if other and not self.sibling(frozenset(added)):
                yield f"the text around names '{other[:60]}'"
            elif _ORIGINAL.search(text):
                yield f"'{text[:60]}' is about another model"
            elif len(text) < 150 and self.says_quantized(text):
                yield f"'{text[:60]}' speaks of a quantized or distilled model"
            if not model.kind and (tuned := _TUNED_TEXT.search(text)) and not self.names_both(text):
                yield f"'{text[:60]}' speaks of tuned models ({tuned[0]}), and the name does not say what it is"
        if not model.kind and not self.sibling(BASE | TUNED) and self.loose():
            yield "the card calls tuned models by names that do not say so, and this name does not say what it is"
        for text in self.grid.texts(*TEXT_ROLES) if self.grid.blocks else ():
            if letter := disguised(text):
                yield f"'{text[:60]}' has a {letter} in a Latin word: which name is it?"
                break
        if self.table.uneven.intersection(*(block.head for block in self.grid.blocks)):
            yield "its head has fewer cells than its rows: which column is which?"
        for row in self.grid.odd_rows[:1]:
            yield f"row {row - self.table.head} may be another header"

    def linked(self, targets: Sequence[Target]) -> list[str]:
        """Models of other names that the labels link to."""
        cells: list[Cell] = []
        for target in targets:
            block = self.grid.blocks[target.block]
            if target.axis == "column":
                cells += [self.grid.rows[row][target.index] for row in block.head]
            else:
                row = self.grid.rows[target.index + self.table.head]
                cells += [row[column] for column in block.columns("model", "text")]
        found = [link for cell in cells for link in _LINKED.findall(cell.source)]
        other = [link for link in found if link.casefold() != self.model.repo_id.casefold()]
        ends = [name for cell in cells for name in _LINK_END.findall(cell.source)]
        return (other or [name for name in ends if names_other(name, self.model)[0]])[:1]

    def says_quantized(self, text: str) -> bool:
        words = {word for word in words_of(text) if not word.isdigit()}
        return (
            not QUANTIZED.isdisjoint(words) and QUANTIZED.isdisjoint(self.model.tokens) and not self.sibling(QUANTIZED)
        )

    def names_both(self, text: str) -> bool:
        """Whether a text speaks of base and tuned models, and the table has both."""
        return bool(_BASE_TEXT.search(text)) and self.sibling(TUNED)

    @functools.cached_property
    def relations(self) -> list[tuple[str, tuple[str, ...]]]:
        return [relation_of(text, self.model) for text in traced_texts(self.table, self.model)]

    def sibling(self, words: frozenset[str]) -> bool:
        """Whether a label of this table is the name with one of these words added."""
        return any(relation == "more" and not words.isdisjoint(rest) for relation, rest in self.relations)

    # --- what the table is

    def classify(self, reading: TableReading, columns: list[Target], rows: list[Target]) -> None:
        """Whether it is an evaluation table, by what is in it; the text around can only make it unsure."""
        grid = self.grid
        if not any(grid.kinds[r][c] == NUMBER_CELL for b in grid.blocks for c in b.columns("value") for r in b.body):
            return reading.refuse("no scores in it: text, facts or links")
        block, paths = grid.blocks[0], [b.paths[c] for b in grid.blocks for c in b.columns("value")]
        labels = list(dict.fromkeys(grid.texts("benchmark", "text", "group", "model", "setting")))
        labels += [section for b in grid.blocks for section in set(b.sections.values()) if section]
        named = [text for text in labels if is_benchmark(text, self.vocabulary) or is_measure(text)]
        heads = (t for p in paths for t in p if is_benchmark(t, self.vocabulary) or is_measure(t) or is_average(t))
        headed = list(itertools.islice(heads, max(0, 3 - len(named))))
        corner = next((p[-1] for p, r in zip(block.paths, block.roles, strict=True) if p and r in TEXT_ROLES), "")
        corner = corner or next((path[-1] for path in block.paths if path), "")  # "Hardware": its rows are facts
        share = len(named) / max(1, len(labels))
        self.orientation = reading.orientation = self.find_orientation(columns, rows, share, paths, corner)
        facts = [text for text in labels if is_fact(text) and not is_weak_fact(text)]
        listed = head_is(corner, "benchmark_heads", "benchmark_fillers")
        if not columns + rows and any(_LOG_WORDS & set(words_of(" ".join(p))) for b in grid.blocks for p in b.paths):
            reading.refuse("a log of training")
        elif named or headed or next(grid.texts("metric", "shots"), None):
            reading.reason = "it has " + ", ".join((named + headed)[:3] or ["measures"])
        elif is_fact(corner) or 2 * len(facts) > len(labels):
            reading.refuse(f"its rows are facts ({(facts or [corner])[0]})")
        elif listed and ("bench" in corner.lower() or any(map(_EVALUATION.search, (*self.headings, *self.around)))):
            reading.reason = f"its rows are headed '{corner}'"
        elif columns + rows and not any(self.text_doubts()):
            reading.reason = "no benchmark or measure that is known is in it"
            reading.doubts.append(reading.reason)
        else:
            reading.refuse("no benchmark or measure that is known is in it")
        if reading.evaluation and (columns or rows or reading.orientation == "single-model"):
            reading.text_doubt = next((doubt for _, doubt in self.told_around()), "")
            reading.doubts += [reading.text_doubt] if reading.text_doubt else []
        return None

    def told_around(self) -> Iterator[tuple[str, str]]:
        """What its texts, its headers and its section rows say that is not plain, and the question that each puts."""
        yield from self.text_doubts()
        yield from self.inner_doubts(self.rows)

    def text_doubts(self) -> Iterator[tuple[str, str]]:
        """The texts around that say what is not plain, and the question that each puts: headings, captions, paragraphs.

        The title and the paragraphs below outer headings are prose: they say much else. Headings above the one on
        results may be chapters of the card: "Introduction".
        """
        table, around = self.table, self.surroundings
        outer = next((n + 1 for n, text in enumerate(self.headings) if _EVALUATION.search(text)), len(self.headings))
        for number, heading in enumerate(self.headings):
            titled = heading == self.card.title and (number >= outer or self.model.core in name_tokens(heading))
            label = _CHAPTER.sub(" ", heading) if number >= outer else heading
            if word := around.telling(heading) if titled else around.unplain(label, kept=number == 0):
                yield heading, f"heading '{heading[:80]}' says '{word}': what is measured?"
        for text in self.grid.captions if self.grid.blocks else ():
            if word := around.unplain(text):
                yield text, f"caption '{text[:80]}' says '{word}': what is measured?"
        first = [*itertools.chain(*(about_numbers(told[0]) for told in table.told if told))]
        far = [text for above, text, _ in setup_sections(self.card.text) if above in ("", *table.headings)]
        far += itertools.chain(*(about_numbers(text) for told in table.told for text in told[1:]))
        for text in dict.fromkeys((*self.near, *first, *far)):
            if is_command(text):
                if word := told_by_command(text, self.is_own):
                    yield text, f"command '{text[:80]}' says '{word}': what is measured?"
                continue
            labelled = text in self.near or text in first
            if word := around.of_paragraph(text, text in self.near) if labelled else around.telling(text):
                yield text, f"text '{text[:80]}' says '{word}': what is measured?"

    def is_own(self, name: str) -> bool:
        return relation_of(name, self.model)[0] in ("same", "owner")

    @functools.cached_property
    def surroundings(self) -> Surroundings:
        rows, blocks = set(self.grid.texts(*TEXT_ROLES)), self.grid.blocks
        heads = {text for block in blocks for column in block.columns("value") for text in block.paths[column]}
        models = rows if self.orientation == "models-as-rows" else heads
        paths = {text for block in blocks for path in block.paths for text in path}
        own = (*self.model.tokens, *name_tokens(self.model.owner))
        return Surroundings(self.vocabulary, own, models, rows | heads, paths)

    def find_orientation(
        self, columns: list[Target], rows: list[Target], named: float, paths: list[tuple[str, ...]], corner: str
    ) -> str:
        if columns or rows:
            return "benchmarks-as-rows" if columns else "models-as-rows"
        if next(self.grid.texts("model"), None):
            return "models-as-rows"
        leaves = [path[-1] if path else "" for path in paths]
        if self.is_one_row() or (all(map(is_generic, leaves)) and not head_is(corner, "model_heads")):
            return "single-model"
        headed = sum(is_benchmark(leaf, self.vocabulary) or is_measure(leaf) for leaf in leaves) / len(leaves)
        return "models-as-rows" if headed > named else "benchmarks-as-rows"

    def is_one_row(self) -> bool:
        """Whether the table is one row of values under benchmarks, without a label."""
        return (
            sum(len(block.body) for block in self.grid.blocks) == 1 and next(self.grid.texts(*TEXT_ROLES), None) is None
        )

    def possible(self, orientation: str | None) -> list[Target]:
        """The columns or rows where models stand."""
        axis = "row" if orientation == "models-as-rows" else "column"
        values = {c for block in self.grid.blocks for c in block.columns("value")}
        found = (target for target, _ in self.all_places() if target.axis == axis)
        return [target for target in found if target.text and (axis == "row" or target.index in values)]

    # --- a table of one model

    def is_single(self, reading: TableReading) -> bool:
        """Whether a table that names no model can only be this one's; what speaks against it are its doubts."""
        blocks = self.grid.blocks
        columns = [column for column in blocks[0].columns("value") if blocks[0].paths[column]]
        if (
            reading.orientation != "single-model"
            or not columns
            or len(blocks) > 1
            or next(self.grid.texts("model"), None)
        ):
            return False
        if self.is_one_row():
            reading.targets = [Target("row", blocks[0].body[0] - self.table.head, "", _ONLY)]
        else:
            doubts = list(self.row_doubts(blocks[0], columns))
            fit = Fit(False, "if its rows are no models") if doubts else _ONLY
            names = [Target("column", c, " / ".join(blocks[0].paths[c]), fit, ready=not doubts) for c in columns]
            reading.targets, reading.doubts = names, [*reading.doubts, *doubts]
        reading.doubts += self.label_doubts(reading.targets)
        reading.doubts += self.owner_doubts()
        return True

    def is_nobodys(self, reading: TableReading) -> bool:
        """Whether neither rows nor columns can be models: benchmarks by subjects, or precisions by benchmarks.

        Whose it is, nothing in it says; its rows are offered.
        """
        paths = [block.paths[c] for block in self.grid.blocks for c in block.columns("value") if block.paths[c]]
        heads = [path[-1] for path in paths]
        if not heads or next(self.grid.texts("model"), None) or self.may_be_models(heads):
            return False
        places = [(target, texts) for target, texts in self.all_places() if target.text and self.has_scores(target)]
        rows = [(target, texts) for target, texts in places if target.axis == "row"]
        if self.may_be_models([text for _, texts in rows for text in texts[1:-2]]):
            return False
        axis = "column" if any(map(self.says_quantized, heads)) else "row"
        found = [t for t, _ in places if t.axis == axis and not self.says_quantized(t.text)]
        ready = axis == "row" or not any(is_precision(t.text) for t in found)
        found = [dataclasses.replace(t, fit=_NOBODY, ready=ready or is_precision(t.text)) for t in found]
        reading.targets = found
        told = f"{', '.join([target.text for target, _ in rows][:4])} by {', '.join(heads[:4])}"
        above = f"; above it: '{self.table.before[:150]}'" if self.table.before else ""
        reading.doubts.append(f"no label in it is a model's ({told}), so nothing in it says whose it is{above}")
        return bool(found)

    def has_scores(self, target: Target) -> bool:
        """Whether a column or row has numbers that may be scores."""
        block, kinds = self.grid.blocks[target.block], self.grid.kinds
        if target.axis == "column":
            return block.roles[target.index] == "value"
        row = target.index + self.table.head
        return not is_fact(target.text) and any(kinds[row][c] == NUMBER_CELL for c in block.columns("value"))

    def may_be_models(self, labels: Sequence[str]) -> bool:
        """Whether labels may be names of models: none of them has a size, and most of them are something else."""
        if any(SIZED.search(text) or self.model.core in name_tokens(text) for text in labels):
            return True
        known = [
            t for t in labels if is_benchmark(t, self.vocabulary) or is_generic(t) or is_setting(t) or is_precision(t)
        ]
        return 2 * len(known) <= len(labels) and not any(map(is_average, labels))

    def row_doubts(self, block: Block, columns: Sequence[int]) -> Iterator[str]:
        """Whether rows and columns are benchmarks and measures, and not models."""
        labels = [label_text(text) for text in self.grid.texts("benchmark", "text", "group")]
        corner = next((path[-1] for path in block.paths if path), "")
        if len(columns) > 1 and not all(is_measure(block.paths[c][-1]) for c in columns):
            yield "several columns of values, and none says whose they are"
        sections = {section for section in block.sections.values() if section}
        if any(re.search(r"\d", section) or relation_of(section, self.model)[0] != "other" for section in sections):
            yield "its section rows may be names of models"
        if any(map(SIZED.search, labels)):
            yield "a label in it has a size, as models' names do"
        elif not any(is_benchmark(text, self.vocabulary) or is_measure(text) for text in labels) and not head_is(
            corner, "benchmark_heads", "benchmark_fillers"
        ):
            yield "it cannot be told whether its rows are benchmarks or models"

    def owner_doubts(self) -> Iterator[str]:
        """A table without a name is this model's only when the headings above it, or the title, are its name."""
        own = [text for text in (*self.headings, self.card.title) if contains_name(text, self.model)]
        linked = [first or second for first, second in _DETAILS.findall(self.card.text)]
        if other := next((name for name in linked if name_tokens(name) != self.model.tokens), None):
            yield f"the card links the results of {other[:60]}: this may be the block of another model's card"
        if not own and not linked:
            yield "no label says whose scores they are, and no heading is the model's name"
        if not (QUANTIZED | word_list("derived")).isdisjoint(self.model.tokens):
            yield "a quantized or changed model's card may show the scores of the model that it is made from"
        leads = [self.table.before] if self.table.before.endswith((":", "：")) else []
        for text in (*self.headings, *leads):
            unnamed = " ".join(word for word in text.split() if not self.is_own(word))
            if text not in own and not self.is_plain(unnamed):
                yield f"'{text[:60]}' may be about another model"
        for text in self.near if self.model.kind == "tuned" else ():
            if _BASE_TEXT.search(text) and not _TUNED_TEXT.search(text):
                yield f"'{text[:60]}' speaks of base models"
        if (found := _OTHER_REPO.search(self.table.before)) and name_tokens(found[1]) != self.model.tokens:
            yield f"the text above names {found[0][:80]}"

    def is_plain(self, heading: str) -> bool:
        """Whether a heading has no word that may be a model's name."""
        versions = [token for token in self.model.tokens if token.replace(".", "").isdigit()]
        around, rest = Surroundings(self.vocabulary, versions), _NUMBER_BEFORE.sub("", heading)
        plain = is_benchmark(heading, self.vocabulary) or not around.unplain(rest, kept=True)
        told = words_of(without_settings(around.rest(rest, every=True)))
        plain = plain and not any(word.isdigit() or word in _OTHERS for word in told)
        base = _BASE_TEXT.search(heading) or _PRETRAINING.search(heading)
        kind = "tuned" if _TUNED_TEXT.search(heading) else "base" if base else self.model.kind
        return plain and kind == self.model.kind


def is_label_head(text: str) -> bool:
    """Whether a header over labels only says what they are: "Benchmark (Metric)", "Model 5-shot", "Model name"."""
    label = split_label(text)
    words = words_of(text if label.metric else label.name)
    return _HEAD_WORDS.issuperset(words) and not _LABEL_HEADS.isdisjoint(words)


def is_asked_head(text: str) -> bool:
    """Whether a header over numbers says on what, or how, each benchmark was measured: "Level", "pass@k"."""
    return text.casefold() == "pass@k" or head_is(text, "asked_heads", "fact_fillers")


TEXT_ROLES = ("benchmark", "text", "group", "model", "setting")


def is_precision(text: str) -> bool:
    """Whether a label says only in which precision or format a model is: "bf16", "8bits"."""
    tokens = name_tokens(text)
    return bool(tokens) and all(token in QUANTIZED or token in ("half", "b16", "full", "precision") for token in tokens)


def is_loose(card: Card, model: ModelName) -> bool:
    """Whether an unmarked name may be a tuned model's in this card.

    It may when a table under tuned models has the family's names without such a word, or a base model has its own name.
    """
    if model.kind:
        return False
    for table in card.tables:
        texts = traced_texts(table, model)
        relations = [relation_of(text, model) for text in texts if _MAY_BE_BASE.search(text)]
        if any(relation == "more" and kind_word(rest) == "base" for relation, rest in relations):
            return True
        if not texts or not any(map(_TUNED_TEXT.search, (*table.headings, table.caption))):
            continue
        family = [text for text in texts if model.core in name_tokens(text)]
        if family and not any(kind_word(name_tokens(text)) == "tuned" for text in family):
            return True
    return False


@functools.lru_cache(maxsize=100)
def traced_texts(table: Table, model: ModelName) -> list[str]:
    """The cells of a table that may have the model's name in them."""
    texts = {cell.text for row in table.rows[:200] for cell in row[:50] if 1 < len(cell.text) < 80}
    return [text for text in texts if model.trace(text)] if model.trace("\n".join(texts)) else []


def says(texts: Sequence[str], label: str) -> bool:
    """Whether one of the texts is the label, markup off."""
    wanted = folded_label(label)
    return any(text.casefold() == wanted for text in texts)


# --- parts/cards/asking.py --------------------------------------------------------------------------------------------

MAX_SHOWN_ROWS = 200  # of a table in inspect-tables
MAX_SHOWN_COLUMNS = 40
MAX_SHOWN_TEXT = 300  # characters of a cell
LEFT_OUT = "left out by hand"
MAX_DOUBTS = 4  # reasons that a refusal gives
MAX_MEASURES = 20  # lines that ask what single cells measure


def card_hash(card: Card) -> str:
    """What tells the state of a card's tables: the SHA-256 of its text behind the front matter, which results go to."""
    return hashlib.sha256(card_body(card.text).lstrip("\r\n").encode("utf-8", "surrogatepass")).hexdigest()


def card_hashes(card: Card) -> tuple[str, ...]:
    """The hashes that a selection may give: that of the body, and that of the whole text, as older ones do."""
    return card_hash(card), hashlib.sha256(card.text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(slots=True)
class Extraction:
    """What extract-readme answers: readings of all tables, the results taken, and what keeps it from being sure."""

    repo_id: str
    readings: list[TableReading]
    card_sha256: str = ""
    results: list[Score] = field(default_factory=list)
    code: int = 0
    message: str = ""
    numbers: Sequence[int] = ()  # of the tables that were asked for; none: all

    def conflicts(self) -> list[dict[str, Any]]:
        """Different values for one benchmark, metric, shots and mode, with the headings that may tell them apart."""
        by_name: dict[tuple[str, ...], list[Score]] = {}
        for score in self.results:
            by_name.setdefault(score.place(), []).append(score)
        found = []
        for scores in by_name.values():
            if len({score.value for score in scores}) > 1:
                named = {name: getattr(scores[0], name) for name in ("benchmark", "metric", "shots", "notes")}
                keys = ("table", "row", "column", "value", "heading", "group")
                found.append({**named, "values": [{key: getattr(s, key) for key in keys} for s in scores]})
        return found

    def by_hand(self) -> list[str]:
        return [place for reading in self.readings for place in reading.by_hand]

    def remarks(self) -> list[str]:
        return [text for reading in self.readings for text in reading.remarks]

    def account(self) -> list[str]:
        """What was read and what was not, table by table: a line for each kind of answer."""
        wanted = [r for r in self.readings if not self.numbers or r.table.number in self.numbers]
        read = [f"table {r.table.number} ({len(r.scores)})" for r in wanted if r.status == "found"]
        by_hand = [r for r in self.readings if r.status == "absent" and r.reason == LEFT_OUT]
        absent = [r for r in self.readings if r.status == "absent" and r.reason != LEFT_OUT]
        kinds = {
            "read": read,
            "given once although repeated": [f"{n} results"] if (n := sum(len(s.also) for s in self.results)) else [],
            "the value was read, what stands behind ± was not (stderr or interval is for the card to say)": [
                listing(
                    f"{s.benchmark} {s.raw}" for s in self.results if re.search(r"±|∓|\+/-|\+-|\\pm|&plusmn;", s.raw)
                )
            ],
            "not taken, although its name is in the label": [text for r in wanted for text in r.beside],
            "left out as no scores": [text for r in wanted if r.status == "found" for text in r.taken.left_out[:3]],
            "not this model's by their labels": [f"table {r.table.number} ({listing(r.names)})" for r in absent],
            LEFT_OUT: [f"table {r.table.number}" for r in by_hand],
            "not asked for": [
                f"table {r.table.number} ({'unsure' if r.status == 'ambiguous' else len(r.scores)})"
                for r in self.readings
                if r not in wanted and r.status in ("found", "ambiguous")
            ],
            "no evaluation": [f"table {r.table.number}" for r in self.readings if r.status == "skipped"],
        }
        return [f"{kind}: {'; '.join(items)}" for kind, items in kinds.items() if any(items)]

    def as_json(self) -> dict[str, Any]:
        answer = {
            "repo_id": self.repo_id,
            "tables": [table_json(reading) for reading in self.readings],
            "results": [score.as_json() for score in self.results],
            "conflicts": self.conflicts(),
            "card_sha256": self.card_sha256,
            "selected_by_hand": self.by_hand(),
            "warnings": self.remarks(),
            "account": self.account(),
        }
        return answer | ({"reason": self.message} if self.code else {})


@uncollected
def read_tables(
    card: Card,
    repo_id: str,
    vocabulary: Vocabulary,
    picks: Mapping[int, Sequence[Pick]] | None = None,
    forced: Sequence[int] = (),
) -> list[TableReading]:
    """One reading for each table; `picks` by table are read as they say, `forced` tables are evaluations."""
    model, readings = ModelName.of(repo_id), []
    loose = functools.cache(lambda: is_loose(card, model))
    for table in card.tables:
        reader = Reader(table, model, card, vocabulary, loose)
        chosen = list((picks or {}).get(table.number, ()))
        if any(pick.nothing for pick in chosen):
            reading = reader.read()
            reading.status, reading.taken, reading.doubts, reading.reason = "absent", Taken(), [], LEFT_OUT
        else:
            reading = reader.read_by_hand(chosen) if chosen else reader.read(table.number in forced)
        readings.append(reading)
    return readings


def extract(
    readings: list[TableReading], repo_id: str, numbers: Sequence[int], every: bool, again: str, card_sha256: str = ""
) -> Extraction:
    """Decide which tables' scores are taken; `again` is the command line to repeat with a choice added.

    A table that is unsure never keeps the scores of others back: it is left out, named, and the code is 3.
    """
    answer = Extraction(repo_id, readings, card_sha256, numbers=numbers)
    wanted = [r for r in readings if r.table.number in numbers] if numbers else readings
    found = [r for r in wanted if r.status == "found" and (r.scores or r.open_cells)]
    unsure = [r for r in wanted if r.status == "ambiguous" or (r.status == "found" and r.open_cells)]
    refused = [r for r in wanted if r not in found and r not in unsure] if numbers else []
    if not numbers and not every and len(found) > 1:
        lines = [f"  {describe(r)}" for r in readings if r in found or r in unsure]
        answer.code, answer.message = 3, f"{len(lines)} tables have {repo_id}:\n" + "\n".join(lines)
        answer.message += f"\nchoose: {again} --table {found[0].table.number}\nor all:  {again} --all-tables"
        answer.message += f"\n{question(unsure, again)}" if unsure else ""
        return answer
    answer.results = [score for reading in found for score in reading.scores]
    conflicts = answer.conflicts()
    answer.results = given_once(answer.results)
    if unsure:
        answer.code, answer.message = 3, question(unsure, f"{again} --all-tables" if every else again)
    elif refused:
        answer.code = 3 if answer.results else 1
    elif not found and (near := near_misses(readings, ModelName.of(repo_id))):
        said = f"{repo_id} is in none of the tables by its name; these labels may be other words for it"
        answer.code, answer.message = 3, f"{said}\n{question(near, f'{again} --all-tables' if every else again)}"
    elif not found:
        answer.code, answer.message = 1, nothing_found(readings, repo_id, again)
    if refused:
        answer.message += "\n" * bool(answer.message) + "\n".join(refusal(r, repo_id) for r in refused)
    if conflicts:
        answer.code = 3
        answer.message += "\n" * bool(answer.message) + "\n".join(map(conflict_text, conflicts))
    return answer


def given_once(scores: Sequence[Score]) -> list[Score]:
    """The scores, where several say the same of the same thing the first alone: `also` says where the others stand."""
    seen: dict[tuple[Any, ...], Score] = {}
    for score in scores:
        first = seen.setdefault((*score.place(), score.value, score.unit), score)
        if first is not score:
            first.also.append({"table": score.table, "row": score.row, "column": score.column})
    return list(seen.values())


def near_misses(readings: Sequence[TableReading], model: ModelName) -> list[TableReading]:
    """Tables whose labels may be the model under another name, each with these labels as its targets."""
    found = []
    for reading in readings:
        possible = reading.possible if reading.evaluation and reading.reason != LEFT_OUT else []
        named = [target for target in possible if may_mean(target.text, model) or is_role(target.text)]
        if named:
            asked = [dataclasses.replace(t, fit=Fit(False, "if it is this model"), ready=False) for t in named]
            doubts = [f"'{t.text}' is not its name, and may be meant" for t in named[:MAX_DOUBTS]]
            found.append(dataclasses.replace(reading, status="ambiguous", targets=asked, doubts=doubts))
    return found


def conflict_text(conflict: Mapping[str, Any]) -> str:
    """ "MMLU: 61.2 (table 1, 'Base'), 63.9 (table 2, 'Chat'): which is it?" and what can be done about it."""
    values = ", ".join(
        f"{v['value']:g} (table {v['table']} under '{v['heading'] or '-'}'"
        + (f", {v['group']}" if v["group"] else "")
        + ")"
        for v in conflict["values"]
    )
    name = " ".join(filter(None, (conflict["benchmark"], conflict["metric"], conflict["shots"], conflict["notes"])))
    how = "take one table with --table N, or tell them apart with `notes:` or `benchmark:` in a selection"
    return f"conflict: {name} has different values: {values}; {how}"


def place_of(reading: TableReading) -> str:
    """ "table 2 under 'Base model > Standard benchmarks'": a heading alone may not say it."""
    headings = reading.table.headings[: max(1, min(3, len(reading.table.headings) - 1))]
    return f"table {reading.table.number} under '{' > '.join(reversed(headings)) or '-'}'"


def describe(reading: TableReading) -> str:
    target = " | ".join(f"{t.axis} {t.index} '{t.text}'" for t in reading.targets) or "this model only"
    said = f"{len(reading.scores)} scores" if reading.status == "found" else f"asked: {'; '.join(reading.doubts)}"
    return f"{place_of(reading)}: {target}; {said}"


def selection_line(table: int, target: Target, more: Mapping[str, Any] | None = None) -> str:
    """A reading as one line of a selection: `- {table: 2, column: 3, label: "Foo"}`."""
    entry = {"table": table, target.axis: target.index, "label": target.text, **target.more, **(more or {})}
    return f"- {in_flow(entry)}"


def in_flow(value: Any) -> str:
    """A value as YAML in one piece."""
    if isinstance(value, Mapping):
        inner = (f"{key if isinstance(key, int) else in_key(key)}: {in_flow(item)}" for key, item in value.items())
        return "{" + ", ".join(inner) + "}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(in_flow, value))}]"
    return json.dumps(value, ensure_ascii=False)


def in_key(key: str) -> str:
    return key if key.isidentifier() else json.dumps(key, ensure_ascii=False)


def choices(reading: TableReading) -> Iterator[str]:
    """Lines of a selection that would read a table: as they are when all that they read may be this model's, else as a
    comment to complete."""
    number = reading.table.number
    for target in reading.targets:
        cells = [cell for cell in reading.open_cells if is_of(cell, target)]
        if reading.text_doubt and not cells:
            would = [score for score in reading.would if is_of(score, target)]
            if not reading.speaks_of_less:  # values of an error rate are no plain scores
                read_as = f", as {reading.reader.read_as(would)}" if would and reading.reader else ""
                yield f"# {selection_line(number, target)}  # if these are plain scores of this model{read_as}"
            yield f"# {selection_line(number, target, {'metric': '…'})}  # with what is measured in place of …"
        elif reading.status == "ambiguous" and not cells:
            ready = target.ready and not target.fit.why.startswith("adds ")  # "Foo-7B-Base" is for people to say
            yield f"{'' if ready else '# '}{selection_line(number, target)}  # {target.fit.why}"
        if not cells:
            continue
        axis = "column" if target.axis == "row" else "row"
        named = {getattr(cell, axis): ["…"] * cell.values if cell.values > 1 else "…" for cell in cells if cell.values}
        measured = [cell for cell in cells if cell.measure]
        for cell in measured[:MAX_MEASURES]:
            only = {f"{axis}s": [getattr(cell, axis)], "metric": "…"}
            line = selection_line(number, target, only)
            yield f"# {line}  # '{cell.label[:60]}', with what is measured in place of …"
        named = {place: name for place, name in named.items() if place not in {getattr(c, axis) for c in measured}}
        if named:
            names = {"benchmark": {**target.more.get("benchmark", {}), **named}}
            yield f"# {selection_line(number, target, names)}  # with the names of the values in place of …"
        if any(cell.first for cell in cells):
            line = selection_line(number, target, {"first_number": True})
            yield f"# {line}  # if the first number of each cell is meant"
        kept = [place for place in target.more.get("leave_out", []) if isinstance(place, int | str)]
        left = {"leave_out": [*kept, *(getattr(cell, axis) for cell in cells)]}
        if not any(key in target.more for key in ("rows", "columns")):
            yield f"# {selection_line(number, target, left)}  # without these cells"


def is_of(cell: OpenCell | Score, target: Target) -> bool:
    return (cell.row if target.axis == "row" else cell.column) == target.index


def question(readings: Sequence[TableReading], again: str) -> str:
    """What is unsure about tables, and the lines of a selection that would read each candidate."""
    lines, offered = [], [line for reading in readings for line in choices(reading)]
    for reading in readings:
        if reading.status == "ambiguous":
            doubts = reading.doubts[:MAX_DOUBTS]
            more = (
                f"; and {len(reading.doubts) - len(doubts)} more reasons" if len(reading.doubts) > len(doubts) else ""
            )
            lines.append(f"{place_of(reading)} is not taken: {'; '.join(doubts)}{more}")
            lines += [f"  its labels: {listing(labels)}"] if (labels := unready_labels(reading)) else []
        for cell in reading.open_cells:
            where = f"{place_of(reading)}, row {cell.row}, column {cell.column} '{cell.label}'"
            lines.append(f"{where}: '{cell.text}' is left out: {cell.why}")
    how = (
        "keep the right ones of these lines"
        if any(line.startswith("-") for line in offered)
        else "complete a line, take its # off"
    )
    none = f"- {{table: {readings[0].table.number}, leave_out: all}}"
    lines.append(f"{how} (of a table that is not this model's: {none}), and go on with:")
    lines.append(f"{again} --selection FILE   (- reads it from a pipe)")
    return "\n".join([*lines, "readings:", *offered])


def unready_labels(reading: TableReading) -> list[str]:
    """The labels beside the values of a table whose rows may be models."""
    if all(target.ready for target in reading.targets):
        return []
    return list(dict.fromkeys(reading.grid.texts("benchmark", "text", "group", "setting")))


def refusal(reading: TableReading, repo_id: str) -> str:
    """Why nothing of a table that was asked for is taken."""
    number = reading.table.number
    if reading.status == "skipped":
        return f"table {number} is no evaluation table: {reading.reason} (--force-table takes it all the same)"
    if reading.status == "found":
        return f"table {number}: {repo_id} is there, without a score"
    names = ", ".join(reading.names[:40]) or "no names"
    return f"table {number}: {repo_id} is not in it; it has: {names}"


def nothing_found(readings: list[TableReading], repo_id: str, again: str) -> str:
    tables = [reading for reading in readings if reading.evaluation]
    if tables and all(reading.reason == LEFT_OUT for reading in tables):
        return f"nothing of the card is {repo_id}'s: its tables are {LEFT_OUT}"
    look = again.replace("extract-readme", "inspect-tables")
    if not readings:
        return f"the card of {repo_id} has no tables"
    if not tables:
        return f"none of the {len(readings)} tables is an evaluation table; see: {look}"
    lines = [f"  table {r.table.number}: {', '.join(r.names[:40]) or 'no names'}" for r in tables]
    text = f"{repo_id} is in none of the {len(tables)} evaluation tables; they have:\n" + "\n".join(lines)
    return f"{text}\nif one of these is this model: {look} --draft, and --selection FILE"


def table_json(reading: TableReading, whole: bool = False) -> dict[str, Any]:
    """One table as inspect-tables (whole) and extract-readme give it."""
    table, blocks = reading.table, reading.grid.blocks
    data = {
        "table": table.number,
        "kind": table.kind,
        "heading": table.heading,
        "headings": list(reversed(table.headings)),
        "rows": len(table.rows) - table.head,
        "columns": table.width,
        "header_rows": table.head,
        "evaluation": reading.evaluation,
        "reason": reading.reason,
        "orientation": reading.orientation,
        "status": reading.status,
        "unsure": reading.doubts,
        "targets": [target_json(table.number, t) for t in reading.targets],
        "names": reading.names,
        "open_cells": [
            {"row": c.row, "column": c.column, "label": c.label, "text": c.text, "why": c.why}
            for c in reading.open_cells
        ],
        "left_out": [*reading.beside, *reading.taken.left_out],
        "scores": len(reading.scores),
    }
    if not whole:
        return data
    shown = table.rows[:MAX_SHOWN_ROWS]
    heads = blocks[0] if blocks else None
    return data | {
        "caption": table.caption or None,
        "before": table.before or None,
        "after": table.after or None,
        "above": [
            {"heading": heading, "text": one_line(text)}
            for heading, told in zip(table.headings, table.told, strict=False)
            for text in told
            if one_line(text) not in (table.before, table.after)
        ],
        "header": [
            {"index": i, "path": list(path), "holds": role}
            for i, (path, role) in enumerate(zip(heads.paths, heads.roles, strict=True) if heads else ())
        ],
        "grid": [
            {
                "row": number - table.head,
                "section": next((b.sections[number] for b in blocks if b.sections.get(number)), None),
                "cells": [" ".join(cell.text.split())[:MAX_SHOWN_TEXT] for cell in row[:MAX_SHOWN_COLUMNS]],
            }
            for number, row in enumerate(shown)
        ],
        "rows_not_shown": len(table.rows) - len(shown),
    }


def target_json(table: int, target: Target) -> dict[str, Any]:
    return {
        "axis": target.axis,
        "index": target.index,
        "text": target.text,
        "certain": target.fit.certain,
        "why": target.fit.why,
        "selection": {"table": table, target.axis: target.index, "label": target.text},
    }


def draft(readings: Sequence[TableReading], repo_id: str, again: str, card_sha256: str) -> str:
    """A selection ready to edit: what is certain, and all that may be chosen as comments."""
    lines = [
        f"# Readings of the card for {repo_id}. Take the '#' off the lines that are right, delete the others, then:",
        f"#   {again} --selection FILE",
        "# more keys: rows or columns (only these), leave_out, benchmark: {index: name}, notes, metric, shots, unit",
        f"model: {repo_id}",
        f"card_sha256: {card_sha256}",
        "readings:",
    ]
    for reading in readings:
        if not reading.evaluation:
            continue
        number = reading.table.number
        lines.append(f"# {place_of(reading)}: " + "; ".join(reading.doubts or [reading.status]))
        if reading.status == "found":
            lines += [selection_line(number, target) for target in reading.targets]
            lines += [f"# left out: row {c.row}, column {c.column} '{c.text}': {c.why}" for c in reading.open_cells]
            lines += choices(reading)
        else:
            offered = list(choices(reading)) if reading.text_doubt else []
            offered = offered or [selection_line(number, target) for target in reading.targets or reading.possible]
            lines += [f"# {line.removeprefix('# ')}" for line in offered]
            lines += [f"# not this model's: - {{table: {number}, leave_out: all}}"] if reading.targets else []
    sure = Extraction(repo_id, list(readings), results=[score for reading in readings for score in reading.scores])
    lines += [f"# {conflict_text(conflict)}" for conflict in sure.conflicts()]
    return "\n".join(map(single_line, lines)) + "\n"


def render_tables(readings: Sequence[TableReading], repo_id: str, again: str, around: bool = False) -> Iterator[Any]:
    """The tables of a card in full, as parts for a terminal or a pipe."""
    from rich.table import Table as RichTable
    from rich.text import Text

    yield f"{repo_id}: {len(readings)} table{'s' if len(readings) != 1 else ''}"
    for reading in readings:
        data = table_json(reading, whole=True)
        verdict = "evaluation" if reading.evaluation else "no evaluation"
        lines = [
            f"\ntable {data['table']} ({data['kind']}) under {' > '.join(data['headings']) or '-'}",
            f"  {verdict}: {data['reason']}" + (f"; {data['orientation']}" if data["orientation"] else ""),
            f"  this model: {data['status']}"
            + "".join(f"; {t['axis']} {t['index']} '{t['text']}' ({t['why']})" for t in data["targets"]),
            *(f"  unsure: {doubt}" for doubt in data["unsure"]),
            *(
                f"  left out: row {c['row']}, column {c['column']} '{c['text']}': {c['why']}"
                for c in data["open_cells"]
            ),
            *(
                f"  {name}: {data[name]}"
                for name in ("caption", "before", "after")
                if data[name] and (around or name == "caption")
            ),
            *(f"  below '{told['heading']}': {told['text']}" for told in data["above"] if around),
        ]
        yield "\n".join(lines)
        grid = RichTable(show_lines=False, box=None, padding=(0, 1))
        grid.add_column("row")
        for column in data["header"][:MAX_SHOWN_COLUMNS]:
            grid.add_column(
                Text(f"{column['index']} {isolated(' / '.join(column['path'])[:60]) or '-'} [{column['holds']}]"),
                overflow="fold",
            )
        for row in data["grid"]:
            label = str(row["row"]) if row["row"] >= 0 else "head"
            grid.add_row(label, *(Text(isolated(text[:60])) for text in row["cells"]))
        yield grid
        if data["rows_not_shown"]:
            yield f"  … and {data['rows_not_shown']} more rows"
        yield f"  next: {next_command(reading, again)}"


def next_command(reading: TableReading, again: str) -> str:
    number, look = reading.table.number, again.replace("extract-readme", "inspect-tables")
    if reading.status == "found":
        return f"{again} --table {number} --json"
    if not reading.evaluation or reading.orientation == "single-model":
        return f"{again} --table {number} --force-table   # only if it is an evaluation table"
    lines = [line.partition("  # ")[0] for line in itertools.islice(choices(reading), 4)]
    return f"{again} --selection FILE   # with: {' or '.join(lines) or f'a line of {look} --draft'}"


# --- parts/cards/selection.py -----------------------------------------------------------------------------------------

MAX_SELECTION = 1_000_000  # characters
READING_KEYS = (
    "table", "column", "row", "label", "rows", "columns", "leave_out", "benchmark", "notes", "metric", "shots", "unit",
    "first_number",
)  # fmt: skip
UNITS = ("percent", "proportion", "points")


def read_selection(text: str, name: str, repo_id: str, hashes: Sequence[str], tables: int) -> dict[int, list[Pick]]:
    """The picks of a selection by table, checked against the model and the card that are read now."""
    if len(text) > MAX_SELECTION:
        raise ScriptError(f"{name} has {len(text):,} characters; a selection has at most {MAX_SELECTION:,}")
    data, root = load_yaml(text, name)
    if has_alias(root):
        raise ScriptError(f"{name}: a selection has no aliases (*name)")
    if isinstance(data, list):
        data = {"readings": data}
    if not isinstance(data, dict) or not isinstance(data.get("readings"), list):
        raise ScriptError(f"{name} has no list `readings`; inspect-tables --draft prints one to edit")
    for key in data:
        if key not in ("model", "card_sha256", "readings"):
            raise ScriptError(f"{name} has an unknown key {key!r}; known: model, card_sha256, readings")
    if data.get("model") not in (None, repo_id):
        raise ScriptError(f"{name} is for {data['model']}, not for {repo_id}")
    if data.get("card_sha256") not in (None, *hashes):
        raise ScriptError(f"{name} was made for another state of the card; look again: inspect-tables --draft")
    if not data["readings"]:
        return {table: [Pick(table, nothing=True)] for table in range(1, tables + 1)}
    picks: dict[int, list[Pick]] = {}
    for number, entry in enumerate(data["readings"], 1):
        pick = read_pick(entry, f"{name}, reading {number}", bool(data.get("card_sha256")), tables)
        picks.setdefault(pick.table, []).append(pick)
    for table, readings in picks.items():
        if len(readings) > 1 and any(pick.nothing for pick in readings):
            raise ScriptError(f"{name}: table {table} is read and left out (leave_out: all); keep one of the two")
    return picks


def has_alias(node: YamlNode | None) -> bool:
    return node is not None and (node.kind == "alias" or any(map(has_alias, node.items)))


def read_pick(entry: Any, where: str, hashed: bool, tables: int) -> Pick:
    """One reading of a selection."""
    if not isinstance(entry, dict):
        raise ScriptError(f"{where} is no mapping such as {{table: 2, column: 3, label: Foo}}")
    for key in entry:
        if key not in READING_KEYS:
            raise ScriptError(f"{where} has an unknown key {str(key)[:40]!r}{nearest(str(key), READING_KEYS)}")
    table = entry.get("table")
    if not is_index(table) or not 1 <= table <= tables:
        raise ScriptError(f"{where}: table must be a number from 1 to {tables}")
    if entry.get("leave_out") == "all":
        if more := [key for key in entry if key not in ("table", "leave_out", "label")]:
            raise ScriptError(f"{where}: leave_out: all takes nothing of table {table}; leave {', '.join(more)} out")
        return Pick(table, nothing=True)
    axes = [axis for axis in ("column", "row") if axis in entry]
    if len(axes) != 1:
        raise ScriptError(f"{where} needs one of column and row")
    place, label = entry[axes[0]], entry.get("label")
    if isinstance(place, str):
        place, label = None, label or place
    elif not is_index(place):
        raise ScriptError(f"{where}: {axes[0]} must be an index from 0, or a label")
    elif label is None and not hashed:
        raise ScriptError(f"{where}: give the label that stands there, too (or card_sha256 for the whole file)")
    told = {name: given_text(entry.get(name), f"{where}: {name}") for name in ("notes", "metric", "shots", "unit")}
    if told["unit"] not in (None, *UNITS):
        raise ScriptError(f"{where}: unit must be one of {', '.join(UNITS)}")
    other = "columns" if axes[0] == "column" else "rows"
    if other in entry:
        raise ScriptError(f"{where}: of a {axes[0]} only {'rows' if other == 'columns' else 'columns'} can be chosen")
    if not isinstance(entry.get("first_number", False), bool):
        raise ScriptError(f"{where}: first_number is true or false")
    return Pick(
        table, axes[0], place, label if label == "" else given_text(label, f"{where}: label"),  # "": it has none
        only=given_places(entry.get("rows" if axes[0] == "column" else "columns"), where),
        leave_out=given_places(entry.get("leave_out"), where), names=given_names(entry.get("benchmark"), where),
        first=bool(entry.get("first_number")), entry=entry, **told,
    )  # fmt: skip


def is_index(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def given_text(value: Any, where: str) -> str | None:
    if isinstance(value, str) and value and not any(map(str.isalnum, value)):
        raise ScriptError(f"{where}: write the names in place of {value!r}")
    if value is None or (isinstance(value, str) and 0 < len(value) <= 400):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise ScriptError(f"{where} must be a text")


def given_places(value: Any, where: str) -> tuple[int | str, ...]:
    values = value if isinstance(value, list) else [] if value is None else [value]
    if not all(is_index(item) or isinstance(item, str) for item in values):
        raise ScriptError(f"{where}: rows, columns and leave_out are lists of indexes or labels")
    return tuple(values)


def given_names(value: Any, where: str) -> tuple[tuple[int | str, tuple[str, ...]], ...]:
    """Names by index or label; a list of names for a cell that has several values."""
    if value is None:
        return ()
    if not isinstance(value, Mapping):
        raise ScriptError(f"{where}: benchmark is a mapping of indexes or labels to names, such as {{3: MMLU}}")
    found = []
    for place, names in value.items():
        texts = [given_text(name, f"{where}: benchmark") for name in (names if isinstance(names, list) else [names])]
        if not (is_index(place) or isinstance(place, str)) or None in texts:
            raise ScriptError(f"{where}: benchmark is a mapping of indexes or labels to names, such as {{3: MMLU}}")
        found.append((place, tuple(texts)))
    return tuple(found)


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
    while error is not None and not (
        isinstance(error, socket.gaierror) or (isinstance(error, OSError) and error.errno in NO_WAY)
    ):
        error = error.__cause__ or error.__context__
    return error is not None


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as an HTTP date; None when it says nothing."""
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
ETAGS = ("etag", "x-linked-etag")
FILE_WORD = re.compile(r"(?!\.)[\w.:+=-]{0,200}", re.ASCII)
COMMIT_NAME = re.compile(r"(?:[0-9a-f]{40})?")
OF_A_REPO = re.compile(r"/api/(?:models|datasets|spaces|buckets)/")
HASHES = {"sha", "oid", "blobId", "xetHash", "sha256", "targetCommit", "commitOid"}
A_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
OF_AUTHORS = {"cardData", "config", "gguf", "widgetData", "transformersInfo"}  # what the client takes no name from
MOST_PAGES = 3000  # of one list, in a thread
NAMED_ORIGINS: set[WebOrigin] = set()  # of servers beside the Hub that the user's command line gives the token to


def watch_answers() -> None:
    """Remember the answers that the client gets in this thread from now on; forget those before.

    What the client would say of its own tries is not said: the error that ends them is.
    """
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


def why_no_answer(answer: Any) -> str | None:
    """What in an answer is not of a Hub; the client believes it.

    It names files of its cache by a file's ETag and a commit, waits as long as it is told, and follows all next pages.
    """
    heads, path = answer.headers, hub_path(answer.request.url)
    if any(not FILE_WORD.fullmatch(heads[name].removeprefix("W/").strip('"')) for name in ETAGS if name in heads):
        return "has an ETag that is a path"
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
    403: "the token has no permission for this; it needs write permission for the repo",
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


# --- parts/records/schema.py ------------------------------------------------------------------------------------------

RECORD_SCHEMA = "0.3.0"  # Every Eval Ever
DATASTORE = "evaleval/EEE_datastore"  # the data set on the Hub that collects such records
SCHEMA_VERSION = "0.3.0"  # of the records: Every Eval Ever


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
LOOKED_THROUGH = 10_000  # names of files
CLOCKS_APART = 86_400  # seconds
RECORD_NAME = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(_failure)?\.json")


def record_files(folders: Iterable[Path]) -> list[Path]:
    """The JSON files below some folders that may be records, each once."""
    found: dict[str, Path] = {}
    for folder in folders:
        if not folder.is_dir():
            near = near_place(folder) if not folder.exists() else ": it is a file; give the folder that it lies in"
            raise ScriptError(f"{folder}: no such folder of results{near}")
        for base, directories, names in os.walk(folder):
            directories[:] = sorted(d for d in directories if not HIDDEN_FOLDERS.fullmatch(d))
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


def refuse_link_away(path: str, real: str, folder: Path) -> None:
    """ScriptError where a link in a folder of results leads out of it, but to the Hub's own cache that it is of."""
    root = os.path.realpath(folder)
    cache, found, _ = root.rpartition(f"{os.sep}snapshots{os.sep}")
    roots = [root, *([os.path.join(cache, "blobs")] if found else [])]
    if not any(real.startswith(place + os.sep) for place in roots):
        raise ScriptError(f"{path}: a link out of the folder of results is not followed: copy the file there")


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
    refuse_future(path, record)
    refuse_disguise(path, record)
    return None if is_trainer_log(record) and not trainer else record


def refuse_future(path: Path, record: dict[str, Any]) -> None:
    """ScriptError for a record that is dated later than now: its date decides which of two is the newer one."""
    rows = record.get("evaluation_results")
    for said_in in (record, *(rows if isinstance(rows, list) else ())):
        dates = mapping_of(said_in)
        for name in ("evaluation_timestamp", "retrieved_timestamp"):
            moment = moment_in(dates.get(name))
            if moment is None or moment <= time.time() + CLOCKS_APART:
                continue
            said = single_line(dates[name])[:40]
            raise ScriptError(f"{path}: {name} is {said}, which is in the future: correct it, or evaluate again")


def refuse_disguise(path: Path, record: Mapping[str, Any]) -> None:
    """ScriptError for a model or benchmark whose name looks like another's by letters of another alphabet."""
    rows = record["evaluation_results"]
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

    def __str__(self) -> str:
        told = [f"n = {self.samples:,}"] if self.samples else []
        told += [f"standard error {self.standard_error:.2g}"] if self.standard_error else []
        more = f" ({', '.join(told)})" if told else ""
        doubt = f"; {self.doubt}" if self.doubt else ""
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


# --- parts/metadata/merge.py ------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StandingResult:
    """A result that metadata claims already."""

    where: str  # "model-index[0].results[3].metrics[0].value", ".eval_results/hle.yaml[0].value"
    name: str
    measure: Measure
    value: Any
    source: str = ""  # its URL
    verified: bool = False  # somebody vouches for the very value
    unit: str | None = None  # as its metric's name says
    percents: bool = False  # the values beside it are percentages
    settings: tuple[str, ...] = ()  # what it says of how and when it was measured, for people


def merge(plan: Plan, state: RepoState) -> Change:
    """What the plan adds to, and would change of, what is there. Applied to its own outcome it changes nothing."""
    change = Change()
    if plan.model_index:
        merge_card(plan, state, change)
    merge_files(plan, state, change)
    return change


def measures_of(plan: Plan) -> Measures:
    if plan.measures is None:
        raise ValueError("the plan was not rendered")
    return plan.measures


def index_standings(front: FrontMatter, measures: Measures) -> list[StandingResult]:
    """All results that a card's model-index claims."""
    found = []
    for i, model in enumerate(front.values.get("model-index") or []):
        results = model.get("results") or []
        pairs = [
            (f"model-index[{i}].results[{j}].metrics[{k}].value", result, metric)
            for j, result in enumerate(results)
            for k, metric in enumerate(result.get("metrics") or [])
        ]
        known = [(path, result, metric, measures.of_index(result, metric)) for path, result, metric in pairs]
        percents = are_percents([metric.get("value") for *_, metric, m in known if not measures.is_open(m)])
        for path, result, metric, measure in known:
            source, dataset = mapping_in(result, "source"), mapping_in(result, "dataset")
            name = str(dataset.get("name") or dataset.get("type") or "?")
            verified = bool(metric.get("verified") or metric.get("verifyToken"))
            unit = "percent" if "%" in f"{metric.get('name')} {metric.get('type')}" else None
            url = str(source.get("url") or "")
            found.append(StandingResult(path, name, measure, metric.get("value"), url, verified, unit, percents))
    return found


def file_standings(files: Mapping[str, str], measures: Measures) -> list[StandingResult]:
    """All results that the files of .eval_results claim."""
    found = []
    for path, text in files.items():
        for number, row in enumerate(eval_rows(load_yaml(text, path)[0], path)):
            source, dataset = mapping_in(row, "source"), mapping_in(row, "dataset")
            place, name = f"{path}[{number}].value", str(dataset.get("id") or "?")
            told = tuple(f"{key} {row[key]}" for key in ("notes", "date") if row.get(key))
            url, verified = str(source.get("url") or ""), bool(row.get("verifyToken"))
            found.append(
                StandingResult(place, name, measures.of_row(row), row.get("value"), url, verified, settings=told)
            )
    return found


def standings_of(state: RepoState, measures: Measures) -> list[StandingResult]:
    """All results that a repo's metadata claims, in both formats."""
    front = read_metadata(decode_strict(state.card or b"", state.name), state.name)
    return index_standings(front, measures) + file_standings(state.files, measures)


def rivals_of(
    measure: Measure, there: Sequence[StandingResult], measures: Measures
) -> tuple[list[StandingResult], bool]:
    """The standing results of the same thing, and True; where there is none those that possibly are, and False."""
    found: dict[str, list[StandingResult]] = {SAME: [], POSSIBLY: [], OTHER: []}
    for standing in there:
        found[measures.relation(standing.measure, measure)].append(standing)
    return (found[SAME], True) if found[SAME] else (found[POSSIBLY], False)


def is_value(standing: StandingResult, value: Any, unit: str | None, measures: Measures) -> bool:
    """Whether a standing result has this value, whatever scale and rounding it is written with."""
    there, new = written(standing.value, standing.unit), written(value, unit)
    is_open = measures.is_open(standing.measure)
    return there is not None and new is not None and agree(there, new, is_open, standing.percents)


@dataclass(slots=True)
class Placed:
    """A result on its way into a document: what it measures, its value, and what people call it."""

    name: str
    measure: Measure
    value: Any
    unit: str | None
    source: str
    entry: Entry | None


def decide_result(
    mine: Placed, there: Sequence[StandingResult], taken: Collection[str], plan: Plan, change: Change, document: str
) -> tuple[str, StandingResult | None, str]:
    """("same" | "add" | "replace" | "conflict", the standing result, its new text), and the conflict in `change`.

    `taken`: the places of results that other results of the plan are, so that this one is none of them.
    """
    measures = measures_of(plan)
    rivals, certain = rivals_of(mine.measure, there, measures)
    rivals = rivals if certain else [item for item in rivals if item.where not in taken]
    if any(is_value(item, mine.value, mine.unit, measures) for item in rivals):
        return "same", None, ""
    own = [item for item in rivals if item.source == mine.source and certain]
    if not rivals or (mine.entry and is_beside(mine.entry, plan.beside) and not own):
        change.notes += [f"nothing to replace: {mine.name} is not there yet"] if plan.replace and not rivals else []
        touch(change, mine.entry)
        return "add", None, ""
    chosen = own or [item for item in rivals if not item.source] or rivals
    first, doubt = chosen[0], "" if certain else doubt_about(mine.measure, chosen[0].measure)
    if len(chosen) > 1:
        doubt = f"{len(chosen)} results there can be meant, also {chosen[1].where}"
    text = in_form_of(
        written(first.value, first.unit),
        written(mine.value, mine.unit),
        measures.is_open(first.measure),
        first.percents,
    )
    doubt += ("; " if doubt else "") + "the scale of what is there is not known" if text is None else ""
    mark = ", which is verified" if first.verified else ""
    facts = (mine.entry.samples, mine.entry.standard_error) if mine.entry else (None, None)
    conflict = Conflict(f"{document}{first.where}{mark}", mine.name, first.value, mine.value, doubt, *facts)
    if not plan.replace or first.verified or len(chosen) > 1 or text is None:
        change.conflicts.append(conflict)
        return "conflict", first, ""
    touch(change, mine.entry)
    change.replaced.append(dataclasses.replace(conflict, new=float(text)))
    if first.source and first.source != mine.source:
        change.notes.append(f"{first.where}: its source stays {first.source}; correct it where that is not so any more")
    return "replace", first, text


def touch(change: Change, entry: Entry | None) -> None:
    if entry is not None and entry not in change.entries:
        change.entries.append(entry)


def is_beside(entry: Entry, names: Sequence[str]) -> bool:
    folded = {normalize_name(name) for name in names}
    return bool(folded & {"all", normalize_name(entry.key or ""), normalize_name(entry.benchmark)})


def doubt_about(new: Measure, there: Measure) -> str:
    """What one side alone says, so that both may be one result or two."""
    said = "; ".join(unlike_words(there, new, "there", "here"))
    return f"possibly the same result ({said or 'the benchmark or split is not certain'})"


def unlike_words(one: Measure, other: Measure, here: str, there: str, metrics: tuple[str, str] = ("", "")) -> list[str]:
    """In what two results are told otherwise, what both say first: "shots 0 here, 5 there".

    `metrics`: the names of theirs for people. A split that one does not say is the benchmark's own.
    """
    told = [{"right": "share of right answers"}.get(measure.metric, measure.metric) for measure in (one, other)]
    pairs = [("metric", metrics[0] or told[0], metrics[1] or told[1])] if one.metric != other.metric else []
    names = ("shots", "variant", "part", "revision", *(("split",) if one.split and other.split else ()))
    pairs += [(name, old, new) for name in names if (old := getattr(one, name)) != (new := getattr(other, name))]
    pairs.sort(key=lambda pair: "not said" in map(said_or_not, pair))
    return [f"{name} {said_or_not(old)} {here}, {said_or_not(new)} {there}" for name, old, new in pairs]


def said_or_not(value: object) -> object:
    return "not said" if value in ("", None) else value


def canonical(value: Any) -> str:
    """A text that is the same for equal values of YAML, and only for those."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return sorted([repr(key), plain(item)] for key, item in value.items())
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        known = isinstance(value, (str, bool, int, float)) or value is None
        return value if known else f"{type(value).__name__} {value}"

    return json.dumps(plain(value), ensure_ascii=False)


def decode_strict(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScriptError(f"{name}: byte {error.start} is not UTF-8, so it cannot be edited without loss") from error


def merge_card(plan: Plan, state: RepoState, change: Change) -> None:
    text = decode_strict(state.card or b"", state.name)
    front = read_metadata(text, state.name)
    measures = measures_of(plan)
    there = index_standings(front, measures)
    mine: list[tuple[Placed, dict[str, Any]]] = []
    for entry, result in zip(plan.entries, plan.model_index, strict=True):
        metric, measure = result["metrics"][0], measures.of_entry(entry)
        placed = Placed(metric["name"], measure, entry.value, entry.unit, entry.source_url or "", entry)
        if not is_repeated(placed, [other for other, _ in mine], measures, change):
            mine.append((placed, result))
    hits = {id(placed): places_held(placed, there, measures) for placed, _ in mine}
    new: list[dict[str, Any]] = []
    values: dict[str, str] = {}  # path -> the text that replaces what is there
    for placed, result in mine:
        taken = {where for other, found in hits.items() if other != id(placed) for where in found}
        what, standing, put = decide_result(placed, there, taken, plan, change, "README.md ")
        if what == "same":
            change.same.append(f"model-index: {placed.name}")
        elif what == "add":
            new.append(result)
            change.added.append(f"model-index: {placed.name}")
        elif what == "replace" and standing:
            values[standing.where] = put
    if new or values:
        edited = splice_results(front, new, values, plan.repo_id.rpartition("/")[2])
        check_splice(front, edited, new, values)
        change.files["README.md"] = edited.encode("utf-8")


def places_held(placed: Placed, there: Sequence[StandingResult], measures: Measures) -> list[str]:
    """Where a result stands already for certain."""
    rivals, certain = rivals_of(placed.measure, there, measures)
    return [item.where for item in rivals] if certain else []


def is_repeated(placed: Placed, before: Sequence[Placed], measures: Measures, change: Change) -> bool:
    """Whether the plan has this result already; of one source with another value that is a conflict."""
    for other in before:
        if measures.relation(other.measure, placed.measure) != SAME:
            continue
        standing = StandingResult("", other.name, other.measure, other.value, unit=other.unit)
        if is_value(standing, placed.value, placed.unit, measures):
            return True
        if other.source == placed.source:
            change.conflicts.append(Conflict("the plan itself", placed.name, other.value, placed.value))
            return True
    return False


def splice_results(front: FrontMatter, new: list[dict[str, Any]], values: Mapping[str, str], model: str) -> str:
    """The card's text with results added to its model-index, and some values replaced; all other bytes stay."""
    edits = [value_edit(front.yaml, replaced_value(front, path), text) for path, text in values.items()]
    if new:
        edits.append(insertion(front, new, model))
    text = front.yaml
    for start, end, put in sorted(edits, reverse=True):
        text = text[:start] + put + text[end:]
    return front.before + text + front.after


def value_edit(text: str, node: YamlNode, number: str) -> tuple[int, int, str]:
    """Another number in the place of a value, in its quotes and with its percent sign; what is around it stays."""
    old = text[node.start : node.end]
    mark = old[0] if old[:1] in ("'", '"') else ""
    return node.start, node.end, f"{mark}{with_number(old.strip(mark) if mark else old, number)}{mark}"


def with_number(old: str, number: str) -> str:
    """A value's text with another number: "45.3 %" -> "44.9 %"; an error beside it belongs to the old one and goes."""
    return f"{number}{' ' * (' %' in old)}%" if "%" in old else number


def replaced_value(front: FrontMatter, path: str) -> YamlNode:
    """The value at a path of the front matter."""
    node = front.root
    for part in re.findall(r"[\w-]+", path):
        if node is not None:
            node = node.items[int(part)] if part.isdigit() and node.kind == "sequence" else node.get(part)
    if node is None or node.kind != "scalar":
        raise ScriptError(f"README.md: {path} is written with an alias or a merge key; replace it by hand")
    return node


def insertion(front: FrontMatter, new: list[dict[str, Any]], model: str) -> tuple[int, int, str]:
    """Where to put new results, and the text: at the end of the model's results, else of what holds them."""
    root, index = front.root, [{"name": model, "results": new}]
    if root is None:
        return len(front.yaml), len(front.yaml), block_text({"model-index": index}, 0, front, len(front.yaml))
    models = root.get("model-index")
    if models is None and "model-index" in front.values:
        raise ScriptError("README.md: model-index comes from an alias (*) or a merge key (<<); write it out first")
    if models is None:
        return append_to(root, {"model-index": index}, front)
    if empty(models):
        return fill(models, index)
    plain_lists(models)
    which = choose_model(front.values["model-index"], model)
    if which is None:
        return append_to(models, index, front)
    node = models.items[which]
    plain_lists(node)
    results = node.get("results")
    if results is None:
        if node.get("<<"):
            raise ScriptError(f"README.md, line {node.line}: results come from a merge key (<<); write them out first")
        return append_to(node, {"results": new}, front)
    if empty(results):
        return fill(results, new)
    plain_lists(results)
    return append_to(results, new, front)


def choose_model(models: list[dict[str, Any]], model: str) -> int | None:
    """Which entry of a model-index is this model: by name, else the only one; None: none is."""
    names = [normalize_name(str(entry.get("name") or "")) for entry in models]
    return names.index(normalize_name(model)) if normalize_name(model) in names else 0 if len(models) == 1 else None


def empty(node: YamlNode) -> bool:
    """Nothing, null or [] where a list belongs."""
    return (node.kind == "scalar") or (node.kind == "sequence" and not node.items)


def fill(node: YamlNode, value: list[dict[str, Any]]) -> tuple[int, int, str]:
    """Put a list, written on one line, in the place of an empty value."""
    space = " " if node.start == node.end else ""
    return node.start, node.end, space + flow_text(value)


def plain_lists(node: YamlNode) -> None:
    if node.kind == "alias":
        raise ScriptError(f"README.md, line {node.line}: model-index is written with an alias (*); write it out first")


def append_to(node: YamlNode, value: Any, front: FrontMatter) -> tuple[int, int, str]:
    """Where and how to add an item to a mapping or list, in its own style."""
    if node.flow:
        at = node.items[-1].end if node.items else node.end - 1  # behind the last item: a comment may follow it
        return at, at, (", " if node.items else "") + flow_text(value)[1:-1]
    at = line_end(front.yaml, node.end)
    return at, at, block_text(value, block_column(node, front.yaml), front, at)


def block_column(node: YamlNode, text: str) -> int:
    """The column of a block mapping's keys or a block sequence's dashes; behind an anchor or a tag on a line before."""
    rest = r"[ \t]*+(?:#[^\r\n]*+)?+(?:\r\n?|\n)"
    marks = re.compile(rf"(?:[&!]\S*+[ \t]*+)++{rest}(?:{rest})*+([ \t]*)")  # possessive: it never goes back
    found = marks.match(text, node.start) if node.marked else None
    return len(found[1]) if found else node.column


def flow_text(value: Any) -> str:
    """YAML of a list or mapping on one line; JSON would do but for numbers such as 5e-324."""
    return to_yaml(value, default_flow_style=True).rstrip()


def line_end(text: str, at: int) -> int:
    """The start of the next line; where a line already starts, that one."""
    if at == 0 or text[at - 1] in "\r\n":
        return at
    found = re.compile(r"\r\n|\r|\n").search(text, at)
    return found.end() if found else len(text)


def block_text(value: Any, column: int, front: FrontMatter, at: int) -> str:
    """YAML of a list or mapping at a column, in whole lines with the card's line ends."""
    lines = to_yaml(value).rstrip("\n").split("\n")
    text = "".join(" " * column + line + front.newline for line in lines)
    return text if at == 0 or front.yaml[at - 1] in "\r\n" else front.newline + text


def check_splice(front: FrontMatter, edited: str, new: list[dict[str, Any]], paths: Mapping[str, Any]) -> None:
    """Parse what would be written: ScriptError unless it has every old entry, in order, the new ones, and no more."""
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    try:
        after = read_metadata(edited, "README.md as it would be written")
    except ScriptError as error:
        raise ScriptError(f"README.md: the results do not fit in ({error}); add them by hand") from error
    client = REGEX_YAML_BLOCK.search(edited.removeprefix("\ufeff"))
    if not client or client[2].strip() != after.yaml.strip():
        raise ScriptError("README.md, line 1: the Hub does not read such metadata: `---` must end its line; correct it")
    wanted = with_values(front.values, paths)
    old = [canonical(result) for model in wanted.get("model-index") or [] for result in model.get("results") or []]
    found = [canonical(result) for result in after.results]
    others = [{k: v for k, v in values.items() if k != "model-index"} for values in (wanted, after.values)]
    if not (
        (after.before, after.after) == (front.before, front.after)
        and canonical(others[0]) == canonical(others[1])
        and list(others[0]) == list(others[1])
        and is_subsequence(old, found)
        and Counter(found) == Counter(old) + Counter(canonical(result) for result in new)
    ):
        raise ScriptError("README.md: the results cannot be added without touching other metadata; add them by hand")


def with_values(values: Mapping[str, Any], paths: Mapping[str, Any]) -> dict[str, Any]:
    """A front matter's values with those at some paths replaced."""
    changed = copy.deepcopy(dict(values))
    for path, value in paths.items():
        i, j, k = (int(part) for part in re.findall(r"\[(\d+)\]", path))
        metric = changed["model-index"][i]["results"][j]["metrics"][k]
        number = float(value) if "." in value else int(value)
        old = metric["value"]
        metric["value"] = with_number(old, value) if isinstance(old, str) else number
    return changed


def is_subsequence(wanted: Sequence[str], found: Sequence[str]) -> bool:
    rest = iter(found)
    return all(item in rest for item in wanted)


def merge_files(plan: Plan, state: RepoState, change: Change) -> None:
    """One file for each benchmark: new, already there with this value, or there with another."""
    if not plan.eval_results:
        return
    measures = measures_of(plan)
    there = file_standings(state.files, measures)
    mine = {path: placed_row(path, rows[0], plan, measures) for path, rows in plan.eval_results.items()}
    for path, rows in plan.eval_results.items():
        placed = mine[path]
        if len(rows) > 1:
            values = [row["value"] for row in rows]
            change.conflicts += [Conflict("the plan itself", path, values[0], value) for value in values[1:]]
            continue
        others = [places_held(item, there, measures) for item in mine.values() if item is not placed]
        what, standing, put = decide_result(
            placed, there, {where for held in others for where in held}, plan, change, ""
        )
        if what == "same":
            change.same.append(placed.name)
        elif what == "replace" and standing:
            where, _, number = standing.where.removesuffix(".value").removesuffix("]").rpartition("[")
            text = change.files.get(where, b"").decode() or state.files[where]
            change.files[where] = replace_value(text, where, int(number), put).encode("utf-8")
        elif what == "add":
            add_file(path, rows[0], placed.name, state, change)


def placed_row(path: str, row: Mapping[str, Any], plan: Plan, measures: Measures) -> Placed:
    url = str(mapping_in(row, "source").get("url") or "")
    name = f".eval_results: {path.removeprefix(EVAL_RESULTS)}"
    return Placed(name, measures.of_row(row), row["value"], None, url, plan.made_of.get(path))


def add_file(path: str, row: Mapping[str, Any], name: str, state: RepoState, change: Change) -> None:
    """A file of its own; beside another result of this name one with a number."""
    text = state.files.get(path, "")
    if text.strip() and not eval_rows(load_yaml(text, path)[0], path):
        change.conflicts.append(Conflict(f"{path}, a file without results", name, "comments", row["value"]))
        return
    free = (path, *(f"{path.removesuffix('.yaml')}_{number}.yaml" for number in range(2, 1000)))
    path = next(place for place in free if not state.files.get(place, "").strip() and place not in change.files)
    change.added.append(f".eval_results: {path.removeprefix(EVAL_RESULTS)}")
    change.files[path] = to_yaml([row]).encode("utf-8")


def replace_value(text: str, name: str, number: int, put: str) -> str:
    """A file's text with the value of one entry replaced; every other byte stays."""
    _, root = load_yaml(text, name)
    node = root.items[number].get("value") if root and root.kind == "sequence" else None
    if node is None or node.kind != "scalar":
        raise ScriptError(f"{name}: its value is written with an alias or a merge key; replace it by hand")
    start, end, put = value_edit(text, node, put)
    return text[:start] + put + text[end:]


def eval_rows(data: Any, path: str) -> list[dict[str, Any]]:
    """The entries of a file of .eval_results; ScriptError when it is not such a file."""
    rows = data if isinstance(data, list) else [] if data is None else None
    good = rows is not None and all(isinstance(row, dict) and isinstance(row.get("dataset"), dict) for row in rows)
    if not good or rows is None:
        raise ScriptError(f"{path}: not a list of evaluation results with a dataset each; correct it first")
    return rows


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


# --- parts/publish/hub.py ---------------------------------------------------------------------------------------------


class Hub:
    """Models on the Hub, through its own client; reads that the client itself does not repeat are repeated."""

    def __init__(self, token: str | None) -> None:
        from huggingface_hub import HfApi

        self.token = token
        self.api = HfApi(endpoint=os.environ.get("HF_ENDPOINT") or None, token=token)
        self.boards: dict[str, Leaderboard] = {}
        self.benchmarks: OfficialList | None = None
        self.me: Mapping[str, Any] | None = None
        self.line = threading.RLock()  # held while a call that the rate limit refused is made again

    def read(self, call: Callable[..., Any], *args: Any, **options: Any) -> Any:
        """Call, and call again on 429, 5xx, broken connections and wrong bodies: at most MAX_TRIES times.

        ScriptError when what comes has not the form that the client expects.
        """
        import tenacity

        with contextlib.ExitStack() as held:

            def pause(state: Any) -> None:
                self.wait(state, held)

            rule = tenacity.Retrying(
                retry=tenacity.retry_if_exception(lambda error: worth_repeating(error) or is_wrong_answer(error)),
                before_sleep=pause,
                stop=tenacity.stop_after_attempt(MAX_TRIES),
                reraise=True,
            )
            watch_answers()
            try:
                return rule(call, *args, **options)
            except ScriptError:
                raise
            except UNEXPECTED as error:
                if not is_wrong_answer(error):
                    raise
                what = getattr(call, "__name__", "a request").replace("_", " ")
                raise ScriptError(f"{self.api.endpoint}: {what}: {unexpected_answer(error)}") from error

    def wait(self, state: Any, held: contextlib.ExitStack) -> None:
        """Pause before the next try; after a rate limit one caller at a time, else all would meet it again."""
        seconds, error = seconds_to_wait(state), state.outcome.exception()
        until = time.monotonic() + seconds
        if rate_limited(error):
            held.enter_context(self.line)
        if seconds > 5:
            why = "the Hub asks to wait" if getattr(error, "response", None) is not None else "the Hub does not answer"
            note(f"{why}; again in {max(0, until - time.monotonic()):.0f} s")
        time.sleep(max(0, until - time.monotonic()))

    def identity(self) -> Mapping[str, Any]:
        """Who this token belongs to."""
        if self.me is None:
            self.me = known_identity(self.read(self.api.whoami), "asking the Hub whose token this is")
        return self.me

    def info(self, repo_id: str, revision: str | None = None) -> Any:
        """A model's commit and files with their ids; ScriptError when the answer lacks them."""
        found = self.read(self.api.model_info, repo_id, revision=revision, files_metadata=True)
        if not isinstance(found.sha, str) or not isinstance(found.siblings, list):
            raise ScriptError(f"{repo_id}: the Hub's answer names no commit, or not its files; try again later")
        return found

    def state(self, repo_id: str, revision: str | None = None, info: Any = None) -> RepoState:
        """The card and the evaluation results of a model, all of one commit, each compared with its id."""
        info = info or self.info(repo_id, revision)
        ids = {file.rfilename: (file.lfs.sha256 if file.lfs else file.blob_id) or "" for file in info.siblings or []}
        files = {
            name: decode_strict(self.content(repo_id, name, info.sha, identity=identity), name)
            for name, identity in ids.items()
            if EVAL_FILE.fullmatch(name)
        }
        there = "README.md" in ids
        card = self.content(repo_id, "README.md", info.sha, identity=ids["README.md"]) if there else None
        closed = next((word for word in ("archived", "disabled") if getattr(info, word, None) is True), "")
        return RepoState(info.sha, card, files, moved_to=info.id if info.id != repo_id else "", closed=closed)

    def content(
        self, repo_id: str, path: str, revision: str, repo_type: str | None = None, identity: str = ""
    ) -> bytes:
        """A file's bytes, in one GET (hf_hub_download asks twice before it fetches), compared with its id or ETag."""
        from huggingface_hub import get_session, hf_hub_url
        from huggingface_hub.utils import build_hf_headers, hf_raise_for_status

        url = hf_hub_url(repo_id, path, revision=revision, repo_type=repo_type, endpoint=self.api.endpoint)
        headers = build_hf_headers(token=self.token)

        def get() -> bytes:
            with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=30) as answer:
                if answer.status_code >= 400:
                    answer.read()
                hf_raise_for_status(answer)
                data = bytearray()
                for part in answer.iter_bytes():
                    data += part
                    if len(data) > MAX_CARD:
                        raise ScriptError(f"{repo_id}/{path} is larger than the {MAX_CARD:,} bytes that are read")
                if not is_content(bytes(data), identity or answer.headers.get("etag", "")):
                    raise WrongBody(f"{repo_id}/{path}: the {len(data):,} bytes that came are not the file's")
                return bytes(data)

        return self.read(get)

    def commit(self, repo_id: str, files: Mapping[str, bytes], **options: Any) -> Any:
        """One commit of these files, sent once."""
        from huggingface_hub import CommitOperationAdd

        operations = [CommitOperationAdd(path, data) for path, data in files.items()]
        return commit_whole(self.api, repo_id, operations, **options)

    def leaderboard(self, dataset_id: str) -> Leaderboard:
        """Whether a dataset is a Benchmark, its tasks, and the scale of its leaderboard; asked once."""
        if dataset_id not in self.boards:
            self.boards[dataset_id] = self.fetch_leaderboard(dataset_id)
        return self.boards[dataset_id]

    def official(self, refresh: bool = False) -> OfficialList:
        """The Hub's official Benchmarks; asked once, and kept on disk for a day."""
        with self.line:
            if self.benchmarks is None or refresh:
                source = BenchmarkSource(self.list_benchmarks, self.eval_yaml, self.api.endpoint, self.token or "")
                offline = "HF_HUB_OFFLINE is set" if is_offline() else ""
                self.benchmarks = official_benchmarks(source, offline, refresh)
            return self.benchmarks

    def list_benchmarks(self) -> list[tuple[str, str | None, bool]]:
        asked = {"benchmark": True, "expand": ["sha", "gated"]}
        found = self.read(listed, lambda: self.api.list_datasets(**asked))
        return [(item.id, item.sha, bool(item.gated)) for item in found]

    def eval_yaml(self, dataset_id: str, sha: str | None) -> bytes:
        return self.content(dataset_id, "eval.yaml", sha or "main", repo_type="dataset")

    def fetch_leaderboard(self, dataset_id: str) -> Leaderboard:
        """A Benchmark's tasks, and the scale and direction of its leaderboard; a refused leaderboard has no entries."""
        from huggingface_hub.errors import HfHubHTTPError

        found = self.official().get(dataset_id)
        if found is None and self.official().basis == "cache":
            found = self.official(refresh=True).get(dataset_id)  # it may be a Benchmark since this morning
        if found is None:
            return Leaderboard(dataset_id, reason="it is no official Benchmark")
        try:
            entries = self.read(self.api.get_dataset_leaderboard, dataset_id, base_model_only=False)
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code not in (400, 401, 403, 404):
                raise
            entries = []
        values = [entry.value for entry in entries]
        tasks = tuple(task.id for task in found.tasks)
        lower = ranked_downwards(values) if found.lower_is_better is None else found.lower_is_better
        scale, plain = found.unit or leaderboard_scale(values), bool(found.unit) or is_plain(values)
        return Leaderboard(dataset_id, tasks, scale, plain, entries=len(values), lower_is_better=lower)

    def proposals(self, repo_id: str, status: str, author: str | None = None) -> list[Any]:
        """The pull requests of a model that are open (drafts, too) or closed, oldest first."""
        options = {"discussion_type": "pull_request", "discussion_status": status, "author": author}
        found = self.read(lambda: list(self.api.get_repo_discussions(repo_id, **options)))
        return sorted((item for item in found if author in (None, item.author)), key=lambda item: item.num)

    def pull_requests(self, repo_id: str) -> list[PullRequest]:
        """The open pull requests, and whether each touches evaluation metadata: by its diff, then by its card."""
        return [self.pull_request(repo_id, item) for item in self.proposals(repo_id, "open")]

    def pull_request(self, repo_id: str, item: Any) -> PullRequest:
        details = self.read(self.api.get_discussion_details, repo_id, item.num)
        files = changed_files(details.diff or "")
        touches = any(name.startswith(EVAL_RESULTS) for name in files)
        if not touches and ("README.md" in files or not files):  # no diff: it is empty, or too large to be shown
            touches = self.other_results(repo_id, item.git_reference or f"refs/pr/{item.num}")
        created = item.created_at.strftime("%Y-%m-%d") if item.created_at else ""
        said = [event for event in details.events if event.type == "comment"][1:]
        last = f"{said[-1].author}: {said[-1].content}"[:300] if said else ""
        return PullRequest(
            item.num, item.title, item.author, created, item.url, item.status, touches, last_comment=last
        )

    def other_results(self, repo_id: str, revision: str) -> bool:
        """Whether a pull request's results differ from main's, and from those that it started from."""
        theirs = self.results(repo_id, revision)
        if theirs == self.results(repo_id, None):
            return False
        main = {commit.commit_id for commit in self.read(self.api.list_repo_commits, repo_id)}
        own = self.read(self.api.list_repo_commits, repo_id, revision=revision)
        base = next((commit.commit_id for commit in own if commit.commit_id in main), None)
        return base is None or theirs != self.results(repo_id, base)

    def results(self, repo_id: str, revision: str | None) -> tuple[Any, ...]:
        """What stands for all evaluation metadata at a revision; metadata that cannot be read is like no other."""
        state = self.state(repo_id, revision)
        try:
            front = read_metadata(decode_strict(state.card or b"", "README.md"), "README.md")
        except ScriptError:
            return (state.card, state.files)
        return (canonical(front.values.get("model-index")), state.files)

    def open_pull_request(self, repo_id: str, number: int) -> Any:
        """An open pull request by its number; ScriptError for any other: a commit to it would be seen by nobody."""
        from huggingface_hub.errors import HfHubHTTPError

        try:
            item = self.read(self.api.get_discussion_details, repo_id, number)
        except HfHubHTTPError as error:
            if error.response is None or error.response.status_code != 404:
                raise
            raise ScriptError(f"{repo_id} has no pull request #{number}, or it is not to be seen") from error
        if not item.is_pull_request or item.status not in ("open", "draft"):
            what = f"a {item.status} pull request" if item.is_pull_request else "a discussion, no pull request"
            raise ScriptError(f"{repo_id} #{number} is {what}; `get-prs --repo-id {repo_id}` lists the open ones")
        return item


def is_offline() -> bool:
    """Whether the user has told the client to ask nothing."""
    from huggingface_hub import constants

    return bool(constants.HF_HUB_OFFLINE)


def shipped_or_kept() -> OfficialList:
    """The official Benchmarks as they are known here; nothing is asked."""
    hub = Hub(hub_token())
    source = BenchmarkSource(list, hub.eval_yaml, hub.api.endpoint, hub.token or "")
    return official_benchmarks(source, "the Hub is not asked")


def is_wrong_answer(error: BaseException) -> bool:
    """Whether the Hub answered something else than it documents; what its client refuses by itself is no answer."""
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    if isinstance(error, WrongBody):
        return True
    wrong = isinstance(error, UNEXPECTED) and not isinstance(error, (HfHubHTTPError, HFValidationError))
    return wrong and "metadata" not in str(error).lower()


@dataclass(frozen=True, slots=True)
class PullRequest:
    number: int
    title: str
    author: str
    date: str  # when it was opened, YYYY-MM-DD
    url: str
    status: str
    evaluation: bool  # it touches model-index or .eval_results
    benchmarks: tuple[str, ...] = ()  # of the results that it adds
    yours: bool = False
    last_comment: str = ""


def changed_files(diff: str) -> set[str]:
    """The names in a git diff's headers; git quotes unusual ones."""
    pairs = re.findall(r'^diff --git "?a/(.+?)"? "?b/(.+?)"?$', diff, re.M)
    return {name for pair in pairs for name in pair}


WITH_CARD = ", or at once with --card FILE, a card on this machine"  # what needs no Hub


@contextlib.contextmanager
def card_errors(where: str, offline: str = "") -> Iterator[None]:
    """Turn what the client raises when a model is read into one line that says what to do, also without a network."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HFValidationError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    try:
        yield
    except ScriptError:
        raise
    except HFValidationError as error:
        raise ScriptError(f"--repo-id must be OWNER/NAME, not {where!r}") from error
    except GatedRepoError as error:
        raise ScriptError(
            f"{where} is gated: a token of an account with access is needed "
            "(accept its terms on the Hub, then `hf auth login` or HF_TOKEN)"
        ) from error
    except RevisionNotFoundError as error:
        raise ScriptError(f"{where}: no such revision") from error
    except RepositoryNotFoundError as error:
        raise ScriptError(
            f"{where} does not exist, or is private: then a token with access is needed (`hf auth login` or HF_TOKEN)"
        ) from error
    except EntryNotFoundError as error:
        raise ScriptError(f"{where} has no README.md") from error
    except Exception as error:  # network, proxy, 5xx: whatever the client raises, in one line
        status = getattr(getattr(error, "response", None), "status_code", None)
        said = single_line(getattr(error, "server_message", None) or "")[:200]
        reasons = HUB_REASONS | {403: f"the Hub does not let it be read{f' ({said})' if said else ''}"}
        why = reasons.get(status) or " ".join(str(error).split())[:300] or type(error).__name__
        why += f"{NO_SUCH_HOST}{offline}" if no_such_host(error) else ""
        raise ScriptError(f"{where}: could not be read: {why}") from error


def fetch_state(repo_id: str, revision: str | None) -> RepoState:
    """A model's card and results on the Hub; each failure is one line that says what to do."""
    with card_errors(f"{repo_id}{f' at {revision}' if revision else ''}", WITH_CARD):
        return Hub(hub_token()).state(repo_id, revision)


# --- parts/cards/source.py --------------------------------------------------------------------------------------------


def build_vocabulary(mapping: dict[str, Any]) -> Vocabulary:
    """Folded names of benchmarks to their keys (key, name, aliases, names in harnesses), and what is known of these."""
    keys: dict[str, str] = {}
    ranges: dict[str, tuple[float | None, float | None]] = {}
    metrics: dict[str, str] = {}
    splits: dict[str, str] = {}
    topics: dict[str, str] = {}
    items: dict[str, int] = {}
    datasets: dict[str, frozenset[str]] = {}
    for key, entry in mapping.items():
        if not isinstance(entry, dict) or entry.get("kind") != "benchmark":
            continue
        own = [normalize_name(name) for name in (key, entry.get("name"), *(entry.get("aliases") or ())) if name]
        for folded in own:
            keys.setdefault(folded, key)
        for harness in ("lighteval", "inspect", "lm_eval", "helm", "artificial_analysis"):
            found = entry.get(harness)
            for name in found if isinstance(found, list) else [found]:
                folded = normalize_name(str(name or "").removeprefix("inspect_evals/"))
                # A harness's "race" is RACE-high, its "aime" the AIME of a year: in a card these are any of them.
                if folded and not any(name != folded and name.startswith(folded) for name in own):
                    keys.setdefault(folded, key)
        low, high = entry.get("range") or (None, None)
        metrics[key] = entry.get("metric") or "score"
        splits[key] = (entry.get("model_index") or {}).get("split") or ""
        topics[key] = entry.get("category") or ""
        items[key] = entry.get("items") or 0
        places = ((entry.get("model_index") or {}).get("type"), (entry.get("hub") or {}).get("dataset_id"))
        datasets[key] = frozenset(normalize_name(place.rpartition("/")[2]) for place in places if place)
        ranges[key] = (low, 100 if high is not None and entry.get("unit") == "proportion" else high)
    starts = frozenset(name[:3] for name in keys)
    return Vocabulary(keys, ranges, metrics, splits, topics, items, datasets, starts)


def read_card_file(path: Path) -> str:
    return decode_card(input_bytes(path, MAX_CARD_FILE), str(path))


def fetch_card(repo_id: str, revision: str | None) -> str:
    """The README.md of a model on the Hub; each failure is one line that says what to do."""
    where = f"{repo_id}{f' at {revision}' if revision else ''}"
    state = fetch_state(repo_id, revision)
    if state.card is None:
        raise ScriptError(f"{where} has no README.md")
    return decode_card(state.card, f"{where}/README.md")


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


# --- parts/metadata/validation.py -------------------------------------------------------------------------------------

MAX_FINDINGS = 200  # of one document; the rest is counted
MAX_CHECKED = 100_000  # values of one document that are looked at; what aliases repeat counts each time
_CUT = r"(?:[@^]|_at_)\d{1,6}"  # @1, ^8, _at_10
_BY = r"(?:(?:max|cos|cosine|cos_sim|dot|dot_score|euclidean|manhattan|similarity)_)?"  # of embeddings
CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]")
MARKUP = re.compile(
    r"""(?x)
    </?[a-zA-Z][^<>]{0,300}> | <!-- | &(?:[a-zA-Z]{2,10}|\#\d{1,6}|\#x[\da-fA-F]{1,6});    # <b>, <!--, &amp;
  | \[[^\[\]]{0,200}\]\([^()\s]{1,300}\) | \[\^[^\[\]]{1,40}\]                             # [a](b), [^1]
  | \*\*(?=\S)[^*]{1,200}\*\* | ~~[^~]{1,200}~~ | `[^`]{1,200}`                            # **a**, ~~a~~, `a`
  | (?<!\w)__(?=\S)[^_]{1,200}__(?!\w) | (?<![\w*])\*(?=\S)[^*]{1,200}(?<=\S)\*(?![\w*])   # __a__, *a*
  | \$[^$]{0,100}[\\^_{}][^$]{0,100}\$ | \$[A-Za-z]{1,3}\$ | \\(?:[a-zA-Z]{2}|[(\[])       # $\tau^2$, $k$, \textbf, \(
  | \A\s{0,3}(?:\#{1,6}|>|[-*+])\s                                                         # "# a", "> a", "- a"
    """
)
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_HUB_NAME = r"[A-Za-z0-9][\w.-]{0,95}"
Bounds = tuple[float | None, float | None, bool]  # lowest and highest value in percent or points; a share?


def word_set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# https://huggingface.co/tasks; huggingface.js, packages/tasks/src/pipelines.ts
PIPELINE_TAGS = word_set(
    """
    any-to-any audio-classification audio-text-to-text audio-to-audio automatic-speech-recognition depth-estimation
    document-question-answering feature-extraction fill-mask graph-ml image-classification image-feature-extraction
    image-segmentation image-text-to-image image-text-to-text image-text-to-video image-to-3d image-to-image
    image-to-text image-to-video keypoint-detection mask-generation multiple-choice object-detection other
    question-answering reinforcement-learning robotics sentence-similarity summarization table-question-answering
    table-to-text tabular-classification tabular-regression tabular-to-text text-classification text-generation
    text-ranking text-retrieval text-to-3d text-to-audio text-to-image text-to-speech text-to-video
    text2text-generation time-series-forecasting token-classification translation unconditional-image-generation
    video-classification video-text-to-text video-to-video visual-document-retrieval visual-question-answering
    voice-activity-detection zero-shot-classification zero-shot-image-classification zero-shot-object-detection
    """
)

# https://huggingface.co/evaluate-metric, and what trainers and harnesses write besides.
KNOWN_METRICS = word_set(
    """
    average bleurt character charcut_mt code_eval competition_math confusion_matrix coval cuad frugalscore glue index
    indic_glue main_score mase mauve mos nist_mt poseval psnr r2 r_squared sari score seqeval smape squad squad_v2 ssim
    super_glue trec_eval v_measure wiki_split xnli xtreme_s
    """
)

# Metric types that tell by themselves what a value can be: lowest, highest (in percent), a share of something.
METRIC_RANGES = (
    # cosine_ndcg@10, map_at_100; the more are counted the smaller, so no hint of the scale
    (rf"{_BY}(?:accuracy|precision|recall|map|mrr|ndcg){_CUT}", (0, 100, False)),
    # accuracy, acc_norm, macro_f1, cosine_ap, mc2; pass@1, maj@64; inst_level_strict_acc; win_rate
    (
        rf"{_BY}(?:(?:macro|micro|weighted|balanced|relaxed|mean|eval|test|avg|top_?\d|quasi|prefix)_)?(?:acc(?:uracy)?"
        r"|em|exact_match|f1|precision|recall|mc[12]|roc_auc|auc|auroc|ap|map|mrr|ndcg|anls|iou|dice)"
        rf"(?:_(?:norm|score|macro|micro|weighted|strict))?"
        rf"|(?:g_)?(?:pass|maj|cons|avg|mean|best|hits?){_CUT}|(?:prompt|inst)_level_(?:strict|loose)_acc(?:uracy)?"
        r"|(?:win|pass|success|attack_success|resolved?|refusal|medal|hit|executable)_rate|toxicity",
        (0, 100, True),
    ),
    (r"(?:sacre|google_)?bleu(?:_?\d)?|chrf(?:\+\+|pp)?|rouge(?:_?[l\d](?:sum)?)?|meteor", (0, 100, False)),
    (
        rf"{_BY}(?:mcc|matthews_correlation|(?:pearson|spearman)r?|kendall(?:_tau)?|(?:cohens?_)?kappa)"
        r"|(?:pearson|spearman)_(?:cosine|dot|euclidean|manhattan|max)",
        (-100, 100, False),
    ),
    (
        r"(?:[wcmtp]er|mae|r?mse|mape|fid|(?:word_|byte_)?(?:perplexity|ppl)|bits_per_(?:byte|character)|bpb"
        r"|brier_score)(?:_ortho|_norm)?",
        (0, None, False),
    ),
    (r"(?:\w{1,9}_)?loss|elo(?:_rating)?|rating|(?:mean_)?reward|cider|bertscore|comet", (None, None, False)),
)
GENERIC_METRICS = word_set("score main_score value result average avg mean index")  # the benchmark says their range

# Texts with a form: the form, how bad another one is, what it should be.
TEXT_FORMS = {
    "type": (re.compile(r"[\w.+-]{1,100}(?:/[\w.+-]{1,100})?"), "warning", "the id of a data set on the Hub"),
    "benchmark": (
        re.compile(rf"{_HUB_NAME}/{_HUB_NAME}", re.ASCII),
        "error",
        "the OWNER/NAME of a data set on the Hub",
    ),
    "account": (re.compile(_HUB_NAME, re.ASCII), "error", "the name of an account on the Hub"),
}

# What each mapping of the two formats may hold, and as what; "!": it must. Specifications: modelcard.md and
# eval_results.yaml in https://github.com/huggingface/hub-docs. "" is checked elsewhere, or the Hub's own affair.
METADATA_FIELDS = {
    kind: dict(field.split(":") for field in fields.split())
    for kind, fields in {
        "model": "name:name! results:",
        "result": "task: dataset: metrics: source:",
        "task": "type:task! name:name",
        "dataset": "type:type! name:name! config:line split:line revision:line args:args",
        "metric": "type:metric! value: name:name config:line args:args verified: verifyToken:",
        "source": "name:name url:url",
        "entry": "dataset: value: verifyToken:line date:date source: notes:line",
        "benchmark": "id:benchmark! task_id:line! revision:line",
        "origin": "url:url! name:name user:account org:account",
    }.items()
}


@dataclass(frozen=True, slots=True)
class Claim:
    """One value in the metadata: where it stands, and of what it is."""

    path: str
    document: str
    place: tuple[Any, ...]  # two claims to one place repeat or contradict each other,
    detail: tuple[Any, ...]  # unless this tells them apart
    value: float
    group: tuple[Any, ...]  # values that are to be on one scale
    share: bool  # of something: at most 1, or a percentage


class KnownWords:
    """The vocabulary's data sets, metrics and benchmarks, by the names that metadata has for them."""

    def __init__(self, mapping: Mapping[str, Any]) -> None:
        self.mapping = mapping
        entries = [entry for entry in mapping.values() if isinstance(entry, dict) and entry.get("kind") == "benchmark"]
        known = {entry["hub"]["dataset_id"]: entry for entry in entries if entry["hub"]}
        self.hubs = {found.dataset_id: None for found in shipped_list().benchmarks.values()} | known if known else {}
        self.metrics = KNOWN_METRICS | {entry["model_index"]["metric_type"] for entry in entries}
        self.benchmarks: dict[str, list[dict[str, Any]]] = {}  # by folded name and alias, and by OWNER/NAME in small
        for entry in entries:
            names = {folded_name(name) for name in (entry["name"], *entry["aliases"])}
            for name in names | {entry["model_index"]["type"].lower()}:
                self.benchmarks.setdefault(name, []).append(entry)


KEPT_WORDS: dict[int, KnownWords] = {}  # by the id of the mapping, which they hold


class Findings:
    """What has been found in a document, and how many of its values may still be looked at."""

    def __init__(self, mapping: Mapping[str, Any], hubs: Iterable[str] = ()) -> None:
        words = KEPT_WORDS.get(id(mapping))
        if words is None or words.mapping is not mapping:
            words = KEPT_WORDS[id(mapping)] = KnownWords(mapping)
        self.hubs = words.hubs | dict.fromkeys(set(hubs) - set(words.hubs))
        self.metrics, self.benchmarks = words.metrics, words.benchmarks
        self.found: list[Finding] = []
        self.left = MAX_CHECKED
        self.seen: set[int] = set()  # ids of the mappings that were checked: an alias of one is not checked again
        self.words: dict[tuple[str, str], list[int]] = {}  # an unknown word: the index of its finding, how often

    def add(self, path: str, severity: str, message: str) -> None:
        self.found.append(Finding(path, severity, message))

    def unknown(self, path: str, what: str, word: Any, known: Iterable[str]) -> None:
        """Warn of a word once, with the nearest known ones, however often it occurs."""
        place = self.words.setdefault((what, shown_value(word)), [len(self.found), 0])
        place[1] += 1
        if place[1] == 1:
            similar = isinstance(word, str) and len(self.found) < MAX_FINDINGS  # a slow search
            hint = nearest(word[:60], known) if similar else ""
            self.add(path, "warning", f"{what} {shown_value(word)} is not known{hint}")

    def items(self, path: str, value: Any) -> Iterator[tuple[str, dict[Any, Any]]]:
        """The mappings in a list, with their paths; anything else is an error."""
        if not isinstance(value, list):
            self.add(path, "error", "is missing" if value is None else f"is {shown_value(value)}, not a list")
            return
        if not value:
            self.add(path, "warning", "is an empty list")
        for number, item in enumerate(value):
            self.left -= 1
            if self.left < 0:
                return
            if isinstance(item, dict):
                yield f"{path}[{number}]", item
            else:
                self.add(f"{path}[{number}]", "error", f"is {shown_value(item)}, not a mapping")

    def fields(self, path: str, value: Any, kind: str, required: bool = True) -> dict[Any, Any]:
        """A mapping, its fields checked the first time that it is met; {} when it is none."""
        if not isinstance(value, dict):
            if required or value is not None:
                self.add(path, "error", "is missing" if value is None else f"is {shown_value(value)}, not a mapping")
            return {}
        if id(value) in self.seen:
            return value
        self.seen.add(id(value))
        for key in itertools.islice(value, max(self.left, 0)):
            self.left -= 1
            if not isinstance(key, str) or key not in METADATA_FIELDS[kind]:
                self.unknown(path, "the key", key, METADATA_FIELDS[kind])
        for key, rule in METADATA_FIELDS[kind].items():
            if value.get(key) is not None:
                check_field(self, f"{path}.{key}", value[key], rule)
            elif rule.endswith("!"):
                self.add(f"{path}.{key}", "error", "is missing")
        return value

    def comparable(self, value: Any, depth: int = 20) -> tuple[Any, ...]:
        """A hashable stand-in, equal for equal values; without measure it is equal to the same object's alone."""
        if isinstance(value, (str, int, float, date)) or value is None:
            return (isinstance(value, bool), value)
        self.left -= len(value) if isinstance(value, (dict, list)) else 0
        if not isinstance(value, (dict, list)) or self.left < 0 or not depth:
            return ("", id(value))
        if isinstance(value, list):
            return ("list", *(self.comparable(item, depth - 1) for item in value))
        pairs = ((self.comparable(key), self.comparable(item, depth - 1)) for key, item in value.items())
        return ("mapping", frozenset(pairs))

    def listed(self) -> list[Finding]:
        """All findings in the document's order; of too many the errors first, and how many more there are."""
        for index, count in self.words.values():
            if count > 1:
                first = self.found[index]
                self.found[index] = dataclasses.replace(first, message=f"{first.message}; {count} times")
        if self.left < 0:
            self.add("", "error", f"more than {MAX_CHECKED:,} values, aliases expanded: the rest was not checked")
        if len(self.found) <= MAX_FINDINGS:
            return self.found
        order = sorted(range(len(self.found)), key=lambda index: self.found[index].severity)  # "error" < "warning"
        rest = [self.found[index].severity for index in order[MAX_FINDINGS:]]
        more = Finding("", "warning", f"and {len(rest):,} more, {rest.count('error'):,} of them errors")
        return [self.found[index] for index in sorted(order[:MAX_FINDINGS])] + [more]


def shown_value(value: Any) -> str:
    """A value from metadata for a message: short, and nothing in it acts on a terminal."""
    if isinstance(value, str):
        return repr(value if len(value) <= 60 else value[:60] + "…")
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, float) or (isinstance(value, int) and abs(value) < 10**15):
        return repr(value)
    if isinstance(value, date):
        return f"the date {value.isoformat()}"
    names = {dict: "a mapping", list: "a list", bytes: "binary data", int: "a huge whole number"}
    return names.get(type(value), f"a {type(value).__name__}")


def check_field(out: Findings, path: str, value: Any, rule: str) -> None:
    """Check one field by what METADATA_FIELDS says that it is."""
    severity, rule = "error" if rule.endswith("!") else "warning", rule.rstrip("!")
    if isinstance(value, str) and rule and not value.strip():
        out.add(path, severity, "is empty")
    elif rule == "args":
        if not isinstance(value, (dict, str)):  # trainers write the configuration's name there
            out.add(path, "warning", f"is {shown_value(value)}, not a mapping of arguments")
    elif rule == "date" and isinstance(value, date):
        out.add(path, "warning", f"is {shown_value(value)} to YAML, not a text; put it in quotes")
    elif rule and is_line(out, path, value):
        check_text(out, path, value, rule)


def is_line(out: Findings, path: str, value: Any) -> bool:
    """Whether a field is text on one line; an error when it is not."""
    if not isinstance(value, str):
        out.add(path, "error", f"is {shown_value(value)}, not a text; put it in quotes")
    elif bad := CONTROL_CHARACTER.search(value):
        out.add(path, "error", f"has a line break or control character (U+{ord(bad[0]):04X}): {shown_value(value)}")
    elif len(value) > 10_000:
        out.add(path, "error", f"is {len(value):,} characters long")
    else:
        return True
    return False


def check_text(out: Findings, path: str, text: str, rule: str) -> None:
    form, severity, wanted = TEXT_FORMS.get(rule, (None, "", ""))
    if form and not form.fullmatch(text):
        out.add(path, severity, f"is {shown_value(text)}, not {wanted}")
    elif rule == "name" and len(text) > 500:
        out.add(path, "error", f"is {len(text):,} characters long, which is no name")
    elif rule == "name" and (markup := MARKUP.search(text)):
        out.add(path, "error", f"is to be plain text, but has the markup {shown_value(markup[0].strip())}")
    elif rule == "url" and (reason := url_problem(text)):
        out.add(path, "error", reason)
    elif rule == "date" and not is_date(text):
        out.add(path, "error", f"is {shown_value(text)}, not a date as '2025-01-15' or '2025-01-15T10:30:00Z'")
    elif rule == "task" and text not in PIPELINE_TAGS:
        out.unknown(path, "task type", text, PIPELINE_TAGS)
    elif rule == "metric" and fold_metric(text) not in out.metrics and not metric_range(text):
        out.unknown(path, "metric type", text, out.metrics | {"accuracy", "exact_match", "perplexity", "precision"})
    elif rule == "benchmark" and out.hubs and text not in out.hubs:
        out.unknown(path, "the Hub Benchmark", text, out.hubs)


def url_problem(text: str) -> str | None:
    """What is wrong with the URL of a source."""
    try:
        url = urlsplit(text)
        good = url.scheme in ("http", "https") and bool(url.hostname) and not re.search(r"[\s<>\"\\]", text)
    except ValueError:  # "http://["
        return "is not a URL"
    if "@" in url.netloc:
        return "holds a user name or password; take it out"
    return None if good else f"is {shown_value(text)}, not an http(s) URL; leave it out when there is none"


def is_date(text: str) -> bool:
    try:
        return bool(ISO_DATE.fullmatch(text) and datetime.fromisoformat(text))
    except ValueError:  # the 31st of February
        return False


def check_value(out: Findings, path: str, value: Any, quoted: str) -> float | None:
    """A metric's value; None, with an error, when it is no number. `quoted`: how bad a number written as text is."""
    number = value
    if said := said_number(value):
        how = "error" if "," in value else quoted  # a comma is read by few
        out.add(path, how, f"is the text {shown_value(value)}; write the number alone, without quotes")
        number = float(said)
    if value is None:
        out.add(path, "error", "is missing; leave out what was not measured")
    elif isinstance(number, bool) or not isinstance(number, (int, float)):
        out.add(path, "error", f"is {shown_value(value)}, not a number")
    elif not -1e300 < number < 1e300:  # NaN is not, either
        out.add(path, "error", f"is {shown_value(value)}, not a finite number; leave out what was not measured")
    else:
        return float(number)
    return None


def fold_metric(metric: str) -> str:
    """ "Exact Match", "exact-match" -> "exact_match"."""
    return re.sub(r"[ ./-]+", "_", metric[:100].strip().lower())


@functools.lru_cache(maxsize=4096)
def metric_range(metric: str) -> Bounds | None:
    """What values a metric can have, by its type alone; None: it does not say."""
    folded = fold_metric(metric)
    return next((bounds for pattern, bounds in METRIC_RANGES if re.fullmatch(pattern, folded)), None)


def find_benchmark(out: Findings, name: Any, dataset: Any) -> list[dict[str, Any]]:
    """The vocabulary's entries for a data set's name and type, as "MMLU (5-shot)" and "cais/mmlu"."""
    name, dataset = (text[:200] if isinstance(text, str) else "" for text in (name, dataset))
    plain = folded_name(re.sub(r"\s*\([^()]*\)\s*\Z", "", name))
    tries = (folded_name(name), plain, dataset.lower(), "" if "/" in dataset else folded_name(dataset))
    return next((out.benchmarks[key] for key in tries if key in out.benchmarks), [])


def value_range(metric: Any, entries: Sequence[Mapping[str, Any]]) -> Bounds | None:
    """What values a metric of a benchmark can have; None: nobody says."""
    folded = fold_metric(metric) if isinstance(metric, str) else ""
    own = [entry for entry in entries if folded in (entry["metric"], entry["model_index"]["metric_type"])]
    own = own or (list(entries) if folded in GENERIC_METRICS else [])
    if not own:
        return metric_range(folded)
    lows, highs = ([scaled_bound(entry, side) for entry in own] for side in (0, 1))
    share = all(entry["unit"] != "points" and entry["range"][1] is not None for entry in own)
    return None if None in lows else min(lows), None if None in highs else max(highs), share


def scaled_bound(entry: Mapping[str, Any], side: int) -> float | None:
    """A bound of a benchmark's range; of proportions in percent, as cards give either."""
    bound = entry["range"][side]
    return bound if bound is None else bound * (100 if entry["unit"] == "proportion" else 1)


def check_range(out: Findings, path: str, value: float, bounds: Bounds | None, known: bool) -> bool:
    """Report a value that its metric cannot have; whether it is a share of something."""
    low, high, share = bounds or (None, None, False)
    if value < (value if low is None else low) or value > (value if high is None else high):
        limits = [f"{word} {bound:g}" for word, bound in (("at least", low), ("at most", high)) if bound is not None]
        out.add(path, "error" if known else "warning", f"is {value:.12g}, but this metric is {' and '.join(limits)}")
    return share


def index_claims(out: Findings, index: Any) -> Iterator[Claim]:
    """Check a model-index and yield its values."""
    for model_path, model in out.items("model-index", index):
        out.fields(model_path, model, "model")
        for path, result in out.items(f"{model_path}.results", model.get("results")):
            yield from result_claims(out, path, result, model.get("name"))


def result_claims(out: Findings, path: str, result: Mapping[Any, Any], model: Any) -> Iterator[Claim]:
    """Check one result of a model-index and yield its metrics' values."""
    out.fields(path, result, "result")
    task = out.fields(f"{path}.task", result.get("task"), "task")
    dataset = out.fields(f"{path}.dataset", result.get("dataset"), "dataset")
    source = out.fields(f"{path}.source", result.get("source"), "source", required=False)
    if source.get("name") is not None and source.get("url") is None:
        out.add(f"{path}.source.url", "warning", "is missing: huggingface_hub loads no card that has a name without it")
    entries = find_benchmark(out, dataset.get("name"), dataset.get("type"))
    place = [model, task.get("type"), source.get("name"), source.get("url")]
    place += [dataset.get(key) for key in ("type", "config", "split", "revision", "args")]
    for metric_path, metric in out.items(f"{path}.metrics", result.get("metrics")):
        out.fields(metric_path, metric, "metric")
        here = f"{metric_path}.value"
        value = check_value(out, here, metric.get("value"), "warning")
        if value is not None:
            share = check_range(out, here, value, value_range(metric.get("type"), entries), bool(entries))
            what = [*place, *(metric.get(key) for key in ("type", "name", "config", "args"))]
            detail = out.comparable(dataset.get("name"))
            yield Claim(here, "", tuple(map(out.comparable, what)), detail, value, (), share)


def eval_claims(out: Findings, name: str, data: Any) -> Iterator[Claim]:
    """Check the entries of one file of .eval_results and yield its values."""
    for path, entry in out.items(name, data):
        out.fields(path, entry, "entry")
        dataset = out.fields(f"{path}.dataset", entry.get("dataset"), "benchmark")
        source = out.fields(f"{path}.source", entry.get("source"), "origin", required=False)
        kind, task = dataset.get("id"), dataset.get("task_id")
        known = out.hubs.get(kind) if isinstance(kind, str) else None
        official = shipped_list().get(kind) if isinstance(kind, str) else None
        tasks = {known["hub"]["task_id"]} if known else set()
        tasks |= {one.id for one in official.tasks} if official and out.hubs else set()
        if tasks and isinstance(task, str) and task not in tasks:
            expected = ", ".join(map(repr, sorted(tasks)))
            out.add(f"{path}.dataset.task_id", "warning", f"is {shown_value(task)}; known of {kind} is {expected}")
        entries = [known] if known else find_benchmark(out, None, kind)
        value = check_value(out, f"{path}.value", entry.get("value"), "error")
        if value is not None:
            bounds = value_range(entries[0]["metric"] if entries else "accuracy", entries)
            share = check_range(out, f"{path}.value", value, bounds, bool(entries)) if entries else False
            place = tuple(map(out.comparable, (kind, task, entry.get("notes"))))
            detail = tuple(map(out.comparable, (dataset.get("revision"), source.get("url"), entry.get("date"))))
            yield Claim(f"{path}.value", name, place, detail, value, place[:2], share)


def check_repeats(out: Findings, claims: Sequence[Claim], across: bool = False, apart: str = "") -> None:
    """Report values that stand twice: the same is a warning, another one a contradiction. `across`: documents only."""
    first: dict[tuple[Any, ...], Claim] = {}
    for claim in claims:
        before = first.setdefault(claim.place, claim)
        if before is claim or (across and before.document == claim.document):
            continue
        if claim.value == before.value:
            out.add(claim.path, "warning", f"is {claim.value:.12g} a second time: {before.path} has it")
        elif claim.detail != before.detail:
            out.add(
                claim.path, "warning", f"is {claim.value:.12g}, {before.path} {before.value:.12g}; only {apart} differs"
            )
        else:
            out.add(claim.path, "error", f"is {claim.value:.12g}, which contradicts {before.path}, {before.value:.12g}")


def check_scales(out: Findings, claims: Sequence[Claim], across: bool = False) -> None:
    """Warn of shares that are at most 1 beside shares above 1, which is proportions beside percentages."""
    groups: dict[tuple[Any, ...], list[Claim]] = {}
    for claim in claims:
        if claim.share and claim.value > 0:
            groups.setdefault(claim.group, []).append(claim)
    for group in groups.values():
        low, high = ([claim for claim in group if (claim.value <= 1) == small] for small in (True, False))
        if low and high and not (across and len({claim.document for claim in group}) == 1):
            few, many = sorted((low, high), key=len)
            other = f"{many[0].value:.12g} at {many[0].path}"
            out.add(few[0].path, "warning", f"is {few[0].value:.12g} beside {len(many)} such as {other}: two scales?")


def check_model_index(front: Any, mapping: Mapping[str, Any]) -> list[Finding]:
    """What is wrong with the results in a card's metadata, as yaml.safe_load gives it (None: the card has none).

    Structure and types by the Hub's specification, known words, repeated and contradicting values, ranges and scales,
    URLs, names. Ranges come from the vocabulary `mapping`, else from the metric. A warning is what may be right.
    """
    out = Findings(mapping)
    if front is not None and not isinstance(front, dict):
        out.add("front matter", "error", f"is {shown_value(front)}, not a mapping")
    elif front and "model_index" in front:
        out.add("model_index", "error", "is not read by the Hub: the key is model-index")
    elif front and front.get("model-index") is not None:
        claims = list(index_claims(out, front["model-index"]))
        check_repeats(out, claims, apart="the data set's name")
        check_scales(out, claims)
        models = front["model-index"]
        if isinstance(models, list) and len(models) > 1:
            out.add(
                "model-index", "warning", "has several models; huggingface_hub takes all results for the last one's"
            )
    return out.listed()


def check_eval_results(name: str, data: Any, mapping: Mapping[str, Any], hubs: Iterable[str] = ()) -> list[Finding]:
    """What is wrong with one file of .eval_results: its name (which begins each path) and its loaded YAML.

    `hubs`: data sets that are known to be official Benchmarks, beside those that the shipped list names.
    """
    out = Findings(mapping, hubs)
    name = single_line(name)
    claims = list(eval_claims(out, name, data))
    check_repeats(out, claims, apart="revision, source or date")
    check_scales(out, claims)
    if not name.endswith(".yaml"):
        out.add(name, "warning", "is not read by the Hub, which takes .eval_results/*.yaml")
    for claim in claims:
        if claim.place[0] != claims[0].place[0]:
            out.add(claim.path, "warning", "is of another data set than the first: one file for each benchmark")
        elif claim.place[2] != claims[0].place[2]:
            out.add(claim.path, "warning", "has other notes than the first: a variant has a file of its own")
    return out.listed()


def check_eval_results_set(files: Mapping[str, Any], mapping: Mapping[str, Any]) -> list[Finding]:
    """What is wrong between the files of .eval_results: one result in two of them, or two scales."""
    scrap, out = Findings(mapping), Findings(mapping)
    claims = [claim for name, data in files.items() for claim in eval_claims(scrap, single_line(name), data)]
    check_repeats(out, claims, across=True, apart="revision, source or date")
    check_scales(out, claims, across=True)
    return out.listed()


def render_findings(findings: Sequence[Finding]) -> str:
    """One line for each finding, errors first, and a summary."""
    ranked = sorted(findings, key=lambda finding: finding.severity)  # "error" < "warning"; otherwise in their order
    lines = [f"{finding.severity} {finding.path or 'in all'}: {finding.message}" for finding in ranked]
    errors = sum(finding.severity == "error" for finding in findings)
    return "\n".join([*lines, f"summary: {errors} errors, {len(findings) - errors} warnings"]) + "\n"


# --- parts/outputs.py -------------------------------------------------------------------------------------------------

FORCE_HELP = "--output and --report replace files that this program did not write, too"


def write_output(path: Path, text: str, force: bool) -> None:
    """Write an answer whole or not at all; ScriptError where another kind of file is, if not `force`."""
    if not force and path.exists() and not path.is_dir() and not same_kind(path, text):
        raise ScriptError(
            f"{path} is there and was not written by this command: --force replaces it, or name another file"
        )
    write_whole(path, text)


def refuse_others(path: Path, text: str) -> None:
    """ScriptError where another kind of file is than this program writes."""
    if path.is_file() and not path.is_symlink() and not same_kind(path, text):
        raise ScriptError(f"{path} is there and was not written by this command: name another folder with --output-dir")


def same_kind(path: Path, text: str) -> bool:
    """Whether a file looks like an earlier answer: JSON with the same keys, text with the same title."""
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
        return title_words(old) == title_words(text)


def title_words(text: str) -> list[str]:
    """The first words of a text's first line; figures aside, since they are another time others.

    Of a page, what follows the lines that every page begins with.
    """
    text = re.sub(r"(?i)^\s*<!doctype html>\s*(?:<html[^>]*>\s*)?(?:<head>\s*)?(?:<meta charset[^>]*>\s*)?", "", text)
    return re.sub(r"[\d.,]+", "0", text.lstrip().split("\n", 1)[0]).split()[:3]


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


# --- parts/publish/arguments.py ---------------------------------------------------------------------------------------


def add_card_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    parser.add_argument("--revision", metavar="REV", help="branch, tag, commit or refs/pr/N on the Hub")


def add_target_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--repo-id", metavar="OWNER/NAME", help="the model; without --card its README.md is read from the Hub"
    )
    parser.add_argument(
        "--card", type=Path, metavar="FILE", help="a card on disk, .eval_results beside it; the Hub is not asked"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")


def add_inspect_arguments(inspect: argparse.ArgumentParser) -> None:
    add_card_arguments(inspect)
    inspect.add_argument("--table", type=int, action="append", metavar="N", help="show table N (repeat for several)")
    inspect.add_argument("--around", action="store_true", help="also show the text before and after each table")
    inspect.add_argument(
        "--draft", action="store_true", help="print a selection to edit, for extract-readme --selection"
    )
    inspect.add_argument(
        "--output", type=Path, metavar="FILE", help="write --draft or --json there instead of to stdout"
    )
    inspect.add_argument("--force", action="store_true", help=FORCE_HELP)


def add_pick_arguments(parser: argparse.ArgumentParser) -> None:
    """What of a card is this model's, said by hand."""
    parser.add_argument("--table", type=int, action="append", metavar="N", help="take table N (repeat for several)")
    parser.add_argument(
        "--selection",
        type=Path,
        metavar="FILE",
        help="readings of several tables (YAML; - is a pipe): inspect-tables --draft",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model-column-index", type=int, metavar="I", help="the model's grid column, from 0")
    which.add_argument("--model-row-index", type=int, metavar="I", help="the model's body row, from 0")
    parser.add_argument(
        "--model-name-override", metavar="TEXT", help="exact header or row label, with or without its markup"
    )
    parser.add_argument("--force-table", action="store_true", help="read --table N although it is no evaluation table")


def add_extract_arguments(extract: argparse.ArgumentParser) -> None:
    add_card_arguments(extract)
    add_pick_arguments(extract)
    extract.add_argument("--all-tables", action="store_true", help="take every evaluation table that has the model")
    extract.add_argument(
        "--metric", action="append", metavar="KEY=NAME", help="the metric of a benchmark where the card does not say it"
    )
    extract.add_argument("--dataset-name", metavar="NAME", help="one data set name for all entries of the YAML")
    extract.add_argument(
        "--output", type=Path, metavar="FILE", help="write there instead of to stdout; FILE.json holds the plan, too"
    )
    extract.add_argument("--force", action="store_true", help=FORCE_HELP)
    add_format_arguments(extract)
    extract.set_defaults(task_type=None)  # the card's pipeline_tag, else text-generation
    add_write_arguments(extract)


def add_import_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    parser.add_argument("--creator-slug", metavar="SLUG", help="who made the model, as the API spells it")
    parser.add_argument("--model-name", metavar="NAME", help="the model's name or slug in the API")
    parser.add_argument("--list", action="store_true", help="show the creators and models that the API has")
    add_replay_arguments(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="save the plan for `apply`")
    parser.add_argument("--force", action="store_true", help=FORCE_HELP)
    add_format_arguments(parser)
    add_write_arguments(parser)


def add_replay_arguments(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--save-raw-json", type=Path, metavar="FILE", help="keep the API's answer")
    which.add_argument("--input-json", type=Path, metavar="FILE", help="take a kept answer: no key, no request to it")


def add_records_arguments(parser: argparse.ArgumentParser) -> None:
    add_target_arguments(parser)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--results", nargs="+", metavar="PATH", help="records, or folders searched for them")
    told = 'a number that was published and not measured here: "HumanEval pass@1=84.1"'
    which.add_argument("--value", action="append", metavar="NAME=NUMBER", help=told)
    parser.add_argument("--source", metavar="URL", help="with --value: where it is published")
    parser.add_argument("--model-id", metavar="ID", help="take the records of this model_info.id")
    parser.add_argument("--benchmark", action="append", metavar="K", help="only this benchmark (repeat for several)")
    parser.add_argument("--allow-partial", action="store_true", help="also take scores of a part of the items")
    parser.add_argument(
        "--allow-invalid", action="store_true", help="also take scores that contradict their items, ..."
    )
    parser.add_argument("--latest", action="store_true", help="of a model measured at several times, the last one")
    add_mapping_option(parser.add_argument)
    parser.add_argument("--output", type=Path, metavar="FILE", help="save the plan for `apply`")
    parser.add_argument("--force", action="store_true", help=FORCE_HELP)
    add_format_arguments(parser)
    add_write_arguments(parser)


def add_batch_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--repo-ids", type=Path, metavar="FILE", help="a file with one OWNER/NAME in each line")
    parser.add_argument("--trending", type=positive, metavar="N", help="the N trending text-generation models")
    parser.add_argument("--author", metavar="NAME", help="all models of a user or organization")
    parser.add_argument("--benchmarks", metavar="K,...", help="only these benchmarks")
    parser.add_argument("--from", dest="sources", default="card", metavar="card,aa", help="sources (default: card)")
    add_replay_arguments(parser)
    parser.add_argument("--output-dir", default="batch", metavar="D", help="records, plans, summary (default: batch)")
    parser.add_argument("--resume", action="store_true", help="go on with the batch in --output-dir")
    parser.add_argument("--workers", type=positive, default=8, metavar="N", help="models at a time (default: 8)")
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    add_format_arguments(parser)
    parser.add_argument("--create-pr", action="store_true", help="open pull requests for what is new")
    parser.add_argument("--max-prs", type=positive, default=5, metavar="N", help="at most N of them (default: 5)")
    parser.add_argument("--token-file", metavar="FILE", help="read the Hub token from FILE")
    parser.add_argument("--dry-run", action="store_true", help="open none; the default")


def add_format_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--task-type",
        default="text-generation",
        help="the Hub's task (default: a card's pipeline_tag, else text-generation)",
    )
    parser.add_argument(
        "--format",
        choices=("model-index", "eval-results", "both"),
        default="both",
        help="card metadata, .eval_results files, or both where the benchmark has a Hub dataset (default: both)",
    )
    add_scale_argument(parser)


def add_scale_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--counts-as",
        action="append",
        metavar="NAME=S",
        help="answer to a result whose Benchmark is not certain: NAME=OWNER/DATASET:TASK, or NAME=none leaves it out",
    )
    parser.add_argument(
        "--own-harness",
        action="append",
        metavar="NAME",
        help="this result, or all, was measured with the Benchmark's own harness (SWE-bench, ...)",
    )
    parser.add_argument(
        "--scale",
        action="append",
        metavar="[KEY=]S",
        help="answer to a value that does not fit the leaderboard: percent or proportion converts it, as-is keeps it",
    )


def add_write_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--apply", action="store_true", help="write: to --card FILE, else to the Hub's main branch")
    parser.add_argument("--create-pr", action="store_true", help="open a pull request")
    parser.add_argument("--update-pr", type=positive, metavar="N", help="commit to pull request N instead")
    parser.add_argument("--allow-duplicate-pr", action="store_true", help="although one with evaluations is open")
    parser.add_argument("--again", action="store_true", help="although your pull request with the same was closed")
    parser.add_argument("--replace", action="store_true", help="take the new value where another one is there")
    parser.add_argument(
        "--beside",
        action="append",
        metavar="NAME",
        help="this result, or all, is another one than that which is there: write it beside",
    )
    parser.add_argument("--commit-message", metavar="TEXT", help="instead of the one made from the plan")
    parser.add_argument("--token-file", metavar="FILE", help="read the Hub token from FILE")
    parser.add_argument("--dry-run", action="store_true", help="write nothing; the default, but of `apply`")


# --- parts/publish/artificial_analysis.py -----------------------------------------------------------------------------

AA_NAME = "Artificial Analysis"
AA_SITE = "https://artificialanalysis.ai"
AA_MODELS = "/api/v2/data/llms/models"
AA_KEY_HELP = "an account on https://artificialanalysis.ai makes one; put AA_API_KEY=... into the environment or .env"
AA_RANGE = {"points": 100, "proportion": 1}  # the API's indices and shares, each from 0
AA_DATE = re.compile(r"(?:[A-Za-z]{3,9}\.? )?[’']?(?:20)?\d\d")  # "(Dec '24)": a version, no mode
MAX_ANSWER = 50_000_000  # bytes; the API's answer has about 1 MB
MAX_WAIT = 60  # seconds between two tries, whatever Retry-After says


def aa_models(answer: Any, where: str) -> list[dict[str, Any]]:
    """The models in an answer of the API, its shape checked; a damaged one is left out with a note.

    Shape: {"data": [{"name", "slug", "model_creator": {"name", "slug"}, "evaluations": {field: number or null}}]}.
    """
    rows = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(rows, list) or not rows:
        raise ScriptError(f'{where}: not an answer of the {AA_NAME} API: no list of models under "data"')
    good = []
    for number, row in enumerate(rows):
        if damage := aa_damage(row):
            note(f"left out: {where}: data[{number}]: {damage}")
        else:
            good.append(row)
    if not good:
        raise ScriptError(f"{where}: none of its {len(rows)} models has the form that the {AA_NAME} API documents")
    return good


def aa_damage(row: Any) -> str | None:
    """What is wrong with one model of an answer, or None."""
    if not isinstance(row, dict) or not isinstance(row.get("model_creator"), dict):
        return "no model with a model_creator"
    for owner, name in ((row, "slug"), (row, "name"), (row["model_creator"], "slug"), (row["model_creator"], "name")):
        if not isinstance(owner.get(name), str) or not 0 < len(single_line(owner[name])) <= 200:
            return f"no {name} of the {'model' if owner is row else 'creator'}"
        if re.search("[\ud800-\udfff]", owner[name]):
            return f"the {name} of the {'model' if owner is row else 'creator'} is no text"
    if not isinstance(row.get("evaluations") or {}, dict):
        return "evaluations is no mapping"
    return None


def fitting(text: str, rows: Iterable[Mapping[str, Any]]) -> list[Any]:
    """The rows with this very slug, else those whose slug or name is the same but for spelling."""
    rows, wanted = list(rows), normalize_name(text) or text
    exact = [row for row in rows if row["slug"] == text]
    return exact or [row for row in rows if wanted in (normalize_name(row["slug"]), normalize_name(row["name"]))]


def models_of_creator(models: Sequence[dict[str, Any]], creator: str) -> list[dict[str, Any]]:
    """The models of one creator, by slug or name; ScriptError(code=1) naming the creators that there are."""
    slugs = {row["slug"] for row in fitting(creator, [model["model_creator"] for model in models])}
    if not slugs:
        known = sorted({single_line(model["model_creator"]["slug"]) for model in models})
        close = nearest(creator, known) or f"; there are: {listing(known, 40)}"
        raise ScriptError(f"{AA_NAME} has no creator {single_line(creator)!r}{close}", code=1)
    return [model for model in models if model["model_creator"]["slug"] in slugs]


def aa_mode(model: Mapping[str, Any]) -> str | None:
    """What stands in brackets behind a model's name, "Reasoning, high"; None where that is a date, or nothing."""
    found = re.search(r"\(([^()]{1,60})\)\s*$", single_line(model["name"]))
    return None if found is None or AA_DATE.fullmatch(found[1]) else found[1]


def aa_modes(model: Mapping[str, Any], models: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """The models whose name is another's but for the mode, itself among them."""
    stem = normalize_name(single_line(model["name"]).removesuffix(f"({aa_mode(model)})"))
    names = ((row, single_line(row["name"]).removesuffix(f"({aa_mode(row)})")) for row in models)
    return [row for row, name in names if normalize_name(name) == stem]


def find_aa_model(models: Sequence[dict[str, Any]], creator_slug: str, model_name: str) -> dict[str, Any]:
    """The one model of a creator with this slug or name; ScriptError 1 with the nearest slugs, 3 with all that fit.

    A name that several modes of a model share is none of them, though one's slug may be spelled like it.
    """
    own = models_of_creator(models, creator_slug)
    found = fitting(model_name, own)
    if len(found) == 1:
        said = model_name == found[0]["slug"] or normalize_name(model_name) == normalize_name(found[0]["name"])
        found = found if said else aa_modes(found[0], own)
    if len(found) == 1:
        return found[0]
    if found:
        names = listing((f"{model['name']} (slug {model['slug']})" for model in found), 20)
        raise ScriptError(f"{single_line(model_name)!r} is several models: {names}; give one slug to --model-name", 3)
    slugs = {single_line(model["slug"]): single_line(model["name"]) for model in own}
    by_name = {name.lower(): slug for slug, name in slugs.items()}
    close = difflib.get_close_matches(model_name.lower(), [*slugs, *by_name], 8, 0.5)
    near = list(dict.fromkeys(by_name.get(text, text) for text in close))[:5]
    hint = f"; nearest: {', '.join(near)}" if near else f"; it has: {listing(slugs, 10)}"
    raise ScriptError(f"{single_line(creator_slug)} has no model {single_line(model_name)!r}{hint}", code=1)


def aa_entries(model: Mapping[str, Any], mapping: Mapping[str, Any]) -> tuple[list[Entry], list[str]]:
    """A model's evaluations as results to publish, as the API gives them, and what was left out and why.

    Units are the API's own: its indices are points from 0 to 100, all else is a proportion.
    """
    keys = {entry["artificial_analysis"]: key for key, entry in mapping.items() if entry.get("artificial_analysis")}
    entries, left = [], []
    for name, value in (model.get("evaluations") or {}).items():
        unit = "points" if name.endswith("_index") else "proportion"
        if name not in keys:
            left.append(f"{single_line(name)[:60]}: metric_mapping.json does not know it")
        elif value is None:
            left.append(f"{name}: {AA_NAME} has no value")
        elif not is_number(value):
            left.append(f"{name}: {single_line(repr(value))[:40]} is not a finite number")
        elif not 0 <= value <= AA_RANGE[unit]:
            left.append(f"{name}: {value} is outside 0 to {AA_RANGE[unit]}, the range of a value in {unit}")
        else:
            url = f"{AA_SITE}/models/{quote(model['slug'], safe='')}"
            label, where = mapping[keys[name]]["name"], f"evaluations.{name}"
            entries.append(
                Entry(
                    *(label, value, where, keys[name], unit),
                    variant=aa_mode(model),
                    source_name=AA_NAME,
                    source_url=url,
                )
            )
    return entries, left


def render_aa_list(models: Sequence[dict[str, Any]], creator_slug: str | None) -> tuple[Any, dict[str, Any]]:
    """The creators and models with their slugs, as a table for the terminal and as JSON; all text made harmless."""
    from rich.table import Table as TextTable
    from rich.text import Text

    rows = []
    for model in models_of_creator(models, creator_slug) if creator_slug else models:
        names = (model["model_creator"]["slug"], model["model_creator"]["name"], model["slug"], model["name"])
        count = sum(is_number(value) for value in (model.get("evaluations") or {}).values())
        rows.append((*map(single_line, names), count))
    rows.sort()
    fields = ("creator_slug", "creator", "slug", "name", "evaluations")
    table = TextTable(*fields)
    for row in rows:
        table.add_row(*(Text(isolated(str(cell))) for cell in row))
    creators = sorted({row[0] for row in rows})
    return table, {"creators": creators, "models": [dict(zip(fields, row, strict=True)) for row in rows]}


def aa_key() -> str:
    """AA_API_KEY from the environment or the current folder's .env; ScriptError when there is none."""
    key = os.environ.get("AA_API_KEY")
    if not key and (key := dotenv_value("AA_API_KEY")):
        say_dotenv("AA_API_KEY", os.getcwd())
    if not (key or "").strip():
        raise ScriptError(f"no AA_API_KEY: {AA_KEY_HELP}; --input-json FILE replays a saved answer without a key")
    return (key or "").strip()


def aa_url() -> Any:
    """The address of the API's list of models (AA_API_BASE, for tests and proxies); https, except to this machine."""
    import httpx2

    base = os.environ.get("AA_API_BASE") or AA_SITE
    try:
        url = httpx2.URL(base.rstrip("/") + AA_MODELS)
    except (httpx2.InvalidURL, TypeError) as error:
        raise ScriptError(f"AA_API_BASE is not a URL: {single_line(error)}") from error
    safe = url.scheme == "https" or (url.scheme == "http" and url.host in ("127.0.0.1", "localhost", "::1"))
    if not safe or not url.host or url.userinfo:
        raise ScriptError("AA_API_BASE must be https://HOST; a key is not sent without encryption")
    return url


def fetch_aa(key: str, save: Path | None) -> list[dict[str, Any]]:
    """All models that Artificial Analysis lists; the answer as received goes to `save`.

    Asks MAX_TRIES times when the API is busy or cannot be reached. The key is in the request's header and nowhere else.
    """
    import httpx2
    import tenacity

    if not re.fullmatch(r"[\x21-\x7e]{8,500}", key):
        raise ScriptError(f"AA_API_KEY is no key (one word of at least 8 printable ASCII characters): {AA_KEY_HELP}")
    url = aa_url()

    def stay(request: Any) -> None:  # the client would take the key along to wherever it is sent
        if (request.url.scheme, request.url.host, request.url.port) != (url.scheme, url.host, url.port):
            raise ScriptError(f"{url} sends on to another server, {single_line(request.url.host)}; not followed")

    try:
        with httpx2.Client(
            headers={"x-api-key": key, "user-agent": f"evaluation_manager/{VERSION}", "accept": "application/json"},
            follow_redirects=True,
            max_redirects=3,
            timeout=30,
            event_hooks={"request": [stay]},
        ) as client:
            asking = tenacity.Retrying(
                stop=tenacity.stop_after_attempt(MAX_TRIES),
                retry=tenacity.retry_if_exception_type(httpx2.TransportError)
                | tenacity.retry_if_result(lambda answer: answer[0] == 429 or answer[0] >= 500),
                wait=aa_wait,
                before_sleep=lambda state: note(f"{aa_trouble(state)}; again in {state.upcoming_sleep:.0f} s"),
                retry_error_callback=give_up,
            )
            status, _, data = asking(ask_aa, client, url)
    except httpx2.HTTPError as error:  # too many redirects, an encoding that cannot be undone
        raise ScriptError(f"{url}: {single_line(error).replace(key, '***') or type(error).__name__}") from None
    if status in (401, 403):
        why = "does not know the key in AA_API_KEY" if status == 401 else "does not let the key in AA_API_KEY read this"
        raise ScriptError(f"{AA_NAME} {why} (answer {status}): {AA_KEY_HELP}")
    if status != 200:
        raise ScriptError(f"{url} answered {status}; is AA_API_BASE right?")
    try:
        text = data.decode("utf-8")
        models = aa_models(strict_json(text), str(url))
    except (ValueError, RecursionError) as error:
        raise ScriptError(f"{url}: the answer is not valid JSON: {single_line(error)[:120]}") from None
    if save:
        write_whole(save, text.replace(key, "***"))
        note(f"the answer is in {save}; {command_line_of(['--input-json', save])} replays it")
    return models


def ask_aa(client: Any, url: Any) -> tuple[int, str, bytes]:
    """(status, Retry-After, content) of one request; the content of a refusal is not read."""
    data = bytearray()
    with client.stream("GET", url) as response:
        for chunk in response.iter_bytes() if response.status_code == 200 else ():
            data += chunk
            if len(data) > MAX_ANSWER:
                raise ScriptError(f"{url}: the answer is longer than {MAX_ANSWER:,} bytes; not read")
        return response.status_code, response.headers.get("retry-after", ""), bytes(data)


def aa_wait(state: Any) -> float:
    """Seconds before the next try: what Retry-After asks for, else 1, 2, 4, ... and a bit; at most MAX_WAIT."""
    import tenacity

    asked = None if state.outcome.failed else retry_after(state.outcome.result()[1], datetime.now(UTC))
    backoff = tenacity.wait_exponential_jitter(initial=1, max=MAX_WAIT, jitter=1)
    return min(MAX_WAIT, backoff(state) if asked is None else asked)


def aa_trouble(state: Any) -> str:
    """Why a try failed, in a few words without anything that the server or the request said."""
    outcome = state.outcome
    why = type(outcome.exception()).__name__ if outcome.failed else f"answer {outcome.result()[0]}"
    return f"{AA_NAME}: {why} (try {state.attempt_number} of {MAX_TRIES})"


def give_up(state: Any) -> None:
    raise ScriptError(f"{aa_trouble(state)}; wait and try again, or replay a saved answer with --input-json FILE")


def read_aa(path: Path) -> list[dict[str, Any]]:
    """The models in an answer that --save-raw-json kept."""
    return aa_models(read_json(path), str(path))


# --- parts/records/datastore.py ---------------------------------------------------------------------------------------

# fmt: off
EEE_SCHEMAS = {'record': {'$schema': 'http://json-schema.org/draft-07/schema#',
            'type': 'object',
            'required': ['schema_version', 'evaluation_id', 'retrieved_timestamp', 'source_metadata', 'model_info',
                         'eval_library', 'evaluation_results'],
            'additionalProperties': False,
            'properties': {'schema_version': {'type': 'string'},
                           'evaluation_id': {'type': 'string'},
                           'evaluation_timestamp': {'type': 'string'},
                           'retrieved_timestamp': {'type': 'string'},
                           'source_metadata': {'type': 'object',
                                               'required': ['source_type', 'source_organization_name',
                                                            'evaluator_relationship'],
                                               'properties': {'source_name': {'type': 'string'},
                                                              'source_type': {'type': 'string',
                                                                              'enum': ['documentation',
                                                                                       'evaluation_run']},
                                                              'source_organization_name': {'type': 'string'},
                                                              'source_organization_url': {'type': 'string'},
                                                              'source_organization_logo_url': {'type': 'string'},
                                                              'evaluator_relationship': {'type': 'string',
                                                                                         'enum': ['first_party',
                                                                                                  'third_party',
                                                                                                  'collaborative',
                                                                                                  'other']},
                                                              'additional_details': {'type': 'object',
                                                                                     'additionalProperties': {'type': 'string'}}}},
                           'eval_library': {'type': 'object',
                                            'properties': {'name': {'type': 'string'},
                                                           'version': {'type': 'string'},
                                                           'additional_details': {'type': 'object',
                                                                                  'additionalProperties': {'type': 'string'}}},
                                            'required': ['name', 'version']},
                           'model_info': {'$ref': '#/$defs/model_info'},
                           'evaluation_results': {'type': 'array',
                                                  'items': {'type': 'object',
                                                            'required': ['evaluation_name', 'source_data',
                                                                         'metric_config', 'score_details'],
                                                            'properties': {'evaluation_result_id': {'type': 'string'},
                                                                           'evaluation_name': {'type': 'string'},
                                                                           'source_data': {'oneOf': [{'$ref': '#/$defs/source_data_url'},
                                                                                                     {'$ref': '#/$defs/source_data_hf'},
                                                                                                     {'$ref': '#/$defs/source_data_private'}]},
                                                                           'evaluation_timestamp': {'type': 'string'},
                                                                           'metric_config': {'type': 'object',
                                                                                             'required': ['lower_is_better'],
                                                                                             'properties': {'evaluation_description': {'type': 'string'},
                                                                                                            'metric_id': {'type': 'string'},
                                                                                                            'metric_name': {'type': 'string'},
                                                                                                            'metric_kind': {'type': 'string'},
                                                                                                            'metric_unit': {'type': 'string'},
                                                                                                            'metric_parameters': {'type': 'object',
                                                                                                                                  'additionalProperties': {'type': ['string',
                                                                                                                                                                    'number',
                                                                                                                                                                    'boolean',
                                                                                                                                                                    'null']}},
                                                                                                            'lower_is_better': {'type': 'boolean'},
                                                                                                            'score_type': {'type': 'string',
                                                                                                                           'enum': ['binary',
                                                                                                                                    'continuous',
                                                                                                                                    'levels']},
                                                                                                            'level_names': {'type': 'array',
                                                                                                                            'items': {'type': 'string'}},
                                                                                                            'level_metadata': {'type': 'array',
                                                                                                                               'items': {'type': 'string'}},
                                                                                                            'has_unknown_level': {'type': 'boolean'},
                                                                                                            'min_score': {'oneOf': [{'type': 'number'},
                                                                                                                                    {'type': 'string',
                                                                                                                                     'enum': ['Infinity',
                                                                                                                                              '-Infinity']},
                                                                                                                                    {'type': 'null'}]},
                                                                                                            'max_score': {'oneOf': [{'type': 'number'},
                                                                                                                                    {'type': 'string',
                                                                                                                                     'enum': ['Infinity',
                                                                                                                                              '-Infinity']},
                                                                                                                                    {'type': 'null'}]},
                                                                                                            'llm_scoring': {'type': 'object',
                                                                                                                            'required': ['judges',
                                                                                                                                         'input_prompt'],
                                                                                                                            'properties': {'judges': {'type': 'array',
                                                                                                                                                      'items': {'$ref': '#/$defs/judge_config'},
                                                                                                                                                      'minItems': 1},
                                                                                                                                           'input_prompt': {'type': 'string'},
                                                                                                                                           'aggregation_method': {'type': 'string',
                                                                                                                                                                  'enum': ['majority_vote',
                                                                                                                                                                           'average',
                                                                                                                                                                           'weighted_average',
                                                                                                                                                                           'median']},
                                                                                                                                           'expert_baseline': {'type': 'number'},
                                                                                                                                           'additional_details': {'type': 'object',
                                                                                                                                                                  'additionalProperties': {'type': 'string'}}}},
                                                                                                            'additional_details': {'type': 'object',
                                                                                                                                   'additionalProperties': {'type': 'string'}}},
                                                                                             'if': {'required': ['score_type'],
                                                                                                    'properties': {'score_type': {'const': 'levels'}}},
                                                                                             'then': {'required': ['level_names',
                                                                                                                   'has_unknown_level']},
                                                                                             'else': {'if': {'required': ['score_type'],
                                                                                                             'properties': {'score_type': {'const': 'continuous'}}},
                                                                                                      'then': {'required': ['min_score',
                                                                                                                            'max_score']}}},
                                                                           'score_details': {'type': 'object',
                                                                                             'required': ['score'],
                                                                                             'properties': {'score': {'type': 'number'},
                                                                                                            'details': {'type': 'object',
                                                                                                                        'additionalProperties': {'type': 'string'}},
                                                                                                            'uncertainty': {'type': 'object',
                                                                                                                            'properties': {'standard_error': {'type': 'object',
                                                                                                                                                              'properties': {'value': {'type': 'number'},
                                                                                                                                                                             'method': {'type': 'string'}},
                                                                                                                                                              'required': ['value']},
                                                                                                                                           'confidence_interval': {'type': 'object',
                                                                                                                                                                   'properties': {'lower': {'type': 'number'},
                                                                                                                                                                                  'upper': {'type': 'number'},
                                                                                                                                                                                  'confidence_level': {'type': 'number',
                                                                                                                                                                                                       'minimum': 0,
                                                                                                                                                                                                       'maximum': 1},
                                                                                                                                                                                  'method': {'type': 'string'}},
                                                                                                                                                                   'required': ['lower',
                                                                                                                                                                                'upper']},
                                                                                                                                           'standard_deviation': {'type': 'number'},
                                                                                                                                           'num_samples': {'type': 'integer'},
                                                                                                                                           'num_bootstrap_samples': {'type': 'integer'}}}}},
                                                                           'generation_config': {'type': 'object',
                                                                                                 'properties': {'generation_args': {'type': 'object',
                                                                                                                                    'properties': {'temperature': {'type': ['null',
                                                                                                                                                                            'number']},
                                                                                                                                                   'top_p': {'type': ['null',
                                                                                                                                                                      'number']},
                                                                                                                                                   'top_k': {'type': ['null',
                                                                                                                                                                      'number']},
                                                                                                                                                   'max_tokens': {'type': 'integer',
                                                                                                                                                                  'minimum': 1},
                                                                                                                                                   'execution_command': {'type': 'string'},
                                                                                                                                                   'reasoning': {'type': 'boolean'},
                                                                                                                                                   'prompt_template': {'type': 'string'},
                                                                                                                                                   'agentic_eval_config': {'type': 'object',
                                                                                                                                                                           'properties': {'available_tools': {'type': 'array',
                                                                                                                                                                                                              'items': {'type': 'object',
                                                                                                                                                                                                                        'properties': {'name': {'type': 'string'},
                                                                                                                                                                                                                                       'description': {'type': 'string'},
                                                                                                                                                                                                                                       'parameters': {'type': 'object',
                                                                                                                                                                                                                                                      'additionalProperties': {'type': 'string'}}}}},
                                                                                                                                                                                          'additional_details': {'type': 'object',
                                                                                                                                                                                                                 'additionalProperties': {'type': 'string'}}}},
                                                                                                                                                   'eval_plan': {'type': 'object',
                                                                                                                                                                 'properties': {'name': {'type': 'string'},
                                                                                                                                                                                'steps': {'type': 'array',
                                                                                                                                                                                          'items': {'type': 'string'}},
                                                                                                                                                                                'config': {'type': 'object',
                                                                                                                                                                                           'additionalProperties': {'type': 'string'}}}},
                                                                                                                                                   'eval_limits': {'type': 'object',
                                                                                                                                                                   'properties': {'time_limit': {'type': 'integer'},
                                                                                                                                                                                  'message_limit': {'type': 'integer'},
                                                                                                                                                                                  'token_limit': {'type': 'integer'}}},
                                                                                                                                                   'sandbox': {'type': 'object',
                                                                                                                                                               'properties': {'type': {'type': 'string'},
                                                                                                                                                                              'config': {'type': 'string'}}},
                                                                                                                                                   'max_attempts': {'type': 'integer',
                                                                                                                                                                    'default': 1},
                                                                                                                                                   'incorrect_attempt_feedback': {'type': 'string'}},
                                                                                                                                    'additionalProperties': False},
                                                                                                                'additional_details': {'type': 'object',
                                                                                                                                       'additionalProperties': {'type': 'string'}}}}}}},
                           'detailed_evaluation_results': {'type': 'object',
                                                           'required': ['format', 'file_path'],
                                                           'properties': {'format': {'type': 'string',
                                                                                     'enum': ['jsonl']},
                                                                          'file_path': {'type': 'string',
                                                                                        'pattern': '^data/[^/]+/[^/]+/[^/]+/[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-4[0-9A-Fa-f]{3}-[89ABab][0-9A-Fa-f]{3}-[0-9A-Fa-f]{12}_samples\\.jsonl$'},
                                                                          'hash_algorithm': {'type': 'string',
                                                                                             'enum': ['sha256',
                                                                                                      'md5']},
                                                                          'checksum': {'type': 'string'},
                                                                          'total_rows': {'type': 'integer'},
                                                                          'additional_details': {'type': 'object',
                                                                                                 'additionalProperties': {'type': 'string'}}}}},
            '$defs': {'judge_config': {'type': 'object',
                                       'required': ['model_info'],
                                       'properties': {'model_info': {'$ref': '#/$defs/model_info'},
                                                      'temperature': {'type': 'number'},
                                                      'weight': {'type': 'number'},
                                                      'additional_details': {'type': 'object',
                                                                             'additionalProperties': {'type': 'string'}}}},
                      'model_info': {'type': 'object',
                                     'required': ['name', 'id', 'additional_details'],
                                     'properties': {'name': {'type': 'string'},
                                                    'id': {'type': 'string'},
                                                    'developer': {'type': 'string'},
                                                    'inference_platform': {'type': 'string'},
                                                    'inference_engine': {'type': 'object',
                                                                         'properties': {'name': {'type': 'string'},
                                                                                        'version': {'type': 'string'}}},
                                                    'additional_details': {'type': 'object',
                                                                           'required': ['deployment_type',
                                                                                        'model_availability'],
                                                                           'properties': {'deployment_type': {'enum': ['self_deployed',
                                                                                                                       'externally_managed',
                                                                                                                       'unknown']},
                                                                                          'model_availability': {'enum': ['open_weights',
                                                                                                                          'closed_weights',
                                                                                                                          'unknown']}},
                                                                           'additionalProperties': {'type': 'string'}}}},
                      'source_data_url': {'type': 'object',
                                          'required': ['dataset_name', 'source_type', 'url'],
                                          'properties': {'dataset_name': {'type': 'string'},
                                                         'source_type': {'const': 'url'},
                                                         'url': {'type': 'array',
                                                                 'items': {'type': 'string'},
                                                                 'minItems': 1},
                                                         'additional_details': {'type': 'object',
                                                                                'additionalProperties': {'type': 'string'}}}},
                      'source_data_hf': {'type': 'object',
                                         'required': ['dataset_name', 'source_type'],
                                         'properties': {'dataset_name': {'type': 'string'},
                                                        'source_type': {'const': 'hf_dataset'},
                                                        'hf_repo': {'type': 'string'},
                                                        'hf_split': {'type': 'string'},
                                                        'samples_number': {'type': 'integer'},
                                                        'sample_ids': {'type': 'array',
                                                                       'items': {'type': 'string'}},
                                                        'additional_details': {'type': 'object',
                                                                               'additionalProperties': {'type': 'string'}}}},
                      'source_data_private': {'type': 'object',
                                              'required': ['dataset_name', 'source_type'],
                                              'properties': {'dataset_name': {'type': 'string'},
                                                             'source_type': {'const': 'other'},
                                                             'additional_details': {'type': 'object',
                                                                                    'additionalProperties': {'type': 'string'}}}}}},
 'sample': {'$schema': 'http://json-schema.org/draft-07/schema#',
            'type': 'object',
            'required': ['schema_version', 'evaluation_id', 'model_id', 'evaluation_name', 'sample_id',
                         'interaction_type', 'input', 'answer_attribution', 'evaluation'],
            'additionalProperties': False,
            'properties': {'schema_version': {'type': 'string'},
                           'evaluation_id': {'type': 'string'},
                           'model_id': {'type': 'string'},
                           'evaluation_name': {'type': 'string'},
                           'evaluation_result_id': {'type': 'string'},
                           'sample_id': {'type': 'string'},
                           'sample_hash': {'type': ['string', 'null']},
                           'interaction_type': {'type': 'string', 'enum': ['single_turn', 'multi_turn', 'agentic']},
                           'input': {'type': 'object',
                                     'required': ['raw', 'reference'],
                                     'properties': {'raw': {'type': 'string'},
                                                    'formatted': {'type': ['string', 'null']},
                                                    'reference': {'type': 'array', 'items': {'type': 'string'}},
                                                    'choices': {'type': ['array', 'null'],
                                                                'items': {'type': 'string'}}}},
                           'output': {'type': ['object', 'null'],
                                      'required': ['raw'],
                                      'properties': {'raw': {'type': 'array', 'items': {'type': 'string'}},
                                                     'reasoning_trace': {'type': ['array', 'null'],
                                                                         'items': {'type': 'string'}}}},
                           'messages': {'type': ['array', 'null'],
                                        'items': {'type': 'object',
                                                  'required': ['turn_idx', 'role'],
                                                  'properties': {'turn_idx': {'type': 'integer', 'minimum': 0},
                                                                 'role': {'type': 'string'},
                                                                 'content': {'type': ['string', 'null']},
                                                                 'reasoning_trace': {'type': ['string', 'null']},
                                                                 'tool_calls': {'type': ['array', 'null'],
                                                                                'items': {'type': 'object',
                                                                                          'required': ['id',
                                                                                                       'name'],
                                                                                          'properties': {'id': {'type': 'string'},
                                                                                                         'name': {'type': 'string'},
                                                                                                         'arguments': {'type': ['object',
                                                                                                                                'null'],
                                                                                                                       'additionalProperties': {'type': 'string'}}}}},
                                                                 'tool_call_id': {'type': ['array', 'null'],
                                                                                  'items': {'type': 'string'}}}}},
                           'answer_attribution': {'type': 'array',
                                                  'items': {'type': 'object',
                                                            'required': ['turn_idx', 'source', 'extracted_value',
                                                                         'extraction_method', 'is_terminal'],
                                                            'properties': {'turn_idx': {'type': 'integer',
                                                                                        'minimum': 0},
                                                                           'source': {'type': 'string'},
                                                                           'extracted_value': {'type': 'string'},
                                                                           'extraction_method': {'type': 'string'},
                                                                           'is_terminal': {'type': 'boolean'}}}},
                           'evaluation': {'type': 'object',
                                          'required': ['score', 'is_correct'],
                                          'properties': {'score': {'type': 'number'},
                                                         'is_correct': {'type': 'boolean'},
                                                         'num_turns': {'type': ['integer', 'null'], 'minimum': 1},
                                                         'tool_calls_count': {'type': ['integer', 'null'],
                                                                              'minimum': 0}}},
                           'token_usage': {'type': ['object', 'null'],
                                           'required': ['input_tokens', 'output_tokens', 'total_tokens'],
                                           'properties': {'input_tokens': {'type': 'integer', 'minimum': 0},
                                                          'output_tokens': {'type': 'integer', 'minimum': 0},
                                                          'total_tokens': {'type': 'integer', 'minimum': 0},
                                                          'input_tokens_cache_write': {'type': ['integer', 'null'],
                                                                                       'minimum': 0},
                                                          'input_tokens_cache_read': {'type': ['integer', 'null'],
                                                                                      'minimum': 0},
                                                          'reasoning_tokens': {'type': ['integer', 'null'],
                                                                               'minimum': 0}}},
                           'performance': {'type': ['object', 'null'],
                                           'properties': {'latency_ms': {'type': ['number', 'null'], 'minimum': 0},
                                                          'time_to_first_token_ms': {'type': ['number', 'null'],
                                                                                     'minimum': 0},
                                                          'generation_time_ms': {'type': ['number', 'null'],
                                                                                 'minimum': 0},
                                                          'additional_details': {'type': ['object', 'null'],
                                                                                 'additionalProperties': {'type': 'string'}}}},
                           'error': {'type': ['string', 'null']},
                           'metadata': {'type': ['object', 'null'], 'additionalProperties': {'type': 'string'}}},
            'allOf': [{'if': {'properties': {'interaction_type': {'const': 'single_turn'}}},
                       'then': {'required': ['output'],
                                'properties': {'output': {'type': 'object', 'not': {'type': 'null'}},
                                               'messages': {'type': 'null'}}}},
                      {'if': {'properties': {'interaction_type': {'enum': ['multi_turn', 'agentic']}}},
                       'then': {'required': ['messages'],
                                'properties': {'output': {'type': 'null'},
                                               'messages': {'type': 'array', 'not': {'type': 'null'}},
                                               'metrics': {'required': ['num_turns']}}}}]}}
# fmt: on
EEE_FILE = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}(?:\.json|_samples\.jsonl)")
BAD_IN_PATH = re.compile(r'[<>:"\\|?*\x00-\x1f]')
DEVICES = {"CON", "PRN", "AUX", "NUL", *(f"{name}{number}" for name in ("COM", "LPT") for number in range(1, 10))}
DEPLOYMENTS = ("self_deployed", "externally_managed", "unknown")
AVAILABILITIES = ("open_weights", "closed_weights", "unknown")
MAX_PROBLEMS = 20  # of one file
CONTRIBUTED = ".contributed.json"  # beside data/: which record went where


@dataclass(slots=True)
class DatastoreFile:
    """One record as it would lie in the datastore: path -> bytes of the record and of its samples."""

    path: str
    model: str
    results: list[str]
    files: dict[str, bytes] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def datastore_file(path: Path, record: Mapping[str, Any], model: str = "") -> DatastoreFile:
    """A record and its samples as the datastore wants them, checked; `model` files them under another id.

    What nothing has to change in stays as it is, byte for byte.
    """
    samples_path = path.with_name(f"{path.stem}_samples.jsonl")
    data = input_bytes(path)
    if samples_path.is_symlink():
        refuse_link_away(str(samples_path), os.path.realpath(samples_path), path.parent)
    samples = input_bytes(samples_path, MAX_SAMPLES) if samples_path.is_file() else None
    name, collection = path.stem, path.parent.parent.parent.name
    if model and model != record["model_info"].get("id"):
        name = str(uuid.UUID(bytes=hashlib.sha256(f"{name} {model}".encode()).digest()[:16], version=4))
        record, samples = renamed_record(record, samples, model, name, collection)
        data = (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode()
    model = str(record["model_info"].get("id") or "")
    place, problem = datastore_folder(collection, record["model_info"])
    made = DatastoreFile(
        f"{place}/{name}.json", model, [str(r.get("evaluation_name")) for r in results_of_record(record)]
    )
    made.problems += [problem] if problem else []
    made.files[made.path] = data
    if samples is not None:
        made.files[f"{place}/{name}_samples.jsonl"] = samples
    made.problems += [] if problem else record_problems(made.path, record, samples)
    return made


def results_of_record(record: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [result for result in record.get("evaluation_results") or [] if isinstance(result, dict)]


def datastore_folder(collection: str, info: Mapping[str, Any]) -> tuple[str, str]:
    """(data/<collection>/<developer>/<model>, "") for a record's identity, or ("", why it has no place)."""
    parts = str(info.get("id") or "").strip().split("/")
    developer = parts.pop(0) if len(parts) > 1 else str(info.get("developer") or "")
    places = [collection, developer, "_".join(parts)]
    for what, part in zip(("collection", "developer", "model"), places, strict=True):
        if not part.strip() or part.strip().lower() == "unknown":
            return "", f"its {what} is not known: a model's id is OWNER/NAME"
    places = [part.strip().replace(":", "_") for part in places]
    for part in places:
        bad = BAD_IN_PATH.search(part) or part.endswith((".", " ")) or part in ("..", "data")
        if bad or part.split(".", 1)[0].upper() in DEVICES:
            return "", f"{part!r} cannot be a folder of the datastore"
    return "/".join(["data", *places]), ""


def renamed_record(
    record: Mapping[str, Any], samples: bytes | None, model: str, name: str, collection: str
) -> tuple[dict[str, Any], bytes | None]:
    """The record and its samples under another model id; everything that was measured stays."""
    record = json.loads(json.dumps(record))
    old, info = record["model_info"].get("id"), record["model_info"]
    owner, _, short = model.rpartition("/")
    info |= {"id": model, "name": short, "developer": owner}
    (info.get("additional_details") or {}).pop("path", None)  # a folder of the machine where it was
    record["evaluation_id"] = str(record["evaluation_id"]).replace(str(old), model)
    if samples is not None:
        told = {"evaluation_id": record["evaluation_id"], "model_id": model}
        rows = [json.loads(line) | told for line in samples.splitlines() if line.strip()]
        samples = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()
        folder, _ = datastore_folder(collection, info)
        record["detailed_evaluation_results"] |= {
            "file_path": f"{folder}/{name}_samples.jsonl",
            "checksum": hashlib.sha256(samples).hexdigest(),
        }
    return record, samples


# --- What the validator asks ---


def record_problems(path: str, record: Mapping[str, Any], samples: bytes | None) -> list[str]:
    """Why the datastore would refuse a record at a path; at most MAX_PROBLEMS."""
    found: list[str] = []
    for problem in every_problem(path, record, samples):
        found.append(single_line(problem)[:300])
        if len(found) == MAX_PROBLEMS:
            break
    return found


def every_problem(path: str, record: Mapping[str, Any], samples: bytes | None) -> Iterator[str]:
    from jsonschema import Draft7Validator

    parts = path.split("/")
    if len(parts) != 5 or parts[0] != "data" or not EEE_FILE.fullmatch(parts[-1]):
        yield f"{path}: data/<collection>/<developer>/<model>/<uuid4>.json is expected"
    for error in Draft7Validator(EEE_SCHEMAS["record"]).iter_errors(record):
        yield f"{'.'.join(map(str, error.absolute_path)) or 'the record'}: {error.message[:160]}"
    yield from deployment_problems(record)
    for number, result in enumerate(results_of_record(record)):
        yield from score_problems(f"evaluation_results[{number}]", result)
    yield from companion_problems(path, record, samples)


def deployment_problems(record: Mapping[str, Any]) -> Iterator[str]:
    """Who ran the model and whether its weights are open must be said, if only as unknown; of judges as well."""
    infos = {"model_info": record.get("model_info")}
    for number, result in enumerate(results_of_record(record)):
        scoring = (result.get("metric_config") or {}).get("llm_scoring") or {}
        for judge, item in enumerate(scoring.get("judges") or []):
            where = f"evaluation_results[{number}].metric_config.llm_scoring.judges[{judge}].model_info"
            infos[where] = item.get("model_info") if isinstance(item, dict) else None
    for where, info in infos.items():
        details = info.get("additional_details") if isinstance(info, dict) else None
        details = details if isinstance(details, dict) else {}
        for key, allowed in (("deployment_type", DEPLOYMENTS), ("model_availability", AVAILABILITIES)):
            if details.get(key) not in allowed:
                yield f"{where}.additional_details.{key}: {details.get(key)!r} is not one of {', '.join(allowed)}"


def score_problems(where: str, result: Mapping[str, Any]) -> Iterator[str]:
    """A finite score within its bounds; a continuous metric has both."""
    metric, details = result.get("metric_config") or {}, result.get("score_details") or {}
    low, high = eee_bound(metric.get("min_score")), eee_bound(metric.get("max_score"))
    for key, value in (("min_score", low), ("max_score", high)):
        if value is None and (metric.get("score_type") == "continuous" or metric.get(key) is not None):
            yield f"{where}.metric_config.{key} is missing or no number"
    score = details.get("score")
    if isinstance(score, bool) or not isinstance(score, int | float) or not math.isfinite(score):
        yield f"{where}.score_details.score: {score!r} is no finite number"
    elif (low is not None and score < low) or (high is not None and score > high):
        yield f"{where}: the score {score} is outside {metric.get('min_score')} to {metric.get('max_score')}"


def eee_bound(value: Any) -> float | None:
    """A bound of a metric, "Infinity" as the schema spells it; None when there is none."""
    infinite = {"Infinity": math.inf, "-Infinity": -math.inf}.get(value) if isinstance(value, str) else None
    number = isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
    return float(value) if number else infinite


def companion_problems(path: str, record: Mapping[str, Any], samples: bytes | None) -> Iterator[str]:
    """Record and samples name each other, count the same rows, and the checksum is that of the file."""
    detail = record.get("detailed_evaluation_results")
    if detail is None:
        if samples is not None:
            yield "there is a samples file, but no detailed_evaluation_results"
        return
    expected = path.removesuffix(".json") + "_samples.jsonl"
    if not isinstance(detail, dict) or detail.get("file_path") != expected or detail.get("format") != "jsonl":
        yield f"detailed_evaluation_results: file_path {expected} and format jsonl are expected"
    elif samples is None:
        yield f"the samples file {expected} is missing"
    else:
        sums = {"sha256": hashlib.sha256(samples).hexdigest()}
        if sums.get(str(detail.get("hash_algorithm"))) != detail.get("checksum"):
            yield "detailed_evaluation_results.checksum is not the sha256 of the samples file"
        yield from sample_problems(record, detail, samples)


def sample_problems(record: Mapping[str, Any], detail: Mapping[str, Any], samples: bytes) -> Iterator[str]:
    from jsonschema import Draft7Validator

    lines = [line for line in samples.split(b"\n") if line.strip()]
    if not lines or detail.get("total_rows") != len(lines):
        yield f"detailed_evaluation_results.total_rows is {detail.get('total_rows')}, the file has {len(lines)} rows"
    validator = Draft7Validator(EEE_SCHEMAS["sample"])
    told = (record.get("evaluation_id"), (record.get("model_info") or {}).get("id"))
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
        except (ValueError, RecursionError) as error:
            yield f"samples line {number}: {error}"
            continue
        for error in validator.iter_errors(row):
            yield f"samples line {number}: {'.'.join(map(str, error.absolute_path))}: {error.message[:120]}"
        if not isinstance(row, dict) or (row.get("evaluation_id"), row.get("model_id")) != told:
            yield f"samples line {number}: evaluation_id or model_id is not the record's"


# --- What was contributed ---


def contributed(root: Path) -> dict[str, str]:
    """data/.../<uuid>.json -> its page in the datastore, for the records of a folder; {} when none was contributed."""
    try:
        data = read_json(root / CONTRIBUTED)
    except ScriptError:
        return {}
    return {str(k): v for k, v in data.items() if isinstance(v, str)} if isinstance(data, dict) else {}


def contributed_url(path: Path) -> str | None:
    """The page of a record in the datastore; None when it was not contributed from here.

    The list may be a stranger's: a page is one of a data set of the Hub, else it is none.
    """
    parts = path.absolute().parts
    if parts[-5:-4] != ("data",):
        return None
    url = web_url(contributed(path.absolute().parents[4]).get("/".join(parts[-5:]), "")) or ""
    datasets = f"{(os.environ.get('HF_ENDPOINT') or 'https://huggingface.co').rstrip('/')}/datasets/"
    return url if url.startswith(datasets) and ".." not in url else None


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
NOTHING = {"", "none", "null", "false", "{}", "[]"}  # values that say that an option was not used
MAIN_REVISIONS = {"", "main"}
COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class Identity:
    """A model; an adapter that goes by its own id has this id as `adapter`.

    `path` and `checkpoint` say where it lay and what people call it; `weights` is the hash of its weights.
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

    def fits(self, other: Identity) -> bool:
        """Whether all that this one says is so of another: a failure entry says less than a record of its model."""
        return all(own in ("", theirs) for own, theirs in zip(self.key, other.key, strict=True))

    def answers_to(self, name: str) -> bool:
        """Whether a person may mean this model by a name.

        The id (or its last part, or what the record calls it) means every revision of it, but no adapter, subfolder or
        file of it: these are asked for by their whole name, or by what is only theirs.
        """
        if self.adapter not in ("", self.id) or self.subfolder or self.file:
            own = self.subfolder or self.file or self.adapter
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
    places = [details, settings if isinstance(settings, dict) else {}]
    found = {
        field: next(
            (
                f"{name}={text}" if text.lower() == "true" else text
                for place in places
                for name in names
                if name in place and (text := said_value(place[name]))
            ),
            "",
        )
        for field, names in IDENTITY_FIELDS.items()
    }
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
        checkpoint=name_text(details.get("checkpoint")),
        display=name_text(info.get("name")),
    )


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
}
EXAMPLE_DRAWS = ("fewshot_seed", "few_shot_seed")  # which examples are drawn for the prompts, and nothing else
# What a record has only where the file it was made from says it: one that lacks it may be of the same.
MAY_BE_UNSAID = {WORDS_OF_SETTINGS["template_sha256"]}
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
    if shots:
        found["few-shot count"] = shots
    if shots == "0":
        found = {name: value for name, value in found.items() if name not in EXAMPLE_DRAWS}
    return {name: said(value) for name, value in found.items() if said(value)}


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


# --- parts/records/shared.py ------------------------------------------------------------------------------------------

MOST_OPPONENTS = 2_000
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


# --- parts/statistics/intervals.py ------------------------------------------------------------------------------------

CONFIDENCE = 0.95
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
        size=size_of(row.get("source_data") or {})
        or (entry.get("items") if entry.get("own") and not subtask else None),
        usual=None if subtask else entry.get("items"),
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


def read_score(
    metric: Mapping[str, Any], details: Mapping[str, Any], result_id: str, entry: Mapping[str, Any]
) -> tuple[float, str, float, float]:
    """(score, unit, lowest, highest) as the record has them; ValueError when it is no number of that range."""
    value = details["score"]
    unit, low, high = unit_and_range(metric, entry)
    if not is_number(value):
        raise ValueError(f"the score of {result_id} is {value!r}, not a finite number")
    lowest, highest = range_in_any_unit(metric, entry)
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
    said = [single_line(first_said(name, *places)) for name in ("limit", "limit_samples", *other)]
    command = str(first_said("command", beside, *places) or first_said("execution_command", *places))
    said += [match[3] for match in LIMIT_OPTION.finditer(command) if other or not match[2]]
    limit = next((one for one in said if one.lower() not in NO_LIMITS), "")
    return re.sub(r"^(\d+)\.0+$", r"\1", limit)


def size_of(source: Mapping[str, Any]) -> int | None:
    """How many items a record says that its task has."""
    count = source.get("samples_number", (source.get("additional_details") or {}).get("samples_number"))
    return int(count) if re.fullmatch(r"[1-9]\d{0,8}", str(count)) else None


def first_said(name: str, *places: Any) -> str:
    """The first text of this name in some places."""
    return next((str(p[name]) for p in places if isinstance(p, Mapping) and p.get(name) not in (None, "")), "")


def record_day(record: Mapping[str, Any]) -> str:
    """The day of the measurement (UTC), or nothing."""
    stamp = str(record.get("evaluation_timestamp") or record.get("retrieved_timestamp") or "")
    if re.fullmatch(r"\d{1,11}(?:\.\d+)?", stamp):
        return datetime.fromtimestamp(float(stamp), UTC).strftime("%Y-%m-%d")
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
        return SampleLine(
            about,
            str(row["sample_id"]),
            sample_score(row),
            bool(row.get("error")),
            None if digest is None else str(digest),
            metadata,
            "" if metadata.get("prompt_hash") else question_hash(asked),
            len(asked.get("choices") or ()),
            bool(answers) and "choices" not in row["input"] and not any(text.strip() for text in answers),
            row if whole else NO_FIELDS,
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return SampleLine(about, row=row if whole else NO_FIELDS, fault=error)


@dataclass(frozen=True, slots=True)
class ItemFacts:
    """What the lines of a result say together.

    rows: how many attempts; unscored: those without a score; factor: from their scores to the run's score when that is
    their mean, else None; mean: of the scored ones, on the run's scale if there is one; chance: of guessing, by their
    choices; empty: blank written answers; scores: of each attempt, None where it has none; stated: whether each scored
    one has a statistic of a score of the whole corpus, and corpus: that score by them, where it is one of sums or
    classes.
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
    if names and type(names[0]) is str and names.count(names[0]) == count:
        return {single_line(names[0]): lines}
    by_name: dict[str, list[SampleLine]] = defaultdict(list)
    for name, line in zip(names, lines, strict=True):
        by_name[single_line(str(name))].append(line)
    return dict(by_name)


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
        stated, corpus = corpus_of_lines(run, lines) if run.formula else (False, None)
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
    means = [math.fsum(values) / len(values)]
    if not once:
        by_item: dict[str, list[float]] = defaultdict(list)
        for name, score in zip(names, scores, strict=True):
            if score is not None:
                by_item[name].append(score)
        means.append(math.fsum(math.fsum(own) / len(own) for own in by_item.values()) / len(by_item))
    factor = next(
        (
            factor
            for mean in means
            for factor in dict.fromkeys((run.scale, 1.0, 100.0 if run.unit != "proportion" else 1.0))
            if abs(mean * factor - run.score) <= ROUNDED * max(1.0, abs(run.score))
        ),
        None,
    )
    return ItemFacts(
        len(lines), len(lines) - len(values), factor, means[0] * (factor or 1.0), chance, empty, scores, stated, corpus
    )


def corpus_of_lines(run: Run, lines: Lines) -> tuple[bool, float | None]:
    """(whether each scored item has a statistic, the score of the whole by them, None where that is not known)."""
    found = [statistic_of(line.metadata, run.formula) for line in lines if not line.failed]
    if not found or None in found:
        return False, None
    score = score_of_items(found, run.formula)
    return True, None if score is None else run.scale * score


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
    repeats: list[dict[str, Answer]] = []
    counts: dict[str, int] = {}
    lost: dict[str, Mapping[str, str]] = {}
    for line, group in zip(lines, sharing_groups(lines, cluster_by), strict=True):
        name, metadata = line.name, line.metadata
        index = counts[name] = counts.get(name, -1) + 1
        if index == len(repeats):
            repeats.append({})
        fields = NO_FIELDS
        if not OWN_PLACE.issuperset(metadata):
            fields = {k: str(v) for k, v in metadata.items() if k not in OWN_PLACE and v is not None}
        if line.score is None:
            lost[name] = fields
            continue
        prompt = metadata.get("prompt_hash")
        prompt = None if prompt is None else str(prompt)
        repeats[index][name] = Answer(line.score * factor, line.digest, prompt, group, fields)
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
        return True
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


def states_of(runs: Sequence[Run]) -> list[list[Run]]:
    """The states that runs of one model are of, the last measured at the end; one where nothing is in doubt."""
    slots: dict[tuple[object, ...], list[Run]] = defaultdict(list)
    slot_by_run = {id(run): slot_of(run) for run in runs}
    for run in runs:
        slots[slot_by_run[id(run)]].append(run)
    hashes = {run.identity.fixed for run in runs} - {""}
    doubtful = any(not are_repeats(own[0], other) for own in slots.values() for other in own[1:])
    if len(hashes) < 2 and not doubtful:
        return [list(runs)]
    states: list[State] = []
    by_hash: dict[str, State] = {}
    for run in sorted(runs, key=lambda run: (moment_of_run(run), run.file)):
        own = by_hash.get(run.identity.fixed) if run.identity.fixed else None
        last = states[-1] if states and not states[-1].runs[0].identity.fixed else None
        if own is None and not run.identity.fixed and last is not None and last.takes(run, slot_by_run[id(run)]):
            own = last
        if own is None:
            states.append(own := State())
            if run.identity.fixed:
                by_hash[run.identity.fixed] = own
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
        f"{what}: measured {len(states)} times with weights that differ, or that nothing proves to be equal: other "
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
    return [
        one if names.count(one) == 1 else f"{one} ({state[-1].identity.fixed or state[-1].file})"
        for one, state in zip(names, states, strict=True)
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
        variant=single_line(details.get("variant") or "") or (TOOLS if used_tools(run.name, row, known) else None),
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
            f"the records are not about {repo_id} itself; is it meant? " + option_words("--model-id", meant[0].id),
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


# --- parts/records/validity.py ----------------------------------------------------------------------------------------

CONVERTER = "convert_results.py"  # as a record names it
PLAIN_SHARES = ("accuracy", "exactmatch", "accnorm")  # by their keys
PLAIN_MEANS = ("accuracy", "exact_match")  # by their name, where a record does not say how it was made
BELOW_CHANCE = 0.999  # confidence of the interval that must lie below the score of guessing, for one run of many


def validity_of(run: Run, facts: ItemFacts | None, samples_there: bool, most: float = MANY) -> Validity:
    """The gate. `most` is the share of attempts that may be lost, empty, truncated or unparsed.

    samples_there: whether there is a samples file beside the record.
    """
    if not run.measured:  # read from a document: nothing is known of how it was made
        return Validity()
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
    reasons += chance_reasons(run, facts)
    remarks += [f"partial: {run.partial}"] if run.partial else []
    if run.other_examples:
        held = plural(int(run.other_examples), "example")
        remarks.append(f"its prompts hold {held}, while its configuration says {run.shots}")
    remarks += [f"its samples file is missing ({run.missing_samples})"] if run.missing_samples else []
    mean = run.aggregation in ITEM_MEANS[1:] or (not run.aggregation and run.metric in PLAIN_MEANS)
    known = facts is None or run.writer == CONVERTER  # our own errors of items are clustered where these are alike
    if mean and known and (run.unit, run.low, run.high) == ("proportion", 0, 1) and not run.cluster_field:
        remarks += filter(None, [error_doubt(run.score, run.standard_error, run.n, run.error_method)])
    if facts is not None and facts.mean is not None and facts.factor is None and not run.aggregation:
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
    if facts is not None and facts.mean is not None and facts.factor is None and run.aggregation in ITEM_MEANS[1:]:
        reasons.append(f"its score {run.score:g} is not the mean of its items, {facts.mean:.6g}")
    reasons += statistics_reasons(run, facts)
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


def statistics_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Where a score of the whole corpus is not what its items' statistics give."""
    if facts is None or facts.corpus is None or run.n not in (None, facts.rows - facts.unscored):
        return []
    if abs(facts.corpus - run.score) <= ROUNDED * max(1.0, abs(run.score)):
        return []
    return [f"its score {run.score:g} is not what its items' statistics give, {facts.corpus:.6g}"]


def chance_reasons(run: Run, facts: ItemFacts | None) -> list[str]:
    """Whether a score is below that of guessing, beyond doubt: something is wrong with how it was measured."""
    chance = run.chance if run.chance is not None else facts.chance if facts else None
    if not chance or run.unit != "proportion" or run.lower_is_better or not run.n:
        return []
    if wilson_interval(run.score * run.n, run.n, BELOW_CHANCE)[1] < chance:
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
        validity = validity_of(run, facts, found is not None, most)
        chance = facts.chance if run.chance is None and facts is not None else run.chance
        readings.append(ReadResult(replace(run, validity=validity, chance=chance), row, lines, facts))
    return readings


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


# --- parts/publish/records.py -----------------------------------------------------------------------------------------

NOTHING_DOUBTFUL = Allowed()


def entries_records(
    entries: Sequence[Entry], repo_id: str, mapping: Mapping[str, Any], retrieved: datetime
) -> list[tuple[str, dict[str, Any]]]:
    """(path below the output folder, Every Eval Ever record) for each result read from a card or an API.

    The same result has the same path each time. What the source does not say is "unknown" where the schema wants a
    word, and absent elsewhere.
    """
    vocabulary = vocabulary_of(mapping)
    owner, _, model = repo_id.rpartition("/")
    records = {}
    for entry in entries:
        collection = path_part(entry.key or entry.benchmark)
        said = (entry.metric, entry.shots, entry.variant, entry.dataset, entry.unit, float(entry.value))
        told = json.dumps([repo_id, entry.source_name == AA_NAME, entry.key or normalize_name(entry.benchmark), *said])
        name = uuid.UUID(bytes=hashlib.sha256(told.encode()).digest()[:16], version=4)
        path = f"data/{collection}/{path_part(owner or 'unknown')}/{path_part(model)}/{name}.json"
        stamp = str(int(retrieved.timestamp()))
        record = {
            "schema_version": RECORD_SCHEMA,
            # Two settings of one benchmark are read in the same second: the name's start tells them apart.
            "evaluation_id": f"{collection}-{str(name)[:8]}/{repo_id}/{stamp}",
            **({"evaluation_timestamp": entry.date} if entry.date else {}),
            "retrieved_timestamp": stamp,
            "source_metadata": told_by(entry, owner),
            "model_info": {
                "name": model,
                "id": repo_id,
                "developer": owner or "unknown",
                "inference_engine": {"name": "unknown", "version": "unknown"},
                "additional_details": {"deployment_type": "unknown", "model_availability": "unknown"},
            },
            "eval_library": {"name": "unknown", "version": "unknown"},
            "evaluation_results": [told_result(entry, vocabulary)],
        }
        records.setdefault(path, record)
    return list(records.items())


def told_by(entry: Entry, owner: str) -> dict[str, Any]:
    """The `source_metadata` of a result: a card speaks for its model's owner, Artificial Analysis for itself."""
    third = entry.source_name == AA_NAME
    details = {"source_url": entry.source_url, "origin": entry.origin}
    home = (
        {"source_organization_url": AA_SITE if third else f"https://huggingface.co/{owner}"} if third or owner else {}
    )
    return {
        "source_name": entry.source_name or "unknown",
        "source_type": "documentation",
        "source_organization_name": AA_NAME if third else owner or "unknown",
        **home,
        "evaluator_relationship": "third_party" if third else "first_party",
        "additional_details": {key: value for key, value in details.items() if value},
    }


def told_result(entry: Entry, vocabulary: MetricMapping) -> dict[str, Any]:
    """The `evaluation_results` item of a result read from a card or an API."""
    known = vocabulary.entries.get(entry.key or "") or {}
    # The source's own name, unless readers would take it for another benchmark ("gpqa" of Artificial Analysis).
    task = (
        entry.benchmark if not known or vocabulary.find_task(entry.benchmark, "") == (entry.key, "") else known["name"]
    )
    shots = re.match(r"(\d{1,4})-shot", entry.shots or "")
    plain_shots = shots is not None and shots[0] == entry.shots
    details = {
        "few_shot": shots and shots[1],
        "shots": None if plain_shots else entry.shots,
        "variant": entry.variant,
    }
    metric: dict[str, Any] = {"metric_unit": entry.unit or "unknown"}
    if entry.metric:
        metric |= {"metric_id": metric_type(entry.metric) or entry.metric, "metric_name": entry.metric}
    if known and (not entry.metric or is_main_metric(metric, known)):
        metric["lower_is_better"] = known["lower_is_better"]
    else:
        lower = metric_direction(entry.metric or "")
        metric["lower_is_better"] = lower is True
        metric["additional_details"] = {"lower_is_better": "by the metric's name; the source does not say"}
        if lower is None:
            metric["additional_details"] = {"direction": "unknown"}
    result = {
        "evaluation_result_id": f"{task}{f'|{shots[1]}' if shots else ''}/{entry.metric or 'score'}",
        "evaluation_name": task,
        "source_data": told_data(entry, known),
        "metric_config": metric,
        "score_details": {"score": entry.value},
    }
    if details := {key: value for key, value in details.items() if value}:
        result["generation_config"] = {"additional_details": details}
    return result


def told_data(entry: Entry, known: Mapping[str, Any]) -> dict[str, Any]:
    """The `source_data` of a result: the Hub data set that the source names, else where the number was read."""
    said = dict(entry.dataset)
    name = said.get("name") or known.get("name") or entry.benchmark
    if re.fullmatch(r"[\w.-]+/[\w.-]+", said.get("type", "")):
        more = {"subset": said.get("config"), "revision": said.get("revision")}
        data = {
            "dataset_name": name,
            "source_type": "hf_dataset",
            "hf_repo": said["type"],
            "hf_split": said.get("split"),
        }
        data["additional_details"] = {key: value for key, value in more.items() if value}
        return {key: value for key, value in data.items() if value}
    if entry.source_url:
        return {"dataset_name": name, "source_type": "url", "url": [entry.source_url]}
    return {"dataset_name": name, "source_type": "other"}


def read_records(paths: Sequence[Path]) -> tuple[list[tuple[Path, dict[str, Any]]], list[str]]:
    """The records and failure entries in files and below folders, and why other JSON files are none."""
    folders = [path for path in paths if not path.is_file()]
    found, notes = [], []
    for path in dict.fromkeys([path for path in paths if path.is_file()] + record_files(folders)):
        try:
            record = read_record(path)
        except ScriptError as error:
            notes.append(single_line(f"left out: {error}"))
            continue
        if record is None or not (record_model(record) or record.get("failure")):
            why = "no record of Every Eval Ever" if record is None else "it names no model"
            notes.append(single_line(f"left out: {path}: {why}"))
        else:
            found.append((path, record))
    return found, notes


def read_entries(
    paths: Sequence[Path],
    model_id: str | None,
    repo_id: str,
    benchmarks: Sequence[str],
    mapping: Mapping[str, Any],
    allowed: Allowed = NOTHING_DOUBTFUL,
) -> tuple[list[Entry], list[str]]:
    """One model's results in records (files, or all below folders), as measured, and what else was found there.

    ScriptError: 1 nothing to publish, or the gate says no; 2 a damaged or partial result; 3 several models, metrics,
    runs or states of the model.
    """
    chosen, notes, unclear = read_rows(paths, model_id, repo_id, benchmarks, mapping, allowed)
    return record_entries(chosen), [*notes, *unclear]


def record_entries(rows: Sequence[RecordResult]) -> list[Entry]:
    """Results to publish; the source of one that was contributed to a data set is its place there."""
    return [
        dataclasses.replace(row.entry, source_url=row.entry.source_url or contributed_url(Path(row.run.file)))
        for row in rows
    ]


def read_rows(
    paths: Sequence[Path],
    model_id: str | None,
    repo_id: str,
    benchmarks: Sequence[str],
    mapping: Mapping[str, Any],
    allowed: Allowed,
) -> tuple[list[RecordResult], list[str], list[str]]:
    """The chosen results of one model with the runs behind them, notes, and what was left out for want of a unit.

    Errors as of `read_entries`.
    """
    found, notes = read_records(paths)
    good = [(path, record) for path, record in found if not record.get("failure")]
    if not good:
        hint = f" ({listing(notes, 2)})" if notes else ""
        other = next(filter(None, (other_results(path) for path in paths if path.is_dir())), "")
        hint = f"; {other}" if other else hint
        raise ScriptError(f"no evaluation record in {listing(map(str, paths))}{hint}", code=1)
    name, settings, date = split_selector(model_id) if model_id else ("", {}, None)
    exact = any(record_identity(record).answers_to(model_id) for _, record in good) if model_id else False
    name, settings, date = (model_id, {}, None) if exact else (name, settings, date)
    meant = choose_record_model((record_identity(record) for _, record in good), name or None, repo_id)
    model, keys = meant[0] if len(meant) == 1 else meant[0].any_commit, {identity.key for identity in meant}
    vocabulary = vocabulary_of(mapping)
    rows: list[RecordResult] = []
    unclear: list[str] = []
    for path, record in good:
        if record_identity(record).key in keys:
            try:
                rows += results_of(path, record, vocabulary)
            except NoUnit as error:
                if not benchmarks or names_benchmark(record, benchmarks, vocabulary):
                    unclear.append(single_line(f"left out: {error}; write metric_config.metric_unit into it"))
                continue
            if (when := record.get("evaluation_timestamp")) and not iso_time(when):
                notes.append(single_line(f"left out: the date of {record_place(path)}: {when} is not ISO 8601"))
    if unclear and not rows:
        raise ScriptError("\n".join(unclear), code=3)
    notes += failure_notes(found, model, {row.run.result_id.rpartition("/")[0] for row in rows})
    if repo_id and model.id != repo_id:
        notes.append(single_line(f"the records are about {model.name}, published as {repo_id}"))
    kept = {id(run) for run in runs_with_settings((row.run for row in rows), settings)}
    rows = [row for row in rows if id(row.run) in kept]
    try:
        chosen, ids = choose_benchmarks(rows, benchmarks, vocabulary)
    except ScriptError as error:
        raise ScriptError("\n".join([*unclear, str(error)]), code=3 if unclear else error.code) from error
    chosen, more = choose_metrics(chosen, ids, vocabulary, allowed.metrics)
    notes += more
    runs, more = one_state([row.run for row in chosen], name or model.name, "--model-id", allowed.latest, date)
    notes += more
    kept = {id(run) for run in runs}
    chosen, more = with_repeats([row for row in chosen if id(row.run) in kept])
    notes += more
    chosen, more = with_wholes(chosen, ids, vocabulary)
    notes += more
    chosen, more = choose_runs(chosen, allowed)
    if not chosen:
        raise ScriptError(f"the records of {single_line(model.name)} have no result", code=1)
    more += own_entries(mapping, (row.entry.key or row.parent for row in chosen))
    return chosen, notes + more, unclear


def names_benchmark(record: Mapping[str, Any], benchmarks: Sequence[str], vocabulary: MetricMapping) -> bool:
    """Whether a result of a record is of one of the benchmarks that the user names."""
    keys = {vocabulary.names.get(normalize_name(text), normalize_name(text)) for text in benchmarks}
    found = (vocabulary.find_task(str(row.get("evaluation_name")), "") for row in record["evaluation_results"])
    return any(place and place[0] in keys for place in found)


def results_of(path: Path, record: Mapping[str, Any], vocabulary: MetricMapping) -> list[RecordResult]:
    """A record's results; ScriptError with the file when one is damaged."""
    readings = read_results(path, record, vocabulary)
    try:
        return [record_result(reading.run, record, reading.row, vocabulary) for reading in readings]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ScriptError(f"{path}: unreadable record: {single_line(error)}; evaluate again, or remove it") from error


def failure_notes(found: Iterable[tuple[Path, Mapping[str, Any]]], model: Identity, measured: set[str]) -> list[str]:
    """What failed for a model and was not measured since."""
    return [
        single_line(f"failed: {record.get('task')}: {str(record.get('error'))[:200]} ({record_place(path)})")
        for path, record in found
        if record.get("failure") and record_model(record) in (model.id, "") and str(record.get("task")) not in measured
    ]


# --- parts/publish/origins.py -----------------------------------------------------------------------------------------

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


# --- parts/publish/local.py -------------------------------------------------------------------------------------------

TEMPORARY = re.compile(r"\.(\d{1,10})\.[0-9a-f]{16}\.tmp")  # of `whole_file`, with its process


def read_clone(card: Path) -> RepoState:
    """A card on disk, and the .eval_results beside it."""
    data = input_bytes(card, MAX_CARD_FILE)
    files = {
        EVAL_RESULTS + path.name: decode_strict(input_bytes(path, MAX_CARD_FILE), str(path))
        for path in sorted((card.parent / ".eval_results").glob("*.y*ml"))
    }
    return RepoState(None, data, files, str(card))


def write_clone(card: Path, change: Change) -> list[Path]:
    """Write a change beside a card, each file whole: through links, with its mode; ScriptError for one to read only."""
    targets = {path: (card if path == "README.md" else card.parent / path) for path in change.files}
    for path, target in targets.items():
        if not target.resolve().is_relative_to(card.parent.resolve()):
            raise ScriptError(
                f"{path}: a link leads it out of {card.parent}, to {target.resolve()}; nothing was written: if that is "
                "the one, name it itself"
            )
        if target.exists() and not target.stat().st_mode & stat.S_IWUSR:
            raise ScriptError(f"{target}: it may only be read; nothing was written")
    for path, data in sorted(change.files.items(), reverse=True):  # the card last: it is what people look at
        write_through(targets[path], data)
    return list(targets.values())


def write_through(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, where a link leads to, with the mode that it has."""
    target = path.resolve() if path.is_symlink() else path
    clean_leftovers(target.parent)
    with whole_file(target, stat.S_IMODE(target.stat().st_mode) if target.exists() else None) as file:
        file.write(data)


def clean_leftovers(folder: Path) -> None:
    """Remove what a run that was killed has left half written."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            found = TEMPORARY.fullmatch(path.name)
            if found and not is_alive(int(found[1])) and not path.is_symlink() and path.is_file():
                path.unlink()


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def owned_folder(folder: Path) -> Iterator[None]:
    """Keep other runs out of an output folder; ScriptError names the one that works in it, and since when.

    The lock is the system's, so that a killed run leaves none behind; its file says who holds it.
    """
    import fcntl

    refuse_link_out(folder)
    new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        refuse_strange_lock(folder / ".lock")
        file = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise ScriptError(f"{folder}: could not be written: {error.strerror or error}") from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ScriptError(f"{folder}: {owner_text(os.pread(file, 1000, 0))}; wait for it, or stop it") from error
        owner = {"process": os.getpid(), "machine": socket.gethostname(), "since": time.time()}
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(owner).encode(), 0)
        for place in (folder, *(path for path in folder.iterdir() if path.is_dir())):
            clean_leftovers(place)
        yield
    finally:
        os.close(file)
        if new and [path.name for path in folder.iterdir()] == [".lock"]:  # nothing came of it
            (folder / ".lock").unlink()
            folder.rmdir()


def owner_text(data: bytes) -> str:
    """Who works in a folder, for people."""
    try:
        owner = json.loads(data)
        since = datetime.fromtimestamp(float(owner["since"]), UTC)
        age = max(0, round((datetime.now(UTC) - since).total_seconds()))
        who = f"process {int(owner['process'])} on {single_line(owner['machine'])[:60]}"
        return f"another run works in it ({who}, for {age} s)"
    except (ValueError, KeyError, TypeError, OverflowError, OSError):
        return "another run works in it"


def refuse_same_file(output: Path | None, card: Path | None) -> None:
    """ScriptError when a plan would be written over the card that it is about."""
    if output and card and (output.resolve() == card.resolve() or (output.exists() and output.samefile(card))):
        raise ScriptError(f"--output {output} is the card itself; choose another file")


def say_written(paths: list[Path]) -> None:
    note(f"written: {', '.join(map(str, paths))}")


# --- parts/publish/text.py --------------------------------------------------------------------------------------------

MOST_FACTS = 3000  # characters of what is written of a result beside its value: all that a plan may hold of it
TITLE = 100  # characters of a pull request's title, at most


def markdown_text(text: Any, most: int = 80) -> str:
    """Text of others for Markdown: nothing in it is markup, a link, a mention or a reference any more."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())[:most]
    escaped = "".join(c if c.isalnum() or c in " -()%,./" or ord(c) > 127 else f"&#{ord(c)};" for c in plain)
    return re.sub(r"(?i)www\.", lambda m: f"{m[0][:3]}&#46;", escaped)  # GFM makes links of "www." without markup


def pull_request_title(plan: Plan, change: Change) -> str:
    """How many results, and from where; which ones were selected how is in the description."""
    count = len(change.entries)
    return f"Add {count} evaluation result{'s' if count != 1 else ''} from {plan.source.partition(' (')[0]}"[:TITLE]


def counted_title(title: str, count: int) -> str:
    """A title of ours with another count: "Add 2 evaluation results", 3 -> "Add 3 evaluation results"."""
    return re.sub(
        r"\AAdd \d+ evaluation results?\b", f"Add {count} evaluation result{'s' if count != 1 else ''}", title
    )


def pull_request_text(plan: Plan, change: Change) -> str:
    """The description: what, from where, when, how to check. All text of others is escaped."""
    origin = "where it was read"
    lines = [f"Adds evaluation results, read from {markdown_text(plan.source, 2000)} on {plan.created[:10]}.", ""]
    lines += [f"| benchmark | value | metric | {origin} | written with |", "| --- | --- | --- | --- | --- |"]
    entries = sorted(change.entries, key=plan.entries.index)
    shared, own = facts_written(plan, entries)
    for entry, facts in list(zip(entries, own, strict=True))[:200]:
        metric = ", ".join(filter(None, (entry.metric, entry.shots, entry.variant))) or "-"
        cells = (entry.benchmark, f"{written_value(plan, entry):.12g}", metric, origin_text(plan, entry))
        lines.append(f"| {' | '.join(map(markdown_text, cells))} | {markdown_text(facts or '-', MOST_FACTS)} |")
    lines += [f"| and {len(entries) - 200} more | | | | |"] if len(entries) > 200 else []
    lines += ["", f"All are written with: {markdown_text(shared, MOST_FACTS)}."] if shared else []
    files = ", ".join(f"`{path}`" for path in change.files)
    lines += ["", f"Files: {files}."]
    lines += [f"- Replaced: {markdown_text(c.where)}: {markdown_text(c.there)} is now {c.new}" for c in change.replaced]
    others = {entry.benchmark for entry in plan.entries} - {entry.benchmark for entry in change.entries}
    notes = [text for text in all_notes(plan, change) if not any(f"{name}: " in text for name in others)]
    lines += [f"- Note: {markdown_text(text, 300)}" for text in notes[:20]]
    lines += [
        "",
        "Values are as the source shows them. To check: compare each row with the place that it names (tables are "
        "counted from 1, the rows under the header and columns from 0); "
        f"`uv run scripts/evaluation_manager.py show --repo-id {plan.repo_id} --revision refs/pr/N` lists what this "
        "pull request holds.",
    ]
    return "\n".join(lines)


def facts_written(plan: Plan, entries: Sequence[Entry]) -> tuple[str, list[str]]:
    """What is written of results beside names, settings and values: (what all have alike, of each the rest)."""
    results = dict(zip(plan.entries, plan.model_index, strict=True)) if plan.model_index else {}
    paths = {entry: path for path, entry in plan.made_of.items()}
    found = []
    for entry in entries:
        facts: dict[str, str] = {}
        if result := results.get(entry):
            dataset = result["dataset"]
            parts = [f"{key} {dataset[key]}" for key in ("config", "split", "revision") if dataset.get(key)]
            facts["data set"] = ", ".join([f"{dataset['name']} ({dataset['type']})", *parts])
            facts |= {"metric": result["metrics"][0]["type"], "task": result["task"]["type"]}
        if entry in paths:
            row = plan.eval_results[paths[entry]][0]
            facts["leaderboard"] = f"{row['dataset']['id']}, task {row['dataset'].get('task_id')}"
            facts |= {"date": str(row["date"])} if row.get("date") else {}
        facts |= {"source": f"{entry.source_name or ''} {entry.source_url}".strip()} if entry.source_url else {}
        found.append(facts)
    alike = [item for item in found[0].items() if all(item in facts.items() for facts in found)] if found else []
    alike = alike if len(found) > 1 else []

    def told(items: Iterable[tuple[str, str]]) -> str:
        return "; ".join(f"{name} {text}" for name, text in items)

    return told(alike), [told(item for item in facts.items() if item not in alike) for facts in found]


def origin_text(plan: Plan, entry: Entry) -> str:
    """Where a result was read, with the value there when it is written in another unit."""
    there = person_number(entry.value, entry.unit)
    return entry.origin if written_value(plan, entry) == there else f"{entry.origin}, {there:.12g} there"


def all_notes(plan: Plan, change: Change) -> list[str]:
    """What is to be known: what the source leaves out, what was filled in or converted, what contradicts."""
    mapping = plan.measures.mapping if plan.measures and plan.model_index else {}
    filled = [text for entry in change.entries if (text := filled_in(entry, mapping))]
    return list(dict.fromkeys([*plan.notes, *plan.remarks, *filled, *change.notes]))


def change_json(plan: Plan, change: Change) -> dict[str, Any]:
    return {
        "repo_id": plan.repo_id,
        "files": list(change.files),
        "added": change.added,
        "same": change.same,
        "replaced": [dataclasses.asdict(conflict) for conflict in change.replaced],
        "conflicts": [dataclasses.asdict(conflict) for conflict in change.conflicts],
        "questions": change.questions,
        "notes": all_notes(plan, change),
        "model_index": plan.model_index,
        "eval_results": plan.eval_results,
    }


def plan_lines(plan: Plan, change: Change) -> list[str]:
    """A plan and what it changes, for people."""
    lines = [f"{plan.repo_id}: {len(plan.entries)} results from {plan.source}"]
    shared, own = facts_written(plan, plan.entries)
    for entry, facts in zip(plan.entries, own, strict=True):
        line = f"  {entry_name(entry)}: {written_value(plan, entry):.12g}   "
        line += origin_text(plan, entry) if entry.origin == BY_HAND else f"from {origin_text(plan, entry)}"
        lines.append(f"{line}   with {facts}" if facts else line)
    lines += [f"  all of them with {shared}"] if shared else []
    lines += [f"new: {text}" for text in change.added]
    lines += [f"already there: {text}" for text in change.same]
    lines += [f"replaced: {c.where}: {c.there} becomes {c.new}" for c in change.replaced]
    lines += [f"conflict: {c.where} ({c.benchmark}): {c}" for c in change.conflicts]
    lines += [f"note: {text}" for text in all_notes(plan, change)]
    return ["".join(c if c.isprintable() else " " for c in line) for line in lines]


# --- parts/seal.py ----------------------------------------------------------------------------------------------------


def seal_key() -> bytes:
    """The user's key, made when there is none; ScriptError when it can be neither read nor written."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = state / "hub-evals" / "seal.key"
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


# --- parts/publish/sending.py -----------------------------------------------------------------------------------------

MAX_REPLANS = 3  # times that a plan is made anew because the repo has moved on
MOST_CLOSED = 20  # closed pull requests of one's own that are looked at
PLAN_SEAL, RESULTS_SEAL = "plan 3", "plan results 1"
# What a plan's seal covers: where it goes, as what, and what was answered.
DECIDED = (
    "repo_id", "target", "formats", "task_type", "dataset_name",
    "replace", "beside", "scales", "official", "own_harness",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Sent:
    """What the Hub has now: the commit, its address, and the pull request that holds it."""

    oid: str
    commit_url: str
    pr_url: str | None = None
    number: int | None = None


def send_change(
    hub: Hub,
    plan: Plan,
    how: Sending,
    change: Change,
    state: RepoState,
    before: frozenset[int] = frozenset(),
    replan: Callable[[Plan, RepoState], Plan] = lambda plan, state: plan,
) -> dict[str, Any]:
    """One commit or one pull request with the change; planned anew when the repo has moved on, at most three times.

    `before`: the numbers of the pull requests that were there. `replan` makes the plan fit for another state, or raises
    ScriptError. Returns {"commit", "url", "pull_request"}. What the Hub has afterwards is read back and compared.
    """
    nothing = {"commit": None, "url": None, "pull_request": None}
    for attempt in range(1 + MAX_REPLANS):
        if attempt:
            note(f"{plan.repo_id} has moved on; planning again ({attempt} of {MAX_REPLANS})")
            state = hub.state(plan.repo_id, how.revision)
            plan = replan(plan, state)
            change = merge(plan, state)
            refuse_open_ends(change)
            if not change.files:
                note("all of it is there now; nothing was sent")
                return nothing
        show_change(plan, change)
        sent = send_once(hub, plan, how, change, state, before)
        if sent is not None:
            read_back(hub, plan, sent, change)
            if how.create_pr:
                sent = without_doubles(hub, plan, sent, before)
            return {"commit": sent.oid, "url": sent.commit_url, "pull_request": sent.pr_url}
    saved = Path(f"plan-{plan.repo_id.replace('/', '--')}.json")
    write_whole(saved, to_json(saved_plan(plan)))
    raise ScriptError(
        f"{plan.repo_id} changed {1 + MAX_REPLANS} times while this ran; nothing was written. The plan is in {saved}; "
        f"later: {again_apply(saved, plan)}"
    )


def show_change(plan: Plan, change: Change) -> None:
    """Say what is written, before it is."""
    for line in plan_lines(plan, change):
        note(line)


def send_once(
    hub: Hub, plan: Plan, how: Sending, change: Change, state: RepoState, before: frozenset[int]
) -> Sent | None:
    """The commit; None when the repo is not at the planned parent any more.

    After an error that leaves open whether it was made, it is looked for; when it is not there it is sent again.
    """
    from huggingface_hub.errors import HfHubHTTPError

    options = {
        "commit_message": how.message or pull_request_title(plan, change),
        "commit_description": pull_request_text(plan, change),
        "parent_commit": state.sha,
        "revision": how.revision,
        "create_pr": how.create_pr or None,
    }

    def send() -> Sent:
        made = hub.commit(plan.repo_id, change.files, **options)
        if how.create_pr and not made.pr_url:
            raise ScriptError(f"{plan.repo_id}: the Hub made no pull request of what was sent")
        return Sent(made.oid, made.commit_url, made.pr_url, made.pr_num)

    try:
        return commit_once(send, lambda: arrived(hub, plan, how, state, before))
    except HfHubHTTPError as error:
        if error.response is None or error.response.status_code != 412:
            raise
        return arrived(hub, plan, how, state, before)


def arrived(hub: Hub, plan: Plan, how: Sending, state: RepoState, before: frozenset[int]) -> Sent | None:
    """A commit whose answer was lost, if it was made."""
    if how.create_pr:
        held = equal_proposals(hub, plan, "open", before)
        return proposal_sent(hub, plan.repo_id, held[0]) if held else None
    now = hub.state(plan.repo_id, how.revision)
    there = merge(plan, now)
    if now.sha == state.sha or there.files or there.conflicts:
        return None
    return Sent(str(now.sha), f"{hub.api.endpoint}/{plan.repo_id}/commit/{now.sha}")


def equal_proposals(hub: Hub, plan: Plan, status: str, before: frozenset[int] = frozenset()) -> list[Any]:
    """One's own pull requests that hold all that the plan would add, oldest first; without those in `before`."""
    mine = hub.proposals(plan.repo_id, status, author=str(hub.identity()["name"]))
    mine = [item for item in mine if item.num not in before and item.status in (status, "draft")]
    found = []
    for item in mine[-MOST_CLOSED:]:
        there = merge(plan, hub.state(plan.repo_id, f"refs/pr/{item.num}"))
        if not there.files and not there.conflicts:
            found.append(item)
    return found


def proposal_sent(hub: Hub, repo_id: str, item: Any) -> Sent:
    state = hub.state(repo_id, f"refs/pr/{item.num}")
    return Sent(str(state.sha), f"{hub.api.endpoint}/{repo_id}/commit/{state.sha}", item.url, item.num)


def without_doubles(hub: Hub, plan: Plan, sent: Sent, before: frozenset[int]) -> Sent:
    """The oldest of one's own new pull requests that hold this; the younger ones are closed with a word."""
    from huggingface_hub.errors import HfHubHTTPError

    held = equal_proposals(hub, plan, "open", before)
    for item in held[1:]:
        try:
            word = f"The same as #{held[0].num}, opened at the same time."
            hub.read(hub.api.change_discussion_status, plan.repo_id, item.num, "closed", comment=word)
            note(f"{item.url} held the same as {held[0].url} and was closed")
        except HfHubHTTPError as error:  # the other run may have closed it
            note(f"{item.url} holds the same as {held[0].url}; it could not be closed: {single_line(error)[:100]}")
    return sent if not held or held[0].num == sent.number else proposal_sent(hub, plan.repo_id, held[0])


def read_back(hub: Hub, plan: Plan, sent: Sent, change: Change) -> None:
    """ScriptError unless the Hub has what was sent, in this very commit."""
    try:
        differing = [path for path, data in change.files.items() if hub.content(plan.repo_id, path, sent.oid) != data]
    except Exception as error:
        raise ScriptError(
            f"{plan.repo_id}: it was written ({sent.pr_url or sent.commit_url}), but could not be read back: "
            f"{single_line(error)[:200] or type(error).__name__}; run the same command again"
        ) from error
    if differing:
        raise ScriptError(
            f"{plan.repo_id}: {differing[0]} differs on the Hub from what was sent; look at {sent.commit_url}"
        )


def refuse_open_ends(change: Change) -> None:
    """ScriptError (3) while something is undecided: nothing is written then."""
    if change.questions:
        raise ScriptError("\n".join(map(single_line, change.questions)), code=3)
    if not change.conflicts:
        return
    lines = [single_line(f"{c.where} ({c.benchmark}): {c}") for c in change.conflicts]
    ours = [c for c in change.conflicts if c.where.endswith(".value")]
    ways = ["--replace takes the new values"] if ours else ["correct it"]
    ways += ["--beside NAME (or all) writes the new one beside it, as another result"] if ours else []
    lines.append(f"nothing was written; {', '.join(ways)}, or take fewer results")
    raise ScriptError("\n".join(lines), code=3)


def carry_out(
    plan: Plan,
    args: argparse.Namespace,
    hub: Hub | None,
    state: RepoState,
    change: Change,
    replan: Callable[[Plan, RepoState], Plan],
) -> dict[str, Any]:
    """Do what was asked for: nothing (a dry run), the local card, a pull request, a commit.

    A dry run asks the Hub all that the real one asks, and ends as that would.
    """
    outcome: dict[str, Any] = {"commit": None, "url": None, "pull_request": None, "dry_run": not acts(args)}
    if not change.files:
        return outcome
    if args.card or hub is None:
        if acts(args):
            if read_clone(args.card) != state:
                raise ScriptError(f"{args.card} was changed while this ran; nothing was written: run it again", code=3)
            show_change(plan, change)
            say_written(write_clone(args.card, change))
        return outcome
    if not (args.create_pr or args.update_pr or args.apply):
        return outcome
    how = Sending(args.create_pr, f"refs/pr/{args.update_pr}" if args.update_pr else None, args.commit_message)
    with hub_errors(f"writing to {plan.repo_id}", hub.token or ""):
        if state.closed:
            raise ScriptError(f"{plan.repo_id} is {state.closed}: nobody can write to it, or open a pull request")
        before = refuse_hindrances(hub, plan, how, args)
        if not acts(args):
            return outcome
        outcome |= send_change(hub, plan, how, change, state, before, replan)
        if args.update_pr and outcome["commit"]:
            correct_title(hub, plan, args.update_pr)
    return outcome


def refuse_hindrances(hub: Hub, plan: Plan, how: Sending, args: argparse.Namespace) -> frozenset[int]:
    """What stands in the way of writing: permission (2), an open pull request, one that was closed (3).

    Returns the numbers of the pull requests that are open. Without a token (a dry run) permission is not asked for.
    """
    if hub.token is None and not acts(args):
        note("no token was given: what it may do was not asked")
    else:
        check_write_access(hub.identity(), plan.repo_id, how.create_pr or how.revision is not None)
    if not how.create_pr:
        return frozenset()
    requests = hub.pull_requests(plan.repo_id)
    if not args.allow_duplicate_pr:
        refuse_second_pull_request(requests)
    if hub.token is not None and not args.again:
        refuse_closed_pull_request(hub, plan)
    return frozenset(request.number for request in requests)


def refuse_second_pull_request(requests: list[PullRequest]) -> None:
    """ScriptError (3) with its URL when an open pull request touches evaluation metadata already."""
    for request in requests:
        if request.evaluation:
            raise ScriptError(
                f"an open pull request touches the evaluation metadata already: {request.url} ({request.title!r} by "
                f"{request.author}, {request.date}); add to it with --update-pr {request.number}, or open a second "
                "one with --allow-duplicate-pr",
                code=3,
            )


def refuse_closed_pull_request(hub: Hub, plan: Plan) -> None:
    """ScriptError (3) when one's own pull request with all of this was closed: its owner did not want it."""
    closed = equal_proposals(hub, plan, "closed")
    if closed:
        raise ScriptError(
            f"your pull request with these results was closed: {closed[-1].url}; read why there, and --again opens "
            "another one all the same",
            code=3,
        )


def correct_title(hub: Hub, plan: Plan, number: int) -> None:
    """A title of ours that counts results counts them again after more were added."""
    item = hub.read(hub.api.get_discussion_details, plan.repo_id, number)
    main, held = hub.state(plan.repo_id), hub.state(plan.repo_id, f"refs/pr/{number}")
    title = counted_title(item.title, len(added_results(held, main, measures_of(plan))))
    if title != item.title and item.author == hub.identity()["name"]:
        hub.read(hub.api.rename_discussion, plan.repo_id, number, title)


def added_results(state: RepoState, base: RepoState, measures: Measures) -> list[StandingResult]:
    """The results that a state has and its base has not, or with another value; one in both formats is one."""
    old, found = standings_of(base, measures), []
    for item in standings_of(state, measures):
        rivals = [other for other in (*old, *found) if measures.relation(other.measure, item.measure) != OTHER]
        if not any(is_value(other, item.value, item.unit, measures) for other in rivals):
            found.append(item)
    return found


def acts(args: argparse.Namespace) -> bool:
    return bool(args.apply or args.create_pr or args.update_pr) and not args.dry_run


def saved_plan(plan: Plan) -> dict[str, Any]:
    """A plan as it is saved, with the user's seals: on where it goes and what was answered, and on its results.

    What is changed and not yet meant (`--adopt`) keeps the seal that does not fit.
    """
    try:
        results = plan.results_seal if plan.changed else seal_of(results_of_plan(plan), RESULTS_SEAL)
        seal = seal_of(decisions_of(plan, results), PLAN_SEAL)
    except ScriptError as error:
        note(f"{error}; so the plan has no seal, and `apply` asks where it goes")
        seal = results = ""
    return plan.as_json() | {"seal": seal, "results_seal": results}


def is_own(plan: Plan) -> bool:
    """Whether a plan, as it was read, goes where this user said, with this user's answers."""
    return bool(plan.seal) and is_sealed(decisions_of(plan, plan.results_seal) | {"seal": plan.seal}, PLAN_SEAL)


def is_unchanged(plan: Plan) -> bool:
    """Whether a plan, as it was read, holds the results that this program read for this user, as it read them."""
    said = plan.results_seal
    return bool(said) and is_sealed(results_of_plan(plan) | {"seal": said}, RESULTS_SEAL)


def results_of_plan(plan: Plan) -> dict[str, Any]:
    """All of a plan but where it goes and what was answered: whose results, which, and what they were read from."""
    kept = {name: value for name, value in plan.as_json().items() if name not in DECIDED}
    return {**kept, "repo_id": plan.repo_id, "seal": "", "results_seal": ""}


def decisions_of(plan: Plan, results_seal: str) -> dict[str, Any]:
    """Where a plan goes and what was answered, and for which results: a decision on others is none on these."""
    return {name: getattr(plan, name) for name in DECIDED} | {"results_seal": results_seal}


def again_apply(file: Path, plan: Plan) -> str:
    """The command that applies a saved plan; where it goes is in the plan, else a pull request is proposed."""
    more = [] if plan.target else ["--create-pr"]
    return f"{run_line('evaluation_manager.py')} {command_line_of(['apply', file, *more])}"


# --- parts/publish/batch.py -------------------------------------------------------------------------------------------

BATCH_SEAL = "batch 2"
STATUSES = ("found", "already there", "outdated", "conflict", "ambiguous", "none", "failed")


@dataclass(slots=True)
class ModelOutcome:
    """What batch found for one model; written when the model is done."""

    repo_id: str
    status: str  # one of STATUSES; outdated: a pull request of one's own holds other values
    reason: str = ""
    results: int = 0
    added: int = 0
    plan: str | None = None  # file, relative to the output folder
    plan_sha256: str | None = None  # of that file
    pull_request: str | None = None
    attempted: bool = False  # a pull request was sent, whether or not an answer came


@dataclass(slots=True)
class Batch:
    """What all models of a batch share."""

    folder: Path
    hub: Hub
    mapping: Mapping[str, Any]
    vocabulary: Vocabulary
    keys: frozenset[str]  # canonical keys that are wanted; empty: all
    sources: frozenset[str]
    aa_models: list[dict[str, Any]]
    formats: str
    task_type: str
    scales: Mapping[str, str]
    placing: Placing
    started: datetime
    seal: str  # of its batch.json

    def path(self, kind: str, repo_id: str) -> Path:
        return self.folder / kind / outcome_name(repo_id)

    def save(self, outcome: ModelOutcome) -> ModelOutcome:
        content = sealed(dataclasses.asdict(outcome), outcome_seal(self.seal, outcome.repo_id))
        write_whole(self.path("models", outcome.repo_id), to_json(content))
        return outcome

    def plan_of(self, outcome: ModelOutcome) -> Plan:
        """The plan that was made for a model; ScriptError when its file holds another one now."""
        path = self.path("plans", outcome.repo_id)
        data = input_bytes(path)
        if hashlib.sha256(data).hexdigest() != outcome.plan_sha256:
            raise ScriptError(
                f"{path} was changed since it was made here: `apply` it by itself, if it is what you want"
            )
        plan = plan_from_json(strict_json(data), str(path))
        return render_plan(plan, self.mapping, self.placing)


def outcome_name(repo_id: str) -> str:
    """The name of a model's files: "me/lm" -> "me--lm.json"."""
    return f"{repo_id.replace('/', '--')}.json"


def outcome_seal(batch_seal: str, repo_id: str) -> str:
    """What the seal of an outcome is for: one model of one batch, so that it says nothing in another's folder."""
    return f"batch outcome 2 {batch_seal} {repo_id}"


def batch_model(batch: Batch, repo_id: str, reading: Future[RepoState]) -> ModelOutcome:
    """Decide about one model, write its records and its plan, and last its outcome; no failure leaves this function."""
    try:
        with card_errors(repo_id):
            outcome = look_at(batch, repo_id, reading.result())
    except ScriptError as error:
        outcome = ModelOutcome(repo_id, "failed", " ".join(str(error).split())[:500])
    return batch.save(outcome)


def look_at(batch: Batch, repo_id: str, state: RepoState) -> ModelOutcome:
    entries, doubt, missing, conflicts = batch_entries(batch, repo_id, state)
    left_out = [entry.benchmark for entry in entries if batch.keys and entry.key not in batch.keys]
    entries = [entry for entry in entries if not batch.keys or entry.key in batch.keys]
    if not entries:
        missing += [f"of other benchmarks only: {listing(left_out)}"] if left_out else []
        return ModelOutcome(repo_id, "ambiguous" if doubt else "none", doubt or "; ".join(missing))
    plan = make_plan(
        repo_id,
        entries,
        batch.mapping,
        placing=batch.placing,
        formats=batch.formats,
        task_type=batch.task_type,
        source=source_phrase(entries),
    )
    plan.created, plan.target = batch.started.isoformat(timespec="seconds"), "new-pr"
    plan.parent, plan.card = state.sha, body_id(state.card or b"")
    plan.scales = dict(batch.scales)
    questions = [*plan.questions, *metric_questions(plan), *settled_plan(batch, plan)]
    change = merge(plan, state)
    conflicts += [f"{c.where}: {c}" for c in change.conflicts]
    for path, record in entries_records(entries, repo_id, batch.mapping, batch.started):
        write_whole(batch.folder / path, to_json(record))
    text = to_json(saved_plan(plan))
    write_whole(batch.path("plans", repo_id), text)
    status, reason = "found", ""
    if not change.files and not conflicts:
        status = "already there"
    if doubt or questions:
        status, reason = "ambiguous", doubt or questions[0]
    if conflicts:
        status, reason = "conflict", conflicts[0]
    if errors := [f for f in new_findings(state, change, batch.mapping) if f.severity == "error"]:
        status, reason = "failed", f"would not validate: {errors[0].path}: {errors[0].message}"
    where, digest = (
        str(batch.path("plans", repo_id).relative_to(batch.folder)),
        hashlib.sha256(text.encode()).hexdigest(),
    )
    return ModelOutcome(repo_id, status, " ".join(reason.split())[:500], len(entries), len(change.added), where, digest)


def settled_plan(batch: Batch, plan: Plan) -> list[str]:
    """Fit a plan to the Hub's leaderboards; the questions that are left."""
    boards = {row["dataset"]["id"] for rows in plan.eval_results.values() for row in rows}
    return settle(plan, {name: batch.hub.leaderboard(name) for name in boards}, plan.scales)


def batch_entries(batch: Batch, repo_id: str, state: RepoState) -> tuple[list[Entry], str, list[str], list[str]]:
    """The results of a model from the wanted sources, what is in doubt, why a source has none, and conflicts."""
    entries: list[Entry] = []
    doubt, missing, conflicts = "", [], []
    if "card" in batch.sources and state.card is None:
        missing.append("it has no README.md")
    if "card" in batch.sources and state.card is not None:
        answer, task = read_card_scores(state.card, repo_id, batch.vocabulary)
        entries += card_entries(answer.results, repo_id, task)
        doubt = answer.message if answer.code == 3 else ""
        missing += [answer.message.partition("\n")[0].rstrip(":")] if answer.code == 1 else []
        conflicts = [conflict_text(conflict) for conflict in answer.conflicts()]
    if "aa" in batch.sources:
        model = same_aa_model(batch.aa_models, repo_id)
        entries += aa_entries(model, batch.mapping)[0] if model else []
        missing += [] if model else [f"{AA_NAME} has no single model of that name and creator"]
    return entries, doubt, missing, conflicts


def same_aa_model(models: list[dict[str, Any]], repo_id: str) -> dict[str, Any] | None:
    """The API's model of this very name and creator; None when there is none, or more than one (modes of one too)."""
    owner, _, name = repo_id.partition("/")
    folded, wanted = normalize_name(owner), normalize_name(name)
    own, found = [], []
    for model in models:
        creator = normalize_name(str((model.get("model_creator") or {}).get("slug") or ""))
        names = {normalize_name(str(model.get(part) or "")) for part in ("slug", "name")}
        if creator and (folded.startswith(creator) or creator.startswith(folded)):
            own.append(model)
            found += [model] if wanted in names else []
    if len(found) == 1 and wanted != normalize_name(found[0]["name"]):
        found = aa_modes(found[0], own)
    return found[0] if len(found) == 1 else None


def source_phrase(entries: Sequence[Entry]) -> str:
    from_api = any(entry.origin.startswith("evaluations.") for entry in entries)
    from_card = any(entry.origin.startswith("table ") for entry in entries)
    parts = ["the model card's tables"] * from_card + ["Artificial Analysis"] * from_api
    return " and ".join(parts)


def new_findings(
    state: RepoState, change: Change, mapping: Mapping[str, Any], hubs: Iterable[str] = ()
) -> list[Finding]:
    """What validate would say afterwards and does not say now; `hubs` are known to be official Benchmarks."""
    before = {"README.md": state.card or b"", **{path: text.encode() for path, text in state.files.items()}}
    old = Counter((finding.path, finding.message) for finding in check_files(before, mapping))
    after = check_files({**before, **change.files}, mapping, hubs)
    return [finding for finding in after if not old[finding.path, finding.message]]


def check_files(files: Mapping[str, bytes], mapping: Mapping[str, Any], hubs: Iterable[str] = ()) -> list[Finding]:
    """Findings in a card's metadata and the files of .eval_results; a file that cannot be read is one, too."""
    findings, loaded = [], {}
    for path, data in files.items():
        try:
            text = decode_strict(data, path)
            if path.startswith(EVAL_RESULTS) or path.endswith((".yaml", ".yml")):
                loaded[path] = load_yaml(text, path)[0]
                findings += check_eval_results(path, loaded[path], mapping, hubs)
            else:
                findings += check_model_index(front_values(text, path), mapping)
        except ScriptError as error:
            findings.append(Finding(path, "error", str(error).removeprefix(path).lstrip(",: ")))
    return findings + check_eval_results_set(loaded, mapping)


def front_values(text: str, name: str) -> Any:
    """A card's metadata as it is, well formed or not; ScriptError when it is no YAML."""
    found = FRONT_MATTER.match(text)
    if not found and FRONT_WITHOUT_END.match(text):
        raise ScriptError(f"{name}, line 1: the front matter has no closing ---, so the Hub reads no metadata")
    return load_yaml(found["yaml"], name, found["open"].count("\n") + 1)[0] if found else {}


def open_pull_requests(batch: Batch, outcomes: list[ModelOutcome], most: int) -> None:
    """A pull request for each model with something new, up to a number; none where one is open, or was closed."""
    waiting = [o for o in outcomes if o.status == "found" and not o.pull_request and not o.reason]
    if not waiting:
        return
    with hub_errors("asking the Hub who writes", batch.hub.token or "-"):
        identity = batch.hub.identity()
    for outcome in waiting:
        if sum(o.attempted for o in outcomes if o is not outcome) >= most:
            note(f"{most} pull requests were opened, or may have been; --max-prs allows more")
            return
        try:
            with hub_errors(outcome.repo_id, batch.hub.token or "-"):
                check_write_access(identity, outcome.repo_id, True)
                propose(batch, outcome, str(identity["name"]))
        except ScriptError as error:
            outcome.status, outcome.reason = "failed", " ".join(str(error).split())[:500]
        batch.save(outcome)


def propose(batch: Batch, outcome: ModelOutcome, me: str) -> None:
    """Open one model's pull request, unless one is open or was closed; one's own are known by what they hold."""
    plan = batch.plan_of(outcome)
    state = batch.hub.state(plan.repo_id)
    plan = still_said(plan, state)
    questions = settled_plan(batch, plan)
    change = merge(plan, state)
    change.questions = questions
    requests = batch.hub.pull_requests(plan.repo_id)
    for request in [request for request in requests if request.evaluation]:
        there = merge(plan, batch.hub.state(plan.repo_id, f"refs/pr/{request.number}"))
        if request.author == me and not there.files and not there.conflicts:
            outcome.pull_request = request.url
        elif request.author == me:
            outcome.status = "outdated"
            outcome.reason = f"your pull request has other results: {request.url}; apply its plan with --update-pr"
        else:
            outcome.reason = f"an open pull request touches the evaluation metadata: {request.url}"
        return
    refuse_open_ends(change)
    if not change.files:
        outcome.status = "already there"
        return
    if closed := equal_proposals(batch.hub, plan, "closed"):
        outcome.reason = f"your pull request with these results was closed: {closed[-1].url}"
        return
    outcome.attempted = True
    batch.save(outcome)
    before = frozenset(request.number for request in requests)
    sent = send_change(batch.hub, plan, Sending(create_pr=True), change, state, before, still_said)
    outcome.pull_request = sent["pull_request"]


def refresh(batch: Batch, outcome: ModelOutcome) -> None:
    """What has become of a model's pull request since: merged, closed, or open still."""
    if not outcome.pull_request:
        return
    number = int(outcome.pull_request.rpartition("/")[2])
    with card_errors(outcome.repo_id):
        status = batch.hub.read(batch.hub.api.get_discussion_details, outcome.repo_id, number).status
    if status == "merged":
        outcome.status, outcome.reason = "already there", "its pull request was merged"
    elif status == "closed":
        outcome.reason = "its pull request was closed"


def batch_repos(args: argparse.Namespace, hub: Hub) -> dict[str, Any]:
    """The models to look at, in order, with what the Hub's list says of each already."""
    expand = ["sha", "siblings"]
    if args.repo_ids:
        lines = read_lines(args.repo_ids)
        wrong = [line for line in lines if not REPO_ID.fullmatch(line)]
        if wrong:
            raise ScriptError(f"{args.repo_ids}: {wrong[0]!r} is no OWNER/NAME; one in a line is expected")
        if not lines:
            raise ScriptError(f"{args.repo_ids} names no model; one OWNER/NAME in a line is expected")
        return dict.fromkeys(lines)
    with hub_errors("listing models", hub.token or "-"):
        said = f"{args.author} has no models, or none that are to be seen"
        asked = {"author": args.author}
        if not args.author:
            asked = {"pipeline_tag": "text-generation", "sort": "trending_score", "limit": args.trending}
            said = "the Hub lists no trending text-generation models"
        found = hub.read(listed, lambda: hub.api.list_models(**asked, expand=expand))
    repos = {model.id: model for model in found if REPO_ID.fullmatch(model.id)}
    if not repos:
        raise ScriptError(said, code=1)
    if args.trending and len(repos) < args.trending:
        note(f"the Hub lists {len(repos)} such models, not {args.trending}")
    return repos


def resume_batch(args: argparse.Namespace, hub: Hub) -> tuple[dict[str, Any], dict[str, ModelOutcome], datetime, str]:
    """The models, the outcomes that an interrupted run of the same batch has written, when it began, and its seal."""
    file = args.output_dir / "batch.json"
    settings = {
        "schema_version": PLAN_SCHEMA,
        "repo_ids": str(args.repo_ids) if args.repo_ids else None,
        "trending": args.trending,
        "author": args.author,
        "benchmarks": args.benchmarks,
        "from": args.sources,
        "format": args.format,
        "scale": args.scale or [],
        "task_type": args.task_type,
    }
    if not file.exists():
        repos, started = batch_repos(args, hub), datetime.now(UTC).replace(microsecond=0)
        batch_id = secrets.token_hex(32)  # two of the same second and settings are two
        content = {**settings, "started": started.isoformat(), "id": batch_id, "models": list(repos)}
        content = sealed(content, BATCH_SEAL)
        write_whole(file, to_json(content))
        return repos, {}, started, content["seal"]
    if not args.resume:
        raise ScriptError(f"{args.output_dir} holds a batch already; go on with --resume, or take another --output-dir")
    saved = read_json(file)
    if not isinstance(saved, dict) or {k: saved.get(k) for k in settings} != settings:
        raise ScriptError(f"{file} was made with other options; give the same ones, or take another --output-dir")
    try:
        repos, started = dict.fromkeys(saved["models"]), datetime.fromisoformat(saved["started"])
        if not all(REPO_ID.fullmatch(repo_id) for repo_id in repos):
            raise ValueError("a model is no OWNER/NAME")
    except (KeyError, TypeError, ValueError) as error:
        raise ScriptError(f"{file} is damaged ({single_line(error)}); take another --output-dir") from error
    if not is_sealed(saved, BATCH_SEAL):
        raise ScriptError(
            f"{file} was not written by you on this machine, or was changed: take another --output-dir", 3
        )
    done = {}
    for repo_id in repos:
        path = args.output_dir / "models" / outcome_name(repo_id)
        with contextlib.suppress(TypeError, ScriptError):  # not an outcome of one's own: looked at again
            content = read_json(path) if path.exists() else None
            if content is not None and not is_sealed(content, outcome_seal(saved["seal"], repo_id)):
                note(f"{path} was not written by you for this model of this batch, or was changed: looked at again")
            elif content is not None:
                outcome = ModelOutcome(**{name: value for name, value in content.items() if name != "seal"})
                if outcome.status in STATUSES[:-1]:  # what failed is tried again
                    done[outcome.repo_id] = outcome
    return repos, done, started, saved["seal"]


def render_summary(outcomes: Sequence[ModelOutcome], shown: Callable[[Any], str] | None = None) -> str:
    """summary.md: one row for each model; for a terminal with reasons as `shown` writes them, whole and unescaped."""
    counts = Counter(outcome.status for outcome in outcomes)
    lines = [", ".join(f"{status}: {counts[status]}" for status in STATUSES if counts[status]), ""]
    lines += ["| model | status | results | new | pull request | reason |", "| --- | --- | --- | --- | --- | --- |"]
    for o in outcomes:
        reason = shown(o.reason).replace("|", r"\|") if shown else markdown_text(o.reason, 500)
        lines.append(f"| {o.repo_id} | {o.status} | {o.results} | {o.added} | {o.pull_request or ''} | {reason} |")
    return "\n".join(lines) + "\n"


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
    entry = cache / hashlib.sha256(f"{path.resolve()}|{known}".encode()).hexdigest()
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
    return hashlib.sha256("".join(lines).encode()).hexdigest()


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
    return hashlib.sha256(lines.encode()).hexdigest()


def files_sha256(folder: Path, files: Sequence[str]) -> str:
    """One hash for some files of a folder and their names; that of `data_sha256` when these are all."""
    lines = "".join(f"{file_sha256(folder / name)}  {name}\n" for name in sorted(files))
    return hashlib.sha256(lines.encode()).hexdigest()


def local_sha256(path: Path, names: str | None = None) -> str | None:
    """The hash of local data: a file, all of a folder, or some of its files ("a.jsonl,b.jsonl"); None when gone."""
    if path.is_file():
        return file_sha256(path)
    if not path.is_dir() or not all((path / name).is_file() for name in (names or "").split(",") if name):
        return None
    return files_sha256(path, names.split(",")) if names else data_sha256(path)


# --- parts/checkpoints.py ---------------------------------------------------------------------------------------------

# Complete weights, the first that is there: the file, or an index whose shards are all there.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
)
MAX_HEADER = 100_000_000  # bytes of a safetensors header, as the library has it
WRITING = " (still being written?)"
SHORT = "{} is shorter than its header says" + WRITING
JSON_END = 1000  # bytes at the end of a JSON file in which its last brace must stand
MAX_TEMPLATE = 1_000_000  # bytes of a chat template
MOST_SEEN = 20_000  # files and folders that are looked at to tell what a folder holds

# The sharded state that a training framework leaves: what a file's name shows, whose it is, what makes a model of it.
TRAINING_STATES = (
    (
        r"(?P<place>)(?:^|/)(?:bf16_|fp16_)?zero_pp_rank_\d+_mp_rank_\d+_(?:model|optim)_states\.pt$",
        "DeepSpeed ZeRO",
        "python -m deepspeed.utils.zero_to_fp32 {folder} OUT",
    ),
    (
        r"^(?P<place>(?:.*/)?)model_world_size_\d+_rank_\d+\.pt$",
        "verl on FSDP",
        "python -m verl.model_merger merge --backend fsdp --local_dir {place} --target_dir OUT",
    ),
    (
        r"^(?P<place>(?:.*/)?)(?:mp_rank_\d+[\w-]*/model_optim_rng\.pt|(?:run_config|train_state)\.(?:yaml|pt)|common\.pt)$",
        "Megatron",
        "Megatron Bridge's examples/conversion/convert_checkpoints.py export --hf-model BASE --megatron-path {place} "
        "--hf-path OUT",
    ),
    (
        r"^(?P<place>(?:.*/)?)__\d+_\d+\.distcp$",
        "FSDP (torch.distributed.checkpoint)",
        "accelerate merge-weights {place} OUT",
    ),
    (
        r"^(?P<place>(?:.*/)?)mp_rank_\d+_model_states\.pt$",
        "DeepSpeed",
        "python -m deepspeed.utils.zero_to_fp32 {folder} OUT",
    ),
)
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "spiece.model")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with a model; `step` is None when the name counts epochs only.

    `home`: the folder that has the checkpoint's name, where the model's files are in a folder below it (or, for the
    `final` model of a run, above).
    """

    name: str
    path: Path
    step: int | None
    epoch: int | None = None
    home: Path | None = None


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something in the folder that takes no part, and why."""

    name: str
    reason: str


def weight_files(folder: Path) -> list[Path]:
    """The files that hold a checkpoint's weights; ScriptError(code=1) naming what is missing."""
    for name in WEIGHT_FILES:
        path = folder / name
        if not path.is_file():
            continue
        if not name.endswith(".index.json"):
            return [path]
        shards = sorted({str(shard) for shard in read_json(path).get("weight_map", {}).values()})
        missing = [shard for shard in shards if Path(shard).name != shard or not (folder / shard).is_file()]
        if missing or not shards:
            raise ScriptError(f"no {', '.join(missing) or 'shards in ' + name}", code=1)
        return [folder / shard for shard in shards]
    raise ScriptError("no weights (model.safetensors, its index, pytorch_model.bin or an adapter)", code=1)


def weights_sha256(folder: Path) -> str:
    """One hash for a checkpoint's weights: the file's SHA-256 (as the Hub shows it), or that of the shards' list."""
    files = weight_files(folder)
    if len(files) == 1:
        return remembered_sha256(files[0])
    lines = "".join(f"{remembered_sha256(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def hub_weights_sha256(files: dict[str, str]) -> str | None:
    """The hash that `weights_sha256` would give, from the Hub's list of files and their hashes."""
    for name in WEIGHT_FILES:
        shards = [name] if not name.endswith(".index.json") else []
        if not shards and name in files:
            stem, suffix = name.removesuffix(".index.json").rsplit(".", 1)
            shards = sorted(file for file in files if re.fullmatch(rf"{stem}-\d+-of-\d+\.{suffix}", file))
        if shards and all(shard in files for shard in shards):
            lines = "".join(f"{files[shard]}  {shard}\n" for shard in shards)
            return files[name] if len(shards) == 1 else hashlib.sha256(lines.encode()).hexdigest()
    return None


def unfinished(path: Path) -> str | None:
    """What shows that a file of weights, or a JSON file beside them, is not all there, or None.

    safetensors: 8 bytes of length, a JSON header of that length, data as long as the header says. PyTorch's files are
    zip archives, whose directory is written last. A JSON object ends with a brace.
    """
    size = path.stat().st_size
    if not size and path.suffix in (".safetensors", ".json"):
        return f"{path.name} is empty{WRITING}"
    with open_input(path) as file:
        if path.suffix == ".json":
            file.seek(max(0, size - JSON_END))
            return None if file.read().rstrip()[-1:] == b"}" else f"{path.name} ends too early{WRITING}"
        head = file.read(9)
        if path.suffix != ".safetensors":
            return None if head[:4] != b"PK\3\4" or zipfile.is_zipfile(path) else f"{path.name} ends too early{WRITING}"
        length = int.from_bytes(head[:8], "little")
        if head[8:] != b"{" or length > MAX_HEADER:
            return None  # no safetensors file at all: said by who reads its tensors
        with contextlib.suppress(ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            header = strict_json(head[8:] + file.read(length - 1)) if 8 + length <= size else None
            ends = [entry["data_offsets"][1] for name, entry in header.items() if name != "__metadata__"]
            return None if 8 + length + max(ends, default=0) <= size else SHORT.format(path.name)
    return SHORT.format(path.name) if 8 + length > size else f"{path.name} is no safetensors file: its header is broken"


def tensor_headers(path: Path) -> dict[str, tuple[str, tuple[int, ...]]]:
    """Name -> (dtype, shape) of a safetensors file; ScriptError when it is broken."""
    try:
        with open_input(path) as file:
            size = int.from_bytes(file.read(8), "little")
            if not 0 < size <= path.stat().st_size - 8:
                raise ValueError("its header is longer than the file")
            header = strict_json(file.read(min(size, MAX_HEADER)))
        header.pop("__metadata__", None)
        return {name: (entry["dtype"], tuple(entry["shape"])) for name, entry in header.items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ScriptError(f"{path.name}: not a safetensors file: {error}") from error


def is_adapter(folder: Path) -> bool:
    """Whether a folder holds a PEFT adapter and no model of its own."""
    return os.path.isfile(f"{folder}/adapter_config.json") and not os.path.isfile(f"{folder}/config.json")


def why_incomplete(folder: Path, root: Path) -> str | None:
    """What keeps a folder from being a checkpoint, by the files in it; None when it is one."""
    if folder.is_symlink() and not inside(folder, root):
        return "a link out of the folder; it is not followed"
    try:
        weights = weight_files(folder)
    except ScriptError as error:
        bare = not any(os.path.isfile(f"{folder}/{name}") for name in ("config.json", "adapter_config.json"))
        return training_state(folder) or ("no config.json" if bare else str(error))
    except (OSError, AttributeError, TypeError) as error:  # no permission; an index that is no JSON object
        return f"weights not readable: {error}"
    adapter = weights[0].name.startswith("adapter_model") and not os.path.isfile(f"{folder}/config.json")
    config = folder / ("adapter_config.json" if adapter else "config.json")
    if not os.path.isfile(config):
        return f"no {config.name}"
    links = [path.name for path in (config, *weights) if os.path.islink(path) and not inside(path, root)]
    if links:
        return f"{links[0]} is a link out of the folder; it is not followed"
    try:
        return next(filter(None, map(unfinished, [*read_with(folder), *weights])), None)
    except OSError as error:
        return f"weights not readable: {error}"


def read_with(folder: Path) -> list[Path]:
    """The JSON files of a checkpoint that a harness reads with its weights."""
    names = ("config.json", "adapter_config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json")
    return [folder / name for name in names if os.path.isfile(f"{folder}/{name}")]


def training_state(folder: Path) -> str | None:
    """The reason why the sharded state of a training is no checkpoint yet, with the command that converts it."""
    names = [path.relative_to(folder).as_posix() for path in files_below(folder, 3)]
    for pattern, what, command in TRAINING_STATES:
        found = next((match for match in map(re.compile(pattern).search, names) if match), None)
        if found:
            try:
                words = {"folder": command_line_of([folder]), "place": command_line_of([folder / found["place"]])}
                command = command.format(**words)
            except ScriptError as error:
                command = str(error)
            return f"the sharded training state of {what} ({found[0].rpartition('/')[2]}); convert it first: {command}"
    return None


def files_below(folder: Path, depth: int) -> Iterator[Path]:
    """The files in a folder and some levels below it, links aside; at most MOST_SEEN."""
    waiting, seen = [(folder, depth)], 0
    while waiting and seen < MOST_SEEN:
        place, left = waiting.pop(0)
        with contextlib.suppress(OSError), os.scandir(place) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                seen += 1
                if entry.is_file(follow_symlinks=False):
                    yield Path(entry.path)
                elif left > 1 and entry.is_dir(follow_symlinks=False) and not entry.name.startswith("."):
                    waiting.append((Path(entry.path), left - 1))


def inside(path: Path, root: Path) -> bool:
    """Whether a path, links resolved, is a folder or lies below it."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def missing_tokenizer(folder: Path) -> str | None:
    """What a complete checkpoint lacks to be evaluated, or None."""
    if is_adapter(folder) or any((folder / name).is_file() for name in TOKENIZER_FILES):
        return None
    return "no tokenizer (tokenizer.json): save it beside the weights with tokenizer.save_pretrained"


def has_chat_template(folder: Path) -> bool:
    """Whether the tokenizer in a folder brings a chat template."""
    return any(chat_templates(folder))


def chat_templates(folder: Path) -> list[str]:
    """The texts of the chat templates that a tokenizer brings, in every form that transformers reads.

    Files of their own (chat_template.jinja, additional_chat_templates/*.jinja), or the key of a JSON file: a text, a
    list of {name, template}, a mapping of name -> text.
    """
    files = [path for path in (folder / "chat_template.jinja",) if path.exists()]
    files += sorted((folder / "additional_chat_templates").glob("*.jinja"))
    texts = [input_bytes(path, MAX_TEMPLATE).decode("utf-8", "replace") for path in files]
    for name in ("chat_template.json", "tokenizer_config.json"):
        value = read_json(folder / name) if (folder / name).is_file() else None
        found = value.get("chat_template") if isinstance(value, dict) else None
        if isinstance(found, list):
            found = {place: entry.get("template") for place, entry in enumerate(found) if isinstance(entry, dict)}
        texts += [text for text in (found.values() if isinstance(found, dict) else [found]) if isinstance(text, str)]
    return texts


# --- parts/statistics/claims.py ---------------------------------------------------------------------------------------

LEAST_ITEMS = 10  # below, an interval says nothing
CLAIM_HALVINGS = 60  # that find an interval's end to the last digit
Claims = tuple[float, float]


@dataclass(frozen=True, slots=True)
class OpenScore:
    """A score that is no mean of shares (word errors, BLEU, perplexity): `n` items, its own standard error above 0.

    `positive`: it cannot be below 0, so that its error is taken to grow with it, as those of counts and of ratios do.
    """

    value: float
    n: int
    standard_error: float
    positive: bool = True


@dataclass(frozen=True, slots=True)
class MeasuredScore:
    """A mean on a range of 0 to 1: `n` items with a score, `lost` without one; its error where it is not 0/1 scores."""

    value: float
    n: int
    lost: int = 0
    standard_error: float | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """The mean if all lost answers were wrong, and if all were right."""
        made = self.n + self.lost
        return self.value * self.n / made, (self.value * self.n + self.lost) / made

    def variance(self, rate: float) -> float:
        """Of one item's score, at a rate: binomial, or as the error says where it is no 0/1 score."""
        binomial = rate * (1 - rate)
        if self.standard_error is None or self.value in (0, 1):
            return binomial
        share = self.standard_error**2 * self.n / max(self.value * (1 - self.value), 1e-12)
        return binomial * share


def critical(level: float, freedom: float) -> float:
    """What a t variable exceeds in absolute value with this probability (the expansion of Cornish and Fisher)."""
    z = NormalDist().inv_cdf(1 - level / 2)
    cubic, fifth = (z**3 + z) / 4, (5 * z**5 + 16 * z**3 + 3 * z) / 96
    return z + cubic / freedom + fifth / freedom**2


def fitting_claims(fits: Callable[[float], bool], ours: tuple[float, float], least: float, most: float) -> Claims:
    """The lowest and highest claim that fits what was measured (`ours`: its bounds, which fit), between two ends."""
    ends = []
    for inside, outside in ((ours[0], least), (ours[1], most)):
        if fits(outside):
            ends.append(outside)
            continue
        for _ in range(CLAIM_HALVINGS):
            middle = (inside + outside) / 2
            inside, outside = (middle, outside) if fits(middle) else (inside, middle)
        ends.append(inside)
    return ends[0], ends[1]


def measured_interval(score: MeasuredScore, level: float, half: float = 0.0, most: int | None = None) -> Claims:
    """The claims, rounded by at most `half`, that fit a mean of shares: what `claim_fits` accepts."""
    return fitting_claims(lambda claim: claim_fits(claim, half, score, level, most), score.bounds, 0.0, 1.0)


def open_interval(score: OpenScore, level: float, half: float = 0.0) -> Claims:
    """The claims, rounded by at most `half`, that fit a score with its own error; the end may be infinite."""
    reach = critical(level, score.n - 1) * math.sqrt(2) * score.standard_error
    low, high = score.value - reach - half, score.value + reach + half
    if not score.positive:
        return low, high
    ratio = reach / score.value
    return max(0.0, low), (score.value + half) / (1 - ratio) if ratio < 1 else math.inf


def open_claim_fits(claim: float, half: float, score: OpenScore, level: float) -> bool:
    """Whether a claim, rounded by at most `half`, may be another measurement of the same thing.

    Student's t for the difference of two scores with the error of ours, the claim's items as many as ours. Where it
    cannot be below 0 the error is that at the higher of both: a sample without the rare large values has a low score
    and a low error at once, and would call too many true claims wrong.
    """
    distance = abs(claim - score.value) - half
    grown = max(1.0, claim / score.value) if score.positive else 1.0
    return distance <= critical(level, score.n - 1) * math.sqrt(2) * score.standard_error * grown


def claim_fits(claim: float, half: float, score: MeasuredScore, level: float, most: int | None = None) -> bool:
    """Whether a claimed rate, rounded by at most `half`, may be of the same rate as the measured one.

    A test of two proportions with the correction for continuity (Yates 1934) at the two-sided level `level`. `most`:
    items of the whole benchmark; the claim is taken to be of as many as ours, and of no more than that.
    """
    low, high = score.bounds
    distance = max(low - claim, claim - high, 0.0) - half
    if distance <= 0:
        return True
    near = low if claim < low else high
    other = min(score.n, most or score.n)
    rate = min(max((near * score.n + claim * other) / (score.n + other), 0.0), 1.0)
    each = 1 / score.n + 1 / other
    spread = math.sqrt(score.variance(rate) * each)
    z = critical(level, score.n - 1) if score.standard_error is not None else NormalDist().inv_cdf(1 - level / 2)
    return distance - each / 2 <= z * spread


# --- parts/publish/checking.py ----------------------------------------------------------------------------------------

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


# --- parts/publish/datastore.py ---------------------------------------------------------------------------------------

FILES_AT_ONCE = 200  # of one commit: a commit of thousands times out, and may be carried out all the same
BYTES_AT_ONCE = 100_000_000
OWN_PULL_REQUESTS = 50  # own pull requests that are looked at, the newest first


@dataclasses.dataclass(slots=True)
class Contribution:
    """What is to be in the datastore, and what of it is there."""

    dataset: str
    records: list[DatastoreFile]
    origins: list[Path] = dataclasses.field(default_factory=list)  # where each of the records was read
    there: set[str] = dataclasses.field(default_factory=set)  # paths on the main branch
    proposed: set[str] = dataclasses.field(default_factory=set)  # paths in the own pull request
    pull_request: int | None = None  # the own one that has some of the files
    told: int = 0  # records that were read from documents, and are no runs
    partial: int = 0  # runs with --limit
    doubts: list[str] = dataclasses.field(default_factory=list)  # why the gate refuses some of the results

    @property
    def files(self) -> dict[str, bytes]:
        return {path: data for record in self.records for path, data in record.files.items()}

    @property
    def missing(self) -> dict[str, bytes]:
        return {path: data for path, data in self.files.items() if path not in self.there | self.proposed}


def plan_contribution(
    found: Sequence[tuple[Path, Mapping[str, Any]]],
    dataset: str,
    model: str,
    repo_id: str | None,
    allowed: Allowed,
    vocabulary: MetricMapping,
) -> Contribution:
    """The files that records become; ScriptError (1) when one is not fit, (3) when it is not clear whose they are.

    `model`: only the records of this id, or of all when empty. `repo_id` files them under this id.
    """
    mine = [(path, record) for path, record in found if not record.get("failure")]
    ids = sorted({record_model(record) for _, record in mine}, key=natural_key)
    if model and model not in ids:
        raise ScriptError(f"no record of {single_line(model)}; the records are about {listing(ids, 20)}", code=1)
    mine = [(path, record) for path, record in mine if not model or record_model(record) == model]
    if not mine:
        raise ScriptError("no evaluation record there", code=1)
    local = sorted({record_model(record) for _, record in mine if is_local(record)}, key=natural_key)
    if repo_id and len({record_model(record) for _, record in mine}) > 1:
        raise ScriptError(f"records of several models; choose one with --model-id: {listing(ids, 20)}", code=3)
    if local and not repo_id:
        raise ScriptError(
            f"{listing(local, 3)}: measured on a folder of this machine, which nobody else can look up; "
            f"{option_words('--model-id', local[0])} --repo-id OWNER/NAME files them under the model on the Hub",
            code=3,
        )
    partial = [path for path, record in mine if is_partial(record)]
    if partial and not allowed.partial:
        raise ScriptError(
            f"{partial[0]} and {len(partial) - 1} more: partial runs (--limit) are smoke tests and no scores; evaluate "
            "in full, or say --allow-partial"
            if len(partial) > 1
            else f"{partial[0]}: a partial run (--limit) is a smoke test and no score; evaluate in full, or say "
            "--allow-partial"
        )
    records = [datastore_file(path, record, repo_id or "") for path, record in mine]
    bad = [(record.path or str(path), record.problems) for (path, _), record in zip(mine, records, strict=True)
           if record.problems]  # fmt: skip
    for place, problems in bad[:5]:
        for problem in problems[:5]:
            note(single_line(f"error: {place}: {problem}"))
    if bad:
        raise ScriptError(f"{len(bad)} of {len(records)} records would be refused there (above)", code=1)
    for record in records:
        held = [path for path, data in record.files.items() if has_secret(data)]
        if held:
            raise ScriptError(f"{held[0]}: holds what looks like a token; take it out, and make it invalid", code=1)
    doubts = [
        single_line(f"{row.entry.benchmark}: {'; '.join(row.run.validity.reasons)} ({record_place(path)})")
        for path, record in mine
        for row in results_of(path, record, vocabulary)
        if row.run.validity.reasons
    ]
    if doubts and not allowed.invalid:
        more = f" (and {len(doubts) - 1} more)" if len(doubts) > 1 else ""
        raise ScriptError(f"{doubts[0]}{more}; evaluate it again, or send it all the same with --allow-invalid", code=1)
    plan = Contribution(dataset, records, [path for path, _ in mine], partial=len(partial), doubts=doubts)
    plan.told = sum(record["source_metadata"].get("source_type") != "evaluation_run" for _, record in mine)
    return plan


def has_secret(data: bytes) -> bool:
    text = data.decode("utf-8", "replace")
    return without_secrets(text) != text


def is_local(record: Mapping[str, Any]) -> bool:
    """Whether a record is about weights in a folder, not about a model that others can look up."""
    return bool((record["model_info"].get("additional_details") or {}).get("path"))


def is_partial(record: Mapping[str, Any]) -> bool:
    return any(limit_of(result, record) for result in record.get("evaluation_results") or [])


def who_asks(hub: Hub, acting: bool) -> Mapping[str, Any]:
    """Who the token belongs to; {} when nobody is logged in and nothing is to be sent."""
    from huggingface_hub.errors import HfHubHTTPError, LocalTokenNotFoundError

    try:
        return hub.read(hub.api.whoami)
    except (HfHubHTTPError, LocalTokenNotFoundError):
        if acting:
            raise
        return {}


def look_up_files(hub: Hub, plan: Contribution, user: str | None, again: bool) -> None:
    """Set what of a contribution is there: on the main branch, and in an own pull request.

    ScriptError (3) when a path has another content there, or when an own pull request with it was closed.
    """
    from huggingface_hub.errors import RepositoryNotFoundError

    files = plan.files
    try:
        plan.there = same_files(hub, plan.dataset, files, "main")
    except RepositoryNotFoundError as error:
        raise ScriptError(f"{plan.dataset}: no such data set, or no access to it") from error
    if user is None or plan.there == set(files):
        return
    closed: list[str] = []
    for item in own_pull_requests(hub, plan.dataset, user):
        if item.status == "merged":
            continue
        has = same_files(
            hub, plan.dataset, {p: d for p, d in files.items() if p not in plan.there}, f"refs/pr/{item.num}"
        )
        if has and item.status in ("open", "draft") and plan.pull_request is None:
            plan.pull_request, plan.proposed = item.num, has
        elif has and item.status == "closed":
            closed.append(item.url)
    if closed and plan.pull_request is None and not again:
        raise ScriptError(
            f"a pull request of yours with these records was closed: {closed[0]}; read why, and --again opens another",
            code=3,
        )


def own_pull_requests(hub: Hub, dataset: str, user: str) -> list[Any]:
    """The caller's pull requests on a data set, the newest first."""
    found = hub.read(
        lambda: list(
            hub.api.get_repo_discussions(dataset, author=user, discussion_type="pull_request", repo_type="dataset")
        )
    )
    return sorted(found, key=lambda item: -item.num)[:OWN_PULL_REQUESTS]


def same_files(hub: Hub, dataset: str, files: Mapping[str, bytes], revision: str) -> set[str]:
    """The paths that are at a revision with this content; ScriptError (3) for one with another."""
    found: set[str] = set()
    for paths in path_chunks(list(files), 200):
        for item in hub.read(hub.api.get_paths_info, dataset, paths, revision=revision, repo_type="dataset"):
            data = files[item.path]
            oid = item.lfs.sha256 if item.lfs else item.blob_id
            own = hashlib.sha256(data).hexdigest() if item.lfs else git_blob_id(data)
            if oid != own:
                raise ScriptError(f"{dataset}: {item.path} is there with another content; nothing was sent", code=3)
            found.add(item.path)
    return found


def path_chunks(items: Sequence[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def send_contribution(hub: Hub, plan: Contribution, identity: Mapping[str, Any]) -> dict[str, Any]:
    """Open the pull request, or go on with the own one that is open; {"pull_request", "commit", "url"}.

    After an answer that was lost the Hub is asked what was carried out, before anything is sent again.
    """
    user = str(identity.get("name") or "")
    check_write_access(identity, plan.dataset, create_pr=True)
    outcome: dict[str, Any] = {"pull_request": None, "commit": None, "url": None}
    opened = plan.pull_request is None
    for paths in in_batches(plan.missing):
        commit_files(hub, plan, {path: plan.files[path] for path in paths}, user)
    with_all = same_files(hub, plan.dataset, plan.files, f"refs/pr/{plan.pull_request}") if plan.pull_request else set()
    left = set(plan.files) - with_all - plan.there
    if left:
        raise ScriptError(f"{plan.dataset} #{plan.pull_request}: {len(left)} files are not there; run this again")
    plan.proposed = with_all
    if opened and (older := older_twin(hub, plan, user)):
        hub.api.change_discussion_status(
            plan.dataset, plan.pull_request, "closed", repo_type="dataset", comment=f"The same as #{older}."
        )
        note(f"the same records were proposed at the same time: #{older} stays, #{plan.pull_request} is closed")
        plan.pull_request = older
    outcome["commit"] = head_of(hub, plan)
    outcome["url"] = f"{hub.api.endpoint}/datasets/{plan.dataset}/discussions/{plan.pull_request}"
    outcome["pull_request"] = outcome["url"]
    return outcome


def commit_files(hub: Hub, plan: Contribution, files: Mapping[str, bytes], user: str) -> str | None:
    """One commit to the own pull request, which is opened by the first; its id, None when its answer was lost."""
    from huggingface_hub import CommitOperationAdd

    where = {"revision": f"refs/pr/{plan.pull_request}"} if plan.pull_request else {"create_pr": True}
    additions = [CommitOperationAdd(path, data) for path, data in files.items()]
    text = {"commit_message": contribution_title(plan), "commit_description": contribution_text(plan)}
    for attempt in range(MAX_TRIES):
        try:
            commit = commit_whole(hub.api, plan.dataset, additions, repo_type="dataset", **text, **where)
        except Exception as error:
            if not worth_repeating(error):
                raise
            if carried_out(hub, plan, files, user):
                return None
            if attempt == MAX_TRIES - 1:
                raise
            note(f"{plan.dataset}: the Hub is busy; trying again")
            time.sleep(min(FIRST_WAIT * 2**attempt, 60))
        else:
            plan.pull_request = plan.pull_request or commit.pr_num
            return commit.oid
    return None


def carried_out(hub: Hub, plan: Contribution, files: Mapping[str, bytes], user: str) -> bool:
    """Whether a commit whose answer was lost is there after all; the pull request is then known."""
    if plan.pull_request is not None:
        return same_files(hub, plan.dataset, files, f"refs/pr/{plan.pull_request}") == set(files)
    for item in own_pull_requests(hub, plan.dataset, user):
        ours = item.status in ("open", "draft")
        if ours and same_files(hub, plan.dataset, files, f"refs/pr/{item.num}") == set(files):
            plan.pull_request = item.num
            return True
    return False


def head_of(hub: Hub, plan: Contribution) -> str | None:
    info = hub.read(hub.api.dataset_info, plan.dataset, revision=f"refs/pr/{plan.pull_request}", expand=["sha"])
    return info.sha


def older_twin(hub: Hub, plan: Contribution, user: str) -> int | None:
    """An own open pull request, older than this one, with the same files: two runs at the same moment."""
    for item in reversed(own_pull_requests(hub, plan.dataset, user)):
        rival = item.num < (plan.pull_request or 0) and item.status in ("open", "draft")
        if rival and same_files(hub, plan.dataset, plan.files, f"refs/pr/{item.num}") | plan.there == set(plan.files):
            return item.num
    return None


def in_batches(files: Mapping[str, bytes]) -> Iterator[list[str]]:
    """The paths in groups that one commit can carry; a record stays with its samples."""
    group: list[str] = []
    size = 0
    for path in sorted(files):
        full = len(group) >= FILES_AT_ONCE or size + len(files[path]) > BYTES_AT_ONCE
        if group and full and path.endswith(".json"):
            yield group
            group, size = [], 0
        group.append(path)
        size += len(files[path])
    if group:
        yield group


# --- What people read ---


def collections_of(plan: Contribution) -> list[str]:
    return sorted({record.path.split("/")[1] for record in plan.records})


def models_of_records(plan: Contribution) -> list[str]:
    return sorted({record.model for record in plan.records}, key=natural_key)


def contribution_title(plan: Contribution) -> str:
    """As the datastore's guide for contributors asks for."""
    what = listing(collections_of(plan), 2)
    return f"[Submission] {what}: {len(plan.records)} records of {listing(models_of_records(plan), 1)}"[:TITLE]


def contribution_text(plan: Contribution) -> str:
    samples = sum(path.endswith("_samples.jsonl") for path in plan.files)
    models = ", ".join(markdown_text(name) for name in models_of_records(plan)[:20])
    runs = len(plan.records) - plan.told
    kinds = [f"{runs} of own runs"] * bool(runs) + [f"{plan.told} of scores that documents tell"] * bool(plan.told)
    said = [f"{plan.partial} are of a part of the items (--limit)."] if plan.partial else []
    said += [f"Doubtful: {markdown_text(text)}." for text in plan.doubts[:20]]
    said += ["Nothing was left out of these runs."] if runs and not plan.partial else []
    return (
        f"{len(plan.records)} records in the format of Every Eval Ever: {' and '.join(kinds)}, {samples} with their "
        f"samples.\n\n"
        f"Models: {models}\n\nCollections: {', '.join(markdown_text(name) for name in collections_of(plan)[:20])}\n\n"
        f"{' '.join(said)} Each record names its harness with version, its data and its settings, as far as they are "
        "known. Checked before it was sent: schema, paths, bounds, samples against their records, checksums."
    )


def contribution_lines(plan: Contribution) -> Iterator[str]:
    for record in plan.records:
        state = "there" if record.path in plan.there else "proposed" if record.path in plan.proposed else "new"
        yield f"{state:8}  {record.path}  ({listing(record.results, 3)})"


def contribution_json(plan: Contribution) -> dict[str, Any]:
    files = plan.files
    return {
        "dataset": plan.dataset,
        "records": [{"path": r.path, "model": r.model, "results": r.results} for r in plan.records],
        "files": len(files),
        "bytes": sum(map(len, files.values())),
        "there": sorted(plan.there),
        "proposed": sorted(plan.proposed),
        "missing": sorted(plan.missing),
    }


# --- What a later `add` finds ---


def remember_places(plan: Contribution, endpoint: str, commit: str) -> None:
    """Write beside each data/ folder where its records went, so that a result can link there as its source."""
    roots: dict[Path, dict[str, str]] = {}
    for path, record in zip(plan.origins, plan.records, strict=True):
        if path.parts[-5:-4] == ("data",):
            revision = "main" if record.path in plan.there else commit
            url = f"{endpoint}/datasets/{plan.dataset}/blob/{revision}/{record.path}"
            roots.setdefault(path.parents[4], {})["/".join(path.parts[-5:])] = url
    for root, urls in roots.items():
        file = root / CONTRIBUTED
        write_whole(file, json.dumps(contributed(root) | urls, indent=1, sort_keys=True) + "\n")


# --- parts/publish/official_table.py ----------------------------------------------------------------------------------


def read_boards(hub: Hub, official: OfficialList, workers: int) -> dict[str, Leaderboard | str]:
    """Each Benchmark's leaderboard, or why it cannot be read."""

    def one(dataset_id: str) -> Leaderboard | str:
        try:
            with card_errors(dataset_id):
                return hub.leaderboard(dataset_id)
        except ScriptError as error:
            return single_line(error)

    names = [found.dataset_id for found in official.benchmarks.values()]
    with ThreadPoolExecutor(workers) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))


def official_json(
    official: OfficialList, mapping: Mapping[str, Any], boards: Mapping[str, Leaderboard | str]
) -> dict[str, Any]:
    """The table as a JSON document; what is not known is null."""
    keys, rows = keys_of_tasks(official, mapping), []
    for found in sorted(official.benchmarks.values(), key=lambda one: one.dataset_id.lower()):
        board = boards.get(found.dataset_id)
        known = board if isinstance(board, Leaderboard) else None
        rows.append(
            {
                "dataset_id": found.dataset_id,
                "name": found.name or None,
                "evaluation_framework": found.framework or None,
                "own_harness": found.own_harness or None,
                "gated": found.gated,
                "tasks": [
                    {"id": task.id, "config": task.config or None, "split": task.split or None,
                     "key": keys.get((found.dataset_id, task.id))}
                    for task in found.tasks
                ],
                "scale": found.unit or (known.scale if known else None),
                "lower_is_better": found.lower_is_better if known is None else known.lower_is_better,
                "entries": known.entries if known else None,
                "problem": found.problem or (board if isinstance(board, str) else None) or None,
            }
        )  # fmt: skip
    return {"as_of": official.as_of, "basis": official.basis, "reason": official.reason or None, "benchmarks": rows}


def official_rows(document: Mapping[str, Any]) -> Iterator[tuple[Any, ...]]:
    """One row for each task of the JSON document."""
    for row in document["benchmarks"]:
        scale = row["scale"] or ""
        scale += ", lower is better" if row["lower_is_better"] else ""
        entries = "" if row["entries"] is None else row["entries"]
        about = (row["own_harness"] or "", row["problem"] or ("gated" if row["gated"] else ""))
        for task in row["tasks"] or [{"id": "not known", "key": None}]:
            yield row["dataset_id"], task["id"], task["key"] or "", scale, entries, *about


def counting_results(paths: Sequence[Path], placing: Placing) -> list[dict[str, Any]]:
    """Each result of the records below some folders, with the Benchmark where it would count or the reason why not."""
    vocabulary, found = vocabulary_of(placing.mapping), []
    for path, record in read_records(paths)[0]:
        if record.get("failure"):
            continue
        for row in results_of(path, record, vocabulary):
            match = placing.match(row.entry)
            other = other_metric(row.entry, placing.mapping) if match.place else ""
            place = None if other else match.place
            why = other or match.why + (f": {listing(match.candidates, 5)}" if match.candidates else "")
            found.append(
                {
                    "model": record_model(record),
                    "benchmark": row.entry.benchmark,
                    "key": row.entry.key,
                    "value": row.entry.value,
                    "unit": row.entry.unit,
                    "dataset_id": place.dataset_id if place else None,
                    "task_id": place.task_id if place else None,
                    "by": place.how if place else None,
                    "why_not": None if place else why,
                    "record": row.entry.origin,
                }
            )
    return found


# --- parts/tables.py --------------------------------------------------------------------------------------------------


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An aligned pipe table; names become plain text."""
    cells = [[plain(cell) if i == 0 else cell for i, cell in enumerate(row)] for row in rows]
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
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, title=title)
    for row in rows:
        table.add_row(*map(Text, row), style="bold green" if row[0].endswith(" (best)") else None)
    return rendered(table)


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
    from rich.table import Table
    from rich.text import Text

    table = Table(*rows[0], caption=Text(isolated(caption)) if caption else None)
    for row in rows[1:]:
        table.add_row(*(Text(isolated(cell)) for cell in row))
    return table


def print_table(header: Sequence[str], rows: Iterable[Sequence[Any]], most: int = 120) -> None:
    """A table on stdout; text of others shows as text, never as markup, each cell of at most `most` letters."""
    from rich.table import Table
    from rich.text import Text

    table = Table(*header, box=None)
    for row in rows:
        texts = ("" if cell is None else str(cell) for cell in row)
        table.add_row(*(Text(isolated(single_line(text))[:most]) for text in texts))
    terminal_console(width=None if sys.stdout.isatty() else 200, highlight=False).print(table)


# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
