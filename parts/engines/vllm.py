"""One vLLM engine for many checkpoints: weights replaced in place, read back and proved."""

from __future__ import annotations

import functools
import gc
import hashlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from parts.checkpoints import weight_files, weights_sha256
from parts.engines.layout import choice_requests, fit_prompt, layout_difference, read_layout
from parts.frame import ScriptError
from parts.harness.vocabulary import Continuations, EngineAnswer, Generation


def loaded_weights(model: Any, files: Sequence[str]) -> tuple[int, str | None, str]:
    """Compare an engine's weights with the files; runs inside the engine, so on each of its workers.

    Fused tensors are compared with their parts (`packed_modules_mapping`), those that a CPU engine packs by what they
    do to unit vectors. Returns how many tensors could be compared, the name of one that differs, and a checksum of all
    that is loaded, sharded tensors included, that is the same each time these weights are loaded.
    """
    import torch
    from safetensors import safe_open

    stored = {name: file for file in files for name in safe_open(file, framework="pt").keys()}  # noqa: SIM118 (no dictionary)
    fused, compared, wrong, digest = getattr(model, "packed_modules_mapping", {}), 0, None, hashlib.sha256()
    for path, module in model.named_modules():
        above, _, leaf = path.rpartition(".")
        for kind, held in module.named_parameters(recurse=False):
            parts = [".".join(filter(None, (above, part, kind))) for part in fused.get(leaf, [leaf])]
            known = all(part in stored for part in parts)
            lacking = [part for part in parts if part not in stored] if kind == "weight" else []
            if 0 < len(lacking) < len(parts):  # vLLM loads a fused tensor of which a part is missing, and says nothing
                wrong = f"{lacking[0]} is not in the files"
            if known:
                expected = torch.cat([safe_open(stored[part], framework="pt").get_tensor(part) for part in parts])
            else:
                expected = held.detach().cpu()  # another name in the file: only its packed copy can be compared
            expected = expected.to(held.dtype)
            for loaded, wanted in engine_views(module, kind, held.detach().cpu(), expected):
                digest.update(loaded.contiguous().flatten().view(torch.uint8).numpy().tobytes())
                if loaded.shape == wanted.shape:
                    compared += known
                    wrong = wrong if torch.equal(loaded, wanted) else f"{path}.{kind}"
    return compared, wrong, digest.hexdigest()


def engine_views(module: Any, kind: str, held: Any, expected: Any) -> Iterator[tuple[Any, Any]]:
    """What an engine holds of a parameter, each with what it should be; vocabularies may be padded at the end."""
    import torch

    if held.numel():
        padded = held.ndim == expected.ndim and held.shape[1:] == expected.shape[1:] and len(held) > len(expected)
        yield (held[: len(expected)] if padded else held), expected
    linear = getattr(module, "cpu_linear", None) if kind == "weight" and expected.ndim == 2 else None
    if linear and expected.numel():
        columns = torch.linspace(0, expected.shape[1] - 1, min(8, expected.shape[1])).long()
        units = torch.nn.functional.one_hot(columns, expected.shape[1]).to(expected.dtype)
        yield linear(units, module.weight, None).T[: len(expected)].to(expected.dtype), expected[:, columns]


def pack_again(model: Any) -> None:
    """Renew packed copies of tensors that are also kept as they are; runs inside the engine.

    vLLM's reload leaves the packed output layer of a model with tied embeddings as it was.
    """
    for module in model.modules():
        if hasattr(module, "cpu_linear") and module.weight.numel():
            module.quant_method.process_weights_after_loading(module)


class VllmEngine:
    """vLLM with one model, whose weights can be replaced by those of another checkpoint of the same layout.

    `options` go to `vllm.LLM`. Raises ScriptError when weights cannot be loaded or are not those of the files.
    """

    def __init__(self, folder: Path, **options: Any) -> None:
        # One process for script and engine starts four times faster and can look at its own weights; with several
        # GPUs vLLM starts its workers, and what looks at weights there travels by pickle.
        if options.get("tensor_parallel_size", 1) == 1:
            os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        else:
            os.environ.setdefault("VLLM_ALLOW_INSECURE_SERIALIZATION", "1")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        from vllm import LLM

        self.layout = read_layout(folder)
        self.requests = 0
        plain = {"enable_prefix_caching": True, "disable_log_stats": True, "use_tqdm_on_load": False}
        self.llm = LLM(model=str(folder), **plain, **options)
        self.checksums: dict[str, str] = {}
        try:
            self.checksum = self.check(folder)
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
        self.llm.apply_model(pack_again)
        self.checksum = self.check(folder)

    def check(self, folder: Path) -> str:
        """Prove that the engine holds a folder's weights, forget what it computed with others; their checksum."""
        # What is cached belongs to the weights that computed it.
        if not self.llm.reset_prefix_cache():
            raise ScriptError("the engine's prefix cache could not be emptied")
        files = [str(path) for path in weight_files(folder) if path.suffix == ".safetensors"]
        found = self.llm.apply_model(functools.partial(loaded_weights, files=files))
        wrong = next((name for _, name, _ in found if name), None)
        if wrong or (files and not any(compared for compared, _, _ in found)):
            raise ScriptError(f"the engine holds other weights than the files: {wrong or 'no tensor can be compared'}")
        checksum = hashlib.sha256("".join(digest for _, _, digest in found).encode()).hexdigest()
        key = weights_sha256(folder)
        if self.checksums.setdefault(key, checksum) != checksum:
            raise ScriptError("the same weights gave another checksum than before")
        return checksum

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
                    engine.add_request(name, {"prompt_token_ids": tokens}, params)
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
                truncated=any(row.finish_reason == "length" for row in rows),
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
