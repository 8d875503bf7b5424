"""lm-eval's model on one vLLM engine, kept over many checkpoints."""

from __future__ import annotations

import collections
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parts.engines.kept import OnVllm
from parts.engines.vllm import VllmEngine
from parts.frame import ScriptError
from parts.harness.lm_eval_records import most_tokens
from parts.harness.lm_eval_tasks import Reply
from parts.harness.lm_eval_transformers import times_asked
from parts.harness.settings import Settings
from parts.harness.templates import limited_rendering
from parts.harness.vocabulary import Continuations, EngineAnswer, Generation, Job, Model


@dataclass(frozen=True)
class EngineQuestion:
    """What an engine is asked, and the requests that it answers: for choices, one for each choice."""

    asked: Generation | Continuations
    requests: tuple[int, ...]


def open_vllm_lm(engine: VllmEngine, settings: Settings) -> Any:
    """vLLM behind lm-eval's interface; several tasks share its queue."""
    from lm_eval.api.model import TemplateLM

    class VllmModel(EngineRequests, TemplateLM):
        """lm-eval's interface with its requests as an engine is asked them."""

    return VllmModel(engine, settings)


class EngineRequests:
    """lm-eval's requests as questions to an engine, and its answers as replies; the next base of its class is
    lm-eval's TemplateLM."""

    def __init__(self, engine: VllmEngine, settings: Settings) -> None:
        super().__init__()
        self.engine, self.settings = engine, settings
        self.tokenizer = engine.tokenizer
        self.encoded: dict[Any, list[int]] = {}
        self.asked: dict[int, list[EngineQuestion]] = {}

    @property
    def eot_token_id(self) -> int:
        return self.tokenizer.eos_token_id

    @property
    def max_length(self) -> int:
        return self.engine.config.max_model_len

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
        with limited_rendering():
            return HFLM.apply_chat_template(self, chat_history, add_generation_prompt)

    def pair(self, request: Any) -> tuple[list[int], list[int]]:
        """Prompt and continuation as tokens, by lm-eval's rules."""
        prompt, continuation = request.args[:2]
        if prompt:
            return self._encode_pair(prompt, continuation)
        tokens = self.tok_encode(continuation, add_special_tokens=False)
        return (tokens[:1], tokens[1:]) if tokens[:1] == [self.prefix_token_id] else ([self.prefix_token_id], tokens)

    def windows(self, request: Any) -> list[tuple[list[int], list[int]]]:
        """A long text as contexts and the parts of it that are scored, by lm-eval's rules."""
        from lm_eval.utils import get_rolling_token_windows, make_disjoint_window

        tokens = self.tok_encode(request.args[0])
        parts = get_rolling_token_windows(tokens, self.prefix_token_id, self.max_length, 1)
        return [make_disjoint_window(part) for part in parts]

    def questions(self, job: Job) -> list[Generation | Continuations]:
        """What the engine is asked for some requests."""
        self.asked[id(job)] = self.questions_of(job.docs)
        return [question.asked for question in self.asked[id(job)]]

    def questions_of(self, requests: Sequence[Any]) -> list[EngineQuestion]:
        """The questions for some requests: the choices of an item share one."""
        found: list[EngineQuestion] = []
        shared: dict[Any, list[tuple[int, list[int]]]] = collections.defaultdict(list)
        for place, request in enumerate(requests):
            if request.request_type == "loglikelihood":
                prompt, choice = self.pair(request)
                shared[request.doc_id, tuple(prompt)].append((place, choice))
            elif request.request_type == "loglikelihood_rolling":
                found += [EngineQuestion(Continuations(list(a), [list(b)]), (place,)) for a, b in self.windows(request)]
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
            samples=times_asked(request, self.settings),
            temperature=temperature,
            seed=self.settings.seed if temperature else None,
        )

    def replies(self, job: Job, answers: Sequence[EngineAnswer]) -> list[Reply]:
        """The engine's answers as replies to the requests."""
        requests = job.docs
        found: dict[int, Reply] = {}
        for question, answer in zip(self.asked.pop(id(job)), answers, strict=True):
            if isinstance(question.asked, Generation):
                found[question.requests[0]] = Reply(answer.texts, answer.truncated, answer.cut_prompt)
            elif requests[question.requests[0]].request_type == "loglikelihood_rolling":
                before = found.get(question.requests[0], Reply([0.0]))
                found[question.requests[0]] = Reply([before.responses[0] + answer.logprobs[0]])
            else:
                pairs = zip(question.requests, answer.logprobs, answer.greedy, strict=True)
                for place, chance, greedy in pairs:
                    times = requests[place].repeats or 1
                    found[place] = Reply([(chance, greedy)] * times, 0, answer.cut_prompt)
        return [found[place] for place in range(len(requests))]

    # lm-eval's interface, which its evaluator would call; here jobs are asked.
    loglikelihood = loglikelihood_rolling = generate_until = _loglikelihood_tokens = None


def lm_eval_vllm_engine(model: Model, settings: Settings) -> OnVllm:
    """lm-eval on vLLM."""
    return OnVllm(model, settings, open_vllm_lm)
