"""What few items can show: the fewest that a verdict takes, and p-values that hold however few of them differ.

Takes what each item (or cluster) adds to a difference of two scores; gives the p-value of "neither is better" from the
signs alone. Draws with replacement do not know it: where three items differ, all one way, they show no spread at all.
"""

from __future__ import annotations

import itertools
from typing import Any

from parts.statistics.paired import mcnemar_p

FEW_ITEMS = 10  # independent items or clusters: with fewer there is no verdict
FEW_DIFFERING = 30  # differing ones up to which p-values are those of the signs
MOST_SIGNED = 14  # of which all ways to choose the signs are tried; of more, so many as of these are drawn


def changed_only(shares: Any) -> Any:
    """Of what items add to a difference, those that add anything."""
    import numpy as np

    return shares[np.abs(shares) > 1e-9 * np.abs(shares).max(initial=0.0)]


def sign_flip_p(shares: Any) -> float:
    """The two-sided p-value of a sum whose (n,) parts are as likely of either sign (Fisher 1935): exact, and of drawn
    signs for more than 14 parts of several sizes. For parts of one size it is McNemar's exact test."""
    import numpy as np

    sizes = np.abs(shares)
    if np.ptp(sizes, axis=0) <= 1e-9 * sizes.max() if len(sizes) else True:
        return mcnemar_p(int((shares > 0).sum()), int((shares < 0).sum()))
    if len(shares) <= MOST_SIGNED:
        signs = np.array(list(itertools.product((-1.0, 1.0), repeat=len(shares))))
    else:
        signs = np.random.default_rng(len(shares)).choice((-1.0, 1.0), (2**MOST_SIGNED, len(shares)))
        signs[0] = 1.0  # as they were seen
    return float((np.abs(signs @ sizes) >= abs(shares.sum()) * (1 - 1e-9)).mean())
