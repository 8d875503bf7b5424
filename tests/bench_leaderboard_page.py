#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "duckdb>=1.4,<3",
#     "gradio>=6.16,<7",
#     "httpx2>=2,<3",
#     "huggingface_hub>=2.2,<3",
#     "numpy>=2,<3",
#     "orjson>=3.10,<4",
#     "playwright>=1.50,<2",
#     "python-dotenv>=1.1,<2",
#     "pyyaml>=6,<7",
#     "rich>=14,<16",
#     "tenacity>=9,<10",
# ]
# ///
"""Measure the leaderboard's page in a browser: first paint, time to the whole table, and how fast a filter answers.

  uv run tests/bench_leaderboard_page.py
  uv run tests/bench_leaderboard_page.py --rows 10000 100000 --repeats 5

Made-up data with that many rows (numbers; about one model for seven) is exported and served (Gradio). "first paint" is
the browser's first contentful paint, of rows that stand in the page itself; "table" is when the data is unpacked and
the table answers, "ratio" how many times as long that is. A filter's time is from the event of the search field to the
frame in which the new rows are painted: the slowest of several searches. All in milliseconds, medians of the repeats,
without the network's time. The table goes to stdout. Needs Chromium or Chrome: apt-get install chromium, or
HUB_EVALS_CHROMIUM=/path/to/it.
"""

from __future__ import annotations

import argparse
import contextlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from run_tests import find_browser

ROOT = Path(__file__).resolve().parent.parent
SEARCHES = ("m", "made", "made-up-0", "lab 7", "nobody", "")
FIRST_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"
# From the event to the frame after the one that the change was made in.
SEARCH = """async (text) => {
    const field = document.getElementById('q'), start = performance.now();
    field.value = text;
    field.dispatchEvent(new Event('input', { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
    return performance.now() - start;
}"""


@contextlib.contextmanager
def served(data: Path, script: Path) -> Iterator[str]:
    """The address of the served page, when it answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    process = subprocess.Popen([sys.executable, str(script), "serve", "--data", str(data), "--port", str(port)])
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(20)


def measure(browser: object, address: str, repeats: int) -> tuple[float, float, float]:
    """(first paint, table, slowest search) of a page in ms; each load is in a fresh profile."""
    paints, tables, searches = [], [], []
    while len(paints) < repeats:
        context = browser.new_context(viewport={"width": 1360, "height": 860})
        page = context.new_page()
        page.goto(address)
        page.wait_for_selector("html[data-ready]")
        tables.append(page.evaluate("performance.now()"))
        paint = page.evaluate(FIRST_PAINT)
        searches.append(max(page.evaluate(SEARCH, text) for text in SEARCHES))
        context.close()
        if paint is not None:
            paints.append(paint)
    return statistics.median(paints), statistics.median(tables[:repeats]), statistics.median(searches)


def run(args: argparse.Namespace) -> int:
    """Export and serve made-up data of each size, and print what the browser measures."""
    sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests")]
    import leaderboard
    import leaderboard_data
    from playwright.sync_api import sync_playwright

    path = find_browser()
    if path is None:
        print("error: no Chromium here: apt-get install chromium, or set HUB_EVALS_CHROMIUM", file=sys.stderr)
        return 2
    heads = f"{'KiB':>6}  {'first paint':>11}  {'table':>7}  {'ratio':>5}  {'filter':>7}  {'bytes a number':>14}"
    print(f"{'rows':>7}  {'models':>6}  {'page':6}  {heads}")
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        for count in args.rows:
            data, page = Path(folder, f"data{count}"), Path(folder, f"page{count}.html")
            leaderboard_data.write_made_up(data, count)
            page.write_text(leaderboard.read_page(data), encoding="utf-8")
            models = len({row["model"] for row in leaderboard_data.made_up_rows(count)})
            with served(data, ROOT / "scripts" / "leaderboard.py") as address:
                for kind, where in (("export", page.as_uri()), ("serve", address)):
                    paint, table, search = measure(browser, where, args.repeats)
                    size = f"{count:7}  {models:6}  {kind:6}  {page.stat().st_size / 1024:6.0f}"
                    times = f"{paint:8.0f} ms  {table:4.0f} ms  {table / paint:5.1f}  {search:4.0f} ms"
                    print(f"{size}  {times}  {page.stat().st_size / count:14.1f}", flush=True)
        browser.close()
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--rows",
        nargs="+",
        type=int,
        default=[10_000, 100_000],
        metavar="N",
        help="sizes of the data (default: 10000 100000)",
    )
    parser.add_argument("--repeats", type=int, default=5, metavar="N", help="loads of each page (default: %(default)s)")
    parser.set_defaults(run=run)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; 0, or 2 without a browser."""
    args = build_parser().parse_args(argv)
    return args.run(args)


if __name__ == "__main__":
    raise SystemExit(main())
