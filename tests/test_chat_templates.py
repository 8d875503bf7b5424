"""Chat templates of strangers are tried in a child with limits before a run uses them."""

import importlib.util
import json
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from parts.checkpoints import chat_templates, has_chat_template  # noqa: E402
from parts.frame import ScriptError  # noqa: E402
from parts.harness import templates  # noqa: E402
from parts.harness.templates import try_chat_templates  # noqa: E402

HAS_JINJA = importlib.util.find_spec("jinja2") is not None
pytestmark = pytest.mark.skipif(not HAS_JINJA, reason="jinja2 is not here")
PLAIN = "{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}{% endfor %}"
LOOP = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
LONG = "{% set n = namespace(t='a' * 1000000) %}{% for a in range(60) %}{% set n.t = n.t + n.t %}{% endfor %}{{ n.t }}"
TALK = "{% for a in range(99999) %}{{ 'x' * 1000 }}{% endfor %}"

FORMS = ["file", "key", "list", "mapping", "folder", "legacy"]


def tokenizer(folder: Path, form: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|mine|>",
        "eos_token": {"content": "<|end|>"},
    }
    if form == "file":
        (folder / "chat_template.jinja").write_text(text)
    elif form == "folder":
        (folder / "additional_chat_templates").mkdir(exist_ok=True)
        (folder / "additional_chat_templates" / "default.jinja").write_text(text)
    elif form == "mapping":
        config["chat_template"] = {"default": PLAIN, "tool_use": text}
    elif form == "legacy":
        (folder / "chat_template.json").write_text(json.dumps({"chat_template": text}))
    elif form == "list":
        config["chat_template"] = [{"name": "default", "template": PLAIN}, {"name": "tool_use", "template": text}]
    else:
        config["chat_template"] = text
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", [PLAIN, "{{ raise_exception('system role is not known') }}", "{% broken", "{{ 1/0 }}"])
def test_templates_that_come_to_an_end_are_left_to_the_run(tmp_path, form, text):
    try_chat_templates("acme/m", tokenizer(tmp_path, form, text))


@pytest.mark.parametrize("form", FORMS)
def test_a_template_is_seen_in_every_form(tmp_path, form):
    folder = tokenizer(tmp_path, form, LOOP)
    assert LOOP in chat_templates(folder)
    assert has_chat_template(folder)
    (tmp_path / "none").mkdir()
    assert not has_chat_template(tmp_path / "none")


@pytest.mark.parametrize(
    "when",
    [
        "messages[0]['content'] != 'Hello'",
        "messages[0]['role'] == 'system'",
        "messages|length == 3",
        "messages[-1]['role'] == 'assistant'",
        "messages[0]['content'] is not string",
        "pad_token is defined and pad_token",
        "bos_token is not defined",
        "bos_token == '<|mine|>'",
        "eos_token == '<|end|>' and pad_token",
        "tools",
        "not add_generation_prompt",
        "messages|tojson(ensure_ascii=false)|length > 200",
    ],
)
def test_a_loop_behind_a_condition_is_found(tmp_path, monkeypatch, when):
    monkeypatch.setattr(templates, "TEMPLATE_SECONDS", 1)
    text = f"{{% if {when} %}}{LOOP}{{% endif %}}"
    with pytest.raises(ScriptError, match="ran for more than 1 s"):
        try_chat_templates("acme/m", tokenizer(tmp_path, "file", text))


def test_a_loop_inside_transformers_own_tag_is_found(tmp_path, monkeypatch):
    monkeypatch.setattr(templates, "TEMPLATE_SECONDS", 1)
    with pytest.raises(ScriptError, match="ran for more than 1 s"):
        try_chat_templates("acme/m", tokenizer(tmp_path, "key", "{% generation %}" + LOOP + "{% endgeneration %}"))


@pytest.mark.parametrize("ending", ["os.kill(os.getpid(), 9)", "sys.exit(1)", "os.abort()"])
def test_whatever_is_no_success_refuses(tmp_path, monkeypatch, ending):
    trial = templates.TEMPLATE_TRIAL + "\n"
    monkeypatch.setattr(
        templates, "TEMPLATE_TRIAL", trial.replace("for given in", f"import os; {ending}\nfor given in")
    )
    with pytest.raises(ScriptError, match=r"acme/m: its chat template failed \(it ended with"):
        try_chat_templates("acme/m", tokenizer(tmp_path, "file", PLAIN))


def test_rendering_in_the_run_has_a_limit(tmp_path, monkeypatch):
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    monkeypatch.setattr(templates, "TEMPLATE_SECONDS", 1)
    template = ImmutableSandboxedEnvironment().from_string("{% if 'blue whale' in text %}" + LOOP + "{% endif %}ok")
    with templates.limited_rendering():
        assert template.render(text="Hello") == "ok"
    with (
        pytest.raises(ScriptError, match="the model's chat template: not done after 1 s"),
        templates.limited_rendering(),
    ):
        template.render(text="a blue whale")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("text", [LOOP, LONG, TALK])
def test_bombs_are_refused(tmp_path, monkeypatch, form, text):
    monkeypatch.setattr(templates, "TEMPLATE_SECONDS", 1)
    with pytest.raises(ScriptError, match=r"acme/m: its chat template (ran for more than 1 s|makes gigabytes)"):
        try_chat_templates("acme/m", tokenizer(tmp_path, form, text))


def test_a_template_of_many_megabytes_is_not_read(tmp_path):
    (tmp_path / "chat_template.jinja").write_bytes(b"a" * 2_000_000)
    with pytest.raises(ScriptError, match=r"chat_template\.jinja"):
        try_chat_templates("acme/m", tmp_path)
