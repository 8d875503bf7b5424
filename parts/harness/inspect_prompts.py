"""Messages as the text that a model without chat template is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from parts.harness.inspect_log import content_text
from parts.harness.templates import limited_rendering

# What is sent when no chat template is used: the text as it is; several messages are set apart by an empty line, as
# lighteval does it. The tokenizer adds what it always adds to a text (a beginning of text, where it has one).
PLAIN_TEMPLATE = "{{ messages | map(attribute='content') | join('\\n\\n') }}"


def joined_messages(messages: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Messages as text, those of the user that follow each other as one, as inspect sends them."""
    rows: list[dict[str, str]] = []
    for message in messages:
        role, text = str(message.get("role")), content_text(message.get("content"))
        if rows and role == rows[-1]["role"] == "user":
            rows[-1]["content"] += f"\n{text}"
        else:
            rows.append({"role": role, "content": text})
    return rows


def plain_prompt(messages: Sequence[Mapping[str, Any]]) -> str:
    """What PLAIN_TEMPLATE makes of messages."""
    return "\n\n".join(message["content"] for message in joined_messages(messages))


def cut_at_stop(text: str, stops: Sequence[str]) -> tuple[str, bool]:
    """A text up to the first stop sequence in it, and whether there is one."""
    places = [text.index(stop) for stop in stops if stop in text]
    return (text[: min(places)], True) if places else (text, False)


def too_long(prompt: int, context: int) -> str:
    return f"the prompt has {prompt} tokens and does not fit the model's context of {context}"


def rendered_prompt(tokenizer: Any, messages: Sequence[Mapping[str, Any]]) -> str:
    """The text that a tokenizer's chat template makes of messages."""
    with limited_rendering():
        return tokenizer.apply_chat_template(joined_messages(messages), tokenize=False, add_generation_prompt=True)
