"""Results that others have published: in the layout of Every Eval Ever, by the hundred thousand, or in one wide table.

Takes a folder (a clone of the datastore, or any folder of this layout), a Parquet file with a column for each
benchmark, or a data set on the Hub of either kind; gives rows that are "reported elsewhere", for benchmarks that are
known. A file is opened once, and of a named set of models only theirs.
Layout: data/<collection>/<developer>/<model>/<uuid>.json, https://github.com/evaleval/every_eval_ever.
"""

from __future__ import annotations

import configparser
import dataclasses
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from parts.board.data import check_table, new_engine, parquet_table, quoted
from parts.board.hub import HubReader, trouble
from parts.board.metadata_rows import OF_RATERS, USED_TOOLS, new_row
from parts.board.read_before import ReadBefore, file_stamp
from parts.board.vocabulary import COLUMNS, Benchmarks, BoardRow, Provenance, model_name, ranks, told_metric
from parts.foreign import iso_time, kept_count, kept_url, mapping_of
from parts.frame import ScriptError, is_number, kept_text, note, option_words, shorten
from parts.inputs import input_bytes, input_text, open_input, strict_json_line
from parts.names import REPO_ID
from parts.private import without_paths
from parts.records.files import refuse_claims, refuse_link_away
from parts.records.publishable import is_main_metric, used_tools
from parts.records.run import limit_of
from parts.vocabulary import is_named_after, is_of_raters, other_data, stated_unit

EEE_VERSION = re.compile(r"0\.[23]\.\d+")
MOST_BYTES = 4_000_000  # of a record; one with hundreds of results has some
MOST_DOWNLOADS = 3_000  # files of a data set on the Hub that are fetched one by one
TOLD_PROBLEMS = 20
MOST_WIDE = 50_000_000  # bytes of a table with a row for each model
WIDE_NAMES = {"swePro_score": "SWE-bench Pro", "olmOcr_score": "olmOCR-bench"}  # columns not called as their benchmark
HUB_REMOTE = re.compile(
    r"(?:https://(?:[^/@\s?#]*@)?huggingface\.co/|(?:ssh://)?git@(?:hf|huggingface)\.co[/:])"
    r"datasets/([\w.-]+/[\w.-]+?)(?:\.git)?/?"
)


@dataclasses.dataclass(slots=True)
class Elsewhere:
    """What was found: rows, and the counts that metadata.json tells."""

    rows: list[BoardRow] = dataclasses.field(default_factory=list)
    counts: Counter[str] = dataclasses.field(default_factory=Counter)
    unreadable: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def cannot_read(self, where: str, reason: object) -> None:
        self.counts["unreadable"] += 1
        if len(self.unreadable) < TOLD_PROBLEMS:
            self.unreadable.append({"model": "", "where": kept_text(where) or "", "reason": kept_text(reason) or ""})


def read_elsewhere(place: str, hub: HubReader, benchmarks: Benchmarks, models: Collection[str] | None) -> Elsewhere:
    """The results in a folder or a data set; of these models alone, when they are named."""
    folder = Path(place)
    if folder.is_dir():
        return read_eee_folder(folder, clone_address(folder), benchmarks, models)
    if not REPO_ID.fullmatch(place):
        raise ScriptError(f"--every-eval-ever {place}: no such folder, and no data set OWNER/NAME")
    folder, revision = fetch_eee_folder(place, hub, models)
    return read_eee_folder(folder, f"{hub.endpoint}/datasets/{place}/blob/{revision}", benchmarks, models)


