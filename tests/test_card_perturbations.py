"""Reading model cards: whatever is changed around a model's scores, no other value is ever taken for one of them.

Cards are made from a seed: models, benchmarks, and numbers that occur once each. Then they are changed: a heading or
prose put in, siblings added, rows and columns moved, names cut short, forms changed. What is read must be what the
model's own cells hold. CARD_PERTURBATIONS=20000 runs more of them than the light tests do.
"""

from __future__ import annotations

import os
import random
from dataclasses import dataclass, field, replace

import evaluation_manager as manager
import pytest
from test_evaluation_manager import VOCABULARY

NUMBER = int(os.environ.get("CARD_PERTURBATIONS", "600"))
BENCHMARKS = [
    "MMLU", "GSM8K", "HumanEval", "BBH", "MATH", "ARC-C", "IFEval", "Knowledge", "GPQA (diamond)", "DROP (3-shot F1)",
]  # fmt: skip
OTHERS = ["Bar-13B", "Qux-70B-Chat", "Zed 3.1 8B", "GPT-4o", "Mixtral-8x7B"]
NAMES = ["Foo-7B", "Foo-7B-Instruct", "Foo-2-7B-Chat", "Foo-V3", "Foo-V3-Base", "FooBar-1.5-8x7B-it", "Foo-VL-3B-0528"]
SUFFIXES = [
    "Instruct",
    "Chat",
    "Base",
    "Int4",
    "AWQ",
    "1M",
    "0528",
    "VL",
    "SFT",
    "Distill-Qwen",
    "v2",
    "preview",
    "Thinking",
]
HEADINGS = [
    "Results", "Base models", "Pre-trained models", "Chat models", "Instruction tuned models", "Training data", "Speed",
    "Quantization", "{name}", "{name}-Instruct", "{name}-Base", "{cut}", "Bar-13B", "", "Thinking",
    "Original model card", "Inference Efficiency", "13B Model Results", "Evaluation", "{owner}/{name}",
]  # fmt: skip
PROSE = [
    "All scores are our own.", "These are base models.",
    "We compare the chat models.", "{name}-Chat is better than {name}.",
    "The table shows Bar-13B.", "Tokens per second on one GPU.", "We removed all test items from the training data.",
    "The following are pretrained models, {name} and its sister {name}-Instruct are released.", "**Ours is last.**",
]  # fmt: skip


@dataclass
class Sheet:
    """A table of numbers before it is written: names by benchmarks."""

    names: list[str]
    benchmarks: list[str]
    values: dict[tuple[str, str], str]
    before: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    group: dict[str, str] = field(default_factory=dict)  # a name's outer header, or the cell beside it
    rows: bool = False  # models are rows
    html: bool = False
    title: str = ""
    front: str = ""
    side: str = ""  # another model whose scores stand before this table's in the same rows

    def text(self, random: random.Random) -> str:
        def cell(name: str, benchmark: str) -> str:
            value = self.values[name, benchmark]
            return random.choice(["{}", "**{}**", "{}*", "{}%", "<u>{}</u>", " {} "]).format(value)

        beside = bool(self.group)
        if self.rows:
            grid = [["Model", *(["Type"] if beside else []), *self.benchmarks]]
            for name in self.names:
                grid.append(
                    [name, *([self.group.get(name, "")] if beside else []), *(cell(name, b) for b in self.benchmarks)]
                )
        else:
            grid = [["", *(self.group.get(name, "") for name in self.names)]] if beside else []
            grid.append(["Benchmark", *self.names])
            grid += [[b, *(cell(name, b) for name in self.names)] for b in self.benchmarks]
        if self.side and self.rows and not beside:
            numbers = iter(range(100, 100_000))
            other = [[f"{self.side}-{n}", *(f"{next(numbers)}.25" for _ in row[1:])] for n, row in enumerate(grid[1:])]
            grid = [[*a, *b] for a, b in zip([["Their models", *grid[0][1:]], *other], grid, strict=True)]
        table = html(grid) if self.html else pipe(grid)
        parts = [self.front, f"# {self.title}" if self.title else "", *self.before, table, *self.after]
        return "\n\n".join(part for part in parts if part) + "\n"


def pipe(grid: list[list[str]]) -> str:
    lines = ["| " + " | ".join(row) + " |" for row in grid]
    return "\n".join([lines[0], "|" + "---|" * len(grid[0]), *lines[1:]])


