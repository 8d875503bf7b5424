"""Merging results into a card or .eval_results without touching another byte."""

from __future__ import annotations

import contextlib
import copy
import dataclasses
import json
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from parts.frame import ScriptError
from parts.metadata.front_matter import EVAL_RESULTS, FrontMatter, YamlNode, load_yaml, read_metadata, to_yaml
from parts.metadata.plan import Change, Conflict, Plan, RepoState, variant_of
from parts.vocabulary import normalize_name


def merge(plan: Plan, state: RepoState) -> Change:
    """What the plan adds to, and would change of, what is there. Applied to its own outcome it changes nothing."""
    change = Change()
    if plan.model_index:
        merge_card(plan, state, change)
    merge_files(plan, state, change)
    return change


def identity(result: Mapping[str, Any], metric: Mapping[str, Any]) -> str:
    """What makes two metric entries of a model-index the same, but for their value and source."""
    dataset = result.get("dataset") or {}
    return canonical(
        [
            (result.get("task") or {}).get("type"),
            [dataset.get(key) for key in ("type", "config", "split", "revision")],
            [metric.get(key) for key in ("type", "name", "args")],
        ]
    )


def canonical(value: Any) -> str:
    """A text that is the same for equal values of YAML, and only for those."""

    def plain(value: Any) -> Any:
        if isinstance(value, dict):
            return sorted([repr(key), plain(item)] for key, item in value.items())
        if isinstance(value, (list, tuple)):
            return [plain(item) for item in value]
        known = isinstance(value, (str, bool, int, float)) or value is None
        return value if known else f"{type(value).__name__} {value}"

    return json.dumps(plain(value), ensure_ascii=False)


