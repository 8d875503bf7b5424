"""How many worked examples stand in the prompts of a log, by the prompts themselves.

Takes prompts as they were sent, gives a count or None where a prompt does not show it: chat turns of the user are
counted, else lines that begin with the cue at the prompt's end ("Answer:"), each less the question that is asked.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

from parts.formats.vocabulary import AskedItem

# What begins a turn of the user in the templates of chat models, and in prompts that are kept with roles in front.
USER_TURN = re.compile(
    r"<\|im_start\|>user|<\|start_header_id\|>user|<start_of_turn>user|<\|user\|>|<\|start\|>user|\[INST\]"
    r"|^user: |^(?:USER|Human): ",
    re.M,
)
ANSWER_TURN = (
    r"assistant: *|<\|im_start\|>assistant|<\|start_header_id\|>assistant<\|end_header_id\|>|<start_of_turn>model"
)
CUE = re.compile(r"\w[^:\n]{0,29}:")  # "Answer:", "Question 3:" is none of them: its number differs
MOST_PROMPTS = 300  # of a task that are looked at
AGREED = 0.9  # share of the prompts that must show the same number


def examples_in(prompt: str) -> int | None:
    """The number of examples in one prompt; None when nothing in it shows that."""
    turns = len(USER_TURN.findall(prompt))
    lines = [line.strip() for line in re.sub(ANSWER_TURN, "\n", prompt).split("\n")]
    last = next((line for line in reversed(lines) if line), "")
    cue = CUE.match(last)
    by_cue = sum(line.startswith(cue[0]) for line in lines) - 1 if cue and len(last) <= len(cue[0]) + 1 else None
    if turns > 1:
        return turns - 1
    return by_cue if by_cue is not None else 0 if turns == 1 and len(lines) < 3 else None


@dataclass
class ExampleCount:
    """The examples in the prompts of one task."""

    found: Counter[int | None] = field(default_factory=Counter)

    @property
    def wanted(self) -> int:
        """How many more prompts are looked at."""
        return max(0, MOST_PROMPTS - self.found.total())

    def add(self, item: AskedItem) -> None:
        """Look at one item's prompt; of several requests of an item at the first."""
        if item.prompt is None or not self.wanted:
            return
        first = (item.choices or [""])[0]
        self.found[examples_in(first if first and item.prompt.startswith(f"{first}\n") else item.prompt)] += 1

    @property
    def number(self) -> int | None:
        """The number that (nearly) all prompts show; None: they do not, or show different ones."""
        if not self.found:
            return None
        number, count = self.found.most_common(1)[0]
        return number if count >= AGREED * self.found.total() else None

    def contradiction(self, shots: int | None) -> str:
        """What the prompts say against the number of the log's configuration; empty when nothing."""
        if shots is None or self.number is None or self.number == shots:
            return ""
        return f"its prompts hold {self.number} examples, while its configuration says {shots}"
