"""A seal on each record of a job: who else may write to the data set of results cannot write results of the run there.

HMAC-SHA256 of a record (its samples are bound by the checksum in it) and its place, with a key of the run that goes
with its jobs as a secret, of which other members of an organization see the name alone.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
from pathlib import Path, PurePosixPath

from parts.frame import ScriptError
from parts.inputs import MAX_SAMPLES, input_bytes, input_text

RESULTS_KEY = "HUB_EVALS_RESULTS_KEY"  # the environment variable of a job that has the key
SEAL_ENDING = ".seal"  # of the file beside a record
MOST_OF_SEAL = 1000


def seal_name(place: str) -> str:
    """Where the seal of a record stands: runs/R/JOB/data/.../ID.json -> runs/R/JOB/data/.../ID.seal."""
    return PurePosixPath(place).with_suffix(SEAL_ENDING).as_posix()


def result_seal(key: str, place: str, content: bytes) -> str:
    """The seal of a record's or failure's content at its place in the data set."""
    return hmac.new(key.encode(), place.encode() + b"\0" + content, hashlib.sha256).hexdigest()


def has_seal(copy: Path, place: str | PurePosixPath, key: str) -> bool:
    """Whether a record in a copy of the data set is what a job with a key wrote at its place."""
    place = PurePosixPath(place).as_posix()
    seal = copy / seal_name(place)
    said = ""
    with contextlib.suppress(ScriptError):  # one that somebody else has written there may be anything
        said = input_text(seal, MOST_OF_SEAL).strip() if seal.is_file() else ""
    wanted = result_seal(key, place, input_bytes(copy / place, MAX_SAMPLES))
    return said.isascii() and hmac.compare_digest(said, wanted)
