"""The page served or exported."""

from __future__ import annotations

import argparse
import contextlib
import gzip
import hashlib
import ipaddress
import os
import socket
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parts.board.data import covered_key, open_data, query
from parts.board.overall import board_order, chosen_primary, shared_answers_text, unlike_ways
from parts.board.vocabulary import SOURCE_FORMATS, SOURCE_TYPES, answered_by_key, count_models
from parts.frame import ScriptError, command_line_of, natural_key, note, run_line, single_line, write_whole
from parts.outputs import refuse_others
from parts.page.constants import (
    HUB_URL,
    PAGE_ADDRESSES,
    PAGE_APART,
    PAGE_BENCHMARKS,
    PAGE_FILES,
    PAGE_MODELS,
    PAGE_SCORES,
    PAGE_TITLE,
    SPACE_HOST,
)
from parts.page.first_rows import table_top
from parts.page.packed import (
    Strings,
    as_columns,
    page_apart,
    page_benchmark,
    page_html,
    page_model,
    page_ranks,
    page_score,
    page_sources,
)

RANK_METHOD = (
    "Two-sided z-tests between all models of a benchmark (of shares as angles, Anscombe 1948, with a correction for "
    "continuity), Holm-corrected at a familywise level of 5 % (Holm 1979); a "
    "model's range leaves out the ranks above the models that are significantly worse and below those that are "
    "significantly better: simultaneous confidence sets for ranks (Mogstad, Romano, Shaikh and Wilhelm 2024). Scores "
    "are taken as independent: item by item, models that share a range may differ (compare_results.py --rule choose)"
)


# Behind the date, wherever the page tells it: where numbers and their sources are not the word of who made the page.
BY_OTHERS = " by others: what the numbers are and where they are from is their word"


def read_page(folder: Path, primary: str | None = None, adopt: bool = False) -> str:
    """The page of the data in a folder; ScriptError with the command that collects data when it cannot be made.

    primary: benchmarks of the overall order, with commas between; adopt: take what others collected for the own.
    """
    words = command_line_of(["collect", "--trending", "100", "--output-dir", folder])
    again = f"collect it: {run_line('leaderboard.py')} {words}"
    for name in PAGE_FILES:
        if not (folder / name).is_file():
            raise ScriptError(f"{folder / name}: no such file; {again}")
    try:
        engine, metadata = open_data(folder, adopt)
        named = [covered_key(name, metadata, "--primary") for name in filter(None, (primary or "").split(","))]
        with engine:
            return page_html(*page_data(engine, metadata, named))
    except ScriptError as error:
        if primary:
            raise
        raise ScriptError(f"{str(error).removesuffix('; collect again')}; {again}") from error
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise ScriptError(f"{folder}: not the data of a leaderboard ({single_line(error)}); {again}") from error


