"""A commit that holds every file that it is made for, and answers of the Hub looked at before they are believed."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from parts.frame import ScriptError

# What the client raises when an answer has not the form that it expects: JSON that is none, a field that is missing.
UNEXPECTED = (ValueError, KeyError, TypeError, AttributeError, IndexError, AssertionError)


class WrongBody(ScriptError):
    """What came is not the file that was asked for: an empty page, somebody else's bytes."""


def commit_whole(api: Any, repo_id: str, operations: Sequence[Any], **options: Any) -> Any:
    """One commit with all operations: `api.create_commit`, but that the target's .gitignore leaves no file out.

    The client asks the Hub which files are ignored and drops them without a word; here it is told that none are.
    """
    from huggingface_hub import CommitOperationAdd

    place = {name: options[name] for name in ("repo_type", "revision", "create_pr") if options.get(name) is not None}
    additions = [operation for operation in operations if isinstance(operation, CommitOperationAdd)]
    api.preupload_lfs_files(repo_id, additions, gitignore_content="", free_memory=False, **place)
    return api.create_commit(repo_id, operations, **options)


def git_blob_id(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_content(data: bytes, identity: str) -> bool:
    """Whether bytes are the content with this git blob id or SHA-256; an identity of another form tells nothing."""
    identity = identity.removeprefix("W/").strip('"')
    if re.fullmatch("[0-9a-f]{40}", identity):
        return git_blob_id(data) == identity
    return not re.fullmatch("[0-9a-f]{64}", identity) or hashlib.sha256(data).hexdigest() == identity


def known_identity(identity: Any, asked: str) -> Mapping[str, Any]:
    """whoami's answer; ScriptError when it does not say who it is."""
    if not isinstance(identity, dict) or not isinstance(identity.get("name"), str):
        raise ScriptError(f"{asked}: the Hub's answer does not say whose token this is ({type(identity).__name__})")
    return identity
