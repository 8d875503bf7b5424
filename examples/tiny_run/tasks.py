"""The fifteen skills of the tiny run as lighteval 0.13 custom tasks, one per category and named by its key.

Give this file to lighteval with --custom-tasks; the task strings are `math_reasoning|0`, `logical_reasoning|0`, and so
on. The items are read from data/ beside this file. Skills whose items have choices are scored by log-likelihood
(metric `acc`), the others by exact match of a short greedy answer (metric `em`).
"""

import json
from pathlib import Path

from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.registry import Registry
from lighteval.tasks.requests import Doc

DATA_DIR = Path(__file__).resolve().parent / "data"
GENERATION_SIZE = 24  # bytes; the longest answer has 17, its leading space and the end of text included


def choice_prompt(line: dict, task_name: str) -> Doc:
    # The space belongs to the choice: the model was trained on "<prompt> <answer>".
    choices = [f" {choice}" for choice in line["choices"]]
    gold = line["choices"].index(line["answer"])
    return Doc(task_name=task_name, query=line["prompt"], choices=choices, gold_index=gold)


def writing_prompt(line: dict, task_name: str) -> Doc:
    return Doc(task_name=task_name, query=line["prompt"], choices=[f" {line['answer']}"], gold_index=0)


def has_choices(folder: Path) -> bool:
    with (folder / "test.jsonl").open(encoding="utf-8") as lines:
        return "choices" in json.loads(next(lines))


def skill_task(folder: Path) -> LightevalTaskConfig:
    chosen = has_choices(folder)
    return LightevalTaskConfig(
        name=folder.name,
        prompt_function=choice_prompt if chosen else writing_prompt,
        metrics=[Metrics.loglikelihood_acc if chosen else Metrics.exact_match],
        generation_size=None if chosen else GENERATION_SIZE,
        stop_sequence=[] if chosen else ["\n"],
        hf_repo=str(folder),
        hf_subset="default",
        hf_avail_splits=["train", "test"],
        evaluation_splits=["test"],
        few_shots_split="train",
        few_shots_select="sequential",
    )


TASKS_TABLE = [skill_task(folder) for folder in sorted(DATA_DIR.iterdir()) if (folder / "test.jsonl").is_file()]

# lighteval has a group of tasks named summarization (summarization:xsum-…) and expands a name to its group before it
# looks for a task of exactly that name; here the exact name wins. The check: this file is loaded once per pipeline.
if not hasattr(Registry, "expand_group"):
    Registry.expand_group = Registry._expand_task_definition


def expand_task(self: Registry, name: str) -> list[str]:
    return [name] if name in OWN_NAMES else self.expand_group(name)


OWN_NAMES = {task.name for task in TASKS_TABLE}
Registry._expand_task_definition = expand_task
