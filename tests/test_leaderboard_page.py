"""The leaderboard's page in a real browser, exported and served: what it shows, what it never does, who can use it."""

import base64
import contextlib
import csv
import gzip
import io
import json
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import leaderboard
import leaderboard_data
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import html as lxml_html
from run_tests import find_browser

ROOT = Path(__file__).resolve().parent.parent
SCRIPT = ROOT / "scripts" / "leaderboard.py"
EVIL_KEY = "__proto__"
VIEWS = ("table", "compare", "size", "coverage", "about")


def hostile_rows() -> list[dict]:
    """Rows whose every text tries to become markup, a script or a property of an object."""
    bad = '</script><script>window.hacked = "data"</script><img src=x onerror="window.hacked = 1">'
    rows = []
    for model in (f"evil/{bad}", "__proto__", "constructor/toString", 'evil/"><svg onload=window.hacked=2>'):
        for address in ("javascript:window.hacked=3", " JaVaScRiPt:alert(1)", "data:text/html,<script>1</script>"):
            more = {"source_url": address, "license": bad, "contributor": bad, "date": bad, "notes": bad, "metric": bad}
            shown = address.startswith("java")
            rows.append(leaderboard_data.row(model, EVIL_KEY, 0.5, benchmark_name=f"Name {bad}", **more, shown=shown))
    apart = {"comparable": None, "shown": False, "unit": bad, "why_not": bad, "benchmark_name": bad}
    rows.append(leaderboard_data.row("evil/apart", None, 3.0, **apart))
    return rows


ROWS = leaderboard_data.made_up_rows(1500)


def write(folder: Path, rows: list[dict]) -> Path:
    """The data of these rows in a folder."""
    leaderboard.write_data(folder, rows, leaderboard_data.made_up_metadata(rows))
    return folder


def shown_scores(rows: list[dict]) -> dict[str, dict[str, dict]]:
    """Model -> benchmark -> the row that is shown."""
    found: dict[str, dict[str, dict]] = {}
    for row in rows:
        if row["shown"]:
            found.setdefault(row["model"], {})[row["benchmark"]] = row
    return found


def percent(value: float) -> str:
    """A proportion as `show` prints it, which is how the page shows it."""
    return leaderboard.display_score(value, "proportion")


SHOWN = shown_scores(ROWS)
MODELS = sorted({row["model"] for row in ROWS})


# --- without a browser: the text of the page ---


def embedded(page: str) -> dict:
    """The data in the page, as a browser finds it."""
    document = lxml_html.document_fromstring(page)
    (block,) = document.xpath("//script[@id='data']")
    return json.loads(gzip.decompress(base64.b64decode(block.text)))


def numbers_in(found: dict) -> list[tuple]:
    """(model, benchmark, value) of the page's numbers, in its order."""
    scores = found["scores"]
    places = zip(scores["m"], scores["b"], scores["value"], strict=True)
    return [(found["models"][m][0], found["benchmarks"][b]["key"], value) for m, b, value in places]


def test_export_writes_one_page_with_every_number(tmp_path, capsys):
    data = write(tmp_path / "data", ROWS)
    assert leaderboard.main(["export", "--data", str(data), "--output-dir", str(tmp_path / "site")]) == 0
    page = tmp_path / "site" / "index.html"
    assert capsys.readouterr().out == f"{page}\n"
    assert [path.name for path in page.parent.iterdir()] == ["index.html"]
    found = embedded(page.read_text(encoding="utf-8"))
    in_page = sorted(numbers_in(found))
    comparable = [row for row in ROWS if row["comparable"] is not None and row["benchmark"] is not None]
    assert in_page == sorted((row["model"], row["benchmark"], row["comparable"]) for row in comparable)
    assert len(found["apart"]) == len(ROWS) - len(comparable)
    assert len(found["unread"]) == 2


def test_numbers_come_in_the_order_of_sources_and_the_shown_one_first(tmp_path):
    found = embedded(leaderboard.read_page(write(tmp_path, ROWS)))
    first = {}
    for model, key, value in numbers_in(found):
        first.setdefault((model, key), value)
    for model, scores in SHOWN.items():
        for key, row in scores.items():
            assert first[model, key] == row["comparable"]
    assert [source["id"] for source in found["sources"]] == list(leaderboard.SOURCE_TYPES)


def test_two_hundred_models_and_fifteen_benchmarks_are_below_a_megabyte(tmp_path):
    rows = [
        leaderboard_data.row(
            f"some-organization/model-with-a-usual-name-{model:03}",
            f"benchmark_{key:02}",
            round(0.3 + model / 1000 + key / 777, 4),
            benchmark_name=f"Benchmark {key}",
            source_type=kind,
            source_url=f"https://huggingface.co/some-organization/evals-{model}-{key}/discussions/{key}",
            shown=kind == "verified",
            standard_error=0.0123456,
            comparable_error=0.0123456,
            n=1319,
            revision=f"{model:040x}",
        )
        for model in range(200)
        for key in range(15)
        for kind in ("verified", "open_pr")
    ]
    assert len(leaderboard.read_page(write(tmp_path, rows)).encode()) < 500_000


TEXT = st.text(max_size=40) | st.sampled_from(
    ["</script>", "<!--<script>", "]]>", "{{data}}", "\u2028", "\\u003c", "~"]
)


@given(model=TEXT.filter(str.strip), name=TEXT, note=TEXT)
@settings(max_examples=60, deadline=None)
def test_no_text_leaves_the_data(model, name, note):
    data = {"strings": [model, name, note], "models": [[model]], "scores": []}
    page = leaderboard.page_html(data)
    block = page.split('id="data">')[1].split("</script>")[0]
    assert re.fullmatch(r"[A-Za-z0-9+/=]+", block)
    assert embedded(page) == data
    assert page.count("<script") == 2


@given(model=TEXT.filter(str.strip), name=TEXT)
@settings(max_examples=60, deadline=None)
def test_the_first_rows_are_text(model, name):
    """What is painted before the data is unpacked is written as HTML here: every foreign text is escaped."""
    row = leaderboard_data.row(model, "gsm8k", 0.5)
    benchmark = leaderboard.page_benchmark(row | {"benchmark_name": name or "x"}, None, {})
    standings = leaderboard.overall_order([row], ["gsm8k"])
    ranks = {("gsm8k", model): leaderboard.RankRange(1, 1, "stated")}
    first = leaderboard.table_top(
        standings, {("gsm8k", model): row}, ranks, [benchmark], ["gsm8k"], name, name, "today"
    )
    tree = lxml_html.fragments_fromstring(f"<table>{first['head']}{first['rows']}</table><p>{first['lead']}</p>")
    tags = {node.tag for part in tree for node in part.iter()}
    assert tags <= {"table", "tbody", "tr", "th", "td", "span", "a", "p"}
    for part in tree:
        for node in part.iter():
            assert not [key for key in node.attrib if key.startswith("on")]
            assert (node.get("href") or leaderboard.HUB_URL).startswith(leaderboard.HUB_URL)


def test_half_a_character_does_not_stop_the_page():
    assert embedded(leaderboard.page_html({"strings": ["a\ud800b"]})) == {"strings": ["a?b"]}


