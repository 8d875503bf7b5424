"""A seal on files that this program writes for itself and reads again later: who else touches them breaks it.

HMAC-SHA256 with a key that only the user can read, in `$XDG_STATE_HOME/hub-evals/seal.key` (default
~/.local/state). It says that the content was written by this program, as this user, on this machine; no more.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from parts.frame import ScriptError
from parts.hashes import file_sha256
from parts.inputs import input_text


def state_folder() -> Path:
    """Where this program keeps what only the user may change."""
    return Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state") / "hub-evals"


def seal_key() -> bytes:
    """The user's key, made when there is none; ScriptError when it can be neither read nor written."""
    path = state_folder() / "seal.key"
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.write(secrets.token_hex(32))
    except FileExistsError:
        pass
    except OSError as error:
        raise ScriptError(f"{path}: {error.strerror}; XDG_STATE_HOME names another folder for it") from error
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise ScriptError(f"{path}: others may read it, so it seals nothing: chmod 600, or remove it")
    key = input_text(path, 1000).strip()
    if len(key) < 32:
        raise ScriptError(f"{path}: no key in it: remove it, and a new one is made")
    return key.encode()


def run_key(run_id: str) -> str:
    """The key with which the jobs of a run seal what they write; the same where its run.json was lost and made anew."""
    return seal_of({"run": run_id}, "results of jobs")


def own_list() -> Path:
    """The list of what this program has written for this user: hashes of whole files, a line each."""
    return state_folder() / "written.txt"


def remember_own(path: Path) -> None:
    """Note a file as written by this program, so that another's in its place is told from it."""
    with contextlib.suppress(OSError):
        own_list().parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with open(os.open(own_list(), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="ascii") as file:
            file.write(f"{file_sha256(path)}\n")


def written_by_others(paths: Iterable[Path]) -> list[Path]:
    """The files among some that this program has not written for this user, as they are now."""
    paths = list(paths)
    with contextlib.suppress(OSError):
        known = set(own_list().read_text(encoding="ascii").split())
        return [path for path in paths if file_sha256(path) not in known]
    return paths


def sealed(document: dict[str, Any], purpose: str) -> dict[str, Any]:
    """The document with its seal, which covers every other key."""
    return document | {"seal": seal_of(document, purpose)}


def is_sealed(document: dict[str, Any], purpose: str) -> bool:
    """Whether a document carries its seal for this purpose."""
    said = document.get("seal") if isinstance(document, dict) else None
    return isinstance(said, str) and said.isascii() and hmac.compare_digest(said, seal_of(document, purpose))


def seal_of(document: dict[str, Any], purpose: str) -> str:
    """The seal of a JSON document, whatever the order of its keys."""
    content = {name: value for name, value in document.items() if name != "seal"}
    text = json.dumps([purpose, content], sort_keys=True, separators=(",", ":"))
    return hmac.new(seal_key(), text.encode(), hashlib.sha256).hexdigest()
