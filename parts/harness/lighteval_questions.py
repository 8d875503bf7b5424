"""One's own questions as a task of lighteval: its items made here, scored by the rule that all harnesses share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from parts.harness.answers import chosen_choice, score_answer
from parts.harness.questions import QUESTIONS_VERSION, QuestionSet
from parts.harness.settings import Settings
from parts.harness.vocabulary import Task


def lighteval_questions(asked: QuestionSet, settings: Settings) -> Task:
    """The task; its items are made when the model's context is known."""
    from lighteval.tasks.lighteval_task import LightevalTask, LightevalTaskConfig

    config = LightevalTaskConfig(
        name=asked.name,
        prompt_function=None,
        hf_repo=str(asked.path),
        hf_subset="default",
        hf_avail_splits=["train", "questions"],
        evaluation_splits=["questions"],
        metrics=[question_metric(asked)],
        generation_size=asked.tokens(settings.use_chat_template) if asked.written else None,
        stop_sequence=asked.stops(settings.use_chat_template) if asked.written else [],
        num_fewshots=len(asked.shots),
        version=QUESTIONS_VERSION,
    )
    return replace(asked.task, source=LightevalTask(config))


def question_metric(asked: QuestionSet) -> Any:
    """The metric of lighteval that gives an item the score of `answers`."""
    import numpy
    from lighteval.metrics.metrics_sample import SampleLevelComputation
    from lighteval.metrics.utils.metric_utils import SampleLevelMetric
    from lighteval.tasks.requests import SamplingMethod

    class QuestionScore(SampleLevelComputation):
        def compute(self, doc: Any, model_response: Any, **_: Any) -> float:
            if not asked.written:
                return float(self.chosen(model_response.logprobs, doc.choices) in doc.gold_index)
            choices, right = doc.specific["choices"], doc.specific["right"]
            scores = [
                score_answer(asked.scoring, asked.pattern, text, right, choices) for text in model_response.final_text
            ]
            doc.specific["extracted_predictions"] = [found for _, found in scores if found is not None]
            return sum(score for score, _ in scores) / len(scores)

        def chosen(self, logprobs: Any, choices: Any) -> int:
            return chosen_choice(asked.scoring, logprobs[: len(choices)], choices)

    return SampleLevelMetric(
        metric_name="acc" if asked.metric == "accuracy" else asked.metric,
        sample_level_fn=QuestionScore(),
        category=SamplingMethod.GENERATIVE if asked.written else SamplingMethod.LOGPROBS,
        corpus_level_fn=numpy.mean,
        higher_is_better=True,
    )


def build_question_docs(task: Task, settings: Settings, context: int) -> None:
    """The items as lighteval's documents; an answer gets at most half of the model's context."""
    from lighteval.tasks.requests import Doc

    asked, chat = task.questions, settings.use_chat_template
    items = asked.items[: settings.limit]
    config = task.source.config
    if asked.written:
        config.generation_size = min(asked.tokens(chat), max(1, context // 2))
    task.docs = [
        Doc(
            query=asked.prompt(item),
            choices=asked.right(item) if asked.written else asked.continuations(item, chat),
            gold_index=list(range(len(asked.right(item)))) if asked.written else list(item.gold),
            specific={
                "question": asked.block(item),
                "turns": asked.turns(item, settings.system_prompt),
                "choices": list(item.choices),
                "right": asked.right(item),
            },
            id=item.id,
            task_name=task.name,
            sampling_methods=list(task.source.sampling_methods),
            generation_size=config.generation_size,
            stop_sequences=list(config.stop_sequence),
        )
        for item in items
    ]
    task.sample_ids = [item.id for item in items]
