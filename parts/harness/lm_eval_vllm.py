"""lm-eval's model on one vLLM engine, kept over many checkpoints."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.engines.device import choose_dtype, has_gpu, vllm_version
from parts.engines.transformers import check_unchanged
from parts.engines.vllm import VllmEngine
from parts.frame import ScriptError, note
from parts.harness.lm_eval_records import most_tokens
from parts.harness.lm_eval_tasks import Reply, Task
from parts.harness.lm_eval_transformers import TransformersSweep, chat_template_of, times_asked
from parts.harness.models import downloaded
from parts.harness.settings import Settings
from parts.harness.vocabulary import CPU_CACHE_GB, Continuations, Engine, EngineAnswer, Generation, Model
from parts.private import explain


@dataclass(frozen=True)
class EngineQuestion:
    """What an engine is asked, and the requests that it answers: for choices, one for each choice."""

    asked: Generation | Continuations
    requests: tuple[int, ...]


def open_vllm_lm(engine: VllmEngine, settings: Settings) -> Any:
    """vLLM behind lm-eval's interface; `questions` and `replies` let several tasks share one queue."""
    from lm_eval.api.model import TemplateLM
    from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

    class VllmModel(TemplateLM):
        def __init__(self) -> None:
            super().__init__()
            self.tokenizer = engine.tokenizer
            self.encoded: dict[Any, list[int]] = {}

        @property
        def eot_token_id(self) -> int:
            return self.tokenizer.eos_token_id

        @property
        def prefix_token_id(self) -> int:
            start = self.tokenizer.bos_token_id
            return self.eot_token_id if start is None else start

        @property
        def tokenizer_name(self) -> str:
            return self.tokenizer.name_or_path.replace("/", "__")

        def tok_encode(self, string: str, add_special_tokens: bool | None = None, **_: Any) -> list[int]:
            key = string, add_special_tokens
            if key not in self.encoded:
                start = self.tokenizer.bos_token
                if add_special_tokens is None and start and string.startswith(start):
                    add_special_tokens = False
                more = {} if add_special_tokens is None else {"add_special_tokens": add_special_tokens}
                self.encoded[key] = self.tokenizer.encode(string, **more)
            return self.encoded[key]

        def apply_chat_template(self, chat_history: list[dict[str, str]], add_generation_prompt: bool = True) -> str:
            from lm_eval.models.huggingface import HFLM

            self.chat_template_args: dict[str, Any] = {}
            return HFLM.apply_chat_template(self, chat_history, add_generation_prompt)

        def pair(self, request: Any) -> tuple[list[int], list[int]]:
            """Prompt and continuation as tokens, by lm-eval's rules."""
            prompt, continuation = request.args[:2]
            if prompt:
                return self._encode_pair(prompt, continuation)
            tokens = self.tok_encode(continuation, add_special_tokens=False)
            return (
                (tokens[:1], tokens[1:]) if tokens[:1] == [self.prefix_token_id] else ([self.prefix_token_id], tokens)
            )

        def windows(self, request: Any) -> list[tuple[list[int], list[int]]]:
            """A long text as contexts and the parts of it that are scored, by lm-eval's rules."""
            tokens = self.tok_encode(request.args[0])
            room = engine.config.max_model_len
            parts = get_rolling_token_windows(tokens, self.prefix_token_id, room, 1)
            return [make_disjoint_window(part) for part in parts]

        def questions(self, requests: Sequence[Any]) -> list[EngineQuestion]:
            """What the engine is asked for some requests: the choices of an item share one question."""
            found: list[EngineQuestion] = []
            shared: dict[Any, list[tuple[int, list[int]]]] = collections.defaultdict(list)
            for place, request in enumerate(requests):
                if request.request_type == "loglikelihood":
                    prompt, choice = self.pair(request)
                    shared[request.doc_id, tuple(prompt)].append((place, choice))
                elif request.request_type == "loglikelihood_rolling":
                    found += [
                        EngineQuestion(Continuations(list(a), [list(b)]), (place,)) for a, b in self.windows(request)
                    ]
                else:
                    found.append(EngineQuestion(self.generation(request), (place,)))
            for (_, prompt), rows in shared.items():
                asked = Continuations(list(prompt), [choice for _, choice in rows])
                found.append(EngineQuestion(asked, tuple(place for place, _ in rows)))
            return found

        def generation(self, request: Any) -> Generation:
            asked = dict(request.args[1])
            until = asked.pop("until", None) or []
            temperature = float(asked.pop("temperature", None) or 0.0)
            sampled = asked.pop("do_sample", None)
            temperature = 0.0 if sampled is False else (temperature or 1.0) if sampled else temperature
            limits = {"max_gen_toks", "max_new_tokens", "max_tokens", "max_completion_tokens"}
            if temperature and asked.keys() - limits:
                other = sorted(asked.keys() - limits)[0]
                raise ScriptError(f"the task samples with {other}, which --backend vllm does not have here: use hf")
            return Generation(
                prompt=self.tok_encode(request.args[0]),
                max_tokens=most_tokens(request.args[1]),
                stop=tuple([until] if isinstance(until, str) else until),
                samples=times_asked(request, settings),
                temperature=temperature,
                seed=settings.seed if temperature else None,
            )

        def replies(
            self, requests: Sequence[Any], questions: Sequence[EngineQuestion], answers: Sequence[EngineAnswer]
        ) -> list[Reply]:
            """The engine's answers as replies to the requests."""
            found: dict[int, Reply] = {}
            for question, answer in zip(questions, answers, strict=True):
                if isinstance(question.asked, Generation):
                    found[question.requests[0]] = Reply(answer.texts, answer.truncated, answer.cut_prompt)
                elif requests[question.requests[0]].request_type == "loglikelihood_rolling":
                    before = found.get(question.requests[0], Reply([0.0]))
                    found[question.requests[0]] = Reply([before.responses[0] + answer.logprobs[0]])
                else:
                    pairs = zip(question.requests, answer.logprobs, answer.greedy, strict=True)
                    for place, chance, greedy in pairs:
                        times = requests[place].repeats or 1
                        found[place] = Reply([(chance, greedy)] * times, False, answer.cut_prompt)
            return [found[place] for place in range(len(requests))]

        def ask(self, requests: Sequence[Any]) -> list[Any]:
            questions = self.questions(requests)
            _, answers = next(iter(engine.answer([[question.asked for question in questions]])))
            return [reply.responses[0] for reply in self.replies(requests, questions, answers)]

        def loglikelihood(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[tuple[float, bool]]:
            return self.ask(requests)

        def loglikelihood_rolling(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[float]:
            return self.ask(requests)

        def generate_until(self, requests: Sequence[Any], disable_tqdm: bool = False) -> list[str]:
            return self.ask(requests)

        def _loglikelihood_tokens(self, requests: Any, **_: Any) -> Any:
            raise NotImplementedError  # lm-eval's way from `loglikelihood` to tokens, which is not taken here

    return VllmModel()


class VllmSweep:
    """One vLLM engine whose weights are replaced from checkpoint to checkpoint."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.engine: VllmEngine | None = None
        self.lm: Any = None
        self.folder: Path | None = None

    def open(self, model: Model) -> Engine:
        """The engine with a checkpoint's weights: swapped in where the layouts are the same, else started anew."""
        folder = downloaded(model)
        if self.engine is not None:
            try:
                self.engine.swap(folder)
            except Exception as error:  # an engine that failed to swap is broken for good weights too
                note(f"note: {model.id} gets an engine of its own: {explain(error)}")
                self.close()
        if self.engine is None:
            self.start(folder)
        self.folder = folder
        check_unchanged(model, folder)
        dtype = str(self.engine.config.dtype).removeprefix("torch.")
        return Engine(self.lm, dtype, self.engine.device, "continuous", "vllm", vllm_version(), self.engine.checksum)

    def start(self, folder: Path) -> None:
        """Start vLLM on a folder."""
        settings = self.settings
        on_cpu = not has_gpu()
        if on_cpu and settings.gpu_memory_utilization is None:
            os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", CPU_CACHE_GB)
        options = {
            "gpu_memory_utilization": settings.gpu_memory_utilization or (0.3 if on_cpu else None),
            "max_model_len": settings.max_model_len,
            "tensor_parallel_size": settings.tensor_parallel_size if settings.tensor_parallel_size > 1 else None,
        }
        self.engine = VllmEngine(
            folder,
            dtype=choose_dtype(settings.dtype, folder, on_cpu),
            seed=settings.seed,
            trust_remote_code=settings.trust_remote_code,
            **{name: value for name, value in options.items() if value is not None},
        )
        self.lm = open_vllm_lm(self.engine, settings)

    @property
    def template(self) -> str:
        return chat_template_of(self.engine.layout) if self.settings.use_chat_template else ""

    def answer(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, list[Reply] | Exception]]:
        """All tasks in one queue, each as soon as it is complete; after a failure the rest alone, on a new engine."""
        waiting = list(tasks)
        try:
            for task, replies in self.queue(tasks):
                waiting.remove(task)
                yield task, replies
            return
        except Exception as error:
            if len(tasks) == 1:
                yield tasks[0], error
                return
            note(f"note: a request failed, each task is asked by itself: {explain(error)[:200]}")
        for task in waiting:
            try:
                self.close()
                self.start(self.folder)
                found = list(self.queue([task]))
            except Exception as error:
                found = [(task, error)]
            yield from found
        self.close()

    def queue(self, tasks: Sequence[Task]) -> Iterator[tuple[Task, list[Reply]]]:
        """The replies of some tasks that share the engine's queue."""
        requests = [[request for item in task.docs for request in item.requests] for task in tasks]
        questions = [self.lm.questions(rows) for rows in requests]
        groups = [[question.asked for question in rows] for rows in questions]
        for index, answers in self.engine.answer(groups):
            yield tasks[index], self.lm.replies(requests[index], questions[index], answers)

    def close(self) -> None:
        if self.engine is not None:
            self.engine.close()
        self.engine = self.lm = None


SWEEPS: dict[str, Callable[[Settings], Any]] = {"hf": TransformersSweep, "vllm": VllmSweep}
