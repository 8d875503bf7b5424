"""How large a model is, and whether it runs at all: from its name, its configuration, its weights."""

from __future__ import annotations

import collections
import fnmatch
import math
import re
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from parts.checkpoints import hub_weight_files
from parts.frame import ScriptError, listing, natural_key
from parts.inputs import open_input, read_json, strict_json
from parts.jobs.client import JobsClient, job_errors
from parts.jobs.vocabulary import ModelFacts, split_place
from parts.loadable import is_adapter_repo, why_not_loadable, why_not_on_vllm
from parts.names import parse_checkpoint_name
from parts.training_runs import is_hub_place

# "7B", "8x7B", "1.5b", "135M" in a model's name, and what says that its weights are packed.
NAME_SIZE = re.compile(r"(?<![A-Za-z0-9.])(?:(\d{1,3})x)?(\d{1,4}(?:\.\d{1,3})?)(b|m)(?![A-Za-z0-9])", re.IGNORECASE)
ACTIVE_SIZE = re.compile(r"(?<![A-Za-z0-9])A(\d{1,3}(?:\.\d{1,2})?)B(?![A-Za-z0-9])")  # "30B-A3B"
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
    size = size_in_name(split_place(model)[0])
    each = next((count for pattern, count in NAME_BYTES if re.search(pattern, model, re.IGNORECASE)), 2.0)
    active = ACTIVE_SIZE.search(split_place(model)[0].rsplit("/", 1)[-1])
    facts = ModelFacts(model, size, size and size * each, source="its name")
    return replace(facts, active=float(active[1]) * 1e9) if active and size else facts


def weights_from_types(counts: Mapping[str, float], config: Mapping[str, Any]) -> tuple[float, float]:
    """Parameters and bytes of a safetensors summary: type -> number of values, of which packed ones stand for more."""
    kind, each = packing(config)
    parameters = sum(count * (each if name == kind else 1) for name, count in counts.items())
    return parameters, sum(TYPE_BYTES.get(kind, 1) * count for kind, count in counts.items())


def packing(config: Mapping[str, Any]) -> tuple[str, float]:
    """(the type that packed weights are stored in, how many parameters one of its values stands for)."""
    found = config.get("quantization_config") or config.get("compression_config") or {}
    if not isinstance(found, Mapping):
        return "", 1
    method, stored = str(found.get("quant_method", "")).lower(), str(found.get("format") or "")
    bits = next((found[n] for n in ("bits", "w_bit", "nbits") if isinstance(found.get(n), int)), None)
    groups = found.get("config_groups")
    for group in groups.values() if isinstance(groups, Mapping) else ():
        weights = group.get("weights") if isinstance(group, Mapping) else None
        if bits is None and isinstance(weights, Mapping) and isinstance(weights.get("num_bits"), int):
            bits = weights["num_bits"]
    if method == "mxfp4":
        return "U8", 2 * 16 / 17  # 16 bytes of values, and one that scales them
    if method in ("modelopt", "modelopt_fp4", "nvfp4") or "nvfp4" in stored:
        return ("U8", 2) if "fp4" in str(found).lower() else ("", 1)
    if method == "bitsandbytes" or found.get("load_in_4bit"):
        return ("U8", 2) if found.get("load_in_4bit") or "4bit" in str(found.get("quant_method")) else ("", 1)
    if method in ("gptq", "awq", "auto-round", "auto_gptq", "auto_awq") or "pack-quantized" in stored:
        return "I32", 32 / (bits if bits in (2, 3, 4, 8) else 4)
    return "", 1


def active_parameters(config: Mapping[str, Any], total: float | None) -> float | None:
    """The parameters that one token goes through: without the experts that it is not sent to; None when all are."""
    part = config.get("text_config") if isinstance(config.get("text_config"), Mapping) else config

    def number(*names: str) -> int | None:
        return next((int(part[n]) for n in names if isinstance(part.get(n), int) and 0 < part[n] < 1e9), None)

    experts = number("num_local_experts", "num_experts", "n_routed_experts", "moe_num_experts")
    used = number("num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k", "top_k_experts")
    inner = number("moe_intermediate_size", "expert_intermediate_size", "intermediate_size")
    hidden, layers = number("hidden_size"), number("num_hidden_layers")
    if not (experts and used and inner and hidden and layers and total) or used >= experts:
        return None
    sparse = max(0, layers - (number("first_k_dense_replace") or 0)) // (number("decoder_sparse_step") or 1)
    left = total - (experts - used) * 3 * hidden * inner * sparse
    return left if left > 0.005 * total else None


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


