"""A model card's text -> its tables as they are rendered, with the headings and paragraphs around them.

Takes the Markdown of a card (HTML in it, front matter before it); gives a Card with its Tables in document order, spans
expanded, pipe tables and HTML alike. Tables in code fences and comments are none. Limits end in ScriptError.
"""

from __future__ import annotations

import functools
import gc
import html
import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from parts.cards.text import has_markup, is_hidden, is_struck, parse_html, plain_text
from parts.frame import ScriptError
from parts.metadata.front_matter import MAX_CARD

MAX_CELLS = 2_000_000  # grid positions of one table after its spans are expanded
MAX_ABSENT = 200_000  # cells that a pipe table's rows lack; GitHub and pulldown-cmark end it when they are some more
TEXT_BEHIND = 700  # characters behind the last table that are parsed
MAX_PARAGRAPH = 1500  # characters of a paragraph around a table that are looked at
MAX_PARAGRAPHS = 6  # on each side of it


@dataclass(slots=True, eq=False)
class Cell:
    """One cell as written; a spanning cell stands at several places of the grid and stays one object."""

    source: str
    text: str  # as a reader sees it, one line per line break
    header: bool = False


EMPTY = Cell("", "")


@dataclass(slots=True, eq=False)
class Table:
    """A rendered table: its grid with spans expanded, and the text that stands around it."""

    number: int
    kind: str  # "pipe" or "html"
    rows: list[list[Cell]]
    head: int  # rows that the markup makes header rows
    heading: str | None = None
    headings: tuple[str, ...] = ()  # nearest first
    told: tuple[list[str], ...] = ()  # the first paragraphs below each heading, as written
    above: Sequence[str] = ()  # the paragraphs before it as written, up to the heading or another table
    below: list[str] = field(default_factory=list)  # those behind it, up to a heading or another table
    caption: str = ""
    layout: tuple[str, ...] = ()  # texts of the tables that this one stands in
    uneven: frozenset[int] = frozenset()  # rows with several cells, and more or fewer than the others

    @property
    def width(self) -> int:
        return len(self.rows[0]) if self.rows else 0

    @property
    def before(self) -> str:
        """The paragraph before it."""
        return one_line(self.above[-1][-MAX_PARAGRAPH:]) if self.above else ""

    @property
    def after(self) -> str:
        """The paragraph behind it."""
        return one_line(self.below[0][:MAX_PARAGRAPH]) if self.below else ""

    @property
    def between(self) -> list[str]:
        """The paragraphs above the one before it."""
        return [one_line(text[:MAX_PARAGRAPH]) for text in self.above[-MAX_PARAGRAPHS:-1]]

    @property
    def legends(self) -> list[str]:
        """The paragraphs below the one behind it."""
        return [one_line(text[:MAX_PARAGRAPH]) for text in self.below[1:]]


@dataclass(slots=True)
class Card:
    text: str
    title: str
    tables: list[Table]
    front: dict[str, Any] = field(default_factory=dict)


