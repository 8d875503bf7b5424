"""Access to the Hub: tokens, permissions, errors in one line, waiting and trying again."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from parts.frame import ScriptError, single_line
from parts.hub.answers import answer_told, watch_answers
from parts.hub.committing import UNEXPECTED, known_identity
from parts.hub.retry import LOG_IN, NO_SUCH_HOST, no_such_host

HUB_REASONS = {
    401: f"the token is not valid; {LOG_IN} again",
    403: "the Hub does not permit it; a token needs write permission for the repo",
    404: "no such repo, or no access to it",
    409: "the Hub refused it as a conflict",
    412: "the repo has moved on meanwhile",
    413: "too large for the Hub",
    429: "too many requests; wait some minutes",
}


@contextlib.contextmanager
def hub_errors(doing: str, token: str) -> Iterator[None]:
    """Turn the Hub client's errors into one line that says what failed."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    watch_answers()
    try:
        yield
    except ScriptError:
        raise
    except HFValidationError as error:
        raise ScriptError(f"{doing}: {str(error).splitlines()[0]}") from error
    except (OSError, RuntimeError, httpx2.HTTPError) as error:  # RuntimeError: an upload failed, its cause says why
        cause: BaseException | None = error
        while cause and not isinstance(cause, HfHubHTTPError):
            cause = cause.__cause__
        if cause is None:
            local = getattr(error, "filename", None)
            what = f"{local}: {error.strerror}" if local else f"the connection failed ({type(error).__name__})"
            what = f"the connection failed ({single_line(error)[:80]}){NO_SUCH_HOST}" if no_such_host(error) else what
            raise ScriptError(f"{doing}: {what}") from error
        status = cause.response.status_code if cause.response is not None else None
        said = " ".join(str(cause.server_message or "").replace(token, "***").split())[:200]
        reason = HUB_REASONS.get(status, f"the Hub answered {status}") + (f" ({said})" if said else "")
        raise ScriptError(f"{doing}: {reason}") from error
    except UNEXPECTED as error:
        raise ScriptError(f"{doing}: {unexpected_answer(error)}") from error


def unexpected_answer(error: BaseException) -> str:
    """What an error of the client about an answer means: the Hub refuses the card, or answers in another form."""
    said = single_line(error)[:300]
    if isinstance(error, json.JSONDecodeError):
        return f"{answer_told()}, which is not JSON; is HF_ENDPOINT right?"
    if isinstance(error, ValueError) and "metadata" in said.lower():
        return f"the Hub refuses the card's metadata as it is: {said}; correct the card first"
    why = f"{type(error).__name__}: {said}"[:120]
    return f"{answer_told()}, which is not the form that the Hub's API documents ({why})"


def check_write_access(identity: Mapping[str, Any], repo_id: str, create_pr: bool) -> None:
    """ScriptError when whoami says that this token may not write to the repo."""
    identity = known_identity(identity, f"writing to {repo_id}")
    owner = repo_id.split("/")[0]
    token = (identity.get("auth") or {}).get("accessToken") or {}
    make = "make one with write permission at https://huggingface.co/settings/tokens"
    if token.get("role") == "read":
        raise ScriptError(f"the token may only read; {make}")
    if token.get("role") == "fineGrained":
        granted = token.get("fineGrained") or {}
        own = [s for s in granted.get("scoped") or () if (s.get("entity") or {}).get("name") in (owner, repo_id)]
        permissions = {*(granted.get("global") or ()), *(p for s in own for p in s.get("permissions") or ())}
        if not permissions & {"repo.write", *(["discussion.write"] if create_pr else [])}:
            raise ScriptError(f"the fine-grained token has no repo.write permission for {repo_id}; {make}")
    roles = {str(org.get("name")): org.get("roleInOrg") for org in identity.get("orgs") or []}
    if not create_pr and owner != identity.get("name") and roles.get(owner, "read") == "read":
        raise ScriptError(f"{identity.get('name')} may not write to {owner}; choose another owner, or use --create-pr")
