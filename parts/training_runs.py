"""The checkpoints of a training run, as people have them: found by their names at any depth, in step order.

Takes the folder of a run; gives its checkpoints, those that are incomplete with the reason, and what else lies there.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from parts.checkpoints import (
    WEIGHT_FILES,
    Checkpoint,
    Skipped,
    files_below,
    missing_tokenizer,
    weight_files,
    weights_sha256,
    why_incomplete,
)
from parts.frame import ScriptError, natural_key, near_place, note
from parts.inputs import read_json
from parts.names import GENERIC_FOLDERS, HUB_PLACE, parse_checkpoint_name

NO_CHECKPOINT = "not a checkpoint by its name"
# "tmp-checkpoint-500", "step_5.partial": what a training renames when all is written.
BEING_WRITTEN = re.compile(
    r"^_?te?mp[-_]?(?=checkpoint|step|epoch|global|iter)|[._-](?:te?mp|part|partial|incomplete)$", re.I
)
DEEPEST = 4  # levels below the given folder at which checkpoints are looked for
FINAL = "final"  # the model at the top of a run, beside its checkpoints
NEVER_MEANT = {"__pycache__", ".git", ".cache", ".DS_Store"}  # of tools, not of a run
FINAL_FOLDERS = {"final", "final_model", "final_checkpoint", "last"}
# Other models of a training with reinforcement learning than the one that is trained.
OTHER_MODELS = {"critic", "ref", "reference", "ref_policy", "reward", "reward_model", "value", "value_model"}


@dataclass
class FoundCheckpoint:
    """What a folder holds."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    others: list[str] = field(default_factory=list)


def find_checkpoints(root: Path, results: Iterable[Path] = (), to_run: bool = False) -> FoundCheckpoint:
    """The checkpoints in a folder or up to DEEPEST levels below it, in step order, the run's final model last.

    A folder that is a checkpoint itself is the only one. Links out of the folder are not followed; the folders of
    results are not looked into. `to_run`: folders with a model count whatever their names, and each needs a tokenizer.
    """
    found, passed_over = FoundCheckpoint(), {os.path.realpath(folder) for folder in (root / "results", *results)}
    itself = to_run and parse_checkpoint_name(root.resolve().name) and len(model_folders(root)) == 1
    named = [root] if itself else named_folders(root, root, passed_over, found.others, to_run)
    if not named and to_run and (model_folders(root) or parse_checkpoint_name(root.resolve().name)):
        named = [root]
    elif not named and holds_model(root):
        named, place = [root], root.resolve()
        note(f"{place.name} is a checkpoint itself: it alone is looked at, and others may lie in {place.parent}")
    final = top_model(root) if named and named != [root] else None
    for path in named:
        take(found, path, root, to_run)
    found.checkpoints = by_epochs(found.checkpoints)
    found.checkpoints.sort(key=lambda c: (c.step is None, c.step or 0, c.epoch or 0, natural_key(c.name)))
    if final:
        take_final(found, final, to_run)
    places = sorted({os.path.relpath(c.home.parent, root) for c in found.checkpoints if c.home != final} - {".", ".."})
    if places and places != ["checkpoints"]:
        note(f"checkpoints of {root}: in {', '.join(places[:3])}{f' and {len(places) - 3} more' if places[3:] else ''}")
    return found


def by_epochs(checkpoints: Sequence[Checkpoint]) -> list[Checkpoint]:
    """The checkpoints with their epochs alone where steps begin anew in each: a later epoch has no later step."""
    both = sorted((c.epoch, c.step) for c in checkpoints if c.step is not None and c.epoch is not None)
    anew = any(one[0] < two[0] and one[1] >= two[1] for one, two in pairwise(both))
    if not anew or len(both) < len(checkpoints):
        return list(checkpoints)
    note("the steps of these names begin anew in each epoch: the checkpoints are in the order of their epochs")
    return [replace(checkpoint, step=None) for checkpoint in checkpoints]


def named_folders(folder: Path, root: Path, passed_over: set[str], others: list[str], to_run: bool) -> list[Path]:
    """The folders below one that are meant as checkpoints; the names of all others, in `others`."""
    found = []
    for entry in list_folder(folder):
        path, here = Path(entry.path), is_folder(entry)
        if here and (parse_checkpoint_name(entry.name) or (entry.name in FINAL_FOLDERS and holds_model(path))):
            found.append(path)
        elif os.path.realpath(path) in passed_over or entry.name in NEVER_MEANT:
            continue
        elif entry.is_dir(follow_symlinks=False) and to_run and holds_model(path):
            if BEING_WRITTEN.search(entry.name):
                others.append(path.relative_to(root).as_posix())
            else:
                found.append(path)
        else:
            shown, below, deeper = path.relative_to(root).as_posix(), [], []
            if entry.is_dir(follow_symlinks=False) and shown.count("/") < DEEPEST - 1:
                found += (deeper := named_folders(path, root, passed_over, below, to_run))
            others += below if deeper else [shown]
    return found


def take(found: FoundCheckpoint, path: Path, root: Path, to_run: bool) -> None:
    """Sort a folder with a checkpoint's name into what was found."""
    models = model_folders(path)
    if len(models) > 1:
        names = ", ".join(model.relative_to(path).as_posix() for model in models)
        found.skipped.append(Skipped(path.name, f"several models in it ({names}): name the folder of one"))
        return
    folder = models[0] if models else path
    # Files that are only read may be links, as those of the Hub's cache are; what is copied and published may not.
    reason = why_incomplete(path, root) if path.is_symlink() else why_incomplete(folder, Path("/") if to_run else root)
    reason = reason or (missing_tokenizer(folder) if to_run else None)
    if reason:
        found.skipped.append(Skipped(path.name, reason))
        return
    name = path.name if path != root else path.resolve().name
    step, epoch = parse_checkpoint_name(name) or (trainer_step(folder), None)
    found.checkpoints.append(Checkpoint(name, folder, step, epoch, path))


