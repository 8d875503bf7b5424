"""Files that are to stand in a repository of the Hub, and the search for tokens in them before any is sent.

Takes files of this machine or texts under the names they are to have; a name that is a secret's, this machine's token
and whatever has the shape of one are told before the upload.
"""

from __future__ import annotations

import gzip
import hashlib
import mmap
import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from parts.frame import ScriptError
from parts.hashes import file_sha256
from parts.inputs import input_bytes, open_inflated, open_input
from parts.tables import progress

SECRET_NAME = re.compile(
    r"\.?(?:(?:hf|hub|huggingface)[-_]?)?tokens?(?:\.txt)?|hf[-_]?tokens?(?:[-_.].*)?|stored_tokens|"
    r"\.env(?:[-_.].*|rc)?|\.netrc|\.git-credentials|\.?credentials(?:\.\w+)?|\.?secrets?(?:\.\w+)?|"
    r".*\.(?:pem|key|p12|pfx)|id_(?:rsa|dsa|ecdsa|ed25519)|\.pypirc|\.npmrc|\.ssh|\.aws",
    re.IGNORECASE,
)

# A Hub token: hf_ and 34 letters and digits today; not inside URL-safe base64, which has such words by chance.
HUB_TOKEN = re.compile(
    rb"(?<![A-Za-z0-9_-]{8})(?:hf|api_org)_[A-Za-z0-9]{30,}|(?:hf|api_org)_[A-Za-z0-9]{34}(?![A-Za-z0-9_-])"
    rb"|hf_(?:oauth|jwt)_[\w.=-]{16,}"
)
MAX_UNPACKED = 2**26  # bytes of a file of which other encodings are looked at, too, and of what a packed one holds


@dataclass(frozen=True, slots=True)
class RepoFile:
    """A file of the repo to be: its name there, and where its bytes come from (a file, or text)."""

    target: str
    source: Path | None = None
    text: str | None = None

    def read(self) -> bytes:
        """The bytes."""
        return self.text.encode() if self.source is None else input_bytes(self.source)

    @property
    def size(self) -> int:
        """How many bytes."""
        return len(self.read()) if self.source is None else self.source.stat().st_size

    @property
    def sha256(self) -> str:
        """Hash of the bytes."""
        return hashlib.sha256(self.read()).hexdigest() if self.source is None else file_sha256(self.source)


def refuse_tokens(files: Sequence[RepoFile], token: str | None) -> None:
    """ScriptError, naming the file, when this token or something like a Hub token stands in one that would be sent."""
    for file in progress(files, "looking for tokens"):
        if holds_token(file, token):
            raise ScriptError(
                f"{file.source or file.target}: holds something like a Hub token; take it out. Nothing was sent"
            )


def holds_token(file: RepoFile, token: str | None) -> bool:
    """Whether this token, or something like a Hub token, stands in a file's bytes or its name."""
    if tokens_in(file.target.encode(), token):
        return True
    if file.source is None or file.size < MAX_UNPACKED:
        data = file.read()
        wide = data.replace(b"\0", b"") if b"\0" in data[:4096] else b""  # UTF-16 and UTF-32
        return any(tokens_in(content, token) for content in (data, wide, unpacked(file, data)))
    with open_input(file.source) as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return tokens_in(content, token)


def unpacked(file: RepoFile, data: bytes) -> bytes:
    """What a gzip file holds, as far as it is looked at; nothing of any other."""
    if file.source is None or data[:2] != b"\x1f\x8b":
        return b""
    with open_inflated(file.source, lambda source: gzip.open(source)) as content:
        try:
            return content.read(MAX_UNPACKED)
        except (OSError, EOFError, zlib.error):  # damaged: what cannot be read by anybody tells no token
            return b""


def tokens_in(content: bytes | mmap.mmap, token: str | None) -> bool:
    """Whether this token, or something like a Hub token, stands in some bytes."""
    if token and content.find(token.encode()) >= 0:
        return True
    for prefix in (b"hf_", b"api_org_"):  # found before matched: gigabytes of weights are searched
        at = content.find(prefix)
        while at >= 0:
            if HUB_TOKEN.match(content, at):
                return True
            at = content.find(prefix, at + 1)
    return False
