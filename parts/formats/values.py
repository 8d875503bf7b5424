"""Values of foreign files: numbers, texts and times, taken as what they are or not at all."""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import json
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from parts.formats.vocabulary import STAMP, Moment, ScoreRead, Tally
from parts.frame import is_number, single_line
from parts.harness.metric_names import metric_scale, standard_deviation
from parts.metric_ranges import METRIC_SCALES, OUTSIDE_RANGE, PROPORTIONS, is_share_metric, possible_range
from parts.private import scrub, without_paths
from parts.records.schema import strings

SAME_NUMBER = 1e-6  # relative: what one run's files say of it, of which one may be rounded
SAME_SCORE = 1e-6  # a score and the mean of its items may differ by this much
MAX_DETAIL = 1 << 14  # one setting, in characters
TOKEN = re.compile(r"\b(hf|api_org)_[A-Za-z0-9]{30,}")  # in names, where less may be a name

# Of an item's metadata: keys, and characters of a value.
MOST_METADATA, LONGEST_METADATA = 64, 256
OWN_METADATA = {"epoch", "prompt_hash", "attempts", "scored", "attempt_values"}  # what a converted item's metadata says
SECRET_NAMES = re.compile(
    r"(?!.*(?:bos|eos|pad|unk|sep|cls|mask|stop|image|prefix|think|think_start|think_end)_token$)(?:.*_)?(?:api_?key|token|secret|password|credentials?)"
    r"|authorization|(?:default_|extra_)?headers",
    re.IGNORECASE,
)
TWO_SCALES = {"bleu", "chrf", "chrf++", "ter"}
PROMPT_SETTINGS = {"system_prompt", "instructions", "stop"}  # kept to the letter


def finite(value: Any) -> float | None:
    """A finite number or a truth value as a float; None for anything else."""
    return float(value) if is_number(value) or isinstance(value, bool) else None


def whole(value: Any) -> int | None:
    """A count: a whole number from 0 on; None for anything else."""
    return int(value) if is_number(value) and value == int(value) >= 0 else None


def part(value: Any, *names: str) -> dict[str, Any]:
    """A dictionary inside a dictionary; {} where there is none."""
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, dict) else {}


def rows_of(value: Any) -> list[dict[str, Any]]:
    """The dictionaries in a list; [] where there is no list."""
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def named(value: Any) -> str | None:
    """A name in a foreign file: one line, not empty; None for anything else."""
    return (single_line(value)[:500] or None) if isinstance(value, str) else None


def first(*values: Any) -> Any:
    """The first value that is not None."""
    return next((value for value in values if value is not None), None)


def all_texts(value: Any) -> list[str]:
    """A text or a list of them (of whatever depth and type the harness wrote) as texts."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [text for item in value for text in all_texts(item)] if len(value) < 100_000 else []
    return [value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)]


def without_tokens(value: Any) -> Any:
    """Dictionaries of text in which a Hub token that stands where a name should be is masked."""
    if isinstance(value, dict):
        return {name: without_tokens(part) for name, part in value.items()}
    return TOKEN.sub(r"\1_***", value) if isinstance(value, str) else value


def as_detail(value: Any) -> Any:
    """A setting as a detail: text without paths; a list or dictionary as JSON."""
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False, sort_keys=True, default=str) if value else None
    return without_paths(value[:MAX_DETAIL]) if isinstance(value, str) else value


def stop_text(stops: Any) -> str | None:
    """Where an answer ends, as JSON."""
    texts = all_texts(stops)
    return json.dumps(texts, ensure_ascii=False) if texts else None


def as_prompt(value: Any) -> str | None:
    """A part of the prompt as a detail: whole but for secrets, because it decides scores."""
    return scrub(value[:MAX_DETAIL]) if isinstance(value, str) and value else None


def settings_details(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as details."""
    return {name: (as_prompt if name in PROMPT_SETTINGS else as_detail)(value) for name, value in settings.items()}


