"""The command lines of the earlier public skill are still understood."""

import contextlib
import importlib.util
import io
import shlex
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

MANAGER = [
    "--version",
    'inspect-tables --repo-id "username/model"',
    'extract-readme --repo-id "username/model" --table 1',
    'extract-readme --repo-id "username/model" --table 1 --model-column-index 2',
    'extract-readme --repo-id "username/model" --table 1 --model-column-index 2 --model-name-override "Model 7B"',
    'extract-readme --repo-id "username/model" --table 1 --model-name-override "**Model 7B**" --apply',
    'extract-readme --repo-id "username/model" --table 1 --create-pr',
    'extract-readme --repo-id "username/model" --table 1 --task-type "text-generation" --create-pr',
    'extract-readme --repo-id "username/model" --table 1 --dataset-name "Custom Benchmarks" --create-pr',
    'extract-readme --repo-id "username/model" --dry-run',
    'import-aa --creator-slug "anthropic" --model-name "claude-sonnet-4" --repo-id "username/model-name"',
    'import-aa --creator-slug "anthropic" --model-name "claude-sonnet-4" --repo-id "username/model-name" --create-pr',
    'show --repo-id "username/model-name"',
    'validate --repo-id "username/model-name"',
    'get-prs --repo-id "username/model-name"',
]
OTHERS = [
    'run_eval_job.py --model "meta-llama/Llama-2-7b-hf" --task "mmlu" --hardware "t4-small"',
    'run_eval_job.py --model "model-id" --task "task-name" --hardware cpu-basic',
    'run_vllm_eval_job.py --model meta-llama/Llama-3.2-1B --task "leaderboard|mmlu|5" --framework lighteval',
    "run_vllm_eval_job.py --model meta-llama/Llama-3.2-70B --task mmlu --framework inspect --hardware a100-large "
    "--tensor-parallel-size 4",
    "run_vllm_eval_job.py --model microsoft/phi-2 --task mmlu --framework inspect --backend hf",
    'lighteval_vllm_uv.py --model meta-llama/Llama-3.2-1B --tasks "leaderboard|mmlu|5"',
    'lighteval_vllm_uv.py --model meta-llama/Llama-3.2-1B --tasks "leaderboard|mmlu|5,leaderboard|gsm8k|5"',
    'lighteval_vllm_uv.py --model meta-llama/Llama-3.2-1B --tasks "leaderboard|mmlu|5" --backend accelerate',
    'lighteval_vllm_uv.py --model m/x --tasks "leaderboard|mmlu|5,lighteval|hellaswag|0" --max-samples 20 '
    "--use-chat-template",
    'lighteval_vllm_uv.py --model microsoft/phi-2 --tasks "leaderboard|mmlu|5" --backend accelerate '
    "--trust-remote-code --max-samples 20",
    "inspect_vllm_uv.py --model meta-llama/Llama-3.2-1B --task mmlu",
    "inspect_vllm_uv.py --model meta-llama/Llama-3.2-1B --task gsm8k --limit 20",
    "inspect_vllm_uv.py --model meta-llama/Llama-3.2-1B --task mmlu --backend hf --trust-remote-code --limit 20",
    "inspect_vllm_uv.py --model meta-llama/Llama-3.2-70B --task mmlu --tensor-parallel-size 4",
    "inspect_vllm_uv.py --model meta-llama/Llama-3.2-1B --task mmlu --temperature 0.0 --gpu-memory-utilization 0.8",
    "inspect_eval_uv.py --model meta-llama/Llama-3.2-1B --task mmlu --limit 20",
    'inspect_eval_uv.py --model "meta-llama/Llama-2-7b-hf" --task "mmlu"',
]
COMMANDS = [f"evaluation_manager.py {words}" for words in MANAGER] + OTHERS


def parser_of(script: str):
    """A script's argument parser."""
    name = script.removesuffix(".py")
    module = sys.modules.get(f"old_{name}")
    if module is None:
        spec = importlib.util.spec_from_file_location(f"old_{name}", ROOT / "scripts" / script)
        module = importlib.util.module_from_spec(spec)
        sys.modules[f"old_{name}"] = module
        spec.loader.exec_module(module)
    return module.build_parser()


@pytest.mark.parametrize("command", COMMANDS)
def test_it_is_understood(command):
    script, *words = shlex.split(command)
    out, err = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            args = parser_of(script).parse_args(words)
            assert words == ["--version"] or args.run
        except SystemExit as end:
            code = end.code
    assert code == 0, f"{command}: {err.getvalue()}"
