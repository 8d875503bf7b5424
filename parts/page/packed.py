"""The data of the page, packed into one file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from parts.board.ranks import rank_ranges
from parts.board.vocabulary import SOURCE_TYPES, RankRange
from parts.page.constants import (
    HUB_URL,
    PAGE_HTML,
    PAGE_SCRIPT,
    PAGE_STYLE,
    PAGE_TITLE,
    PAGE_UNITS,
    SOURCE_MARKS,
    SOURCE_TEXTS,
)


class Strings:
    """Texts that occur often, each once: a text becomes its index, None stays None."""

    def __init__(self) -> None:
        self.index: dict[str, int] = {}

    def __call__(self, text: str | None) -> int | None:
        return None if text is None else self.index.setdefault(text, len(self.index))


def web_address(address: str | None, model: str) -> str | None:
    """An address that the page may link to, "~" for the model's own page on the Hub; None unless http or https."""
    if address is None or not address.lower().startswith(("https://", "http://")):
        return None
    own = f"{HUB_URL}/{model}"
    return "~" + address.removeprefix(own) if address == own or address.startswith(f"{own}/") else address


def page_benchmark(row: Mapping[str, Any], category: str | None) -> dict[str, Any]:
    """A benchmark as the page shows it: the factor for people, and whether it may enter an average."""
    factor, unit, share = PAGE_UNITS.get(row["canonical_unit"], (1, row["canonical_unit"] or "", False))
    lower = bool(row["lower_is_better"])
    return {
        "key": row["benchmark"],
        "name": row["benchmark_name"] or row["benchmark"],
        "unit": unit,
        "scale": factor,
        "lower": lower,
        "share": share and not lower,
        "bounds": [0, 100 / factor] if share else None,
        "category": category,
    }


def page_score(row: Mapping[str, Any], place: Sequence[int], rank: RankRange | None, text: Strings) -> list[Any]:
    """A number as a short list: place (model, benchmark), value, source, rank, how, by whom; no trailing nulls."""
    fields = [
        *place,
        row["comparable"],
        list(SOURCE_TYPES).index(row["source_type"]),
        rank and rank.low,
        rank and rank.high,
        text(rank and rank.basis),
        row["comparable_error"],
        row["n"],
        text(row["shots"]),
        text(row["metric"]),
        text(web_address(row["source_url"], row["model"])),
        text(row["contributor"]),
        text(row["revision"] and row["revision"][:12]),
        text(row["date"]),
        text(row["source_format"]),
        text(row["source_name"]),
        None if row["value"] == row["comparable"] else row["value"],
        text(row["notes"]),
        row["pull_request"],
        row["official_rank"],
        text(row["official_why"]),
    ]
    while fields[-1] is None:
        fields.pop()
    return fields


def page_model(row: Mapping[str, Any], text: Strings) -> list[Any]:
    """A model as a short list: id, parameters, license, downloads."""
    return [row["model"], row["parameters"], text(row["license"]), row["downloads"]]


def page_apart(row: Mapping[str, Any], place: int, text: Strings) -> list[Any]:
    """A number that was kept apart: model, benchmark, as written with its unit, source, why."""
    written = f"{row['value']} {row['unit'] or ''}".strip()
    name = row["benchmark_name"] or row["source_task"]
    url = text(web_address(row["source_url"], row["model"]))
    return [place, text(name), written, list(SOURCE_TYPES).index(row["source_type"]), text(row["why_not"]), url]


def page_sources() -> list[dict[str, Any]]:
    """The kinds of sources in the written order: what they are called, what marks them, what they mean."""
    return [
        {
            "id": kind,
            "label": label,
            "short": SOURCE_MARKS.get(kind, ""),
            "text": SOURCE_TEXTS[kind],
            "onHub": kind not in ("own_run", "reported"),
        }
        for kind, label in SOURCE_TYPES.items()
    ]


def page_ranks(scores: Sequence[dict[str, Any]]) -> dict[tuple[str, str], RankRange]:
    """(benchmark, model) -> rank range, among all shown numbers of the benchmark."""
    shown: dict[str, list[dict[str, Any]]] = {}
    for row in scores:
        if row["shown"]:
            shown.setdefault(row["benchmark"], []).append(row)
    return {(key, model): rank for key, rows in shown.items() for model, rank in rank_ranges(rows).items()}


def page_html(data: Mapping[str, Any]) -> str:
    """The whole page as one HTML text: style, script and data inside, and a policy that forbids everything else.

    The data is JSON in which no "<" is left, so it can neither end its element nor begin another.
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")
    text = text.encode("utf-8", "replace").decode()  # a half of a surrogate pair is no text
    policy = (
        f"default-src 'none'; style-src '{sha256_source(PAGE_STYLE)}'; script-src '{sha256_source(PAGE_SCRIPT)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    parts = {"policy": policy, "title": PAGE_TITLE, "style": PAGE_STYLE, "script": PAGE_SCRIPT, "data": text}
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], PAGE_HTML)


def sha256_source(text: str) -> str:
    """The source expression of a Content-Security-Policy for an inline element with this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
