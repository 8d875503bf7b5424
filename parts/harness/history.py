"""What is finished of a run, by the records and failures that are already in an output folder."""

from __future__ import annotations

import collections
import itertools
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, note
from parts.harness.models import adapter_sha256, beside_sha256
from parts.harness.settings import Settings
from parts.harness.vocabulary import Finished, Model, Task, TaskRequest
from parts.hashes import local_sha256
from parts.inputs import read_json
from parts.outputs import take_away
from parts.records.reading import contradictions
from parts.vocabulary import MetricMapping

HISTORY_ENTRIES, HISTORY_BYTES = 2000, 1_000_000_000  # of local data that are hashed to save the loading of a harness


class History:
    """The records and failures of some models in an output folder, by what they measured."""

    def __init__(self, output: Path, models: Iterable[Model]) -> None:
        self.records: dict[tuple[str, str, str], list[Finished]] = collections.defaultdict(list)
        self.failures: dict[tuple[str, str, str, str], list[Path]] = collections.defaultdict(list)
        self.data: dict[str, str | None] = {}
        self.sound: dict[Path, bool] = {}
        self.output, self.places = output, set()
        self.look(models)

    def look(self, models: Iterable[Model]) -> None:
        """Read what is there of some models, of each place once."""
        for place in dict.fromkeys(model.place for model in models):
            if place not in self.places:
                self.places.add(place)
                for path in sorted((self.output / "data").glob(f"*/{place}/*.json")):
                    self.read(path)

    def read(self, path: Path) -> None:
        """Take in a record or a failure; what another tool wrote, or is broken, is not ours to judge."""
        try:
            content = read_json(path)
            if path.name.endswith("_failure.json"):
                key = content["model_id"], content["weights_sha256"] or "", content["settings_hash"], content["task"]
                self.failures[key].append(path)
                return
            details, info = content["eval_library"]["additional_details"], content["model_info"]
            key = info["id"], info["additional_details"].get("weights_sha256", ""), details["settings_hash"]
            if path.with_name(f"{path.stem}_samples.jsonl").is_file():
                self.records[key].append(Finished(path, content, details["task"]))
        except (ScriptError, KeyError, TypeError, AttributeError):
            return

    def found(self, model: Model, settings: Settings) -> list[Finished]:
        """The sound records of a model, measured with these settings; those of an adapter on the same base."""
        rows, base = self.records[model.id, model.weights_sha256, settings.key], model.base
        wanted = base.weights_sha256 if base else None
        details = [row.record["model_info"]["additional_details"] for row in rows]
        # The same tensors may be applied otherwise, or read with other files; a commit of the Hub fixes these.
        here = (base or model).folder is not None
        now = {"adapter_config_sha256": adapter_sha256(model), "model_files_sha256": here and beside_sha256(model)}
        same = [
            row
            for row, own in zip(rows, details, strict=True)
            if own.get("base_weights_sha256") == wanted
            and all(own.get(name, digest) == digest for name, digest in now.items() if digest)
        ]
        return [row for row in same if self.is_sound(row)]

    def is_sound(self, finished: Finished) -> bool:
        """Whether a record is whole and fits its samples; one that does not is said once, and measured again."""
        path = finished.path
        if path not in self.sound:
            try:
                reasons = contradictions(path, finished.record, MetricMapping({}, {}, {}))
            except ScriptError as error:
                reasons = [str(error)]
            self.sound[path] = not reasons
            if reasons:
                note(f"warning: {path}: {reasons[0]}: {finished.task} is measured again")
        return self.sound[path]

    def task(self, model: Model, settings: Settings, task: Task) -> Finished | None:
        """The finished record of a task whose data are the same."""
        for finished in self.found(model, settings):
            details = finished.record["evaluation_results"][0]["source_data"].get("additional_details", {})
            if finished.task == task.name and details.get("data_sha256") == task.dataset.sha256:
                return finished
        return None

    def asked(self, model: Model, settings: Settings, task: Task) -> list[Finished] | None:
        """The finished record of a task, as `request` gives those of a request."""
        found = self.task(model, settings, task)
        return [found] if found else None

    def request(self, model: Model, settings: Settings, request: TaskRequest) -> list[Finished] | None:
        """All records of a task or family asked for, when that can be told from the records alone."""
        found = {
            finished.task: finished
            for finished in self.found(model, settings)
            if finished.record["eval_library"]["additional_details"].get("task_request") == str(request)
            and self.data_unchanged(finished.record, settings)
        }
        group = {row.record["eval_library"]["additional_details"].get("task_group") for row in found.values()}
        return list(found.values()) if group == {str(len(found))} else None

    def data_unchanged(self, record: dict[str, Any], settings: Settings) -> bool:
        """Whether local data are what they were; data of the Hub, and items made by code, are taken to be.

        A record may be a stranger's: only what lies beside the user's own tasks or here is looked at, and little of it.
        The task itself, once it is loaded, knows the rest.
        """
        source = record["evaluation_results"][0]["source_data"]
        details = source.get("additional_details", {})
        if source["source_type"] != "other":
            return True
        key = f"{details.get('path', '')}|{details.get('data_files', '')}"
        if key not in self.data:
            path, names = Path(details.get("path") or os.devnull), details.get("data_files")
            small = is_small_below(homes_of_data(settings), [path, *(path / name for name in (names or "").split(","))])
            self.data[key] = local_sha256(path, names) if small else None
        return self.data[key] is not None and self.data[key] == details.get("data_sha256")

    def forget_failure(self, model: Model, settings: Settings, task: str) -> None:
        """Remove the failure files of a task that has now been measured or has failed anew."""
        for path in self.failures.pop((model.id, model.weights_sha256, settings.key, task), []):
            take_away(path)


def homes_of_data(settings: Settings) -> list[Path]:
    """Where a user's local data may lie: below the folder of own tasks, and below the current one."""
    custom = settings.custom_tasks
    return [Path.cwd(), *([] if custom is None else [(custom if custom.is_dir() else custom.parent).resolve()])]


def is_small_below(homes: Sequence[Path], paths: Iterable[Path]) -> bool:
    """Whether some files and folders lie below folders, and hold so little that they are hashed in a moment."""
    files: list[Path] = []
    for path in paths:
        if not any(path.resolve().is_relative_to(home) for home in homes):
            return False
        files += itertools.islice((path.rglob("*") if path.is_dir() else [path]), HISTORY_ENTRIES)
    return (
        len(files) < HISTORY_ENTRIES and sum(file.stat().st_size for file in files if file.is_file()) <= HISTORY_BYTES
    )
