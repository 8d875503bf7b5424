"""A seal on files that this program writes for itself and reads again later: who else touches them breaks it.

HMAC-SHA256 with a key that only the user can read, in `$XDG_STATE_HOME/hub-evals/seal.key` (default
~/.local/state). It says that the content was written by this program, as this user, on this machine; no more.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Any

from parts.frame import ScriptError
from parts.inputs import input_text


def seal_key() -> bytes:
    """The user's key, made when there is none; ScriptError when it can be neither read nor written."""
    state = Path(os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state")
    path = state / "hub-evals" / "seal.key"
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