def holds_model(folder: Path) -> bool:
    """Whether weights lie in a folder itself."""
    return any(os.path.isfile(f"{folder}/{name}") for name in WEIGHT_FILES)


def model_folders(folder: Path) -> list[Path]:
    """Where the model of a checkpoint is: the folder itself, or those below it that hold weights.

    global_step_100 -> global_step_100/actor/huggingface, and not the critic's beside it.
    """
    if holds_model(folder) or (folder / "config.json").is_file():
        return [folder]
    below = dict.fromkeys(path.parent for path in files_below(folder, 4) if path.name in WEIGHT_FILES)
    own = [path for path in below if not OTHER_MODELS & set(path.relative_to(folder).parts)]
    return own or list(below)


def top_model(root: Path) -> Path | None:
    """The folder of a run when a model lies in it, as a Trainer's output has it."""
    return root if holds_model(root) and (root / "config.json").is_file() else None


def take_final(found: FoundCheckpoint, root: Path, to_run: bool) -> None:
    """Add the model at the top of a run as `final`, unless it is one of the checkpoints once more."""
    reason = why_incomplete(root, root) or (missing_tokenizer(root) if to_run else None)
    twin = None if reason else same_weights(root, found.checkpoints)
    if twin:
        reason = f"its weights are those of {twin.name}"
    if reason:
        found.skipped.append(Skipped(FINAL, reason))
    else:
        found.checkpoints.append(Checkpoint(FINAL, root, trainer_step(root), None, root.resolve() / FINAL))


def same_weights(folder: Path, checkpoints: Sequence[Checkpoint]) -> Checkpoint | None:
    """The checkpoint with the weights of a folder; files are read only where their sizes are the same."""
    sizes = sorted(path.stat().st_size for path in weight_files(folder))
    alike = [c for c in reversed(checkpoints) if sorted(p.stat().st_size for p in weight_files(c.path)) == sizes]
    return next((c for c in alike if weights_sha256(c.path) == weights_sha256(folder)), None)


def trainer_step(folder: Path) -> int | None:
    """The step that a Trainer's trainer_state.json says, or None."""
    path = folder / "trainer_state.json"
    try:
        step = read_json(path).get("global_step") if path.is_file() else None
    except (ScriptError, AttributeError):
        return None
    return step if isinstance(step, int) and not isinstance(step, bool) and step >= 0 else None


def list_folder(folder: Path | str) -> list[os.DirEntry[str]]:
    """What a folder holds, in natural order, without hidden names."""
    try:
        with os.scandir(folder) as entries:
            return sorted((e for e in entries if not e.name.startswith(".")), key=lambda e: natural_key(e.name))
    except OSError as error:
        raise ScriptError(
            f"{folder}: {error.strerror}{near_place(folder)}; give the folder that holds the checkpoints"
        ) from error


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder, or a link to one; a broken link, or one to itself, is none."""
    return entry.is_dir(follow_symlinks=False) or (entry.is_symlink() and os.path.isdir(entry.path))


def run_folders(checkpoints: Iterable[Checkpoint]) -> dict[Path, list[Checkpoint]]:
    """Checkpoints by the folder of their run; a model above them is none of another run, and left out."""
    runs: dict[Path, list[Checkpoint]] = {}
    for checkpoint in checkpoints:
        home = (checkpoint.home or checkpoint.path).parent.resolve()
        if home != checkpoint.path.resolve():
            run = home.parent if home.name.lower() in GENERIC_FOLDERS else home
            runs.setdefault(run, []).append(checkpoint)
    return runs


def check_steps(checkpoints: Sequence[Checkpoint], root: Path) -> None:
    """ScriptError when two checkpoints claim the same step (or epoch) or have one name, or when there is none."""
    if not checkpoints:
        raise ScriptError(
            f"{root}: no complete checkpoint in it; folders named like step_100 or checkpoint-500 are read"
        )
    seen: dict[Any, Checkpoint] = {}
    for checkpoint in checkpoints:
        if (other := seen.setdefault(checkpoint.name, checkpoint)) is not checkpoint:
            raise ScriptError(
                f"{checkpoint.name} occurs twice: {other.path} and {checkpoint.path}; give the folder of one run"
            )
        if checkpoint.name == FINAL or (checkpoint.step is None and checkpoint.epoch is None):
            continue
        other = seen.setdefault((checkpoint.step, checkpoint.epoch if checkpoint.step is None else None), checkpoint)
        if other is not checkpoint:
            what = f"step {checkpoint.step}" if checkpoint.step is not None else f"epoch {checkpoint.epoch}"
            raise ScriptError(f"{what} occurs twice: {other.path} and {checkpoint.path}; give the folder of one run")


def is_hub_place(text: str) -> bool:
    """Whether a name may be a model of the Hub; a folder in it must be named like a checkpoint."""
    place = HUB_PLACE.fullmatch(text)
    if not place or text.startswith((".", "~")) or ".." in text:
        return False
    last = place["below"].rpartition("/")[2]
    return not last or parse_checkpoint_name(last) is not None or last in FINAL_FOLDERS
