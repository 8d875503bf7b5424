"""Rows of a data set name files: nothing is written, read or run at their word."""

import json
import os
import subprocess
import sys
import types
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from parts import outgoing  # noqa: E402
from parts.frame import ScriptError  # noqa: E402
from parts.harness.inspect_rows import Rows, guarded_column, refuse_files_elsewhere  # noqa: E402
from parts.harness.inspect_tasks import say_other_models  # noqa: E402
from parts.harness.inspect_vocabulary import RequestedTask  # noqa: E402
from parts.harness.named_places import leads_from_card, of_data_sets  # noqa: E402
from parts.harness.services import CLIENT_MODEL, models_named  # noqa: E402
from parts.harness.surroundings import DataLoads  # noqa: E402
from parts.outgoing import SECRET_VARIABLE  # noqa: E402

# As the tasks of inspect_evals do it: a picture under the row's name, a container's file under the row's id.
TASKS = """
import io, os, shutil, tempfile, zipfile
from pathlib import Path
from inspect_evals.constants import INSPECT_EVALS_CACHE_PATH
HERE = INSPECT_EVALS_CACHE_PATH / "vista_images"

def picture(name):
    from PIL import Image
    place = HERE / name
    if not place.exists():
        place.parent.mkdir(exist_ok=True, parents=True)
        Image.new("RGB", (2, 2)).save(place, format="PPM")

def compose(name):
    HERE.mkdir(parents=True, exist_ok=True)
    (HERE / f"{name}-compose.yaml").write_text(f"services:\\n  default:\\n    image: {name}\\n")

def moved(name):
    picture("first.png")
    os.replace(HERE / "first.png", HERE / name)

def linked(name):
    HERE.mkdir(parents=True, exist_ok=True)
    os.symlink(HERE / name, HERE / "link")
    (HERE / "link").write_text("x")

def hard_linked(name):
    HERE.mkdir(parents=True, exist_ok=True)
    os.link(HERE / name, HERE / "hard")
    (HERE / "hard").write_text("x")

def removed(name):
    shutil.rmtree(HERE / name)

def hidden(name):
    try:
        picture(name)
    except Exception:
        pass

def unpacked(name):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as packed:
        packed.writestr("a/b.txt", "x")
    with tempfile.TemporaryDirectory() as folder:
        zipfile.ZipFile(data).extractall(folder)
        os.makedirs(HERE, exist_ok=True)
        shutil.move(os.path.join(folder, "a"), HERE / name)
    with tempfile.NamedTemporaryFile("w", suffix="-compose.yaml") as file:
        file.write("x")

def container(name):
    (Path(__file__).parent / name).write_text("FROM scratch")

def imported(name):
    import importlib
    importlib.import_module(name)

def library(name):
    import keeper
    keeper.keep()

def nothing(name):
    with open(os.devnull, "w") as file:
        file.write(name)
"""

PROGRAM = """
import json, os, sys
from pathlib import Path
from parts.frame import ScriptError
from parts.harness.surroundings import asked_by, guard_loading
from parts.harness.named_places import leads_from_card, of_data_sets  # noqa: E402
from parts.harness.task_writes import guard_task_writes
import parts.harness.surroundings as surroundings
surroundings.guard_loading = lambda: None  # it needs the library of data sets
guard_task_writes()
from inspect_evals.vista import vista
said = []
for name, text in json.load(sys.stdin):
    try:
        with asked_by(own_task=False):
            getattr(vista, name)(text)
        said.append(None)
    except ScriptError as error:
        said.append([error.code, str(error)])
print(json.dumps(said))
"""


