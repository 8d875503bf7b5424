"""Is this label the model's name? Certain, to be asked, or another model: by tokens, never by likeness.

Takes the texts that name a row or a column and the model's Hub id, gives a Fit or None.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from parts.cards.labels import CARD_WORDS, DIGIT_IN, either_case, word_list, words_of
from parts.cards.text import label_text

_TOKEN = re.compile(r"\d+(?:\.\d+)*(?:[bmkt](?![^\W\d_])|[bmkt](?=v\d))?|[^\W\d_]+")
_PHRASES = (
    (re.compile(r"pre-?\s?train(?:ed|ing)?\b"), " pretrained "),
    (re.compile(r"\binstruct(?:ion)?[- ]?(?:tuned|finetuned|fine-tuned)\b"), " instruct "),
    (re.compile(r"post-?\s?trained\b"), " posttrained "),
    (re.compile(r"fine-?\s?tuned\b"), " finetuned "),
    (re.compile(r"(?<=\d)_(?=\d)"), "."),
    (re.compile(r"\b(?:bf|fp|bfloat|float)-?16\b"), " half "),
    (re.compile(r"\b(?:non|no)[- ]?(thinking|reasoning)\b"), r" non\1 "),
)
_IN_PHRASES = re.compile("train|tun|16|_|thinking|reasoning")  # in each of them
_SYNONYMS = {"it": "instruct", "inst": "instruct", "ins": "instruct", "instruction": "instruct", "pt": "pretrained"}
_NOT_AS_IT_STANDS = frozenset(("v", *_SYNONYMS))
TUNED, BASE, QUANTIZED = word_list("kinds_tuned"), word_list("kinds_base"), word_list("quantized")
SIBLINGS, RELATIVE_LABELS = word_list("siblings"), word_list("roles")
MODES, SOFT, VENDORS, NEUTRAL = word_list("modes"), word_list("soft"), word_list("vendors"), word_list("neutral")
_SIGNED = re.compile(r"^\W*[+→⇒↳└]|[+'’′]\W*$")  # "+ Foo-7B" is a change, "Foo-7B++" another model
_OTHER_VENDOR = {"meta": "facebook", "alibaba": "qwen"}  # whose names on the Hub are others
_CODE = re.compile(r"\b(?!vl|ai|lm)[a-z]{2}\b")
_OURS = re.compile(rf"(?i)\W*(?:{CARD_WORDS['ours']})\W*")
_SIZE = re.compile(r"\d+(?:\.\d+)?[bm]")
_ZERO_BEHIND = re.compile(r"\.0(?=[bmt]?$)")  # 8.0b is 8b
_DIGITS = re.compile(r"\d+(?:\.\d+)*[bmkt]?")
_QUANTITY = re.compile(r"(\d+(?:[.,]\d+)?)\s*-?\s*(b|bn|billions?|m|millions?|t|trillions?)(?![^\W\d_])")
_OF_SIZES = word_list("of_sizes")
_SCALES = {"b": 1.0, "m": 1e-3, "t": 1e3}
SIZE_TOLERANCE = 0.15  # a name's 8B is 8.03B, or 7.6B
_REPO_ID = re.compile(r"([\w.-]{1,96})/([\w.-]{1,96})")
_PIECE = re.compile(r"[\w.+-]{2,100}")
_PIECES = re.compile(r"[\w.+-]{2,60}(?: [\w.+-]{1,60}){1,3}")


@functools.lru_cache(maxsize=8192)
def name_tokens(text: str) -> tuple[str, ...]:
    """A model name's tokens, spellings folded: "InternLM2_5-7B-Chat" -> internlm 2.5 7b chat."""
    text = unicodedata.normalize("NFKC", text).casefold()
    if not text.isascii():
        text = re.sub(r"(?<=[a-z])[\u0300-\u036f]+", "", unicodedata.normalize("NFD", text))
        text = re.sub(r"[α-ω]", lambda m: unicodedata.name(m[0]).rpartition(" ")[2].lower(), text)
        text = unicodedata.normalize("NFC", text)
    for pattern, by in _PHRASES if _IN_PHRASES.search(text) else ():
        text = pattern.sub(by, text)
    found = [token for token in _TOKEN.findall(text) if token != "hf"]
    if ".0" in text:
        found = [_ZERO_BEHIND.sub("", token) for token in found]
    if _NOT_AS_IT_STANDS.isdisjoint(found):
        return tuple(found)
    return tuple(  # hf is a format, no model; V1.2 is 1.2; "it" beside "en" is a language
        token if token in ("it", "pt") and _CODE.search(f"{before} {after}") else _SYNONYMS.get(token, token)
        for before, token, after in zip(["", *found], found, [*found[1:], ""], strict=False)
        if token != "v" or not after[:1].isdigit()
    )


