"""The current folder may be a stranger's: its git settings are not run, its `.env` gives a token and nothing else."""

import json
import os
import pickle
import subprocess
import sys
import types
from pathlib import Path

import inspect_eval_uv
import pytest
from huggingface_hub import constants, get_token

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from parts.frame import ScriptError  # noqa: E402
from parts.harness.inspect_rows import refuse_private_volumes  # noqa: E402
from parts.harness.inspect_tasks import load_from_package, refuse_own_containers  # noqa: E402
from parts.harness.inspect_vocabulary import RequestedTask  # noqa: E402
from parts.harness.surroundings import loaded_programs  # noqa: E402
from parts.hub import token as tokens  # noqa: E402

STATUS = "import subprocess; subprocess.run(['git', 'status', '--porcelain'], check=True, stdin=subprocess.DEVNULL)\n"
WALL = "from parts.harness.logs import capture_logs; capture_logs()\n"
INSPECT = "from parts.harness.surroundings import keep_inspect_out_of_folder; keep_inspect_out_of_folder()\n"


def python(code: str, folder: Path, *paths: Path, **more: str) -> str:
    """What a program prints that is run in a folder."""
    place = os.pathsep.join(map(str, (ROOT, *paths)))
    environment = {**os.environ, "PYTHONPATH": place, "PYTHONSAFEPATH": "1", **more}
    environment.pop("PYTEST_CURRENT_TEST", None)
    return subprocess.run(
        [sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True, check=True
    ).stdout


@pytest.fixture
def trap(tmp_path):
    """A repository whose file monitor and hook leave a file beside it when git runs them."""
    folder, program = tmp_path / "checkout", tmp_path / "program"
    program.write_text(f"#!/bin/sh\necho ran >>{tmp_path / 'ran'}\n")
    program.chmod(0o755)
    for words in (["init", "-q", str(folder)], ["-C", str(folder), "config", "core.fsmonitor", str(program)]):
        subprocess.run(["git", *words], check=True)
    (folder / ".git/hooks/post-index-change").write_bytes(program.read_bytes())
    (folder / ".git/hooks/post-index-change").chmod(0o755)
    return folder


def test_git_runs_nothing_that_a_repository_names(trap):
    ran = trap.parent / "ran"
    python(STATUS, trap)
    assert ran.exists(), "the trap does not work"
    ran.unlink()
    python(WALL + STATUS, trap)
    python(WALL + STATUS, trap, GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="core.abbrev", GIT_CONFIG_VALUE_0="9")
    assert not ran.exists()


def test_settings_of_the_user_stay_and_dotenv_is_off(tmp_path):
    (tmp_path / ".env").write_text("OF_STRANGER=1\n")
    code = "import os, dotenv; dotenv.load_dotenv('.env'); print(os.environ.get('OF_STRANGER'))\n"
    code += "import subprocess; subprocess.run(['git', 'config', 'core.abbrev'], check=True)\n"
    user = {"GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "core.abbrev", "GIT_CONFIG_VALUE_0": "9"}
    assert sorted(python(WALL + code, tmp_path, **user).split()) == ["9", "None"]


@pytest.mark.parametrize("known", [True, False])
def test_functions_that_others_imported_by_name_are_emptied_or_git_finds_nothing(tmp_path, known):
    """A package laid out as inspect-ai is; `known` False: one of another version, where a name is another."""
    package = tmp_path / "packages/inspect_ai"
    (package / "_util").mkdir(parents=True)
    (package / "__init__.py").write_text("from ._util.git import git_context\nfrom ._util.dotenv import init_dotenv\n")
    (package / "_util/__init__.py").write_text("")
    (package / "_util/git.py").write_text("def git_context():\n    print('git')\n")
    (package / "_util/dotenv.py").write_text("def init_dotenv():\n    print('dotenv')\n")
    if not known:
        (package / "__init__.py").write_text("def git_context(): pass\ndef init_dotenv(): pass\n")
        (package / "_util/git.py").write_text("")
    code = (
        "import os, inspect_ai as i\n"
        + INSPECT
        + "i.git_context(); i.init_dotenv(); print(os.environ.get('GIT_DIR'))\n"
    )
    assert python(code, tmp_path, package.parent).split() == ["None" if known else os.devnull]


# --- .env ---


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "login"))
    monkeypatch.setattr(constants, "HF_STORED_TOKENS_PATH", str(tmp_path / "stored"))
    return tmp_path


