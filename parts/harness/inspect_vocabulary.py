"""What both inspect scripts speak of: requested tasks, items and metrics of a log, prices, runs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.frame import ScriptError

INSPECT_PACKAGES = ("inspect-ai", "inspect-evals")  # whose versions decide what is measured
SERVER_PROVIDER, HF_PROVIDER = "hub-evals-vllm", "hub-evals-hf"  # inspect's names for the two backends here
MAX_RETRIES = 5  # of a request, after the client's own two quick ones: 3 to 50 seconds apart
MAX_TASKS = 4  # evaluated at the same time, so that the last items of one do not leave the connections idle
MOST_ERRORS = 0.1  # of the items: a task with this share of failed ones gives no score

# A metric that says how sure another is, not how good the model is.
SPREAD = re.compile(r"(?:^|_)(?:std_?err|sterr|se|std|stddev|var|variance|ci|ci_lower|ci_upper|stderr\d*)$|^bootstrap_")


class EngineError(ScriptError):
    """An engine that did not start, with the end of its log; another checkpoint of the same layout would not either."""

    def __init__(self, message: str, log: Sequence[str]) -> None:
        super().__init__(message)
        self.log = list(log)


@dataclass(frozen=True)
class RequestedTask:
    """A task as asked for and as inspect knows it: from a module of inspect_evals, or from a file of the user's."""

    asked: str
    name: str
    module: str | None = None
    file: Path | None = None


@dataclass(frozen=True)
class LogItem:
    """An item of inspect's log: the name under which it is paired, inspect's id, and its repeats."""

    name: str
    id: Any
    runs: tuple[dict[str, Any], ...]


@dataclass(frozen=True)
class LogMetric:
    """A metric of inspect's log; `values` are the items' scores where it is their mean, `group` a part of the items."""

    label: str
    group: str
    scorer: str
    number: float
    values: tuple[float | None, ...] | None
    key: str | None = None  # of a score of several values
    reducer: str | None = None


@dataclass(frozen=True)
class Prices:
    """US dollars for a million tokens."""

    input: float
    output: float


@dataclass(frozen=True)
class RunFacts:
    """What a record says that inspect's log does not: whole blocks of the schema, and details that a script knows."""

    script: str
    task: str
    title: str
    split: str | None
    model: dict[str, Any]
    source: dict[str, Any]
    library: dict[str, Any]
    generation: dict[str, Any]
    prices: Prices | None = None
    questions: Any = None


@dataclass(frozen=True)
class Sampling:
    """How an answer is generated; requests that agree in it can share a batch."""

    temperature: float
    top_p: float | None
    top_k: int | None
    stop: tuple[str, ...]


@dataclass(frozen=True)
class Queued:
    """A request that waits for its batch."""

    tokens: list[int]
    max_tokens: int
    sampling: Sampling
    answer: asyncio.Future[Said]


@dataclass(frozen=True)
class Said:
    """An answer, how many tokens it has, and whether its end was the token limit."""

    text: str
    tokens: int
    truncated: bool
