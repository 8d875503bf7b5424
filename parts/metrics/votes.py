"""Win rates, length-controlled win rates, Bradley-Terry, Elo."""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from parts.frame import ScriptError, listing, single_line
from parts.metrics.items import check_problems
from parts.metrics.raters import position_bias
from parts.metrics.ratings import chosen_system
from parts.metrics.uncertainty import (
    mean_scores,
    mean_spread,
    way_draws,
    ways_of_sharing,
)
from parts.metrics.vocabulary import Choices, Item, Metric, Scores, Spread, Vote
from parts.statistics.bounded import cluster_counts, critical_value, shared_text, sharing_error
from parts.statistics.intervals import CONFIDENCE
from parts.statistics.votes import RatingErrors, gap_evidence, gap_statistic, rate_errors, rating_errors

if TYPE_CHECKING:
    import numpy as np

MOST_LOGIT = 12.0  # of a vote's fitted chance; beyond, the fit runs away to infinity
FEW_VOTES = 5  # won, or lost, below which a win rate's error cannot be told from it
PRIOR_DEVIATION = 5.0  # of the coefficients in the draws of lc-win-rate


def as_seen_by(model: str, vote: Vote) -> Vote:
    """The vote with `model` as its first side."""
    if vote.a == model:
        return vote
    return Vote(vote.b, vote.a, 1 - vote.share, None if vote.longer is None else -vote.longer, vote.rater, vote.orders)


def own_votes(items: Sequence[Item], choices: Choices, opponent: str | None = None) -> list[Item]:
    """The votes that the scored model (--system) is in, all or those against one opponent, from its side."""
    model = chosen_system((name for item in items for name in item.value[:2]), choices)
    own = [item._replace(value=as_seen_by(model, item.value)) for item in items if model in item.value[:2]]
    others = sorted({item.value.b for item in own})
    if opponent is not None and opponent not in others:
        raise ScriptError(f"--opponent {opponent}: {model} met {listing(others, 20)}")
    return own if opponent is None else [item for item in own if item.value.b == opponent]


def vote_counts(own: Sequence[Item]) -> dict[str, Any]:
    """Wins, ties and losses; and what other scores of the same votes are compared by: system, votes won of how many
    against each opponent, design effect of the votes' groups."""
    import numpy as np

    shares = [item.value.share for item in own]
    counts = {"wins": sum(s > 0.5 for s in shares), "ties": shares.count(0.5), "losses": sum(s < 0.5 for s in shares)}
    against: dict[str, list[float]] = {}
    for item in own:
        won = against.setdefault(item.value.b, [0.0, 0])
        won[0], won[1] = won[0] + item.value.share, won[1] + 1
    ways, effect = ways_of_sharing(own), 1.0
    if ways and len(set(shares)) > 1:
        effect = (sharing_error(np.array(shares), ways) / sharing_error(np.array(shares))) ** 2
    shared = {"system": own[0].value.a, "against": json.dumps(against, ensure_ascii=False), "design_effect": effect}
    return counts | {"opponents": len(against)} | shared


