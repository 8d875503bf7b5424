"""What a reader sees of Markdown, HTML and LaTeX in a cell, a heading or a paragraph: plain text.

Takes sources, gives text; one line for each line break.
"""

from __future__ import annotations

import functools
import html
import re
from typing import Any

from parts.frame import ScriptError
from parts.patterns import Regex

MAX_CELL_TEXT = 4_000  # characters of a cell that are looked at
MAX_LABEL = 400  # characters of a header or label that are looked at

_SPECIAL = Regex(r"[*_`<&\\\[~$^\n\t{\u00ad\u200b-\u200f\u2060\ufeff\uff05-\uff19]")
_ODD_LETTER = Regex(r"[\u00ad\u200b-\u200f\u2060\ufeff\uff05\uff0e\uff10-\uff19]")  # unseen, or of full width
_FULL_WIDTH = {**{chr(0xFF10 + n): str(n) for n in range(10)}, "％": "%", "．": "."}
_STRUCK = Regex(r"~~(?!\s)[^~\n]{1,300}~~")
_BOLD_NUMBER = Regex(r"\s*\*\*([\d.,%\s]+)\*\*\s*")
_BREAK = Regex(r"(?i)<\s*(?:br|/p|/div|/li|hr)\b[^<>]{0,200}>")
_SUB_OR_SUP = Regex(r"(?i)<su[bp]\b[^<>]{0,200}>")
_SUP = Regex(r"(?is)<sup\b[^<>]{0,200}>(.{0,400}?)</sup\s*>")
_FOOTNOTE = Regex(r"[\s*†‡§¶#^,]*(?:\d{1,2}|[a-g]|[ivx]{1,4})?[\s*†‡§¶#^,\d]*|\[\d{1,2}\]|\(\d\)")
_HIDDEN = Regex(r"(?i)<(script|style|del|s|strike)\b[^<>]{0,200}>(?:[^<]|<(?!\1\b)){0,2000}?</\1\s*>")
_MAY_UNDISPLAY = Regex(r"(?i)<[^<>]*(?:\bhidden\b|\bstyle\s*=)")
_STYLE_BLANKS = Regex(r"/\*.*?\*/|\s+", re.S)
_TAG = Regex(r"</?[a-zA-Z][^<>]{0,1000}>|<!--.{0,1000}?-->", re.S)
_IMAGE = Regex(r"!\[[^\[\]]{0,300}\](?:\((?:[^()]|\([^()]{0,200}\)){0,1000}\)|\[[^\[\]]{0,100}\])?")
_LINK = Regex(r"\[([^\[\]]{0,500})\](?:\((?:[^()]|\([^()]{0,200}\)){0,1000}\)|\[[^\[\]]{0,100}\])")
_FOOTNOTE_REF = Regex(r"\[\^[^\[\]\s]{1,40}\]")
_LATEX_GROUP = Regex(
    r"\\(?:text(?:bf|it|rm|sc|tt|sf)?|math(?:bf|rm|it|sf|tt|bb)|boldsymbol|bm|bf|underline|emph|mbox|uline|"
    r"textcolor\{[^{}]{0,30}\}|color\{[^{}]{0,30}\})\s*\{([^{}]{0,300})\}"
)
_LATEX_WORDS = {
    r"\pm": " ± ", r"\ddagger": "‡", r"\uparrow": "↑", r"\downarrow": "↓", r"\times": "×", r"\tau": "τ",
    r"\dagger": "†",    r"\ast": "*", r"\star": "*",
    r"\geq": "≥", r"\leq": "≤", r"\approx": "≈", r"\sim": "~",
    r"\%": "%", r"\,": " ", r"\;": " ", r"\ ": " ",
    r"\Delta": "Δ", r"\alpha": "α", r"\beta": "β", r"\mu": "μ", r"\bf": "", r"\rm": "", r"\quad": " ",
}  # fmt: skip
_LATEX_WORD = Regex(r"\\(?:[a-zA-Z]+|[%,; ])")
_MATH = Regex(r"\$\$?([^$\n]{1,400})\$\$?")
# Each alternative begins with its mark, so that the next mark is found quickly in a long text.
_EMPHASIS = Regex(r"\*\*(?:(?<!\\\*\*)(?=\S)|(?<=[^\s\\]\*\*))|__(?:(?<![\w\\]__)(?=\S)|(?<=[^\s\\]__)(?!\w))")
_ITALIC = Regex(r"(?<![\w*\\])\*([^*\s](?:[^*\n]{0,300}[^*\s\\])?)\*(?![\w*])")
_UNDERLINE = Regex(r"(?<![\w\\])_([^_\s](?:[^_\n]{0,300}[^_\s\\])?)_(?!\w)")
_ESCAPE = Regex(r"\\([!-/:-@\[-`{-~])")
MARKS = "*†‡§¶^#ᵃᵇᶜ⁎∗＊"
DECOR = "↑↓⬆⬇⇑⇓↗↘🥇🥈🥉🏆⭐✨🔥🚀🌟📈🎉🤗\ufe0f🆕👑💥"
_DECOR_MARK = Regex(f"[{DECOR}]")
_TAIL_MARKS = f" {MARKS}¹²³⁴⁵⁶⁷⁸⁹"
_SHARP = Regex(r"(?<!\w)[CF]#$")  # languages, no footnotes
_REFERENCE_TAIL = Regex(r"\[\d{1,2}\]$")


