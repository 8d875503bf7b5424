"""Placeholders of a model card filled with measured scores."""

from __future__ import annotations

import contextlib
import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

from parts.frame import ScriptError, listing, nearest, plain
from parts.inputs import MAX_CARD_FILE, check_card_size, input_bytes
from parts.ranking.card_rows import CardOffers, named_offer, refuse_overall, row_offer
from parts.ranking.vocabulary import EXCLUDED, Ranking
from parts.statistics.intervals import Estimate
from parts.vocabulary import MetricMapping, normalize_name

# {RESULT}, {RESULT:gsm8k}, {RESULT:gsm8k:interval}, {BEST:tied}
PLACEHOLDER = re.compile(r"\{(?P<what>RESULT|BEST)(?::(?P<name>[^{}\r\n|:]{1,80})(?::(?P<part>[a-z_]{1,20}))?)?\}")

PERCENT = re.compile(r"%|\bper ?cent(?:age)?\b|\bpct\b", re.IGNORECASE)
EMPTY_CELL = re.compile(r"\s*|(?i:tb[acd]|to ?do|\?+|x{2,3}|\.{3}|…|pending)")
HTML_CELL = re.compile(r"<t[dh]\b[^<>]{0,200}>\s*([^<>]{1,80}?)\s*</t[dh]>")
LINE_LABEL = re.compile(r"^[\s>*+-]*([^:=|<>{}]{1,80})[:=]\s*[*_`]*$")
DECIMAL = re.compile(r"[-+−]?(\d{1,3})\.(\d{1,6})\s*(%?)")
MOST_BESIDE = 100  # numbers of a column that tell its unit and decimals
# Rows whose numbers are no shares, and so tell nothing of the unit of shares beside them.
NO_SHARE = re.compile(
    r"perplexity|\bppl\b|\bloss\b|bits per|\bbleu\b|\bchrf|\bter\b|\belo\b|\bmos\b|mt[- ]?bench"
    r"|latency|seconds|tokens|param|\bsize\b",
    re.IGNORECASE,
)
OF_HUNDRED = re.compile(r"bleu|chrf|(?:^|_)ter(?:$|_)|rouge|mushra|f1|wer|cer", re.IGNORECASE)  # points of 100
OF_ALL = ("eval_accuracy", "interval", "corrected")  # what is of the mean over all benchmarks
CARD_UNITS = ("percent", "proportion")


@dataclass(frozen=True, slots=True)
class CardCell:
    """A table cell with a placeholder: its line (from 0), its column's header, and as text the row's other cells, their
    headers, the decimal numbers of the column, and what follows the placeholder in its own cell."""

    line: int
    column: str
    others: tuple[str, ...]
    beside: tuple[str, ...] = ()
    after: str = ""
    bare: bool = True
    empty: bool = False
    heads: tuple[str, ...] = ()

    @property
    def row(self) -> tuple[tuple[str, str], ...]:
        """(header, text) of the row's other cells."""
        return tuple(zip(self.heads, self.others, strict=True))


def placeholder_cells(text: str) -> tuple[list[CardCell], set[int]]:
    """The placeholders in a card's pipe tables, in order, one CardCell each, and the empty cells; and the lines of its
    code blocks."""
    from markdown_it import MarkdownIt

    inline, references = MarkdownIt("commonmark"), {}
    tokens = MarkdownIt("commonmark").enable("table").disable("inline").parse(text.removeprefix("\ufeff"), references)
    cells: list[CardCell] = []
    code: set[int] = set()
    table: list[tuple[int, list[str]]] = []

    def words(source: str) -> str:
        children = inline.parseInline(source, references)[0].children or []
        return "".join(c.content for c in children if c.type in ("text", "code_inline")).strip()

    for i, token in enumerate(tokens):
        if token.type in ("fence", "code_block") and token.map:
            code.update(range(*token.map))
        elif token.type == "table_open":
            table = []
        elif token.type == "tr_open":
            table.append((token.map[0] if token.map else -1, []))
        elif token.type in ("th_open", "td_open"):
            table[-1][1].append(tokens[i + 1].content)
        elif token.type == "table_close":
            cells += table_cells(table, [[words(source) for source in row] for _, row in table])
    return cells, code


