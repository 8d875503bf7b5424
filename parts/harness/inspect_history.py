"""What is finished of an inspect run, by the records that are there."""

from __future__ import annotations

import collections
from collections.abc import Iterable
from pathlib import Path

from parts.frame import ScriptError
from parts.harness.inspect_vocabulary import RequestedTask, Task
from parts.harness.settings import Settings
from parts.harness.vocabulary import Finished, Model
from parts.inputs import read_json


class InspectHistory:
    """The records and failures of inspect's tasks that are already in an output folder."""

    def __init__(self, output: Path, models: Iterable[Model]) -> None:
        self.records: dict[tuple[str, ...], list[Finished]] = collections.defaultdict(list)
        self.failures: dict[tuple[str, ...], list[Path]] = collections.defaultdict(list)
        for place in dict.fromkeys(model.place for model in models):
            for path in sorted((output / "data").glob(f"*/{place}/*.json")):
                self.read(path)

    def read(self, path: Path) -> None:
        try:
            content = read_json(path)
            if path.name.endswith("_failure.json"):
                weights = str(content["weights_sha256"] or "")
                key = content["model_id"], weights, content["settings_hash"], content["task"]
                self.failures[key].append(path)
                return
            details, info = content["eval_library"]["additional_details"], content["model_info"]
            about = info["additional_details"]
            key = (
                info["id"],
                about.get("weights_sha256", ""),
                details["settings_hash"],
                details["task"],
            )
            if path.with_name(f"{path.stem}_samples.jsonl").is_file():
                self.records[key].append(Finished(path, content, details["task"]))
        except (ScriptError, KeyError, TypeError, AttributeError):  # a record of another tool, or broken
            return

    def finished(
        self, model: Model, settings: Settings, request: RequestedTask, task: Task | None, strict: bool = True
    ) -> Finished | None:
        """The record of a task; one of a user's file counts only when the file and the items are the same.

        strict=False: of any revision, for a plan made without asking the Hub.
        """
        for found in self.records[model.id, model.weights_sha256, settings.key, request.name]:
            details = found.record["eval_library"]["additional_details"]
            revision = found.record["model_info"]["additional_details"].get("revision")
            if strict and revision != model.revision:
                continue
            same = request.file is None and "task_file_sha256" not in details
            if task is not None and request.file is not None:
                known = details.get("items_sha256"), details.get("task_file_sha256")
                same = known == (task.items_sha256, task.file_sha256)
            if same:
                return found
        return None

    def forget_failure(self, model: Model, settings: Settings, task: str) -> None:
        """Remove the failure files of a task that has now been measured or has failed anew."""
        for path in self.failures.pop((model.id, model.weights_sha256, settings.key, task), []):
            path.unlink(missing_ok=True)
