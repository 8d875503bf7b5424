"""examples/publish/README.md, word for word: each command is run, and what it prints is what the document shows."""

from __future__ import annotations

import datetime
import re
import shlex
from pathlib import Path

import evaluation_manager as manager
import pytest
from local_hub import ArtificialAnalysis, LocalHub, add_examples

ROOT = Path(__file__).resolve().parent.parent
STEP = re.compile(r"^```bash\n(.*?)^```\n(?:\n^```text\n(.*?)^```)?", re.MULTILINE | re.DOTALL)


def steps() -> list[tuple[list[list[str]], str]]:
    """The arguments of each block's commands, and the text that stands under it."""
    text = (ROOT / "examples" / "publish" / "README.md").read_text(encoding="utf-8")
    blocks = [(commands.splitlines(), shown) for commands, shown in STEP.findall(text) if "local_hub" not in commands]
    return [([shlex.split(line)[3:] for line in lines], shown) for lines, shown in blocks]


def test_the_example_prints_what_it_shows(
    hub: LocalHub, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add_examples(hub)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    ran = []
    with ArtificialAnalysis() as aa:
        for name, value in aa.environment().items():
            monkeypatch.setenv(name, value)
        for commands, shown in steps():
            printed = ""
            for command in commands:
                assert manager.main(command) == 0
                ran.append(command[0])
                printed += capsys.readouterr().out
            printed = printed.replace(hub.url, "http://127.0.0.1:8765").replace(f"{ROOT}/", "")
            printed = printed.replace(shlex.join(manager.uv_words()), "uv run")  # as in the clone, like the page
            printed = printed.replace(datetime.date.today().isoformat(), "2026-11-21")
            assert [line.split() for line in printed.splitlines()] == [line.split() for line in shown.splitlines()]
    assert ran[:4] == ["inspect-tables", "extract-readme", "extract-readme", "apply"] and "batch" in ran
