"""Models to evaluate: folders, checkpoints of a run, Hub ids; their hashes, revisions, templates."""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import glob
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parts.checkpoints import (
    SHORT,
    WEIGHT_FILES,
    Checkpoint,
    has_chat_template,
    hub_hashes,
    hub_weight_files,
    hub_weights_sha256,
    is_adapter,
    missing_tokenizer,
    model_files_sha256,
    weight_files,
    weights_sha256,
    why_incomplete,
)
from parts.frame import ScriptError, command_line_of, listing, near_place, note
from parts.harness.templates import limited_rendering, try_chat_templates
from parts.harness.vocabulary import Model
from parts.hashed_model import hashed_files_only, refuse_named
from parts.hashes import remembered_sha256
from parts.hub.answers import keep_token_home
from parts.inputs import read_json
from parts.loadable import is_adapter_repo, why_not_applied, why_not_loadable
from parts.names import HUB_PLACE, REPO_ID, given_id, local_id, parse_checkpoint_name, say_folder
from parts.private import explain, shown_name
from parts.training_runs import find_checkpoints, is_hub_place

# Of an adapter_config.json: what changes no answer, or is known by the base's hash.
NOT_APPLIED = {"auto_mapping", "base_model_name_or_path", "inference_mode", "peft_version", "revision", "task_type"}
NOT_LOADED = ("*.gguf", "*.onnx", "*.h5", "*.msgpack", "*.pt", "*.pth")  # of a repository, by what runs models here
WEIGHTS = (".safetensors", ".bin")  # of which those alone are fetched that count: consolidated.safetensors is a copy


def find_models(folder: Path) -> tuple[list[Checkpoint], list[tuple[str, str]]]:
    """The checkpoints in or below a folder, and those left out with the reason."""
    found = find_checkpoints(folder, to_run=True)
    left_out = [(f"{folder.resolve().name}/{entry.name}", entry.reason) for entry in found.skipped]
    if not found.checkpoints:
        if len(left_out) == 1 and (steps := parse_checkpoint_name(folder.resolve().name)):
            if SHORT.format("") not in left_out[0][1]:
                raise ScriptError(f"{folder}: {left_out[0][1]}")
            # One of several that were named: it fails by its own name, with a failure file, and stops no other.
            return [Checkpoint(folder.resolve().name, folder, *steps)], []
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
    return Model(given_id(local_id(home)), weights_sha256(folder), folder, path=path, name=checkpoint.name, step=step)


def cached_snapshot(repo: str, revision: str | None = None) -> Path | None:
    """The newest copy of a Hub model in the cache, or that of a revision."""
    from huggingface_hub import snapshot_download

    try:
        return Path(os.path.abspath(snapshot_download(repo, revision=revision, local_files_only=True)))
    except (ValueError, OSError):  # what the client raises when nothing is there
        return None


@contextlib.contextmanager
def model_errors(name: str) -> Iterator[None]:
    """What the Hub's client raises as one line each."""
    from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError, RevisionNotFoundError

    keep_token_home()
    try:
        yield
    except RevisionNotFoundError as error:
        raise ScriptError(f"{name}: no such branch, tag or commit on the Hub") from error
    except RepositoryNotFoundError as error:
        raise ScriptError(
            f"{name}: neither a folder here nor a model on the Hub (private or gated: set HF_TOKEN)"
        ) from error
    except HfHubHTTPError as error:
        raise ScriptError(f"{name}: the Hub refused: {explain(error)}") from error


def hub_models(text: str, needs_template: bool) -> list[Model]:
    """The models of the Hub that `OWNER/NAME[/SUBFOLDER][@REVISION]` means, with `*` in a revision all that it fits.

    "me/lm" -> main    "me/lm@step100"    "me/lm@*" -> branches and tags that are named like steps, in step order
    """
    place = HUB_PLACE.fullmatch(text)
    repo, below, revision = place["repo"], place["below"].strip("/"), place["revision"]
    if not revision or "*" not in revision:
        return [hub_model(repo, below, revision, needs_template)]
    from huggingface_hub import HfApi

    with model_errors(text):
        refs = HfApi().list_repo_refs(repo)
    names = dict.fromkeys(ref.name for ref in (*refs.branches, *refs.tags))
    steps = {name: parse_checkpoint_name(name) for name in names if fnmatch.fnmatchcase(name, revision)}
    named = sorted((name for name, step in steps.items() if step), key=lambda name: (steps[name][0] or 0, name))
    if not named:
        raise ScriptError(f"{text}: no branch or tag of it is named like a step: {listing(names)}")
    return [hub_model(repo, below, name, needs_template) for name in named]


