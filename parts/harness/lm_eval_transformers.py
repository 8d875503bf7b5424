"""lm-eval's model on transformers, kept over many checkpoints."""

from __future__ import annotations

import collections
from pathlib import Path
from typing import Any

from parts.engines.device import choose_dtype
from parts.engines.kept import OnTransformers
from parts.engines.layout import CPU_BATCH_SIZE
from parts.harness.lm_eval_records import most_tokens
from parts.harness.lm_eval_tasks import Reply
from parts.harness.settings import Settings
from parts.harness.vocabulary import Job, Layout, Model


def open_lm_eval(folder: Path, settings: Settings, layout: Layout) -> tuple[Any, Any]:
    """lm-eval's transformers model and its batch size; it remembers what it tokenized and which answers were cut."""
    import torch
    import transformers
    from lm_eval.models.huggingface import HFLM

    transformers.utils.logging.disable_progress_bar()

    class SweptModel(SweptRequests, HFLM):
        """lm-eval's model with what it does otherwise here before it."""

    device = settings.device
    if device == "auto":
        device = "cuda" if torch.cuda.is_available() else "mps" if torch.backends.mps.is_available() else "cpu"
    lm = SweptModel(
        settings,
        pretrained=str(folder.resolve()),
        device=device,
        dtype=choose_dtype(settings.dtype, folder, device == "cpu"),
        batch_size=settings.batch_size or (CPU_BATCH_SIZE if device == "cpu" else "auto"),
        max_length=settings.max_model_len,
        trust_remote_code=settings.trust_remote_code,
    )
    lm._max_length = lm.max_length  # asked for with every request, and slow to find out
    return lm, lm.batch_size


class SweptRequests:
    """What lm-eval's transformers model, the next base of its class, does otherwise here: it tokenizes each text once
    for all checkpoints, knows which answers were cut, and answers jobs."""

    def __init__(self, settings: Settings, **options: Any) -> None:
        self.settings = settings
        self.encoded: dict[Any, Any] = {}
        self.batch: list[str] = []
        self.cut_off: collections.Counter[str] = collections.Counter()
        super().__init__(**options)

    def tok_encode(self, string: str, add_special_tokens: bool | None = None, **more: Any) -> list[int]:
        key = string, add_special_tokens, *more.items()
        if key not in self.encoded:
            self.encoded[key] = super().tok_encode(string, add_special_tokens, **more)
        return self.encoded[key]

    def tok_batch_encode(self, strings: list[str], *rest: Any, **more: Any) -> Any:
        self.batch = list(strings)
        key = tuple(strings), *rest, *more.items()
        if key not in self.encoded:
            self.encoded[key] = super().tok_batch_encode(strings, *rest, **more)
        return self.encoded[key]

    def _loglikelihood_tokens(self, requests: Any, disable_tqdm: bool = True, override_bs: int | None = None) -> Any:
        return super()._loglikelihood_tokens(requests, disable_tqdm=True, override_bs=override_bs)

    def _model_generate(self, context: Any, max_length: int, stop: list[str], **more: Any) -> Any:
        rows = super()._model_generate(context, max_length, stop, **more)
        room = max_length - context.shape[1]
        for prompt, row in zip(self.batch, rows[:, context.shape[1] :].tolist(), strict=True):
            if len(row) >= room and self.eot_token_id not in row:
                text = self.tok_decode(row)
                if not any(part in text for part in stop if part):
                    self.cut_off[prompt] += 1
        return rows

    def answer_job(self, job: Job) -> list[Reply]:
        """Replies to requests of a task, in their order."""
        kinds: dict[str, list[int]] = collections.defaultdict(list)
        for place, request in enumerate(job.docs):
            kinds[request.request_type] += [place] * times_asked(request, self.settings)
        responses: list[list[Any]] = [[] for _ in job.docs]
        self.cut_off.clear()
        for kind, places in kinds.items():
            found = getattr(self, kind)([job.docs[place] for place in places], disable_tqdm=True)
            for place, response in zip(places, found, strict=True):
                responses[place].append(response)
        return [self.reply(request, rows) for request, rows in zip(job.docs, responses, strict=True)]

    def reply(self, request: Any, responses: list[Any]) -> Reply:
        prompt, room = request.args[0], self.max_length
        if request.request_type == "generate_until":
            too_long = len(self.tok_encode(prompt)) > room - most_tokens(request.args[1])
            return Reply(responses, min(self.cut_off[prompt], len(responses)), too_long)
        if request.request_type == "loglikelihood":
            return Reply(responses, 0, len(self.tok_encode(prompt + request.args[1])) > room + 1)
        return Reply(responses)

    def cleanup(self) -> None:
        self._model = None


def times_asked(request: Any, settings: Settings) -> int:
    """How often a request is sent: as the task says, and that again for each of --repeats."""
    return request.repeats * (settings.repeats if request.request_type == "generate_until" else 1)


def hf_engine(model: Model, settings: Settings) -> OnTransformers:
    """lm-eval on transformers."""
    return OnTransformers(model, settings, open_lm_eval)
