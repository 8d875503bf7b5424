"""The memory that a model needs at least, told from its files' headers: weights, and the cache for one token."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from parts.engines.device import has_gpu
from parts.engines.layout import read_layout
from parts.harness.settings import Settings
from parts.harness.vocabulary import Model

# Bytes of a number in a dtype, by the names of --dtype and of safetensors; those of FLOATS are loaded as --dtype says.
TENSOR_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2, "F64": 8, "F32": 4, "BF16": 2, "F16": 2, "I64": 8, "I32": 4}
FLOATS = {"F64", "F32", "F16", "BF16"}


def weights_bytes(counts: Mapping[str, int], dtype: str) -> int | None:
    """The memory of weights (numbers of each stored dtype) in a dtype (`auto`: as stored); None when there are none."""
    size = TENSOR_BYTES.get(dtype)
    each = {own: size if size and own in FLOATS else TENSOR_BYTES.get(own, 1) for own in counts}
    return sum(number * each[own] for own, number in counts.items()) or None


def cache_bytes(config: Mapping[str, Any], dtype: str) -> int | None:
    """The memory of keys and values for one token; None when config.json does not say."""
    config = config.get("text_config") or config
    layers, heads = config.get("num_hidden_layers"), config.get("num_attention_heads")
    if not isinstance(layers, int) or not isinstance(heads, int) or not isinstance(config.get("hidden_size"), int):
        return None
    size = config.get("head_dim") or config["hidden_size"] // heads
    return 2 * layers * (config.get("num_key_value_heads") or heads) * size * TENSOR_BYTES.get(dtype, 2)


def memory_need(model: Model, settings: Settings) -> dict[str, Any]:
    """What a model needs at least: its weights, and keys and values for one token, in bytes; None where not known."""
    model = model.base or model
    on_cpu = settings.device == "cpu" or not has_gpu()
    dtype = "float32" if settings.dtype == "auto" and on_cpu else settings.dtype
    counts: dict[str, int] = {}
    config: dict[str, Any] = {}
    if model.folder is None:
        from huggingface_hub import HfApi

        try:
            info = HfApi().model_info(model.repo, revision=model.revision)
            counts = {} if model.below else getattr(info.safetensors, "parameters", None) or {}
        except Exception:  # no connection: not known
            pass
    else:
        layout = read_layout(model.folder)
        config = layout.config
        for own, shape in (layout.tensors or {}).values():
            counts[own] = counts.get(own, 0) + math.prod(shape)
    saved = str(config.get("dtype") or config.get("torch_dtype") or "auto")
    return {
        "weights_bytes": weights_bytes(counts, dtype),
        "cache_bytes_per_token": cache_bytes(config, saved if dtype == "auto" else dtype),
    }


def shown_bytes(number: int | None) -> str:
    """A number of bytes for people: 1234567 -> 1.2 MB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if number and number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number / 1e3:.1f} kB" if number else "?"