def score_win_rate(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The share of its votes that a model won; a tie is half of one."""
    import numpy as np

    own = own_votes(items, choices, choices.opponent)
    bias, notes = position_bias(items, metric)
    parameters = {"opponent": choices.opponent, "ties": "half"}
    gaps = {"gaps": json.dumps(rate_gaps(items, own[0].value.a, choices.opponent), ensure_ascii=False)}
    more = {"details": vote_counts(own) | gaps | bias, "parameters": parameters, "notes": notes}
    shares, ways = [item.value.share for item in own], ways_of_sharing(own)
    if any(item.value.rater for item in own) and ways:
        more["spread"] = mean_spread(np.array(shares), ways, metric.low, metric.high)
    return mean_scores(shares, own, metric, **more)


def rate_gaps(items: Sequence[Item], model: str, opponent: str | None) -> dict[str, list[float | None]]:
    """How far a model's win rate is above those of the others of the file, so that two scores of it can be compared.

    Of those alone that met the same others equally often, and of rates that both sides' votes tell enough of.
    """
    import numpy as np

    against: dict[str, Counter[str]] = defaultdict(Counter)
    won: dict[str, float] = defaultdict(float)
    kept = [item for item in items if opponent is None or opponent in item.value[:2]]
    for vote in (item.value for item in kept):
        for own in (vote, as_seen_by(vote.b, vote)):
            against[own.a][own.b] += 1
            won[own.a] += own.share
    names = sorted(against)
    cells = np.array([vote_cell(item.value, names) for item in kept])
    rates, errors = rate_errors(cells, len(names), ways_of_sharing(kept))
    alike = [
        name for name in names
        if name not in (model, opponent)
        and alike_opponents(model, name, against)
        and all(FEW_VOTES <= won[one] <= against[one].total() - FEW_VOTES for one in (model, name))
    ]  # fmt: skip
    votes = [against[name].total() for name in names]
    return gaps_of(model, alike, names, rates, errors, votes)


def alike_opponents(model: str, other: str, against: Mapping[str, Counter[str]]) -> bool:
    """Whether two models met the same others, apart from each other, equally often (within a tenth)."""
    own, its = ({n: c for n, c in against[one].items() if n not in (model, other)} for one in (model, other))
    return own.keys() == its.keys() and all(abs(own[n] - its[n]) <= 0.1 * max(own[n], its[n]) for n in own)


def gaps_of(
    model: str, others: Sequence[str], names: Sequence[str], scores: np.ndarray, errors: RatingErrors, votes: Any = None
) -> dict[str, list[float | None]]:
    """Model -> how far the scored one is above it, the standard error of that, its degrees of freedom (None: many), and
    the statistic of no gap. votes: of each model, where the scores are shares of them; else they are ratings.
    """
    import numpy as np

    if not others:
        return {}
    places, own = [names.index(name) for name in others], names.index(model)
    found, freedom = errors.of(np.eye(len(names))[own] - np.eye(len(names))[places])
    told, metric = {}, "win_rate" if votes is not None else "bradley_terry"
    for name, place, error, free in zip(others, places, found.tolist(), freedom.tolist(), strict=True):
        gap, least = float(scores[own] - scores[place]), min(votes[own], votes[place]) if votes is not None else 0.0
        statistic = gap_statistic(gap_evidence(gap, error, free, metric, least)) if error > 0 else None
        told[name] = [gap, error, None if math.isinf(free) else free, statistic]
    return told


def score_lc_win_rate(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The win rate that a model would have at equal lengths, against one opponent (Dubois et al. 2024, 2404.04475).

    Logistic regression of the preference on tanh(length difference / its standard deviation), read at difference 0.
    AlpacaEval 2 has the difficulty of each instruction as another covariate; that needs the votes of many models on
    the same instructions and is left out. The score is unpenalized; the interval is a bootstrap over the votes and what
    they share, whose draws have a normal prior of standard deviation 5 on both coefficients, so that each has a fit.
    """
    import numpy as np
    from scipy import special

    own = own_votes(items, choices, choices.opponent)
    others = sorted({item.value.b for item in own})
    if len(others) > 1:
        raise ScriptError(f"lc-win-rate is against one model: --opponent with one of {listing(others, 20)}", code=3)
    check_problems([
        (item.line, "lc-win-rate needs length_a and length_b, or output_a and output_b")
        for item in own if item.value.longer is None
    ])  # fmt: skip
    shares = np.array([item.value.share for item in own])
    longer = np.array([item.value.longer for item in own])
    check_overlap(shares, longer)
    lengths = np.tanh(longer / longer.std(ddof=1))
    intercept, slope = length_regression(shares, lengths)
    rate = float(special.expit(intercept))
    spread = way_draws(
        np.column_stack([shares, lengths]), own,
        lambda rows, counts: special.expit(penalized_intercept(rows, counts)), choices,
    ).spread(0, rate)  # fmt: skip
    parameters = {"covariates": "tanh(length difference / standard deviation)", "left_out": "instruction difficulty"}
    details = vote_counts(own) | {"length_coefficient": slope, "raw_win_rate": float(shares.mean())}
    return Scores(rate, own, shares, spread, {}, parameters | {"opponent": others[0]}, details)


def check_overlap(shares: np.ndarray, longer: np.ndarray) -> None:
    """ScriptError when the regression has no finite solution: one outcome only, or lengths that tell all apart."""
    won, lost = longer[shares > 0], longer[shares < 1]
    if len(longer) < 3 or longer.std() == 0:
        raise ScriptError("lc-win-rate: fewer than three votes, or all length differences are equal; see win-rate")
    if not longer.min() < 0 < longer.max():
        side = "longer" if longer.min() >= 0 else "shorter"
        raise ScriptError(
            f"lc-win-rate: the model's answers are always {side}, so nothing is known of equal lengths; see win-rate"
        )
    if not len(won) or not len(lost) or won.min() >= lost.max() or lost.min() >= won.max():
        raise ScriptError(
            "lc-win-rate: the lengths alone tell who won, or one side won always: no finite fit; see win-rate"
        )


def length_regression(shares: np.ndarray, lengths: np.ndarray) -> tuple[float, float]:
    """(intercept, coefficient of the length) of the logistic regression; ScriptError where it has no finite ones."""
    import warnings

    import numpy as np
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    covariates = np.column_stack([np.ones_like(lengths), lengths])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they say is checked below
            fit = GLM(shares, covariates, family=families.Binomial()).fit(maxiter=100)
        intercept, slope = (float(value) for value in fit.params)
    except (ValueError, np.linalg.LinAlgError) as error:
        raise ScriptError(f"lc-win-rate: no fit ({single_line(error)}); see win-rate") from error
    if not math.isfinite(intercept) or np.abs(covariates @ fit.params).max() > MOST_LOGIT:
        raise ScriptError("lc-win-rate: the lengths tell who won with hardly an exception: no finite fit; see win-rate")
    return intercept, slope


def penalized_intercept(rows: np.ndarray, counts: np.ndarray) -> float:
    """The intercept of the regression over (share, length) rows that occur so often, with the prior (Newton)."""
    import numpy as np
    from scipy import special

    covariates = np.column_stack([np.ones(len(rows)), rows[:, 1]])
    found, prior = np.zeros(2), np.eye(2) / PRIOR_DEVIATION**2
    for _ in range(50):
        chance = special.expit(covariates @ found)
        slope = covariates.T @ (counts * (rows[:, 0] - chance)) - prior @ found
        step = np.linalg.solve((covariates * (counts * chance * (1 - chance))[:, None]).T @ covariates + prior, slope)
        found = found + np.clip(step, -4, 4)
        if np.abs(step).max() < 1e-9:
            break
    return float(found[0])


def win_matrix(cells: np.ndarray, counts: np.ndarray, players: int) -> np.ndarray:
    """(players, players): how often the row beat the column, a tie as half for both; cells are (a, b, share) rows."""
    import numpy as np

    a, b, share = cells[:, 0].astype(int), cells[:, 1].astype(int), cells[:, 2]
    won = np.bincount(a * players + b, counts * share, players**2)
    lost = np.bincount(b * players + a, counts * (1 - share), players**2)
    return (won + lost).reshape(players, players)


def is_connected(wins: np.ndarray) -> bool:
    """Whether everyone has, directly or by others, beaten everyone: else no finite ratings exist (Ford 1957)."""
    from scipy.sparse.csgraph import connected_components

    return connected_components(wins > 0, directed=True, connection="strong")[0] == 1


def unconnected(wins: np.ndarray, names: Sequence[str]) -> str:
    """Why there are no finite ratings: groups that never met, or the models that only won or only lost."""
    from scipy.sparse.csgraph import connected_components

    met, group = connected_components(wins + wins.T > 0, directed=False)
    if met > 1:
        return f"{met} groups of models never met: " + "; ".join(
            listing([name for name, own in zip(names, group, strict=True) if own == i]) for i in range(met)
        )
    _, part = connected_components(wins > 0, directed=True, connection="strong")
    return "one of these always won against the other, or lost: " + "; ".join(
        listing([name for name, own in zip(names, part, strict=True) if own == i]) for i in sorted(set(part))
    )


def bradley_terry(wins: np.ndarray) -> np.ndarray:
    """Maximum-likelihood ratings in logits with mean 0: P(i beats j) = 1 / (1 + exp(r_j - r_i)). By choix (I-LSR)."""
    import choix

    try:
        return choix.ilsr_pairwise_dense(wins, max_iter=10_000)
    except (RuntimeError, ValueError) as error:
        raise ScriptError(f"bradley-terry: {single_line(error)}") from error


def score_bradley_terry(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """A model's Bradley-Terry rating among all models of the votes, in logits; intervals by the joint model's sandwich
    over votes and what they share: groups, raters or both.

    Zero is the mean of all ratings, or --anchor's.
    """
    import numpy as np

    refuse_opponent(metric, choices)
    names = sorted({name for item in items for name in item.value[:2]})
    model = names.index(chosen_system(names, choices))
    if choices.anchor is not None and choices.anchor not in names:
        raise ScriptError(f"--anchor {choices.anchor}: the votes are about {listing(names, 20)}")
    anchor = None if choices.anchor is None else names.index(choices.anchor)
    cells = np.array([vote_cell(item.value, names) for item in items])
    wins = win_matrix(cells, np.ones(len(cells)), len(names))
    if not is_connected(wins):
        raise ScriptError(
            f"bradley-terry: no finite ratings: {unconnected(wins, names)}; more votes are needed (win-rate needs none)"
        )
    ratings = centred(bradley_terry(wins), anchor)
    ways = ways_of_sharing(items)
    errors = rating_errors(cells, ratings, ways)
    contrasts = centred(np.eye(len(names)), anchor)
    spreads = rating_spreads(ratings, *errors.of(contrasts), cluster_counts(ways, len(items)), len(items))
    own = own_votes(items, choices)
    parameters = {"zero": "mean of all models" if anchor is None else names[anchor], "ties": "half"}
    bias, notes = position_bias(items, metric)
    others = [name for name in names if name != names[model]]
    gaps = {"gaps": json.dumps(gaps_of(names[model], others, names, ratings, errors), ensure_ascii=False)}
    rows = with_differences(rating_rows(names, ratings, spreads), names, ratings, errors, model, choices.seed)
    if len(others) > 1:
        said = "compare_results judges all pairs and metrics that it is asked for together, and may show fewer"
        notes = [*notes, f"differences are those from {names[model]} alone, held together with 95 %; {said}"]
    return Scores(
        float(ratings[model]), own, np.array([item.value.share for item in own]), spreads[model], {}, parameters,
        vote_counts(own) | {"models": len(names), "votes": len(items)} | gaps | bias, rows, notes,
    )  # fmt: skip


def rating_spreads(
    ratings: np.ndarray, errors: np.ndarray, freedom: np.ndarray, counts: Sequence[int], n: int
) -> list[Spread]:
    """The intervals of ratings; the anchor's, which is 0, has none."""
    halves = errors * critical_value((1 - CONFIDENCE) / 2, freedom)
    words = "sandwich of the joint model, " + ("Student t" if min(counts) < n else "normal") + shared_text(counts, n)
    name = "clustered" if min(counts) < n else "analytic"
    return [
        Spread(error, name, rating - half, rating + half, words)
        if error > 1e-9
        else Spread(method="none: it is the zero")
        for rating, error, half in zip(ratings.tolist(), errors.tolist(), halves.tolist(), strict=True)
    ]


def with_differences(
    rows: list[dict[str, Any]], names: Sequence[str], ratings: np.ndarray, errors: RatingErrors, model: int, seed: int
) -> list[dict[str, Any]]:
    """The rows with how far each model is ahead of the scored one, intervals that hold together with 95 % (max-t), and
    what that shows: "better", "worse" or "not told apart"."""
    import numpy as np

    others = [i for i in range(len(names)) if i != model]
    halves = errors.together(np.eye(len(names))[others] - np.eye(len(names))[model], seed).tolist()
    gaps = (ratings[others] - ratings[model]).tolist()
    told = {names[i]: (gap, gap - half, gap + half) for i, gap, half in zip(others, gaps, halves, strict=True)}
    for row in rows:
        difference, low, high = told.get(row["name"], (None, None, None))
        row |= {"difference": difference, "difference_low": low, "difference_high": high, "is": "the scored one"}
        if difference is not None:
            row["is"] = "better" if low > 0 else "worse" if high < 0 else "not told apart"
    return rows


def refuse_opponent(metric: Metric, choices: Choices) -> None:
    """ScriptError: ratings come from all votes."""
    if choices.opponent is not None:
        raise ScriptError(f"--opponent {choices.opponent}: {metric.name} rates all models by all votes; see win-rate")


def vote_cell(vote: Vote, names: Sequence[str]) -> tuple[int, int, float]:
    """A vote with its models as numbers, the smaller one first, so that who was shown first makes no difference."""
    first = min(vote.a, vote.b)
    seen = as_seen_by(first, vote)
    return names.index(seen.a), names.index(seen.b), seen.share


def centred(ratings: np.ndarray, anchor: int | None) -> np.ndarray:
    """(models, ...) ratings with the anchor's, or their mean, at 0."""
    return ratings - (ratings.mean(0) if anchor is None else ratings[anchor])


def rating_rows(names: Sequence[str], ratings: Iterable[float], spreads: Sequence[Spread]) -> list[dict[str, Any]]:
    """All rated models, the best first."""
    rows = [
        {"name": name, "score": float(rating), "low": spread.low, "high": spread.high}
        for name, rating, spread in zip(names, ratings, spreads, strict=True)
    ]
    return sorted(rows, key=lambda row: (-row["score"], row["name"]))


def elo_ratings(votes: Iterable[Vote], k: float) -> dict[str, float]:
    """Elo ratings after the votes in their order: start 1000, scale 400, base 10, K-factor k."""
    ratings: dict[str, float] = defaultdict(lambda: 1000.0)
    for vote in votes:
        a, b = ratings[vote.a], ratings[vote.b]
        change = k * (vote.share - 1 / (1 + 10 ** ((b - a) / 400)))
        ratings[vote.a], ratings[vote.b] = a + change, b - change
    return dict(ratings)


def score_elo(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """A model's Elo rating after all votes in the order of the file, which decides it; so there is no interval."""
    import numpy as np

    refuse_opponent(metric, choices)
    ratings = elo_ratings((item.value for item in items), metric.k)
    own = own_votes(items, choices)
    names = sorted(ratings)
    return Scores(
        ratings[chosen_system(names, choices)], own, np.array([item.value.share for item in own]),
        Spread(method="none: it depends on the order of the votes"), {}, {"k": metric.k, "start": 1000, "scale": 400},
        vote_counts(own) | {"models": len(names), "votes": len(items)},
        rating_rows(names, [ratings[name] for name in names], [Spread()] * len(names)),
        notes=[f"{metric.name} depends on the order of the votes and has no interval; bradley-terry does not"],
    )  # fmt: skip
