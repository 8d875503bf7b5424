"""What may not leave the machine: tokens and absolute paths are taken out of texts, commands and errors."""

from __future__ import annotations

import argparse
import os
import re
import shlex
from collections.abc import Callable
from pathlib import Path

from parts.frame import ScriptError, argument_word, path_word
from parts.names import local_id

SECRET = re.compile(r"\b(hf|api_org)_(?!dataset\b)[A-Za-z0-9]{6,}")  # "hf_dataset" is a word of records
LOGIN = re.compile(r"(?<=://)[^\s/@]+@")  # of a web address: user:password@

# /srv/my run/x.json, ~/run/x.json, file:///run/x.json, C:\run\x.json; no part of a web address.
MACHINE_PATH = re.compile(
    r"(?:\bfile:/+|(?<![\w.:/~]))(?:[A-Za-z]:|~)?(?:[/\\][\w.@+~ -]*[\w.@+~-]|(?<=/)[\w.@+~ -]+)+[/\\]([\w.@+~-]+)"
)

# What torch and vLLM say when a model, its cache or a batch does not fit.
OUT_OF_MEMORY = (
    "out of memory",
    "No available memory for the cache blocks",
    "KV cache is needed, which is larger than the available",
    "is less than desired GPU memory utilization",
    "can't allocate memory",
)


def scrub(text: str) -> str:
    """A text without tokens and without the folders of this machine."""
    return scrubber()(text)


def scrubber() -> Callable[[str], str]:
    """`scrub` for many texts: the tokens and folders of this moment are looked up once."""
    names = ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "OPENAI_API_KEY")
    secrets = [secret for name in names if name in os.environ and (secret := os.environ[name])]
    here, home = f"{os.getcwd()}{os.sep}", os.path.expanduser("~")

    def clean(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, "***")
        if "hf_" in text or "api_org_" in text:
            text = SECRET.sub(r"\1_***", text)
        if "://" in text:
            text = LOGIN.sub("***@", text)
        return text.replace(here, "").replace(home, "~")

    return clean


def without_paths(text: str, *known: Path) -> str:
    """A text without secrets and without the folders of a machine: their last part is left.

    known: paths that the text may have, relative ones too.
    """
    for path in known:
        text = text.replace(str(path.absolute()), path.name).replace(str(path), path.name)
    text = scrub(text)
    return MACHINE_PATH.sub(r"\1", text) if "/" in text or "\\" in text else text


def shown_path(path: Path) -> str:
    """A path relative to the current directory when below it, else `<run>/<folder>`; never absolute."""
    path = Path(os.path.abspath(path))
    cwd = Path.cwd()
    return path.relative_to(cwd).as_posix() if path.is_relative_to(cwd) and path != cwd else local_id(path)


def said_by(error: BaseException) -> str:
    """One line for what went wrong."""
    kind, text = type(error).__name__, scrub(" ".join(str(error).split()))[:400]
    return (text if isinstance(error, ScriptError) else f"{kind}: {text}") if text else kind


def explain(error: BaseException) -> str:
    """One line for what went wrong, with what to try."""
    kind, text = type(error).__name__, scrub(" ".join(str(error).split()))[:400]
    if isinstance(error, MemoryError) or kind == "OutOfMemoryError" or any(said in text for said in OUT_OF_MEMORY):
        return (
            "out of memory: run again (finished tasks are kept) with a smaller --batch-size or --max-model-len, "
            f"another --gpu-memory-utilization, or on larger hardware: {text[:160]}"
        )
    if "trust_remote_code" in text:
        return f"the model brings its own code: read it, then add --trust-remote-code ({text[:120]})"
    if "not supported for now" in text or "no vLLM implementation" in text:
        return f"vLLM does not know this architecture: use the other --backend ({text[:160]})"
    if kind == "GatedRepoError":
        return f"gated: accept the terms on its page on the Hub and set HF_TOKEN ({text[:160]})"
    return said_by(error)


def command_line(args: argparse.Namespace, script: str) -> str:
    """The command that asks for the same again, without tokens and the machine's own folders."""
    words = ["uv", "run", f"scripts/{script}"]
    defaults = vars(args.parser.parse_args([]))
    for name, value in vars(args).items():
        if name in ("run", "json", "dry_run", "list_tasks") or value == defaults[name]:
            continue
        words.append("--" + name.replace("_", "-"))
        values = value if isinstance(value, list) else [] if value is True else [value]
        words += [shown_argument(str(item)) for item in values]
    return scrub(shlex.join(words))


def shown_argument(text: str) -> str:
    """An argument as it may be published: an absolute path, also of `file.py@task`, without the machine's folders."""
    place, mark, task = text.partition("@")
    return f"{path_word(shown_path(Path(place)))}{mark}{task}" if Path(place).is_absolute() else argument_word(text)


def shown_name(name: str) -> str:
    """A folder's name without the machine's, or a Hub id."""
    return shown_path(Path(name)) if Path(name).is_dir() else name
