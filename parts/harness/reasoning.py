"""A model's thinking taken out of its text: what stands between two tags is no part of the answer."""

from __future__ import annotations

from collections.abc import Sequence

REASONING_TAGS = ("<think>", "</think>")


def split_reasoning(text: str, tags: Sequence[str]) -> tuple[str | None, str]:
    """The thinking in a model's text (None when there is none) and the answer without it.

    The first tag may stand in the prompt; unfinished thinking is no answer.
    "<think>a</think>b" -> ("a", "b")    "a</think>b" -> ("a", "b")    "<think>a" -> ("a", "")    "b" -> (None, "b")
    """
    opening, closing = tags
    thoughts = []
    while closing in text:
        before, after = text.split(closing, 1)
        head, _, thought = before.partition(opening) if opening in before else ("", "", before)
        thoughts.append(thought.strip())
        text = head + after
    if opening in text:
        text, _, thought = text.partition(opening)
        thoughts.append(thought.strip())
    return ("\n".join(thoughts), text.lstrip()) if thoughts else (None, text)
