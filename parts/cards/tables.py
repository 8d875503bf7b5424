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

from parts.cards.text import as_it_stands, is_hidden, is_struck, parse_html, plain_text
from parts.frame import ScriptError
from parts.metadata.front_matter import MAX_CARD

MAX_CELLS = 2_000_000  # grid positions of one table after its spans are expanded
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
    told: tuple[str, ...] = ()  # the first paragraph below each heading, as written
    above: Sequence[str] = ()  # the paragraphs before it as written, up to the heading or another table
    below: list[str] = field(default_factory=list)  # those behind it, up to a heading or another table
    caption: str = ""
    layout: tuple[str, ...] = ()  # texts of the tables that this one stands in

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
_PLAIN_LINE = re.compile(  # a letter, or a list's mark with a text behind it, or bold words
    r"([-*+]|\d{1,9}[.)]) {1,3}(?=[^\W\d_]|\*{1,2}[^\s*]|[(\"'“]|`(?!``))|(?=[^\W\d_]|\*\*[^\s*])"
)
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
_HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")

Returned = TypeVar("Returned")
Piece = tuple[str, int, Any]  # "heading", "text", "pipe" or "html"; a heading's level; the source, or a table's rows


@functools.cache
def markdown_parser() -> Any:
    """GFM blocks; plain_text reads the sources that are needed, so inline rules are off, and a table is one token."""
    from markdown_it import MarkdownIt
    from markdown_it.rules_block import heading, table

    parser = MarkdownIt("commonmark").enable("table").disable(["inline", "text_join"])
    rule = functools.partial(whole_table, table)
    parser.block.ruler.at("table", rule, {"alt": ["paragraph", "reference"]})
    parser.block.ruler.before("table", "prose", prose)
    parser.block.ruler.after("table", "early_heading", heading)  # no rule but a table's takes a line with a #
    return parser


def prose(state: Any, start: int, end: int, silent: bool) -> bool:
    """A block rule for paragraphs and lists of plain lines, up to a blank line; no other rule takes any of them."""
    texts: list[list[str]] = [[]]
    line, listed = start, False
    while line < end and not silent:
        source = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
        if not source:
            break
        begin = _PLAIN_LINE.match(source)
        if not begin or not 0 <= state.sCount[line] - state.blkIndent < 4:
            return False
        if begin[1]:
            listed = True
            texts.append([])
        texts[-1].append(source[begin.end() :])
        line += 1
    after = next((i for i in range(line, end) if not state.isEmpty(i)), end) if listed else end
    goes_on = after < end and state.sCount[after] - state.blkIndent > 1  # the last item has more in it
    if silent or line == start or goes_on or not (line < end or line == len(state.bMarks) - 1):
        return False
    state.line = line
    for lines in filter(None, texts):
        state.push("inline", "", 0).content = "\n".join(lines).strip()
    return True


def whole_table(is_table: Callable[..., bool], state: Any, start: int, end: int, silent: bool) -> bool:
    """A block rule for pipe tables that makes one token of a table, its rows in `meta`.

    `is_table` is markdown-it's own rule and says where a table begins; the rows follow as it reads them. Its three
    tokens for each cell take a third of the time of a whole card.
    """
    if start + 2 > end:
        return False
    at = state.bMarks[start + 1] + state.tShift[start + 1]
    if state.src[at : at + 1] not in ("|", "-", ":"):
        return False  # the line below says at one look that this is none
    found = is_table(state, start, end, True)
    if silent or not found:
        return found
    rows = [split_row(state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]])]
    endings = state.md.block.ruler.getRules("blockquote")
    parent, state.parentType = state.parentType, "table"
    line, width = start + 2, len(rows[0])
    while line < end and state.sCount[line] >= state.blkIndent and not state.is_code_block(line):
        source = state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]]
        begins_row = source.startswith("|")  # and nothing else
        if not begins_row and (not source.strip() or any(rule(state, line, end, True) for rule in endings)):
            break
        cells = split_row(source)[:width]
        rows.append(cells + [""] * (width - len(cells)))
        line += 1
        if width * len(rows) > MAX_CELLS:
            raise ScriptError(f"a table has more than {MAX_CELLS:,} cells; nothing is taken")
    state.push("pipe_table", "table", 0).meta = {"rows": rows}
    state.parentType, state.line = parent, line
    return True


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
            gc.enable()

    return run


