"""Repositories that what is not yet published goes to: made private, and never one that is there and public."""

from __future__ import annotations

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


def make_private_repo(api: Any, repo_id: str, kind: str, option: str) -> None:
    """Make a private repository, or see that the one that is there is private; else ScriptError(code=3)."""
    api.create_repo(repo_id, repo_type=kind, private=True, exist_ok=True)
    refuse_public(api, repo_id, kind, option)