def table_cells(table: Sequence[tuple[int, list[str]]], shown: Sequence[list[str]]) -> Iterator[CardCell]:
    """The cells with placeholders of one table, and its empty ones; `shown`: the same cells as a reader sees them."""
    header = column_names(shown[0])
    columns = [
        tuple(
            cells[j]
            for cells in shown[1:]
            if j < len(cells) and DECIMAL.fullmatch(cells[j]) and not any(map(NO_SHARE.search, cells))
        )[:MOST_BESIDE]
        for j in range(len(header))
    ]
    for (line, row), texts in zip(table, shown, strict=True):
        bare = [PLACEHOLDER.sub("", text) for text in texts]  # another cell's placeholder says nothing of this one
        for j, source in enumerate(row):
            others = () if line == table[0][0] else tuple(text for k, text in enumerate(bare) if k != j)
            heads = tuple(head for k, head in enumerate(shown[0]) if k != j)[: len(others)]
            for match in PLACEHOLDER.finditer(source):
                after = source[match.end() : match.end() + 12]
                yield CardCell(line, header[j], others, columns[j], after, match["name"] is None, heads=heads)
            if EMPTY_CELL.fullmatch(texts[j]) and line != table[0][0]:
                yield CardCell(line, header[j], others, empty=True, heads=heads)


def column_names(header: Sequence[str]) -> list[str]:
    """The names of a table's columns; those without a name, or with that of another column, are numbered."""
    count = Counter(header)
    numbered = [f"{name} (column {i})" if name else f"column {i}" for i, name in enumerate(header, start=1)]
    return [name if name and count[name] == 1 else other for name, other in zip(header, numbered, strict=True)]


def choose_columns(cells: Sequence[CardCell], wanted: Sequence[str]) -> set[str]:
    """The headers of the columns to fill; ScriptError(code=3) when there are several and none is named."""
    columns = list(dict.fromkeys(cell.column for cell in cells))
    named = ", ".join(repr(column) for column in columns)
    chosen = set()
    for name in wanted:
        found = [c for c in columns if c == name] or [c for c in columns if normalize_name(c) == normalize_name(name)]
        if len(found) != 1:
            raise ScriptError(f"--card-column {name!r}: the card's columns with {{RESULT}} are {named or 'none'}")
        chosen.add(found[0])
    if len(columns) > 1 and not chosen:
        raise ScriptError(
            f"{{RESULT}} stands in several columns: {named}; choose with --card-column NAME (a table with the "
            "benchmarks as columns takes {RESULT:benchmark})",
            code=3,
        )
    return chosen or set(columns)


def card_unit(cell: CardCell | None, after: str, wanted: str | None) -> str | None:
    """ "percent" or "proportion", as what stands around a placeholder says it; None where nothing does.

    By the column's header, the row's label or what follows the placeholder, and by the decimal numbers of its column
    and row. ScriptError(code=3) when these contradict each other and --card-unit does not say.
    """
    if wanted:
        return wanted
    said = percent_said(cell, after)
    cells = (*cell.beside, *cell.others) if cell else ()
    numbers = [match for text in cells if (match := DECIMAL.fullmatch(text.strip()))]
    percents = [match[0] for match in numbers if match[3] or float(f"{match[1]}.{match[2]}") > 1.5]
    shares = [match[0] for match in numbers if not match[3] and 0 < float(f"{match[1]}.{match[2]}") < 1]
    if (said or percents) and shares and not (said and percents):
        raise ScriptError(
            f"in percent ({'as is said there' if said else percents[0]}) or a proportion ({shares[0]})? "
            "--card-unit percent or --card-unit proportion",
            code=3,
        )
    return "percent" if said or percents else "proportion" if shares else None


