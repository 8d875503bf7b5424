"""The script that a job is sent: its packages in versions that were locked once, vLLM among them where it is wanted.

One environment, resolved once, is fetched once; and all jobs of a run have the same packages, whatever is released
meanwhile. The script that was sent stays beside run.json.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from parts.embedded import embedded
from parts.frame import ScriptError, whole_file
from parts.inputs import input_bytes, input_text
from parts.jobs.client import script_path
from parts.jobs.uploading import refuse_changed
from parts.jobs.vocabulary import EvalJob, EvalRun

LOCKED = embedded("jobs/locked.json")  # made by parts/lock_jobs.py
PINNED = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]{0,100})(?:\[[\w,-]{1,60}\])?==[\w.+!]{1,60}"
    r"(?: ; (?:python_full_version (?:<|<=|>|>=|==|!=) '[\d.*]{1,9}'(?: and | or )?){1,4})?"
)
DEPENDENCIES = re.compile(r"^# dependencies = \[\n(?:#.*\n)*?# \]\n", re.MULTILINE)


def locked_packages(script: str, backend: str) -> tuple[str, ...]:
    """The exact packages of a script with a backend: "torch==2.13.0", ..."""
    lines, of = LOCKED["lines"].split("\n"), LOCKED["of"]
    return tuple(lines[int(index)] for index in of[f"{script} vllm" if backend == "vllm" else script].split())


def locked_ever(script: str) -> set[str]:
    """The exact packages of a script with any backend."""
    keys = [key for key in LOCKED["of"] if key.split()[0] == script]
    return {row for key in keys for row in locked_packages(*[*key.split(), ""][:2])}


def strange_packages(script: str, packages: tuple[str, ...]) -> list[str]:
    """What of a run's packages no plan for a script would add: another name, or no exact version."""
    known = {re.split(r"[\[=]", row)[0] for row in locked_ever(script)}
    found = [(row, PINNED.fullmatch(row)) for row in packages]
    return [row for row, match in found if match is None or match["name"] not in known]


def with_packages(text: str, packages: tuple[str, ...]) -> str:
    """A script whose header asks for exactly these packages; ScriptError when it has no such header."""
    rows = "".join(f'#   "{row}",\n' for row in packages)
    found, count = DEPENDENCIES.subn(lambda _: f"# dependencies = [\n{rows}# ]\n", text, count=1)
    if not count:
        raise ScriptError("the script that is sent has no list of dependencies in its header")
    return found


def packed(run: EvalRun, folder: Path) -> tuple[EvalRun, Path]:
    """The run with the hash of the script that its jobs are sent, and that script; one that is there is kept."""
    path = folder / run.script
    if path.is_file() and run.script_sha256 and hashlib.sha256(input_bytes(path)).hexdigest() == run.script_sha256:
        return run, path
    data = with_packages(input_text(script_path(run.script)), run.packages).encode()
    with whole_file(path) as file:
        file.write(data)
    return replace(run, script_sha256=hashlib.sha256(data).hexdigest()), path


@contextlib.contextmanager
def packed_job(run: EvalRun, job: EvalJob, script: Path) -> Iterator[tuple[EvalJob, dict[str, str]]]:
    """A job whose words name copies of the files that travel with it; these copies, the script's first, and SHA-256.

    What the client reads is what has the hash that was planned, whatever is written to the files meanwhile. It sends
    each word that is a file where it stands, so it stands in an empty folder within. ScriptError (3) for a file that
    has changed since.
    """
    own = {name: digest for name, digest in run.files.items() if name in job.arguments}
    wanted = {str(script): run.script_sha256, **own}
    found = {name: input_bytes(name) for name in wanted}
    refuse_changed(run, wanted, {name: hashlib.sha256(data).hexdigest() for name, data in found.items()})
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as empty, contextlib.chdir(empty):
        copies = {name: Path(folder, str(number), Path(name).name) for number, name in enumerate(found)}
        for name, copy in copies.items():
            copy.parent.mkdir()
            copy.write_bytes(found[name])
        words = (str(copies[word]) if word in own else word for word in job.arguments)
        yield replace(job, arguments=tuple(words)), {str(copy): wanted[name] for name, copy in copies.items()}