@uncollected
def parse_card(text: str) -> Card:
    """The card's tables in document order, as rendered, each with the headings and paragraphs around it."""
    if len(text) > MAX_CARD:
        raise ScriptError(f"the card has {len(text):,} characters; at most {MAX_CARD:,} are read")
    front = _FRONT.match(text)
    body = card_body(text, front)
    pieces = list(read_blocks(body[: end_of_tables(body)]))
    pieces = list(document_order(pieces))
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


def read_blocks(body: str) -> Iterator[Piece]:
    """The card's Markdown blocks as written: headings, paragraphs, pipe tables, and pieces of HTML."""
    parser, found = markdown_parser(), []
    body = re.sub(r"\r\n?", "\n", body) if "\r" in body else body
    parser.block.parse(body.replace("\0", "\ufffd"), parser, {}, found)
    tokens = iter(found)
    for token in tokens:
        kind = token.type
        if kind == "heading_open":
            yield "heading", int(token.tag[1]), next(tokens).content
        elif kind == "pipe_table":
            yield "pipe", 0, list(map(plain_cells, token.meta["rows"]))
        elif kind == "html_block":
            yield from html_pieces(token.content)
        elif kind == "fence":
            yield from (("text", 0, line) for line in token.content.split("\n") if "pretrained=" in line)  # of lm-eval
        elif kind == "inline":
            if "<" in token.content and _TABLE_TAG.search(source := _CODE_SPAN.sub("", token.content)):
                yield "html", 0, source
            else:
                yield "text", 0, token.content


def plain_cells(row: Sequence[str]) -> list[Cell]:
    """The cells of a pipe table's row; of a row without markup at one look."""
    if as_it_stands(" ".join(filter(None, row))):
        return [Cell(source, source) for source in row]
    return [Cell(source, plain_text(source)) for source in row]


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
                    {cell.text for row in content[0][:50] for cell in row[:20] if 1 < len(cell.text) < 100},
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


def html_rows(table: Any, places: dict[str, list[Piece]]) -> tuple[list[list[Cell]], int, str]:
    """An HTML table's grid with spans expanded, its number of header rows, and its caption."""
    grid: list[list[Cell]] = []
    pending: dict[int, tuple[Cell, int]] = {}  # column -> cell that spans down, rows left
    head, heading, caption, last_group, cells, unsure = 0, True, "", None, 0, False
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
            unsure = unsure or may_be_hidden(element) or may_be_hidden(element.getparent())
            struck = is_struck(element) or is_struck(element.getparent())
            cell = Cell(source, "" if struck else plain_text(source), element.tag == "th")
            across = down = 1
            if element.keys():
                across, down = span(element, "colspan", 1000), span(element, "rowspan", 65534)
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
    return [row + [EMPTY] * (width - len(row)) if len(row) < width else row for row in grid], head, caption


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
    path: list[tuple[int, str, str]] = []  # level, heading, the first paragraph below it
    layouts: list[tuple[str, ...]] = []
    heading, before, fresh = None, [], None
    for kind, level, content in pieces:
        if kind == "text":
            if fresh is not None and len(fresh.below) <= MAX_PARAGRAPHS and (fresh.below or one_line(content)):
                fresh.below.append(content)
            before.append(content)
            if path and not path[-1][2]:
                path[-1] = (*path[-1][:2], content[:MAX_PARAGRAPH])
            if "**" in content[:9] and (bold := _BOLD_LINE.fullmatch(content)):  # a heading but for its markup
                kind, level, content = "heading", 7, bold[1]
        if kind == "heading" and not (content := one_line(content)):
            continue  # nobody sees it: the heading above goes on
        if kind == "heading":
            while path and path[-1][0] >= level:
                path.pop()
            path.append((level, content, ""))
            if _ORIGINAL_CARD.match(content):
                path = [(0, content, "")]  # no heading below it ends what it quotes
            heading, before, fresh = content, [], None
        elif kind == "layout":
            layouts = [*layouts, tuple(content)] if level > 0 else layouts[:-1]
        elif kind != "text":
            rows, head, caption = (content, 1, "") if kind == "pipe" else content
            fresh = Table(len(tables) + 1, kind, rows, head, heading, above=before, caption=caption)
            fresh.layout = tuple(text for texts in layouts for text in texts)
            fresh.headings = tuple(text for _, text, _ in reversed(path) if text)
            fresh.told = tuple(told for _, _, told in reversed(path))
            tables.append(fresh)
            before = []
    return tables