def percent_said(cell: CardCell | None, after: str) -> bool:
    """Whether the column's header, the row's label or what follows a placeholder says percent."""
    words = [after, *((cell.column, *cell.others) if cell else ())]
    return any(PERCENT.search(text) and not DECIMAL.fullmatch(text.strip()) for text in words)


def placed_unit(
    cell: CardCell | None, after: str, wanted: str | None, key: str | None, score: Estimate, vocabulary: MetricMapping
) -> str | None:
    """card_unit; ScriptError(code=1) where the card says percent of a score that is none: a perplexity, a MOS."""
    own = (vocabulary.entries.get(key or "", {}).get("range") or (None, None))[1] == 100
    shares = score.unit in ("proportion", "percent") or own or OF_HUNDRED.search(score.metric or "")
    if percent_said(cell, after) and not shares:
        raise ScriptError(f"the card says percent here, and {key} is in {score.unit}: take the % away", code=1)
    return card_unit(cell, after, wanted)


def decimals_of(cell: CardCell | None, score: Estimate, unit: str | None) -> int:
    """How many decimals a score gets: as its column has them, else two digits of its standard error, else three."""
    places = [len(match[2]) for text in (cell.beside if cell else ()) if (match := DECIMAL.fullmatch(text.strip()))]
    if places:
        return max(set(places), key=places.count)
    if unit != "percent":
        return 3
    error = (100 if score.unit == "proportion" else 1) * (score.standard_error or 0.0)
    return min(2, max(0, 1 - math.floor(math.log10(error)))) if error > 0 else 1


def shown_score(value: float, score: Estimate, unit: str | None, digits: int) -> str:
    """A score in a card's unit; only proportions have another."""
    factor = 100 if unit == "percent" and score.unit == "proportion" else 1
    return rounded_text(value * factor, digits)


def rounded_text(value: float, digits: int) -> str:
    """A number with so many decimals, halves rounded up as people round what they see (0.4175 -> 0.418)."""
    step = Decimal(1).scaleb(-digits)
    return str(Decimal(repr(round(value, 12))).quantize(step, ROUND_HALF_UP))


def score_part(score: Estimate, part: str, unit: str | None, digits: int) -> str:
    """What {RESULT:x:interval} and the like ask of a score."""
    if part == "interval" and score.interval:
        return " to ".join(shown_score(end, score, unit, digits) for end in (score.interval.low, score.interval.high))
    if part == "error" and score.standard_error is not None:
        return shown_score(score.standard_error, score, unit, digits + 1)
    if part == "n" and score.n is not None:
        return str(score.n)
    known = "interval, error, n"
    raise ScriptError(
        f"its {part} is not known" if part in known else f"there is no {part}; there are: {known}", code=1
    )


def compared_text(ranking: Ranking) -> str:
    """How many checkpoints were compared, and how many were not: '7 (3 more not comparable)'."""
    unlike = 0 if ranking.allow_unlike else len(ranking.unlike)
    lacking = sum(s.reason.startswith(("no measured score", "not (fully) measured")) for s in ranking.skipped)
    known = sum(s.reason == EXCLUDED for s in ranking.skipped)
    kinds = ((unlike, "not comparable"), (lacking, "not fully measured"), (known, "left out knowingly"))
    rest = [f"{n} more {what}" for n, what in kinds if n]
    return f"{len(ranking.ranked)}" + (f" ({', '.join(rest)})" if rest else "")


def winner_value(name: str, ranking: Ranking, what: str = "BEST") -> str:
    """What {BEST:name} stands for; ScriptError(code=1) when it is not known."""
    best, sure = ranking.best, ranking.statistics
    standing = sure.standings.get(best.checkpoint.name) if sure else None
    tied = [one.checkpoint.name for one in ranking.tied if one is not best]
    known = {
        "checkpoint": best.checkpoint.name,
        "step": best.checkpoint.step,
        "of": compared_text(ranking),
        "tied": ", ".join(tied) or "none",
        "eval_accuracy": rounded_text(best.eval_accuracy, 3),
        "interval": " to ".join(rounded_text(end, 3) for end in (best.interval.low, best.interval.high))
        if best.interval
        else None,
        "corrected": rounded_text(sure.corrected.value, 3) if sure else None,
        "p_best": f"{standing.p_best:.2f}" if standing and standing.p_best is not None else None,
        "harness": ", ".join(ranking.harnesses) or None,
    }
    if known.get(name) is None:
        there = [other for other, value in known.items() if value is not None]
        raise ScriptError(f"{{{what}:{name}}} has no value{nearest(name, there)}", code=1)
    return plain(str(known[name]))  # of folders' names and of records


