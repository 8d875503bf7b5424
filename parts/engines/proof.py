"""What proves that an engine holds a checkpoint's weights: its tensors read back and compared with the files."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.checkpoints import weights_sha256
from parts.frame import ScriptError
from parts.inputs import read_json

CHECKSUM_PART = 1 << 24  # bytes that are summed at once


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


def refresh_packed(model: Any) -> None:
    """Pack the weights of layers again that a CPU engine computes with a packed copy of, after they were replaced.

    vLLM packs a layer when its weights are loaded; a head that is tied to the embeddings is never loaded, and would go
    on with the weights of the checkpoint before.
    """
    for layer in model.modules():
        weight = getattr(layer, "weight", None)
        if hasattr(layer, "cpu_linear") and weight is not None and weight.numel():
            layer.quant_method.process_weights_after_loading(layer)


def packed_columns(layer: Any, weight: Any) -> Iterator[tuple[slice, Any]]:
    """The columns of the matrix that a CPU engine's layer computes with, some at a time.

    Read as what the layer makes of unit vectors: each picks one column, and 1 * w + 0 + 0 ... is exact.
    """
    import torch

    size = weight.shape[1] if weight.numel() else layer.input_size_per_partition
    for units in torch.arange(size, device=weight.device).split(256):
        rows = torch.nn.functional.one_hot(units, size).to(weight.dtype)
        yield slice(int(units[0]), int(units[-1]) + 1), layer.quant_method.apply(layer, rows, None).T


def compare_part(held: Any, wanted: Any) -> bool | None:
    """Whether an engine's tensor is that of a file; None when it has another shape (a share of the tensor)."""
    import torch

    if wanted.dim() == 0 or held.shape[1:] != wanted.shape[1:] or len(held) < len(wanted):
        return None
    # An engine may add empty rows to a vocabulary.
    return torch.equal(held[: len(wanted)].cpu(), wanted.to(held.dtype))


def is_other(held: Any, wanted: Any) -> bool:
    """Whether a tensor that differs from the file's of its name, shape and type is no other arrangement of that.

    Some engines transpose or reorder a tensor when they load it, or norm the rows of a head; none makes others of it.
    """
    import torch

    if held.dtype != wanted.dtype or not wanted.dtype.is_floating_point or held.shape[1:] != wanted.shape[1:]:
        return False
    held = held[: len(wanted)].cpu()
    if torch.equal(held.flatten().sort().values, wanted.flatten().sort().values):
        return False
    rows = held.dim() == 2 and torch.nn.functional.cosine_similarity(held.float(), wanted.float(), dim=1)
    return rows is False or bool(rows.min() < 0.99)


def is_quantized(files: Sequence[str]) -> bool:
    """Whether a checkpoint's configuration says that its weights are quantized, which an engine repacks."""
    path = Path(files[0]).with_name("config.json") if files else None
    config = read_json(path) if path and path.is_file() else None
    return isinstance(config, dict) and bool(config.get("quantization_config") or config.get("compression_config"))


def file_tensor(place: Mapping[str, Any], names: Sequence[str]) -> Any | None:
    """What the files hold for a parameter of an engine, a fused one's parts put together; None when it is not there."""
    import torch

    if not all(name in place for name in names):
        return None
    parts = [place[name].get_tensor(name) for name in names]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def readings_of(layer: Any, name: str, weight: Any) -> dict[str, Iterable[tuple[slice | None, Any]]]:
    """How an engine's parameter can be read: as it is ("wrong" when it differs), and as a packed copy ("inexact")."""
    found: dict[str, Iterable[tuple[slice | None, Any]]] = {}
    if weight.numel():
        found["wrong"] = [(None, weight.detach())]
    if hasattr(layer, "cpu_linear") and name.endswith(".weight"):
        found["inexact"] = packed_columns(layer, weight)
    return found


