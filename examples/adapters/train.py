#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy>=1.26,<3",
#   "peft>=0.17,<1",
#   "tokenizers>=0.22,<1",
#   "torch>=2.6,<3",
#   "tqdm>=4.66,<5",
#   "transformers>=5,<6",
# ]
# ///
"""Train a LoRA adapter of the example's step_600 on sums, and keep two checkpoints of it.

The base gets one sum in ten right. Its own weights stay as they are; the adapter (52,224 values) learns the sums, with
some of every other skill between them so that they are not forgotten. Some two minutes on one core.

Writes checkpoint-150 and checkpoint-300 beside this file, as PEFT writes them, and prints their folders.

Example:
  uv run examples/adapters/train.py
"""

from __future__ import annotations

import argparse
import os
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BASE = "examples/tiny_run/checkpoints/step_600"
STEPS, SAVE_EVERY, RATE, SEED = 300, 150, 4e-3, 11


def train(output_dir: Path) -> None:
    """Train, and save as PEFT does; prints each folder with the loss of its last step."""
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.path.insert(0, str(HERE.parent / "tiny_run"))
    import torch
    import train as run
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    base = HERE.parents[1] / BASE
    examples = run.encode_examples(AutoTokenizer.from_pretrained(base))
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, target_modules="all-linear"))
    model.peft_config["default"].base_model_name_or_path = BASE
    shares = {skill: 0.7 if skill == "math_reasoning" else 0.3 / (len(run.SKILLS) - 1) for skill in run.SKILLS}
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=RATE)
    rng = random.Random(SEED)
    for step in range(1, STEPS + 1):
        for group in optimizer.param_groups:
            group["lr"] = RATE * min(1, step / 20) * (1 - 0.9 * step / STEPS)
        loss = run.answer_loss(model, run.draw_batch(examples, shares, rng))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        if step % SAVE_EVERY == 0:
            folder = output_dir / f"checkpoint-{step}"
            model.save_pretrained(folder)
            (folder / "README.md").unlink(missing_ok=True)  # PEFT's empty model card
            print(folder, f"loss {loss.item():.3f}", flush=True)


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output-dir", type=Path, default=HERE, help="folder of the adapters (default: beside this)")
    return parser


def main() -> int:
    """Train and save."""
    train(build_parser().parse_args().output_dir)
    return 0


if __name__ == "__main__":
    sys.exit(main())
