"""From lines of a predictions file to items, checked by line."""

from __future__ import annotations

import json
import math
import re
import unicodedata
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from parts.frame import ScriptError, listing, single_line
from parts.harness.reasoning import split_reasoning
from parts.metrics.vocabulary import LABEL_LINES, Choices, Forecast, Item, Line, Rating, Vote

FEW_CLUSTERS = 12  # of votes: below, their clusters are few
SHOWN_PROBLEMS = 5
PROBABILITIES_SUM = 1e-3  # how far from 1 the probabilities of an item may add up
COMMON_FIELDS = {"prompt": {str, type(None)}, "group": {str, int, type(None)}, "attempt": {str, int}}
MISSING_WORDS = ("", "NA", "N/A", "NaN", "nan", "null", "None")  # of a rating that is a word, as tables write them
READ_WORDS = (
    "id prompt group attempt prediction reference references probability probabilities score passed n c ranked "
    "relevant ratings rating rater item system a b model_a model_b winner preference length_a length_b "
    "output_a output_b audio reference_audio conversation_a conversation_b prompt_hash statistics epoch repeat "
    "orders attempts scored attempt_values numerator denominator limit_hit opponent confidence cluster_id outcome"
)
READ_FIELDS = frozenset(READ_WORDS.split())
MOST_FIELDS = 20
TIES = ("tie", "draw", "bothbad", "tiebothbad", "bothgood", "tiebothgood")  # without signs: "both bad", "tie (bothbad)"
# How the columns of votes are called by which votes go together.
VOTE_ROLES = {
    "group": re.compile(r"(?i)(prompt|question|item|instruction|query|conversation)[ _-]?id"),
    "rater": re.compile(
        r"(?i)(rater|judge|annotator|user|voter|worker|participant|evaluator|assessor)([ _-]?(id|name))?"
    ),
}
TRUE_WORDS, FALSE_WORDS = {"1", "true"}, {"0", "false"}
# What harnesses that run code say of a solution: right, out of time (a failure), another failure, their own failure.
OUTCOMES = re.compile(
    r"(?P<right>pass|passed|accepted|correct)|(?P<done>ok|success|succeeded)|"
    r"(?P<late>timed?[ _-]?out\b.*|time[ _-]?limit\b.*|tle)"
    r"|(?P<broken>(?:test[ _-]?)?runner ?error\b.*)|(?P<wrong>fail(?:ed|ure)?\b.*|wrong\b.*|incorrect|"
    r"(?:run[ _-]?time|compil\w+|syntax)[ _-]?error\b.*|exception\b.*)",
    re.IGNORECASE | re.DOTALL,
)


def is_finite(value: Any) -> bool:
    """Whether a JSON value is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def kind_of(value: Any) -> str:
    """What a JSON value is, in words."""
    names = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    return names.get(type(value), "a number")


def field_of(fields: Mapping[str, Any], name: str) -> Any:
    """A field that must be there; null is a value."""
    if name not in fields:
        raise ValueError(f"no {name!r}")
    return fields[name]


def text_of(value: Any, name: str) -> str | None:
    """A text, number, truth value or null as text or None: 3.0 -> "3", true -> "true"."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return str(int(value)) if float(value).is_integer() else repr(value)
    more = f"; of several labels: {LABEL_LINES}" if isinstance(value, list) else ""
    raise ValueError(f"{name} is {kind_of(value)}, not a text, a number or null{more}")