@dataclass(frozen=True)
class HowRun:
    """What a model is to be run with, as far as that decides whether it can be."""

    backend: str
    trusted: bool = False


def named_models(client: JobsClient | None, models: Sequence[str]) -> list[str]:
    """The models that --model names; `OWNER/NAME@*` is each branch or tag that is named like a step, in step order."""
    found: list[str] = []
    for model in models:
        repo, below, revision = split_place(model)
        if not is_hub_place(model):
            raise ScriptError(
                f"{model}: neither a folder here nor a Hub id (owner/name[/checkpoint-N][@revision], @* for all steps)"
            )
        if "*" not in (revision or ""):
            found.append(model)
            continue
        if client is None:
            raise ScriptError(f"{model}: which revisions there are is known to the Hub alone: name them, or log in")
        with job_errors(f"reading {repo}", client.token):
            refs = client.patiently(client.api.list_repo_refs, repo)
        names = dict.fromkeys(ref.name for ref in (*refs.branches, *refs.tags))
        steps = [name for name in names if fnmatch.fnmatchcase(name, revision) and parse_checkpoint_name(name)]
        if not steps:
            raise ScriptError(f"{model}: no branch or tag of it is named like a step: {listing(names)}")
        found += [f"{repo}{f'/{below}' if below else ''}@{name}" for name in sorted(steps, key=natural_key)]
    return found


