"""Benchmark items in the guises in which they stand in training text, and texts that are none of them."""

import html
import json
import random
import unicodedata
from collections.abc import Callable

# What a guise makes of a question and its answer; the answer is empty for what hides the question alone.
Guise = Callable[[str, str, random.Random], str]


def each_word(change: Callable[[int, str], str]) -> Guise:
    """A guise that changes words by their place."""
    return lambda q, a, _: " ".join(change(i, word) for i, word in enumerate(f"{q} {a}".split()))


def lines(width: int, begin: str = "", end: str = "\n") -> Guise:
    """A guise that breaks lines behind so many words."""

    def guise(q: str, a: str, _: random.Random) -> str:
        words = f"{q} {a}".split()
        rows = [" ".join(words[i : i + width]) for i in range(0, len(words), width)]
        return "".join(f"{begin}{row}{end}" for row in rows)

    return guise


def hyphenated(q: str, a: str, _: random.Random) -> str:
    """Long words divided at the ends of lines, as in text of a PDF."""
    words = f"{q} {a}".split()
    return " ".join(
        f"{w[:3]}-\n{w[3:]}" if i % 10 == 9 and len(w) > 5 and w.isalpha() else w for i, w in enumerate(words)
    )


def reordered(q: str, a: str, rng: random.Random) -> str:
    """The sentences in another order."""
    sentences = [part.strip() for part in f"{q} {a}".split(". ")]
    rng.shuffle(sentences)
    return ". ".join(sentences)


def tagged(q: str, a: str, _: random.Random) -> str:
    """A paragraph for each sentence, some words in tags."""
    text = "</p>\n<p class='q'>".join(part for part in f"{q} {a}".split(". "))
    return f"<html><body><p>{text.replace(' and ', ' <b>and</b> ')}</p></body></html>"


def entities(q: str, a: str, _: random.Random) -> str:
    """Spaces and letters as character references."""
    return html.escape(f"{q} {a}").replace(" and ", "&nbsp;and&#32;").replace("e", "&#101;", 3)


GUISES: dict[str, Guise] = {
    "as it is": lambda q, a, _: f"{q}\n{a}",
    "capitals": lambda q, a, _: f"{q}\n{a}".upper(),
    "digits for letters": lambda q, a, _: f"{q}\n{a}".lower().translate(str.maketrans("oieast", "013457")),
    "small letters": lambda q, a, _: f"{q}\n{a}".lower(),
    "title case": lambda q, a, _: f"{q}\n{a}".title(),
    "without punctuation": lambda q, a, _: "".join(c for c in f"{q} {a}" if c.isalnum() or c == " "),
    "more punctuation": each_word(lambda i, w: f"{w}," if i % 3 else f"«{w}»"),
    "decomposed": lambda q, a, _: unicodedata.normalize("NFD", f"{q} {a}"),
    "full width": lambda q, a, _: "".join(
        chr(ord(c) + 0xFEE0) if c.isascii() and c.isalnum() else c for c in f"{q} {a}"
    ),
    "accents": lambda q, a, _: f"{q} {a}".replace("o", "ó").replace("A", "Á"),
    "soft hyphens": each_word(lambda i, w: w[:2] + "\u00ad" + w[2:] if len(w) > 4 else w),
    "zero width": each_word(lambda i, w: w[:1] + "\u200b" + w[1:]),
    "double spaces": lambda q, a, _: f"{q} {a}".replace(" ", "  "),
    "lines": lines(9),
    "windows lines": lines(9, end="\r\n"),
    "quoted mail": lines(10, "> "),
    "comments": lines(10, "# "),
    "list items": lines(12, "- "),
    "table cells": each_word(lambda i, w: f"{w} |"),
    "tabs": lambda q, a, _: f"{q} {a}".replace(" ", "\t"),
    "bold": each_word(lambda i, w: f"**{w}**" if i % 5 == 0 else w),
    "links": each_word(lambda i, w: f"[{w}](https://example.org/{i})" if i % 13 == 5 else w),
    "paragraphs": tagged,
    "character references": entities,
    "breaks": lambda q, a, _: f"{q} {a}".replace(". ", ".<br/>"),
    "comments in html": lambda q, a, _: f"{q} {a}".replace(". ", ". <!-- next sentence --> "),
    "latex": each_word(lambda i, w: f"\\textbf{{{w}}}" if i % 11 == 3 else w),
    "json": lambda q, a, _: json.dumps({"q": q, "a": a}),
    "json in json": lambda q, a, _: json.dumps(json.dumps({"q": q.replace(". ", ".\n"), "a": a})),
    "unicode escapes": lambda q, a, _: f"{q} {a}".replace("a", "\\u0061", 4),
    "csv": lambda q, a, _: '"' + f"{q}".replace('"', '""') + f'","{a}",0.5',
    "hyphens": hyphenated,
    "typos": each_word(lambda i, w: w[::-1] + "q" if i % 12 == 11 else w),
    "left out words": each_word(lambda i, w: "" if i % 14 == 13 else w),
    "other order": reordered,
    "question alone": lambda q, a, _: q,
    "answer alone": lambda q, a, _: a,
}


def paraphrase(q: str, a: str, rng: random.Random) -> str:
    """The same said otherwise: every few words another."""
    return " ".join(f"other{rng.randrange(10**6)}" if i % 5 == 4 else w for i, w in enumerate(f"{q} {a}".split()))


def shuffled(q: str, a: str, rng: random.Random) -> str:
    """The same words in another order."""
    words = f"{q} {a}".split()
    rng.shuffle(words)
    return " ".join(words)


STRANGERS: dict[str, Guise] = {
    "paraphrase": paraphrase,
    "same words": shuffled,
    "seven words": lambda q, a, _: " ".join(q.split()[:7]),
    "a quarter": lambda q, a, _: " ".join(q.split()[: len(q.split()) // 4]),
}


def make_questions(count: int, seed: int) -> list[tuple[str, str]]:
    """Questions of four sentences with answers of three, of invented words, each with some 50 and 35 words."""
    rng = random.Random(seed)
    syllables = [a + b for a in "bdfgklmnprstv" for b in ("a", "e", "i", "o", "u", "ar", "en", "il")]
    words = ["".join(rng.choices(syllables, k=rng.choice((1, 2, 2, 3)))) for _ in range(4000)] + ["and"] * 60

    def sentence(size: int) -> str:
        return " ".join(rng.choices(words, k=size)).capitalize()

    return [
        (". ".join(sentence(13) for _ in range(4)) + "?", ". ".join(sentence(12) for _ in range(3)) + ".")
        for _ in range(count)
    ]
