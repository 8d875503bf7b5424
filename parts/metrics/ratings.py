"""MOS, MUSHRA and agreement of raters."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from parts.frame import ScriptError, listing
from parts.metrics.items import check_problems, text_of
from parts.metrics.raters import odd_rater_lines, without_raters
from parts.metrics.uncertainty import (
    bootstrap,
    cells_of,
    draws_spread,
    groups_of,
    mean_scores,
    mean_spread,
    unit_words,
    ways_of_sharing,
)
from parts.metrics.vocabulary import HIGH_RATING, LOW_RATING, MOST_ODD, Choices, Item, Metric, Scores, Spread

if TYPE_CHECKING:
    import numpy as np

LEVELS = ("nominal", "ordinal", "interval", "ratio")


def rating_range(items: Sequence[Item], choices: Choices, default: tuple[float, float]) -> tuple[float, float]:
    """The ends of the scale; ScriptError for a rating that is no number on it."""
    low, high = choices.rating_range or default
    wrong = [item for item in items if isinstance(item.value.value, str) or not low <= item.value.value <= high]
    check_problems([
        (item.line, f"the rating {item.value.value!r} is not on the scale of {low:g} to {high:g} (--rating-range)")
        for item in wrong
    ])  # fmt: skip
    return low, high


def rating_spread(items: Sequence[Item], low: float, high: float) -> Spread:
    """The uncertainty of a mean rating: clustered by item and by rater, where both are known and there are several."""
    import numpy as np

    values = np.array([float(item.value.value) for item in items])
    return mean_spread(values, ways_of_sharing(items), low, high)


def score_mos(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean opinion score: the mean of all ratings (ITU-T P.800), on 1 to 5 unless --rating-range says otherwise."""
    every = without_raters(items, choices)
    items = of_system(every, choices) if any(item.value.system for item in every) else every
    low, high = rating_range(every, choices, (1, 5))
    values = [float(item.value.value) for item in items]
    parameters = {"rating_range": f"{low:g} to {high:g}", "system": next((i.value.system for i in items), None)}
    parameters |= left_out(choices)
    notes = [f"{metric.name}: {line}" for line in odd_rater_lines(every, low, high)]
    more = {"details": rating_counts(items), "parameters": parameters, "notes": notes}
    names = sorted({item.value.system for item in every} - {None})
    if len(names) > 1:
        more["breakdown"] = [
            system_row(name, [i for i in every if i.value.system == name], low, high) for name in names
        ]
    return mean_scores(values, items, metric, low=low, high=high, spread=rating_spread(items, low, high), **more)


def left_out(choices: Choices) -> dict[str, str]:
    """The raters that were left out on request, as a parameter of the score."""
    return {"without_raters": ", ".join(sorted(choices.without_raters))} if choices.without_raters else {}


def rating_counts(items: Sequence[Item]) -> dict[str, int]:
    """How many items and raters there are."""
    raters = {item.value.rater for item in items} - {None}
    return {"rated_items": len({item.value.item for item in items})} | ({"raters": len(raters)} if raters else {})


def chosen_system(names: Iterable[str], choices: Choices) -> str:
    """Which of some systems or models is the one that is scored: --system, else the model's id, or its last part."""
    names = set(names)
    wanted = [choices.system] if choices.system else [choices.model, choices.model.rsplit("/", 1)[-1]]
    found = next((name for name in wanted if name in names), None)
    if found is None:
        raise ScriptError(f"which one is {choices.model}? --system with one of {listing(sorted(names), 20)}", code=3)
    return found


def of_system(items: Sequence[Item], choices: Choices) -> list[Item]:
    """The ratings of the scored system; every rating must say which one it is of."""
    check_problems([(item.line, "no 'system', though other lines have one") for item in items if not item.value.system])
    system = chosen_system((item.value.system for item in items if item.value.system), choices)
    return [item for item in items if item.value.system == system]


def odd_raters(items: Sequence[Item], choices: Choices) -> dict[str, str]:
    """Raters whom ITU-R BS.1534-3 (4.1.2) leaves out, with the reason: they often did not hear the hidden reference.

    That is: below 90 for it in more than 15 % of the items; with --mid-anchor also above 90 for that one.
    """
    rules = [(choices.hidden_reference, lambda rating: rating < LOW_RATING, f"the hidden reference below {LOW_RATING}")]
    if choices.mid_anchor:
        rules.append((choices.mid_anchor, lambda rating: rating > HIGH_RATING, f"the anchor above {HIGH_RATING}"))
    found: dict[str, str] = {}
    for system, is_odd, words in rules:
        by_rater: dict[str, list[bool]] = defaultdict(list)
        for item in items:
            if item.value.system == system:
                by_rater[item.value.rater].append(is_odd(item.value.value))
        if not by_rater:
            hint = "name it with --hidden-reference, or say --no-screening"
            raise ScriptError(f"mushra: no rating of {system!r}, by which raters are screened; {hint}", code=3)
        for rater, odd in by_rater.items():
            if sum(odd) / len(odd) > MOST_ODD:
                found.setdefault(rater, f"rated {words} in {sum(odd)} of {len(odd)} items")
    return found


