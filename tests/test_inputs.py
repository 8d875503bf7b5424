"""The functions that open files and let text out: limits, what is refused, and that every part goes through them."""

import ast
import contextlib
import gzip
import hashlib
import io
import json
import os
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parts import frame, inputs, outgoing  # noqa: E402
from parts.frame import ScriptError  # noqa: E402

# Where a file may be opened without `open_input`: the part that does it, and what is the program's own or written only.
OPENERS = {"inputs", "assemble", "embedded", "seal"}
READS = {"read_text", "read_bytes", "ParquetFile", "read_table", "read_parquet", "memory_map", "load_file", "safe_load"}
ALLOWED = {
    ("board.data", "read_parquet"),  # by DuckDB, behind open_input
    ("board.elsewhere", "read_parquet"),  # by DuckDB, behind open_input
    ("parquet", "memory_map"),  # behind open_input
    ("contamination.training", "ParquetFile"),  # of an open file
    ("contamination.training", "read_table"),  # a function of that part
    ("formats.files", "read_schema"),
    ("parquet", "ParquetFile"),  # of an open file
    ("harness.inspect_tasks", "read_text"),  # of the installed packages
    ("harness.inspect_tasks", "safe_load"),
    ("harness.inspect_rows", "safe_load"),  # of a text within limits
    ("harness.inspect_server", "read_bytes"),  # the log of one's own server
    ("board.hub", "safe_load"),  # of a text within limits
    ("board.elsewhere", "read_bytes"),  # this script itself
    ("board.sharing", "read_bytes"),  # this script itself
    ("completion", "read_text"),  # what it wrote itself
    ("lock_jobs", "read_text"),  # the project's own scripts
    ("contamination.training", "read_text"),  # what this process wrote
    ("formats.spans", "open"),  # what this process wrote
    ("hashes", "read_text"),  # one's own cache
    ("hub.benchmarks", "read_text"),  # one's own cache
}


