"""The locks beside the scripts: every package of every script has its version and its hashes."""

import re
import tomllib
from pathlib import Path

import pytest

SCRIPTS = sorted((Path(__file__).resolve().parent.parent / "scripts").glob("*.py"))
AGAIN = "uv lock --script scripts/{}"


def header(path: Path) -> dict:
    """The PEP 723 header of a script."""
    found = re.search(r"(?m)^# /// script\n((?:#.*\n)+?)# ///$", path.read_text(encoding="utf-8"))
    return tomllib.loads("".join(line[2:] + "\n" for line in found[1].splitlines()))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_a_lock_is_of_the_header_and_has_hashes(path):
    lock = tomllib.loads(path.with_name(f"{path.name}.lock").read_text(encoding="utf-8"))
    asked = header(path)
    assert lock["requires-python"].replace(" ", "") == asked["requires-python"].replace(" ", ""), AGAIN.format(
        path.name
    )

    def names(text: str) -> tuple[str, str]:
        name, version = re.match(r"([\w.-]+)(?:\[[^\]]*\])?\s*([^;]*)", text).groups()
        return re.sub(r"[-_.]+", "-", name).lower(), ",".join(sorted(re.sub(r"\s", "", version).split(",")))

    kept = lock["manifest"]["requirements"]
    locked = {names(f"{row['name']}{row.get('specifier', '')}") for row in kept}
    assert locked == {names(text) for text in asked["dependencies"]}, AGAIN.format(path.name)
    for package in lock["package"]:
        assert package["source"] == {"registry": "https://pypi.org/simple"}, package["name"]
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
        assert files and all(file["hash"].startswith("sha256:") for file in files), package["name"]
        assert all(file["url"].startswith("https://files.pythonhosted.org/") for file in files), package["name"]