def html(grid: list[list[str]]) -> str:
    rows = ["".join(f"<{'th' if not n else 'td'}>{cell}</td>" for cell in row) for n, row in enumerate(grid)]
    return "<table>" + "".join(f"<tr>{row}</tr>" for row in rows) + "</table>"


def make_sheet(random: random.Random, name: str) -> Sheet:
    names = [name, *random.sample(OTHERS, random.randint(0, 3))]
    random.shuffle(names)
    benchmarks = random.sample(BENCHMARKS, random.randint(1, 6))
    numbers = iter(random.sample(range(1000, 9999), len(names) * len(benchmarks)))
    values = {(n, b): f"{next(numbers) / 100:.2f}" for n in names for b in benchmarks}
    before = ["## Evaluation"] if random.random() < 0.7 else []
    return Sheet(names, benchmarks, values, before, rows=random.random() < 0.5, html=random.random() < 0.3, title=name)


def rename(sheet: Sheet, old: str, new: str) -> None:
    sheet.names = [new if name == old else name for name in sheet.names]
    sheet.values = {(new if name == old else name, b): value for (name, b), value in sheet.values.items()}


def add_model(sheet: Sheet, random: random.Random, name: str) -> None:
    if name in sheet.names:
        return
    sheet.names.insert(random.randint(0, len(sheet.names)), name)
    used = set(sheet.values.values())
    for benchmark in sheet.benchmarks:
        number = next(n for n in iter(lambda: f"{random.randint(1000, 9999) / 100:.2f}", None) if n not in used)
        used.add(number)
        sheet.values[name, benchmark] = number


def change(sheet: Sheet, random: random.Random, name: str) -> None:
    """One change of a kind that cards differ in."""
    words = {"name": name, "cut": name.rpartition("-")[0] or name, "owner": random.choice(["acme", "zed"])}
    kind = random.randint(0, 15)
    if kind == 0:
        place = random.randint(0, len(sheet.before))
        sheet.before.insert(place, "#" * random.randint(1, 4) + " " + random.choice(HEADINGS).format(**words))
    elif kind == 1:
        random.choice([sheet.before, sheet.after]).append(random.choice(PROSE).format(**words))
    elif kind == 2:
        add_model(sheet, random, f"{name}-{random.choice(SUFFIXES)}")
    elif kind == 3:
        add_model(sheet, random, words["cut"])
    elif kind == 4:
        random.shuffle(sheet.names)
        random.shuffle(sheet.benchmarks)
    elif kind == 5:
        sheet.rows = not sheet.rows
    elif kind == 6:
        sheet.html = not sheet.html
    elif kind == 7:
        sheet.title = random.choice(["", "Foo", f"{name}-GGUF", "Bar-13B", name])
    elif kind == 8:
        sheet.group = {
            n: random.choice(["Base", "Chat", "SFT", "Open source", "Int4", "7B", "13B", ""]) for n in sheet.names
        }
    elif kind == 9:
        add_model(sheet, random, "Δ")
        for benchmark in sheet.benchmarks:
            sheet.values["Δ", benchmark] = f"+{sheet.values['Δ', benchmark]}"
    elif kind == 10:
        other = make_sheet(random, random.choice([*OTHERS, f"{name}-{random.choice(SUFFIXES)}"]))
        text = replace(other, before=[f"## {other.title}"], title="", front="").text(random)
        random.choice([sheet.before, sheet.after]).append(text)
    elif kind == 11:
        sheet.benchmarks.append("Tokens per second")
        sheet.values |= {(n, "Tokens per second"): f"{random.randint(10_000, 99_999)}.5" for n in sheet.names}
    elif kind == 12:
        sheet.before.append(random.choice(["##", "#", "<h2></h2>"]))
    elif kind == 13:
        sheet.before.append("**" + (random.choice(HEADINGS).format(**words) or "Results") + "**")
    elif kind == 14:
        sheet.side = random.choice(OTHERS)
    else:
        sheet.front = f"---\nbase_model: {words['owner']}/{random.choice([name, words['cut']])}\n---"


def truth(sheet: Sheet, name: str) -> set[str]:
    """The values that are this model's: of its very name, which a cell beside a part of it may complete."""
    whole = {
        label: {label, f"{label}-{sheet.group.get(label, '')}"} if sheet.rows else {label} for label in sheet.names
    }
    return {value for (label, _), value in sheet.values.items() if name in whole[label]}


def stranger(sheet: Sheet, random: random.Random, name: str) -> Sheet:
    """The same card where the model's own label is another model's."""
    other = replace(sheet, names=list(sheet.names), values=dict(sheet.values), group=dict(sheet.group))
    rename(other, name, f"{name}-{random.choice(SUFFIXES)}" if random.random() < 0.6 else "Bar-1B")
    return other


