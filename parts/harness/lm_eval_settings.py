"""Settings of an lm-eval run, and the history of what is finished."""

from __future__ import annotations

import collections
import contextlib
import importlib.metadata
import importlib.util
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parts.engines.device import vllm_version
from parts.frame import VLLM, ScriptError
from parts.harness.lm_eval_tasks import Task, Wanted, local_sha256
from parts.harness.settings import Settings
from parts.harness.vocabulary import Failed, Finished, Model
from parts.inputs import read_json


@dataclass
class Outcome:
    """All that a run found out."""

    written: list[Finished] = field(default_factory=list)
    skipped: list[Finished] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def library_versions(backend: str) -> dict[str, str]:
    """Versions of what decides the scores, without importing any of it."""
    names = ["lm-eval", "transformers", "torch"]
    try:
        found = {name: importlib.metadata.version(name) for name in names}
    except importlib.metadata.PackageNotFoundError as error:
        raise ScriptError(f"{error.name} is not installed: start this script with `uv run`, which brings it") from error
    if backend != "vllm":
        return found
    return found | {"vllm": vllm_version() if importlib.util.find_spec("vllm") else f"{VLLM} (not installed yet)"}


class TaskHistory:
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

    def request(self, model: Model, settings: Settings, request: Wanted) -> list[Finished] | None:
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
        """Whether local data are what they were; data of the Hub, and items made by code, are taken to be."""
        source = record["evaluation_results"][0]["source_data"]
        details = source.get("additional_details", {})
        if source["source_type"] != "other":
            return True
        key = f"{details.get('path', '')}|{details.get('data_files', '')}"
        if key not in self.data:
            self.data[key] = local_sha256(Path(details.get("path") or os.devnull), details.get("data_files"))
        return self.data[key] is not None and self.data[key] == details.get("data_sha256")

    def forget_failure(self, model: Model, settings: Settings, task: str) -> None:
        """Remove the failure files of a task that has now been measured or has failed anew."""
        for path in self.failures[model.id, model.weights_sha256, settings.key]:
            with contextlib.suppress(ScriptError):
                if read_json(path).get("task") == task:
                    path.unlink(missing_ok=True)