def fetch_facts(client: JobsClient | None, model: str, question: HowRun, is_base: bool = False) -> ModelFacts:
    """What the Hub knows about a model, and whether it runs; without the Hub, what its name tells."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    if client is None:
        return facts_from_name(model)
    repo, below, revision = split_place(model)
    with job_errors(f"reading {model}", client.token):
        try:
            wanted = ["safetensors", "sha", "gated"]
            info = client.patiently(client.api.model_info, repo, revision=revision, expand=wanted)
            if info.id != repo and not is_base:  # renamed, in other letters, without its owner: "gpt2"
                raise ScriptError(f"{repo} is called {info.id} on the Hub, as its records will be: give it that name")
            files = files_of(client, model)
            if is_adapter_repo(files):
                own = hub_json(client, model, "adapter_config.json")
                return adapter_facts(client, model, files, own, question, is_base)
            config = hub_json(client, model, "config.json") if "config.json" in files else {}
        except GatedRepoError as error:
            raise ScriptError(
                f"{model} is gated: accept its terms at https://huggingface.co/{repo} with the account of the token"
            ) from error
        except (RepositoryNotFoundError, RevisionNotFoundError) as error:
            raise ScriptError(
                f"{model}: neither a folder here nor a model on the Hub that the token has access to"
            ) from error
    counts = dict(info.safetensors.parameters) if not below and info.safetensors and info.safetensors.parameters else {}
    size = float(sum(files[name] for name in hub_weight_files(files)))
    if counts:
        total, weights = weights_from_types(counts, config)
        facts = ModelFacts(model, total, weights, main_types(counts), source="safetensors metadata")
    else:
        facts = ModelFacts(model, None, size, source="the size of its files") if size else facts_from_name(model)
    if not files:
        facts = replace(facts, refusal=f"there is no folder {below} in {repo}" if below else "it has no files")
    return replace(
        facts_with_config(facts, config),
        refusal=facts.refusal or why_not_loadable(files, config, question.backend, question.trusted),
    )


def files_of(client: JobsClient, model: str) -> dict[str, int]:
    """The files of a model on the Hub and their sizes in bytes."""
    repo, below, revision = split_place(model)
    info = client.patiently(client.api.model_info, repo, revision=revision, files_metadata=True)
    start = f"{below}/" if below else ""
    rows = [row for row in info.siblings or [] if row.rfilename.startswith(start)]
    return {row.rfilename.removeprefix(start): row.size or 0 for row in rows}


def hub_json(client: JobsClient, model: str, name: str) -> dict[str, Any]:
    """A JSON object of a model on the Hub."""
    from huggingface_hub import hf_hub_download

    repo, below, revision = split_place(model)
    where = {"revision": revision, "token": client.token, "endpoint": client.api.endpoint}
    path = client.patiently(hf_hub_download, repo, f"{below}/{name}" if below else name, **where)
    found = read_json(Path(path))
    return found if isinstance(found, dict) else {}


def adapter_facts(
    client: JobsClient | None,
    model: str,
    files: Mapping[str, int],
    config: Mapping[str, Any],
    question: HowRun,
    is_base: bool = False,
) -> ModelFacts:
    """The facts of an adapter, on the Hub or here: its base's, with its own size on top (not known where the base's is
    not); a refusal when it has none that a job can see."""
    own = float(sum(size for name, size in files.items() if name.startswith("adapter_model.")))
    base, revision = str(config.get("base_model_name_or_path") or ""), config.get("revision")
    place = f"{base}@{revision}" if isinstance(revision, str) and revision not in ("", "main") else base
    nothing = ModelFacts(model, None, own or None, source="the size of its files", is_adapter=True)
    if is_base or not own:
        return replace(nothing, refusal="it is an adapter itself" if is_base else "an adapter without weights")
    if not base or not is_hub_place(place):
        named = f"its base model {base!r} is not on the Hub" if base else "its adapter_config.json names no base model"
        return replace(nothing, refusal=f"an adapter, and {named}, so a job cannot load it")
    try:
        facts = fetch_facts(client, place, question, is_base=True)
    except ScriptError as error:
        return replace(nothing, refusal=f"an adapter, and its base: {error}")
    if facts.refusal:
        return replace(nothing, refusal=f"an adapter, and its base {base}: {facts.refusal}")
    reason = why_not_on_vllm(config) if question.backend == "vllm" else None
    if reason:
        return replace(nothing, refusal=f"{reason}: --backend accelerate (inspect, lm_eval: hf)")
    source = f"its base {base}, {facts.source}"
    return replace(facts, model=model, weights=facts.weights and facts.weights + own, source=source, is_adapter=True)


def facts_with_config(facts: ModelFacts, config: Any) -> ModelFacts:
    """ModelFacts completed by a config.json; the number of parameters is worked out when nothing else tells it."""
    if not isinstance(config, dict):
        return facts
    facts = read_config(facts, config)
    facts = replace(facts, active=active_parameters(config, facts.parameters) or facts.active)
    if facts.weights is None and (size := parameters_in_config(config)):
        each = 4 if facts.types == ("F32",) else 2
        active = active_parameters(config, size)
        return replace(facts, parameters=size, weights=size * each, source="config.json", active=active)
    if facts.parameters is None and facts.weights:
        return replace(facts, parameters=facts.weights / (4 if facts.types == ("F32",) else 2))
    return facts


def folder_facts(client: JobsClient | None, folder: Path, question: HowRun) -> ModelFacts:
    """What the headers of a checkpoint folder's safetensors files and its config.json tell, and whether it runs; of an
    adapter, which runs on its base, what the Hub knows about that."""
    sizes = {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}
    if is_adapter_repo(sizes):
        own = read_json(folder / "adapter_config.json") if "adapter_config.json" in sizes else {}
        return adapter_facts(client, str(folder), sizes, own if isinstance(own, dict) else {}, question)
    counts: dict[str, float] = collections.defaultdict(float)
    for path in sorted(folder.glob("*.safetensors")):
        for dtype, shape in safetensors_header(path).values():
            counts[dtype] += math.prod(shape)
    config = read_json(folder / "config.json") if (folder / "config.json").is_file() else {}
    config = config if isinstance(config, dict) else {}
    reason = why_not_loadable(list(sizes), config, question.backend, question.trusted)
    if not counts:
        return ModelFacts(str(folder), None, None, source="its files", refusal=reason or "no safetensors files in it")
    total, weights = weights_from_types(counts, config)
    facts = ModelFacts(str(folder), total, weights, main_types(counts), source="the headers of its files")
    return replace(facts_with_config(facts, config) if config else facts, refusal=reason)


def safetensors_header(path: Path) -> dict[str, tuple[str, list[int]]]:
    """(type, shape) of the tensors of a safetensors file: a length of 8 bytes, then so many bytes of JSON."""
    try:
        with open_input(path) as file:
            size = struct.unpack("<Q", file.read(8))[0]
            header = strict_json(file.read(min(size, 100_000_000)))
        own = {name: (str(value["dtype"]), value["shape"]) for name, value in header.items() if name != "__metadata__"}
        if not all(type(size) is int and size >= 0 for _, shape in own.values() for size in shape):
            raise ValueError("a shape that is none")
        return own
    except (OSError, ValueError, TypeError, KeyError, AttributeError, struct.error) as error:
        raise ScriptError(f"{path}: no safetensors file ({error})") from error