def read_values(text: str, name: str) -> list[tuple[str, str]]:
    readings = manager.read_tables(manager.parse_card(text), f"acme/{name}", VOCABULARY)
    return [(score.benchmark, f"{score.value:.2f}") for reading in readings for score in reading.scores]


@pytest.mark.parametrize("part", range(4))
def test_no_change_gives_the_model_another_s_value(part):
    read = right = 0
    for seed in range(part, NUMBER, 4):
        rng = random.Random(seed)
        name = rng.choice(NAMES)
        sheet = make_sheet(rng, name)
        for _ in range(rng.randint(0, 4)):
            change(sheet, rng, name)
        text = sheet.text(rng)
        found = read_values(text, name)
        foreign = [value for _, value in found if value not in truth(sheet, name) or float(value) > 100]
        assert not foreign, (seed, foreign, text)
        labels = {value: benchmark for (_, benchmark), value in sheet.values.items()}
        wrong = [(b, v) for b, v in found if not b.startswith(labels[v].partition(" ")[0])]
        assert not wrong, (seed, wrong, text)
        read, right = read + bool(found), right + 1
        other = stranger(sheet, rng, name)
        text = other.text(rng)
        assert {value for _, value in read_values(text, name)} <= truth(other, name), (seed, text)
    assert read > right / 4  # certain often enough for the property to say something


def test_lines_that_are_offered_read_no_other_model_when_they_are_kept_as_they_are():
    kept = 0
    for seed in range(NUMBER):
        rng = random.Random(seed)
        name = rng.choice(NAMES)
        sheet = make_sheet(rng, name)
        for _ in range(rng.randint(1, 5)):
            change(sheet, rng, name)
        text = sheet.text(rng)
        card = manager.parse_card(text)
        readings = manager.read_tables(card, f"acme/{name}", VOCABULARY)
        lines = [line for reading in readings for line in manager.choices(reading) if line.startswith("- ")]
        if not lines:
            continue
        picks = manager.read_selection("\n".join(lines), "lines", f"acme/{name}", "", len(card.tables))
        found = manager.read_tables(card, f"acme/{name}", VOCABULARY, picks)
        taken = {f"{s.value:.2f}" for reading in found if reading.table.number in picks for s in reading.scores}
        others = {value for (label, _), value in sheet.values.items() if label in OTHERS or label == "Δ"}
        assert not taken & others, (seed, taken & others, text)
        assert all(float(value) < 100 for value in taken), (seed, text)  # the numbers of a table beside it are more
        kept += bool(taken)
    assert kept > NUMBER / 20


def test_an_unchanged_card_is_certain():
    for seed in range(100):
        rng = random.Random(seed)
        name = rng.choice(NAMES)
        sheet = make_sheet(rng, name)
        sheet.group = {}
        assert {value for _, value in read_values(sheet.text(rng), name)} == truth(sheet, name), (seed, sheet.text(rng))


def test_a_table_without_a_name_is_never_another_s():
    """Titles and headings around a column "Score": whose it is must be this model's name, and no other's between."""
    read = 0
    for seed in range(NUMBER):
        rng = random.Random(seed)
        name = rng.choice(NAMES)
        cut = name.rpartition("-")[0]
        other = [*OTHERS, f"{name}-{rng.choice(SUFFIXES)}", f"{name}-GGUF", "Mistral", "Bar results"] + [cut] * (
            cut != name
        )
        plain = ["Results", "Evaluation", "Open LLM Leaderboard", "MMLU", "Word error rate", "Test results"]
        title = rng.choice([name, name, f"Model card for {name}", rng.choice(other)])
        headings = [rng.choice([*plain, name, rng.choice(other)]) for _ in range(rng.randint(0, 2))]
        values = [f"{number / 100:.2f}" for number in rng.sample(range(1000, 9999), 3)]
        grid = [["Benchmark", "Score"], *([b, v] for b, v in zip(rng.sample(BENCHMARKS[:6], 3), values, strict=True))]
        lines = [f"# {title}", *(f"{'#' * (n + 2)} {text}" for n, text in enumerate(headings)), pipe(grid)]
        found = [value for _, value in read_values("\n\n".join(lines), name)]
        wanted = name in f"{title} {headings}" and not any(text in other for text in (title, *headings))
        assert not found or (wanted and found == values), (seed, lines)
        read += bool(found)
    assert read > NUMBER / 20
