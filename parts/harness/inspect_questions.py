"""One's own questions as a task of inspect: its samples made here, scored by the rule that all harnesses share."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from parts.harness.answers import score_answer
from parts.harness.inspect_tasks import items_sha256
from parts.harness.inspect_vocabulary import RequestedTask
from parts.harness.questions import QUESTIONS_VERSION, QuestionSet
from parts.harness.vocabulary import Task


def inspect_questions(asked: QuestionSet, chat: bool) -> Task:
    """The task. chat: whether messages go through a chat template; else each item is one text."""
    import inspect_ai
    from inspect_ai.dataset import MemoryDataset, Sample
    from inspect_ai.model import ChatMessageAssistant, ChatMessageSystem, ChatMessageUser, GenerateConfig
    from inspect_ai.solver import generate

    kinds = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}

    def messages(item: Any) -> Any:
        if not chat:
            return asked.prompt(item)
        return [kinds[turn["role"]](content=turn["content"]) for turn in asked.turns(item)]

    samples = [
        Sample(
            id=item.id,
            input=messages(item),
            target=asked.right(item),
            choices=list(item.choices) or None,
        )
        for item in asked.items
    ]
    source = inspect_ai.Task(
        name=asked.name,
        dataset=MemoryDataset(samples, name=asked.name),
        solver=generate(),
        scorer=question_scorer(asked),
        config=GenerateConfig(max_tokens=asked.tokens(chat), stop_seqs=asked.stops(chat) or None),
        metadata={"few_shot": len(asked.shots)},
        version=QUESTIONS_VERSION,
    )
    request, hashes = RequestedTask(str(asked.path), asked.name, file=asked.path), items_sha256(samples)
    own = {"name": asked.name, "request": request, "items_sha256": hashes, "file_sha256": asked.dataset.sha256}
    return replace(asked.task, source=source, repeats=1, **own)


def question_scorer(asked: QuestionSet) -> Any:
    """The scorer of inspect that gives an item the score of `answers`, under the metric's name."""
    from inspect_ai.scorer import Score, mean, scorer

    async def score(state: Any, target: Any) -> Any:
        choices = [choice.value for choice in state.choices]
        value, found = score_answer(asked.scoring, asked.pattern, state.output.completion, list(target), choices)
        return Score(value=value, answer=found)

    return scorer(metrics=[mean()], name=asked.metric)(lambda: score)()
