"""The options that the evaluation scripts share: the same words, the same checks."""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from parts.engines.device import vllm_version
from parts.frame import VLLM, ScriptError
from parts.harness.reasoning import REASONING_TAGS
from parts.harness.vocabulary import DEFAULT_SEED, DTYPES

WHOLE = {"type": int, "metavar": "N"}
SWITCH = {"action": "store_true"}
OPTIONS: dict[str, dict[str, Any]] = {
    "model": {
        "nargs": "+",
        "metavar": "M",
        "help": "Hub ids (OWNER/NAME[/FOLDER][@REVISION], @* for all steps), or folders of checkpoints",
    },
    "base-model": {"metavar": "M", "help": "of adapters (LoRA): folder or Hub id; default: what their config names"},
    "keep-downloads": WHOLE | {"help": "keep at most N of the Hub models that are fetched for this run; default: all"},
    "questions": {
        "nargs": "+",
        "metavar": "FILE",
        "help": "your own: .jsonl, .csv or .parquet with question, answer and perhaps choices, or messages",
    },
    "map": {
        "nargs": "+",
        "action": "extend",
        "metavar": "ROLE=FIELD",
        "help": "questions: how fields are called: answer=gold",
    },
    "score": {
        "metavar": "HOW",
        "help": "questions: loglikelihood, loglikelihood_norm, letters, exact, normalized, numeric, regex:PATTERN, f1, "
        "rouge_l; default: by what the answers are, and said",
    },
    "template": {"metavar": "TEXT", "help": "questions: with {question} and {choices} in it, \\n for a new line"},
    "shots-from": {"metavar": "FILE", "help": "questions: examples before each, from a file of the same form"},
    "shots": WHOLE | {"help": "questions: how many of --shots-from; default: 5, or all if there are fewer"},
    "show": WHOLE | {"help": "questions: print N as the model will get them, and stop"},
    "write-task": {
        "choices": ("lighteval", "lm_eval", "inspect"),
        "help": "questions: write them as a task file of this harness beside them, and stop",
    },
    "limit": WHOLE | {"help": "only N items of each task and subtask (a smoke test, no result)"},
    "batch-size": WHOLE,
    "max-connections": WHOLE,
    "max-tokens": WHOLE | {"help": "of an answer; default: the task's own, else what the model allows"},
    "max-model-len": WHOLE | {"help": "tokens of prompt and answer; default: the model's own"},
    "dtype": {"choices": DTYPES, "default": "auto", "help": "auto: the checkpoint's own on a GPU, float32 on a CPU"},
    "device": {"default": "auto", "metavar": "D", "help": "auto, cpu, cuda, cuda:1, mps; default: auto"},
    "tensor-parallel-size": WHOLE | {"help": "vllm: GPUs that share one model; default: 1"},
    "data-parallel-size": WHOLE | {"help": argparse.SUPPRESS},
    "gpu-memory-utilization": {
        "type": float,
        "metavar": "X",
        "help": "vllm: share of the GPU's memory; default: vLLM's own",
    },
    "use-chat-template": SWITCH | {"help": "send the prompts through the tokenizer's chat template"},
    "system-prompt": {"metavar": "TEXT", "help": "put this in front of every prompt"},
    "reasoning-tags": {
        "nargs": 2,
        "default": REASONING_TAGS,
        "metavar": ("OPEN", "CLOSE"),
        "help": "what a model puts around its thinking, which is not scored; default: <think> </think>",
    },
    "temperature": {"type": float, "metavar": "T", "help": "default: the task's own, else 0 (greedy)"},
    "repeats": WHOLE | {"help": "answers for each item (inspect's epochs); default: the task's own"},
    "trust-remote-code": SWITCH | {"help": "let the model's repository run its own code"},
    "sandbox": {"choices": ("docker", "local"), "help": "where programs of the model run; local: here, unprotected"},
    "seed": WHOLE | {"default": DEFAULT_SEED, "help": f"for what is drawn at random; default: {DEFAULT_SEED}"},
    "output-dir": {"default": "results", "metavar": "DIR", "help": "where the records go; default: results"},
    "results-repo": {"metavar": "OWNER/NAME[/FOLDER]", "help": "also upload the records to this data set (private)"},
    "model-id": {"metavar": "ID", "help": "the id in the records, for one model; default: its own"},
    "list-tasks": {"nargs": "?", "const": "", "metavar": "PATTERN", "help": "print the names of tasks and stop"},
    "watch": SWITCH | {"help": "go on with each checkpoint that a training writes there, when it is complete"},
    "until-step": WHOLE | {"help": "--watch: end when a checkpoint of this step or a later one is measured"},
    "stop-when": {
        "choices": ("declining",),
        "help": "--watch: end when the last three are clearly below the best",
    },
    "json": SWITCH | {"help": "print one JSON document instead of a table"},
    "dry-run": SWITCH | {"help": "show models, tasks, data sets and requests; load no model"},
}
QUESTION_OPTIONS = "questions map score template shots-from shots show write-task"
TOKENS_HELP = "of an answer to --questions; default: 64, free text 512, chat 1024"
TOKENS_OF_TASKS = {"max_tokens": "of answers to --questions; tasks say themselves how long an answer may be"}
AUTO_HELP = "auto: vllm where a GPU is and vLLM knows the architecture, else {} (transformers); default: auto"
ALIASES = {"limit": ("--max-samples",)}
NO_DATA_PARALLEL = (
    "--data-parallel-size: vLLM's offline engine has no data parallelism in one process: give each GPU a part of the "
    "models (CUDA_VISIBLE_DEVICES=0 ...), or use --tensor-parallel-size"
)


