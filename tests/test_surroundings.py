"""The current folder may be a stranger's: its git settings are not run, its `.env` gives a token and nothing else."""

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from huggingface_hub import constants

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from parts.frame import ScriptError  # noqa: E402
from parts.harness.inspect_tasks import refuse_own_containers  # noqa: E402
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
def test_a_token_of_dotenv_is_said(folder, capsys, login):
    if login:
        (folder / "login").write_text("hf_of_the_login")
    (folder / ".env").write_text("HF_TOKEN=hf_of_the_folder\n")
    for _ in range(2):
        assert tokens.find_token(None) == tokens.hub_token() == tokens.job_token() == "hf_of_the_folder"
    said = capsys.readouterr().err
    assert said.count("the token is that of .env in this folder") == 1
    assert ("not that of your login" in said) == login


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


@pytest.mark.parametrize("name", ["compose.yaml", "docker-compose.yml", "Dockerfile", "compose.override.yml"])
def test_the_current_folder_does_not_build_the_sandbox(tmp_path, name, monkeypatch):
    monkeypatch.chdir(tmp_path)
    refuse_own_containers()
    (tmp_path / name).write_text("services: {}")
    with pytest.raises(ScriptError, match="another folder") as caught:
        refuse_own_containers()
    assert caught.value.code == 3
