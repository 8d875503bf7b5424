"""Whether a label names this model."""

from __future__ import annotations

import functools
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from parts.cards.labels import _BRACKET, is_model, split_label
from parts.cards.vocabulary import Card, Fit, Table
from parts.cards.words import FAMILY, ORIGINAL_CARD
from parts.metadata.validation import word_set

_TOKEN = re.compile(r"\d+(?:\.\d+)*(?:[bmkt](?![^\W\d_])|[bmkt](?=v\d))?|[^\W\d_]+")
_PHRASES = (
    (re.compile(r"pre-?\s?train(?:ed|ing)?\b"), " base "),
    (re.compile(r"\binstruct(?:ion)?[- ]?(?:tuned|finetuned|fine-tuned)\b"), " instruct "),
    (re.compile(r"\b(?:bf16|fp16|fp32|bfloat16|float16|float32|b?f16|f32|half precision|full precision)\b"), " "),
    (re.compile(r"(?<=\d)_(?=\d)"), "."),
    (re.compile(r"\bnon[- ]?(?:thinking|reasoning)\b"), " nonthinking "),
)
_HAS_PHRASE = re.compile(r"train|instruct|16|32|precision|\d_\d|non[- ]?[tr]")  # of all that _PHRASES match
KIND = {
    "instruct": "tuned", "chat": "tuned", "base": "base",
}  # fmt: skip
SYNONYMS = {
    "it": "instruct", "inst": "instruct", "ins": "instruct", "in": "instruct", "instruction": "instruct",
    "pt": "base", "foundation": "base", "think": "thinking", "reasoner": "reasoning",
}  # fmt: skip
_OURS = (
    r"(?:ours?|our (?:model|method|system)|this (?:model|work|repo(?:sitory)?)|本模型|我们(?:的模型)?|"
    r"[本当]モデル|(?:우리|본) ?모델|unser modell|notre modèle|nuestro modelo|nosso modelo|наша модель)"
)
_SIZE_TOKEN = re.compile(r"\d+(?:\.\d+)?[bm]")
_SIZE_PART = re.compile(
    r"(?i)(?<![a-z\d])(?:\d+x\d+(?:\.\d+)?b|[ae]\d+(?:\.\d+)?b|\d+e(?![a-z\d])|\d+(?:[._]\d+)?[bm](?![a-z\d]))"
)
_DATE = re.compile(r"\d{4}|\d{6}|\d{8}")

# The second of two names with a slash between them, in a card's folded text; begins with "/" to be found quickly.
_REPO_NAME = r"/(?<=[\w.-]/)([\w.-]{1,96}+)(?:/(?=[\w.-]))?"

# Only tuned models have modes to think in.
MODE_HEADING = re.compile(r"(?i)\bthinking\b|\breasoning[- ](?:modes?|on|off)\b")
BASE_WORDS = re.compile(r"(?i)\b(?:base|pre-?\s?trained|foundation(?:al)?)\b(?! on)|基座|预训练|(?<!\w)pt models?\b")
TUNED_WORDS = re.compile(
    r"(?i)\b(?:instruct(?:ion)?(?!(?:ion)?[- ]?(?:follow|eval|bench))s?(?:[- ]?(?:tuned|finetuned))?|chat|"
    r"(?:supervised )?fine-?\s?tuned|post-?\s?train(?:ed|ing)|aligned|sft)\b(?! data)|对话模型|指令"
)
QUANTIZED = re.compile(
    r"(?i)\b(?:(?:u?int|fp|w|q|iq|nf|mxfp|nvfp)[ -]?[2-8](?:a\d+|_\w+)?|[2-8][- ]?bits?|awq|gptq|gguf|ggml|exl2|"
    r"mlx|bnb|bitsandbytes|quantized|ptq|qat|q?lora|pruned|distil(?:l(?:ed)?)?|spinquant|smoothquant|hqq|aqlm|quip)\b"
)
NEUTRAL = word_set(
    "ours our model models this new the params parameters param hf moe dense work release released llm version "
    "本模型 我们 我们的 我们的模型 本モデル 当モデル モデル 우리 본 모델 우리모델 "
    "unser modell notre modele nuestro nosso modelo наша модель"
)
VENDORS = word_set(
    "meta google microsoft nvidia ibm openai alibaba mistralai anthropic ai tencent bytedance huggingface "
    "facebook amazon apple cohere"
)
MODES = word_set(
    "thinking nonthinking non reasoning no w wo with without on off high low medium minimal mode enabled "
    "disabled tools tool sft rl dpo rlhf ppo grpo cot tir greedy effort hybrid fast budget"
)
OURS = re.compile(rf"(?i)\W*{_OURS}\W*")
SAYS_OURS = re.compile(rf"(?i){_OURS}")
_VISION = word_set("vision image images visual multimodal vl")


