"""Accuracy, exact match, F1, BLEU, chrF, ROUGE, WER, CER."""

from __future__ import annotations

import contextlib
import importlib.metadata
import math
import re
import string
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from parts.frame import ScriptError, number, run_line, single_line
from parts.inputs import allowed, too_much
from parts.metrics.uncertainty import corpus_scores, mean_scores
from parts.metrics.vocabulary import Choices, Item, Metric, Scores, otherwise
from parts.statistics.corpus import FORMULAS

if TYPE_CHECKING:
    import numpy as np

OWN_MODEL = "and a model that sacrebleu gets from the network, or has in ~/.sacrebleu/models"
TOKENIZER_PACKAGES = {"ja": "sacrebleu[ja]", "ko": "sacrebleu[ko]", "sp": "sentencepiece", "fl": "sentencepiece"}
SEEN_ITEMS, MUCH_SURFACE = 2_000, 0.25  # of which errors are counted again; share of them that is case and punctuation
MANY_UNSPACED = 0.02  # share of the references
NO_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))
NUMBER_IN_TEXT = re.compile(r"(?<![\w.])-?(?:\d+(?:,\d{3})*(?:\.\d+|/\d+)?|\.\d+)(?:e-?\d+)?")
MOST_TER_WORDS = 500  # of a text; twice as many that are shuffled take minutes
MOST_TER_SECONDS = 300  # of the processor, for all texts; 3,000 sentences take some ten
MOST_OF_TABLE = 20_000_000  # cells of the table of rouge-lsum: half a gigabyte


def normalized_answer(text: str) -> str:
    """A text as SQuAD's evaluation compares it: lower case, no punctuation, no articles, single spaces. In a number its
    sign, its point and its line stay: -5, 1.5 and 1/2 are not 5, 15 and 12."""
    text, end, kept = text.lower(), 0, []
    for found in NUMBER_IN_TEXT.finditer(text):
        kept += [text[end : found.start()].translate(NO_PUNCTUATION), found[0].replace(",", "")]
        end = found.end()
    text = "".join([*kept, text[end:].translate(NO_PUNCTUATION)])
    return " ".join(re.sub(r"\b(a|an|the)\b", " ", text).split())


def same_for_squad(said: str, reference: str) -> bool:
    """Whether two texts are equal as SQuAD compares them; a reference of which that leaves nothing with its article
    (the choice A) or its punctuation (the sign +): it is neither "the" nor an empty answer."""
    for fold in (normalized_answer, without_punctuation, str.split):
        if wanted := fold(reference):
            return fold(said) == wanted
    return not normalized_answer(said)


def without_punctuation(text: str) -> list[str]:
    """The words of a text in lower case, without punctuation."""
    return text.lower().translate(NO_PUNCTUATION).split()


def token_f1(prediction: str, reference: str) -> float:
    """The harmonic mean of precision and recall of the words (Rajpurkar et al. 2016); 1 when both have none."""
    said, wanted = normalized_answer(prediction).split(), normalized_answer(reference).split()
    if not said or not wanted:
        return float(same_for_squad(prediction, reference))
    shared = (Counter(said) & Counter(wanted)).total()
    return 2 * shared / (len(said) + len(wanted))


def empty_count(items: Iterable[Item]) -> int:
    """How many answers are blank."""
    return sum(bool(item.outputs) and not any(text.strip() for text in item.outputs) for item in items)


