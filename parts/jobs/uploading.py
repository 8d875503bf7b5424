"""Checkpoints of this machine that a job is to see: what --upload makes of a folder, and the upload itself."""

from __future__ import annotations

import argparse
import fnmatch
from collections.abc import Mapping
from pathlib import Path

from parts.checkpoints import inside
from parts.frame import ScriptError, listing, note, single_line
from parts.inputs import bytes_text, is_input
from parts.jobs.client import JobsClient, job_errors
from parts.jobs.vocabulary import EvalRun, split_place
from parts.names import REPO_ID, parse_checkpoint_name
from parts.repo_files import MAX_UNPACKED, SECRET_NAME, RepoFile, refuse_tokens
from parts.training_runs import FINAL_FOLDERS, find_checkpoints, is_hub_place

# What an evaluation reads of a checkpoint; the states of optimizers and the like stay here.
UPLOADED = [
    *("*.safetensors", "*.json", "*.txt", "*.model", "*.jinja", "*.py"),
    *("pytorch_model*.bin", "adapter_model.bin", "*.tiktoken"),
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
        for name, path in checkpoints_in(Path(folder)).items():
            place = f"{args.upload}/{name}" if name else args.upload
            if place in places or (name and not is_hub_place(place)):
                raise ScriptError(f"{path}: {place} is no place for it, or taken: upload it under another name")
            places[place] = path
    if args.upload in places and len(places) > 1:
        raise ScriptError(f"--upload {args.upload}: {places[args.upload]} has no step in its name: upload it apart")
    return places


def checkpoints_in(folder: Path) -> dict[str, Path]:
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
        raise ScriptError(f"{folder}: several checkpoints of one name: give the folder of one run")
    return named


def checkpoint_files(folder: Path) -> list[RepoFile]:
    """The files of a checkpoint that are sent: regular ones that lie in the folder, of the kinds in UPLOADED.

    ScriptError, by name, for a link that leads out of the folder and for what is no file; secrets' names are left out.
    """
    found = []
    for path in sorted(folder.iterdir()):
        if not any(fnmatch.fnmatchcase(path.name, kind) for kind in UPLOADED) or path.is_dir():
            continue
        if not inside(path, folder):
            raise ScriptError(f"{path}: a link that leads out of the folder is not uploaded; replace it by the file")
        if not is_input(path):
            raise ScriptError(f"{path}: not a regular file; take it away")
        if SECRET_NAME.fullmatch(path.name):
            note(f"warning: {path} is not uploaded: its name is that of a secret")
        else:
            found.append(RepoFile(path.name, path.resolve()))
    return found


def upload_checkpoints(client: JobsClient, run: EvalRun) -> None:
    """Put the folders of the jobs that wait where the jobs look for them; what is there already is not sent again.

    Every file is searched for tokens before the first one is sent.
    """
    from huggingface_hub import CommitOperationAdd

    wanted = {model for job in run.waiting for model in job.models}
    chosen = {place: Path(folder) for place, folder in run.uploads.items() if place in wanted}
    for place, folder in chosen.items():
        if not folder.is_dir():
            raise ScriptError(f"{folder} is not here any more, and {place} is made of it")
    files = {place: checkpoint_files(folder) for place, folder in chosen.items()}
    refuse_tokens([file for found in files.values() for file in found], client.token)
    for place, folder in chosen.items():
        repo, below, _ = split_place(place)
        client.open_private(repo, "model", "--upload")
        prefix = f"{below}/" if below else ""
        operations = [CommitOperationAdd(prefix + file.target, str(file.source)) for file in files[place]]
        with job_errors(f"--upload {repo}", client.token):
            note(f"uploading {folder} to {place} ...")
            title = f"Add {below or folder.name}"
            client.patiently(client.api.create_commit, repo, operations, commit_message=title)


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


def shown_size(size: int) -> str:
    """A file's size: 1234 -> '1,234 bytes', 1500000000 -> '1.5 GB'."""
    return bytes_text(size) if size >= 1e5 else f"{size:,} bytes"