def plain_letters(text: str) -> str:
    """Latin letters without their accents, Greek ones by name: "tülu" -> tulu, "7b-β" -> 7b-beta."""
    text = re.sub(r"(?<=[a-z])[\u0300-\u036f]+", "", unicodedata.normalize("NFD", text))
    greek = re.sub(r"[α-ω]", lambda m: unicodedata.name(m[0]).rpartition(" ")[2].lower(), text)
    return unicodedata.normalize("NFC", greek)


@functools.lru_cache(maxsize=8192)
def name_tokens(text: str) -> tuple[str, ...]:
    """A model name's tokens, spellings folded: "InternLM2_5-7B-Chat (bf16)" -> internlm 2.5 7b chat."""
    text = unicodedata.normalize("NFKC", text).casefold()
    if not text.isascii():
        text = plain_letters(text)
    if _HAS_PHRASE.search(text):
        for pattern, by in _PHRASES:
            text = pattern.sub(by, text)
    found = [token.removesuffix(".0") for token in _TOKEN.findall(text)]
    return tuple([SYNONYMS.get(token, token) for token in found])


@dataclass(frozen=True, slots=True)
class ModelName:
    """The model that is meant, by its Hub id."""

    repo_id: str
    tokens: tuple[str, ...]
    owner: frozenset[str]
    sizes: frozenset[str]  # tokens that say a size: 7b, a3b's 3b and a, 8x7b's parts
    kind: str | None  # tuned, base or unsaid

    @classmethod
    def of(cls, repo_id: str) -> ModelName:
        owner, _, name = repo_id.rpartition("/")
        tokens = name_tokens(name)
        sizes = frozenset(token for part in _SIZE_PART.findall(name.replace("_", "-")) for token in name_tokens(part))
        if any(size.endswith("b") for size in sizes):  # in "7B-1M", 1M is a context length
            sizes = frozenset(size for size in sizes if not size.endswith("m"))
        kinds = [KIND[token] for token in tokens if token in KIND]
        return cls(repo_id, tokens, frozenset(name_tokens(owner)) - set(tokens), sizes, kinds[-1] if kinds else None)


@functools.lru_cache(maxsize=64)
def name_parts(name: tuple[str, ...]) -> tuple[set[str], dict[str, tuple[str, ...]]]:
    """A name's tokens, and what two to four neighbours make when written as one."""
    spans = ((i, j) for i in range(len(name)) for j in range(i + 2, min(i + 4, len(name)) + 1))
    return set(name), {"".join(name[i:j]): name[i:j] for i, j in spans if all(map(str.isalpha, name[i:j]))}


@functools.lru_cache(maxsize=8192)
def align(tokens: tuple[str, ...], name: tuple[str, ...]) -> tuple[str, ...]:
    """Write tokens as the name does where only the splitting differs: "openllama" <-> "open llama"."""
    known, joined = name_parts(name)
    if known.issuperset(tokens) or (
        joined.keys().isdisjoint(tokens)
        and known.isdisjoint(map("".join, itertools.pairwise(tokens)))
        and known.isdisjoint(map("".join, zip(tokens, tokens[1:], tokens[2:], strict=False)))
    ):
        return tokens  # as nearly always
    found, at = [], 0
    while at < len(tokens):
        token, step = tokens[at], 1
        if token in known:
            found.append(token)
        elif token in joined:
            found.extend(joined[token])
        else:
            step = next((n for n in (3, 2) if at + n <= len(tokens) and "".join(tokens[at : at + n]) in known), 1)
            found.append("".join(tokens[at : at + step]))
        at += step
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Context:
    """What stands around a label, nearest first (row or column, caption, paragraph, headings), and the card's title."""

    near: tuple[str, ...]
    headings: tuple[str, ...]
    title: str
    card: Card
    table: Table

    def kind(self) -> str | None:
        """Whether the nearest text that says so speaks of base or of tuned models."""
        for text in (*self.near, *self.headings):
            if kind := kind_said(text):
                return kind
        return None

    def supplies(self, token: str, name: Sequence[str], after: str = "", title: bool = False) -> bool:
        """Whether the text around says a word of the name, right after the word before it when that is given."""
        for text in (*self.near, *self.headings, *((self.title,) if title else ())):
            found = align(name_tokens(text), name)
            if token in found and (not after or (after, token) in itertools.pairwise(found)):
                return True
            if token in _VISION and not _VISION.isdisjoint(found) and not is_model(text):
                return True
            if is_model(text) and len(text) < 80:
                return False  # a nearer text about another model
        return False

    def labelled(self, tokens: set[str], name: tuple[str, ...], everywhere: bool) -> bool:
        """Whether a label of this table, or of any of the card's, says these words."""
        tables = self.card.tables if everywhere else [self.table]
        return any(tokens <= said for table in tables for said in label_tokens(self.card, table, name))


