"""lighteval's models on transformers and on vLLM, kept over many checkpoints."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parts.engines.device import choose_dtype
from parts.engines.kept import OnTransformers, OnVllm
from parts.engines.layout import cpu_batch_size, fit_prompt
from parts.engines.transformers import runs_on_cpu
from parts.engines.vllm import VllmEngine
from parts.frame import ScriptError
from parts.harness.settings import Settings
from parts.harness.templates import limited_rendering
from parts.harness.vocabulary import Continuations, EngineAnswer, Generation, Job, Layout, Model


def open_lighteval(folder: Path, settings: Settings, layout: Layout) -> tuple[Any, Any]:
    """lighteval's own model on transformers, and its batch size."""
    from lighteval.models.model_input import GenerationParameters
    from lighteval.models.transformers.transformers_model import TransformersModelConfig

    on_cpu = runs_on_cpu(settings.device)
    batch_size = settings.batch_size or (cpu_batch_size(layout) if on_cpu else None)
    config = TransformersModelConfig(
        model_name=str(folder.resolve()),
        batch_size=batch_size,
        dtype=choose_dtype(settings.dtype, folder, on_cpu),
        trust_remote_code=settings.trust_remote_code,
        override_chat_template=settings.use_chat_template,
        add_special_tokens=not settings.use_chat_template,  # a template brings its own
        system_prompt=settings.system_prompt,
        max_length=settings.max_model_len,
        model_parallel=None if settings.device == "auto" else False,
        generation_parameters=GenerationParameters(temperature=settings.temperature or 0.0),
    )
    loaded = quiet_transformers_model()(config)
    if settings.temperature:
        loaded.generation_config_dict["do_sample"] = True  # without it transformers ignores the temperature
    return loaded, batch_size or "auto"


@functools.cache
def quiet_transformers_model() -> type:
    """lighteval's transformers model without its cache and bars, that builds and tokenizes each prompt once."""
    import transformers
    from lighteval.models.model_output import ModelResponse
    from lighteval.models.transformers import transformers_model as backend
    from lighteval.tasks.requests import SamplingMethod

    transformers.utils.logging.disable_progress_bar()
    # lighteval keeps answers by configuration, not by weights, and in the model's folder: both are wrong here.
    backend.SampleCache = lambda config: None

    class QuietModel(backend.TransformersModel):
        disable_tqdm = True

        def __init__(self, config: Any) -> None:
            super().__init__(config)
            self.pairs: dict[tuple[Any, ...], Any] = {}
            self.prompt_manager.prepare_prompt = remembered_prompts(self.prompt_manager)

        def answer_job(self, job: Job) -> list[Any]:
            ask = {SamplingMethod.GENERATIVE: self.greedy_until, SamplingMethod.LOGPROBS: self.loglikelihood}
            return ask.get(job.method, self.loglikelihood_rolling)(job.docs)

        def tok_encode_pair(self, context: str, continuations: list[str], pairwise: bool = False) -> Any:
            key = context, tuple(continuations), pairwise
            if key not in self.pairs:
                self.pairs[key] = super().tok_encode_pair(context, continuations, pairwise=pairwise)
            return self.pairs[key]

        def loglikelihood(self, docs: list[Any]) -> list[Any]:
            if self.accelerator.num_processes > 1 or not can_share_prompts(self.model):
                return super().loglikelihood(docs)
            questions = [self.question(doc) for doc in docs]
            if not all(row.prompt and all(row.choices) for row in questions):  # nothing to begin from
                return super().loglikelihood(docs)
            found: dict[int, EngineAnswer] = {}
            for batch in self.batches(questions):
                answers = score_choices(self.model, [questions[index] for index in batch], self.max_length)
                found |= dict(zip(batch, answers, strict=True))
            return [self.response(questions[index], found[index]) for index in range(len(docs))]

        def question(self, doc: Any) -> Continuations:
            prompt = self.prompt_manager.prepare_prompt(doc)
            prompts, choices = self.tok_encode_pair(prompt, doc.choices, pairwise=True)
            return Continuations(list(prompts[0]), [list(choice) for choice in choices])

        def batches(self, questions: Sequence[Continuations]) -> Iterator[list[int]]:
            """Questions of like length together, with at most a batch size of choices."""
            order = sorted(range(len(questions)), key=lambda index: -len(questions[index].prompt))
            longest = questions[order[0]] if order else None
            size = self._get_batch_size(
                max_input_length=min(self.max_length, len(longest.prompt) + max(map(len, longest.choices)))
                if longest
                else 1,
                override_bs=self.config.batch_size,
            )
            batch, rows = [], 0
            for index in order:
                rows += len(questions[index].choices)
                if batch and rows > size:
                    yield batch
                    batch, rows = [], len(questions[index].choices)
                batch.append(index)
            if batch:
                yield batch

        def response(self, question: Continuations, answer: EngineAnswer) -> Any:
            return ModelResponse(
                input_tokens=question.prompt,
                output_tokens=question.choices,
                logprobs=answer.logprobs,
                argmax_logits_eq_gold=answer.greedy,
            )

    return QuietModel


