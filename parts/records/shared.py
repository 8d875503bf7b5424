"""What several records share: the file of votes that their scores are from.

Takes one result of a record; gives the votes that it tells of, whose they are and against whom. Two scores from the
same votes are not independent: they are compared item by item, or by the joint model of the votes (ranking below).
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from parts.frame import is_number, single_line
from parts.statistics.votes import vote_statistics

if TYPE_CHECKING:
    import numpy as np

MOST_OPPONENTS = 2_000
JOINT_METRICS = {"win_rate", "bradley_terry", "elo"}  # those that the joint model orders; all others are bounded


@dataclass(frozen=True, slots=True)
class SharedVotes:
    """Votes as one record has them: the file's hash, its own system, opponent -> (votes won, votes), design effect.

    gaps: another system of the file -> (how far this score is above its, the standard error of that, its degrees of
    freedom), as far as the votes tell.
    """

    file: str
    system: str
    against: Mapping[str, tuple[float, float]]
    effect: float = 1.0
    metric: str = ""
    gaps: Mapping[str, tuple[float, float, float]] = field(default_factory=dict)

    @property
    def text(self) -> str:
        """As one text for a table."""
        told = {name: value for name, value in asdict(self).items() if name != "gaps"}
        return json.dumps(told, ensure_ascii=False, sort_keys=True)


def shared_votes(record: Mapping[str, Any], row: Mapping[str, Any]) -> SharedVotes | None:
    """The votes of a result; None where it is of none."""
    library = (record.get("eval_library") or {}).get("additional_details") or {}
    details, metric = (row.get("score_details") or {}).get("details") or {}, row["metric_config"]
    name = metric.get("metric_id") or metric.get("metric_name")
    return votes_of({**details, "file": library.get("predictions_sha256"), "metric": name})


def votes_of(told: Any) -> SharedVotes | None:
    """Votes as a record's details or a table's text tell them; None for anything else."""
    try:
        told = json.loads(told) if isinstance(told, str) else told
        against = told["against"]
        against = json.loads(against) if isinstance(against, str) else against
        effect = float(told.get("effect") or told.get("design_effect") or 1.0)
        pairs = {single_line(name)[:200]: (float(won), float(votes)) for name, (won, votes) in against.items()}
        gaps = told_gaps(told.get("gaps") or {})
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError):
        return None
    sound = all(is_number(won) and is_number(votes) and 0 <= won <= votes for won, votes in pairs.values())
    if not pairs or len(pairs) > MOST_OPPONENTS or not sound or not (is_number(effect) and effect < 1e6):
        return None
    names = (single_line(str(told.get(name) or ""))[:200] for name in ("file", "system", "metric"))
    file, system, metric = names
    return SharedVotes(file, system, pairs, max(effect, 1.0), metric, gaps) if file and system else None


def told_gaps(told: Any) -> dict[str, tuple[float, float, float]]:
    """The gaps that a record tells of; those that are no numbers are left out."""
    found = {}
    for name, (gap, error, freedom) in (json.loads(told) if isinstance(told, str) else told).items():
        if (
            is_number(gap)
            and is_number(error)
            and error > 0
            and (freedom is None or (is_number(freedom) and freedom >= 1))
        ):
            found[single_line(name)[:200]] = float(gap), float(error), math.inf if freedom is None else float(freedom)
    return found


def gap_in_votes(one: SharedVotes | None, two: SharedVotes | None) -> tuple[float, float, float] | None:
    """(how far the second score is above the first, standard error, degrees of freedom) by the votes of one file."""
    if one is None or two is None or (one.file, one.metric) != (two.file, two.metric):
        return None
    return two.gaps.get(one.system) if one.system in two.gaps and two.system in one.gaps else None


def share_votes(one: SharedVotes | None, two: SharedVotes | None) -> bool:
    """Whether two scores are from the same votes: of one file, or each of votes against the other."""
    if one is None or two is None:
        return False
    return one.file == two.file or (one.system in two.against and two.system in one.against)


def joint_pairs(
    votes: Sequence[SharedVotes | None], values: Sequence[float], errors: Sequence[float]
) -> list[tuple[int, int, float]]:
    """(i, j, statistic for i being better) of each two scores from the same votes; values: more is better.

    By the joint model where both are ranked by it and of one file; else the errors are taken to be as dependent as
    they can be, so that they add up.
    """
    files: dict[str, list[int]] = {}
    for i, own in enumerate(votes):
        if own is not None and own.metric in JOINT_METRICS:
            files.setdefault(own.file, []).append(i)
    joint = {(i, j): z for members in files.values() for i, j, z in statistics_of_file(members, votes)}
    known = [i for i, own in enumerate(votes) if own is not None]
    found = []
    for place, i in enumerate(known):
        for j in known[place + 1 :]:
            if share_votes(votes[i], votes[j]):
                together = errors[i] + errors[j]
                apart = (values[i] - values[j]) / together if together else 0.0
                found.append((i, j, joint.get((i, j), apart)))
    return found


def statistics_of_file(members: Sequence[int], votes: Sequence[SharedVotes | None]) -> list[tuple[int, int, float]]:
    """The statistics of the scores from one file; a system that has several scores is told apart from none of them."""
    own = [votes[i] for i in members]
    names = sorted({name for one in own for name in (one.system, *one.against)})
    won = win_counts(own, names)
    found = vote_statistics(won, max(one.effect for one in own))
    return [
        (i, j, float(found[names.index(votes[i].system), names.index(votes[j].system)]))
        for place, i in enumerate(members)
        for j in members[place + 1 :]
    ]


def win_counts(own: Sequence[SharedVotes], names: Sequence[str]) -> np.ndarray:
    """[i, j]: how often i won against j, from the records that tell of it; of two the one with more votes."""
    import numpy as np

    places = {name: i for i, name in enumerate(names)}
    won = np.zeros((len(names), len(names)))
    for one in own:
        i = places[one.system]
        for name, (wins, count) in one.against.items():
            j = places[name]
            if count > won[i, j] + won[j, i]:
                won[i, j], won[j, i] = wins, count - wins
    return won
