"""Weights of a loaded transformers model, replaced in place and proved."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.checkpoints import weights_sha256
from parts.frame import ScriptError
from parts.harness.vocabulary import Model

CHECKSUM_PART = 1 << 24  # bytes that are summed at once


def replace_state(model: Any, files: Sequence[Path]) -> None:
    """Copy the tensors of safetensors files into a loaded model and read them back; ScriptError where they differ."""
    import torch
    from safetensors import safe_open

    state, replaced = model.state_dict(), set()
    for file in files:
        with safe_open(file, framework="pt") as tensors, torch.no_grad():
            for name in tensors.keys():  # noqa: SIM118 (no dictionary)
                target = state.get(name)
                if target is None or target.is_meta:
                    raise ScriptError(f"{name} has no place of its own in the loaded model")
                source = tensors.get_tensor(name)
                target.copy_(source)
                if not torch.equal(target.cpu(), source.to(target.dtype)) and torch.isfinite(source).all():
                    raise ScriptError(f"{name} is not what the file holds")
                replaced.add(target.data_ptr())
    left = [name for name, tensor in state.items() if tensor.data_ptr() not in replaced]
    if left:  # a tied tensor shares its place with one of the file
        raise ScriptError(f"{left[0]} is not in the files")


def check_unchanged(model: Model, folder: Path) -> None:
    """Refuse a local checkpoint that was written while it was loaded."""
    if model.path and weights_sha256(folder) != model.weights_sha256:
        raise ScriptError(
            f"{model.path}: its weights changed while they were read: run again when the training is done"
        )


@contextlib.contextmanager
def load_reports() -> Iterator[list[str]]:
    """Collects what transformers says while it loads weights; tensors that are missing are only a warning there."""
    said: list[str] = []
    logger = logging.getLogger("transformers.modeling_utils")

    def listen(record: logging.LogRecord) -> bool:
        said.append(record.getMessage())
        return True

    logger.addFilter(listen)
    try:
        yield said
    finally:
        logger.removeFilter(listen)


def check_weights(model: Any, reports: Sequence[str]) -> None:
    """Refuse a model of which a part was made up while loading, or whose numbers are broken."""
    import torch

    made_up = [
        re.split(r"[\s|]", line.strip())[0] for report in reports for line in report.splitlines() if "MISSING" in line
    ]
    if made_up and "LOAD REPORT" in "".join(reports):
        raise ScriptError(f"its weights are incomplete: {made_up[0]} is not in the files")
    for name, tensor in model.named_parameters():
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise ScriptError(
                f"its weights are broken: {name} holds values that are no numbers (did the training diverge?)"
            )


def file_names(name: str, packed: Mapping[str, Sequence[str]]) -> list[str]:
    """The tensors of a checkpoint that an engine keeps as one, by the engine's name for it.

    "layers.0.qkv_proj.weight", {"qkv_proj": ["q_proj", "k_proj", "v_proj"]} -> ["layers.0.q_proj.weight", ...]
    """
    parts = name.split(".")
    place = next((index for index, part in enumerate(parts) if part in packed), None)
    if place is None:
        return [name]
    return [".".join([*parts[:place], part, *parts[place + 1 :]]) for part in packed[parts[place]]]


def tensor_checksum(tensor: Any) -> int:
    """A checksum of a tensor's bytes, computed where the tensor is: sums of its parts and of parts times places."""
    import torch

    total = 0
    for start, part in enumerate(tensor.detach().contiguous().flatten().view(torch.uint8).split(CHECKSUM_PART)):
        values = part.to(torch.int64)
        places = torch.arange(1, len(values) + 1, device=values.device)
        plain, placed = int(values.sum()), int((values * places).sum())
        total = (total * 1_000_003 + plain + 31 * placed + start) % (1 << 61)
    return total


def text_sha256(lines: Iterable[str]) -> str:
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def state_checksum(model: Any) -> str:
    """A checksum of a model's tensors that is the same each time these weights are loaded."""
    return text_sha256(f"{name} {tensor_checksum(tensor)}\n" for name, tensor in model.state_dict().items())
