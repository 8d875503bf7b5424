"""Merging results into a card or .eval_results without touching another byte."""

from __future__ import annotations

import copy
import dataclasses
import json
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parts.foreign import mapping_in
from parts.frame import ScriptError, single_line
from parts.metadata.entries import Entry
from parts.metadata.front_matter import EVAL_RESULTS, FrontMatter, read_metadata, to_yaml
from parts.metadata.identity import (
    OTHER,
    POSSIBLY,
    SAME,
    Measure,
    Measures,
    agree,
    are_percents,
    in_form_of,
    written,
)
from parts.metadata.plan import PLAN_ITSELF, Change, Conflict, Plan, RepoState
from parts.vocabulary import normalize_name
from parts.yaml_tree import YamlNode, load_yaml


class UnreadableFile(ScriptError):
    """A file that came whole and is not what it is called; what stands beside it can be read all the same."""


@dataclass(frozen=True, slots=True)
class StandingResult:
    """A result that metadata claims already."""

    where: str  # "model-index[0].results[3].metrics[0].value", ".eval_results/hle.yaml[0].value"
    name: str
    measure: Measure
    value: Any
    source: str = ""  # its URL
    verified: bool = False  # somebody vouches for the very value
    unit: str | None = None  # as its metric's name says
    percents: bool = False  # the values beside it are percentages
    settings: tuple[str, ...] = ()  # what it says of how and when it was measured, for people
    credit: str = ""  # who is said to have measured it: the source's URL, else its name or user
    date: str = ""
    others: int = 0  # values under the same source


def merge(plan: Plan, state: RepoState) -> Change:
    """What the plan adds to, and would change of, what is there. Applied to its own outcome it changes nothing."""
    change = Change(notes=unread_lines(rows_of_files(state)[1]))
    if plan.model_index:
        merge_card(plan, state, change)
    merge_files(plan, state, change)
    return change


def measures_of(plan: Plan) -> Measures:
    if plan.measures is None:
        raise ValueError("the plan was not rendered")
    return plan.measures


def index_standings(front: FrontMatter, measures: Measures) -> list[StandingResult]:
    """All results that a card's model-index claims."""
    found = []
    for i, model in enumerate(front.values.get("model-index") or []):
        results = model.get("results") or []
        pairs = [
            (f"model-index[{i}].results[{j}].metrics[{k}].value", result, metric)
            for j, result in enumerate(results)
            for k, metric in enumerate(result.get("metrics") or [])
        ]
        known = [(path, result, metric, measures.of_index(result, metric)) for path, result, metric in pairs]
        percents = are_percents([metric.get("value") for *_, metric, m in known if not measures.is_open(m)])
        for path, result, metric, measure in known:
            source, dataset = mapping_in(result, "source"), mapping_in(result, "dataset")
            name = str(dataset.get("name") or dataset.get("type") or "?")
            verified = bool(metric.get("verified") or metric.get("verifyToken"))
            unit = "percent" if "%" in f"{metric.get('name')} {metric.get('type')}" else None
            url = str(source.get("url") or "")
            told, others = credit_of(source), len(result["metrics"]) - 1
            found.append(
                StandingResult(
                    path, name, measure, metric.get("value"), url, verified, unit, percents, credit=told, others=others
                )
            )
    return found


def rows_of_files(state: RepoState) -> tuple[dict[str, list[dict[str, Any]]], dict[str, str]]:
    """The entries of each file of .eval_results, and why others cannot be read: a bad file stands for itself alone."""
    rows, unread = {}, dict(state.unread)
    for path, text in state.files.items():
        try:
            rows[path] = eval_rows(load_yaml(text, path)[0], path)
        except ScriptError as error:
            unread[path] = told_of_file(error, path)
    return rows, unread


def told_of_file(error: ScriptError, path: str) -> str:
    """What an error says of a file, without the file's name before it."""
    return str(error).removeprefix(path).lstrip(",: ")


def unread_lines(unread: Mapping[str, str]) -> list[str]:
    """What is said of files of .eval_results that nobody can read: what they claim is not known."""
    return [single_line(f"{path} cannot be read, so its results are not known: {why}") for path, why in unread.items()]


