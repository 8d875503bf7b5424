"""The page's files, and the queries that fill it."""

from __future__ import annotations

from parts.embedded import embedded

PAGE_TITLE = "Open model leaderboard"
HUB_URL = "https://huggingface.co"
PAGE_FILES = ("leaderboard.parquet", "metadata.json")
PAGE_ADDRESSES = ("", "/", "/gradio_api/startup-events")  # that `serve` answers
SPACE_HOST = "0.0.0.0"  # a Space is reached from outside its container

# What marks a number in the table, beside colour; the author's own metadata is the usual case and has no mark.
SOURCE_MARKS = {"verified": "✓", "merged_community": "merged", "open_pr": "PR", "own_run": "own", "reported": "other"}

FIRST_ROWS, FIRST_COLUMNS = 50, 12  # of the table, in the page's HTML itself
PAGE_MODELS = """
    SELECT model, max(parameters) AS parameters, max(license) AS license, max(downloads) AS downloads
    FROM scores GROUP BY model
"""
PAGE_BENCHMARKS = """
    SELECT benchmark, max(benchmark_name) AS benchmark_name, max(canonical_unit) AS canonical_unit,
           bool_or(lower_is_better) AS lower_is_better
    FROM scores WHERE benchmark IS NOT NULL AND comparable IS NOT NULL
    GROUP BY benchmark ORDER BY count(*) FILTER (shown) DESC, benchmark
"""
PAGE_SCORES = """
    SELECT * FROM scores WHERE benchmark IS NOT NULL AND comparable IS NOT NULL
    ORDER BY lower(model), model, benchmark, shown DESC, list_position(?, source_type), list_position(?, source_format),
             date DESC NULLS LAST, rowid
"""
PAGE_APART = """
    SELECT * FROM scores WHERE benchmark IS NULL OR comparable IS NULL
    ORDER BY lower(model), model, benchmark_name, source_type, value
"""
PAGE_HTML = embedded("page/page.html")
PAGE_STYLE = embedded("page/style.css")
SCRIPT_BASE = embedded("page/app/base.js")
SCRIPT_DATA = embedded("page/app/data.js")
SCRIPT_STATE = embedded("page/app/state.js")
SCRIPT_ORDER = embedded("page/app/order.js")
SCRIPT_SEARCH = embedded("page/app/search.js")
SCRIPT_TABLE = embedded("page/app/table.js")
SCRIPT_COMPARE = embedded("page/app/compare.js")
SCRIPT_SIZE = embedded("page/app/size.js")
SCRIPT_NIGHTS = embedded("page/app/nights.js")
SCRIPT_VIEWS = embedded("page/app/views.js")
SCRIPT_FILES = embedded("page/app/files.js")
SCRIPT_CONTROLS = embedded("page/app/controls.js")
PAGE_SCRIPT = (
    SCRIPT_BASE
    + SCRIPT_DATA
    + SCRIPT_STATE
    + SCRIPT_ORDER
    + SCRIPT_SEARCH
    + SCRIPT_TABLE
    + SCRIPT_COMPARE
    + SCRIPT_SIZE
    + SCRIPT_NIGHTS
    + SCRIPT_VIEWS
    + SCRIPT_FILES
    + SCRIPT_CONTROLS
)
