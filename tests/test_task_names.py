"""The names of tasks that scripts carry with them are those of metric_mapping.json."""

import ast
import json
import shutil
from pathlib import Path

import pytest
import update_task_names

ROOT = Path(__file__).resolve().parent.parent
MAPPING = json.loads((ROOT / "metric_mapping.json").read_text(encoding="utf-8"))


def blocks():
    """(script, name of the block, its content) for every generated block."""
    for path in sorted((ROOT / "scripts").glob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in update_task_names.BLOCKS:
                yield path.name, node.targets[0].id, ast.literal_eval(node.value)


def test_the_blocks_are_up_to_date():
    assert update_task_names.main(["--check"]) == 0


@pytest.mark.parametrize(("script", "name", "content"), list(blocks()))
def test_a_block_is_the_mapping_of_its_harness(script, name, content):
    harness = update_task_names.BLOCKS[name]
    assert content == {key: row[harness] for key, row in MAPPING.items() if row.get(harness)}
    assert list(content) == sorted(content)


def test_lighteval_has_its_block():
    assert ("lighteval_vllm_uv.py", "LIGHTEVAL_TASKS") in [(script, name) for script, name, _ in blocks()]


def test_a_stale_block_is_named_and_rewritten(tmp_path, monkeypatch, capsys):
    (tmp_path / "scripts").mkdir()
    script = tmp_path / "scripts" / "one.py"
    script.write_text('A = 1\nLIGHTEVAL_TASKS = {\n    "old": "name",\n}\nB = {"kept": 2}\n')
    (tmp_path / "scripts" / "two.py").write_text("C = 3\n")
    shutil.copy(ROOT / "metric_mapping.json", tmp_path)
    monkeypatch.setattr(update_task_names, "ROOT", tmp_path)
    before = script.read_text()
    assert update_task_names.main(["--check"]) == 1
    assert capsys.readouterr().err == "one.py\n"
    assert script.read_text() == before
    assert update_task_names.main([]) == 0
    assert update_task_names.main(["--check"]) == 0
    wanted = f'A = 1\n{update_task_names.block("LIGHTEVAL_TASKS", MAPPING)}\nB = {{"kept": 2}}\n'
    assert script.read_text() == wanted
