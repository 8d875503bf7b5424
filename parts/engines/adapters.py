"""LoRA adapters: what an engine must know before it gets one, and what proves that vLLM answers with it.

Adapters of one base share an engine; each is compared with its file where the engine keeps it, and the model must
answer otherwise with it than without, unless it is all zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.checkpoints import tensor_headers, weight_files
from parts.engines.proof import tensor_checksum, text_sha256
from parts.engines.transformers import check_unchanged
from parts.frame import ScriptError
from parts.harness.models import downloaded
from parts.harness.vocabulary import Model, RefusedModel
from parts.inputs import read_json
from parts.loadable import ON_OUTPUT_LAYER, OUTPUT_LAYERS, adapter_ranks, why_not_on_vllm

COPY = ".base_layer."  # in the name of a tensor of the base, where an adapter is on it
EMBEDDINGS = ".embed_tokens.weight"
PROBE = 24  # tokens of the text on which a model with and without its adapter must not answer alike
ROUNDING = 0.1  # nats by which zeros may change a log-likelihood: sums are rounded in another order
LORA_RANKS = (16, 32, 64, 128, 256, 320, 512)  # of vLLM's kernels; an engine holds adapters up to its rank


def probe_tokens(size: int) -> list[int]:
    """The tokens of the text, for a vocabulary of some size."""
    return [number * 7 % size for number in range(1, PROBE + 1)]


def adapter_options(model: Model) -> dict[str, Any]:
    """The options of a vLLM that takes an adapter, one at a time; none for a model that is no adapter.

    They depend on the adapter alone: other ranks and layers may round otherwise, whatever was measured before. Only the
    layers that it is for can hold one: with an adapter's place on the output layer, vLLM (0.32) breaks or mistakes the
    log-likelihoods of a prompt's own tokens. RefusedModel for an adapter that vLLM does not run, with the reason.
    """
    if not model.base:
        return {}
    folder = downloaded(model)
    config = read_json(folder / "adapter_config.json")
    reason = why_not_on_vllm(config) if isinstance(config, dict) else "its adapter_config.json is no JSON object"
    names = [key.partition(".lora_")[0].rpartition(".")[2] for key in adapter_keys(folder)]
    if reason is None and OUTPUT_LAYERS & set(names):
        reason = f"vLLM does not run {ON_OUTPUT_LAYER}"
    if reason:
        raise RefusedModel(f"{reason}: take the backend on transformers")
    rank = next(rank for rank in LORA_RANKS if rank >= max(adapter_ranks(config)))
    return {
        "enable_lora": True,
        "max_lora_rank": rank,
        "max_loras": 1,
        "max_cpu_loras": 1,
        "lora_target_modules": sorted(set(names)),
    }


def adapter_keys(folder: Path) -> list[str]:
    """The names of an adapter's own tensors."""
    return [name for path in weight_files(folder) for name in tensor_headers(path) if ".lora_" in name]


def swap_in(engine: Any, model: Model, holds: Model) -> Model:
    """Give a running vLLM (its `options`, `swap`, `put_on`) another model than the one whose weights it holds.

    Returns what it holds then. ScriptError when another engine must be started: one that takes adapters keeps its base,
    and a model without any runs as it would alone.
    """
    own, wanted = model.base or model, adapter_options(model)
    if wanted != engine.options:
        raise ScriptError("one for adapters of its rank and layers" if wanted else "one without adapters")
    if not wanted:
        engine.swap(downloaded(own))
        check_unchanged(own, downloaded(own))
    elif (own.weights_sha256, own.folder) != (holds.weights_sha256, holds.folder):
        raise ScriptError(f"another base model, {own.label}")
    put_on(engine, model)
    return own


def put_on(engine: Any, model: Model) -> None:
    """Put an adapter on the base that a vLLM holds; nothing for a model that is none."""
    if model.base:
        refuse_changed_base(downloaded(model), downloaded(model.base))
        engine.put_on(downloaded(model))
        check_unchanged(model, downloaded(model))


def refuse_changed_base(folder: Path, base: Path) -> None:
    """RefusedModel when an adapter brings other embeddings than its base's.

    PEFT saves the embeddings beside an adapter of them. A copy is passed over; others would stay in the engine.
    """
    import torch

    copies = {key.removeprefix("base_model.model.").replace(COPY, "."): tensor for key, tensor in own_copies(folder)}
    if not copies:
        return
    kept = dict(tensors_of(weight_files(base), lambda name: name in copies or name.endswith(EMBEDDINGS)))
    tied = next((tensor for name, tensor in kept.items() if name.endswith(EMBEDDINGS)), None)
    for name, tensor in copies.items():
        own = kept.get(name, tied)  # an output layer that is tied to the embeddings is not in the base's files
        if own is None or not torch.equal(own, tensor.to(own.dtype)):
            raise RefusedModel(f"its {name} is not its base's: merge the two, and name the merged model")


def own_copies(folder: Path) -> Iterator[tuple[str, Any]]:
    """Tensors that stand beside an adapter and belong to its base."""
    return tensors_of(weight_files(folder), lambda name: COPY in name)


