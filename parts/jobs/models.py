"""How large a model is: from its name, its configuration, its weights."""

from __future__ import annotations

import collections
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, slug
from parts.inputs import open_input, read_json, strict_json
from parts.jobs.client import JobsClient, job_errors
from parts.jobs.vocabulary import ModelFacts, split_revision

# "7B", "8x7B", "1.5b", "135M" in a model's name, and what says that its weights are packed.
NAME_SIZE = re.compile(r"(?<![A-Za-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)(b|m)(?![A-Za-z0-9])", re.IGNORECASE)
NAME_BYTES = ((r"awq|gptq|int4|4bit|nf4|w4a16|mxfp4", 0.55), (r"fp8|int8|8bit|w8a8", 1.0), (r"fp32", 4.0))

# Bytes of a parameter by the safetensors name of its type.
TYPE_BYTES = {"F64": 8, "I64": 8, "F32": 4, "I32": 4, "U32": 4, "BF16": 2, "F16": 2, "I16": 2, "U16": 2}


def size_in_name(name: str) -> float | None:
    """Parameters that a model's name tells: "Llama-3-8B" -> 8e9, "Mixtral-8x7B" -> 56e9, "SmolLM2-135M" -> 135e6."""
    found = NAME_SIZE.findall(name.rsplit("/", 1)[-1])
    sizes = [float(times or 1) * float(number) * (1e9 if unit in "bB" else 1e6) for times, number, unit in found]
    return max(sizes, default=None)


def facts_from_name(model: str) -> ModelFacts:
    """What a name alone tells: the size, at 2 bytes for a parameter unless the name says that it is packed."""
    size = size_in_name(split_revision(model)[0])
    each = next((count for pattern, count in NAME_BYTES if re.search(pattern, model, re.IGNORECASE)), 2.0)
    return ModelFacts(model, size, size and size * each, source="its name")


def weights_from_types(counts: Mapping[str, float]) -> tuple[float, float]:
    """Parameters and bytes of a safetensors summary: type -> number of values."""
    total = sum(counts.values())
    return total, sum(TYPE_BYTES.get(kind, 1) * count for kind, count in counts.items())


def main_types(counts: Mapping[str, float]) -> tuple[str, ...]:
    """The types that hold at least a tenth of the values, the most frequent first."""
    total = sum(counts.values()) or 1
    return tuple(sorted((kind for kind, n in counts.items() if n >= total / 10), key=lambda kind: -counts[kind]))