def same_source(there: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether an entry's source agrees with a new one's; an entry without a source contradicts none."""
    old = there.get("source") or {}
    mine = new.get("source") or {}
    return not old or all(old.get(key) == mine.get(key) for key in ("name", "url"))


def same_number(there: Any, new: Any) -> bool:
    """Whether a value in metadata is this number; "85.20" as a text is."""
    with contextlib.suppress(TypeError, ValueError):
        return not isinstance(there, bool) and float(there) == float(new)
    return False


def decode_strict(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScriptError(f"{name}: byte {error.start} is not UTF-8, so it cannot be edited without loss") from error


def merge_card(plan: Plan, state: RepoState, change: Change) -> None:
    text = decode_strict(state.card or b"", state.name)
    front = read_metadata(text, state.name)
    there: dict[str, list[tuple[str, dict, dict]]] = {}
    for i, model in enumerate(front.values.get("model-index") or []):
        for j, result in enumerate(model.get("results") or []):
            for k, metric in enumerate(result.get("metrics") or []):
                path = f"model-index[{i}].results[{j}].metrics[{k}].value"
                there.setdefault(identity(result, metric), []).append((path, result, metric))
    new: list[dict[str, Any]] = []
    values: dict[str, Any] = {}  # path -> the number that replaces what is there
    mine: dict[str, tuple[str, Any]] = {}
    for result in plan.model_index:
        metric = result["metrics"][0]
        name, who = metric["name"], identity(result, metric)
        if first := mine.get(who + canonical(result.get("source"))):
            if first[1] != metric["value"]:
                change.conflicts.append(Conflict("the plan itself", name, first[1], metric["value"]))
            continue
        mine[who + canonical(result.get("source"))] = (name, metric["value"])
        rivals = [item for item in there.get(who, []) if same_source(item[1], result)]
        if any(same_number(item[2].get("value"), metric["value"]) for item in rivals):
            change.same.append(f"model-index: {name}")
        elif rivals:
            path, _, old = min(rivals, key=lambda item: not item[1].get("source"))  # the one with this very source
            conflict = Conflict(f"README.md {path}", name, old.get("value"), metric["value"])
            if old.get("verified") or old.get("verifyToken"):  # it vouches for the value that is there
                change.conflicts.append(dataclasses.replace(conflict, where=f"README.md {path}, which is verified"))
                continue
            (change.replaced if plan.replace else change.conflicts).append(conflict)
            values[path] = metric["value"]
        else:
            new.append(result)
            change.added.append(f"model-index: {name}")
    if new or (values and plan.replace):
        edited = splice_results(front, new, values if plan.replace else {}, plan.repo_id.rpartition("/")[2])
        check_splice(front, edited, new, values if plan.replace else {})
        change.files["README.md"] = edited.encode("utf-8")


def splice_results(front: FrontMatter, new: list[dict[str, Any]], values: Mapping[str, Any], model: str) -> str:
    """The card's text with results added to its model-index, and some values replaced; all other bytes stay."""
    edits = [(*replaced_value(front, path), flow_text([value])[1:-1]) for path, value in values.items()]
    if new:
        edits.append(insertion(front, new, model))
    text = front.yaml
    for start, end, put in sorted(edits, reverse=True):
        text = text[:start] + put + text[end:]
    return front.before + text + front.after


def replaced_value(front: FrontMatter, path: str) -> tuple[int, int]:
    """Where the characters of a value stand, by its path."""
    node = front.root
    for part in re.findall(r"[\w-]+", path):
        if node is not None:
            node = node.items[int(part)] if part.isdigit() and node.kind == "sequence" else node.get(part)
    if node is None or node.kind != "scalar":
        raise ScriptError(f"README.md: {path} is written with an alias or a merge key; replace it by hand")
    return node.start, node.end


def insertion(front: FrontMatter, new: list[dict[str, Any]], model: str) -> tuple[int, int, str]:
    """Where to put new results, and the text: at the end of the model's results, else of what holds them."""
    root, index = front.root, [{"name": model, "results": new}]
    if root is None:
        return len(front.yaml), len(front.yaml), block_text({"model-index": index}, 0, front, len(front.yaml))
    models = root.get("model-index")
    if models is None and "model-index" in front.values:
        raise ScriptError("README.md: model-index comes from an alias (*) or a merge key (<<); write it out first")
    if models is None:
        return append_to(root, {"model-index": index}, front)
    if empty(models):
        return fill(models, index)
    plain_lists(models)
    which = choose_model(front.values["model-index"], model)
    if which is None:
        return append_to(models, index, front)
    node = models.items[which]
    plain_lists(node)
    results = node.get("results")
    if results is None:
        if node.get("<<"):
            raise ScriptError(f"README.md, line {node.line}: results come from a merge key (<<); write them out first")
        return append_to(node, {"results": new}, front)
    if empty(results):
        return fill(results, new)
    plain_lists(results)
    return append_to(results, new, front)


def choose_model(models: list[dict[str, Any]], model: str) -> int | None:
    """Which entry of a model-index is this model: by name, else the only one; None: none is."""
    names = [normalize_name(str(entry.get("name") or "")) for entry in models]
    return names.index(normalize_name(model)) if normalize_name(model) in names else 0 if len(models) == 1 else None


def empty(node: YamlNode) -> bool:
    """Nothing, null or [] where a list belongs."""
    return (node.kind == "scalar") or (node.kind == "sequence" and not node.items)


def fill(node: YamlNode, value: list[dict[str, Any]]) -> tuple[int, int, str]:
    """Put a list, written on one line, in the place of an empty value."""
    space = " " if node.start == node.end else ""
    return node.start, node.end, space + flow_text(value)


def plain_lists(node: YamlNode) -> None:
    if node.kind == "alias":
        raise ScriptError(f"README.md, line {node.line}: model-index is written with an alias (*); write it out first")


def append_to(node: YamlNode, value: Any, front: FrontMatter) -> tuple[int, int, str]:
    """Where and how to add an item to a mapping or list, in its own style."""
    if node.flow:
        at = node.items[-1].end if node.items else node.end - 1  # behind the last item: a comment may follow it
        return at, at, (", " if node.items else "") + flow_text(value)[1:-1]
    at = line_end(front.yaml, node.end)
    return at, at, block_text(value, block_column(node, front.yaml), front, at)


def block_column(node: YamlNode, text: str) -> int:
    """The column of a block mapping's keys or a block sequence's dashes; behind an anchor or a tag on a line before."""
    marks = re.compile(r"(?:[&!]\S*[ \t]*)+(?:#.*)?(?:\r\n?|\n)(?:[ \t]*(?:#.*)?(?:\r\n?|\n))*([ \t]*)")
    found = marks.match(text, node.start) if node.marked else None
    return len(found[1]) if found else node.column


def flow_text(value: Any) -> str:
    """YAML of a list or mapping on one line; JSON would do but for numbers such as 5e-324."""
    import yaml

    return yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=math.inf).rstrip()


def line_end(text: str, at: int) -> int:
    """The start of the next line; where a line already starts, that one."""
    if at == 0 or text[at - 1] in "\r\n":
        return at
    found = re.compile(r"\r\n|\r|\n").search(text, at)
    return found.end() if found else len(text)


def block_text(value: Any, column: int, front: FrontMatter, at: int) -> str:
    """YAML of a list or mapping at a column, in whole lines with the card's line ends."""
    lines = to_yaml(value).rstrip("\n").split("\n")
    text = "".join(" " * column + line + front.newline for line in lines)
    return text if at == 0 or front.yaml[at - 1] in "\r\n" else front.newline + text


