"""Words and characters of any script, folded, with their places and hashes."""

from __future__ import annotations

import base64
import functools
import re
import sys
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parts.contamination.vocabulary import BYTE_BASE, SEPARATOR
from parts.names import DISGUISES

if TYPE_CHECKING:
    import numpy as np

CONTROL_BYTES = re.compile(rb"[\0-\x08\x0b\x0c\x0e-\x1f\x7f]")
UNIT_BASE = 0xD6E8FEB86659FD93
NOT_UTF8 = re.compile("[\udc80-\udcff]+")  # as the error handler surrogateescape leaves it
BASE32 = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567")
STRANGE_ALPHABETS = ("ARMENIAN", "CHEROKEE", "COPTIC", "LISU", "TIFINAGH", "OGHAM", "RUNIC", "CANADIAN SYLLABICS")
# So many of them close together are letters of another encoding; accents of Latin-1 stand further apart.
OTHER_ENCODING = re.compile("(?:[\udc80-\udcff]+[^\udc80-\udcff]{0,8}){16}")


CODED_RUN = re.compile(rb"[A-Za-z0-9+/_-]{20,}")  # of base64 or base32; what words and names it takes is tried
CODED_WORD = re.compile(rb"[\"'(\[]?(?:[A-Za-z0-9+/]{4}){0,9}[A-Za-z0-9+/]{2}(?:==|[A-Za-z0-9+/]=)")
PERCENT_RUN = re.compile(rb"(?:%[0-9A-Fa-f]{2}[^%\s]{0,24}(?:\s{1,2}[^%\s]{0,3})?){8,}")
OCTAL_RUN = re.compile(rb"(?:\\[0-3][0-7]{2}\s?){8,}")
BETWEEN_DIGITS = re.compile(rb"\\x|0x|\\u00|U\+00|&#x|[^0-9A-Fa-f]")
HEXADECIMAL = b"0123456789abcdefABCDEFxuU+&#\\%=:;,- \t\r\n"  # in any spelling, with what stands between digits
DIGITS = bytes(120 if code in HEXADECIMAL else 32 for code in range(256))  # "x" for these
CASES = bytes(97 if 97 <= code <= 122 else 65 if 65 <= code <= 90 else 32 for code in range(256))
DIGIT_RUN = 36  # bytes of these alone, as no words have
LONG_WORD = 20  # bytes of a word as base64 has many
FEW_CODED = 0.002  # share of the text in such words, or of capitals behind small letters, that is looked at
SAMPLE, MOST_TRIED = 128, 400  # bytes of a piece that is tried; pieces of a block, of more evenly so many


def coded_bytes(raw: bytes, words: np.ndarray) -> int:
    """About how many bytes of a text are another text in base64, hexadecimal digits and the like; pictures are none.

    words: the sizes of the words in it, by which most texts are done with.
    """
    found = 0
    if raw.count(b"%") > len(raw) * FEW_CODED:
        found += sum(len(run[0]) for run in PERCENT_RUN.finditer(raw))
    if raw.count(b"\\") > len(raw) * FEW_CODED:
        found += sum(len(run[0]) for run in OCTAL_RUN.finditer(raw))
    if words[words >= LONG_WORD].sum() > len(raw) * FEW_CODED or turns_large(raw) > len(raw) * FEW_CODED / 2:
        found += readable_share([run[0] for run in CODED_RUN.finditer(raw)], is_coded)
    if raw.count(b"=") > len(raw) * FEW_CODED:
        found += readable_share([word for word in raw.split() if word[-1:] == b"="], is_coded_word)
    return found + readable_share(digit_runs(raw), is_hexadecimal)


