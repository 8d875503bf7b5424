"""Waiting for a Hub that is busy, and when trying again is worth it."""

from __future__ import annotations

import errno
import re
from datetime import UTC, datetime
from typing import Any

from parts.frame import FIRST_WAIT

NO_WAY = {errno.ECONNREFUSED, errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN}
LOG_IN = "run `hf auth login`"
NO_SUCH_HOST = ": no network, or HF_ENDPOINT is wrong; the same command goes on once it is there"


def worth_repeating(error: BaseException) -> bool:
    """Whether the Hub may answer next time: too many requests, its own trouble, a broken connection."""
    import httpx2
    from huggingface_hub.errors import HfHubHTTPError

    if isinstance(error, HfHubHTTPError):
        return error.response is not None and error.response.status_code in (408, 429, 500, 502, 503, 504)
    return isinstance(error, httpx2.TransportError) and not no_such_host(error)


def no_such_host(error: BaseException | None) -> bool:
    """Whether an error came of a name that nothing resolves, or a place where nobody listens or no way leads: no
    network, or another address is wrong; no wait helps."""
    import socket

    while error is not None and not (
        isinstance(error, socket.gaierror) or (isinstance(error, OSError) and error.errno in NO_WAY)
    ):
        error = error.__cause__ or error.__context__
    return error is not None


def retry_after(text: str, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, given as seconds or as an HTTP date; None when it says nothing."""
    from email.utils import parsedate_to_datetime

    if re.fullmatch(r"\d{1,9}(?:\.\d{1,9})?", text.strip(), re.ASCII):
        return float(text)
    try:
        then = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or UTC) - now).total_seconds())


def seconds_to_wait(state: Any) -> float:
    """What the answer's RateLimit or Retry-After header says, else 1, 2, 4, ... seconds; at most five minutes."""
    asked = seconds_asked(state.outcome.exception())
    return FIRST_WAIT * 2 ** (state.attempt_number - 1) if asked is None else asked


def seconds_asked(error: BaseException | None) -> float | None:
    """How long the Hub asks to wait in an error's headers; None when it does not say."""
    from huggingface_hub.utils import parse_ratelimit_headers

    response = getattr(error, "response", None)
    headers = response.headers if response is not None else {}
    limit = parse_ratelimit_headers(headers)
    if limit and limit.remaining == 0:
        return min(limit.reset_in_seconds + 0.1, 300)
    asked = retry_after(headers.get("Retry-After", ""), datetime.now(UTC))
    return None if asked is None else min(asked, 300)


def rate_limited(error: BaseException) -> bool:
    from huggingface_hub.errors import HfHubHTTPError

    return isinstance(error, HfHubHTTPError) and error.response is not None and error.response.status_code == 429
