"""The folder that a command stands in, and what the Hub answers, may be a stranger's: nothing of it runs or decides."""

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = ROOT / "scripts"
TRAPS = ("multiprocessing", "uuid", "json", "hub_evals_engine", "pickle", "concurrent", "numpy")


def trap(folder):
    """Modules in a folder that leave a file when one of them is imported."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in TRAPS:
        (folder / f"{name}.py").write_text(
            f"open({str(folder / 'ran')!r}, 'a').write('{name} ')\nraise SystemExit(9)\n"
        )
    return folder


def call(code, folder):
    """A program that is run as a user runs a script: its own place first, not the current folder's."""
    file = folder.parent / "program.py"
    file.write_text(f"import sys\nsys.path.insert(0, {str(SCRIPTS)!r})\n{code}")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONSAFEPATH"}
    words = [sys.executable, str(file)]
    return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, check=False)


SPAWN = """
import check_contamination as script
import concurrent.futures, multiprocessing, subprocess
from parts_of_test import task

def run(args):
    subprocess.run([sys.executable, "-c", "import uuid, json"], check=True)
    subprocess.run([sys.executable, "-m", "json.tool", "/dev/null"], check=False)
    with concurrent.futures.ProcessPoolExecutor(2, multiprocessing.get_context("spawn")) as pool:
        assert list(pool.map(abs, [-1, -2])) == [1, 2]
    return 0

if __name__ == "__main__":
    import argparse
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=run)
    sys.exit(script.run_main(parser, []))
""".replace("from parts_of_test import task\n", "")


def test_no_child_imports_from_the_current_folder(tmp_path):
    folder = trap(tmp_path / "stranger")
    done = call(SPAWN, folder)
    assert not (folder / "ran").exists(), (folder / "ran").read_text()
    assert done.returncode == 0, done.stderr


def test_the_environment_of_a_caller_is_left_as_it_was(monkeypatch):
    import argparse

    import convert_results as script

    seen = []
    parser = argparse.ArgumentParser()
    parser.set_defaults(run=lambda args: seen.append(os.environ["PYTHONSAFEPATH"]) or 0)
    for before in (None, "", "x"):
        monkeypatch.delenv("PYTHONSAFEPATH", raising=False)
        if before is not None:
            monkeypatch.setenv("PYTHONSAFEPATH", before)
        assert script.run_main(parser, []) == 0
        assert os.environ.get("PYTHONSAFEPATH") == before
    assert seen == ["1"] * 3


SERVER = """
import json, os
import inspect_vllm_uv as script
from pathlib import Path

script.vllm_on_cpu = lambda: True  # as where it is installed
script.read_layout = lambda folder: None
SHOW = "import hub_evals_engine, json, os, sys, uuid; print(json.dumps([os.getcwd(), sys.path]))"
script.server_environment = lambda *rest: dict(os.environ)
script.server_command = lambda *rest: [sys.executable, "-c", SHOW]
server = script.VllmServer(Path("model"), {}, None)
server.keeper.wait(60)
print(server.log.read_text())
server.close()
"""


def test_a_server_stands_in_a_folder_of_its_own(tmp_path):
    folder = trap(tmp_path / "stranger")
    done = call(SERVER, folder)
    assert not (folder / "ran").exists(), (folder / "ran").read_text()
    assert done.returncode == 0, done.stderr
    place, paths = json.loads(done.stdout)
    assert str(folder) not in [place, *paths] and "" not in paths[1:]


class Recorder(http.server.BaseHTTPRequestHandler):
    """A server that remembers who showed it a token, and answers what it is told to."""

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.seen.append((self.command, self.path.split("?")[0], self.headers.get("Authorization")))
        status, headers, body = self.server.answers(self)
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if self.command != "HEAD" else b"")

    do_GET = do_HEAD = do_POST = do_PUT = answer

    def log_message(self, *_):
        """Silent."""


@pytest.fixture
def servers(monkeypatch, tmp_path):
    """The Hub, by whose answers it is tested, and another server."""
    from huggingface_hub import constants, utils

    running = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) for _ in range(2)]
    for server in running:
        server.seen, server.answers = [], lambda request: (200, {}, b"[]")
        server.place = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", running[0].place)
    monkeypatch.setattr(constants, "ENDPOINT", running[0].place)
    monkeypatch.setenv("HF_TOKEN", "hf_" + "a" * 34)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    yield running
    utils.set_client_factory(utils._http.default_client_factory)
    for server in running:
        server.shutdown()
        server.server_close()


WHO = b'{"type": "user", "name": "me", "orgs": [], "auth": {"accessToken": {"role": "write"}}}'
LISTINGS = [
    ("leaderboard", ["collect", "--author", "me", "--output-dir", "out"]),
    ("evaluation_manager", ["batch", "--author", "me", "--output-dir", "out"]),
    ("evaluation_manager", ["benchmarks"]),
]


@pytest.mark.parametrize(("name", "argv"), LISTINGS, ids=lambda value: str(value[0]))
@pytest.mark.parametrize("way", ["next page", "redirection"])
def test_the_token_goes_to_the_hub_alone(servers, name, argv, way, capsys):
    hub, other = servers

    def answers(request):
        if "whoami" in request.path:
            return 200, {}, WHO
        if "agent-harness" in request.path:
            return 200, {}, b"{}"
        if way == "redirection":
            return 302, {"Location": f"{other.place}/elsewhere"}, b"{}"
        rows = b'[{"id": "me/a", "_id": "1", "modelId": "me/a"}]' if request.path.startswith("/api/models?") else b"[]"
        return 200, {"Link": f'<{other.place}/next?cursor=1>; rel="next"'}, rows

    hub.answers = answers
    code = __import__(name).main(argv)
    assert any(token for _, _, token in hub.seen), "the Hub itself gets the token"
    assert not [row for row in other.seen if row[2]]
    if way == "next page":
        assert code == (0 if name == "evaluation_manager" and argv == ["benchmarks"] else 2)  # it has a list of its own
        assert not other.seen
        assert other.place in capsys.readouterr().err


def test_whoever_asks_through_the_clients_session_shows_no_token_elsewhere(servers):
    import evaluation_manager as script
    from huggingface_hub import get_session
    from huggingface_hub.utils import build_hf_headers

    hub, other = servers
    script.watch_answers()
    headers = build_hf_headers(token="hf_" + "b" * 34)
    get_session().post(f"{other.place}/verify", headers=headers, json={})  # as the client does with an LFS action
    get_session().get(f"{hub.place}/api/models", headers=headers)
    assert [bool(row[2]) for row in (*other.seen, *hub.seen)] == [False, True]
    script.keep_token_home(f"{other.place}/v1")
    get_session().get(f"{other.place}/v1/models", headers=headers)
    assert other.seen[-1][2], "a server that the command line names"
    script.NAMED_ORIGINS.clear()