def name_of(value: Any, name: str) -> str:
    """A name: a text that is not blank, or a whole number. However it was typed, é is one letter."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{name} is {kind_of(value) if value != '' else 'empty'}, not a name")
    return unicodedata.normalize("NFC", value)


def share_of(value: Any, name: str) -> float:
    """A number of 0 to 1."""
    if not is_finite(value) or not 0 <= value <= 1:
        raise ValueError(f"{name} is {json.dumps(value)[:40]}, not a number of 0 to 1")
    return float(value)


def composed(text: str, choices: Choices) -> str:
    """A text in the form of Unicode that is asked for, so that é is é however it was typed."""
    return text if choices.form is None or text.isascii() else unicodedata.normalize(choices.form, text)


def said_text(value: Any, choices: Choices) -> tuple[str | None, str | None]:
    """(a prediction as text, the answer in it): without thinking, None where that was not finished, and parsed."""
    raw = text_of(value, "prediction")
    if raw is None:
        return None, None
    answer: str | None = composed(raw, choices)
    if choices.tags is not None and any(tag in answer for tag in choices.tags):
        _, left = split_reasoning(answer, choices.tags)
        unfinished = answer.rfind(choices.tags[0]) > answer.rfind(choices.tags[1])
        answer = None if unfinished and not left.strip() else left
    return raw, parsed(answer, choices.pattern)


def few_rater_notes(lines: Sequence[Line]) -> list[str]:
    """What is said of votes whose few raters make few clusters: by which column, and how another one is named."""
    votes = [line.fields for line in lines if {"winner", "preference"} & line.fields.keys()]
    column = next((name for name in ("rater", "judge") if votes and name in votes[0]), None)
    raters = {str(fields.get(column)) for fields in votes} if column else set()
    if not 1 < len(raters) < FEW_CLUSTERS:
        return []
    other = next((name for name in votes[0] if VOTE_ROLES["group"].fullmatch(name)), "COLUMN")
    return [
        f"the votes of one {column} count together: {len(raters)} clusters, so the intervals are wide; where votes of "
        f"one are independent, name what others share: --map rater={other}"
    ]


def with_vote_roles(lines: list[Line], said: Collection[str]) -> list[Line]:
    """Votes with the group and the rater that columns of such names say, where their values repeat and nobody has said
    (by --map, or as "judge") what these are."""
    for role, pattern in VOTE_ROLES.items():
        names = {} if role in said else dict.fromkeys(name for line in lines for name in line.fields)
        own = [name for name in names if pattern.fullmatch(name) and 1 < repeated(lines, name) < len(lines)]
        if len(own) == 1 and not any(role in line.fields or (role == "rater" and own == ["judge"]) for line in lines):
            lines = [line._replace(fields={**line.fields, role: str(line.fields[own[0]])}) for line in lines]
    return lines


def repeated(lines: Sequence[Line], name: str) -> int:
    """How many texts or whole numbers a field has, of which each line has one; else 0."""
    values = [line.fields.get(name) for line in lines]
    return 0 if any(isinstance(value, bool) or not isinstance(value, str | int) for value in values) else len({*values})


def unused_notes(lines: Sequence[Line], said: Collection[str]) -> list[str]:
    """What is said of columns of votes whose values repeat and that count nowhere: votes may go together by them."""
    fields = lines[0].fields
    known = {*fields, *said, *(["rater"] if "judge" in fields else [])}
    roles = [role for role in VOTE_ROLES if role not in known]
    used = {str(fields[role]) for role in VOTE_ROLES if role in fields}
    names = [name for name in fields if name not in READ_FIELDS and name != "judge" and str(fields[name]) not in used]
    names = [name for name in names if 1 < 2 * repeated(lines, name) <= len(lines) and repeated(lines, name) > 1]
    if not roles or not names:
        return []
    ways = " or ".join(f"--map {role}={name}" for role in roles for name in names[:1])
    return [f"columns with repeated values that count nowhere: {listing(names)}; if votes share them: {ways}"]


def thinking_notes(lines: Sequence[Line], choices: Choices) -> list[str]:
    """What is said of thinking that was left out."""
    if choices.tags is None:
        return []
    texts = [text for line in lines if isinstance(text := line.fields.get("prediction"), str)]
    held = [text for text in texts if any(tag in text for tag in choices.tags)]
    if not held:
        return []
    open_ended = sum(said_text(text, replace(choices, pattern=None))[1] is None for text in held)
    words = f"; {open_ended} did not end it: unparsed" if open_ended else ""
    return [f"{len(held)} predictions hold thinking ({' '.join(choices.tags)}), which is not scored{words}"]


def references_of(fields: Mapping[str, Any], choices: Choices) -> tuple[str, ...]:
    """The references of a line; there must be at least one."""
    only = fields.get("reference")
    if type(only) is str and "references" not in fields:
        return (composed(only, choices),)
    if "references" in fields:
        if "reference" in fields:
            raise ValueError("both 'reference' and 'references'")
        many = fields["references"]
        if not isinstance(many, list) or not many:
            raise ValueError("references is no list with at least one entry")
    else:
        many = [field_of(fields, "reference")]
    found = tuple(text_of(reference, "reference") for reference in many)
    if None in found:
        raise ValueError("a reference is null")
    return tuple(composed(text, choices) for text in found)


def parsed(text: str | None, pattern: re.Pattern[str] | None) -> str | None:
    """The answer in a text: the last match of --parse (its first group, if it has one); None when there is none."""
    if text is None or pattern is None:
        return text
    match = None
    for match in pattern.finditer(text):  # noqa: B007
        pass
    return None if match is None else match[1] if pattern.groups else match[0]


def make_item(
    line: Line, value: Any, references: tuple[str, ...] = (), outputs: tuple[str, ...] = (), id: str | None = None
) -> Item:
    """An item with what every line may say: prompt, group, attempt. Attempts at one item go together."""
    fields = line.fields
    attempt = text_of(fields.get("attempt"), "attempt")
    group = fields.get("group")
    group = (line.id if attempt is not None else None) if group is None else unicodedata.normalize("NFC", str(group))
    more = other_fields(fields)
    return Item(line.number, id or line.id, group, attempt, fields.get("prompt"), references, outputs, value, more)


def other_fields(fields: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """What a line says beside what metrics read, in short values: they can break a comparison down, or group items."""
    names = fields.keys() - READ_FIELDS
    if not names:
        return ()
    kept = [name for name in sorted(names) if isinstance(fields[name], str | int | float) and len(name) <= 64]
    return tuple((name, text_of(fields[name], name)[:200]) for name in kept[:MOST_FIELDS])


def read_text(line: Line, choices: Choices) -> list[Item]:
    """Prediction and references."""
    references = references_of(line.fields, choices)
    raw, answer = said_text(field_of(line.fields, "prediction"), choices)
    return [make_item(line, answer, references, () if raw is None else (raw,))]


def read_plain(line: Line, choices: Choices) -> list[Item]:
    """A prediction without a reference."""
    raw, answer = said_text(field_of(line.fields, "prediction"), choices)
    return [make_item(line, answer, (), () if raw is None else (raw,))]


def read_forecast(line: Line, choices: Choices) -> list[Item]:
    """A probability of each class, of the prediction, or (without a prediction) of the positive class."""
    fields = line.fields
    references = references_of(fields, choices)
    if "probabilities" in fields:
        if len(references) > 1:
            raise ValueError("several references; a class has one")
        shown = fields["probabilities"]
        forecast = None if shown is None else class_forecast(shown, references[0].strip(), choices)
        return [make_item(line, forecast, references, () if shown is None else (json.dumps(shown),))]
    p = field_of(fields, "probability")
    if "prediction" in fields:
        raw, answer = said_text(fields["prediction"], choices)
        right = answer is not None and any(answer.strip() == reference.strip() for reference in references)
        missing = p is None or answer is None
        outputs = () if raw is None else (raw,)
        about = "the prediction"
    else:
        right, missing = is_positive(references, choices.positive), p is None
        outputs = () if p is None else (repr(p),)
        about = "the positive class"
    forecast = None if missing else event_forecast(about, share_of(p, "probability"), right)
    return [make_item(line, forecast, references, outputs)]


def number_in(value: Any, choices: Choices) -> float | None:
    """The number that a prediction is, or that --parse finds in it; None where it holds none."""
    _, text = said_text(value, choices)
    try:
        number = math.nan if text is None else float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def read_numbers(line: Line, choices: Choices) -> list[Item]:
    """(number said, number wanted) of a line, as for similarities and ratings of quality."""
    (reference, *more) = references_of(line.fields, choices)
    wanted = number_in(reference, replace(choices, pattern=None))
    if wanted is None or more:
        raise ValueError(f"the reference {reference[:40]!r} is not one number")
    raw = field_of(line.fields, "prediction")
    said = number_in(raw, choices)
    outputs = () if raw is None else (text_of(raw, "prediction"),)
    return [make_item(line, None if said is None else (said, wanted), (reference,), outputs)]


def read_class_scores(line: Line, choices: Choices) -> list[Item]:
    """(score of the positive class, whether it was): "score", any number, or "probability"."""
    fields, references = line.fields, references_of(line.fields, choices)
    name = "score" if "score" in fields else "probability"
    score = field_of(fields, name)
    if score is not None and not is_finite(score):
        raise ValueError(f"{name} is {kind_of(score)}, not a finite number")
    value = None if score is None else (float(score), float(is_positive(references, choices.positive)))
    return [make_item(line, value, references, () if score is None else (repr(score),))]


def event_forecast(about: str, p: float, right: bool) -> Forecast:
    """The forecast of something that happened or not."""
    return Forecast(about, p, right, p if right else 1 - p, (p - right) ** 2)


def class_forecast(shown: Any, reference: str, choices: Choices) -> Forecast:
    """The forecast of one of several classes: its confidence is that of the likeliest, of equals the first by name."""
    if isinstance(shown, list):
        shown = {str(i): p for i, p in enumerate(shown)}
    if not isinstance(shown, dict) or len(shown) < 2:
        raise ValueError("probabilities is neither an object nor a list of at least two numbers")
    shown = {composed(label, choices): p for label, p in shown.items()}
    chances = {label.strip(): share_of(p, f"the probability of {label!r}") for label, p in shown.items()}
    if abs(math.fsum(chances.values()) - 1) > PROBABILITIES_SUM:
        raise ValueError(f"probabilities add up to {math.fsum(chances.values()):.6g}, not to 1")
    if reference not in chances:
        raise ValueError(f"probabilities has no {reference!r}, the reference")
    top = min(chances, key=lambda label: (-chances[label], label))
    squared = math.fsum((p - (label == reference)) ** 2 for label, p in chances.items())
    return Forecast("each class", chances[top], top == reference, chances[reference], squared)


def is_positive(references: Sequence[str], positive: str | None) -> bool:
    """Whether what was forecast has happened: the reference is --positive, else 1 or true and not 0 or false."""
    word = references[0].strip()
    if positive is not None:
        return word == positive
    if len(references) > 1 or word.lower() not in TRUE_WORDS | FALSE_WORDS:
        raise ValueError(f"reference {word!r} is neither 0 nor 1; say with --positive which one has the probability")
    return word.lower() in TRUE_WORDS


def read_attempts(line: Line, choices: Choices) -> list[Item]:
    """(n, c, unknown, late, broken) of a task: how often it was tried and solved; an attempt with null has no known
    outcome unless its harness says one in words. Late and broken ones are among the n that were not solved."""
    fields = line.fields
    if fields.get("passed") is None and ("passed" not in fields or "n" in fields or "c" in fields):
        n, c = (field_of(fields, name) for name in ("n", "c"))
        if not all(isinstance(x, int) and not isinstance(x, bool) for x in (n, c)) or not 0 <= c <= n or n < 1:
            raise ValueError(f"n = {json.dumps(n)}, c = {json.dumps(c)}: whole numbers with 0 <= c <= n are expected")
        return [make_item(line, (n, c, 0, 0, 0))]
    passed = fields["passed"] if isinstance(fields["passed"], list) else [fields["passed"]]
    said = fields.get("outcome", fields.get("result", fields.get("status")))
    said = said if isinstance(said, list) and len(said) == len(passed) else [said if len(passed) == 1 else None]
    said = said if len(said) == len(passed) else said * len(passed)
    if not passed or not all(outcome is None or isinstance(outcome, bool | str) for outcome in passed):
        raise ValueError("passed is neither true, false or null nor a list of these")
    outcomes = [outcome_of(*pair) for pair in zip(passed, said, strict=True)]
    kinds = [kind for _, kind in outcomes]
    right = [outcome for outcome, _ in outcomes]
    counted = {"n": len(right), "c": right.count(True)}
    for name, count in counted.items():
        if fields.get(name) is not None and fields[name] != count:
            raise ValueError(f"{name} is {json.dumps(fields[name])[:20]}, but passed has {count}")
    unknown = 0 if choices.unparsed_as_wrong else right.count(None)
    late, broken = kinds.count("late"), kinds.count("broken")
    return [make_item(line, (len(right) - unknown, right.count(True), unknown, late, broken))]


def outcome_of(passed: bool | str | None, said: Any) -> tuple[bool | None, str | None]:
    """(whether a solution passed, its kind in OUTCOMES): by `passed`, and the words of the harness beside it.

    A timeout is a failure of the solution: null beside "timed out" is no unknown outcome.
    """
    words = passed if isinstance(passed, str) else said if isinstance(said, str) else ""
    found = OUTCOMES.fullmatch(words.strip())
    kind = found.lastgroup if found else None
    if isinstance(passed, str) and kind is None:
        raise ValueError(f"passed is neither true, false or null but {json.dumps(passed)[:40]}: which of them is it?")
    if isinstance(passed, str):
        return kind in ("right", "done"), kind
    if kind in (None, "done"):  # that its run went well says nothing of the solution
        return passed, None
    if passed is not None and passed != (kind == "right"):
        raise ValueError(f"passed is {json.dumps(passed)}, but its harness says {json.dumps(words)[:40]}")
    return kind == "right", kind


def pooled_attempts(items: Iterable[Item]) -> list[Item]:
    """One item for each task: the attempts of several lines together; None when no outcome is known."""
    found: dict[str, Item] = {}
    for item in items:
        first = found.setdefault(item.id, item)
        if first is not item:
            found[item.id] = first._replace(value=tuple(map(sum, zip(first.value, item.value, strict=True))))
    return [item._replace(attempt=None, group=None if item.group == item.id else item.group) for item in found.values()]


def read_ranking(line: Line, choices: Choices) -> list[Item]:
    """(ranked ids, {relevant id: grade}) of a query; its references are the documents with a grade above 0."""
    ranked, relevant = field_of(line.fields, "ranked"), field_of(line.fields, "relevant")
    if not isinstance(ranked, list | None) or not isinstance(relevant, dict | list):
        raise ValueError("ranked is no list of ids, or relevant neither a list of ids nor an object of id to grade")
    relevant = relevant if isinstance(relevant, dict) else dict.fromkeys(relevant, 1)
    grades = {name_of(name, "a relevant id"): grade for name, grade in relevant.items()}
    if not all(is_finite(grade) and grade >= 0 for grade in grades.values()):
        raise ValueError("a grade of relevance is no number of at least 0")
    grades = {name: float(grade) for name, grade in sorted(grades.items()) if grade > 0}
    references = tuple(json.dumps(pair) for pair in grades.items())
    if ranked is None:
        return [make_item(line, None, references)]
    names = tuple(name_of(name, "a ranked id") for name in ranked)
    if len(set(names)) < len(names):
        raise ValueError("ranked names a document twice")
    return [make_item(line, (names, grades), references, names)]


def read_ratings(line: Line, choices: Choices) -> list[Item]:
    """The ratings of a line: one, or all that an item got. A null is a rating that was not given."""
    fields = line.fields
    item = name_of(fields.get("item", line.id), "item")
    system = None if fields.get("system") is None else name_of(fields["system"], "system")
    if "rating" in fields:
        rater = None if fields.get("rater") is None else name_of(fields["rater"], "rater")
        given = [(rater, rater or line.id, fields["rating"])]
    else:
        ratings = field_of(fields, "ratings")
        if not isinstance(ratings, dict | list) or not ratings:
            raise ValueError("ratings is neither a list nor an object of rater to rating, or it is empty")
        pairs = ratings.items() if isinstance(ratings, dict) else ((None, rating) for rating in ratings)
        given = [(rater, rater or str(i), rating) for i, (rater, rating) in enumerate(pairs, start=1)]
    return [rating_item(line, Rating(item, rater, system, value), place) for rater, place, value in given]


def rating_item(line: Line, rating: Rating, place: str) -> Item:
    """One rating as an item, named after what was rated and by whom, so that it has the same name for every model."""
    if rating.value is not None and not isinstance(rating.value, str) and not is_finite(rating.value):
        raise ValueError(f"a rating is {kind_of(rating.value)}, not a number, a text or null")
    if isinstance(rating.value, str):
        word = unicodedata.normalize("NFC", rating.value).strip()
        rating = rating._replace(value=None if word in MISSING_WORDS else word)
    shown = () if rating.value is None else (str(rating.value),)
    value = None if rating.value is None else rating
    item = make_item(line, value, (), shown, id=f"{rating.item}/{place}")
    more = (*item.more, ("system", rating.system)) if value is None and rating.system else item.more
    return item._replace(group=item.group or rating.item, more=more)


def read_votes(line: Line, choices: Choices) -> list[Item]:
    """A vote between two models."""
    fields = line.fields
    a, b = (name_of(fields.get(f"model_{side}") if fields.get(side) is None else fields[side], side) for side in "ab")
    if a == b:
        raise ValueError(f"a and b are both {a!r}")
    if "preference" not in fields and "winner" not in fields:
        raise ValueError("neither 'preference' nor 'winner'")
    lengths = [length_of(fields, side) for side in ("a", "b")]
    longer = None if None in lengths else lengths[0] - lengths[1]
    preference, winner = fields.get("preference"), fields.get("winner")
    share = None if preference is None else share_of(preference, "preference")
    if winner is not None:
        winner = unicodedata.normalize("NFC", winner) if isinstance(winner, str) else winner
        won = share_of_winner(winner, a, b)
        if share is not None and (share > 0.5) - (share < 0.5) != (won > 0.5) - (won < 0.5):
            raise ValueError(f"winner is {single_line(winner)[:40]!r}, but preference is {share:g}")
        share = won if share is None else share
    rater = fields.get("rater", fields.get("judge"))  # "judge": so the votes of Chatbot Arena say it
    rater = None if rater is None else name_of(rater, "rater")
    orders = fields["orders"] if fields.get("orders") in ("both", "unknown") else ""
    value = None if share is None else Vote(a, b, share, longer, rater, orders)
    said = winner if preference is None else preference
    return [make_item(line, value, (), () if said is None else (str(said),))]


def share_of_winner(winner: Any, a: str, b: str) -> float:
    """1 where `a` has won, 0 where `b` has, 0.5 for a tie, by side or by name."""
    word = winner.strip().lower() if isinstance(winner, str) else winner
    if word in ("a", "model_a") or winner == a:
        return 1.0
    if word in ("b", "model_b") or winner == b:
        return 0.0
    if isinstance(word, str) and re.sub(r"[\W_]+", "", word) in TIES:
        return 0.5
    raise ValueError(f"winner is {json.dumps(winner)[:40]}, not a, b, model_a, model_b, one of their names, or a tie")


def length_of(fields: Mapping[str, Any], side: str) -> float | None:
    """The length of an answer: as given, else the characters of its text; None when neither is there."""
    if f"length_{side}" in fields:
        length = fields[f"length_{side}"]
        if not is_finite(length) or length < 0:
            raise ValueError(f"length_{side} is {json.dumps(length)[:40]}, not a number of at least 0")
        return float(length)
    output = fields.get(f"output_{side}")
    if not isinstance(output, str | None):
        raise ValueError(f"output_{side} is {kind_of(output)}, not a text")
    return None if output is None else float(len(output))


def read_audio(line: Line, choices: Choices) -> list[Item]:
    """The paths of two recordings, which are meant from the folder of the predictions file on."""
    reference = field_of(line.fields, "reference_audio")
    audio = field_of(line.fields, "audio")
    if not isinstance(reference, str) or not isinstance(audio, str | None):
        raise ValueError("audio or reference_audio is no path")
    value = None if audio is None else (choices.folder / audio, choices.folder / reference)
    return [make_item(line, value, (reference,), () if audio is None else (audio,))]


def read_any(line: Line, choices: Choices) -> list[Item]:
    """A line for a custom metric: its fields, with the prediction parsed; null when that is what the prediction is."""
    fields = dict(line.fields)
    references = references_of(fields, choices) if {"reference", "references"} & set(fields) else ()
    if "prediction" not in fields:
        return [make_item(line, fields, references)]
    if isinstance(fields["prediction"], dict | list):
        return [make_item(line, fields, references, (json.dumps(fields["prediction"]),))]
    raw, answer = said_text(fields["prediction"], choices)
    if choices.pattern is not None or isinstance(fields["prediction"], str):
        fields["prediction"] = answer
    value = None if fields["prediction"] is None else fields
    return [make_item(line, value, references, () if raw is None else (raw,))]


READERS: dict[str, Callable[[Line, Choices], list[Item]]] = {
    "text": read_text,
    "plain": read_plain,
    "forecast": read_forecast,
    "numbers": read_numbers,
    "class scores": read_class_scores,
    "attempts": read_attempts,
    "ranking": read_ranking,
    "ratings": read_ratings,
    "votes": read_votes,
    "audio": read_audio,
    "any": read_any,
}


def items_of(lines: Sequence[Line], family: str, choices: Choices) -> list[Item]:
    """The items of a family of metrics; ScriptError with the numbers of the lines that hold none."""
    reader, items, problems = READERS[family], [], []
    for line in choices.watch(lines, f"reading {family}"):
        try:
            items += reader(line, choices)
        except ValueError as error:
            problems.append((line.number, str(error)))
    if family in ("ratings", "votes"):
        problems += rated_twice(items) if family == "ratings" else []
        problems += unrated(items)
    check_problems(problems)
    if family == "text":
        check_truth_words(lines, items)
    if family == "attempts":
        items = [item if item.value[0] else item._replace(value=None) for item in pooled_attempts(items)]
    return items if family in ("ratings", "audio") else with_prompt_groups(items)


def with_prompt_groups(items: list[Item]) -> list[Item]:
    """Items of one prompt as a group, where nobody has named groups: they are not independent of one another.

    A prompt that all items share says nothing: what tells them apart is elsewhere (an image, a file).
    """
    asked: dict[str, set[str]] = defaultdict(set)
    for item in items:
        if item.group not in (None, item.id):
            return items
        if item.prompt:
            asked[item.prompt].add(item.id)
    if len(asked) < 2 or all(len(own) < 2 for own in asked.values()):
        return items
    first = {prompt: min(own) for prompt, own in asked.items()}
    return [item._replace(group=first.get(item.prompt or "", item.id)) for item in items]


def check_truth_words(lines: Sequence[Line], items: Sequence[Item]) -> None:
    """ScriptError(code=3) where references are JSON's true and false, and answers are written otherwise."""
    if not any(isinstance(line.fields.get("reference"), bool) for line in lines):
        return
    other = sorted({
        item.value for item in items
        if item.value is not None and item.value.strip().lower() in ("true", "false", "yes", "no", "1", "0")
        and item.value.strip() not in ("true", "false")
    })  # fmt: skip
    if other:
        raise ScriptError(
            f"references are true and false, answers are written {listing(other)}: are these equal? Write the "
            "references as the answers are, as texts",
            code=3,
        )


