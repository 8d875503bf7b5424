"""What people write by hand (policies, own vocabularies): each field with its check, and the words when it fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from parts.frame import ScriptError, is_number, nearest, single_line


@dataclass(frozen=True, slots=True)
class Shape:
    """What a field must be: the wording for people, and the check."""

    words: str
    fits: Callable[[Any], bool]


def number_shape(low: float, high: float) -> Shape:
    """A number between two bounds."""
    words = f"a number of {low:g} to {high:g}" if high < 1e9 else f"a number of at least {low:g}"
    return Shape(words, lambda value: is_number(value) and low <= value <= high)


def choice_shape(*choices: str) -> Shape:
    """One of some words."""
    return Shape(f"one of {', '.join(choices)}", lambda value: value in choices)


def is_texts(value: Any) -> bool:
    """Whether a value is a list of texts without control characters and what else is not seen, but ends of lines."""
    return isinstance(value, list) and all(isinstance(t, str) and t.replace("\n", " ").isprintable() for t in value)


TEXT = Shape("text", lambda value: isinstance(value, str))
TEXTS = Shape("a list of texts", is_texts)
MAPPING = Shape("a mapping", lambda value: isinstance(value, dict))
COUNT = Shape("a whole number of at least 0", lambda v: isinstance(v, int) and not isinstance(v, bool) and v >= 0)
YES_OR_NO = Shape("true or false", lambda value: isinstance(value, bool))


def check_fields(values: Mapping[Any, Any], shapes: Mapping[str, Shape], where: str) -> None:
    """ScriptError for a field that is not known or has a value of another kind; null leaves a field unset."""
    for name, value in values.items():
        if name not in shapes:
            hint = nearest(str(name), shapes) or f"; known are: {', '.join(shapes)}"
            raise ScriptError(f"{where}: unknown key {single_line(repr(name))[:60]}{hint}")
        if value is not None and not shapes[name].fits(value):
            shown = single_line(repr(value))
            shown = shown if len(shown) <= 40 else f"{shown[:39]}…"
            raise ScriptError(f"{where}: {name} is {shown}; it must be {shapes[name].words}")


def without_nulls(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields that are set."""
    return {name: value for name, value in values.items() if value is not None}