def many_rows(models: int) -> list[dict]:
    """Fifteen numbers of each model, each with the path of a record of its own, as the datastore has them."""
    rng, rows = random.Random(9), []
    keys = [(key, name) for key, name, *_ in leaderboard_data.BENCHMARKS] + [
        (f"more_{n}", f"More {n}") for n in range(5)
    ]
    store = f"{leaderboard.HUB_URL}/datasets/evaleval/EEE_datastore/blob/main/data"
    about = {"source_type": "reported", "source_format": "record", "source_name": "An index", "n": 1000}
    for number in range(models):
        model = f"lab-{number % 97}/made-up-model-{number:05}"
        for key, name in keys:
            url = f"{store}/{key}/{model}/{uuid.UUID(int=rng.getrandbits(128))}.json"
            value = rng.randint(0, 10**4) / 10**4
            rows.append(leaderboard_data.row(model, key, value, benchmark_name=name, source_url=url, **about))
    return rows


@pytest.fixture(scope="module")
def many(tmp_path_factory) -> tuple[list[dict], Path]:
    """A hundred thousand numbers, and their page."""
    rows, folder = many_rows(6667), tmp_path_factory.mktemp("many")
    page = folder / "index.html"
    page.write_text(leaderboard.read_page(write(folder / "data", rows)), encoding="utf-8")
    return rows, page


def test_a_hundred_thousand_numbers_are_below_four_megabytes(many):
    rows, page = many
    assert len(rows) > 100_000
    assert page.stat().st_size <= 4_000_000


