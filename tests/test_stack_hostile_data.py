"""A folder of the current one that is called as a harness's data set: it is neither taken for it, nor left."""

import json
import os
import sys
from pathlib import Path

import pytest

pytest.importorskip("datasets")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from parts.frame import ScriptError  # noqa: E402
from parts.harness.surroundings import asked_by  # noqa: E402

ROWS = "".join(json.dumps({"question": f"q{n}", "answer": str(n)}) + "\n" for n in range(3))


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with a data set of a Hub's name, and a private file beside it."""
    place = tmp_path / "here" / "allenai" / "ai2_arc"
    place.mkdir(parents=True)
    (place / "test.jsonl").write_text(ROWS)
    (tmp_path / "private.jsonl").write_text(ROWS.replace("q", "secret"))
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    return place


def test_a_folder_does_not_stand_in_for_the_hub(folder):
    import datasets

    with asked_by(own_task=False), pytest.raises(ScriptError, match="run the command from another folder") as refused:
        datasets.load_dataset("allenai/ai2_arc")
    assert refused.value.code == 3
    with asked_by(own_task=False), pytest.raises(ScriptError):
        datasets.load_dataset("json", data_files={"test": ["allenai/ai2_arc/test.jsonl"]})
    with asked_by(own_task=True):
        assert len(datasets.load_dataset("allenai/ai2_arc", split="test")) == 3
        assert len(datasets.load_dataset("json", data_files="allenai/ai2_arc/test.jsonl")["train"]) == 3


WAYS = {
    "absolute": "configs:\n- config_name: default\n  data_files: {private}\n",
    "up": "configs:\n- config_name: default\n  data_files: ../../../private.jsonl\n",
    "folder": "configs:\n- config_name: default\n  data_dir: ../../..\n",
    "pattern": "configs:\n- config_name: default\n  data_files: '../../../*.jsonl'\n",
    "splits": "configs:\n- config_name: default\n  data_files:\n  - split: test\n    path: {private}\n",
    "anchor": "x: &a {private}\nconfigs:\n- config_name: default\n  data_files: *a\n",
    "escaped": 'configs:\n- config_name: default\n  data_files: "{escaped}"\n',
}


@pytest.mark.parametrize("way", [*WAYS, "link"])
def test_a_card_names_no_file_outside_of_its_folder(folder, way):
    import datasets

    private = folder.parents[2] / "private.jsonl"
    if way == "link":
        (folder / "test.jsonl").unlink()
        (folder / "test.jsonl").symlink_to(private)
    else:
        escaped = "".join(f"\\x{ord(sign):02x}" for sign in str(private))
        (folder / "README.md").write_text(f"---\n{WAYS[way].format(private=private, escaped=escaped)}---\n")
    for name in ("allenai/ai2_arc", str(folder)):
        with asked_by(own_task=True), pytest.raises(ScriptError, match="leads out of that folder"):
            datasets.load_dataset(name)
    assert "secret" not in "".join(
        path.read_text(errors="replace") for path in Path(os.environ["HF_DATASETS_CACHE"]).rglob("*.arrow")
    )


def test_a_metric_is_no_program_of_the_current_folder(folder):
    evaluate = pytest.importorskip("evaluate")
    Path("exact_match").mkdir()
    Path("exact_match/exact_match.py").write_text("open('ran', 'w')\n")
    with asked_by(own_task=False), pytest.raises(ScriptError, match="exact_match"):
        evaluate.load("exact_match")
    assert not Path("ran").exists()
