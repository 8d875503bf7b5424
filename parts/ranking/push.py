"""A prepared folder pushed to the Hub, by plan."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from parts.frame import ScriptError, listing, note, plural, single_line
from parts.hub.access import check_write_access, hub_errors
from parts.hub.committing import additions_of, commit_once, commit_whole, known_identity
from parts.hub.private_repo import refuse_other_name, refuse_public
from parts.hub.token import find_token
from parts.inputs import shown_size
from parts.repo_files import RepoFile


@dataclass(frozen=True, slots=True)
class Upload:
    """What a push would do: the parent commit (None: the repo is to be made), and files by what happens to them."""

    parent: str | None
    new: tuple[str, ...]
    changed: tuple[str, ...]
    same: tuple[str, ...]
    private: bool = True  # the repo that is there


def plan_upload(
    api: Any, repo_id: str, files: Mapping[str, RepoFile], digests: Mapping[str, str], private: bool
) -> Upload:
    """Compare the prepared files with the repo's by their hashes."""
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError

    try:
        info = api.repo_info(repo_id)
    except GatedRepoError:
        raise
    except RepositoryNotFoundError:
        return Upload(None, tuple(sorted(digests)), (), ())
    refuse_other_name(info, repo_id, "--push")
    if private and not info.private:
        raise ScriptError(f"{repo_id} exists and is public; leave --private out, or choose another name")
    states = compare_remote(api, repo_id, info.sha, files, digests)
    kinds = (tuple(sorted(n for n, s in states.items() if s == state)) for state in ("new", "changed", "same"))
    return Upload(info.sha, *kinds, private=bool(info.private))


def compare_remote(
    api: Any, repo_id: str, revision: str, files: Mapping[str, RepoFile], digests: Mapping[str, str]
) -> dict[str, str]:
    """Name -> new, changed or same, from the repo's own hashes: SHA-256 of large files, git's blob hash of others."""
    from huggingface_hub.utils.sha import git_hash

    remote = {
        f.path: f for f in api.list_repo_tree(repo_id, recursive=True, revision=revision) if hasattr(f, "blob_id")
    }
    states = {}
    for name, file in files.items():
        there = remote.get(name)
        if there is None:
            states[name] = "new"
        elif there.lfs is not None:
            states[name] = "same" if there.lfs.sha256 == digests[name] else "changed"
        else:
            states[name] = "same" if there.blob_id == git_hash(file.read()) else "changed"
    return states


def open_pull_request(api: Any, repo_id: str, author: str, title: str) -> Any | None:
    """The author's open pull request with this title, or None."""
    mine = api.get_repo_discussions(repo_id, author=author, discussion_type="pull_request", discussion_status="open")
    return next((request for request in mine if request.title == title and request.author == author), None)


def push(
    files: Mapping[str, RepoFile], digests: Mapping[str, str], message: str, token: str, args: argparse.Namespace
) -> dict[str, Any]:
    """Send the prepared files in one commit, read the repo back, and say what happened; nothing is sent twice."""
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), token=token)
    with hub_errors(f"push to {args.push}", token):
        identity = known_identity(api.whoami(), f"push to {args.push}")
        check_write_access(identity, args.push, args.create_pr)
        plan = plan_upload(api, args.push, files, digests, args.private)
        kept = "public" if (args.public if plan.parent is None else not plan.private) else "private"
        answer = {"repo_id": args.push, "repo": f"{'existing' if plan.parent else 'new'}, {kept}"}
        answer |= {"new": plan.new, "changed": plan.changed, "unchanged": plan.same}
        if plan.changed:
            note(f"overwritten in {args.push}: {listing(plan.changed, 20)}")
        if plan.parent is not None and not plan.new and not plan.changed:
            note(f"{args.push} has all {len(digests)} files already; nothing was sent")
            return answer | {"commit": None, "url": f"{api.endpoint}/{args.push}"}
        sizes = (f"{single_line(name)} ({shown_size(files[name].size)})" for name in (*plan.new, *plan.changed))
        note(f"to {args.push} ({answer['repo']}): {', '.join(sizes)}")
        if args.create_pr:
            if plan.parent is None:
                raise ScriptError(f"{args.push} does not exist, so it can get no pull request; leave --create-pr out")
            request = open_pull_request(api, args.push, identity["name"], message)
            if request:
                check_pull_request(api, request, args.push, files, digests)
                return answer | {"commit": None, "pull_request": request.url}
        if args.dry_run:
            note(f"dry run: {len(plan.new)} new and {len(plan.changed)} changed files would go there")
            return answer | {"commit": None, "dry_run": True}
        return answer | send(api, plan, files, digests, message, args)


