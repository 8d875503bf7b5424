"""The fifteen skills of the tiny run as inspect tasks, one per category and named by its key.

Give them to inspect as `inspect_tasks.py@math_reasoning` and so on; `inspect_tasks.py` alone means all fifteen. The
items are those of data/ beside this file, the prompts those of tasks.py. The model answers with a short greedy text;
its first line is compared with the answer, without the space around it (scorer `first_line`, metric `accuracy`).

inspect has no log-likelihoods: for the skills whose items have choices, tasks.py asks which choice is the most likely,
while here the model must write the right one out. The choices are not shown to it, in neither of the two. Scores of
these skills are therefore lower here, and chance is 0.
"""

from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample, json_dataset
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Score, Target, accuracy, scorer, stderr
from inspect_ai.solver import TaskState, generate

DATA_DIR = Path(__file__).resolve().parent / "data"
MAX_TOKENS = 24  # bytes; the longest answer has 17, its leading space and the end of text included


@scorer(metrics=[accuracy(), stderr()])
def first_line():
    """Exact match of the answer's first line; no text in it is no answer, and wrong."""

    async def score(state: TaskState, target: Target) -> Score:
        answer = state.output.completion.split("\n", 1)[0].strip()
        return Score(value="C" if answer == target.text.strip() else "I", answer=answer)

    return score


def read_item(line: dict) -> Sample:
    return Sample(id=line["id"], input=line["prompt"], target=line["answer"], choices=line.get("choices"))


def skill(name: str) -> Task:
    """One category's task on its test items."""
    return Task(
        dataset=json_dataset(str(DATA_DIR / name / "test.jsonl"), read_item),
        solver=generate(),
        scorer=first_line(),
        config=GenerateConfig(temperature=0.0, max_tokens=MAX_TOKENS, stop_seqs=["\n"]),
        metadata={"few_shot": 0},
    )


@task
def math_reasoning() -> Task:
    return skill("math_reasoning")


@task
def logical_reasoning() -> Task:
    return skill("logical_reasoning")


@task
def common_sense() -> Task:
    return skill("common_sense")


@task
def reading_comprehension() -> Task:
    return skill("reading_comprehension")


@task
def question_answering() -> Task:
    return skill("question_answering")


@task
def text_classification() -> Task:
    return skill("text_classification")


@task
def sentiment_analysis() -> Task:
    return skill("sentiment_analysis")


@task
def code_generation() -> Task:
    return skill("code_generation")


@task
def creative_writing() -> Task:
    return skill("creative_writing")


@task
def dialogue_generation() -> Task:
    return skill("dialogue_generation")


@task
def summarization() -> Task:
    return skill("summarization")


@task
def translation() -> Task:
    return skill("translation")


@task
def knowledge_retrieval() -> Task:
    return skill("knowledge_retrieval")


@task
def instruction_following() -> Task:
    return skill("instruction_following")


@task
def safety_evaluation() -> Task:
    return skill("safety_evaluation")
