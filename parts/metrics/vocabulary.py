"""Predictions, items, votes, ratings and metrics of score_predictions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from parts.frame import ScriptError, nearest
from parts.harness.reasoning import REASONING_TAGS

if TYPE_CHECKING:
    import numpy as np

RESAMPLES = 1_000  # bootstrap draws
BINS = 15  # of a reliability diagram: Guo et al. 2017
HIDDEN_REFERENCE, LOW_RATING, HIGH_RATING, MOST_ODD = "reference", 90, 90, 0.15  # ITU-R BS.1534-3, post-screening
POINTS = {"unit": "points", "high": 100.0}
COEFFICIENT = {"unit": "coefficient", "low": -1.0}
RATE = {"high": None, "lower_is_better": True}  # more errors than words are possible


class Line(NamedTuple):
    """A line of the predictions file."""

    number: int
    id: str
    fields: dict[str, Any]


class Item(NamedTuple):
    """What one metric scores: an answer, a task with its attempts, a rating, a vote, a query.

    value: what the metric reads, by its family; None when the prediction was not parsed. outputs: what the model said.
    """

    line: int
    id: str
    group: str | None
    attempt: str | None
    prompt: str | None
    references: tuple[str, ...]
    outputs: tuple[str, ...]
    value: Any
    more: tuple[tuple[str, str], ...] = ()  # what else its line says: a language, a speaker


class Forecast(NamedTuple):
    """A stated confidence and whether it was right; the probability of what happened, and the squared error of it all.

    about: what the probabilities are of, "the positive class", "the prediction" or "each class".
    """

    about: str
    confidence: float
    right: bool
    outcome: float
    squared_error: float


class Rating(NamedTuple):
    """What a rater (None: not named) gave to a system's version of an item."""

    item: str
    rater: str | None
    system: str | None
    value: float | str


class Vote(NamedTuple):
    """A comparison of two models; share: 1 when `a` won, 0 when `b` did, 0.5 for a tie. longer: length of a less b.

    rater: who voted (None: not named). orders: empty where `a` was shown first; "both" where a verdict is of both
    orders, "unknown" where nothing says which it was.
    """

    a: str
    b: str
    share: float
    longer: float | None
    rater: str | None = None
    orders: str = ""


@dataclass(frozen=True, slots=True)
class Metric:
    """A way to score. `worst`: it has a worst answer, so an unparsed one can be counted as wrong.

    k: the number behind "@". aggregation: "mean" of the items' values, or the name of a score of the whole file.
    """

    name: str
    id: str
    family: str
    unit: str = "proportion"
    low: float | None = 0.0
    high: float | None = 1.0
    lower_is_better: bool = False
    aggregation: str = "mean"
    worst: bool = False
    takes_k: str = ""  # what stands behind "@": "", "optional" or "needed"
    library: str | None = None
    k: int | None = None


@dataclass(frozen=True, slots=True)
class Spread:
    """The uncertainty of a score: standard error and 95 % interval, each with its method; None where there is none."""

    standard_error: float | None = None
    error_method: str = ""
    low: float | None = None
    high: float | None = None
    method: str = ""
    draws: int | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """What a metric found. values: a number for each of the items, NaN where it has none (`reasons`, by index)."""

    value: float
    items: Sequence[Item]
    values: np.ndarray
    spread: Spread
    reasons: Mapping[int, str] = field(default_factory=dict)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    breakdown: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()
    high: float | None = None  # the top of the metric's range where the data decide it
    low: float | None = None
    formula: str = ""  # how the score is made of `statistics`, one for each item: see parts/statistics/corpus.py
    statistics: Sequence[Sequence[Any]] = ()
    empty: Sequence[Sequence[Any]] = ()  # the statistics that the unparsed items would have, as the worst answers


# How several labels of one item are scored.
LABEL_LINES = (
    "for micro F1 over labels give f1-binary a line for each item and label (reference and prediction 1 or 0, `group` "
    "the item)"
)


def otherwise(value: float, how: str) -> dict[str, Any]:
    """What a record keeps of a score that a scoring option decides: the score with another one, in words how."""
    return {"score_otherwise": value, "otherwise_by": how}


