"""Settings of an evaluation run: what, beside weights and task, decides a score, in all four evaluation scripts."""

from __future__ import annotations

import argparse
import hashlib
import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

# What changes speed, memory and permissions only, and so does not make another run of the same.
NOT_IN_KEY = {
    "batch_size",
    "command",
    "custom_tasks",
    "data_parallel_size",
    "gpu_memory_utilization",
    "max_connections",
    "sandbox",
    "tensor_parallel_size",
    "trust_remote_code",
}
# The first settings are in the key also where they are unset; those that came later are once they are set, so that
# what was measured before them stays finished.
ALWAYS_IN_KEY = {
    "backend",
    "limit",
    "dtype",
    "device",
    "use_chat_template",
    "system_prompt",
    "seed",
    "custom_tasks_sha256",
    "versions",
}


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What, beside weights and task, decides a score; NOT_IN_KEY names what does not."""

    backend: str
    limit: int | None
    seed: int | None
    versions: dict[str, str]
    command: str
    system_prompt: str | None = None
    use_chat_template: bool = False
    dtype: str = "auto"
    device: str = "auto"
    temperature: float | None = None
    max_tokens: int | None = None
    max_model_len: int | None = None
    repeats: int | None = None
    repeat: int | None = None
    reasoning_tags: tuple[str, str] | None = None
    custom_tasks: Path | None = None
    custom_tasks_sha256: str | None = None
    questions: str | None = None
    base_url: str | None = None
    provider: str | None = None
    batch_size: int | None = None
    max_connections: int | None = None
    tensor_parallel_size: int | None = None
    data_parallel_size: int | None = None
    gpu_memory_utilization: float | None = None
    trust_remote_code: bool = False
    sandbox: str | None = None

    @property
    def key(self) -> str:
        """A short hash of what decides a score."""
        parts = {name: value for name, value in asdict(self).items() if name not in NOT_IN_KEY}
        parts = {name: value for name, value in parts.items() if value is not None or name in ALWAYS_IN_KEY}
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]

    @property
    def sampling_seed(self) -> int:
        """The seed of the answers; the items and prompts of all repeats are those of `seed`."""
        return (self.seed or 0) + (self.repeat or 0)


def settings_from(args: argparse.Namespace, **more: Any) -> Settings:
    """The settings that a command line gives; `more` replaces and adds."""
    given = {row.name: getattr(args, row.name) for row in fields(Settings) if hasattr(args, row.name)}
    given = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return Settings(**given | more)