@pytest.mark.parametrize("text", ["HF_TOKEN=${CLOUD_KEY}", 'HF_TOKEN="${CLOUD_KEY}"', "A=${CLOUD_KEY}\nHF_TOKEN=x${A}"])
def test_a_token_of_dotenv_names_no_other_variable(folder, monkeypatch, text):
    monkeypatch.setenv("CLOUD_KEY", "of-another-service")
    (folder / ".env").write_text(text + "\n")
    with pytest.raises(ScriptError, match="names another variable") as caught:
        tokens.hub_token()
    assert "of-another-service" not in str(caught.value)


@pytest.mark.parametrize("login", [True, False])
def test_a_token_of_dotenv_is_said_and_does_not_stand_before_the_login(folder, capsys, login):
    if login:
        (folder / "login").write_text("hf_of_the_login")
    (folder / ".env").write_text("HF_TOKEN=hf_of_the_folder\n")
    for _ in range(2):
        expected = "hf_of_the_login" if login else "hf_of_the_folder"
        assert tokens.find_token(None) == tokens.hub_token() == tokens.job_token() == expected
    said = capsys.readouterr().err
    assert said.count("of .env in this folder") == (not login)
    assert said.count("the token is that of your login; .env in this folder has another") == login


def test_dotenv_is_read_with_a_limit_and_only_as_a_file(folder):
    (folder / ".env").write_text("A=" + "x" * 100_000 + "\nHF_TOKEN=hf_abc\n")
    with pytest.raises(ScriptError, match=r"\.env"):
        tokens.hub_token()
    (folder / ".env").unlink()
    os.mkfifo(folder / ".env")
    assert tokens.hub_token() is None


LOADS = """
import sys, types
module = types.ModuleType(sys.argv[1])
exec("import pickle; load = lambda name: pickle.load(open(name, 'rb'))", vars(module))
try:
    print(module.load(sys.argv[2]))
except Exception as error:
    print(getattr(error, "code", None), error)
"""


@pytest.mark.parametrize("harness", ["lighteval.tasks.tasks.tiny_benchmarks", "lm_eval.tasks.x", "torch.serialization"])
def test_a_harness_loads_no_pickle_of_the_current_folder(tmp_path, harness):
    (tmp_path / "x").mkdir()
    (tmp_path / "x" / "t.pkl").write_bytes(pickle.dumps([1]))
    code = f"import sys; sys.argv[1:] = [{harness!r}, 'x/t.pkl']\n{WALL}{WALL}{LOADS}"
    refused = "torch" not in harness
    said = python(code, tmp_path)
    assert said.startswith("3 x/t.pkl: ") and "another folder" in said if refused else said == "[1]\n"
    assert python(code.replace("x/t.pkl", str(tmp_path / "x" / "t.pkl")), tmp_path) == "[1]\n"


def test_programs_of_a_model_get_no_tokens(tmp_path):
    """With a package laid out as inspect-ai's local sandbox is."""
    place = tmp_path / "inspect_ai/util/_sandbox"
    place.mkdir(parents=True)
    for folder in (place, *place.parents[:2]):
        (folder / "__init__.py").write_text("")
    (place / "local.py").write_text(
        "import os\nclass LocalSandboxEnvironment:\n"
        "    async def exec(self, cmd, input=None, cwd=None, env=None):\n        return {**os.environ, **env}\n"
    )
    code = (
        "import asyncio, json\nfrom parts.harness.surroundings import let_programs_import\nlet_programs_import()\n"
        "from inspect_ai.util._sandbox.local import LocalSandboxEnvironment as Local\n"
        "print(json.dumps(asyncio.run(Local().exec(['x'], env={'OWN_TOKEN': 'of the task'}))))\n"
    )
    names = ("HF_TOKEN", "AA_API_KEY", "AWS_SECRET_ACCESS_KEY", "INSPECT_HF_TOKEN", "DB_PASSWORD")
    kept = {"TOKENIZERS_PARALLELISM": "1", "MONKEY": "2"}
    found = json.loads(python(code, tmp_path, tmp_path, **dict.fromkeys(names, "secret"), **kept))
    assert "secret" not in found.values() and found["OWN_TOKEN"] == "of the task"
    assert kept.items() <= found.items() and found["PYTHONSAFEPATH"] == ""