def plain_text(source: str) -> str:
    """A cell's or heading's text as rendered: markup, links, footnote marks and LaTeX resolved; lines kept.

    "[**Foo**](u)<br>(5-shot)" -> "Foo\\n(5-shot)"; "$85.2_{\\pm 0.3}$" -> "85.2 ± 0.3"
    """
    if not has_markup(source):
        return source.strip()
    source = source[:MAX_CELL_TEXT]
    if match := _BOLD_NUMBER.fullmatch(source):
        return match[1].strip()
    return _plain_text(source)


def has_markup(source: str) -> bool:
    """Whether a source may be read otherwise than it stands."""
    return _SPECIAL.search(source) is not None or "  " in source or len(source) > MAX_CELL_TEXT


@functools.lru_cache(maxsize=4096)
def _plain_text(text: str) -> str:
    if not text.isascii():
        text = _ODD_LETTER.sub(lambda m: _FULL_WIDTH.get(m[0], ""), text)
    if "<" in text:
        text = shown_html(text) if _MAY_UNDISPLAY.search(text) else text
        text = _HIDDEN.sub("", text)
        whole = text.strip()
        text = _SUP.sub(lambda m: _superscript(m, whole), text)
        text = _TAG.sub("", _SUB_OR_SUP.sub(" ", _BREAK.sub("\n", text)))
    if "[" in text:
        text = _FOOTNOTE_REF.sub("", text)
        text = _LINK.sub(_link_text, _IMAGE.sub("", text))
    if "$" in text or "\\" in text:
        text = _MATH.sub(lambda m: _latex(m[1]), text)
        if "\\text" in text or "\\underline" in text or "\\pm" in text:
            text = _latex(text)
    if "~~" in text:
        text = _STRUCK.sub("", text)
    if "**" in text or "__" in text:
        text = _EMPHASIS.sub("", text)
    if "*" in text:
        text = _ITALIC.sub(r"\1", text)
    if "_" in text:
        text = _UNDERLINE.sub(r"\1", text)
    if "&" in text:
        text = html.unescape(text)
    text = text.replace("`", "")
    if "\\" in text:
        text = _ESCAPE.sub(r"\1", text)
    if "\n" not in text:
        return " ".join(text.split())
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _link_text(match: re.Match[str]) -> str:
    """The text of a link; a number behind a number is a reference ("85.2 [3](url)"), no second score."""
    before = match.string[: match.start()].rstrip(" *_`")[-1:]
    return "" if before.isdigit() and match[1].strip(" *[]").isdigit() else match[1]


