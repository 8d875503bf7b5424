"""The data of the page, packed into one file: a column for each property of the numbers, gzipped, in Base64."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from parts.board.overall import TO_PERCENT
from parts.board.ranks import rank_ranges, row_error
from parts.board.vocabulary import SOURCE_TEXTS, SOURCE_TYPES, RankRange
from parts.page.constants import HUB_URL, PAGE_HTML, PAGE_SCRIPT, PAGE_STYLE, PAGE_TITLE, SOURCE_MARKS

RECORD_FILE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\.json")


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


def page_benchmark(
    row: Mapping[str, Any], category: str | None, answers: Mapping[str, str], unlike: str = ""
) -> dict[str, Any]:
    """A benchmark as the page shows it: the factor for people, whether it is a share, which may be averaged, and in
    what its scores were not measured alike."""
    factor = TO_PERCENT.get(row["canonical_unit"])
    return {
        "key": row["benchmark"],
        "name": row["benchmark_name"] or row["benchmark"],
        "unit": row["canonical_unit"] or "" if factor is None else "%",
        "scale": factor or 1,
        "lower": bool(row["lower_is_better"]),
        "share": factor is not None,
        "category": category,
        "answers": answers.get(row["benchmark"], row["benchmark"]),
        "unlike": unlike,
    }


def place_parts(text: str | None, model: str, strings: Strings) -> tuple[int | None, str | None]:
    """An address, or a note that begins with a record's path, as what others share and its last part.

    In the first the model's own name is a space. Of a hundred thousand records the last part is all that differs.
    """
    if text is None or text.startswith("~") or "/" not in text or " " in text.partition("; ")[0]:
        return strings(text), None
    path, _, more = text.partition("; ")
    folder, _, name = path.rpartition("/")
    if RECORD_FILE.fullmatch(name):  # 32 digits of 4 bits as 22 letters of 6: they are most of a large page
        name = " " + base64.b64encode(bytes.fromhex(name[:36].replace("-", ""))).decode()[:22]
    return strings(f"{folder}/".replace(model, " ")), f"{name}; {more}" if more else name


def page_score(row: Mapping[str, Any], rank: RankRange | None, text: Strings) -> dict[str, Any]:
    """A number: value, source, ranks, its error and how that is known, how and by whom it was made."""
    error, basis = row_error(row)
    url, file = place_parts(web_address(row["source_url"], row["model"]), row["model"], text)
    notes, record = place_parts(row["notes"], row["model"], text)
    return {
        "value": row["comparable"],
        "source": list(SOURCE_TYPES).index(row["source_type"]),
        "low": rank and rank.low,
        "high": rank and rank.high,
        "official": row["official_rank"],
        "why": text(row["official_why"]),
        "basis": text(basis),
        "error": None if error is None else float(f"{error:.4g}"),
        "n": row["n"],
        "shots": text(row["shots"]),
        "metric": text(row["metric"]),
        "url": url,
        "file": file,
        "contributor": text(row["contributor"]),
        "revision": text(row["revision"] and row["revision"][:12]),
        "date": text(row["date"]),
        "form": text(row["source_format"]),
        "origin": text(row["source_name"]),
        "written": written_otherwise(row),
        "notes": notes,
        "record": record,
        "request": row["pull_request"],
    }


def written_otherwise(row: Mapping[str, Any]) -> float | None:
    """The value as its source has it, unless that is what the page shows: 98.5 beside 98.5 % says nothing."""
    shown = row["comparable"] * TO_PERCENT.get(row["canonical_unit"], 1.0)
    return (
        None
        if any(abs(row["value"] - value) <= 1e-9 * abs(value) for value in (shown, row["comparable"]))
        else row["value"]
    )


def as_columns(rows: Iterable[Mapping[str, Any]], places: Sequence[tuple[int, int]]) -> dict[str, list[Any]]:
    """Properties that some row has as columns; m and b: the places of a number's model and benchmark."""
    table = list(rows)
    columns: dict[str, list[Any]] = {"m": [m for m, _ in places], "b": [b for _, b in places]}
    for name in table[0] if table else ():
        column = [row[name] for row in table]
        if any(value is not None for value in column):
            columns[name] = column
    return columns


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


def page_ranks(shown: Iterable[dict[str, Any]]) -> dict[tuple[str, str], RankRange]:
    """(benchmark, model) -> rank range, among all shown numbers of the benchmark."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in shown:
        found.setdefault(row["benchmark"], []).append(row)
    return {(key, model): rank for key, rows in found.items() for model, rank in rank_ranges(rows).items()}


def page_html(data: Mapping[str, Any], first: Mapping[str, str] | None = None) -> str:
    """The whole page as one HTML text: style, script and data inside, and a policy that forbids everything else.

    The data is JSON, gzipped, in Base64, so nothing in it is markup; `first`: what is seen before it is unpacked, and
    without JavaScript (lead, head, rows: HTML that is safe).
    """
    text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    packed = gzip.compress(text.encode("utf-8", "replace"), 6, mtime=0)  # half of a surrogate pair is no text
    policy = (
        f"default-src 'none'; style-src '{sha256_source(PAGE_STYLE)}'; script-src '{sha256_source(PAGE_SCRIPT)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    parts = {"policy": policy, "title": PAGE_TITLE, "style": PAGE_STYLE, "script": PAGE_SCRIPT}
    parts |= {"data": base64.b64encode(packed).decode(), "lead": "", "collected": "", "head": "", "rows": ""} | dict(
        first or {}
    )
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], PAGE_HTML)


def sha256_source(text: str) -> str:
    """The source expression of a Content-Security-Policy for an inline element with this text."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
