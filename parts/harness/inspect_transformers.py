"""inspect's model on transformers, kept over many checkpoints."""

from __future__ import annotations

import asyncio
import functools
import gc
import importlib.metadata
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from parts.engines.device import choose_dtype
from parts.engines.held import HeldWeights
from parts.engines.transformers import (
    check_weights,
    load_reports,
    runs_on_cpu,
    state_checksum,
)
from parts.harness.inspect_log import asked_messages, with_attachments
from parts.harness.inspect_prompts import PLAIN_TEMPLATE, cut_at_stop, plain_prompt, rendered_prompt, too_long
from parts.harness.inspect_run import separate_reasoning
from parts.harness.inspect_vocabulary import HF_PROVIDER, Queued, Said, Sampling
from parts.harness.models import downloaded
from parts.harness.seed import seed_everything
from parts.harness.settings import Settings
from parts.harness.vocabulary import HF_CONNECTIONS, Engine, Model

QUIET_SECONDS = 0.02  # a batch that is not full starts when no request came for so long

# What transformers says -> what to try.
HF_ADVICE = (
    (
        r"out of memory|OutOfMemory|can't allocate memory",
        "out of memory: lower --max-connections (the batch), or take larger hardware; finished tasks are kept",
    ),
    (r"trust_remote_code", "the model brings its own code: read it, then add --trust-remote-code"),
    (
        r"not recognize this architecture|Unrecognized (?:model|configuration)",
        "the installed transformers does not know this model's architecture",
    ),
    (r"GatedRepo|gated repo", "gated: accept the terms on its page on the Hub and set HF_TOKEN"),
)


def log_as_sent(log: dict[str, Any], prompt: Callable[[Sequence[Mapping[str, Any]]], str]) -> dict[str, Any]:
    """inspect's log with the text that the model got in the place of the messages it was made of.

    Items of several turns, and with tools, keep their messages.
    """
    config = (log.get("plan") or {}).get("config") or {}
    system = config.get("system_message")
    first = [{"role": "system", "content": system}] if system else []
    samples = []
    for sample in log.get("samples") or []:
        messages = with_attachments(sample.get("messages") or [], sample.get("attachments") or {})
        asked = asked_messages(messages)
        own = [row for row in messages if row.get("source") == "generate"]
        if asked and len(own) <= 1 and not any(row.get("role") == "tool" for row in messages):
            sent = {"role": "user", "content": prompt([*first, *asked]), "source": "input"}
            sample = sample | {"messages": [sent, *messages[len(asked) :]]}
        samples.append(sample)
    kept = {name: value for name, value in config.items() if name != "system_message"}
    return log | {"samples": samples, "plan": (log.get("plan") or {}) | {"config": kept}}


@functools.cache
def transformers_provider() -> type:
    """inspect's hf provider with batches of its own.

    inspect's wait two seconds for the last batch of a task and one more for its answers, and give all answers of a
    batch the length of the longest, so that none is known to be cut off.
    """
    from inspect_ai.model import (
        ChatCompletionChoice,
        ChatMessageAssistant,
        GenerateConfig,
        ModelOutput,
        ModelUsage,
        modelapi,
    )
    from inspect_ai.model._providers.hf import HuggingFaceAPI

    @modelapi(name=HF_PROVIDER)
    class TransformersAPI(HuggingFaceAPI):
        def __init__(
            self,
            model_name: str,
            config: Any = None,
            connections: int = HF_CONNECTIONS,
            *,
            model_path: str,  # without it, inspect would ask the Hub for a model of this name: it looks models up again
            **more: Any,
        ) -> None:
            super().__init__(model_name, config=config or GenerateConfig(), model_path=model_path, **more)
            self.connections = connections
            self.context = getattr(self.model.config.get_text_config(), "max_position_embeddings", None) or sys.maxsize
            self.waiting: list[Queued] = []
            self.serving: asyncio.Task[None] | None = None

        async def generate(self, input: Any, tools: Any, tool_choice: Any, config: Any) -> Any:
            if tools or config.logprobs or (config.num_choices or 1) > 1:
                return await super().generate(input, tools, tool_choice, config)
            tokens = self.tokenizer(self.hf_chat(input, []), **self.tokenizer_call_args)["input_ids"]
            room = self.context - len(tokens)
            if room < 1:
                raise RuntimeError(too_long(len(tokens), self.context))
            sampling = Sampling(config.temperature or 0.0, config.top_p, config.top_k, tuple(config.stop_seqs or ()))
            answer = asyncio.get_running_loop().create_future()
            self.waiting.append(Queued(tokens, min(config.max_tokens or room, room), sampling, answer))
            if self.serving is None or self.serving.done():
                self.serving = asyncio.create_task(self.serve())
            said = await answer
            reason = "max_tokens" if said.truncated else "stop"
            message = ChatMessageAssistant(content=said.text, model=self.model_name, source="generate")
            usage = ModelUsage(
                input_tokens=len(tokens), output_tokens=said.tokens, total_tokens=len(tokens) + said.tokens
            )
            choice = ChatCompletionChoice(message=message, stop_reason=reason)
            return ModelOutput(model=self.model_name, choices=[choice], usage=usage)

        async def serve(self) -> None:
            """Answer what waits, in batches, until nothing does."""
            while self.waiting:
                seen = 0
                while seen < len(self.waiting) < self.connections:
                    seen = len(self.waiting)
                    await asyncio.sleep(QUIET_SECONDS)
                like = [row for row in self.waiting if row.sampling == self.waiting[0].sampling][: self.connections]
                taken = set(map(id, like))
                self.waiting = [row for row in self.waiting if id(row) not in taken]
                try:
                    answers = await asyncio.to_thread(self.answers, like)
                except Exception as error:
                    answers = [error] * len(like)
                for row, answer in zip(like, answers, strict=True):
                    if row.answer.done():  # the item was given up meanwhile
                        continue
                    row.answer.set_exception(answer) if isinstance(answer, Exception) else row.answer.set_result(answer)

        def answers(self, rows: Sequence[Queued]) -> list[Said]:
            return batch_answers(self.model, self.tokenizer, rows)

    return TransformersAPI


