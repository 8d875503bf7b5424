"""The rules that every script and document keeps: one meaning for a name, a flag, a command; light, bounded, clean."""

import argparse
import ast
import importlib.util
import io
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml
from assemble import assembled, in_order, own_text, read_part
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from parts.comparison.verdicts import first_texts
from parts.frame import option_words, single_line
from parts.outgoing import CleanStream

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
RUNNABLE = sorted(
    path
    for folder in ("scripts", "examples", "tests")
    for path in (ROOT / folder).rglob("*.py")
    if path.read_text(encoding="utf-8").startswith("#!/usr/bin/env -S uv run --script")
)
# Scripts that bring a deep-learning stack; the light test environment has the dependencies of all others.
HEAVY = {"lighteval", "inspect-ai", "vllm", "torch", "lm-eval", "transformers"}
# What each script says in its own way.
SAME_IN_EACH = {"main", "run", "build_parser", "check_arguments"}
SKIPPED_FOLDERS = {".git", ".venv", "__pycache__", ".ruff_cache", ".hypothesis", ".pytest_cache"}


def test_there_is_something_to_check():
    assert len(SCRIPTS) >= 2
    assert len(DOCUMENTED) >= 20


# --- one place for each thing ---


def written():
    """(name, place) of every function, class and constant that is written by hand: parts, and the scripts' own text."""
    for path in sorted((ROOT / "parts").rglob("*.py")):
        if path.name not in ("assemble.py", "embedded.py", "completion.py"):  # of no script
            yield from ((name, str(path.relative_to(ROOT))) for name in read_part(part_name(path)).names)
    for path in SCRIPTS:
        names = own_text(path.read_text(encoding="utf-8")).names
        yield from ((name, path.name) for name in names - SAME_IN_EACH)


def part_name(path: Path) -> str:
    """parts/records/files.py -> records.files"""
    return ".".join(path.relative_to(ROOT / "parts").with_suffix("").parts)


def test_a_name_stands_in_one_place():
    places = defaultdict(list)
    for name, place in written():
        places[name].append(place)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


# Who quotes words for a shell by himself, since they are no command to run: names in a text, a command of a record.
QUOTES_ITSELF = {"frame", "private", "completion", "comparison.again", "comparison.comparable"}
QUOTES_ITSELF |= {"jobs.run", "check_contamination.py", "score_predictions.py"}


def test_commands_are_printed_by_one_function():
    """`command_line_of`, which takes no file for an option and lets no line break through."""
    texts = {part_name(path): path.read_text(encoding="utf-8") for path in (ROOT / "parts").rglob("*.py")}
    texts |= {path.name: path.read_text(encoding="utf-8").partition("# [cog[")[0] for path in SCRIPTS}
    assert {name for name, text in texts.items() if re.search(r"shlex\.(?:join|quote)\(", text)} == QUOTES_ITSELF


# What a message may put behind an option unquoted: numbers, and words of our own vocabulary or of the command line.
OWN_WORDS = re.compile(
    r"args\.|len\(|math\.|(?:found\[0\]\.table\.)?number$|request\.number|(?:run\.)?(?:run_id|timeout)$|min\(unknown\)"
    r"|run\.max_cost|said$|count$|both$|length$|limit$|other$|scoring$|asked\.scoring|level$|answer$|repo_id$|plan\.repo_id"
    r"|', '\.join\((?:LEVELS|METRICS|drawn)\)|ways$|folder$|size$|flavor\.name|minutes|budget"
)
BEHIND_OPTION = re.compile(r"(?:^|[\s(;`])--[a-z][a-z-]+(?:[ =]\S*|(?: with one of| from| gave| names no item of) ?)$")