def read_eee_folder(folder: Path, address: str, benchmarks: Benchmarks, models: Collection[str] | None) -> Elsewhere:
    """All records of a folder, one at a time; one that has not changed since the last time is not opened again."""
    import orjson

    found, names = Elsewhere(), ResultNames(benchmarks)
    wanted = None if models is None else {folder_of(model) for model in models}
    understood = orjson.dumps([address, dict(benchmarks.mapping)]) + Path(__file__).read_bytes()
    same: dict[Any, Any] = {}  # a text that many rows have is held once
    unchanged = 0
    with ReadBefore(folder, understood, whole=wanted is None) as before:
        for path, parts in eee_files(folder, wanted):
            where = "/".join(parts)
            found.counts["records"] += 1
            try:
                stamp = file_stamp(path)
                made = before.get(where, stamp)
                if made is None:
                    counts: Counter[str] = Counter()
                    record = strict_json_line(input_bytes(path, MOST_BYTES))
                    refuse_claims(Path(path), record)
                    rows = elsewhere_rows(record, where, address, names, counts)
                    made = orjson.dumps([[told_columns(row) for row in rows], counts])
                    before.put(where, stamp, made)
                else:
                    unchanged += 1
                    told, counts = orjson.loads(made)
                    rows = [dict.fromkeys(COLUMNS) | {k: same.setdefault(v, v) for k, v in row.items()} for row in told]
                found.counts.update(counts)
                found.rows += rows
            except (ScriptError, ValueError, TypeError, AttributeError, KeyError) as error:
                found.cannot_read(where, without_paths(str(error), Path(path)))
    if unchanged:
        note(f"{unchanged:,} of {found.counts['records']:,} records have not changed since the last time")
    if not found.counts["records"] and wanted is None:
        raise ScriptError(f"{folder}: no record at data/<collection>/<developer>/<model>/<uuid>.json", code=1)
    return found


def told_columns(row: BoardRow) -> BoardRow:
    """The columns of a row that say something."""
    return {name: value for name, value in row.items() if value is not None}


def eee_files(folder: Path, wanted: Collection[str] | None) -> Iterator[tuple[str, tuple[str, ...]]]:
    """(path, its parts from data/ on) of the records below a folder, in the order of their names."""
    top = str(folder / "data" if (folder / "data").is_dir() else folder)
    if os.path.islink(top) and top != str(folder):
        refuse_link_away(top, os.path.realpath(top), folder)
    for collection in folders_in(top):
        for developer in folders_in(f"{top}/{collection}"):
            for model in folders_in(f"{top}/{collection}/{developer}"):
                if wanted is not None and f"{developer}/{model}".lower() not in wanted:
                    continue
                where = f"{top}/{collection}/{developer}/{model}"
                with os.scandir(where) as entries:
                    found = sorted((entry.name, entry.is_symlink()) for entry in entries)
                for name, link in found:
                    if name.endswith(".json") and not name.startswith("."):
                        if link:
                            refuse_link_away(f"{where}/{name}", os.path.realpath(f"{where}/{name}"), folder)
                        yield f"{where}/{name}", ("data", collection, developer, model, name)


def folders_in(path: str) -> list[str]:
    with os.scandir(path) as found:
        return sorted(e.name for e in found if e.is_dir(follow_symlinks=False) and not e.name.startswith("."))


def folder_of(model: str) -> str:
    """The folder of a model in the layout, in lower case: developer/model, further slashes as underscores."""
    developer, _, rest = model.lower().partition("/")
    return f"{developer}/{rest.replace('/', '_').replace(':', '_')}"


def clone_address(folder: Path) -> str:
    """The web address of what lies in a clone of a data set on the Hub; empty when it is none."""
    config = configparser.RawConfigParser(strict=False)
    try:
        config.read_string(input_text(folder / ".git" / "config", MOST_BYTES))
        address = config.get('remote "origin"', "url", fallback="")
        head = input_text(folder / ".git" / "HEAD", MOST_BYTES).strip().rpartition("/")[2]
    except (ScriptError, ValueError, configparser.Error):
        return ""
    remote = HUB_REMOTE.fullmatch(address)
    return f"https://huggingface.co/datasets/{remote[1]}/blob/{quote(head)}" if remote else ""


# --- A record's results ---