def letters_joined(tokens: Iterable[str]) -> Counter[str]:
    """Tokens counted, neighbours of letters written as one: "open llama 7b" = "openllama 7b"."""
    words: list[str] = []
    alpha = False
    for token in tokens:
        if alpha and token.isalpha():
            words[-1] += token
        else:
            words.append(token)
        alpha = token.isalpha()
    return Counter(words)


@dataclass(frozen=True, slots=True, eq=False)
class ModelName:
    """The model that is meant, by its Hub id."""

    repo_id: str
    owner: str
    tokens: tuple[str, ...]
    core: str  # the first word, which says the family
    kind: str | None  # "tuned" or "base", when the name says it
    trace: Callable[[str], Any]  # a quick look: whether a text may have the name in it, or a word for "this model"

    @classmethod
    def of(cls, repo_id: str) -> ModelName:
        owner, _, name = repo_id.rpartition("/")
        tokens = name_tokens(name)
        tokens = tokens[1:] if len(tokens) > 2 and tokens[0] in VENDORS else tokens
        core = next((t for t in tokens if t.isalpha()), "")
        trace = re.compile(rf"{either_case((core[:3], 'our', 'this'))}|[^\x00-\x7f]").search
        kind = next(filter(None, (kind_word({token}) for token in reversed(tokens))), None)
        return cls(repo_id, owner.casefold(), tokens, core, kind, trace)


def kind_word(tokens: Iterable[str]) -> str | None:
    """ "tuned", "base" or None; of both, "both"."""
    found = {name for name, words in (("tuned", TUNED), ("base", BASE)) if not words.isdisjoint(tokens)}
    return "both" if len(found) > 1 else next(iter(found), None)


@dataclass(frozen=True, slots=True)
class Fit:
    """How a label fits: certain, or to be asked, and why."""

    certain: bool
    why: str = ""


SURE = Fit(True, "its name")


@functools.lru_cache(maxsize=8192)
def relation_of(label: str, model: ModelName) -> tuple[str, tuple[str, ...]]:
    """How one text relates to the name, with the tokens that make the difference.

    "same"; "ours"; "owner": the same name of another owner; "part": it leaves those out; "more": it adds those;
    "mixed": it does both, and may be meant; "other".
    """
    if not model.tokens or not model.trace(label):
        return "other", ()
    text = label_text(label)
    if len(text) > 150 or not text:
        return "other", ()
    if _OURS.fullmatch(text):
        return "ours", ()
    foreign = ""
    if (match := _REPO_ID.fullmatch(text)) and not match[1].isdigit():
        text, foreign = match[2], match[1].casefold() if match[1].casefold() != model.owner else ""
    tokens = name_tokens(text)
    while tokens and tokens[0] not in model.tokens and (tokens[0] in VENDORS or tokens[0] == model.owner):
        own = {tokens[0], _OTHER_VENDOR.get(tokens[0], tokens[0])}
        foreign = foreign if any(word in model.repo_id.casefold() for word in own) else tokens[0]
        tokens = tokens[1:]
    named = tuple(token for token in tokens if token in model.tokens or token not in NEUTRAL)
    if "ours" in tokens and named and not without(named, model.tokens):
        return ("same" if not without(model.tokens, named) else "part"), without(model.tokens, named)
    if _SIGNED.search(text) and not without(named, model.tokens):
        return "mixed", (_SIGNED.search(text)[0].strip(),)
    relation, rest = compare_tokens(named, model)
    return ("owner", (foreign,)) if foreign and relation == "same" else (relation, rest)