def weights_in_engine(model: Any, files: Sequence[str]) -> dict[str, Any]:
    """Compare an engine's weights with safetensors files; runs inside the engine, on each of its workers.

    Parameters are compared with the files, fused and tied ones too, and so are the packed copies that CPU engines
    compute with. Returns `exact`: how many were read back and are what the files hold; `summed`: how many have another
    shape here (shares of a tensor) and enter the checksum only; `wrong`: names of parameters that differ, `other`: of
    those that no engine makes of the file's (see `is_other`); `inexact`: of packed copies that do; `broken`: a name
    whose values are no numbers; `unread`: names that cannot be read; and a `checksum` of all that is the same each time
    these weights are loaded, `rest` for those that are not exact.
    """
    import torch
    from safetensors import safe_open

    found: dict[str, Any] = {"exact": 0, "summed": 0, "unread": [], "wrong": [], "inexact": [], "broken": None}
    found["other"], quantized = [], is_quantized(files)
    found["lacking"] = None  # a part of a fused tensor: vLLM loads the other parts, and says nothing
    whole, rest, first = [], [], {}
    with contextlib.ExitStack() as stack, torch.inference_mode():
        place: dict[str, Any] = {}
        for file in files:
            tensors = stack.enter_context(safe_open(file, framework="pt"))
            place |= dict.fromkeys(tensors.keys(), tensors)
        packed = getattr(model, "packed_modules_mapping", None) or {}
        for name, weight in model.named_parameters(remove_duplicate=False):
            # A tied parameter comes a second time under another name: it is in the files under its first.
            # A layer that can hold an adapter has its own parameters in a `base_layer`.
            names = first.setdefault(id(weight), file_names(name.replace(".base_layer.", "."), packed))
            absent = [part for part in names if part not in place] if name.endswith(".weight") else []
            if 0 < len(absent) < len(names):
                found["lacking"] = absent[0]
            wanted = file_tensor(place, names)
            if wanted is not None and not torch.isfinite(wanted).all():
                found["broken"] = name
            readings = readings_of(model.get_submodule(name.rpartition(".")[0]), name, weight)
            found["unread"] += [] if readings else [name]
            for kind, parts in readings.items():
                same, lines = [], []
                for columns, held in parts:
                    lines.append(f"{name} {kind} {tensor_checksum(held)}\n")
                    part = wanted if wanted is None or columns is None else wanted[:, columns]
                    same.append(None if part is None else compare_part(held, part))
                    plain = kind == "wrong" and not quantized and found["broken"] != name
                    if plain and same[-1] is False and is_other(held, part):
                        found["other"].append(name)
                whole += lines
                rest += [] if all(same) else lines
                if None in same:
                    found["summed"] += 1
                elif all(same):
                    found["exact"] += 1
                else:
                    found[kind].append(name)
    sums = {"checksum": text_sha256(whole), "rest": text_sha256(rest) if rest else ""}
    return found | sums | {"dtype": str(next(model.parameters()).dtype).removeprefix("torch.")}


class Proof:
    """What `weights_in_engine` has said of one engine, checkpoint after checkpoint."""

    def __init__(self) -> None:
        self.checksums: dict[str, str] = {}
        self.differing: set[str] | None = None
        self.found: Sequence[Mapping[str, Any]] = []

    def see(self, folder: Path, found: Sequence[Mapping[str, Any]]) -> str:
        """The checksum of what the engine's workers (one row each) hold of a folder; ScriptError when it is not proved.

        The first folder is that which the engine has loaded itself.
        """
        lacking = next((worker["lacking"] for worker in found if worker["lacking"]), None)
        if lacking:
            raise ScriptError(f"the engine holds other weights than the files: {lacking} is not in the files")
        differing = {name for worker in found for kind in ("wrong", "inexact") for name in worker[kind]}
        if self.differing is None and differing and not any(worker["exact"] for worker in found):
            raise ScriptError(f"the engine holds other weights than the files: {min(differing)}, and all others")
        if others := {name for worker in found for name in worker.get("other", ())}:
            raise ScriptError(f"the engine holds other weights than the files: {min(others)}")
        if self.differing is None:
            self.differing = differing  # kept in another form than the file's by an engine that has just loaded them
        elif differing - self.differing:
            raise ScriptError(f"the engine holds other weights than the files: {min(differing - self.differing)}")
        elif not all(worker["exact"] for worker in found) or any(worker["unread"] for worker in found):
            raise ScriptError("its weights cannot be read back")
        elif any(row["rest"] and row["rest"] == old["rest"] for row, old in zip(found, self.found, strict=True)):
            raise ScriptError("the engine has kept weights of the checkpoint before")
        broken = next((worker["broken"] for worker in found if worker["broken"]), None)
        if broken:
            raise ScriptError(f"its weights are broken: {broken} holds values that are no numbers")
        self.found = found
        checksum = text_sha256(worker["checksum"] for worker in found)
        if self.checksums.setdefault(weights_sha256(folder), checksum) != checksum:
            raise ScriptError("the same weights gave another checksum than before")
        return checksum

    @property
    def text(self) -> str:
        """How the weights were compared, for a record."""
        return f"{self.found[0]['exact']} tensors read back exactly, {self.found[0]['summed']} by checksum"