def page_data(engine: Any, metadata: Mapping[str, Any], named: Sequence[str]) -> tuple[dict[str, Any], dict[str, str]]:
    """What the page draws: models, benchmarks, every number in the order of sources, what was kept apart or unread.

    With it the HTML of the first rows. named: the benchmarks of the overall order, when somebody has named them.
    """
    here = metadata.get("collected_here", True)
    models = sorted(query(engine, PAGE_MODELS), key=lambda row: natural_key(row["model"]))
    if not models:
        raise ValueError("it has no rows")
    categories = {entry["key"]: entry.get("category") for entry in metadata["benchmarks"]}
    found = query(engine, PAGE_BENCHMARKS)
    scores = query(engine, PAGE_SCORES, [list(SOURCE_TYPES), list(SOURCE_FORMATS)])
    answers = answered_by_key(scores)
    unlike = unlike_ways(row for row in scores if row["shown"])
    benchmarks = [
        page_benchmark(row, categories.get(row["benchmark"]), answers, unlike.get(row["benchmark"], ""))
        for row in found
    ]
    # Where like stands beside like, it packs best; numbers of one model and benchmark stay in the order of sources.
    scores.sort(key=lambda row: (row["benchmark"], not row["shown"], row["comparable"] if row["shown"] else 0.0))
    shown = {(row["benchmark"], row["model"]): row for row in scores if row["shown"]}
    primary = chosen_primary(named, metadata, shown.values())
    place = {row["model"]: index for index, row in enumerate(models)}
    column = {row["benchmark"]: index for index, row in enumerate(found)}
    told_of = [{"key": row["benchmark"], "lower_is_better": row["lower_is_better"]} for row in found]
    about = [one | {"name": benchmark["name"]} for one, benchmark in zip(told_of, benchmarks, strict=True)]
    many = count_models(row["model"] for row in models)
    order = board_order(list(shown.values()), primary, about, many)
    standings, ranks, text = order.standings, page_ranks(shown.values()), Strings()
    places = {one.model: one.rank for one in standings if one.mean is not None}
    said, by = order.text, f" By {order.what}."
    lead = said.removesuffix(by)
    shared = shared_answers_text(shown.values(), primary) if len(primary) > 1 else ""
    rows = (page_score(row, ranks[row["benchmark"], row["model"]] if row["shown"] else None, text) for row in scores)
    data = {
        "hub": HUB_URL,
        "collected": f"{metadata['collected'][:16].replace('T', ' ')} UTC{'' if here else BY_OTHERS}",
        "claimed": not here,
        "read": metadata["models_read"],
        "ranking": RANK_METHOD,
        "sources": page_sources(),
        "benchmarks": benchmarks,
        "primary": [column[key] for key in primary],
        "places": {name: [getattr(places.get(row["model"]), name, None) for row in models] for name in ("low", "high")},
        "models": [page_model(row, text) for row in models],
        "scores": as_columns(rows, [(place[row["model"]], column[row["benchmark"]]) for row in scores]),
        "apart": [page_apart(row, place[row["model"]], text) for row in query(engine, PAGE_APART)],
        "unread": [[f"{e['model']}: {e['where']}".removeprefix(": "), e["reason"]] for e in metadata["unreadable"]],
        "strings": list(text.index),
    }
    told = f"{many:,} models, {len(benchmarks)} benchmarks. Collected {data['collected']}."
    return data, table_top(
        standings, shown, ranks, benchmarks, primary, lead, (by if lead != said else "") + shared, told
    )


def page_state(folder: Path) -> list[tuple[int, int] | None]:
    """What tells that the data changed: time and size of its files, None for one that is gone."""
    state: list[tuple[int, int] | None] = []
    for name in PAGE_FILES:
        try:
            found = (folder / name).stat()
        except OSError:
            state.append(None)
        else:
            state.append((found.st_mtime_ns, found.st_size))
    return state


