"""Which files of a folder are results, of which harness."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from parts.formats.evalplus import is_evalplus, read_evalplus
from parts.formats.evalscope import is_evalscope, read_evalscope
from parts.formats.every_eval_ever import is_every_eval_ever, read_every_eval_ever
from parts.formats.files import first_of_lines, json_value, read_bounded, small_yaml
from parts.formats.helm import read_helm
from parts.formats.here import Here
from parts.formats.inspect import read_inspect_archive, read_inspect_json
from parts.formats.lighteval import read_lighteval
from parts.formats.lm_eval import lm_eval_family, read_lm_eval
from parts.formats.mteb import is_mteb, read_mteb
from parts.formats.nemo import is_nemo, read_nemo
from parts.formats.olmes import is_olmes, read_olmes
from parts.formats.opencompass import is_opencompass, read_opencompass
from parts.formats.simple_evals import is_simple_evals, read_simple_evals
from parts.formats.swe_bench import is_swe_bench, read_swe_bench
from parts.formats.trainer_state import is_trainer_state, read_trainer_state
from parts.formats.vocabulary import Files, FoundFile, MigratedRecord, Origin, TaskRun, Trouble, file_digest
from parts.frame import single_line
from parts.records.files import open_result
from parts.records.schema import SCHEMA_VERSION

BFCL_COUNTS = {"accuracy", "correct_count", "total_count"}  # the first line of its *_score.json
SNIFFED = 4096  # read of each file in a folder, to tell what it is
MARKERS = (b'"config_general"', b'"adapter_spec"', b'"eval"', b'"results"', b'"metrics"', b'"scores"', b'"htmls"')
MARKERS += (b'"evaluation_results"', b'"log_history"', b'"details"', b'"resolved_ids"', b'"benchmark"')
YAML_RESULTS = {"results.yml", "results.yaml"}  # of NeMo Evaluator

FORMAT_READERS: dict[str, Callable[..., Iterator[TaskRun | MigratedRecord | Trouble]]] = {
    "lighteval": read_lighteval,
    "lm-eval": read_lm_eval,
    "lmms-eval": read_lm_eval,
    "evalchemy": read_lm_eval,
    "inspect": read_inspect_json,
    "helm": read_helm,
    "evalscope": read_evalscope,
    "mteb": read_mteb,
    "olmes": read_olmes,
    "nemo": read_nemo,
    "opencompass": read_opencompass,
    "evalplus": read_evalplus,
    "swe-bench": read_swe_bench,
    "simple-evals": read_simple_evals,
    "trainer": read_trainer_state,
    "every-eval-ever": read_every_eval_ever,
}
# Told by what they hold, in this order; OpenCompass's files are told by their place alone, so that it is the last.
FORMAT_TESTS: dict[str, Callable[[Mapping[str, Any], Path], bool]] = {
    "every-eval-ever": is_every_eval_ever,
    "evalscope": is_evalscope,
    "mteb": is_mteb,
    "olmes": is_olmes,
    "nemo": is_nemo,
    "evalplus": is_evalplus,
    "swe-bench": is_swe_bench,
    "trainer": is_trainer_state,
    "simple-evals": is_simple_evals,
    "opencompass": is_opencompass,
}


def sniff(path: Path) -> str:
    """What a file is by its first bytes: zip, parquet, lines, json, yaml or other."""
    with open_result(path) as file:
        head = file.read(SNIFFED)
    if head[:4] in (b"PK\3\4", b"PK\5\6"):
        return "zip"
    if head[:4] == b"PAR1":
        return "parquet"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text[:1] not in (b"{", b"["):
        return "yaml" if path.name in YAML_RESULTS else "other"
    return "lines" if path.suffix == ".jsonl" or text.startswith(b'{"doc_id"') else "json"


def format_of(document: Any, path: Path) -> str | None:
    """Which harness wrote a document; None for any other."""
    if not isinstance(document, dict):
        return None
    if isinstance(document.get("config_general"), dict) and isinstance(document.get("results"), dict):
        return "lighteval"
    if isinstance(document.get("adapter_spec"), dict) and isinstance(document.get("scenario_spec"), dict):
        return "helm"
    if isinstance(document.get("eval"), dict) and isinstance(document.get("status"), str):
        return "inspect"
    found = next((name for name, test in FORMAT_TESTS.items() if test(document, path)), None)
    return found or lm_eval_family(document)


def bfcl_text(counts: Mapping[str, Any]) -> str:
    """Why a score file of the Berkeley Function Calling Leaderboard is not read, by its first line."""
    told = " of ".join(single_line(counts[name])[:20] for name in ("correct_count", "total_count"))
    return (
        f"a score file of BFCL: {told} right, and below it the failed items alone, of one category; which items were "
        "asked, and whether the model was prompted in text, it does not say, so it is not read; scripts/"
        'score_predictions.py makes a record of {"id": …, "passed": true or false} for each item'
    )


def read_file(
    found: FoundFile, wanted: str | None, here: Here, files: Files
) -> Iterator[TaskRun | MigratedRecord | Trouble] | None:
    """What a file tells; None when it is no result file. ValueError and the like when it is damaged."""
    path = found.path
    if not path.is_file():
        raise ValueError("no regular file")
    kind = sniff(path)
    if kind == "zip" and (path.suffix == ".eval" or found.asked):
        origin = Origin(path, file_digest(path), "inspect")
        return read_inspect_archive(origin, here, files) if wanted in (None, "inspect") else None
    if path.suffix == ".eval" or (path.suffix == ".parquet" and kind != "parquet"):
        raise ValueError(
            f"no {'zip archive' if path.suffix == '.eval' else 'parquet file'}: cut off, or something else"
        )
    if kind not in ("json", "yaml"):
        return None
    data = read_bounded(path) if found.asked or path.suffix == ".json" or path.name in YAML_RESULTS else b""
    if not any(marker in data for marker in MARKERS) and len(data) > 1 << 26:
        return None
    first = first_of_lines(data)
    if isinstance(first, dict) and first.keys() >= BFCL_COUNTS:
        raise ValueError(bfcl_text(first))
    if first is not None and format_of(first, path) is None:
        return None  # JSON lines of something else
    document = (small_yaml(path) if kind == "yaml" else json_value(data)) if data else None
    name = format_of(document, path)
    if name is None or wanted not in (None, name):
        return None
    if name == "every-eval-ever" and document["schema_version"] == SCHEMA_VERSION and not found.asked:
        return None  # a record of this version needs no converting
    origin = Origin(path, hashlib.sha256(data).hexdigest(), name)
    if name == "trainer" and wanted is None and not found.asked:
        return iter([Trouble(str(path), "what the trainer logged, no benchmark: --format trainer reads it")])
    return FORMAT_READERS[name](origin, document, here, files)
