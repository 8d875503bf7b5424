"""Random seeds and revisions of data sets."""

from __future__ import annotations

import random
import re
import sys
from typing import Any


def dataset_revision(dataset: Any) -> str | None:
    """The commit of a Hub data set, which `datasets` keeps in the path of its cache."""
    for split in dataset.values():
        for file in getattr(split, "cache_files", []):
            match = re.search(r"[/\\]([0-9a-f]{40})[/\\]", file.get("filename", ""))
            if match:
                return match[1]
    return None


def seed_everything(seed: int) -> None:
    """Seed what is imported: a plan does without torch, and what answers has imported it."""
    import numpy

    random.seed(seed)
    numpy.random.seed(seed % 2**32)
    if "torch" in sys.modules:
        sys.modules["torch"].manual_seed(seed)
