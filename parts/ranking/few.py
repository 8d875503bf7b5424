"""Checkpoints of which too few items differ for draws to be trusted: their pairs, by the signs of what differs.

Takes the compared tasks; gives for two checkpoints a p-value and an interval that hold however few items there are, or
None where draws of the items hold as well.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from parts.statistics.bounded import BoundedMean
from parts.statistics.differences import Evidence, paired_difference, two_sided_p, unpaired_difference
from parts.statistics.few import FEW_DIFFERING, FEW_ITEMS, changed_only, sign_flip_p

if TYPE_CHECKING:
    from parts.ranking.certainty import TaskData


@dataclass(frozen=True)
class FewItems:
    """The pairs of some checkpoints. rows: of each, the rows of the tasks that it is the mean of (--smooth).

    weights: task -> its share of the score; means: how far off each score may be, None where nothing tells.
    """

    tasks: Sequence[TaskData]
    weights: Mapping[str, float]
    rows: Sequence[slice]
    means: Sequence[BoundedMean | None]

    @property
    def by_items(self) -> list[TaskData]:
        """The tasks whose items are here."""
        return [task for task in self.tasks if task.items is not None]

    @cached_property
    def paired(self) -> bool:
        """Whether all scores are means of items that can be paired."""
        return all(task.items is not None and not task.items.formula for task in self.tasks)

    @cached_property
    def count(self) -> float:
        """How many independent items there are at least; infinite where nobody knows."""
        counts = [
            len(set(task.items.clusters.tolist()))
            if task.items is not None
            else min((math.inf if one.n is None else one.n for one in task.estimates), default=math.inf)
            for task in self.tasks
        ]
        return sum(counts)

    def shares(self, one: int, other: int) -> Any:
        """(2, clusters): how much each cluster of items counts, and what it adds to the lead of one checkpoint."""
        import numpy as np

        found = []
        for task, (group, count) in zip(self.tasks, self.groups, strict=True):
            ahead = task.items.scores[self.rows[one]].mean(0) - task.items.scores[self.rows[other]].mean(0)
            known = ~np.isnan(ahead)
            columns = known.astype(float), np.where(known, ahead, 0.0)
            if count < len(group):
                columns = [np.bincount(group, column) for column in columns]
            found.append(np.stack(columns) * (self.weights[task.name] / max(int(known.sum()), 1)))
        return np.hstack(found)

    @cached_property
    def groups(self) -> list[tuple[Any, int]]:
        """(cluster of each item as a number, how many there are) of each task."""
        import numpy as np

        found = [np.unique(task.items.clusters, return_inverse=True)[1] for task in self.tasks]
        return [(group, int(group.max(initial=-1)) + 1) for group in found]

    def evidence(self, one: int, other: int) -> Evidence | None:
        """What is known of the lead of a checkpoint over another one, of few items; None where nothing tells."""
        if self.paired:
            sizes, ahead = self.shares(one, other)
            sizes, ahead = sizes[sizes > 0], ahead[sizes > 0]
            n = len(sizes)
            return paired_difference(n * ahead, (), n * float(sizes.max()))
        means = self.means[other], self.means[one]
        return None if None in means else unpaired_difference(*means)

    def few(self, one: int, other: int) -> bool:
        """Whether draws cannot be trusted for two checkpoints."""
        if not self.paired:
            return self.count < FEW_DIFFERING
        return self.count < FEW_DIFFERING or len(changed_only(self.shares(one, other)[1])) < FEW_DIFFERING

    def p_value(self, one: int, other: int) -> float | None:
        """The two-sided p-value of "neither is better"; 1 for too few items, None where draws are to be trusted."""
        if self.count < FEW_ITEMS:
            return 1.0
        if not self.few(one, other):
            return None
        if self.paired:
            return sign_flip_p(changed_only(self.shares(one, other)[1]))
        evidence = self.evidence(one, other)
        return None if evidence is None else two_sided_p(evidence)
