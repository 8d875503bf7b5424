"""Which backend runs: vLLM where a GPU is and vLLM knows the model's architecture, else transformers."""

from __future__ import annotations

import argparse
import importlib.util
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from parts.engines.device import ensure_vllm, has_gpu
from parts.frame import ScriptError
from parts.harness.models import downloaded
from parts.harness.vocabulary import Model
from parts.inputs import input_text, read_json
from parts.loadable import architectures_in, why_not_loadable, why_not_on_vllm
from parts.records.files import read_record, record_files

LOOKED_AT = 50  # records of an earlier run that tell its backend
REGISTRY = re.compile(r"""^ {4}["'](\w+)["']: \(""", re.MULTILINE)  # "LlamaForCausalLM": ("llama", "LlamaForCausalLM")


def vllm_registry() -> Path | None:
    """The file of the installed vLLM that names the models it knows; vLLM is not imported. None without vLLM."""
    spec = importlib.util.find_spec("vllm")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations))) / "model_executor" / "models" / "registry.py"


def known_architectures() -> set[str] | None:
    """The architectures that the installed vLLM names in its registry; None without vLLM."""
    path = vllm_registry()
    if path is None:
        return None
    try:
        return set(REGISTRY.findall(input_text(path)))
    except OSError:
        return set()


def takes_adapters(architecture: str) -> bool:
    """Whether the installed vLLM's own source says of an architecture that it takes adapters; read, not imported."""
    registry = vllm_registry()
    start = rf"""^ {{4}}["']{re.escape(architecture)}["']: \(\s*["'](\w+)["']"""
    module = re.search(start, input_text(registry), re.MULTILINE) if registry else None
    path = registry.with_name(f"{module[1]}.py") if module else Path()
    return not path.is_file() or "SupportsLoRA" in input_text(path)


def adapter_configuration(model: Model) -> dict[str, Any]:
    """An adapter's adapter_config.json; the folder of an adapter is here."""
    config = read_json(downloaded(model) / "adapter_config.json")
    return config if isinstance(config, dict) else {}


def configuration(model: Model) -> dict[str, Any]:
    """A model's config.json, empty when it cannot be had; of a Hub model only this file is fetched."""
    if model.folder is None:
        from huggingface_hub import hf_hub_download

        name = f"{model.below}/config.json" if model.below else "config.json"
        try:
            config = read_json(Path(hf_hub_download(model.repo, name, revision=model.revision)))
        except Exception:  # each HTTP library has its own exceptions: loading the model will say what is wrong
            return {}
    else:
        config = read_json(model.folder / "config.json") if (model.folder / "config.json").is_file() else {}
    return config if isinstance(config, dict) else {}


def begun_with(output: Path, harness: str, models: Sequence[Model], backends: Sequence[str]) -> str | None:
    """The backend that made the records of these models, or of any, in an output folder; None when there are none."""
    places = [output / "data"] if (output / "data").is_dir() else []
    own = [path for place in places for model in models for path in sorted(place.glob(f"*/{model.place}/*.json"))]
    for path in [*own[:LOOKED_AT], *(record_files(places)[:LOOKED_AT])]:
        try:
            record = read_record(path) or {}
            if record["eval_library"]["name"] == harness:
                found = record["evaluation_results"][0]["generation_config"]["additional_details"]["backend"]
                if found in backends:
                    return found
        except (ScriptError, KeyError, IndexError, TypeError):
            continue
    return None


def choose_backend(args: argparse.Namespace, harness: str, other: str, models: Sequence[Model]) -> str:
    """Put a backend in the place of `auto` in `args`; the line that says which and why ("" when it was named).

    `other` is that on transformers. What was begun in an output folder goes on with the same backend, so that its
    scores stay comparable.
    """
    said = ""
    if args.backend == "auto":
        args.backend, why = decided(args, harness, other, models)
        said = f"backend: {args.backend} ({why})"
    refuse_unloadable(args, models)
    return said


def refuse_unloadable(args: argparse.Namespace, models: Sequence[Model]) -> None:
    """ScriptError (1) when none of the models can run on the backend; one of several that cannot fails by itself."""
    trusted, reasons = bool(getattr(args, "trust_remote_code", False)), []
    for model in models:
        config = configuration(model.base or model)
        reason = why_not_loadable(None, config, args.backend, trusted, is_installed, None)
        if reason is None and model.base and args.backend == "vllm":
            reason = why_not_on_vllm(adapter_configuration(model))
        if reason is None:
            return
        reasons.append(f"{model.label}: {reason}")
    if reasons:
        raise ScriptError(reasons[0], code=1)


def is_installed(package: str) -> bool:
    """Whether a package is in this environment, told without importing it."""
    try:
        return importlib.util.find_spec(package) is not None
    except ModuleNotFoundError:  # the package that it is a part of
        return False


def decided(args: argparse.Namespace, harness: str, other: str, models: Sequence[Model]) -> tuple[str, str]:
    """The backend, and why."""
    before = begun_with(Path(args.output_dir), harness, models, ("vllm", other))
    if before:
        return before, f"as the records in {args.output_dir}; --backend chooses another"
    given = [name for name in ("tensor_parallel_size", "gpu_memory_utilization") if getattr(args, name, None)]
    if given:
        return "vllm", f"--{given[0].replace('_', '-')} is a setting of it"
    if harness == "lm-eval" and args.batch_size:
        return other, "--batch-size is a setting of it"
    if args.device in ("cpu", "mps"):
        return other, f"--device {args.device}"
    if not has_gpu():
        return other, "no GPU that vLLM runs on is here"
    known = known_architectures()
    if known is None and not args.dry_run:
        if shutil.which("uv") is None or os.environ.get("HUB_EVALS_WITH_VLLM"):
            return other, "a GPU is here, and vLLM is not installed"
        ensure_vllm(other)  # starts this script again with vLLM, which then tells what it knows
    lacking = next(filter(None, (unlike_vllm(model, known) for model in models)), None)
    if lacking:
        return other, f"a GPU is here, and {lacking}"
    return "vllm", "a GPU is here" + (", if vLLM knows the architecture" if known is None else "")


def unlike_vllm(model: Model, known: set[str] | None) -> str | None:
    """What of a model vLLM does not run, or None; `known`: the architectures of an installed one."""
    names = architectures_in(configuration(model.base or model)) if known is not None else []
    if names and not set(names) & known:
        return f"vLLM does not know {names[0]}"
    if not model.base:
        return None
    reason = why_not_on_vllm(adapter_configuration(model))
    if reason is None and names and not any(takes_adapters(name) for name in set(names) & known):
        reason = f"vLLM does not run adapters of {names[0]}"
    return reason and f"{model.label}: {reason}"


def settled_backend(args: argparse.Namespace, other: str) -> Any:
    """The backend of settings: where none was chosen yet, that on transformers."""
    return other if args.backend == "auto" else args.backend


def without_vllm(args: argparse.Namespace, other: str) -> bool:
    """Whether a run is certainly not on vLLM, told from its arguments and the machine alone."""
    return args.backend == other or (args.backend == "auto" and not has_gpu())
