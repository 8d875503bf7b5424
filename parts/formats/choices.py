"""What the log-likelihoods of the choices say of the scores of items, and of the choices themselves.

Takes items as they are read, with the choice that each metric finds most likely; gives the items whose score says
otherwise, and how probable the likeliest choice of an item is.
"""

from __future__ import annotations

import array
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field

from parts.formats.vocabulary import AskedItem, PlainItems, ScoreRead
from parts.frame import count_in, single_line
from parts.harness.doubts import IMPROBABLE, likeliest

BY_LIKELIHOOD = {"accuracy", "acc_norm", "acc_bytes"}  # metrics that are 1 where the likeliest choice is a right one


def likely_by_length(item: AskedItem) -> set[str]:
    """The likeliest choices for each of their characters or bytes, with or without the space before them: harnesses
    differ in what they count."""
    found = set()
    for measure in (len, lambda text: len(text.encode(errors="replace"))):
        for less in (0, 1):
            pairs = zip(item.chances or (), item.choices or (), strict=True)
            weighed = [(chance / max(1, measure(choice) - less), choice) for chance, choice in pairs]
            found.add(max(weighed, key=lambda pair: pair[0])[1])
    return found


def known_right(right: set[str], texts: Sequence[str]) -> bool:
    """Whether the right answers are choices, none of them a number that may be another's ("1", or choice number 1)."""
    numbers = [count for text in right if (count := count_in(text)) is not None and count < len(texts)]
    return bool(right) and right.issubset(texts) and all(texts[number] == str(number) for number in numbers)


@dataclass
class ChoiceCheck:
    """The choices of one task's items."""

    judged: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, list[str]] = field(default_factory=dict)  # metric -> items whose score is another
    chances: array.array = field(default_factory=lambda: array.array("d"))  # of the likeliest choice of each item

    def add(self, item: AskedItem, score: ScoreRead) -> None:
        """Look at one item's score; of what is no choice by likelihood, or has no known gold, nothing is said."""
        taken, value = item.shown.get(score.name), item.values.get(score.name)
        if score.id not in BY_LIKELIHOOD or not taken or not item.chances or value not in (0, 1):
            return
        if len(item.chances) != len(item.choices or ()) or None in item.chances:
            return
        right = {text.strip() for text in item.references}
        plain = len(right) == 1 and item.references[0] in item.choices and not min(right).isdecimal()  # nearly always
        if not plain and not known_right(right, [choice.strip() for choice in item.choices]):
            return
        self.judged[score.name] = self.judged.get(score.name, 0) + 1
        if bool(value) is (taken[0].strip() in right):
            return
        allowed = likely_by_length(item) if score.id != "accuracy" else ()
        if bool(value) not in [choice.strip() in right for choice in allowed]:
            self.wrong.setdefault(score.name, []).append(item.id)

    def add_plain(self, items: PlainItems, score: ScoreRead) -> None:
        """Look at the scores of some items, at one by itself where its score is not as the likeliest choice says."""
        if score.id not in BY_LIKELIHOOD or not items.chances:
            return
        columns = zip(items.values[score.name], items.shown[score.name], items.references, items.choices, strict=True)
        for at, (value, taken, references, choices) in enumerate(columns):
            right = references[0] if len(references) == 1 else ""
            agreed = value == (taken[0].strip() == right.strip()) and right in choices
            if agreed and right.strip() and not right.strip().isdecimal():
                self.judged[score.name] = self.judged.get(score.name, 0) + 1
            else:
                self.add(items.item(at), score)

    def add_chances(self, item: AskedItem) -> None:
        if item.chances and item.choices and len(item.chances) == len(item.choices) and None not in item.chances:
            self.chances.append(likeliest(item.chances, item.choices))

    def take(self, later: ChoiceCheck) -> None:
        """Add what later items of the task say."""
        for name, count in later.judged.items():
            self.judged[name] = self.judged.get(name, 0) + count
        for name, items in later.wrong.items():
            self.wrong.setdefault(name, []).extend(items)
        self.chances += later.chances

    def contradiction(self, score: str) -> str | None:
        """What is wrong with a metric's scores, or None."""
        wrong = self.wrong.get(score)
        if not wrong:
            return None
        return (
            f"{len(wrong)} of {self.judged[score]} items are scored otherwise than the log-likelihoods of their "
            f"choices say ({single_line(wrong[0])[:60]})"
        )

    @property
    def likeliest(self) -> float | None:
        """The probability of about a token of the likeliest choice, in half of the items."""
        return statistics.median(self.chances) if self.chances else None

    @property
    def doubt(self) -> str:
        """What is said where every choice is improbable."""
        if self.likeliest is None or self.likeliest >= IMPROBABLE:
            return ""
        return (
            f"every choice is improbable (the likeliest of an item: {self.likeliest:.2g} a token): a space before the "
            "choices that is missing, or doubled?"
        )
