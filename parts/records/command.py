"""What of a record may stand in a command line that is printed for somebody to run.

A record may come from anywhere, and people and programs run what is printed. So words go into a command by what they
are: options that say how was measured, with plain values; names of tasks that are no files; nothing that runs code,
names a server or a place to write to. What a command needs beyond that is the user's own to give, and is said.
"""

from __future__ import annotations

import re
import shlex
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parts.frame import NOT_ON_A_LINE, ScriptError, single_line

OWN_SCRIPT = re.compile(r"(?:\S*/)?((?:lighteval_vllm|lm_eval_vllm|inspect_vllm|inspect_eval)_uv\.py)")
# Settings of a measurement with a value of one plain word.
PLAIN_OPTIONS = ("--backend", "--batch-size", "--data-parallel-size", "--device", "--dtype", "--limit")
PLAIN_OPTIONS += ("--gpu-memory-utilization", "--max-connections", "--max-model-len", "--max-tokens", "--provider")
PLAIN_OPTIONS += ("--repeats", "--seed", "--temperature", "--tensor-parallel-size")
TEXT_OPTIONS = {"--system-prompt": 1, "--reasoning-tags": 2}  # -> number of values, any text of one line
FLAGS = ("--use-chat-template",)
# They run code, read files, or send to somewhere: never out of a record.
YOURS = ("--base-url", "--custom-tasks", "--map", "--questions", "--sandbox", "--score", "--shots", "--shots-from")
YOURS += ("--template", "--trust-remote-code")
SCORING_SCRIPT = re.compile(r"(?:\S*/)?(score_predictions\.py)")
SCORING_REPEATED = ("--metric", "--benchmark", "--map")
SCORING_OPTIONS = ("--normalize", "--tokenize", "--stemmer", "--unicode", "--unparsed-as-wrong", "--shots", "--level")
SCORING_OPTIONS += ("--parse", "--positive", "--rating-range", "--empty-cells", "--bins", "--clip", "--threshold")
SCORING_OPTIONS += ("--hidden-reference", "--mid-anchor", "--no-screening", "--reasoning-tags", "--anchor")
PLAIN_WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:%+-]*", re.ASCII)
TASK = re.compile(r"[A-Za-z0-9_][\w.:|+() -]*", re.ASCII)
TASK_FILE = re.compile(r"\.(?:py|ya?ml|jsonl?|txt|ipynb)\b", re.IGNORECASE)
MODEL = re.compile(r"[\w./~][\w./@:+~ -]*")
LONGEST_VALUE = 4000


@dataclass(frozen=True, slots=True)
class Carried:
    """An earlier command's script, the words that another command may take over, and the options that it may not."""

    script: str
    words: tuple[str, ...]
    yours: tuple[str, ...]


def carried_options(command: str, without: Sequence[str] = ()) -> Carried | None:
    """What the next command takes over from a record's; None when it is no command of one of the measuring scripts.

    Options are read as `--name value` and `--name=value`, the last one counts; those of `without` are passed over.
    """
    script, found = options_of(command, OWN_SCRIPT)
    if not script:
        return None
    kept = {name: values for name, values in found.items() if name not in without and may_be_carried(name, values)}
    known = (*PLAIN_OPTIONS, *TEXT_OPTIONS, *FLAGS, *YOURS)
    yours = tuple(name for name in found if name in known and name not in kept and name not in without)
    words = tuple(word for name, values in kept.items() for word in (name, *values))
    return Carried(script, words, yours)


def options_of(command: str, script: re.Pattern[str]) -> tuple[str, dict[str, list[str]]]:
    """(a script's name, the options behind it with their values) in a command line; ("", {}) for another command."""
    try:
        given = shlex.split(command)
    except ValueError:
        return "", {}
    start = next((i for i, word in enumerate(given) if script.fullmatch(word)), None)
    if start is None:
        return "", {}
    found: dict[str, list[str]] = {}
    values: list[str] = []
    for word in given[start + 1 :]:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            many = name in SCORING_REPEATED
            values = found.setdefault(name, []) if many else []
            found[name] = values
            values += [value] if equals else []
        else:
            values.append(word)
    return script.fullmatch(given[start])[1], found


def scoring_options(command: str) -> tuple[str, ...]:
    """The words of a command of score_predictions.py that say how was scored: no file, no place, nobody's name."""
    _, found = options_of(command, SCORING_SCRIPT)
    words: list[str] = []
    for name, values in found.items():
        if name in SCORING_REPEATED:
            words += [word for value in values if is_one_line(value) for word in (name, value)]
        elif name in SCORING_OPTIONS and all(map(is_one_line, values)) and len(values) < 3:
            words += [name, *values]
    return tuple(words)


def may_be_carried(option: str, values: Sequence[str]) -> bool:
    """Whether a record's option says how was measured, and has the values that it may have."""
    if option in FLAGS:
        return not values
    if option in PLAIN_OPTIONS:
        return len(values) == 1 and is_plain_word(values[0])
    return len(values) == TEXT_OPTIONS.get(option) and all(map(is_one_line, values))


def is_plain_word(value: str) -> bool:
    """Whether a setting's value is one word without a path, a comma or a sign that a harness takes for more."""
    return len(value) <= 100 and PLAIN_WORD.fullmatch(value) is not None


def is_one_line(value: str) -> bool:
    """Whether a text may be a word of a command: of one line, visible, and not like an option."""
    seen = not any(unicodedata.category(sign) in NOT_ON_A_LINE for sign in value)
    return seen and 0 < len(value) <= LONGEST_VALUE and not value.startswith("-")


def is_model_word(model: str) -> bool:
    """Whether a model's id or folder can be taken for nothing else, by a shell or among a harness's arguments."""
    return MODEL.fullmatch(model) is not None and is_one_line(model)


def is_task_name(task: str) -> bool:
    """Whether this names a task, and not an option, nor a file or folder from which a harness would load code."""
    plain = TASK.fullmatch(task) is not None and not TASK_FILE.search(task)
    return plain and len(task) <= 300 and not Path(task).exists()


def checked_task(task: str, file: str) -> str:
    """The task's name; ScriptError when what the record of this file calls so is none."""
    if is_task_name(task):
        return task
    shown = single_line(task)[:100]
    raise ScriptError(f"{file}: {shown!r} is no name of a task, or a file here has that name: it gets no command")


def yours_to_name(options: Sequence[str]) -> str:
    """Says which options a record's command had and the printed one has not; '' without any."""
    if not options:
        return ""
    file = "; its task file is yours to name: --custom-tasks FILE" if "--custom-tasks" in options else ""
    return f"not taken over from the record, to be given by you where you trust it: {', '.join(options)}{file}"
