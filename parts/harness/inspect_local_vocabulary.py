"""What both local engines of inspect share."""

from __future__ import annotations

from dataclasses import dataclass

SERVER_PROVIDER, HF_PROVIDER = "hub-evals-vllm", "hub-evals-hf"  # inspect's names for the two backends here


@dataclass(frozen=True)
class Loaded:
    """How a model really runs; `checksum` is that of the weights in the engine, `proof` how they were compared."""

    name: str
    version: str
    dtype: str
    device: str
    checksum: str
    proof: str
