"""Ratings and votes by people: what is said of odd raters and of what is shown first, differences with a verdict."""

from __future__ import annotations

import json
import math
import random

import benchmark_calculator
import compare_results
import leaderboard
import numpy as np
import pytest
import score_predictions as sp


def measured(name: str, rows: list[dict], **options) -> sp.Measurement:
    metric, choices = sp.parse_metric(name), sp.Choices(**{"model": "m", "draws": 400} | options)
    lines = [sp.check_line({"id": f"i{i}", **row}, {}, i) for i, row in enumerate(rows, start=1)]
    return sp.apply_metric(metric, sp.items_of(lines, metric.family, choices), choices)


def panel(raters: dict, items: int = 24, seed: int = 1, **more) -> list[dict]:
    """Ratings of some items on 1 to 5: each rater is a function of (true quality, generator)."""
    rng = random.Random(seed)
    quality = [rng.uniform(1, 5) for _ in range(items)]
    return [
        {"item": f"u{i}", "rater": name, "rating": rate(q, rng)} | {key: value(name) for key, value in more.items()}
        for i, q in enumerate(quality)
        for name, rate in raters.items()
    ]


def usual(q: float, rng: random.Random) -> int:
    return min(5, max(1, round(q + rng.gauss(0, 0.6))))


RATERS = {f"r{i}": usual for i in range(6)}


def test_ordinary_raters_are_not_odd():
    seeds = range(30)
    assert sum(bool(measured("mos", panel(RATERS, seed=seed)).scores.notes) for seed in seeds) <= 2


@pytest.mark.parametrize(
    ("name", "rate", "words"),
    [
        ("flat", lambda q, rng: 4, "rater flat gave 4.00 in all 24 ratings"),
        ("back", lambda q, rng: 6 - usual(q, rng), "rater back orders against the others"),
        ("half", lambda q, rng: 3 + usual(q, rng) // 2, "rater half used 3.00 to 5.00 of 1 to 5 alone"),
    ],
)
def test_odd_raters_are_named_and_left_out_on_request_only(name, rate, words):
    rows = panel(RATERS | {name: rate})
    found = measured("mos", rows).scores
    assert [note for note in found.notes if words in note], found.notes
    assert found.value == pytest.approx(np.mean([row["rating"] for row in rows]))
    without = measured("mos", rows, without_raters=frozenset({name})).scores
    assert without.value == pytest.approx(np.mean([row["rating"] for row in rows if row["rater"] != name]))
    assert without.parameters["without_raters"] == name and not without.notes
    with pytest.raises(sp.ScriptError, match="nobody is called nemo"):
        measured("mos", rows, without_raters=frozenset({"nemo"}))


def test_a_hasty_rater_is_named():
    rows = panel(RATERS, seconds=lambda name: 1.5 if name == "r3" else 9)
    assert [note for note in measured("mos", rows).scores.notes if "rater r3 took 1.5 s" in note]


def test_mos_shows_all_systems_with_intervals():
    rows = [row | {"system": s} for s in ("A", "B") for row in panel(RATERS, seed=ord(s))]
    found = measured("mos", rows, system="B").scores
    assert [row["name"] for row in found.breakdown] == ["A", "B"]
    own = next(row for row in found.breakdown if row["name"] == "B")
    assert own["score"] == pytest.approx(found.value) and own["low"] == pytest.approx(found.spread.low)


def arena(strengths: dict[str, float], votes: int, bias: float, seed: int, orders: str = "both") -> list[dict]:
    rng, names, rows = random.Random(seed), list(strengths), []
    for _ in range(votes):
        a, b = rng.sample(names, 2)
        if orders == "one" and a > b:
            a, b = b, a
        p = 1 / (1 + math.exp(strengths[b] - strengths[a] - bias))
        rows.append({"a": a, "b": b, "winner": "a" if rng.random() < p else "b"})
    return rows


def test_a_bias_for_the_first_is_estimated_and_warned_of():
    biased = measured("win-rate", arena({"m": 0.5, "x": 0, "y": -0.5}, 3000, 0.6, 1)).scores
    assert biased.details["first_wins"] == pytest.approx(1 / (1 + math.exp(-0.6)), abs=0.03)
    assert "what is shown first wins" in biased.notes[0]
    fair = [measured("win-rate", arena({"m": 1.5, "x": 0, "y": -1}, 800, 0, seed)).scores for seed in range(40)]
    held = [one.details["first_wins_low"] <= 0.5 <= one.details["first_wins_high"] for one in fair]
    assert sum(held) >= 36
    single = measured("win-rate", arena({"m": 1, "x": 0}, 100, 0, 1, "one")).scores
    assert "in one order only" in single.notes[0] and "first_wins" not in single.details


def test_differences_of_ratings_have_a_verdict():
    found = measured("bradley-terry", arena({"m": 0.8, "weak": -1, "even": 0.8}, 1500, 0, 2)).scores
    rows = {row["name"]: row for row in found.breakdown}
    assert rows["weak"]["is"] == "worse" and rows["weak"]["difference_high"] < 0
    assert rows["even"]["is"] == "not told apart"
    assert rows["even"]["difference_low"] < rows["even"]["difference"] < rows["even"]["difference_high"]
    assert rows["m"]["is"] == "the scored one"


def heard(rng: random.Random, sentences: int = 24, raters: int = 5) -> list[dict]:
    """Votes on two equal voices, of which one or the other is better on a sentence."""
    lean = [rng.gauss(0, 1.5) for _ in range(sentences)]
    return [
        {
            "a": "m",
            "b": "x",
            "group": f"s{s}",
            "rater": f"r{r}",
            "winner": "ab"[rng.random() > 1 / (1 + math.exp(-own))],
        }
        for s, own in enumerate(lean)
        for r in range(raters)
    ]


def test_equal_voices_are_not_told_apart_by_the_sentences():
    """At most 5 % wrong verdicts, plus three Monte-Carlo errors, where sentences and raters are shared."""
    rng, files, wrong = random.Random(6), 60, 0
    for _ in range(files):
        rows = heard(rng)
        found = measured("bradley-terry", rows).scores
        single = [{name: row[name] for name in ("a", "b", "winner")} for row in rows]
        alone = measured("bradley-terry", single).scores.spread
        assert found.spread.standard_error >= 0.999 * alone.standard_error
        assert found.spread.method == "sandwich of the joint model, Student t, 24 x 5 clusters"
        wrong += next(row["is"] for row in found.breakdown if row["name"] == "x") != "not told apart"
    assert wrong / files <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / files)


