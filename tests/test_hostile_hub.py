"""A Hub whose answers would lead the client elsewhere: to other files, without end, to prices that are none."""

import gzip
import json
import math
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi, constants, hf_hub_download, snapshot_download
from huggingface_hub.errors import EntryNotFoundError

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from parts.frame import ScriptError  # noqa: E402
from parts.hub import answers  # noqa: E402
from parts.jobs.client import is_price  # noqa: E402
from parts.names import HUB_MODEL, HUB_PLACE  # noqa: E402
from parts.training_runs import is_hub_place  # noqa: E402

SHA = "a" * 40


class Hub(BaseHTTPRequestHandler):
    """Answers every question by what the test has laid down."""

    def do_GET(self):
        server = self.server
        server.asked += 1
        path = self.path.partition("?")[0].removeprefix("/mirror")
        body, heads = server.answer(self, path)
        ruled = (path.startswith("/api/") and "elsewhere" not in path) or path.endswith("/none.json")
        self.send_response(server.status if ruled else 200)
        for name, value in {"Content-Type": "application/json", "X-Repo-Commit": SHA, **heads}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_):
        pass


@pytest.fixture(params=["", "/mirror"])
def strange(monkeypatch, tmp_path, request):
    """A Hub of one's own answers, at a path too, and the client that asks it with our hooks."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.asked, server.status = 0, 200
    server.answer = lambda asked, path: (b"{}", {})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    place = f"http://127.0.0.1:{server.server_address[1]}{request.param}"
    monkeypatch.setenv("HF_ENDPOINT", place)
    monkeypatch.setattr(constants, "ENDPOINT", place)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", place + "/{repo_id}/resolve/{revision}/{filename}")
    answers.LAST.__dict__.pop("pages", None)
    answers.keep_token_home()
    server.api, server.place, server.cache = HfApi(endpoint=place), place, tmp_path / "cache"
    yield server
    server.shutdown()
    server.server_close()


def info(sha, name="data.json"):
    return json.dumps({"id": "acme/d", "sha": sha, "siblings": [{"rfilename": name}]}).encode()


@pytest.mark.parametrize("etag", ['"%s/pwn.sh"', '"../../../pwn.sh"', 'W/"..%%5c/x"', '"a/b"', '".."', '"."', '"a b"'])
@pytest.mark.parametrize("name", ["ETag", "X-Linked-Etag"])
def test_an_etag_that_is_a_path_names_no_file(strange, tmp_path, etag, name):
    etag = etag % tmp_path if "%s" in etag else etag
    strange.answer = lambda asked, path: (b"{}", {"ETag": '"0"', name: etag})
    with pytest.raises(ScriptError, match="ETag"):
        hf_hub_download("acme/d", "data.json", cache_dir=strange.cache, endpoint=strange.place)
    assert not list(tmp_path.rglob("pwn.sh*"))


@pytest.mark.parametrize("sha", ["../../../x", "/etc", "main", "A" * 40, "", 7, ["a"]])
def test_a_commit_that_is_a_path_names_no_folder(strange, tmp_path, sha):
    strange.answer = lambda asked, path: (info(sha), {})
    with pytest.raises(ScriptError, match="names no commit"):
        snapshot_download("acme/d", repo_type="dataset", cache_dir=strange.cache, endpoint=strange.place)
    strange.answer = lambda asked, path: (b"{}", {"X-Repo-Commit": "../x", "ETag": '"0"'})
    with pytest.raises(ScriptError, match="names no commit"):
        hf_hub_download("acme/d", "data.json", cache_dir=strange.cache, endpoint=strange.place)


AWAY = {"elsewhere": "/elsewhere", "api": "/api/elsewhere", "dots": "{}/api/datasets/x/../../elsewhere"}


@pytest.mark.parametrize("way", ["list", *AWAY, "203"])
def test_no_other_way_leads_to_a_name_of_the_hubs_choice(strange, tmp_path, way):
    evil = str(tmp_path / "pwn.sh")
    files = [{"type": "file", "path": "data.json", "size": 2, "oid": "a" * 40, "xetHash": "b" * 64}]
    files[0]["lfs"] = {"oid": evil, "size": 2, "pointerSize": 100}

    def answer(asked, path):
        if "/tree/" in path:
            return json.dumps(files).encode(), {}
        if way in AWAY and path.startswith("/api/datasets/acme"):
            return b"", {"Location": AWAY[way].format(strange.place)}
        return info(SHA if way == "list" else "../../../../x"), {}

    strange.status = {"list": 200, "203": 203}.get(way, 307)
    strange.answer = answer
    with pytest.raises(ScriptError, match="not what the Hub says"):
        snapshot_download("acme/d", repo_type="dataset", cache_dir=strange.cache, endpoint=strange.place)
    assert not list(tmp_path.rglob("pwn.sh*"))


@pytest.mark.parametrize("way", [*AWAY, "other repo"])
def test_the_next_page_of_a_list_is_looked_at_as_the_first(strange, tmp_path, way):
    evil, onward = str(tmp_path / "pwn.sh"), AWAY.get(way, "/api/models/x/tree/main").format(strange.place)
    files = [{"type": "file", "path": "data.json", "size": 2, "oid": "a" * 40, "xetHash": "b" * 64}]
    files[0]["lfs"] = {"oid": evil, "size": 2, "pointerSize": 100}
    place = onward if onward.startswith("http") else strange.place + onward

    def answer(asked, path):
        if "/tree/" in path and path.startswith("/api/datasets/acme"):
            return b"[]", {"Link": f'<{place}>; rel="next"'}
        return (json.dumps(files).encode() if "/api/datasets/acme" not in path else info(SHA)), {}

    strange.answer = answer
    with pytest.raises(ScriptError, match="not what the Hub says"):
        snapshot_download("acme/d", repo_type="dataset", cache_dir=strange.cache, endpoint=strange.place)
    assert not list(tmp_path.rglob("pwn.sh*"))


@pytest.mark.parametrize("place", ["local:///srv/x", "file:///srv/x", "/srv/x", "http://elsewhere.example/"])
@pytest.mark.parametrize("header", [True, False])
def test_the_store_of_xet_is_no_folder_here(strange, place, header):
    said = json.dumps({"accessToken": "t", "exp": 9999999999, "casUrl": "https://cas.example" if header else place})
    heads = {"X-Xet-Cas-Url": place} if header else {}
    strange.answer = lambda asked, path: (said.encode(), heads)
    with pytest.raises(ScriptError, match="no place of a store"):
        strange.api.dataset_info("acme/d")


def test_a_revision_that_is_a_path_is_none_of_the_hub():
    for text in ("acme/m@/etc/x", "acme/m@../x", "acme/m@a/../b", "acme/m@a..b"):
        assert not HUB_PLACE.fullmatch(text) and not HUB_MODEL.fullmatch(text) and not is_hub_place(text)
    assert HUB_PLACE.fullmatch("acme/m@refs/pr/1") and HUB_PLACE.fullmatch("acme/m@step-1.5")


def test_the_hubs_own_etags_are_none_of_files(strange):
    heads = {"ETag": 'W/"1b4f-mY2/Vvx+b7KhsoOdQTlMTccuAQ"'}
    told = json.loads(info(SHA)) | {"model-index": [{"results": [{"sha": "of the author"}]}]}
    strange.answer = lambda asked, path: (json.dumps(told).encode(), heads)
    assert strange.api.dataset_info("acme/d").sha == SHA
    strange.answer = lambda asked, path: (b"Entry not found", {**heads, "X-Error-Code": "EntryNotFound"})
    strange.status = 404
    with pytest.raises(EntryNotFoundError):
        strange.api.dataset_info("acme/d")
    with pytest.raises(EntryNotFoundError):
        hf_hub_download("acme/d", "none.json", cache_dir=strange.cache, endpoint=strange.place)
    # Of a large file the client takes the other ETag, which names what is stored.
    stored = {**heads, "X-Linked-Etag": f'"{"a" * 64}"', "X-Repo-Commit": SHA}
    strange.answer, strange.status = lambda asked, path: (b"{}", stored), 200
    assert (
        Path(hf_hub_download("acme/d", "a.json", cache_dir=strange.cache, endpoint=strange.place)).read_text() == "{}"
    )


def test_what_the_hub_says_is_read(strange):
    etag = {"ETag": 'W/"5f0b-a1:gz"'}
    strange.answer = lambda asked, path: (info(SHA), {}) if path.startswith("/api/") else (b"[1]", etag)
    path = hf_hub_download("acme/d", "data.json", cache_dir=strange.cache, endpoint=strange.place)
    assert Path(path).read_text() == "[1]"
    assert strange.api.dataset_info("acme/d").sha == SHA


@pytest.mark.parametrize("way", ["same page", "new pages", "new paths", "discussions"])
def test_a_list_without_end_has_one(strange, monkeypatch, way):
    monkeypatch.setattr(answers, "MOST_PAGES", 20)

    def answer(asked, path):
        if path.endswith("/discussions"):
            return json.dumps({"discussions": [], "count": 10**9, "start": 0}).encode(), {}
        more = "" if way == "same page" else f"&n={strange.asked}"
        onward = f"models/{strange.asked}" if way == "new paths" else "models"
        return b'[{"id": "acme/m"}]', {"Link": f'<{strange.place}/api/{onward}?x=1{more}>; rel="next"'}

    strange.answer = answer
    with pytest.raises(ScriptError, match="goes on after 20 pages"):
        if way == "discussions":
            list(strange.api.get_repo_discussions("acme/m"))
        else:
            list(strange.api.list_models(author="acme"))
    assert strange.asked < 30


@pytest.mark.parametrize("heads", [{"Retry-After": "99999"}, {"RateLimit": '"api";r=0;t=999999999'}])
def test_nobody_waits_for_days(strange, heads):
    strange.status = 429
    strange.answer = lambda asked, path: (b"{}", heads)
    with pytest.raises(ScriptError, match="asks to wait for 999"):
        list(strange.api.list_models(author="acme"))


def test_what_is_said_of_the_limit_beside_an_answer_is_no_wait(strange):
    strange.answer = lambda asked, path: (b'[{"id": "acme/m"}]', {"RateLimit": '"api";r=99;t=86400'})
    assert [model.id for model in strange.api.list_models(author="acme")] == ["acme/m"]


@pytest.mark.parametrize("packed", [True, False])
def test_an_answer_of_any_size_is_not_taken_whole(strange, monkeypatch, packed):
    monkeypatch.setattr(answers, "MAX_DOCUMENT", 1_000_000)
    plain = b"[" + b'{"id": "acme/m"},' * 100_000 + b'{"id": "acme/m"}]'
    packs = gzip.compress(b"[" + json.dumps("".join(map(chr, range(48, 90))) * 10).encode() + b"]" * 60_000, 0)
    heads = {"Content-Encoding": "gzip"} if packed else {}
    strange.answer = lambda asked, path: (packs if packed else plain, heads)
    with pytest.raises(ScriptError, match="an answer of more than"):
        list(strange.api.list_models(author="acme"))


@pytest.mark.parametrize("price", [math.nan, math.inf, -1.0, 0, 0.0, "1", None, True])
def test_what_has_no_price_is_not_hired(price):
    assert not is_price(price)
    assert is_price(0.01) and is_price(40)


def test_prices_of_the_hub_that_are_none_leave_their_hardware_out(monkeypatch):
    from parts.jobs import client

    rows = [
        SimpleNamespace(name=name, accelerator=None, ram="16 GB", ephemeral_storage=None, unit_label="hour",
                        unit_cost_usd=cost)
        for name, cost in (("bad", math.nan), ("good", 0.03), ("free", 0))
    ]  # fmt: skip
    hub = object.__new__(client.JobsClient)
    hub.token, hub.api = "t", SimpleNamespace(list_jobs_hardware=lambda: rows)
    monkeypatch.setattr(type(hub), "patiently", lambda self, call, *rest, **more: call(*rest, **more))
    assert [row.name for row in hub.catalog().flavors] == ["good"]
