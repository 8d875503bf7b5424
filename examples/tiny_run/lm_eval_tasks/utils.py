"""What the YAML files here call: the same items, prompts and scoring as tasks.py has for lighteval."""

from pathlib import Path
from typing import Any

import datasets

DATA_DIR = Path(__file__).resolve().parent.parent / "data"


def load_skill(skill: str, **metadata: Any) -> dict[str, datasets.Dataset]:
    """The items of one skill by split, read from data/ whatever the current directory is."""
    files = {split: str(DATA_DIR / skill / f"{split}.jsonl") for split in ("train", "test")}
    return datasets.load_dataset("json", data_files=files)


def choices(item: dict) -> list[str]:
    # The space belongs to the choice: the model was trained on "<prompt> <answer>".
    return [f" {choice}" for choice in item["choices"]]


def gold(item: dict) -> int:
    return item["choices"].index(item["answer"])


def score_writing(item: dict, answers: list[str]) -> dict[str, float]:
    return {"exact_match": float(answers[0].strip() == item["answer"])}