@pytest.fixture
def tasks(tmp_path):
    """Runs functions of a package called inspect_evals; gives (exit code, words) or None for each."""
    package = tmp_path / "site" / "inspect_evals"
    (package / "vista").mkdir(parents=True)
    (tmp_path / "tmp").mkdir()
    (tmp_path / "site" / "keeper.py").write_text(
        f"def keep():\n    open({str(tmp_path / 'kept')!r}, 'w').write('by a library, in its own place')\n"
    )
    (tmp_path / "site" / "later.py").write_text("X = 1\n")
    for file in (package / "__init__.py", package / "vista" / "__init__.py"):
        file.write_text("")
    cache = tmp_path / "cache"
    (package / "constants.py").write_text(
        f"from pathlib import Path\nINSPECT_EVALS_CACHE_PATH = Path({str(cache)!r})\n"
    )
    (package / "vista" / "vista.py").write_text(TASKS)
    for victim in ("home/a.txt", "cache/other/a.txt"):
        (tmp_path / victim).parent.mkdir(parents=True)
        (tmp_path / victim).write_text("mine")

    def run(*calls):
        environment = os.environ | {
            "PYTHONPATH": f"{ROOT}{os.pathsep}{package.parent}",
            "TMPDIR": str(tmp_path / "tmp"),
        }
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        words = [sys.executable, "-c", PROGRAM]
        answer = subprocess.run(
            words, cwd=tmp_path, env=environment, input=json.dumps(calls), capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr
        return json.loads(answer.stdout)

    return run


def test_a_row_names_no_file_that_a_task_then_writes(tasks, tmp_path):
    away = str(tmp_path / "home" / "zz.pth")
    refused = [
        ("picture", away),
        ("picture", "../../home/zz.pth"),
        ("picture", "../other/zz.yaml"),
        ("picture", str(tmp_path / "cache" / "other" / "zz.yaml")),
        ("picture", str(tmp_path / "site" / "inspect_evals" / "other" / "Dockerfile")),
        ("picture", str(tmp_path / "new" / "folder" / "a.png")),
        ("picture", str(tmp_path / "tmp" / "a.png")),
        ("compose", "x\n    volumes: ['/:/host']\n"),
        ("compose", "x\u2028    privileged: true"),
        ("compose", str(tmp_path / "home" / "x")),
        ("moved", away),
        ("linked", str(tmp_path / "home" / "a.txt")),
        ("hard_linked", str(tmp_path / "home" / "a.txt")),
        ("removed", str(tmp_path / "home")),
        ("hidden", away),
        ("container", "evil.py"),
        ("container", "../other/Dockerfile"),
    ]
    for call, said in zip(refused, tasks(*refused), strict=True):
        assert said and said[0] == 3 and "refused before it was done" in said[1], (call, said)
    there = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if "site" not in path.parts}
    assert {name for name in there if not name.startswith("cache/vista_images")} == {
        "home", "home/a.txt", "cache", "cache/other", "cache/other/a.txt", "tmp",
    }  # fmt: skip
    assert (tmp_path / "home" / "a.txt").read_text() == (tmp_path / "cache" / "other" / "a.txt").read_text() == "mine"
    assert not list((tmp_path / "site").rglob("*.pth")) and not list((tmp_path / "site").rglob("evil*"))


def test_what_tasks_and_libraries_write_in_their_places_is_written(tasks, tmp_path):
    calls = [
        ("picture", "a.png"),
        ("picture", "sub/b.png"),
        ("compose", "django__django-1"),
        ("moved", "c.png"),
        ("unpacked", "d"),
        ("removed", "d"),
        ("container", "Dockerfile"),
        ("imported", "later"),
        ("library", ""),
        ("nothing", ""),
    ]
    assert tasks(*calls) == [None] * len(calls)
    images = tmp_path / "cache" / "vista_images"
    found = {str(path.relative_to(images)) for path in images.rglob("*") if path.is_file()}
    assert found == {"a.png", "sub/b.png", "django__django-1-compose.yaml", "c.png"}
    assert (tmp_path / "site" / "inspect_evals" / "vista" / "Dockerfile").exists()
    assert (tmp_path / "kept").exists() and list((tmp_path / "site" / "__pycache__").glob("later*"))


def column(name, value):
    """What one of inspect's readers of a column gives, as SandboxEnvironmentSpec has its config."""
    found = types.SimpleNamespace(type=value[0], config=value[1]) if name == "sandbox" else value
    return guarded_column(name, lambda said: found)(value)


@pytest.mark.parametrize("sandbox", ["docker", "local", None])
@pytest.mark.parametrize("own", [True, False])
def test_a_column_of_the_data_says_nothing_that_runs(own, sandbox, monkeypatch):
    monkeypatch.setattr(DataLoads, "own_task", own)
    monkeypatch.setattr(Rows, "run_here", sandbox == "local")
    taken = [
        ("sandbox", ("docker", None), True),
        ("sandbox", ("docker", "evil-compose.yaml"), False),
        ("sandbox", ("docker", "/srv/task/compose.yaml"), False),
        ("files", {"a.txt": "text"}, own),
        ("setup", "echo 1", own and sandbox != "local"),
        ("files", None, True),
        ("setup", "", True),
    ]
    for name, value, allowed in taken:
        if allowed:
            column(name, value)
            continue
        with pytest.raises(ScriptError, match=f"column '{name}' of the task's data") as caught:
            column(name, value)
        assert caught.value.code == 3


@pytest.mark.parametrize(
    ("files", "setup", "package", "refused"),
    [
        ({"a/b.txt": "x", "default:c.txt": "x"}, None, True, False),
        ({"/etc/cron.d/x": "x"}, None, False, True),
        ({"default:/etc/cron.d/x": "x"}, None, False, True),
        ({"a/../../x": "x"}, None, False, True),
        ({}, "mkdir -p /x/{row}", True, True),
        (None, "echo of the user's own code", False, False),
    ],
)
def test_local_programs_get_no_file_or_script_out_of_their_folder(
    files, setup, package, refused, tmp_path, monkeypatch
):
    sample = types.SimpleNamespace(id="1", input="x", files=files, setup=setup)
    place = {"module": "json.decoder"} if package else {"file": tmp_path / "mine.py"}
    request = RequestedTask("one", "one", **place)
    for local in (False, True):
        monkeypatch.setattr(Rows, "run_here", local)
        if not (local and refused):
            refuse_files_elsewhere(request, [sample])
            continue
        with pytest.raises(ScriptError, match="take --sandbox docker") as caught:
            refuse_files_elsewhere(request, [sample])
        assert caught.value.code == 3


