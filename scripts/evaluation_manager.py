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
        plan.repo_id = said_name(plan.repo_id, state.moved_to)
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
        why = f": {'; '.join(left)}" if left else ""
        raise ScriptError(f"{AA_NAME} has no evaluation of {args.model_name}{why}", code=1)
    plan = make_plan(
        required_repo(args),
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
    args.repo_id = said_name(args.repo_id, state.moved_to)
    front = read_metadata(decode_card(state.card or b"", state.name), state.name)
    files, unread = rows_of_files(state)
    if args.json:
        answer = {"repo_id": args.repo_id, "revision": state.sha, "model_index": front.values.get("model-index") or []}
        sys.stdout.write(to_json(yaml_as_json({**answer, "eval_results": files, "unreadable": unread})))
    else:
        rows = [*shown_results(front.results), *shown_files(files)]
        print_table(("where", "benchmark", "metric", "value", "source"), rows)
    for finding in index_of_another(front.values, args.repo_id) if args.repo_id else ():
        note(f"{finding.severity}: {finding.path}: {finding.message}")
    for text in unread_lines(unread):
        note(f"error: {text}")
    if unread:
        return 3
    if not front.results and not files:
        note(f"{args.repo_id or args.card} has no evaluation results")
        return 1
    return 0


def yaml_as_json(value: Any) -> Any:
    """Values of YAML as JSON has them: what it has not (dates, infinity, keys that are no text) as text."""
    if isinstance(value, dict):
        return {str(key): yaml_as_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [yaml_as_json(item) for item in value]
    return value if isinstance(value, (str, bool)) or value is None or is_number(value) else str(value)


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
    """The model that is meant; of a name of old without its owner ("gpt2") the Hub is asked whose it is."""
    if not args.repo_id:
        raise ScriptError("say which model: --repo-id OWNER/NAME")
    if not REPO_ID.fullmatch(args.repo_id):
        if getattr(args, "card", None) or not KNOWN_BY.fullmatch(args.repo_id):
            raise ScriptError(f"--repo-id must be OWNER/NAME, not {args.repo_id!r}")
        with card_errors(args.repo_id):
            args.repo_id = said_name(args.repo_id, Hub(hub_token()).info(args.repo_id).id)
    return args.repo_id


def said_name(asked: str, name: str) -> str:
    """The Hub's own name for a model, said where another one was given: renamed, in other letters, without its owner."""
    if name and name != asked and REPO_ID.fullmatch(name):
        note(f"{asked} is called {name} now")
        return name
    return asked


def run_validate(args: argparse.Namespace) -> int:
    mapping = read_mapping()
    files: dict[str, bytes] = {}
    findings: list[Finding] = []
    try:
        if args.card:
            files = {str(args.card): input_bytes(args.card, MAX_CARD_FILE)}
        elif args.repo_id:
            state = fetch_state(required_repo(args), args.revision)
            args.repo_id = said_name(args.repo_id, state.moved_to)
            files = {"README.md": state.card or b"", **{path: text.encode() for path, text in state.files.items()}}
            findings += hub_findings(state)
        files |= {str(path): input_bytes(path, MAX_CARD_FILE) for path in args.eval_results or []}
    except OSError as error:
        raise ScriptError(f"{error.filename}: {error.strerror or error}") from error
    if not files:
        raise ScriptError("say what to validate: --repo-id OWNER/NAME, --card FILE or --eval-results FILE")
    findings = check_files(files, mapping) + findings
    if args.repo_id and (card := files.get(str(args.card or "README.md"))):
        findings += whose_index(card, args.repo_id)
    if args.json:
        sys.stdout.write(to_json({"files": list(files), "findings": [dataclasses.asdict(f) for f in findings]}))
    else:
        sys.stdout.write(render_findings(findings))
    return 1 if any(finding.severity == "error" for finding in findings) else 0


def whose_index(card: bytes, repo_id: str) -> list[Finding]:
    try:
        front = front_values(decode_strict(card, "README.md"), "README.md")
    except ScriptError:  # said already
        return []
    return index_of_another(front, repo_id) if isinstance(front, dict) else []


def hub_findings(state: RepoState) -> list[Finding]:
    """What the Hub itself says: its check of the card's YAML, and whether the datasets are such Benchmarks."""
    import yaml
    from huggingface_hub import ModelCard

    findings = []
    hub = Hub(hub_token())
    with card_errors("the Hub's check of the card"):
        try:
            if state.card and FRONT_MATTER.match(state.card.decode("utf-8", "replace")):
                ModelCard(state.card.decode("utf-8", "replace"), ignore_metadata_errors=True).validate()
        except yaml.YAMLError:
            pass  # check_files says so
        except ValueError as error:
            findings.append(Finding("README.md", "error", f"the Hub says: {' '.join(str(error).split())[:300]}"))
    findings += [Finding(path, "error", why) for path, why in state.unread.items()]
    for path, rows in rows_of_files(state)[0].items():  # check_files says what the others are
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
    mapping = asked_mapping(args)
    measures = known_measures(mapping)
    info, repo_id = None, args.repo_id or ""
    if args.card:
        state = read_clone(args.card)
    else:
        hub, repo_id = Hub(hub_token()), required_repo(args)
        with card_errors(repo_id):
            info = hub.info(repo_id, args.revision)
            state = hub.state(repo_id, info=info)
        repo_id = said_name(repo_id, state.moved_to)  # as its records call it, too
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
    unread = unread_lines(rows_of_files(state)[1])
    notes += unread
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
    return checked_code(found, len(rest) + len(unread), unsure)


def run_get_prs(args: argparse.Namespace) -> int:
    repo_id, measures = required_repo(args), known_measures(read_mapping())
    hub = Hub(hub_token())
    with card_errors(repo_id):
        main = hub.state(repo_id)
        repo_id = said_name(repo_id, main.moved_to)
        requests = hub.pull_requests(repo_id)
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
        bad = set(rows_of_files(theirs)[1]) - set(rows_of_files(main)[1])
    except ScriptError as error:
        return (f"unreadable: {single_line(error)[:80]}",)
    names = [standing.name for standing in found] + [f"unreadable: {single_line(path)[:80]}" for path in sorted(bad)]
    return tuple(dict.fromkeys(names))


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
            read_scales(args.scale), placing, started, seal, set(repos),
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


def load_card(args: argparse.Namespace) -> tuple[Card, list[str]]:
    """The card and the ids of the model that is meant: as it was asked for, and as the Hub calls it now."""
    if not args.card and not args.repo_id:
        raise ScriptError("say which card: --repo-id OWNER/NAME reads it from the Hub, --card FILE from disk")
    if args.repo_id and not re.fullmatch(r"[\w.-]+(?:/[\w.-]+)?", args.repo_id):
        raise ScriptError(f"--repo-id must be OWNER/NAME, not {args.repo_id!r}")
    if args.card:
        return parse_card(read_card_file(args.card)), [args.repo_id or ""]
    asked = required_repo(args)
    text, name = fetch_card(asked, args.revision)
    return parse_card(text), list(dict.fromkeys([asked, said_name(asked, name)]))


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
    card, (repo_id, *_) = load_card(args)
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
    if not args.card:
        required_repo(args)
    check_publish_usage(args)
    card, names = load_card(args)
    mapping, repo_id = read_mapping(), names[-1]
    answers = [extraction(args, card, name, mapping) for name in names[::-1]]  # its tables may have the old name still
    answer = next((answer for answer in answers if answer.results), answers[-1])
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
# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
