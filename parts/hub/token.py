"""Tokens: where they come from; they go nowhere but to the Hub's client."""

from __future__ import annotations

import os
import re
from pathlib import Path

from parts.frame import ScriptError
from parts.hub.retry import LOG_IN
from parts.inputs import input_text
from parts.outgoing import remember_token


def find_token(token_file: str | None) -> str:
    """The Hub token from --token-file, the environment, .env or the `hf auth` login; ScriptError when there is none."""
    from huggingface_hub import get_token

    if token_file:
        where = "--token-file"
        token = token_of_file(Path(token_file))
    else:
        where = "the Hub token"
        token = os.environ.get("HF_TOKEN") or dotenv_token() or get_token()
    if not token:
        raise ScriptError(f"no Hub token; {LOG_IN}, set HF_TOKEN, or give --token-file FILE")
    remember_token(token)
    if not re.fullmatch(r"\s*[!-~]+\s*", token):
        raise ScriptError(f"{where}: one line with a token is expected; {LOG_IN}, or correct it")
    return token.strip()


def token_of_file(path: Path) -> str:
    """What a token file holds; an error names neither its content nor the file, which may be the token itself."""
    try:
        return input_text(path, 10_000)
    except ScriptError:
        raise ScriptError("--token-file: no text file with a token in one line could be read there") from None


def dotenv_token() -> str | None:
    """HF_TOKEN in the current folder's .env."""
    from dotenv import dotenv_values

    return dotenv_values(".env").get("HF_TOKEN") if Path(".env").is_file() else None


def hub_token() -> str | None:
    """The Hub token of the environment, of .env or of the `hf auth` login."""
    from huggingface_hub import get_token

    return os.environ.get("HF_TOKEN") or dotenv_token() or get_token()


def job_token() -> str:
    """The Hub token from the environment, .env or the `hf auth` login; ScriptError when there is none."""
    from huggingface_hub import get_token

    token = (os.environ.get("HF_TOKEN") or dotenv_token() or get_token() or "").strip()
    if not token:
        raise ScriptError(f"no Hub token: {LOG_IN}, or set HF_TOKEN in the environment or in .env")
    if not re.fullmatch(r"[!-~]+", token):
        raise ScriptError(f"the Hub token: one line without blanks is expected; {LOG_IN}, or correct HF_TOKEN")
    return token


def read_token() -> str | None:
    """The token to read with: HF_TOKEN or .env; None leaves it to the client's own look-up."""
    return os.environ.get("HF_TOKEN") or dotenv_token()
