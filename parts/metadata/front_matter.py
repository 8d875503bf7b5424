"""A card's YAML front matter, read with limits, and where each thing stands in it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Any

from parts.frame import ScriptError, note
from parts.inputs import check_card_size
from parts.yaml_tree import MAX_YAML, YamlNode, load_yaml

MAX_CARD = 20_000_000  # characters of a card; the Hub shows at most a few MB

# The block that the Hub's client takes for metadata; here also an empty one, and one behind a byte order mark.
FRONT_MATTER = re.compile(
    r"\A(?P<open>\ufeff?\s*---[ \t]*(?:\r\n|\r|\n))(?P<yaml>.*?)(?P<close>^---[ \t]*(?:\r\n|\r|\n|\Z))", re.S | re.M
)
FRONT_WITHOUT_END = re.compile(r"\ufeff?\s*---[ \t]*\r?\n\s*[\w-]+:(?:\s|$)")
EVAL_RESULTS = ".eval_results/"
EVAL_FILE = re.compile(r"\.eval_results/[^/]+\.ya?ml")  # the Hub reads none in folders below
# Texts that YAML 1.2 takes for numbers and PyYAML, which reads 1.1, does not: 1e3, 0o17.
NUMBER_OF_12 = re.compile(
    r"[-+]?(?:0o[0-7_]+|0x[0-9a-fA-F_]+|0b[01_]+|(?:\.\d[\d_]*|\d[\d_]*(?:\.[\d_]*)?)(?:[eE][-+]?\d+)?)"
)
BREAK_OF_11 = re.compile("[\x85\u2028\u2029]")  # ends of lines in YAML 1.1 alone
NO_TOOLS = re.compile(r"(?i)(?<![a-z])(?:no|without|w/o)[\s-]*(?:python|tools?|search|browsing)\b")


@dataclass(slots=True)
class FrontMatter:
    """A card's metadata: the texts around it, its own text, its values, and where they stand."""

    before: str
    yaml: str
    after: str
    values: dict[str, Any]
    root: YamlNode | None  # None: it is empty
    newline: str

    @property
    def results(self) -> list[dict[str, Any]]:
        return [result for model in self.values.get("model-index") or [] for result in model.get("results") or []]


def front_block(text: str, name: str) -> re.Match[str] | None:
    """A card's front matter, None without one; ScriptError for one that the Hub does not read as such."""
    found = FRONT_MATTER.match(text)
    if not found and re.match(r"\ufeff?\s*---[ \t]*\r(?!\n)", text):
        raise ScriptError(f"{name}, line 1: its lines end in CR alone, which the Hub does not read; convert them first")
    if not found and FRONT_WITHOUT_END.match(text):
        raise ScriptError(f"{name}, line 1: the front matter has no closing ---, so the Hub reads no metadata")
    return found


def read_metadata(text: str, name: str) -> FrontMatter:
    """Take a card's front matter apart; ScriptError with line and reason when it is malformed."""
    newline = "\r\n" if "\r\n" in text[:MAX_YAML] else "\n"
    found = front_block(text, name)
    if not found:
        mark = "\ufeff" if text.startswith("\ufeff") else ""
        return FrontMatter(f"{mark}---{newline}", "", f"---{newline}{text[len(mark) :]}", {}, None, newline)
    before, yaml_text, close = found["open"], found["yaml"], found["close"]
    first_line = before.count("\n") + 1
    values, root = load_yaml(yaml_text, name, first_line)
    if values is None:
        values, root = {}, None
    if not isinstance(values, dict):
        raise ScriptError(f"{name}, line {first_line}: the front matter is no mapping of keys to values")
    check_shape(values, root, name, first_line)
    return FrontMatter(before, yaml_text, close + text[found.end() :], values, root, newline)


def check_shape(values: dict[str, Any], root: YamlNode | None, name: str, first_line: int) -> None:
    """ScriptError when model-index has not the form that results can be added to."""
    node = root.get("model-index") if root else None
    line = node.line if node else first_line

    def need(value: Any, kind: type, what: str) -> None:
        if not isinstance(value, kind):
            wanted = "a list" if kind is list else "a mapping"
            raise ScriptError(f"{name}, line {line}: {what} is {type(value).__name__}, not {wanted}; correct it first")

    models = values.get("model-index")
    if models is None:
        return
    need(models, list, "model-index")
    for i, model in enumerate(models):
        need(model, dict, f"model-index[{i}]")
        if not model.get("name"):
            raise ScriptError(f"{name}, line {line}: model-index[{i}] has no name; correct it first")
        if model.get("results") is None:
            continue
        need(model["results"], list, f"model-index[{i}].results")
        for j, result in enumerate(model["results"]):
            place = f"model-index[{i}].results[{j}]"
            need(result, dict, place)
            for part in ("task", "dataset", "source"):
                need(result.get(part) or {}, dict, f"{place}.{part}")
            need(result.get("metrics") or [], list, f"{place}.metrics")
            for k, metric in enumerate(result.get("metrics") or []):
                need(metric, dict, f"{place}.metrics[{k}]")


def decode_card(data: bytes, name: str) -> str:
    """A card's text; ScriptError when it has more lines, rows or columns than a page for people."""
    text = data.decode("utf-8", errors="replace")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        note(f"warning: {name} is not UTF-8 (byte {error.start}); read with replacement characters")
    check_card_size(text, name)
    return text


def to_yaml(value: Any, **options: Any) -> str:
    """YAML that a reader of YAML 1.1 and one of 1.2 (the Hub's) understand alike."""
    import yaml

    class Dumper(yaml.SafeDumper):
        def represent_text(self, text: str) -> Any:
            style = "'" if NUMBER_OF_12.fullmatch(text) else '"' if BREAK_OF_11.search(text) else None
            return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, Dumper.represent_text)
    return yaml.dump(value, Dumper=Dumper, allow_unicode=True, sort_keys=False, width=math.inf, **options)
