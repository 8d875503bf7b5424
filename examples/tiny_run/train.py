#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy>=1.26,<3",
#   "tokenizers>=0.22,<1",
#   "torch>=2.6,<3",
#   "tqdm>=4.66,<5",
#   "transformers>=5,<6",
# ]
# ///
"""Train a byte-level Llama of 0.4 M parameters on the fifteen skills of make_data.py, keeping ten checkpoints.

A real run on the CPU, some four minutes on two cores, in two phases that flow into each other:

  steps    0-680   base training: all skills alike, the learning rate falls from 4e-3 to 8e-4
  steps  680-1000  fine-tuning on sums and code: by step 860 nothing else is left, the learning rate rises to 1.2e-3

The fine-tuning is what makes the choice of a checkpoint worth a measurement: it teaches the sums, of which base
training gets about one in ten right, and the model forgets other skills. The loss is on the answers only, and only on
what is practised: it ends at its lowest, at the last step, so it cannot tell which checkpoint is best.

Writes CHECKPOINTS/step_100 … step_1000 (Hugging Face folders, trained in float32, saved in bfloat16) and, beside the
folder of checkpoints, training_log.jsonl (step, loss, lr, mixture, seconds; the loss is the mean since the last line).
Nothing is evaluated here. Prints the folders that it wrote to stdout, progress to stderr.

Examples:
  uv run examples/tiny_run/train.py
  uv run examples/tiny_run/train.py --output-dir my_run/checkpoints --seed 8
  uv run examples/tiny_run/train.py --steps 40 --save-every 20 --output-dir short_run/checkpoints

Exit codes: 0 done, 2 could not be done.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
import os
import random
import re
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from make_data import SKILLS, ScriptError, make_data_sets, note

if TYPE_CHECKING:
    import torch
    from transformers import LlamaForCausalLM, PreTrainedTokenizerFast

HERE = Path(__file__).parent
STEPS, SAVE_EVERY, SEED = 1000, 100, 7
LOG_EVERY = 10
BATCH = 96
THREADS = 2  # fixed, because the order of floating-point sums, and so every bit of the weights, depends on it

# Parts of the run, so that a shorter run has the same shape.
WARM_UP = 0.04
TUNE_FROM, TUNE_FULL = 0.68, 0.86
TUNED_SKILLS = ("math_reasoning", "code_generation")
PEAK_LR, BASE_END_LR, TUNE_LR = 4e-3, 8e-4, 1.2e-3

# 394,368 parameters; heads of 32 because inference engines support no smaller ones.
HIDDEN, LAYERS, HEADS, MLP, POSITIONS = 96, 4, 3, 192, 256
ROPE_THETA = 500.0  # the texts have at most 62 bytes: slower rotations than these would be no use
SPECIAL_TOKENS = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
PAD, BOS, EOS = 0, 1, 2
IGNORED = -100  # the label that cross entropy skips


@dataclass(frozen=True)
class Example:
    tokens: list[int]
    prompt_length: int


# --- The recipe ---


def tuned_share(progress: float) -> float:
    """How much of the mixture is fine-tuning: 0 in base training, then a straight line to 1."""
    return min(max((progress - TUNE_FROM) / (TUNE_FULL - TUNE_FROM), 0.0), 1.0)


def mixture(progress: float) -> dict[str, float]:
    tuned = tuned_share(progress)
    return {
        skill: (1 - tuned) / len(SKILLS) + (tuned / len(TUNED_SKILLS) if skill in TUNED_SKILLS else 0.0)
        for skill in SKILLS
    }


def learning_rate(progress: float) -> float:
    if progress < WARM_UP:
        return PEAK_LR * progress / WARM_UP
    if progress < TUNE_FROM:
        return BASE_END_LR + (PEAK_LR - BASE_END_LR) * (1 + math.cos(math.pi * progress / TUNE_FROM)) / 2
    return BASE_END_LR + (TUNE_LR - BASE_END_LR) * tuned_share(progress)


# --- Tokenizer, model, examples ---


def byte_tokenizer() -> PreTrainedTokenizerFast:
    """One token per byte (BPE without merges), and <s> before every text."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    texts = [*SPECIAL_TOKENS.values(), *sorted(pre_tokenizers.ByteLevel.alphabet())]
    tokenizer = Tokenizer(models.BPE(vocab={text: number for number, text in enumerate(texts)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    bos = SPECIAL_TOKENS["bos_token"]
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, BOS)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        model_max_length=POSITIONS,
        padding_side="left",
        clean_up_tokenization_spaces=False,
        **SPECIAL_TOKENS,
    )


def new_model(vocabulary: int) -> LlamaForCausalLM:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=HIDDEN,
        intermediate_size=MLP,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=POSITIONS,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        initializer_range=0.05,
        tie_word_embeddings=True,
        pad_token_id=PAD,
        bos_token_id=BOS,
        eos_token_id=EOS,
    )
    return LlamaForCausalLM(config)


def encode_examples(tokenizer: PreTrainedTokenizerFast) -> dict[str, list[Example]]:
    examples: dict[str, list[Example]] = {}
    for skill, data in make_data_sets().items():
        examples[skill] = []
        for item in data.train:
            prompt = tokenizer(item.prompt)["input_ids"]
            answer = tokenizer(f" {item.answer}", add_special_tokens=False)["input_ids"]
            examples[skill].append(Example([*prompt, *answer, EOS], len(prompt)))
    return examples


def draw_batch(examples: dict[str, list[Example]], shares: dict[str, float], rng: random.Random) -> list[Example]:
    skills = rng.choices(list(shares), list(shares.values()), k=BATCH)
    return [rng.choice(examples[skill]) for skill in skills]