@dataclass(frozen=True, slots=True)
class Measurement:
    """A metric with its scores and the items that were left out as unparsed."""

    metric: Metric
    scores: Scores
    unparsed: Sequence[Item]
    counted_as_wrong: int


@dataclass(frozen=True, slots=True)
class Subject:
    """The model that made the predictions."""

    id: str
    details: Mapping[str, str]

    @property
    def developer(self) -> str:
        return self.id.split("/", 1)[0] if "/" in self.id else "unknown"

    @property
    def name(self) -> str:
        return self.id.split("/", 1)[-1]


class Columns(NamedTuple):
    """How a file's columns are called: --map, the families of the metrics that read them, the command without --map;
    what an empty cell is (--empty-cells), and which columns of a table without an id may be one; what --system says,
    and the names that the model goes by; only: the column that names systems, and the one whose rows are read."""

    mapped: Mapping[str, str] = {}
    families: tuple[str, ...] = ()
    command: str = ""
    empty: str | None = None
    ids: tuple[str, ...] = ()
    system: str | None = None
    model: tuple[str, ...] = ()
    only: tuple[str, str] | None = None


Watch = Callable[[Sequence[Any], str], Iterable[Any]]  # the items, with a progress bar that says what they are


def unwatched(items: Sequence[Any], what: str) -> Iterable[Any]:
    """No progress bar."""
    return items


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line decides about the metrics; `watch` shows progress, `folder` is the predictions' own."""

    model: str = "model"
    folder: Path = Path()
    pattern: re.Pattern[str] | None = None
    unparsed_as_wrong: bool = False
    tags: tuple[str, str] | None = REASONING_TAGS  # around thinking, which is no part of an answer
    form: str | None = "NFC"  # of Unicode, for predictions and references
    positive: str | None = None
    bins: int = BINS
    clip: float | None = None
    tokenize: str = "13a"
    stemmer: bool = False
    normalize: str | None = None
    rating_range: tuple[float, float] | None = None
    system: str | None = None
    opponent: str | None = None
    anchor: str | None = None
    hidden_reference: str = HIDDEN_REFERENCE
    mid_anchor: str | None = None
    screening: bool = True
    without_raters: frozenset[str] = frozenset()
    level: str | None = None
    classifier: str | None = None
    toxic_label: str | None = None
    threshold: float = 0.5
    draws: int = RESAMPLES
    seed: int = 0
    watch: Watch = unwatched
    custom: CustomMetric | None = None


@dataclass(frozen=True, slots=True)
class CustomMetric:
    """The function of a user's file, from a line's fields to a number or None, and what it says of its scale.

    parameters: the file's SHA-256, and the model and settings of a judge.
    """

    metric: Metric
    function: Callable[[dict[str, Any]], Any]
    parameters: Mapping[str, str]


def text_metric(name: str, id: str | None = None, **more: Any) -> Metric:
    """A metric of predictions and references; the worst answer is an empty one."""
    return Metric(name, id or name.replace("-", "_"), "text", worst=True, **more)


def calibration_metric(name: str, id: str, aggregation: str, **more: Any) -> Metric:
    return Metric(name, id, "forecast", lower_is_better=True, aggregation=aggregation, **more)


