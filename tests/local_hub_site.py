"""What every server of `local_hub.py` has: a log of requests, faults, latency, limits, and HTTP itself.

A `Site` is one or more origins (`HubServer`: a port on the loopback address with its routes); a test injects what goes
wrong with `site.fault(...)`. Nothing here knows of repos.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import math
import re
import socket
import socketserver
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from http.server import BaseHTTPRequestHandler
from typing import Any, Self
from urllib.parse import parse_qs, unquote, urlencode, urlsplit

PARTS = {
    "kind": "models|datasets|spaces",
    "prefix": "(?:datasets/|spaces/)?",
    "repo": r"[\w.-]+/[\w.-]+?",
    "name": r"[\w.-]+",
    "rev": r"refs(?:/|%2F)pr(?:/|%2F)\d+|[^/]+",  # the client quotes refs/pr/1, a browser does not
    "path": ".+",
    "num": r"\d+",
    "sha": "[0-9a-f]{64}",
    "hash": "[0-9a-f]{64}",
    "job": "[0-9a-f]{24}",
    "bucket": r"[\w.-]+",
}
# Bodies that no client expects, by the name under which `Site.wrong` sends them: content type, bytes.
WRONG_FORMS = {
    "null": ("application/json", b"null"),
    "object": ("application/json", b"{}"),
    "list": ("application/json", b"[]"),
    "text": ("application/json", b'"no"'),
    "number": ("application/json", b"7"),
    "cut": ("application/json", b'{"id": "me/m", "sib'),
    "html": ("text/html", b"<!doctype html><title>Sorry</title><h1>We are down for maintenance</h1>"),
    "empty": ("text/plain", b""),
}
COMPRESSED = 1024  # bytes of JSON above which it is sent compressed to who takes it
# Requests that send a body and change nothing.
ASKS = r"/(preupload|paths-info)/|/api/validate-yaml$|/objects/batch$"


# --- Vocabulary ---


class HubError(Exception):
    """An answer other than success. `code` becomes X-Error-Code, from which the client picks its exception class."""

    def __init__(self, status: int, message: str, code: str = "", **headers: str):
        super().__init__(message)
        self.status, self.message, self.code, self.headers = status, message, code, headers


@dataclass
class Fault:
    """What goes wrong with the `nth` request that fits `method` and the regex `path`, and the `times` - 1 after it."""

    method: str
    path: str  # searched in the unquoted path and query
    nth: int = 1
    times: float = 1
    status: int | None = None  # answer this and do nothing, with `code`, `message`, `headers`
    executed: bool = False  # with `status`: the request is carried out all the same
    code: str = ""
    message: str = "Injected by the test"
    body: bytes | None = (
        None  # instead of the message; without `status`: instead of the real answer's, with its headers
    )
    content_type: str = ""
    headers: dict[str, str] = field(default_factory=dict)  # e.g. {"Retry-After": "0"}, {"RateLimit": '"api";r=0;t=0'}
    delay: float = 0  # seconds before anything else
    before: Callable[[], object] | None = None  # run just before the request is handled: another user's commit
    after: Callable[[], object] | None = None  # run when it has been handled, before its answer goes out
    drop: str = ""  # close the connection: in the "upload", "before" handling, at the "answer", in the "download"
    corrupt: str = ""  # what becomes of the uploaded bytes: "cut" in half or one bit "flip"ped
    seen: int = 0  # requests that fitted so far

    def hits(self, method: str, target: str) -> bool:
        if not (re.fullmatch(self.method, method) and re.search(self.path, target)):
            return False
        self.seen += 1
        return self.nth <= self.seen < self.nth + self.times

    @property
    def refuses(self) -> bool:
        """Whether nothing is carried out."""
        return bool(self.status) and not self.executed

    def instead(self, answer: Answer) -> Answer:
        """What goes out in place of the true answer. Raises HubError where that is an error without a body."""
        if self.body is None and self.status is None:
            return answer
        if self.body is None:
            raise HubError(self.status, self.message, self.code, **self.headers)
        headers = {"Content-Type": "text/html"} if self.status else answer.headers
        headers = headers | ({"Content-Type": self.content_type} if self.content_type else {}) | self.headers
        return Answer(self.status or answer.status, self.body, headers)


@dataclass
class Request:
    """One line of the log: what arrived, at the "hub" or the "cdn", and the status that went out (0: none did)."""

    method: str
    path: str
    query: str
    origin: str
    authorized: bool  # whether an Authorization header came along; never the token itself
    at: float = 0.0  # seconds since 1970 at which it arrived
    status: int = 0


@dataclass
class Budget:
    """Requests of one kind ("api", "resolvers") that a caller may send in a fixed window of seconds."""

    kind: str
    quota: int
    window: float
    used: int = 0
    since: float = -math.inf

    def spend(self, clock: float) -> tuple[bool, dict[str, str]]:
        """Whether one more is allowed, and the headers that the Hub sends with every answer."""
        if clock >= self.since + self.window:
            self.used, self.since = 0, clock
        allowed = self.used < self.quota
        self.used += allowed
        left = math.ceil(self.since + self.window - clock)
        headers = {"RateLimit": f'"{self.kind}";r={self.quota - self.used};t={left}'}
        headers["RateLimit-Policy"] = f'"fixed window";"{self.kind}";q={self.quota};w={math.ceil(self.window)}'
        return allowed, headers | ({} if allowed else {"Retry-After": str(left)})


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    stream: Iterator[bytes] | None = None  # instead of the body: parts, sent as they come


@dataclass
class Call:
    """A request on its way to a handler. `repo` is set when the route names one and the caller may see it."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]  # lower-case names
    body: bytes = b""
    token: Any = None  # who is calling: a Token of local_hub_repos
    repo: Any = None

    def json(self) -> dict:
        return json.loads(self.body or b"{}")

    def arg(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[-1]

    def flag(self, name: str) -> bool:
        return self.arg(name).lower() in ("1", "true")

    @property
    def user(self) -> str:
        if self.token is None:
            raise HubError(401, "Invalid username or password.")
        return self.token.user


# --- Answers ---


def json_answer(data: object, status: int = 200, **headers: str) -> Answer:
    text = json.dumps(data, default=json_value, skipkeys=True)
    return Answer(status, text.encode(), {"Content-Type": "application/json", **headers})


def error_answer(path: str, error: HubError, **headers: str) -> Answer:
    """JSON from the API, plain text where a page or a file was asked for."""
    if re.match("/api/", path) or "/info/lfs/" in path:
        return json_answer({"error": error.message}, error.status, **headers)
    return Answer(error.status, error.message.encode(), {"Content-Type": "text/plain; charset=utf-8", **headers})


def express_etag(body: bytes) -> str:
    """The ETag of an answer, also of an error, as the Hub's web framework makes it: length and hash, in base64.

    It has both characters that are no letters, which a third of the real ones lacks.
    """
    digest = base64.b64encode(hashlib.sha1(body).digest()).decode()
    return f'W/"{len(body):x}-/+{digest[:25]}"'


def json_value(value: object) -> str:
    """What YAML has and JSON has not: dates, bytes."""
    return value.isoformat() if isinstance(value, date) else str(value)


def html_page(title: str, *sections: tuple[str, str]) -> Answer:
    """A plain page; everything in it is text, escaped, and no script may run."""
    blocks = "".join(f"<h2>{html.escape(name)}</h2><pre>{html.escape(text)}</pre>" for name, text in sections)
    name = html.escape(title)
    page = f"<!doctype html><meta charset=utf-8><title>{name}</title><h1>{name}</h1>{blocks}"
    headers = {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": "default-src 'none'"}
    return Answer(200, page.encode(), headers)


def ranged(data: bytes, wanted: str, **headers: str) -> Answer:
    """A file, or the part of it that a Range header asks for."""
    headers |= {"Accept-Ranges": "bytes", "Content-Type": "text/plain; charset=utf-8"}
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", wanted)
    if not match or match[0] == "bytes=-":
        return Answer(200, data, headers)
    first, last = (int(part) if part else None for part in match.groups())
    start = max(0, len(data) - (last or 0)) if first is None else first
    stop = len(data) if first is None or last is None else min(last + 1, len(data))
    if start >= stop:
        raise HubError(416, "Range not satisfiable", **{"Content-Range": f"bytes */{len(data)}"})
    return Answer(206, data[start:stop], {**headers, "Content-Range": f"bytes {start}-{stop - 1}/{len(data)}"})


# --- A site and its log ---


class Site:
    """What every server here has: its log of requests, its faults and its latency, and a thread for each origin."""

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.requests: list[Request] = []
        self.errors: list[str] = []  # tracebacks of handlers: a bug here, or a malformed request
        self.faults: list[Fault] = []
        self.rule: Callable[[str, str], Fault | None] | None = None  # asked for each request that no fault fits
        self.latency = 0.0  # seconds that every request waits before it is handled; many wait side by side
        self.in_flight = self.most_in_flight = 0  # requests that wait or are handled now, and at most so far
        self.verbose = False
        self.servers: list[HubServer] = []

    def __enter__(self) -> Self:
        for server in self.servers:
            threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for server in self.servers:
            server.stop()

    def count(self, method: str = ".*", path: str = "") -> int:
        """Requests so far that fit two regexes, the path's searched anywhere."""
        return sum(bool(re.fullmatch(method, r.method) and re.search(path, r.path)) for r in self.requests)

    def writes(self) -> list[Request]:
        """Requests so far that change something, or would have if they had been allowed."""
        return [r for r in self.requests if r.method not in ("GET", "HEAD") and not re.search(ASKS, r.path)]

    def fault(self, method: str, path: str, **how: object) -> Fault:
        """Injects a Fault: `hub.fault("POST", r"/commit/", status=503)`."""
        self.faults.append(Fault(method, path, **how))
        return self.faults[-1]

    def wrong(self, method: str, path: str, form: str, **how: object) -> Fault:
        """Injects a 200 with a body of a wrong form (WRONG_FORMS); `executed=True`: after it has been carried out."""
        kind, body = WRONG_FORMS[form]
        return self.fault(method, path, **({"status": 200, "content_type": kind, "body": body} | how))

    @contextmanager
    def in_progress(self) -> Iterator[None]:
        """Around a request until its answer is known."""
        with self.lock:
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            yield
        finally:
            with self.lock:
                self.in_flight -= 1

    def admit(self, call: Call, parts: dict[str, str], origin: str, need: str | None) -> None:
        """Raises HubError when the caller may not; may take the parts of the path that a handler does not want."""

    def moved(self, path: str) -> str | None:
        """Where a path leads that is answered with a redirection, else None."""
        return None

    def limited(self, call: Call, origin: str) -> dict[str, str]:
        """Headers for every answer; raises HubError when the caller has sent too many requests."""
        return {}

    def save(self) -> None:
        """Called after each request that was not a GET."""


# --- HTTP ---


class Dropped(Exception):
    """The connection ends here, without an answer or in the middle of one."""


class HubServer(socketserver.ThreadingTCPServer):
    """One origin: a port on the loopback address and its routes."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, site: Site, origin: str, routes: list[tuple], port: int, handlers: object):
        super().__init__(("127.0.0.1", port), HttpHandler)
        self.site, self.origin, self.open, self.routes = site, origin, set(), []
        self.add_routes(routes, handlers)

    def add_routes(self, routes: list[tuple], handlers: object) -> None:
        self.routes += [(m, compiled(pattern), getattr(handlers, name), need) for m, pattern, name, need in routes]

    def process_request(self, request, client_address) -> None:
        self.open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request) -> None:
        self.open.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request, client_address) -> None:
        if not isinstance(sys.exception(), ConnectionError):  # a client that went away is no error
            super().handle_error(request, client_address)

    def stop(self) -> None:
        """Ends kept-alive connections too, so that no client goes on talking to a Hub that is gone."""
        self.shutdown()
        self.server_close()
        for request in list(self.open):
            with suppress(OSError):
                request.shutdown(socket.SHUT_RDWR)

    def dispatch(self, call: Call) -> Answer:
        """Finds the route, checks token and permission, calls the handler."""
        method = "GET" if call.method == "HEAD" else call.method
        if urlsplit(f"//{call.headers.get('host', '')}").hostname not in ("127.0.0.1", "localhost"):
            raise HubError(403, "This Hub answers to 127.0.0.1 only")  # a web page elsewhere must not reach it by DNS
        if where := self.site.moved(call.path):
            query = f"?{urlencode(call.query, True)}" if call.query else ""
            raise HubError(307, f"Temporary Redirect. Redirecting to {where}", Location=where + query)
        for route_method, pattern, handler, need in self.routes:
            match = pattern.fullmatch(call.path)
            if match and route_method == method:
                parts = {name: unquote(part) for name, part in match.groupdict().items()}
                self.site.admit(call, parts, self.origin, need)
                answer = handler(call, **parts)
                return answer if isinstance(answer, Answer) else json_answer(answer)
        raise HubError(404, "Sorry, we can't find the page you are looking for.")


def compiled(pattern: str) -> re.Pattern:
    return re.compile(re.sub(r"\{(\w+)\}", lambda m: f"(?P<{m[1]}>{PARTS[m[1]]})", pattern))


class HttpHandler(BaseHTTPRequestHandler):
    """One connection, kept alive: read, inject faults, dispatch, answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body of an answer are two writes
    wbufsize = -1

    def handle_request(self) -> None:
        site, split = self.server.site, urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        facts = (self.command, unquote(split.path), split.query, self.server.origin, "authorization" in headers)
        log = Request(*facts, at=time.time())
        with site.lock:
            site.requests.append(log)
            hits = [fault for fault in site.faults if fault.hits(self.command, unquote(self.path))]
            rule = None if hits or site.rule is None else site.rule(self.command, unquote(self.path))
        fault = hits[0] if hits else rule or Fault("", "")
        call = Call(self.command, split.path, parse_qs(split.query, keep_blank_values=True), headers)
        try:
            with site.in_progress():
                answer = self.answer(call, fault)
            log.status = answer.status
            self.send(answer, cut=fault.drop == "download")
        except (Dropped, ConnectionError):
            self.close_connection = True
        if site.verbose:
            print(f"{log.status} {log.method} {log.path}", file=sys.stderr)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = handle_request

    def answer(self, call: Call, fault: Fault) -> Answer:
        """The handler's answer, or an error's; raises Dropped when the fault says that none goes out."""
        time.sleep(self.server.site.latency + fault.delay)
        if fault.drop == "upload":
            self.rfile.read(int(call.headers.get("content-length") or 2) // 2)
            raise Dropped
        call.body = damaged(self.read_body(call.headers), fault.corrupt)
        if fault.drop == "before":
            raise Dropped
        if fault.before:
            fault.before()
        try:
            answer = Answer() if fault.refuses else self.handled(call)
            if fault.after:
                fault.after()
            answer = fault.instead(answer)
        except HubError as error:
            told = {"X-Error-Code": error.code} if error.code else {}
            told["X-Error-Message"] = error.message.partition("\n")[0]  # HEAD has no body, and 403 shows only this
            answer = error_answer(call.path, error, **told, **error.headers)
        if fault.drop == "answer":
            raise Dropped
        return answer

    def handled(self, call: Call) -> Answer:
        site = self.server.site
        with site.lock:
            told = site.limited(call, self.server.origin)
            try:
                answer = self.server.dispatch(call)
            except HubError as error:
                error.headers |= told
                raise
            except (KeyError, ValueError, TypeError, AttributeError, IndexError) as error:
                site.errors.append(traceback.format_exc())
                raise HubError(400, f"Malformed request: {error!r}", **told) from error
            if call.method not in ("GET", "HEAD"):
                site.save()
            elif call.path.startswith("/api/") and answer.status == 200 and "ETag" not in answer.headers:
                tag = {"ETag": express_etag(answer.body)}
                fresh = call.headers.get("if-none-match") == tag["ETag"]
                answer = Answer(304, b"", {**answer.headers, **tag}) if fresh else answer
            answer.headers |= told
            return answer

    def read_body(self, headers: dict[str, str]) -> bytes:
        if headers.get("transfer-encoding", "").lower() != "chunked":
            length = int(headers.get("content-length") or 0)
            body = self.rfile.read(length)
            if len(body) < length:
                raise ConnectionError("the client went away")
            return body
        chunks = []
        while size := int(self.rfile.readline().split(b";")[0] or b"0", 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def send(self, answer: Answer, cut: bool) -> None:
        self.send_response(answer.status)
        head, sent = {"X-Content-Type-Options": "nosniff", **answer.headers}, answer.body
        made = head.get("Content-Type") == "application/json" or answer.status >= 400
        if made and sent and answer.status // 100 != 3:
            head.setdefault("ETag", express_etag(sent))
            if len(sent) > COMPRESSED and "gzip" in self.headers.get("Accept-Encoding", ""):
                head, sent = {**head, "Content-Encoding": "gzip"}, gzip.compress(sent, 1)
        for name, value in head.items():
            self.send_header(name, re.sub(r"[^ -~]", "?", value))
        if answer.stream is not None:
            self.send_parts(answer.stream)
            return
        self.send_header("Content-Length", str(len(sent)))
        self.end_headers()
        body = b"" if self.command == "HEAD" else sent
        self.wfile.write(body[: len(body) // 2] if cut else body)
        self.wfile.flush()
        if cut:
            raise Dropped

    def send_parts(self, parts: Iterator[bytes]) -> None:
        """The rest of an answer whose length is not known, in chunks."""
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for part in parts:
            self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")
        self.wfile.flush()

    def log_message(self, *_: object) -> None:
        """hub.requests is the log."""


def damaged(body: bytes, how: str) -> bytes:
    if not body or not how:
        return body
    return body[: len(body) // 2] if how == "cut" else bytes([body[0] ^ 1]) + body[1:]