def answer_loss(model: LlamaForCausalLM, batch: Sequence[Example]) -> torch.Tensor:
    """Mean cross entropy of the answers' bytes. Padding stands on the right, where a causal model never sees it."""
    import torch

    width = max(len(example.tokens) for example in batch)
    tokens, labels = [], []
    for example in batch:
        padding = width - len(example.tokens)
        tokens.append(example.tokens + [PAD] * padding)
        answer = example.tokens[example.prompt_length :]
        labels.append([IGNORED] * example.prompt_length + answer + [IGNORED] * padding)
    logits = model(input_ids=torch.tensor(tokens), use_cache=False).logits
    targets = torch.tensor(labels)[:, 1:]
    return torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), targets.flatten(), ignore_index=IGNORED)


# --- Training ---


def train_steps(model: LlamaForCausalLM, examples: dict[str, list[Example]], steps: int, seed: int) -> Iterator[dict]:
    """Train, and yield after each step what happened in it."""
    import torch

    rng = random.Random(seed)
    optimizer = torch.optim.AdamW(model.parameters(), betas=(0.9, 0.98), weight_decay=0.05)
    start = time.monotonic()
    for step in range(1, steps + 1):
        shares, rate = mixture(step / steps), learning_rate(step / steps)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = answer_loss(model, draw_batch(examples, shares, rng))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        yield {
            "step": step,
            "loss": loss.item(),
            "lr": rate,
            "mixture": shares,
            "seconds": time.monotonic() - start,
        }


def save_checkpoint(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    import torch

    copy.deepcopy(model).to(torch.bfloat16).save_pretrained(folder)  # a copy: training goes on in float32
    tokenizer.save_pretrained(folder)


def render_log_line(records: Sequence[dict]) -> str:
    """One line for some steps: the mean of their losses, everything else as in the last one."""
    last = records[-1]
    line = {
        "step": last["step"],
        "loss": round(sum(record["loss"] for record in records) / len(records), 4),
        "lr": float(f"{last['lr']:.4g}"),
        "mixture": {skill: round(share, 4) for skill, share in last["mixture"].items()},
        "seconds": round(last["seconds"], 1),
    }
    return json.dumps(line) + "\n"


def make_room(output_dir: Path, log: Path, overwrite: bool) -> None:
    old = [folder for folder in output_dir.glob("step_*") if re.fullmatch(r"step_\d+", folder.name)]
    if (old or log.exists()) and not overwrite:
        found = output_dir if old else log
        raise ScriptError(f"{found} holds an earlier run; choose another --output-dir, or replace it with --overwrite")
    for folder in old:
        shutil.rmtree(folder)
    output_dir.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)


def train(args: argparse.Namespace) -> list[Path]:
    # Read when torch is loaded: waiting threads sleep, so a busy machine does not slow the run down several times over.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import torch
    from tqdm import tqdm
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.set_num_threads(THREADS)
    torch.manual_seed(args.seed)
    tokenizer = byte_tokenizer()
    model = new_model(len(tokenizer))
    examples = encode_examples(tokenizer)
    note(f"{model.num_parameters():,} parameters, {sum(map(len, examples.values())):,} training items")

    log = log_path(args.output_dir)
    folders, records = [], []
    progress = tqdm(train_steps(model, examples, args.steps, args.seed), total=args.steps, unit="step", disable=None)
    for record in progress:
        records.append(record)
        step = record["step"]
        if step % LOG_EVERY == 0 or step == args.steps:
            recent = records[-LOG_EVERY:] if step % LOG_EVERY == 0 else records[-(step % LOG_EVERY) :]
            with log.open("a", encoding="utf-8") as lines:
                lines.write(render_log_line(recent))
        if step % args.save_every == 0:
            folders.append(args.output_dir / f"step_{step}")
            save_checkpoint(model, tokenizer, folders[-1])
            losses = [record["loss"] for record in records[-args.save_every :]]
            tuned = sum(record["mixture"][skill] for skill in TUNED_SKILLS)
            note(
                f"step {step:5d}  mean loss {sum(losses) / len(losses):.3f}  learning rate {record['lr']:.1e}  "
                f"sums and code {tuned:.0%}  {record['seconds']:.0f} s"
            )
    return folders


# --- Command line ---


def log_path(output_dir: Path) -> Path:
    return output_dir.resolve().parent / "training_log.jsonl"


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number


def build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--output-dir",
        type=Path,
        default=HERE / "checkpoints",
        help="folder of the checkpoints (default: checkpoints/)",
    )
    parser.add_argument("--steps", type=positive, default=STEPS, help=f"length of the run (default: {STEPS})")
    parser.add_argument(
        "--save-every", type=positive, default=SAVE_EVERY, help=f"steps between checkpoints (default: {SAVE_EVERY})"
    )
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed of weights and batches (default: {SEED})")
    parser.add_argument(
        "--overwrite", action="store_true", help="replace the checkpoints and the log of an earlier run"
    )
    return parser


def run(args: argparse.Namespace) -> int:
    if args.save_every > args.steps:
        raise ScriptError(f"--save-every {args.save_every} is more than --steps {args.steps}: nothing would be saved")
    try:
        make_room(args.output_dir, log_path(args.output_dir), args.overwrite)
        folders = train(args)
    except OSError as error:
        raise ScriptError(f"{error.filename}: {error.strerror}; choose another --output-dir") from error
    for folder in folders:
        print(folder)
    note(f"next: evaluate the checkpoints; the loss curve is in {log_path(args.output_dir)}")
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    args = build_parser().parse_args(argv)
    try:
        return run(args)
    except ScriptError as error:
        note(f"error: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