def _superscript(match: re.Match[str], whole: str) -> str:
    """A footnote mark goes; a superscript that is part of a word ("τ<sup>2</sup>-Bench") or the whole text stays."""
    inner = _TAG.sub("", match[1]).strip()
    alone = match.start() == 0 and match.end() >= len(whole)
    follows = match.string[match.end() : match.end() + 1]
    inside = bool(follows) and (follows.isalnum() or follows == "-") and match.string[: match.start()][-1:].isalpha()
    if inside and len(inner) <= 3:
        return inner
    return f" {inner}" if alone or not _FOOTNOTE.fullmatch(inner) else " "


def _latex(text: str) -> str:
    """The text of a LaTeX formula as far as score tables use it."""
    for _ in range(3):
        text, changed = _LATEX_GROUP.subn(r"\1", text)
        if not changed:
            break
    text = _LATEX_WORD.sub(lambda m: _LATEX_WORDS.get(m[0], m[0]), text)
    text = re.sub(r"\^\{?([*†‡§, ]+|\\[a-z]+)\}?", "", text)
    text = re.sub(r"_\{([^{}]{0,80})\}", r" \1", text)
    return re.sub(r"\^\{?(\w)\}?|[{}]", lambda m: m[1] or "", text)


@functools.lru_cache(maxsize=8192)
def label_text(text: str) -> str:
    """One line without footnote marks, arrows and medals, cut to MAX_LABEL: "MMLU-Pro*↑" -> "MMLU-Pro"."""
    text = " ".join(text.split())[:MAX_LABEL]
    if text.isascii() and text[-1:].isalnum():
        return text
    text = _DECOR_MARK.sub(" ", text)
    if _SHARP.search(text):
        return text
    while (shorter := _REFERENCE_TAIL.sub("", text.rstrip(_TAIL_MARKS))) != text:
        text = shorter
    return " ".join(text.lstrip("*†‡§•●○▪- \u3000").split())


@functools.lru_cache(maxsize=4096)
def folded_label(text: str) -> str:
    """A label as it is compared: markup and case off."""
    return label_text(plain_text(text)).casefold()


def shown_html(text: str) -> str:
    """HTML without the elements that a page does not show, or strikes out."""
    from lxml import etree

    body = parse_html(text).find("body")
    for element in body.iter():
        if is_hidden(element) or is_struck(element):
            element.tag = "x-gone"
    etree.strip_elements(body, "x-gone", with_tail=False)
    shown = "".join(etree.tostring(inner, encoding="unicode", method="html") for inner in body)
    return html.escape(body.text or "", quote=False) + shown


def is_hidden(element: Any) -> bool:
    """Whether a page does not show an element: a template, the attribute `hidden`, or a style that says so."""
    if element.tag == "template":
        return True
    if not element.keys():
        return False
    return element.get("hidden") is not None or has_style(element, "display:none", "visibility:hidden")


def is_struck(element: Any) -> bool:
    return bool(element.keys()) and has_style(element, "line-through")


def has_style(element: Any, *names: str) -> bool:
    style = element.get("style")
    return bool(style) and any(name in _STYLE_BLANKS.sub("", style).lower() for name in names)


def parse_html(stream: str) -> Any:
    """The HTML as a tree; ScriptError when lxml had to stop before its end, which it does without a word."""
    from lxml import etree

    parser = etree.HTMLParser(huge_tree=True, remove_comments=True, remove_pis=True, recover=True)
    root = etree.fromstring(f"<body>{stream}</body>".replace("\0", ""), parser)
    if any(
        error.type_name in ("ERR_RESOURCE_LIMIT", "ERR_INTERNAL_ERROR", "ERR_NAME_TOO_LONG")
        for error in parser.error_log
    ):
        raise ScriptError(
            "the card's HTML is nested too deep to be read whole (more than 2,000 open tags); nothing is taken"
        )
    return root if root is not None else etree.Element("body")
