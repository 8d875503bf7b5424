"""The client's session: the token goes to the Hub alone, and a message about a strange answer says what came."""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar
from urllib.parse import urlsplit

from parts.frame import ScriptError, single_line
from parts.hub.retry import no_such_host
from parts.inputs import MAX_DOCUMENT, allowed, too_much

Listed = TypeVar("Listed")
WebOrigin = tuple[str, str | None, int | None]
LAST = threading.local()  # .answer: the response that came last in a thread
MOST_SHOWN = 60  # characters of a body
GUARDING = threading.Lock()
GUARDED = threading.Event()  # set once the client has our hooks; no session is made to look for them before
PORTS = {"http": 80, "https": 443}
FILE_WORD = re.compile(r"(?!\.)[\w.:+=-]{0,200}", re.ASCII)
COMMIT_NAME = re.compile(r"(?:[0-9a-f]{40})?")
OF_A_REPO = re.compile(r"/api/(?:models|datasets|spaces|buckets)/")
HASHES = {"sha", "oid", "blobId", "xetHash", "sha256", "targetCommit", "commitOid"}
A_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# What an answer has of a repository's authors; the client takes no name from it.
OF_AUTHORS = {"cardData", "config", "gguf", "model-index", "transformersInfo", "widgetData"}
MOST_PAGES = 3000  # of one list, in a thread
NAMED_ORIGINS: set[WebOrigin] = set()  # of servers beside the Hub that the user's command line gives the token to


def watch_answers() -> None:
    """Remember the answers that the client gets in this thread from now on; forget those before.

    What the client would say of its own tries is not said: the error that ends them is.
    """
    import logging

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)
    keep_token_home()
    LAST.answer = None


def keep_token_home(server: str | None = None) -> None:
    """From now on the Hub's client sends its token to the Hub's own address alone, and to a server that is named here.

    What an answer says (the next page of a list, a redirection, where a file goes) is no reason to send it elsewhere.
    """
    from huggingface_hub import get_session, set_client_factory

    if server:
        NAMED_ORIGINS.add(origin_of(server))
    with GUARDING:
        if not GUARDED.is_set() or look_at_answer not in get_session().event_hooks["response"]:
            set_client_factory(guarded_client)  # the client makes a new session after a broken connection
            GUARDED.set()


def guarded_client() -> Any:
    """The client's own session with our two hooks; where nobody listens, or no network is, it does not try again."""
    from huggingface_hub.utils._http import default_client_factory

    client = default_client_factory()
    send = client.send

    def send_or_end(request: Any, **options: Any) -> Any:
        try:
            return send(request, **options)
        except Exception as error:
            kinds = [kind for kind in type(error).__mro__ if kind.__name__ == "TransportError"]
            if not kinds or not no_such_host(error):
                raise
            raise kinds[0](str(error)) from error  # of a kind that the client does not repeat for half a minute

    client.send = send_or_end
    hooks = client.event_hooks
    client.event_hooks = {
        "request": [*hooks["request"], drop_token_elsewhere],
        "response": [*hooks["response"], look_at_answer],
    }
    return client


def origin_of(url: object) -> WebOrigin:
    """Scheme, host and port of an address."""
    parts = urlsplit(str(url))
    return parts.scheme, parts.hostname, parts.port or PORTS.get(parts.scheme)


def hub_origins() -> set[WebOrigin]:
    """Where the Hub is: the client's endpoint, which HF_ENDPOINT may name."""
    from huggingface_hub import constants

    return {origin_of(place) for place in (constants.ENDPOINT, os.environ.get("HF_ENDPOINT")) if place}


def hub_path(url: Any) -> str:
    """The path of a question to the Hub, without that of the endpoint, which a mirror may have."""
    from huggingface_hub import constants

    for place in (constants.ENDPOINT, os.environ.get("HF_ENDPOINT") or ""):
        above = urlsplit(place).path.rstrip("/")
        if above and url.path.startswith(f"{above}/"):
            return url.path[len(above) :]
    return url.path