def rated_twice(items: Iterable[Item]) -> list[tuple[int, str]]:
    """What one rater has rated more than once."""
    first: dict[tuple[str, str | None], int] = {}
    problems = []
    for item in items:
        if item.value is None:
            continue
        before = first.setdefault((item.id, item.value.system), item.line)
        if before != item.line:
            problems.append((item.line, f"{item.id} is rated again, after line {before}"))
    return problems


def unrated(items: Iterable[Item]) -> list[tuple[int, str]]:
    """The lines without a rater where others have one: what a rater's judgements share would be lost for all."""
    known = [item for item in items if item.value is not None]
    without = [item for item in known if item.value.rater is None]
    return [(i.line, "no 'rater', though other lines have one") for i in without] if len(without) < len(known) else []


def check_problems(problems: Sequence[tuple[int, str]]) -> None:
    """ScriptError naming the first bad lines, those with one and the same problem together."""
    if not problems:
        return
    found: dict[str, list[int]] = defaultdict(list)
    for number, text in sorted(problems)[:SHOWN_PROBLEMS]:
        found[single_line(text)[:240]].append(number)
    shown = [f"line{'s' * (len(own) > 1)} {', '.join(map(str, own))}: {text}" for text, own in found.items()]
    more = f" (and {len(problems) - SHOWN_PROBLEMS} more bad lines)" if len(problems) > SHOWN_PROBLEMS else ""
    raise ScriptError("; ".join(shown) + more)


