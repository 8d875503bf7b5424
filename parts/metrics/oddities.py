"""What is odd about how answers and references are written: values of another kind, where a score is of the writing.

Takes items of texts; gives lines for people. Nothing is changed for it: what an answer is, its author says.
"""

from __future__ import annotations

import contextlib
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
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
SURE_ERRORS = 6.0  # standard errors of an agreement by chance
RENAMED = (0.4, 0.8)  # the least kappa by other names of the labels: of several, of two
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
        if labels := wrong and labels_never_said(items):
            lines.append(
                f"{metric.name}: no answer is one of the references' {len(labels)} labels ({', '.join(labels[:5])}), "
                f"{single_line(pairs[0][0])[:60]} for instance: written in another way, they are no wrong answers "
                "(--parse takes the label out of a text)"
            )
        elif names := renamed_labels(items, right):
            shown = ", ".join(f"{said} for {wanted}" for said, wanted in sorted(names.items())[:4])
            lines.append(
                f"{metric.name}: answers fit the references by other names of the labels ({shown}) and not by their "
                "own: write both alike"
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


def renamed_labels(items: Sequence[Item], right: Collection[int]) -> dict[str, str]:
    """Answer's label -> reference's, where the answers fit the references far better by other names: 1 to 4 for 0 to 3,
    two classes that changed places. Nothing where they do not, or fit by their own names at all.

    Better than chance is Cohen's kappa; a model's confusion is seldom one-to-one, of two classes it may be. right: the
    lines of the items whose answers are right as they are written.
    """
    pairs = [
        (item.value.strip(), item.references[0].strip())
        for item in items
        if isinstance(item.value, str) and len(item.references) == 1
    ]
    wanted, said = Counter(reference for _, reference in pairs), Counter(answer for answer, _ in pairs)
    if not 1 < len(wanted) <= min(FEW_LABELS, len(pairs) // 2) or not 1 < len(said) <= len(wanted):
        return {}
    together = Counter(pairs)
    names = {answer: max(sorted(wanted), key=lambda reference: together[answer, reference]) for answer in said}

    def agreement(name: Mapping[str, str]) -> tuple[float, float]:
        by_chance = sum(said[answer] * wanted[name[answer]] for answer in said) / len(pairs) ** 2
        return sum(together[answer, name[answer]] for answer in said) / len(pairs), by_chance

    own, own_chance = agreement({answer: answer for answer in said})
    own = max(own, len(right) / len(items))
    same = all(answer == name or same_but_writing(answer, [name]) for answer, name in names.items())
    found, chance = agreement(names)
    kappa = (found - chance) / (1 - chance) if chance < 1 else 0.0
    clear = (found - chance) * math.sqrt(len(pairs)) >= SURE_ERRORS * math.sqrt(chance * (1 - chance))
    fits = clear and own <= own_chance and kappa >= RENAMED[len(wanted) == 2]
    return names if fits and not same and len(set(names.values())) == len(names) else {}


def as_references_write(items: Sequence[Item], right: Collection[int]) -> list[Item]:
    """The items with answers as their references are written, where they differ in their writing alone; [] where no
    answer does. All are right ones where no answer is any of the labels.

    right: the lines of the items whose answers are right as they are written.
    """
    texts = [item for item in items if isinstance(item.value, str) and item.line not in right]
    new = {}
    if texts and labels_never_said(items):
        new = {item.line: item.references[0] for item in texts}
    elif names := renamed_labels(items, right):
        new = {item.line: names.get(item.value.strip(), item.value) for item in items if isinstance(item.value, str)}
    else:
        for item in texts:
            if shown := same_but_writing(item.value, item.references):
                new[item.line] = next(one for one in item.references if shown.endswith(f" for {one.strip()}"))
    return [item._replace(value=new.get(item.line, item.value)) for item in items] if new else []


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
