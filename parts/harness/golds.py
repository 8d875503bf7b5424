"""Own tasks looked at before anything is asked: answers that cannot be resolved, choices without a space before them.

Takes what a harness made of the rows of a user's task file; gives a ScriptError with exit code 1 that names the rows,
or a warning. Tasks that a harness brings are not judged here.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from parts.frame import ScriptError, listing, note, single_line

GOLDS_SHOWN = 5
NO_ANSWER = "no answer"


def check_golds(task: str, rows: Iterable[tuple[str, str | None]]) -> None:
    """rows: (item, what is wrong with its answer). ScriptError, code 1, when something is with some of them."""
    found = list(rows)
    wrong = [(item, why) for item, why in found if why]
    if not wrong:
        return
    if len(wrong) == len(found) and {why for _, why in wrong} == {NO_ANSWER}:
        return  # a task that is scored without an answer: by a program, a judge, or the text itself
    shown = listing([f"{item}: {why}" for item, why in wrong[:GOLDS_SHOWN]])
    more = f" and {len(wrong) - GOLDS_SHOWN} more" if len(wrong) > GOLDS_SHOWN else ""
    what = f"{len(wrong)} of {len(found)} items have no answer that can be right (nothing was asked)"
    raise ScriptError(f"{task}: {what}: {shown}{more}", 1)


def why_no_choice(gold: Any, choices: Sequence[Any]) -> str | None:
    """Why a number, a text or a list of them names no choice; None when it does."""
    golds = list(gold) if isinstance(gold, list | tuple) else [gold]
    if not golds or None in golds:
        return NO_ANSWER
    for part in golds:
        if isinstance(part, int) and not isinstance(part, bool):
            if not 0 <= part < len(choices):
                return f"{part} is the number of none of its {len(choices)} choices (they count from 0)"
            if choices[part] is None or not str(choices[part]).strip():
                return NO_ANSWER
        elif part not in choices:
            return f"{single_line(repr(part))[:40]} is none of its {len(choices)} choices"
    return None


def why_no_text(target: Any) -> str | None:
    """Why a target is no text to compare answers with; None when it is."""
    parts = list(target) if isinstance(target, list | tuple) else [target]
    return NO_ANSWER if not parts or any(part is None or not str(part).strip() for part in parts) else None


def why_no_letter(target: Any, choices: Sequence[str]) -> str | None:
    """Why a target names no choice, by a letter (inspect's way) or by its text; None when it does."""
    parts = list(target) if isinstance(target, list | tuple) else [str(target)]
    if not any(str(part).strip() for part in parts):
        return NO_ANSWER
    letters = {chr(ord("A") + place) for place in range(len(choices))}
    named = all(str(part) in choices or (str(part) and set(str(part)) <= letters) for part in parts)
    return None if named else f"{single_line(repr(target))[:40]} is none of its {len(choices)} choices"


def say_missing_spaces(task: str, pairs: Sequence[tuple[str, str]]) -> None:
    """Warn when choices follow their prompts without a space. pairs: (prompt, choice)."""

    def joined(prompt: str, choice: str) -> bool:
        ends = prompt[-1:], choice[:1]
        wide = any(sign and unicodedata.east_asian_width(sign) in "WF" for sign in ends)
        return not wide and ends[1].isalnum() and not ends[0].isspace() and bool(ends[0])

    where = [(prompt, choice) for prompt, choice in pairs if joined(prompt, choice)]
    if len(where) > len(pairs) / 2:
        shown = single_line(repr(where[0][0][-12:] + where[0][1][:12]))
        note(f"warning: {task}: the choices follow the prompt without a space ({shown}): scores may be at chance")