def check_splice(front: FrontMatter, edited: str, new: list[dict[str, Any]], paths: Mapping[str, Any]) -> None:
    """Parse what would be written: ScriptError unless it has every old entry, in order, the new ones, and no more."""
    from huggingface_hub.repocard import REGEX_YAML_BLOCK

    try:
        after = read_metadata(edited, "README.md as it would be written")
    except ScriptError as error:
        raise ScriptError(f"README.md: the results do not fit in ({error}); add them by hand") from error
    client = REGEX_YAML_BLOCK.search(edited.removeprefix("\ufeff"))
    if not client or client[2].strip() != after.yaml.strip():
        raise ScriptError("README.md, line 1: the Hub does not read such metadata: `---` must end its line; correct it")
    wanted = with_values(front.values, paths)
    old = [canonical(result) for model in wanted.get("model-index") or [] for result in model.get("results") or []]
    found = [canonical(result) for result in after.results]
    others = [{k: v for k, v in values.items() if k != "model-index"} for values in (wanted, after.values)]
    if not (
        (after.before, after.after) == (front.before, front.after)
        and canonical(others[0]) == canonical(others[1])
        and list(others[0]) == list(others[1])
        and is_subsequence(old, found)
        and Counter(found) == Counter(old) + Counter(canonical(result) for result in new)
    ):
        raise ScriptError("README.md: the results cannot be added without touching other metadata; add them by hand")


def with_values(values: Mapping[str, Any], paths: Mapping[str, Any]) -> dict[str, Any]:
    """A front matter's values with those at some paths replaced."""
    changed = copy.deepcopy(dict(values))
    for path, value in paths.items():
        i, j, k = (int(part) for part in re.findall(r"\[(\d+)\]", path))
        changed["model-index"][i]["results"][j]["metrics"][k]["value"] = value
    return changed


def is_subsequence(wanted: Sequence[str], found: Sequence[str]) -> bool:
    rest = iter(found)
    return all(item in rest for item in wanted)


def merge_files(plan: Plan, state: RepoState, change: Change) -> None:
    """One file for each benchmark: new, already there with this value, or there with another."""
    there = [
        (path, number, row, loaded)
        for path, text in state.files.items()
        for loaded in [load_yaml(text, path)]
        for number, row in enumerate(eval_rows(loaded[0], path))
    ]
    for path, rows in plan.eval_results.items():
        row, name = rows[0], f".eval_results: {path.removeprefix(EVAL_RESULTS)}"
        if len(rows) > 1:
            change.conflicts += [Conflict("the plan itself", path, row["value"], other["value"]) for other in rows[1:]]
            continue
        rivals = [item for item in there if same_place(item[2], row)]
        if any(same_number(item[2].get("value"), row["value"]) for item in rivals):
            change.same.append(name)
        elif rivals:
            where, number, old, (_, root) = rivals[0]
            conflict = Conflict(f"{where}[{number}].value", name, old.get("value"), row["value"])
            (change.replaced if plan.replace else change.conflicts).append(conflict)
            if plan.replace:
                change.files[where] = replace_row(state.files[where], root, number, row).encode("utf-8")
        elif others := [item[2] for item in there if item[0] == path]:
            what = f"an entry of {others[0]['dataset'].get('id')}, notes: {others[0].get('notes') or 'none'}"
            change.conflicts.append(Conflict(f"{path}, a file for another result", name, what, row["value"]))
        elif state.files.get(path, "").strip():
            change.conflicts.append(Conflict(f"{path}, a file without results", name, "comments", row["value"]))
        else:
            change.added.append(name)
            change.files[path] = to_yaml([row]).encode("utf-8")


def eval_rows(data: Any, path: str) -> list[dict[str, Any]]:
    """The entries of a file of .eval_results; ScriptError when it is not such a file."""
    rows = data if isinstance(data, list) else [] if data is None else None
    good = rows is not None and all(isinstance(row, dict) and isinstance(row.get("dataset"), dict) for row in rows)
    if not good or rows is None:
        raise ScriptError(f"{path}: not a list of evaluation results with a dataset each; correct it first")
    return rows


def same_place(there: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Whether two entries claim the same: dataset and task, with the same note, or the same number and tools."""
    old, mine = there["dataset"], new["dataset"]
    if (old.get("id"), old.get("task_id")) != (mine["id"], mine["task_id"]):
        return False
    notes = [str(row.get("notes") or "") for row in (there, new)]
    alike = variant_of(f"({notes[0]})") == variant_of(f"({notes[1]})")
    return notes[0] == notes[1] or (alike and same_number(there.get("value"), new["value"]))


def replace_row(text: str, root: YamlNode | None, number: int, row: Mapping[str, Any]) -> str:
    """A file's text with one entry written anew; the other entries and comments stay."""
    if root is None or root.kind != "sequence" or root.flow or root.items[number].kind != "mapping":
        raise ScriptError("a file of .eval_results in flow style or with aliases cannot be edited; replace it by hand")
    node = root.items[number]
    newline = "\r\n" if "\r\n" in text else "\n"
    lines = to_yaml(row).rstrip("\n").split("\n")
    put = (newline + " " * node.column).join(lines)
    end = node.end - (len(text[: node.end]) - len(text[: node.end].rstrip("\r\n")))
    return text[: node.start] + put + text[end:]
