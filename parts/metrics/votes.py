"""Win rates, length-controlled win rates, Bradley-Terry, Elo."""

from __future__ import annotations

import contextlib
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING, Any

from parts.frame import ScriptError, listing, single_line
from parts.metrics.items import check_problems
from parts.metrics.ratings import chosen_system
from parts.metrics.uncertainty import cells_of, drawn_counts, draws_spread, groups_of, mean_scores, unit_words
from parts.metrics.vocabulary import Choices, Item, Metric, Scores, Spread, Vote
from parts.statistics.intervals import CONFIDENCE

if TYPE_CHECKING:
    import numpy as np


def as_seen_by(model: str, vote: Vote) -> Vote:
    """The vote with `model` as its first side."""
    if vote.a == model:
        return vote
    return Vote(vote.b, vote.a, 1 - vote.share, None if vote.longer is None else -vote.longer)


def own_votes(items: Sequence[Item], choices: Choices, opponent: str | None = None) -> list[Item]:
    """The votes that the scored model (--system) is in, all or those against one opponent, from its side."""
    model = chosen_system((name for item in items for name in item.value[:2]), choices)
    own = [item._replace(value=as_seen_by(model, item.value)) for item in items if model in item.value[:2]]
    others = sorted({item.value.b for item in own})
    if opponent is not None and opponent not in others:
        raise ScriptError(f"--opponent {opponent}: {model} met {listing(others, 20)}")
    return own if opponent is None else [item for item in own if item.value.b == opponent]


def vote_counts(own: Sequence[Item]) -> dict[str, Any]:
    """Wins, ties and losses."""
    shares = [item.value.share for item in own]
    counts = {"wins": sum(s > 0.5 for s in shares), "ties": shares.count(0.5), "losses": sum(s < 0.5 for s in shares)}
    return counts | {"opponents": len({item.value.b for item in own})}