def batch_answers(model: Any, tokenizer: Any, rows: Sequence[Queued]) -> list[Said]:
    """A model's answers to requests that are sampled alike, as one batch."""
    import torch

    width, sampling = max(len(row.tokens) for row in rows), rows[0].sampling
    pad = tokenizer.pad_token_id or 0
    prompts = torch.tensor([[pad] * (width - len(row.tokens)) + list(row.tokens) for row in rows])
    mask = torch.tensor([[0] * (width - len(row.tokens)) + [1] * len(row.tokens) for row in rows])
    how: dict[str, Any] = {"do_sample": sampling.temperature > 0}
    if sampling.temperature > 0:
        how |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": sampling.top_k}
    if sampling.stop:
        how |= {"stop_strings": list(sampling.stop), "tokenizer": tokenizer}
    with torch.inference_mode():
        found = model.generate(
            input_ids=prompts.to(model.device),
            attention_mask=mask.to(model.device),
            max_new_tokens=max(row.max_tokens for row in rows),
            pad_token_id=pad,
            **{name: value for name, value in how.items() if value is not None},
        )
    ends = model.generation_config.eos_token_id
    ends = set(ends if isinstance(ends, list) else [ends])
    return [
        one_answer(tokenizer, row, tokens, ends) for row, tokens in zip(rows, found[:, width:].tolist(), strict=True)
    ]


def one_answer(tokenizer: Any, row: Queued, tokens: list[int], ends: set[int]) -> Said:
    """An answer of a batch up to its own end: a token that ends texts, a stop sequence, or its limit."""
    tokens = tokens[: row.max_tokens]
    end = next((place for place, token in enumerate(tokens) if token in ends), None)
    kept = tokens if end is None else tokens[: end + 1]
    text = tokenizer.decode(kept, skip_special_tokens=True, clean_up_tokenization_spaces=False)
    text, stopped = cut_at_stop(text, row.sampling.stop)
    return Said(text, len(kept), truncated=end is None and not stopped)


class HeldByTransformers:
    """One transformers model in this process; the weights of the next checkpoint are copied into it."""

    advice = HF_ADVICE

    def __init__(self, model: Model, settings: Settings) -> None:
        from inspect_ai.model import get_model
        from transformers import GenerationConfig

        transformers_provider()
        folder = downloaded(model.base or model)
        self.settings = settings
        device = settings.device if settings.device != "auto" else None
        choices = {"device": device, "chat_template": None if settings.use_chat_template else PLAIN_TEMPLATE}
        with load_reports() as reports:
            self.kept = get_model(
                f"{HF_PROVIDER}/{model.id}",
                model_path=str(folder.resolve()),
                **{name: value for name, value in choices.items() if value is not None},
                dtype=choose_dtype(settings.dtype, folder, runs_on_cpu(settings.device)),
                trust_remote_code=settings.trust_remote_code,
                # A template brings its own beginning of text.
                tokenizer_call_args={"add_special_tokens": not settings.use_chat_template},
                connections=settings.max_connections,
                memoize=False,
            )
        self.api, self.model = self.kept.api, self.kept.api.model
        separate_reasoning(self.kept, settings.reasoning_tags)
        check_weights(self.model, reports)
        self.held = HeldWeights(self.model, model)
        # A checkpoint's own sampling settings would change what is measured; its ends of text are kept.
        own = self.model.generation_config
        names = ("bos_token_id", "eos_token_id", "pad_token_id")
        self.model.generation_config = GenerationConfig(**{name: getattr(own, name) for name in names})
        self.checksum = self.held.checksum or state_checksum(self.model)

    @property
    def loaded(self) -> Engine:
        """How the model really runs."""
        dtype, device = str(self.model.dtype).removeprefix("torch."), str(self.model.device)
        said = "read back exactly" if self.swapped else "as transformers loaded them"
        proof = self.held.proof or f"{len(self.model.state_dict())} tensors {said}"
        version = importlib.metadata.version("transformers")
        connections = str(self.settings.max_connections)
        return Engine(self.model, dtype, device, connections, "transformers", version, self.checksum, proof)

    swapped = False

    def swap(self, model: Model) -> None:
        """Replace the weights; after an error the loaded model is of no use."""
        self.held.swap(model)
        self.checksum, self.swapped = self.held.checksum or state_checksum(self.model), True

    def opened(self, name: str) -> Any:
        """The inspect Model, under a checkpoint's name."""
        seed_everything(self.settings.seed)
        self.api.model_name, self.api.waiting, self.api.serving = name, [], None  # nothing of an evaluation that ended
        return self.kept

    def prompt(self, messages: Sequence[Mapping[str, Any]]) -> str:
        """The text that the model gets for messages."""
        return (
            rendered_prompt(self.api.tokenizer, messages) if self.settings.use_chat_template else plain_prompt(messages)
        )

    def trouble(self) -> str | None:
        return None

    def log(self) -> list[str]:
        return []

    def close(self) -> None:
        self.api.model = self.model = None
        gc.collect()
