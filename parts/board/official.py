"""The leaderboards of the Hub's official Benchmarks: every model that has a score, one request for each Benchmark.

Takes the Hub's list of Benchmarks and their leaderboards; gives rows with the Hub's own rank, entries for Benchmarks
that metric_mapping.json does not have, and what the Hub says about the models, asked by owner.
"""

from __future__ import annotations

import contextlib
import dataclasses
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from typing import Any
from urllib.parse import quote

from parts.board.hub import EXPAND, HubReader, trouble
from parts.board.metadata_rows import eval_results_row, model_facts
from parts.board.vocabulary import Benchmarks, BoardRow, Provenance, Unreadable
from parts.foreign import kept_count, mapping_in
from parts.frame import is_number, kept_text, shorten
from parts.hub.benchmarks import BenchmarkSource, official_benchmarks
from parts.metadata.official import BenchmarkTask, OfficialBenchmark, OfficialList, keys_of_tasks
from parts.metadata.scale import MOST_MARK, ranked_downwards
from parts.names import REPO_ID
from parts.vocabulary import normalize_name

LISTED_FACTS = tuple(name for name in EXPAND if name != "evalResults")
MOST_ROWS = 20_000  # of one leaderboard that are read
MODELS_OF_OWNER = 1000  # that one answer of the Hub lists


@dataclasses.dataclass(slots=True)
class OfficialBoards:
    """The official Benchmarks with the answers of their leaderboards, and what could not be read."""

    official: OfficialList
    answers: dict[str, list[Any]] = dataclasses.field(default_factory=dict)  # data set id -> its leaderboard
    unreadable: list[dict[str, str]] = dataclasses.field(default_factory=list)
    facts: Callable[[str], BoardRow] = dataclasses.field(
        default=lambda model: {}
    )  # what the Hub says of a model, if asked for

    def models(self) -> list[str]:
        """The models on the leaderboards, each once."""
        items = [item for answer in self.answers.values() for item in answer if isinstance(item, dict)]
        return [name for name in dict.fromkeys(str(item.get("modelId")) for item in items) if REPO_ID.fullmatch(name)]


def read_official(hub: HubReader, pool: Executor, facts: bool) -> OfficialBoards:
    """The list of Benchmarks, each one's leaderboard, and each one's eval.yaml where its data set has changed.

    With `facts`, what the Hub says of the models is asked for, too, and not waited for. All stand in one queue, so
    that no worker waits for the last answer of a kind.
    """
    found = OfficialBoards(OfficialList())
    asked: dict[str, Future[list[Any] | str]] = {}

    def ask_boards(names: Iterable[str]) -> None:
        asked.update((name, pool.submit(one_board, hub, name)) for name in names if name not in asked)

    def listed() -> list[tuple[str, str | None, bool]]:
        answer = hub.json("/api/datasets?filter=benchmark:official&expand=sha&expand=gated&limit=1000")
        if not isinstance(answer, list):
            raise Unreadable(f"the Hub's list of Benchmarks is {shorten(answer)}, not a list")
        rows = [row for row in answer if isinstance(row, dict) and REPO_ID.fullmatch(str(row.get("id")))]
        ask_boards(row["id"] for row in rows)
        return [(row["id"], kept_text(row.get("sha"), 64), bool(row.get("gated"))) for row in rows]

    def eval_yaml(dataset_id: str, sha: str | None) -> bytes:
        url = f"{hub.endpoint}/datasets/{dataset_id}/raw/{quote(sha or 'main')}/eval.yaml"
        return hub.fetch(url, None, None).encode()

    def read_boards() -> None:
        for name, future in asked.items():
            answer = future.result()
            if isinstance(answer, list):
                found.answers[name] = answer
            else:
                found.unreadable.append({"model": "", "where": f"the leaderboard of {name}", "reason": answer})
        if facts:
            found.facts = ask_facts(hub, found.models(), pool)

    source = BenchmarkSource(listed, eval_yaml, hub.endpoint, hub.answers.reader)
    found.official = official_benchmarks(source, refresh=True, pool=pool, meanwhile=read_boards)
    if not asked:  # a list that was kept, or shipped
        ask_boards(benchmark.dataset_id for benchmark in found.official.benchmarks.values())
        read_boards()
    return found


def one_board(hub: HubReader, dataset_id: str) -> list[Any] | str:
    """A Benchmark's leaderboard as the Hub tells it, derived models too; or why it cannot be read."""
    try:
        answer = hub.json(f"/api/datasets/{dataset_id}/leaderboard?base_model=false")
    except Exception as error:  # one Benchmark's answer is not in the way of the others
        return trouble(error)
    return answer if isinstance(answer, list) else f"the Hub's answer is {shorten(answer)}, not a list"