def calls(part: Path):
    """The names of functions and methods that a part calls."""
    for node in ast.walk(ast.parse(part.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            if name in READS:
                yield name, node.lineno
            elif name == "open":
                words = [a.value for a in node.args if isinstance(a, ast.Constant) and isinstance(a.value, str)]
                reading = any("r" in word and len(word) < 4 for word in words)
                if reading or (isinstance(node.func, ast.Name) and not words):
                    yield name, node.lineno


def test_every_file_is_opened_by_one_function():
    found = []
    for path in sorted((ROOT / "parts").rglob("*.py")):
        name = path.relative_to(ROOT / "parts").with_suffix("").as_posix().replace("/", ".")
        if name not in OPENERS:
            found += [f"{name}:{line}: {call}" for call, line in calls(path) if (name, call) not in ALLOWED]
    assert not found, "open_input, input_bytes or input_text read what somebody else may have made:\n" + "\n".join(
        found
    )


# What writes to a file by its name, and where else than in `whole_file` it may: what lies in a folder of one's own
# temporary files, what is sealed, locks and the project's own tools.
WRITES = {"write_text", "write_bytes", "to_parquet", "to_csv", "write_parquet", "copyfile", "copy", "copy2", "move"}
WRITES |= {"savefig", "save", "truncate", "touch", "NamedTemporaryFile", "mkstemp", "FileHandler", "O_CREAT"}
MAY_WRITE = {
    ("frame", "O_CREAT"),  # whole_file
    ("seal", "O_CREAT"),  # new and for the user alone, or there already
    ("publish.local", "O_CREAT"),  # a lock, through no link
    ("board.data", "write_parquet"),  # in a fresh folder
    ("ranking.prepare", "write_bytes"),  # in a fresh folder
    ("jobs.packing", "write_bytes"),
    ("ranking.prepare", "copyfile"),
    ("ranking.figures", "savefig"),  # into an open file
    ("metrics.figures", "savefig"),
    ("contamination.training", "save"),  # in the system's folder for temporary files, made there for one's own
    ("harness.task_writes", "O_CREAT"),  # looked for in what tasks ask
    ("harness.inspect_server", "copyfile"),
    ("harness.inspect_server", "write_text"),
    ("harness.inspect_server", "open"),
    ("comparison.ci", "open"),  # the runner's own GITHUB_STEP_SUMMARY, added to
}


def writes(part: Path):
    """What a part names or calls that makes or changes a file."""
    for node in ast.walk(ast.parse(part.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr == "O_CREAT":
            yield node.attr, node.lineno
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
            owner = getattr(getattr(node.func, "value", None), "id", "")
            method = isinstance(node.func, ast.Attribute) or name != "touch"
            if (
                name in WRITES
                and method
                and (owner in ("shutil", "np", "numpy") or name not in ("copy", "save", "move"))
            ):
                yield name, node.lineno
            elif name in ("open", "fdopen"):
                words = [
                    a.value for a in (*node.args, *(k.value for k in node.keywords)) if isinstance(a, ast.Constant)
                ]
                modes = [word for word in words if isinstance(word, str) and len(word) < 4]
                of_descriptor = node.args and isinstance(node.args[0], ast.Call)  # of os.open, which names O_CREAT
                if not of_descriptor and any(set(word) & set("wax+") for word in modes):
                    yield name, node.lineno


def test_every_file_is_written_by_one_function():
    found, used = [], set()
    scripts = {path: f"scripts.{path.stem}" for path in sorted((ROOT / "scripts").glob("*.py"))}
    for path in sorted((ROOT / "parts").rglob("*.py")):
        name = path.relative_to(ROOT / "parts").with_suffix("").as_posix().replace("/", ".")
        if name not in ("assemble", "completion", "lock_jobs"):
            found += [f"{name}:{line}: {call}" for call, line in writes(path) if (name, call) not in MAY_WRITE]
            used |= {(name, call) for call, _ in writes(path)}
    for path, name in scripts.items():
        own = path.read_text(encoding="utf-8").partition("# [cog[")[0]
        lines = {line for _, line in writes(path) if line <= own.count("\n")}
        found += [f"{name}:{line}" for line in lines]
    assert not found, "whole_file, write_whole or put_in_place write what others can foresee:\n" + "\n".join(found)
    assert used >= MAY_WRITE


# --- What is opened ---


def test_only_regular_files(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for place, said in (
        (tmp_path, "folder"),
        (tmp_path / "fifo", "no regular file"),
        (Path("/dev/zero"), "no regular"),
    ):
        with pytest.raises(ScriptError, match=said):
            inputs.open_input(place)
    with pytest.raises(ScriptError, match="No such file"):
        inputs.open_input(tmp_path / "none")
    with pytest.raises(ScriptError, match="null"):
        inputs.open_input("a\0b")


def test_size_and_the_factor_that_raises_it(tmp_path, monkeypatch):
    path = tmp_path / "x"
    path.write_bytes(b"x" * 1000)
    assert inputs.input_bytes(path, 1000) == b"x" * 1000
    with pytest.raises(ScriptError, match="HUB_EVALS_LIMITS=10"):
        inputs.input_bytes(path, 999)
    monkeypatch.setenv("HUB_EVALS_LIMITS", "2")
    assert len(inputs.input_bytes(path, 500)) == 1000
    for wrong in ("x", "0", "-1", "nan", "1e9"):
        monkeypatch.setenv("HUB_EVALS_LIMITS", wrong)
        with pytest.raises(ScriptError, match="HUB_EVALS_LIMITS"):
            inputs.input_bytes(path, 500)


def test_files_with_holes_are_bombs(tmp_path):
    with (tmp_path / "x").open("wb") as file:
        file.truncate(3 * 2**30)
    with pytest.raises(ScriptError, match="bomb"):
        inputs.open_input(tmp_path / "x")


def test_packed_files_are_counted(tmp_path):
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"honest text, again and again\n" * 1000))
    with inputs.open_inflated(path, gzip.open) as file:
        assert len(file.read()) == 29_000
    path.write_bytes(gzip.compress(bytes(200_000_000)))
    with pytest.raises(ScriptError, match="bomb"), inputs.open_inflated(path, gzip.open) as file:
        while file.read(2**20):
            pass


def test_lines_have_an_end(tmp_path):
    assert list(inputs.input_lines(io.BytesIO(b"a\nb"), "x")) == [b"a\n", b"b"]
    with pytest.raises(ScriptError, match="line 2"):
        list(inputs.input_lines(io.BytesIO(b"a\n" + b"b" * (17 * 2**20)), "x"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 1}', "'a' stands twice"),
        ('[{"b": {"c": 1, "d": 2, "c": 3}}]', "'c' stands twice"),
        ("[" * 100_000, "too deeply"),
        ("[1" + "0" * 5000 + "]", "digits"),
        ("{", "Expecting"),
        ("", "Expecting"),
    ],
)
def test_json_is_strict(text, said):
    with pytest.raises(ValueError, match=said):
        inputs.strict_json(text)
    with pytest.raises(ValueError):
        inputs.strict_json_line(text.encode(), lenient=True)


@pytest.mark.parametrize(
    "line",
    [
        b'{"a": 1, "a": 1}',
        b'{"a":1,"b":{"x":1,"x":2}}',
        b'{"a" : 1, "a" : 2}',
        b'[{"a": 1}, {"a": 1, "\\u0061": 2}]',
        b'{"a": [[{"b": 1, "b": 1}]]}',
        b'{"a"\t:1,"a"\t:2}',
        b'{"a"\n:1,"a"  :2}',
        b'{"a": 1, "b": "\\u003a", "a": 2}',
        b'{"a": "x:y", "c": "\\u003A\\u003A", "a": 2}',
        b'{"a": 1, "a": ' + b"[" * 300 + b"]" * 300 + b"}",
    ],
)
def test_equal_keys_of_a_line_are_seen(line):
    with pytest.raises(ValueError, match="stands twice"):
        inputs.strict_json_line(line)


@pytest.mark.parametrize(
    "line", [b'{"a": "b\\": 1, \\"c\\": 2"}', b'{"": {"": {}}}', b'{"a:": ":", "\\":": 1}', b"[]", b"1"]
)
def test_lines_in_order_are_read(line):
    assert inputs.strict_json_line(line) == json.loads(line)


def test_nan_is_read_only_where_a_harness_writes_it():
    with pytest.raises(ValueError):
        inputs.strict_json_line(b'{"a": NaN}')
    assert inputs.strict_json_line(b'{"a": NaN}', lenient=True)["a"] != 0


def test_a_document_has_so_many_values(monkeypatch):
    text = "[" + ",".join(["[]"] * 1000) + "]"
    assert len(inputs.strict_json(text)) == 1000
    with pytest.raises(ValueError, match="values"):
        inputs.strict_json(text, most=1000)


def test_time_ends():
    import re

    begun = time.monotonic()
    with pytest.raises(ScriptError, match="pattern"), inputs.time_limit(0.2, "pattern"):
        re.search("(a+)+$", "a" * 40 + "!")
    assert time.monotonic() - begun < 30  # it would take days
    with inputs.time_limit(5, "x"):
        pass


# --- What leaves ---

TOKEN = "hf_" + "AbCdEfGhIjKlMnOpQrStUvWxYz01234567"


@pytest.mark.parametrize(
    "text",
    [
        TOKEN,
        f"x{TOKEN}y",
        f"Bearer {TOKEN}\\n",
        "hf_oauth_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.abc-def_g",
        "hf_jwt_eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0",
        "api_org_AbCdEfGhIjKlMnOpQrStUvWxYz01234567",
    ],
)
def test_shapes_of_tokens_do_not_leave(text):
    out = outgoing.without_secrets(text)
    assert "***" in out and "eyJ" not in out and "AbCd" not in out


def test_tokens_in_use_do_not_leave_whatever_their_shape(monkeypatch):
    monkeypatch.setattr(outgoing, "IN_USE", set())
    outgoing.remember_token(" my-secret-key\n")
    outgoing.remember_token("first-half second-half")
    monkeypatch.setenv("AA_API_KEY", "the-key-of-aa")
    said = outgoing.without_secrets("my-secret-key, first-half, second-half, the-key-of-aa, hf_model, hf_hub_download")
    assert said == "***, ***, ***, ***, hf_model, hf_hub_download"


def test_what_acts_on_a_terminal_is_written_out():
    text = "a\x1b[2Jb\x07c\rd\x9be\u202ef\u2066g\u200bh\ud800i\x00j\U000e0041k\tl\nm"
    shown = outgoing.visible(text)
    assert shown == (
        "a\\u001b[2Jb\\u0007c\\u000dd\\u009be\\u202ef\\u2066g\\u200bh\\ud800i\\u0000j\\udb40\\udc41k\tl\nm"
    )
    assert outgoing.visible("Größe 大小 👩\u200d💻 ±½") == "Größe 大小 👩\u200d💻 ±½"


def test_json_stays_the_same_document():
    value = {"a\x9b": ["\u202e", "\ud800", "\x1b", "\U000e0041", "ש"]}
    assert json.loads(outgoing.outgoing(json.dumps(value, ensure_ascii=False))) == value


def test_right_to_left_words_turn_nothing_around():
    assert outgoing.isolated("אבג דהו | 5") == "\u2068אבג דהו\u2069 | 5"
    assert outgoing.isolated("x | 5") == "x | 5"


def test_streams_are_clean(capsys):
    with outgoing.clean_streams():
        print(f"out {TOKEN} \x1b[31m")
        print("err \u202e", file=sys.stderr)
    out, err = capsys.readouterr()
    assert (out, err) == ("out hf_*** \\u001b[31m\n", "err \\u202e\n")


def test_a_message_of_a_page_is_cut_in_the_middle(capsys):
    frame.note("begin " + "x" * 100_000 + " end")
    err = capsys.readouterr().err
    assert len(err) < 2000 and err.startswith("begin") and err.endswith("end\n")


def test_nothing_is_written_through_a_link_that_waits(tmp_path):
    mine, target = tmp_path / "mine", tmp_path / "answer.json"
    mine.write_text("mine")
    (tmp_path / f".answer.json.{os.getpid()}.tmp").symlink_to(mine)
    frame.write_whole(target, "answer")
    assert (mine.read_text(), target.read_text(), target.is_symlink()) == ("mine", "answer", False)


def test_tables_of_a_terminal_show_text():
    from rich.console import Console

    from parts import tables

    console = Console(force_terminal=True, width=80)
    with console.capture() as capture:
        console.print(tables.rich_rows([["a"], ["x\x1b]0;owned\x07\u202e[red]y[/]"]], "c\x9b2J"))
    shown = capture.get()
    assert "\\u001b]0;owned\\u0007\\u202e[red]y[/]" in shown and "\x07" not in shown and "\x9b" not in shown


@pytest.mark.parametrize("width", [30, 60, 100, 200])
def test_no_word_of_a_table_is_cut_and_what_does_not_fit_is_named(width):
    from rich.console import Console

    from parts import tables

    header = ["rank", "model", *(f"a benchmark {number}" for number in range(8))]
    rows = [
        [f"{number}", f"acme/a-model-{number}", *(f"{number}{column}.125" for column in range(8))] for number in (1, 2)
    ]
    console = Console(width=width)
    with console.capture() as capture:
        console.print(tables.fitted_table(header, rows, width=width, box=None))
    table, _, left = capture.get().partition("not shown")
    shown = [f"{column}.125" in table for column in range(8)]
    assert all(row[1] in table for row in rows) and "…" not in table
    assert shown == sorted(shown, reverse=True) and all(shown) == (width == 200)
    said = " ".join(left.split())
    assert [f"a benchmark {number}" in said for number in range(8)] == [not whole for whole in shown]
    assert all(len(line.rstrip()) <= width for line in capture.get().split("\n"))


@pytest.mark.parametrize(
    "old, there", [(b"mine", True), (b"\x89PNG\r\n", False), (b"<?xml version", False), (b"", False)]
)
def test_a_figure_replaces_pictures_alone(tmp_path, old, there):
    from parts import outputs

    outputs.refuse_no_picture(tmp_path / "none.png")
    (path := tmp_path / "a.png").write_bytes(old)
    with pytest.raises(frame.ScriptError, match="is no picture") if old == b"mine" else contextlib.nullcontext():
        outputs.refuse_no_picture(path)


def test_the_hash_of_a_file_whose_name_is_no_text(tmp_path, monkeypatch):
    from parts import hashes

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (folder := tmp_path / os.fsdecode(b"a\xff")).mkdir()
    (path := folder / os.fsdecode(b"b\xfe.bin")).write_bytes(b"x")
    assert hashes.remembered_sha256(path) == hashlib.sha256(b"x").hexdigest()
    assert hashes.data_sha256(folder) == hashes.files_sha256(folder, [path.name])


# --- How a script ends ---


class Parser:
    """A parser whose command does what it is told."""

    def __init__(self, call):
        self.call = call

    def parse_args(self, argv):
        return type("Args", (), {"run": lambda self_, args: self.call()})()


def raising(error):
    def call():
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ScriptError("x", code=3), 3),
        (ScriptError("x"), 2),
        (KeyError("x"), 4),
        (ValueError("\x1b[31m" + TOKEN), 4),
        (RecursionError(), 4),
        (OSError(5, "x"), 4),
        (MemoryError(), 2),
        (KeyboardInterrupt(), 130),
    ],
    ids=repr,
)
def test_no_fault_is_an_answer(error, code, capsys):
    assert frame.run_main(Parser(raising(error)), []) == code
    out, err = capsys.readouterr()
    assert out == "" and "Traceback" not in err and TOKEN not in err and "\x1b" not in err
    assert len(err.splitlines()) <= 2 and err.startswith("error: ")
    assert ("report" in err) == (code == 4)


def test_a_small_file_takes_no_memory_of_the_largest_allowed(tmp_path):
    (tmp_path / "small.json").write_text("{}")
    asked = []

    class Watched(io.BytesIO):
        def read(self, size=-1):
            asked.append(size)
            return super().read(size)

    assert inputs.whole_content(Watched(b"x" * 10_000_000), "small", most=2**40) == b"x" * 10_000_000
    assert max(asked) <= 2**24 and min(asked) > 0


def test_a_place_that_is_missing_names_its_neighbour(tmp_path):
    (tmp_path / "tiny_run" / "results").mkdir(parents=True)
    found = frame.near_place(tmp_path / "tinyrun" / "results")
    assert found == f" (did you mean {tmp_path / 'tiny_run' / 'results'}?)"
    assert frame.near_place(tmp_path / "tiny_run" / "result").endswith("results?)")
    assert frame.near_place(tmp_path / "unlike" / "results") == ""
    (tmp_path / "biome.json").touch()
    assert frame.near_place(tmp_path / "nofile.jsonl") == ""