def test_raters_of_one_mind_do_not_make_a_voice_better_and_a_real_gap_is_told():
    rows = [
        {"a": "m", "b": "x", "group": f"s{s}", "rater": f"r{r}", "winner": "a" if (s + r) % 10 else "b"}
        for s in range(24)
        for r in range(5)
    ]
    found = measured("bradley-terry", rows).scores
    assert next(row["is"] for row in found.breakdown if row["name"] == "x") == "worse" and found.spread.low > 0
    few = [row for row in rows if row["rater"] in ("r0", "r1")]
    spread = measured("bradley-terry", few).scores.spread
    assert spread.low is None or spread.high - spread.low > 2 * (found.spread.high - found.spread.low)


def test_a_model_of_two_votes_does_not_take_the_others_intervals():
    rows = arena({"m": 0.5, "x": 0.0, "y": -0.5}, 900, 0, 3)
    before = {row["name"]: row for row in measured("bradley-terry", rows, anchor="x").scores.breakdown}
    rows += [{"a": "new", "b": "x", "winner": "a"}, {"a": "y", "b": "new", "winner": "a"}]
    after = {row["name"]: row for row in measured("bradley-terry", rows, anchor="x").scores.breakdown}
    assert after["new"]["high"] - after["new"]["low"] > 5 and after["new"]["is"] == "not told apart"
    for name in ("m", "y"):
        widths = [row[name]["high"] - row[name]["low"] for row in (before, after)]
        assert widths[0] == pytest.approx(widths[1], rel=0.1)
    assert after["y"]["is"] == "worse"


