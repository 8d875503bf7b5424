"""Weights of a loaded transformers model, replaced in place and proved."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from parts.checkpoints import weight_files, weights_sha256
from parts.engines.layout import layout_difference, read_layout
from parts.engines.proof import tensor_checksum, text_sha256
from parts.frame import ScriptError
from parts.harness.vocabulary import Layout, Model


def runs_on_cpu(device: str) -> bool:
    """Whether a model goes on the CPU, by --device and by what torch finds here."""
    import torch

    return device == "cpu" or not (torch.cuda.is_available() or torch.backends.mps.is_available())


def replace_state(model: Any, files: Sequence[Path]) -> None:
    """Copy the tensors of safetensors files into a loaded model; ScriptError where they differ when read back.

    All are compared after the last is copied: tensors may share their place. After an error the model is of no use.
    """
    import torch
    from safetensors import safe_open

    held, replaced = model.state_dict(), set()
    for copied in (True, False):
        for file in files:
            with safe_open(file, framework="pt") as tensors, torch.no_grad():
                for name in tensors.keys():  # noqa: SIM118 (no dictionary)
                    target, source = held.get(name), tensors.get_tensor(name)
                    if target is None or target.is_meta:
                        raise ScriptError(f"{name} has no place of its own in the loaded model")
                    if copied:
                        target.copy_(source)
                        replaced.add(target.data_ptr())
                    elif not torch.equal(target.cpu(), source.to(target.dtype)) and torch.isfinite(source).all():
                        raise ScriptError(f"{name} is not what the file holds")
    left = [name for name, tensor in held.items() if tensor.data_ptr() not in replaced]
    if left:  # a tied tensor shares its place with one of the file
        raise ScriptError(f"{left[0]} is not in the files")


def swap_state(loaded: Any, layout: Layout, model: Model, folder: Path) -> None:
    """Give a loaded transformers model of some layout another checkpoint's weights; ScriptError when that cannot be."""
    difference = layout_difference(layout, read_layout(folder))
    if difference:
        raise ScriptError(difference)
    replace_state(loaded, weight_files(folder))
    check_weights(loaded, [])
    check_unchanged(model, folder)


def check_unchanged(model: Model, folder: Path) -> None:
    """Refuse a local checkpoint that was written while it was loaded."""
    if model.path and weights_sha256(folder) != model.weights_sha256:
        raise ScriptError(
            f"{model.path}: its weights changed while they were read: run again when the training is done"
        )


@contextlib.contextmanager
def load_reports() -> Iterator[list[str]]:
    """Collects what transformers says while it loads weights; tensors that are missing are only a warning there.

    They are heard also where they are not shown, as with TRANSFORMERS_VERBOSITY=error: they would be random numbers.
    """
    said: list[str] = []
    logger = logging.getLogger("transformers.modeling_utils")
    is_shown = logger.isEnabledFor

    def listen(record: logging.LogRecord) -> bool:
        said.append(record.getMessage())
        return is_shown(record.levelno)

    logger.addFilter(listen)
    logger.isEnabledFor = lambda level: True
    try:
        yield said
    finally:
        logger.removeFilter(listen)
        del logger.isEnabledFor


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


def state_checksum(model: Any) -> str:
    """A checksum of a model's tensors that is the same each time these weights are loaded."""
    return text_sha256(f"{name} {tensor_checksum(tensor)}\n" for name, tensor in model.state_dict().items())