def compare_tokens(tokens: Sequence[str], model: ModelName) -> tuple[str, tuple[str, ...]]:
    if sorted(tokens) == sorted(model.tokens) or (
        sum(map(len, tokens)) == sum(map(len, model.tokens)) and letters_joined(tokens) == letters_joined(model.tokens)
    ):
        if fixed_order(model.tokens) == fixed_order(tokens):
            return "same", ()
        return "mixed", ("another order",)  # "en-de" and "de-en"
    more, left_out = without(tokens, model.tokens), without(model.tokens, tokens)
    if not left_out:
        return "more", more
    if model.core in tokens and all(map(may_be_left_out, left_out)) and QUANTIZED.isdisjoint(left_out):
        if not more:
            return "part", left_out
        if all(token in MODES or (token in BASE and not model.kind) for token in more):
            return "mixed", (*more, "but not", *left_out)
    return "other", more


def without(tokens: Sequence[str], others: Sequence[str]) -> tuple[str, ...]:
    """The tokens that the others have not, each as often as it is more."""
    left = list(others)
    return tuple(token for token in tokens if token not in left or left.remove(token))


def is_variant(token: str) -> bool:
    """Whether a word makes another model or another state of it of a name."""
    return token in TUNED or token in BASE or token in QUANTIZED or bool(_DIGITS.fullmatch(token)) or token == "v"


def fixed_order(tokens: Sequence[str]) -> tuple[str, list[str]]:
    """The words and the plain numbers of a name that do not mean the same wherever they stand."""
    return "".join(t for t in tokens if t == "it" or not is_movable(t)), [t for t in tokens if t[-1:].isdigit()]


def is_movable(token: str) -> bool:
    """Whether a word means the same wherever it stands in a name: sizes, kinds, versions, modes."""
    return is_variant(token) or token in SOFT or token in MODES or token in VENDORS


def sizes_in(text: str) -> list[float]:
    """The numbers of parameters, in billions, that a text says and nothing else: "8.03 B", "30.5B (3.3B active)"."""
    words = words_of(text)
    if not DIGIT_IN.search(text) or (words and words[0].isalpha() and words[0] not in _OF_SIZES):
        return []
    text = unicodedata.normalize("NFKC", text).casefold()
    if not set(words_of(_QUANTITY.sub(" ", text))) <= _OF_SIZES:
        return []
    return [float(number.replace(",", ".")) * _SCALES[scale[0]] for number, scale in _QUANTITY.findall(text)]


def is_such_a_size(sizes: Iterable[float], others: Collection[float]) -> bool:
    return any(abs(size - other) <= SIZE_TOLERANCE * other for size in sizes for other in others)


def may_be_left_out(token: str) -> bool:
    return is_variant(token) or token in SOFT or token in MODES or len(token) <= 2


def fit_texts(texts: Sequence[str], model: ModelName) -> Fit | None:
    """Whether the texts that name one line (a label and its neighbours) name the model; None: another one, or none.

    A neighbour belongs to the name: "Foo" beside "7B-Chat" is Foo-7B-Chat. A number of parameters beside a name that
    says one is a fact about it: about the same size it says nothing, another size is asked.
    """
    told = {text: sizes for text in texts if (sizes := sizes_in(text))}
    if told := {text: sizes for text, sizes in told.items() if not set(name_tokens(text)) <= set(model.tokens)}:
        own = {token: size for token in model.tokens for size in sizes_in(token)}
        bare = [text for text in texts if text not in told]
        other = [text for text, sizes in told.items() if own and not is_such_a_size(sizes, own.values())]
        if not other or any(not own.keys().isdisjoint(name_tokens(text)) for text in bare):
            fit = fit_texts(bare, model)
            return Fit(False, f"has '{other[0][:40]}' beside it, another size") if fit and other else fit
    relations = [relation_of(text, model) for text in texts]
    best = min(range(len(texts)), key=lambda i: _ORDER[relations[i][0]], default=None)
    if best is None or relations[best][0] == "other":
        return None
    relation, rest = relations[best]
    if len(texts) > 1:
        own = Counter(model.tokens if relation == "ours" else name_tokens(texts[best].rpartition("/")[2]))
        for i, text in enumerate(texts):
            own |= Counter(name_tokens(text)) if i != best else Counter()
        told = [token for token in own.elements() if token in model.tokens or token not in NEUTRAL]
        relation, rest = with_neighbours(relation, rest, compare_tokens(told, model))
        if relation == "beside":
            rest = (" / ".join(text for i, text in enumerate(texts) if i != best),)
    return fit_of(relation, rest, model)


