"""Items that belong together without anybody having said so.

Takes the two sides of a comparison; gives the field of the items' metadata that explains how their differences agree,
so that it can be asked for by name. A field that is declared, usual (cluster_id, ...) or asked for is used elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from parts.comparison.losses import repeats_mean
from parts.comparison.vocabulary import ItemId, Side
from parts.statistics.intervals import clustered_standard_error, error_of_mean

FEWEST_GROUPS = 6  # fewer are kinds of items that were all chosen, as levels are, and no sample of such groups
MATTERS = 1.5  # design effect from which on a field is asked about
FIELD_LEVEL = 0.01  # level of the test that the field explains anything, shared among the fields
NOT_ASKED = {"attempts", "scored", "attempt_values", "limit_hit", "rater", "numerator", "denominator", "statistics"}


def grouping_field(baseline: Side, candidate: Side, names: Sequence[ItemId]) -> tuple[str, float] | None:
    """(field, design effect) of the metadata that explains most how the items' differences agree; None without one."""
    import numpy as np
    from scipy import special

    if len(names) < 2 * FEWEST_GROUPS:
        return None
    answers = [(baseline.answers[name], candidate.answers[name]) for name in names]
    fields = set(answers[0][1].fields) - NOT_ASKED
    if not fields:
        return None
    differences = np.array(
        [repeats_mean(candidate.scores[name]) - repeats_mean(baseline.scores[name]) for name in names]
    )
    if not differences.any():
        return None
    found: list[tuple[float, str]] = []
    for field in sorted(fields):
        values = [two.fields.get(field) for _, two in answers]
        if any(one.fields.get(field, two.fields.get(field)) != two.fields.get(field) for one, two in answers):
            continue
        sizes = Counter(values)
        if None in sizes or not FEWEST_GROUPS <= len(sizes) <= len(names) / 2:
            continue
        _, groups = np.unique(values, return_inverse=True)
        effect = (clustered_standard_error(differences, groups) / error_of_mean(differences)) ** 2
        parts = [differences[groups == group] for group in range(len(sizes))]
        spread = sum(((part - part.mean()) ** 2).sum() for part in parts)
        between = sum(len(part) * (part.mean() - differences.mean()) ** 2 for part in parts)
        df = len(sizes) - 1, len(names) - len(sizes)
        p = 0.0 if spread == 0 else float(special.fdtrc(*df, between / df[0] / (spread / df[1])))
        if effect > MATTERS and p < FIELD_LEVEL / len(fields):
            found.append((effect, field))
    return (max(found)[1], max(found)[0]) if found else None


def unsaid_cluster(baseline: Side, candidate: Side, names: Sequence[ItemId]) -> str:
    """Why the items may not be compared one by one; nothing where they may."""
    clustered = [run for side in (baseline, candidate) for run in side.runs if "cluster" in run.error_method.lower()]
    if clustered:
        return (
            "the record's own standard error is clustered, by a field that it does not name: say it with --cluster-by "
            "FIELD (or --cluster-by none)"
        )
    found = grouping_field(baseline, candidate, names)
    if found:
        field, effect = found
        return (
            f"items of one {field} agree with one another (design effect {effect:.1f}): compare them with --cluster-by "
            f"{field}, or say that they are independent with --cluster-by none"
        )
    return ""
