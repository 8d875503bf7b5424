"""The repo of the best checkpoint, prepared as a folder."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path, PurePosixPath

from parts.checkpoints import Checkpoint, hashed_names, inside, is_other_model
from parts.frame import (
    ScriptError,
    command_line_of,
    fresh_place,
    listing,
    near_place,
    put_in_place,
    usual_mode,
    write_whole,
)
from parts.hashed_model import NAMING, another_named, code_places, refuse_other_model
from parts.hashes import file_sha256
from parts.inputs import read_json
from parts.private import shown_path
from parts.ranking.vocabulary import RANKING_SCHEMA
from parts.repo_files import SECRET_NAME, RepoFile, refuse_tokens
from parts.tables import progress
from parts.training_runs import FINAL

# What a trainer needs to go on and nobody to use the model: optimizer, schedule, random states, sharded states, its own
# arguments (a pickle, which runs code when it is opened), and its progress, which names folders of the machine.
STATE_NAMES = re.compile(
    r"(?:optimizer|scheduler|scaler|sampler)(?:_\d+)?(?:\.(?:pt|pth|bin|safetensors))?|rng_state.*|"
    r"random_states_\d+\.pkl|"
    r"training_args\.(?:bin|json|ya?ml)|train(?:er|ing)_state.*|trainer_log\.jsonl?|llamaboard_config\.ya?ml|"
    r"custom_checkpoint_\d+\.pkl|mp_rank_\d+_.*|zero_pp_rank_.*|.*\.distcp|"
    r"global_step\d+|latest|zero_to_fp32\.py|pytorch_model_fsdp_\d+|dataloader_state.*\.pt|sampler\.bin"
)
# What loggers write, wherever it lies: hosts, users, folders, command lines.
LOG_NAMES = re.compile(
    r"events\.out\.tfevents.*|wandb|mlruns|lightning_logs|tensorboard|tb_logs|.*\.log|nohup\.out|slurm-.*\.out|"
    r"(?:running|train(?:ing)?)_log\.(?:txt|json|jsonl|csv)"
)
# Files that run nothing when they are opened, and the weights' own form; all else goes when it is named.
DATA_NAMES = re.compile(
    r"(?i).*\.(?:safetensors|json|jsonl|txt|model|jinja|tiktoken|tokenizer|spm|codes|bpe|vocab|gguf|onnx|onnx_data|msgpack|md|rst|"
    r"ya?ml|toml|csv|tsv|parquet|arrow|png|jpe?g|gif|webp|pdf|bib|wav|flac|mp3|mp4)|tokenizer\.model\.v\d\w*|"
    r"(?:pytorch_model|adapter_model)(?:-\d+-of-\d+)?\.bin|(?:licen[cs]e|notice|copying|authors|citation)[\w-]*"
)
STATE_ENDINGS = {"", ".pt", ".pth", ".bin", ".pkl", ".distcp", ".log", ".out", ".wandb"}
PLAIN_HIDDEN = {".gitattributes", ".gitignore"}
NEVER_COPIED = {".git", ".cache", "__pycache__", ".ipynb_checkpoints", ".DS_Store"}


def plan_files(
    checkpoint: Checkpoint,
    card: str,
    assets: Sequence[Path],
    root: Path,
    token_file: Path | None,
    token: str | None,
    keep_state: bool = False,
) -> tuple[list[RepoFile], list[str], list[RepoFile]]:
    """The files of the repo to be, the names left out because they may hold secrets, and the training state left out.

    Raises ScriptError for names that collide, links that lead elsewhere, anything that looks like a Hub token, and (3)
    code and whatever else is no data, and hidden files, of the checkpoint that no asset names: who gets it may run it.
    """
    found = [RepoFile(name, path) for name, path in walk(checkpoint.path, root) if name != "README.md"]
    if checkpoint.name == FINAL:  # the run's folder: what lies below it is not the model
        found = [file for file in found if "/" not in file.target]
    state = [] if keep_state else [f for f in found if is_training_state(PurePosixPath(f.target))]
    found = [file for file in found if file not in state]
    own = [asset for asset in assets if inside(asset, checkpoint.path)]  # it has its place already

    def is_secret(file: RepoFile) -> bool:
        named = any(map(SECRET_NAME.fullmatch, PurePosixPath(file.target).parts))
        return named or bool(token_file and os.path.realpath(file.source) == os.path.realpath(token_file))

    unnamed = [file for file in found if not any(inside(file.source, asset) for asset in own)]
    refuse_unnamed([file for file in unnamed if not is_secret(file)], hashed_names(checkpoint.path))
    for asset in assets:
        if asset in own and asset.exists():
            continue
        name = Path(os.path.abspath(asset)).name
        if asset.is_file():
            found.append(RepoFile(name, asset))
        elif asset.is_dir():
            found += [RepoFile(f"{name}/{inner}", path) for inner, path in walk(asset, asset)]
        else:
            raise ScriptError(f"--assets {asset}: no such file or folder{near_place(asset)}")
    secrets = {file.target for file in found if is_secret(file)}
    files = [RepoFile("README.md", text=card), *(f for f in found if f.target not in secrets)]
    twice = [name for name, count in Counter(f.target for f in files).items() if count > 1]
    if twice:
        raise ScriptError(f"several files would become {listing(twice)}; rename the asset")
    refuse_tokens(files, token)
    refuse_other_model(checkpoint.path)
    if asking := [file.source for file in unnamed if asks_for_others(file, checkpoint.path)]:
        raise to_be_named("configurations that name files elsewhere, or the code of another repository,", asking)
    return sorted(files, key=lambda f: f.target), sorted(secrets), state


def refuse_unnamed(files: Sequence[RepoFile], hashed: Collection[str]) -> None:
    """ScriptError (3) where what is no data, or hidden, or another model than the one that was evaluated (`hashed`: its
    files) is among a checkpoint's: its writer's, under one's name."""
    names = []
    for file in files:
        place = PurePosixPath(file.target)
        hidden = any(part.startswith(".") and part not in PLAIN_HIDDEN for part in place.parts)
        kept = is_training_state(place)
        if hidden or not is_data(place) or (not kept and is_other_model(file.target, hashed)):
            names.append(file.source)
    if names:
        raise to_be_named("code, hidden files, weights that were not evaluated or others that are no data", names)


