"""One vLLM engine for many checkpoints: weights replaced in place, read back and proved."""

from __future__ import annotations

import functools
import gc
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from parts.checkpoints import weight_files
from parts.engines.adapters import adapter_in_engine, adapter_proof, probe_tokens
from parts.engines.device import choose_dtype
from parts.engines.layout import choice_requests, fit_prompt, layout_difference, read_layout
from parts.engines.proof import Proof, refresh_packed, weights_in_engine
from parts.frame import ScriptError
from parts.harness.settings import Settings
from parts.harness.vocabulary import Continuations, EngineAnswer, Generation


def vllm_options(folder: Path, settings: Settings, on_cpu: bool) -> dict[str, Any]:
    """The options of vLLM that a run's settings mean, for `vllm.LLM` and as flags of its server; None: vLLM's own."""
    return {
        "dtype": choose_dtype(settings.dtype, folder, on_cpu),
        "seed": settings.seed,
        "trust_remote_code": settings.trust_remote_code,
        "tensor_parallel_size": settings.tensor_parallel_size,
        "max_model_len": settings.max_model_len,
        "max_num_seqs": settings.batch_size,
        "gpu_memory_utilization": settings.gpu_memory_utilization,
        "enforce_eager": on_cpu,  # compiling takes longer than a small model runs
    }


