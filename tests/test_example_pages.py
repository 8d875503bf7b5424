"""The pages of examples/: every command runs and prints what the page shows."""

import os
from pathlib import Path

import example_pages
import pytest
from local_hub import LocalHub, add_examples

ROOT = Path(__file__).resolve().parent.parent


STACK = os.environ.get("HUB_EVALS_VLLM_PYTHON")
HEAVY = [page for page in example_pages.PAGES if "```bash stack" in page.read_text(encoding="utf-8")]


@pytest.mark.parametrize("page", example_pages.PAGES, ids=lambda page: page.stem)
def test_a_page_shows_what_its_commands_print(page, hub, monkeypatch, tmp_path, request) -> None:
    check(page, hub, monkeypatch, tmp_path, request)


@pytest.mark.stack
@pytest.mark.skipif(not STACK, reason="HUB_EVALS_VLLM_PYTHON names no Python with the harnesses")
@pytest.mark.parametrize("page", HEAVY, ids=lambda page: page.stem)
def test_a_page_shows_what_the_harnesses_print(page, hub, monkeypatch, tmp_path, request) -> None:
    check(page, hub, monkeypatch, tmp_path, request, STACK)


def check(
    page: Path,
    hub: LocalHub,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    request: pytest.FixtureRequest,
    stack: str | None = None,
) -> None:
    """A page is what its commands print."""
    add_examples(hub)
    (tmp_path / "work" / "examples").parent.mkdir()
    (tmp_path / "work" / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HF_TOKEN", hub.token)
    monkeypatch.setenv("COLUMNS", "120")
    text = page.read_text(encoding="utf-8")
    places = [(str(tmp_path / "work") + "/", ""), (str(tmp_path / "work"), "."), (f"{ROOT}/", "")]
    found = example_pages.filled(text, places, stack)
    if request.config.getoption("--write-pages"):
        page.write_text(found, encoding="utf-8")
    assert found == page.read_text(encoding="utf-8"), "run it with --write-pages, and read what changed"


def test_the_index_names_every_page():
    index = (ROOT / "examples" / "USAGE_EXAMPLES.md").read_text(encoding="utf-8")
    assert example_pages.PAGES
    assert [page.name for page in example_pages.PAGES if f"({page.name})" not in index] == []