def merged_settings(*sources: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of several places as one; the first that says something of a name holds. Secrets stay out."""
    found: dict[str, Any] = {}
    for source in sources:
        for name, value in source.items():
            text = single_line(name)[:80]
            if text and value is not None and value != {} and found.get(text) is None:
                found[text] = "***" if SECRET_NAMES.fullmatch(text) else value
    return found


def bounded_metadata(values: Mapping[str, Any], clean: Callable[[str], str] = scrub) -> dict[str, str]:
    """What a data set says of an item: all that is short, and of what is long its beginning and a hash."""
    found: dict[str, str] = {}
    for name, value in itertools.islice(values.items(), MOST_METADATA):
        if value is None or (not value and isinstance(value, str | list | dict)):
            continue
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)
        if len(text) > LONGEST_METADATA:
            digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]
            text = f"{text[: LONGEST_METADATA - 20]}… {digest}"
        plain = len(name) <= 80 and name.isascii() and name.isidentifier()
        key = name if plain else single_line(name)[:80] or "unnamed"
        found[f"item_{key}" if key in OWN_METADATA else key] = clean(text)
    return found


def source_named(name: str, **details: Any) -> dict[str, Any]:
    """The source_data of a data set that is known by a name alone."""
    return {"dataset_name": name, "source_type": "other", "additional_details": strings(details)}


def bare_version(value: Any) -> str:
    """A harness's version; "unknown" when the file does not say it."""
    return named(value) if isinstance(value, str) and named(value) not in (None, "?", "None") else "unknown"


def moment_in_name(name: str) -> Moment:
    """The time in a result file's name, local to the machine that wrote it."""
    match = STAMP.search(name)
    if not match:
        return Moment()
    text = f"{match[1]}T{match[2]}:{match[3]}:{match[4]}"
    with contextlib.suppress(ValueError):
        return Moment(text, datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
    return Moment()


def moment_of(value: Any) -> Moment:
    """The time in a file: seconds since 1970, or ISO 8601."""
    with contextlib.suppress(ValueError, OverflowError, OSError):
        if is_number(value) and value > 1e8:
            return Moment(time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(value)), float(value))
        if isinstance(value, str):
            found = datetime.fromisoformat(value.strip())
            return Moment(found.isoformat(), (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp())
    return Moment()


def scale_of(score: ScoreRead, values: Sequence[float]) -> tuple[str, float | None, float | None]:
    """Unit and range of a score: by its metric's definition, else by its items; "unknown" when neither tells."""
    if score.unit is not None:
        return score.unit
    name = score.name.split(",", 1)[0].rsplit("/", 1)[-1]
    if name in TWO_SCALES and score.aggregation not in TWO_SCALES and max([score.value, *values]) <= 1.0:
        return "unknown", None, None  # of 0..1 or of 0..100: only the harness's own rule says it
    unit, low, high = metric_scale(name, [*values, score.value])
    inside = (low is None or score.value >= low) and (high is None or score.value <= high)
    if name.split(":", 1)[0] in METRIC_SCALES:
        return (unit, low, high) if inside else ("unknown", None, None)
    if values:
        return unit, low, high
    return (unit, low, high) if unit == "proportion" and PROPORTIONS.fullmatch(name) else ("unknown", None, None)


def outside_range(score: ScoreRead) -> str | None:
    """What is wrong with a score that its metric cannot have, in whatever unit; None when nothing is."""
    _, low, high = scale_of(score, ())
    lowest, highest = possible_range(score.name)
    low, high = max(lowest, -math.inf if low is None else low), min(highest, math.inf if high is None else high)
    if low - SAME_SCORE <= score.value <= high + SAME_SCORE:
        return None
    percent = f"; in percent? Its file should then say {score.value / 100:g}" if high == 1 < score.value <= 100 else ""
    return f"{score.value!r} {OUTSIDE_RANGE} {single_line(score.name)}, {low:g} to {high:g}{percent}"


def outside_items(score: ScoreRead, tally: Tally) -> str | None:
    """What is wrong where an item of a share of right answers has what none can have; None when nothing is."""
    if (
        not tally.values
        or score.aggregation not in (None, "mean")
        or not is_share_metric(str(score.details.get("metric", score.id)))
    ):
        return None
    highest = 100.0 if scale_of(score, tally.values)[0] == "percent" or score.value > 1.0 else 1.0
    wrong = [end for end in (min(tally.values), max(tally.values)) if not -SAME_SCORE <= end <= highest + SAME_SCORE]
    return f"an item of it has {wrong[-1]:g}, which no item of {single_line(score.name)} can have" if wrong else None


def best_of(score: ScoreRead) -> float | None:
    """The value of a right answer; None for metrics in which lower is better."""
    if score.lower_is_better:
        return None
    known = score.unit or METRIC_SCALES.get(score.name.split(",", 1)[0].split(":", 1)[0])
    return known[2] if known and known[2] is not None else 1.0


def with_standard_error(score: ScoreRead, tally: Tally) -> ScoreRead:
    """The score with a standard error worked out from its items, when the file has none and it is their mean."""
    items = tally.items if score.standard_error is None and score.aggregation == "mean" else []
    if len(items) < 2:
        return score
    return replace(score, standard_error=standard_deviation(items) / math.sqrt(len(items)), method="analytic")


def no_credit(score: ScoreRead) -> float | None:
    """The value of an answer that earns nothing; None for metrics that have no such value."""
    if score.lower_is_better:
        return None
    return 0.0 if score.unit is None else score.unit[1]


def unrounded(score: ScoreRead, tally: Tally) -> ScoreRead:
    """The mean of the items in place of a file's number that is the same but for its rounding."""
    if not score.rounding or score.aggregation != "mean" or not tally.values:
        return score
    mean = sum(tally.values) / len(tally.values)
    if abs(mean - score.value) <= SAME_SCORE * max(1.0, abs(mean)):
        return score
    return replace(score, value=mean, details={**score.details, "score_as_written": repr(score.value)})


def conflict(score: ScoreRead, tally: Tally) -> str | None:
    """What is wrong when the items that are here do not average to the file's score."""
    if score.aggregation not in ("mean", "clipped_mean") or not tally.values:
        return None
    mean = sum(tally.values) / len(tally.values)
    if score.aggregation == "clipped_mean":
        mean = min(max(mean, 0.0), 1.0)
    if abs(mean - score.value) <= max(SAME_SCORE * max(1.0, abs(score.value)), score.rounding):
        return None
    there = f"{len(tally.values)} items"
    if score.count is not None and len(tally.items) < score.count:
        there = f"{len(tally.items)} of {score.count} items that are here (a samples file cut off?)"
    return f"the file says {score.value!r}, its {there} average to {mean!r}"


def unlike(file: Path, given: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """What is said where another file of the same run, `file`, has other numbers; "" where all that both have agree."""
    for name in given:
        one, two = finite(given[name]), finite(other.get(name))
        if one is not None and two is not None and not math.isclose(one, two, rel_tol=SAME_NUMBER, abs_tol=SAME_NUMBER):
            said = f"{single_line(name)[:60]} is {one:g} here and {two:g} in {single_line(file.name)}"
            return f"{said}, of the same run: neither is taken, move one of them away"
    return ""