def score_win_rate(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The share of its votes that a model won; a tie is half of one."""
    own = own_votes(items, choices, choices.opponent)
    more = {"details": vote_counts(own), "parameters": {"opponent": choices.opponent, "ties": "half"}}
    return mean_scores([item.value.share for item in own], own, metric, **more)


def score_lc_win_rate(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The win rate that a model would have at equal lengths, against one opponent (Dubois et al. 2024, 2404.04475).

    Logistic regression of the preference on tanh(length difference / its standard deviation), read at difference 0.
    AlpacaEval 2 has the difficulty of each instruction as another covariate; that needs the votes of many models on
    the same instructions and is left out. Unpenalized, with robust (or clustered) errors.
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
    groups = groups_of(own)
    intercept, slope, error = length_regression(shares, longer, groups)
    z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    rate = float(special.expit(intercept))
    ends = [float(special.expit(intercept + side * z * error)) for side in (-1, 1)]
    kind = "robust" if groups is None else f"clustered, {int(groups.max()) + 1} groups"
    spread = Spread(rate * (1 - rate) * error, "delta method", *ends, f"Wald on the logit ({kind})")
    parameters = {"covariates": "tanh(length difference / standard deviation)", "left_out": "instruction difficulty"}
    details = vote_counts(own) | {"length_coefficient": slope, "raw_win_rate": float(shares.mean())}
    return Scores(rate, own, shares, spread, {}, parameters | {"opponent": others[0]}, details)


def check_overlap(shares: np.ndarray, longer: np.ndarray) -> None:
    """ScriptError when the regression has no finite solution: one outcome only, or lengths that tell all apart."""
    won, lost = longer[shares > 0], longer[shares < 1]
    if len(longer) < 3 or longer.std() == 0:
        raise ScriptError("lc-win-rate: fewer than three votes, or all length differences are equal; see win-rate")
    if not len(won) or not len(lost) or won.min() >= lost.max() or lost.min() >= won.max():
        raise ScriptError(
            "lc-win-rate: the lengths alone tell who won, or one side won always: no finite fit; see win-rate"
        )


def length_regression(shares: np.ndarray, longer: np.ndarray, groups: np.ndarray | None) -> tuple[float, float, float]:
    """(intercept, coefficient of the length, standard error of the intercept) of the logistic regression."""
    import numpy as np
    from statsmodels.genmod import families
    from statsmodels.genmod.generalized_linear_model import GLM

    lengths = np.tanh(longer / longer.std(ddof=1))
    covariates = np.column_stack([np.ones_like(lengths), lengths])
    kind = {"cov_type": "HC1"} if groups is None else {"cov_type": "cluster", "cov_kwds": {"groups": groups}}
    fit = GLM(shares, covariates, family=families.Binomial()).fit(**kind)
    return float(fit.params[0]), float(fit.params[1]), float(fit.bse[0])


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


def bradley_terry(wins: np.ndarray, start: np.ndarray | None = None) -> np.ndarray:
    """Maximum-likelihood ratings in logits with mean 0: P(i beats j) = 1 / (1 + exp(r_j - r_i)). By choix (I-LSR)."""
    import choix

    try:
        return choix.ilsr_pairwise_dense(wins, initial_params=start, max_iter=10_000)
    except (RuntimeError, ValueError) as error:
        raise ScriptError(f"bradley-terry: {single_line(error)}") from error


def score_bradley_terry(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """A model's Bradley-Terry rating among all models of the votes, in logits; bootstrap over votes or groups.

    Zero is the mean of all ratings, or --anchor's. A draw in which somebody won or lost always has no rating.
    """
    import numpy as np

    names = sorted({name for item in items for name in item.value[:2]})
    model = names.index(chosen_system(names, choices))
    if choices.anchor is not None and choices.anchor not in names:
        raise ScriptError(f"--anchor {choices.anchor}: the votes are about {listing(names, 20)}")
    anchor = None if choices.anchor is None else names.index(choices.anchor)
    groups = groups_of(items)
    cells = cells_of(np.array([vote_cell(item.value, names) for item in items]), groups)
    wins = win_matrix(cells.rows, cells.counts, len(names))
    if not is_connected(wins):
        raise ScriptError("bradley-terry: some models only won, or only lost, against the others: no finite ratings; "
                          "more votes are needed (win-rate needs none)")  # fmt: skip
    ratings = centred(bradley_terry(wins), anchor)
    drawn = np.full((choices.draws if cells.units > 1 else 0, len(names)), math.nan)
    watched = choices.watch(range(len(drawn)), "Bradley-Terry draws")
    for i, counts in zip(watched, drawn_counts(cells, len(drawn), choices.seed), strict=True):
        again = win_matrix(cells.rows, counts, len(names))
        if is_connected(again):
            with contextlib.suppress(ScriptError):  # no rating in this draw, as where somebody won always
                drawn[i] = centred(bradley_terry(again, ratings), anchor)
    spreads = [
        unit_words(draws_spread(float(r), drawn[:, i], cells.units, None, None), groups) for i, r in enumerate(ratings)
    ]
    own = own_votes(items, choices)
    parameters = {"zero": "mean of all models" if anchor is None else names[anchor], "ties": "half"}
    return Scores(
        float(ratings[model]), own, np.array([item.value.share for item in own]), spreads[model], {}, parameters,
        vote_counts(own) | {"models": len(names), "votes": len(items)}, rating_rows(names, ratings, spreads),
    )  # fmt: skip


def vote_cell(vote: Vote, names: Sequence[str]) -> tuple[int, int, float]:
    """A vote with its models as numbers, the smaller one first, so that who was shown first makes no difference."""
    first = min(vote.a, vote.b)
    seen = as_seen_by(first, vote)
    return names.index(seen.a), names.index(seen.b), seen.share


def centred(ratings: np.ndarray, anchor: int | None) -> np.ndarray:
    """Ratings with the anchor's, or their mean, at 0."""
    return ratings - (ratings.mean() if anchor is None else ratings[anchor])


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
