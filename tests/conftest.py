"""Fixtures for all tests: a clean user environment, and a Hub on this machine."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from local_hub import LocalHub, local_hub

# The same examples each time, so that a change is judged by what it changed; --hypothesis-profile default draws others.
settings.register_profile("repeatable", derandomize=True)
settings.load_profile("repeatable")

# The files with the real harnesses that take longest, longest first: the workers end together.
LONGEST = [f"test_stack_{name}" for name in ("adapters", "jobs", "sweep", "example", "inspect_vllm", "lm_eval")]

# Where uv keeps what it has downloaded; with a lone HOME it would fetch torch again for each test that starts a script.
UV_CACHE = os.environ.get("UV_CACHE_DIR") or str(
    Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "uv"
)


@pytest.fixture(autouse=True)
def clean_environment(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No token, no cache and no Hub address of the person who runs the tests gets in; a lone HOME for each test."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_ENDPOINT", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(home / "state"))
    monkeypatch.setenv("HF_HOME", str(home / "hf"))
    monkeypatch.setenv("UV_CACHE_DIR", UV_CACHE)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[LocalHub]:
    """A Hub on 127.0.0.1 that this process's client talks to."""
    with local_hub(tmp_path / "hub-home") as running:
        yield running


def pytest_addoption(parser: pytest.Parser) -> None:
    """--write-pages: put what the commands of the example pages print into the pages."""
    parser.addoption("--write-pages", action="store_true", help="write examples/NN_*.md again")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files first, the others in the order in which they were found."""
    places = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(places)))
