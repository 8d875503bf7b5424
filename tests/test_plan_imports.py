"""Plans without heavy packages: stand-ins while a harness's modules are imported, the packages when one is used."""

import sys
from pathlib import Path

import lighteval_vllm_uv as script
import pytest

HARNESS = """
import torch
from sklearn.metrics import f1_score
from torch.nn import Module

DEFAULT = torch.device("cpu")

class Model(Module):
    @torch.no_grad()
    def ask(self, tokens: torch.Tensor | None) -> dict[str, torch.Tensor]: ...

def items():
    return ["one", "two"]

def counted(value):
    return 1 if isinstance(value, torch.Tensor) else 2

def scored():
    return f1_score([1], [1]) + int(torch.cuda.is_available())
"""
TORCH = """
class Tensor: ...
class cuda:
    @staticmethod
    def is_available(): return True
def device(name): return name
def no_grad(): return lambda method: method
"""


@pytest.fixture
def harness(tmp_path, monkeypatch):
    """A package that imports torch and scikit-learn, and packages of these names."""
    for name, text in (
        ("a_harness/__init__", ""),
        ("a_harness/tasks", HARNESS),
        ("torch/__init__", TORCH),
        ("torch/nn", "class Module: ..."),
        ("sklearn/__init__", ""),
        ("sklearn/metrics", "def f1_score(a, b): return 41"),
    ):
        path = Path(tmp_path / f"{name}.py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    held = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] in script.NOT_PLANNED}
    yield (
        lambda: (
            sys.modules["a_harness.tasks"] if "a_harness.tasks" in sys.modules else __import__("a_harness.tasks").tasks
        )
    )
    for name in list(sys.modules):
        if name.split(".")[0] in script.NOT_PLANNED | {"a_harness"}:
            del sys.modules[name]
    sys.modules.update(held)


def test_tasks_are_listed_and_counted_without_the_packages_that_score(harness):
    def plan():
        return harness().items(), harness().counted(3)

    assert script.planned([], ["a_harness.tasks"], plan) == (["one", "two"], 2)
    assert not {"torch", "torch.nn", "sklearn", "sklearn.metrics"} & sys.modules.keys()
    assert not any(isinstance(finder, script.StandInFinder) for finder in sys.meta_path)
    import torch

    assert torch.cuda.is_available() is True, "whoever imports it now gets the package itself"


@pytest.mark.parametrize("swallowed", [False, True])
def test_a_plan_that_needs_a_package_is_made_with_it(harness, swallowed):
    def plan():
        try:
            return harness().scored()
        except Exception:
            return "a fault of the data" if swallowed else None

    assert script.planned([], ["a_harness.tasks"], plan) == 42


def test_what_is_there_already_is_used(harness):
    import sklearn

    found = script.planned([], ["a_harness.tasks"], lambda: harness().f1_score)
    assert found([], []) == 41, "a part of a package that was imported before"
    assert sys.modules["sklearn"] is sklearn
    assert "torch" not in sys.modules


def test_where_torch_is_there_nothing_is_left_out(harness):
    import torch

    assert script.planned([], ["a_harness.tasks"], lambda: harness().torch) is torch


def test_what_a_plan_says_no_to_is_said_at_once(harness):
    made = []

    def plan():
        made.append(harness().items())
        raise script.ScriptError("item 2 has no answer")

    with pytest.raises(script.ScriptError, match="item 2"):
        script.planned([], ["a_harness.tasks"], plan)
    assert len(made) == 1