def file_standings(state: RepoState, measures: Measures) -> list[StandingResult]:
    """All results that the files of .eval_results claim."""
    found = []
    for path, rows in rows_of_files(state)[0].items():
        for number, row in enumerate(rows):
            source, dataset = mapping_in(row, "source"), mapping_in(row, "dataset")
            place, name = f"{path}[{number}].value", str(dataset.get("id") or "?")
            told = tuple(f"{key} {row[key]}" for key in ("notes", "date") if row.get(key))
            url, verified = str(source.get("url") or ""), bool(row.get("verifyToken"))
            value, credit, when = row.get("value"), credit_of(source), str(row.get("date") or "")
            found.append(
                StandingResult(
                    place, name, measures.of_row(row), value, url, verified, settings=told, credit=credit, date=when
                )
            )
    return found


def credit_of(source: Mapping[str, Any]) -> str:
    return next((str(source[key]) for key in ("url", "name", "user", "org") if source.get(key)), "")


def standings_of(state: RepoState, measures: Measures) -> list[StandingResult]:
    """All results that a repo's metadata claims, in both formats."""
    front = read_metadata(decode_strict(state.card or b"", state.name), state.name)
    return index_standings(front, measures) + file_standings(state, measures)


def rivals_of(
    measure: Measure, there: Sequence[StandingResult], measures: Measures
) -> tuple[list[StandingResult], bool]:
    """The standing results of the same thing, and True; where there is none those that possibly are, and False."""
    found: dict[str, list[StandingResult]] = {SAME: [], POSSIBLY: [], OTHER: []}
    for standing in there:
        found[measures.relation(standing.measure, measure)].append(standing)
    return (found[SAME], True) if found[SAME] else (found[POSSIBLY], False)


def is_value(standing: StandingResult, value: Any, unit: str | None, measures: Measures) -> bool:
    """Whether a standing result has this value, whatever scale and rounding it is written with."""
    there, new = written(standing.value, standing.unit), written(value, unit)
    is_open = measures.is_open(standing.measure)
    return there is not None and new is not None and agree(there, new, is_open, standing.percents)


@dataclass(slots=True)
class Placed:
    """A result on its way into a document: what it measures, its value, and what people call it."""

    name: str
    measure: Measure
    value: Any
    unit: str | None
    source: str
    entry: Entry | None
    written: dict[str, Any]  # the result as it is in the document
    date: str = ""


def decide_result(
    mine: Placed, there: Sequence[StandingResult], taken: Collection[str], plan: Plan, change: Change, document: str
) -> tuple[str, StandingResult | None, str | dict[str, Any]]:
    """("same" | "add" | "replace" | "conflict", the standing result, what replaces it), and the conflict in `change`.

    A number alone replaces a value of the same source and date. One that is said to be another's is replaced with all
    that is said of it: nobody is given a number that he never measured.
    `taken`: the places of results that other results of the plan are, so that this one is none of them.
    """
    measures = measures_of(plan)
    rivals, certain = rivals_of(mine.measure, there, measures)
    rivals = rivals if certain else [item for item in rivals if item.where not in taken]
    if any(is_value(item, mine.value, mine.unit, measures) for item in rivals):
        return "same", None, ""
    own = [item for item in rivals if item.source == mine.source and certain]
    if not rivals or (mine.entry and is_beside(mine.entry, plan.beside) and not own):
        change.notes += [f"nothing to replace: {mine.name} is not there yet"] if plan.replace and not rivals else []
        touch(change, mine.entry)
        return "add", None, ""
    chosen = own or [item for item in rivals if not item.source] or rivals
    first, doubt = chosen[0], "" if certain else doubt_about(mine.measure, chosen[0].measure)
    if len(chosen) > 1:
        doubt = f"{len(chosen)} results there can be meant, also {chosen[1].where}"
    text = in_form_of(
        written(first.value, first.unit),
        written(mine.value, mine.unit),
        measures.is_open(first.measure),
        first.percents,
    )
    doubt += ("; " if doubt else "") + "the scale of what is there is not known" if text is None else ""
    foreign = any(said and said != new for said, new in ((first.credit, mine.source), (first.date, mine.date)))
    if shared := foreign and first.others > 0:
        doubt += f"{'; ' if doubt else ''}its source, {first.credit}, is that of {first.others} more: part them by hand"
    mark = ", which is verified" if first.verified else ""
    facts = (mine.entry.samples, mine.entry.standard_error) if mine.entry else (None, None)
    source = source_words(first, mine) if foreign and not shared else ""
    conflict = Conflict(f"{document}{first.where}{mark}", mine.name, first.value, mine.value, doubt, *facts, source)
    if not plan.replace or first.verified or len(chosen) > 1 or text is None or shared:
        change.conflicts.append(conflict)
        return "conflict", first, ""
    touch(change, mine.entry)
    change.replaced.append(dataclasses.replace(conflict, new=float(text)))
    if not foreign:
        return "replace", first, text
    put, number = copy.deepcopy(mine.written), float(text) if "." in text else int(text)
    (put["metrics"][0] if "metrics" in put else put)["value"] = number
    return "replace", first, put


