"""What the tasks of a harness's package ask of other services: said before a run, by their code; and where such a
service gave no answer, the item that it would have judged has no score, whoever hides the error."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from parts.frame import ScriptError, listing, note, single_line
from parts.inputs import input_text
from parts.outgoing import SECRET_VARIABLE, remember_token

# How code names a model that is not the measured one: for inspect's `get_model`, and for a service's own client.
OTHER_MODEL = re.compile(
    r"""["']((?:openai|anthropic|google|grok|mistral|together|groq|openrouter|bedrock|azureai)/[\w./-]*?"""
    r"""(?:gpt|o\d|claude|gemini|gemma|grok|kimi|llama|mistral|deepseek|qwen)[\w.:/-]*)["']""",
    re.IGNORECASE,
)
CLIENT_MODEL = re.compile(r"""[=,]\s*["']((?:gpt-|claude-|gemini-)\d[\w.:-]*)["']""")
KEY_NAMED = re.compile(r"""["']([A-Z][A-Z0-9_]{3,})["']""")
OF_THE_HUB = ("HF_", "HUGGING")  # its token goes to the Hub alone


class Unanswered:
    """Why the item that is scored just now has no score: what was asked, and what became of it."""

    reasons: dict[str, str] = {}  # noqa: RUF012 - one for all


def code_of(files: Iterable[Path]) -> str:
    """The text of a task's files; what cannot be read names nothing."""
    texts = []
    for file in files:
        with contextlib.suppress(ScriptError, OSError, UnicodeDecodeError):
            texts.append(input_text(file))
    return "\n".join(texts)


def models_named(code: str, named: re.Pattern[str] = OTHER_MODEL) -> list[str]:
    """The models of other services that code names."""
    return sorted(set(named.findall(code)))


def keys_named(code: str) -> list[str]:
    """The variables of the environment that code names, are set and hold a key of a service; it stands in no output."""
    names = {name for name in KEY_NAMED.findall(code) if SECRET_VARIABLE.search(name) and os.environ.get(name)}
    found = sorted(name for name in names if not name.startswith(OF_THE_HUB))
    for name in found:
        remember_token(os.environ[name])
    return found


def say_services(task: str, code: str, named: re.Pattern[str] = OTHER_MODEL) -> None:
    """Say which models of other services the code of a package's task names, and which keys it finds here."""
    if models := models_named(code, named):
        note(
            f"warning: the code of {task} names {listing(models)}, as judges or to speak with: where it "
            "asks them (by the keys in your environment), the answers go there, at a cost that is in no estimate"
        )
    if keys := keys_named(code):
        note(
            f"warning: the code of {task} uses {listing(keys)} of your environment: it goes to that service, with what "
            "the task sends there, or into the task's container"
        )


@contextlib.contextmanager
def all_answered() -> Iterator[None]:
    """While an item is scored; ScriptError at the end where something was asked elsewhere and nothing came back."""
    watch_requests()
    Unanswered.reasons.clear()
    yield
    for reason in Unanswered.reasons.values():
        raise ScriptError(reason)


@functools.cache
def watch_requests() -> None:
    """Note each request of the library `requests` that fails, until the same address answers."""
    try:
        import requests
    except ImportError:  # so no task asks by it
        return
    send = requests.Session.send

    @functools.wraps(send)
    def watched(self: Any, request: Any, **more: Any) -> Any:
        server = urllib.parse.urlsplit(request.url).netloc.rpartition("@")[2]  # a key may stand in the rest
        Unanswered.reasons[request.url] = f"{single_line(server)[:100]} gave no answer"
        answer = send(self, request, **more)
        Unanswered.reasons[request.url] += f": {answer.status_code}"
        if answer.ok:
            del Unanswered.reasons[request.url]
        return answer

    requests.Session.send = watched