@functools.lru_cache(maxsize=1024)
def kind_said(text: str) -> str | None:
    """ "base" or "tuned" when a text speaks of one of them only."""
    base, tuned = bool(BASE_WORDS.search(text)), bool(TUNED_WORDS.search(text))
    return None if base == tuned else "base" if base else "tuned"


def fit_name(label: str, model: ModelName, context: Context) -> Fit | None:
    """How a label fits the model, by rules and never by likeness; None when it is another model or cannot be told."""
    if len(label) > 150:
        return None
    stripped = split_label(label).name
    if OURS.fullmatch(stripped):
        told = kind_agrees(model, context) and not copied_from(model, context.card, context.table)
        return Fit(2, "called 'ours'", 0) if told else None
    tokens = align(name_tokens(stripped), model.tokens)
    have, wanted = set(tokens), set(model.tokens)
    covered = len(have & wanted)
    if not covered or not (have & wanted) - set(KIND):
        return None
    if len(wanted) < len(model.tokens) and any(tokens.count(token) < model.tokens.count(token) for token in have):
        return None  # "Foo-2" is not Foo-2-2
    surplus = have - wanted - NEUTRAL - VENDORS - model.owner
    missing = wanted - have - NEUTRAL - VENDORS - model.owner
    rules = []
    if (
        surplus
        and not missing
        and not model.sizes
        and not several_sizes(model, context)
        and all(
            _SIZE_TOKEN.fullmatch(token) or token in ("a", "e", "x") or (token.isdecimal() and tokens.count("x"))
            for token in surplus
        )
    ):
        surplus, _ = set(), rules.append("its size added")
    if surplus == {"base"} and model.kind is None and unmarked_kind(model, context.card) != "tuned":
        surplus, _ = set(), rules.append("'base' said")
    mode = bool(surplus) and surplus <= MODES
    if surplus and not mode:
        return None
    if missing - KIND.keys() - model.sizes and (
        starts_elsewhere(stripped, missing, model) or names_another_repo(stripped, model, context.card)
    ):
        return None
    if missing and not (supplied := supply(missing, have, model, context)):
        return None
    if missing:
        rules.append(supplied)
    kinds = [KIND[token] for token in tokens if token in KIND]
    if not kinds and not kind_agrees(model, context):
        return None
    if re.search(r"(?i)\((?:dense|moe)\)", label) and not {"dense", "moe"} & wanted:
        return None  # "BGE-M3 (Dense)" is one way to use it
    if QUANTIZED.search(label) and not QUANTIZED.search(model.repo_id):
        return None
    if mode:
        bracketed = surplus <= set(
            name_tokens(" ".join(m[1] or m[2] or m[3] or "" for m in _BRACKET.finditer(stripped)))
        )
        return Fit(0, "in brackets a mode of it" if bracketed else "a mode of it", covered)
    if missing:
        return Fit(1 if "only size" in supplied else 2, ", ".join(rules), covered)
    exact = have == wanted
    return Fit(
        4 if exact else 3,
        "exact" if exact else ", ".join(rules) or "exact but for words such as 'ours' or the owner",
        covered,
    )


def is_word(token: str) -> bool:
    return token.isalpha() and len(token) > 1 and token not in KIND


def table_labels(table: Table) -> Iterator[str]:
    """The short texts of a table that may name models: its header rows and its first three columns."""
    for number, row in enumerate(table.rows[:200]):
        for cell in row if number <= table.head else row[:3]:
            if cell.text and len(cell.text) < 60:
                yield cell.text


def label_tokens(card: Card, table: Table, name: tuple[str, ...]) -> set[frozenset[str]]:
    """The tokens of a table's labels, written as the name writes them; looked up once for each table of a card."""
    place = ("labels", table.number, name)
    if place not in card.memo:
        card.memo[place] = {frozenset(align(name_tokens(text), name)) for text in table_labels(table)}
    return card.memo[place]