@dataclasses.dataclass(slots=True)
class ResultNames:
    """From what a result calls itself to (key, why it is not comparable); each spelling is looked up once."""

    benchmarks: Benchmarks
    known: dict[tuple[str, ...], tuple[str | None, str | None]] = dataclasses.field(default_factory=dict)
    texts: dict[str, str | None] = dataclasses.field(default_factory=dict)

    def text(self, value: Any) -> str | None:
        """A foreign text as it is kept; each spelling is looked at, and held, once."""
        if not isinstance(value, str) or len(value) > 200:
            return kept_text(value)
        if value not in self.texts:
            self.texts[value] = kept_text(value)
        return self.texts[value]

    def find(self, name: str, data: Mapping[str, Any], metric: Mapping[str, Any], library: str) -> tuple[Any, Any]:
        dataset, repo = str(data.get("dataset_name") or ""), str(data.get("hf_repo") or "")
        word = told_metric(metric)
        asked = (name, dataset, repo, word, library)
        if asked not in self.known:
            self.known[asked] = self.look_for(*asked)
        return self.known[asked]

    def look_for(self, name: str, dataset: str, repo: str, word: str, library: str) -> tuple[str | None, str | None]:
        """By its name; by its data set where its name is that, a scorer's or a metric's."""
        vocabulary = self.benchmarks.vocabulary
        found = vocabulary.find_task(name, library)
        if found is None:
            found = vocabulary.find_data(name, {"dataset_name": dataset, "hf_repo": repo}, word)
        if found is None and repo and is_named_after(name, dataset, repo.rpartition("/")[2], word):
            key, why = self.benchmarks.of_dataset("", repo, "")
            found = (key, "") if key and not why else None
        if found is None:
            return None, None
        key, part = found
        entry = vocabulary.entries[key]
        if entry.get("kind") != "benchmark":
            return None, None
        if part:
            return key, f"a part of {entry['name']}: {part}"
        told = {"metric_id": word} if word else {}
        if word and not is_main_metric(told, entry) and not ranks(word, entry):
            return key, f"{word} is not the metric that {entry['name']} is ranked by"
        return key, other_data(entry, repo) or None


def elsewhere_rows(
    record: Mapping[str, Any], where: str, address: str, names: ResultNames, counts: Counter[str]
) -> list[BoardRow]:
    """The rows of a record for known benchmarks; ValueError when it is no record, or names no model."""
    results = record.get("evaluation_results")
    if not isinstance(results, list) or not EEE_VERSION.fullmatch(str(record.get("schema_version"))):
        raise ValueError(
            f"no record of Every Eval Ever 0.2 or 0.3 (schema_version {shorten(record.get('schema_version'))})"
        )
    model = model_name(names.text(record["model_info"].get("id")))
    source = mapping_of(record.get("source_metadata"))
    library = str(mapping_of(record.get("eval_library")).get("name") or "")
    own = kept_url(mapping_of(source.get("additional_details")).get("source_url"))
    page = f"{address}/{quote(where)}" if address else own or ""
    date = iso_time(record.get("evaluation_timestamp") or "")
    place = Provenance("reported", page, names.text(source.get("source_organization_name")), None, date)
    said_by = names.text(source.get("source_name"))
    rows = []
    for result in results:
        counts["results"] += 1
        name, data, metric = str(result["evaluation_name"]), result["source_data"], result["metric_config"]
        key, why_not = names.find(name, mapping_of(data), metric, library)
        if key is None:
            counts["no_benchmark"] += 1
            continue
        counts["kept"] += 1
        row = elsewhere_row(result, record, model, place, names, key)
        row["source_name"], row["notes"] = said_by, None if address else where
        row["why_not"] = why_not or row["why_not"] or other_measure(name, result, names.benchmarks.mapping[key])
        rows.append(row)
    return rows


def other_measure(name: str, result: Mapping[str, Any], known: Mapping[str, Any]) -> str | None:
    """Why a result is not comparable with others of its benchmark, as its direction and its settings say."""
    lower = result["metric_config"].get("lower_is_better")
    if isinstance(lower, bool) and lower is not known["lower_is_better"]:
        return f"{'less' if lower else 'more'} is better of it, as its record says"
    if is_of_raters(told_metric(result["metric_config"])):
        return OF_RATERS
    return USED_TOOLS if used_tools(name, result, known) else None


