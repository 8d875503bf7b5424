"""Files beside the parts (pages, word lists) as values; in an assembled script each call is replaced by a literal."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def embedded(name: str, field: str | None = None) -> Any:
    """The text of a file of parts/, or what a .json file holds.

    `field` takes of a JSON object of objects the entries that have the field: {key: entry[field]}, sorted by key.
    """
    text = Path(__file__).parent.joinpath(name).read_text(encoding="utf-8")
    if not name.endswith(".json"):
        return text
    value = json.loads(text)
    return {key: value[key][field] for key in sorted(value) if value[key].get(field)} if field else value