def labels_before(text: str) -> tuple[tuple[str, str], ...]:
    """What names a placeholder outside a pipe table, as a row's cells: "- GSM8K (8-shot): ", "<td>GSM8K</td><td>"."""
    cells = HTML_CELL.findall(text) if "<t" in text else LINE_LABEL.findall(text) if len(text) < 200 else ()
    return tuple(("", cell.strip(" *_`")) for cell in cells)


def keyed_value(
    match: re.Match[str], cell: CardCell | None, after: str, ranking: Ranking, offers: CardOffers, wanted: str | None
) -> str:
    """The text for {RESULT:name} or {RESULT:name:part}; ScriptError(code=1) when there is none."""
    best, name, part = ranking.best, match["name"], match["part"]
    key = None
    if name.strip() == "eval_accuracy":
        whole = best.whole or Estimate(best.eval_accuracy, best.standard_error)
        score: Estimate | None = replace(whole, interval=best.interval)
    elif part is None and name.strip() in ("checkpoint", "step"):
        return winner_value(name.strip(), ranking, "RESULT")
    else:
        row = cell.row if cell else labels_before(match.string[max(0, match.start() - 1000) : match.start()])
        found = offers.once(named_offer, name, row, cell.column if cell else "")
        key, score = (found[0].key, found[1]) if found else (None, None)
    if score is None:
        known = ["eval_accuracy", "checkpoint", "step", *best.scores, *best.categories]
        raise ScriptError(f"{{RESULT:{name}}} has no value{nearest(name, known)}", code=1)
    unit = placed_unit(cell, after, wanted, key, score, offers.vocabulary)
    digits = decimals_of(cell, score, unit)
    return score_part(score, part, unit, digits) if part else shown_score(score.value, score, unit, digits)


class CardFiller:
    """Puts values into a card's placeholders; keeps what is wrong with them, and what is to be said of them."""

    def __init__(
        self, text: str, ranking: Ranking, vocabulary: MetricMapping, columns: Sequence[str], unit: str | None
    ) -> None:
        cells, self.code = placeholder_cells(text)
        self.ranking, self.unit, self.offers = ranking, unit, CardOffers(ranking, vocabulary)
        self.empty, cells = [cell for cell in cells if cell.empty], [cell for cell in cells if not cell.empty]
        self.chosen = choose_columns([cell for cell in cells if cell.bare], columns)
        self.columns_named = self.chosen | {cell.column for cell in cells if not cell.bare}
        self.waiting: dict[int, list[CardCell]] = defaultdict(list)
        for cell in reversed(cells):
            self.waiting[cell.line].append(cell)
        self.problems: list[ScriptError] = []
        self.remarks: list[str] = []
        self.filled = 0

    def value(self, match: re.Match[str], line: int) -> str:
        """What a placeholder stands for; ScriptError where that is not known."""
        cell = self.waiting[line].pop() if self.waiting[line] else None
        after = match.string[match.end() : match.end() + 12]
        if cell and (match["name"] or "").strip() in OF_ALL:
            refuse_overall(match[0], cell.row, cell.column, self.offers)
        if match["what"] == "BEST":
            return winner_value((match["name"] or "").strip(), self.ranking)
        if match["name"] is not None:
            return keyed_value(match, cell, after, self.ranking, self.offers, self.unit)
        if cell is None:
            if line in self.code:
                self.remarks.append(f"line {line + 1}: {{RESULT}} in a code block stays as it is")
                return match[0]
            raise ScriptError("{RESULT} stands outside a pipe table's row; write {RESULT:benchmark} there", code=1)
        if cell.column not in self.chosen:
            self.remarks.append(f"line {line + 1}: {{RESULT}} in column {cell.column!r} stays as it is")
            return match[0]
        offer, score = self.offers.once(row_offer, cell.row, cell.column)
        written = placed_unit(cell, cell.after, self.unit, offer.key, score, self.offers.vocabulary)
        return shown_score(score.value, score, written, decimals_of(cell, score, written))

    def replaced(self, match: re.Match[str], line: int) -> str:
        """The text in a placeholder's place; itself where it cannot be filled."""
        try:
            new = self.value(match, line) if len(self.problems) < 5 else match[0]
        except ScriptError as error:
            self.problems.append(ScriptError(f"line {line + 1}: {error}", error.code))
            return match[0]
        self.filled += new != match[0]
        return new

    def check(self) -> None:
        """ScriptError where a placeholder could not be filled, or there was none."""
        if self.problems:
            code = 3 if all(error.code == 3 for error in self.problems) else 1
            raise ScriptError(f"the card was not filled: {'; '.join(map(str, self.problems))}", code=code)
        if not self.filled:
            named = unfilled_lines(self.empty, {cell.column for cell in self.empty}, self.offers)
            which = f": {listing(named)}" if named else ""
            raise ScriptError(
                f"the card has no {{RESULT}} placeholder to fill; put {{RESULT}} into its cells{which}", code=1
            )