def drop_token_elsewhere(request: Any) -> None:
    """A hook of requests, of redirected ones too: without the token where they do not go to the Hub."""
    if "authorization" in request.headers and origin_of(request.url) not in hub_origins() | NAMED_ORIGINS:
        del request.headers["authorization"]


def look_at_answer(answer: Any) -> None:
    """A hook of answers: remembers them; ScriptError where a list or a file of the Hub goes on at another place.

    A file that Xet stores names where `hf_xet` renews its access. That library has no hooks and shows the token there.
    Also ScriptError for what the client would take for a name of a file, for lists and waits without end, and for an
    answer of a size that none has.
    """
    LAST.answer = answer
    tell_refused_token(answer)
    if reason := why_no_answer(answer):
        raise ScriptError(f"{answer.request.url.path}: its answer {reason}: not what the Hub says")
    links = answer.links if "link" in answer.headers else {}
    following = next_page(answer)
    leaves = following and urlsplit(following).netloc and not on_hub(following) and on_hub(answer.request.url)
    renewals = [(links.get("xet-auth") or {}).get("url"), answer.headers.get("x-xet-refresh-route")]
    away = next((place for place in renewals if place and not renews_on_hub(place)), following if leaves else None)
    if away:
        asked, place = answer.request.url.path, single_line(away)[:200]
        raise ScriptError(f"{asked}: its answer goes on at {place}, which is not the Hub and is not asked")


def tell_refused_token(answer: Any) -> None:
    """Let the client take a refused token (expired, revoked) for one: to it all other 401 mean that there is no repo.

    The Hub answers a valid token that may not see a repository with 404, or with 403.
    """
    said = answer.headers.get("x-error-code")
    if answer.status_code == 401 and "authorization" in answer.request.headers and said != "GatedRepo":
        answer.headers["x-error-message"] = "Invalid credentials in Authorization header"
        answer.headers.pop("x-error-code", None)


def why_no_answer(answer: Any) -> str | None:
    """What in an answer is not of a Hub; the client believes it.

    It names files of its cache by a file's ETag and a commit, waits as long as it is told, and follows all next pages.
    """
    heads, path = answer.headers, hub_path(answer.request.url)
    etag = (heads.get("x-linked-etag") or heads.get("etag", "")).removeprefix("W/").strip('"')
    if answer.request.method == "HEAD" and not passes_on(answer) and not FILE_WORD.fullmatch(etag):
        return "has an ETag that is a path"  # other answers have hashes in base64, with slashes
    if not COMMIT_NAME.fullmatch(heads.get("x-repo-commit", "")):
        return "names no commit"
    waits = [heads.get("retry-after", ""), *re.findall(r"\bt=(\d+)", heads.get("ratelimit", ""))]
    if answer.is_error and any(len(wait) > 3 and wait.isdecimal() for wait in waits):
        return f"asks to wait for {max(waits, key=len)[:20]} seconds"
    following = next_page(answer)
    if following or path.endswith("/discussions"):
        pages = LAST.__dict__.setdefault("pages", Counter())
        pages[path] += 1
        onward = place_after(answer.request.url, following or "") or path  # which may be another for each page
        pages[onward] = max(pages[onward], pages[path])
        if pages[path] > MOST_PAGES:
            return f"goes on after {MOST_PAGES} pages"
    if not is_store(heads.get("x-xet-cas-url")):
        return "names no place of a store"
    if path.startswith("/api/"):
        onward = [heads["location"]] if answer.has_redirect_location else [following] if following else []
        if not all(goes_on_alike(answer.request.url, place) for place in onward):
            return f"goes on at {single_line(onward[0])[:80]}, a place that answers no such question"
        limit_body(answer)
        if OF_A_REPO.match(path) and answer.is_success and (answer.request.method == "GET" or "/paths-info/" in path):
            answer.read()
            with contextlib.suppress(ValueError):
                return why_no_names(answer.json())
    return None


def passes_on(answer: Any) -> bool:
    """Whether the client takes no name from the head of a file: an error, or a place on the same server to go on at."""
    return answer.is_error or (answer.has_redirect_location and not urlsplit(answer.headers["location"]).netloc)


