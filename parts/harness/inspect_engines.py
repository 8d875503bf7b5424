"""The engines of inspect on this machine."""

from __future__ import annotations

from parts.harness.inspect_server import ServedByVllm
from parts.harness.inspect_transformers import HeldByTransformers

# A backend loads a model, replaces its weights, and gives an inspect Model that asks it.
ENGINES: dict[str, type[ServedByVllm] | type[HeldByTransformers]] = {"vllm": ServedByVllm, "hf": HeldByTransformers}
