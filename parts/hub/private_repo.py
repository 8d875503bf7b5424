"""Repositories that what is not yet published goes to: made private, and never one that is there and public."""

from __future__ import annotations

import contextlib
from typing import Any

from parts.frame import ScriptError


def refuse_public(api: Any, repo_id: str, kind: str, option: str) -> None:
    """ScriptError(code=3) for a repository that everybody can read; nothing for a private one and for none.

    `kind`: model, dataset or space; `option`: what named it, for the message. Making one with exist_ok leaves a public
    one as it is, so this is asked before anything is sent.
    """
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        public = not api.repo_info(repo_id, repo_type=kind).private
    except GatedRepoError:  # seen by everybody, and given to those who ask
        public = True
    except RepositoryNotFoundError:
        return
    if public:
        place = f"{'' if kind == 'model' else f'{kind}s/'}{repo_id}"
        raise ScriptError(
            f"{option} {repo_id}: is there and public, and only a private one is written to; nothing was sent: name "
            f"another, or make it private (https://huggingface.co/{place}/settings)",
            code=3,
        )


def refuse_other_name(info: Any, repo_id: str, option: str) -> None:
    """ScriptError(code=3) where the Hub leads to a repository of another name: renamed, moved, in other letters."""
    if info.id != repo_id:
        raise ScriptError(
            f"{option} {repo_id}: is called {info.id} on the Hub; nothing was sent: {option} {info.id}, if that is "
            "meant",
            code=3,
        )


def refuse_moved(api: Any, repo_id: str, kind: str, option: str) -> None:
    """ScriptError(code=3) for a name that leads to another: to make a repository of it would end that."""
    from huggingface_hub.errors import RepositoryNotFoundError

    with contextlib.suppress(RepositoryNotFoundError):
        refuse_other_name(api.repo_info(repo_id, repo_type=kind), repo_id, option)


def make_private_repo(api: Any, repo_id: str, kind: str, option: str) -> None:
    """Make a private repository, or see that the one that is there is private; else ScriptError(code=3)."""
    refuse_moved(api, repo_id, kind, option)
    api.create_repo(repo_id, repo_type=kind, private=True, exist_ok=True)
    refuse_public(api, repo_id, kind, option)