def read_config(facts: ModelFacts, config: Mapping[str, Any]) -> ModelFacts:
    """ModelFacts with what config.json adds: heads, the cache of a token, the longest request.

    Cache of a token: 2 (keys and values) x layers x KV heads x head size x bytes; with latent attention (DeepSeek)
    layers x (kv_lora_rank + qk_rope_head_dim) x bytes. Layers with a sliding window are counted in full.
    """
    part = config.get("text_config") if isinstance(config.get("text_config"), Mapping) else config

    def number(*names: str) -> int | None:
        return next((int(part[n]) for n in names if isinstance(part.get(n), int) and 0 < part[n] < 1e12), None)

    layers, heads = number("num_hidden_layers", "n_layer", "num_layers"), number("num_attention_heads", "n_head")
    hidden = number("hidden_size", "n_embd", "d_model")
    cache_heads = number("num_key_value_heads", "num_kv_heads") or (1 if part.get("multi_query") else heads)
    size = number("head_dim") or (hidden // heads if hidden and heads else None)
    latent, rope = number("kv_lora_rank"), number("qk_rope_head_dim")
    each = 4 if facts.types[:1] == ("F32",) else 2
    if layers and latent and rope:
        per_token, cache_heads = layers * (latent + rope) * each, 1  # each GPU holds all of it
    else:
        per_token = 2 * layers * cache_heads * size * each if layers and cache_heads and size else None
    longest = number("max_position_embeddings", "n_positions", "max_sequence_length", "seq_length")
    stored = str(next((c[n] for c in (config, part) for n in ("dtype", "torch_dtype") if c.get(n)), ""))
    types = facts.types
    if not {"BF16", "F16", "F32"} & set(
        types
    ):  # packed weights, or none known: computed with as the configuration says
        types += {"bfloat16": ("BF16",), "float16": ("F16",), "float32": ("F32",)}.get(stored, ())
    return replace(facts, types=types, cache_per_token=per_token, longest=longest, heads=heads, cache_heads=cache_heads)


def parameters_in_config(config: Mapping[str, Any]) -> float | None:
    """Parameters of a decoder with gated feed-forward layers, from its dimensions; None when one is missing."""
    names = ("hidden_size", "num_hidden_layers", "intermediate_size", "vocab_size", "num_attention_heads")
    if not all(isinstance(config.get(name), int) and 0 < config[name] < 1e12 for name in names):
        return None
    hidden, layers, inner, words, heads = (config[name] for name in names)
    counts = {n: config.get(n) for n in ("num_local_experts", "num_experts", "num_key_value_heads")}
    counts = {n: count for n, count in counts.items() if isinstance(count, int) and 0 < count < 1e6}
    experts = counts.get("num_local_experts") or counts.get("num_experts") or 1
    shared = counts.get("num_key_value_heads", heads) / heads
    attention = 2 * hidden * hidden * (1 + shared)
    embeddings = words * hidden * (1 if config.get("tie_word_embeddings") else 2)
    return float(embeddings + layers * (attention + 3 * hidden * inner * experts))


def fetch_facts(client: JobsClient | None, model: str) -> ModelFacts:
    """What the Hub knows about a model; without the Hub, what its name tells."""
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        GatedRepoError,
        RemoteEntryNotFoundError,
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    if client is None:
        return facts_from_name(model)
    name, revision = split_revision(model)
    api, where = client.api, {"revision": revision, "token": client.token}
    with job_errors(f"reading {model}", client.token):
        try:
            info = client.patiently(api.model_info, name, revision=revision, expand=["safetensors", "sha", "gated"])
            facts = facts_of_weights(client, model, info)
            path = client.patiently(hf_hub_download, name, "config.json", endpoint=api.endpoint, **where)
            config = read_json(Path(path))
        except RemoteEntryNotFoundError:  # there is none; a local one says that the Hub could not be asked
            return facts
        except GatedRepoError as error:
            raise ScriptError(
                f"{model} is gated: accept its terms at https://huggingface.co/{name} with the account of the token"
            ) from error
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise ScriptError(
                f"{model}: neither a folder here nor a model on the Hub that the token has access to"
            ) from error
    return facts_with_config(facts, config)


def facts_of_weights(client: JobsClient, model: str, info: Any) -> ModelFacts:
    """ModelFacts from the Hub's safetensors summary, else from the sizes of the weight files, else from the name."""
    counts = dict(info.safetensors.parameters) if info.safetensors and info.safetensors.parameters else {}
    if counts:
        total, weights = weights_from_types(counts)
        return ModelFacts(model, total, weights, main_types(counts), source="safetensors metadata")
    name, revision = split_revision(model)
    files = client.patiently(client.api.model_info, name, revision=revision, files_metadata=True).siblings or []
    size = sum(file.size or 0 for file in files if re.fullmatch(r"[\w.-]+\.(?:bin|safetensors)", file.rfilename))
    return ModelFacts(model, None, float(size), source="the size of its files") if size else facts_from_name(model)


def facts_with_config(facts: ModelFacts, config: Any) -> ModelFacts:
    """ModelFacts completed by a config.json; the number of parameters is worked out when nothing else tells it."""
    if not isinstance(config, dict):
        return facts
    facts = read_config(facts, config)
    if facts.weights is None and (size := parameters_in_config(config)):
        each = 4 if facts.types == ("F32",) else 2
        return replace(facts, parameters=size, weights=size * each, source="config.json")
    if facts.parameters is None and facts.weights:
        return replace(facts, parameters=facts.weights / (4 if facts.types == ("F32",) else 2))
    return facts


def folder_facts(folder: Path) -> ModelFacts:
    """What the headers of a checkpoint folder's safetensors files and its config.json tell."""
    counts: dict[str, float] = collections.defaultdict(float)
    for path in sorted(folder.glob("*.safetensors")):
        for tensor in safetensors_header(path).values():
            counts[str(tensor["dtype"])] += math.prod(tensor["shape"])
    if not counts:
        raise ScriptError(f"{folder}: no safetensors files in it")
    total, weights = weights_from_types(counts)
    facts = ModelFacts(str(folder), total, weights, main_types(counts), source="the headers of its files")
    config = folder / "config.json"
    return facts_with_config(facts, read_json(config)) if config.is_file() else facts


def safetensors_header(path: Path) -> dict[str, Any]:
    """The tensors of a safetensors file: a length of 8 bytes, then so many bytes of JSON."""
    try:
        with open_input(path) as file:
            size = struct.unpack("<Q", file.read(8))[0]
            header = strict_json(file.read(min(size, 100_000_000)))
        return {name: tensor for name, tensor in header.items() if name != "__metadata__"}
    except (OSError, ValueError, struct.error) as error:
        raise ScriptError(f"{path}: no safetensors file ({error})") from error


def local_refusal(folders: Sequence[str]) -> ScriptError:
    """A job sees the Hub and not this machine."""
    first = Path(folders[0])
    return ScriptError(
        f"{folders[0]} is a folder on this machine, which a job cannot see: upload it (`hf upload OWNER/"
        f"{slug(first.resolve().name)} {folders[0]} --private`), then give --model OWNER/{slug(first.resolve().name)}"
    )
