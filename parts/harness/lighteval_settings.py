"""Settings of a lighteval run, and the history of what is finished."""

from __future__ import annotations

import collections
import contextlib
import importlib.metadata
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parts.engines.device import vllm_version
from parts.frame import VLLM, ScriptError
from parts.harness.lighteval_tasks import Task
from parts.harness.settings import Settings
from parts.harness.vocabulary import Failed, Finished, Model, TaskRequest
from parts.hashes import data_sha256
from parts.inputs import read_json


@dataclass
class Outcome:
    """All that a run found out."""

    written: list[Finished] = field(default_factory=list)
    skipped: list[Finished] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)
    seconds: collections.Counter[str] = field(default_factory=collections.Counter)
    requests: int | None = None  # that were sent to vLLM


def installed_versions(backend: str, dry_run: bool) -> dict[str, str]:
    """Versions of what decides the scores, without importing any of it."""
    try:
        versions = {name: importlib.metadata.version(name) for name in ("lighteval", "transformers", "torch")}
    except importlib.metadata.PackageNotFoundError as error:
        raise ScriptError(f"{error.name} is not installed: start this script with `uv run`, which brings it") from error
    if backend == "vllm":
        missing = dry_run and not importlib.util.find_spec("vllm")
        versions["vllm"] = f"{VLLM} (not installed yet)" if missing else vllm_version()
    return versions


class History:
    """The records and failures that are already in an output folder, by what they measured."""

    def __init__(self, output: Path, models: Iterable[Model]) -> None:
        self.records: dict[tuple[str, str, str], list[Finished]] = collections.defaultdict(list)
        self.failures: dict[tuple[str, str, str], list[Path]] = collections.defaultdict(list)
        self.data: dict[str, str | None] = {}
        for place in dict.fromkeys(model.place for model in models):
            for path in sorted((output / "data").glob(f"*/{place}/*.json")):
                self.read(path)

    def read(self, path: Path) -> None:
        try:
            content = read_json(path)
            if path.name.endswith("_failure.json"):
                self.failures[content["model_id"], content["weights_sha256"], content["settings_hash"]].append(path)
                return
            details, info = content["eval_library"]["additional_details"], content["model_info"]
            key = info["id"], info["additional_details"]["weights_sha256"], details["settings_hash"]
            if path.with_name(f"{path.stem}_samples.jsonl").is_file():
                self.records[key].append(Finished(path, content, details["task"]))
        except (ScriptError, KeyError, TypeError):  # a record of another tool, or broken: not ours to judge
            return

    def found(self, model: Model, settings: Settings) -> list[Finished]:
        return self.records[model.id, model.weights_sha256, settings.key]

    def task(self, model: Model, settings: Settings, task: Task) -> Finished | None:
        """The finished record of a task whose data are the same."""
        for finished in self.found(model, settings):
            details = finished.record["evaluation_results"][0]["source_data"].get("additional_details", {})
            if finished.task == task.name and details.get("data_sha256") == task.dataset.sha256:
                return finished
        return None

    def request(self, model: Model, settings: Settings, request: TaskRequest) -> list[Finished] | None:
        """All records of a task or family asked for, when that can be told from the records alone."""
        found = {
            finished.task: finished
            for finished in self.found(model, settings)
            if finished.record["eval_library"]["additional_details"].get("task_request") == str(request)
            and self.data_unchanged(finished.record)
        }
        group = {row.record["eval_library"]["additional_details"].get("task_group") for row in found.values()}
        return list(found.values()) if group == {str(len(found))} else None

    def data_unchanged(self, record: dict[str, Any]) -> bool:
        source = record["evaluation_results"][0]["source_data"]
        details = source.get("additional_details", {})
        if source["source_type"] != "other":
            return True
        path = details.get("path", "")
        if path not in self.data:
            self.data[path] = data_sha256(Path(path)) if path and Path(path).is_dir() else None
        return self.data[path] is not None and self.data[path] == details.get("data_sha256")

    def forget_failure(self, model: Model, settings: Settings, task: str) -> None:
        """Remove the failure files of a task that has now been measured or has failed anew."""
        for path in self.failures[model.id, model.weights_sha256, settings.key]:
            with contextlib.suppress(ScriptError):
                if read_json(path).get("task") == task:
                    path.unlink(missing_ok=True)
