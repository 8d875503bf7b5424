"""Checkpoint folders: their names and steps, whether they are complete, the hash of their weights."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, natural_key
from parts.hashes import file_sha256
from parts.inputs import read_json
from parts.names import parse_checkpoint_name

# Complete weights, the first that is there: the file, or an index whose shards are all there.
WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
    "adapter_model.safetensors",
    "adapter_model.bin",
)
NO_CHECKPOINT = "not a checkpoint by its name"
TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model", "vocab.json", "spiece.model")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A folder with a model; `step` is None when the name counts epochs only."""

    name: str
    path: Path
    step: int | None
    epoch: int | None = None


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
        return file_sha256(files[0])
    lines = "".join(f"{file_sha256(path)}  {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def list_folder(folder: Path | str) -> list[os.DirEntry[str]]:
    """What a folder holds, in natural order, without hidden names."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: natural_key(e.name))
    except OSError as error:
        raise ScriptError(f"{folder}: {error.strerror}; give the folder that holds the checkpoints") from error


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a broken link, or one to itself, is none."""
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


def scan_checkpoints(root: Path, results: Iterable[Path]) -> tuple[list[Checkpoint], list[Skipped], list[str]]:
    """Complete checkpoints in a folder or one level deeper in step order, incomplete ones, and the other names.

    Links out of the folder are not followed; the folders of results are not looked into.
    """
    found, skipped, others = [], [], []
    passed_over = {os.path.realpath(folder) for folder in (root / "results", *results)}
    for entry in list_folder(root):
        if parse_checkpoint_name(entry.name) and is_folder(entry):
            found.append(Path(entry.path))
            continue
        if os.path.realpath(entry.path) in passed_over:
            continue
        inner = []
        if entry.is_dir(follow_symlinks=False):
            with contextlib.suppress(ScriptError):
                inner = list_folder(entry.path)
        named = [Path(e.path) for e in inner if parse_checkpoint_name(e.name) and is_folder(e)]
        found += named
        if named:
            others += [f"{entry.name}/{e.name}" for e in inner if Path(e.path) not in named and e.name != "results"]
        else:
            others.append(entry.name)
    complete = []
    for path in found:
        reason = why_incomplete(path, root)
        if reason:
            skipped.append(Skipped(path.name, reason))
        else:
            step, epoch = parse_checkpoint_name(path.name)
            complete.append(Checkpoint(path.name, path, step, epoch))
    complete.sort(key=lambda c: (c.step is None, c.step or 0, c.epoch or 0, natural_key(c.name)))
    return complete, skipped, others


def why_incomplete(folder: Path, root: Path) -> str | None:
    """What keeps a folder from being a checkpoint, by the names in it; None when it is one."""
    if folder.is_symlink() and not inside(folder, root):
        return "a link out of the folder; it is not followed"
    try:
        weights = weight_files(folder)
    except ScriptError as error:
        return str(error)
    except (OSError, AttributeError, TypeError) as error:  # no permission; an index that is no JSON object
        return f"weights not readable: {error}"
    adapter = weights[0].name.startswith("adapter_model") and not os.path.isfile(f"{folder}/config.json")
    config = folder / ("adapter_config.json" if adapter else "config.json")
    if not os.path.isfile(config):
        return f"no {config.name}"
    links = [path.name for path in (config, *weights) if os.path.islink(path) and not inside(path, root)]
    return f"{links[0]} is a link out of the folder; it is not followed" if links else None


def inside(path: Path, root: Path) -> bool:
    """Whether a path, links resolved, is a folder or lies below it."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def check_steps(checkpoints: Sequence[Checkpoint], root: Path) -> None:
    """ScriptError when two checkpoints claim the same step (or the same epoch), or when there is none."""
    if not checkpoints:
        hint = "folders named like step_100 or checkpoint-500 are read"
        if (root / "config.json").is_file() or parse_checkpoint_name(root.resolve().name):
            hint = f"it is a checkpoint itself: give its parent, {root.resolve().parent}"
        raise ScriptError(f"{root}: no complete checkpoint in it; {hint}")
    seen: dict[Any, Checkpoint] = {}
    for checkpoint in checkpoints:
        other = seen.setdefault((checkpoint.step, checkpoint.epoch if checkpoint.step is None else None), checkpoint)
        if other is not checkpoint:
            what = f"step {checkpoint.step}" if checkpoint.step is not None else f"epoch {checkpoint.epoch}"
            raise ScriptError(f"{what} occurs twice: {other.path} and {checkpoint.path}; give the folder of one run")


def missing_part(folder: Path) -> str | None:
    """What a checkpoint folder lacks to be evaluated, or None."""
    if (folder / "adapter_config.json").is_file() and not (folder / "config.json").is_file():
        return "a PEFT adapter alone: merge it into its base model first (merge_and_unload)"
    if not (folder / "config.json").is_file():
        return "no config.json"
    try:
        weight_files(folder)
    except ScriptError as error:
        return str(error)
    if not any((folder / name).is_file() for name in TOKENIZER_FILES):
        return "no tokenizer (tokenizer.json): save it beside the weights with tokenizer.save_pretrained"
    return None


def is_checkpoint(folder: Path) -> bool:
    """Whether a folder is meant as a checkpoint, complete or not."""
    files = ("config.json", *WEIGHT_FILES)
    return parse_checkpoint_name(folder.name) is not None or any((folder / name).is_file() for name in files)


def has_chat_template(folder: Path) -> bool:
    """Whether the tokenizer in a folder brings a chat template."""
    if (folder / "chat_template.jinja").is_file() or (folder / "chat_template.json").is_file():
        return True
    path = folder / "tokenizer_config.json"
    return path.is_file() and bool(read_json(path).get("chat_template"))
