"""What is known of tasks before they run: their names in each harness, their items and parts, the tokens they take."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.frame import option_words, run_line
from parts.inputs import read_json
from parts.jobs.vocabulary import names_text, plain_task, task_key, task_shots

# Items of the evaluated splits, for estimates; what is not here is assumed to have ASSUMED_ITEMS.
ITEMS = {
    "agieval": 8062,
    "aime": 30,
    "aime_2024": 30,
    "aime_2025": 30,
    "aime24": 30,
    "aime25": 30,
    "arc": 3548,
    "arc_c": 1172,
    "arc_challenge": 1172,
    "arc_e": 2376,
    "arc_easy": 2376,
    "bbh": 6511,
    "boolq": 3270,
    "drop": 9536,
    "gpqa": 448,
    "gpqa_diamond": 198,
    "gsm8k": 1319,
    "hellaswag": 10042,
    "hle": 2500,
    "humaneval": 164,
    "ifeval": 541,
    "math": 5000,
    "math_500": 500,
    "mbpp": 500,
    "mmlu": 14042,
    "mmlu_pro": 12032,
    "musr": 756,
    "piqa": 1838,
    "simpleqa": 4326,
    "truthfulqa": 817,
    "winogrande": 1267,
}
ASSUMED_ITEMS = 1000
PROMPT_TOKENS = 300  # of one item or one example
ANSWER_TOKENS = 500
CHOICES = 4  # prompts that are read for an item whose choices are compared
EPOCHS = {"gpqa_diamond": 4}  # how often inspect asks each item of a task, where it is not once

SAFE_LENGTH = 8192
LONGEST_ANSWER = 32768  # that lighteval lets tasks of mathematics and science write
LONG_ANSWERS = ("aime", "gpqa", "math_500", "livecodebench", "olympiad", "hle")

# Tasks that lighteval and lm-eval score by the likelihood of choices, or by an answer of a few tokens at most.
WITHOUT_WRITING = {
    "arc", "arc_challenge", "arc_easy", "anli", "bbq", "belebele", "blimp", "boolq", "c_eval", "cmmlu", "commonsenseqa",
    "copa", "hellaswag", "kmmlu", "lambada", "logiqa", "mathqa", "medmcqa", "medqa", "mmlu", "mnli", "musr",
    "openbookqa", "piqa", "pubmedqa", "race_high", "sciq", "siqa", "sst2", "storycloze", "swag", "toxigen",
    "truthfulqa", "truthfulqa_mc1", "winogender", "winogrande", "wsc273", "xcopa", "xnli", "xstorycloze", "xwinograd",
}  # fmt: skip
ONLY_IN = {"lm_eval": {"gpqa", "gpqa_diamond"}, "lighteval": {"bbh"}, "inspect": set()}  # that are scored so there


@functools.cache
def mapping_entries() -> Mapping[str, Any]:
    """metric_mapping.json, when it is beside the scripts."""
    path = Path(__file__).resolve().parent.parent / "metric_mapping.json"
    return read_json(path) if path.is_file() else {}


def mapped_names() -> dict[str, dict[str, str]]:
    """Canonical key -> harness -> its name there, from metric_mapping.json when it is beside the scripts."""
    return {
        key: {
            name: task_key(entry[name])
            for name in ("lighteval", "inspect", "lm_eval")
            if isinstance(entry.get(name), str)
        }
        for key, entry in mapping_entries().items()
        if isinstance(entry, dict)
    }


def task_aliases() -> dict[str, set[str]]:
    """Canonical key -> the names that harnesses give it."""
    return {key: set(names.values()) for key, names in mapped_names().items()}


def task_warnings(tasks: Sequence[str], framework: str, script: str) -> tuple[str, ...]:
    """A warning for each task that no list here has for a framework: its job would end at once, and be paid for."""
    found, mapped = [], mapped_names()
    here = {name for key, names in mapped.items() if framework in names for name in (key, names[framework])}
    for task in tasks:
        name = task_key(task)
        if not here or name in here or task_key(task.split(":", 1)[0]) in here:
            continue
        others = " or ".join(mapped.get(name, ()))
        close = ", ".join(difflib.get_close_matches(name, here, n=3))
        hint = f"{others} has it" if others else f"did you mean {close}?" if close else "it may be there all the same"
        found.append(
            f"warning: {task}: not known to be a task of {framework} ({hint}); look before you pay: "
            f"{run_line(script)} {option_words('--list-tasks', plain_task(task))}"
        )
    return tuple(found)


def canonical_task(task: str, framework: str) -> str:
    """The canonical key of a framework's task, or of the family that it is a part of; its own name when it has none.

    "arc:easy|0" -> arc_easy    "mmlu:anatomy|5" -> mmlu    "social_iqa" -> siqa
    """
    mapped = mapped_names()
    for name in (task_key(task), task_key(task.split(":", 1)[0])):
        if name in mapped:
            return name
        if key := next((key for key, names in mapped.items() if names.get(framework) == name), None):
            return key
    return task_key(task)


def task_parts(task: str, framework: str) -> int:
    """How many tasks a family stands for: 57 for "mmlu", 1 for "mmlu:anatomy"."""
    key, entries = canonical_task(task, framework), mapping_entries()
    names = {key, *mapped_names().get(key, {}).values()}
    rules = entries.get(key, {}).get("parts") if isinstance(entries.get(key), dict) else None
    whole = framework != "inspect" and task_key(task) in names  # inspect's families are one task
    return len(str(rules[0]["names"]).split()) if rules and whole else 1


def task_items(task: str, limit: int | None, framework: str = "lighteval") -> tuple[int, bool]:
    """How many items a task has, and whether that is known; a family's number, and --limit, is that of all its parts.

    With inspect's own repeats of an item, each of them.
    """
    names = (task_key(task), task_key(task.split(":", 1)[0]), canonical_task(task, framework))
    known = next((ITEMS[name] for name in names if name in ITEMS), None)
    items = ASSUMED_ITEMS if known is None else known
    count = min(items, limit * task_parts(task, framework)) if limit else items
    return count * (EPOCHS.get(names[2], 1) if framework == "inspect" else 1), known is not None


def task_tokens(task: str, limit: int | None, framework: str = "lighteval") -> tuple[float, float]:
    """Tokens of the prompts that are read for a task, and of the answers that are written."""
    items, key = task_items(task, limit, framework)[0], canonical_task(task, framework)
    prompts = items * PROMPT_TOKENS * (1 + (task_shots(task) or 0))
    if key in ONLY_IN[framework] or (framework != "inspect" and key in WITHOUT_WRITING):
        return prompts * CHOICES, 0.0
    return prompts, items * ANSWER_TOKENS


def needed_length(tasks: Sequence[str], framework: str) -> int:
    """The tokens of the longest request that tasks make, roughly: a power of two, and 8,192 at least."""
    most = SAFE_LENGTH
    for task in tasks:
        key = canonical_task(task, framework)
        long = framework != "lm_eval" and any(key.startswith(name) for name in LONG_ANSWERS)
        answer = LONGEST_ANSWER if long else 4 * ANSWER_TOKENS if task_tokens(task, None, framework)[1] else 0
        most = max(most, answer + 2 * PROMPT_TOKENS * (1 + (task_shots(task) or 0)))
    return 1 << (most - 1).bit_length()


def assumed_tokens(tasks: Sequence[str], limit: int | None, framework: str) -> str:
    """What an estimate assumes of the tokens and items of tasks, in words."""
    unknown = [task for task in tasks if not task_items(task, limit, framework)[1]]
    unwritten = [task for task in tasks if not task_tokens(task, limit, framework)[1]]
    answers = f"{ANSWER_TOKENS} answer tokens" if len(unwritten) < len(tasks) else ""
    if unwritten:
        answers += f"{', and ' if answers else ''}{CHOICES} choices and no answer tokens for {names_text(unwritten)}"
    parts = sum(task_parts(task, framework) for task in tasks)
    limited = f"; --limit {limit} counts for each of {parts} subtasks" if limit and parts > len(tasks) else ""
    guessed = f"; {ASSUMED_ITEMS} items assumed for {names_text(unknown)}" if unknown else ""
    return f"{PROMPT_TOKENS} prompt tokens for an item and each example, {answers}{limited}{guessed}"
