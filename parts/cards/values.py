"""Score cells -> numbers. Takes a cell's plain text, gives its Values, or nothing for all that is no score.

A cell is kept whole: divided by line breaks, "|", "/" or ";" it has as many values; a number with another one in a
bracket behind it has one Value of two numbers, and the reader asks which is meant.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Collection
from typing import NamedTuple

from parts.cards.labels import CARD_WORDS, DIGIT_IN, note_of, split_label
from parts.cards.text import DECOR, MARKS
from parts.patterns import Regex


class Value(NamedTuple):
    """What a cell, or a part of it, says."""

    numbers: tuple[float, ...]  # more than one: it cannot be told which is the score
    percent: bool = False
    shots: str | None = None
    metric: str | None = None
    bound: bool = False  # ">60": it is not the number that stands there
    note: str | None = None  # the variant that a bracket says: "(w/ tools)"
    odd: str = ""  # what stands by it and may make it another thing: "(German)", "#3"


MISSING_CELL = Regex(
    r"(?i)[-—–−―/\\.…?✗✘×x❌*\s]*|n\.?/?a\.?|oom|tbd|tba|none|null|nan|err(?:or)?|fail(?:ed)?|n/r|nr|pending|timeout|"
    r"待定|无|暂无"
)
LONGEST_MISSING = 7  # letters of a word for nothing
# A plain number such as 85.2, as most score cells are; parse_value gives its float, and needs no look at the rest.
is_decimal = Regex(r"\d{1,6}(?:\.\d{1,8})?").fullmatch
_NUMBER = r"[-+−–]?(?:\d+(?:[.,]\d+)*|[.]\d+)"
# A score cell: marks, a number, then deviations, further numbers, brackets, marks.
_LEAD = Regex(rf"[~≈><≥≤=≃∼{DECOR}{MARKS}✅\s]*({_NUMBER})\s*([%％])?")
_CHANGE_OR_RANK = Regex(r"[↑↓⬆⬇⇑⇓↗↘#🥇🥈🥉]")  # before a number: "#3"
_PLAIN_BRACKET = Regex(rf"(?i)[\W\d]*|\W*(?:\w|{CARD_WORDS['plain_brackets']})\W*|[^\w]*[+±↑↓−-].*")
_BOUND = Regex(rf"[{DECOR}{MARKS}✅\s]*[<>≤≥]")
_REST = Regex(
    rf"\s*(?:(?:[↑↓▲▼⬆⬇]\s*|(?<=\s)[-+−]){_NUMBER}\s*[%％]?(?!\w)|(?:±|\+/-|\+-|∓)\s*{_NUMBER}\s*[%％]?|"
    rf"(?:[,→&]|->|\bvs\.?)\s*(?P<next>{_NUMBER})\s*[%％]?(?![\w.])|"
    rf"(?P<bracket>\([^()]{{0,80}}\)|\[[^\[\]]{{0,80}}\]|（[^（）]{{0,80}}）)|(?P<shots>@?\d+-shot)|(?:pts?|points?|"
    rf"分)\b\.?|"
    rf"[{MARKS}{DECOR}¹²³⁴⁵⁶⁷⁸⁹⁰%％✅!]|(?P<line>\n)\s*)"
)


def parse_value(text: str, decimal_comma: bool = False) -> Value | None:
    """The numbers of a score cell, or None for anything else: "7B", "5-shot", "16.3GB", "2024-05-13", "1e-4", "-".

    "85.2%" -> 85.2 percent; "1,234" -> 1234; "67.2 (68.0)" -> 67.2, 68; "± 0.4" and "(+1.2)" are no values
    """
    text = text.strip()
    if is_decimal(text) and not decimal_comma:
        return Value((float(text),))
    if len(text) > 160 or not (match := _LEAD.match(text)):
        return None
    first = to_number(match[1], decimal_comma)
    if first is None:
        return None
    numbers, percent, shots, metric, at = [first], bool(match[2]), None, None, match.end()
    sign = _CHANGE_OR_RANK.search(text, 0, match.start(1))
    note, odd = None, sign[0] if sign else ""
    bound = bool(_BOUND.match(text))
    while at < len(text):
        rest = _REST.match(text, at)
        if not rest or rest.end() == at:
            return None
        at = rest.end()
        percent = percent or ("%" in rest[0] and (first > 1 or rest[0].strip() == "%"))  # "0.61 ±1%": of the spread
        if rest["next"]:
            numbers.append(to_number(rest["next"], decimal_comma))
        elif rest["bracket"]:
            label = split_label("x " + rest["bracket"])
            shots, metric = shots or label.shots, metric or label.metric
            if not label.shots and not label.metric:
                numbers.extend(bracket_numbers(rest["bracket"], decimal_comma))
            if not _PLAIN_BRACKET.fullmatch(said := label.name.removeprefix("x").strip(" ()[]（）")):
                known = note_of(said, said)
                note, odd = (known or note, odd) if known != said or note_of(said) else (note, said)
        elif rest["line"] and not text[at:].lstrip().startswith(("(", "[", "±", "+")):
            return None
    if any(number is None for number in numbers):
        return None
    return Value(tuple(numbers), percent, shots, metric, bound, note, odd)


NUMBER_CELL, ODD_CELL, NOTHING_CELL, TEXT_CELL, BLANK_CELL = "n", "o", "m", "t", ""  # what a cell holds


def cell_kinds(texts: Collection[str], decimal_comma: bool) -> dict[str, str]:
    """What cells hold."""
    return {
        text: NUMBER_CELL if is_decimal(text) else TEXT_CELL if _are_words(text) else cell_kind(text, decimal_comma)
        for text in texts
    }


def cell_kind(text: str, decimal_comma: bool = False) -> str:
    """What a cell holds; ODD_CELL: digits and marks that are no plain number, such as "85,2" among points."""
    if not text or is_decimal(text):
        return NUMBER_CELL if text else BLANK_CELL
    if text[0].isascii() and text[0].isalpha() and text[0] not in "xX" and not _DIVIDER.search(text):
        return NOTHING_CELL if len(text) <= LONGEST_MISSING and MISSING_CELL.fullmatch(text) else TEXT_CELL
    digits = DIGIT_IN.search(text)
    if digits and cell_values(text, decimal_comma):
        return NUMBER_CELL
    if MISSING_CELL.fullmatch(text):
        return NOTHING_CELL
    return ODD_CELL if digits and not _LETTER.search(text) else TEXT_CELL


_are_words = Regex(rf"[A-WYZa-wyz][^\n|/;]{{{LONGEST_MISSING},}}").fullmatch  # no value, and not for a missing one
_LETTER, _DIVIDER = re.compile(r"[^\W\d_]"), re.compile(r"[\n|/;]")
_COUNT, _SHOTS_LAST = re.compile(r"(?i)\d+|zero|one|few"), re.compile(r"(?i)(?:\d+|few|five)[- ]?shots?")
_DIVIDERS = (re.compile(r"\n"), re.compile(r"\s*\|\s*"), re.compile(r"\s*/\s*"), re.compile(r"\s*;\s*"))


@functools.lru_cache(maxsize=16384)
def cell_values(text: str, decimal_comma: bool = False) -> tuple[Value | None, ...]:
    """The values of a cell, None where a part is missing: "2.1 | - | 3" -> 2.1, None, 3; () when it is no score."""
    if not text:
        return ()
    if (value := parse_value(text, decimal_comma)) is not None:
        return (value,)
    if not _DIVIDER.search(text) or MISSING_CELL.fullmatch(text):
        return ()
    for divider in _DIVIDERS:
        parts = divider.split(text)
        values = tuple(parse_value(part, decimal_comma) for part in parts) if len(parts) > 1 else ()
        if any(values) and all(
            value or MISSING_CELL.fullmatch(part) for value, part in zip(values, parts, strict=True)
        ):  # fmt: skip
            return values
    return ()


def divided(text: str, number: int) -> list[str] | None:
    """A label divided as a cell of so many values is: "X: A | B" -> "X: A", "X: B"; "X (A / B)" -> "X (A)", "X (B)".

    None when it is not, or when a part would not be a name of its own: "dev / test" of "TED-LIUM dev / test".
    """
    head, inner, tail = "", text, ""
    if match := re.fullmatch(r"(.*[:：]\s*|.*?\n|.*[(\[（])([^()（）\[\]]*?)([)\]）]?)", text, re.S):
        head, inner, tail = match[1].replace("\n", " "), match[2], match[3]
    elif match := re.fullmatch(r"(.*\s)(\S+/\S+)", text):  # "MTOB en->kgv/kgv->en"
        head, inner = match[1], match[2]
    for before, middle, after in ((head, inner, tail), ("", text, "")):
        for divider in _DIVIDERS:
            parts = [part.strip() for part in divider.split(middle.strip().rstrip("|/;").rstrip())]
            alike = len({len(part.split()) for part in parts}) == 1 and not any(part.isdigit() for part in parts)
            if len(parts) == number and _SHOTS_LAST.fullmatch(parts[-1]) and all(map(_COUNT.fullmatch, parts[:-1])):
                parts = [*(f"{part}-shot" for part in parts[:-1]), parts[-1]]  # "Test (0/few-shot)"
                return [f"{before}{part}{after}" for part in parts]
            lettered = {any(map(str.isalpha, part)) for part in parts}
            if len(lettered) > 1 or (not before and parts[0][:1].isupper() and parts[-1][:1].islower()):
                continue  # "maj@1/8", "Video-MME wo/w subs": a part is no name of its own
            if len(parts) == number and all(parts) and (before or alike or divider is _DIVIDERS[0]):
                return [f"{before}{part}{after}" for part in parts]
    return None


def bracket_numbers(bracket: str, decimal_comma: bool) -> list[float]:
    """The scores inside a bracket: "(68.0)" has one; "(+1.2)", "(ours)" and "(95% CI)" have none."""
    inner = bracket[1:-1].strip()
    if re.fullmatch(r"[\d.]+\s*(?:[-–—]|to)\s*[\d.]+", inner):
        return []  # an interval
    if re.search(r"[↑↓±+]|[^\W\d_]", inner) or inner.startswith(("-", "−")):
        return []
    found = (to_number(part, decimal_comma) for part in re.findall(_NUMBER, inner))
    return [number for number in found if number is not None]


def to_number(token: str, decimal_comma: bool) -> float | None:
    """ "1,234.5" -> 1234.5; "85,2" -> 85.2 in a table with decimal commas; "23.11.30" and "1,2" elsewhere -> None."""
    token = token.replace("−", "-").replace("–", "-")
    if token.startswith("+"):
        return None  # a difference
    if "," in token:
        if decimal_comma and re.fullmatch(r"[-+]?\d+(?:\.\d{3})*,\d+", token):
            token = token.replace(".", "").replace(",", ".")
        elif re.fullmatch(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?", token):
            token = token.replace(",", "")
        else:
            return None
    elif decimal_comma and re.fullmatch(r"[-+]?\d{1,3}(?:\.\d{3})+", token):
        token = token.replace(".", "")
    if token.count(".") > 1 or len(token) > 24 or len(token.partition(".")[0]) > 15:  # an identifier, a time stamp
        return None
    return float(token)


_COMMA_NUMBER = Regex(r"\W*(?:\d{1,3},\d{1,2}|0,\d{3,4}|\d{1,3}(?:\.\d{3})+,\d+)(?!\d)")
_POINT_NUMBER = Regex(r"\W*\d+\.(?!\d{3}(?:[.,]\d|(?!\d)))\d+(?![\d.,])")


def uses_decimal_comma(texts: Collection[str]) -> bool:
    """Whether the cells of a table write 85,2 for 85.2: some cell does, and none has a decimal point."""
    return any(_COMMA_NUMBER.match(text) for text in texts if "," in text) and not any(map(_POINT_NUMBER.match, texts))