def test_what_is_found_goes_into_record_and_table(tmp_path, capsys):
    path = tmp_path / "votes.jsonl"
    rows = arena({"me/m": 0.5, "x": 0.0}, 300, 0.8, 4)
    path.write_text("".join(json.dumps({"id": f"v{i}", **row}) + "\n" for i, row in enumerate(rows)))
    words = ["--metric", "bradley-terry", "--model-id", "me/m", "--benchmark", "arena", "--output-dir", str(tmp_path)]
    assert sp.main([str(path), *words]) == 0
    captured = capsys.readouterr()
    assert "what is shown first wins" in captured.err and "| the scored one |" in captured.out
    record = json.loads(next((tmp_path / "data").rglob("*.json")).read_text())
    assert float(record["evaluation_results"][0]["score_details"]["details"]["first_wins"]) > 0.55


def test_figures_show_systems_ratings_votes_and_ranks(tmp_path):
    rows = [row | {"system": s} for s in ("A", "B") for row in panel(RATERS, seed=ord(s))]
    found = measured("mos", rows, system="B")
    figure = sp.draw_ratings(found, "m on k")
    left, right = figure.axes
    assert {label.get_text() for label in left.get_yticklabels()} == {"A", "B"}
    assert sum(bar.get_height() for bar in right.patches) == len(rows) / 2
    votes = arena({"m": 0.8, "weak": -1, "even": 0.8}, 600, 0, 2)
    bt = measured("bradley-terry", votes)
    lines = [sp.check_line({"id": f"i{i}", **row}, {}, i) for i, row in enumerate(votes)]
    items = sp.items_of(lines, "votes", sp.Choices())
    matrix, ranks = sp.draw_votes(bt, "m on k", items).axes[:2]
    table = np.asarray(matrix.images[0].get_array().filled(np.nan))
    assert table.shape == (3, 3) and np.allclose((table + table.T)[~np.eye(3, dtype=bool)], 1)
    assert ranks.get_yticklabels()[0].get_text() == "weak"
    for suffix, start in ((".png", b"\x89PNG"), (".svg", b"<?xml")):
        once = sp.figure_bytes(bt, "m on k", suffix, items)
        assert once.startswith(start) and once == sp.figure_bytes(bt, "m on k", suffix, items)


def test_votes_break_down_by_judge(tmp_path, capsys):
    """A gain with one judge and a loss with the other: each part is of that judge alone."""
    rng, shares = np.random.default_rng(3), {}
    for model, chance in (("old", {"gpt": 0.5, "human": 0.5}), ("new", {"gpt": 0.95, "human": 0.1})):
        won = {judge: rng.random(150) < p for judge, p in chance.items()}
        shares[model] = {judge: own.mean() for judge, own in won.items()}
        rows = [
            {"id": f"p{i}-{judge}", "model_a": model, "model_b": "base", "winner": "ab"[1 - own[i]], "judge": judge}
            for judge, own in won.items()
            for i in range(150)
        ]
        path = tmp_path / f"{model}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        words = ["--metric", "win-rate", "--system", model, "--model-id", f"me/{model}", "--benchmark", "arena"]
        assert sp.main([str(path), *words, "--output-dir", str(tmp_path / "results")]) == 0
    capsys.readouterr()
    words = ["--baseline", "me/old", "--candidate", "me/new", "--results", str(tmp_path / "results"), "--by", "judge"]
    assert compare_results.main([*words, "--json"]) == 1
    rows = {row["by"]: row for row in json.loads(capsys.readouterr().out)["benchmarks"]}
    for judge, verdict in (("gpt", "GO"), ("human", "NO-GO")):
        row = rows[f"judge={judge}"]
        assert row["verdict"] == verdict
        assert row["delta"] == pytest.approx(shares["new"][judge] - shares["old"][judge])


