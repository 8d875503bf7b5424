"""The current folder may be a stranger's: what harnesses take from it by themselves (git, `.env`) is not taken."""

from __future__ import annotations

import importlib
import os

# Each of these would let a repository's own settings or hooks name a program that git then runs.
GIT_SETTINGS = {"core.fsmonitor": "false", "core.hooksPath": os.devnull, "safe.bareRepository": "explicit"}
# Functions of inspect-ai that run git in the current folder and load the `.env` of it or of a folder above.
READ_BY_INSPECT = (("inspect_ai._util.git", "git_context"), ("inspect_ai._util.dotenv", "init_dotenv"))


def wall_off_folder() -> None:
    """Tell git and python-dotenv, here and in children, to take nothing that runs; before a harness is imported."""
    os.environ |= {"PYTHON_DOTENV_DISABLED": "1", "GIT_NO_LAZY_FETCH": "1"}
    count = os.environ.get("GIT_CONFIG_COUNT", "")
    first = int(count) if count.isdecimal() else 0
    for place, (name, value) in enumerate(GIT_SETTINGS.items(), first):
        os.environ |= {f"GIT_CONFIG_KEY_{place}": name, f"GIT_CONFIG_VALUE_{place}": value}
    os.environ["GIT_CONFIG_COUNT"] = str(first + len(GIT_SETTINGS))


def keep_inspect_out_of_folder() -> None:
    """Empty the functions of inspect-ai that read the current folder; where they are not as known, git finds nothing.

    The wall alone would not do: a repository's attributes may name a filter, and a `.env` the folder of logs.
    """
    for module, name in READ_BY_INSPECT:
        try:
            # The function itself is emptied, since other modules have imported it by name.
            getattr(importlib.import_module(module), name).__code__ = (lambda *_, **__: None).__code__
        except (ImportError, AttributeError, ValueError):
            os.environ["GIT_DIR"] = os.devnull