def dry_push(
    files: Mapping[str, RepoFile], digests: Mapping[str, str], message: str, token: str | None, args: argparse.Namespace
) -> dict[str, Any]:
    """What `push` would send; without a token, or an answer of the Hub, the files, and why the rest is `unknown`."""
    try:
        return push(files, digests, message, token or find_token(None), args)
    except ScriptError as error:
        if token and error.__cause__ is None:  # it was refused, and not by the Hub
            raise
        note(
            f"dry run: {plural(len(files), 'file')} would be sent to {args.push}: {listing(files, 200)}; which of them "
            f"it has already, and whether you may write there, is not known: {error}"
        )
        return {"repo_id": args.push, "files": list(files), "commit": None, "dry_run": True, "unknown": str(error)}


def made_repo(api: Any, repo_id: str, private: bool) -> str:
    """Make a repo, and give its first commit; ScriptError (3) where somebody else has made one since the look."""
    api.create_repo(repo_id, private=private, exist_ok=True)  # an answer may have been lost
    info = api.repo_info(repo_id)
    if {file.rfilename for file in info.siblings or ()} - {".gitattributes"} or bool(info.private) != private:
        raise ScriptError(
            f"{repo_id} was made by somebody else meanwhile, {'private' if info.private else 'public'}: nothing was "
            "sent; look at it, and push again",
            code=3,
        )
    return info.sha


def send(
    api: Any,
    plan: Upload,
    files: Mapping[str, RepoFile],
    digests: Mapping[str, str],
    message: str,
    args: argparse.Namespace,
) -> dict[str, Any]:
    """Make the commit or the pull request, and compare what the Hub has then."""
    parent = plan.parent or made_repo(api, args.push, not args.public)
    if plan.parent and plan.private:
        refuse_public(api, args.push, "model", "--push")
    names = (*plan.new, *plan.changed)

    def commit() -> tuple[str, str, str | None]:
        operations, unchanged = additions_of({name: files[name].source for name in names}, digests)
        made = commit_whole(
            api,
            args.push,
            operations,
            unchanged,
            commit_message=message,
            parent_commit=parent,
            create_pr=args.create_pr or None,
        )
        return made.oid, made.commit_url, made.pr_url

    def arrived() -> tuple[str, str, str | None] | None:
        """The commit whose answer was lost: the files stand on main, or in a pull request of this title."""
        request = open_pull_request(api, args.push, api.whoami()["name"], message) if args.create_pr else None
        if args.create_pr and request is None:
            return None
        head = api.repo_info(args.push, revision=request.git_reference if request else None).sha
        if set(compare_remote(api, args.push, head, files, digests).values()) != {"same"}:
            return None
        return head, f"{api.endpoint}/{args.push}/commit/{head}", request.url if request else None

    oid, commit_url, pull_request = commit_once(commit, arrived)
    states = compare_remote(api, args.push, oid, files, digests)
    wrong = [name for name, state in states.items() if state != "same"]
    if wrong:
        raise ScriptError(f"{args.push}: {listing(wrong)} differ on the Hub after the push")
    note(f"pushed {len(names)} files to {pull_request or commit_url}; all {len(digests)} hashes agree")
    return {"commit": oid, "url": commit_url, "pull_request": pull_request}


def check_pull_request(
    api: Any, request: Any, repo_id: str, files: Mapping[str, RepoFile], digests: Mapping[str, str]
) -> None:
    """ScriptError(code=3) when an open pull request has other files than the prepared ones."""
    states = compare_remote(api, repo_id, request.git_reference, files, digests)
    if set(states.values()) != {"same"}:
        raise ScriptError(
            f"an open pull request is there with other files: {request.url}; merge or close it first", code=3
        )
    note(f"{request.url} has all {len(digests)} files already; nothing was sent")