def readable_share(runs: Sequence[bytes], tried: Callable[[bytes], bool]) -> int:
    """How many bytes of some runs are text in a code, piece by piece; estimated where there are many."""
    pieces = [run[start : start + SAMPLE] for run in runs for start in range(0, len(run), SAMPLE)]
    sample = pieces[:: -(-len(pieces) // MOST_TRIED) or 1]
    sizes = sum(map(len, sample))
    return int(sum(len(piece) for piece in sample if tried(piece)) * sum(map(len, pieces)) / sizes) if sizes else 0


def turns_large(raw: bytes) -> int:
    """How many capitals stand behind a small letter, as in base64 and in no prose."""
    return raw.translate(CASES).count(b"aA")


def digit_runs(raw: bytes) -> list[bytes]:
    """The parts of a text that are hexadecimal digits, in any spelling, and what stands between them."""
    marked = raw.translate(DIGITS)
    if b"x" * DIGIT_RUN not in marked:
        return []
    return [raw[run.start() : run.end()] for run in re.finditer(b"x{%d,}" % DIGIT_RUN, marked)]


def is_hexadecimal(piece: bytes) -> bool:
    """Whether digits are those of a text; decimal numbers, which may be any, are none."""
    digits = BETWEEN_DIGITS.sub(b"", piece)
    if len(digits) < DIGIT_RUN // 2 or digits.isdigit():
        return False
    return any(
        is_readable(bytes.fromhex(digits[skip : (len(digits) - skip) // 2 * 2 + skip].decode())) for skip in (0, 1)
    )


def is_coded(piece: bytes) -> bool:
    """Whether letters and digits are a text in base64 or base32, from whichever of them on."""
    signs = b"-_" if b"-" in piece or b"_" in piece else None
    tries = [base64.b64decode(piece[skip : skip + (len(piece) - skip) // 4 * 4], signs) for skip in range(4)]
    if not set(piece) - BASE32:
        tries += [base64.b32decode(piece[skip : skip + (len(piece) - skip) // 8 * 8]) for skip in range(8)]
    return any(map(is_readable, tries))


def is_coded_word(word: bytes) -> bool:
    """Whether a word with its padding is another word in base64."""
    plain = base64.b64decode(word.lstrip(b"\"'([")) if CODED_WORD.fullmatch(word) else b"\0"
    return plain.isascii() and plain.decode().isprintable()


@functools.cache
def strange_letters() -> np.ndarray:
    """By code point: letters that look like Latin ones and are none, and those of alphabets that are full of such."""
    import numpy as np

    found = np.zeros(0x10000, bool)
    found[list(DISGUISES)] = True
    for code in range(0x250, 0xAC00):
        name = unicodedata.name(chr(code), "") if chr(code).isalpha() else ""
        found[code] |= name.startswith(STRANGE_ALPHABETS) or "LETTER SMALL CAPITAL" in name or code in (0x251, 0x261)
    return found


def disguised_letters(raw: bytes) -> int:
    """How many letters that look like Latin ones and are none stand beside a Latin letter, as in no honest word."""
    import numpy as np

    data, found = np.frombuffer(raw + b"\0\0\0", np.uint8), 0
    for size, first, last in ((2, 0xC9, 0xD6), (3, 0xE1, 0xEA)):
        at = np.flatnonzero((data[1:-3] >= first) & (data[1:-3] <= last)) + 1
        codes = data[at].astype(np.int64) & (0xFF >> size + 1)
        for place in range(1, size):
            codes = codes << 6 | data[at + place] & 63
        at = at[strange_letters()[codes]]
        found += int(np.sum(latin_bytes(data[at - 1]) | latin_bytes(data[at + size])))
    return found


def latin_bytes(data: np.ndarray) -> np.ndarray:
    """Which bytes are letters of ASCII."""
    return (data | 32) - 97 < 26


def is_spaced(character: str) -> bool:
    """Whether a character belongs to a script that puts no spaces between words; each of its letters is a word then.

    Thai to Lao, Myanmar, Khmer, kana, CJK ideographs.
    """
    code = ord(character)
    return (
        0x0E00 <= code <= 0x0EFF
        or 0x1000 <= code <= 0x109F
        or 0x1780 <= code <= 0x17FF
        or 0x2E80 <= code <= 0x2FDF
        or 0x3040 <= code <= 0x30FF
        or 0x3400 <= code <= 0x9FFF
        or 0xF900 <= code <= 0xFAFF
        or 0x20000 <= code <= 0x3FFFF
    )


def is_ideograph(character: str) -> bool:
    """Whether a character is Chinese and may have a simplified form."""
    return "\u3400" <= character <= "\u9fff" or "\uf900" <= character <= "\ufaff" or character >= "\U00020000"


@functools.cache
def simplifier() -> Any:
    """OpenCC's converter from traditional to simplified characters.

    By the place of its own file: of a name alone it would take a file of the current folder.
    """
    import opencc

    return opencc.OpenCC(str(Path(opencc.__file__).parent / "clib" / "share" / "opencc" / "t2s.json"))


def plain_form(character: str) -> str:
    """The letter that a small capital is a form of, the sign that an invisible tag stands for; others as they are."""
    if 0xE0020 <= ord(character) <= 0xE007E:
        return chr(ord(character) - 0xE0000)
    letter = unicodedata.name(character, "").removeprefix("LATIN LETTER SMALL CAPITAL ")
    return letter.lower() if len(letter) == 1 else character


@functools.lru_cache(maxsize=200_000)
def fold_character(character: str) -> bytes:
    """A character as it is compared: without case, accents and width; a space for what is neither letter nor digit.

    "É" -> "e", "ﬁ" -> "fi", "ı" -> "i", "—" -> " ", soft hyphen -> "", "ᴀ" -> "a", "東" -> " 东 " (a word of its own)
    """
    character = plain_form(character)
    if is_ideograph(character):
        return f" {simplifier().convert(character)} ".encode()
    decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
    decomposed = decomposed.replace("ı", "i").replace("\u0640", "")  # Turkish capitals have lost their dot; tatweel
    folded = ""
    for part in decomposed:
        category = unicodedata.category(part)
        if category not in ("Mn", "Me", "Cf"):
            folded += part if part.isalnum() or category == "Mc" else " "
    return (f" {folded} " if is_spaced(character) else folded).encode("utf-8", "replace")


# Digits that stand for letters in "1337": each for one of its own, so that unlike numbers stay unlike.
LETTERS_OF_DIGITS = bytes.maketrans(b"0134578", b"oieastb")
# Each character is folded for itself, so a text may be cut anywhere between two characters and folded in pieces.
ASCII_TABLE = bytes(fold_character(chr(c))[0] if c < 128 and c != SEPARATOR[0] else c for c in range(256))


class CharacterTable:
    """The folded forms of the characters met so far, as arrays: folded[offsets[c]:offsets[c] + sizes[c]]."""

    def __init__(self) -> None:
        import numpy as np

        self.sizes = np.full(sys.maxunicode + 1, -1, np.int8)
        self.offsets = np.zeros(sys.maxunicode + 1, np.int32)
        self.folded = np.zeros(0, np.uint8)

    def look_up(self, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(the length of each character's folded form, all forms end to end)"""
        import numpy as np

        sizes = self.sizes[codes]
        if sizes.min(initial=0) < 0:
            self.learn(np.unique(codes[sizes < 0]).tolist())
            sizes = self.sizes[codes]
        sizes = sizes.astype(np.int64)
        return sizes, self.folded[spread(self.offsets[codes], sizes)]

    def learn(self, codes: Sequence[int]) -> None:
        """Add some characters."""
        import numpy as np

        forms = [fold_character(chr(code)) for code in codes]
        sizes = [len(form) for form in forms]
        self.sizes[codes] = sizes
        self.offsets[codes] = len(self.folded) + np.cumsum([0, *sizes[:-1]])
        self.folded = np.concatenate([self.folded, np.frombuffer(b"".join(forms), np.uint8)])


@functools.cache
def character_table() -> CharacterTable:
    """The one table of a process."""
    return CharacterTable()


def spread(starts: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """start, start + 1, ... for each start, so many as its size says."""
    import numpy as np

    ends = np.cumsum(sizes)
    return np.repeat(starts - (ends - sizes), sizes) + np.arange(ends[-1] if len(ends) else 0)


def is_readable(piece: bytes) -> bool:
    """Whether some bytes are text all the same, of UTF-8 or UTF-16, whatever stands before it."""
    bare = piece.replace(b"\0", b"")
    return len(CONTROL_BYTES.sub(b"", bare.decode("utf-8", "ignore").encode())) > 0.9 * len(bare) > 0


def without_errors(raw: bytes) -> tuple[bytes, int]:
    """(a text with spaces for the bytes that are not UTF-8, how many sequences of such bytes there are)"""
    text, count = NOT_UTF8.subn(lambda match: " " * len(match[0]), raw.decode("utf-8", "surrogateescape"))
    return text.encode(), count


class Folded:
    """A text as it is compared, in UTF-8: letters and digits, anything else a space; and the way back to the original.

    replaced: how many sequences of bytes were not UTF-8. Raw text must not hold SEPARATOR but between documents.
    """

    def __init__(self, raw: bytes) -> None:
        self.replaced = 0
        self.data = raw.translate(ASCII_TABLE)
        self.ends: np.ndarray | None = None  # of the folded forms of characters that are not ASCII
        if not self.data.isascii():
            self.fold_foreign(raw)

    def fold_foreign(self, raw: bytes) -> None:
        """Fold the characters that are not ASCII."""
        import numpy as np

        try:
            raw.decode()
        except UnicodeDecodeError:
            raw, self.replaced = without_errors(raw)
            self.data = raw.translate(ASCII_TABLE)
        data = np.frombuffer(self.data, np.uint8)
        foreign = data >= 0x80
        codes = np.frombuffer(data[foreign].tobytes().decode().encode("utf-32-le"), np.uint32)
        sizes, forms = character_table().look_up(codes)
        starts = np.flatnonzero(data >= 0xC0)  # the first byte of each character
        repeats = np.ones(len(data), np.int64)
        repeats[foreign] = 0
        repeats[starts] = sizes
        folded = np.repeat(data, repeats)
        lengths = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
        self.raw_starts, self.raw_ends = starts, starts + lengths
        self.ends = self.raw_ends + np.cumsum(sizes - lengths)
        folded[spread(self.ends - sizes, sizes)] = forms
        self.data = folded.tobytes()

    def raw_offsets(self, offsets: np.ndarray) -> np.ndarray:
        """Where places of the folded text are in the original."""
        import numpy as np

        if self.ends is None or not len(self.ends):
            return offsets
        before = np.searchsorted(self.ends, offsets, "right")  # foreign characters that end at or before each place
        moved = np.concatenate([np.zeros(1, np.int64), self.raw_ends - self.ends])
        raw = offsets + moved[before]
        following = np.append(self.raw_starts, np.iinfo(np.int64).max)[before]
        return np.minimum(raw, following)  # a place in a character's folded form is that character


def word_bounds(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the words of a folded text begin and end."""
    import numpy as np

    inside = np.zeros(len(data) + 2, bool)
    np.not_equal(data, 32, out=inside[1:-1])
    edges = np.flatnonzero(inside[1:] != inside[:-1])
    return edges[::2], edges[1::2]


#
# A word's hash is sum(byte[i] * BYTE_BASE^i) and a window's sum(unit[i] * UNIT_BASE^i), modulo 2^64. Both come from
# running totals: the difference of two totals, times the inverse of the base to the power of where the word begins.


@functools.lru_cache(maxsize=16)
def power_table(base: int, size: int) -> np.ndarray:
    """1, base, base^2, ... modulo 2^64."""
    import numpy as np

    factors = np.full(size, base, np.uint64)
    factors[0] = 1
    return np.multiply.accumulate(factors)


def powers(base: int, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The powers of a base and of its inverse, at least so many; tables are made for sizes that double."""
    rounded = 1 << max(16, (size - 1).bit_length())
    return power_table(base, rounded)[:size], power_table(pow(base, -1, 2**64), rounded)[:size]


def word_hashes(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """A hash for each word of a folded text."""
    import numpy as np

    factors, inverse = powers(BYTE_BASE, len(data) + 1)
    total = np.zeros(len(data) + 1, np.uint64)
    np.multiply(data, factors[:-1], out=total[1:])
    np.cumsum(total, out=total)
    return (total[ends] - total[starts]) * inverse[starts]


def window_hashes(units: np.ndarray, window: int) -> np.ndarray:
    """A hash for each window of so many units, in the order in which they begin."""
    import numpy as np

    if len(units) < window:
        return np.zeros(0, np.uint64)
    factors, inverse = powers(UNIT_BASE, len(units) + 1)
    total = np.zeros(len(units) + 1, np.uint64)
    np.multiply(units, factors[:-1], out=total[1:])
    np.cumsum(total, out=total)
    return (total[window:] - total[:-window]) * inverse[: len(units) - window + 1]


def filter_slots(hashes: np.ndarray, size: int, which: int) -> np.ndarray:
    """The bit of each hash in the first or the second filter of so many bytes (a power of two)."""
    import numpy as np

    mixed = hashes if which == 0 else hashes * np.uint64(BYTE_BASE)
    return (mixed >> np.uint64(64 - 3 - (size - 1).bit_length())).view(np.int64)
