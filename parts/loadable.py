"""Whether a model can be loaded and asked at all, told from its file names and its configuration alone.

Takes the names of its files, config.json or adapter_config.json, and the backend; gives the reason why it cannot, or
None. One answer for the evaluation scripts, before they load it, and for those that send them to machines that cost.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from parts.checkpoints import WEIGHT_FILES
from parts.embedded import embedded
from parts.frame import single_line

KNOWN = embedded("loadable.json")  # what the pinned vLLM and transformers know, from their own registries
VLLM_ARCHITECTURES = frozenset(KNOWN["vllm_architectures"].split())
MODEL_TYPES = frozenset(KNOWN["model_types"].split())
VLLM_TYPES = frozenset(KNOWN["vllm_model_types"].split())
OWN_CODE = "the model brings its own code: read it, then add --trust-remote-code"
SHARD = re.compile(r"(?:model|pytorch_model)(?:\.safetensors)?-\d+-of-\d+\.(?:safetensors|bin)")
NAME_ANOTHER = "name the repository that has model.safetensors or pytorch_model.bin"  # nothing helps but that
OTHER_WEIGHTS = (
    (r"\.gguf$", "its weights are GGUF files"),
    (r"\.onnx$", "its weights are ONNX files"),
    (r"(?:^|/)consolidated\.|\.(?:pt|pth)$", "its weights are files of another framework"),
    (r"\.(?:h5|msgpack)$", "its weights are of TensorFlow or Flax"),
)

# Heads that write no text, and the types that are encoders whatever their head is called.
WRITES_NONE = re.compile(
    r"For(?:MaskedLM|\w*Classification|QuestionAnswering|MultipleChoice|NextSentencePrediction|Retrieval|RewardModel)$"
)
ENCODERS = {
    "albert", "bert", "bert-generation", "camembert", "deberta", "deberta-v2", "distilbert", "electra",
    "ernie", "esm", "eurobert", "longformer", "modernbert", "mpnet", "nomic_bert", "roberta",
    "roberta-prelayernorm", "xlm-roberta", "xlm-roberta-xl",
}  # fmt: skip

# The packages that read packed weights; what is not here needs none.
TRANSFORMERS_PACKAGES = {
    "aqlm": ("aqlm",),
    "auto-round": ("auto_round",),
    "awq": ("gptqmodel",),
    "bitsandbytes": ("bitsandbytes",),
    "compressed-tensors": ("compressed_tensors",),
    "eetq": ("kernels",),
    "fbgemm_fp8": ("kernels",),
    "fouroversix": ("fouroversix",),
    "fp_quant": ("fp_quant",),
    "gptq": ("optimum", "gptqmodel"),
    "higgs": ("flute",),
    "hqq": ("hqq",),
    "nvfp4": ("kernels",),
    "quanto": ("optimum.quanto",),
    "quark": ("quark",),
    "sinq": ("sinq",),
    "spqr": ("spqr_quant",),
    "torchao": ("torchao",),
    "vptq": ("vptq",),
}
VLLM_PACKAGES = {"torchao": ("torchao",), "humming": ("humming",), "fp_quant": ("fp_quant",), "quark": ("quark",)}
NOT_ON_VLLM = {  # keys of an adapter_config.json that say something else than null, and what they mean
    "modules_to_save": "adapters with whole layers (modules_to_save)",
    "use_dora": "DoRA",
    "lora_bias": "adapters with a bias",
    "alora_invocation_tokens": "activated LoRA",
    "layer_replication": "adapters that repeat layers",
    "use_bdlora": "block-diagonal LoRA",
    "use_qalora": "QALoRA",
    "trainable_token_indices": "adapters with tokens of their own",
    "target_parameters": "adapters of single parameters",
}
# Kinds of adapters whose numbers are all in their own file; others name places (X-LoRA further adapters, prompt tuning
# tokenizers and files).
WHOLE_KINDS = {
    "ADALORA", "BOFT", "BONE", "C3A", "DELORA", "FOURIERFT", "GRALORA", "HRA", "IA3", "LN_TUNING", "LOHA", "LOKR",
    "LORA", "MISS", "OFT", "OSF", "RANDLORA", "ROAD", "SHIRA", "TRAINABLE_TOKENS", "VBLORA", "VERA", "WAVEFT",
}  # fmt: skip
PLAIN_STARTS = {"gaussian", "eva", "orthogonal", "mica", "lora_ga"}  # saved as a plain LoRA
MOST_RANK = 512
OUTPUT_LAYERS = {"lm_head", "embed_out"}
ON_OUTPUT_LAYER = "adapters of the output layer (their log-likelihoods would be wrong)"
VLLM_METHODS = {
    "auto-round", "auto_awq", "auto_gptq", "awq", "awq_marlin", "compressed-tensors", "deepseek_v4_fp8",
    "experts_int8", "fbgemm_fp8", "fp8", "fp_quant", "gpt_oss_mxfp4", "gptq", "gptq_marlin", "humming", "inc",
    "modelopt", "modelopt_fp4", "modelopt_mixed", "modelopt_mxfp8", "moe_wna16", "mxfp4", "mxfp8", "quark",
    "torchao",
}  # fmt: skip


def is_adapter_repo(files: Collection[str]) -> bool:
    """Whether a list of files is that of an adapter without a model of its own."""
    return "adapter_config.json" in files and "config.json" not in files


def why_not_loadable(
    files: Collection[str] | None,
    config: Mapping[str, Any],
    backend: str,
    trusted: bool = False,
    has: Callable[[str], bool] = lambda package: False,
    architectures: Collection[str] | None = VLLM_ARCHITECTURES,
) -> str | None:
    """Why a backend ("vllm", or any that is on transformers) cannot run a model, or None.

    files: None where they are not known; config: config.json; has: whether a package is in the backend's environment;
    architectures: those of vLLM, None to leave that to it.
    """
    if files is not None and not any(name in WEIGHT_FILES or SHARD.fullmatch(name) for name in files):
        kind = next((said for form, said in OTHER_WEIGHTS if any(re.search(form, name) for name in files)), "")
        return f"{kind or 'it has no weights'}: {NAME_ANOTHER}"
    if not config:
        return None
    return (
        no_text(config)
        or foreign_code(config, backend, trusted)
        or packed_weights(config, backend, has)
        or unknown_to_vllm(config, backend, architectures)
    )


def list_of(value: Any) -> list[Any]:
    """A list as it is, and nothing for any other value."""
    return value if isinstance(value, list) else []


def adapter_ranks(config: Mapping[str, Any]) -> list[int]:
    """The ranks of an adapter, from its adapter_config.json."""
    own = config.get("rank_pattern")
    ranks = [config.get("r"), *(own.values() if isinstance(own, Mapping) else ())]
    return [rank for rank in ranks if isinstance(rank, int) and not isinstance(rank, bool)] or [0]


def why_not_applied(config: Mapping[str, Any]) -> str | None:
    """Why an adapter is put on no base, told from its adapter_config.json; None when it may."""
    kind = config.get("peft_type") or "LORA"
    whole = isinstance(kind, str) and kind.upper() in WHOLE_KINDS
    return (
        None
        if whole
        else f"an adapter of the kind {single_line(kind)[:40]} takes more than its own file: it is not loaded"
    )


def why_not_on_vllm(config: Mapping[str, Any]) -> str | None:
    """Why vLLM does not run an adapter, told from its adapter_config.json; None when it may."""
    kind, first = str(config.get("peft_type") or "LORA"), config.get("init_lora_weights")
    lacking = next((said for name, said in NOT_ON_VLLM.items() if config.get(name)), None)
    if kind.upper() != "LORA":
        lacking = f"adapters of the kind {kind}"
    elif config.get("bias", "none") != "none":
        lacking = "adapters with a bias"
    elif isinstance(first, str) and first.lower() not in PLAIN_STARTS:
        lacking = f"adapters that began as {first}, which changes the base"
    elif any(str(name).rpartition(".")[2] in OUTPUT_LAYERS for name in list_of(config.get("target_modules"))):
        lacking = ON_OUTPUT_LAYER
    elif max(adapter_ranks(config)) > MOST_RANK:
        lacking = f"ranks above {MOST_RANK}"
    return f"vLLM does not run {lacking}" if lacking else None


def architectures_in(config: Mapping[str, Any]) -> list[str]:
    """What a config.json says of its architecture."""
    return [str(name) for name in list_of(config.get("architectures"))]


def no_text(config: Mapping[str, Any]) -> str | None:
    """Why a model writes no text: an encoder, a classifier, an encoder-decoder."""
    names, kind = architectures_in(config), str(config.get("model_type") or "")
    if config.get("is_encoder_decoder") is True:
        return f"{kind or 'it'} is an encoder-decoder, and the tasks are for causal language models"
    head = next((name for name in names if WRITES_NONE.search(name)), None)
    if head and all(map(WRITES_NONE.search, names)):
        return f"{head} writes no text: an encoder or a classifier, and no language model"
    if kind in ENCODERS and config.get("is_decoder") is not True:
        return f"{kind} is an encoder: it writes no text"
    return None


def foreign_code(config: Mapping[str, Any], backend: str, trusted: bool) -> str | None:
    """Whether a model runs only with code of its own repository, which nobody has allowed."""
    own, kind = config.get("auto_map"), str(config.get("model_type") or "")
    if trusted or not isinstance(own, Mapping) or not own.keys() & {"AutoConfig", "AutoModelForCausalLM", "AutoModel"}:
        return None
    known = kind in MODEL_TYPES or (backend == "vllm" and kind in VLLM_TYPES)
    return None if known else OWN_CODE


def packed_weights(config: Mapping[str, Any], backend: str, has: Callable[[str], bool]) -> str | None:
    """Why a backend cannot read the format of quantized weights."""
    found = config.get("quantization_config") or config.get("compression_config")
    if not isinstance(found, Mapping):
        apple = config.get("quantization")
        apple = isinstance(apple, Mapping) and "group_size" in apple and "bits" in apple
        return "its weights are quantized for MLX: name the original repository" if apple else None
    method = str(found.get("quant_method") or ("bitsandbytes" if found.get("load_in_4bit") else "")).lower()
    if not method:
        return None
    wanted = (VLLM_PACKAGES if backend == "vllm" else TRANSFORMERS_PACKAGES).get(method, ())
    lacking = [name for name in wanted if not has(name)]
    said = f"its weights are quantized with {method}, which "
    if backend == "vllm" and method not in VLLM_METHODS:
        return f"{said}vLLM {KNOWN['vllm']} does not read: name the original repository"
    if not lacking:
        return None
    other = backend != "vllm" and method in VLLM_METHODS and method not in VLLM_PACKAGES
    hint = "--backend vllm reads them" if other else "name the original repository"
    return f"{said}needs {' and '.join(lacking)}, and the environment of the script has it not: {hint}"


def unknown_to_vllm(config: Mapping[str, Any], backend: str, architectures: Collection[str] | None) -> str | None:
    """Whether vLLM has no implementation of any architecture that a configuration names."""
    names = architectures_in(config)
    if backend != "vllm" or architectures is None or not names or set(names) & set(architectures):
        return None
    return f"vLLM {KNOWN['vllm']} does not know {names[0]}: take the backend on transformers"