def score_mushra(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean MUSHRA rating of a system (ITU-R BS.1534-3), after screening by the hidden reference: the ratings of who
    is screened out are no part of it, and none that were lost."""
    check_problems([
        (item.line, "mushra needs item, rater and system") for item in items
        if item.value.rater is None or item.value.system is None
    ])  # fmt: skip
    items = without_raters(items, choices)
    low, high = rating_range(items, choices, (0, 100))
    out = odd_raters(items, choices) if choices.screening else {}
    kept = [item for item in items if item.value.rater not in out]
    mine = [item for item in of_system(items, choices) if item.value.rater not in out]
    if not mine:
        raise ScriptError("mushra: screening leaves no rater; look at the hidden reference, or say --no-screening")
    values = [float(item.value.value) for item in mine]
    spread = rating_spread(mine, low, high)
    details = rating_counts(mine) | {"screened_out": len(out)}
    parameters = {"screening": "ITU-R BS.1534-3, hidden reference" if choices.screening else "none"}
    parameters |= {"mid_anchor": choices.mid_anchor} if choices.screening and choices.mid_anchor else {}
    parameters |= left_out(choices)
    notes = [f"mushra: rater {rater} is screened out: {reason}" for rater, reason in sorted(out.items())]
    notes += [f"mushra: {line}" for line in odd_rater_lines(kept, low, high)]
    table = [system_row(name, [i for i in kept if i.value.system == name], low, high)
             for name in sorted({item.value.system for item in kept})]  # fmt: skip
    return mean_scores(
        values, mine, metric, low=low, high=high, spread=spread, parameters=parameters, details=details,
        breakdown=table, notes=notes,
    )  # fmt: skip


def system_row(name: str, items: Sequence[Item], low: float, high: float) -> dict[str, Any]:
    """One system of a listening test."""
    spread = rating_spread(items, low, high)
    mean = math.fsum(float(item.value.value) for item in items) / len(items)
    return {"name": name, "score": mean, "low": spread.low, "high": spread.high, "ratings": len(items)}


def score_krippendorff(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Krippendorff's alpha of the raters; bootstrap over items. An item's own value: its share of equal pairs."""
    import numpy as np

    items = without_raters(items, choices)
    if choices.system is not None:
        items = of_system(items, choices)
    words = any(isinstance(item.value.value, str) for item in items)
    level = choices.level or ("nominal" if words else None)
    if level is None:
        raise ScriptError(f"krippendorff: how do the ratings compare? --level with one of {', '.join(LEVELS)}", code=3)
    if words and level != "nominal":
        raise ScriptError(f"krippendorff: --level {level} takes numbers, the ratings are words")
    by_unit: dict[str, list[Item]] = defaultdict(list)
    for item in items:
        by_unit["/".join(filter(None, (item.value.item, item.value.system)))].append(item)
    rated = {name: given for name, given in by_unit.items() if len(given) > 1}
    domain = sorted({text_of(i.value.value, "") if words else i.value.value for given in rated.values() for i in given})
    if len(domain) < 2:
        raise ScriptError("krippendorff: no item with two ratings, or all ratings are equal: alpha is not defined")
    column = {value: i for i, value in enumerate(domain)}
    table = np.zeros((len(rated), len(domain)), int)
    for row, given in enumerate(rated.values()):
        for item in given:
            table[row, column[text_of(item.value.value, "") if words else item.value.value]] += 1
    first = [
        given[0]._replace(id=name, outputs=tuple(o for i in given for o in i.outputs)) for name, given in rated.items()
    ]
    scores = agreement_scores(table, list(range(len(domain))) if words else domain, level, first, metric, choices)
    labels = Counter(text_of(item.value.value, "") for item in items)
    shown = ", ".join(f"{label!r}: {count}" for label, count in labels.most_common(20))
    more = {"rated_once": len(by_unit) - len(rated), "labels": shown}
    notes = [*scores.notes, f"krippendorff: {len(labels)} labels: {shown}"] if words else scores.notes
    parameters = {**scores.parameters, "system": choices.system, **left_out(choices)}
    return replace(scores, details={**scores.details, **more}, notes=notes, parameters=parameters)


def agreement_scores(
    table: np.ndarray, domain: Sequence[float], level: str, items: Sequence[Item], metric: Metric, choices: Choices
) -> Scores:
    """Alpha of an (items, values) table of how often each value was given."""
    import krippendorff
    import numpy as np

    def alpha(counts: np.ndarray) -> float:
        drawn = np.repeat(cells.rows, np.asarray(counts).astype(int), axis=0)
        if (drawn.sum(axis=0) > 0).sum() < 2:
            return math.nan  # one value only: nothing could differ
        return float(krippendorff.alpha(value_counts=drawn, value_domain=domain, level_of_measurement=level))

    groups = groups_of(items)
    cells = cells_of(table, groups)
    value = alpha(cells.counts)
    spread = unit_words(draws_spread(value, bootstrap(cells, alpha, choices), cells.units, coefficient=True), groups)
    given = table.sum(axis=1)
    values = (table * (table - 1)).sum(axis=1) / (given * (given - 1))
    return Scores(value, items, values, spread, {}, {"level": level}, {"ratings": int(given.sum())})
