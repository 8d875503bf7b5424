"""A plan of a harness that imports torch and much else to define its tasks, without importing them.

While a harness's own modules are imported, what only scores or answers is replaced by stand-ins: names that can be
passed about, and that end the plan as soon as anything is done with them; it is made again with the real packages then.
"""

from __future__ import annotations

import importlib
import importlib.abc
import importlib.machinery
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

# What the modules of lighteval and lm-eval import and no list of tasks or items needs.
NOT_PLANNED = {
    "inspect_ai", "langcodes", "latex2sympy2_extended", "nltk", "openai", "pytablewriter", "requests", "rouge_score",
    "sacrebleu", "scipy", "sklearn", "sympy", "torch", "transformers",
}  # fmt: skip


class StandInUsed(BaseException):
    """Something was asked of a stand-in; no `except Exception` of a harness may take it for a fault of the data."""


class StandIn(type):
    """The class of stand-ins: their attributes are stand-ins, and calls too until the imports are done."""

    importing = False

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return cls() if StandIn.importing else cls.used()

    def __call__(cls, *args: Any, **more: Any) -> Any:
        return StandIn(cls.__name__, (), {}) if StandIn.importing else cls.used()

    def used(cls) -> Any:
        raise StandInUsed(cls.__name__)

    def __or__(cls, other: Any) -> Any:  # in an annotation
        return cls

    __ror__ = __getitem__ = __or__

    def __bool__(cls) -> bool:
        return cls.used()

    __iter__ = __len__ = __bool__


class StandInModule(types.ModuleType):
    """A module of stand-ins."""

    __path__: Sequence[str] = ()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return StandIn(name, (), {})


class StandInFinder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Gives stand-ins for the packages that are not imported yet; parts of the others come from where they are."""

    def __init__(self) -> None:
        self.packages = NOT_PLANNED - sys.modules.keys()

    def find_spec(self, name: str, *_: Any) -> Any:
        known = name.split(".")[0] in self.packages
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if known else None

    def create_module(self, spec: Any) -> Any:
        return StandInModule(spec.name)

    def exec_module(self, module: Any) -> None:
        """Nothing: it has what is asked of it."""


@contextmanager
def stand_ins() -> Iterator[None]:
    """While open, imports of the packages in NOT_PLANNED give stand-ins; afterwards nobody else gets them."""
    finder = StandInFinder()
    sys.meta_path.insert(0, finder)
    StandIn.importing = True
    try:
        yield
    finally:
        StandIn.importing = False
        sys.meta_path.remove(finder)
        for name in [name for name, module in sys.modules.items() if isinstance(module, StandInModule)]:
            del sys.modules[name]


def planned(whole: Sequence[str], modules: Sequence[str], plan: Callable[[], Any]) -> Any:
    """What `plan` gives after some modules of a harness are imported with stand-ins, or as they are when that fails.

    `whole`: packages that are imported before, with all that is theirs.
    """
    for package in whole:
        importlib.import_module(package)
    before = set(sys.modules)
    if "torch" not in before:
        try:
            with stand_ins():
                for module in modules:
                    importlib.import_module(module)
            return plan()
        except (StandInUsed, ImportError, TypeError, AttributeError):
            packages = {module.partition(".")[0] for module in modules}
            for name in set(sys.modules) - before:
                kept = vars(sys.modules[name]).values()
                if name.partition(".")[0] in packages or any(isinstance(v, StandIn | StandInModule) for v in kept):
                    del sys.modules[name]
    return plan()