def to_be_named(what: str, files: Sequence[Path]) -> ScriptError:
    """Why some files of a checkpoint are published by name only (3)."""
    return ScriptError(
        f"{what} in the checkpoint: {listing(map(shown_path, files), 20)}. "
        f"To publish one, read it and name it: {command_line_of(['--assets', *files[:20]])}; else move it out",
        code=3,
    )


def asks_for_others(file: RepoFile, folder: Path) -> bool:
    """Whether a checkpoint's file is a configuration with which a loader takes code or files from elsewhere."""
    if not NAMING.fullmatch(file.target):
        return False
    config = read_json(file.source)
    return next(code_places(config), None) is not None or another_named(config, folder) is not None


def is_data(place: PurePosixPath) -> bool:
    """Whether a checkpoint's file is of a kind that runs nothing, its own weights, or a state that is kept by word."""
    events = place.name.startswith("events.out.tfevents")
    kept = is_training_state(place) and (events or place.suffix.lower() in STATE_ENDINGS)
    return place.name in PLAIN_HIDDEN or kept or bool(DATA_NAMES.fullmatch(place.name))


def is_training_state(target: PurePosixPath) -> bool:
    """Whether a checkpoint's file is of its training, not of the model."""
    return bool(STATE_NAMES.fullmatch(target.parts[0])) or any(map(LOG_NAMES.fullmatch, target.parts))


def walk(folder: Path, root: Path) -> Iterator[tuple[str, Path]]:
    """(name with /, path) of all files below a folder; ScriptError for a link out of `root` and for what is no file."""

    def stop(error: OSError) -> None:
        raise error

    for base, directories, names in os.walk(folder, onerror=stop):
        directories[:] = sorted(d for d in directories if d not in NEVER_COPIED)
        names = sorted(name for name in names if name not in NEVER_COPIED)
        for name in (*names, *(d for d in directories if os.path.islink(os.path.join(base, d)))):
            path = Path(base, name)
            if path.is_symlink() and not (inside(path, root) and path.is_file()):
                raise ScriptError(f"{path}: a link that leads elsewhere is not copied; replace it by the file")
            if not path.is_file():
                raise ScriptError(f"{path}: not a regular file; take it away")
            yield path.relative_to(folder).as_posix(), path


def prepare(out: Path, files: Sequence[RepoFile]) -> dict[str, str]:
    """Make OUT the repo to be: every planned file and no other; target -> SHA-256. Written whole or not at all.

    What was prepared is noted beside OUT, so that only a folder that was made here, and not changed since, is replaced.
    """
    manifest = out.with_name(f".{out.name}.prepared.json")
    temporary, noted = (Path(fresh_place(out.parent)) for _ in range(2))
    old = temporary.with_suffix(".old")
    before = check_replaceable(out, manifest)
    try:
        digests = {file.target: file.sha256 for file in files}
        if before == digests:
            return digests
        check_space(out, sum(file.size for file in files))
        temporary.mkdir(0o700, parents=True)
        for file in progress(files, "copying"):
            target = temporary / file.target
            target.parent.mkdir(parents=True, exist_ok=True)
            if file.source is None:
                target.write_bytes(file.read())
            else:
                shutil.copyfile(file.source, target)
        write_whole(noted, json.dumps({"schema_version": RANKING_SCHEMA, "files": digests}, indent=1) + "\n")
        temporary.chmod(usual_mode() | (usual_mode() & 0o444) >> 2)  # a folder that may be read may be entered
        if out.exists():
            out.replace(old)
        temporary.replace(out)
        put_in_place(noted, manifest)
    except OSError as error:
        raise ScriptError(f"{out}: could not be prepared: {error.strerror or error}") from error
    finally:
        if old.exists() and not out.exists():
            old.replace(out)
        for left in (temporary, old):
            shutil.rmtree(left, ignore_errors=True)
        noted.unlink(missing_ok=True)
    return digests


def check_space(out: Path, needed: int) -> None:
    """ScriptError when the disk of a folder to be has not enough room."""
    there = next(folder for folder in out.parents if folder.exists())
    free = shutil.disk_usage(there).free
    if needed > free:
        raise ScriptError(f"{out}: no space: {needed:,} bytes needed, {free:,} free; choose another --prepare folder")


def check_replaceable(out: Path, manifest: Path) -> dict[str, str] | None:
    """What was prepared in OUT before (None: nothing there); ScriptError when OUT holds anything else."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise ScriptError(f"{out} is not a folder; choose another --prepare folder")
    if not out.exists() or not any(out.iterdir()):
        return None
    noted = read_json(manifest) if manifest.is_file() else None
    made = noted.get("files") if isinstance(noted, dict) else None
    if not isinstance(made, dict):
        raise ScriptError(f"{out} is not empty and was not prepared here; choose another --prepare folder")
    there = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if not path.is_dir()}
    changed = sorted(set(there) ^ set(made)) or [n for n in sorted(there) if file_sha256(there[n]) != made[n]]
    if changed:
        raise ScriptError(
            f"{out}: {listing(changed)} changed since it was prepared; move {out} away, or choose another"
        )
    return made
