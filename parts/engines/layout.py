"""Tensor names, shapes and types of a checkpoint: whether two can share one engine; prompts that fit."""

from __future__ import annotations

import collections
import json
import math
from collections.abc import Sequence
from pathlib import Path

from parts.checkpoints import applied_config, read_beside, tensor_headers, weight_files
from parts.frame import ScriptError
from parts.harness.vocabulary import Layout

CPU_BATCH_SIZE = 32
SMALL_MODEL, SMALL_MODEL_BATCH_SIZE = 50_000_000, 256  # parameters; the batch for models with fewer

MOST_TOKEN_IDS = 128  # vLLM scores at most that many chosen tokens at one position


def layout_difference(old: Layout, new: Layout) -> str | None:
    """What keeps two checkpoints from sharing an engine, or None."""
    for name in sorted(old.config.keys() | new.config.keys()):
        if old.config.get(name) != new.config.get(name):
            return f"config.json has another {name}"
    for name in sorted(old.files.keys() | new.files.keys()):
        if old.files.get(name) != new.files.get(name):
            return f"another {name}"
    if old.tensors is None or new.tensors is None:
        return "the weights are not in safetensors files"
    if old.tensors.keys() != new.tensors.keys():
        return f"other tensors ({min(old.tensors.keys() ^ new.tensors.keys())})"
    changed = [name for name in sorted(old.tensors) if old.tensors[name] != new.tensors[name]]
    return f"another shape or dtype of {changed[0]}" if changed else None


def chat_template_of(layout: Layout) -> str:
    """What decides how a chat template renders, as a name."""
    names = ("tokenizer_config.json", "chat_template.jinja", "chat_template.json", "special_tokens_map.json")
    return json.dumps([layout.files.get(name) for name in names])


def cpu_batch_size(layout: Layout) -> int:
    """A batch that keeps a CPU busy with a small model and its memory free with a large one."""
    parameters = sum(math.prod(shape) for _, shape in (layout.tensors or {}).values())
    return SMALL_MODEL_BATCH_SIZE if 0 < parameters < SMALL_MODEL else CPU_BATCH_SIZE


def fit_prompt(prompt: list[int], room: int) -> tuple[list[int], bool]:
    """A prompt without the beginning that does not fit, and whether it lost one."""
    if room < 1:
        raise ScriptError("the answer alone is longer than the model's context: raise --max-model-len")
    return prompt[-room:], len(prompt) > room


def choice_requests(choices: Sequence[Sequence[int]]) -> dict[tuple[int, ...], list[list[int]]]:
    """The requests that score choices: all tokens of a choice but its last -> last tokens, in parts of MOST_TOKEN_IDS.

    Choices of one token need one request; choices that differ in the last token alone share one.
    """
    wanted: dict[tuple[int, ...], dict[int, None]] = collections.defaultdict(dict)
    for choice in choices:
        wanted[tuple(choice[:-1])][choice[-1]] = None
    return {
        prefix: [list(ids)[start : start + MOST_TOKEN_IDS] for start in range(0, len(ids), MOST_TOKEN_IDS)]
        for prefix, ids in wanted.items()
    }


def read_layout(folder: Path) -> Layout:
    """The layout of a checkpoint folder."""
    config, digests = applied_config(folder / "config.json"), read_beside(folder)
    files = weight_files(folder)
    if any(path.suffix != ".safetensors" for path in files):
        return Layout(config, digests, None)
    return Layout(config, digests, {name: shape for path in files for name, shape in tensor_headers(path).items()})