def can_share_prompts(model: Any) -> bool:
    """Whether a transformers model takes up a prompt's computed state for each of its choices."""
    import inspect

    from transformers import DynamicCache

    takes = inspect.signature(model.forward).parameters.keys()
    cached = getattr(model, "_is_stateful", False) or model.config.is_encoder_decoder
    known = {"position_ids", "past_key_values", "logits_to_keep"} <= takes
    return known and not cached and hasattr(DynamicCache, "batch_select_indices")


def score_choices(model: Any, questions: Sequence[Continuations], max_length: int) -> list[EngineAnswer]:
    """Log-likelihoods of the choices of a batch of questions; each prompt is computed once, left-padded.

    The last position of the prompt scores the first token of each choice; the rest of the choices follows with a copy
    of the prompt's key-value cache, right-padded, one row for each different beginning.
    """
    import torch

    room = max_length + 1 - max(len(choice) for row in questions for choice in row.choices)
    prompts = [fit_prompt(row.prompt, room) for row in questions]
    width = max(len(prompt) for prompt, _ in prompts)
    tokens = torch.tensor([[0] * (width - len(prompt)) + prompt for prompt, _ in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt, _ in prompts], device=model.device)
    flat = [(number, choice) for number, row in enumerate(questions) for choice in row.choices]
    owner = torch.tensor([number for number, _ in flat], device=model.device)
    head = torch.tensor([choice[0] for _, choice in flat], device=model.device)
    with torch.inference_mode():
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        out = model(tokens, attention_mask=mask, position_ids=positions, use_cache=True, logits_to_keep=1)
        first = out.logits[:, -1].float().log_softmax(-1)
        scores, greedy = first[owner, head], first.argmax(-1)[owner] == head
        if any(len(choice) > 1 for _, choice in flat):
            more, same = score_tails(model, out.past_key_values, mask, flat)
            scores, greedy = scores + more, greedy & same
    rows: list[tuple[list[float], list[bool]]] = [([], []) for _ in questions]
    for (number, _), score, top in zip(flat, scores.tolist(), greedy.tolist(), strict=True):
        rows[number][0].append(score)
        rows[number][1].append(top)
    cut = [was_cut for _, was_cut in prompts]
    return [EngineAnswer(logprobs=a, greedy=b, cut_prompt=c) for (a, b), c in zip(rows, cut, strict=True)]


def score_tails(model: Any, cache: Any, mask: Any, flat: Sequence[tuple[int, list[int]]]) -> tuple[Any, Any]:
    """For each (question, choice): the log-likelihood of all its tokens but the first, and whether they are greedy."""
    import torch

    starts = list(dict.fromkeys((number, tuple(choice[:-1])) for number, choice in flat if len(choice) > 1))
    place = {start: row for row, start in enumerate(starts)}
    owner = torch.tensor([number for number, _ in starts], device=model.device)
    width = max(len(prefix) for _, prefix in starts)
    tokens = torch.tensor([[*prefix, *[0] * (width - len(prefix))] for _, prefix in starts], device=model.device)
    own = torch.tensor([[1] * len(prefix) + [0] * (width - len(prefix)) for _, prefix in starts], device=model.device)
    cache.batch_select_indices(owner)
    positions = mask.sum(-1)[owner][:, None] + torch.arange(width, device=model.device)
    whole = torch.cat([mask[owner], own], dim=1)
    logits = model(tokens, attention_mask=whole, position_ids=positions, past_key_values=cache).logits
    logits = logits.float().log_softmax(-1)
    rows = torch.tensor([place.get((n, tuple(choice[:-1])), 0) for n, choice in flat], device=model.device)
    wanted = [choice[1:] for _, choice in flat]
    targets = torch.tensor([[*row, *[0] * (width - len(row))] for row in wanted], device=model.device)
    counts = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in wanted], device=model.device).bool()
    found = logits[rows[:, None], torch.arange(width, device=model.device)[None], targets]
    same = logits.argmax(-1)[rows] == targets
    return torch.where(counts, found, 0.0).sum(-1), (same | ~counts).all(-1)