def source_words(there: StandingResult, mine: Placed) -> str:
    """Who is said to have measured a result, and when, before and after it is replaced."""
    old, new = (" of ".join(filter(None, pair)) for pair in ((there.date, there.credit), (mine.date, mine.source)))
    return f"its source goes with it: {old} there, {new or 'none'} now"


def touch(change: Change, entry: Entry | None) -> None:
    if entry is not None and entry not in change.entries:
        change.entries.append(entry)


def is_beside(entry: Entry, names: Sequence[str]) -> bool:
    folded = {normalize_name(name) for name in names}
    return bool(folded & {"all", normalize_name(entry.key or ""), normalize_name(entry.benchmark)})


def doubt_about(new: Measure, there: Measure) -> str:
    """What one side alone says, so that both may be one result or two."""
    said = "; ".join(unlike_words(there, new, "there", "here"))
    return f"possibly the same result ({said or 'the benchmark or split is not certain'})"


def unlike_words(one: Measure, other: Measure, here: str, there: str, metrics: tuple[str, str] = ("", "")) -> list[str]:
    """In what two results are told otherwise, what both say first: "shots 0 here, 5 there".

    `metrics`: the names of theirs for people. A split that one does not say is the benchmark's own.
    """
    told = [{"right": "share of right answers"}.get(measure.metric, measure.metric) for measure in (one, other)]
    pairs = [("metric", metrics[0] or told[0], metrics[1] or told[1])] if one.metric != other.metric else []
    names = ("shots", "variant", "part", "revision", *(("split",) if one.split and other.split else ()))
    pairs += [(name, old, new) for name in names if (old := getattr(one, name)) != (new := getattr(other, name))]
    pairs.sort(key=lambda pair: "not said" in map(said_or_not, pair))
    return [f"{name} {said_or_not(old)} {here}, {said_or_not(new)} {there}" for name, old, new in pairs]


def said_or_not(value: object) -> object:
    return "not said" if value in ("", None) else value


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


def decode_strict(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"{name}: byte {error.start} is not UTF-8, so it cannot be edited without loss") from error


def merge_card(plan: Plan, state: RepoState, change: Change) -> None:
    text = decode_strict(state.card or b"", state.name)
    front = read_metadata(text, state.name)
    measures = measures_of(plan)
    there = index_standings(front, measures)
    mine: list[tuple[Placed, dict[str, Any]]] = []
    for entry, result in zip(plan.entries, plan.model_index, strict=True):
        metric, measure = result["metrics"][0], measures.of_entry(entry)
        placed = Placed(metric["name"], measure, entry.value, entry.unit, entry.source_url or "", entry, result)
        if not is_repeated(placed, [other for other, _ in mine], measures, change):
            mine.append((placed, result))
    hits = {id(placed): places_held(placed, there, measures) for placed, _ in mine}
    new: list[dict[str, Any]] = []
    values: dict[str, str | dict[str, Any]] = {}  # path -> the number, or the whole result, that replaces what is there
    for placed, result in mine:
        taken = {where for other, found in hits.items() if other != id(placed) for where in found}
        what, standing, put = decide_result(placed, there, taken, plan, change, "README.md ")
        if what == "same":
            change.same.append(f"model-index: {placed.name}")
        elif what == "add":
            new.append(result)
            change.added.append(f"model-index: {placed.name}")
        elif what == "replace" and standing:
            values[standing.where] = put
    if new or values:
        edited = splice_results(front, new, values, plan.repo_id.rpartition("/")[2])
        check_splice(front, edited, new, values)
        change.files["README.md"] = edited.encode("utf-8")


