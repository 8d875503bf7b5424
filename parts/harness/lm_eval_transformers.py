"""lm-eval's model on transformers, kept over many checkpoints."""

from __future__ import annotations

import collections
import contextlib
import gc
import importlib.metadata
import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from parts.checkpoints import weight_files
from parts.engines.device import choose_dtype
from parts.engines.layout import CPU_BATCH_SIZE, layout_difference, read_layout, tensor_headers
from parts.engines.transformers import check_unchanged, check_weights, load_reports
from parts.frame import note
from parts.harness.lm_eval_records import most_tokens
from parts.harness.lm_eval_tasks import Reply, Task
from parts.harness.models import downloaded
from parts.harness.seed import seed_everything
from parts.harness.settings import Settings
from parts.harness.vocabulary import Engine, Layout, Model


def chat_template_of(layout: Layout) -> str:
    """What decides how a chat template renders, as a name."""
    names = ("tokenizer_config.json", "chat_template.jinja", "chat_template.json", "special_tokens_map.json")
    return json.dumps([layout.files.get(name) for name in names])


def swap_weights(model: Any, folder: Path) -> str | None:
    """Replace a loaded model's weights by those of a folder; why that cannot be done, or None.

    Each tensor is compared with the file after all are copied; after a reason the model is of no use.
    """
    import torch
    from safetensors import safe_open

    held = model.state_dict()
    files = [str(path) for path in weight_files(folder)]
    names = [name for file in files for name in tensor_headers(Path(file))]
    unknown = [name for name in names if name not in held]
    storage = {held[name].data_ptr() for name in names if name in held}
    alone = [name for name, tensor in held.items() if name not in names and tensor.data_ptr() not in storage]
    if unknown or alone:
        return f"the model keeps {(unknown or alone)[0]} under another name than the file"
    with torch.no_grad():
        for copied in (True, False):
            for file in files:
                with safe_open(file, framework="pt") as tensors:
                    for name in sorted(set(tensors.keys())):
                        tensor = tensors.get_tensor(name)
                        if held[name].shape != tensor.shape:
                            return f"another shape of {name}"
                        if copied:
                            held[name].copy_(tensor)
                        elif not torch.equal(held[name], tensor.to(held[name])):
                            return f"{name} is not what the file says"
    return None


def open_transformers(folder: Path, settings: Settings) -> Any:
    """lm-eval's transformers model, which remembers what it tokenized and which answers and prompts were cut."""
    import torch
    import transformers
    from lm_eval.models.huggingface import HFLM

    transformers.utils.logging.disable_progress_bar()

    class SweptModel(HFLM):
        def __init__(self, **options: Any) -> None:
            self.encoded: dict[Any, Any] = {}
            self.batch: list[str] = []
            self.cut_off: set[str] = set()
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

        def _loglikelihood_tokens(
            self, requests: Any, disable_tqdm: bool = True, override_bs: int | None = None
        ) -> Any:
            return super()._loglikelihood_tokens(requests, disable_tqdm=True, override_bs=override_bs)

        def _model_generate(self, context: Any, max_length: int, stop: list[str], **more: Any) -> Any:
            rows = super()._model_generate(context, max_length, stop, **more)
            room = max_length - context.shape[1]
            for prompt, row in zip(self.batch, rows[:, context.shape[1] :].tolist(), strict=True):
                if len(row) >= room and self.eot_token_id not in row:
                    text = self.tok_decode(row)
                    if not any(part in text for part in stop if part):
                        self.cut_off.add(prompt)
            return rows

    on_gpu = torch.cuda.is_available()
    device = settings.device
    if device == "auto":
        device = "cuda" if on_gpu else "mps" if torch.backends.mps.is_available() else "cpu"
    with load_reports() as reports:
        lm = SweptModel(
            pretrained=str(folder.resolve()),
            device=device,
            dtype=choose_dtype(settings.dtype, folder, device == "cpu"),
            batch_size=settings.batch_size or (CPU_BATCH_SIZE if device == "cpu" else "auto"),
            max_length=settings.max_model_len,
            trust_remote_code=settings.trust_remote_code,
        )
    check_weights(lm.model, reports)
    lm._max_length = lm.max_length  # asked for with every request, and slow to find out
    return lm


class TransformersSweep:
    """One transformers model whose weights are replaced from checkpoint to checkpoint."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.lm: Any = None
        self.layout: Layout | None = None

    def open(self, model: Model) -> Engine:
        """The model with a checkpoint's weights: swapped in where the layouts are the same, else loaded."""
        folder = downloaded(model)
        layout = read_layout(folder)
        reason = self.swap(folder, layout) if self.lm is not None else ""
        if reason is not None:
            if reason:
                note(f"note: {model.id} is loaded anew: {reason}")
                self.close()
            self.lm, self.layout = open_transformers(folder, self.settings), layout
        check_unchanged(model, folder)
        dtype = str(self.lm.model.dtype).removeprefix("torch.")
        version = importlib.metadata.version("transformers")
        return Engine(self.lm, dtype, str(self.lm.device), str(self.lm.batch_size), "transformers", version)

    def swap(self, folder: Path, layout: Layout) -> str | None:
        reason = layout_difference(self.layout, layout) or swap_weights(self.lm.model, folder)
        if reason is None:
            check_weights(self.lm.model, [])
        return reason

    @property
    def template(self) -> str:
        return chat_template_of(self.layout) if self.settings.use_chat_template else ""

    def answer(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, list[Reply] | Exception]]:
        """Each task's replies; tasks do not share batches, so that a score does not depend on what else is measured."""
        for task in tasks:
            seed_everything(self.settings.seed)
            try:
                yield task, self.replies(task)
            except Exception as error:
                yield task, error

    def replies(self, task: Task) -> list[Reply]:
        """Replies to all requests of a task, in the order of its items."""
        requests = [request for item in task.docs for request in item.requests]
        kinds: dict[str, list[int]] = collections.defaultdict(list)
        for place, request in enumerate(requests):
            kinds[request.request_type] += [place] * times_asked(request, self.settings)
        responses: list[list[Any]] = [[] for _ in requests]
        self.lm.cut_off.clear()
        for kind, places in kinds.items():
            found = getattr(self.lm, kind)([requests[place] for place in places], disable_tqdm=True)
            for place, response in zip(places, found, strict=True):
                responses[place].append(response)
        return [self.reply(request, rows) for request, rows in zip(requests, responses, strict=True)]

    def reply(self, request: Any, responses: list[Any]) -> Reply:
        prompt, room = request.args[0], self.lm.max_length
        if request.request_type == "generate_until":
            too_long = len(self.lm.tok_encode(prompt)) > room - most_tokens(request.args[1])
            return Reply(responses, prompt in self.lm.cut_off, too_long)
        if request.request_type == "loglikelihood":
            return Reply(responses, False, len(self.lm.tok_encode(prompt + request.args[1])) > room + 1)
        return Reply(responses)

    def close(self) -> None:
        self.lm = None
        gc.collect()
        with contextlib.suppress(ImportError):
            import torch

            if torch.cuda.is_available():
                torch.cuda.empty_cache()


def times_asked(request: Any, settings: Settings) -> int:
    """How often a request is sent: as the task says, and that again for each of --repeats."""
    return request.repeats * (settings.repeats if request.request_type == "generate_until" else 1)