def check_line(fields: Any, seen: dict[Any, int], number: int) -> Line:
    """A line from its JSON value; ValueError for what no metric could use. seen: the line of each id (and attempt)."""
    if not isinstance(fields, dict):
        raise ValueError(f"{kind_of(fields)}, not an object")
    id = name_of(field_of(fields, "id"), "id")
    before = seen.setdefault((id, str(fields["attempt"])) if "attempt" in fields else id, number)
    if before != number:
        raise ValueError(
            f'id {id!r} again, after line {before}; several answers to one item need an "attempt" each, those of '
            "several models: --map system=COLUMN --system NAME"
        )
    for name in COMMON_FIELDS.keys() & fields.keys():
        if type(fields[name]) not in COMMON_FIELDS[name]:
            raise ValueError(f"{name} is {kind_of(fields[name])}")
    return Line(number, id, fields)


def other_prompts(lines: Sequence[Line]) -> list[tuple[int, str]]:
    """The attempts at an item that were asked with another prompt than its first one."""
    first: dict[str, Line] = {}
    problems = []
    for line in lines:
        before = first.setdefault(line.id, line)
        if before is not line and before.fields.get("prompt") != line.fields.get("prompt"):
            problems.append((line.number, f"{line.id} was asked with another prompt in line {before.number}"))
    return problems


def ungrouped(lines: Sequence[Line]) -> list[tuple[int, str]]:
    """The lines without a group where others have one."""
    without = [line.number for line in lines if line.fields.get("group") is None]
    return (
        [] if len(without) == len(lines) else [(number, "no group, though other lines have one") for number in without]
    )
