"""A chat template is a program of whoever made the model: tried in a child with limits before it is used.

transformers runs templates in Jinja's sandbox, which keeps them from files and attributes but not from loops without an
end or texts of gigabytes; in an evaluation that would hang the run on a paid machine.

What a trial cannot catch: a template that behaves on every conversation of the trial and not on one of the run (it may
look for a word of the task, a date, a length). Rendering within the run therefore has its own limit of time where the
scripts render themselves, `limited_rendering`; what a harness or a server renders by its own code has none, and the
run's own limit (a job's --timeout) is the last.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from parts.checkpoints import chat_templates
from parts.foreign import mapping_of
from parts.frame import ScriptError, single_line
from parts.inputs import read_json, time_limit

TEMPLATE_SECONDS = 20  # for all conversations of a trial, and for one of a run; an ordinary one needs a thousandth
TEMPLATE_MEMORY = 2 * 1024**3
TOO_LONG, TOO_LARGE = 3, 4
# The end is without Python's own, in which signals have no handler any more.
TEMPLATE_TRIAL = """
import json, os, resource, signal, sys
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds} + 5))  # hard above soft: else no signal comes first
signal.signal(signal.SIGXCPU, lambda *_: os._exit({late}))
import datetime
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.ext import Extension
template, conversations = json.load(sys.stdin)
class Generation(Extension):  # transformers' mark of what a model wrote
    tags = {{"generation"}}
    def parse(self, parser):
        next(parser.stream)
        return parser.parse_statements(["name:endgeneration"], drop_needle=True)
def refuse(message):
    raise ValueError(message)
def as_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
def rendered(given):
    extensions = [Generation, "jinja2.ext.loopcontrols"]
    world = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    world.filters["tojson"] = as_json
    world.globals.update(raise_exception=refuse, strftime_now=lambda form: datetime.datetime.now().strftime(form))
    size = 0
    for piece in world.from_string(template).generate(**given):
        size += len(piece)
        if size > 1_000_000:
            os._exit({large})
for given in conversations:
    try:
        rendered(given)
    except MemoryError:
        os._exit({large})
    except Exception:  # what else is wrong with a template is the run's own message to give
        pass
sys.exit(0)
"""
SPECIAL_TOKENS = ("bos", "eos", "pad", "unk", "sep", "cls", "mask")


def own_tokens(folder: Path) -> dict[str, str]:
    """The special tokens that a checkpoint's tokenizer names, as its template gets them in a run."""
    file = folder / "tokenizer_config.json"
    config = read_json(file) if file.is_file() else None
    said = {
        name: value.get("content") if isinstance(value, dict) else value for name, value in mapping_of(config).items()
    }
    return {name: value for name, value in said.items() if name.endswith("_token") and isinstance(value, str)}


def trial_conversations(own: Mapping[str, str]) -> list[dict[str, object]]:
    """What a template gets in a trial: the shapes that a run may give, each with special tokens (`own`, and others) and
    without any.
    """
    text = f"What is {secrets.randbelow(900)} + {secrets.randbelow(900)}? {secrets.token_hex(20)}\n\nA. Ä 东\nAnswer:"
    user, answer = {"role": "user", "content": text}, {"role": "assistant", "content": secrets.token_hex(8)}
    system, short = {"role": "system", "content": "Answer briefly."}, {"role": "user", "content": "Hello"}
    parts = {"role": "user", "content": [{"type": "text", "text": text}]}
    lists = [[short], [user], [system, user], [user, answer, user], [system, short, answer, user], [user, answer]]
    lists += [[parts], [system, *[user, answer] * 8, user]]
    words = {
        "type": "object",
        "properties": {"word": {"type": "string", "description": "a word"}},
        "required": ["word"],
    }
    tool = {"type": "function", "function": {"name": "look_up", "description": "Look up.", "parameters": words}}
    tokens = {f"{name}_token": f"<{name}>" for name in SPECIAL_TOKENS}
    return [
        {"messages": messages, "tools": tools, "documents": None, "add_generation_prompt": asked, **special}
        for messages in lists
        for tools in (None, [tool])
        for special in (tokens, {}, *([tokens | own] if own else []))
        for asked in (messages[-1] is not answer,)
    ]


def try_chat_templates(name: str, folder: Path) -> None:
    """Run each of a folder's chat templates on some conversations; ScriptError for one that does not come to an end."""
    code = TEMPLATE_TRIAL.format(memory=TEMPLATE_MEMORY, seconds=TEMPLATE_SECONDS, late=TOO_LONG, large=TOO_LARGE)
    command = [sys.executable, "-I", "-c", code]
    for template in chat_templates(folder):
        given, said = json.dumps([template, trial_conversations(own_tokens(folder))]), ""
        try:
            ended = subprocess.run(
                command, input=given, text=True, capture_output=True, timeout=2 * TEMPLATE_SECONDS, check=False
            )
            done, said = ended.returncode, single_line(ended.stderr.strip().rpartition("\n")[2])[:200]
        except subprocess.TimeoutExpired:
            done = TOO_LONG
        if done:  # whatever it is: killed by the kernel or out of memory is no success
            told = {TOO_LONG: f"ran for more than {TEMPLATE_SECONDS} s", TOO_LARGE: "makes gigabytes of text"}
            other = f"failed (it ended with {done}{': ' + said if said else ''})"
            raise ScriptError(
                f"{name}: its chat template {told.get(done, other)} for some short messages; it is not used"
            )


def limited_rendering() -> contextlib.AbstractContextManager[None]:
    """ScriptError when a chat template takes longer than one may within the run."""
    return time_limit(TEMPLATE_SECONDS, "the model's chat template")
