"""Cards from files and from the Hub."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from parts.cards.labels import Vocabulary
from parts.frame import ScriptError
from parts.inputs import MAX_CARD_FILE, input_bytes
from parts.metadata.front_matter import decode_card
from parts.publish.hub import fetch_state
from parts.vocabulary import normalize_name


def build_vocabulary(mapping: dict[str, Any]) -> Vocabulary:
    """Folded names of benchmarks to their keys (key, name, aliases, names in harnesses), and what is known of these."""
    keys: dict[str, str] = {}
    ranges: dict[str, tuple[float | None, float | None]] = {}
    metrics: dict[str, str] = {}
    splits: dict[str, str] = {}
    topics: dict[str, str] = {}
    items: dict[str, int] = {}
    datasets: dict[str, frozenset[str]] = {}
    for key, entry in mapping.items():
        if not isinstance(entry, dict) or entry.get("kind") != "benchmark":
            continue
        own = [normalize_name(name) for name in (key, entry.get("name"), *(entry.get("aliases") or ())) if name]
        for folded in own:
            keys.setdefault(folded, key)
        for harness in ("lighteval", "inspect", "lm_eval", "helm", "artificial_analysis"):
            found = entry.get(harness)
            for name in found if isinstance(found, list) else [found]:
                folded = normalize_name(str(name or "").removeprefix("inspect_evals/"))
                # A harness's "race" is RACE-high, its "aime" the AIME of a year: in a card these are any of them.
                if folded and not any(name != folded and name.startswith(folded) for name in own):
                    keys.setdefault(folded, key)
        low, high = entry.get("range") or (None, None)
        metrics[key] = entry.get("metric") or "score"
        splits[key] = (entry.get("model_index") or {}).get("split") or ""
        topics[key] = entry.get("category") or ""
        items[key] = entry.get("items") or 0
        places = ((entry.get("model_index") or {}).get("type"), (entry.get("hub") or {}).get("dataset_id"))
        datasets[key] = frozenset(normalize_name(place.rpartition("/")[2]) for place in places if place)
        ranges[key] = (low, 100 if high is not None and entry.get("unit") == "proportion" else high)
    starts = frozenset(name[:3] for name in keys)
    return Vocabulary(keys, ranges, metrics, splits, topics, items, datasets, starts)


def read_card_file(path: Path) -> str:
    return decode_card(input_bytes(path, MAX_CARD_FILE), str(path))


def fetch_card(repo_id: str, revision: str | None) -> tuple[str, str]:
    """(the README.md of a model on the Hub, the model's name now); each failure is one line that says what to do."""
    where = f"{repo_id}{f' at {revision}' if revision else ''}"
    state = fetch_state(repo_id, revision)
    if state.card is None:
        raise ScriptError(f"{where} has no README.md")
    return decode_card(state.card, f"{where}/README.md"), state.moved_to or repo_id