@pytest.mark.parametrize(("judges", "told"), [(3, True), (40, False)])
def test_votes_of_few_raters_say_what_they_are_counted_by(tmp_path, capsys, judges, told):
    rng, path = np.random.default_rng(4), tmp_path / "votes.csv"
    lines = [f"p{i // 2},j{i % judges},new,base,{rng.choice(['model_a', 'model_b'])}" for i in range(200)]
    path.write_text("\n".join(["prompt_id,judge,model_a,model_b,winner", *lines]) + "\n", encoding="utf-8")
    words = [str(path), "--metric", "win-rate", "--model-id", "me/new", "--system", "new", "--benchmark", "arena"]
    assert sp.main([*words, "--dry-run"]) == 0
    said = capsys.readouterr().err
    assert ("the votes of one judge count together: 3 clusters" in said) is told
    assert ("--map rater=prompt_id" in said) is told
    assert sp.main([*words, "--dry-run", "--map", "rater=prompt_id"]) == 0
    assert "count together" not in capsys.readouterr().err


def heard_twice(metric: str) -> list[dict]:
    """One file about two systems, of which B is better by far, and the hidden reference where there is one."""
    rng, rows = random.Random(9), []
    for item in range(30):
        for rater in range(6):
            for system, gain in (("A", 0), ("B", 1), ("reference", 9)):
                own = {"id": f"i{item}-{rater}-{system}", "item": f"i{item}", "rater": f"r{rater}"}
                rating = min(5, max(1, round(3 + gain + rng.gauss(0, 0.5))))
                rows.append(own | {"system": system, "rating": rating * 20 if metric == "mushra" else rating})
    return [row for row in rows if metric == "mushra" or row["system"] != "reference"]


def scored(folder, metric: str, system: str, *more: str, model: str = "") -> None:
    (folder / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in heard_twice(metric)))
    words = [str(folder / "all.jsonl"), "--metric", metric, "--system", system, "--benchmark", "voices", *more]
    assert sp.main([*words, "--model-id", model or f"me/{system}", "--output-dir", str(folder / "results")]) == 0


@pytest.mark.parametrize("metric", ["mos", "mushra"])
@pytest.mark.parametrize("old", [False, True])
def test_two_systems_of_one_file_are_compared(tmp_path, capsys, metric, old):
    """Whose ratings were scored is no setting, in records of old either (with the name in the text of the scoring)."""
    for system in "AB":
        scored(tmp_path, metric, system)
    for path in [p for p in (tmp_path / "results").rglob("*.json") if old]:
        details = (record := json.loads(path.read_text()))["evaluation_results"][0]["generation_config"]
        parameters = record["evaluation_results"][0]["metric_config"].get("metric_parameters", {})
        assert metric != "mos" or parameters["system"] == path.parent.name
        details["additional_details"]["scoring"] = json.dumps(parameters, sort_keys=True)
        path.write_text(json.dumps(record))
    capsys.readouterr()
    words = ["--rule", "choose", "--candidate", "A", "B", "--results", str(tmp_path / "results")]
    assert compare_results.main(words) == 0
    assert "BETTER: me/B" in capsys.readouterr().out


def test_a_choice_of_several_by_votes_says_the_ranks_of_all(tmp_path, capsys):
    """From the tests of all pairs: who is best, and who may be second or third."""
    strength, rng = {"best": 3.0, "one": 1.0, "other": 1.0, "last": -1.0}, random.Random(3)
    lines = []
    for number in range(1200):
        a, b = rng.sample(sorted(strength), 2)
        won = a if rng.random() < 1 / (1 + math.exp(strength[b] - strength[a])) else b
        lines.append(f"v{number},{a},{b},{'model_a' if won == a else 'model_b'}")
    (path := tmp_path / "votes.csv").write_text("\n".join(["id,model_a,model_b,winner", *lines]) + "\n")
    for name in strength:
        words = ["--metric", "bradley-terry", "--system", name, "--benchmark", "arena", "--model-id", f"me/{name}"]
        assert sp.main([str(path), *words, "--output-dir", str(tmp_path / "results")]) == 0
    capsys.readouterr()
    words = ["--rule", "choose", "--results", str(tmp_path / "results"), "--candidate", *strength]
    compare_results.main(words)
    out = capsys.readouterr().out
    assert "- ranks on arena: me/best 1, me/one 2–3, me/other 2–3, me/last 4" in out
    compare_results.main([*words, "--json"])
    ((ranks),) = json.loads(capsys.readouterr().out)["ranks"]
    assert ranks["ranks"] == {"me/best": [1, 1], "me/one": [2, 3], "me/other": [2, 3], "me/last": [4, 4]}