# --- Rows ---


def leaderboard_rows(
    found: OfficialBoards, benchmarks: Benchmarks, endpoint: str
) -> tuple[list[BoardRow], list[dict[str, str]]]:
    """One row for each entry of the leaderboards, with the Hub's rank; and what could not be read."""
    rows: list[BoardRow] = []
    unreadable = list(found.unreadable)
    for dataset_id, answer in found.answers.items():
        benchmark = found.official.get(dataset_id) or OfficialBenchmark(dataset_id)
        bad: Counter[str] = Counter()
        files = Counter(file_of_entry(item) for item in answer)
        for item in answer[:MOST_ROWS]:
            try:
                alone = files[file_of_entry(item)] == 1
                rows.append(leaderboard_row(benchmark, item, benchmarks, endpoint, alone))
            except (Unreadable, AttributeError, TypeError, ValueError) as error:
                bad[kept_text(error) or type(error).__name__] += 1
        where = f"the leaderboard of {dataset_id}"
        unreadable += [{"model": "", "where": where, "reason": f"{n} entries: {why}"} for why, n in bad.most_common(5)]
    return rows, unreadable


def file_of_entry(item: Any) -> tuple[str, ...]:
    """Where an entry stands: its model, file and pull request."""
    told = item if isinstance(item, dict) else {}
    return tuple(str(told.get(name)) for name in ("modelId", "filename", "pullRequest"))


def leaderboard_row(
    found: OfficialBenchmark, item: Any, benchmarks: Benchmarks, endpoint: str, alone: bool = True
) -> BoardRow:
    """The row of one entry. Unreadable when it names no model or has no value.

    alone: whether no other entry stands in its file; several are of several tasks, whatever the file is named for.
    """
    model = item.get("modelId") if isinstance(item, dict) else None
    if not isinstance(model, str) or not REPO_ID.fullmatch(model):
        raise Unreadable(f"the model is {shorten(model)}")
    number, file = kept_count(item.get("pullRequest")), kept_text(item.get("filename")) or ""
    url = f"{endpoint}/{model}/discussions/{number}" if number else f"{endpoint}/{model}/blob/main/{quote(file)}"
    kind = "open_pr" if number else "on_leaderboard"
    place = Provenance(kind, url, None, None, None, number)
    task = task_of_entry(found, item, file if alone else "")
    data = {
        "dataset": {"id": found.dataset_id, "task_id": task.id if task else "?"},
        "value": item.get("value"),
        "source": mapping_in(item, "source"),
        "notes": item.get("notes"),
    }
    row = eval_results_row(model, data, place, item.get("verified") is True, benchmarks)
    if row["unit"] is None and found.unit == "proportion" and 0 <= row["value"] <= 1:
        row |= {"unit": "proportion", "unit_basis": "its eval.yaml"}
    row["official_rank"] = kept_count(item.get("rank"))
    if task is None:
        row["benchmark"], row["benchmark_name"] = None, found.title
        row["why_not"] = f"{found.dataset_id} has several tasks, and its leaderboard does not say which"
    return row


def task_of_entry(found: OfficialBenchmark, item: Mapping[str, Any], file: str) -> BenchmarkTask | None:
    """The task of a leaderboard's entry: what it says itself, the only one, else the one that its file is named for."""
    told = item.get("taskId", item.get("task_id"))
    if isinstance(told, str):
        return found.task(told)
    if len(found.tasks) == 1:
        return found.tasks[0]
    if not found.tasks:
        return BenchmarkTask("default")
    stem = normalize_name(re.sub(r"^.*/|\.ya?ml$", "", file))
    own = normalize_name(found.repo_name)
    named = [
        task
        for task in found.tasks
        for name in {normalize_name(task.id.rpartition("/")[2]), normalize_name(task.config)} - {""}
        if stem in (name, f"{own}{name}")
    ]
    return named[0] if len({task.id for task in named}) == 1 else None


def join_ranks(read: Sequence[BoardRow], official: Sequence[BoardRow], done: set[str]) -> list[BoardRow]:
    """The rows of both, each score once: those of models that were read themselves, with the Hub's rank beside them."""
    ranks = {score_place(row): row["official_rank"] for row in official}
    for row in read:
        row["official_rank"] = ranks.get(score_place(row)) if row["source_format"] == "eval_results" else None
    return [*read, *(row for row in official if row["model"] not in done)]


def score_place(row: BoardRow) -> tuple[Any, ...]:
    return row["model"], row["source_task"], row["value"], row["pull_request"]


