"""Numbers in cells."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence

from parts.cards.labels import split_label
from parts.cards.text import _DECOR, _MARKS
from parts.cards.vocabulary import Cell, Value

# A plain number such as 85.2, as most score cells are; parse_value gives its float, and needs no look at the rest.
is_decimal = re.compile(r"\d{1,6}(?:\.\d{1,8})?").fullmatch
_WORD = re.compile(r"\w")
_NUMBER = r"[-+−–]?(?:\d+(?:[.,]\d+)*|[.]\d+)"
_COMMA_NUMBER = re.compile(r"\W*(?:\d{1,3},\d{1,2}|0,\d{3,4}|\d{1,3}(?:\.\d{3})+,\d+)(?!\d)")
_POINT_NUMBER = re.compile(r"\W*\d+\.(?!\d{3}(?:[.,]\d|(?!\d)))\d+(?![\d.,])")

# A score cell: marks, a number, then deviations, further numbers, brackets, marks.
_LEAD = re.compile(rf"[~≈><≥≤=≃∼{_DECOR}{_MARKS}✅\s]*({_NUMBER})\s*([%％])?")
_REST = re.compile(
    rf"\s*(?:(?:[↑↓▲▼⬆⬇]\s*|(?<=\s)[-+−]){_NUMBER}\s*[%％]?(?!\w)|(?:±|\+/-|\+-|∓)\s*{_NUMBER}\s*[%％]?|"
    rf"(?P<sep>[/|;,→&]|->|\bvs\.?)\s*(?P<next>{_NUMBER})\s*[%％]?(?![\w.])|"
    rf"(?P<bracket>\([^()]{{0,80}}\)|\[[^\[\]]{{0,80}}\]|（[^（）]{{0,80}}）)|(?P<shots>@?\d+-shot)|(?:pts?|points?|"
    rf"分)\b\.?|"
    rf"[{_MARKS}{_DECOR}¹²³⁴⁵⁶⁷⁸⁹⁰%％✅!]|(?P<line>\n)\s*)"
)


@functools.lru_cache(maxsize=16384)
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
    while at < len(text):
        rest = _REST.match(text, at)
        if not rest or rest.end() == at:
            return None
        at = rest.end()
        percent = percent or "%" in rest[0]
        if rest["next"]:
            numbers.append(to_number(rest["next"], decimal_comma))
        elif rest["bracket"]:
            label = split_label("x " + rest["bracket"])
            shots, metric = shots or label.shots, metric or label.metric
            if not label.shots and not label.metric:
                numbers.extend(bracket_numbers(rest["bracket"], decimal_comma))
        elif rest["line"] is not None and not text[at:].lstrip().startswith(("(", "[", "±", "+")):
            return None
    if any(number is None for number in numbers):
        return None
    return Value(tuple(numbers), percent, shots, metric)


def bracket_numbers(bracket: str, decimal_comma: bool) -> list[float]:
    """The scores inside a bracket: "(68.0)" has one; "(+1.2)", "(ours)" and "(95% CI)" have none."""
    inner = bracket[1:-1].strip()
    if re.search(r"[↑↓±+]|[^\W\d_]", inner) or inner.startswith(("-", "−")):
        return []
    found = (to_number(part, decimal_comma) for part in re.findall(_NUMBER, inner))
    return [number for number in found if number is not None]


def to_number(token: str, decimal_comma: bool) -> float | None:
    """ "1,234.5" -> 1234.5; "85,2" -> 85.2 in a table with decimal commas; "23.11.30" and "1,2" elsewhere -> None."""
    token = token.replace("−", "-").replace("–", "-")
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


def uses_decimal_comma(rows: Sequence[Sequence[Cell]]) -> bool:
    """Whether a table writes 85,2 for 85.2: some cell does, and none has a decimal point."""
    if not any(map(_COMMA_NUMBER.match, [cell.text for row in rows for cell in row if "," in cell.text])):
        return False
    return not any(_POINT_NUMBER.match(cell.text) for row in rows for cell in row)
