"""Which Benchmarks are official: asked of the Hub, kept for a day, and a shipped list where the Hub cannot be asked.

Takes two ways to ask (the list of data sets, and one data set's eval.yaml), so that it does not matter whose client
sends the requests; gives an OfficialList that says how old it is. One request for the list; an eval.yaml is asked for
again only when its data set has another commit.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Executor, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

from parts.frame import ScriptError, single_line, write_whole
from parts.metadata.official import OfficialBenchmark, OfficialList, benchmark_from_json, parse_eval_yaml, shipped_list

FRESH_HOURS = 24
LIST_SCHEMA = 1


@dataclasses.dataclass(frozen=True, slots=True)
class BenchmarkSource:
    """How the Hub is asked. `listed` gives (data set id, commit, gated) of each; errors of both are the client's."""

    listed: Callable[[], Iterable[tuple[str, str | None, bool]]]
    eval_yaml: Callable[[str, str | None], bytes]  # of a data set at a commit
    endpoint: str
    reader: str = ""  # the token: what one may see is not for another


def official_benchmarks(
    source: BenchmarkSource,
    offline: str = "",
    refresh: bool = False,
    pool: Executor | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> OfficialList:
    """The official Benchmarks, as fresh as they can be had: kept for a day, then asked for again.

    `offline`: why nothing is to be asked. `refresh` asks although a list of today is kept. `pool`: who asks; else four.
    `meanwhile` is called while the answers are on their way.
    """
    kept = kept_list(cache_file(source))
    if offline:
        return newest_kept(kept, offline)
    if kept and kept.basis == "cache" and not refresh:
        return kept
    try:
        rows = [row for row in source.listed() if isinstance(row[0], str)]
    except Exception as error:  # whatever the client raises: a list that is kept or shipped is better than none
        return newest_kept(kept, why_not_asked(error))
    if not rows:  # what the client makes of an answer of another form, too
        return newest_kept(kept, "the Hub lists none")
    if pool is None:
        with ThreadPoolExecutor(4) as own:
            return ask_each(source, rows, kept, own, meanwhile)
    return ask_each(source, rows, kept, pool, meanwhile)


def ask_each(
    source: BenchmarkSource,
    rows: list[tuple[str, str | None, bool]],
    kept: OfficialList | None,
    pool: Executor,
    meanwhile: Callable[[], object],
) -> OfficialList:
    """The listed data sets with their eval.yaml, the unchanged ones from what is kept; kept for a day."""
    shipped = shipped_list()

    def one(row: tuple[str, str | None, bool]) -> OfficialBenchmark:
        dataset_id, sha, gated = row
        old = kept.get(dataset_id) if kept else None
        if old and sha and old.sha == sha and old.tasks and not old.problem:
            return dataclasses.replace(old, gated=gated)
        return ask_one(source, dataset_id, sha, gated, old or shipped.get(dataset_id))

    answers = pool.map(one, rows)  # all are asked from now on
    meanwhile()
    found = list(answers)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    answer = OfficialList({row.dataset_id.lower(): row for row in found}, now, "hub")
    keep_list(cache_file(source), answer)
    return answer


def ask_one(
    source: BenchmarkSource, dataset_id: str, sha: str | None, gated: bool, old: OfficialBenchmark | None
) -> OfficialBenchmark:
    """One data set's eval.yaml; where it cannot be read, what was known of it before, with the reason."""
    try:
        text = source.eval_yaml(dataset_id, sha).decode("utf-8")
    except Exception as error:  # gated, gone, damaged, the network: the others are read all the same
        why = "gated, and this token has no access" if gated else why_not_asked(error)
        blank = OfficialBenchmark(dataset_id)
        return dataclasses.replace(
            old or blank, dataset_id=dataset_id, sha=sha, gated=gated, problem=f"eval.yaml: {why}"
        )
    return parse_eval_yaml(text, dataset_id, sha=sha, gated=gated)


def why_not_asked(error: BaseException) -> str:
    """Why the Hub could not be asked, in a few words without anything secret."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status:
        return f"the Hub answered {status}"
    return single_line(error)[:120] if isinstance(error, ScriptError) else f"{type(error).__name__}"


# --- What is kept ---


def cache_file(source: BenchmarkSource) -> Path:
    """Where the list of this Hub, as this token sees it, is kept."""
    from huggingface_hub import constants

    name = hashlib.sha256(f"{source.endpoint} {source.reader}".encode()).hexdigest()[:16]
    return Path(constants.HF_HOME) / "hub-evals" / f"benchmarks-{name}.json"


def newest_kept(kept: OfficialList | None, reason: str) -> OfficialList:
    """What is kept, however old, else what is shipped; both say their date and why."""
    if kept is None:
        return dataclasses.replace(shipped_list(), reason=reason)
    return dataclasses.replace(kept, reason=reason)


def kept_list(path: Path) -> OfficialList | None:
    """The kept list; None when there is none, or it is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != LIST_SCHEMA:
            return None
        rows = [benchmark_from_json(row) for row in data["benchmarks"]]
        age = time.time() - datetime.fromisoformat(data["as_of"]).timestamp()
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    basis = "cache" if 0 <= age < FRESH_HOURS * 3600 else "stale"
    return OfficialList({row.dataset_id.lower(): row for row in rows}, data["as_of"], basis)


def keep_list(path: Path, found: OfficialList) -> None:
    """Keep a list; a full or read-only disk is no reason to stop."""
    rows = [dataclasses.asdict(row) | {"tasks": [[t.id, t.config, t.split] for t in row.tasks]} for row in
            found.benchmarks.values()]  # fmt: skip
    try:
        write_whole(path, json.dumps({"schema": LIST_SCHEMA, "as_of": found.as_of, "benchmarks": rows}))
    except ScriptError:
        return