_ORDER = {"same": 0, "ours": 1, "owner": 2, "more": 3, "part": 4, "mixed": 5, "other": 6}


def with_neighbours(
    relation: str, rest: tuple[str, ...], whole: tuple[str, tuple[str, ...]]
) -> tuple[str, tuple[str, ...]]:
    """What a label and its neighbours say together."""
    if relation == "ours":
        return (relation, rest) if whole[0] == "same" else ("beside", ())
    if whole[0] == "same" and relation != "owner":
        return whole
    if relation not in ("same", "part"):
        return relation, rest
    if whole[0] in ("part", "mixed") or (whole[0] == "more" and all(t in MODES or is_variant(t) for t in whole[1])):
        return whole
    return ("other", ()) if any(map(is_variant, whole[1])) else ("beside", ())


def fit_of(relation: str, rest: tuple[str, ...], model: ModelName) -> Fit | None:
    said = " ".join("16-bit" if token == "half" else token for token in rest)
    if relation == "same":
        return SURE
    if relation == "ours":
        return Fit(True, "this model")
    if relation == "owner":
        return Fit(False, f"it names {said}'s model of this name")
    if relation == "beside":
        return Fit(False, f"has '{said[:80]}' beside it, which may say more")
    if relation == "part":
        return Fit(False, f"leaves out {said}")
    if relation == "mixed":
        return Fit(False, f"adds {said}")
    if relation == "more" and QUANTIZED.isdisjoint(rest):
        sized = any(map(_SIZE.fullmatch, model.tokens))
        stages = TUNED if model.kind == "tuned" else BASE
        if all(t in MODES or t in stages or t in ("moe", "dense") or (not sized and _SIZE.fullmatch(t)) for t in rest):
            return Fit(False, f"adds {said}")
    return None


def may_mean(label: str, model: ModelName) -> bool:
    """Whether a label that is not the name may be the model under another name: words of it, and nothing against it.

    What is the name, or a part of it, was looked at with all that stands beside it, and is not meant here.
    """
    if relation_of(label, model)[0] != "other":
        return False
    tokens = [token for token in name_tokens(label_text(label)) if token not in NEUTRAL]
    added, left_out = without(tokens, model.tokens), without(model.tokens, tokens)
    shared = sum(token.isalpha() and token not in TUNED | BASE for token in model.tokens) > 1
    return (
        model.core in tokens
        and len(label) < 100
        and not any(is_variant(t) or t in SIBLINGS for t in added)
        and not any(t in QUANTIZED or t in SIBLINGS for t in left_out)
        and (shared or not added)
    )


def is_role(label: str) -> bool:
    """Whether a label says what a model is to others, and not its name: "Before", "+ adapter", "Student"."""
    tokens = name_tokens(label_text(label))
    return bool(tokens) and all(
        token in RELATIVE_LABELS or token in ("nonthinking", "nonreasoning", "half") for token in tokens
    )


def names_other(text: str, model: ModelName) -> tuple[str, tuple[str, ...]]:
    """The first name in a text that is this model's with something added: "Foo-7B-Chat", chat for Foo-7B; else ""."""
    pieces = _PIECE.findall(text) if model.trace(text) else ()
    whole = len(text) < 80 and len(text.split()) < 7 and text[-1:] not in (".", "。")  # a sentence is no label
    for piece in (text, *pieces) if whole else pieces:
        relation, rest = relation_of(piece, model)
        if relation == "more" and any(token in SIBLINGS or is_variant(token) for token in rest):
            return piece, rest
    return "", ()


def is_of_another(name: str, repo_id: str) -> bool:
    """Whether a whole name is a model's, and not this one's; a bare word ("output", "results") is nobody's."""
    relation, tokens = relation_of(name, ModelName.of(repo_id))[0], name_tokens(name)
    is_word = len(tokens) < 2 and name.isalpha()
    return relation not in ("same", "ours", "owner") and not is_word


def contains_name(text: str, model: ModelName) -> bool:
    """Whether a heading has the model's name in it, and no other variant of it."""
    relation, rest = relation_of(text, model)
    if relation in ("same", "owner", "other"):
        return relation != "other"
    whole = any(relation_of(piece, model)[0] == "same" for piece in (*_PIECE.findall(text), *_PIECES.findall(text)))
    return whole and relation == "more" and not any(t in MODES or t in SIBLINGS or is_variant(t) for t in rest)
