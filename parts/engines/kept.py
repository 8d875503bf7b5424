"""One engine kept over many checkpoints, under a harness's own model interface: on transformers, or on vLLM.

An engine is started with a model, gets the next one's weights by `swap`, answers jobs, and is given back by `close`;
`engine` says how it runs. After an error in `swap` it is of no use.
"""

from __future__ import annotations

import gc
import importlib.metadata
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from parts.engines.adapters import adapter_options, put_on, swap_in
from parts.engines.device import has_gpu, vllm_version
from parts.engines.held import HeldWeights
from parts.engines.layout import chat_template_of, read_layout
from parts.engines.transformers import check_unchanged, check_weights, load_reports
from parts.engines.vllm import VllmEngine, vllm_options
from parts.frame import ScriptError
from parts.harness.models import downloaded
from parts.harness.seed import seed_everything
from parts.harness.settings import Settings
from parts.harness.vocabulary import CPU_CACHE_GB, Engine, Job, Layout, Model


class OnTransformers:
    """A harness's model on transformers; the weights of the next checkpoint are copied into the loaded one.

    `open_model` gives the harness's object and its batch size; the object has `model`, `device`, `answer_job(job)` and
    `cleanup()`.
    """

    def __init__(
        self, model: Model, settings: Settings, open_model: Callable[[Path, Settings, Layout], tuple[Any, Any]]
    ) -> None:
        folder = downloaded(model.base or model)
        self.settings, self.layout = settings, read_layout(folder)
        with load_reports() as reports:
            loaded, batch_size = open_model(folder, settings, self.layout)
        check_weights(loaded.model, reports)
        self.held = HeldWeights(loaded.model, model)
        dtype, device = str(loaded.model.dtype).removeprefix("torch."), str(loaded.device)
        version = importlib.metadata.version("transformers")
        sums = self.held.checksum, self.held.proof
        self.engine = Engine(loaded, dtype, device, str(batch_size), "transformers", version, *sums)

    def swap(self, model: Model) -> None:
        """Replace the weights by another checkpoint's, or put another adapter on the base."""
        self.held.swap(model)
        self.engine = replace(self.engine, checksum=self.held.checksum, proof=self.held.proof)

    @property
    def template(self) -> str:
        return chat_template_of(self.layout) if self.settings.use_chat_template else ""

    def answers(self, jobs: Sequence[Job]) -> Iterator[tuple[int, list[Any] | Exception]]:
        """Each job's number with its answers, or with what went wrong.

        Jobs do not share batches, so that a score does not depend on what else is measured.
        """
        for number, job in enumerate(jobs):
            seed_everything(job.seed)
            try:
                yield number, self.engine.model.answer_job(job)
            except Exception as error:
                yield number, error

    def close(self) -> None:
        """Give the memory back."""
        import torch

        self.engine.model.cleanup()
        self.engine = replace(self.engine, model=None)
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


class OnVllm:
    """vLLM under a harness's model; all jobs of a checkpoint are asked in one queue.

    `open_model` gives the harness's object on a VllmEngine: `questions(job)` are what the engine is asked,
    `replies(job, answers)` what the harness gets.
    """

    def __init__(self, model: Model, settings: Settings, open_model: Callable[[VllmEngine, Settings], Any]) -> None:
        self.holds, adapters = model.base or model, adapter_options(model)
        folder = downloaded(self.holds)
        on_cpu = settings.device == "cpu" or not has_gpu()
        if on_cpu and settings.gpu_memory_utilization is None:
            os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", CPU_CACHE_GB)
        self.settings = settings
        self.vllm = VllmEngine(folder, adapters, **vllm_options(folder, settings, on_cpu))
        try:
            if settings.device.split(":", 1)[0] not in ("auto", self.vllm.device):
                raise ScriptError(f"--device {settings.device}: this build of vLLM runs on {self.vllm.device}")
            check_unchanged(self.holds, folder)
            put_on(self.vllm, model)
        except BaseException:  # as in VllmEngine: it holds memory
            self.close()
            raise
        dtype = str(self.vllm.config.dtype).removeprefix("torch.")
        loaded, batch_size = open_model(self.vllm, settings), str(settings.batch_size or "auto")
        device, version = self.vllm.device, vllm_version()
        sums = self.vllm.checksum, self.vllm.text
        self.engine = Engine(loaded, dtype, device, batch_size, "vllm", version, *sums)

    def swap(self, model: Model) -> None:
        """Replace the weights by another checkpoint's, or the adapter by another one of the same base."""
        self.holds = swap_in(self.vllm, model, self.holds)
        self.engine = replace(self.engine, checksum=self.vllm.checksum, proof=self.vllm.text)

    @property
    def template(self) -> str:
        return chat_template_of(self.vllm.layout) if self.settings.use_chat_template else ""

    def answers(self, jobs: Sequence[Job]) -> Iterator[tuple[int, list[Any] | Exception]]:
        """Each job's number with its answers, as soon as its last one is there, or with what went wrong."""
        groups: list[list[Any]] = []
        for number, job in enumerate(jobs):
            try:
                groups.append(self.engine.model.questions(job))
            except Exception as error:
                groups.append([])
                yield number, error
        for number, answers in self.vllm.answer(groups):
            if groups[number]:
                yield number, self.engine.model.replies(jobs[number], answers)

    def close(self) -> None:
        """Give the memory back."""
        self.vllm.close()
