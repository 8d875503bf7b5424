"""A skill of the tiny run as a lighteval 0.13 task whose data are on the Hub, where a job of Hugging Face sees them.

Upload data/common_sense as the data set me/tiny-skills, then give this file with --custom-tasks: `common_sense|0`.
"""

from lighteval.metrics.metrics import Metrics
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc

DATA = "me/tiny-skills"


def choice_prompt(line: dict, task_name: str) -> Doc:
    # The space belongs to the choice: the model was trained on "<prompt> <answer>".
    choices = [f" {choice}" for choice in line["choices"]]
    gold = line["choices"].index(line["answer"])
    return Doc(task_name=task_name, query=line["prompt"], choices=choices, gold_index=gold)


TASKS_TABLE = [
    LightevalTaskConfig(
        name="common_sense",
        prompt_function=choice_prompt,
        metrics=[Metrics.loglikelihood_acc],
        hf_repo=DATA,
        hf_subset="default",
        hf_avail_splits=["train", "test"],
        evaluation_splits=["test"],
        few_shots_split="train",
        few_shots_select="sequential",
    )
]
