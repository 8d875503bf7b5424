"""Which files of a folder are results, of which harness."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from parts.formats.files import json_value, read_bounded
from parts.formats.helm import read_helm
from parts.formats.here import Here
from parts.formats.inspect import read_inspect_archive, read_inspect_json
from parts.formats.lighteval import read_lighteval
from parts.formats.lm_eval import read_lm_eval
from parts.formats.vocabulary import Files, FoundFile, Origin, TaskRun, Trouble, file_digest
from parts.inputs import open_input

SNIFFED = 4096  # read of each file in a folder, to tell what it is
MARKERS = (b'"config_general"', b'"adapter_spec"', b'"eval"', b'"results"')


def sniff(path: Path) -> str:
    """What a file is by its first bytes: zip, parquet, lines, json or other."""
    with open_input(path) as file:
        head = file.read(SNIFFED)
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return "zip"
    if head[:4] == b"PAR1":
        return "parquet"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] not in (b"{", b"["):
        return "other"
    return "lines" if path.suffix == ".jsonl" or text.startswith(b'{"doc_id"') else "json"


def format_of(document: Any) -> str | None:
    """Which harness wrote a JSON document; None for any other."""
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("config_general"), dict) and isinstance(document.get("results"), dict):
        return "lighteval"
    if isinstance(document.get("adapter_spec"), dict) and isinstance(document.get("scenario_spec"), dict):
        return "helm"
    if isinstance(document.get("eval"), dict) and isinstance(document.get("status"), str):
        return "inspect"
    known = {"config", "configs", "versions", "n-shot", "group_subtasks", "lm_eval_version"}
    if isinstance(document.get("results"), dict) and len(known & set(document)) >= 2:
        return "lm-eval"
    return None


FORMAT_READERS: dict[str, Callable[..., Iterator[TaskRun | Trouble]]] = {
    "lighteval": read_lighteval,
    "lm-eval": read_lm_eval,
    "inspect": read_inspect_json,
    "helm": read_helm,
}


def read_file(found: FoundFile, wanted: str | None, here: Here, files: Files) -> Iterator[TaskRun | Trouble] | None:
    """What a file tells; None when it is no result file. ValueError and the like when it is damaged."""
    path, kind = found.path, sniff(found.path)
    if kind == "zip" and (path.suffix == ".eval" or found.asked):
        return (
            read_inspect_archive(Origin(path, file_digest(path), "inspect"), here)
            if wanted in (None, "inspect")
            else None
        )
    if path.suffix == ".eval" or (path.suffix == ".parquet" and kind != "parquet"):
        raise ValueError(
            f"no {'zip archive' if path.suffix == '.eval' else 'parquet file'}: cut off, or something else"
        )
    if kind != "json":
        return None
    data = read_bounded(path) if found.asked or path.suffix == ".json" else b""
    if not any(marker in data for marker in MARKERS) and len(data) > 1 << 26:
        return None
    document = json_value(data) if data else None
    name = format_of(document)
    if name is None or wanted not in (None, name):
        return None
    return FORMAT_READERS[name](Origin(path, hashlib.sha256(data).hexdigest(), name), document, here, files)