def remembered_prompts(manager: Any) -> Callable[[Any], str]:
    """lighteval's `prepare_prompt` that builds the prompt of an item once, for all checkpoints of a sweep.

    An item of --questions brings the turns that a chat template is to be put around.
    """
    prompts: dict[tuple[str, str, str], str] = {}
    prepare = manager.prepare_prompt

    def prompt(doc: Any) -> str:
        key = doc.task_name, doc.id, doc.query
        if key not in prompts:
            turns = doc.specific.get("turns") if isinstance(doc.specific, dict) and manager.use_chat_template else None
            chat = {"tokenize": False, "add_generation_prompt": True}
            with limited_rendering() if manager.use_chat_template else contextlib.nullcontext():
                prompts[key] = manager.tokenizer.apply_chat_template(turns, **chat) if turns else prepare(doc)
        return prompts[key]

    return prompt


@functools.cache
def lighteval_on_vllm() -> type:
    """The class of a LightevalModel on a VllmEngine: lighteval's custom-model interface on vLLM's public one."""
    from lighteval.models.abstract_model import LightevalModel
    from lighteval.models.model_output import ModelResponse
    from lighteval.tasks.prompt_manager import PromptManager
    from lighteval.tasks.requests import SamplingMethod

    class VllmModel(LightevalModel):
        """Prompts and choices become token ids once for all checkpoints, as lighteval's transformers model does it."""

        tokenizer = add_special_tokens = max_length = None  # the interface has them as properties

        def __init__(self, engine: VllmEngine, settings: Settings) -> None:
            self.engine, self.settings = engine, settings
            self.tokenizer = engine.tokenizer
            self.add_special_tokens = not settings.use_chat_template  # a template brings its own
            self.max_length = engine.config.max_model_len
            manager = PromptManager(settings.use_chat_template, self.tokenizer, settings.system_prompt)
            manager.prepare_prompt = remembered_prompts(manager)
            self.prompt_manager = manager
            self.known: dict[tuple[Any, ...], Generation | Continuations] = {}

        def questions(self, job: Job) -> list[Generation | Continuations]:
            """The items as questions for the engine."""
            make = {SamplingMethod.GENERATIVE: self.generation, SamplingMethod.LOGPROBS: self.choices}.get(job.method)
            if make is None:
                raise ScriptError("perplexity is not measured with --backend vllm: use --backend accelerate")
            rows = [self.question(doc, job.method, make) for doc in job.docs]
            return [replace(row, seed=job.seed) if isinstance(row, Generation) else row for row in rows]

        def question(self, doc: Any, method: Any, make: Callable[[Any], Any] | None) -> Generation | Continuations:
            key = doc.task_name, doc.id, doc.query, method
            if key not in self.known:
                self.known[key] = make(doc)
            return self.known[key]

        def generation(self, doc: Any) -> Generation:
            prompt = self.tok_encode(self.prompt_manager.prepare_prompt(doc))
            samples, temperature = doc.num_samples or 1, self.settings.temperature or 0.0
            if samples > 1 and not temperature:
                raise ScriptError(f"the task draws {samples} answers for each item: add --temperature")
            room = max(1, self.max_length - len(prompt))
            stop = () if self.settings.use_chat_template else tuple(stop for stop in doc.stop_sequences or [] if stop)
            limit = min(doc.generation_size or room, room)
            return Generation(list(prompt), limit, stop, samples, temperature)

        def choices(self, doc: Any) -> Continuations:
            prompt = self.prompt_manager.prepare_prompt(doc)
            prompts, choices = self.tok_encode_pair(prompt, doc.choices, pairwise=True)
            return Continuations(list(prompts[0]), [list(choice) for choice in choices])

        def replies(self, job: Job, answers: Sequence[EngineAnswer]) -> list[Any]:
            """The engine's answers as lighteval's."""
            return [
                ModelResponse(
                    input=self.prompt_manager.prepare_prompt(doc),
                    input_tokens=question.prompt,
                    text=answer.texts,
                    output_tokens=question.choices if isinstance(question, Continuations) else answer.tokens,
                    logprobs=answer.logprobs,
                    argmax_logits_eq_gold=answer.greedy,
                )
                for doc, answer in zip(job.docs, answers, strict=True)
                for question in [self.question(doc, job.method, None)]
            ]

        # lighteval's interface, which its pipeline would call; here jobs are asked.
        greedy_until = loglikelihood = loglikelihood_rolling = None

    return VllmModel


def accelerate_engine(model: Model, settings: Settings) -> OnTransformers:
    """lighteval on transformers."""
    return OnTransformers(model, settings, open_lighteval)


def lighteval_vllm_engine(model: Model, settings: Settings) -> OnVllm:
    """lighteval on vLLM."""
    return OnVllm(model, settings, lighteval_on_vllm())
