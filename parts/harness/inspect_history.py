"""What is finished of an inspect run, by the records that are there."""

from __future__ import annotations

from parts.harness.history import History
from parts.harness.inspect_vocabulary import RequestedTask
from parts.harness.settings import Settings
from parts.harness.vocabulary import Finished, Model, Task


class InspectHistory(History):
    """The records and failures of inspect's tasks that are already in an output folder."""

    def finished(
        self, model: Model, settings: Settings, request: RequestedTask, task: Task | None, strict: bool = True
    ) -> Finished | None:
        """The record of a task; one of a user's file counts only when the file and the items are the same.

        strict=False: of any revision, for a plan made without asking the Hub.
        """
        for found in self.found(model, settings):
            details = found.record["eval_library"]["additional_details"]
            revision = found.record["model_info"]["additional_details"].get("revision")
            if found.task != request.name or (strict and revision != model.revision):
                continue
            known = details.get("items_sha256"), details.get("task_file_sha256")
            if request.file is None and known[1] is None:
                return found
            if request.file is not None and task is not None and known == (task.items_sha256, task.file_sha256):
                return found
        return None

    def task(self, model: Model, settings: Settings, task: Task) -> Finished | None:
        return self.finished(model, settings, task.request, task)

    def request(self, model: Model, settings: Settings, request: RequestedTask) -> list[Finished] | None:
        found = self.finished(model, settings, request, None)
        return [found] if found else None
