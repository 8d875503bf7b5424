"""Checkpoints of this machine that a job is to see: what --upload makes of a folder, and the upload itself."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Container, Iterable, Mapping
from pathlib import Path

from parts.checkpoints import BELOW, hashed_names, inside, is_other_model
from parts.frame import ScriptError, command_line_of, listing, note, single_line
from parts.hashes import file_sha256, remembered_sha256
from parts.hub.committing import additions_of, commit_whole
from parts.inputs import is_input, shown_size
from parts.jobs.client import JobsClient, job_errors
from parts.jobs.vocabulary import EvalRun, split_place
from parts.names import REPO_ID, parse_checkpoint_name
from parts.repo_files import MAX_UNPACKED, SECRET_NAME, RepoFile, refuse_tokens
from parts.tables import progress
from parts.training_runs import FINAL_FOLDERS, find_checkpoints, is_hub_place

# What an evaluation reads of a checkpoint; the states of optimizers and the like stay here.
UPLOADED = [
    *("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.py", "*.tiktoken", "*.spm", "*.codes"),
    *("pytorch_model*.bin", "adapter_model.bin", "tokenizer.model*"),
]


def upload_places(args: argparse.Namespace) -> dict[str, Path]:
    """Where the folders among --model will be on the Hub: place -> folder. ScriptError without --upload."""
    folders = [model for model in args.model if Path(model).is_dir()]
    if args.upload and not folders:
        raise ScriptError("--upload is for a folder of this machine, and --model names none")
    if not folders:
        return {}
    if not args.upload:
        raise ScriptError(
            f"{folders[0]} is a folder on this machine, which a job cannot see: --upload OWNER/NAME puts its "
            "checkpoints there (private), and evaluates them there"
        )
    if not REPO_ID.fullmatch(args.upload):
        raise ScriptError(f"--upload {args.upload}: write OWNER/NAME, the repository for the checkpoints")
    places: dict[str, Path] = {}
    for folder in folders:
        for name, path in checkpoints_in(Path(folder), args.upload).items():
            place = f"{args.upload}/{name}" if name else args.upload
            if place in places and not name:
                raise ScriptError(own_repositories(Path(path).parent, args.upload))
            if place in places or (name and not is_hub_place(place)):
                raise ScriptError(f"{path}: {place} is no place for it, or taken: upload it under another name")
            places[place] = path
    if args.upload in places and len(places) > 1:
        raise ScriptError(f"--upload {args.upload}: {places[args.upload]} has no step in its name: upload it apart")
    return places


def own_repositories(folder: Path, upload: str) -> str:
    """What to do with several models that no step in their names tells apart: each in a repository of its own."""
    owner, models = upload.partition("/")[0], command_line_of([folder])
    send = f'hf upload {owner}/"$(basename "$model")" "$model" --private'
    return (
        f"{folder}: several models without a step in their names (checkpoint-100), and --upload takes one of these. "
        f"Send each to a repository of its own, then give {owner}/NAME of each to --model: "
        f"for model in {models}/*/; do {send}; done"
    )


def checkpoints_in(folder: Path, upload: str) -> dict[str, Path]:
    """The checkpoints in a folder by their names, in step order; "" for a model that is named like none."""
    found = find_checkpoints(folder, to_run=True)
    for row in found.skipped:
        note(f"warning: {row.name} is skipped: {row.reason}")
    if not found.checkpoints:
        reasons = listing(f"{row.name}: {row.reason}" for row in found.skipped)
        raise ScriptError(f"{folder}: no complete checkpoint in it{f': {reasons}' if reasons else ''}")
    named = {}
    for row in found.checkpoints:
        last = row.name.rpartition("/")[2]
        named[last if parse_checkpoint_name(last) or last in FINAL_FOLDERS else ""] = row.path
    if len(named) < len(found.checkpoints):
        if all(not last for last in named):
            raise ScriptError(own_repositories(folder, upload))
        raise ScriptError(f"{folder}: several checkpoints of one name: give the folder of one run")
    return named


def checkpoint_files(folder: Path) -> list[RepoFile]:
    """The files of a checkpoint that are sent: regular ones of the kinds in UPLOADED in the folder, and BELOW it.

    ScriptError, by name, for a link that leads out of the folder and for what is no file; secrets' names are left out.
    """
    found, hashed = [], hashed_names(folder)
    below = (path for pattern in BELOW for path in sorted(folder.glob(pattern)))
    for path in (*sorted(folder.iterdir()), *below):
        target = path.relative_to(folder).as_posix()
        if not is_sent(target) or path.is_dir():
            continue
        if not inside(path, folder):
            raise ScriptError(f"{path}: a link that leads out of the folder is not uploaded; replace it by the file")
        if not is_input(path):
            raise ScriptError(f"{path}: not a regular file; take it away")
        if SECRET_NAME.fullmatch(path.name):
            note(f"warning: {path} is not uploaded: its name is that of a secret")
        elif is_other_model(target, hashed):
            note(f"warning: {path} is not uploaded: it is none of the weights that are evaluated")
        else:
            found.append(RepoFile(target, path.resolve()))
    return found


def is_sent(target: str) -> bool:
    """Whether a file of a checkpoint, by its place in the folder, is of those that an evaluation reads."""
    return any(fnmatch.fnmatchcase(target, kind) for kind in (BELOW if "/" in target else UPLOADED))


def hashed_files(folder: Path) -> dict[str, str]:
    """The files of a checkpoint that are sent, and their SHA-256."""
    files = checkpoint_files(folder)
    return {str(folder / file.target): remembered_sha256(file.source) for file in progress(files, f"hashing {folder}")}


def wanted_uploads(run: EvalRun) -> dict[str, Path]:
    """The folders that the jobs which wait are made of: place on the Hub -> folder."""
    wanted = {model for job in run.waiting for model in job.models}
    chosen = {place: Path(folder) for place, folder in run.uploads.items() if place in wanted}
    for place, folder in chosen.items():
        if not folder.is_dir():
            raise ScriptError(f"{folder} is not here any more, and {place} is made of it")
    return chosen


def planned_below(run: EvalRun, folders: Iterable[Path]) -> dict[str, str]:
    """The files of folders as they were planned."""
    chosen = set(folders)
    return {name: digest for name, digest in run.files.items() if not chosen.isdisjoint(Path(name).parents)}


def check_own_files(run: EvalRun) -> None:
    """ScriptError (3) when a file that travels with the jobs, or is uploaded for those which wait, is not what it was
    when the run was planned."""
    folders, found = wanted_uploads(run).values(), {}
    for name in run.travelling:
        if not is_input(name):
            raise ScriptError(f"--run-id {run.run_id}: {name} is not here, and its jobs need it: go to its folder")
        found[name] = file_sha256(Path(name))
    for folder in folders:
        found |= hashed_files(folder)
    refuse_changed(run, run.travelling | planned_below(run, folders), found)


def refuse_changed(run: EvalRun, planned: Mapping[str, str], found: Mapping[str, str]) -> None:
    """ScriptError (3) with the files that are not what was planned: file -> SHA-256, then and now."""
    words = {
        name: "is new" if name not in planned else "is gone" if name not in found else "has changed"
        for name in sorted({*planned, *found})
        if planned.get(name) != found.get(name)
    }
    if words:
        raise ScriptError(
            f"--run-id {run.run_id}: {listing(f'{name} {word}' for name, word in words.items())} since the run was "
            "planned, so its scores would be of two kinds: put the old files back, or plan anew with another --run-id",
            code=3,
        )


def upload_checkpoints(client: JobsClient, run: EvalRun) -> None:
    """Put the folders of the jobs that wait where the jobs look for them; what is there already is not sent again.

    Every file is compared with the plan, and searched for tokens, before the first one is sent.
    """
    chosen = wanted_uploads(run)
    if chosen:
        check_own_files(run)
    files = {place: checkpoint_files(folder) for place, folder in chosen.items()}
    refuse_tokens([file for found in files.values() for file in found], client.token)
    for place, folder in chosen.items():
        repo, below, _ = split_place(place)
        names = {file: f"{below}/{file.target}".lstrip("/") for file in files[place]}
        client.open_private(repo, "model", "--upload")
        with job_errors(f"--upload {repo}", client.token):
            refuse_leftovers(client, place, names.values())
            note(f"uploading {folder} to {place} ...")
            digests = {name: run.files.get(str(folder / file.target), "") for file, name in names.items()}
            added, unchanged = additions_of({name: file.source for file, name in names.items()}, digests)
            title = f"Add {below or folder.name}"
            client.patiently(commit_whole, client.api, repo, added, before=unchanged, commit_message=title)


def refuse_leftovers(client: JobsClient, place: str, own: Container[str]) -> None:
    """ScriptError (3) when a place on the Hub holds what an evaluation reads and this upload has not."""
    repo, below, _ = split_place(place)
    there = client.patiently(client.api.list_repo_files, repo)
    prefix = f"{below}/" if below else ""
    inner = [name for name in there if name.startswith(prefix) and name not in own]
    others = [name for name in inner if is_sent(name.removeprefix(prefix))]
    if others:
        raise ScriptError(
            f"{place} holds {listing(others)}, which the folder that is uploaded has not, and its job would read: "
            "delete that there, or --upload to another repository",
            code=3,
        )


def shown_uploads(places: Mapping[str, Path], token: str | None) -> tuple[str, ...]:
    """What would be uploaded, for people: each folder, its place, every file with its size.

    What is quickly read is searched for tokens now; the weights are when they are sent.
    """
    shown = []
    for place, folder in places.items():
        files = checkpoint_files(folder)
        refuse_tokens([file for file in files if file.size < MAX_UNPACKED], token)
        sizes = (f"{single_line(file.target)} ({shown_size(file.size)})" for file in files)
        shown.append(f"uploaded first, to a private repository: {folder} -> {place}: {', '.join(sizes)}")
    return tuple(shown)