def test_other_scoring_of_two_systems_is_told_where_it_differs(tmp_path, capsys):
    scored(tmp_path, "mushra", "A")
    scored(tmp_path, "mushra", "B", "--mid-anchor", "A")
    scored(tmp_path, "mos", "A", model="me/C")
    scored(tmp_path, "mos", "B", "--rating-range", "1,7", "--without-raters", "r5", model="me/D")
    capsys.readouterr()
    words = ["--rule", "choose", "--results", str(tmp_path / "results"), "--candidate"]
    assert compare_results.main([*words, "A", "B"]) == 3
    assert "mid_anchor" in (out := capsys.readouterr().out) and "not comparable" in out
    assert compare_results.main([*words, "C", "D"]) == 3
    out = capsys.readouterr().out
    assert "at most 5" in out and "at most 7" in out and "not comparable" in out


def test_a_choice_names_its_models(tmp_path, capsys):
    """Neither of two models is a baseline: what is said of one side is said of it by its name; a part has its own
    counts, and what is counted of the whole says so."""
    for model, texts in (("me/x", [*["a b"] * 58, "", ""]), ("me/y", ["a b", "c x"] * 30)):
        rows = [{"id": f"{i}", "prediction": text or None, "reference": "a b"} for i, text in enumerate(texts)]
        rows = [row | {"lang": "pq"[i % 2]} for i, row in enumerate(rows)]
        (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        words = [str(tmp_path / "p.jsonl"), "--metric", "exact-match", "--benchmark", "turns", "--model-id", model]
        assert sp.main([*words, "--output-dir", str(tmp_path / "results")]) == 0
    capsys.readouterr()
    words = ["--rule", "choose", "--candidate", "x", "y", "--results", str(tmp_path / "results"), "--by", "lang"]
    assert compare_results.main(words) in (0, 3)
    out = capsys.readouterr().out
    assert "baseline" not in out and "candidate" not in out
    whole, *parts = (line for line in out.splitlines() if line.startswith("| turns"))
    assert "me/x: 2 of 60 answers unparsed;" in whole and "2 items could not be scored" in whole and len(parts) == 2
    for line in parts:
        assert "me/x: 1 of 30 answers unparsed;" in line and "1 item could not be scored" in line


def test_a_part_without_a_loss_is_not_refused_for_those_of_another(tmp_path, capsys):
    """Half of the German answers are lost and no French one: the whole and German are refused, French has a verdict."""
    rng = random.Random(8)
    for model, share in (("old", 0.4), ("new", 0.75)):
        rows = [
            {"id": f"{i}", "prediction": "ab"[rng.random() > share], "reference": "a", "lang": "fr" if i % 4 else "de"}
            for i in range(400)
        ]
        rows = [r | {"prediction": None} if model == "new" and int(r["id"]) % 8 == 4 else r for r in rows]
        (tmp_path / "p.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        words = [str(tmp_path / "p.jsonl"), "--metric", "exact-match", "--benchmark", "turns"]
        assert sp.main([*words, "--model-id", f"me/{model}", "--output-dir", str(tmp_path / "results")]) in (0, 3)
    capsys.readouterr()
    words = [
        "--baseline",
        "old",
        "--candidate",
        "new",
        "--results",
        str(tmp_path / "results"),
        "--by",
        "lang",
        "--json",
    ]
    compare_results.main(words)
    rows = {row["by"]: row for row in json.loads(capsys.readouterr().out)["benchmarks"]}
    assert rows[None]["verdict"] == rows["lang=de"]["verdict"] == "NOT COMPARABLE"
    assert rows["lang=fr"]["verdict"] == "GO" and "answers" not in " ".join(rows["lang=fr"]["notes"])
    assert "50 of 100 answers" in " ".join(rows["lang=de"]["notes"])


def test_one_name_of_two_systems_is_asked(tmp_path, capsys):
    """Two systems under one model's id are two things: neither is taken for it silently."""
    for system, model in (("A", "me/one"), ("A", "me/both"), ("B", "me/both")):
        scored(tmp_path, "mos", system, model=model)
    capsys.readouterr()
    words = ["--baseline", "me/one", "--candidate", "me/both", "--results", str(tmp_path / "results")]
    assert compare_results.main(words) in (2, 3)
    assert "scored system" in capsys.readouterr().err


def test_a_metric_alone_names_the_one_result_that_has_it(tmp_path, capsys):
    for system in "AB":
        scored(tmp_path, "mos,krippendorff", system, "--level", "ordinal")
    capsys.readouterr()
    words = ["--rule", "choose", "--candidate", "A", "B", "--results", str(tmp_path / "results"), "--result-id"]
    assert compare_results.main([*words, "mos"]) == 0
    assert "voices/mos" in capsys.readouterr().err
    assert compare_results.main([*words, "chrf"]) == 2
    words = ["--rule", "select", "--baseline", "A", "--candidate", "B", "--results", str(tmp_path / "results")]
    assert compare_results.main([*words, "--result-id", "voices/mos"]) == 2
    assert "min_better: 1" in capsys.readouterr().err


def test_which_system_of_a_file_was_scored_is_no_way_of_measuring(tmp_path, capsys):
    for system in "AB":
        scored(tmp_path, "mos", system)
    board = str(tmp_path / "board")
    assert leaderboard.main(["collect", "--results", str(tmp_path / "results"), "--output-dir", board]) == 0
    capsys.readouterr()
    assert leaderboard.main(["show", "--data", board, "--benchmark", "voices"]) == 0
    told = capsys.readouterr().out
    assert "me/B leads" in told and "alike" not in told.lower()


def test_scores_that_are_not_compared_are_the_records_own(tmp_path, capsys):
    """An agreement is no mean of its items: where two are not compared, the table has what the records say."""
    for system in "AB":
        scored(tmp_path, "mos,krippendorff", system, "--level", "ordinal")
    said = {}
    for path in (tmp_path / "results").rglob("*.json"):
        record = json.loads(path.read_text())
        rows = {
            row["metric_config"]["metric_id"]: row["score_details"]["score"] for row in record["evaluation_results"]
        }
        said[record["model_info"]["id"]] = rows["krippendorff_alpha"]
    capsys.readouterr()
    words = ["--baseline", "A", "--candidate", "B", "--results", str(tmp_path / "results"), "--metric", "krippendorff"]
    assert compare_results.main([*words, "--json"]) == 3
    (row,) = [own for own in json.loads(capsys.readouterr().out)["benchmarks"] if own["verdict"] == "NOT COMPARABLE"]
    assert [row["baseline"]["score"], row["score"]["score"]] == pytest.approx([said["me/A"], said["me/B"]])


def test_paired_ratings_are_known_as_well_as_raters_and_items_tell():
    """The interval of two systems' difference by 12 raters on 20 items is hardly wider than one that knows how far such
    means scatter, holds the truth, and is cautious where the ratings tell nothing of what others would say."""
    rng, sets = np.random.default_rng(5), 300
    item, rater = (own.ravel() for own in np.meshgrid(range(20), range(12), indexing="ij"))
    found = []
    for _ in range(sets):
        shift = 0.2 * rng.standard_normal(12)[rater] + 0.3 * rng.standard_normal(20)[item]
        one, two = (np.clip(np.rint(3.4 + own + rng.standard_normal(240) / 2), 1, 5) for own in (shift / 2, -shift / 2))
        found.append(
            (np.mean(one - two), *compare_results.paired_difference(one - two, [item, rater], 4.0).interval(0.05))
        )
    means, lows, highs = np.array(found).T
    known = 2 * 1.96 * means.std()
    assert np.mean(highs - lows) < 1.25 * known
    held = np.mean((lows <= means.mean()) & (means.mean() <= highs))
    assert abs(held - 0.95) <= 3 * math.sqrt(0.95 * 0.05 / sets)
    for same in (np.ones(240), np.where(np.arange(240) == 7, 2.0, 1.0), np.where(np.arange(240) < 5, 1.0, 0.0)):
        low, high = compare_results.paired_difference(same, [item, rater], 4.0).interval(0.05)
        assert high - low > 0.2


def one_file(strengths: dict[str, float], prompts: int, seed: int) -> list[dict]:
    """Votes of three judges on every pair of some models, on prompts that are kinder to one or the other."""
    rng, names, rows = random.Random(seed), list(strengths), []
    for p in range(prompts):
        worth = {name: strength + rng.gauss(0, 0.8) for name, strength in strengths.items()}
        for j in range(3):
            for a, b in ((a, b) for a in names for b in names if a < b):
                chance = 1 / (1 + math.exp(worth[b] - worth[a]))
                rows.append({"a": a, "b": b, "winner": "ab"[rng.random() > chance], "group": f"p{p}", "judge": f"j{j}"})
    return rows


@pytest.mark.parametrize("metric", ["win-rate", "bradley-terry"])
def test_scores_of_one_file_of_votes_differ_as_their_votes_say(metric):
    """The error of a gap is how far such gaps scatter; equal models are hardly ever told apart."""
    gaps, z = [], []
    for seed in range(60):
        rows = one_file({"m": 0.4, "x": 0.4, "base": 0.0}, 40, seed)
        rows = [{name: value for name, value in row.items() if name != "judge"} for row in rows]
        gap, error, freedom, _ = json.loads(measured(metric, rows).scores.details["gaps"])["x"]
        gaps.append((gap, error))
        z.append(abs(gap) > error * sp.critical_value(0.025, freedom))
    found, errors = np.array(gaps).T
    assert errors.mean() == pytest.approx(found.std(), rel=0.3)
    assert sum(z) <= 60 * 0.05 + 3 * math.sqrt(60 * 0.05 * 0.95)


def test_models_of_one_file_of_votes_are_compared_and_chosen_among(tmp_path, capsys):
    path, checkpoints = tmp_path / "votes.jsonl", tmp_path / "run"
    rows = one_file({"good": 1.0, "even": 0.0, "base": 0.0}, 80, 5)
    rows += [
        {"a": "lone", "b": "base", "winner": "ab"[i % 2], "group": f"p{i}", "judge": f"j{i % 3}"} for i in range(80)
    ]
    path.write_text("".join(json.dumps({"id": f"v{i}", **row}) + "\n" for i, row in enumerate(rows)))
    for step, system in ((100, "even"), (200, "good"), (300, "base"), (400, "lone")):
        folder = checkpoints / f"step_{step}"
        folder.mkdir(parents=True)
        (folder / "config.json").write_text('{"model_type": "gpt2"}')
        (folder / "pytorch_model.bin").write_bytes(bytes([step % 251]) * 64)
        for metric in ("win-rate", "bradley-terry"):
            words = [str(path), "--metric", metric, "--system", system, "--model", str(folder)]
            words += ["--benchmark", f"arena_{metric[:3]}", "--output-dir", str(tmp_path / "results")]
            assert sp.main(words) == 0
    capsys.readouterr()
    policy = tmp_path / "policy.yaml"
    policy.write_text('benchmarks: {arena_bra: {max_drop: "0.1 logits"}}\n')
    words = ["--results", str(tmp_path / "results"), "--policy", str(policy), "--json", "--baseline"]
    assert compare_results.main([*words, "step_100", "--candidate", "step_200"]) == 0
    for row in json.loads(capsys.readouterr().out)["benchmarks"]:
        assert row["verdict"] == "GO" and 0 < row["interval_95"][0] < row["delta"] < row["interval_95"][1]
    assert compare_results.main([*words, "step_300", "--candidate", "step_400"]) == 3
    rows = {row["benchmark"]: row for row in json.loads(capsys.readouterr().out)["benchmarks"]}
    assert rows["arena_win"]["verdict"] == "NOT COMPARABLE" and rows["arena_bra"]["verdict"] != "NOT COMPARABLE"
    assert "unlike opponents" in json.dumps(rows["arena_win"])
    words = [str(checkpoints), "--results", str(tmp_path / "results"), "--json", "--benchmarks"]
    assert benchmark_calculator.main([*words, "arena_bra"]) == 0
    out = json.loads(capsys.readouterr().out)
    assert out["best"]["name"] == "step_200" and "by the same votes" in json.dumps(out)


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize(
    "names", [("prompt_id", "annotator"), ("question_id", "rater"), ("Prompt ID", "judge_id"), ("item_id", "user")]
)
def test_what_votes_share_is_known_by_usual_names(tmp_path, capsys, names, suffix):
    rng = random.Random(4)
    rows = [
        {names[0]: f"p{p}", names[1]: f"j{j}", "a": "x", "b": "y", "winner": rng.choice(["a", "b", "both bad"])}
        for p in range(30)
        for j in range(5)
    ]
    found = []
    for own in (names, ("group", "rater")):
        path = tmp_path / f"{own[0]}{suffix}"
        said = [dict(zip((*own, "a", "b", "winner"), row.values(), strict=True)) for row in rows]
        if suffix == ".csv":
            path.write_text("\n".join([",".join(said[0]), *(",".join(row.values()) for row in said)]) + "\n")
        else:
            path.write_text("".join(json.dumps(row) + "\n" for row in said))
        words = [str(path), "--metric", "win-rate", "--system", "x", "--model-id", "me/x", "--benchmark", "b"]
        assert sp.main([*words, "--json", "--dry-run"]) == 0
        out, err = capsys.readouterr()
        found.append([json.loads(out)["scores"][0][name] for name in ("score", "standard_error", "interval")])
        assert "count nowhere" not in err
    assert found[0] == found[1]


def test_columns_of_votes_that_count_nowhere_are_named(tmp_path, capsys):
    path = tmp_path / "v.csv"
    lines = [f"x,y,{'ab'[i % 3 == 0]},clinic {i % 6},{i}" for i in range(60)]
    path.write_text("\n".join(["a,b,winner,site,remark", *lines]) + "\n")
    words = [str(path), "--metric", "win-rate", "--system", "x", "--model-id", "me/x", "--benchmark", "b", "--dry-run"]
    assert sp.main(words) == 0
    assert "count nowhere: site; if votes share them: --map group=site or --map rater=site" in capsys.readouterr().err
    assert sp.main([*words, "--map", "group=site", "rater=none"]) == 0
    assert "count nowhere" not in capsys.readouterr().err


@pytest.mark.parametrize(("opponent", "code"), [("gpt2", 3), ("gpt4", 0)])
def test_win_rates_against_other_opponents_are_not_compared(tmp_path, capsys, opponent, code):
    """Nine of ten won against a weak model, three of ten against a strong one: no gain."""
    for model, met, won in (("old", "gpt4", 3), ("new", opponent, 9)):
        votes = [{"id": f"q{i}", "a": model, "b": met, "winner": "a" if i % 10 < won else "b"} for i in range(200)]
        path = tmp_path / f"{model}.jsonl"
        path.write_text("".join(json.dumps(vote) + "\n" for vote in votes))
        words = ["--metric", "win-rate", "--system", model, "--model-id", f"me/{model}", "--benchmark", "my_arena"]
        assert sp.main([str(path), *words, "--output-dir", str(tmp_path / "out")]) == 0
    out, board = str(tmp_path / "out"), str(tmp_path / "board")
    capsys.readouterr()
    assert compare_results.main(["--baseline", "old", "--candidate", "new", "--results", out]) == code
    assert ("opponents: gpt4 and gpt2" in capsys.readouterr().out) is (code == 3)
    assert leaderboard.main(["collect", "--results", out, "--output-dir", board]) == 0
    capsys.readouterr()
    assert leaderboard.main(["show", "--data", board]) == 0
    assert ("not measured alike: my_arena (against" in capsys.readouterr().out) is (code == 3)
