"""Models to evaluate: folders, checkpoints of a run, Hub ids; their hashes, revisions, templates."""

from __future__ import annotations

import argparse
import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from parts.checkpoints import WEIGHT_FILES, Checkpoint, has_chat_template, weights_sha256, why_incomplete
from parts.frame import ScriptError, note
from parts.harness.vocabulary import Model
from parts.names import HUB_ID, local_id, parse_checkpoint_name
from parts.private import explain
from parts.training_runs import find_checkpoints


def find_models(folder: Path) -> tuple[list[Checkpoint], list[tuple[str, str]]]:
    """The checkpoints in or below a folder, and those left out with the reason."""
    found = find_checkpoints(folder, to_run=True)
    left_out = [(f"{folder.resolve().name}/{entry.name}", entry.reason) for entry in found.skipped]
    if not found.checkpoints:
        if len(left_out) == 1 and parse_checkpoint_name(folder.resolve().name):
            raise ScriptError(f"{folder}: {left_out[0][1]}")
        detail = "; ".join(f"{name}: {reason}" for name, reason in left_out[:3])
        raise ScriptError(f"{folder}: no complete checkpoint in it{': ' + detail if detail else ''}")
    return found.checkpoints, left_out


def local_model(checkpoint: Checkpoint | Path) -> Model:
    """A checkpoint, or a folder that is one, as a model."""
    if isinstance(checkpoint, Path):
        step, epoch = parse_checkpoint_name(checkpoint.resolve().name) or (None, None)
        checkpoint = Checkpoint(checkpoint.resolve().name, checkpoint, step, epoch)
    folder, home = Path(os.path.abspath(checkpoint.path)), Path(os.path.abspath(checkpoint.home or checkpoint.path))
    below = folder.is_relative_to(Path.cwd()) and folder != Path.cwd()
    path = folder.relative_to(Path.cwd()).as_posix() if below else local_id(home)
    step = None if checkpoint.step is None else str(checkpoint.step)
    return Model(local_id(home), weights_sha256(folder), folder, path=path, name=checkpoint.name, step=step)


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


def cached_snapshot(name: str) -> Path | None:
    """The newest complete copy of a Hub model in the cache."""
    from huggingface_hub import snapshot_download

    try:
        folder = Path(snapshot_download(name, local_files_only=True))
    except (ValueError, OSError):  # what the client raises when nothing is there
        return None
    return None if why_incomplete(folder, folder) else folder


def hub_model(name: str, needs_template: bool) -> Model:
    """A model of the Hub at its newest commit; without network, the one in the cache."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

    try:
        info = HfApi().model_info(name, files_metadata=True)
    except RepositoryNotFoundError as error:
        raise ScriptError(
            f"{name}: neither a folder here nor a model on the Hub (private or gated: set HF_TOKEN)"
        ) from error
    except HfHubHTTPError as error:
        raise ScriptError(f"{name}: the Hub refused: {explain(error)}") from error
    except Exception as unreachable:  # each HTTP library has its own exceptions for "no connection"
        folder = cached_snapshot(name)
        if folder is None:
            raise ScriptError(
                f"{name}: no folder here, not in the cache, and the Hub is out of reach ({explain(unreachable)[:120]})"
            ) from unreachable
        return Model(name, weights_sha256(folder), folder, revision=folder.name)
    hashes = {item.rfilename: item.lfs.sha256 for item in info.siblings or [] if item.lfs}
    digest = hub_weights_sha256(hashes)
    if not digest:
        raise ScriptError(
            f"{name}: no weights in it that transformers can load (model.safetensors or pytorch_model.bin)"
        )
    model = Model(name, digest, revision=info.sha)
    if needs_template:
        small = ["tokenizer_config.json", "chat_template.jinja", "chat_template.json"]
        try:
            folder = Path(snapshot_download(name, revision=info.sha, allow_patterns=small))
        except Exception as error:  # gated, or no connection
            raise ScriptError(f"{name}: {explain(error)}") from error
        if not has_chat_template(folder):
            raise ScriptError(f"{name}: its tokenizer has no chat template: leave --use-chat-template out")
    else:
        names = {item.rfilename for item in info.siblings or []}
        own = ((info.config or {}).get("tokenizer_config") or {}).get("chat_template")
        if own or names & {"chat_template.jinja", "chat_template.json"}:
            note(f"warning: {name} has a chat template; for a chat model add --use-chat-template")
    return model


def downloaded(model: Model) -> Path:
    """The folder that holds a model's files; a Hub model is fetched, without the weights that are not used."""
    if model.folder:
        return model.folder
    from huggingface_hub import HfApi, snapshot_download

    names = {item.rfilename for item in HfApi().model_info(model.id, revision=model.revision).siblings or []}
    safe = any(name.endswith(".safetensors") and "/" not in name for name in names)
    unwanted = ["*/*", "*.gguf", "*.onnx", "*.h5", "*.msgpack", "*.pt", "*.pth", *(["*.bin"] if safe else [])]
    folder = Path(snapshot_download(model.id, ignore_patterns=unwanted))  # by name, so that it is found offline
    if folder.name != model.revision:
        folder = Path(snapshot_download(model.id, revision=model.revision, ignore_patterns=unwanted))
    return folder


def resolve_models(args: argparse.Namespace) -> tuple[list[Model], list[tuple[str, str]]]:
    """The models that --model names, in the order given, and the folders left out with the reason."""
    models: list[Model] = []
    left_out: list[tuple[str, str]] = []
    for name in args.model:
        path = Path(name).expanduser()
        if path.is_dir():
            checkpoints, incomplete = find_models(path)
            models += map(local_model, checkpoints)
            left_out += incomplete
        elif path.exists() or not HUB_ID.fullmatch(name) or name.startswith((".", "~")):
            raise ScriptError(
                f"{name}: no such folder; give a checkpoint folder, a folder of them, or a Hub id owner/name"
            )
        else:
            models.append(hub_model(name, args.use_chat_template))
    models = list(dict.fromkeys(models))
    if args.model_id and len(models) != 1:
        raise ScriptError(f"--model-id names one model, but --model gives {len(models)}: leave it out")
    return [replace(models[0], id=args.model_id)] if args.model_id else models, left_out


def check_templates(models: Sequence[Model], wanted: bool) -> None:
    """Refuse --use-chat-template for models without one; mention templates that are not used."""
    with_template = [model for model in models if model.folder and has_chat_template(model.folder)]
    without = [model for model in models if model.folder and model not in with_template]
    if wanted and without:
        raise ScriptError(f"{without[0].id}: its tokenizer has no chat template: leave --use-chat-template out")
    if with_template and not wanted:
        note(f"warning: {with_template[0].id} has a chat template; for a chat model add --use-chat-template")