def hub_model(repo: str, below: str, revision: str | None, needs_template: bool) -> Model:
    """A model of the Hub at a revision (main's newest commit without one), or in a folder of it (`below`).

    Without network, the copy in the cache.
    """
    from huggingface_hub import HfApi, snapshot_download

    name = repo + (f"/{below}" if below else "") + (f"@{revision}" if revision else "")
    label = below.rpartition("/")[2] or (revision if revision not in (None, "main") else None)
    steps = parse_checkpoint_name(label or "")
    step = str(steps[0]) if steps and steps[0] is not None else None
    base = Model(repo, "", name=label, step=step, repo=repo, below=below)
    try:
        with model_errors(name):
            info = HfApi().model_info(repo, revision=revision, files_metadata=True)
    except ScriptError:
        raise
    except Exception as unreachable:  # each HTTP library has its own exceptions for "no connection"
        copy = cached_snapshot(repo, revision)
        if copy is None or why_incomplete(copy / below, copy.parent.parent):  # its files are links into that folder
            raise ScriptError(
                f"{name}: no folder here, not in the cache, and the Hub is out of reach ({explain(unreachable)[:120]})"
            ) from unreachable
        return replace(base, weights_sha256=weights_sha256(copy / below), folder=copy / below, revision=copy.name)
    if info.id != repo and REPO_ID.fullmatch(info.id or ""):  # renamed, in other letters, without its owner: "gpt2"
        note(f"{repo} is called {info.id} on the Hub")
        repo, base = info.id, replace(base, id=info.id, repo=info.id)
    files = {item.rfilename: item for item in info.siblings or []}
    own = {
        path.removeprefix(f"{below}/"): item
        for path, item in files.items()
        if not below or path.startswith(f"{below}/")
    }
    digest = hub_weights_sha256(hub_hashes(own) | plain_hashes(base, info.sha, own))
    if not digest and (reason := why_not_loadable(own, {}, "")) and not reason.startswith("it has no"):
        raise ScriptError(f"{name}: {reason}", code=1)
    if not digest:
        folders = sorted({path.rpartition("/")[0] for path in files if path.rpartition("/")[2] in WEIGHT_FILES} - {""})
        hint = f"; they are in {listing(f'{repo}/{folder}' for folder in folders)}" if folders else ""
        raise ScriptError(
            f"{name}: no weights in it that transformers can load (model.safetensors or pytorch_model.bin){hint}"
        )
    model = replace(base, weights_sha256=digest, revision=info.sha)
    if is_adapter_repo(own):
        return replace(model, folder=downloaded(model))  # small, and it names its base
    has_template = not {"chat_template.jinja", "chat_template.json"}.isdisjoint(own)
    has_template |= any("/" in file and is_loaded(file) for file in own)
    has_template |= bool(not below and ((info.config or {}).get("tokenizer_config") or {}).get("chat_template"))
    if needs_template:
        small = ("tokenizer_config.json", "chat_template.*", "additional_chat_templates/*.jinja")
        small = [f"{below}/{file}" if below else file for file in small]
        with model_errors(name):
            folder = Path(snapshot_download(repo, revision=info.sha, allow_patterns=small))
        if not has_template and not has_chat_template(folder / below):
            raise ScriptError(f"{name}: its tokenizer has no chat template: leave --use-chat-template out")
        try_chat_templates(name, folder / below)
    elif has_template:
        note(f"warning: {name} has a chat template; for a chat model add --use-chat-template")
    return model


def plain_hashes(model: Model, revision: str, files: Mapping[str, Any]) -> dict[str, str]:
    """The hashes of weights that lie in a repository as plain files of git, of which the Hub's list has no SHA-256.

    Small ones do where .gitattributes, which may be older than the format, does not name them.
    """
    from huggingface_hub import hf_hub_download

    found = {}
    for name in hub_weight_files(files):
        if not files[name].lfs:
            with model_errors(model.label):
                path = hf_hub_download(model.repo, f"{model.below}/{name}".lstrip("/"), revision=revision)
            found[name] = remembered_sha256(Path(path))
    return found


FETCHED: dict[Model, Path] = {}  # the Hub models that this process has downloaded, in their order


