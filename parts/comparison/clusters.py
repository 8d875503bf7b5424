"""Items that belong together without anybody having said so.

Takes the two sides of a comparison; gives the field of the items' metadata that explains how their differences agree,
so that it can be asked for by name. A field that is declared, usual (cluster_id, ...) or asked for is used elsewhere.
"""

from __future__ import annotations

from collections.abc import Sequence

from parts.comparison.losses import repeats_mean
from parts.comparison.pairs import numbered_sharing, sharing_of
from parts.comparison.vocabulary import ItemId, Side
from parts.frame import option_words
from parts.statistics.grouping import explaining_field, may_group


def grouping_field(baseline: Side, candidate: Side, names: Sequence[ItemId]) -> tuple[str, float] | None:
    """(field, design effect) of the metadata that explains most how the items' differences agree, beyond what is known
    that they share; None without one."""
    import numpy as np

    columns, asked = {}, candidate.answers[names[0]].fields if names else ()
    answers = [(baseline.answers[name], candidate.answers[name]) for name in names] if asked else []
    for field in asked:
        values = [two.fields.get(field) for _, two in answers]
        alike = all(one.fields.get(field, value) == value for (one, _), value in zip(answers, values, strict=True))
        if alike and may_group(field, values):
            columns[field] = values
    if not columns:
        return None
    differences = [repeats_mean(candidate.scores[name]) - repeats_mean(baseline.scores[name]) for name in names]
    known = numbered_sharing([sharing_of(baseline, candidate, name) for name in names])
    return explaining_field(np.array(differences), columns, list(known.values()))


def unsaid_cluster(baseline: Side, candidate: Side, names: Sequence[ItemId]) -> str:
    """Why the items may not be compared one by one; nothing where they may."""
    clustered = [run for side in (baseline, candidate) for run in side.runs if "cluster" in run.error_method.lower()]
    if clustered and not numbered_sharing([sharing_of(baseline, candidate, name) for name in names]):
        return (
            "the record's own standard error is clustered, by a field that it does not name: say it with --cluster-by "
            "FIELD (or --cluster-by none)"
        )
    found = grouping_field(baseline, candidate, names)
    if found:
        field, effect = found
        return (
            f"items of one {field} agree with one another (design effect {effect:.1f}): compare them with "
            f"{option_words('--cluster-by', field)}, or say that they are independent with --cluster-by none"
        )
    return ""
