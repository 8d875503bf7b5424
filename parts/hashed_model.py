"""The folder of a model as what loads it gets it: the files that are hashed, and none that they would have read."""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import tempfile
from collections.abc import Container, Iterator
from pathlib import Path
from typing import Any

from parts.checkpoints import WEIGHT_FILES, first_weights, hashed_names, names_beside
from parts.frame import ScriptError, listing, note, single_line
from parts.inputs import read_json
from parts.names import parse_checkpoint_name
from parts.private import shown_name, shown_path

# What of a model's folder is left out of it without a word: what a training leaves, texts about it, pictures, and other
# forms of the model, which no engine here takes from a folder by itself.
NOT_READ = re.compile(
    r"(?:trainer_state|configuration|\w+_results)\.json|(?:training_args|optimizer|scheduler|scaler|rng_state\w*)"
    r"\.(?:bin|pt)|(?i:readme|licen[cs]e|notice|requirements)[^.]*(?:\.(?:txt|json))?|(?:USE_POLICY|latest)"
    r"|\.[\w.-]*|events\.out\.tfevents[\w.-]*"
    r"|[^\n]*\.(?i:md|png|jpe?g|gif|svg|webp|pdf|bib|log|out|csv|ya?ml|gguf|onnx|onnx_data|h5|msgpack|pth)"
    r"|(?:runs|logs|wandb|figures|images|assets|original|onnx|openvino|coreml|global_step\d+)"
)
PICKLES = re.compile(r"(?s).*\.(?:pt|bin(?:\.index\.json)?)")  # not read where safetensors are
OUT_OF_IT = re.compile(r"(?:\S*/)?\.\./\S+")  # a place that is another from wherever one stands
# What a training writes of where a model came from, and no loader opens: transformers takes the special tokens from the
# model's own folder; the base of an adapter is looked at by itself.
ORIGINS = {"_name_or_path", "name_or_path", "base_model_name_or_path", "special_tokens_map_file"}
NAMED_MODELS = ("speculators_config", "text_model_id", "audio_model_id")  # of config.json: vLLM loads what they name
NAMING = re.compile(r".*config.*\.json|special_tokens_map\.json")  # whose values loaders take for places of files


def code_places(value: Any, named: bool = False) -> Iterator[str]:
    """The repositories whose code a configuration asks for: "owner/name" of "owner/name--module.Class" in auto_map."""
    if isinstance(value, str):
        yield from [value.partition("--")[0]] if named and "--" in value else []
    elif isinstance(value, list):
        for part in value:
            yield from code_places(part, named)
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from code_places(part, named or key == "auto_map")


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a JSON value but the keys, and but where a model came from, which a training writes."""
    fields = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    parts = [part for key, part in fields if key not in ORIGINS]
    yield from [value] if isinstance(value, str) else ()
    for part in parts:
        yield from texts_in(part)


def another_named(config: Any, folder: Path) -> str | None:
    """The first text of a configuration in a model's folder that may be the place of a file that is none of its own."""
    own = {os.path.realpath(folder / name) for name in ("config.json", *WEIGHT_FILES, *names_beside(folder))}
    # The table of a tokenizer's words, too: where it is a text, that is the place of one.
    tables = [config[key] for key in ("vocab", "merges") if isinstance(config, dict) and key in config]
    return next((text for text in texts_in(config) if text in tables or names_another(text, folder, own)), None)


def names_another(text: str, folder: Path, own: Container[str]) -> bool:
    """Whether a text of a configuration is the place of a file, from the folder or from here, that is not its own."""
    if OUT_OF_IT.fullmatch(text):
        return True
    code = os.path.join(folder, f"{text.rpartition('.')[0]}.py")  # of "code/modeling.Model" in an auto_map
    places = [os.path.join(folder, text), code, *([text] if "/" in text or "." in text else [])]  # else a plain word
    return any(os.path.isfile(place) and os.path.realpath(place) not in own for place in places)


@functools.cache
def refuse_named(folder: Path) -> Path:
    """The folder of a model; ScriptError (3) where a configuration in it would have something else read in its place.

    Transformers takes the "owner/name" of an auto_map for a folder whenever the current one has it, and the tokenizer
    from wherever "fast_tokenizer_files", "gguf_file" and the like say: what is read is what lies in the folder, hashed.
    """
    for file in sorted(path for path in folder.glob("*.json") if NAMING.fullmatch(path.name)):
        config = read_json(file)
        for place in code_places(config):
            if os.path.exists(place) and not os.path.samefile(place, folder):
                raise ScriptError(
                    f"{shown_name(file.name)} of {folder.name} asks for the code of {shown_name(place)} on the Hub, "
                    "and the current folder has one of that name, which would run instead: go to another folder",
                    code=3,
                )
        if (text := another_named(config, folder)) is not None:
            raise ScriptError(
                f"{shown_path(folder)}: its {file.name} names the file {single_line(text)[:200]}, which is none "
                "that is hashed with the model and might be read in the place of one: take the name out of it",
                code=3,
            )
    return folder


def hashed_files_only(folder: Path) -> Path:
    """The folder of a model as an engine gets it: nothing in it is read, or has something read, that is not hashed."""
    return refuse_named(own_weights_only(refuse_named(folder)))


def refuse_other_model(folder: Path) -> bool:
    """Whether a folder has a config.json; ScriptError where that names other weights, or another model."""
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else None
    if not isinstance(config, dict):
        return False
    if other := next((key for key in NAMED_MODELS if config.get(key) is not None), None):
        raise ScriptError(
            f"{shown_path(folder)}: its config.json names another model that would run in its place or as a part of it "
            f"({other}), whose weights are in no hash of this one: name the model itself"
        )
    own, named = first_weights(folder), config.get("transformers_weights")
    if named not in (None, own):
        raise ScriptError(
            f"{shown_path(folder)}: its config.json says that its weights are {single_line(named)[:100]} "
            f"(transformers_weights), and {own} is there, whose hash would be theirs: take one of both away"
        )
    return True


@functools.cache
def own_weights_only(folder: Path) -> Path:
    """The folder of a model, or one with links to the files alone that are hashed where it has more that may be read.

    vLLM loads all *.safetensors of a folder, those of an index, or consolidated*.safetensors, looks for a params.json,
    and reads some kinds of models from folders below; transformers puts an adapter beside a model on it, and each of
    its tokenizers has files of its own names. ScriptError as `refuse_other_model` has it.
    """
    if not refuse_other_model(folder):
        return folder
    own, hashed = first_weights(folder), hashed_names(folder)
    unseen = PICKLES if not own.startswith("pytorch_model.bin") else re.compile("")
    known = {name.partition("/")[0] for name in hashed}  # a folder of BELOW among them
    others = sorted(
        name
        for name in set(os.listdir(folder)) - known
        if not any(pattern.fullmatch(name) for pattern in (NOT_READ, unseen)) and not parse_checkpoint_name(name)
    )
    if not others:
        return folder
    note(f"{shown_path(folder)}: {listing(others)} is not in the hash of its weights ({own}) and files: not loaded")
    place = Path(tempfile.mkdtemp(prefix="hub-evals-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    for name in hashed:
        (place / name).parent.mkdir(exist_ok=True)
        (place / name).symlink_to((folder / name).absolute())
    return place