def places_held(placed: Placed, there: Sequence[StandingResult], measures: Measures) -> list[str]:
    """Where a result stands already for certain."""
    rivals, certain = rivals_of(placed.measure, there, measures)
    return [item.where for item in rivals] if certain else []


def is_repeated(placed: Placed, before: Sequence[Placed], measures: Measures, change: Change) -> bool:
    """Whether the plan has this result already; of one source with another value that is a conflict."""
    for other in before:
        if measures.relation(other.measure, placed.measure) != SAME:
            continue
        standing = StandingResult("", other.name, other.measure, other.value, unit=other.unit)
        if is_value(standing, placed.value, placed.unit, measures):
            return True
        if other.source == placed.source:
            change.conflicts.append(Conflict(PLAN_ITSELF, placed.name, other.value, placed.value))
            return True
    return False


def splice_results(front: FrontMatter, new: list[dict[str, Any]], values: Mapping[str, Any], model: str) -> str:
    """The card's text with results added to its model-index, and some values replaced; all other bytes stay."""
    edits = [replacement(front.yaml, front.root, path, put, "README.md", front.newline) for path, put in values.items()]
    if new:
        edits.append(insertion(front, new, model))
    text = front.yaml
    for start, end, put in sorted(edits, reverse=True):
        text = text[:start] + put + text[end:]
    return front.before + text + front.after


def value_edit(text: str, node: YamlNode, number: str) -> tuple[int, int, str]:
    """Another number in the place of a value, in its quotes and with its percent sign; what is around it stays."""
    old = text[node.start : node.end]
    mark = old[0] if old[:1] in ("'", '"') else ""
    return node.start, node.end, f"{mark}{with_number(old.strip(mark) if mark else old, number)}{mark}"


def with_number(old: str, number: str) -> str:
    """A value's text with another number: "45.3 %" -> "44.9 %"; an error beside it belongs to the old one and goes."""
    return f"{number}{' ' * (' %' in old)}%" if "%" in old else number


def replacement(
    text: str, root: YamlNode | None, path: str, put: str | dict[str, Any], name: str, newline: str
) -> tuple[int, int, str]:
    """Where a value stands that is replaced, and its new text: a number's, or that of the whole result around it."""
    node, whole = root, not isinstance(put, str)
    for part in re.findall(r"[\w-]+", path.partition(".metrics")[0].removesuffix(".value") if whole else path):
        if node is not None:
            node = node.items[int(part)] if part.isdigit() and node.kind == "sequence" else node.get(part)
    if node is None or node.kind != ("mapping" if whole else "scalar") or (whole and node.marked):
        raise ScriptError(f"{name}: {path} is written with an alias or a merge key; replace it by hand")
    if isinstance(put, str):
        return value_edit(text, node, put)
    if node.flow:
        return node.start, node.end, flow_text(put)
    end = node.start + len(text[node.start : node.end].rstrip())
    return node.start, end, to_yaml(put).rstrip("\n").replace("\n", newline + " " * node.column)


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
    rest = r"[ \t]*+(?:#[^\r\n]*+)?+(?:\r\n?|\n)"
    marks = re.compile(rf"(?:[&!]\S*+[ \t]*+)++{rest}(?:{rest})*+([ \t]*)")  # possessive: it never goes back
    found = marks.match(text, node.start) if node.marked else None
    return len(found[1]) if found else node.column


def flow_text(value: Any) -> str:
    """YAML of a list or mapping on one line; JSON would do but for numbers such as 5e-324."""
    return to_yaml(value, default_flow_style=True).rstrip()


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
        if isinstance(value, dict):
            changed["model-index"][i]["results"][j] = value
            continue
        metric = changed["model-index"][i]["results"][j]["metrics"][k]
        number = float(value) if "." in value else int(value)
        old = metric["value"]
        metric["value"] = with_number(old, value) if isinstance(old, str) else number
    return changed