def tensors_of(files: Sequence[Path], wanted: Callable[[str], bool] = bool) -> Iterator[tuple[str, Any]]:
    """The names and tensors of safetensors files, those whose names are wanted."""
    from safetensors import safe_open

    for file in files:
        with safe_open(file, framework="pt") as tensors:
            for name in filter(wanted, tensors.keys()):
                yield name, tensors.get_tensor(name)


def held_adapter(manager: Any) -> dict[str, tuple[Any, Any]]:
    """The two factors in vLLM's only place for an adapter, by the name of the layer in the base's files."""
    found = {}
    for name, layer in manager.modules.items():
        stacks = [getattr(layer, stack, None) for stack in ("lora_a_stacked", "lora_b_stacked")]
        pairs = [stack if isinstance(stack, tuple | list) else (stack,) for stack in stacks]
        parts = manager.packed_modules.get(name, [name])
        if len(parts) == len(pairs[0]) == len(pairs[1]) and stacks[0] is not None:
            places = zip(parts, *pairs, strict=True)
            found |= {part: (first[0].squeeze(0), second[0].squeeze(0)) for part, first, second in places}
    return found


def adapter_in_engine(model: Any, folder: str) -> dict[str, Any]:
    """Compare the adapter that a vLLM worker holds with its files; runs inside the engine, on each of its workers.

    vLLM multiplies the second factor by the adapter's scaling when it is loaded, and fills its place up with zeros.
    Returns `exact` and `summed` as `weights_in_engine` does, the `checksum`, `wrong`: what is not as in the files, and
    `changes`: whether the second factors are anything but zeros.
    """
    import torch
    from vllm.lora.peft_helper import PEFTHelper
    from vllm.lora.utils import parse_fine_tuned_lora_name

    held, mapper = held_adapter(model.lora_manager), getattr(model, "hf_to_vllm_mapper", None)
    mapper = mapper.get_rename_mapper() if mapper is not None else None
    scaling = PEFTHelper.from_local_dir(folder, None).get_rank_and_scaling
    found: dict[str, Any] = {"exact": 0, "summed": 0, "changes": False}
    seen: dict[tuple[str, bool], str] = {}
    wrong = []
    for key, wanted in tensors_of(weight_files(Path(folder)), lambda key: COPY not in key):
        name, first = parse_fine_tuned_lora_name(key, mapper)
        if name not in held or not torch.isfinite(wanted).all():
            wrong.append(f"{key} {'holds values that are no numbers' if name in held else 'has no place in the base'}")
            continue
        own = held[name][0 if first else 1]
        wanted = wanted.to(own.device, own.dtype)
        if not first:
            wanted = wanted * scaling(key.removeprefix("base_model.model.").partition(".lora_")[0])[1]
            found["changes"] |= bool(wanted.any())
        same = compare_corner(own, wanted.T if "lora_embedding_A" in key else wanted)
        found["exact" if same else "summed"] += 1
        wrong += [f"{key} is not what the file holds"] if same is False else []
        seen[name, first] = f"{name} {first} {tensor_checksum(own)}\n"
    for name, factors in held.items():
        for first, own in zip((True, False), factors, strict=True):
            if (name, first) not in seen and ((name, not first) in seen or own.any()):
                wrong.append(f"{name}.lora_{'A' if first else 'B'} is not in the file")
    return found | {"wrong": min(wrong, default=None), "checksum": text_sha256(sorted(seen.values()))}


def compare_corner(held: Any, wanted: Any) -> bool | None:
    """Whether a tensor begins with another and is zero behind it; None when it is smaller (a worker's share)."""
    import torch

    rows, columns = wanted.shape
    if held.shape[0] < rows or held.shape[1] < columns:
        return None
    corner = held[:rows, :columns]
    return torch.equal(corner, wanted) and int(held.count_nonzero()) == int(corner.count_nonzero())


def adapter_proof(
    found: Sequence[Mapping[str, Any]], answers: Sequence[float], base: Sequence[float]
) -> tuple[str, str]:
    """The checksum of an adapter in an engine (one row of `found` for each worker) and how it was proved.

    `answers`, `base`: log-likelihoods of the probe with the adapter and without. ScriptError when it is not proved.
    """
    wrong = next((row["wrong"] for row in found if row["wrong"]), None)
    if wrong:
        raise ScriptError(f"its adapter: {wrong}")
    if not any(row["exact"] or row["summed"] for row in found):
        raise ScriptError("its adapter has no tensors")
    changes = any(row["changes"] for row in found)
    gap = max(abs(one - two) for one, two in zip(answers, base, strict=True))
    if changes and not gap:
        raise ScriptError("its answers are those of the base")
    if not changes and not gap <= ROUNDING:
        raise ScriptError("zeros that change the answers")
    effect = "answers differ from the base's" if changes else "it changes nothing: answers are the base's"
    shares = f", {found[0]['summed']} by checksum" if found[0]["summed"] else ""
    text = f"{found[0]['exact']} adapter tensors read back exactly{shares}; {effect}"
    return text_sha256(row["checksum"] for row in found), text