_FRONT = re.compile(r"\A\ufeff?---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.S | re.M)
_BLOCKS = frozenset(("Paragraph", "Heading", "Table", "HtmlBlock", "CodeBlock", "List", "Item", "BlockQuote", "Rule"))
_INDENTED = {"CodeBlock": "Indented"}
_DASHES = r"[ \t]*+:?-++:?[ \t]*+"
_DELIMITER_ROW = rf"(?!-[ \t])(?=[^\n]*[|:])\|?{_DASHES}(?:\|{_DASHES})*+\|?[ \t]*+$"
_DELIMITER = re.compile(_DELIMITER_ROW)
_LATE_TABLE = re.compile(rf"\n([ \t>]*+)(?=[^\n]*\|)([^\n]*+)(?=\n[ \t>]*+({_DELIMITER_ROW}))", re.M)
_NO_ROW = re.compile(r"\n([ \t>]*(?=(</?[a-zA-Z][\w-]*)(?:[ \t][^<>\n]*)?/?>[ \t]*$)|[ \t>]+)", re.M)
_SAYS_MODEL = re.compile(
    r"(?m)pretrained=|--(?:model|limit|split|quantization|revision)\w*[= ]|\bload_in_|vllm serve |"
    r"^\s*(?:model|revision|limit|split|metric)\s*[:=]"
)
# The rows of a table's body as far as they can be one to pulldown-cmark: nothing in them or at their end ends a block.
_ROWS = re.compile(rb"(\n\|[ \t]*:?-[-:| \t]*\n\|)((?:[^\n<>\[\]]*\|[ \t]*\n\|)+)")
_PIPE = re.compile(r"(?<!\\)\|")
_RAW_HEADING = re.compile(r"(?m)^ {0,3}(#{1,6})[ \t]+(\S[^\n]{0,300})$")
_CODE_SPAN = re.compile(r"(`{1,3})[^`]{0,2000}\1")
_TABLE_TAG = re.compile(r"(?i)</?(?:table|thead|tbody|tfoot|tr|td|th|caption)\b")
_CLOSE_TAG = '<x-place n=""></x-place>'  # what a tag that was left open ("</td", "<a href=\"x") takes in, and no more
_MAY_HIDE = frozenset(("hidden", "d-none", "invisible"))
_PLACE = re.compile(r'<x-place n="([^"]*)">(?:</x-place>)?')
_FLOW = frozenset((
    "p", "div", "center", "summary", "details", "table", "x-place", "li", "ul", "ol", "br", "hr", "section", "figure",
    "figcaption", "blockquote",
))  # fmt: skip
_ORIGINAL_CARD = re.compile(r"(?i)\W*original (?:model )?(?:card|readme)\b")
_BOLD_LINE = re.compile(r"\s*\*\*(?!(?:Table|Figure|Note)\b)([^*\n]{2,80}?)[:：]?(?<![.!?。])\*\*[:：]?\s*")
_OF_SECTION = re.compile(  # says something of the tables above it, too
    r"(?i)\A\W*(?:all|every|each|both|these) (?:of the )?(?:results?|scores?|numbers|values|figures|tables|evals)\b"
    r"|\bthis (?:section|page|card)\b"
)
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")

Returned = TypeVar("Returned")
Content = tuple[list[list["Cell"]], int, str, set[int]]  # rows, how many are header rows, caption, uneven rows
Piece = tuple[str, int, Any]  # "heading", "text", "pipe" or "html"; a heading's level; the source, or a table


def split_row(source: str) -> list[str]:
    """The cells of a pipe table's line; the pipes at its ends are not needed, and one after a backslash is text."""
    source = source.strip()
    cells = _PIPE.split(source) if "\\" in source else source.split("|")
    if cells[0] == "":
        cells = cells[1:]
    if cells and cells[-1] == "":
        cells.pop()
    return [cell.strip() for cell in cells] if "\\" not in source else [c.replace("\\|", "|").strip() for c in cells]


def uncollected(work: Callable[..., Returned]) -> Callable[..., Returned]:
    """A function during which the garbage collector rests: a card is many objects, and none of them is in a cycle."""

    @functools.wraps(work)
    def run(*args: Any, **options: Any) -> Returned:
        if not gc.isenabled():
            return work(*args, **options)
        gc.disable()
        try:
            return work(*args, **options)
        finally:
            gc.freeze()  # both only move lists: what was made counts as old, and is not looked through at once
            gc.unfreeze()
            gc.enable()

    return run


@uncollected
def parse_card(text: str) -> Card:
    """The card's tables in document order, as rendered, each with the headings and paragraphs around it."""
    if len(text) > MAX_CARD:
        raise ScriptError(f"the card has {len(text):,} characters; at most {MAX_CARD:,} are read")
    front = _FRONT.match(text)
    body = card_body(text, front)
    pieces = list(document_order(read_blocks(body[: end_of_tables(body)])))
    title = next((one_line(text) for kind, _, text in pieces if kind == "heading"), "")
    return Card(text, title, place_tables(pieces), read_front_matter(front[1]) if front else {})


def card_body(text: str, front: re.Match[str] | None = None) -> str:
    """What follows a card's front matter, which may have been found before."""
    front = front or _FRONT.match(text)
    return text[front.end() :] if front else text.removeprefix("\ufeff")


def end_of_tables(body: str) -> int:
    """Where no table begins or goes on any more: behind the last mark of one, with what may say something of it."""
    at = max(map(body.rfind, "|<>")) + 1 + TEXT_BEHIND
    end = body.find("\n\n", at)
    return len(body) if end < 0 or "\r" in body else end


def read_front_matter(text: str) -> dict[str, str]:
    """The two front-matter fields that say which model this is; looked at as text, so that no YAML can do harm."""
    fields = {}
    for name in ("base_model", "pipeline_tag"):
        if match := re.search(rf"(?m)^{name}:[ \t]*(?:\r?\n[ \t]*-)?[ \t]*([^\s\[\]{{}}&*!#'\"]{{1,200}})", text):
            fields[name] = match[1]
    return fields


def read_blocks(body: str, tries: int = 8) -> list[Piece]:
    """The card's Markdown blocks as written: headings, paragraphs, pipe tables, and pieces of HTML.

    Where GitHub begins or ends a table and pulldown-cmark does not, a blank line is put, and all is read again.
    """
    body = re.sub(r"\r\n?", "\n", body) if "\r" in body else body
    source = body.replace("\0", "\ufffd").encode(errors="replace")
    pieces: list[Piece] = []
    parted, last = [], 0  # the source up to such a line, and the blank one, in turns
    for kind, start, end, margin, level in markdown_blocks(source):
        text = written = source[start:end].decode().rstrip()
        if margin:
            blanks = " \t>" if ">" in margin else " \t"
            text = "\n".join([line.lstrip(blanks) for line in text.split("\n")])
        if kind == "HtmlBlock":
            pieces += html_pieces(text)
            continue
        if kind == "CodeBlock":  # of a command, or of settings
            if text.count("\n") < 17 and _SAYS_MODEL.search(text):
                pieces += [("text", 0, line) for line in text.split("\n") if _SAYS_MODEL.search(line)]
            continue
        if kind == "Heading" and "\n" not in text:
            text = text.lstrip("#").strip()
            rest = text.rstrip("#")
            pieces.append(("heading", level, text if rest and rest[-1] not in " \t" else rest.rstrip()))
            continue
        if "|" in text and (line := parting_line(written, kind, margin)):
            at = start + len(written[: line.start(1)].encode())
            parted += [source[last:at], (line[1] + "\n").encode()]
            last = at if margin or kind == "Table" else at + len(line[1])
        if kind == "Table" and _DELIMITER.match((lines := text.split("\n"))[1].lstrip()):
            pieces.append(("pipe", 0, pipe_rows(lines)))
        elif kind == "Heading":
            pieces.append(("heading", level, text.rpartition("\n")[0]))
        elif "<" in text and _TABLE_TAG.search(shown := _CODE_SPAN.sub("", text)):
            pieces.append(("html", 0, shown))
        elif text:
            pieces.append(("text", 0, text))
    if not parted:
        return pieces
    if not tries:
        raise ScriptError("tables begin inside of paragraphs, one in the other; nothing is taken")
    return read_blocks(b"".join([*parted, source[last:]]).decode(), tries - 1)


def parting_line(text: str, kind: str, margin: str) -> re.Match[str] | None:
    """The line of a paragraph that is a table's head to GitHub, or the row of a table that is code or HTML to it."""
    if kind == "Table":
        rows = _NO_ROW.finditer(text, text.find("\n") + 1)
        return next((row for row in rows if row[2] or columns(row[1]) - columns(margin) > 3), None)
    for head in _LATE_TABLE.finditer(text):
        lazy = columns(head[1]) < columns(margin) or head[1].count(">") < margin.count(">")
        if not lazy and len(split_row(head[2])) == len(split_row(head[3])):
            return head
    return None


def columns(blanks: str) -> int:
    """How wide what stands before a line is; a blank behind the mark of a quote belongs to it and may be left out."""
    return len(blanks.expandtabs(4).replace("> ", ">"))


def pipe_rows(lines: Sequence[str]) -> Content:
    """A pipe table from its lines, each row as wide as the head."""
    head, *rows = [split_row(line) for at, line in enumerate(lines) if at != 1]
    width = len(head)
    absent = sum(width - len(row) for row in rows if len(row) < width)
    if width * len(lines) > MAX_CELLS or absent > MAX_ABSENT:
        raise ScriptError(f"a table has more than {MAX_CELLS:,} cells; nothing is taken")
    unlike = ((at, row) for at, row in enumerate(rows, 1) if 1 < len(row) != width)
    uneven = {at for at, row in unlike if any(row[1:]) and any(row[width:] or "-")}
    return [plain_cells((row + [""] * (width - len(row)))[:width]) for row in (head, *rows)], 1, "", uneven


def markdown_blocks(source: bytes) -> Iterator[tuple[str, int, int, str, int]]:
    """The blocks that pulldown-cmark finds: kind, from, to, what a list or quote has before its first line, and a
    heading's level.

    The text of a list's item is no paragraph to it where the list has no blank lines.
    """
    from pyromark import Options, events_with_range

    done, nested, loose, end = 0, 0, -1, 0  # read up to; lists and quotes go up to; text of an item: from, to

    def margin(start: int) -> str:
        if start >= nested:
            return ""
        before = source[source.rfind(b"\n", 0, start) + 1 : start].decode()
        return before[: before.rfind(">") + 1] if before.rstrip().endswith(">") else before

    shown = _ROWS.sub(lambda rows: rows[1] + b"x" * len(rows[2]), source)  # no event for each of their cells
    events = events_with_range(shown.decode(), options=Options.ENABLE_TABLES)
    for event, place in events:
        start = place["start"]
        if start < done and loose < 0:
            continue
        begins = "Start" in event
        tag = event["Start"] if begins else event if type(event) is str else event.get("End", "")
        kind = tag if type(tag) is str else next(iter(tag))
        if kind not in _BLOCKS:
            loose, end = (start if loose < 0 else loose), max(end, place["end"])
            continue
        if loose >= 0:
            yield "Paragraph", loose, end, margin(loose), 0
            done, loose = end, -1
        if not begins or kind == "Item":
            continue
        if kind in ("List", "BlockQuote"):
            nested = max(nested, place["end"])
            continue
        done = place["end"]
        if tag != _INDENTED:
            yield kind, start, done, margin(start), int(tag["Heading"]["level"][1]) if kind == "Heading" else 0


def plain_cells(row: Sequence[str]) -> list[Cell]:
    """The cells of a pipe table's row; of a row without markup at one look."""
    if not has_markup(" ".join(filter(None, row))):
        return [Cell(source, source) for source in row]
    return [Cell(source, plain_text(source) if has_markup(source) else source) for source in row]


def html_pieces(source: str) -> Iterator[Piece]:
    """A block of HTML; a line such as "## Results" in it is taken for the heading that it was meant to be."""
    at = 0
    for match in _RAW_HEADING.finditer(source) if "#" in source else ():
        yield "html", 0, source[at : match.start()]
        yield "heading", len(match[1]), match[2]
        at = match.end()
    yield "html", 0, source[at:]


def document_order(pieces: Sequence[Piece]) -> Iterator[Piece]:
    """Headings, texts and tables as they are rendered: HTML parsed, comments gone, pipe tables at their place in it."""
    if not any(kind == "html" and source.strip() for kind, _, source in pieces):
        yield from pieces
        return
    stream: list[str] = []
    places: dict[str, list[Piece]] = {}  # one for all that stands between two pieces of HTML: they share their fate
    for is_html, group in itertools.groupby(pieces, key=lambda piece: piece[0] == "html"):
        if is_html:
            stream.extend(source for _, _, source in group)
        else:
            stream.append(f'{_CLOSE_TAG}<x-place n="{len(places)}"></x-place>')
            places[str(len(places))] = list(group)
    yield from walk_html(parse_html("\n".join(stream)), places)


def walk_html(root: Any, places: dict[str, list[Piece]]) -> Iterator[Piece]:
    """Headings, texts and tables of the tree; the cells of a table are walked only when it lays out other tables."""
    from lxml import etree

    said: list[str] = []
    layouts: list[Any] = []
    walker = etree.iterwalk(root, events=("start", "end"))
    for event, element in walker:
        tag = element.tag
        if event == "start" and said and (tag in _FLOW or tag in _HEADINGS):
            if text := "".join(said).strip():
                yield "text", 0, text
            said = []
        if event == "end":
            if layouts and element is layouts[-1]:
                layouts.pop()
                yield "layout", -1, ()
            said.append(element.tail or "")
        elif tag == "x-place":
            yield from places.get(element.get("n"), ())
        elif is_hidden(element):
            walker.skip_subtree()  # nobody sees it, so nobody has agreed to it
        elif tag == "table":
            content = html_rows(element, places)
            yield "html", 0, content
            if next(element.iterdescendants("table", "x-place"), None) is None:
                walker.skip_subtree()
            else:
                layouts.append(element)
                yield (
                    "layout",
                    1,
                    dict.fromkeys(c.text for row in content[0][:50] for c in row[:20] if 1 < len(c.text) < 100),
                )
        elif tag in _HEADINGS:
            yield "heading", int(tag[1]), inner_html(element, places)
            walker.skip_subtree()
        else:
            said.append(element.text or "")
    if text := "".join(said).strip():
        yield "text", 0, text


def may_be_hidden(element: Any) -> bool:
    """Whether a style sheet, which the page of a card may have or not, does not show an element."""
    return bool(element.keys()) and not _MAY_HIDE.isdisjoint((element.get("class") or "").split())


@functools.lru_cache(maxsize=4096)
def one_line(source: str) -> str:
    return " ".join(plain_text(source).split())


def inner_html(element: Any, places: dict[str, list[Piece]]) -> str:
    """The source inside an element, nested tables left out, Markdown inside it put back."""
    text = element.text or ""
    if len(element) == 0:
        return html.escape(text, quote=False) if "<" in text or "&" in text else text
    from lxml import etree

    parts = [html.escape(text, quote=False)]
    for child in element:
        if child.tag == "table" or next(child.iter("table"), None) is not None:
            parts.append(html.escape(child.tail or "", quote=False))
        else:
            parts.append(etree.tostring(child, encoding="unicode", method="html"))
    source = "".join(parts)
    if "<x-place" in source:
        source = _PLACE.sub(lambda m: markdown_source(places.get(m[1], ())), source)
    return source


def markdown_source(pieces: Sequence[Piece]) -> str:
    return "\n".join("" if kind == "pipe" else source for kind, _, source in pieces)


def html_rows(table: Any, places: dict[str, list[Piece]]) -> Content:
    """An HTML table's grid with spans expanded, its number of header rows, its caption, and its uneven rows."""
    grid: list[list[Cell]] = []
    pending: dict[int, tuple[Cell, int]] = {}  # column -> cell that spans down, rows left
    head, heading, caption, last_group, cells, unsure = 0, True, "", None, 0, False
    line, line_struck = None, False
    for group, elements, extra in own_rows(table):
        if extra is not None:
            caption = one_line(inner_html(extra, places))
            continue
        if group is not last_group:
            pending, last_group = {}, group
        row: list[Cell] = []
        for element in elements:
            while len(row) in pending:
                row.append(take_pending(pending, len(row)))
            source = inner_html(element, places).strip()
            if (parent := element.getparent()) is not line:
                line, line_struck, unsure = parent, is_struck(parent), unsure or may_be_hidden(parent)
            struck, across, down = line_struck, 1, 1
            if element.keys():
                struck, unsure = struck or is_struck(element), unsure or may_be_hidden(element)
                across, down = span(element, "colspan", 1000), span(element, "rowspan", 65534)
            cell = Cell(source, "" if struck else plain_text(source), element.tag == "th")
            for _ in range(across):
                if down > 1:
                    pending[len(row)] = (cell, down - 1)
                row.append(cell)
            cells += across
            if cells > MAX_CELLS:
                raise ScriptError(
                    f"a table has more than {MAX_CELLS:,} cells when its spans are expanded; nothing is taken"
                )
        while pending and len(row) <= max(pending):
            row.append(take_pending(pending, len(row)) if len(row) in pending else EMPTY)
        cells += max(0, len(row) - len(elements))
        heading = (
            heading and bool(elements) and (group.tag == "thead" or all(element.tag == "th" for element in elements))
        )
        head += heading
        grid.append(row)
    caption = f"{caption} (a part of it may be hidden)".strip() if unsure else caption
    width = max(map(len, grid), default=0)
    if width * len(grid) > MAX_CELLS:
        raise ScriptError(f"a table has more than {MAX_CELLS:,} cells when its spans are expanded; nothing is taken")
    uneven = {at for at, row in enumerate(grid) if len(row) < width and len({id(c) for c in row if c.text}) > 1}
    rows = [row + [EMPTY] * (width - len(row)) if len(row) < width else row for row in grid]
    return rows, head, caption, uneven


def take_pending(pending: dict[int, tuple[Cell, int]], column: int) -> Cell:
    cell, left = pending.pop(column)
    if left > 1:
        pending[column] = (cell, left - 1)
    return cell


def span(element: Any, name: str, limit: int) -> int:
    text = (element.get(name) or "").strip()
    number = int(text[:9]) if text[:9].isdecimal() and text.isascii() else 1
    return min(limit, number or (limit if name == "rowspan" else 1))


def own_rows(table: Any) -> Iterator[tuple[Any, list[Any], Any]]:
    """(row group, cells, None) of a table itself, not of tables nested in it; (_, [], caption) for its caption."""
    stack, loose, place = [(iter(table), table)], [], table  # loose: cells without <tr>, and where they begin
    while stack:
        children, group = stack[-1]
        for element in children:
            tag = element.tag
            if is_hidden(element):
                continue
            if loose and tag in ("tr", "thead", "tbody", "tfoot"):
                yield place, loose, None
                loose = []
            if tag == "tr":
                yield group, list(row_cells(element)), None
            elif tag in ("td", "th"):
                if not loose:
                    place = group
                loose.append(element)
            elif tag == "caption":
                yield group, [], element
            elif tag != "table":
                stack.append((iter(element), element if tag in ("thead", "tbody", "tfoot") else group))
                break
        else:
            stack.pop()
    if loose:
        yield place, loose, None


def row_cells(row: Any) -> Iterator[Any]:
    """The cells of a row, also those that stray tags stand around."""
    stack = [iter(row)]
    while stack:
        for element in stack[-1]:
            if is_hidden(element):
                continue
            if element.tag in ("td", "th"):
                yield element
            elif element.tag not in ("table", "tr"):
                stack.append(iter(element))
                break
        else:
            stack.pop()


def place_tables(pieces: Sequence[Piece]) -> list[Table]:
    """Number the tables and give each its headings, nearest first, and the paragraphs next to it and below those."""
    tables: list[Table] = []
    path: list[tuple[int, str, list[str]]] = []  # level, heading, the first paragraphs below it
    layouts: list[tuple[str, ...]] = []
    heading, before, fresh, leads = None, [], None, True  # leads: no table is below the heading yet
    for kind, level, content in pieces:
        if kind == "text":
            if fresh is not None and len(fresh.below) <= MAX_PARAGRAPHS and (fresh.below or one_line(content)):
                fresh.below.append(content)
            before.append(content)
            if path and (len(path[-1][2]) < MAX_PARAGRAPHS if leads else _OF_SECTION.search(content[:MAX_PARAGRAPH])):
                path[-1][2].append(content[:MAX_PARAGRAPH])
            if "**" in content[:9] and (bold := _BOLD_LINE.fullmatch(content)):  # a heading but for its markup
                kind, level, content = "heading", 7, bold[1]
        if kind == "heading" and not (content := one_line(content)):
            continue  # nobody sees it: the heading above goes on
        if kind == "heading":
            while path and path[-1][0] >= level:
                path.pop()
            path.append((level, content, []))
            if _ORIGINAL_CARD.match(content):
                path = [(0, content, [])]  # no heading below it ends what it quotes
            heading, before, fresh, leads = content, [], None, True
        elif kind == "layout":
            layouts = [*layouts, tuple(content)] if level > 0 else layouts[:-1]
        elif kind != "text":
            rows, head, caption, uneven = content
            fresh = Table(len(tables) + 1, kind, rows, head, heading, above=before, caption=caption)
            fresh.uneven = frozenset(uneven)
            fresh.layout = tuple(text for texts in layouts for text in texts)
            fresh.headings = tuple(text for _, text, _ in reversed(path) if text)
            fresh.told = tuple(told for _, _, told in reversed(path))
            tables.append(fresh)
            before, leads = [], False
    return tables