def next_page(answer: Any) -> str | None:
    """Where a list goes on, by its answer's head."""
    return ((answer.links if "link" in answer.headers else {}).get("next") or {}).get("url")


def place_after(url: Any, place: str) -> str | None:
    """The Hub's path to which a redirection or a next page leads, as the client goes there: without the dots in it."""
    try:
        return hub_path(url.join(place))
    except Exception:  # no address; each HTTP library has its own error
        return None


def goes_on_alike(url: Any, place: str) -> bool:
    """Whether a question to the Hub, redirected or on a next page, leads to one whose answer is looked at alike."""
    onward = place_after(url, place) or ""
    return bool(OF_A_REPO.match(onward)) if OF_A_REPO.match(hub_path(url)) else onward.startswith("/api/")


def why_no_names(value: Any) -> str | None:
    """What in the JSON of an answer on a repository is no hash or address where the client takes it for one."""
    pending = [value]
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending += [inner for inner in one if isinstance(inner, dict | list)]
        elif isinstance(one, dict):
            for name, inner in one.items():
                named = inner is None or (isinstance(inner, str) and A_HASH.fullmatch(inner))
                if name in HASHES and not named:
                    return f"names no commit or hash ({name})"
                if name == "casUrl" and not is_store(inner):
                    return "names no place of a store"
                if isinstance(inner, dict | list) and name not in OF_AUTHORS:
                    pending.append(inner)
    return None


def is_store(place: Any) -> bool:
    """Whether an address is one that Xet's store may have: `hf_xet` takes local:// for a folder of this machine."""
    return place is None or (isinstance(place, str) and (place.startswith("https://") or on_hub(place)))


def limit_body(answer: Any) -> None:
    """Let the reading of an answer's body end with a ScriptError where it is larger than any list of the Hub."""
    base = importlib.import_module(type(answer).__module__.partition(".")[0]).SyncByteStream
    stream, most = answer.stream, allowed(MAX_DOCUMENT // (20 if "content-encoding" in answer.headers else 1))
    path = answer.request.url.path

    class LimitedStream(base):
        """The pieces of a body, counted."""

        def __iter__(self) -> Iterator[bytes]:
            size = 0
            for piece in stream:
                size += len(piece)
                if size > most:
                    raise too_much(path, f"an answer of more than {most / 1e6:,.0f} MB")
                yield piece

        def close(self) -> None:
            stream.close()

    if isinstance(stream, base) and not answer.is_stream_consumed:
        answer.stream = LimitedStream()


def on_hub(url: object) -> bool:
    """Whether an address is one of the Hub's."""
    try:
        return origin_of(url) in hub_origins()
    except ValueError:  # no port
        return False


def renews_on_hub(route: str) -> bool:
    """Whether access to Xet is renewed at the Hub, however an address is read: `\\` and `@` are read in two ways.

    The client itself puts its endpoint in the place of the public Hub's address.
    """
    return not set(route) & set("\\@") and (on_hub(route) or route.startswith("https://huggingface.co/"))


def body_of_last() -> str | None:
    """The text of the last answer; None when there is none, or it was not read."""
    try:
        return LAST.answer.text
    except (AttributeError, RuntimeError, ValueError):
        return None


def answer_told() -> str:
    """ "GET /api/whoami-v2 was answered 200 with null", as far as it is known."""
    answer = getattr(LAST, "answer", None)
    if answer is None:
        return "an answer came"
    body = body_of_last()
    shown = "nothing" if body == "" else single_line(body or "a body")[:MOST_SHOWN]
    return f"{answer.request.method} {answer.request.url.path} was answered {answer.status_code} with {shown}"


def listed(call: Callable[[], Iterable[Listed]]) -> list[Listed]:
    """What a listing of the client gives; TypeError when the answer was none: an object is no empty list."""
    items = list(call())
    if not items:
        require_list()
    return items


def require_list() -> None:
    """TypeError when the last answer is known, and is no list."""
    body = body_of_last()
    if body is not None and not body.lstrip().startswith("["):
        raise TypeError("a list is expected")
