"""A commit that holds every file that it is made for, and answers of the Hub looked at before they are believed."""

from __future__ import annotations

import hashlib
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from parts.frame import FIRST_WAIT, MAX_TRIES, ScriptError
from parts.hub.retry import seconds_asked, worth_repeating
from parts.inputs import input_bytes

Made = TypeVar("Made")
SENT_FROM_MEMORY = 2**24  # bytes of a file that is read whole before it is sent

# What the client raises when an answer has not the form that it expects: JSON that is none, a field that is missing.
UNEXPECTED = (ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError)


class WrongBody(ScriptError):
    """What came is not the file that was asked for: an empty page, somebody else's bytes."""


def commit_whole(
    api: Any, repo_id: str, operations: Sequence[Any], before: Callable[[], None] = lambda: None, **options: Any
) -> Any:
    """One commit with all operations: `api.create_commit`, but that the target's .gitignore leaves no file out.

    before: called when large files are sent and the commit is not made; raises when they are no more what was meant.
    The client asks the Hub which files are ignored and drops them without a word; here it is told that none are.
    """
    from huggingface_hub import CommitOperationAdd

    place = {name: options[name] for name in ("repo_type", "revision", "create_pr") if options.get(name) is not None}
    additions = [operation for operation in operations if isinstance(operation, CommitOperationAdd)]
    api.preupload_lfs_files(repo_id, additions, gitignore_content="", free_memory=False, **place)
    before()
    return api.create_commit(repo_id, operations, **options)


def additions_of(files: Mapping[str, Path], digests: Mapping[str, str]) -> tuple[list[Any], Callable[[], None]]:
    """Operations that add files of this machine under names, and what `commit_whole` is to ask `before` the commit.

    digests: the SHA-256 of each when it was looked at and shown. Small ones are sent as they are read here; of large
    ones is asked, once they are sent, whether they were written to meanwhile. ScriptError (3) for one that is another.
    """
    from huggingface_hub import CommitOperationAdd

    states = {name: state_of(path) for name, path in files.items()}
    small = {name for name, state in states.items() if state[2] < SENT_FROM_MEMORY}
    made = [CommitOperationAdd(n, input_bytes(path) if n in small else str(path)) for n, path in files.items()]

    def unchanged() -> None:
        other = {name for name, path in files.items() if name not in small and state_of(path) != states[name]}
        other |= {row.path_in_repo for row in made if row.upload_info.sha256.hex() != digests.get(row.path_in_repo)}
        if other:
            raise ScriptError(f"{files[min(other)]} has changed since it was looked at; nothing was committed", code=3)

    unchanged()
    return made, unchanged


def state_of(path: Path) -> tuple[int, ...]:
    """What tells that a file was written to or replaced."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def commit_once(send: Callable[[], Made], arrived: Callable[[], Made | None]) -> Made:
    """What `send` gives, sent again after an error of the Hub, but never twice.

    Where an error leaves open whether the commit was made, `arrived` looks for it; refusals are raised at once.
    """
    for attempt in range(1, MAX_TRIES + 1):
        try:
            return send()
        except ScriptError:
            raise
        except Exception as error:
            if not may_be_made(error):
                raise
            failure = error
        made = arrived()
        if made is not None:
            return made
        if attempt < MAX_TRIES:
            asked = seconds_asked(failure)
            time.sleep(FIRST_WAIT * 2 ** (attempt - 1) if asked is None else asked)
    raise failure


def may_be_made(error: Exception) -> bool:
    """Whether a commit may have been made although it ended so: no answer, a strange one, or the Hub's own trouble."""
    if getattr(error, "response", None) is not None:
        return worth_repeating(error)
    refused = isinstance(error, ValueError) and "metadata" in str(error).lower()  # the Hub refuses the card as it is
    return not refused and (worth_repeating(error) or isinstance(error, (OSError, *UNEXPECTED)))


def git_blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def content_ids(data: bytes) -> set[str]:
    """The ids that the Hub has for bytes: git's of a small file, SHA-256 of a large one."""
    return {git_blob_id(data), hashlib.sha256(data).hexdigest()}


def is_content(data: bytes, identity: str) -> bool:
    """Whether bytes are the content with this id or ETag; an identity of another form tells nothing."""
    identity = identity.removeprefix("W/").strip('"')
    return not re.fullmatch("[0-9a-f]{40}|[0-9a-f]{64}", identity) or identity in content_ids(data)


def known_identity(identity: Any, asked: str) -> Mapping[str, Any]:
    """whoami's answer; ScriptError when it does not say who it is."""
    if not isinstance(identity, dict) or not isinstance(identity.get("name"), str):
        raise ScriptError(f"{asked}: the Hub's answer does not say whose token this is ({type(identity).__name__})")
    return identity
