"""Fields of items that explain how their scores agree, without anybody having said that these items belong together.

Takes differences of two models' scores on the same items, and what the items' metadata say of them; gives the field by
which they are to be drawn together, or asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from parts.statistics.bounded import two_way_variance
from parts.statistics.intervals import clustered_standard_error

FEWEST_GROUPS = 6  # fewer are kinds of items that were all chosen, as levels are, and no sample of such groups
MATTERS = 1.5  # design effect from which on a field is asked about
FIELD_LEVEL = 0.01  # level of the test that the field explains anything, shared among the fields
NOT_ASKED = {"attempts", "scored", "attempt_values", "limit_hit", "rater", "numerator", "denominator", "statistics"}


def may_group(name: str, values: Sequence[Any]) -> bool:
    """Whether a field has a value for every item, and few enough for so many items and not too few."""
    if name in NOT_ASKED or None in values or len(values) < 2 * FEWEST_GROUPS:
        return False
    return FEWEST_GROUPS <= len(set(values)) <= len(values) / 2


def explaining_field(
    differences: Any, columns: Mapping[str, Sequence[Any]], known: Sequence[Any] = (), tests: int = 1
) -> tuple[str, float] | None:
    """(field, design effect) of the column that explains most how (items,) differences agree; None without one.

    known: what the items are already known to share, as numbers; beyond that a field must matter. tests: among how many
    such questions the level is shared.
    """
    import numpy as np
    from scipy import special

    if not columns or any(groups.max() == 0 for groups in known):
        return None
    variance = float(two_way_variance(differences, list(known) or [None]))
    found: list[tuple[float, str]] = []
    for name, values in sorted(columns.items()) if variance > 0 else ():
        _, groups = np.unique(values, return_inverse=True)
        effect = clustered_standard_error(differences, groups) ** 2 / variance
        sizes, sums = np.bincount(groups), np.bincount(groups, differences)
        between = float((sums**2 / sizes).sum() - differences.sum() ** 2 / len(differences))
        spread = float(((differences - differences.mean()) ** 2).sum()) - between
        df = len(sizes) - 1, len(differences) - len(sizes)
        p = 0.0 if spread <= 1e-12 else float(special.fdtrc(*df, between / df[0] / (spread / df[1])))
        if effect > MATTERS and p < FIELD_LEVEL / (len(columns) * tests):
            found.append((effect, name))
    return (max(found)[1], max(found)[0]) if found else None