# --- Benchmarks that the vocabulary does not have ---


def official_mapping(mapping: Mapping[str, Any], found: OfficialBoards) -> dict[str, Any]:
    """The vocabulary with the places that eval.yaml confirms, and an entry for each task that it does not have."""
    whole = dict(mapping)
    keys = keys_of_tasks(found.official, mapping)
    for benchmark in found.official.benchmarks.values():
        for task in benchmark.tasks:
            place = {"dataset_id": benchmark.dataset_id, "task_id": task.id}
            key = keys.get((benchmark.dataset_id, task.id)) or benchmark.stem(task.id)
            if key in mapping:
                whole[key] = {**mapping[key], "hub": place}
            else:
                whole[key] = unknown_entry(benchmark, task, found.answers.get(benchmark.dataset_id, []), place)
    return whole


def unknown_entry(
    benchmark: OfficialBenchmark, task: BenchmarkTask, answer: Sequence[Any], place: Mapping[str, str]
) -> dict[str, Any]:
    """An entry of the vocabulary's form: the scale is that of the leaderboard, its direction that of its ranks.

    Shares of which more is better are proportions, as elsewhere; everything else stays in the leaderboard's own points,
    and so do numbers that may be marks out of ten.
    """
    numbers = [item["value"] for item in answer if isinstance(item, dict) and is_number(item.get("value"))]
    lower = ranked_downwards(numbers) if benchmark.lower_is_better is None else benchmark.lower_is_better
    most = max(numbers, default=0)
    marks = benchmark.unit == "points" or (benchmark.unit is None and 1 < most <= MOST_MARK)
    shares = bool(numbers) and not lower and min(numbers) >= 0 and most <= 100 and not marks
    several = len(benchmark.tasks) > 1
    return {
        "kind": "benchmark",
        "name": f"{benchmark.title} ({task.id.rpartition('/')[2]})" if several else benchmark.title,
        "aliases": [],
        "category": None,
        "metric": None,
        "unit": "proportion" if shares else "points",
        "range": [0, 1] if shares else [None, None],
        "lower_is_better": bool(lower),
        "chance": None,
        "hub": dict(place),
        "model_index": {"type": benchmark.dataset_id, "config": task.config or None},
    }


# --- Models ---


def ask_facts(hub: HubReader, models: Iterable[str], pool: Executor) -> Callable[[str], BoardRow]:
    """Ask what the Hub says about models: one request for each owner of several, else one for the model itself.

    Returns at once, in the order of their names; what it returns waits for the answer about a model: {} where there is
    none, or where it was not asked about.
    """
    owners: dict[str, list[str]] = {}
    for model in sorted(set(models)):
        owners.setdefault(model.split("/")[0], []).append(model)
    asked: dict[str, Future[dict[str, BoardRow | Future[BoardRow]]]] = {}
    for owner, names in owners.items():
        asked |= dict.fromkeys(names, pool.submit(owner_facts, hub, owner, names, pool))

    def answer(model: str) -> BoardRow:
        found = asked[model].result()[model] if model in asked else {}
        return found.result() if isinstance(found, Future) else found

    return answer


def owner_facts(
    hub: HubReader, owner: str, models: Sequence[str], pool: Executor
) -> dict[str, BoardRow | Future[BoardRow]]:
    """Facts of an owner's models out of one listing; those that it does not list are asked for one by one."""
    if len(models) == 1:
        return {models[0]: one_models_facts(hub, models[0])}
    asked, answer = "&".join(f"expand={name}" for name in LISTED_FACTS), None
    with contextlib.suppress(Exception):  # the models themselves are asked, then
        answer = hub.json(f"/api/models?author={owner}&limit={MODELS_OF_OWNER}&{asked}")
    rows = [info for info in answer if isinstance(info, dict)] if isinstance(answer, list) else []
    infos = {str(info.get("id")): info for info in rows}
    return {
        model: model_facts(infos[model]) if model in infos else pool.submit(one_models_facts, hub, model)
        for model in models
    }


def one_models_facts(hub: HubReader, model: str) -> BoardRow:
    try:
        info = hub.json(f"/api/models/{model}?{'&'.join(f'expand={name}' for name in LISTED_FACTS)}")
    except Exception:  # a score without size and license is a score
        return {}
    return model_facts(info) if isinstance(info, dict) else {}


def with_facts(rows: Iterable[BoardRow], facts: Callable[[str], BoardRow]) -> Iterator[BoardRow]:
    """The rows with what the Hub says about their models, each as soon as that is known."""
    for row in rows:
        yield row | facts(row["model"])