def downloaded(model: Model) -> Path:
    """The folder that holds a model's files; a Hub model is fetched, without what is not used of its repository."""
    if model.folder:
        return hashed_files_only(model.folder)
    if model in FETCHED:
        return hashed_files_only(FETCHED[model])
    from huggingface_hub import HfApi, snapshot_download

    names = {item.rfilename for item in HfApi().model_info(model.repo, revision=model.revision).siblings or []}
    start = f"{model.below}/" if model.below else ""
    own = [name for name in names if name.startswith(start) and is_loaded(name[len(start) :])]
    weights = hub_weight_files([name.removeprefix(start) for name in own])
    own = [name for name in own if name.removeprefix(start) in weights or not name.endswith(WEIGHTS)]
    wanted = {"allow_patterns": [glob.escape(name) for name in own]}
    wanted |= {"ignore_patterns": [*NOT_LOADED]}
    known = cached_snapshot(model.repo, model.revision)
    by_name = None if model.below else model.name  # so that it is found offline
    folder = Path(snapshot_download(model.repo, revision=by_name, **wanted))
    if folder.name != model.revision:
        folder = Path(snapshot_download(model.repo, revision=model.revision, **wanted))
    folder = Path(os.path.abspath(folder / model.below))  # a server runs in a folder of its own
    try:
        held = {file.name for file in weight_files(folder)}
    except ScriptError:  # those that its index names are not among the files that were fetched
        held = set()
    if held != set(weights):
        raise ScriptError(
            f"{model.label}: its index names other weights than {listing(weights, 2)}, whose hash is theirs"
        )
    if known is None:
        FETCHED[model] = folder
    return hashed_files_only(folder)


def is_loaded(name: str) -> bool:
    """Whether a file of a model's folder is read when it is loaded: in the folder itself, or a template."""
    return "/" not in name or fnmatch.fnmatchcase(name, "additional_chat_templates/*.jinja")


def forget_downloads(keep: int | None) -> None:
    """Delete the oldest downloads of this process from the cache, so that `keep` are left; None keeps all."""
    from huggingface_hub import constants, scan_cache_dir

    while keep is not None and len(FETCHED) > keep:
        model = next(iter(FETCHED))
        del FETCHED[model]
        if any((other.repo, other.revision) == (model.repo, model.revision) for other in FETCHED):
            continue  # another folder of the same commit
        with contextlib.suppress(Exception):
            cache = scan_cache_dir(constants.HF_HUB_CACHE)
            own = {entry for entry in cache.repos if (entry.repo_type, entry.repo_id) == ("model", model.repo)}
            # Of other repositories, such as a fork, a commit of the same name stays.
            replace(cache, repos=frozenset(own)).delete_revisions(model.revision).execute()


def adapter_sha256(model: Model) -> str | None:
    """The hash of how an adapter is applied (rank, scaling, layers), as its tensors do not tell; None without one."""
    if model.base is None:
        return None
    config = read_json(downloaded(model) / "adapter_config.json")
    kept = {key: value for key, value in config.items() if key not in NOT_APPLIED and value not in (None, {}, [])}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def beside_sha256(model: Model) -> str | None:
    """The hash of what is read beside a model's weights (an adapter: its base's); None where none of it is here."""
    model = model.base or model
    folder = model.folder or FETCHED.get(model)
    if folder is None and model.repo and (copy := cached_snapshot(model.repo, model.revision)):
        folder = copy / model.below
    return model_files_sha256(folder) if folder and (folder / "config.json").is_file() else None


def is_near(folder: Path, adapter: Path) -> bool:
    """Whether a folder lies below the current one or one of the two above an adapter; a home folder is none of them."""
    home = Path.home().resolve()
    roots = [root.resolve() for root in (Path(), *list(adapter.parents)[:2])]
    return any(folder.resolve().is_relative_to(root) for root in roots if not home.is_relative_to(root))


