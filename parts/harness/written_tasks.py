"""One's own questions as files that lighteval, lm-eval and inspect read themselves, for those who go on from there.

Takes checked sets of questions and a harness; writes a folder beside each file of questions: the items with their
prompts as a model without chat template gets them, the rule that scores an answer, and the harness's task.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from parts.embedded import embedded
from parts.frame import ScriptError, note, print_data, single_line, write_whole
from parts.harness.questions import QUESTIONS_VERSION, QuestionSet
from parts.hashes import plain_path
from parts.inputs import input_text
from parts.private import shown_path

ANSWERS_TEXT = embedded("harness/answers.py")

SCORING_FILE = '''

# --- this set ---

SCORING, PATTERN = {scoring!r}, {pattern!r}


def value_of(item, text):
    """The score of a written answer."""
    return score_answer(SCORING, PATTERN, text, item["right"], item["options"])[0]


def value_of_choice(item, logprobs):
    """1 when the most likely choice is right."""
    return float(chosen_choice(SCORING, logprobs, item["choices"]) in item["gold"])
'''

# What a library reads of a folder of data: this file of it, whatever comes to lie beside it. The configuration is named
# by the content: `datasets` keeps what it has read by the names of the folder and the configuration alone.
DATA_CARD = """---
configs:
- config_name: {subset}
  data_files:
  - split: test
    path: test.jsonl
---
"""

# In each task's file: the rule by its file, not by a name that something else could have.
LOAD_SCORING = """HERE = Path(__file__).resolve().parent
spec = importlib.util.spec_from_file_location("{name}_scoring", HERE / "{name}_scoring.py")
scoring = importlib.util.module_from_spec(spec)
spec.loader.exec_module(scoring)
"""

LIGHTEVAL_FILE = '''"""{name} as a task of lighteval: --custom-tasks {file} --tasks "{name}|0"."""

import importlib.util
from pathlib import Path

import numpy
from lighteval.metrics.metrics_sample import SampleLevelComputation
from lighteval.metrics.utils.metric_utils import SampleLevelMetric
from lighteval.tasks.lighteval_task import LightevalTaskConfig
from lighteval.tasks.requests import Doc, SamplingMethod

{load_scoring}
WRITTEN = {written}


class Score(SampleLevelComputation):
    def compute(self, doc, model_response, **_):
        if WRITTEN:
            return scoring.value_of(doc.specific, model_response.final_text[0])
        return scoring.value_of_choice(doc.specific, model_response.logprobs)


def item(line, task_name):
    choices = line["right"] if WRITTEN else line["choices"]
    gold = list(range(len(line["right"]))) if WRITTEN else line["gold"]
    return Doc(task_name=task_name, query=line["prompt"], choices=choices, gold_index=gold, specific=dict(line))


TASKS_TABLE = [
    LightevalTaskConfig(
        name="{name}",
        prompt_function=item,
        hf_repo=str(HERE / "data"),
        hf_subset="{subset}",
        hf_avail_splits=["test"],
        evaluation_splits=["test"],
        metrics=[
            SampleLevelMetric(
                metric_name="{metric}",
                sample_level_fn=Score(),
                category=SamplingMethod.GENERATIVE if WRITTEN else SamplingMethod.LOGPROBS,
                corpus_level_fn=numpy.mean,
                higher_is_better=True,
            )
        ],
        generation_size={tokens} if WRITTEN else None,
        stop_sequence={stops} if WRITTEN else [],
        version={version},
    )
]
'''

LM_EVAL_FILE = """# {name} as a task of lm-eval: --custom-tasks {file} --tasks {name}
task: {name}
custom_dataset: !function {name}_lm_eval.items
test_split: test
output_type: {output}
doc_to_text: prompt
{targets}
target_delimiter: ""
num_fewshot: 0
process_results: !function {name}_lm_eval.score
metric_list:
  - metric: {metric}
    aggregation: mean
    higher_is_better: true
metadata:
  version: {version}