def add_options(parser: argparse.ArgumentParser, names: str, **changes: Any) -> None:
    """Add options of OPTIONS, named in one text; `changes` by option: its help, or several words of argparse."""
    for name in names.split():
        change = changes.get(name.replace("-", "_"), {})
        words = OPTIONS[name] | (change if isinstance(change, dict) else {"help": change})
        parser.add_argument(f"--{name}", *ALIASES.get(name, ()), **words)


def add_refused(parser: argparse.ArgumentParser, reasons: Mapping[str, str]) -> None:
    """Options of the other evaluation scripts, which `refuse` answers with a reason."""
    for name in reasons:
        kind = OPTIONS.get(name.replace("_", "-"), {})
        kept = {word: kind[word] for word in ("type", "action", "nargs") if word in kind}
        parser.add_argument(f"--{name.replace('_', '-')}", help=argparse.SUPPRESS, **kept)


def refuse(args: argparse.Namespace, reasons: Mapping[str, str]) -> None:
    """ScriptError for an option that is given although it cannot work, with the reason."""
    for name, reason in reasons.items():
        if getattr(args, name) not in (None, False):
            raise ScriptError(f"--{name.replace('_', '-')}: {reason}")


def check_common(args: argparse.Namespace, tasks: str, hottest: float = 10) -> None:
    """What argparse cannot know of the shared options; `tasks`: the option that names tasks."""
    if not args.model:
        raise ScriptError("--model is missing: give models and tasks (or --list-tasks to see the names)")
    if not getattr(args, tasks) and not args.questions:
        raise ScriptError(f"--{tasks} is missing: give tasks (see --list-tasks), or your own with --questions FILE")
    about = [name.replace("-", "_") for name in QUESTION_OPTIONS.split()[1:]]
    refuse(args, {} if args.questions else dict.fromkeys(about, "it is about --questions FILE"))
    for name, words in OPTIONS.items():
        value = getattr(args, name.replace("-", "_"), None)
        if words.get("type") is int and name != "seed" and value is not None and value < 1:
            raise ScriptError(f"--{name} must be at least 1")
    share = getattr(args, "gpu_memory_utilization", None)
    if share is not None and not 0 < share <= 1:
        raise ScriptError("--gpu-memory-utilization is a share of the GPU's memory: between 0 and 1, for instance 0.8")
    if args.device and not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", args.device):
        raise ScriptError(f"--device {args.device}: write auto, cpu, cuda, cuda:1 or mps")
    if args.temperature is not None and not 0 <= args.temperature <= hottest:
        raise ScriptError(f"--temperature must lie between 0 (greedy) and {hottest:g}")


def refuse_greedy_repeats(args: argparse.Namespace) -> None:
    """ScriptError for repeats that would give the same each time."""
    if (args.repeats or 1) > 1 and not args.temperature:
        raise ScriptError("--repeats: greedy answers are the same each time: add --temperature, for instance 0.7")


def task_list(texts: Sequence[str] | None, parse: Callable[[str], Any]) -> list[Any]:
    """The tasks of comma-separated lists, each once, in the order given."""
    requests = [parse(part) for part in ",".join(texts or ()).split(",") if part.strip()]
    if texts and not requests:
        raise ScriptError('--tasks is empty: give tasks such as "gsm8k|5", or look with --list-tasks')
    return list(dict.fromkeys(requests))


def installed_versions(packages: Sequence[str], backend: str) -> dict[str, str]:
    """Versions of what decides the scores, without importing any of it; a vLLM that is added later has none yet."""
    try:
        found = {name: importlib.metadata.version(name) for name in packages}
    except importlib.metadata.PackageNotFoundError as error:
        raise ScriptError(f"{error.name} is not installed: start this script with `uv run`, which brings it") from error
    if backend != "vllm":
        return found
    return found | {"vllm": vllm_version() if importlib.util.find_spec("vllm") else f"{VLLM} (not installed yet)"}