def elsewhere_row(
    result: Mapping[str, Any], record: Mapping[str, Any], model: str, place: Provenance, names: ResultNames, key: str
) -> BoardRow:
    """The row of one result; ValueError when its score is no finite number, or is outside the bounds that it states."""
    metric, details = result["metric_config"], result["score_details"]
    value, low, high = details["score"], metric.get("min_score"), metric.get("max_score")
    if not is_number(value):
        raise ValueError(f"the score is {shorten(value)}, not a finite number")
    if (is_number(low) and value < low) or (is_number(high) and value > high):
        raise ValueError(f"the score {value:g} is outside the bounds that it states, {low} to {high}")
    uncertainty = mapping_of(details.get("uncertainty"))
    error = mapping_of(uncertainty.get("standard_error")).get("value")
    settings = mapping_of(mapping_of(result.get("generation_config")).get("additional_details"))
    unit = stated_unit(metric)
    limit = limit_of(result, record)
    return new_row(
        model,
        place,
        "record",
        benchmark=key,
        benchmark_name=names.text(result["evaluation_name"]),
        source_task=names.text(result.get("evaluation_result_id") or result["evaluation_name"]),
        value=float(value),
        unit=unit,
        unit_basis="stated" if unit else None,
        metric=names.text(told_metric(metric) or None),
        shots=f"{settings['few_shot']}-shot" if re.fullmatch(r"\d{1,3}", str(settings.get("few_shot", ""))) else None,
        standard_error=float(error) if is_number(error) and error >= 0 else None,
        n=kept_count(uncertainty.get("num_samples")),
        why_not=f"a partial run (limit {kept_text(limit, 40)}), no score" if limit else None,
    )


# --- A data set on the Hub ---


def fetch_eee_folder(dataset: str, hub: HubReader, models: Collection[str] | None) -> tuple[Path, str]:
    """(folder, commit) with the records of a data set on the Hub, fetched into the client's cache.

    ScriptError (3) with the command for a clone when there are more than one by one is reasonable.
    """
    from huggingface_hub import snapshot_download

    wanted = None if models is None else {folder_of(model) for model in models}
    try:
        sha = hub.api.dataset_info(dataset, expand=["sha"]).sha
        tree = hub.api.list_repo_tree(dataset, "data", repo_type="dataset", revision=sha, recursive=True)
        paths = [item.path for item in tree if is_record_path(item.path, wanted)]
        if len(paths) > MOST_DOWNLOADS:
            folder = dataset.rpartition("/")[2]
            raise ScriptError(
                f"{dataset} has {len(paths):,} records of these models, too many to fetch one by one; clone it: "
                f"GIT_LFS_SKIP_SMUDGE=1 git clone --depth 1 https://huggingface.co/datasets/{dataset}; then "
                + option_words("--every-eval-ever", folder),
                code=3,
            )
        note(f"{dataset}: fetching {len(paths)} records")
        root = snapshot_download(dataset, repo_type="dataset", revision=sha, allow_patterns=paths or ["data/none"])
    except ScriptError:
        raise
    except Exception as error:
        raise ScriptError(f"--every-eval-ever {dataset}: {trouble(error)}") from error
    return Path(root), sha


def is_record_path(path: str, wanted: Collection[str] | None) -> bool:
    parts = path.split("/")
    layout = len(parts) == 5 and parts[-1].endswith(".json")
    return layout and (wanted is None or "/".join(parts[2:4]).lower() in wanted)


# --- One table of many benchmarks, as OpenEvals/leaderboard-data has it ---


