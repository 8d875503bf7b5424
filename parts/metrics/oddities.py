"""What is odd about how answers and references are written: values of another kind, where a score is of the writing.

Takes items of texts; gives lines for people. Nothing is changed for it: what an answer is, its author says.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Collection, Sequence
from typing import Any

from parts.frame import single_line
from parts.metrics.vocabulary import LABEL_LINES, Item, Metric

COMPARED = ("accuracy", "exact-match", "f1-binary", "f1-macro", "f1-micro", "mcc")  # text by text
MANY_ODD = 0.02  # share of the items
LABEL_SIGNS = {",": 0.25, ";": 0.25, "|": 0.25, " ": 0.5}  # between labels of a list -> share of texts that are lists
MISSING_AS_TEXT = {"nan", "none", "null", "n/a", "<na>", "nil", "undefined"}
TIMED_OR_MARKED = re.compile(
    r"<\|[^|<>]{1,40}\|>|\[\d\d:\d\d[\d:.,]*(?:\s*-->\s*[\d:.,]+)?\]|\d\d:\d\d:\d\d[.,]\d+\s*-->"
)
FEW_LABELS, ENOUGH_TEXTS = 50, 10  # so many labels may a closed set have, seen in so many items
LIST = re.compile(r"""\s*\[\s*(?:(["']).*\1)?\s*\]\s*""", re.DOTALL)


def odd_text_lines(items: Sequence[Item], metric: Metric, right: Collection[int] = ()) -> list[str]:
    """A line for each kind of writing that many answers have and references have not, with an example.

    right: the lines of the items whose answers are right as they are written.
    """
    pairs = [(item.value, item.references) for item in items if isinstance(item.value, str)]
    wrong = [(item.value, item.references) for item in items if isinstance(item.value, str) and item.line not in right]
    least = max(1, MANY_ODD * len(items))

    def found(odd: Callable[[str, Sequence[str]], str | None], words: str, among: Sequence[Any] = pairs) -> list[str]:
        shown = [example for said, wanted in among if (example := odd(said, wanted))]
        if len(shown) < least:
            return []
        return [f"{metric.name}: {len(shown)} of {len(items)} {words.format(single_line(shown[0])[:60])}"]

    stated = {reference.strip().casefold() for _, wanted in pairs for reference in wanted}
    marked = any(TIMED_OR_MARKED.search(reference) for _, wanted in pairs for reference in wanted)
    lists = sum(bool(LIST.fullmatch(said)) for said, _ in pairs)
    lines = found(
        lambda said, _: said.strip() if said.strip().casefold() in MISSING_AS_TEXT - stated else None,
        "answers read {}, as a missing one is often written: they count as answers (null is none)",
    )
    if not marked:
        lines += found(
            lambda said, _: mark[0] if (mark := TIMED_OR_MARKED.search(said)) else None,
            "answers hold marks such as {}, which no reference has: they count as text (--normalize whisper leaves out "
            "what is in brackets)",
        )
    if lists * 10 < len(pairs):
        lines += found(
            lambda _, wanted: wanted[0] if len(wanted) == 1 and LIST.fullmatch(wanted[0]) else None,
            "references read as lists in a text, {}: several right answers are a JSON list in `references`",
        )
    wanted = [item.references[0] for item in items if len(item.references) == 1]
    if metric.name in ("accuracy", "exact-match") and (listed := label_lists(wanted)):
        lines.append(
            f"{metric.name}: references read as several labels each ({listed[0]}): a text is one answer, in which the "
            f"order of labels counts; {LABEL_LINES}"
        )
    if metric.name in COMPARED:
        lines += found(
            same_but_writing,
            "answers are wrong by their writing alone, {}: write numbers, case and punctuation as the references "
            "have them",
            wrong,
        )
        if labels := labels_never_said(items):
            lines.append(
                f"{metric.name}: no answer is one of the references' {len(labels)} labels ({', '.join(labels[:5])}), "
                f"{single_line(pairs[0][0])[:60]} for instance: written in another way, they are no wrong answers "
                "(--parse takes the label out of a text)"
            )
    return lines


def labels_never_said(items: Sequence[Item]) -> list[str]:
    """The labels of references that are of a few, where no answer at all is one of them; else nothing."""
    texts = [item for item in items if isinstance(item.value, str)]
    wanted = {reference.strip() for item in texts for reference in item.references}
    few = len(texts) >= ENOUGH_TEXTS and len(wanted) <= min(FEW_LABELS, len(texts) // 2)
    said = {bare_text(item.value) for item in texts}
    return sorted(wanted) if few and said - {""} and not said & set(map(bare_text, wanted)) else []


def label_lists(texts: Sequence[str]) -> tuple[str, list[str]] | None:
    """(an example, the labels) where many texts are lists of a few labels, which stand in them in many ways."""
    for sign, least in LABEL_SIGNS.items():
        lists = {text: tuple(part.strip() for part in text.split(sign) if part.strip()) for text in set(texts)}
        several = [text for text in texts if len(lists[text]) > 1]
        labels = {label for own in lists.values() for label in own}
        alone = {own[0] for own in lists.values() if len(own) == 1}
        few = 2 * len(labels) <= len(set(lists.values())) or labels <= alone
        if len(several) >= max(2, least * len(texts)) and few:
            return single_line(several[0])[:60], sorted(labels)
    return None


def share_of_writing(items: Sequence[Item], metric: Metric, right: Collection[int]) -> float:
    """The share of the answers that are wrong by their writing alone, of metrics that count right ones: all of them
    where no answer is any of the labels."""
    texts = [item for item in items if isinstance(item.value, str) and item.line not in right]
    texts = texts if metric.name in ("accuracy", "exact-match", "f1-micro") else []
    if texts and labels_never_said(items):
        return 1.0
    return sum(same_but_writing(item.value, item.references) is not None for item in texts) / max(1, len(items))


def bare_text(text: str) -> str:
    """A text without case, and without marks around it."""
    return " ".join(text.strip(" \t\n.,;:!?\"'`*()[]{}").casefold().split())


def same_but_writing(said: str, wanted: Sequence[str]) -> str | None:
    """'1.0 for 1' where an answer equals a reference as a number or but for case and punctuation, and not as a text."""
    if said.strip() in [reference.strip() for reference in wanted]:
        return None
    bare = bare_text(said)
    for reference in wanted:
        if bare and bare == bare_text(reference):
            return f"{said.strip()} for {reference.strip()}"
        with contextlib.suppress(ValueError, OverflowError):
            if float(said.replace(",", "")) == float(reference.replace(",", "")):
                return f"{said.strip()} for {reference.strip()}"
    return None
