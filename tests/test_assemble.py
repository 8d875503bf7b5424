"""The assembler: what it puts into a script, and what it refuses."""

import subprocess
import sys

import assemble
import pytest

SCRIPT = '''"""A script."""

from __future__ import annotations

import json


def main() -> int:
    return use()


# [cog[
# import assemble
# assemble.include({names})
# ]cog]
# [cog.end]

if __name__ == "__main__":
    raise SystemExit(main())
'''


@pytest.fixture
def house(tmp_path, monkeypatch):
    """A house of its own: write(parts) -> the script as the assembler makes it."""
    parts, scripts = tmp_path / "parts", tmp_path / "scripts"
    monkeypatch.setattr(assemble, "PARTS", parts)
    monkeypatch.setattr(assemble, "SCRIPTS", scripts)
    assemble.read_part.cache_clear()

    def write(names='"use"', **texts):
        scripts.mkdir()
        (scripts / "tool.py").write_text(SCRIPT.replace("{names}", names))
        for name, text in texts.items():
            path = parts / (name.replace("__", "/") + ".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f'"""A part."""\n\nfrom __future__ import annotations\n\n{text}')
        return scripts / "tool.py"

    yield write
    assemble.read_part.cache_clear()


def test_parts_stand_behind_what_they_import_each_once(house):
    path = house(
        use="from parts.deep.low import low\nfrom parts.other import other\n\n\n"
        "def use():\n    return low() + other()\n",
        other="from parts.deep.low import low\n\n\ndef other():\n    return low()\n",
        deep__low="import json\nimport os\n\nROOT = os.sep\n\n\ndef low():\n    return len(json.dumps(ROOT)) - 1\n",
    )
    assert assemble.main([]) == 0
    text = path.read_text()
    assert text.count("def low") == text.count("def other") == 1
    assert text.index("def low") < text.index("def other") < text.index("def use")
    assert "from parts" not in text
    assert text.count("import json") == 1, "the script's own import serves the part too"
    assert text.count("import os") == 1
    done = subprocess.run([sys.executable, path], check=False)
    assert done.returncode == 4
    assert assemble.main(["--check"]) == 0
    before = path.read_bytes()
    assert assemble.main([]) == 0
    assert path.read_bytes() == before


def test_a_stale_script_is_named(house, capsys):
    house(use="def use():\n    return 0\n")
    assert assemble.main(["--check"]) == 1
    assert "scripts/tool.py is stale: uv run parts/assemble.py" in capsys.readouterr().out


def test_files_become_literals(house, tmp_path):
    path = house(
        use="from parts.embedded import embedded\n\nSTYLE = embedded('a.css')\nWORDS = embedded('w.json', 'n')\n\n\n"
        "def use():\n    return 0 if STYLE.endswith('}\\n') and WORDS == {'a': 'x'} else 1\n"
    )
    (tmp_path / "parts" / "a.css").write_text('a { content: "\\e9"; }\n')
    (tmp_path / "parts" / "w.json").write_text('{"b": {"n": null}, "a": {"n": "x"}}')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("parts.embedded.__file__", str(tmp_path / "parts" / "embedded.py"))
        assert assemble.main([]) == 0
    assert subprocess.run([sys.executable, path], check=False).returncode == 0


@pytest.mark.parametrize(
    ("texts", "reason"),
    [
        (
            {
                "use": "from parts.b import b\n\n\ndef use(): ...\n",
                "b": "from parts.use import use\n\n\ndef b(): ...\n",
            },
            "circle",
        ),
        (
            {"use": "from parts.b import b\n\n\ndef use(): ...\n", "b": "def b(): ...\n\n\ndef use(): ...\n"},
            "use stands in",
        ),
        ({"use": "def use(): ...\n\n\ndef main(): ...\n"}, "main stands in"),
        ({"use": "from parts.b import b as c\n\n\ndef use(): ...\n", "b": "def b(): ...\n"}, "parts are imported as"),
        ({"use": "from parts.b import *\n\n\ndef use(): ...\n", "b": "def b(): ...\n"}, "parts are imported as"),
        ({"use": "from parts.b import b\n\n\ndef use(): ...\n"}, "there is no part b"),
        ({"names": '"use", "b"', "use": "def use(): ...\n", "b": "def b(): ...\n"}, "has no use for b"),
    ],
)
def test_what_cannot_be_assembled_is_refused_and_nothing_is_written(house, capsys, texts, reason):
    path = house(**texts)
    before = path.read_bytes()
    assert assemble.main([]) == 2
    assert reason in capsys.readouterr().err
    assert path.read_bytes() == before


def test_a_part_that_another_imports_late_is_refused(house, capsys):
    house(use="def use():\n    from parts.b import b\n\n    return b\n", b="def b(): ...\n")
    assert assemble.main([]) == 2
    assert "at the head" in capsys.readouterr().err