def score_accuracy(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The share of predictions that equal a reference, but for spaces around them."""
    values = (
        item.value is not None and item.value.strip() in [reference.strip() for reference in item.references]
        for item in items
    )
    return mean_scores(values, items, metric)


def score_exact_match(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The share of predictions that equal a reference as SQuAD compares them."""
    values = (
        item.value is not None and any(same_for_squad(item.value, reference) for reference in item.references)
        for item in items
    )
    return mean_scores(values, items, metric)


def score_token_f1(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean of the best token F1 over an item's references."""
    values = (
        0.0 if item.value is None else max(token_f1(item.value, reference) for reference in item.references)
        for item in items
    )
    return mean_scores(values, items, metric)


def only_reference(item: Item, metric: Metric) -> str:
    """The one reference of an item."""
    if len(item.references) != 1:
        raise ScriptError(f"line {item.line}: {metric.name} takes one reference, there are {len(item.references)}")
    return item.references[0]


def bleu_features(items: Sequence[Item], choices: Choices) -> tuple[np.ndarray, list[float]]:
    """(items, 10): matched and all n-grams for n = 1..4, lengths of hypothesis and reference; and each item's BLEU."""
    import numpy as np
    from sacrebleu.metrics import BLEU

    try:
        with contextlib.redirect_stdout(sys.stderr):
            scorer = BLEU(tokenize=choices.tokenize, effective_order=True)
    except (Exception, SystemExit) as error:  # a package that is missing, a model that cannot be downloaded
        package = TOKENIZER_PACKAGES[choices.tokenize[:2]]
        more = f" {OWN_MODEL}" if package == "sentencepiece" else ""
        raise ScriptError(f"--tokenize {choices.tokenize}: {started_with(package)}{more}") from error
    found = [scorer.sentence_score(item.value or "", item.references) for item in choices.watch(items, "BLEU")]
    features = np.array([[*score.counts, *score.totals, score.sys_len, score.ref_len] for score in found])
    return features, [score.score for score in found]


def corpus_bleu(sums: np.ndarray) -> float:
    """BLEU from sums over a corpus, with sacrebleu's default smoothing."""
    from sacrebleu.metrics import BLEU

    whole = sums.astype(int).tolist()
    return BLEU.compute_bleu(whole[:4], whole[4:8], whole[8], whole[9], smooth_method="exp").score


def score_bleu(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Corpus BLEU (Papineni et al. 2002) as sacrebleu gives it; an item's own value is its sentence BLEU."""
    features, values = bleu_features(items, choices)
    settings = f"case:mixed|eff:no|tok:{choices.tokenize}|smooth:exp"
    value = corpus_bleu(features.sum(axis=0))
    more = {"parameters": {"signature": signature(items, settings), "tokenize": choices.tokenize}}
    if choices.tokenize in ("13a", "intl", "none"):
        more["notes"] = unspaced_note(items, metric, "see --tokenize zh, ja-mecab, char, or chrf")
    return corpus_scores(features, "bleu", value, values, items, metric, choices, **more)


def signature(items: Sequence[Item], settings: str) -> str:
    """What sacrebleu calls a signature: all that decides its score."""
    counts = {len(item.references) for item in items}
    references = counts.pop() if len(counts) == 1 else "var"
    return f"nrefs:{references}|{settings}|version:{importlib.metadata.version('sacrebleu')}"


def score_chrf(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Corpus chrF (Popovic 2015) as sacrebleu gives it; an item's own value is its sentence chrF.

    The two methods with an underscore are the ones that sacrebleu's own bootstrap is made of.
    """
    import numpy as np
    from sacrebleu.metrics import CHRF

    words = 2 if metric.name == "chrf++" else 0
    scorer = CHRF(word_order=words)
    features = np.array(
        [
            scorer._extract_corpus_statistics([item.value or ""], [[reference] for reference in item.references])[0]
            for item in choices.watch(items, "chrF")
        ]
    )

    value = scorer._aggregate_and_compute(features.tolist()).score
    parameters = {"signature": signature(items, f"case:mixed|eff:yes|nc:6|nw:{words}|space:no")}
    own = FORMULAS["chrf"].compute(features)
    return corpus_scores(features, "chrf", value, own, items, metric, choices, parameters=parameters)


def score_ter(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """Corpus translation edit rate (Snover et al. 2006) as sacrebleu gives it; an item's own value is its rate."""
    import numpy as np
    from sacrebleu.metrics import TER

    scorer = TER()
    sizes = [max(len(text.split()) for text in (item.value or "", *item.references)) for item in items]
    if max(sizes, default=0) > MOST_TER_WORDS:
        raise ScriptError(
            f"ter: item {single_line(items[sizes.index(max(sizes))].id)[:60]} has {max(sizes):,} words, and its search "
            f"for moved words has no end above some {MOST_TER_WORDS}: score sentence by sentence, or by chrf or bleu"
        )
    rows, began = [], time.process_time()
    for item in choices.watch(items, "TER"):
        rows += scorer._extract_corpus_statistics([item.value or ""], [[reference] for reference in item.references])
        if (spent := time.process_time() - began) > allowed(MOST_TER_SECONDS):
            slow = f"{len(rows):,} of {len(items):,} items took {spent:,.0f} s, as long texts of moved words do"
            raise too_much("ter", f"{slow}: score sentence by sentence, or by chrf or bleu")
    features = np.array(rows, float)
    if not features[:, 1].any():
        raise ScriptError("ter: all references are empty")
    value = scorer._aggregate_and_compute(features.tolist()).score
    own = [scorer._compute_score_from_stats(row).score for row in features.tolist()]
    more = {"parameters": {"signature": signature(items, "case:lc|tok:tercom|norm:no|punct:yes|asian:no")}}
    more["notes"] = unspaced_note(items, metric, "see cer or chrf")
    return corpus_scores(features, "percent_ratio", value, own, items, metric, choices, **more)


def lcs_f_measure(reference: Sequence[str], said: Sequence[str]) -> float:
    """ROUGE-L of two texts in words: the F1 of their longest common subsequence, as rouge-score's table gives it.

    By Hyyro's bit vectors (2004, "Bit-parallel LCS-length computation revisited"): memory of one text and not of a
    table of both.
    """
    places: dict[str, int] = {}
    for i, word in enumerate(reference):
        places[word] = places.get(word, 0) | 1 << i
    every = (1 << len(reference)) - 1
    free = every  # bit i: no subsequence of length i + 1 ends at word i
    for word in said:
        common = free & places.get(word, 0)
        free = (free + common) | (free - common)
    length = len(reference) - (free & every).bit_count()
    return 2 * length / (len(reference) + len(said)) if length else 0.0


def score_rouge(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """The mean ROUGE F-measure (Lin 2004) as rouge-score gives it, of the best reference.

    It reads the letters a to z and digits only: an item cannot be scored whose references are mostly of others.
    """
    from rouge_score import rouge_scorer, tokenizers

    kind = {"rouge-l": "rougeL", "rouge-lsum": "rougeLsum"}.get(metric.name, metric.name.replace("-", ""))
    tokenizer = tokenizers.DefaultTokenizer(choices.stemmer)
    scorer = rouge_scorer.RougeScorer([kind], tokenizer=tokenizer)
    values, reasons = [], {}
    for i, item in enumerate(choices.watch(items, "ROUGE")):
        references, said = [tokenizer.tokenize(text) for text in item.references], tokenizer.tokenize(item.value or "")
        if not any(references) or not all(map(is_latin, item.references)):
            reasons[i] = "most letters of a reference are none of a to z, which are all that rouge-score reads"
            values.append(math.nan)
        elif kind == "rougeL":
            values.append(max(lcs_f_measure(reference, said) for reference in references))
        elif kind == "rougeLsum" and max(map(len, references)) * len(said) > MOST_OF_TABLE:
            reasons[i] = f"too long for {metric.name}: a table of {max(map(len, references)):,} x {len(said):,} words"
            values.append(math.nan)
        else:
            values.append(scorer.score_multi(item.references, item.value or "")[kind].fmeasure)
    return mean_scores(values, items, metric, reasons=reasons, parameters={"stemmer": choices.stemmer})


def started_with(*packages: str) -> str:
    """The command that has this script's packages and some more."""
    return f"{run_line('score_predictions.py', *(word for name in packages for word in ('--with', name)))} ..."


def whisper_normalizer(name: str | None) -> Callable[[str], str]:
    """OpenAI's published text normalizers of Whisper, by the package whisper-normalizer; else the text as it is."""
    if name not in ("whisper", "whisper-en"):
        return lambda text: text
    try:
        from whisper_normalizer.basic import BasicTextNormalizer
        from whisper_normalizer.english import EnglishTextNormalizer
    except ImportError as error:
        raise ScriptError(f"--normalize {name}: {started_with('whisper-normalizer>=0.1.12,<0.2')}") from error
    return EnglishTextNormalizer() if name == "whisper-en" else BasicTextNormalizer()


def is_latin(text: str) -> bool:
    """Whether at least half of the letters are a to z; also where there are none."""
    letters = [c for c in text if c.isalpha()]
    return 2 * sum(c.isascii() for c in letters) >= len(letters)


def is_unspaced(text: str) -> bool:
    """Whether most letters are of a script that does not part words: Chinese, Japanese, Thai, Lao."""
    letters = [c for c in text if c.isalpha()]
    foreign = sum("\u3040" <= c <= "\u30ff" or "\u3400" <= c <= "\u9fff" or "\u0e00" <= c <= "\u0eff" for c in letters)
    return foreign * 2 > len(letters)


def unspaced_note(items: Sequence[Item], metric: Metric, other: str) -> list[str]:
    """A note where words are split at spaces and references are in a script that has none."""
    seen = items[:: max(1, len(items) // SEEN_ITEMS)]
    count = sum(any(map(is_unspaced, item.references)) for item in seen)
    if count <= MANY_UNSPACED * len(seen):
        return []
    which = "most of the references do" if 2 * count > len(seen) else f"{count} of {len(seen)} references do"
    return [f"{metric.name} splits words at spaces, which {which} not have: {other}"]


def error_counter(metric: Metric, choices: Choices) -> Callable[[str, str], tuple[int, int]]:
    """A function from reference and hypothesis to (errors, length of the reference), in words or characters."""
    import jiwer

    steps = [jiwer.ToLowerCase(), jiwer.RemovePunctuation()] if choices.normalize == "basic" else []
    steps += [jiwer.RemoveMultipleSpaces(), jiwer.Strip()]
    normalizer = whisper_normalizer(choices.normalize)
    words = metric.name == "wer"
    last = jiwer.ReduceToListOfListOfWords() if words else jiwer.ReduceToListOfListOfChars()
    transform = jiwer.Compose([*steps, last])
    process = jiwer.process_words if words else jiwer.process_characters

    def count(reference: str, hypothesis: str) -> tuple[int, int]:
        # White space of any kind separates words; jiwer alone splits at spaces and takes a no-break space for a letter.
        reference, hypothesis = (" ".join(normalizer(text).split()) for text in (reference, hypothesis))
        if not reference:
            return len(hypothesis.split() if words else hypothesis), 0
        found = process(reference, hypothesis, transform, transform)
        errors = found.substitutions + found.deletions + found.insertions
        return errors, found.hits + found.substitutions + found.deletions

    return count


def surface_of(items: Sequence[Item], metric: Metric, choices: Choices, value: float) -> tuple[dict[str, Any], list]:
    """(the score without case and punctuation, which published rates leave out, for the record; a note where much of
    the errors is that)."""
    if choices.normalize is not None:
        return {}, []
    known = [item for item in items[:SEEN_ITEMS] if item.value]
    plain, folded = (
        [
            sum(column)
            for column in zip(*(count(only_reference(item, metric), item.value) for item in known), strict=True)
        ]
        for count in (error_counter(metric, replace(choices, normalize=form)) for form in (None, "basic"))
    )
    if not known or not folded[1] or not plain[0] or not plain[1]:
        return {}, []
    rate = folded[0] / folded[1]
    details = otherwise(value * rate / (plain[0] / plain[1]), "without case and punctuation (--normalize)")
    if plain[0] - folded[0] < max(MUCH_SURFACE * plain[0], 0.01 * plain[1]):
        return details, []
    return details, [
        f"{metric.name}: case and punctuation alone make {number(1 - folded[0] / plain[0], 2)} of the errors; without "
        f"them it is {number(rate)}: --normalize basic, or whisper, as published rates mostly have it"
    ]


def score_error_rate(items: Sequence[Item], metric: Metric, choices: Choices) -> Scores:
    """All errors over all words (characters) of the references, as jiwer aligns them; an item's value is its rate."""
    import numpy as np

    count = error_counter(metric, choices)
    wanted = [only_reference(item, metric) for item in items]
    found = [
        count(reference, item.value or "")
        for item, reference in zip(choices.watch(items, metric.name.upper()), wanted, strict=True)
    ]
    features = np.array(found)
    if not features[:, 1].any():
        raise ScriptError(f"{metric.name}: all references are empty")
    empty = np.flatnonzero(features[:, 1] == 0)
    inserted = int(features[empty, 0].sum())
    # The rate of an item with an empty reference: 0, or 1 where something was said; the corpus counts each insertion.
    values = np.where(features[:, 1] > 0, features[:, 0] / np.maximum(features[:, 1], 1), features[:, 0] > 0)
    scores = corpus_scores(
        features, "ratio", float(features[:, 0].sum() / features[:, 1].sum()), values, items, metric, choices,
        parameters={"normalize": choices.normalize},
        details={"errors": int(features[:, 0].sum()), "reference_length": int(features[:, 1].sum()),
                 "empty_references": len(empty)},
        notes=unspaced_note(items, metric, "see cer") if metric.name == "wer" else [],
    )  # fmt: skip
    details, surface = surface_of(items, metric, choices, scores.value)
    notes = [*scores.notes, *surface]
    if inserted:
        notes.append(f"{metric.name}: {inserted} of the errors are answers to {len(empty)} empty references")
    return replace(scores, notes=notes, details={**scores.details, **details})
