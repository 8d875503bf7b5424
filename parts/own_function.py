"""The one function of a user's own Python file, which is executed.

Takes the file that an option names; gives its function. What it prints goes to stderr, what it raises is a ScriptError.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from typing import Any

from parts.frame import ScriptError, single_line
from parts.inputs import input_text


def read_own_function(option: str, path: str) -> tuple[Callable[..., Any], dict[str, Any], str]:
    """(the one public function of a Python file, all of its names, its text); every error names the option.

    The file is the user's own, named on the command line.
    """
    namespace: dict[str, Any] = {"__name__": option.strip("-").replace("-", "_"), "__file__": path}

    def guarded(call: Callable[..., Any], *given: Any) -> Any:
        try:
            with contextlib.redirect_stdout(sys.stderr):
                return call(*given)
        except ScriptError as error:
            raise ScriptError(f"{option} {error}") from error
        except (Exception, SystemExit) as error:
            raise ScriptError(f"{option} {path}: {type(error).__name__}: {single_line(error)}") from error

    text = guarded(input_text, path)
    guarded(lambda: exec(compile(text, path, "exec"), namespace))
    functions = [
        value
        for name, value in namespace.items()
        if not name.startswith("_") and callable(value) and getattr(value, "__module__", None) == namespace["__name__"]
    ]
    if len(functions) != 1:
        raise ScriptError(f"{option} {path}: one public function is expected, there are {len(functions)}")
    return functools.partial(guarded, functions[0]), namespace, text