def with_base(model: Model, wanted: str | None, known: dict[str, Model]) -> Model:
    """An adapter with its base: what --base-model says, else its adapter_config.json.

    A folder counts from here, and from the adapter's place. ScriptError when the base is not there, or an adapter; 3
    when the config, which may be a stranger's, names a folder away from both. Which base it is is said.
    """
    if model.base or model.folder is None or not is_adapter(model.folder):
        return model
    config = read_json(model.folder / "adapter_config.json")
    config = config if isinstance(config, dict) else {}
    if reason := why_not_applied(config):
        raise ScriptError(f"{model.label}: {reason}")
    say_folder(wanted or "")
    name = wanted or str(config.get("base_model_name_or_path") or "")
    revision = None if wanted else config.get("revision")
    place = f"{name}@{revision}" if isinstance(revision, str) and revision not in ("", "main") else name
    if place not in known:
        near = [] if model.repo and not wanted else [Path(), *list(model.folder.parents)[:3]]
        places = [Path(wanted).expanduser()] if wanted else [parent / name for parent in near]
        folder = next((path for path in places if name and path.is_dir()), None)
        if folder and not wanted and not is_near(folder, model.folder):
            command = command_line_of(["--base-model", folder])
            said = f"its adapter_config.json names {folder} as its base, which is away from it and from here"
            raise ScriptError(f"{model.label}: {said}; if it is meant: {command}", code=3)
        if folder:
            found = local_model(folder)
            reason = why_incomplete(folder, Path("/")) or missing_tokenizer(folder)
        elif is_hub_place(place):
            found, reason = hub_models(place, False)[0], None
        else:
            found, reason = None, "no such folder here"
        if found is None or reason or is_adapter(found.folder or Path(os.devnull)):
            why = f"its base model {shown_name(name)}: {reason or 'an adapter itself'}"
            why = why if name else "its adapter_config.json names no base model"
            raise ScriptError(f"{model.label}: {why}: give --base-model FOLDER_OR_ID")
        known[place] = found
        if not wanted:
            where = "the folder" if found.folder and not found.repo else "the Hub's"
            note(f"{model.label}: its base is {where} {shown_name(name)}, as its adapter_config.json says")
    return replace(model, base=known[place])


def resolve_models(args: argparse.Namespace) -> tuple[list[Model], list[tuple[str, str]]]:
    """The models that --model names, in the order given, and the folders left out with the reason."""
    models: list[Model] = []
    left_out: list[tuple[str, str]] = []
    for name in args.model:
        path = Path(name).expanduser()
        if path.is_dir():
            say_folder(name)
            checkpoints, incomplete = find_models(path)
            models += map(local_model, checkpoints)
            left_out += incomplete
        elif path.exists() or not is_hub_place(name):
            raise ScriptError(
                f"{name}: no such folder{near_place(path)}; give a checkpoint folder, a folder of them, or a Hub id "
                "owner/name[/subfolder][@revision]"
            )
        else:
            models += hub_models(name, args.use_chat_template)
    bases: dict[str, Model] = {}
    models = [with_base(model, getattr(args, "base_model", None), bases) for model in dict.fromkeys(models)]
    if args.model_id and len(models) != 1:
        raise ScriptError(f"--model-id names one model, but --model gives {len(models)}: leave it out")
    return [replace(models[0], id=args.model_id)] if args.model_id else models, left_out


def check_templates(models: Sequence[Model], wanted: bool) -> None:
    """Refuse --use-chat-template for models without one; mention templates that are not used."""
    folders = {model: (model.base or model).folder for model in models}
    with_template = [model for model in models if folders[model] and has_chat_template(folders[model])]
    without = [model for model in models if folders[model] and model not in with_template]
    if wanted and without:
        raise ScriptError(f"{without[0].id}: its tokenizer has no chat template: leave --use-chat-template out")
    if with_template and not wanted:
        note(f"warning: {with_template[0].id} has a chat template; for a chat model add --use-chat-template")
    for model in with_template if wanted else ():
        try_chat_templates(model.id, folders[model])


def chat_renderer(model: Model, trust_remote_code: bool) -> Callable[[Any], str]:
    """Turns of a chat -> the text that a model gets, by its chat template.

    A Hub model is read from its snapshot: its name alone may be that of a folder here.
    """
    from huggingface_hub import snapshot_download
    from transformers import AutoTokenizer

    model = model.base or model
    if (folder := model.folder) is None:
        files = {"ignore_patterns": [*NOT_LOADED, "*.safetensors", "*.bin"]}
        files |= {"allow_patterns": f"{model.below}/*"} if model.below else {}
        with model_errors(model.label):
            copy = snapshot_download(model.repo, revision=model.revision, **files)
        folder = Path(os.path.abspath(copy)) / model.below
    refuse_named(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)

    def rendered(turns: Any) -> str:
        with limited_rendering():
            return tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True)

    return rendered