METRICS = {
    metric.name: metric
    for metric in (
        text_metric("accuracy"),
        text_metric("exact-match"),
        text_metric("f1-binary", aggregation="f1_binary", library="scikit-learn"),
        text_metric("f1-macro", aggregation="f1_macro", library="scikit-learn"),
        text_metric("f1-micro", aggregation="f1_micro", library="scikit-learn"),
        text_metric("f1-token", "f1"),
        text_metric("bleu", aggregation="bleu", library="sacrebleu", **POINTS),
        text_metric("chrf", aggregation="chrf", library="sacrebleu", **POINTS),
        text_metric("chrf++", "chrf_plus_plus", aggregation="chrf", library="sacrebleu", **POINTS),
        text_metric("rouge-1", library="rouge-score"),
        text_metric("rouge-2", library="rouge-score"),
        text_metric("rouge-l", library="rouge-score"),
        text_metric("rouge-lsum", library="rouge-score"),
        text_metric("ter", aggregation="ter", library="sacrebleu", unit="points", high=None, lower_is_better=True),
        text_metric("mcc", aggregation="mcc", library="scikit-learn", **COEFFICIENT),
        text_metric("wer", aggregation="corpus_wer", library="jiwer", **RATE),
        text_metric("cer", aggregation="corpus_cer", library="jiwer", **RATE),
        Metric("pass", "pass", "attempts", worst=True, takes_k="needed"),
        calibration_metric("ece", "ece", "ece"),
        calibration_metric("adaptive-ece", "adaptive_ece", "adaptive_ece"),
        calibration_metric("mce", "mce", "mce"),
        calibration_metric("rms-ce", "rms_calibration_error", "rms_calibration_error"),
        calibration_metric("brier", "brier_score", "mean", unit="squared_error"),
        calibration_metric("log-loss", "log_loss", "mean", unit="nats", high=None),
        *(
            Metric(name, name, "numbers", aggregation=name, library="scipy", **COEFFICIENT)
            for name in ("pearson", "spearman", "kendall")
        ),
        Metric("auroc", "auroc", "class scores", aggregation="auroc", library="scikit-learn"),
        Metric(
            "average-precision",
            "average_precision",
            "class scores",
            aggregation="average_precision",
            library="scikit-learn",
        ),
        Metric("mos", "mos", "ratings", unit="points", low=None, high=None),
        Metric("mushra", "mushra", "ratings", unit="points", low=None, high=None),
        Metric(
            "krippendorff",
            "krippendorff_alpha",
            "ratings",
            "coefficient",
            None,
            1.0,
            aggregation="krippendorff_alpha",
            library="krippendorff",
        ),
        Metric("ndcg", "ndcg", "ranking", worst=True, takes_k="needed"),
        Metric("recall", "recall", "ranking", worst=True, takes_k="needed"),
        Metric("mrr", "mrr", "ranking", worst=True, takes_k="optional"),
        Metric("map", "map", "ranking", worst=True, takes_k="optional"),
        Metric("precision", "precision", "ranking", worst=True, takes_k="needed"),
        Metric("win-rate", "win_rate", "votes"),
        Metric("lc-win-rate", "lc_win_rate", "votes", aggregation="length_controlled_win_rate", library="statsmodels"),
        Metric(
            "bradley-terry",
            "bradley_terry",
            "votes",
            "logits",
            None,
            None,
            aggregation="bradley_terry",
            library="choix",
        ),
        Metric("elo", "elo", "votes", "points", None, None, aggregation="elo", takes_k="needed"),
        Metric("pesq", "pesq", "audio", "points", -0.5, 4.65, library="pesq"),
        Metric("stoi", "stoi", "audio", "coefficient", -1.0, 1.0, library="pystoi"),
        Metric("estoi", "estoi", "audio", "coefficient", -1.0, 1.0, library="pystoi"),
        Metric("toxicity", "toxicity", "plain", lower_is_better=True, library="transformers"),
    )
}


SHORT_METRICS = {"acc": "accuracy", "em": "exact-match"}  # short for one metric alone


def parse_metric(text: str) -> Metric:
    """A metric of the command line: "ndcg@10" -> ndcg_at_10 with k=10. ScriptError: 2 unknown, 3 ambiguous."""
    base, _, digits = text.strip().lower().replace("_", "-").partition("@")
    base = SHORT_METRICS.get(base, base)
    metric = METRICS.get(base)
    if metric is None:
        several = [name for name in METRICS if name.startswith(f"{base}-")]
        if several:
            raise ScriptError(f"--metric {text}: which one? {', '.join(several)}", code=3)
        raise ScriptError(f"--metric {text}: there is no such metric{nearest(base, METRICS) or '; see --help'}")
    if bool(metric.takes_k) < bool(digits) or ("@" in text and not re.fullmatch(r"[1-9]\d{0,5}", digits)):
        raise ScriptError(f"--metric {text}: write {base}@10" if metric.takes_k else f"--metric {text}: write {base}")
    if metric.takes_k == "needed" and not digits:
        raise ScriptError(f"--metric {text}: a number is missing, for instance {base}@10")
    if not digits:
        return metric
    id = metric.id if base == "elo" else f"{metric.id}_at_{digits}"
    return replace(metric, name=f"{base}@{digits}", id=id, k=int(digits))
