"""Chat templates of strangers are tried in a child with limits before a run uses them."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parts.frame import ScriptError  # noqa: E402
from parts.harness import templates  # noqa: E402
from parts.harness.templates import try_chat_templates  # noqa: E402

HAS_JINJA = importlib.util.find_spec("jinja2") is not None
pytestmark = pytest.mark.skipif(not HAS_JINJA, reason="jinja2 is not here")
PLAIN = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
LONG = "{% set n = namespace(t='a' * 1000000) %}{% for a in range(60) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t }}"
TALK = "{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}"


def tokenizer(folder: Path, form: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    config = {"tokenizer_class": "PreTrainedTokenizerFast"}
    if form == "file":
        (folder / "chat_template.jinja").write_text(text)
    elif form == "list":
        config["chat_template"] = [{"name": "default", "template": PLAIN}, {"name": "tool_use", "template": text}]
    else:
        config["chat_template"] = text
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("form", ["file", "key", "list"])
@pytest.mark.parametrize("text", [PLAIN, "{{ raise_exception('system role is not known') }}", "{% broken", "{{ 1/0 }}"])
def test_templates_that_come_to_an_end_are_left_to_the_run(tmp_path, form, text):
    try_chat_templates("acme/m", tokenizer(tmp_path, form, text))


@pytest.mark.parametrize("form", ["file", "key", "list"])
@pytest.mark.parametrize("text", [LOOP, LONG, TALK])
def test_bombs_are_refused(tmp_path, monkeypatch, form, text):
    monkeypatch.setattr(templates, "TEMPLATE_SECONDS", 2)
    with pytest.raises(ScriptError, match=r"acme/m: its chat template (ran for more than 2 s|makes gigabytes)"):
        try_chat_templates("acme/m", tokenizer(tmp_path, form, text))


def test_a_template_of_many_megabytes_is_not_read(tmp_path):
    (tmp_path / "chat_template.jinja").write_bytes(b"a" * 2_000_000)
    with pytest.raises(ScriptError, match=r"chat_template\.jinja"):
        try_chat_templates("acme/m", tmp_path)
