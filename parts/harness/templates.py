"""A chat template is a program of whoever made the model: tried once in a child with limits before it is used.

transformers runs templates in Jinja's sandbox, which keeps them from files and attributes but not from loops without an
end or texts of gigabytes; in an evaluation that would hang the run on a paid machine.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from parts.checkpoints import chat_templates
from parts.frame import ScriptError

TEMPLATE_SECONDS = 20  # for one short conversation; an ordinary template needs a thousandth of one
TEMPLATE_MEMORY = 2 * 1024**3
TOO_LONG, TOO_LARGE = 3, 4
# The environment as transformers makes it. What else is wrong with a template is the run's own message to give.
TEMPLATE_TRIAL = """
import resource, signal, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
signal.signal(signal.SIGXCPU, lambda *_: sys.exit({late}))
import datetime
from jinja2.sandbox import ImmutableSandboxedEnvironment
template = sys.stdin.read()
def refuse(message):
    raise ValueError(message)
try:
    world = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    world.globals.update(raise_exception=refuse, strftime_now=lambda form: datetime.datetime.now().strftime(form))
    messages = [{{"role": "user", "content": "Hello"}}]
    size = sum(map(len, world.from_string(template).generate(messages=messages, add_generation_prompt=True,
                                                            bos_token="<s>", eos_token="</s>", tools=None)))
    sys.exit({large} if size > 1_000_000 else 0)
except MemoryError:
    sys.exit({large})
except Exception:
    sys.exit(0)
"""


def try_chat_templates(name: str, folder: Path) -> None:
    """Run each of a folder's chat templates on one short message; ScriptError for one that does not come to an end."""
    code = TEMPLATE_TRIAL.format(memory=TEMPLATE_MEMORY, seconds=TEMPLATE_SECONDS, late=TOO_LONG, large=TOO_LARGE)
    for template in chat_templates(folder):
        command = [sys.executable, "-I", "-c", code]
        try:
            done = subprocess.run(
                command, input=template, text=True, capture_output=True, timeout=2 * TEMPLATE_SECONDS, check=False
            ).returncode
        except subprocess.TimeoutExpired:
            done = TOO_LONG
        if done in (TOO_LONG, TOO_LARGE):
            told = f"ran for more than {TEMPLATE_SECONDS} s" if done == TOO_LONG else "makes gigabytes of text"
            raise ScriptError(f"{name}: its chat template {told} for one short message; it is not used")
