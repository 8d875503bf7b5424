"""Checkpoints of this machine that a job is to see: what --upload makes of a folder, and the upload itself."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

from parts.frame import ScriptError, listing, note
from parts.jobs.client import JobsClient, job_errors
from parts.jobs.vocabulary import EvalRun, split_place
from parts.names import REPO_ID, parse_checkpoint_name
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


def upload_checkpoints(client: JobsClient, run: EvalRun) -> None:
    """Put the folders of the jobs that wait where the jobs look for them; what is there already is not sent again."""
    wanted = {model for job in run.waiting for model in job.models}
    for place, folder in run.uploads.items():
        if place not in wanted:
            continue
        repo, below, _ = split_place(place)
        if not Path(folder).is_dir():
            raise ScriptError(f"{folder} is not here any more, and {place} is made of it")
        with job_errors(f"--upload {repo}", client.token):
            client.patiently(client.api.create_repo, repo, private=True, exist_ok=True)
            note(f"uploading {folder} to {place} ...")
            client.patiently(
                client.api.upload_folder,
                repo_id=repo,
                folder_path=folder,
                path_in_repo=below or None,
                allow_patterns=UPLOADED,
                ignore_patterns=["*/*"],
                commit_message=f"Add {below or Path(folder).name}",
            )


def shown_uploads(places: Mapping[str, Path]) -> tuple[str, ...]:
    """What would be uploaded, for people."""
    first = next(iter(places.items()), None)
    if first is None:
        return ()
    more = f" and {len(places) - 1} more" if len(places) > 1 else ""
    return (f"uploaded first, to a private repository: {first[1]} -> {first[0]}{more}",)