def fill_card(
    text: str,
    ranking: Ranking,
    vocabulary: MetricMapping,
    columns: Sequence[str] = (),
    unit: str | None = None,
    mark: str = "",
) -> tuple[str, list[str]]:
    """The card with its placeholders replaced, and remarks; every other character stays. `mark` is put below scores.

    Raises ScriptError: code 1 when a placeholder cannot be filled or there is none, 3 when the column or the unit is a
    choice.
    """
    filler = CardFiller(text, ranking, vocabulary, columns, unit)
    parts = re.split(r"(\r\n|\r|\n)", text)
    changed = []
    for i in range(0, len(parts), 2):
        before = parts[i]
        parts[i] = PLACEHOLDER.sub(lambda match, line=i // 2: filler.replaced(match, line), before)
        changed += [i] if parts[i] != before else []
    filler.check()
    if mark:
        mark_below(parts, changed, mark)
    left = unfilled_lines(filler.empty, filler.columns_named, filler.offers)
    remarks = [*filler.remarks, *(f"{line}: only {{RESULT}} is filled" for line in left)]
    return "".join(parts), [*remarks, *dict.fromkeys(filler.offers.remarks)]


def unfilled_lines(cells: Sequence[CardCell], columns: set[str], offers: CardOffers) -> list[str]:
    """The cells of some columns that are empty, or TBD, in rows of what was measured: "line 7, 'Ours' stays empty"."""
    found = []
    for cell in cells[:1000]:
        with contextlib.suppress(ScriptError):
            if cell.column in columns and len(found) < 10:
                row_offer(cell.row, cell.column, offers)
                found.append(f"line {cell.line + 1}, {cell.column!r} stays empty")
    return found


def mark_below(parts: list[str], changed: Sequence[int], mark: str) -> None:
    """Put a line of its own below each table or paragraph of a card in which a line was changed."""
    newline = next((part for part in parts[1::2]), "\n")
    ends = set()
    for i in changed:
        while i + 2 < len(parts) and parts[i + 2].strip():
            i += 2
        ends.add(i)
    for i in ends:
        parts[i] += f"{newline}{newline}{mark}"


def read_card(path: Path) -> str:
    """A card's text with its line ends as they are."""
    try:
        text = input_bytes(path, MAX_CARD_FILE).decode("utf-8")
    except UnicodeDecodeError as error:
        raise ScriptError(f"--card {path}: not UTF-8 (byte {error.start}); save it as UTF-8") from error
    check_card_size(text, f"--card {path}")
    return text