"""
LM_EVAL_CHOICES = """doc_to_choice: choices
doc_to_target: first"""
LM_EVAL_WRITTEN = """doc_to_target: first
generation_kwargs:
  until: {stops}
  max_gen_toks: {tokens}
  do_sample: false"""
LM_EVAL_CODE = '''"""What {name}_lm_eval.yaml calls."""

import importlib.util
import json
from pathlib import Path

import datasets

{load_scoring}

def items(**_):
    with open(HERE / "data" / "test.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return datasets.DatasetDict({{"test": datasets.Dataset.from_list(rows)}})


def score(item, answers):
    if {written}:
        return {{"{metric}": scoring.value_of(item, answers[0])}}
    return {{"{metric}": scoring.value_of_choice(item, [logprob for logprob, _ in answers])}}
'''

INSPECT_FILE = '''"""{name} as a task of inspect: --task {file}@{name}."""

import importlib.util
from pathlib import Path

from inspect_ai import Task, task
from inspect_ai.dataset import Sample, json_dataset
from inspect_ai.model import GenerateConfig
from inspect_ai.scorer import Score, mean, scorer
from inspect_ai.solver import generate

{load_scoring}

@scorer(metrics=[mean()], name="{metric_id}")
def own_score():
    async def score(state, target):
        return Score(value=scoring.value_of(state.metadata, state.output.completion), answer=state.output.completion)

    return score


def sample(line):
    return Sample(id=line["id"], input=line["prompt"], target=line["right"], metadata=dict(line))


@task
def {name}():
    return Task(
        dataset=json_dataset(str(HERE / "data" / "test.jsonl"), sample),
        solver=generate(),
        scorer=own_score(),
        config=GenerateConfig(max_tokens={tokens}, stop_seqs={stops} or None),
        metadata={{"few_shot": 0}},
        version={version},
    )
'''


HARNESS_FILES_OF_TASKS = {"lighteval": "_lighteval.py", "lm_eval": "_lm_eval.yaml", "inspect": "_inspect.py"}


def written_files(asked: QuestionSet, harness: str) -> dict[str, str]:
    """Path in the folder -> text of the files that a harness needs."""
    if not asked.name.isidentifier():
        raise ScriptError(f"--write-task: {asked.name} is no name for a task: letters, digits and _ are expected")
    if harness == "inspect" and not asked.written:
        raise ScriptError("--write-task inspect: inspect has no log-likelihoods: add --score letters")
    rows = []
    for item in asked.items:
        right = asked.right(item) if asked.written else list(item.right)
        row = {"id": item.id, "prompt": asked.prompt(item), "right": right, "options": list(item.choices)}
        row |= {"first": right[0]} if asked.written else {"first": item.gold[0]}
        rows.append(row | {"choices": asked.continuations(item, False), "gold": list(item.gold)})
    file = HARNESS_FILES_OF_TASKS[harness]
    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    words = {
        "subset": "q" + hashlib.sha256(data.encode()).hexdigest()[:12],
        "name": asked.name,
        "file": f"{asked.name}{file}",
        "written": asked.written,
        "metric": "acc" if asked.metric == "accuracy" else asked.metric,
        "metric_id": asked.metric,
        "tokens": asked.tokens(False),
        "stops": json.dumps(asked.stops(False)),
        "version": QUESTIONS_VERSION,
        "output": "generate_until" if asked.written else "multiple_choice",
    }
    words["load_scoring"] = LOAD_SCORING.format(**words)
    words["targets"] = LM_EVAL_WRITTEN.format(**words) if asked.written else LM_EVAL_CHOICES
    template = {"lighteval": LIGHTEVAL_FILE, "lm_eval": LM_EVAL_FILE, "inspect": INSPECT_FILE}[harness]
    found = {
        "data/README.md": DATA_CARD.format(**words),
        "data/test.jsonl": data,
        f"{asked.name}_scoring.py": ANSWERS_TEXT + SCORING_FILE.format(scoring=asked.scoring, pattern=asked.pattern),
        words["file"]: template.format(**words),
    }
    return found | ({f"{asked.name}_lm_eval.py": LM_EVAL_CODE.format(**words)} if harness == "lm_eval" else {})


def write_tasks(sets: Sequence[QuestionSet], harness: str) -> int:
    """Write the files beside those of the questions and name them; ScriptError where others, or links, are already.

    A harness reads and runs more of a folder than the file that it is given: it must hold what was written alone.
    """
    for asked in sets:
        folder = plain_path(asked.path.parent / f"{asked.name}_task")
        files = written_files(asked, harness)
        for path in (folder, folder / "data", *(folder / name for name in files)):
            if path.is_symlink():
                raise ScriptError(f"{path}: is a link, which is not written through: move it away first")
        refuse_foreign(asked, folder)
        for name, text in files.items():
            write_whole(folder / name, text)
            print_data(shown_path(folder / name))
    if sets[0].shots:
        note("the prompts hold the examples of --shots-from: ask the task with 0")
    return 0


def refuse_foreign(asked: QuestionSet, folder: Path) -> None:
    """ScriptError where a folder of a task holds what was not written there, for whichever harness."""
    ours: dict[str, str] = {}
    for harness in HARNESS_FILES_OF_TASKS:
        with contextlib.suppress(ScriptError):  # a set that this harness cannot ask
            ours |= written_files(asked, harness)
    for base, directories, names in os.walk(folder):
        for path in (Path(base, name) for name in sorted([*directories, *names])):
            name = path.relative_to(folder).as_posix()
            if name in ours and input_text(path) != ours[name]:
                raise ScriptError(f"{path}: is there already, and other: move it away first")
            if name not in ours and (name != "data" or path.is_symlink()):
                raise ScriptError(
                    f"{path}: was not written by --write-task, and a harness would read or run what lies there: move "
                    f"it away, or {single_line(asked.path.name)} into a folder of its own"
                )