@pytest.mark.parametrize(
    ("address", "kept"),
    [
        ("https://huggingface.co/a/b/discussions/3", "~/discussions/3"),
        ("https://huggingface.co/a/b", "~"),
        ("https://huggingface.co/a/bc", "https://huggingface.co/a/bc"),
        ("HTTP://example.org", "HTTP://example.org"),
        ("javascript:alert(1)", None),
        (" javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("//example.org", None),
        ("", None),
        (None, None),
    ],
)
def test_only_web_addresses_become_links(address, kept):
    assert leaderboard.web_address(address, "a/b") == kept


def test_policy_names_the_style_and_the_script(tmp_path):
    page = leaderboard.read_page(write(tmp_path, ROWS[:20]))
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    style = re.search(r"<style>(.*?)</style>", page, re.DOTALL)[1]
    assert leaderboard.sha256_source(style) in policy


BROKEN = {
    "no folder": lambda folder: shutil.rmtree(folder),
    "no parquet": lambda folder: (folder / "leaderboard.parquet").unlink(),
    "no metadata": lambda folder: (folder / "metadata.json").unlink(),
    "parquet is text": lambda folder: (folder / "leaderboard.parquet").write_text("x"),
    "metadata is a list": lambda folder: (folder / "metadata.json").write_text("[]"),
    "metadata is cut": lambda folder: (folder / "metadata.json").write_text('{"collected": "20'),
    "metadata is empty": lambda folder: (folder / "metadata.json").write_text("{}"),
    "no rows": lambda folder: write(folder, []),
}


@pytest.mark.parametrize("command", ["export", "serve"])
@pytest.mark.parametrize("harm", BROKEN.values(), ids=BROKEN)
def test_missing_or_broken_data_names_the_command_that_collects(tmp_path, capsys, harm, command):
    data = write(tmp_path / "data", ROWS[:20])
    harm(data)
    output = ["--output-dir", str(tmp_path / "site")] if command == "export" else []
    assert leaderboard.main([command, "--data", str(data), *output]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.search(r"uv run (--no-config --python \S+ )?\S*scripts/leaderboard.py collect", err)
    assert str(data) in err
    assert len(err.splitlines()) <= 2
    assert not (tmp_path / "site").exists()


def test_taken_port_names_another(tmp_path, capsys):
    data = write(tmp_path, ROWS[:20])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert leaderboard.main(["serve", "--data", str(data), "--port", str(port)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert f"127.0.0.1:{port}" in err
    assert re.search(r"uv run (--no-config --python \S+ )?\S*scripts/leaderboard.py serve --port \d+", err)


@pytest.mark.parametrize("port", ["70000", "123456789"])
def test_impossible_port(tmp_path, capsys, port):
    assert leaderboard.main(["serve", "--data", str(write(tmp_path, ROWS[:20])), "--port", port]) == 2
    assert "serve --port 7861" in capsys.readouterr().err


# --- served by Gradio ---


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@contextlib.contextmanager
def served(data: Path, log: Path, **environment: str) -> Iterator[str]:
    """The address of `serve` as its own process."""
    port = free_port()
    command = [sys.executable, str(SCRIPT), "serve", "--data", str(data), "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=output, env=os.environ | environment)
        try:
            until = time.monotonic() + 120
            while "serving" not in log.read_text():
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < until, log.read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/"
        finally:
            process.terminate()
            process.wait(20)


def fetch(address: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer."""
    request = urllib.request.Request(
        address, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, {name.lower(): value for name, value in answer.headers.items()}, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, {name.lower(): value for name, value in error.headers.items()}, error.read()


def test_served_page_is_the_exported_one_and_follows_the_data(tmp_path):
    data = write(tmp_path / "data", ROWS[:60])
    log = tmp_path / "log"
    with served(data, log) as address:
        status, headers, body = fetch(address)
        assert (status, body.decode()) == (200, leaderboard.read_page(data))
        status, packed, smaller = fetch(address, accept_encoding="gzip")
        assert packed["content-encoding"] == "gzip"
        assert gzip.decompress(smaller) == body
        assert fetch(address, if_none_match=headers["etag"])[0] == 304
        write(data, ROWS[:90])
        status, _, body = fetch(address, if_none_match=headers["etag"])
        assert (status, body.decode()) == (200, leaderboard.read_page(data))
        (data / "metadata.json").write_text("{}")
        assert fetch(address)[2] == body, "broken data must not take the page away"
        assert "the page shows the data read before" in log.read_text()


def test_nothing_can_be_sent_to_the_served_page(tmp_path):
    """Gradio's own addresses are closed: it would take a stranger's file and keep it."""
    data = write(tmp_path / "data", ROWS[:20])
    kept = tmp_path / "temporary"
    kept.mkdir()
    body = b'--x\r\nContent-Disposition: form-data; name="files"; filename="a.txt"\r\n\r\nhello\r\n--x--\r\n'
    with served(data, tmp_path / "log", GRADIO_TEMP_DIR=str(kept), TMPDIR=str(kept)) as address:
        for path in ("gradio_api/upload", "upload", "", "gradio_api/queue/join", "gradio_api/run/predict"):
            request = urllib.request.Request(
                f"{address}{path}", body, {"Content-Type": "multipart/form-data; boundary=x"}, method="POST"
            )
            with pytest.raises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(request, timeout=30)
            assert refused.value.code == 405
        for path in ("config", "gradio_api/info", "gradio_api/file=/etc/passwd", "monitoring", "theme.css"):
            assert fetch(f"{address}{path}")[0] == 404, path
        assert fetch(address)[0] == 200
        assert not [path for path in kept.rglob("*") if path.is_file()]


def reachable(address: str) -> bool:
    """Whether something listens there."""
    host, port = address.removeprefix("http://").rstrip("/").split(":")
    with contextlib.suppress(OSError), socket.create_connection((host, int(port)), timeout=5):
        return True
    return False


def answered(address: str, host: str) -> int:
    """The status of the page under another name of its server."""
    request = urllib.request.Request(address, headers={"Host": f"{host}:7860"})
    try:
        return urllib.request.urlopen(request, timeout=30).status
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux answers on all of 127.0.0.0/8")
def test_listens_on_this_machine_alone_except_in_a_space(tmp_path):
    data = write(tmp_path / "data", ROWS[:20])
    with served(data, tmp_path / "log") as address:
        assert reachable(address)
        assert not reachable(address.replace("127.0.0.1", "127.0.0.2"))
        hosts = {"evil.example": 421, "127.0.0.1.evil.example": 421, "10.0.0.1": 421, "localhost": 200, "[::1]": 200}
        assert {host: answered(address, host) for host in hosts} == hosts, "a name that leads here is no name of ours"
    with served(data, tmp_path / "log2", SPACE_ID="me/leaderboard") as address:
        assert reachable(address.replace("127.0.0.1", "127.0.0.2"))
        assert answered(address, "me-leaderboard.example") == 200


# --- in a browser ---


@pytest.fixture(scope="module")
def browser():
    """A browser without a window."""
    path = find_browser()
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium, or set HUB_EVALS_CHROMIUM to a browser")
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def page_data(tmp_path_factory) -> Path:
    """Made-up data with hostile rows among them."""
    return write(tmp_path_factory.mktemp("data"), ROWS + hostile_rows())


@pytest.fixture(scope="module")
def exported(page_data, tmp_path_factory) -> str:
    """The address of the exported page: a file."""
    site = tmp_path_factory.mktemp("site")
    assert leaderboard.main(["export", "--data", str(page_data), "--output-dir", str(site)]) == 0
    return (site / "index.html").as_uri()


@pytest.fixture(scope="module")
def server(page_data, tmp_path_factory) -> Iterator[str]:
    """The address of the served page."""
    with served(page_data, tmp_path_factory.mktemp("log") / "log") as where:
        yield where


@pytest.fixture(params=["exported", "server"])
def address(request) -> str:
    """Where the page is: a file, then a server."""
    return request.getfixturevalue(request.param)


class Visit:
    """A page in the browser, and everything that should not happen on it."""

    def __init__(self, browser, address: str, **options: object) -> None:
        self.context = browser.new_context(**({"viewport": {"width": 1360, "height": 900}} | options))
        self.page = self.context.new_page()
        self.page.set_default_timeout(10_000)
        self.address, self.trouble = address, []
        note = self.trouble.append
        self.page.on("console", lambda message: note(f"console: {message.type}: {message.text}"))
        self.page.on("pageerror", lambda error: note(f"error: {error}"))
        self.page.on("dialog", lambda dialog: (note(f"dialog: {dialog.message}"), dialog.dismiss()))
        self.page.on("request", self.check_request)

    def check_request(self, request) -> None:
        """The page itself is the one thing that is ever loaded."""
        if request.url.split("#")[0] not in (self.address, "about:blank", "data:,") and request.url[:5] != "blob:":
            self.trouble.append(f"request: {request.url}")

    def open(self, state: str = "") -> "Visit":
        """Load the page with a state in its address."""
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}#{state}")
        self.page.wait_for_selector("html[data-ready]")
        return self

    def ids(self) -> list[str]:
        """The models in the table, from the top."""
        return self.page.eval_on_selector_all("#body tr[data-id]", "rows => rows.map(row => row.dataset.id)")

    def column(self, name: str) -> list[str]:
        """The numbers of a column as they are read."""
        return self.page.evaluate(
            """name => {
                const heads = [...document.querySelectorAll('#head tr > *')];
                const at = heads.findIndex((head) => head.querySelector('.name')?.textContent === name);
                return [...document.querySelectorAll('#body tr')].map((row) =>
                    row.children[at].querySelector('.value, strong')?.textContent
                    ?? row.children[at].querySelector('.vh')?.textContent ?? row.children[at].textContent);
            }""",
            name,
        )

    def ranks(self) -> list[str]:
        """The ranks in the table as they are seen, from the top."""
        return self.page.eval_on_selector_all(
            "#body td.rankcell", "cells => cells.map((one) => one.firstChild.textContent)"
        )

    def count(self) -> int:
        """How many models the page says that it shows."""
        return int(self.page.text_content("#count strong").replace(",", ""))

    def text(self, selector: str) -> str:
        """What stands there."""
        return self.page.inner_text(selector)


@pytest.fixture
def visit(browser, address) -> Iterator[Visit]:
    """The page, opened; at the end nothing may have gone wrong."""
    visiting = Visit(browser, address).open()
    yield visiting
    assert visiting.page.evaluate("window.hacked") is None
    assert visiting.trouble == []
    visiting.context.close()


def with_number(keep) -> set[str]:
    """Made-up models with a shown number that `keep` (model, its rows) accepts."""
    return {model for model, scores in SHOWN.items() if keep(model, scores)}


def about(model: str, field: str) -> object:
    """A property of a made-up model."""
    return next(row[field] for row in ROWS if row["model"] == model)


def test_search_finds_models_by_parts_of_their_name(visit):
    visit.page.fill("#q", "ORION 0012")
    wanted = with_number(lambda model, _: "orion" in model.lower() and "0012" in model)
    assert set(visit.ids()) == wanted
    assert len(wanted) >= 1
    assert visit.count() == len(wanted)
    visit.page.fill("#q", "no such model")
    assert visit.ids() == []
    visit.page.click("text=Show all models")
    assert visit.count() == visit.open().count()


def test_filters_keep_what_they_say(visit):
    page = visit.page
    page.select_option("#license", "mit")
    assert visit.count() == len(with_number(lambda model, _: about(model, "license") == "mit"))
    page.fill("#min", "3")
    page.fill("#max", "14")

    def fits(model, _):
        return about(model, "license") == "mit" and 3e9 <= (about(model, "parameters") or 0) <= 14e9

    assert visit.count() == len(with_number(fits)) > 0
    assert "of unknown size left out" in visit.text("#note")
    page.click("#reset")
    page.check("#verified")
    verified = {row["model"] for row in ROWS if row["source_type"] == "verified" and row["comparable"] is not None}
    assert visit.count() == len(verified)
    assert set(page.eval_on_selector_all("#body td.score .mark", "marks => marks.map((m) => m.title)")) == {"verified"}


def test_source_filter_shows_the_first_of_the_chosen_sources(visit):
    visit.page.click("#sourcesummary")
    for kind in leaderboard.SOURCE_TYPES:
        visit.page.set_checked(f"#sources input[data-source={kind}]", kind == "reported")
    reported = [row for row in ROWS if row["source_type"] == "reported" and row["comparable"] is not None]
    assert visit.count() == len({row["model"] for row in reported})


def test_benchmark_filter_chooses_columns(visit):
    visit.page.click("#keysummary")
    for key, *_ in leaderboard_data.BENCHMARKS:
        visit.page.set_checked(f'#keys input[data-key="{key}"]', key in ("gsm8k", "hle"))
    visit.page.set_checked(f'#keys input[data-key="{EVIL_KEY}"]', False)
    visit.page.keyboard.press("Escape")
    heads = visit.page.eval_on_selector_all("#head th", "heads => heads.map((head) => head.dataset.sort)")
    assert set(filter(None, heads)) == {"model", "size", "average", "gsm8k", "hle", "downloads"}
    assert visit.count() == len(with_number(lambda _, scores: {"gsm8k", "hle"} & set(scores)))
    visit.page.check("#complete")
    assert visit.count() == len(with_number(lambda _, scores: {"gsm8k", "hle"} <= set(scores)))


def test_columns_sort_by_mouse_and_keyboard_and_missing_comes_last(visit):
    scores = {model: rows["gsm8k"]["comparable"] for model, rows in SHOWN.items() if "gsm8k" in rows}
    best = sorted(scores.values(), reverse=True)
    head = visit.page.locator("#head th[data-sort=gsm8k]")
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert visit.column("GSM8K")[:50] == [percent(value) for value in best[:50]]
    head.locator("button").focus()
    visit.page.keyboard.press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert visit.column("GSM8K")[:50] == [percent(value) for value in sorted(best)[:50]]
    assert visit.page.evaluate("document.activeElement.closest('th').dataset.sort") == "gsm8k", "focus stays"
    assert visit.page.locator("#head [aria-sort]").count() == 1
    pages = int(re.search(r"of (\d+)$", visit.text("#pager .pages"))[1])
    for _ in range(pages - 1):
        visit.page.click("#pager button:has-text('Next')")
    assert visit.column("GSM8K")[-1] == "missing"
    visit.page.click("#head th[data-sort=gsm8k] button")
    last = visit.open(f"sort=gsm8k&page={pages}").column("GSM8K")
    assert last[-1] == "missing"


def test_a_star_is_for_what_is_shown_better(visit):
    """The group that cannot be told from the best is tinted, a certain leader has a star; a leading number is bold."""
    for key in ("gsm8k", "bbh", "gpqa_diamond", "livecodebench"):
        rows = [scores[key] for scores in SHOWN.values() if key in scores]
        ranks, top = leaderboard.rank_ranges(rows), max(row["comparable"] for row in rows)
        visit.open(f"b={key}&sort={key}")
        for model, row in zip(visit.ids(), visit.page.locator("#body tr").all(), strict=True):
            rank, cell = ranks.get(model), row.locator("td.score")
            if rank is None:
                continue
            marks = set(cell.get_attribute("class").split()) - {"n", "score"}
            star, alone = (rank.low, rank.high) == (1, 1), SHOWN[model][key]["comparable"] == top
            wanted = {"group": rank.low == 1, "star": star, "lead": alone and not star}
            assert marks == {name for name, is_so in wanted.items() if is_so}, (key, model)
            assert ("★" in cell.text_content()) == star
            assert not star or visit.page.locator("#marks", has_text="★").is_visible()
            assert rank.low != 1 or visit.page.locator("#marks .swatch").is_visible()
            assert ("cannot be told from the best" in cell.text_content()) == (rank.low == 1 and not star)


def test_rank_ranges_are_those_of_the_method(visit):
    rows = [scores["mmlu"] for scores in SHOWN.values() if "mmlu" in scores]
    ranks = leaderboard.rank_ranges(rows)
    visit.open("b=mmlu&sort=mmlu")
    for model, row in zip(visit.ids(), visit.page.locator("#body tr").all(), strict=True):
        rank = ranks[model]
        text = row.locator("td.score").text_content()
        assert (f"rank {rank}" in text) == (rank.low is not None), (model, text)


def test_average_is_over_the_same_benchmarks_for_all(visit):
    visit.open("b=gsm8k,mmlu,bbh&average=1&sort=average")
    keys = ("gsm8k", "mmlu", "bbh")
    means = {
        model: sum(100 * rows[key]["comparable"] for key in keys) / 3
        for model, rows in SHOWN.items()
        if all(key in rows for key in keys)
    }
    found = dict(zip(visit.ids(), visit.column("Average"), strict=True))
    have = {model: text for model, text in found.items() if text[0].isdigit()}
    expected = sorted(means.values(), reverse=True)[: len(have)]
    assert [float(text) for text in have.values()] == pytest.approx(expected, abs=0.051)
    assert f"Average over the same 3 benchmarks for {len(means)} models" in visit.text("#note")


def test_model_shows_all_its_numbers_with_links_to_their_sources(visit):
    model = next(row["model"] for row in ROWS if row["source_type"] == "reported" and "made-up" in row["model"])
    visit.open(f"q={model}")
    visit.page.click("#body th a")
    dialog = visit.page.locator("dialog[open]")
    assert dialog.get_attribute("aria-labelledby") == "title-model"
    assert visit.text("#title-model") == model
    numbers = [row for row in ROWS if row["model"] == model and row["comparable"] is not None]
    lines = visit.page.locator("#numbers tbody tr")
    assert lines.count() == len(numbers)
    for row in numbers:
        assert any(f"{percent(row['comparable'])} %" in text for text in lines.all_inner_texts())
    links = visit.page.locator("#numbers a")
    assert links.count() == sum(bool(row["source_url"]) for row in numbers)
    for link in links.all():
        assert link.get_attribute("href") == f"https://huggingface.co/{model}"
        assert "noopener" in link.get_attribute("rel")
    assert f"model={quote(model, safe='')}" in visit.page.url
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_selector("dialog[open]", state="detached")
    assert visit.page.evaluate("document.activeElement.textContent") == model.split("/")[1], "focus returns"
    visit.page.wait_for_url(lambda url: "model=" not in url, timeout=10_000)


def test_compare_two_models(visit):
    complete = [model for model in MODELS if "made-up" in model and len(SHOWN.get(model, ())) >= 6][:2]
    shared = set(SHOWN[complete[0]]) & set(SHOWN[complete[1]])
    visit.open("q=made-up&sort=model")
    for model in complete:
        visit.page.fill("#q", model)
        visit.page.check(f'input[aria-label="Compare {model}"]')
    visit.page.click("#tray .main")
    chart = visit.page.locator("#view-compare svg[role=img]")
    assert all(model in chart.locator("title").text_content() for model in complete)
    assert chart.locator(".k0:not(.whisker)").count() == len(SHOWN[complete[0]])
    assert chart.locator(".k1:not(.whisker)").count() == len(SHOWN[complete[1]])
    assert f"over the {len(shared)} benchmarks in percent that all 2 models have" in visit.text("#view-compare")
    cells = visit.page.locator("#compared tbody tr").first.locator("td strong").all_inner_texts()
    for model, text in zip(complete, cells, strict=True):
        mean = sum(100 * SHOWN[model][key]["comparable"] for key in shared) / len(shared)
        assert float(text) == pytest.approx(mean, abs=0.051)


def test_five_models_at_most_are_compared(visit):
    visit.open("q=made-up")
    for box in visit.page.locator("#body input[type=checkbox]").all()[:5]:
        box.check()
    assert visit.page.locator("#body input:checked").count() == 5
    assert visit.page.locator("#body input:enabled").count() == 5
    assert "5 of 5" in visit.text("#tray")
    visit.page.click("#tray .main")
    assert visit.page.locator("#view-compare .key li").count() == 5
    assert visit.page.locator("#add").is_disabled()
    visit.page.click("#view-compare .key button >> nth=0")
    chosen = visit.page.url
    visit.page.fill("#add", next(model for model in MODELS if quote(model, safe="") not in chosen))
    assert visit.page.locator("#view-compare .key li").count() == 5


def test_pareto_front_is_the_one_by_brute_force(visit):
    points = [
        (about(model, "parameters"), rows["mmlu_pro"]["comparable"], model)
        for model, rows in SHOWN.items()
        if "mmlu_pro" in rows and about(model, "parameters")
    ]
    front = [
        (size, value)
        for size, value, _ in points
        if not any(s <= size and v >= value and (s, v) != (size, value) for s, v, _ in points)
    ]
    visit.open("view=size&plot=mmlu_pro")
    shown = visit.page.locator("#front tbody td.score .value").all_inner_texts()
    assert shown == [percent(value) for _, value in sorted(set(front))]
    assert f"{len(points)} models drawn" in visit.text("#view-size")
    assert visit.page.locator("#view-size svg path.k1").count() == len(shown)
    assert visit.page.locator("#view-size svg path.cloud").get_attribute("d").count("M") == len(points)
    visit.page.click("#front tbody a >> nth=0")
    visit.page.wait_for_selector("dialog[open]")


def test_coverage_counts_models(visit):
    visit.open("view=coverage")
    for key, name, *_ in leaderboard_data.BENCHMARKS:
        row = visit.page.locator("#covered tbody tr", has=visit.page.locator("th", has_text=re.compile(f"^{name}$")))
        cells = row.locator("td").all_inner_texts()
        assert int(cells[0]) == len(with_number(lambda _, scores, key=key: key in scores))
        assert sum(map(int, cells[2:])) == int(cells[0])


def test_about_names_the_order_the_method_and_what_failed(visit):
    visit.open("view=about")
    order = visit.page.locator("#order li strong").all_inner_texts()
    assert order == list(leaderboard.SOURCE_TYPES.values())
    assert visit.text("#ranking") == leaderboard.RANK_METHOD
    text = visit.text("#view-about")
    assert "the value is <script>alert(3)</script>" in text
    assert "2026-11-21 06:00 UTC" in text
    apart = sum(row["comparable"] is None for row in ROWS + hostile_rows())
    assert f"Kept apart ({apart})" in text


def test_marks_tell_sources_apart_without_colour(visit):
    visit.open("q=made-up")
    for kind in ("open_pr", "own_run", "verified"):
        marks = visit.page.locator(f"#body .mark.{kind}")
        assert marks.count() > 0
        assert set(marks.all_text_contents()) == {leaderboard.SOURCE_MARKS[kind]}
        label = leaderboard.SOURCE_TYPES[kind]
        cells = visit.page.locator("#body td.score", has=visit.page.locator(f".mark.{kind}")).all_text_contents()
        assert all(f", {label}" in cell for cell in cells)
        assert label in visit.text("#legend")


def test_view_is_shared_by_its_address_and_back_works(visit):
    visit.page.fill("#q", "made-up-0001")
    visit.page.click("#head th[data-sort=hle] button")
    visit.page.wait_for_url(re.compile("sort=hle"))
    before, where = visit.ids(), visit.page.url.split("#")[1]
    assert visit.open(where).ids() == before
    assert visit.page.input_value("#q") == "made-up-0001"
    visit.page.click("#body th a >> nth=0")
    visit.page.wait_for_selector("dialog[open]")
    visit.page.go_back()
    visit.page.wait_for_selector("dialog[open]", state="detached")
    visit.page.click("nav a[data-view=coverage]")
    assert visit.page.is_visible("#view-coverage")
    visit.page.go_back()
    visit.page.wait_for_selector("#view-table:visible")
    assert visit.ids() == before


@pytest.mark.parametrize(
    "state",
    [
        "view=nothing&sort=nothing&page=999999&b=nothing,__proto__&compare=no&compare=no&model=no",
        "min=abc&max=-1&from=x&up=maybe&page=-4&license=%3Cscript%3E",
        "%E0%A4%A&&&=&q=%00%FF",
        "view=size&plot=__proto__&q=nobody",
    ],
)
def test_any_address_opens(visit, state):
    visit.open(state)
    assert visit.page.locator("section:visible").count() == 1


def test_hostile_texts_are_shown_as_text(visit):
    for view in VIEWS:
        visit.open(f"view={view}&q=evil&b={EVIL_KEY}&plot={EVIL_KEY}&compare={quote('__proto__')}")
        drawn = visit.page.evaluate("document.querySelector('.page').cloneNode(true).textContent")
        assert not re.search(r"\[object|undefined|NaN|Infinity", drawn), view
    visit.open(f"q=script&b={EVIL_KEY}")
    name = "</script><script>window.hacked"
    assert name in visit.text("#body")
    assert name in visit.text("#head")
    visit.page.click(f"#body th a:has-text('{name}') >> nth=0")
    visit.page.wait_for_selector("dialog[open]")
    assert visit.page.locator("#numbers tbody tr").count() == 3
    assert visit.page.locator("a[href^='javascript' i], a[href^='data' i]:not([rel=icon])").count() == 0
    assert visit.page.locator("#numbers a").count() == 0
    assert visit.page.locator("main img, dialog img, main svg[onload]").count() == 0


def test_policy_stops_a_script_that_got_in(browser, address):
    visiting = Visit(browser, address).open()
    visiting.page.evaluate(
        """() => {
            const image = '<img src="https://example.org/x" onerror="window.hacked = 1">';
            document.body.insertAdjacentHTML('beforeend', image);
            const script = document.createElement('script');
            script.textContent = 'window.hacked = 2';
            document.body.append(script);
        }"""
    )
    visiting.page.wait_for_timeout(200)
    assert visiting.page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in line for line in visiting.trouble)
    visiting.context.close()


def test_keyboard_alone_reaches_everything(visit):
    page = visit.page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = []
    for _ in range(60):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate(
                "(e => e.id || e.closest('[id]').id + ' ' + (e.dataset.sort ?? e.tagName))(document.activeElement)"
            )
        )
    for name in ("q", "min", "max", "license", "keysummary", "sourcesummary", "verified", "average", "scroll"):
        assert name in reached, (name, reached)
    assert "head BUTTON" in reached
    assert "body A" in reached
    page.locator("#body th a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector("dialog[open]")
    for _ in range(40):
        page.keyboard.press("Tab")
        inside = page.evaluate("document.activeElement === document.body || !!document.activeElement.closest('dialog')")
        assert inside, "focus stays in the dialog"
    page.keyboard.press("Escape")


def test_theme_follows_the_system_and_then_the_person(browser, address):
    shade = "getComputedStyle(document.body).backgroundColor"
    light = Visit(browser, address, color_scheme="light").open()
    dark = Visit(browser, address, color_scheme="dark").open()
    bright, dim = light.page.evaluate(shade), dark.page.evaluate(shade)
    assert bright != dim
    light.page.click("#theme")
    assert light.page.evaluate(shade) == dim
    assert light.open().page.evaluate(shade) == dim, "the choice is kept"
    for visiting in (light, dark):
        assert visiting.trouble == []
        visiting.context.close()


# --- the overall order, and what people take away ---


def plain_visit(browser, page: Path, **options: object) -> Visit:
    return Visit(browser, page.as_uri(), **options)


def exported_page(folder: Path, rows: list[dict], *arguments: str) -> Path:
    """The exported page of these rows."""
    data = write(folder / "data", rows)
    assert leaderboard.main(["export", "--data", str(data), "--output-dir", str(folder / "site"), *arguments]) == 0
    return folder / "site" / "index.html"


def page_models(data: Path) -> set[str]:
    """The models in the data of a board."""
    return {row["model"] for row in leaderboard.query(leaderboard.open_data(data)[0], "SELECT model FROM scores")}


def test_the_page_opens_in_the_order_that_show_prints(visit, page_data, capsys):
    assert leaderboard.main(["show", "--data", str(page_data), "--json", "--top", "50"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert visit.ids() == [line["model"] for line in answer["rows"]]
    assert visit.page.get_attribute("#head [data-sort=average]", "aria-sort") == "descending"
    for line, text in zip(answer["rows"], visit.ranks(), strict=True):
        rank = leaderboard.RankRange(**line["rank"])
        assert text == (str(rank) if line["mean"] is not None else f"{line['have']} of {len(answer['primary'])}")
    assert visit.text("#lead").startswith(f"{answer['rows'][0]['model']} leads by ")
    assert f"({answer['rows'][0]['mean']:.1f} ± " in visit.text("#lead")
    assert " ".join(visit.text("#lead").split()) == answer["conclusion"], "the page says what show prints"
    assert visit.text("#lead .by").startswith("By the average of ")
    assert leaderboard.main(["show", "--data", str(page_data), "--json", "--top", "9999"]) == 0
    every = json.loads(capsys.readouterr().out)["rows"]
    placed, models = sum(line["mean"] is not None for line in every), len(page_models(page_data))
    assert (
        0 < placed < models
        and f"Among {placed} of {models} models: the other {models - placed} have no number " in visit.text("#lead")
    )
    swatch = visit.page.locator("#marks .swatch").bounding_box()
    assert swatch["y"] < visit.page.locator("#body").bounding_box()["y"], "what the green means stands above the table"
    colour = "one => getComputedStyle(one).backgroundColor"
    tint = visit.page.locator("#body td.group").first.evaluate(colour)
    assert visit.page.locator("#marks .swatch").evaluate(colour) == tint


@pytest.mark.parametrize("able", [True, False])
@pytest.mark.parametrize("lower", [False, True])
def test_the_page_names_who_could_lead_as_show_does(browser, tmp_path, capsys, lower, able):
    """A leader with far the best numbers; of those that lack a benchmark some could overtake it, some could come near
    it within the errors, and some neither."""
    first, *rest = [row for row in leaderboard_data.made_up_rows(300, hostile=False) if row["shown"]]
    keys, rows = ["gsm8k", "bbh", "mmlu"], []
    for number, name in enumerate(["a/leader", *(f"m/{i}" for i in range(8))]):
        for place, key in enumerate(keys if number < 5 else keys[: 1 + number % 2]):
            about = next(row for row in [first, *rest] if row["benchmark"] == key)
            value = {0: 0.7, 7: 0.69, 8: 0.01}.get(number, 0.5 - number / 50)
            value = (value if able else {6: 0.03, 7: 0.5325}.get(number, value)) - place / 100
            value = 1 - value if lower else value
            more = {"comparable": value, "comparable_error": 0.003, "standard_error": 0.003, "lower_is_better": lower}
            rows.append(about | more | {"model": name, "value": value, "source_type": "own_run", "shots": None})
    page = exported_page(tmp_path, rows, "--primary", ",".join(keys))
    assert leaderboard.main(["show", "--data", str(tmp_path / "data"), "--primary", ",".join(keys), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out[len(str(page)) + 1 :])
    needs = {line["model"]: line["needs"] for line in answer["rows"]}
    assert {name for name, need in needs.items() if need is not None} == ({"m/5", "m/6"} if able else set()), needs
    assert "only among the models with all 3 benchmarks" in answer["conclusion"] and not answer["certain"]
    need = needs["m/6"] and f"{needs['m/6']:.1f}"
    could = f"; m/6 (2 of 3) would need {need} there to lead, and 1 more could lead."
    assert (could if able else "; none could lead, m/6 (2 of 3) could come within the errors.") in answer["conclusion"]
    visiting = plain_visit(browser, page)
    visiting.open()
    assert " ".join(visiting.text("#lead").split()) == answer["conclusion"]
    assert answer["conclusion"].partition(" By ")[0] in page.read_text(encoding="utf-8"), "before any script runs"
    visiting.context.close()


def test_models_that_lack_a_benchmark_stand_below_with_a_count(browser, tmp_path):
    rows = leaderboard_data.made_up_rows(400, hostile=False)
    visiting = plain_visit(browser, exported_page(tmp_path, rows, "--primary", "gsm8k,hle,bbh"))
    visiting.open()
    seen = visiting.ranks()
    lacking = [text for text in seen if " of 3" in text]
    assert seen[-len(lacking) :] == lacking == sorted(lacking, reverse=True)
    assert {"2 of 3", "1 of 3"} <= set(lacking)
    visiting.context.close()


def test_ranks_over_other_columns_are_those_of_the_method(visit):
    """What the page works out itself, when somebody averages over other columns, is what Python works out."""
    keys = ("gsm8k", "mmlu", "bbh", "hle")
    visit.open(f"b={','.join(keys)}&average=1")
    rows = [row for scores in SHOWN.values() for row in scores.values()]
    wanted = {one.model: one for one in leaderboard.overall_order(rows, keys) if one.mean is not None}
    seen = dict(zip(visit.ids(), visit.ranks(), strict=True))
    compared = [model for model in seen if model in wanted]
    assert len(compared) > 20
    for model in compared:
        assert seen[model] == str(wanted[model].rank), model


def test_ranks_of_chosen_sources_are_among_their_numbers(visit):
    """The ranks in the data are of numbers from all sources; of a choice the page works them out anew."""
    visit.open("from=own_run,reported&b=gsm8k&sort=gsm8k")
    order, first = list(leaderboard.SOURCE_TYPES), {}
    for row in ROWS:
        if (
            row["source_type"] in ("own_run", "reported")
            and row["benchmark"] == "gsm8k"
            and row["comparable"] is not None
        ):
            before = first.get(row["model"])
            if before is None or order.index(row["source_type"]) < order.index(before["source_type"]):
                first[row["model"]] = row
    wanted = leaderboard.rank_ranges(list(first.values()))
    seen = dict(zip(visit.ids(), visit.ranks(), strict=True))
    assert len(seen) > 10
    assert seen == {model: str(wanted[model]) for model in seen}
    assert visit.page.locator("#body td.score .rank .vh").count() == 0, "no rank of another set under a number"


def test_search_finds_licenses_and_benchmarks_and_proposes(visit):
    page = visit.page
    page.fill("#q", "cc-by-nc")
    assert visit.count() == len(with_number(lambda model, _: about(model, "license") == "cc-by-nc-4.0"))
    page.fill("#q", "last exam")
    assert visit.count() == len(with_number(lambda _, scores: "hle" in scores))
    head = page.locator("#head [data-sort=hle]")
    assert head.get_attribute("aria-sort") == "descending"
    box, room = head.bounding_box(), page.locator("#scroll").bounding_box()
    assert room["x"] <= box["x"]
    assert box["x"] + box["width"] <= room["x"] + room["width"] + 1
    page.fill("#q", "orion gsm8k")
    assert (
        visit.count() == len(with_number(lambda model, scores: "orion" in model and "gsm8k" in scores))
        or visit.count() > 0
    )
    page.fill("#q", "oroin")
    assert visit.count() == 0
    assert page.inner_text("#proposal") == "orion"
    page.click("#proposal")
    assert visit.count() == len(with_number(lambda model, _: "orion" in model))
    page.fill("#q", "")
    assert page.get_attribute("#head [data-sort=average]", "aria-sort") == "descending"


def test_no_row_says_what_there_would_be_without_each_filter(visit):
    visit.open("q=zzzzzzzz&license=mit&min=3")
    mit = with_number(lambda model, _: about(model, "license") == "mit" and (about(model, "parameters") or 0) >= 3e9)
    text = visit.text("#body")
    assert re.search(rf"Without the search .zzzzzzzz.\s*{len(mit)} models", text)
    assert re.search(r"Without the license mit\s*0 models", text)
    visit.page.click("text=Without the search")
    assert visit.count() == len(mit)


def test_a_star_in_the_comparison_needs_an_opponent_and_a_difference(browser, tmp_path):
    more = {"comparable_error": 0.01}
    rows = [
        leaderboard_data.row("a/a", "gsm8k", 0.9, **more), leaderboard_data.row("b/b", "gsm8k", 0.5, **more),
        leaderboard_data.row("a/a", "bbh", 0.51, **more), leaderboard_data.row("b/b", "bbh", 0.5, **more),
        leaderboard_data.row("a/a", "mmlu", 0.9, **more),
        leaderboard_data.row("a/a", "hle", 1.0, **more), leaderboard_data.row("b/b", "hle", 1.0, **more),
        leaderboard_data.row("a/a", "elo", 1900, canonical_unit="points", comparable_error=None),
        leaderboard_data.row("b/b", "elo", 1500, canonical_unit="points", comparable_error=5),
    ]  # fmt: skip
    visiting = plain_visit(browser, exported_page(tmp_path, rows)).open("view=compare&compare=a/a&compare=b/b")
    wanted = {"GSM8K": "star", "BBH": "lead", "MMLU": "", "Humanity's Last Exam": "", "elo": "lead"}
    for line in visiting.page.locator("#compared tbody tr").all():
        name = line.locator("th").evaluate("node => node.firstChild.textContent")
        if name in wanted:
            classes = line.locator("td").first.get_attribute("class").split()
            marks = " ".join(kind for kind in ("star", "lead") if kind in classes)
            assert marks == wanted.pop(name), name
            assert "star" not in line.locator("td").last.get_attribute("class")
    assert wanted == {}
    assert visiting.page.locator("#view-compare .whisker").count() == 7, "an interval for each share with an error"
    visiting.open("b=elo&sort=elo")
    assert visiting.ranks() == ["n/a", "1–2"]
    assert visiting.trouble == []
    visiting.context.close()


def test_one_source_has_no_mark_and_empty_columns_are_hidden(browser, tmp_path):
    rows = [
        leaderboard_data.row(f"run/step_{n}", "gsm8k", n / 10, unit="percent", source_type="own_run")
        | {"value": n * 10.0, "comparable": n / 10}
        for n in range(1, 9)
    ]
    visiting = plain_visit(browser, exported_page(tmp_path, rows)).open()
    page = visiting.page
    assert page.locator("#body .mark").count() == 0
    heads = page.eval_on_selector_all("#head th[data-sort]", "heads => heads.map((head) => head.dataset.sort)")
    assert heads == ["model", "gsm8k"], "no size, no downloads, no average of one"
    page.click("#body th a >> nth=0")
    assert "written as" not in visiting.text("#numbers")
    page.keyboard.press("Escape")
    visiting.open("view=about")
    assert "8 own run" in visiting.text("#view-about")
    assert "0 model" not in visiting.text("#view-about")
    visiting.context.close()


def test_downloads_hold_what_is_shown_and_no_formula(browser, tmp_path):
    rows = leaderboard_data.made_up_rows(300, hostile=False)
    starts = ("=", "+", "-", "@", " =", "x;=", 'y"; +', "z,\t@")  # the list separator differs from country to country
    rows += [leaderboard_data.row(f"{start}cmd|' /C calc'!A0", "gsm8k", 0.5) for start in starts]
    visiting = plain_visit(browser, exported_page(tmp_path, rows), accept_downloads=True).open("b=gsm8k&q=c")
    taken = {}
    for form in ("CSV", "JSON"):
        with visiting.page.expect_download() as waiting:
            visiting.page.click(f"#pager button:has-text('{form}')")
        taken[form] = Path(waiting.value.path()).read_text(encoding="utf-8")
        assert waiting.value.suggested_filename == f"leaderboard.{form.lower()}"
    table = list(csv.DictReader(io.StringIO(taken["CSV"])))
    assert len(table) == visiting.count() > 10
    assert sum(line["model"].startswith("'") for line in table) == 5
    assert not [cell for line in table for cell in line.values() if cell.lstrip()[:1] in tuple("=+-@")]
    answer = json.loads(taken["JSON"])
    models = [[line["model"].replace("'", "") for line in lines] for lines in (answer["rows"], table)]
    assert models[0] == models[1] and len(set(models[0])) == len(table)
    cells = [cell.lstrip(' "') for line in taken["CSV"].splitlines() for cell in re.split("[;\t]", line)]
    assert len(cells) > len(table) and not [cell for cell in cells if cell[:1] in tuple("=+-@")]
    assert visiting.trouble == []
    visiting.context.close()


def test_a_link_opens_at_a_row_and_a_citation_is_copied(visit):
    model = visit.open("b=gsm8k&page=3").ids()[20]
    visit.page.click(f"#body tr[data-id='{model}'] th a")
    visit.page.click("dialog >> text=Copy a link to its row")
    link = visit.page.wait_for_selector("dialog .actions .small[data-copied]").get_attribute("data-copied")
    visit.page.click("#numbers button >> nth=0")
    cited = visit.page.wait_for_selector("#numbers button[data-copied]").get_attribute("data-copied")
    assert cited.startswith(f"{model}: ")
    assert "2026-11-01. Collected 2026-11-21 06:00 UTC" in cited
    assert link.startswith(visit.address)
    visit.open(link.split("#")[1])
    row = visit.page.locator("#body tr.target")
    assert row.get_attribute("data-id") == model
    assert 0 < row.bounding_box()["y"] < 900


def test_paper_has_all_rows_and_all_columns(visit):
    visit.open("q=made-up-0")
    rows = visit.count()
    assert rows > 60, "more than one page of the table"
    visit.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    visit.page.emulate_media(media="print")
    tables = visit.page.locator("#print table")
    assert tables.count() == 2
    assert [one.locator("tbody tr").count() for one in tables.all()] == [rows, rows]
    heads = " ".join(tables.locator("thead").all_inner_texts())
    assert all(name in heads for _, name, *_ in leaderboard_data.BENCHMARKS)
    assert not visit.page.is_visible("#body")
    assert not visit.page.is_visible("#tools")
    visit.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert tables.count() == 0
    visit.page.emulate_media(media="screen")


def test_without_javascript_there_is_a_plain_table(browser, exported, page_data, capsys):
    assert leaderboard.main(["show", "--data", str(page_data), "--json", "--top", "50"]) == 0
    answer = json.loads(capsys.readouterr().out)
    context = browser.new_context(java_script_enabled=False, viewport={"width": 1400, "height": 900})
    page = context.new_page()
    page.goto(exported)
    assert page.locator("#body tr").count() == 50
    assert answer["rows"][0]["model"].split("/")[1] in page.inner_text("#body tr >> nth=0")
    assert "leads by" in page.inner_text("#lead")
    dead = [one for one in page.locator("button, input, select, nav a").all() if one.is_visible()]
    assert dead == []
    context.close()


def test_the_first_rows_are_there_before_the_data_is_unpacked(browser, many):
    """And a hundred thousand numbers are searched and sorted."""
    rows, path = many
    visiting = plain_visit(browser, path, viewport={"width": 1400, "height": 900})
    visiting.page.add_init_script(
        "addEventListener('DOMContentLoaded', () => { window.early = [document.querySelectorAll('#body tr').length, "
        "document.documentElement.dataset.ready]; })"
    )
    visiting.open()
    first = visiting.ids()[0]
    assert visiting.page.evaluate("window.early") == [50, None], "painted from the page itself"
    paint = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
    assert visiting.page.evaluate(f"{paint} < performance.now() / 2"), "long before all is there"
    assert visiting.count() == 6667
    visiting.page.fill("#q", first)
    assert visiting.ids() == [first]
    visiting.page.click("#body th a")
    links = visiting.page.eval_on_selector_all("#numbers a", "links => links.map((link) => link.href)")
    assert sorted(links) == sorted(row["source_url"] for row in rows if row["model"] == first)
    assert visiting.trouble == []
    visiting.context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_numbers(browser, exported, scheme):
    options = {"viewport": {"width": 390, "height": 844}, "color_scheme": scheme}
    visiting = Visit(browser, exported, **options).open()
    page = visiting.page
    for cell in ("#body td.rankcell >> nth=0", "#body th.model >> nth=0", "#body td strong >> nth=0"):
        box = page.locator(cell).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390
    for option in page.locator("#column option").all():
        page.select_option("#column", option.get_attribute("value"))
        wide = page.evaluate(
            "document.getElementById('scroll').scrollWidth - document.getElementById('scroll').clientWidth"
        )
        assert wide <= 0, "the chosen column is pushed out of sight"
    page.select_option("#column", "gsm8k")
    assert page.get_attribute("#head [data-sort=gsm8k]", "aria-sort") == "descending"
    box = page.locator("#body td.score .value >> nth=0").bounding_box()
    assert box["x"] + box["width"] <= 390
    some = [model for model in MODELS if "made-up" in model and len(SHOWN.get(model, ())) >= 6][:5]
    visiting.open("view=compare&" + "&".join(f"compare={quote(model)}" for model in some))
    values = page.locator("#compared td .value, #compared td strong")
    for value in values.all():
        box = value.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 390, "no number is pushed out of sight"
    small = page.evaluate(
        "() => [...document.querySelectorAll('.mark, .rank, .unit, .sub')].filter((node) => node.checkVisibility() "
        "&& parseFloat(getComputedStyle(node).fontSize) < 12).length"
    )
    assert small == 0
    assert visiting.trouble == []
    visiting.context.close()


def test_long_names_of_own_benchmarks_fit_a_phone_and_columns_out_of_sight_are_told(browser, tmp_path):
    names = [f"our_own_benchmark_of_contract_clauses_number_{n}_version_2" for n in range(20)]
    rows = [leaderboard_data.row(f"lab/m{m}", name, m / 10, n=400) for name in names for m in range(1, 9)]
    page = exported_page(tmp_path, rows)
    phone = plain_visit(browser, page, viewport={"width": 390, "height": 844}).open(f"sort={names[3]}")
    assert phone.page.evaluate("document.getElementById('scroll').scrollWidth") <= 390
    box = phone.page.locator("#body td.score .value >> nth=0").bounding_box()
    assert 0 <= box["x"] <= box["x"] + box["width"] <= 390
    phone.context.close()
    wide = plain_visit(browser, page, viewport={"width": 1400, "height": 900}).open()
    edge = wide.page.locator("#scroll").bounding_box()
    right = [cell.bounding_box() for cell in wide.page.locator("#head th.n").all()]
    out = sum(box["x"] + box["width"] > edge["x"] + edge["width"] + 1 for box in right)
    assert 0 < out < 20
    assert wide.text("#beyond") == f"{out} more columns →"
    wide.page.evaluate("document.getElementById('scroll').scrollLeft = 1e6")
    wide.page.locator("#beyond", has_text="column").wait_for(state="detached")
    assert wide.trouble == []
    wide.context.close()


def test_bars_stand_under_their_numbers(visit):
    boxes = "node => [node, node.closest('td')].map((one) => one.getBoundingClientRect().bottom)"
    for cell in visit.page.locator("#body td.score .value").all()[:20]:
        number, whole = cell.evaluate(boxes)
        assert cell.evaluate("node => getComputedStyle(node).backgroundImage").startswith("linear-gradient")
        assert number < whole


# --- for everybody ---

LOOKS = {
    "light": {"color_scheme": "light"},
    "dark": {"color_scheme": "dark"},
    "narrow": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}},
}


@pytest.mark.parametrize(("where", "look"), [*(("exported", look) for look in LOOKS), ("server", "dark")])
def test_no_accessibility_violation(browser, request, where, look):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright").Axe()
    address = request.getfixturevalue(where)
    visiting = Visit(browser, address, bypass_csp=True, **LOOKS[look])  # so that the tool may run in the page
    chosen = "&".join(f"compare={quote(model)}" for model in MODELS[-3:])
    found = []
    for state in (*(f"view={view}&average=1&{chosen}" for view in VIEWS), f"model={quote(MODELS[-1])}", "q=nobody"):
        visiting.open(state)
        if look == "narrow" and "view=table" in state:
            visiting.page.click("#more")
        for violation in axe.run(visiting.page).response["violations"]:
            if violation["impact"] in ("serious", "critical"):
                where = [node["html"][:120] for node in violation["nodes"][:3]]
                found.append((state, violation["id"], where))
    assert found == []
    visiting.page.evaluate("document.querySelector('#main').insertAdjacentHTML('beforeend', '<img src=data:,>')")
    broken = {violation["id"] for violation in axe.run(visiting.page).response["violations"]}
    assert "image-alt" in broken, "the tool must see what is wrong"
    visiting.context.close()


@pytest.mark.parametrize("view", VIEWS)
def test_narrow_page_never_scrolls_sideways(browser, exported, view):
    visiting = Visit(browser, exported, **LOOKS["narrow"])
    visiting.open(f"view={view}&compare={quote(MODELS[0])}&compare={quote(MODELS[-1])}")
    assert visiting.page.evaluate("document.documentElement.scrollWidth") <= 390
    if view == "table":
        assert not visiting.page.is_visible("#license")
        visiting.page.click("#more")
        assert visiting.page.is_visible("#license")
        assert visiting.page.get_attribute("#more", "aria-expanded") == "true"
    visiting.open(f"model={quote(MODELS[0])}")
    box = visiting.page.locator("dialog").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390
    assert visiting.trouble == []
    visiting.context.close()


def test_pictures_of_the_page(browser, tmp_path):
    """Pictures to look at; with HUB_EVALS_PICTURES=references the README's one is made anew."""
    from PIL import Image

    data = write(tmp_path / "data", leaderboard_data.made_up_rows(1500, hostile=False))
    assert leaderboard.main(["export", "--data", str(data), "--output-dir", str(tmp_path / "site")]) == 0
    kept = os.environ.get("HUB_EVALS_PICTURES")
    sizes = {"light": (1400, 860), "dark": (1400, 860), "narrow": (390, 844)}
    for look, (width, height) in sizes.items():
        options = LOOKS[look] | {"viewport": {"width": width, "height": height}}
        visiting = Visit(browser, (tmp_path / "site" / "index.html").as_uri(), **options).open()
        picture = tmp_path / f"leaderboard_{look}.png"
        visiting.page.screenshot(path=picture)
        with Image.open(picture) as image:
            assert image.size == (width, height)
            assert len(image.convert("RGB").getcolors(2**24)) > 50, "an empty page"
            if kept and look == "light":
                image.convert("RGB").quantize(128).save(Path(kept) / "leaderboard.png", optimize=True)
        assert visiting.trouble == []
        visiting.context.close()
