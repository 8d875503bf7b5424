"""What the rows of a data set may say to inspect: what is asked, and which files are shown with it; nothing that runs.

inspect's FieldSpec reads the columns `sandbox`, `files` and `setup` of any data, asked for or not: the file that a
container is built by (which may mount this machine), what is copied into it, a script that is run.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.util
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, single_line
from parts.harness.inspect_vocabulary import RequestedTask
from parts.harness.named_places import PLACE_ELSEWHERE, leads_out, places_named
from parts.harness.surroundings import DataLoads
from parts.inputs import input_text
from parts.private import shown_path


class Rows:
    """What the command says of programs: whether they run on this machine (`--sandbox local`)."""

    run_here = False


def guard_columns(sandbox: str | None) -> None:
    """From now on a row that would say what runs is refused (3): a task's code may, for its rows or by what they hold.

    A task of the user's own takes scripts and files from its data, into a sandbox that is none of this machine.
    """
    import inspect_ai.dataset._util as columns

    Rows.run_here = sandbox == "local"
    for name in ("sandbox", "files", "setup"):
        read = getattr(columns, f"read_{name}")
        if not hasattr(read, "__wrapped__"):
            setattr(columns, f"read_{name}", guarded_column(name, read))


def guarded_column(name: str, read: Any) -> Any:
    """inspect's reader of one of these columns, which refuses what may not stand there."""

    @functools.wraps(read)
    def guarded(value: Any) -> Any:
        found = read(value)
        said = getattr(found, "config", None) if name == "sandbox" else found
        if said and (name == "sandbox" or not DataLoads.own_task or (name == "setup" and Rows.run_here)):
            text = single_line(said if isinstance(said, str) else ", ".join(said))[:100]
            what = {"sandbox": "the container's file", "files": "files to copy", "setup": "a script to run"}[name]
            way = "--sandbox docker runs it apart, or " if name == "setup" and DataLoads.own_task else ""
            raise ScriptError(
                f"the column {name!r} of the task's data names {what} ({text}): its rows would decide what runs; "
                f"{way}set it in the code of a task of your own, by a function for its records",
                code=3,
            )
        return found

    return guarded


def refuse_files_elsewhere(request: RequestedTask, samples: Iterable[Any]) -> None:
    """ScriptError (3) for a row of data that names a file of this machine, or an address, for the model to be shown.

    inspect reads what a text names and sends it to the model's server, or into a sandbox. Rows may name what lies in
    the task's own folder or package and in the caches of data sets.
    """
    from huggingface_hub import constants

    spec = importlib.util.find_spec(request.module.partition(".")[0]) if request.module else None
    own = [os.path.dirname(os.path.abspath(request.file))] if request.file else list(spec.submodule_search_locations)
    caches = [constants.HF_HUB_CACHE, os.path.join(constants.HF_HOME, "datasets")]  # the token lies above them
    with contextlib.suppress(ImportError):
        caches.append(importlib.import_module("inspect_evals.constants").INSPECT_EVALS_CACHE_PATH)
    near = [os.path.realpath(place) for place in (*own, *caches)]
    for sample in samples:
        refuse_programs_here(request, sample)
        for value in files_of_sample(sample):
            hub = value.startswith(f"{constants.ENDPOINT}/") and "::" not in value
            elsewhere = not hub and any(map(PLACE_ELSEWHERE.match, value.split("::")))
            if elsewhere or any(leads_out(place, near) for place in places_named(value, own[0])):
                raise ScriptError(
                    f"{request.name}: item {single_line(sample.id)[:60]} of its data names {single_line(value)[:100]}, "
                    "which would be read from there, and shown to the model or its programs: rows may hold data "
                    "(data:…), or name what lies in the task's folder or the data sets' cache",
                    code=3,
                )


def refuse_private_volumes(name: str, specs: Iterable[Any]) -> None:
    """ScriptError (3) where a task's container would get what keys lie in: the home folder or a hidden place in it but
    the caches (`~/.kaggle`), the Hub's token, or Docker's own socket."""
    import yaml
    from huggingface_hub import constants

    home, token = (Path(os.path.realpath(os.path.expanduser(place))) for place in ("~", constants.HF_TOKEN_PATH))
    named = {spec.config for spec in specs if isinstance(getattr(spec, "config", None), str)}
    for file in filter(os.path.isfile, named):
        try:
            services = yaml.safe_load(input_text(Path(file)))["services"].values()
            volumes = [volume for service in services for volume in service.get("volumes") or []]
        except (AttributeError, KeyError, TypeError, ValueError, yaml.YAMLError):
            continue  # no file for containers: Docker says so
        for volume in volumes:
            said = str(volume.get("source") if isinstance(volume, dict) else volume).split(":")[0]
            place = Path(os.path.realpath(os.path.expanduser(os.path.expandvars(said))))
            hidden = place.is_relative_to(home) and str(place.relative_to(home)).startswith(".")
            hidden = hidden and not place.is_relative_to(home / ".cache")
            above = any(key.is_relative_to(place) for key in (home, token))
            if said[:1] in ("/", "~", "$") and (hidden or above or place.name == "docker.sock"):
                raise ScriptError(
                    f"{name} would give {single_line(shown_path(place))[:100]} of this machine to the container in "
                    "which what the model writes runs, which can read and send what lies there: take another task",
                    code=3,
                )


def refuse_programs_here(request: RequestedTask, sample: Any) -> None:
    """ScriptError (3) where `--sandbox local` would run a package's script, or write a file where a row says."""
    files = [name.split(":", 1)[-1] for name in sample.files or {} if Rows.run_here]
    files = [f"a file at {name}" for name in files if os.path.isabs(name) or ".." in Path(name).parts]
    if Rows.run_here and request.module and getattr(sample, "setup", None):
        files.append(f"the script {sample.setup}")
    if files:
        raise ScriptError(
            f"{request.name}: item {single_line(sample.id)[:60]} of its data has {single_line(files[0])[:100]}, which "
            "--sandbox local would put and run on this machine, out of the program's folder: take --sandbox docker",
            code=3,
        )


def files_of_sample(sample: Any) -> Iterator[str]:
    """What stands for a file in a sample of inspect: pictures, sounds, films and documents asked about, its files and
    its script; what holds its content is left out."""
    turns = sample.input if isinstance(sample.input, list) else []
    parts = [part for turn in turns if isinstance(turn.content, list) for part in turn.content]
    named = [getattr(part, part.type, "") for part in parts if part.type in ("image", "audio", "video", "document")]
    named += [*(sample.files or {}).values(), getattr(sample, "setup", None) or ""]
    yield from (value for value in map(str, named) if value and not value.startswith("data:"))
