#!/usr/bin/env -S uv run --script
# /// script
# requires-python = ">=3.11"
# dependencies = ["cogapp>=3.5,<3.7"]
# ///
"""Put the parts that each script uses into it: scripts/*.py stay single files that run alone.

A script names its parts between cog's marks, below its own text:

    # [cog[
    # import assemble
    # assemble.include("frame", "records.read")
    # ]cog]
    ...  what stands here is written by this program
    # [cog.end]

Put in are these parts and what they import, each once and behind what it imports; imports between parts are dropped,
those of libraries merged, and left out where the script's own text has them. embedded("page/style.css") in a part
becomes a literal. Two things of one name are refused, and so is a part that the script has no use for.

  uv run parts/assemble.py            write all scripts
  uv run parts/assemble.py --check    say which scripts are stale

Exit codes: 0 done, or all are fresh; 1 --check found stale ones; 2 a part or a script cannot be used.
"""

from __future__ import annotations

import argparse
import ast
import pprint
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from parts.embedded import embedded

PARTS = Path(__file__).resolve().parent
SCRIPTS = PARTS.parent / "scripts"
WIDTH = 120


class AssembleError(Exception):
    """A part or a script cannot be used as it is written."""


@dataclass(frozen=True)
class Part:
    """A module of parts/: its text behind the imports, the parts that it imports, its library imports, its names.

    `for_types`: imports that stand under `if TYPE_CHECKING:`.
    """

    name: str
    text: str
    needs: tuple[str, ...]
    imports: tuple[str, ...]
    for_types: tuple[str, ...]
    names: frozenset[str]


def names_bound(nodes: Sequence[ast.stmt]) -> set[str]:
    """The names that statements bind at the top of a module, imports aside."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found.update(name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name))
    return found


def single_imports(node: ast.Import | ast.ImportFrom) -> Iterator[str]:
    """An import statement as statements of one name each."""
    for alias in node.names:
        name = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
        yield f"import {name}" if isinstance(node, ast.Import) else f"from {node.module} import {name}"


def part_of(node: ast.ImportFrom, where: str) -> str:
    """The part that `from parts.x.y import name` names."""
    if any(alias.asname or alias.name == "*" for alias in node.names) or node.module == "parts":
        raise AssembleError(f"{where}:{node.lineno}: parts are imported as `from parts.x import name`")
    return node.module.removeprefix("parts.")


def literal(name: str, field: str | None = None) -> str:
    """What embedded(name, field) gives, as Python."""
    value = embedded(name, field)
    if not isinstance(value, str):
        return pprint.pformat(value, width=WIDTH - 4, compact=True, sort_dicts=False)
    safe = '"""' not in value and not value.endswith(('"', "\\"))
    return f'r"""{value}"""' if safe else repr(value)


@cache
def read_part(name: str) -> Part:
    """Read parts/<name>.py (dots are folders).

    Raises:
        AssembleError: there is none, or it imports in a form that cannot be assembled.
    """
    path = PARTS / f"{name.replace('.', '/')}.py"
    if not path.is_file():
        raise AssembleError(f"there is no part {name}: parts/{path.relative_to(PARTS)}")
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    nodes = ast.parse(source).body
    needs: dict[str, None] = {}
    imports: list[str] = []
    for_types: list[str] = []
    body = nodes[1:] if ast.get_docstring(ast.Module(nodes, [])) is not None else nodes
    first = body[0].lineno if body else len(lines) + 1
    while body and isinstance(body[0], ast.Import | ast.ImportFrom | ast.If):
        node = body.pop(0)
        first = node.end_lineno + 1
        if isinstance(node, ast.If):  # if TYPE_CHECKING:
            for_types += [text for inner in node.body for text in single_imports(inner)]
        elif isinstance(node, ast.Import) or not (node.module or "").startswith("parts"):
            imports += single_imports(node)
        elif node.module != "parts.embedded":
            needs[part_of(node, path.name)] = None
    for node in body:
        late = [n for n in ast.walk(node) if isinstance(n, ast.ImportFrom) and (n.module or "").startswith("parts")]
        if late and late != [node]:
            raise AssembleError(f"{path.name}:{late[0].lineno}: parts are imported at the head, where they are put in")
    for node in reversed(body):
        call = getattr(node, "value", None)
        if isinstance(call, ast.Call) and getattr(call.func, "id", "") == "embedded":
            head = lines[call.lineno - 1][: call.col_offset]
            value = head + literal(*(argument.value for argument in call.args))
            lines[call.lineno - 1 : call.end_lineno] = ["# fmt: off", value, "# fmt: on"]
    text = "\n".join(lines[first - 1 :]).strip("\n")
    return Part(name, text, tuple(needs), tuple(imports), tuple(for_types), frozenset(names_bound(body)))


def in_order(wanted: Sequence[str]) -> list[Part]:
    """The parts and all that they import, each once, behind what it imports."""
    found: dict[str, Part] = {}

    def take(name: str, way: tuple[str, ...]) -> None:
        if name in way:
            raise AssembleError(f"parts import each other in a circle: {' <- '.join((*way, name))}")
        if name not in found:
            part = read_part(name)
            for need in part.needs:
                take(need, (*way, name))
            found[name] = part

    for name in wanted:
        take(name, ())
    return list(found.values())