def supply(missing: set[str], have: set[str], model: ModelName, context: Context) -> str:
    """Say where the tokens that a label lacks are said; "" when one of them is said nowhere or only far away."""
    rules = set()
    order = {token: place for place, token in enumerate(model.tokens)}
    named = [order[token] for token in have if token in order and is_word(token) and token not in model.sizes]
    for token in missing:
        if token in KIND:
            if context.kind() is None and KIND[token] == "tuned" and only_kind(have, model, context):
                rules.add(f"only size and kind: the card knows no model of that name but {token}")
                continue
            if context.kind() != KIND[token] or any(
                context.labelled(have | {kind}, model.tokens, False) for kind in KIND
            ):
                return ""
            rules.add(f"'{token}' from the text around")
        elif token in model.sizes:
            said = [sizes_in(text) for text in (*context.near, *context.headings[:1])]
            if any(sizes and not sizes <= model.sizes for sizes in said[: len(context.near)]):
                return ""
            if any(token in sizes for sizes in said if sizes <= model.sizes):
                rules.add(f"'{token}' from the text around")
            elif only_size(have, model, context.card):
                rules.add("the only size of that name in the card")
            else:
                return ""
        elif re.fullmatch(r"\d{4}|\d{6}|\d{8}|\d+[kmt]", token):  # a date or checkpoint stamp, a context length
            before = model.tokens[order[token] - 1] if order[token] else ""
            said = map(name_tokens, context.near)
            if any(text == (token,) or (before, token) in itertools.pairwise(text) for text in said):
                continue
            if not dated_by_title(token, have, model, context):
                return ""
            rules.add(f"'{token}' from the title")
        elif QUANTIZED.search(token) or token in MODES:
            return ""
        else:
            before = model.tokens[order[token] - 1] if order[token] else ""
            if not named or order[token] < min(named):  # the family's name, which a card need not repeat
                sized = not model.sizes or any(map(str.isdecimal, "".join(have)))
                told = sized and context.supplies(token, model.tokens, title=True)
            elif not is_word(token):  # "Foo 7B" is no Foo 2 where some label says "Foo 2"
                said = {model.tokens[min(named)], token}
                after = model.tokens[order[token] + 1 : order[token] + 2] if token == "v" else ()
                told = context.supplies(token, model.tokens, before, True) and not context.labelled(
                    said, model.tokens, True
                )
                told = told and all(context.supplies(number, model.tokens, token, True) for number in after)
            else:  # a word inside the name: Vision, Coder
                said = {model.tokens[0], token}
                told = context.supplies(token, model.tokens, before) and not context.labelled(said, model.tokens, False)
            if not told:
                return ""
            rules.add(f"'{token}' from the text around")
    said = have & (
        model.sizes
        | {token for token in model.tokens if len(token) > 1 and not token.isdecimal() and token not in KIND}
    )
    return ", ".join(sorted(rules)) or "from the text around" if said else ""


@functools.lru_cache(maxsize=1024)
def sizes_in(text: str) -> set[str]:
    """The size tokens of a text: "7B and 13B models" -> 7b, 13b."""
    return {token for part in _SIZE_PART.findall(text) for token in name_tokens(part)} if text else set()


def only_kind(have: set[str], model: ModelName, context: Context) -> bool:
    """Whether the card names this model as Instruct or Chat only, so that a label may leave that out."""
    words = [token for token in model.tokens if token not in KIND]
    pattern = r"[\W_]{0,2}".join(map(re.escape, words))
    suffixes = {SYNONYMS.get(word, word) for word in context.card.find_all(pattern + r"[-_]([a-z]+)")}
    if not suffixes or not suffixes <= KIND.keys() - {"base"} or context.card.find_all("/" + pattern + r"(?![\w.-])"):
        return False
    if headings_say(context.card, BASE_WORDS) or any(map(BASE_WORDS.search, context.near)):
        return False
    return not any(context.labelled(have | {kind}, model.tokens, True) for kind in KIND)


def several_sizes(model: ModelName, context: Context) -> bool:
    """Whether the card's labels name a model that has no size of its own in more than one size."""
    card, wanted, place = context.card, set(model.tokens), ("sizes", model.tokens)
    if place not in card.memo:
        labels = (label for table in card.tables for label in label_tokens(card, table, model.tokens))
        sizes = {frozenset(filter(_SIZE_TOKEN.fullmatch, label)) for label in labels if wanted < label}
        card.memo[place] = len(sizes - {frozenset()}) > 1
    return card.memo[place]


def only_size(have: set[str], model: ModelName, card: Card) -> bool:
    """Whether the card names this model in one size only, so that a label may leave the size out."""
    words = [token for token in model.tokens if token in have and token not in KIND]
    if not words or not any(token.isalpha() and len(token) > 1 for token in words):
        return False
    pattern = (
        r"[\W_]{0,2}".join(map(re.escape, words))
        + r"[\W_]{0,3}(?:[a-z]{2,10}[\W_])?((?:\d+x|a)?\d+(?:[._]\d+)?[bm])(?![a-z\d])"
    )
    found = {size.replace("_", ".") for size in card.find_all(pattern)}
    if not found and any(size.endswith("m") for size in model.sizes):
        return False  # "1M" may be a context length
    return all(set(name_tokens(size)) <= model.sizes for size in found)


