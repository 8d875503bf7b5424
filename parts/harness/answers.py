"""What an answer to one's own question is worth: one rule for each kind of scoring, the same in every harness.

Takes the text that a model wrote, or the log-likelihoods of the choices, and what is right; gives the score of the item
(0 to 1) and what was read out of the text (None: nothing). The standard library alone, for this text is also put into
the task files that are written for lighteval, lm-eval and inspect.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation

# How answers are scored -> (metric, what is right: a choice that is never written out, or a text)
SCORINGS = {
    "loglikelihood": "accuracy",
    "loglikelihood_norm": "accuracy",
    "letters": "accuracy",
    "exact": "exact_match",
    "normalized": "exact_match",
    "numeric": "exact_match",
    "regex": "exact_match",
    "f1": "f1",
    "rouge_l": "rouge_l",
}
LETTERS = string.ascii_uppercase
# A number that is no part of a word, a fraction, a date or a list.
NUMBER = re.compile(
    r"(?<![\w/.,])(?:(?<!\d)[-+−])?"
    r"(?:\d{1,3}(?:[,\u202f\u00a0]\d{3})+(?:\d+|\.\d*)?|\d+(?!\d)(?:\.\d*)?|\.\d+)(?!\d)"
    r"(?:[eE][-+]?\d{1,3})?(?<=\d)(?![\d/]|[.,]\d)"
)
GROUPED = re.compile(
    r"[-+]?[1-9]\d{0,2}(?:,\d{2,3})*,\d{3}(?:\.\d*)?(?:[eE][-+]?\d{1,3})?"
)  # thousands set apart by commas
DECIMAL_COMMA = ","  # as the pattern of numeric: 1.234,50
OTHER_MARKS = str.maketrans(",.", ".,")
PUNCTUATION = re.compile(r"-(?!\d)|(?<!\d)[.,:/]|[.,:/](?!\d)")  # what is none of a number's own
ARTICLES = re.compile(r"\b(a|an|the)\b")


def chosen_choice(scoring: str, logprobs: Sequence[float], choices: Sequence[str]) -> int:
    """The number of the most likely choice; loglikelihood_norm: for each of its characters, as acc_norm has it."""
    lengths = [max(1, len(choice.strip())) if scoring == "loglikelihood_norm" else 1 for choice in choices]
    values = [logprob / length for logprob, length in zip(logprobs, lengths, strict=True)]
    return max(range(len(values)), key=values.__getitem__)


def score_answer(
    scoring: str, pattern: str, text: str, right: Sequence[str], choices: Sequence[str] = ()
) -> tuple[float, str | None]:
    """(score, what was read) of a written answer; of several right answers the best counts.

    right: the texts, for `letters` the letters, of which one is right; pattern: of `regex`, and "," where numbers
    have a decimal comma; choices: of `letters`.
    """
    if scoring in ("f1", "rouge_l"):
        measure = shared_words_f1 if scoring == "f1" else rouge_l
        return max(measure(text, reference) for reference in right), text.strip() or None
    found = read_answer(scoring, pattern, text, choices, any("\n" in reference.strip() for reference in right))
    if found is None:
        return 0.0, None
    return float(any(same_answer(scoring, found, reference, pattern) for reference in right)), found


def read_answer(scoring: str, pattern: str, text: str, choices: Sequence[str], whole: bool) -> str | None:
    """The answer in what a model wrote; None when there is none. whole: right answers have several lines."""
    if scoring == "letters":
        return read_letter(text, choices)
    if scoring == "numeric":
        numbers = NUMBER.findall(marked(text.rpartition("####")[2], pattern))
        return marked(numbers[-1], pattern) if numbers else None
    if scoring == "regex":
        match = re.search(pattern, text)
        return None if match is None else (match[1] if match.re.groups else match[0]) or ""
    lines = [line.strip() for line in text.strip().splitlines()] or [""]
    return (text.strip() if whole else lines[0]) or None


def read_letter(text: str, choices: Sequence[str]) -> str | None:
    """The letter that an answer chooses: "B", "(B)", "**B.** Rome", "The answer is B.", or the text of one choice."""
    known, text = LETTERS[: len(choices)], text.strip()
    alone = re.fullmatch(rf"(?i)[\W_]*([{known}])[\W_]*", text)
    if alone:
        return alone[1].upper()
    first = re.match(rf"[\W_]*([{known}])(?:[\W_]*$|[.):,*\]]|\s*\n)", text)
    said = re.findall(rf"(?i:answer|choice|option)(?i:\s+is|\s*:)?[\W_]{{0,6}}([{known}])(?![\w'])", text)
    if first or said:
        return first[1] if first else said[-1]
    same = [index for index, choice in enumerate(choices) if normalized_text(text) == normalized_text(choice)]
    return LETTERS[same[0]] if len(same) == 1 else None


def marked(text: str, pattern: str) -> str:
    """A text with points and commas exchanged where numbers have a decimal comma."""
    return text.translate(OTHER_MARKS) if pattern == DECIMAL_COMMA else text


def same_answer(scoring: str, found: str, reference: str, pattern: str) -> bool:
    """Whether what was read is what is right."""
    if scoring == "numeric":
        return number_value(found, pattern) == number_value(reference, pattern)
    if scoring == "normalized":
        return normalized_text(found) == normalized_text(reference)
    return found.strip() == reference.strip()


def number_value(text: str, pattern: str = "") -> Decimal | None:
    """The value of a text that is a number; None for any other: "1,234.50" -> 1234.5, "$7" -> 7, "3,50" -> None.

    pattern ",": with a decimal comma: "3,50" -> 3.5, "1.234" -> 1234, "3.5" -> None.
    """
    text = marked(re.sub(r"[\s\u202f\u00a0]", "", text), pattern).replace("−", "-")
    text = text.strip("$€£%").rstrip(".,").strip("$€£%")
    if "," in text and not GROUPED.fullmatch(text):
        return None
    try:
        value = Decimal(text.replace(",", ""))
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def normalized_text(text: str) -> str:
    """A text in small letters without punctuation, articles and more than one space, as SQuAD compares answers.

    Signs and points of numbers stay: 3.5 is not 35, and -5 is not 5.
    """
    text = PUNCTUATION.sub("", text.casefold().replace("−", "-"))
    text = "".join(s for s in text if s in "-.,:/" or not unicodedata.category(s).startswith("P"))
    return " ".join(ARTICLES.sub(" ", text).split())


def shared_words_f1(text: str, reference: str) -> float:
    """The F1 of the words that two texts share, as SQuAD computes it."""
    said, wanted = normalized_text(text).split(), normalized_text(reference).split()
    if not said or not wanted:
        return float(said == wanted)
    return 2 * sum((Counter(said) & Counter(wanted)).values()) / (len(said) + len(wanted))


def rouge_l(text: str, reference: str) -> float:
    """The F measure of the longest common subsequence of words (ROUGE-L; rouge-score's words, any script)."""
    said, wanted = re.findall(r"\w+", text.casefold()), re.findall(r"\w+", reference.casefold())
    few, many = sorted((said, wanted), key=len)
    places = dict.fromkeys({*few} & {*many}, 0)
    for place, word in enumerate(few):
        if word in places:
            places[word] |= 1 << place
    row = whole = (1 << len(few)) - 1  # a bit of 0: the longest one grows here (Hyyrö 2004), 64 words at a step
    for word in many:
        same = row & places.get(word, 0)
        row = (row + same | row - same) & whole
    common = len(few) - row.bit_count()
    return 2 * common / (len(said) + len(wanted)) if common else 0.0