@pytest.mark.parametrize("own_task", [False, True])
def test_containers_get_no_tokens(tmp_path, own_task):
    """With a package laid out as inspect-ai's Docker sandbox is; a user's own task may hand on what is no Hub token."""
    place = tmp_path / "inspect_ai/util/_sandbox/docker"
    place.mkdir(parents=True)
    for folder in (place, *place.parents[:3]):
        (folder / "__init__.py").write_text("")
    (place / "compose.py").write_text(
        "import os\nasync def run_subprocess(cmd, *, env=None, text=True):\n    return {**os.environ, **(env or {})}\n"
        "async def compose():\n    return await run_subprocess(['docker'], env={'SAMPLE_KEY': 'of the task'})\n"
    )
    code = (
        "import asyncio, json\nfrom parts.harness.surroundings import containers_without_secrets as without\n"
        f"without({not own_task})\nwithout({own_task})\nfrom inspect_ai.util._sandbox.docker.compose import compose\n"
        "print(json.dumps(asyncio.run(compose())))\n"
    )
    names = dict.fromkeys(("HF_TOKEN", "INSPECT_HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "MY_API_KEY"), "secret")
    found = json.loads(python(code, tmp_path, tmp_path, PLAIN="1", **names))
    assert [name for name, value in found.items() if value == "secret"] == (["MY_API_KEY"] if own_task else [])
    assert found["SAMPLE_KEY"] == "of the task" and found["PLAIN"] == "1"


def test_a_package_of_tasks_is_loaded_without_the_token(tmp_path, monkeypatch):
    """Some write it into the file that a container is built by; the Hub's client has it all the same."""
    (tmp_path / "tasks_of_a_package.py").write_text(
        "import os\nfrom huggingface_hub import get_token\n"
        "NAMES = ('HF_TOKEN', 'HUGGING_FACE_HUB_TOKEN', 'KAGGLE_KEY')\n"
        "def t():\n    return [*map(os.environ.get, NAMES), get_token()]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_user")
    monkeypatch.setenv("HUGGING_FACE_HUB_TOKEN", "hf_of_the_user")
    monkeypatch.setenv("KAGGLE_KEY", "k")
    asked = RequestedTask("t", "package/t", "tasks_of_a_package")
    assert load_from_package(asked) == [None, None, "k", "hf_of_the_user"]
    assert os.environ["HF_TOKEN"] == os.environ["HUGGING_FACE_HUB_TOKEN"] == get_token() == "hf_of_the_user"


def test_a_container_gets_no_place_of_keys(tmp_path, monkeypatch):
    home = tmp_path / "home"
    (home / ".kaggle").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(home / ".cache/huggingface/token"))
    (tmp_path / "link").symlink_to(home / ".kaggle")

    def told(*volumes):
        file = tmp_path / "compose.yaml"
        file.write_text(json.dumps({"services": {"plain": {"image": "x"}, "default": {"volumes": volumes}}}))
        specs = [None, types.SimpleNamespace(config=None), types.SimpleNamespace(config=str(file))]
        try:
            refuse_private_volumes("t", specs)
        except ScriptError as error:
            return error.code

    refused = [
        f"{home}/.kaggle/kaggle.json:/srv/x/.kaggle/kaggle.json:ro", "~/.ssh:/s", "$HOME/.aws:/a", f"{home}:/h",
        "/:/host", f"{tmp_path}:/t", f"{home}/.cache/huggingface:/hf", "/var/run/docker.sock:/var/run/docker.sock",
        f"{tmp_path}/link:/k", {"type": "bind", "source": f"{home}/.config", "target": "/c"}, f"{home}/x/../.netrc:/n",
    ]  # fmt: skip
    assert {str(volume): told("data:/d", volume) for volume in refused} == dict.fromkeys(map(str, refused), 3)
    kept = [
        "data:/d",
        "./x:/x",
        f"{home}/.cache/mle-bench/data:/d:ro",
        f"{home}/data:/d",
        {"type": "tmpfs", "target": "/t"},
    ]
    assert told(*kept) is None
    for text in ("", "- 1", "services: 1", "services: {a: 1}", "{"):
        (tmp_path / "compose.yaml").write_text(text)
        refuse_private_volumes("t", [types.SimpleNamespace(config=str(tmp_path / "compose.yaml"))])
    refuse_private_volumes("t", [types.SimpleNamespace(config=str(tmp_path / "none.yaml"))])


def test_forked_programs_of_a_model_get_no_tokens(tmp_path):
    """As lm-eval and lighteval run them."""
    code = (
        "import json, os\nfrom parts.harness.surroundings import allow_programs\n"
        "allow_programs(False, 'local')\nallow_programs(False, 'local')\nif not (child := os.fork()):\n"
        "    print(json.dumps(dict(os.environ)), flush=True)\n    os._exit(0)\n"
        "os.waitpid(child, 0)\nassert os.environ['HF_TOKEN'] == 'secret'\n"
    )
    kept = {"TOKENIZERS_PARALLELISM": "1", "GIT_CONFIG_KEY_0": "a.b"}
    found = json.loads(python(code, tmp_path, HF_TOKEN="secret", AWS_SECRET_ACCESS_KEY="secret", **kept))
    assert "secret" not in found.values() and kept.items() <= found.items()


def test_a_token_of_dotenv_is_the_clients_and_not_the_environments(folder, monkeypatch):
    """Of a run of inspect_eval_uv, whose children are programs of models and of tasks."""
    (folder / ".env").write_text("HF_TOKEN=hf_of_the_folder\n")
    (folder / "q.jsonl").write_text('{"question": "1 + 1", "answer": "2"}\n')
    asked, seen = ["--model", "o/m", "--questions", "q.jsonl"], []
    see = lambda *_: seen.append((get_token(), dict(os.environ))) or 0  # noqa: E731
    monkeypatch.setattr(inspect_eval_uv, "measure_served", see)
    monkeypatch.setattr(inspect_eval_uv, "provider_settings", lambda *_: types.SimpleNamespace(sandbox=None))
    assert inspect_eval_uv.main(asked) == 0
    ((token, environment),) = seen
    assert token == "hf_of_the_folder" and token not in environment.values() and get_token() is None
    monkeypatch.setenv("HF_TOKEN", "hf_of_the_user")
    assert inspect_eval_uv.main(asked) == 0
    assert seen[1][0] == "hf_of_the_user"


CALLS = "import os\n\nclass Call:\n    def __reduce__(self):\n        return os.mkdir, ('ran',)\n"


@pytest.mark.parametrize("harness", ["lighteval", "lm_eval", "other"])
def test_a_pickle_in_a_data_set_is_read_as_plain_values(tmp_path, harness):
    """As lcb of lighteval has one in each row: the text in it comes out, and nothing is called."""
    package = tmp_path / harness / "tasks"
    package.mkdir(parents=True)
    (package / "lcb.py").write_text("import pickle\ndef read(data):\n    return pickle.loads(data)\n")
    code = f"import pickle, {harness}.tasks.lcb as lcb\nprint(lcb.read(pickle.dumps({{'a': ['x', 1.5, None]}})))\n"
    assert python(WALL + code, tmp_path, tmp_path) == "{'a': ['x', 1.5, None]}\n"
    code = f"import {harness}.tasks.lcb as lcb\n{CALLS}import pickle\ntry:\n    lcb.read(pickle.dumps(Call()))\n"
    said = python(f"{WALL}{code}except Exception as error:\n    print(error)\n", tmp_path, tmp_path)
    assert (tmp_path / "ran").exists() == (harness == "other")
    assert ("would run posix.mkdir" in said) == (harness != "other")


PROGRAM = """
from parts.harness import surroundings as s
s.allow_programs({trusted}, {sandbox})
import {asking} as asking
try:
    print(asking.score("{name}"))
except Exception as error:
    print("refused", error)
"""


@pytest.mark.parametrize(
    ("asking", "name", "trusted", "sandbox", "runs"),
    [
        ("lm_eval.metric", "rouge", False, None, False),
        ("lm_eval.metric", "rouge", False, "local", False),
        ("lm_eval.metric", "code_eval", False, None, False),
        ("lm_eval.metric", "code_eval", False, "local", True),
        ("lm_eval.metric", "rouge", True, None, True),
        ("lighteval.metric", "owner/judge", False, None, False),
        ("own_task", "rouge", False, None, True),  # a Python file of the user's
    ],
)
def test_a_metric_of_the_hub_runs_by_its_option_alone(tmp_path, asking, name, trusted, sandbox, runs):
    """With a package laid out as `evaluate` is."""
    for package in ("evaluate", "lm_eval", "lighteval"):
        (tmp_path / package).mkdir()
        (tmp_path / package / "__init__.py").write_text("")
    (tmp_path / "evaluate/__init__.py").write_text("from .loading import load\n")
    (tmp_path / "evaluate/loading.py").write_text(
        "def evaluation_module_factory(path, **more):\n    return f'{path} ran'\n"
        "def load(path, **more):\n    return evaluation_module_factory(path, **more)\n"
    )
    place = tmp_path / f"{asking.replace('.', '/')}.py"
    place.write_text("import evaluate\ndef score(name):\n    return evaluate.load(name)\n")
    code = WALL + PROGRAM.format(asking=asking, name=name, trusted=trusted, sandbox=repr(sandbox))
    said = python(code, tmp_path, tmp_path)
    assert said == f"{name} ran\n" if runs else said.startswith("refused ") and "--trust-remote-code" in said


@pytest.mark.parametrize(
    ("source", "wanted", "found"),
    [
        ("import evaluate\ndef f(x):\n    return evaluate.load('rouge')\ndef g(x): return x\n", "f", {"rouge"}),
        ("import evaluate\ndef f(x):\n    return evaluate.load('rouge')\ndef g(x): return x\n", "g", set()),
        ("import evaluate as e\nM = e.load('bleu')\ndef g(x): return x\n", "g", {"bleu"}),
        ("try:\n    import evaluate\n    M = evaluate.load('bleu')\nexcept ImportError: pass\n", "g", {"bleu"}),
        ("def f(x):\n    from evaluate import load as fetch\n    return fetch(x)\n", "f", {"?"}),
        ("def h(x):\n    import evaluate\n    return evaluate.load('f1')\ndef g(x): return h\n", "g", {"f1"}),
        ("import evaluate\nclass T:\n    def a(self):\n        return evaluate.combine(['f1'])\n", "T", {"?"}),
        ("import nltk\nx = nltk.data.load('evaluate')\ndef load(x): return x\nload('evaluate')\n", None, set()),
        ("import evaluate\ndef f(x):\n    return evaluate.load('rouge')\n", None, {"rouge"}),
    ],
)
def test_what_a_module_loads_is_read_from_its_source(source, wanted, found):
    assert loaded_programs(source, wanted) == found


@pytest.mark.parametrize("name", ["compose.yaml", "docker-compose.yml", "Dockerfile", "compose.override.yml"])
def test_the_current_folder_does_not_build_the_sandbox(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse_own_containers()
    (tmp_path / name).write_text("services: {}")
    with pytest.raises(ScriptError, match="another folder") as caught:
        refuse_own_containers()
    assert caught.value.code == 3
