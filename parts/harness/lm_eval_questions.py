"""One's own questions as a task of lm-eval: its requests made here, scored by the rule that all harnesses share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from parts.harness.answers import chosen_choice, score_answer
from parts.harness.lm_eval_tasks import TaskDoc
from parts.harness.questions import QUESTIONS_VERSION, QuestionSet
from parts.harness.settings import Settings
from parts.harness.vocabulary import Task


def lm_eval_questions(asked: QuestionSet, settings: Settings) -> Task:
    """The task; its requests are made when the model's context and chat template are known."""
    from datasets import Dataset as Rows
    from lm_eval.api.task import ConfigurableTask

    chat, metric = settings.use_chat_template, "acc" if asked.metric == "accuracy" else asked.metric
    rows = Rows.from_list([{"place": place} for place in range(len(asked.items))])

    def scored(doc: dict[str, Any], answers: list[Any]) -> dict[str, float]:
        item = asked.items[doc["place"]]
        if asked.written:
            return {metric: score_answer(asked.scoring, asked.pattern, answers[0], asked.right(item), item.choices)[0]}
        choices = asked.continuations(item, chat)
        return {metric: float(chosen_choice(asked.scoring, [pair[0] for pair in answers], choices) in item.gold)}

    config = {
        "task": asked.name,
        "custom_dataset": lambda **_: {"questions": rows},
        "test_split": "questions",
        "doc_to_text": lambda doc: asked.prompt(asked.items[doc["place"]]),
        "doc_to_target": lambda doc: asked.right(asked.items[doc["place"]])[0],
        "target_delimiter": "",
        "process_results": scored,
        "num_fewshot": 0,
        "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True}],
        "metadata": {"version": QUESTIONS_VERSION},
    }
    if asked.written:
        until, temperature = asked.stops(chat), settings.temperature or 0.0
        sampling = {"do_sample": bool(temperature), **({"temperature": temperature} if temperature else {})}
        config |= {
            "output_type": "generate_until",
            "generation_kwargs": {"until": until, "max_gen_toks": asked.tokens(chat), **sampling},
        }
    else:
        config |= {
            "output_type": "multiple_choice",
            "doc_to_choice": lambda doc: asked.continuations(asked.items[doc["place"]], chat),
            "doc_to_target": lambda doc: asked.items[doc["place"]].gold[0],
        }
    return replace(asked.task, source=ConfigurableTask(config=config))


def build_question_requests(task: Task, settings: Settings, lm: Any) -> None:
    """The items with lm-eval's requests; an answer gets at most half of the model's context."""
    from lm_eval.api.instance import Instance

    asked, chat = task.questions, settings.use_chat_template
    room = max(1, lm.max_length // 2)
    task.docs = []
    for place, item in enumerate(asked.items[: settings.limit]):
        turns = asked.turns(item, settings.system_prompt)
        plain = [turns[0]["content"]] if settings.system_prompt else []
        prompt = lm.apply_chat_template(turns) if chat else "\n\n".join([*plain, asked.prompt(item)])
        more = {"doc": {"place": place}, "metadata": (asked.name, place, 1)}
        if asked.written:
            own = task.source.config.generation_kwargs
            how = own | {"max_gen_toks": min(own["max_gen_toks"], room)}
            requests = [Instance("generate_until", arguments=(prompt, how), idx=0, **more)]
            choices, stops = [], list(how["until"])
        else:
            choices, stops = asked.continuations(item, chat), []
            requests = [
                Instance("loglikelihood", arguments=(prompt, choice), idx=number, **more)
                for number, choice in enumerate(choices)
            ]
        block = asked.block(item)
        doc = {"place": place}
        task.docs.append(
            TaskDoc(item.id, doc, block["raw"], prompt, choices, block["reference"], requests, stops, block)
        )
    task.source._instances = [request for doc in task.docs for request in doc.requests]  # what its filters work on