def unquoted_values():
    """(place, value) of what stands behind an option within a message, other than `option_words` made it.

    A message that begins with an option speaks of the user's own; of one further on a reader takes what to type.
    """
    texts = {part_name(path): path.read_text(encoding="utf-8") for path in (ROOT / "parts").rglob("*.py")}
    texts |= {path.name: path.read_text(encoding="utf-8").partition("# [cog[")[0] for path in SCRIPTS}
    for name, text in texts.items():
        for node in (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.JoinedStr)):
            for i, (piece, value) in enumerate(zip(node.values, node.values[1:], strict=False)):
                if not isinstance(piece, ast.Constant) or not isinstance(value, ast.FormattedValue):
                    continue
                behind = BEHIND_OPTION.search(piece.value)
                if behind and (i or behind.start()):
                    yield name, ast.unparse(value.value)


def test_what_is_typed_behind_an_option_is_quoted():
    """Names come from files: one that closes a quote, or has a semicolon, is a command to whoever pastes the line."""
    found = set(unquoted_values())
    assert len(found) > 10  # it sees those that are allowed
    listed = {(name, value) for name, value in found if value.startswith("listing(")}  # names to choose from, no line
    assert {(name, value) for name, value in found - listed if not OWN_WORDS.match(value)} == LOOKED_AT


# No lines to type: they say what is there, what a function gave, how a child ended.
LOOKED_AT = {("contamination.scores", "single_line(ours)[:60]"), ("metrics.reading", "value")}
LOOKED_AT |= {("private", "text[:120]"), ("private", "text[:160]")}


@pytest.mark.parametrize("name", ["x'; touch PWNED; echo '", "q; touch PWNED #", "$(touch PWNED)", "a\nb", "plain"])
def test_a_foreign_name_is_one_word_of_a_line_to_type(name):
    words = shlex.split(option_words("--counts-as", f"{name}=none", "other"))
    assert words == ["--counts-as", f"{single_line(name)}=none", "other"]


def test_every_name_is_used():
    """What only its own test calls says nothing about what users run."""
    own = [own_text(path.read_text(encoding="utf-8")) for path in SCRIPTS]
    called = {name for one in own for name in one.used}
    places = sorted({place for _, place in written() if place.startswith("parts")})
    parts = [read_part(part_name(ROOT / place)) for place in places]
    words = Counter(word for part in parts for word in re.findall(r"\w+", part.text))
    assert [name for part in parts for name in sorted(part.names) if words[name] < 2 and name not in called] == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_scripts_are_fresh(path):
    assert assembled(path) == path.read_text(encoding="utf-8"), "uv run parts/assemble.py"


def test_parts_import_in_one_direction():
    names = [
        part_name(path) for path in (ROOT / "parts").rglob("*.py") if path.name not in ("assemble.py", "embedded.py")
    ]
    assert len(in_order(sorted(names))) == len(names)


def test_parts_and_scripts_stay_readable():
    lines = {path: path.read_text(encoding="utf-8").count("\n") for path in (ROOT / "parts").rglob("*.py")}
    assert {str(path): count for path, count in lines.items() if count > 900} == {}


def linted(folder: Path) -> subprocess.CompletedProcess[str]:
    """What biome says of the page's files in a copy of the project, by the version that the continuous checks take."""
    version = re.search(r"@biomejs/biome@([\d.]+)", (ROOT / ".ci/run").read_text(encoding="utf-8"))[1]
    assert f"/{version}/" in (ROOT / "biome.json").read_text(encoding="utf-8")
    npx = shutil.which("npx")
    if npx is None:
        pytest.skip("npx is not on the path")
    command = [npx, "--yes", f"@biomejs/biome@{version}", "lint", "--error-on-warnings"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=240, check=False)
    if re.search(r"npm (?:error|ERR!) (?:code|network)", done.stderr):
        pytest.skip("biome is not in npm's cache, and the registry is out of reach")
    return done


def test_the_files_of_the_page_keep_their_linters_rules(tmp_path):
    shutil.copytree(ROOT / "parts/page", tmp_path / "parts/page")
    shutil.copy(ROOT / "biome.json", tmp_path)
    done = linted(tmp_path)
    assert done.returncode == 0, done.stderr
    script, style = tmp_path / "parts/page/app/base.js", tmp_path / "parts/page/style.css"
    script.write_text(script.read_text(encoding="utf-8") + "if (NaN === NaN) { x == 1; }\n", encoding="utf-8")
    style.write_text(
        style.read_text(encoding="utf-8") + "a { colour: red; color: red; color: blue; }\n", encoding="utf-8"
    )
    done = linted(tmp_path)
    assert done.returncode != 0
    for rule in ("noDoubleEquals", "noUnknownProperty", "noDuplicateProperties"):
        assert rule in done.stdout + done.stderr, rule