def read_wide(place: str, hub: HubReader, benchmarks: Benchmarks, models: Collection[str] | None) -> Elsewhere:
    """The scores of a Parquet file, or of a data set that is one; of these models alone, when they are named.

    It has `model_name` (or `model_id`), the id on the Hub, and a `<benchmark>_score` for some official Benchmarks, from
    0 to 100: https://huggingface.co/docs/hub/leaderboard-data-guide. Which one a column is must be certain.
    """
    path, url = (Path(place), "") if Path(place).is_file() else fetch_wide(place, hub)
    found = Elsewhere()
    named = Provenance("reported", url, place.partition("/")[0] if url else None, None)
    by_column: dict[str, str | None] = {}
    for number, line in enumerate(wide_rows(path)):
        model = next(
            (line[name] for name in ("model_name", "model_id") if REPO_ID.fullmatch(str(line.get(name)))), None
        )
        if model is None:
            found.cannot_read(f"row {number}", f"it names no model of the Hub: {shorten(line.get('model_name'))}")
        elif models is None or model in models:
            found.counts["records"] += 1
            for column, value in line.items():
                if value is None or not column.endswith("_score") or column == "aggregate_score":
                    continue
                found.counts["results"] += 1
                name = WIDE_NAMES.get(column, column.removesuffix("_score"))
                key = by_column.setdefault(column, benchmarks.by_name(name))
                if key is None or not is_number(value):
                    found.counts["no_benchmark"] += 1
                    continue
                found.counts["kept"] += 1
                row = new_row(model, named, "record", benchmark=key, benchmark_name=name, source_task=column)
                row |= {"value": float(value), "source_name": place if url else path.name}
                if not benchmarks.mapping[key].get("hub"):
                    row["why_not"] = f"{column}: which official Benchmark, and which task of it, is not said"
                found.rows.append(row)
    return found


def wide_rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a Parquet file with a model and scores in each; ScriptError when it is none."""
    import duckdb

    open_input(path, MOST_WIDE).close()
    try:
        with new_engine() as engine:
            table = parquet_table(engine, path)
            kinds = dict(zip(table.columns, map(str, table.types), strict=True))
            ids = [name for name in ("model_name", "model_id") if kinds.get(name) == "VARCHAR"]
            scores = [name for name in kinds if name.endswith("_score")]
            if not ids or not scores:
                raise ScriptError(f"{path}: no model_name and no ..._score among its columns")
            check_table(engine, path, ids)
            names, wanted = [*ids, *scores], [quoted(name) for name in ids]
            for name in scores:  # what is no number is never taken, but counted
                number = re.fullmatch(r"U?(?:TINY|SMALL|BIG|HUGE)?INT(?:EGER)?|FLOAT|DOUBLE", kinds[name])
                wanted.append(quoted(name) if number else f"CASE WHEN {quoted(name)} IS NOT NULL THEN '' END")
            table.create_view("scores")
            answer = engine.execute(f"SELECT {', '.join(wanted)} FROM scores")
            while lines := answer.fetchmany(1000):
                yield from (dict(zip(names, line, strict=True)) for line in lines)
    except duckdb.Error as error:
        raise ScriptError(f"{path}: no Parquet file that can be read: {kept_text(error)}") from error


def fetch_wide(dataset: str, hub: HubReader) -> tuple[Path, str]:
    """(file, its address) of a data set with one Parquet file, fetched into the client's cache."""
    if not REPO_ID.fullmatch(dataset):
        raise ScriptError(f"--leaderboard-data {dataset}: no such file, and no data set OWNER/NAME")
    try:
        sha = hub.api.dataset_info(dataset, expand=["sha"]).sha
        tree = hub.api.list_repo_tree(dataset, repo_type="dataset", revision=sha, recursive=True)
        sizes = {item.path: item.size for item in tree if item.path.endswith(".parquet")}
        if len(sizes) != 1:
            raise ScriptError(f"--leaderboard-data {dataset}: it has {len(sizes)} Parquet files, and not one")
        ((name, size),) = sizes.items()
        if size > MOST_WIDE:
            raise ScriptError(f"--leaderboard-data {dataset}: {name} has {size:,} bytes, more than {MOST_WIDE:,}")
        path = hub.api.hf_hub_download(dataset, name, repo_type="dataset", revision=sha)
    except ScriptError:
        raise
    except Exception as error:
        raise ScriptError(f"--leaderboard-data {dataset}: {trouble(error)}") from error
    return Path(path), f"{hub.endpoint}/datasets/{dataset}/blob/{sha}/{quote(name)}"
