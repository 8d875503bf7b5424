"""The locks beside the scripts, the assembler and the runner: every package has its version and its hashes."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
# what the project is checked with is locked, too: a release of somebody else's breaks no check of a change
LOCKED = [*sorted((ROOT / "scripts").glob("*.py")), ROOT / "parts" / "assemble.py", ROOT / "tests" / "run_tests.py"]
AGAIN = "uv lock --script {}"


def header(path: Path) -> dict:
    """The PEP 723 header of a script."""
    found = re.search(r"(?m)^# /// script\n((?:#.*\n)+?)# ///$", path.read_text(encoding="utf-8"))
    return tomllib.loads("".join(line[2:] + "\n" for line in found[1].splitlines()))


@pytest.mark.parametrize("path", LOCKED, ids=lambda path: path.name)
def test_a_lock_is_of_the_header_and_has_hashes(path):
    lock = tomllib.loads(path.with_name(f"{path.name}.lock").read_text(encoding="utf-8"))
    asked, again = header(path), AGAIN.format(path.relative_to(ROOT))
    assert lock["requires-python"].replace(" ", "") == asked["requires-python"].replace(" ", ""), again

    def names(text: str) -> tuple[str, str]:
        name, version = re.match(r"([\w.-]+)(?:\[[^\]]*\])?\s*([^;]*)", text).groups()
        return re.sub(r"[-_.]+", "-", name).lower(), ",".join(sorted(re.sub(r"\s", "", version).split(",")))

    kept = lock["manifest"]["requirements"]
    locked = {names(f"{row['name']}{row.get('specifier', '')}") for row in kept}
    assert locked == {names(text) for text in asked["dependencies"]}, again
    for package in lock["package"]:
        assert package["source"] == {"registry": "https://pypi.org/simple"}, package["name"]
        files = [*package.get("wheels", ()), *([package["sdist"]] if "sdist" in package else [])]
        assert files and all(file["hash"].startswith("sha256:") for file in files), package["name"]
        assert all(file["url"].startswith("https://files.pythonhosted.org/") for file in files), package["name"]