def unmarked_kind(model: ModelName, card: Card) -> str | None:
    """What a name without Base or Instruct means in this card: the other of the two that the card names beside it."""
    words = [token for token in model.tokens if token not in KIND]
    pattern = r"[\W_]{0,2}".join(map(re.escape, words))
    if card.find_all(pattern + r"[\W_]{0,2}(?:base|pretrain(?:ed)?|pt)(?![a-z])"):
        return "tuned"
    if card.find_all(pattern + r"[\W_]{0,2}(?:chat|instruct|it|sft)(?![a-z])"):
        return "base"
    return "tuned" if headings_say(card, MODE_HEADING) else None


def copied_from(model: ModelName, card: Card, table: Table) -> str:
    """The heading or title by which the card, or the part that has the table, is another model's text; "" if none is.

    Conversions repeat the card of the model that they were made from; what it calls "ours" is that model.
    """
    if quoted := next(filter(ORIGINAL_CARD.match, table.headings), ""):
        return quoted
    title = {*name_tokens(card.title)} - NEUTRAL - {"card", "for"}
    base = {*name_tokens(str(card.front.get("base_model", "")).rpartition("/")[2])}
    if not title or title >= {*model.tokens}:
        return ""
    unquantized = QUANTIZED.search(model.repo_id) and not QUANTIZED.search(card.title)
    return card.title if title == base or (unquantized and title < {*model.tokens}) else ""


def core_words(text: str, model: ModelName) -> set[str]:
    """A name's tokens without those that say nothing: "acme/Foo-7B (ours)" -> foo 7b."""
    return {*align(name_tokens(text), model.tokens)} - NEUTRAL - VENDORS - model.owner


def names_another_repo(label: str, model: ModelName, card: Card) -> bool:
    """Whether a label is the whole name of another repo that the card links, or of the model it was made from."""
    words, own = core_words(label, model), {*model.tokens} - NEUTRAL - VENDORS - model.owner
    word = max(filter(str.isalpha, words), key=len, default="")  # most names have not even that
    names = {name for name in card.find_all(_REPO_NAME) if word in name}
    names.add(str(card.front.get("base_model", "")).rpartition("/")[2])
    return any((found := core_words(name, model)) == words and not found >= own for name in names)


def starts_elsewhere(label: str, missing: set[str], model: ModelName) -> bool:
    """Whether a label begins with a family of its own where the model's name begins with a word it lacks.

    "Llama-3-8B" is not Dolphin-Llama-3-8B, though "Small 8B" under "Mistral" is Mistral-Small-8B. A model made from
    Llama has to be called Llama first, by licence: "Tulu 3 8B" is Llama-3.1-Tulu-3-8B.
    """
    first = model.tokens[0]
    return is_word(first) and first in missing and first != "llama" and bool(FAMILY.match(label.lower()))


def dated_by_title(date: str, have: set[str], model: ModelName, context: Context) -> bool:
    """Whether a label may leave out the model's date: the title says it, and nothing in the card has another one."""
    own = {*model.tokens} - NEUTRAL - VENDORS - model.owner
    if not _DATE.fullmatch(date) or not own <= core_words(context.title, model):
        return False
    for name in context.card.find_all(_REPO_NAME):
        words = core_words(name, model)
        if words != own and {word for word in words if not _DATE.fullmatch(word)} == own - {date}:
            return False
    labels = (core_words(text, model) for table in context.card.tables for text in table_labels(table))
    return not any(have <= words and any(map(_DATE.fullmatch, words)) for words in labels)


def kind_agrees(model: ModelName, context: Context) -> bool:
    """Whether base or tuned, as the text around says, does not contradict the model's own name."""
    said = context.kind()
    if said is None or said == model.kind:
        return True
    if model.kind is not None:
        return False
    unmarked = unmarked_kind(model, context.card)
    return unmarked == said if unmarked else said == "base" or not headings_say(context.card, BASE_WORDS)


def headings_say(card: Card, words: re.Pattern[str]) -> bool:
    """Whether a heading above any of the card's tables has one of these words; looked at once for a card."""
    if words not in card.memo:
        headings = {text for table in card.tables for text in table.headings}
        card.memo[words] = any(map(words.search, headings))
    return card.memo[words]