@cache
def parser_of(path: Path) -> argparse.ArgumentParser:
    """The command line of a script."""
    spec = importlib.util.spec_from_file_location(f"frame_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(path.parent)  # as for a script that is run
        spec.loader.exec_module(module)
    return module.build_parser()


def flags(parser: argparse.ArgumentParser):
    """(flag, what it takes) of a parser and its subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for sub in action.choices.values():
                yield from flags(sub)
        for option in action.option_strings:
            if option.startswith("--"):
                yield option, (type(action).__name__, getattr(action.type, "__name__", None))


def test_same_flag_means_same_thing():
    kinds = defaultdict(lambda: defaultdict(set))
    for path in SCRIPTS:
        for flag, kind in flags(parser_of(path)):
            kinds[flag][kind].add(path.name)
    assert {flag: dict(found) for flag, found in kinds.items() if len(found) > 1} == {}


def test_switches_are_switches_and_no_flag_takes_a_token():
    for path in SCRIPTS:
        for flag, (action, _) in flags(parser_of(path)):
            if flag in ("--json", "--dry-run", "--apply", "--create-pr", "--trust-remote-code", "--use-chat-template"):
                assert action == "_StoreTrueAction", (path.name, flag)
            assert flag not in ("--token", "--api-key", "--hf-token"), path.name


def test_a_plus_minus_that_is_shown_is_a_standard_error():
    """Intervals are written "low to high"; see the head of a table, or the words beside a number."""
    shown = re.compile(r"[\"'`].*±.*[\"'`]")
    for path in sorted([*(ROOT / "parts").rglob("*.py"), *(ROOT / "parts").rglob("*.js"), *SCRIPTS]):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            wide = shown.search(line) and re.search(r"1\.96|Z95|\bhalf\b|deviation|reach|± 95 %", line)
            assert not wide, f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"


# --- commands in documents ---

COMMAND = re.compile(r"^(?:[A-Z_]+=\S+ )*(?P<run>uv run|hf jobs uv run) (?P<rest>.*)$")
INLINE = re.compile(r"`((?:uv run|hf jobs uv run) [^`]+)`")


def markdown_lines(path: Path):
    """Command lines in a document's fences, continuation lines joined, and in inline code."""
    text = path.read_text(encoding="utf-8")
    for fence in re.findall(r"^```(?:bash|sh|console)\n(.*?)^```", text, re.MULTILINE | re.DOTALL):
        yield from re.sub(r"\\\n\s*", " ", fence).splitlines()
    yield from (line for line in INLINE.findall(text) if ".py" in line and "…" not in line)


def docstring_lines(path: Path):
    """Command lines in a module's docstring."""
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    yield from re.sub(r"\\\n\s*", " ", text).splitlines()


def documented_commands():
    """(document, script, arguments) of every command that runs a script of this project."""
    documents = [path for path in ROOT.rglob("*.md") if not SKIPPED_FOLDERS & set(path.parts)]
    for path in sorted(documents) + RUNNABLE:
        for line in markdown_lines(path) if path.suffix == ".md" else docstring_lines(path):
            match = COMMAND.match(line.strip().removeprefix("$ "))
            if match:
                words = shlex.split(re.split(r"\s(?:[|>&;]|2>)|\s{3,}", match["rest"])[0], comments=True)
                script = next((i for i, word in enumerate(words) if word.endswith(".py")), None)
                if script is not None:
                    where = f"{path.relative_to(ROOT)}"
                    yield pytest.param(words[script], words[script + 1 :], id=f"{where}: {match['rest'][:70]}")


DOCUMENTED = list(documented_commands())


@pytest.mark.parametrize(("script", "arguments"), DOCUMENTED)
def test_documented_command_parses(script, arguments):
    path = ROOT / script
    assert path.is_file(), f"{script} does not exist"
    try:
        parser_of(path).parse_args(arguments)
    except SystemExit as stop:
        assert stop.code == 0, f"{script} {arguments}"


def test_documents_run_scripts_through_uv():
    for path in ROOT.rglob("*.md"):
        if not SKIPPED_FOLDERS & set(path.parts):
            for line in markdown_lines(path):
                plain = line.strip()
                assert not re.match(r"(?:python3?|\./)\S* .*\.py", plain), f"{path.name}: {plain}"
                assert not re.match(r"pip install (?!uv\b)", plain), f"{path.name}: {plain}"


# --- help ---


@pytest.mark.parametrize(
    "path",
    [path for path in RUNNABLE if path.name != "local_hub.py"],  # a server for the tests; it needs yaml from the start
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_help_needs_the_standard_library_alone(path):
    # -S leaves site-packages out: nothing heavy can be imported, and nothing else either.
    done = subprocess.run(
        [sys.executable, "-E", "-s", "-S", str(path), "--help"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_help_has_examples_and_exit_codes(path):
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert f"uv run scripts/{path.name}" in text
    assert "Exit codes: " in text
    assert text == " ".join(text.split("\r")), "no carriage returns"


# --- headers ---


def header(path: Path) -> dict:
    """The PEP 723 block of a script."""
    block = re.search(r"^# /// script\n(.*?)^# ///$", path.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    return tomllib.loads(re.sub(r"^# ?", "", block[1], flags=re.MULTILINE))


@pytest.mark.parametrize("path", RUNNABLE, ids=lambda path: str(path.relative_to(ROOT)))
def test_header_is_bounded(path):
    found = header(path)
    assert found["requires-python"].startswith(">=3.11")
    for dependency in map(Requirement, found.get("dependencies", [])):
        operators = {specifier.operator for specifier in dependency.specifier}
        assert operators & {"<", "<=", "==", "~="}, f"{dependency} has no upper bound"


def test_test_environment_has_what_the_light_scripts_need():
    have = {r.name: str(r.specifier) for r in map(Requirement, header(ROOT / "tests/run_tests.py")["dependencies"])}
    for path in SCRIPTS:
        needed = {r.name: str(r.specifier) for r in map(Requirement, header(path).get("dependencies", []))}
        if not HEAVY & set(needed):
            assert needed == {name: have.get(name) for name in needed}, path.name


def test_a_light_script_imports_all_that_its_header_asks_for():
    modules = defaultdict(set)  # what an installed distribution brings
    for module, distributions in packages_distributions().items():
        for distribution in distributions:
            modules[canonicalize_name(distribution)].add(module)
    for path in SCRIPTS:
        wanted = [canonicalize_name(Requirement(one).name) for one in header(path).get("dependencies", [])]
        if not HEAVY & set(wanted):
            text = path.read_text(encoding="utf-8")
            imported = set(re.findall(r"^\s*(?:import|from) (\w+)", text, re.MULTILINE))
            assert [name for name in wanted if modules[name] and not modules[name] & imported] == [], path.name


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_header_resolves(path):
    uv = shutil.which("uv")
    if uv is None:
        pytest.skip("uv is not on the path")
    command = [uv, "pip", "compile", "--quiet", "--no-header", "--python-version", "3.11", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    resolved = {canonicalize_name(line.split("==")[0]) for line in done.stdout.splitlines() if "==" in line}
    assert {canonicalize_name(Requirement(d).name) for d in header(path).get("dependencies", [])} <= resolved


# --- a clean tree ---


def tree_files():
    """All text files of the project."""
    for path in sorted(ROOT.rglob("*")):
        if path.is_file() and not SKIPPED_FOLDERS & set(path.relative_to(ROOT).parts):
            data = path.read_bytes()
            if b"\0" not in data:
                yield path.relative_to(ROOT).as_posix(), data


# Assembled, so that this file does not hold what it looks for.
FORBIDDEN = {
    "a Hub token": re.compile(rb"\bhf" rb"_[A-Za-z0-9]{30,}"),
    "a machine's path": re.compile(
        rb"(?<![\w.])/(?:ho" rb"me|ro" rb"ot|wo" rb"rk|Us" rb"ers)/[A-Za-z0-9_]|(?<![\w.])/t" rb"mp/[A-Za-z0-9_]"
    ),
}


def test_no_tokens_and_no_machine_paths():
    found = []
    for name, data in tree_files():
        for what, pattern in FORBIDDEN.items():
            match = pattern.search(data)
            if match:
                found.append(f"{name}: {what}: {match[0][:12]!r}")
    assert found == []


def test_no_file_is_left_in_a_checkpoint_by_a_run():
    names = {path.name for path in (ROOT / "examples").rglob("*") if path.is_dir()}
    assert not {name for name in names if "cache" in name and name != "__pycache__"}


# --- the documents ---


def test_readme_names_every_script():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert [path.name for path in SCRIPTS if path.name not in text] == []


def test_documents_show_what_the_example_prints(capsys):
    spec = importlib.util.spec_from_file_location("calculator", ROOT / "scripts" / "benchmark_calculator.py")
    calculator = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = calculator
    spec.loader.exec_module(calculator)
    assert calculator.main([str(ROOT / "examples" / "tiny_run")]) == 0
    table = capsys.readouterr().out.split("\n\n")[0]
    assert "step_700 (best)" in table
    for document in ("README.md", "examples/tiny_run/README.md"):
        assert table in (ROOT / document).read_text(encoding="utf-8"), document


def test_skill_keeps_the_format():
    text = (ROOT / "SKILL.md").read_text(encoding="utf-8")
    _, front, body = text.split("---\n", 2)
    meta = yaml.safe_load(front)
    assert set(meta) <= {"name", "description", "license", "compatibility", "metadata", "allowed-tools"}
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", meta["name"])
    assert len(meta["name"]) <= 64
    assert len(meta["description"]) <= 1024
    assert "Use when" in meta["description"]
    assert 120 <= body.count("\n") <= 180
    assert len(body) / 4 < 2500, "about so many tokens"
    assert [path.name for path in SCRIPTS if path.name not in body] == []


@pytest.mark.parametrize(
    "path", sorted(ROOT.glob("*.md")) + sorted((ROOT / "references").glob("*.md")), ids=lambda p: p.name
)
def test_links_lead_somewhere(path):
    for target in re.findall(r"\]\(([^)#\s]+)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_each_reference_is_short_and_can_be_found():
    pages = sorted((ROOT / "references").glob("*.md"))
    texts = {path: path.read_text(encoding="utf-8") for path in [*ROOT.glob("*.md"), *pages]}
    assert pages and [page.name for page in pages if len(texts[page].splitlines()) > 150] == []
    lost = [page.name for page in pages if not any(page.name in text for path, text in texts.items() if path != page)]
    assert lost == []


def test_a_log_has_no_bars_of_libraries():
    log = io.StringIO()
    stream = CleanStream(log, bars=True)
    for text in ("\rFetching 0 files: 0it [00:00, ?it/s]", "\rFetching 2 files", "\n", "said\n", "\n", "a\rb\n"):
        stream.write(text)
    assert log.getvalue() == "said\n\na\\u000db\n"


def test_ctrl_c_before_a_command_line_is_read_is_one_line():
    code = "import os, signal, time; signal.signal(signal.SIGINT, signal.default_int_handler); import parts.frame; "
    code += "os.kill(os.getpid(), signal.SIGINT); time.sleep(9)"  # where SIGINT was ignored at the start, too
    root = Path(__file__).resolve().parent.parent
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=root)
    assert (done.stderr, done.returncode) == ("error: interrupted\n", -2)


def test_reasons_are_shown_whole_and_never_empty():
    assert first_texts(["a: b", " ", "c"]) == "a: b; c"
    assert first_texts(["a" * 150, "b" * 60, "candidate: x"]) == "a" * 150
    assert first_texts(["a" * 300]) == "a" * 200 and first_texts([]) == ""
