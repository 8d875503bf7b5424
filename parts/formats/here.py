"""What is on this machine of the models and data that a result file speaks of."""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from parts.checkpoints import WEIGHT_FILES, weight_files, weights_sha256
from parts.formats.files import json_lines, parquet_columns, parquet_rows
from parts.formats.values import all_texts, without_tokens
from parts.formats.vocabulary import MAX_JSON, EvaluatedModel, Moment, foreign_id, is_path
from parts.frame import ScriptError, near_place, note, single_line
from parts.hashes import data_sha256, files_sha256
from parts.private import shown_path

SNAPSHOT = re.compile(r"models--(?P<owner>[\w.-]+?)--(?P<name>[\w.-]+)/snapshots/(?P<commit>[0-9a-f]{7,40})/?$")


def ran_before(moment: Moment, paths: Iterable[Path], put: bool = False) -> bool | None:
    """Whether an evaluation ran before some files were last written; None when its time is not known.

    A time without a zone is that of the machine that wrote it: this one, when the files are here. put: or before they
    were put where they are, which a copy with its original's date (cp -p, rsync -a) does not show otherwise.
    """
    if moment.seconds is None:
        return None
    seconds = moment.seconds
    if moment.text and not re.search(r"(?:Z|[+-]\d\d:?\d\d)$", moment.text):
        seconds = datetime.fromisoformat(moment.text).timestamp()
    found = [path.stat() for path in paths]
    return max((max(one.st_mtime, one.st_ctime * put) for one in found), default=0.0) > seconds + 1


class Here:
    """Finds on this machine what a file speaks of: checkpoints and data; says each warning once."""

    def __init__(
        self,
        checkpoints: Sequence[Path],
        model_id: str | None,
        version: str | None,
        task: str | None = None,
        inputs: Sequence[Path] = (),
    ) -> None:
        self.model_id, self.version, self.task = model_id, version, task
        folders = [path if path.is_dir() else path.parent for path in (*checkpoints, *inputs)]
        self.roots = [Path(os.path.realpath(folder)) for folder in folders]
        self.folders: dict[str, list[Path]] = {}
        for folder in checkpoints:
            for found in checkpoint_folders(folder):
                self.folders.setdefault(found.name, []).append(found)
        self.models: dict[tuple[Any, ...], EvaluatedModel] = {}
        self.latest: dict[Path, float] = {}  # folder of weights -> its last evaluation that is known
        self.ids: set[str] = set()
        self.said: set[str] = set()
        self.names: dict[Path, str] = {}  # folder of --checkpoints -> what its results call it
        self.bound: set[Path] = set()  # folders of --checkpoints of which results were found

    def warn(self, text: str) -> None:
        if text not in self.said:
            self.said.add(text)
            note(f"warning: {text}")

    def may_read(self, path: Path) -> bool:
        """Whether a path that a result file names lies below a folder of the command line: no other one is opened.

        A stranger's file may name any path, and what it says would be bound to whatever lies there.
        """
        place = Path(os.path.realpath(path.expanduser()))
        return any(place.is_relative_to(root) for root in self.roots)

    def named(self, name: str) -> Path | None:
        """The folder of --checkpoints with the name of a model's last folder."""
        parts = [part for part in re.split(r"[/\\]+", name) if part]
        found = self.folders.get(parts[-1], []) if parts else []
        closer = [folder for folder in found if len(parts) > 1 and parts[-2] in folder.parts[-4:]]
        found = closer if len(closer) == 1 else found
        if len(found) > 1:
            raise ScriptError(
                f"--checkpoints: {found[0]} and {found[1]} may both be {foreign_id(name)}: name the right one", code=3
            )
        return found[0] if found else None

    def model(self, name: str | None, moment: Moment, revision: str | None = None, **more: Any) -> EvaluatedModel:
        """The model that a file calls by a Hub id, or by a path on the machine where it ran.

        A file that names none is of the model of --model-id; ValueError where that is not given.
        """
        if name is None:
            if self.model_id is None:
                raise ValueError("it does not say which model was measured: --model-id OWNER/NAME says it")
            name = self.model_id
        key = (name, moment, revision, json.dumps(more, sort_keys=True, default=str))
        if key not in self.models:
            found = self.find(name, moment, revision, more)
            found = replace(found, id=without_tokens(found.id))
            self.ids.add(found.id)
            self.models[key] = replace(found, id=self.model_id) if self.model_id else found
        return self.models[key]

    def find(self, name: str, moment: Moment, revision: str | None, more: dict[str, Any]) -> EvaluatedModel:
        cached = SNAPSHOT.search(name)
        if cached:
            return EvaluatedModel(f"{cached['owner']}/{cached['name']}", cached["commit"], **more)
        known = foreign_id(name) if is_path(name) else single_line(name)[:200]
        folder = self.named(name) or (self.named(self.model_id) if self.model_id else None)
        if folder is not None:
            self.say_bound(folder, known)
            return local_checkpoint(folder, self.witness(folder, known, moment), more, known, "--checkpoints")
        if not is_path(name):
            folder = self.beside(name)
            if folder is None:
                return EvaluatedModel(known, revision, **more)
        folder = folder or Path(name).expanduser()
        with contextlib.suppress(ScriptError, OSError, AttributeError, ValueError):
            if not self.may_read(folder) or not all(map(self.may_read, weight_files(folder))):
                if folder.is_dir():
                    self.warn(
                        f"{known}: a file names weights of this machine, which are looked at only when you "
                        "say so: --checkpoints with their folder"
                    )
            elif folder.is_dir() and weight_files(folder):
                digest = None if (late := self.came_before(moment, folder)) else weights_sha256(folder)
                if late or late is None:
                    digest = None
                    self.warn(
                        f"{shown_path(folder)}: its weights may be newer than the results, their hash is left out: "
                        "if they are what was measured, say --checkpoints"
                    )
                self.bound.add(folder)
                return local_checkpoint(folder, digest, more, known, "the path in the result file")
        return EvaluatedModel(known, None, known, local=True, **more)

    def say_bound(self, folder: Path, known: str) -> None:
        """Say whose results are taken for those of a folder of --checkpoints; ScriptError (3) where two names are."""
        self.bound.add(folder)
        if (other := self.names.setdefault(folder, known)) != known:
            raise ScriptError(
                f"--checkpoints: results of {other} and of {known} would both be those of {shown_path(folder)}, by its "
                "name: convert them apart, with the right folder each, or with --model-id",
                code=3,
            )
        if tuple(known.split("/")[-2:]) != folder.parts[-2:]:
            self.warn(f"{known} is taken for {shown_path(folder)}, by its last name alone (--checkpoints)")

    def came_before(self, moment: Moment, folder: Path) -> bool | None:
        """Whether an evaluation ran before the weights of a folder were written; None when its time is not known.

        Where a folder was measured several times, the earlier ones must have come after the weights were put there.
        """
        seconds = moment.seconds or 0.0
        last = self.latest[folder] = max(seconds, self.latest.get(folder, 0.0))
        return ran_before(moment, weight_files(folder), put=seconds < last)

    def witness(self, folder: Path, name: str, moment: Moment) -> str | None:
        """The hash of the weights that somebody says were measured; None for weights written after the measurement."""
        if self.came_before(moment, folder):
            day = datetime.fromtimestamp(moment.seconds or 0, UTC).strftime("%Y-%m-%d")
            self.warn(
                f"{name}: the weights in {shown_path(folder)} were written, or put there, after the evaluation of "
                f"{day}, so nothing shows that it measured them: no hash is recorded. Keep each night's weights in a "
                "folder of its own, or hash them when they are evaluated"
            )
            return None
        return weights_sha256(folder)

    def beside(self, name: str) -> Path | None:
        """The folder with weights that a relative path names, from here or from a result file's folder upwards."""
        if not re.fullmatch(r"[\w.-]+(?:/[\w.-]+)*/?", name) or ".." in name.split("/"):
            return None
        for base in dict.fromkeys(base for root in (Path.cwd(), *self.roots) for base in (root, *root.parents)):
            if any((base / name / weights).is_file() for weights in WEIGHT_FILES):
                return base / name
        return None

    def data(self, folder: Path, moment: Moment, files: Sequence[str] | None = None) -> str | None:
        """The hash of local data as it was in the evaluation; None when that cannot be known.

        Only below the folders of the command line, and of few files: any path can stand in a foreign file.
        """
        if not self.may_read(folder):
            return None
        found: list[Path] = []
        for path in [folder / name for name in files] if files else folder.rglob("*"):
            found += [path] if path.is_file() and not path.name.startswith(".") else []
            if len(found) > 1000:
                return None
        if (
            not found
            or not all(map(self.may_read, found))
            or sum(path.stat().st_size for path in found) > 4 * MAX_JSON
            or ran_before(moment, found) is not False
        ):
            return None
        return files_sha256(folder, files) if files else data_sha256(folder)


