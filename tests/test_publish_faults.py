"""Random trouble while results are published (publish_faults.py): nothing lost, doubled or leaked, no traceback."""

from __future__ import annotations

import os
import time
from pathlib import Path

import evaluation_manager as manager
import pytest
from local_hub import LocalHub
from publish_faults import play_all

SCENARIOS = int(os.environ.get("HUB_EVALS_SCENARIOS", "1000"))
PARTS = 10


@pytest.mark.parametrize("part", range(PARTS))
def test_trouble_changes_nothing(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], part: int
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(manager, "FIRST_WAIT", 0)
    size = SCENARIOS // PARTS
    began = time.monotonic()
    tally = play_all(hub, tmp_path, range(part * size, (part + 1) * size))
    with capsys.disabled():
        print(f"\n{part}: {dict(sorted(tally.counts.items()))}, {time.monotonic() - began:.0f} s")
    assert tally.wrong == []


@pytest.mark.parametrize("place", ["http://no-such-host.invalid", "http://127.0.0.1:9"])
@pytest.mark.parametrize("words", [["get-prs", "--repo-id", "me/model"], ["benchmarks", "--refresh"]])
def test_where_nobody_answers_is_told_at_once(monkeypatch, capsys, place, words) -> None:
    """No wait makes a host's name known, or somebody listen; a connection that breaks is tried again."""
    import httpx2

    slept = []
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setenv("HF_ENDPOINT", place)
    code, told = manager.main(words), capsys.readouterr()
    assert slept == [] and code in (0, 2)
    if code:
        assert "no network, or HF_ENDPOINT is wrong; the same command" in told.err
    assert manager.worth_repeating(httpx2.ConnectError("refused"))