def is_subsequence(wanted: Sequence[str], found: Sequence[str]) -> bool:
    rest = iter(found)
    return all(item in rest for item in wanted)


def merge_files(plan: Plan, state: RepoState, change: Change) -> None:
    """One file for each benchmark: new, already there with this value, or there with another."""
    if not plan.eval_results:
        return
    measures = measures_of(plan)
    there = file_standings(state, measures)
    mine = {path: placed_row(path, rows[0], plan, measures) for path, rows in plan.eval_results.items()}
    for path, rows in plan.eval_results.items():
        placed = mine[path]
        if len(rows) > 1:
            values = [row["value"] for row in rows]
            change.conflicts += [Conflict(PLAN_ITSELF, path, values[0], value) for value in values[1:]]
            continue
        others = [places_held(item, there, measures) for item in mine.values() if item is not placed]
        what, standing, put = decide_result(
            placed, there, {where for held in others for where in held}, plan, change, ""
        )
        if what == "same":
            change.same.append(placed.name)
        elif what == "replace" and standing:
            where, _, number = standing.where.removesuffix(".value").removesuffix("]").rpartition("[")
            text = change.files.get(where, b"").decode() or state.files[where]
            change.files[where] = replace_value(text, where, int(number), put).encode("utf-8")
        elif what == "add":
            add_file(path, rows[0], placed, plan.beside, state, change)


def placed_row(path: str, row: Mapping[str, Any], plan: Plan, measures: Measures) -> Placed:
    url = str(mapping_in(row, "source").get("url") or "")
    name = f".eval_results: {path.removeprefix(EVAL_RESULTS)}"
    entry, when = plan.made_of.get(path), str(row.get("date") or "")
    return Placed(name, measures.of_row(row), row["value"], None, url, entry, dict(row), when)


def add_file(
    path: str, row: Mapping[str, Any], placed: Placed, beside: Sequence[str], state: RepoState, change: Change
) -> None:
    """A file of its own; beside another result of this name one with a number.

    A file of this name that has no results, or that cannot be read, is nobody's to write over: that is asked.
    """
    rows, unread = rows_of_files(state)
    held = {name for name, text in state.files.items() if text.strip()} | set(unread) | set(change.files)
    what = (
        "a file without results"
        if path in held and rows.get(path) == []
        else "a file that cannot be read" * (path in unread)
    )
    if what and not (placed.entry and is_beside(placed.entry, beside)):
        change.conflicts.append(Conflict(path, placed.name, what, row["value"], unread.get(path, "")))
        return
    free = (path, *(f"{path.removesuffix('.yaml')}_{number}.yaml" for number in range(2, 1000)))
    path = next(place for place in free if place not in held)
    change.added.append(f".eval_results: {path.removeprefix(EVAL_RESULTS)}")
    change.files[path] = to_yaml([row]).encode("utf-8")


def replace_value(text: str, name: str, number: int, put: str | dict[str, Any]) -> str:
    """A file's text with the value of one entry, or the entry, replaced; every other byte stays."""
    data, root = load_yaml(text, name)
    newline = "\r\n" if "\r\n" in text else "\n"
    start, end, new = replacement(text, root, f"[{number}].value", put, name, newline)
    edited, wanted = text[:start] + new + text[end:], copy.deepcopy(data)
    if isinstance(put, dict):
        wanted[number] = put
        if canonical(load_yaml(edited, name)[0]) != canonical(wanted):
            raise ScriptError(f"{name}: the result cannot be replaced without touching others; replace it by hand")
    return edited


def eval_rows(data: Any, path: str) -> list[dict[str, Any]]:
    """The entries of a file of .eval_results; ScriptError when it is not such a file."""
    rows = data if isinstance(data, list) else [] if data is None else None
    good = rows is not None and all(isinstance(row, dict) and isinstance(row.get("dataset"), dict) for row in rows)
    if not good or rows is None:
        raise ScriptError(f"{path}: not a list of evaluation results with a dataset each; correct it first")
    return rows