@dataclass(frozen=True, slots=True)
class PackedPage:
    """A page as it is sent: plain, gzipped, and the tag by which a browser knows it again."""

    plain: bytes
    gzipped: bytes
    tag: str

    def answer(self, accepted: str, known: str) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers for a request with this Accept-Encoding and If-None-Match."""
        headers = {"etag": self.tag, "cache-control": "no-cache", "vary": "accept-encoding"}
        if self.tag in known:
            return 304, b"", headers
        headers |= {"content-type": "text/html; charset=utf-8", "x-content-type-options": "nosniff"}
        if "gzip" in accepted:
            return 200, self.gzipped, headers | {"content-encoding": "gzip"}
        return 200, self.plain, headers


def pack_page(html: str) -> PackedPage:
    """A page, ready to be sent."""
    plain = html.encode()
    return PackedPage(plain, gzip.compress(plain, 6, mtime=0), f'"{hashlib.sha256(plain).hexdigest()[:32]}"')


class ServedPage:
    """The page of a folder, made again when the data changed; the last good one stays if that fails."""

    def __init__(self, folder: Path, primary: str | None = None, adopt: bool = False) -> None:
        self.asked = folder, primary, adopt
        self.lock = threading.Lock()
        self.state = page_state(folder)  # before the page: a change in between is seen later
        self.packed = pack_page(read_page(*self.asked))

    def current(self) -> PackedPage:
        """The page of the data as it is now."""
        with self.lock:
            state = page_state(self.asked[0])
            if state != self.state:
                self.state = state
                try:
                    self.packed = pack_page(read_page(*self.asked))
                    note(f"{self.asked[0]}: changed, read again")
                except ScriptError as error:
                    note(f"warning: {error}; the page shows the data read before")
            return self.packed


def check_port(host: str, port: int) -> None:
    """ScriptError with the next command when nothing can listen there."""
    try:
        socket.create_server((host, port)).close()
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        other = port + 1 if 1024 <= port < 65535 else 7861
        command = f"{run_line('leaderboard.py')} serve --port {other}"
        raise ScriptError(f"{host}:{port}: {reason}; another port: {command}") from error


def asked_host(scope: dict[str, Any]) -> str:
    """The host that a request names, without its port."""
    named = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"host"), "")
    return named.rpartition("]")[0].lstrip("[") if named.startswith("[") else named.partition(":")[0]


def is_loopback(host: str) -> bool:
    """Whether a host is this machine, whatever the network says."""
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host.lower() == "localhost"


class PageAlone:
    """Only the page is served: of Gradio's own addresses the one by which it starts, and nothing is taken in.

    On this machine alone it is served under the names of this machine: a page of elsewhere, whose name leads here a
    moment later, is told nothing.
    """

    def __init__(self, app: Any, host: str) -> None:
        self.app, self.here = app, is_loopback(host)

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        from starlette.responses import PlainTextResponse

        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        elif self.here and not is_loopback(asked_host(scope)):
            await PlainTextResponse("this page is served on this machine, as localhost\n", 421)(scope, receive, send)
        elif scope["method"] not in ("GET", "HEAD"):
            answer = PlainTextResponse(
                "this page takes nothing in\n", 405, {"allow": "GET, HEAD", "connection": "close"}
            )
            await answer(scope, receive, send)
        elif scope["path"] not in PAGE_ADDRESSES:
            await PlainTextResponse("there is one page, at /\n", 404)(scope, receive, send)
        else:
            await self.app(scope, receive, send)


def launch(page: ServedPage, host: str, port: int) -> None:
    """Serve the page with Gradio and return when it listens; ScriptError when it cannot."""
    os.environ.setdefault("GRADIO_ANALYTICS_ENABLED", "False")
    import gradio
    from starlette.requests import Request
    from starlette.responses import Response

    server = gradio.Server(title=PAGE_TITLE, docs_url=None, redoc_url=None, openapi_url=None)

    def root(request: Request) -> Response:
        asked = request.headers
        packed = page.current()
        status, body, headers = packed.answer(asked.get("accept-encoding", ""), asked.get("if-none-match", ""))
        return Response(body, status, headers)

    server.add_route("/", root)
    server.add_middleware(PageAlone, host=host)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            server.launch(
                server_name=host,
                server_port=port,
                share=False,
                quiet=True,
                prevent_thread_lock=True,
                ssr_mode=False,
                enable_monitoring=False,
            )
    except OSError as error:
        raise ScriptError(f"{host}:{port}: {error}") from error


def serve(args: argparse.Namespace) -> int:
    """Serve the page until it is interrupted; a change of the data shows at the next load of the page."""
    host = SPACE_HOST if os.environ.get("SPACE_ID") else args.host
    page = ServedPage(args.data, args.primary, args.adopt)
    check_port(host, args.port)
    launch(page, host, args.port)
    note(f"serving {args.data} on http://{host}:{args.port} (Ctrl-C ends it)")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()
    return 0


def export(args: argparse.Namespace) -> int:
    """Write the page as one HTML file; its path goes to stdout."""
    path = Path(args.output_dir) / "index.html"
    html = read_page(args.data, args.primary, args.adopt)
    refuse_others(path, html)
    write_whole(path, html)
    note(f"{path}: {len(html.encode()) / 1024:,.0f} KiB, opens without a server")
    print(path)
    return 0
