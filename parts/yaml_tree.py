"""YAML of others: its values, loaded safely and with limits, and where each of them stands in the text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from parts.frame import ScriptError

MAX_YAML = 5_000_000  # characters of a document
MAX_NODES = 1_000_000  # values in it after its aliases are expanded
MAX_DEPTH = 100
NUMBER_TAGS = {"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"}
# A number for YAML 1.1, which PyYAML reads, and a text or another number for 1.2: 1:30 (to base 60), 1_000, 010, 0b1.
OLD_NUMBER = re.compile(r"[-+]?(?:.*[:_].*|0[0-7]+|0b.*)")


@dataclass(slots=True)
class YamlNode:
    """A value in a YAML text: what it is, where its characters are, and what it holds."""

    kind: str  # "mapping", "sequence", "scalar" or "alias"
    start: int
    line: int  # from 1
    column: int
    flow: bool = True  # written in one piece: {...}, [...], a scalar, an alias
    marked: bool = False  # a mapping or sequence that starts with an anchor or a tag
    end: int = 0  # behind its last character; of a block mapping or sequence, behind its last value
    items: list[YamlNode] = field(default_factory=list)  # of a mapping: key, value, key, value, ...
    text: str = ""
    key: str | None = None  # the text of a scalar, or of the scalar that an alias stands for
    size: int = 1  # values in it, aliases expanded

    def get(self, name: str) -> YamlNode | None:
        """The value under a key of a mapping; the node of the key stands before it in `items`."""
        pairs = zip(self.items[::2], self.items[1::2], strict=False) if self.kind == "mapping" else ()
        return next((value for key, value in pairs if key.kind == "scalar" and key.text == name), None)


def load_yaml(text: str, name: str, first_line: int = 1) -> tuple[Any, YamlNode | None]:
    """The values in a YAML text, and where they stand; ScriptError with line and reason.

    Loaded safely: a tag such as !!python is an error, and aliases that would expand to more than MAX_NODES are refused
    before anything is expanded. What is a number in YAML 1.1 alone is a text.
    """
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        def construct_object(self, node: Any, deep: bool = False) -> Any:
            if node.tag in NUMBER_TAGS and isinstance(node.value, str) and OLD_NUMBER.fullmatch(node.value):
                return node.value
            try:
                return super().construct_object(node, deep)
            except (ValueError, TypeError, OverflowError) as error:  # an impossible date: say where
                raise yaml.constructor.ConstructorError(None, None, str(error)[:200], node.start_mark) from error

    if len(text) > MAX_YAML:
        raise ScriptError(f"{name}: {len(text):,} characters of YAML are more than the {MAX_YAML:,} that are read")
    try:
        root = place_nodes(yaml.parse(text, Loader=Loader), name, first_line)
        return yaml.load(text, Loader=Loader), root
    except yaml.MarkedYAMLError as error:
        mark, start = error.problem_mark or error.context_mark, error.context_mark
        line = f", line {mark.line + first_line}" if mark else ""
        since = f" {error.context} that began in line {start.line + first_line}" if start and start != mark else ""
        raise ScriptError(f"{name}{line}: not valid YAML: {error.problem or error.context}{since}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + first_line
        raise ScriptError(f"{name}, line {line}: not valid YAML: a control character, {error.character!r}") from error
    except RecursionError as error:
        raise ScriptError(f"{name}: not valid YAML: nested too deeply") from error


def place_nodes(events: Iterator[Any], name: str, first_line: int) -> YamlNode | None:
    """The tree of YAML events, without recursion; ScriptError for repeated keys and aliases without measure."""
    top = YamlNode("sequence", 0, 0, 0)
    stack, anchors, texts, kinds = [top], {}, {}, {"MappingStartEvent": "mapping", "SequenceStartEvent": "sequence"}
    for event in events:
        kind = type(event).__name__
        if kind in kinds or kind in ("ScalarEvent", "AliasEvent"):
            mark = event.start_mark
            node = YamlNode(kinds.get(kind, "scalar"), mark.index, mark.line + first_line, mark.column)
            node.end = event.end_mark.index
            if kind == "AliasEvent":
                node.kind, node.size = "alias", anchors.get(event.anchor, MAX_NODES)  # inside itself: without end
                node.key = texts.get(event.anchor)
            elif event.anchor:
                anchors[event.anchor] = MAX_NODES if kind in kinds else 1
                texts[event.anchor] = event.value if kind == "ScalarEvent" else None
            stack[-1].items.append(node)
            if kind in kinds:
                node.flow, node.text = bool(event.flow_style), event.anchor or ""
                node.marked = bool(event.anchor or event.tag)
                stack.append(node)
                if len(stack) > MAX_DEPTH:
                    raise ScriptError(f"{name}, line {node.line}: nested more than {MAX_DEPTH} deep")
                continue
            node.text = event.value if kind == "ScalarEvent" else ""
            node.key = event.value if kind == "ScalarEvent" else node.key
        elif kind in ("MappingEndEvent", "SequenceEndEvent"):
            node = stack.pop()
            if node.flow or not node.items:
                node.end = event.end_mark.index
            if node.text:
                anchors[node.text] = node.size
            if node.kind == "mapping":
                refuse_repeated_keys(node, name)
        else:
            continue
        stack[-1].size += node.size
        stack[-1].end = max(stack[-1].end, node.end)
        if stack[-1].size > MAX_NODES:
            raise ScriptError(f"{name}, line {node.line}: aliases expand to more than {MAX_NODES:,} values")
    return top.items[0] if top.items else None


def refuse_repeated_keys(node: YamlNode, name: str) -> None:
    """PyYAML takes the last of two equal keys, the Hub refuses the file: so is it here."""
    seen: set[str] = set()
    for key in node.items[::2]:
        if key.key in seen and key.key != "<<":
            raise ScriptError(f"{name}, line {key.line}: the key {key.key!r} occurs twice")
        seen.add(str(key.start) if key.key is None else key.key)