class VllmEngine:
    """vLLM with one model, whose weights can be replaced by those of another checkpoint of the same layout.

    `adapters`: options for adapters; they and `options` go to `vllm.LLM`. Raises ScriptError when weights cannot be
    loaded or are not those of the files.
    """

    def __init__(self, folder: Path, adapters: Mapping[str, Any], **options: Any) -> None:
        # One process for script and engine starts four times faster and can look at its own weights; with several
        # GPUs vLLM starts its workers, and what looks at weights there travels by pickle.
        if (options.get("tensor_parallel_size") or 1) == 1:
            os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        else:
            os.environ.setdefault("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        from vllm import LLM

        self.layout, self.options = read_layout(folder), adapters
        self.requests = 0
        plain = {"enable_prefix_caching": True, "disable_log_stats": True, "use_tqdm_on_load": False}
        given = {name: value for name, value in options.items() if value is not None}
        self.llm = LLM(model=str(folder), **plain, **given, **adapters)
        self.proof, self.adapter, self.plain = Proof(), None, []
        try:
            self.checksum, self.text = self.check(folder), self.proof.text
        except BaseException:  # nobody else can close it, and it holds the memory that the next one needs
            self.close()
            raise

    @property
    def tokenizer(self) -> Any:
        return self.llm.get_tokenizer()

    @property
    def config(self) -> Any:
        """vLLM's configuration of the model: dtype, max_model_len, ..."""
        return self.llm.llm_engine.vllm_config.model_config

    @property
    def device(self) -> str:
        return str(self.llm.llm_engine.vllm_config.device_config.device_type)

    def swap(self, folder: Path) -> None:
        """Replace the weights by those in a folder of the same layout; after an error the engine is of no use."""
        difference = layout_difference(self.layout, read_layout(folder))
        if difference:
            raise ScriptError(difference)
        self.llm.collective_rpc("reload_weights", kwargs={"weights_path": str(folder)})
        self.llm.apply_model(refresh_packed)
        self.checksum, self.text = self.check(folder), self.proof.text

    def put_on(self, folder: Path) -> None:
        """Answer with an adapter from now on, in the place of the last one, and prove it."""
        from vllm.lora.request import LoRARequest

        self.plain = self.plain or self.probed()
        number = self.adapter.lora_int_id + 1 if self.adapter else 1
        self.adapter = LoRARequest(f"adapter-{number}", number, str(folder))
        self.llm.llm_engine.add_lora(self.adapter)
        found = self.llm.apply_model(functools.partial(adapter_in_engine, folder=str(folder)))
        self.checksum, self.text = adapter_proof(found, self.probed(), self.plain)

    def probed(self) -> list[float]:
        """The log-likelihoods of a text."""
        from vllm import SamplingParams

        tokens = probe_tokens(self.config.get_vocab_size())
        params = SamplingParams(max_tokens=1, temperature=0.0, prompt_logprobs=0, detokenize=False)
        asked = {"lora_request": self.adapter, "use_tqdm": False}
        answer = self.llm.generate([{"prompt_token_ids": tokens}], params, **asked)[0]
        return [place[token].logprob for token, place in zip(tokens[1:], answer.prompt_logprobs[1:], strict=True)]

    def check(self, folder: Path) -> str:
        """Prove that the engine holds a folder's weights, forget what it computed with others; their checksum."""
        # What is cached belongs to the weights that computed it.
        if not self.llm.reset_prefix_cache():
            raise ScriptError("the engine's prefix cache could not be emptied")
        files = [str(path) for path in weight_files(folder) if path.suffix == ".safetensors"]
        return self.proof.see(folder, self.llm.apply_model(functools.partial(weights_in_engine, files=files)))

    def answer(
        self, groups: Sequence[Sequence[Generation | Continuations]]
    ) -> Iterator[tuple[int, list[EngineAnswer]]]:
        """Answer groups of questions in one queue; yields (number of the group, answers) when a group is complete.

        Within a group, questions with the same beginning follow each other, so that it is computed once.
        """
        engine = self.llm.llm_engine
        waiting, outputs, owner = [], {}, {}
        for group, questions in enumerate(groups):
            order = sorted(range(len(questions)), key=lambda index: questions[index].prompt)
            count = 0
            for index in order:
                for tokens, params in self.requests_for(questions[index]):
                    name = str(len(owner))
                    engine.add_request(name, {"prompt_token_ids": tokens}, params, lora_request=self.adapter)
                    owner[name], count = (group, index), count + 1
            waiting.append(count)
            self.requests += count
        yield from ((group, []) for group, count in enumerate(waiting) if not count)
        while engine.has_unfinished_requests():
            for output in engine.step():
                if not output.finished:
                    continue
                group, index = owner[output.request_id]
                outputs.setdefault((group, index), []).append(output)
                waiting[group] -= 1
                if not waiting[group]:
                    questions = groups[group]
                    yield group, [self.read(row, outputs.pop((group, i))) for i, row in enumerate(questions)]

    def requests_for(self, question: Generation | Continuations) -> Iterator[tuple[list[int], Any]]:
        """A question as vLLM's prompts and parameters."""
        from vllm import SamplingParams

        if isinstance(question, Generation):
            prompt, _ = self.fitted(question)
            yield (
                prompt,
                SamplingParams(
                    n=question.samples,
                    temperature=question.temperature,
                    seed=question.seed,
                    max_tokens=question.max_tokens,
                    stop=list(question.stop),
                ),
            )
            return
        prompt, _ = self.fitted(question)
        for prefix, parts in choice_requests(question.choices).items():
            for ids in parts:
                scored = {"prompt_logprobs": 0, "skip_reading_prefix_cache": False} if prefix else {}
                params = SamplingParams(
                    temperature=0.0, max_tokens=1, detokenize=False, logprob_token_ids=ids, **scored
                )
                yield [*prompt, *prefix], params

    def fitted(self, question: Generation | Continuations) -> tuple[list[int], bool]:
        """A question's prompt, cut at its beginning where it does not fit the model's context."""
        if isinstance(question, Generation):
            return fit_prompt(question.prompt, self.config.max_model_len - question.max_tokens)
        return fit_prompt(question.prompt, self.config.max_model_len - max(map(len, question.choices)))

    def read(self, question: Generation | Continuations, outputs: Sequence[Any]) -> EngineAnswer:
        """vLLM's outputs for a question as its answer."""
        prompt, cut = self.fitted(question)
        if isinstance(question, Generation):
            rows = outputs[0].outputs
            return EngineAnswer(
                texts=[row.text for row in rows],
                tokens=[list(row.token_ids) for row in rows],
                truncated=sum(row.finish_reason == "length" for row in rows),
                cut_prompt=cut,
            )
        found: dict[tuple[int, ...], tuple[float, bool]] = {}
        for output in outputs:
            prefix = tuple(output.prompt_token_ids[len(prompt) :])
            places = list(zip(prefix, (output.prompt_logprobs or [])[len(prompt) :], strict=True)) if prefix else []
            before = sum(place[token].logprob for token, place in places)
            sampled = output.outputs[0].token_ids[0]
            greedy = all(place[token].rank == 1 for token, place in places)
            for token, value in output.outputs[0].logprobs[0].items():
                found[(*prefix, token)] = before + value.logprob, greedy and token == sampled
        scores = [found[tuple(choice)] for choice in question.choices]
        return EngineAnswer(logprobs=[score for score, _ in scores], greedy=[top for _, top in scores], cut_prompt=cut)

    def close(self) -> None:
        """Give the memory back."""
        self.llm.llm_engine.engine_core.shutdown()
        del self.llm
        gc.collect()