@dataclass
class Own:
    """What a script says itself: its import statements (one name each), the names it binds and the names it uses."""

    imports: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    used: set[str] = field(default_factory=set)


def own_text(script: str) -> Own:
    """Read a script's own text: all but what stands between cog's marks."""
    kept, inside = [], False
    for line in script.splitlines():
        inside = (inside or line == "# ]cog]") and line != "# [cog.end]"
        kept.append("" if inside else line)
    nodes = ast.parse("\n".join(kept)).body
    own = Own(names=names_bound(nodes))
    for node in nodes:
        if isinstance(node, ast.Import | ast.ImportFrom):
            own.imports.update(single_imports(node))
        own.used.update(name.id for name in ast.walk(node) if isinstance(name, ast.Name))
    return own


def check_names(parts: Sequence[Part], own: Own, wanted: Sequence[str]) -> None:
    """Refuse two things of one name, and a part that the script names without a use for it."""
    homes = dict.fromkeys(own.names, "the script's own text")
    for part in parts:
        for name in sorted(part.names):
            if name in homes:
                raise AssembleError(f"{name} stands in parts/{part.name} and in {homes[name]}")
            homes[name] = f"parts/{part.name}"
    for name in wanted:
        if not read_part(name).names & own.used:
            raise AssembleError(f"the script has no use for {name}")


def import_lines(statements: set[str]) -> list[str]:
    """Import statements, those from one module joined, in isort's order and ruff's form."""
    plain = sorted(text for text in statements if text.startswith("import "))
    froms: dict[str, list[str]] = {}
    for text in statements - set(plain):
        module, name = text.removeprefix("from ").split(" import ")
        froms.setdefault(module, []).append(name)
    groups: dict[bool, list[str]] = {True: [], False: []}
    for text in plain:
        groups[text.split()[1].split(".")[0] in sys.stdlib_module_names].append(text)
    for module in sorted(froms):
        names = sorted(froms[module], key=lambda name: (not name.isupper(), name.islower() or name[0].islower(), name))
        line = f"from {module} import {', '.join(names)}"
        if len(line) > WIDTH:
            line = f"from {module} import (\n" + "".join(f"    {name},\n" for name in names) + ")"
        groups[module.split(".")[0] in sys.stdlib_module_names].append(line)
    return [line for known in (True, False) if groups[known] for line in (*groups[known], "")][:-1]


def block(wanted: Sequence[str], script: str) -> str:
    """What stands between a script's marks."""
    own = own_text(script)
    parts = in_order(wanted)
    check_names(parts, own, wanted)
    statements = {text for part in parts for text in part.imports}
    lines = import_lines(statements - own.imports - {"from __future__ import annotations"})
    for_types = import_lines({text for part in parts for text in part.for_types} - own.imports)
    if for_types:
        lines += ["", "if TYPE_CHECKING:", *(f"    {line}" if line else "" for line in for_types)]
    pieces = ["\n".join(lines).strip("\n")] if lines else []
    for part in parts:
        rule = f"# --- parts/{part.name.replace('.', '/')}.py "
        blank = "\n\n" if part.text.startswith(("@", "def ", "class ")) else "\n"
        pieces.append(f"{rule:-<{WIDTH}}\n{blank}{part.text}")
    return "\n\n\n".join(pieces)


def include(*names: str) -> None:
    """What a script's marks call: print the parts."""
    import cog

    cog.outl("\n" + block(names, Path(cog.inFile).read_text(encoding="utf-8")) + "\n\n")


def assembled(path: Path) -> str:
    """The text of a script with its parts put in anew.

    Raises:
        AssembleError: its marks, or a part, cannot be used.
    """
    from cogapp.cogapp import Cog, CogError

    cog = Cog()
    # cog's own marks stand in Python code: list[dict[str, list[str]]]
    cog.options.parse_args(["--markers", "[cog[ ]cog] [cog.end]"])
    sys.path.insert(0, str(PARTS))
    sys.modules["assemble"] = sys.modules[__name__]
    try:
        return cog.process_string(path.read_text(encoding="utf-8"), str(path))
    except CogError as error:
        raise AssembleError(f"{path.name}: {error}") from error
    finally:
        sys.path.remove(str(PARTS))


def run(check: bool) -> int:
    """Write, or with `check` compare, all scripts."""
    stale = 0
    for path in sorted(SCRIPTS.glob("*.py")):
        try:
            text = assembled(path)
        except AssembleError as error:
            raise AssembleError(f"{path.name}: {error}") from error
        if text != path.read_text(encoding="utf-8"):
            stale += 1
            if check:
                print(f"{path.relative_to(PARTS.parent)} is stale: uv run parts/assemble.py")
            else:
                path.write_text(text, encoding="utf-8")
                print(f"written: {path.relative_to(PARTS.parent)}", file=sys.stderr)
    return 1 if check and stale else 0


def build_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where a script is stale")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    args = build_parser().parse_args(argv)
    try:
        return run(args.check)
    except AssembleError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