def checkpoint_folders(folder: Path) -> list[Path]:
    """A checkpoint folder, or those in a folder and one level deeper; ScriptError when there is none."""
    if not folder.is_dir():
        raise ScriptError(f"--checkpoints {folder}: no such folder{near_place(folder)}")
    levels = [[folder.resolve()], sorted(folder.resolve().glob("*/")), sorted(folder.resolve().glob("*/*/"))]
    for folders in levels:
        found = [path for path in folders if any((path / name).is_file() for name in WEIGHT_FILES)]
        if found:
            return found
    raise ScriptError(f"--checkpoints {folder}: no checkpoint (a folder with model.safetensors) in it")


def local_checkpoint(folder: Path, digest: str | None, more: dict[str, Any], name: str, said_by: str) -> EvaluatedModel:
    """A checkpoint that is here, under the name that it has anywhere else, and who says that it was measured."""
    folder = Path(os.path.abspath(folder))
    place = shown_path(folder)
    details = dict(more.get("details", ())) | ({"weights_bound_by": said_by} if digest else {})
    return EvaluatedModel(name, None, place, digest, local=True, folder=folder, **{**more, "details": details})


def rows_in(folder: Path, splits: str | None) -> int | None:
    """How many rows a local split has; None when that is not told by one JSON-lines file."""
    path = folder / f"{splits}.jsonl"
    return sum(1 for _ in json_lines(path)) if re.fullmatch(r"[\w-]+", splits or "") and path.is_file() else None


def own_ids_of(folder: Path, split: str) -> list[tuple[str, str]] | None:
    """(id, text of all other fields) of each row of a local split; None when its rows have no ids of their own."""
    found = []
    for name in (f"{split}.jsonl", f"{split}.parquet") if re.fullmatch(r"[\w-]+", split) else ():
        path = folder / name
        if not path.is_file():
            continue
        rows = json_lines(path) if name.endswith(".jsonl") else parquet_rows(path, parquet_columns(path))
        for row in rows:
            if row.get("id") in (None, ""):
                return None
            found.append((str(row["id"]), "\0".join(all_texts([value for key, value in row.items() if key != "id"]))))
        return found if len({name for name, _ in found}) == len(found) else None
    return None
