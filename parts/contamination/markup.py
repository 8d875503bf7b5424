"""Markup blanked in place, so that every place in a text stays where it was: what is left is what a reader sees.

Takes and gives bytes of UTF-8 of one length. Tags, link targets and LaTeX's formatting commands become spaces, but for
what stands in a word and parts none (<b>W</b>ord, <wbr>); a character reference or an escape becomes its character,
padded with characters that have no width and are dropped when the text is folded; a word that a hyphen divides at the
end of a line is joined. Items and training text are treated alike.
"""

from __future__ import annotations

import html
import re
import unicodedata

# <p class="x">, </b>, <br/>, <!-- ... -->, <?xml ...?>, <!DOCTYPE html>
TAG = (
    rb"</?[A-Za-z][A-Za-z0-9:-]{0,40}(?:\s+[\w:.-]+\s*=\s*(?:\"[^\"<]{0,2000}\"|'[^'<]{0,2000}'|[^\s\"'<>=]{1,500})){0,40}"
    rb"\s*/?>|<!--.{0,2000}?-->|<[!?][A-Za-z][^<>]{0,500}>"
)
LETTER = rb"[A-Za-z0-9\x80-\xff]"
INLINE_TAGS = rb"a|abbr|b|bdi|bdo|big|code|del|em|font|i|ins|mark|s|small|span|strong|sub|sup|tt|u|wbr"
# Tags that part no word where letters stand on both sides.
IN_WORD = rb"(?<=%b)(?:</?(?:%b)(?:\s[^<>]{0,500})?/?>)+(?=%b)" % (LETTER, INLINE_TAGS, LETTER)
LINK_TARGET = rb"(?<=\])\([^()\s]{1,2000}(?:\s+\"[^\"\n]{0,300}\")?\)"  # of [text](target "title")
REFERENCE = rb"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});"
UNICODE_ESCAPE = rb"\\u[0-9A-Fa-f]{4}"
# Of the commands that begin like an escape (\neq, \theta, \rho), all that are common; other letters are an escape's.
ESCAPE = (
    rb"\\(?:n(?!(?:e|eq|abla|ot|otin|u|ewline|ewcommand|oindent|mid|onumber|ormalsize|leq|geq|atural|subseteq)(?![a-z]))"
    rb"|t(?!(?:heta|au|ext[a-z]*|imes|o|op|an|anh|frac|ilde|riangle|herefore|itle|able|abular|binom)(?![a-z]))"
    rb"|r(?!(?:ho|ight[a-z]*|angle|ceil|floor|ef|enewcommand|m|oot)(?![a-z])))"
)
FORMATTING = (
    rb"\\(?:text(?:bf|it|tt|rm|sf|sc|up|normal)?|emph|underline|textquotesingle|item|par|noindent|bigskip|medskip|"
    rb"smallskip|newline|begin\{[a-z]{1,20}\*?\}|end\{[a-z]{1,20}\*?\}|section|subsection|paragraph)(?![A-Za-z])"
)
HYPHEN = rb"(?<=[A-Za-z\x80-\xff])-[ \t]{0,8}\r?\n[ \t>]{0,80}(?=[a-z\xc3])"
SOFT_HYPHEN = rb"(?<=[A-Za-z])\\-(?=[A-Za-z])"  # of TeX
INLINE = re.compile(IN_WORD, re.IGNORECASE)
ANGLED = re.compile(TAG, re.DOTALL)
LINKS = re.compile(LINK_TARGET)
REFERENCES = re.compile(REFERENCE)
BACKSLASHED = re.compile(rb"|".join((UNICODE_ESCAPE, ESCAPE, FORMATTING, SOFT_HYPHEN)))
HYPHENS = re.compile(HYPHEN)
TWO, THREE = "\u00ad".encode(), "\u200b".encode()  # no width, dropped by folding


def blank(match: re.Match[bytes]) -> bytes:
    """Spaces for what was matched; line ends stay."""
    text = match[0]
    return b" " * len(text) if b"\n" not in text else re.sub(rb"[^\n]", b" ", text)


def padded(text: bytes, size: int) -> bytes:
    """A text made `size` bytes long by characters without width; spaces where that cannot be."""
    rest = size - len(text)
    if rest < 0 or rest == 1:
        return b" " * size
    return text + (THREE + TWO * ((rest - 3) // 2) if rest % 2 else TWO * (rest // 2))


def unreferenced(match: re.Match[bytes]) -> bytes:
    """The character that a reference stands for."""
    text = html.unescape(match[0].decode())
    if text.startswith("&") and len(text) > 1:
        return match[0]  # no such name
    return padded(text.encode("utf-8", "replace"), len(match[0])) if in_words(text) else b" " * len(match[0])


def in_words(text: str) -> bool:
    """Whether a character is one of a word: a letter, a digit, an accent, or one without width."""
    return text.isalnum() or all(unicodedata.category(letter) in ("Cf", "Mn") for letter in text)


def unescaped(match: re.Match[bytes]) -> bytes:
    """The character of an escape, or nothing for a command."""
    text = match[0]
    if text.startswith(b"\\u"):
        code = int(text[2:], 16)
        character = chr(code) if not 0xD800 <= code <= 0xDFFF else " "
        return padded(character.encode(), len(text)) if in_words(character) else b" " * len(text)
    return padded(b"", len(text)) if text == b"\\-" else b" " * len(text)


def join_word(match: re.Match[bytes]) -> bytes:
    """Nothing, for a hyphen and the end of a line, or tags, within a word."""
    return padded(b"", len(match[0]))


def without_markup(raw: bytes) -> bytes:
    """The text as a reader sees it, of the same length."""
    if b"<" in raw:
        raw = INLINE.sub(join_word, raw)
        raw = ANGLED.sub(blank, raw)
    if b"](" in raw:
        raw = LINKS.sub(blank, raw)
    if b"&" in raw:
        raw = REFERENCES.sub(unreferenced, raw)
    if b"\\" in raw:
        raw = BACKSLASHED.sub(unescaped, raw)
    return HYPHENS.sub(join_word, raw) if b"-\n" in raw or b"-\r" in raw or b"- \n" in raw else raw