def test_other_models_that_a_task_asks_are_named(tmp_path, monkeypatch, capsys):
    folder = tmp_path / "inspect_evals" / "judged"
    folder.mkdir(parents=True)
    for place in (folder, folder.parent):
        (place / "__init__.py").write_text("")
    (folder / "eval.yaml").write_text("tasks: [{name: judged, dataset_samples: 3}]\n")
    code = "SET = 'openai/gsm8k'\nDATA = 'google/IFEval'\nJUDGE = 'openai/gpt-4o'\nOTHER = \"anthropic/claude-x\"\n"
    code += "import os\nos.environ.get('ACME_API_KEY'), os.environ.get('OTHER_API_KEY'), os.environ.get('HF_TOKEN')\n"
    (folder / "judged.py").write_text(code)
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "inspect_evals"]:
        monkeypatch.delitem(sys.modules, name)
    request = RequestedTask("judged", "inspect_evals/judged", module="inspect_evals.judged")
    monkeypatch.setattr(outgoing, "IN_USE", set())
    monkeypatch.setenv("ACME_API_KEY", "acme-0123456789")
    monkeypatch.setenv("HF_TOKEN", "hf_" + "x" * 34)
    say_other_models([request])
    said = capsys.readouterr().err
    assert "names anthropic/claude-x, openai/gpt-4o, as judges" in said
    assert "uses ACME_API_KEY of your environment" in said and "HF_TOKEN" not in said and "OTHER_API" not in said
    assert outgoing.outgoing("asked with acme-0123456789") == "asked with ***"


def test_a_client_of_a_service_names_its_model_by_default():
    code = "JUDGE = os.getenv('MODEL', 'gpt-9-mini')\nask(model='claude-7-x', tokenizer='gpt2')\n# like 'gpt-1'\n"
    assert models_named(code, CLIENT_MODEL) == ["claude-7-x", "gpt-9-mini"] and models_named(code) == []


def test_variables_that_hold_a_secret_are_known_by_their_names():
    secret = "HF_TOKEN OPENAI_API_KEY PGPASSWORD GITHUB_PAT DATABASE_URL MY_APIKEY OPENAIAPIKEY SENTRY_DSN AWS_SECRET"
    plain = "PATH HOME LANG KEYBOARD PATTERN HF_HOME TOKENIZERS_PARALLELISM UV_INDEX_URL PASSAGE MONKEY"
    assert all(map(SECRET_VARIABLE.search, [*secret.split(), "AWS_ACCESS_KEY", "credentials"]))
    assert not any(map(SECRET_VARIABLE.search, plain.split()))


HUB = "https://huggingface.co"


@pytest.mark.parametrize(
    ("address", "own"),
    [
        ("hf://datasets/o/d/x.png", True),
        ("hf://datasets/o/d@refs%2Fconvert%2Fparquet/x.png", True),
        (f"{HUB}/datasets/o/d/resolve/main/a..b%20c.png", True),
        ("hf://datasets/squad@main/x.png", True),
        ("hf://datasets/me/secret/x.png", False),
        ("hf://datasets/me/secret@main/x.png", False),
        (f"{HUB}/datasets/me/secret/resolve/main/x.png", False),
        ("hf://datasets/o/d2/x.png", False),
        ("hf://datasets/o/d/../../me/secret/x.png", False),
        (f"{HUB}/datasets/o/d/resolve/main/%2e%2e/%252e./../../../me/secret/resolve/main/x.png", False),
        (f"{HUB}/datasets/o/d/resolve/main/..\\..\\x.png", False),
        ("hf://o/d/x.png", False),
        ("hf://spaces/o/d/x.png", False),
        ("hf://datasets/squad/secret/x.png", False),
        ("HF://datasets/o/d/x.png", False),
        (f"{HUB}.evil.org/datasets/o/d/x.png", False),
        (f"{HUB}/api/datasets/o/d", False),
        ("hf://datasets/", False),
    ],
)
def test_a_row_names_files_of_its_own_data_set_on_the_hub_alone(address, own):
    """Of another one the client would read with the user's token, which may be private."""
    assert of_data_sets(address, {"o/d", "squad", ""}, HUB) is own


@pytest.mark.parametrize(
    ("pattern", "elsewhere"),
    [
        ("data/test-*.parquet", False),
        ("**/*.jsonl", False),
        ("a..b.csv", False),
        ("hf://datasets/o/d@main/x.jsonl", False),
        ("zip://*.csv::hf://datasets/o/d/data.zip", False),
        ("hf://datasets/me/secret/*", True),
        ("/etc/passwd", True),
        ("../../me/secret/x.jsonl", True),
        ("file:///etc/passwd", True),
        ("zip://*.csv::data.zip", True),
        ("zip://*.csv::hf://datasets/me/secret/data.zip", True),
        ("filecache://hf://datasets/o/d/x", True),
        ("hf://datasets/o/d/x::hf://datasets/me/secret/x", True),
        ("https://example.org/x.jsonl", True),
        ("zip://x", True),
    ],
)
def test_a_card_on_the_hub_names_files_of_its_own_repository(pattern, elsewhere):
    assert leads_from_card(pattern, "o/d", HUB) is elsewhere
